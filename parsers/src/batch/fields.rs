//! Fields of the current event, to where the catalog says that they go.

use std::borrow::Cow;

use super::column::{ColumnBuilder, Data, Limit, Set};
use super::keywords::Keywords;
use super::rows::{put, whole};
use super::slots::Target;
use super::{BatchBuilder, PATH, values};
use crate::catalog::Column;
use crate::formats::PairKey;
use crate::formats::fields::Field;
use crate::formats::flat::{Key, unescape_into};
use crate::value::Value;

/// Longer names, and names of more parts, get no column: nobody could type them, and what nests dotted names
/// into objects goes as deep as a name has parts.
const MAX_NAME: usize = 1024;
const MAX_NAME_PARTS: usize = 100;

impl BatchBuilder {
    /// Writes one field of the current event under the producer's name for it. Null is the same as not
    /// calling this. Writing a field twice keeps the first value; a different second one goes to
    /// `unmapped`.
    #[inline]
    pub fn field(&mut self, native: &str, value: Value<'_>) {
        self.field_of(native, &value);
    }

    /// As [`field`](BatchBuilder::field).
    #[inline]
    pub(crate) fn field_of(&mut self, native: &str, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = self.target(native);
        self.put(target, native, value);
    }

    /// As [`field`](BatchBuilder::field), for a name that stands in the text of the event, where a stranger may have had a
    /// part in it: one that names a column and no field of the producer's is `key.` and the name.
    #[inline]
    pub(crate) fn line_field(&mut self, name: &str, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = match self.line_slots.find(name) {
            Some(target) => target,
            None => self.new_line_slot(name),
        };
        self.put_of_line(target, name, value);
    }

    /// As [`line_field`](BatchBuilder::line_field), for a name with a number: `key` always stands for `name`.
    #[inline]
    pub(crate) fn pair_field(&mut self, key: usize, name: &str, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = match self.paired.get(key) {
            Some(Some(target)) => *target,
            _ => self.new_pair(key, name),
        };
        self.put_of_line(target, name, value);
    }

    /// Writes fields of the current event, in order: a name with a number as [`pair_field`](BatchBuilder::pair_field) does,
    /// one that `is_of_line` as [`line_field`](BatchBuilder::line_field), and others as [`field`](BatchBuilder::field).
    /// Most are texts for a column of texts that has some already.
    pub(crate) fn write_fields(&mut self, fields: &[Field<'_>], is_of_line: impl Fn(&str) -> bool) {
        for Field { name, key, value } in fields {
            if matches!(value, Value::Null) {
                continue;
            }
            let known = match key.index() {
                _ if *key == PairKey::CONSTANT => Some(self.target_of_constant(name)),
                Some(key) => self.paired.get(key).copied().flatten(),
                None if !is_of_line(name) => Some(self.target(name)),
                None => None,
            };
            if known.is_some_and(|target| self.put_first(target, value)) {
                continue;
            }
            match (key.index(), known) {
                (Some(key), _) => self.pair_field(key, name, value),
                (None, Some(target)) => self.put(target, name, value),
                (None, None) => self.line_field(name, value),
            }
        }
    }

    /// Gives the current event a text or a number in a column of such that has some already. `false`: there is more to it than
    /// that, or the event has a value there; nothing was done.
    #[inline(always)]
    pub(super) fn put_first(&mut self, target: Target, value: &Value<'_>) -> bool {
        let Target::Column(index) = target else {
            return false;
        };
        let (row, column) = (self.rows, &mut self.columns[index as usize]);
        // A column's first value may be one column too many.
        let stored = column.any()
            && match (&mut column.data, value) {
                (Data::Keyword(keywords), Value::Str(text)) => keywords.put_new(row, text.as_bytes()),
                (Data::Integer(values), Value::Str(text)) if values.len() <= row => {
                    put(values, row, whole(text.as_bytes()))
                }
                (Data::Integer(values), Value::Int(number)) if values.len() <= row => {
                    put(values, row, Some(*number))
                }
                _ => false,
            };
        if stored {
            column.count();
        }
        stored
    }

    /// [`target`](BatchBuilder::target) of a name that is a constant of its parser.
    #[inline]
    fn target_of_constant(&mut self, name: &str) -> Target {
        match self.constants.find(name) {
            Some(target) => target,
            None => {
                let target = self.target(name);
                self.constants.add(name, target);
                target
            }
        }
    }

    #[cold]
    fn new_pair(&mut self, key: usize, name: &str) -> Target {
        let target = self.new_line_slot(name);
        if self.paired.len() <= key {
            self.paired.resize(key + 1, None);
        }
        self.paired[key] = Some(target);
        target
    }

    #[inline]
    fn put_of_line(&mut self, target: Target, name: &str, value: &Value<'_>) {
        match target {
            Target::Column(_) | Target::Kept(..) | Target::Time => self.put(target, name, value),
            Target::Reserved | Target::OverLimit => {
                let native = self.native_of_line(name);
                self.put(target, &native, value);
            }
        }
    }

    #[cold]
    fn new_line_slot(&mut self, name: &str) -> Target {
        if let Some(target) = self.line_slots.find(name) {
            return target;
        }
        let native = self.native_of_line(name);
        let target = self.target(&native);
        if self.line_slots.len() < 4 * self.many_names() {
            self.line_slots.add(name, target);
        }
        target
    }

    /// What a name in the text of an event is called as a field.
    pub(super) fn native_of_line<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match self.dataset.is_column_name(name) {
            true => Cow::Owned(format!("key.{name}")),
            false => Cow::Borrowed(name),
        }
    }

