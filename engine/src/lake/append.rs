//! Appending to one table: conform, drop what is stored, write files, commit; again if another writer won.
//!
//! A commit here is never retried blindly: the rows were compared with the version that was read, so when
//! somebody else commits first, the new files are compared too before the next attempt. The data files are
//! kept between attempts unless rows turned out to be stored meanwhile or the schema changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use borzoi_parsers::batch::strings;
use chrono::{Datelike, NaiveDate};
use deltalake_core::errors::DeltaTableError;
use deltalake_core::kernel::transaction::{
    CommitBuilder, CommitProperties, TableReference, TransactionError,
};
use deltalake_core::kernel::{Action, Add, MetadataExt, StructType, new_metadata};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, checkpoints};

use super::columns::{Conformed, TableColumns};
use super::dedupe::{IdCache, Pending, PendingDay, StoredFile};
use super::error::LakeError;
use super::file::{self, DataFile, Slice};
use super::{DAY, WriterOptions, has_commit, load, status, unloaded};

/// Attempts before giving up; with random winners among ten writers, losing so often has odds of 1 in 800.
const ATTEMPTS: usize = 64;

/// What one append did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) rows: u64,
    pub(super) duplicates: u64,
    pub(super) moved: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) retries: u64,
}

/// Writes one table. Keeps what it knows of the log between appends.
#[derive(Debug)]
pub(super) struct Appender {
    // What never changes.
    folder: PathBuf,
    options: Arc<WriterOptions>,
    // What is known of the table.
    table: Option<DeltaTable>,
    stored: HashMap<String, StoredFile>,
}

/// How a commit ended.
enum Commit {
    Done,
    /// Another writer was first; nothing of ours is in the log.
    Lost,
}

/// The rows of one append on their way to files.
struct Work {
    // What never changes.
    folder: PathBuf,
    options: Arc<WriterOptions>,
    raw: Vec<RecordBatch>,
    // Against one schema of the table.
    schema: Option<StructType>,
    columns: TableColumns,
    conformed: Vec<Conformed>,
    // Against one set of stored files.
    compared: HashSet<String>,
    days: BTreeMap<i32, PendingDay>,
    dropped: Vec<Vec<bool>>,
    duplicates: u64,
    // On disk.
    files: Vec<DataFile>,
}

impl Appender {
    pub(super) fn new(folder: PathBuf, options: Arc<WriterOptions>) -> Self {
        Appender {
            folder,
            options,
            table: None,
            stored: HashMap::new(),
        }
    }

