//! Problems about loaded rules that only the caller can see, such as fields that no dataset has.

use std::path::PathBuf;

use crate::ir::{DetectionRule, Location};
use crate::problem::{Problem, Severity};
use crate::yaml::{self, Data, Node, Spot, Style};

/// A warning about a field of a loaded rule, at the place where the rule first names it.
///
/// The rule's file is read again for that (rules do not carry the places of their fields). If it has gone,
/// or the field comes from a filter or a global document elsewhere, the warning stands at the rule.
pub fn field_warning(
    rule: &DetectionRule,
    field: &str,
    code: &'static str,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Problem {
    let start = &rule.meta.location;
    let text = std::fs::read_to_string(&start.path).unwrap_or_default();
    let spot = find(&text, start.line, field).unwrap_or(Spot {
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
        message: message.into(),
        line_text: line.unwrap_or_default().to_owned(),
        suggestion,
    }
}

/// The first key of this field in the document that starts on this line.
fn find(text: &str, line: usize, field: &str) -> Option<Spot> {
    let documents = yaml::read(text);
    let document = documents
        .iter()
        .flatten()
        .flatten()
        .find(|node| node.at.line == line)?;
    in_node(document.get("detection")?, field)
}

fn in_node(node: &Node<'_>, field: &str) -> Option<Spot> {
    match &node.data {
        Data::Scalar { .. } => None,
        Data::List(items) => items.iter().find_map(|item| in_node(item, field)),
        Data::Map(entries) => entries.iter().find_map(|(key, value)| {
            let text = key.text()?;
            if text.split('|').next() == Some(field) {
                let quote = usize::from(matches!(
                    key.data,
                    Data::Scalar {
                        style: Style::Quoted,
                        ..
                    }
                ));
                return Some(Spot {
                    line: key.at.line,
                    column: key.at.column + quote,
                });
            }
            in_node(value, field)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_their_own_document() {
        let text = "title: A\ndetection:\n  s:\n    X: 1\n---\ntitle: B\ndetection:\n  s:\n    - Y: 1\n    - Z: 2\n      \
                    'X|contains': 1\n";
        assert_eq!(find(text, 1, "X"), Some(Spot { line: 4, column: 5 }));
        assert_eq!(find(text, 6, "X"), Some(Spot { line: 11, column: 8 }));
        assert_eq!(find(text, 1, "Y"), None);
        assert_eq!(find(text, 2, "X"), None);
    }
}
