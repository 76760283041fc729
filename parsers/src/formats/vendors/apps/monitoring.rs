//! Nagios, fail2ban and Bacula.
//!
//! ```text
//! [1770091506] SERVICE ALERT: db1;Disk;CRITICAL;SOFT;1;output of the check
//! 2026-02-03 04:05:06,123 fail2ban.actions        [812]: NOTICE  [sshd] Ban 192.0.2.7
//! 03-Feb 04:05 backup-dir JobId 7: Created new Volume "Full-1" in catalog.
//! ```
//!
//! A check's output comes last in Nagios' lines: the columns in front of it are counted from the left.

use crate::formats::fields::{Fields, host_port};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const NAGIOS: Grammar = Grammar {
    name: "nagios.log",
    marks: &[
        "HOST STATE: ",
        "SERVICE STATE: ",
        " ALERT: ",
        " NOTIFICATION: ",
        "EVENT HANDLER: ",
        "EXTERNAL COMMAND: ",
        "PASSIVE SERVICE CHECK: ",
        "PASSIVE HOST CHECK: ",
        "TIMEPERIOD TRANSITION: ",
    ],
    programs: &["nagios", "icinga", "nagios3", "nagios4"],
    read: nagios,
};

pub(super) const FAIL2BAN: Grammar = Grammar {
    name: "fail2ban.log",
    marks: &["fail2ban."],
    programs: &["fail2ban-server", "fail2ban"],
    read: fail2ban,
};

pub(super) const BACULA: Grammar = Grammar {
    name: "bacula.log",
    marks: &[" JobId ", "-dir: ", "-sd: ", "-fd: "],
    programs: &[],
    read: bacula,
};

/// What each of the columns behind `TYPE: ` is.
fn columns(kind: &str, command: &str) -> Option<&'static [&'static str]> {
    const HOST: &[&str] = &["host.hostname", "state", "state_type", "attempt", "message"];
    const SERVICE: &[&str] = &[
        "host.hostname",
        "service.name",
        "state",
        "state_type",
        "attempt",
        "message",
    ];
    const HOST_PHASE: &[&str] = &["host.hostname", "state", "message"];
    const SERVICE_PHASE: &[&str] = &["host.hostname", "service.name", "state", "message"];
    Some(match kind {
        "CURRENT HOST STATE" | "INITIAL HOST STATE" | "HOST ALERT" => HOST,
        "CURRENT SERVICE STATE" | "INITIAL SERVICE STATE" | "SERVICE ALERT" => SERVICE,
        "HOST FLAPPING ALERT" | "HOST DOWNTIME ALERT" | "PASSIVE HOST CHECK" => HOST_PHASE,
        "SERVICE FLAPPING ALERT" | "SERVICE DOWNTIME ALERT" | "PASSIVE SERVICE CHECK" => SERVICE_PHASE,
        "HOST NOTIFICATION" => &[
            "user.name",
            "host.hostname",
            "state",
            "notification_command",
            "message",
        ],
        "SERVICE NOTIFICATION" => &[
            "user.name",
            "host.hostname",
            "service.name",
            "state",
            "notification_command",
            "message",
        ],
        "HOST EVENT HANDLER" | "GLOBAL HOST EVENT HANDLER" => {
            &["host.hostname", "state", "state_type", "attempt", "event_handler"]
        }
        "SERVICE EVENT HANDLER" | "GLOBAL SERVICE EVENT HANDLER" => &[
            "host.hostname",
            "service.name",
            "state",
            "state_type",
            "attempt",
            "event_handler",
        ],
        "TIMEPERIOD TRANSITION" => &["service.name", "period_from", "period_to"],
        "EXTERNAL COMMAND" => match command {
            "PROCESS_SERVICE_CHECK_RESULT" => {
                &["command", "host.hostname", "service.name", "state", "message"]
            }
            "PROCESS_HOST_CHECK_RESULT" => &["command", "host.hostname", "state", "message"],
            "SCHEDULE_HOST_DOWNTIME" | "SCHEDULE_HOST_SVC_DOWNTIME" => &[
                "command",
                "host.hostname",
                "start_time",
                "end_time",
                "fixed",
                "trigger_id",
                "duration",
                "user.name",
                "message",
            ],
            "SCHEDULE_SERVICE_DOWNTIME" | "SCHEDULE_SVC_DOWNTIME" => &[
                "command",
                "host.hostname",
                "service.name",
                "start_time",
                "end_time",
                "fixed",
                "trigger_id",
                "duration",
                "user.name",
                "message",
            ],
            "ACKNOWLEDGE_HOST_PROBLEM" => &[
                "command",
                "host.hostname",
                "sticky",
                "notify",
                "persistent",
                "user.name",
                "message",
            ],
            "ACKNOWLEDGE_SVC_PROBLEM" => &[
                "command",
                "host.hostname",
                "service.name",
                "sticky",
                "notify",
                "persistent",
                "user.name",
                "message",
            ],
            _ if command.contains("_SVC_") && !command.contains("HOST") => {
                &["command", "host.hostname", "service.name", "message"]
            }
            _ => &["command", "host.hostname", "message"],
        },
        _ => return None,
    })
}

