//! Numbers by the hash of what they stand for.
//!
//! One look-up misses the cache once: all of a place (a part of the hash, and the number) is one word, places are tried one
//! after another, and what a number stands for is looked at only where 32 bits of hash agree. Hashes are kept, so growing
//! asks nothing of what the numbers stand for, and goes through memory in order.

use super::fetch::fetch;

/// Part of a hash above, one more than a number below; 0 where nothing is.
type Place = u64;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Table {
    /// A power of two of them, or none.
    places: Box<[Place]>,
    len: usize,
}

impl Table {
    /// Bytes for each number, about.
    pub(super) const BYTES_EACH: usize = 2 * size_of::<Place>();

    /// Asks for the memory in which a hash is looked up.
    pub(super) fn fetch(&self, hash: u64) {
        if let Some(place) = self.places.get(self.home(hash)) {
            fetch(place);
        }
    }

    /// Where a hash is looked for first.
    fn home(&self, hash: u64) -> usize {
        // The highest bits, so that places stay in their order when there are more.
        match self.places.len() {
            0 | 1 => 0,
            places => (hash >> (64 - places.trailing_zeros())) as usize,
        }
    }

    /// The first number under (part of) this hash that `is_it`.
    pub(super) fn find(&self, hash: u64, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.position(hash, is_it).map(|at| number_in(self.places[at]))
    }

    fn position(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = self.home(hash);
        loop {
            let place = *self.places.get(at)?;
            if place == 0 {
                return None;
            }
            if place >> 32 == hash >> 32 && is_it(number_in(place)) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts a number in that is not there.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.len += 1;
        self.put((hash >> 32 << 32) | (u64::from(number) + 1));
    }

    fn put(&mut self, place: Place) {
        let mask = self.places.len() - 1;
        let mut at = self.home(place);
        while self.places[at] != 0 {
            at = (at + 1) & mask;
        }
        self.places[at] = place;
    }

    fn grow(&mut self) {
        let more = (self.places.len() * 2).max(8);
        let known = std::mem::replace(&mut self.places, vec![0; more].into());
        for place in known.into_iter().filter(|place| *place != 0) {
            self.put(place);
        }
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let Some(mut gap) = self.position(hash, |known| known == number) else {
            return;
        };
        self.len -= 1;
        let mask = self.places.len() - 1;
        let mut at = gap;
        // Those behind it move up, unless that puts them before where they are looked for first.
        loop {
            at = (at + 1) & mask;
            let place = self.places[at];
            if place == 0 {
                break;
            }
            let from_home = at.wrapping_sub(self.home(place)) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.places[gap] = place;
                gap = at;
            }
        }
        self.places[gap] = 0;
    }
}

fn number_in(place: Place) -> u32 {
    (place as u32).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use std::collections::hash_map::Entry;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few hashes, so that many are the same, or next to each other, or at the end.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((any::<bool>(), 0..12_u64, 0..4_u64), 0..400)) {
            let (mut table, mut known) = (Table::default(), HashMap::new());
            for (number, (goes, high, low)) in steps.into_iter().enumerate() {
                let hash = (high.wrapping_sub(6) << 60) | (low << 32);
                if goes {
                    table.remove(hash, known.remove(&hash).unwrap_or(u32::MAX));
                } else if let Entry::Vacant(free) = known.entry(hash) {
                    table.insert(hash, number as u32);
                    free.insert(number as u32);
                }
                for high in 0..12_u64 {
                    for low in 0..4 {
                        let hash = (high.wrapping_sub(6) << 60) | (low << 32);
                        prop_assert_eq!(table.find(hash, |_| true), known.get(&hash).copied());
                    }
                }
                prop_assert_eq!(table.len, known.len());
            }
        }
    }

    #[test]
    fn numbers_under_one_hash_are_told_apart() {
        let mut table = Table::default();
        for number in [0, 7, u32::MAX - 1] {
            table.insert(u64::MAX, number);
        }
        table.remove(u64::MAX, 0);
        assert_eq!(table.find(u64::MAX, |number| number == 0), None);
        assert_eq!(table.find(u64::MAX, |number| number == 7), Some(7));
        assert_eq!(
            table.find(u64::MAX, |number| number == u32::MAX - 1),
            Some(u32::MAX - 1)
        );
    }
}
