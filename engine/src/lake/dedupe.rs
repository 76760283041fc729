//! Which events are stored already.
//!
//! An event is known by its `event_id` alone, and the same event always has the same time. So for the rows
//! of one flush only files of the same day whose time range touches theirs can hold them; usually that is
//! no file at all (a first import, a live stream), or the ones written a moment ago, whose ids are cached.
//! What is left is asked in three steps, each cheaper than the next: the range of ids of each row group,
//! its bloom filter (if few ids are in question: among many, one false positive is certain), and at last
//! the `event_id` column itself, which decides.
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

/// A row that waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pending {
    pub(super) id: u128,
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// The waiting rows of one day, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingDay {
    ids: Vec<Pending>,
    first: Option<i64>,
    last: Option<i64>,
    /// Some id is not 32 hexadecimal digits: ranges and bloom filters say nothing about it.
    hashed: bool,
}

/// A file that the table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredFile {
    /// Relative to the table's folder.
    pub(super) path: String,
    /// `None` where the log does not say: could be any.
    pub(super) day: Option<i32>,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
}

impl PendingDay {
    pub(super) fn push(&mut self, id: &str, batch: u32, row: u32, time: i64) {
        let (id, hashed) = match parse_id(id) {
            Some(id) => (id, false),
            None => (xxh3_128(id.as_bytes()), true),
        };
        self.hashed |= hashed;
        self.ids.push(Pending { id, batch, row });
        self.see(time);
    }

    /// The ids, sorted.
    pub(super) fn ids(&self) -> Vec<u128> {
        self.ids.iter().map(|pending| pending.id).collect()
    }

    /// Widens the time range.
    fn see(&mut self, time: i64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Sorts; takes out and returns rows that repeat an earlier one.
    pub(super) fn sort(&mut self) -> Vec<Pending> {
        self.ids.sort_unstable();
        let mut repeated = Vec::new();
        self.ids.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                repeated.push(*later);
            }
            same
        });
        repeated
    }

    /// Whether `file` could hold any of the rows.
    pub(super) fn touches(&self, day: i32, file: &StoredFile) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return false;
        };
        !self.ids.is_empty()
            && file.day.is_none_or(|other| other == day)
            && file.first.is_none_or(|other| other <= last)
            && file
                .last
                .is_none_or(|other| other.saturating_add(CUT_OFF) >= first)
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

/// Microseconds that programs like Spark cut off the greatest time when they write statistics.
const CUT_OFF: i64 = 999;

/// Rows of ids decoded at a time.
const READ_ROWS: usize = 65_536;

/// 32 lower-case hexadecimal digits; nothing else, so that order and text are the id's.
pub(super) fn parse_id(text: &str) -> Option<u128> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 32 && text.bytes().all(lower_hex) {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

/// The ids of a column of text, as they are compared.
fn push_ids(array: &dyn Array, ids: &mut Vec<u128>) {
    let mut push = |id: &str| ids.push(parse_id(id).unwrap_or_else(|| xxh3_128(id.as_bytes())));
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

    fn day(ids: &[u128]) -> PendingDay {
        let mut day = PendingDay::default();
        for (row, id) in ids.iter().enumerate() {
            day.push(&format!("{id:032x}"), 0, row as u32, *id as i64);
        }
        day
    }

    #[test]
    fn repeats_within_a_flush_keep_the_first() {
        let mut pending = day(&[5, 3, 5, 5]);
        let repeated = pending.sort();
        assert_eq!(repeated.iter().map(|p| p.row).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(pending.ids.iter().map(|p| p.row).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn common_ids_are_found_wherever_they_are() {
        for stride in [1_u128, 2, 7, 100] {
            let mut pending = day(&(0..500).collect::<Vec<_>>());
            pending.sort();
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
    fn only_files_that_touch_in_time_are_asked() {
        let pending = day(&[100, 200]);
        let file = |day, first, last| StoredFile {
            path: String::new(),
            day,
            first,
            last,
        };
        assert!(pending.touches(0, &file(Some(0), Some(200), Some(300))));
        assert!(pending.touches(0, &file(None, None, None)));
        assert!(!pending.touches(0, &file(Some(1), Some(150), Some(150))));
        assert!(!pending.touches(0, &file(Some(0), Some(201), Some(300))));
        assert!(pending.touches(0, &file(Some(0), Some(-5000), Some(99))));
        assert!(!pending.touches(0, &file(Some(0), Some(-5000), Some(-1000))));
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
