//! A correlation in words: what it looks at, when it holds, what is told.
//!
//! ```text
//! Correlation: Many names tried from one address (0c3b…)
//! ├─ counts events of `Failed logon`
//! ├─ groups them by IpAddress
//! ├─ in windows 10m long, one every 1m
//! ├─ holds where there are at least 20, with at least 10 distinct values of TargetUserName
//! ├─ waits 30m for late events, in place of --lateness
//! └─ tells no more of a group for 1h
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use borzoi_rules::correlation::{
    Bound, BoundOperator, CorrelationCondition, CorrelationKind, CorrelationRule, RuleCondition, WindowMode,
};
use borzoi_rules::ir::Comparison;

use super::alerts::{in_words, span};

/// What a correlation does, as a tree. `title_of` gives the title of the rule with an id.
pub fn described(rule: &CorrelationRule, title_of: impl Fn(&str) -> Option<String>) -> String {
    let title = |id: &str| format!("`{}`", title_of(id).unwrap_or_else(|| id.to_owned()));
    let titles: Vec<String> = rule.rules.iter().map(|id| title(id)).collect();
    let mut lines = vec![format!("{} {}", looks_at(rule), titles.join(", "))];
    if !rule.group_by.is_empty() {
        lines.push(format!("groups them by {}", rule.group_by.join(", ")));
    }
    let has_windows = !matches!(
        rule.kind,
        CorrelationKind::FirstSeen | CorrelationKind::Statistic(_)
    );
    if has_windows {
        lines.push(window(rule));
    }
    lines.push(format!("holds where {}", holds(rule, &titles)));
    let options = &rule.options;
    lines.extend(options.lateness.map(|own| match own.is_zero() {
        true => "waits for no late events, in place of --lateness".to_owned(),
        false => format!("waits {} for late events, in place of --lateness", time(own)),
    }));
    let suppress = options.suppress;
    lines.extend(suppress.map(|quiet| format!("tells no more of a group for {}", time(quiet))));
    let mut text = format!("Correlation: {} ({})\n", rule.meta.title, rule.meta.id);
    for (place, line) in lines.iter().enumerate() {
        let is_last = place + 1 == lines.len();
        let _ = writeln!(text, "{} {line}", if is_last { "└─" } else { "├─" });
    }
    text
}

fn time(duration: Duration) -> String {
    span(duration.as_secs())
}

fn looks_at(rule: &CorrelationRule) -> String {
    let fields = fields(rule).join(", ");
    match rule.kind {
        CorrelationKind::EventCount => "counts events of".to_owned(),
        CorrelationKind::ValueCount => format!("counts distinct values of {fields} in"),
        CorrelationKind::ValueSum => format!("adds up {fields} of"),
        CorrelationKind::ValueAvg => format!("takes the mean of {fields} of"),
        CorrelationKind::ValuePercentile(percentile) => {
            format!("takes percentile {} of {fields} of", percentile.unwrap_or(50.0))
        }
        CorrelationKind::ValueMedian => format!("takes the median of {fields} of"),
        CorrelationKind::Temporal => "looks for events of".to_owned(),
        CorrelationKind::TemporalOrdered => "looks for events, in this order, of".to_owned(),
        CorrelationKind::FirstSeen => format!("learns the values of {fields} in"),
        CorrelationKind::Risk => "weighs signals of".to_owned(),
        CorrelationKind::Statistic(_) => "learns what is usual of".to_owned(),
    }
}

fn fields(rule: &CorrelationRule) -> &[String] {
    match &rule.condition {
        CorrelationCondition::Bounds { fields, .. } | CorrelationCondition::New { fields, .. } => fields,
        _ => &[],
    }
}

fn window(rule: &CorrelationRule) -> String {
    let span = time(rule.timespan);
    match rule.options.window {
        WindowMode::Sliding => format!("in the last {span}, at any time"),
        WindowMode::Tumbling => format!("in windows {span} long, one after the other"),
        WindowMode::Hopping { hop } => format!("in windows {span} long, one every {}", time(hop)),
        WindowMode::Session => format!("in sessions, which are over when nothing came for {span}"),
    }
}

