//! A source that stops talking: when has it been quiet for longer than it ever would be?
//!
//! Gaps between events are measured in the source's own time, which runs fast in the hours of the week in which it
//! mostly talks and nearly stands still in those in which it does not. In that time a series of events with a season is one without
//! (the time-rescaling theorem: Papangelou, *Integrability of expected increments of point processes*, 1972; Brown, Barbieri,
//! Ventura, Kass and Frank 2002). How fast it runs is the share of minutes with an event, so that one loud minute counts
//! no more than a quiet one. The tail of the gaps is counted while there is enough of it, and beyond goes on as that of a Weibull distribution, with
//! the exponent of the longest gaps (Gardes and Girard, *Estimating extreme quantiles of Weibull tail-distributions*, 2005):
//! exact for gaps at random, and heavier where the longest gaps are.
//!
//! # When not
//!
//! For a source whose *volume* falls but not to nothing: count per interval and give the counts to the
//! [`Detector`](super::Detector). For sources that talk now and then (a few events a week): the limit is weeks away. Holidays look like
//! silence to a source that follows people. And this knows only sources that spoke once.

use serde::{Deserialize, Serialize};

const MINUTE_MICROS: i64 = 60_000_000;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
const DAY_MICROS: f64 = 24.0 * HOUR_MICROS as f64;
const HOURS: usize = 24;
const DAYS: usize = 7;
const WEEK: usize = HOURS * DAYS;
/// The weight of a new week in the share of its hours.
const WEEK_RATE: f64 = 0.25;
/// Part of the mean speed that the source's time has at least.
const LEAST_SPEED: f64 = 0.02;
/// Farthest that a gap is looked at hour by hour: eight weeks.
const MOST_HOURS: i64 = 8 * WEEK as i64;
/// The same in microseconds: of who was quiet for longer nothing is known any more.
pub const FARTHEST: i64 = MOST_HOURS * HOUR_MICROS;
/// Gaps are counted in steps of the root of two, from a millisecond on.
const STEPS_PER_DOUBLING: f64 = 2.0;
const ROW: usize = 32;
const ROWS: usize = 2;
const BUCKETS: usize = ROW * ROWS;
/// Gaps before anything is said.
const LEAST_GAPS: f64 = 30.0;
/// The part of the gaps that says how the tail goes on, and how many at least.
const TAIL_PART: f64 = 0.005;
const TAIL_LEAST: f64 = 10.0;
const EXPONENTS: (f64, f64) = (0.3, 5.0);
/// Counts of gaps are half after this many days.
const HALF_LIFE_DAYS: f64 = 30.0;
const FADE_DAYS: f64 = 1.0;

/// How a [`Silence`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Expected alerts per day, per source.
    pub alerts_per_day: f64,
    /// No alerts for so long after the first event. In the first half the hours of the week are learned, in the second the
    /// gaps: with less than two weeks the first weekends are surprises.
    pub learning_micros: i64,
    /// A shorter silence never alerts.
    pub least_micros: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 0.01,
            learning_micros: 14 * 86_400_000_000,
            least_micros: 5 * MINUTE_MICROS,
        }
    }
}

/// What is known about a gap, whether it is over or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The event before the gap.
    pub since_micros: i64,
    /// How long it lasted, so far.
    pub lasted_micros: i64,
    /// The median of the gaps, in busy hours; 0 while nothing is known.
    pub usual_micros: i64,
    /// The gap that alerts, in busy hours; 0 while learning.
    pub limit_micros: i64,
    /// The chance that a gap is as long; 1 while learning.
    pub probability: f64,
    /// How many gaps as long a day has, of an event that ends one from half of the learning time on. Infinite where
    /// nothing is known, where the gap is no longer than those that are no news, or shorter than any that counts.
    pub per_day: f64,
    /// The gap is longer than the limit and was not told before.
    pub alert: bool,
}

