//! Queries in EQL and KQL on their way through a scan.
//!
//! ```text
//! worker threads:  matches of a query's parts ─▶ what the rule IR cannot say ─▶ alerts of single events
//!                                                                      └─────▶ hits ([`hits`]) ─┐
//! collector:       hits, in the order of event time ─▶ [`Sequences`] ─▶ pipes ─▶ alerts ([`run`]) ◀┘
//! ```
//!
//! A query costs what a detection rule costs: its parts are rules among the others (without a voice of their own), so
//! that each distinct value is looked at once for all of them. Only events that pass are looked at one by one, for
//! functions, arithmetic and comparisons of fields.
//!
//! What is found does not depend on the order of the input, its cuts or the number of threads: sequences see their events
//! in the order of time, and of the source where times are the same; pipes see results in that order.

pub(crate) mod hits;
mod relations;
mod row;
pub mod run;
pub(crate) mod snapshot;

use std::sync::{Arc, PoisonError, RwLock};

use borzoi_parsers::catalog::Dataset;
use borzoi_rules::eql::{Body, Expr, FieldPath, Pipe};
use borzoi_rules::ir::DetectionRule;
use borzoi_rules::query::QueryRule;
use hashbrown::{HashMap, HashSet};

use crate::alert::AlertRule;
use crate::alert_build::face_of;
use crate::matcher::{CompileWarning, CompiledRules, RuleIndex};
use crate::resolve::{FieldKey, routes};
use row::Names;
pub use run::NotRun;

#[cfg(doc)]
use crate::sequence::Sequences;

/// Queries, compiled; shared by threads.
#[derive(Debug, Default)]
pub struct Queries {
    rules: Vec<Arc<QueryRule>>,
    faces: Vec<AlertRule>,
    ways: Vec<Way>,
    not_run: Vec<NotRun>,
    /// The detection rules of their parts, which are the last ones: whose each is.
    parts: Vec<PartUse>,
    /// The number of the first of them.
    first: u32,
    /// What the fields are called, by dataset and route.
    names: RwLock<HashMap<(Arc<str>, RuleIndex), NamesOfRoutes>>,
}

/// What the fields of a part are called, by route.
type NamesOfRoutes = Arc<[Arc<Names>]>;

/// How a query is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By one event after another, as they come.
    Event,
    /// By what waits for other events, or for the end.
    Later,
    /// The same, once it is known how processes relate.
    Related,
}

impl Way {
    fn of(query: &QueryRule) -> Way {
        if query.asks_relations() {
            return Way::Related;
        }
        match (&query.query.body, &query.query.pipes[..]) {
            (Body::Event(_), []) => Way::Event,
            _ => Way::Later,
        }
    }
}

/// A part of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartUse {
    pub(crate) query: u32,
    pub(crate) part: u16,
    /// Whether its rule holds for no other event.
    pub(crate) exact: bool,
}

impl Queries {
    /// Compiles `rules`; with the detection rules of their parts, which have to be the last ones of those that are
    /// [compiled](CompiledRules::compile).
    pub fn new(rules: Vec<Arc<QueryRule>>) -> (Queries, Vec<Arc<DetectionRule>>) {
        let mut queries = Queries::default();
        let mut detections = Vec::new();
        for rule in rules {
            if let Some(Err(reason)) = run::plan_of(&rule).map(|plan| plan.check()) {
                queries.not_run.push(NotRun { rule, reason });
                continue;
            }
            let query = queries.rules.len() as u32;
            for part in 0..rule.parts().len() {
                let (rules, exact) = rule.detections(part);
                let part = part as u16;
                for rule in rules {
                    queries.parts.push(PartUse { query, part, exact });
                    detections.push(Arc::new(rule));
                }
            }
            queries.faces.push(face_of(&rule.meta));
            queries.ways.push(Way::of(&rule));
            queries.rules.push(rule);
        }
        (queries, detections)
    }

    /// Queries that do not run, and why. They are none of [`Queries::rules`].
    pub fn not_run(&self) -> &[NotRun] {
        &self.not_run
    }

    /// Queries whose answers are known only when the input is over: those with pipes, and those that ask how processes
    /// relate.
    pub fn wait_for_the_end(&self) -> impl Iterator<Item = &Arc<QueryRule>> {
        let rules = (0..).zip(&self.rules);
        let waiting = rules.filter(|(query, _)| self.waits_for_the_end(*query));
        waiting.map(|(_, rule)| rule)
    }

    /// Whether the answer of a query is known only when the input is over.
    pub(crate) fn waits_for_the_end(&self, query: u32) -> bool {
        let pipes = |rule: &Arc<QueryRule>| !rule.query.pipes.is_empty();
        self.way(query) == Way::Related || self.rules.get(query as usize).is_some_and(pipes)
    }

