//! Which events are stored already.
//!
//! An event is known by its `event_id` alone, whatever its time reads as: events without a time of their own
//! take their file's, which a copy changes, and what a time without a year or a zone means depends on when and
//! how it is read. So every file of the table could hold the rows of a flush, and what rules most of them out
//! costs next to nothing: the stretches of ids in the table's log, see [`ranges`](super::ranges). Fresh rows come
//! from places that no stored file has seen, and meet none.
//!
//! The id of an alert is a hash, and the alerts of a file are scattered over all ids. But it is made from the
//! rule and the event, so alerts with the same id have the same `alert_event_id`, and those lie together as
//! events do: where a table has that column, its stretches are what is compared first.
//!
//! A file that is left is asked in three steps, each cheaper than the next: the range of ids of each row group,
//! its bloom filter (if few ids are in question: among many, one false positive is certain), and at last the
//! `event_id` column itself, which decides.
//!
//! *Cost*: 32 bytes and a sort per pending row; 16 bytes per cached id, within the budget given to
//! [`IdCache::new`]; one decoded batch of ids while a file is read. *Exact*: ids are compared by their 128
//! bits (those that are not 32 hexadecimal digits by a 128-bit hash).

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use borzoi_parsers::batch::strings;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::statistics::Statistics;
use xxhash_rust::xxh3::xxh3_128;

use super::error::LakeError;
use super::piece::Piece;
use super::ranges::IdRanges;

/// A row that waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pending {
    pub(super) id: u128,
    pub(super) piece: u32,
    pub(super) row: u32,
}

/// The rows of a flush that may have to be written, by id.
///
/// *Invariant*: `ids` ascends, and no id is there twice.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingRows {
    ids: Vec<Pending>,
    /// Identities of the events behind alerts, ascending; at least those of `ids`. Only if all rows have one.
    keys: Option<Vec<u128>>,
    /// Some id is not 32 hexadecimal digits: other programs' statistics and bloom filters say nothing about it.
    hashed: bool,
}

/// A file that the table has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StoredFile {
    /// Relative to the table's folder.
    pub(super) path: String,
    /// `None` where the log does not say: could be any.
    pub(super) day: Option<i32>,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    /// What its tags say of `event_id`.
    pub(super) ids: Option<IdRanges>,
    /// What its tags say of `alert_event_id`.
    pub(super) alert_event_ids: Option<IdRanges>,
    /// Least and greatest `event_id` after its statistics, if those are 32 hexadecimal digits.
    pub(super) bounds: Option<IdRanges>,
}