    /// Stores those rows of `batches` that the table lacks.
    pub(super) async fn append(
        &mut self,
        batches: Vec<RecordBatch>,
        cache: &Arc<Mutex<IdCache>>,
    ) -> Result<Outcome, LakeError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|e| LakeError::io("create the folder", &self.folder, e))?;
        let mut work = Work {
            folder: self.folder.clone(),
            options: self.options.clone(),
            raw: batches,
            schema: None,
            columns: TableColumns::new(self.options.max_columns),
            conformed: Vec::new(),
            compared: HashSet::new(),
            days: BTreeMap::new(),
            dropped: Vec::new(),
            duplicates: 0,
            files: Vec::new(),
        };
        for attempt in 0..ATTEMPTS {
            if let Err(e) = self.refresh().await {
                work.discard_files();
                return Err(e);
            }
            let schema = self.schema()?;
            let stored: Vec<StoredFile> = self.stored.values().cloned().collect();
            let shared = cache.clone();
            // Sorting, reading and compressing would hold up whatever else the runtime does.
            let (returned, prepared) = tokio::task::spawn_blocking(move || {
                let mut cache = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let prepared = work.prepare(schema, stored, &mut cache);
                if prepared.is_err() {
                    work.discard_files();
                }
                (work, prepared)
            })
            .await
            .map_err(|e| LakeError::BadBatch {
                table: self.folder.display().to_string(),
                reason: format!("writing stopped: {e}"),
            })?;
            work = returned;
            prepared?;
            if work.files.is_empty() {
                return Ok(work.outcome(attempt));
            }
            match self.commit(&mut work).await? {
                Commit::Done => {
                    self.remember_ids(&work, cache);
                    return Ok(work.outcome(attempt));
                }
                Commit::Lost => {
                    tracing::debug!(table = %self.folder.display(), attempt, "another writer was first")
                }
            }
        }
        work.discard_files();
        Err(LakeError::Contention {
            path: self.folder.clone(),
            attempts: ATTEMPTS,
        })
    }

    fn schema(&self) -> Result<Option<StructType>, LakeError> {
        match &self.table {
            None => Ok(None),
            Some(table) => {
                let state = table.snapshot().map_err(|e| LakeError::delta(&self.folder, e))?;
                Ok(Some(state.schema().as_ref().clone()))
            }
        }
    }

    /// Reads what was committed since the last look.
    async fn refresh(&mut self) -> Result<(), LakeError> {
        match &mut self.table {
            Some(table) => table
                .update_state()
                .await
                .map_err(|e| LakeError::delta(&self.folder, e))?,
            None if has_commit(&self.folder)? => self.table = Some(load(&self.folder).await?),
            None => return Ok(()),
        }
        let Some(state) = self.table.as_ref().and_then(|table| table.snapshot().ok()) else {
            return Ok(());
        };
        let mut known = std::mem::take(&mut self.stored);
        for view in state.log_data().iter() {
            let path = view.path().into_owned();
            let file = match known.remove(&path) {
                Some(file) => file,
                None => status::stored_file(&view),
            };
            self.stored.insert(path, file);
        }
        Ok(())
    }

    /// Names the files of `work` in the log.
    async fn commit(&mut self, work: &mut Work) -> Result<Commit, LakeError> {
        let failed = |e| LakeError::delta(&self.folder, e);
        let actions = match self.actions(work) {
            Ok(actions) => actions,
            Err(e) => {
                work.discard_files();
                return Err(failed(e));
            }
        };
        let log_store = match &self.table {
            Some(table) => table.log_store(),
            None => unloaded(&self.folder)?.log_store(),
        };
        let state = self.table.as_ref().and_then(|table| table.state.as_ref());
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![DAY.to_owned()]),
            predicate: None,
        };
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let result = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(
                state.map(|state| state as &dyn TableReference),
                log_store,
                operation,
            )
            .await;
        match result {
            Ok(done) => {
                // A table that was just made is loaded by the next refresh.
                if let Some(table) = &mut self.table {
                    table.state = Some(done.snapshot());
                }
                self.after_commit(done.version()).await;
                Ok(Commit::Done)
            }
            Err(error) if lost(&error) => Ok(Commit::Lost),
            // The log may have it or not: look, and on no account delete a file that it names.
            Err(error) => {
                self.table = None;
                self.stored.clear();
                self.refresh().await?;
                if work.files.iter().any(|file| self.stored.contains_key(&file.path)) {
                    return Ok(Commit::Done);
                }
                work.discard_files();
                Err(LakeError::delta(&self.folder, error))
            }
        }
    }

    fn actions(&self, work: &Work) -> Result<Vec<Action>, DeltaTableError> {
        let mut actions = Vec::with_capacity(work.files.len() + 2);
        match &self.table {
            None => {
                let schema = StructType::try_new(work.columns.new_fields())?;
                // Readers and writers of any age: no table feature is needed.
                let protocol = serde_json::from_value(
                    serde_json::json!({"minReaderVersion": 1, "minWriterVersion": 2}),
                )?;
                actions.push(Action::Protocol(protocol));
                let no_configuration: [(&str, &str); 0] = [];
                actions.push(Action::Metadata(new_metadata(&schema, [DAY], no_configuration)?));
            }
            Some(table) if work.columns.has_grown() => {
                let state = table.snapshot()?;
                let schema = state.schema();
                let fields = schema.fields().cloned().chain(work.columns.new_fields());
                let grown = StructType::try_new(fields)?;
                actions.push(Action::Metadata(state.metadata().clone().with_schema(&grown)?));
            }
            Some(_) => {}
        }
        let now = chrono::Utc::now().timestamp_millis();
        actions.extend(work.files.iter().map(|file| {
            Action::Add(Add {
                path: file.path.clone(),
                partition_values: HashMap::from([(DAY.to_owned(), Some(day_name(file.day)))]),
                size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
                modification_time: now,
                data_change: true,
                stats: Some(file.stats.clone()),
                ..Add::default()
            })
        }));
        Ok(actions)
    }

    /// What makes a commit last and the log short. The rows are stored whatever happens here.
    async fn after_commit(&mut self, version: u64) {
        let log = self.folder.join("_delta_log");
        let entry = log.join(format!("{version:020}.json"));
        let synced = std::fs::File::open(&entry)
            .and_then(|file| file.sync_all())
            .map_err(|e| LakeError::io("sync", &entry, e))
            .and_then(|()| file::sync_folder(&log));
        if let Err(error) = synced {
            tracing::warn!(%error, "the commit may not survive a power cut");
        }
        if (version + 1).is_multiple_of(self.options.checkpoint_commits.max(1))
            && let Some(table) = &self.table
            && let Err(error) = checkpoints::create_checkpoint(table, None).await
        {
            tracing::warn!(%error, table = %self.folder.display(), "no checkpoint; opening the table is slower");
        }
    }

    /// The next flush of a stream asks for the files of this one.
    fn remember_ids(&self, work: &Work, cache: &Mutex<IdCache>) {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &work.files {
            if let Some(pending) = work.days.get(&file.day) {
                cache.put(self.folder.join(&file.path), pending.ids());
            }
        }
    }
}

