//! An event at an hour of the week at which this entity is not active.
//!
//! A histogram over the 168 hours of the week counts the hours in which there was anything, each once however many
//! events it had, with ageing. It is smoothed around the circle (the hour before and after count for a quarter) and
//! drawn to what hour of day and day of week say by themselves, as far as little is known (a Dirichlet prior: MacKay and Peto,
//! *A hierarchical Dirichlet language model*, 1995). How unusual an hour is, is the share of all hours that are at most
//! as usual.
//!
//! No time zone is needed: hours are counted in UTC, the pattern is the entity's own. Summer time moves it by an hour,
//! which the smoothing bears.
//!
//! # When not
//!
//! For entities that are active around the clock (services): every hour is usual, nothing is found, and nothing is
//! raised. For a fixed policy ("nobody after 20 h") a rule is simpler.

use serde::{Deserialize, Serialize};

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: f64 = 86_400e6;
const HOURS: usize = 24;
const DAYS: usize = 7;
const WEEK: usize = HOURS * DAYS;
/// Active hours that the prior counts for: in the hour of the week, the hour of the day, the day of the week.
const PRIOR_WEEK: f64 = 10.0;
const PRIOR_DAY: f64 = 1.0;
const PRIOR_DAYS: f64 = 2.0;
/// Active hours before anything is said.
const LEAST: f64 = 20.0;
/// Unusual hours that lie closer together than this are one episode.
const REST_HOURS: i64 = 12;

/// How an [`Hours`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Expected alerts per day, per entity.
    pub alerts_per_day: f64,
    /// No alerts for so long after the first event.
    pub learning_micros: i64,
    /// An active hour counts half after so long.
    pub half_life_micros: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 0.01,
            learning_micros: 14 * 86_400_000_000,
            half_life_micros: 30 * 86_400_000_000,
        }
    }
}

/// What is known about an hour the moment something happens in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The chance that an active hour is as unusual; 1 while learning.
    pub probability: f64,
    /// The part of its active hours that the entity has in this hour of the week.
    pub share: f64,
    /// What that part would be if all hours were alike.
    pub usual_share: f64,
    /// Active hours known, those long ago counting less.
    pub active_hours: f64,
    /// An unusual hour begins, and none was shortly before.
    pub alert: bool,
}

/// The hours of one entity: 760 bytes, nothing on the heap.
///
/// ```
/// use borzoi_engine::anomaly::hours::{Hours, Settings};
///
/// let hour = 3_600_000_000;
/// let mut hours = Hours::new(Settings::default());
/// for day in (0..42).filter(|day| day % 7 < 5) {
///     for at in 8..17 {
///         assert!(!hours.update((day * 24 + at) * hour).alert);
///     }
/// }
/// let usual = hours.update((42 * 24 + 10) * hour);
/// assert!(!usual.alert && usual.share > usual.usual_share);
/// let night = hours.update((43 * 24 + 3) * hour);
/// assert!(night.alert && night.probability < 0.01);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    settings: Settings,
    active: [[f32; HOURS]; DAYS],
    first: Option<i64>,
    // Hours since 1970.
    hour: i64,
    faded: i64,
    days: f32,
    unusual: Option<i64>,
    // What was said of this hour.
    probability: f32,
    share: f32,
}

impl Hours {
    /// An entity that was never active.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            active: [[0.0; HOURS]; DAYS],
            first: None,
            hour: 0,
            faded: 0,
            days: 0.0,
            unusual: None,
            probability: 1.0,
            share: 0.0,
        }
    }

    /// Says how unusual it is to be active at a time, then learns it. Another event in the same hour says the same and
    /// does not alert; so does one whose time goes back.
    pub fn update(&mut self, time_micros: i64) -> Score {
        let hour = time_micros.div_euclid(HOUR_MICROS);
        match self.first {
            None => (self.first, self.faded) = (Some(time_micros), time_micros),
            Some(_) if hour <= self.hour => {
                return Score {
                    probability: f64::from(self.probability),
                    share: f64::from(self.share),
                    usual_share: 1.0 / WEEK as f64,
                    active_hours: self.active_hours(),
                    alert: false,
                };
            }
            Some(_) => self.fade(time_micros),
        }
        self.hour = hour;
        let score = self.judge(time_micros, hour);
        (self.probability, self.share) = (score.probability as f32, score.share as f32);
        let slot = slot(hour);
        self.active[slot / HOURS][slot % HOURS] += 1.0;
        score
    }

    fn active_hours(&self) -> f64 {
        let counts = self.active.as_flattened().iter();
        counts.map(|&count| f64::from(count)).sum()
    }

    fn fade(&mut self, time_micros: i64) {
        let passed = time_micros.saturating_sub(self.faded).max(0) as f64;
        let half_life = self.settings.half_life_micros.max(1) as f64;
        let keep = (-passed / half_life).exp2();
        for count in self.active.as_flattened_mut() {
            *count *= keep as f32;
        }
        let lately = half_life / DAY_MICROS / std::f64::consts::LN_2 * (1.0 - keep);
        self.days = (f64::from(self.days) * keep + lately) as f32;
        self.faded = time_micros.max(self.faded);
    }

    fn judge(&mut self, time_micros: i64, hour: i64) -> Score {
        let active = self.active_hours();
        let shares = shares(self.active.as_flattened(), active);
        let share = shares[slot(hour)];
        let mut score = Score {
            probability: 1.0,
            share,
            usual_share: 1.0 / WEEK as f64,
            active_hours: active,
            alert: false,
        };
        let known_for = time_micros.saturating_sub(self.first.unwrap_or(time_micros));
        if active < LEAST || known_for < self.settings.learning_micros {
            return score;
        }
        let as_unusual = shares.iter().filter(|&&other| other <= share * (1.0 + 1e-9));
        score.probability = as_unusual.sum::<f64>().min(1.0);
        let per_day = score.probability * active / f64::from(self.days).max(1.0);
        if per_day <= self.settings.alerts_per_day {
            let resting = self
                .unusual
                .is_some_and(|last| hour.saturating_sub(last) < REST_HOURS);
            score.alert = !resting;
            self.unusual = Some(hour);
        }
        score
    }
}

