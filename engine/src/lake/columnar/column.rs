//! One column while rows arrive: its values end to end, and which rows have one.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use borzoi_parsers::batch::{StringColumn, strings};

use super::super::dedupe::id_of;
use super::texts::Texts;

/// Which rows of an array are meant.
#[derive(Debug, Clone, Copy)]
pub(in crate::lake) enum Selection<'a> {
    /// All of them.
    All,
    /// These, in this order.
    Rows(&'a [u32]),
}

impl Selection<'_> {
    /// How many they are of `all`.
    pub(in crate::lake) fn rows_of(&self, all: usize) -> usize {
        match self {
            Selection::All => all,
            Selection::Rows(rows) => rows.len(),
        }
    }

    /// Calls `take` with each of them.
    pub(in crate::lake) fn each(&self, all: usize, take: impl FnMut(usize)) {
        each(all, None, *self, take);
    }
}

/// Values of rows that have one, in the order of rows.
#[derive(Debug)]
pub(super) enum Values {
    /// Numbers of texts.
    Text(Texts, Vec<u32>),
    /// Integers and timestamps.
    Integer(Vec<i64>),
    Float(Vec<f64>),
    Boolean(Vec<bool>),
    List(Lists),
}

/// Lists of texts.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) texts: Texts,
    /// Numbers of texts; [`NO_TEXT`] for an item that is null.
    pub(super) items: Vec<u32>,
    /// Items of each list.
    pub(super) lengths: Vec<u32>,
}

/// Instead of a text's number.
pub(super) const NO_TEXT: u32 = u32::MAX;

/// Values of one field.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) values: Values,
    has_value: NullBufferBuilder,
}

/// The map from a batch's dictionary to numbers of texts, kept for its memory.
#[derive(Debug, Default)]
pub(in crate::lake) struct Numbers(Vec<u32>);

impl Column {
    /// For arrays of this type; `None` if there is no such column.
    pub(super) fn new(data_type: &DataType) -> Option<Self> {
        let values = match data_type {
            DataType::Utf8 => Values::Text(Texts::default(), Vec::new()),
            DataType::Int64 | DataType::Timestamp(..) => Values::Integer(Vec::new()),
            DataType::Float64 => Values::Float(Vec::new()),
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::List(_) => Values::List(Lists::default()),
            _ => return None,
        };
        Some(Column {
            values,
            has_value: NullBufferBuilder::new(0),
        })
    }

    pub(super) fn memory(&self) -> usize {
        let values = match &self.values {
            Values::Text(texts, numbers) => texts.memory() + numbers.capacity() * 4,
            Values::Integer(values) => values.capacity() * 8,
            Values::Float(values) => values.capacity() * 8,
            Values::Boolean(values) => values.capacity(),
            Values::List(lists) => {
                lists.texts.memory() + (lists.items.capacity() + lists.lengths.capacity()) * 4
            }
        };
        values + self.has_value.allocated_size()
    }

