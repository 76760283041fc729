//! What a thread makes of a batch: the events that a rule looks at, added up by group and pane.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringViewArray,
};
use arrow::array::{new_null_array, types::TimestampMicrosecondType};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::row::RowConverter;
use borzoi_parsers::batch::{EventBatch, strings};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::physical_plan::PhysicalExpr;
use hashbrown::HashMap;

use super::groups::{Groups, Sample, States};
use super::plan::SqlPlan;
use super::slides::{Raw, Values};
use super::window::{FARTHEST, Window};
use crate::hunt::output;

/// Names of columns that are added to those of the plan: time and number of an event.
const TIME: &str = "\0time";
const ROW: &str = "\0row";

/// What a batch gives for one rule.
#[derive(Debug)]
pub(crate) struct Partial {
    /// The number of the rule.
    pub(super) plan: u32,
    pub(super) tenant: Arc<str>,
    pub(super) dataset: Arc<str>,
    /// The highest time of the batch, of all its events.
    pub(super) highest: Option<i64>,
    /// By group and pane.
    pub(super) states: States,
    /// The pane of each: its beginning. Nothing of the kind for sessions.
    pub(super) panes: Vec<i64>,
    /// For sliding windows, the events themselves.
    pub(super) raw: Vec<Raw>,
    /// Events of which an expression of the rule cannot be worked out.
    pub(super) failed: u64,
    /// Why not, of one of them.
    pub(super) error: Option<String>,
    /// Events too far from now to lie in any window.
    pub(super) beyond: u64,
}

impl Partial {
    /// Whether the rule looks at none of the events.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.keys.is_empty() && self.raw.is_empty()
    }
}

/// What a rule makes of a batch of a dataset that it reads.
pub(crate) fn partial(number: u32, plan: &SqlPlan, batch: &EventBatch) -> Option<Partial> {
    let times = batch
        .column("time")?
        .as_primitive_opt::<TimestampMicrosecondType>()?;
    let inside = |time: &i64| (-FARTHEST..FARTHEST).contains(time);
    let highest = times.values().iter().copied().filter(inside).max();
    let beyond = times.values().iter().filter(|time| !inside(time)).count() as u64;
    let kept;
    let batch = match beyond {
        0 => batch,
        _ => {
            let inside: BooleanArray = times.values().iter().map(|time| Some(inside(time))).collect();
            kept = EventBatch {
                events: filter_record_batch(&batch.events, &inside).ok()?,
                ..batch.clone()
            };
            &kept
        }
    };
    let found = Partial {
        plan: number,
        tenant: batch.tenant.clone(),
        dataset: batch.dataset.name.clone(),
        highest,
        states: States::default(),
        panes: Vec::new(),
        raw: Vec::new(),
        failed: 0,
        error: None,
        beyond,
    };
    match added_up(plan, batch) {
        Ok((states, panes, raw, failed, error)) => Some(Partial {
            states,
            panes,
            raw,
            failed,
            error,
            ..found
        }),
        Err(error) => Some(Partial {
            failed: batch.len() as u64,
            error: Some(error.strip_backtrace()),
            ..found
        }),
    }
}

/// What was added up, the panes, what was not added up, the events that were left out, and why.
type AddedUp = (States, Vec<i64>, Vec<Raw>, u64, Option<String>);

fn added_up(plan: &SqlPlan, batch: &EventBatch) -> Result<AddedUp> {
    let mut adding = Adding::new(plan, batch)?;
    adding.add(&input_of(plan, batch)?);
    match adding.broken {
        Some(error) => Err(error),
        None => Ok((
            adding.groups.into_states()?,
            adding.panes,
            adding.raw,
            adding.failed,
            adding.error,
        )),
    }
}

