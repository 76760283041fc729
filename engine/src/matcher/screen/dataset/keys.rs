//! Keys of records: the columns they go to, what is known of their values, and what an event's fields tell of it.

use std::borrow::Cow;

use borzoi_parsers::batch::{BuilderCounters, is_written_by_builder, spells_integer, stored_text};
use borzoi_parsers::catalog::ColumnType;
use borzoi_parsers::formats::flat::{FlatEvent, FlatField, Kind as ValueKind};
use borzoi_parsers::value::Value;

use super::{DatasetScreen, Hot, Sight};
use crate::matcher::screen::lines::{self, Lines};
use crate::matcher::screen::memory::{Known, Values};
use crate::matcher::sets::{EMPTY, SetId};
use crate::resolve::FieldKey;

/// Values of one event that are kept at hand; with more, some are searched twice.
const MOST_SEARCHED: usize = 64;

/// Bytes of scratch that are kept from one value to the next.
const LONGEST_SCRATCH: usize = 1 << 20;

/// A key of the records.
pub(super) struct KeyPlan {
    /// Number of its column.
    pub(super) column: u32,
    pub(super) column_type: ColumnType,
    /// Slots of the fields that the column belongs to.
    pub(super) slots: Box<[u32]>,
    /// Slots of the fields to which a value belongs that the column does not take.
    pub(super) slots_aside: Box<[u32]>,
    /// Whether its values say what kind of event it is.
    pub(super) tells_kind: bool,
    /// Whether another key feeds one of these slots too.
    pub(super) shared: bool,
    /// Whether only decoding can say what becomes of its values.
    pub(super) odd: bool,
    pub(super) values: Values,
    pub(super) lists: Values,
    pub(super) lines: Lines,
}

impl KeyPlan {
    /// Whether the column takes the elements of a value: any scalar, but lists only in a column of lists, and
    /// none with a null in it.
    pub(super) fn takes(&self, event: &FlatEvent<'_>, field: FlatField) -> bool {
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
    pub(super) fn text_of<'v>(&self, value: &'v Value<'_>, takes: bool) -> (Option<Cow<'v, str>>, &[u32]) {
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

impl DatasetScreen {
    /// Notes that the event has a field: what it tells of its kind, and what decoding would count.
    #[inline]
    pub(super) fn note(
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
    pub(super) fn tell_kind(&mut self, event: &FlatEvent<'_>, field: FlatField) {
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
    pub(super) fn fits(&mut self, event: &FlatEvent<'_>, field: FlatField) -> bool {
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
    pub(super) fn known(&mut self, event: &FlatEvent<'_>, field: FlatField) -> Known {
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
        // What the lines say is mostly enough, and the text need not be put together. An escape takes two bytes.
        let settled = by_lines.filter(|&slot| {
            let field_plan = &plan.fields[slot as usize];
            let is_plain = event.is_ascii() && !event.has_unicode_escapes();
            is_plain && field_plan.atoms_of_marks(raw.len() / 2, marks, atoms)
        });
        let mut visit = |value: Value<'_>| {
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
        };
        match settled {
            None => event.visit(field, text, &mut visit),
            Some(slot) => {
                let set = tables[slot as usize].intern(atoms, &plan.fields[slot as usize]);
                if set != EMPTY {
                    found.push((slot, set));
                }
            }
        }
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
}