    /// Adds rows of an array of the column's type, after `before` rows. `false`, and nothing added, if the array
    /// is of another type.
    pub(super) fn extend(
        &mut self,
        before: usize,
        array: &ArrayRef,
        selection: Selection<'_>,
        scratch: &mut Numbers,
    ) -> bool {
        let missing = before - self.has_value.len();
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let nulls = nulls.as_ref();
        match &mut self.values {
            Values::Text(texts, numbers) => match strings(array) {
                Some(StringColumn::Dictionary(keys, values)) => {
                    scratch.add(texts, numbers, keys.keys(), values, nulls, selection);
                }
                Some(StringColumn::Plain(values)) => each(array.len(), nulls, selection, |row| {
                    numbers.push(texts.number(values.value(row)));
                }),
                None => return false,
            },
            Values::Integer(values) => {
                let added = add_primitive::<Int64Type>(values, array, nulls, selection)
                    || add_primitive::<TimestampMicrosecondType>(values, array, nulls, selection);
                if !added {
                    return false;
                }
            }
            Values::Float(values) => {
                if !add_primitive::<Float64Type>(values, array, nulls, selection) {
                    return false;
                }
            }
            Values::Boolean(values) => {
                let Some(array) = array.as_boolean_opt() else {
                    return false;
                };
                let array: &BooleanArray = array;
                each(array.len(), nulls, selection, |row| values.push(array.value(row)));
            }
            Values::List(lists) => {
                let Some(array) = array.as_list_opt::<i32>() else {
                    return false;
                };
                let Some(items) = strings(array.values()) else {
                    return false;
                };
                each(array.len(), nulls, selection, |row| {
                    let offsets = array.value_offsets();
                    let range = offsets[row] as usize..offsets[row + 1] as usize;
                    lists.lengths.push(range.len() as u32);
                    for item in range {
                        let number = items.get(item).map(|text| lists.texts.number(text));
                        lists.items.push(number.unwrap_or(NO_TEXT));
                    }
                });
            }
        }
        self.has_value.append_n_nulls(missing);
        match (selection, nulls) {
            (Selection::All, None) => self.has_value.append_n_non_nulls(array.len()),
            (Selection::All, Some(nulls)) => self.has_value.append_buffer(nulls),
            (Selection::Rows(rows), None) => self.has_value.append_n_non_nulls(rows.len()),
            (Selection::Rows(rows), Some(nulls)) => {
                rows.iter()
                    .for_each(|&row| self.has_value.append(nulls.is_valid(row as usize)));
            }
        }
        true
    }

    /// The ids that its texts are, if it is a column of texts and each of `rows` rows has one.
    pub(super) fn ids(&self, rows: usize) -> Option<Vec<u128>> {
        match &self.values {
            Values::Text(texts, numbers) if numbers.len() == rows => {
                let ids: Vec<u128> = texts
                    .iter()
                    .map(|text| std::str::from_utf8(text).map(|text| id_of(text).0))
                    .collect::<Result<_, _>>()
                    .ok()?;
                Some(numbers.iter().map(|&number| ids[number as usize]).collect())
            }
            _ => None,
        }
    }

    /// Values, and which of `rows` rows have one (`None`: all), in another order of rows if one is given.
    pub(super) fn finish(mut self, rows: usize, order: Option<&Order>) -> (Values, Option<BooleanBuffer>) {
        self.has_value.append_n_nulls(rows - self.has_value.len());
        let has_value = self.has_value.finish().map(NullBuffer::into_inner);
        let Some(order) = order else {
            return (self.values, has_value);
        };
        let has_value = has_value.as_ref();
        match self.values {
            Values::Text(texts, numbers) => {
                let (numbers, has_value) = order.apply_to(&numbers, has_value);
                (Values::Text(texts, numbers), has_value)
            }
            Values::Integer(values) => {
                let (values, has_value) = order.apply_to(&values, has_value);
                (Values::Integer(values), has_value)
            }
            Values::Float(values) => {
                let (values, has_value) = order.apply_to(&values, has_value);
                (Values::Float(values), has_value)
            }
            Values::Boolean(values) => {
                let (values, has_value) = order.apply_to(&values, has_value);
                (Values::Boolean(values), has_value)
            }
            Values::List(lists) => {
                let (lists, has_value) = lists.ordered(order, has_value);
                (Values::List(lists), has_value)
            }
        }
    }
}

impl Lists {
    fn ordered(self, order: &Order, has_value: Option<&BooleanBuffer>) -> (Lists, Option<BooleanBuffer>) {
        let mut start = 0;
        let spans: Vec<(u32, u32)> = self
            .lengths
            .iter()
            .map(|&length| {
                start += length;
                (start - length, length)
            })
            .collect();
        let (spans, has_value) = order.apply_to(&spans, has_value);
        let items = spans
            .iter()
            .flat_map(|&(start, length)| &self.items[start as usize..(start + length) as usize]);
        let ordered = Lists {
            items: items.copied().collect(),
            lengths: spans.iter().map(|&(_, length)| length).collect(),
            texts: self.texts,
        };
        (ordered, has_value)
    }
}

