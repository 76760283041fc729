//! Windows events as text: their message with its sections, alone, under Splunk's header or in a line of Snare.
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
//! event's own data has: `TargetUserName`, `IpAddress`. Of a key that comes twice in a section the first one holds: what
//! a stranger put into a later value does not replace it.

mod titles;

pub(crate) use titles::event_of_title;

use crate::formats::event_time::text_time;
use crate::formats::fields::{Fields, address, is_nothing};
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
        name: "windows.message",
        marks: &[
            "Subject:",
            "Subject :",
            "Logon Account:",
            "Account Information:",
            "Application Information:",
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
        fields.known(name, value);
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
        _ => "",
    }
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
    let code = event_of_title(title);
    if code.is_none() {
        let next = rest.lines().map(str::trim).find(|line| !line.is_empty())?;
        let is_form = next == "Subject:" || next == "Subject :";
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

/// Whose data a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Subject,
    Target,
    Group,
    Member,
    Process,
    NewProcess,
    Network,
    Other,
}

/// The role of a section; `None` if no section is called that.
fn role_of(section: &str) -> Option<Role> {
    Some(match section {
        "Subject" => Role::Subject,
        "New Logon"
        | "Account For Which Logon Failed"
        | "Account Whose Credentials Were Used"
        | "Target Account"
        | "New Account"
        | "New Computer Account"
        | "Computer Account"
        | "Computer Account That Was Changed"
        | "Target Computer"
        | "Account That Was Locked Out"
        | "Account Information"
        | "Account"
        | "User"
        | "New Token Information"
        | "Target Subject" => Role::Target,
        "Group" | "New Group" | "Deleted Group" | "Group Information" => Role::Group,
        "Member" => Role::Member,
        "Process" | "Process Information" | "Application Information" => Role::Process,
        "Network Information" | "Source" => Role::Network,
        "Target Process" => Role::NewProcess,
        "Logon Information"
        | "Failure Information"
        | "Detailed Authentication Information"
        | "Additional Information"
        | "Object"
        | "Access Request Information"
        | "Service"
        | "Service Information"
        | "Service Request Information"
        | "Task Information"
        | "Share Information"
        | "Target Server"
        | "Attributes"
        | "Changed Attributes"
        | "Session"
        | "Requested Operation"
        | "Filter Information"
        | "Certificate Information"
        | "Cryptographic Parameters"
        | "Key Information"
        | "Audit Policy Change"
        | "Operation"
        | "Directory Service"
        | "Logon Process Name"
        | "Domain"
        | "New Time" => Role::Other,
        _ => return None,
    })
}

