//! The detector of a series.

/// What is known about a value the moment it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Tail probability.
    pub probability: f64,
    /// In `[0, 1]`, one being the most surprising.
    pub surprise: f64,
}

/// State of one series.
#[derive(Debug, Clone, Default)]
pub struct Detector {
    count: u64,
    mean: f64,
    variance: f64,
}

impl Detector {
    /// Takes the next value of the series and says how surprising it is.
    pub fn update(&mut self, _time_micros: i64, value: f64) -> Score {
        self.count += 1;
        if self.count == 1 {
            self.mean = value;
        }
        let rate = (1.0 / self.count as f64).max(0.002);
        let off = value - self.mean;
        let spread = self.variance.sqrt().max(f64::MIN_POSITIVE);
        let deviations = off.abs() / spread;
        self.mean += rate * off;
        self.variance += rate * (off * off - self.variance);
        let probability = (1.0 / (1.0 + deviations * deviations)).min(1.0);
        let surprise = if self.count < 100 { 0.0 } else { 1.0 - probability };
        Score { probability, surprise }
    }
}
