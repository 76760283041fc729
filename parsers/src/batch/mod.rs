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

mod arrays;
mod cells;
mod codes;
mod column;
mod distinct;
mod doubts;
mod fields;
mod filling;
mod finish;
mod forms;
mod keywords;
mod lanes;
mod planned;
mod rows;
mod slots;
mod strings;
mod texts;
mod unmapped;
mod values;
mod waiting;
mod words;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use hashbrown::HashMap;

use crate::catalog::{Column, Dataset, STANDARD_COLUMNS};
use crate::value::Value;
use column::{ColumnBuilder, Limit};
use doubts::Doubts;
pub use fields::is_written_by_builder;
use filling::Fillings;
pub(crate) use finish::column_field;
pub(crate) use forms::Form;
use forms::Forms;
use lanes::Lanes;
pub(crate) use planned::{Origin, PlanId, Slot, Stored};
pub(crate) use rows::{Cells, Misfit, Rows, eight_digits, long_digits, whole as whole_number};
use slots::{Constants, Slots, Target};
pub use strings::{StringColumn, strings};
pub(crate) use texts::same as same_text;
use unmapped::Unmapped;
pub use values::{spells_integer, stored_text};
use waiting::Planned;
pub(crate) use words::Nothing;

/// Key of the Arrow field metadata entry that holds a column's dotted name.
pub const DOTTED_NAME: &str = "borzoi.name";

/// Key of the Arrow field metadata entry that a column has in which no event had a value of its own: it was made of
/// others ([`crate::enrich`]).
pub const DERIVED: &str = "borzoi.derived";

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
    /// Columns past this number (standard ones not counted) go to `unmapped`, but for those that the catalog or ECS knows;
    /// of those that pairs in texts name (`kv.*`), a quarter as many.
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
    /// Values whose column would have been past the limit, or have had a name of more than 1,024 bytes.
    pub over_limit: u64,
    /// Values nested so deeply (more than 64 levels) that `unmapped` holds their JSON text as a string. Their
    /// events are marked with `error.type: nested_too_deep`.
    pub too_deep: u64,
    /// Events without a time of their own.
    pub without_time: u64,
}

