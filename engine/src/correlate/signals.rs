//! From the matches of a batch to signals: which group an event belongs to, and what is counted of it.
//!
//! - Values are told apart without case, as everywhere in rules.
//! - An event without a value for one of the fields of `group-by`, or for one whose values are counted, takes no part,
//!   but where values are counted beside events: there it is an event; nor does one whose value is no number where numbers are measured.
//! - A field that holds a list puts the event into the group of each element ([`MOST_GROUPS`] at most) and counts each
//!   element; of numbers, the first one is measured.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Dataset;

use super::kept::{Evidence, Kept};
use super::{Correlations, Use};
use crate::matcher::event::EventTexts;
use crate::matcher::row::RowView;
use crate::matcher::values::Found;
use crate::matcher::{CompiledRules, RuleIndex, Signal};
use crate::resolve::FieldKey;
use crate::windows::keys::{hash, push_value, value_hash};
use crate::windows::plan::{EVENT, Measured, Taken};
use crate::windows::{self, number, samples_from, taken_of};

/// Groups that one event belongs to at most, and values that it counts for at most.
pub const MOST_GROUPS: usize = 16;

/// A signal for a correlation, on its way to where results are in order.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) plan: u32,
    pub(crate) slot: u16,
    pub(crate) dataset: Arc<str>,
    pub(crate) tenant: Arc<str>,
    pub(crate) time: i64,
    pub(crate) id: u128,
    pub(crate) key: Box<[u8]>,
    pub(crate) value: u64,
    /// The values that it hands up; empty if it lacks one.
    pub(crate) handed: Box<[u8]>,
    /// What an alert would show of the event, if it may be one of those that are shown.
    pub(crate) kept: Option<Kept>,
}

/// Where a signal comes from, and the group's values as the event writes them.
pub(crate) struct Origin {
    batch: usize,
    row: u32,
    shown: Box<[Box<str>]>,
}

/// Makes signals of the matches of a batch.
pub(crate) struct SignalMaker<'a> {
    rules: &'a CompiledRules,
    correlations: &'a Correlations,
    batch: &'a EventBatch,
    number: usize,
    texts: EventTexts<'a>,
}

impl<'a> SignalMaker<'a> {
    /// For the batch with this number among those of its block.
    pub(crate) fn new(
        rules: &'a CompiledRules,
        correlations: &'a Correlations,
        batch: &'a EventBatch,
        number: usize,
    ) -> SignalMaker<'a> {
        SignalMaker {
            rules,
            correlations,
            batch,
            number,
            texts: EventTexts::new(batch),
        }
    }

    /// Adds the signals of one match.
    pub(crate) fn add(&mut self, signal: Signal, time: i64, id: &str, found: &mut Vec<(Matched, Origin)>) {
        let uses = self.correlations.uses(signal.rule);
        if uses.is_empty() {
            return;
        }
        self.texts.go_to(signal.row as usize);
        let reaches = self
            .correlations
            .reach(self.rules, signal.rule, &self.batch.dataset);
        let Some(reach) = reaches.get(route_of(
            self.rules,
            &self.batch.dataset,
            &self.texts,
            signal.rule,
            reaches.len(),
        )) else {
            return;
        };
        for (asked, keys) in uses.iter().zip(&reach.uses) {
            let mut apart = self.found(&keys.group_by);
            // What may be new is part of the key.
            if self.correlations.tells_values_apart(asked.plan) {
                apart.extend(self.found(&keys.fields));
            }
            let handed = self.handed(&keys.handed);
            for value in self.values(asked, &keys.fields) {
                for group in combinations(&apart) {
                    let mut key = Vec::new();
                    for value in &group {
                        push_value(&mut key, value.folded());
                    }
                    let matched = Matched {
                        plan: asked.plan,
                        slot: asked.slot,
                        dataset: self.batch.dataset.name.clone(),
                        tenant: self.batch.tenant.clone(),
                        time,
                        id: id_of(id),
                        key: key.into(),
                        value,
                        handed: handed.clone(),
                        kept: None,
                    };
                    let origin = Origin {
                        batch: self.number,
                        row: signal.row,
                        shown: group.iter().map(|value| Box::from(&*value.text)).collect(),
                    };
                    found.push((matched, origin));
                }
            }
        }
    }

    fn found(&self, keys: &[Arc<FieldKey>]) -> Vec<Rc<[Found<'a>]>> {
        keys.iter().map(|key| self.texts.values(key)).collect()
    }

    /// What an event hands up to those that read the correlation: the first value of each field.
    fn handed(&self, fields: &[Arc<FieldKey>]) -> Box<[u8]> {
        let mut key = Vec::new();
        for values in self.found(fields) {
            let Some(first) = values.first() else {
                return Box::default();
            };
            push_value(&mut key, first.folded());
        }
        key.into()
    }

    /// What is counted or measured of the event; nothing if it takes no part.
    fn values(&self, asked: &Use, fields: &[Arc<FieldKey>]) -> Vec<u64> {
        match self.correlations.measures(asked.plan) {
            Measured::Events
            | Measured::Rules
            | Measured::Order
            | Measured::Risk
            | Measured::New
            | Measured::Unusual(Taken::Event) => vec![0],
            Measured::Unusual(taken @ (Taken::Entropy | Taken::Place | Taken::Name)) => {
                let found = self.found(fields);
                let firsts: Option<Vec<&str>> = found
                    .iter()
                    .map(|values| values.first().map(|value| &*value.text))
                    .collect();
                let value = firsts.and_then(|texts| taken_of(taken, &texts));
                value.into_iter().collect()
            }
            measured @ (Measured::Distinct | Measured::EventsAndValues | Measured::Unusual(Taken::Value)) => {
                let found = self.found(fields);
                let mut values: Vec<u64> = combinations(&found)
                    .iter()
                    .map(|values| {
                        let mut bytes = Vec::new();
                        for value in values {
                            push_value(&mut bytes, value.folded());
                        }
                        value_hash(&bytes)
                    })
                    .collect();
                if measured == Measured::EventsAndValues {
                    values.push(EVENT);
                }
                values.sort_unstable();
                values.dedup();
                values
            }
            Measured::Sum | Measured::Mean | Measured::Percentile(_) | Measured::Unusual(Taken::Number) => {
                let found = self.found(&fields[..fields.len().min(1)]);
                let mut texts = found.iter().flat_map(|values| values.iter());
                let first = texts.find_map(|value| number(&value.text));
                first.map(f64::to_bits).into_iter().collect()
            }
        }
    }
}

