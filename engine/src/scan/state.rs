//! What a scan has come to, in a file: so that the next one goes on where it ended, or where it was killed.
//!
//! The file holds how far each input was read, and what correlations and queries over several events know. It is written
//! whole, beside the old one, and then takes its name; so there is always one to go on from. What it says was read is stored
//! and was given out before it is written. After a crash, what came later is read again: alerts have the same ids then, and the
//! lake stores no event twice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use borzoi_parsers::frame::{FrameBlock, Framing};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::correlate::alerts::{self, Correlator};
use crate::eql::run::QueryRun;
use crate::eql::snapshot;
use crate::sql_rules;

/// Where the state of a scan is kept.
#[derive(Debug, Clone)]
pub struct StateOptions {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// How often the state is saved while the scan runs.
    pub every: Duration,
    /// Whether the end of the inputs is the end: what only more events could decide is decided then, and only how far inputs
    /// were read is kept. Otherwise it waits for the next scan.
    pub finish: bool,
    /// Whether it is only looked at: nothing is saved.
    pub read_only: bool,
}

/// First bytes of the file: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"borzoi\x00\x06";

/// Forms that are the same are written by the same version of the engine only.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes by which a file is known again.
const HEAD: u64 = 1024;

/// Why the state of a scan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or a file in it cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another scan uses it.
    #[error("{}: another scan uses this state", .0.display())]
    InUse(PathBuf),
    /// What SQL rules know cannot be put into the file, or be taken out of it: a bug, here or in DataFusion.
    #[error("the state of SQL rules: {0}")]
    Sql(String),
    /// The file is not what this version writes.
    #[error("{}: {reason}; move it away to begin anew", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// How far an input was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes at its beginning by which it is known again, and their hash.
    head: (u64, u64),
    /// Its size when it was read to its end.
    whole: Option<u64>,
    /// The offset of the last frame that was read.
    last: Option<u64>,
    /// How many blocks of frames were read, and how many frames of the last of them.
    blocks: (u64, u64),
}

/// What is to be done with an input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// Nothing: it was read, and is the same.
    Skip,
    /// All of it.
    Whole,
    /// What comes after this.
    After(Position),
    /// All of it: another file has its name now.
    Replaced,
}

impl Position {
    /// At the beginning of a file.
    pub(super) fn at_start(path: &str) -> Position {
        Position {
            head: head(path, HEAD).unwrap_or_default(),
            ..Position::default()
        }
    }

    /// What is to be done with a file that is so large now.
    pub(super) fn resume(&self, path: &str, size: Option<u64>) -> Resume {
        let (length, hash) = self.head;
        match head(path, length) {
            Some(now) if now == (length, hash) => {}
            _ => return Resume::Replaced,
        }
        match (self.whole, size) {
            (Some(whole), Some(size)) if size < whole => Resume::Replaced,
            (Some(whole), Some(size)) if size == whole => Resume::Skip,
            _ if self.last.is_none() => Resume::Whole,
            _ => Resume::After(self.clone()),
        }
    }

    /// A block was read.
    pub(super) fn add(&mut self, read: Reached) {
        self.last = self.last.max(read.last);
        let (blocks, frames) = read.blocks;
        self.blocks = match self.blocks.0 == blocks {
            // The rest of a block of which some was read before.
            true => (blocks, self.blocks.1 + frames),
            false => read.blocks,
        };
    }

    /// It was read to its end.
    pub(super) fn end(&mut self, path: &str, bytes: u64) {
        self.whole = Some(bytes);
        // It may have grown since it was opened.
        if self.head.0 < HEAD {
            self.head = head(path, HEAD.min(bytes)).unwrap_or(self.head);
        }
    }

