//! Values outside everything seen, the "spatial anomaly" of Numenta's detectors (Lavin and Ahmad 2015).
//!
//! Good against the one value that is wrong at first sight. Useless for series that grow: there, every day has its
//! first time; the strength says how far outside, in units of the range, so that a small step beyond is no alarm.

use serde::{Deserialize, Serialize};

/// The least and the greatest value seen.
///
/// ```
/// use borzoi_engine::anomaly::range::Range;
///
/// let mut range = Range::default();
/// for value in [3.0, 1.0, 5.0] {
///     range.learn(value);
/// }
/// assert_eq!(range.width(), 4.0);
/// assert_eq!(range.beyond(4.0), 0.0);
/// assert_eq!(range.beyond(7.0), 0.5); // half a width above
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    bounds: Option<(f32, f32)>,
}

impl Range {
    /// Takes a value.
    pub fn learn(&mut self, value: f64) {
        let value = value as f32;
        let (low, high) = self.bounds.unwrap_or((value, value));
        self.bounds = Some((low.min(value), high.max(value)));
    }

    /// The least and the greatest, once a value came.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        self.bounds.map(|(low, high)| (f64::from(low), f64::from(high)))
    }

    /// Greatest less least; zero if nothing came.
    pub fn width(&self) -> f64 {
        self.bounds
            .map_or(0.0, |(low, high)| f64::from(high) - f64::from(low))
    }

    /// How far a value lies outside, in widths; zero inside and while all values were the same.
    pub fn beyond(&self, value: f64) -> f64 {
        let width = self.width();
        let Some((low, high)) = self.bounds.filter(|_| width > 0.0) else {
            return 0.0;
        };
        // Rounded as the bounds are: the greatest value seen, again, is not outside.
        let value = f64::from(value as f32);
        (value - f64::from(high)).max(f64::from(low) - value).max(0.0) / width
    }
}
