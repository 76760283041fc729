//! The renderings of an event's XML: dumpers write its elements as objects, and each writes attributes in its own way.

use super::plain::created_time;
use super::{FrameContext, Origin};
use crate::batch::BatchBuilder;
use crate::formats::json::{MAX_DEPTH, json_time, write_at, write_members, write_value};
use crate::formats::tape::Json;
use crate::value::Value;

/// Where the event comes from.
pub(super) fn origin(json: Json<'_>) -> Origin<'_> {
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

/// The text of an element, however its attributes are written.
fn element_text(value: Json<'_>) -> Option<&str> {
    value
        .text()
        .or_else(|| TEXT_KEYS.iter().find_map(|key| value.get(key)?.text()))
}

/// Keys that hold the text of an element which has attributes too.
pub(in crate::formats) const TEXT_KEYS: &[&str] = &["#text", "Value", "$", "_", "value"];

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

pub(in crate::formats) fn system_name(name: &str) -> &str {
    SYSTEM_NAMES
        .iter()
        .find(|(short, _)| *short == name)
        .map_or(name, |(_, long)| long)
}

/// Writes the event; its time comes back.
pub(super) fn write(
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

pub(in crate::formats) fn is_attribute(key: &str) -> bool {
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
pub(super) fn write_event_data(data: Json<'_>, builder: &mut BatchBuilder, path: &mut String) {
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
pub(super) fn write_data_elements(data: Json<'_>, builder: &mut BatchBuilder) {
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
    let values = items
        .into_iter()
        .map(crate::formats::json::owned_scalar)
        .collect();
    builder.field(name, Value::List(values));
}
