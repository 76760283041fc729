//! Column after column for events that are read one by one: the cells of flat records wait, as places in their block, until
//! some hundred events are together. Then a column's dictionary and its distinct values stay in the fastest memory while
//! its cells go by, and what a column takes is decided once.
//!
//! The events are the same as if each had been written when it was read; a test of the flat reader holds the two to it. So
//! an event only waits if nothing about it depends on others or on the order of its fields: its names have columns already,
//! no two the same one, and all columns there are may be used. What does not fit its column is put aside in the order of
//! the record.

use super::column::{ColumnBuilder, Data, Set};
use super::distinct::Tag;
use super::keywords::Keywords;
use super::rows::{put, whole};
use super::slots::Target;
use super::texts::same;
use super::unmapped::Unmapped;
use super::values::integer;
use super::{BatchBuilder, PATH};
use crate::formats::flat::{FlatField, Key, Kind, with_value};

/// What waits in a builder.
#[derive(Default)]
pub(super) struct Lanes {
    /// By index of a column.
    lanes: Vec<Vec<Cell>>,
    /// Those with cells.
    touched: Vec<u32>,
    /// Counts how often cells were taken out of lanes.
    round: u64,
    /// Events that are committed but for their cells: the last so many rows.
    waiting: usize,
    /// Where the fields of events of a shape go, by some bits of the shape.
    routes: Vec<Option<Route>>,
}

/// Where the fields of an event go, one after another.
struct Route {
    shape: u64,
    /// See [`BatchBuilder::wait`].
    without: Key,
    /// When all its columns had cells: see [`Lanes::round`].
    round: u64,
    /// Keys, and the columns that they go to, each another one.
    columns: Box<[(Key, u32)]>,
}

/// Routes that are remembered: producers write few shapes.
const ROUTES: usize = 64;

/// No round.
const NEVER: u64 = u64::MAX;

/// No key.
const NONE: i32 = -1;

/// No column: the field is none of the event's.
const NOWHERE: u32 = u32::MAX;

/// A value, as a place in the block that its event stands in. Small, so that the lanes of many columns stay near.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    length: u16,
    /// Counted from the first event that waits.
    row: u8,
    kind: Kind,
}

/// Longer events do not wait.
const LONGEST: u32 = u16::MAX as u32;

/// Cells whose texts are looked at before the first of them is looked for.
const AHEAD: usize = 32;

/// A cell that its column did not take.
struct Misfit {
    column: u32,
    cell: Cell,
}

impl BatchBuilder {
    /// Takes the fields of an event that stands at `at` of its block, to be written by [`settle`](BatchBuilder::settle);
    /// that of `without` is none, and `created` another one, `event.created`. Events of one `shape` have the same keys, or
    /// hardly ever others. `false`: it has to be written now, and nothing was taken.
    pub(crate) fn wait(
        &mut self,
        fields: &[FlatField],
        shape: u64,
        at: usize,
        without: Option<Key>,
        created: Option<FlatField>,
    ) -> bool {
        let is_plain = self.dataset.pairs.is_none() && self.dataset.sentences.is_empty();
        // The last value ends behind all others.
        let is_short = fields.last().is_none_or(|last| last.span().1 <= LONGEST);
        let has_room = self.columns.len() <= self.options.max_columns;
        let (Ok(row), Ok(at)) = (u8::try_from(self.lanes.waiting), u32::try_from(at)) else {
            return false;
        };
        // Cells come behind all others, which events between them would not.
        if !is_plain || !is_short || !has_room || self.options.keep_original || self.waits_planned() {
            return false;
        }
        if self.dirty {
            // What an event that was not committed has written.
            self.begin();
            self.dirty = false;
        }
        let created = match created {
            None => None,
            Some(field) => match self.target("event.created") {
                Target::Column(index) => Some((index, field)),
                _ => return false,
            },
        };
        if self.lanes.lanes.len() < self.columns.len() {
            self.lanes.lanes.resize_with(self.columns.len(), Vec::new);
        }
        let without = without.unwrap_or(Key::MAX);
        if !self.lanes.take_route(fields, shape, without, row, at) {
            if !self.wait_by_names(fields, without, row, at) {
                return self.lanes.remove(row);
            }
            self.lanes.remember(fields, shape, without, &self.keyed);
        }
        match created {
            Some((index, field)) if !self.lanes.add(index, &field, row, at) => self.lanes.remove(row),
            _ => true,
        }
    }

    /// Takes fields by their keys. `false`: one of them does not wait.
    #[inline(never)]
    fn wait_by_names(&mut self, fields: &[FlatField], without: Key, row: u8, at: u32) -> bool {
        fields.iter().filter(|field| field.key != without).all(|field| {
            match self.keyed.get(field.key as usize) {
                Some(Some(Target::Column(index))) => self.lanes.add(*index, field, row, at),
                _ => false,
            }
        })
    }