/// The columns that the plan reads, with time and number of each event behind them.
fn input_of(plan: &SqlPlan, batch: &EventBatch) -> Result<RecordBatch> {
    let rows = batch.len();
    let mut fields: Vec<Arc<Field>> = plan.input.fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields.len() + 2);
    for (name, data_type) in types_of(&plan.input) {
        columns.push(match (name, batch.column(name)) {
            ("tenant", None) => constant(&batch.tenant, data_type, rows)?,
            ("dataset", None) => constant(&batch.dataset.name, data_type, rows)?,
            ("day", None) => match batch.column("time") {
                Some(time) => cast(time, data_type)?,
                None => new_null_array(data_type, rows),
            },
            (_, Some(column)) => as_type(column, data_type)?,
            (_, None) => new_null_array(data_type, rows),
        });
    }
    let time = batch
        .column("time")
        .map(|time| cast(time, &DataType::Int64))
        .transpose()?;
    columns.push(time.unwrap_or_else(|| new_null_array(&DataType::Int64, rows)));
    columns.push(Arc::new(arrow::array::UInt32Array::from_iter_values(
        0..rows as u32,
    )));
    fields.push(Arc::new(Field::new(TIME, DataType::Int64, true)));
    fields.push(Arc::new(Field::new(ROW, DataType::UInt32, false)));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

fn constant(text: &str, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    ScalarValue::from(text).cast_to(data_type)?.to_array_of_size(rows)
}

/// A column of events as the type that the table has for it: as stored tables show theirs.
fn as_type(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(column.clone());
    }
    if is_text(data_type) && matches!(column.data_type(), DataType::List(_) | DataType::LargeList(_)) {
        let texts = (0..column.len()).map(|row| match output::value(column, row) {
            serde_json::Value::Array(items) => {
                let items = items.iter().map(|item| match item {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                Some(items.collect::<Vec<_>>().join(", "))
            }
            _ => None,
        });
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
        return Ok(cast(&texts, data_type)?);
    }
    Ok(cast(column, data_type)?)
}

/// Adds up the events of one batch.
struct Adding<'a> {
    plan: &'a SqlPlan,
    batch: &'a EventBatch,
    converter: Option<RowConverter>,
    groups: Groups,
    panes: Vec<i64>,
    raw: Vec<Raw>,
    dataset: u16,
    failed: u64,
    error: Option<String>,
    /// Why nothing of the batch can be added up.
    broken: Option<DataFusionError>,
}

/// What is known of some events before they are added.
struct Worked {
    /// Their groups' values.
    keys: Vec<ArrayRef>,
    /// Of each aggregate.
    arguments: Vec<(Vec<ArrayRef>, Option<BooleanArray>)>,
    times: Vec<i64>,
    rows: Vec<u32>,
}

