//! From what windows came to, to what is told: one episode for an entity as long as its windows overlap or follow each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::RowConverter;
use datafusion::common::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::groups::{Sample, Seen};
use super::panes::{Counting, Ended};
use super::partial::truth;
use super::plan::SqlPlan;
use super::window::Window;
use crate::hunt::output;
use crate::windows::keys::{Key, push_value};

/// Windows in which the condition of a rule holds for an entity, without a time between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The number of the rule.
    pub(crate) plan: u32,
    pub(crate) tenant: Arc<str>,
    /// The values of the entities, and for sessions those of the group.
    pub(crate) key: Key,
    /// The values of the entities.
    pub(super) values: Vec<String>,
    /// Beginning of the first window and end of the last.
    pub(crate) start: i64,
    pub(super) end: i64,
    pub(super) windows: u64,
    /// What is known of the events; the samples are those of the first window.
    pub(super) seen: Seen,
    /// The time of the last event of the first window.
    pub(super) time: i64,
    /// The measure in the first window, and the highest.
    pub(super) value: f64,
    pub(super) peak: f64,
    /// The row of the window with the highest, as JSON text.
    pub(super) row: Box<str>,
    pub(super) is_final: bool,
    /// Whether it was told before it was final.
    pub(super) is_announced: bool,
}

/// A window of an entity for which the condition of a rule holds.
pub(super) struct Row {
    pub(super) key: Key,
    values: Vec<String>,
    start: i64,
    end: i64,
    seen: Seen,
    value: f64,
    row: Box<str>,
    /// The keys of its groups.
    groups: Vec<Box<[u8]>>,
}

/// Windows for which the condition of a rule holds, and those of which that cannot be worked out.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Events in windows of which something cannot be worked out, and why, of one of them.
    pub(super) failed: u64,
    pub(super) error: Option<String>,
}

