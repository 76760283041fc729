//! The public queries of the language's first implementation, where they are at hand.

use std::path::PathBuf;

use borzoi_rules::eql::{self, Body, Settings};
use serde_json::{Map, Value};

fn corpus() -> Option<PathBuf> {
    let default = "../../shared/corpora";
    let folder = std::env::var_os("BORZOI_CORPORA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let folder = folder.join("eql");
    folder.is_dir().then_some(folder)
}

/// Whether case counts: as the query says, or both where it says nothing.
fn modes(case: &Value) -> Vec<bool> {
    let says = |key: &str| case[key].as_bool().unwrap_or(false);
    match (says("case_sensitive"), says("case_insensitive")) {
        (true, false) => vec![true],
        (false, true) => vec![false],
        _ => vec![false, true],
    }
}

#[test]
fn every_public_query_is_read() {
    let Some(folder) = corpus() else {
        println!("skipped: no corpora (set BORZOI_CORPORA)");
        return;
    };
    let text = std::fs::read_to_string(folder.join("queries.ndjson")).unwrap();
    let events: Vec<Map<String, Value>> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("events.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["query"].as_str().unwrap();
        let query = match eql::parse(text) {
            Ok(query) => query,
            Err(error) => {
                wrong.push(format!("{}: {error}", case["n"]));
                continue;
            }
        };
        let Body::Event(body) = &query.body else { continue };
        if !query.pipes.is_empty() || !query.subqueries().is_empty() {
            continue;
        }
        let expected: Vec<i64> = case["expected_event_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_i64().unwrap())
            .collect();
        for cased in modes(&case) {
            let found: Vec<i64> = events
                .iter()
                .filter(|event| {
                    body.category
                        .as_deref()
                        .is_none_or(|category| event["event_type"] == category)
                        && body.condition.holds(*event, &Settings { cased })
                })
                .map(|event| event["serial_event_id"].as_i64().unwrap())
                .collect();
            if found != expected {
                wrong.push(format!(
                    "{} cased {cased}: {found:?}, not {expected:?}: {text}",
                    case["n"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
