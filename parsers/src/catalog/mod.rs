//! What each dataset's fields are called, and which Sigma log sources it serves: data, not code.
//!
//! One YAML file in `parsers/catalog/` describes one dataset; `parsers/catalog/ecs.csv` gives the types of
//! all ECS columns. A file says:
//!
//! ```yaml
//! dataset: windows.sysmon           # the name in `event.dataset`; the table is windows_sysmon
//! title: Microsoft Sysmon
//! groups: [windows]                 # the group views it is part of
//! extends: windows                  # fields and prefix of a file with `base: windows`
//! prefix: winlog.event_data.        # put before an undeclared native name to make its column
//! select: {channels: [Microsoft-Windows-Sysmon/Operational]}
//! sigma:
//!   - product: windows
//!     category: process_creation
//!     when: {EventID: [1]}          # native field → any of these values
//!     names: {Image: NewProcessName}  # names that hold for rules of this log source only
//! fields:
//!   - {native: CommandLine, column: process.command_line}
//!   - {native: Image, column: process.executable, also: [app]}
//!   - {native: ProcessId, column: process.pid, type: integer}
//! ```
//!
//! Besides: `plain: [A, B]` lists fields stored under their own name after the prefix; `strip` lists
//! prefixes that shippers put before native names; `open` lists fields below which there may be anything;
//! `exact: true` makes a field's names count for the parser
//! alone and letter for letter; a dataset's own declaration of a name overrides that of the file it extends; `fill`
//! and `show` make further columns of those of the fields, see [`Fill`]; `json_values` under `select` narrows `json_keys` (`{category: [SignInLogs]}`); `loose` lists names that mean a
//! column in any spelling, `wrappers` objects that may stand around them. More in `docs/catalog.md`.
//!
//! *Invariants* (checked when a catalog is loaded): within a dataset one name (case-folded) means exactly
//! one column; fields that share a column are spellings of one thing; no two columns share a SQL name; a
//! column that is an ECS field has its ECS type.

mod bounds;
mod declare;
mod describe;
mod fill;
pub(crate) mod lines;
mod load;
mod lookup;
mod loose;
mod mistakes;
mod page;
mod resolve;
mod shape;
mod shipped;
mod take;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hashbrown::{HashMap, HashSet};

pub use describe::{DatasetRow, Description, FieldRow, LogSourceRow, MadeRow, UnknownDataset, describe};
pub use fill::{Chosen, Fill, FillSource, Gather};
pub use lines::{LineFormat, LineTest};
pub use load::CatalogError;
pub use lookup::nearest;
use loose::LooseNames;
pub use page::page;
pub use resolve::Resolution;
pub use shape::{ColumnType, Selector};
pub use take::{Piece, Take};

use crate::pins::Pins;

/// One column of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Dotted name: ECS, or Elastic's integration for the product.
    pub dotted: Arc<str>,
    /// SQL name, [`crate::names::sql_name`] of `dotted` (the standard columns keep their short names).
    pub sql: Arc<str>,
    /// Stored type.
    pub column_type: ColumnType,
}

/// One declared field: a native name, its other spellings and the column it becomes.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name as the producer writes it (`CommandLine`, `id.orig_h`).
    pub native: Arc<str>,
    /// Other spellings of the same field.
    pub also: Vec<Arc<str>>,
    /// Where it is stored.
    pub column: Column,
    /// It is part of what every event of the family has (Windows: `<System>`), not of the event's own data.
    pub header: bool,
    /// The parser takes its names letter for letter and nobody else uses them.
    pub exact: bool,
}

/// A Sigma log source served by a dataset, and which of its events belong to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServedLogSource {
    /// `product` of the log source.
    pub product: Option<String>,
    /// `category` of the log source.
    pub category: Option<String>,
    /// `service` of the log source.
    pub service: Option<String>,
    /// Only events in which every one of these native fields has one of the values (compared without
    /// case) belong to the log source. A value that ends in `*` is a prefix.
    pub when: BTreeMap<String, Vec<String>>,
    /// Rule field name, lower-case → native field name, for rules of this log source only.
    pub names: BTreeMap<String, String>,
}

