//! Reading a correlation: everything but the references, which may point into files not read yet.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bounds::condition;
use super::{CorrelationCondition, CorrelationKind, Options, options, own, statistic};
use crate::ir::Meta;
use crate::meta;
use crate::problem::{Reference, Sink, nearest};
use crate::yaml::{Data, Node, Resolved, resolve};

/// A correlation with its references still as written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub meta: Meta,
    pub kind: CorrelationKind,
    pub rules: Vec<Reference>,
    pub group_by: Vec<String>,
    pub timespan: Duration,
    pub aliases: BTreeMap<String, Vec<(Reference, String)>>,
    pub condition: CorrelationCondition,
    /// Scores that a risk rule gives to some of its rules.
    pub scores: Vec<(Reference, f64)>,
    pub generate: bool,
    pub options: Options,
}

const ATTRIBUTES: [&str; 7] = [
    "type",
    "rules",
    "group-by",
    "timespan",
    "aliases",
    "condition",
    "generate",
];

const TYPES: [&str; 18] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "first_seen",
    "risk",
    "anomaly",
    "peer_anomaly",
    "beaconing",
    "silence",
    "rare_value",
    "unusual_time",
    "impossible_travel",
    "generated_names",
];

/// Reads a correlation document. Nothing if an error was reported.
pub(crate) fn read(document: &Node<'_>, sink: &mut Sink<'_>) -> Option<Draft> {
    let errors = sink.errors;
    let meta = meta::read(document, sink);
    let (section_key, node) = document.entry("correlation")?;
    let Data::Map(entries) = &node.data else {
        sink.error(
            node.at,
            "attribute-type",
            format!("`correlation` is {}, it must be a map", node.kind()),
        );
        return None;
    };
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        if !ATTRIBUTES.contains(&name) {
            sink.error_near(
                key.at,
                "correlation-attribute",
                format!("a correlation has no attribute `{name}`"),
                match name {
                    // What detection rules of Sigma 1 called it.
                    "timeframe" => Some("timespan".to_owned()),
                    _ => nearest(name, ATTRIBUTES),
                },
            );
        }
    }
    let kind = kind(node, section_key, sink);
    let mut rules = rules(node, section_key, kind, sink);
    let group_by = texts(node, "group-by", sink);
    let timespan = timespan(node, section_key, sink);
    let aliases = aliases(node, sink);
    let mut scores = Vec::new();
    let condition = match kind {
        Some(kind @ CorrelationKind::FirstSeen) => {
            own::first_seen(node, section_key, timespan, sink).map(|condition| (kind, condition))
        }
        Some(kind @ CorrelationKind::Risk) => {
            own::risk(node, section_key, timespan, &mut scores, sink).map(|condition| (kind, condition))
        }
        Some(CorrelationKind::Statistic(of)) => {
            statistic::read(node, section_key, of, rules.len(), timespan, sink)
                .map(|condition| (CorrelationKind::Statistic(of), condition))
        }
        Some(kind) => condition(node, section_key, kind, &mut rules, sink),
        None => None,
    };
    let generate = generate(document, sink) || generate(node, sink);
    let (options, values) = options::read(document, kind, timespan, sink);
    let (Some(meta), Some((kind, mut condition)), Some(timespan)) = (meta, condition, timespan) else {
        return None;
    };
    if let (CorrelationCondition::Bounds { fields, distinct, .. }, Some(values)) = (&mut condition, values) {
        (*fields, *distinct) = (values.fields, values.bounds);
    }
    let fields = match &condition {
        CorrelationCondition::Bounds { fields, .. } | CorrelationCondition::New { fields, .. } => {
            fields.as_slice()
        }
        CorrelationCondition::Statistic(statistic) => &statistic.fields,
        _ => &[],
    };
    for alias in aliases.keys() {
        if !group_by.contains(alias) && !fields.contains(alias) {
            let at = node.get("aliases").map_or(node.at, |node| node.at);
            sink.warn(
                at,
                "unused-alias",
                format!("alias `{alias}` is not used by `group-by` or `field`"),
                nearest(alias, group_by.iter().map(String::as_str)),
            );
        }
    }
    (sink.errors == errors).then_some(Draft {
        meta,
        kind,
        rules,
        group_by,
        timespan,
        aliases,
        condition,
        scores,
        generate,
        options,
    })
}

impl Draft {
    /// Whether it weighs what others find.
    pub(crate) fn is_risk(&self) -> bool {
        self.kind == CorrelationKind::Risk
    }
}

fn kind(node: &Node<'_>, section: &Node<'_>, sink: &mut Sink<'_>) -> Option<CorrelationKind> {
    let Some(value) = node.get("type") else {
        sink.error(
            section.at,
            "correlation-attribute",
            "the correlation has no `type`",
        );
        return None;
    };
    let word = value.text().unwrap_or_default();
    Some(match word {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAvg,
        "value_percentile" => CorrelationKind::ValuePercentile(None),
        "value_median" => CorrelationKind::ValueMedian,
        "first_seen" => CorrelationKind::FirstSeen,
        "risk" => CorrelationKind::Risk,
        _ if let Some(kind) = statistic::named(word) => CorrelationKind::Statistic(kind),
        _ => {
            sink.error_near(
                value.at,
                "correlation-type",
                format!("unknown correlation type `{word}`"),
                nearest(word, TYPES),
            );
            return None;
        }
    })
}

