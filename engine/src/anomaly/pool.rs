//! How strong something must be to come as seldom as asked for, learned over all series of a rule together.
//!
//! A series alone cannot say what comes once in a hundred of its lives. A hundred series can, once each of them says how
//! strong something is by its own measure: strengths of all are one pool, and the bar is where the past of the pool has as
//! many episodes a day as asked for, this one included (the conformal way: Vovk, Gammerman and Shafer, *Algorithmic learning in a random
//! world*, 2005). Nothing is assumed of the tail, so none can be too heavy; what is rarer than the pool is old is told when
//! there was none as strong.
//!
//! Counted are episodes and not values, at every level at once: a value of the strength `s` after a stretch in which
//! none was above `m` begins an episode for each bar in `(m, s]` (the runs estimator of clusters: Smith and Weissman, *Estimating the extremal
//! index*, 1994). So the count does not depend on where the bar was.
//!
//! # Poisoning
//!
//! What is above the bar is counted a little above it at most (winsorised), and of those at each level no more than four times as many as were asked for. A burst
//! moves the bar by one step, however many series it hits and however high; only what goes on for `1 / alerts_per_day` days and more
//! moves it further.
//!
//! # Order
//!
//! An interval is judged by the bar of those before it, and its [`Tally`] is whole numbers: neither the order of the series nor how they
//! are divided among threads shows.

use serde::{Deserialize, Serialize};

// In rows because serde takes arrays of up to 32.
const ROW: usize = 32;
const ROWS: usize = 8;
const LEVELS: usize = ROW * ROWS;
const LEVELS_PER_UNIT: f64 = 8.0;
const HALF_LIFE_DAYS: f64 = 30.0;
/// Counts fade in steps of so many days.
const FADE_DAYS: f64 = 0.5;
/// How far above the bar an episode counts, in levels: five units, half as strong again for the detector.
const CLIP: usize = 40;
/// Times what is asked for that may count.
const MOST_COUNTED: f64 = 4.0;
/// How fast it is followed how many values a day there are.
const VALUES_DAYS: f64 = 7.0;

/// Episodes of one interval by level: what one more series adds, and what several tallies add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    // Episodes that begin at a level, less those that no longer do.
    changes: [[i32; ROW]; ROWS],
    values: u64,
    any: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            changes: [[0; ROW]; ROWS],
            values: 0,
            any: false,
        }
    }
}

impl Tally {
    /// A value of a series of the strength `strength`, after a stretch in which none was above `quiet`.
    pub fn add(&mut self, quiet: f64, strength: f64) {
        self.values += 1;
        let (from, to) = (level(quiet), level(strength));
        // Below the first level there is nothing to tell.
        if to > from {
            let changes = self.changes.as_flattened_mut();
            changes[to] += 1;
            changes[from] -= 1;
            self.any = true;
        }
    }

    /// Makes it that of so many values of which none is worth a word.
    pub fn set_quiet(&mut self, values: u64) {
        *self = Self {
            values,
            ..Self::default()
        };
    }

    /// What another one has.
    pub fn merge(&mut self, other: &Tally) {
        let changes = self.changes.as_flattened_mut().iter_mut();
        for (own, other) in changes.zip(other.changes.as_flattened()) {
            *own += other;
        }
        self.values += other.values;
        self.any |= other.any;
    }

    /// Values counted.
    pub fn values(&self) -> u64 {
        self.values
    }
}

