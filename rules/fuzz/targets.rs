//! What the fuzz targets do with a text. Each panics if something that must always hold does not.
//!
//! Apart from the targets so that `tests/it/fuzz_smoke.rs` and `tests/it/random.rs` run the same code with
//! the stable toolchain.

use std::path::Path;

use borzoi_rules::eql::{self, Body, Settings, SyntaxError};
use borzoi_rules::ir::Pattern;
use borzoi_rules::{Loader, Placeholders, describe, kql, pack_tests};

/// Any text is loaded without a panic, nothing of it disappears, and every problem and rule can be printed.
pub fn load(text: &str) {
    let report = Loader::new().load_text("fuzz.yml", text);
    let counts = report.counts;
    for problem in &report.problems {
        assert!(!problem.to_string().is_empty());
        assert!(
            problem.location.line <= text.lines().count() + 1,
            "a place past the end: {problem}"
        );
    }
    let loaded = counts.detections + counts.correlations + counts.filters + counts.queries + counts.sql;
    // What is no rule is a failure (an empty text is one, too).
    assert!(loaded + counts.failed >= counts.documents, "{counts:?}");
    assert_eq!(
        counts.failed > 0,
        report.errors().count() > 0,
        "{counts:?} {:?}",
        report.problems
    );
    for rule in &report.detections {
        for search in &rule.searches {
            assert!(!search.expression.to_string().is_empty());
        }
        for condition in &rule.conditions {
            assert!(!describe::condition(condition, &rule.searches).is_empty());
        }
    }
}

/// A printed pattern reads back as itself.
pub fn pattern(text: &str) {
    let pattern = Pattern::parse(text, false);
    assert_eq!(Pattern::parse(&pattern.to_string(), false), pattern);
}

/// Values of placeholders and test events are read without a panic, and every fault can be printed.
pub fn side_files(text: &str) {
    if let Err(error) = Placeholders::parse(text) {
        assert!(!error.to_string().is_empty());
    }
    let tests = pack_tests::parse(Path::new("fuzz.test.ndjson"), text);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let refused = tests.problems.iter().filter(|problem| problem.location.line > 0);
    assert_eq!(tests.cases.len() + refused.count(), lines);
    for problem in &tests.problems {
        assert!(!problem.to_string().is_empty());
    }
}

/// A query of either language is read, evaluated and lowered without a panic; a mistake stands in the text.
pub fn query(text: &str) {
    match kql::parse(text) {
        Ok(condition) => condition_of(&condition),
        Err(error) => mistake(text, &error),
    }
    match eql::parse(text) {
        Ok(query) => {
            let numbers: Vec<usize> = query.subqueries().iter().map(|subquery| subquery.id).collect();
            assert!(numbers.iter().copied().eq(0..numbers.len()), "{numbers:?}");
            match &query.body {
                Body::Event(query) => condition_of(&query.condition),
                Body::Sequence(sequence) | Body::Join(sequence) | Body::Sample(sequence) => {
                    for step in sequence.steps.iter().chain(&sequence.until) {
                        condition_of(&step.query.condition);
                        assert_eq!(step.by.len(), sequence.steps[0].by.len());
                    }
                }
            }
            let rows = vec![event(), event()];
            let options = eql::pipes::Options::default();
            assert!(eql::pipes::run(&query.pipes, rows, &options).is_ok());
        }
        Err(error) => mistake(text, &error),
    }
}

fn event() -> serde_json::Map<String, serde_json::Value> {
    let text = r#"{"a": "x", "b": ["x", 3, null], "pid": 7, "n": {"x": [{"y": 1}, "z"]}, "process": {"name": "a*"}}"#;
    serde_json::from_str(text).unwrap_or_default()
}

fn condition_of(condition: &eql::Expr) {
    let event = event();
    for cased in [false, true] {
        let settings = Settings { cased };
        condition.holds(&event, &settings);
        condition.eval(&event, &settings);
        let (lowered, _) = eql::lower(condition, &settings);
        assert!(!lowered.to_string().is_empty());
    }
    for field in condition.fields() {
        assert!(!field.to_string().is_empty());
    }
}

fn mistake(text: &str, error: &SyntaxError) {
    assert!(!error.message.is_empty());
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&error.line), "a place past the end: {error}");
    let line = text.split('\n').nth(error.line - 1).unwrap_or("");
    assert!(
        (1..=line.chars().count() + 1).contains(&error.column),
        "a place past the end: {error}"
    );
}
