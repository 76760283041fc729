//! One column under construction, per type.

use std::sync::Arc;

use crate::catalog::{Column, ColumnType, Fill};
use crate::value::Value;
use arrow::array::{ArrayRef, BooleanArray, ListBuilder, PrimitiveArray, StringBuilder};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int64Type, TimestampMicrosecondType};

use super::keywords::Keywords;
use super::values::{Spelled, boolean, digits, float, integer, is_list, list, text_of, timestamp};

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Stored,
    /// The row already has this value.
    Same,
    /// The row already has another value.
    Different,
    /// The value is not of the column's type.
    Misfit,
}

/// Values of one column, row by row; rows without a value are padded when the next one arrives.
pub(super) struct ColumnBuilder {
    pub(super) column: Column,
    pub(super) limit: Limit,
    pub(super) data: Data,
    /// How many rows have a value, at most; none if it is 0.
    pub(super) values_set: usize,
}

/// Which limit a column counts against when it gets its first value in a batch. Names that a stranger can make up must
/// not take the place of those that rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// None: the catalog or ECS knows it.
    Known,
    /// [`BatchOptions::max_columns`](super::BatchOptions::max_columns).
    Named,
    /// A quarter of that: pairs in texts name it.
    Pair,
}

pub(super) enum Data {
    Keyword(Box<Keywords>),
    Integer(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    Timestamp(Vec<Option<i64>>),
    List(Lists),
}

/// Lists row by row. Few different ones follow each other.
#[derive(Default)]
pub(super) struct Lists {
    /// Lists, each different from the [`RECENT`] before it.
    lists: Vec<Vec<String>>,
    /// Which list each row has; -1 for none.
    keys: Vec<i32>,
    /// How the last of `lists` stood in its record; empty if that is not known.
    raw: String,
}

/// Lists that a new one is compared with.
const RECENT: usize = 8;

impl Lists {
    fn list(&self, key: i32) -> Option<&[String]> {
        usize::try_from(key).ok().map(|key| self.lists[key].as_slice())
    }

    fn set(&mut self, row: usize, value: &Value<'_>) -> Set {
        if self.keys.len() <= row {
            let recent = self.lists.len().saturating_sub(RECENT);
            let known = self.lists[recent..].iter().rposition(|list| is_list(value, list));
            if let Some(known) = known {
                self.push(row, recent + known);
                return Set::Stored;
            }
        }
        let Some(list) = list(value) else {
            return Set::Misfit;
        };
        if let Some(&key) = self.keys.get(row) {
            return match self.list(key) == Some(&list) {
                true => Set::Same,
                false => Set::Different,
            };
        }
        self.lists.push(list);
        self.raw.clear();
        self.push_last(row);
        Set::Stored
    }

    /// The number of a list in this batch.
    pub(super) fn key_of(&mut self, list: &[String]) -> i32 {
        let recent = self.lists.len().saturating_sub(RECENT);
        let known = self.lists[recent..].iter().rposition(|known| known == list);
        let key = known.map_or(self.lists.len(), |known| recent + known);
        if known.is_none() {
            self.lists.push(list.to_vec());
            self.raw.clear();
        }
        i32::try_from(key).expect("a batch has fewer rows than i32::MAX")
    }

    /// Gives rows before `end` that have no value the list of this number.
    pub(super) fn put_rows(&mut self, end: usize, key: i32, rows: impl Iterator<Item = usize>) {
        if self.keys.len() < end {
            self.keys.resize(end, -1);
        }
        for row in rows {
            self.keys[row] = key;
        }
    }

    /// The list of `row`.
    pub(super) fn at(&self, row: usize) -> Option<&[String]> {
        self.list(*self.keys.get(row)?)
    }

    /// Whether `row` has the last of the lists.
    fn is_last(&self, row: usize) -> bool {
        let key = self.keys.get(row).and_then(|&key| usize::try_from(key).ok());
        key.is_some_and(|key| key + 1 == self.lists.len())
    }

    fn push_last(&mut self, row: usize) {
        self.push(row, self.lists.len() - 1);
    }

