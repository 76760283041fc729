//! Reading catalog files.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::resolve::column;
use super::{Catalog, ColumnType, Dataset, Field, STANDARD_COLUMNS, Selector, ServedLogSource, TypeTable};

/// Why a catalog file cannot be used. The fault is the file's author's.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file is no YAML.
    #[error("{file}: not valid YAML: {reason}")]
    Yaml {
        /// The catalog file.
        file: String,
        /// What the YAML parser says, with line and column.
        reason: String,
    },
    /// The file does not have the shape of a dataset.
    #[error("{file}: {reason}")]
    Shape {
        /// The catalog file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Two declarations contradict each other.
    #[error("{file}: {reason}")]
    Conflict {
        /// The catalog file.
        file: String,
        /// Which names clash.
        reason: String,
    },
}

/// The shipped files: adding a dataset adds its file and one line here.
const FILES: &[(&str, &str)] = &[
    (
        "windows/_base.yaml",
        include_str!("../../catalog/windows/_base.yaml"),
    ),
    (
        "windows/sysmon.yaml",
        include_str!("../../catalog/windows/sysmon.yaml"),
    ),
    ("linux/_base.yaml", include_str!("../../catalog/linux/_base.yaml")),
    ("linux/sshd.yaml", include_str!("../../catalog/linux/sshd.yaml")),
    ("linux/sudo.yaml", include_str!("../../catalog/linux/sudo.yaml")),
    ("linux/auth.yaml", include_str!("../../catalog/linux/auth.yaml")),
    ("linux/cron.yaml", include_str!("../../catalog/linux/cron.yaml")),
    ("linux/users.yaml", include_str!("../../catalog/linux/users.yaml")),
    (
        "linux/syslog.yaml",
        include_str!("../../catalog/linux/syslog.yaml"),
    ),
    (
        "linux/auditd.yaml",
        include_str!("../../catalog/linux/auditd.yaml"),
    ),
    ("zeek/conn.yaml", include_str!("../../catalog/zeek/conn.yaml")),
    ("zeek/other.yaml", include_str!("../../catalog/zeek/other.yaml")),
    ("web/access.yaml", include_str!("../../catalog/web/access.yaml")),
];

