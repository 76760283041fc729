//! The keys of a line that consists of pairs, each said once.
//!
//! Where values are not quoted, or their quotes not escaped, a text that a stranger chose (` src=192.0.2.1` in a user
//! agent) reads as more of the writer's pairs. What stands twice with two values is in doubt, wherever it stands: neither
//! value holds. The same value twice is none; an empty one and another are two.

use bumpalo::Bump;
use bumpalo::collections::Vec;
use hashbrown::HashMap;

use super::Line;
use super::pairs::{Style, pairs};
use super::parts::value;
use crate::formats::fields::Fields;
use crate::value::Value;

/// With more pairs than these their keys are looked up, not looked through.
const FEW: usize = 64;

/// The pairs of one line, gathered before any of them is believed; with each what its grammar knows of the key.
pub(crate) struct Keys<'a, K = ()> {
    pairs: Vec<'a, (&'a str, &'a str, State, K)>,
    /// A bit for each key that may be among them.
    seen: [u64; 4],
    /// The first pair of each key, where there are many.
    many: HashMap<&'a str, usize>,
    /// Not all pairs are sure.
    mixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sure,
    /// The key has other values.
    Doubted,
    /// The key has other values, and its product writes it so.
    Repeated,
}

impl<'a> Keys<'a> {
    /// Adds a pair. The first value holds of keys in `first`: the writer has them in front of what others wrote, or writes
    /// them once for each of several things.
    pub(crate) fn add(&mut self, key: &'a str, value: &'a str, first: &[&str]) {
        self.add_with(key, value, first, ());
    }

    /// The pairs that hold, in order, but empty ones. The others are kept in `fields` as what they are.
    pub(crate) fn settled(
        self,
        fields: &mut Fields<'a>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.sure(fields).map(|(key, value, ..)| (key, value))
    }
}

impl<'a, K: Copy> Keys<'a, K> {
    /// No pairs yet.
    pub(crate) fn new(arena: &'a Bump) -> Self {
        Keys {
            pairs: Vec::with_capacity_in(FEW, arena),
            seen: [0; 4],
            many: HashMap::new(),
            mixed: false,
        }
    }

    /// As [`add`](Keys::add); `known` is what the grammar knows of the key.
    pub(crate) fn add_with(&mut self, key: &'a str, value: &'a str, first: &[&str], known: K) {
        let place = place(key);
        let (word, bit) = (usize::from(place >> 6), 1 << (place & 63));
        let mut state = State::Sure;
        if self.seen[word] & bit != 0
            && let Some(at) = self.position(key)
        {
            let (_, present, of_present, _) = &mut self.pairs[at];
            if *present == value {
                return;
            }
            state = match first.contains(&key) {
                true => State::Repeated,
                false => State::Doubted,
            };
            if state == State::Doubted {
                *of_present = State::Doubted;
            }
            self.mixed = true;
        }
        self.seen[word] |= bit;
        self.pairs.push((key, value, state, known));
        if self.pairs.len() > FEW {
            let from = if self.many.is_empty() {
                0
            } else {
                self.pairs.len() - 1
            };
            for (at, (key, ..)) in self.pairs.iter().enumerate().skip(from) {
                self.many.entry(key).or_insert(at);
            }
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match self.pairs.len() > FEW {
            true => self.many.get(key).copied(),
            false => self.pairs.iter().position(|(known, ..)| *known == key),
        }
    }

    /// As [`settled`](Keys::settled): values, and what is known of their keys.
    pub(crate) fn settled_with(
        self,
        fields: &mut Fields<'a>,
    ) -> impl Iterator<Item = (&'a str, K)> + use<'a, K> {
        self.sure(fields).map(|(_, value, _, known)| (value, known))
    }

    /// What is known of the keys in doubt.
    pub(crate) fn doubted(&self) -> impl Iterator<Item = K> + '_ {
        let pairs = if self.mixed { self.pairs.as_slice() } else { &[] };
        let doubted = pairs.iter().filter(|(_, _, state, _)| *state == State::Doubted);
        doubted.map(|&(.., known)| known)
    }

    #[inline]
    fn sure(
        self,
        fields: &mut Fields<'a>,
    ) -> impl Iterator<Item = (&'a str, &'a str, State, K)> + use<'a, K> {
        if self.mixed {
            for &(key, value, state, _) in &self.pairs {
                match state {
                    State::Sure => {}
                    State::Doubted => fields.doubt(key, Value::Str(value)),
                    State::Repeated => fields.aside(key, Value::Str(value)),
                }
            }
        }
        let pairs = self.pairs.into_iter();
        pairs.filter(|(_, value, state, _)| *state == State::Sure && !value.is_empty())
    }
}

/// The pairs of `text` that hold, in order, with what their values mean; the others are kept in `fields`.
pub(crate) fn sure<'a>(
    line: &Line<'a>,
    text: &'a str,
    style: Style,
    fields: &mut Fields<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    sure_behind(&[], line, text, style, fields)
}

/// As [`sure`], where the writer has the keys of `front` in front of all texts that a stranger wrote: their first values
/// hold.
pub(crate) fn sure_behind<'a>(
    front: &[&str],
    line: &Line<'a>,
    text: &'a str,
    style: Style,
    fields: &mut Fields<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let mut keys = Keys::new(line.arena);
    for pair in pairs(text, style) {
        keys.add(pair.key, value(line, pair), front);
    }
    keys.settled(fields)
}

/// Where the bit of a key stands: keys differ in length, at their ends and in the middle.
#[inline]
fn place(key: &str) -> u8 {
    let bytes = key.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return 0;
    };
    let middle = bytes[bytes.len() / 2];
    let all =
        u32::from(*first) | u32::from(middle) << 8 | u32::from(*last) << 16 | (bytes.len() as u32) << 24;
    (all.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_in_two_ways_holds_in_neither() {
        let arena = Bump::new();
        let mut keys = Keys::new(&arena);
        for (key, value) in [
            ("src", "192.0.2.1"),
            ("msg", "a"),
            ("src", "192.0.2.2"),
            ("msg", "a"),
            ("rule", "1"),
            ("rule", "2"),
            ("src", "192.0.2.1"),
        ] {
            keys.add(key, value, &["rule"]);
        }
        let mut fields = Fields::new();
        let sure: std::vec::Vec<_> = keys.settled(&mut fields).collect();
        assert_eq!(sure, [("msg", "a"), ("rule", "1")]);
        let doubts: std::vec::Vec<_> = fields.take_doubts();
        let said = |key, value| (key, Value::Str(value));
        assert_eq!(doubts, [said("src", "192.0.2.1"), said("src", "192.0.2.2")]);
    }

    #[test]
    fn many_keys_are_told_apart_as_few_are() {
        let arena = Bump::new();
        let mut keys = Keys::new(&arena);
        for number in 0..400 {
            let key = &*arena.alloc_str(&format!("k{}", number % 300));
            keys.add(key, if number < 350 { "a" } else { "b" }, &[]);
        }
        let mut fields = Fields::new();
        let sure: std::vec::Vec<_> = keys.settled(&mut fields).collect();
        assert_eq!(sure.len(), 250, "k50 to k99 have two values");
        assert_eq!(fields.take_doubts().len(), 100);
    }
}
