//! What the fuzz targets do with a text. Each panics if something that must always hold does not.
//!
//! Apart from the targets so that `tests/it/fuzz_smoke.rs` and `tests/it/random.rs` run the same code with
//! the stable toolchain.

use std::path::Path;

use borzoi_rules::ir::Pattern;
use borzoi_rules::{Loader, Placeholders, describe, pack_tests};

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
    let loaded = counts.detections + counts.correlations + counts.filters;
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
