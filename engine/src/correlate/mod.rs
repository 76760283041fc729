//! Correlation rules on their way through a scan: from matches to signals, from episodes to alerts.
//!
//! ```text
//! worker threads:  matches ─▶ group values, values ([`signals`]) ─┐
//! collector:       in the order of the source ─▶ [`Windows`] ─▶ episodes ─▶ alerts ([`alerts`])
//!                  some events of each stretch ([`kept`]) ──────────────────────▲
//! ```
//!
//! What needs an event's columns happens on the threads that have them; what needs an order happens where results are
//! in order. So neither the number of threads nor the cut into batches shows in what is found.

pub(crate) mod alerts;
pub(crate) mod findings;
pub(crate) mod kept;
pub(crate) mod signals;
mod statistics;
mod told;
pub mod words;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_rules::correlation::{CorrelationCondition, CorrelationKind, CorrelationRule, StatisticKind};

use crate::alert::AlertRule;
use crate::alert_build::face_of;
use crate::matcher::warnings::KnownFields;
use crate::matcher::{CompiledRules, RuleIndex};
use crate::resolve::{FieldKey, routes};
use crate::windows::plan::{Measured, Parent, Plan};

#[cfg(doc)]
use crate::windows::Windows;

/// A correlation that does not run, and why.
#[derive(Debug, Clone)]
pub struct NotRun {
    /// The rule.
    pub rule: Arc<CorrelationRule>,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, reason } = self;
        let location = &rule.meta.location;
        let path = location.path.display();
        write!(
            f,
            "{path}:{}: correlation `{}` does not run: {reason}",
            location.line, rule.meta.title
        )
    }
}

/// A field that a correlation asks of a rule, and that no dataset of the rule's log source has.
#[derive(Debug, Clone)]
pub struct UnknownField {
    /// The correlation.
    pub rule: Arc<CorrelationRule>,
    /// The title of the rule that it reads.
    pub of: Arc<str>,
    /// The field, as the correlation or its alias calls it.
    pub field: String,
    /// A declared name that looks like it.
    pub nearest: Option<String>,
}

/// Without the place.
impl std::fmt::Display for UnknownField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (title, of, field) = (&self.rule.meta.title, &self.of, &self.field);
        write!(
            f,
            "`{title}` asks `{of}` for the field `{field}`, which no dataset of that log source has"
        )
    }
}

/// Correlation rules, compiled; shared by threads.
#[derive(Debug)]
pub struct Correlations {
    rules: Vec<Arc<CorrelationRule>>,
    plans: Vec<Arc<Plan>>,
    faces: Vec<AlertRule>,
    /// Whether the findings of a plan are alerts.
    alerting: Vec<bool>,
    /// By detection rule: who reads its matches.
    uses: HashMap<RuleIndex, Vec<Use>>,
    /// Where the fields of a rule lie, by dataset.
    reaches: RwLock<HashMap<Arc<str>, Reaches>>,
    /// Titles of the rules that correlations read, by id.
    titles: HashMap<Arc<str>, Arc<str>>,
}

/// A correlation that reads the matches of a rule.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) plan: u32,
    pub(crate) slot: u16,
    /// What the rule calls the fields of `group-by`.
    group_by: Vec<String>,
    /// What it calls the fields whose values are counted or measured.
    fields: Vec<String>,
    /// What it calls the fields that events hand up.
    handed: Vec<String>,
}

/// Where a rule, under the names of one of its routes, finds what its correlations ask for.
#[derive(Debug)]
pub(crate) struct Reach {
    /// In step with the uses of the rule.
    pub(crate) uses: Vec<Asked>,
}

/// The reaches of the rules that correlations read, for one dataset.
type Reaches = HashMap<RuleIndex, Arc<[Reach]>>;

/// The fields that one use asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) group_by: Vec<Arc<FieldKey>>,
    pub(crate) fields: Vec<Arc<FieldKey>>,
    pub(crate) handed: Vec<Arc<FieldKey>>,
}

