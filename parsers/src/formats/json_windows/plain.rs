//! Events whose fields all stand side by side, as NXLog and Logstash write them.

use super::{FrameContext, Origin, dump, shipped_time};
use crate::batch::BatchBuilder;
use crate::formats::event_time::{iso_time, text_time};
use crate::formats::json::{TIME_KEYS, json_time, write_at, write_value};
use crate::formats::tape::Json;

/// Writes the event; its time comes back.
pub(super) fn write(
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
                dump::write_event_data(value, builder, path);
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
pub(super) fn created_time(value: Json<'_>, context: &FrameContext<'_>) -> Option<i64> {
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
