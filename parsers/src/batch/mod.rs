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
mod column;
mod filling;
mod keywords;
mod recent;
mod rows;
mod slots;
mod strings;
mod unmapped;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use hashbrown::HashMap;

use crate::catalog::{Column, ColumnType, Dataset, STANDARD_COLUMNS, UNMAPPED};
use crate::formats::flat::{Key, unescape_into};
use crate::value::Value;
use column::{ColumnBuilder, Set};
pub use column::{spells_integer, stored_text};
use filling::Fillings;
use keywords::Keywords;
pub(crate) use rows::{Cells, Misfit, Rows};
use slots::{Slots, Target};
pub use strings::{StringColumn, strings};
use unmapped::Unmapped;

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
    /// Columns that are filled from others.
    fillings: Fillings,
    /// Targets of the keys that a reader has numbered, by number.
    keyed: Vec<Option<Target>>,
    /// Scratch: an unescaped value.
    unescaped: String,
}

const HOST: usize = 0;
const MESSAGE: usize = 1;
const ORIGINAL: usize = 2;
const PATH: usize = 3;

/// Longer names, and names of more parts, get no column: nobody could type them, and what nests dotted names
/// into objects goes as deep as a name has parts.
const MAX_NAME: usize = 1024;
const MAX_NAME_PARTS: usize = 100;

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
            unmapped: Vec::new(),
            counters: BuilderCounters::default(),
            dirty: false,
            pending_unmapped: Unmapped::default(),
            pending_time: None,
            columns: Vec::new(),
            by_sql: HashMap::new(),
            slots: Slots::default(),
            fillings: Fillings::default(),
            keyed: Vec::new(),
            unescaped: String::new(),
        };
        builder.forget_columns();
        builder
    }

    fn forget_columns(&mut self) {
        self.columns.clear();
        self.by_sql.clear();
        self.slots = Slots::default();
        self.keyed.clear();
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
        self.slots.restart();
        if !std::mem::replace(&mut self.dirty, true) {
            return;
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            let had = column.any();
            column.truncate(self.rows);
            self.used_columns -= usize::from(index > PATH && had && !column.any());
        }
        self.fillings.truncate(self.rows);
        self.pending_unmapped.clear();
        self.pending_time = None;
    }

    /// Writes one field of the current event under the producer's name for it. Null is the same as not
    /// calling this. Writing a field twice keeps the first value; a different second one goes to
    /// `unmapped`.
    #[inline]
    pub fn field(&mut self, native: &str, value: Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = self.target(native);
        self.put(target, native, value);
    }

    /// Writes a value to where it goes: most are texts for a column of texts that has some already.
    #[inline]
    fn put(&mut self, target: Target, native: &str, value: Value<'_>) {
        if let Value::Str(text) = value
            && self.keyword(target, |keywords, row| keywords.set(row, text))
        {
            return;
        }
        self.targeted_field(target, native, value);
    }

    /// As [`field`](BatchBuilder::field), unless the current event has a value in that column.
    pub fn field_if_absent(&mut self, native: &str, value: Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = self.target(native);
        if !self.has_at(target) {
            self.put(target, native, value);
        }
    }

    /// Whether the current event has a value in the column of `native`.
    pub fn has(&mut self, native: &str) -> bool {
        let target = self.target(native);
        self.has_at(target)
    }

    #[inline]
    fn target(&mut self, native: &str) -> Target {
        match self.slots.find(native) {
            Some(target) => target,
            None => self.new_slot(native),
        }
    }

    fn has_at(&self, target: Target) -> bool {
        match target {
            Target::Column(index) | Target::Kept(index, _) => self.columns[index as usize].has(self.rows),
            Target::Time => self.pending_time.is_some(),
            Target::Reserved | Target::OverLimit => false,
        }
    }

    /// Appends the text of what the current event has in the column of `native` to `text` (of a list, the first).
    /// `false`: it has nothing there, or it is a column that the builder writes.
    pub fn text_of(&mut self, native: &str, text: &mut String) -> bool {
        let target = self.target(native);
        match target {
            Target::Column(index) | Target::Kept(index, _) => {
                self.columns[index as usize].text_at(self.rows, text)
            }
            Target::Time | Target::Reserved | Target::OverLimit => false,
        }
    }

    /// As [`field`](BatchBuilder::field), for a reader that numbers its keys: `key` always stands for
    /// `native`.
    #[inline]
    pub(crate) fn keyed_field(&mut self, key: Key, native: &str, value: Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = self.target_of_key(key, native);
        self.targeted_field(target, native, value);
    }

    /// As [`keyed_field`](BatchBuilder::keyed_field), for the inside of a JSON string as it stands in its
    /// record, the escapes in it (if `escaped`) being valid.
    #[inline]
    pub(crate) fn raw_text(&mut self, key: Key, native: &str, raw: &str, escaped: bool) {
        let target = self.target_of_key(key, native);
        let stored = self.keyword(target, |keywords, row| match escaped {
            false => keywords.set(row, raw),
            true => keywords.set_escaped(row, raw),
        });
        if stored {
            return;
        }
        if !escaped {
            return self.targeted_field(target, native, Value::Str(raw));
        }
        let mut text = std::mem::take(&mut self.unescaped);
        text.clear();
        unescape_into(raw, &mut text);
        self.targeted_field(target, native, Value::Str(&text));
        self.unescaped = text;
    }

    /// As [`raw_text`](BatchBuilder::raw_text), for a whole number, written in the only way it can be: in a
    /// column of texts it stays as it stands. `false`: nothing was done, the column wants the number.
    #[inline]
    pub(crate) fn raw_number(&mut self, key: Key, native: &str, raw: &str) -> bool {
        let target = self.target_of_key(key, native);
        self.keyword(target, |keywords, row| keywords.set(row, raw))
    }

    /// As [`raw_text`](BatchBuilder::raw_text), for a list of scalars; `value` takes it apart, where it is not
    /// the same as the one before it. `None` if `value` says so.
    #[inline]
    pub(crate) fn raw_list<'v>(
        &mut self,
        key: Key,
        native: &str,
        raw: &str,
        value: impl FnOnce() -> Option<Value<'v>>,
    ) -> Option<()> {
        let target = self.target_of_key(key, native);
        let Target::Column(index) = target else {
            self.targeted_field(target, native, value()?);
            return Some(());
        };
        let (row, column) = (self.rows, &mut self.columns[index as usize]);
        // A column's first value may be one column too many.
        if column.any() && column.repeat_list(row, raw) {
            return Some(());
        }
        let value = value()?;
        self.stored_field(index as usize, &value, |column| column.set_list(row, raw, &value));
        Some(())
    }

    /// Gives the event a value in a column of texts that has some already. `false`: it is no such column, or
    /// the event has another value there, and nothing was done.
    #[inline]
    fn keyword(&mut self, target: Target, set: impl FnOnce(&mut Keywords, usize) -> Set) -> bool {
        let Target::Column(index) = target else {
            return false;
        };
        let column = &mut self.columns[index as usize];
        // A column's first value may be one column too many.
        if !column.any() {
            return false;
        }
        let Some(keywords) = column.keywords() else {
            return false;
        };
        match set(keywords, self.rows) {
            Set::Stored => {
                column.count();
                true
            }
            Set::Same => true,
            Set::Different | Set::Misfit => false,
        }
    }

    #[inline]
    fn target_of_key(&mut self, key: Key, native: &str) -> Target {
        match self.keyed.get(key as usize) {
            Some(Some(target)) => *target,
            _ => self.new_key(key, native),
        }
    }

    #[cold]
    fn new_key(&mut self, key: Key, native: &str) -> Target {
        let target = self.target(native);
        let index = key as usize;
        if self.keyed.len() <= index {
            self.keyed.resize(index + 1, None);
        }
        self.keyed[index] = Some(target);
        target
    }

    #[inline]
    fn targeted_field(&mut self, target: Target, native: &str, value: Value<'_>) {
        match target {
            Target::Column(index) => self.typed_field(index as usize, value),
            Target::Kept(index, number) => {
                self.gather(number as usize, value.clone());
                self.typed_field(index as usize, value);
            }
            Target::Time => match column::timestamp(&value) {
                Some(micros) => self.pending_time = self.pending_time.or(Some(micros)),
                None => self.put_aside("@timestamp", &value),
            },
            Target::Reserved | Target::OverLimit => {
                self.counters.over_limit += u64::from(target == Target::OverLimit);
                let dotted = self.dataset.column_of_native(native).dotted;
                self.put_aside(&dotted, &value);
            }
        }
    }

    #[cold]
    fn new_slot(&mut self, native: &str) -> Target {
        let column = self.dataset.column_of_native(native);
        let target = match own_target(native, &column) {
            Some(target) => target,
            None => {
                let index = match self.by_sql.get(&column.sql) {
                    // Two names may come to one; the column has that of the first with a value.
                    Some(&index) if !self.columns[index].any() => {
                        self.columns[index].column.dotted = column.dotted;
                        index
                    }
                    Some(&index) => index,
                    // So many new names in one batch have long used up its columns.
                    None if self.columns.len() > 2 * self.many_names() => return Target::OverLimit,
                    None => self.add_column(column),
                };
                let index = u32::try_from(index).expect("columns are bounded at each batch");
                match self.dataset.gather.field(native) {
                    None => Target::Column(index),
                    Some(number) => Target::Kept(index, number as u32),
                }
            }
        };
        if self.slots.len() < 4 * self.many_names() {
            self.slots.add(native, target);
        }
        target
    }

    /// Names past which they are noise, which must not pile up.
    fn many_names(&self) -> usize {
        4 * self.options.max_columns + 100
    }

    fn typed_field(&mut self, index: usize, value: Value<'_>) {
        let row = self.rows;
        self.stored_field(index, &value, |column| column.set(row, &value));
    }

    /// Gives the event a value in a column, by `set`, or puts it aside.
    #[inline]
    fn stored_field(&mut self, index: usize, value: &Value<'_>, set: impl FnOnce(&mut ColumnBuilder) -> Set) {
        let column = &mut self.columns[index];
        let first = index > PATH && !column.any();
        if first && self.used_columns >= self.options.max_columns {
            self.counters.over_limit += 1;
            let dotted = column.column.dotted.clone();
            return self.put_aside(&dotted, value);
        }
        match set(column) {
            Set::Stored => self.used_columns += usize::from(first),
            Set::Same => {}
            Set::Different => {
                self.counters.duplicates += 1;
                let dotted = self.columns[index].column.dotted.clone();
                self.put_aside(&dotted, value);
            }
            Set::Misfit => {
                if !matches!(value, Value::Json(_) | Value::List(_)) {
                    self.counters.misfits += 1;
                }
                let dotted = self.columns[index].column.dotted.clone();
                self.put_aside(&dotted, value);
            }
        }
    }

    /// Writes a value of the current event to `unmapped`, whatever the catalog says of its name: for what
    /// a shipper put around the event.
    pub fn aside(&mut self, dotted: &str, value: &Value<'_>) {
        self.put_aside(dotted, value);
    }

    /// Adds `"name": value` to the event's `unmapped` object.
    fn put_aside(&mut self, dotted: &str, value: &Value<'_>) {
        if !self.pending_unmapped.add(dotted, value) {
            self.counters.too_deep += 1;
            self.field("error.type", Value::Str("nested_too_deep"));
        }
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
        self.unmapped.push(self.pending_unmapped.take());
        self.pending_time = None;
        self.dirty = false;
        self.rows += 1;
    }

    /// The committed events as a batch; the builder is empty afterwards. `None` if there are none.
    pub fn finish(&mut self) -> Option<EventBatch> {
        self.begin();
        self.dirty = false;
        if self.rows == 0 {
            return None;
        }
        self.fill();
        let rows = std::mem::take(&mut self.rows);
        self.used_columns = 0;
        let columns = &mut self.columns;
        let mut fields = Vec::with_capacity(columns.len() + 8);
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len() + 8);
        for (sql, dotted, column_type) in STANDARD_COLUMNS {
            let array = match *sql {
                "time" => arrays::timestamps(std::mem::take(&mut self.times)),
                "ingest_time" => arrays::timestamps(vec![self.ingest_time; rows]),
                "tenant" => arrays::constant(&self.options.tenant, rows),
                "dataset" => arrays::constant(&self.dataset.name, rows),
                "event_id" => arrays::event_ids(&std::mem::take(&mut self.event_ids)),
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
            fields.push(column_field(sql, dotted, array.data_type().clone()));
            arrays.push(array);
        }
        let mut present: Vec<(usize, ArrayRef)> = columns
            .iter_mut()
            .enumerate()
            .skip(PATH + 1)
            .filter_map(|(index, column)| {
                if column.any() {
                    return Some((index, column.finish(rows)));
                }
                // An event that was not committed may have left it with empty rows.
                column.truncate(0);
                None
            })
            .collect();
        // By name, so that a batch looks the same whatever batches came before it.
        present.sort_unstable_by(|(a, _), (b, _)| columns[*a].column.sql.cmp(&columns[*b].column.sql));
        for (index, array) in present {
            let column = &columns[index].column;
            fields.push(column_field(
                &column.sql,
                &column.dotted,
                array.data_type().clone(),
            ));
            arrays.push(array);
        }
        let unmapped = std::mem::take(&mut self.unmapped);
        if unmapped.iter().any(Option::is_some) {
            fields.push(column_field(UNMAPPED, UNMAPPED, DataType::Utf8));
            arrays.push(Arc::new(arrow::array::StringArray::from(unmapped)));
        }
        if self.columns.len().max(self.slots.len()) > self.many_names() {
            self.forget_columns();
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

/// Where values go whose name gives them no column of their own.
fn own_target(native: &str, column: &Column) -> Option<Target> {
    match &*column.sql {
        "time" => Some(Target::Time),
        "ingest_time" | "tenant" | "dataset" | "event_id" | "original" | "log_file_path" | "log_offset" => {
            Some(Target::Reserved)
        }
        _ if native.len() > MAX_NAME || native.split('.').nth(MAX_NAME_PARTS).is_some() => {
            Some(Target::OverLimit)
        }
        _ => None,
    }
}

/// Whether the values of a field do not simply go to its column: because the builder writes that one itself,
/// or because the name is too long to have one.
pub fn is_written_by_builder(native: &str, column: &Column) -> bool {
    own_target(native, column).is_some()
}

/// The Arrow field of a column.
pub(crate) fn column_field(sql: &str, dotted: &str, data_type: DataType) -> Field {
    Field::new(sql, data_type, true).with_metadata(std::collections::HashMap::from([(
        DOTTED_NAME.to_owned(),
        dotted.to_owned(),
    )]))
}

#[cfg(test)]
mod tests;
