//! Records of more than one line, and records that end with something else than a line.
//!
//! | first bytes | a record is |
//! |---|---|
//! | `# Time: …`, `# User@Host: …`, MySQL's banner | one statement of the slow query log with its header |
//! | `2026/02/03 04:05:06 [error] 1#1: …` | a line of nginx's error log and what an upstream wrote behind it |
//! | `03/12/2026 10:48:14 AM`, alone on its line | a Windows event as Splunk's forwarder writes it |
//! | the first sentence of a Windows event | the message of that event, with its sections |
//! | a time and a level, or PostgreSQL's severity | a line with the stack trace or the rest of the statement below it |
//! | `120 <34>…` | as many bytes as the count says (RFC 6587) |
//! | `<34>…`, a zero byte, `<34>…` | what stands in front of a zero byte |
//!
//! All other text is lines, and what is no first line of a source never makes it one of these. A record is a
//! piece of the source as it stands there. It ends where the next one shows itself, so the last one of a stream
//! waits for the stream to fall silent.
//!
//! Whoever gets a line feed into such a log can end a record early or begin one, as in any log of lines; a count
//! that the bytes behind it contradict is not believed.

use super::framer::zeroes;
use crate::formats::event_of_title;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// MySQL's slow query log.
    SlowQueries,
    /// nginx's error log.
    Nginx,
    /// Windows events as pairs under a line with their time.
    WindowsPairs,
    /// Messages of Windows events.
    WindowsText,
    /// Lines with what is indented below them, and stack traces.
    Indented,
    /// Messages behind their length.
    Counted,
    /// Messages in front of a zero byte.
    ZeroEnded,
}

/// Bytes of one record at most, or the longest allowed frame if that is less. Past it the record is closed and
/// marked as cut; what follows is the next one.
const RECORD_BYTES: usize = 1 << 20;

/// Bytes of a first line that are looked at.
const HEAD: usize = 64 << 10;

/// What the text in a source that is no JSON, XML or anything else is, by its first bytes. `None`: more are needed.
/// `Some(None)`: lines. `whole`: there are no more.
pub(super) fn identify(head: &[u8], whole: bool) -> Option<Option<Kind>> {
    let whole = whole || head.len() >= HEAD;
    let head = &head[..head.len().min(HEAD)];
    let start = head
        .iter()
        .position(|byte| *byte != 0 && !byte.is_ascii_whitespace());
    let Some(start) = start else {
        return whole.then_some(None);
    };
    let text = &head[start..];
    let feed = memchr::memchr(b'\n', text);
    if text[0] == b'<' {
        let zero = memchr::memchr(0, &text[..feed.unwrap_or(text.len())]);
        return match (zero, feed) {
            (None, None) if !whole => None,
            (None, _) => Some(None),
            (Some(zero), _) => match text.get(zero + 1) {
                Some(b'<') => Some(Some(Kind::ZeroEnded)),
                None if whole => Some(Some(Kind::ZeroEnded)),
                None => None,
                Some(_) => Some(None),
            },
        };
    }
    let end = feed.or(whole.then_some(text.len()))?;
    let line = text[..end].trim_ascii();
    if matches!(count(line), Count::Is { .. }) {
        return Some(Some(Kind::Counted));
    }
    if begins_statement(line) {
        return Some(Some(Kind::SlowQueries));
    }
    if begins_nginx(line) {
        return Some(Some(Kind::Nginx));
    }
    if is_title(line) {
        return Some(Some(Kind::WindowsText));
    }
    let is_date = is_date_alone(line);
    if is_date || is_sentence(line) {
        // The next line decides.
        let rest = text[end..].trim_ascii_start();
        let end = memchr::memchr(b'\n', rest).or(whole.then_some(rest.len()))?;
        let next = rest[..end].trim_ascii();
        return Some(match is_date {
            true => next.starts_with(b"LogName=").then_some(Kind::WindowsPairs),
            false => (next == b"Subject:" || next == b"Subject :").then_some(Kind::WindowsText),
        });
    }
    Some(has_level(line).then_some(Kind::Indented))
}

