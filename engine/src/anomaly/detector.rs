//! The detector of one series: forecast, deviations, range, and when that is an alert.

use super::deviation::Deviation;
use super::range::Range;
use super::season::{Forecast, Season};
use super::sensitivity::{Sensitivity, tail_probability};
use serde::{Deserialize, Serialize};

const HOUR_MICROS: i64 = 3_600_000_000;
const HOURS: i64 = 24;
/// Values before anything is said.
pub(crate) const LEARNING: u32 = 30;
/// Part of the range ever seen that is added to every deviation.
const FLOOR: f64 = 0.01;
/// The most of it, in usual errors: a range that is wide because of one burst is no measure.
const FLOOR_ERRORS: f64 = 2.0;
/// A value outside everything seen is this strong, and so much more per width of the range. A tenth of a width is
/// a little more than a record at three root mean squares.
const OUTSIDE: f64 = 0.86;
const OUTSIDE_PER_WIDTH: f64 = 4.3;
/// After an alert the next one waits for this part of the values seen so far: what is one episode is a matter of how
/// long the series is known.
const REST_PART: f64 = 0.03;
const REST_LEAST: u32 = 20;
/// Times the strength of the alert before that break the rest.
const ESCALATION: f64 = 2.0;
/// Values are kept in units of the first movement; more than this many of them are cut. Far above what a sane series
/// does, and its square fits a 32-bit float.
const MOST_UNITS: f64 = 1e15;
/// A first movement below this part of the value is rounding, and no unit.
const LEAST_MOVEMENT: f64 = 1e-12;
/// Usual errors off the forecast that are learned from at once, where all before lay nearer; of a younger series as many
/// as it has values, so that none moves a mean by much more than an error. One burst is to teach neither the range nor
/// the season that everything below it is usual.
const CREDIBLE: f64 = 1_000.0;
/// What is further off is learned from as well when something as far off came so long ago: a nightly job is usual.
const AGAIN_MICROS: i64 = 12 * HOUR_MICROS;

/// What is known about a value the moment it comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The chance per value that a series without anomalies begins an episode this strong; 1 while learning.
    pub probability: f64,
    /// What the detectors say together: 1 is a record that is three times the usual deviation.
    pub strength: f64,
    /// The same without what is known for less than half of the time: the first values of a forecast are records too easily
    /// to be compared with those of other series.
    pub settled: f64,
    /// In `[0, 1]`: one less the probability, a tenth of it while an episode rests. What benchmarks want.
    pub anomaly: f64,
    /// What was expected, by the forecaster that did best of late.
    pub expected: f64,
    /// Where nearly all values lie: three root mean squared errors around what was expected.
    pub low: f64,
    /// The upper end of that band.
    pub high: f64,
    /// Whether a new episode begins here: the value is improbable enough and no episode rests.
    pub alert: bool,
    /// What spoke loudest.
    pub cause: Cause,
}

/// What made a value unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Too little is known yet.
    Learning,
    /// Outside everything seen before.
    Outside,
    /// Away from the forecast for a moment (about 3 values).
    Spike,
    /// Away from it for a while (about 10 values).
    Bump,
    /// Away from it for long (about 30 values).
    Shift,
}

/// A value too far from all others to learn from, and when that was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Wild {
    value: f32,
    since_first: i64,
}