impl PendingRows {
    /// The rows of all pieces, and those among them that repeat an earlier one.
    pub(super) fn of(pieces: &[Arc<Piece>]) -> (Self, Vec<Pending>) {
        let mut pending = PendingRows {
            ids: Vec::with_capacity(pieces.iter().map(|piece| piece.rows).sum()),
            keys: Some(Vec::new()),
            hashed: pieces.iter().any(|piece| piece.hashed),
        };
        for (number, piece) in pieces.iter().enumerate() {
            let mut without_id = piece.without_id.iter().peekable();
            for (row, &id) in piece.ids.iter().enumerate() {
                let row = row as u32;
                // A row without an id is nobody's repeat.
                if without_id.next_if_eq(&&row).is_none() {
                    let piece = number as u32;
                    pending.ids.push(Pending { id, piece, row });
                }
            }
            match (&mut pending.keys, &piece.keys) {
                (Some(all), Some(keys)) => all.extend_from_slice(keys),
                _ => pending.keys = None,
            }
        }
        if let Some(keys) = &mut pending.keys {
            keys.sort_unstable();
            keys.dedup();
        }
        // Stable sorts use that ids mostly ascend; which of equal ones comes first is part of the order.
        pending.ids.sort();
        let mut repeated = Vec::new();
        pending.ids.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                repeated.push(*later);
            }
            same
        });
        (pending, repeated)
    }

    /// The rows.
    pub(super) fn rows(&self) -> &[Pending] {
        &self.ids
    }

    /// Whether `file` could hold any of the rows.
    pub(super) fn touches(&self, file: &StoredFile) -> bool {
        if self.ids.is_empty() {
            return false;
        }
        if let (Some(keys), Some(ranges)) = (&self.keys, &file.alert_event_ids) {
            return ranges.meets(|from| keys.get(keys.partition_point(|&key| key < from)).copied());
        }
        let ranges = match (&file.ids, &file.bounds) {
            (Some(ranges), _) => ranges,
            (None, Some(bounds)) if !self.hashed => bounds,
            _ => return true,
        };
        ranges.meets(|from| {
            let next = self.ids.partition_point(|pending| pending.id < from);
            self.ids.get(next).map(|pending| pending.id)
        })
    }

    /// Takes out and returns the rows that `file` holds.
    pub(super) fn take_stored(
        &mut self,
        folder: &Path,
        file: &StoredFile,
        cache: &mut IdCache,
    ) -> Result<Vec<Pending>, LakeError> {
        let path = folder.join(&file.path);
        let mut stored = vec![false; self.ids.len()];
        match cache.get(&path) {
            Some(ids) => mark_common(&self.ids, &ids, &mut stored),
            None => {
                let (mut all, mut fits) = (Vec::new(), true);
                let whole = self.read(&path, |ids| {
                    mark_common(&self.ids, ids, &mut stored);
                    fits &= size_of_val(ids) + size_of_val(all.as_slice()) <= cache.budget;
                    if fits {
                        all.extend_from_slice(ids);
                    }
                })?;
                if whole && fits {
                    all.sort_unstable();
                    cache.put(path, all);
                }
            }
        }
        let mut taken = Vec::new();
        let mut position = 0;
        self.ids.retain(|pending| {
            let is_stored = stored[position];
            position += 1;
            if is_stored {
                taken.push(*pending);
            }
            !is_stored
        });
        Ok(taken)
    }

    /// Calls `each` with sorted ids of the row groups that could hold a pending row; true if they were all.
    fn read(&self, path: &Path, mut each: impl FnMut(&[u128])) -> Result<bool, LakeError> {
        let failed = |e| LakeError::parquet(path, e);
        let file = File::open(path).map_err(|e| LakeError::io("read", path, e))?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed)?;
        let schema = builder.parquet_schema();
        let Some(column) = (0..schema.num_columns())
            .find(|&leaf| schema.column(leaf).path().parts() == ["event_id".to_owned()].as_slice())
        else {
            return Ok(true);
        };
        let groups = builder.metadata().num_row_groups();
        let mut wanted = Vec::with_capacity(groups);
        for group in 0..groups {
            if self.could_hold(&builder, group, column).map_err(failed)? {
                wanted.push(group);
            }
        }
        let whole = wanted.len() == groups;
        if wanted.is_empty() {
            return Ok(whole);
        }
        let mask = ProjectionMask::leaves(builder.parquet_schema(), [column]);
        let reader = builder
            .with_row_groups(wanted)
            .with_projection(mask)
            .with_batch_size(READ_ROWS)
            .build()
            .map_err(failed)?;
        let mut ids: Vec<u128> = Vec::new();
        for batch in reader {
            let batch = batch.map_err(|e| failed(e.into()))?;
            ids.clear();
            push_ids(batch.column(0), &mut ids);
            ids.sort_unstable();
            each(&ids);
        }
        Ok(whole)
    }

    /// Whether a row group could hold a pending row, as far as its statistics and bloom filter know.
    fn could_hold(
        &self,
        builder: &ParquetRecordBatchReaderBuilder<File>,
        group: usize,
        column: usize,
    ) -> parquet::errors::Result<bool> {
        if self.hashed {
            return Ok(true);
        }
        let Some(Statistics::ByteArray(statistics)) =
            builder.metadata().row_group(group).column(column).statistics()
        else {
            return Ok(true);
        };
        let bound = |value: Option<&parquet::data_type::ByteArray>| {
            parse_id(std::str::from_utf8(value?.data()).ok()?)
        };
        let (Some(low), Some(high)) = (bound(statistics.min_opt()), bound(statistics.max_opt())) else {
            return Ok(true);
        };
        let from = self.ids.partition_point(|pending| pending.id < low);
        let to = self.ids.partition_point(|pending| pending.id <= high);
        if to - from > BLOOM_PROBES {
            return Ok(true);
        }
        if from == to {
            return Ok(false);
        }
        let Some(filter) = builder.get_row_group_column_bloom_filter(group, column)? else {
            return Ok(true);
        };
        Ok(self.ids[from..to]
            .iter()
            .any(|pending| filter.check(format!("{:032x}", pending.id).as_str())))
    }
}

