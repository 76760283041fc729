//! Distinct texts end to end, by number: which number a text has, or the next one if it is new.
//!
//! Most values of a log came before, and of many columns most did not. Both cost about the same here: a text's tag is made of
//! its length and some of its bytes, its first and last ones among them, and the texts of a tag stand in a few neighbouring
//! slots. Where those are full, as they are with texts that differ only in bytes not looked at, a table by the hash of all
//! bytes has the rest.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::texts::{append, same, tag};

/// See the [module](self).
///
/// *Invariant*: in front of a text in a slot there are no empty ones, from the slot of its tag on. So a text for which one is
/// found empty is in no slot, and it is not among the `crowded` ones.
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    /// Where each begins, and where the last one ends: offsets as Arrow has them.
    offsets: Vec<i32>,
    /// A power of two, and [`NEAR`] - 1 more behind them.
    slots: Vec<Slot>,
    /// So many bits of a tag, the highest, are the number of a slot.
    bits: u32,
    filled: usize,
    /// Texts that found no slot.
    crowded: HashTable<i32>,
    hasher: foldhash::fast::FixedState,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    /// -1: it is empty.
    number: i32,
}

/// What tells texts apart at a glance: those with the same bytes have the same one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline(always)]
    pub(super) fn of(text: &[u8]) -> Self {
        Tag(tag(text))
    }
}

const EMPTY: Slot = Slot { tag: 0, number: -1 };

/// A text stands in one of so many slots.
const NEAR: usize = 8;
/// Bits of the fewest and of the most slots.
const FEWEST: u32 = 6;
const MOST: u32 = 20;

impl Default for Texts {
    fn default() -> Self {
        Texts {
            bytes: Vec::new(),
            offsets: vec![0],
            slots: slots(FEWEST),
            bits: FEWEST,
            filled: 0,
            crowded: HashTable::new(),
            hasher: foldhash::fast::FixedState::default(),
        }
    }
}