    /// Takes out of a block what was read. `false` if nothing is left.
    pub(super) fn leave_new(&self, block: &mut FrameBlock) -> bool {
        let Some(last) = self.last else {
            return true;
        };
        match block.framing {
            // Their frames do not lie in the order of their offsets. Their blocks are always the same but for the last one,
            // which a file that grows fills up.
            Framing::Evtx | Framing::Auditd => {
                let (blocks, frames) = self.blocks;
                match block.sequence + 1 {
                    number if number < blocks => return false,
                    number if number == blocks => {
                        let read = usize::try_from(frames).unwrap_or(usize::MAX);
                        block.frames.drain(..read.min(block.frames.len()));
                        block.rejects.clear();
                    }
                    _ => {}
                }
                !(block.frames.is_empty() && block.rejects.is_empty())
            }
            _ => {
                block.frames.retain(|frame| frame.offset > last);
                block.rejects.retain(|reject| reject.offset > last);
                !(block.frames.is_empty() && block.rejects.is_empty())
            }
        }
    }
}

/// How far a block goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reached {
    last: Option<u64>,
    blocks: (u64, u64),
}

impl Reached {
    pub(super) fn of(block: &FrameBlock) -> Reached {
        let frames = block.frames.iter().map(|frame| frame.offset);
        Reached {
            // What was refused at the end of a file may only be cut short.
            last: frames.max(),
            blocks: (block.sequence + 1, block.frames.len() as u64),
        }
    }
}

/// The length of the first bytes of a file, so many at most, and their hash.
fn head(path: &str, most: u64) -> Option<(u64, u64)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some((bytes.len() as u64, xxh3_64(&bytes)))
}

/// Positions of inputs by path.
pub(super) type Positions = BTreeMap<Arc<str>, Position>;

/// What was saved.
#[derive(Default, Deserialize)]
pub(super) struct Saved {
    pub(super) positions: Positions,
    pub(super) correlator: Option<alerts::Loaded>,
    pub(super) queries: Option<snapshot::Loaded>,
    pub(super) sql: Option<sql_rules::snapshot::Saved>,
}

/// A folder in which this scan, and no other, keeps its state.
#[derive(Debug)]
pub(super) struct StateFolder {
    file: PathBuf,
    new: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl StateFolder {
    /// Opens a folder.
    pub(super) fn open(folder: &Path) -> Result<StateFolder, StateError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| StateError::Io { path, error }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StateError::InUse(folder.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        Ok(StateFolder {
            file: folder.join("scan.state"),
            new: folder.join("scan.state.new"),
            _lock: lock,
        })
    }

    /// What was saved last; nothing yet if there is no file.
    pub(super) fn load(&self) -> Result<Saved, StateError> {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
            Err(error) => return Err(self.failed(error)),
        };
        let unreadable = |reason: String| StateError::Unreadable {
            path: self.file.clone(),
            reason,
        };
        let mut file = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return Err(unreadable("this is not the state of a scan".into()));
        }
        let mut bytes = Vec::new();
        zstd::Decoder::with_buffer(file)
            .and_then(|mut decoder| decoder.read_to_end(&mut bytes))
            .map_err(|error| unreadable(format!("it is damaged ({error})")))?;
        let read = postcard::take_from_bytes::<String>(&bytes);
        let (version, rest) = read.map_err(|error| unreadable(format!("it is damaged ({error})")))?;
        if version != VERSION {
            return Err(unreadable(format!(
                "it was written by version {version}, this is {VERSION}"
            )));
        }
        postcard::from_bytes(rest).map_err(|error| unreadable(format!("it is damaged ({error})")))
    }

    /// Saves how far a scan has come, in the place of what was saved before.
    pub(super) fn save(
        &self,
        positions: &Positions,
        correlator: Option<&Correlator>,
        queries: Option<&QueryRun>,
        sql: Option<&sql_rules::snapshot::Saved>,
    ) -> Result<(), StateError> {
        let write = || -> io::Result<()> {
            let mut file = File::create(&self.new)?;
            file.write_all(MAGIC)?;
            let mut encoder = zstd::Encoder::new(BufWriter::new(file), 1)?;
            encoder.include_checksum(true)?;
            let all = (VERSION, positions, correlator, queries, sql);
            let mut encoder = postcard::to_io(&all, encoder).map_err(io::Error::other)?;
            encoder.flush()?;
            let file = encoder
                .finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&self.new, &self.file)
        };
        write().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> StateError {
        StateError::Io {
            path: self.file.clone(),
            error,
        }
    }
}
