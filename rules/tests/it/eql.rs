//! The public queries of the language's first implementation, where they are at hand.

use std::path::PathBuf;

use borzoi_rules::eql::{self, Body, Settings, lower, pipes};
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

fn id(event: &impl eql::Event) -> i64 {
    match event.field(&eql::FieldPath::dotted("serial_event_id")) {
        eql::Value::Int(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_public_query_is_read_and_those_of_single_events_give_what_they_should() {
    let Some(folder) = corpus() else {
        println!("skipped: no corpora (set BORZOI_CORPORA)");
        return;
    };
    let queries = std::fs::read_to_string(folder.join("queries.ndjson")).unwrap();
    let events = std::fs::read_to_string(folder.join("events.json")).unwrap();
    let events: Vec<Map<String, Value>> = serde_json::from_str(&events).unwrap();
    let (mut read, mut run, mut exact) = (0, 0, 0);
    let mut wrong = Vec::new();
    for line in queries.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let number = &case["n"];
        let query = match eql::parse(case["query"].as_str().unwrap()) {
            Ok(query) => query,
            Err(error) => {
                wrong.push(format!("{number}: {error}"));
                continue;
            }
        };
        read += 1;
        let Body::Event(body) = &query.body else { continue };
        // Relations need the processes followed.
        if !query.subqueries().is_empty() {
            continue;
        }
        run += 1;
        let expected: Vec<i64> = serde_json::from_value(case["expected_event_ids"].clone()).unwrap();
        for cased in modes(&case) {
            let settings = Settings { cased };
            exact += usize::from(lower(&body.condition, &settings).1);
            let of_category = |event: &&Map<String, Value>| {
                body.category
                    .as_deref()
                    .is_none_or(|category| event["event_type"] == category)
            };
            let passing = events
                .iter()
                .filter(of_category)
                .filter(|event| body.condition.holds(*event, &settings));
            let options = pipes::Options {
                settings,
                ..pipes::Options::default()
            };
            let rows = pipes::run(&query.pipes, passing.cloned(), &options).unwrap();
            let found: Vec<i64> = rows.iter().map(id).collect();
            if found != expected {
                wrong.push(format!("{number} cased {cased}: {found:?}, not {expected:?}"));
            }
        }
    }
    println!("{read} read, {run} run, {exact} lowered exactly");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run > 80, "only {run} of {read}");
}