fn holds(rule: &CorrelationRule, titles: &[String]) -> String {
    match &rule.condition {
        CorrelationCondition::Bounds {
            fields,
            bounds,
            distinct,
        } => {
            let temporal = matches!(
                rule.kind,
                CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
            );
            let number = all(bounds);
            match (rule.kind, temporal, distinct.is_empty()) {
                (_, true, _) => format!("of so many rules there is one: {number}"),
                (CorrelationKind::EventCount | CorrelationKind::ValueCount, _, true) => {
                    format!("there are {number}")
                }
                (CorrelationKind::EventCount, _, false) => format!(
                    "there are {number}, with {} distinct values of {}",
                    all(distinct),
                    fields.join(", ")
                ),
                _ => format!("that is {number}"),
            }
        }
        CorrelationCondition::AllRules => "there is one of each".to_owned(),
        CorrelationCondition::Rules(condition) => over(condition, titles),
        _ => in_words(rule),
    }
}

fn over(condition: &RuleCondition, titles: &[String]) -> String {
    let several = |parts: &[RuleCondition], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| over(part, titles)).collect();
        match parts.len() {
            1 => parts.concat(),
            _ => format!("({})", parts.join(word)),
        }
    };
    match condition {
        RuleCondition::All(parts) => several(parts, " and "),
        RuleCondition::Any(parts) => several(parts, " or "),
        RuleCondition::Not(inner) => format!("not {}", over(inner, titles)),
        RuleCondition::Rule(slot) => titles.get(*slot).cloned().unwrap_or_default(),
    }
}

fn all(bounds: &[Bound]) -> String {
    let words: Vec<String> = bounds.iter().map(bound).collect();
    words.join(" and ")
}

fn bound(bound: &Bound) -> String {
    let word = match bound.operator {
        BoundOperator::Is(Comparison::Equal) => "exactly",
        BoundOperator::Is(Comparison::Less) => "less than",
        BoundOperator::Is(Comparison::LessOrEqual) => "at most",
        BoundOperator::Is(Comparison::Greater) => "more than",
        BoundOperator::Is(Comparison::GreaterOrEqual) => "at least",
        BoundOperator::IsNot => "not",
    };
    format!("{word} {}", bound.value)
}

#[cfg(test)]
mod tests {
    use borzoi_rules::Loader;

    use super::*;

    fn words(correlation: &str, own: &str) -> String {
        let text = format!(
            "title: Failed logon\nname: failed\nlogsource: {{product: windows}}\ndetection: {{s: {{EventID: 4625}}, condition: s}}\n---\ntitle: Let in\nname: let_in\nlogsource: {{product: windows}}\ndetection: {{s: {{EventID: 4624}}, condition: s}}\n---\ntitle: Two\nid: id\ncorrelation: {{{correlation}}}\nborzoi: {{{own}}}\n"
        );
        let report = Loader::new().load_text("rules.yml", &text);
        let problems: Vec<String> = report.errors().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{problems:?}");
        let title = |id: &str| {
            let mut rules = report.detections.iter();
            let rule = rules.find(|rule| *rule.meta.id == *id)?;
            Some(rule.meta.title.to_string())
        };
        described(&report.correlations[0], title)
    }

    #[test]
    fn a_count_with_all_options() {
        let told = words(
            "type: event_count, rules: failed, group-by: [IpAddress], timespan: 10m, condition: {gte: 20}",
            "window: hopping, hop: 1m, lateness: 30m, suppress: 1h, distinct: {field: TargetUserName, gte: 10}",
        );
        let expected = "\
Correlation: Two (id)
├─ counts events of `Failed logon`
├─ groups them by IpAddress
├─ in windows 10m long, one every 1m
├─ holds where there are at least 20, with at least 10 distinct values of TargetUserName
├─ waits 30m for late events, in place of --lateness
└─ tells no more of a group for 1h
";
        assert_eq!(told, expected);
    }

    #[test]
    fn a_condition_over_rules() {
        let told = words(
            "type: temporal, rules: [failed, let_in], timespan: 90s, condition: failed and not let_in",
            "window: session, lateness: 0s",
        );
        let expected = "\
Correlation: Two (id)
├─ looks for events of `Failed logon`, `Let in`
├─ in sessions, which are over when nothing came for 90s
├─ holds where (`Failed logon` and not `Let in`)
└─ waits for no late events, in place of --lateness
";
        assert_eq!(told, expected);
    }
}