    /// Gives `row` the list of this index.
    fn push(&mut self, row: usize, list: usize) {
        if self.keys.len() < row {
            self.keys.resize(row, -1);
        }
        self.keys
            .push(i32::try_from(list).expect("a batch has fewer rows than i32::MAX"));
    }

    /// Gives `row` the last list once more, if that stood in its record as this one does.
    fn repeat(&mut self, row: usize, raw: &str) -> bool {
        let repeats = self.keys.len() <= row && !raw.is_empty() && self.raw == raw;
        if repeats {
            self.push_last(row);
        }
        repeats
    }

    fn truncate(&mut self, rows: usize) -> usize {
        let gone = self.keys.iter().skip(rows).filter(|&&key| key >= 0).count();
        self.keys.truncate(rows);
        gone
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.keys.resize(rows, -1);
        let mut builder = ListBuilder::new(StringBuilder::new());
        for &key in &self.keys {
            match self.list(key) {
                Some(items) => builder.append_value(items.iter().map(Some)),
                None => builder.append_null(),
            }
        }
        self.keys.clear();
        self.lists.clear();
        self.raw.clear();
        Arc::new(builder.finish())
    }
}

impl ColumnBuilder {
    pub(super) fn new(column: Column) -> Self {
        let data = match column.column_type {
            ColumnType::Keyword => Data::Keyword(Box::default()),
            ColumnType::Integer => Data::Integer(Vec::new()),
            ColumnType::Float => Data::Float(Vec::new()),
            ColumnType::Boolean => Data::Boolean(Vec::new()),
            ColumnType::Timestamp => Data::Timestamp(Vec::new()),
            ColumnType::List => Data::List(Lists::default()),
        };
        ColumnBuilder {
            limit: Limit::Known,
            column,
            data,
            values_set: 0,
        }
    }

    /// Whether any row has a value.
    pub(super) fn any(&self) -> bool {
        self.values_set > 0
    }

    /// Whether `row`, the one being written, has a value.
    pub(super) fn has(&self, row: usize) -> bool {
        fn at<T>(values: &[Option<T>], row: usize) -> bool {
            values.get(row).is_some_and(Option::is_some)
        }
        match &self.data {
            Data::Keyword(keywords) => keywords.has(row),
            Data::Integer(values) => at(values, row),
            Data::Float(values) => at(values, row),
            Data::Boolean(values) => at(values, row),
            Data::Timestamp(values) => at(values, row),
            Data::List(lists) => lists.keys.get(row).is_some_and(|&key| key >= 0),
        }
    }

    /// Appends the text of the value of `row`, the one being written, to `text`; of a list, the first item; times
    /// are as in JSON output. `false`: it has none.
    pub(super) fn text_at(&self, row: usize, text: &mut String) -> bool {
        use std::fmt::Write;
        fn number<T: Copy + std::fmt::Display>(values: &[Option<T>], row: usize, text: &mut String) -> bool {
            let value = values.get(row).copied().flatten();
            value.is_some_and(|value| write!(text, "{value}").is_ok())
        }
        let found = match &self.data {
            Data::Keyword(keywords) => keywords.at(row),
            Data::Integer(values) => {
                let value = values.get(row).copied().flatten();
                return value.is_some_and(|value| {
                    text.push_str(digits(value, &mut [0; 20]));
                    true
                });
            }
            Data::Float(values) => return number(values, row, text),
            Data::Boolean(values) => return number(values, row, text),
            Data::Timestamp(values) => {
                let micros = values.get(row).copied().flatten();
                return micros.is_some_and(|micros| {
                    text.push_str(&crate::output::rfc3339(micros));
                    true
                });
            }
            Data::List(lists) => lists
                .keys
                .get(row)
                .and_then(|&key| lists.list(key)?.first())
                .map(String::as_str),
        };
        found.is_some_and(|found| {
            text.push_str(found);
            true
        })
    }

    /// Notes that a row got a value.
    #[inline]
    pub(super) fn count(&mut self) {
        self.values_set += 1;
    }

