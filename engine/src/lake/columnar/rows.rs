//! Rows while they arrive, column by column.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use parquet::errors::ParquetError;

use super::chunk::{Chunk, Chunks};
use super::column::{Column, Numbers, Order, Selection, Values};

/// Rows that will be a row group.
///
/// *Invariants*: no column has more rows than there are times.
#[derive(Debug, Default)]
pub(in crate::lake) struct OpenRows {
    times: Vec<i64>,
    /// By the caller's number of the column; `None` as long as no row has a value.
    columns: Vec<Option<Box<Column>>>,
    /// The rows before those that are being added.
    before: usize,
}

/// A row group, its rows in the order of time.
#[derive(Debug)]
pub(in crate::lake) struct Sealed {
    pub(in crate::lake) rows: usize,
    /// Time of the first row.
    pub(in crate::lake) first: i64,
    /// Time of the last row.
    pub(in crate::lake) last: i64,
    /// By the caller's numbers, ascending.
    pub(in crate::lake) columns: Vec<(usize, Chunk)>,
    order: Option<Order>,
}

impl OpenRows {
    pub(in crate::lake) fn len(&self) -> usize {
        self.times.len()
    }

    pub(in crate::lake) fn memory(&self) -> usize {
        let columns = self.columns.iter().flatten();
        self.times.capacity() * 8
            + self.columns.capacity() * 8
            + columns
                .map(|column| size_of::<Column>() + column.memory())
                .sum::<usize>()
    }

    /// Begins to add rows; their columns follow.
    pub(in crate::lake) fn add_times(&mut self, times: &[i64], selection: Selection<'_>) {
        self.before = self.times.len();
        match selection {
            Selection::All => self.times.extend_from_slice(times),
            Selection::Rows(rows) => self.times.extend(rows.iter().map(|&row| times[row as usize])),
        }
    }

    /// Adds a column of the rows that are being added. `false`, and nothing added, if that column's values
    /// are of another type or have no place in Parquet.
    pub(in crate::lake) fn add(
        &mut self,
        number: usize,
        data_type: &DataType,
        array: &ArrayRef,
        selection: Selection<'_>,
        scratch: &mut Numbers,
    ) -> bool {
        if self.columns.len() <= number {
            self.columns.resize_with(number + 1, || None);
        }
        let slot = &mut self.columns[number];
        if slot.is_none() {
            *slot = Column::new(data_type).map(Box::new);
        }
        slot.as_mut()
            .is_some_and(|column| column.extend(self.before, array, selection, scratch))
    }

    /// Adds a column of all rows there are.
    pub(in crate::lake) fn add_first(
        &mut self,
        number: usize,
        data_type: &DataType,
        array: &ArrayRef,
        scratch: &mut Numbers,
    ) {
        self.before = 0;
        self.add(number, data_type, array, Selection::All, scratch);
    }

    /// Identities that a column's texts are, by row as they came; `None` if a row has none.
    pub(in crate::lake) fn ids_in(&self, number: usize) -> Option<Vec<u128>> {
        self.columns.get(number)?.as_ref()?.ids(self.len())
    }

    /// Sorts by time and makes the chunks. `time` is the number of the column of times; `bloom` says which
    /// columns have a bloom filter, and with how many false positives.
    pub(in crate::lake) fn seal(
        self,
        chunks: &mut Chunks,
        time: usize,
        bloom: impl Fn(usize) -> Option<f64>,
    ) -> Result<Sealed, ParquetError> {
        let rows = self.len();
        let order = Order::by_time(&self.times);
        let times = match &order {
            Some(order) => order.apply(&self.times),
            None => self.times,
        };
        let mut columns = vec![(time, chunks.integers(&times, rows, None)?)];
        for (number, column) in self.columns.into_iter().enumerate() {
            let Some(column) = column.filter(|_| number != time) else {
                continue;
            };
            let (values, has_value) = column.finish(rows, order.as_ref());
            if values.are_none() {
                continue;
            }
            let chunk = chunks.of(&values, rows, has_value.as_ref(), bloom(number))?;
            columns.push((number, chunk));
        }
        columns.sort_unstable_by_key(|&(number, _)| number);
        Ok(Sealed {
            rows,
            first: times.first().copied().unwrap_or_default(),
            last: times.last().copied().unwrap_or_default(),
            columns,
            order,
        })
    }
}

impl Sealed {
    /// What belongs to rows as they came, in the order they have now.
    pub(in crate::lake) fn reorder<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        match &self.order {
            Some(order) => order.apply(&values),
            None => values,
        }
    }

    /// Where a row that came as number `row` is now.
    pub(in crate::lake) fn place_of(&self, row: u32) -> u32 {
        self.order.as_ref().map_or(row, |order| order.place_of(row))
    }

    /// Adds a column of ids, in the order that rows have now.
    pub(in crate::lake) fn add_ids(
        &mut self,
        number: usize,
        ids: &[u128],
        chunks: &mut Chunks,
        bloom: Option<f64>,
    ) -> Result<(), ParquetError> {
        let at = self.columns.partition_point(|&(other, _)| other < number);
        self.columns.insert(at, (number, chunks.ids(ids, bloom)?));
        Ok(())
    }
}

impl Values {
    fn are_none(&self) -> bool {
        match self {
            Values::Text(_, numbers) => numbers.is_empty(),
            Values::Integer(values) => values.is_empty(),
            Values::Float(values) => values.is_empty(),
            Values::Boolean(values) => values.is_empty(),
            Values::List(lists) => lists.lengths.is_empty(),
        }
    }
}
