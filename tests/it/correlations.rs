//! Correlation rules on the command line: every output, and a stream.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use crate::support::{borzoi, count, run, sysmon_file, sysmon_line};

fn rules(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("rules.yml");
    let text = "
title: Memory dump
name: dump
logsource: {product: windows, category: process_creation}
detection:
    selection: {CommandLine|contains: comsvcs.dll}
    condition: selection
---
title: Many memory dumps
level: high
correlation:
    type: event_count
    rules: dump
    group-by: [User]
    timespan: 1m
    condition: {gte: 3}
";
    std::fs::write(&path, text).expect("the rules are written");
    path
}

#[test]
fn every_output_shows_what_a_correlation_found() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules(dir.path());
    let logs = dir.path().join("sysmon.ndjson");
    // A dump every ten seconds, for ten minutes.
    sysmon_file(&logs, 600);
    let (lake, report) = (dir.path().join("lake"), dir.path().join("report.html"));
    let scan = |output: &str, more: &[&std::ffi::OsStr]| {
        // Paths come first: `--rules` takes all that follow it.
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["scan".as_ref(), logs.as_os_str()];
        arguments.extend(["--output", output, "--rules"].map(std::ffi::OsStr::new));
        arguments.push(rules.as_os_str());
        arguments.extend(more);
        let ran = run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    let stored = [
        "--lake".as_ref(),
        lake.as_os_str(),
        "--report".as_ref(),
        report.as_os_str(),
    ];
    let ran = scan("jsonl", &stored);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ran.stdout);
    let alert: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(alert["rule"]["title"], "Many memory dumps");
    assert_eq!(alert["correlation"]["count"], 60);
    assert_eq!(alert["correlation"]["until"], "2026-03-01T00:10:30.123000Z");
    assert_eq!(alert["correlation"]["group"][0]["value"], r"EXAMPLE\bob");
    assert!(
        ran.stderr.contains("60 matches for correlation rules"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        count(&lake, "select count(*) from alerts where alert_count = 60"),
        1
    );
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("Many memory dumps") && page.contains("gte 3 within 1m"));
    // The same again is stored once.
    scan("jsonl", &stored);
    assert_eq!(count(&lake, "select count(*) from alerts"), 1);
    let table = scan("table", &[]).stdout;
    assert!(table.contains("Many memory dumps"), "{table}");
    let csv = scan("csv", &[]).stdout;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    // Below the level of the correlation nothing of it runs.
    let none = scan("jsonl", &["--min-level".as_ref(), "critical".as_ref()]);
    assert_eq!(none.stdout, "");
}

#[test]
fn a_stream_alerts_at_once_and_again_when_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let rules = rules(dir.path());
    let mut child = borzoi()
        .args(["scan", "-", "--output", "jsonl", "--quiet", "--rules"])
        .arg(&rules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..=20 {
        writeln!(input, "{}", sysmon_line(number)).unwrap();
    }
    input.flush().unwrap();
    // No more input: what comes now comes before the end.
    let first: serde_json::Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["correlation"]["count"], 3);
    assert_eq!(first["correlation"].get("until"), None);
    writeln!(input, "{}", sysmon_line(30)).unwrap();
    drop(input);
    let over: serde_json::Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
    assert_eq!(over["id"], first["id"]);
    assert_eq!(over["correlation"]["count"], 4);
    assert!(output.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
