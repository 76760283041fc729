//! Quantiles with a relative error, after DDSketch (Masson, Rim and Lee, *DDSketch: a fast and fully-mergeable
//! quantile sketch with relative-error guarantees*, VLDB 2019), and median and MAD over it.
//!
//! Use it for what is positive and spreads over decades: bytes, durations, counts. Not for values around a large
//! constant (temperatures in kelvin): the error is relative to the value, not to the spread.

use serde::{Deserialize, Serialize};

/// Ratio of the bounds of a bucket: a quantile is right within 5 %.
const GAMMA: f64 = 1.05 / 0.95;
/// Buckets kept per sign; the smallest magnitudes are put together beyond that. They span a factor of 10^11.
const BUCKETS: usize = 256;

/// Counts in buckets that grow by a constant factor, one half for each sign. At most 4 kB, less for few decades.
///
/// ```
/// use borzoi_engine::anomaly::sketch::Sketch;
///
/// let mut sketch = Sketch::default();
/// for value in 1..=1000 {
///     sketch.update(f64::from(value));
/// }
/// let p99 = sketch.quantile(0.99).unwrap();
/// assert!((p99 / 990.0 - 1.0).abs() < 0.05);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    zeros: u64,
    positive: Side,
    negative: Side,
}

/// Counts of one sign; `first` is the index of the bucket in front.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Side {
    first: i32,
    counts: Vec<u64>,
}

impl Sketch {
    /// Takes a value; one that is not finite is passed over.
    pub fn update(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        // Below the least normal number logarithms lose their digits.
        if value.abs() < f64::MIN_POSITIVE {
            self.zeros += 1;
        } else if value > 0.0 {
            self.positive.add(index(value), 1);
        } else {
            self.negative.add(index(-value), 1);
        }
    }

    /// Adds what another sketch saw; the same as if this one had seen it.
    pub fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (side, from) in [
            (&mut self.positive, &other.positive),
            (&mut self.negative, &other.negative),
        ] {
            for (at, &count) in from.counts.iter().enumerate() {
                if count > 0 {
                    side.add(from.first + at as i32, count);
                }
            }
        }
    }

    /// How many values came.
    pub fn count(&self) -> u64 {
        self.zeros + self.positive.total() + self.negative.total()
    }

    /// The value below which the part `q` in `[0, 1]` of all values lies; nothing if none came.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * (count - 1) as f64) as u64;
        self.ordered()
            .find(|&(_, up_to)| up_to > rank)
            .map(|(value, _)| value)
    }

    /// Median and median absolute deviation from it (Hampel, *The influence curve and its role in robust
    /// estimation*, 1974): a place and a spread that half of the values being wrong do not move far.
    pub fn median_and_mad(&self) -> Option<(f64, f64)> {
        let median = self.quantile(0.5)?;
        let mut away: Vec<(f64, u64)> = Vec::new();
        let mut before = 0;
        for (value, up_to) in self.ordered() {
            away.push(((value - median).abs(), up_to - before));
            before = up_to;
        }
        away.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rank = (self.count() - 1) / 2;
        let mut seen = 0;
        away.iter()
            .find(|(_, count)| {
                seen += count;
                seen > rank
            })
            .map(|&(distance, _)| (median, distance))
    }

    /// Middles of buckets from the least to the greatest value, with the count of values up to each.
    fn ordered(&self) -> impl Iterator<Item = (f64, u64)> {
        let negative = self
            .negative
            .buckets()
            .rev()
            .map(|(at, count)| (-middle(at), count));
        let zero = std::iter::once((0.0, self.zeros));
        let positive = self.positive.buckets().map(|(at, count)| (middle(at), count));
        let filled = negative
            .chain(zero)
            .chain(positive)
            .filter(|&(_, count)| count > 0);
        filled.scan(0, |sum, (value, count)| {
            *sum += count;
            Some((value, *sum))
        })
    }
}

impl Side {
    fn add(&mut self, at: i32, count: u64) {
        if self.counts.is_empty() {
            self.first = at;
        }
        if at < self.first {
            let room = BUCKETS - self.counts.len();
            let more = ((self.first - at) as usize).min(room);
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first -= more as i32;
        }
        let end = self.first + self.counts.len() as i32;
        if at >= end {
            self.counts.resize(self.counts.len() + (at - end + 1) as usize, 0);
            let surplus = self.counts.len().saturating_sub(BUCKETS);
            if surplus > 0 {
                let smallest: u64 = self.counts.drain(..surplus).sum();
                self.first += surplus as i32;
                self.counts[0] += smallest;
            }
        }
        let place = (at - self.first).max(0) as usize;
        self.counts[place] += count;
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn buckets(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> {
        self.counts
            .iter()
            .enumerate()
            .map(|(at, &count)| (self.first + at as i32, count))
    }
}

fn index(magnitude: f64) -> i32 {
    (magnitude.ln() / GAMMA.ln()).ceil() as i32
}

/// The point of a bucket whose relative distance to both bounds is the same.
fn middle(at: i32) -> f64 {
    2.0 * GAMMA.powf(f64::from(at)) / (GAMMA + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_wrong_values_do_not_move_median_and_mad_far() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.median_and_mad(), None);
        for step in 0..100 {
            sketch.update(if step < 60 {
                100.0 + f64::from(step % 5)
            } else {
                1e9
            });
        }
        let (median, mad) = sketch.median_and_mad().unwrap();
        assert!((90.0..115.0).contains(&median) && mad < 20.0, "{median} {mad}");
    }

    #[test]
    fn decades_without_end_cost_no_more() {
        let mut sketch = Sketch::default();
        for exponent in -300..300 {
            sketch.update(10f64.powi(exponent));
        }
        assert_eq!(sketch.count(), 600);
        assert!(sketch.positive.counts.len() <= BUCKETS);
        // What was put together are the smallest; the great ones are still right.
        assert!((sketch.quantile(1.0).unwrap() / 1e299 - 1.0).abs() < 0.05);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            values in prop::collection::vec(prop_oneof![-1e4..-1e-3, Just(0.0), 1e-3..1e4f64], 1..200),
            q in 0.0..=1.0f64,
        ) {
            let mut sketch = Sketch::default();
            let mut halves = [Sketch::default(), Sketch::default()];
            for (at, &value) in values.iter().enumerate() {
                sketch.update(value);
                halves[at % 2].update(value);
            }
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let exact = sorted[(q * (values.len() - 1) as f64) as usize];
            let found = sketch.quantile(q).unwrap();
            prop_assert!((found - exact).abs() <= 0.0501 * exact.abs(), "{found} {exact}");
            let [mut merged, other] = halves;
            merged.merge(&other);
            prop_assert_eq!(merged.quantile(q), Some(found));
        }
    }
}
