//! Whole columns at once, for tables: a column's builder, its dictionary and its few distinct values stay in the fastest
//! memory while its cells go by, and what a column takes is decided once.
//!
//! The events are the same as if [`BatchBuilder::field`] had been called for each cell; a test of the tables holds the two
//! to it. Columns that more than one name writes to are not written so: [`BatchBuilder::own_columns`] has
//! none for them.

use super::cells::{Chunk, TOGETHER};
use super::codes::Code;
use super::column::{ColumnBuilder, Data, Set};
use super::slots::Target;
use super::words::Nothing;
use super::{BatchBuilder, PATH};
use crate::catalog::ColumnType;
use crate::value::Value;

/// What the cells of a column are, as far as the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Text, whatever it spells.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// `T` and `F`.
    Flag,
    /// Something else.
    Other,
}

/// Some rows of a table.
pub(crate) trait Rows {
    /// How many.
    fn len(&self) -> usize;

    /// Their texts.
    fn bytes(&self) -> &[u8];

    /// Where the cells of a column begin and end in [`bytes`](Rows::bytes), from row `from` on; further behind: one does not
    /// stand there.
    fn places(&self, column: usize, from: usize, places: &mut [(u32, u32)]);

    /// What cells have that are no values, if all others mean what stands there.
    fn nothing(&self) -> Option<Nothing>;

    /// The text of a cell.
    fn cell(&self, column: usize, row: usize) -> &str;

    /// Whether a cell means what stands there; `None`: it is no value.
    fn is_plain(&self, cell: &str) -> Option<bool>;

