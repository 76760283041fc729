//! JSON documents in a source: one a line, in a row, in an array, or in an array inside an object.

use super::json::{DocumentScan, Scan, Wrapper, wrapper};
use crate::formats::Reject;

/// What comes next.
#[derive(Debug)]
pub(super) enum Found {
    /// A document, or a line that is none.
    Frame(usize, usize),
    /// Something that is no document.
    Refused(usize, usize, Reject),
    /// Its end is not there yet, or nothing is left.
    Unfinished,
}

/// Finds documents one after another.
///
/// The first document decides whether the source is one document a line, which is searched for line
/// feeds alone, or is scanned for brackets.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// Whether documents are lines; `None` until the first one has ended.
    lines: Option<bool>,
    in_array: bool,
    /// The array is in an object.
    wrapped: bool,
    /// The scan of the rest of a wrapping object.
    wrapper_end: Option<DocumentScan>,
    /// The scan of the document at the cursor.
    scan: Option<DocumentScan>,
    /// Where the document at the cursor ends, found before what follows it was there.
    complete: Option<usize>,
    /// What stands in front of array elements that start a line.
    element_indent: Option<Vec<u8>>,
    /// The bytes right before the cursor were a gap between documents, from a line feed on.
    in_gap: bool,
    /// The document at the cursor is broken; look for the next one from here, counted from the cursor.
    broken: Option<usize>,
    /// The document at the cursor is broken and ends with its line.
    as_line: bool,
    /// No line ends before this, counted from the cursor.
    searched: usize,
}

/// Bytes within which an object must show that it wraps events.
const WRAPPER_HEAD: usize = 64 << 10;

impl Documents {
    /// The next document at or after `cursor`, and where the cursor stands then.
    pub(super) fn next(&mut self, buffer: &[u8], mut cursor: usize, at_end: bool) -> (Found, usize) {
        if let Some(end) = self.plain_line(buffer, &mut cursor) {
            return (Found::Frame(cursor, end), end);
        }
        loop {
            let step = self.step(buffer, cursor, at_end);
            match step {
                Step::Skip(to) => cursor = to,
                Step::Found(found, to) => {
                    self.forget();
                    return (found, to);
                }
                Step::Unfinished => return (Found::Unfinished, cursor),
            }
        }
    }

    /// Where the document ends that is the line at the cursor or behind its line feed, as nearly all are in a source of such.
    /// Otherwise nothing was done.
    #[inline]
    fn plain_line(&self, buffer: &[u8], cursor: &mut usize) -> Option<usize> {
        let between = self.scan.is_none() && self.broken.is_none() && self.complete.is_none();
        let anew = self.searched == 0 && !self.as_line && self.wrapper_end.is_none();
        if self.lines != Some(true) || self.in_array || !between || !anew {
            return None;
        }
        let start = *cursor + usize::from(buffer.get(*cursor) == Some(&b'\n'));
        let rest = buffer.get(start..).filter(|rest| rest.first() == Some(&b'{'))?;
        let length = memchr::memchr(b'\n', rest)?;
        if rest[length - 1] != b'}' {
            return None;
        }
        *cursor = start;
        Some(start + length)
    }

    /// The document at the cursor is dropped.
    pub(super) fn give_up(&mut self) {
        self.forget();
        self.wrapper_end = None;
    }

    fn forget(&mut self) {
        self.scan = None;
        self.complete = None;
        self.broken = None;
        self.as_line = false;
        self.searched = 0;
        self.in_gap = false;
    }

    fn step(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> Step {
        if let Some(scan) = &mut self.wrapper_end {
            return match scan.scan(&buffer[cursor..], None) {
                Scan::Complete(length) | Scan::Broken(length) => {
                    self.wrapper_end = None;
                    Step::Skip(cursor + length)
                }
                Scan::Unfinished if at_end => Step::Skip(buffer.len()).or_end(cursor, buffer.len()),
                Scan::Unfinished => Step::Unfinished,
            };
        }
        if self.scan.is_none() && self.broken.is_none() && self.searched == 0 {
            let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | 0x1e | 0);
            let gap = buffer[cursor..].iter().take_while(|byte| between(byte)).count();
            if gap > 0 {
                if self.in_array {
                    self.note_indent(&buffer[cursor..cursor + gap]);
                }
                return Step::Skip(cursor + gap);
            }
        }
        let rest = &buffer[cursor..];
        match rest.first() {
            None => Step::Unfinished,
            Some(b']') if self.in_array => {
                self.in_array = false;
                self.element_indent = None;
                if std::mem::take(&mut self.wrapped) {
                    self.wrapper_end = Some(DocumentScan::inside_object());
                }
                Step::Skip(cursor + 1)
            }
            Some(b'[') if !self.in_array && self.lines != Some(true) => {
                match rest[1..].iter().find(|byte| !byte.is_ascii_whitespace()) {
                    Some(b'{' | b']') => {
                        self.lines = Some(false);
                        self.in_array = true;
                        Step::Skip(cursor + 1)
                    }
                    None if !at_end => Step::Unfinished,
                    _ => self.line(buffer, cursor, at_end),
                }
            }
            Some(b'{') => self.object(buffer, cursor, at_end),
            Some(_) => self.line(buffer, cursor, at_end),
        }
    }

