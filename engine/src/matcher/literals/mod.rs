//! Which of many literals occur in a text.
//!
//! ```text
//!  literals ─▶ by length: grams of 8, 4, 3 or 2 bytes ─▶ a bitmap of hashes, and which literal each gram is of
//!
//!  text ─▶ grams at every fourth place (every second, every) ─▶ bitmap ─▶ hardly any: candidates ─▶ compared
//! ```
//!
//! Most texts hold hardly any of the literals, so the question is how fast that is seen. Of a literal of eleven
//! bytes, some gram of eight bytes begins at a place that is a multiple of four, wherever the literal stands. So
//! one look at every fourth place is enough to find all long literals, eight places at a time where the machine
//! has vectors ([`tier`]). What a text costs depends on its length and on what occurs in it, hardly on how many
//! literals there are. (The idea is that of S. Wu and U. Manber, *A fast algorithm for multi-pattern searching*,
//! 1994: blocks of characters instead of single ones, looked up in a table.)
//!
//! Literals that only count at an end of the text are not searched but looked up there ([`ends`]).

pub(in crate::matcher) mod ends;
mod tier;

use tier::Tier;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct LiteralSearch {
    literals: Vec<Box<[u8]>>,
    /// The empty literal, which occurs in every text.
    empty: Option<usize>,
    /// Literals of one byte.
    bytes: Vec<(u8, usize)>,
    tiers: Vec<Tier>,
}

/// The tiers: shortest and longest literal, bytes of a gram, places from one look to the next. A literal has to be as
/// long as a gram and a step less one.
const LENGTHS: [(usize, usize, usize, usize); 4] =
    [(11, usize::MAX, 8, 4), (7, 10, 4, 4), (4, 6, 3, 2), (2, 3, 2, 1)];

/// The same for a few literals: there are not enough of them for grams of four bytes to occur by chance.
const LENGTHS_OF_FEW: [(usize, usize, usize, usize); 3] = [(7, usize::MAX, 4, 4), (4, 6, 3, 2), (2, 3, 2, 1)];

/// So many are few.
const FEW: usize = 128;

/// Bytes of a text that is copied to where there is room behind it.
const SHORT: usize = 8 * tier::BLOCK;

impl LiteralSearch {
    /// A search for `literals`, each different, which are folded if texts are to be. `None` if there are none.
    pub(super) fn new(literals: &[String]) -> Option<LiteralSearch> {
        if literals.is_empty() {
            return None;
        }
        let numbered = || literals.iter().map(String::as_bytes).enumerate();
        let lengths: &[_] = match literals.len() {
            0..=FEW => &LENGTHS_OF_FEW,
            _ => &LENGTHS,
        };
        let tiers = lengths.iter().filter_map(|&(shortest, longest, width, step)| {
            let of_length = numbered().filter(|(_, literal)| (shortest..=longest).contains(&literal.len()));
            Tier::new(width, step, of_length)
        });
        Some(LiteralSearch {
            tiers: tiers.collect(),
            literals: numbered().map(|(_, literal)| literal.into()).collect(),
            empty: literals.iter().position(String::is_empty),
            bytes: numbered()
                .filter_map(|(number, literal)| match literal {
                    [byte] => Some((*byte, number)),
                    _ => None,
                })
                .collect(),
        })
    }

    /// Calls `found` once with the number of every literal that occurs in `text`. With `FOLD`, capital ASCII letters
    /// of the text count as small ones. `seen` is scratch.
    pub(super) fn each<const FOLD: bool>(
        &self,
        text: &[u8],
        seen: &mut Vec<u64>,
        mut found: impl FnMut(usize),
    ) {
        if let Some(empty) = self.empty {
            found(empty);
        }
        for &(byte, literal) in &self.bytes {
            let occurs = match FOLD {
                true => memchr::memchr2(byte, byte.to_ascii_uppercase(), text).is_some(),
                false => memchr::memchr(byte, text).is_some(),
            };
            if occurs {
                found(literal);
            }
        }
        seen.clear();
        seen.resize(self.literals.len().div_ceil(64), 0);
        // The end of a text is looked at place by place, which for a short one is most of it; with room behind it, it is
        // not. What the zeros seem to hold is compared with the text itself.
        let mut room = [0; SHORT + tier::ROOM];
        let with_room = match text.len() <= SHORT {
            true => {
                room[..text.len()].copy_from_slice(text);
                &room[..text.len().next_multiple_of(tier::BLOCK) + tier::MARGIN]
            }
            false => text,
        };
        for tier in &self.tiers {
            tier.candidates(with_room, text.len(), |literal, start| {
                let bit = 1 << (literal % 64);
                if seen[literal / 64] & bit != 0 {
                    return;
                }
                let bytes = &self.literals[literal];
                let there = text.get(start..start + bytes.len());
                let occurs = there.is_some_and(|there| match FOLD {
                    true => there.eq_ignore_ascii_case(bytes),
                    false => *there == **bytes,
                });
                if occurs {
                    seen[literal / 64] |= bit;
                    found(literal);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<const FOLD: bool>(literals: &[String], text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(search) = LiteralSearch::new(literals) {
            search.each::<FOLD>(text.as_bytes(), &mut Vec::new(), |literal| found.push(literal));
        }
        found.sort_unstable();
        found
    }

    fn expected(literals: &[String], text: &str) -> Vec<usize> {
        let occurs = |number: &usize| text.contains(literals[*number].as_str());
        (0..literals.len()).filter(occurs).collect()
    }

    #[test]
    fn literals_of_every_length_are_found_at_every_place() {
        let letters: String = (0..40).map(|number| char::from(b'a' + number % 26)).collect();
        let literals: Vec<String> = (0..=40).map(|length| letters[..length].to_owned()).collect();
        for before in 0..70 {
            for behind in [0, 1, 2, 3, 4, 31, 40] {
                for length in [0, 1, 2, 3, 4, 6, 7, 10, 11, 12, 40] {
                    let text = format!(
                        "{}{}{}",
                        ".".repeat(before),
                        &letters[..length],
                        "#".repeat(behind)
                    );
                    assert_eq!(
                        found::<false>(&literals, &text),
                        expected(&literals, &text),
                        "{text}"
                    );
                    let upper = text.to_uppercase();
                    assert_eq!(
                        found::<true>(&literals, &upper),
                        expected(&literals, &text),
                        "{upper}"
                    );
                    assert_eq!(
                        found::<false>(&literals, &upper),
                        expected(&literals, &upper),
                        "{upper}"
                    );
                }
            }
        }
    }

    proptest! {
        // Few letters, so that literals occur, overlap and hold one another; `@` and `[` differ from a backtick and
        // `{` by the bit that tells small letters from capital ones.
        #[test]
        fn says_what_looking_for_each_says(
            literals in prop::collection::btree_set("[ab@`é]{0,14}", 1..60),
            texts in prop::collection::vec("[abAB@`{é]{0,120}", 1..8),
        ) {
            let literals: Vec<String> = literals.into_iter().collect();
            for text in texts {
                prop_assert_eq!(found::<false>(&literals, &text), expected(&literals, &text));
                let folded = text.to_ascii_lowercase();
                prop_assert_eq!(found::<true>(&literals, &text), expected(&literals, &folded));
            }
        }
    }
}
