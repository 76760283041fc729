//! The value of an entity against those of all its peers in the same interval: bytes sent by a host, failures of an
//! account.
//!
//! Place and spread are those of the interval itself, the median and the median absolute deviation (Hampel, *The
//! influence curve and its role in robust estimation*, 1974): up to half of the peers may be wrong, and what rises for
//! all, at nine in the morning, rises for the median too. How unusual a distance is, is counted over the intervals
//! before, since nobody knows the tail: what is told by a [`Pool`], which one outlier moves by a step only.
//!
//! # Idle peers
//!
//! At night most peers have nothing, and both measures are 0. A value is then measured by what those that are active in such
//! intervals have had: the size of what is not 0 is learned apart from whether there is any (a hurdle model: Mullahy,
//! *Specification and testing of some modified count data models*, 1986), and only size counts. It is a mean of logarithms
//! with bounded steps (Huber, *Robust estimation of a location parameter*, 1964; Robbins and Monro, *A stochastic
//! approximation method*, 1951), which begins at what is usual while peers are active, so that the first who sends at night
//! is measured by the day. As far as there are other active ones in the same interval (from three on), these count too: what is
//! judged is never its own measure.
//!
//! # When not
//!
//! For groups of unlike members: the file server among laptops is far away in each interval, so that its distance is
//! usual for the group and hides what is less far. Make groups of like members, or give [`Score::distance`] to a
//! [`Detector`](super::Detector) per entity: far from the peers, and not as always. For fewer than 8 peers nothing is said.

use super::pool::{Pool, Tally};
use super::rates::Rates;
use serde::{Deserialize, Serialize};

/// Peers from which on something is said.
const LEAST_PEERS: usize = 8;
/// From a median absolute deviation to a standard deviation, for normal noise.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// What is told is not more usual than that many times what was asked for, by normal noise.
const LEAST_BAR: f64 = 4.0;
/// Part of the median that a deviation is at least: peers that are all alike differ a little the next time.
const FLOOR: f64 = 0.02;
/// More deviations than this are as many.
const MOST_DISTANCE: f64 = 1e12;
/// Active ones beyond two that count for as much as all that was learned of intervals in which most are idle. The middle of three does
/// not follow one of them.
const OWN: f64 = 5.0;
/// Intervals that the size learned while peers are active counts for in that of idle ones.
const PRIOR: f32 = 2.0;
/// Intervals, at most, of which a learned size is a mean.
const MOST_KNOWN: f32 = 50.0;
/// How far one interval pulls at it, as a logarithm.
const MOST_PULL: f64 = 2.0;
const DAY: i64 = 86_400_000_000;

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
    /// Values are not told where they, and the middle of the peers, are less.
    pub at_least: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 1.0,
            interval_micros: 3_600_000_000,
            learning_micros: 3 * 86_400_000_000,
            direction: Direction::Above,
            at_least: 0.0,
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
    /// As seldom as asked for, after the learning time, and not part of a stretch that was.
    pub alert: bool,
}

/// How large the values of active peers are, as a logarithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Size {
    log: f64,
    // Intervals.
    known: f32,
}

impl Size {
    fn get(&self) -> Option<f64> {
        (self.known > 0.0).then_some(self.log)
    }

    /// Takes one of an interval; the first as it is.
    fn learn(&mut self, size: f64) {
        let log = size.ln();
        if !log.is_finite() {
            return;
        }
        if self.known == 0.0 {
            self.log = log;
        }
        let pull = (log - self.log).clamp(-MOST_PULL, MOST_PULL);
        self.log += pull / f64::from(self.known + 1.0);
        self.known = (self.known + 1.0).min(MOST_KNOWN);
    }
}

/// One group of peers: 5 kB, whatever their number.
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
///     // None was told of late.
///     let scores = peers.interval(step * hour, &values, |_, _| 0.0);
///     assert!(scores.iter().all(|score| !score.alert || step < 100));
/// }
/// // At night one sends what is usual by day.
/// values[7] = 150.0;
/// let scores = peers.interval(240 * hour + 12 * hour, &values, |_, _| 0.0);
/// assert!(scores[7].alert && scores[7].rank > 0.97);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    settings: Settings,
    // Decides what is told.
    pool: Pool,
    // Of all values, for how many there are.
    rates: Rates,
    // The last interval in which anything was.
    latest: Option<i64>,
    // Values of an interval, smoothed.
    members: f32,
    // While more than half are active, and while not.
    busy: Size,
    idle: Size,
}

