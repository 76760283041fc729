//! The rules that are left for one kind of event.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::keywords::Filter;
use super::memory::{Outcome, Outcomes};
use crate::matcher::formula::Formula;
use crate::matcher::plan::{Fact, Plan};
use crate::matcher::sets::{SetId, SetTable};

/// Rules that a kind remembers by the sets that wake them, each set counted as a few more.
const MOST_WOKEN: usize = 8192;
const A_SET: usize = 8;

/// How a screen sees a field of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Its values stand in the record.
    Values,
    /// It tells kinds of events apart; the position among those that do.
    Kind(usize),
    /// Every text of the event.
    Keywords,
    /// Its values do not stand in the record: where it was read, when it arrived.
    Hidden,
}

/// Rules simplified with what is known of one kind of event.
pub(super) struct Kind {
    /// Whether some rule matches every event of the kind.
    pub(super) looked_at: bool,
    /// Finds the keywords that may occur in an event. Where none does, `rules` are what is left.
    pub(super) keywords: Option<Arc<Filter>>,
    /// The rules that ask for keywords, where one may occur.
    pub(super) with_keywords: Vec<Formula>,
    /// Planned rules that are left, by number.
    rules: HashMap<u32, Formula>,
    /// Rules that may match without any witness.
    pub(super) always: Vec<u32>,
    /// (slot, predicate) → rules that it wakes.
    woken: HashMap<(u32, u32), Vec<u32>>,
    /// The same by slot and set, as far as they were asked for.
    woken_by_sets: HashMap<(u32, SetId), Box<[u32]>>,
    /// What those take, see [`MOST_WOKEN`].
    remembered: usize,
    /// Slots with such predicates.
    slots: Vec<bool>,
    /// By outcome: whether it wakes a rule.
    wakes: Vec<Option<bool>>,
    /// By key: whether a value of it can wake a rule.
    keys: Vec<Option<bool>>,
}

/// What the kinds of a dataset are made from.
pub(super) struct Kinds<'p> {
    pub(super) plan: &'p Plan,
    pub(super) sights: &'p [Sight],
    pub(super) tables: &'p [SetTable],
    pub(super) filters: &'p mut Filters,
}

/// The filters made so far, by their atoms: many kinds ask for the same keywords.
pub(super) type Filters = HashMap<Vec<u32>, Option<Arc<Filter>>>;

impl Kinds<'_> {
    /// The kind of the events with these sets, in the order of the fields that tell kinds apart.
    pub(super) fn kind(&mut self, sets: &[SetId]) -> Kind {
        let Kinds {
            plan, sights, tables, ..
        } = *self;
        let of_kind = |fact: u32| match plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } => match sights[field] {
                Sight::Kind(position) => Some(tables[field].holds(sets[position], predicate)),
                _ => None,
            },
            Fact::RowTest(_) => None,
        };
        let mut kind = Kind {
            looked_at: false,
            keywords: None,
            with_keywords: Vec::new(),
            rules: HashMap::new(),
            always: Vec::new(),
            woken: HashMap::new(),
            woken_by_sets: HashMap::new(),
            remembered: 0,
            slots: vec![false; plan.fields.len()],
            wakes: Vec::new(),
            keys: Vec::new(),
        };
        let mut left: Vec<(u32, Formula)> = Vec::new();
        let mut keywords = HashSet::new();
        for (number, rule) in plan.rules.iter().enumerate() {
            let formula = rule.formula.with(&of_kind);
            if formula != Formula::False {
                formula.facts(&mut |fact| {
                    keywords.extend(self.keyword(fact));
                });
                left.push((number as u32, formula));
            }
        }
        // Where no keyword occurs in an event, none holds; without a filter that stays unknown.
        kind.keywords = self.filter(&keywords);
        let filtered = kind.keywords.is_some();
        for (number, formula) in left {
            let mut asks = false;
            formula.facts(&mut |fact| asks |= self.keyword(fact).is_some());
            if asks && filtered {
                kind.with_keywords.push(formula.clone());
            }
            let none_occurs = |fact| self.keyword(fact).filter(|_| filtered).map(|_| false);
            match formula.with(&none_occurs) {
                Formula::False => {}
                Formula::True => kind.looked_at = true,
                formula => self.add(&mut kind, number, formula),
            }
        }
        kind
    }

    /// The predicate over keywords that a fact is.
    fn keyword(&self, fact: u32) -> Option<u32> {
        match self.plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } if self.sights[field] == Sight::Keywords => Some(predicate),
            _ => None,
        }
    }

    fn filter(&mut self, predicates: &HashSet<u32>) -> Option<Arc<Filter>> {
        let keywords = &self.plan.fields[self.plan.keywords?];
        let mut atoms = Vec::new();
        for &predicate in predicates {
            keywords.predicates[predicate as usize].facts(&mut |atom| atoms.push(atom));
        }
        atoms.sort_unstable();
        atoms.dedup();
        let make = |atoms: &Vec<u32>| {
            let atoms = atoms.iter().map(|&atom| (atom, &keywords.atoms[atom as usize]));
            Filter::new(atoms).map(Arc::new)
        };
        let known = self.filters.entry(atoms);
        known.or_insert_with_key(make).clone()
    }

    fn add(&self, kind: &mut Kind, number: u32, formula: Formula) {
        let cost = |fact: u32| match self.plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } if self.sights[field] == Sight::Values => {
                self.plan.fields[field].costs[predicate as usize]
            }
            _ => f64::INFINITY,
        };
        match formula.witness(&cost).filter(|(cost, _)| cost.is_finite()) {
            None => kind.always.push(number),
            Some((_, witnesses)) => {
                for witness in witnesses {
                    if let Fact::Predicate { field, predicate } = self.plan.facts[witness as usize] {
                        kind.slots[field] = true;
                        let woken = kind.woken.entry((field as u32, predicate)).or_default();
                        woken.push(number);
                    }
                }
            }
        }
        kind.rules.insert(number, formula);
    }
}

