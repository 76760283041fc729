//! One data file: rows of one day, sorted by time, as Parquet, synced, with statistics for the Delta log.
//!
//! Pieces of logs mostly follow one another in time. Then what survived dedupe is handed to the Parquet writer
//! piece by piece; only when they overlap are rows gathered one by one. At most [`SORT_BYTES`] are unpacked at a
//! time: where more than that overlaps, each such part has row groups of its own, sorted inside.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use borzoi_parsers::catalog::UNMAPPED;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

use super::columns::{Conformed, Moved, TableColumns, file_schema, nulls};
use super::error::LakeError;
use super::gather::gather_column;
use super::stage::Piece;

/// Level 1: on log data 2 to 3 times faster than level 3 for a few per cent more bytes (DESIGN section 5
/// measures 500 k events/s with it); storage is cheaper than falling behind.
const ZSTD_LEVEL: i32 = 1;

/// Columns that people search for one value: a filter says "not in this row group" without reading it.
/// What is narrow (event codes, levels) is not here: its dictionary page or statistics answer as well. The
/// filters start at the row group's size and are folded down to the distinct values that came.
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

/// Bytes of a text value kept in statistics.
const STATISTICS_LENGTH: usize = 64;

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
    pub(super) row_group_rows: usize,
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

/// Memory of unpacked rows that are sorted together.
const SORT_BYTES: usize = 24 << 20;

/// Below this many rows a piece costs more as a batch of its own than its rows cost to gather.
const SHORT_PIECE: usize = 256;

/// Rows gathered at a time.
const GATHER_ROWS: usize = 32_768;

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
    let present = rows.present();
    let Rows {
        table,
        row_group_rows,
        ..
    } = rows;
    let count: usize = rows.pieces.iter().map(|(piece, _)| piece.rows).sum();
    let schema = file_schema(table, &present);
    let failed = |e| LakeError::parquet(target, e);
    let file = File::create_new(target).map_err(|e| LakeError::io("create", target, e))?;
    let properties = properties(&schema, count.min(row_group_rows)).map_err(failed)?;
    // Without the embedded Arrow schema, readers see plain strings whatever the batches were encoded as.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(&file, schema.clone(), options).map_err(failed)?;
    let mut moved = Moved::default();
    let mut last = i64::MIN;
    for chunk in rows.chunks() {
        let batches = chunk
            .iter()
            .map(|(piece, dropped)| rows.unpack(piece, dropped))
            .collect::<Result<Vec<Conformed>, ParquetError>>()
            .map_err(failed)?;
        for batch in &batches {
            moved += batch.moved;
        }
        // What is sorted apart may not share a row group.
        if chunk.iter().any(|(piece, _)| piece.first < last) {
            writer.flush().map_err(failed)?;
        }
        last = chunk.iter().map(|(piece, _)| piece.last).fold(last, i64::max);
        let in_order = chunk.windows(2).all(|pair| pair[0].0.last <= pair[1].0.first);
        let kept: usize = batches.iter().map(|batch| batch.rows).sum();
        if batches.len() == 1 || in_order && kept >= batches.len() * SHORT_PIECE {
            for batch in &batches {
                let batch = whole_batch(table, &present, batch).map_err(failed)?;
                writer.write(&batch).map_err(failed)?;
            }
        } else {
            let mut order: Vec<(i64, u32, u32)> = Vec::with_capacity(kept);
            for (number, batch) in batches.iter().enumerate() {
                let times = batch.times.values().iter().enumerate();
                order.extend(times.map(|(row, &time)| (time, number as u32, row as u32)));
            }
            order.sort_unstable();
            for rows in order.chunks(GATHER_ROWS) {
                let batch = gather(table, &present, &batches, rows).map_err(failed)?;
                writer.write(&batch).map_err(failed)?;
            }
        }
    }
    let metadata = writer.close().map_err(failed)?;
    file.sync_all().map_err(|e| LakeError::io("sync", target, e))?;
    Ok((metadata, present, moved))
}

impl<'a> Rows<'a> {
    /// The table's columns that the file needs.
    fn present(&self) -> Vec<usize> {
        let unmapped = self.table.index(UNMAPPED).expect("every table gets it");
        let mut present: Vec<usize> = self
            .pieces
            .iter()
            .flat_map(|(piece, _)| &piece.fields)
            .map(|&field| self.places[field].unwrap_or(unmapped))
            .collect();
        present.sort_unstable();
        present.dedup();
        present
    }

    /// The pieces by time, cut where their memory is enough.
    fn chunks(&self) -> Vec<Vec<(&'a Piece, &'a [bool])>> {
        let mut pieces = self.pieces.clone();
        pieces.sort_by_key(|(piece, _)| (piece.first, piece.last));
        let mut chunks: Vec<Vec<(&Piece, &[bool])>> = Vec::new();
        let mut bytes = 0;
        for (piece, dropped) in pieces {
            bytes += piece.unpacked_bytes;
            match chunks.last_mut() {
                Some(chunk) if bytes <= SORT_BYTES => chunk.push((piece, dropped)),
                _ => {
                    bytes = piece.unpacked_bytes;
                    chunks.push(vec![(piece, dropped)]);
                }
            }
        }
        chunks
    }