/// The state of one series: under 2 kB, nothing on the heap, can be serialised.
///
/// ```
/// use borzoi_engine::anomaly::{Cause, Detector, Sensitivity};
///
/// let minutes_5 = 300_000_000;
/// let mut detector = Detector::new(Sensitivity::alerts_per_day(0.1, minutes_5));
/// // Ten days of a wave with a little noise.
/// for step in 0..2_880i64 {
///     let hour = step as f64 / 12.0;
///     let noise = ((step * 7_919) % 101) as f64 / 101.0;
///     let value = 100.0 + 50.0 * (hour * std::f64::consts::TAU / 24.0).sin() + noise;
///     detector.update(step * minutes_5, value);
/// }
/// let usual = detector.update(2_880 * minutes_5, 100.5);
/// assert!(!usual.alert && usual.low < 100.5 && 100.5 < usual.high);
/// // 150 is nothing special at noon of this series; at midnight it is.
/// let alert = (2_881..2_900).any(|step| detector.update(step * minutes_5, 150.0).alert);
/// assert!(alert);
/// ```
///
/// A value that is not finite changes nothing and is never an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    sensitivity: Sensitivity,
    // What makes any unit and any date the same to the rest: values are kept as `(value - origin) / unit`, times as
    // microseconds since the first.
    origin: f64,
    unit: f64,
    first_time: i64,
    count: u32,
    last_alert: u32,
    last_alert_strength: f32,
    range: Range,
    // What came below and above all that is credible.
    wild: [Option<Wild>; 2],
    season: Season,
    from_best: Deviation,
    from_week: Deviation,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new(Sensitivity::default())
    }
}

impl Detector {
    /// A detector that knows nothing yet.
    pub fn new(sensitivity: Sensitivity) -> Self {
        Self {
            sensitivity,
            origin: 0.0,
            unit: 0.0,
            first_time: 0,
            count: 0,
            last_alert: 0,
            last_alert_strength: 0.0,
            range: Range::default(),
            wild: [None; 2],
            season: Season::default(),
            from_best: Deviation::default(),
            from_week: Deviation::default(),
        }
    }

    /// Says how unusual a value is, then learns it. Times should not go back; if they do, the value counts for the
    /// time of day and week that it has.
    pub fn update(&mut self, time_micros: i64, value: f64) -> Score {
        if !value.is_finite() {
            return self.silent(value);
        }
        if self.count == 0 {
            (self.origin, self.first_time) = (value, time_micros);
        }
        // Halves, so that the difference of two finite values is finite.
        let off = value / 2.0 - self.origin / 2.0;
        if self.unit == 0.0 && off.abs() > LEAST_MOVEMENT * (value / 2.0).abs().max((self.origin / 2.0).abs())
        {
            self.unit = off.abs();
        }
        let scaled = if self.unit > 0.0 {
            (off / self.unit).clamp(-MOST_UNITS, MOST_UNITS)
        } else {
            0.0
        };
        self.count = self.count.saturating_add(1);

        let since_first = time_micros.wrapping_sub(self.first_time);
        let hour = since_first.div_euclid(HOUR_MICROS).rem_euclid(HOURS) as usize;
        let forecast = self.season.forecast(since_first);
        let mut floor = FLOOR * self.range.width();
        if self.count > LEARNING && forecast.error > 0.0 {
            floor = floor.min(FLOOR_ERRORS * forecast.error);
        }
        let outside = self.range.beyond(scaled);
        let learned = self.credible(since_first, scaled, &forecast);

        let mut by_speed = self.from_best.update(hour, learned - forecast.best, floor);
        let mut settled = by_speed;
        if let Some(week) = forecast.week {
            let of_week = self.from_week.update(hour, learned - week, floor);
            for (strength, other) in by_speed.iter_mut().zip(of_week) {
                *strength = (*strength + other) / 2.0;
            }
            if self.from_week.count().saturating_mul(2) >= self.count {
                settled = by_speed;
            }
        }
        self.range.learn(learned);
        self.season.learn(since_first, learned, &forecast);

        let (strength, cause) = self.together(by_speed, outside);
        let (settled, _) = self.together(settled, outside);
        let (alert, resting) = self.episode(strength);
        let probability = if cause == Cause::Learning {
            1.0
        } else {
            tail_probability(strength)
        };
        let back = |scaled: f64| (scaled * self.unit + self.origin / 2.0) * 2.0;
        Score {
            probability,
            strength,
            settled,
            anomaly: (1.0 - probability) * if resting { 0.1 } else { 1.0 },
            expected: back(forecast.best),
            low: back(forecast.best - 3.0 * forecast.error),
            high: back(forecast.best + 3.0 * forecast.error),
            alert,
            cause,
        }
    }

