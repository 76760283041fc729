//! The screen of one dataset: keys, values and kinds of its events.

use std::borrow::Cow;
use std::sync::Arc;

use borzoi_parsers::batch::{BuilderCounters, is_written_by_builder, spells_integer, stored_text};
use borzoi_parsers::catalog::{ColumnType, Dataset};
use borzoi_parsers::formats::flat::{FlatEvent, FlatField, Kind as ValueKind};
use borzoi_parsers::value::Value;
use hashbrown::{HashMap, HashSet};

use super::keywords::has_letters_that_become_ascii;
use super::kind::{Filters, Kind, Kinds, Sight};
use super::lines::{self, Lines};
use super::memory::{Known, NOTHING, Outcomes, Values};
use super::shapes::{Shape, Shapes};
use crate::matcher::field_index::{Mark, Scratch};
use crate::matcher::plan::{Fact, Plan, RowTest};
use crate::matcher::sets::{EMPTY, SetId, SetTable};
use crate::matcher::single::relates;
use crate::matcher::values::is_bookkeeping;
use crate::matcher::{CACHE_BUDGET, MatchCounters};
use crate::resolve::FieldKey;

/// More kinds than a dataset has; events of further ones are looked at in full.
const MOST_KINDS: usize = 512;

/// Values of one event that are kept at hand; with more, some are searched twice.
const MOST_SEARCHED: usize = 64;

/// Bytes of scratch that are kept from one value to the next.
const LONGEST_SCRATCH: usize = 1 << 20;

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
    lines: Lines,
}

impl KeyPlan {
    /// Whether the column takes the elements of a value: any scalar, but lists only in a column of lists, and
    /// none with a null in it.
    fn takes(&self, event: &FlatEvent<'_>, field: FlatField) -> bool {
        if field.kind != ValueKind::List {
            return true;
        }
        let mut nulls = false;
        event.visit(field, &mut String::new(), &mut |value| {
            nulls |= value == Value::Null
        });
        self.column_type == ColumnType::List && !nulls
    }