/// With more ids than this, a filter of 1 in 1000 false positives says "maybe" 49 times of 50.
const BLOOM_PROBES: usize = 4096;

/// Rows of ids decoded at a time.
const READ_ROWS: usize = 65_536;

/// 32 lower-case hexadecimal digits; nothing else, so that order and text are the id's.
pub(super) fn parse_id(text: &str) -> Option<u128> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut id = 0;
    let mut seen = 0;
    for &digit in digits {
        let value = HEX[usize::from(digit)];
        seen |= value;
        id = id << 4 | u128::from(value & 15);
    }
    // No digit's value reaches this bit, and what is no digit has it.
    (seen & NO_DIGIT == 0).then_some(id)
}

const NO_DIGIT: u8 = 0x80;

/// Values of the lower-case hexadecimal digits.
const HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// An id as it is compared; whether that is a hash of it.
pub(super) fn id_of(text: &str) -> (u128, bool) {
    match parse_id(text) {
        Some(id) => (id, false),
        None => (xxh3_128(text.as_bytes()), true),
    }
}

/// The ids of a column of text, as they are compared.
fn push_ids(array: &dyn Array, ids: &mut Vec<u128>) {
    let mut push = |id: &str| ids.push(id_of(id).0);
    match strings(array) {
        Some(column) => (0..array.len())
            .filter_map(|row| column.get(row))
            .for_each(&mut push),
        None if *array.data_type() == DataType::LargeUtf8 => {
            array.as_string::<i64>().iter().flatten().for_each(&mut push);
        }
        None => {}
    }
}

/// Marks the pending rows whose id is in `ids`; both sorted.
fn mark_common(pending: &[Pending], ids: &[u128], marks: &mut [bool]) {
    let mut rest = ids;
    for (position, row) in pending.iter().enumerate() {
        // Neighbours in one are mostly neighbours in the other: look near before looking far.
        let mut step = 1;
        while step < rest.len() && rest[step] < row.id {
            step *= 2;
        }
        let near = &rest[..rest.len().min(step + 1)];
        rest = &rest[near.partition_point(|&id| id < row.id)..];
        match rest.first() {
            Some(&id) => marks[position] |= id == row.id,
            None => return,
        }
    }
}

/// Ids of files, least recently used ones forgotten first.
#[derive(Debug)]
pub(super) struct IdCache {
    budget: usize,
    used: usize,
    clock: u64,
    files: HashMap<PathBuf, (Arc<[u128]>, u64)>,
}

impl IdCache {
    /// Holds at most `budget` bytes of ids.
    pub(super) fn new(budget: usize) -> Self {
        IdCache {
            budget,
            used: 0,
            clock: 0,
            files: HashMap::new(),
        }
    }

    fn get(&mut self, path: &Path) -> Option<Arc<[u128]>> {
        self.clock += 1;
        let (ids, last_used) = self.files.get_mut(path)?;
        *last_used = self.clock;
        Some(ids.clone())
    }

    /// Remembers the sorted ids of a file, if they fit at all.
    pub(super) fn put(&mut self, path: PathBuf, ids: Vec<u128>) {
        let bytes = size_of_val(ids.as_slice());
        if bytes > self.budget {
            return;
        }
        while self.used + bytes > self.budget {
            let Some(oldest) = self
                .files
                .iter()
                .min_by_key(|(_, (_, last_used))| *last_used)
                .map(|(path, _)| path.clone())
            else {
                break;
            };
            self.forget(&oldest);
        }
        self.clock += 1;
        self.forget(&path);
        self.used += bytes;
        self.files.insert(path, (ids.into(), self.clock));
    }

