//! The framer: bytes in any pieces in, blocks of whole frames out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::documents::{Documents, Found};
use super::identify::{EVTX_CHUNK_MAGIC, EVTX_HEADER_BYTES, framing_of, identify};
use super::records::{self, Records};
use super::xml::{Element, Elements};
use super::{
    BLOCK_REJECT_BYTES, FrameBlock, FrameOptions, FrameSpan, Framing, REJECT_BYTES, RejectRecord, Source,
    place,
};
use crate::formats::auditd::{Assembled, Assembler};
use crate::formats::netflow::{Packet, Packets};
use crate::formats::zeek::ZeekHeader;
use crate::formats::{Format, Reject};
use crate::input::{Chunk, pool};

/// Cuts one source into frames.
///
/// [`push`](Framer::push) takes bytes, [`pop`](Framer::pop) gives full blocks; [`flush`](Framer::flush)
/// makes a block of the whole frames at hand, [`finish`](Framer::finish) one of everything that is left.
///
/// *Invariants*: the frames do not depend on how the bytes were cut into chunks. Memory is bounded by a
/// block, a chunk and the longest allowed frame.
///
/// ```
/// use std::sync::Arc;
/// use borzoi_parsers::frame::{FrameOptions, Framer, Source};
/// use borzoi_parsers::input::Chunk;
/// let source = Arc::new(Source { path: "-".into(), reference_time: 0 });
/// let mut framer = Framer::new(source, FrameOptions::default());
/// framer.push(Chunk { offset: 0, bytes: b"{\"a\":1}\n{\"b\"".to_vec() });
/// framer.push(Chunk { offset: 12, bytes: b":2}\n".to_vec() });
/// framer.finish();
/// let block = framer.pop().expect("two frames");
/// assert_eq!(block.frame(block.frames[1]), b"{\"b\":2}");
/// ```
pub struct Framer {
    // What never changes.
    source: Arc<Source>,
    options: FrameOptions,
    /// Frames of a block at most; see [`FrameOptions::batch_rows`].
    block_frames: usize,
    // The bytes at hand.
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte in the source.
    base: u64,
    /// Where the block under construction starts in the buffer.
    start: usize,
    /// Everything before it is framed, refused or nothing.
    cursor: usize,
    /// No line ends between the cursor and here.
    searched: usize,
    /// Inside a record that is too long: its end is still to come.
    skipping: bool,
    mode: Mode,
    // The block under construction.
    frames: Vec<FrameSpan>,
    /// Bytes of frames that are no piece of the source.
    made: Vec<u8>,
    rejects: Vec<RejectRecord>,
    /// Bytes that `rejects` keep.
    reject_bytes: usize,
    place: Option<u64>,
    sequence: u64,
    ready: VecDeque<FrameBlock>,
}

enum Mode {
    Unknown,
    /// Text, in lines or in records of several.
    Text,
    Lines,
    Records(Records),
    Json(Documents),
    Xml(Elements),
    Evtx {
        header_read: bool,
    },
    Auditd(Assembler),
    Netflow(Packets),
    Zeek {
        next: ZeekHeader,
        header: Option<Arc<ZeekHeader>>,
    },
}

/// A buffer with this much in it is going to hold a whole block.
const GROWS_IN_BULK: usize = 1 << 20;

const EVTX_CHUNK_BYTES: usize = 64 << 10;
/// Records that an EVTX chunk holds, as far as the size of blocks is concerned.
const EVTX_CHUNK_RECORDS: usize = 100;

impl Framer {
    /// A framer at the beginning of `source`.
    pub fn new(source: Arc<Source>, options: FrameOptions) -> Self {
        let mut framer = Framer {
            source,
            block_frames: options.batch_rows.max(1),
            buffer: Vec::new(),
            base: 0,
            start: 0,
            cursor: 0,
            searched: 0,
            skipping: false,
            mode: Mode::Unknown,
            frames: Vec::new(),
            made: Vec::new(),
            rejects: Vec::new(),
            reject_bytes: 0,
            place: None,
            sequence: 0,
            ready: VecDeque::new(),
            options,
        };
        if let Some(format) = framer.options.format {
            framer.set_mode(framing_of(format));
            if matches!(format, Format::Syslog | Format::ErrorLog) {
                framer.mode = Mode::Text;
            }
        }
        framer
    }

    fn set_mode(&mut self, framing: Framing) {
        self.mode = match framing {
            Framing::Lines => Mode::Lines,
            Framing::Json => Mode::Json(Documents::default()),
            Framing::Xml => Mode::Xml(Elements::default()),
            Framing::Auditd => Mode::Auditd(Assembler::new()),
            Framing::Netflow => Mode::Netflow(Packets::default()),
            Framing::Zeek => Mode::Zeek {
                next: ZeekHeader::default(),
                header: None,
            },
            Framing::Evtx => {
                self.block_frames = (self.options.batch_rows / EVTX_CHUNK_RECORDS).max(1);
                Mode::Evtx { header_read: false }
            }
        };
    }

