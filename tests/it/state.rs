//! `--state`: a scan that is killed goes on; a log that grows is read on; wrong use is told.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::kill::{Moments, kill_after};
use crate::support::{borzoi, count, run, sysmon_file, sysmon_line};

const EVENTS: usize = 1_500;
const CHAIN: usize = 4;

/// One alert for each event, and one for each stretch in which a host dumps often.
const RULES: &str = r"
title: Memory of a process dumped
name: dump
logsource: {product: windows, category: process_creation}
detection:
    selection: {CommandLine|contains: MiniDump}
    condition: selection
---
title: Dumped again and again
correlation:
    type: event_count
    rules: dump
    generate: true
    group-by: [host.name]
    timespan: 5m
    condition: {gte: 2}
";

fn scan(logs: &Path, lake: &Path, state: Option<&Path>) -> Command {
    let mut command = borzoi();
    command
        .args(["scan", "--rules"])
        .arg(logs.with_file_name("rules.yml"))
        .args(["--batch-rows", "100", "--output", "csv", "--lake"])
        .arg(lake)
        .arg(logs)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(state) = state {
        command
            .args(["--state-every", "0s", "--finish", "--state"])
            .arg(state);
    }
    command
}

#[test]
fn a_killed_scan_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    sysmon_file(&logs, EVENTS);
    std::fs::write(logs.with_file_name("rules.yml"), RULES).unwrap();
    let whole = dir.path().join("whole");
    assert!(scan(&logs, &whole, None).status().unwrap().success());
    let answers = |lake: &Path| -> Vec<u64> {
        [
            "select count(*) from windows_sysmon",
            "select count(distinct event_id) from windows_sysmon",
            "select count(*) from alerts where rule_title = 'Memory of a process dumped'",
            "select count(*) from alerts where rule_title = 'Dumped again and again'",
            "select sum(alert_count) from alerts where rule_title = 'Dumped again and again'",
        ]
        .iter()
        .map(|sql| count(lake, sql))
        .collect()
    };
    let expected = answers(&whole);
    assert_eq!(expected[0], EVENTS as u64);
    assert!(expected[2] == 150 && expected[3] > 3, "{expected:?}");

    let (lake, state) = (dir.path().join("lake"), dir.path().join("state"));
    let started = Instant::now();
    let other = dir.path().join("other");
    assert!(
        scan(&logs, &other.join("lake"), Some(&other))
            .status()
            .unwrap()
            .success()
    );
    let mut moments = Moments::new(started.elapsed());
    let mut killed = 0;
    for _ in 0..CHAIN {
        // A moment among those that the whole takes: each leaves less to do.
        killed += usize::from(kill_after(moments.next() / 2, scan(&logs, &lake, Some(&state))));
    }
    assert!(killed > 0, "no moment lies in the run");
    assert!(scan(&logs, &lake, Some(&state)).status().unwrap().success());
    assert_eq!(answers(&lake), expected);
}

#[test]
fn a_log_that_grows() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    std::fs::write(logs.with_file_name("rules.yml"), RULES).unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let arguments = [
        "scan",
        "--rules",
        &path("rules.yml"),
        "--state",
        &path("state"),
        "--lateness",
        "1m",
        "--output",
        "jsonl",
        &path("sysmon.ndjson"),
    ];
    let mut text = String::new();
    let mut alerts = Vec::new();
    for day in 0..3 {
        // Of host 0, a dump every 50 seconds.
        for number in day * 100..(day + 1) * 100 {
            text += &sysmon_line(number);
            text += "\n";
        }
        std::fs::write(&logs, &text).unwrap();
        let ran = run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("100 events"), "{}", ran.stderr);
        alerts.push(
            ran.stdout
                .lines()
                .filter(|line| line.contains("again and again"))
                .count(),
        );
    }
    // The first day tells of each of five hosts; then it is still the same.
    assert_eq!(alerts, [5, 0, 0]);
    let ran = run(arguments);
    assert!(ran.stderr.contains("1 inputs were read before"), "{}", ran.stderr);
    let mut over = arguments.to_vec();
    over.push("--finish");
    let ran = run(over);
    // Those five are over: the same alerts once more, with all that they count.
    let counts: Vec<u64> = ran
        .stdout
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["correlation"]["count"].as_u64()
        })
        .collect();
    assert_eq!(counts, [6; 5], "{}", ran.stderr);
}

#[test]
fn wrong_use_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    sysmon_file(&logs, 10);
    let (logs, state) = (logs.to_str().unwrap(), dir.path().join("state"));
    let state_path = state.to_str().unwrap();
    let ran = run(["scan", logs, "--state", state_path]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--lateness"), "{}", ran.stderr);
    assert_eq!(run(["scan", logs, "--finish"]).code, Some(2));
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("scan.state"), "something else").unwrap();
    let ran = run(["scan", logs, "--state", state_path, "--finish"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("not the state of a scan"), "{}", ran.stderr);
    // The lock of a scan that hangs.
    std::fs::remove_file(state.join("scan.state")).unwrap();
    let lock = std::fs::File::open(state.join("lock")).unwrap();
    lock.lock().unwrap();
    let started = Instant::now();
    let ran = run(["scan", logs, "--state", state_path, "--finish"]);
    assert!(
        ran.stderr.contains("another scan uses this state"),
        "{}",
        ran.stderr
    );
    assert!(started.elapsed() < Duration::from_secs(60));
}
