//! Column after column for lines whose [plans](super::planned) are known: what varies in them waits, as places in their block
//! and as numbers, until some hundred events are together. Then each column takes its values in one go: what it is in events
//! of each plan is decided once, a constant costs a load and a store a row, and a column's dictionary stays in the fastest
//! memory while its values go by.
//!
//! Events that are read otherwise may come in between: an event that waits has its row, and its columns are filled in there. So
//! what comes out is the same as if each had been written when it was read; tests of lines known by rote hold the two to it.

use super::column::{ColumnBuilder, Data, Lists};
use super::keywords::Keywords;
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
    /// The plans that events that wait have, in the order of their first, and behind them room of those before.
    turns: Vec<Turn>,
    /// How many of them there are.
    many: usize,
    /// The events, in their order: the turn of each, and which of its events it is.
    order: Vec<(u32, u32)>,
    /// The row of the first, and the one behind the last.
    range: (usize, usize),
    /// Scratch: where each column's values come from, by turn.
    sources: Vec<Source>,
}

/// Events of one plan that wait.
#[derive(Default)]
struct Turn {
    /// Number of the plan.
    plan: usize,
    /// Their rows.
    rows: Vec<u32>,
    /// Of each of them where its line begins in the block, where its texts begin and end in the line, and its numbers.
    cells: Vec<u64>,
    /// How many cells an event has.
    width: usize,
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
        self.take_back();
        let Planned {
            plans,
            turns,
            many,
            order,
            range,
            ..
        } = &mut self.planned;
        let number = plan.number as usize;
        let Some(plan) = plans.get_mut(number) else {
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
        let place = *plan.turn.get_or_insert_with(|| {
            if turns.len() == *many {
                turns.push(Turn::default());
            }
            let turn = &mut turns[*many];
            turn.plan = number;
            turn.width = 1 + plan.texts.len() + plan.numbers.len();
            *many += 1;
            *many as u32 - 1
        });
        let turn = &mut turns[place as usize];
        order.push((place, turn.rows.len() as u32));
        if order.len() == 1 {
            range.0 = self.rows;
        }
        range.1 = self.rows + 1;
        turn.rows.push(row);
        turn.cells.push(at as u64);
        turn.cells
            .extend(plan.texts.iter().map(|slot| slots[*slot as usize].place()));
        turn.cells.extend(
            plan.numbers
                .iter()
                .map(|slot| slots[*slot as usize].number_if_any()),
        );
        self.times.push(time);
        self.event_ids.push(event_id);
        self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
        self.unmapped.push(None);
        self.rows += 1;
        if self.planned.order.len() >= TOGETHER || self.planned.many >= TURNS {
            self.settle_planned(block, path);
        }
        true
    }

    /// Whether events wait for [`settle_planned`](BatchBuilder::settle_planned).
    pub(super) fn waits_planned(&self) -> bool {
        !self.planned.order.is_empty()
    }

    /// Takes back what an event that was not committed has written.
    fn take_back(&mut self) {
        if self.dirty {
            self.begin();
            self.dirty = false;
        }
    }

    /// Writes the columns of events that wait; all of them stand in `block`, which was read from `path`.
    pub(crate) fn settle_planned(&mut self, block: &[u8], path: &str) {
        if !self.waits_planned() {
            return;
        }
        self.take_back();
        let Planned {
            plans,
            turns,
            many,
            order,
            range,
            sources,
        } = &mut self.planned;
        let turns = &mut turns[..*many];
        sources.clear();
        sources.resize(turns.len() * self.columns.len(), Source::Nothing);
        for (place, turn) in turns.iter().enumerate() {
            let plan = &mut plans[turn.plan];
            plan.turn = None;
            for &(column, source) in &plan.columns {
                sources[column as usize * turns.len() + place] = source;
            }
        }
        let together = Together {
            turns,
            order,
            block,
            range: *range,
        };
        if let Data::Keyword(keywords) = &mut self.columns[PATH].data {
            let mut path = Constant {
                key: -1,
                value: Stored::Text(path.into()),
            };
            let source = match path.key_in(keywords) {
                Some(key) => Source::Key(key),
                None => Source::Constant(0),
            };
            together.write_texts(keywords, &vec![source; turns.len()], |_, _| path.text());
            self.columns[PATH].count();
        }
        for (column, sources) in self.columns.iter_mut().zip(sources.chunks_mut(turns.len())) {
            if sources.iter().any(|source| *source != Source::Nothing) {
                together.write(column, sources, plans);
            }
        }
        for turn in turns {
            turn.rows.clear();
            turn.cells.clear();
        }
        *many = 0;
        order.clear();
    }
}

