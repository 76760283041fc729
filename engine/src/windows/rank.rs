//! A percentile of values that come and go.
//!
//! Two ordered maps, of the values up to the wanted rank and of those above it. One value more or less moves
//! the rank by one at most, so each costs the logarithm of the number of distinct values.

use std::collections::BTreeMap;

/// A number that has an order: its bits, turned so that they compare as the numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(i64);

impl Key {
    fn of(number: f64) -> Key {
        // Zero has two signs and is one number.
        let bits = (number + 0.0).to_bits() as i64;
        Key(bits ^ (((bits >> 63) as u64) >> 1) as i64)
    }

    fn number(self) -> f64 {
        let bits = self.0 ^ (((self.0 >> 63) as u64) >> 1) as i64;
        f64::from_bits(bits as u64)
    }
}

/// See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Ranked {
    /// The values of ranks below and at the wanted one, with how often each is there.
    low: BTreeMap<Key, u32>,
    low_len: usize,
    high: BTreeMap<Key, u32>,
    high_len: usize,
}

impl Ranked {
    /// Puts a value in.
    pub fn add(&mut self, number: f64) {
        let key = Key::of(number);
        if self.low.last_key_value().is_some_and(|(last, _)| key <= *last) {
            *self.low.entry(key).or_default() += 1;
            self.low_len += 1;
        } else {
            *self.high.entry(key).or_default() += 1;
            self.high_len += 1;
        }
    }

    /// Takes a value out that was put in.
    pub fn remove(&mut self, number: f64) {
        let key = Key::of(number);
        if take(&mut self.low, key) {
            self.low_len -= 1;
        } else if take(&mut self.high, key) {
            self.high_len -= 1;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Ranked::default();
    }

    /// Distinct values, about.
    pub fn len(&self) -> usize {
        self.low.len() + self.high.len()
    }

    /// The percentile (0–100) of the values: at rank `(n - 1) * percentile / 100`, and where that is no whole number
    /// as far between its neighbours. `None` if there are none. Always to be asked for the same one.
    pub fn percentile(&mut self, percentile: f64) -> Option<f64> {
        let all = self.low_len + self.high_len;
        if all == 0 {
            return None;
        }
        let rank = (all - 1) as f64 * percentile / 100.0;
        let whole = rank.floor();
        let wanted = whole as usize + 1;
        while self.low_len < wanted {
            let (key, _) = self.high.first_key_value().map(|(key, count)| (*key, *count))?;
            take(&mut self.high, key);
            self.high_len -= 1;
            *self.low.entry(key).or_default() += 1;
            self.low_len += 1;
        }
        while self.low_len > wanted {
            let (key, _) = self.low.last_key_value().map(|(key, count)| (*key, *count))?;
            take(&mut self.low, key);
            self.low_len -= 1;
            *self.high.entry(key).or_default() += 1;
            self.high_len += 1;
        }
        let below = self.low.last_key_value()?.0.number();
        let part = rank - whole;
        if part == 0.0 {
            return Some(below);
        }
        let above = self.high.first_key_value()?.0.number();
        Some(below + (above - below) * part)
    }
}

fn take(map: &mut BTreeMap<Key, u32>, key: Key) -> bool {
    match map.get_mut(&key) {
        Some(count) if *count > 1 => {
            *count -= 1;
            true
        }
        Some(_) => map.remove(&key).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_numbers() {
        let numbers = [f64::MIN, -2.5, -1e-300, 0.0, 1e-300, 2.0, f64::MAX];
        for pair in numbers.windows(2) {
            assert!(Key::of(pair[0]) < Key::of(pair[1]), "{pair:?}");
        }
        assert_eq!(Key::of(-0.0), Key::of(0.0));
        assert_eq!(Key::of(-2.5).number(), -2.5);
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        let mut ranked = Ranked::default();
        assert_eq!(ranked.percentile(50.0), None);
        for number in [4.0, 1.0, 3.0, 2.0] {
            ranked.add(number);
        }
        assert_eq!(ranked.percentile(50.0), Some(2.5));
        ranked.add(4.0);
        assert_eq!(ranked.percentile(50.0), Some(3.0));
        ranked.remove(1.0);
        ranked.remove(4.0);
        assert_eq!(ranked.percentile(50.0), Some(3.0));
        ranked.remove(4.0);
        assert_eq!(ranked.percentile(50.0), Some(2.5));
    }
}