/// Sentences that a column may hold.
#[derive(Debug, Clone)]
pub struct Sentences {
    /// The column, by any name that a rule may use.
    pub from: Arc<str>,
    /// Their shapes, the strictest first: `User {>user.name} logged in from {@source.ip}`. Of the first that the whole
    /// text has, each capture becomes the column that it names, where the event has nothing there.
    pub shapes: Vec<Box<str>>,
}

/// One dataset of the catalog.
pub struct Dataset {
    /// Dotted name: `windows.sysmon`.
    pub name: Arc<str>,
    /// One line for people.
    pub title: String,
    /// Group views it is part of: `windows`, `linux`, `network`, `web`, `cloud`.
    pub groups: Vec<String>,
    /// Prefix of the dotted name of an undeclared native field.
    pub prefix: String,
    /// Prefixes, lower-case, that shippers put before native names (`winlog.event_data.`).
    pub strip: Vec<String>,
    /// Native fields, lower-case, below which the producer writes whatever a request or a change is about: no
    /// catalog could name it all.
    pub open: Vec<String>,
    /// How its events are recognised.
    pub select: Selector,
    /// The Sigma log sources it serves.
    pub sigma: Vec<ServedLogSource>,
    /// The form of its lines, where the catalog describes it.
    pub lines: LineFormat,
    /// Lines with what must become of them.
    pub tests: Vec<LineTest>,
    /// Declared fields, in catalog order.
    pub fields: Vec<Field>,
    /// Columns filled from others, in the order in which that is done.
    pub fill: Vec<Fill>,
    /// What a JSON reader keeps for them.
    pub gather: Gather,
    /// Columns that only JSON output has.
    pub shown: Vec<Fill>,
    /// A column whose text may be `name=value` pairs, which become fields.
    pub pairs: Option<Arc<str>>,
    /// Columns whose text may be a sentence that says more.
    pub sentences: Vec<Sentences>,
    /// Every declared name, case-folded → index into `fields`.
    by_name: HashMap<String, usize>,
    /// Of those, case-folded, the ones that are names of columns and of no field.
    column_names: HashSet<String>,
    /// Names that only the parser takes, letter for letter → index into `fields`.
    exact: HashMap<String, usize>,
    /// Names that mean a column in any spelling.
    loose: LooseNames,
    /// ECS and standard column types shared by all datasets.
    types: Arc<TypeTable>,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("fields", &self.fields.len())
            .finish()
    }
}

/// All ECS columns by dotted name.
#[derive(Debug, Default)]
pub struct TypeTable {
    columns: HashMap<String, Column>,
    /// SQL name → dotted name.
    by_sql: HashMap<String, String>,
}

impl TypeTable {
    /// The type of an ECS column; `None` if ECS has no such field.
    pub fn get(&self, dotted: &str) -> Option<ColumnType> {
        self.columns.get(dotted).map(|column| column.column_type)
    }

    /// The ECS column of this name.
    pub(super) fn column(&self, dotted: &str) -> Option<&Column> {
        self.columns.get(dotted)
    }

    /// The dotted name of the ECS column with this SQL name.
    pub fn dotted_of_sql(&self, sql: &str) -> Option<&str> {
        self.by_sql.get(sql).map(String::as_str)
    }
}

/// All datasets.
#[derive(Debug)]
pub struct Catalog {
    datasets: Vec<Arc<Dataset>>,
    by_name: HashMap<String, usize>,
    /// Syslog program, case-folded → dataset.
    by_program: HashMap<String, usize>,
    /// Zeek log path, case-folded → dataset.
    by_zeek_path: HashMap<String, usize>,
    /// Vendor → products, by how their names start, and the dataset of each.
    by_writer: HashMap<String, Vec<(Box<str>, usize)>>,
    /// `select.paths`, `hosts` and `ports` of all datasets.
    pins: Pins,
    warnings: Vec<String>,
    types: Arc<TypeTable>,
}

