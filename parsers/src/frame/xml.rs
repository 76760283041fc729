//! `<Event>` elements in a row, inside `<Events>` or not; and the documents of one event each that Trellix writes.

use crate::formats::Reject;

/// What comes next.
#[derive(Debug)]
pub(super) enum Element {
    /// An event, from `<Event` to `</Event>`.
    Event(usize, usize),
    /// Something that is none.
    Refused(usize, usize, Reject),
    /// Its end is not there yet, or nothing is left.
    Unfinished,
}

/// Finds events one after another. An event without an end is given up where the next one starts.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// The cursor stands on an event's first byte.
    inside: bool,
    /// What the event that the cursor stands on, or the next one, is called.
    kind: Kind,
    /// Nothing of interest before this, counted from the cursor.
    searched: usize,
}

/// How an event's element begins (without the sign behind its name) and ends.
#[derive(Debug, Clone, Copy)]
struct Kind {
    start: &'static [u8],
    end: &'static [u8],
}

impl Default for Kind {
    fn default() -> Self {
        WINDOWS
    }
}

const WINDOWS: Kind = Kind {
    start: b"<Event",
    end: b"</Event>",
};
/// Documents that have `<Event` elements inside, or none.
const DOCUMENTS: [Kind; 3] = [
    Kind {
        start: b"<EPOevent",
        end: b"</EPOevent>",
    },
    Kind {
        start: b"<EPOEvent",
        end: b"</EPOEvent>",
    },
    Kind {
        start: b"<UpdateEvents",
        end: b"</UpdateEvents>",
    },
];
/// A document's element begins within as many bytes, behind its declaration.
const DECLARATION: usize = 256;

/// What comes next: one of the documents if its element is the first; `None`: that is not to be told yet. What is told
/// does not depend on how much of `rest` is there.
fn kind_of(rest: &[u8], at_end: bool) -> Option<Kind> {
    let head = &rest[..rest.len().min(DECLARATION)];
    let is_whole = at_end || rest.len() >= DECLARATION;
    let mut at = 0;
    while let Some(tag) = memchr::memchr(b'<', &head[at..]) {
        at += tag + 1;
        let Some(&first) = head.get(at) else { break };
        if !first.is_ascii_alphabetic() {
            continue;
        }
        let name = head[at..]
            .iter()
            .position(|&b| b.is_ascii_whitespace() || b == b'>');
        let Some(length) = name else { break };
        let is_called = |kind: &&Kind| kind.start[1..] == head[at..at + length];
        return Some(DOCUMENTS.iter().find(is_called).copied().unwrap_or(WINDOWS));
    }
    is_whole.then_some(WINDOWS)
}

impl Elements {
    /// The next event at or after `cursor`, and where the cursor stands then.
    pub(super) fn next(&mut self, buffer: &[u8], cursor: usize, at_end: bool) -> (Element, usize) {
        let mut cursor = cursor;
        if !self.inside {
            let rest = &buffer[cursor..];
            let Some(kind) = kind_of(rest, at_end) else {
                return (Element::Unfinished, cursor);
            };
            self.kind = kind;
            let Some(start) = event_start(rest, self.searched, at_end, self.kind.start) else {
                // A tag may be cut in two at the end of what is there.
                self.searched = rest.len().saturating_sub(self.kind.end.len().max(DECLARATION));
                if at_end && !rest.is_empty() {
                    return (refuse_gap(buffer, cursor, buffer.len()), buffer.len());
                }
                return (Element::Unfinished, cursor);
            };
            self.inside = true;
            self.searched = 1;
            let gap = cursor;
            cursor += start;
            if let refused @ Element::Refused(..) = refuse_gap(buffer, gap, cursor) {
                return (refused, cursor);
            }
        }
        let rest = &buffer[cursor..];
        // The next start first, and the end only in front of it: the other way round, starts without an end
        // would each search all that follows them.
        let Kind {
            start: opening,
            end: closing,
        } = self.kind;
        let next = event_start(rest, self.searched, false, opening);
        let limit = next.unwrap_or(rest.len());
        let end = memchr::memmem::find(&rest[self.searched.min(limit)..limit], closing);
        match end.map(|at| self.searched + at + closing.len()) {
            Some(end) => {
                self.inside = false;
                self.searched = 0;
                (Element::Event(cursor, cursor + end), cursor + end)
            }
            None if limit < rest.len() => {
                self.searched = 1;
                let reject = Reject::new("truncated_xml", "the next event starts before this one ends");
                (Element::Refused(cursor, cursor + limit, reject), cursor + limit)
            }
            None if at_end => {
                self.inside = false;
                self.searched = 0;
                let reject = Reject::new("truncated_xml", "the input ends inside this event");
                (Element::Refused(cursor, buffer.len(), reject), buffer.len())
            }
            None => {
                self.searched = rest.len().saturating_sub(closing.len()).max(1);
                (Element::Unfinished, cursor)
            }
        }
    }
}

/// Position of the first `opening` tag (`<Event`, but not `<Events`, `<EventID`) at or after `from`.
fn event_start(bytes: &[u8], from: usize, at_end: bool, opening: &[u8]) -> Option<usize> {
    let from = from.min(bytes.len());
    memchr::memmem::find_iter(&bytes[from..], opening)
        .map(|at| from + at)
        .find(|at| match bytes.get(at + opening.len()) {
            Some(next) => next.is_ascii_whitespace() || *next == b'>',
            None => at_end,
        })
}

/// Declarations, the `<Events>` tags and white space may stand between events; other things are refused.
fn refuse_gap(buffer: &[u8], start: usize, end: usize) -> Element {
    let mut rest = buffer[start..end].trim_ascii();
    loop {
        let tag = [b"<?".as_slice(), b"<!", b"<Events", b"</Events"]
            .iter()
            .any(|opening| rest.starts_with(opening));
        match memchr::memchr(b'>', rest) {
            Some(close) if tag => rest = rest[close + 1..].trim_ascii_start(),
            _ => break,
        }
    }
    if rest.is_empty() {
        Element::Unfinished
    } else {
        let reject = Reject::new("not_an_event", "text between events");
        Element::Refused(start, end, reject)
    }
}
