//! Call-backs at a period: a program that reports to its controller (a beacon), with jitter and with some missing.
//!
//! The last [`KEPT`] intervals between call-backs are explained in two ways, and the difference of the log-likelihoods
//! is the strength (Neyman and Pearson, *On the problem of the most efficient tests of statistical hypotheses*, 1933):
//! - as **beaconing**: each interval is `k` periods long (`k - 1` call-backs were missed), with a deviation that grows
//!   with the root of `k`; one interval in 20 may be anything.
//! - as **people's traffic**: at random (exponential), or log-normal with a spread of at least 0.8, whichever
//!   explains more. What people and their browsers do is at least as irregular as that (Paxson and Floyd, *Wide area traffic: the
//!   failure of Poisson modeling*, 1995: more irregular than Poisson, at every scale).
//!
//! The difference per interval is the distance of the intervals' entropy from that of irregular traffic, so this is
//! also the test by interval entropy; the plain [`Score::entropy`] is there to be read.
//!
//! # When not
//!
//! Software that asks for updates, mail, time or configuration every so often *is* a beacon: **no statistic of times tells
//! it from one of an intruder**. Exclude known destinations in the rule, or ask for those that few hosts talk to
//! ([`rare`](super::rare)). Periods under about four times [`Settings::burst_micros`] are not found, nor are jitters of
//! far more than half of the period: these are as irregular as people.

use super::fast::{exp_of_negative, ln};
use serde::{Deserialize, Serialize};

/// Intervals kept.
pub const KEPT: usize = ROW * ROWS;
// In rows because serde takes arrays of up to 32.
const ROW: usize = 8;
const ROWS: usize = 6;
/// Intervals before anything is said.
const LEAST: usize = 8;
const DAY_SECONDS: f64 = 86_400.0;
/// Chance that a call-back is missing, and that an interval has nothing to do with the period.
const MISSING: f64 = 0.1;
const STRAY: f64 = 0.05;
/// A stray interval is any of these many e-folds, evenly.
const STRAY_FOLDS: f64 = 10.0;
/// Most periods in an interval that still says something.
const MOST_PERIODS: f64 = 8.0;
/// The least spread of the logarithm of intervals that people make.
const PEOPLE_SPREAD: f64 = 0.8;
/// Standard deviations of an interval, relative to the period, that are asked for.
const LEAST_DEVIATION: f64 = 0.003;
const MOST_DEVIATION: f64 = 0.33;
/// Part of the intervals that must lie near the median for the likelihoods to be worked out.
const NEAR_PART: f64 = 0.55;
/// What a density and an interval count as at least, in periods, so that 48 of them multiplied are a number.
const LEAST_DENSITY: f64 = 1e-6;
const LEAST_LENGTH: f64 = 1e-3;
/// From this strength on it makes no difference how much stronger it is.
const CERTAIN: f64 = 30.0;
/// While a beacon is known, every so many call-backs are judged.
const KNOWN_EVERY: u8 = 4;
/// `ln sqrt(2 pi)`.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;
/// Strength, and the common logarithm of how many episodes begin per call-back in people's traffic; measured, see the
/// test and `docs/anomaly.md`. Beyond the last point it falls by e per nat, as the likelihood ratio of a false
/// explanation must (Ville 1939).
const TAIL: [(f64, f64); 5] = [(0.0, -2.4), (4.0, -3.5), (8.0, -4.6), (12.0, -5.7), (16.0, -7.0)];

/// How a [`Beacon`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Expected alerts per day on one pair with people's traffic: 0.0001 is one a day among 10,000 busy pairs.
    pub alerts_per_day: f64,
    /// Connections closer than this to the last one belong to the same call-back.
    pub burst_micros: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts_per_day: 1e-4,
            burst_micros: 5_000_000,
        }
    }
}

