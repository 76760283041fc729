//! Events back out as JSON: ECS, nested or with dotted keys.
//!
//! An [`EventWriter`] is made once per batch and writes any of its rows. Keys are the dotted names of the
//! columns ([`DOTTED_NAME`]); absent values are left out; times are RFC 3339 in UTC; `unmapped` is an object
//! with dotted keys either way. [`EventWriter::value`] gives the same as a value, without the detour over text.
//!
//! [`EventWriter::of`] writes besides what the events' dataset shows under further names ([`Dataset::shown`]): it is
//! made of the columns here, and stored nowhere.
//!
//! ```
//! use std::sync::Arc;
//! use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventMeta};
//! use borzoi_parsers::catalog::Catalog;
//! use borzoi_parsers::output::{EventWriter, JsonStyle};
//!
//! let dataset = Catalog::builtin().dataset("windows.sysmon").expect("shipped").clone();
//! let mut builder = BatchBuilder::new(dataset, Arc::new(BatchOptions::default()));
//! builder.begin();
//! builder.field("CommandLine", "whoami".into());
//! builder.commit(EventMeta {
//!     time: Some(1_500_000), fallback_time: 0, event_id: 1, path: "x", offset: 0, raw: b"",
//! });
//! let batch = builder.finish().expect("one event");
//! let mut json = String::new();
//! EventWriter::new(&batch.events, JsonStyle::Nested).write(0, &mut json);
//! assert!(json.contains(r#""@timestamp":"1970-01-01T00:00:01.500Z""#));
//! assert!(json.contains(r#""process":{"command_line":"whoami"}"#));
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use serde_json::{Map, Value};

use crate::batch::{DOTTED_NAME, EventBatch, StringColumn, spells_integer, strings};
use crate::catalog::{ColumnType, Dataset, Fill, UNMAPPED};

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonStyle {
    /// `{"process":{"command_line":…}}`
    Nested,
    /// `{"process.command_line":…}`
    Flat,
}

/// Writes rows of one batch. See the [module](self).
pub struct EventWriter<'a> {
    root: Vec<Member<'a>>,
}

struct Member<'a> {
    name: String,
    /// The name as it is written: with quotes and colon.
    key: String,
    node: Node<'a>,
}

impl<'a> Member<'a> {
    fn new(name: &str, node: Node<'a>) -> Self {
        let mut key = String::with_capacity(name.len() + 3);
        push_string(&mut key, name);
        key.push(':');
        Member {
            name: name.to_owned(),
            key,
            node,
        }
    }
}