    /// Hands out the value of a cell, if it is one.
    fn value(&self, column: usize, cell: &str, take: &mut dyn FnMut(&Value<'_>));
}

/// A cell that its column did not take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Misfit {
    /// Number of the row among those written together.
    pub(crate) row: usize,
    column: usize,
    index: u32,
}

impl BatchBuilder {
    /// The columns that fields of these names go to, if each has one of its own and all of them can be had.
    pub(crate) fn own_columns<'n>(&mut self, natives: impl Iterator<Item = &'n str>) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        for native in natives {
            match self.target(native) {
                Target::Column(index) => found.push(index),
                Target::Kept(..) | Target::Time | Target::Reserved | Target::OverLimit => return None,
            }
        }
        let mut distinct = found.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let own = distinct.len() == found.len();
        (own && self.has_room(found.len())).then_some(found)
    }

    /// Whether so many columns could have their first value now.
    pub(crate) fn has_room(&self, columns: usize) -> bool {
        self.used_columns + columns <= self.options.max_columns
    }

    /// How often all columns were forgotten: in another era their numbers mean others.
    pub(crate) fn era(&self) -> u32 {
        self.era
    }

    /// Writes the cells of a column of `rows`, the first of which is the current event.
    pub(crate) fn write_column<R: Rows>(
        &mut self,
        rows: &R,
        column: usize,
        index: u32,
        cells: Cells,
        misfits: &mut Vec<Misfit>,
    ) {
        let first = self.rows;
        let builder = &mut self.columns[index as usize];
        let had = builder.any();
        builder.extend(rows, column, cells, first, |row| {
            misfits.push(Misfit { row, column, index })
        });
        self.used_columns += usize::from(index as usize > PATH && !had && builder.any());
    }

    /// Whether events need nothing but their cells, so that [`commit_rows`](BatchBuilder::commit_rows) can commit many.
    pub(crate) fn commits_rows(&self) -> bool {
        !self.options.keep_original
    }

    /// Commits as many events as there are times, whose cells are written.
    pub(crate) fn commit_rows(
        &mut self,
        times: &[Option<i64>],
        fallback_time: i64,
        path: &str,
        places: impl Iterator<Item = (u128, u64)>,
    ) {
        let first = self.rows;
        self.columns[PATH].repeat(first, times.len(), path);
        let without = times.iter().filter(|time| time.is_none()).count();
        self.counters.without_time += without as u64;
        let known = times.iter().map(|time| time.unwrap_or(fallback_time));
        self.times.extend(known);
        for (event_id, offset) in places.take(times.len()) {
            self.event_ids.push(event_id);
            self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
        }
        self.rows += times.len();
        self.unmapped.resize(self.rows, None);
        self.dirty = false;
    }

    /// Gives the next `rows` events this text in the column of `native`. `false`: it has no column to itself.
    pub(crate) fn write_constant(&mut self, native: &str, rows: usize, text: &str) -> bool {
        let Some(&[index]) = self.own_columns([native].into_iter()).as_deref() else {
            return false;
        };
        let builder = &mut self.columns[index as usize];
        let had = builder.any();
        builder.repeat(self.rows, rows, text);
        self.used_columns += usize::from(index as usize > PATH && !had && builder.any());
        true
    }

    /// Gives the next `rows` events, in the column of `native`, the sum of their numbers in two other columns, where they have
    /// both. `false`: one of the three is no column of numbers, or has another use; nothing was done.
    pub(crate) fn write_sums(&mut self, native: &str, [one, other]: [u32; 2], rows: usize) -> bool {
        let Some(&[index]) = self.own_columns([native].into_iter()).as_deref() else {
            return false;
        };
        let places = [index, one, other].map(|index| index as usize);
        let Ok([sums, one, other]) = self.columns.get_disjoint_mut(places) else {
            return false;
        };
        let (Data::Integer(values), Data::Integer(one), Data::Integer(other)) =
            (&mut sums.data, &mut one.data, &mut other.data)
        else {
            return false;
        };
        let had = sums.values_set > 0;
        let range = self.rows..self.rows + rows;
        for numbers in [&mut *one, &mut *other] {
            if numbers.len() < range.end {
                numbers.resize(range.end, None);
            }
        }
        values.resize(range.start, None);
        let pairs = one[range.clone()].iter().zip(&other[range]);
        let mut count = 0;
        values.extend(pairs.map(|(one, other)| {
            let sum = one.and_then(|one| one.checked_add((*other)?));
            count += usize::from(sum.is_some());
            sum
        }));
        sums.values_set += count;
        self.used_columns += usize::from(index as usize > PATH && !had && sums.any());
        true
    }

    /// Gives the next events these numbers in the column of `native`. `false`: it has no column to itself.
    pub(crate) fn write_numbers(&mut self, native: &str, numbers: impl Iterator<Item = Option<i64>>) -> bool {
        let Some(&[index]) = self.own_columns([native].into_iter()).as_deref() else {
            return false;
        };
        let first = self.rows;
        let builder = &mut self.columns[index as usize];
        let had = builder.any();
        for (row, number) in numbers.enumerate() {
            if let Some(number) = number {
                let stored = match &mut builder.data {
                    Data::Integer(values) => put(values, first + row, Some(number)),
                    _ => false,
                };
                match stored {
                    true => builder.count(),
                    false => {
                        builder.set(first + row, &Value::Int(number));
                    }
                }
            }
        }
        self.used_columns += usize::from(index as usize > PATH && !had && builder.any());
        true
    }

    /// The type of a column.
    pub(crate) fn type_of(&self, index: u32) -> ColumnType {
        self.columns[index as usize].column.column_type
    }

    /// Gives the next events these numbers in a column of whole numbers or texts.
    pub(crate) fn write_whole(&mut self, index: u32, numbers: impl ExactSizeIterator<Item = i64>) {
        self.write_all(index, |data, first| match data {
            Data::Integer(values) => put_all(values, first, numbers),
            Data::Keyword(keywords) => keywords.put_codes(first, numbers.map(Code::number)),
            _ => 0,
        });
    }

    /// Gives the next events these instants, microseconds since the epoch, in a column of such.
    pub(crate) fn write_times(&mut self, index: u32, times: impl ExactSizeIterator<Item = i64>) {
        self.write_all(index, |data, first| match data {
            Data::Timestamp(values) => put_all(values, first, times),
            _ => 0,
        });
    }

    /// Gives the next events these addresses in a column of texts.
    pub(crate) fn write_addresses(&mut self, index: u32, addresses: impl ExactSizeIterator<Item = [u8; 4]>) {
        self.write_all(index, |data, first| match data {
            Data::Keyword(keywords) => keywords.put_codes(first, addresses.map(Code::address)),
            _ => 0,
        });
    }

    /// Gives the next events those of these texts that there are, in a column of texts.
    pub(crate) fn write_texts(&mut self, index: u32, texts: impl Iterator<Item = Option<&'static str>>) {
        self.write_all(index, |data, first| match data {
            Data::Keyword(keywords) => {
                let mut count = 0;
                for (row, text) in (first..).zip(texts) {
                    if let Some(text) = text {
                        keywords.put(row, text.as_bytes());
                        count += 1;
                    }
                }
                count
            }
            _ => 0,
        });
    }

    /// Has `write` give the next events values in a column, and say how many.
    fn write_all(&mut self, index: u32, write: impl FnOnce(&mut Data, usize) -> usize) {
        let builder = &mut self.columns[index as usize];
        let had = builder.any();
        builder.values_set += write(&mut builder.data, self.rows);
        self.used_columns += usize::from(index as usize > PATH && !had && builder.any());
    }

    /// Puts aside what a column of the current event did not take.
    pub(crate) fn put_misfit_aside<R: Rows>(&mut self, rows: &R, misfit: Misfit) {
        let dotted = self.columns[misfit.index as usize].column.dotted.clone();
        let cell = rows.cell(misfit.column, misfit.row);
        rows.value(misfit.column, cell, &mut |value| {
            self.counters.misfits += u64::from(!matches!(value, Value::Json(_) | Value::List(_)));
            self.put_aside(&dotted, value);
        });
    }
}

