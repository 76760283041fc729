//! Export packets one after the other: where one ends, and which template its records need.
//!
//! NetFlow 9 and IPFIX send the form of their records (templates) now and then, and records that mean nothing without.
//! That is settled here, in the order of the source: what comes out are *sets*, each with the template of its records in
//! front ([`SetHeader`]), which can be decoded by themselves. Records that come before their template wait for it, up to
//! [`WAITING_BYTES`].
//!
//! A source is the packets' payload as it was received, without anything between. A packet of NetFlow 9 does not say how
//! long it is: it goes on as long as sets follow, whose numbers are never those of a version.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashMap;

use crate::formats::Reject;
use crate::formats::auditd::Assembled;

/// Templates kept of one source at most.
const MAX_TEMPLATES: usize = 16 << 10;
/// Bytes of the fields of all templates that are known at a time, at most.
const MAX_TEMPLATE_BYTES: usize = 16 << 20;
/// Bytes of sets that wait for their templates at most.
const WAITING_BYTES: usize = 1 << 20;
/// What a waiting set takes besides its bytes.
const WAITING_COST: usize = 128;
/// Fields of a template at most.
const MAX_FIELDS: usize = 4096;
/// Scopes of a template that may take no place.
const MAX_EMPTY: usize = 8;
/// Bytes of one packet at most.
const MAX_PACKET: usize = 64 << 10;
/// Records of a NetFlow 5 packet at most.
const MAX_V5_RECORDS: usize = 30;
const V5_HEADER: usize = 24;
const V5_RECORD: usize = 48;

/// Bytes of a [`SetHeader`].
pub(super) const SET_HEADER: usize = 24;

/// What stands in front of a set: who exported it when, and how long its template is. All numbers big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SetHeader {
    /// 5, 9 or 10 (IPFIX).
    pub(super) version: u16,
    /// Number of the template. NetFlow 5 has none: how the exporter samples, as its packet says, and each record in its
    /// filling; 0 if it does not.
    pub(super) template: u16,
    /// When it was exported, seconds since the epoch.
    pub(super) exported: u32,
    /// How long the exporter had been up then, milliseconds; 0 for IPFIX.
    pub(super) uptime: u32,
    /// The exporter's count.
    pub(super) sequence: u32,
    /// Source id, observation domain, or engine of NetFlow 5.
    pub(super) domain: u32,
    /// Fields of the template.
    pub(super) fields: u16,
    /// How many of them say what the record is about: more than 0 for records about the exporter itself.
    pub(super) scopes: u16,
}

impl SetHeader {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.template.to_be_bytes());
        for number in [self.exported, self.uptime, self.sequence, self.domain] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.fields.to_be_bytes());
        out.extend_from_slice(&self.scopes.to_be_bytes());
    }

    /// The header that `set` starts with, and what follows it.
    pub(super) fn read(set: &[u8]) -> Option<(SetHeader, &[u8])> {
        let (head, rest) = set.split_at_checked(SET_HEADER)?;
        let header = SetHeader {
            version: u16_at(head, 0)?,
            template: u16_at(head, 2)?,
            exported: u32_at(head, 4)?,
            uptime: u32_at(head, 8)?,
            sequence: u32_at(head, 12)?,
            domain: u32_at(head, 16)?,
            fields: u16_at(head, 20)?,
            scopes: u16_at(head, 22)?,
        };
        Some((header, rest))
    }
}

/// The form of records. Eight bytes a field: number (two bytes), length (two), enterprise (four; 0 for IANA's). All but a
/// few fields take at least a byte of a record, so that no set becomes much more than it is by having its template in front.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Template {
    fields: Vec<u8>,
    /// Bytes of a record at least.
    least: usize,
    scopes: u16,
    /// NetFlow 9 numbers the scopes of options in a way of its own.
    v9_options: bool,
}

/// Version, domain and number of a template.
type Key = (u16, u32, u16);

/// Cuts a source into sets; see the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Packets {
    templates: HashMap<Key, Template>,
    template_bytes: usize,
    /// Sets that wait for their templates, in the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    /// The numbers of those that wait for the same template.
    waiting_for: HashMap<Key, VecDeque<u64>>,
    waiting_bytes: usize,
    /// How many sets have waited.
    waited: u64,
}

#[derive(Debug)]
struct Waiting {
    header: SetHeader,
    offset: u64,
    records: Vec<u8>,
}

/// What was found at the start of some bytes.
#[derive(Debug)]
pub(crate) enum Packet {
    /// This many bytes are done with.
    Taken(usize),
    /// This many bytes are no packet.
    Refused(usize, Reject),
    /// More bytes are needed.
    Unfinished,
}

/// Whether `head` starts like an export packet.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    plausible(head) == Some(true)
}

