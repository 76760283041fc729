//! The shape of a catalog file, and reading one.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::derive::DeriveFile;
use super::{CatalogError, ColumnType, Selector, Take};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    pub(super) native: String,
    pub(super) column: String,
    #[serde(default)]
    pub(super) also: Vec<String>,
    #[serde(rename = "type")]
    pub(super) column_type: Option<ColumnType>,
    #[serde(default)]
    pub(super) exact: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyFile {
    pub(super) column: String,
    #[serde(default)]
    pub(super) from: Vec<String>,
    pub(super) has: Option<String>,
    pub(super) is: Option<String>,
    pub(super) value: Option<String>,
    pub(super) split: Option<String>,
    #[serde(default)]
    pub(super) at: isize,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SigmaFile {
    pub(super) product: Option<String>,
    pub(super) category: Option<String>,
    pub(super) service: Option<String>,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Vec<serde_json::Value>>,
    #[serde(default)]
    pub(super) names: BTreeMap<String, String>,
}

/// `lines:`, see [`super::lines`].
#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinesFile {
    pub(super) patterns: Vec<String>,
    pub(super) definitions: BTreeMap<String, String>,
    pub(super) time: Option<String>,
    pub(super) pairs: Option<PairsFile>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairsFile {
    #[serde(rename = "in")]
    pub(super) field: String,
    pub(super) assign: Option<String>,
    pub(super) between: Option<String>,
}

/// One of `tests:`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    pub(super) line: String,
    #[serde(default)]
    pub(super) expect: BTreeMap<String, serde_json::Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilledFile {
    pub(super) column: String,
    pub(super) from: Vec<String>,
    #[serde(default)]
    pub(super) take: Take,
    #[serde(rename = "type")]
    pub(super) column_type: Option<ColumnType>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatasetFile {
    pub(super) dataset: Option<String>,
    pub(super) base: Option<String>,
    pub(super) extends: Option<String>,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    pub(super) prefix: Option<String>,
    #[serde(default)]
    pub(super) select: Selector,
    #[serde(default)]
    pub(super) sigma: Vec<SigmaFile>,
    #[serde(default)]
    pub(super) fields: Vec<FieldFile>,
    #[serde(default)]
    pub(super) plain: Vec<String>,
    #[serde(default)]
    pub(super) strip: Vec<String>,
    #[serde(default)]
    pub(super) open: Vec<String>,
    #[serde(default)]
    pub(super) lines: LinesFile,
    #[serde(default)]
    pub(super) tests: Vec<TestFile>,
    #[serde(default)]
    pub(super) copies: Vec<CopyFile>,
    #[serde(default)]
    pub(super) loose: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) wrappers: Vec<String>,
    #[serde(default)]
    pub(super) derive: Vec<DeriveFile>,
    #[serde(default)]
    pub(super) constants: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) fill: Vec<FilledFile>,
    pub(super) keep: Option<String>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<DatasetFile, CatalogError> {
    let documents = Yaml::load_from_str(text).map_err(|error| CatalogError::Yaml {
        file: file.to_owned(),
        reason: error.to_string(),
    })?;
    let json = documents.first().map(to_json).unwrap_or_default();
    serde_json::from_value(json).map_err(|error| CatalogError::Shape {
        file: file.to_owned(),
        reason: error.to_string(),
    })
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
