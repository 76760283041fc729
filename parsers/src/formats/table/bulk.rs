//! Many rows of a table at once: first all their cells are found, then column after column is written.
//!
//! That is for rows that are as they should be: text, with as many cells as the header has names, each of which has a column
//! of its own, and with a time that can be read. Of other rows none of those that were to be read together is;
//! they are read one by one, which gives the same events.

use std::sync::Arc;

use hashbrown::HashSet;

use super::header::{RowsHeader, TableHeader};
use super::plan::{Plan, When};
use crate::batch::{Cells, Misfit, Rows};
use crate::catalog::{Dataset, Parts};
use crate::formats::text::cells::cells;
use crate::formats::zeek::{self, Kind, Totals, ZeekHeader};
use crate::formats::{EventSink, FrameContext, commit, finish_event};
use crate::frame::{FrameBlock, FrameSpan};
use crate::time;
use crate::value::Value;

/// Rows that are read together.
pub(in crate::formats) const TOGETHER: usize = 1024;
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
        let derives = derives(&dataset, &columns, &["_path", "network.bytes", "network.packets"])?;
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
        let Some(indices) = builder.own_columns(names) else {
            return false;
        };
        let mut misfits: Vec<Misfit> = Vec::new();
        for ((column, _, cells), index) in self.columns.iter().zip(indices) {
            builder.write_column(&table, *column, index, *cells, &mut misfits);
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
                let whole = |column| table.cell(column, row).parse().ok();
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

/// Whether something is derived from these columns. `None`: it would go to one of them, or anywhere.
fn derives(dataset: &Dataset, columns: &[(usize, Box<str>, Cells)], written: &[&str]) -> Option<bool> {
    let sql = |name: &str| dataset.column_of_native(name).sql;
    let own: HashSet<Arc<str>> = columns.iter().map(|(_, name, _)| sql(name)).collect();
    if written.iter().any(|name| own.contains(&sql(name))) {
        return None;
    }
    let mut known = own.clone();
    let mut any = false;
    for derivation in &dataset.derive {
        if !known.contains(&sql(&derivation.from)) {
            continue;
        }
        any = true;
        if derivation.parts == Parts::Pairs {
            return None;
        }
        for target in derivation.targets.iter().filter(|target| !target.is_empty()) {
            let target = sql(target);
            if own.contains(&target) {
                return None;
            }
            known.insert(target);
        }
    }
    if dataset
        .constants
        .iter()
        .any(|(column, _)| own.contains(&sql(column)))
    {
        return None;
    }
    Some(any || !dataset.constants.is_empty())
}

/// Memory that is used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the separators stand.
    marks: Vec<u32>,
    /// The cells, column after column.
    cells: Vec<(u32, u32)>,
    /// Texts of cells in which quotes are doubled.
    undoubled: String,
}

/// The cells of some rows.
struct Table<'b> {
    text: &'b str,
    undoubled: &'b str,
    cells: &'b [(u32, u32)],
    rows: usize,
    header: &'b TableHeader,
    /// A backslash stands somewhere.
    escapes: bool,
}

impl<'b> Table<'b> {
    /// `None`: a row is not as it should be.
    fn new(
        block: &'b FrameBlock,
        header: &'b TableHeader,
        spans: &[FrameSpan],
        scratch: &'b mut Scratch,
    ) -> Option<Self> {
        let (start, end) = (spans.first()?.start, spans.last()?.end);
        let bytes = block.bytes.get(start..end)?;
        let text = std::str::from_utf8(bytes).ok()?;
        if spans.iter().any(|span| span.truncated) || u32::try_from(bytes.len()).is_err() {
            return None;
        }
        let columns = match header {
            TableHeader::Zeek(zeek) => zeek.names().len(),
            TableHeader::Rows(rows) => rows.names().len(),
        };
        let (separator, quoted, trailing) = match header {
            TableHeader::Zeek(zeek) => (zeek.separator()?, false, false),
            TableHeader::Rows(rows) => {
                let has_tabs = rows.separator() == b' ' && memchr::memchr(b'\t', bytes).is_some();
                let separator = rows.separator_with(has_tabs);
                let quoted = rows.is_quoted() && memchr::memchr(b'"', bytes).is_some();
                (separator, quoted, rows.separator() == b' ')
            }
        };
        scratch.cells.clear();
        scratch.cells.resize(columns * spans.len(), (0, 0));
        scratch.undoubled.clear();
        scratch.marks.clear();
        let mut rows = Split {
            text,
            columns,
            rows: spans.len(),
            separator,
            scratch: &mut *scratch,
            next: 0,
        };
        if !quoted {
            marks(bytes, separator, &mut rows.scratch.marks);
        }
        for (row, span) in spans.iter().enumerate() {
            let (from, mut to) = (span.start - start, span.end - start);
            let line = &bytes[from..to];
            if line.starts_with(b"\xef\xbb\xbf") {
                return None;
            }
            if trailing {
                to = from + line.len() - line.iter().rev().take_while(|byte| **byte == b' ').count();
            }
            match quoted {
                true => rows.quoted(row, from, to)?,
                false => rows.bare(row, from, to)?,
            }
        }
        let escapes = matches!(header, TableHeader::Zeek(_)) && memchr::memchr(b'\\', bytes).is_some();
        Some(Table {
            text,
            undoubled: &scratch.undoubled,
            cells: &scratch.cells,
            rows: spans.len(),
            header,
            escapes,
        })
    }
}

