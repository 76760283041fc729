//! How unusual a deviation from the forecast is, for this series, at this time of day, over short and long stretches.
//!
//! The deviation is smoothed at three speeds (about 3, 10 and 30 values: a spike shows in the first, a shift or a
//! slow rise in the last). Each smoothed deviation is compared in two ways with what was usual:
//! - with its own **root mean square**. Smoothed and unsmoothed have each their own, so that no noise model and no
//!   correction for autocorrelation is needed. One wild value counts in it with at most seven times the usual
//!   (winsorised: Huber, *Robust estimation of a location parameter*, 1964), and a burst by steps of a tenth. Where the hour of day or its neighbours
//!   are wilder than the whole, theirs counts for half: a job that runs every night is no news.
//! - with its own **record**, the greatest of the past, which fades slowly. The chance that the next of `n` comparable
//!   values is the greatest is `1 / n` for every continuous distribution (Chandler, *The distribution and frequency of
//!   record values*, 1952); so this half means the same for light and for heavy tails.
//!
//! The mean over speeds and forecasts counts, not the greatest: what is unusual in only one view is mostly chance
//! (Aggarwal and Sathe, *Theoretical foundations and algorithms for outlier ensembles*, 2015).

use super::compact::Compact;
use super::ewma::{WINSOR, limited_square};
use serde::{Deserialize, Serialize};

const SPEEDS: [f64; 3] = [0.3, 0.1, 0.03];
const HOURS: usize = 24;
/// Values that the root mean square remembers.
const MEMORY: f64 = 4_000.0;
/// What a record loses per value: half in 2,300 values.
const RECORD_KEEP: f64 = 1.0 - 0.0003;
/// The part of an hour's own mean square that counts.
const HOUR_PART: f64 = 0.5;
/// Root mean squares that are as strong as a record, and the part of each in the strength.
const STRONG_SIGMAS: f64 = 3.0;
const SIGMA_PART: f64 = 0.3;
const RECORD_PART: f64 = 0.7;
/// More than three times the record says no more.
const RECORD_LIMIT: f64 = 3.0;
/// Values before anything is said.
const LEARNING: u32 = 20;

/// The deviations of one series from one forecast: about 280 bytes.
///
/// ```
/// use borzoi_engine::anomaly::deviation::Deviation;
///
/// let mut deviation = Deviation::default();
/// let strength = |deviation: &mut Deviation, off| {
///     deviation.update(0, off, 0.01).iter().sum::<f64>() / 3.0
/// };
/// for step in 0..500 {
///     strength(&mut deviation, if step % 2 == 0 { 1.0 } else { -1.0 });
/// }
/// assert!(strength(&mut deviation, 1.0) < 1.0);
/// assert!(strength(&mut deviation, 40.0) > 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Deviation {
    count: u32,
    smoothed: [f32; 3],
    mean_square: [f32; 3],
    record: [f32; 3],
    hour_counts: [u8; HOURS],
    hour_mean_square: [[Compact; 3]; HOURS],
}

impl Deviation {
    /// Takes a deviation that came in an hour of the day (0–23) and gives, per speed, how strong it is: about 1 where
    /// it is both a record and three root mean squares. `floor` is added to every magnitude, so that in a series
    /// which hardly ever moves not every move is a sensation.
    pub fn update(&mut self, hour: usize, deviation: f64, floor: f64) -> [f64; 3] {
        let hour = hour % HOURS;
        self.count = self.count.saturating_add(1);
        let known = self.count > LEARNING;
        let weight = (1.0 / f64::from(self.count)).max(1.0 / MEMORY);
        self.hour_counts[hour] = self.hour_counts[hour].saturating_add(1);
        let hour_weight = 1.0 / f64::from(self.hour_counts[hour]);
        let mut strengths = [0.0; 3];
        for (speed, rate) in SPEEDS.iter().enumerate() {
            let before = f64::from(self.smoothed[speed]);
            let smoothed = before + rate * (deviation - before);
            self.smoothed[speed] = smoothed as f32;
            let size = smoothed.abs() + floor;
            let usual_square = f64::from(self.mean_square[speed]);
            let usual = usual_square
                .max(HOUR_PART * self.wildest_hour_near(hour, speed))
                .sqrt();
            let record = f64::from(self.record[speed]);
            if known && usual > 0.0 {
                let beyond_record = if record > 0.0 {
                    (size / record).min(RECORD_LIMIT)
                } else {
                    RECORD_LIMIT
                };
                strengths[speed] = SIGMA_PART * size / usual / STRONG_SIGMAS + RECORD_PART * beyond_record;
            } else if known && size > 0.0 {
                // The first movement ever of a series that stood still.
                strengths[speed] = RECORD_LIMIT;
            }
            // Both winsorised: a burst must not set a bar that nothing reaches for weeks.
            let counted = if known && usual > 0.0 {
                size.min(WINSOR * usual)
            } else {
                size
            };
            let square = limited_square(usual_square, counted * counted, weight, known);
            self.mean_square[speed] = (usual_square + weight * (square - usual_square)) as f32;
            self.record[speed] = (record * RECORD_KEEP).max(counted) as f32;
            let hour_square = &mut self.hour_mean_square[hour][speed];
            let old = hour_square.get();
            let limit = if self.hour_counts[hour] > 20 && usual_square > 0.0 {
                WINSOR * WINSOR * old.max(usual_square)
            } else {
                f64::INFINITY
            };
            *hour_square = Compact::of(old + hour_weight * ((size * size).min(limit) - old));
        }
        strengths
    }

    /// Deviations taken.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The greatest mean square of an hour and its two neighbours: jobs do not start on the second.
    fn wildest_hour_near(&self, hour: usize, speed: usize) -> f64 {
        let mut wildest = 0.0f64;
        for near in [hour + HOURS - 1, hour, hour + 1] {
            let near = near % HOURS;
            if self.hour_counts[near] >= 2 {
                wildest = wildest.max(self.hour_mean_square[near][speed].get());
            }
        }
        wildest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_before_it_knows_anything() {
        let mut deviation = Deviation::default();
        for step in 0..20 {
            assert_eq!(deviation.update(0, f64::from(step), 0.0), [0.0; 3]);
        }
    }

    #[test]
    fn one_wild_value_does_not_hide_the_next() {
        let noise = |step: usize| ((step * 7919) % 101) as f64 / 50.5 - 1.0;
        let mut deviation = Deviation::default();
        for step in 0..2_000 {
            deviation.update(step / 12, noise(step), 0.0);
        }
        let calm = deviation.mean_square[0];
        deviation.update(0, 1e6, 0.0);
        assert!(deviation.mean_square[0] < 1.1 * calm);
    }

    #[test]
    fn a_nightly_job_becomes_usual() {
        let mut deviation = Deviation::default();
        let day = |deviation: &mut Deviation| {
            let mut strongest = 0.0f64;
            for step in 0..288usize {
                let off = if step == 40 { 50.0 } else { (step % 3) as f64 - 1.0 };
                let strength = deviation.update(step / 12, off, 0.01).iter().sum::<f64>() / 3.0;
                strongest = strongest.max(strength);
            }
            strongest
        };
        assert!(day(&mut deviation) > 1.0);
        for _ in 0..5 {
            day(&mut deviation);
        }
        let later = day(&mut deviation);
        // A little over one at most: the record faded by a twelfth since yesterday.
        assert!(later < 1.25, "{later}");
    }
}
