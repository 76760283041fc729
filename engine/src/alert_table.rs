//! Alerts as columns, to be stored like the events of any dataset.
//!
//! The standard columns come first: `time` is the event's, `dataset` says what wrote the event, and
//! `event_id` is the *alert's* id; the event's own id is `alert_event_id`. Names follow ECS where it has
//! them (`threat.technique.id`, `related.hosts`). The matched fields and the whole event are JSON.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{Field, Schema};
use borzoi_parsers::batch::DOTTED_NAME;
use borzoi_parsers::catalog::STANDARD_COLUMNS;
use borzoi_parsers::names::sql_name;
use borzoi_parsers::value::parse_timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::alert::{Alert, CorrelationAlert, EventJson};

/// Most bytes of text of a table, at most as many as the offsets of a column of text can count (2 GiB).
const MOST_BYTES: usize = 1 << 30;

/// Most bytes of JSON for a byte of text: a control character is written `\u0000`.
const ESCAPED: usize = 6;

/// The alerts as tables, none of them with more text than a column holds; `ingest_time` in microseconds since the epoch.
pub fn alert_batches(alerts: &[Alert], ingest_time: i64) -> Vec<RecordBatch> {
    let pieces = pieces(alerts, MOST_BYTES, most_bytes).into_iter();
    pieces.map(|some| alert_batch(some, ingest_time)).collect()
}

/// Cuts where the next one would make it more than `most`; each piece has one at least.
fn pieces<T>(all: &[T], most: usize, bytes_of: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    let (mut begin, mut bytes) = (0, 0_usize);
    for (place, one) in all.iter().enumerate() {
        let more = bytes_of(one);
        if place > begin && bytes.saturating_add(more) > most {
            pieces.push(&all[begin..place]);
            (begin, bytes) = (place, 0);
        }
        bytes = bytes.saturating_add(more);
    }
    if begin < all.len() {
        pieces.push(&all[begin..]);
    }
    pieces
}

/// Bytes that any column may need for the alert, at most.
fn most_bytes(alert: &Alert) -> usize {
    // What is not counted one by one: the rule, names of fields, numbers.
    let rest = 64 << 10;
    let matched: usize = alert
        .matched
        .iter()
        .map(|field| ESCAPED * (field.value.len() + field.matcher.len() + field.column.len()) + 128)
        .sum();
    let correlation = alert.correlation.as_deref().map_or(0, |found| {
        let evidence = found.evidence.iter().map(|shown| json_bytes(&shown.event) + 1024);
        let group = found.group.iter();
        let group = group.map(|value| ESCAPED * (value.value.len() + value.field.len()) + 64);
        evidence.sum::<usize>() + group.sum::<usize>()
    });
    let entities = &alert.entities;
    let names = [
        &entities.hosts,
        &entities.users,
        &entities.addresses,
        &entities.processes,
    ];
    let names: usize = names.into_iter().flatten().map(String::len).sum();
    rest + matched + names + correlation + json_bytes(&alert.event)
}

/// Bytes of an event as JSON, at most, however its numbers are written.
fn json_bytes(event: &EventJson) -> usize {
    ESCAPED * event.text().len()
}

/// Where an event was read.
#[derive(Default)]
struct Origin {
    path: Option<String>,
    offset: Option<i64>,
}

/// What an [`Origin`] needs of an event.
#[derive(Deserialize)]
struct Shown {
    log: Option<ShownLog>,
}

#[derive(Deserialize)]
struct ShownLog {
    file: Option<ShownFile>,
    offset: Option<i64>,
}

#[derive(Deserialize)]
struct ShownFile {
    path: Option<String>,
}

impl Origin {
    fn of(alert: &Alert) -> Origin {
        // Nothing but this is taken from the text, unless it is of another shape than events have.
        if let Ok(event) = serde_json::from_str::<Shown>(alert.event.text()) {
            return event.log.map_or_else(Origin::default, |log| Origin {
                path: log.file.and_then(|file| file.path),
                offset: log.offset,
            });
        }
        let event = alert.event.value();
        let path = event.pointer("/log/file/path").and_then(Value::as_str);
        Origin {
            path: path.map(str::to_owned),
            offset: event.pointer("/log/offset").and_then(Value::as_i64),
        }
    }
}

