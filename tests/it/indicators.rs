//! Lists of indicators on the command line.

use crate::support::run;

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
