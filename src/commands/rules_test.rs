//! `borzoi rules test`: run the test events beside rules.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borzoi_engine::rule_tests::{Outcome, SeveralEvents, TestedRules};
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::Placeholders;
use borzoi_rules::ir::DetectionRule;
use borzoi_rules::pack_tests::{self, TestFile};

use super::load;
use crate::exit::{Exit, Failure};
use crate::ui::style;

/// Runs the command.
pub fn run(paths: &[PathBuf], catalog: Arc<Catalog>) -> Result<Exit, Failure> {
    let report = load::rules(paths, Placeholders::default());
    load::show_errors(&report);
    load::some_file(&report)?;
    let mut failed = report.errors().count();
    let mut by_file: BTreeMap<&Path, Vec<Arc<DetectionRule>>> = BTreeMap::new();
    let several = report.correlations.iter().map(|rule| &rule.meta);
    for meta in several.chain(report.queries.iter().map(|rule| &rule.meta)) {
        by_file.entry(&meta.location.path).or_default();
    }
    for rule in &report.detections {
        by_file
            .entry(&rule.meta.location.path)
            .or_default()
            .push(rule.clone());
    }
    // The last rule of a file is the one that the others stand for.
    let titles: BTreeMap<&Path, &str> = report
        .summaries()
        .map(|rule| (rule.meta.location.path.as_path(), &*rule.meta.title))
        .collect();
    let mut out = super::stdout();
    let (mut passed, mut untested) = (0, Vec::new());
    for (file, rules) in &by_file {
        let Some(tests) = tests_of(file, paths.is_empty()) else {
            untested.push(*file);
            continue;
        };
        for problem in &tests.problems {
            failed += 1;
            writeln!(out, "{problem}")?;
        }
        let several = SeveralEvents::of_file(file, &report);
        // Beside a rule over several events, those that it reads need not fire by themselves.
        let fires = |rule: &&Arc<DetectionRule>| {
            several.is_empty() || !report.referenced_only.contains(&rule.meta.id)
        };
        let alerting: Vec<_> = rules.iter().filter(fires).cloned().collect();
        let tested = TestedRules::compile(&alerting, &several, &catalog);
        let title = titles.get(file).copied().unwrap_or_default();
        for case in &tests.cases {
            match tested.run(case) {
                Outcome::Passed => passed += 1,
                Outcome::Failed { reason } => {
                    failed += 1;
                    let place = &case.location;
                    let bad = style::ERROR;
                    writeln!(
                        out,
                        "{}:{}: {bad}failed{bad:#}: `{}` {reason} ({})",
                        place.path.display(),
                        place.line,
                        title,
                        case.note
                    )?;
                }
            }
        }
    }
    for file in &untested {
        writeln!(out, "{}: no test events beside it", file.display())?;
    }
    let verdict = if failed == 0 { style::GOOD } else { style::ERROR };
    writeln!(
        out,
        "{} rule files: {passed} cases passed, {verdict}{failed} failed{verdict:#}, {} files without tests",
        by_file.len(),
        untested.len()
    )?;
    out.flush()?;
    if passed == 0 && failed == 0 {
        return Err(Failure::new(
            "no test ran; put the test events of a rule X.yml into X.test.ndjson beside it",
        ));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

/// The test events of a rule file: from the shipped pack, or from beside the file.
fn tests_of(file: &Path, shipped: bool) -> Option<TestFile> {
    if shipped {
        return borzoi_rules::pack::tests_of(file);
    }
    let path = pack_tests::path_for(file);
    path.exists().then(|| pack_tests::read(&path))
}
