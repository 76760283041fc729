//! The message of an event of the Security log: a form that Windows fills in.

use super::{event_of_title, languages};
use crate::formats::fields::{Fields, address, is_nothing};
use crate::formats::text::Line;
use crate::value::Value;

/// The event whose message starts with this sentence, and whether it is in another language than English.
pub(super) fn event_of(title: &str) -> (Option<u16>, Labels) {
    match event_of_title(title) {
        Some(code) => (Some(code), Labels::English),
        None => (languages::event_of_title(title), Labels::Any),
    }
}

/// In which language labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    English,
    Any,
}

impl Labels {
    /// A label in English, if it is a known one.
    pub(super) fn english(self, label: &str) -> &str {
        match self {
            Labels::English => label,
            Labels::Any => languages::english(label).unwrap_or(label),
        }
    }
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
pub(super) fn form<'a>(message: &'a str, line: &Line<'a>, fields: &mut Fields<'a>) {
    let mut code = 0;
    let mut labels = Labels::English;
    let mut role = Role::Other;
    let mut has_subject = false;
    // A list of rights goes on in lines of its own: its name, and what there is of it.
    let mut list: Option<(&'a str, String)> = None;
    for (number, text) in message.lines().enumerate() {
        let text = text.trim();
        if number == 0 {
            let (event, language) = event_of(text);
            labels = language;
            if let Some(event) = event {
                code = event;
                if code > 0 {
                    fields.put("System_EventID", Value::Int(i64::from(code)));
                }
                continue;
            }
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
        let english = labels.english(key);
        if value.is_empty() {
            // French messages call two things so; who does it comes first.
            let is_subject = key == "Objet" && !has_subject;
            let section = if is_subject { "Subject" } else { english };
            role = role_of(section).unwrap_or(role);
            has_subject |= role == Role::Subject;
            continue;
        }
        let key = english;
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
        fields.known_named(name, line.keep(items));
    }
}

/// A message without line feeds: its keys are known only where they are those of the form.
pub(super) fn flattened<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let title = message.find(['.', ':']).map_or("", |at| &message[..=at]);
    let (code, labels) = event_of(title);
    let code = code.unwrap_or_default();
    if code > 0 {
        fields.put("System_EventID", Value::Int(i64::from(code)));
    }
    let mut role = Role::Other;
    let mut rest = message.get(title.len()..).unwrap_or_default();
    let mut pending: Option<(&'static str, Role)> = None;
    // Each colon ends a key; what stands between two keys is the value of the first.
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b":") {
        let (before, after) = rest.split_at(at);
        let key_at = key_start(before, role, code, labels);
        let Some(key_at) = key_at else {
            // No key: the colon is part of a value.
            let Some(next) = next_key(after, role, code, labels) else {
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
        let key = labels.english(before[key_at..].trim());
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
fn key_start(before: &str, role: Role, code: u16, labels: Labels) -> Option<usize> {
    let known = |key: &str| {
        let key = labels.english(key);
        native(role, code, key).is_some() || role_of(key).is_some()
    };
    let text = before.trim_end();
    // The longest of the last words that is a key: six are enough for English.
    let most = if labels == Labels::English { 6 } else { 10 };
    let mut best = None;
    for (words, (at, _)) in text.rmatch_indices([' ', '\t']).enumerate() {
        if words >= most {
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
fn next_key(text: &str, role: Role, code: u16, labels: Labels) -> Option<usize> {
    memchr::memchr_iter(b':', text.as_bytes())
        .skip(1)
        .find_map(|at| key_start(&text[1..at], role, code, labels).map(|start| start + 1))
}

/// The pairs of a message whose keys are the event's own names, as Sysmon's are.
pub(super) fn plain<'a>(message: &'a str, fields: &mut Fields<'a>) {
    for text in message.lines().skip(1) {
        if let Some((key, value)) = text.split_once(':')
            && !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            fields.known_named(key, value.trim());
        }
    }
}

/// `Key:   value`; a colon inside a word ends no key.
fn pair(text: &str) -> Option<(&str, &str)> {
    let at = text.find(':')?;
    let (key, value) = (text[..at].trim_end(), &text[at + 1..]);
    let ends = value.is_empty() || value.starts_with([' ', '\t']);
    let is_key = key.len() <= 80 && key.starts_with(char::is_alphabetic);
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
        "IpAddress" => return fields.text_named(name, address(value).unwrap_or(value)),
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
    fields.text_named(name, value);
}
