//! The rules of one dataset, compiled: fields with their atoms, predicates over them, rules over those.
//!
//! ```text
//! atoms (per field, numbered locally)     Image ends with \cmd.exe
//!   └─▶ predicates: formulas over the     Image ends with \cmd.exe or \powershell.exe
//!       atoms of one field, false on
//!       the empty set
//!         └─▶ rules: formulas over facts, a fact being a predicate or a test between two fields
//! ```
//!
//! Everything above a value is a function of its set of atoms, so predicates are worked out once per
//! distinct set ([`super::sets`]). On both levels a formula is looked at only if one of its *witnesses*
//! holds (see [`Formula::witness`]).

mod listed;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use borzoi_parsers::catalog::Dataset;
use borzoi_rules::ir::{Condition, DetectionRule, Expression, LogSource, Matcher, Part, Pattern, Relation};
use hashbrown::HashMap;

use super::RegexTable;
use super::field_index::{Atom, Cased, FieldIndex, Mark, Scratch};
use super::fold::fold;
use super::formula::Formula;
use super::glob::Shape;
use crate::resolve::{FieldKey, Route, routes};

/// What a rule's formula speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// A predicate of a field (slot, number within the field).
    Predicate { field: usize, predicate: u32 },
    /// A test between two fields.
    RowTest(usize),
}

/// A test between two fields of the event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RowTest {
    pub field: FieldKey,
    pub other: FieldKey,
    pub relation: Relation,
    pub cased: bool,
}

/// One field that rules ask something of.
#[derive(Debug)]
pub(super) struct FieldPlan {
    /// `None`: the keyword slot, which sees every text of the event.
    pub key: Option<FieldKey>,
    /// Whether a screen may take what stands in the record for all there is: what the column is filled with is asked for
    /// elsewhere.
    pub as_written: bool,
    /// The atoms that are witnesses of a predicate.
    witnesses: FieldIndex,
    /// The other ones.
    others: FieldIndex,
    /// What is asked of keywords; empty for other slots.
    pub atoms: Vec<Atom>,
    pub predicates: Vec<Formula>,
    /// How often each predicate may hold: see [`Formula::witness`].
    pub costs: Vec<f64>,
    pub predicates_of_atom: Vec<Vec<u32>>,
    pub rules_of_predicate: Vec<Vec<u32>>,
}

impl FieldPlan {
    /// Puts the atoms that hold for `text` into `atoms`, ascending, each once.
    pub fn atoms_of(&self, text: &str, scratch: &mut Scratch, atoms: &mut Vec<u32>) {
        atoms.clear();
        self.witnesses.atoms_of(text, None, scratch, atoms);
        self.others.atoms_of(text, None, scratch, atoms);
    }

    /// Whether texts can be searched [line by line](FieldPlan::marks_of).
    pub fn looks_within_lines(&self) -> bool {
        self.witnesses.looks_within_lines() && self.others.looks_within_lines()
    }

    /// Adds to `marks` what the literals in a line of a text say. The marks of all lines are those of the text.
    pub fn marks_of(&self, line: &str, scratch: &mut Scratch, marks: &mut Vec<Mark>) {
        self.witnesses.marks_of(line, scratch, marks);
        self.others.marks_of(line, scratch, marks);
    }

    /// As [`FieldPlan::atoms_of`] for a text that is the only value of its field: no atoms where no predicate holds,
    /// however many do.
    /// With `marks`, those of its lines, the text is not searched again.
    pub fn atoms_of_only(
        &self,
        text: &str,
        marks: Option<&[Mark]>,
        scratch: &mut Scratch,
        atoms: &mut Vec<u32>,
    ) {
        atoms.clear();
        self.witnesses.atoms_of(text, marks, scratch, atoms);
        match self.asks_others(atoms) {
            true => self.others.atoms_of(text, marks, scratch, atoms),
            false => atoms.clear(),
        }
    }

    /// The same for an ASCII text of at least `length` bytes with these marks, without the text. `false` if that has to be
    /// looked at.
    pub fn atoms_of_marks(&self, length: usize, marks: &[Mark], atoms: &mut Vec<u32>) -> bool {
        atoms.clear();
        if !self.witnesses.atoms_of_marks(length, marks, atoms) {
            return false;
        }
        match self.asks_others(atoms) {
            true => self.others.atoms_of_marks(length, marks, atoms),
            false => {
                atoms.clear();
                true
            }
        }
    }