    /// The text of a scalar as matchers see it, and the slots that see it: what the column does not take is put
    /// aside.
    fn text_of<'v>(&self, value: &'v Value<'_>, takes: bool) -> (Option<Cow<'v, str>>, &[u32]) {
        let stored = |column_type| match (column_type, value) {
            (ColumnType::Keyword | ColumnType::List, Value::Str(text)) => Some(Cow::Borrowed(*text)),
            _ => stored_text(column_type, value).map(Cow::Owned),
        };
        match stored(self.column_type).filter(|_| takes) {
            Some(text) => (Some(text), &self.slots),
            None => (stored(ColumnType::Keyword), &self.slots_aside),
        }
    }

    /// Whether a scalar fits the type of the column.
    fn fits(&self, value: &Value<'_>) -> bool {
        match (self.column_type, value) {
            (_, Value::Null) | (ColumnType::Keyword | ColumnType::List, Value::Str(_)) => true,
            (column_type, value) => stored_text(column_type, value).is_some(),
        }
    }
}

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
                Some(key) if is_hidden(key) => Sight::Hidden,
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
                .position(|field| field.key.as_ref() == Some(key))?;
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
        if let Some(hot) = self.hot.get(field.key as usize)
            && hot.plain
            && let seen = &mut self.seen[hot.column as usize]
            && seen.0 != self.number
        {
            *seen = (self.number, Some(field));
            return Some(());
        }
        self.note_more(event, field, counters)
    }

    #[inline(never)]
    fn note_more(
        &mut self,
        event: &FlatEvent<'_>,
        field: FlatField,
        counters: &mut BuilderCounters,
    ) -> Option<()> {
        let index = field.key as usize;
        if !matches!(self.keys.get(index), Some(Some(_))) && self.new_key(event, field) {
            // What is noted of the event was found out as if its fields had nothing in common.
            return None;
        }
        // Two values of one key, only the later one in the column.
        if self.misfits.contains(&field.key) {
            return None;
        }
        let Some(Some(key)) = self.keys.get(index) else {
            return None;
        };
        if key.odd {
            return None;
        }
        let column = key.column as usize;
        let (seen, before) = self.seen[column];
        if seen != self.number {
            self.seen[column] = (self.number, Some(field));
        }
        let mut again = false;
        if seen == self.number
            && let Some(before) = before
        {
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
                if key.slots != key.slots_aside || !key.shared && !key.slots.is_empty() {
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
                let apart = |key: &KeyPlan| key.slots != key.slots_aside;
                if self.keys[index].as_deref().is_some_and(apart) {
                    return None;
                }
                // The column has no value, so another one may still come.
                self.seen[column] = (0, None);
                self.misfits.push(field.key);
                counters.misfits += 1;
            }
        }
        if self.keys[index].as_ref().is_some_and(|key| key.tells_kind) {
            // No producer writes that, and every combination would be a kind of its own.
            if again || field.kind == ValueKind::List {
                return None;
            }
            self.tell_kind(event, field);
        }
        Some(())
    }

    /// Takes in what a value says of the kind of the event.
    fn tell_kind(&mut self, event: &FlatEvent<'_>, field: FlatField) {
        let known = self.known(event, field);
        for &(slot, set) in self.outcomes.get(known.outcome) {
            if let Sight::Kind(position) = self.sights[slot as usize] {
                let field_plan = &self.plan.fields[slot as usize];
                let before = self.kind_sets[position];
                self.kind_sets[position] = self.tables[slot as usize].union(before, set, field_plan);
            }
        }
    }

    /// Whether a value fits the type of its column.
    fn fits(&mut self, event: &FlatEvent<'_>, field: FlatField) -> bool {
        let key = self.keys[field.key as usize].as_ref().expect("made by note");
        if key.column_type == ColumnType::Integer && field.kind == ValueKind::Text {
            return spells_integer(event.raw(field));
        }
        self.known(event, field).fits
    }

    /// Whether the key turns out to share a slot with another one.
    #[cold]
    fn new_key(&mut self, event: &FlatEvent<'_>, field: FlatField) -> bool {
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
                self.seen.push((0, None));
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
                // Its values were searched as if each were the only one.
                if !other.shared {
                    self.value_bytes -= other.values.clear() + other.lines.clear();
                }
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
            self.hot.resize(index + 1, Hot::default());
        }
        self.hot[index] = Hot {
            column: number,
            plain: column.column_type == ColumnType::Keyword && !tells_kind && !odd,
        };
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
            lines: Lines::default(),
        }));
        shared
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
            text,
            marks,
            searched,
            ..
        } = self;
        // Kept of this event, because not every value is remembered.
        let place = event.raw(field).as_ptr() as usize;
        if let Some(&(_, known)) = searched.iter().find(|(known, _)| *known == place) {
            return known;
        }
        let key = keys[field.key as usize].as_mut().expect("made by note");
        self.counters.searched += 1;
        let mut fits = true;
        let mut found: Vec<(u32, SetId)> = Vec::new();
        let is_list = field.kind == ValueKind::List;
        let takes = key.takes(event, field);
        // What values of one field satisfy together says more than what each does.
        let only = !is_list && !key.shared;
        let raw = event.raw(field);
        let by_lines = match (&*key.slots, field.kind) {
            // Other types of columns hold another text than the record does.
            (&[slot], ValueKind::Escaped)
                if only
                    && raw.len() >= lines::SHORTEST_TEXT
                    && matches!(key.column_type, ColumnType::Keyword | ColumnType::List) =>
            {
                let field_plan = &plan.fields[slot as usize];
                let looks = sights[slot as usize] == Sight::Values && field_plan.looks_within_lines();
                looks.then(|| {
                    self.value_bytes += key.lines.marks_of(raw, field_plan, (text, scratch), marks);
                    slot
                })
            }
            _ => None,
        };
        event.visit(field, text, &mut |value| {
            let (text, slots) = key.text_of(&value, takes);
            fits &= key.fits(&value);
            let Some(text) = text else { return };
            for &slot in slots {
                if matches!(sights[slot as usize], Sight::Hidden | Sight::Keywords) {
                    continue;
                }
                let field_plan = &plan.fields[slot as usize];
                let table = &mut tables[slot as usize];
                if only {
                    let marks = (by_lines == Some(slot)).then_some(marks.as_slice());
                    field_plan.atoms_of_only(&text, marks, scratch, atoms);
                } else {
                    field_plan.atoms_of(&text, scratch, atoms);
                }
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
        if searched.len() < MOST_SEARCHED {
            searched.push((place, known));
        }
        // One long text must not keep its room for good.
        text.shrink_to(LONGEST_SCRATCH);
        known
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

    /// Whether a rule that is left for the kind may match.
    #[inline]
    fn may_match(&mut self, event: &FlatEvent<'_>, kind: usize, shape: Option<usize>) -> bool {
        if self.kinds[kind].looked_at {
            return true;
        }
        let keywords = self.keyword_may_occur(event, kind);
        let awake = keywords
            || !self.kinds[kind].always.is_empty()
            || match shape {
                Some(shape) => self.value_wakes_by_shape(event, kind, shape),
                None => event.fields.iter().any(|&field| {
                    field.kind != ValueKind::Null
                        && self.asks(kind, field)
                        && self.value_wakes(event, kind, field)
                }),
            };
        awake && self.evaluate(event, kind, keywords, shape)
    }

    /// Whether a value of an event of a known shape may wake a rule.
    #[inline]
    fn value_wakes_by_shape(&mut self, event: &FlatEvent<'_>, kind: usize, shape: usize) -> bool {
        if self.shapes.get(shape).asked(kind).is_none() {
            let fields = self.shapes.get(shape).asking.clone();
            let asked = fields.into_iter();
            let asked = asked.filter(|&position| self.asks(kind, event.fields[position as usize]));
            let asked = asked.collect();
            self.shapes.get_mut(shape).learn(kind, asked);
        }
        let mut index = 0;
        while let Some(&position) = self
            .shapes
            .get(shape)
            .asked(kind)
            .and_then(|fields| fields.get(index))
        {
            if self.value_wakes(event, kind, event.fields[position as usize]) {
                return true;
            }
            index += 1;
        }
        false
    }

    /// Whether a value of a field can wake a rule in an event of a kind.
    #[inline]
    fn asks(&mut self, kind: usize, field: FlatField) -> bool {
        let index = field.key as usize;
        if let Some(asks) = self.kinds[kind].asks(index) {
            return asks;
        }
        let Some(Some(key)) = self.keys.get(index) else {
            return false;
        };
        let slots = key.slots.iter().chain(&key.slots_aside);
        self.kinds[kind].learn(index, slots.map(|&slot| slot as usize))
    }

    /// Whether a value may wake a rule.
    #[inline]
    fn value_wakes(&mut self, event: &FlatEvent<'_>, kind: usize, field: FlatField) -> bool {
        let shared = self.keys[field.key as usize]
            .as_ref()
            .is_some_and(|key| key.shared);
        let outcome = self.known(event, field).outcome;
        // What two values satisfy together may wake a rule that neither wakes alone.
        outcome != NOTHING && (shared || self.kinds[kind].wakes(outcome, &self.outcomes, &self.tables))
    }

    /// Whether a keyword may occur; `keyword_atoms` are those then.
    #[inline]
    fn keyword_may_occur(&mut self, event: &FlatEvent<'_>, kind: usize) -> bool {
        let Some(filter) = &self.kinds[kind].keywords else {
            return false;
        };
        let record = event.text();
        let unescaped = event.has_unicode_escapes().then(|| event.unescaped());
        let text = unescaped.as_deref().unwrap_or(record);
        self.any_keyword = (unescaped.is_some() || !event.is_ascii()) && has_letters_that_become_ascii(text);
        filter.atoms(text.as_bytes(), &mut self.keyword_seen, &mut self.keyword_atoms) || self.any_keyword
    }

    /// Evaluates the rules that the event's values wake, and if `keywords` may occur those that ask for them.
    fn evaluate(
        &mut self,
        event: &FlatEvent<'_>,
        number: usize,
        keywords: bool,
        shape: Option<usize>,
    ) -> bool {
        self.take_in_all(event, number, shape, true);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let kind = &mut self.kinds[number];
        candidates.extend_from_slice(&kind.always);
        for &slot in &self.touched {
            kind.wake(slot, self.row_sets[slot as usize], &self.tables, &mut candidates);
        }
        // First with the values that wake rules alone: that settles most, and the others need not be searched.
        let kind = &self.kinds[number];
        let holds = |fact: u32| self.fact(event, (number, shape), keywords, fact, false);
        candidates.retain(|&rule| kind.rule(rule).may_hold(&holds));
        let mut with_keywords = kind.with_keywords.iter();
        let by_keyword = keywords && with_keywords.any(|formula| formula.may_hold(&holds));
        let mut found = false;
        if by_keyword || !candidates.is_empty() {
            self.take_in_all(event, number, shape, false);
            let kind = &self.kinds[number];
            let holds = |fact: u32| self.fact(event, (number, shape), keywords, fact, true);
            let mut with_keywords = kind.with_keywords.iter();
            found = candidates.iter().any(|&rule| kind.rule(rule).may_hold(&holds))
                || by_keyword && with_keywords.any(|formula| formula.may_hold(&holds));
        }
        self.candidates = candidates;
        for slot in self.touched.drain(..) {
            self.row_sets[slot as usize] = EMPTY;
        }
        found
    }

    /// Whether a fact holds in the event whose values have been taken in, `all` of them or those that wake rules; `None`
    /// if that cannot be said.
    fn fact(
        &self,
        event: &FlatEvent<'_>,
        (kind, shape): (usize, Option<usize>),
        keywords: bool,
        fact: u32,
        all: bool,
    ) -> Option<bool> {
        match self.plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } => match self.sights[field] {
                Sight::Values if all || self.kinds[kind].has_witness(field) => {
                    Some(self.tables[field].holds(self.row_sets[field], predicate))
                }
                Sight::Keywords if keywords => {
                    // A keyword of which a piece occurs may hold or not; the others do not.
                    let may_occur = |atom: u32| {
                        let occurs = self.any_keyword || self.keyword_atoms.binary_search(&atom).is_ok();
                        if occurs { None } else { Some(false) }
                    };
                    let predicate = &self.plan.fields[field].predicates[predicate as usize];
                    (!predicate.may_hold(&may_occur)).then_some(false)
                }
                _ => None,
            },
            Fact::RowTest(test) if all => self.row_test(event, test, shape),
            Fact::RowTest(_) => None,
        }
    }

    /// Takes in the values of the fields that can wake a rule, or of the others.
    fn take_in_all(&mut self, event: &FlatEvent<'_>, kind: usize, shape: Option<usize>, waking: bool) {
        match shape {
            Some(shape) => {
                for index in 0..self.shapes.get(shape).asking.len() {
                    let position = self.shapes.get(shape).asking[index];
                    let field = event.fields[position as usize];
                    if self.asks(kind, field) == waking {
                        self.take_in(event, field);
                    }
                }
            }
            None => {
                for &field in event.fields {
                    let Some(Some(key)) = self.keys.get(field.key as usize) else {
                        continue;
                    };
                    let is_asked = field.kind != ValueKind::Null
                        && Some(field.key) != event.collected()
                        && !(key.slots.is_empty() && key.slots_aside.is_empty());
                    if is_asked && self.asks(kind, field) == waking {
                        self.take_in(event, field);
                    }
                }
            }
        }
    }

    /// Adds what a value satisfies to what the event does.
    fn take_in(&mut self, event: &FlatEvent<'_>, field: FlatField) {
        let known = self.known(event, field);
        for &(slot, set) in self.outcomes.get(known.outcome) {
            let row_set = &mut self.row_sets[slot as usize];
            if *row_set == EMPTY {
                self.touched.push(slot);
            }
            *row_set = self.tables[slot as usize].union(*row_set, set, &self.plan.fields[slot as usize]);
        }
    }

    /// Whether a test between two fields holds; `None` where not all their values stand in the record.
    fn row_test(&self, event: &FlatEvent<'_>, number: usize, shape: Option<usize>) -> Option<bool> {
        let [slot, other] = self.row_slots[number]?;
        let test = &self.plan.row_tests[number];
        let values = self.texts_of(event, slot, shape);
        if values.is_empty() {
            return Some(false);
        }
        let others = self.texts_of(event, other, shape);
        Some(values.iter().any(|value| {
            let mut others = others.iter();
            others.any(|other| relates(value, test.relation, other, test.cased))
        }))
    }

    /// The values of a field as matchers see them.
    fn texts_of(&self, event: &FlatEvent<'_>, slot: u32, shape: Option<usize>) -> Vec<String> {
        let mut texts = Vec::new();
        let mut add = |field: FlatField| {
            let Some(Some(key)) = self.keys.get(field.key as usize) else {
                return;
            };
            if !key.slots.contains(&slot) && !key.slots_aside.contains(&slot) {
                return;
            }
            let takes = key.takes(event, field);
            event.visit(field, &mut String::new(), &mut |value| {
                let (text, slots) = key.text_of(&value, takes);
                let text = text.filter(|_| slots.contains(&slot));
                texts.extend(text.map(Cow::into_owned));
            });
        };
        match shape {
            Some(shape) => {
                let asking = self.shapes.get(shape).asking.iter();
                asking.for_each(|&position| add(event.fields[position as usize]));
            }
            None => event.fields.iter().for_each(|&field| add(field)),
        }
        texts
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

/// Whether the values of a field do not stand in the record.
fn is_hidden(key: &FieldKey) -> bool {
    is_bookkeeping(&key.sql) || matches!(key.sql.as_str(), "original" | "event_created" | "error_type")
}