/// One source: 1 kB, nothing on the heap.
///
/// ```
/// use borzoi_engine::anomaly::silence::{Settings, Silence};
///
/// let (minute, hour) = (60_000_000, 3_600_000_000);
/// let mut silence = Silence::new(Settings::default());
/// // Each five minutes, from 8 to 18 h, for three weeks.
/// for day in 0..21 {
///     for step in 0..120 {
///         let score = silence.update(day * 24 * hour + 8 * hour + step * 5 * minute);
///         assert!(!score.alert);
///     }
/// }
/// // The night is no silence; by ten the next day it is known that something is wrong.
/// let midnight = 21 * 24 * hour;
/// assert!(!silence.check(midnight + 6 * hour).alert);
/// let deadline = silence.deadline().unwrap();
/// assert!((midnight + 8 * hour..midnight + 10 * hour).contains(&deadline));
/// assert!(silence.check(deadline).alert);
/// assert!(!silence.check(deadline + hour).alert); // once
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    settings: Settings,
    // Share of minutes with an event by hour of the week; below zero where nothing is known.
    busy: [[f32; HOURS]; DAYS],
    gaps: [[f32; ROW]; ROWS],
    days: f32,
    faded: i64,
    first: Option<i64>,
    last: i64,
    // Minutes with an event in the hour of the last one.
    minutes: u8,
    told: bool,
    // How many gaps a day may be longer than the limit by the tail; what was asked for where nobody says otherwise.
    tail_per_day: f64,
    // The hours are known well enough to count gaps.
    counts: bool,
    // As of the last hour that was over: the mean of `busy`, and the gap in own time that alerts, 0 while learning.
    mean: f32,
    limit: f32,
}

