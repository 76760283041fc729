//! Events in other documents: what a queue, a shipper, or an API puts around them.
//!
//! A document that is of no known dataset may hold one that is, as an object (`detail` of EventBridge, `_source` of
//! Elasticsearch) or as its text (`AuditData` of Microsoft's cmdlets, `message` of Filebeat, `log` of Docker). Then that
//! is the event, and what stands around it comes where it is silent.
//!
//! Only the keys listed here hold events, one step below the document: a request's body that some application logs may
//! look like any event, and must not become one.

use std::sync::Arc;

use super::json::JsonDatasets;
use super::json_tree::is_document;
use super::tape::Json;
use crate::catalog::Dataset;

/// Keys of objects that are events.
const OBJECTS: &[&str] = &[
    "detail",
    "json",
    "event",
    "message",
    "log",
    "_source",
    "result",
    "record",
    "jsonPayload",
    "alert",
    "incident",
];

/// Keys of texts that are events.
const TEXTS: &[&str] = &[
    "message",
    "Message",
    "@message",
    "log",
    "AuditData",
    "auditData",
    "CloudTrailEvent",
    "cloudTrailEvent",
    "_raw",
    "raw",
    "rawLog",
    "raw_log",
    "original",
    "RawEventData",
    "event",
];

/// The event in `document`, its dataset, and its key.
pub(super) fn object_inside<'t>(
    document: Json<'t>,
    datasets: &JsonDatasets,
) -> Option<(Json<'t>, Arc<Dataset>, &'static str)> {
    OBJECTS.iter().find_map(|&key| {
        let inside = document.get(key).filter(|inside| inside.is_object())?;
        Some((inside, datasets.known(inside)?, key))
    })
}

/// A Windows event in XML that `document` has whole (Azure's diagnostics, collectors that keep it beside their own
/// reading).
pub(super) fn windows_xml(document: Json<'_>) -> Option<&str> {
    let places = [
        &["properties", "RawXml"][..],
        &["RawXml"],
        &["EventXml"],
        &["rawXml"],
    ];
    let found = places
        .iter()
        .find_map(|place| document.at(place).and_then(Json::text))?;
    found.starts_with("<Event").then_some(found)
}

/// The text in `document` that may be an event, and its key.
pub(super) fn text_inside(document: Json<'_>) -> Option<(&str, &'static str)> {
    let at = |path: &[&str]| document.at(path).and_then(Json::text);
    let found = TEXTS.iter().find_map(|&key| Some((at(&[key])?, key)));
    // A list is no event.
    let is_event = |(text, _): &(&str, &str)| is_document(text) && text.trim_ascii_start().starts_with('{');
    let shipped = || Some((at(&["event", "original"])?, "event.original"));
    found.filter(is_event).or_else(|| shipped().filter(is_event))
}
