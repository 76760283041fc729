//! The cells of many rows: where each begins and ends, row after row.

use super::ends::{FRONT, Noticed, ends};
use super::header::TableHeader;
use crate::batch::{Nothing, Rows};
use crate::formats::text::cells::cells;
use crate::formats::text::search::{BLOCK, places_in_block};
use crate::formats::text_of;
use crate::frame::{FrameBlock, FrameSpan};
use crate::value::Value;

/// Memory that is used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Where the cells end, row after row, if they were found in one pass.
    ends: Vec<u32>,
    /// Where the separators stand.
    marks: Vec<u32>,
    /// The cells, row after row.
    cells: Vec<(u32, u32)>,
    /// Texts of cells in which quotes are doubled.
    undoubled: String,
}

/// The cells of some rows.
pub(super) struct Table<'b> {
    text: &'b str,
    undoubled: &'b str,
    layout: Layout<'b>,
    columns: usize,
    rows: usize,
    pub(super) header: &'b TableHeader,
    /// A backslash stands somewhere.
    escapes: bool,
    /// What stands where nothing is set, unless cells are looked at closely.
    unset: u8,
    /// An empty cell is a value.
    empty_is_value: bool,
    /// Some cells may be more than they seem.
    looks_closely: bool,
}

/// How the places of cells are kept.
#[derive(Clone, Copy)]
enum Layout<'b> {
    /// Where each ends, behind [`FRONT`]; the next one begins behind that. Some have quotes around them, if `quoted`.
    Ends { ends: &'b [u32], quoted: bool },
    /// Where each begins and ends.
    Cells(&'b [(u32, u32)]),
}

/// Where the cell of this number begins and ends.
#[inline(always)]
fn between(ends: &[u32], at: usize, bytes: &[u8], quoted: bool) -> (u32, u32) {
    let Some(&[before, end]) = ends.get(at..).and_then(|ends| ends.first_chunk()) else {
        return (FRONT, FRONT);
    };
    let start = before.wrapping_add(1);
    // One byte less on either side, without a branch that nobody could foresee.
    let quotes = u32::from(quoted && bytes.get(start as usize) == Some(&b'"'));
    (start + quotes, end - quotes)
}

/// The ends of all cells, if each row has as many as there are columns, and rows are lines with a line feed between them.
fn whole_rows(
    bytes: &[u8],
    spans: &[FrameSpan],
    (separator, quoted): (u8, bool),
    (columns, mark): (usize, u8),
    found: &mut Vec<u32>,
) -> Option<Noticed> {
    let most = columns * spans.len() - 1;
    let noticed = ends(bytes, separator, quoted, [b'\\', mark], most, found)?;
    if noticed.count != most {
        return None;
    }
    *found.get_mut(1 + most)? = bytes.len() as u32;
    let start = spans.first()?.start;
    let mut next = start;
    for (span, row) in spans.iter().zip(found.get(1..)?.chunks_exact(columns)) {
        if span.start != next || row.last().is_none_or(|end| *end as usize + start != span.end) {
            return None;
        }
        next = span.end + 1;
    }
    Some(noticed)
}

impl<'b> Table<'b> {
    /// `None`: a row is not as it should be.
    pub(super) fn new(
        block: &'b FrameBlock,
        header: &'b TableHeader,
        spans: &[FrameSpan],
        scratch: &'b mut Scratch,
    ) -> Option<Self> {
        let (start, end) = (spans.first()?.start, spans.last()?.end);
        let bytes = block.bytes.get(start..end)?;
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
                (separator, rows.is_quoted(), rows.separator() == b' ')
            }
        };
        let mark = match header {
            TableHeader::Zeek(zeek) => zeek.empty_mark().as_bytes().first().copied(),
            TableHeader::Rows(_) => None,
        };
        if columns == 0 {
            return None;
        }
        let marked = (columns, mark.unwrap_or(b'\\'));
        let together = match trailing || !separator.is_ascii() {
            true => None,
            false => whole_rows(bytes, spans, (separator, quoted), marked, &mut scratch.ends),
        };
        if let Some(noticed) = together {
            let text = match noticed.is_ascii {
                // SAFETY: every byte is ASCII.
                true => unsafe { std::str::from_utf8_unchecked(bytes) },
                false => std::str::from_utf8(bytes).ok()?,
            };
            let is_marked = |span: &FrameSpan| block.bytes[span.start..].starts_with(b"\xef\xbb\xbf");
            if !noticed.is_ascii && spans.iter().any(is_marked) {
                return None;
            }
            let layout = Layout::Ends {
                ends: &scratch.ends,
                quoted,
            };
            let rare = [noticed.rare[0], noticed.rare[1] || mark.is_none()];
            return Some(Self::with(text, "", layout, (columns, spans.len()), header, rare));
        }
        let text = text_of(bytes).ok()?;
        let quoted = quoted && memchr::memchr(b'"', bytes).is_some();
        scratch.cells.clear();
        scratch.cells.resize(columns * spans.len(), (0, 0));
        scratch.undoubled.clear();
        scratch.marks.clear();
        let mut rows = Split {
            text,
            columns,
            separator,
            scratch: &mut *scratch,
            next: 0,
        };
        match quoted {
            false => marks(bytes, [separator], &mut rows.scratch.marks),
            true => marks(bytes, [separator, b'"'], &mut rows.scratch.marks),
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
                true if rows.simply_quoted(row, from, to) => {}
                true => rows.quoted(row, from, to)?,
                false => rows.bare(row, from, to)?,
            }
        }
        let holds = |byte| memchr::memchr(byte, bytes).is_some();
        let rare = match header {
            TableHeader::Zeek(_) => [holds(b'\\'), true],
            TableHeader::Rows(_) => [false; 2],
        };
        let layout = Layout::Cells(&scratch.cells);
        let size = (columns, spans.len());
        Some(Self::with(text, &scratch.undoubled, layout, size, header, rare))
    }

    /// Rows whose cells are found; `rare`: whether there are backslashes, and whether the first byte of Zeek's mark of empty
    /// cells may be there.
    fn with(
        text: &'b str,
        undoubled: &'b str,
        layout: Layout<'b>,
        (columns, rows): (usize, usize),
        header: &'b TableHeader,
        rare: [bool; 2],
    ) -> Self {
        let escapes = matches!(header, TableHeader::Zeek(_)) && rare[0];
        let (unset, looks_closely) = match header {
            TableHeader::Rows(_) => (b'-', false),
            TableHeader::Zeek(zeek) => {
                let marks =
                    rare[1] && memchr::memmem::find(text.as_bytes(), zeek.empty_mark().as_bytes()).is_some();
                match zeek.unset_mark().as_bytes() {
                    [unset] => (*unset, escapes || marks),
                    _ => (b'-', true),
                }
            }
        };
        Table {
            text,
            undoubled,
            layout,
            columns,
            rows,
            header,
            escapes,
            unset,
            empty_is_value: matches!(header, TableHeader::Zeek(_)),
            looks_closely,
        }
    }

    /// Where a cell begins and ends; behind all text: among those that are not doubled any more.
    #[inline(always)]
    fn place(&self, column: usize, row: usize) -> (usize, usize) {
        let at = row * self.columns + column;
        match self.layout {
            Layout::Cells(cells) => (cells[at].0 as usize, cells[at].1 as usize),
            Layout::Ends { ends, quoted } => {
                let (start, end) = between(ends, at, self.text.as_bytes(), quoted);
                (start as usize, end as usize)
            }
        }
    }

    /// A cell in which quotes were doubled, or an empty one at the end.
    #[cold]
    fn undoubled_cell(&self, start: usize, end: usize) -> &str {
        let behind = start.saturating_sub(self.text.len());
        self.undoubled
            .get(behind..end.saturating_sub(self.text.len()))
            .unwrap_or_default()
    }

    /// As [`is_plain`](Rows::is_plain), for any cell.
    fn is_plain_closely(&self, cell: &str) -> Option<bool> {
        match self.header {
            TableHeader::Rows(_) => (!matches!(cell.as_bytes(), [] | [b'-'])).then_some(true),
            TableHeader::Zeek(header) if header.is_unset(cell) => None,
            TableHeader::Zeek(header) => {
                let escaped = self.escapes && cell.contains('\\');
                Some(!escaped && !header.is_empty_mark(cell))
            }
        }
    }

    /// The whole number in a cell, if something is set there.
    pub(super) fn whole(&self, column: usize, row: usize) -> Option<i64> {
        let cell = self.cell(column, row);
        self.is_plain(cell)?;
        cell.parse().ok()
    }
}