enum Node<'a> {
    Leaf(Column<'a>),
    Object(Vec<Member<'a>>),
}

enum Column<'a> {
    Text(StringColumn<'a>),
    TextView(&'a ArrayRef),
    Integer(&'a Int64Array),
    Float(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Time(&'a TimestampMicrosecondArray),
    List(&'a ListArray),
    /// JSON text that is written as it is.
    Json(StringColumn<'a>),
    /// Made of others.
    Shown(Shown<'a>),
}

/// A column that is made of others when it is written.
struct Shown<'a> {
    fill: &'a Fill,
    /// Where a row has a value of its own, that is it.
    own: Option<Box<Column<'a>>>,
    from: Vec<Column<'a>>,
}

impl<'a> EventWriter<'a> {
    /// A writer of `batch`, with all that its dataset shows.
    pub fn of(batch: &'a EventBatch, style: JsonStyle) -> Self {
        EventWriter::with(&batch.events, Some(&batch.dataset), style)
    }

    /// A writer of `events`, a batch of this crate or rows of the lake. Columns of types that neither has
    /// are left out.
    pub fn new(events: &'a RecordBatch, style: JsonStyle) -> Self {
        EventWriter::with(events, None, style)
    }

    fn with(events: &'a RecordBatch, dataset: Option<&'a Dataset>, style: JsonStyle) -> Self {
        let schema = events.schema_ref();
        let mut columns: Vec<(String, Column<'a>)> = Vec::with_capacity(events.num_columns());
        for (field, array) in schema.fields().iter().zip(events.columns()) {
            let name = field.metadata().get(DOTTED_NAME).unwrap_or(field.name());
            if let Some(column) = Column::of(name, array) {
                columns.push((name.clone(), column));
            }
        }
        for fill in dataset.iter().flat_map(|dataset| &dataset.shown) {
            let sources = fill.from.iter().filter_map(|source| source.column.as_ref());
            let from: Vec<Column<'a>> = sources
                .filter_map(|column| {
                    let array = events.column_by_name(&column.sql)?;
                    Column::of(&column.dotted, array)
                })
                .collect();
            if from.is_empty() {
                continue;
            }
            let shown = |own| Column::Shown(Shown { fill, own, from });
            let place = columns.iter().position(|(name, _)| **name == *fill.column.dotted);
            let own = place.map(|place| Box::new(columns.swap_remove(place).1));
            columns.push((fill.column.dotted.to_string(), shown(own)));
        }
        let root = match style {
            JsonStyle::Flat => columns
                .into_iter()
                .map(|(name, column)| Member::new(&name, Node::Leaf(column)))
                .collect(),
            JsonStyle::Nested => nest(columns),
        };
        EventWriter { root }
    }

    /// Appends row `row` to `out` as one JSON object on one line.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    pub fn write(&self, row: usize, out: &mut String) {
        out.push('{');
        write_members(&self.root, row, out);
        out.push('}');
    }

    /// Row `row` as a JSON object: what parsing the text of [`EventWriter::write`] gives, for a fraction of
    /// the work (and numbers near `f64::MAX`, whose digits `serde_json` refuses).
    ///
    /// # Errors
    ///
    /// If `unmapped` holds something other than JSON, which no [`BatchBuilder`](crate::batch::BatchBuilder)
    /// writes.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    pub fn value(&self, row: usize) -> Result<Value, serde_json::Error> {
        object(&self.root, row).map(Value::Object)
    }
}

/// Columns as a tree. A name that is also the beginning of another's (`a` beside `a.b`) is an object all the same, whatever the
/// other events of the batch have: its own value is its member `value`. Where that is the name of another column, what is below
/// keeps the rest of its dotted name as its key, beside it.
fn nest<'a>(columns: Vec<(String, Column<'a>)>) -> Vec<Member<'a>> {
    #[derive(Default)]
    struct Branch<'a> {
        leaf: Option<Column<'a>>,
        children: BTreeMap<String, Branch<'a>>,
    }
    fn flatten<'a>(prefix: &str, branch: Branch<'a>, out: &mut Vec<Member<'a>>) {
        let Branch { leaf, mut children } = branch;
        let split = leaf.is_some() && (children.is_empty() || children.contains_key("value"));
        match leaf {
            Some(column) if split => out.push(Member::new(prefix, Node::Leaf(column))),
            Some(column) => {
                children.entry("value".to_owned()).or_default().leaf = Some(column);
            }
            None => {}
        }
        let mut members = Vec::new();
        for (name, child) in children {
            if split {
                flatten(&format!("{prefix}.{name}"), child, out);
            } else {
                flatten(&name, child, &mut members);
            }
        }
        if !members.is_empty() {
            out.push(Member::new(prefix, Node::Object(members)));
        }
    }
    let mut first: Vec<(String, Column<'a>)> = Vec::new();
    let mut root = Branch::default();
    for (name, column) in columns {
        // The time leads; everything else is in alphabetical order.
        if name == "@timestamp" {
            first.push((name, column));
            continue;
        }
        let mut branch = &mut root;
        for part in name.split('.') {
            branch = branch.children.entry(part.to_owned()).or_default();
        }
        branch.leaf = Some(column);
    }
    let mut out: Vec<Member<'a>> = first
        .into_iter()
        .map(|(name, column)| Member::new(&name, Node::Leaf(column)))
        .collect();
    for (name, child) in root.children {
        flatten(&name, child, &mut out);
    }
    out
}

fn write_members(members: &[Member<'_>], row: usize, out: &mut String) {
    let empty = out.len();
    for member in members {
        let before = out.len();
        if before > empty {
            out.push(',');
        }
        out.push_str(&member.key);
        let written = match &member.node {
            Node::Leaf(column) => column.write(row, out),
            Node::Object(members) => {
                out.push('{');
                let start = out.len();
                write_members(members, row, out);
                let any = out.len() > start;
                out.push('}');
                any
            }
        };
        if !written {
            out.truncate(before);
        }
    }
}

/// The members that have a value in `row`.
fn object(members: &[Member<'_>], row: usize) -> Result<Map<String, Value>, serde_json::Error> {
    // Counted first: a map that grows as it is filled costs more than everything else here.
    let present = members.iter().filter(|member| member.node.any(row)).count();
    let mut object = Map::with_capacity(present);
    if present == 0 {
        return Ok(object);
    }
    for member in members {
        let value = match &member.node {
            Node::Leaf(column) => column.value(row)?,
            Node::Object(members) => {
                let inner = self::object(members, row)?;
                (!inner.is_empty()).then_some(Value::Object(inner))
            }
        };
        if let Some(value) = value {
            object.insert(member.name.clone(), value);
        }
    }
    Ok(object)
}

impl Node<'_> {
    /// Whether there is a value in `row`.
    fn any(&self, row: usize) -> bool {
        match self {
            Node::Leaf(column) => column.any(row),
            Node::Object(members) => members.iter().any(|member| member.node.any(row)),
        }
    }
}

impl<'a> Column<'a> {
    fn of(name: &str, array: &'a ArrayRef) -> Option<Self> {
        if let Some(text) = strings(array.as_ref()) {
            return Some(if name == UNMAPPED {
                Column::Json(text)
            } else {
                Column::Text(text)
            });
        }
        Some(match array.data_type() {
            DataType::Utf8View if name != UNMAPPED => Column::TextView(array),
            DataType::Int64 => Column::Integer(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Column::Float(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Column::Boolean(array.as_boolean()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Column::Time(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::List(item) if *item.data_type() == DataType::Utf8 => Column::List(array.as_list()),
            _ => return None,
        })
    }

    /// Whether there is a value in `row`.
    fn any(&self, row: usize) -> bool {
        match self {
            Column::Text(text) | Column::Json(text) => text.get(row).is_some(),
            Column::TextView(array) => array.is_valid(row),
            Column::Integer(array) => array.is_valid(row),
            Column::Float(array) => array.is_valid(row),
            Column::Boolean(array) => array.is_valid(row),
            Column::Time(array) => array.is_valid(row),
            Column::List(array) => array.is_valid(row),
            Column::Shown(shown) => shown.write(row, &mut String::new()),
        }
    }

    /// The value in `row`, if there is one.
    fn value(&self, row: usize) -> Result<Option<Value>, serde_json::Error> {
        if !self.any(row) {
            return Ok(None);
        }
        Ok(Some(match self {
            Column::Text(text) => Value::from(text.get(row).unwrap_or_default()),
            Column::Json(text) => serde_json::from_str(text.get(row).unwrap_or_default())?,
            Column::TextView(array) => Value::from(array.as_string_view().value(row)),
            Column::Integer(array) => Value::from(array.value(row)),
            // Rare, and the text decides what kind of number a reader sees: `1` for 1.0. Only the digits of
            // the very largest numbers are refused.
            Column::Float(array) => {
                let mut text = String::new();
                self.write(row, &mut text);
                serde_json::from_str(&text).unwrap_or(Value::from(array.value(row)))
            }
            Column::Boolean(array) => Value::from(array.value(row)),
            Column::Time(array) => Value::from(rfc3339(array.value(row))),
            Column::List(array) => {
                let items = array.value(row);
                let items = items.as_string::<i32>();
                (0..items.len()).map(|position| items.value(position)).collect()
            }
            Column::Shown(shown) => {
                let mut text = String::new();
                shown.write(row, &mut text);
                serde_json::from_str(&text)?
            }
        }))
    }

    /// Appends the value in `row`; `false` if there is none.
    fn write(&self, row: usize, out: &mut String) -> bool {
        match self {
            Column::Shown(shown) => return shown.write(row, out),
            Column::Text(text) => match text.get(row) {
                Some(text) => push_string(out, text),
                None => return false,
            },
            Column::Json(text) => match text.get(row) {
                Some(text) => out.push_str(text),
                None => return false,
            },
            Column::TextView(array) if array.is_valid(row) => {
                push_string(out, array.as_string_view().value(row))
            }
            Column::Integer(array) if array.is_valid(row) => push_display(out, array.value(row)),
            Column::Float(array) if array.is_valid(row) => {
                let number = array.value(row);
                if number.is_finite() {
                    push_float(out, number);
                } else {
                    push_string(out, &number.to_string());
                }
            }
            Column::Boolean(array) if array.is_valid(row) => push_display(out, array.value(row)),
            Column::Time(array) if array.is_valid(row) => {
                out.push('"');
                out.push_str(&rfc3339(array.value(row)));
                out.push('"');
            }
            Column::List(array) if array.is_valid(row) => {
                out.push('[');
                let items = array.value(row);
                let items = items.as_string::<i32>();
                for position in 0..items.len() {
                    if position > 0 {
                        out.push(',');
                    }
                    push_string(out, items.value(position));
                }
                out.push(']');
            }
            _ => return false,
        }
        true
    }
}

impl Shown<'_> {
    /// Appends the value in `row`; `false` if there is none.
    fn write(&self, row: usize, out: &mut String) -> bool {
        if self.own.as_ref().is_some_and(|own| own.write(row, out)) {
            return true;
        }
        self.from.iter().any(|from| self.write_from(from, row, out))
    }

    fn write_from(&self, from: &Column<'_>, row: usize, out: &mut String) -> bool {
        let as_it_is = match from {
            Column::Text(_) | Column::TextView(_) | Column::List(_) => {
                self.fill.is_copy()
                    && self.fill.column.column_type == ColumnType::List
                    && matches!(from, Column::List(_))
            }
            _ => self.fill.is_copy(),
        };
        match as_it_is {
            true => from.write(row, out),
            false => self.write_part(from, row, out),
        }
    }

    /// Appends what is taken of the value of `from`.
    fn write_part(&self, from: &Column<'_>, row: usize, out: &mut String) -> bool {
        let value = from.value(row).ok().flatten();
        let text = match &value {
            Some(Value::String(text)) => text.as_str(),
            Some(Value::Array(items)) => items.first().and_then(Value::as_str).unwrap_or_default(),
            Some(value) => &value.to_string(),
            None => return false,
        };
        let Some(part) = self.fill.of(text) else {
            return false;
        };
        match self.fill.column.column_type {
            ColumnType::Integer if spells_integer(&part) => out.push_str(&part),
            ColumnType::List => {
                out.push('[');
                push_string(out, &part);
                out.push(']');
            }
            _ => push_string(out, &part),
        }
        true
    }
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a String cannot fail");
}

/// Appends a finite number: whole ones with all their digits, others as `serde_json` writes them.
fn push_float(out: &mut String, number: f64) {
    let is_whole =
        number.fract() == 0.0 && number.abs() < 9.2e18 && (number != 0.0 || number.is_sign_positive());
    if is_whole {
        push_display(out, number);
    } else {
        push_display(out, Value::from(number));
    }
}

/// Appends `text` as a JSON string, escaped as `serde_json` does it.
fn push_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some(at) = first_escaped(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// The first byte that does not stand for itself in a JSON string.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const TOGETHER: usize = 32;
    let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let (chunks, _) = bytes.as_chunks::<TOGETHER>();
    // No early exit inside a chunk, so that it is looked at in vectors.
    let plain = |chunk: &[u8; TOGETHER]| !chunk.iter().fold(false, |any, byte| any | escaped(byte));
    let skipped = TOGETHER * chunks.iter().take_while(|chunk| plain(chunk)).count();
    bytes[skipped..].iter().position(escaped).map(|at| skipped + at)
}

/// Microseconds since the epoch as RFC 3339 in UTC, with milliseconds, or microseconds where there are
/// some. Instants outside of the years that chrono knows are written as the number.
///
/// ```
/// use borzoi_parsers::output::rfc3339;
/// assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
/// assert_eq!(rfc3339(1_000_001), "1970-01-01T00:00:01.000001Z");
/// ```
pub fn rfc3339(micros: i64) -> String {
    let digits = if micros % 1000 == 0 {
        chrono::SecondsFormat::Millis
    } else {
        chrono::SecondsFormat::Micros
    };
    match chrono::DateTime::from_timestamp_micros(micros) {
        Some(instant) => instant.to_rfc3339_opts(digits, true),
        None => micros.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::{BatchBuilder, BatchOptions, EventBatch, EventMeta};
    use crate::catalog::Catalog;
    use crate::value::Value;

    fn batch(fields: &[(&str, Value<'_>)]) -> EventBatch {
        let dataset = Catalog::builtin()
            .dataset("generic.json")
            .expect("shipped")
            .clone();
        let mut builder = BatchBuilder::new(dataset, Arc::new(BatchOptions::default()));
        builder.begin();
        for (name, value) in fields {
            builder.field(name, value.clone());
        }
        builder.commit(EventMeta {
            time: Some(0),
            fallback_time: 0,
            event_id: 1,
            path: "x",
            offset: 7,
            raw: b"",
        });
        builder.finish().expect("one event")
    }

    #[test]
    fn floats_are_written_as_their_values_are() {
        for number in [
            0.0,
            -0.0,
            1.0,
            -7.5,
            5e-6,
            1e15,
            9e18,
            1e19,
            1e21,
            f64::MAX,
            f64::MIN_POSITIVE,
            0.1 + 0.2,
        ] {
            let mut written = String::new();
            push_float(&mut written, number);
            let value: Value = serde_json::from_str(&written).expect("JSON");
            assert_eq!(value.to_string(), written);
            assert!(
                (value.as_f64().expect("a number") - number).abs() <= number.abs() * 1e-15,
                "{written}"
            );
        }
    }

    #[test]
    fn texts_are_escaped_as_serde_does_it() {
        let long = "a plain text of more bytes than are looked at together";
        let mut texts: Vec<String> = (0..0x300)
            .filter_map(char::from_u32)
            .map(|c| format!("{c}"))
            .collect();
        for text in texts.clone() {
            texts.push(format!("{long}{text}{long}{text}"));
            texts.push(format!("{}{text}", &long[..31]));
        }
        texts.extend([String::new(), "C:\\Windows\\System32\\\"x\".exe".to_owned()]);
        for text in texts {
            let mut written = String::new();
            push_string(&mut written, &text);
            assert_eq!(written, serde_json::to_string(&text).expect("text"));
        }
    }

    #[test]
    fn the_value_is_what_the_text_parses_to() {
        let numbers = [
            0.0,
            -0.0,
            1.0,
            -7.0,
            0.1,
            1e16,
            1e300,
            -2.5e-7,
            18446744073709551615.0,
        ];
        let mut cases: Vec<Vec<(&str, Value<'_>)>> = numbers
            .into_iter()
            .map(|number| vec![("event.risk_score", Value::Float(number))])
            .collect();
        cases.push(vec![]);
        cases.push(vec![
            ("process.pid", Value::Int(7)),
            (
                "log.level",
                Value::Str("tab\t, \"quote\", \u{1}, \u{7f}, é, \u{2028}"),
            ),
            (
                "process.args",
                Value::List(vec![Value::Str("a\"b"), Value::Int(1)]),
            ),
            ("tags", Value::List(vec![])),
            ("a", Value::Str("x")),
            ("a.b", Value::Str("")),
            ("a.b.c", Value::Str("y")),
            ("a.b.c.d", Value::Int(-1)),
            ("big", Value::Int(i64::MIN)),
            ("sure", Value::Bool(true)),
            ("half", Value::Float(0.5)),
            ("nested", Value::Json(r#"[{"k":1,"k":{"z":[],"k":1.50}}]"#)),
            ("event.end", Value::Str("2024-01-01T00:00:00.000001Z")),
        ]);
        for case in &cases {
            let batch = batch(case);
            for style in [JsonStyle::Nested, JsonStyle::Flat] {
                let writer = EventWriter::new(&batch.events, style);
                let mut text = String::new();
                writer.write(0, &mut text);
                let value = writer.value(0).expect("no broken JSON in `unmapped`");
                assert_eq!(value.to_string(), {
                    let parsed: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
                    parsed.to_string()
                });
            }
        }
        let largest = batch(&[("event.risk_score", Value::Float(f64::MAX))]);
        let value = EventWriter::new(&largest.events, JsonStyle::Nested).value(0);
        let value = value.expect("a number is no broken JSON");
        assert_eq!(value["event"]["risk_score"], f64::MAX);
    }

    #[test]
    fn rows_come_out_as_they_went_in() {
        let batch = batch(&[
            ("process.pid", Value::Int(7)),
            (
                "process.args",
                Value::List(vec![Value::Str("a\"b"), Value::Int(1)]),
            ),
            ("a", Value::Str("x")),
            ("a.b.c", Value::Str("y")),
            ("taken", Value::Str("x")),
            ("taken.value", Value::Str("y")),
            ("nested", Value::Json(r#"[{"k":1}]"#)),
            ("event.end", Value::Str("2024-01-01T00:00:00Z")),
        ]);
        let mut nested = String::new();
        EventWriter::new(&batch.events, JsonStyle::Nested).write(0, &mut nested);
        let nested: serde_json::Value = serde_json::from_str(&nested).expect("valid JSON");
        assert_eq!(nested["process"]["pid"], 7);
        assert_eq!(nested["process"]["args"], serde_json::json!(["a\"b", "1"]));
        assert_eq!(nested["a"]["value"], "x");
        assert_eq!(nested["a"]["b"]["c"], "y");
        assert_eq!(nested["taken"], "x");
        assert_eq!(nested["taken.value"], "y");
        assert_eq!(nested["unmapped"]["nested"][0]["k"], 1);
        assert_eq!(nested["event"]["end"], "2024-01-01T00:00:00.000Z");
        assert_eq!(nested["log"]["offset"], 7);
        let mut flat = String::new();
        EventWriter::new(&batch.events, JsonStyle::Flat).write(0, &mut flat);
        let flat: serde_json::Value = serde_json::from_str(&flat).expect("valid JSON");
        assert_eq!(flat["process.pid"], 7);
        assert_eq!(flat["@timestamp"], "1970-01-01T00:00:00.000Z");
        assert!(flat.get("host.name").is_none());
    }
}