impl ColumnBuilder {
    /// Gives `rows` rows from `first` on this text.
    pub(super) fn repeat(&mut self, first: usize, rows: usize, text: &str) {
        if let Data::Keyword(keywords) = &mut self.data {
            keywords.put_many(first, rows, text.as_bytes());
            self.values_set += rows;
            return;
        }
        for row in first..first + rows {
            self.set(row, &Value::Str(text));
        }
    }

    fn extend<R: Rows>(
        &mut self,
        rows: &R,
        column: usize,
        cells: Cells,
        first: usize,
        mut misfit: impl FnMut(usize),
    ) {
        if let Some(nothing) = rows.nothing() {
            let mut places = [(0, 0); TOGETHER];
            let mut from = 0;
            while from < rows.len() {
                let places = &mut places[..TOGETHER.min(rows.len() - from)];
                rows.places(column, from, places);
                let chunk = Chunk {
                    rows,
                    column,
                    from,
                    first: first + from,
                    places,
                    nothing,
                };
                self.take_chunk(&chunk, cells, &mut misfit);
                from += chunk.places.len();
            }
            return;
        }
        let mut row = 0;
        while row < rows.len() {
            let (next, stored) = match (&mut self.data, cells) {
                (Data::Keyword(keywords), Cells::Text) => run(rows, column, row, |row, cell| {
                    keywords.put(first + row, cell.as_bytes());
                    true
                }),
                (Data::Keyword(keywords), Cells::Whole) => run(rows, column, row, |row, cell| {
                    let whole = whole(cell.as_bytes()).is_some();
                    if whole {
                        keywords.put(first + row, cell.as_bytes());
                    }
                    whole
                }),
                (Data::Integer(values), Cells::Text | Cells::Whole) => run(rows, column, row, |row, cell| {
                    put(values, first + row, whole(cell.as_bytes()))
                }),
                (Data::Float(values), Cells::Text | Cells::Number) => run(rows, column, row, |row, cell| {
                    put(values, first + row, decimal(cell))
                }),
                (Data::Boolean(values), Cells::Flag) => run(rows, column, row, |row, cell| {
                    let flag = match cell.as_bytes() {
                        b"T" => Some(true),
                        b"F" => Some(false),
                        _ => None,
                    };
                    put(values, first + row, flag)
                }),
                _ => run(rows, column, row, |_, _| false),
            };
            self.values_set += stored;
            row = next;
            if row < rows.len() {
                rows.value(column, rows.cell(column, row), &mut |value| {
                    if self.set(first + row, value) == Set::Misfit {
                        misfit(row);
                    }
                });
                row += 1;
            }
        }
    }
}

