//! Records of more than one line, and records that end with something else than a line.
//!
//! | first bytes | a record is |
//! |---|---|
//! | `# Time: …`, `# User@Host: …`, MySQL's banner | one statement of the slow query log with its header |
//! | `2026/02/03 04:05:06 [error] 1#1: …` | a line of nginx's error log and what an upstream wrote behind it |
//! | `03/12/2026 10:48:14 AM`, alone on its line | a Windows event as Splunk's forwarder writes it |
//! | the first sentence of a Windows event | the message of that event, with its sections |
//! | `CEF:0|Vendor|…` without a header | that event, and the lines below it that begin nothing of their own: some exports wrap them |
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

mod shapes;

use shapes::{
    Count, TIME, USER, begins_event, begins_nginx, begins_statement, behind_gap, continues, count, has_level,
    holds_another, is_cef, is_date_alone, is_sentence, is_title, trimmed,
};
pub(super) use shapes::{whole_characters, zeroes};

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
    /// Events in CEF that were wrapped.
    Cef,
    /// Lines with what is indented below them, and stack traces.
    Indented,
    /// Messages behind their length.
    Counted,
    /// Messages in front of a zero byte.
    ZeroEnded,
}

/// Bytes of one record at most, or the longest allowed frame if that is less. Past it the record is closed and
/// marked as cut; what follows is the next one.
pub(super) const RECORD_BYTES: usize = 1 << 20;

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
    if is_cef(line) {
        return Some(Some(Kind::Cef));
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
    /// The record goes on behind `end`, though it is all there.
    cut: bool,
    /// Only more bytes show what stands at the cursor, however many there are.
    waits: bool,
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
            cut: false,
            waits: false,
        }
    }

    /// What ends a record that is too long.
    pub(super) fn end_byte(&self) -> u8 {
        match self.kind {
            Kind::ZeroEnded => 0,
            _ => b'\n',
        }
    }

    /// Whether what stands at the cursor is not too long, whatever its length.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// The next record at or after `cursor`, and where the cursor stands then.
    pub(super) fn next(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Option<Record>, usize) {
        match self.kind {
            Kind::Counted => self.one_line(buffer, cursor, at_end),
            Kind::ZeroEnded => self.next_ended(buffer, cursor, at_end),
            _ => self.next_lines(buffer, cursor, at_end),
        }
    }

    /// The record at the cursor, if it is there, though nothing behind it says that it has ended.
    pub(super) fn flush(&mut self, cursor: usize) -> (Option<Record>, usize) {
        if self.end == 0 {
            return (None, cursor);
        }
        self.done(cursor, self.cut)
    }

    /// The record at the cursor is dropped.
    pub(super) fn forget(&mut self) {
        (self.taken, self.end, self.searched) = (0, 0, 0);
        (self.cut, self.waits) = (false, false);
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
            Kind::Cef => begins_event(line),
            _ => !continues(line),
        }
    }

    /// The next record, by its count. `None`: no count stands at `cursor`, or none that the bytes behind it bear out.
    pub(super) fn next_counted(
        &mut self,
        buffer: &[u8],
        cursor: usize,
        at_end: bool,
    ) -> Option<(Option<Record>, usize)> {
        if self.kind != Kind::Counted {
            return None;
        }
        // What the last look left behind counts no more; only how far there was no line feed.
        (self.taken, self.end, self.cut, self.waits) = (0, 0, false, false);
        let begin = behind_gap(buffer, cursor);
        if begin > cursor {
            self.searched = 0;
            return Some((None, begin));
        }
        let rest = &buffer[cursor..];
        let length = match count(rest) {
            Count::Is { length } => length,
            Count::Unfinished if !at_end => {
                self.waits = true;
                return Some((None, cursor));
            }
            _ => return None,
        };
        if rest.len() < length {
            self.waits = !at_end;
            return self.waits.then_some((None, cursor));
        }
        let (message, behind) = rest.split_at(length);
        let believed = match behind.first() {
            Some(next) => matches!(next, b'\n' | b'\r' | 0 | b'0'..=b'9'),
            None => true,
        };
        if !believed || holds_another(message) {
            return None;
        }
        let end = trimmed(message);
        self.taken = length;
        self.cut = end > self.limit;
        self.end = match self.cut {
            true => whole_characters(message, self.limit),
            false => end,
        };
        if behind.is_empty() && !at_end {
            // Enough of it to hand out if nothing follows.
            self.waits = true;
            return Some((None, cursor));
        }
        Some(self.done(cursor, self.cut))
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
        let from = self.searched.min(rest.len());
        let feed = memchr::memchr(b'\n', &rest[from..]).map(|at| from + at);
        match feed.or((at_end && !rest.is_empty()).then_some(rest.len())) {
            Some(end) => {
                (self.taken, self.end) = ((end + 1).min(rest.len()), trimmed(&rest[..end]));
                self.done(cursor, false)
            }
            None => {
                self.searched = rest.len();
                (None, cursor)
            }
        }
    }
}
