//! Silences of the groups of a rule: each says [how long it never is quiet](crate::anomaly::silence), what is told is what all together have
//! had [as seldom as asked for](crate::anomaly::pool), and where all are quiet it is one silence, and nobody's own.

use borzoi_rules::correlation::Statistic;
use serde::{Deserialize, Serialize};

use super::episode::Figure;
use super::numbers::days;
use super::plan::micros;
use super::watch::{Found, Machine, Shared, found_silent};
use crate::anomaly::pool::{Pool, Tally};
use crate::anomaly::silence::{self, Score, Settings, Silence};

const HOUR: i64 = 3_600_000_000;
/// Makes a scale of strengths for a pool: of gaps that a day has one of each, to those that 10 to the 260 days have. Their logarithms go up by a
/// fortieth each step, so that one day without work and two are told apart.
const SCALE: f64 = 5.0;
/// Fewer groups are not called all.
const LEAST_GROUPS: usize = 3;
/// All are looked at once in such a part of the shortest silence that counts.
const PART: i64 = 32;
/// How often a day all may seem quiet by chance for groups not to be told one by one.
const ALL_PER_DAY: f64 = 0.1;

/// What the groups of a rule share: a pool that learns by the hour of event time, and what is usual for all as one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Quiet {
    pool: Pool,
    tally: Tally,
    hour: Option<i64>,
    all: Silence,
    /// Settings of `all`.
    settings: Settings,
    /// When an event was last told to `all`.
    last: Option<i64>,
    /// The deadline of `all` that is written down.
    pub(super) due: Option<i64>,
}

/// What an event is for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// One shortly after another.
    OfMany,
    /// It was told to all.
    LookedAt,
    /// Until then all were silent.
    EndsSilence,
}

/// How strong a gap is of which a day has so many.
fn strength(per_day: f64) -> f64 {
    SCALE * (-per_day.max(f64::MIN_POSITIVE).ln()).max(0.0).ln_1p()
}

impl Quiet {
    pub(super) fn new(ask: &Statistic, span: i64) -> Quiet {
        let settings = Settings {
            alerts_per_day: ask.alerts_per_day.min(ALL_PER_DAY),
            learning_micros: micros(ask.learning),
            least_micros: span,
        };
        Quiet {
            pool: Pool::of_hours(ask.alerts_per_day),
            tally: Tally::default(),
            hour: None,
            all: Silence::new(settings),
            settings,
            last: None,
            due: None,
        }
    }

    pub(super) fn set_alerts_per_day(&mut self, alerts_per_day: f64) {
        self.pool.set_alerts_per_day(alerts_per_day);
        let all = alerts_per_day.min(ALL_PER_DAY);
        self.settings.alerts_per_day = all;
        self.all.set_rates(all, all);
    }

    /// How many gaps a day may be longer than the limit of a group, by its tail: no more than are asked for of each.
    pub(super) fn tail_per_day(&self, asked: f64) -> f64 {
        (-(self.pool.bar() / SCALE).exp_m1()).exp().min(asked)
    }

    /// One of so many groups spoke at `time`.
    pub(super) fn spoken(&mut self, time: i64, live: usize) -> Spoken {
        self.pass(time);
        let Some(last) = self.last else {
            self.last = Some(time);
            self.all.update(time);
            return Spoken::LookedAt;
        };
        if time.saturating_sub(last) < self.part() {
            return Spoken::OfMany;
        }
        let was_quiet = live >= LEAST_GROUPS && self.all.is_quiet(time);
        match time.saturating_sub(last) > silence::FARTHEST {
            // So long ago that nothing is known any more.
            true => self.all = Silence::new(self.settings),
            false if was_quiet => self.all.excuse(time),
            false => {}
        }
        self.all.update(time);
        self.last = Some(time);
        match was_quiet {
            true => Spoken::EndsSilence,
            false => Spoken::LookedAt,
        }
    }

    /// What a gap of a group was that has ended.
    pub(super) fn ended(&mut self, score: &Score) {
        self.tally.add(0.0, strength(score.per_day));
    }

    /// Whether all of so many groups are quiet, so that none is told for itself.
    fn holds(&self, now: i64, live: usize) -> bool {
        // What ends it must be looked at.
        let looked_at = self
            .last
            .is_some_and(|last| now.saturating_sub(last) >= self.part());
        live >= LEAST_GROUPS && looked_at && self.all.is_quiet(now)
    }

    fn part(&self) -> i64 {
        (self.settings.least_micros / PART).max(1)
    }

    /// When the silence of all of so many groups is to be told.
    pub(super) fn deadline(&self, live: usize) -> Option<i64> {
        (live >= LEAST_GROUPS).then(|| self.all.deadline()).flatten()
    }

    /// All were silent until `now`.
    pub(super) fn silent(&mut self, now: i64, live: usize) -> Option<Found> {
        let mut found = found_silent(&self.all.check(now))?;
        found.figures.push((Figure::Peers, live as f64));
        Some(found)
    }

    /// Nothing happens before `time` any more.
    fn pass(&mut self, time: i64) {
        let now = time.div_euclid(HOUR);
        // Hours in which nobody spoke say nothing.
        if self.hour.replace(now).is_some_and(|hour| hour < now) {
            let tally = std::mem::take(&mut self.tally);
            self.pool.learn(days(HOUR), &tally, self.pool.bar());
        }
    }
}

impl Machine {
    /// The silence of one of so many groups was not told because all are quiet: whether that is so.
    pub(super) fn is_held(&self, now: i64, live: usize, shared: &Shared) -> bool {
        match (self, shared) {
            (Machine::Silence(_), Shared::Quiet(quiet)) => quiet.holds(now, live),
            _ => false,
        }
    }

    /// Nobody could speak until `now`.
    pub(super) fn excuse(&mut self, now: i64) {
        if let Machine::Silence(silence) = self {
            silence.excuse(now);
        }
    }
}
