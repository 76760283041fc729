//! Events of Winlogbeat and of Elastic's agent, and those of agents that write the same forms.

use super::{FrameContext, Origin, dump, shipped_time, write_aside};
use crate::batch::BatchBuilder;
use crate::formats::json::{json_time, write_at, write_value};
use crate::formats::tape::Json;
use crate::value::Value;

/// Where an event in ECS comes from.
pub(super) fn origin(json: Json<'_>) -> Origin<'_> {
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

/// Writes an event in the form of Winlogbeat 6; its time comes back.
pub(super) fn write_6(
    json: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
    // HarfangLab's agent runs on the machine whose log it reads.
    let agent = json.get("agent").filter(|agent| agent.get("agentid").is_some());
    // The machine's name before the collector's.
    write_computer(json, &[&["computer_name"], &["host", "name"]], builder);
    for (key, value) in json.members() {
        match key {
            "event_data" | "user_data" => dump::write_event_data(value, builder, path),
            "@timestamp" | "computer_name" => {}
            "user" => {
                path.push_str("winlog.user");
                write_at(value, builder, path, 0);
            }
            // Defender has event data of (nearly) this name.
            "source_name" => write_value("System_Provider_Name", value, builder),
            "beat" => write_beat(value, builder, path),
            "agent" if agent.is_some() => write_agent(value, builder),
            "tenant" if agent.is_some() => write_known("organization.id", value, builder),
            "@event_create_date" => {}
            "@metadata" => write_aside(key, value, builder),
            _ => {
                path.push_str(key);
                write_at(value, builder, path, 0);
            }
        }
        path.clear();
    }
    write_outcome(json.get("keywords"), builder);
    let own = ["@event_create_date", "event_date"]
        .iter()
        .filter(|_| agent.is_some())
        .find_map(|name| json_time(json.get(name)?, context.timezone));
    own_or_shipped(own, json, builder, context)
}

/// Writes an event in ECS; its time comes back.
pub(super) fn write_ecs(
    json: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
    context: &FrameContext<'_>,
) -> Option<i64> {
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
                        "event_data" | "user_data" => dump::write_event_data(value, builder, path),
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
    let keywords = json
        .at(&["winlog", "keywords"])
        .or_else(|| json.get("winlog.keywords"));
    write_outcome(keywords, builder);
    let created = [&["winlog", "time_created"][..], &["winlog.time_created"]]
        .iter()
        .find_map(|path| json_time(json.at(path)?, context.timezone));
    own_or_shipped(created, json, builder, context)
}

/// The event's own time, or else the shipper's, which is kept beside another.
fn own_or_shipped(
    own: Option<i64>,
    json: Json<'_>,
    builder: &mut BatchBuilder,
    context: &FrameContext<'_>,
) -> Option<i64> {
    let shipped = shipped_time(json, builder, context);
    if own.is_some_and(|own| Some(own) != shipped)
        && let Some(value) = json.get("@timestamp").and_then(Json::text)
    {
        builder.field_if_absent("event.created", Value::Str(value));
    }
    own.or(shipped)
}

/// The outcome of an audited action, from keywords that are a list of words.
fn write_outcome(keywords: Option<Json<'_>>, builder: &mut BatchBuilder) {
    let words = keywords.filter(|words| words.is_array());
    let outcome = words.iter().flat_map(|words| words.elements()).find_map(|word| {
        Some(match word.text()? {
            "Audit Success" | "AuditSuccess" => "success",
            "Audit Failure" | "AuditFailure" => "failure",
            _ => return None,
        })
    });
    if let Some(outcome) = outcome {
        builder.field_if_absent("event.outcome", Value::Str(outcome));
    }
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

/// What HarfangLab's agent says of its machine and itself.
const AGENT: &[(&str, &str)] = &[
    ("agentid", "agent.id"),
    ("version", "agent.version"),
    ("hostname", "host.hostname"),
    ("domainname", "host.domain"),
    ("ipaddress", "host.ip"),
    ("osversion", "host.os.version"),
    ("osproducttype", "host.os.full"),
    ("ostype", "host.os.platform"),
];

fn write_agent(agent: Json<'_>, builder: &mut BatchBuilder) {
    for (key, value) in agent.members() {
        match AGENT.iter().find(|(name, _)| *name == key) {
            Some((_, column)) => write_known(column, value, builder),
            None => write_value(&["agent.", key].concat(), value, builder),
        }
    }
}

/// Writes a value, unless it is an empty text.
fn write_known(name: &str, value: Json<'_>, builder: &mut BatchBuilder) {
    if value.text() != Some("") {
        write_value(name, value, builder);
    }
}

/// Writes the first of these that there is as the name of the machine.
fn write_computer(json: Json<'_>, names: &[&[&str]], builder: &mut BatchBuilder) {
    if let Some(value) = names.iter().find_map(|path| json.at(path)) {
        write_value("Computer", value, builder);
    }
}
