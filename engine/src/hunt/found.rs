//! What rules over several events found in the lake, as the table `found`.
//!
//! The columns are called as in `alerts`, as far as that has them. The events themselves lie in the lake already: the alert
//! names them by id.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use borzoi_parsers::batch::DOTTED_NAME;
use borzoi_parsers::names::sql_name;
use borzoi_parsers::value::parse_timestamp;
use datafusion::datasource::MemTable;

use super::error::HuntError;
use super::tables::{Member, StoredTable, TableColumn, UnionTable, visible_type};
use super::{Hunt, dotted_name};
use crate::alert::{Alert, CorrelationAlert};

/// Name of the table.
pub const FOUND: &str = "found";

/// Alerts as rows of the table `found`.
pub fn found_batch(alerts: &[Alert]) -> RecordBatch {
    let texts = |get: &dyn Fn(&Alert) -> Option<String>| -> ArrayRef {
        Arc::new(alerts.iter().map(get).collect::<StringArray>())
    };
    let of = |alert: &Alert, get: &dyn Fn(&CorrelationAlert) -> String| alert.correlation.as_deref().map(get);
    let numbers = |get: &dyn Fn(&CorrelationAlert) -> f64| -> ArrayRef {
        let numbers = alerts.iter().map(|alert| alert.correlation.as_deref().map(get));
        Arc::new(numbers.collect::<Float64Array>())
    };
    let times = |get: &dyn Fn(&Alert) -> &str| -> ArrayRef {
        let times = alerts.iter().map(|alert| parse_timestamp(get(alert)));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let lists = |get: &dyn Fn(&Alert) -> Vec<String>| -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for alert in alerts {
            match get(alert) {
                items if items.is_empty() => lists.append_null(),
                items => lists.append_value(items.into_iter().map(Some)),
            }
        }
        Arc::new(lists.finish())
    };
    let level = |alert: &Alert| match serde_json::to_value(alert.rule.level) {
        Ok(serde_json::Value::String(name)) => Some(name),
        _ => None,
    };
    let group = |found: &CorrelationAlert| {
        let values = found.group.iter();
        let values: Vec<String> = values
            .map(|value| format!("{}={}", value.field, value.value))
            .collect();
        values.join(", ")
    };
    let counts = alerts.iter().map(|alert| {
        let count = alert.correlation.as_deref().map_or(1, |found| found.count);
        i64::try_from(count).ok()
    });
    let evidence = |alert: &Alert| match &alert.correlation {
        Some(found) => found
            .evidence
            .iter()
            .map(|shown| shown.event_id.clone())
            .collect(),
        None => vec![alert.event_id.clone()],
    };
    let figures = |found: &CorrelationAlert| serde_json::to_string(&found.figures).unwrap_or_default();
    let has_figures = |alert: &Alert| {
        let found = alert.correlation.as_deref();
        found.is_some_and(|found| !found.figures.is_empty())
    };
    let bound = |alert: &Alert, get: &dyn Fn(&CorrelationAlert) -> &str| -> String {
        match alert.correlation.as_deref() {
            Some(found) => get(found).to_owned(),
            None => alert.time.clone(),
        }
    };
    let bounds = |get: &dyn Fn(&CorrelationAlert) -> &str| -> ArrayRef {
        let times = alerts.iter().map(|alert| parse_timestamp(&bound(alert, get)));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let columns = [
        ("@timestamp", times(&|alert| &alert.time)),
        ("rule.title", texts(&|alert| Some(alert.rule.title.to_string()))),
        ("rule.level", texts(&level)),
        ("rule.id", texts(&|alert| Some(alert.rule.id.to_string()))),
        ("tenant", texts(&|alert| Some(alert.tenant.to_string()))),
        ("alert.group", texts(&|alert| of(alert, &group))),
        ("alert.count", Arc::new(counts.collect::<Int64Array>())),
        ("alert.first", bounds(&|found| &found.first)),
        ("alert.last", bounds(&|found| &found.last)),
        ("alert.value", numbers(&|found| found.value)),
        ("alert.peak", numbers(&|found| found.peak)),
        (
            "alert.type",
            texts(&|alert| of(alert, &|found| found.kind.clone())),
        ),
        (
            "alert.condition",
            texts(&|alert| of(alert, &|found| found.condition.clone())),
        ),
        (
            "alert.figures",
            texts(&|alert| of(alert, &figures).filter(|_| has_figures(alert))),
        ),
        ("related.hosts", lists(&|alert| alert.entities.hosts.clone())),
        ("related.user", lists(&|alert| alert.entities.users.clone())),
        ("related.ip", lists(&|alert| alert.entities.addresses.clone())),
        ("alert.evidence", lists(&evidence)),
        ("alert.id", texts(&|alert| Some(alert.id.clone()))),
    ];
    let fields = columns.iter().map(|(dotted, column)| {
        let metadata = HashMap::from([(DOTTED_NAME.to_owned(), (*dotted).to_owned())]);
        let name = match *dotted {
            "@timestamp" => "time".to_owned(),
            dotted => sql_name(dotted),
        };
        Field::new(name, column.data_type().clone(), true).with_metadata(metadata)
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.iter().map(|(_, column)| column.clone()).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).expect("every column has a value or null per alert")
}

impl Hunt {
    /// Adds the table `found` of what [`found_batch`] gave. Replaces that of an earlier call.
    ///
    /// # Errors
    /// If batches are none that [`found_batch`] makes.
    pub fn add_found(&mut self, batches: Vec<RecordBatch>) -> Result<(), HuntError> {
        let schema = found_batch(&[]).schema();
        let columns = schema.fields().iter().map(|field| TableColumn {
            sql: field.name().as_str().into(),
            dotted: dotted_name(field).into(),
            data_type: visible_type(field.data_type()),
        });
        let columns = columns.collect();
        let provider = MemTable::try_new(schema, vec![batches])
            .map_err(|error| HuntError::Execution(error.strip_backtrace()))?;
        let stored = StoredTable {
            tenant: Arc::from(""),
            dataset: Arc::from(FOUND),
            provider: Arc::new(provider),
        };
        let mut member = Member::new(stored, None, &self.own_networks);
        // The rows say themselves whose they are.
        member.constants.clear();
        self.register(UnionTable::new(FOUND, columns, vec![member], Vec::new()))
    }
}
