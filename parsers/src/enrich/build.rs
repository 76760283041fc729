//! Columns made of columns: per distinct value, then per row by its key.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, Int64Array, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Int32Type, Int64Type};
use hashbrown::HashTable;

use super::network::{Network, direction, is_inside, parse_ip};
use crate::batch::{StringColumn, strings};
use crate::catalog::ColumnType;

/// No value.
const NOTHING: i32 = -1;

/// Distinct texts, numbered.
#[derive(Default)]
struct Distinct {
    text: String,
    ends: Vec<i32>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl Distinct {
    fn at(text: &str, ends: &[i32], key: usize) -> std::ops::Range<usize> {
        debug_assert!(key < ends.len() && ends[key] as usize <= text.len());
        let start = if key == 0 { 0 } else { ends[key - 1] as usize };
        start..ends[key] as usize
    }

    fn value(&self, key: i32) -> Option<&str> {
        let key = usize::try_from(key).ok()?;
        Some(&self.text[Self::at(&self.text, &self.ends, key)])
    }

    /// The number of `value`; none for the empty text, and once there is too much of it for a column.
    fn key(&mut self, value: &str) -> i32 {
        let Distinct {
            text,
            ends,
            table,
            hasher,
        } = self;
        let hash = hasher.hash_one(value);
        let of = |text: &str, ends: &[i32], key: u32| Self::at(text, ends, key as usize);
        if let Some(&key) = table.find(hash, |&key| &text[of(text, ends, key)] == value) {
            return key as i32;
        }
        let end = i32::try_from(text.len() + value.len());
        let (Ok(end), Ok(key), false) = (end, i32::try_from(ends.len()), value.is_empty()) else {
            return NOTHING;
        };
        text.push_str(value);
        ends.push(end);
        table.insert_unique(hash, key as u32, |&other| {
            hasher.hash_one(&text[of(text, ends, other)])
        });
        key
    }

    fn values(&mut self) -> StringArray {
        let offsets: Vec<i32> = std::iter::once(0).chain(std::mem::take(&mut self.ends)).collect();
        let text = std::mem::take(&mut self.text);
        StringArray::new(
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            text.into_bytes().into(),
            None,
        )
    }
}

/// The texts of a column that are worth a look each, and which of them a row has.
fn texts(column: StringColumn<'_>) -> &StringArray {
    match column {
        StringColumn::Dictionary(_, values) | StringColumn::Plain(values) => values,
    }
}

#[inline]
fn text_of_row(column: StringColumn<'_>, row: usize) -> Option<usize> {
    match column {
        StringColumn::Dictionary(dictionary, _) => dictionary.key(row),
        StringColumn::Plain(array) => array.is_valid(row).then_some(row),
    }
}

/// A column in the making.
struct Output {
    distinct: Distinct,
    /// By source: the number of what each of its texts gave.
    made: Vec<Vec<i32>>,
}

/// Columns in the making from the same sources.
pub(super) struct Sources<'a> {
    sources: Vec<StringColumn<'a>>,
    /// What the events have in the columns themselves.
    own: Vec<Option<ArrayRef>>,
    outputs: Vec<Option<Output>>,
    rows: usize,
}

impl<'a> Sources<'a> {
    /// Columns of so many rows from `sources`; of those in `own`, only those that are `wanted`.
    pub(super) fn new(
        sources: Vec<StringColumn<'a>>,
        own: Vec<Option<ArrayRef>>,
        wanted: &[bool],
        rows: usize,
    ) -> Self {
        let output = |wanted: &bool| {
            wanted.then(|| Output {
                distinct: Distinct::default(),
                made: Vec::with_capacity(sources.len()),
            })
        };
        Sources {
            outputs: wanted.iter().map(output).collect(),
            sources,
            own,
            rows,
        }
    }

    /// Looks at every text of the sources once: `look` puts what it gives the columns, by their numbers.
    pub(super) fn each(&mut self, mut look: impl FnMut(&str, &mut dyn FnMut(usize, Option<&str>))) {
        for source in &self.sources {
            let texts = texts(*source);
            for output in self.outputs.iter_mut().flatten() {
                output.made.push(vec![NOTHING; texts.len()]);
            }
            for (number, text) in texts.iter().enumerate() {
                let Some(text) = text else {
                    continue;
                };
                look(text, &mut |column, part| {
                    if let (Some(Some(output)), Some(part)) = (self.outputs.get_mut(column), part) {
                        let key = output.distinct.key(part);
                        if let Some(made) = output.made.last_mut() {
                            made[number] = key;
                        }
                    }
                });
            }
        }
    }

    /// The columns; none where no row has a value that it did not have before.
    pub(super) fn finish(self, types: impl Iterator<Item = ColumnType>) -> Vec<Option<ArrayRef>> {
        let (sources, rows) = (self.sources, self.rows);
        self.outputs
            .into_iter()
            .zip(self.own)
            .zip(types)
            .map(|((output, own), column_type)| match column_type {
                ColumnType::Integer => output?.integers(&sources, own.as_ref(), rows),
                _ => output?.texts(&sources, own.as_ref(), rows),
            })
            .collect()
    }
}

