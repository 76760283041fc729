//! The open cases of other parsers' test suites for the text formats: every raw line is parsed, and what
//! stands word for word in the line is looked for in the events.
//!
//! The cases are read where they lie (see `CONTRIBUTING.md`); without them the test says so and passes. Set
//! `BORZOI_SHOW=1` to see the values that were missed.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_parsers::output::{EventWriter, JsonStyle};
use borzoi_parsers::{ParseOptions, parse_all};
use serde_json::{Map, Value};

/// Formats and the share of literal values (in percent) below which something has been broken.
const FORMATS: [(&str, u32); 10] = [
    // A mark of network gear is no tag, and Snare's text is a Windows event: both deliberately not what is wanted there.
    ("syslog_rfc3164", 88),
    ("syslog_rfc5424", 94),
    ("linux_auth", 85),
    ("auditd", 92),
    ("zeek_tsv", 55),
    ("zeek_json", 75),
    ("nginx_access", 60),
    ("apache_access", 74),
    ("log_injection", 40),
    ("adversarial", 0),
];

/// Not scored by the corpora's own tool either.
const NOT_SCORED: [&str; 6] = [
    "wazuh.",
    "fail2ban.",
    "error.",
    "event.dataset",
    "observer.product",
    "log.syslog.",
];

fn corpora() -> PathBuf {
    std::env::var_os("BORZOI_CORPORA").map_or_else(|| PathBuf::from("../../shared/corpora"), PathBuf::from)
}

fn events(raw: &[u8]) -> Vec<Map<String, Value>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("case.log");
    fs::write(&path, raw).expect("writing a temporary file");
    let inputs = InputSet::expand(&[path.to_str().expect("a path in UTF-8")]);
    let mut events = Vec::new();
    parse_all(
        &inputs,
        &Catalog::builtin(),
        &ParseOptions::default(),
        |decoded| {
            for batch in &decoded.batches {
                let writer = EventWriter::of(batch, JsonStyle::Flat);
                for row in 0..batch.len() {
                    let mut json = String::new();
                    writer.write(row, &mut json);
                    match serde_json::from_str(&json).expect("events are written as JSON") {
                        Value::Object(event) => events.push(flat(event)),
                        other => panic!("an event that is no object: {other}"),
                    }
                }
            }
        },
    );
    events
}

/// Objects within the event (`unmapped`) with their members' dotted names.
fn flat(event: Map<String, Value>) -> Map<String, Value> {
    let mut flattened = Map::new();
    for (key, value) in event {
        match value {
            Value::Object(members) => {
                for (name, value) in flat(members) {
                    flattened.insert(format!("{key}.{name}"), value);
                }
            }
            value => {
                flattened.insert(key, value);
            }
        }
    }
    flattened
}

fn same(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Array(wanted), Value::Array(got)) => wanted.iter().all(|w| got.iter().any(|g| same(w, g))),
        (wanted, Value::Array(got)) => got.iter().any(|g| same(wanted, g)),
        (Value::Array(wanted), got) => wanted.iter().all(|w| same(w, got)),
        (wanted, got) => {
            let (wanted, got) = (text(wanted), text(got));
            let instants = (
                borzoi_parsers::value::parse_timestamp(&wanted),
                borzoi_parsers::value::parse_timestamp(&got),
            );
            if let (Some(a), Some(b)) = instants {
                return (a - b).abs() <= 1000;
            }
            if let (Ok(a), Ok(b)) = (wanted.parse::<IpAddr>(), got.parse::<IpAddr>()) {
                return a == b;
            }
            if let (Ok(a), Ok(b)) = (wanted.parse::<f64>(), got.parse::<f64>()) {
                return a == b;
            }
            wanted.trim().eq_ignore_ascii_case(got.trim())
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn last_part(key: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    last.chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

#[test]
fn values_of_the_open_cases_are_found() {
    let folder = corpora().join("parsers");
    if !folder.is_dir() {
        println!("skipped: no corpora at {}", folder.display());
        return;
    }
    let show = std::env::var_os("BORZOI_SHOW").is_some();
    let mut weak = Vec::new();
    for (format, least) in FORMATS {
        let cases = fs::read_to_string(folder.join(format!("{format}.ndjson"))).expect("a case file");
        let (mut exact, mut found, mut keys, mut invented) = (0u32, 0u32, 0u32, 0u32);
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let Some(raw) = case["raw"].as_str() else {
                continue;
            };
            let events = events(format!("{raw}\n").as_bytes());
            if case["expect"]["reject"] == Value::Bool(true) {
                invented += events
                    .iter()
                    .flat_map(|event| [event.get("source.ip"), event.get("user.name")])
                    .flatten()
                    .filter(|value| !raw.contains(&text(value)))
                    .count() as u32;
                continue;
            }
            for key in case["literal"].as_array().into_iter().flatten() {
                let key = key.as_str().expect("literal keys are names");
                let wanted = &case["expect"][key];
                let scored = !NOT_SCORED.iter().any(|start| key.starts_with(start))
                    || (key.starts_with("log.syslog.") && !key.ends_with(".name"));
                if wanted.is_null() || !scored {
                    continue;
                }
                keys += 1;
                let named = |event: &Map<String, Value>| event.get(key).is_some_and(|got| same(wanted, got));
                let other = |event: &Map<String, Value>| {
                    event
                        .iter()
                        .any(|(name, got)| last_part(name) == last_part(key) && same(wanted, got))
                };
                if events.iter().any(named) {
                    exact += 1;
                    found += 1;
                } else if events.iter().any(other) {
                    found += 1;
                } else if show {
                    let got: Vec<_> = events.iter().filter_map(|event| event.get(key)).collect();
                    println!(
                        "{} {key}: wanted {wanted}, got {got:?}\n    {raw:.200}",
                        case["id"]
                    );
                }
            }
        }
        let share = |part: u32| (part * 100).checked_div(keys).unwrap_or(100);
        println!(
            "{format:16} keys {keys:5}  exact {:3} %  found {:3} %  invented {invented}",
            share(exact),
            share(found)
        );
        if share(found) < least || invented > 0 {
            weak.push(format);
        }
    }
    assert!(
        weak.is_empty(),
        "fewer values found than before, or values invented: {weak:?}"
    );
}
