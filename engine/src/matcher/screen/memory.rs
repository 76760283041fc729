//! What is remembered of values: each distinct one is searched once.

use std::hash::BuildHasher;

use hashbrown::{HashMap, HashTable};

use crate::matcher::sets::SetId;

/// Number of an [outcome](Outcomes); [`NOTHING`] is that of most values.
pub(super) type Outcome = u32;

/// No atom of any field holds for the value.
pub(super) const NOTHING: Outcome = 0;

/// The sets of atoms that hold for a value, by field: each distinct combination stored once.
#[derive(Default)]
pub(super) struct Outcomes {
    lists: Vec<Box<[(u32, SetId)]>>,
    by_list: HashMap<Box<[(u32, SetId)]>, Outcome>,
}

impl Outcomes {
    /// The number of a list of slots and their sets.
    pub(super) fn intern(&mut self, list: &[(u32, SetId)]) -> Outcome {
        if list.is_empty() {
            return NOTHING;
        }
        if let Some(&known) = self.by_list.get(list) {
            return known;
        }
        self.lists.push(list.into());
        let number = Outcome::try_from(self.lists.len()).expect("the budget ends long before u32::MAX");
        self.by_list.insert(list.into(), number);
        number
    }

    /// The slots and sets of an outcome.
    pub(super) fn get(&self, outcome: Outcome) -> &[(u32, SetId)] {
        match outcome.checked_sub(1) {
            Some(index) => &self.lists[index as usize],
            None => &[],
        }
    }

    /// Number of outcomes, [`NOTHING`] included.
    pub(super) fn len(&self) -> usize {
        self.lists.len() + 1
    }
}

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// What holds for it.
    pub(super) outcome: Outcome,
    /// Whether it fits its column's type.
    pub(super) fits: bool,
}

/// A value, in the table itself: what is found is compared at once.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Half of its hash, so that growing needs no second look at the values.
    half: u32,
    place: Place,
    known: Known,
}

/// Where the bytes of a remembered value stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The number of its block, then the place in it: [`BLOCK_BITS`] bits.
    start: u32,
    length: u32,
}

/// The values of one key as they stand in records.
///
/// Values that hardly ever come again (counters, times, GUIDs) are not worth remembering, nor looking for. Whether
/// they do is learned while running: of every [`ROUND`] look-ups the hits are counted, and where they are few, the
/// next round only looks for and remembers one value in [`SAMPLE`].
#[derive(Default)]
pub(super) struct Values {
    texts: Blocks,
    table: HashTable<Entry>,
    hasher: foldhash::fast::RandomState,
    /// The last value: neighbours often agree.
    last: Option<Entry>,
    asked: u32,
    hits: u32,
    rare: bool,
}

/// Values end to end, each whole in one block, so that they never move once the first block is full.
#[derive(Default)]
struct Blocks {
    blocks: Vec<Vec<u8>>,
    bytes: usize,
}

const BLOCK_BITS: u32 = 16;
const BLOCK: usize = 1 << BLOCK_BITS;
const MOST_BLOCKS: usize = 1 << (u32::BITS - BLOCK_BITS);

impl Blocks {
    #[inline]
    fn get(&self, place: Place) -> &[u8] {
        let block = &self.blocks[(place.start >> BLOCK_BITS) as usize];
        &block[place.start as usize % BLOCK..][..place.length as usize]
    }