    /// The rows of a piece that are not dropped, as the table's columns.
    fn unpack(&self, piece: &Piece, dropped: &[bool]) -> Result<Conformed, ParquetError> {
        let mut arrays = piece.unpack()?;
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

fn properties(schema: &Schema, row_group_rows: usize) -> Result<WriterProperties, ParquetError> {
    let rows = row_group_rows.max(1);
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("borzoi ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(rows))
        .set_statistics_truncate_length(Some(STATISTICS_LENGTH));
    for (index, field) in schema.fields().iter().enumerate() {
        let path = || ColumnPath::from(field.name().as_str());
        match field.name().as_str() {
            "event_id" => {
                // Neighbours share a prefix (place and high bits of the offset) and none repeats.
                properties = properties
                    .set_column_dictionary_enabled(path(), false)
                    .set_column_encoding(path(), Encoding::DELTA_BYTE_ARRAY)
                    .set_column_bloom_filter_fpp(path(), EVENT_ID_FPP)
                    .set_column_bloom_filter_max_ndv(path(), rows as u64);
            }
            name @ ("time" | "log_offset") => {
                // Ascending, hardly repeating: differences are small where a dictionary is not.
                properties = properties
                    .set_column_dictionary_enabled(path(), false)
                    .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED);
                if name == "time" {
                    properties = properties.set_sorting_columns(Some(vec![SortingColumn {
                        column_idx: i32::try_from(index).unwrap_or_default(),
                        descending: false,
                        nulls_first: false,
                    }]));
                }
            }
            name if BLOOM_COLUMNS.contains(&name) && *field.data_type() == DataType::Utf8 => {
                properties = properties
                    .set_column_bloom_filter_fpp(path(), BLOOM_FPP)
                    .set_column_bloom_filter_max_ndv(path(), rows as u64);
            }
            _ => {}
        }
    }
    Ok(properties.build())
}

fn whole_batch(
    table: &TableColumns,
    present: &[usize],
    batch: &Conformed,
) -> Result<RecordBatch, ParquetError> {
    let arrays = present
        .iter()
        .map(|&column| match batch.array(column) {
            Some(array) => array.clone(),
            None => nulls(type_of(table, column), batch.rows),
        })
        .collect();
    as_batch(table, present, arrays)
}

/// The rows at `order` (time, batch, row).
fn gather(
    table: &TableColumns,
    present: &[usize],
    batches: &[Conformed],
    order: &[(i64, u32, u32)],
) -> Result<RecordBatch, ParquetError> {
    let mut used: Vec<u32> = order.iter().map(|(_, batch, _)| *batch).collect();
    used.sort_unstable();
    used.dedup();
    let mut position = vec![0; batches.len()];
    for (index, &batch) in used.iter().enumerate() {
        position[batch as usize] = index;
    }
    let rows: Vec<(usize, usize)> = order
        .iter()
        .map(|&(_, batch, row)| (position[batch as usize], row as usize))
        .collect();
    let arrays = present
        .iter()
        .map(|&column| {
            let sources: Vec<ArrayRef> = used
                .iter()
                .map(|&batch| {
                    let batch = &batches[batch as usize];
                    match batch.array(column) {
                        Some(array) => array.clone(),
                        None => nulls(type_of(table, column), batch.rows),
                    }
                })
                .collect();
            gather_column(&sources, &rows)
        })
        .collect::<Result<Vec<_>, ArrowError>>()?;
    as_batch(table, present, arrays)
}

fn type_of(table: &TableColumns, column: usize) -> &DataType {
    table.columns()[column]
        .data_type
        .as_ref()
        .unwrap_or(&DataType::Null)
}

fn as_batch(
    table: &TableColumns,
    present: &[usize],
    arrays: Vec<ArrayRef>,
) -> Result<RecordBatch, ParquetError> {
    let fields: Vec<Field> = present
        .iter()
        .zip(&arrays)
        .map(|(&column, array)| Field::new(&table.columns()[column].name, array.data_type().clone(), true))
        .collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
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
        let chunks: Vec<Chunk<'_>> = metadata
            .row_groups()
            .iter()
            .map(|group| Chunk {
                rows: u64::try_from(group.num_rows()).unwrap_or_default(),
                statistics: group.column(leaf).statistics(),
            })
            .collect();
        if let Some(count) = chunks.iter().map(Chunk::null_count).sum::<Option<u64>>() {
            nulls.insert(column.name.clone(), json!(count));
        }
        if let Some((low, high)) = bounds(&chunks, data_type) {
            min.insert(column.name.clone(), low);
            max.insert(column.name.clone(), high);
        }
    }
    json!({"numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
}

/// A column of a row group.
struct Chunk<'a> {
    rows: u64,
    statistics: Option<&'a Statistics>,
}

impl Chunk<'_> {
    fn null_count(&self) -> Option<u64> {
        self.statistics.and_then(Statistics::null_count_opt)
    }
}

/// Least and greatest value over row groups; `None` if they are not known for all rows.
fn bounds(chunks: &[Chunk<'_>], data_type: &DataType) -> Option<(Value, Value)> {
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
