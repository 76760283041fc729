//! The screen of one dataset: keys, values and kinds of its events.

use std::sync::Arc;

use borzoi_parsers::batch::{BuilderCounters, is_written_by_builder, spells_integer, stored_text};
use borzoi_parsers::catalog::{ColumnType, Dataset};
use borzoi_parsers::formats::flat::{FlatEvent, FlatField, Kind as ValueKind};
use borzoi_parsers::value::{Value, parse_timestamp};
use hashbrown::HashMap;

use super::keywords::has_letters_that_become_ascii;
use super::kind::{Kind, Kinds, Sight};
use super::memory::{Known, NOTHING, Outcomes, Values};
use crate::matcher::field_index::Scratch;
use crate::matcher::plan::{Fact, Plan};
use crate::matcher::sets::{EMPTY, SetId, SetTable};
use crate::matcher::values::is_bookkeeping;
use crate::matcher::{CACHE_BUDGET, MatchCounters};
use crate::resolve::FieldKey;

/// More kinds than a dataset has; from there on they are learned anew.
const MOST_KINDS: usize = 4096;

/// A key of the records.
struct KeyPlan {
    /// Number of its column.
    column: u32,
    column_type: ColumnType,
    /// Slots of the fields that the column belongs to.
    slots: Box<[u32]>,
    /// Slots of the fields to which a value belongs that the column does not take.
    slots_aside: Box<[u32]>,
    /// Whether its values say what kind of event it is.
    tells_kind: bool,
    /// Whether another key feeds one of these slots too.
    shared: bool,
    /// Whether only decoding can say what becomes of its values.
    odd: bool,
    values: Values,
    lists: Values,
}

/// See the [module](self).
pub(super) struct DatasetScreen {
    pub(super) dataset: Arc<Dataset>,
    plan: Arc<Plan>,
    max_columns: usize,
    // What the plan says of its fields.
    sights: Vec<Sight>,
    kind_slots: usize,
    // What is learned of keys and values.
    keys: Vec<Option<Box<KeyPlan>>>,
    columns: HashMap<Arc<str>, u32>,
    tables: Vec<SetTable>,
    outcomes: Outcomes,
    value_bytes: usize,
    kinds: Vec<Kind>,
    by_sets: HashMap<Box<[SetId]>, usize>,
    // The event at hand.
    number: u32,
    /// By column: the event that had a value for it last, and where.
    seen: Vec<(u32, FlatField)>,
    kind_sets: Vec<SetId>,
    last_kind: Option<(Vec<SetId>, usize)>,
    row_sets: Vec<SetId>,
    touched: Vec<u32>,
    candidates: Vec<u32>,
    folded: Vec<u8>,
    scratch: Scratch,
    atoms: Vec<u32>,
    // What was passed over.
    columns_counted: BuilderCounters,
    counters: MatchCounters,
}

impl DatasetScreen {
    pub(super) fn new(dataset: Arc<Dataset>, plan: Arc<Plan>, max_columns: usize) -> DatasetScreen {
        let tells_kind: Vec<FieldKey> = dataset
            .sigma
            .iter()
            .flat_map(|entry| entry.when.keys())
            .map(|name| FieldKey::of(dataset.resolve(name, None).column()))
            .collect();
        let mut kind_slots = 0;
        let sights: Vec<Sight> = plan
            .fields
            .iter()
            .map(|field| match &field.key {
                None => Sight::Keywords,
                Some(key) if is_hidden(key) => Sight::Hidden,
                Some(key) if tells_kind.contains(key) => {
                    kind_slots += 1;
                    Sight::Kind(kind_slots - 1)
                }
                Some(_) => Sight::Values,
            })
            .collect();
        DatasetScreen {
            tables: plan.fields.iter().map(|_| SetTable::without_rules()).collect(),
            row_sets: vec![EMPTY; plan.fields.len()],
            sights,
            kind_slots,
            dataset,
            plan,
            max_columns,
            keys: Vec::new(),
            columns: HashMap::new(),
            outcomes: Outcomes::default(),
            value_bytes: 0,
            kinds: Vec::new(),
            by_sets: HashMap::new(),
            number: 0,
            seen: Vec::new(),
            kind_sets: Vec::new(),
            last_kind: None,
            touched: Vec::new(),
            candidates: Vec::new(),
            folded: Vec::new(),
            scratch: Scratch::default(),
            atoms: Vec::new(),
            columns_counted: BuilderCounters::default(),
            counters: MatchCounters::default(),
        }
    }