/// A record as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It goes on, but not in this frame.
    pub(super) cut: bool,
}

/// Finds records one after another.
#[derive(Debug)]
pub(super) struct Records {
    kind: Kind,
    limit: usize,
    /// Where the whole lines of the record at the cursor end, their line feeds included, counted from the cursor.
    taken: usize,
    /// Where its text ends so far, counted from the cursor; 0 if there is no record yet.
    end: usize,
    /// No line ends between `taken` and here, counted from the cursor.
    searched: usize,
    /// The header of a statement still lacks the line that says who sent it.
    nobody_yet: bool,
}

impl Records {
    pub(super) fn new(kind: Kind, max_frame: usize) -> Self {
        Records {
            kind,
            limit: RECORD_BYTES.min(max_frame),
            taken: 0,
            end: 0,
            searched: 0,
            nobody_yet: false,
        }
    }

    /// The next record at or after `cursor`, and where the cursor stands then.
    pub(super) fn next(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        match self.kind {
            Kind::Counted => self.next_counted(buffer, cursor, at_end),
            Kind::ZeroEnded => self.next_ended(buffer, cursor, at_end),
            _ => self.next_lines(buffer, cursor, at_end),
        }
    }

    /// The record at the cursor, if it is there, though nothing behind it says that it has ended.
    pub(super) fn flush(&mut self, cursor: usize) -> (Option<Record>, usize) {
        if self.end == 0 {
            return (None, cursor);
        }
        self.done(cursor, false)
    }

    /// The record at the cursor is dropped.
    pub(super) fn forget(&mut self) {
        (self.taken, self.end, self.searched) = (0, 0, 0);
    }

    fn done(&mut self, cursor: usize, cut: bool) -> (Option<Record>, usize) {
        let record = Record {
            start: cursor,
            end: cursor + self.end,
            cut,
        };
        let next = cursor + self.taken;
        self.forget();
        (Some(record), next)
    }

    fn next_lines(&mut self, buffer: &[u8], mut cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        loop {
            let rest = &buffer[cursor..];
            let from = self.searched.max(self.taken);
            let (end, next) = match memchr::memchr(b'\n', &rest[from..]) {
                Some(at) => (from + at, from + at + 1),
                None if !at_end => {
                    self.searched = rest.len();
                    return (None, cursor);
                }
                None if self.taken < rest.len() => (rest.len(), rest.len()),
                None => return self.flush(cursor),
            };
            let line = &rest[self.taken..end];
            let kept = self.taken + trimmed(line);
            let blank = line.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace());
            if self.end == 0 {
                // Nothing yet: what is blank belongs to no record.
                let skipped = if blank { next } else { zeroes(line) };
                cursor += skipped;
                self.forget();
                if !blank {
                    self.begin(&line[skipped..]);
                    (self.taken, self.end) = (next - skipped, kept - skipped);
                }
                continue;
            }
            if !blank && self.begins(line) {
                return self.done(cursor, false);
            }
            if next > self.limit {
                return self.done(cursor, true);
            }
            self.taken = next;
            if !blank {
                self.end = kept;
            }
        }
    }

    /// Notes the first line of a record.
    fn begin(&mut self, line: &[u8]) {
        self.nobody_yet = line.starts_with(TIME) && memchr::memmem::find(line, USER).is_none();
    }

    /// Whether a line that is not the first one of its record starts the next.
    fn begins(&mut self, line: &[u8]) -> bool {
        match self.kind {
            Kind::SlowQueries if line.starts_with(USER) => !std::mem::take(&mut self.nobody_yet),
            Kind::SlowQueries => begins_statement(line),
            Kind::Nginx => begins_nginx(line),
            Kind::WindowsPairs => is_date_alone(line.trim_ascii()),
            Kind::WindowsText => is_title(line.trim_ascii()),
            _ => !continues(line),
        }
    }

    fn next_counted(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        let cursor = behind_gap(buffer, cursor);
        let rest = &buffer[cursor..];
        let length = match count(rest) {
            Count::Is { length } if length <= self.limit => length,
            Count::Unfinished if !at_end => return (None, cursor),
            _ => return self.one_line(buffer, cursor, at_end),
        };
        if rest.len() < length {
            return match at_end {
                true => self.one_line(buffer, cursor, at_end),
                false => (None, cursor),
            };
        }
        let (message, behind) = rest.split_at(length);
        let believed = match behind.first() {
            Some(next) => matches!(next, b'\n' | b'\r' | 0 | b'0'..=b'9'),
            None if at_end => true,
            None => {
                // Enough of it to hand out if nothing follows.
                (self.taken, self.end) = (length, trimmed(message));
                return (None, cursor);
            }
        };
        if !believed || holds_another(message) {
            return self.one_line(buffer, cursor, at_end);
        }
        (self.taken, self.end) = (length, trimmed(message));
        self.done(cursor, false)
    }

    fn next_ended(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        let gap = behind_gap(buffer, cursor);
        if gap > cursor {
            self.searched = 0;
        }
        let rest = &buffer[gap..];
        let zero = memchr::memchr(0, &rest[self.searched..]).map(|at| self.searched + at);
        match zero.or((at_end && !rest.is_empty()).then_some(rest.len())) {
            Some(end) => {
                (self.taken, self.end) = ((end + 1).min(rest.len()), rest[..end].trim_ascii_end().len());
                self.done(gap, false)
            }
            None => {
                self.searched = rest.len();
                (None, gap)
            }
        }
    }

    /// The line at the cursor, in which something stands.
    fn one_line(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        let rest = &buffer[cursor..];
        let feed = memchr::memchr(b'\n', rest);
        match feed.or((at_end && !rest.is_empty()).then_some(rest.len())) {
            Some(end) => {
                (self.taken, self.end) = ((end + 1).min(rest.len()), trimmed(&rest[..end]));
                self.done(cursor, false)
            }
            None => (None, cursor),
        }
    }
}