    /// Commits an event whose fields [wait](BatchBuilder::wait).
    pub(crate) fn commit_waiting(&mut self, time: i64, event_id: u128, offset: u64) {
        self.times.push(time);
        self.event_ids.push(event_id);
        self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
        self.unmapped.push(None);
        self.rows += 1;
        self.lanes.waiting += 1;
    }

    /// Writes the cells that wait; all of them stand in `block`, which was read from `path`.
    pub(crate) fn settle(&mut self, block: &[u8], path: &str) {
        let waiting = std::mem::take(&mut self.lanes.waiting);
        if waiting == 0 {
            return;
        }
        let first = self.rows - waiting;
        self.lanes.round += 1;
        self.columns[PATH].repeat(first, waiting, path);
        let mut misfits = Vec::new();
        for index in self.lanes.touched.drain(..) {
            let (lane, column) = (
                &mut self.lanes.lanes[index as usize],
                &mut self.columns[index as usize],
            );
            let had = column.any();
            column.take(lane, first, block, |cell| {
                misfits.push(Misfit {
                    column: index,
                    cell: *cell,
                })
            });
            self.used_columns += usize::from(index as usize > PATH && !had && column.any());
            lane.clear();
        }
        if !misfits.is_empty() {
            self.put_cells_aside(misfits, first, block);
        }
    }

    /// Whether cells wait.
    pub(crate) fn is_waiting(&self) -> bool {
        self.lanes.waiting > 0
    }

    #[cold]
    fn put_cells_aside(&mut self, mut misfits: Vec<Misfit>, first: usize, block: &[u8]) {
        misfits.sort_unstable_by_key(|misfit| misfit.cell.start);
        let mut object = Unmapped::default();
        for misfits in misfits.chunk_by(|one, other| one.cell.row == other.cell.row) {
            for Misfit { column, cell } in misfits {
                self.counters.misfits += u64::from(cell.kind != Kind::List);
                let dotted = &self.columns[*column as usize].column.dotted;
                with_value(cell.kind, cell.raw(block), |value| object.add(dotted, value));
            }
            let row = first + usize::from(misfits[0].cell.row);
            self.unmapped[row] = object.take();
        }
    }
}

impl Lanes {
    /// Adds a value of an event at `at`. `false`: the event has another value there.
    #[inline(always)]
    fn add(&mut self, index: u32, field: &FlatField, row: u8, at: u32) -> bool {
        let lane = &mut self.lanes[index as usize];
        match lane.last() {
            None => self.touched.push(index),
            Some(last) if last.row == row => return false,
            Some(_) => {}
        }
        lane.push(Cell::of(field, row, at));
        true
    }

    /// Adds the values of an event of a shape that came before. `false`: it did not, and nothing was added.
    #[inline]
    fn take_route(&mut self, fields: &[FlatField], shape: u64, without: Key, row: u8, at: u32) -> bool {
        let Lanes {
            lanes,
            touched,
            routes,
            round,
            ..
        } = self;
        let route = match routes.get_mut(place(shape)) {
            Some(Some(route)) if route.shape == shape && route.without == without => route,
            _ => return false,
        };
        if route.columns.len() != fields.len() {
            return false;
        }
        if route.round != *round {
            route.round = *round;
            let columns = route.columns.iter().map(|(_, index)| *index);
            touched.extend(columns.filter(|&index| lanes.get(index as usize).is_some_and(Vec::is_empty)));
        }
        for ((key, index), field) in route.columns.iter().zip(fields) {
            if *key != field.key {
                // Another shape with the same number.
                self.remove(row);
                return false;
            }
            if *index == NOWHERE {
                continue;
            }
            let lane = &mut lanes[*index as usize];
            lane.push(Cell::of(field, row, at));
        }
        true
    }

    /// Remembers where the fields of this shape went.
    #[cold]
    fn remember(&mut self, fields: &[FlatField], shape: u64, without: Key, keyed: &[Option<Target>]) {
        if self.routes.is_empty() {
            self.routes.resize_with(ROUTES, || None);
        }
        let column = |field: &FlatField| match keyed.get(field.key as usize) {
            _ if field.key == without => (field.key, NOWHERE),
            Some(Some(Target::Column(index))) => (field.key, *index),
            _ => (Key::MAX, NOWHERE),
        };
        self.routes[place(shape)] = Some(Route {
            shape,
            without,
            round: NEVER,
            columns: fields.iter().map(column).collect(),
        });
    }

    /// Removes the values of a row, the last: its event does not wait.
    #[cold]
    fn remove(&mut self, row: u8) -> bool {
        self.round += 1;
        self.touched.retain(|&index| {
            let lane = &mut self.lanes[index as usize];
            lane.pop_if(|cell| cell.row == row);
            !lane.is_empty()
        });
        false
    }

    /// Forgets all columns.
    pub(super) fn forget(&mut self) {
        self.lanes.clear();
        self.touched.clear();
        self.routes.clear();
    }
}

/// Where the route of a shape is remembered.
#[inline(always)]
fn place(shape: u64) -> usize {
    (shape >> (u64::BITS - ROUTES.ilog2())) as usize
}

