//! What is found out about a line of pairs before it is compared with [forms](super::pairs): whose it is, where its pairs begin,
//! that nothing in it means more than it is, and where its signs stand.

use super::head::{self, Form as HeadForm, Front};
use crate::batch::Slot;
use crate::formats::text::search::{BLOCK, VECTOR, any_odd, places_in_block};
use crate::formats::vendors::cef_dataset;

/// Whose pairs they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// `<134>Mar  1 10:00:00 host CEF:0|…|key=value key=some words`
    Cef(HeadForm),
    /// `<134>date=2026-03-01 key=value key="some words"`
    Fortigate,
}

/// What a line of CEF has in front of its pairs, if the reader looks at nothing else of it than that it is of some product.
pub(super) fn cef_header(text: &str) -> Option<&str> {
    let last = memchr::memchr_iter(b'|', text.as_bytes()).nth(6)?;
    let (header, pairs) = text.split_at(last + 1);
    let mut parts = header.strip_prefix("CEF:")?.split('|');
    let (_, vendor, product) = (parts.next()?, parts.next()?.trim(), parts.next()?.trim());
    let whole = !vendor.is_empty() && !pairs.starts_with(['=', ' ']);
    (whole && cef_dataset(vendor, product) == "generic.cef").then_some(header)
}

/// Who writes pairs as `line` has them, where they begin, and the slots of what stands in front.
#[inline]
pub(super) fn writer_of(line: &[u8], slots: &mut [Slot]) -> Option<(Writer, usize)> {
    if let Some(at) = fortigate(line) {
        return Some((Writer::Fortigate, at));
    }
    let front = head::front(line, slots)?;
    Some((Writer::Cef(cef(line, &front)?), front.end))
}

/// Where FortiGate's pairs begin.
#[inline]
pub(super) fn fortigate(line: &[u8]) -> Option<usize> {
    if line.first() != Some(&b'<') || !line.get(7..10)?.contains(&b'=') {
        return None;
    }
    let (at, _) = head::priority(line)?;
    line[at..].starts_with(b"date=20").then_some(at)
}

/// What varies in front of CEF.
#[inline]
pub(super) fn cef(line: &[u8], front: &Front) -> Option<HeadForm> {
    let starts = front.priority && line[front.end..].starts_with(b"CEF:");
    starts.then_some(HeadForm {
        priority: true,
        pid: false,
        iso: front.iso,
    })
}

/// Whether a line consists of printing ASCII without what may mean something else than itself.
#[inline]
pub(super) fn is_plain(line: &[u8]) -> bool {
    const ODD: [u8; 2] = *b"\\%";
    let (vectors, _) = line.as_chunks::<VECTOR>();
    let is_odd = vectors
        .iter()
        .fold(false, |odd, vector| odd | any_odd(vector, ODD));
    let plain = |b: &u8| matches!(b, b' '..=b'~') && !ODD.contains(b);
    // The last vector overlaps the one before it.
    let ends_odd = || match line.last_chunk() {
        Some(last) => any_odd(last, ODD),
        None => !line.iter().all(plain),
    };
    !is_odd && !ends_odd()
}

/// Where signs stand in `line`.
#[inline]
pub(super) fn find_signs(line: &[u8], signs: &mut Vec<u32>) {
    signs.clear();
    let (blocks, rest) = line.as_chunks::<BLOCK>();
    let mut base = 0;
    let mut add = |block: &[u8; BLOCK]| {
        let mut bits = places_in_block(block, [b'=']);
        while bits != 0 {
            signs.push(base + bits.trailing_zeros());
            bits &= bits - 1;
        }
        base += BLOCK as u32;
    };
    blocks.iter().for_each(&mut add);
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
}
