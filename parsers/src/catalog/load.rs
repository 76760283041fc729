//! From catalog files to a [`Catalog`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use super::bounds::bounded;
use super::declare::{Names, Origin, plain_field, settle_sql_names};
use super::fill::{Entries, Gather};
use super::lines::{LineFormat, LineTest};
use super::loose::{LooseNames, fold};
use super::resolve::column;
use super::shape::{DatasetFile, SentenceFile, SigmaFile};
use super::shipped::{ECS, files};
use super::yaml::{self, scalar_text};

use super::{Catalog, Column, ColumnType, Dataset, Sentences, ServedLogSource, TypeTable, mistakes};
use crate::pins::{PinError, PinKind, Pins};

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

/// A catalog file with what it says.
struct Source {
    file: String,
    content: DatasetFile,
    /// The text of a file of the user's. It replaces a shipped dataset of the same name.
    user: Option<String>,
}

impl Source {
    fn read(file: String, text: String) -> Result<Source, CatalogError> {
        bounded(&file, &text)?;
        let content = match yaml::parse(&text) {
            Ok(json) => serde_json::from_value(json),
            Err(reason) => return Err(CatalogError::Yaml { file, reason }),
        };
        match content {
            Ok(content) => Ok(Source {
                file,
                content,
                user: Some(text),
            }),
            Err(error) => Err(locate(
                &text,
                CatalogError::Shape {
                    file,
                    reason: mistakes::of_shape(&error.to_string()),
                },
            )),
        }
    }
}

/// Points an error at the first name that it quotes, if `text` has it.
fn locate(text: &str, error: CatalogError) -> CatalogError {
    let place = |file: String, reason: &str| match yaml::place_of(reason, text) {
        Some((line, column)) => format!("{file}:{line}:{column}"),
        None => file,
    };
    match error {
        CatalogError::Shape { file, reason } => CatalogError::Shape {
            file: place(file, &reason),
            reason,
        },
        CatalogError::Conflict { file, reason } => CatalogError::Conflict {
            file: place(file, &reason),
            reason,
        },
        other => other,
    }
}

pub(super) fn builtin() -> Result<Catalog, CatalogError> {
    load(shipped())
}

pub(super) fn with_dir(dir: &Path) -> Result<Catalog, CatalogError> {
    let mut sources = shipped();
    for path in yaml_files(dir)? {
        let text = fs::read_to_string(&path).map_err(|source| cannot_read(&path, source))?;
        sources.push(Source::read(path.display().to_string(), text)?);
    }
    load(sources)
}

pub(super) fn of_file(file: &str, text: &str) -> Result<Catalog, CatalogError> {
    load(vec![Source::read(file.to_owned(), text.to_owned())?])
}

fn shipped() -> Vec<Source> {
    let source = |(file, content)| Source {
        file,
        content,
        user: None,
    };
    files().into_iter().map(source).collect()
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
        match &source.content.base {
            Some(base) => {
                bases.insert(base.clone(), source.content);
            }
            None => entries.push(source),
        }
    }
    let mut catalog = Catalog {
        datasets: Vec::new(),
        by_name: HashMap::new(),
        by_program: HashMap::new(),
        by_zeek_path: HashMap::new(),
        by_writer: HashMap::new(),
        pins: Pins::default(),
        warnings: Vec::new(),
        types: types.clone(),
    };
    let mut users = Vec::new();
    // File and text of each dataset.
    let mut texts: Vec<(String, Option<String>)> = Vec::new();
    for Source { file, content, user } in entries {
        let locate = |error| locate(user.as_deref().unwrap_or_default(), error);
        let conflict = |reason: String| {
            locate(CatalogError::Conflict {
                file: file.clone(),
                reason,
            })
        };
        let base = match &content.extends {
            Some(name) => Some(bases.get(name).ok_or_else(|| {
                locate(CatalogError::Shape {
                    file: file.clone(),
                    reason: format!("`{name}` cannot be extended: no file has `base: {name}`"),
                })
            })?),
            None => None,
        };
        let mentioned = mistakes::mentioned(&content);
        let dataset = build(&file, content, base, types).map_err(locate)?;
        if let Some(text) = &user {
            let told = mistakes::of_names(&dataset, &mentioned, &file, text);
            catalog.warnings.extend(told);
        }
        let index = catalog.datasets.len();
        match catalog.by_name.get(&*dataset.name) {
            Some(&shipped) if user.is_some() && !users.contains(&shipped) => {
                users.push(shipped);
                catalog.datasets[shipped] = Arc::new(dataset);
                texts[shipped] = (file, user);
                continue;
            }
            Some(_) => return Err(conflict(format!("`{}` is described twice", dataset.name))),
            None => {}
        }
        if let Some(other) = catalog.datasets.iter().find(|d| d.table() == dataset.table()) {
            return Err(conflict(format!(
                "`{}` and `{}` would share the table {}: rename one",
                dataset.name,
                other.name,
                dataset.table()
            )));
        }
        if user.is_some() {
            users.push(index);
        }
        catalog.by_name.insert(dataset.name.to_string(), index);
        catalog.datasets.push(Arc::new(dataset));
        texts.push((file, user));
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
        for writer in &select.writers {
            let (vendor, product) = writer.split_once('|').unwrap_or((writer, ""));
            let products = catalog.by_writer.entry(vendor.trim().to_lowercase()).or_default();
            products.push((product.trim().to_lowercase().into_boxed_str(), index));
        }
    }
    catalog.pins = pins(&catalog.datasets, &texts)?;
    Ok(catalog)
}