impl Cell {
    /// A value of an event at `at`, no longer than [`LONGEST`].
    #[inline(always)]
    fn of(field: &FlatField, row: u8, at: u32) -> Self {
        let (start, end) = field.span();
        Cell {
            row,
            start: at + start,
            length: (end - start) as u16,
            kind: field.kind,
        }
    }

    #[inline(always)]
    fn raw<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[self.start as usize..][..usize::from(self.length)]
    }
}

/// How a cell's text is found among those of its column.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// It is that of the cell before it.
    Before,
    By(Tag),
}

impl Keywords {
    /// Stores cells, which come behind all others, of rows from `first` on; how many.
    fn take(&mut self, cells: &[Cell], first: usize, block: &[u8], misfit: &mut impl FnMut(&Cell)) -> usize {
        let is_text = |cell: &&Cell| cell.kind != Kind::Null;
        let mut stored = 0;
        if self.is_plain() {
            for cell in cells.iter().filter(is_text) {
                let row = first + usize::from(cell.row);
                match cell.kind {
                    Kind::List => {
                        misfit(cell);
                        continue;
                    }
                    Kind::Escaped => self.put_escaped(row, cell.raw(block)),
                    _ => self.put(row, cell.raw(block)),
                }
                stored += 1;
            }
            return stored;
        }
        let Some(last) = cells.last() else { return 0 };
        let mut keys = self.take_keys();
        let end = first + usize::from(last.row) + 1;
        if keys.len() < end {
            keys.resize(end, NONE);
        }
        for cells in cells.chunks(AHEAD) {
            stored += self.take_some(cells, &mut keys[first..], block, misfit);
        }
        self.give_keys(keys);
        stored
    }

    /// As [`take`](Keywords::take), for cells of a column that is not plain, and the keys of its rows.
    fn take_some(
        &mut self,
        cells: &[Cell],
        keys: &mut [i32],
        block: &[u8],
        misfit: &mut impl FnMut(&Cell),
    ) -> usize {
        let is_text = |cell: &&Cell| !matches!(cell.kind, Kind::Null | Kind::List);
        let mut looks = [Look::Before; AHEAD];
        // Neighbours often have the same value; as it stands in the record, that is seen at once.
        let mut before: Option<&[u8]> = None;
        for (cell, look) in cells.iter().filter(is_text).zip(&mut looks) {
            let raw = cell.raw(block);
            if before.is_none_or(|before| !same(before, raw)) {
                *look = Look::By(self.expect(raw, cell.kind == Kind::Escaped));
            }
            before = Some(raw);
        }
        let mut looks = looks.iter();
        let (mut key, mut stored) = (NONE, 0);
        for cell in cells {
            match cell.kind {
                Kind::Null => continue,
                Kind::List => {
                    misfit(cell);
                    continue;
                }
                _ => {}
            }
            if let Some(Look::By(tag)) = looks.next() {
                key = self.key(cell.raw(block), *tag, cell.kind == Kind::Escaped);
            }
            keys[usize::from(cell.row)] = key;
            stored += 1;
        }
        stored
    }
}

impl ColumnBuilder {
    /// Stores cells, which come behind all others, of rows from `first` on.
    fn take(&mut self, cells: &[Cell], first: usize, block: &[u8], mut misfit: impl FnMut(&Cell)) {
        let mut stored = 0;
        match &mut self.data {
            Data::Keyword(keywords) => stored += keywords.take(cells, first, block, &mut misfit),
            Data::Integer(values) => {
                for cell in cells {
                    let row = first + usize::from(cell.row);
                    let number = match cell.kind {
                        Kind::Text | Kind::Number => whole(cell.raw(block)),
                        Kind::Null => continue,
                        _ => None,
                    };
                    if put(values, row, number) {
                        stored += 1;
                        continue;
                    }
                    match with_value(cell.kind, cell.raw(block), integer).flatten() {
                        number @ Some(_) => stored += usize::from(put(values, row, number)),
                        None => misfit(cell),
                    }
                }
            }
            _ => {
                for cell in cells.iter().filter(|cell| cell.kind != Kind::Null) {
                    if self.take_any(cell, first, block) == Set::Misfit {
                        misfit(cell);
                    }
                }
            }
        }
        self.values_set += stored;
    }

    fn take_any(&mut self, cell: &Cell, first: usize, block: &[u8]) -> Set {
        let (row, raw) = (first + usize::from(cell.row), cell.raw(block));
        if cell.kind != Kind::List {
            return with_value(cell.kind, raw, |value| self.set(row, value)).unwrap_or(Set::Misfit);
        }
        // A list that is the same as the one before it need not be taken apart.
        let text = std::str::from_utf8(raw).unwrap_or_default();
        if self.repeat_list(row, text) {
            return Set::Stored;
        }
        with_value(cell.kind, raw, |value| self.set_list(row, text, value)).unwrap_or(Set::Misfit)
    }
}
