//! The shapes in which Windows events come as JSON.
//!
//! | shape | example |
//! |---|---|
//! | dump | `{"Event":{"System":{…},"EventData":{…}}}`, also without `Event`; attributes as `#attributes`, `@Name`, `Provider_attributes` or plain members |
//! | Winlogbeat 6 | `{"log_name":…,"event_id":…,"event_data":{…}}` |
//! | ECS (Winlogbeat 7+, Elastic Agent) | `{"winlog":{"channel":…,"event_data":{…}},"process":{…}}`, nested or dotted |
//! | PowerShell | `Get-WinEvent … \| ConvertTo-Json`: `{"Id":…,"LogName":…,"ProviderName":…,"Properties":[{"Value":…}]}` |
//! | Wazuh | `{"win":{"system":{…},"eventdata":{…}}}`, see [`json_wazuh`](super::json_wazuh) |
//! | flat | `{"EventID":…,"Channel":…,"CommandLine":…}` (NXLog, Logstash) |
//!
//! *Event time*, best first: `System/TimeCreated`, `winlog.time_created` (when the event was written); in flat events of Sysmon
//! `UtcTime` (the same clock, always UTC); `EventTime`, if it names a zone or the user named one (NXLog
//! writes local time without a zone); `@timestamp` (in Winlogbeat that *is* `TimeCreated`, elsewhere the
//! collector's clock); `EventTime` as UTC; other time keys. A collector's `@timestamp` that is not used is
//! kept as `event.created`.

use super::FrameContext;
use super::event_time::{iso_time, text_time};
use super::json::{MAX_DEPTH, TIME_KEYS, json_time, write_at, write_members, write_value};
use super::json_wazuh;
use super::tape::Json;
use crate::batch::BatchBuilder;
use crate::value::Value;

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Dump,
    Winlogbeat6,
    Ecs,
    Flat,
    PowerShell,
    Wazuh,
    Other,
}

/// Where an event comes from; empty text is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin<'t> {
    pub(super) channel: &'t str,
    pub(super) provider: &'t str,
}

/// What a document is, and where it comes from if it is a Windows event. One look at every key: this is
/// on the way of every JSON event.
pub(super) fn shape(json: Json<'_>) -> (Shape, Origin<'_>) {
    let mut event_id = false;
    let mut rendered_id = false;
    let mut beat = false;
    let mut flat = Origin::default();
    let mut has_origin = false;
    for (key, value) in json.members() {
        // Lengths first: most keys have none of these.
        if !(2..=13).contains(&key.len()) {
            if key.starts_with("winlog.") {
                return (Shape::Ecs, ecs_origin(json));
            }
            beat |= key.starts_with("event_data.");
            continue;
        }
        match key {
            "Event" if value.get("System").is_some() => return (Shape::Dump, dump_origin(json)),
            "System" if value.get("EventID").is_some() || value.get("Channel").is_some() => {
                return (Shape::Dump, dump_origin(json));
            }
            "winlog" if value.is_object() => return (Shape::Ecs, ecs_origin(json)),
            "win" | "data" if let Some(win) = json_wazuh::windows(json) => {
                return (Shape::Wazuh, json_wazuh::origin(win));
            }
            "event_data" if value.is_object() => beat = true,
            "record_number" => beat = true,
            "EventID" | "EventId" | "event_id" => event_id = true,
            "Id" => rendered_id = true,
            "Channel" | "channel" | "LogName" | "log_name" => {
                beat |= key == "log_name";
                has_origin = true;
                flat.channel = value
                    .text()
                    .filter(|_| flat.channel.is_empty())
                    .unwrap_or(flat.channel);
            }
            "SourceName" | "Provider_Name" | "ProviderName" | "Provider" | "source_name" => {
                has_origin |= key != "source_name";
                flat.provider = value
                    .text()
                    .filter(|_| flat.provider.is_empty())
                    .unwrap_or(flat.provider);
            }
            _ if key.starts_with("winlog.") => return (Shape::Ecs, ecs_origin(json)),
            _ => beat |= key.starts_with("event_data."),
        }
    }
    let shape = match (event_id, beat, has_origin) {
        (true, true, _) => Shape::Winlogbeat6,
        (true, false, true) => Shape::Flat,
        (false, _, true) if rendered_id && !flat.channel.is_empty() && !flat.provider.is_empty() => {
            Shape::PowerShell
        }
        _ => Shape::Other,
    };
    (shape, flat)
}

