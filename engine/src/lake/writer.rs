//! The buffer in front of the tables.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use borzoi_parsers::batch::EventBatch;

use super::append::Appender;
use super::columnar::Chunks;
use super::dedupe::IdCache;
use super::stage::Stage;
use super::{ALERTS, Lake, LakeError};

/// When a writer flushes, and what it may use.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Flush a table when this many of its rows wait. More make larger files, which read faster.
    pub flush_rows: usize,
    /// Flush everything when the waiting rows of all tables take this many bytes of memory. Most of them wait
    /// compressed, so that this is ten to forty times as much as it sounds.
    pub flush_bytes: usize,
    /// Flush a table when a row has waited this long ([`LakeWriter::flush_if_due`]).
    pub flush_interval: Duration,
    /// Rows per row group: what a bloom filter or statistics can skip at once.
    pub row_group_rows: usize,
    /// Columns that a table may have; values of others go to `unmapped`.
    pub max_columns: usize,
    /// Memory for ids of stored events, 16 bytes each. Less means that ids are read again from the files.
    pub max_dedupe_bytes: usize,
    /// Commits of a table between checkpoints: opening it reads at most so many small files of its log.
    pub checkpoint_commits: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions {
            flush_rows: 500_000,
            flush_bytes: 160 << 20,
            flush_interval: Duration::from_secs(10),
            row_group_rows: 131_072,
            max_columns: 2_000,
            max_dedupe_bytes: 32 << 20,
            checkpoint_commits: 100,
        }
    }
}

/// What flushes did. Reports add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct FlushReport {
    /// Rows committed.
    pub rows_written: u64,
    /// Rows that were stored already, or came twice.
    pub duplicates: u64,
    /// Values that went to `unmapped` because of their column's type or the table's column limit.
    pub moved_to_unmapped: u64,
    /// Of the texts in `unmapped` that such values met, those that are no JSON object or too deep to be read;
    /// they were kept as a text under the key `unmapped`.
    pub unreadable_unmapped: u64,
    /// Stored files whose ids were compared with those of new rows.
    pub files_compared: u64,
    /// Data files committed.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that another writer won, and that were tried again.
    pub retries: u64,
}

impl std::ops::AddAssign for FlushReport {
    fn add_assign(&mut self, other: Self) {
        self.rows_written += other.rows_written;
        self.duplicates += other.duplicates;
        self.moved_to_unmapped += other.moved_to_unmapped;
        self.unreadable_unmapped += other.unreadable_unmapped;
        self.files_compared += other.files_compared;
        self.files += other.files;
        self.bytes += other.bytes;
        self.commits += other.commits;
        self.retries += other.retries;
    }
}

/// Buffers batches of any number of tables and stores each event once.
///
/// [`append`](Self::append) takes the values over and encodes and compresses them, row group by row group, on
/// the caller's thread. The rest happens in [`flush`](Self::flush), one table after another, on the runtime's
/// blocking threads. Rows of a table whose flush failed stay buffered, so a later flush can
/// still store them. Dropping a writer does not flush.
///
/// Any number of writers, in any number of processes, may write the same lake at once.
#[derive(Debug)]
pub struct LakeWriter {
    // What never changes.
    lake: Lake,
    options: Arc<WriterOptions>,
    // What flushes leave.
    cache: Arc<Mutex<IdCache>>,
    appenders: BTreeMap<TableKey, Appender>,
    totals: FlushReport,
    // What waits.
    buffers: BTreeMap<TableKey, Buffer>,
    /// Made when rows come.
    chunks: Option<Chunks>,
}

/// Tenant and table.
type TableKey = (Arc<str>, Arc<str>);

#[derive(Debug)]
struct Buffer {
    stage: Stage,
    since: Instant,
}

/// Memory of rows that are not sealed. Enough that the days of an archive that is read at once make row groups
/// worth their descriptions.
const OPEN_BYTES: usize = 64 << 20;

impl LakeWriter {
    /// A writer for `lake`; nothing is read or written yet.
    pub fn new(lake: Lake, options: WriterOptions) -> Self {
        LakeWriter {
            lake,
            cache: Arc::new(Mutex::new(IdCache::new(options.max_dedupe_bytes))),
            options: Arc::new(options),
            appenders: BTreeMap::new(),
            totals: FlushReport::default(),
            buffers: BTreeMap::new(),
            chunks: None,
        }
    }

    /// The lake that is written.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Takes events for the table of their tenant and dataset.
    ///
    /// # Errors
    ///
    /// [`LakeError::InvalidName`] if tenant or dataset cannot be a folder's name, and
    /// [`LakeError::BadBatch`] if the columns are not those of events: nothing is buffered then. Also
    /// `BadBatch` if rows that wait cannot be encoded, which would be a bug: their table is not flushed any more.
    pub fn append(&mut self, batch: &EventBatch) -> Result<(), LakeError> {
        self.buffer(&batch.tenant, &batch.dataset.name, &batch.events)
    }

