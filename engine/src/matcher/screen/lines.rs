//! Long texts, searched line by line.
//!
//! What PowerShell, installers and services write is long and made of lines that come again and again: only a few
//! differ from one event to the next. A literal without a line feed lies within a line, so what all lines hold is what
//! the text holds, and of a known line that is known.
//!
//! Lines come in the order in which they came before. So what followed the last two lines is compared first, where it
//! would stand: then neither the end of the line nor the line among all others has to be looked for.

use borzoi_parsers::formats::flat::unescape_into;
use hashbrown::HashMap;

use super::memory::{ENTRY_BYTES, Known, Place, Values};
use crate::matcher::field_index::{Mark, Scratch};
use crate::matcher::plan::FieldPlan;

/// Shorter texts are searched as a whole.
pub(super) const SHORTEST_TEXT: usize = 512;

/// Findings of one text that are gathered before they are sorted out.
const ROOM: usize = 4096;

/// Places for [what followed two lines](Lines::places): a power of two.
const PLACES: usize = 4096;

/// The number of a line that is none: where a text begins.
const NONE: u32 = u32::MAX;

/// What is remembered of the lines of one key's values.
#[derive(Default)]
pub(super) struct Lines {
    /// The outcome is a number in `lines`.
    values: Values,
    lines: Vec<Line>,
    /// By two lines that stood one after the other: what followed them last. Others may share the place, so it is a
    /// guess. Empty until there is a line.
    followers: Vec<u32>,
    marks: Vec<Box<[Mark]>>,
    by_marks: HashMap<Box<[Mark]>, u32>,
    bytes: usize,
    /// Of the text at hand: the numbers that its lines have.
    numbers: Vec<u32>,
    found: Vec<Mark>,
}

/// A line that is remembered.
#[derive(Debug, Clone, Copy)]
struct Line {
    place: Place,
    /// A number in `marks`, and 0 for none.
    marks: u32,
}

/// The numbers of the last two lines, the latest behind; of one that is not remembered, that of the one that was
/// guessed: what comes after it may well be the same.
#[derive(Debug, Clone, Copy)]
struct Last([u32; 2]);

impl Last {
    fn place(self) -> usize {
        let [one, other] = self.0;
        let mixed = one.wrapping_mul(0x85eb_ca77) ^ other.wrapping_mul(0x9e37_79b1);
        (mixed >> 16) as usize % PLACES
    }