    /// Forgets values of rows from `rows` on (those of an event that was not committed).
    pub(super) fn truncate(&mut self, rows: usize) {
        fn cut<T>(values: &mut Vec<Option<T>>, rows: usize) -> usize {
            let gone = values.iter().skip(rows).filter(|v| v.is_some()).count();
            values.truncate(rows);
            gone
        }
        self.values_set -= match &mut self.data {
            Data::Keyword(keywords) => keywords.truncate(rows),
            Data::Integer(values) | Data::Timestamp(values) => cut(values, rows),
            Data::Float(values) => cut(values, rows),
            Data::Boolean(values) => cut(values, rows),
            Data::List(lists) => lists.truncate(rows),
        };
    }

    /// Gives `row` a value. Rows come in ascending order.
    #[inline]
    pub(super) fn set(&mut self, row: usize, value: &Value<'_>) -> Set {
        if let (Data::Keyword(keywords), Value::Str(text)) = (&mut self.data, value) {
            let set = keywords.set(row, text);
            self.values_set += usize::from(set == Set::Stored);
            return set;
        }
        self.set_any(row, value)
    }

    fn set_any(&mut self, row: usize, value: &Value<'_>) -> Set {
        let set = match &mut self.data {
            Data::Keyword(keywords) => {
                let mut number = Spelled::default();
                let Some(text) = text_of(value, &mut number) else {
                    return Set::Misfit;
                };
                keywords.set(row, text)
            }
            Data::Integer(values) => store(values, row, integer(value)),
            Data::Float(values) => store(values, row, float(value)),
            Data::Boolean(values) => store(values, row, boolean(value)),
            Data::Timestamp(values) => store(values, row, timestamp(value)),
            Data::List(lists) => lists.set(row, value),
        };
        self.values_set += usize::from(set == Set::Stored);
        set
    }

    /// Gives each of the first `rows` rows that has no value what `fill` takes of the value that `from` has there.
    pub(super) fn fill_from(&mut self, from: &ColumnBuilder, fill: &Fill, rows: usize) {
        if let (Data::Keyword(to), Data::Keyword(from)) = (&mut self.data, &from.data) {
            self.values_set += to.fill_from(from, fill, rows);
            return;
        }
        let mut text = String::new();
        for row in 0..rows {
            if self.has(row) || !from.has(row) {
                continue;
            }
            if let (Data::List(lists), Data::List(_)) = (&from.data, &self.data) {
                let items = lists.keys.get(row).and_then(|&key| lists.list(key));
                let taken = items.into_iter().flatten().filter_map(|item| fill.of(item));
                let taken: Vec<String> = taken.map(std::borrow::Cow::into_owned).collect();
                self.put_list(row, rows, taken);
                continue;
            }
            if let Data::List(lists) = &from.data {
                let items = lists.keys.get(row).and_then(|&key| lists.list(key));
                let taken = items.into_iter().flatten().find_map(|item| fill.of(item));
                if let Some(taken) = taken {
                    self.put(row, rows, &Value::Str(&taken));
                }
                continue;
            }
            text.clear();
            from.text_at(row, &mut text);
            let several = matches!(self.data, Data::List(_)).then(|| fill.take.all(&text));
            if let Some(several) = several.flatten() {
                self.put_list(row, rows, several.into_iter().map(str::to_owned).collect());
            } else if let Some(taken) = fill.of(&text) {
                self.put(row, rows, &Value::Str(&taken));
            }
        }
    }

    /// Gives each of the first `rows` rows that has no value this one.
    pub(super) fn fill_all(&mut self, value: &str, rows: usize) {
        if let Data::Keyword(keywords) = &mut self.data {
            self.values_set += keywords.fill_all(value, rows);
            return;
        }
        for row in 0..rows {
            if !self.has(row) {
                self.put(row, rows, &Value::Str(value));
            }
        }
    }

