//! Windows events as text: their message with its sections, alone, under Splunk's header, in a line of Snare, or behind
//! NXLog's structured data, which has the event's fields.
//!
//! ```text
//! An account failed to log on.            03/12/2026 10:48:14 AM           MSWinEventLog⇥1⇥Security⇥103⇥date⇥4625⇥
//!                                         LogName=Security                 provider⇥user⇥type of SID⇥Failure Audit⇥
//! Subject:                                EventCode=4625                   computer⇥category⇥message
//!     Account Name:    -                  ComputerName=dc1.example.org
//!                                         Message=An account failed …
//! Account For Which Logon Failed:
//!     Account Name:    mara
//! ```
//!
//! The message of an event of the Security log is a form that Windows fills in. Its sections say whose account a name
//! is (*subject*, who did it; *target*, whom it was done to), so one key becomes different fields, by the names that the
//! event's own data has: `TargetUserName`, `IpAddress`. [Other languages](languages) than English are put into it first.
//! Of a key that comes twice in a section the first one holds: what
//! a stranger put into a later value does not replace it.

mod form;
mod languages;
mod titles;

use form::{event_of, flattened, form, plain};
pub(crate) use titles::event_of_title;

use crate::formats::event_time::text_time;
use crate::formats::fields::{Fields, is_nothing};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "windows.pairs",
        marks: &["\nLogName="],
        programs: &[],
        read: pairs,
    },
    Grammar {
        name: "windows.snare",
        marks: &[
            "MSWinEventLog",
            "Success Audit\t",
            "Failure Audit\t",
            "Audit Success\t",
            "Audit Failure\t",
        ],
        programs: &["mswineventlog"],
        read: snare,
    },
    Grammar {
        name: "windows.nxlog",
        marks: &["[NXLOG@14506 "],
        programs: &[],
        read: nxlog,
    },
    Grammar {
        name: "windows.message",
        marks: &[
            "Subject:",
            "Subject :",
            "Logon Account:",
            "Account Information:",
            "Application Information:",
            "Antragsteller:",
            "Kontoinformationen:",
            "Anmeldekonto:",
            "Sujet :",
            "Sujet\u{a0}:",
            "Objet :",
            "Informations sur le compte",
            "Compte d\u{2019}ouverture de session",
            "Compte d'ouverture de session",
            "Sujeto:",
            "Firmante:",
            "Información de cuenta:",
            "Cuenta de inicio de sesión:",
        ],
        programs: &[],
        read: message,
    },
];

/// The dataset of a channel.
fn dataset_of(channel: &str) -> &'static str {
    match channel {
        "Security" => "windows.security",
        "System" => "windows.system",
        "Application" => "windows.application",
        "Microsoft-Windows-Sysmon/Operational" => "windows.sysmon",
        "Microsoft-Windows-PowerShell/Operational" | "Windows PowerShell" | "PowerShellCore/Operational" => {
            "windows.powershell"
        }
        "Microsoft-Windows-Windows Defender/Operational" => "windows.defender",
        _ => "windows.eventlog",
    }
}

/// Splunk's header, and the message behind it.
fn pairs<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (stamp, mut rest) = line.body.split_once('\n')?;
    let time = text_time(stamp.trim(), line.context.timezone)?;
    if !rest.starts_with("LogName=") {
        return None;
    }
    let mut fields = Fields::new();
    let mut dataset = "windows.eventlog";
    let mut message = "";
    while let Some((key, value)) = rest.split_once('=') {
        if key == "Message" {
            message = value.trim();
            break;
        }
        let (value, behind) = value.split_once('\n').unwrap_or((value, ""));
        let value = value.trim();
        rest = behind;
        let name = match key {
            "LogName" => {
                dataset = dataset_of(value);
                "System_Channel"
            }
            "SourceName" => "System_Provider_Name",
            "EventCode" => "System_EventID",
            "ComputerName" => "System_Computer",
            "RecordNumber" => "EventRecordID",
            "TaskCategory" => "System_Task",
            "OpCode" => "System_Opcode",
            "Type" => "System_Level",
            "Sid" => "Security_UserID",
            "User" => "winlog.user.name",
            "SidType" => "winlog.user.type",
            "EventType" => "winlog.event_type",
            "Keywords" => {
                fields.text("event.outcome", outcome(value));
                "System_Keywords"
            }
            _ if key.contains('\n') => break,
            _ => line.name("winlog.", key),
        };
        fields.known_named(name, value);
    }
    if dataset == "windows.security" || dataset == "windows.eventlog" {
        form(message, line, &mut fields);
    } else {
        plain(message, &mut fields);
    }
    fields.text("message", message);
    Some(Event {
        time: Some(time),
        fields,
        ..Event::new(dataset)
    })
}

