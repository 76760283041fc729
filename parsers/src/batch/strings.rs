//! Reading string columns whichever way they are encoded.

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};

/// A string column, dictionary-encoded or plain.
#[derive(Debug, Clone, Copy)]
pub enum StringColumn<'a> {
    /// Distinct values and a key per row.
    Dictionary(&'a arrow::array::DictionaryArray<Int32Type>, &'a StringArray),
    /// A value per row.
    Plain(&'a StringArray),
}

/// `array` as strings; `None` if it holds something else.
pub fn strings(array: &dyn Array) -> Option<StringColumn<'_>> {
    match array.data_type() {
        DataType::Utf8 => Some(StringColumn::Plain(array.as_string())),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            Some(StringColumn::Dictionary(
                dictionary,
                dictionary.values().as_string_opt()?,
            ))
        }
        _ => None,
    }
}

impl<'a> StringColumn<'a> {
    /// The value in `row`; `None` where it is null.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match *self {
            StringColumn::Dictionary(dictionary, values) => dictionary.key(row).map(|key| values.value(key)),
            StringColumn::Plain(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}
