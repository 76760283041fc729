//! Many rows of a table at once: first all their cells are found, then column after column is written.
//!
//! That is for rows that are as they should be: text, with as many cells as the header has names, each of which has a column
//! of its own, and with a time that can be read. Of other rows none of those that were to be read together is;
//! they are read one by one, which gives the same events.

use std::sync::Arc;

use hashbrown::HashSet;

use super::grid::{Scratch, Table};
use super::header::{RowsHeader, TableHeader};
use super::plan::{Plan, When};
use crate::batch::{BatchBuilder, Cells, Misfit, Rows};
use crate::catalog::Dataset;
use crate::formats::zeek::{self, Kind, Totals, ZeekHeader};
use crate::formats::{EventSink, FrameContext, commit, finish_event, id_of};
use crate::frame::{FrameBlock, FrameSpan};
use crate::time;
use crate::value::Value;

/// Fields that a row of a Zeek log has besides its cells.
const WRITTEN: [&str; 3] = ["_path", "network.bytes", "network.packets"];

/// Rows that are read together.
pub(in crate::formats) const TOGETHER: usize = 256;
/// Fewer are read one by one.
const FEWEST: usize = 16;

/// How the rows under a header are read together.
pub(super) struct Bulk {
    dataset: Arc<Dataset>,
    /// Column of the table, native name, what its cells are.
    columns: Vec<(usize, Box<str>, Cells)>,
    when: When,
    /// Something is derived from these columns, or holds for all events.
    derives: bool,
    /// Of a Zeek log.
    zeek: Option<Sides>,
}

/// The columns of a Zeek log whose sums are wanted, by direction.
struct Sides {
    bytes: Option<(usize, usize)>,
    packets: Option<(usize, usize)>,
}

impl Bulk {
    /// `None`: rows of this table are always read one by one.
    pub(super) fn of_rows(header: &RowsHeader, plan: &Plan) -> Option<Self> {
        if header.is_spaced() {
            return None;
        }
        let columns = plan.columns.iter().enumerate();
        let columns: Vec<_> = columns
            .filter(|(at, _)| !plan.is_only_time(*at))
            .map(|(at, name)| (at, name.clone(), Cells::Text))
            .collect();
        let derives = derives(&plan.dataset, &columns, &[])?;
        Some(Bulk {
            dataset: plan.dataset.clone(),
            columns,
            when: plan.when,
            derives,
            zeek: None,
        })
    }

