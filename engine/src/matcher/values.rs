//! The texts of an event: columns, list elements and what lies in `unmapped`, as matchers see them.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray};
use arrow::array::{RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use borzoi_parsers::batch::{DOTTED_NAME, EventBatch, StringColumn, strings};
use borzoi_parsers::catalog::UNMAPPED;
use borzoi_parsers::output::rfc3339;

use super::unmapped;
use crate::resolve::FieldKey;

/// A column read as texts.
pub(crate) enum Texts<'a> {
    /// Strings.
    Strings(StringColumn<'a>),
    /// Whole numbers.
    Integers(&'a Int64Array),
    /// Other numbers.
    Floats(&'a Float64Array),
    /// Booleans.
    Booleans(&'a BooleanArray),
    /// Points in time.
    Timestamps(&'a TimestampMicrosecondArray),
    /// Lists of strings.
    Lists(&'a ListArray, StringColumn<'a>),
}

impl<'a> Texts<'a> {
    /// `array` as texts; `None` for a type that no event column has.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Texts<'a>> {
        if let Some(column) = strings(array) {
            return Some(Texts::Strings(column));
        }
        Some(match array.data_type() {
            DataType::Int64 => Texts::Integers(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Texts::Floats(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Texts::Booleans(array.as_boolean()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Texts::Timestamps(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Texts::Lists(list, strings(list.values())?)
            }
            _ => return None,
        })
    }

    /// Calls `visit` with every text in `row`; `buffer` is scratch.
    pub(crate) fn visit(&self, row: usize, buffer: &mut String, visit: &mut dyn FnMut(&str)) {
        buffer.clear();
        let written = match self {
            Texts::Strings(column) => {
                if let Some(text) = column.get(row) {
                    visit(text);
                }
                return;
            }
            Texts::Lists(list, elements) => {
                if list.is_valid(row) {
                    let offsets = list.value_offsets();
                    for element in offsets[row]..offsets[row + 1] {
                        if let Some(text) = elements.get(element as usize) {
                            visit(text);
                        }
                    }
                }
                return;
            }
            Texts::Integers(array) if array.is_valid(row) => write!(buffer, "{}", array.value(row)),
            Texts::Floats(array) if array.is_valid(row) => write!(buffer, "{}", array.value(row)),
            Texts::Booleans(array) if array.is_valid(row) => write!(buffer, "{}", array.value(row)),
            Texts::Timestamps(array) if array.is_valid(row) => {
                buffer.push_str(&rfc3339(array.value(row)));
                Ok(())
            }
            _ => return,
        };
        written.expect("writing to a String cannot fail");
        visit(buffer);
    }
}

/// Dotted name of a column.
pub(crate) fn dotted_name(field: &Field) -> &str {
    field
        .metadata()
        .get(DOTTED_NAME)
        .map_or(field.name(), String::as_str)
}

/// Columns that say where an event was read rather than what happened: no keyword looks at them.
pub(crate) fn is_bookkeeping(sql: &str) -> bool {
    matches!(
        sql,
        "time" | "ingest_time" | "tenant" | "dataset" | "event_id" | "log_file_path" | "log_offset" | "day"
    ) || sql == UNMAPPED
}

/// The columns of `events` that hold the field.
pub(crate) fn columns_of(events: &RecordBatch, key: &FieldKey) -> Vec<usize> {
    let schema = events.schema_ref();
    let mut found = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if field.name() != UNMAPPED && key.is_column(field.name(), dotted_name(field)) {
            found.push(index);
        }
    }
    found
}

/// A value of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Dotted name of the column, or path within `unmapped`.
    pub column: String,
    /// Its text.
    pub text: String,
}

/// All values of a field in one event.
pub(crate) fn values_of(batch: &EventBatch, row: usize, key: &FieldKey) -> Vec<Found> {
    let mut found = Vec::new();
    let mut buffer = String::new();
    for index in columns_of(&batch.events, key) {
        let Some(texts) = Texts::of(batch.events.column(index)) else {
            continue;
        };
        let column = dotted_name(batch.events.schema_ref().field(index));
        texts.visit(row, &mut buffer, &mut |text| {
            found.push(Found {
                column: column.to_owned(),
                text: text.to_owned(),
            });
        });
    }
    visit_unmapped(batch, row, &mut |path, text| {
        if key.is_unmapped_path(&batch.dataset, path) {
            found.push(Found {
                column: path.to_owned(),
                text: text.to_owned(),
            });
        }
    });
    found
}

/// Every text of one event that keywords look at.
pub(crate) fn every_text(batch: &EventBatch, row: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut buffer = String::new();
    for (field, array) in batch
        .events
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.events.columns())
    {
        if is_bookkeeping(field.name()) {
            continue;
        }
        if let Some(texts) = Texts::of(array) {
            texts.visit(row, &mut buffer, &mut |text| {
                found.push(Found {
                    column: dotted_name(field).to_owned(),
                    text: text.to_owned(),
                });
            });
        }
    }
    visit_unmapped(batch, row, &mut |path, text| {
        found.push(Found {
            column: path.to_owned(),
            text: text.to_owned(),
        });
    });
    found
}

/// Calls `visit` with the path and text of every scalar in the row's `unmapped`.
fn visit_unmapped(batch: &EventBatch, row: usize, visit: &mut dyn FnMut(&str, &str)) {
    let column = batch.column(UNMAPPED).and_then(|array| strings(array));
    if let Some(json) = column.and_then(|column| column.get(row)) {
        unmapped::walk(json, visit);
    }
}