fn dump_origin(json: Json<'_>) -> Origin<'_> {
    let system = json.at(&["Event", "System"]).or_else(|| json.get("System"));
    Origin {
        channel: system
            .and_then(|system| system.get("Channel"))
            .and_then(element_text)
            .unwrap_or_default(),
        provider: system
            .and_then(|system| attribute(system, "Provider", "Name"))
            .and_then(Json::text)
            .unwrap_or_default(),
    }
}

fn ecs_origin(json: Json<'_>) -> Origin<'_> {
    let first = |paths: &[&[&str]]| {
        paths
            .iter()
            .find_map(|path| json.at(path).and_then(Json::text))
            .unwrap_or_default()
    };
    Origin {
        channel: first(&[&["winlog", "channel"], &["winlog.channel"]]),
        provider: first(&[
            &["winlog", "provider_name"],
            &["winlog.provider_name"],
            &["event", "provider"],
        ]),
    }
}

/// Writes the event; its time comes back.
pub(super) fn write(
    json: Json<'_>,
    shape: Shape,
    origin: Origin<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    path.clear();
    match shape {
        Shape::Dump => write_dump(json, builder, path, context),
        Shape::Winlogbeat6 => {
            // The machine's name before the collector's.
            write_computer(json, &[&["computer_name"], &["host", "name"]], builder);
            for (key, value) in json.members() {
                match key {
                    "event_data" | "user_data" => write_event_data(value, builder, path),
                    "@timestamp" | "computer_name" => {}
                    "user" => {
                        path.push_str("winlog.user");
                        write_at(value, builder, path, 0);
                    }
                    "beat" => write_beat(value, builder, path),
                    "@metadata" => write_aside(key, value, builder),
                    _ => {
                        path.push_str(key);
                        write_at(value, builder, path, 0);
                    }
                }
                path.clear();
            }
            shipped_time(json, builder, context)
        }
        Shape::Ecs => {
            let names: &[&[&str]] = &[
                &["winlog", "computer_name"],
                &["winlog.computer_name"],
                &["host", "name"],
                &["host.name"],
            ];
            write_computer(json, names, builder);
            // What Windows wrote comes before what pipelines made of it: `user.name` lacks the domain that
            // `User` has.
            let is_windows = |key: &str| key == "winlog" || key.starts_with("winlog.");
            let (own, made): (Vec<_>, Vec<_>) = json.members().partition(|(key, _)| is_windows(key));
            for (key, value) in own.into_iter().chain(made) {
                match key {
                    "winlog" => {
                        for (part, value) in value.members() {
                            match part {
                                "event_data" | "user_data" => write_event_data(value, builder, path),
                                "computer_name" => {}
                                _ => {
                                    path.push_str("winlog.");
                                    path.push_str(part);
                                    write_at(value, builder, path, 1);
                                }
                            }
                            path.clear();
                        }
                    }
                    "@timestamp" | "winlog.computer_name" => {}
                    "@metadata" => write_aside(key, value, builder),
                    _ => {
                        let name = key
                            .strip_prefix("winlog.event_data.")
                            .or_else(|| key.strip_prefix("winlog.user_data."));
                        path.push_str(name.unwrap_or(key));
                        write_at(value, builder, path, 0);
                    }
                }
                path.clear();
            }
            let created = [&["winlog", "time_created"][..], &["winlog.time_created"]]
                .iter()
                .find_map(|path| json_time(json.at(path)?, context.timezone));
            let shipped = shipped_time(json, builder, context);
            if created.is_some_and(|created| Some(created) != shipped)
                && let Some(value) = json.get("@timestamp").and_then(Json::text)
            {
                builder.field_if_absent("event.created", Value::Str(value));
            }
            created.or(shipped)
        }
        Shape::PowerShell => write_rendered(json, builder, path, context),
        Shape::Wazuh => json_wazuh::write(json, json_wazuh::windows(json)?, builder, path),
        Shape::Flat | Shape::Other => write_flat(json, origin, builder, path, context),
    }
}

/// Winlogbeat's `@timestamp`; what is no time there is put aside.
fn shipped_time(json: Json<'_>, builder: &mut BatchBuilder, context: &FrameContext<'_>) -> Option<i64> {
    let value = json.get("@timestamp")?;
    let time = json_time(value, context.timezone);
    if time.is_none() && !value.is_null() {
        write_aside("@timestamp", value, builder);
    }
    time
}

/// What Winlogbeat 6 calls `beat`, ECS calls `agent`; it has no name for the machine that it runs on.
fn write_beat(beat: Json<'_>, builder: &mut BatchBuilder, path: &mut String) {
    for (key, value) in beat.members() {
        path.clear();
        path.push_str(if key == "hostname" { "observer." } else { "agent." });
        path.push_str(key);
        write_at(value, builder, path, 1);
    }
}

fn write_aside(name: &str, value: Json<'_>, builder: &mut BatchBuilder) {
    let mut text = String::new();
    value.write(&mut text);
    builder.aside(name, &Value::Json(&text));
}

/// Writes the first of these that there is as the name of the machine.
fn write_computer(json: Json<'_>, names: &[&[&str]], builder: &mut BatchBuilder) {
    if let Some(value) = names.iter().find_map(|path| json.at(path)) {
        write_value("Computer", value, builder);
    }
}

fn write_flat(
    json: Json<'_>,
    origin: Origin<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let mut times = FlatTimes::default();
    for (key, value) in json.members() {
        match key {
            "@timestamp" => {
                times.collected = Some(value);
                continue;
            }
            "EventData" | "UserData" | "event_data" | "user_data" if !value.is_null() => {
                write_event_data(value, builder, path);
                path.clear();
                continue;
            }
            "UtcTime" => times.utc = value.text(),
            "EventTime" => times.event = Some(value),
            "TimeCreated" | "SystemTime" => times.created = Some(value),
            _ => {}
        }
        if value.is_object() {
            path.push_str(key);
            write_at(value, builder, path, 0);
            path.clear();
        } else {
            write_value(key, value, builder);
        }
    }
    let collected = shipped_time(json, builder, context);
    let sysmon = contains_sysmon(origin.channel) || contains_sysmon(origin.provider);
    let own = times
        .created
        .and_then(|value| created_time(value, context))
        .or_else(|| text_time(times.utc.filter(|_| sysmon)?, chrono_tz::UTC))
        .or_else(|| {
            let event = times.event?;
            let certain = context.timezone != chrono_tz::UTC
                || event
                    .text()
                    .is_none_or(|text| iso_time(text).is_some_and(|(_, zoned)| zoned));
            if certain {
                json_time(event, context.timezone)
            } else {
                None
            }
        });
    match (own, collected) {
        (Some(own), Some(collected)) => {
            if own != collected
                && let Some(value) = times.collected
            {
                write_value("event.created", value, builder);
            }
            Some(own)
        }
        (Some(time), None) | (None, Some(time)) => Some(time),
        (None, None) => times
            .event
            .and_then(|value| json_time(value, context.timezone))
            .or_else(|| {
                TIME_KEYS
                    .iter()
                    .filter_map(|key| json.get(key))
                    .find_map(|value| json_time(value, context.timezone))
            }),
    }
}

/// Properties of PowerShell's event objects and the names that they have in the event.
const RENDERED_NAMES: &[(&str, &str)] = &[
    ("Id", "System_EventID"),
    ("LogName", "System_Channel"),
    ("ProviderName", "System_Provider_Name"),
    ("ProviderId", "Provider_Guid"),
    ("MachineName", "System_Computer"),
    ("RecordId", "EventRecordID"),
    ("ProcessId", "Execution_ProcessID"),
    ("ThreadId", "Execution_ThreadID"),
    ("UserId", "Security_UserID"),
    ("ActivityId", "Correlation_ActivityID"),
    ("RelatedActivityId", "Correlation_RelatedActivityID"),
    ("Qualifiers", "EventID_Qualifiers"),
    ("Message", "message"),
];

fn write_rendered(
    json: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let mut time = None;
    for (key, value) in json.members() {
        match key {
            // Newer versions write an object with the time in it.
            "TimeCreated" => time = created_time(value.get("value").unwrap_or(value), context),
            "Properties" if value.is_array() => write_data_elements(value, builder),
            _ => {
                let name = RENDERED_NAMES.iter().find(|(rendered, _)| *rendered == key);
                path.push_str(name.map_or(system_name(key), |(_, name)| name));
                // `UserId` is an object around the SID.
                let value = value.get("Value").unwrap_or(value);
                write_at(value, builder, path, 0);
                path.clear();
            }
        }
    }
    time.or_else(|| shipped_time(json, builder, context))
}

#[derive(Default)]
struct FlatTimes<'t> {
    created: Option<Json<'t>>,
    utc: Option<&'t str>,
    event: Option<Json<'t>>,
    collected: Option<Json<'t>>,
}

fn contains_sysmon(name: &str) -> bool {
    memchr::memmem::find(name.as_bytes(), b"Sysmon").is_some()
}

/// `TimeCreated` in its renderings: text, a number, or an element with the attribute `SystemTime`.
fn created_time(value: Json<'_>, context: &FrameContext<'_>) -> Option<i64> {
    if !value.is_object() {
        return json_time(value, context.timezone);
    }
    ["#attributes", ""]
        .iter()
        .map(|inner| {
            if inner.is_empty() {
                Some(value)
            } else {
                value.get(inner)
            }
        })
        .find_map(|element| {
            let element = element?;
            let time = element.get("SystemTime").or_else(|| element.get("@SystemTime"))?;
            json_time(time, context.timezone)
        })
}

// The dumpers' renderings of XML.

/// The text of an element, however its attributes are written.
fn element_text(value: Json<'_>) -> Option<&str> {
    value
        .text()
        .or_else(|| TEXT_KEYS.iter().find_map(|key| value.get(key)?.text()))
}

/// Keys that hold the text of an element which has attributes too.
pub(super) const TEXT_KEYS: &[&str] = &["#text", "Value", "$", "_", "value"];

/// The attribute of a child of `parent`.
fn attribute<'t>(parent: Json<'t>, child: &str, name: &str) -> Option<Json<'t>> {
    let at_name = ["@", name].concat();
    let in_element = parent.get(child).and_then(|element| {
        element
            .at(&["#attributes", name])
            .or_else(|| element.get(name))
            .or_else(|| element.get(&at_name))
    });
    in_element.or_else(|| parent.get(&[child, "_attributes"].concat())?.get(name))
}