    /// Where `raw` stands from now on; `None` where there is no place left.
    fn add(&mut self, raw: &[u8]) -> Option<u32> {
        let fits = |block: &Vec<u8>| block.len() < BLOCK && BLOCK - block.len() >= raw.len();
        if !self.blocks.last().is_some_and(fits) {
            if self.blocks.len() == MOST_BLOCKS || raw.len() > BLOCK {
                return None;
            }
            // The first grows as it must: most keys have few values.
            let room = if self.blocks.is_empty() { 0 } else { BLOCK };
            self.blocks.push(Vec::with_capacity(room));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        let start = (number << BLOCK_BITS | block.len()) as u32;
        block.extend_from_slice(raw);
        self.bytes += raw.len();
        Some(start)
    }
}

/// The table wants entropy in the highest bits and the lowest.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

const ROUND: u32 = 4096;
const SAMPLE: u32 = 8;
/// Of longer values one in [`LONG_SAMPLE`] is remembered, so that they do not take the room of those that do come again.
const LONG: usize = 512;
const LONG_SAMPLE: u32 = 64;
/// What remembering a value takes besides its bytes.
pub(super) const ENTRY_BYTES: usize = 32;
/// Longer values are not remembered. Scripts run again and again, and comparing one costs a fraction of searching it.
const LONGEST: usize = BLOCK;

impl Values {
    /// What is known of `raw`.
    #[inline]
    pub(super) fn get(&mut self, raw: &[u8]) -> Option<Known> {
        if let Some(entry) = &self.last
            && raw.len() == entry.place.length as usize
            && raw == self.texts.get(entry.place)
        {
            return Some(entry.known);
        }
        self.find(raw)
    }

    fn find(&mut self, raw: &[u8]) -> Option<Known> {
        self.ask();
        if self.is_skipped() {
            return None;
        }
        let half = self.half(raw);
        let found = self.table.find(spread(half), |entry| {
            entry.half == half
                && entry.place.length as usize == raw.len()
                && self.texts.get(entry.place) == raw
        });
        let entry = *found?;
        self.hits += 1;
        self.last = Some(entry);
        Some(entry.known)
    }

    #[inline]
    fn ask(&mut self) {
        self.asked += 1;
        if self.asked == ROUND {
            let looked = if self.rare { ROUND / SAMPLE } else { ROUND };
            self.rare = self.hits < looked / 8;
            self.asked = 0;
            self.hits = 0;
        }
    }

    /// A value that is remembered came again and was known without being asked for.
    #[inline]
    pub(super) fn foreseen(&mut self) {
        self.ask();
        self.hits += u32::from(!self.is_skipped());
    }

    /// The bytes of a value that is remembered.
    #[inline]
    pub(super) fn text(&self, place: Place) -> &[u8] {
        self.texts.get(place)
    }

    /// Whether `raw`, which was asked for last, is to be remembered.
    pub(super) fn wants(&self, raw: &[u8]) -> bool {
        let sample = if raw.len() > LONG { LONG_SAMPLE } else { SAMPLE };
        let skipped = self.rare && !self.asked.is_multiple_of(sample);
        !skipped && raw.len() <= LONGEST
    }

    /// Remembers what was found out about `raw`, if it [wants](Values::wants) to; how many bytes that takes.
    pub(super) fn insert(&mut self, raw: &[u8], known: Known) -> usize {
        match self.insert_at(raw, known) {
            Some(_) => raw.len() + ENTRY_BYTES,
            None => 0,
        }
    }

    /// The same; says where it stands then, if it is remembered. It takes its length and [`ENTRY_BYTES`].
    pub(super) fn insert_at(&mut self, raw: &[u8], known: Known) -> Option<Place> {
        if !self.wants(raw) {
            return None;
        }
        let place = Place {
            start: self.texts.add(raw)?,
            length: raw.len() as u32,
        };
        let entry = Entry {
            half: self.half(raw),
            place,
            known,
        };
        self.last = Some(entry);
        self.table
            .insert_unique(spread(entry.half), entry, |other| spread(other.half));
        Some(place)
    }

    fn half(&self, raw: &[u8]) -> u32 {
        (self.hasher.hash_one(raw) >> 32) as u32
    }

    fn is_skipped(&self) -> bool {
        self.rare && !self.asked.is_multiple_of(SAMPLE)
    }

