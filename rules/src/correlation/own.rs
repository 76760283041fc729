//! Types of correlations that the specification does not have: `first_seen` and `risk`.

use std::time::Duration;

use super::bounds::{bound, number, operator};
use super::draft::{parse_timespan, texts};
use super::{CorrelationCondition, Risk};
use crate::problem::{Reference, Sink, nearest};
use crate::yaml::{Data, Node};

type Entries<'n, 'a> = &'n [(Node<'a>, Node<'a>)];

/// The half-life of a risk is this part of its time where nothing is said.
const PART: u32 = 4;

/// The condition of `first_seen`: `{field: IpAddress, learning: 7d}`. A group is learned from for as long as values are
/// remembered where nothing is said.
pub(super) fn first_seen(
    node: &Node<'_>,
    section: &Node<'_>,
    timespan: Option<Duration>,
    sink: &mut Sink<'_>,
) -> Option<CorrelationCondition> {
    let (condition, entries) = entries(node, section, "field: IpAddress", sink)?;
    let errors = sink.errors;
    let mut learning = timespan;
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            "field" => {}
            "learning" => learning = duration(value, sink, true),
            other => unknown(key, other, &["field", "learning"], sink),
        }
    }
    let fields = texts(condition, "field", sink);
    if fields.is_empty() && sink.errors == errors {
        sink.error(
            condition.at,
            "correlation-condition",
            "this type needs `field` in its condition: what is new",
        );
    }
    (sink.errors == errors).then_some(CorrelationCondition::New {
        fields,
        learning: learning?,
    })
}

/// The condition of `risk`: `{gte: 100, tactics: 3, half-life: 6h, scores: {rule: 40}}`.
pub(super) fn risk(
    node: &Node<'_>,
    section: &Node<'_>,
    timespan: Option<Duration>,
    scores: &mut Vec<(Reference, f64)>,
    sink: &mut Sink<'_>,
) -> Option<CorrelationCondition> {
    const KEYS: [&str; 5] = ["gt", "gte", "tactics", "half-life", "scores"];
    let (condition, entries) = entries(node, section, "gte: 100", sink)?;
    let errors = sink.errors;
    let mut risk = Risk {
        bounds: Vec::new(),
        tactics: None,
        half_life: timespan.unwrap_or_default() / PART,
        weights: Vec::new(),
    };
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            word @ ("gt" | "gte") => {
                let operator = operator(word).into_iter();
                let bounds = operator.filter_map(|operator| bound(operator, word, value, false, sink));
                risk.bounds.extend(bounds.collect::<Vec<_>>());
            }
            "tactics" => match number(value) {
                Some(count) if count >= 1.0 && count.fract() == 0.0 && count < 100.0 => {
                    risk.tactics = Some(count as u32);
                }
                _ => sink.error(
                    value.at,
                    "correlation-condition",
                    "`tactics` is a whole number: how many different ones do",
                ),
            },
            "half-life" => risk.half_life = duration(value, sink, false).unwrap_or_default(),
            "scores" => scores.extend(scores_in(value, sink)),
            other => unknown(key, other, &KEYS, sink),
        }
    }
    if risk.bounds.iter().any(|bound| bound.value <= 0.0) {
        sink.error(
            condition.at,
            "correlation-condition",
            "a risk of 0 is always reached, write a number above it",
        );
    }
    if risk.bounds.is_empty() && risk.tactics.is_none() && sink.errors == errors {
        sink.error(
            condition.at,
            "correlation-condition",
            "the condition has neither a score such as `gte: 100` nor `tactics: 3`",
        );
    }
    (sink.errors == errors && timespan.is_some()).then_some(CorrelationCondition::Risk(risk))
}

fn scores_in(node: &Node<'_>, sink: &mut Sink<'_>) -> Vec<(Reference, f64)> {
    let Data::Map(entries) = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!(
                "`scores` is {}, it must be a map of rules to numbers",
                node.kind()
            ),
        );
        return Vec::new();
    };
    let mut scores = Vec::with_capacity(entries.len());
    for (rule, score) in entries {
        match (rule.text(), number(score)) {
            (Some(name), Some(score)) if (0.0..=1e6).contains(&score) => {
                scores.push((sink.reference(rule.at, name), score));
            }
            _ => sink.error(
                score.at,
                "correlation-condition",
                "a score is a number between 0 and a million",
            ),
        }
    }
    scores
}

fn entries<'n, 'a>(
    node: &'n Node<'a>,
    section: &Node<'_>,
    example: &str,
    sink: &mut Sink<'_>,
) -> Option<(&'n Node<'a>, Entries<'n, 'a>)> {
    let Some(condition) = node.get("condition") else {
        sink.error(
            section.at,
            "missing-condition",
            "the correlation has no `condition`",
        );
        return None;
    };
    let Data::Map(entries) = &condition.data else {
        let kind = condition.kind();
        sink.error(
            condition.at,
            "attribute-type",
            format!("`condition` is {kind}, it must be a map such as `{example}`"),
        );
        return None;
    };
    Some((condition, entries))
}

pub(super) fn duration(node: &Node<'_>, sink: &mut Sink<'_>, may_be_nothing: bool) -> Option<Duration> {
    let text = node.text().unwrap_or_default().trim();
    if may_be_nothing && text == "0s" {
        return Some(Duration::ZERO);
    }
    let parsed = parse_timespan(text);
    if parsed.is_none() {
        sink.error(
            node.at,
            "bad-timespan",
            format!("`{text}` is no time span, write a whole number and s, m, h or d: `90m`"),
        );
    }
    parsed
}

pub(super) fn unknown(key: &Node<'_>, word: &str, known: &[&'static str], sink: &mut Sink<'_>) {
    sink.error_near(
        key.at,
        "correlation-condition",
        format!(
            "unknown condition `{word}`: there {} {}",
            if known.len() == 1 { "is" } else { "are" },
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        nearest(word, known.iter().copied()),
    );
}