/// The name of a key in the event's data; `None`: its words, put together.
fn native(role: Role, code: u16, key: &str) -> Option<&'static str> {
    let firewall = (5150..=5159).contains(&code);
    Some(match (role, key) {
        (Role::Subject, "Security ID") => "SubjectUserSid",
        (Role::Subject, "Account Name" | "Client User Name" | "User Name") => "SubjectUserName",
        (Role::Subject, "Account Domain" | "Client Domain" | "Domain Name") => "SubjectDomainName",
        (Role::Subject, "Logon ID") => "SubjectLogonId",
        (Role::Target, "Security ID" | "User ID") => "TargetUserSid",
        (Role::Target | Role::Group, "Account Name" | "Group Name") => "TargetUserName",
        (Role::Target | Role::Group, "Account Domain" | "Group Domain" | "Supplied Realm Name") => {
            "TargetDomainName"
        }
        (Role::Target, "Logon ID") => "TargetLogonId",
        (Role::Group, "Security ID") => "TargetSid",
        (Role::Member, "Security ID") => "MemberSid",
        (Role::Member, "Account Name") => "MemberName",
        (Role::Process, "Process ID" | "Caller Process ID" | "Creator Process ID" | "Process Id") => {
            "ProcessId"
        }
        (Role::Process, "Process Name" | "Caller Process Name") => "ProcessName",
        (Role::Process, "Creator Process Name") => "ParentProcessName",
        (Role::Process, "New Process ID") => "NewProcessId",
        (Role::Process, "New Process Name") => "NewProcessName",
        (Role::Process, "Process Command Line") => "CommandLine",
        (Role::Process, "Application Name") => "Application",
        (Role::NewProcess, "Target Process ID") => "TargetProcessId",
        (_, "Token Elevation Type") => "TokenElevationType",
        (_, "Mandatory Label") => "MandatoryLabel",
        (_, "Source Network Address" | "Network Address") => "IpAddress",
        (_, "Source Address") if firewall => "SourceAddress",
        (_, "Source Port") if firewall => "SourcePort",
        (_, "Destination Address") => "DestAddress",
        (_, "Destination Port") => "DestPort",
        (_, "Source Address") => "IpAddress",
        (Role::Network, "Client Address") => "IpAddress",
        (Role::Network, "Source Port" | "Client Port" | "Port") => "IpPort",
        (_, "Workstation Name") => "WorkstationName",
        (_, "Source Workstation") => "Workstation",
        (_, "Logon Account") => "TargetUserName",
        (_, "Error Code" | "Result Code" | "Failure Code") => "Status",
        (_, "Logon Type") => "LogonType",
        (_, "Logon Process") => "LogonProcessName",
        (_, "Authentication Package") if code != 4776 => "AuthenticationPackageName",
        (_, "Authentication Package") => "PackageName",
        (_, "Transited Services") => "TransmittedServices",
        (_, "Package Name (NTLM only)") => "LmPackageName",
        (_, "Sub Status") => "SubStatus",
        (_, "Handle ID") => "HandleId",
        (_, "Accesses") => "AccessList",
        (_, "Transaction ID") => "TransactionId",
        (_, "Server") => "ObjectServer",
        (_, "Service ID") => "ServiceSid",
        (_, "Privileges") => "PrivilegeList",
        (_, "Share Path") => "ShareLocalPath",
        (_, "Task New Content") => "TaskContentNew",
        (_, "SAM Account Name") => "SamAccountName",
        (_, "Old UAC Value") => "OldUacValue",
        (_, "New UAC Value") => "NewUacValue",
        (_, "SID History") => "SidHistory",
        (_, "AllowedToDelegateTo" | "Allowed To Delegate To") => "AllowedToDelegateTo",
        (_, "Pre-Authentication Type") => "PreAuthType",
        (_, "Caller Computer Name") => "TargetDomainName",
        (_, "Target Server Name") => "TargetServerName",
        (_, "Logon GUID") => "LogonGuid",
        (_, "Old Account Name") => "OldTargetUserName",
        (_, "New Account Name") => "NewTargetUserName",
        (_, "DN") => "ObjectDN",
        (_, "Class") => "ObjectClass",
        (_, "GUID") => "ObjectGUID",
        (_, "LDAP Display Name") => "AttributeLDAPDisplayName",
        _ => return None,
    })
}

/// Reads the sections of a message of the Security log.
fn form<'a>(message: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    let mut code = 0;
    let mut role = Role::Other;
    // A list of rights goes on in lines of its own: its name, and what there is of it.
    let mut list: Option<(&'a str, String)> = None;
    for (number, text) in message.lines().enumerate() {
        let text = text.trim();
        if number == 0
            && let Some(event) = event_of_title(text)
        {
            code = event;
            if code > 0 {
                fields.put("System_EventID", Value::Int(i64::from(code)));
            }
            continue;
        }
        let Some((key, value)) = pair(text) else {
            match &mut list {
                Some((_, items)) if !text.is_empty() && !text.contains(' ') => {
                    items.push(' ');
                    items.push_str(text);
                }
                _ => {
                    end_list(&mut list, line, fields);
                }
            }
            continue;
        };
        end_list(&mut list, line, fields);
        if value.is_empty() {
            role = role_of(key).unwrap_or(role);
            continue;
        }
        let name = native(role, code, key).unwrap_or_else(|| joined(key, line));
        match name {
            "AccessList" | "PrivilegeList" => list = Some((name, value.to_owned())),
            _ => put(name, value, role, fields),
        }
    }
    end_list(&mut list, line, fields);
}

fn end_list<'a>(list: &mut Option<(&'a str, String)>, line: &Line<'a>, fields: &mut Fields<'a>) {
    if let Some((name, items)) = list.take() {
        fields.known(name, line.keep(items));
    }
}