impl Correlations {
    /// Compiles `rules`, which read matches of `detections` and each other's findings; gives those that do not run too.
    /// `silent` names rules that do not alert.
    pub fn compile(
        rules: &[Arc<CorrelationRule>],
        detections: &CompiledRules,
        silent: &BTreeSet<Arc<str>>,
    ) -> (Correlations, Vec<NotRun>) {
        let mut not_run = Vec::new();
        let mut running: Vec<(Arc<CorrelationRule>, Plan)> = Vec::new();
        for rule in rules {
            match Plan::of(rule) {
                Ok(plan) => running.push((rule.clone(), plan)),
                Err(reason) => not_run.push(NotRun {
                    rule: rule.clone(),
                    reason,
                }),
            }
        }
        leave_out(&mut running, &mut not_run);
        let by_id: HashMap<Arc<str>, usize> = running
            .iter()
            .enumerate()
            .map(|(number, (rule, _))| (rule.meta.id.clone(), number))
            .collect();
        let mut detected: HashMap<Arc<str>, Vec<RuleIndex>> = HashMap::new();
        let mut titles = HashMap::new();
        for (number, rule) in detections.rules().iter().enumerate() {
            let index = RuleIndex(number as u32);
            detected.entry(rule.meta.id.clone()).or_default().push(index);
            titles.insert(rule.meta.id.clone(), rule.meta.title.clone());
        }
        for rule in rules {
            titles.insert(rule.meta.id.clone(), rule.meta.title.clone());
        }
        let mut uses: HashMap<RuleIndex, Vec<Use>> = HashMap::new();
        let mut parents: Vec<Vec<Parent>> = vec![Vec::new(); running.len()];
        let read: Vec<Arc<CorrelationRule>> = running.iter().map(|(rule, _)| rule.clone()).collect();
        let handed = handed_up(&read, &by_id);
        for (number, (rule, plan)) in running.iter_mut().enumerate() {
            let fields = fields_of(rule);
            plan.handed.clone_from(&handed[number]);
            for (slot, id) in rule.rules.iter().enumerate() {
                let group_by: Vec<String> = rule
                    .group_by
                    .iter()
                    .map(|name| name_for(rule, name, id))
                    .collect();
                let fields: Vec<String> = fields.iter().map(|name| name_for(rule, name, id)).collect();
                let hands: Vec<String> = handed[number]
                    .iter()
                    .map(|name| name_for(rule, name, id))
                    .collect();
                if let Some(&child) = by_id.get(id) {
                    plan.children.push(child as u32);
                    let read = &read[child];
                    let places = |names: &[String]| -> Option<Vec<usize>> {
                        names
                            .iter()
                            .map(|name| place_of(read, &handed[child], name))
                            .collect()
                    };
                    parents[child].push(Parent {
                        plan: number as u32,
                        slot: slot as u16,
                        group: places(&group_by),
                        fields: places(&fields),
                        handed: places(&hands),
                    });
                }
                for index in detected.get(id).into_iter().flatten() {
                    uses.entry(*index).or_default().push(Use {
                        plan: number as u32,
                        slot: slot as u16,
                        group_by: group_by.clone(),
                        fields: fields.clone(),
                        handed: hands.clone(),
                    });
                }
            }
        }
        for ((_, plan), parents) in running.iter_mut().zip(parents) {
            plan.parents = parents;
        }
        let compiled = Correlations {
            faces: running.iter().map(|(rule, _)| face_of(&rule.meta)).collect(),
            alerting: running
                .iter()
                .map(|(rule, _)| !silent.contains(&rule.meta.id))
                .collect(),
            rules: running.iter().map(|(rule, _)| rule.clone()).collect(),
            plans: running.into_iter().map(|(_, plan)| Arc::new(plan)).collect(),
            uses,
            reaches: RwLock::default(),
            titles,
        };
        (compiled, not_run)
    }

    /// The rules that run.
    pub fn rules(&self) -> &[Arc<CorrelationRule>] {
        &self.rules
    }

    /// What runs them, in step with the rules.
    pub fn plans(&self) -> &[Arc<Plan>] {
        &self.plans
    }

    /// Who reads the matches of a rule.
    pub(crate) fn uses(&self, rule: RuleIndex) -> &[Use] {
        self.uses.get(&rule).map_or(&[], Vec::as_slice)
    }

