//! Asterisk and FreePBX.
//!
//! ```text
//! [2026-03-01 10:00:00] NOTICE[21763][C-00000001] chan_sip.c: Registration from '"7" <sip:7@192.0.2.1>' failed for '198.51.100.9:5060' - Wrong password
//! [2026-03-01 10:00:00] SECURITY[21763] res_security_log.c: SecurityEvent="InvalidPassword",…,RemoteAddress="IPV4/UDP/198.51.100.9/5060"
//! [2026-Mar-01 10:00:00] [INFO] (libraries/modulefunctions.class.php:2083) - Generating CSS...Done
//! ```
//!
//! A caller chooses the name and the address that it registers as; the address that it came from is the last that
//! `failed for '…'` names, at the end of the line. In security events each value is quoted; the first of a key holds.

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::{Event, Grammar, Line, layout};
use crate::time;
use crate::value::Value;

pub(super) const ASTERISK: Grammar = Grammar {
    name: "Asterisk",
    marks: &[
        "NOTICE[",
        "ERROR[",
        "WARNING[",
        "VERBOSE[",
        "DEBUG[",
        "SECURITY[",
        "DTMF[",
        "Asterisk[",
    ],
    programs: &["asterisk"],
    read: asterisk,
};

pub(super) const FREEPBX: Grammar = Grammar {
    name: "FreePBX",
    marks: &[
        "] [INFO] ",
        "] [ERROR] ",
        "] [WARNING] ",
        "] [NOTICE] ",
        "] [freepbx.",
        "] [CRITICAL] ",
    ],
    programs: &[],
    read: freepbx,
};

fn asterisk<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let zone = line.context.timezone;
    let by_syslog = line.header.tag.is_some() && line.program() == "asterisk";
    let text = line.body.trim();
    let (instant, rest) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((stamp, rest)) => {
            let (instant, "") =
                time::iso(stamp, zone).or_else(|| time::bsd(stamp, line.context.reference_time, zone))?
            else {
                return None;
            };
            (Some(instant), rest.trim_start())
        }
        None if by_syslog => (None, text),
        None => return None,
    };
    let (level, rest) = rest.split_once('[')?;
    if !matches!(
        level,
        "NOTICE" | "ERROR" | "WARNING" | "VERBOSE" | "DEBUG" | "SECURITY" | "DTMF"
    ) {
        return None;
    }
    let (thread, rest) = rest.split_once(']')?;
    if thread.is_empty() || !thread.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (call, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some(split) => split,
        None => ("", rest.strip_prefix(':').unwrap_or(rest)),
    };
    let (file, message) = rest.trim_start_matches([' ', ':']).split_once(": ")?;
    let mut event = match by_syslog {
        true => Event::new("asterisk.log"),
        false => Event::headless("asterisk.log"),
    };
    event.time = instant;
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.number("process.thread.id", thread);
    fields.text("call_id", call);
    fields.text("log.origin.file.name", file.split(':').next().unwrap_or_default());
    fields.text("message", message);
    match level {
        "SECURITY" => security(line, message, fields),
        _ => failed(message, fields),
    }
    Some(event)
}

/// `SecurityEvent="InvalidPassword",EventTV="…",RemoteAddress="IPV4/UDP/198.51.100.9/5060"`.
fn security<'a>(line: &Line<'a>, message: &'a str, fields: &mut Fields<'a>) {
    for (key, value) in sure(line, message, Style::COMMAS, fields) {
        match key {
            "SecurityEvent" => {
                let outcome = match value {
                    "SuccessfulAuth" => "success",
                    "ChallengeSent" => "",
                    _ => "failure",
                };
                fields.event(value, outcome);
            }
            "AccountID" => fields.known("user.name", value),
            "RemoteAddress" | "LocalAddress" => {
                let side = match key {
                    "RemoteAddress" => ["source.ip", "source.port"],
                    _ => ["destination.ip", "destination.port"],
                };
                let mut parts = value.split('/').skip(2);
                if let (Some(host), Some(port)) = (parts.next().and_then(address), parts.next()) {
                    fields.text(side[0], host);
                    fields.number(side[1], port);
                }
            }
            _ => fields.text_named(line.name("asterisk.", key), value),
        }
    }
}

/// `Registration from '…' failed for '198.51.100.9:5060' - Wrong password`.
fn failed<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((what, rest)) = message.rsplit_once(" failed for '") else {
        return;
    };
    let Some((host, rest)) = rest.split_once('\'') else {
        return;
    };
    let (host, port) = host_port(host);
    // More than one such place: a name may hold one.
    if message.matches("failed for '").count() > 1 {
        return;
    }
    let Some(host) = address(host) else { return };
    fields.category("authentication");
    fields.event(
        if what.starts_with("Registration") {
            "registration"
        } else {
            "request"
        },
        "failure",
    );
    fields.push("source.ip", Value::Str(host));
    if let Some(port) = port {
        fields.number("source.port", port);
    }
    if let Some((_, reason)) = rest.split_once("- ") {
        fields.text("event.reason", reason);
    }
}

fn freepbx<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, rest) = line.raw.strip_prefix('[')?.split_once("] [")?;
    let (instant, "") = layout::read(stamp, "Y-B-D h:m:s", line.context.timezone)? else {
        return None;
    };
    let (level, rest) = rest.split_once("] ")?;
    let (place, message) = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(") - ").or_else(|| rest.split_once("): "))?,
        None => ("", rest.trim_start_matches([':', '-', ' '])),
    };
    let mut event = Event::headless("freepbx.log");
    event.time = Some(instant);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    let (file, number) = place.rsplit_once(':').unwrap_or((place, ""));
    fields.text("log.origin.file.name", file);
    fields.number("log.origin.file.line", number);
    fields.text("message", message);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn registrations_and_security_events() {
        let line = "[2026-03-01 10:00:00] NOTICE[21763][C-00000001] chan_sip.c: Registration from '\"7\" <sip:7@192.0.2.1>' failed for '198.51.100.9:5060' - Wrong password";
        check(
            line,
            "asterisk.log",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "198.51.100.9"),
                ("source.port", "5060"),
                ("event.outcome", "failure"),
                ("event.reason", "Wrong password"),
                ("log.origin.file.name", "chan_sip.c"),
            ],
        );
        survives_truncation(line);
        check(
            "[2026-03-01 10:00:00] NOTICE[7] chan_sip.c: Registration from '\"x' failed for '192.0.2.1:1' - a' failed for '198.51.100.9:5060' - Wrong password",
            "asterisk.log",
            &[("source.ip", "")],
        );
        check(
            "[2026-03-01 10:00:00] SECURITY[7] res_security_log.c: SecurityEvent=\"InvalidPassword\",Severity=\"Error\",AccountID=\"700\",LocalAddress=\"IPV4/UDP/192.0.2.1/5060\",RemoteAddress=\"IPV4/UDP/198.51.100.9/5061\"",
            "asterisk.log",
            &[
                ("event.action", "InvalidPassword"),
                ("user.name", "700"),
                ("source.ip", "198.51.100.9"),
                ("destination.port", "5060"),
            ],
        );
    }

    #[test]
    fn freepbx() {
        check(
            "[2026-Mar-01 10:00:00] [INFO] (libraries/modulefunctions.class.php:2083) - Generating CSS...Done",
            "freepbx.log",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("log.origin.file.line", "2083"),
                ("message", "Generating CSS...Done"),
            ],
        );
    }
}
