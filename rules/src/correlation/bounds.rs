//! Reading the condition of a correlation.

use super::draft::{is_temporal, is_text, texts};
use super::{Bound, BoundOperator, CorrelationCondition, CorrelationKind, RuleCondition};
use crate::condition::{self, ConditionError};
use crate::ir::{Comparison, Condition};
use crate::problem::{Reference, Sink, nearest};
use crate::value::inside;
use crate::yaml::{Data, Node, Resolved, Style, resolve};

/// Reads the condition; gives the kind back because a percentile stands in the condition.
pub(super) fn condition(
    node: &Node<'_>,
    section: &Node<'_>,
    kind: CorrelationKind,
    rules: &mut Vec<Reference>,
    sink: &mut Sink<'_>,
) -> Option<(CorrelationKind, CorrelationCondition)> {
    let temporal = is_temporal(kind);
    let Some(value) = node.get("condition") else {
        if temporal {
            return Some((kind, CorrelationCondition::AllRules));
        }
        sink.error(
            section.at,
            "missing-condition",
            "the correlation has no `condition`",
        );
        return None;
    };
    match &value.data {
        Data::Map(entries) => bounds(entries, value, kind, rules.len(), sink),
        Data::Scalar { text, .. } if temporal && is_text(value) => {
            match over_rules(text, value, node.get("rules"), rules, sink) {
                Ok(condition) => Some((kind, condition)),
                Err(error) => {
                    let at = inside(value, text, error.offset, sink);
                    sink.error_near(at, error.code, error.message, error.suggestion);
                    None
                }
            }
        }
        _ => {
            sink.error(
                value.at,
                "attribute-type",
                format!(
                    "`condition` is {}, it must be a map of bounds such as `gte: 10`",
                    value.kind()
                ),
            );
            None
        }
    }
}

/// Reads a condition over the rules. Where no list of `rules` stands beside it, they are those that it names, in
/// the order of their first mention.
fn over_rules(
    text: &str,
    value: &Node<'_>,
    list: Option<&Node<'_>>,
    rules: &mut Vec<Reference>,
    sink: &mut Sink<'_>,
) -> Result<CorrelationCondition, ConditionError> {
    if list.is_none() {
        for (offset, word) in condition::words(text)? {
            rules.push(sink.reference(inside(value, text, offset, sink), word));
        }
    }
    let names: Vec<&str> = rules.iter().map(|rule| rule.text.as_str()).collect();
    let mut used = vec![false; names.len()];
    let parsed = condition::parse(text, &names, &mut used).map_err(|error| {
        if error.code != "unknown-search" {
            return error;
        }
        let word = text.chars().skip(error.offset);
        let word: String = word
            .take_while(|c| !c.is_whitespace() && !"()".contains(*c))
            .collect();
        ConditionError {
            code: "unknown-rule",
            message: format!("the condition names rule `{word}`, which is not among `rules`"),
            ..error
        }
    })?;
    for (rule, _) in names.iter().zip(&used).filter(|(_, used)| !**used) {
        sink.warn(
            list.map_or(value.at, |list| list.at),
            "unused-rule",
            format!("the condition does not name rule `{rule}`, it decides nothing"),
            None,
        );
    }
    Ok(CorrelationCondition::Rules(rule_condition(&parsed)))
}

fn rule_condition(condition: &Condition) -> RuleCondition {
    match condition {
        Condition::All(parts) => RuleCondition::All(parts.iter().map(rule_condition).collect()),
        Condition::Any(parts) => RuleCondition::Any(parts.iter().map(rule_condition).collect()),
        Condition::Not(inner) => RuleCondition::Not(Box::new(rule_condition(inner))),
        Condition::Search(index) => RuleCondition::Rule(*index),
    }
}

/// The operator that a key of a condition is.
pub(super) fn operator(word: &str) -> Option<BoundOperator> {
    Some(match word {
        "gt" => BoundOperator::Is(Comparison::Greater),
        "gte" => BoundOperator::Is(Comparison::GreaterOrEqual),
        "lt" => BoundOperator::Is(Comparison::Less),
        "lte" => BoundOperator::Is(Comparison::LessOrEqual),
        "eq" => BoundOperator::Is(Comparison::Equal),
        "neq" => BoundOperator::IsNot,
        _ => return None,
    })
}

