//! What refers across files: filters to rules, correlations to rules and to each other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::correlation::{CorrelationCondition, CorrelationKind, CorrelationRule, Draft, Weight};
use crate::filter::{self, FilterRule};
use crate::ir::{DetectionRule, Meta};
use crate::problem::{Problem, Reference, Severity, nearest};
use crate::query::QueryRule;

/// What a reference may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Detection(usize),
    Correlation(usize),
}

/// Finds rules by id (in any case) or by name.
struct Index<'r> {
    ids: HashMap<String, Target>,
    /// The first rule of each name, and how many have it.
    names: HashMap<&'r str, (Target, usize)>,
    /// The first rule of each name of each file: a collection in one file means its own rules, whatever
    /// others are called. Names are common words (`failed_logon`), and files come from many hands.
    own: HashMap<(&'r Path, &'r str), Target>,
}

/// A rule that a file repeats word for word from another one.
#[derive(Debug)]
pub(crate) struct SameRule {
    pub path: PathBuf,
    pub name: String,
    /// The id of the rule that was read.
    pub id: String,
}

impl<'r> Index<'r> {
    fn new(
        detections: impl Iterator<Item = &'r Meta>,
        correlations: impl Iterator<Item = &'r Meta>,
        same: &'r [SameRule],
    ) -> Self {
        let mut index = Index {
            ids: HashMap::new(),
            names: HashMap::new(),
            own: HashMap::new(),
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
                index.names.entry(name).or_insert((target, 0)).1 += 1;
                let path = meta.location.path.as_path();
                index.own.entry((path, name)).or_insert(target);
            }
        }
        for rule in same {
            if let Some(target) = index.ids.get(&rule.id) {
                index.own.entry((&rule.path, &rule.name)).or_insert(*target);
            }
        }
        index
    }

    /// By a name of the reference's own file, by a name of any file, by an id.
    fn find(&self, reference: &Reference) -> Option<Target> {
        let word = reference.text.as_str();
        self.own
            .get(&(reference.location.path.as_path(), word))
            .copied()
            .or_else(|| self.names.get(word).map(|(first, _)| *first))
            .or_else(|| self.ids.get(&word.to_lowercase()).copied())
    }

    /// A warning if the reference may mean one of several rules.
    fn doubt(&self, reference: &Reference) -> Option<Problem> {
        let word = reference.text.as_str();
        let own = (reference.location.path.as_path(), word);
        let (_, count) = self.names.get(word).filter(|(_, count)| *count > 1)?;
        if self.own.contains_key(&own) {
            return None;
        }
        let message = format!("{count} rules have the name `{word}`, the first is meant: say its id");
        Some(reference.problem(Severity::Warning, "ambiguous-name", message, None))
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
    same: &[SameRule],
    problems: &mut Vec<Problem>,
) -> Vec<FilterRule> {
    let mut plans = Vec::with_capacity(drafts.len());
    {
        let index = Index::new(
            detections.iter().map(|rule| &rule.meta),
            correlations.iter().map(|rule| &rule.meta),
            same,
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
    let mut doubts = Vec::new();
    match &draft.targets {
        None => chosen.extend((0..detections.len()).filter(|position| fits(*position))),
        Some(targets) => {
            for target in targets {
                doubts.extend(index.doubt(target));
                match index.find(target) {
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
    problems.extend(doubts);
    chosen
}

/// Resolves the correlations. Gives those that hold together, and the ids of the rules that do not alert
/// on their own because only correlations without `generate` refer to them.
pub(crate) fn correlations(
    drafts: Vec<Draft>,
    detections: &[DetectionRule],
    queries: &[Arc<QueryRule>],
    same: &[SameRule],
    problems: &mut Vec<Problem>,
) -> (Vec<Arc<CorrelationRule>>, BTreeSet<Arc<str>>) {
    let mut resolver = Resolver {
        index: Index::new(
            detections.iter().map(|rule| &rule.meta),
            drafts.iter().map(|draft| &draft.meta),
            same,
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
    // What adds to a risk alerts, or does not, as if there were none.
    let referred = |generate| {
        let drafts = drafts.iter().enumerate();
        let good = drafts.filter(|(position, _)| resolver.states[*position] == State::Good);
        let these = good.filter(move |(_, draft)| draft.generate == generate && !draft.is_risk());
        these.flat_map(|(_, draft)| draft.rules.iter().map(|rule| resolver.id(rule)))
    };
    let generated: BTreeSet<Arc<str>> = referred(true).collect();
    let silent: BTreeSet<Arc<str>> = referred(false).filter(|id| !generated.contains(id)).collect();
    let drafts = drafts.iter().enumerate();
    let good = drafts.filter(|(position, _)| resolver.states[*position] == State::Good);
    let rules = good
        .map(|(_, draft)| Arc::new(resolver.finish(draft, &silent)))
        .collect();
    (rules, silent)
}

/// Whether a correlation means all detection rules by this: only a risk can.
fn is_all(draft: &Draft, reference: &Reference) -> bool {
    draft.is_risk() && reference.text == "*"
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
                        if let Some(Target::Correlation(next)) = self.index.find(reference)
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
            if is_all(draft, reference) {
                continue;
            }
            self.problems.extend(self.index.doubt(reference));
            let (code, message, near) = match self.index.find(reference) {
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
        let mut met = HashSet::new();
        for reference in &draft.rules {
            if self.index.find(reference).is_none_or(|target| met.insert(target)) {
                continue;
            }
            // Of which rules occurred, one event would be two; a count is the same.
            let (severity, advice) = match draft.kind {
                CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                    good = false;
                    (Severity::Error, "a rule that occurs twice is an `event_count`")
                }
                _ => (Severity::Warning, "it counts once"),
            };
            let message = format!("`rules` names `{}` twice; {advice}", reference.text);
            self.problems
                .push(reference.problem(severity, "duplicate-rule", message, None));
        }
        let aliases = draft.aliases.values().flatten();
        let aliases = aliases.map(|(reference, _)| (reference, "alias"));
        let scores = draft.scores.iter().map(|(reference, _)| (reference, "score"));
        for (reference, what) in aliases.chain(scores) {
            let target = self.index.find(reference);
            let is_own = target.is_some()
                && draft.rules.iter().any(|rule| {
                    let of_all = is_all(draft, rule) && matches!(target, Some(Target::Detection(_)));
                    of_all || self.index.find(rule) == target
                });
            if !is_own {
                good = false;
                self.problems.push(reference.problem(
                    Severity::Error,
                    "unknown-rule",
                    format!(
                        "the {what} names rule `{}`, which is not among `rules`",
                        reference.text
                    ),
                    nearest(&reference.text, draft.rules.iter().map(|rule| rule.text.as_str())),
                ));
            }
        }
        good
    }

    fn id(&self, reference: &Reference) -> Arc<str> {
        match self.index.find(reference) {
            Some(Target::Detection(position)) => Arc::clone(&self.detections[position].meta.id),
            Some(Target::Correlation(position)) => Arc::clone(&self.drafts[position].meta.id),
            None => reference.text.as_str().into(),
        }
    }

    /// The rule of a draft; rules that are `silent` are not among all rules.
    fn finish(&self, draft: &Draft, silent: &BTreeSet<Arc<str>>) -> CorrelationRule {
        let aliases: BTreeMap<_, _> = draft
            .aliases
            .iter()
            .map(|(alias, fields)| {
                let fields = fields.iter().map(|(rule, field)| (self.id(rule), field.clone()));
                (alias.clone(), fields.collect())
            })
            .collect();
        let mut metas: Vec<&Meta> = Vec::new();
        let mut known = BTreeSet::new();
        for reference in &draft.rules {
            let found = match self.index.find(reference) {
                _ if is_all(draft, reference) => {
                    let alert = self.detections.iter().map(|rule| &rule.meta);
                    alert.filter(|meta| !silent.contains(&meta.id)).collect()
                }
                Some(Target::Detection(position)) => vec![&self.detections[position].meta],
                Some(Target::Correlation(position)) => vec![&self.drafts[position].meta],
                None => Vec::new(),
            };
            // A rule that is named beside `*` is one rule.
            metas.extend(
                found
                    .into_iter()
                    .filter(|meta| !draft.is_risk() || known.insert(&meta.id)),
            );
        }
        let mut condition = draft.condition.clone();
        if let CorrelationCondition::Risk(risk) = &mut condition {
            let scores: BTreeMap<_, f64> = draft
                .scores
                .iter()
                .map(|(rule, score)| (self.id(rule), *score))
                .collect();
            let weight = |meta: &&Meta| {
                let own = Weight::of(meta);
                let score = scores.get(&meta.id).copied().unwrap_or(own.score);
                Weight { score, ..own }
            };
            risk.weights = metas.iter().map(weight).collect();
        }
        CorrelationRule {
            meta: draft.meta.clone(),
            kind: draft.kind,
            rules: metas.iter().map(|meta| meta.id.clone()).collect(),
            group_by: draft.group_by.clone(),
            timespan: draft.timespan,
            aliases,
            condition,
            generate: draft.generate,
            options: draft.options,
        }
    }
}
