//! From a signal to an alert: evidence, entities and the event itself.

use std::sync::Arc;

use borzoi_parsers::batch::{EventBatch, strings};
use borzoi_parsers::output::{EventWriter, JsonStyle};
use borzoi_rules::attack;
use borzoi_rules::ir::{Condition, DetectionRule, Expression, Matcher, Meta};
use chrono::{DateTime, SecondsFormat};
use xxhash_rust::xxh3::xxh3_128;

use crate::alert::{Alert, AlertRule, Attack, Entities, MatchedField, SCHEMA_VERSION};
use crate::matcher::row::{Asked, RowView};
use crate::matcher::single::{self, Test};
use crate::matcher::values::{Texts, dotted_name};
use crate::matcher::{CompiledRules, Signal};
use crate::resolve::{Route, routes};

/// Bytes of a matched value that an alert shows.
pub const LONGEST_VALUE: usize = 1024;

/// Matched fields that an alert shows.
pub const MOST_FIELDS: usize = 64;

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

/// Builds the alerts of one batch.
///
/// The event's JSON needs a plan of the batch's columns, which is made once here; for a single alert
/// [`build_alert`] does.
pub struct AlertBuilder<'a> {
    rules: &'a CompiledRules,
    batch: &'a EventBatch,
    writer: EventWriter<'a>,
    hosts: Vec<Texts<'a>>,
    users: Vec<Texts<'a>>,
    addresses: Vec<Texts<'a>>,
    processes: Vec<Texts<'a>>,
}

impl<'a> AlertBuilder<'a> {
    /// A builder for the signals that a matcher of `rules` gave for `batch`.
    pub fn new(rules: &'a CompiledRules, batch: &'a EventBatch) -> AlertBuilder<'a> {
        AlertBuilder {
            rules,
            batch,
            writer: EventWriter::new(&batch.events, JsonStyle::Nested),
            hosts: columns(batch, HOSTS),
            users: columns(batch, USERS),
            addresses: columns(batch, ADDRESSES),
            processes: columns(batch, PROCESSES),
        }
    }

    /// The alert of a signal.
    ///
    /// # Panics
    ///
    /// If the signal is of other rules or another batch.
    pub fn build(&self, signal: Signal) -> Alert {
        let row = signal.row as usize;
        let rule = self.rules.rule(signal.rule);
        let event_id = text_at(self.batch, "event_id", row).unwrap_or_default();
        let mut json = String::new();
        self.writer.write(row, &mut json);
        Alert {
            schema: SCHEMA_VERSION,
            id: alert_id(&self.batch.tenant, &rule.meta.id, &event_id),
            time: time_at(self.batch, row),
            rule: self.rules.face(signal.rule).clone(),
            tenant: self.batch.tenant.clone(),
            dataset: self.batch.dataset.name.clone(),
            entities: self.entities(row),
            matched: matched_fields(self.rules, rule, self.batch, row),
            event_id,
            event: serde_json::from_str(&json).unwrap_or(serde_json::Value::String(json)),
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

fn columns<'a>(batch: &'a EventBatch, dotted: &[&str]) -> Vec<Texts<'a>> {
    let schema = batch.events.schema_ref();
    dotted
        .iter()
        .filter_map(|dotted| {
            let index = schema
                .fields()
                .iter()
                .position(|field| dotted_name(field) == *dotted)?;
            Texts::of(batch.events.column(index))
        })
        .collect()
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

fn text_at(batch: &EventBatch, sql: &str, row: usize) -> Option<String> {
    let column = strings(batch.column(sql)?)?;
    column.get(row).map(str::to_owned)
}

fn time_at(batch: &EventBatch, row: usize) -> String {
    let micros = match batch.column("time").and_then(Texts::of) {
        Some(Texts::Timestamps(times)) => times.value(row),
        _ => 0,
    };
    match DateTime::from_timestamp_micros(micros) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::Micros, true),
        None => micros.to_string(),
    }
}

/// The fields because of which the rule matches the event.
fn matched_fields(
    rules: &CompiledRules,
    rule: &DetectionRule,
    batch: &EventBatch,
    row: usize,
) -> Vec<MatchedField> {
    let make_test = |matcher: &Matcher| {
        Test::of(matcher, |regex| {
            let compiled = rules.regex(regex);
            compiled.cloned().ok_or_else(|| "does not compile".to_owned())
        })
    };
    for route in routes(&rule.log_source, &batch.dataset) {
        let native = Route {
            served: None,
            when: route.when.clone(),
        };
        if !RowView::new(batch, row, &native, &make_test).expression(&route.when) {
            continue;
        }
        let view = RowView::new(batch, row, &route, &make_test);
        let mut evidence = Evidence {
            view: &view,
            rule,
            fields: Vec::new(),
        };
        for condition in &rule.conditions {
            if view.condition(condition, rule) {
                evidence.of_condition(condition);
            }
        }
        if !evidence.fields.is_empty() {
            return evidence.fields;
        }
    }
    Vec::new()
}

struct Evidence<'v> {
    view: &'v RowView<'v>,
    rule: &'v DetectionRule,
    fields: Vec<MatchedField>,
}

impl Evidence<'_> {
    /// Collects from a condition that holds. What a `not` asks for is absent and shows nothing.
    fn of_condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) => parts.iter().for_each(|part| self.of_condition(part)),
            Condition::Any(parts) => {
                for part in parts {
                    if self.view.condition(part, self.rule) {
                        self.of_condition(part);
                    }
                }
            }
            Condition::Not(_) => {}
            Condition::Search(index) => {
                if let Some(search) = self.rule.searches.get(*index) {
                    self.of_expression(&search.name, &search.expression);
                }
            }
        }
    }

    /// Collects from an expression that holds.
    fn of_expression(&mut self, selection: &str, expression: &Expression) {
        match expression {
            Expression::All(parts) => parts.iter().for_each(|part| self.of_expression(selection, part)),
            Expression::Any(parts) => {
                for part in parts {
                    if self.view.expression(part) {
                        self.of_expression(selection, part);
                    }
                }
            }
            Expression::Not(_) => {}
            Expression::Field { name, matcher } => {
                let asked = self.view.field(name, matcher);
                self.note(selection, Some(name), matcher, &asked);
            }
            Expression::Keyword(matcher) => {
                let asked = self.view.keyword(matcher);
                self.note(selection, None, matcher, &asked);
            }
        }
    }

    fn note(&mut self, selection: &str, field: Option<&str>, matcher: &Matcher, asked: &Asked) {
        let matcher = matcher.to_string();
        for &index in &asked.matching {
            let found = &asked.values[index];
            let value = shortened(&found.text);
            let full = self.fields.len() >= MOST_FIELDS;
            let same = self.fields.iter_mut().find(|known| {
                known.selection == selection
                    && known.field.as_deref() == field
                    && known.column == found.column
                    && known.value == value
            });
            match same {
                Some(known) if known.matcher.split("; ").any(|part| part == matcher) => {}
                Some(known) => {
                    known.matcher.push_str("; ");
                    known.matcher.push_str(&matcher);
                }
                None if !full => self.fields.push(MatchedField {
                    selection: selection.to_owned(),
                    field: field.map(str::to_owned),
                    column: found.column.clone(),
                    value,
                    matcher: matcher.clone(),
                }),
                None => {}
            }
        }
    }
}

/// `text`, cut where it is too long, and saying so.
fn shortened(text: &str) -> String {
    if text.len() <= LONGEST_VALUE {
        return text.to_owned();
    }
    let mut end = LONGEST_VALUE;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… [cut, {} bytes in all]", &text[..end], text.len())
}