/// Parts of `System` whose short names a dataset may use for its own event data.
const SYSTEM_NAMES: &[(&str, &str)] = &[
    ("EventID", "System_EventID"),
    ("Version", "System_Version"),
    ("Level", "System_Level"),
    ("Task", "System_Task"),
    ("Opcode", "System_Opcode"),
    ("Keywords", "System_Keywords"),
    ("Channel", "System_Channel"),
    ("Computer", "System_Computer"),
    ("Provider_Name", "System_Provider_Name"),
];

pub(super) fn system_name(name: &str) -> &str {
    SYSTEM_NAMES
        .iter()
        .find(|(short, _)| *short == name)
        .map_or(name, |(_, long)| long)
}

fn write_dump(
    json: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let event = json.get("Event").filter(|event| event.get("System").is_some());
    let mut time = None;
    for (key, value) in event.unwrap_or(json).members() {
        match key {
            "System" => time = write_system(value, builder, path, context),
            "EventData" | "UserData" | "ProcessingErrorData" => write_event_data(value, builder, path),
            "RenderingInfo" => {
                for (part, value) in value.members().filter(|(part, _)| !is_attribute(part)) {
                    if part == "Message" {
                        write_value("message", value, builder);
                    } else {
                        path.push_str("RenderingInfo_");
                        path.push_str(part);
                        write_at(value, builder, path, MAX_DEPTH);
                        path.clear();
                    }
                }
            }
            "Message" => write_value("message", value, builder),
            "#attributes" | "@xmlns" | "xmlns" | "Event_attributes" | "EventData_attributes" => {}
            _ => {
                path.push_str(key);
                write_at(value, builder, path, 0);
            }
        }
        path.clear();
    }
    if event.is_some() {
        // What stands beside `Event` was put there by the dumper.
        for (key, value) in json.members() {
            if !matches!(key, "Event" | "Event_attributes" | "#attributes") {
                path.push_str(key);
                write_at(value, builder, path, 0);
                path.clear();
            }
        }
    }
    time.or_else(|| {
        json.get("@timestamp")
            .and_then(|value| json_time(value, context.timezone))
    })
}

