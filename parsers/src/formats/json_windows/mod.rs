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
//!
//! HarfangLab's agents send events in Winlogbeat 6's form, with the machine that they run on under `agent` and the event's
//! own time as `@event_create_date`.

mod beats;
mod dump;
mod plain;
mod rendered;
#[cfg(test)]
mod tests;

use super::FrameContext;
use super::json::json_time;
use super::json_wazuh;
use super::tape::Json;
use crate::batch::BatchBuilder;
use crate::value::Value;
pub(super) use dump::{TEXT_KEYS, is_attribute, system_name};

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
                return (Shape::Ecs, beats::origin(json));
            }
            beat |= key.starts_with("event_data.");
            continue;
        }
        match key {
            "Event" if value.get("System").is_some() => return (Shape::Dump, dump::origin(json)),
            "System" if value.get("EventID").is_some() || value.get("Channel").is_some() => {
                return (Shape::Dump, dump::origin(json));
            }
            "winlog" if value.is_object() => return (Shape::Ecs, beats::origin(json)),
            "win" if json_wazuh::is_windows(value) => return (Shape::Wazuh, json_wazuh::origin(value)),
            "data" if value.get("win").is_some_and(json_wazuh::is_windows) => {
                let origin = value.get("win").map(json_wazuh::origin);
                return (Shape::Wazuh, origin.unwrap_or_default());
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
            _ if key.starts_with("winlog.") => return (Shape::Ecs, beats::origin(json)),
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
        Shape::Dump => dump::write(json, builder, path, context),
        Shape::Winlogbeat6 => beats::write_6(json, builder, path, context),
        Shape::Ecs => beats::write_ecs(json, builder, path, context),
        Shape::PowerShell => rendered::write(json, builder, path, context),
        Shape::Wazuh => json_wazuh::write(json, json_wazuh::windows(json)?, builder, path),
        Shape::Flat | Shape::Other => plain::write(json, origin, builder, path, context),
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

fn write_aside(name: &str, value: Json<'_>, builder: &mut BatchBuilder) {
    let mut text = String::new();
    value.write(&mut text);
    builder.aside(name, &Value::Json(&text));
}
