//! Rows of several arrays into one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array};
use arrow::compute::{concat, interleave};
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;

/// The values at `rows` (source, row) of arrays of one type; of texts, some may be dictionary-encoded.
pub(super) fn gather_column(sources: &[ArrayRef], rows: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    let dictionaries: Vec<_> = sources
        .iter()
        .filter_map(|source| source.as_dictionary_opt::<Int32Type>())
        .collect();
    if dictionaries.is_empty() {
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        return interleave(&sources, rows);
    }
    if dictionaries.len() < sources.len() {
        let plain = sources
            .iter()
            .map(|source| arrow::compute::cast(source, &DataType::Utf8))
            .collect::<Result<Vec<_>, _>>()?;
        return gather_column(&plain, rows);
    }
    // The dictionaries end to end, keys shifted: Arrow's own interleave looks for repeats among them,
    // at a cost of rows times sources. The Parquet writer finds the repeats anyway.
    let mut shifts = Vec::with_capacity(dictionaries.len());
    let mut shift: usize = 0;
    for dictionary in &dictionaries {
        shifts.push(shift);
        shift += dictionary.values().len();
    }
    if i32::try_from(shift).is_err() {
        return Err(ArrowError::DictionaryKeyOverflowError);
    }
    let values: Vec<&dyn Array> = dictionaries
        .iter()
        .map(|dictionary| dictionary.values().as_ref())
        .collect();
    let values = concat(&values)?;
    let keys: Int32Array = rows
        .iter()
        .map(|&(source, row)| {
            dictionaries[source]
                .key(row)
                .map(|key| (key + shifts[source]) as i32)
        })
        .collect();
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
}
