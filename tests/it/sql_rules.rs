//! Rules in SQL on the command line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::run;

const SMB: &str = "
title: Many hosts reached over SMB by one source
id: 0c3b8f5e-7b43-4a2e-9a56-6f6a8d4f9a01
level: high
tags: [attack.lateral_movement, attack.t1021.002]
sql: |
    select source_ip, count(distinct destination_ip) as hosts, sum(source_bytes) as bytes
    from zeek.conn
    where destination_port = 445
    group by source_ip, tumble(time, interval '10 minutes')
    having count(distinct destination_ip) >= 3
entities: [source_ip]
";

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("the file is written");
    path
}

/// Connections: second, source, destination, port, bytes.
fn connections(all: &[(u32, &str, &str, u16, u32)]) -> String {
    let mut text = String::new();
    for (number, (second, source, destination, port, bytes)) in all.iter().enumerate() {
        let line = json!({
            "ts": 1_767_225_600.0 + f64::from(*second), "uid": format!("C{number}"),
            "id.orig_h": source, "id.orig_p": 50_000, "id.resp_h": destination, "id.resp_p": port,
            "proto": "tcp", "orig_ip_bytes": bytes, "conn_state": "SF",
        });
        writeln!(text, "{line}").expect("writing to a String cannot fail");
    }
    text
}

fn alerts(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("an alert is JSON"))
        .collect()
}

