//! The fields because of which a rule matches an event.

use std::ptr;

use borzoi_rules::ir::{Condition, DetectionRule};

use crate::alert::MatchedField;
use crate::matcher::event::EventTexts;
use crate::matcher::ready::{Question, Ready, ReadyRule};
use crate::matcher::row::RowView;
use crate::matcher::values::Found;

/// Bytes of a matched value that an alert shows.
pub const LONGEST_VALUE: usize = 1024;

/// Matched fields that an alert shows.
pub const MOST_FIELDS: usize = 64;

/// What of the event at which `event` stands makes `rule` match.
pub(crate) fn matched_fields(
    rule: &DetectionRule,
    ready: &ReadyRule,
    event: &EventTexts<'_>,
) -> Vec<MatchedField> {
    for way in &ready.ways {
        let view = RowView::new(event, way);
        if !view.expression(&way.when) {
            continue;
        }
        let mut evidence = Evidence {
            view: &view,
            rule,
            notes: Vec::new(),
        };
        for condition in &rule.conditions {
            if view.condition(condition) {
                evidence.of_condition(condition);
            }
        }
        if !evidence.notes.is_empty() {
            return evidence.notes.into_iter().map(Note::into_field).collect();
        }
    }
    Vec::new()
}

struct Evidence<'v, 'a> {
    view: &'v RowView<'v, 'a>,
    rule: &'v DetectionRule,
    notes: Vec<Note<'v, 'a>>,
}

/// A [`MatchedField`] in the making.
struct Note<'v, 'a> {
    selection: &'v str,
    field: Option<&'v str>,
    found: &'v Found<'a>,
    matcher: String,
}

impl<'v, 'a> Evidence<'v, 'a> {
    /// Collects from a condition that holds. What a `not` asks for is absent and shows nothing.
    fn of_condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) => parts.iter().for_each(|part| self.of_condition(part)),
            Condition::Any(parts) => {
                for part in parts {
                    if self.view.condition(part) {
                        self.of_condition(part);
                    }
                }
            }
            Condition::Not(_) => {}
            Condition::Search(index) => {
                if let Some(search) = self.rule.searches.get(*index)
                    && let Some(ready) = self.view.search(*index)
                {
                    self.of_expression(&search.name, ready);
                }
            }
        }
    }

    /// Collects from an expression that holds.
    fn of_expression(&mut self, selection: &'v str, expression: &'v Ready) {
        match expression {
            Ready::All(parts) => parts.iter().for_each(|part| self.of_expression(selection, part)),
            Ready::Any(parts) => {
                for part in parts {
                    if self.view.expression(part) {
                        self.of_expression(selection, part);
                    }
                }
            }
            Ready::Not(_) => {}
            Ready::Ask(question) => self.note(selection, question),
        }
    }

    fn note(&mut self, selection: &'v str, question: &'v Question) {
        let view = self.view;
        let matching = view.matching(question);
        if matching.is_empty() {
            return;
        }
        let field = question.name.as_deref();
        let values = view.values(question);
        for found in matching.iter().map(|&index| &values[index]) {
            let matcher = view.said_of(question, found);
            let matcher = &*matcher;
            let full = self.notes.len() >= MOST_FIELDS;
            let same = self.notes.iter_mut().find(|known| {
                known.selection == selection && known.field == field && shown_alike(known.found, found)
            });
            match same {
                Some(known) if known.matcher.split("; ").any(|part| part == matcher) => {}
                Some(known) => {
                    known.matcher.push_str("; ");
                    known.matcher.push_str(matcher);
                }
                None if !full => self.notes.push(Note {
                    selection,
                    field,
                    found,
                    matcher: matcher.to_owned(),
                }),
                None => {}
            }
        }
    }
}

impl Note<'_, '_> {
    fn into_field(self) -> MatchedField {
        MatchedField {
            selection: self.selection.to_owned(),
            field: self.field.map(str::to_owned),
            column: self.found.column.to_string(),
            value: shortened(&self.found.text),
            matcher: self.matcher,
        }
    }
}

/// Whether two values look the same in an alert: as [`shortened`] shows them, under the same name.
fn shown_alike(one: &Found<'_>, other: &Found<'_>) -> bool {
    if ptr::eq(one, other) {
        return true;
    }
    let (long, as_long) = (&*one.text, &*other.text);
    one.column == other.column
        && long.len() == as_long.len()
        && (long == as_long || (long.len() > LONGEST_VALUE && head(long) == head(as_long)))
}

/// `text`, cut where it is too long, and saying so.
fn shortened(text: &str) -> String {
    if text.len() <= LONGEST_VALUE {
        return text.to_owned();
    }
    format!("{}… [cut, {} bytes in all]", head(text), text.len())
}

/// At most the first [`LONGEST_VALUE`] bytes of `text`.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_VALUE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_alike_exactly_if_they_are_shown_alike() {
        let long = "x".repeat(LONGEST_VALUE - 1);
        let texts = [
            "a".to_owned(),
            "b".to_owned(),
            long.clone(),
            format!("{long}y"),
            format!("{long}z"),
            format!("{long}ya"),
            format!("{long}yb"),
            format!("{long}za"),
            format!("{long}ybb"),
            format!("{long}é"),
            format!("{long}ê"),
            format!("{long}éa"),
        ];
        let found = |column: &'static str, text| Found::new(column.into(), text);
        for one in &texts {
            for other in &texts {
                let alike = shown_alike(&found("c", one.into()), &found("c", other.into()));
                assert_eq!(alike, shortened(one) == shortened(other), "{one} {other}");
                assert!(!shown_alike(&found("c", one.into()), &found("d", other.into())));
            }
        }
    }
}
