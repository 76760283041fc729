//! Linux audit records, one event per serial number.

mod assemble;

use super::{EventSink, FrameContext, Reject};

pub use assemble::{Assembled, Assembler};

/// Whether `line` is an audit record.
pub fn looks_like(line: &str) -> bool {
    line.contains("type=") && line.contains("audit(")
}

/// Writes the event of `frame` (the records of one event, one a line) to `sink`.
///
/// # Errors
///
/// `not_auditd` if no line is an audit record.
pub fn decode(_frame: &str, _context: &FrameContext<'_>, _sink: &mut EventSink) -> Result<(), Reject> {
    Err(Reject::new("not_auditd", "no audit record in the frame"))
}
