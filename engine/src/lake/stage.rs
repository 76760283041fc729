//! Rows that wait to be written, small.
//!
//! Batches come in many and wide; as they are, what waits for a flush would take gigabytes. So a [`Stage`] takes
//! their values over into columns of its own, one set for each day ([`OpenRows`]), where a text is kept once
//! however many rows and batches have it. What has enough rows, or takes the most memory when that is short, is
//! *sealed*: sorted by time, encoded and compressed as it will be in its file ([`Piece`]).
//!
//! A row whose id waits already is not taken at all, so that what is sealed need not be opened again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use borzoi_parsers::batch::{DOTTED_NAME, StringColumn, strings};
use parquet::errors::ParquetError;

use super::ALERT_EVENT_ID;
use super::append::day_of;
use super::columnar::{Chunks, Numbers, OpenRows, Selection};
use super::columns::{canonical, json_texts, timestamp_type, to_canonical};
use super::dedupe::id_of;
use super::file::{EVENT_ID, bloom_rate, id_bloom_rate};
use super::piece::{Piece, stored_type};
use super::seen::Seen;

/// Rows of one table.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// Rows that are not sealed, by day.
    open: BTreeMap<i32, DayRows>,
    pieces: Vec<Arc<Piece>>,
    rows: usize,
    piece_bytes: usize,
    open_bytes: usize,
    seen: Seen,
    duplicates: u64,
    /// Every column that had a value, in the order of arrival: it decides which type a new column has.
    fields: Vec<FieldRef>,
    by_key: HashMap<FieldKey, usize>,
    /// The first field of each name and type, by the name as it was written: what nearly always is asked for.
    by_name: HashMap<String, Vec<(DataType, usize)>, foldhash::fast::FixedState>,
    scratch: Numbers,
    /// Why rows were lost that nobody may believe stored.
    broken: Option<String>,
}

/// What makes two fields of different batches the same: lower-case name, type, and how many fields of its own
/// batch had both before it (Arrow allows that, a table does not).
type FieldKey = (String, DataType, usize);

/// Rows of one day that are not sealed.
///
/// *Invariant*: `ids` has an entry per row, meaningless where `without_id` names it.
#[derive(Debug, Default)]
struct DayRows {
    rows: OpenRows,
    ids: Vec<u128>,
    without_id: Vec<u32>,
    hashed: bool,
    /// Some id is missing or not 32 hexadecimal digits; therefore `rows` has all ids as they are written.
    keeps_texts: bool,
    memory: usize,
}

/// The identities of a batch's rows.
struct Ids {
    ids: Vec<u128>,
    is_missing: Vec<bool>,
    hashed: bool,
    texts: ArrayRef,
}

/// What of a batch is stored.
struct Incoming {
    times: TimestampMicrosecondArray,
    ids: Ids,
    columns: Vec<(usize, ArrayRef)>,
    id: usize,
}