fn nagios<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let by_syslog = matches!(line.program(), "nagios" | "icinga" | "nagios3" | "nagios4");
    let (time, text) = match by_syslog {
        true => (None, line.body),
        false => {
            let (stamp, rest) = line.raw.strip_prefix('[')?.split_once("] ")?;
            (Some(time::epoch(stamp)?), rest)
        }
    };
    let text = text.trim_end();
    let (kind, values) = text.split_once(": ")?;
    let command = values.split(';').next().unwrap_or_default();
    let names = columns(kind, command)?;
    let mut event = if by_syslog {
        Event::new("nagios.log")
    } else {
        Event::headless("nagios.log")
    };
    event.time = time;
    let fields = &mut event.fields;
    fields.text("type", kind);
    for (name, value) in names.iter().zip(values.splitn(names.len(), ';')) {
        fields.text(name, value.trim());
    }
    Some(event)
}

fn fail2ban<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let by_syslog = line.program().starts_with("fail2ban-") || line.program() == "fail2ban";
    let (time, rest) = match by_syslog {
        true => (None, line.body),
        false => {
            let (time, rest) = time::iso(line.raw, line.context.timezone)?;
            (Some(time), rest.trim_start())
        }
    };
    let (logger, rest) = match rest.starts_with("fail2ban.") {
        true => rest.split_once([' ', ':'])?,
        false if by_syslog => ("", rest),
        false => return None,
    };
    let rest = rest.trim_start_matches([' ', ':']);
    let (pid, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((pid, rest)) if pid.bytes().all(|b| b.is_ascii_digit()) => (pid, rest.trim_start()),
        _ => ("", rest),
    };
    let (level, message) = rest.split_once(' ')?;
    if !level.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let message = message.trim();
    let mut event = if by_syslog {
        Event::new("fail2ban.log")
    } else {
        Event::headless("fail2ban.log")
    };
    event.time = time;
    let fields = &mut event.fields;
    if !by_syslog {
        fields.text("process.name", "fail2ban");
    }
    fields.text("log.logger", logger);
    fields.text("log.level", level);
    fields.number("process.pid", pid);
    fields.text("message", message);
    if let Some((jail, action)) = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        fields.text("jail", jail);
        let (verb, rest) = action.split_once(' ').unwrap_or((action, ""));
        let (verb, rest) = match verb {
            // `Restore Ban 192.0.2.7`
            "Restore" => rest.split_once(' ').unwrap_or((verb, rest)),
            _ => (verb, rest),
        };
        if matches!(verb, "Ban" | "Unban" | "Found" | "Ignore") {
            fields.event(verb, "");
            fields.source(rest.split(' ').next().unwrap_or_default());
        }
    }
    Some(event)
}

fn bacula<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_end();
    // `03-Feb 04:05 host` or `03-Feb-2026 04:05:06 host`
    let (date, rest) = text.split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    let seconds = match clock.len() {
        5 => ":00",
        8 => "",
        _ => return None,
    };
    let stamp = [
        month,
        " ",
        day,
        if year.is_empty() { "" } else { " " },
        year,
        " ",
        clock,
        seconds,
    ]
    .concat();
    let (time, _) = time::bsd(&stamp, line.context.reference_time, line.context.timezone)?;
    let (writer, message) = rest.split_once(": ")?;
    let (host, job) = writer.split_once(" JobId ").unwrap_or((writer, ""));
    if host.is_empty() || host.contains(' ') {
        return None;
    }
    let message = message.trim();
    let mut event = Event::headless("bacula.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("host.hostname", host);
    fields.text("host.name", host);
    fields.text("job_id", job);
    fields.text("message", message);
    job_message(message, fields);
    Some(event)
}

