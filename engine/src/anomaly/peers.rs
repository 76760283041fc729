//! The value of an entity against those of all its peers in the same interval: bytes sent by a host, failures of an
//! account.
//!
//! Place and spread are those of the interval itself, the median and the median absolute deviation (Hampel, *The
//! influence curve and its role in robust estimation*, 1974): up to half of the peers may be wrong, and what rises for
//! all, at nine in the morning, rises for the median too. How unusual a distance is, is counted over the intervals
//! before ([`Rates`]), since nobody knows the tail.
//!
//! # When not
//!
//! For groups of unlike members: the file server among laptops is far away in each interval, so that its distance is
//! usual for the group and hides what is less far. Make groups of like members, or give [`Score::distance`] to a
//! [`Detector`](super::Detector) per entity: far from the peers, and not as always. For fewer than 8 peers nothing is said.

use super::rates::Rates;
use serde::{Deserialize, Serialize};

/// Peers from which on something is said.
const LEAST_PEERS: usize = 8;
/// From a median absolute deviation to a standard deviation, for normal noise.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Part of the median that a deviation is at least: peers that are all alike differ a little the next time.
const FLOOR: f64 = 0.02;
/// More deviations than this are as many.
const MOST_DISTANCE: f64 = 1e12;

/// What is unusual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Much more than the peers.
    #[default]
    Above,
    /// Much less.
    Below,
    /// Either.
    Both,
}

/// How a [`Peers`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Expected alerts per day, of the whole group.
    pub alerts_per_day: f64,
    /// Length of an interval.
    pub interval_micros: i64,
    /// No alerts for so long after the first interval.
    pub learning_micros: i64,
    /// What is unusual.
    pub direction: Direction,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 1.0,
            interval_micros: 3_600_000_000,
            learning_micros: 3 * 86_400_000_000,
            direction: Direction::Above,
        }
    }
}

/// What is known about the value of one entity in one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The middle of the peers.
    pub median: f64,
    /// Their spread, as a standard deviation.
    pub spread: f64,
    /// Three spreads below the middle.
    pub low: f64,
    /// Three spreads above.
    pub high: f64,
    /// Spreads from the middle, negative below; 0 where nothing can be said.
    pub distance: f64,
    /// The part of the peers that have less.
    pub rank: f64,
    /// The chance that a value of a peer is as far away; 1 where nothing can be said.
    pub probability: f64,
    /// Values as far away per day, in the whole group; infinite where nothing can be said.
    pub per_day: f64,
    /// As seldom as asked for, and after the learning time.
    pub alert: bool,
}

/// One group of peers: 600 bytes, whatever their number.
///
/// ```
/// use borzoi_engine::anomaly::peers::{Peers, Settings};
///
/// let hour = 3_600_000_000;
/// let mut peers = Peers::new(Settings::default());
/// let mut values: Vec<f64> = Vec::new();
/// for step in 0..240i64 {
///     // Forty hosts; by day all send more.
///     let by_day = if step % 24 < 12 { 100.0 } else { 10.0 };
///     values = (0..40).map(|host| by_day * (1.0 + ((host * 7 + step * 13) % 40) as f64 / 40.0)).collect();
///     assert!(peers.interval(step * hour, &values).iter().all(|score| !score.alert || step < 100));
/// }
/// // At night one sends what is usual by day.
/// values[7] = 150.0;
/// let scores = peers.interval(240 * hour + 12 * hour, &values);
/// assert!(scores[7].alert && scores[7].rank > 0.97);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    settings: Settings,
    rates: Rates,
    // Values of an interval, smoothed.
    members: f32,
}

