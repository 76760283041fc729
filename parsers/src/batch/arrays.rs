//! Columns that are the same for every dataset.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Int32Type;

pub(super) fn timestamps(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

pub(super) fn constant(value: &str, rows: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; rows]);
    Arc::new(DictionaryArray::<Int32Type>::new(
        keys,
        Arc::new(StringArray::from(vec![value])),
    ))
}

/// 32 hexadecimal digits a row.
pub(super) fn event_ids(ids: &[u128]) -> ArrayRef {
    const DIGITS: usize = 32;
    let mut text = vec![[0_u8; DIGITS]; ids.len()].into_flattened();
    let (rows, _) = text.as_chunks_mut::<DIGITS>();
    for (row, id) in rows.iter_mut().zip(ids) {
        let (quarters, _) = row.as_chunks_mut::<8>();
        for (quarter, shift) in quarters.iter_mut().zip([96, 64, 32, 0]) {
            *quarter = hexadecimal((id >> shift) as u32);
        }
    }
    let ends: Vec<i32> = (0..=ids.len() as i32).map(|row| row * DIGITS as i32).collect();
    let offsets = OffsetBuffer::new(ends.into());
    // SAFETY: the text is of hexadecimal digits, and ends where the last offset is.
    Arc::new(unsafe { StringArray::new_unchecked(offsets, text.into(), None::<NullBuffer>) })
}

/// The digits of a number, all of them at once: a byte each.
#[inline(always)]
fn hexadecimal(number: u32) -> [u8; 8] {
    let halves = u64::from(number);
    let halves = (halves | halves << 16) & 0x0000_ffff_0000_ffff;
    let halves = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (halves | halves << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // One where a half is ten or more, which adds sixteen to it.
    let letters = (halves + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let to_letters = u64::from(b'a' - 10 - b'0');
    (halves + 0x3030_3030_3030_3030 + letters * to_letters).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn identifiers_as_std_writes_them() {
        let ids = [
            0,
            1,
            u128::MAX,
            0x0123_4567_89ab_cdef_fedc_ba98_7654_3210,
            1 << 127,
        ];
        let written = event_ids(&ids);
        let written: Vec<_> = written.as_string::<i32>().iter().flatten().collect();
        assert_eq!(written, ids.map(|id| format!("{id:032x}")));
    }
}