/// What the datasets say of paths, hosts and ports. `texts`: file and text of each.
fn pins(datasets: &[Arc<Dataset>], texts: &[(String, Option<String>)]) -> Result<Pins, CatalogError> {
    let mut pins = Pins::default();
    let wrong = |error: PinError| CatalogError::Conflict {
        file: error.place,
        reason: error.reason,
    };
    for (dataset, (file, text)) in datasets.iter().zip(texts) {
        let text = text.as_deref().unwrap_or_default();
        let select = &dataset.select;
        let ports: Vec<String> = select.ports.iter().map(u16::to_string).collect();
        for (kind, written) in [
            (PinKind::Path, &select.paths),
            (PinKind::Host, &select.hosts),
            (PinKind::Port, &ports),
        ] {
            for what in written {
                let place = match yaml::place_of(&format!("`{what}`"), text) {
                    Some((line, column)) => format!("{file}:{line}:{column}"),
                    None => file.clone(),
                };
                pins.add(kind, what, dataset, place).map_err(wrong)?;
            }
        }
    }
    pins.check().map_err(wrong)?;
    Ok(pins)
}

fn sentences(file: &str, entries: Vec<SentenceFile>) -> Result<Vec<Sentences>, CatalogError> {
    for shape in entries.iter().flat_map(|entry| &entry.shapes) {
        mistakes::of_sentence(shape).map_err(|reason| CatalogError::Conflict {
            file: file.to_owned(),
            reason,
        })?;
    }
    let sentences = entries.into_iter().map(|entry| Sentences {
        from: entry.from.into(),
        shapes: entry.shapes,
    });
    Ok(sentences.collect())
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
    mistakes::of_name(&name).map_err(|reason| CatalogError::Shape {
        file: file.to_owned(),
        reason,
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
    let Names {
        mut fields,
        mut by_name,
        exact,
        ..
    } = names;
    settle_sql_names(file, &mut fields)?;
    let mut column_names = HashSet::new();
    // Column names come last, so that a native name always wins over another field's column name.
    for (index, field) in fields.iter().enumerate() {
        for name in [&field.column.dotted, &field.column.sql] {
            if let Entry::Vacant(vacant) = by_name.entry(name.to_lowercase()) {
                column_names.insert(vacant.key().clone());
                vacant.insert(index);
            }
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
        fill: Vec::new(),
        gather: Gather::default(),
        shown: Vec::new(),
        pairs: entry.pairs.map(Arc::from),
        sentences: sentences(file, entry.sentences)?,
        by_name,
        column_names,
        exact,
        loose,
        types: types.clone(),
    };
    let exclusive = entry.exclusive || base.is_some_and(|base| base.exclusive);
    let fill = Entries {
        file,
        own: &entry.fill,
        base: base.map_or(&[], |base| &base.fill),
        exclusive,
    };
    (dataset.fill, dataset.gather) = fill.fills(&dataset)?;
    let show = Entries {
        own: &entry.show,
        base: base.map_or(&[], |base| &base.show),
        ..fill
    };
    let native = entry.show_native.as_deref();
    let native = native.or_else(|| base.and_then(|base| base.show_native.as_deref()));
    dataset.shown = show.shown(&dataset, native)?;
    for shown in &dataset.shown {
        // What several entries make is no other name of any column.
        let entries = dataset.shown.iter().filter(|other| other.column == shown.column);
        if entries.count() > 1 {
            continue;
        }
        let of = |column: &Column| dataset.fields.iter().position(|field| field.column == *column);
        if let Some(field) = shown.only_source().and_then(of) {
            dataset
                .by_name
                .entry(shown.column.dotted.to_lowercase())
                .or_insert(field);
        }
    }
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
            let folded = fold(name);
            if !loose.has(&folded) {
                loose.add_folded(folded.clone(), &column);
            }
            if !inherited.add_folded(folded, &column) {
                return Err(names.conflict(format!("`{name}` is listed as `loose` for two columns")));
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
    let columns: HashMap<String, Column> = csv
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
        .map(|(name, kind)| {
            let column = column(&name, kind);
            (name, column)
        })
        .collect();
    let by_sql = columns
        .keys()
        .map(|dotted| (crate::names::sql_name(dotted), dotted.clone()))
        .collect();
    TypeTable { columns, by_sql }
}
