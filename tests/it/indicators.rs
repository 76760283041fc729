//! Lists of indicators on the command line.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{borzoi, run};

fn line(second: u32, address: &str) -> String {
    format!(
        r#"{{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1.example.com","UtcTime":"2026-03-01 10:00:{second:02}.000","Image":"C:\\a.exe","SourceIp":"10.0.0.1","DestinationIp":"{address}"}}"#
    )
}

const RULE: &str = "
title: Beacon
level: critical
correlation:
    type: event_count
    rules: indicator_example
    group-by: [destination.ip]
    timespan: 1m
    condition: {gte: 3}
    generate: true
";

#[test]
fn lists_are_scanned_for_counted_and_hunted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let lines: Vec<String> = (0..4)
        .map(|second| line(second, if second < 3 { "192.0.2.66" } else { "10.0.0.2" }))
        .collect();
    std::fs::write(path("sysmon.ndjson"), lines.join("\n") + "\n").unwrap();
    std::fs::write(path("rule.yml"), RULE).unwrap();
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/data/indicators");
    let ran = run([
        "scan",
        &path("sysmon.ndjson"),
        "--lake",
        &path("lake"),
        "--output",
        "jsonl",
        "--rules",
        &path("rule.yml"),
        "--indicators",
        list,
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("5 indicators in 1 lists"), "{}", ran.stderr);
    let alerts: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |title: &str| {
        alerts
            .iter()
            .filter(|alert| alert["rule"]["title"] == title)
            .count()
    };
    assert_eq!(
        (of("Indicator of example"), of("Beacon"), alerts.len()),
        (3, 1, 4),
        "{}",
        ran.stdout
    );
    let said = alerts[0]["matched"][0]["matcher"].as_str().unwrap();
    assert!(
        said.starts_with("in list example: 192.0.2.66 (Where the example calls home; labels: c2, example;"),
        "{said}"
    );

    let sql = "select count(*) as n from windows_sysmon where indicator(destination_ip) is not null";
    let ran = run([
        "hunt",
        sql,
        "--lake",
        &path("lake"),
        "--output",
        "jsonl",
        "--indicators",
        list,
    ]);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), r#"{"n":3}"#),
        "{}",
        ran.stderr
    );
    let ran = run([
        "hunt",
        "--lake",
        &path("lake"),
        "--output",
        "jsonl",
        "--indicators",
        list,
    ]);
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (Some(0), 3),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_indicator_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("sysmon.ndjson"), line(0, "192.0.2.66") + "\n").unwrap();
    std::fs::write(path("bad.txt"), "192.0.2.66\nnothing\n").unwrap();
    std::fs::write(path("none.txt"), "nothing\n").unwrap();
    let scan = |list: &str| {
        run([
            "scan",
            &path("sysmon.ndjson"),
            "--output",
            "jsonl",
            "--indicators",
            &path(list),
        ])
    };
    let ran = scan("bad.txt");
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (Some(4), 1),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(
        ran.stderr.contains("bad.txt:2: `nothing` is no address"),
        "{}",
        ran.stderr
    );
    assert_eq!(scan("none.txt").code, Some(1));
    assert_eq!(scan("missing.txt").code, Some(1));
}

/// A server of one list, which may be changed; says each time that it was asked.
fn server(list: &Arc<Mutex<String>>) -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let list = list.clone();
    let (asked, times) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let body = list.lock().expect("no panic").clone();
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = (&stream).write_all(answer.as_bytes());
            let _ = asked.send(());
        }
    });
    (format!("http://{address}/botnet.txt?key=secret"), times)
}

#[test]
fn a_list_on_a_server_is_asked_for_again_while_a_stream_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let list = Arc::new(Mutex::new("192.0.2.1\n".to_owned()));
    let never = dir.path().join("never.yml");
    let rule =
        "title: Never\nlogsource: {product: windows}\ndetection: {s: {EventID: 65000}, condition: s}\n";
    std::fs::write(&never, rule).unwrap();
    let (url, times) = server(&list);
    let mut scan = borzoi()
        .args(["scan", "-", "--output", "jsonl", "--threads", "2", "--rules"])
        .arg(&never)
        .args(["--indicators", &url, "--indicators-every", "1s"])
        .env("BORZOI_CACHE", dir.path())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = scan.stdin.take().unwrap();
    let output = BufReader::new(scan.stdout.take().unwrap());
    let (found, heard) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let alert: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(alert["rule"]["title"], "Indicator of botnet");
            let value = alert["matched"][0]["value"].as_str().unwrap_or_default();
            found.send(value.to_owned()).expect("heard to the end");
        }
    });
    // The same two values all the time, so that what is remembered of them has to be forgotten.
    let started = Instant::now();
    let mut second = 0;
    let mut all = Vec::new();
    let mut until = |is_enough: &mut dyn FnMut(Option<&str>) -> bool| {
        loop {
            for address in ["192.0.2.1", "192.0.2.2"] {
                writeln!(input, "{}", line(second % 60, address)).unwrap();
            }
            input.flush().unwrap();
            second += 1;
            let value = heard.recv_timeout(Duration::from_millis(100)).ok();
            all.extend(value.clone());
            if is_enough(value.as_deref()) {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "{all:?}");
        }
    };
    until(&mut |value| value == Some("192.0.2.1"));
    *list.lock().expect("no panic") = "192.0.2.2\n".to_owned();
    until(&mut |value| value == Some("192.0.2.2"));
    // A server that loses its list does not empty it.
    *list.lock().expect("no panic") = "<html>moved</html>".to_owned();
    times.try_iter().for_each(drop);
    let mut asked = 0;
    until(&mut |_| {
        asked += times.try_iter().count();
        asked >= 2
    });
    until(&mut |value| value == Some("192.0.2.2"));
    drop(input);
    let ended = scan.wait_with_output().unwrap();
    reader.join().unwrap();
    all.extend(heard.try_iter());
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("is no list") && !stderr.contains("secret"),
        "{stderr}"
    );
    // Two threads may change one block apart, but both have.
    assert_eq!(all.last().map(String::as_str), Some("192.0.2.2"), "{all:?}");
}

