//! Walking text columns, however they are encoded.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, StringViewArray,
    UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// An array of results of one type.
pub(crate) trait Collected: Sized {
    fn array(values: Vec<Option<Self>>) -> ArrayRef;
}

impl Collected for bool {
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }
}
impl Collected for f64 {
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(Float64Array::from(values))
    }
}
impl Collected for i64 {
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(Int64Array::from(values))
    }
}
impl Collected for String {
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(StringViewArray::from_iter(values))
    }
}

/// Applies `f` to each text of `array`; null for null. A dictionary is worked out once per entry.
pub(crate) fn over_texts<T: Collected>(
    array: &ArrayRef,
    mut f: impl FnMut(&str) -> Option<T>,
) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8 => {
            let texts: &StringArray = array.as_string();
            T::array(texts.iter().map(|text| text.and_then(&mut f)).collect())
        }
        DataType::LargeUtf8 => T::array(
            array
                .as_string::<i64>()
                .iter()
                .map(|text| text.and_then(&mut f))
                .collect(),
        ),
        DataType::Utf8View => T::array(
            array
                .as_string_view()
                .iter()
                .map(|text| text.and_then(&mut f))
                .collect(),
        ),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let entries = over_texts(dictionary.values(), f)?;
            let keys: UInt32Array = cast(dictionary.keys(), &DataType::UInt32)?.as_primitive().clone();
            take(&entries, &keys, None)?
        }
        DataType::Null => T::array((0..array.len()).map(|_| None).collect()),
        _ => over_texts(&cast(array, &DataType::Utf8View)?, f)?,
    })
}

/// Like [`over_texts`] for a yes or no, with the answer for null given.
pub(crate) fn over_texts_bool(
    array: &ArrayRef,
    null: bool,
    mut f: impl FnMut(&str) -> bool,
) -> Result<BooleanArray> {
    let answers = over_texts(array, |text| Some(f(text)))?;
    let answers = answers.as_boolean();
    Ok(answers
        .iter()
        .map(|answer| Some(answer.unwrap_or(null)))
        .collect())
}

/// Refuses arguments that have no text: lists, structs.
pub(super) fn text_arguments(function: &str, types: &[DataType]) -> Result<()> {
    for (position, data_type) in types.iter().enumerate() {
        if data_type.is_nested() {
            return plan_err!(
                "{function}: argument {} is a {data_type}, but must be text; use array_to_string or unnest",
                position + 1
            );
        }
    }
    Ok(())
}

/// Arguments as arrays of the batch's length; whether all were scalars.
pub(super) fn arrays(args: &ScalarFunctionArgs) -> Result<(Vec<ArrayRef>, bool)> {
    let all_scalar = args
        .args
        .iter()
        .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if all_scalar { 1 } else { args.number_rows };
    let arrays = args
        .args
        .iter()
        .map(|arg| arg.to_array(rows))
        .collect::<Result<_>>()?;
    Ok((arrays, all_scalar))
}

/// The result as a scalar where all arguments were.
pub(super) fn finish(array: ArrayRef, scalar: bool) -> Result<ColumnarValue> {
    if scalar {
        ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
    } else {
        Ok(ColumnarValue::Array(array))
    }
}

/// A constant text argument: `Ok(None)` if the argument is a column, `Some(None)` if it is null.
pub(super) fn constant(function: &str, arg: &ColumnarValue) -> Result<Option<Option<String>>> {
    match arg {
        ColumnarValue::Array(_) => Ok(None),
        ColumnarValue::Scalar(value) if value.is_null() => Ok(Some(None)),
        ColumnarValue::Scalar(value) => match value.cast_to(&DataType::Utf8)? {
            ScalarValue::Utf8(text) => Ok(Some(text)),
            other => exec_err!("{function}: {other} is no text"),
        },
    }
}

/// Applies `f` to each value of the only argument.
pub(super) fn over_argument<T: Collected>(
    args: &ScalarFunctionArgs,
    f: impl FnMut(&str) -> Option<T>,
) -> Result<ColumnarValue> {
    let (arrays, scalar) = arrays(args)?;
    finish(over_texts(&arrays[0], f)?, scalar)
}

/// Row by row over two text columns.
pub(super) fn over_pairs<T: Collected>(
    left: &ArrayRef,
    right: &ArrayRef,
    mut f: impl FnMut(&str, &str) -> Result<Option<T>>,
) -> Result<ArrayRef> {
    let left = cast(left, &DataType::Utf8View)?;
    let right = cast(right, &DataType::Utf8View)?;
    let values = left
        .as_string_view()
        .iter()
        .zip(right.as_string_view())
        .map(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => f(a, b),
            _ => Ok(None),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(T::array(values))
}

/// An error about a constant argument.
pub(super) fn bad_constant(function: &str, what: impl std::fmt::Display) -> DataFusionError {
    DataFusionError::Execution(format!("{function}: {what}"))
}