fn slots(bits: u32) -> Vec<Slot> {
    vec![EMPTY; (1 << bits) + NEAR - 1]
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline(always)]
    pub(super) fn get(&self, number: i32) -> &[u8] {
        let number = number as usize;
        match self.offsets[number..] {
            [start, end, ..] => &self.bytes[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The number of a text; if it is new, that of the last.
    pub(super) fn intern(&mut self, text: &[u8]) -> i32 {
        self.intern_anywhere(Tag::of(text), text)
    }

    /// As [`intern`](Texts::intern), for a text of this tag.
    #[inline(always)]
    pub(super) fn intern_by(&mut self, tag: Tag, text: &[u8]) -> i32 {
        let Tag(looked_for) = tag;
        match self.slots.get((looked_for >> (u32::BITS - self.bits)) as usize) {
            Some(slot) if slot.tag == looked_for && slot.number >= 0 && same(self.get(slot.number), text) => {
                slot.number
            }
            _ => self.intern_anywhere(tag, text),
        }
    }

    /// Asks the processor for the place of a text of this tag, which is looked for soon.
    #[inline(always)]
    pub(super) fn expect(&self, Tag(tag): Tag) {
        let slot = self.slots.get((tag >> (u32::BITS - self.bits)) as usize);
        #[cfg(target_arch = "x86_64")]
        if let Some(slot) = slot {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: every x86-64 has it, and it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(slot).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = slot;
    }

    #[inline(never)]
    fn intern_anywhere(&mut self, Tag(tag): Tag, text: &[u8]) -> i32 {
        let first = (tag >> (u32::BITS - self.bits)) as usize;
        for at in first..first + NEAR {
            let Some(slot) = self.slots.get(at) else { break };
            if slot.number < 0 {
                return self.add(at, tag, text);
            }
            if slot.tag == tag && same(self.get(slot.number), text) {
                return slot.number;
            }
        }
        self.intern_crowded(text)
    }

    /// Appends a text that nobody will look for.
    #[inline]
    pub(super) fn append(&mut self, text: &[u8]) -> i32 {
        append(text, &mut self.bytes);
        self.end()
    }

    /// Makes the bytes that were just appended a text.
    #[inline]
    pub(super) fn end(&mut self) -> i32 {
        let number = self.offsets.len() - 1;
        self.offsets.push(offset(self.bytes.len()));
        i32::try_from(number).expect("a batch has fewer rows than i32::MAX")
    }

    /// Appends a new text, whose slot is the empty one at `at`.
    #[inline]
    fn add(&mut self, at: usize, tag: u32, text: &[u8]) -> i32 {
        let number = self.append(text);
        self.slots[at] = Slot { tag, number };
        self.filled += 1;
        if self.filled * 2 > 1 << self.bits && self.bits < MOST {
            self.grow();
        }
        number
    }

    #[cold]
    fn grow(&mut self) {
        self.bits += 2;
        let old = std::mem::replace(&mut self.slots, slots(self.bits));
        let mut crowded = std::mem::take(&mut self.crowded);
        let crowded: Vec<Slot> = crowded
            .drain()
            .map(|number| Slot {
                tag: tag(self.get(number)),
                number,
            })
            .collect();
        self.filled = 0;
        for slot in old.into_iter().filter(|slot| slot.number >= 0).chain(crowded) {
            let first = (slot.tag >> (u32::BITS - self.bits)) as usize;
            let near = &mut self.slots[first..first + NEAR];
            match near.iter_mut().find(|slot| slot.number < 0) {
                Some(empty) => {
                    *empty = slot;
                    self.filled += 1;
                }
                None => {
                    let hash = self.hash(self.get(slot.number));
                    self.add_crowded(hash, slot.number);
                }
            }
        }
    }

    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }

    #[cold]
    fn intern_crowded(&mut self, text: &[u8]) -> i32 {
        let hash = self.hash(text);
        let known = self.crowded.find(hash, |&number| same(self.get(number), text));
        if let Some(&number) = known {
            return number;
        }
        let number = self.append(text);
        self.add_crowded(hash, number);
        number
    }

    fn add_crowded(&mut self, hash: u64, number: i32) {
        let Texts {
            bytes,
            offsets,
            crowded,
            hasher,
            ..
        } = self;
        crowded.insert_unique(hash, number, |&other| {
            let (start, end) = (offsets[other as usize], offsets[other as usize + 1]);
            let mut hasher = hasher.build_hasher();
            hasher.write(&bytes[start as usize..end as usize]);
            hasher.finish()
        });
    }

    /// Forgets the texts from number `length` on, all of which were [appended](Texts::append).
    pub(super) fn truncate(&mut self, length: usize) {
        self.offsets.truncate(length + 1);
        let end = self.offsets.last().copied().unwrap_or_default();
        self.bytes.truncate(end as usize);
    }

    /// Forgets all texts.
    pub(super) fn clear(&mut self) {
        self.truncate(0);
        self.forget_numbers();
    }

    fn forget_numbers(&mut self) {
        self.crowded.clear();
        let filled = std::mem::take(&mut self.filled);
        // The next batch will have about as many; a few more do not need half of the slots.
        let wanted = (4 * filled).next_power_of_two().ilog2().clamp(FEWEST, MOST);
        if wanted + 2 < self.bits {
            self.bits = wanted;
            self.slots = slots(wanted);
        } else if filled > 0 {
            self.slots.fill(EMPTY);
        }
    }

    /// The texts and their offsets; empty afterwards, with room for about as much.
    pub(super) fn take(&mut self) -> (Vec<u8>, Vec<i32>) {
        self.forget_numbers();
        let room = self.bytes.len() + self.bytes.len() / 8;
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        let mut next = Vec::with_capacity(self.offsets.len() + self.offsets.len() / 8);
        next.push(0);
        (bytes, std::mem::replace(&mut self.offsets, next))
    }
}

fn offset(end: usize) -> i32 {
    i32::try_from(end).expect("the text of a block is far below 2 GiB")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Texts of few letters and many lengths, some of which differ only where a tag does not look.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let alike = (0..400_u32, 60..80_usize).prop_map(|(number, length)| {
            let mut text = vec![b'x'; length];
            text[18..22].copy_from_slice(&number.to_le_bytes());
            text
        });
        prop_oneof![
            3 => prop::collection::vec(prop::sample::select(vec![b'a', b'b', 0]), 0..40),
            2 => (0..5000_u32).prop_map(|number| number.to_string().into_bytes()),
            2 => alike,
        ]
    }

    proptest! {
        #[test]
        fn numbers_are_as_a_map_gives_them(batches in prop::collection::vec(prop::collection::vec(text(), 0..1500), 1..3)) {
            let mut texts = Texts::default();
            for batch in batches {
                let mut known = HashMap::new();
                for text in &batch {
                    let next = known.len() as i32;
                    let wanted = *known.entry(text).or_insert(next);
                    prop_assert_eq!(texts.intern(text), wanted);
                    prop_assert_eq!(texts.get(wanted), text);
                }
                prop_assert_eq!(texts.len(), known.len());
                let (bytes, offsets) = texts.take();
                prop_assert_eq!(offsets.len(), known.len() + 1);
                prop_assert_eq!(bytes.len(), known.keys().map(|text| text.len()).sum::<usize>());
            }
        }
    }

    #[test]
    fn texts_that_look_alike_find_room() {
        let mut texts = Texts::default();
        let alike = |number: u32| format!("{}{number:06}{}", "x".repeat(16), "y".repeat(400));
        for round in 0..2 {
            for number in 0..3000 {
                assert_eq!(texts.intern(alike(number).as_bytes()), number as i32, "{round}");
            }
        }
        assert!(!texts.crowded.is_empty());
        texts.clear();
        assert_eq!(texts.intern(alike(7).as_bytes()), 0);
    }
}
