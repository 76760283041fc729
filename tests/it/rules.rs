//! `borzoi rules …`: what is said, and what the exit code says.

use std::fs;
use std::path::Path;

use super::support::run;

const RULE: &str = "title: T
id: 11111111-1111-4111-8111-111111111111
status: test
level: low
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        Image|endswith: '\\x.exe'
    condition: selection
";

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("a temporary folder is writable");
    path.to_str().expect("temporary paths are text").to_owned()
}

#[test]
fn a_check_of_nothing_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    for command in ["check", "test", "list"] {
        let ran = run(["rules", command, empty]);
        assert_eq!(ran.code, Some(1), "{command}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains("no rule file found"),
            "{command}: {}",
            ran.stderr
        );
    }
    let said = run(["rules", "check", empty]).stdout;
    assert!(said.contains("[no-rules]") && said.contains("0 files"), "{said}");
    // A rule without test events is no tested rule.
    let rule = write(&dir.path().join("r.yml"), RULE);
    let ran = run(["rules", "test", &rule]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("no test ran"), "{}", ran.stderr);
    // An empty folder beside a rule is worth a warning, no more.
    let sub = dir.path().join("none");
    fs::create_dir(&sub).unwrap();
    let ran = run(["rules", "check", &rule, sub.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.stdout.contains("[no-rules]"), "{}", ran.stdout);
}

#[test]
fn check_names_correlations_that_do_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "title: Failed logon
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Child
name: child
correlation: {type: first_seen, rules: failed, group-by: [TargetUserName], timespan: 5m, condition: {field: WorkstationName}}
---
title: Parent
correlation: {type: event_count, rules: child, group-by: [IpAddress], timespan: 5m, condition: {gte: 2}}
";
    let path = write(&dir.path().join("r.yml"), rules);
    let ran = run(["rules", "check", &path]);
    assert!(
        ran.stdout.contains("[correlation-not-run]")
            && ran
                .stdout
                .contains("`Parent` does not run: `Child`, which it reads, has no field `IpAddress`")
            && ran.stdout.contains("r.yml:10:"),
        "{}",
        ran.stdout
    );
}

#[test]
fn check_names_fields_that_a_correlation_cannot_have() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "title: Failed logon
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Many
correlation:
    type: value_count
    rules: failed
    group-by: [TargetUserNmae, who]
    aliases: {who: {failed: IpAdress}}
    timespan: 5m
    condition: {field: WorkstationName, gte: 2}
";
    let path = write(&dir.path().join("r.yml"), rules);
    let ran = run(["rules", "check", &path]);
    for (place, field, meant) in [
        ("10:16", "TargetUserNmae", "TargetUserName"),
        ("11:29", "IpAdress", "IpAddress"),
    ] {
        let warning = format!(
            "r.yml:{place}: warning: `Many` asks `Failed logon` for the field `{field}`, which no dataset of that log source has [unknown-field]"
        );
        let hint = format!("did you mean `{meant}`?");
        let told = ran.stdout.contains(&warning) && ran.stdout.contains(&hint);
        assert!(told, "{}", ran.stdout);
    }
    assert!(ran.stdout.contains("2 warnings"), "{}", ran.stdout);
}

#[test]
fn files_in_hidden_folders_are_counted_as_skipped() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("r.yml"), RULE);
    let path = dir.path().to_str().unwrap();
    let ran = run(["rules", "check", path]);
    assert!(
        ran.stdout.contains("0 failed, 0 skipped, 0 warnings"),
        "{}",
        ran.stdout
    );
    fs::create_dir_all(dir.path().join(".github/workflows")).unwrap();
    write(&dir.path().join(".github/workflows/ci.yml"), "on: push\n");
    let ran = run(["rules", "check", path]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout
            .contains("0 failed, 1 skipped (in folders whose name starts with a dot), 0 warnings"),
        "{}",
        ran.stdout
    );
}