/// The windows for which the condition of a rule holds. Those of which an entity has no value are left out.
pub(super) fn rows_of(plan: &SqlPlan, ended: &Ended) -> Result<Rows> {
    let results = &ended.results;
    let count = results.keys.len();
    let mut columns = groups_of(plan, &results.keys)?;
    let starts = ended.windows.iter().map(|(start, _)| *start);
    let starts = TimestampMicrosecondArray::from_iter_values(starts).with_timezone("UTC");
    columns.insert(plan.window_place, Arc::new(starts));
    columns.extend(results.values.iter().cloned());
    for (column, field) in columns.iter_mut().zip(plan.grouped.fields()) {
        if column.data_type() != field.data_type() {
            *column = cast(column, field.data_type())?;
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let grouped = RecordBatch::try_new_with_options(plan.grouped.clone(), columns, &options)?;
    let mut found = Rows::default();
    found.add(plan, ended, &grouped, 0);
    found.rows.sort_by(|one, other| {
        (one.start, &one.key, &one.groups).cmp(&(other.start, &other.key, &other.groups))
    });
    found.rows.dedup_by(|next, row| {
        let is_same = (next.start, next.end, &next.key) == (row.start, row.end, &row.key);
        if is_same {
            row.seen.merge(&next.seen);
            row.groups.append(&mut next.groups);
            if next.value > row.value {
                row.value = next.value;
                std::mem::swap(&mut row.row, &mut next.row);
            }
        }
        is_same
    });
    Ok(found)
}

impl Rows {
    /// Adds what comes of `grouped`, the windows from `first` on. Where an expression cannot be worked out for all of them,
    /// it is for each by itself.
    fn add(&mut self, plan: &SqlPlan, ended: &Ended, grouped: &RecordBatch, first: usize) {
        match told_of(plan, ended, grouped, first) {
            Ok(mut rows) => self.rows.append(&mut rows),
            Err(error) if grouped.num_rows() < 2 => {
                self.failed += ended.results.seen.get(first).map_or(0, |seen| seen.count);
                self.error.get_or_insert_with(|| error.strip_backtrace());
            }
            Err(_) => {
                let half = grouped.num_rows() / 2;
                self.add(plan, ended, &grouped.slice(0, half), first);
                self.add(
                    plan,
                    ended,
                    &grouped.slice(half, grouped.num_rows() - half),
                    first + half,
                );
            }
        }
    }
}

/// The windows among `grouped`, those from `first` on, for which the condition holds.
fn told_of(plan: &SqlPlan, ended: &Ended, grouped: &RecordBatch, first: usize) -> Result<Vec<Row>> {
    let results = &ended.results;
    let mut numbers: Vec<usize> = (first..first + grouped.num_rows()).collect();
    let mut rows = grouped.clone();
    if let Some(having) = &plan.having {
        let holds = truth(having, &rows)?;
        numbers.retain(|number| holds.value(*number - first));
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        rows = filter_record_batch(&rows, &holds)?;
    }
    let output = plan.output.iter();
    let output = output.map(|(_, expr)| expr.evaluate(&rows)?.into_array(rows.num_rows()));
    let output: Vec<ArrayRef> = output.collect::<Result<_>>()?;
    let measure = match plan.measure.map(|place| cast(&output[place], &DataType::Float64)) {
        Some(numbers) => Some(numbers?),
        None => None,
    };
    let mut found = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.into_iter().enumerate() {
        let mut key = Vec::new();
        let mut values = Vec::with_capacity(plan.entities.len());
        for entity in &plan.entities {
            let text = match output::value(&output[entity.column], place) {
                Value::Null => break,
                Value::String(text) => text,
                other => other.to_string(),
            };
            push_value(&mut key, &text);
            values.push(text);
        }
        if values.len() < plan.entities.len() {
            continue;
        }
        let (start, end) = ended.windows[number];
        let group = &results.keys[number];
        if matches!(plan.window, Window::Session { .. }) {
            // Sessions of the groups of one entity lie as they like: each is told by itself.
            let hex: String = group.iter().map(|byte| format!("{byte:02x}")).collect();
            push_value(&mut key, &hex);
        }
        let names = plan.output.iter().map(|(name, _)| name.clone());
        let cells = output.iter().map(|column| output::value(column, place));
        let row: Map<String, Value> = names.zip(cells).collect();
        let measure = measure
            .as_ref()
            .map(|numbers| numbers.as_primitive::<Float64Type>());
        let measure = measure.filter(|numbers| numbers.is_valid(place));
        let seen = results.seen[number].clone();
        found.push(Row {
            key: Key::from_bytes(&key),
            values,
            start,
            end,
            value: measure.map_or(seen.count as f64, |numbers| numbers.value(place)),
            seen,
            row: Value::Object(row).to_string().into(),
            groups: vec![group.clone()],
        });
    }
    Ok(found)
}

/// The columns of the groups with these keys.
pub(super) fn groups_of(plan: &SqlPlan, keys: &[Box<[u8]>]) -> Result<Vec<ArrayRef>> {
    if plan.key_types.is_empty() {
        return Ok(Vec::new());
    }
    let converter = RowConverter::new(plan.key_types.clone())?;
    let parser = converter.parser();
    let rows = keys.iter().map(|key| parser.parse(key));
    Ok(converter.convert_rows(rows)?)
}

/// The episodes of one rule and tenant that may go on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Open {
    by_key: BTreeMap<Key, Found>,
}

impl Open {
    /// Takes a window; gives what began with it, if that is asked for, and what is over because of it.
    pub(super) fn add(
        &mut self,
        plan: (u32, &SqlPlan),
        tenant: &Arc<str>,
        row: Row,
        since: Option<Counting<'_>>,
        eager: bool,
        found: &mut Vec<Found>,
    ) {
        if let Some(open) = self.by_key.get_mut(&row.key) {
            if row.start <= open.end {
                let more = match since {
                    Some(since) => row
                        .groups
                        .iter()
                        .map(|group| since(group, open.end, row.end))
                        .sum(),
                    None => row.seen.count,
                };
                open.go_on(row, more);
                return;
            }
            let key = row.key.clone();
            found.extend(self.by_key.remove(&key).map(Found::ended));
        }
        let mut new = Found {
            plan: plan.0,
            tenant: tenant.clone(),
            key: row.key.clone(),
            values: row.values,
            start: row.start,
            end: row.end,
            windows: 1,
            time: row.seen.last,
            seen: row.seen,
            value: row.value,
            peak: row.value,
            row: row.row,
            is_final: false,
            is_announced: false,
        };
        if matches!(plan.1.window, Window::Session { .. }) {
            found.push(new.ended());
            return;
        }
        if eager {
            found.push(new.clone());
            new.is_announced = true;
        }
        self.by_key.insert(row.key, new);
    }

    /// Gives what is over, where windows that begin before `next` are known.
    pub(super) fn over(&mut self, next: i64, found: &mut Vec<Found>) {
        let over: Vec<Key> = self
            .by_key
            .iter()
            .filter(|(_, open)| open.end < next)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            found.extend(self.by_key.remove(&key).map(Found::ended));
        }
    }

    /// The same under another number of their rule.
    pub(super) fn numbered(mut self, plan: u32) -> Open {
        self.by_key.values_mut().for_each(|open| open.plan = plan);
        self
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        self.by_key.len() * (size_of::<Found>() + 256)
    }
}

impl Found {
    fn ended(mut self) -> Found {
        self.is_final = true;
        self
    }

    fn go_on(&mut self, row: Row, more: u64) {
        self.windows += 1;
        self.end = self.end.max(row.end);
        self.seen.count += more;
        self.seen.first = self.seen.first.min(row.seen.first);
        self.seen.last = self.seen.last.max(row.seen.last);
        if row.value > self.peak {
            self.peak = row.value;
            self.row = row.row;
        }
    }

    /// Its first events.
    pub(super) fn samples(&self) -> &[Sample] {
        self.seen.samples()
    }
}
