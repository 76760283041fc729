//! Zeek logs: TSV with a header, and JSON.

use super::{EventSink, FrameContext, Reject};

/// The header of a Zeek TSV log: what the lines after it mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZeekHeader {
    path: String,
}

impl ZeekHeader {
    /// Whether `line` belongs to a header (`#separator`, `#fields`, …, also `#close`).
    pub fn is_header_line(line: &str) -> bool {
        line.starts_with('#')
    }

    /// Takes in one header line. A `#separator` line starts the header anew, so one value serves a whole
    /// stream of concatenated logs.
    pub fn push(&mut self, _line: &str) {}

    /// Whether lines can be decoded: `#fields` was seen.
    pub fn is_complete(&self) -> bool {
        false
    }

    /// The log's path (`conn`).
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Whether `line` starts a Zeek TSV log.
pub fn looks_like(line: &str) -> bool {
    line.starts_with("#separator ")
}

/// The Zeek log path of a JSON event with these top-level `keys` (and `_path` if there is one); `None` if it
/// is no Zeek event.
pub fn json_path<'k>(_keys: &[&str], path: Option<&'k str>) -> Option<&'k str> {
    path
}

/// Writes the event of one TSV line to `sink`.
///
/// # Errors
///
/// `zeek_no_header`, `zeek_columns`.
pub fn decode_tsv(
    _header: &ZeekHeader,
    _frame: &str,
    _context: &FrameContext<'_>,
    _sink: &mut EventSink,
) -> Result<(), Reject> {
    Err(Reject::new(
        "zeek_no_header",
        "a zeek line without a #fields header",
    ))
}

/// Writes the event of one Zeek JSON object of the log `path` (see [`json_path`]) to `sink`.
///
/// # Errors
///
/// `not_json`.
pub fn decode_json(
    _path: &str,
    _frame: &str,
    _context: &FrameContext<'_>,
    _sink: &mut EventSink,
) -> Result<(), Reject> {
    Err(Reject::new("not_json", "not a JSON object"))
}
