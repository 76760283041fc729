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

use crate::alert::{Alert, CorrelationAlert};

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
    for (sql, dotted, _) in STANDARD_COLUMNS {
        let column = match *sql {
            "time" => times(&|alert| parse_timestamp(&alert.time).unwrap_or(0)),
            "ingest_time" => times(&|_| ingest_time),
            "tenant" => texts(&|alert| Some(alert.tenant.to_string())),
            "dataset" => texts(&|alert| Some(alert.dataset.to_string())),
            "event_id" => texts(&|alert| Some(alert.id.clone())),
            "host_name" => texts(&|alert| alert.entities.hosts.first().cloned()),
            "log_file_path" => texts(&|alert| {
                let path = alert.event.pointer("/log/file/path");
                path.and_then(|path| path.as_str()).map(str::to_owned)
            }),
            "log_offset" => {
                let offset = |alert: &Alert| {
                    alert
                        .event
                        .pointer("/log/offset")
                        .and_then(|offset| offset.as_i64())
                };
                Arc::new(alerts.iter().map(offset).collect::<Int64Array>())
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
    table.add("alert.event", texts(&|alert| Some(alert.event.to_string())));
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