    /// Takes alerts for the tenant's table [`ALERTS`]: columns named and typed as the standard columns are,
    /// the alert's id in `event_id`, and whatever else.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_alerts(&mut self, tenant: &str, alerts: &RecordBatch) -> Result<(), LakeError> {
        self.buffer(tenant, ALERTS, alerts)
    }

    fn buffer(&mut self, tenant: &str, dataset: &str, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        super::check_name("tenant", tenant)?;
        super::check_name("dataset", dataset)?;
        let key = (Arc::from(tenant), Arc::from(dataset));
        let folder = self.lake.table_path(tenant, dataset)?;
        let chunks = match self.chunks.take() {
            Some(chunks) => self.chunks.insert(chunks),
            None => self
                .chunks
                .insert(Chunks::new().map_err(|e| LakeError::parquet(&folder, e))?),
        };
        let buffer = self.buffers.entry(key.clone()).or_insert_with(|| Buffer {
            stage: Stage::default(),
            since: Instant::now(),
        });
        if let Err(reason) = buffer
            .stage
            .push(batch, self.options.row_group_rows.max(1), chunks)
        {
            if buffer.stage.rows() == 0 {
                self.buffers.remove(&key);
            }
            return Err(LakeError::BadBatch {
                table: folder.display().to_string(),
                reason,
            });
        }
        let most = OPEN_BYTES.min(self.options.flush_bytes);
        while self
            .buffers
            .values()
            .map(|buffer| buffer.stage.open_bytes())
            .sum::<usize>()
            > most
        {
            let largest = self
                .buffers
                .iter_mut()
                .max_by_key(|(_, buffer)| buffer.stage.largest_open());
            let Some((key, buffer)) = largest else {
                break;
            };
            sealed(key, buffer.stage.seal_largest(chunks))?;
        }
        Ok(())
    }

    /// Rows that wait.
    pub fn buffered_rows(&self) -> usize {
        self.buffers.values().map(|buffer| buffer.stage.rows()).sum()
    }

    /// Bytes of memory that the waiting rows take.
    pub fn buffered_bytes(&self) -> usize {
        self.buffers.values().map(|buffer| buffer.stage.bytes()).sum()
    }

    /// When the next flush by time is due; `None` if nothing waits.
    pub fn next_flush(&self) -> Option<Instant> {
        self.buffers
            .values()
            .map(|buffer| buffer.since + self.options.flush_interval)
            .min()
    }

    /// What all flushes of this writer did.
    pub fn totals(&self) -> FlushReport {
        self.totals
    }

    /// Flushes the tables that have waited long enough or hold enough, as [`WriterOptions`] says.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn flush_if_due(&mut self) -> Result<FlushReport, LakeError> {
        let (now, interval) = (Instant::now(), self.options.flush_interval);
        self.flush_older(|since| now.duration_since(since) >= interval)
            .await
    }

    /// Flushes the tables that hold enough, however long they have waited: for inputs that end by
    /// themselves, which then make fewer and larger files.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn flush_if_full(&mut self) -> Result<FlushReport, LakeError> {
        self.flush_older(|_| false).await
    }

    async fn flush_older(&mut self, is_old: impl Fn(Instant) -> bool) -> Result<FlushReport, LakeError> {
        if self.buffered_bytes() >= self.options.flush_bytes {
            return self.flush().await;
        }
        let due: Vec<TableKey> = self
            .buffers
            .iter()
            .filter(|(_, buffer)| buffer.stage.rows() >= self.options.flush_rows || is_old(buffer.since))
            .map(|(key, _)| key.clone())
            .collect();
        self.flush_tables(due).await
    }

    /// Commits everything that waits.
    ///
    /// # Errors
    ///
    /// The first table's that failed; the others are flushed all the same, and
    /// [`totals`](Self::totals) counts them. What failed stays buffered.
    pub async fn flush(&mut self) -> Result<FlushReport, LakeError> {
        self.flush_tables(self.buffers.keys().cloned().collect()).await
    }

    async fn flush_tables(&mut self, keys: Vec<TableKey>) -> Result<FlushReport, LakeError> {
        let mut report = FlushReport::default();
        let mut first_error = None;
        for key in keys {
            match self.flush_table(&key).await {
                Ok(done) => report += done,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        self.totals += report;
        match first_error {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    async fn flush_table(&mut self, key: &TableKey) -> Result<FlushReport, LakeError> {
        let Some(buffer) = self.buffers.get_mut(key) else {
            return Ok(FlushReport::default());
        };
        if let Some(chunks) = &mut self.chunks {
            sealed(key, buffer.stage.seal(chunks))?;
        }
        let appender = match self.appenders.entry(key.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let folder = self.lake.table_path(&key.0, &key.1)?;
                entry.insert(Appender::new(folder, self.options.clone()))
            }
        };
        let done = match appender.append(&buffer.stage, &self.cache).await {
            Ok(done) => done,
            Err(error) => {
                // What it believed of the table may be why.
                self.appenders.remove(key);
                return Err(error);
            }
        };
        self.buffers.remove(key);
        if done.moved.unreadable > 0 {
            tracing::warn!(
                table = %key.1,
                texts = done.moved.unreadable,
                "texts in unmapped are no JSON that can be read; they were kept under the key unmapped"
            );
        }
        Ok(FlushReport {
            rows_written: done.rows,
            duplicates: done.duplicates,
            moved_to_unmapped: done.moved.values,
            unreadable_unmapped: done.moved.unreadable,
            files_compared: done.compared,
            files: done.files,
            bytes: done.bytes,
            commits: u64::from(done.files > 0),
            retries: done.retries,
        })
    }
}

fn sealed((tenant, dataset): &TableKey, outcome: Result<(), String>) -> Result<(), LakeError> {
    outcome.map_err(|reason| LakeError::BadBatch {
        table: format!("{tenant}/{dataset}"),
        reason,
    })
}
