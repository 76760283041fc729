//! Files and folders in, checked rules out.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use crate::body::body;
use crate::collection::{self, Step};
use crate::correlation;
use crate::filter;
use crate::ir::{DetectionRule, Location, Meta};
use crate::meta;
use crate::placeholder::Placeholders;
use crate::problem::{Problem, Severity, Sink, nearest};
use crate::query::{self, Language, QueryRule};
use crate::report::LoadReport;
use crate::resolve::{self, SameRule};
use crate::sql::{self, SqlRule};
use crate::yaml::{self, Data, Node};

/// Reads rules from files, folders and texts.
///
/// ```
/// let report = borzoi_rules::Loader::new().load_text(
///     "whoami.yml",
///     "title: Whoami
/// logsource: {product: windows, category: process_creation}
/// detection:
///     selection:
///         Image|endswith: '\\whoami.exe'
///     condition: selection
/// level: low
/// ",
/// );
/// assert!(report.problems.is_empty());
/// assert_eq!(&*report.detections[0].meta.title, "Whoami");
/// ```
#[derive(Debug, Default)]
pub struct Loader {
    placeholders: Placeholders,
    report: LoadReport,
    /// Where each id (in lower case) was first seen.
    ids: HashMap<String, Location>,
    names: HashMap<String, Location>,
    /// Names of rules that were read in another file.
    same: Vec<SameRule>,
    /// Files read so far, by their real paths.
    seen: HashSet<PathBuf>,
    /// The folder that was looked up last, and its real path.
    folder: Option<(PathBuf, PathBuf)>,
    detections: Vec<DetectionRule>,
    correlations: Vec<correlation::Draft>,
    filters: Vec<filter::Draft>,
    queries: Vec<Arc<QueryRule>>,
    sql: Vec<Arc<SqlRule>>,
}

impl Loader {
    /// A loader without placeholder values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule that stands in no file, to which correlations and filters may refer like to any other.
    pub fn add_rule(&mut self, rule: DetectionRule) {
        self.ids
            .entry(rule.meta.id.to_lowercase())
            .or_insert_with(|| rule.meta.location.clone());
        if let Some(name) = &rule.meta.name {
            self.names
                .entry(name.clone())
                .or_insert_with(|| rule.meta.location.clone());
        }
        self.detections.push(rule);
    }

    /// Gives the placeholders their values.
    #[must_use]
    pub fn placeholders(mut self, placeholders: Placeholders) -> Self {
        self.placeholders = placeholders;
        self
    }

    /// Reads files and, recursively and in the order of their names, the `*.yml` and `*.yaml` files of
    /// folders; what lies in folders whose name starts with a dot (`.git`, `.github`) is left out and counted
    /// ([`Counts::skipped`](crate::Counts::skipped)). A file that is reached twice is read once.
    pub fn load<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> LoadReport {
        for path in paths {
            self.add_path(path.as_ref());
        }
        self.finish()
    }

    /// Reads one text; `name` stands for the file in problems.
    pub fn load_text(mut self, name: impl Into<PathBuf>, text: &str) -> LoadReport {
        self.add_text(name, text);
        self.finish()
    }

