//! Exponentially weighted mean (Roberts, *Control chart tests based on geometric moving averages*, 1959).
//!
//! Use it where the level moves slowly and old values should count less and less. Not where one wild value may
//! not move the result: see [`median and MAD`](super::sketch::Sketch::median_and_mad).

use serde::{Deserialize, Serialize};

/// A mean that forgets: at first the plain mean of what came, later each value has the weight `rate`.
///
/// The plain mean at the start matters: a fixed rate would keep the first value in the result for `1 / rate` more.
///
/// ```
/// use borzoi_engine::anomaly::ewma::Ewma;
///
/// let mut mean = Ewma::default();
/// for value in [10.0, 20.0, 30.0] {
///     mean.update(value, 0.1);
/// }
/// assert_eq!(mean.value(), Some(20.0)); // three values: 1/3 is still more than the rate
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Ewma {
    value: f32,
    count: u32,
}

impl Ewma {
    /// Takes a value. `rate` in `(0, 1]` is the least weight that it gets.
    pub fn update(&mut self, value: f64, rate: f64) {
        self.count = self.count.saturating_add(1);
        let weight = rate.max(1.0 / f64::from(self.count));
        let old = f64::from(self.value);
        self.value = (old + weight * (value - old)) as f32;
    }

    /// The mean, once a value came.
    pub fn value(&self) -> Option<f64> {
        (self.count > 0).then_some(f64::from(self.value))
    }

    /// How many values came.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// Times the usual that one value may count as in a root mean square.
pub(super) const WINSOR: f64 = 7.0;
/// The most that a mean square grows per value. A young one has little behind it: a burst of twenty values is to
/// make its root 2.6 times as large, not a hundred times.
const GROWTH: f64 = 0.1;

/// A square as it may count in a mean of squares (winsorised: Huber, *Robust estimation of a location parameter*, 1964).
pub(super) fn limited_square(mean_square: f64, square: f64, weight: f64, known: bool) -> f64 {
    if !known || mean_square <= 0.0 {
        return square;
    }
    square.min(mean_square * (WINSOR * WINSOR).min(1.0 + GROWTH / weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_has_no_mean_and_old_values_fade() {
        let mut mean = Ewma::default();
        assert_eq!(mean.value(), None);
        for _ in 0..100 {
            mean.update(1.0, 0.05);
        }
        for _ in 0..100 {
            mean.update(2.0, 0.05);
        }
        // 0.95^100 of the old level is left.
        assert!((mean.value().unwrap() - (2.0 - 0.95f64.powi(100))).abs() < 1e-4);
    }
}
