//! The texts of an event: columns, list elements and what lies in `unmapped`, as matchers see them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray};
use arrow::array::{RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use borzoi_parsers::batch::{DERIVED, DOTTED_NAME, EventBatch, StringColumn, strings};
use borzoi_parsers::catalog::UNMAPPED;
use borzoi_parsers::output::rfc3339;

use super::fold::fold;
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
        if self.visit_stored(row, &mut *visit) {
            return;
        }
        buffer.clear();
        let written = match self {
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

    /// As [`Texts::visit`], with texts that the column holds as they stand there.
    pub(crate) fn each(&self, row: usize, visit: &mut dyn FnMut(Cow<'a, str>)) {
        if !self.visit_stored(row, &mut |text| visit(Cow::Borrowed(text))) {
            self.visit(row, &mut String::new(), &mut |text| {
                visit(Cow::Owned(text.to_owned()));
            });
        }
    }

    /// Calls `visit` with every text in `row` if texts are what the column holds; `false` if not.
    fn visit_stored(&self, row: usize, mut visit: impl FnMut(&'a str)) -> bool {
        match self {
            Texts::Strings(column) => {
                if let Some(text) = column.get(row) {
                    visit(text);
                }
                true
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
                true
            }
            _ => false,
        }
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

/// Whether keywords look at a column: one of the event's own texts. What was made of others would be found twice, or
/// by chance of what else was asked.
pub(crate) fn is_searched(field: &Field) -> bool {
    !is_bookkeeping(field.name()) && !field.metadata().contains_key(DERIVED)
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
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    /// Dotted name of the column, or path within `unmapped`.
    pub column: Cow<'a, str>,
    /// Its text.
    pub text: Cow<'a, str>,
    /// The folded text; `None` where folding changes nothing.
    folded: OnceCell<Option<String>>,
}

impl<'a> Found<'a> {
    pub(crate) fn new(column: Cow<'a, str>, text: Cow<'a, str>) -> Found<'a> {
        Found {
            column,
            text,
            folded: OnceCell::new(),
        }
    }

    /// The text as comparisons without case see it ([`fold`]), made once.
    pub(crate) fn folded(&self) -> &str {
        let folded = self.folded.get_or_init(|| match fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        });
        folded.as_deref().unwrap_or(&self.text)
    }
}

/// All values of a field in one event; for many fields or rules, see [`super::event`].
pub(crate) fn values_of<'a>(batch: &'a EventBatch, row: usize, key: &FieldKey) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for index in columns_of(&batch.events, key) {
        let Some(texts) = Texts::of(batch.events.column(index)) else {
            continue;
        };
        let column = dotted_name(batch.events.schema_ref().field(index));
        texts.each(row, &mut |text| {
            found.push(Found::new(Cow::Borrowed(column), text));
        });
    }
    visit_unmapped(batch, row, &mut |path, text| {
        if key.is_unmapped_path(&batch.dataset, path) {
            let (path, text) = (path.to_owned(), text.to_owned());
            found.push(Found::new(Cow::Owned(path), Cow::Owned(text)));
        }
    });
    found
}

/// Calls `visit` with the path and text of every scalar in the row's `unmapped`.
pub(crate) fn visit_unmapped(batch: &EventBatch, row: usize, visit: &mut dyn FnMut(&str, &str)) {
    let column = batch.column(UNMAPPED).and_then(|array| strings(array));
    if let Some(json) = column.and_then(|column| column.get(row)) {
        unmapped::walk(json, visit);
    }
}