    fn push(&mut self, line: u32) {
        self.0 = [self.0[1], line];
    }
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
        let mut rest = Some(raw);
        let mut last = Last([NONE; 2]);
        while let Some(from) = rest {
            let guess = self.followers.get(last.place()).copied().unwrap_or(NONE);
            let number = match self.begins(from, guess) {
                Some((number, behind)) => {
                    self.values.foreseen();
                    rest = behind;
                    last.push(guess);
                    number
                }
                None => {
                    let (line, behind) = first_line(from);
                    rest = behind;
                    let (number, known) = self.find(line, plan, (text, scratch), marks);
                    if let Some(known) = known {
                        self.followers.resize(PLACES, NONE);
                        self.followers[last.place()] = known;
                    }
                    last.push(known.unwrap_or(guess));
                    number
                }
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

    /// If the line of this number is the first of `raw`: the number of what it says, and what stands behind it.
    #[inline]
    fn begins<'r>(&self, raw: &'r str, line: u32) -> Option<(u32, Option<&'r str>)> {
        let line = self.lines.get(line as usize)?;
        let behind = raw.as_bytes().strip_prefix(self.values.text(line.place))?;
        // Both are insides of JSON strings, and a line ends behind a whole escape: so a feed that follows begins one.
        let behind = match behind {
            [] => None,
            [b'\\', b'n', rest @ ..] => Some(&raw[raw.len() - rest.len()..]),
            _ => return None,
        };
        Some((line.marks, behind))
    }

    /// The number of what a line says; it stands in `marks` instead where the line is not worth remembering. And the
    /// line's own number.
    fn find(
        &mut self,
        line: &str,
        plan: &FieldPlan,
        (text, scratch): (&mut String, &mut Scratch),
        marks: &mut Vec<Mark>,
    ) -> (u32, Option<u32>) {
        if let Some(known) = self.values.get(line.as_bytes()) {
            return (self.lines[known.outcome as usize].marks, Some(known.outcome));
        }
        text.clear();
        unescape_into(line, text);
        if !self.values.wants(line.as_bytes()) {
            plan.marks_of(text, scratch, marks);
            return (0, None);
        }
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        plan.marks_of(text, scratch, &mut found);
        let outcome = self.intern(&mut found);
        self.found = found;
        let number = u32::try_from(self.lines.len()).expect("the budget ends long before u32::MAX");
        let known = Known {
            outcome: number,
            fits: true,
        };
        let Some(place) = self.values.insert_at(line.as_bytes(), known) else {
            return (outcome, None);
        };
        if self.lines.is_empty() {
            self.bytes += PLACES * size_of::<u32>();
        }
        self.bytes += line.len() + ENTRY_BYTES + size_of::<Line>();
        self.lines.push(Line {
            place,
            marks: outcome,
        });
        (outcome, Some(number))
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

/// The first line of the inside of a JSON string, as it stands there, and what stands behind it.
fn first_line(raw: &str) -> (&str, Option<&str>) {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(escape) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = at + escape;
        at = (escape + 2).min(bytes.len());
        if bytes.get(escape + 1) == Some(&b'n') {
            return (&raw[..escape], Some(&raw[at..]));
        }
    }
    (raw, None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use borzoi_parsers::catalog::Catalog;
    use proptest::prelude::*;

    use super::*;
    use crate::matcher::CompiledRules;
    use crate::matcher::plan::Plan;

    /// What rules ask of script blocks: of literals, one with an escape in JSON, and of what has to be verified.
    fn plan() -> Arc<Plan> {
        let text = r#"{"title": "t", "id": "8d6aa5a3-0c2b-4f3c-9a51-0f8c9d0c7d11",
            "logsource": {"product": "windows", "category": "ps_script"},
            "detection": {"selection": {"ScriptBlockText|contains": ["alpha", "\\beta", "ga*ma"]},
                "filter": {"ScriptBlockText|contains": ["delta"]}, "condition": "selection and not filter"}}"#;
        let report = borzoi_rules::Loader::new().load_text("rule.yml", text);
        assert_eq!(report.detections.len(), 1);
        let catalog = Catalog::builtin();
        let (rules, _) = CompiledRules::compile(report.detections, &catalog);
        let dataset = catalog.dataset("windows.powershell").expect("in the catalog");
        rules.plan(dataset)
    }

    /// The marks of each line as if it were the only one ever met.
    fn expected(text: &str, plan: &FieldPlan) -> Vec<Mark> {
        let mut marks = Vec::new();
        for line in text.split('\n') {
            plan.marks_of(line, &mut Scratch::default(), &mut marks);
        }
        shorten(&mut marks);
        marks
    }

    fn raw(text: &str) -> String {
        let quoted = serde_json::to_string(text).expect("a string");
        quoted[1..quoted.len() - 1].to_owned()
    }

    proptest! {
        // Lines of one text come again in others, in their order and in another, whole and as the beginning of a longer
        // one; some end in a backslash, behind which the `n` of the next line is none of a line feed.
        #[test]
        fn what_came_before_changes_nothing(
            texts in prop::collection::vec(
                prop::collection::vec("(alpha|x\\\\beta|GAmma|delta|n|\\\\|é|\"|\r|){0,3}", 0..8),
                1..12,
            ),
        ) {
            let plan = plan();
            let asked = |field: &&FieldPlan| !expected("alpha", field).is_empty();
            let field = plan.fields.iter().find(asked).expect("the rule's field");
            let mut lines = Lines::default();
            let mut bytes = 0;
            for _ in 0..2 {
                for text in &texts {
                    let text = text.join("\n");
                    let mut marks = Vec::new();
                    let scratch = (&mut String::new(), &mut Scratch::default());
                    bytes += lines.marks_of(&raw(&text), field, scratch, &mut marks);
                    prop_assert_eq!(marks, expected(&text, field), "{:?}", text);
                }
            }
            prop_assert_eq!(lines.clear(), bytes);
        }

        #[test]
        fn lines_are_those_of_the_text(text in "[a\\\\\n\rn\"é]{0,30}") {
            let raw = raw(&text);
            let mut rest = Some(raw.as_str());
            let lines = std::iter::from_fn(|| {
                let (line, behind) = first_line(rest?);
                rest = behind;
                Some(line)
            });
            let found: Vec<String> = lines
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
