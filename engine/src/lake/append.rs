//! Appending to one table: drop what is stored, write files, commit; again if another writer won.
//!
//! A commit here is never retried blindly: the rows were compared with the version that was read, so when
//! somebody else commits first, the new files are compared too before the next attempt. The data files are
//! kept between attempts unless rows turned out to be stored meanwhile or the schema changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::FieldRef;
use chrono::{Datelike, NaiveDate};
use deltalake_core::errors::DeltaTableError;
use deltalake_core::kernel::transaction::{
    CommitBuilder, CommitProperties, TableReference, TransactionError,
};
use deltalake_core::kernel::{Action, Add, MetadataExt, StructType, new_metadata};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, checkpoints};

use super::columns::{Moved, TableColumns};
use super::dedupe::{IdCache, Pending, PendingRows, StoredFile};
use super::error::LakeError;
use super::file::{self, DataFile};
use super::piece::Piece;
use super::ranges::{ALERT_EVENT_ID_TAG, EVENT_ID_TAG, IdRanges};
use super::stage::Stage;
use super::{DAY, WriterOptions, has_commit, load, status, unloaded};

/// Attempts before giving up; with random winners among ten writers, losing so often has odds of 1 in 800.
const ATTEMPTS: usize = 64;

/// What one append did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) rows: u64,
    pub(super) duplicates: u64,
    pub(super) moved: Moved,
    /// Stored files whose ids were looked at.
    pub(super) compared: u64,
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
    pieces: Vec<Arc<Piece>>,
    fields: Vec<FieldRef>,
    // Against one schema of the table.
    schema: Option<StructType>,
    columns: TableColumns,
    /// Where each field goes; empty until a schema was looked at.
    places: Vec<Option<usize>>,
    // Against one set of stored files.
    seen: HashSet<String>,
    compared: u64,
    /// `None` until the rows were compared with each other.
    pending: Option<PendingRows>,
    /// By piece, a mark per row; empty where no row is dropped.
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

    /// Stores those rows that the table lacks; all of them are pieces.
    pub(super) async fn append(
        &mut self,
        stage: &Stage,
        cache: &Arc<Mutex<IdCache>>,
    ) -> Result<Outcome, LakeError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|e| LakeError::io("create the folder", &self.folder, e))?;
        let mut work = Work {
            folder: self.folder.clone(),
            options: self.options.clone(),
            pieces: stage.pieces().to_vec(),
            fields: stage.fields().to_vec(),
            schema: None,
            columns: TableColumns::new(self.options.max_columns),
            places: Vec::new(),
            seen: HashSet::new(),
            compared: 0,
            pending: None,
            dropped: vec![Vec::new(); stage.pieces().len()],
            duplicates: stage.duplicates(),
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
        let ids = work.ids_by_day();
        actions.extend(work.files.iter().map(|file| {
            Action::Add(Add {
                path: file.path.clone(),
                partition_values: HashMap::from([(DAY.to_owned(), Some(day_name(file.day)))]),
                size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
                modification_time: now,
                data_change: true,
                tags: Some(work.tags(file, &ids)),
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
        let mut ids = work.ids_by_day();
        for file in &work.files {
            let ids = ids.remove(&file.day).unwrap_or_default();
            cache.put(self.folder.join(&file.path), ids);
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
        if self.places.is_empty() || self.schema != schema {
            self.columns = match &schema {
                Some(schema) => TableColumns::of(schema, self.options.max_columns),
                None => TableColumns::new(self.options.max_columns),
            };
            self.places = self.columns.learn(&self.fields);
            self.schema = schema;
            self.discard_files();
        }
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            None => {
                let (pending, repeated) = PendingRows::of(&self.pieces);
                self.drop_rows(&repeated);
                pending
            }
        };
        let before = self.duplicates;
        for file in stored {
            if self.seen.insert(file.path.clone()) && pending.touches(&file) {
                self.compared += 1;
                let found = pending.take_stored(&self.folder, &file, cache)?;
                self.drop_rows(&found);
            }
        }
        self.pending = Some(pending);
        if self.duplicates > before {
            self.discard_files();
        }
        if self.files.is_empty() {
            self.write_files()?;
        }
        Ok(())
    }

    fn drop_rows(&mut self, rows: &[Pending]) {
        for row in rows {
            let marks = &mut self.dropped[row.piece as usize];
            marks.resize(self.pieces[row.piece as usize].rows, false);
            marks[row.row as usize] = true;
        }
        self.duplicates += rows.len() as u64;
    }

    fn write_files(&mut self) -> Result<(), LakeError> {
        let mut days: BTreeMap<i32, Vec<(&Piece, &[bool])>> = BTreeMap::new();
        for (piece, dropped) in self.pieces.iter().zip(&self.dropped) {
            if dropped.is_empty() || dropped.contains(&false) {
                days.entry(piece.day).or_default().push((piece, dropped));
            }
        }
        let mut files = Vec::with_capacity(days.len());
        let mut result = Ok(());
        for (day, pieces) in days {
            let path = format!("{DAY}={}/part-{}.parquet", day_name(day), unique());
            let rows = file::Rows {
                table: &self.columns,
                fields: &self.fields,
                places: &self.places,
                pieces,
            };
            match file::write(&self.folder, path, day, rows) {
                Ok(file) => files.push(file),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.files = files;
        result
    }

    /// The ids of the rows of each day, which are those of its file, ascending.
    fn ids_by_day(&self) -> BTreeMap<i32, Vec<u128>> {
        let rows = self.pending.as_ref().map_or(&[][..], PendingRows::rows);
        let mut days: BTreeMap<i32, Vec<u128>> = BTreeMap::new();
        // Neighbours are mostly of one piece.
        for of_piece in rows.chunk_by(|one, other| one.piece == other.piece) {
            let day = self.pieces[of_piece[0].piece as usize].day;
            let ids = days.entry(day).or_default();
            ids.extend(of_piece.iter().map(|row| row.id));
        }
        days
    }

    /// What the log says of the ids in a file, see [`ranges`](super::ranges).
    fn tags(&self, file: &DataFile, ids: &BTreeMap<i32, Vec<u128>>) -> HashMap<String, Option<String>> {
        let mut tags = HashMap::new();
        let (mut keys, mut complete) = (Vec::new(), true);
        for (piece, dropped) in self.pieces.iter().zip(&self.dropped) {
            if piece.day != file.day {
                continue;
            }
            complete &= piece.keys.is_some();
            let is_kept = |row: usize| !dropped.get(row).copied().unwrap_or_default();
            let kept = piece.keys.iter().flatten().enumerate();
            keys.extend(kept.filter(|&(row, _)| is_kept(row)).map(|(_, &key)| key));
        }
        let (tag, ranges) = if complete {
            keys.sort_unstable();
            (ALERT_EVENT_ID_TAG, IdRanges::of(&keys))
        } else {
            (
                EVENT_ID_TAG,
                IdRanges::of(ids.get(&file.day).map_or(&[][..], Vec::as_slice)),
            )
        };
        tags.insert(tag.to_owned(), Some(ranges.to_text()));
        tags
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
            moved: self.files.iter().fold(Moved::default(), |mut sum, file| {
                sum += file.moved;
                sum
            }),
            compared: self.compared,
            files: self.files.len() as u64,
            bytes: self.files.iter().map(|file| file.bytes).sum(),
            retries: retries as u64,
        }
    }
}

/// Days since 1970-01-01, kept within the years 1 to 9999, which is what date readers agree on.
pub(super) fn day_of(micros: i64) -> i32 {
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
