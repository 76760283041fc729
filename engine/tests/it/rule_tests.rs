//! Test events beside rules: what passes, what fails, and what is refused because it proves nothing.

use std::path::Path;

use borzoi_engine::rule_tests::{Outcome, SeveralEvents, TestedRules};
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::{Loader, Placeholders, pack, pack_tests};

const RULE: &str = r"
title: Hidden shell
logsource: {product: windows, category: process_creation}
detection:
    shell:
        Image|endswith: '\powershell.exe'
        CommandLine|contains: hidden
    orphan: {ParentImage: null}
    known: {User: SYSTEM}
    condition: shell and orphan and not known
";

/// Why the case fails; empty if it passes.
fn reason(rule: &str, case: &str) -> String {
    let report = Loader::new().load_text("rule.yml", rule);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let tests = pack_tests::parse(Path::new("rule.test.ndjson"), case);
    let tested = TestedRules::compile(&report.detections, &SeveralEvents::default(), &Catalog::builtin());
    match tested.run(&tests.cases[0]) {
        Outcome::Passed => String::new(),
        Outcome::Failed { reason } => reason,
    }
}

fn sysmon(expect: bool, fields: &str) -> String {
    format!(
        r#"{{"expect": {expect}, "event": {{"Channel": "Microsoft-Windows-Sysmon/Operational", {fields}}}}}"#
    )
}

#[test]
fn a_case_passes_if_the_values_decide() {
    let shell = r#""EventID": 1, "Image": "C:\\powershell.exe", "CommandLine": "-w hidden""#;
    assert_eq!(reason(RULE, &sysmon(true, shell)), "");
    assert!(reason(RULE, &sysmon(false, shell)).starts_with("fires and should not"));
    let other = r#""EventID": 1, "Image": "C:\\powershell.exe", "CommandLine": "-v""#;
    assert_eq!(reason(RULE, &sysmon(false, other)), "");
    assert!(reason(RULE, &sysmon(true, other)).starts_with("does not fire"));
    // Absence that the rule asks for is a value.
    let child = format!("{shell}, \"ParentImage\": \"C:\\\\explorer.exe\"");
    assert_eq!(reason(RULE, &sysmon(false, &child)), "");
    let known = format!("{shell}, \"User\": \"SYSTEM\"");
    assert_eq!(reason(RULE, &sysmon(false, &known)), "");
}

#[test]
fn a_negative_case_of_another_log_source_proves_nothing() {
    let fields = r#""EventID": 3, "Image": "C:\\powershell.exe", "CommandLine": "-v""#;
    let other_event = reason(RULE, &sysmon(false, fields));
    assert_eq!(
        other_event,
        "proves nothing: this event of windows.sysmon is not of the log source product=windows \
         category=process_creation"
    );
    let other_dataset = reason(
        RULE,
        r#"{"expect": false, "raw": "Mar  3 10:11:12 web01 sshd[812]: Accepted password for eve from 192.0.2.7 port 40022 ssh2"}"#,
    );
    assert!(
        other_dataset.starts_with("proves nothing: this event of linux."),
        "{other_dataset}"
    );
    // A positive case needs no such check: it fires or it does not.
    assert!(reason(RULE, &sysmon(true, fields)).starts_with("does not fire"));
}

#[test]
fn a_negative_case_without_the_fields_proves_nothing() {
    let fields = r#""EventID": 1, "Image": "C:\\powershell.exe", "Comand": "-v""#;
    assert_eq!(
        reason(RULE, &sysmon(false, fields)),
        "proves nothing: this event of windows.sysmon has no `CommandLine`, without which the rule cannot fire \
         whatever the values"
    );
    // Where the rule asks for presence, absence decides.
    let exists = "
title: Exists
logsource: {product: windows, category: process_creation}
detection:
    a: {Comand|exists: true}
    condition: a
";
    let present = r#""EventID": 1, "CommandLine": "y""#;
    assert_eq!(reason(exists, &sysmon(false, present)), "");
    // One of several alternatives is enough, and keywords ask for no field.
    let either = "
title: Either
logsource: {product: windows, category: process_creation}
detection:
    a: [{Comand: x}, {CommandLine: x}]
    condition: a
";
    assert_eq!(reason(either, &sysmon(false, present)), "");
    let keywords = "
title: Words
logsource: {product: windows, category: process_creation}
detection:
    a: [never-said]
    condition: a
";
    assert_eq!(reason(keywords, &sysmon(false, present)), "");
}

#[test]
fn the_cases_of_the_pack_pass() {
    let report = pack::load(Placeholders::default());
    let catalog = Catalog::builtin();
    let mut failed = Vec::new();
    let mut passed = 0;
    for path in &report.files {
        let tests = pack::tests_of(path).expect("every rule of the pack has test events");
        let tested = TestedRules::of_file(path, &report, &catalog, None);
        for case in &tests.cases {
            match tested.run(case) {
                Outcome::Passed => passed += 1,
                Outcome::Failed { reason } => {
                    let place = &case.location;
                    failed.push(format!(
                        "{}:{}: {reason} ({})",
                        place.path.display(),
                        place.line,
                        case.note
                    ));
                }
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} cases fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert!(passed >= 600, "{passed} cases passed; the pack has more");
}

#[test]
fn rules_over_several_events_are_tested_on_all_events_of_a_case() {
    let rules = "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed_logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Logon
id: 00000000-0000-0000-0000-000000000002
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: Three failed
id: 00000000-0000-0000-0000-000000000003
name: three_failed
correlation: {type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 5m, condition: {gte: 3}}
---
title: Guessed
id: 00000000-0000-0000-0000-000000000004
correlation: {type: temporal_ordered, rules: [three_failed, logon], group-by: [TargetUserName], timespan: 10m}
";
    let report = borzoi_rules::Loader::new().load_text("rules.yml", rules);
    assert_eq!(report.errors().count(), 0);
    let catalog = Catalog::builtin();
    let tested = TestedRules::of_file(std::path::Path::new("rules.yml"), &report, &catalog, None);
    let logon = |second: u32, code: u32| {
        format!(
            r#"{{"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","EventID":{code},"Computer":"dc01","TimeCreated":"2026-03-02T10:00:{second:02}Z","TargetUserName":"anna"}}"#
        )
    };
    let case = |codes: &[u32], expect| {
        let lines: Vec<String> = (0..)
            .zip(codes)
            .map(|(second, code)| logon(second, *code))
            .collect();
        let text = serde_json::json!({"expect": expect, "raw": lines.join("\n")}).to_string();
        let file = borzoi_rules::pack_tests::parse(std::path::Path::new("rules.test.ndjson"), &text);
        match tested.run(&file.cases[0]) {
            Outcome::Passed => String::new(),
            Outcome::Failed { reason } => reason,
        }
    };
    assert_eq!(case(&[4625, 4625, 4625, 4624], true), "");
    // What only another correlation reads is no alert.
    assert_eq!(case(&[4625, 4625, 4625], false), "");
    assert!(case(&[4625, 4625, 4624], true).starts_with("does not fire"));
    assert!(case(&[1102], false).starts_with("proves nothing"));
}
