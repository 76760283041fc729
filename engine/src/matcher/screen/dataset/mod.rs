//! The screen of one dataset: shapes, kinds, and whether an event of them has to be looked at.
//!
//! What its keys and values are is found out in [`keys`]; whether they may satisfy a rule in [`judge`].

mod judge;
mod keys;

use std::sync::Arc;

use borzoi_parsers::batch::BuilderCounters;
use borzoi_parsers::catalog::{ColumnType, Dataset};
use borzoi_parsers::enrich::derived;
use borzoi_parsers::formats::flat::{FlatEvent, FlatField, Kind as ValueKind};
use hashbrown::{HashMap, HashSet};

use super::kind::{Filters, Kind, Kinds, Sight};
use super::memory::{Known, Outcomes};
use super::shapes::{Shape, Shapes};
use crate::matcher::field_index::{Mark, Scratch};
use crate::matcher::plan::{Plan, RowTest};
use crate::matcher::sets::{EMPTY, SetId, SetTable};
use crate::matcher::values::is_bookkeeping;
use crate::matcher::{CACHE_BUDGET, MatchCounters};
use crate::resolve::FieldKey;
use keys::KeyPlan;

/// More kinds than a dataset has; events of further ones are looked at in full.
const MOST_KINDS: usize = 512;

/// What most events need to know of a key.
#[derive(Clone, Copy, Default)]
struct Hot {
    column: u32,
    /// Whether any value is one more text and says nothing of the kind of event.
    plain: bool,
}

