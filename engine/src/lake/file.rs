//! One data file: rows of one day as Parquet, synced, with statistics for the Delta log.
//!
//! Pieces are row groups already, and mostly go into the file as they are. One of which rows are stored already,
//! or with values that have no column of their own in the table, is read and encoded again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter;
use arrow::datatypes::{DataType, FieldRef, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use serde_json::{Map, Value, json};

use super::columnar::{Chunk, Chunks, Numbers, OpenRows, Selection};
use super::columns::{Conformed, Moved, TableColumns, file_schema};
use super::error::LakeError;
use super::piece::Piece;
use super::ranges::source_of;

/// The column with an event's identity.
pub(super) const EVENT_ID: &str = "event_id";

/// Columns that people search for one value: a filter says "not in this row group" without reading it.
/// What is narrow (event codes, levels) is not here: its dictionary page or statistics answer as well.
const BLOOM_COLUMNS: &[&str] = &[
    "host_name",
    "user_name",
    "user_id",
    "source_ip",
    "source_domain",
    "destination_ip",
    "destination_domain",
    "dns_question_name",
    "url_domain",
    "url_full",
    "file_path",
    "file_name",
    "file_hash_md5",
    "file_hash_sha1",
    "file_hash_sha256",
    "process_hash_md5",
    "process_hash_sha1",
    "process_hash_sha256",
    "process_hash_imphash",
    "process_executable",
    "process_entity_id",
    "process_parent_executable",
    "registry_path",
    "service_name",
    "winlog_logon_id",
    "rule_id",
];

/// Of [`BLOOM_COLUMNS`]: 10 bits a distinct value.
const BLOOM_FPP: f64 = 0.01;

/// Of `event_id`, which [`dedupe`](super::dedupe) asks for whole flushes of ids at a time: 15 bits a row.
const EVENT_ID_FPP: f64 = 0.001;

/// Delta's default for `delta.dataSkippingNumIndexedCols`: readers expect statistics of so many columns.
const INDEXED_COLUMNS: usize = 32;

/// What one file is made of.
pub(super) struct Rows<'a> {
    pub(super) table: &'a TableColumns,
    /// What the pieces' fields are, and where they go in the table.
    pub(super) fields: &'a [FieldRef],
    pub(super) places: &'a [Option<usize>],
    /// Pieces of one day, each with a mark per row that is not to be written (or no marks at all).
    pub(super) pieces: Vec<(&'a Piece, &'a [bool])>,
}

/// A file on disk that no commit names yet.
#[derive(Debug, Clone)]
pub(super) struct DataFile {
    /// Relative to the table's folder.
    pub(super) path: String,
    /// Days since 1970-01-01.
    pub(super) day: i32,
    pub(super) bytes: u64,
    pub(super) rows: usize,
    /// As Delta's add action wants them.
    pub(super) stats: String,
    pub(super) moved: Moved,
}

/// Writes rows to `folder/path`, complete and synced. On an error nothing is left behind.
pub(super) fn write(folder: &Path, path: String, day: i32, rows: Rows<'_>) -> Result<DataFile, LakeError> {
    let target = folder.join(&path);
    let parent = target.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(|e| LakeError::io("create the folder", parent, e))?;
    let table = rows.table;
    let written = write_rows(&target, rows).and_then(|(metadata, present, moved)| {
        let bytes = std::fs::metadata(&target)
            .map_err(|e| LakeError::io("look at", &target, e))?
            .len();
        sync_folder(parent)?;
        Ok(DataFile {
            path,
            day,
            bytes,
            rows: usize::try_from(metadata.file_metadata().num_rows()).unwrap_or_default(),
            stats: statistics(&metadata, table, &present),
            moved,
        })
    });
    if written.is_err() {
        // Best effort: it may not even exist, and an unnamed file is harmless.
        let _ = std::fs::remove_file(&target);
    }
    written
}

/// Makes the names in `folder` survive a power cut. Windows opens no folders, and needs none of this.
pub(super) fn sync_folder(folder: &Path) -> Result<(), LakeError> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| LakeError::io("sync the folder", folder, e))?;
    }
    Ok(())
}

fn write_rows(target: &Path, rows: Rows<'_>) -> Result<(ParquetMetaData, Vec<usize>, Moved), LakeError> {
    let failed = |e| LakeError::parquet(target, e);
    let mut chunks = Chunks::new().map_err(failed)?;
    let mut moved = Moved::default();
    let mut pieces = rows.pieces.clone();
    pieces.sort_by_key(|(piece, _)| (piece.first, piece.last));
    let mut groups = pieces
        .into_iter()
        .map(|(piece, dropped)| rows.group(piece, dropped, &mut chunks, &mut moved))
        .collect::<Result<Vec<Group>, ParquetError>>()
        .map_err(failed)?;
    let mut present: Vec<usize> = groups
        .iter()
        .flat_map(|group| group.columns.iter().map(|&(column, _)| column))
        .collect();
    present.sort_unstable();
    present.dedup();
    for (column, _) in groups.iter_mut().flat_map(|group| &mut group.columns) {
        *column = present.partition_point(|other| *other < *column);
    }
    let schema = file_schema(rows.table, &present);
    let file = File::create_new(target).map_err(|e| LakeError::io("create", target, e))?;
    let metadata = write_groups(&file, &schema, properties(&schema), &groups, &mut chunks).map_err(failed)?;
    file.sync_all().map_err(|e| LakeError::io("sync", target, e))?;
    Ok((metadata, present, moved))
}

