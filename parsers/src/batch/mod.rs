//! From fields to columns: the builder that every format writes to, and the batch that comes out.
//!
//! A [`BatchBuilder`] belongs to one dataset. A format calls [`BatchBuilder::begin`], then
//! [`BatchBuilder::field`] with the producer's own field names, then [`BatchBuilder::commit`]; the
//! catalog says which column each name becomes and of what type. What has no column (a nested value, a
//! value that does not fit its column's type, a column past the limit) goes to the JSON column
//! `unmapped` under its dotted name and is counted: no event is refused because of a type.
//!
//! Columns of an [`EventBatch`] carry their SQL name as Arrow field name and their dotted name in the
//! field's metadata under [`DOTTED_NAME`]. Strings are `Dictionary(Int32, Utf8)` where they repeat and
//! `Utf8` where they do not; consumers must take both (see [`strings`]).

mod column;
mod strings;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use hashbrown::HashMap;

use crate::catalog::{Column, ColumnType, Dataset, STANDARD_COLUMNS, UNMAPPED};
use crate::value::Value;
use column::ColumnBuilder;
pub use strings::{StringColumn, strings};

/// Key of the Arrow field metadata entry that holds a column's dotted name.
pub const DOTTED_NAME: &str = "borzoi.name";

/// Events of one dataset and one tenant as columns.
///
/// *Invariants*: the [`STANDARD_COLUMNS`] come first, in order, all present; rows are in the order in
/// which they were read; every other column has at least one value.
#[derive(Debug, Clone)]
pub struct EventBatch {
    /// What wrote the events.
    pub dataset: Arc<Dataset>,
    /// Whose they are.
    pub tenant: Arc<str>,
    /// The columns.
    pub events: RecordBatch,
}

impl EventBatch {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.num_rows()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column with this SQL name, if any event of the batch has it.
    pub fn column(&self, sql: &str) -> Option<&ArrayRef> {
        self.events.column_by_name(sql)
    }
}

/// What holds for all events of a builder.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Whose events they are.
    pub tenant: Arc<str>,
    /// When they are being read, microseconds since the epoch.
    pub ingest_time: i64,
    /// Columns past this number (standard ones not counted) go to `unmapped`.
    pub max_columns: usize,
    /// Keep the raw bytes in `original`.
    pub keep_original: bool,
}

impl Default for BatchOptions {
    fn default() -> Self {
        BatchOptions {
            tenant: Arc::from("default"),
            ingest_time: chrono::Utc::now().timestamp_micros(),
            max_columns: 1000,
            keep_original: false,
        }
    }
}

/// Where an event was read and what identifies it.
#[derive(Debug, Clone, Copy)]
pub struct EventMeta<'a> {
    /// Event time in microseconds since the epoch; where the frame has none, `fallback_time` is used.
    pub time: Option<i64>,
    /// Time of an event that has none: when its file was last modified, or when it was read.
    pub fallback_time: i64,
    /// See [`crate::frame::event_id`].
    pub event_id: u128,
    /// Path of the file, or `-`.
    pub path: &'a str,
    /// Offset of the frame's first byte in the (decompressed) stream; the record number for EVTX.
    pub offset: u64,
    /// The raw frame.
    pub raw: &'a [u8],
}

/// What a builder had to put aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuilderCounters {
    /// Values that did not fit their column's type.
    pub misfits: u64,
    /// Second, different values of a column within one event.
    pub duplicates: u64,
    /// Values whose column would have been past the limit.
    pub over_limit: u64,
    /// Events without a time of their own.
    pub without_time: u64,
}

impl std::ops::AddAssign for BuilderCounters {
    fn add_assign(&mut self, other: Self) {
        self.misfits += other.misfits;
        self.duplicates += other.duplicates;
        self.over_limit += other.over_limit;
        self.without_time += other.without_time;
    }
}

/// Builds batches of one dataset. See the [module](self).
pub struct BatchBuilder {
    // What never changes.
    dataset: Arc<Dataset>,
    options: Arc<BatchOptions>,
    // What a batch accumulates.
    ingest_time: i64,
    rows: usize,
    times: Vec<i64>,
    event_ids: Vec<u128>,
    offsets: Vec<i64>,
    columns: Vec<ColumnBuilder>,
    /// SQL name → index into `columns`.
    by_sql: HashMap<Arc<str>, usize>,
    /// Native name, letter for letter → index into `columns`. Kept across batches.
    by_native: HashMap<String, Slot>,
    unmapped: Vec<Option<String>>,
    counters: BuilderCounters,
    // The event being written.
    pending_unmapped: String,
    pending_time: Option<i64>,
}

