//! Keys of short texts, by their bytes as two words: whether a text came before shows in one place, without a look at the
//! texts of the column. What is not known here is asked of the column's dictionary; so nothing is lost if two texts share a
//! place, or all are forgotten.

/// See the [module](self).
pub(super) struct Words {
    /// A power of two.
    entries: Vec<Entry>,
    bits: u32,
    /// Entries of another age are forgotten.
    age: u32,
    /// Entries written in this age.
    filled: usize,
    nothing: Option<Nothing>,
}

/// What a cell has where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nothing {
    /// A cell with this byte alone.
    pub(crate) mark: u8,
    /// An empty cell.
    pub(crate) empty: bool,
}

impl Nothing {
    /// Whether a text is none.
    pub(super) fn is(self, text: &[u8]) -> bool {
        match text {
            [] => self.empty,
            [byte] => *byte == self.mark,
            _ => false,
        }
    }
}

/// A text of at most [`LONGEST`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    low: u64,
    /// Its last bytes, and its length as the highest one.
    high: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    word: Word,
    /// -1: the text is none.
    key: i32,
    age: u32,
}

/// Longer texts are no words.
pub(super) const LONGEST: usize = 15;
const SIZE: usize = 16;
/// Bits of the fewest and of the most places.
const FEWEST: u32 = 6;
const MOST: u32 = 13;
/// For each length, as many ones as a text has bits.
const ONES: [[u64; 2]; SIZE] = {
    let mut ones = [[0; 2]; SIZE];
    let mut length = 1;
    while length < SIZE {
        let all = (1_u128 << (8 * length)) - 1;
        ones[length] = [all as u64, (all >> 64) as u64];
        length += 1;
    }
    ones
};
const FORGOTTEN: Entry = Entry {
    word: Word { low: 0, high: 0 },
    key: -1,
    age: 0,
};

impl Default for Words {
    fn default() -> Self {
        Words {
            entries: vec![FORGOTTEN; 1 << FEWEST],
            bits: FEWEST,
            age: 1,
            filled: 0,
            nothing: None,
        }
    }
}

impl Word {
    /// The text between two places of `bytes`, if it is short.
    #[inline(always)]
    pub(super) fn at(bytes: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end.wrapping_sub(start);
        if length > LONGEST {
            return None;
        }
        let Some(chunk) = bytes.get(start..).and_then(|rest| rest.first_chunk::<SIZE>()) else {
            return Word::near_end(bytes.get(start..end)?);
        };
        let word = u128::from_le_bytes(*chunk);
        let [low, high] = ONES[length];
        Some(Word {
            low: word as u64 & low,
            high: (word >> 64) as u64 & high | (length as u64) << 56,
        })
    }

    /// The same where fewer than [`SIZE`] bytes follow.
    #[cold]
    fn near_end(text: &[u8]) -> Option<Self> {
        let mut chunk = [0; SIZE];
        chunk.get_mut(..text.len())?.copy_from_slice(text);
        Word::at(&chunk, 0, text.len())
    }

    #[inline(always)]
    fn spread(self) -> u64 {
        // Both products' highest bits depend on all bits of their words.
        self.low.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.high.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
    }
}

/// What [`Words`] know, to be asked many times.
#[derive(Clone, Copy)]
pub(super) struct Known<'w> {
    entries: &'w [Entry],
    shift: u32,
    age: u32,
}

impl Known<'_> {
    /// The key of a text, if it is known; -1 if it is none.
    #[inline(always)]
    pub(super) fn key(self, word: Word) -> Option<i32> {
        let entry = self.entries.get((word.spread() >> self.shift) as usize)?;
        let others = (entry.word.low ^ word.low) | (entry.word.high ^ word.high);
        ((others | u64::from(entry.age ^ self.age)) == 0).then_some(entry.key)
    }
}

impl Words {
    /// Makes sure that what is known holds where such cells have nothing.
    #[inline]
    pub(super) fn for_cells(&mut self, nothing: Option<Nothing>) {
        if self.nothing != nothing {
            self.nothing = nothing;
            self.forget();
        }
    }

    /// What is known by now.
    #[inline(always)]
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            entries: &self.entries,
            shift: u64::BITS - self.bits,
            age: self.age,
        }
    }

    /// Remembers the key of a text.
    #[inline]
    pub(super) fn remember(&mut self, word: Word, key: i32) {
        let entry = &mut self.entries[(word.spread() >> (u64::BITS - self.bits)) as usize];
        let age = self.age;
        *entry = Entry { word, key, age };
        self.filled += 1;
        if self.filled > 1 << self.bits && self.bits < MOST {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.bits += 1;
        self.filled = 0;
        let old = std::mem::replace(&mut self.entries, vec![FORGOTTEN; 1 << self.bits]);
        for entry in old.into_iter().filter(|entry| entry.age == self.age) {
            self.entries[(entry.word.spread() >> (u64::BITS - self.bits)) as usize] = entry;
            self.filled += 1;
        }
    }

    /// Forgets all keys.
    pub(super) fn forget(&mut self) {
        // A column that had few texts in its last batch needs few places.
        if self.bits > FEWEST && self.filled * 8 < 1 << self.bits {
            self.bits -= 1;
            self.entries = vec![FORGOTTEN; 1 << self.bits];
        }
        self.filled = 0;
        self.age = self.age.wrapping_add(1);
        if self.age == 0 {
            self.entries.fill(FORGOTTEN);
            self.age = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_known_is_right(
            texts in proptest::collection::vec("[ab\0]{0,17}|[0-9]{1,4}", 0..2000),
        ) {
            let mut words = Words::default();
            let bytes = texts.concat();
            for _ in 0..3 {
                let (mut keys, mut start) = (HashMap::new(), 0);
                for text in &texts {
                    let end = start + text.len();
                    let word = Word::at(bytes.as_bytes(), start, end);
                    proptest::prop_assert_eq!(word.is_some(), text.len() <= LONGEST);
                    if let Some(word) = word {
                        let next = keys.len() as i32 - 1;
                        let wanted = *keys.entry(text).or_insert(next);
                        match words.known().key(word) {
                            Some(key) => proptest::prop_assert_eq!(key, wanted),
                            None => words.remember(word, wanted),
                        }
                        proptest::prop_assert_eq!(words.known().key(word), Some(wanted));
                    }
                    start = end;
                }
                words.forget();
            }
        }
    }

    #[test]
    fn few_texts_need_few_places() {
        let mut words = Words::default();
        let text: String = (1000..4000).map(|number| number.to_string()).collect();
        let word = |at: usize| Word::at(text.as_bytes(), at * 4, at * 4 + 4).expect("a short text");
        (0..3000).for_each(|at| words.remember(word(at), at as i32));
        assert!(words.entries.len() >= 2048);
        for _ in 0..10 {
            words.forget();
            assert_eq!(words.known().key(word(2999)), None);
        }
        assert_eq!(words.entries.len(), 1 << FEWEST);
    }
}