fn outcome(word: &str) -> &'static str {
    match word {
        "Audit Success" | "Success Audit" => "success",
        "Audit Failure" | "Failure Audit" => "failure",
        _ => languages::outcome(word),
    }
}

/// Behind a header of RFC 5424 whose structured data are the event's fields. NXLog's host is that of the event.
fn nxlog<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let header = line.header;
    let data = || {
        header
            .structured
            .iter()
            .filter(|(id, _, _)| id.starts_with("NXLOG@"))
    };
    let of = |wanted: &str| {
        data()
            .find(|(_, name, _)| *name == wanted)
            .map(|(_, _, value)| value)
    };
    of("EventID")?;
    let mut fields = Fields::new();
    for (_, name, value) in data() {
        fields.known_named(name, line.keep(value));
    }
    fields.text("System_Computer", header.host.unwrap_or_default());
    fields.text("Execution_ProcessID", header.process_id.unwrap_or_default());
    fields.text("System_Provider_Name", header.tag.unwrap_or_default());
    if let Some(priority) = header.priority {
        fields.put("log.syslog.priority", Value::Int(priority));
        fields.put("log.syslog.facility.code", Value::Int(priority / 8));
        fields.put("log.syslog.severity.code", Value::Int(priority % 8));
    }
    fields.text("message", header.message);
    let channel = of("Channel").map_or("", |channel| &**channel);
    Some(Event {
        time: header.time,
        fields,
        ..Event::headless(dataset_of(channel))
    })
}

/// A line of Snare: columns between tabs.
fn snare<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let at = line.raw.find("MSWinEventLog");
    let text = match at {
        Some(at) => line.raw[at + "MSWinEventLog".len()..].trim_start_matches([':', ' ', '\t']),
        None => line.body,
    };
    let mut columns = text.split('\t').map(str::trim);
    let criticality = columns.next()?;
    let channel = columns.next()?;
    let counter = columns.next()?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(criticality) || !is_number(counter) {
        return None;
    }
    let stamp = columns.next()?;
    let mut id = columns.next()?;
    let mut provider = columns.next()?;
    if is_number(provider) {
        // The year has a column of its own.
        (id, provider) = (provider, columns.next()?);
    }
    if !is_number(id) {
        return None;
    }
    let (user, kind, result, computer, category) = (
        columns.next()?,
        columns.next()?,
        columns.next()?,
        columns.next()?,
        columns.next()?,
    );
    let mut fields = Fields::new();
    fields.text("System_EventID", id);
    fields.text("System_Channel", channel);
    fields.text("System_Provider_Name", provider);
    fields.text("System_Computer", computer);
    fields.known("System_Task", category);
    fields.text("winlog.snare_criticality", criticality);
    fields.text("winlog.snare_counter", counter);
    fields.known("winlog.user.type", kind);
    fields.known("System_Keywords", result);
    fields.text("event.outcome", outcome(result));
    if !is_nothing(user) {
        let (domain, name) = user.rsplit_once('\\').unwrap_or(("", user));
        fields.text("winlog.user.name", name);
        fields.text("winlog.user.domain", domain);
    }
    let rest: Vec<&str> = columns.collect();
    if let Some(message) = rest.iter().max_by_key(|column| column.len()) {
        flattened(message.trim(), &mut fields);
    }
    let zone = line.context.timezone;
    let time = time::ctime(stamp, zone)
        .or_else(|| time::iso(stamp, zone))
        .map(|(time, _)| time);
    Some(Event {
        time,
        fields,
        ..Event::new(dataset_of(channel))
    })
}

/// The message of an event of the Security log, without anything around it.
fn message<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim_start();
    let (title, rest) = match body.split_once('\n') {
        Some((title, rest)) => (title, rest),
        // In one line, as forwarders send it: the sentence, spaces, and the first section.
        None => {
            let at = body.find(['.', ':'])?;
            body.split_at(at + 1)
        }
    };
    let title = title.trim();
    let (code, labels) = event_of(title);
    if code.is_none() {
        let next = rest.lines().map(str::trim).find(|line| !line.is_empty())?;
        let is_form = next
            .strip_suffix(':')
            .is_some_and(|label| labels.english(label.trim_end()) == "Subject");
        if !is_form || !title.ends_with(['.', ':']) {
            return None;
        }
    }
    let mut fields = Fields::new();
    match body.contains('\n') {
        true => form(body, line, &mut fields),
        false => flattened(body, &mut fields),
    }
    if fields.is_empty() {
        return None;
    }
    Some(Event {
        fields,
        ..Event::new("windows.security")
    })
}

#[cfg(test)]
mod tests;
