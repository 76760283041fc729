//! From a signal to an alert: evidence, entities and the event itself.

use std::sync::Arc;

use borzoi_parsers::batch::{EventBatch, strings};
use borzoi_parsers::output::{EventWriter, JsonStyle};
use borzoi_rules::attack;
use borzoi_rules::ir::Meta;
use chrono::{DateTime, SecondsFormat};
use xxhash_rust::xxh3::xxh3_128;

use crate::alert::{Alert, AlertRule, Attack, Entities, EventJson, MatchedField, SCHEMA_VERSION};
use crate::correlate::kept::Evidence;
use crate::evidence::matched_fields;
pub use crate::evidence::{LONGEST_VALUE, MOST_FIELDS};
use crate::matcher::event::EventTexts;
use crate::matcher::single;
use crate::matcher::values::Texts;
use crate::matcher::{CompiledRules, Signal};

/// Columns that name a host.
const HOSTS: &[&str] = &["host.name", "host.hostname"];

/// Columns that name a user.
const USERS: &[&str] = &[
    "user.name",
    "user.target.name",
    "user.effective.name",
    "user.email",
    "winlog.event_data.SubjectUserName",
    "winlog.event_data.TargetUserName",
    "winlog.event_data.SourceUser",
    "winlog.event_data.TargetUser",
    "related.user",
];

/// Columns that hold an address of somebody.
const ADDRESSES: &[&str] = &[
    "source.ip",
    "source.address",
    "destination.ip",
    "destination.address",
    "client.ip",
    "client.address",
    "server.ip",
    "server.address",
    "related.ip",
];

/// Columns that hold the path of a program.
const PROCESSES: &[&str] = &[
    "process.executable",
    "process.parent.executable",
    "winlog.event_data.SourceImage",
    "winlog.event_data.TargetImage",
    "process.name",
];

/// What a column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Host,
    User,
    Address,
    Process,
}

/// What the column of this dotted name names, if it is one that alerts are about.
pub(crate) fn about_column(dotted: &str) -> Option<About> {
    let lists = [
        (HOSTS, About::Host),
        (USERS, About::User),
        (ADDRESSES, About::Address),
        (PROCESSES, About::Process),
    ];
    let mut lists = lists.into_iter();
    let found = lists.find(|(columns, _)| columns.contains(&dotted));
    found.map(|(_, about)| about)
}

/// Builds the alerts of one batch.
///
/// What depends on the batch alone (the plan of its columns) is made once here, what depends on the event
/// alone once for all alerts about it, if they come one after another; for a single alert [`build_alert`]
/// does.
pub struct AlertBuilder<'a> {
    rules: &'a CompiledRules,
    batch: &'a EventBatch,
    writer: EventWriter<'a>,
    hosts: Vec<Texts<'a>>,
    users: Vec<Texts<'a>>,
    addresses: Vec<Texts<'a>>,
    processes: Vec<Texts<'a>>,
    texts: EventTexts<'a>,
    /// The row that the last alert was about, and what all alerts about it say.
    last: Option<(usize, AboutEvent)>,
    /// Scratch.
    text: String,
}

/// What all alerts about an event say of it.
#[derive(Clone)]
struct AboutEvent {
    id: String,
    time: String,
    entities: Entities,
    json: EventJson,
}

