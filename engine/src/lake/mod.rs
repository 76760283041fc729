//! The lake: one Delta table per tenant and dataset, written by us, readable by everybody.
//!
//! ```text
//! lake/                                  the folder the user names
//!   default/                             a tenant
//!     windows.sysmon/                    a dataset: a Delta table
//!       _delta_log/00000000000000000000.json
//!       day=2024-05-01/part-….parquet    sorted by time, zstd, statistics, bloom filters
//!     alerts/                            what the rules found: a table like any other
//! ```
//!
//! Who opens a lake to ask it things starts with [`Lake::open`]; who writes one starts with
//! [`Lake::create`] and a [`LakeWriter`], which buffers batches and turns them into files and commits on
//! [`LakeWriter::flush`]. `docs/lake.md` is the page for users.
//!
//! ```
//! use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
//! use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventMeta};
//! use borzoi_parsers::catalog::Catalog;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path();
//! let sysmon = Catalog::builtin().dataset("windows.sysmon").expect("shipped").clone();
//! let mut builder = BatchBuilder::new(sysmon, BatchOptions::default().into());
//! builder.begin();
//! builder.field("CommandLine", "whoami /all".into());
//! builder.commit(EventMeta {
//!     time: Some(1_714_521_600_000_000),
//!     fallback_time: 0,
//!     event_id: 1,
//!     path: "-",
//!     offset: 0,
//!     raw: b"",
//! });
//! let batch = builder.finish().expect("one event");
//!
//! let mut writer = LakeWriter::new(Lake::create(path)?, WriterOptions::default());
//! writer.append(&batch)?;
//! writer.append(&batch)?; // the same event again
//! let report = writer.flush().await?;
//! assert_eq!((report.rows_written, report.duplicates), (1, 1));
//!
//! let lake = Lake::open(path)?;
//! assert_eq!(lake.status().await?[0].rows, 1);
//! assert!(lake.open_table("default", "windows.sysmon").await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - A row is either committed or not; a kill at any instant leaves every table readable. A data file is
//!   complete and synced before a commit names it, and a commit is one atomic file creation. What a killed
//!   writer leaves behind is a file that no commit names; nothing reads it, [`Lake::status`] counts it.
//! - The same event is stored once: see `dedupe` for how, and for what it costs.
//! - No event is refused for its shape: see `columns` for what becomes of a value whose
//!   column has another type, or whose table has no room for another column.
//!
//! # Design
//!
//! ```text
//! append ──▶ stage per table ──flush──▶ dedupe ──▶ file ──▶ append (commit)
//!            by day, columnar:          by id      as they   optimistic, again
//!            row groups, encoded                   are, or   from the new version
//!            and compressed                        columns: conform, grow
//! ```
//!
//! Only `append` knows the Delta log; only `columnar`, `piece` and `file` know Parquet's format.
//! Tables are local folders today; paths appear in [`Lake`], `file` and `dedupe` alone.

mod append;
mod columnar;
mod columns;
mod dedupe;
mod error;
mod file;
mod piece;
mod ranges;
mod seen;
mod stage;
mod status;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use deltalake_core::{DeltaTable, DeltaTableBuilder};
use url::Url;

pub use error::LakeError;
pub use status::TableStatus;
pub use writer::{FlushReport, LakeWriter, WriterOptions};

/// Name of the table that holds a tenant's alerts.
pub const ALERTS: &str = "alerts";

/// The partition column: the day of `time` in UTC.
pub const DAY: &str = "day";

/// In tables of alerts, the column with the id of the event behind the alert.
const ALERT_EVENT_ID: &str = "alert_event_id";

/// A folder of tables. Cheap to clone; holds nothing open.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
}

/// A table that a lake has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LakeTable {
    /// Whose it is.
    pub tenant: String,
    /// What it holds: a dataset's name, or [`ALERTS`].
    pub dataset: String,
    /// Its folder.
    pub path: PathBuf,
}