/// A message without line feeds: its keys are known only where they are those of the form.
fn flattened<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let title = message.find(['.', ':']).map_or("", |at| &message[..=at]);
    let code = event_of_title(title).unwrap_or_default();
    if code > 0 {
        fields.put("System_EventID", Value::Int(i64::from(code)));
    }
    let mut role = Role::Other;
    let mut rest = message.get(title.len()..).unwrap_or_default();
    let mut pending: Option<(&'static str, Role)> = None;
    // Each colon ends a key; what stands between two keys is the value of the first.
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b":") {
        let (before, after) = rest.split_at(at);
        let key_at = key_start(before, role, code);
        let Some(key_at) = key_at else {
            // No key: the colon is part of a value.
            let Some(next) = next_key(after, role, code) else {
                break;
            };
            let until = before.len() + next;
            if let Some((name, role)) = pending.take() {
                put(name, rest[..until].trim(), role, fields);
            }
            rest = &rest[until..];
            continue;
        };
        if let Some((name, role)) = pending.take() {
            put(name, before[..key_at].trim(), role, fields);
        }
        let key = before[key_at..].trim();
        match role_of(key) {
            Some(section) if native(role, code, key).is_none() => role = section,
            _ => pending = native(role, code, key).map(|name| (name, role)),
        }
        rest = &after[1..];
    }
    if let Some((name, role)) = pending {
        let value = rest.trim();
        put(name, value.split("  ").next().unwrap_or(value), role, fields);
    }
}

/// Where the key that ends `before` starts, if one does.
fn key_start(before: &str, role: Role, code: u16) -> Option<usize> {
    let known = |key: &str| native(role, code, key).is_some() || role_of(key).is_some();
    let text = before.trim_end();
    // The longest of up to six last words that is a key.
    let mut best = None;
    for (words, (at, _)) in text.rmatch_indices([' ', '\t']).enumerate() {
        if words >= 6 {
            break;
        }
        if known(&text[at + 1..]) {
            best = Some(at + 1);
        }
    }
    match known(text) {
        true => Some(0),
        false => best,
    }
}

/// Where behind `text`'s first colon the next key starts.
fn next_key(text: &str, role: Role, code: u16) -> Option<usize> {
    memchr::memchr_iter(b':', text.as_bytes())
        .skip(1)
        .find_map(|at| key_start(&text[1..at], role, code).map(|start| start + 1))
}

/// The pairs of a message whose keys are the event's own names, as Sysmon's are.
fn plain<'a>(message: &'a str, fields: &mut Fields<'a>) {
    for text in message.lines().skip(1) {
        if let Some((key, value)) = text.split_once(':')
            && !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            fields.known(key, value.trim());
        }
    }
}

/// `Key:   value`; a colon inside a word ends no key.
fn pair(text: &str) -> Option<(&str, &str)> {
    let at = text.find(':')?;
    let (key, value) = (text[..at].trim_end(), &text[at + 1..]);
    let ends = value.is_empty() || value.starts_with([' ', '\t']);
    let is_key = key.len() <= 60 && key.starts_with(|c: char| c.is_ascii_alphabetic());
    (ends && is_key).then(|| (key, value.trim()))
}

/// The words of a key as one name.
fn joined<'a>(key: &str, line: &Line<'a>) -> &'a str {
    let mut name = String::with_capacity(key.len());
    for word in key.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            name.push(first.to_ascii_uppercase());
            name.push_str(letters.as_str());
        }
    }
    line.keep(name)
}

/// Writes a value under its own name, and under those that all logs share.
fn put<'a>(name: &'a str, value: &'a str, role: Role, fields: &mut Fields<'a>) {
    if is_nothing(value) || fields.get(name).is_some() {
        return;
    }
    match name {
        "IpAddress" => return fields.text(name, address(value).unwrap_or(value)),
        "ClientAddress" => fields.source(value),
        "ClientName" | "Workstation" => fields.text("source.domain", value),
        "IpPort" => fields.port("source.port", value),
        "SubjectUserName" => fields.text("source.user.name", value),
        "SubjectDomainName" => fields.text("source.user.domain", value),
        "ProcessId" | "NewProcessId" if role == Role::Process => {
            let number = match value.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => value.parse().ok(),
            };
            fields.put("process.pid", number.map_or(Value::Null, Value::Int));
        }
        "ProcessName" | "NewProcessName" => {
            if name == "ProcessName" {
                fields.text("process.executable", value);
            }
            fields.text("process.name", value.rsplit('\\').next().unwrap_or(value));
        }
        _ => {}
    }
    fields.text(name, value);
}

#[cfg(test)]
mod tests;
