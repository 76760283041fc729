//! Access logs of nginx and Apache.

use super::{EventSink, FrameContext, Reject};

/// Whether `line` is an access log line.
pub fn looks_like(_line: &str) -> bool {
    false
}

/// Writes the event of one line to `sink`.
///
/// # Errors
///
/// `not_access_log`.
pub fn decode(_frame: &str, _context: &FrameContext<'_>, _sink: &mut EventSink) -> Result<(), Reject> {
    Err(Reject::new(
        "not_access_log",
        "not in common or combined log format",
    ))
}