#[derive(Debug, Clone)]
enum Slot {
    Time,
    Reserved(Arc<str>),
    Column(Column),
}

const HOST: usize = 0;
const MESSAGE: usize = 1;
const ORIGINAL: usize = 2;
const PATH: usize = 3;

impl BatchBuilder {
    /// A builder for `dataset`.
    pub fn new(dataset: Arc<Dataset>, options: Arc<BatchOptions>) -> Self {
        let mut builder = BatchBuilder {
            dataset,
            ingest_time: options.ingest_time,
            options,
            rows: 0,
            times: Vec::new(),
            event_ids: Vec::new(),
            offsets: Vec::new(),
            columns: Vec::new(),
            by_sql: HashMap::new(),
            by_native: HashMap::new(),
            unmapped: Vec::new(),
            counters: BuilderCounters::default(),
            pending_unmapped: String::new(),
            pending_time: None,
        };
        builder.reset_columns();
        builder
    }

    fn reset_columns(&mut self) {
        self.columns.clear();
        self.by_sql.clear();
        for sql in ["host_name", "message", "original", "log_file_path"] {
            let (sql, dotted, column_type) = STANDARD_COLUMNS
                .iter()
                .find(|(name, _, _)| *name == sql)
                .expect("named in STANDARD_COLUMNS");
            self.add_column(Column {
                dotted: Arc::from(*dotted),
                sql: Arc::from(*sql),
                column_type: *column_type,
            });
        }
    }

    fn add_column(&mut self, column: Column) -> usize {
        let index = self.columns.len();
        self.by_sql.insert(column.sql.clone(), index);
        self.columns.push(ColumnBuilder::new(column));
        index
    }

    /// The dataset whose events this builder takes.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The time that a field of the current event declared as `@timestamp` has given it.
    pub fn pending_time(&self) -> Option<i64> {
        self.pending_time
    }

    /// When the events from now on are read, microseconds since the epoch.
    pub fn set_ingest_time(&mut self, micros: i64) {
        self.ingest_time = micros;
    }

    /// Number of committed events.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no event is committed.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was put aside since the last call.
    pub fn take_counters(&mut self) -> BuilderCounters {
        std::mem::take(&mut self.counters)
    }

    /// Starts an event; what an uncommitted one had written is forgotten.
    pub fn begin(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
        self.pending_unmapped.clear();
        self.pending_time = None;
    }

    /// Writes one field of the current event under the producer's name for it. Null is the same as not
    /// calling this. Writing a field twice keeps the first value; a different second one goes to
    /// `unmapped`.
    pub fn field(&mut self, native: &str, value: Value<'_>) {
        if value == Value::Null {
            return;
        }
        let slot = match self.by_native.get(native) {
            Some(slot) => slot.clone(),
            None => {
                let slot = slot_of(self.dataset.column_of_native(native));
                self.by_native.insert(native.to_owned(), slot.clone());
                slot
            }
        };
        match slot {
            Slot::Time => match column::timestamp(&value) {
                Some(micros) => self.pending_time = self.pending_time.or(Some(micros)),
                None => self.put_aside("@timestamp", &value),
            },
            Slot::Reserved(dotted) => self.put_aside(&dotted, &value),
            Slot::Column(column) => self.typed_field(column, value),
        }
    }

    fn typed_field(&mut self, column: Column, value: Value<'_>) {
        let index = match self.by_sql.get(&column.sql) {
            Some(&index) => index,
            None if self.columns.len() >= self.options.max_columns => {
                self.counters.over_limit += 1;
                return self.put_aside(&column.dotted, &value);
            }
            None => self.add_column(column),
        };
        match self.columns[index].set(self.rows, &value) {
            column::Set::Stored | column::Set::Same => {}
            column::Set::Different => {
                self.counters.duplicates += 1;
                let dotted = self.columns[index].column.dotted.clone();
                self.put_aside(&dotted, &value);
            }
            column::Set::Misfit => {
                if !matches!(value, Value::Json(_) | Value::List(_)) {
                    self.counters.misfits += 1;
                }
                let dotted = self.columns[index].column.dotted.clone();
                self.put_aside(&dotted, &value);
            }
        }
    }