/// Takes rows apart.
struct Split<'s> {
    text: &'s str,
    columns: usize,
    rows: usize,
    separator: u8,
    scratch: &'s mut Scratch,
    /// The first separator that is not before the row.
    next: usize,
}

impl Split<'_> {
    /// Finds the cells of a row without quotes. `None`: there are too few or too many.
    #[inline]
    fn bare(&mut self, row: usize, from: usize, to: usize) -> Option<()> {
        let marks = &self.scratch.marks[..];
        let mut next = self.next;
        while marks.get(next).is_some_and(|mark| (*mark as usize) < from) {
            next += 1;
        }
        let own = marks.get(next..next + self.columns - 1)?;
        if own.last().is_some_and(|last| *last as usize >= to)
            || marks
                .get(next + own.len())
                .is_some_and(|mark| (*mark as usize) < to)
        {
            return None;
        }
        let mut start = from as u32;
        let places = self.scratch.cells.iter_mut().skip(row).step_by(self.rows);
        let ends = own.iter().copied().chain([to as u32]);
        for (place, end) in places.zip(ends) {
            *place = (start, end);
            start = end + 1;
        }
        self.next = next + own.len();
        Some(())
    }

    /// The same for a row that may have some.
    fn quoted(&mut self, row: usize, from: usize, to: usize) -> Option<()> {
        let line = self.text.get(from..to)?;
        let mut found = 0;
        for cell in cells(line, self.separator) {
            if found == self.columns {
                return None;
            }
            let place = match cell.doubled {
                false => {
                    // The cell is a piece of the line.
                    let start = from + (cell.text.as_ptr() as usize - line.as_ptr() as usize);
                    (start, start + cell.text.len())
                }
                true => {
                    let start = self.text.len() + self.scratch.undoubled.len();
                    self.scratch.undoubled.push_str(&cell.undoubled());
                    (start, self.text.len() + self.scratch.undoubled.len())
                }
            };
            self.scratch.cells[found * self.rows + row] =
                (u32::try_from(place.0).ok()?, u32::try_from(place.1).ok()?);
            found += 1;
        }
        (found == self.columns).then_some(())
    }
}

impl Rows for Table<'_> {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn cell(&self, column: usize, row: usize) -> &str {
        let (start, end) = self.cells[column * self.rows + row];
        let (start, end) = (start as usize, end as usize);
        let found = match start.checked_sub(self.text.len()) {
            // An empty cell at the very end is no piece of the other text.
            Some(behind) if end > start => self.undoubled.get(behind..end - self.text.len()),
            _ => self.text.get(start..end),
        };
        found.unwrap_or_default()
    }

    #[inline]
    fn is_plain(&self, cell: &str) -> Option<bool> {
        match self.header {
            TableHeader::Rows(_) => (!matches!(cell.as_bytes(), [] | [b'-'])).then_some(true),
            TableHeader::Zeek(header) if header.is_unset(cell) => None,
            TableHeader::Zeek(header) => {
                let escaped = self.escapes && cell.contains('\\');
                Some(!escaped && !header.is_empty_mark(cell))
            }
        }
    }

    fn value(&self, column: usize, cell: &str, take: &mut dyn FnMut(&Value<'_>)) {
        match self.header {
            TableHeader::Rows(_) => take(&Value::Str(cell)),
            TableHeader::Zeek(header) => {
                if let Some(value) = header.value(header.kind(column), cell) {
                    take(&value.as_value());
                }
            }
        }
    }
}

/// The dataset of a Zeek log.
pub(super) fn dataset_of_zeek(
    header: &ZeekHeader,
    context: &FrameContext<'_>,
    sink: &EventSink,
) -> Option<Arc<Dataset>> {
    zeek::dataset(header.path(), context, sink).ok()
}

/// Where `byte` stands in `bytes`, which are less than 4 GiB.
fn marks(bytes: &[u8], byte: u8, found: &mut Vec<u32>) {
    const BLOCK: usize = 64;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let mut bits = bits(block, byte);
        let base = (number * BLOCK) as u32;
        while bits != 0 {
            found.push(base + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    let base = blocks.len() * BLOCK;
    found.extend(memchr::memchr_iter(byte, rest).map(|at| (base + at) as u32));
}

/// Where `byte` stands in a block, a bit per byte.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn bits(block: &[u8; 64], byte: u8) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    let mut bits = 0;
    for (number, part) in block.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: every x86-64 has SSE2, and 16 bytes can be read from `part`, at any alignment.
        let equal = unsafe {
            let bytes = _mm_loadu_si128(part.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8)))
        };
        bits |= u64::from(equal as u16) << (16 * number);
    }
    bits
}

/// Where `byte` stands in a block, a bit per byte.
#[cfg(not(target_arch = "x86_64"))]
fn bits(block: &[u8; 64], byte: u8) -> u64 {
    let bit = |(place, other): (usize, &u8)| u64::from(*other == byte) << place;
    block.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_the_byte_stands() {
        for length in [0, 1, 63, 64, 65, 200] {
            let bytes: Vec<u8> = (0..length)
                .map(|at| if at % 7 == 3 { b'\t' } else { b'x' })
                .collect();
            let mut found = Vec::new();
            marks(&bytes, b'\t', &mut found);
            let wanted: Vec<u32> = (0..length as u32).filter(|at| at % 7 == 3).collect();
            assert_eq!(found, wanted);
        }
    }
}
