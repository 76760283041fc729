//! Where one event ends and the next begins.
//!
//! Framing is sequential: it turns the chunks of a source into [`FrameBlock`]s, each with whole frames
//! only, which can then be decoded on any thread in any order. Whatever a frame's meaning needs from
//! earlier bytes (a Zeek header, the other records of an audit event) is resolved here.

use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// One input stream.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as the user gave it (members of a folder: with the folder in front), or `-`.
    pub path: Arc<str>,
    /// When the file was last modified; the time of reading for a stream. Microseconds since the epoch.
    /// Stands in for the time of events that have none, and dates timestamps without a year.
    pub reference_time: i64,
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
    let check = xxh3_64_with_seed(frame, u64::from(index) ^ (offset >> 40)) as u32;
    let place = u128::from(place & 0x00ff_ffff_ffff_ffff);
    let offset = u128::from(offset & 0x00ff_ffff_ffff);
    (place << 72) | (offset << 32) | u128::from(check)
}

/// The place of a source's events: see [`event_id`].
pub fn place(tenant: &str, first_frame: &[u8]) -> u64 {
    xxh3_64_with_seed(first_frame, xxh3_64(tenant.as_bytes()))
}