impl Stage {
    /// Takes those rows whose id does not wait already. Seals what reaches `group_rows` rows.
    ///
    /// # Errors
    ///
    /// A sentence, if there is no id, or neither `time` nor `ingest_time` in some row; nothing is taken then.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        group_rows: usize,
        chunks: &mut Chunks,
    ) -> Result<(), String> {
        let incoming = self.incoming(batch)?;
        let fresh = self.fresh(&incoming.ids);
        let rows = batch.num_rows();
        self.duplicates += (rows - fresh.as_ref().map_or(rows, Vec::len)) as u64;
        let day_of_row = |row: u32| day_of(incoming.times.value(row as usize));
        let first_day = day_of_row(0);
        let is_one_day = incoming
            .times
            .values()
            .iter()
            .all(|&time| day_of(time) == first_day);
        match fresh {
            None if is_one_day => self.add(first_day, &incoming, None, group_rows, chunks)?,
            fresh => {
                let mut days: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
                for row in fresh.unwrap_or_else(|| (0..rows as u32).collect()) {
                    days.entry(day_of_row(row)).or_default().push(row);
                }
                for (day, rows) in days {
                    self.add(day, &incoming, Some(&rows), group_rows, chunks)?;
                }
            }
        }
        Ok(())
    }

    /// Rows that wait.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that were not taken because their id waits already.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Memory of all rows.
    pub(super) fn bytes(&self) -> usize {
        self.piece_bytes + self.open_bytes + self.seen.memory()
    }

    /// Memory of the rows that are not sealed.
    pub(super) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Memory of the day with most of it that is not sealed.
    pub(super) fn largest_open(&self) -> usize {
        self.open
            .values()
            .map(|rows| rows.memory)
            .max()
            .unwrap_or_default()
    }

    pub(super) fn pieces(&self) -> &[Arc<Piece>] {
        &self.pieces
    }

    pub(super) fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// Seals the day that takes most memory.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub(super) fn seal_largest(&mut self, chunks: &mut Chunks) -> Result<(), String> {
        match self.open.iter().max_by_key(|(_, rows)| rows.memory) {
            Some((&day, _)) => self.seal_day(day, chunks),
            None => Ok(()),
        }
    }

    /// Seals all rows.
    ///
    /// # Errors
    ///
    /// If rows cannot be encoded, now or before, which is a bug of ours: those rows are lost, and nothing that
    /// came with them may be taken for stored.
    pub(super) fn seal(&mut self, chunks: &mut Chunks) -> Result<(), String> {
        while let Some((&day, _)) = self.open.first_key_value() {
            self.seal_day(day, chunks)?;
        }
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn seal_day(&mut self, day: i32, chunks: &mut Chunks) -> Result<(), String> {
        let Some(rows) = self.open.remove(&day) else {
            return Ok(());
        };
        self.open_bytes -= rows.memory;
        match self.piece(day, rows, chunks) {
            Ok(piece) => {
                self.piece_bytes += piece.memory();
                self.pieces.push(Arc::new(piece));
                Ok(())
            }
            Err(error) => {
                let reason = format!("cannot encode rows: {error}");
                self.broken = Some(reason.clone());
                Err(reason)
            }
        }
    }

    fn piece(&self, day: i32, rows: DayRows, chunks: &mut Chunks) -> Result<Piece, ParquetError> {
        let field = |name: &str, data_type: DataType| {
            let field = self.by_key.get(&(name.to_owned(), data_type, 0));
            field.copied()
        };
        let keys = field(ALERT_EVENT_ID, DataType::Utf8).and_then(|number| rows.rows.ids_in(number));
        let time = field("time", timestamp_type()).expect("every batch brings it");
        let mut sealed = rows.rows.seal(chunks, time, |number| {
            let field = &self.fields[number];
            bloom_rate(field.name(), field.data_type())
        })?;
        let ids = sealed.reorder(rows.ids);
        if !rows.keeps_texts {
            let id = field(EVENT_ID, DataType::Utf8).expect("every batch brings it");
            sealed.add_ids(id, &ids, chunks, id_bloom_rate(&ids))?;
        }
        let mut without_id: Vec<u32> = rows.without_id.iter().map(|&row| sealed.place_of(row)).collect();
        without_id.sort_unstable();
        let keys = keys.map(|keys| sealed.reorder(keys));
        let (fields, chunks) = sealed.columns.into_iter().unzip();
        Ok(Piece {
            day,
            rows: sealed.rows,
            first: sealed.first,
            last: sealed.last,
            fields,
            chunks,
            ids,
            keys,
            without_id,
            hashed: rows.hashed,
        })
    }

    /// The rows whose id does not wait already; `None`: all.
    fn fresh(&mut self, incoming: &Ids) -> Option<Vec<u32>> {
        let Stage {
            open, pieces, seen, ..
        } = self;
        let mut fresh: Option<Vec<u32>> = None;
        for (row, &id) in incoming.ids.iter().enumerate() {
            let waiting = || {
                let open = open.values().map(|rows| (&rows.ids, &rows.without_id));
                let sealed = pieces.iter().map(|piece| (&piece.ids, &piece.without_id));
                let before = incoming.ids[..row].iter().zip(&incoming.is_missing);
                open.chain(sealed)
                    .flat_map(|(ids, without)| known(ids, without))
                    .chain(before.filter(|&(_, &is_missing)| !is_missing).map(|(&id, _)| id))
                    .collect::<Vec<u128>>()
            };
            // A row without an id is nobody's repeat.
            let is_new = incoming.is_missing[row] || seen.insert(id, waiting);
            match &mut fresh {
                Some(fresh) if is_new => fresh.push(row as u32),
                None if !is_new => fresh = Some((0..row as u32).collect()),
                _ => {}
            }
        }
        fresh
    }

    /// Looks at a batch and gives its columns their fields.
    fn incoming(&mut self, batch: &RecordBatch) -> Result<Incoming, String> {
        let ids = Ids::of(batch)?;
        let times = times(batch)?;
        let schema = batch.schema();
        let mut taken = vec![false; self.fields.len()];
        let time = match schema.field_with_name("time") {
            Ok(field) => field.clone().with_data_type(timestamp_type()),
            Err(_) => Field::new("time", timestamp_type(), true)
                .with_metadata(HashMap::from([(DOTTED_NAME.to_owned(), "@timestamp".to_owned())])),
        };
        self.field(&time, &mut taken);
        let mut id = None;
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if field.name() == "time" || array.null_count() == array.len() {
                continue;
            }
            let number = self.field(field, &mut taken);
            if id.is_none() && field.name() == EVENT_ID {
                id = Some(number);
                continue;
            }
            let array = match canonical(array.data_type()) {
                Some(_) => to_canonical(array)?,
                None => json_texts(array),
            };
            columns.push((number, array));
        }
        Ok(Incoming {
            times,
            ids,
            columns,
            id: id.ok_or("no event has an event_id")?,
        })
    }

    /// The number of a field of a batch, whose other fields have `taken` theirs.
    fn field(&mut self, field: &Field, taken: &mut Vec<bool>) -> usize {
        let data_type = canonical(field.data_type()).unwrap_or_else(|| field.data_type().clone());
        let known = self.by_name.get(field.name());
        let known = known.and_then(|known| known.iter().find(|(other, _)| *other == data_type));
        if let Some(&(_, number)) = known
            && !taken[number]
        {
            taken[number] = true;
            return number;
        }
        for ordinal in 0.. {
            let key = (field.name().to_lowercase(), data_type.clone(), ordinal);
            let number = *self.by_key.entry(key).or_insert_with(|| {
                let dotted = field.metadata().get(DOTTED_NAME).unwrap_or(field.name()).clone();
                let metadata = HashMap::from([(DOTTED_NAME.to_owned(), dotted)]);
                let field = Field::new(field.name(), data_type.clone(), true).with_metadata(metadata);
                self.fields.push(Arc::new(field));
                self.fields.len() - 1
            });
            taken.resize(self.fields.len(), false);
            if !std::mem::replace(&mut taken[number], true) {
                if ordinal == 0 {
                    let known = self.by_name.entry(field.name().clone()).or_default();
                    known.push((data_type, number));
                }
                return number;
            }
        }
        unreachable!("a batch has fewer fields than there are numbers")
    }

    /// Adds rows of one day (`None`: all).
    fn add(
        &mut self,
        day: i32,
        incoming: &Incoming,
        rows: Option<&[u32]>,
        group_rows: usize,
        chunks: &mut Chunks,
    ) -> Result<(), String> {
        let all = incoming.ids.ids.len();
        let mut rest = rows;
        loop {
            let open = self.open.entry(day).or_default();
            let room = group_rows.saturating_sub(open.rows.len()).max(1);
            let selection = match rest {
                None if all <= room => Selection::All,
                None => {
                    let rows: Vec<u32> = (0..all as u32).collect();
                    return self.add(day, incoming, Some(&rows), group_rows, chunks);
                }
                Some(rows) => Selection::Rows(&rows[..rows.len().min(room)]),
            };
            let added = selection.rows_of(all);
            open.add(incoming, selection, &self.fields, &mut self.scratch);
            self.rows += added;
            let memory = open.memory();
            self.open_bytes += memory;
            self.open_bytes -= std::mem::replace(&mut open.memory, memory);
            if open.rows.len() >= group_rows {
                self.seal_day(day, chunks)?;
            }
            match rest {
                Some(rows) if rows.len() > added => rest = Some(&rows[added..]),
                _ => return Ok(()),
            }
        }
    }
}

