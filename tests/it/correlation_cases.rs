//! Correlations as the specification and public tests write them: `tests/correlations`, and what alerts say.
//! `docs/correlations.md` says where each form comes from.

use std::path::Path;

use crate::support::run;

const CATALOG: &str = "tests/correlations/catalog";
const CASES: &str = "tests/correlations/cases";

/// How many cases the test files below a folder hold.
fn cases_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    paths
        .map(|path| match path.extension().and_then(|end| end.to_str()) {
            None if path.is_dir() => cases_below(&path),
            Some("ndjson") => {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                text.lines().count()
            }
            _ => 0,
        })
        .sum()
}

#[test]
fn every_form_of_a_correlation_means_what_is_written() {
    let cases = cases_below(Path::new(CASES));
    assert!(cases > 150, "{cases}");
    let ran = run(["rules", "test", CASES, "--catalog", CATALOG]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let passed = format!("{cases} cases passed, 0 failed");
    assert!(ran.stdout.contains(&passed), "{}", ran.stdout);
}

#[test]
fn every_form_of_a_correlation_is_read() {
    let ran = run(["rules", "check", CASES, "--catalog", CATALOG, "--output", "jsonl"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let codes: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| {
            let problem: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            problem["code"].as_str().expect("a code").to_owned()
        })
        .collect();
    // One has an alias for nothing, as public tests do; another asks for a field that only its events have.
    assert_eq!(codes, ["unused-alias", "unknown-field"]);
}

const RULES: &str = "title: Flood
name: flood
correlation: {type: event_count, rules: [a], group-by: [user], timespan: 10s, condition: {gte: 3}}
---
title: Sum
correlation: {type: value_sum, rules: [b], group-by: [user], timespan: 10s, condition: {field: size, gte: 0.3}}
---
title: Flood, then one
correlation: {type: temporal_ordered, rules: [flood, c], group-by: [user], timespan: 10s, generate: true}
---
title: Any account
correlation: {type: value_count, rules: [d], group-by: [account], timespan: 10s, condition: {field: user, gte: 2}, generate: true}
---
title: A
name: a
logsource: {product: lab}
detection: {selection: {kind: a}, condition: selection}
---
title: B
name: b
logsource: {product: lab}
detection: {selection: {kind: b}, condition: selection}
---
title: C
name: c
logsource: {product: lab}
detection: {selection: {kind: c}, condition: selection}
---
title: D
name: d
logsource: {product: lab}
detection: {selection: {kind: d}, condition: selection}
";

/// For an alert of a correlation: title, time, end, events, value, highest value, group. For others title and time.
fn told(line: &str) -> String {
    let alert: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let clock = |time: &serde_json::Value| {
        let time = time.as_str().expect("a time");
        time[17..26]
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    };
    let (title, time) = (
        alert["rule"]["title"].as_str().unwrap_or_default(),
        &alert["time"],
    );
    let found = &alert["correlation"];
    if found.is_null() {
        return format!("{title}: {}", clock(time));
    }
    let group = found["group"][0]["value"].as_str().unwrap_or_default();
    format!(
        "{title}: {} to {}, {} events, {} at most {}, {group}",
        clock(time),
        clock(&found["until"]),
        found["count"],
        found["value"],
        found["peak"]
    )
}

#[test]
fn alerts_say_when_the_condition_held_and_what_was_measured() {
    let dir = tempfile::tempdir().unwrap();
    let event = |second: &str, kind: &str, more: &str| {
        format!(r#"{{"at":"2026-03-02T10:00:{second}Z","kind":"{kind}",{more}}}"#)
    };
    let mut lines: Vec<String> = ["00", "01", "02", "03.5", "14"]
        .map(|second| event(second, "a", r#""user":"ann""#))
        .into();
    lines.push(event("04", "a", r#""user":"bob""#));
    lines.push(event("00", "b", r#""user":"ann","size":0.1"#));
    lines.push(event("09.999999", "b", r#""user":"ann","size":0.2"#));
    lines.push(event("11.5", "c", r#""user":"Ann""#));
    lines.push(event("20", "d", r#""user":"ann","account":["x","y"]"#));
    lines.push(event("21", "d", r#""user":"bob","account":"y""#));
    let (rules, logs) = (dir.path().join("r.yml"), dir.path().join("e.ndjson"));
    std::fs::write(&rules, RULES).unwrap();
    let scan = |lines: &[String]| {
        std::fs::write(&logs, lines.join("\n") + "\n").unwrap();
        let mut arguments = vec!["scan", logs.to_str().unwrap(), "--output", "jsonl"];
        arguments.extend(["--catalog", CATALOG, "--rules", rules.to_str().unwrap()]);
        let ran = run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let mut told: Vec<String> = ran.stdout.lines().map(told).collect();
        told.sort();
        told
    };
    let expected = [
        "Any account: 21 to 30, 2 events, 2.0 at most 2.0, y",
        // Below `generate: true` the rules that are read say something too.
        "C: 11.5",
        "D: 20",
        "D: 21",
        "Flood, then one: 11.5 to 13.5, 3 events, 2.0 at most 2.0, Ann",
        // It began with the third and held until the second left.
        "Flood: 02 to 11, 4 events, 3.0 at most 4.0, ann",
        "Sum: 09.999999 to 10, 2 events, 0.30000000000000004 at most 0.30000000000000004, ann",
    ];
    assert_eq!(scan(&lines), expected);
    lines.reverse();
    assert_eq!(scan(&lines), expected);
}