impl Kind {
    /// Whether a value of a key can wake a rule; `None`: nobody has [said](Kind::learn) yet.
    #[inline]
    pub(super) fn asks(&self, key: usize) -> Option<bool> {
        self.keys.get(key).copied().flatten()
    }

    /// Whether values of a slot wake rules: those of all keys that feed it are looked at then.
    #[inline]
    pub(super) fn has_witness(&self, slot: usize) -> bool {
        self.slots[slot]
    }

    /// Learns that a key feeds these slots, and says whether it can wake a rule.
    #[cold]
    pub(super) fn learn(&mut self, key: usize, mut slots: impl Iterator<Item = usize>) -> bool {
        let asks = slots.any(|slot| self.slots[slot]);
        if self.keys.len() <= key {
            self.keys.resize(key + 1, None);
        }
        self.keys[key] = Some(asks);
        asks
    }

    /// Whether an outcome wakes a rule.
    #[inline]
    pub(super) fn wakes(&mut self, outcome: Outcome, outcomes: &Outcomes, tables: &[SetTable]) -> bool {
        if let Some(&Some(wakes)) = self.wakes.get(outcome as usize) {
            return wakes;
        }
        let wakes = outcomes.get(outcome).iter().any(|&(slot, set)| {
            let mut predicates = tables[slot as usize].get(set).predicates.iter();
            predicates.any(|&predicate| self.woken.contains_key(&(slot, predicate)))
        });
        if self.wakes.len() <= outcome as usize {
            self.wakes.resize(outcomes.len(), None);
        }
        self.wakes[outcome as usize] = Some(wakes);
        wakes
    }

    /// Adds the rules that a set wakes.
    pub(super) fn wake(&mut self, slot: u32, set: SetId, tables: &[SetTable], rules: &mut Vec<u32>) {
        if !self.slots[slot as usize] {
            return;
        }
        if let Some(woken) = self.woken_by_sets.get(&(slot, set)) {
            return rules.extend_from_slice(woken);
        }
        let predicates = tables[slot as usize].get(set).predicates.iter();
        let woken = predicates.filter_map(|&predicate| self.woken.get(&(slot, predicate)));
        let woken: Box<[u32]> = woken.flatten().copied().collect();
        rules.extend_from_slice(&woken);
        if self.remembered > MOST_WOKEN {
            self.woken_by_sets.clear();
            self.remembered = 0;
        }
        self.remembered += woken.len() + A_SET;
        self.woken_by_sets.insert((slot, set), woken);
    }

    /// What is left of a rule.
    pub(super) fn rule(&self, number: u32) -> &Formula {
        &self.rules[&number]
    }
}
