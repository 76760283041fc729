//! The catalog as rows for people and programs: what `borzoi datasets [NAME]` shows.

use serde::Serialize;

use super::page::recognised;
use super::{Catalog, ColumnType, Dataset, Fill, FillSource, ServedLogSource};

/// One dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetRow {
    /// Dotted name.
    pub dataset: String,
    /// One line for people.
    pub title: String,
    /// Group views that it is part of.
    pub groups: Vec<String>,
    /// Table in SQL.
    pub table: String,
    /// How its events are recognised, and what is pinned to it.
    pub recognised: Vec<String>,
    /// Sigma log sources that it serves.
    pub log_sources: Vec<LogSourceRow>,
}

/// A log source that a dataset serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSourceRow {
    /// `product`.
    pub product: Option<String>,
    /// `category`.
    pub category: Option<String>,
    /// `service`.
    pub service: Option<String>,
    /// Which events belong to it, as text: `EventID = 12 or 13`; empty for all.
    pub when: String,
    /// Names that its rules use for native ones: `Image = NewProcessName`; empty for none.
    pub names: String,
}

/// One declared field of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldRow {
    /// The producer's name.
    pub native: String,
    /// Other spellings.
    pub also: Vec<String>,
    /// Dotted name of the column.
    pub column: String,
    /// SQL name of the column.
    pub sql: String,
    /// Type of the column.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// A column of a dataset that is made of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeRow {
    /// Dotted name.
    pub column: String,
    /// What it is made of: columns or fields, the first that has a value; empty for what every event has.
    pub from: Vec<String>,
    /// What of it, or what stands there instead, and when: `file_name`, `= success if it is 0`; empty for all of it.
    pub what: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Description {
    /// All datasets.
    Datasets(Vec<DatasetRow>),
    /// One dataset and its fields.
    Dataset {
        /// The dataset.
        #[serde(flatten)]
        dataset: DatasetRow,
        /// Its declared fields, in catalog order.
        fields: Vec<FieldRow>,
        /// Columns that are filled from others.
        filled: Vec<MadeRow>,
        /// Columns that JSON output has alone.
        shown: Vec<MadeRow>,
    },
}

/// No dataset has the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no dataset `{name}`{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
pub struct UnknownDataset {
    /// The name asked for.
    pub name: String,
    /// The nearest that there is.
    pub nearest: Option<String>,
}

/// All datasets, or the one called `name` (dataset or table name) with its fields.
///
/// ```
/// use borzoi_parsers::catalog::{Catalog, Description, describe};
/// let Ok(Description::Dataset { dataset, fields, filled, .. }) = describe(&Catalog::builtin(), Some("windows_sysmon")) else {
///     panic!("it ships with the crate");
/// };
/// assert_eq!(dataset.dataset, "windows.sysmon");
/// assert!(fields.iter().any(|f| f.native == "Image" && f.sql == "process_executable"));
/// assert!(dataset.recognised.iter().any(|way| way.starts_with("channel ")));
/// assert!(filled.iter().any(|made| made.column == "process.name" && made.what == "file_name"));
/// ```
///
/// # Errors
///
/// There is no such dataset.
pub fn describe(catalog: &Catalog, name: Option<&str>) -> Result<Description, UnknownDataset> {
    let Some(name) = name else {
        return Ok(Description::Datasets(
            catalog
                .datasets()
                .iter()
                .map(|dataset| dataset_row(dataset))
                .collect(),
        ));
    };
    let dataset = catalog.dataset(name).ok_or_else(|| UnknownDataset {
        name: name.to_owned(),
        nearest: catalog.nearest_dataset(name).map(str::to_owned),
    })?;
    Ok(Description::Dataset {
        dataset: dataset_row(dataset),
        fields: dataset
            .fields
            .iter()
            .map(|field| FieldRow {
                native: field.native.to_string(),
                also: field.also.iter().map(|name| name.to_string()).collect(),
                column: field.column.dotted.to_string(),
                sql: field.column.sql.to_string(),
                column_type: field.column.column_type,
            })
            .collect(),
        filled: made_rows(&dataset.fill, dataset),
        shown: made_rows(&dataset.shown, dataset),
    })
}

fn made_rows(fills: &[Fill], dataset: &Dataset) -> Vec<MadeRow> {
    let source = |source: &FillSource| match (&source.column, source.gathered) {
        (Some(column), _) => Some(column.dotted.to_string()),
        (None, number) => dataset.gather.name(number?),
    };
    let row = |fill: &Fill| MadeRow {
        column: fill.column.dotted.to_string(),
        from: fill.from.iter().filter_map(source).collect(),
        what: fill.in_words(),
    };
    fills.iter().map(row).collect()
}

fn dataset_row(dataset: &Dataset) -> DatasetRow {
    DatasetRow {
        dataset: dataset.name.to_string(),
        title: dataset.title.clone(),
        groups: dataset.groups.clone(),
        table: dataset.table(),
        recognised: recognised(dataset),
        log_sources: dataset.sigma.iter().map(log_source_row).collect(),
    }
}

fn log_source_row(entry: &ServedLogSource) -> LogSourceRow {
    let when: Vec<String> = entry
        .when
        .iter()
        .map(|(field, values)| format!("{field} = {}", values.join(" or ")))
        .collect();
    let names: Vec<String> = entry
        .names
        .iter()
        .map(|(name, native)| format!("{name} = {native}"))
        .collect();
    LogSourceRow {
        product: entry.product.clone(),
        category: entry.category.clone(),
        service: entry.service.clone(),
        when: when.join(", "),
        names: names.join(", "),
    }
}