/// Whether a commit failed because another writer was first.
fn lost(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::VersionAlreadyExists(_)
                    | TransactionError::CommitConflict(_),
            }
    )
}

impl Work {
    /// Brings conformed columns, marks and files up to date with the table as it is now.
    fn prepare(
        &mut self,
        schema: Option<StructType>,
        stored: Vec<StoredFile>,
        cache: &mut IdCache,
    ) -> Result<(), LakeError> {
        let bad = |reason| LakeError::BadBatch {
            table: self.folder.display().to_string(),
            reason,
        };
        if self.conformed.is_empty() || self.schema != schema {
            let mut columns = match &schema {
                Some(schema) => TableColumns::of(schema, self.options.max_columns),
                None => TableColumns::new(self.options.max_columns),
            };
            self.conformed = self
                .raw
                .iter()
                .map(|batch| columns.conform(batch))
                .collect::<Result<_, _>>()
                .map_err(bad)?;
            if self.days.is_empty() {
                self.collect_ids(&columns).map_err(|reason| LakeError::BadBatch {
                    table: self.folder.display().to_string(),
                    reason,
                })?;
            }
            self.columns = columns;
            self.schema = schema;
            self.discard_files();
        }
        let before = self.duplicates;
        for file in stored {
            if !self.compared.insert(file.path.clone()) {
                continue;
            }
            for (day, pending) in &mut self.days {
                if pending.touches(*day, &file) {
                    let found = pending.take_stored(&self.folder, &file, cache)?;
                    drop_rows(&mut self.dropped, &found, &mut self.duplicates);
                }
            }
        }
        if self.duplicates > before {
            self.discard_files();
        }
        if self.files.is_empty() {
            self.write_files()?;
        }
        Ok(())
    }

    fn collect_ids(&mut self, columns: &TableColumns) -> Result<(), String> {
        let event_id = columns
            .index("event_id")
            .ok_or("the table has no column event_id")?;
        self.dropped = self
            .conformed
            .iter()
            .map(|batch| vec![false; batch.rows])
            .collect();
        for (number, batch) in self.conformed.iter().enumerate() {
            if batch.rows == 0 {
                continue;
            }
            let ids = batch
                .array(event_id)
                .and_then(|array| strings(array))
                .ok_or("event_id is not text")?;
            let times = batch.times.values();
            for (row, &time) in times.iter().enumerate() {
                // A row without an id is nobody's repeat.
                if let Some(id) = ids.get(row) {
                    let pending = self.days.entry(day_of(time)).or_default();
                    pending.push(id, number as u32, row as u32, time);
                }
            }
        }
        for pending in self.days.values_mut() {
            let repeated = pending.sort();
            drop_rows(&mut self.dropped, &repeated, &mut self.duplicates);
        }
        Ok(())
    }

