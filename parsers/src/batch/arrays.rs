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
    const PAIRS: [[u8; 2]; 256] = {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut pairs = [[0; 2]; 256];
        let mut byte = 0;
        while byte < 256 {
            pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
            byte += 1;
        }
        pairs
    };
    let mut text = Vec::with_capacity(ids.len() * 32);
    for id in ids {
        let mut digits = [[0; 2]; 16];
        for (pair, byte) in digits.iter_mut().zip(id.to_be_bytes()) {
            *pair = PAIRS[usize::from(byte)];
        }
        text.extend_from_slice(digits.as_flattened());
    }
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(32, ids.len()));
    Arc::new(StringArray::new(offsets, text.into(), None::<NullBuffer>))
}