    pub(super) fn take_counters(&mut self) -> (BuilderCounters, MatchCounters) {
        (
            std::mem::take(&mut self.columns_counted),
            std::mem::take(&mut self.counters),
        )
    }

    /// Whether no rule matches the event; it is counted then.
    pub(super) fn passes(&mut self, event: &FlatEvent<'_>) -> bool {
        let mut counters = BuilderCounters::default();
        match self.look(event, &mut counters) {
            Some(false) => {
                self.counters.events += 1;
                self.counters.passed += 1;
                self.columns_counted += counters;
                true
            }
            _ => false,
        }
    }

    /// Whether a rule may match; `None`: only decoding can tell what the event is.
    fn look(&mut self, event: &FlatEvent<'_>, counters: &mut BuilderCounters) -> Option<bool> {
        if self.plan.rules.is_empty() {
            return Some(false);
        }
        self.keep_within_budget();
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.seen.clear();
            self.number = 1;
        }
        // Else the time of collection is a value that does not fit.
        if event
            .created()
            .is_some_and(|created| parse_timestamp(created).is_none())
        {
            return None;
        }
        self.kind_sets.clear();
        self.kind_sets.resize(self.kind_slots, EMPTY);
        for &field in event.fields {
            self.note(event, field, counters)?;
        }
        if self.columns.len() > self.max_columns {
            return None;
        }
        let kind = self.kind();
        Some(self.may_match(event, kind))
    }

    /// Notes that the event has a field: what it tells of its kind, and what decoding would count.
    #[inline]
    fn note(
        &mut self,
        event: &FlatEvent<'_>,
        field: FlatField,
        counters: &mut BuilderCounters,
    ) -> Option<()> {
        if field.kind == ValueKind::Null || Some(field.key) == event.collected() {
            return Some(());
        }
        let index = field.key as usize;
        if !matches!(self.keys.get(index), Some(Some(_))) {
            self.new_key(event, field);
        }
        let Some(Some(key)) = self.keys.get(index) else {
            return None;
        };
        if key.odd {
            return None;
        }
        let column = key.column as usize;
        if self.seen.len() <= column {
            self.seen.resize(column + 1, (0, field));
        }
        let (seen, before) = std::mem::replace(&mut self.seen[column], (self.number, field));
        let mut again = false;
        if seen == self.number {
            // Two values that are spelled alike are the same; whether others are takes a closer look.
            again = true;
            let is_plain = |field: FlatField| matches!(field.kind, ValueKind::Text | ValueKind::Number);
            let is_list = |field: FlatField| field.kind == ValueKind::List;
            if is_list(before) || is_list(field) {
                return None;
            }
            if event.raw(before) != event.raw(field) {
                if key.column_type != ColumnType::Keyword || !is_plain(before) || !is_plain(field) {
                    return None;
                }
                if key.slots != key.slots_aside {
                    return None;
                }
                counters.duplicates += 1;
            }
        }
        if !again && key.column_type != ColumnType::Keyword && field.kind != ValueKind::List {
            let fits = match (key.column_type, field.kind) {
                (ColumnType::Integer, ValueKind::Number) | (ColumnType::List, _) => true,
                _ => self.fits(event, field),
            };
            if !fits {
                if self.keys[index]
                    .as_ref()
                    .is_some_and(|key| key.slots != key.slots_aside)
                {
                    return None;
                }
                // The column has no value, so another one may still come.
                self.seen[column].0 = 0;
                counters.misfits += 1;
            }
        }
        if self.keys[index].as_ref().is_some_and(|key| key.tells_kind) {
            let known = self.known(event, field);
            for &(slot, set) in self.outcomes.get(known.outcome) {
                if let Sight::Kind(position) = self.sights[slot as usize] {
                    let field_plan = &self.plan.fields[slot as usize];
                    let before = self.kind_sets[position];
                    self.kind_sets[position] = self.tables[slot as usize].union(before, set, field_plan);
                }
            }
        }
        Some(())
    }

    /// Whether a value fits the type of its column.
    fn fits(&mut self, event: &FlatEvent<'_>, field: FlatField) -> bool {
        let key = self.keys[field.key as usize].as_ref().expect("made by note");
        if key.column_type == ColumnType::Integer && field.kind == ValueKind::Text {
            return spells_integer(event.raw(field));
        }
        self.known(event, field).fits
    }

    #[cold]
    fn new_key(&mut self, event: &FlatEvent<'_>, field: FlatField) {
        let native = event.name(field.key);
        let column = self.dataset.column_of_native(native);
        let slots_where = |belongs: &dyn Fn(&FieldKey) -> bool| -> Box<[u32]> {
            let fields = self.plan.fields.iter().enumerate();
            fields
                .filter(|(_, field)| field.key.as_ref().is_some_and(belongs))
                .map(|(slot, _)| slot as u32)
                .collect()
        };
        let slots = slots_where(&|key| key.is_column(&column.sql, &column.dotted));
        let slots_aside = slots_where(&|key| key.is_unmapped_path(&self.dataset, &column.dotted));
        let odd = is_written_by_builder(native, &column)
            // Where decoding puts the time of collection.
            || &*column.sql == "event_created";
        let number = match self.columns.get(&column.sql) {
            Some(&number) => number,
            None => {
                let number = self.columns.len() as u32;
                self.columns.insert(column.sql.clone(), number);
                number
            }
        };
        let mut shared = false;
        for other in self.keys.iter_mut().flatten() {
            if other
                .slots
                .iter()
                .chain(&other.slots_aside)
                .any(|slot| slots.contains(slot) || slots_aside.contains(slot))
            {
                other.shared = true;
                shared = true;
            }
        }
        let tells_kind = slots
            .iter()
            .chain(&slots_aside)
            .any(|&slot| matches!(self.sights[slot as usize], Sight::Kind(_)));
        let index = field.key as usize;
        if self.keys.len() <= index {
            self.keys.resize_with(index + 1, || None);
        }
        self.keys[index] = Some(Box::new(KeyPlan {
            column: number,
            column_type: column.column_type,
            slots,
            slots_aside,
            tells_kind,
            shared,
            odd,
            values: Values::default(),
            lists: Values::default(),
        }));
    }

    /// What is known of a value; it is searched if nothing is.
    #[inline]
    fn known(&mut self, event: &FlatEvent<'_>, field: FlatField) -> Known {
        let key = self.keys[field.key as usize].as_mut().expect("made by note");
        let values = match field.kind {
            // The text `[1]` is another value than the list.
            ValueKind::List => &mut key.lists,
            _ => &mut key.values,
        };
        match values.get(event.raw(field).as_bytes()) {
            Some(known) => known,
            None => self.search(event, field),
        }
    }

    #[inline(never)]
    fn search(&mut self, event: &FlatEvent<'_>, field: FlatField) -> Known {
        let DatasetScreen {
            plan,
            keys,
            tables,
            outcomes,
            sights,
            scratch,
            atoms,
            ..
        } = self;
        let key = keys[field.key as usize].as_mut().expect("made by note");
        self.counters.searched += 1;
        let mut fits = true;
        let mut found: Vec<(u32, SetId)> = Vec::new();
        let is_list = field.kind == ValueKind::List;
        event.visit(field, &mut |value| {
            let stored = match is_list && key.column_type != ColumnType::List {
                true => None,
                false => stored_text(key.column_type, &value),
            };
            fits &= stored.is_some() || matches!(value, Value::Null);
            let slots = match &stored {
                Some(_) => &key.slots,
                None => &key.slots_aside,
            };
            let text = match stored {
                Some(text) => Some(text),
                None => stored_text(ColumnType::Keyword, &value),
            };
            let Some(text) = text else { return };
            for &slot in slots {
                if matches!(sights[slot as usize], Sight::Hidden | Sight::Keywords) {
                    continue;
                }
                let field_plan = &plan.fields[slot as usize];
                let table = &mut tables[slot as usize];
                field_plan.index.atoms_of(&text, scratch, atoms);
                let set = table.intern(atoms, field_plan);
                if set == EMPTY {
                    continue;
                }
                match found.iter_mut().find(|(known, _)| *known == slot) {
                    Some((_, before)) => *before = table.union(*before, set, field_plan),
                    None => found.push((slot, set)),
                }
            }
        });
        let known = Known {
            outcome: outcomes.intern(&found),
            fits: fits || is_list,
        };
        let values = match is_list {
            true => &mut key.lists,
            false => &mut key.values,
        };
        self.value_bytes += values.insert(event.raw(field).as_bytes(), known);
        known
    }

    /// The kind of the event at hand.
    #[inline]
    fn kind(&mut self) -> usize {
        match &self.last_kind {
            Some((sets, kind)) if *sets == self.kind_sets => *kind,
            _ => self.find_kind(),
        }
    }

    fn find_kind(&mut self) -> usize {
        let kind = match self.by_sets.get(self.kind_sets.as_slice()) {
            Some(&kind) => kind,
            None => {
                let kinds = Kinds {
                    plan: &self.plan,
                    sights: &self.sights,
                    tables: &self.tables,
                };
                self.kinds.push(kinds.kind(&self.kind_sets));
                self.by_sets
                    .insert(self.kind_sets.as_slice().into(), self.kinds.len() - 1);
                self.kinds.len() - 1
            }
        };
        self.last_kind = Some((self.kind_sets.clone(), kind));
        kind
    }

    /// Whether a rule that is left for the kind may match.
    #[inline]
    fn may_match(&mut self, event: &FlatEvent<'_>, kind: usize) -> bool {
        if self.kinds[kind].looked_at || self.keyword_may_occur(event, kind) {
            return true;
        }
        let mut awake = !self.kinds[kind].always.is_empty();
        for &field in event.fields {
            if awake {
                break;
            }
            let Some(Some(key)) = self.keys.get(field.key as usize) else {
                continue;
            };
            let slots = key
                .slots
                .iter()
                .chain(&key.slots_aside)
                .map(|&slot| slot as usize);
            if field.kind == ValueKind::Null || !self.kinds[kind].asks(field.key as usize, slots) {
                continue;
            }
            let shared = key.shared;
            let outcome = self.known(event, field).outcome;
            // What two values satisfy together may wake a rule that neither wakes alone.
            awake = outcome != NOTHING
                && (shared || self.kinds[kind].wakes(outcome, &self.outcomes, &self.tables));
        }
        awake && self.evaluate(event, kind)
    }

    #[inline]
    fn keyword_may_occur(&mut self, event: &FlatEvent<'_>, kind: usize) -> bool {
        let Some(filter) = &self.kinds[kind].keywords else {
            return false;
        };
        let record = event.text();
        self.folded.clear();
        if event.has_unicode_escapes() {
            let text = event.unescaped();
            if has_letters_that_become_ascii(&text) {
                return true;
            }
            self.folded.extend_from_slice(text.as_bytes());
        } else {
            self.folded.extend_from_slice(record.as_bytes());
        }
        self.folded.make_ascii_lowercase();
        filter.occurs(&self.folded) || !event.is_ascii() && has_letters_that_become_ascii(record)
    }

    /// Evaluates the rules that the event's values wake.
    fn evaluate(&mut self, event: &FlatEvent<'_>, kind: usize) -> bool {
        for &field in event.fields {
            let Some(Some(key)) = self.keys.get(field.key as usize) else {
                continue;
            };
            if field.kind == ValueKind::Null || key.slots.is_empty() && key.slots_aside.is_empty() {
                continue;
            }
            let known = self.known(event, field);
            for &(slot, set) in self.outcomes.get(known.outcome) {
                let row_set = &mut self.row_sets[slot as usize];
                if *row_set == EMPTY {
                    self.touched.push(slot);
                }
                *row_set = self.tables[slot as usize].union(*row_set, set, &self.plan.fields[slot as usize]);
            }
        }
        let kind = &self.kinds[kind];
        self.candidates.clear();
        for &slot in &self.touched {
            kind.wake(
                slot,
                self.row_sets[slot as usize],
                &self.tables,
                &mut self.candidates,
            );
        }
        let holds = |fact: u32| match self.plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } => match self.sights[field] {
                Sight::Values => Some(self.tables[field].holds(self.row_sets[field], predicate)),
                _ => None,
            },
            Fact::RowTest(_) => None,
        };
        let mut rules = kind.always.iter().chain(&self.candidates);
        let found = rules.any(|&rule| kind.rule(rule).may_hold(&holds));
        for slot in self.touched.drain(..) {
            self.row_sets[slot as usize] = EMPTY;
        }
        found
    }

    /// Forgets what was learned of values where it takes too much room.
    fn keep_within_budget(&mut self) {
        let mut bytes = self.value_bytes;
        if self.number % 4096 == 0 {
            bytes += self.tables.iter().map(SetTable::bytes).sum::<usize>();
        }
        if bytes <= CACHE_BUDGET && self.kinds.len() <= MOST_KINDS {
            return;
        }
        for key in self.keys.iter_mut().flatten() {
            key.values.clear();
            key.lists.clear();
        }
        self.value_bytes = 0;
        self.tables.fill_with(SetTable::without_rules);
        self.outcomes = Outcomes::default();
        self.kinds.clear();
        self.by_sets.clear();
        self.last_kind = None;
    }
}

/// Whether the values of a field do not stand in the record.
fn is_hidden(key: &FieldKey) -> bool {
    is_bookkeeping(&key.sql) || matches!(key.sql.as_str(), "original" | "event_created" | "error_type")
}