#[test]
fn rules_over_lists_are_tested_and_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let case = |expect: bool, times: u32, address: &str| {
        let events: Vec<String> = (0..times).map(|second| line(second, address)).collect();
        format!(
            r#"{{"expect": {expect}, "note": "{address}", "events": [{}]}}"#,
            events.join(",")
        )
    };
    std::fs::write(path("rule.yml"), RULE).unwrap();
    std::fs::write(
        path("rule.test.ndjson"),
        case(true, 3, "192.0.2.66") + "\n" + &case(false, 2, "192.0.2.66"),
    )
    .unwrap();
    std::fs::write(path("event.json"), line(1, "192.0.2.66") + "\n").unwrap();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/data/indicators");
    let tested = run(["rules", "test", &path("rule.yml"), "--indicators", lists]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    assert!(
        tested.stdout.starts_with("1 rule files: 2 cases passed"),
        "{}",
        tested.stdout
    );
    // A case that the list decides: without its address it does not fire.
    std::fs::write(path("rule.test.ndjson"), case(true, 3, "10.0.0.2") + "\n").unwrap();
    let tested = run(["rules", "test", &path("rule.yml"), "--indicators", lists]);
    assert_eq!(tested.code, Some(1), "{}", tested.stdout);
    let (rule, event) = (path("rule.yml"), path("event.json"));
    let explained = run([
        "rules",
        "explain",
        &rule,
        "--indicators",
        lists,
        "--event",
        &event,
    ]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert!(
        explained.stdout.contains("matches: Indicator of example"),
        "{}",
        explained.stdout
    );
}

/// Rules in SQL look into the lists too: where they are checked, explained and tested as where they run.
#[test]
fn rules_in_sql_see_the_lists() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let rule = "
title: Called often
level: high
sql: |
    select destination.ip, count(*) as calls from windows.sysmon
    where indicator_of('example', destination.ip)
    group by destination.ip, tumble(time, interval '1 minute')
    having count(*) >= 2
entities: [destination.ip]
";
    let case = |expect: bool, times: u32, address: &str| {
        let events: Vec<String> = (0..times).map(|second| line(second, address)).collect();
        let events = events.join(",");
        format!(r#"{{"expect": {expect}, "note": "{times} of {address}", "events": [{events}]}}"#)
    };
    std::fs::write(path("rule.yml"), rule).unwrap();
    let cases = [case(true, 2, "192.0.2.66"), case(false, 1, "192.0.2.66")];
    std::fs::write(path("rule.test.ndjson"), cases.join("\n") + "\n").unwrap();
    std::fs::write(path("event.json"), line(1, "192.0.2.66") + "\n").unwrap();
    std::fs::write(path("other.json"), line(1, "10.0.0.2") + "\n").unwrap();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/data/indicators");
    let (rule, event, other) = (path("rule.yml"), path("event.json"), path("other.json"));
    let tested = run(["rules", "test", &rule, "--indicators", lists]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    assert!(
        tested.stdout.starts_with("1 rule files: 2 cases passed"),
        "{}",
        tested.stdout
    );
    let checked = run(["rules", "check", &rule, "--indicators", lists]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let explained = |event: &str| {
        let ran = run(["rules", "explain", &rule, "--indicators", lists, "--event", event]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let (listed, unlisted) = (explained(&event), explained(&other));
    assert!(listed.contains("✓ counts for: Called often"), "{listed}");
    assert!(
        unlisted.contains("✗ does not count for: Called often"),
        "{unlisted}"
    );
    // Without the lists nothing can be said, and it is not said that all is well.
    let tested = run(["rules", "test", &rule]);
    assert_eq!(tested.code, Some(1), "{}{}", tested.stdout, tested.stderr);
}

#[test]
fn correlations_are_explained_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let rule = format!(
        "{RULE}borzoi: {{window: hopping, hop: 10s, distinct: {{field: host.name, gte: 2}}, lateness: 10m}}\n"
    );
    std::fs::write(path("rule.yml"), rule).unwrap();
    std::fs::write(path("event.json"), line(1, "192.0.2.66") + "\n").unwrap();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/data/indicators");
    let (rule, event) = (path("rule.yml"), path("event.json"));
    let ran = run([
        "rules",
        "explain",
        &rule,
        "--indicators",
        lists,
        "--event",
        &event,
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for line in [
        "├─ counts events of `Indicator of example`",
        "├─ in windows 1m long, one every 10s",
        "├─ holds where there are at least 3, with at least 2 distinct values of host.name",
        "└─ waits 10m for late events, in place of --lateness",
    ] {
        assert!(ran.stdout.contains(line), "{line} in {}", ran.stdout);
    }
}
