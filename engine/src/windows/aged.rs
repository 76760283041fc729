//! What was seen and when, about: for more values than can be remembered one by one.
//!
//! Values are put into filters by the stretch of time in which they were seen last, an eighth of the window's length each;
//! so they can be forgotten together. A filter is a split-block Bloom filter (Putze, Sanders, Singler, *Cache-, Hash- and
//! Space-Efficient Bloom Filters*, 2007, in the form of the Parquet specification), made once for all values that are put
//! aside together, with [`BITS`] bits for each.
//!
//! *Error*: a value that was put aside is always found. One that never was is taken for seen with a probability of less
//! than 1 in 2,500 for each filter that is alive. What is found counts as seen up to the end of its stretch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Stretches to the length of the window.
const STRETCHES: i64 = 8;

/// Bits of a filter for each value.
const BITS: usize = 24;

/// Lanes of a block; a value sets a bit in each.
const LANES: usize = 8;

/// Odd numbers that spread a hash over the lanes, those of the Parquet specification.
const SALTS: [u32; LANES] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// One filter.
#[derive(Debug, Serialize, Deserialize)]
struct Filter {
    blocks: Box<[[u32; LANES]]>,
}

impl Filter {
    fn of(hashes: &[u64]) -> Filter {
        let blocks = (hashes.len() * BITS).div_ceil(32 * LANES).max(1);
        let mut filter = Filter {
            blocks: vec![[0; LANES]; blocks].into(),
        };
        for &hash in hashes {
            let block = filter.block(hash);
            for (lane, bit) in filter.blocks[block].iter_mut().zip(bits(hash)) {
                *lane |= bit;
            }
        }
        filter
    }

    fn block(&self, hash: u64) -> usize {
        ((u128::from(hash >> 32) * self.blocks.len() as u128) >> 32) as usize
    }

    fn holds(&self, hash: u64) -> bool {
        let block = &self.blocks[self.block(hash)];
        block.iter().zip(bits(hash)).all(|(lane, bit)| lane & bit != 0)
    }
}

fn bits(hash: u64) -> impl Iterator<Item = u32> {
    SALTS
        .iter()
        .map(move |salt| 1 << ((hash as u32).wrapping_mul(*salt) >> 27))
}

/// See the [module](self).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Aged {
    /// Length of a stretch in microseconds.
    width: i64,
    /// By number of the stretch.
    filters: BTreeMap<i64, Vec<Filter>>,
    bytes: usize,
}

impl Aged {
    /// For a window of `span` microseconds.
    pub(super) fn new(span: i64) -> Aged {
        Aged {
            width: (span / STRETCHES).max(1),
            filters: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Takes values, each with the time at which it was seen last.
    pub(super) fn put(&mut self, seen: impl IntoIterator<Item = (u64, i64)>) {
        let mut by_stretch: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for (hash, last) in seen {
            by_stretch
                .entry(last.div_euclid(self.width))
                .or_default()
                .push(hash);
        }
        for (stretch, hashes) in by_stretch {
            let filter = Filter::of(&hashes);
            self.bytes += filter.blocks.len() * size_of::<[u32; LANES]>();
            self.filters.entry(stretch).or_default().push(filter);
        }
    }

    /// When a value may have been seen last.
    pub(super) fn last(&self, hash: u64) -> Option<i64> {
        let mut newest_first = self.filters.iter().rev();
        let (stretch, _) =
            newest_first.find(|(_, filters)| filters.iter().any(|filter| filter.holds(hash)))?;
        Some(self.end_of(*stretch))
    }

    fn end_of(&self, stretch: i64) -> i64 {
        stretch.saturating_add(1).saturating_mul(self.width) - 1
    }

    /// Forgets what was seen before `time` only.
    pub(super) fn forget_before(&mut self, time: i64) {
        while let Some(first) = self.filters.first_entry() {
            let stretch = *first.key();
            if stretch.saturating_add(1).saturating_mul(self.width) > time {
                return;
            }
            self.drop_first();
        }
    }

    /// Forgets the oldest stretch. `false` if there is none.
    pub(super) fn drop_first(&mut self) -> bool {
        let Some((_, filters)) = self.filters.pop_first() else {
            return false;
        };
        let blocks: usize = filters.iter().map(|filter| filter.blocks.len()).sum();
        self.bytes -= blocks * size_of::<[u32; LANES]>();
        true
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::keys::hash;

    fn hash_of(n: u64) -> u64 {
        hash(&n.to_le_bytes())
    }

    #[test]
    fn what_was_put_aside_is_found_until_its_stretch_is_over() {
        let mut aged = Aged::new(800);
        aged.put((0..10_000).map(|n| (hash_of(n), n as i64 % 400)));
        for n in 0..10_000 {
            let last = aged.last(hash_of(n)).expect("seen");
            // Where a newer filter errs, later.
            assert!(last >= n as i64 % 400, "{n}");
        }
        aged.forget_before(200);
        assert!(aged.bytes() > 0);
        let old = (0..10_000).filter(|n| n % 400 < 200);
        let known = old.filter(|n| aged.last(hash_of(*n)).is_some()).count();
        assert!(known < 20, "{known}");
        aged.forget_before(400);
        assert_eq!((aged.bytes(), aged.last(hash_of(1))), (0, None));
    }

    #[test]
    fn errors_are_as_rare_as_is_said() {
        let mut aged = Aged::new(800);
        aged.put((0..200_000).map(|n| (hash_of(n), 0)));
        assert!(aged.bytes() <= 200_000 * BITS / 8 + 32);
        let wrong = (200_000..1_200_000)
            .filter(|n| aged.last(hash_of(*n)).is_some())
            .count();
        assert!(wrong < 400, "{wrong} of a million");
    }
}