impl Lake {
    /// The lake in an existing folder.
    ///
    /// # Errors
    ///
    /// [`LakeError::Missing`] and [`LakeError::NotAFolder`]: the path is wrong.
    pub fn open(path: &Path) -> Result<Lake, LakeError> {
        match std::fs::metadata(path) {
            Ok(found) if !found.is_dir() => Err(LakeError::NotAFolder {
                path: path.to_path_buf(),
            }),
            Ok(_) => Ok(Lake {
                // Delta's URLs need absolute paths.
                root: std::fs::canonicalize(path).map_err(|e| LakeError::io("open", path, e))?,
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(LakeError::Missing {
                path: path.to_path_buf(),
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(LakeError::NotAFolder {
                path: path.parent().unwrap_or(path).to_path_buf(),
            }),
            Err(e) => Err(LakeError::io("open", path, e)),
        }
    }

    /// The lake in a folder that is made if it does not exist, and is found to be writable now rather than
    /// after an hour of parsing.
    ///
    /// # Errors
    ///
    /// [`LakeError::NotAFolder`], [`LakeError::Permission`], [`LakeError::DiskFull`].
    pub fn create(path: &Path) -> Result<Lake, LakeError> {
        if let Err(e) = std::fs::create_dir_all(path) {
            // The system's word for a file in the way differs with where in the path it is.
            let file = path.ancestors().find(|part| part.is_file());
            return Err(match file {
                Some(file) => LakeError::NotAFolder {
                    path: file.to_path_buf(),
                },
                None => LakeError::io("create the folder", path, e),
            });
        }
        let lake = Lake::open(path)?;
        // Other processes and other threads of this one may be asking too.
        static PROBES: AtomicU64 = AtomicU64::new(0);
        let probe = lake.root.join(format!(
            ".borzoi-write-test-{}-{}",
            std::process::id(),
            PROBES.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::write(&probe, b"x").map_err(|e| LakeError::io("write into", path, e))?;
        std::fs::remove_file(&probe).map_err(|e| LakeError::io("write into", path, e))?;
        Ok(lake)
    }

    /// The folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every table, by tenant and dataset.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub async fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        let mut tables = Vec::new();
        for tenant in folders(&self.root)? {
            if check_name("tenant", &tenant).is_err() {
                continue;
            }
            for dataset in folders(&self.root.join(&tenant))? {
                let path = self.root.join(&tenant).join(&dataset);
                if check_name("dataset", &dataset).is_ok() && has_commit(&path)? {
                    tables.push(LakeTable {
                        tenant: tenant.clone(),
                        dataset,
                        path,
                    });
                }
            }
        }
        tables.sort();
        Ok(tables)
    }

    /// The newest version of a table; `None` if there is no such table.
    ///
    /// # Errors
    ///
    /// [`LakeError::InvalidName`] for names that no table can have; others when the log cannot be read.
    pub async fn open_table(&self, tenant: &str, dataset: &str) -> Result<Option<DeltaTable>, LakeError> {
        let path = self.table_path(tenant, dataset)?;
        if has_commit(&path)? {
            load(&path).await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// What every table holds.
    ///
    /// # Errors
    ///
    /// When a log cannot be read.
    pub async fn status(&self) -> Result<Vec<TableStatus>, LakeError> {
        let mut all = Vec::new();
        for table in self.tables().await? {
            all.push(status::of(&table).await?);
        }
        Ok(all)
    }

    /// The days on which a table has events, since 1970, and the bytes of their files; `None` for files that do not say which
    /// day theirs is.
    ///
    /// # Errors
    ///
    /// As for [`Lake::open_table`].
    pub(crate) async fn days(
        &self,
        tenant: &str,
        dataset: &str,
    ) -> Result<BTreeMap<Option<i32>, u64>, LakeError> {
        let path = self.table_path(tenant, dataset)?;
        match has_commit(&path)? {
            true => status::days(&load(&path).await?, &path),
            false => Ok(BTreeMap::new()),
        }
    }

    fn table_path(&self, tenant: &str, dataset: &str) -> Result<PathBuf, LakeError> {
        check_name("tenant", tenant)?;
        check_name("dataset", dataset)?;
        Ok(self.root.join(tenant).join(dataset))
    }
}

impl LakeTable {
    /// Its folder as a `file:` URL.
    pub fn url(&self) -> Option<Url> {
        Url::from_directory_path(&self.path).ok()
    }
}

/// Checks that a tenant may be called so: what a command should do with a name before it does any work.
///
/// # Errors
/// If the name cannot be a folder's everywhere: lower-case letters, digits, `.`, `_` and `-`, at most 128, a
/// letter or digit first and no `.` last.
pub fn check_tenant(name: &str) -> Result<(), LakeError> {
    check_name("tenant", name)
}

/// Names become folders: nothing in them may leave the lake, hide, or differ between file systems. Upper-case
/// letters would: where case does not count (macOS, Windows), two tenants would share one folder.
fn check_name(kind: &'static str, name: &str) -> Result<(), LakeError> {
    let fine = name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        // Windows drops a last dot.
        && !name.ends_with('.')
        && !name.contains("..")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if fine {
        Ok(())
    } else {
        Err(LakeError::InvalidName {
            kind,
            name: name.to_owned(),
        })
    }
}

/// Names of the folders in `path`; those that are not text cannot be ours.
fn folders(path: &Path) -> Result<Vec<String>, LakeError> {
    let failed = |e| LakeError::io("list", path, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Follows links: a lake may be spread over disks.
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether a table's log has anything committed. A folder without is what a writer left that was killed
/// before its first commit.
fn has_commit(path: &Path) -> Result<bool, LakeError> {
    let log = path.join("_delta_log");
    let entries = match std::fs::read_dir(&log) {
        Ok(entries) => entries,
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(false);
        }
        Err(e) => return Err(LakeError::io("list", &log, e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| LakeError::io("list", &log, e))?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".json") || name.ends_with(".checkpoint.parquet") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A handle on the table in `path` without anything read.
fn unloaded(path: &Path) -> Result<DeltaTable, LakeError> {
    let url = Url::from_directory_path(path).map_err(|()| LakeError::NotAFolder {
        path: path.to_path_buf(),
    })?;
    DeltaTableBuilder::from_url(url)
        .and_then(DeltaTableBuilder::build)
        .map_err(|e| LakeError::delta(path, e))
}

async fn load(path: &Path) -> Result<DeltaTable, LakeError> {
    let mut table = unloaded(path)?;
    table.load().await.map_err(|e| LakeError::delta(path, e))?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_lake() {
        for good in ["default", "windows.sysmon", "a-b_c.9", "9lives"] {
            assert!(check_name("tenant", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".hidden",
            "a/b",
            "a\\b",
            "_delta_log",
            "ä",
            "a b",
            "a\0b",
            "ACME",
            "aCME",
            "acme.",
        ] {
            assert!(check_name("tenant", bad).is_err(), "{bad:?}");
        }
        assert!(check_name("tenant", &"x".repeat(129)).is_err());
    }

    #[test]
    fn a_path_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("below")] {
            for result in [Lake::open(&path), Lake::create(&path)] {
                let message = result.unwrap_err().to_string();
                assert!(
                    message.contains("is a file") && message.contains("file"),
                    "{message}"
                );
            }
        }
        let missing = folder.path().join("missing");
        assert!(matches!(Lake::open(&missing), Err(LakeError::Missing { .. })));
        assert!(Lake::create(&missing.join("deep")).is_ok());
        assert!(Lake::open(&missing).is_ok());
    }
}
