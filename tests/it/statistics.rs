//! Statistics from the command line: learn, tell, expect, explain.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::kill::{Moments, kill_after};
use crate::support::{Ran, borzoi, count, ran};

const RULES: &str = "
title: Flow
name: flow
logsource: {product: zeek, service: conn}
detection:
    tcp: {proto: tcp}
    condition: tcp
---
title: Sends out far more than before
correlation:
    type: anomaly
    rules: flow
    group-by: [source.ip]
    timespan: 1h
    condition: {metric: sum, field: orig_bytes, alerts-per-day: 0.5, learning: 2d, at-least: 1000000}
level: medium
---
title: Calls back
correlation:
    type: beaconing
    rules: flow
    group-by: [source.ip, destination.ip]
    timespan: 12h
    condition: {alerts-per-day: 0.01}
level: high
";

fn run(command: &mut Command) -> Ran {
    ran(command.output().expect("the binary under test starts"))
}

/// 2026-11-01T00:00:00Z.
const BEGIN: u64 = 1_793_491_200;
const HOUR: u64 = 3600;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn flow(time: u64, source: &str, destination: &str, bytes: u64) -> (u64, String) {
    let line = format!(
        r#"{{"_path":"conn","ts":{time}.5,"uid":"C{time}{bytes}","id.orig_h":"{source}","id.orig_p":50000,"id.resp_h":"{destination}","id.resp_p":443,"proto":"tcp","conn_state":"SF","orig_bytes":{bytes},"resp_bytes":500}}"#
    );
    (time, line)
}

/// Flows of three hosts in these hours; in hour 100 one sends out far more, and from hour 80 on one calls back.
fn logs(path: &Path, hours: std::ops::Range<u64>) {
    let mut random = Random(7);
    let mut flows = Vec::new();
    for hour in 0..120 {
        for host in 1..=3 {
            for _ in 0..4 + random.below(5) {
                let time = BEGIN + hour * HOUR + random.below(HOUR);
                let destination = format!("198.51.100.{}", 1 + random.below(60));
                let bytes = 2_000 + random.below(8_000);
                flows.push(flow(time, &format!("10.0.0.{host}"), &destination, bytes));
            }
        }
    }
    for minute in 0..40 {
        flows.push(flow(
            BEGIN + 100 * HOUR + minute * 60 + random.below(50),
            "10.0.0.2",
            &format!("203.0.113.{minute}"),
            90_000,
        ));
    }
    for call in 0..60 {
        let time = BEGIN + 80 * HOUR + call * 420 + random.below(200);
        flows.push(flow(time, "10.0.0.3", "203.0.113.200", 700));
    }
    flows.retain(|(time, _)| hours.contains(&((time - BEGIN) / HOUR)));
    flows.sort();
    let lines = flows.iter().fold(String::new(), |mut lines, (_, line)| {
        let _ = writeln!(lines, "{line}");
        lines
    });
    std::fs::write(path, lines).expect("a temporary folder is writable");
}

fn rules(folder: &Path) -> PathBuf {
    let path = folder.join("rules.yml");
    std::fs::write(&path, RULES).expect("a temporary folder is writable");
    path
}

/// `time title: group` of each alert.
fn told(jsonl: &str) -> Vec<String> {
    let alerts = jsonl
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut told: Vec<String> = alerts
        .map(|alert| {
            let group = alert["correlation"]["group"][0]["value"]
                .as_str()
                .expect("a text")
                .to_owned();
            format!(
                "{} {}: {group}",
                &alert["time"].as_str().expect("a text")[..13],
                alert["rule"]["title"].as_str().expect("a text")
            )
        })
        .collect();
    told.sort();
    told
}