/// Hands cells that mean what stands there to `take`, from row `from` on: up to the first that does not, or that `take`
/// does not take. Its row, and how many were taken.
#[inline(always)]
fn run<R: Rows>(
    rows: &R,
    column: usize,
    from: usize,
    mut take: impl FnMut(usize, &str) -> bool,
) -> (usize, usize) {
    let mut taken = 0;
    for row in from..rows.len() {
        let cell = rows.cell(column, row);
        match rows.is_plain(cell) {
            None => {}
            Some(true) if take(row, cell) => taken += 1,
            Some(_) => return (row, taken),
        }
    }
    (rows.len(), taken)
}

/// Gives rows from `first` on, behind all others, these values; how many.
fn put_all<T: Copy>(
    values: &mut Vec<Option<T>>,
    first: usize,
    all: impl ExactSizeIterator<Item = T>,
) -> usize {
    values.resize(first, None);
    values.extend(all.map(Some));
    values.len() - first
}

/// Gives `row`, behind all others, this value. `false`: there is none.
#[inline]
pub(super) fn put<T>(values: &mut Vec<Option<T>>, row: usize, value: Option<T>) -> bool {
    let some = value.is_some();
    if some {
        if values.len() < row {
            values.resize_with(row, || None);
        }
        values.push(value);
    }
    some
}

/// The number that `text` spells in the only way it can be spelled, if it is not too long for a quick look.
#[inline(always)]
pub(crate) fn whole(text: &[u8]) -> Option<i64> {
    let one = |digit: u8| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then_some(i64::from(digit))
    };
    match text {
        [a] => one(*a),
        [b'1'..=b'9', ..] => match text {
            [a, b] => Some(one(*a)? * 10 + one(*b)?),
            [a, b, c] => Some(one(*a)? * 100 + one(*b)? * 10 + one(*c)?),
            _ if text.len() <= 8 => eight_digits(text),
            _ => long_whole(text),
        },
        [b'-', digits @ ..] if !digits.starts_with(b"-") && *digits != *b"0" => Some(-long_whole(digits)?),
        _ => None,
    }
}

/// The same for any number of digits, and no sign.
#[inline(never)]
fn long_whole(digits: &[u8]) -> Option<i64> {
    const DIGITS: usize = 18;
    match digits.len() {
        9..=DIGITS if digits[0] != b'0' => long_digits(digits),
        1..=8 => whole(digits),
        _ => None,
    }
}

/// The number that four to eight digits spell, all of them at once.
#[inline(always)]
pub(crate) fn eight_digits(digits: &[u8]) -> Option<i64> {
    // As many zeroes in front as there are digits less than eight; what both words have is the same.
    let missing = 8 * (8 - digits.len() as u32);
    let first = u64::from(u32::from_le_bytes(*digits.first_chunk()?)) << missing;
    let last = u64::from(u32::from_le_bytes(*digits.last_chunk()?)) << 32;
    let zeroes = 0x3030_3030_3030_3030 << missing;
    let digits = (first | last) ^ zeroes;
    // A byte that is more than nine, or was no ASCII, has its highest bit now.
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Ones and tens, then hundreds of these, then ten thousands: each step joins neighbours.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff) as i64)
}