/// The alerts as a table; `ingest_time` in microseconds since the epoch.
pub fn alert_batch(alerts: &[Alert], ingest_time: i64) -> RecordBatch {
    let mut table = Table::default();
    let texts = |get: &dyn Fn(&Alert) -> Option<String>| -> ArrayRef {
        Arc::new(alerts.iter().map(get).collect::<StringArray>())
    };
    let times = |get: &dyn Fn(&Alert) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(alerts.iter().map(get)).with_timezone("UTC"))
    };
    let lists = |get: &dyn Fn(&Alert) -> Vec<String>| -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for alert in alerts {
            let items = get(alert);
            if items.is_empty() {
                lists.append_null();
            } else {
                lists.append_value(items.into_iter().map(Some));
            }
        }
        Arc::new(lists.finish())
    };
    let origins: Vec<Origin> = alerts.iter().map(Origin::of).collect();
    for (sql, dotted, _) in STANDARD_COLUMNS {
        let column = match *sql {
            "time" => times(&|alert| parse_timestamp(&alert.time).unwrap_or(0)),
            "ingest_time" => times(&|_| ingest_time),
            "tenant" => texts(&|alert| Some(alert.tenant.to_string())),
            "dataset" => texts(&|alert| Some(alert.dataset.to_string())),
            "event_id" => texts(&|alert| Some(alert.id.clone())),
            "host_name" => texts(&|alert| alert.entities.hosts.first().cloned()),
            "log_file_path" => {
                let paths = origins.iter().map(|origin| origin.path.as_deref());
                Arc::new(paths.collect::<StringArray>())
            }
            "log_offset" => {
                let offsets = origins.iter().map(|origin| origin.offset);
                Arc::new(offsets.collect::<Int64Array>())
            }
            _ => texts(&|_| None),
        };
        table.push(sql, dotted, column);
    }
    table.add("rule.id", texts(&|alert| Some(alert.rule.id.to_string())));
    table.add("rule.title", texts(&|alert| Some(alert.rule.title.to_string())));
    table.add("rule.level", texts(&|alert| Some(level_name(alert))));
    table.add("rule.tags", lists(&|alert| alert.rule.tags.to_vec()));
    table.add(
        "threat.tactic.name",
        lists(&|alert| alert.rule.attack.tactics.clone()),
    );
    table.add(
        "threat.technique.id",
        lists(&|alert| alert.rule.attack.techniques.clone()),
    );
    table.add("related.hosts", lists(&|alert| alert.entities.hosts.clone()));
    table.add("related.user", lists(&|alert| alert.entities.users.clone()));
    table.add("related.ip", lists(&|alert| alert.entities.addresses.clone()));
    table.add(
        "related.process",
        lists(&|alert| alert.entities.processes.clone()),
    );
    table.add("alert.event_id", texts(&|alert| Some(alert.event_id.clone())));
    table.add(
        "alert.matched",
        texts(&|alert| serde_json::to_string(&alert.matched).ok()),
    );
    table.add("alert.event", texts(&|alert| Some(alert.event.text().to_owned())));
    // Alerts of correlations; null for others.
    let of = |alert: &Alert, get: &dyn Fn(&CorrelationAlert) -> String| alert.correlation.as_deref().map(get);
    let counts = alerts.iter().map(|alert| {
        let correlation = alert.correlation.as_deref()?;
        i64::try_from(correlation.count).ok()
    });
    table.add("alert.count", Arc::new(counts.collect::<Int64Array>()));
    let instants = |get: &dyn Fn(&CorrelationAlert) -> &str| -> ArrayRef {
        let times = alerts
            .iter()
            .map(|alert| parse_timestamp(get(alert.correlation.as_deref()?)));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    table.add("alert.first", instants(&|found| &found.first));
    table.add("alert.last", instants(&|found| &found.last));
    table.add(
        "alert.correlation",
        texts(&|alert| of(alert, &|found| serde_json::to_string(found).unwrap_or_default())),
    );
    table.finish()
}

fn level_name(alert: &Alert) -> String {
    match serde_json::to_value(alert.rule.level) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[derive(Default)]
struct Table {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Table {
    fn add(&mut self, dotted: &str, column: ArrayRef) {
        self.push(&sql_name(dotted), dotted, column);
    }

    fn push(&mut self, sql: &str, dotted: &str, column: ArrayRef) {
        let metadata = HashMap::from([(DOTTED_NAME.to_owned(), dotted.to_owned())]);
        self.fields
            .push(Field::new(sql, column.data_type().clone(), true).with_metadata(metadata));
        self.columns.push(column);
    }

    fn finish(self) -> RecordBatch {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.columns)
            .expect("every column has a value or null per alert")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_hold_no_more_than_they_may() {
        let cut = |sizes: &[usize]| {
            pieces(sizes, 10, |size| *size)
                .iter()
                .map(|some| some.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(cut(&[]), Vec::<usize>::new());
        assert_eq!(cut(&[5, 5, 1, 9, 9]), [2, 2, 1]);
        assert_eq!(cut(&[50, 1, 1, usize::MAX, 1]), [1, 2, 1, 1]);
    }

    #[test]
    fn json_is_never_longer_than_was_thought() {
        for value in [
            json!(null),
            json!(-1.234_567_890_123_456_7e-300),
            json!(u64::MAX),
            json!("\u{0}\u{1f}\"\\é"),
            json!([[], {}, [1, 2, 3], {"\u{7}": "\n", "b": [true]}]),
        ] {
            let event = EventJson::from(value);
            assert!(event.value().to_string().len() <= json_bytes(&event), "{event:?}");
        }
    }
}