    fn write_files(&mut self) -> Result<(), LakeError> {
        for (day, slices) in self.slices() {
            let path = format!("{DAY}={}/part-{}.parquet", day_name(day), unique());
            let written = file::write(
                &self.folder,
                path,
                day,
                &self.columns,
                &self.conformed,
                slices,
                self.options.row_group_rows,
            )?;
            self.files.push(written);
        }
        Ok(())
    }

    /// The rows to be written, by day, in stretches that are in the order of time.
    fn slices(&self) -> BTreeMap<i32, Vec<Slice>> {
        let mut days: BTreeMap<i32, Vec<Slice>> = BTreeMap::new();
        for (number, batch) in self.conformed.iter().enumerate() {
            let dropped = &self.dropped[number];
            let mut open: Option<(i32, Slice)> = None;
            for (row, &time) in batch.times.values().iter().enumerate() {
                let day = day_of(time);
                if let Some((its_day, slice)) = &mut open {
                    if !dropped[row] && day == *its_day && time >= slice.last {
                        slice.len += 1;
                        slice.last = time;
                        continue;
                    }
                    days.entry(*its_day).or_default().push(*slice);
                }
                open = (!dropped[row]).then_some((
                    day,
                    Slice {
                        batch: number,
                        start: row,
                        len: 1,
                        first: time,
                        last: time,
                    },
                ));
            }
            if let Some((day, slice)) = open {
                days.entry(day).or_default().push(slice);
            }
        }
        days
    }

    /// Deletes files that no commit names.
    fn discard_files(&mut self) {
        for file in self.files.drain(..) {
            let path = self.folder.join(&file.path);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, path = %path.display(), "an unused data file stays behind");
            }
        }
    }

    fn outcome(&self, retries: usize) -> Outcome {
        Outcome {
            rows: self.files.iter().map(|file| file.rows as u64).sum(),
            duplicates: self.duplicates,
            moved: self.conformed.iter().map(|batch| batch.moved).sum(),
            files: self.files.len() as u64,
            bytes: self.files.iter().map(|file| file.bytes).sum(),
            retries: retries as u64,
        }
    }
}

fn drop_rows(dropped: &mut [Vec<bool>], rows: &[Pending], duplicates: &mut u64) {
    for row in rows {
        dropped[row.batch as usize][row.row as usize] = true;
    }
    *duplicates += rows.len() as u64;
}

/// Days since 1970-01-01, kept within the years 1 to 9999, which is what date readers agree on.
fn day_of(micros: i64) -> i32 {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    const FIRST: i64 = -719_162;
    const LAST: i64 = 2_932_896;
    micros.div_euclid(MICROS_PER_DAY).clamp(FIRST, LAST) as i32
}

fn day_name(day: i32) -> String {
    const UNIX_EPOCH: i32 = 719_163;
    let date = NaiveDate::from_num_days_from_ce_opt(day + UNIX_EPOCH).unwrap_or_default();
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// 32 hexadecimal digits that no other writer has: the standard library's per-process random keys, and time.
fn unique() -> String {
    let random = || {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_i64(chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default());
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_utc_on_both_sides_of_1970() {
        for (micros, name) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (86_399_999_999, "1970-01-01"),
            (86_400_000_000, "1970-01-02"),
            (1_709_164_800_000_000, "2024-02-29"),
            (i64::MAX, "9999-12-31"),
            (i64::MIN, "0001-01-01"),
        ] {
            assert_eq!(day_name(day_of(micros)), name);
        }
    }

    #[test]
    fn file_names_differ() {
        let names: HashSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(names.len(), 1000);
    }
}
