//! Documents, elements, chunks and packets.

use super::{EVTX_CHUNK_BYTES, Framer, Mode};
use crate::formats::Reject;
use crate::formats::netflow::Packet;
use crate::frame::RejectRecord;
use crate::frame::documents::Found;
use crate::frame::identify::{EVTX_CHUNK_MAGIC, EVTX_HEADER_BYTES};
use crate::frame::xml::{Element, Elements};

impl Framer {
    /// The end of what may be looked at from the cursor, and whether the source ends there. One byte more
    /// than the longest frame: a frame that has not ended by then is too long, however much of it is here
    /// (and even if the source ends with that byte: that may not be known yet).
    pub(super) fn view(&self, at_end: bool) -> (usize, bool) {
        let end = self.buffer.len().min(
            self.cursor
                .saturating_add(self.options.max_frame)
                .saturating_add(1),
        );
        let fits = end - self.cursor <= self.options.max_frame;
        (end, at_end && fits && end == self.buffer.len())
    }

    /// Refuses what is between the cursor and `view` as too long, if it is.
    pub(super) fn too_long(&mut self, view: usize) -> bool {
        let long = view - self.cursor > self.options.max_frame;
        if long {
            // First the cursor: refusing may close a block and with it move the buffer.
            let start = std::mem::replace(&mut self.cursor, view);
            self.refuse_long(start);
        }
        long
    }

    pub(super) fn advance_documents(&mut self, at_end: bool) {
        loop {
            if self.skipping && !self.skip_behind(b'\n') {
                return;
            }
            self.skipping = false;
            let (view, ends) = self.view(at_end);
            let Mode::Json(documents) = &mut self.mode else {
                return;
            };
            let before = self.cursor;
            let (found, cursor) = documents.next(&self.buffer[..view], before, ends);
            self.cursor = cursor;
            match found {
                Found::Frame(start, end) if end - start > self.options.max_frame => self.refuse_long(start),
                Found::Frame(start, end) => self.emit(start, end),
                Found::Refused(start, end, reject) => self.refuse(start, end, reject),
                // There may be more to look at from the new cursor.
                Found::Unfinished if cursor > before => {}
                Found::Unfinished => {
                    if !self.too_long(view) {
                        return;
                    }
                    self.skipping = true;
                    if let Mode::Json(documents) = &mut self.mode {
                        documents.give_up();
                    }
                }
            }
        }
    }

    pub(super) fn advance_elements(&mut self, at_end: bool) {
        loop {
            let (view, ends) = self.view(at_end);
            let Mode::Xml(elements) = &mut self.mode else {
                return;
            };
            let before = self.cursor;
            let (element, cursor) = elements.next(&self.buffer[..view], before, ends);
            self.cursor = cursor;
            match element {
                Element::Event(start, end) if end - start > self.options.max_frame => self.refuse_long(start),
                Element::Event(start, end) => self.emit(start, end),
                Element::Refused(start, end, reject) => self.refuse(start, end, reject),
                Element::Unfinished if cursor > before => {}
                Element::Unfinished => {
                    if !self.too_long(view) {
                        return;
                    }
                    if let Mode::Xml(elements) = &mut self.mode {
                        *elements = Elements::default();
                    }
                }
            }
        }
    }

    pub(super) fn advance_chunks(&mut self, at_end: bool) {
        let Mode::Evtx { header_read } = &mut self.mode else {
            return;
        };
        if !*header_read {
            let rest = &self.buffer[self.cursor..];
            if !rest.starts_with(EVTX_CHUNK_MAGIC) {
                if rest.len() < EVTX_HEADER_BYTES && !at_end {
                    return;
                }
                self.cursor += rest.len().min(EVTX_HEADER_BYTES);
            }
            *header_read = true;
        }
        loop {
            let start = self.cursor;
            let left = self.buffer.len() - start;
            if left == 0 || left < EVTX_CHUNK_BYTES && !at_end {
                return;
            }
            let end = start + left.min(EVTX_CHUNK_BYTES);
            self.cursor = end;
            let chunk = &self.buffer[start..end];
            if chunk.starts_with(EVTX_CHUNK_MAGIC) {
                self.emit(start, end);
            } else if !is_blank(chunk) {
                // Windows allocates chunks ahead: one of zeroes is empty, not damaged.
                let reject = Reject::new("evtx_bad_chunk", "no chunk starts here");
                self.refuse(start, end, reject);
            }
        }
    }

    pub(super) fn advance_packets(&mut self, at_end: bool) {
        loop {
            let Mode::Netflow(packets) = &mut self.mode else {
                return;
            };
            let start = self.cursor;
            let bytes = &self.buffer[start..];
            if bytes.is_empty() {
                break;
            }
            let mut done = Vec::new();
            let packet = packets.next(bytes, self.base + start as u64, at_end, &mut done);
            let overdue: Vec<_> = std::iter::from_fn(|| packets.overdue()).collect();
            match packet {
                Packet::Unfinished => return,
                Packet::Taken(length) => self.cursor += length,
                Packet::Refused(length, reject) => {
                    self.cursor += length;
                    self.refuse(start, start + length, reject);
                }
            }
            self.emit_made(done);
            for (offset, reject, raw) in overdue {
                self.keep(RejectRecord::new(&self.source, offset, reject, &raw));
            }
        }
        if at_end && let Mode::Netflow(packets) = &mut self.mode {
            let late: Vec<_> = packets.finish().collect();
            for (offset, reject, raw) in late {
                self.keep(RejectRecord::new(&self.source, offset, reject, &raw));
            }
        }
    }
}

/// Whether there are zero bytes only. Logs are allocated far ahead: this looks at more bytes than all else here, many at
/// once.
fn is_blank(bytes: &[u8]) -> bool {
    bytes
        .chunks(256)
        .all(|part| part.iter().fold(0, |any, byte| any | byte) == 0)
}
