//! Cells of one column of a table, by the hundred: loops without a question for each cell of what its column is.

use super::keywords::Keywords;
use super::rows::{Rows, whole};
use super::words::{Nothing, Word};

/// Gives rows from `first` on, behind all others, the whole numbers in the cells of a column; how many. Rows whose cells may
/// be numbers written otherwise come to `odd`, and are left without one.
pub(super) fn take_whole<R: Rows>(
    rows: &R,
    column: usize,
    values: &mut Vec<Option<i64>>,
    first: usize,
    odd: &mut Vec<usize>,
) -> usize {
    let bytes = rows.bytes();
    let mut stored = 0;
    values.resize(first, None);
    values.extend((0..rows.len()).map(|row| {
        let (start, end) = rows.place(column, row);
        let number = match short_whole(bytes, start, end) {
            Some(number) => Some(number),
            None => other_whole(rows, column, row, odd),
        };
        stored += usize::from(number.is_some());
        number
    }));
    stored
}

/// As [`whole`], for up to eight digits that do not stand near the front of `bytes`.
#[inline(always)]
fn short_whole(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
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
    let begins_with_zero = (digits >> missing) & 0xff == 0 && length > 1;
    if has_others | begins_with_zero {
        return None;
    }
    // Ones and tens, then hundreds of these, then ten thousands: each step joins neighbours.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff) as i64)
}

/// The number in any cell.
#[inline(never)]
fn other_whole<R: Rows>(rows: &R, column: usize, row: usize, odd: &mut Vec<usize>) -> Option<i64> {
    let cell = rows.cell(column, row);
    rows.is_plain(cell)?;
    let number = whole(cell.as_bytes());
    if number.is_none() {
        odd.push(row);
    }
    number
}

impl Keywords {
    /// Gives rows from `first` on, behind all others, the texts of the cells of a column; how many.
    pub(super) fn take_texts<R: Rows>(
        &mut self,
        rows: &R,
        column: usize,
        first: usize,
        nothing: Nothing,
    ) -> usize {
        let bytes = rows.bytes();
        let mut keys = self.take_keys();
        let mut stored = 0;
        keys.resize(first, -1);
        if self.is_plain() {
            keys.extend((0..rows.len()).map(|row| {
                let (start, end) = rows.place(column, row);
                let key = self.append_cell(bytes, (start, end), nothing);
                let key = key.unwrap_or_else(|| match rows.cell(column, row).as_bytes() {
                    text if nothing.is(text) => -1,
                    text => self.append(text),
                });
                stored += usize::from(key >= 0);
                key
            }));
        } else {
            let mut words = self.take_words(Some(nothing));
            keys.extend((0..rows.len()).map(|row| {
                let (start, end) = rows.place(column, row);
                let word = Word::at(bytes, start, end);
                let known = word.and_then(|word| words.key(word));
                let key = known.unwrap_or_else(|| {
                    let text = rows.cell(column, row).as_bytes();
                    match word {
                        Some(word) => self.key_of_word(text, word, Some(nothing), &mut words),
                        None => self.key_of(text),
                    }
                });
                stored += usize::from(key >= 0);
                key
            }));
            self.give_words(words);
        }
        self.give_keys(keys);
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_as_std_reads_them() {
        let in_front = "x1234567";
        for text in ["0", "7", "10", "443", "9999", "65535", "123456", "1000000", "98765432"] {
            let bytes = format!("{in_front}{text}\t9");
            let (start, end) = (in_front.len(), in_front.len() + text.len());
            assert_eq!(short_whole(bytes.as_bytes(), start, end), text.parse().ok(), "{text}");
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
            assert_eq!(short_whole(bytes.as_bytes(), in_front.len(), bytes.len()), None, "{text}");
        }
        // Too near to the front for one look, or nowhere.
        assert_eq!(short_whole(b"1234567", 0, 7), None);
        assert_eq!(short_whole(b"12345678", 0, 8), Some(12_345_678));
        assert_eq!(short_whole(b"12345678", 20, 21), None);
    }
}