impl Catalog {
    /// The catalog that ships with the crate, loaded once.
    pub fn builtin() -> Arc<Catalog> {
        static BUILTIN: OnceLock<Arc<Catalog>> = OnceLock::new();
        BUILTIN
            .get_or_init(|| Arc::new(load::builtin().expect("the shipped catalog is checked by a test")))
            .clone()
    }

    /// All datasets in catalog order.
    pub fn datasets(&self) -> &[Arc<Dataset>] {
        &self.datasets
    }

    /// The shipped catalog and the YAML files below `dir`: a dataset there replaces a shipped one of the same
    /// name, a base replaces a shipped base (and so changes what is built on it).
    ///
    /// # Errors
    ///
    /// A file cannot be read or is wrong; the error names it, with line and column where they are known.
    pub fn with_dir(dir: &Path) -> Result<Arc<Catalog>, CatalogError> {
        load::with_dir(dir).map(Arc::new)
    }

    /// A catalog of one file, whose text is `text`, and of nothing else; `file` is its name in errors.
    ///
    /// # Errors
    ///
    /// The file is wrong; the error names it, with line and column where they are known.
    pub fn of_file(file: &str, text: &str) -> Result<Arc<Catalog>, CatalogError> {
        load::of_file(file, text).map(Arc::new)
    }

    /// The dataset called `name` (`windows.sysmon`; the table name `windows_sysmon` works too).
    pub fn dataset(&self, name: &str) -> Option<&Arc<Dataset>> {
        match self.by_name.get(name) {
            Some(&index) => Some(&self.datasets[index]),
            None => self.datasets.iter().find(|dataset| dataset.table() == name),
        }
    }

    /// The dataset that takes what the syslog program `program` writes (`select.programs`).
    pub fn dataset_of_program(&self, program: &str) -> Option<&Arc<Dataset>> {
        let known = match self.by_program.get(program) {
            Some(known) => Some(known),
            None => self.by_program.get(&program.to_lowercase()),
        };
        known.map(|&i| &self.datasets[i])
    }

    /// The dataset of what the header of a CEF or LEEF line names as its writer (`select.writers`).
    pub fn dataset_of_writer(&self, vendor: &str, product: &str) -> Option<&Arc<Dataset>> {
        let products = self.by_writer.get(&vendor.to_lowercase())?;
        let product = product.to_lowercase();
        let mut best: Option<&(Box<str>, usize)> = None;
        for known in products {
            if product.starts_with(&*known.0) && best.is_none_or(|best| known.0.len() > best.0.len()) {
                best = Some(known);
            }
        }
        best.map(|(_, index)| &self.datasets[*index])
    }

    /// What is probably a mistake in files of the user's, each with its place.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the files say of paths, hosts and ports: `select.paths`, `select.hosts`, `select.ports`.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The dataset of the Zeek log `path` (`select.zeek_paths`).
    pub fn dataset_of_zeek_path(&self, path: &str) -> Option<&Arc<Dataset>> {
        self.by_zeek_path
            .get(&path.to_lowercase())
            .map(|&i| &self.datasets[i])
    }

    /// The ECS types.
    pub fn types(&self) -> &Arc<TypeTable> {
        &self.types
    }
}

/// The columns every table starts with, in order: (SQL name, dotted name, type).
///
/// `message` and `original` hold text where the format has some; all others but `host_name` are never
/// null.
pub const STANDARD_COLUMNS: &[(&str, &str, ColumnType)] = &[
    ("time", "@timestamp", ColumnType::Timestamp),
    ("ingest_time", "event.ingested", ColumnType::Timestamp),
    ("tenant", "tenant", ColumnType::Keyword),
    ("dataset", "event.dataset", ColumnType::Keyword),
    ("event_id", "event.id", ColumnType::Keyword),
    ("host_name", "host.name", ColumnType::Keyword),
    ("message", "message", ColumnType::Keyword),
    ("original", "event.original", ColumnType::Keyword),
    ("log_file_path", "log.file.path", ColumnType::Keyword),
    ("log_offset", "log.offset", ColumnType::Integer),
];

/// SQL name of the JSON column that takes what has no column of its own.
pub const UNMAPPED: &str = "unmapped";

#[cfg(test)]
mod tests;