impl Peers {
    /// A group of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            pool: Pool::new(settings.alerts_per_day),
            rates: Rates::new(settings.memory()),
            latest: None,
            members: 0.0,
            busy: Size::default(),
            idle: Size::default(),
        }
    }

    /// From now on another sensitivity; what was learned stays.
    pub fn set_alerts_per_day(&mut self, alerts_per_day: f64) {
        self.settings.alerts_per_day = alerts_per_day;
        self.pool.set_alerts_per_day(alerts_per_day);
    }

    /// Judges the values of all entities in the interval that begins at a time, in their order, then learns them.
    /// Values that are not finite take no part. `quiet` is called for each other with its place and strength (0 to 32), and gives the highest
    /// strength that this entity had of late, as far as it would be the same stretch; 0 for none.
    pub fn interval(
        &mut self,
        time_micros: i64,
        values: &[f64],
        mut quiet: impl FnMut(usize, f64) -> f64,
    ) -> Vec<Score> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let days = self.settings.interval_micros.max(1) as f64 / DAY as f64;
        let mut tally = Tally::default();
        let bar = self.pool.bar();
        if sorted.len() < LEAST_PEERS {
            self.pool.learn(days, &tally, bar);
            return values.iter().map(|&value| nothing(value)).collect();
        }
        if sorted.iter().any(|&value| value != 0.0) {
            self.pass(time_micros);
        }
        let weight = if self.members == 0.0 { 1.0 } else { 0.05 };
        self.members += weight * (sorted.len() as f32 - self.members);
        let per_day = f64::from(self.members) / days;

        let (median, spread) = self.place_and_spread(&sorted);
        let learned = self.rates.known_for() >= self.settings.learning_micros;
        // What the pool has not seen yet need not be unusual: not what would come more often than asked for if noise were normal.
        let each = self.settings.alerts_per_day * days / sorted.len() as f64;
        let floor = self.strength_of(normal_quantile((LEAST_BAR * each).min(0.5)));
        let (rates, bar) = (self.rates.known(), self.pool.bar().max(floor));
        let mut scores = Vec::with_capacity(values.len());
        for (place, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                scores.push(nothing(value));
                continue;
            }
            // Halves, so that the difference of two finite values is finite.
            let distance =
                ((value / 2.0 - median / 2.0) / (spread / 2.0)).clamp(-MOST_DISTANCE, MOST_DISTANCE);
            let strength = self.strength(distance);
            let counts = value.max(median) >= self.settings.at_least;
            let told = if counts { strength } else { 0.0 };
            let quiet = quiet(place, told);
            tally.add(quiet, told);
            let rate = rates.per_day(strength);
            let less = sorted.partition_point(|&other| other < value);
            scores.push(Score {
                median,
                spread,
                low: median - 3.0 * spread,
                high: median + 3.0 * spread,
                distance,
                rank: less as f64 / sorted.len() as f64,
                probability: (rate / per_day).min(1.0),
                per_day: rate,
                alert: learned && Pool::tells(bar, quiet, told),
            });
        }
        for score in scores.iter().filter(|score| score.per_day.is_finite()) {
            self.rates.learn(self.strength(score.distance));
        }
        self.pool.learn(days, &tally, bar);
        scores
    }

    /// Something was at this time. After a pause longer than anything is remembered it begins anew: one event that is dated long ago
    /// is no time in which anything was learned.
    fn pass(&mut self, time_micros: i64) {
        let pause = self.latest.map_or(0, |latest| time_micros.saturating_sub(latest));
        if pause > self.settings.memory() {
            *self = Self::new(self.settings);
        }
        self.latest = self.latest.max(Some(time_micros));
        self.rates.pass(time_micros);
    }

    fn strength_of(&self, away: f64) -> f64 {
        4.0 * away.max(0.0).ln_1p()
    }

    /// Logarithmic, so that the counts reach to a distance of 3,000, in steps of a thirtieth.
    fn strength(&self, distance: f64) -> f64 {
        let away = match self.settings.direction {
            Direction::Above => distance,
            Direction::Below => -distance,
            Direction::Both => distance.abs(),
        };
        self.strength_of(away)
    }

    /// Of ascending finite values, the spread by what was before too; learns it.
    fn place_and_spread(&mut self, sorted: &[f64]) -> (f64, f64) {
        let median = sorted[sorted.len() / 2];
        let mut away: Vec<f64> = sorted
            .iter()
            .map(|value| (value / 2.0 - median / 2.0).abs())
            .collect();
        let deviation = MAD_TO_DEVIATION * middle(&mut away);
        let spread = deviation.max(FLOOR * median.abs());
        if spread > 0.0 {
            self.busy.learn(median.abs() / 2.0 + spread / 2.0);
            return (median, spread);
        }
        // More than half are zero.
        away.retain(|&away| away > 0.0);
        if self.idle.known == 0.0 && self.busy.known > 0.0 {
            self.idle = Size {
                known: PRIOR,
                ..self.busy
            };
        }
        if away.is_empty() {
            return (median, self.idle.get().map_or(1.0, f64::exp));
        }
        let own = middle(&mut away);
        let spread = self.idle.get().map_or(own, |usual| {
            let others = away.len().saturating_sub(2) as f64;
            let part = others / (others + OWN);
            (part * own.ln() + (1.0 - part) * usual).exp()
        });
        self.idle.learn(own);
        (median, spread.clamp(f64::MIN_POSITIVE, f64::MAX / 8.0))
    }
}

