//! YAML as JSON, and where a word stands in a file. The build script uses both for the shipped files.

use saphyr::{LoadableYamlNode, Scalar, Yaml};

/// The first document of a YAML text.
///
/// # Errors
///
/// It is no YAML: what the parser says.
pub(super) fn parse(text: &str) -> Result<serde_json::Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    Ok(documents.first().map(to_json).unwrap_or_default())
}

/// YAML as JSON: mapping keys become text, tags are dropped.
fn to_json(node: &Yaml<'_>) -> serde_json::Value {
    match node {
        Yaml::Value(Scalar::Boolean(flag)) => (*flag).into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
        Yaml::Value(Scalar::String(text)) => text.to_string().into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| (scalar_text(&to_json(key)), to_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Yaml::Tagged(_, inner) => to_json(inner),
        _ => serde_json::Value::Null,
    }
}

pub(super) fn scalar_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Line and column, from 1, of the first name that `reason` quotes, if the text has it as a word of its own.
pub(super) fn place_of(reason: &str, text: &str) -> Option<(usize, usize)> {
    let word = reason.split('`').nth(1).filter(|word| !word.is_empty())?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (number, line) in text.lines().enumerate() {
        let code = line.split(" #").next().unwrap_or_default();
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            if !before.is_some_and(is_word) && !after.is_some_and(is_word) {
                return Some((number + 1, code[..at].chars().count() + 1));
            }
        }
    }
    None
}
