//! Values as keys: what `by`, `unique` and `count` take for the same.

use super::ast::Settings;
use super::text::fold;
use super::value::Value;

/// A value as part of a key.
///
/// Numbers and truth values are their texts, so that it does not matter as which an event carries them; texts
/// are without case unless it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Null.
    Null,
    /// A scalar.
    Text(String),
    /// A list; an object is one of names and values.
    List(Vec<Key>),
}

impl Key {
    /// The key of a value.
    pub fn of(value: &Value<'_>, settings: &Settings) -> Key {
        match value {
            Value::Null => Key::Null,
            Value::List(elements) => Key::List(
                elements
                    .iter()
                    .map(|element| Key::of(element, settings))
                    .collect(),
            ),
            Value::Object(members) => Key::List(
                members
                    .iter()
                    .flat_map(|(name, value)| {
                        [Key::Text(name.clone().into_owned()), Key::of(value, settings)]
                    })
                    .collect(),
            ),
            scalar => {
                let text = scalar.text().unwrap_or_default();
                Key::Text(if settings.cased {
                    text.into_owned()
                } else {
                    fold(&text).into_owned()
                })
            }
        }
    }
}
