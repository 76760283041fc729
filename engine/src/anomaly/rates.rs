//! How many events per day are at least as strong as this one: counted, with ageing.
//!
//! A strength whose distribution nobody knows is turned into a rate by what was seen (the conformal way: Vovk, Gammerman
//! and Shafer, *Algorithmic learning in a random world*, 2005). So a wish of "one alert a day" is kept on whatever
//! the data is, as long as the future is like the past.
//!
//! Time counts while there is something: of a pause no more than [`PAUSE_MICROS`], or a tenth of the half-life if that is longer. One event
//! that is dated long ago is no time in which anything was seen.

use serde::{Deserialize, Serialize};

// In rows because serde takes arrays of up to 32.
const ROW: usize = 32;
const ROWS: usize = 4;
const BUCKETS_PER_UNIT: f64 = 4.0;
const DAY_MICROS: f64 = 86_400e6;
/// Counts fade in steps of this part of the half-life.
const STEP: f64 = 1.0 / 64.0;
/// So much of a pause counts as time, a long weekend; or so large a part of the half-life.
pub const PAUSE_MICROS: i64 = 3 * 86_400_000_000;
const PAUSE_PART: i64 = 10;

/// Counts of strengths from 0 to 32 in steps of a quarter, 550 bytes; the unit is the caller's, and its logarithm a good one.
///
/// ```
/// use borzoi_engine::anomaly::rates::Rates;
///
/// let day = 86_400_000_000;
/// let mut rates = Rates::new(30 * day);
/// for step in 0..100 {
///     // Ten a day of strength 1, one of them 5.
///     rates.pass(step * day / 10);
///     rates.learn(if step % 10 == 0 { 5.0 } else { 1.0 });
/// }
/// assert!((9.0..11.0).contains(&rates.per_day(1.0)));
/// assert!((0.9..1.3).contains(&rates.per_day(5.0)));
/// assert!(rates.per_day(9.0) < 0.15); // not seen in ten days
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    counts: [[f32; ROW]; ROWS],
    half_life_micros: i64,
    last: Option<i64>,
    // Time that counts, in all, and until the counts were faded.
    passed: i64,
    faded: i64,
    // Days until `faded` that the counts stand for, faded as they are.
    days: f32,
}

impl Rates {
    /// What was seen counts half after `half_life_micros`.
    pub fn new(half_life_micros: i64) -> Self {
        Self {
            counts: [[0.0; ROW]; ROWS],
            half_life_micros: half_life_micros.max(1_000_000),
            last: None,
            passed: 0,
            faded: 0,
            days: 0.0,
        }
    }

    /// Says that time has come so far, with something in it; how long there was something.
    pub fn pass(&mut self, time_micros: i64) -> i64 {
        let last = self.last.unwrap_or(time_micros);
        self.last = Some(last.max(time_micros));
        let most = PAUSE_MICROS.max(self.half_life_micros / PAUSE_PART);
        let pause = time_micros.saturating_sub(last).clamp(0, most);
        self.passed = self.passed.saturating_add(pause);
        let half_life = self.half_life_micros as f64;
        let half_lives = self.passed.saturating_sub(self.faded) as f64 / half_life;
        if half_lives >= STEP {
            let keep = (-half_lives).exp2();
            for count in self.counts.as_flattened_mut() {
                *count *= keep as f32;
            }
            let passed = half_life / DAY_MICROS / std::f64::consts::LN_2 * (1.0 - keep);
            self.days = (f64::from(self.days) * keep + passed) as f32;
            self.faded = self.passed;
        }
        self.passed
    }

    /// How long there was something.
    pub fn known_for(&self) -> i64 {
        self.passed
    }

    /// Counts an event of this strength now; one that is not a number counts as 0.
    pub fn learn(&mut self, strength: f64) {
        self.counts.as_flattened_mut()[bucket(strength)] += 1.0;
    }

