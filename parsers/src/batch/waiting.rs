//! Column after column for lines whose [plans](super::planned) are known: what varies in them waits, as places in their block
//! and as numbers, until some hundred events are together. Then each column takes its values in one go: what it is in events
//! of each plan is decided once, a constant costs a load and a store a row, and a column's dictionary stays in the fastest
//! memory while its values go by.
//!
//! Events that are read otherwise may come in between: an event that waits has its row, and its columns are filled in there. So
//! what comes out is the same as if each had been written when it was read; tests of lines known by rote hold the two to it.

use super::column::{ColumnBuilder, Data, Lists};
use super::keywords::{Again, Keywords};
use super::planned::{Constant, Plan, PlanId, Slot, Source, Stored};
use super::{BatchBuilder, PATH};

/// Events that wait at most.
const TOGETHER: usize = 256;

/// Plans that they have at most: what is looked at for each plan and column once must not outweigh them.
const TURNS: usize = 32;

/// Plans of a builder, and the events that wait to be written by them.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) plans: Vec<Plan>,
    rows: Vec<Row>,
    /// What varies in them: the texts of a row, as where they begin and end in the block, and behind them its numbers.
    cells: Vec<u64>,
    /// The plans that the rows have, in the order in which they came.
    turns: Vec<u32>,
    /// Scratch: where each column's values come from, in rows of each turn.
    sources: Vec<Source>,
}

/// An event that waits.
#[derive(Debug, Clone, Copy)]
struct Row {
    row: u32,
    turn: u32,
    /// The first of its cells.
    cells: u32,
}

/// No text, and no number.
const NO_TEXT: u64 = u64::MAX;
const NO_NUMBER: u64 = i64::MIN as u64;

impl BatchBuilder {
    /// Commits an event of a line that stands at `at` of `block` and gives `slots` their places in it; its columns are written
    /// together with those of others, at the latest by [`settle_planned`](BatchBuilder::settle_planned). `false`: it has to be
    /// written field by field, and nothing was done.
    #[inline]
    pub(crate) fn write_planned(
        &mut self,
        plan: PlanId,
        (block, at): (&[u8], usize),
        slots: &[Slot],
        time: i64,
        path: &str,
        (event_id, offset): (u128, u64),
    ) -> bool {
        // With fewer columns none can be one too many.
        if !self.follows(plan) || self.columns.len() > self.options.max_columns {
            return false;
        }
        // All places in such a block can be kept.
        let (Ok(row), Ok(_)) = (u32::try_from(self.rows), u32::try_from(block.len())) else {
            return false;
        };
        if self.dirty {
            // What an event that was not committed has written.
            self.begin();
            self.dirty = false;
        }
        let Planned {
            plans,
            rows,
            cells,
            turns,
            ..
        } = &mut self.planned;
        let number = plan.number;
        let Some(plan) = plans.get_mut(number as usize) else {
            return false;
        };
        if plan.batch != self.batch {
            plan.batch = self.batch;
            plan.forget_keys();
            for index in plan.certain() {
                let column = &mut self.columns[index as usize];
                self.used_columns += usize::from(index as usize > PATH && !column.any());
                column.count();
            }
        }
        for &(index, slot) in &plan.optional {
            if slots[slot as usize].start != Slot::NONE.start {
                let column = &mut self.columns[index as usize];
                self.used_columns += usize::from(index as usize > PATH && !column.any());
                column.count();
            }
        }
        let turn = *plan.turn.get_or_insert_with(|| {
            turns.push(number);
            turns.len() as u32 - 1
        });
        rows.push(Row {
            row,
            turn,
            cells: cells.len() as u32,
        });
        cells.extend(
            plan.texts
                .iter()
                .map(|slot| slots[*slot as usize].place(at as u32)),
        );
        cells.extend(
            plan.numbers
                .iter()
                .map(|slot| slots[*slot as usize].number_if_any()),
        );
        self.times.push(time);
        self.event_ids.push(event_id);
        self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
        self.unmapped.push(None);
        self.rows += 1;
        if self.planned.rows.len() >= TOGETHER || self.planned.turns.len() >= TURNS {
            self.settle_planned(block, path);
        }
        true
    }