/// The place of an hour in the week, from Thursday 0 h UTC: 1970 began with one.
fn slot(hour: i64) -> usize {
    hour.rem_euclid(WEEK as i64) as usize
}

/// The part of each hour of the week in all active hours; they sum to 1.
fn shares(counts: &[f32], active: f64) -> [f64; WEEK] {
    let mut by_hour = [0.0; HOURS];
    let mut by_day = [0.0; DAYS];
    let mut smooth = [0.0; WEEK];
    for (at, smooth) in smooth.iter_mut().enumerate() {
        let count = |at: usize| f64::from(counts[at % WEEK]);
        *smooth = 0.5 * count(at) + 0.25 * (count(at + 1) + count(at + WEEK - 1));
        by_hour[at % HOURS] += *smooth;
        by_day[at / HOURS] += count(at);
    }
    for part in &mut by_hour {
        *part = (*part + PRIOR_DAY / HOURS as f64) / (active + PRIOR_DAY);
    }
    for part in &mut by_day {
        *part = (*part + PRIOR_DAYS / DAYS as f64) / (active + PRIOR_DAYS);
    }
    for (at, part) in smooth.iter_mut().enumerate() {
        let apart = by_hour[at % HOURS] * by_day[at / HOURS];
        *part = (*part + PRIOR_WEEK * apart) / (active + PRIOR_WEEK);
    }
    smooth
}

#[cfg(test)]
mod tests {
    use super::super::simulate::{Noise, working_hours};
    use super::*;

    const DAY: i64 = 24 * HOUR_MICROS;

    #[test]
    fn few_false_alarms_and_nights_and_sundays_are_found() {
        let people: i64 = 100;
        let (mut alerts, mut nights, mut sundays) = (0, 0, 0);
        for person in 0..people {
            let mut noise = Noise::new(1_000 + person as u64);
            let mut hours = Hours::new(Settings::default());
            for time in working_hours(&mut noise, 84) {
                alerts += usize::from(hours.update(time).alert);
            }
            let night = 84 * DAY + (1 + noise.below(4) as i64) * HOUR_MICROS;
            nights += usize::from(hours.clone().update(night).alert);
            sundays += usize::from(hours.update(90 * DAY + 14 * HOUR_MICROS).alert);
        }
        let per_day = alerts as f64 / (people * 70) as f64;
        assert!(per_day <= 0.02, "{per_day}");
        assert!(nights >= 95 && sundays >= 80, "{nights} {sundays}");
    }

    #[test]
    fn who_never_sleeps_has_no_unusual_hour() {
        let mut hours = Hours::new(Settings::default());
        for hour in 0..60 * 24 {
            assert!(!hours.update(hour * HOUR_MICROS).alert, "{hour}");
        }
    }

    #[test]
    fn another_life_is_learned_in_time() {
        let mut hours = Hours::new(Settings::default());
        let alerts = |hours: &mut Hours, from: i64, days: std::ops::Range<i64>| {
            let mut alerts = 0;
            for day in days {
                for hour in from..from + 8 {
                    alerts += usize::from(hours.update(day * DAY + hour * HOUR_MICROS).alert);
                }
            }
            alerts
        };
        assert_eq!(alerts(&mut hours, 8, 0..60), 0);
        // One each evening, for a week.
        let first_weeks = alerts(&mut hours, 20, 60..80);
        assert!((3..=10).contains(&first_weeks), "{first_weeks}");
        assert_eq!(alerts(&mut hours, 20, 80..120), 0);
    }

    #[test]
    fn shares_sum_to_one_times_may_be_anything_and_state_is_small() {
        let mut hours = Hours::new(Settings::default());
        let mut noise = Noise::new(3);
        for _ in 0..2_000 {
            let score = hours.update(noise.bits() as i64);
            assert!((0.0..=1.0).contains(&score.probability), "{score:?}");
        }
        let mut hours = Hours::new(Settings::default());
        for step in 0..500 {
            hours.update(step * 5 * HOUR_MICROS);
        }
        let sum: f64 = shares(hours.active.as_flattened(), hours.active_hours())
            .iter()
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert!(size_of::<Hours>() < 1_024, "{}", size_of::<Hours>());
        let text = serde_json::to_string(&hours).unwrap();
        assert_eq!(hours, serde_json::from_str(&text).unwrap());
    }
}
