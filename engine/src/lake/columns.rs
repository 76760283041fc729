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

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, Field, FieldRef, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use borzoi_parsers::batch::{DOTTED_NAME, strings};
use borzoi_parsers::catalog::{ColumnType, STANDARD_COLUMNS, UNMAPPED};
use deltalake_core::kernel::{
    ArrayType, DataType as DeltaType, MetadataValue, PrimitiveType, StructField, StructType,
};
use serde_json::Value;

use super::DAY;

/// The columns of one table; grows with [`learn`](TableColumns::learn).
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
    /// By the table's column; `None` where the batch has no value. Text may be dictionary-encoded.
    arrays: Vec<Option<ArrayRef>>,
    /// Event times, none missing.
    pub(super) times: TimestampMicrosecondArray,
    /// What went another way than expected.
    pub(super) moved: Moved,
}

/// Values that are not where their field says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Values that moved to `unmapped`.
    pub(super) values: u64,
    /// Of the texts in `unmapped` that they met, those that are no JSON object; kept under the key `unmapped`.
    pub(super) unreadable: u64,
}

impl std::ops::AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.values += other.values;
        self.unreadable += other.unreadable;
    }
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

    /// Adds columns for fields that the table has not seen; says where each goes, `None`: to `unmapped`. Of
    /// two fields that want the same column, the first has it.
    pub(super) fn learn(&mut self, fields: &[FieldRef]) -> Vec<Option<usize>> {
        let mut taken = HashSet::new();
        fields
            .iter()
            .map(|field| {
                self.place(field.name(), dotted_name(field), field.data_type())
                    .filter(|&column| taken.insert(column))
            })
            .collect()
    }

    /// Puts arrays where `places` says; each comes with the index of its field. Those of a type that no column
    /// has are their values' JSON texts.
    ///
    /// # Errors
    ///
    /// A sentence, if they have no usable `time`.
    pub(super) fn conform(
        &self,
        fields: &[FieldRef],
        places: &[Option<usize>],
        rows: usize,
        columns: Vec<(usize, ArrayRef)>,
    ) -> Result<Conformed, String> {
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.columns.len()];
        let mut misfits = Vec::new();
        for (field, array) in columns {
            match places[field] {
                Some(column) => arrays[column] = Some(array),
                None => misfits.push(Misfit {
                    dotted: dotted_name(&fields[field]),
                    is_json: canonical(fields[field].data_type()).is_none(),
                    array,
                }),
            }
        }
        let mut moved = Moved::default();
        if !misfits.is_empty() {
            let unmapped = self.index(UNMAPPED).expect("every table gets it");
            let merged = put_aside(arrays[unmapped].as_ref(), &misfits, rows, &mut moved);
            arrays[unmapped] = Some(merged);
        }
        let times = self
            .index("time")
            .and_then(|time| arrays[time].as_ref())
            .and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>())
            .filter(|times| times.null_count() == 0)
            .ok_or("the table's column time is no timestamp")?
            .clone();
        Ok(Conformed { arrays, times, moved })
    }
}

fn dotted_name(field: &Field) -> &str {
    field.metadata().get(DOTTED_NAME).unwrap_or(field.name())
}

pub(super) fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// The table type that holds every value of an Arrow type; `None` if there is none.
pub(super) fn canonical(data_type: &DataType) -> Option<DataType> {
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
pub(super) fn to_canonical(array: &ArrayRef) -> Result<ArrayRef, String> {
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

/// Values without a column.
struct Misfit<'a> {
    dotted: &'a str,
    array: ArrayRef,
    /// They are JSON texts already.
    is_json: bool,
}

impl Misfit<'_> {
    fn value(&self, row: usize) -> Value {
        match json(&self.array, row) {
            Value::String(text) if self.is_json => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            value => value,
        }
    }
}

