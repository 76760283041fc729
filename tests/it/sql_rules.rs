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
    lines.map(|line| serde_json::from_str(line).expect("an alert is JSON")).collect()
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
    let arguments = ["scan", logs.to_str().unwrap(), "--dataset", "zeek.conn", "-o", "jsonl", "--rules"];
    let ran = run(arguments.into_iter().chain([rules.to_str().unwrap()]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = alerts(&ran.stdout);
    assert_eq!(found.len(), 1, "{}\n{}", ran.stdout, ran.stderr);
    let alert = &found[0];
    assert_eq!(alert["rule"]["title"], "Many hosts reached over SMB by one source");
    assert_eq!(alert["rule"]["level"], "high");
    assert_eq!(alert["entities"]["addresses"], json!(["10.0.0.7"]));
    assert_eq!(alert["dataset"], "zeek.conn");
    let correlation = &alert["correlation"];
    assert_eq!(correlation["group"], json!([{"field": "source_ip", "value": "10.0.0.7"}]));
    // Two windows, one after the other.
    assert_eq!(correlation["count"], 6);
    assert_eq!(correlation["value"], 3.0);
    assert_eq!(correlation["until"], "2026-01-01T00:20:00.000000Z");
    assert_eq!(alert["event"], json!({"source_ip": "10.0.0.7", "hosts": 3, "bytes": 300}));
}