    /// Where the fields lie that are asked of a rule's events of a dataset, by route.
    pub(crate) fn reach(&self, rules: &CompiledRules, rule: RuleIndex, dataset: &Dataset) -> Arc<[Reach]> {
        let known = self.reaches.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = known.get(&dataset.name).and_then(|rules| rules.get(&rule)) {
            return reach.clone();
        }
        drop(known);
        let found = routes(&rules.rule(rule).log_source, dataset);
        let reach: Arc<[Reach]> = found
            .iter()
            .map(|route| {
                let key = |name: &String| Arc::new(FieldKey::of(&route.column(dataset, name)));
                let keys = |names: &[String]| names.iter().map(key).collect();
                let uses = self.uses(rule).iter();
                Reach {
                    uses: uses
                        .map(|asked| Asked {
                            group_by: keys(&asked.group_by),
                            fields: keys(&asked.fields),
                            handed: keys(&asked.handed),
                        })
                        .collect(),
                }
            })
            .collect();
        let mut known = self.reaches.write().unwrap_or_else(PoisonError::into_inner);
        let rules = known.entry(dataset.name.clone()).or_default();
        rules.entry(rule).or_insert(reach).clone()
    }

    /// All fields that are asked of events of a dataset.
    pub(crate) fn keys(&self, rules: &CompiledRules, dataset: &Dataset) -> Vec<Arc<FieldKey>> {
        let reaches = self.uses.keys().map(|rule| self.reach(rules, *rule, dataset));
        let mut keys = Vec::new();
        for reach in reaches {
            for asked in reach.iter().flat_map(|reach| &reach.uses) {
                let asked = [&asked.group_by, &asked.fields, &asked.handed];
                keys.extend(asked.into_iter().flatten().cloned());
            }
        }
        keys
    }

    /// Fields that correlations ask of rules whose log sources have none of that name: their events take no part.
    pub fn unknown_fields(&self, rules: &CompiledRules, catalog: &Catalog) -> Vec<UnknownField> {
        let mut known = KnownFields::new(catalog);
        let mut unknown = Vec::new();
        for (index, rule) in rules.rules().iter().enumerate() {
            let uses = self.uses(RuleIndex(index as u32));
            if uses.is_empty() || known.datasets(&rule.log_source).is_empty() {
                continue;
            }
            for asked in uses {
                // A risk reads whatever alerts, of which some is about other things than it is.
                if self.measures(asked.plan) == Measured::Risk {
                    continue;
                }
                let names = [&asked.group_by, &asked.fields, &asked.handed];
                for name in names.into_iter().flatten() {
                    if let Some(nearest) = known.unknown(&rule.log_source, name) {
                        unknown.push(UnknownField {
                            rule: self.rules[asked.plan as usize].clone(),
                            of: rule.meta.title.clone(),
                            field: name.clone(),
                            nearest,
                        });
                    }
                }
            }
        }
        unknown
    }

    /// Whether the values of this plan's fields are part of what keeps groups apart.
    pub(crate) fn tells_values_apart(&self, plan: u32) -> bool {
        self.plans[plan as usize].tells_values_apart()
    }

    /// Whether values of this plan are numbers.
    pub(crate) fn measures(&self, plan: u32) -> Measured {
        self.plans[plan as usize].measured
    }
}

fn fields_of(rule: &CorrelationRule) -> &[String] {
    match &rule.condition {
        CorrelationCondition::Bounds { fields, .. } | CorrelationCondition::New { fields, .. } => fields,
        CorrelationCondition::Statistic(statistic) => &statistic.fields,
        _ => &[],
    }
}

/// The fields whose values are the key of a correlation's findings.
pub(crate) fn told_apart_by(rule: &CorrelationRule) -> impl Iterator<Item = &String> {
    let new: &[String] = match rule.kind {
        CorrelationKind::FirstSeen | CorrelationKind::Statistic(StatisticKind::RareValue) => fields_of(rule),
        _ => &[],
    };
    rule.group_by.iter().chain(new)
}

/// What the rule `id` calls the field that the correlation calls `name`.
fn name_for(rule: &CorrelationRule, name: &str, id: &str) -> String {
    let alias = rule.aliases.get(name).and_then(|fields| fields.get(id));
    alias.map_or_else(|| name.to_owned(), String::clone)
}

/// Where a correlation's findings have a field, behind which lie those that it hands up.
fn place_of(rule: &CorrelationRule, handed: &[String], field: &str) -> Option<usize> {
    let mut fields = told_apart_by(rule).chain(handed);
    fields.position(|known| known.eq_ignore_ascii_case(field))
}

