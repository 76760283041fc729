//! Events whose columns are known before they are read: of a line that has the form of lines before it, each column is a
//! piece of the line, a number that was read on the way, or what it always is. Nothing is looked up, compared or asked.
//!
//! Who makes such a [`Plan`] answers for it giving what [`BatchBuilder::field`] gives for the line's fields; it is made
//! from what the builder itself [stored](BatchBuilder::stored) for other lines of the form.

use super::column::{ColumnBuilder, Data, Limit};
use super::rows::put;
use super::{BatchBuilder, ORIGINAL, PATH};
use crate::value::Value;

/// A piece of a line, or a number that stands in it or follows from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) number: i64,
}

impl Slot {
    /// There is no such piece.
    pub(crate) const NONE: Slot = Slot {
        start: u32::MAX,
        end: u32::MAX,
        number: 0,
    };

    /// The piece of `line`.
    #[inline]
    pub(crate) fn of(self, line: &[u8]) -> &[u8] {
        line.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// A value as a column has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stored {
    Text(Box<str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Time(i64),
    List(Vec<String>),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// The text of a slot.
    Text(usize),
    /// The text of a slot, of which an event may have none: then the slot is [`Slot::NONE`].
    TextIfAny(usize),
    /// The number of a slot; of a column of times, microseconds since the epoch.
    Number(usize),
    /// It is always this.
    Constant(Stored),
}

/// Where the values of an event come from, column by column.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Columns and the slots whose texts they get.
    texts: Vec<(u32, u32)>,
    /// Columns and the slots whose texts they get, if there are any.
    texts_if_any: Vec<(u32, u32)>,
    /// Columns and the slots whose numbers they get.
    numbers: Vec<(u32, u32)>,
    constants: Vec<Constant>,
    others: Vec<Cell>,
    /// The columns that the builder had when the plan was made; see [`BatchBuilder::era`].
    era: u32,
    /// The batch that the keys of its constants are of.
    batch: u32,
}

/// A text that a column always gets.
#[derive(Debug)]
struct Constant {
    column: u32,
    /// Its key in this batch; -1 if it has none yet.
    key: i32,
    text: Box<str>,
}

/// Anything else that a column always gets.
#[derive(Debug)]
struct Cell {
    column: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Integer(i64),
    Boolean(bool),
    /// A list, and its key in this batch; -1 if it has none yet.
    List(Stored, i32),
    Other(Stored),
}

const NONE: i32 = -1;

impl BatchBuilder {
    /// A plan for events with these columns (by SQL name). `None`: not all of them are there, or more is done with their
    /// values than to store them.
    pub(crate) fn plan<'n>(&self, columns: impl Iterator<Item = (&'n str, Origin)>) -> Option<Plan> {
        // What is made of an event's values when it is committed is not in the plan.
        let dataset = &self.dataset;
        let is_plain = dataset.pairs.is_none() && dataset.sentences.is_empty();
        if !is_plain || self.options.keep_original {
            return None;
        }
        let mut plan = Plan {
            texts: Vec::new(),
            texts_if_any: Vec::new(),
            numbers: Vec::new(),
            constants: Vec::new(),
            others: Vec::new(),
            era: self.era,
            batch: self.batch,
        };
        for (sql, origin) in columns {
            let &index = self.by_sql.get(sql)?;
            let column = &self.columns[index];
            if column.limit == Limit::Pair || index == PATH || index == ORIGINAL {
                return None;
            }
            plan.add(u32::try_from(index).ok()?, origin, &column.data)?;
        }
        Some(plan)
    }

    /// Makes a column for `native`, so that a plan can have it.
    pub(crate) fn add_column_of(&mut self, native: &str) {
        self.target(native);
    }

    /// Whether the columns that a plan names are still those of this builder.
    pub(crate) fn follows(&self, plan: &Plan) -> bool {
        plan.era == self.era
    }

    /// Writes and commits an event of `line`, which gives `slots` their places. `false`: it has to be written field by field,
    /// and nothing was done.
    #[inline]
    pub(crate) fn write_planned(
        &mut self,
        plan: &mut Plan,
        line: &[u8],
        slots: &[Slot],
        time: i64,
        path: &str,
        place: (u128, u64),
    ) -> bool {
        // With fewer columns none can be one too many.
        if !self.follows(plan) || self.columns.len() > self.options.max_columns {
            return false;
        }
        if self.dirty {
            // What an event that was not committed has written.
            self.begin();
            self.dirty = false;
        }
        if plan.batch != self.batch {
            plan.batch = self.batch;
            plan.forget_keys();
            self.count_columns(plan);
        }
        let row = self.rows;
        for &(column, slot) in &plan.texts {
            if let Data::Keyword(keywords) = &mut self.columns[column as usize].data {
                keywords.put(row, slots[slot as usize].of(line));
            }
        }
        for &(index, slot) in &plan.texts_if_any {
            let slot = slots[slot as usize];
            if slot.start == Slot::NONE.start {
                continue;
            }
            let column = &mut self.columns[index as usize];
            self.used_columns += usize::from(index as usize > PATH && !column.any());
            if let Data::Keyword(keywords) = &mut column.data {
                keywords.put(row, slot.of(line));
                column.count();
            }
        }
        for &(column, slot) in &plan.numbers {
            let column = &mut self.columns[column as usize];
            if let Data::Integer(values) | Data::Timestamp(values) = &mut column.data {
                put(values, row, Some(slots[slot as usize].number));
            }
        }
        for Constant { column, key, text } in &mut plan.constants {
            if let Data::Keyword(keywords) = &mut self.columns[*column as usize].data {
                keywords.put_again(row, text.as_bytes(), key);
            }
        }
        for cell in &mut plan.others {
            let column = &mut self.columns[cell.column as usize];
            match (&mut cell.what, &mut column.data) {
                (What::Integer(number), Data::Integer(values)) => {
                    put(values, row, Some(*number));
                }
                (What::Boolean(truth), Data::Boolean(values)) => {
                    put(values, row, Some(*truth));
                }
                (What::List(_, key @ 0..), Data::List(lists)) => lists.put_again(row, *key),
                (What::List(list, key), _) => {
                    list.with(|list| column.set(row, list));
                    *key = column.list_key(row).unwrap_or(NONE);
                }
                (What::Other(value), _) => {
                    value.with(|value| column.set(row, value));
                }
                _ => {}
            }
        }
        self.columns[PATH].repeat(row, 1, path);
        let (event_id, offset) = place;
        self.times.push(time);
        self.event_ids.push(event_id);
        self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
        self.unmapped.push(None);
        self.rows += 1;
        true
    }

    /// Notes that the columns of a plan have values in this batch, the first of which they are about to get. How many there are
    /// nobody asks, so that the events after the first are not counted.
    #[cold]
    fn count_columns(&mut self, plan: &Plan) {
        for index in plan.columns() {
            let column = &mut self.columns[index as usize];
            self.used_columns += usize::from(index as usize > PATH && !column.any());
            column.count();
        }
    }

    /// What a committed event has in its columns, by their SQL names, but for those that are the same for all events of a
    /// source. `None`: something was put aside, or kept for other columns.
    pub(crate) fn stored(&self, row: usize) -> Option<Vec<(&str, Stored)>> {
        if row >= self.rows || self.unmapped.get(row)?.is_some() || self.fillings.keeps(row) {
            return None;
        }
        let columns = self.columns.iter().enumerate();
        let stored = columns
            .filter(|(index, _)| *index != PATH && *index != ORIGINAL)
            .filter_map(|(_, column)| Some((&*column.column.sql, column.stored(row)?)));
        Some(stored.collect())
    }

    /// The time of a committed event.
    pub(crate) fn time_at(&self, row: usize) -> Option<i64> {
        self.times.get(row).copied()
    }
}