    /// Whether a predicate may hold where, of the witnesses, these do.
    fn asks_others(&self, atoms: &[u32]) -> bool {
        if self.others.is_empty() || atoms.is_empty() {
            return !atoms.is_empty();
        }
        let known = |atom: u32| match atoms.binary_search(&atom) {
            Ok(_) => Some(true),
            Err(_) if self.predicates_of_atom[atom as usize].is_empty() => None,
            Err(_) => Some(false),
        };
        let may_hold = |&predicate: &u32| self.predicates[predicate as usize].may_hold(&known);
        let mut held = atoms.iter().map(|&atom| &self.predicates_of_atom[atom as usize]);
        held.any(|predicates| predicates.iter().any(may_hold))
    }
}

/// A rule of the plan.
#[derive(Debug)]
pub(super) struct PlannedRule {
    /// Its number among all rules.
    pub rule: u32,
    /// Over [`Plan::facts`].
    pub formula: Formula,
    /// Whether the formula speaks of the keyword slot.
    pub asks_keywords: bool,
}

/// See the [module](self). Never changes once built.
#[derive(Debug)]
pub(super) struct Plan {
    pub fields: Vec<FieldPlan>,
    pub facts: Vec<Fact>,
    pub row_tests: Vec<RowTest>,
    pub rules: Vec<PlannedRule>,
    /// Rules that may match without any witness.
    pub always: Vec<u32>,
    /// The slot of the keywords.
    pub keywords: Option<usize>,
    /// Whether a keyword is the witness of some rule, so that every row has to be searched.
    pub keywords_wake: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum AtomKey {
    Present,
    /// A literal, where it stands, and whether case counts.
    Literal(Place, String, Cased),
    /// Any other pattern, its literals folded unless case counts.
    Glob(Pattern),
    Regex(borzoi_rules::ir::Regex),
    Cidr(borzoi_rules::ir::Cidr),
    Number(borzoi_rules::ir::Comparison, u64),
    TimePart(borzoi_rules::ir::TimePart, borzoi_rules::ir::Comparison, i64),
    Listed(borzoi_rules::ir::Listed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

impl AtomKey {
    fn of_pattern(pattern: &Pattern, shape: &Shape, cased: Cased) -> AtomKey {
        let literal = |place, text: &String| AtomKey::Literal(place, text.clone(), cased);
        match shape {
            Shape::Exact(text) => literal(Place::Whole, text),
            Shape::Prefix(text) => literal(Place::Start, text),
            Shape::Suffix(text) => literal(Place::End, text),
            Shape::Contains(text) => literal(Place::Anywhere, text),
            Shape::Anything | Shape::Glob(..) => AtomKey::Glob(Pattern {
                parts: pattern.parts.iter().map(|part| folded(part, cased)).collect(),
                cased: pattern.cased,
            }),
        }
    }
}

#[derive(Default)]
struct FieldBuilder {
    key: Option<FieldKey>,
    as_written: bool,
    atoms: Vec<Atom>,
    costs: Vec<f64>,
    /// The leaf that each atom is.
    leaves: Vec<u32>,
    by_key: HashMap<AtomKey, u32>,
    predicates: Vec<Formula>,
    by_formula: HashMap<Formula, u32>,
}

#[derive(Clone, Copy)]
enum Leaf {
    Atom { field: usize, atom: u32 },
    RowTest(usize),
}

/// A way in which rules of one log source apply.
struct Way<'d> {
    route: Route<'d>,
    /// What an event must satisfy.
    when: Formula,
    /// The slots of the fields that rules have named so far.
    slots: RefCell<HashMap<String, usize>>,
}

impl<'d> Way<'d> {
    /// The slot of the field that a rule calls `name`.
    fn slot(&self, builder: &mut Builder<'d>, name: &str) -> usize {
        if let Some(&known) = self.slots.borrow().get(name) {
            return known;
        }
        let key = FieldKey::of(&self.route.column(builder.dataset, name));
        let slot = builder.field(Some(key));
        self.slots.borrow_mut().insert(name.to_owned(), slot);
        slot
    }
}

/// The slot of the field that a rule calls so.
type SlotOf<'f, 'd> = &'f dyn Fn(&mut Builder<'d>, &str) -> usize;

struct Builder<'d> {
    dataset: &'d Dataset,
    regexes: &'d RegexTable,
    ways: HashMap<LogSource, Rc<[Way<'d>]>>,
    fields: Vec<FieldBuilder>,
    /// With whether only what events write is seen.
    by_key: HashMap<(Option<FieldKey>, bool), usize>,
    taken: Vec<listed::Known<'d>>,
    /// What the numbers in formulas over atoms mean.
    leaves: Vec<Leaf>,
    row_tests: Vec<RowTest>,
    facts: Vec<Fact>,
    by_fact: HashMap<Fact, u32>,
}

impl Plan {
    /// Compiles those of `rules` that apply to `dataset` and that can run.
    pub(super) fn new(
        rules: &[Arc<DetectionRule>],
        runnable: &[bool],
        dataset: &Dataset,
        regexes: &RegexTable,
    ) -> Plan {
        let mut builder = Builder {
            dataset,
            regexes,
            ways: HashMap::new(),
            fields: Vec::new(),
            by_key: HashMap::new(),
            taken: Vec::new(),
            leaves: Vec::new(),
            row_tests: Vec::new(),
            facts: Vec::new(),
            by_fact: HashMap::new(),
        };
        let mut planned = Vec::new();
        for (number, rule) in rules.iter().enumerate().filter(|(number, _)| runnable[*number]) {
            let formula = builder.rule(rule);
            let formula = builder.collapse(formula);
            if formula != Formula::False {
                let rule = u32::try_from(number).expect("fewer rules than u32::MAX");
                planned.push((rule, formula));
            }
        }
        builder.finish(planned)
    }
}

impl<'d> Builder<'d> {
    fn rule(&mut self, rule: &DetectionRule) -> Formula {
        let ways = self.ways(&rule.log_source);
        let parts: Vec<Formula> = ways
            .iter()
            .map(|way| {
                let searches: Vec<Formula> = rule
                    .searches
                    .iter()
                    .map(|search| {
                        self.expression(&search.expression, &|builder, name| way.slot(builder, name))
                    })
                    .collect();
                let conditions = rule
                    .conditions
                    .iter()
                    .map(|condition| condition_formula(condition, &searches));
                Formula::all([way.when.clone(), Formula::any(conditions)])
            })
            .collect();
        Formula::any(parts)
    }

