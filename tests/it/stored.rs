//! Rules over several events, over what the lake holds: `hunt --rule` and `learn --lake`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Ran, borzoi, ran};

const RULES: &str = "
title: Logon
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: Failed logon
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: New address
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 30d
    condition: {field: IpAddress, learning: 1h}
level: medium
---
title: Many failures
correlation: {type: event_count, rules: failed, group-by: [TargetUserName], timespan: 5m, condition: {gte: 3}}
level: high
---
title: Guessed
eql: >
    sequence by user.name with maxspan=10m
        [any where event.code == \"4625\"] [any where event.code == \"4624\"]
level: high
";

fn run(command: &mut Command) -> Ran {
    ran(command.output().expect("the binary under test starts"))
}

/// An event at a day and minute of March 2026.
fn logon(code: u16, day: u32, minute: u32, user: &str, address: u8) -> String {
    format!(
        r#"{{"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","EventID":{code},"Computer":"dc01","TimeCreated":"2026-03-{day:02}T10:{minute:02}:00.000000Z","TargetUserName":"{user}","IpAddress":"10.0.0.{address}"}}"#
    )
}

fn write(folder: &Path, name: &str, lines: &[String]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").expect("a temporary folder is writable");
    path
}

fn json(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn titles(found: &[Value]) -> Vec<String> {
    let mut titles: Vec<String> = found
        .iter()
        .map(|alert| alert["rule"]["title"].as_str().expect("a text").to_owned())
        .collect();
    titles.sort();
    titles
}

#[test]
fn what_was_learned_from_the_lake_is_not_told_and_what_is_new_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("rules.yml"), RULES).unwrap();
    let before = write(
        folder.path(),
        "before.json",
        &[
            logon(4624, 1, 0, "alice", 1),
            logon(4624, 2, 0, "alice", 1),
            logon(4624, 3, 0, "alice", 2),
            // Later than any event may be late, so that what came before is decided.
            logon(4624, 4, 0, "alice", 1),
        ],
    );
    let after = write(
        folder.path(),
        "after.json",
        &[logon(4624, 5, 0, "alice", 2), logon(4624, 5, 30, "alice", 9)],
    );
    let command = |arguments: &[&str]| {
        let mut process = borzoi();
        process.arg(arguments[0]).arg("--rules").arg(at("rules.yml"));
        process.args(&arguments[1..]);
        process
    };
    let stored = run(command(&["scan", "--output", "jsonl"])
        .arg("--lake")
        .arg(at("lake"))
        .arg(&before));
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let found = json(&stored.stdout);
    assert_eq!(titles(&found), ["New address"]);
    // As another tenant too.
    let globex = run(command(&["scan", "--tenant", "globex"])
        .arg("--lake")
        .arg(at("lake"))
        .arg(&after));
    assert_eq!(globex.code, Some(0), "{}", globex.stderr);

    let learn = |more: &[&str]| {
        run(command(&["learn", "--output", "jsonl", "--lateness", "1h"])
            .args(more)
            .arg("--lake")
            .arg(at("lake"))
            .arg("--state")
            .arg(at("state")))
    };
    for (more, complaint) in [
        (&["--format", "json"][..], "--format is for logs"),
        (&["--tenant", "A"], "letters"),
        (&["--from", "soon"], "2026-11-01"),
        (&[after.to_str().unwrap()], "one after the other"),
    ] {
        let refused = learn(more);
        assert!(
            refused.code == Some(2) && refused.stderr.contains(complaint),
            "{more:?}: {}",
            refused.stderr
        );
    }
    let nothing = run(command(&["learn", "--lateness", "1h", "--state"]).arg(at("state")));
    assert!(nothing.code == Some(2) && nothing.stderr.contains("nothing to learn from"));
    let unknown = learn(&["--tenant", "initech"]);
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("there are: default, globex"),
        "{}",
        unknown.stderr
    );
    let learned = learn(&["--tenant", "default"]);
    assert_eq!(learned.code, Some(0), "{}", learned.stderr);
    assert!(
        learned.stderr.contains("4 events from 1 inputs"),
        "{}",
        learned.stderr
    );
    let rows = json(&learned.stdout);
    assert_eq!(rows.len(), 1, "{}", learned.stdout);
    assert_eq!(
        (&rows[0]["title"], &rows[0]["tenant"], &rows[0]["groups"]),
        (&"New address".into(), &"default".into(), &1.into())
    );

    let scan = |logs: &Path| {
        run(command(&[
            "scan",
            "--output",
            "jsonl",
            "--lateness",
            "1h",
            "--finish",
            "--state",
        ])
        .arg(at("state"))
        .arg(logs))
    };
    // Work on a copy: `--finish` forgets.
    let copy = |from: &str, to: &str| {
        std::fs::create_dir_all(at(to)).unwrap();
        std::fs::copy(at(from).join("scan.state"), at(to).join("scan.state")).unwrap();
    };
    copy("state", "kept");
    let again = scan(&before);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(titles(&json(&again.stdout)), [""; 0]);
    copy("kept", "state");
    let then = json(&scan(&after).stdout);
    assert_eq!(titles(&then), ["New address"]);
    assert_eq!(then[0]["correlation"]["group"][1]["value"], "10.0.0.9");
    // Of the days until then the second address is not known.
    std::fs::remove_dir_all(at("state")).unwrap();
    let part = learn(&["--tenant", "default", "--to", "2026-03-03"]);
    assert!(part.stderr.contains("2 events from"), "{}", part.stderr);
    assert_eq!(titles(&json(&scan(&after).stdout)), ["New address"; 2]);
}