    /// The same for a Zeek log of `dataset`.
    pub(super) fn of_zeek(header: &ZeekHeader, dataset: Arc<Dataset>) -> Option<Self> {
        header.separator()?;
        let names = header.names();
        let place = |wanted: &str| {
            let at = names.iter().position(|name| **name == *wanted);
            at.filter(|at| header.kind(*at) == Kind::Whole)
        };
        let when = match names.iter().position(|name| **name == *"ts") {
            Some(at) => When::At(at),
            None => When::Unknown,
        };
        let columns: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(at, _)| when != When::At(*at))
            .map(|(at, name)| {
                let cells = match header.kind(at) {
                    Kind::Text => Cells::Text,
                    Kind::Whole => Cells::Whole,
                    Kind::Number => Cells::Number,
                    Kind::Flag => Cells::Flag,
                    Kind::Time | Kind::List => Cells::Other,
                };
                (at, name.clone(), cells)
            })
            .collect();
        let derives = derives(&dataset, &columns, &WRITTEN)?;
        Some(Bulk {
            dataset,
            columns,
            when,
            derives,
            zeek: Some(Sides {
                bytes: place("orig_ip_bytes").zip(place("resp_ip_bytes")),
                packets: place("orig_pkts").zip(place("resp_pkts")),
            }),
        })
    }

    /// Writes the events of `spans`, neighbours in `block`. `false`: they are to be read one by one, and nothing was
    /// written.
    pub(super) fn write(
        &self,
        block: &FrameBlock,
        header: &TableHeader,
        spans: &[FrameSpan],
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        scratch: &mut Scratch,
    ) -> bool {
        if spans.len() < FEWEST {
            return false;
        }
        let Some(table) = Table::new(block, header, spans, scratch) else {
            return false;
        };
        let Some(times) = self.times(&table, header, context) else {
            return false;
        };
        let builder = sink.begin(&self.dataset);
        let names = self.columns.iter().map(|(_, name, _)| &**name);
        let written = self.zeek.iter().flat_map(|_| WRITTEN);
        let Some(indices) = builder.own_columns(names.chain(written)) else {
            return false;
        };
        let mut misfits: Vec<Misfit> = Vec::new();
        for ((column, _, cells), &index) in self.columns.iter().zip(&indices) {
            builder.write_column(&table, *column, index, *cells, &mut misfits);
        }
        if misfits.is_empty() && !self.derives && builder.commits_rows() {
            if let (Some(sides), TableHeader::Zeek(header)) = (&self.zeek, header) {
                builder.write_constant("_path", table.len(), header.path());
                self.write_sum(builder, &table, "network.bytes", sides.bytes, &indices);
                self.write_sum(builder, &table, "network.packets", sides.packets, &indices);
            }
            let places = spans.iter().zip(&times).map(|(span, time)| {
                let id = id_of(context, span.offset, block.frame(*span), 0, time.is_some());
                (id, span.offset)
            });
            builder.commit_rows(&times, context.reference_time, context.path, places);
            return true;
        }
        misfits.sort_by_key(|misfit| misfit.row);
        let mut misfits = misfits.into_iter().peekable();
        let mut context = context.clone();
        for (row, span) in spans.iter().enumerate() {
            context.offset = span.offset;
            while let Some(misfit) = misfits.next_if(|misfit| misfit.row == row) {
                builder.put_misfit_aside(&table, misfit);
            }
            if let (Some(sides), TableHeader::Zeek(header)) = (&self.zeek, header) {
                builder.field("_path", Value::Str(header.path()));
                let whole = |column| table.whole(column, row);
                let both = |sides: Option<(usize, usize)>| match sides {
                    Some((a, b)) => [whole(a), whole(b)],
                    None => [None, None],
                };
                Totals::of(both(sides.bytes), both(sides.packets)).write(builder);
            }
            let frame = block.frame(*span);
            match self.derives {
                true => commit(builder, &context, frame, 0, times[row]),
                false => finish_event(builder, &context, frame, 0, times[row]),
            }
        }
        true
    }

    /// Writes the sums of both sides' numbers, which their columns (`indices`) hold by now.
    fn write_sum(
        &self,
        builder: &mut BatchBuilder,
        table: &Table<'_>,
        name: &str,
        sides: Option<(usize, usize)>,
        indices: &[u32],
    ) {
        let index = |wanted: usize| {
            let at = self.columns.iter().position(|(column, ..)| *column == wanted)?;
            indices.get(at).copied()
        };
        let Some((one, other)) = sides else {
            return;
        };
        let of_columns = index(one).zip(index(other));
        if of_columns.is_some_and(|(one, other)| builder.write_sums(name, [one, other], table.len())) {
            return;
        }
        // A catalog that has texts there.
        let sum = |row| table.whole(one, row)?.checked_add(table.whole(other, row)?);
        builder.write_numbers(name, (0..table.len()).map(sum));
    }

    /// When each row was written. `None`: a row says it in a way that is not understood.
    fn times(
        &self,
        table: &Table<'_>,
        header: &TableHeader,
        context: &FrameContext<'_>,
    ) -> Option<Vec<Option<i64>>> {
        let zone = match header {
            TableHeader::Rows(rows) if rows.is_local() => context.timezone,
            _ => chrono_tz::UTC,
        };
        let mut stamp = String::new();
        let instant = |row| match self.when {
            When::Unknown => Some(None),
            When::At(at) => {
                let cell = table.cell(at, row);
                if table.is_plain(cell).is_none() {
                    return Some(None);
                }
                let found = match self.zeek {
                    Some(_) => time::epoch(cell),
                    None => time::stated(cell, context.reference_time, zone),
                };
                found.map(Some)
            }
            When::DayAndTime(day, clock) => {
                stamp.clear();
                stamp.push_str(table.cell(day, row));
                stamp.push(' ');
                stamp.push_str(table.cell(clock, row));
                time::stated(&stamp, context.reference_time, zone).map(Some)
            }
        };
        (0..table.len()).map(instant).collect()
    }
}

/// Whether an event's time may come from one of its columns. `None`: what is made of a row beside its cells would go to
/// one of these columns, or anywhere.
fn derives(dataset: &Dataset, columns: &[(usize, Box<str>, Cells)], written: &[&str]) -> Option<bool> {
    let sql = |name: &str| dataset.column_of_native(name).sql;
    let own: HashSet<Arc<str>> = columns.iter().map(|(_, name, _)| sql(name)).collect();
    if dataset.pairs.is_some() || written.iter().any(|name| own.contains(&sql(name))) {
        return None;
    }
    Some(dataset.is_filled("time"))
}

/// The dataset of a Zeek log.
pub(super) fn dataset_of_zeek(
    header: &ZeekHeader,
    context: &FrameContext<'_>,
    sink: &EventSink,
) -> Option<Arc<Dataset>> {
    zeek::dataset(header.path(), context, sink).ok()
}
