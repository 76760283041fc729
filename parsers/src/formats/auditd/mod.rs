//! Linux audit records, one event per serial number.
//!
//! The kernel describes one system call in several records (`SYSCALL`, `EXECVE`, one `PATH` per file, …) that
//! share a serial number and may be interleaved with those of other calls. [`Assembler`] puts them together
//! while framing; [`decode`] makes one event of them:
//!
//! - `type` is a list of all record types, so that a rule about `PATH` and one about `SYSCALL` both find the
//!   event, and a rule may ask for both.
//! - `a0`, `a1`, … are the arguments of the program that was run (`EXECVE`). The system call's own arguments
//!   have these names only where nothing was run; otherwise they are `syscall_a0` to `syscall_a3`.
//! - `syscall` is the call's name, also where the log has the number alone (then kept in `syscall_number`).
//! - `name`, `nametype` and `key` are lists; `file.path` is the file that the call was about.
//! - Values that the kernel encodes in hexadecimal (anything with a space or a quote in it) are decoded.
//! - `saddr` becomes `destination.*` or `source.*`, as the call connects or accepts.
//!
//! Laurel writes the same events as JSON objects; they have the same fields.
//!
//! Records also arrive inside syslog lines (`audispd:`, `audit[1]:`, `kernel: audit:`); the syslog format hands
//! them over.

mod assemble;
mod event;
mod laurel;
mod record;
mod sockaddr;
mod syscalls;
#[cfg(test)]
mod tests;

use super::{EventSink, FrameContext, Reject, commit, pinned_or};

pub use assemble::{Assembled, Assembler};
pub(super) use laurel::decode as decode_laurel;
use record::Record;

/// Whether `line` is an audit record: `[node=H ]type=T msg=audit(…): …`.
pub fn looks_like(line: &str) -> bool {
    (line.starts_with("type=") || line.starts_with("node=")) && Record::parse(line).is_some()
}

/// Writes the events of `frame` to `sink`: one, if its lines are the records of one event.
///
/// # Errors
///
/// `not_auditd` if no line is an audit record; lines beside records are ignored.
pub fn decode(frame: &str, context: &FrameContext<'_>, sink: &mut EventSink) -> Result<(), Reject> {
    let records: Vec<Record<'_>> = frame.lines().filter_map(Record::parse).collect();
    write(&records, None, frame, context, sink)
}

/// The audit record in a syslog message, if there is one.
pub(super) fn in_syslog<'a>(program: &str, message: &'a str, time: Option<i64>) -> Option<Record<'a>> {
    if !["audispd", "audit", "auditd", "kernel", "audisp-syslog"].contains(&program) {
        return None;
    }
    record_at(message).or_else(|| (program == "audit").then(|| Record::without_id(message, time))?)
}

/// The record that a message starts with. The kernel puts its clock in front, and what it calls the log. Anywhere else
/// in a message stand names of devices, networks and programs.
fn record_at(message: &str) -> Option<Record<'_>> {
    let is_clock = |clock: &str| {
        clock
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b' '))
    };
    let clock = message.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let text = match clock {
        Some((clock, rest)) if is_clock(clock) => rest,
        _ => message,
    };
    let text = text.trim_start();
    let text = text.strip_prefix("audit: ").unwrap_or(text).trim_start();
    let starts = text.starts_with("type=") || text.starts_with("node=");
    starts.then(|| Record::parse(text))?
}

/// Writes the events of `records`. `host` is where they were written, if the line around them says so.
pub(super) fn write(
    records: &[Record<'_>],
    host: Option<&str>,
    frame: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    if records.is_empty() {
        return Err(Reject::new(
            "not_auditd",
            "no audit record (`type=… msg=audit(…):`) in the frame",
        ));
    }
    let dataset = pinned_or("linux.auditd", context, sink)?;
    for (index, records) in records
        .chunk_by(|a, b| a.id == b.id && a.node == b.node)
        .enumerate()
    {
        let builder = sink.begin(&dataset);
        if let Some(host) = host.or(records[0].node) {
            builder.field("host.name", host.into());
        }
        event::write(records, builder);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        commit(builder, context, frame.as_bytes(), index, records[0].time);
    }
    Ok(())
}