#[test]
fn what_is_unusual_is_told_and_can_be_expected() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, all) = (rules(folder.path()), folder.path().join("all.ndjson"));
    logs(&all, 0..120);
    let scan = |more: &[&str]| {
        let mut command = borzoi();
        command.arg("scan").arg(&all).args(more);
        run(command.args(["--output", "jsonl", "--rules"]).arg(&rules))
    };
    let whole = scan(&[]);
    let found = told(&whole.stdout);
    // The beacon is known after some call-backs.
    assert!(found[0].ends_with("Calls back: 10.0.0.3"), "{found:?}");
    assert_eq!(
        found[1..],
        ["2026-11-05T04 Sends out far more than before: 10.0.0.2"]
    );
    assert_eq!(
        told(&scan(&["--threads", "2", "--batch-rows", "37"]).stdout),
        found
    );
    let alert: serde_json::Value = serde_json::from_str(
        whole
            .stdout
            .lines()
            .find(|line| line.contains("Sends out far more"))
            .unwrap(),
    )
    .unwrap();
    let figures = &alert["correlation"]["figures"];
    assert!(figures["high"].as_f64().unwrap() < 200_000.0, "{figures}");
    assert_eq!(alert["correlation"]["series"].as_array().unwrap().len(), 24);
    assert!(alert["correlation"]["evidence"][0]["event"].is_object());

    // Somebody expects one of them.
    let list = folder.path().join("expected.jsonl");
    let alerts = folder.path().join("alerts.jsonl");
    std::fs::write(
        &alerts,
        whole
            .stdout
            .lines()
            .find(|line| line.contains("Sends out"))
            .unwrap(),
    )
    .unwrap();
    // What is not there holds nothing back: that must be said.
    let missing = scan(&["--expected", list.to_str().unwrap()]);
    assert_eq!(
        (missing.code, &*missing.stdout),
        (Some(1), ""),
        "{}",
        missing.stderr
    );
    assert!(missing.stderr.contains("expected.jsonl: "), "{}", missing.stderr);
    for more in [&["list"][..], &["remove", "1"][..]] {
        let mut command = borzoi();
        let missing = run(command.arg("expected").args(more).arg("--file").arg(&list));
        assert_eq!(missing.code, Some(1), "{more:?}");
    }
    let add = |alerts: &std::path::Path| {
        run(borzoi()
            .args(["expected", "add", "--for", "4w", "--note", "backup", "--file"])
            .arg(&list)
            .arg(alerts))
    };
    let empty = folder.path().join("empty.jsonl");
    std::fs::write(&empty, "\n").unwrap();
    let nothing = add(&empty);
    assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no alerts in it"), "{}", nothing.stderr);
    assert!(!list.exists());
    let added = add(&alerts);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let again = add(&alerts);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("1 not added"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(&list).unwrap().lines().count(), 1);
    let held = scan(&["--expected", list.to_str().unwrap()]);
    assert_eq!(told(&held.stdout), found[..1]);
    assert!(
        held.stderr
            .contains("1 findings of correlation rules were not told: they are expected"),
        "{}",
        held.stderr
    );
    let shown = run(borzoi().args(["expected", "list", "--file"]).arg(&list));
    assert!(
        shown.stdout.contains("source.ip=10.0.0.2") && shown.stdout.contains("backup"),
        "{}",
        shown.stdout
    );
    assert_eq!(
        run(borzoi()
            .args(["expected", "remove", "--file"])
            .arg(&list)
            .arg("7"))
        .code,
        Some(1)
    );
    assert_eq!(
        run(borzoi()
            .args(["expected", "remove", "--file"])
            .arg(&list)
            .arg("1"))
        .code,
        Some(0)
    );
    assert_eq!(told(&scan(&["--expected", list.to_str().unwrap()]).stdout), found);

    let explained = run(borzoi()
        .args(["rules", "explain"])
        .arg(&rules)
        .arg("--event")
        .arg(&all));
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    let first = explained.stdout.lines().next().unwrap();
    assert_eq!(first, "Sends out far more than before: 10.0.0.2");
    assert!(
        explained.stdout.contains("alert\n") && explained.stdout.contains('█'),
        "{}",
        explained.stdout
    );
    assert!(explained.stdout.contains("2 alerts"), "{}", explained.stdout);
}

