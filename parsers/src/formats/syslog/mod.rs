//! Syslog lines: RFC 3164, RFC 5424 and the dialects that files hold.
//!
//! The header becomes `log.syslog.*`, `host.name`, `process.name`, `process.pid`; the text after the tag
//! is `message`. The program names the dataset (see `select.programs` in the catalog) and what it wrote is
//! taken apart by [`linux`](super::linux). Anything else is `linux.syslog`, which loses nothing: the message
//! is there and rules search it.
//!
//! Lines that came over the wire (with a priority) also keep the header's own words, as sent, in
//! `log.syslog.hostname`, `log.syslog.appname`, `log.syslog.procid` and `log.syslog.msgid`; files have no use for them, but
//! for the host where the event names another.
//!
//! Structured data becomes `syslog_sd.<id>.<parameter>`.

pub(super) mod gear;
pub(super) mod header;
mod plain;
#[cfg(test)]
mod tests;

use crate::batch::{BatchBuilder, Form};
use crate::value::Value;

use super::text::is_known;
use super::{EventSink, FrameContext, Reject, access, auditd, commit, error_log, generic, linux};
pub(super) use header::Header;
use plain::Plain;

/// Programs whose messages may be lines of their access or error log.
const WEB_SERVERS: [&str; 5] = ["nginx", "httpd", "apache", "apache2", "apache_access"];

/// Whether `program` writes an access log: a web server, or what its administrator called that log.
fn is_web_server(program: &str) -> bool {
    WEB_SERVERS.contains(&program) || program.contains("access")
}

/// Whether `line` is syslog: it starts with a priority, with a timestamp and then a tag or a host and a tag,
/// with `host program[pid]:`, or it is a message without any header that only one program writes.
pub fn looks_like(line: &str) -> bool {
    header_of(line, 0, chrono_tz::UTC).is_some()
}

/// The header of a line that [looks like](looks_like) syslog. A message without any header that only one program
/// writes gets that program as its tag.
pub(super) fn header_of(line: &str, reference_time: i64, zone: chrono_tz::Tz) -> Option<Header<'_>> {
    match plain::header(line, reference_time, zone) {
        Plain::Header(header) => Some(header),
        Plain::None => None,
        Plain::Unknown => whole_header_of(line, reference_time, zone),
    }
}

/// As [`header_of`], form by form.
fn whole_header_of(line: &str, reference_time: i64, zone: chrono_tz::Tz) -> Option<Header<'_>> {
    let Some(header) = Header::parse(line, reference_time, zone) else {
        let message = line.trim();
        // `sshd[77]: Connection closed by …`, as `journalctl -o cat` and collectors leave it.
        if let Some((tag, process_id @ Some(id), said)) = header::full_tag(message)
            && id.bytes().all(|b| b.is_ascii_digit())
            && linux::knows(tag, said)
        {
            return Some(Header {
                tag: Some(tag),
                process_id,
                message: said,
                ..Header::default()
            });
        }
        let tag = Some(linux::program_of(message)?);
        return Some(Header {
            tag,
            message,
            ..Header::default()
        });
    };
    // Many applications start their lines with an ISO time and a space; only a `T` is syslog's, and the offset of the
    // zone in front of `host program[pid]: …`, as macOS shows its log in the style of syslog.
    let is_macos = || {
        let zone = line.get(19..).and_then(|rest| rest.split(' ').next());
        let is_number = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
        zone.is_some_and(|zone| zone.contains(['+', '-'])) && header.process_id.is_some_and(is_number)
    };
    let iso_with_space =
        line.as_bytes().get(10) == Some(&b' ') && line.as_bytes().get(4) == Some(&b'-') && !is_macos();
    let is_syslog = match header.priority {
        _ if gear::mark(header.message).is_some() => true,
        Some(_) => header.time.is_some() || header.tag.is_some() || header.version.is_some(),
        None => (header.tag.is_some() || header::is_record(header.message)) && !iso_with_space,
    };
    is_syslog.then_some(header)
}

/// Writes the event of one line with this header to `sink`.
///
/// # Errors
///
/// `no_dataset` if the catalog in use lacks the dataset.
pub(super) fn decode(
    header: &Header<'_>,
    frame: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let program = header.program().unwrap_or_default();
    if let Some(record) = auditd::in_syslog(program, header.message, header.time) {
        return auditd::write(&[record], header.host, frame, context, sink);
    }
    if is_web_server(program) {
        if let Some(entry) = access::Entry::certain(header.message, context.timezone) {
            return entry.decode(header.host, frame, context, sink);
        }
        if error_log::looks_like(header.message) {
            return error_log::decode_message(
                header.message,
                Some((header.host, header.time)),
                frame,
                context,
                sink,
            );
        }
    }
    let dataset = match context.dataset {
        Some(pinned) => pinned.clone(),
        None => linux::dataset(sink.catalog(), program)?,
    };
    let catalog = sink.catalog().clone();
    let builder = sink.begin(&dataset);
    write_header(header, builder);
    let mut fields = linux::Fields::new();
    linux::dissect(
        header.tag.unwrap_or_default(),
        program,
        header.message,
        &mut fields,
    );
    let unknown = fields.is_empty();
    for (name, value) in fields.iter() {
        builder.field_of(name, value);
    }
    if unknown {
        match is_known(program) {
            true => generic::write_pairs(header.message, builder),
            false => generic::write_pairs_of_message(header.message, &catalog, builder),
        }
    }
    commit(builder, context, frame.as_bytes(), 0, header.time);
    Ok(())
}

/// What a header says, by ECS's names; it has the version as text.
static HEADER: Form = Form::new(&[
    "log.syslog.priority",
    "log.syslog.facility.code",
    "log.syslog.severity.code",
    "log.syslog.hostname",
    "log.syslog.appname",
    "log.syslog.procid",
    "log.syslog.msgid",
    "log.syslog.version",
    "host.name",
    "process.name",
    "process.pid",
]);

/// Writes the host that a header states, where the event has said already whose it is: whoever looks for this one finds
/// it still.
fn write_host(host: &str, builder: &mut BatchBuilder) {
    let mut named = String::new();
    if !builder.text_of("host.name", &mut named) || named != host {
        builder.field("log.syslog.hostname", Value::Str(host));
    }
}

/// Writes what the header says, where the event does not say it itself; the message too.
pub(super) fn write_header(header: &Header<'_>, builder: &mut BatchBuilder) {
    fn text(text: Option<&str>) -> Value<'_> {
        text.map_or(Value::Null, Value::Str)
    }
    let number = |number: Option<i64>| number.map_or(Value::Null, Value::Int);
    let priority = header.priority;
    // What a header without a priority says may be the message's.
    let framed = |part| text(priority.and(part));
    let process_id = header.process_id;
    let pid = process_id.filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
    let values = [
        number(priority),
        number(priority.map(|priority| priority / 8)),
        number(priority.map(|priority| priority % 8)),
        framed(header.host),
        framed(header.tag),
        framed(process_id),
        framed(header.message_id),
        number(header.version),
        text(header.host),
        text(header.program()),
        number(pid.and_then(|id| id.parse().ok())),
    ];
    let is_named = header.host.is_some() && builder.has("host.name");
    builder.write_form_if_absent(&HEADER, &values);
    if let Some(host) = header.host.filter(|_| is_named) {
        write_host(host, builder);
    }
    for (id, parameter, value) in &header.structured {
        builder.field(&format!("syslog_sd.{id}.{parameter}"), Value::Str(value));
    }
    if !header.message.is_empty() {
        builder.field_if_absent("message", Value::Str(header.message));
    }
}