impl Plan {
    /// `None`: a column with such `data` cannot get that.
    fn add(&mut self, column: u32, origin: Origin, data: &Data) -> Option<()> {
        let what = match (origin, data) {
            (Origin::Text(slot), Data::Keyword(_)) => {
                self.texts.push((column, u32::try_from(slot).ok()?));
                return Some(());
            }
            (Origin::TextIfAny(slot), Data::Keyword(_)) => {
                self.texts_if_any.push((column, u32::try_from(slot).ok()?));
                return Some(());
            }
            (Origin::Number(slot), Data::Integer(_) | Data::Timestamp(_)) => {
                self.numbers.push((column, u32::try_from(slot).ok()?));
                return Some(());
            }
            (Origin::Text(_) | Origin::TextIfAny(_) | Origin::Number(_), _) => return None,
            (Origin::Constant(Stored::Text(text)), Data::Keyword(_)) => {
                let key = NONE;
                self.constants.push(Constant { column, key, text });
                return Some(());
            }
            (Origin::Constant(Stored::Integer(number)), Data::Integer(_)) => What::Integer(number),
            (Origin::Constant(Stored::Boolean(truth)), Data::Boolean(_)) => What::Boolean(truth),
            (Origin::Constant(list @ Stored::List(_)), Data::List(_)) => What::List(list, NONE),
            (Origin::Constant(value), _) => What::Other(value),
        };
        self.others.push(Cell { column, what });
        Some(())
    }

    /// The columns that every event of it gets, by index.
    fn columns(&self) -> impl Iterator<Item = u32> {
        let slots = self.texts.iter().chain(&self.numbers);
        let columns = slots.map(|(column, _)| *column);
        let columns = columns.chain(self.constants.iter().map(|constant| constant.column));
        columns.chain(self.others.iter().map(|cell| cell.column))
    }

    #[cold]
    fn forget_keys(&mut self) {
        for constant in &mut self.constants {
            constant.key = NONE;
        }
        for cell in &mut self.others {
            if let What::List(_, key) = &mut cell.what {
                *key = NONE;
            }
        }
    }
}

impl ColumnBuilder {
    /// The number of the list of `row`.
    fn list_key(&self, row: usize) -> Option<i32> {
        match &self.data {
            Data::List(lists) => lists.key(row),
            _ => None,
        }
    }

    fn stored(&self, row: usize) -> Option<Stored> {
        if !self.has(row) {
            return None;
        }
        Some(match &self.data {
            Data::Keyword(keywords) => Stored::Text(keywords.at(row)?.into()),
            Data::Integer(values) => Stored::Integer(values[row]?),
            Data::Float(values) => Stored::Float(values[row]?),
            Data::Boolean(values) => Stored::Boolean(values[row]?),
            Data::Timestamp(values) => Stored::Time(values[row]?),
            Data::List(lists) => Stored::List(lists.at(row)?.to_vec()),
        })
    }
}

impl Stored {
    fn with<R>(&self, take: impl FnOnce(&Value<'_>) -> R) -> R {
        match self {
            Stored::Text(text) => take(&Value::Str(text)),
            Stored::Integer(number) => take(&Value::Int(*number)),
            Stored::Float(number) => take(&Value::Float(*number)),
            Stored::Boolean(truth) => take(&Value::Bool(*truth)),
            Stored::Time(micros) => take(&Value::Time(*micros)),
            Stored::List(items) => {
                let items = items.iter().map(|item| Value::Str(item)).collect();
                take(&Value::List(items))
            }
        }
    }
}
