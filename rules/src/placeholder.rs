//! Placeholders: `%name%` in values under the `expand` modifier.

use std::collections::BTreeMap;

use crate::yaml::{self, Data, Spot};

/// How many texts the placeholders of one value may make.
const MAX_VARIANTS: usize = 100_000;

/// A file of placeholder values that cannot be read: the user's mistake, at this place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PlaceholderError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl PlaceholderError {
    fn new(at: Spot, message: String) -> Self {
        Self {
            line: at.line,
            column: at.column,
            message,
        }
    }
}

/// Values of placeholders.
///
/// ```
/// let placeholders = borzoi_rules::Placeholders::parse("Servers: [srv01, 'db*']\nDomain: corp").unwrap();
/// assert_eq!(placeholders.get("Servers").unwrap(), ["srv01", "db*"]);
/// assert_eq!(placeholders.get("Domain").unwrap(), ["corp"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placeholders {
    values: BTreeMap<String, Vec<String>>,
}

impl Placeholders {
    /// Reads a YAML map of names to values or lists of values.
    ///
    /// # Errors
    ///
    /// Says line, column and what is wrong.
    pub fn parse(text: &str) -> Result<Self, PlaceholderError> {
        let mut placeholders = Self::default();
        for document in yaml::read(text) {
            let node = document.map_err(|error| PlaceholderError::new(error.at, error.message))?;
            let Some(node) = node else { continue };
            let Data::Map(entries) = &node.data else {
                let message = format!(
                    "expected a map of placeholder names to values, found {}",
                    node.kind()
                );
                return Err(PlaceholderError::new(node.at, message));
            };
            for (key, value) in entries {
                let name = key.text().unwrap_or_default().trim_matches('%').to_owned();
                let items = match &value.data {
                    Data::List(items) => items.iter().collect(),
                    _ if value.is_null() => Vec::new(),
                    _ => vec![value],
                };
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    match item.text() {
                        Some(text) if !item.is_null() => values.push(text.to_owned()),
                        _ => {
                            let message = format!(
                                "a value of placeholder `{name}` must be a string, this is {}",
                                item.kind()
                            );
                            return Err(PlaceholderError::new(item.at, message));
                        }
                    }
                }
                placeholders.values.entry(name).or_default().extend(values);
            }
        }
        Ok(placeholders)
    }

    /// Adds values to a placeholder.
    pub fn insert(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = String>) {
        self.values.entry(name.into()).or_default().extend(values);
    }

    /// The values of a placeholder; nothing if it has none.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.values
            .get(name)
            .map(Vec::as_slice)
            .filter(|values| !values.is_empty())
    }
}

/// A stretch of a value. Each is read as a Sigma string of its own, so that an escape at the end of one
/// does not reach into the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segment<'t> {
    Text(&'t str),
    Owned(String),
}

impl Segment<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Segment::Text(text) => text,
            Segment::Owned(text) => text,
        }
    }
}

/// The readings of a value with its placeholders replaced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expansion {
    /// All of them.
    Readings(Vec<Vec<Segment<'static>>>),
    /// None, since these have no value.
    Missing(Vec<String>),
    /// More than can be held.
    TooMany,
}

/// Replaces the placeholders of a text.
pub(crate) fn expand(text: &str, values: &Placeholders) -> Expansion {
    let mut variants: Vec<Vec<Segment<'static>>> = vec![Vec::new()];
    let mut missing = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("\\%") {
            literal.push('%');
            rest = &rest[2..];
            continue;
        }
        let Some(name) = placeholder_at_start(rest) else {
            literal.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        };
        rest = &rest[name.len() + 2..];
        push_literal(&mut variants, &mut literal);
        let Some(replacements) = values.get(name) else {
            missing.push(name.to_owned());
            continue;
        };
        if variants.len() * replacements.len() > MAX_VARIANTS {
            return Expansion::TooMany;
        }
        variants = variants
            .iter()
            .flat_map(|variant| {
                replacements.iter().map(|replacement| {
                    let mut longer = variant.clone();
                    longer.push(Segment::Owned(replacement.clone()));
                    longer
                })
            })
            .collect();
    }
    push_literal(&mut variants, &mut literal);
    if missing.is_empty() {
        Expansion::Readings(variants)
    } else {
        Expansion::Missing(missing)
    }
}

fn push_literal(variants: &mut [Vec<Segment<'_>>], literal: &mut String) {
    if !literal.is_empty() {
        for variant in variants {
            variant.push(Segment::Owned(literal.clone()));
        }
        literal.clear();
    }
}

/// The name of a placeholder that starts here: `%` word `%`.
fn placeholder_at_start(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('%')?;
    let end = inner.find('%')?;
    let name = &inner[..end];
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_a_place() {
        let error = |text| Placeholders::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("a: x\nb:\n  - [y]\n"),
            "line 3, column 5: a value of placeholder `b` must be a string, this is a list"
        );
        assert!(error("- x").starts_with("line 1, column 1: expected a map"));
        assert!(error("a: [").starts_with("line 1"));
    }

    #[test]
    fn names_may_be_written_with_their_signs_and_values_add_up() {
        let mut values = Placeholders::parse("'%a%': x\n---\na: [y, 5]\nb:\n").unwrap();
        assert_eq!(values.get("a").unwrap(), ["x", "y", "5"]);
        assert_eq!(values.get("b"), None);
        values.insert("b", ["z".to_owned()]);
        assert_eq!(values.get("b").unwrap(), ["z"]);
    }

    #[test]
    fn too_many_readings_are_refused() {
        let mut values = Placeholders::default();
        values.insert("n", (0..100).map(|n| n.to_string()));
        assert_eq!(expand("%n%%n%%n%", &values), Expansion::TooMany);
        let Expansion::Readings(readings) = expand("a%n%", &values) else {
            panic!("readings")
        };
        assert_eq!(readings.len(), 100);
    }
}