    /// The queries that run.
    pub fn rules(&self) -> &[Arc<QueryRule>] {
        &self.rules
    }

    /// What alerts say of a query.
    pub(crate) fn face(&self, query: u32) -> &AlertRule {
        &self.faces[query as usize]
    }

    /// How a query is answered.
    pub(crate) fn way(&self, query: u32) -> Way {
        self.ways[query as usize]
    }

    /// How many detection rules its parts are.
    pub(crate) fn detections(&self) -> usize {
        self.parts.len()
    }

    /// Takes its place behind `first` other rules.
    pub(crate) fn place(&mut self, first: usize) {
        self.first = first as u32;
    }

    /// Of the warnings about the rules of parts those that are about the query: each once, and only where all rules of
    /// the part have it.
    pub(crate) fn warnings(&self, warnings: Vec<CompileWarning>) -> Vec<CompileWarning> {
        let mut seen: HashMap<(u32, u16, String), usize> = HashMap::new();
        let rules_of = |part: &PartUse| {
            let same = |other: &&PartUse| (other.query, other.part) == (part.query, part.part);
            self.parts.iter().filter(same).count()
        };
        let mut told: HashSet<(u32, String)> = HashSet::new();
        let is_kept = |warning: &CompileWarning| {
            let Some(part) = self.part(warning.rule) else {
                return true;
            };
            let text = warning.kind.to_string();
            let times = seen.entry((part.query, part.part, text.clone())).or_default();
            *times += 1;
            *times == rules_of(&part) && told.insert((part.query, text))
        };
        let mut is_kept = is_kept;
        warnings.into_iter().filter(|warning| is_kept(warning)).collect()
    }

    /// The part that a detection rule is.
    pub(crate) fn part(&self, rule: RuleIndex) -> Option<PartUse> {
        let place = rule.0.checked_sub(self.first)?;
        self.parts.get(place as usize).copied()
    }

    /// What the fields of a part are called in events of a dataset, by route.
    fn names(&self, rules: &CompiledRules, rule: RuleIndex, dataset: &Dataset) -> NamesOfRoutes {
        let asked = (dataset.name.clone(), rule);
        let known = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known.get(&asked) {
            return names.clone();
        }
        drop(known);
        let found = match self.part(rule) {
            Some(part) => {
                let query = &self.rules[part.query as usize];
                let paths = paths_of(query, part.part as usize);
                let routes = routes(&rules.rule(rule).log_source, dataset);
                let names = routes.iter().map(|route| {
                    let paths = paths.iter().copied();
                    Arc::new(Names::new(paths, route, dataset))
                });
                names.collect()
            }
            None => Vec::new(),
        };
        let mut known = self.names.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(asked).or_insert(found.into()).clone()
    }

    /// All fields that are asked of events of a dataset.
    pub(crate) fn keys(&self, rules: &CompiledRules, dataset: &Dataset) -> Vec<Arc<FieldKey>> {
        let parts = (0..self.parts.len()).map(|part| RuleIndex(self.first + part as u32));
        let names = parts.map(|rule| self.names(rules, rule, dataset));
        let mut keys = Vec::new();
        for names in names {
            keys.extend(names.iter().flat_map(|names| names.keys().cloned()));
        }
        keys
    }
}

/// The fields that have to be known of an event of a part: for its condition, what keeps sequences apart, and the pipes.
fn paths_of(query: &QueryRule, part: usize) -> Vec<&FieldPath> {
    let mut paths = Vec::new();
    if let Some(part) = query.part(part) {
        paths.extend(part.event.condition.fields());
        paths.extend(part.by.iter().flat_map(|by| by.fields()));
    }
    paths.extend(pipe_paths(query));
    if query.asks_relations() {
        paths.extend(relations::paths().map(|path: &FieldPath| path));
    }
    paths
}

/// The fields that the pipes of a query name.
fn pipe_paths(query: &QueryRule) -> Vec<&FieldPath> {
    let exprs = query.query.pipes.iter().flat_map(|pipe| -> Vec<&Expr> {
        match pipe {
            Pipe::Head(_) | Pipe::Tail(_) => Vec::new(),
            Pipe::Sort(by) | Pipe::Unique(by) | Pipe::UniqueCount(by) | Pipe::Count(by) => {
                by.iter().collect()
            }
            Pipe::Filter(condition) => vec![condition],
        }
    });
    let mut paths: Vec<&FieldPath> = exprs.flat_map(Expr::fields).collect();
    // Those list the hosts too.
    let counts = |pipe: &Pipe| matches!(pipe, Pipe::UniqueCount(_) | Pipe::Count(_));
    if query.query.pipes.iter().any(counts) {
        paths.extend(relations::HOST.iter().map(|path: &FieldPath| path));
    }
    paths
}
