//! Reading catalog files.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::files::{ECS, FILES};
use super::resolve::{column, long_sql};
use super::{
    Catalog, Column, ColumnType, Dataset, Field, STANDARD_COLUMNS, Selector, ServedLogSource, TypeTable,
};

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

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldFile {
    native: String,
    column: String,
    #[serde(default)]
    also: Vec<String>,
    #[serde(rename = "type")]
    column_type: Option<ColumnType>,
    #[serde(default)]
    exact: bool,
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
    #[serde(default)]
    plain: Vec<String>,
    #[serde(default)]
    strip: Vec<String>,
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
    let prefix = entry
        .prefix
        .or_else(|| base.and_then(|b| b.prefix.clone()))
        .unwrap_or_default();
    let mut names = Names::new(file, types);
    for field in &entry.fields {
        names.declare(field, Origin::Own, &prefix)?;
    }
    for native in &entry.plain {
        names.declare(&plain_field(native, &prefix), Origin::Own, &prefix)?;
    }
    if let Some(base) = base {
        for field in &base.fields {
            names.declare(field, Origin::Base, &prefix)?;
        }
        for native in &base.plain {
            names.declare(&plain_field(native, &prefix), Origin::Base, &prefix)?;
        }
    }
    let Names {
        mut fields,
        mut by_name,
        exact,
        ..
    } = names;
    settle_sql_names(file, &mut fields)?;
    // Column names come last, so that a native name always wins over another field's column name.
    for (index, field) in fields.iter().enumerate() {
        for name in [&field.column.dotted, &field.column.sql] {
            by_name.entry(name.to_lowercase()).or_insert(index);
        }
    }
    let sigma = entry.sigma.into_iter().map(served).collect();
    let mut strip: Vec<String> = entry.strip;
    strip.extend(base.map(|b| b.strip.clone()).unwrap_or_default());
    Ok(Dataset {
        name: Arc::from(name),
        title: entry.title,
        groups: if entry.groups.is_empty() {
            base.map(|b| b.groups.clone()).unwrap_or_default()
        } else {
            entry.groups
        },
        prefix,
        strip: strip.into_iter().map(|prefix| prefix.to_lowercase()).collect(),
        select: entry.select,
        sigma,
        fields,
        by_name,
        exact,
        types: types.clone(),
    })
}

/// Whether a field stands in the dataset's own file or in the one it extends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Own,
    Base,
}

/// The declared fields of one dataset and who claims which name.
struct Names<'a> {
    file: &'a str,
    types: &'a TypeTable,
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    exact: HashMap<String, usize>,
    /// The first `own` fields come from the dataset's own file.
    own: usize,
}

impl<'a> Names<'a> {
    fn new(file: &'a str, types: &'a TypeTable) -> Self {
        Names {
            file,
            types,
            fields: Vec::new(),
            by_name: HashMap::new(),
            exact: HashMap::new(),
            own: 0,
        }
    }

    /// Adds a field. A base field gives way where the dataset's own file claims one of its spellings.
    fn declare(&mut self, field: &FieldFile, origin: Origin, prefix: &str) -> Result<(), CatalogError> {
        let stored = self.column_of(field)?;
        let index = self.fields.len();
        let mut spellings = Vec::new();
        for spelling in std::iter::once(&field.native).chain(&field.also) {
            if field.exact {
                if self.exact.contains_key(spelling) && origin == Origin::Base {
                    continue;
                }
                if self.exact.insert(spelling.clone(), index).is_some() {
                    return Err(self.conflict(format!("`{spelling}` is declared `exact` twice")));
                }
                spellings.push(Arc::from(spelling.as_str()));
                continue;
            }
            match self.by_name.get(&spelling.to_lowercase()) {
                None => {
                    self.by_name.insert(spelling.to_lowercase(), index);
                    spellings.push(Arc::from(spelling.as_str()));
                }
                // The same field's other spelling differs in case alone, or another field is the same column.
                Some(&other) if other == index || self.fields[other].column == stored => {}
                Some(&other) if origin == Origin::Base && other < self.own => {}
                Some(&other) => {
                    return Err(self.conflict(format!(
                        "`{spelling}` is declared as `{}` and as `{}`",
                        self.fields[other].column.dotted, stored.dotted
                    )));
                }
            }
        }
        let mut spellings = spellings.into_iter();
        let Some(native) = spellings.next() else {
            return Ok(());
        };
        let header = origin == Origin::Base && !stored.dotted.starts_with(prefix);
        self.fields.push(Field {
            native,
            also: spellings.collect(),
            column: stored,
            header,
            exact: field.exact,
        });
        if origin == Origin::Own {
            self.own = self.fields.len();
        }
        Ok(())
    }