pub(super) fn is_attribute(key: &str) -> bool {
    key.starts_with(['#', '@']) || key == "xmlns"
}

fn write_system(
    system: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let mut time = None;
    for (key, value) in system.members() {
        let (name, only_attributes) = match key.strip_suffix("_attributes") {
            Some(name) => (name, true),
            None => (key, false),
        };
        if name == "TimeCreated" {
            time = time.or_else(|| created_time(value, context));
        } else if value.is_object() {
            write_element(name, value, only_attributes, builder, path);
        } else if !is_attribute(key) && value.text() != Some("") {
            // An element without content, such as `<Correlation/>`, says nothing.
            write_value(system_name(name), value, builder);
        }
        path.clear();
    }
    time
}

/// An element of `System` with attributes: each becomes `Element_Attribute`.
fn write_element(
    name: &str,
    element: Json<'_>,
    only_attributes: bool,
    builder: &mut BatchBuilder,
    path: &mut String,
) {
    for (key, value) in element.members() {
        if key == "#attributes" && !only_attributes {
            write_element(name, value, true, builder, path);
        } else if !only_attributes && TEXT_KEYS.contains(&key) {
            write_value(system_name(name), value, builder);
        } else if value.text() != Some("") {
            path.clear();
            path.push_str(name);
            path.push('_');
            path.push_str(key.trim_start_matches('@'));
            let name = path.as_str();
            write_value(system_name(name), value, builder);
        }
    }
}

