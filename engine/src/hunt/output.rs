//! Answers for people and for programs.
//!
//! | format | for |
//! |---|---|
//! | [`Format::Table`] | people: as wide as the screen, or every character when piped |
//! | [`Format::Json`] | one array of objects |
//! | [`Format::Jsonl`] | one object a line |
//! | [`Format::Csv`] | RFC 4180, header first, null is the empty field, lists as JSON |
//! | [`Format::Parquet`] | a file with the answer's own types |
//!
//! Timestamps are RFC 3339 in UTC (`2026-05-01T10:00:00.25Z`). Logs hold what attackers write: control
//! characters are shown escaped in tables, so that no value can drive the terminal.

mod table;

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

use super::HuntError;

/// How to write an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// An array of objects.
    Json,
    /// An object a line.
    Jsonl,
    /// Comma-separated.
    Csv,
    /// A Parquet file.
    Parquet,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "table" => Format::Table,
            "json" => Format::Json,
            "jsonl" | "ndjson" => Format::Jsonl,
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            other => {
                return Err(format!(
                    "`{other}` is no output format; there are table, json, jsonl, csv and parquet"
                ));
            }
        })
    }
}

/// How a table is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// Columns of characters to stay within; `None`: as wide as it takes.
    pub width: Option<usize>,
    /// Leave out columns without a value (in tables; in JSON: nulls).
    pub hide_empty: bool,
}

/// Writes an answer batch by batch.
pub struct AnswerWriter<W: Write + Send> {
    kind: Kind<W>,
    layout: Layout,
}

enum Kind<W: Write + Send> {
    /// A table's widths are known at the end only.
    Table(W, SchemaRef, Vec<RecordBatch>),
    Json(W, usize),
    Jsonl(W),
    Csv(W),
    Parquet(Box<ArrowWriter<W>>, SchemaRef),
}

impl<W: Write + Send> AnswerWriter<W> {
    /// A writer for an answer with these columns.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, format: Format, schema: &SchemaRef, layout: Layout) -> Result<Self, HuntError> {
        let kind = match format {
            Format::Table => Kind::Table(out, schema.clone(), Vec::new()),
            Format::Json => Kind::Json(out, 0),
            Format::Jsonl => Kind::Jsonl(out),
            Format::Csv => {
                let names: Vec<String> = schema.fields().iter().map(|f| csv_field(f.name())).collect();
                writeln!(out, "{}", names.join(","))?;
                Kind::Csv(out)
            }
            Format::Parquet => {
                let schema = plain_schema(schema);
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer =
                    ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(parquet_error)?;
                Kind::Parquet(Box::new(writer), schema)
            }
        };
        Ok(AnswerWriter { kind, layout })
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), HuntError> {
        let hide = self.layout.hide_empty;
        match &mut self.kind {
            Kind::Table(_, _, batches) => batches.push(batch.clone()),
            Kind::Json(out, written) => {
                for row in 0..batch.num_rows() {
                    out.write_all(if *written == 0 { b"[\n" } else { b",\n" })?;
                    write!(out, "{}", row_json(batch, row, hide))?;
                    *written += 1;
                }
            }
            Kind::Jsonl(out) => {
                for row in 0..batch.num_rows() {
                    writeln!(out, "{}", row_json(batch, row, hide))?;
                }
            }
            Kind::Csv(out) => {
                for row in 0..batch.num_rows() {
                    let fields: Vec<String> = batch
                        .columns()
                        .iter()
                        .map(|column| match value(column, row) {
                            Value::Null => String::new(),
                            Value::String(text) => csv_field(&text),
                            other => csv_field(&other.to_string()),
                        })
                        .collect();
                    writeln!(out, "{}", fields.join(","))?;
                }
            }
            Kind::Parquet(writer, schema) => {
                let columns = batch
                    .columns()
                    .iter()
                    .zip(schema.fields())
                    .map(|(column, field)| cast(column, field.data_type()))
                    .collect::<Result<Vec<_>, _>>()
                    .and_then(|columns| RecordBatch::try_new(schema.clone(), columns))
                    .map_err(|error| HuntError::Execution(error.to_string()))?;
                writer.write(&columns).map_err(parquet_error)?;
            }
        }
        Ok(())
    }

    /// Ends the answer; gives the number of columns that were left out of a table because no row had a
    /// value in them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<usize, HuntError> {
        match self.kind {
            Kind::Table(mut out, schema, batches) => {
                let hidden = table::write(&mut out, &schema, &batches, self.layout)?;
                out.flush()?;
                Ok(hidden)
            }
            Kind::Json(mut out, written) => {
                out.write_all(if written == 0 { b"[]\n" } else { b"\n]\n" })?;
                out.flush()?;
                Ok(0)
            }
            Kind::Jsonl(mut out) | Kind::Csv(mut out) => {
                out.flush()?;
                Ok(0)
            }
            Kind::Parquet(writer, _) => {
                writer.close().map_err(parquet_error)?;
                Ok(0)
            }
        }
    }
}

fn parquet_error(error: parquet::errors::ParquetError) -> HuntError {
    HuntError::Output(std::io::Error::other(error.to_string()))
}

/// Without the encodings that only matter in memory.
fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| {
            let data_type = match field.data_type() {
                DataType::Dictionary(_, values) => values.as_ref().clone(),
                DataType::Null => DataType::Utf8,
                other => other.clone(),
            };
            field
                .as_ref()
                .clone()
                .with_data_type(data_type)
                .with_nullable(true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn row_json(batch: &RecordBatch, row: usize, hide_nulls: bool) -> Value {
    let schema = batch.schema_ref();
    let mut object = Map::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let value = value(column, row);
        if !(hide_nulls && value.is_null()) {
            object.insert(field.name().clone(), value);
        }
    }
    Value::Object(object)
}

/// The value in `row` as JSON: numbers as numbers, times in RFC 3339, lists as arrays.
pub fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float64 => {
            let number = array.as_primitive::<Float64Type>().value(row);
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            match DateTime::from_timestamp_micros(micros) {
                Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
                None => micros.into(),
            }
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            match dictionary.normalized_keys().get(row) {
                Some(&key) => value(dictionary.values(), key),
                None => Value::Null,
            }
        }
        DataType::List(_) => items(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => items(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => items(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => fields
            .iter()
            .zip(array.as_struct().columns())
            .map(|(field, column)| (field.name().clone(), value(column, row)))
            .collect::<Map<_, _>>()
            .into(),
        other => converted(array, row, other),
    }
}

/// Types for which there is a wider one, or else their text.
fn converted(array: &ArrayRef, row: usize, data_type: &DataType) -> Value {
    let wider = match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some(DataType::Int64),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => Some(DataType::UInt64),
        DataType::Float16 | DataType::Float32 => Some(DataType::Float64),
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        _ => None,
    };
    if let Some(wider) = wider
        && let Ok(array) = cast(&array.slice(row, 1), &wider)
    {
        return value(&array, 0);
    }
    match ArrayFormatter::try_new(array, &FormatOptions::default()) {
        Ok(formatter) => formatter.value(row).to_string().into(),
        Err(error) => format!("a value that cannot be shown: {error}").into(),
    }
}

fn items(array: &ArrayRef) -> Value {
    (0..array.len()).map(|item| value(array, item)).collect()
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
