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
        *row = hexadecimal(*id);
    }
    let ends: Vec<i32> = (0..=ids.len() as i32).map(|row| row * DIGITS as i32).collect();
    let offsets = OffsetBuffer::new(ends.into());
    // SAFETY: the text is of hexadecimal digits, and ends where the last offset is.
    Arc::new(unsafe { StringArray::new_unchecked(offsets, text.into(), None::<NullBuffer>) })
}

/// The digits of a number, all of them at once: a byte each.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn hexadecimal(number: u128) -> [u8; 32] {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_and_si128, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_set1_epi8, _mm_srli_epi16,
        _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    const TO_LETTERS: u8 = b'a' - 10 - b'0';
    let bytes = number.to_be_bytes();
    let mut digits = [0; 32];
    // SAFETY: every x86-64 has SSE2; 16 bytes are read, and 16 written twice, at any alignment.
    unsafe {
        let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
        let half = _mm_set1_epi8(0x0f);
        let (high, low) = (
            _mm_and_si128(_mm_srli_epi16(bytes, 4), half),
            _mm_and_si128(bytes, half),
        );
        let nine = _mm_set1_epi8(9);
        for (at, halves) in [_mm_unpacklo_epi8(high, low), _mm_unpackhi_epi8(high, low)]
            .into_iter()
            .enumerate()
        {
            let letters = _mm_and_si128(_mm_cmpgt_epi8(halves, nine), _mm_set1_epi8(TO_LETTERS as i8));
            let spelled = _mm_add_epi8(_mm_add_epi8(halves, _mm_set1_epi8(b'0' as i8)), letters);
            _mm_storeu_si128(digits.as_mut_ptr().cast::<__m128i>().add(at), spelled);
        }
    }
    digits
}

/// The digits of a number.
#[cfg(not(target_arch = "x86_64"))]
fn hexadecimal(number: u128) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(number >> (124 - 4 * at)) as usize & 15])
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
