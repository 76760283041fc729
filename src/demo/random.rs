//! A small random number generator with the same numbers on every machine.
//!
//! SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, 2014): one addition and
//! three mixing steps on 64 bits, integers only. Each log file draws from a generator of its own, so that
//! more lines in one file do not change another.

use std::fmt::Write as _;

/// SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A generator of its own for `seed` and `name`.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a over the name.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = Self(seed ^ hash);
        random.bits();
        random
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound - 1` (0 if `bound` is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Any element, each as likely.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// An element of a list that is sorted by how usual it is: the n-th comes about 1/n as often as the first
    /// (Zipf), which is how programs, domains and pages are spread in real logs.
    pub fn usual<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        // Integer weights: the same on every machine, no logarithm needed.
        let weight = |rank: usize| 1_000_000 / (rank as u64 + 1);
        let total = (0..items.len()).map(weight).sum();
        let mut left = self.below(total);
        for (rank, item) in items.iter().enumerate() {
            if left < weight(rank) {
                return item;
            }
            left -= weight(rank);
        }
        &items[0]
    }

    /// [`Random::usual`] for words.
    pub fn word<'a>(&mut self, words: &'a [String]) -> &'a str {
        self.usual::<String>(words)
    }

    /// `digits` hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            let _ = write!(text, "{:016x}", self.bits());
        }
        text.truncate(digits);
        text
    }

    /// `{8-4-4-4-12}`, as Windows writes it.
    pub fn guid(&mut self) -> String {
        format!("{{{}}}", self.uuid())
    }

    /// `8-4-4-4-12`.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}
