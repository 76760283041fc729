//! A chunk's header, names and records.
//!
//! ```text
//!   0  "ElfChnk\0"        44  offset of the last record     128  64 offsets: table of names, by hash
//!  24  first record id    48  where free space starts       384  32 offsets: table of templates
//!  32  last record id                                       512  records
//! ```
//!
//! Neither table is used: elements refer to names and templates by their offsets, so a damaged table costs nothing.
//! A record is `2a 2a 00 00`, its length, its id, when it was written, binary XML, and its length again.

use super::cursor::{Cursor, Damage};
use super::text::{push_utf16, until_nul};

const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const CHUNK_HEADER_BYTES: usize = 512;
const RECORD_MAGIC: &[u8] = b"\x2a\x2a\0\0";
const RECORD_HEADER_BYTES: usize = 24;
/// Before a name's text: the offset of the next name of the same hash, and the hash.
pub(super) const NAME_LINK_BYTES: usize = 6;

/// A chunk whose header can be read.
pub(super) struct Chunk<'a> {
    pub(super) data: &'a [u8],
    first_id: u64,
    last_id: u64,
    last_record: usize,
    /// Where records end.
    end: usize,
}

/// A record's place in its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: u64,
    /// Its binary XML.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Why a record cannot be read.
pub(super) struct BadRecord {
    /// Its id, where that is known.
    pub(super) id: Option<u64>,
    pub(super) damage: Damage,
}

impl<'a> Chunk<'a> {
    /// The chunk in `data`.
    ///
    /// # Errors
    ///
    /// If no chunk starts there.
    pub(super) fn new(data: &'a [u8]) -> Result<Self, Damage> {
        if !data.starts_with(CHUNK_MAGIC) || data.len() < CHUNK_HEADER_BYTES {
            return Err(Damage::new("no chunk header starts here"));
        }
        let mut header = Cursor::new(data, 24)?;
        let (first_id, last_id) = (header.u64()?, header.u64()?);
        header.seek(44)?;
        let (last_record, end) = (header.u32()? as usize, header.u32()? as usize);
        Ok(Chunk {
            data,
            first_id,
            last_id,
            last_record,
            end: end.min(data.len()),
        })
    }

    /// The text of the name at `offset`.
    ///
    /// # Errors
    ///
    /// If it is cut off or no UTF-16.
    pub(super) fn name(&self, offset: u32) -> Result<String, Damage> {
        let text = self.name_units(offset)?;
        let units = text
            .as_chunks::<2>()
            .0
            .iter()
            .map(|unit| u16::from_le_bytes(*unit));
        if char::decode_utf16(units).any(|unit| unit.is_err()) {
            return Err(Damage(format!("the name at {offset:#x} is no text")));
        }
        let mut name = Vec::new();
        push_utf16(text, &mut name);
        String::from_utf8(name).map_err(|_| Damage(format!("the name at {offset:#x} is no text")))
    }

    /// The code units of the name at `offset`.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub(super) fn name_units(&self, offset: u32) -> Result<&'a [u8], Damage> {
        let mut cursor = Cursor::new(self.data, (offset as usize).saturating_add(NAME_LINK_BYTES))?;
        let text = cursor.counted_text()?;
        cursor.u16()?;
        Ok(until_nul(text))
    }

    /// The record at `at` and where it ends. `strict`: only if the copy of its length at its end agrees.
    fn record_at(&self, at: usize, strict: bool) -> Result<(Record, usize), BadRecord> {
        let unknown = |damage| BadRecord { id: None, damage };
        let mut cursor = Cursor::new(self.data, at).map_err(unknown)?;
        let header = cursor.take(RECORD_HEADER_BYTES).map_err(unknown)?;
        if !header.starts_with(RECORD_MAGIC) {
            return Err(unknown(Damage(format!(
                "no record starts at {at:#x} of the chunk"
            ))));
        }
        let mut header = Cursor { data: header, at: 4 };
        let (length, id) = (header.u32().map_err(unknown)?, header.u64().map_err(unknown)?);
        let bad = |what: String| BadRecord {
            id: Some(id),
            damage: Damage(what),
        };
        let written = header.u64().map_err(unknown)?;
        // The end of the year 9999: nothing else tells a header from noise.
        if written > 2_650_466_808_009_999_999 {
            return Err(unknown(Damage(format!(
                "the record at {at:#x} was written at no possible time"
            ))));
        }
        let Some(content) = (length as usize).checked_sub(RECORD_HEADER_BYTES + 4) else {
            return Err(unknown(Damage(format!(
                "the record at {at:#x} is too short: {length} bytes"
            ))));
        };
        let start = at + RECORD_HEADER_BYTES;
        let end = start.saturating_add(content);
        if end > self.data.len() {
            return Err(bad(format!(
                "it is {length} bytes long and reaches past the end of the chunk"
            )));
        }
        if strict && self.data.get(end..end + 4) != Some(&length.to_le_bytes()[..]) {
            return Err(bad("the two copies of its length differ".to_owned()));
        }
        Ok((Record { id, start, end }, end + 4))
    }

    /// The first place at or after `from` where a record surely starts: its two lengths agree, it ends where records
    /// end, and its id is one of the chunk's.
    fn resume(&self, mut from: usize) -> Option<usize> {
        let until = self.end.min(self.last_record.saturating_add(RECORD_MAGIC.len()));
        loop {
            let found = memchr::memmem::find(self.data.get(from..until)?, RECORD_MAGIC)?;
            let at = from + found;
            if let Ok((record, end)) = self.record_at(at, true)
                && end <= self.end
                && (self.first_id..=self.last_id).contains(&record.id)
            {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// Where the record after `record`, which lies from `at` to `end`, starts; `None` after the last one. A damaged
    /// length or id does not take the records behind it along.
    fn after(&self, record: Record, at: usize, end: usize) -> Option<usize> {
        if record.id == self.last_id {
            let last = self.record_at(self.last_record, true);
            let is_other = self.last_record > at && last.is_ok_and(|(last, _)| last.id == self.last_id);
            return is_other.then_some(end);
        }
        let agrees = self.record_at(at, true).is_ok() || self.record_at(end, true).is_ok();
        if agrees {
            Some(end)
        } else {
            self.resume(at + 1).or(Some(end))
        }
    }

    /// All records in their order.
    pub(super) fn records(&self) -> Records<'_> {
        Records {
            chunk: self,
            next: Some(CHUNK_HEADER_BYTES),
        }
    }
}

/// See [`Chunk::records`].
pub(super) struct Records<'c> {
    chunk: &'c Chunk<'c>,
    next: Option<usize>,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunk;
        let at = self.next.take().filter(|at| *at < chunk.end)?;
        match chunk.record_at(at, false) {
            Ok((record, end)) => {
                self.next = chunk.after(record, at, end);
                Some(Ok(record))
            }
            Err(bad) => {
                self.next = chunk.resume(at + 1);
                // Zeroes up to the end are free space that the header does not know of.
                let blank = chunk.data[at..].iter().take(4).all(|byte| *byte == 0)
                    || chunk.data.len() - at < RECORD_HEADER_BYTES;
                (self.next.is_some() || !blank).then_some(Err(bad))
            }
        }
    }
}