impl<'a> AlertBuilder<'a> {
    /// A builder for the signals that a matcher of `rules` gave for `batch`.
    pub fn new(rules: &'a CompiledRules, batch: &'a EventBatch) -> AlertBuilder<'a> {
        let texts = EventTexts::new(batch);
        let columns = |dotted: &[&str]| -> Vec<Texts<'a>> {
            let columns = dotted.iter().filter_map(|dotted| texts.column(dotted));
            columns.collect()
        };
        AlertBuilder {
            rules,
            batch,
            writer: EventWriter::of(batch, JsonStyle::Nested),
            hosts: columns(HOSTS),
            users: columns(USERS),
            addresses: columns(ADDRESSES),
            processes: columns(PROCESSES),
            texts,
            last: None,
            text: String::new(),
        }
    }

    /// The alert of a signal.
    ///
    /// # Panics
    ///
    /// If the signal is of other rules or another batch.
    pub fn build(&mut self, signal: Signal) -> Alert {
        let row = signal.row as usize;
        let event = self.about(row);
        self.last = Some((row, event.clone()));
        let rule = self.rules.rule(signal.rule);
        let ready = self.rules.ready(signal.rule, &self.batch.dataset);
        self.texts.go_to(row);
        Alert {
            schema: SCHEMA_VERSION,
            id: alert_id(&self.batch.tenant, &rule.meta.id, &event.id),
            time: event.time,
            rule: self.rules.face(signal.rule).clone(),
            tenant: self.batch.tenant.clone(),
            dataset: self.batch.dataset.name.clone(),
            entities: event.entities,
            matched: matched_fields(rule, &ready, &self.texts),
            event_id: event.id,
            event: event.json,
            correlation: None,
        }
    }

    /// The alert of an event that satisfies a query.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub(crate) fn build_for(&mut self, row: u32, face: &AlertRule, matched: Vec<MatchedField>) -> Alert {
        let row = row as usize;
        let event = self.about(row);
        self.last = Some((row, event.clone()));
        Alert {
            schema: SCHEMA_VERSION,
            id: alert_id(&self.batch.tenant, &face.id, &event.id),
            time: event.time,
            rule: face.clone(),
            tenant: self.batch.tenant.clone(),
            dataset: self.batch.dataset.name.clone(),
            entities: event.entities,
            matched,
            event_id: event.id,
            event: event.json,
            correlation: None,
        }
    }

    /// What alerts of correlations show of an event.
    pub(crate) fn evidence(&mut self, row: u32) -> Evidence {
        let about = self.about(row as usize);
        let evidence = Evidence {
            event_id: about.id.clone(),
            time: about.time.clone(),
            dataset: self.batch.dataset.name.clone(),
            entities: about.entities.clone(),
            event: about.json.clone(),
        };
        self.last = Some((row as usize, about));
        evidence
    }

    /// What all alerts about the event of a row say of it. Whoever asks puts it back for the next.
    fn about(&mut self, row: usize) -> AboutEvent {
        match self.last.take() {
            Some((last, event)) if last == row => event,
            _ => self.about_event(row),
        }
    }

    fn about_event(&mut self, row: usize) -> AboutEvent {
        self.text.clear();
        self.writer.write(row, &mut self.text);
        AboutEvent {
            id: text_at(self.batch, "event_id", row).unwrap_or_default(),
            time: time_at(self.batch, row),
            entities: self.entities(row),
            json: EventJson::from_text(&self.text),
        }
    }

    fn entities(&self, row: usize) -> Entities {
        let named = |text: &str| !matches!(text.trim(), "" | "-" | "(null)");
        let mut processes = distinct(&self.processes, row, named);
        // A bare name adds nothing to the path that it is the end of.
        let paths = processes.clone();
        processes.retain(|process| {
            let is_end = |path: &String| {
                path.len() > process.len()
                    && path.ends_with(process.as_str())
                    && path[..path.len() - process.len()].ends_with(['/', '\\'])
            };
            !paths.iter().any(is_end)
        });
        Entities {
            hosts: distinct(&self.hosts, row, named),
            users: distinct(&self.users, row, named),
            addresses: distinct(&self.addresses, row, |text| single::address(text).is_some()),
            processes,
        }
    }
}

/// The alert of one signal; for several of one batch, [`AlertBuilder`] saves work.
pub fn build_alert(rules: &CompiledRules, batch: &EventBatch, signal: Signal) -> Alert {
    AlertBuilder::new(rules, batch).build(signal)
}

/// The id of the alert that a rule raises for an event: 32 hexadecimal digits, the same in every run.
pub fn alert_id(tenant: &str, rule_id: &str, event_id: &str) -> String {
    // No part holds a NUL, so no two triples give the same text.
    format!(
        "{:032x}",
        xxh3_128(format!("{tenant}\0{rule_id}\0{event_id}").as_bytes())
    )
}

/// What alerts say of a rule.
pub(crate) fn face_of(meta: &Meta) -> AlertRule {
    let mut said = Attack::default();
    for tag in &meta.tags {
        if let Some(tactic) = attack::tactic(tag)
            && !said.tactics.iter().any(|known| known == tactic.name)
        {
            said.tactics.push(tactic.name.to_owned());
        }
        if let Some(technique) = attack::technique(tag)
            && !said.techniques.contains(&technique)
        {
            said.techniques.push(technique);
        }
    }
    AlertRule {
        id: meta.id.clone(),
        title: meta.title.clone(),
        level: meta.level,
        tags: meta.tags.as_slice().into(),
        attack: Arc::new(said),
    }
}

fn distinct(columns: &[Texts<'_>], row: usize, keep: impl Fn(&str) -> bool) -> Vec<String> {
    let mut buffer = String::new();
    let mut found: Vec<String> = Vec::new();
    for column in columns {
        column.visit(row, &mut buffer, &mut |text| {
            if keep(text) && !found.iter().any(|known| known == text) {
                found.push(text.to_owned());
            }
        });
    }
    found
}

pub(crate) fn text_at(batch: &EventBatch, sql: &str, row: usize) -> Option<String> {
    let column = strings(batch.column(sql)?)?;
    column.get(row).map(str::to_owned)
}

/// The time of an event in microseconds.
pub(crate) fn micros_at(batch: &EventBatch, row: usize) -> i64 {
    match batch.column("time").and_then(Texts::of) {
        Some(Texts::Timestamps(times)) => times.value(row),
        _ => 0,
    }
}

fn time_at(batch: &EventBatch, row: usize) -> String {
    let micros = micros_at(batch, row);
    match DateTime::from_timestamp_micros(micros) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::Micros, true),
        None => micros.to_string(),
    }
}
