//! Long texts, searched line by line.
//!
//! What PowerShell, installers and services write is long and made of lines that come again and again: only a few
//! differ from one event to the next. A literal without a line feed lies within a line, so what all lines hold is what
//! the text holds, and of a known line that is known.

use borzoi_parsers::formats::flat::unescape_into;
use hashbrown::HashMap;

use super::memory::{Known, Values};
use crate::matcher::field_index::{Mark, Scratch};
use crate::matcher::plan::FieldPlan;

/// Shorter texts are searched as a whole.
pub(super) const SHORTEST_TEXT: usize = 512;

/// Findings of one text that are gathered before they are sorted out.
const ROOM: usize = 4096;

/// What is remembered of the lines of one key's values.
#[derive(Default)]
pub(super) struct Lines {
    /// The outcome is a number in `marks`, and 0 for none.
    values: Values,
    marks: Vec<Box<[Mark]>>,
    by_marks: HashMap<Box<[Mark]>, u32>,
    bytes: usize,
    /// Of the text at hand: the numbers that its lines have.
    numbers: Vec<u32>,
    found: Vec<Mark>,
}

impl Lines {
    /// Puts what the literals in `raw`, the inside of a JSON string, say into `marks`; how many bytes more are
    /// remembered than before. `text` is scratch.
    pub(super) fn marks_of(
        &mut self,
        raw: &str,
        plan: &FieldPlan,
        (text, scratch): (&mut String, &mut Scratch),
        marks: &mut Vec<Mark>,
    ) -> usize {
        marks.clear();
        self.numbers.clear();
        let before = self.bytes;
        let mut room = ROOM;
        for line in lines(raw) {
            let number = match self.values.get(line.as_bytes()) {
                Some(known) => known.outcome,
                None => self.search(line, plan, (text, scratch), marks),
            };
            if number != 0 && self.numbers.last() != Some(&number) {
                self.numbers.push(number);
            }
            // The same few things again and again must not fill the memory.
            if self.numbers.len() + marks.len() > room {
                shorten(&mut self.numbers);
                shorten(marks);
                room = ROOM.max(2 * (self.numbers.len() + marks.len()));
            }
        }
        shorten(&mut self.numbers);
        for &number in &self.numbers {
            marks.extend_from_slice(&self.marks[number as usize - 1]);
        }
        shorten(marks);
        self.bytes - before
    }

    /// The number of what a line says; it stands in `marks` instead where the line is not worth remembering.
    fn search(
        &mut self,
        line: &str,
        plan: &FieldPlan,
        (text, scratch): (&mut String, &mut Scratch),
        marks: &mut Vec<Mark>,
    ) -> u32 {
        text.clear();
        unescape_into(line, text);
        if !self.values.wants(line.as_bytes()) {
            plan.marks_of(text, scratch, marks);
            return 0;
        }
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        plan.marks_of(text, scratch, &mut found);
        let outcome = self.intern(&mut found);
        self.found = found;
        self.bytes += self.values.insert(line.as_bytes(), Known { outcome, fits: true });
        outcome
    }

    fn intern(&mut self, marks: &mut Vec<Mark>) -> u32 {
        shorten(marks);
        if marks.is_empty() {
            return 0;
        }
        if let Some(&known) = self.by_marks.get(marks.as_slice()) {
            return known;
        }
        self.bytes += 2 * (size_of_val(marks.as_slice()) + 32);
        self.marks.push(marks.as_slice().into());
        let number = u32::try_from(self.marks.len()).expect("the budget ends long before u32::MAX");
        self.by_marks.insert(marks.as_slice().into(), number);
        number
    }

    /// Forgets all lines; how many bytes that gives back.
    pub(super) fn clear(&mut self) -> usize {
        std::mem::take(self).bytes
    }
}

/// Sorted, each once.
fn shorten<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// The lines of the inside of a JSON string, as they stand there.
fn lines(raw: &str) -> impl Iterator<Item = &str> {
    let bytes = raw.as_bytes();
    let mut feeds = memchr::memmem::find_iter(bytes, b"\\n").filter(|&at| {
        // A backslash that another one escapes begins no escape.
        let before = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\');
        before.count().is_multiple_of(2)
    });
    let mut start = 0;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let (end, next) = match feeds.next() {
            Some(feed) => (feed, feed + 2),
            None => {
                ended = true;
                (raw.len(), raw.len())
            }
        };
        let line = &raw[start..end];
        start = next;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text in "[a\\\\\n\rn\"é]{0,30}") {
            let quoted = serde_json::to_string(&text).expect("a string");
            let raw = &quoted[1..quoted.len() - 1];
            let found: Vec<String> = lines(raw)
                .map(|line| {
                    let mut unescaped = String::new();
                    unescape_into(line, &mut unescaped);
                    unescaped
                })
                .collect();
            let expected: Vec<&str> = text.split('\n').collect();
            prop_assert_eq!(found, expected);
        }
    }
}
