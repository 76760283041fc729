//! `borzoi rules test`: run the test events beside rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borzoi_engine::indicators::IndicatorSet;
use borzoi_engine::rule_tests::{Outcome, TestedRules};
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::pack_tests::{self, TestFile};
use borzoi_rules::{LoadReport, RuleKind};

use super::lists::is_list;
use super::load;
use crate::exit::{Exit, Failure};
use crate::ui::style;

/// Runs the command.
pub fn run(
    paths: &[PathBuf],
    report: LoadReport,
    lists: Option<&Arc<IndicatorSet>>,
    catalog: Arc<Catalog>,
) -> Result<Exit, Failure> {
    load::show_errors(&report);
    load::some_file(&report)?;
    let mut failed = report.errors().count();
    let rules = report.summaries().filter(|rule| rule.kind != RuleKind::Filter);
    let of_lists = report.detections.iter().filter(|rule| is_list(rule));
    let of_lists: BTreeSet<&Path> = of_lists.map(|rule| rule.meta.location.path.as_path()).collect();
    let by_file = rules
        .map(|rule| rule.path())
        .filter(|path| !of_lists.contains(path));
    let by_file: BTreeSet<&Path> = by_file.collect();
    // The last rule of a file is the one that the others stand for.
    let titles: BTreeMap<&Path, &str> = report
        .summaries()
        .map(|rule| (rule.meta.location.path.as_path(), &*rule.meta.title))
        .collect();
    let mut out = super::stdout();
    let (mut passed, mut untested) = (0, Vec::new());
    for file in &by_file {
        let Some(tests) = tests_of(file, paths.is_empty()) else {
            untested.push(*file);
            continue;
        };
        for problem in &tests.problems {
            failed += 1;
            writeln!(out, "{problem}")?;
        }
        let tested = TestedRules::of_file(file, &report, &catalog, lists);
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