/// What is known about a pair the moment it connects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The chance per call-back that people's traffic begins an episode this strong; 1 where there is nothing to say.
    pub probability: f64,
    /// How much better a beacon explains the intervals, in nats.
    pub strength: f64,
    /// Microseconds from one call-back to the next; 0 where there is nothing to say.
    pub period_micros: i64,
    /// How much shorter or longer pauses are, as a part of the period.
    pub jitter: f64,
    /// Call-backs in memory, this one among them.
    pub callbacks: u32,
    /// Call-backs among them that should have been there and were not.
    pub missing: u32,
    /// Entropy of the intervals in steps of a fifth, from 0 (all alike) to 1 (no two alike, or nothing to say).
    pub entropy: f64,
    /// Whether a beacon is found here that was not there before.
    pub alert: bool,
}

/// One pair of source and destination: under 300 bytes, nothing on the heap.
///
/// ```
/// use borzoi_engine::anomaly::beacon::{Beacon, Settings};
///
/// let mut beacon = Beacon::new(Settings::default());
/// let minute = 60_000_000;
/// let mut found = None;
/// for callback in 0..40 {
///     // Every ten minutes, up to a minute early or late, every ninth not seen.
///     let off = (callback * 7_919 % 3 - 1) * minute;
///     if callback % 9 == 5 {
///         continue;
///     }
///     let score = beacon.update(callback * 10 * minute + off);
///     if score.alert {
///         found = Some(score);
///     }
/// }
/// let found = found.unwrap();
/// assert!((9 * minute..11 * minute).contains(&found.period_micros));
/// assert!(found.missing >= 1 && found.probability < 1e-5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beacon {
    settings: Settings,
    // Seconds, a ring.
    intervals: [[f32; ROW]; ROWS],
    next: u8,
    filled: u8,
    found: bool,
    // Call-backs until a known beacon is judged again.
    wait: u8,
    said: Said,
    began: Option<i64>,
    last: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Said {
    strength: f32,
    period: f32,
    jitter: f32,
    entropy: f32,
    missing: u32,
}

/// How intervals are explained by a period.
#[derive(Clone, Copy)]
struct Fit {
    period: f64,
    deviation: f64,
    missing: u32,
}

impl Beacon {
    /// A pair that did not connect yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            intervals: [[0.0; ROW]; ROWS],
            next: 0,
            filled: 0,
            found: false,
            wait: 0,
            said: Said::default(),
            began: None,
            last: 0,
        }
    }

    /// Takes a connection. One that belongs to the call-back before has nothing to say; so has one whose time goes back.
    pub fn update(&mut self, time_micros: i64) -> Score {
        let Some(began) = self.began else {
            (self.began, self.last) = (Some(time_micros), time_micros);
            return self.nothing();
        };
        let pause = time_micros.saturating_sub(self.last);
        self.last = self.last.max(time_micros);
        if pause <= self.settings.burst_micros.max(0) {
            return self.nothing();
        }
        self.began = Some(time_micros);
        self.push(time_micros.saturating_sub(began));
        if self.found && self.wait > 1 {
            self.wait -= 1;
            return self.known();
        }
        self.judge()
    }

    fn push(&mut self, interval_micros: i64) {
        let place = usize::from(self.next) % KEPT;
        self.intervals.as_flattened_mut()[place] = (interval_micros as f64 / 1e6) as f32;
        self.next = ((place + 1) % KEPT) as u8;
        self.filled = (self.filled + 1).min(KEPT as u8);
    }

    fn judge(&mut self) -> Score {
        let mut score = self.nothing();
        let count = usize::from(self.filled).min(KEPT);
        // Bits of positive numbers ascend as they do.
        let mut bits = [0; KEPT];
        for (bits, interval) in bits.iter_mut().zip(&self.intervals.as_flattened()[..count]) {
            *bits = interval.max(1e-6).to_bits();
        }
        bits[..count].sort_unstable();
        let sorted = bits.map(|bits| f64::from(f32::from_bits(bits)));
        let sorted = &sorted[..count];
        let fit = if count < LEAST { None } else { fit(sorted) };
        let Some(fit) = fit else {
            self.found = false;
            return score;
        };
        let burst = self.settings.burst_micros.max(0) as f64 / 1e6;
        let people = people(sorted, burst);
        let strength = |factor: f64| {
            let deviation = (fit.deviation * factor).clamp(LEAST_DEVIATION, MOST_DEVIATION);
            beaconing(sorted, Fit { deviation, ..fit }) - people
        };
        // The deviation as estimated; a little less and a little more, where that could matter.
        let mut best = strength(1.0);
        if best > -5.0 && best < CERTAIN {
            best = best.max(strength(0.75)).max(strength(1.35));
        }
        if best <= 0.0 {
            self.found = false;
            return score;
        }
        self.said = Said {
            strength: best as f32,
            period: fit.period as f32,
            jitter: (fit.deviation * 3f64.sqrt()) as f32,
            entropy: entropy(sorted) as f32,
            missing: fit.missing,
        };
        score = self.known();
        let mean = sorted.iter().sum::<f64>() / count as f64;
        let wanted = self.settings.alerts_per_day * mean / DAY_SECONDS;
        score.alert = !self.found && score.probability <= wanted;
        // It is over when half of the evidence is gone: no flicker around the threshold.
        self.found = score.alert || self.found && tail_probability(2.0 * best) <= wanted;
        self.wait = if self.found { KNOWN_EVERY } else { 0 };
        score
    }

    /// What was last found out.
    fn known(&self) -> Score {
        let strength = f64::from(self.said.strength);
        Score {
            probability: tail_probability(strength),
            strength,
            period_micros: (f64::from(self.said.period) * 1e6) as i64,
            jitter: f64::from(self.said.jitter),
            missing: self.said.missing,
            entropy: f64::from(self.said.entropy),
            ..self.nothing()
        }
    }

    fn nothing(&self) -> Score {
        Score {
            probability: 1.0,
            strength: 0.0,
            period_micros: 0,
            jitter: 0.0,
            callbacks: u32::from(self.began.is_some()) + u32::from(self.filled),
            missing: 0,
            entropy: 1.0,
            alert: false,
        }
    }
}

