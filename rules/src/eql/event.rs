//! What a condition asks of an event.

use super::ast::Relation;
use super::path::{FieldPath, PathPart};
use super::value::{Value, joined};

/// An event, as conditions see it.
pub trait Event {
    /// The value of a field; null if there is none.
    ///
    /// Must agree with what [`crate::ir`] says of the column [`FieldPath::column`]: where a
    /// [`Matcher::Null`](crate::ir::Matcher::Null) holds for it this is null, and the texts are the same.
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e>;

    /// The event at this position of a match of several: `events[n].field` in a pipe. `None` if the match has
    /// only one.
    fn in_sequence(&self, position: usize) -> Option<&dyn Event> {
        let _ = position;
        None
    }

    /// Whether the event's process relates so to the events of the subquery with this number.
    fn related(&self, relation: Relation, subquery: usize) -> bool {
        let _ = (relation, subquery);
        false
    }

    /// Whether `test` is true of the name and value of any field. Asked by KQL only: terms without a field,
    /// and names with `*`.
    fn any_field(&self, test: &mut dyn FnMut(&str, &Value<'_>) -> bool) -> bool {
        let _ = test;
        false
    }
}

/// An object as it was parsed; a path goes through its members, or names one whose name has dots.
impl Event for serde_json::Map<String, serde_json::Value> {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        if let Some(value) = self.get(path.column()) {
            return inside(value, path.inside());
        }
        match path.parts().split_first() {
            Some((PathPart::Name(first), rest)) => {
                self.get(first).map_or(Value::Null, |value| inside(value, rest))
            }
            _ => Value::Null,
        }
    }

    fn any_field(&self, test: &mut dyn FnMut(&str, &Value<'_>) -> bool) -> bool {
        self.iter().any(|(name, value)| any_inside(name, value, test))
    }
}

fn inside<'v>(value: &'v serde_json::Value, path: &[PathPart]) -> Value<'v> {
    let Some((part, rest)) = path.split_first() else {
        return Value::from(value);
    };
    match (part, value) {
        (PathPart::Name(name), serde_json::Value::Object(members)) => {
            members.get(name).map_or(Value::Null, |value| inside(value, rest))
        }
        (PathPart::Index(index), serde_json::Value::Array(elements)) => elements
            .get(*index)
            .map_or(Value::Null, |value| inside(value, rest)),
        (PathPart::Name(_), serde_json::Value::Array(elements)) => {
            joined(elements.iter().map(|element| inside(element, path)))
        }
        _ => Value::Null,
    }
}

fn any_inside(name: &str, value: &serde_json::Value, test: &mut dyn FnMut(&str, &Value<'_>) -> bool) -> bool {
    match value {
        serde_json::Value::Object(members) => members
            .iter()
            .any(|(key, value)| any_inside(&format!("{name}.{key}"), value, test)),
        other => test(name, &Value::from(other)),
    }
}