/// How long `line` is without the end of the line and the zeroes before it.
fn trimmed(line: &[u8]) -> usize {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
    end.map_or(0, |end| end + 1)
}

/// Where the first byte after `cursor` is that is part of a record.
fn behind_gap(buffer: &[u8], cursor: usize) -> usize {
    let rest = &buffer[cursor..];
    let gap = rest
        .iter()
        .take_while(|byte| **byte == 0 || byte.is_ascii_whitespace());
    cursor + gap.count()
}

enum Count {
    /// As many bytes with the count itself.
    Is {
        length: usize,
    },
    /// There may come more of it.
    Unfinished,
    None,
}

/// `LENGTH <priority>` at the start of `text`.
fn count(text: &[u8]) -> Count {
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
fn holds_another(message: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', message).any(|feed| matches!(count(&message[feed + 1..]), Count::Is { .. }))
}

const TIME: &[u8] = b"# Time: ";
const USER: &[u8] = b"# User@Host: ";

/// Whether MySQL begins the record of a statement, or the file, with `line`.
fn begins_statement(line: &[u8]) -> bool {
    line.starts_with(TIME) || line.starts_with(USER) || line.trim_ascii_end().ends_with(b". started with:")
}

/// `2026/02/03 04:05:06 [`
fn begins_nginx(line: &[u8]) -> bool {
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
fn is_date_alone(line: &[u8]) -> bool {
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
fn is_title(line: &[u8]) -> bool {
    line.len() > 8 && std::str::from_utf8(line).is_ok_and(|line| event_of_title(line).is_some())
}

/// Whether `line` could be such a sentence.
fn is_sentence(line: &[u8]) -> bool {
    line.len() <= 200
        && line.first().is_some_and(u8::is_ascii_uppercase)
        && matches!(line.last(), Some(b'.' | b':'))
        && line.contains(&b' ')
}

/// Whether `line` is that of an application: a time of day among its first bytes and a level behind it, or a severity
/// in front of two spaces, as PostgreSQL writes it.
fn has_level(line: &[u8]) -> bool {
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
fn continues(line: &[u8]) -> bool {
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
    use super::*;

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