impl Settings {
    /// What was counts half after so long; after a longer pause nothing is known.
    fn memory(&self) -> i64 {
        self.interval_micros.saturating_mul(60).max(30 * DAY)
    }
}

/// The middle of halves, doubled; within what can be multiplied.
fn middle(halves: &mut [f64]) -> f64 {
    let middle = halves.len() / 2;
    let (_, middle, _) = halves.select_nth_unstable_by(middle, f64::total_cmp);
    2.0 * middle.min(f64::MAX / 16.0)
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

/// How many deviations a normal value is above the mean with this chance, by Mills' ratio; nothing where that is not good enough.
fn normal_quantile(chance: f64) -> f64 {
    let nats = -chance.max(f64::MIN_POSITIVE).ln();
    (2.0 * nats - (4.0 * std::f64::consts::PI * nats).max(1.0).ln())
        .max(0.0)
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Each is a stretch of its own.
    fn told(_: usize, _: f64) -> f64 {
        0.0
    }

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
                let scores = peers.interval(step * HOUR, &values(&mut noise, step, 50, spread), told);
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
            let scores = peers.interval(step * HOUR, &values, told);
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
            peers.interval(step * HOUR, &at(step), told);
        }
        let mut day = at(720);
        day[7] = 4e9;
        let by_day = peers.interval(720 * HOUR, &day, told)[7];
        assert!(by_day.alert, "{by_day:?}");
        let mut night = at(732);
        night[7] = 4e9;
        let by_night = peers.interval(732 * HOUR, &night, told)[7];
        assert!(by_night.alert, "{by_night:?}");
    }

    #[test]
    fn the_only_one_at_night_is_measured_by_what_is_usual() {
        // By day some mistype, by night nobody but two once each; then one address tries 80 users.
        let (mut peers, mut noise, mut alerts) =
            (Peers::new(Settings::default()), Noise::new(51), Vec::new());
        for step in 0..20 * 24 {
            let by_day = (8..18).contains(&(step % 24));
            let mut values: Vec<f64> = (0..60)
                .map(|_| noise.count(if by_day { 0.05 } else { 0.0 }))
                .collect();
            if [300, 420].contains(&step) {
                values[5] = 1.0;
            }
            if step == 19 * 24 + 2 {
                values[7] = 80.0;
            }
            let scores = peers.interval(step * HOUR, &values, told);
            let found = scores.iter().enumerate().filter(|(_, score)| score.alert);
            alerts.extend(found.map(|(host, _)| (step, host)));
        }
        assert!(alerts.contains(&(19 * 24 + 2, 7)), "{alerts:?}");
        assert!(!alerts.iter().any(|(_, host)| *host == 5), "{alerts:?}");
        // Of 17 days with one each.
        assert!(alerts.len() <= 25, "{alerts:?}");
    }

    #[test]
    fn two_gigabytes_at_night_are_found_where_nobody_ever_sent() {
        let (mut peers, mut noise) = (Peers::new(Settings::default()), Noise::new(53));
        let mut at = |step: i64| match step % 24 {
            8..18 => values(&mut noise, step, 60, 0.8),
            _ => vec![0.0; 60],
        };
        for step in 0..20 * 24 {
            peers.interval(step * HOUR, &at(step), told);
        }
        let mut night = at(482);
        // What is usual by day is no more than that.
        night[4] = 2e6;
        assert!(!peers.interval(482 * HOUR, &night, told)[4].alert);
        night[3] = 2e9;
        let scores = peers.interval(483 * HOUR, &night, told);
        assert!(scores[3].alert && !scores[4].alert, "{:?}", scores[3]);
    }

    #[test]
    fn an_outlier_of_a_day_does_not_hide_the_next_host() {
        let settings = Settings {
            alerts_per_day: 0.5,
            ..Settings::default()
        };
        let (mut peers, mut noise, mut found) = (Peers::new(settings), Noise::new(61), false);
        for step in 0..16 * 24 {
            let mut values = values(&mut noise, step, 50, 0.5);
            if (240..264).contains(&step) {
                values[3] = 1e9;
            }
            if step == 12 * 24 + 5 {
                values[9] = 1e9;
            }
            let scores = peers.interval(step * HOUR, &values, told);
            found |= step == 12 * 24 + 5 && scores[9].alert;
        }
        assert!(found);
    }

    #[test]
    fn an_event_dated_long_ago_is_no_learning_time() {
        let (mut peers, mut noise) = (Peers::new(Settings::default()), Noise::new(71));
        let long_ago = -20_000 * 24;
        for step in 0..14 * 24 {
            let mut values = vec![0.0; 20];
            values[0] = if step == 0 { 5.0 } else { 0.0 };
            peers.interval((long_ago + step) * HOUR, &values, told);
        }
        for step in 0..3 * 24 {
            let scores = peers.interval(step * HOUR, &values(&mut noise, step, 50, 0.5), told);
            assert!(!scores.iter().any(|score| score.alert), "{step}");
        }
    }

    #[test]
    fn below_is_found_when_asked_for() {
        let settings = Settings {
            direction: Direction::Below,
            ..Settings::default()
        };
        let (mut peers, mut noise) = (Peers::new(settings), Noise::new(41));
        for step in 0..10 * 24 {
            peers.interval(step * HOUR, &values(&mut noise, step, 50, 0.1), told);
        }
        let mut last = values(&mut noise, 240, 50, 0.1);
        last[3] = 0.0;
        let scores = peers.interval(240 * HOUR, &last, told);
        assert!(scores[3].alert && scores[3].distance < -5.0, "{:?}", scores[3]);
    }

    #[test]
    fn nonsense_and_small_groups_do_no_harm() {
        let mut peers = Peers::new(Settings::default());
        assert!(peers.interval(0, &[], told).is_empty());
        assert_eq!(peers.interval(0, &[1.0, 9.0], told)[1].probability, 1.0);
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
            for score in peers.interval(time, &wild, told) {
                assert!(
                    score.distance.is_finite() && (0.0..=1.0).contains(&score.probability),
                    "{score:?}"
                );
            }
            let zeros = peers.interval(time, &[0.0; 20], told);
            assert!(zeros.iter().all(|score| !score.alert && score.distance == 0.0));
        }
        assert!(size_of::<Peers>() < 6_000, "{}", size_of::<Peers>());
        let text = serde_json::to_string(&peers).unwrap();
        assert_eq!(peers, serde_json::from_str(&text).unwrap());
    }
}
