//! What value is to be expected now: a slow level, the time of day, the time of week, whichever did best of late.
//!
//! A profile keeps an exponentially weighted mean per slot of its period, which is the seasonal part of
//! Holt-Winters smoothing (Winters, *Forecasting sales by exponentially weighted moving averages*, 1960) with the
//! level inside the slot. A separate fast level, as Holt and Winters have it, follows an anomaly within minutes and
//! then no longer sees it: on the benchmark it found less, so the level moves only as fast as the slots do.
//!
//! Periods are counted from the first time of the series, so that no time zone and no calendar is needed: the
//! same series at another date has the same slots.

use super::compact::Compact;
use super::ewma::{Ewma, limited_square};
use serde::{Deserialize, Serialize};

const DAY_MICROS: i64 = 86_400_000_000;
const DAY_SLOTS: usize = 48;
const HOURS: usize = 24;
const DAYS: usize = 7;

/// The weight of a new value in the slow level: about 1,000 values are remembered.
const LEVEL_RATE: f64 = 0.001;
/// The weights of a new value in its slot of the day and in its hour of the week.
const DAY_RATE: f64 = 0.07;
const WEEK_RATE: f64 = 0.05;
/// The weight of a new squared error, when the forecasters are compared.
const ERROR_RATE: f64 = 0.001;
/// A forecaster takes part once it made this many forecasts.
const MIN_FORECASTS: u32 = 50;

/// The forecasts for one point in time, in the unit of the values learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Of the forecaster with the least squared error of late.
    pub best: f64,
    /// Of the time of week, once a week was seen.
    pub week: Option<f64>,
    /// Root of the mean squared error of the best ones, wild values limited.
    pub error: f64,
    candidates: [Option<f64>; 3],
}

/// Level, day and week of one series: about 900 bytes.
///
/// ```
/// use borzoi_engine::anomaly::season::Season;
///
/// let mut season = Season::default();
/// let hour = 3_600_000_000;
/// // Two weeks of a value that is 10 by day and 2 by night.
/// for step in 0..14 * 24 {
///     let value = if step % 24 < 12 { 10.0 } else { 2.0 };
///     let forecast = season.forecast(step * hour);
///     season.learn(step * hour, value, &forecast);
/// }
/// assert!((season.forecast(14 * 24 * hour).best - 10.0).abs() < 0.01);
/// assert!((season.forecast((14 * 24 + 13) * hour).best - 2.0).abs() < 0.01);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Season {
    level: Ewma,
    // Squared errors: all of each forecaster, to compare them; winsorised of the best one, for the band.
    errors: [Ewma; 3],
    spread: Ewma,
    // Arrays of at most 32 so that they can be serialised without another crate.
    day: [[Compact; HOURS]; DAY_SLOTS / HOURS],
    day_counts: [[u8; HOURS]; DAY_SLOTS / HOURS],
    week: [[Compact; HOURS]; DAYS],
    week_counts: [[u8; HOURS]; DAYS],
}

impl Default for Season {
    fn default() -> Self {
        Self {
            level: Ewma::default(),
            errors: [Ewma::default(); 3],
            spread: Ewma::default(),
            day: [[Compact::default(); HOURS]; DAY_SLOTS / HOURS],
            day_counts: [[0; HOURS]; DAY_SLOTS / HOURS],
            week: [[Compact::default(); HOURS]; DAYS],
            week_counts: [[0; HOURS]; DAYS],
        }
    }
}

impl Season {
    /// What is expected `since_first` microseconds after the first time of the series. Zero if nothing is known.
    pub fn forecast(&self, since_first: i64) -> Forecast {
        let (half, slot) = day_slot(since_first);
        let (day, hour) = week_slot(since_first);
        let level = self.level.value();
        let by_day = (self.day_counts[half][slot] >= 2).then(|| self.day[half][slot].get());
        let by_week = (self.week_counts[day][hour] >= 1).then(|| self.week[day][hour].get());
        let candidates = [level, by_day, by_week];
        let (mut best, mut least) = (level.unwrap_or(0.0), f64::INFINITY);
        for (candidate, error) in candidates.iter().zip(&self.errors) {
            let (Some(value), Some(mean_square)) = (candidate, error.value()) else {
                continue;
            };
            if error.count() > MIN_FORECASTS && mean_square < least {
                (best, least) = (*value, mean_square);
            }
        }
        let error = self.spread.value().unwrap_or(0.0).sqrt();
        Forecast {
            best,
            week: by_week,
            error,
            candidates,
        }
    }

    /// Takes the value that came, with the forecast that was made for it.
    pub fn learn(&mut self, since_first: i64, value: f64, forecast: &Forecast) {
        for (candidate, error) in forecast.candidates.iter().zip(&mut self.errors) {
            if let Some(expected) = candidate {
                error.update((value - expected).powi(2), ERROR_RATE);
            }
        }
        let mean_square = self.spread.value().unwrap_or(0.0);
        let weight = ERROR_RATE.max(1.0 / f64::from(self.spread.count() + 1));
        let known = self.spread.count() > MIN_FORECASTS;
        let square = limited_square(mean_square, (value - forecast.best).powi(2), weight, known);
        self.spread.update(square, ERROR_RATE);
        self.level.update(value, LEVEL_RATE);
        let (half, slot) = day_slot(since_first);
        learn_slot(
            &mut self.day[half][slot],
            &mut self.day_counts[half][slot],
            value,
            DAY_RATE,
        );
        let (day, hour) = week_slot(since_first);
        learn_slot(
            &mut self.week[day][hour],
            &mut self.week_counts[day][hour],
            value,
            WEEK_RATE,
        );
    }
}

fn learn_slot(mean: &mut Compact, count: &mut u8, value: f64, rate: f64) {
    *count = count.saturating_add(1);
    let weight = rate.max(1.0 / f64::from(*count));
    let old = mean.get();
    *mean = Compact::of(old + weight * (value - old));
}

/// The half hour of the day, in two parts.
fn day_slot(since_first: i64) -> (usize, usize) {
    let slot = since_first.rem_euclid(DAY_MICROS) as usize / (DAY_MICROS as usize / DAY_SLOTS);
    (slot / HOURS, slot % HOURS)
}

/// The day of the week and the hour of the day.
fn week_slot(since_first: i64) -> (usize, usize) {
    let hour = since_first.rem_euclid(DAYS as i64 * DAY_MICROS) as usize / (DAY_MICROS as usize / HOURS);
    (hour / HOURS, hour % HOURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn knows_weekdays_from_weekends() {
        let mut season = Season::default();
        let weekly = |hour: i64| {
            if (hour / 24) % 7 < 5 {
                100.0 + (hour % 24) as f64
            } else {
                7.0
            }
        };
        for hour in 0..24 * 7 * 6 {
            let forecast = season.forecast(hour * HOUR);
            season.learn(hour * HOUR, weekly(hour), &forecast);
        }
        for hour in 24 * 7 * 6..24 * 7 * 7 {
            let forecast = season.forecast(hour * HOUR);
            assert!(
                (forecast.best - weekly(hour)).abs() < 1e-3,
                "hour {hour}: {forecast:?}"
            );
            season.learn(hour * HOUR, weekly(hour), &forecast);
        }
    }

    #[test]
    fn times_before_the_first_are_slots_too() {
        let season = Season::default();
        assert_eq!(season.forecast(-1).best, 0.0);
        assert_eq!(season.forecast(i64::MIN).best, 0.0);
    }
}
