//! How many distinct values: HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, *HyperLogLog: the analysis of a
//! near-optimal cardinality estimation algorithm*, 2007), exact while small, with the estimator of Ertl (*New cardinality
//! estimation algorithms for HyperLogLog sketches*, 2017), which needs no tables of corrections.
//!
//! Use it for destinations, accounts, file names per entity and interval, and give the estimate to the
//! [`Detector`](super::Detector): a scan, a spray and a lateral move are counts of distinct values that jump. Not
//! where a count must be exact beyond 48, nor where the sender of the values knows the hash: he can choose values that
//! count as few.

use serde::{Deserialize, Serialize};

/// Values kept as they are; the 49th makes registers of them.
const EXACT: usize = 48;
const INDEX_BITS: u32 = 9;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The greatest value of a register.
const MOST: usize = 64 - INDEX_BITS as usize + 1;

/// A count of distinct values: 24 bytes and at most 512 on the heap; right within 4.6 % (one standard deviation)
/// beyond 48, exact up to there.
///
/// ```
/// use borzoi_engine::anomaly::distinct::Distinct;
///
/// let mut few = Distinct::default();
/// for value in [1, 2, 3, 2, 1] {
///     few.insert(value);
/// }
/// assert_eq!(few.estimate(), 3.0);
///
/// let mut many = Distinct::default();
/// for value in 0..10_000 {
///     many.insert(value % 5_000);
/// }
/// assert!((many.estimate() / 5_000.0 - 1.0).abs() < 0.15);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinct(Kept);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kept {
    /// Hashes, ascending.
    Few(Vec<u64>),
    /// For each of 512 parts of all hashes, the most leading zeros, and one more.
    Many(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Kept::Few(Vec::new()))
    }
}

impl Distinct {
    /// Takes a value by its hash, and says whether that changed anything. A poor hash does: it is mixed once more.
    pub fn insert(&mut self, hash: u64) -> bool {
        self.insert_mixed(mix(hash))
    }

    fn insert_mixed(&mut self, hash: u64) -> bool {
        match &mut self.0 {
            Kept::Few(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else {
                    return false;
                };
                if hashes.len() < EXACT {
                    hashes.insert(place, hash);
                    return true;
                }
                let mut registers = vec![0; REGISTERS];
                for &hash in hashes.iter() {
                    raise(&mut registers, hash);
                }
                raise(&mut registers, hash);
                self.0 = Kept::Many(registers);
                true
            }
            Kept::Many(registers) => raise(registers, hash),
        }
    }

    /// Adds what another one saw; the same as if this one had seen it.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, Kept::Few(hashes)) => {
                for &hash in hashes {
                    self.insert_mixed(hash);
                }
            }
            (Kept::Many(registers), Kept::Many(others)) => {
                for (register, &other) in registers.iter_mut().zip(others) {
                    *register = (*register).max(other);
                }
            }
            (Kept::Few(hashes), Kept::Many(others)) => {
                let mut registers = others.clone();
                for &hash in hashes.iter() {
                    raise(&mut registers, hash);
                }
                self.0 = Kept::Many(registers);
            }
        }
    }

    /// How many distinct values came, about.
    pub fn estimate(&self) -> f64 {
        let registers = match &self.0 {
            Kept::Few(hashes) => return hashes.len() as f64,
            Kept::Many(registers) => registers,
        };
        let mut with = [0u32; MOST + 1];
        for &register in registers {
            with[usize::from(register).min(MOST)] += 1;
        }
        let m = REGISTERS as f64;
        let mut z = m * tau(1.0 - f64::from(with[MOST]) / m);
        for &count in with[1..MOST].iter().rev() {
            z = 0.5 * (z + f64::from(count));
        }
        z += m * sigma(f64::from(with[0]) / m);
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }

    /// Forgets everything, for the next interval.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Kept::Few(hashes) => hashes.capacity() * size_of::<u64>(),
            Kept::Many(registers) => registers.capacity(),
        }
    }
}

/// Whether the register of the hash rose.
fn raise(registers: &mut [u8], hash: u64) -> bool {
    let rank = ((hash << INDEX_BITS).leading_zeros() + 1).min(MOST as u32) as u8;
    match registers.get_mut((hash >> (64 - INDEX_BITS)) as usize) {
        Some(register) if *register < rank => {
            *register = rank;
            true
        }
        _ => false,
    }
}

/// What registers that are still zero add (Ertl 2017, algorithm 6).
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// What registers at their end add.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// Mixes all bits into all bits (splitmix64: Steele, Lea and Flood 2014).
pub(super) fn mix(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn errors_are_those_of_the_paper() {
        for count in [49u64, 100, 500, 1_000, 1_500, 3_000, 20_000, 200_000] {
            let runs = if count > 10_000 { 40 } else { 200 };
            let (mut sum, mut squares) = (0.0, 0.0);
            for run in 0..runs {
                let mut distinct = Distinct::default();
                for value in 0..count {
                    distinct.insert(value ^ (run << 40));
                }
                let error = distinct.estimate() / count as f64 - 1.0;
                sum += error;
                squares += error * error;
            }
            let (bias, deviation) = (sum / runs as f64, (squares / runs as f64).sqrt());
            // 1.04 / sqrt(512) is 4.6 %; 40 runs know that to a ninth.
            assert!(
                bias.abs() < 0.016 && deviation < 0.062,
                "{count}: {bias} {deviation}"
            );
        }
    }

    #[test]
    fn it_stays_small_and_goes_to_json_and_back() {
        let mut distinct = Distinct::default();
        for value in 0..100_000 {
            distinct.insert(value);
            assert!(distinct.heap_bytes() <= 512, "{}", distinct.heap_bytes());
        }
        let text = serde_json::to_string(&distinct).unwrap();
        assert_eq!(distinct, serde_json::from_str(&text).unwrap());
        distinct.clear();
        assert_eq!(distinct.estimate(), 0.0);
        // Hashes at the ends of registers.
        let mut ends = Distinct(Kept::Many(vec![MOST as u8; REGISTERS]));
        assert!(ends.estimate() > 1e15);
        assert!(!ends.insert(1));
    }

    proptest! {
        #[test]
        fn exact_while_small_and_merged_is_the_same_as_seen(
            left in prop::collection::vec(0u64..200, 0..150),
            right in prop::collection::vec(0u64..200, 0..150),
        ) {
            let (mut a, mut b, mut both) = (Distinct::default(), Distinct::default(), Distinct::default());
            left.iter().for_each(|&value| { a.insert(value); both.insert(value); });
            right.iter().for_each(|&value| { b.insert(value); both.insert(value); });
            let exact: HashSet<_> = left.iter().collect();
            if exact.len() <= EXACT {
                prop_assert_eq!(a.estimate(), exact.len() as f64);
            }
            a.merge(&b);
            prop_assert_eq!(a.estimate(), both.estimate());
        }
    }
}
