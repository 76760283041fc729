//! From the records of one event to its fields.

use std::borrow::Cow;

use super::record::{Raw, Record, decoded, is_argument};
use super::sockaddr::{self, Address};
use super::syscalls;
use crate::batch::BatchBuilder;
use crate::formats::linux;
use crate::value::Value;

/// Arguments that get a column of their own; `process.args` has them all.
const ARGUMENT_COLUMNS: usize = 16;

/// Writes all fields of the event.
pub(super) fn write(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let mut types: Vec<&str> = Vec::new();
    for record in records {
        if record.kind != "EOE" && !types.contains(&record.kind) {
            types.push(record.kind);
        }
    }
    if types.is_empty() {
        types.push("EOE");
    }
    let call = records.iter().find(|record| record.kind == "SYSCALL");
    let call_name = call.and_then(syscall_name);
    let action = call_name.map_or_else(|| types[0].to_lowercase(), Cow::into_owned);
    builder.field("event.action", Value::Str(&action));
    builder.field(
        "type",
        Value::List(types.iter().map(|name| Value::Str(name)).collect()),
    );
    if let Some(serial) = records[0].serial {
        builder.field("auditd.sequence", Value::Int(serial));
    }
    let ran = records.iter().any(|record| record.kind == "EXECVE");
    outcome(records, builder);
    user(records, builder);
    for record in records {
        match record.kind {
            "EXECVE" => {}
            "PATH" => {}
            "SYSCALL" => syscall(record, ran, builder),
            _ => {
                if record.pairs.is_empty() && !record.lead.is_empty() {
                    builder.field_if_absent("message", Value::Str(record.lead));
                }
                plain(record, &action, builder);
            }
        }
        enriched(record, builder);
    }
    arguments(records, builder);
    paths(records, builder);
    keys(records, builder);
}

/// The call's name: from the enriched part, from the record if it was interpreted, or from its number.
fn syscall_name<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    if let Some(name) = record.enriched("SYSCALL") {
        return Some(Cow::Borrowed(name));
    }
    let value = record.get("syscall")?;
    match value.parse() {
        Ok(number) => syscalls::name(record.get("arch")?, number).map(Cow::Borrowed),
        Err(_) => Some(Cow::Borrowed(value)),
    }
}

fn syscall(record: &Record<'_>, ran: bool, builder: &mut BatchBuilder) {
    if let Some(name) = syscall_name(record) {
        builder.field("syscall", Value::Str(&name));
    }
    for &(key, raw) in &record.pairs {
        match key {
            "syscall" => {
                let number = raw.text.parse().map_or(Value::Null, Value::Int);
                builder.field("syscall_number", number);
            }
            "a0" | "a1" | "a2" | "a3" => {
                let name = if ran {
                    Cow::Owned(format!("syscall_{key}"))
                } else {
                    Cow::Borrowed(key)
                };
                // Numbers, not text: never encoded.
                builder.field(&name, Value::Str(raw.text));
            }
            _ => field(key, raw, builder),
        }
    }
}

/// Any record without rules of its own.
fn plain(record: &Record<'_>, action: &str, builder: &mut BatchBuilder) {
    if let Some(rest) = record.lead.strip_prefix("avc:") {
        let verdict = rest.trim().split(' ').next().unwrap_or_default();
        builder.field("auditd.avc.result", Value::Str(verdict));
        if let Some((asked, _)) = rest.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
            let asked = asked.split_whitespace().map(Value::Str).collect();
            builder.field("auditd.avc.request", Value::List(asked));
        }
    }
    for &(key, raw) in &record.pairs {
        match key {
            "saddr" => socket(raw.text, action, builder),
            // Gathered over all records.
            "name" | "nametype" | "key" => {}
            "proctitle" => {
                // Arguments are separated by zero bytes.
                let title = decoded(key, raw).trim_end_matches('\0').replace('\0', " ");
                builder.field("proctitle", Value::Str(&title));
            }
            "addr" => {
                let address = linux::address(raw.text);
                let known = !matches!(raw.text, "?" | "UNKNOWN" | "(null)");
                match address {
                    Some(address) => builder.field("addr", Value::Str(address)),
                    None if known => builder.field("source.domain", Value::Str(raw.text)),
                    None => {}
                }
            }
            _ => field(key, raw, builder),
        }
    }
}