    /// Reads a file or folder; see [`Loader::load`].
    pub fn add_path(&mut self, path: &Path) {
        if !path.is_dir() {
            self.add_file(path);
            return;
        }
        let mut found = false;
        let mut walk = WalkDir::new(path)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if is_left_out(&entry) => {
                    self.report.counts.skipped += rule_files_in(entry.path());
                    walk.skip_current_dir();
                }
                Ok(entry) if is_rule_file(&entry) => {
                    found = true;
                    self.add_file(entry.path());
                }
                Ok(_) => {}
                Err(error) => {
                    let place = error.path().unwrap_or(path).to_owned();
                    self.file_problem(place, "unreadable", format!("cannot read: {error}"));
                }
            }
        }
        if !found {
            self.report.problems.push(Problem::of_file(
                path,
                Severity::Warning,
                "no-rules",
                "no *.yml or *.yaml file in this folder",
            ));
        }
    }

    fn add_file(&mut self, path: &Path) {
        // The same file by two ways (`rules` and `rules/a.yml`) is one file, not two rules with one id.
        let real = self.real(path);
        if !self.seen.insert(real) {
            return;
        }
        match std::fs::read(path) {
            Err(error) => self.file_problem(path.to_owned(), "unreadable", format!("cannot read: {error}")),
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.add_text(path, &text),
                Err(error) => {
                    let place = error.utf8_error().valid_up_to();
                    let line = error.as_bytes()[..place]
                        .iter()
                        .filter(|byte| **byte == b'\n')
                        .count()
                        + 1;
                    self.file_problem(
                        path.to_owned(),
                        "not-utf8",
                        format!("not UTF-8 text from line {line} on, save the file as UTF-8"),
                    );
                }
            },
        }
    }

    /// A path without links. Files of one folder come together, so a folder is looked up once, not once a file.
    fn real(&mut self, path: &Path) -> PathBuf {
        let slow = || std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return slow();
        };
        if std::fs::symlink_metadata(path).map_or(true, |found| found.is_symlink()) {
            return slow();
        }
        if let Some((folder, real)) = &self.folder
            && folder == parent
        {
            return real.join(name);
        }
        // The parent of a bare name is empty, which no system has.
        let named = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        let Ok(real) = std::fs::canonicalize(named) else {
            return slow();
        };
        let file = real.join(name);
        self.folder = Some((parent.to_owned(), real));
        file
    }

    fn file_problem(&mut self, path: PathBuf, code: &'static str, message: String) {
        self.report.counts.failed += 1;
        self.report
            .problems
            .push(Problem::of_file(path, Severity::Error, code, message));
    }

    /// Reads one text.
    pub fn add_text(&mut self, name: impl Into<PathBuf>, text: &str) {
        let path = name.into();
        self.report.counts.files += 1;
        let documents = yaml::read(text);
        if documents.is_empty() {
            self.file_problem(
                path.clone(),
                "not-sigma",
                "the file is empty, it has no rule".to_owned(),
            );
        }
        let mut sink = Sink::new(&path, text);
        let mut collection = collection::Collection::default();
        for document in documents {
            let errors = sink.errors;
            match document {
                Err(error) => sink.error(error.at, error.code, error.message),
                Ok(None) => continue,
                Ok(Some(node)) => match collection.step(node, &mut sink) {
                    Step::Consumed => {
                        self.report.counts.failed += usize::from(sink.errors > errors);
                        continue;
                    }
                    Step::Rule { node, inherited_id } => self.add_document(&node, inherited_id, &mut sink),
                },
            }
            self.report.counts.documents += 1;
            self.report.counts.failed += usize::from(sink.errors > errors);
        }
        self.report.problems.append(&mut sink.problems);
        self.report.files.push(path);
    }

    fn add_document(&mut self, node: &Node<'_>, inherited_id: bool, sink: &mut Sink<'_>) {
        let Data::Map(entries) = &node.data else {
            sink.error(
                node.at,
                "not-sigma",
                format!("not a Sigma rule: the document is {}", node.kind()),
            );
            return;
        };
        const BODIES: [&str; 6] = ["detection", "correlation", "filter", "eql", "kql", "sql"];
        let mut bodies = BODIES.into_iter().filter_map(|body| node.entry(body));
        if let (Some((first, _)), Some((second, _))) = (bodies.next(), bodies.next()) {
            let (first, second) = (
                first.text().unwrap_or_default(),
                (second.at, second.text().unwrap_or_default()),
            );
            sink.error(
                second.0,
                "two-bodies",
                format!("a rule is one of `{first}` and `{}`, not both", second.1),
            );
            return;
        }
        if node.get("correlation").is_some() {
            if let Some(mut draft) = correlation::read(node, sink)
                && self.claim(&mut draft.meta, node, inherited_id, sink)
            {
                self.correlations.push(draft);
            }
        } else if node.get("filter").is_some() {
            if let Some(mut draft) = filter::read(node, &self.placeholders, sink)
                && self.claim(&mut draft.meta, node, inherited_id, sink)
            {
                self.filters.push(draft);
            }
        } else if node.get("detection").is_some() {
            self.add_detection(node, inherited_id, sink);
        } else if let Some(language) = Language::ALL
            .into_iter()
            .find(|language| node.get(language.name()).is_some())
        {
            if let Some(mut rule) = query::read(node, language, sink)
                && self.claim(&mut rule.meta, node, inherited_id, sink)
            {
                self.queries.push(Arc::new(rule));
            }
        } else if node.get("sql").is_some() {
            if let Some(mut rule) = sql::read(node, sink)
                && self.claim(&mut rule.meta, node, inherited_id, sink)
            {
                self.sql.push(Arc::new(rule));
            }
        } else {
            let misspelt = entries.iter().find_map(|(key, _)| {
                let near = nearest(key.text()?, BODIES)?;
                Some((key.at, near))
            });
            let (at, near) = match misspelt {
                Some((at, near)) => (at, Some(near)),
                None => (node.at, None),
            };
            sink.error_near(
                at,
                "not-sigma",
                "not a rule: it has no `detection`, `correlation`, `filter`, `eql`, `kql` or `sql`",
                near,
            );
        }
    }

    fn add_detection(&mut self, node: &Node<'_>, inherited_id: bool, sink: &mut Sink<'_>) {
        let errors = sink.errors;
        let meta = meta::read(node, sink);
        let log_source = meta::log_source(node, sink);
        let body = body(node, "detection", &[], &self.placeholders, sink);
        let (Some(mut meta), Some(log_source), Some(body)) = (meta, log_source, body) else {
            return;
        };
        if sink.errors > errors || self.is_same(&meta, node, sink) {
            return;
        }
        if !self.claim(&mut meta, node, inherited_id, sink) {
            return;
        }
        self.detections.push(DetectionRule {
            meta,
            log_source,
            searches: body.searches,
            conditions: body.conditions,
            waiting_for: body.waiting_for,
        });
    }

    /// Whether a rule without an id stands word for word in another file that was read before. It is one rule then, and
    /// its name in this file means that one: files come with the same base rules.
    fn is_same(&mut self, meta: &Meta, node: &Node<'_>, sink: &mut Sink<'_>) -> bool {
        if !meta.id.is_empty() {
            return false;
        }
        let id = collection::content_id(node);
        let place = sink.location(node.at);
        let Some(first) = self.ids.get(&id).filter(|first| first.path != place.path) else {
            return false;
        };
        let message = format!(
            "the same rule stands in {}:{} and is read once",
            first.path.display(),
            first.line
        );
        sink.warn(node.at, "same-rule", message, None);
        if let Some(name) = &meta.name {
            self.same.push(SameRule {
                path: place.path,
                name: name.clone(),
                id,
            });
        }
        true
    }

    /// Gives the rule its id and name; false if another rule has the id already.
    fn claim(&mut self, meta: &mut Meta, node: &Node<'_>, inherited: bool, sink: &mut Sink<'_>) -> bool {
        if meta.id.is_empty() || (inherited && self.ids.contains_key(&meta.id.to_lowercase())) {
            meta.id = collection::content_id(node).into();
        }
        let at = node.get("id").map_or(node.at, |node| node.at);
        if let Some(first) = self.ids.get(&meta.id.to_lowercase()) {
            sink.error(
                at,
                "duplicate-id",
                format!(
                    "rule id {} is taken by {}:{}, give this rule its own",
                    meta.id,
                    first.path.display(),
                    first.line
                ),
            );
            return false;
        }
        self.ids.insert(meta.id.to_lowercase(), sink.location(at));
        if let Some(name) = &meta.name {
            let at = node.get("name").map_or(node.at, |node| node.at);
            let place = sink.location(at);
            // The same name in another file is no mistake: a file means its own rules by their names.
            match self.names.get(name).filter(|first| first.path == place.path) {
                Some(first) => sink.warn(
                    at,
                    "duplicate-name",
                    format!(
                        "name `{name}` is taken by line {}, references mean that rule",
                        first.line
                    ),
                    None,
                ),
                None => {
                    self.names.insert(name.clone(), place);
                }
            }
        }
        true
    }

    /// Resolves what refers across files and gives the report.
    pub fn finish(mut self) -> LoadReport {
        let mut report = self.report;
        let problems = &mut report.problems;
        report.filters = resolve::filters(
            self.filters,
            &mut self.detections,
            &self.correlations,
            &self.same,
            problems,
        );
        let drafts = self.correlations.len();
        (report.correlations, report.referenced_only) = resolve::correlations(
            self.correlations,
            &self.detections,
            &self.queries,
            &self.same,
            problems,
        );
        report.counts.failed += drafts - report.correlations.len();
        report.detections = self.detections.into_iter().map(Arc::new).collect();
        report.queries = self.queries;
        report.counts.queries = report.queries.len();
        report.sql = self.sql;
        report.counts.sql = report.sql.len();
        report.counts.detections = report.detections.len();
        report.counts.waiting = report.waiting().count();
        report.counts.correlations = report.correlations.len();
        report.counts.filters = report.filters.len();
        report.counts.warnings = report.warnings().count();
        report
    }
}

/// Folders such as `.git` and `.github`, unless the user named them.
fn is_left_out(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_type().is_dir() && entry.file_name().to_string_lossy().starts_with('.')
}

/// How many files would have been read in a folder that is left out. One that cannot be opened has none.
fn rule_files_in(folder: &Path) -> usize {
    WalkDir::new(folder)
        .into_iter()
        .flatten()
        .filter(is_rule_file)
        .count()
}

fn is_rule_file(entry: &DirEntry) -> bool {
    entry.file_type().is_file()
        && entry.path().extension().is_some_and(|extension| {
            extension.eq_ignore_ascii_case("yml") || extension.eq_ignore_ascii_case("yaml")
        })
}