/// The period of ascending intervals and how far they are from its multiples; nothing if they are all over the place.
fn fit(sorted: &[f64]) -> Option<Fit> {
    let median = sorted[sorted.len() / 2];
    let near = sorted
        .iter()
        .filter(|&&x| x > 0.5 * median && x < 1.6 * median)
        .count();
    if (near as f64) < NEAR_PART * sorted.len() as f64 {
        return None;
    }
    let mut period = median;
    for _ in 0..3 {
        let (mut length, mut periods) = (0.0, 0.0);
        let per_second = 1.0 / period;
        for &interval in sorted {
            let (k, off) = folded(interval * per_second);
            if k <= 3.0 && off.abs() < 0.6 {
                length += interval;
                periods += k;
            }
        }
        if periods == 0.0 {
            return None;
        }
        period = length / periods;
    }
    let (mut squares, mut inside, mut missing) = (0.0, 0.0, 0);
    let per_second = 1.0 / period;
    for &interval in sorted {
        let (k, off) = folded(interval * per_second);
        if k <= MOST_PERIODS && off.abs() < 0.75 {
            squares += off * off / k;
            inside += 1.0;
            missing += k as u32 - 1;
        }
    }
    let deviation = (squares / f64::max(inside, 1.0)).sqrt();
    Some(Fit {
        period,
        deviation: deviation.clamp(LEAST_DEVIATION, MOST_DEVIATION),
        missing,
    })
}

/// How many periods an interval of so many is, and how far from that.
fn folded(length: f64) -> (f64, f64) {
    // The cast cuts: no call of the library for each of hundreds.
    let k = ((length + 0.5) as i64).max(1) as f64;
    (k, length - k)
}

