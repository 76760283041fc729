//! The header that Cisco's devices, and those made after them, put in front of a message that starts with a mark:
//!
//! ```text
//! [<priority>][sequence:] [host[:]] [[*|.]time[ zone]:] [program[pid]:] %FACILITY[-SUB]-SEVERITY-MNEMONIC: text
//! ```
//!
//! No part is fixed but the mark, and relays add a time and a host of their own in front. What stands before the mark
//! must consist of such parts alone, and of a program's tag only where it is a device's: otherwise any program that
//! repeats what a stranger says could speak for the firewall. For the same reason a host alone is not enough: a file may
//! have any word there. A priority, a time, or a number stands beside it.

use chrono_tz::Tz;

use super::header::Header;
use crate::time;

/// The mark stands among this many first bytes.
const REACH: usize = 256;
/// More parts than any relay was seen to pile up.
const PARTS: usize = 10;

/// A mark taken apart: `%SEC_LOGIN-5-LOGIN_SUCCESS: text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark<'a> {
    /// `SEC_LOGIN`; with what stands between it and the severity (`ASA-session`, `SNMP-SNMP`).
    pub(crate) facility: &'a str,
    /// 0 to 7; devices were seen to write 8 and 9.
    pub(crate) severity: &'a str,
    /// `LOGIN_SUCCESS`, or a number.
    pub(crate) mnemonic: &'a str,
    /// What stands behind the mark and its colon.
    pub(crate) text: &'a str,
}

/// The mark that `text` starts with.
pub(crate) fn mark(text: &str) -> Option<Mark<'_>> {
    let bare = text.strip_prefix('%')?;
    let end = bare
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')))
        .unwrap_or(bare.len());
    let (code, text) = bare.split_at(end);
    // From the right: a facility may have parts of its own, mnemonics have none.
    let (front, mnemonic) = code.rsplit_once('-')?;
    let (facility, severity) = front.rsplit_once('-')?;
    let text = text.trim_start_matches(' ');
    let named = facility.starts_with(|c: char| c.is_ascii_uppercase())
        && severity.len() == 1
        && severity.bytes().all(|b| b.is_ascii_digit())
        && !mnemonic.is_empty();
    named.then(|| Mark {
        facility,
        severity,
        mnemonic,
        text: text.strip_prefix(':').unwrap_or(text).trim_start_matches(' '),
    })
}

/// The header of a line with a mark, the priority taken off; its message starts with the mark. `None` if there is no
/// mark, or anything else in front of it.
pub(super) fn parse(line: &str, has_priority: bool, reference_time: i64, zone: Tz) -> Option<Header<'_>> {
    let reach = &line.as_bytes()[..line.len().min(REACH)];
    let at = memchr::memchr_iter(b'%', reach)
        .find(|&at| (at == 0 || matches!(reach[at - 1], b' ' | b':')) && mark(&line[at..]).is_some())?;
    let (mut rest, message) = line.split_at(at);
    let mut header = Header {
        message,
        ..Header::default()
    };
    for _ in 0..PARTS {
        rest = rest.trim_start_matches([' ', ':']);
        if rest.is_empty() {
            let is_framed = has_priority || header.time.is_some() || is_count(first_word(line));
            return (is_framed || header.host.is_none()).then_some(header);
        }
        rest = match stamp(rest, &mut header, reference_time, zone) {
            Some(rest) => rest,
            None => word(rest, &mut header)?,
        };
    }
    None
}

/// Takes a time from the front of `rest`. A device marks a clock that nobody has set with `*`: then the relay's counts.
fn stamp<'a>(rest: &'a str, header: &mut Header<'a>, reference_time: i64, zone: Tz) -> Option<&'a str> {
    let unset = rest.starts_with('*');
    let plain = rest.strip_prefix(['*', '.']).unwrap_or(rest);
    let read = |zone| time::bsd(plain, reference_time, zone).or_else(|| time::iso(plain, zone));
    let (mut instant, mut rest) = read(zone)?;
    if let Some((offset, after)) = rest.strip_prefix(' ').and_then(time::zone_name) {
        instant = read(Tz::UTC)?.0 - offset;
        rest = after;
    }
    if !unset || header.time.is_none() {
        header.time = Some(instant);
    }
    // Some relays write the zone twice (`+00:00Z`).
    let rest = rest.strip_prefix('Z').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with([' ', ':'])).then_some(rest)
}

fn first_word(line: &str) -> &str {
    let line = line.trim_start_matches([' ', ':']);
    let word = &line[..line.find(' ').unwrap_or(line.len())];
    word.trim_end_matches(':')
}

/// Whether a word is a sequence number, or the time since the device was started.
fn is_count(word: &str) -> bool {
    let counts = |b: u8| b.is_ascii_digit() || matches!(b, b':' | b'w' | b'd' | b'h' | b'y');
    word.starts_with(|c: char| c.is_ascii_digit()) && word.bytes().all(counts)
}

/// Takes a number, a host or a tag from the front of `rest`.
fn word<'a>(rest: &'a str, header: &mut Header<'a>) -> Option<&'a str> {
    let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    // IOS XR: the node, and without a space the time.
    if let Some((node, stamped)) = rest.split_once(':')
        && node.contains('/')
        && !node.contains(' ')
    {
        return Some(stamped);
    }
    let name = word.trim_end_matches(':');
    if is_count(name) {
        return Some(after);
    }
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b'{' | b'%' | b','));
    if !plain {
        return None;
    }
    if let Some((tag, id)) = name
        .split_once('[')
        .and_then(|(tag, id)| Some((tag, id.strip_suffix(']')?)))
    {
        if header.tag.is_some() || !is_device(tag, header) {
            return None;
        }
        (header.tag, header.process_id) = (Some(tag), Some(id));
        return Some(after);
    }
    if header.host.is_none() {
        header.host = Some(name).filter(|name| *name != "-");
        return Some(after);
    }
    if header.tag.is_none() && word.ends_with(':') && is_device(name, header) {
        header.tag = Some(name);
        return Some(after);
    }
    // A relay's host, then the device's own; with a colon it could be any program's tag.
    let last = after.trim_matches([' ', ':']).is_empty();
    if header.tag.is_none() && header.time.is_some() && last && !word.ends_with(':') {
        header.host = Some(name);
        return Some(after);
    }
    None
}