    /// Whether events wait for [`settle_planned`](BatchBuilder::settle_planned).
    pub(super) fn waits_planned(&self) -> bool {
        !self.planned.rows.is_empty()
    }

    /// Writes the columns of events that wait; all of them stand in `block`, which was read from `path`.
    pub(crate) fn settle_planned(&mut self, block: &[u8], path: &str) {
        let (Some(first), Some(last)) = (self.planned.rows.first(), self.planned.rows.last()) else {
            return;
        };
        let range = (first.row as usize, last.row as usize + 1);
        if self.dirty {
            self.begin();
            self.dirty = false;
        }
        let Planned {
            plans,
            rows,
            cells,
            turns,
            sources,
        } = &mut self.planned;
        let count = turns.len();
        sources.clear();
        sources.resize(count * self.columns.len(), Source::Nothing);
        for (turn, number) in turns.iter().enumerate() {
            let plan = &mut plans[*number as usize];
            plan.turn = None;
            for &(column, source) in &plan.columns {
                sources[column as usize * count + turn] = source;
            }
        }
        let together = Together {
            rows,
            cells,
            block,
            range,
        };
        if let Data::Keyword(keywords) = &mut self.columns[PATH].data {
            let key = keywords.key_if_interned(path.as_bytes());
            let again = key.map_or(Again::Text(path.as_bytes()), Again::Known);
            keywords.put_rows(range, rows.iter().map(|row| (row.row as usize, again)));
            self.columns[PATH].count();
        }
        for (column, sources) in self.columns.iter_mut().zip(sources.chunks_mut(count)) {
            if sources.iter().any(|source| *source != Source::Nothing) {
                together.write(column, sources, plans, turns);
            }
        }
        rows.clear();
        cells.clear();
        turns.clear();
    }
}

/// Events that are written together.
struct Together<'w> {
    rows: &'w [Row],
    cells: &'w [u64],
    block: &'w [u8],
    /// The first of their rows, and the one behind the last.
    range: (usize, usize),
}

