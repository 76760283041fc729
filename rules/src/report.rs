//! What a [`Loader`](crate::Loader) gives back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::correlation::CorrelationRule;
use crate::filter::FilterRule;
use crate::ir::{DetectionRule, Level, LogSource, Meta};
use crate::problem::{Problem, Severity};
use crate::query::QueryRule;
use crate::sql::SqlRule;

/// How much of what was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Files (or texts) read.
    pub files: usize,
    /// Documents in them that are or should be rules; `action:` documents are not counted.
    pub documents: usize,
    /// Detection rules loaded, those that wait for a placeholder included.
    pub detections: usize,
    /// Of these, rules that wait for the value of a placeholder and cannot match.
    pub waiting: usize,
    /// Correlation rules loaded.
    pub correlations: usize,
    /// Filters loaded.
    pub filters: usize,
    /// Queries (EQL, KQL) loaded.
    pub queries: usize,
    /// SQL rules loaded.
    pub sql: usize,
    /// Documents and files that could not be loaded.
    pub failed: usize,
    /// `*.yml` and `*.yaml` files that were not read because they lie in a folder whose name starts with a dot.
    pub skipped: usize,
    /// Warnings.
    pub warnings: usize,
}

/// What was loaded and what was not.
#[derive(Debug, Default)]
pub struct LoadReport {
    /// Rules over single events, filters folded in.
    pub detections: Vec<Arc<DetectionRule>>,
    /// Rules over several events.
    pub correlations: Vec<Arc<CorrelationRule>>,
    /// The filters, with the rules that each was folded into.
    pub filters: Vec<FilterRule>,
    /// Rules written as queries.
    pub queries: Vec<Arc<QueryRule>>,
    /// Rules written in SQL.
    pub sql: Vec<Arc<SqlRule>>,
    /// Ids of rules that do not alert on their own: correlations refer to them, none with `generate: true`.
    pub referenced_only: BTreeSet<Arc<str>>,
    /// Everything that was wrong, in the order of the files; what concerns references between files
    /// comes last.
    pub problems: Vec<Problem>,
    /// How much of what.
    pub counts: Counts,
    /// The files, in the order in which they were read.
    pub files: Vec<PathBuf>,
}

/// What kind of rule a [`RuleSummary`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// A rule over single events.
    Detection,
    /// A rule over several events.
    Correlation,
    /// An exclusion folded into rules.
    Filter,
    /// A query in EQL or KQL.
    Query,
    /// A rule in SQL.
    Sql,
}

/// A loaded rule in a few words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleSummary<'r> {
    /// What it is.
    pub kind: RuleKind,
    /// Id, title, level, tags and place.
    pub meta: &'r Meta,
    /// Which events it is for; correlations and SQL rules have none of their own.
    pub log_source: Option<&'r LogSource>,
}

impl<'r> RuleSummary<'r> {
    /// Its level.
    pub fn level(&self) -> Level {
        self.meta.level
    }

    /// The file that it stands in.
    pub fn path(&self) -> &'r Path {
        &self.meta.location.path
    }
}

impl LoadReport {
    /// The problems that kept something from loading.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    }

    /// The problems that did not.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Warning)
    }

    /// Every loaded rule in a few words, for lists: detections, then correlations, filters, queries and SQL rules.
    pub fn summaries(&self) -> impl Iterator<Item = RuleSummary<'_>> {
        let summary = |kind, meta, log_source| RuleSummary {
            kind,
            meta,
            log_source,
        };
        let detections = self
            .detections
            .iter()
            .map(move |rule| summary(RuleKind::Detection, &rule.meta, Some(&rule.log_source)));
        let correlations = self
            .correlations
            .iter()
            .map(move |rule| summary(RuleKind::Correlation, &rule.meta, None));
        let filters = self
            .filters
            .iter()
            .map(move |rule| summary(RuleKind::Filter, &rule.meta, Some(&rule.log_source)));
        let queries = self.queries.iter();
        let queries = queries.map(move |rule| summary(RuleKind::Query, &rule.meta, Some(&rule.log_source)));
        let sql = self.sql.iter();
        let sql = sql.map(move |rule| summary(RuleKind::Sql, &rule.meta, None));
        detections
            .chain(correlations)
            .chain(filters)
            .chain(queries)
            .chain(sql)
    }

    /// Rules that cannot match until their placeholders have values.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<DetectionRule>> {
        self.detections.iter().filter(|rule| !rule.waiting_for.is_empty())
    }
}