/// What each correlation has to hand up, beside the values of its groups, so that those that read it have what they ask for.
fn handed_up(rules: &[Arc<CorrelationRule>], by_id: &HashMap<Arc<str>, usize>) -> Vec<Vec<String>> {
    let mut handed: Vec<Vec<String>> = vec![Vec::new(); rules.len()];
    // What one hands up, those that it reads have to hand up to it. There are no circles, so this ends.
    let mut grows = true;
    while grows {
        grows = false;
        for (number, rule) in rules.iter().enumerate() {
            for id in &rule.rules {
                let Some(&child) = by_id.get(id) else {
                    continue;
                };
                let asked = asked_of_events(rule).chain(handed[number].clone());
                let asked: Vec<String> = asked.map(|name| name_for(rule, &name, id)).collect();
                for name in asked {
                    if place_of(&rules[child], &handed[child], &name).is_none() && hands_up(&rules[child]) {
                        handed[child].push(name);
                        grows = true;
                    }
                }
            }
        }
    }
    handed
}

/// Whether the events of a correlation's stretches can be asked for more than their groups' values.
fn hands_up(rule: &CorrelationRule) -> bool {
    // A value that was seen is remembered, not the events that had it.
    !matches!(
        rule.condition,
        CorrelationCondition::New { .. } | CorrelationCondition::Statistic(_)
    )
}

/// The fields that a correlation asks of events.
fn asked_of_events(rule: &CorrelationRule) -> impl Iterator<Item = String> + use<> {
    let most = match rule.kind {
        // Values are counted beside the events.
        CorrelationKind::EventCount => usize::MAX,
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered | CorrelationKind::Risk => 0,
        CorrelationKind::ValueCount | CorrelationKind::FirstSeen | CorrelationKind::Statistic(_) => {
            usize::MAX
        }
        CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::ValueMedian => 1,
    };
    let fields = fields_of(rule).iter().take(most);
    let asked: Vec<String> = rule.group_by.iter().chain(fields).cloned().collect();
    asked.into_iter()
}

/// Leaves out correlations that read of another what it does not have, and those that read one that is left out: what
/// they found would be nothing, or, under a `not`, too much.
fn leave_out(running: &mut Vec<(Arc<CorrelationRule>, Plan)>, not_run: &mut Vec<NotRun>) {
    loop {
        let known: HashMap<Arc<str>, Arc<CorrelationRule>> = running
            .iter()
            .map(|(rule, _)| (rule.meta.id.clone(), rule.clone()))
            .collect();
        let before = running.len();
        running.retain(|(rule, _)| {
            let reason = rule.rules.iter().find_map(|id| lacks(rule, id, &known, not_run));
            let Some(reason) = reason else {
                return true;
            };
            not_run.push(NotRun {
                rule: rule.clone(),
                reason,
            });
            false
        });
        if running.len() == before {
            return;
        }
    }
}

/// Whether a correlation has a field, or its events can hand it up.
fn has(rule: &CorrelationRule, name: &str, known: &HashMap<Arc<str>, Arc<CorrelationRule>>) -> bool {
    let of_those_below = |id: &Arc<str>| {
        let below = known.get(id);
        below.is_none_or(|below| has(below, &name_for(rule, name, id), known))
    };
    place_of(rule, &[], name).is_some() || hands_up(rule) && rule.rules.iter().all(of_those_below)
}

/// What `rule` cannot have of the correlation `id`, in words; `None` too if that is a detection rule.
fn lacks(
    rule: &CorrelationRule,
    id: &Arc<str>,
    known: &HashMap<Arc<str>, Arc<CorrelationRule>>,
    not_run: &[NotRun],
) -> Option<String> {
    if let Some(left_out) = not_run.iter().find(|left_out| left_out.rule.meta.id == *id) {
        let title = &left_out.rule.meta.title;
        return Some(format!("`{title}`, which it reads, does not run"));
    }
    let child = known.get(id)?;
    let missing = asked_of_events(rule)
        .map(|name| name_for(rule, &name, id))
        .find(|name| !has(child, name, known))?;
    Some(format!(
        "`{}`, which it reads, has no field `{missing}`: of a rule of type `first_seen`, or of a statistic, only those of its key can be read",
        child.meta.title
    ))
}