/// `unmapped` with the values of `misfits` added; counts them in `moved`.
fn put_aside(
    unmapped: Option<&ArrayRef>,
    misfits: &[Misfit<'_>],
    rows: usize,
    moved: &mut Moved,
) -> ArrayRef {
    let present = unmapped.and_then(|array| strings(array));
    let mut merged = StringBuilder::new();
    for row in 0..rows {
        let present = present.and_then(|column| column.get(row));
        let mut added = misfits
            .iter()
            .filter(|misfit| misfit.array.is_valid(row))
            .peekable();
        if added.peek().is_none() {
            merged.append_option(present);
            continue;
        }
        let mut object = match present.map(serde_json::from_str::<Value>) {
            None => serde_json::Map::new(),
            Some(Ok(Value::Object(object))) => object,
            // Not ours, or nested too deep to be read; not to be lost either, nor to go unseen.
            Some(_) => {
                moved.unreadable += 1;
                serde_json::Map::from_iter([(UNMAPPED.to_owned(), Value::from(present))])
            }
        };
        for misfit in added {
            moved.values += 1;
            let value = misfit.value(row);
            match object.get_mut(misfit.dotted) {
                Some(Value::Array(values)) => values.push(value),
                Some(other) => *other = Value::Array(vec![other.take(), value]),
                None => {
                    object.insert(misfit.dotted.to_owned(), value);
                }
            }
        }
        merged.append_value(Value::Object(object).to_string());
    }
    Arc::new(merged.finish())
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

/// What no table has a column for, as JSON texts.
pub(super) fn json_texts(array: &dyn Array) -> ArrayRef {
    let texts = (0..array.len()).map(|row| array.is_valid(row).then(|| json(array, row).to_string()));
    Arc::new(texts.collect::<StringArray>())
}

/// Schema of a file that has these of the table's columns; all nullable, no dictionaries.
pub(super) fn file_schema(table: &TableColumns, present: &[usize]) -> Schema {
    let fields: Vec<Field> = present
        .iter()
        .filter_map(|&index| {
            let column = &table.columns[index];
            Some(Field::new(&column.name, column.data_type.clone()?, true))
        })
        .collect();
    Schema::new(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array, Int64Array, RecordBatch};

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

    fn conform(table: &mut TableColumns, batch: &RecordBatch) -> Conformed {
        let fields = batch.schema().fields().to_vec();
        let places = table.learn(&fields);
        let columns = batch.columns().iter().cloned().enumerate().collect();
        table
            .conform(&fields, &places, batch.num_rows(), columns)
            .unwrap()
    }

    fn text(conformed: &Conformed, column: usize, row: usize) -> Option<String> {
        let array = conformed.array(column)?;
        strings(array).unwrap().get(row).map(str::to_owned)
    }

    #[test]
    fn the_first_type_of_a_column_stays_and_other_values_move() {
        let mut table = TableColumns::new(100);
        let first = conform(
            &mut table,
            &batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]),
        );
        assert_eq!(first.moved, Moved::default());
        let a = table.index("a").unwrap();
        let second = conform(
            &mut table,
            &batch(vec![
                ("A", Arc::new(StringArray::from(vec![Some("x"), None]))),
                ("day", Arc::new(BooleanArray::from(vec![true, false]))),
                (
                    UNMAPPED,
                    Arc::new(StringArray::from(vec![Some(r#"{"A":5}"#), None])),
                ),
            ]),
        );
        assert!(second.array(a).is_none());
        assert_eq!(second.moved.values, 3);
        let unmapped = table.index(UNMAPPED).unwrap();
        assert_eq!(text(&second, unmapped, 0).unwrap(), r#"{"A":[5,"x"],"day":true}"#);
        assert_eq!(text(&second, unmapped, 1).unwrap(), r#"{"day":false}"#);
    }

    #[test]
    fn past_the_limit_values_move() {
        let mut table = TableColumns::new(STANDARD_COLUMNS.len() + 3);
        let conformed = conform(
            &mut table,
            &batch(vec![
                ("one", Arc::new(Float64Array::from(vec![1.5]))),
                ("two", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ]),
        );
        assert!(table.index("one").is_some() && table.index("two").is_none());
        assert_eq!(conformed.moved.values, 1);
        let unmapped = table.index(UNMAPPED).unwrap();
        assert_eq!(text(&conformed, unmapped, 0).unwrap(), r#"{"two":"NaN"}"#);
    }

    #[test]
    fn an_unmapped_that_cannot_be_read_is_kept_and_counted() {
        let mut table = TableColumns::new(100);
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        let unmapped: ArrayRef = Arc::new(StringArray::from(vec![deep.as_str()]));
        let day: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        let conformed = conform(&mut table, &batch(vec![("day", day), (UNMAPPED, unmapped)]));
        assert_eq!(
            conformed.moved,
            Moved {
                values: 1,
                unreadable: 1
            }
        );
        let merged = text(&conformed, table.index(UNMAPPED).unwrap(), 0).unwrap();
        let merged: Value = serde_json::from_str(&merged).unwrap();
        assert_eq!(merged, serde_json::json!({"unmapped": deep, "day": true}));
    }

    #[test]
    fn of_two_fields_for_one_column_the_second_moves() {
        let mut table = TableColumns::new(100);
        let (one, two): (ArrayRef, ArrayRef) = (
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(Int64Array::from(vec![2])),
        );
        let conformed = conform(&mut table, &batch(vec![("pid", one), ("PID", two)]));
        assert_eq!(conformed.moved.values, 1);
        let unmapped = table.index(UNMAPPED).unwrap();
        assert_eq!(text(&conformed, unmapped, 0).unwrap(), r#"{"PID":2}"#);
    }

    #[test]
    fn the_schema_survives_the_way_through_the_log() {
        let mut table = TableColumns::new(100);
        conform(
            &mut table,
            &batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]),
        );
        let schema = StructType::try_new(table.new_fields()).unwrap();
        let again = TableColumns::of(&schema, 100);
        assert!(!again.has_grown());
        assert_eq!(again.columns().len(), table.columns().len());
        assert_eq!(again.columns()[0].dotted, "@timestamp");
    }
}