impl std::ops::AddAssign for BuilderCounters {
    fn add_assign(&mut self, other: Self) {
        self.misfits += other.misfits;
        self.duplicates += other.duplicates;
        self.over_limit += other.over_limit;
        self.too_deep += other.too_deep;
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
    /// Columns with a value in this batch or the uncommitted event, standard ones not counted.
    used_columns: usize,
    /// Of them, those that pairs in texts name.
    used_pairs: usize,
    unmapped: Vec<Option<String>>,
    counters: BuilderCounters,
    // The event being written.
    /// Whether something was written since the last commit.
    dirty: bool,
    pending_unmapped: Unmapped,
    pending_time: Option<i64>,
    // What is learned and kept across batches.
    /// All columns met; those without a value are left out of a batch.
    columns: Vec<ColumnBuilder>,
    /// SQL name → index into `columns`.
    by_sql: HashMap<Arc<str>, usize>,
    slots: Slots,
    /// Names that stand in the text of events; see [`BatchBuilder::line_field`].
    line_slots: Slots,
    /// Names that parsers have as constants.
    constants: Constants,
    /// Columns that are filled from others.
    fillings: Fillings,
    /// What the current event says two things about.
    doubts: Doubts,
    /// Targets of the keys that a reader has numbered, by number.
    keyed: Vec<Option<Target>>,
    /// Targets of the keys that readers of pairs have numbered, by number.
    paired: Vec<Option<Target>>,
    forms: Forms,
    /// Cells that wait until more are together.
    lanes: Lanes,
    /// Events of known plans, and what waits of them.
    planned: Planned,
    /// How often all columns were forgotten: what was known of them before is not true any more.
    era: u32,
    /// How many batches there were: keys of values are of one.
    batch: u32,
    /// Scratch: an unescaped value.
    unescaped: String,
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
            used_columns: 0,
            used_pairs: 0,
            unmapped: Vec::new(),
            counters: BuilderCounters::default(),
            dirty: false,
            pending_unmapped: Unmapped::default(),
            pending_time: None,
            columns: Vec::new(),
            by_sql: HashMap::new(),
            slots: Slots::default(),
            line_slots: Slots::default(),
            constants: Constants::default(),
            fillings: Fillings::default(),
            doubts: Doubts::default(),
            keyed: Vec::new(),
            paired: Vec::new(),
            forms: Forms::default(),
            lanes: Lanes::default(),
            planned: Planned::default(),
            era: 0,
            batch: 0,
            unescaped: String::new(),
        };
        builder.forget_columns();
        builder
    }

    fn forget_columns(&mut self) {
        self.era = self.era.wrapping_add(1);
        self.columns.clear();
        self.by_sql.clear();
        self.slots = Slots::default();
        self.line_slots = Slots::default();
        self.constants = Constants::default();
        self.keyed.clear();
        self.paired.clear();
        self.forms = Forms::default();
        self.lanes.forget();
        self.planned = Planned::default();
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
        let dataset = self.dataset.clone();
        self.fillings = Fillings::new(&dataset, |column| self.column_index(column));
    }

    /// The index of a column, which is added if it is new.
    fn column_index(&mut self, column: &Column) -> usize {
        match self.by_sql.get(&column.sql) {
            Some(&index) => index,
            None => self.add_column(column.clone()),
        }
    }

    fn add_column(&mut self, column: Column) -> usize {
        let index = self.columns.len();
        self.by_sql.insert(column.sql.clone(), index);
        let limit = self.limit_of(&column);
        self.columns.push(ColumnBuilder {
            limit,
            ..ColumnBuilder::new(column)
        });
        index
    }

    fn limit_of(&self, column: &Column) -> Limit {
        let is_known = || {
            let declared = self.dataset.fields.iter().map(|field| &field.column.sql);
            self.dataset.declared_type(&column.dotted).is_some()
                || self.dataset.is_filled(&column.sql)
                || declared.into_iter().any(|sql| *sql == column.sql)
        };
        match column.dotted.starts_with("kv.") {
            true => Limit::Pair,
            false if is_known() => Limit::Known,
            false => Limit::Named,
        }
    }

    /// A column has no value any more in this batch.
    fn forget_use(&mut self, index: usize) {
        self.used_columns -= usize::from(index > PATH);
        self.used_pairs -= usize::from(self.columns[index].limit == Limit::Pair);
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
        debug_assert!(
            !self.is_waiting(),
            "cells that wait come before those of the next event"
        );
        self.slots.restart();
        self.line_slots.restart();
        if !std::mem::replace(&mut self.dirty, true) {
            return;
        }
        for index in 0..self.columns.len() {
            let column = &mut self.columns[index];
            let had = column.any();
            column.truncate(self.rows);
            if had && !column.any() {
                self.forget_use(index);
            }
        }
        self.fillings.truncate(self.rows);
        self.pending_unmapped.clear();
        self.pending_time = None;
    }

    /// Ends the current event.
    pub fn commit(&mut self, meta: EventMeta<'_>) {
        let row = self.rows;
        self.columns[PATH].repeat(row, 1, meta.path);
        if self.options.keep_original {
            let raw = String::from_utf8_lossy(meta.raw);
            self.columns[ORIGINAL].set(row, &Value::Str(&raw));
        }
        let time = meta.time.or(self.pending_time);
        self.counters.without_time += u64::from(time.is_none());
        self.times.push(time.unwrap_or(meta.fallback_time));
        self.event_ids.push(meta.event_id);
        self.offsets.push(i64::try_from(meta.offset).unwrap_or(i64::MAX));
        self.unmapped.push(self.pending_unmapped.take());
        self.pending_time = None;
        self.dirty = false;
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests;
