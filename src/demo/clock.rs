//! When things happen: a day in microseconds since 1970, busy and quiet hours, and the spellings of a time.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::random::Random;

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;

/// How busy each hour of the day is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rhythm {
    /// People at their desks; machines hum at night.
    Office,
    /// Customers of a shop: evenings.
    Shop,
    /// Machines: the same all day.
    Flat,
}

impl Rhythm {
    fn weights(self) -> [u64; 24] {
        match self {
            Self::Office => [
                4, 4, 4, 4, 5, 6, 14, 50, 90, 100, 98, 92, 60, 84, 95, 90, 72, 40, 18, 10, 8, 7, 6, 5,
            ],
            Self::Shop => [
                20, 12, 8, 6, 6, 10, 22, 36, 48, 55, 60, 62, 66, 60, 58, 60, 66, 76, 90, 100, 100, 88, 62, 36,
            ],
            Self::Flat => [1; 24],
        }
    }
}

/// The generated day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    midnight: i64,
}

impl Clock {
    /// The day that begins at midnight UTC of `day`.
    pub fn new(day: NaiveDate) -> Self {
        Self {
            midnight: day.and_time(NaiveTime::MIN).and_utc().timestamp_micros(),
        }
    }

    /// A time of the day.
    pub fn at(self, hour: i64, minute: i64, second: i64, micros: i64) -> i64 {
        self.midnight + ((hour * 60 + minute) * 60 + second) * SECOND + micros
    }

    /// The last microsecond of the day.
    pub fn end(self) -> i64 {
        self.midnight + 24 * 3600 * SECOND - 1
    }

    /// `count` times in order, as dense as the rhythm says.
    pub fn times(self, random: &mut Random, rhythm: Rhythm, count: usize) -> Vec<i64> {
        let weights = rhythm.weights();
        let total: u64 = weights.iter().sum();
        let mut times: Vec<i64> = (0..count)
            .map(|_| {
                let mut left = random.below(total);
                let mut hour = 0;
                while left >= weights[hour] {
                    left -= weights[hour];
                    hour += 1;
                }
                self.midnight + hour as i64 * 3600 * SECOND + random.below(3600 * SECOND as u64) as i64
            })
            .collect();
        times.sort_unstable();
        times
    }
}

fn date_time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// `2026-11-20T07:19:32.562000Z`.
pub(super) fn rfc3339(micros: i64) -> String {
    date_time(micros).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A spelling by chrono's pattern.
pub(super) fn format(micros: i64, pattern: &str) -> String {
    date_time(micros).format(pattern).to_string()
}

/// `2026-11-20 07:19:32.562` with `separator` between date and time. Written by hand, because it is needed
/// for every event and chrono's patterns are slow.
pub(super) fn millis(out: &mut String, micros: i64, separator: char) {
    use chrono::{Datelike as _, Timelike as _};
    let time = date_time(micros);
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}{separator}{:02}:{:02}:{:02}.{:03}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.timestamp_subsec_millis()
    );
}

/// `1763634607.828296`.
pub(super) fn epoch(micros: i64) -> String {
    format!("{}.{:06}", micros.div_euclid(SECOND), micros.rem_euclid(SECOND))
}
