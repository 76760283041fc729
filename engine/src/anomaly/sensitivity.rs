//! From strength to the chance that noise alone is as strong, and from wished alerts per day to a threshold.

use serde::{Deserialize, Serialize};

const DAY_MICROS: f64 = 86_400e6;

/// Common logarithm of the rate of new episodes per value on noise without anomalies, by strength.
///
/// Measured by `measures_the_tail_on_noise` below.
const TAIL: [(f64, f64); 6] = [(0.0, 0.0), (0.4, -1.0), (0.6, -1.8), (0.8, -2.4), (1.0, -3.0), (1.5, -4.5)];

/// When a [`Detector`](super::Detector) raises an alert.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    strength: f32,
    rest_limit: u32,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self { strength: 1.0, rest_limit: 480 }
    }
}

impl Sensitivity {
    /// About so many alerts per day on a series without anomalies, with a value every `interval_micros`.
    pub fn alerts_per_day(alerts: f64, interval_micros: i64) -> Self {
        Self::probability((alerts * interval_micros.max(1) as f64 / DAY_MICROS).clamp(1e-12, 0.5))
    }

    /// An alert where the chance per value is at most `probability`.
    pub fn probability(probability: f64) -> Self {
        let probability = probability.clamp(1e-12, 0.5);
        let rest = (0.5 / probability).clamp(1.0, 480.0);
        Self { strength: strength_of(probability) as f32, rest_limit: rest as u32 }
    }

    /// The strength from which on a value is an alert.
    pub fn strength(&self) -> f64 {
        f64::from(self.strength)
    }

    /// The most values that an alert keeps the next one back.
    pub fn rest_limit(&self) -> u32 {
        self.rest_limit
    }
}

/// The chance per value that noise alone begins an episode this strong.
pub fn tail_probability(strength: f64) -> f64 {
    10f64.powf(along(TAIL, strength)).clamp(1e-12, 1.0)
}

/// The strength whose [`tail_probability`] this is.
pub fn strength_of(probability: f64) -> f64 {
    along(TAIL.map(|(strength, log)| (-log, strength)), -probability.clamp(1e-12, 1.0).log10())
}

/// Straight lines between points, the last one going on.
fn along(points: [(f64, f64); 6], x: f64) -> f64 {
    let after = points.iter().position(|&(at, _)| at > x).unwrap_or(points.len() - 1).max(1);
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
    y0 + (x - x0) * (y1 - y0) / (x1 - x0)
}