impl Silence {
    /// A source that did not speak yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            busy: [[-1.0; HOURS]; DAYS],
            gaps: [[0.0; ROW]; ROWS],
            days: 0.0,
            faded: 0,
            first: None,
            last: 0,
            minutes: 0,
            told: false,
            tail_per_day: settings.alerts_per_day,
            counts: false,
            mean: 1.0,
            limit: 0.0,
        }
    }

    /// From now on another sensitivity: `alerts_per_day` of this source, and as many as `tail_per_day` by the tail alone. They
    /// are not the same where many sources together say how far tails can be believed.
    pub fn set_rates(&mut self, alerts_per_day: f64, tail_per_day: f64) {
        if (self.settings.alerts_per_day, self.tail_per_day) != (alerts_per_day, tail_per_day) {
            self.settings.alerts_per_day = alerts_per_day;
            self.tail_per_day = tail_per_day;
            self.limit = self.limit().unwrap_or(0.0) as f32;
        }
    }

    /// Nobody could speak until now: the silence so far is none.
    pub fn excuse(&mut self, now_micros: i64) {
        if self.first.is_some() && self.last < now_micros {
            self.last = now_micros;
            self.minutes = 0;
        }
    }

    /// Whether it has been quiet for longer than it ever would be, however short that is.
    pub fn is_quiet(&self, now_micros: i64) -> bool {
        self.limit_known()
            .is_some_and(|limit| self.own_time(self.last, now_micros) >= limit)
    }

    /// Takes an event, and says what the gap was that it ends. A time that goes back ends no gap.
    pub fn update(&mut self, time_micros: i64) -> Score {
        if self.first.is_none() {
            (self.first, self.last, self.faded) = (Some(time_micros), time_micros, time_micros);
            self.minutes = 1;
            return self.score(time_micros);
        }
        let mut score = self.score(time_micros);
        score.alert &= !self.told;
        if time_micros <= self.last {
            return score;
        }
        let known_for = self.last.saturating_sub(self.first.unwrap_or(self.last));
        if known_for >= self.settings.learning_micros / 2 {
            let gap = self.own_time(self.last, time_micros);
            if score.lasted_micros >= self.settings.least_micros {
                score.per_day = self.as_long_per_day(gap);
            }
            self.count(gap);
        }
        self.pass(time_micros);
        self.told = false;
        score
    }

    /// When the silence is long enough to be told, if no event comes before: nothing while learning, or if that is more
    /// than eight weeks away. Another event moves it on, mostly to later: whoever waits for an earlier one need only
    /// ask again when that has come.
    pub fn deadline(&self) -> Option<i64> {
        let limit = self.limit_known()?;
        let mut own = 0.0;
        let mut at = self.last;
        for _ in 0..MOST_HOURS {
            let end = next_hour(at);
            let speed = self.speed(at);
            let part = speed * end.saturating_sub(at) as f64;
            if own + part >= limit {
                let more = ((limit - own) / speed).ceil().max(0.0) as i64;
                let deadline = at.saturating_add(more);
                let least = self.last.saturating_add(self.settings.least_micros.max(0));
                return Some(deadline.max(least));
            }
            own += part;
            at = end;
        }
        None
    }

    /// What is known of the silence so far; alerts once.
    pub fn check(&mut self, now_micros: i64) -> Score {
        let mut score = self.score(now_micros);
        score.alert &= !self.told;
        self.told |= score.alert;
        score
    }

    fn score(&self, now: i64) -> Score {
        let lasted = now.saturating_sub(self.last).max(0);
        let mut score = Score {
            since_micros: self.last,
            lasted_micros: lasted,
            usual_micros: 0,
            limit_micros: 0,
            probability: 1.0,
            per_day: f64::INFINITY,
            alert: false,
        };
        let Some(limit) = self.limit_known() else {
            return score;
        };
        let fastest = self.busy.as_flattened().iter().copied().fold(0.0, f32::max);
        let in_busy_hours = |own: f64| (own / f64::from(fastest).max(1e-9)) as i64;
        score.usual_micros = in_busy_hours(self.gap_of(0.5));
        score.limit_micros = in_busy_hours(limit).max(self.settings.least_micros);
        let own = self.own_time(self.last, now);
        score.probability = self.part_longer(own).max(1e-18);
        // At the deadline itself, however the sum was rounded.
        score.alert = own >= limit * (1.0 - 1e-9) && lasted >= self.settings.least_micros;
        score
    }

    fn limit_known(&self) -> Option<f64> {
        (self.limit > 0.0).then_some(f64::from(self.limit))
    }

    /// The gap in own time that alerts; nothing while learning.
    fn limit(&self) -> Option<f64> {
        let known_for = self.last.saturating_sub(self.first?);
        let gaps = self.gaps_known();
        if gaps < LEAST_GAPS || known_for < self.settings.learning_micros {
            return None;
        }
        let part = (self.tail_per_day / self.gaps_per_day()).clamp(f64::MIN_POSITIVE, 0.5);
        Some(self.gap_of(part).max(self.no_news()))
    }

    fn gaps_per_day(&self) -> f64 {
        let since = self.last.saturating_sub(self.faded) as f64 / DAY_MICROS;
        self.gaps_known() / (f64::from(self.days) + since).max(0.1)
    }

    /// What came as often as asked for, and once more, is no news, whatever the tail says: nights and lunches are few among
    /// the gaps. But one outage while learning is not to blind.
    fn no_news(&self) -> f64 {
        let part = (self.settings.alerts_per_day.max(1e-9) / self.gaps_per_day()).clamp(1e-12, 0.5);
        self.longest(1.0 + (part * self.gaps_known()).ceil())
    }

    fn as_long_per_day(&self, gap: f64) -> f64 {
        match self.gaps_known() >= LEAST_GAPS && gap >= self.no_news() {
            true => (self.part_longer(gap) * self.gaps_per_day()).max(f64::MIN_POSITIVE),
            false => f64::INFINITY,
        }
    }

    /// The gap than which so many are longer; zero if there are not so many.
    fn longest(&self, number: f64) -> f64 {
        let mut above = 0.0;
        for (at, &count) in self.gaps.as_flattened().iter().enumerate().rev() {
            above += f64::from(count);
            if above >= number {
                return edge(at + 1);
            }
        }
        0.0
    }

    fn gaps_known(&self) -> f64 {
        self.gaps
            .as_flattened()
            .iter()
            .map(|&count| f64::from(count))
            .sum()
    }

    /// Where the tail begins, which part of all gaps it is, and how it goes on.
    fn tail(&self) -> (f64, f64, f64) {
        let counts = self.gaps.as_flattened();
        let all = self.gaps_known();
        let wanted = (TAIL_PART * all).max(TAIL_LEAST);
        let (mut above, mut sum, mut from) = (0.0, 0.0, 0);
        for at in (0..BUCKETS).rev() {
            above += f64::from(counts[at]);
            if above >= wanted {
                from = at;
                break;
            }
        }
        for (at, &count) in counts.iter().enumerate().skip(from) {
            sum +=
                f64::from(count) * ((at - from) as f64 + 0.5) * std::f64::consts::LN_2 / STEPS_PER_DOUBLING;
        }
        let part = (above / all.max(1.0)).clamp(1e-12, 0.9);
        // What the mean would be with an exponent of 1, between its two bounds (Abramowitz and Stegun 5.1.20).
        let start = -part.ln();
        let exponential = (1.0 + 2.0 / start).ln() / 3.0 + (1.0 + 1.0 / start).ln() / 3.0;
        let exponent = (sum / above.max(1.0) / exponential).clamp(EXPONENTS.0, EXPONENTS.1);
        (edge(from), part, exponent)
    }

    /// The gap than which this part of all gaps is longer.
    fn gap_of(&self, part: f64) -> f64 {
        let (start, tail, exponent) = self.tail();
        if part < tail {
            return start * (part.ln() / tail.ln()).powf(exponent);
        }
        let all = self.gaps_known();
        let mut above = 0.0;
        for (at, &count) in self.gaps.as_flattened().iter().enumerate().rev() {
            above += f64::from(count);
            if above >= part * all {
                return edge(at);
            }
        }
        0.0
    }

    /// Which part of all gaps is longer.
    fn part_longer(&self, gap: f64) -> f64 {
        let (start, tail, exponent) = self.tail();
        if gap > start {
            let times = (gap / start).powf(1.0 / exponent);
            return (tail.ln() * times).exp().clamp(f64::MIN_POSITIVE, 1.0);
        }
        let all = self.gaps_known();
        let longer = self.gaps.as_flattened()[bucket(gap)..].iter();
        (longer.map(|&count| f64::from(count)).sum::<f64>() / all.max(1.0)).min(1.0)
    }

    fn count(&mut self, gap: f64) {
        if !self.counts {
            (self.counts, self.faded) = (true, self.last);
        }
        let since = self.last.saturating_sub(self.faded) as f64 / DAY_MICROS;
        if since >= FADE_DAYS {
            let keep = (-since / HALF_LIFE_DAYS).exp2();
            for count in self.gaps.as_flattened_mut() {
                *count *= keep as f32;
            }
            let lately = HALF_LIFE_DAYS / std::f64::consts::LN_2 * (1.0 - keep);
            self.days = (f64::from(self.days) * keep + lately) as f32;
            self.faded = self.last;
        }
        self.gaps.as_flattened_mut()[bucket(gap)] += 1.0;
    }

    /// How much of its own time passes for the source between two moments.
    fn own_time(&self, from: i64, to: i64) -> f64 {
        let mut own = 0.0;
        let mut at = from;
        for _ in 0..MOST_HOURS {
            let end = next_hour(at).min(to);
            if end <= at {
                return own;
            }
            own += self.speed(at) * end.saturating_sub(at) as f64;
            at = end;
        }
        own + self.mean_busy() * to.saturating_sub(at) as f64
    }

    /// How busy the source mostly is at a time: in this hour of the week; while that is not known, of the day.
    fn speed(&self, time: i64) -> f64 {
        let slot = slot(time);
        let busy = self.busy[slot / HOURS][slot % HOURS];
        let mean = self.mean_busy();
        let busy = if busy < 0.0 {
            self.busy_by_day(slot % HOURS).unwrap_or(mean)
        } else {
            f64::from(busy)
        };
        busy.max(LEAST_SPEED * mean)
    }

    /// In this hour on the days that are known.
    fn busy_by_day(&self, hour: usize) -> Option<f64> {
        let known = self.busy.iter().map(|day| day[hour]).filter(|&busy| busy >= 0.0);
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), busy| {
            (sum + f64::from(busy), count + 1.0)
        });
        (count > 0.0).then(|| sum / count)
    }

    fn mean_busy(&self) -> f64 {
        f64::from(self.mean)
    }

    /// Time goes on to an event: hours that are over are learned.
    fn pass(&mut self, time: i64) {
        let (hour, now) = (self.last.div_euclid(HOUR_MICROS), time.div_euclid(HOUR_MICROS));
        if hour == now {
            let minute = |time: i64| time.div_euclid(MINUTE_MICROS);
            self.minutes += u8::from(minute(self.last) != minute(time) && self.minutes < 60);
        } else {
            self.learn_hour(hour, f64::from(self.minutes) / 60.0);
            for quiet in (hour + 1..now).take(MOST_HOURS as usize) {
                self.learn_hour(quiet, 0.0);
            }
            self.minutes = 1;
            let known = self.busy.as_flattened().iter().filter(|&&busy| busy >= 0.0);
            let (sum, count) = known.fold((0.0, 0.0), |(sum, count), &busy| (sum + busy, count + 1.0));
            self.mean = (sum / f32::max(count, 1.0)).max(1e-6);
        }
        self.last = time;
        if hour != now {
            self.limit = self.limit().unwrap_or(0.0) as f32;
        }
    }

    fn learn_hour(&mut self, hour: i64, share: f64) {
        let slot = hour.rem_euclid(WEEK as i64) as usize;
        let busy = &mut self.busy[slot / HOURS][slot % HOURS];
        if *busy < 0.0 {
            *busy = share as f32;
        } else {
            *busy += (WEEK_RATE * (share - f64::from(*busy))) as f32;
        }
    }
}

fn slot(time: i64) -> usize {
    time.div_euclid(HOUR_MICROS).rem_euclid(WEEK as i64) as usize
}

fn next_hour(time: i64) -> i64 {
    time.div_euclid(HOUR_MICROS)
        .saturating_add(1)
        .saturating_mul(HOUR_MICROS)
}

fn bucket(gap: f64) -> usize {
    // A cast of what is no number or negative gives 0.
    ((gap / 1e3).max(1.0).log2() * STEPS_PER_DOUBLING).min(BUCKETS as f64 - 1.0) as usize
}

/// The shortest gap of a bucket.
fn edge(bucket: usize) -> f64 {
    1e3 * (bucket as f64 / STEPS_PER_DOUBLING).exp2()
}

#[cfg(test)]
mod tests;