#[test]
fn warnings_of_the_catalog_stand_at_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let field = write(&dir.path().join("field.yml"), &RULE.replace("Image|", "Imgae|"));
    let ran = run(["rules", "check", &field]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout.contains(
            "field.yml:10:9: warning: no dataset of the log source has the field `Imgae` [unknown-field]"
        ) && ran.stdout.contains("did you mean `Image`?"),
        "{}",
        ran.stdout
    );
    assert_eq!(run(["rules", "check", "--strict", &field]).code, Some(1));
    let source = write(
        &dir.path().join("source.yml"),
        &RULE.replace("product: windows", "product: vms"),
    );
    let ran = run(["rules", "check", "--output", "jsonl", &source]);
    let row: serde_json::Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    assert_eq!(row["code"], "no-dataset");
    assert_eq!((&row["line"], &row["text"]), (&5.into(), &"logsource:".into()));
}

/// A dataset of the user's own, a rule for it, and test events of it.
#[test]
fn check_explain_and_test_take_a_catalog() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = dir.path().join("catalog");
    let rules = dir.path().join("rules");
    fs::create_dir(&catalog).unwrap();
    fs::create_dir(&rules).unwrap();
    write(
        &catalog.join("door.yaml"),
        "dataset: acme.door
title: Acme door controllers
prefix: acme.
select:
  json_keys: [badge, gate, verdict]
sigma:
  - {product: acme, service: door}
fields:
  - {native: at, column: '@timestamp'}
  - {native: badge, column: user.name}
plain: [gate, verdict]
",
    );
    let rule = write(
        &rules.join("door.yml"),
        "title: Door held open
id: 22222222-2222-4222-8222-222222222222
logsource: {product: acme, service: door}
detection:
    selection: {verdict: held}
    condition: selection
",
    );
    let event = r#"{"at": "2026-03-01T10:00:00Z", "badge": "ada", "gate": "7", "verdict": "held"}"#;
    let open = event.replace("held", "open");
    write(
        &rules.join("door.test.ndjson"),
        &format!("{{\"expect\": true, \"event\": {event}}}\n{{\"expect\": false, \"event\": {open}}}\n"),
    );
    let event = write(&dir.path().join("event.json"), event);
    let catalog = catalog.to_str().unwrap();

    let without = run(["rules", "check", "--strict", &rule]);
    assert_eq!(without.code, Some(1), "{}", without.stdout);
    assert!(without.stdout.contains("no-dataset"), "{}", without.stdout);
    let with = run(["rules", "check", "--strict", &rule, "--catalog", catalog]);
    assert_eq!(with.code, Some(0), "{}", with.stdout);

    assert_eq!(run(["rules", "test", &rule]).code, Some(1));
    let with = run(["rules", "test", &rule, "--catalog", catalog]);
    assert_eq!(with.code, Some(0), "{}{}", with.stdout, with.stderr);
    assert!(with.stdout.contains("2 cases passed"), "{}", with.stdout);

    let with = run(["rules", "explain", &rule, "--event", &event, "--catalog", catalog]);
    assert_eq!(with.code, Some(0), "{}", with.stderr);
    assert!(
        with.stdout.contains("acme.door") && with.stdout.contains("✓ matches"),
        "{}",
        with.stdout
    );
}

#[test]
fn a_test_that_proves_nothing_fails() {
    let dir = tempfile::tempdir().unwrap();
    let rule = write(&dir.path().join("r.yml"), RULE);
    let sysmon = r#"{"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Image": "C:\\x.exe"}"#;
    let conn = r#"{"expect": false, "raw": "Mar  3 10:11:12 web01 sshd[812]: Accepted password for eve from 192.0.2.7 port 40022 ssh2"}"#;
    write(
        &dir.path().join("r.test.ndjson"),
        &format!("{{\"expect\": true, \"event\": {sysmon}}}\n{conn}\n"),
    );
    let ran = run(["rules", "test", &rule]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("r.test.ndjson:2: failed: `T` proves nothing: this event of linux."),
        "{}",
        ran.stdout
    );
}
