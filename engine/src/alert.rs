//! What a person sees: the documented, versioned alert.
//!
//! The JSON form (one object a line with `--output jsonl`) is the serialisation of [`Alert`]; its
//! [`SCHEMA_VERSION`] changes when a field changes its meaning or goes away, not when one is added.

use std::sync::Arc;

use borzoi_rules::ir::Level;

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
    pub event: Arc<serde_json::Value>,
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