fn socket(hex: &str, action: &str, builder: &mut BatchBuilder) {
    let Some(address) = sockaddr::parse(hex) else {
        return builder.field("saddr", Value::Str(hex));
    };
    builder.field("auditd.socket.family", Value::Str(address.family()));
    let (ip, port, initiated) = match action {
        "connect" | "sendto" | "sendmsg" | "sendmmsg" => ("destination.ip", "destination.port", Some(true)),
        "accept" | "accept4" | "recvfrom" | "recvmsg" => ("source.ip", "source.port", Some(false)),
        _ => ("auditd.socket.ip", "auditd.socket.port", None),
    };
    match &address {
        Address::Inet {
            address,
            port: number,
        } => {
            builder.field(ip, Value::Str(address));
            builder.field(port, Value::Int(i64::from(*number)));
            if let Some(initiated) = initiated {
                builder.field("Initiated", Value::Str(if initiated { "true" } else { "false" }));
            }
        }
        Address::Unix(path) => builder.field("auditd.socket.path", Value::Str(path)),
        Address::Other(_) => builder.field("saddr", Value::Str(hex)),
    }
}

fn field(key: &str, raw: Raw<'_>, builder: &mut BatchBuilder) {
    if key == "key" || (!raw.quoted && matches!(raw.text, "?" | "(null)" | "")) {
        return;
    }
    let value = decoded(key, raw);
    if value != "?" {
        builder.field(key, Value::Str(&value));
    }
}

/// Names that the enriched part adds to numbers.
fn enriched(record: &Record<'_>, builder: &mut BatchBuilder) {
    for (key, raw) in &record.enriched {
        let name = match *key {
            // The call's name and the user are written with the record itself.
            "SYSCALL" | "UID" => continue,
            "ARCH" => "auditd.arch_name",
            "AUID" => "user.audit.name",
            "EUID" => "user.effective.name",
            "SUID" => "user.saved.name",
            "FSUID" => "user.filesystem.name",
            "GID" => "user.group.name",
            "EGID" => "user.effective.group.name",
            "SGID" => "user.saved.group.name",
            "FSGID" => "user.filesystem.group.name",
            "ID" => "user.target.name",
            "OUID" | "OGID" if record.kind == "PATH" => continue,
            "SADDR" => continue,
            other => {
                let name = format!("auditd.{}_name", other.to_lowercase());
                builder.field(&name, Value::Str(raw.text));
                continue;
            }
        };
        builder.field(name, Value::Str(raw.text));
    }
}

/// Who: the account that a record is about, else the name of the user id.
fn user(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let account = records.iter().find_map(|record| {
        let (_, raw) = record.pairs.iter().find(|(key, _)| *key == "acct")?;
        let name = decoded("acct", *raw);
        (!matches!(&*name, "?" | "(null)" | "")).then_some(name)
    });
    let name = account.or_else(|| {
        records
            .iter()
            .find_map(|record| record.enriched("UID"))
            .map(Cow::Borrowed)
    });
    if let Some(name) = name {
        builder.field("acct", Value::Str(&name));
    }
}

fn outcome(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let value = records.iter().find_map(|record| {
        ["success", "res", "result"]
            .iter()
            .find_map(|key| record.get(key))
    });
    let denied = records
        .iter()
        .any(|record| record.lead.starts_with("avc:") && record.lead.contains("denied"));
    let outcome = match value {
        Some("yes" | "success" | "1") => "success",
        Some("no" | "failed" | "fail" | "failure" | "0") => "failure",
        _ if denied => "failure",
        _ => return,
    };
    builder.field("event.outcome", Value::Str(outcome));
}