    fn framing(&self) -> Framing {
        match self.mode {
            Mode::Unknown | Mode::Text | Mode::Lines | Mode::Records(_) => Framing::Lines,
            Mode::Json(_) => Framing::Json,
            Mode::Xml(_) => Framing::Xml,
            Mode::Evtx { .. } => Framing::Evtx,
            Mode::Auditd(_) => Framing::Auditd,
            Mode::Netflow(_) => Framing::Netflow,
            Mode::Zeek { .. } => Framing::Zeek,
        }
    }

    /// What is read from now on was written before this time, microseconds since the epoch: for a source that
    /// goes on for days. See [`Source::reference_time`].
    pub fn set_reference_time(&mut self, micros: i64) {
        self.source = Arc::new(Source {
            reference_time: micros,
            ..Source::clone(&self.source)
        });
    }

    /// Takes the next bytes of the source.
    pub fn push(&mut self, chunk: Chunk) {
        self.let_go();
        if self.buffer.is_empty() {
            self.base = chunk.offset;
            pool::give(std::mem::replace(&mut self.buffer, chunk.bytes));
        } else {
            self.buffer.extend_from_slice(&chunk.bytes);
            pool::give(chunk.bytes);
        }
        self.advance(false);
    }

    /// Takes the next bytes of the source from `read`, which appends them to a buffer and says where they start in the
    /// source. `false`: it had none.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn fill<E>(&mut self, read: impl FnOnce(&mut Vec<u8>) -> Result<Option<u64>, E>) -> Result<bool, E> {
        self.let_go();
        let was_empty = self.buffer.is_empty();
        let Some(offset) = read(&mut self.buffer)? else {
            return Ok(false);
        };
        if was_empty {
            self.base = offset;
        }
        self.advance(false);
        Ok(true)
    }

    /// Forgets what is no longer needed of the bytes at hand, before more come.
    fn let_go(&mut self) {
        // What is skipped (empty lines, the rest of a record that is too long) ends no frame, but must not
        // pile up behind the block's last one.
        if self.made.is_empty() && self.cursor.saturating_sub(self.start) >= self.options.block_bytes {
            self.cut();
        }
        if self.frames.is_empty() || !self.made.is_empty() {
            self.start = self.cursor;
        }
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.cursor = 0;
            self.searched = 0;
            return;
        }
        self.drop_used();
        if self.buffer.len() >= GROWS_IN_BULK {
            // Room for a block and what comes behind it at once, instead of by doubling.
            let block = self.options.block_bytes.saturating_add(2 * GROWS_IN_BULK);
            self.buffer.reserve(block.saturating_sub(self.buffer.len()));
        }
    }

    /// Forgets the bytes before the block under construction.
    fn drop_used(&mut self) {
        let used = std::mem::take(&mut self.start);
        if used == 0 {
            return;
        }
        self.buffer.drain(..used);
        self.base += used as u64;
        self.cursor -= used;
        self.searched = self.searched.saturating_sub(used);
        if self.made.is_empty() {
            for span in &mut self.frames {
                span.start -= used;
                span.end -= used;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Makes a block of the whole frames at hand. `idle`: the source is silent, so that audit events and records of
    /// several lines whose end can only be guessed are taken as complete.
    pub fn flush(&mut self, idle: bool) {
        if idle {
            self.flush_records();
            self.flush_assembler();
        }
        self.cut();
    }

    /// The source has ended: makes a block of what is left.
    pub fn finish(&mut self) {
        self.advance(true);
        self.flush_assembler();
        self.cut();
    }

    /// Emits the record whose end is not certain, if all lines of it that have come are whole.
    fn flush_records(&mut self) {
        // Half a line decides nothing.
        let rest = &self.buffer[self.cursor..];
        if matches!(self.mode, Mode::Text)
            && (memchr::memchr(b'\n', rest).is_some() || rest.last() == Some(&0))
        {
            self.look_at_text(true);
            self.advance(false);
        }
        if let Mode::Records(records) = &mut self.mode {
            let (record, cursor) = records.flush(self.cursor);
            self.cursor = cursor;
            if let Some(record) = record {
                self.emit(record.start, record.end);
            }
        }
    }

    fn flush_assembler(&mut self) {
        if let Mode::Auditd(assembler) = &mut self.mode {
            let mut done = Vec::new();
            assembler.flush(&mut done);
            self.emit_made(done);
        }
    }

    /// The next finished block.
    pub fn pop(&mut self) -> Option<FrameBlock> {
        self.ready.pop_front()
    }

    fn advance(&mut self, at_end: bool) {
        if let Mode::Unknown = self.mode {
            match identify(&self.buffer[self.cursor..], at_end) {
                Some(Framing::Lines) => self.mode = Mode::Text,
                Some(framing) => self.set_mode(framing),
                None => return,
            }
        }
        if let Mode::Text = self.mode
            && !self.look_at_text(at_end)
        {
            return;
        }
        match self.mode {
            Mode::Unknown | Mode::Text | Mode::Lines | Mode::Auditd(_) | Mode::Zeek { .. } => {
                self.advance_lines(at_end);
            }
            Mode::Records(_) => self.advance_records(at_end),
            Mode::Json(_) => self.advance_documents(at_end),
            Mode::Xml(_) => self.advance_elements(at_end),
            Mode::Evtx { .. } => self.advance_chunks(at_end),
            Mode::Netflow(_) => self.advance_packets(at_end),
        }
    }

    /// Decides whether text is lines or records of several; `false` if more bytes are needed to tell.
    fn look_at_text(&mut self, at_end: bool) -> bool {
        let Some(kind) = records::identify(&self.buffer[self.cursor..], at_end) else {
            return false;
        };
        self.mode = match kind {
            Some(kind) => Mode::Records(Records::new(kind, self.options.max_frame)),
            None => Mode::Lines,
        };
        true
    }

    fn offset(&self, position: usize) -> u64 {
        self.base + position as u64
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
            let line = &self.buffer[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // A hole at the end is space that was allocated ahead.
            let behind = line.iter().rev().take_while(|byte| **byte == 0).count();
            return Some((start, start + line.len() - behind));
        }
    }

    /// Keeps the beginning of a line that is too long where it means something alone, and refuses it elsewhere.
    fn long_line(&mut self, start: usize) {
        match self.mode {
            Mode::Auditd(_) | Mode::Zeek { .. } => self.refuse_long(start),
            _ => self.emit_beginning(start),
        }
    }

    /// Emits as much as a frame may hold of the line at `start`, which is longer.
    fn emit_beginning(&mut self, start: usize) {
        let mut end = start + self.options.max_frame;
        // Not inside a character.
        while end > start && self.buffer[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        self.emit_span(start, end, true);
    }

    fn refuse_long(&mut self, start: usize) {
        let end = self
            .buffer
            .len()
            .min(start + REJECT_BYTES.min(self.options.max_frame));
        let detail = format!("longer than {} bytes", self.options.max_frame);
        let reject = Reject::new("frame_too_long", detail);
        let record = RejectRecord::new(&self.source, self.offset(start), reject, &self.buffer[start..end]);
        self.keep(RejectRecord {
            length: self.options.max_frame as u64 + 1,
            ..record
        });
    }

    fn refuse(&mut self, start: usize, end: usize, reject: Reject) {
        let record = RejectRecord::new(&self.source, self.offset(start), reject, &self.buffer[start..end]);
        self.keep(record);
    }

    fn keep(&mut self, record: RejectRecord) {
        self.reject_bytes += record.raw.len();
        self.rejects.push(record);
        // Refused records count like frames, so that noise alone cannot fill the memory.
        if self.rejects.len() >= self.block_frames.max(1024) || self.reject_bytes >= BLOCK_REJECT_BYTES {
            self.cut();
        }
    }

    fn advance_lines(&mut self, at_end: bool) {
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
                Mode::Zeek { next, .. } if line.starts_with(b"#") => {
                    let line = String::from_utf8_lossy(line);
                    if ZeekHeader::is_header_line(&line) {
                        next.push(&line);
                        self.cut();
                        if let Mode::Zeek { header, .. } = &mut self.mode {
                            *header = None;
                        }
                    } else {
                        self.emit(start, end);
                    }
                }
                Mode::Zeek { next, header } => {
                    if header.is_none() {
                        *header = Some(Arc::new(next.clone()));
                    }
                    self.emit(start, end);
                }
                _ => self.emit(start, end),
            }
        }
    }

    fn advance_records(&mut self, at_end: bool) {
        loop {
            if self.skipping && !self.skip_line() {
                return;
            }
            self.skipping = false;
            let (view, ends) = self.view(at_end);
            let Mode::Records(records) = &mut self.mode else {
                return;
            };
            let before = self.cursor;
            let (mut record, mut cursor) = records.next(&self.buffer[..view], before, ends);
            let long = record.is_none() && view - cursor > self.options.max_frame;
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

    fn emit(&mut self, start: usize, end: usize) {
        self.emit_span(start, end, false);
    }

    fn emit_span(&mut self, start: usize, end: usize, truncated: bool) {
        if self.frames.is_empty() {
            self.start = start;
            self.place
                .get_or_insert_with(|| place(&self.options.tenant, &self.buffer[start..end]));
        }
        self.frames.push(FrameSpan {
            start,
            end,
            offset: self.base + start as u64,
            truncated,
        });
        if self.frames.len() >= self.block_frames || end - self.start >= self.options.block_bytes {
            self.cut();
        }
    }

    fn emit_made(&mut self, events: Vec<Assembled>) {
        for event in events {
            let start = self.made.len();
            self.made.extend_from_slice(&event.frame);
            self.place
                .get_or_insert_with(|| place(&self.options.tenant, &event.frame));
            self.frames.push(FrameSpan {
                start,
                end: self.made.len(),
                offset: event.offset,
                truncated: false,
            });
            if self.frames.len() >= self.block_frames || self.made.len() >= self.options.block_bytes {
                self.cut();
            }
        }
    }

    /// The end of what may be looked at from the cursor, and whether the source ends there. One byte more
    /// than the longest frame: a frame that has not ended by then is too long, however much of it is here
    /// (and even if the source ends with that byte: that may not be known yet).
    fn view(&self, at_end: bool) -> (usize, bool) {
        let end = self.buffer.len().min(
            self.cursor
                .saturating_add(self.options.max_frame)
                .saturating_add(1),
        );
        let fits = end - self.cursor <= self.options.max_frame;
        (end, at_end && fits && end == self.buffer.len())
    }

    /// Refuses what is between the cursor and `view` as too long, if it is.
    fn too_long(&mut self, view: usize) -> bool {
        let long = view - self.cursor > self.options.max_frame;
        if long {
            // First the cursor: refusing may close a block and with it move the buffer.
            let start = std::mem::replace(&mut self.cursor, view);
            self.refuse_long(start);
        }
        long
    }

    /// Moves behind the next line feed; `false` if it is not there yet.
    fn skip_line(&mut self) -> bool {
        let rest = &self.buffer[self.cursor..];
        let feed = memchr::memchr(b'\n', rest);
        self.cursor += feed.map_or(rest.len(), |feed| feed + 1);
        feed.is_some()
    }

    fn advance_documents(&mut self, at_end: bool) {
        loop {
            if self.skipping && !self.skip_line() {
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

    fn advance_elements(&mut self, at_end: bool) {
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

    fn advance_chunks(&mut self, at_end: bool) {
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

    fn advance_packets(&mut self, at_end: bool) {
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

    /// The bytes of the block under construction, which ends at `end`.
    fn take_block(&mut self, frames: &mut [FrameSpan], end: usize) -> Vec<u8> {
        if frames.is_empty() {
            return Vec::new();
        }
        let left = self.buffer.len() - end;
        if left <= end - self.start {
            // Less is left than goes: the buffer goes, what is left starts a new one of the same size.
            let mut rest = pool::take(self.buffer.capacity());
            rest.clear();
            rest.extend_from_slice(&self.buffer[end..]);
            self.base += end as u64;
            self.start = 0;
            self.cursor -= end;
            self.searched = self.searched.saturating_sub(end);
            return std::mem::replace(&mut self.buffer, rest);
        }
        let start = std::mem::replace(&mut self.start, end);
        for span in frames {
            span.start -= start;
            span.end -= start;
        }
        self.buffer[start..end].to_vec()
    }

    /// Closes the block under construction, if there is anything in it.
    fn cut(&mut self) {
        if self.frames.is_empty() && self.rejects.is_empty() {
            return;
        }
        let mut frames = std::mem::take(&mut self.frames);
        let bytes = if self.made.is_empty() {
            let end = frames.last().map_or(self.start, |span| span.end);
            self.take_block(&mut frames, end)
        } else {
            std::mem::take(&mut self.made)
        };
        let header = match &self.mode {
            Mode::Zeek { header, .. } => header.clone(),
            _ => None,
        };
        self.ready.push_back(FrameBlock {
            source: self.source.clone(),
            place: self.place.unwrap_or_default(),
            sequence: self.sequence,
            framing: self.framing(),
            header,
            bytes,
            frames,
            rejects: std::mem::take(&mut self.rejects),
        });
        self.reject_bytes = 0;
        self.sequence += 1;
    }
}

/// How many zero bytes `bytes` starts with.
pub(super) fn zeroes(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == 0).count()
}

/// Whether there are zero bytes only. Logs are allocated far ahead: this looks at more bytes than all else here, many at
/// once.
fn is_blank(bytes: &[u8]) -> bool {
    bytes
        .chunks(256)
        .all(|part| part.iter().fold(0, |any, byte| any | byte) == 0)
}
