//! What can go wrong with a lake, whose fault it is, and what to do about it.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use deltalake_core::DeltaTableError;

/// Why a lake could not be opened, read or written. Rows that were not committed are still in the
/// writer's buffer, and running the same input again never stores a row twice.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The caller's path names a file.
    #[error("the lake path {} is a file; name a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The caller's path does not exist.
    #[error("there is no lake at {}; write one first (scan --lake) or check the path", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A tenant or dataset name that cannot be a folder name.
    #[error(
        "{kind} name {name:?} cannot be used in a lake; use lower-case letters, digits, `.`, `_` and `-`, \
         starting with a letter or digit and not ending with `.`, at most 128 of them"
    )]
    InvalidName {
        /// `tenant` or `dataset`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The machine: no room.
    #[error(
        "no space left for {}; nothing of this flush was committed; free some space and run the same \
         input again, what is stored already is recognised", path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The machine: not allowed.
    #[error("no permission for {}; check its owner and mode, or choose another folder", path.display())]
    Permission {
        /// What was being read or written.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The machine: any other input or output error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The table's log or files are not as the Delta protocol wants them, or another program's.
    #[error("delta table {}: {source}", path.display())]
    Delta {
        /// The table's folder.
        path: PathBuf,
        /// The library's word.
        source: Box<DeltaTableError>,
    },
    /// A data file cannot be written or read.
    #[error("parquet file {}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's word.
        source: parquet::errors::ParquetError,
    },
    /// A batch that does not follow the convention of the standard columns: our bug.
    #[error("a batch for {table} cannot be stored: {reason}; this is a bug, please report it")]
    BadBatch {
        /// `tenant/dataset`.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too many other writers.
    #[error("other writers won {attempts} times in a row at {}; try again with fewer of them", path.display())]
    Contention {
        /// The table's folder.
        path: PathBuf,
        /// How often.
        attempts: usize,
    },
}

impl LakeError {
    /// From an input or output error while doing `action` to `path`.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LakeError::DiskFull { path, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                LakeError::Permission { path, source }
            }
            _ => LakeError::Io { action, path, source },
        }
    }

    /// From an error of the Delta library about the table in `path`.
    pub(super) fn delta(path: &Path, source: DeltaTableError) -> Self {
        match io_cause(&source) {
            Some(cause) => match Self::io("use the delta log of", path, cause) {
                LakeError::Io { .. } => LakeError::Delta {
                    path: path.to_path_buf(),
                    source: Box::new(source),
                },
                known => known,
            },
            None => LakeError::Delta {
                path: path.to_path_buf(),
                source: Box::new(source),
            },
        }
    }

    /// From an error of the Parquet library about `path`.
    pub(super) fn parquet(path: &Path, source: parquet::errors::ParquetError) -> Self {
        match io_cause(&source) {
            Some(cause) => match Self::io("use", path, cause) {
                LakeError::Io { .. } => LakeError::Parquet {
                    path: path.to_path_buf(),
                    source,
                },
                known => known,
            },
            None => LakeError::Parquet {
                path: path.to_path_buf(),
                source,
            },
        }
    }
}

/// The system's error at the bottom of a library's error, as a copy.
fn io_cause(error: &(dyn StdError + 'static)) -> Option<io::Error> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<io::Error>() {
            // Parquet wraps the system's error in one of its own kind `Other`.
            if let Some(inner) = found.get_ref().and_then(|inner| io_cause(inner)) {
                return Some(inner);
            }
            return Some(match found.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(found.kind(), found.to_string()),
            });
        }
        if let Some(parquet::errors::ParquetError::External(inner)) =
            current.downcast_ref::<parquet::errors::ParquetError>()
        {
            next = Some(inner.as_ref());
            continue;
        }
        next = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_below_the_libraries() {
        let system = || io::Error::from_raw_os_error(28);
        let path = Path::new("lake/default/x");
        let parquet = parquet::errors::ParquetError::External(Box::new(system()));
        assert!(matches!(
            LakeError::parquet(path, parquet),
            LakeError::DiskFull { .. }
        ));
        let store = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(system()),
        };
        let delta = DeltaTableError::ObjectStore { source: store };
        assert!(matches!(
            LakeError::delta(path, delta),
            LakeError::DiskFull { .. }
        ));
        let denied = io::Error::from_raw_os_error(13);
        assert!(matches!(
            LakeError::io("write", path, denied),
            LakeError::Permission { .. }
        ));
        let delta = DeltaTableError::NotATable("x".to_owned());
        assert!(matches!(LakeError::delta(path, delta), LakeError::Delta { .. }));
    }
}
