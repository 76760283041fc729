//! Problems about loaded rules that only the caller can see, such as fields that no dataset has.

use std::path::PathBuf;

use crate::correlation::CorrelationRule;
use crate::ir::{DetectionRule, Location};
use crate::problem::{Problem, Severity};
use crate::query::QueryRule;
use crate::sql::SqlRule;
use crate::yaml::{self, Data, Node, Spot, Style};

/// The part of a rule that a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'p> {
    /// The rule as a whole.
    Rule,
    /// Its `logsource`.
    LogSource,
    /// A field that it names, where it first does: as a key, or as the value of `fieldref`.
    Field(&'p str),
    /// A field that a correlation asks of what it reads.
    Asked(&'p str),
}

/// A warning about a loaded rule, at the place of the part that it is about.
///
/// The rule's file is read again for that (rules do not carry the places of their parts). If it has gone,
/// or the part comes from a filter or a global document elsewhere, the warning stands at the rule.
pub fn warning(
    rule: &DetectionRule,
    part: Part<'_>,
    code: &'static str,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Problem {
    at(&rule.meta.location, Some(part), code, message.into(), suggestion)
}

/// A warning about a field that a correlation names, at the place where it does, under `group-by`, `field` or an alias; else at
/// the correlation.
pub fn correlation_field_warning(
    rule: &CorrelationRule,
    field: &str,
    code: &'static str,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Problem {
    let part = Some(Part::Asked(field));
    at(&rule.meta.location, part, code, message.into(), suggestion)
}

/// A warning about a loaded correlation as a whole.
pub fn correlation_warning(
    rule: &CorrelationRule,
    code: &'static str,
    message: impl Into<String>,
) -> Problem {
    at(&rule.meta.location, None, code, message.into(), None)
}

/// A warning about a loaded query as a whole.
pub fn query_warning(rule: &QueryRule, code: &'static str, message: impl Into<String>) -> Problem {
    at(&rule.meta.location, None, code, message.into(), None)
}

/// What keeps an SQL rule from running, at this byte of its statement, or at its beginning.
pub fn sql_problem(
    rule: &SqlRule,
    offset: Option<usize>,
    code: &'static str,
    message: impl Into<String>,
) -> Problem {
    let place = &rule.place;
    let before = offset.filter(|_| place.has_lines);
    let before = before.and_then(|offset| rule.sql.get(..offset)).unwrap_or("");
    let (line, in_line) = match before.rsplit_once('\n') {
        Some((above, in_line)) => (above.matches('\n').count() + 1, in_line),
        None => (0, before),
    };
    let text = std::fs::read_to_string(&rule.meta.location.path).unwrap_or_default();
    let line = place.line + line;
    let line_text = line.checked_sub(1).and_then(|index| text.lines().nth(index));
    Problem {
        location: Location {
            path: PathBuf::clone(&rule.meta.location.path),
            line,
            column: place.indent + in_line.chars().count() + 1,
        },
        severity: Severity::Error,
        code,
        message: message.into(),
        line_text: line_text.unwrap_or_default().to_owned(),
        suggestion: None,
    }
}

fn at(
    start: &Location,
    part: Option<Part<'_>>,
    code: &'static str,
    message: String,
    suggestion: Option<String>,
) -> Problem {
    let text = std::fs::read_to_string(&start.path).unwrap_or_default();
    let found = part.and_then(|part| find(&text, start.line, part));
    let spot = found.unwrap_or(Spot {
        line: start.line,
        column: start.column,
    });
    let line = spot.line.checked_sub(1).and_then(|index| text.lines().nth(index));
    Problem {
        location: Location {
            path: PathBuf::clone(&start.path),
            line: spot.line,
            column: spot.column,
        },
        severity: Severity::Warning,
        code,
        message,
        line_text: line.unwrap_or_default().to_owned(),
        suggestion,
    }
}

/// The part within the document that starts on this line.
fn find(text: &str, line: usize, part: Part<'_>) -> Option<Spot> {
    let documents = yaml::read(text);
    let document = documents
        .iter()
        .flatten()
        .flatten()
        .find(|node| node.at.line == line)?;
    match part {
        Part::Rule => None,
        Part::LogSource => document.entry("logsource").map(|(key, _)| key.at),
        Part::Field(field) => field_in(document.get("detection")?, field),
        Part::Asked(field) => {
            let correlation = document.get("correlation")?;
            let condition = correlation.get("condition").and_then(|node| node.get("field"));
            // An alias says what a rule calls the field: the field itself stands there.
            let values = [correlation.get("group-by"), condition, correlation.get("aliases")];
            let distinct = document.get("borzoi").and_then(|node| node.get("distinct"));
            let mut values = values.into_iter().chain([distinct]).flatten();
            values.find_map(|node| value_in(node, field))
        }
    }
}

/// Where a text stands as a value.
fn value_in(node: &Node<'_>, text: &str) -> Option<Spot> {
    match &node.data {
        Data::Scalar { .. } => (node.text() == Some(text)).then(|| start_of_text(node)),
        Data::List(items) => items.iter().find_map(|item| value_in(item, text)),
        Data::Map(entries) => entries.iter().find_map(|(_, value)| value_in(value, text)),
    }
}

fn field_in(node: &Node<'_>, field: &str) -> Option<Spot> {
    match &node.data {
        Data::Scalar { .. } => None,
        Data::List(items) => items.iter().find_map(|item| field_in(item, field)),
        Data::Map(entries) => entries.iter().find_map(|(key, value)| {
            let mut words = key.text()?.split('|');
            if words.next() == Some(field) {
                return Some(start_of_text(key));
            }
            if words.any(|modifier| modifier == "fieldref") {
                let values = match &value.data {
                    Data::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(value),
                };
                let named = values.iter().find(|value| value.text() == Some(field));
                return named.map(start_of_text);
            }
            field_in(value, field)
        }),
    }
}

/// Where the text of a scalar starts: behind its quote, if it has one.
fn start_of_text(node: &Node<'_>) -> Spot {
    let is_quoted = matches!(
        node.data,
        Data::Scalar {
            style: Style::Quoted,
            ..
        }
    );
    Spot {
        line: node.at.line,
        column: node.at.column + usize::from(is_quoted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_their_own_document() {
        let text = "title: A\ndetection:\n  s:\n    X: 1\n---\ntitle: B\ndetection:\n  s:\n    - Y: 1\n    - Z: 2\n      \
                    'X|contains': 1\n";
        let field = |line, name| find(text, line, Part::Field(name));
        assert_eq!(field(1, "X"), Some(Spot { line: 4, column: 5 }));
        assert_eq!(field(6, "X"), Some(Spot { line: 11, column: 8 }));
        assert_eq!(field(1, "Y"), None);
        assert_eq!(field(2, "X"), None);
    }

    #[test]
    fn fields_that_are_values_and_log_sources_are_found() {
        let text = "title: A\nlogsource:\n  product: p\ndetection:\n  s:\n    A|fieldref: B\n    C|fieldref|neq: [D, 'E']\n    F: E\n";
        let place = |part| find(text, 1, part);
        assert_eq!(place(Part::Field("B")), Some(Spot { line: 6, column: 17 }));
        assert_eq!(place(Part::Field("E")), Some(Spot { line: 7, column: 26 }));
        assert_eq!(place(Part::LogSource), Some(Spot { line: 2, column: 1 }));
        assert_eq!(place(Part::Rule), None);
    }

    #[test]
    fn fields_that_a_correlation_asks_for_are_found() {
        let text = "title: A\ncorrelation:\n  group-by: [a, 'b']\n  aliases:\n    a: {r: x}\n  condition:\n    field: c\n\
                    borzoi:\n  distinct: {field: d, gte: 2}\n";
        let place = |field| find(text, 1, Part::Asked(field));
        assert_eq!(place("a"), Some(Spot { line: 3, column: 14 }));
        assert_eq!(place("b"), Some(Spot { line: 3, column: 18 }));
        assert_eq!(place("x"), Some(Spot { line: 5, column: 12 }));
        assert_eq!(place("c"), Some(Spot { line: 7, column: 12 }));
        assert_eq!(place("d"), Some(Spot { line: 9, column: 21 }));
        assert_eq!(place("e"), None);
    }
}
