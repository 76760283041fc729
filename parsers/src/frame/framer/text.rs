//! Lines, records of several, and rows of tables.

use super::{Framer, Mode};
use crate::formats::table::{self, TableHeader};
use crate::frame::records::{self, Records, zeroes};
use crate::frame::tables::{Row, Table};

impl Framer {
    /// Emits the record whose end is not certain, if all lines of it that have come are whole.
    pub(super) fn flush_records(&mut self) {
        // Half a line decides nothing.
        let rest = &self.buffer[self.cursor..];
        if matches!(self.mode, Mode::Text)
            && (memchr::memchr(b'\n', rest).is_some() || rest.last() == Some(&0))
            && self.look_at_text(true, false)
        {
            self.advance(false);
        }
        if let Mode::Records(records) = &mut self.mode {
            let (record, cursor) = records.flush(self.cursor);
            self.cursor = cursor;
            if let Some(record) = record {
                self.emit(record.start, record.end);
            }
        }
        let offset = self.offset(self.cursor);
        if let Mode::Table(table) = &mut self.mode
            && table.give_up_quotes(offset)
        {
            self.advance(false);
        }
    }

    /// Decides whether text is a table, records of several lines, or lines; `false` if more bytes are needed to tell.
    /// `settle`: no more may come for long; `at_end`: no more come. Only the latter makes a header alone a line.
    pub(super) fn look_at_text(&mut self, settle: bool, at_end: bool) -> bool {
        let text = &self.buffer[self.cursor..];
        if self.options.format.is_none() {
            match table::identify(text, at_end) {
                None => return false,
                Some(Some(header)) => {
                    self.mode = Mode::Table(Table::new(TableHeader::Rows(header)));
                    return true;
                }
                Some(None) => {}
            }
        }
        let Some(kind) = records::identify(text, settle) else {
            return false;
        };
        self.mode = match kind {
            Some(kind) => Mode::Records(Records::new(kind, self.options.max_frame)),
            None => Mode::Lines,
        };
        true
    }

    /// The next line from the cursor, which then stands behind it. `None`: its end is not there yet.
    fn next_line(&mut self, at_end: bool) -> Option<(usize, usize)> {
        loop {
            let from = self.searched.max(self.cursor);
            let found = memchr::memchr(b'\n', &self.buffer[from..]).map(|at| from + at);
            let start = self.cursor;
            let end = match found {
                Some(end) => end,
                None => {
                    self.searched = self.buffer.len();
                    // A log that was cut off while its writer kept its place starts with a hole of zeroes, of any
                    // size.
                    self.cursor += zeroes(&self.buffer[start..]);
                    let start = self.cursor;
                    if self.skipping {
                        self.cursor = self.buffer.len();
                        return None;
                    }
                    if self.buffer.len() - start > self.options.max_frame {
                        self.cursor = self.buffer.len();
                        self.skipping = true;
                        self.long_line(start);
                        return None;
                    }
                    if !at_end || start == self.buffer.len() {
                        return None;
                    }
                    self.buffer.len()
                }
            };
            self.cursor = (end + 1).min(self.buffer.len());
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let start = start + zeroes(&self.buffer[start..end]);
            if end - start > self.options.max_frame {
                self.long_line(start);
                continue;
            }
            return Some((start, self.without_end(start, end)));
        }
    }