fn rules(
    node: &Node<'_>,
    section: &Node<'_>,
    kind: Option<CorrelationKind>,
    sink: &mut Sink<'_>,
) -> Vec<Reference> {
    let Some(value) = node.get("rules") else {
        if kind.is_some_and(is_temporal) && node.get("condition").is_some_and(is_text) {
            // The condition names them.
            return Vec::new();
        }
        sink.error(
            section.at,
            "correlation-attribute",
            "the correlation has no `rules`",
        );
        return Vec::new();
    };
    let references = references(value, "rules", sink);
    if references.is_empty() {
        sink.error(value.at, "correlation-attribute", "`rules` names no rule");
    }
    references
}

/// The words of a list of references; a single word counts as a list of one.
pub(crate) fn references(value: &Node<'_>, key: &str, sink: &mut Sink<'_>) -> Vec<Reference> {
    let items = match &value.data {
        Data::List(items) => items.as_slice(),
        Data::Scalar { .. } if value.is_null() => &[],
        _ => std::slice::from_ref(value),
    };
    let mut references = Vec::with_capacity(items.len());
    for item in items {
        match item.text() {
            Some(text) if !item.is_null() && !text.trim().is_empty() => {
                references.push(sink.reference(item.at, text.trim()));
            }
            _ => sink.error(
                item.at,
                "attribute-type",
                format!(
                    "an entry of `{key}` is {}, it must be the id or name of a rule",
                    item.kind()
                ),
            ),
        }
    }
    references
}

pub(super) fn is_temporal(kind: CorrelationKind) -> bool {
    matches!(kind, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered)
}

pub(super) fn is_text(node: &Node<'_>) -> bool {
    matches!(node.data, Data::Scalar { .. }) && !node.is_null()
}

pub(super) fn texts(node: &Node<'_>, key: &str, sink: &mut Sink<'_>) -> Vec<String> {
    match node.get(key).map(|value| &value.data) {
        Some(Data::Map(_)) => {
            let at = node.get(key).map_or(node.at, |value| value.at);
            sink.error(
                at,
                "attribute-type",
                format!("`{key}` is a map, it must be a list of fields"),
            );
            Vec::new()
        }
        _ => meta::list(node, key, sink),
    }
}

fn timespan(node: &Node<'_>, section: &Node<'_>, sink: &mut Sink<'_>) -> Option<Duration> {
    let Some(value) = node.get("timespan") else {
        sink.error(
            section.at,
            "correlation-attribute",
            "the correlation has no `timespan`",
        );
        return None;
    };
    let text = value.text().unwrap_or_default().trim();
    let parsed = parse_timespan(text);
    if parsed.is_none() {
        sink.error(
            value.at,
            "bad-timespan",
            format!("`{text}` is no time span, write a whole number and s, m, h or d: `90m`"),
        );
    }
    parsed
}

/// `90m`. Beside the specification's s, m, h, d also w, M and y as the reference implementation has them
/// (a month and a year are the mean ones of the Gregorian calendar).
pub(crate) fn parse_timespan(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' => 2_629_746,
        'y' => 31_556_952,
        _ => return None,
    };
    // Longer than a thousand years cannot be meant and would overflow clocks.
    let total = number
        .checked_mul(seconds)
        .filter(|total| (1..=31_556_952_000).contains(total))?;
    Some(Duration::from_secs(total))
}

fn aliases(node: &Node<'_>, sink: &mut Sink<'_>) -> BTreeMap<String, Vec<(Reference, String)>> {
    let mut aliases = BTreeMap::new();
    let Some(value) = node.get("aliases") else {
        return aliases;
    };
    let Data::Map(entries) = &value.data else {
        sink.error(
            value.at,
            "attribute-type",
            format!("`aliases` is {}, it must be a map", value.kind()),
        );
        return aliases;
    };
    for (alias, fields) in entries {
        let Data::Map(fields) = &fields.data else {
            sink.error(
                fields.at,
                "attribute-type",
                format!(
                    "an alias is a map of rule names to fields, this is {}",
                    fields.kind()
                ),
            );
            continue;
        };
        let mut targets = Vec::with_capacity(fields.len());
        for (rule, field) in fields {
            match (rule.text(), field.text()) {
                (Some(rule_text), Some(field)) if !field.is_empty() => {
                    targets.push((sink.reference(rule.at, rule_text), field.to_owned()));
                }
                _ => sink.error(
                    field.at,
                    "attribute-type",
                    "an alias needs the name of a field here",
                ),
            }
        }
        aliases.insert(alias.text().unwrap_or_default().to_owned(), targets);
    }
    aliases
}

fn generate(node: &Node<'_>, sink: &mut Sink<'_>) -> bool {
    let Some(value) = node.get("generate") else {
        return false;
    };
    match &value.data {
        Data::Scalar { text, style } => match resolve(text, *style) {
            Resolved::Bool(value) => value,
            _ => {
                sink.error(
                    value.at,
                    "attribute-type",
                    format!("`generate` is `true` or `false`, not `{text}`"),
                );
                false
            }
        },
        _ => {
            sink.error(
                value.at,
                "attribute-type",
                format!("`generate` is {}", value.kind()),
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans() {
        let seconds = |text| parse_timespan(text).map(|span| span.as_secs());
        assert_eq!(seconds("30s"), Some(30));
        assert_eq!(seconds("90m"), Some(5_400));
        assert_eq!(seconds("2h"), Some(7_200));
        assert_eq!(seconds("1d"), Some(86_400));
        assert_eq!(seconds("1w"), Some(604_800));
        assert_eq!(seconds("1M"), Some(2_629_746));
        assert_eq!(seconds("1y"), Some(31_556_952));
        for bad in [
            "",
            "5",
            "m",
            "0s",
            "-1h",
            "1.5h",
            "1H",
            "1 hour",
            "99999999999999999999s",
            "1000000y",
            "5é",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