/// Whether a message with a mark behind this header is a device's own: no program is named, or one of the devices'.
pub(crate) fn is_devices(header: &Header<'_>) -> bool {
    let is_framed = header.time.is_some() || header.priority.is_some();
    header
        .tag
        .is_none_or(|tag| is_device(tag, header) && (is_framed || names_device(tag)))
}

/// Whether `tag` is that of a device: of one of the firewalls, or of a process of IOS XR, whose lines name no host.
fn is_device(tag: &str, header: &Header<'_>) -> bool {
    header.host.is_none() || names_device(tag)
}

fn names_device(tag: &str) -> bool {
    const TAGS: [&str; 7] = ["asa", "ftd", "pix", "fwsm", "cisco", "firepower", "sfims"];
    let folded = tag.to_ascii_lowercase();
    TAGS.iter().any(|known| folded.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: i64 = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z

    fn parts(line: &str) -> Option<(Option<&str>, Option<&str>, Option<i64>)> {
        parse(line, false, REFERENCE, Tz::UTC).map(|h| (h.host, h.tag, h.time))
    }

    #[test]
    fn marks() {
        let found = mark("%SEC_LOGIN-5-LOGIN_SUCCESS: Login").expect("a mark");
        assert_eq!(
            (found.facility, found.severity, found.mnemonic, found.text),
            ("SEC_LOGIN", "5", "LOGIN_SUCCESS", "Login")
        );
        let found = mark("%ASA-session-6-302013 Built").expect("a mark");
        assert_eq!(
            (found.facility, found.mnemonic, found.text),
            ("ASA-session", "302013", "Built")
        );
        for none in [
            "%ASA",
            "%d-5-x",
            "ASA-6-302013: x",
            "%5-x",
            "%A-b-c: x",
            "%%01SHELL/5/CMD: x",
        ] {
            assert_eq!(mark(none), None, "{none}");
        }
    }

    #[test]
    fn whatever_stands_in_front() {
        let at = |text: &str| crate::value::parse_timestamp(text);
        for (line, wanted) in [
            ("%SYS-5-X: t", (None, None, None)),
            (
                "Feb  3 2026 04:05:06: %ASA-6-1: t",
                (None, None, at("2026-02-03T04:05:06Z")),
            ),
            (
                "Feb  3 2026 04:05:06 fw1 : %ASA-6-1: t",
                (Some("fw1"), None, at("2026-02-03T04:05:06Z")),
            ),
            (
                "Feb  3 2026 04:05:06 EST: %ASA-6-1: t",
                (None, None, at("2026-02-03T09:05:06Z")),
            ),
            (
                "71: sw1: *Jan  1 00:00:01.250 UTC: %SYS-5-X: t",
                (Some("sw1"), None, at("2026-01-01T00:00:01.250Z")),
            ),
            (
                "Feb 3 04:05:06 10.0.0.1 71: *Jan  1 00:00:01: %SYS-5-X: t",
                (Some("10.0.0.1"), None, at("2026-02-03T04:05:06Z")),
            ),
            (
                "2026 Feb  3 04:05:06 CET: %A-5-X: t",
                (None, None, at("2026-02-03T03:05:06Z")),
            ),
            (
                "9: RP/0/RSP0/CPU0:Feb  3 04:05:06.1 : snmpd[7]: %A-B-5-X : t",
                (None, Some("snmpd"), at("2026-02-03T04:05:06.1Z")),
            ),
            (
                "Feb  3 04:05:06 fw1 CiscoASA[9]: %ASA-6-1: t",
                (Some("fw1"), Some("CiscoASA"), at("2026-02-03T04:05:06Z")),
            ),
            ("00:01:46: %A-5-X: t", (None, None, None)),
        ] {
            assert_eq!(parts(line), Some(wanted), "{line}");
        }
    }

    #[test]
    fn nobody_speaks_for_the_device() {
        for line in [
            "Feb  3 04:05:06 web1 sshd[7]: Invalid user %ASA-6-605005: Login permitted from 192.0.2.1/1 to x",
            "Feb  3 04:05:06 web1 app[7]: %ASA-6-605005: Login permitted",
            "Feb  3 04:05:06 web1 app: %ASA-6-605005: Login permitted",
            "a=b %ASA-6-605005: Login permitted",
            "mallory %ASA-6-605005: Login permitted",
            "mallory: %ASA-6-605005: Login permitted",
        ] {
            assert_eq!(parts(line), None, "{line}");
        }
        // Behind a priority it is the host.
        let framed = parse("fw1 : %ASA-6-605005: t", true, REFERENCE, Tz::UTC).expect("a header");
        assert_eq!(framed.host, Some("fw1"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in "[0-9A-Za-z:*.\\[\\]é ]{0,40}%[A-Z]{0,3}-[0-9-]{0,3}[A-Zé: ]{0,9}") {
            let _ = parse(&line, true, REFERENCE, Tz::UTC);
            let _ = parse(&line, false, REFERENCE, Tz::UTC);
            let _ = mark(&line);
        }
    }
}
