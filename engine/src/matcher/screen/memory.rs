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

struct Entry {
    start: u32,
    length: u32,
    known: Known,
}

/// The values of one key as they stand in records.
///
/// Values that hardly ever come again (counters, times, GUIDs) are not worth remembering, nor looking for. Whether
/// they do is learned while running: of every [`ROUND`] look-ups the hits are counted, and where they are few, the
/// next round only looks for and remembers one value in [`SAMPLE`].
#[derive(Default)]
pub(super) struct Values {
    text: Vec<u8>,
    entries: Vec<Entry>,
    table: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// The entry of the last value: neighbours often agree.
    last: usize,
    asked: u32,
    hits: u32,
    rare: bool,
}

const ROUND: u32 = 4096;
const SAMPLE: u32 = 8;
/// Of longer values one in [`LONG_SAMPLE`] is remembered, so that they do not take the room of those that do come again.
const LONG: usize = 512;
const LONG_SAMPLE: u32 = 64;
/// What remembering a value takes besides its bytes.
const ENTRY_BYTES: usize = 32;
/// Longer values are not remembered. Scripts run again and again, and comparing one costs a fraction of searching it.
const LONGEST: usize = 64 << 10;

impl Values {
    /// What is known of `raw`.
    #[inline]
    pub(super) fn get(&mut self, raw: &[u8]) -> Option<Known> {
        if let Some(entry) = self.entries.get(self.last)
            && *raw == self.text[entry.start as usize..][..entry.length as usize]
        {
            return Some(entry.known);
        }
        self.find(raw)
    }

    fn find(&mut self, raw: &[u8]) -> Option<Known> {
        self.asked += 1;
        if self.asked == ROUND {
            let looked = if self.rare { ROUND / SAMPLE } else { ROUND };
            self.rare = self.hits < looked / 8;
            self.asked = 0;
            self.hits = 0;
        }
        if self.is_skipped() {
            return None;
        }
        let hash = self.hasher.hash_one(raw);
        let (text, entries) = (&self.text, &self.entries);
        let found = self.table.find(hash, |&index| {
            let entry = &entries[index as usize];
            entry.length as usize == raw.len() && text[entry.start as usize..][..raw.len()] == *raw
        });
        let index = *found? as usize;
        self.hits += 1;
        self.last = index;
        Some(self.entries[index].known)
    }

    /// Whether `raw`, which was asked for last, is to be remembered.
    pub(super) fn wants(&self, raw: &[u8]) -> bool {
        let sample = if raw.len() > LONG { LONG_SAMPLE } else { SAMPLE };
        let skipped = self.rare && !self.asked.is_multiple_of(sample);
        !skipped && raw.len() <= LONGEST && u32::try_from(self.text.len()).is_ok()
    }

    /// Remembers what was found out about `raw`, if it [wants](Values::wants) to; how many bytes that takes.
    pub(super) fn insert(&mut self, raw: &[u8], known: Known) -> usize {
        if !self.wants(raw) {
            return 0;
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(raw);
        let index = u32::try_from(self.entries.len()).expect("fewer values than bytes");
        self.entries.push(Entry {
            start,
            length: raw.len() as u32,
            known,
        });
        self.last = index as usize;
        let hash = self.hasher.hash_one(raw);
        let (text, entries, hasher) = (&self.text, &self.entries, &self.hasher);
        self.table.insert_unique(hash, index, |&other| {
            let entry = &entries[other as usize];
            hasher.hash_one(&text[entry.start as usize..][..entry.length as usize])
        });
        raw.len() + ENTRY_BYTES
    }

    fn is_skipped(&self) -> bool {
        self.rare && !self.asked.is_multiple_of(SAMPLE)
    }

    /// Forgets all values; how many bytes that gives back.
    pub(super) fn clear(&mut self) -> usize {
        let bytes = self.text.len() + self.entries.len() * ENTRY_BYTES;
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
            values.last = usize::MAX;
            values.get(b"1")
        });
        assert!(asked.any(|found| found == Some(known)), "looked for now and then");
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