impl Output {
    /// The number of what `row` gets.
    #[inline]
    fn of_row(&self, sources: &[StringColumn<'_>], row: usize) -> i32 {
        let found = sources
            .iter()
            .zip(&self.made)
            .filter_map(|(source, made)| Some(made[text_of_row(*source, row)?]));
        found.into_iter().find(|&key| key != NOTHING).unwrap_or(NOTHING)
    }

    fn texts(
        mut self,
        sources: &[StringColumn<'_>],
        own: Option<&ArrayRef>,
        rows: usize,
    ) -> Option<ArrayRef> {
        if self.distinct.ends.is_empty() {
            return None;
        }
        // Every text gave one that no other gave: the keys are those of the source.
        if let (None, [StringColumn::Dictionary(dictionary, _)]) = (own, sources)
            && self.made[0].iter().zip(0..).all(|(&key, number)| key == number)
        {
            let keys = dictionary.keys().clone();
            return Some(Arc::new(DictionaryArray::<Int32Type>::new(
                keys,
                Arc::new(self.distinct.values()),
            )));
        }
        let mut keys: Vec<i32> = (0..rows).map(|row| self.of_row(sources, row)).collect();
        if keys.iter().all(|&key| key == NOTHING) {
            return None;
        }
        if let Some(own) = own {
            let own = strings(own)?;
            let numbers: Vec<i32> = texts(own)
                .iter()
                .map(|text| text.map_or(NOTHING, |text| self.distinct.key(text)))
                .collect();
            for (row, key) in keys.iter_mut().enumerate() {
                if let Some(text) = text_of_row(own, row) {
                    *key = numbers[text];
                }
            }
        }
        Some(dictionary(keys, self.distinct.values()))
    }

    fn integers(self, sources: &[StringColumn<'_>], own: Option<&ArrayRef>, rows: usize) -> Option<ArrayRef> {
        let own = match own {
            Some(own) => Some(own.as_primitive_opt::<Int64Type>()?),
            None => None,
        };
        let numbers: Vec<Option<i64>> = (0i32..)
            .take(self.distinct.ends.len())
            .map(|key| self.distinct.value(key)?.parse().ok())
            .collect();
        let number = |row: usize| match own {
            Some(own) if own.is_valid(row) => Some(own.value(row)),
            _ => {
                let key = usize::try_from(self.of_row(sources, row)).ok()?;
                numbers[key]
            }
        };
        let array: Int64Array = (0..rows).map(number).collect();
        let before = own.map_or(rows, Array::null_count);
        (array.null_count() < before).then(|| Arc::new(array) as ArrayRef)
    }
}

/// Keys and the values they stand for.
fn dictionary(keys: Vec<i32>, values: StringArray) -> ArrayRef {
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(keys.len(), |row| {
        keys[row] != NOTHING
    }));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    // Keys of null rows are never looked at, but must be in range.
    let keys: Vec<i32> = keys.into_iter().map(|key| key.max(0)).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(
        Int32Array::new(ScalarBuffer::from(keys), nulls),
        Arc::new(values),
    ))
}

/// Which way each row's connection goes, where the row does not say so in `own`. None if no row has both ends.
pub(super) fn directions(
    source: StringColumn<'_>,
    destination: StringColumn<'_>,
    rows: usize,
    own: Option<&ArrayRef>,
    networks: &[Network],
) -> Option<ArrayRef> {
    let inside = |column: StringColumn<'_>| -> Vec<Option<bool>> {
        let inside = |ip: IpAddr| is_inside(ip.to_canonical(), networks);
        texts(column)
            .iter()
            .map(|text| parse_ip(text?).map(inside))
            .collect()
    };
    let (from, to) = (inside(source), inside(destination));
    let mut distinct = Distinct::default();
    let mut numbers = [NOTHING; 4];
    let mut way = |row: usize| -> Option<i32> {
        let from = from[text_of_row(source, row)?]?;
        let to = to[text_of_row(destination, row)?]?;
        let number = &mut numbers[usize::from(from) * 2 + usize::from(to)];
        if *number == NOTHING {
            *number = distinct.key(direction(from, to));
        }
        Some(*number)
    };
    let mut keys: Vec<i32> = (0..rows).map(|row| way(row).unwrap_or(NOTHING)).collect();
    if keys.iter().all(|&key| key == NOTHING) {
        return None;
    }
    if let Some(own) = own {
        let own = strings(own)?;
        let said: Vec<i32> = texts(own)
            .iter()
            .map(|text| text.map_or(NOTHING, |text| distinct.key(text)))
            .collect();
        for (row, key) in keys.iter_mut().enumerate() {
            if let Some(text) = text_of_row(own, row) {
                *key = said[text];
            }
        }
    }
    Some(dictionary(keys, distinct.values()))
}
