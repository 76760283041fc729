//! Columns of a table, and how a batch is made to fit them.
//!
//! A table has [`STANDARD_COLUMNS`], [`DAY`], `unmapped`, and then whatever columns its batches brought, in
//! the order in which they came. Six types exist: text, 64-bit integer, 64-bit float, boolean, timestamp
//! (microseconds, UTC) and list of text; narrower Arrow types widen to them.
//!
//! A value stays with its event whatever happens: if the table's column has another type, or the table may
//! not have another column, or the name is taken by the partition column, it moves to the JSON object in
//! `unmapped` under its dotted name, and is counted. A batch never changes the type of a column; the first
//! one that brings it decides.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use borzoi_parsers::batch::{DOTTED_NAME, strings};
use borzoi_parsers::catalog::{ColumnType, STANDARD_COLUMNS, UNMAPPED};
use deltalake_core::kernel::{
    ArrayType, DataType as DeltaType, MetadataValue, PrimitiveType, StructField, StructType,
};
use serde_json::Value;

use super::DAY;

/// The columns of one table; grows with [`conform`](TableColumns::conform).
///
/// *Invariants*: names differ in more than case; the columns of the version that was read come first.
#[derive(Debug, Clone)]
pub(super) struct TableColumns {
    columns: Vec<TableColumn>,
    by_name: HashMap<String, usize>,
    /// How many of `columns` the table already has.
    stored: usize,
    limit: usize,
}

#[derive(Debug, Clone)]
pub(super) struct TableColumn {
    /// Name in the table.
    pub(super) name: String,
    /// Dotted name, kept in the field's metadata.
    dotted: String,
    /// `None`: a type that only other programs write. Nothing of ours fits it.
    pub(super) data_type: Option<DataType>,
}

/// A batch in the columns of its table.
#[derive(Debug, Clone)]
pub(super) struct Conformed {
    pub(super) rows: usize,
    /// By the table's column; `None` where the batch has no value. Text may be dictionary-encoded.
    arrays: Vec<Option<ArrayRef>>,
    /// Event times, none missing.
    pub(super) times: TimestampMicrosecondArray,
    /// Values that moved to `unmapped`.
    pub(super) moved: u64,
}

impl Conformed {
    pub(super) fn array(&self, column: usize) -> Option<&ArrayRef> {
        self.arrays.get(column).and_then(Option::as_ref)
    }
}

impl TableColumns {
    /// Of a table that does not exist yet.
    pub(super) fn new(limit: usize) -> Self {
        let mut table = TableColumns {
            columns: Vec::new(),
            by_name: HashMap::new(),
            stored: 0,
            limit,
        };
        table.add_standard();
        table
    }

    /// Of the table whose schema this is.
    pub(super) fn of(schema: &StructType, limit: usize) -> Self {
        let mut table = TableColumns {
            columns: Vec::new(),
            by_name: HashMap::new(),
            stored: 0,
            limit,
        };
        for field in schema.fields() {
            let dotted = match field.metadata.get(DOTTED_NAME) {
                Some(MetadataValue::String(dotted)) => dotted.clone(),
                _ => field.name().clone(),
            };
            table.add(field.name(), &dotted, arrow_type(field.data_type()));
        }
        table.stored = table.columns.len();
        table.add_standard();
        table
    }

    fn add_standard(&mut self) {
        for (name, dotted, column_type) in STANDARD_COLUMNS {
            let data_type = match column_type {
                ColumnType::Keyword => DataType::Utf8,
                ColumnType::Integer => DataType::Int64,
                ColumnType::Float => DataType::Float64,
                ColumnType::Boolean => DataType::Boolean,
                ColumnType::Timestamp => timestamp_type(),
                ColumnType::List => list_type(),
            };
            self.add(name, dotted, Some(data_type));
        }
        self.add(UNMAPPED, UNMAPPED, Some(DataType::Utf8));
        self.add(DAY, DAY, Some(DataType::Date32));
    }