impl DayRows {
    fn add(
        &mut self,
        incoming: &Incoming,
        selection: Selection<'_>,
        fields: &[FieldRef],
        scratch: &mut Numbers,
    ) {
        let ids = &incoming.ids;
        if !self.keeps_texts && ids.are_unusual() {
            self.keeps_texts = true;
            let texts = self.ids.iter().map(|id| Some(format!("{id:032x}")));
            let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
            self.rows.add_first(incoming.id, &DataType::Utf8, &texts, scratch);
        }
        self.rows.add_times(incoming.times.values(), selection);
        if self.keeps_texts {
            self.rows
                .add(incoming.id, &DataType::Utf8, &ids.texts, selection, scratch);
        }
        selection.each(ids.ids.len(), |row| {
            if ids.is_missing[row] {
                self.without_id.push(self.ids.len() as u32);
            }
            self.ids.push(ids.ids[row]);
        });
        self.hashed |= ids.hashed;
        for (number, array) in &incoming.columns {
            let added = self
                .rows
                .add(*number, &stored_type(&fields[*number]), array, selection, scratch);
            debug_assert!(added, "a field's arrays have its type");
        }
    }

    fn memory(&self) -> usize {
        self.rows.memory() + self.ids.capacity() * 16 + self.without_id.capacity() * 4
    }
}

