//! Cells of one column of a table, by the hundred: loops without a question for each cell of what its column is.

use super::column::{ColumnBuilder, Data, Set};
use super::keywords::Keywords;
use super::rows::{Cells, Rows, decimal, whole};
use super::values::{boolean, float, integer};
use super::words::{Nothing, Word, Words};

/// Cells that are taken at a time.
pub(super) const TOGETHER: usize = 256;

/// Cells of one column.
pub(super) struct Chunk<'c, R> {
    pub(super) rows: &'c R,
    /// Number of the column in the table.
    pub(super) column: usize,
    /// Number of the first row in the table.
    pub(super) from: usize,
    /// The same in the batch; no row from there on has a value yet.
    pub(super) first: usize,
    /// Where the cells begin and end.
    pub(super) places: &'c [(u32, u32)],
    /// What cells have that are no values; all others mean what stands there.
    pub(super) nothing: Nothing,
}

impl<R: Rows> Chunk<'_, R> {
    fn cell(&self, number: usize) -> &str {
        self.rows.cell(self.column, self.from + number)
    }

    /// Whether a cell has no value.
    #[inline(always)]
    fn has_nothing(&self, bytes: &[u8], number: usize) -> bool {
        let (start, end) = self.places[number];
        match end.wrapping_sub(start) {
            0 | 1 => match bytes.get(start as usize..end as usize) {
                Some(text) => self.nothing.is(text),
                None => self.nothing.is(self.cell(number).as_bytes()),
            },
            _ => false,
        }
    }

    /// Gives rows the values that `quick` finds between two places, or `slow` in the text of a cell; how many. Of cells that have
    /// something, those without are `odd`, and their rows are left without a value.
    #[inline(always)]
    fn take<T>(
        &self,
        values: &mut Vec<Option<T>>,
        odd: &mut Vec<usize>,
        quick: impl Fn(&[u8], usize, usize) -> Option<T>,
        slow: impl Fn(&str) -> Option<T>,
    ) -> usize {
        let bytes = self.rows.bytes();
        let mut missing = 0;
        values.resize_with(self.first, || None);
        values.extend(self.places.iter().enumerate().map(|(number, &(start, end))| {
            let mut value = quick(bytes, start as usize, end as usize);
            if value.is_none() {
                value = self.other(number, odd, &slow);
                missing += usize::from(value.is_none());
            }
            value
        }));
        self.places.len() - missing
    }

    #[inline(never)]
    fn other<T>(&self, number: usize, odd: &mut Vec<usize>, slow: &impl Fn(&str) -> Option<T>) -> Option<T> {
        let cell = self.cell(number);
        if self.nothing.is(cell.as_bytes()) {
            return None;
        }
        let value = slow(cell);
        if value.is_none() {
            odd.push(number);
        }
        value
    }
}

impl ColumnBuilder {
    /// Gives rows the values of cells; those whose value is none for this column come to `misfit`.
    pub(super) fn take_chunk<R: Rows>(
        &mut self,
        chunk: &Chunk<'_, R>,
        cells: Cells,
        misfit: &mut impl FnMut(usize),
    ) {
        let mut odd = Vec::new();
        let stored = match (&mut self.data, cells) {
            (Data::Keyword(keywords), Cells::Text) => keywords.take_chunk(chunk),
            (Data::Integer(values), Cells::Text | Cells::Whole) => {
                chunk.take(values, &mut odd, short_whole, |cell| whole(cell.as_bytes()))
            }
            (Data::Float(values), Cells::Text | Cells::Number) => {
                chunk.take(values, &mut odd, short_decimal, decimal)
            }
            (Data::Boolean(values), Cells::Flag) => chunk.take(values, &mut odd, flag, |_| None),
            _ => return self.take_one_by_one(chunk, cells, misfit),
        };
        self.values_set += stored;
        for number in odd {
            let (rows, row) = (chunk.rows, chunk.first + number);
            rows.value(chunk.column, chunk.cell(number), &mut |value| {
                let stored = match &mut self.data {
                    Data::Integer(values) => give(values, row, integer(value)),
                    Data::Float(values) => give(values, row, float(value)),
                    Data::Boolean(values) => give(values, row, boolean(value)),
                    _ => false,
                };
                match stored {
                    true => self.values_set += 1,
                    false => misfit(chunk.from + number),
                }
            });
        }
    }

