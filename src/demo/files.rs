//! Writing the log files: in time order, attacks merged in, compressed if the name says so.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::DemoError;

/// What stands around the records of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Before the first.
    pub head: String,
    /// Between two; every record ends with it in line formats.
    pub between: &'static str,
    /// After the last.
    pub tail: String,
}

impl Frame {
    /// One record a line.
    pub fn lines() -> Self {
        Self {
            head: String::new(),
            between: "\n",
            tail: "\n".to_owned(),
        }
    }
}

/// A record of an attack, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Event time in microseconds.
    pub time: i64,
    /// The record's text, without the final line feed.
    pub text: String,
}

/// Writes `dir/name`: a record made by `make` for each of `times` (sorted), and `attacks` between them.
/// Returns the number of records.
pub(super) fn write(
    dir: &Path,
    name: &str,
    frame: &Frame,
    times: &[i64],
    mut attacks: Vec<Planned>,
    modified: i64,
    mut make: impl FnMut(i64) -> String,
) -> Result<u64, DemoError> {
    let path = dir.join(name);
    let fail = |source: std::io::Error| DemoError {
        path: path.clone(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    let file = File::create(&path).map_err(fail)?;
    let buffered = BufWriter::with_capacity(1 << 18, file);
    attacks.sort_by_key(|planned| planned.time);
    let mut attacks = attacks.into_iter().peekable();
    let mut records = 0_u64;
    let mut body = |out: &mut dyn Write| -> std::io::Result<()> {
        out.write_all(frame.head.as_bytes())?;
        let mut record = |out: &mut dyn Write, text: &str| -> std::io::Result<()> {
            if records > 0 {
                out.write_all(frame.between.as_bytes())?;
            }
            records += 1;
            out.write_all(text.as_bytes())
        };
        for &time in times {
            while let Some(planned) = attacks.next_if(|planned| planned.time <= time) {
                record(out, &planned.text)?;
            }
            record(out, &make(time))?;
        }
        for planned in attacks.by_ref() {
            record(out, &planned.text)?;
        }
        out.write_all(frame.tail.as_bytes())
    };
    let buffered = if name.ends_with(".gz") {
        let mut encoder = GzEncoder::new(buffered, Compression::new(3));
        body(&mut encoder).map_err(fail)?;
        encoder.finish().map_err(fail)?
    } else {
        let mut buffered = buffered;
        body(&mut buffered).map_err(fail)?;
        buffered
    };
    let file = buffered.into_inner().map_err(|error| fail(error.into_error()))?;
    // Syslog lines have no year: readers take it from the file's time.
    let modified = SystemTime::UNIX_EPOCH + Duration::from_micros(modified.max(0) as u64);
    file.set_modified(modified).map_err(fail)?;
    Ok(records)
}

/// Writes a small file.
pub(super) fn write_text(path: PathBuf, text: &str) -> Result<(), DemoError> {
    fs::write(&path, text).map_err(|source| DemoError { path, source })
}
