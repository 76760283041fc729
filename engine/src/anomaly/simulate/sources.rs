//! Sources of logs that talk, each in its way, and what an entity deals with per interval.

use super::Noise;

const DAY: f64 = 86_400.0;

/// How a source talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// At random, once a minute on average.
    Steady,
    /// At random, ten times an hour.
    Sparse,
    /// Each ten minutes on average a burst of a Pareto number of events (shape 1.2, at most 200).
    Bursts,
    /// Each 20 seconds at noon, a tenth of that at midnight.
    DayAndNight,
    /// Once a minute on working days from about 8 to about 17 h, not from 12 to 12:42; one working day in 33 is off.
    Office,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Steady,
        Self::Sparse,
        Self::Bursts,
        Self::DayAndNight,
        Self::Office,
    ];

    /// Times in microseconds over so many days, ascending.
    pub fn times(self, noise: &mut Noise, days: i64) -> Vec<i64> {
        let (mut times, mut at) = (Vec::new(), 0.0);
        let (mut day, mut works, mut from, mut until) = (-1, true, 8.0, 17.0);
        while at < days as f64 * DAY {
            let hour = at / 3_600.0 % 24.0;
            match self {
                Self::Steady => {
                    at += 60.0 * noise.wait();
                    times.push(at);
                }
                Self::Sparse => {
                    at += 360.0 * noise.wait();
                    times.push(at);
                }
                Self::Bursts => {
                    at += 600.0 * noise.wait();
                    for event in 0..noise.pareto(1.2).min(200.0) as usize {
                        times.push(at + 2.0 * event as f64);
                    }
                }
                Self::DayAndNight => {
                    at += 20.0 * noise.wait();
                    let busy = 0.55 - 0.45 * (hour * std::f64::consts::TAU / 24.0).cos();
                    if noise.uniform() < busy {
                        times.push(at);
                    }
                }
                Self::Office => {
                    at += 60.0 * noise.wait();
                    let today = (at / DAY) as i64;
                    if today != day {
                        (day, works) = (today, today % 7 < 5 && noise.uniform() < 0.97);
                        (from, until) = (8.0 + 0.3 * noise.normal(), 17.0 + 0.5 * noise.normal());
                    }
                    if works && (from..until).contains(&hour) && !(12.0..12.7).contains(&hour) {
                        times.push(at);
                    }
                }
            }
        }
        times.sort_by(f64::total_cmp);
        times.into_iter().map(|at| (at * 1e6) as i64).collect()
    }
}

/// When somebody works, in microseconds over so many days: five days of seven, mostly from 9 to 17 h, each end an
/// hour or so off (normal, 0.7 h), one day in ten two hours more, one day in 20 not at all, one sixth day in eight; in each hour up
/// to 19 events.
pub fn working_hours(noise: &mut Noise, days: i64) -> Vec<i64> {
    const HOUR: i64 = 3_600_000_000;
    let mut times = Vec::new();
    for day in 0..days {
        let works = match day % 7 {
            0..5 => noise.uniform() < 0.95,
            5 => noise.uniform() < 0.125,
            _ => false,
        };
        if !works {
            continue;
        }
        let from = (9.0 + 0.7 * noise.normal()) as i64;
        let late = if noise.uniform() < 0.1 { 2.0 } else { 0.0 };
        let until = (17.0 + 0.7 * noise.normal() + late) as i64;
        for hour in from..until {
            for _ in 0..noise.below(20) {
                times.push((day * 24 + hour) * HOUR + (noise.uniform() * 3.6e9) as i64);
            }
        }
    }
    times.sort_unstable();
    times
}

/// What an entity deals with per interval: accounts that fail to log on from one gateway, hosts that one host connects to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FanOut {
    /// Distinct values per interval at the busiest hour, on average, out of 400 that are met again and again.
    pub usual: f64,
    /// The part of that by which the quietest hour has less.
    pub season: f64,
    /// Spread (standard deviation of the logarithm) of how busy an interval is.
    pub spread: f64,
}

impl FanOut {
    /// Hashes of the values of an interval, `extra` of them as an attacker would add, never met before.
    pub fn interval(self, noise: &mut Noise, day_part: f64, extra: usize) -> Vec<u64> {
        let busy = 1.0 - self.season * (0.5 + 0.5 * (day_part * std::f64::consts::TAU).cos());
        let mean = self.usual * busy * (self.spread * noise.normal()).exp();
        let count = noise.count(mean.min(500.0)) as usize;
        let mut values: Vec<u64> = (0..count).map(|_| noise.below(400) as u64).collect();
        values.extend((0..extra).map(|_| noise.bits()));
        values
    }
}