/// Whether a header that makes sense starts here; `None` if there are too few bytes to tell.
fn plausible(bytes: &[u8]) -> Option<bool> {
    /// 2000-01-01.
    const FIRST_SECOND: u32 = 946_684_800;
    /// 2100-01-01.
    const LAST_SECOND: u32 = 4_102_444_800;
    let version = u16_at(bytes, 0)?;
    let count = u16_at(bytes, 2)?;
    let is_set = |at, templates: std::ops::RangeInclusive<u16>| {
        let (id, length) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
        Some((templates.contains(&id) || id >= 256) && length >= 4)
    };
    let (seconds, fits) = match version {
        5 => (
            u32_at(bytes, 8)?,
            (1..=MAX_V5_RECORDS).contains(&usize::from(count)),
        ),
        9 => (u32_at(bytes, 8)?, count > 0 && is_set(20, 0..=1)?),
        10 => (u32_at(bytes, 4)?, count >= 20 && is_set(16, 2..=3)?),
        _ => return Some(false),
    };
    Some(fits && (FIRST_SECOND..LAST_SECOND).contains(&seconds))
}

impl Packets {
    /// Takes the packet that `bytes` start with; its sets go to `done`. `offset` is that of the first byte in the source,
    /// `at_end`: no more bytes will come.
    pub(crate) fn next(
        &mut self,
        bytes: &[u8],
        offset: u64,
        at_end: bool,
        done: &mut Vec<Assembled>,
    ) -> Packet {
        // Filling between packets; the last zero before anything else is a version's first byte.
        let blank = bytes.iter().take_while(|byte| **byte == 0).count();
        match (blank == bytes.len(), at_end) {
            (true, true) => return Packet::Taken(blank),
            (true, false) if blank == 1 => return Packet::Unfinished,
            _ if blank > 1 => return Packet::Taken(blank - 1),
            _ => {}
        }
        match plausible(bytes) {
            None if at_end => return refused(bytes.len(), "the source ends inside a packet's header"),
            None => return Packet::Unfinished,
            Some(false) => {
                return skip(
                    bytes,
                    at_end,
                    "no export packet of NetFlow 5 or 9 or IPFIX starts here",
                );
            }
            Some(true) => {}
        }
        match u16_at(bytes, 0) {
            Some(5) => v5(bytes, offset, at_end, done),
            Some(9) => self.v9(bytes, offset, at_end, done),
            _ => self.ipfix(bytes, offset, at_end, done),
        }
    }

