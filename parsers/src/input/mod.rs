//! What the user named, as sources of bytes.
//!
//! [`InputSet::expand`] turns arguments (files, folders, globs, `-`) into [`Input`]s; [`Input::open`]
//! gives a [`ChunkSource`] of decompressed UTF-8 text (or binary data as it is):
//!
//! - gzip (several members too) and zstd (windows up to 2^30) are recognised by their first bytes;
//! - UTF-16 with or without a byte order mark becomes UTF-8, a UTF-8 byte order mark is cut off;
//! - a compressed file that breaks off gives everything before the break, then the error;
//! - standard input, pipes and devices are read by a thread of their own, so that [`ChunkSource::next`]
//!   can say that nothing came for a while.
//!
//! An argument that cannot be used is an [`InputError`] and costs itself alone.

mod chunks;
mod encoding;
pub(crate) mod pool;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::Peer;

pub(crate) use chunks::CHUNKS_AHEAD;
pub use chunks::{Chunk, ChunkSource, Next};

/// An input that cannot be read, or not to its end. The fault is the machine's or the file's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct InputError {
    /// The path as the user gave it, or `-`.
    pub path: Arc<str>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// How inputs are read.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// Bytes read at a time.
    pub chunk_bytes: usize,
}

impl Default for InputOptions {
    fn default() -> Self {
        // Large enough that a read call costs nothing beside its bytes, small beside a block.
        InputOptions { chunk_bytes: 1 << 20 }
    }
}

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// As the user gave it (members of a folder: with the folder in front), or `-`.
    pub path: Arc<str>,
    /// Size on disk; `None` for streams.
    pub size: Option<u64>,
    /// Who sends it, for what a listener hands over; nothing for files and standard input.
    pub peer: Peer,
    file: Option<PathBuf>,
}

impl Input {
    /// Standard input.
    pub fn stdin() -> Self {
        Input {
            path: Arc::from("-"),
            size: None,
            peer: Peer::default(),
            file: None,
        }
    }

    /// One file, which need not exist yet.
    pub fn file(path: &Path) -> Self {
        let size = std::fs::metadata(path)
            .ok()
            .filter(std::fs::Metadata::is_file)
            .map(|metadata| metadata.len());
        Input {
            path: Arc::from(path.to_string_lossy()),
            size,
            peer: Peer::default(),
            file: Some(path.to_owned()),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(&self, options: &InputOptions) -> Result<ChunkSource, InputError> {
        let chunks = ChunkSource::open(self.path.clone(), self.file.as_deref(), options)?;
        Ok(chunks.sent_by(self.peer))
    }
}

/// All inputs of a run, in the order given, each once.
#[derive(Debug, Clone, Default)]
pub struct InputSet {
    /// What can be tried.
    pub inputs: Vec<Input>,
    /// What cannot.
    pub errors: Vec<InputError>,
}

impl InputSet {
    /// Expands arguments: a file stands for itself, a folder for all files below it in sorted order, a
    /// glob for what it matches in sorted order, `-` for standard input. What several arguments reach is
    /// read once.
    pub fn expand<S: AsRef<str>>(arguments: &[S]) -> InputSet {
        let mut expansion = Expansion::default();
        for argument in arguments {
            expansion.argument(argument.as_ref());
        }
        expansion.set
    }

    /// Bytes on disk of all inputs; `None` if one is a stream.
    pub fn total_size(&self) -> Option<u64> {
        self.inputs.iter().map(|input| input.size).sum()
    }
}

#[derive(Default)]
struct Expansion {
    set: InputSet,
    seen: HashSet<PathBuf>,
    stdin: bool,
}

impl Expansion {
    fn error(&mut self, path: &str, reason: impl Into<String>) {
        self.set.errors.push(InputError {
            path: Arc::from(path),
            reason: reason.into(),
        });
    }

    fn argument(&mut self, argument: &str) {
        if argument == "-" {
            if !std::mem::replace(&mut self.stdin, true) {
                self.set.inputs.push(Input::stdin());
            }
            return;
        }
        let path = Path::new(argument);
        // A file whose name happens to hold `[` is a file.
        match std::fs::metadata(path) {
            Ok(_) => self.path(path),
            Err(_) if argument.contains(['*', '?', '[']) => self.pattern(argument),
            Err(error) => self.error(argument, describe(&error)),
        }
    }

    fn pattern(&mut self, pattern: &str) {
        let matches = match glob::glob(pattern) {
            Ok(matches) => matches,
            Err(error) => return self.error(pattern, format!("not a valid pattern: {error}")),
        };
        let mut any = false;
        for entry in matches {
            any = true;
            match entry {
                Ok(path) => self.path(&path),
                Err(error) => {
                    let path = error.path().to_string_lossy().into_owned();
                    self.error(&path, describe(error.error()));
                }
            }
        }
        if !any {
            self.error(pattern, "no file matches this pattern");
        }
    }

    fn path(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.file(path);
        }
        let mut any = false;
        for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    any = true;
                    self.file(entry.path());
                }
                Err(error) => {
                    any = true;
                    let at = error.path().unwrap_or(path).to_string_lossy().into_owned();
                    self.error(&at, format!("cannot be read: {error}"));
                }
            }
        }
        if !any {
            self.error(&path.to_string_lossy(), "the folder holds no file");
        }
    }

    fn file(&mut self, path: &Path) {
        let identity = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(identity) {
            self.set.inputs.push(Input::file(path));
        }
    }
}

/// What an I/O error means for the person who named the path.
fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied; check who may read it".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
