//! Alerts, the table of alerts and explanations, from rule text and events.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use borzoi_engine::alert::Alert;
use borzoi_engine::alert_build::{AlertBuilder, LONGEST_VALUE, alert_id, build_alert};
use borzoi_engine::alert_table::alert_batch;
use borzoi_engine::explain::explain;
use borzoi_engine::matcher::{BatchMatcher, CompiledRules, WarningKind};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::ir::DetectionRule;
use serde_json::json;

use crate::cases::batch;

const RULE: &str = r"
title: Hidden shell
id: 4f3c7e1a-0000-4000-8000-000000000001
level: high
tags: [attack.execution, attack.t1059.001, attack.defense-evasion]
logsource: {product: windows, category: process_creation}
detection:
    shell:
        Image|endswith: ['\powershell.exe', '\pwsh.exe']
        CommandLine|contains|all: [' -w', hidden]
    parent:
        ParentImage|endswith: '\winword.exe'
    known:
        User: SYSTEM
    keywords: [never-said]
    condition: (shell or parent or keywords) and not known
";

fn rules(text: &str) -> Vec<Arc<DetectionRule>> {
    let report = borzoi_rules::Loader::new().load_text("rule.yml", text);
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    report.detections
}

fn alerts(rules: Vec<Arc<DetectionRule>>, batch: &EventBatch) -> Vec<Alert> {
    let (compiled, _) = CompiledRules::compile(rules, &Catalog::builtin());
    let compiled = Arc::new(compiled);
    let signals = BatchMatcher::new(compiled.clone()).match_batch(batch);
    let mut builder = AlertBuilder::new(&compiled, batch);
    signals.into_iter().map(|signal| builder.build(signal)).collect()
}

fn shells() -> EventBatch {
    batch(
        "windows.sysmon",
        &[
            json!({"EventID": 1, "Image": r"C:\x\powershell.exe", "CommandLine": "p -W Hidden",
                "Computer": "ws1", "User": r"CORP\ada", "ParentImage": r"C:\y\explorer.exe"}),
            json!({"EventID": 1, "Image": r"C:\x\powershell.exe", "CommandLine": "p -W Hidden", "User": "SYSTEM"}),
            json!({"EventID": 1, "Image": r"C:\x\pwsh.exe", "CommandLine": format!("p -w hidden {}é", "x".repeat(2000))}),
        ],
    )
}

#[test]
fn an_alert_carries_its_evidence() {
    let batch = shells();
    let alerts = alerts(rules(RULE), &batch);
    assert_eq!(alerts.len(), 2);
    let alert = &alerts[0];
    let event_id = format!("{:032x}", 0);
    assert_eq!(alert.event_id, event_id);
    assert_eq!(
        alert.id,
        alert_id("default", "4f3c7e1a-0000-4000-8000-000000000001", &event_id)
    );
    assert_eq!(alert.id.len(), 32);
    assert_eq!(alert.time, "2023-11-14T22:13:20.000000Z");
    assert_eq!(alert.rule.attack.tactics, ["Execution", "Defense Evasion"]);
    assert_eq!(alert.rule.attack.techniques, ["T1059.001"]);
    assert_eq!(alert.entities.hosts, ["ws1"]);
    assert!(alert.entities.users.iter().any(|user| user.contains("ada")));
    assert_eq!(
        alert.entities.processes,
        [r"C:\x\powershell.exe", r"C:\y\explorer.exe"]
    );
    let matched: Vec<(&str, Option<&str>, &str, &str, &str)> = alert
        .matched
        .iter()
        .map(|field| {
            let MatchedField {
                selection,
                field,
                column,
                value,
                matcher,
            } = field;
            (
                selection.as_str(),
                field.as_deref(),
                column.as_str(),
                value.as_str(),
                matcher.as_str(),
            )
        })
        .collect();
    assert_eq!(
        matched,
        [
            (
                "shell",
                Some("Image"),
                "process.executable",
                r"C:\x\powershell.exe",
                r"endswith \powershell.exe"
            ),
            (
                "shell",
                Some("CommandLine"),
                "process.command_line",
                "p -W Hidden",
                "contains \" -w\"; contains hidden"
            ),
        ]
    );
    assert_eq!(alert.event.value()["process"]["command_line"], "p -W Hidden");
    let long = &alerts[1].matched[1].value;
    assert!(
        long.len() < LONGEST_VALUE + 50 && long.contains("[cut, "),
        "{long}"
    );
    let json = serde_json::to_value(alert).expect("an alert has a JSON form");
    assert_eq!(json["rule"]["title"], "Hidden shell");
    assert_eq!(serde_json::from_value::<Alert>(json).expect("and back"), *alert);
}

use borzoi_engine::alert::MatchedField;

#[test]
fn alerts_of_one_event_share_it_and_are_as_if_built_alone() {
    let text = format!("{RULE}---{}", RULE.replace("0001", "0002"));
    let rules = rules(&text);
    let (compiled, _) = CompiledRules::compile(rules, &Catalog::builtin());
    let compiled = Arc::new(compiled);
    let batch = shells();
    let mut signals = BatchMatcher::new(compiled.clone()).match_batch(&batch);
    assert_eq!(signals.len(), 4);
    let mut builder = AlertBuilder::new(&compiled, &batch);
    let alerts: Vec<Alert> = signals.iter().map(|&signal| builder.build(signal)).collect();
    for (pair, rows) in alerts.chunks(2).zip(signals.chunks(2)) {
        assert_eq!(rows[0].row, rows[1].row);
        assert_ne!(pair[0].id, pair[1].id);
        assert!(pair[0].event.is_shared_with(&pair[1].event));
    }
    for (signal, alert) in signals.iter().zip(&alerts) {
        assert_eq!(build_alert(&compiled, &batch, *signal), *alert);
    }
    // In any order.
    signals.reverse();
    let reversed = signals.iter().map(|&signal| builder.build(signal));
    assert!(reversed.eq(alerts.into_iter().rev()));
}