impl Peers {
    /// A group of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            rates: Rates::new(30 * 86_400_000_000),
            members: 0.0,
        }
    }

    /// From now on another sensitivity; what was learned stays.
    pub fn set_alerts_per_day(&mut self, alerts_per_day: f64) {
        self.settings.alerts_per_day = alerts_per_day;
    }

    /// Judges the values of all entities in the interval that begins at a time, in their order, then learns them.
    /// Values that are not finite take no part.
    pub fn interval(&mut self, time_micros: i64, values: &[f64]) -> Vec<Score> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let known_for = self.rates.pass(time_micros);
        if sorted.len() < LEAST_PEERS {
            return values.iter().map(|&value| nothing(value)).collect();
        }
        let weight = if self.members == 0.0 { 1.0 } else { 0.05 };
        self.members += weight * (sorted.len() as f32 - self.members);
        let per_day = f64::from(self.members) * 86_400e6 / self.settings.interval_micros.max(1) as f64;

        let (median, spread) = place_and_spread(&sorted);
        let learned = known_for >= self.settings.learning_micros;
        let rates = self.rates.known();
        let scores: Vec<Score> = values
            .iter()
            .map(|&value| {
                if !value.is_finite() {
                    return nothing(value);
                }
                // Halves, so that the difference of two finite values is finite.
                let distance =
                    ((value / 2.0 - median / 2.0) / (spread / 2.0)).clamp(-MOST_DISTANCE, MOST_DISTANCE);
                let strength = self.strength(distance);
                let rate = rates.per_day(strength);
                let less = sorted.partition_point(|&other| other < value);
                Score {
                    median,
                    spread,
                    low: median - 3.0 * spread,
                    high: median + 3.0 * spread,
                    distance,
                    rank: less as f64 / sorted.len() as f64,
                    probability: (rate / per_day).min(1.0),
                    per_day: rate,
                    alert: learned && strength > 0.0 && rates.seldom(strength, self.settings.alerts_per_day),
                }
            })
            .collect();
        for score in scores.iter().filter(|score| score.per_day.is_finite()) {
            self.rates.learn(time_micros, self.strength(score.distance));
        }
        scores
    }

    /// Logarithmic, so that the counts reach to a distance of 3,000, in steps of a sixteenth.
    fn strength(&self, distance: f64) -> f64 {
        let away = match self.settings.direction {
            Direction::Above => distance,
            Direction::Below => -distance,
            Direction::Both => distance.abs(),
        };
        4.0 * away.max(0.0).ln_1p()
    }
}

/// Of ascending finite values.
fn place_and_spread(sorted: &[f64]) -> (f64, f64) {
    let median = sorted[sorted.len() / 2];
    let mut away: Vec<f64> = sorted
        .iter()
        .map(|value| (value / 2.0 - median / 2.0).abs())
        .collect();
    let middle = away.len() / 2;
    let (_, middle, _) = away.select_nth_unstable_by(middle, f64::total_cmp);
    let deviation = 2.0 * MAD_TO_DEVIATION * middle.min(f64::MAX / 8.0);
    let floor = FLOOR * median.abs();
    let spread = deviation.max(floor);
    if spread > 0.0 {
        return (median, spread);
    }
    // More than half are zero: the middle of the others. In the least of them, what is usual in a quiet night would be
    // further away than anything by day.
    let mut others: Vec<f64> = away.into_iter().filter(|&away| away > 0.0).collect();
    let middle = others.len() / 2;
    let other = if others.is_empty() {
        1.0
    } else {
        2.0 * others
            .select_nth_unstable_by(middle, f64::total_cmp)
            .1
            .min(f64::MAX / 8.0)
    };
    (median, if other > 0.0 { other } else { 1.0 })
}