    /// The column's index; a column that exists stays as it is.
    fn add(&mut self, name: &str, dotted: &str, data_type: Option<DataType>) -> usize {
        let key = name.to_lowercase();
        if let Some(&index) = self.by_name.get(&key) {
            return index;
        }
        self.by_name.insert(key, self.columns.len());
        self.columns.push(TableColumn {
            name: name.to_owned(),
            dotted: dotted.to_owned(),
            data_type,
        });
        self.columns.len() - 1
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    pub(super) fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// Whether the table lacks columns that are here.
    pub(super) fn has_grown(&self) -> bool {
        self.stored < self.columns.len()
    }

    /// The columns that the table lacks, all nullable.
    pub(super) fn new_fields(&self) -> Vec<StructField> {
        self.columns[self.stored..]
            .iter()
            .filter_map(|column| {
                let data_type = delta_type(column.data_type.as_ref()?)?;
                Some(
                    StructField::nullable(&column.name, data_type)
                        .with_metadata([(DOTTED_NAME, MetadataValue::String(column.dotted.clone()))]),
                )
            })
            .collect()
    }

    /// Where a batch's field goes; `None`: to `unmapped`.
    fn place(&mut self, name: &str, dotted: &str, data_type: &DataType) -> Option<usize> {
        let wanted = canonical(data_type)?;
        match self.index(name) {
            Some(index) => {
                let column = &self.columns[index];
                // `day` belongs to the partitions.
                (column.name != DAY && column.data_type.as_ref() == Some(&wanted)).then_some(index)
            }
            // Delta forbids these in names, and nothing of ours makes them.
            None if name.is_empty()
                || name.contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) =>
            {
                None
            }
            None if self.columns.len() >= self.limit => None,
            None => Some(self.add(name, dotted, Some(wanted))),
        }
    }

    /// Makes `batch` fit, adding columns for fields that the table has not seen.
    ///
    /// # Errors
    ///
    /// A sentence, if the batch has no usable `time` or `event_id`.
    pub(super) fn conform(&mut self, batch: &RecordBatch) -> Result<Conformed, String> {
        let rows = batch.num_rows();
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.columns.len()];
        let mut misfits: Vec<(&str, &ArrayRef)> = Vec::new();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if array.null_count() == rows {
                continue;
            }
            let dotted = field
                .metadata()
                .get(DOTTED_NAME)
                .map_or(field.name(), |name| name);
            match self.place(field.name(), dotted, field.data_type()) {
                Some(index) => {
                    if arrays.len() <= index {
                        arrays.resize(index + 1, None);
                    }
                    arrays[index] = Some(to_canonical(array)?);
                }
                None => misfits.push((dotted, array)),
            }
        }
        let mut moved = 0;
        if !misfits.is_empty() {
            let unmapped = self.index(UNMAPPED).expect("every table gets it");
            let (merged, count) = put_aside(arrays[unmapped].as_ref(), &misfits, rows);
            arrays[unmapped] = Some(merged);
            moved = count;
        }
        let standard = |name: &str| {
            self.index(name)
                .ok_or_else(|| format!("the table has no column {name}"))
        };
        let (time, ingest) = (standard("time")?, standard("ingest_time")?);
        if arrays[standard("event_id")?].is_none() && rows > 0 {
            return Err("no event has an event_id".to_owned());
        }
        let times = times(arrays[time].as_ref(), arrays[ingest].as_ref(), rows)?;
        arrays[time] = Some(Arc::new(times.clone()));
        Ok(Conformed {
            rows,
            arrays,
            times,
            moved,
        })
    }
}

/// Event times; where one is missing the time of reading stands in for it.
fn times(
    time: Option<&ArrayRef>,
    ingest: Option<&ArrayRef>,
    rows: usize,
) -> Result<TimestampMicrosecondArray, String> {
    let time = time.and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    let ingest = ingest.and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    match time {
        Some(time) if time.null_count() == 0 => Ok(time.clone()),
        _ => (0..rows)
            .map(|row| {
                [time, ingest]
                    .into_iter()
                    .flatten()
                    .find(|array| array.is_valid(row))
                    .map(|array| array.value(row))
                    .ok_or_else(|| format!("row {row} has neither time nor ingest_time"))
            })
            .collect::<Result<Vec<i64>, String>>()
            .map(|values| TimestampMicrosecondArray::from(values).with_timezone("UTC")),
    }
}

fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// The table type that holds every value of an Arrow type; `None` if there is none.
fn canonical(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => canonical(values)?,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Boolean => DataType::Boolean,
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, _) => {
            timestamp_type()
        }
        DataType::List(item) | DataType::LargeList(item)
            if canonical(item.data_type())? == DataType::Utf8 =>
        {
            list_type()
        }
        _ => return None,
    })
}