    /// Where a line ends without what ends it.
    fn without_end(&self, start: usize, end: usize) -> usize {
        let line = &self.buffer[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A hole at the end is space that was allocated ahead.
        let behind = line.iter().rev().take_while(|byte| **byte == 0).count();
        start + line.len() - behind
    }

    /// Keeps the beginning of a line that is too long where it means something alone, and refuses it elsewhere.
    fn long_line(&mut self, start: usize) {
        match &self.mode {
            Mode::Auditd(_) => self.refuse_long(start),
            Mode::Table(table) if table.refuses_long(&self.buffer[start..]) => self.refuse_long(start),
            Mode::Table(_) => {
                let start = self.begin_row(start);
                self.emit_beginning(start);
            }
            _ => self.emit_beginning(start),
        }
    }

    /// Emits as much as a frame may hold of the line at `start`, which is longer.
    fn emit_beginning(&mut self, start: usize) {
        let length = records::whole_characters(&self.buffer[start..], self.options.max_frame);
        self.emit_span(start, start + length, true);
    }

    pub(super) fn advance_lines(&mut self, at_end: bool) {
        while let Some((start, end)) = self.next_line(at_end) {
            let line = &self.buffer[start..end];
            if line.trim_ascii().is_empty() {
                continue;
            }
            match &mut self.mode {
                Mode::Auditd(assembler) => {
                    let mut done = Vec::new();
                    let offset = self.base + start as u64;
                    assembler.push(line, offset, &mut done);
                    self.emit_made(done);
                }
                _ => self.emit(start, end),
            }
        }
    }

    pub(super) fn advance_table(&mut self, at_end: bool) {
        while let Some((start, end)) = self.next_line(at_end) {
            let offset = self.offset(start);
            let line = &self.buffer[start..end];
            let Mode::Table(table) = &mut self.mode else {
                return;
            };
            if line.trim_ascii().is_empty() || table.takes(line) {
                continue;
            }
            let rest = &self.buffer[start..];
            let row = table.row(rest, self.cursor - start, offset, self.options.max_frame, at_end);
            let end = match row {
                Row::Line => end,
                Row::Longer(length) => {
                    self.cursor = (start + length + 1).min(self.buffer.len());
                    self.without_end(start, start + length)
                }
                Row::Unfinished => {
                    self.cursor = start;
                    return;
                }
            };
            let length = end - start;
            let start = self.begin_row(start);
            self.emit(start, start + length);
        }
    }

    /// Closes the block if another header holds for the row at `start`. Where the row starts then: the buffer may move.
    fn begin_row(&mut self, start: usize) -> usize {
        let offset = self.offset(start);
        let another = match &mut self.mode {
            Mode::Table(table) => table.begins_another(),
            _ => false,
        };
        if another {
            self.cut();
            if let Mode::Table(table) = &mut self.mode {
                table.begin();
            }
        }
        (offset - self.base) as usize
    }

    /// Moves behind the next `end`; `false` if it is not there yet.
    pub(super) fn skip_behind(&mut self, end: u8) -> bool {
        let rest = &self.buffer[self.cursor..];
        let found = memchr::memchr(end, rest);
        self.cursor += found.map_or(rest.len(), |at| at + 1);
        found.is_some()
    }

    pub(super) fn advance_records(&mut self, at_end: bool) {
        loop {
            let Mode::Records(records) = &self.mode else {
                return;
            };
            if self.skipping && !self.skip_behind(records.end_byte()) {
                return;
            }
            self.skipping = false;
            let (view, ends) = self.view(at_end);
            let Mode::Records(records) = &mut self.mode else {
                return;
            };
            let before = self.cursor;
            // What is counted may be longer than a frame: then its beginning is one.
            let (mut record, mut cursor) = match records.next_counted(&self.buffer, before, at_end) {
                Some(found) => found,
                None => records.next(&self.buffer[..view], before, ends),
            };
            let long =
                record.is_none() && !records.waits() && view.saturating_sub(cursor) > self.options.max_frame;
            if long {
                // The line that does not end here is the next record's, if there are others before it.
                (record, cursor) = records.flush(cursor);
                record = record.map(|record| records::Record { cut: true, ..record });
                records.forget();
            }
            self.cursor = cursor;
            match record {
                Some(record) => self.emit_span(record.start, record.end, record.cut),
                None if long => {
                    self.cursor = view;
                    self.skipping = true;
                    self.emit_beginning(cursor);
                }
                // There may be more to look at from the new cursor.
                None if cursor > before => {}
                None => return,
            }
        }
    }
}
