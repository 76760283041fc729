//! The lines in a catalog's `tests:`, run.
//!
//! Each goes the way of any other line, alone in a source of its own, with nothing said of its format or dataset.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::catalog::{Catalog, Dataset, LineTest};
use crate::formats::{DecodeOptions, Decoder};
use crate::frame::{FrameOptions, Framer, RejectRecord, Source};
use crate::input::Chunk;
use crate::output::{EventWriter, JsonStyle};

/// What one test showed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The dataset whose test it is.
    pub dataset: String,
    /// Number of the test in its dataset, from 1.
    pub test: usize,
    /// The line.
    pub line: String,
    /// What is not as expected; empty if the test passes.
    pub mistakes: Vec<Mistake>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mistake {
    /// The line gave another number of events than one.
    Events {
        /// How many.
        events: usize,
        /// Why a record was refused, if one was.
        reason: Option<String>,
    },
    /// The event is of another dataset.
    Dataset {
        /// Which.
        got: String,
    },
    /// A column has another value, or none.
    Field {
        /// Dotted name of the column.
        column: String,
        /// What the test wants.
        wanted: Value,
        /// What is there; null for nothing.
        got: Value,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Events { events, reason } => {
                write!(f, "{events} events instead of one")?;
                reason.iter().try_for_each(|reason| write!(f, ": {reason}"))
            }
            Mistake::Dataset { got } => write!(f, "taken for {got}"),
            Mistake::Field { column, wanted, got } => write!(f, "{column}: wanted {wanted}, got {got}"),
        }
    }
}

/// Runs the tests of the dataset called `name`, or of all.
///
/// ```
/// use borzoi_parsers::{catalog::Catalog, check};
/// let catalog = Catalog::builtin();
/// let failed = check::run(&catalog, None).into_iter().filter(|outcome| !outcome.mistakes.is_empty());
/// assert_eq!(failed.count(), 0);
/// ```
pub fn run(catalog: &Arc<Catalog>, name: Option<&str>) -> Vec<Outcome> {
    let mut decoder = Decoder::new(catalog.clone(), DecodeOptions::default());
    let mut outcomes = Vec::new();
    for dataset in catalog.datasets() {
        if name.is_some_and(|name| name != &*dataset.name && name != dataset.table()) {
            continue;
        }
        for (index, test) in dataset.tests.iter().enumerate() {
            outcomes.push(Outcome {
                dataset: dataset.name.to_string(),
                test: index + 1,
                line: test.line.clone(),
                mistakes: mistakes(dataset, test, &mut decoder),
            });
        }
    }
    outcomes
}

/// When test lines are read, so that what they come to does not depend on the day: the end of 2026. A line that states no
/// year is of that one.
const REFERENCE_TIME: i64 = 1_798_675_200_000_000;

/// The events of `text` as JSON with dotted names, and what was refused.
fn events_of(text: &str, decoder: &mut Decoder) -> (Vec<Value>, Vec<RejectRecord>) {
    let source = Arc::new(Source {
        path: Arc::from("-"),
        reference_time: REFERENCE_TIME,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: text.as_bytes().to_vec(),
    });
    framer.finish();
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    while let Some(block) = framer.pop() {
        let decoded = decoder.decode(block);
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            events.extend((0..batch.len()).filter_map(|row| writer.value(row).ok()));
        }
        rejects.extend(decoded.rejects);
    }
    (events, rejects)
}

fn mistakes(dataset: &Dataset, test: &LineTest, decoder: &mut Decoder) -> Vec<Mistake> {
    let (events, rejects) = events_of(&test.line, decoder);
    let [event] = events.as_slice() else {
        let reason = rejects
            .first()
            .map(|reject| format!("{}: {}", reject.reason, reject.detail));
        return vec![Mistake::Events {
            events: events.len(),
            reason,
        }];
    };
    let mut mistakes = Vec::new();
    let got = event["event.dataset"].as_str().unwrap_or_default();
    if got != &*dataset.name {
        mistakes.push(Mistake::Dataset { got: got.to_owned() });
    }
    for (name, wanted) in &test.expect {
        let column = dataset.resolve(name, None).column().dotted.to_string();
        let got = event.get(&column).cloned().unwrap_or_default();
        if !same(wanted, &got) {
            mistakes.push(Mistake::Field {
                column,
                wanted: wanted.clone(),
                got,
            });
        }
    }
    mistakes
}

/// Values are compared as text, instants as instants: YAML and the column may have other types.
fn same(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| same(wanted, got))
        }
        (Value::Null, got) => got.is_null(),
        (wanted, got) => {
            let (wanted, got) = (text(wanted), text(got));
            let instant = crate::value::parse_timestamp;
            wanted == got || instant(&wanted).is_some() && instant(&wanted) == instant(&got)
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_datasets_show_lines_and_read_them() {
        let catalog = Catalog::builtin();
        let untold: Vec<&str> = catalog
            .datasets()
            .iter()
            .filter(|dataset| dataset.tests.is_empty())
            .map(|dataset| &*dataset.name)
            .collect();
        assert!(untold.is_empty(), "datasets without test lines: {untold:?}");
        let failed: Vec<Outcome> = run(&catalog, None)
            .into_iter()
            .filter(|outcome| !outcome.mistakes.is_empty())
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
}