/// A bound, of whole numbers where something is counted. Nothing if an error was reported.
pub(super) fn bound(
    operator: BoundOperator,
    word: &str,
    value: &Node<'_>,
    counts: bool,
    sink: &mut Sink<'_>,
) -> Option<Bound> {
    match number(value) {
        Some(number) if counts && (number < 0.0 || number.fract() != 0.0) => sink.error(
            value.at,
            "correlation-condition",
            format!("a count is a whole number that is not negative, not {number}"),
        ),
        Some(number) if !number.is_finite() => sink.error(
            value.at,
            "correlation-condition",
            format!("`{word}` takes a number, {number} is none to compare with"),
        ),
        Some(value) => return Some(Bound { operator, value }),
        None => sink.error(
            value.at,
            "correlation-condition",
            format!("`{word}` takes a number, this is {}", value.kind()),
        ),
    }
    None
}

fn bounds(
    entries: &[(Node<'_>, Node<'_>)],
    node: &Node<'_>,
    kind: CorrelationKind,
    rules: usize,
    sink: &mut Sink<'_>,
) -> Option<(CorrelationKind, CorrelationCondition)> {
    const KEYS: [&str; 8] = ["gt", "gte", "lt", "lte", "eq", "neq", "field", "percentile"];
    let errors = sink.errors;
    let mut kind = kind;
    let mut bounds = Vec::new();
    let takes_field = !matches!(
        kind,
        CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
    );
    let counts = !takes_field || kind == CorrelationKind::ValueCount;
    for (key, value) in entries {
        let word = key.text().unwrap_or_default();
        if let Some(operator) = operator(word) {
            bounds.extend(bound(operator, word, value, counts, sink));
            continue;
        }
        match word {
            "field" if takes_field => {}
            "field" => sink.error(
                key.at,
                "correlation-condition",
                "`field` has no meaning for this type",
            ),
            "percentile" => match (kind, number(value)) {
                (CorrelationKind::ValuePercentile(_), Some(percentile))
                    if (0.0..=100.0).contains(&percentile) =>
                {
                    kind = CorrelationKind::ValuePercentile(Some(percentile));
                }
                (CorrelationKind::ValuePercentile(_), _) => sink.error(
                    value.at,
                    "correlation-condition",
                    "`percentile` is a number between 0 and 100",
                ),
                _ => sink.error(
                    key.at,
                    "correlation-condition",
                    "`percentile` belongs to the type `value_percentile`",
                ),
            },
            _ => sink.error_near(
                key.at,
                "correlation-condition",
                format!("unknown bound `{word}`"),
                nearest(word, KEYS),
            ),
        }
    }
    if bounds.is_empty() && sink.errors == errors {
        sink.error(
            node.at,
            "correlation-condition",
            "the condition has no bound such as `gte: 10`",
        );
    }
    let fields = if takes_field {
        texts(node, "field", sink)
    } else {
        Vec::new()
    };
    if takes_field && fields.is_empty() && sink.errors == errors {
        sink.error(
            node.at,
            "correlation-condition",
            "this type needs `field` in its condition",
        );
    }
    if takes_field && fields.len() > 1 && kind != CorrelationKind::ValueCount {
        sink.error(
            node.get("field").map_or(node.at, |field| field.at),
            "correlation-condition",
            "this type measures one field; only `value_count` takes several",
        );
    }
    if counts && rules > 0 && sink.errors == errors && !can_hold(&bounds, kind, rules) {
        let most = match is_temporal(kind) {
            true => format!(" of {rules} rules at most"),
            false => String::new(),
        };
        sink.warn(
            node.at,
            "impossible-condition",
            format!("this never holds: a window that is looked at has an event at least{most}"),
            None,
        );
    }
    let condition = CorrelationCondition::Bounds {
        fields,
        bounds,
        distinct: Vec::new(),
    };
    (sink.errors == errors).then_some((kind, condition))
}

/// Whether a count keeps to the bounds that a window with an event can have.
fn can_hold(bounds: &[Bound], kind: CorrelationKind, rules: usize) -> bool {
    let least = match kind {
        // The first step of an order may be missing.
        CorrelationKind::TemporalOrdered => 0.0,
        _ => 1.0,
    };
    let most = if is_temporal(kind) { rules as f64 } else { f64::MAX };
    // Where bounds hold at all they hold at one of these: every bound changes its mind beside its value only.
    let beside = |bound: &Bound| [bound.value - 1.0, bound.value, bound.value + 1.0];
    let mut counts = bounds.iter().flat_map(beside).chain([least]);
    counts.any(|count| (least..=most).contains(&count) && bounds.iter().all(|bound| bound.holds(count)))
}

pub(super) fn number(node: &Node<'_>) -> Option<f64> {
    let Data::Scalar { text, .. } = &node.data else {
        return None;
    };
    match resolve(text, Style::Plain) {
        Resolved::Int(number) => Some(number as f64),
        Resolved::Float(number) => Some(number),
        _ => None,
    }
}
