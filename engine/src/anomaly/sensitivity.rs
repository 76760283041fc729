//! From strength to the chance that noise alone is as strong, and from wished alerts per day to a threshold.

use serde::{Deserialize, Serialize};

const DAY_MICROS: f64 = 86_400e6;

/// Strength, and the common logarithm of the rate of new episodes per value on noise without anomalies.
///
/// Measured with simulated noise: white, seasonal in mean and in size, Student's t with 3 degrees of freedom,
/// log-normal, autocorrelated, with a random walk, counts; 30 days with a value each minute and each 5 minutes,
/// the rest after an alert as [`Sensitivity::probability`] sets it. Up to a rate of one in a thousand the kinds of
/// noise agree within a factor of two: records come at the same rate whatever the distribution. Beyond, heavy
/// tails alert more often than this says.
const TAIL: [(f64, f64); 7] = [
    (0.0, -0.3),
    (0.41, -1.0),
    (0.62, -2.0),
    (0.80, -2.68),
    (0.87, -3.0),
    (1.05, -3.5),
    (1.3, -4.2),
];

/// When a [`Detector`](super::Detector) raises an alert: how improbable a value must be, and for how many values after
/// an alert the next one is held back.
///
/// ```
/// use borzoi_engine::anomaly::Sensitivity;
///
/// let minutes_5 = 300_000_000;
/// let wary = Sensitivity::alerts_per_day(10.0, minutes_5);
/// let calm = Sensitivity::alerts_per_day(0.1, minutes_5);
/// assert!(wary.strength() < calm.strength());
/// ```
///
/// The default is the threshold of the benchmark, a strength of 1: on noise about one alert in 2,300 values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    strength: f32,
    rest_limit: u32,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self {
            strength: 1.0,
            rest_limit: 480,
        }
    }
}

impl Sensitivity {
    /// About so many alerts per day on a series without anomalies, with a value every `interval_micros`.
    pub fn alerts_per_day(alerts: f64, interval_micros: i64) -> Self {
        Self::probability(alerts * interval_micros.max(1) as f64 / DAY_MICROS)
    }

    /// An alert where the chance per value is at most `probability`.
    pub fn probability(probability: f64) -> Self {
        let probability = if probability.is_nan() {
            1e-12
        } else {
            probability.clamp(1e-12, 0.5)
        };
        let rest = (0.5 / probability).clamp(1.0, 480.0);
        Self {
            strength: strength_of(probability) as f32,
            rest_limit: rest as u32,
        }
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
    along(
        TAIL.map(|(strength, log)| (-log, strength)),
        -probability.clamp(1e-12, 1.0).log10(),
    )
}

/// Straight lines between points, the last one going on.
fn along(points: [(f64, f64); 7], x: f64) -> f64 {
    let after = points
        .iter()
        .position(|&(at, _)| at > x)
        .unwrap_or(points.len() - 1)
        .max(1);
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
    y0 + (x - x0) * (y1 - y0) / (x1 - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for probability in [0.4, 0.1, 0.01, 1e-3, 1e-5, 1e-12] {
            let back = tail_probability(strength_of(probability));
            assert!((back / probability - 1.0).abs() < 1e-9, "{probability} {back}");
        }
        assert!(tail_probability(0.0) > 0.4 && tail_probability(1e9) == 1e-12);
    }

    #[test]
    fn nonsense_is_bounded() {
        for alerts in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
            for interval in [i64::MIN, 0, i64::MAX] {
                let sensitivity = Sensitivity::alerts_per_day(alerts, interval);
                assert!(sensitivity.strength().is_finite(), "{alerts} {interval}");
            }
        }
    }
}
