//! ArcSight's Common Event Format, which some hundred products write.
//!
//! ```text
//! CEF:0|Vendor|Product|1.0|100|Connection denied|5|src=192.0.2.1 spt=4242 cs1=Edge cs1Label=Zone msg=no such rule
//! ```
//!
//! The header's seven fields are the writer's own, and so is every key. Values are not: a stranger who gets ` duser=x` into
//! one that the product failed to escape has made a field. A key with two values is in doubt, and so is what a short and a
//! full name of one key say in two ways: neither value holds, both are kept ([`Keys`](super::super::text::once::Keys)).
//! A line is CEF only if the text behind the syslog header starts with it (or with the few words that known products put before
//! it), never because it stands somewhere in a message.
//!
//! What the keys mean is said once, in the catalog's base `cef`; a product's own keys are in the dataset that extends it
//! ([`datasets`] says which). Custom fields (`cs1`, `cs1Label`) keep their names and are there under their label too:
//! `label.Zone`.

pub(super) mod datasets;
mod event;
pub(super) mod extension;
mod header;
mod products;

use super::super::text::{Event, Grammar, Line};
use crate::value::Value;
use event::Extension;
pub(crate) use event::Role;
pub(super) use event::host;
use header::{Header, header, start};

/// Asked before marks are sought: the first bytes decide.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "cef",
    marks: &["CEF:"],
    programs: &["cef"],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = start(line)?;
    let header = header(text, line)?;
    let dataset = datasets::dataset(header.vendor, header.product);
    let mut event = Extension::new(line);
    let fields = &mut event.fields;
    for (name, text) in [
        ("cef.version", header.version),
        ("observer.vendor", header.vendor),
        ("observer.product", header.product),
        ("observer.version", header.product_version),
        ("event.code", header.class),
        ("cef.device.event_class_id", header.class),
        ("cef.name", header.name),
        ("cef.severity", header.severity),
    ] {
        if !text.is_empty() {
            fields.push(name, Value::Str(text));
        }
    }
    if products::class_is_rule(dataset) && !header.class.is_empty() {
        fields.push("rule.id", Value::Str(header.class));
    }
    if let Ok(severity) = header.severity.parse() {
        fields.push("event.severity", Value::Int(severity));
    }
    event.read(dataset, header.extension, false);
    event.name_custom_fields();
    let (mut time, mut fields) = (event.time, event.fields);
    if products::starts_it(dataset)
        && let Some(Value::Time(start)) = fields.get("event.start")
    {
        time = Some(*start);
    }
    products::finish(dataset, &header, &mut fields, line);
    let acted = ["act", "deviceAction", "event.action", "fw_action"]
        .iter()
        .any(|name| fields.get(name).is_some())
        || dataset == "fortinet.fortigate";
    if !acted || products::is_named_by_header(dataset) {
        fields.text("event.action", header.name);
    }
    match fields.text_of("message") {
        Some(message) if fields.get("reason").is_none() => fields.text("event.reason", message),
        Some(_) => {}
        None if header.name.is_empty() => fields.push("message", Value::Str(line.body)),
        None => fields.push("message", Value::Str(header.name)),
    }
    if dataset == "trendmicro.deep_security" {
        // Some of its events say it in their names alone.
        fields.text("event.reason", header.name);
    }
    if line.header.host.is_none()
        && dataset != "bitdefender.gravityzone"
        && let Some(host) = fields.text_of("dvchost")
    {
        fields.push("host.name", Value::Str(host));
    }
    Some(Event {
        dataset,
        time,
        fields,
        headless: false,
    })
}

#[cfg(test)]
mod tests;
