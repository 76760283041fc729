//! From catalog files to a [`Catalog`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;

use super::bounds::bounded;
use super::copies::{Copies, copies};
use super::declare::{Names, Origin, plain_field, settle_sql_names};
use super::derive::Derivation;
use super::file::{DatasetFile, SigmaFile, parse, scalar_text};
use super::files::{ECS, FILES};
use super::filled::filled;
use super::lines::{LineFormat, LineTest};
use super::loose::LooseNames;
use super::{Catalog, ColumnType, Dataset, ServedLogSource, TypeTable};

/// Why a catalog file cannot be used. The fault is the file's author's.
///
/// `file` is the path with, where it is known, line and column: `mine/app.yaml:7:14`.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A file or folder cannot be read.
    #[error("cannot read {file}: {source}")]
    Io {
        /// The file or folder.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no YAML.
    #[error("{file}: not valid YAML: {reason}")]
    Yaml {
        /// The catalog file.
        file: String,
        /// What the YAML parser says.
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
    /// Each pattern is fine, but all of them together are not.
    #[error("the patterns of all datasets together: {reason}")]
    Patterns {
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

/// A catalog file before it is read.
struct Source {
    file: String,
    text: String,
    /// It comes from the user's folder, and replaces a shipped dataset of the same name.
    user: bool,
}

impl Source {
    /// The file with the line and column of `word`, if the text has it as a word of its own.
    fn place_of(&self, word: &str) -> String {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        for (number, line) in self.text.lines().enumerate() {
            let code = line.split(" #").next().unwrap_or_default();
            for (at, _) in code.match_indices(word) {
                let before = code[..at].chars().next_back();
                let after = code[at + word.len()..].chars().next();
                if !before.is_some_and(is_word) && !after.is_some_and(is_word) {
                    let column = code[..at].chars().count() + 1;
                    return format!("{}:{}:{column}", self.file, number + 1);
                }
            }
        }
        self.file.clone()
    }

    /// Points an error at the first name that it quotes.
    fn locate(&self, error: CatalogError) -> CatalogError {
        let place = |reason: &str| match reason.split('`').nth(1) {
            Some(word) if !word.is_empty() => self.place_of(word),
            _ => self.file.clone(),
        };
        match error {
            CatalogError::Shape { reason, .. } => CatalogError::Shape {
                file: place(&reason),
                reason,
            },
            CatalogError::Conflict { reason, .. } => CatalogError::Conflict {
                file: place(&reason),
                reason,
            },
            other => other,
        }
    }
}

pub(super) fn builtin() -> Result<Catalog, CatalogError> {
    load(shipped())
}

pub(super) fn with_dir(dir: &Path) -> Result<Catalog, CatalogError> {
    let mut sources = shipped();
    for path in yaml_files(dir)? {
        let text = fs::read_to_string(&path).map_err(|source| cannot_read(&path, source))?;
        sources.push(Source {
            file: path.display().to_string(),
            text,
            user: true,
        });
    }
    load(sources)
}

pub(super) fn of_file(file: &str, text: &str) -> Result<Catalog, CatalogError> {
    load(vec![Source {
        file: file.to_owned(),
        text: text.to_owned(),
        user: true,
    }])
}

fn shipped() -> Vec<Source> {
    FILES
        .iter()
        .map(|(file, text)| Source {
            file: (*file).to_owned(),
            text: (*text).to_owned(),
            user: false,
        })
        .collect()
}

fn cannot_read(path: &Path, source: std::io::Error) -> CatalogError {
    CatalogError::Io {
        file: path.display().to_string(),
        source,
    }
}

/// The YAML files below `dir`, in the order of their paths.
fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(dir).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(dir).to_owned();
            cannot_read(&path, error.into())
        })?;
        let extension = entry.path().extension().and_then(|e| e.to_str());
        if entry.file_type().is_file() && matches!(extension, Some("yaml" | "yml")) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn load(sources: Vec<Source>) -> Result<Catalog, CatalogError> {
    static TYPES: OnceLock<Arc<TypeTable>> = OnceLock::new();
    let types = TYPES.get_or_init(|| Arc::new(ecs_types(ECS)));
    let mut bases: BTreeMap<String, DatasetFile> = BTreeMap::new();
    let mut entries = Vec::new();
    for source in sources {
        if source.user {
            bounded(&source.file, &source.text)?;
        }
        let entry = parse(&source.file, &source.text).map_err(|error| source.locate(error))?;
        match &entry.base {
            Some(base) => {
                bases.insert(base.clone(), entry);
            }
            None => entries.push((source, entry)),
        }
    }
    let mut catalog = Catalog {
        datasets: Vec::new(),
        by_name: HashMap::new(),
        by_program: HashMap::new(),
        by_zeek_path: HashMap::new(),
        types: types.clone(),
    };
    let mut users = Vec::new();
    for (source, entry) in entries {
        let base = match &entry.extends {
            Some(name) => Some(bases.get(name).ok_or_else(|| {
                source.locate(CatalogError::Shape {
                    file: source.file.clone(),
                    reason: format!("`{name}` cannot be extended: no file has `base: {name}`"),
                })
            })?),
            None => None,
        };
        let dataset = build(&source.file, entry, base, types).map_err(|error| source.locate(error))?;
        let index = catalog.datasets.len();
        match catalog.by_name.get(&*dataset.name) {
            Some(&shipped) if source.user && !users.contains(&shipped) => {
                users.push(shipped);
                catalog.datasets[shipped] = Arc::new(dataset);
                continue;
            }
            Some(_) => {
                return Err(source.locate(CatalogError::Conflict {
                    file: source.file.clone(),
                    reason: format!("`{}` is described twice", dataset.name),
                }));
            }
            None => {}
        }
        if let Some(other) = catalog.datasets.iter().find(|d| d.table() == dataset.table()) {
            return Err(source.locate(CatalogError::Conflict {
                file: source.file.clone(),
                reason: format!(
                    "`{}` and `{}` would share the table {}: rename one",
                    dataset.name,
                    other.name,
                    dataset.table()
                ),
            }));
        }
        if source.user {
            users.push(index);
        }
        catalog.by_name.insert(dataset.name.to_string(), index);
        catalog.datasets.push(Arc::new(dataset));
    }
    let expressions: Vec<&str> = catalog
        .datasets
        .iter()
        .flat_map(|dataset| &dataset.lines.patterns)
        .map(|pattern| pattern.regex.as_str())
        .collect();
    LineFormat::automaton(&expressions).map_err(|reason| CatalogError::Patterns { reason })?;
    // A user's dataset takes its programs and logs from a shipped one.
    let shipped_last = |index: &usize| !users.contains(index);
    let mut order: Vec<usize> = (0..catalog.datasets.len()).collect();
    order.sort_by_key(shipped_last);
    for index in order {
        let select = &catalog.datasets[index].select;
        for program in &select.programs {
            catalog.by_program.entry(program.to_lowercase()).or_insert(index);
        }
        for path in &select.zeek_paths {
            catalog.by_zeek_path.entry(path.to_lowercase()).or_insert(index);
        }
    }
    Ok(catalog)
}

fn build(
    file: &str,
    entry: DatasetFile,
    base: Option<&DatasetFile>,
    types: &Arc<TypeTable>,
) -> Result<Dataset, CatalogError> {
    let name = entry.dataset.clone().ok_or_else(|| CatalogError::Shape {
        file: file.to_owned(),
        reason: "has neither `dataset` nor `base`: say which dataset it describes".into(),
    })?;
    let prefix = entry
        .prefix
        .clone()
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
    let loose = loose_names(&names, &entry, base)?;
    let derive = std::iter::once(&entry)
        .chain(base)
        .flat_map(|from| &from.derive)
        .map(|line| Derivation::new(file, line, types))
        .collect::<Result<_, _>>()?;
    let mut constants = base.map(|base| base.constants.clone()).unwrap_or_default();
    constants.extend(entry.constants);
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
    let lines = LineFormat::new(entry.lines).map_err(|reason| CatalogError::Shape {
        file: file.to_owned(),
        reason,
    })?;
    let mut strip: Vec<String> = entry.strip;
    strip.extend(base.map(|b| b.strip.clone()).unwrap_or_default());
    let mut dataset = Dataset {
        name: Arc::from(name),
        title: entry.title,
        groups: if entry.groups.is_empty() {
            base.map(|b| b.groups.clone()).unwrap_or_default()
        } else {
            entry.groups
        },
        prefix,
        strip: strip.into_iter().map(|prefix| prefix.to_lowercase()).collect(),
        open: base
            .iter()
            .flat_map(|base| &base.open)
            .chain(&entry.open)
            .map(|field| field.to_lowercase())
            .collect(),
        select: entry.select,
        sigma,
        lines,
        tests: entry.tests.into_iter().map(LineTest::from).collect(),
        fields,
        copies: Copies::default(),
        derive,
        constants: constants
            .iter()
            .map(|(column, value)| (column.as_str().into(), value.as_str().into()))
            .collect(),
        filled: Vec::new(),
        by_name,
        exact,
        loose,
        types: types.clone(),
    };
    let copied = entry
        .copies
        .iter()
        .chain(base.iter().flat_map(|base| &base.copies));
    dataset.copies = copies(file, &dataset, copied)?;
    let keep = entry.keep.or_else(|| base.and_then(|base| base.keep.clone()));
    let inherited = base.map_or(&[][..], |base| &base.fill);
    dataset.filled = filled(file, &dataset, &entry.fill, inherited, keep.as_deref())?;
    Ok(dataset)
}

/// The loose names of a file and of the one it extends; its own come first.
fn loose_names(
    names: &Names<'_>,
    entry: &DatasetFile,
    base: Option<&DatasetFile>,
) -> Result<LooseNames, CatalogError> {
    let mut loose = LooseNames::default();
    for (dotted, spellings) in &entry.loose {
        let column = names.known_column(dotted)?;
        for name in spellings {
            if !loose.add(name, &column) {
                return Err(names.conflict(format!("`{name}` is listed as `loose` for two columns")));
            }
        }
    }
    let mut inherited = LooseNames::default();
    for (dotted, spellings) in base.iter().flat_map(|base| &base.loose) {
        let column = names.known_column(dotted)?;
        for name in spellings {
            if !inherited.add(name, &column) {
                return Err(names.conflict(format!("`{name}` is listed as `loose` for two columns")));
            }
            if !loose.has(name) {
                loose.add(name, &column);
            }
        }
    }
    for wrapper in base.iter().flat_map(|base| &base.wrappers).chain(&entry.wrappers) {
        loose.add_wrapper(wrapper);
    }
    Ok(loose)
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

fn ecs_types(csv: &str) -> TypeTable {
    // What is derived beside ECS has the same name in every dataset, too.
    let derived = crate::enrich::columns().iter().map(|derived| &derived.column);
    let derived = derived
        .filter(|column| !column.dotted.contains(char::is_uppercase))
        .map(|column| (column.dotted.to_string(), column.column_type));
    let types: HashMap<String, ColumnType> = csv
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
        .chain(derived)
        .collect();
    let by_sql = types
        .keys()
        .map(|dotted| (crate::names::sql_name(dotted), dotted.clone()))
        .collect();
    TypeTable { types, by_sql }
}