    /// The same, a value at a time.
    fn take_one_by_one<R: Rows>(
        &mut self,
        chunk: &Chunk<'_, R>,
        cells: Cells,
        misfit: &mut impl FnMut(usize),
    ) {
        let bytes = chunk.rows.bytes();
        for number in 0..chunk.places.len() {
            if !chunk.has_nothing(bytes, number) {
                let cell = chunk.cell(number);
                if let (Data::Keyword(keywords), Cells::Whole) = (&mut self.data, cells)
                    && whole(cell.as_bytes()).is_some()
                {
                    keywords.put(chunk.first + number, cell.as_bytes());
                    self.values_set += 1;
                    continue;
                }
                chunk.rows.value(chunk.column, cell, &mut |value| {
                    if self.set(chunk.first + number, value) == Set::Misfit {
                        misfit(chunk.from + number);
                    }
                });
            }
        }
    }
}

/// Gives a row that is there and has no value one. `false`: there is none.
fn give<T>(values: &mut [Option<T>], row: usize, value: Option<T>) -> bool {
    let is_some = value.is_some();
    values[row] = value;
    is_some
}

/// `T` and `F`.
#[inline(always)]
fn flag(bytes: &[u8], start: usize, end: usize) -> Option<bool> {
    match bytes.get(start..end)? {
        b"T" => Some(true),
        b"F" => Some(false),
        _ => None,
    }
}

/// A number with up to eight digits in front of a point and six behind it, as Zeek writes them.
#[inline(always)]
fn short_decimal(bytes: &[u8], start: usize, end: usize) -> Option<f64> {
    const BEHIND: usize = 6;
    let point = end.checked_sub(BEHIND + 1)?;
    if point <= start || point - start > 8 || bytes.get(point) != Some(&b'.') {
        return None;
    }
    let front = digits(bytes, start, point)?;
    let micros = digits(bytes, point + 1, end)?;
    // So few digits are exact, and one division rounds as reading them would.
    Some((front * 1_000_000 + micros) as f64 / 1e6)
}

/// As [`whole`], for up to eight digits that do not stand near the front of `bytes`.
#[inline(always)]
fn short_whole(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    let begins_with_zero = end.wrapping_sub(start) > 1 && bytes.get(start) == Some(&b'0');
    digits(bytes, start, end).filter(|_| !begins_with_zero)
}

