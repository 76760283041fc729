//! Syslog lines: RFC 3164, RFC 5424 and the dialects that files hold.
//!
//! The header becomes `log.syslog.*`, `host.name`, `process.name`, `process.pid`; the text after the tag
//! is `message`. The program names the dataset (see `select.programs` in the catalog) and what it wrote is
//! taken apart by [`linux`](super::linux). Anything else is `linux.syslog`, which loses nothing: the message
//! is there and rules search it.
//!
//! Lines that came over the wire (with a priority) also keep the header's own words, as sent, in
//! `log.syslog.appname`, `log.syslog.procid` and `log.syslog.msgid`; files have no use for them.
//!
//! Structured data becomes `syslog_sd.<id>.<parameter>`.

mod header;
#[cfg(test)]
mod tests;

use crate::batch::BatchBuilder;
use crate::value::Value;

use super::{EventSink, FrameContext, Reject, access, auditd, commit, error_log, linux};
use header::Header;

/// Programs whose messages may be lines of their access or error log.
const WEB_SERVERS: [&str; 5] = ["nginx", "httpd", "apache", "apache2", "apache_access"];

/// Whether `line` is syslog: it starts with a priority, with a timestamp and then a tag or a host and a tag,
/// with `host program[pid]:`, or it is a message without any header that only one program writes.
pub fn looks_like(line: &str) -> bool {
    let Some(header) = Header::parse(line, 0, chrono_tz::UTC) else {
        return linux::program_of(line).is_some();
    };
    if header.priority.is_some() {
        return header.time.is_some() || header.tag.is_some() || header.version.is_some();
    }
    // Many applications start their lines with an ISO time and a space; only a `T` is syslog's.
    let iso_with_space = line.as_bytes().get(10) == Some(&b' ') && line.as_bytes().get(4) == Some(&b'-');
    header.tag.is_some() && !iso_with_space
}

/// Writes the event of one syslog line to `sink`.
///
/// # Errors
///
/// `not_syslog` if the line has neither a priority nor a timestamp at its start.
pub fn decode(frame: &str, context: &FrameContext<'_>, sink: &mut EventSink) -> Result<(), Reject> {
    let header = Header::parse(frame, context.reference_time, context.timezone)
        .or_else(|| {
            let message = frame.trim();
            let tag = Some(linux::program_of(message)?);
            Some(Header {
                tag,
                message,
                ..Header::default()
            })
        })
        .ok_or_else(|| {
            Reject::new(
                "not_syslog",
                "no priority and no timestamp at the start of the line",
            )
        })?;
    let program = header.program().unwrap_or_default();
    if let Some(record) = auditd::in_syslog(program, header.message, header.time) {
        return auditd::write(&[record], header.host, frame, context, sink);
    }
    if WEB_SERVERS.contains(&program) {
        if access::looks_like(header.message) {
            return access::decode_message(header.message, header.host, frame, context, sink);
        }
        if error_log::looks_like(header.message) {
            return error_log::decode_message(header.message, header.host, frame, context, sink);
        }
    }
    let dataset = match context.dataset {
        Some(pinned) => pinned.clone(),
        None => linux::dataset(sink.catalog(), program)?,
    };
    let builder = sink.begin(&dataset);
    write_header(&header, builder);
    let mut fields = linux::Fields::default();
    linux::dissect(
        header.tag.unwrap_or_default(),
        program,
        header.message,
        &mut fields,
    );
    for (name, value) in fields {
        builder.field(name, value);
    }
    commit(builder, context, frame.as_bytes(), 0, header.time);
    Ok(())
}

fn write_header(header: &Header<'_>, builder: &mut BatchBuilder) {
    if let Some(priority) = header.priority {
        builder.field("log.syslog.priority", Value::Int(priority));
        builder.field("log.syslog.facility.code", Value::Int(priority / 8));
        builder.field("log.syslog.severity.code", Value::Int(priority % 8));
        for (name, value) in [
            ("log.syslog.appname", header.tag),
            ("log.syslog.procid", header.process_id),
            ("log.syslog.msgid", header.message_id),
        ] {
            builder.field(name, value.map_or(Value::Null, Value::Str));
        }
    }
    if let Some(version) = header.version {
        // ECS has this one as text.
        builder.field("log.syslog.version", Value::Int(version));
    }
    builder.field("host.name", header.host.map_or(Value::Null, Value::Str));
    builder.field("process.name", header.program().map_or(Value::Null, Value::Str));
    if let Some(id) = header.process_id
        && id.bytes().all(|b| b.is_ascii_digit())
    {
        builder.field("process.pid", id.parse().map_or(Value::Null, Value::Int));
    }
    for (id, parameter, value) in &header.structured {
        builder.field(&format!("syslog_sd.{id}.{parameter}"), Value::Str(value));
    }
    if !header.message.is_empty() {
        builder.field("message", Value::Str(header.message));
    }
}
