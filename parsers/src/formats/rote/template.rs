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
    steps: Vec<Step>,
    /// What stands behind the last slot.
    tail: Text,
    /// The kind of each slot; [`None`] for a number that follows from the slot before it.
    pub(super) kinds: Vec<Option<Kind>>,
}

/// A slot, and what stands in front of it.
#[derive(Debug)]
struct Step {
    text: Text,
    kind: Kind,
    slot: usize,
    /// The slot that it is compared with.
    like: Option<usize>,
}

/// A fixed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// Its first bytes, the lowest first, and which of a word's bytes it has.
    word: u128,
    mask: u128,
    pub(super) bytes: Box<[u8]>,
}

/// Bytes of a text that are compared as one word.
const WORD: usize = size_of::<u128>();

impl Text {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let first = bytes.iter().take(WORD).rev();
        Text {
            word: first.clone().fold(0, |word, byte| word << 8 | u128::from(*byte)),
            mask: first.fold(0, |mask, _| mask << 8 | 0xff),
            bytes: bytes.into(),
        }
    }

    /// Whether it stands at `at` of `line`.
    #[inline(always)]
    pub(super) fn stands_in(&self, line: &[u8], at: usize) -> bool {
        let Some(rest) = line.get(at..) else {
            return false;
        };
        match rest.first_chunk::<WORD>() {
            Some(word) if self.bytes.len() <= WORD => {
                (u128::from_le_bytes(*word) ^ self.word) & self.mask == 0
            }
            _ => rest
                .get(..self.bytes.len())
                .is_some_and(|text| same_text(text, &self.bytes)),
        }
    }

    /// Where it ends if it stands at `at` of `line`.
    #[inline(always)]
    fn end_in(&self, line: Padded<'_>, at: usize) -> Option<usize> {
        let word = u128::from_le_bytes(*line.bytes.get(at..)?.first_chunk::<WORD>()?);
        if (word ^ self.word) & self.mask != 0 {
            return None;
        }
        let end = at + self.bytes.len();
        if let Some(rest) = self.bytes.get(WORD..)
            && !same_text(line.bytes.get(at + WORD..end)?, rest)
        {
            return None;
        }
        Some(end)
    }
}

/// A line with zeroes behind it, which no text and no slot holds: so words of it can be read anywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padded<'l> {
    bytes: &'l [u8],
    length: usize,
}

/// Longer lines have no form: no slot is as long as that.
const LONG: usize = 8192;

impl<'l> Padded<'l> {
    /// `line`, copied to `room`, if it is not too long.
    #[inline]
    pub(super) fn new(line: &[u8], room: &'l mut Vec<u8>) -> Option<Self> {
        if line.len() > LONG {
            return None;
        }
        room.clear();
        room.extend_from_slice(line);
        room.extend_from_slice(&[0; WORD]);
        Some(Padded {
            bytes: room,
            length: line.len(),
        })
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
        let (mut steps, mut kinds): (_, Vec<Option<Kind>>) = (Vec::new(), Vec::new());
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("what opens is closed");
            let is_like = name.ends_with('~');
            let kind = Kind::named(name.trim_end_matches('~')).expect("a kind of slot");
            let last = kinds.iter().rposition(|known| *known == Some(kind));
            steps.push(Step {
                text: Text::new(text.as_bytes()),
                kind,
                slot: kinds.len(),
                like: is_like.then(|| last.expect("a slot of this kind in front")),
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
        assert!(kinds.len() <= MOST, "{pattern} has too many slots");
        Template {
            steps,
            tail: Text::new(rest.as_bytes()),
            kinds,
        }
    }

    /// Whether the message that stands at `at` of `line` has this form: its slots, and which of those that are compared are
    /// the same as others, a bit each. What follows from a duration are the same in nanoseconds, and when it began if it ended
    /// at `time`.
    pub(super) fn read(&self, line: Padded<'_>, mut at: usize, time: i64, slots: &mut [Slot]) -> Option<u32> {
        let mut same = 0;
        let mut compared = 0;
        for Step {
            text,
            kind,
            slot,
            like,
        } in &self.steps
        {
            let start = text.end_in(line, at)?;
            let rest = line.bytes.get(start..line.length)?;
            let (length, number) = match *like {
                None => kind.read(rest)?,
                Some(other) => {
                    let other = slots[other];
                    let is_same = Kind::starts_with(rest, other.of(line.bytes));
                    same |= u32::from(is_same) << compared;
                    compared += 1;
                    match is_same {
                        true => ((other.end - other.start) as usize, other.number),
                        false => kind.read(rest)?,
                    }
                }
            };
            at = start + length;
            slots[*slot] = Slot {
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
                        ..slots[*slot]
                    };
                }
                _ => {}
            }
        }
        (self.tail.end_in(line, at)? == line.length).then_some(same)
    }

    /// The first bytes, as far as no slot is among them.
    pub(super) fn front(&self) -> &[u8] {
        let first = self.steps.first().map_or(&self.tail, |step| &step.text);
        &first.bytes
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
        for step in &self.steps {
            let is_same = step.like.is_some() && {
                compared += 1;
                same >> (compared - 1) & 1 == 1
            };
            texts[step.slot] = match step.like {
                Some(other) if is_same => texts[other].clone(),
                _ => text(step.kind, step.slot),
            };
            message.push_str(&String::from_utf8_lossy(&step.text.bytes));
            message.push_str(&texts[step.slot]);
        }
        message.push_str(&String::from_utf8_lossy(&self.tail.bytes));
        message
    }

    /// How many slots are compared with others.
    pub(super) fn compared(&self) -> u32 {
        let likes = self.steps.iter().filter(|step| step.like.is_some());
        likes.count() as u32
    }
}
