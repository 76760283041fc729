//! Queries on the command line: every output, the lake, mistakes, a stream.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{borzoi, count, ran, run, sysmon_file};

const DUMP_TWICE: &str = "sequence by User with maxspan=15s
    [process where CommandLine : \"*comsvcs.dll*\"]
    [process where CommandLine : \"*comsvcs.dll*\" and length(CommandLine) > 20]";

#[test]
fn every_output_shows_what_a_sequence_found() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, lake, report) = (
        dir.path().join("sysmon.ndjson"),
        dir.path().join("lake"),
        dir.path().join("report.html"),
    );
    // A dump every ten seconds, four of them.
    sysmon_file(&logs, 40);
    let logs = logs.to_str().unwrap();
    let (lake_dir, report_file) = (lake.to_str().unwrap(), report.to_str().unwrap());
    let stored = [
        "scan",
        logs,
        "--eql",
        DUMP_TWICE,
        "-o",
        "jsonl",
        "--lake",
        lake_dir,
        "--report",
        report_file,
    ];
    let found = run(stored);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let alerts: Vec<Value> = found
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(alerts.len(), 3, "{}", found.stdout);
    assert_eq!(alerts[0]["correlation"]["type"], "sequence");
    assert_eq!(alerts[0]["correlation"]["evidence"].as_array().unwrap().len(), 2);
    assert_eq!(
        count(&lake, "select count(*) from alerts where alert_count = 2"),
        3
    );
    assert!(
        std::fs::read_to_string(&report)
            .unwrap()
            .contains("sequence by User")
    );
    for output in ["table", "csv"] {
        let found = run(["scan", logs, "--eql", DUMP_TWICE, "-o", output]);
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(found.stdout.contains("sequence by User"), "{}", found.stdout);
    }
    // Storing the same again stores nothing twice.
    assert_eq!(run(stored).code, Some(0));
    assert_eq!(count(&lake, "select count(*) from alerts"), 3);
}

#[test]
fn kql_and_single_events_alert_like_rules() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    sysmon_file(&logs, 40);
    let found = run([
        "scan",
        logs.to_str().unwrap(),
        "--kql",
        "process.command_line: *comsvcs.dll* and not host.name: ws0*",
        "-o",
        "jsonl",
    ]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let alerts: Vec<Value> = found
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(alerts.len(), 3);
    let matched = alerts[0]["matched"].to_string();
    assert!(matched.contains("comsvcs.dll"), "{matched}");
}

#[test]
fn mistakes_are_the_user_s_and_say_where() {
    for (arguments, told) in [
        (
            vec!["scan", "x", "--eql", "process where lenght(a) > 1"],
            "`length`",
        ),
        (vec!["scan", "x", "--kql", "a: (b"], "1:"),
        (
            vec!["scan", "x", "--eql", "any where true", "--kql", "a: b"],
            "cannot be used with",
        ),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_stream_is_told_what_waits_for_its_end() {
    let mut child = borzoi();
    let child = child
        .args(["scan", "-", "--eql", "any where true | tail 1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its input ends here.
    let ran = ran(child.wait_with_output().unwrap());
    assert!(ran.stderr.contains("when the input ends"), "{}", ran.stderr);
}
