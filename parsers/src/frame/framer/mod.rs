//! The framer: bytes in any pieces in, blocks of whole frames out.
//!
//! Here is what comes in, what goes out and what is kept in between; how each kind of source is cut is in [`text`] and
//! [`structured`].

mod structured;
mod text;

use std::collections::VecDeque;
use std::sync::Arc;

use super::documents::Documents;
use super::identify::{framing_of, identify};
use super::records::Records;
use super::tables::Table;
use super::xml::Elements;
use super::{
    BLOCK_REJECT_BYTES, FrameBlock, FrameOptions, FrameSpan, Framing, REJECT_BYTES, RejectRecord, Source,
    place,
};
use crate::formats::auditd::{Assembled, Assembler};
use crate::formats::netflow::Packets;
use crate::formats::table::{RowsHeader, TableHeader};
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
/// let source = Arc::new(Source { path: "-".into(), reference_time: 0, ..Source::default() });
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
    Table(Table),
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
            match format {
                Format::Syslog | Format::ErrorLog => framer.mode = Mode::Text,
                // Only its first bytes show what kind of table it is.
                Format::Csv => framer.mode = Mode::Unknown,
                _ => {}
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
            Framing::Zeek => Mode::Table(Table::new(TableHeader::Zeek(ZeekHeader::default()))),
            Framing::Table => Mode::Table(Table::new(TableHeader::Rows(RowsHeader::w3c()))),
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
            Mode::Table(ref table) => table.framing(),
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
        // A block that is nearly full goes now: later, what comes next would have to be taken from behind it. Nor must what
        // is skipped (empty lines, the rest of a record that is too long), which ends no frame, pile up behind the last one.
        let nearly = self.options.block_bytes - self.options.block_bytes / 4;
        if self.made.is_empty() && self.cursor.saturating_sub(self.start) >= nearly {
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
            let found = identify(&self.buffer[self.cursor..], at_end);
            let is_table = self.options.format == Some(Format::Csv);
            match found {
                Some(framing) if is_table && !matches!(framing, Framing::Table | Framing::Zeek) => {
                    self.mode = Mode::Table(Table::new(TableHeader::Rows(RowsHeader::awaited())));
                }
                Some(Framing::Lines) => self.mode = Mode::Text,
                Some(framing) => self.set_mode(framing),
                None => return,
            }
        }
        if let Mode::Text = self.mode
            && !self.look_at_text(at_end, at_end)
        {
            return;
        }
        match self.mode {
            Mode::Unknown | Mode::Text | Mode::Lines | Mode::Auditd(_) => self.advance_lines(at_end),
            Mode::Table(_) => self.advance_table(at_end),
            Mode::Records(_) => self.advance_records(at_end),
            Mode::Json(_) => self.advance_documents(at_end),
            Mode::Xml(_) => self.advance_elements(at_end),
            Mode::Evtx { .. } => self.advance_chunks(at_end),
            Mode::Netflow(_) => self.advance_packets(at_end),
        }
    }

    fn offset(&self, position: usize) -> u64 {
        self.base + position as u64
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
                truncated: event.truncated,
            });
            if self.frames.len() >= self.block_frames || self.made.len() >= self.options.block_bytes {
                self.cut();
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
            Mode::Table(table) => table.header(),
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