impl Numbers {
    fn add(
        &mut self,
        texts: &mut Texts,
        numbers: &mut Vec<u32>,
        keys: &Int32Array,
        values: &StringArray,
        nulls: Option<&NullBuffer>,
        selection: Selection<'_>,
    ) {
        self.0.clear();
        self.0.resize(values.len(), NO_TEXT);
        let keys = keys.values();
        let mut number_of = |key: i32| {
            let number = &mut self.0[key as usize];
            if *number == NO_TEXT {
                *number = texts.number(values.value(key as usize));
            }
            *number
        };
        match (selection, nulls) {
            (Selection::All, None) => numbers.extend(keys.iter().map(|&key| number_of(key))),
            _ => {
                each(keys.len(), nulls, selection, |row| {
                    numbers.push(number_of(keys[row]))
                });
            }
        }
    }
}

/// Calls `take` with each selected row that has a value.
fn each(rows: usize, nulls: Option<&NullBuffer>, selection: Selection<'_>, mut take: impl FnMut(usize)) {
    match (selection, nulls) {
        (Selection::All, None) => (0..rows).for_each(take),
        (Selection::All, Some(nulls)) => nulls.valid_indices().for_each(take),
        (Selection::Rows(rows), nulls) => {
            for &row in rows {
                if nulls.is_none_or(|nulls| nulls.is_valid(row as usize)) {
                    take(row as usize);
                }
            }
        }
    }
}

fn add_primitive<T: ArrowPrimitiveType>(
    values: &mut Vec<T::Native>,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    selection: Selection<'_>,
) -> bool {
    let Some(array): Option<&PrimitiveArray<T>> = array.as_primitive_opt() else {
        return false;
    };
    match (selection, nulls) {
        (Selection::All, None) => values.extend_from_slice(array.values()),
        _ => each(array.len(), nulls, selection, |row| {
            values.push(array.values()[row])
        }),
    }
    true
}

/// Another order of rows.
#[derive(Debug)]
pub(super) struct Order {
    /// The row that comes at each place.
    rows: Vec<u32>,
    /// The place of each row.
    places: Vec<u32>,
}

impl Order {
    /// By time, rows of one time as they are; `None` if that is how they are.
    pub(super) fn by_time(times: &[i64]) -> Option<Self> {
        if times.is_sorted() {
            return None;
        }
        let mut rows: Vec<u32> = (0..times.len() as u32).collect();
        // Stable, and fast where stretches are in order already.
        rows.sort_by_key(|&row| times[row as usize]);
        let mut places = vec![0; rows.len()];
        for (place, &row) in rows.iter().enumerate() {
            places[row as usize] = place as u32;
        }
        Some(Order { rows, places })
    }

    pub(super) fn place_of(&self, row: u32) -> u32 {
        self.places[row as usize]
    }

    /// Values of all rows.
    pub(super) fn apply<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.rows.iter().map(|&row| values[row as usize]).collect()
    }

    /// Values of the rows that have one, and which those are. Looks only at rows with a value: of the columns of
    /// a wide table most rows have few.
    fn apply_sparse<T: Copy>(&self, values: &[T], has_value: &BooleanBuffer) -> (Vec<T>, BooleanBuffer) {
        let mut bits = vec![0_u64; self.rows.len().div_ceil(64)];
        let mut from = vec![0_u32; self.rows.len()];
        for (position, row) in has_value.set_indices().enumerate() {
            let place = self.places[row] as usize;
            bits[place / 64] |= 1 << (place % 64);
            from[place] = position as u32;
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(bits), 0, self.rows.len());
        let ordered = bits.set_indices().map(|place| values[from[place] as usize]);
        let mut all = Vec::with_capacity(values.len());
        all.extend(ordered);
        (all, bits)
    }

    /// Values of the rows that have one, and which those are (`None`: all).
    fn apply_to<T: Copy>(
        &self,
        values: &[T],
        has_value: Option<&BooleanBuffer>,
    ) -> (Vec<T>, Option<BooleanBuffer>) {
        match has_value {
            None => (self.apply(values), None),
            Some(has_value) => {
                let (values, bits) = self.apply_sparse(values, has_value);
                (values, Some(bits))
            }
        }
    }
}
