//! Rows that wait to be written, small.
//!
//! Batches come in many and wide; as they are, what waits for a flush would take gigabytes. So a [`Stage`]
//! keeps a few of them raw and from time to time turns those into [`Piece`]s: the rows of one day, in the
//! order of time, as a compressed Arrow stream (a tenth to a fortieth of the memory). Beside it a piece
//! keeps the ids of its rows, which is all that [`dedupe`](super::dedupe) wants; its columns are unpacked
//! again when its day's file is written.
//!
//! *Cost*: one copy of the rows, zstd level 1, and about the same again for unpacking; 16 bytes a row for ids,
//! twice that in tables of alerts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use borzoi_parsers::batch::{DOTTED_NAME, strings};

use super::ALERT_EVENT_ID;
use super::append::day_of;
use super::columns::{canonical, nulls, timestamp_type, to_canonical};
use super::dedupe::id_of;
use super::gather::gather_column;

/// Of what waits: fast, and small enough.
const ZSTD_LEVEL: i32 = 1;

/// What a field of a raw batch is thought to take: name, type and metadata.
const FIELD_BYTES: usize = 400;

/// Rows of one table.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    raw: Vec<RecordBatch>,
    pieces: Vec<Arc<Piece>>,
    rows: usize,
    piece_bytes: usize,
    /// Every column that had a value, in the order of arrival: it decides which type a new column has.
    fields: Vec<FieldRef>,
    by_key: HashMap<FieldKey, usize>,
}

/// What makes two fields of different batches the same: lower-case name, type, and how many fields of its own
/// batch had both before it (Arrow allows that, a table does not).
type FieldKey = (String, DataType, usize);

/// Rows of one day.
///
/// *Invariants*: `first <= last`; `ids` and `keys` have an entry per row, meaningless where `without_id` names it.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Days since 1970-01-01.
    pub(super) day: i32,
    pub(super) rows: usize,
    /// Time of the first row.
    pub(super) first: i64,
    /// Time of the last row.
    pub(super) last: i64,
    /// Memory that the rows take when they are unpacked.
    pub(super) unpacked_bytes: usize,
    /// Its columns, as indices into the stage's fields.
    pub(super) fields: Vec<usize>,
    /// Identity of each row.
    pub(super) ids: Vec<u128>,
    /// In tables of alerts, identity of the event behind each row.
    pub(super) keys: Option<Vec<u128>>,
    /// Rows that have no id, ascending.
    pub(super) without_id: Vec<u32>,
    /// Some id is not 32 hexadecimal digits.
    pub(super) hashed: bool,
    pub(super) packed: Box<[u8]>,
}

/// The memory that buffers take, each counted once however many arrays share it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    seen: HashSet<usize>,
    bytes: usize,
}

impl Memory {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Memory::default();
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) {
        self.bytes += batch.num_columns() * FIELD_BYTES;
        for array in batch.columns() {
            self.add_data(&array.to_data());
        }
    }

    fn add_data(&mut self, data: &ArrayData) {
        let nulls = data.nulls().map(|nulls| nulls.buffer());
        for buffer in data.buffers().iter().chain(nulls) {
            if self.seen.insert(buffer.data_ptr().as_ptr() as usize) {
                self.bytes += buffer.capacity();
            }
        }
        for child in data.child_data() {
            self.add_data(child);
        }
    }
}

impl Stage {
    /// Takes rows as they are.
    ///
    /// # Errors
    ///
    /// A sentence, if there is no id, or neither `time` nor `ingest_time` in some row; nothing is kept then.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<(), String> {
        match batch.column_by_name("event_id") {
            Some(ids) if ids.null_count() < batch.num_rows() => {}
            _ => return Err("no event has an event_id".to_owned()),
        }
        let ids = text_column(batch, "event_id")?;
        if strings(&ids).is_none() {
            return Err("event_id is not text".to_owned());
        }
        times(batch)?;
        self.rows += batch.num_rows();
        self.raw.push(batch.clone());
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Memory of the pieces.
    pub(super) fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    pub(super) fn pieces(&self) -> &[Arc<Piece>] {
        &self.pieces
    }