    /// The ways in which rules of a log source apply: many rules have the same one.
    fn ways(&mut self, log_source: &LogSource) -> Rc<[Way<'d>]> {
        if let Some(known) = self.ways.get(log_source) {
            return known.clone();
        }
        let dataset = self.dataset;
        let ways: Rc<[Way<'d>]> = routes(log_source, dataset)
            .into_iter()
            .map(|route| Way {
                when: self.expression(&route.when, &|builder, name| {
                    builder.field(Some(FieldKey::of(dataset.resolve(name, None).column())))
                }),
                route,
                slots: RefCell::default(),
            })
            .collect();
        self.ways.insert(log_source.clone(), ways.clone());
        ways
    }

    fn expression(&mut self, expression: &Expression, slot_of: SlotOf<'_, 'd>) -> Formula {
        match expression {
            Expression::All(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.expression(part, slot_of)).collect();
                Formula::all(parts)
            }
            Expression::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.expression(part, slot_of)).collect();
                Formula::any(parts)
            }
            Expression::Not(inner) => self.expression(inner, slot_of).not(),
            Expression::Field {
                name,
                matcher: Matcher::Listed(listed),
            } => self.listed(name, listed, slot_of),
            Expression::Field { name, matcher } => {
                let slot = slot_of(self, name);
                self.matcher(slot, matcher, slot_of)
            }
            Expression::Keyword(matcher) => {
                let slot = self.field(None);
                self.matcher(slot, matcher, slot_of)
            }
        }
    }

    fn matcher(&mut self, field: usize, matcher: &Matcher, slot_of: SlotOf<'_, 'd>) -> Formula {
        let (atom_key, atom) = match matcher {
            Matcher::Null | Matcher::Exists(false) => return self.present(field).not(),
            Matcher::Exists(true) => return self.present(field),
            Matcher::FieldRef {
                field: other,
                relation,
                cased,
            } => {
                let Some(key) = self.fields[field].key.clone() else {
                    return Formula::False;
                };
                let other_field = slot_of(self, other);
                let Some(other) = self.fields[other_field].key.clone() else {
                    return Formula::False;
                };
                let both = [self.present(field), self.present(other_field)];
                let test = self.row_test(RowTest {
                    field: key,
                    other,
                    relation: *relation,
                    cased: *cased,
                });
                return Formula::all(both.into_iter().chain([test]));
            }
            Matcher::Pattern(pattern) => {
                let cased = if pattern.cased { Cased::Yes } else { Cased::No };
                let shape = Shape::of(pattern);
                (
                    AtomKey::of_pattern(pattern, &shape, cased),
                    Atom::Pattern(shape, cased),
                )
            }
            Matcher::Regex(regex) => match self.regexes.get(regex) {
                Some(Ok(compiled)) => (AtomKey::Regex(regex.clone()), Atom::Regex(compiled.clone())),
                // Rules with an expression that does not compile are not runnable and never get here.
                _ => return Formula::False,
            },
            Matcher::Cidr(cidr) => (AtomKey::Cidr(*cidr), Atom::Cidr(*cidr)),
            Matcher::Number(comparison, bound) => (
                AtomKey::Number(*comparison, bound.to_bits()),
                Atom::Number(*comparison, *bound),
            ),
            Matcher::TimePart(part, comparison, bound) => (
                AtomKey::TimePart(*part, *comparison, *bound),
                Atom::TimePart(*part, *comparison, *bound),
            ),
            Matcher::Listed(listed) => (AtomKey::Listed(listed.clone()), Atom::Listed(listed.clone())),
        };
        self.atom(field, atom_key, atom)
    }

    fn field(&mut self, key: Option<FieldKey>) -> usize {
        self.field_seen(key, false)
    }

    fn field_seen(&mut self, key: Option<FieldKey>, as_written: bool) -> usize {
        let identity = (key, as_written);
        if let Some(&slot) = self.by_key.get(&identity) {
            return slot;
        }
        let slot = self.fields.len();
        self.fields.push(FieldBuilder {
            key: identity.0.clone(),
            as_written,
            ..FieldBuilder::default()
        });
        self.by_key.insert(identity, slot);
        slot
    }

    fn present(&mut self, field: usize) -> Formula {
        self.atom(field, AtomKey::Present, Atom::Present)
    }

    fn atom(&mut self, field: usize, key: AtomKey, atom: Atom) -> Formula {
        let builder = &mut self.fields[field];
        if let Some(&number) = builder.by_key.get(&key) {
            return Formula::Is(builder.leaves[number as usize]);
        }
        let number = u32::try_from(builder.atoms.len()).expect("fewer atoms than u32::MAX");
        let leaf = u32::try_from(self.leaves.len()).expect("fewer leaves than u32::MAX");
        builder.costs.push(cost(&atom, builder.key.as_ref()));
        builder.atoms.push(atom);
        builder.leaves.push(leaf);
        builder.by_key.insert(key, number);
        self.leaves.push(Leaf::Atom { field, atom: number });
        Formula::Is(leaf)
    }

    fn row_test(&mut self, test: RowTest) -> Formula {
        let index = match self.row_tests.iter().position(|known| *known == test) {
            Some(index) => index,
            None => {
                self.row_tests.push(test);
                self.row_tests.len() - 1
            }
        };
        Formula::Is(self.leaf(Leaf::RowTest(index)))
    }

    fn leaf(&mut self, leaf: Leaf) -> u32 {
        self.leaves.push(leaf);
        u32::try_from(self.leaves.len() - 1).expect("fewer leaves than u32::MAX")
    }

    /// The field that a formula over leaves is all about, if there is just one.
    fn only_field(&self, formula: &Formula) -> Option<usize> {
        let mut field = None;
        let mut mixed = false;
        formula.facts(&mut |leaf| match self.leaves[leaf as usize] {
            Leaf::Atom { field: this, .. } if field.is_none_or(|field| field == this) => field = Some(this),
            _ => mixed = true,
        });
        field.filter(|_| !mixed)
    }

    /// Turns a formula over leaves into one over facts: its largest parts about a single field become
    /// predicates.
    fn collapse(&mut self, formula: Formula) -> Formula {
        if let Some(field) = self.only_field(&formula) {
            return self.predicate(field, &formula);
        }
        match formula {
            Formula::True | Formula::False => formula,
            Formula::Is(leaf) => Formula::Is(self.fact_of_leaf(leaf)),
            Formula::IsNot(leaf) => Formula::IsNot(self.fact_of_leaf(leaf)),
            Formula::All(parts) => {
                let parts = self.collapse_parts(parts, Formula::all);
                Formula::all(parts)
            }
            Formula::Any(parts) => {
                let parts = self.collapse_parts(parts, Formula::any);
                Formula::any(parts)
            }
        }
    }

    fn collapse_parts(&mut self, parts: Vec<Formula>, join: fn(Vec<Formula>) -> Formula) -> Vec<Formula> {
        let mut groups: Vec<(Option<usize>, Vec<Formula>)> = Vec::new();
        for part in parts {
            let field = self.only_field(&part);
            match groups
                .iter_mut()
                .find(|(known, _)| field.is_some() && *known == field)
            {
                Some((_, group)) => group.push(part),
                None => groups.push((field, vec![part])),
            }
        }
        groups
            .into_iter()
            .map(|(_, group)| self.collapse(join(group)))
            .collect()
    }

    fn fact_of_leaf(&mut self, leaf: u32) -> u32 {
        match self.leaves[leaf as usize] {
            Leaf::RowTest(test) => self.fact(Fact::RowTest(test)),
            Leaf::Atom { .. } => unreachable!("a lone atom is about a single field"),
        }
    }

    fn predicate(&mut self, field: usize, formula: &Formula) -> Formula {
        let local = self.localise(formula);
        // On the empty set every predicate is false; one that would be true is kept as its negation.
        let negated = local.holds_on_nothing();
        let stored = if negated { local.not() } else { local };
        if stored == Formula::False {
            return if negated { Formula::True } else { Formula::False };
        }
        let builder = &mut self.fields[field];
        let predicate = match builder.by_formula.get(&stored) {
            Some(&predicate) => predicate,
            None => {
                let predicate =
                    u32::try_from(builder.predicates.len()).expect("fewer predicates than u32::MAX");
                builder.by_formula.insert(stored.clone(), predicate);
                builder.predicates.push(stored);
                predicate
            }
        };
        let fact = self.fact(Fact::Predicate { field, predicate });
        if negated {
            Formula::IsNot(fact)
        } else {
            Formula::Is(fact)
        }
    }

    /// A formula over leaves of one field, over that field's atoms.
    fn localise(&self, formula: &Formula) -> Formula {
        let atom = |leaf: u32| match self.leaves[leaf as usize] {
            Leaf::Atom { atom, .. } => atom,
            Leaf::RowTest(_) => unreachable!("checked by only_field"),
        };
        match formula {
            Formula::True => Formula::True,
            Formula::False => Formula::False,
            Formula::Is(leaf) => Formula::Is(atom(*leaf)),
            Formula::IsNot(leaf) => Formula::IsNot(atom(*leaf)),
            Formula::All(parts) => Formula::all(parts.iter().map(|part| self.localise(part))),
            Formula::Any(parts) => Formula::any(parts.iter().map(|part| self.localise(part))),
        }
    }

    fn fact(&mut self, fact: Fact) -> u32 {
        match self.by_fact.get(&fact) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(self.facts.len()).expect("fewer facts than u32::MAX");
                self.by_fact.insert(fact, number);
                self.facts.push(fact);
                number
            }
        }
    }

    fn finish(self, planned: Vec<(u32, Formula)>) -> Plan {
        let mut fields: Vec<FieldPlan> = self
            .fields
            .into_iter()
            .map(|builder| {
                let mut predicates_of_atom = vec![Vec::new(); builder.atoms.len()];
                let mut costs = Vec::with_capacity(builder.predicates.len());
                for (number, predicate) in builder.predicates.iter().enumerate() {
                    let (cost, atoms) = predicate
                        .witness(&|atom| builder.costs[atom as usize])
                        .expect("a formula that is false on nothing has a witness");
                    costs.push(cost);
                    for atom in atoms {
                        predicates_of_atom[atom as usize].push(number as u32);
                    }
                }
                let is_witness: Vec<bool> = predicates_of_atom.iter().map(|of| !of.is_empty()).collect();
                FieldPlan {
                    witnesses: FieldIndex::new(&builder.atoms, |atom| is_witness[atom]),
                    others: FieldIndex::new(&builder.atoms, |atom| !is_witness[atom]),
                    atoms: match builder.key {
                        None => builder.atoms,
                        Some(_) => Vec::new(),
                    },
                    costs,
                    key: builder.key,
                    as_written: builder.as_written,
                    rules_of_predicate: vec![Vec::new(); builder.predicates.len()],
                    predicates: builder.predicates,
                    predicates_of_atom,
                }
            })
            .collect();
        let facts = self.facts;
        let keywords = fields.iter().position(|field| field.key.is_none());
        let predicate_costs: Vec<Vec<f64>> = fields.iter().map(|field| field.costs.clone()).collect();
        let cost = |fact: u32| match facts[fact as usize] {
            Fact::Predicate { field, predicate } => predicate_costs[field][predicate as usize],
            Fact::RowTest(_) => f64::INFINITY,
        };
        let mut plan = Plan {
            rules: Vec::with_capacity(planned.len()),
            always: Vec::new(),
            row_tests: self.row_tests,
            keywords,
            keywords_wake: false,
            facts: Vec::new(),
            fields: Vec::new(),
        };
        for (rule, formula) in planned {
            let number = u32::try_from(plan.rules.len()).expect("fewer rules than u32::MAX");
            match formula.witness(&cost).filter(|(cost, _)| cost.is_finite()) {
                None => plan.always.push(number),
                Some((_, witnesses)) => {
                    for witness in witnesses {
                        if let Fact::Predicate { field, predicate } = facts[witness as usize] {
                            fields[field].rules_of_predicate[predicate as usize].push(number);
                            plan.keywords_wake |= Some(field) == keywords;
                        }
                    }
                }
            }
            let mut asks_keywords = false;
            formula.facts(&mut |fact| {
                let is_keyword = |field| Some(field) == keywords;
                asks_keywords |=
                    matches!(facts[fact as usize], Fact::Predicate { field, .. } if is_keyword(field));
            });
            plan.rules.push(PlannedRule {
                rule,
                formula,
                asks_keywords,
            });
        }
        plan.facts = facts;
        plan.fields = fields;
        plan
    }
}

