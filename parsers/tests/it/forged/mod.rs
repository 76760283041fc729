//! What a stranger writes into a line changes nothing but what he wrote: over all test lines of the catalog.
//!
//! Each line's event says which of its columns hold texts of strangers (user names, addresses of pages, agents, files, …).
//! Where such a text stands in the line, more is written behind it: pairs with the line's own keys, ends of quotes and
//! brackets, the words that log-ins end with, JSON, a whole second line of the kind. All of it holds one marker, and is
//! escaped where the format has escapes, as its writer would do. No column but those that are parts of the text may hold the
//! marker afterwards; columns may become empty, for doubt.
//!
//! `exceptions.txt` lists what cannot be told apart, each with its reason; an exception that nothing needs fails the test.

mod places;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;
use borzoi_parsers::output::{EventWriter, JsonStyle};
use serde_json::Value;

use crate::support::Event;
use places::Place;

/// One line of `exceptions.txt`: `dataset column-that-was-written column-that-changed`, `*` for any.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

#[test]
fn what_a_stranger_writes_is_no_column_of_the_writers() {
    let catalog = Catalog::builtin();
    let mut decoder = Decoder::new(
        catalog.clone(),
        DecodeOptions {
            ingest_time: Some(0),
            ..DecodeOptions::default()
        },
    );
    let only = std::env::var("BORZOI_FORGED_ONLY").unwrap_or_default();
    let exceptions: Vec<Vec<&str>> = EXCEPTIONS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    let mut needed = vec![false; exceptions.len()];
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    let mut tried = 0;
    for dataset in catalog.datasets() {
        if !dataset.name.contains(only.as_str()) {
            continue;
        }
        for test in &dataset.tests {
            let (events, _) = read(&test.line, &mut decoder);
            let [before] = events.as_slice() else { continue };
            for place in places::of(&test.line, before) {
                for forged in words::for_place(&test.line, &place) {
                    let line = place.with(&test.line, &forged);
                    let (after, rejects) = read(&line, &mut decoder);
                    tried += 1;
                    for column in changed(before, &after, rejects, &place) {
                        let known = exceptions.iter().position(|exception| {
                            exception
                                .iter()
                                .zip([&*dataset.name, &*place.column, column.as_str()])
                                .all(|(pattern, name)| fits(pattern, name))
                        });
                        match known {
                            Some(known) => needed[known] = true,
                            None => {
                                let what = format!("{} {} {column}", dataset.name, place.column);
                                wrong.entry(what).or_insert(line.clone());
                            }
                        }
                    }
                }
            }
        }
    }
    let wrong: Vec<String> = wrong
        .iter()
        .map(|(what, line)| format!("{what}\n    {line}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    if only.is_empty() {
        assert!(tried > 5000, "only {tried} lines were tried");
        let idle = exceptions.iter().zip(&needed).filter(|(_, needed)| !**needed);
        let idle: Vec<String> = idle.map(|(exception, _)| exception.join(" ")).collect();
        assert!(idle.is_empty(), "nothing needs these exceptions: {idle:#?}");
    }
}

/// Whether `name` is what `pattern` says: `*` at an end stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => name.starts_with(head),
        None => pattern == name,
    }
}

/// The columns that hold what a stranger may not have written there.
fn changed(before: &Event, after: &[Event], rejects: usize, place: &Place) -> Vec<String> {
    let [after] = after else {
        // Nothing at all is no forgery; more events than there were are one.
        return match after.is_empty() {
            true => Vec::new(),
            false => vec![format!("events:{}+{rejects}", after.len())],
        };
    };
    let mut columns: Vec<String> = after
        .iter()
        .filter(|(name, value)| {
            before.get(*name) != Some(value) && !place.may_change(name) && words::holds_marker(value)
        })
        .map(|(name, _)| name.clone())
        .collect();
    let kind = |event: &Event| event.get("event.dataset").cloned().unwrap_or_default();
    let (was, is) = (kind(before), kind(after));
    let falls_back = is
        .as_str()
        .is_some_and(|is| is.starts_with("generic.") || is == "linux.syslog");
    if was != is && !falls_back {
        columns.push(format!("event.dataset:{}", is.as_str().unwrap_or_default()));
    }
    columns
}

/// The events of `line`, alone in a source, and how many records were refused.
fn read(line: &str, decoder: &mut Decoder) -> (Vec<Event>, usize) {
    let source = Arc::new(Source {
        path: Arc::from("-"),
        peer: borzoi_parsers::frame::Peer::default(),

        reference_time: 1_798_675_200_000_000,
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: line.as_bytes().to_vec(),
    });
    framer.finish();
    let (mut events, mut rejects) = (Vec::new(), 0);
    while let Some(block) = framer.pop() {
        let decoded = decoder.decode(block);
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            for row in 0..batch.len() {
                if let Ok(Value::Object(event)) = writer.value(row) {
                    events.push(event);
                }
            }
        }
        rejects += decoded.rejects.len();
    }
    (events, rejects)
}
