//! Column after column for events that are read one by one: the cells of flat records wait, as places in their block, until
//! some hundred events are together. Then a column's dictionary and its distinct values stay in the fastest memory while
//! its cells go by, and what a column takes is decided once.
//!
//! The events are the same as if each had been written when it was read; a test of the flat reader holds the two to it. So
//! an event only waits if nothing about it depends on others or on the order of its fields: its names have columns already,
//! no two the same one, and all columns there are may be used. What does not fit its column is put aside in the order of
//! the record.

use super::column::{ColumnBuilder, Data, Set};
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
    /// Keys, and the columns that they go to, each another one.
    columns: Box<[(Key, u32)]>,
}

/// Routes that are remembered: producers write few shapes.
const ROUTES: usize = 64;

/// No key.
const NONE: i32 = -1;

/// No column: the field is none of the event's.
const NOWHERE: u32 = u32::MAX;

/// A value, as a place in the block that its event stands in.
#[derive(Debug, Clone, Copy)]
struct Cell {
    row: u32,
    start: u32,
    end: u32,
    kind: Kind,
}

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
        let has_room = self.columns.len() <= self.options.max_columns;
        let (Ok(row), Ok(at)) = (u32::try_from(self.rows), u32::try_from(at)) else {
            return false;
        };
        // Cells come behind all others, which events between them would not.
        if !is_plain || !has_room || self.options.keep_original || self.waits_planned() {
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
    fn wait_by_names(&mut self, fields: &[FlatField], without: Key, row: u32, at: u32) -> bool {
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
        self.columns[PATH].repeat(self.rows - waiting, waiting, path);
        let mut misfits = Vec::new();
        for index in self.lanes.touched.drain(..) {
            let (lane, column) = (
                &mut self.lanes.lanes[index as usize],
                &mut self.columns[index as usize],
            );
            let had = column.any();
            column.take(lane, block, |cell| {
                misfits.push(Misfit {
                    column: index,
                    cell: *cell,
                })
            });
            self.used_columns += usize::from(index as usize > PATH && !had && column.any());
            lane.clear();
        }
        if !misfits.is_empty() {
            self.put_cells_aside(misfits, block);
        }
    }

    /// Whether cells wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.lanes.waiting > 0
    }

    #[cold]
    fn put_cells_aside(&mut self, mut misfits: Vec<Misfit>, block: &[u8]) {
        misfits.sort_unstable_by_key(|misfit| misfit.cell.start);
        let mut object = Unmapped::default();
        for misfits in misfits.chunk_by(|one, other| one.cell.row == other.cell.row) {
            for Misfit { column, cell } in misfits {
                self.counters.misfits += u64::from(cell.kind != Kind::List);
                let dotted = &self.columns[*column as usize].column.dotted;
                with_value(cell.kind, cell.raw(block), |value| object.add(dotted, value));
            }
            let row = misfits[0].cell.row as usize;
            self.unmapped[row] = object.take();
        }
    }
}

impl Lanes {
    /// Adds a value of an event at `at`. `false`: the event has another value there.
    #[inline(always)]
    fn add(&mut self, index: u32, field: &FlatField, row: u32, at: u32) -> bool {
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
    fn take_route(&mut self, fields: &[FlatField], shape: u64, without: Key, row: u32, at: u32) -> bool {
        let Lanes {
            lanes,
            touched,
            routes,
            ..
        } = self;
        let route = match routes.get(place(shape)) {
            Some(Some(route)) if route.shape == shape && route.without == without => route,
            _ => return false,
        };
        if route.columns.len() != fields.len() {
            return false;
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
            if lane.is_empty() {
                touched.push(*index);
            }
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
            columns: fields.iter().map(column).collect(),
        });
    }

    /// Removes the values of a row, the last: its event does not wait.
    #[cold]
    fn remove(&mut self, row: u32) -> bool {
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
    /// A value of an event at `at`.
    #[inline(always)]
    fn of(field: &FlatField, row: u32, at: u32) -> Self {
        let (start, end) = field.span();
        Cell {
            row,
            start: at + start,
            end: at + end,
            kind: field.kind,
        }
    }

    #[inline(always)]
    fn raw<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[self.start as usize..self.end as usize]
    }
}

impl Keywords {
    /// Stores cells, which come behind all others; how many.
    fn take(&mut self, cells: &[Cell], block: &[u8], misfit: &mut impl FnMut(&Cell)) -> usize {
        let is_text = |cell: &&Cell| cell.kind != Kind::Null;
        let mut stored = 0;
        if self.is_plain() {
            for cell in cells.iter().filter(is_text) {
                match cell.kind {
                    Kind::List => {
                        misfit(cell);
                        continue;
                    }
                    Kind::Escaped => self.put_escaped(cell.row as usize, cell.raw(block)),
                    _ => self.put(cell.row as usize, cell.raw(block)),
                }
                stored += 1;
            }
            return stored;
        }
        // Neighbours often have the same value; as it stands in the record, that is seen at once.
        let (mut before, mut key) = (&[][..], NONE);
        let mut keys = self.take_keys();
        for cell in cells.iter().filter(is_text) {
            if cell.kind == Kind::List {
                misfit(cell);
                continue;
            }
            let (row, raw) = (cell.row as usize, cell.raw(block));
            if key == NONE || !same(before, raw) {
                key = self.key(raw, cell.kind == Kind::Escaped);
            }
            if keys.len() < row {
                keys.resize(row, NONE);
            }
            keys.push(key);
            before = raw;
            stored += 1;
        }
        self.give_keys(keys);
        stored
    }
}

impl ColumnBuilder {
    /// Stores cells, which come behind all others.
    fn take(&mut self, cells: &[Cell], block: &[u8], mut misfit: impl FnMut(&Cell)) {
        let mut stored = 0;
        match &mut self.data {
            Data::Keyword(keywords) => stored += keywords.take(cells, block, &mut misfit),
            Data::Integer(values) => {
                for cell in cells {
                    let number = match cell.kind {
                        Kind::Text | Kind::Number => whole(cell.raw(block)),
                        Kind::Null => continue,
                        _ => None,
                    };
                    if put(values, cell.row as usize, number) {
                        stored += 1;
                        continue;
                    }
                    match with_value(cell.kind, cell.raw(block), integer).flatten() {
                        number @ Some(_) => stored += usize::from(put(values, cell.row as usize, number)),
                        None => misfit(cell),
                    }
                }
            }
            _ => {
                for cell in cells.iter().filter(|cell| cell.kind != Kind::Null) {
                    if self.take_any(cell, block) == Set::Misfit {
                        misfit(cell);
                    }
                }
            }
        }
        self.values_set += stored;
    }

    fn take_any(&mut self, cell: &Cell, block: &[u8]) -> Set {
        let (row, raw) = (cell.row as usize, cell.raw(block));
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
