//! Whole lines against grammars, for the tests of vendors.

use bumpalo::Bump;

use crate::formats::FrameContext;
use crate::formats::syslog::{Header, header_of};
use crate::formats::testing::CONTEXT;
use crate::formats::text::{Grammar, Line};
use crate::value::Value;

/// 2026-03-01T12:00:00Z.
const REFERENCE: i64 = 1_772_366_400_000_000;

/// Asserts that one of `grammars` reads `raw` as an event of `dataset` with at least these `fields`; `@timestamp` is the
/// event's time, as the header or the grammar has it.
pub(super) fn read(grammars: &[Grammar], raw: &str, dataset: &str, fields: &[(&str, &str)]) {
    let (got, found) = fields_of(grammars, raw).unwrap_or_else(|| panic!("no grammar reads {raw}"));
    assert_eq!(got, dataset, "{raw}");
    for (name, value) in fields {
        let value_found = found
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str());
        assert_eq!(value_found, Some(*value), "{name} of {raw}\n{found:#?}");
    }
}

/// Asserts that the event of `raw`, if any grammar reads it, has none of these fields.
pub(super) fn lacks(grammars: &[Grammar], raw: &str, names: &[&str]) {
    let Some((_, found)) = fields_of(grammars, raw) else {
        return;
    };
    for name in names {
        assert!(
            found.iter().all(|(found, _)| found != name),
            "{name} of {raw}\n{found:#?}"
        );
    }
}

/// Whether any of `grammars` reads `raw`.
pub(super) fn reads(grammars: &[Grammar], raw: &str) -> bool {
    fields_of(grammars, raw).is_some()
}

fn fields_of(grammars: &[Grammar], raw: &str) -> Option<(String, Vec<(String, String)>)> {
    let arena = Bump::new();
    let header = header_of(raw, REFERENCE, chrono_tz::UTC);
    let none = Header::default();
    let context = FrameContext {
        reference_time: REFERENCE,
        ..CONTEXT
    };
    let line = Line {
        raw,
        header: header.as_ref().unwrap_or(&none),
        body: header.as_ref().map_or(raw, |header| header.message),
        context: &context,
        arena: &arena,
        keys: &Default::default(),
    };
    let program = line.program().to_ascii_lowercase();
    let event = grammars
        .iter()
        .filter(|grammar| {
            let unmarked = grammar.marks.is_empty() && grammar.programs.is_empty();
            unmarked
                || grammar.marks.iter().any(|mark| raw.contains(mark))
                || grammar.programs.contains(&program.as_str())
        })
        .find_map(|grammar| (grammar.read)(&line))?;
    let time = event.time.or(line.header.time);
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in event.fields {
        if found.iter().all(|(known, _)| known != name) {
            found.push((name.to_owned(), text_of(&value)));
        }
    }
    if let Some(time) = time.and_then(crate::time::rfc3339) {
        found.push(("@timestamp".to_owned(), time));
    }
    Some((event.dataset.to_owned(), found))
}

fn text_of(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) | Value::Json(text) => (*text).to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::List(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Time(micros) => crate::time::rfc3339(*micros).unwrap_or_default(),
        Value::Null => String::new(),
    }
}
