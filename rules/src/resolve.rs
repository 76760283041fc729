//! What refers across files: filters to rules, correlations to rules and to each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::correlation::{CorrelationRule, Draft};
use crate::filter::{self, FilterRule};
use crate::ir::{DetectionRule, Meta};
use crate::problem::{Problem, Reference, Severity, nearest};
use crate::query::QueryRule;

/// What a reference may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Detection(usize),
    Correlation(usize),
}

/// Finds rules by id (in any case) or by name.
struct Index<'r> {
    ids: HashMap<String, Target>,
    names: HashMap<&'r str, Target>,
}

impl<'r> Index<'r> {
    fn new(detections: impl Iterator<Item = &'r Meta>, correlations: impl Iterator<Item = &'r Meta>) -> Self {
        let mut index = Index {
            ids: HashMap::new(),
            names: HashMap::new(),
        };
        let detections = detections
            .enumerate()
            .map(|(i, meta)| (meta, Target::Detection(i)));
        let correlations = correlations
            .enumerate()
            .map(|(i, meta)| (meta, Target::Correlation(i)));
        for (meta, target) in detections.chain(correlations) {
            index.ids.entry(meta.id.to_lowercase()).or_insert(target);
            if let Some(name) = &meta.name {
                index.names.entry(name).or_insert(target);
            }
        }
        index
    }

    fn find(&self, word: &str) -> Option<Target> {
        self.names
            .get(word)
            .or_else(|| self.ids.get(&word.to_lowercase()))
            .copied()
    }

    fn near(&self, word: &str) -> Option<String> {
        nearest(
            word,
            self.names
                .keys()
                .copied()
                .chain(self.ids.keys().map(String::as_str)),
        )
    }
}

/// Folds the filters in.
pub(crate) fn filters(
    drafts: Vec<filter::Draft>,
    detections: &mut [DetectionRule],
    correlations: &[Draft],
    problems: &mut Vec<Problem>,
) -> Vec<FilterRule> {
    let mut plans = Vec::with_capacity(drafts.len());
    {
        let index = Index::new(
            detections.iter().map(|rule| &rule.meta),
            correlations.iter().map(|rule| &rule.meta),
        );
        for draft in &drafts {
            plans.push(plan(draft, &index, detections, problems));
        }
    }
    let mut filters = Vec::with_capacity(drafts.len());
    for (draft, chosen) in drafts.into_iter().zip(plans) {
        let mut applied_to = Vec::with_capacity(chosen.len());
        for position in chosen {
            filter::apply(&draft, &mut detections[position]);
            applied_to.push(Arc::clone(&detections[position].meta.id));
        }
        filters.push(FilterRule {
            meta: draft.meta,
            log_source: draft.log_source,
            applied_to,
            waiting_for: draft.body.waiting_for,
        });
    }
    filters
}

/// The rules that a filter goes into.
fn plan(
    draft: &filter::Draft,
    index: &Index<'_>,
    detections: &[DetectionRule],
    problems: &mut Vec<Problem>,
) -> Vec<usize> {
    let mut warn = |place: &Reference, code, message: String, near| {
        problems.push(place.problem(Severity::Warning, code, message, near));
    };
    if !draft.body.waiting_for.is_empty() {
        let message = format!(
            "the filter waits for the value of placeholder `{}` and filters nothing",
            draft.body.waiting_for.join("`, `")
        );
        warn(&draft.place, "filter-waiting", message, None);
        return Vec::new();
    }
    let fits = |position: usize| filter::covers(&draft.log_source, &detections[position].log_source);
    let mut chosen = Vec::new();
    match &draft.targets {
        None => chosen.extend((0..detections.len()).filter(|position| fits(*position))),
        Some(targets) => {
            for target in targets {
                match index.find(&target.text) {
                    Some(Target::Detection(position)) if fits(position) => chosen.push(position),
                    Some(Target::Detection(position)) => warn(
                        target,
                        "filter-logsource",
                        format!(
                            "rule `{}` is of another log source than the filter and is not filtered",
                            detections[position].meta.title
                        ),
                        None,
                    ),
                    Some(Target::Correlation(_)) => warn(
                        target,
                        "filter-correlation",
                        format!(
                            "`{}` is a correlation, filters go into detection rules",
                            target.text
                        ),
                        None,
                    ),
                    None => warn(
                        target,
                        "unknown-rule",
                        format!("the filter names rule `{}`, which is not loaded", target.text),
                        index.near(&target.text),
                    ),
                }
            }
            chosen.sort_unstable();
            chosen.dedup();
        }
    }
    chosen
}

