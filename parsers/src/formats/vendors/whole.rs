//! Lines through the grammars of all vendors and the catalog, as tests want to see them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::formats::syslog::header_of;
use crate::formats::testing::{CONTEXT, sink};
use crate::formats::text::Grammars;
use crate::output::{EventWriter, JsonStyle};

/// The fields of the event of `raw`, by their dotted names; nothing if no grammar reads it.
pub(super) fn read(raw: &str) -> BTreeMap<String, Value> {
    let mut sink = sink();
    let header = header_of(raw, CONTEXT.reference_time, CONTEXT.timezone);
    let mut grammars = Grammars::new(sink.catalog());
    match grammars.decode(raw, header.as_ref(), &CONTEXT, &mut sink) {
        Some(Ok(())) => {}
        _ => return BTreeMap::new(),
    }
    let batches = sink.finish();
    let batch = batches.first().expect("an event");
    let mut text = String::new();
    EventWriter::of(batch, JsonStyle::Flat).write(0, &mut text);
    let mut event: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    event.insert("dataset".into(), batch.dataset.name.to_string().into());
    event
}

/// Reads `raw` and compares what the dataset and some fields are; a field that should be absent is `""`.
#[track_caller]
pub(super) fn check(raw: &str, dataset: &str, expected: &[(&str, &str)]) {
    let event = read(raw);
    let text = |name: &str| match event.get(name) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => match items.as_slice() {
            [Value::String(text)] => text.clone(),
            _ => Value::Array(items.clone()).to_string(),
        },
        Some(other) => other.to_string(),
    };
    assert_eq!(text("dataset"), dataset, "{event:#?}");
    for (name, value) in expected {
        assert_eq!(text(name), *value, "{name} in {event:#?}");
    }
}

/// Every beginning of `raw` is read or refused without a panic.
pub(super) fn survives_truncation(raw: &str) {
    for (end, _) in raw.char_indices().step_by(7) {
        read(&raw[..end]);
    }
}