fn job_message<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let (level, text) = match message.split_once(": ") {
        Some((level @ ("Fatal error" | "Error" | "Warning"), rest)) => (level, rest),
        _ => ("", message),
    };
    fields.text("log.level", level);
    let (text, error) = text.split_once(": ERR=").unwrap_or((text, ""));
    fields.text("error.message", error);
    let quoted = |text: &'a str| text.split('"').nth(1).unwrap_or_default();
    if let Some(path) = text
        .strip_prefix("Could not stat ")
        .or_else(|| text.strip_prefix("Could not open directory "))
        .or_else(|| text.strip_prefix("Cannot open "))
    {
        fields.text("file.path", path.trim_matches('"'));
    } else if let Some(path) = text
        .strip_suffix(": is an illegal path")
        .or_else(|| text.strip_suffix(" is a different filesystem. Will not descend from / into it."))
    {
        fields.text("file.path", path);
    } else if text.starts_with("Unable to authenticate with ") || text.starts_with("Failed to connect to ") {
        let (host, port) = host_port(quoted(text));
        fields.text("client.address", host);
        fields.endpoint("client.ip", "client.domain", host);
        fields.port("client.port", port.unwrap_or_default());
    } else if text.contains("olume \"") {
        fields.text("volume.name", quoted(text));
        if let Some((_, device)) = text
            .split_once("\" on ")
            .filter(|(_, rest)| rest.contains("evice"))
        {
            fields.text("volume.device", quoted(device));
        }
    } else if let Some(rest) = text.strip_prefix("Start Backup JobId ") {
        if let Some((_, job)) = rest.split_once("Job=") {
            fields.text("job_name", job);
        }
    } else if let Some(rest) = text.strip_prefix("Pruned ") {
        if let Some((_, client)) = rest.split_once(" for client ") {
            fields.text("client.domain", client.split(' ').next().unwrap_or_default());
        }
    } else if let Some((_, device)) = text.split_once("evice \"") {
        fields.text("volume.device", device.split('"').next().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, read, survives_truncation};

    #[test]
    fn nagios() {
        let text =
            "[1770091506] SERVICE ALERT: db1;Disk;CRITICAL;SOFT;1;full; SERVICE ALERT: x;y;OK;HARD;1;z";
        check(
            text,
            "nagios.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.000Z"),
                ("host.hostname", "db1"),
                ("service.name", "Disk"),
                ("nagios.log.state", "CRITICAL"),
                ("message", "full; SERVICE ALERT: x;y;OK;HARD;1;z"),
            ],
        );
        survives_truncation(text);
        check(
            "[1770091506] EXTERNAL COMMAND: SCHEDULE_SVC_DOWNTIME;db1;Disk;1;2;1;0;60;mara;why",
            "nagios.log",
            &[
                ("user.name", "mara"),
                ("service.name", "Disk"),
                ("message", "why"),
            ],
        );
    }

    #[test]
    fn fail2ban() {
        check(
            "2026-02-03 04:05:06,123 fail2ban.actions        [812]: NOTICE  [sshd] Ban 192.0.2.7",
            "fail2ban.log",
            &[
                ("process.pid", "812"),
                ("fail2ban.log.jail", "sshd"),
                ("event.action", "Ban"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        check(
            "2026-02-03 04:05:06,123 fail2ban.server : INFO   Stopping all jails",
            "fail2ban.log",
            &[
                ("process.name", "fail2ban"),
                ("message", "Stopping all jails"),
                ("log.level", "INFO"),
            ],
        );
    }

    #[test]
    fn bacula() {
        let text = "03-Feb 04:05 backup-dir JobId 7: Fatal error: Unable to authenticate with File daemon at \"fd.example.org:9102\". Possible causes:";
        check(
            text,
            "bacula.log",
            &[
                ("host.hostname", "backup-dir"),
                ("bacula.log.job_id", "7"),
                ("client.port", "9102"),
                ("client.address", "fd.example.org"),
            ],
        );
        survives_truncation(text);
        check(
            "03-Feb-2026 04:05:06 u22 JobId 13:      Could not stat /var/lib/x.sql: ERR=No such file",
            "bacula.log",
            &[
                ("@timestamp", "2026-02-03T04:05:06.000Z"),
                ("file.path", "/var/lib/x.sql"),
                ("error.message", "No such file"),
            ],
        );
        assert!(read("a b c JobId 7: x").is_empty());
    }
}
