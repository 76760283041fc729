//! What shows a line to begin a record, or to go on with one.

use crate::formats::event_of_title;

/// How many zero bytes `bytes` starts with.
pub(in crate::frame) fn zeroes(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == 0).count()
}

/// How much of `bytes` is no more than `limit` and ends with a whole character; where no character begins among the
/// last bytes, there are none.
pub(in crate::frame) fn whole_characters(bytes: &[u8], limit: usize) -> usize {
    const LONGEST: usize = 4;
    let begins = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let found = (0..=limit).rev().take(LONGEST).find(begins);
    found.filter(|end| *end > 0).unwrap_or(limit)
}

/// How long `line` is without the end of the line and the zeroes before it.
pub(super) fn trimmed(line: &[u8]) -> usize {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
    end.map_or(0, |end| end + 1)
}

/// Where the first byte after `cursor` is that is part of a record.
pub(super) fn behind_gap(buffer: &[u8], cursor: usize) -> usize {
    let rest = &buffer[cursor..];
    let gap = rest
        .iter()
        .take_while(|byte| **byte == 0 || byte.is_ascii_whitespace());
    cursor + gap.count()
}

pub(super) enum Count {
    /// As many bytes with the count itself.
    Is {
        length: usize,
    },
    /// There may come more of it.
    Unfinished,
    None,
}

/// `LENGTH <priority>` at the start of `text`.
pub(super) fn count(text: &[u8]) -> Count {
    const DIGITS: usize = 7;
    let digits = text
        .iter()
        .take(DIGITS + 1)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > DIGITS || text.first() == Some(&b'0') {
        return Count::None;
    }
    let Some(behind) = text.get(digits..digits + 3) else {
        let open: &[u8] = b" <";
        let rest = &text[digits..];
        let so_far = &rest[..rest.len().min(open.len())];
        return match open.starts_with(so_far) {
            true => Count::Unfinished,
            false => Count::None,
        };
    };
    if digits == 0 || !behind.starts_with(b" <") || !behind[2].is_ascii_digit() {
        return Count::None;
    }
    let length = text[..digits]
        .iter()
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    Count::Is {
        length: digits + 1 + length,
    }
}

/// Whether a counted message runs into the next one: its count was too large.
pub(super) fn holds_another(message: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', message).any(|feed| matches!(count(&message[feed + 1..]), Count::Is { .. }))
}

pub(super) const TIME: &[u8] = b"# Time: ";
pub(super) const USER: &[u8] = b"# User@Host: ";

/// Whether MySQL begins the record of a statement, or the file, with `line`.
pub(super) fn begins_statement(line: &[u8]) -> bool {
    line.starts_with(TIME) || line.starts_with(USER) || line.trim_ascii_end().ends_with(b". started with:")
}

/// `CEF:0|`
pub(super) fn is_cef(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"ASM:").unwrap_or(line);
    line.strip_prefix(b"CEF:")
        .is_some_and(|rest| rest.trim_ascii_start().first().is_some_and(u8::is_ascii_digit))
}

/// Whether a line of a file of events in CEF is not the rest of the one above: it is one itself, or has the priority or
/// the time of a syslog header, or is a document.
pub(super) fn begins_event(line: &[u8]) -> bool {
    match line {
        [b'<', digit, ..] => digit.is_ascii_digit(),
        [b'{', ..] => true,
        _ => {
            is_cef(line)
                || line.starts_with(b"LEEF:")
                || is_shaped(line, b"dddd-dd-dd")
                || line.get(3) == Some(&b' ') && line.get(4..).is_some_and(is_day_and_clock)
        }
    }
}

/// ` 3 04:05:06`, `3 04:05:06` or `03 04:05:06`: day and time behind the name of a month.
fn is_day_and_clock(rest: &[u8]) -> bool {
    rest.get(3..).is_some_and(|clock| is_shaped(clock, b"dd:dd:dd")) || is_shaped(rest, b"d dd:dd:dd")
}

/// `2026/02/03 04:05:06 [`
pub(super) fn begins_nginx(line: &[u8]) -> bool {
    is_shaped(line, b"dddd/dd/dd dd:dd:dd [")
}

/// Whether `line` starts with `shape`, in which `d` is any digit.
fn is_shaped(line: &[u8], shape: &[u8]) -> bool {
    line.len() >= shape.len()
        && shape.iter().zip(line).all(|(wanted, byte)| match wanted {
            b'd' => byte.is_ascii_digit(),
            _ => wanted == byte,
        })
}

/// `3/12/2026 10:48:14 AM` and nothing else.
pub(super) fn is_date_alone(line: &[u8]) -> bool {
    let half = line.ends_with(b" AM") || line.ends_with(b" PM");
    if !half || !(18..=27).contains(&line.len()) {
        return false;
    }
    let stamp = &line[..line.len() - 3];
    let colons = stamp.iter().filter(|byte| **byte == b':').count();
    let slashes = stamp.iter().filter(|byte| **byte == b'/').count();
    let plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'/' | b':' | b' ' | b'.');
    (colons, slashes) == (2, 2) && stamp[0].is_ascii_digit() && stamp.iter().all(plain)
}

/// Whether `line` is the first sentence of the message of a Windows event.
pub(super) fn is_title(line: &[u8]) -> bool {
    line.len() > 8 && std::str::from_utf8(line).is_ok_and(|line| event_of_title(line).is_some())
}

/// Whether `line` could be such a sentence.
pub(super) fn is_sentence(line: &[u8]) -> bool {
    line.len() <= 200
        && line.first().is_some_and(u8::is_ascii_uppercase)
        && matches!(line.last(), Some(b'.' | b':'))
        && line.contains(&b' ')
}

