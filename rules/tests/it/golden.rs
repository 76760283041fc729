//! What a person sees: `tests/cases/NAME.yml` and, beside it, the expected report `NAME.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p borzoi-rules golden` rewrites the reports; read the difference.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use borzoi_rules::{Loader, describe};

#[test]
fn reports_read_as_recorded() {
    let folder = Path::new("tests/cases");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    names.sort();
    assert!(names.len() >= 8, "the cases are gone");
    let mut differing = Vec::new();
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let report = render(&name, &text);
        let golden = path.with_extension("txt");
        if update {
            fs::write(&golden, &report).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != report {
            differing.push(format!("--- {name}\n{report}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn render(name: &str, text: &str) -> String {
    let report = Loader::new().load_text(name, text);
    let mut out = String::new();
    for problem in &report.problems {
        writeln!(out, "{problem}").unwrap();
    }
    for rule in &report.detections {
        writeln!(out, "rule {}", rule.meta.title).unwrap();
        for search in &rule.searches {
            writeln!(out, "  {}: {}", search.name, search.expression).unwrap();
        }
        for condition in &rule.conditions {
            writeln!(out, "  when {}", describe::condition(condition, &rule.searches)).unwrap();
        }
        if !rule.waiting_for.is_empty() {
            writeln!(out, "  waits for {}", rule.waiting_for.join(", ")).unwrap();
        }
    }
    for rule in &report.correlations {
        writeln!(
            out,
            "correlation {} over {}",
            rule.meta.title,
            rule.rules.join(", ")
        )
        .unwrap();
    }
    writeln!(out, "{}", serde_json::to_string(&report.counts).unwrap()).unwrap();
    out
}
