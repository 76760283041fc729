//! Sigma filters: exclusions kept apart from the rules that they tune.
//!
//! A filter's condition must hold beside the rule's own: `condition: not selection` takes events away.
//! It touches the rules that it names (or, with `rules: any`, all), as far as they have every log source
//! attribute that the filter has. Correlations are never filtered, the rules that they refer to are.

use std::sync::Arc;

use crate::body::{Body, body};
use crate::correlation::references;
use crate::ir::{Condition, DetectionRule, Expression, LogSource, Meta, Search};
use crate::meta;
use crate::placeholder::Placeholders;
use crate::problem::{Reference, Sink, nearest};
use crate::yaml::{Data, Node};

/// A filter and the rules that it was folded into.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterRule {
    /// What it says of itself.
    pub meta: Meta,
    /// Only rules of this log source are touched.
    pub log_source: LogSource,
    /// Ids of the rules that it was folded into.
    pub applied_to: Vec<Arc<str>>,
    /// Placeholders without a value. A filter that has any is folded into no rule.
    pub waiting_for: Vec<String>,
}

/// A filter that is not applied yet.
#[derive(Debug)]
pub(crate) struct Draft {
    pub meta: Meta,
    pub log_source: LogSource,
    /// Rules it names; nothing means any.
    pub targets: Option<Vec<Reference>>,
    pub body: Body,
    /// The filter's own place, for problems about it as a whole.
    pub place: Reference,
}

/// Reads a filter document. Nothing if an error was reported.
pub(crate) fn read(document: &Node<'_>, placeholders: &Placeholders, sink: &mut Sink<'_>) -> Option<Draft> {
    let errors = sink.errors;
    let meta = meta::read(document, sink);
    let log_source = meta::log_source(document, sink);
    let body = body(document, "filter", &["rules"], placeholders, sink);
    let (section_key, node) = document.entry("filter")?;
    let targets = match node.get("rules") {
        None => {
            if matches!(node.data, Data::Map(_)) {
                let near = match &node.data {
                    Data::Map(entries) => entries
                        .iter()
                        .find_map(|(key, _)| nearest(key.text()?, ["rules"])),
                    _ => None,
                };
                sink.error_near(
                    section_key.at,
                    "missing-rules",
                    "the filter has no `rules`: name the rules to filter, or `any`",
                    near,
                );
            }
            None
        }
        Some(value) if value.text().is_some_and(|text| text.eq_ignore_ascii_case("any")) => None,
        Some(value) => {
            let targets = references(value, "rules", sink);
            if targets.is_empty() && sink.errors == errors {
                sink.error(
                    value.at,
                    "missing-rules",
                    "`rules` names no rule: name the rules to filter, or `any`",
                );
            }
            Some(targets)
        }
    };
    let place = sink.reference(section_key.at, "");
    (sink.errors == errors).then_some(Draft {
        meta: meta?,
        log_source: log_source?,
        targets,
        body: body?,
        place,
    })
}

/// Whether a rule of this log source has every attribute of the filter's.
pub(crate) fn covers(filter: &LogSource, rule: &LogSource) -> bool {
    let fits = |wanted: &Option<String>, has: &Option<String>| match (wanted, has) {
        (None, _) => true,
        (Some(wanted), Some(has)) => wanted.eq_ignore_ascii_case(has),
        (Some(_), None) => false,
    };
    fits(&filter.product, &rule.product)
        && fits(&filter.category, &rule.category)
        && fits(&filter.service, &rule.service)
}

/// Folds a filter into a rule: every condition of the rule must now hold together with the filter's.
pub(crate) fn apply(filter: &Draft, rule: &mut DetectionRule) {
    let offset = rule.searches.len();
    let label = filter.meta.name.as_deref().unwrap_or(&filter.meta.title);
    rule.searches
        .extend(filter.body.searches.iter().map(|search: &Search| Search {
            name: format!("{label} / {}", search.name),
            expression: Expression::clone(&search.expression),
        }));
    let mut demands: Vec<Condition> = filter
        .body
        .conditions
        .iter()
        .map(|condition| shifted(condition, offset))
        .collect();
    let demand = if demands.len() == 1 {
        demands.remove(0)
    } else {
        Condition::Any(demands)
    };
    for condition in &mut rule.conditions {
        let own = std::mem::replace(condition, Condition::Search(0));
        *condition = Condition::All(vec![own, demand.clone()]);
    }
}

fn shifted(condition: &Condition, offset: usize) -> Condition {
    let all = |parts: &[Condition]| parts.iter().map(|part| shifted(part, offset)).collect();
    match condition {
        Condition::All(parts) => Condition::All(all(parts)),
        Condition::Any(parts) => Condition::Any(all(parts)),
        Condition::Not(inner) => Condition::Not(Box::new(shifted(inner, offset))),
        Condition::Search(index) => Condition::Search(index + offset),
    }
}