fn condition_formula(condition: &Condition, searches: &[Formula]) -> Formula {
    match condition {
        Condition::All(parts) => Formula::all(parts.iter().map(|part| condition_formula(part, searches))),
        Condition::Any(parts) => Formula::any(parts.iter().map(|part| condition_formula(part, searches))),
        Condition::Not(inner) => condition_formula(inner, searches).not(),
        Condition::Search(index) => searches.get(*index).cloned().unwrap_or(Formula::False),
    }
}

fn folded(part: &Part, cased: Cased) -> Part {
    match (part, cased) {
        (Part::Literal(text), Cased::No) => Part::Literal(fold(text).into_owned()),
        (part, _) => part.clone(),
    }
}

/// A guess at how often an atom holds, from 0 to 1: only its order matters, and only for speed.
fn cost(atom: &Atom, key: Option<&FieldKey>) -> f64 {
    let by_length =
        |length: usize, weight: f64| weight * 0.8f64.powi(i32::try_from(length.min(60)).unwrap_or(60));
    let cost = match atom {
        Atom::Present | Atom::Pattern(Shape::Anything, _) => 1.0,
        Atom::Number(..) | Atom::TimePart(..) => 0.5,
        // Lists are long, and events of what is in them few.
        Atom::Listed(_) => 1e-6,
        Atom::Cidr(cidr) => by_length(usize::from(cidr.prefix) / 2, 0.5),
        Atom::Regex(regex) => {
            let needed = regex.needed.as_ref();
            let shortest = needed.and_then(|n| n.iter().map(String::len).min()).unwrap_or(0);
            by_length(shortest, 0.5)
        }
        Atom::Pattern(shape, _) => match shape {
            Shape::Anything => 1.0,
            Shape::Exact(text) => by_length(text.len(), 0.2),
            Shape::Prefix(text) => by_length(text.len(), 0.4),
            Shape::Suffix(text) => by_length(text.len(), 0.2),
            Shape::Contains(text) => by_length(text.len(), 0.5),
            Shape::Glob(_, longest) => by_length(longest.as_ref().map_or(0, String::len), 0.5),
        },
    };
    // Which kind of event it is says little about whether it is a bad one.
    let tells_kind = key.is_none_or(|key| {
        matches!(
            key.dotted.as_str(),
            "event.code" | "winlog.channel" | "winlog.provider_name" | "event.action" | "event.category"
        )
    });
    if tells_kind { cost.max(0.3) } else { cost }
}
