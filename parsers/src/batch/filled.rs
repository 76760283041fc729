//! Fills filled columns, once an event has all its fields; see [`Filled`](crate::catalog::Filled).

use std::borrow::Cow;

use crate::catalog::Take;

use super::column::{ColumnBuilder, Data};

/// A filled column of a builder, by indices of its columns.
pub(super) struct Filling {
    from: Box<[u32]>,
    to: u32,
    take: Take,
    /// It can wait until all events are there.
    late: bool,
    /// By source: what became of its values, by their keys.
    known: Box<[Known]>,
}

/// What became of the distinct values of a column.
#[derive(Default)]
pub(super) struct Known(Vec<Made>);

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Unknown,
    Nothing,
    /// The filled column's key.
    Key(i32),
}

impl Known {
    pub(super) fn of(&self, key: usize) -> Made {
        self.0.get(key).copied().unwrap_or(Made::Unknown)
    }

    pub(super) fn learn(&mut self, key: usize, made: Made) {
        if self.0.len() <= key {
            self.0.resize(key + 1, Made::Unknown);
        }
        self.0[key] = made;
    }
}

impl Filling {
    pub(super) fn new(from: Vec<u32>, to: u32, take: Take) -> Self {
        Filling {
            known: from.iter().map(|_| Known::default()).collect(),
            from: from.into(),
            to,
            take,
            late: false,
        }
    }

    /// Says of each which of `all` can wait: its only source is a column that is not filled itself, its own column is
    /// no other's source, and both can be filled at once.
    pub(super) fn settle(all: &mut [Filling], columns: &[ColumnBuilder]) {
        let tos: Vec<u32> = all.iter().map(|filling| filling.to).collect();
        let froms: Vec<u32> = all
            .iter()
            .flat_map(|filling| filling.from.iter().copied())
            .collect();
        for filling in all {
            filling.late = match *filling.from {
                [from] => {
                    let once = tos.iter().filter(|to| **to == filling.to).count() == 1;
                    let apart = !tos.contains(&from) && !froms.contains(&filling.to);
                    let (source, column) = (&columns[from as usize], &columns[filling.to as usize]);
                    once && apart && column.can_be_filled_late(source, filling.take)
                }
                _ => false,
            };
        }
    }

    /// Whether it waits until all events are there.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    /// Where it reads, if it is one place.
    pub(super) fn only_source(&self) -> Option<usize> {
        match *self.from {
            [from] => Some(from as usize),
            _ => None,
        }
    }

    /// What it takes.
    pub(super) fn take(&self) -> Take {
        self.take
    }

    /// Where it writes.
    pub(super) fn to(&self) -> usize {
        self.to as usize
    }

    /// Gives the column a value in `row`, if it has none and a source has. Whether it did.
    pub(super) fn fill(&mut self, columns: &mut [ColumnBuilder], row: usize) -> bool {
        let to = self.to as usize;
        if columns[to].has(row) {
            return false;
        }
        for (&from, known) in self.from.iter().zip(&mut self.known) {
            let from = from as usize;
            if !columns[from].has(row) {
                continue;
            }
            if let Ok([from, to]) = columns.get_disjoint_mut([from, to])
                && to.fill_in(row, from, self.take, known)
            {
                return true;
            }
        }
        false
    }

    /// The columns start anew, and with them their keys.
    pub(super) fn forget(&mut self) {
        for known in &mut self.known {
            known.0.clear();
        }
    }
}

impl ColumnBuilder {
    /// Whether [`fill_late`](ColumnBuilder::fill_late) can fill it from `from`.
    pub(super) fn can_be_filled_late(&self, from: &ColumnBuilder, take: Take) -> bool {
        match (&self.data, &from.data) {
            (Data::Keyword(_), Data::Keyword(_)) => true,
            (Data::Keyword(_), Data::Integer(_)) => take == Take::Whole,
            _ => false,
        }
    }

    /// Gives every row that has no value what `take` takes of the value that `from` has there. `true`: that is the
    /// column `from` itself, and nothing was done.
    pub(super) fn fill_late(&mut self, from: &ColumnBuilder, take: Take, rows: usize) -> bool {
        let is_empty = !self.any();
        self.values_set = match (&mut self.data, &from.data) {
            (Data::Keyword(_), Data::Keyword(from))
                if is_empty && take == Take::Whole && !from.has_blanks() =>
            {
                return true;
            }
            (Data::Keyword(to), Data::Keyword(from)) if is_empty => to.take_all(from, take, rows),
            (Data::Keyword(to), Data::Keyword(from)) => {
                to.fill_gaps(rows, |row| from.at(row).and_then(|text| take.of(text)))
            }
            (Data::Keyword(to), Data::Integer(values)) if is_empty => to.take_numbers(values, rows),
            (Data::Keyword(to), Data::Integer(values)) => to.fill_gaps(rows, |row| {
                let number = values.get(row).copied().flatten();
                number.map(|number| Cow::Owned(number.to_string()))
            }),
            _ => self.values_set,
        };
        false
    }
}
