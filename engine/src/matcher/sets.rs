//! Sets of atoms, each stored once, and what follows from each.
//!
//! Values are many, the sets of atoms that they satisfy are few: a set is interned, and which predicates
//! hold on it and which rules those wake is worked out when it is met for the first time.

use hashbrown::{HashMap, HashSet};

use super::plan::FieldPlan;

/// Number of an interned set; [`EMPTY`] is the set without atoms.
pub(super) type SetId = u32;

/// The set without atoms: on it no predicate holds.
pub(super) const EMPTY: SetId = 0;

/// One interned set.
#[derive(Debug, Default)]
pub(super) struct AtomSet {
    /// Ascending.
    pub atoms: Box<[u32]>,
    /// Predicates that hold, ascending.
    pub predicates: Box<[u32]>,
    /// Rules of which one of these predicates is a witness.
    pub rules: Box<[u32]>,
}

/// The interned sets of one field.
#[derive(Debug)]
pub(super) struct SetTable {
    sets: Vec<AtomSet>,
    by_atoms: HashMap<Box<[u32]>, SetId>,
    unions: HashMap<(SetId, SetId), SetId>,
    bytes: usize,
    /// Whether [`AtomSet::rules`] is worked out.
    with_rules: bool,
}

impl SetTable {
    pub(super) fn new() -> SetTable {
        SetTable {
            with_rules: true,
            ..SetTable::without_rules()
        }
    }

    /// A table for whoever knows better which rules a predicate wakes.
    pub(super) fn without_rules() -> SetTable {
        SetTable {
            sets: vec![AtomSet::default()],
            by_atoms: HashMap::from([(Box::from([]), EMPTY)]),
            unions: HashMap::new(),
            bytes: 0,
            with_rules: false,
        }
    }

    /// Roughly what the table takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, set: SetId) -> &AtomSet {
        &self.sets[set as usize]
    }

    /// Whether the predicate holds on the set.
    pub(super) fn holds(&self, set: SetId, predicate: u32) -> bool {
        self.get(set).predicates.binary_search(&predicate).is_ok()
    }

    /// The set of these atoms (ascending, each once).
    pub(super) fn intern(&mut self, atoms: &[u32], plan: &FieldPlan) -> SetId {
        if let Some(&set) = self.by_atoms.get(atoms) {
            return set;
        }
        let mut candidates: Vec<u32> = atoms
            .iter()
            .flat_map(|&atom| plan.predicates_of_atom[atom as usize].iter().copied())
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|&predicate| {
            plan.predicates[predicate as usize].holds(&|atom| atoms.binary_search(&atom).is_ok())
        });
        let rules: HashSet<u32> = candidates
            .iter()
            .filter(|_| self.with_rules)
            .flat_map(|&predicate| plan.rules_of_predicate[predicate as usize].iter().copied())
            .collect();
        let mut rules: Vec<u32> = rules.into_iter().collect();
        rules.sort_unstable();
        let set = SetId::try_from(self.sets.len()).expect("the budget ends long before u32::MAX sets");
        self.bytes += 160 + 4 * (2 * atoms.len() + candidates.len() + rules.len());
        self.sets.push(AtomSet {
            atoms: atoms.into(),
            predicates: candidates.into(),
            rules: rules.into(),
        });
        self.by_atoms.insert(atoms.into(), set);
        set
    }

    /// The union of two sets.
    pub(super) fn union(&mut self, one: SetId, other: SetId, plan: &FieldPlan) -> SetId {
        if one == other || other == EMPTY {
            return one;
        }
        if one == EMPTY {
            return other;
        }
        let key = (one.min(other), one.max(other));
        if let Some(&set) = self.unions.get(&key) {
            return set;
        }
        let mut atoms: Vec<u32> = [one, other]
            .iter()
            .flat_map(|&set| self.get(set).atoms.iter().copied())
            .collect();
        atoms.sort_unstable();
        atoms.dedup();
        let set = self.intern(&atoms, plan);
        self.bytes += 24;
        self.unions.insert(key, set);
        set
    }
}