#[test]
fn what_rules_over_several_events_find_in_the_lake_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("rules.yml"), RULES).unwrap();
    let lines: Vec<String> = (0..4)
        .map(|minute| logon(4625, 1, minute, "Bob", 7))
        .chain([logon(4624, 1, 6, "bob", 7), logon(4624, 1, 7, "eve", 8)])
        .collect();
    let logs = write(folder.path(), "logs.json", &lines);
    for tenant in ["acme", "globex"] {
        let stored = run(borzoi()
            .args(["scan", "--tenant", tenant, "--output", "jsonl", "--rules"])
            .arg(at("rules.yml"))
            .arg("--lake")
            .arg(at("lake"))
            .arg(&logs));
        assert_eq!(
            titles(&json(&stored.stdout)),
            ["Guessed", "Many failures"],
            "{}",
            stored.stderr
        );
    }
    let hunt = |more: &[&str]| {
        run(borzoi()
            .args(["hunt", "--output", "jsonl"])
            .args(more)
            .arg("--rule")
            .arg(at("rules.yml"))
            .arg("--lake")
            .arg(at("lake")))
    };
    let whole = hunt(&[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let rows = json(&whole.stdout);
    assert_eq!(rows.len(), 4, "{}", whole.stdout);
    let many = rows
        .iter()
        .find(|row| row["rule_title"] == "Many failures")
        .unwrap();
    assert_eq!(many["alert_count"], 4);
    assert_eq!(many["alert_group"], "TargetUserName=Bob");
    assert_eq!(many["alert_first"], "2026-03-01T10:00:00Z");
    assert_eq!(many["alert_last"], "2026-03-01T10:03:00Z");
    // Some of the first.
    let evidence = many["alert_evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 3);
    // What they name is there.
    let ids: Vec<String> = evidence
        .iter()
        .map(|id| format!("'{}'", id.as_str().unwrap()))
        .collect();
    let sql = format!(
        "select count(distinct event_id) from windows_security where event_id in ({})",
        ids.join(", ")
    );
    assert_eq!(crate::support::count(&at("lake"), &sql), 3);
    // The same ids as the alerts of the scan.
    let ids = |rows: &[Value], name: &str| -> BTreeSet<String> {
        let ids = rows.iter().map(|row| row[name].as_str().unwrap().to_owned());
        ids.collect()
    };
    let alerts = run(borzoi()
        .args([
            "hunt",
            "--output",
            "jsonl",
            "select event_id from alerts",
            "--lake",
        ])
        .arg(at("lake")));
    assert_eq!(ids(&rows, "alert_id"), ids(&json(&alerts.stdout), "event_id"));
    // Asked, for one tenant, for a time, in other forms.
    let sql = "select tenant, sum(alert_count) as n from found where rule_title = 'Many failures' group by 1";
    let asked = hunt(&[sql, "--tenant", "globex", "--from", "2026-03-01T10:01:00Z"]);
    assert_eq!(
        asked.stdout, "{\"tenant\":\"globex\",\"n\":3}\n",
        "{}",
        asked.stderr
    );
    let matches = hunt(&[
        "select count(*) as n from matches",
        "--to",
        "2026-03-01T10:02:00Z",
    ]);
    assert_eq!(matches.stdout, "{\"n\":4}\n", "{}", matches.stderr);
    let none = hunt(&["--from", "2026-03-02"]);
    assert_eq!((none.code, &*none.stdout), (Some(0), ""), "{}", none.stderr);
    let table = run(borzoi()
        .args(["hunt", "--rule"])
        .arg(at("rules.yml"))
        .arg("--lake")
        .arg(at("lake")));
    assert!(
        table.stdout.contains("TargetUserName=Bob") && table.stdout.contains("alert_evidence"),
        "{}",
        table.stdout
    );
    let refused = run(borzoi()
        .args(["hunt", "select 1", "--from", "2026-03-02", "--lake"])
        .arg(at("lake")));
    assert!(refused.code == Some(2) && refused.stderr.contains("where time >="));
}

/// The generated day of two companies, with the rules of the shipped pack that look at several events.
#[test]
fn the_demo_gives_the_same_alerts_from_the_lake() {
    let folder = tempfile::tempdir().unwrap();
    let options = borzoi::demo::Options {
        events: 3_000,
        ..borzoi::demo::Options::default()
    };
    borzoi::demo::generate(folder.path(), &options).unwrap();
    let lake = folder.path().join("lake");
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/pack");
    let mut expected = BTreeSet::new();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    for tenant in ["acme", "globex"] {
        let scan = run(borzoi()
            .args([
                "scan", "--quiet", "--output", "jsonl", "--tenant", tenant, "--rules",
            ])
            .arg(&pack)
            .arg("--lake")
            .arg(&lake)
            .arg(folder.path().join("logs").join(tenant)));
        assert_eq!(scan.code, Some(0), "{}", scan.stderr);
        expected.extend(json(&scan.stdout).iter().map(|alert| {
            let correlation = &alert["correlation"];
            (
                id(&alert["id"]),
                id(&alert["rule"]["title"]),
                correlation["count"].as_u64().unwrap_or(1),
            )
        }));
    }
    let hunt = run(borzoi()
        .args(["hunt", "--quiet", "--output", "jsonl", "--rule"])
        .arg(&pack)
        .arg("--lake")
        .arg(&lake));
    assert_eq!(hunt.code, Some(0), "{}", hunt.stderr);
    let found: BTreeSet<_> = json(&hunt.stdout)
        .iter()
        .map(|row| {
            (
                id(&row["alert_id"]),
                id(&row["rule_title"]),
                row["alert_count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, expected);
    let several = found.iter().filter(|(_, _, count)| *count > 1).count();
    assert!(several > 3, "{found:?}");
}
