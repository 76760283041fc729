//! Rows of tables, and the header that holds for them.
//!
//! A row is a line, unless quotes span line feeds. Quotes that do not close within a record's length are text: then,
//! as far as they were looked for, every line is a row, so that one stray quote merges nothing and each byte is looked at
//! twice at most.

use std::sync::Arc;

use super::Framing;
use super::records::RECORD_BYTES;
use crate::formats::table::{End, Span, TableHeader};

/// The state of a table that is being cut into rows.
#[derive(Debug)]
pub(super) struct Table {
    /// What the header says so far.
    next: TableHeader,
    /// A header line came since the last row.
    changed: bool,
    /// The header of the rows of the block under construction.
    header: Option<Arc<TableHeader>>,
    /// The row that is looked at, if its quotes are not closed yet.
    span: Option<Span>,
    /// Before this offset of the source every line is a row.
    lines_until: u64,
}

/// Where a row that starts with some line ends.
pub(super) enum Row {
    /// With that line.
    Line,
    /// Here, counted from its first byte: at a line feed, or at the end of the source.
    Longer(usize),
    /// It is not there yet.
    Unfinished,
}

impl Table {
    pub(super) fn new(header: TableHeader) -> Self {
        Table {
            next: header,
            changed: true,
            header: None,
            span: None,
            lines_until: 0,
        }
    }

    pub(super) fn framing(&self) -> Framing {
        match self.next {
            TableHeader::Zeek(_) => Framing::Zeek,
            TableHeader::Rows(_) => Framing::Table,
        }
    }

    pub(super) fn header(&self) -> Option<Arc<TableHeader>> {
        self.header.clone()
    }

    /// Takes `line` if it is one of the header's.
    pub(super) fn takes(&mut self, line: &[u8]) -> bool {
        let is_header = self.next.is_header_line(line);
        if is_header {
            self.next.push(line);
            self.changed = true;
        }
        is_header
    }

    /// Whether the next row has another header than the last one. Of headers that only repeat each other, one holds.
    pub(super) fn begins_another(&mut self) -> bool {
        std::mem::take(&mut self.changed) && self.header.as_ref().is_none_or(|header| **header != self.next)
    }

    /// The header as it stands now holds for what follows.
    pub(super) fn begin(&mut self) {
        self.header = Some(Arc::new(self.next.clone()));
    }

    /// Where the row ends whose first line, with its line feed, is the first `line` bytes of `rest`. It starts at
    /// `offset` of the source.
    pub(super) fn row(
        &mut self,
        rest: &[u8],
        line: usize,
        offset: u64,
        max_frame: usize,
        at_end: bool,
    ) -> Row {
        let Some(separator) = self.next.spans_lines() else {
            return Row::Line;
        };
        if offset < self.lines_until || memchr::memchr(b'"', &rest[..line]).is_none() {
            return Row::Line;
        }
        let limit = RECORD_BYTES.min(max_frame);
        let window = &rest[..rest.len().min(limit + 1)];
        let whole = at_end && window.len() == rest.len();
        let mut span = self.span.take().unwrap_or_default();
        match span.end(window, separator, whole) {
            End::At(end) if end < line || line == rest.len() => Row::Line,
            End::At(end) if end <= limit => Row::Longer(end),
            End::Unfinished if window.len() <= limit && !at_end => {
                self.span = Some(span);
                Row::Unfinished
            }
            _ => {
                self.lines_until = offset.saturating_add(limit as u64);
                Row::Line
            }
        }
    }

    /// What follows may be long in coming: a row whose quotes are open is none. Whether there is one.
    pub(super) fn give_up_quotes(&mut self, offset: u64) -> bool {
        let open = self.span.take().is_some();
        if open {
            self.lines_until = offset.saturating_add(RECORD_BYTES as u64);
        }
        open
    }

    /// Whether the beginning of `line`, which is too long, means nothing alone.
    pub(super) fn refuses_long(&self, line: &[u8]) -> bool {
        match self.next {
            TableHeader::Zeek(_) => true,
            TableHeader::Rows(_) => self.next.is_header_line(&line[..line.len().min(1)]),
        }
    }
}