    /// Forgets all values; how many bytes that gives back.
    pub(super) fn clear(&mut self) -> usize {
        let bytes = self.texts.bytes + self.table.len() * ENTRY_BYTES;
        *self = Values::default();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_remembered_until_they_prove_rare() {
        let mut values = Values::default();
        let known = Known {
            outcome: 3,
            fits: true,
        };
        assert_eq!(values.get(b"a"), None);
        assert!(values.insert(b"a", known) > 0);
        assert!(
            values.insert(
                b"",
                Known {
                    outcome: 0,
                    fits: false
                }
            ) > 0
        );
        assert_eq!(values.get(b"a"), Some(known));
        assert_eq!(values.get(b"").map(|known| known.fits), Some(false));
        let mut kept = 0;
        for number in 0..3 * ROUND {
            let raw = number.to_string();
            assert_eq!(values.get(raw.as_bytes()), None);
            kept += u32::from(values.insert(raw.as_bytes(), known) > 0);
        }
        assert!((ROUND..2 * ROUND).contains(&kept), "{kept}");
        let mut asked = (0..SAMPLE).map(|_| {
            values.last = None;
            values.get(b"1")
        });
        assert!(asked.any(|found| found == Some(known)), "looked for now and then");
    }

    #[test]
    fn values_fill_blocks_and_are_found_in_each() {
        let mut values = Values::default();
        let value = |number: u32| -> Vec<u8> {
            let length = match number % 7 {
                0 => 0,
                1 => LONG,
                _ => number as usize % LONG,
            };
            let mut raw = number.to_le_bytes().to_vec();
            raw.resize(4 + length, number as u8);
            raw.truncate(LONG);
            raw
        };
        let known = |number: u32| Known {
            outcome: number,
            fits: number.is_multiple_of(3),
        };
        // Fewer than a round: none is passed over.
        for number in 0..ROUND / 4 {
            assert_eq!(values.get(&value(number)), None);
            assert!(values.insert(&value(number), known(number)) > 0);
        }
        let longest = vec![b'x'; LONGEST];
        assert!(values.insert(&longest, known(1)) > 0);
        assert_eq!(values.insert(&vec![b'x'; LONGEST + 1], known(1)), 0, "too long");
        assert!(values.texts.blocks.len() > 3);
        assert!(values.texts.blocks.iter().all(|block| block.len() <= BLOCK));
        for number in (0..ROUND / 4).rev() {
            assert_eq!(values.get(&value(number)), Some(known(number)));
        }
        assert_eq!(values.get(&longest), Some(known(1)));
        let bytes = (0..ROUND / 4).map(|number| value(number).len() + ENTRY_BYTES);
        assert_eq!(values.clear(), bytes.sum::<usize>() + LONGEST + ENTRY_BYTES);
        assert_eq!(values.get(&longest), None);
    }

    #[test]
    fn values_that_come_again_are_remembered_again() {
        let mut values = Values::default();
        let known = Known {
            outcome: 1,
            fits: true,
        };
        let ask = |values: &mut Values, number: u32| {
            let raw = number.to_string();
            let found = values.get(raw.as_bytes());
            if found.is_none() {
                values.insert(raw.as_bytes(), known);
            }
            found
        };
        for number in 0..2 * ROUND {
            assert_eq!(ask(&mut values, number), None);
        }
        for number in 0..4 * ROUND {
            ask(&mut values, number % 10);
        }
        assert!((0..10).all(|number| ask(&mut values, number) == Some(known)));
    }

    #[test]
    fn outcomes_are_stored_once() {
        let mut outcomes = Outcomes::default();
        assert_eq!(outcomes.intern(&[]), NOTHING);
        let one = outcomes.intern(&[(1, 2)]);
        assert_eq!(outcomes.intern(&[(1, 2)]), one);
        assert_eq!(outcomes.get(one), [(1, 2)]);
        assert!(outcomes.get(NOTHING).is_empty());
        assert_eq!(outcomes.len(), 2);
    }
}