/// A row group: its chunks, each with its column's place in the file, ascending.
pub(super) struct Group {
    pub(super) rows: usize,
    pub(super) columns: Vec<(usize, Chunk)>,
}

/// Writes row groups as they are; columns that a group lacks are null.
pub(super) fn write_groups<W: Write + Send>(
    sink: W,
    schema: &Schema,
    properties: Arc<WriterProperties>,
    groups: &[Group],
    chunks: &mut Chunks,
) -> Result<ParquetMetaData, ParquetError> {
    let schema = ArrowSchemaConverter::new().convert(schema)?;
    let mut writer = SerializedFileWriter::new(sink, schema.root_schema_ptr(), properties)?;
    // Readers want to know of all columns where their pages are, or of none.
    let mut all = groups.iter().flat_map(|group| &group.columns);
    let with_pages = all.any(|(_, chunk)| chunk.has_pages());
    for group in groups {
        let mut columns = group.columns.iter().peekable();
        let mut group_writer = writer.next_row_group()?;
        for number in 0..schema.num_columns() {
            let column = schema.column(number);
            let absent;
            let chunk = match columns.next_if(|(place, _)| *place == number) {
                Some((_, chunk)) => chunk,
                None => {
                    absent = chunks.nulls(group.rows, column.physical_type(), column.max_rep_level() > 0)?;
                    &absent
                }
            };
            let (bytes, description) = chunk.describe(column, with_pages)?;
            group_writer.append_column(&bytes, description)?;
        }
        group_writer.close()?;
    }
    writer.close()
}

impl Rows<'_> {
    /// A piece as a row group of the table: as it is, unless rows are dropped or values have to move.
    fn group(
        &self,
        piece: &Piece,
        dropped: &[bool],
        chunks: &mut Chunks,
        moved: &mut Moved,
    ) -> Result<Group, ParquetError> {
        let places: Option<Vec<usize>> = piece.fields.iter().map(|&field| self.places[field]).collect();
        match places {
            Some(places) if !dropped.contains(&true) => {
                let mut columns: Vec<(usize, Chunk)> =
                    places.into_iter().zip(piece.chunks.iter().cloned()).collect();
                columns.sort_unstable_by_key(|&(column, _)| column);
                Ok(Group {
                    rows: piece.rows,
                    columns,
                })
            }
            _ => {
                let conformed = self.unpack(piece, dropped)?;
                *moved += conformed.moved;
                self.encode(&conformed, chunks)
            }
        }
    }

    fn encode(&self, conformed: &Conformed, chunks: &mut Chunks) -> Result<Group, ParquetError> {
        let time = self.table.index("time").expect("every table gets it");
        let mut rows = OpenRows::default();
        let mut scratch = Numbers::default();
        rows.add_times(conformed.times.values(), Selection::All);
        for (column, known) in self.table.columns().iter().enumerate() {
            let (Some(array), Some(data_type)) = (conformed.array(column), &known.data_type) else {
                continue;
            };
            if column != time && !rows.add(column, data_type, array, Selection::All, &mut scratch) {
                let message = format!("values of {} are of another type than their column", known.name);
                return Err(ParquetError::General(message));
            }
        }
        let sealed = rows.seal(chunks, time, |column| {
            let column = &self.table.columns()[column];
            bloom_rate(&column.name, column.data_type.as_ref()?)
        })?;
        Ok(Group {
            rows: sealed.rows,
            columns: sealed.columns,
        })
    }

    /// The rows of a piece that are not dropped, as the table's columns.
    fn unpack(&self, piece: &Piece, dropped: &[bool]) -> Result<Conformed, ParquetError> {
        let mut arrays = piece.unpack(self.fields)?;
        let mut rows = piece.rows;
        if dropped.contains(&true) {
            let keep: BooleanArray = dropped.iter().map(|&dropped| Some(!dropped)).collect();
            rows = keep.true_count();
            for array in &mut arrays {
                *array = filter(array, &keep)?;
            }
        }
        let columns = piece.fields.iter().copied().zip(arrays).collect();
        self.table
            .conform(self.fields, self.places, rows, columns)
            .map_err(ParquetError::General)
    }
}

/// The rate of false positives of a column's bloom filter; `None` if it has none.
pub(super) fn bloom_rate(name: &str, data_type: &DataType) -> Option<f64> {
    match name {
        _ if *data_type != DataType::Utf8 => None,
        EVENT_ID => Some(EVENT_ID_FPP),
        _ if BLOOM_COLUMNS.contains(&name) => Some(BLOOM_FPP),
        _ => None,
    }
}