/// `array` in its canonical type; text that is dictionary-encoded with 32-bit keys stays so.
fn to_canonical(array: &ArrayRef) -> Result<ArrayRef, String> {
    if strings(array).is_some() {
        return Ok(array.clone());
    }
    match canonical(array.data_type()) {
        Some(wanted) if wanted != *array.data_type() => {
            arrow::compute::cast(array, &wanted).map_err(|e| format!("cannot widen a column: {e}"))
        }
        _ => Ok(array.clone()),
    }
}

fn delta_type(data_type: &DataType) -> Option<DeltaType> {
    let primitive = match data_type {
        DataType::Utf8 => PrimitiveType::String,
        DataType::Int64 => PrimitiveType::Long,
        DataType::Float64 => PrimitiveType::Double,
        DataType::Boolean => PrimitiveType::Boolean,
        DataType::Timestamp(..) => PrimitiveType::Timestamp,
        DataType::Date32 => PrimitiveType::Date,
        DataType::List(_) => {
            let text = DeltaType::Primitive(PrimitiveType::String);
            return Some(DeltaType::Array(Box::new(ArrayType::new(text, true))));
        }
        _ => return None,
    };
    Some(DeltaType::Primitive(primitive))
}

fn arrow_type(data_type: &DeltaType) -> Option<DataType> {
    Some(match data_type {
        DeltaType::Primitive(PrimitiveType::String) => DataType::Utf8,
        DeltaType::Primitive(PrimitiveType::Long) => DataType::Int64,
        DeltaType::Primitive(PrimitiveType::Double) => DataType::Float64,
        DeltaType::Primitive(PrimitiveType::Boolean) => DataType::Boolean,
        DeltaType::Primitive(PrimitiveType::Timestamp) => timestamp_type(),
        DeltaType::Primitive(PrimitiveType::Date) => DataType::Date32,
        DeltaType::Array(array) if *array.element_type() == DeltaType::Primitive(PrimitiveType::String) => {
            list_type()
        }
        _ => return None,
    })
}

/// `unmapped` with the values of `misfits` added, and how many they were.
fn put_aside(unmapped: Option<&ArrayRef>, misfits: &[(&str, &ArrayRef)], rows: usize) -> (ArrayRef, u64) {
    let present = unmapped.and_then(|array| strings(array));
    let mut moved = 0;
    let mut merged = StringBuilder::new();
    for row in 0..rows {
        let present = present.and_then(|column| column.get(row));
        let mut added = misfits.iter().filter(|(_, array)| array.is_valid(row)).peekable();
        if added.peek().is_none() {
            merged.append_option(present);
            continue;
        }
        let mut object = match present.map(serde_json::from_str::<Value>) {
            None => serde_json::Map::new(),
            Some(Ok(Value::Object(object))) => object,
            // Not ours, but not to be lost either.
            Some(_) => serde_json::Map::from_iter([(UNMAPPED.to_owned(), Value::from(present))]),
        };
        for (dotted, array) in added {
            moved += 1;
            let value = json(array, row);
            match object.get_mut(*dotted) {
                Some(Value::Array(values)) => values.push(value),
                Some(other) => *other = Value::Array(vec![other.take(), value]),
                None => {
                    object.insert((*dotted).to_owned(), value);
                }
            }
        }
        merged.append_value(Value::Object(object).to_string());
    }
    (Arc::new(merged.finish()), moved)
}

/// A value as JSON: text as text, numbers as numbers, times in RFC 3339.
fn json(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    if let Some(text) = strings(array).and_then(|column| column.get(row)) {
        return Value::from(text);
    }
    match array.data_type() {
        DataType::Int64 => Value::from(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            serde_json::Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number)
        }
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| json(&items, item)).collect()
        }
        other => match ArrayFormatter::try_new(array, &FormatOptions::default()) {
            Ok(formatter) => {
                let text = formatter.value(row).to_string();
                match text.parse() {
                    Ok(number) if other.is_integer() => Value::Number(number),
                    _ => Value::from(text),
                }
            }
            Err(e) => Value::from(format!("a value that cannot be shown: {e}")),
        },
    }
}

/// A column of nulls, as cheap as it gets.
pub(super) fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    match data_type {
        DataType::Utf8 => Arc::new(arrow::array::DictionaryArray::<Int32Type>::new(
            arrow::array::Int32Array::new_null(rows),
            Arc::new(StringArray::new_null(0)),
        )),
        DataType::Int64 => Arc::new(Int64Array::new_null(rows)),
        other => arrow::array::new_null_array(other, rows),
    }
}