fn nothing(value: f64) -> Score {
    Score {
        median: value,
        spread: 0.0,
        low: value,
        high: value,
        distance: 0.0,
        rank: 0.0,
        probability: 1.0,
        per_day: f64::INFINITY,
        alert: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Log-normal around what is usual at the hour.
    fn values(noise: &mut Noise, step: i64, members: usize, spread: f64) -> Vec<f64> {
        let by_hour = 1e6 * (2.0 + (step as f64 * std::f64::consts::TAU / 24.0).sin());
        (0..members)
            .map(|_| by_hour * (spread * noise.normal()).exp())
            .collect()
    }

    #[test]
    fn one_a_day_is_about_one_a_day_on_light_and_heavy_tails() {
        for spread in [0.1, 0.5, 1.5] {
            let (mut peers, mut noise, mut alerts) = (Peers::new(Settings::default()), Noise::new(21), 0);
            for step in 0..40 * 24 {
                let scores = peers.interval(step * HOUR, &values(&mut noise, step, 50, spread));
                alerts += scores.iter().filter(|score| score.alert).count();
            }
            let per_day = alerts as f64 / 37.0;
            assert!((0.3..=2.0).contains(&per_day), "{spread}: {per_day}");
        }
    }

    #[test]
    fn data_leaving_is_found_against_the_peers() {
        // Twenty times the median at a time; half of the hosts within a factor of 1.4 of it.
        let (mut peers, mut noise, mut found) = (Peers::new(Settings::default()), Noise::new(31), 0);
        for step in 0..30 * 24 {
            let mut values = values(&mut noise, step, 50, 0.5);
            let attack = step > 240 && step % 48 == 0;
            if attack {
                values[step as usize % 50] = 2e7 * (2.0 + (step as f64 * std::f64::consts::TAU / 24.0).sin());
            }
            let scores = peers.interval(step * HOUR, &values);
            found += usize::from(attack && scores[step as usize % 50].alert);
        }
        assert!(found >= 9, "{found} of 10");
    }

    #[test]
    fn quiet_nights_do_not_hide_what_leaves() {
        // By night few are active, with values from a hundredth to a hundred times the usual.
        let mut noise = Noise::new(37);
        let mut peers = Peers::new(Settings::default());
        let mut at = |step: i64| {
            let mut values = values(&mut noise, step, 50, 0.5);
            if step % 24 >= 12 {
                for (host, value) in values.iter_mut().enumerate() {
                    *value = if host % 7 == step as usize % 7 {
                        1e4 * (2.0 * noise.normal()).exp()
                    } else {
                        0.0
                    };
                }
            }
            values
        };
        for step in 0..30 * 24 {
            peers.interval(step * HOUR, &at(step));
        }
        let mut day = at(720);
        day[7] = 4e9;
        let by_day = peers.interval(720 * HOUR, &day)[7];
        assert!(by_day.alert, "{by_day:?}");
        let mut night = at(732);
        night[7] = 4e9;
        let by_night = peers.interval(732 * HOUR, &night)[7];
        assert!(by_night.alert, "{by_night:?}");
    }

    #[test]
    fn below_is_found_when_asked_for() {
        let settings = Settings {
            direction: Direction::Below,
            ..Settings::default()
        };
        let (mut peers, mut noise) = (Peers::new(settings), Noise::new(41));
        for step in 0..10 * 24 {
            peers.interval(step * HOUR, &values(&mut noise, step, 50, 0.1));
        }
        let mut last = values(&mut noise, 240, 50, 0.1);
        last[3] = 0.0;
        let scores = peers.interval(240 * HOUR, &last);
        assert!(scores[3].alert && scores[3].distance < -5.0, "{:?}", scores[3]);
    }

    #[test]
    fn nonsense_and_small_groups_do_no_harm() {
        let mut peers = Peers::new(Settings::default());
        assert!(peers.interval(0, &[]).is_empty());
        assert_eq!(peers.interval(0, &[1.0, 9.0])[1].probability, 1.0);
        let wild = [
            f64::NAN,
            f64::INFINITY,
            f64::MAX,
            f64::MIN,
            0.0,
            1.0,
            -1.0,
            1e300,
            f64::MIN_POSITIVE,
            5.0,
            6.0,
            7.0,
        ];
        for time in [5, i64::MIN, i64::MAX, 0] {
            for score in peers.interval(time, &wild) {
                assert!(
                    score.distance.is_finite() && (0.0..=1.0).contains(&score.probability),
                    "{score:?}"
                );
            }
            let zeros = peers.interval(time, &[0.0; 20]);
            assert!(zeros.iter().all(|score| !score.alert && score.distance == 0.0));
        }
        assert!(size_of::<Peers>() < 700, "{}", size_of::<Peers>());
        let text = serde_json::to_string(&peers).unwrap();
        assert_eq!(peers, serde_json::from_str(&text).unwrap());
    }
}