/// Writes `EventData` or `UserData`: named data under their names, unnamed ones as the list `Data`; the
/// element that `UserData` wraps around its fields is left out.
fn write_event_data(data: Json<'_>, builder: &mut BatchBuilder, path: &mut String) {
    path.clear();
    if data.is_array() {
        return write_data_elements(data, builder);
    }
    if !data.is_object() {
        if !data.is_null() {
            write_list("Data", [data].into_iter(), builder);
        }
        return;
    }
    // `UserData` holds one element, and that one the fields.
    let mut members = data.members().filter(|(key, _)| !is_attribute(key));
    if let (Some((wrapper, inner)), None) = (members.next(), members.next())
        && wrapper != "Data"
        && inner.is_object()
        && element_text(inner).is_none()
    {
        return write_event_data(inner, builder, path);
    }
    for (key, value) in data.members() {
        match key {
            "Data" => write_data_elements(value, builder),
            "#attributes" => {
                if let Some(name) = value.get("Name") {
                    write_value("EventData_Name", name, builder);
                }
            }
            _ if is_attribute(key) => {}
            _ => write_named(key, value, builder, path),
        }
        path.clear();
    }
}

/// A field of `EventData` under its name.
fn write_named(name: &str, value: Json<'_>, builder: &mut BatchBuilder, path: &mut String) {
    if !value.is_object() {
        return write_value(name, value, builder);
    }
    if let Some(text) = TEXT_KEYS.iter().find_map(|key| value.get(key)) {
        return write_value(name, text, builder);
    }
    path.push_str(name);
    if value.members().all(|(key, _)| is_attribute(key)) {
        // An element of which only attributes are left is an empty one.
        return;
    }
    path.push('.');
    write_members(value, builder, path, 1);
}

/// The name of a `Data` element.
fn name_of(item: Json<'_>) -> Option<Json<'_>> {
    item.at(&["#attributes", "Name"])
        .or_else(|| item.get("@Name"))
        .or_else(|| item.get("Name"))
}

/// `Data` elements: text, or objects with the attribute `Name`.
fn write_data_elements(data: Json<'_>, builder: &mut BatchBuilder) {
    if data.is_array() {
        let mut unnamed = Vec::new();
        for item in data.elements() {
            match name_of(item).and_then(Json::text) {
                Some(name) => {
                    if let Some(text) = TEXT_KEYS.iter().find_map(|key| item.get(key)) {
                        write_value(name, text, builder);
                    }
                }
                None => unnamed.push(TEXT_KEYS.iter().find_map(|key| item.get(key)).unwrap_or(item)),
            }
        }
        if !unnamed.is_empty() {
            write_list("Data", unnamed.into_iter(), builder);
        }
        return;
    }
    if !data.is_object() {
        if !data.is_null() {
            write_list("Data", [data].into_iter(), builder);
        }
        return;
    }
    let text = TEXT_KEYS.iter().find_map(|key| data.get(key));
    match (name_of(data).and_then(Json::text), text) {
        (Some(name), Some(text)) => write_value(name, text, builder),
        (None, Some(text)) if text.is_array() => write_list("Data", text.elements(), builder),
        (None, Some(text)) => write_list("Data", [text].into_iter(), builder),
        (_, None) => {}
    }
}

fn write_list<'t>(name: &str, items: impl Iterator<Item = Json<'t>>, builder: &mut BatchBuilder) {
    let items: Vec<Json<'_>> = items.collect();
    if items.iter().any(|item| item.is_object() || item.is_array()) {
        let mut text = String::from("[");
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            item.write(&mut text);
        }
        text.push(']');
        return builder.field(name, Value::Json(&text));
    }
    let values = items.into_iter().map(super::json::owned_scalar).collect();
    builder.field(name, Value::List(values));
}