    pub(super) fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// Turns all raw batches into pieces.
    ///
    /// # Errors
    ///
    /// If Arrow cannot do it, which is a bug of ours; the raw batches are kept.
    pub(super) fn pack(&mut self) -> Result<(), ArrowError> {
        if self.raw.is_empty() {
            return Ok(());
        }
        let mut sources = Vec::with_capacity(self.raw.len());
        let mut days: BTreeMap<i32, Vec<(i64, u32, u32)>> = BTreeMap::new();
        for number in 0..self.raw.len() {
            let batch = self.raw[number].clone();
            let times = times(&batch).map_err(ArrowError::InvalidArgumentError)?;
            for (row, &time) in times.values().iter().enumerate() {
                let day = days.entry(day_of(time)).or_default();
                day.push((time, number as u32, row as u32));
            }
            sources.push(self.columns_of(&batch, times)?);
        }
        let mut pieces = Vec::with_capacity(days.len());
        for (day, mut order) in days {
            order.sort_unstable();
            pieces.push(Arc::new(self.piece(day, &sources, &order)?));
        }
        self.piece_bytes += pieces.iter().map(|piece| piece.memory()).sum::<usize>();
        self.pieces.extend(pieces);
        self.raw.clear();
        Ok(())
    }

    /// The columns of a batch that have values, by index into `fields`.
    fn columns_of(
        &mut self,
        batch: &RecordBatch,
        times: TimestampMicrosecondArray,
    ) -> Result<Source, ArrowError> {
        let rows = batch.num_rows();
        let mut columns: BTreeMap<usize, ArrayRef> = BTreeMap::new();
        let mut take = |stage: &mut Stage, field: &Field, array: ArrayRef| {
            let data_type = canonical(array.data_type()).unwrap_or_else(|| array.data_type().clone());
            let mut ordinal = 0;
            loop {
                let key = (field.name().to_lowercase(), data_type.clone(), ordinal);
                let index = *stage.by_key.entry(key).or_insert_with(|| {
                    let dotted = field.metadata().get(DOTTED_NAME).unwrap_or(field.name()).clone();
                    let metadata = HashMap::from([(DOTTED_NAME.to_owned(), dotted)]);
                    let field = Field::new(field.name(), data_type.clone(), true).with_metadata(metadata);
                    stage.fields.push(Arc::new(field));
                    stage.fields.len() - 1
                });
                if let std::collections::btree_map::Entry::Vacant(entry) = columns.entry(index) {
                    entry.insert(array);
                    return;
                }
                ordinal += 1;
            }
        };
        let schema = batch.schema();
        let time_field = match schema.field_with_name("time") {
            Ok(field) => field.clone(),
            Err(_) => Field::new("time", timestamp_type(), true)
                .with_metadata(HashMap::from([(DOTTED_NAME.to_owned(), "@timestamp".to_owned())])),
        };
        take(self, &time_field, Arc::new(times));
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if array.null_count() < rows && field.name() != "time" {
                take(
                    self,
                    field,
                    to_canonical(array).map_err(ArrowError::InvalidArgumentError)?,
                );
            }
        }
        Ok(Source { rows, columns })
    }

    /// The rows at `order` (time, source, row), which ascends.
    fn piece(&self, day: i32, sources: &[Source], order: &[(i64, u32, u32)]) -> Result<Piece, ArrowError> {
        let mut used: Vec<u32> = order.iter().map(|&(_, source, _)| source).collect();
        used.sort_unstable();
        used.dedup();
        let mut position = vec![0; sources.len()];
        for (index, &source) in used.iter().enumerate() {
            position[source as usize] = index;
        }
        let used: Vec<&Source> = used.iter().map(|&source| &sources[source as usize]).collect();
        let rows: Vec<(usize, usize)> = order
            .iter()
            .map(|&(_, source, row)| (position[source as usize], row as usize))
            .collect();
        let mut fields: Vec<usize> = used
            .iter()
            .flat_map(|source| source.columns.keys().copied())
            .collect();
        fields.sort_unstable();
        fields.dedup();
        let arrays = fields
            .iter()
            .map(|&field| {
                let arrays: Vec<ArrayRef> = used
                    .iter()
                    .map(|source| match source.columns.get(&field) {
                        Some(array) => array.clone(),
                        None => nulls(self.fields[field].data_type(), source.rows),
                    })
                    .collect();
                gather_column(&arrays, &rows)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let column = |name: &str| {
            let index = fields.iter().position(|&field| {
                self.fields[field].name() == name && *self.fields[field].data_type() == DataType::Utf8
            })?;
            strings(&arrays[index]).map(|texts| (0..rows.len()).map(|row| texts.get(row)).collect::<Vec<_>>())
        };
        let mut piece = Piece {
            day,
            rows: rows.len(),
            first: order.first().map_or(0, |row| row.0),
            last: order.last().map_or(0, |row| row.0),
            unpacked_bytes: 0,
            ids: Vec::with_capacity(rows.len()),
            keys: None,
            without_id: Vec::new(),
            hashed: false,
            packed: Box::default(),
            fields: Vec::new(),
        };
        for (row, id) in column("event_id").into_iter().flatten().enumerate() {
            match id {
                Some(id) => {
                    let (id, hashed) = id_of(id);
                    piece.hashed |= hashed;
                    piece.ids.push(id);
                }
                None => {
                    piece.without_id.push(row as u32);
                    piece.ids.push(0);
                }
            }
        }
        if piece.ids.is_empty() {
            // All rows of this day are those without.
            piece.without_id = (0..rows.len() as u32).collect();
            piece.ids = vec![0; rows.len()];
        }
        piece.keys = column(ALERT_EVENT_ID)
            .and_then(|keys| keys.into_iter().map(|key| key.map(|key| id_of(key).0)).collect());
        (piece.packed, piece.unpacked_bytes) = pack(&fields, arrays, rows.len())?;
        piece.fields = fields;
        Ok(piece)
    }
}

/// A raw batch's columns, by index into the fields of its stage.
struct Source {
    rows: usize,
    columns: BTreeMap<usize, ArrayRef>,
}

impl Piece {
    fn memory(&self) -> usize {
        let ids = self.ids.len() + self.keys.as_ref().map_or(0, Vec::len);
        size_of::<Piece>() + self.packed.len() + ids * 16 + self.fields.len() * 8
    }

    /// The columns, in the order of `fields`.
    ///
    /// # Errors
    ///
    /// If what this process packed itself cannot be read: broken memory, or a bug.
    pub(super) fn unpack(&self) -> Result<Vec<ArrayRef>, ArrowError> {
        let plain = zstd::stream::read::Decoder::new(&*self.packed)?;
        let mut reader = StreamReader::try_new_buffered(plain, None)?;
        match reader.next() {
            Some(batch) => Ok(batch?.columns().to_vec()),
            None => Err(ArrowError::IpcError("a packed piece is empty".to_owned())),
        }
    }
}

/// The columns as a compressed stream, and the memory they take now. Their names are numbers: the schema of a
/// wide batch would take more than its rows.
fn pack(fields: &[usize], arrays: Vec<ArrayRef>, rows: usize) -> Result<(Box<[u8]>, usize), ArrowError> {
    let named: Vec<Field> = fields
        .iter()
        .zip(&arrays)
        .map(|(field, array)| Field::new(field.to_string(), array.data_type().clone(), true))
        .collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(named)), arrays, &options)?;
    let mut memory = Memory::default();
    memory.add(&batch);
    let encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    let mut writer = StreamWriter::try_new(encoder, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    let packed = writer.into_inner()?.finish()?;
    Ok((packed.into_boxed_slice(), memory.bytes()))
}

