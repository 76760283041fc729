//! What a person sees: the documented, versioned alert.
//!
//! The JSON form (one object a line with `--output jsonl`) is the serialisation of [`Alert`]; its
//! [`SCHEMA_VERSION`] changes when a field changes its meaning or goes away, not when one is added.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use borzoi_rules::ir::Level;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

pub use crate::event_json::EventJson;

/// Version of the alert's JSON shape.
pub const SCHEMA_VERSION: u32 = 1;

/// One alert.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alert {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Stable: derived from tenant, rule and event ids (32 hexadecimal digits).
    pub id: String,
    /// Event time, RFC 3339 in UTC with microseconds.
    pub time: String,
    /// The rule that matched.
    pub rule: AlertRule,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// What wrote the event.
    pub dataset: Arc<str>,
    /// Who and what it is about.
    pub entities: Entities,
    /// The fields that made the rule match.
    pub matched: Vec<MatchedField>,
    /// The stored event's `event.id` (with `dataset`, the reference into the lake).
    pub event_id: String,
    /// The whole event as nested ECS JSON, `unmapped` included; shared by all alerts about it.
    pub event: EventJson,
    /// What a correlation found; absent from the alerts of other rules. Then `time` is when its condition began to hold,
    /// `dataset`, `event_id` and `event` are those of the first event that is shown, and `entities` are those of all
    /// that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Box<CorrelationAlert>>,
}

impl Alert {
    /// Writes the alert as JSON on one line (without a line feed): what `serde_json` writes of it, without parsing `event`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: impl io::Write) -> io::Result<()> {
        let mut serializer = serde_json::Serializer::with_formatter(out, BytesAreJson);
        Written::of(self).serialize(&mut serializer)?;
        Ok(())
    }
}

/// An [`Alert`] as it is written, its event as bytes.
#[derive(Serialize)]
struct Written<'a> {
    schema: u32,
    id: &'a str,
    time: &'a str,
    rule: &'a AlertRule,
    tenant: &'a str,
    dataset: &'a str,
    entities: &'a Entities,
    matched: &'a [MatchedField],
    event_id: &'a str,
    #[serde(serialize_with = "as_bytes")]
    event: &'a EventJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<&'a CorrelationAlert>,
}

impl<'a> Written<'a> {
    fn of(alert: &'a Alert) -> Written<'a> {
        let Alert {
            schema,
            id,
            time,
            rule,
            tenant,
            dataset,
            entities,
            matched,
            event_id,
            event,
            correlation,
        } = alert;
        Written {
            schema: *schema,
            id,
            time,
            rule,
            tenant,
            dataset,
            entities,
            matched,
            event_id,
            event,
            correlation: correlation.as_deref(),
        }
    }
}

fn as_bytes<S: Serializer>(event: &EventJson, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(event.text().as_bytes())
}

/// Bytes are JSON already. (Nothing else in an alert is bytes.)
struct BytesAreJson;

impl Formatter for BytesAreJson {
    fn write_byte_array<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        writer.write_all(value)
    }
}

/// What a correlation found: a stretch of time on which its condition holds.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CorrelationAlert {
    /// `type` of the rule.
    #[serde(rename = "type")]
    pub kind: String,
    /// The condition in words.
    pub condition: String,
    /// How many events lie in the windows of the stretch.
    pub count: u64,
    /// What was measured when the condition began to hold: a number of events, of distinct values, of rules or steps; a
    /// sum, mean or percentile.
    pub value: f64,
    /// The highest that was measured while it held.
    pub peak: f64,
    /// Time of the first event.
    pub first: String,
    /// Time of the last event.
    pub last: String,
    /// When the condition held no longer; absent while it may still hold. Then another alert with the same id, or one that
    /// names it in `joins`, follows once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Ids of alerts sent earlier that turned out to be of this stretch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<String>,
    /// The values that the events have in common.
    pub group: Vec<GroupValue>,
    /// The rules whose events they are.
    pub rules: Vec<Contribution>,
    /// Of a statistic: the numbers to judge it by, such as `expected`, `low`, `high` and `probability`, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Of a series of numbers: those of the last intervals, oldest first, to about three digits; the last one is what was
    /// found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<f32>,
    /// Some of the first events.
    pub evidence: Vec<Shown>,
}

/// A field of `group-by` and its value.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GroupValue {
    /// The field (or alias) as the rule calls it.
    pub field: String,
    /// Its value, as the first event that is shown writes it.
    pub value: String,
}

/// How many events a rule contributed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Contribution {
    /// The rule's id.
    pub id: Arc<str>,
    /// Its title.
    pub title: Arc<str>,
    /// Its events.
    pub count: u64,
}

/// An event that an alert of a correlation shows.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shown {
    /// Title of the rule that it matched.
    pub rule: Arc<str>,
    /// Its time.
    pub time: String,
    /// What wrote it; absent for what another correlation found, and where the event was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Arc<str>>,
    /// Its `event.id`; the alert's id for what another correlation found.
    pub event_id: String,
    /// The whole event; null where it was not kept.
    pub event: EventJson,
    /// Of what a statistic found: what it measured, and what it expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Box<Finding>>,
}

/// What a statistic found, in the alert of a correlation that reads it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// What was measured and what was expected, in words.
    pub summary: String,
    /// What was measured.
    pub value: f64,
    /// As [`CorrelationAlert::figures`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// As [`CorrelationAlert::series`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<f32>,
}

/// The rule of an alert.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlertRule {
    /// Its id.
    pub id: Arc<str>,
    /// Its title.
    pub title: Arc<str>,
    /// Its level.
    pub level: Level,
    /// Its tags as written.
    pub tags: Arc<[String]>,
    /// What the tags say in ATT&CK terms.
    pub attack: Arc<Attack>,
}

/// ATT&CK tactics and techniques of a rule.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Attack {
    /// Tactics in ATT&CK's spelling (`Credential Access`).
    pub tactics: Vec<String>,
    /// Technique ids (`T1003.001`).
    pub techniques: Vec<String>,
}

/// What an alert is about. Empty lists are left out of the JSON.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Entities {
    /// Host names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// User names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Executables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<String>,
}

/// One field that contributed to a match.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MatchedField {
    /// The search of the rule that it satisfied (`selection_img`).
    pub selection: String,
    /// Name as the rule writes it; absent for keywords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Dotted name of the column.
    pub column: String,
    /// The event's value.
    pub value: String,
    /// What was asked of it, as a person would write it (`endswith \\powershell.exe`).
    pub matcher: String,
}
