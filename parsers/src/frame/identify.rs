//! What a source is, by its first bytes.

use super::Framing;
use crate::formats::{Format, auditd, netflow, table, zeek};

/// Bytes looked at before a decision is forced.
const HEAD: usize = 64 << 10;

pub(super) const EVTX_FILE_MAGIC: &[u8] = b"ElfFile\0";
pub(super) const EVTX_CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
pub(super) const EVTX_HEADER_BYTES: usize = 4096;

/// The framing of a format that the user named.
pub(super) fn framing_of(format: Format) -> Framing {
    match format {
        Format::Json => Framing::Json,
        Format::Xml => Framing::Xml,
        Format::Evtx => Framing::Evtx,
        Format::Auditd => Framing::Auditd,
        Format::Zeek => Framing::Zeek,
        Format::Netflow => Framing::Netflow,
        Format::Csv => Framing::Table,
        Format::Syslog | Format::Access | Format::ErrorLog | Format::Lines => Framing::Lines,
    }
}

/// The framing that `head`, the first bytes of a source, shows; `None` if more are needed to tell.
/// `whole`: there are no more.
pub(super) fn identify(head: &[u8], whole: bool) -> Option<Framing> {
    let enough = whole || head.len() >= HEAD;
    // Not more than that is looked at, however much came at once, so that the answer does not depend on it.
    let head = &head[..head.len().min(HEAD)];
    if let Some(evtx) = looks_like_evtx(head, whole) {
        return evtx.then_some(Framing::Evtx);
    }
    // No text starts with a zero byte and a version; more bytes tell it from a hole of zeroes.
    if let [0, 5 | 9 | 10, ..] = head {
        if netflow::looks_like(head) {
            return Some(Framing::Netflow);
        }
        if head.len() < 24 && !whole {
            return None;
        }
    } else if head == [0] && !whole {
        return None;
    }
    // Zeroes are a hole that a log was cut off at; see the framer.
    let start = head
        .iter()
        .position(|byte| *byte != 0 && !byte.is_ascii_whitespace());
    let Some(start) = start else {
        return enough.then_some(Framing::Lines);
    };
    let text = &head[start..];
    match text[0] {
        b'{' => return Some(Framing::Json),
        b'[' => {
            // An array, or a line that starts with a bracketed time or level.
            return match text[1..].iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b']' | b'[') => Some(Framing::Json),
                Some(_) => Some(Framing::Lines),
                None => enough.then_some(Framing::Lines),
            };
        }
        b'<' => {
            // XML, or a syslog priority.
            let Some(&next) = text.get(1) else {
                return enough.then_some(Framing::Lines);
            };
            if next.is_ascii_digit() {
                return Some(Framing::Lines);
            }
            if memchr::memmem::find(text, b"<Event").is_some() {
                return Some(Framing::Xml);
            }
            return enough.then_some(Framing::Lines);
        }
        _ => {}
    }
    let line_end = memchr::memchr(b'\n', text);
    if line_end.is_none() && !enough {
        return None;
    }
    let line = String::from_utf8_lossy(&text[..line_end.unwrap_or(text.len())]);
    Some(if zeek::looks_like(&line) {
        Framing::Zeek
    } else if table::looks_like_w3c(&line) {
        Framing::Table
    } else if auditd::looks_like(&line) {
        Framing::Auditd
    } else {
        Framing::Lines
    })
}

/// Whether it is an EVTX file; one with a damaged header is known by its first chunk. `None`: it is not.
/// `Some(false)`: more bytes are needed.
fn looks_like_evtx(head: &[u8], whole: bool) -> Option<bool> {
    if head.starts_with(EVTX_FILE_MAGIC) || head.starts_with(EVTX_CHUNK_MAGIC) {
        return Some(true);
    }
    if !whole && head.len() < EVTX_FILE_MAGIC.len() && EVTX_FILE_MAGIC.starts_with(head) {
        return Some(false);
    }
    // A text has no zero bytes; only what has some is worth waiting for the first chunk.
    let binary = memchr::memchr(0, &head[..head.len().min(128)]).is_some();
    if !binary {
        return None;
    }
    match head.get(EVTX_HEADER_BYTES..EVTX_HEADER_BYTES + EVTX_CHUNK_MAGIC.len()) {
        Some(magic) => (magic == EVTX_CHUNK_MAGIC).then_some(true),
        None if whole => None,
        None => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        let of = |head: &str| identify(head.as_bytes(), true);
        assert_eq!(of("\n {\"a\":1}"), Some(Framing::Json));
        assert_eq!(of("[ {\"a\":1}]"), Some(Framing::Json));
        assert_eq!(of("[2024-01-01] started"), Some(Framing::Lines));
        assert_eq!(of("<34>Oct 11 22:14:15 host su: x"), Some(Framing::Lines));
        assert_eq!(of("<?xml version='1.0'?>\n<Events><Event>"), Some(Framing::Xml));
        assert_eq!(of("#separator \\x09\n"), Some(Framing::Zeek));
        assert_eq!(of("#Software: x\n#Fields: a b\n"), Some(Framing::Table));
        assert_eq!(of(""), Some(Framing::Lines));
        assert_eq!(identify(b"Elf", false), None);
        assert_eq!(identify(b"ElfFile\0rest", false), Some(Framing::Evtx));
        let mut damaged = vec![0; EVTX_HEADER_BYTES];
        assert_eq!(identify(&damaged, false), None);
        damaged.extend_from_slice(EVTX_CHUNK_MAGIC);
        assert_eq!(identify(&damaged, false), Some(Framing::Evtx));
    }
}
