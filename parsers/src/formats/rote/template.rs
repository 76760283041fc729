//! Forms of messages: fixed text with [slots](super::slots) in it.
//!
//! | in a template | in the message |
//! |---|---|
//! | `{kind}` | a text of this kind |
//! | `{kind~}` | the same; whether it is the text of the last slot of the kind is noted |
//! | `<a|b>` | one of these texts: each makes a template of its own |
//! | anything else | itself |

use super::slots::{DIGEST, Kind};
use crate::batch::{Slot, same_text};

/// A form of messages.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// The kind of each slot; [`None`] for a number that follows from the slot before it.
    pub(super) kinds: Vec<Option<Kind>>,
}

#[derive(Debug)]
enum Part {
    Byte(u8),
    Text(Box<[u8]>),
    /// A text of a kind, for this slot.
    Slot(Kind, usize),
    /// As `Slot`, compared with another slot.
    Like(Kind, usize, usize),
}

impl Part {
    fn text(text: &str) -> Part {
        match text.as_bytes() {
            [byte] => Part::Byte(*byte),
            text => Part::Text(text.into()),
        }
    }
}

/// Slots that a template may have.
pub(super) const MOST: usize = 24;

/// What follows from a [`Kind::Clock`] stands in as many slots behind it: see [`Template::read`].
const OF_CLOCK: usize = 2;

/// All templates that `pattern` stands for.
pub(super) fn templates(pattern: &str) -> Vec<Template> {
    let Some((before, rest)) = pattern.split_once('<') else {
        return vec![Template::new(pattern)];
    };
    let (choices, after) = rest.split_once('>').expect("what opens is closed");
    let whole = choices
        .split('|')
        .map(|choice| format!("{before}{choice}{after}"));
    whole.flat_map(|pattern| templates(&pattern)).collect()
}

impl Template {
    fn new(pattern: &str) -> Self {
        let (mut parts, mut kinds): (_, Vec<Option<Kind>>) = (Vec::new(), Vec::new());
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("what opens is closed");
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
            let is_like = name.ends_with('~');
            let kind = Kind::named(name.trim_end_matches('~')).expect("a kind of slot");
            let slot = kinds.len();
            let last = kinds.iter().rposition(|known| *known == Some(kind));
            parts.push(match is_like {
                true => Part::Like(kind, slot, last.expect("a slot of this kind in front")),
                false => Part::Slot(kind, slot),
            });
            kinds.push(Some(kind));
            match kind {
                Kind::Clock => kinds.extend([None; OF_CLOCK]),
                // Compared with nothing, it has the kind of any text.
                Kind::Digest => kinds.push(Some(Kind::Digest)),
                _ => {}
            }
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::text(rest));
        }
        assert!(kinds.len() <= MOST, "{pattern} has too many slots");
        Template { parts, kinds }
    }

    /// Whether the message that stands at `at` of `line` has this form: its slots, and which of those that are compared are
    /// the same as others, a bit each. What follows from a duration are the same in nanoseconds, and when it began if it ended
    /// at `time`.
    pub(super) fn read(&self, line: &[u8], mut at: usize, time: i64, slots: &mut [Slot]) -> Option<u32> {
        let mut same = 0;
        let mut compared = 0;
        for part in &self.parts {
            let rest = &line[at..];
            let (kind, slot, length, number) = match part {
                Part::Byte(byte) => {
                    if rest.first() != Some(byte) {
                        return None;
                    }
                    at += 1;
                    continue;
                }
                Part::Text(text) => {
                    if !same_text(rest.get(..text.len())?, text) {
                        return None;
                    }
                    at += text.len();
                    continue;
                }
                Part::Slot(kind, slot) => {
                    let (length, number) = kind.read(rest)?;
                    (*kind, *slot, length, number)
                }
                Part::Like(kind, slot, other) => {
                    let other = slots[*other];
                    let is_same = Kind::starts_with(rest, other.of(line));
                    same |= u32::from(is_same) << compared;
                    compared += 1;
                    let (length, number) = match is_same {
                        true => ((other.end - other.start) as usize, other.number),
                        false => kind.read(rest)?,
                    };
                    (*kind, *slot, length, number)
                }
            };
            let start = at;
            at += length;
            slots[slot] = Slot {
                start: start as u32,
                end: at as u32,
                number,
            };
            match kind {
                Kind::Clock => {
                    slots[slot + 1].number = number * 1_000_000_000;
                    slots[slot + 2].number = time - number * 1_000_000;
                }
                Kind::Digest => {
                    slots[slot + 1] = Slot {
                        start: (start + DIGEST.len()) as u32,
                        ..slots[slot]
                    };
                }
                _ => {}
            }
        }
        (at == line.len()).then_some(same)
    }

    /// The first bytes, as far as no slot is among them.
    pub(super) fn front(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => &[],
        }
    }

    /// The sample of this number of those whose compared slots are the `same`.
    pub(super) fn sample(&self, sample: usize, same: u32) -> String {
        self.made(same, |kind, slot| kind.sample(slot, sample))
    }

    /// A message of this form, with what `text` gives for each slot.
    pub(super) fn made(&self, same: u32, mut text: impl FnMut(Kind, usize) -> String) -> String {
        let mut message = String::new();
        let mut texts = vec![String::new(); self.kinds.len()];
        let mut compared = 0;
        for part in &self.parts {
            let slot = match part {
                Part::Byte(byte) => {
                    message.push(char::from(*byte));
                    continue;
                }
                Part::Text(text) => {
                    message.push_str(&String::from_utf8_lossy(text));
                    continue;
                }
                Part::Slot(kind, slot) => {
                    texts[*slot] = text(*kind, *slot);
                    *slot
                }
                Part::Like(kind, slot, other) => {
                    let is_same = same >> compared & 1 == 1;
                    texts[*slot] = match is_same {
                        true => texts[*other].clone(),
                        false => text(*kind, *slot),
                    };
                    compared += 1;
                    *slot
                }
            };
            message.push_str(&texts[slot]);
        }
        message
    }

    /// How many slots are compared with others.
    pub(super) fn compared(&self) -> u32 {
        let likes = self.parts.iter().filter(|part| matches!(part, Part::Like(..)));
        likes.count() as u32
    }
}