/// Strengths of all series of a rule, 4 kB. Strengths are from 0 to 32, the logarithm of something: each eighth is told apart.
///
/// ```
/// use borzoi_engine::anomaly::pool::{Pool, Tally};
///
/// let mut pool = Pool::new(1.0);
/// for hour in 0..24 * 20 {
///     let mut tally = Tally::default();
///     for series in 0..10 {
///         // Of 240 values a day, 24 have a strength of 1, two of 2.
///         let number = hour * 10 + series;
///         let strength = if number % 120 == 7 { 2.0 } else if number % 10 == 3 { 1.0 } else { 0.5 };
///         tally.add(0.0, strength);
///     }
///     pool.learn(1.0 / 24.0, &tally, pool.bar());
/// }
/// assert!((2.0..2.3).contains(&pool.bar()), "two a day are too many, and there was nothing above");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    alerts_per_day: f64,
    // How many may count at once.
    most: f64,
    // Episodes that a bar at each level would have told, and how many more may count now.
    episodes: [[f64; ROW]; ROWS],
    room: [[f64; ROW]; ROWS],
    // That the counts stand for, faded as they are.
    values: f64,
    values_per_day: f64,
    days: f64,
    since_faded: f64,
    bar: u16,
}

impl Pool {
    /// A pool of which nothing is known.
    pub fn new(alerts_per_day: f64) -> Self {
        let alerts_per_day = if alerts_per_day.is_finite() {
            alerts_per_day.max(0.0)
        } else {
            0.0
        };
        Self {
            alerts_per_day,
            most: 1.0 + alerts_per_day,
            episodes: [[0.0; ROW]; ROWS],
            room: [[1.0 + alerts_per_day; ROW]; ROWS],
            values: 0.0,
            values_per_day: 0.0,
            days: 0.0,
            since_faded: 0.0,
            bar: 1,
        }
    }

    /// A pool of what comes by the hour of the day, all at once, on days on which nothing happens: as many may count at once as
    /// else in a day.
    pub fn of_hours(alerts_per_day: f64) -> Self {
        let mut pool = Self::new(alerts_per_day);
        pool.most = 1.0 + MOST_COUNTED * pool.alerts_per_day;
        pool.room = [[pool.most; ROW]; ROWS];
        pool
    }

    /// The strength from which on something is as seldom as asked for.
    pub fn bar(&self) -> f64 {
        f64::from(self.bar) / LEVELS_PER_UNIT
    }

    /// Whether a value of this strength begins an episode that is to be told, where `bar` is [`Pool::bar`] or above.
    pub fn tells(bar: f64, quiet: f64, strength: f64) -> bool {
        let bar = level(bar).max(1);
        level(quiet) < bar && bar <= level(strength)
    }

    /// The chance per value that noise begins an episode as strong, as far as the past can say: `None` if there was none as
    /// strong, or so many that not all were counted.
    pub fn probability(&self, strength: f64) -> Option<f64> {
        let at = level(strength);
        let count = self.episodes.as_flattened()[at];
        let counted = at >= usize::from(self.bar) && count >= 0.5 && self.values > 0.0;
        counted.then(|| ((count + 1.0) / self.values).min(1.0))
    }

    /// Takes what was counted in an interval of so many days, in which `bar` decided.
    pub fn learn(&mut self, days: f64, tally: &Tally, bar: f64) {
        let days = if days.is_finite() { days.max(1e-9) } else { 1e-9 };
        self.days += days;
        let weight = days / self.days.min(VALUES_DAYS).max(days);
        self.values_per_day += weight * (tally.values as f64 / days - self.values_per_day);
        self.values += tally.values as f64;
        let more = MOST_COUNTED * self.alerts_per_day * days;
        for room in self.room.as_flattened_mut() {
            *room = (*room + more).min(self.most);
        }
        if tally.any {
            self.count(tally, level(bar).max(1));
        }
        self.since_faded += days;
        if self.since_faded >= FADE_DAYS {
            let keep = (-self.since_faded / HALF_LIFE_DAYS).exp2();
            for count in self.episodes.as_flattened_mut() {
                *count *= keep;
            }
            self.values *= keep;
            self.since_faded = 0.0;
        }
        self.bar = self.find_bar();
    }

