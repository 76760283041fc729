//! Where one event ends and the next begins.
//!
//! Framing is sequential: it turns the chunks of a source into [`FrameBlock`]s, each with whole frames
//! only, which can then be decoded on any thread in any order. Whatever a frame's meaning needs from
//! earlier bytes (a Zeek header, the other records of an audit event) is resolved here.

mod check;
mod documents;
mod framer;
mod identify;
mod json;
mod reader;
mod records;
mod tables;
mod xml;

use std::net::IpAddr;
use std::sync::Arc;

pub use framer::Framer;
pub use reader::{BlockReader, Read};

use crate::formats::table::TableHeader;
use crate::formats::{Format, Reject};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// One input stream.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as the user gave it (members of a folder: with the folder in front), or `-`.
    pub path: Arc<str>,
    /// When the file was last modified; the time of reading (to the minute) for a stream. Microseconds since the
    /// epoch.
    /// Stands in for the time of events that have none, and dates timestamps without a year.
    pub reference_time: i64,
    /// Who sends it; nothing for a file.
    pub peer: Peer,
}

impl Default for Source {
    /// Standard input, read at the epoch.
    fn default() -> Self {
        Source {
            path: Arc::from("-"),
            reference_time: 0,
            peer: Peer::default(),
        }
    }
}

/// Who sends a stream, and where it comes in: what [pins](crate::pins) can look at beside its path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Address of the sender: a device, an exporter of flows, a relay.
    pub address: Option<IpAddr>,
    /// The port of ours that it sends to.
    pub port: Option<u16>,
}

/// One frame of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSpan {
    /// Start in the block's bytes.
    pub start: usize,
    /// End in the block's bytes.
    pub end: usize,
    /// Offset of the frame's first byte in the decompressed source (EVTX: the record number).
    pub offset: u64,
    /// It goes on in the source; a line or record of text that was too long.
    pub truncated: bool,
}

/// How frames are cut; see [`Framer`].
#[derive(Debug, Clone)]
pub struct FrameOptions {
    /// The format, if the user says so; otherwise the first bytes of a source decide.
    pub format: Option<Format>,
    /// Frames of a block at most. An EVTX frame is a chunk of about a hundred records, counted as such.
    pub batch_rows: usize,
    /// A block is closed when it reaches this many bytes.
    pub block_bytes: usize,
    /// A longer frame is refused; of a longer line of text, this much is kept and marked.
    pub max_frame: usize,
    /// Whose events they are: part of every event's identity.
    pub tenant: Arc<str>,
}

impl Default for FrameOptions {
    fn default() -> Self {
        FrameOptions {
            format: None,
            batch_rows: 8192,
            block_bytes: 4 << 20,
            max_frame: 64 << 20,
            tenant: Arc::from("default"),
        }
    }
}

/// What the frames of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Lines of text, or records of several.
    Lines,
    /// JSON documents: one a line, in a row, or the elements of an array.
    Json,
    /// `<Event>` elements.
    Xml,
    /// EVTX chunks.
    Evtx,
    /// The records of one audit event, joined by line feeds.
    Auditd,
    /// Lines of a Zeek log under a header.
    Zeek,
    /// Rows of another table under a header.
    Table,
    /// Sets of flow records, each with its template; see [`crate::formats::Format::Netflow`].
    Netflow,
}

/// Whole frames of one source, to be decoded together.
///
/// *Invariants*: spans lie inside `bytes`, in the order of the source, and do not overlap.
#[derive(Debug, Clone)]
pub struct FrameBlock {
    /// Where the frames were read.
    pub source: Arc<Source>,
    /// See [`place`].
    pub place: u64,
    /// Number of the block within its source, from 0.
    pub sequence: u64,
    /// What the frames are.
    pub framing: Framing,
    /// The header that holds for all frames, if they are rows of a table.
    pub header: Option<Arc<TableHeader>>,
    /// The frames' bytes.
    pub bytes: Vec<u8>,
    /// The frames.
    pub frames: Vec<FrameSpan>,
    /// What could not be cut into frames.
    pub rejects: Vec<RejectRecord>,
}

impl FrameBlock {
    /// The bytes of a frame.
    pub fn frame(&self, span: FrameSpan) -> &[u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }
}

/// A record that became no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectRecord {
    /// Path of the source, or `-`.
    pub path: Arc<str>,
    /// Offset of the frame; for EVTX the record number, or the chunk's offset if there is none.
    pub offset: u64,
    /// Stable word for counting, see [`Reject`].
    pub reason: &'static str,
    /// What exactly.
    pub detail: String,
    /// Length of the whole record in bytes; of one that is too long, how far it had been read when it was
    /// given up.
    pub length: u64,
    /// The record, or its beginning: [`REJECT_BYTES`] at most, and see [`BLOCK_REJECT_BYTES`].
    pub raw: Vec<u8>,
}

/// Bytes kept of a rejected record.
pub const REJECT_BYTES: usize = 64 << 10;

/// Bytes kept of all rejected records of a block, or as many as the block itself has, whichever is more.
///
/// The framer closes a block that reaches it, so that nothing is lost there, and a refused frame is part of its
/// block's bytes. Only what an EVTX record is rendered to can be longer than the record; rejects past the limit
/// have an empty `raw`.
pub const BLOCK_REJECT_BYTES: usize = 1 << 20;

impl RejectRecord {
    /// The record of a [`Reject`].
    pub fn new(source: &Source, offset: u64, reject: Reject, raw: &[u8]) -> Self {
        RejectRecord {
            path: source.path.clone(),
            offset,
            reason: reject.reason,
            detail: reject.detail,
            length: raw.len() as u64,
            raw: raw[..raw.len().min(REJECT_BYTES)].to_vec(),
        }
    }
}

/// The 128-bit identity of an event: the same for the same bytes from the same place.
///
/// From the top: 56 bits that name the place (a hash of `tenant` and of the source's first data frame, so
/// that a renamed, copied or compressed file is recognised, and a growing one stays the same), 40 bits of
/// offset, 32 bits of a hash over the frame's bytes. `index` counts the events of one frame from 0. Ids
/// of neighbours share a prefix, which is why they take little room in Parquet.
///
/// ```
/// use borzoi_parsers::frame::{event_id, place};
/// let here = place("default", b"first line");
/// assert_eq!(event_id(here, 7, 0, b"x"), event_id(here, 7, 0, b"x"));
/// assert_ne!(event_id(here, 7, 0, b"x"), event_id(here, 7, 0, b"y"));
/// assert_ne!(event_id(here, 7, 0, b"x"), event_id(here, 8, 0, b"x"));
/// assert_ne!(event_id(here, 7, 0, b"x"), event_id(place("other", b"first line"), 7, 0, b"x"));
/// ```
pub fn event_id(place: u64, offset: u64, index: u32, frame: &[u8]) -> u128 {
    let check = check::check(frame, u64::from(index) ^ (offset >> 40)) as u32;
    let place = u128::from(place & 0x00ff_ffff_ffff_ffff);
    let offset = u128::from(offset & 0x00ff_ffff_ffff);
    (place << 72) | (offset << 32) | u128::from(check)
}

/// The place of a source's events: see [`event_id`].
pub fn place(tenant: &str, first_frame: &[u8]) -> u64 {
    xxh3_64_with_seed(first_frame, xxh3_64(tenant.as_bytes()))
}

#[cfg(test)]
mod tests;
