//! Events whose columns are known before they are read: of a line that has the form of lines before it, each column is a
//! piece of the line, a number that was read on the way, or what it always is. Nothing is looked up, compared or asked.
//!
//! Who makes such a [`Plan`] answers for it giving what [`BatchBuilder::field`] gives for the line's fields; it is made
//! from what the builder itself [stored](BatchBuilder::stored) for other lines of the form.

use super::column::{ColumnBuilder, Data, Limit};
use super::slots::Target;
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
    /// The number of a slot, of which an event may have none: then the slot is [`Slot::NONE`].
    NumberIfAny(usize),
    /// It is always this.
    Constant(Stored),
}

/// Where the values of an event come from, column by column.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Vec<(u32, Source)>,
    /// The slots whose texts an event keeps until its columns are written.
    pub(super) texts: Vec<u32>,
    /// The slots whose numbers it keeps behind them.
    pub(super) numbers: Vec<u32>,
    /// Columns and the slots that say whether an event has a value there.
    pub(super) optional: Vec<(u32, u32)>,
    pub(super) constants: Vec<Constant>,
    /// The batch that its columns are counted in, and the keys of its constants are of.
    pub(super) batch: u32,
    /// Which of the plans of the events that wait it is.
    pub(super) turn: Option<u32>,
}

/// A plan that a builder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlanId {
    pub(super) number: u32,
    /// The columns that the builder had when the plan was made; see [`BatchBuilder::era`].
    pub(super) era: u32,
}

/// Where a column's values come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// It gets none.
    Nothing,
    /// The text that an event keeps at this place.
    Text(u32),
    /// The number that it keeps at this place.
    Number(u32),
    /// It is always this.
    Integer(i64),
    /// It is always the constant of this number.
    Constant(u32),
    /// The same, which has this key in the batch.
    Key(i32),
}

/// What a column always gets.
#[derive(Debug)]
pub(super) struct Constant {
    /// The key of a text or a list in this batch; -1 if it has none yet.
    pub(super) key: i32,
    pub(super) value: Stored,
}

const NONE: i32 = -1;

impl BatchBuilder {
    /// A plan for events with these columns (by SQL name). `None`: not all of them are there, or more is done with their
    /// values than to store them.
    pub(crate) fn plan<'n>(&mut self, columns: impl Iterator<Item = (&'n str, Origin)>) -> Option<PlanId> {
        let mut plan = self.empty_plan()?;
        for (sql, origin) in columns {
            let &index = self.by_sql.get(sql)?;
            self.add_to(&mut plan, index, origin)?;
        }
        Some(self.keep(plan))
    }

    /// As [`plan`](BatchBuilder::plan), for events with these fields by the names that [`BatchBuilder::field`] takes.
    pub(crate) fn plan_of_fields<'n>(
        &mut self,
        fields: impl Iterator<Item = (&'n str, Origin)>,
    ) -> Option<PlanId> {
        let mut plan = self.empty_plan()?;
        for (native, origin) in fields {
            let Target::Column(index) = self.target(native) else {
                return None;
            };
            if plan.columns.iter().any(|(known, _)| *known == index) {
                return None;
            }
            self.add_to(&mut plan, index as usize, origin)?;
        }
        Some(self.keep(plan))
    }

    /// A plan without columns, if events of this builder can have one.
    fn empty_plan(&self) -> Option<Plan> {
        // What is made of an event's values when it is committed is not in the plan.
        let dataset = &self.dataset;
        let is_plain = dataset.pairs.is_none() && dataset.sentences.is_empty();
        (is_plain && !self.options.keep_original).then(|| Plan {
            columns: Vec::new(),
            texts: Vec::new(),
            numbers: Vec::new(),
            optional: Vec::new(),
            constants: Vec::new(),
            batch: self.batch.wrapping_sub(1),
            turn: None,
        })
    }

    fn add_to(&self, plan: &mut Plan, index: usize, origin: Origin) -> Option<()> {
        let column = &self.columns[index];
        if column.limit == Limit::Pair || index == PATH || index == ORIGINAL {
            return None;
        }
        plan.add(u32::try_from(index).ok()?, origin, &column.data)
    }

    fn keep(&mut self, mut plan: Plan) -> PlanId {
        // An event keeps where its line begins, then its texts, then its numbers.
        let texts = plan.texts.len() as u32;
        for (_, source) in &mut plan.columns {
            match source {
                Source::Text(place) => *place += 1,
                Source::Number(place) => *place += 1 + texts,
                _ => {}
            }
        }
        let number = self.planned.plans.len() as u32;
        self.planned.plans.push(plan);
        PlanId {
            number,
            era: self.era,
        }
    }

    /// Makes a column for `native`, so that a plan can have it.
    pub(crate) fn add_column_of(&mut self, native: &str) {
        self.target(native);
    }

    /// Whether the columns that a plan names are still those of this builder.
    pub(crate) fn follows(&self, plan: PlanId) -> bool {
        plan.era == self.era
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
        let source = match (origin, data) {
            (Origin::Text(slot), Data::Keyword(_)) => Source::Text(place_of(&mut self.texts, slot)?),
            (Origin::TextIfAny(slot), Data::Keyword(_)) => {
                self.optional.push((column, u32::try_from(slot).ok()?));
                Source::Text(place_of(&mut self.texts, slot)?)
            }
            (Origin::Number(slot), Data::Integer(_) | Data::Timestamp(_)) => {
                Source::Number(place_of(&mut self.numbers, slot)?)
            }
            (Origin::NumberIfAny(slot), Data::Integer(_) | Data::Timestamp(_)) => {
                self.optional.push((column, u32::try_from(slot).ok()?));
                Source::Number(place_of(&mut self.numbers, slot)?)
            }
            (Origin::Text(_) | Origin::TextIfAny(_) | Origin::Number(_) | Origin::NumberIfAny(_), _) => {
                return None;
            }
            (Origin::Constant(Stored::Integer(number)), Data::Integer(_)) => Source::Integer(number),
            (Origin::Constant(value), _) => {
                self.constants.push(Constant { key: NONE, value });
                Source::Constant(self.constants.len() as u32 - 1)
            }
        };
        self.columns.push((column, source));
        Some(())
    }
}

/// The place of `slot` among `slots`, to which it is added if it is not there.
fn place_of(slots: &mut Vec<u32>, slot: usize) -> Option<u32> {
    let slot = u32::try_from(slot).ok()?;
    let place = slots.iter().position(|known| *known == slot);
    let place = place.unwrap_or_else(|| {
        slots.push(slot);
        slots.len() - 1
    });
    Some(place as u32)
}

impl ColumnBuilder {
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
    pub(super) fn with<R>(&self, take: impl FnOnce(&Value<'_>) -> R) -> R {
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