#[test]
fn what_was_learned_before_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path());
    let state = folder.path().join("state");
    let (before, after) = (
        folder.path().join("before.ndjson"),
        folder.path().join("after.ndjson"),
    );
    logs(&before, 0..96);
    logs(&after, 96..120);
    let with_state = |command: &str, logs: &Path, more: &[&str]| {
        let mut process = borzoi();
        process
            .arg(command)
            .arg(logs)
            .arg("--state")
            .arg(&state)
            .args(more);
        run(process
            .args(["--lateness", "1h", "--output", "jsonl", "--rules"])
            .arg(&rules))
    };
    let refused = run(borzoi().arg("learn").arg(&before).arg("--rules").arg(&rules));
    assert!(
        refused.code == Some(2) && refused.stderr.contains("--state says where"),
        "{}",
        refused.stderr
    );
    let learned = with_state("learn", &before, &[]);
    assert_eq!(learned.code, Some(0), "{}", learned.stderr);
    assert!(
        learned
            .stdout
            .contains("\"title\":\"Sends out far more than before\""),
        "{}",
        learned.stdout
    );
    let known = run(borzoi()
        .args(["baselines", "--output", "jsonl", "--rules"])
        .arg(&rules)
        .arg("--state")
        .arg(&state));
    // What is taken up has less room to grow.
    let rows = |text: &str| -> Vec<serde_json::Value> {
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
        rows.map(|mut row: serde_json::Value| {
            assert!(row["bytes"].take().as_u64().unwrap() > 1_000);
            row
        })
        .collect()
    };
    assert_eq!(rows(&known.stdout), rows(&learned.stdout), "{}", known.stderr);
    let row: serde_json::Value = serde_json::from_str(
        known
            .stdout
            .lines()
            .find(|line| line.contains("Sends out"))
            .unwrap(),
    )
    .unwrap();
    assert_eq!(row["groups"], 3);
    assert!(row["since"].as_str().unwrap().starts_with("2026-11-01T00:"));
    let then = with_state("scan", &after, &["--finish"]);
    assert_eq!(
        told(&then.stdout),
        ["2026-11-05T04 Sends out far more than before: 10.0.0.2"]
    );
    // Nobody knows what is usual on a day alone.
    let alone = run(borzoi()
        .arg("scan")
        .arg(&after)
        .args(["--output", "jsonl", "--rules"])
        .arg(&rules));
    assert_eq!(told(&alone.stdout), Vec::<String>::new());
}

#[test]
fn a_killed_scan_goes_on_learning() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, all) = (rules(folder.path()), folder.path().join("all.ndjson"));
    logs(&all, 0..120);
    let scan = |name: &str, threads: usize| {
        let mut command = borzoi();
        command.arg("scan").arg(&all).arg("--rules").arg(&rules);
        command.args([
            "--threads",
            &threads.to_string(),
            "--batch-rows",
            "50",
            "--output",
            "csv",
        ]);
        command.args(["--lateness", "2h", "--finish", "--state-every", "0s", "--state"]);
        command.arg(folder.path().join(name).join("state"));
        command.arg("--lake").arg(folder.path().join(name).join("lake"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let answers = |name: &str| {
        let lake = folder.path().join(name).join("lake");
        [
            "select count(*) from zeek_conn",
            "select count(*) from alerts where rule_title = 'Calls back'",
            "select count(*) from alerts where rule_title = 'Sends out far more than before'",
            "select cast(sum(date_part('epoch', time)) as bigint) from alerts",
            "select sum(alert_count) from alerts",
        ]
        .map(|sql| count(&lake, sql))
    };
    let started = Instant::now();
    assert!(scan("whole", 1).status().unwrap().success());
    let mut moments = Moments::new(started.elapsed());
    let expected = answers("whole");
    assert!(expected[1] > 0 && expected[2] > 0, "{expected:?}");
    let state = folder.path().join("killed/state/scan.state");
    let mut with_state = 0;
    for threads in [1, 2, 3, 1, 2, 3, 1, 2, 3] {
        let killed = kill_after(moments.next() / 2, scan("killed", threads));
        with_state += usize::from(killed && state.is_file());
        if with_state == 3 {
            break;
        }
    }
    assert!(with_state > 0, "no moment lies in the run");
    assert!(scan("killed", 2).status().unwrap().success());
    assert_eq!(answers("killed"), expected);
}
