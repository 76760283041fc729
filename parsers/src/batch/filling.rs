//! Fills filled columns, once a batch has all its events; see [`Fill`].

use chrono_tz::Tz;

use super::BatchBuilder;
use super::column::ColumnBuilder;
use crate::catalog::{Column, ColumnType, Dataset, Fill};
use crate::formats::event_time::text_time;
use crate::value::Value;

/// The filled columns of a builder, by indices of its columns, in the dataset's order.
#[derive(Default)]
pub(super) struct Fillings {
    all: Vec<Filling>,
    /// What the reader keeps for them, by number.
    gathered: Vec<ColumnBuilder>,
    /// Whether the event's time is one of them.
    has_time: bool,
}

struct Filling {
    /// Which of the dataset's.
    fill: usize,
    /// `None`: the event's time.
    to: Option<usize>,
    from: Box<[Source]>,
}

#[derive(Clone, Copy)]
enum Source {
    Gathered(usize),
    Column(usize),
}

impl Fillings {
    /// Those of `dataset`; `index_of` adds columns to the builder.
    pub(super) fn new(dataset: &Dataset, mut index_of: impl FnMut(&Column) -> usize) -> Self {
        let mut all = Vec::with_capacity(dataset.fill.len());
        for (fill, entry) in dataset.fill.iter().enumerate() {
            let mut from = Vec::with_capacity(entry.from.len());
            for source in &entry.from {
                from.extend(source.gathered.map(Source::Gathered));
                from.extend(
                    source
                        .column
                        .as_ref()
                        .map(|column| Source::Column(index_of(column))),
                );
            }
            let is_time = &*entry.column.sql == "time";
            all.push(Filling {
                fill,
                to: (!is_time).then(|| index_of(&entry.column)),
                from: from.into(),
            });
        }
        let list = Column {
            dotted: "gathered".into(),
            sql: "gathered".into(),
            column_type: ColumnType::List,
        };
        let lists = std::iter::repeat_with(|| ColumnBuilder::new(list.clone()));
        Fillings {
            has_time: all.iter().any(|filling| filling.to.is_none()),
            all,
            gathered: lists.take(dataset.gather.count()).collect(),
        }
    }

    /// Forgets what was kept for events from `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        for gathered in self.gathered.iter_mut().filter(|gathered| gathered.any()) {
            gathered.truncate(rows);
        }
    }

    /// Whether anything is kept for `row`.
    pub(super) fn keeps(&self, row: usize) -> bool {
        self.gathered.iter().any(|gathered| gathered.has(row))
    }

    /// Forgets what was kept under this number for events from `rows` on.
    pub(super) fn truncate_one(&mut self, number: usize, rows: usize) {
        if let Some(gathered) = self.gathered.get_mut(number) {
            gathered.truncate(rows);
        }
    }

    fn source<'s>(&'s self, columns: &'s [ColumnBuilder], source: Source) -> &'s ColumnBuilder {
        match source {
            Source::Gathered(number) => &self.gathered[number],
            Source::Column(index) => &columns[index],
        }
    }
}

impl BatchBuilder {
    /// Keeps a value of the current event for filled columns; `number` is the dataset's ([`Gather`]). The first holds.
    ///
    /// [`Gather`]: crate::catalog::Gather
    pub fn gather(&mut self, number: usize, value: Value<'_>) {
        if let Some(gathered) = self.fillings.gathered.get_mut(number) {
            gathered.set(self.rows, &value);
        }
    }

    /// Gives the current event, if it has no time, that of the first column that the dataset names for it. Text without a
    /// zone is in `zone`.
    pub(crate) fn fill_time(&mut self, zone: Tz) {
        if !self.fillings.has_time || self.pending_time.is_some() {
            return;
        }
        let (fillings, rows) = (&self.fillings, self.rows);
        let mut text = String::new();
        for filling in fillings.all.iter().filter(|filling| filling.to.is_none()) {
            let fill = &self.dataset.fill[filling.fill];
            for &source in &filling.from {
                text.clear();
                if !fillings.source(&self.columns, source).text_at(rows, &mut text) {
                    continue;
                }
                let time = fill.of(&text).and_then(|text| text_time(&text, zone));
                if time.is_some() {
                    self.pending_time = time;
                    return;
                }
            }
        }
    }

    /// Fills the filled columns of all committed events.
    pub(super) fn fill(&mut self) {
        let (dataset, rows) = (self.dataset.clone(), self.rows);
        let fillings = std::mem::take(&mut self.fillings);
        for filling in &fillings.all {
            let Some(to) = filling.to else { continue };
            let fill = &dataset.fill[filling.fill];
            if self.is_idle(&fillings, filling, fill) {
                continue;
            }
            let first = !self.columns[to].any();
            let is_counted = to > super::PATH;
            let nothing = ColumnBuilder::new(self.columns[to].column.clone());
            let mut column = std::mem::replace(&mut self.columns[to], nothing);
            if let (true, Some(value)) = (filling.from.is_empty(), &fill.value) {
                column.fill_all(value, rows);
            }
            for &source in &filling.from {
                let source = fillings.source(&self.columns, source);
                if source.any() {
                    column.fill_from(source, fill, rows);
                }
            }
            self.used_columns += usize::from(first && is_counted && column.any());
            self.columns[to] = column;
        }
        self.fillings = fillings;
        self.fillings.gathered.iter_mut().for_each(ColumnBuilder::clear);
    }

    /// Whether there is nothing to fill a column from.
    fn is_idle(&self, fillings: &Fillings, filling: &Filling, fill: &Fill) -> bool {
        let constant = filling.from.is_empty() && fill.value.is_some();
        let any = |&source: &Source| fillings.source(&self.columns, source).any();
        !constant && !filling.from.iter().any(any)
    }
}