    fn note_indent(&mut self, gap: &[u8]) {
        match (memchr::memrchr(b'\n', gap), &mut self.element_indent) {
            (Some(feed), _) => {
                self.element_indent = Some(gap[feed + 1..].to_vec());
                self.in_gap = true;
            }
            (None, Some(indent)) if self.in_gap => indent.extend_from_slice(gap),
            // Its line began elsewhere.
            (None, _) => {}
        }
    }

    /// Takes the line at the cursor, whatever it is.
    fn line(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> Step {
        let rest = &buffer[cursor..];
        let end = match memchr::memchr(b'\n', &rest[self.searched..]) {
            Some(at) => self.searched + at,
            None if at_end => rest.len(),
            None => {
                self.searched = rest.len();
                return Step::Unfinished;
            }
        };
        let length = rest[..end].trim_ascii_end().len();
        Step::Found(Found::Frame(cursor, cursor + length), cursor + end)
    }

    fn object(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> Step {
        let rest = &buffer[cursor..];
        if self.as_line {
            return self.line(buffer, cursor, at_end);
        }
        if let Some(from) = self.broken {
            return self.resume_behind_broken(buffer, cursor, from, at_end);
        }
        if self.lines == Some(true) && !self.in_array && self.scan.is_none() {
            let Step::Found(Found::Frame(start, end), to) = self.line(buffer, cursor, at_end) else {
                return Step::Unfinished;
            };
            if buffer[start..end].ends_with(b"}") {
                return Step::Found(Found::Frame(start, end), to);
            }
        }
        if self.lines != Some(true) && !self.in_array && self.scan.is_none() {
            match wrapper(rest) {
                Wrapper::Elements(elements) => {
                    self.lines = Some(false);
                    self.in_array = true;
                    self.wrapped = true;
                    return Step::Skip(cursor + elements);
                }
                Wrapper::Unknown if !at_end && rest.len() < WRAPPER_HEAD => return Step::Unfinished,
                Wrapper::Unknown | Wrapper::No => {}
            }
        }
        if let Some(length) = self.complete {
            return self.completed(buffer, cursor, length, at_end);
        }
        let indent = if self.in_array {
            self.element_indent.as_deref()
        } else {
            Some(b"".as_slice())
        };
        match self.scan.get_or_insert_default().scan(rest, indent) {
            Scan::Complete(length) => self.completed(buffer, cursor, length, at_end),
            Scan::Unfinished if !at_end => Step::Unfinished,
            Scan::Unfinished => {
                if self.lines == Some(true) && memchr::memchr(b'\n', rest).is_some() {
                    self.searched = 0;
                    return self.line(buffer, cursor, at_end);
                }
                let reject = Reject::new("truncated_json", "the input ends inside this JSON document");
                Step::Found(Found::Refused(cursor, buffer.len(), reject), buffer.len())
            }
            Scan::Broken(length) => {
                let first_line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                if !self.in_array && (self.lines == Some(true) || length <= first_line) {
                    // The format says what is wrong with it.
                    self.searched = 0;
                    self.as_line = true;
                    return self.line(buffer, cursor, at_end);
                }
                self.broken = Some(length);
                self.resume_behind_broken(buffer, cursor, length, at_end)
            }
        }
    }

    /// A whole document: the first one decides whether documents are lines.
    fn completed(&mut self, buffer: &[u8], cursor: usize, length: usize, at_end: bool) -> Step {
        let end = cursor + length;
        if self.lines.is_none() && !self.in_array {
            let one_line = memchr::memchr(b'\n', &buffer[cursor..end]).is_none();
            match buffer[end..]
                .iter()
                .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            {
                Some(b'\n') => self.lines = Some(one_line),
                Some(_) => self.lines = Some(false),
                None if at_end => self.lines = Some(one_line),
                None => {
                    self.complete = Some(length);
                    return Step::Unfinished;
                }
            }
        }
        Step::Found(Found::Frame(cursor, end), end)
    }

    /// Looks for the beginning of the next document; what is before it is refused as one.
    fn resume_behind_broken(&mut self, buffer: &[u8], cursor: usize, from: usize, at_end: bool) -> Step {
        let mut start = b"\n".to_vec();
        match (&self.element_indent, self.in_array) {
            (Some(indent), true) => start.extend_from_slice(indent),
            (None, true) => start = b",".to_vec(),
            (_, false) => {}
        }
        start.push(b'{');
        let rest = &buffer[cursor..];
        // The scan may have stopped right before the next document; its line feed is then behind us.
        let from = from.saturating_sub(start.len());
        let end = match memchr::memmem::find(&rest[from..], &start) {
            Some(at) => from + at + start.len() - 1,
            None if at_end => rest.len(),
            None => {
                self.broken = Some(rest.len().max(1));
                return Step::Unfinished;
            }
        };
        let length = rest[..end].trim_ascii_end().len();
        let reject = Reject::new(
            "broken_json",
            "a JSON document that does not end where the next one starts",
        );
        Step::Found(Found::Refused(cursor, cursor + length, reject), cursor + end)
    }
}

enum Step {
    /// Go on from there.
    Skip(usize),
    Found(Found, usize),
    Unfinished,
}

impl Step {
    /// At the end of the input, skipping nothing is being done.
    fn or_end(self, cursor: usize, end: usize) -> Step {
        if cursor == end { Step::Unfinished } else { self }
    }
}