    /// The part of a value that is learned from: what is within the range, or not too far from the forecast, or was seen
    /// some time before.
    fn credible(&mut self, since_first: i64, scaled: f64, forecast: &Forecast) -> f64 {
        let Some((low, high)) = self
            .range
            .bounds()
            .filter(|_| self.count > LEARNING && forecast.error > 0.0)
        else {
            return scaled;
        };
        let off = CREDIBLE.min(f64::from(self.count)) * forecast.error;
        let low = low.min(forecast.best - off);
        let high = high.max(forecast.best + off);
        let (side, limit) = match scaled {
            _ if scaled < low => (0, low),
            _ if scaled > high => (1, high),
            _ => return scaled,
        };
        let wild = &mut self.wild[side];
        let new = Wild {
            value: scaled as f32,
            since_first,
        };
        match *wild {
            None => {
                *wild = Some(new);
                limit
            }
            Some(before) if since_first.saturating_sub(before.since_first) < AGAIN_MICROS => {
                // Of one burst the furthest.
                let further = if side == 0 {
                    before.value.min(new.value)
                } else {
                    before.value.max(new.value)
                };
                *wild = Some(Wild {
                    value: further,
                    ..before
                });
                limit
            }
            Some(before) => {
                *wild = Some(new);
                // The nearer of both; where the one before is nearer than the limit by now, the limit.
                let before = f64::from(before.value);
                if side == 0 {
                    scaled.max(before).min(limit)
                } else {
                    scaled.min(before).max(limit)
                }
            }
        }
    }

    /// The mean over the speeds; a value outside of everything can stand alone.
    fn together(&self, by_speed: [f64; 3], outside: f64) -> (f64, Cause) {
        if self.count <= LEARNING {
            return (0.0, Cause::Learning);
        }
        let mean = by_speed.iter().sum::<f64>() / by_speed.len() as f64;
        let alone = if outside > 0.0 {
            OUTSIDE + OUTSIDE_PER_WIDTH * outside
        } else {
            0.0
        };
        if alone > mean {
            return (alone, Cause::Outside);
        }
        let [spike, bump, shift] = by_speed;
        let cause = if spike >= bump && spike >= shift {
            Cause::Spike
        } else if bump >= shift {
            Cause::Bump
        } else {
            Cause::Shift
        };
        (mean, cause)
    }

    /// Whether a new episode begins, and whether one rests.
    fn episode(&mut self, strength: f64) -> (bool, bool) {
        if strength < self.sensitivity.strength() {
            return (false, false);
        }
        let rest = (REST_PART * f64::from(self.count)) as u32;
        let rest = rest.max(REST_LEAST).min(self.sensitivity.rest_limit());
        let since = self.count - self.last_alert;
        let known = self.last_alert > 0 && since < rest;
        if known && strength < ESCALATION * f64::from(self.last_alert_strength) {
            return (false, true);
        }
        (self.last_alert, self.last_alert_strength) = (self.count, strength as f32);
        (true, false)
    }

    /// The score of a value that is none.
    fn silent(&self, value: f64) -> Score {
        Score {
            probability: 1.0,
            strength: 0.0,
            settled: 0.0,
            anomaly: 0.0,
            expected: value,
            low: value,
            high: value,
            alert: false,
            cause: Cause::Learning,
        }
    }

    /// From now on another sensitivity: how many alerts a day one series may give depends on how many there are.
    pub fn set_sensitivity(&mut self, sensitivity: Sensitivity) {
        self.sensitivity = sensitivity;
    }

    /// How many values were learned.
    pub fn count(&self) -> u32 {
        self.count
    }
}