impl Ids {
    /// # Errors
    ///
    /// If there are none.
    fn of(batch: &RecordBatch) -> Result<Self, String> {
        let texts = match batch.column_by_name(EVENT_ID) {
            Some(ids) if ids.null_count() < batch.num_rows() => to_canonical(ids)?,
            _ => return Err("no event has an event_id".to_owned()),
        };
        let column: StringColumn<'_> = strings(&texts).ok_or("event_id is not text")?;
        let mut hashed = false;
        let ids = (0..batch.num_rows())
            .map(|row| {
                column.get(row).map_or(0, |text| {
                    let (id, is_hash) = id_of(text);
                    hashed |= is_hash;
                    id
                })
            })
            .collect();
        Ok(Ids {
            ids,
            is_missing: (0..batch.num_rows())
                .map(|row| column.get(row).is_none())
                .collect(),
            hashed,
            texts,
        })
    }

    fn are_unusual(&self) -> bool {
        self.hashed || self.is_missing.contains(&true)
    }
}

/// Ids of rows that have one.
fn known(ids: &[u128], without: &[u32]) -> impl Iterator<Item = u128> {
    let mut without = without.iter().peekable();
    let rows = ids.iter().enumerate();
    rows.filter(move |&(row, _)| without.next_if_eq(&&(row as u32)).is_none())
        .map(|(_, &id)| id)
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
    use arrow::array::{DictionaryArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder};
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

    fn push(stage: &mut Stage, batch: &RecordBatch) -> Result<(), String> {
        stage.push(batch, 1000, &mut Chunks::new().unwrap())
    }

    fn seal(stage: &mut Stage) {
        stage.seal(&mut Chunks::new().unwrap()).unwrap();
    }

    #[test]
    fn a_piece_has_the_rows_of_a_day_in_order_whatever_batches_brought_them() {
        let mut stage = Stage::default();
        let hosts = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![1, 0]),
            Arc::new(StringArray::from(vec!["a", "b"])),
        );
        push(
            &mut stage,
            &batch(vec![9, DAY + 1], vec![("host", Arc::new(hosts))]),
        )
        .unwrap();
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), None]));
        let pid: ArrayRef = Arc::new(Int32Array::from(vec![4, 5]));
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("x"), None]);
        tags.append_null();
        let tags: ArrayRef = Arc::new(tags.finish());
        push(
            &mut stage,
            &batch(
                vec![7, 8],
                vec![("host", plain), ("pid", pid), ("tags", tags.clone())],
            ),
        )
        .unwrap();
        seal(&mut stage);
        assert_eq!((stage.rows(), stage.pieces().len()), (4, 2));
        let piece = &stage.pieces()[0];
        assert_eq!((piece.day, piece.rows, piece.first, piece.last), (0, 3, 7, 9));
        assert_eq!(piece.ids, [7, 8, 9]);
        let names: Vec<&str> = piece
            .fields
            .iter()
            .map(|&f| stage.fields()[f].name().as_str())
            .collect();
        assert_eq!(names, ["time", "event_id", "host", "pid", "tags"]);
        let columns = piece.unpack(stage.fields()).unwrap();
        assert_eq!(texts(&columns[1])[2], Some(format!("{:032x}", 9)));
        assert_eq!(
            texts(&columns[2]),
            [Some("c".to_owned()), None, Some("b".to_owned())]
        );
        let pids = columns[3].as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(pids, &Int64Array::from(vec![Some(4), Some(5), None]));
        assert_eq!(
            columns[4]
                .as_list::<i32>()
                .value(0)
                .as_string::<i32>()
                .iter()
                .collect::<Vec<_>>(),
            [Some("x"), None]
        );
        assert_eq!(columns[4].null_count(), 2);
        assert_eq!(stage.pieces()[1].fields.len(), 3);
    }

    #[test]
    fn a_row_that_waits_already_is_not_taken() {
        let mut stage = Stage::default();
        push(&mut stage, &batch(vec![1, 2, DAY], vec![])).unwrap();
        seal(&mut stage);
        push(&mut stage, &batch(vec![2, 3, 3, DAY], vec![])).unwrap();
        assert_eq!((stage.rows(), stage.duplicates()), (4, 3));
        seal(&mut stage);
        assert_eq!(stage.pieces().last().unwrap().ids, [3]);
    }

    #[test]
    fn a_row_group_has_no_more_rows_than_it_may() {
        let mut stage = Stage::default();
        let mut chunks = Chunks::new().unwrap();
        stage
            .push(&batch((0..25).collect(), vec![]), 10, &mut chunks)
            .unwrap();
        stage
            .push(&batch((25..32).collect(), vec![]), 10, &mut chunks)
            .unwrap();
        stage.seal(&mut chunks).unwrap();
        let rows: Vec<usize> = stage.pieces().iter().map(|piece| piece.rows).collect();
        assert_eq!(rows, [10, 10, 10, 2]);
    }

    #[test]
    fn ids_of_all_kinds_stay_with_their_rows() {
        let mut stage = Stage::default();
        push(&mut stage, &batch(vec![5, 4], vec![])).unwrap();
        let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("odd"), None, None]));
        let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![3, 9, 1]).with_timezone("UTC"));
        let odd = RecordBatch::try_from_iter([("time", time), (EVENT_ID, ids)]).unwrap();
        push(&mut stage, &odd).unwrap();
        seal(&mut stage);
        let piece = &stage.pieces()[0];
        assert_eq!(piece.without_id, [0, 4]);
        assert!(piece.hashed);
        let columns = piece.unpack(stage.fields()).unwrap();
        let hex = |id: u8| Some(format!("{id:032x}"));
        assert_eq!(
            texts(&columns[1]),
            [None, Some("odd".to_owned()), hex(4), hex(5), None]
        );
    }

    #[test]
    fn types_and_repeated_names_stay_apart() {
        let mut stage = Stage::default();
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let extra = vec![
            ("a", number),
            ("A", text.clone()),
            ("b", text.clone()),
            ("B", text),
        ];
        push(&mut stage, &batch(vec![1], extra)).unwrap();
        seal(&mut stage);
        assert_eq!(stage.pieces()[0].fields.len(), 6);
    }

    #[test]
    fn a_missing_time_is_replaced_and_a_missing_id_is_an_error() {
        let ingest: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![9]).with_timezone("UTC"));
        let id: ArrayRef = Arc::new(StringArray::from(vec!["id"]));
        let no_time = RecordBatch::try_from_iter([("ingest_time", ingest.clone()), ("event_id", id.clone())]);
        let mut stage = Stage::default();
        push(&mut stage, &no_time.unwrap()).unwrap();
        seal(&mut stage);
        assert_eq!(stage.pieces()[0].first, 9);
        assert!(stage.pieces()[0].hashed);
        let no_id = RecordBatch::try_from_iter([("ingest_time", ingest)]).unwrap();
        assert!(push(&mut stage, &no_id).is_err());
        let neither = RecordBatch::try_from_iter([("event_id", id)]).unwrap();
        assert!(push(&mut stage, &neither).is_err());
        assert_eq!(stage.rows(), 1);
    }
}