/// Takes rows apart.
struct Split<'s> {
    text: &'s str,
    columns: usize,
    separator: u8,
    scratch: &'s mut Scratch,
    /// The first separator that is not before the row.
    next: usize,
}

impl Split<'_> {
    /// Finds the cells of a row without quotes. `None`: there are too few or too many.
    #[inline]
    fn bare(&mut self, row: usize, from: usize, to: usize) -> Option<()> {
        if !self.separator.is_ascii() || !self.text.is_char_boundary(from) || !self.text.is_char_boundary(to)
        {
            return None;
        }
        let Scratch { marks, cells, .. } = &mut *self.scratch;
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
        let (last, places) = cells[row * self.columns..][..self.columns].split_last_mut()?;
        let mut start = from as u32;
        for (place, end) in places.iter_mut().zip(own) {
            *place = (start, *end);
            start = end + 1;
        }
        *last = (start, to as u32);
        self.next = next + own.len();
        Some(())
    }

    /// The same for a row some of whose cells have quotes around them, and no others. `false`: it may have more quotes than
    /// that, or too few or too many cells.
    #[inline]
    fn simply_quoted(&mut self, row: usize, from: usize, to: usize) -> bool {
        let is_whole = self.text.is_char_boundary(from) && self.text.is_char_boundary(to);
        if !is_whole || !self.separator.is_ascii() || self.separator == b'"' {
            return false;
        }
        let bytes = self.text.as_bytes();
        let Scratch { marks, cells, .. } = &mut *self.scratch;
        let mark = |number: usize| {
            marks
                .get(number)
                .map(|mark| *mark as usize)
                .filter(|mark| *mark < to)
        };
        let mut next = self.next;
        while mark(next).is_some_and(|mark| mark < from) {
            next += 1;
        }
        let mut start = from;
        for place in &mut cells[row * self.columns..][..self.columns] {
            let end = match mark(next) {
                Some(quote) if bytes[quote] == b'"' => {
                    next += 1;
                    while mark(next).is_some_and(|mark| bytes[mark] != b'"') {
                        next += 1;
                    }
                    let Some(close) = mark(next).filter(|_| quote == start) else {
                        return false;
                    };
                    next += 1;
                    let end = close + 1;
                    if end < to && bytes[end] != self.separator {
                        return false;
                    }
                    *place = (start as u32 + 1, close as u32);
                    end
                }
                separator => {
                    let end = separator.unwrap_or(to);
                    *place = (start as u32, end as u32);
                    end
                }
            };
            // Behind the last cell stands nothing: there, the next one would begin one byte too far.
            if start > to {
                return false;
            }
            next += usize::from(end < to);
            start = end + 1;
        }
        self.next = next;
        start == to + 1
    }

    /// The same for a row that may have any.
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
            self.scratch.cells[row * self.columns + found] =
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

    fn places(&self, column: usize, from: usize, places: &mut [(u32, u32)]) {
        let at = (from * self.columns + column..).step_by(self.columns);
        let bytes = self.text.as_bytes();
        match self.layout {
            Layout::Cells(cells) => places
                .iter_mut()
                .zip(at)
                .for_each(|(place, at)| *place = cells[at]),
            Layout::Ends { ends, quoted: false } => {
                let places = places.iter_mut().zip(at);
                places.for_each(|(place, at)| *place = between(ends, at, bytes, false));
            }
            Layout::Ends { ends, quoted: true } => {
                let places = places.iter_mut().zip(at);
                places.for_each(|(place, at)| *place = between(ends, at, bytes, true));
            }
        }
    }

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn nothing(&self) -> Option<Nothing> {
        (!self.looks_closely).then_some(Nothing {
            mark: self.unset,
            empty: !self.empty_is_value,
        })
    }

    #[inline]
    fn cell(&self, column: usize, row: usize) -> &str {
        let (start, end) = self.place(column, row);
        let found = match self.text.as_bytes().get(start..end) {
            Some(found) => found,
            None => return self.undoubled_cell(start, end),
        };
        // SAFETY: cells begin and end at characters: those of `quoted` are pieces of a line; those of `bare` and
        // of `ends` lie between ASCII bytes and the ends of a line, which are looked at.
        unsafe { std::str::from_utf8_unchecked(found) }
    }

    #[inline]
    fn is_plain(&self, cell: &str) -> Option<bool> {
        match cell.as_bytes() {
            _ if self.looks_closely => self.is_plain_closely(cell),
            [] => self.empty_is_value.then_some(true),
            [byte] if *byte == self.unset => None,
            _ => Some(true),
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

/// Where any of `sought` stands in `bytes`, which are less than 4 GiB.
fn marks<const N: usize>(bytes: &[u8], sought: [u8; N], found: &mut Vec<u32>) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let mut bits = places_in_block(block, sought);
        let base = (number * BLOCK) as u32;
        while bits != 0 {
            found.push(base + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    let base = blocks.len() * BLOCK;
    let last = rest.iter().enumerate().filter(|(_, byte)| sought.contains(byte));
    found.extend(last.map(|(at, _)| (base + at) as u32));
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
            marks(&bytes, [b'\t'], &mut found);
            let wanted: Vec<u32> = (0..length as u32).filter(|at| at % 7 == 3).collect();
            assert_eq!(found, wanted);
        }
    }

    proptest::proptest! {
        #[test]
        fn rows_with_quotes_around_cells_are_as_others(
            lines in proptest::collection::vec(r#"(("[a,é\n]{0,3}"|""|[aé]{0,2}|"|a"b|"a""b"|"a"b),?){0,5}"#, 1..5),
            columns in 1..6_usize,
        ) {
            let text = lines.join("\n");
            let mut scratch = [Scratch::default(), Scratch::default()];
            marks(text.as_bytes(), [b',', b'"'], &mut scratch[0].marks);
            let [simple, exact] = &mut scratch;
            let [mut simple, mut exact] = [simple, exact].map(|scratch| {
                scratch.cells.resize(columns * lines.len(), (0, 0));
                Split { text: &text, columns, separator: b',', scratch, next: 0 }
            });
            let mut from = 0;
            for (row, line) in lines.iter().enumerate() {
                let to = from + line.len();
                if simple.simply_quoted(row, from, to) {
                    assert_eq!(exact.quoted(row, from, to), Some(()), "{line}");
                    for column in 0..columns {
                        let at = row * columns + column;
                        let [one, other] = [&simple, &exact].map(|split| {
                            let (start, end) = split.scratch.cells[at];
                            &text[start as usize..end as usize]
                        });
                        assert_eq!(one, other, "{line}");
                    }
                }
                from = to + 1;
            }
        }

        #[test]
        fn quotes_around_cells_alone_are_simple(cells in proptest::collection::vec(r#""[a,é]{0,3}"|[aé]{0,2}"#, 1..6)) {
            let text = cells.join(",");
            let mut scratch = Scratch::default();
            marks(text.as_bytes(), [b',', b'"'], &mut scratch.marks);
            scratch.cells.resize(cells.len(), (0, 0));
            let columns = cells.len();
            let mut split = Split { text: &text, columns, separator: b',', scratch: &mut scratch, next: 0 };
            assert!(split.simply_quoted(0, 0, text.len()), "{text}");
        }
    }
}
