//! Events and attributes of MISP, exported as JSON (<https://www.misp-standard.org/rfc/misp-standard-core.html>).
//!
//! An attribute becomes indicators if it is meant for detection (`to_ids`) and not deleted. Those of two parts
//! (`domain|ip`, `filename|sha256`) become one for each part that is an indicator. What the event says (`info`, tags,
//! threat level, organisation) is said of its attributes.

use serde_json::{Map, Value as Json};

use super::super::set::About;
use super::super::value::Value;
use super::Sink;
use super::fields::join;
use borzoi_rules::ir::Level;

/// What an event says of its attributes.
#[derive(Debug, Default)]
pub(super) struct Context {
    info: String,
    labels: String,
    source: String,
    severity: Option<Level>,
}

pub(super) fn is_event(object: &Map<String, Json>) -> bool {
    let has = |object: &Map<String, Json>| {
        object.get("Attribute").is_some_and(Json::is_array)
            || object.get("Object").is_some_and(Json::is_array)
    };
    has(object) || object.get("Event").and_then(Json::as_object).is_some()
}

pub(super) fn is_attribute(object: &Map<String, Json>) -> bool {
    object.contains_key("to_ids") && object.contains_key("value") && object.contains_key("type")
}

pub(super) fn event(line: u64, object: &Map<String, Json>, sink: &mut Sink<'_>) {
    let event = object.get("Event").and_then(Json::as_object).unwrap_or(object);
    let text = |name: &str| {
        event
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let organisation = event
        .get("Orgc")
        .or_else(|| event.get("Org"))
        .and_then(|org| org.get("name"));
    let mut context = Context {
        info: text("info"),
        labels: String::new(),
        source: organisation.and_then(Json::as_str).unwrap_or_default().to_owned(),
        severity: match event.get("threat_level_id").map(word).as_deref() {
            Some("1") => Some(Level::High),
            Some("2") => Some(Level::Medium),
            Some("3") => Some(Level::Low),
            _ => None,
        },
    };
    tags(event, &mut context.labels);
    attributes(line, event, &context, sink);
    for object in event.get("Object").and_then(Json::as_array).into_iter().flatten() {
        if let Some(object) = object.as_object()
            && !is_true(object.get("deleted"))
        {
            attributes(line, object, &context, sink);
        }
    }
}

fn attributes(line: u64, object: &Map<String, Json>, context: &Context, sink: &mut Sink<'_>) {
    for one in object
        .get("Attribute")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        match one.as_object() {
            Some(one) => attribute(line, one, context, sink),
            None => sink.refuse(line, "an attribute of this event is no object"),
        }
    }
}

pub(super) fn attribute(line: u64, object: &Map<String, Json>, context: &Context, sink: &mut Sink<'_>) {
    let kind = object.get("type").map(word).unwrap_or_default();
    let value = object.get("value").map(word).unwrap_or_default();
    if !is_true(object.get("to_ids")) || is_true(object.get("deleted")) {
        sink.report.passed_over += 1;
        return;
    }
    // Which parts of the value are indicators.
    let wanted: &[usize] = match kind.as_str() {
        "ip-src" | "ip-dst" | "domain" | "hostname" | "url" | "uri" | "md5" | "sha1" | "sha256"
        | "sha512" => &[0],
        "ip-src|port" | "ip-dst|port" | "hostname|port" => &[0],
        "domain|ip" | "hostname|ip" => &[0, 1],
        "filename|md5" | "filename|sha1" | "filename|sha256" | "filename|sha512" | "malware-sample" => &[1],
        _ => {
            sink.report.passed_over += 1;
            return;
        }
    };
    let mut description = object.get("comment").map(word).unwrap_or_default();
    if !context.info.is_empty() {
        join(&mut description, "; ", &context.info);
    }
    let mut labels = context.labels.clone();
    tags(object, &mut labels);
    if let Some(category) = object.get("category").and_then(Json::as_str) {
        join(&mut labels, "\n", category);
    }
    let about = About {
        description: &description,
        labels: &labels,
        source: &context.source,
        severity: context.severity,
        confidence: None,
    };
    let parts: Vec<&str> = match kind.contains('|') || kind == "malware-sample" {
        true => value.split('|').collect(),
        false => vec![&value],
    };
    for &index in wanted {
        let part = parts.get(index).copied().unwrap_or_default();
        let read = match kind.as_str() {
            "url" | "uri" => Value::read_url(part),
            _ => Value::read(part),
        };
        match read {
            Ok(value) => sink.add(line, value, &about, None),
            Err(message) => sink.refuse(line, format!("attribute of type {kind}: {message}")),
        }
    }
}

fn tags(object: &Map<String, Json>, labels: &mut String) {
    for tag in object.get("Tag").and_then(Json::as_array).into_iter().flatten() {
        if let Some(name) = tag.get("name").and_then(Json::as_str) {
            join(labels, "\n", name);
        }
    }
}

fn word(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn is_true(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Bool(said)) => *said,
        Some(Json::String(said)) => matches!(said.as_str(), "1" | "true"),
        Some(Json::Number(said)) => said.as_i64() == Some(1),
        _ => false,
    }
}