    /// Events per day that are at least as strong. One more than were seen: what never happened may.
    pub fn per_day(&self, strength: f64) -> f64 {
        (self.at_least(strength) + 1.0) / self.days()
    }

    /// Whether events as strong come as seldom as asked for, or never came. Less than one in the memory cannot be
    /// asked for otherwise.
    pub fn seldom(&self, strength: f64, alerts_per_day: f64) -> bool {
        let at_least = self.at_least(strength);
        // A count that faded below a half has been long ago.
        (at_least + 1.0) / self.days() <= alerts_per_day || (alerts_per_day > 0.0 && at_least < 0.5)
    }

    /// The same for many questions at once.
    pub(super) fn known(&self) -> Known {
        let mut at_least = [0.0; ROW * ROWS];
        let mut sum = 0.0;
        let counts = self.counts.as_flattened().iter();
        for (at_least, &count) in at_least.iter_mut().zip(counts).rev() {
            sum += f64::from(count);
            *at_least = sum;
        }
        Known {
            at_least,
            days: self.days(),
        }
    }

    fn days(&self) -> f64 {
        let since = self.passed.saturating_sub(self.faded) as f64 / DAY_MICROS;
        (f64::from(self.days) + since).max(1e-3)
    }

    fn at_least(&self, strength: f64) -> f64 {
        let counts = &self.counts.as_flattened()[bucket(strength)..];
        // From the strongest on, as in `known`.
        counts.iter().rev().map(|&count| f64::from(count)).sum()
    }
}

/// What [`Rates`] say at one time, by how strong something is at least.
pub(super) struct Known {
    at_least: [f64; ROW * ROWS],
    days: f64,
}

impl Known {
    /// [`Rates::per_day`].
    pub(super) fn per_day(&self, strength: f64) -> f64 {
        (self.at_least[bucket(strength)] + 1.0) / self.days
    }
}

fn bucket(strength: f64) -> usize {
    // A cast of what is no number or negative gives 0.
    ((strength * BUCKETS_PER_UNIT) as usize).min(ROW * ROWS - 1)
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn three_a_day_are_three_a_day_whatever_the_distribution() {
        for shape in [0.5, 1.0, 2.0] {
            let (mut rates, mut noise, mut alerts) = (Rates::new(30 * DAY), Noise::new(4), 0);
            for step in 0..60 * 1_000 {
                let time = step * DAY / 1_000;
                let strength = noise.wait().powf(shape) * 20.0 / 8f64.powf(shape);
                rates.pass(time);
                alerts += usize::from(step > 10_000 && rates.seldom(strength, 3.0));
                rates.learn(strength);
            }
            let per_day = alerts as f64 / 50.0;
            assert!((1.0..=4.0).contains(&per_day), "{shape}: {per_day}");
        }
    }

    #[test]
    fn a_pause_is_no_time_in_which_something_was_seen() {
        let mut rates = Rates::new(30 * DAY);
        rates.pass(-20_000 * DAY);
        rates.learn(1.0);
        assert_eq!(rates.pass(0), 3 * DAY);
        assert_eq!(rates.pass(DAY), 4 * DAY);
        assert!((0.4..0.6).contains(&rates.per_day(1.0)), "{}", rates.per_day(1.0));
    }

    #[test]
    fn old_counts_fade_and_nonsense_does_no_harm() {
        let mut rates = Rates::new(DAY);
        for step in 0..100 {
            rates.pass(step * DAY / 100);
            rates.learn(7.0);
        }
        for day in 1..20 {
            rates.pass(day * DAY);
        }
        assert!(rates.per_day(7.0) < 1.0, "{}", rates.per_day(7.0));
        for (time, strength) in [(i64::MIN, f64::NAN), (i64::MAX, f64::INFINITY), (0, -1.0)] {
            rates.pass(time);
            rates.learn(strength);
            assert!(rates.per_day(strength).is_finite());
            assert_eq!(rates.known().per_day(strength), rates.per_day(strength));
        }
    }
}