/// Log-likelihood of the intervals as beaconing.
fn beaconing(intervals: &[f64], fit: Fit) -> f64 {
    // Where jitter makes multiples overlap, the neighbours of the nearest one count too.
    let reach = usize::from(fit.deviation > 0.15);
    let per_second = 1.0 / fit.period;
    // Of each multiple, one over its deviation, and its density at the middle.
    let mut multiples = [(0.0, 0.0); MOST_PERIODS as usize + 2];
    let mut height = (1.0 - STRAY) * (1.0 - MISSING) * (-HALF_LOG_TAU).exp();
    for (multiple, known) in multiples.iter_mut().enumerate().skip(1) {
        // A hundredth of a second on top: clocks are no better.
        let deviation = fit.deviation * (multiple as f64).sqrt() + 0.01 * per_second;
        *known = (1.0 / deviation, height / deviation);
        height *= MISSING;
    }
    // A product of densities in units of the period, each between a ten-thousandth and a hundred or so: one logarithm is enough.
    let mut product = 1.0;
    for &interval in intervals {
        let length = interval * per_second;
        let (nearest, _) = folded(length);
        let mut density = STRAY / (STRAY_FOLDS * length.max(LEAST_LENGTH));
        if nearest <= MOST_PERIODS {
            let nearest = nearest as usize;
            let first = (nearest - reach).max(1);
            let near = multiples.iter().enumerate().take(nearest + reach + 1).skip(first);
            for (multiple, &(per_deviation, middle)) in near {
                let off = (length - multiple as f64) * per_deviation;
                density += middle * exp_of_negative(-0.5 * off * off);
            }
        }
        product *= density.max(LEAST_DENSITY);
    }
    product.ln() - intervals.len() as f64 * fit.period.ln()
}

/// Log-likelihood of ascending intervals as what people do. What comes within a burst is not seen as an interval, so
/// all are longer than that.
fn people(sorted: &[f64], burst: f64) -> f64 {
    let count = sorted.len() as f64;
    let rest = |interval: f64| (interval - burst).max(0.01);
    let mean = sorted.iter().map(|&x| rest(x)).sum::<f64>() / count;
    let at_random = -count * mean.ln() - count;

    let mut room = [0.0; KEPT];
    let logs = &mut room[..sorted.len()];
    for (log, &interval) in logs.iter_mut().zip(sorted) {
        *log = ln(rest(interval));
    }
    // By mean and deviation; and by quartiles with some that may be anything: nights between sessions.
    let sum: f64 = logs.iter().sum();
    let middle = sum / count;
    let squares: f64 = logs.iter().map(|log| (log - middle) * (log - middle)).sum();
    let spread = (squares / count).sqrt().max(PEOPLE_SPREAD);
    let log_normal = -sum - count * (spread.ln() + HALF_LOG_TAU) - squares / (2.0 * spread * spread);

    let quartile = |part: usize| logs[(logs.len() - 1) * part / 4];
    let spread = ((quartile(3) - quartile(1)) / 1.349).max(PEOPLE_SPREAD);
    let height = (1.0 - STRAY) * (-HALF_LOG_TAU).exp() / spread;
    // Each factor is between 0.005 and 0.5.
    let factors = logs.iter().map(|log| {
        let off = (log - quartile(2)) / spread;
        height * exp_of_negative(-0.5 * off * off) + STRAY / STRAY_FOLDS
    });
    let robust = factors.product::<f64>().ln() - sum;
    at_random.max(log_normal).max(robust)
}

/// Shannon's entropy of ascending intervals in bins of a fifth, relative to the most that so many can have.
fn entropy(sorted: &[f64]) -> f64 {
    let bin = |interval: &f64| (ln(*interval) / 1.2f64.ln()).round() as i64;
    let count = sorted.len() as f64;
    let mut bins = [0; KEPT];
    for (bin_of, interval) in bins.iter_mut().zip(sorted) {
        *bin_of = bin(interval);
    }
    let entropy: f64 = bins[..sorted.len().min(KEPT)]
        .chunk_by(|one, other| one == other)
        .map(|alike| alike.len() as f64 / count)
        .map(|part| -part * part.ln())
        .sum();
    (entropy / count.ln()).clamp(0.0, 1.0)
}

/// Episodes per call-back of people's traffic that are this strong.
fn tail_probability(strength: f64) -> f64 {
    10f64.powf(along(strength)).clamp(1e-18, 1.0)
}

fn along(strength: f64) -> f64 {
    let [.., (last, log)] = TAIL;
    if strength >= last {
        return log - (strength - last) * std::f64::consts::LOG10_E;
    }
    let after = TAIL.iter().position(|&(at, _)| at > strength).unwrap_or(1).max(1);
    let ((x0, y0), (x1, y1)) = (TAIL[after - 1], TAIL[after]);
    y0 + (strength - x0) * (y1 - y0) / (x1 - x0)
}

#[cfg(test)]
mod tests;