/// The number that 9 to 19 digits spell, if it is less than 2^63.
#[inline]
pub(crate) fn long_digits(digits: &[u8]) -> Option<i64> {
    let (front, last) = digits.split_last_chunk::<8>()?;
    let last = eight_digits(last)?;
    let mut number = 0_i64;
    let front = match front.len() {
        12.. => return None,
        9.. => {
            let (first, middle) = front.split_last_chunk::<8>()?;
            number = eight_digits(middle)?;
            first
        }
        4.. => {
            number = eight_digits(front)?;
            &[]
        }
        _ => front,
    };
    let mut first = 0_i64;
    for digit in front {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        first = first * 10 + i64::from(digit);
    }
    if digits.len() < 12 {
        number = first;
    } else {
        number = first.checked_mul(100_000_000)?.checked_add(number)?;
    }
    number.checked_mul(100_000_000)?.checked_add(last)
}

/// The number that `text` spells with few digits and a point among them. With so few, one division rounds as reading
/// them would.
pub(super) fn decimal(text: &str) -> Option<f64> {
    const DIGITS: usize = 15;
    const POWERS: [f64; DIGITS + 1] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let bytes = text.as_bytes();
    if bytes.len() > DIGITS + 1 || !bytes.first()?.is_ascii_digit() || !bytes.last()?.is_ascii_digit() {
        return None;
    }
    // As Zeek writes them: with six digits behind the point.
    if let Some((whole @ ([_] | [_, _] | [_, _, _]), [b'.', micros @ ..])) =
        bytes.len().checked_sub(7).map(|point| bytes.split_at(point))
        && whole.iter().all(u8::is_ascii_digit)
        && let Some(micros) = eight_digits(micros)
    {
        let number = whole
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        return Some((number * 1_000_000 + micros) as f64 / POWERS[6]);
    }
    let (mut number, mut point) = (0_u64, None);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let behind = match point {
        Some(at) => bytes.len() - at - 1,
        None if bytes.len() > DIGITS => return None,
        None => 0,
    };
    Some(number as f64 / POWERS[behind])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_as_std_reads_them() {
        for digits in 9..=19 {
            for text in [
                "1234567890123456789"[..digits].to_owned(),
                "9".repeat(digits),
                "0".repeat(digits),
                "9223372036854775808"[..digits].to_owned(),
            ] {
                assert_eq!(long_digits(text.as_bytes()), text.parse().ok(), "{text}");
                for at in 0..text.len() {
                    for other in [0, b'/', b':', b'x', 0xb0, 0xff] {
                        let mut bytes = text.clone().into_bytes();
                        bytes[at] = other;
                        assert_eq!(long_digits(&bytes), None, "{bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_as_std_reads_them() {
        for digits in 1..=18_u32 {
            for text in [
                "123456789012345678"[..digits as usize].to_owned(),
                "9".repeat(digits as usize),
                format!("1{}", "0".repeat(digits as usize - 1)),
            ] {
                assert_eq!(whole(text.as_bytes()), text.parse().ok(), "{text}");
                for at in 0..text.len() {
                    for other in [0, b'/', b':', b'x', 0xb0, 0xff] {
                        let mut bytes = text.clone().into_bytes();
                        bytes[at] = other;
                        assert_eq!(whole(&bytes), None, "{bytes:?}");
                    }
                }
            }
        }
        for text in ["0", "7", "-7", "443", "999999999999999999", "-999999999999999999"] {
            assert_eq!(whole(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "07",
            "+7",
            "1.0",
            "1e3",
            "1000000000000000000",
            "x",
            "٣",
        ] {
            assert_eq!(whole(text.as_bytes()), None, "{text}");
        }
        for text in [
            "0",
            "0.1",
            "0.250000",
            "12345678.901234",
            "999999999999999",
            "0.30000000000000",
            "3.7",
            "000.000001",
            "123.999999",
            "1234.000009",
        ] {
            assert_eq!(decimal(text), text.parse().ok(), "{text}");
        }
        for text in ["", ".5", "5.", "-1.5", "1e3", "nan", "1.2.3", "9999999999999999"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