/// Schema of a file that has these of the table's columns; all nullable, no dictionaries.
pub(super) fn file_schema(table: &TableColumns, present: &[usize]) -> SchemaRef {
    let fields: Vec<Field> = present
        .iter()
        .filter_map(|&index| {
            let column = &table.columns[index];
            Some(Field::new(&column.name, column.data_type.clone()?, true))
        })
        .collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array};

    fn batch(extra: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let rows = extra.first().map_or(1, |(_, array)| array.len());
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            (
                "time",
                Arc::new(TimestampMicrosecondArray::from(vec![7; rows]).with_timezone("UTC")),
            ),
            ("event_id", Arc::new(StringArray::from(vec!["id"; rows]))),
        ];
        columns.extend(extra);
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    fn text(conformed: &Conformed, column: usize, row: usize) -> Option<String> {
        let array = conformed.array(column)?;
        strings(array).unwrap().get(row).map(str::to_owned)
    }

    #[test]
    fn the_first_type_of_a_column_stays_and_other_values_move() {
        let mut table = TableColumns::new(100);
        let first = table
            .conform(&batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]))
            .unwrap();
        assert_eq!(first.moved, 0);
        let a = table.index("a").unwrap();
        let second = table
            .conform(&batch(vec![
                ("A", Arc::new(StringArray::from(vec![Some("x"), None]))),
                ("day", Arc::new(BooleanArray::from(vec![true, false]))),
                (
                    UNMAPPED,
                    Arc::new(StringArray::from(vec![Some(r#"{"A":5}"#), None])),
                ),
            ]))
            .unwrap();
        assert!(second.array(a).is_none());
        assert_eq!(second.moved, 3);
        let unmapped = table.index(UNMAPPED).unwrap();
        assert_eq!(text(&second, unmapped, 0).unwrap(), r#"{"A":[5,"x"],"day":true}"#);
        assert_eq!(text(&second, unmapped, 1).unwrap(), r#"{"day":false}"#);
    }

    #[test]
    fn past_the_limit_values_move() {
        let mut table = TableColumns::new(STANDARD_COLUMNS.len() + 3);
        let conformed = table
            .conform(&batch(vec![
                ("one", Arc::new(Float64Array::from(vec![1.5]))),
                ("two", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ]))
            .unwrap();
        assert!(table.index("one").is_some() && table.index("two").is_none());
        assert_eq!(conformed.moved, 1);
        let unmapped = table.index(UNMAPPED).unwrap();
        assert_eq!(text(&conformed, unmapped, 0).unwrap(), r#"{"two":"NaN"}"#);
    }

    #[test]
    fn columns_without_a_value_do_not_grow_the_table() {
        let mut table = TableColumns::new(100);
        let before = table.columns().len();
        table
            .conform(&batch(vec![("empty", Arc::new(StringArray::new_null(1)))]))
            .unwrap();
        assert_eq!(table.columns().len(), before);
    }

    #[test]
    fn a_missing_time_is_replaced_and_a_missing_id_is_an_error() {
        let mut table = TableColumns::new(100);
        let ingest: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![9]).with_timezone("UTC"));
        let id: ArrayRef = Arc::new(StringArray::from(vec!["id"]));
        let no_time = RecordBatch::try_from_iter([("ingest_time", ingest.clone()), ("event_id", id.clone())]);
        assert_eq!(table.conform(&no_time.unwrap()).unwrap().times.value(0), 9);
        let no_id = RecordBatch::try_from_iter([("ingest_time", ingest)]).unwrap();
        assert!(table.conform(&no_id).is_err());
        let neither = RecordBatch::try_from_iter([("event_id", id)]).unwrap();
        assert!(table.conform(&neither).is_err());
    }

    #[test]
    fn the_schema_survives_the_way_through_the_log() {
        let mut table = TableColumns::new(100);
        table
            .conform(&batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]))
            .unwrap();
        let schema = StructType::try_new(table.new_fields()).unwrap();
        let again = TableColumns::of(&schema, 100);
        assert!(!again.has_grown());
        assert_eq!(again.columns().len(), table.columns().len());
        assert_eq!(again.columns()[0].dotted, "@timestamp");
    }
}