impl Together<'_> {
    /// Writes a column, whose values come from `sources`, by turn.
    fn write(&self, column: &mut ColumnBuilder, sources: &mut [Source], plans: &mut [Plan], turns: &[u32]) {
        match &mut column.data {
            Data::Keyword(keywords) => {
                for (source, turn) in sources.iter_mut().zip(turns) {
                    if let Source::Constant(number) = *source {
                        let constant = &mut plans[*turn as usize].constants[number as usize];
                        if let Some(key) = constant.key_in(keywords) {
                            *source = Source::Key(key);
                        }
                    }
                }
                self.write_texts(keywords, sources, |turn, number| {
                    let plan = &plans[turns[turn as usize] as usize];
                    plan.constants[number as usize].text()
                });
            }
            Data::Integer(values) | Data::Timestamp(values) => match *sources {
                [Source::Number(place)] => {
                    self.put(values, |row| self.number(row, place));
                }
                _ => self.put(values, |row| match sources[row.turn as usize] {
                    Source::Number(place) => self.number(row, place),
                    Source::Integer(number) => Some(number),
                    _ => None,
                }),
            },
            Data::List(lists) => {
                for (source, turn) in sources.iter_mut().zip(turns) {
                    if let Source::Constant(number) = *source {
                        let constant = &mut plans[*turn as usize].constants[number as usize];
                        *source = match constant.key_in_lists(lists) {
                            Some(key) => Source::Key(key),
                            None => Source::Nothing,
                        };
                    }
                }
                lists.put_rows(
                    self.range,
                    self.rows
                        .iter()
                        .filter_map(|row| match sources[row.turn as usize] {
                            Source::Key(key) => Some((row.row as usize, key)),
                            _ => None,
                        }),
                );
            }
            Data::Float(_) | Data::Boolean(_) => {
                for row in self.rows {
                    if let Source::Constant(number) = sources[row.turn as usize] {
                        let plan = &plans[turns[row.turn as usize] as usize];
                        plan.constants[number as usize]
                            .value
                            .with(|value| column.put(row.row as usize, self.range.1, value));
                    }
                }
            }
        }
    }

    fn write_texts<'t>(
        &'t self,
        keywords: &mut Keywords,
        sources: &[Source],
        constant: impl Fn(u32, u32) -> Option<&'t str>,
    ) {
        let rows = self.rows.iter();
        // Events of one plan, as most lines of pairs are, need not be asked one by one.
        match *sources {
            [Source::Text(place)] => keywords.put_rows(
                self.range,
                rows.filter_map(|row| Some((row.row as usize, Again::Text(self.text(row, place)?)))),
            ),
            [Source::Key(key)] => {
                keywords.put_rows(self.range, rows.map(|row| (row.row as usize, Again::Known(key))))
            }
            _ => keywords.put_rows(
                self.range,
                rows.filter_map(|row| {
                    let value = match sources[row.turn as usize] {
                        Source::Text(place) => Again::Text(self.text(row, place)?),
                        Source::Key(key) => Again::Known(key),
                        Source::Constant(number) => Again::Text(constant(row.turn, number)?.as_bytes()),
                        _ => return None,
                    };
                    Some((row.row as usize, value))
                }),
            ),
        }
    }

    #[inline(always)]
    fn put(&self, values: &mut Vec<Option<i64>>, value: impl Fn(&Row) -> Option<i64>) {
        if values.len() < self.range.1 {
            values.resize(self.range.1, None);
        }
        for row in self.rows {
            if let value @ Some(_) = value(row) {
                values[row.row as usize] = value;
            }
        }
    }

    #[inline(always)]
    fn text(&self, row: &Row, place: u32) -> Option<&[u8]> {
        match self.cells[(row.cells + place) as usize] {
            NO_TEXT => None,
            cell => Some(&self.block[cell as u32 as usize..(cell >> 32) as usize]),
        }
    }

    #[inline(always)]
    fn number(&self, row: &Row, place: u32) -> Option<i64> {
        match self.cells[(row.cells + place) as usize] {
            NO_NUMBER => None,
            cell => Some(cell as i64),
        }
    }
}

impl Slot {
    /// Where its text stands in the block that its line begins at `at` of.
    #[inline(always)]
    fn place(self, at: u32) -> u64 {
        match self.start == Slot::NONE.start {
            true => NO_TEXT,
            false => u64::from(at + self.start) | u64::from(at + self.end) << 32,
        }
    }

    /// Its number, as an event keeps it.
    #[inline(always)]
    fn number_if_any(self) -> u64 {
        match self.start == Slot::NONE.start {
            true => NO_NUMBER,
            false => self.number as u64,
        }
    }
}

impl Constant {
    fn text(&self) -> Option<&str> {
        match &self.value {
            Stored::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its key in a column that interns its texts.
    fn key_in(&mut self, keywords: &mut Keywords) -> Option<i32> {
        if self.key < 0 {
            self.key = keywords.key_if_interned(self.text()?.as_bytes())?;
        }
        Some(self.key)
    }

    fn key_in_lists(&mut self, lists: &mut Lists) -> Option<i32> {
        if let (Stored::List(list), ..0) = (&self.value, self.key) {
            self.key = lists.key_of(list);
        }
        (self.key >= 0).then_some(self.key)
    }
}

impl Plan {
    /// The columns that every event of it gets, by index.
    fn certain(&self) -> impl Iterator<Item = u32> {
        let columns = self.columns.iter().map(|(column, _)| *column);
        columns.filter(|column| self.optional.iter().all(|(other, _)| other != column))
    }

    #[cold]
    fn forget_keys(&mut self) {
        for constant in &mut self.constants {
            constant.key = -1;
        }
    }
}