/// The route, of so many, by which a rule matches the event at which `texts` stand.
pub(crate) fn route_of(
    rules: &CompiledRules,
    dataset: &Dataset,
    texts: &EventTexts<'_>,
    index: RuleIndex,
    routes: usize,
) -> usize {
    if routes < 2 {
        return 0;
    }
    let rule = rules.rule(index);
    let ready = rules.ready(index, dataset);
    let matches = ready.ways.iter().position(|way| {
        let view = RowView::new(texts, way);
        view.expression(&way.when) && rule.conditions.iter().any(|condition| view.condition(condition))
    });
    matches.unwrap_or(0)
}

/// One value of each field, in every way, at most [`MOST_GROUPS`]. None where a field has no value.
fn combinations<'f, 'a>(fields: &'f [Rc<[Found<'a>]>]) -> Vec<Vec<&'f Found<'a>>> {
    let mut ways: Vec<Vec<&Found<'a>>> = vec![Vec::new()];
    for values in fields {
        let mut different: Vec<&Found<'a>> = Vec::new();
        for value in values.iter() {
            if !different.iter().any(|known| known.folded() == value.folded()) {
                different.push(value);
            }
        }
        let longer = ways.iter().flat_map(|way| {
            different.iter().map(|value| {
                let mut longer = way.clone();
                longer.push(*value);
                longer
            })
        });
        ways = longer.take(MOST_GROUPS).collect();
    }
    ways
}

/// The number that an event's id is.
pub(crate) fn id_of(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or_else(|_| xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}

/// Where rules do not count each for itself, leaves of an event that several of them match the signal of the first: windows
/// would count no other, and what is shown has to be of the same rule.
fn once_each(found: &mut Vec<(Matched, Origin)>, correlations: &Correlations) {
    let counts_once = |matched: &Matched| {
        let plan = &correlations.plans[matched.plan as usize];
        plan.slots > 1 && !plan.by_rule()
    };
    let mut first: HashMap<_, u16> = HashMap::new();
    let place = |matched: &Matched| {
        (
            matched.plan,
            matched.time,
            matched.id,
            matched.value,
            hash(&matched.key),
        )
    };
    for (matched, _) in found.iter().filter(|(matched, _)| counts_once(matched)) {
        let slot = first.entry(place(matched)).or_insert(matched.slot);
        *slot = matched.slot.min(*slot);
    }
    if !first.is_empty() {
        found.retain(|(matched, _)| {
            first
                .get(&place(matched))
                .is_none_or(|slot| *slot == matched.slot)
        });
    }
}

/// Adds what alerts would show to those signals of a block that an alert may show, and gives all of them: of each group,
/// rule and stretch of time, the first few.
pub(crate) fn with_kept(
    mut found: Vec<(Matched, Origin)>,
    correlations: &Correlations,
    builder: &mut dyn FnMut(usize, u32) -> Arc<Evidence>,
) -> Vec<Matched> {
    once_each(&mut found, correlations);
    let mut stretches: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (place, (matched, _)) in found.iter().enumerate() {
        let span = correlations.plans[matched.plan as usize].sample_span();
        let stretch = (
            matched.plan,
            matched.slot,
            &matched.key,
            samples_from(matched.time, span),
        );
        stretches.entry(stretch).or_default().push(place);
    }
    let mut chosen = vec![false; found.len()];
    for ((plan, ..), mut places) in stretches {
        let order = |place: &usize| (found[*place].0.time, found[*place].0.id);
        places.sort_by_key(order);
        // An event that counts for several values is one event.
        places.dedup_by_key(|place| order(place));
        let most = windows::samples_of_rule(correlations.plans[plan as usize].slots);
        for place in places.into_iter().take(most) {
            chosen[place] = true;
        }
    }
    let signals = found.into_iter().zip(chosen);
    signals
        .map(|((mut matched, origin), chosen)| {
            if chosen {
                matched.kept = Some(Kept {
                    evidence: builder(origin.batch, origin.row),
                    shown: origin.shown,
                });
            }
            matched
        })
        .collect()
}