    /// Appends `"name": value` to the event's `unmapped` object.
    fn put_aside(&mut self, dotted: &str, value: &Value<'_>) {
        let json = &mut self.pending_unmapped;
        json.push(if json.is_empty() { '{' } else { ',' });
        column::push_json_string(json, dotted);
        json.push(':');
        column::push_json(json, value);
    }

    /// Ends the current event.
    pub fn commit(&mut self, meta: EventMeta<'_>) {
        let row = self.rows;
        self.columns[PATH].set(row, &Value::Str(meta.path));
        if self.options.keep_original {
            let raw = String::from_utf8_lossy(meta.raw);
            self.columns[ORIGINAL].set(row, &Value::Str(&raw));
        }
        let time = meta.time.or(self.pending_time);
        self.counters.without_time += u64::from(time.is_none());
        self.times.push(time.unwrap_or(meta.fallback_time));
        self.event_ids.push(meta.event_id);
        self.offsets.push(i64::try_from(meta.offset).unwrap_or(i64::MAX));
        self.unmapped.push(if self.pending_unmapped.is_empty() {
            None
        } else {
            self.pending_unmapped.push('}');
            Some(std::mem::take(&mut self.pending_unmapped))
        });
        self.pending_time = None;
        self.rows += 1;
    }

    /// The committed events as a batch; the builder is empty afterwards. `None` if there are none.
    pub fn finish(&mut self) -> Option<EventBatch> {
        self.begin();
        if self.rows == 0 {
            return None;
        }
        let rows = std::mem::take(&mut self.rows);
        let mut columns = std::mem::take(&mut self.columns);
        self.reset_columns();
        let mut fields = Vec::with_capacity(columns.len() + 8);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len() + 8);
        for (sql, dotted, column_type) in STANDARD_COLUMNS {
            let array = match *sql {
                "time" => column::timestamps(std::mem::take(&mut self.times)),
                "ingest_time" => column::timestamps(vec![self.ingest_time; rows]),
                "tenant" => column::constant(&self.options.tenant, rows),
                "dataset" => column::constant(&self.dataset.name, rows),
                "event_id" => column::event_ids(&std::mem::take(&mut self.event_ids)),
                "host_name" => columns[HOST].finish(rows),
                "message" => columns[MESSAGE].finish(rows),
                "original" => columns[ORIGINAL].finish(rows),
                "log_file_path" => columns[PATH].finish(rows),
                _ => Arc::new(arrow::array::Int64Array::from(std::mem::take(&mut self.offsets))),
            };
            debug_assert!(
                matches!(column_type, ColumnType::Timestamp)
                    == matches!(array.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _))
            );
            fields.push(field(sql, dotted, array.data_type().clone()));
            arrays.push(array);
        }
        for column in columns.iter_mut().skip(PATH + 1).filter(|column| column.any()) {
            let array = column.finish(rows);
            fields.push(field(
                &column.column.sql,
                &column.column.dotted,
                array.data_type().clone(),
            ));
            arrays.push(array);
        }
        let unmapped = std::mem::take(&mut self.unmapped);
        if unmapped.iter().any(Option::is_some) {
            fields.push(field(UNMAPPED, UNMAPPED, DataType::Utf8));
            arrays.push(Arc::new(arrow::array::StringArray::from(unmapped)));
        }
        let events = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .expect("every column is padded to the number of rows");
        Some(EventBatch {
            dataset: self.dataset.clone(),
            tenant: self.options.tenant.clone(),
            events,
        })
    }
}

fn slot_of(column: Column) -> Slot {
    match &*column.sql {
        "time" => Slot::Time,
        "ingest_time" | "tenant" | "dataset" | "event_id" | "original" | "log_file_path" | "log_offset" => {
            Slot::Reserved(column.dotted)
        }
        _ => Slot::Column(column),
    }
}

fn field(sql: &str, dotted: &str, data_type: DataType) -> Field {
    Field::new(sql, data_type, true).with_metadata(std::collections::HashMap::from([(
        DOTTED_NAME.to_owned(),
        dotted.to_owned(),
    )]))
}

#[cfg(test)]
mod tests;
