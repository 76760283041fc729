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

/// What is remembered of the lines of one key's values.
#[derive(Default)]
pub(super) struct Lines {
    /// The outcome is a number in `marks`, and 0 for none.
    values: Values,
    marks: Vec<Box<[Mark]>>,
    by_marks: HashMap<Box<[Mark]>, u32>,
}

impl Lines {
    /// Puts what the literals in `raw`, the inside of a JSON string, say into `marks`; how many bytes are remembered
    /// for that. `text` is scratch.
    pub(super) fn marks_of(
        &mut self,
        raw: &str,
        plan: &FieldPlan,
        (text, scratch): (&mut String, &mut Scratch),
        marks: &mut Vec<Mark>,
    ) -> usize {
        marks.clear();
        let mut bytes = 0;
        for line in lines(raw) {
            let known = match self.values.get(line.as_bytes()) {
                Some(known) => known.outcome,
                None => {
                    text.clear();
                    unescape_into(line, text);
                    let mut found = Vec::new();
                    plan.marks_of(text, scratch, &mut found);
                    let outcome = self.intern(found);
                    let known = Known { outcome, fits: true };
                    bytes += self.values.insert(line.as_bytes(), known);
                    outcome
                }
            };
            if let Some(known) = known.checked_sub(1) {
                marks.extend_from_slice(&self.marks[known as usize]);
            }
        }
        marks.sort_unstable();
        marks.dedup();
        bytes
    }

    fn intern(&mut self, mut marks: Vec<Mark>) -> u32 {
        if marks.is_empty() {
            return 0;
        }
        marks.sort_unstable();
        let marks = marks.into_boxed_slice();
        if let Some(&known) = self.by_marks.get(&marks) {
            return known;
        }
        self.marks.push(marks.clone());
        let number = u32::try_from(self.marks.len()).expect("the budget ends long before u32::MAX");
        self.by_marks.insert(marks, number);
        number
    }

    /// Forgets all lines.
    pub(super) fn clear(&mut self) {
        *self = Lines::default();
    }
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
