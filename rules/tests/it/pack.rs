//! The shipped rule pack is in order (what its test events do is the engine's matter).

use std::collections::BTreeSet;
use std::path::Path;

use borzoi_rules::correlation::CorrelationKind;
use borzoi_rules::{Loader, attack, pack_tests};

#[test]
fn every_rule_of_the_pack_loads_and_has_test_events() {
    let folder = Path::new("pack");
    let report = Loader::new().load([folder]);
    let mut faults: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    for path in &report.files {
        let tests = pack_tests::read(&pack_tests::path_for(path));
        faults.extend(tests.problems.iter().map(ToString::to_string));
    }
    // What only others read speaks for itself there.
    let rules = report
        .summaries()
        .filter(|rule| !report.referenced_only.contains(&rule.meta.id));
    for rule in rules {
        let meta = rule.meta;
        let place = meta.location.path.display();
        if meta.references.is_empty() {
            faults.push(format!("{place}: no references"));
        }
        if meta.false_positives.is_empty() {
            faults.push(format!("{place}: no false positives"));
        }
        for tag in meta.tags.iter().filter(|tag| tag.starts_with("attack.")) {
            if attack::tactic(tag).is_none() && attack::technique(tag).is_none() && !is_group_or_software(tag)
            {
                faults.push(format!("{place}: unknown ATT&CK tag {tag}"));
            }
        }
        // A risk is of whatever its signals are of.
        let is_risk = report
            .correlations
            .iter()
            .any(|known| known.meta.id == meta.id && known.kind == CorrelationKind::Risk);
        if !is_risk && !meta.tags.iter().any(|tag| attack::technique(tag).is_some()) {
            faults.push(format!("{place}: no ATT&CK technique"));
        }
    }
    for rule in report.waiting() {
        let place = rule.meta.location.path.display();
        faults.push(format!("{place}: waits for a placeholder"));
    }
    let alerting = report
        .summaries()
        .filter(|rule| !report.referenced_only.contains(&rule.meta.id));
    let titles: Vec<&str> = alerting.map(|rule| &*rule.meta.title).collect();
    if titles.iter().collect::<BTreeSet<_>>().len() < titles.len() {
        faults.push("two rules have one title".to_owned());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(!report.detections.is_empty());
}

/// `attack.g0032`, `attack.s0002`.
fn is_group_or_software(tag: &str) -> bool {
    let id = tag.trim_start_matches("attack.");
    id.len() == 5 && id.starts_with(['g', 's']) && id[1..].bytes().all(|byte| byte.is_ascii_digit())
}