/// The number that up to eight digits spell which do not stand near the front of `bytes`.
#[inline(always)]
fn digits(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    const WORD: usize = size_of::<u64>();
    let length = end.wrapping_sub(start);
    let chunk = bytes.get(end.wrapping_sub(WORD)..end)?.first_chunk::<WORD>()?;
    if length.wrapping_sub(1) >= WORD {
        return None;
    }
    // What stands in front of the number becomes zeroes.
    let missing = 8 * (WORD - length) as u32;
    let digits = (u64::from_le_bytes(*chunk) ^ 0x3030_3030_3030_3030) >> missing << missing;
    let has_others = (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0;
    if has_others {
        return None;
    }
    // Ones and tens, then hundreds of these, then ten thousands: each step joins neighbours.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff) as i64)
}

impl Keywords {
    /// Gives rows the texts of cells; how many.
    fn take_chunk<R: Rows>(&mut self, chunk: &Chunk<'_, R>) -> usize {
        let mut keys = self.take_keys();
        keys.resize(chunk.first, -1);
        match self.is_plain() {
            true => self.append_chunk(chunk, &mut keys),
            false => {
                let mut words = self.take_words(Some(chunk.nothing));
                self.intern_chunk(chunk, &mut keys, &mut words);
                self.give_words(words);
            }
        }
        let stored = keys[chunk.first..].iter().filter(|key| **key >= 0).count();
        self.give_keys(keys);
        stored
    }

    fn append_chunk<R: Rows>(&mut self, chunk: &Chunk<'_, R>, keys: &mut Vec<i32>) {
        let bytes = chunk.rows.bytes();
        keys.extend(chunk.places.iter().enumerate().map(|(number, &(start, end))| {
            let place = (start as usize, end as usize);
            let key = self.append_cell(bytes, place, chunk.nothing);
            key.unwrap_or_else(|| match chunk.cell(number).as_bytes() {
                text if chunk.nothing.is(text) => -1,
                text => self.append(text),
            })
        }));
    }

    fn intern_chunk<R: Rows>(&mut self, chunk: &Chunk<'_, R>, keys: &mut Vec<i32>, words: &mut Words) {
        let bytes = chunk.rows.bytes();
        let mut number = 0;
        while number < chunk.places.len() {
            // Up to the first text that is not known, nothing but keys is written.
            let known = words.known();
            keys.extend(chunk.places[number..].iter().map_while(|&(start, end)| {
                let word = Word::at(bytes, start as usize, end as usize)?;
                known.key(word)
            }));
            number = keys.len() - chunk.first;
            if let Some(&(start, end)) = chunk.places.get(number) {
                let text = chunk.cell(number).as_bytes();
                keys.push(match Word::at(bytes, start as usize, end as usize) {
                    Some(word) => self.key_of_word(text, word, Some(chunk.nothing), words),
                    None if chunk.nothing.is(text) => -1,
                    None => self.key_of(text),
                });
                number += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_as_std_reads_them() {
        let in_front = "x1234567";
        for text in [
            "0", "7", "10", "443", "9999", "65535", "123456", "1000000", "98765432",
        ] {
            let bytes = format!("{in_front}{text}\t9");
            let (start, end) = (in_front.len(), in_front.len() + text.len());
            assert_eq!(
                short_whole(bytes.as_bytes(), start, end),
                text.parse().ok(),
                "{text}"
            );
            for at in start..end {
                for other in [0, b'/', b':', b'-', 0xb0, 0xff] {
                    let mut bytes = bytes.clone().into_bytes();
                    bytes[at] = other;
                    assert_eq!(short_whole(&bytes, start, end), None, "{bytes:?}");
                }
            }
        }
        for text in ["", "-", "00", "07", "123456789", "-5"] {
            let bytes = format!("{in_front}{text}");
            assert_eq!(
                short_whole(bytes.as_bytes(), in_front.len(), bytes.len()),
                None,
                "{text}"
            );
        }
        for text in [
            "0.000001",
            "72.652772",
            "404.743203",
            "00000007.000000",
            "12345678.999999",
            "1.500000",
        ] {
            let bytes = format!("{in_front}{text}\t");
            let end = in_front.len() + text.len();
            assert_eq!(
                short_decimal(bytes.as_bytes(), in_front.len(), end),
                text.parse().ok(),
                "{text}"
            );
        }
        for text in [
            "",
            "1.5",
            ".500000",
            "-1.500000",
            "1.50000x",
            "1500000",
            "123456789.000000",
        ] {
            let bytes = format!("{in_front}{text}\t");
            let end = in_front.len() + text.len();
            assert_eq!(
                short_decimal(bytes.as_bytes(), in_front.len(), end),
                None,
                "{text}"
            );
        }
        // Too near to the front for one look, or nowhere.
        assert_eq!(short_whole(b"1234567", 0, 7), None);
        assert_eq!(short_whole(b"12345678", 0, 8), Some(12_345_678));
        assert_eq!(short_whole(b"12345678", 20, 21), None);
    }
}