    /// Gives `row`, which has no value and may be any of the first `rows`, one.
    pub(super) fn put(&mut self, row: usize, rows: usize, value: &Value<'_>) {
        fn at<T>(values: &mut Vec<Option<T>>, row: usize, rows: usize, value: Option<T>) -> bool {
            if values.len() < rows {
                values.resize_with(rows, || None);
            }
            values[row] = value;
            values[row].is_some()
        }
        let stored = match &mut self.data {
            Data::Integer(values) => at(values, row, rows, integer(value)),
            Data::Float(values) => at(values, row, rows, float(value)),
            Data::Boolean(values) => at(values, row, rows, boolean(value)),
            Data::Timestamp(values) => at(values, row, rows, timestamp(value)),
            Data::List(_) => return self.put_list(row, rows, list(value).unwrap_or_default()),
            Data::Keyword(keywords) => {
                let mut room = Spelled::default();
                text_of(value, &mut room).is_some_and(|text| keywords.put_anywhere(row, rows, text))
            }
        };
        self.values_set += usize::from(stored);
    }

    fn put_list(&mut self, row: usize, rows: usize, list: Vec<String>) {
        if let Data::List(lists) = &mut self.data
            && !list.is_empty()
        {
            if lists.keys.len() < rows {
                lists.keys.resize(rows, -1);
            }
            if lists.lists.last() != Some(&list) {
                lists.lists.push(list);
                lists.raw.clear();
            }
            let last = lists.lists.len() - 1;
            lists.keys[row] = i32::try_from(last).expect("a batch has fewer rows than i32::MAX");
            self.values_set += 1;
        }
    }

    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        self.truncate(0);
        if let Data::List(lists) = &mut self.data {
            lists.lists.clear();
            lists.raw.clear();
        }
    }

    /// The column, padded to `rows`.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        self.values_set = 0;
        match &mut self.data {
            Data::Keyword(keywords) => keywords.finish(rows),
            Data::Integer(values) => Arc::new(primitive::<Int64Type>(values, rows)),
            Data::Float(values) => Arc::new(primitive::<Float64Type>(values, rows)),
            Data::Boolean(values) => Arc::new(BooleanArray::from(padded(values, rows))),
            Data::Timestamp(values) => {
                Arc::new(primitive::<TimestampMicrosecondType>(values, rows).with_timezone("UTC"))
            }
            Data::List(lists) => lists.finish(rows),
        }
    }

    /// Gives `row` the list that the row before it with a list has, if it is a column of lists and that list
    /// stood in its record as `raw`.
    #[inline]
    pub(super) fn repeat_list(&mut self, row: usize, raw: &str) -> bool {
        let repeats = match &mut self.data {
            Data::List(lists) => lists.repeat(row, raw),
            _ => false,
        };
        self.values_set += usize::from(repeats);
        repeats
    }

    /// As [`set`](ColumnBuilder::set), for a list that stands in its record as `raw`.
    pub(super) fn set_list(&mut self, row: usize, raw: &str, value: &Value<'_>) -> Set {
        let set = self.set(row, value);
        if set == Set::Stored
            && let Data::List(lists) = &mut self.data
            && lists.is_last(row)
        {
            raw.clone_into(&mut lists.raw);
        }
        set
    }
}

fn store<T: PartialEq>(values: &mut Vec<Option<T>>, row: usize, value: Option<T>) -> Set {
    if value.is_none() {
        return Set::Misfit;
    }
    if let Some(present) = values.get(row) {
        return if *present == value {
            Set::Same
        } else {
            Set::Different
        };
    }
    if values.len() < row {
        values.resize_with(row, || None);
    }
    values.push(value);
    Set::Stored
}

fn padded<T>(values: &mut Vec<Option<T>>, rows: usize) -> Vec<Option<T>> {
    values.resize_with(rows, || None);
    // The next batch will be about as large.
    std::mem::replace(values, Vec::with_capacity(rows + rows / 8))
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<Option<T::Native>>, rows: usize) -> PrimitiveArray<T> {
    let values = padded(values, rows);
    let mut present = Vec::with_capacity(rows / 8 + 1);
    let mut numbers: Vec<T::Native> = Vec::with_capacity(rows);
    // Eight at a time, without a question for each.
    for eight in values.chunks(8) {
        let bits = eight.iter().enumerate();
        present.push(bits.fold(0, |bits, (at, value)| bits | u8::from(value.is_some()) << at));
        numbers.extend(eight.iter().map(|value| value.unwrap_or_default()));
    }
    let nulls = NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(present), 0, rows));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    PrimitiveArray::new(numbers.into(), nulls)
}