/// See the [module](self).
pub(super) struct DatasetScreen {
    pub(super) dataset: Arc<Dataset>,
    plan: Arc<Plan>,
    max_columns: usize,
    // What the plan says of its fields.
    sights: Vec<Sight>,
    kind_slots: usize,
    /// The slots that a test between two fields compares; `None` where values do not stand in the record.
    row_slots: Vec<Option<[u32; 2]>>,
    /// Whether the time of collection goes to the column that no slot sees.
    created_is_hidden: bool,
    // What is learned of keys and values.
    keys: Vec<Option<Box<KeyPlan>>>,
    hot: Vec<Hot>,
    columns: HashMap<Arc<str>, u32>,
    tables: Vec<SetTable>,
    outcomes: Outcomes,
    value_bytes: usize,
    /// Number of searches at which the budget is looked at next.
    check_at: u64,
    shapes: Shapes,
    kinds: Vec<Kind>,
    filters: Filters,
    by_sets: HashMap<Box<[SetId]>, usize>,
    // The event at hand.
    number: u32,
    /// Keys whose values did not fit their columns.
    misfits: Vec<u32>,
    /// What was found out about values that may not be remembered, by where they stand.
    searched: Vec<(usize, Known)>,
    /// By column: the event that had a value for it last, and which.
    seen: Vec<(u32, Option<FlatField>)>,
    kind_sets: Vec<SetId>,
    last_kind: Option<(Vec<SetId>, usize)>,
    row_sets: Vec<SetId>,
    touched: Vec<u32>,
    candidates: Vec<u32>,
    /// The keywords that may occur, by number; or any, whatever the search says.
    keyword_atoms: Vec<u32>,
    keyword_seen: Vec<u64>,
    any_keyword: bool,
    scratch: Scratch,
    atoms: Vec<u32>,
    text: String,
    marks: Vec<Mark>,
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
                Some(key) if is_hidden(key) || !field.as_written && is_made(key, &dataset) => Sight::Hidden,
                Some(key) if tells_kind.contains(key) => {
                    kind_slots += 1;
                    Sight::Kind(kind_slots - 1)
                }
                Some(_) => Sight::Values,
            })
            .collect();
        let slot_of = |key: &FieldKey| {
            let slot = plan
                .fields
                .iter()
                .position(|field| field.key.as_ref() == Some(key) && !field.as_written)?;
            (sights[slot] != Sight::Hidden).then_some(slot as u32)
        };
        let slots_of = |test: &RowTest| Some([slot_of(&test.field)?, slot_of(&test.other)?]);
        DatasetScreen {
            row_slots: plan.row_tests.iter().map(slots_of).collect(),
            tables: plan.fields.iter().map(|_| SetTable::without_rules()).collect(),
            row_sets: vec![EMPTY; plan.fields.len()],
            sights,
            kind_slots,
            created_is_hidden: &*dataset.column_of_native("event.created").sql == "event_created",
            dataset,
            plan,
            max_columns,
            keys: Vec::new(),
            hot: Vec::new(),
            columns: HashMap::new(),
            outcomes: Outcomes::default(),
            value_bytes: 0,
            check_at: 0,
            shapes: Shapes::default(),
            kinds: Vec::new(),
            filters: Filters::default(),
            by_sets: HashMap::new(),
            number: 0,
            misfits: Vec::new(),
            searched: Vec::new(),
            seen: Vec::new(),
            kind_sets: Vec::new(),
            last_kind: None,
            touched: Vec::new(),
            candidates: Vec::new(),
            keyword_atoms: Vec::new(),
            keyword_seen: Vec::new(),
            any_keyword: false,
            scratch: Scratch::default(),
            atoms: Vec::new(),
            text: String::new(),
            marks: Vec::new(),
            columns_counted: BuilderCounters::default(),
            counters: MatchCounters::default(),
        }
    }

    pub(super) fn take_counters(&mut self) -> (BuilderCounters, MatchCounters) {
        self.check_at = self.check_at.saturating_sub(self.counters.searched);
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
        self.keep_within_budget();
        // Elsewhere, or where it does not fit, the time of collection is a value like others.
        if !event.created_fits() || !self.created_is_hidden && event.created().is_some() {
            return None;
        }
        self.searched.clear();
        let shape = self.shapes.find(event);
        let known = shape.and_then(|shape| self.kind_by_shape(event, shape));
        let kind = match known {
            Some(kind) => kind,
            None => self.kind_by_fields(event, counters, shape.is_none())?,
        };
        if self.columns.len() > self.max_columns {
            return None;
        }
        Some(self.may_match(event, kind, shape))
    }

    /// The kind of an event of a known shape; `None` if that takes a look at every field.
    #[inline]
    fn kind_by_shape(&mut self, event: &FlatEvent<'_>, shape: usize) -> Option<usize> {
        for index in 0..self.shapes.get(shape).typed.len() {
            let field = event.fields[self.shapes.get(shape).typed[index] as usize];
            if !self.fits(event, field) {
                return None;
            }
        }
        if let Some(kind) = self.shapes.get(shape).kind(event) {
            return Some(kind);
        }
        self.kind_sets.clear();
        self.kind_sets.resize(self.kind_slots, EMPTY);
        for index in 0..self.shapes.get(shape).telling.len() {
            let field = event.fields[self.shapes.get(shape).telling[index] as usize];
            self.tell_kind(event, field);
        }
        let kind = self.kind()?;
        self.shapes.get_mut(shape).is_of(event, kind);
        Some(kind)
    }

    /// The kind of an event, each of whose fields is looked at; `None` if only decoding can tell what it is. `is_new`:
    /// its shape is worth remembering.
    fn kind_by_fields(
        &mut self,
        event: &FlatEvent<'_>,
        counters: &mut BuilderCounters,
        is_new: bool,
    ) -> Option<usize> {
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.seen.fill((0, None));
            self.number = 1;
        }
        self.misfits.clear();
        self.kind_sets.clear();
        self.kind_sets.resize(self.kind_slots, EMPTY);
        for &field in event.fields {
            self.note(event, field, counters)?;
        }
        if is_new
            && self.shapes.has_room_for(event)
            && self.columns.len() <= self.max_columns
            && let Some(shape) = self.shape_of(event)
        {
            self.shapes.insert(event, shape);
        }
        self.kind()
    }

    /// The shape of an event whose fields have been noted; `None` if two of them share a column.
    fn shape_of(&self, event: &FlatEvent<'_>) -> Option<Shape> {
        let mut columns = HashSet::new();
        let [mut telling, mut typed, mut asking] = [const { Vec::new() }; 3];
        for (position, field) in (0..).zip(event.fields) {
            if field.kind == ValueKind::Null || Some(field.key) == event.collected() {
                continue;
            }
            let key = self.keys.get(field.key as usize)?.as_ref()?;
            if key.odd || !columns.insert(key.column) {
                return None;
            }
            let always_fits = matches!(
                (key.column_type, field.kind),
                (ColumnType::Keyword | ColumnType::List, _)
                    | (_, ValueKind::List)
                    | (ColumnType::Integer, ValueKind::Number)
            );
            if !always_fits {
                typed.push(position);
            }
            if key.tells_kind {
                telling.push(position);
            }
            if !key.slots.is_empty() || !key.slots_aside.is_empty() {
                asking.push(position);
            }
        }
        Some(Shape::of(event, telling, typed, asking))
    }

    /// The kind of the event at hand; `None` if there are too many.
    #[inline]
    fn kind(&mut self) -> Option<usize> {
        match &self.last_kind {
            Some((sets, kind)) if *sets == self.kind_sets => Some(*kind),
            _ => self.find_kind(),
        }
    }

    fn find_kind(&mut self) -> Option<usize> {
        let kind = match self.by_sets.get(self.kind_sets.as_slice()) {
            Some(&kind) => kind,
            None if self.kinds.len() >= MOST_KINDS => return None,
            None => {
                let mut kinds = Kinds {
                    plan: &self.plan,
                    sights: &self.sights,
                    tables: &self.tables,
                    filters: &mut self.filters,
                };
                self.kinds.push(kinds.kind(&self.kind_sets));
                self.by_sets
                    .insert(self.kind_sets.as_slice().into(), self.kinds.len() - 1);
                self.kinds.len() - 1
            }
        };
        self.last_kind = Some((self.kind_sets.clone(), kind));
        Some(kind)
    }

    /// Forgets what was learned of values where it takes too much room.
    fn keep_within_budget(&mut self) {
        const OFTEN: u64 = 1024;
        if self.counters.searched < self.check_at && self.value_bytes <= CACHE_BUDGET {
            return;
        }
        self.check_at = self.counters.searched + OFTEN;
        let tables = self.tables.iter().map(SetTable::bytes).sum::<usize>();
        // An outcome is stored twice, and every kind has a byte for it.
        let outcomes = self.outcomes.len() * (64 + self.kinds.len());
        if self.value_bytes + tables + outcomes <= CACHE_BUDGET {
            return;
        }
        self.counters.cache_resets += 1;
        self.forget();
    }

    /// Forgets what was learned of values.
    pub(super) fn forget(&mut self) {
        for key in self.keys.iter_mut().flatten() {
            key.values.clear();
            key.lists.clear();
            key.lines.clear();
        }
        self.value_bytes = 0;
        self.tables.fill_with(SetTable::without_rules);
        self.outcomes = Outcomes::default();
        self.shapes.clear();
        self.kinds.clear();
        self.by_sets.clear();
        self.last_kind = None;
    }
}

/// Whether a field's values are made of others.
fn is_made(key: &FieldKey, dataset: &Dataset) -> bool {
    dataset.is_filled(&key.sql) || derived(&key.sql).is_some_and(|derived| derived.is_open_in(dataset))
}

/// Whether the values of a field do not stand in the record.
fn is_hidden(key: &FieldKey) -> bool {
    is_bookkeeping(&key.sql) || matches!(key.sql.as_str(), "original" | "event_created" | "error_type")
}