/// A column of text, plain or dictionary-encoded with 32-bit keys.
fn text_column(batch: &RecordBatch, name: &str) -> Result<ArrayRef, String> {
    let array = batch
        .column_by_name(name)
        .ok_or_else(|| format!("there is no column {name}"))?;
    to_canonical(array)
}

/// Event times; where one is missing the time of reading stands in for it.
fn times(batch: &RecordBatch) -> Result<TimestampMicrosecondArray, String> {
    let column = |name: &str| {
        let array = batch.column_by_name(name)?;
        let array = to_canonical(array).ok()?;
        array.as_primitive_opt::<TimestampMicrosecondType>().cloned()
    };
    let (time, ingest) = (column("time"), column("ingest_time"));
    match time {
        Some(time) if time.null_count() == 0 => Ok(time.with_timezone("UTC")),
        time => (0..batch.num_rows())
            .map(|row| {
                [&time, &ingest]
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::Int32Type;

    const DAY: i64 = 86_400_000_000;

    fn batch(times: Vec<i64>, extra: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let ids: StringArray = times.iter().map(|time| Some(format!("{time:032x}"))).collect();
        let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
        let mut columns = vec![("time", time), ("event_id", Arc::new(ids) as ArrayRef)];
        columns.extend(extra);
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let texts = strings(array).unwrap();
        (0..array.len())
            .map(|row| texts.get(row).map(str::to_owned))
            .collect()
    }

    #[test]
    fn a_piece_has_the_rows_of_a_day_in_order_whatever_batches_brought_them() {
        let mut stage = Stage::default();
        let hosts = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![1, 0]),
            Arc::new(StringArray::from(vec!["a", "b"])),
        );
        stage
            .push(&batch(vec![9, DAY + 1], vec![("host", Arc::new(hosts))]))
            .unwrap();
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), None]));
        let pid: ArrayRef = Arc::new(Int32Array::from(vec![4, 5]));
        stage
            .push(&batch(vec![7, 8], vec![("host", plain), ("pid", pid)]))
            .unwrap();
        stage.pack().unwrap();
        assert_eq!((stage.rows(), stage.pieces().len()), (4, 2));
        let piece = &stage.pieces()[0];
        assert_eq!((piece.day, piece.rows, piece.first, piece.last), (0, 3, 7, 9));
        assert_eq!(piece.ids, [7, 8, 9]);
        let names: Vec<&str> = piece
            .fields
            .iter()
            .map(|&f| stage.fields()[f].name().as_str())
            .collect();
        assert_eq!(names, ["time", "event_id", "host", "pid"]);
        let columns = piece.unpack().unwrap();
        assert_eq!(
            texts(&columns[2]),
            [Some("c".to_owned()), None, Some("b".to_owned())]
        );
        let pids = columns[3].as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(pids, &Int64Array::from(vec![Some(4), Some(5), None]));
        assert_eq!(stage.pieces()[1].fields.len(), 3);
    }

    #[test]
    fn types_and_repeated_names_stay_apart() {
        let mut stage = Stage::default();
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        stage
            .push(&batch(
                vec![1],
                vec![
                    ("a", number),
                    ("A", text.clone()),
                    ("b", text.clone()),
                    ("B", text),
                ],
            ))
            .unwrap();
        stage.pack().unwrap();
        assert_eq!(stage.pieces()[0].fields.len(), 6);
    }

    #[test]
    fn shared_memory_is_counted_once() {
        let mut memory = Memory::default();
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(
            (0..1000).map(|n| format!("value {n}")),
        ));
        let batch = |key: i32| {
            let keys = Int32Array::from(vec![key; 8]);
            let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, values.clone()));
            RecordBatch::try_from_iter([("c", column)]).unwrap()
        };
        memory.add(&batch(0));
        let first = memory.bytes();
        assert!(first > 9000);
        let second = batch(1);
        memory.add(&second);
        memory.add(&second.slice(2, 3));
        assert!(memory.bytes() < first + 2000, "{} after {first}", memory.bytes());
    }

    #[test]
    fn a_missing_time_is_replaced_and_a_missing_id_is_an_error() {
        let ingest: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![9]).with_timezone("UTC"));
        let id: ArrayRef = Arc::new(StringArray::from(vec!["id"]));
        let no_time = RecordBatch::try_from_iter([("ingest_time", ingest.clone()), ("event_id", id.clone())]);
        let mut stage = Stage::default();
        stage.push(&no_time.unwrap()).unwrap();
        stage.pack().unwrap();
        assert_eq!(stage.pieces()[0].first, 9);
        assert!(stage.pieces()[0].hashed);
        let no_id = RecordBatch::try_from_iter([("ingest_time", ingest)]).unwrap();
        assert!(stage.push(&no_id).is_err());
        let neither = RecordBatch::try_from_iter([("event_id", id)]).unwrap();
        assert!(stage.push(&neither).is_err());
        assert_eq!(stage.rows(), 1);
    }
}