impl<'a> Adding<'a> {
    fn new(plan: &'a SqlPlan, batch: &'a EventBatch) -> Result<Adding<'a>> {
        let known = plan.datasets.iter().position(|name| *name == batch.dataset.name);
        Ok(Adding {
            plan,
            batch,
            converter: match plan.key_types.is_empty() {
                true => None,
                false => Some(RowConverter::new(plan.key_types.clone())?),
            },
            groups: Groups::new(plan)?,
            panes: Vec::new(),
            raw: Vec::new(),
            dataset: known
                .and_then(|place| u16::try_from(place).ok())
                .unwrap_or_default(),
            failed: 0,
            error: None,
            broken: None,
        })
    }

    /// Adds rows. Where an expression cannot be worked out for all of them, it is for each by itself: which events are
    /// left out does not depend on those that came with them.
    fn add(&mut self, rows: &RecordBatch) {
        let error = match self.worked(rows) {
            Ok(None) => return,
            Ok(Some(worked)) => {
                if let Err(error) = self.add_worked(worked) {
                    self.broken.get_or_insert(error);
                }
                return;
            }
            Err(error) => error,
        };
        match rows.num_rows() {
            0 => {}
            1 => {
                self.failed += 1;
                self.error.get_or_insert_with(|| error.strip_backtrace());
            }
            count => {
                self.add(&rows.slice(0, count / 2));
                self.add(&rows.slice(count / 2, count - count / 2));
            }
        }
    }

    fn worked(&self, rows: &RecordBatch) -> Result<Option<Worked>> {
        let kept;
        let rows = match &self.plan.condition {
            Some(condition) => {
                let holds = truth(condition, rows)?;
                if holds.true_count() == 0 {
                    return Ok(None);
                }
                kept = filter_record_batch(rows, &holds)?;
                &kept
            }
            None => rows,
        };
        let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(rows)?.into_array(rows.num_rows());
        let keys = self.plan.keys.iter().map(value).collect::<Result<_>>()?;
        let mut arguments = Vec::with_capacity(self.plan.aggregates.len());
        for measure in &self.plan.aggregates {
            let values = measure.arguments.iter().map(value).collect::<Result<_>>()?;
            let condition = measure.condition.as_ref().map(|condition| truth(condition, rows));
            arguments.push((values, condition.transpose()?));
        }
        let numbers = rows
            .column_by_name(ROW)
            .map(|column| column.as_primitive::<arrow::datatypes::UInt32Type>());
        let times = rows
            .column_by_name(TIME)
            .map(|column| column.as_primitive::<arrow::datatypes::Int64Type>());
        Ok(numbers.zip(times).map(|(numbers, times)| Worked {
            keys,
            arguments,
            times: times.values().to_vec(),
            rows: numbers.values().to_vec(),
        }))
    }

    fn add_worked(&mut self, worked: Worked) -> Result<()> {
        let keys = match &self.converter {
            Some(converter) => Some(converter.convert_columns(&worked.keys)?),
            None => None,
        };
        let key = |row: usize| -> &[u8] {
            match &keys {
                Some(keys) => keys.row(row).data(),
                None => &[],
            }
        };
        let ids = self.batch.column("event_id");
        let ids = ids.and_then(|ids| strings(ids));
        let dataset = self.dataset;
        let sample = |row: usize| {
            let id = ids.as_ref().and_then(|ids| ids.get(worked.rows[row] as usize));
            let id = id
                .and_then(|id| u128::from_str_radix(id, 16).ok())
                .unwrap_or_default();
            Sample {
                time: worked.times[row],
                id: id.to_be_bytes(),
                dataset,
            }
        };
        let rows = 0..worked.rows.len();
        if matches!(self.plan.window, Window::Slide { .. }) {
            self.raw.push(Raw {
                keys: rows.clone().map(|row| key(row).into()).collect(),
                samples: rows.map(sample).collect(),
                values: Arc::new(Values::new(worked.arguments, worked.rows.len())),
            });
            return Ok(());
        }
        let mut places = vec![0; rows.len()];
        match self.plan.window {
            Window::Session { gap } => {
                let mut by_key: HashMap<&[u8], Vec<usize>> = HashMap::new();
                for row in rows {
                    by_key.entry(key(row)).or_default().push(row);
                }
                let mut all: Vec<(&[u8], Vec<usize>)> = by_key.into_iter().collect();
                all.sort_unstable();
                for (key, mut rows) in all {
                    rows.sort_by_key(|row| worked.times[*row]);
                    let mut last: Option<(i64, usize)> = None;
                    for row in rows {
                        let time = worked.times[row];
                        let place = match last {
                            Some((before, place)) if time.saturating_sub(before) < gap => place,
                            _ => self.groups.add(key),
                        };
                        places[row] = place;
                        last = Some((time, place));
                    }
                }
            }
            window => {
                let width = window.pane();
                let mut with_pane = Vec::new();
                for row in rows {
                    let pane = worked.times[row].div_euclid(width).saturating_mul(width);
                    with_pane.clear();
                    with_pane.extend_from_slice(&pane.to_be_bytes());
                    with_pane.extend_from_slice(key(row));
                    places[row] = self.groups.place(&with_pane);
                    if places[row] == self.panes.len() {
                        self.panes.push(pane);
                    }
                }
            }
        }
        self.groups.update(&worked.arguments, &places)?;
        for (row, place) in places.iter().enumerate() {
            self.groups.seen[*place].add(sample(row));
        }
        Ok(())
    }
}

/// Where a condition holds; where it is null it does not.
pub(super) fn truth(condition: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<BooleanArray> {
    let holds = condition.evaluate(rows)?.into_array(rows.num_rows())?;
    let holds = holds.as_boolean_opt().ok_or_else(|| {
        DataFusionError::Execution("a condition is true or false, this is neither".to_owned())
    })?;
    match holds.null_count() {
        0 => Ok(holds.clone()),
        _ => Ok(arrow::compute::prep_null_mask_filter(holds)),
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// The types of the columns of a schema, by name.
fn types_of(schema: &Schema) -> impl Iterator<Item = (&str, &DataType)> {
    schema
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), field.data_type()))
}