    fn forget(&mut self, path: &Path) {
        if let Some((ids, _)) = self.files.remove(path) {
            self.used -= size_of_val(&*ids);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with these ids, and the rows that repeat one.
    fn pending(ids: &[u128]) -> (PendingRows, Vec<Pending>) {
        let piece = Piece {
            day: 0,
            rows: ids.len(),
            first: 0,
            last: 0,
            ids: ids.to_vec(),
            ..Piece::default()
        };
        PendingRows::of(&[Arc::new(piece)])
    }

    #[test]
    fn repeats_within_a_flush_keep_the_first() {
        let (pending, repeated) = pending(&[5, 3, 5, 5]);
        assert_eq!(repeated.iter().map(|p| p.row).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(pending.ids.iter().map(|p| p.row).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn rows_without_an_id_repeat_nothing() {
        let piece = |without_id| {
            Arc::new(Piece {
                rows: 2,
                ids: vec![0, 0],
                without_id,
                ..Piece::default()
            })
        };
        let (pending, repeated) = PendingRows::of(&[piece(vec![0, 1]), piece(vec![1])]);
        assert_eq!((pending.rows().len(), repeated.len()), (1, 0));
    }

    #[test]
    fn common_ids_are_found_wherever_they_are() {
        for stride in [1_u128, 2, 7, 100] {
            let (pending, _) = pending(&(0..500).collect::<Vec<_>>());
            let ids: Vec<u128> = (0..500).filter(|id: &u128| id.is_multiple_of(stride)).collect();
            let mut marks = vec![false; 500];
            mark_common(&pending.ids, &ids, &mut marks);
            for (position, mark) in marks.iter().enumerate() {
                assert_eq!(
                    *mark,
                    (position as u128).is_multiple_of(stride),
                    "{position} stride {stride}"
                );
            }
        }
    }

    #[test]
    fn only_files_that_could_hold_an_id_are_asked() {
        let (mut rows, _) = pending(&[100, 200]);
        let file = |ids: Option<(u128, u128)>, bounds: Option<(u128, u128)>| StoredFile {
            ids: ids.map(|(low, high)| IdRanges::between(low, high)),
            bounds: bounds.map(|(low, high)| IdRanges::between(low, high)),
            ..StoredFile::default()
        };
        assert!(rows.touches(&file(Some((200, 300)), None)));
        assert!(!rows.touches(&file(Some((101, 199)), Some((0, 500)))));
        assert!(rows.touches(&file(None, Some((0, 100)))));
        assert!(!rows.touches(&file(None, Some((201, 202)))));
        // Another program's file says nothing about ids that only their hash stands for.
        assert!(rows.touches(&file(None, None)));
        rows.hashed = true;
        assert!(rows.touches(&file(None, Some((201, 202)))));
        // Alerts are looked for where the alerts of their events are.
        let mut alerts = file(Some((0, u128::MAX)), None);
        alerts.alert_event_ids = Some(IdRanges::between(7, 9));
        assert!(rows.touches(&alerts));
        rows.keys = Some(vec![1, 10]);
        assert!(!rows.touches(&alerts));
        rows.keys = Some(vec![1, 8]);
        assert!(rows.touches(&alerts));
    }

    #[test]
    fn the_cache_stays_within_its_budget() {
        let mut cache = IdCache::new(16 * 10);
        cache.put("a".into(), vec![0; 4]);
        cache.put("b".into(), vec![0; 4]);
        assert!(cache.get(Path::new("a")).is_some());
        cache.put("c".into(), vec![0; 4]);
        assert!(cache.get(Path::new("b")).is_none());
        assert!(cache.get(Path::new("a")).is_some() && cache.get(Path::new("c")).is_some());
        cache.put("big".into(), vec![0; 11]);
        assert!(cache.get(Path::new("big")).is_none());
        assert_eq!(cache.used, 16 * 8);
    }

    #[test]
    fn only_canonical_digits_are_an_id() {
        assert_eq!(parse_id(&"0".repeat(32)), Some(0));
        assert_eq!(parse_id(&"F".repeat(32)), None);
        assert_eq!(parse_id("+1234567890123456789012345678901"), None);
        assert_eq!(parse_id("1"), None);
    }
}