/// Whether `line` is that of an application: a time of day among its first bytes and a level behind it, or a severity
/// in front of two spaces, as PostgreSQL writes it.
pub(super) fn has_level(line: &[u8]) -> bool {
    const LOOKED_AT: usize = 160;
    let head = &line[..line.len().min(LOOKED_AT)];
    let clock = head
        .windows(8)
        .take(40)
        .position(|window| is_shaped(window, b"dd:dd:dd"));
    let Some(clock) = clock else {
        return false;
    };
    if !head
        .first()
        .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'[')
    {
        return false;
    }
    let behind = &head[clock..];
    let severity = [
        b"LOG:  ".as_slice(),
        b"FATAL:  ",
        b"ERROR:  ",
        b"PANIC:  ",
        b"WARNING:  ",
    ];
    behind.split(|byte| !byte.is_ascii_alphanumeric()).any(is_level)
        || severity
            .iter()
            .any(|word| memchr::memmem::find(behind, word).is_some())
}

fn is_level(word: &[u8]) -> bool {
    matches!(
        word,
        b"TRACE"
            | b"DEBUG"
            | b"INFO"
            | b"WARN"
            | b"WARNING"
            | b"ERROR"
            | b"FATAL"
            | b"SEVERE"
            | b"CRITICAL"
            | b"DBG"
            | b"INF"
            | b"WRN"
            | b"ERR"
            | b"FTL"
            | b"Note"
            | b"Warning"
            | b"Logon"
    )
}

/// Whether `line` goes on with the record above it.
pub(super) fn continues(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] = [
        b"Caused by: ",
        b"Suppressed: ",
        b"Traceback (most recent call last)",
        b"During handling of the above exception",
        b"The above exception was the direct cause",
        b"--- End of ",
        b"... ",
        b"at ",
        b"Exception in thread ",
    ];
    match line.first() {
        Some(b' ' | b'\t') => true,
        Some(b'0'..=b'9' | b'[' | b'<' | b'{') | None => false,
        Some(_) => WORDS.iter().any(|word| line.starts_with(word)) || is_exception(line),
    }
}

/// `java.io.IOException: …`, `ValueError: …`, `System.Exception`.
fn is_exception(line: &[u8]) -> bool {
    let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let length = line.iter().take_while(plain).count();
    let (name, rest) = line.split_at(length);
    let named = [b"Error".as_slice(), b"Exception", b"Interrupt", b"Throwable"];
    named.iter().any(|end| name.ends_with(end))
        && (rest.is_empty() || rest.starts_with(b": ") || rest == b":\r" || rest == b"\r")
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, identify};
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        assert_eq!(whole_characters("aé".as_bytes(), 2), 1);
        assert_eq!(whole_characters("aé".as_bytes(), 3), 3);
        assert_eq!(whole_characters("a\u{1f600}b".as_bytes(), 4), 1);
        assert_eq!(whole_characters(&[0x80; 10], 8), 8);
        assert_eq!(whole_characters("\u{1f600}".as_bytes(), 2), 2);
    }

    #[test]
    fn first_lines_decide() {
        let of = |head: &str| identify(head.as_bytes(), true).expect("there are no more bytes");
        assert_eq!(
            of("# Time: 2026-02-03T04:05:06.000000Z\n"),
            Some(Kind::SlowQueries)
        );
        assert_eq!(
            of("/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:\n"),
            Some(Kind::SlowQueries)
        );
        assert_eq!(of("2026/02/03 04:05:06 [error] 1#1: x"), Some(Kind::Nginx));
        assert_eq!(
            of("03/12/2026 10:48:14 AM\nLogName=System\n"),
            Some(Kind::WindowsPairs)
        );
        assert_eq!(of("03/12/2026 10:48:14 AM\nx\n"), None);
        assert_eq!(of("An account was logged off.\n"), Some(Kind::WindowsText));
        assert_eq!(of("CEF:0|Vendor|Product|1|2|3|4|\n"), Some(Kind::Cef));
        assert_eq!(of("Feb  3 04:05:06 host CEF:0|Vendor|Product|1|2|3|4|\n"), None);
        assert_eq!(
            of("Something rare was done.\n\nSubject:\n"),
            Some(Kind::WindowsText)
        );
        assert_eq!(of("Something rare was done.\nOr not.\n"), None);
        assert_eq!(of("2026-02-03 04:05:06,123 WARN  [main] x"), Some(Kind::Indented));
        assert_eq!(
            of("2026-02-03 04:05:06.123 UTC [9] LOG:  started"),
            Some(Kind::Indented)
        );
        assert_eq!(of("Feb  3 04:05:06 host app: ERROR x"), None);
        assert_eq!(of("2026-02-03T04:05:06Z host app: no level"), None);
        assert_eq!(of("12 <34>1 - - - -"), Some(Kind::Counted));
        assert_eq!(of("12 <x> y"), None);
        assert_eq!(of("<34>a\0<34>b"), Some(Kind::ZeroEnded));
        assert_eq!(of("<34>a\nb\0<34>b"), None);
        assert_eq!(identify(b"<34>a\0", false), None);
        assert_eq!(identify(b"03/12/2026 10:48:14 AM\nLogN", false), None);
        assert_eq!(identify(b"", true), Some(None));
    }

    #[test]
    fn lines_that_go_on() {
        for line in [
            "\tat a.B.c(D.java:1)",
            "Caused by: x",
            "java.io.IOException: gone",
            "ValueError",
        ] {
            assert!(continues(line.as_bytes()), "{line}");
        }
        for line in ["2026-02-03 x", "Error reading: x", "An Error: x", "started", ""] {
            assert!(!continues(line.as_bytes()), "{line}");
        }
    }
}