    /// The source has ended: sets whose templates never came are refused. Offset, reason and bytes of each.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = (u64, Reject, Vec<u8>)> + use<> {
        self.waiting_bytes = 0;
        self.waiting_for.clear();
        std::mem::take(&mut self.waiting).into_values().map(|waiting| {
            let SetHeader { template, domain, .. } = waiting.header;
            let detail = format!("template {template} of source {domain} never came");
            (
                waiting.offset,
                Reject::new("netflow_no_template", detail),
                waiting.records,
            )
        })
    }

    fn v9(&mut self, bytes: &[u8], offset: u64, at_end: bool, done: &mut Vec<Assembled>) -> Packet {
        const HEADER: usize = 20;
        let limit = bytes.len().min(MAX_PACKET);
        let mut end = HEADER;
        loop {
            let Some(id) = u16_at(&bytes[..limit], end) else {
                if at_end || limit == MAX_PACKET {
                    break;
                }
                return Packet::Unfinished;
            };
            if (2..256).contains(&id) {
                break;
            }
            let Some(length) = u16_at(&bytes[..limit], end + 2) else {
                if at_end || limit == MAX_PACKET {
                    break;
                }
                return Packet::Unfinished;
            };
            // Zeroes behind a packet look like a set without a length.
            if length < 4 {
                break;
            }
            if end + usize::from(length) > limit {
                if !at_end && limit < MAX_PACKET {
                    return Packet::Unfinished;
                }
                break;
            }
            end += usize::from(length);
        }
        let end = end.min(bytes.len());
        if end == HEADER || bytes.len() < HEADER {
            return refused(end, "a packet without sets");
        }
        let header = SetHeader {
            version: 9,
            template: 0,
            uptime: u32_at(bytes, 4).unwrap_or_default(),
            exported: u32_at(bytes, 8).unwrap_or_default(),
            sequence: u32_at(bytes, 12).unwrap_or_default(),
            domain: u32_at(bytes, 16).unwrap_or_default(),
            fields: 0,
            scopes: 0,
        };
        self.sets(header, &bytes[HEADER..end], offset + HEADER as u64, done);
        Packet::Taken(end)
    }

    fn ipfix(&mut self, bytes: &[u8], offset: u64, at_end: bool, done: &mut Vec<Assembled>) -> Packet {
        const HEADER: usize = 16;
        let length = usize::from(u16_at(bytes, 2).unwrap_or_default());
        if bytes.len() < length && !at_end {
            return Packet::Unfinished;
        }
        let end = length.min(bytes.len());
        if end < HEADER {
            return refused(bytes.len(), "the source ends inside a packet's header");
        }
        let header = SetHeader {
            version: 10,
            template: 0,
            uptime: 0,
            exported: u32_at(bytes, 4).unwrap_or_default(),
            sequence: u32_at(bytes, 8).unwrap_or_default(),
            domain: u32_at(bytes, 12).unwrap_or_default(),
            fields: 0,
            scopes: 0,
        };
        self.sets(header, &bytes[HEADER..end], offset + HEADER as u64, done);
        Packet::Taken(end)
    }

    /// The sets of a packet.
    fn sets(&mut self, header: SetHeader, mut rest: &[u8], mut offset: u64, done: &mut Vec<Assembled>) {
        while let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
            let length = usize::from(length).min(rest.len());
            if length < 4 {
                return;
            }
            let (set, after) = rest.split_at(length);
            let records = &set[4..];
            match (header.version, id) {
                (9, 0) | (10, 2) => self.learn(header, records, false, done),
                (9, 1) | (10, 3) => self.learn(header, records, true, done),
                (_, 256..) => {
                    let header = SetHeader {
                        template: id,
                        ..header
                    };
                    self.data(header, records, offset, done);
                }
                _ => {}
            }
            rest = after;
            offset += length as u64;
        }
    }

    fn data(&mut self, header: SetHeader, records: &[u8], offset: u64, done: &mut Vec<Assembled>) {
        match self.templates.get(&key(header)) {
            // A set that cannot hold a record does not need the template to be refused.
            Some(template) if records.len() < template.least => {
                done.push(Template::default().set(header, records, offset));
            }
            Some(template) => done.push(template.set(header, records, offset)),
            None => {
                self.waiting_bytes += records.len() + WAITING_COST;
                let waiting = Waiting {
                    header,
                    offset,
                    records: records.to_vec(),
                };
                self.waiting.insert(self.waited, waiting);
                self.waiting_for
                    .entry(key(header))
                    .or_default()
                    .push_back(self.waited);
                self.waited += 1;
            }
        }
    }

    /// Whether more waits than may; the oldest that does, with the reason to refuse it.
    pub(crate) fn overdue(&mut self) -> Option<(u64, Reject, Vec<u8>)> {
        if self.waiting_bytes <= WAITING_BYTES {
            return None;
        }
        let (_, waiting) = self.waiting.pop_first()?;
        // Of those that wait for the same it was the first as well.
        if let Some(numbers) = self.waiting_for.get_mut(&key(waiting.header)) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.waiting_for.remove(&key(waiting.header));
            }
        }
        self.waiting_bytes -= waiting.records.len() + WAITING_COST;
        let detail = format!(
            "template {} of source {} did not come in time",
            waiting.header.template, waiting.header.domain
        );
        Some((
            waiting.offset,
            Reject::new("netflow_no_template", detail),
            waiting.records,
        ))
    }

    /// Takes the templates of a set.
    fn learn(&mut self, header: SetHeader, mut rest: &[u8], options: bool, done: &mut Vec<Assembled>) {
        while let Some((id, template, after)) = template(header.version, rest, options) {
            rest = after;
            let header = SetHeader {
                template: id,
                ..header
            };
            // Without fields a template is taken back; what it meant stays, for packets that come late.
            if template.fields.is_empty() {
                continue;
            }
            for number in self.waiting_for.remove(&key(header)).into_iter().flatten() {
                let Some(waiting) = self.waiting.remove(&number) else {
                    continue;
                };
                self.waiting_bytes -= waiting.records.len() + WAITING_COST;
                done.push(template.set(waiting.header, &waiting.records, waiting.offset));
            }
            self.template_bytes += template.fields.len();
            let full = self.templates.len() >= MAX_TEMPLATES && !self.templates.contains_key(&key(header));
            if full || self.template_bytes > MAX_TEMPLATE_BYTES {
                self.templates.clear();
                self.template_bytes = template.fields.len();
            }
            if let Some(old) = self.templates.insert(key(header), template) {
                self.template_bytes -= old.fields.len();
            }
        }
    }
}

impl Template {
    /// Records with their template in front.
    fn set(&self, header: SetHeader, records: &[u8], offset: u64) -> Assembled {
        let mut frame = Vec::with_capacity(SET_HEADER + self.fields.len() + records.len());
        SetHeader {
            fields: u16::try_from(self.fields.len() / 8).unwrap_or(u16::MAX),
            scopes: self.scopes | if self.v9_options { 0x8000 } else { 0 },
            ..header
        }
        .write(&mut frame);
        frame.extend_from_slice(&self.fields);
        frame.extend_from_slice(records);
        whole(offset, frame)
    }
}