/// Resolves the correlations. Gives those that hold together, and the ids of the rules that do not alert
/// on their own because only correlations without `generate` refer to them.
pub(crate) fn correlations(
    drafts: Vec<Draft>,
    detections: &[DetectionRule],
    queries: &[Arc<QueryRule>],
    problems: &mut Vec<Problem>,
) -> (Vec<Arc<CorrelationRule>>, BTreeSet<Arc<str>>) {
    let mut resolver = Resolver {
        index: Index::new(
            detections.iter().map(|rule| &rule.meta),
            drafts.iter().map(|draft| &draft.meta),
        ),
        drafts: &drafts,
        detections,
        queries,
        states: vec![State::New; drafts.len()],
        problems,
    };
    for position in 0..drafts.len() {
        resolver.visit(position);
    }
    let mut rules = Vec::with_capacity(drafts.len());
    for (position, draft) in drafts.iter().enumerate() {
        if resolver.states[position] == State::Good {
            rules.push(Arc::new(resolver.finish(draft)));
        }
    }
    let referred = |generate| {
        rules
            .iter()
            .filter(move |rule: &&Arc<CorrelationRule>| rule.generate == generate)
            .flat_map(|rule| rule.rules.iter().cloned())
    };
    let generated: BTreeSet<Arc<str>> = referred(true).collect();
    let silent = referred(false).filter(|id| !generated.contains(id)).collect();
    (rules, silent)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// On the way down from it.
    Open,
    Good,
    Bad,
}

struct Resolver<'r> {
    index: Index<'r>,
    drafts: &'r [Draft],
    detections: &'r [DetectionRule],
    queries: &'r [Arc<QueryRule>],
    states: Vec<State>,
    problems: &'r mut Vec<Problem>,
}

impl Resolver<'_> {
    /// Checks a correlation after those that it builds on, without recursion: chains may be long.
    fn visit(&mut self, start: usize) {
        let mut path = vec![start];
        while let Some(&position) = path.last() {
            match self.states[position] {
                State::New => {
                    self.states[position] = State::Open;
                    for reference in &self.drafts[position].rules {
                        if let Some(Target::Correlation(next)) = self.index.find(&reference.text)
                            && self.states[next] == State::New
                        {
                            path.push(next);
                        }
                    }
                }
                State::Open => {
                    path.pop();
                    self.states[position] = if self.check(position) {
                        State::Good
                    } else {
                        State::Bad
                    };
                }
                State::Good | State::Bad => {
                    path.pop();
                }
            }
        }
    }

    fn is_query(&self, text: &str) -> bool {
        let is = |query: &Arc<QueryRule>| {
            query.meta.id.eq_ignore_ascii_case(text) || query.meta.name.as_deref() == Some(text)
        };
        self.queries.iter().any(is)
    }

    /// Everything below has been checked, or is still open: then it is a circle.
    fn check(&mut self, position: usize) -> bool {
        let draft = &self.drafts[position];
        let mut good = true;
        for reference in &draft.rules {
            let (code, message, near) = match self.index.find(&reference.text) {
                Some(Target::Detection(_)) => continue,
                Some(Target::Correlation(other)) => match self.states[other] {
                    State::Good => continue,
                    State::Bad => (
                        "unknown-rule",
                        format!(
                            "the correlation builds on `{}`, which could not be loaded",
                            reference.text
                        ),
                        None,
                    ),
                    State::New | State::Open => (
                        "correlation-circle",
                        format!("the correlation builds on itself through `{}`", reference.text),
                        None,
                    ),
                },
                None if self.is_query(&reference.text) => (
                    "query-in-correlation",
                    format!(
                        "`{}` is a query; correlations read detection rules and each other",
                        reference.text
                    ),
                    None,
                ),
                None => (
                    "unknown-rule",
                    format!(
                        "the correlation names rule `{}`, which is not loaded",
                        reference.text
                    ),
                    self.index.near(&reference.text),
                ),
            };
            good = false;
            self.problems
                .push(reference.problem(Severity::Error, code, message, near));
        }
        for reference in draft.aliases.values().flatten().map(|(reference, _)| reference) {
            let target = self.index.find(&reference.text);
            let is_own = target.is_some()
                && draft
                    .rules
                    .iter()
                    .any(|rule| self.index.find(&rule.text) == target);
            if !is_own {
                good = false;
                self.problems.push(reference.problem(
                    Severity::Error,
                    "unknown-rule",
                    format!(
                        "the alias names rule `{}`, which is not among `rules`",
                        reference.text
                    ),
                    nearest(&reference.text, draft.rules.iter().map(|rule| rule.text.as_str())),
                ));
            }
        }
        good
    }

    fn id(&self, word: &str) -> Arc<str> {
        match self.index.find(word) {
            Some(Target::Detection(position)) => Arc::clone(&self.detections[position].meta.id),
            Some(Target::Correlation(position)) => Arc::clone(&self.drafts[position].meta.id),
            None => word.into(),
        }
    }

    fn finish(&self, draft: &Draft) -> CorrelationRule {
        let aliases: BTreeMap<_, _> = draft
            .aliases
            .iter()
            .map(|(alias, fields)| {
                let fields = fields
                    .iter()
                    .map(|(rule, field)| (self.id(&rule.text), field.clone()));
                (alias.clone(), fields.collect())
            })
            .collect();
        CorrelationRule {
            meta: draft.meta.clone(),
            kind: draft.kind,
            rules: draft.rules.iter().map(|rule| self.id(&rule.text)).collect(),
            group_by: draft.group_by.clone(),
            timespan: draft.timespan,
            aliases,
            condition: draft.condition.clone(),
            generate: draft.generate,
        }
    }
}