#[test]
fn a_select_with_a_window_alerts_once_for_an_entity() {
    let dir = tempfile::tempdir().unwrap();
    let rules = file(dir.path(), "smb.yml", SMB);
    let mut all = vec![
        (0, "10.0.0.9", "10.0.1.1", 445, 1),
        (10, "10.0.0.9", "10.0.1.2", 445, 1),
        // Another port.
        (11, "10.0.0.9", "10.0.1.3", 80, 1),
        // The next window.
        (601, "10.0.0.9", "10.0.1.3", 445, 1),
    ];
    for (number, second) in [5, 3, 4, 650, 640, 1100].into_iter().enumerate() {
        let destination = ["10.0.2.1", "10.0.2.2", "10.0.2.3"][number % 3];
        all.push((second, "10.0.0.7", destination, 445, 100));
    }
    let logs = file(dir.path(), "conn.ndjson", &connections(&all));
    let arguments = [
        "scan",
        logs.to_str().unwrap(),
        "--dataset",
        "zeek.conn",
        "-o",
        "jsonl",
        "--rules",
    ];
    let ran = run(arguments.into_iter().chain([rules.to_str().unwrap()]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = alerts(&ran.stdout);
    assert_eq!(found.len(), 1, "{}\n{}", ran.stdout, ran.stderr);
    let alert = &found[0];
    assert_eq!(
        alert["rule"]["title"],
        "Many hosts reached over SMB by one source"
    );
    assert_eq!(alert["rule"]["level"], "high");
    assert_eq!(alert["entities"]["addresses"], json!(["10.0.0.7"]));
    assert_eq!(alert["dataset"], "zeek.conn");
    let correlation = &alert["correlation"];
    assert_eq!(
        correlation["group"],
        json!([{"field": "source_ip", "value": "10.0.0.7"}])
    );
    // Two windows, one after the other.
    assert_eq!(correlation["count"], 6);
    assert_eq!(correlation["value"], 3.0);
    assert_eq!(correlation["until"], "2026-01-01T00:20:00.000000Z");
    assert_eq!(
        alert["event"],
        json!({"source_ip": "10.0.0.7", "hosts": 3, "bytes": 300})
    );
    // The same with a lake, into which alerts go too.
    let lake = dir.path().join("lake");
    let lake = lake.to_str().unwrap();
    let arguments = [
        "scan",
        logs.to_str().unwrap(),
        "--dataset",
        "zeek.conn",
        "-o",
        "jsonl",
        "--lake",
        lake,
        "--rules",
    ];
    let stored = run(arguments.into_iter().chain([rules.to_str().unwrap()]));
    assert_eq!(
        (stored.code, &stored.stdout),
        (Some(0), &ran.stdout),
        "{}",
        stored.stderr
    );
    let ran = run([
        "hunt",
        "--lake",
        lake,
        "-o",
        "jsonl",
        "select a.rule_title, a.alert_count, c.source_ip from alerts a join zeek_conn c on c.event_id = a.alert_event_id",
    ]);
    let row = json!({"rule_title": alert["rule"]["title"], "alert_count": 6, "source_ip": "10.0.0.7"});
    assert_eq!(alerts(&ran.stdout), [row], "{}", ran.stderr);
}

#[test]
fn a_group_of_datasets_is_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let text = "
title: Talks
sql: |
    select source.ip, count(*) as n, count(distinct dataset) as kinds, max(tenant) as whose, min(day) as day
    from events
    where message is null or length(message) >= 0
    group by 1, session(time, interval '1 minute')
    having count(distinct dataset) > 1
";
    let rules = file(dir.path(), "talks.yml", text);
    let mut lines = String::new();
    for second in 0..4 {
        let ts = 1_767_225_600 + second * 50;
        let conn = json!({"_path": "conn", "ts": ts, "uid": "C1", "id.orig_h": "10.0.0.7", "id.orig_p": 5, "id.resp_h": "10.0.1.1", "id.resp_p": 445, "proto": "tcp", "conn_state": "SF"});
        let dns = json!({"_path": "dns", "ts": ts, "uid": "C2", "id.orig_h": format!("10.0.0.{second}"), "id.orig_p": 5, "id.resp_h": "10.0.1.1", "id.resp_p": 53, "proto": "udp", "query": "example.com"});
        writeln!(lines, "{conn}\n{dns}").unwrap();
    }
    let last = json!({"_path": "dns", "ts": 1_767_225_780, "uid": "C3", "id.orig_h": "10.0.0.7", "id.orig_p": 5, "id.resp_h": "10.0.1.1", "id.resp_p": 53, "proto": "udp", "query": "example.org"});
    writeln!(lines, "{last}").unwrap();
    let logs = file(dir.path(), "zeek.ndjson", &lines);
    let ran = run([
        "scan",
        logs.to_str().unwrap(),
        "-o",
        "jsonl",
        "--rules",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = alerts(&ran.stdout);
    assert_eq!(found.len(), 1, "{}", ran.stdout);
    let row = json!({"source_ip": "10.0.0.7", "n": 5, "kinds": 2, "whose": "default", "day": "2026-01-01"});
    assert_eq!(found[0]["event"], row);
    assert_eq!(found[0]["correlation"]["until"], "2026-01-01T00:04:00.000000Z");
}

#[test]
fn the_examples_do_what_their_cases_say() {
    let folder = Path::new("tests/sql_rules");
    let ran = run(["rules", "test", folder.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("3 rule files"), "{}", ran.stdout);
    // And what the page about them begins with.
    let page = std::fs::read_to_string("docs/sql-rules.md").unwrap();
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let dir = tempfile::tempdir().unwrap();
    let example = file(dir.path(), "example.yml", example.unwrap());
    let (folder, example) = (folder.to_str().unwrap(), example.to_str().unwrap());
    let ran = run(["rules", "check", "--strict", folder, example]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn mistakes_are_shown_at_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let rules = file(
        dir.path(),
        "smb.yml",
        &SMB.replace("source_bytes)", "sorce_bytes)"),
    );
    let ran = run(["rules", "check", rules.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let place = format!(
        "{}:7:68: error: no column `sorce_bytes` in zeek_conn; did you mean source_bytes",
        rules.display()
    );
    assert!(ran.stdout.contains(&place), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 failed"), "{}", ran.stdout);
    let logs = file(dir.path(), "conn.ndjson", &connections(&[]));
    let ran = run(["scan", logs.to_str().unwrap(), "--rules", rules.to_str().unwrap()]);
    assert!(ran.stderr.contains("no column `sorce_bytes`"), "{}", ran.stderr);
}

#[test]
fn explaining_shows_the_window_and_what_an_event_counts_for() {
    let dir = tempfile::tempdir().unwrap();
    let rules = file(
        dir.path(),
        "smb.yml",
        &SMB.replace("tumble(time,", "hop(time, interval '4 minutes',"),
    );
    let logs = file(
        dir.path(),
        "conn.ndjson",
        &connections(&[
            (0, "10.0.0.9", "10.0.1.1", 445, 1),
            (1, "10.0.0.9", "10.0.1.1", 80, 1),
        ]),
    );
    let arguments = [
        "rules",
        "explain",
        rules.to_str().unwrap(),
        "--dataset",
        "zeek.conn",
        "--event",
    ];
    let ran = run(arguments.into_iter().chain([logs.to_str().unwrap()]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for line in [
        "reads zeek_conn (zeek.conn)",
        "windows 10m long, one every 4m; added up by 2m",
        "alerts are about source_ip",
        // Those at 23:52, 23:56 and midnight hold it.
        "source_ip = \"10.0.0.9\", in the windows that begin from 2025-12-31T23:52:00.000000Z to 2026-01-01T00:00:00.000000Z",
        "`where` does not hold",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
}

#[test]
fn a_state_goes_on_in_the_middle_of_a_window() {
    let dir = tempfile::tempdir().unwrap();
    let rules = file(dir.path(), "smb.yml", SMB);
    let state = dir.path().join("state");
    let logs = dir.path().join("conn.ndjson");
    let scan = |all: &[(u32, &str, &str, u16, u32)]| {
        std::fs::write(&logs, connections(all)).unwrap();
        let ran = run([
            "scan",
            logs.to_str().unwrap(),
            "--dataset",
            "zeek.conn",
            "-o",
            "jsonl",
            "--lateness",
            "1m",
            "--state",
            state.to_str().unwrap(),
            "--rules",
            rules.to_str().unwrap(),
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        alerts(&ran.stdout)
    };
    let mut all = vec![
        (1, "10.0.0.7", "10.0.2.1", 445, 1),
        (2, "10.0.0.7", "10.0.2.2", 445, 1),
    ];
    assert_eq!(scan(&all), [Value::Null; 0]);
    all.push((500, "10.0.0.7", "10.0.2.3", 445, 1));
    all.push((700, "10.0.0.8", "10.0.2.3", 80, 1));
    let found = scan(&all);
    // The window is over; the next one may go on with it.
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["correlation"]["count"], 3);
    assert!(found[0]["correlation"].get("until").is_none());
    all.push((2000, "10.0.0.8", "10.0.2.3", 80, 1));
    let over = scan(&all);
    assert_eq!((over.len(), &over[0]["id"]), (1, &found[0]["id"]));
    assert_eq!(over[0]["correlation"]["until"], "2026-01-01T00:10:00.000000Z");
}