/// Events that are written together.
struct Together<'w> {
    turns: &'w [Turn],
    order: &'w [(u32, u32)],
    block: &'w [u8],
    /// The row of the first, and the one behind the last.
    range: (usize, usize),
}

impl Together<'_> {
    /// Writes a column, whose values come from `sources`, by turn.
    fn write(&self, column: &mut ColumnBuilder, sources: &mut [Source], plans: &mut [Plan]) {
        let (first, end) = self.range;
        match &mut column.data {
            Data::Keyword(keywords) => {
                for (source, turn) in sources.iter_mut().zip(self.turns) {
                    if let Source::Constant(number) = *source {
                        let constant = &mut plans[turn.plan].constants[number as usize];
                        if let Some(key) = constant.key_in(keywords) {
                            *source = Source::Key(key);
                        }
                    }
                }
                self.write_texts(keywords, sources, |plan, number| {
                    plans[plan].constants[number as usize].text()
                });
            }
            Data::Integer(values) | Data::Timestamp(values) => {
                if values.len() < end {
                    values.resize(end, None);
                }
                let values = &mut values[first..];
                for (source, turn) in sources.iter().zip(self.turns) {
                    match *source {
                        Source::Number(place) => {
                            for (row, cells) in turn.events() {
                                let number = cells[place as usize];
                                if number != NO_NUMBER {
                                    values[row - first] = Some(number as i64);
                                }
                            }
                        }
                        Source::Integer(number) => {
                            for &row in &turn.rows {
                                values[row as usize - first] = Some(number);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Data::List(lists) => {
                for (source, turn) in sources.iter().zip(self.turns) {
                    if let Source::Constant(number) = *source
                        && let Some(key) = plans[turn.plan].constants[number as usize].key_in_lists(lists)
                    {
                        lists.put_rows(end, key, turn.rows.iter().map(|row| *row as usize));
                    }
                }
            }
            Data::Float(_) | Data::Boolean(_) => {
                for (source, turn) in sources.iter().zip(self.turns) {
                    if let Source::Constant(number) = *source {
                        let constant = &plans[turn.plan].constants[number as usize];
                        for &row in &turn.rows {
                            constant.value.with(|value| column.put(row as usize, end, value));
                        }
                    }
                }
            }
        }
    }

    fn write_texts<'t>(
        &'t self,
        keywords: &mut Keywords,
        sources: &[Source],
        constant: impl Fn(usize, u32) -> Option<&'t str>,
    ) {
        let (first, end) = self.range;
        let Some(keys) = keywords.interned_from(first, end) else {
            // Each row has its own text: they stand in the order of the rows.
            for &(place, event) in self.order {
                let turn = &self.turns[place as usize];
                let text = match sources[place as usize] {
                    Source::Text(place) => {
                        let cells = &turn.cells[event as usize * turn.width..][..turn.width];
                        self.text(cells, place)
                    }
                    Source::Constant(number) => constant(turn.plan, number).map(str::as_bytes),
                    _ => None,
                };
                if let Some(text) = text {
                    keywords.put_plain(turn.rows[event as usize] as usize, text);
                }
            }
            return;
        };
        // Nearly always none but these stand there, and all have the same.
        if let [Source::Key(key), others @ ..] = sources
            && others.iter().all(|other| *other == Source::Key(*key))
            && keys.len() == self.order.len()
        {
            return keys.fill(*key);
        }
        for (source, turn) in sources.iter().zip(self.turns) {
            match *source {
                Source::Key(key) => keywords.put_key(first, key, &turn.rows),
                Source::Text(place) => {
                    for (row, cells) in turn.events() {
                        if let Some(text) = self.text(cells, place) {
                            keywords.put_at(row, text);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The text at a place of an event's cells.
    #[inline(always)]
    fn text(&self, cells: &[u64], place: u32) -> Option<&[u8]> {
        match cells[place as usize] {
            NO_TEXT => None,
            cell => {
                let at = cells[0] as usize;
                Some(&self.block[at + cell as u32 as usize..at + (cell >> 32) as usize])
            }
        }
    }
}

impl Turn {
    /// The row and the cells of each event.
    #[inline(always)]
    fn events(&self) -> impl Iterator<Item = (usize, &[u64])> {
        let rows = self.rows.iter().map(|row| *row as usize);
        rows.zip(self.cells.chunks_exact(self.width))
    }
}

impl Slot {
    /// Where its text begins and ends; of [`Slot::NONE`], [`NO_TEXT`].
    #[inline(always)]
    fn place(self) -> u64 {
        u64::from(self.start) | u64::from(self.end) << 32
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