/// The program that was run, from `EXECVE`: long arguments come in pieces (`a1[0]`, `a1[1]`), long lists in
/// several records.
fn arguments(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let mut arguments: Vec<Cow<'_, str>> = Vec::new();
    for record in records.iter().filter(|record| record.kind == "EXECVE") {
        for &(key, raw) in &record.pairs {
            if !is_argument(key) {
                if key == "argc" {
                    builder.field(
                        "process.args_count",
                        raw.text.parse().map_or(Value::Null, Value::Int),
                    );
                }
                continue;
            }
            let value = decoded(key, raw);
            let (number, piece) = key[1..].split_once('[').unwrap_or((&key[1..], ""));
            match arguments.last_mut() {
                Some(last) if !piece.is_empty() && !piece.starts_with("0]") => last.to_mut().push_str(&value),
                _ if number.parse::<usize>().is_ok() => arguments.push(value),
                _ => {}
            }
        }
    }
    if arguments.is_empty() {
        return;
    }
    for (position, argument) in arguments.iter().take(ARGUMENT_COLUMNS).enumerate() {
        builder.field(&format!("a{position}"), Value::Str(argument));
    }
    builder.field("process.command_line", Value::Str(&arguments.join(" ")));
    let all = arguments.iter().map(|argument| Value::Str(argument)).collect();
    builder.field("process.args", Value::List(all));
}

/// `name` and `nametype` of all `PATH` records (and of AVCs), and the file that the call was about: what was
/// created or deleted, else the first that is no parent folder.
fn paths(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let named = |record: &Record<'_>| {
        let (_, raw) = record.pairs.iter().find(|(key, _)| *key == "name")?;
        let name = decoded("name", *raw).into_owned();
        (name != "(null)").then_some(name)
    };
    let names: Vec<String> = records.iter().filter_map(named).collect();
    if names.is_empty() {
        return;
    }
    let kinds: Vec<Value<'_>> = records
        .iter()
        .filter_map(|r| r.get("nametype"))
        .map(Value::Str)
        .collect();
    builder.field(
        "name",
        Value::List(names.iter().map(|name| Value::Str(name)).collect()),
    );
    if !kinds.is_empty() {
        builder.field("nametype", Value::List(kinds));
    }
    let is = |kinds: &'static [&'static str]| {
        records.iter().find(|record| {
            record.get("nametype").is_some_and(|kind| kinds.contains(&kind)) && named(record).is_some()
        })
    };
    let main = is(&["CREATE"])
        .or_else(|| is(&["DELETE"]))
        .or_else(|| is(&["NORMAL", "UNKNOWN"]))
        .or_else(|| records.iter().find(|record| named(record).is_some()));
    let Some(main) = main else {
        return;
    };
    let Some(path) = named(main) else {
        return;
    };
    let folder = records
        .iter()
        .find(|record| record.kind == "CWD")
        .and_then(|record| record.pairs.iter().find(|(key, _)| *key == "cwd"))
        .map(|(key, raw)| decoded(key, *raw));
    let path = match folder {
        Some(folder) if !path.starts_with('/') && folder.starts_with('/') => {
            let relative = path.strip_prefix("./").unwrap_or(&path);
            format!("{}/{relative}", folder.trim_end_matches('/'))
        }
        _ => path,
    };
    builder.field("file.path", Value::Str(&path));
    if main.kind == "PATH" {
        for &(key, raw) in &main.pairs {
            if !matches!(key, "name" | "nametype") {
                field(key, raw, builder);
            }
        }
        for (key, column) in [("OUID", "file.owner"), ("OGID", "file.group")] {
            builder.field(column, main.enriched(key).map_or(Value::Null, Value::Str));
        }
    }
}

/// The keys of the rules that logged the event; several are separated by `\x01`.
fn keys(records: &[Record<'_>], builder: &mut BatchBuilder) {
    let mut keys: Vec<String> = Vec::new();
    for record in records {
        for &(key, raw) in record.pairs.iter().filter(|(key, _)| *key == "key") {
            if matches!(raw.text, "(null)" | "?") {
                continue;
            }
            let raw = Raw {
                text: raw.text.trim_end_matches('"'),
                ..raw
            };
            for key in decoded(key, raw).split('\u{1}') {
                if !keys.iter().any(|known| known == key) {
                    keys.push(key.to_owned());
                }
            }
        }
    }
    if !keys.is_empty() {
        builder.field(
            "key",
            Value::List(keys.iter().map(|key| Value::Str(key)).collect()),
        );
    }
}