#[test]
fn the_id_tells_tenant_rule_and_event_apart() {
    let id = alert_id("a", "b", "c");
    assert_eq!(id, alert_id("a", "b", "c"));
    for other in [
        alert_id("x", "b", "c"),
        alert_id("a", "x", "c"),
        alert_id("ab", "", "c"),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn alerts_become_a_table() {
    let batch = shells();
    let alerts = alerts(rules(RULE), &batch);
    let table = alert_batch(&alerts, 42);
    assert_eq!(table.num_rows(), 2);
    let text = |name: &str, row: usize| {
        let column = table
            .column_by_name(name)
            .unwrap_or_else(|| panic!("no column {name}"));
        let column = column.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    assert_eq!(text("event_id", 0).as_deref(), Some(alerts[0].id.as_str()));
    assert_eq!(
        text("alert_event_id", 1).as_deref(),
        Some(alerts[1].event_id.as_str())
    );
    assert_eq!(text("rule_level", 0).as_deref(), Some("high"));
    assert_eq!(text("host_name", 0).as_deref(), Some("ws1"));
    assert_eq!(text("host_name", 1), None);
    assert_eq!(
        text("log_file_path", 0).as_deref(),
        Some("/logs/keyword-bait.json")
    );
    let techniques = table
        .column_by_name("threat_technique_id")
        .expect("a column")
        .as_list::<i32>();
    assert_eq!(techniques.value(0).as_string::<i32>().value(0), "T1059.001");
    assert_eq!(alert_batch(&[], 0).schema(), table.schema());
}

#[test]
fn a_keyword_match_names_no_field() {
    let rules = rules("title: K\nlogsource: {product: windows}\ndetection: {k: [needle], condition: k}\n");
    let batch = batch("windows.sysmon", &[json!({"Odd": {"deep": ["a needle"]}})]);
    let alerts = alerts(rules, &batch);
    assert_eq!(alerts[0].matched[0].field, None);
    assert_eq!(alerts[0].matched[0].column, "winlog.event_data.Odd.deep");
}

#[test]
fn explanations_show_what_decided() {
    let rules = rules(RULE);
    let catalog = Catalog::builtin();
    let batch = shells();
    let yes = explain(&rules[0], &catalog, &batch, 0);
    let no = explain(&rules[0], &catalog, &batch, 1);
    assert!(yes.matches && !no.matches);
    let drawn = no.to_string();
    for line in [
        "✗ does not match: Hidden shell (4f3c7e1a-0000-4000-8000-000000000001)",
        "├─ ✓ log source product=windows category=process_creation, event of windows.sysmon",
        "· event.code is \"1\"",
        "└─ ✗ (shell or parent or keywords) and not known",
        "✓ Image endswith \\powershell.exe · process.executable is \"C:\\x\\powershell.exe\"",
        "✗ ParentImage endswith \\winword.exe · process.parent.executable has no value",
        "found in no text of the event",
        "✗ not known",
        "is \"SYSTEM\"",
    ] {
        assert!(drawn.contains(line), "no `{line}` in\n{drawn}");
    }
}

#[test]
fn explanations_agree_with_the_matcher_on_all_cases() {
    let catalog = Catalog::builtin();
    for case in crate::cases::all() {
        let explained: Vec<usize> = (0..case.batch.len())
            .filter(|&row| {
                let mut rules = case.rules.iter();
                rules.any(|rule| explain(rule, &catalog, &case.batch, row).matches)
            })
            .collect();
        assert_eq!(explained, case.expect, "{}", case.name);
    }
}

#[test]
fn explanations_say_why_a_rule_does_not_apply() {
    let catalog = Catalog::builtin();
    let batch = shells();
    let foreign =
        rules("title: L\nlogsource: {product: no_such_product}\ndetection: {s: {a: b}, condition: s}\n");
    let drawn = explain(&foreign[0], &catalog, &batch, 0).to_string();
    assert!(
        drawn.contains("no dataset of the catalog serves this log source"),
        "{drawn}"
    );
    let report = borzoi_rules::Loader::new().load_text(
        "w.yml",
        "title: W\nlogsource: {product: windows}\ndetection: {s: {User|expand: '%admins%'}, condition: s}\n",
    );
    let drawn = explain(&report.detections[0], &catalog, &batch, 0).to_string();
    assert!(
        drawn.contains("%admins%") && drawn.contains("does not match"),
        "{drawn}"
    );
}

#[test]
fn compiling_warns_of_what_can_never_match() {
    let text = "
title: A
logsource: {product: windows, category: process_creation}
detection: {s: {ComandLine|contains: x}, condition: s}
---
title: B
logsource: {product: no_such_product}
detection: {s: {a: b}, condition: s}
";
    let (_, warnings) = CompiledRules::compile(rules(text), &Catalog::builtin());
    let kinds: Vec<&WarningKind> = warnings.iter().map(|warning| &warning.kind).collect();
    assert!(
        kinds.iter().any(|kind| matches!(kind,
            WarningKind::UnknownField { field, nearest: Some(nearest) }
                if field == "ComandLine" && nearest == "CommandLine")),
        "{kinds:?}"
    );
    assert!(
        kinds.iter().any(|kind| matches!(kind, WarningKind::NoDataset(_))),
        "{kinds:?}"
    );
    assert_eq!(warnings.len(), 2);
}