    /// Writes a value to where it goes: most are texts and whole numbers for a column of such that has some already.
    #[inline]
    pub(super) fn put(&mut self, target: Target, native: &str, value: &Value<'_>) {
        match value {
            Value::Str(text) => self.put_text(target, native, text),
            Value::Int(number) => self.put_number(target, native, *number),
            value => self.targeted_field(target, native, value.clone()),
        }
    }

    #[inline]
    pub(super) fn put_text(&mut self, target: Target, native: &str, text: &str) {
        let stored = self.quickly(target, |data, row| match data {
            Data::Keyword(keywords) => keywords.set(row, text),
            Data::Integer(values) if values.len() <= row => match put(values, row, whole(text.as_bytes())) {
                true => Set::Stored,
                false => Set::Misfit,
            },
            _ => Set::Misfit,
        });
        if !stored {
            self.targeted_field(target, native, Value::Str(text));
        }
    }

    #[inline]
    fn put_number(&mut self, target: Target, native: &str, number: i64) {
        let stored = self.quickly(target, |data, row| match data {
            Data::Integer(values) if values.len() <= row => {
                put(values, row, Some(number));
                Set::Stored
            }
            _ => Set::Misfit,
        });
        if !stored {
            self.targeted_field(target, native, Value::Int(number));
        }
    }

    /// Gives the event a value in a column that has some already. `false`: `set` says that there is more to it than storing
    /// it, and has not.
    #[inline(always)]
    fn quickly(&mut self, target: Target, set: impl FnOnce(&mut Data, usize) -> Set) -> bool {
        let Target::Column(index) = target else {
            return false;
        };
        let column = &mut self.columns[index as usize];
        // A column's first value may be one column too many.
        if !column.any() {
            return false;
        }
        match set(&mut column.data, self.rows) {
            Set::Stored => {
                column.count();
                true
            }
            Set::Same => true,
            Set::Different | Set::Misfit => false,
        }
    }

    /// As [`field`](BatchBuilder::field), unless the current event has a value in that column.
    pub fn field_if_absent(&mut self, native: &str, value: Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        let target = self.target(native);
        if !self.has_at(target) {
            self.put(target, native, &value);
        }
    }

    /// Whether the current event has a value in the column of `native`.
    pub fn has(&mut self, native: &str) -> bool {
        let target = self.target(native);
        self.has_at(target)
    }

    #[inline]
    pub(super) fn target(&mut self, native: &str) -> Target {
        match self.slots.find(native) {
            Some(target) => target,
            None => self.new_slot(native),
        }
    }

    pub(super) fn has_at(&self, target: Target) -> bool {
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
        self.quickly(target, |data, row| match data {
            Data::Keyword(keywords) => set(keywords, row),
            _ => Set::Misfit,
        })
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
    pub(super) fn targeted_field(&mut self, target: Target, native: &str, value: Value<'_>) {
        match target {
            Target::Column(index) => self.typed_field(index as usize, value),
            Target::Kept(index, number) => {
                if self.doubts.watched {
                    self.doubts.gathered.push((index as usize, number as usize));
                }
                self.gather(number as usize, value.clone());
                self.typed_field(index as usize, value);
            }
            Target::Time => match values::timestamp(&value) {
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
    pub(super) fn new_slot(&mut self, native: &str) -> Target {
        let column = self.dataset.column_of_native(native);
        let target = match own_target(native, &column) {
            Some(target) => target,
            None => {
                let index = match self.by_sql.get(&column.sql) {
                    // Two names may come to one: the column keeps that of the first, or what events are called would
                    // depend on how they are cut into batches.
                    Some(&index) => index,
                    // So many new names in one batch have long used up its columns.
                    None if self.columns.len() > 2 * self.many_names()
                        && self.limit_of(&column) != Limit::Known =>
                    {
                        return Target::OverLimit;
                    }
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
    pub(super) fn many_names(&self) -> usize {
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
        let most = self.options.max_columns;
        let limit = column.limit;
        let has_room = !first
            || match limit {
                Limit::Known => true,
                Limit::Named => self.used_columns < most,
                Limit::Pair => self.used_columns < most && self.used_pairs < most / 4,
            };
        if !has_room {
            self.counters.over_limit += 1;
            return self.put_column_aside(index, value);
        }
        match set(column) {
            Set::Stored => {
                self.used_columns += usize::from(first);
                self.used_pairs += usize::from(first && limit == Limit::Pair);
            }
            Set::Same => {}
            Set::Different => {
                self.counters.duplicates += 1;
                if self.doubts.watched {
                    self.doubts.note(index, value);
                }
                self.put_column_aside(index, value);
            }
            Set::Misfit => {
                if !matches!(value, Value::Json(_) | Value::List(_)) {
                    self.counters.misfits += 1;
                }
                self.put_column_aside(index, value);
            }
        }
    }

    #[cold]
    fn put_column_aside(&mut self, index: usize, value: &Value<'_>) {
        let dotted = self.columns[index].column.dotted.clone();
        self.put_aside(&dotted, value);
    }

    /// Writes a value of the current event to `unmapped`, whatever the catalog says of its name: for what
    /// a shipper put around the event.
    pub fn aside(&mut self, dotted: &str, value: &Value<'_>) {
        self.put_aside(dotted, value);
    }

    /// Adds `"name": value` to the event's `unmapped` object.
    pub(super) fn put_aside(&mut self, dotted: &str, value: &Value<'_>) {
        if !self.pending_unmapped.add(dotted, value) {
            self.counters.too_deep += 1;
            self.field("error.type", Value::Str("nested_too_deep"));
        }
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