    /// At no level do more count than there is room for.
    fn count(&mut self, tally: &Tally, bar: usize) {
        let highest = (bar + CLIP).min(LEVELS - 1);
        let levels = tally.changes.as_flattened().iter();
        let levels = levels
            .zip(self.episodes.as_flattened_mut())
            .zip(self.room.as_flattened_mut());
        let mut begun = 0;
        for (at, ((change, count), room)) in levels.enumerate().skip(1).rev() {
            begun += change;
            if at <= highest {
                let counted = f64::from(begun).min(room.floor());
                *count += counted;
                *room -= counted;
            }
        }
    }

    /// The lowest level from which on there are no more than asked for, or none.
    fn find_bar(&self) -> u16 {
        // Episodes that may be known of in these values, this one included.
        let most = self.alerts_per_day * self.values / self.values_per_day.max(1e-9) - 1.0;
        let mut counts = self.episodes.as_flattened().iter().enumerate().skip(1).rev();
        let too_many = counts.find(|(_, count)| **count > most && **count >= 0.5);
        too_many.map_or(1, |(at, _)| (at + 1) as u16)
    }
}

fn level(strength: f64) -> usize {
    // A cast of what is no number or negative gives 0.
    ((strength * LEVELS_PER_UNIT) as usize).min(LEVELS - 1)
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;

    /// Exponential waits raised to a power are strengths: heavier the higher the power.
    fn run(
        asked: f64,
        series: usize,
        power: f64,
        mut other: impl FnMut(usize, usize) -> Option<f64>,
    ) -> Vec<usize> {
        let (mut pool, mut noise) = (Pool::new(asked), Noise::new(11));
        let mut told = vec![0; 60];
        for hour in 0..60 * 24 {
            let (mut tally, bar) = (Tally::default(), pool.bar());
            for number in 0..series {
                let usual = (noise.wait() / 3.0).powf(power);
                let strength = other(hour, number).unwrap_or(usual);
                tally.add(0.0, strength);
                told[hour / 24] += usize::from(Pool::tells(bar, 0.0, strength));
            }
            pool.learn(1.0 / 24.0, &tally, bar);
        }
        told
    }

    #[test]
    fn as_many_are_told_as_were_asked_for() {
        for asked in [0.2, 1.0, 3.0, 10.0] {
            for series in [1, 12, 100] {
                for power in [0.5, 1.0, 2.0] {
                    let told: usize = run(asked, series, power, |_, _| None)[10..].iter().sum();
                    let per_day = told as f64 / 50.0;
                    // Of one series with 24 values a day, ten are as good as all.
                    assert!(
                        (0.4 * asked..=1.6 * asked).contains(&per_day),
                        "{asked} of {series} series, power {power}: {per_day}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_burst_moves_the_bar_a_little() {
        // All of a hundred series, for half a day, far above anything.
        let burst = |hour: usize, _: usize| (480..492).contains(&hour).then_some(30.0);
        let told = run(3.0, 100, 1.0, burst);
        assert!(told[20] >= 100, "{told:?}");
        let after: usize = told[22..32].iter().sum();
        assert!((8..=60).contains(&after), "{told:?}");
    }

    #[test]
    fn tallies_of_parts_are_that_of_the_whole() {
        let (mut noise, mut whole, mut parts) = (
            Noise::new(3),
            Tally::default(),
            [(); 4].map(|()| Tally::default()),
        );
        for number in 0..1_000 {
            let (quiet, strength) = (noise.wait(), noise.wait() * 4.0);
            whole.add(quiet, strength);
            parts[number % 4].add(quiet, strength);
        }
        let [mut first, others @ ..] = parts;
        others.iter().for_each(|other| first.merge(other));
        assert_eq!(first, whole);
    }

    #[test]
    fn nonsense_does_no_harm() {
        for asked in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            let mut pool = Pool::new(asked);
            for (days, strength) in [
                (f64::NAN, 1.0),
                (-1.0, f64::INFINITY),
                (0.0, f64::NAN),
                (1e300, -5.0),
            ] {
                let mut tally = Tally::default();
                tally.add(f64::NAN, strength);
                pool.learn(days, &tally, f64::NAN);
                assert!(pool.bar().is_finite(), "{pool:?}");
            }
        }
    }
}
