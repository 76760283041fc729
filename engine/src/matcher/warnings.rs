//! What in a rule can never match under a catalog.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use borzoi_parsers::catalog::{Catalog, Dataset, Resolution};
use borzoi_rules::ir::{DetectionRule, Expression, Location, LogSource, Matcher, Regex};
use hashbrown::HashMap;

use super::RuleIndex;
use crate::explain::log_source_text;
use crate::resolve::{nearest_field, routes};

/// Something about a rule that its author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct CompileWarning {
    /// The rule.
    pub rule: RuleIndex,
    /// Its id.
    pub rule_id: Arc<str>,
    /// Where it stands.
    pub location: Location,
    /// What is wrong.
    pub kind: WarningKind,
}

impl CompileWarning {
    /// Stable name of this kind of warning, for scripts.
    pub fn code(&self) -> &'static str {
        match self.kind {
            WarningKind::NoDataset(_) => "no-dataset",
            WarningKind::UnknownField { .. } => "unknown-field",
            WarningKind::Regex { .. } => "regex-too-large",
        }
    }

    /// What was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        match &self.kind {
            WarningKind::UnknownField { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }
}

/// Kinds of [`CompileWarning`].
#[derive(Debug, Clone, PartialEq)]
pub enum WarningKind {
    /// No dataset serves the rule's log source: it will never match.
    NoDataset(LogSource),
    /// No dataset of the rule's log source declares the field. It is looked for under the name as it
    /// stands, which finds undeclared fields of that name only.
    UnknownField {
        /// As the rule writes it.
        field: String,
        /// A declared name that looks like it.
        nearest: Option<String>,
    },
    /// The regular expression does not compile; the rule never matches.
    Regex {
        /// The expression.
        pattern: String,
        /// Why.
        reason: String,
    },
}

/// The reason, without the place and the suggestion.
impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WarningKind::NoDataset(source) => {
                let source = log_source_text(source);
                write!(f, "no dataset serves the {source}: the rule will never match")
            }
            WarningKind::UnknownField { field, .. } => {
                write!(f, "no dataset of the log source has the field `{field}`")
            }
            WarningKind::Regex { pattern, reason } => {
                write!(f, "the regular expression `{pattern}` cannot be run: {reason}")
            }
        }
    }
}

/// Place, reason and suggestion in one line.
impl fmt::Display for CompileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { path, line, column } = &self.location;
        write!(f, "{}:{line}:{column}: {}", path.display(), self.kind)?;
        match self.suggestion() {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

impl CompileWarning {
    fn new(number: usize, rule: &DetectionRule, kind: WarningKind) -> CompileWarning {
        CompileWarning {
            rule: RuleIndex(u32::try_from(number).expect("fewer rules than u32::MAX")),
            rule_id: rule.meta.id.clone(),
            location: rule.meta.location.clone(),
            kind,
        }
    }

    pub(super) fn of_regex(number: usize, rule: &DetectionRule, regex: &Regex, reason: &str) -> Self {
        let kind = WarningKind::Regex {
            pattern: regex.pattern.clone(),
            reason: reason.to_owned(),
        };
        CompileWarning::new(number, rule, kind)
    }
}

/// Which fields a catalog knows for a log source.
pub(crate) struct KnownFields<'a> {
    catalog: &'a Catalog,
    serving: HashMap<&'a LogSource, Vec<&'a Dataset>>,
    /// Of fields that are not known: what was probably meant. Rules of one log source name the same fields over and over.
    unknown: HashMap<(&'a LogSource, &'a str), Option<Option<String>>>,
}

impl<'a> KnownFields<'a> {
    pub(crate) fn new(catalog: &'a Catalog) -> KnownFields<'a> {
        KnownFields {
            catalog,
            serving: HashMap::new(),
            unknown: HashMap::new(),
        }
    }

    /// The datasets that serve a log source.
    pub(crate) fn datasets(&mut self, source: &'a LogSource) -> &[&'a Dataset] {
        self.serving.entry(source).or_insert_with(|| {
            let all = self.catalog.datasets().iter().map(|dataset| &**dataset);
            all.filter(|dataset| !routes(source, dataset).is_empty())
                .collect()
        })
    }

    /// `None` if a dataset of the log source has the field; otherwise what was probably meant, if anything is like it.
    pub(crate) fn unknown(&mut self, source: &'a LogSource, name: &'a str) -> Option<Option<String>> {
        self.datasets(source);
        let datasets = self.serving.get(source).map_or(&[][..], Vec::as_slice);
        let unknown = self.unknown.entry((source, name));
        let unknown = unknown.or_insert_with(|| unknown_field(source, name, datasets));
        unknown.clone()
    }
}

fn unknown_field(source: &LogSource, name: &str, datasets: &[&Dataset]) -> Option<Option<String>> {
    let mut shown_of = None;
    let declared = datasets.iter().any(|dataset| {
        if dataset.is_open(name) {
            return true;
        }
        let mut ways = routes(source, dataset).into_iter();
        ways.any(|route| match route.resolve(dataset, name) {
            Resolution::Declared(column) => match dataset.only_shown(&column) {
                Some(made_of) => {
                    shown_of.get_or_insert(made_of.dotted.to_string());
                    false
                }
                None => true,
            },
            Resolution::Undeclared(column) => dataset.makes(&column),
        })
    });
    (!declared).then(|| shown_of.or_else(|| nearest_field(name, datasets.iter().copied())))
}

/// Warnings about log sources that nothing serves and fields that nothing declares.
pub(super) fn of_log_sources(rules: &[Arc<DetectionRule>], catalog: &Catalog) -> Vec<CompileWarning> {
    let mut warnings = Vec::new();
    let mut known = KnownFields::new(catalog);
    for (number, rule) in rules.iter().enumerate() {
        let source = &rule.log_source;
        if known.datasets(source).is_empty() {
            let kind = WarningKind::NoDataset(source.clone());
            warnings.push(CompileWarning::new(number, rule, kind));
            continue;
        }
        let mut names = BTreeSet::new();
        for search in &rule.searches {
            field_names(&search.expression, &mut names);
        }
        for name in names {
            if let Some(nearest) = known.unknown(source, name) {
                let kind = WarningKind::UnknownField {
                    field: name.to_owned(),
                    nearest,
                };
                warnings.push(CompileWarning::new(number, rule, kind));
            }
        }
    }
    warnings
}

/// Every field name of an expression.
fn field_names<'e>(expression: &'e Expression, names: &mut BTreeSet<&'e str>) {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().for_each(|part| field_names(part, names));
        }
        Expression::Not(inner) => field_names(inner, names),
        // Lists are looked up wherever they may be met.
        Expression::Field {
            matcher: Matcher::Listed(_),
            ..
        } => {}
        Expression::Field { name, matcher } => {
            names.insert(name);
            if let Matcher::FieldRef { field, .. } = matcher {
                names.insert(field);
            }
        }
        Expression::Keyword(_) => {}
    }
}