fn whole(offset: u64, frame: Vec<u8>) -> Assembled {
    Assembled {
        offset,
        frame,
        truncated: false,
    }
}

fn key(header: SetHeader) -> Key {
    (header.version, header.domain, header.template)
}

fn refused(bytes: usize, detail: &str) -> Packet {
    Packet::Refused(bytes.max(1), Reject::new("not_netflow", detail))
}

/// Refuses what stands before the next header that makes sense.
fn skip(bytes: &[u8], at_end: bool, detail: &str) -> Packet {
    for at in 1..MAX_PACKET {
        match bytes.get(at..).and_then(plausible) {
            Some(false) => {}
            Some(true) => return refused(at, detail),
            None if at_end => return refused(bytes.len(), detail),
            None => return Packet::Unfinished,
        }
    }
    refused(MAX_PACKET, detail)
}

fn v5(bytes: &[u8], offset: u64, at_end: bool, done: &mut Vec<Assembled>) -> Packet {
    let count = usize::from(u16_at(bytes, 2).unwrap_or_default());
    let end = V5_HEADER + count * V5_RECORD;
    if bytes.len() < end {
        return match at_end {
            true => refused(bytes.len(), "the source ends inside a packet"),
            false => Packet::Unfinished,
        };
    }
    let mut frame = Vec::with_capacity(SET_HEADER + end - V5_HEADER);
    let sampling = u16_at(bytes, 22).unwrap_or_default();
    SetHeader {
        version: 5,
        template: sampling,
        uptime: u32_at(bytes, 4).unwrap_or_default(),
        exported: u32_at(bytes, 8).unwrap_or_default(),
        sequence: u32_at(bytes, 16).unwrap_or_default(),
        domain: u32::from(u16_at(bytes, 20).unwrap_or_default()),
        fields: 0,
        scopes: 0,
    }
    .write(&mut frame);
    let records = frame.len();
    frame.extend_from_slice(&bytes[V5_HEADER..end]);
    if sampling > 0 {
        // Two bits say how, the others one of how many packets; records have room for both where nothing stands.
        for record in frame[records..].chunks_exact_mut(V5_RECORD) {
            record[36] = (sampling >> 14) as u8;
            record[46..].copy_from_slice(&(sampling & 0x3fff).to_be_bytes());
        }
    }
    done.push(whole(offset, frame));
    Packet::Taken(end)
}

/// The template that `bytes` start with, its number, and what follows it.
fn template(version: u16, bytes: &[u8], options: bool) -> Option<(u16, Template, &[u8])> {
    let id = u16_at(bytes, 0)?;
    if id < 256 {
        return None;
    }
    let mut template = Template {
        fields: Vec::new(),
        least: 0,
        scopes: 0,
        v9_options: false,
    };
    let (count, mut at) = match (version, options) {
        // RFC 3954: lengths in bytes of the scopes and of the options.
        (9, true) => {
            let scopes = u16_at(bytes, 2)? / 4;
            template.scopes = scopes;
            template.v9_options = true;
            (usize::from(scopes) + usize::from(u16_at(bytes, 4)? / 4), 6)
        }
        // RFC 7011: fields, and how many of them are scopes; a template that is taken back has neither.
        (_, true) if u16_at(bytes, 2)? > 0 => {
            template.scopes = u16_at(bytes, 4)?;
            (usize::from(u16_at(bytes, 2)?), 6)
        }
        _ => (usize::from(u16_at(bytes, 2)?), 4),
    };
    if count > MAX_FIELDS {
        return None;
    }
    let stated_scopes = usize::from(template.scopes);
    for index in 0..count {
        let number = u16_at(bytes, at)?;
        let length = u16_at(bytes, at + 2)?;
        at += 4;
        let mut enterprise = 0;
        if version == 10 && number & 0x8000 != 0 {
            enterprise = u32_at(bytes, at)?;
            at += 4;
        }
        // It takes no place, and thousands of them would be gone through for every byte of a set. That there is a scope
        // says something.
        if length == 0 && index >= stated_scopes.min(MAX_EMPTY) {
            template.scopes -= u16::from(index < stated_scopes);
            continue;
        }
        template.least += if length == u16::MAX {
            1
        } else {
            usize::from(length)
        };
        let number = if version == 10 { number & 0x7fff } else { number };
        template.fields.extend_from_slice(&number.to_be_bytes());
        template.fields.extend_from_slice(&length.to_be_bytes());
        template.fields.extend_from_slice(&enterprise.to_be_bytes());
    }
    Some((id, template, bytes.get(at..)?))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