const ECS: &str = include_str!("../../catalog/ecs.csv");

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    native: String,
    column: String,
    #[serde(default)]
    also: Vec<String>,
    #[serde(rename = "type")]
    column_type: Option<ColumnType>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SigmaFile {
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
    #[serde(default)]
    when: BTreeMap<String, Vec<serde_json::Value>>,
    #[serde(default)]
    names: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetFile {
    dataset: Option<String>,
    base: Option<String>,
    extends: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    groups: Vec<String>,
    prefix: Option<String>,
    #[serde(default)]
    select: Selector,
    #[serde(default)]
    sigma: Vec<SigmaFile>,
    #[serde(default)]
    fields: Vec<FieldFile>,
}

pub(super) fn builtin() -> Result<Catalog, CatalogError> {
    load(FILES.iter().copied())
}

fn load<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Catalog, CatalogError> {
    let types = Arc::new(ecs_types(ECS));
    let mut bases: BTreeMap<String, DatasetFile> = BTreeMap::new();
    let mut parsed = Vec::new();
    for (file, text) in files {
        let entry = parse(file, text)?;
        match &entry.base {
            Some(base) => {
                bases.insert(base.clone(), entry);
            }
            None => parsed.push((file.to_owned(), entry)),
        }
    }
    let mut catalog = Catalog {
        datasets: Vec::new(),
        by_name: HashMap::new(),
        by_program: HashMap::new(),
        by_zeek_path: HashMap::new(),
        types: types.clone(),
    };
    for (file, entry) in parsed {
        let base = match &entry.extends {
            Some(name) => Some(bases.get(name).ok_or_else(|| CatalogError::Shape {
                file: file.clone(),
                reason: format!("extends `{name}`, but no file has `base: {name}`"),
            })?),
            None => None,
        };
        let dataset = build(&file, entry, base, &types)?;
        if catalog
            .by_name
            .insert(dataset.name.to_string(), catalog.datasets.len())
            .is_some()
        {
            return Err(CatalogError::Conflict {
                file,
                reason: format!("dataset `{}` is described twice", dataset.name),
            });
        }
        let index = catalog.datasets.len();
        for program in &dataset.select.programs {
            catalog.by_program.entry(program.to_lowercase()).or_insert(index);
        }
        for path in &dataset.select.zeek_paths {
            catalog.by_zeek_path.entry(path.to_lowercase()).or_insert(index);
        }
        catalog.datasets.push(Arc::new(dataset));
    }
    Ok(catalog)
}

fn build(
    file: &str,
    entry: DatasetFile,
    base: Option<&DatasetFile>,
    types: &Arc<TypeTable>,
) -> Result<Dataset, CatalogError> {
    let name = entry.dataset.ok_or_else(|| CatalogError::Shape {
        file: file.to_owned(),
        reason: "has neither `dataset` nor `base`".into(),
    })?;
    let mut fields = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let inherited = base.map(|b| b.fields.as_slice()).unwrap_or_default();
    for field in entry.fields.iter().chain(inherited) {
        let column_type = field
            .column_type
            .or_else(|| {
                STANDARD_COLUMNS
                    .iter()
                    .find(|(_, dotted, _)| *dotted == field.column)
                    .map(|(_, _, column_type)| *column_type)
            })
            .or_else(|| types.get(&field.column))
            .unwrap_or(ColumnType::Keyword);
        let mut stored = column(&field.column, column_type);
        if let Some((sql, _, _)) = STANDARD_COLUMNS
            .iter()
            .find(|(_, dotted, _)| *dotted == field.column)
        {
            stored.sql = Arc::from(*sql);
        }
        let index = fields.len();
        for spelling in std::iter::once(&field.native).chain(&field.also) {
            if let Some(&other) = by_name.get(&spelling.to_lowercase()) {
                let other: &Field = &fields[other];
                if other.column != stored {
                    return Err(CatalogError::Conflict {
                        file: file.to_owned(),
                        reason: format!(
                            "`{spelling}` is declared as `{}` and as `{}`",
                            other.column.dotted, stored.dotted
                        ),
                    });
                }
            } else {
                by_name.insert(spelling.to_lowercase(), index);
            }
        }
        fields.push(Field {
            native: Arc::from(field.native.as_str()),
            also: field.also.iter().map(|name| Arc::from(name.as_str())).collect(),
            column: stored,
        });
    }
    // Column names come last, so that a native name always wins over another field's column name.
    for (index, field) in fields.iter().enumerate() {
        for name in [&field.column.dotted, &field.column.sql] {
            by_name.entry(name.to_lowercase()).or_insert(index);
        }
    }
    Ok(Dataset {
        name: Arc::from(name),
        title: entry.title,
        groups: if entry.groups.is_empty() {
            base.map(|b| b.groups.clone()).unwrap_or_default()
        } else {
            entry.groups
        },
        prefix: entry
            .prefix
            .or_else(|| base.and_then(|b| b.prefix.clone()))
            .unwrap_or_default(),
        select: entry.select,
        sigma: entry
            .sigma
            .into_iter()
            .map(|s| ServedLogSource {
                product: s.product,
                category: s.category,
                service: s.service,
                when: s
                    .when
                    .into_iter()
                    .map(|(field, values)| (field, values.iter().map(scalar_text).collect()))
                    .collect(),
                names: s.names,
            })
            .collect(),
        fields,
        by_name,
        types: types.clone(),
    })
}

fn scalar_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ecs_types(csv: &str) -> TypeTable {
    let types = csv
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| {
            let (name, kind) = line.split_once(',')?;
            let kind = match kind {
                "integer" => ColumnType::Integer,
                "float" => ColumnType::Float,
                "boolean" => ColumnType::Boolean,
                "timestamp" => ColumnType::Timestamp,
                "list" => ColumnType::List,
                _ => ColumnType::Keyword,
            };
            Some((name.to_owned(), kind))
        })
        .collect();
    TypeTable { types }
}

fn parse(file: &str, text: &str) -> Result<DatasetFile, CatalogError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_catalog_loads() {
        let catalog = builtin().expect("every shipped file is valid");
        assert!(catalog.dataset("windows.sysmon").is_some());
    }
}