    fn column_of(&self, field: &FieldFile) -> Result<Column, CatalogError> {
        let standard = STANDARD_COLUMNS
            .iter()
            .find(|(_, dotted, _)| *dotted == field.column);
        let known = standard
            .map(|(_, _, column_type)| *column_type)
            .or_else(|| self.types.get(&field.column));
        if let (Some(stated), Some(known)) = (field.column_type, known)
            && stated != known
        {
            return Err(self.conflict(format!(
                "`{}` is an ECS column of type {known}, not {stated}: leave `type` out or choose another column",
                field.column
            )));
        }
        let mut stored = column(
            &field.column,
            field.column_type.or(known).unwrap_or(ColumnType::Keyword),
        );
        if let Some((sql, _, _)) = standard {
            stored.sql = Arc::from(*sql);
        }
        Ok(stored)
    }

    fn conflict(&self, reason: String) -> CatalogError {
        CatalogError::Conflict {
            file: self.file.to_owned(),
            reason,
        }
    }
}

/// A field of the `plain` list: stored under its own name after the prefix.
fn plain_field(native: &str, prefix: &str) -> FieldFile {
    FieldFile {
        native: native.to_owned(),
        column: format!("{prefix}{native}"),
        also: Vec::new(),
        column_type: None,
        exact: false,
    }
}

/// Gives every column a SQL name of its own: of two that would share one, the event data (whose prefix the
/// short name leaves out) takes the long name. Two that still clash are an error.
fn settle_sql_names(file: &str, fields: &mut [Field]) -> Result<(), CatalogError> {
    let mut taken: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    let is_shortened = |field: &Field| *field.column.sql != *long_sql(&field.column.dotted);
    let standing_first = |shortened: bool, fields: &[Field]| -> Vec<usize> {
        (0..fields.len())
            .filter(|&i| is_shortened(&fields[i]) == shortened)
            .collect()
    };
    let mut order = standing_first(false, fields);
    order.extend(standing_first(true, fields));
    for index in order {
        let column = &mut fields[index].column;
        if taken
            .get(&column.sql)
            .is_some_and(|owner| *owner != column.dotted)
        {
            column.sql = Arc::from(long_sql(&column.dotted));
        }
        if let Some(owner) = taken.insert(column.sql.clone(), column.dotted.clone())
            && owner != column.dotted
        {
            return Err(CatalogError::Conflict {
                file: file.to_owned(),
                reason: format!(
                    "columns `{owner}` and `{}` both get the SQL name `{}`: rename one",
                    column.dotted, column.sql
                ),
            });
        }
    }
    Ok(())
}

fn served(entry: SigmaFile) -> ServedLogSource {
    ServedLogSource {
        product: entry.product,
        category: entry.category,
        service: entry.service,
        when: entry
            .when
            .into_iter()
            .map(|(field, values)| (field, values.iter().map(scalar_text).collect()))
            .collect(),
        names: entry
            .names
            .into_iter()
            .map(|(name, native)| (name.to_lowercase(), native))
            .collect(),
    }
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