/// As [`bloom_rate`], for a row group's `event_id`. Ids of one source lie as close together as its rows do, and
/// the least and the greatest of them answer as well.
pub(super) fn id_bloom_rate(ids: &[u128]) -> Option<f64> {
    let of_one_source = ids
        .windows(2)
        .all(|pair| source_of(pair[0]) == source_of(pair[1]));
    (!of_one_source).then_some(EVENT_ID_FPP)
}

fn properties(schema: &Schema) -> Arc<WriterProperties> {
    let time = schema
        .index_of("time")
        .ok()
        .and_then(|time| i32::try_from(time).ok());
    let sorted = time.map(|column_idx| {
        vec![SortingColumn {
            column_idx,
            descending: false,
            nulls_first: false,
        }]
    });
    Arc::new(
        WriterProperties::builder()
            .set_created_by(concat!("borzoi ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_sorting_columns(sorted)
            .build(),
    )
}

/// Statistics of a file as the Delta log wants them, for the first [`INDEXED_COLUMNS`] of the table.
fn statistics(metadata: &ParquetMetaData, table: &TableColumns, present: &[usize]) -> String {
    let rows = metadata.file_metadata().num_rows();
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    let schema = metadata.file_metadata().schema_descr();
    let indexed = table
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, column)| column.name != super::DAY)
        .take(INDEXED_COLUMNS);
    for (index, column) in indexed {
        let Some(data_type) = &column.data_type else {
            continue;
        };
        if matches!(data_type, DataType::List(_)) {
            continue;
        }
        if !present.contains(&index) {
            nulls.insert(column.name.clone(), json!(rows));
            continue;
        }
        let Some(leaf) = (0..schema.num_columns()).find(|&leaf| {
            let path = schema.column(leaf).path().parts().to_vec();
            path.len() == 1 && path[0] == column.name
        }) else {
            continue;
        };
        let chunks: Vec<Known<'_>> = metadata
            .row_groups()
            .iter()
            .map(|group| Known {
                rows: u64::try_from(group.num_rows()).unwrap_or_default(),
                statistics: group.column(leaf).statistics(),
            })
            .collect();
        if let Some(count) = chunks.iter().map(Known::null_count).sum::<Option<u64>>() {
            nulls.insert(column.name.clone(), json!(count));
        }
        if let Some((low, high)) = bounds(&chunks, data_type) {
            min.insert(column.name.clone(), low);
            max.insert(column.name.clone(), high);
        }
    }
    json!({"numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
}

/// What is known of a column of a row group.
struct Known<'a> {
    rows: u64,
    statistics: Option<&'a Statistics>,
}

impl Known<'_> {
    fn null_count(&self) -> Option<u64> {
        self.statistics.and_then(Statistics::null_count_opt)
    }
}

/// Least and greatest value over row groups; `None` if they are not known for all rows.
fn bounds(chunks: &[Known<'_>], data_type: &DataType) -> Option<(Value, Value)> {
    fn fold<T: PartialOrd>(pairs: impl Iterator<Item = Option<(T, T)>>) -> Option<(T, T)> {
        let mut result: Option<(T, T)> = None;
        for pair in pairs {
            let (low, high) = pair?;
            result = Some(match result {
                None => (low, high),
                Some((least, greatest)) => (
                    if low < least { low } else { least },
                    if high > greatest { high } else { greatest },
                ),
            });
        }
        result
    }
    // Row groups of nulls alone have no bounds and need none.
    let chunks = chunks
        .iter()
        .filter(|chunk| chunk.null_count() != Some(chunk.rows))
        .map(|chunk| chunk.statistics);
    match data_type {
        DataType::Int64 | DataType::Timestamp(..) => {
            let (low, high) = fold(chunks.map(|chunk| match chunk? {
                Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
                _ => None,
            }))?;
            if matches!(data_type, DataType::Timestamp(..)) {
                Some((timestamp(low)?.into(), timestamp(high)?.into()))
            } else {
                Some((low.into(), high.into()))
            }
        }
        DataType::Float64 => {
            let (low, high) = fold(chunks.map(|chunk| match chunk? {
                Statistics::Double(s) => Some((*s.min_opt()?, *s.max_opt()?)),
                _ => None,
            }))?;
            let number = |value| serde_json::Number::from_f64(value).map(Value::Number);
            Some((number(low)?, number(high)?))
        }
        DataType::Utf8 => {
            let (low, high) = fold(chunks.map(|chunk| match chunk? {
                Statistics::ByteArray(s) => Some((s.min_opt()?.data(), s.max_opt()?.data())),
                _ => None,
            }))?;
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Value::from);
            Some((text(low)?, text(high)?))
        }
        _ => None,
    }
}

/// As Delta writes timestamps in statistics: RFC 3339, UTC. `None` beyond the years that readers parse.
fn timestamp(micros: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_micros(micros)?;
    let year = chrono::Datelike::year(&time);
    (1..=9999)
        .contains(&year)
        .then(|| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}
