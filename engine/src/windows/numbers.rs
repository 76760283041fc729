//! The numbers of the intervals of one group: what events come to, and what is usual.
//!
//! Most groups have one event and no other; their detector would know nothing but that. So a detector is made when a second
//! interval has events. Intervals without events are only counted, where nothing could be told of them, and learned from when that ends: what
//! is told does not depend on it.

use borzoi_rules::correlation::{Direction, Metric, Statistic};
use serde::{Deserialize, Serialize};

use super::fetch::fetch;
use super::log::Entry;
use super::watch::Band;
use crate::anomaly::distinct::Distinct;
use crate::anomaly::sensitivity::strength_of;
use crate::anomaly::{Detector, LEARNING, Sensitivity};

/// Numbers of past intervals that an alert shows.
const SHOWN: usize = 24;
/// After something unusual the next is another episode once so large a part of the values known has passed, within bounds.
const REST_PART: f64 = 0.03;
const REST: (u32, u32) = (20, 480);
/// Of what is asked for, the longest rest leaves room for four times as much.
const REST_OF_ASKED: f64 = 0.25;
/// Times the strength before that are another episode.
const ESCALATION: f64 = 2.0;
/// Times what is asked for that the bar has to keep out by what is known of [noise](crate::anomaly::sensitivity) alone.
const LEAST_BAR: f64 = 2.0;
/// Makes an even scale of strengths for a [pool](crate::anomaly::pool): a strength of 1 is 8.3 of it.
const SCALE: f64 = 12.0;

/// A strength of the detector as one of the pool.
fn pooled(strength: f64) -> f64 {
    SCALE * strength.ln_1p()
}

/// The least bar where so many values of an interval share what is asked for.
pub(super) fn least_bar(ask: &Statistic, span: i64, values: u64) -> f64 {
    let each = ask.alerts_per_day * days(span) / values.max(1) as f64;
    pooled(strength_of((LEAST_BAR * each).min(0.5)).max(0.0))
}

/// Microseconds as days.
pub(super) fn days(span: i64) -> f64 {
    span as f64 / 86_400e6
}

/// The numbers of the last intervals, to about three digits.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// The upper halves of 32-bit floats.
    values: [u16; SHOWN],
    next: u8,
    len: u8,
}

impl History {
    fn push(&mut self, value: f64) {
        self.values[usize::from(self.next)] = ((value as f32).to_bits() >> 16) as u16;
        self.next = (self.next + 1) % SHOWN as u8;
        self.len = (self.len + 1).min(SHOWN as u8);
    }

    /// Oldest first.
    fn in_order(&self) -> Vec<f32> {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        let places = (0..len).map(|place| (next + SHOWN - len + place) % SHOWN);
        places
            .map(|place| f32::from_bits(u32::from(self.values[place]) << 16))
            .collect()
    }
}

/// What the events of an open interval come to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    count: u32,
    sum: f64,
    most: f64,
    distinct: Option<Box<Distinct>>,
    /// Events of each rule but the first, where there are several.
    of_others: Option<Box<[u32]>>,
}

impl Cell {
    pub(super) fn add(&mut self, entry: &Entry, metric: Metric, slots: u16) {
        self.count = self.count.saturating_add(1);
        if let Some(other) = usize::from(entry.slot).checked_sub(1) {
            let others = usize::from(slots).saturating_sub(1);
            let counts = self.of_others.get_or_insert_with(|| vec![0; others].into());
            if let Some(count) = counts.get_mut(other) {
                *count = count.saturating_add(1);
            }
        }
        match metric {
            Metric::Sum | Metric::Mean | Metric::Max | Metric::Entropy => {
                let number = f64::from_bits(entry.value);
                self.most = if self.count == 1 {
                    number
                } else {
                    self.most.max(number)
                };
                self.sum += number;
            }
            Metric::Distinct => {
                self.distinct.get_or_insert_default().insert(entry.value);
            }
            Metric::Count | Metric::Ratio => {}
        }
    }

    pub(super) fn value(&self, metric: Metric) -> Option<f64> {
        if self.count == 0 {
            return metric.is_of_nothing().then_some(0.0);
        }
        let count = f64::from(self.count);
        Some(match metric {
            Metric::Count => count,
            Metric::Distinct => self.distinct.as_ref().map_or(0.0, |distinct| distinct.estimate()),
            Metric::Sum => self.sum,
            Metric::Mean | Metric::Entropy => self.sum / count,
            Metric::Max => self.most,
            Metric::Ratio => f64::from(self.of_first()) / count,
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let others = self.of_others.as_ref().map_or(0, |counts| size_of_val(&**counts));
        others + self.distinct.as_ref().map_or(0, |_| size_of::<Distinct>())
    }

    fn of_first(&self) -> u32 {
        let others = self.of_others.iter().flatten();
        others.fold(self.count, |count, other| count.saturating_sub(*other))
    }

    /// How many events there were of each rule.
    pub(super) fn of_slots(&self, slots: u16) -> Box<[u64]> {
        let others = self.of_others.iter().flatten();
        let known = std::iter::once(self.of_first()).chain(others.copied());
        known
            .map(u64::from)
            .chain(std::iter::repeat(0))
            .take(usize::from(slots))
            .collect()
    }

    pub(super) fn count(&self) -> u64 {
        u64::from(self.count)
    }
}

/// What stays the same for all numbers of a rule.
pub(super) struct How<'a> {
    pub(super) ask: &'a Statistic,
    pub(super) span: i64,
    /// The bands of all intervals are wanted.
    pub(super) watched: bool,
    /// The interval is cut off by the end of the input.
    pub(super) partial: bool,
}

impl How<'_> {
    fn most_rest(&self) -> u32 {
        let each = self.ask.alerts_per_day * days(self.span);
        (REST_OF_ASKED / each.max(1e-9)).min(f64::from(REST.1)) as u32
    }
}

/// How unusual the number of an interval is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) value: f64,
    pub(super) band: Band,
    /// For the pool; 0 for what is not to be told, however unusual.
    pub(super) strength: f64,
    /// The highest strength of late, if this one would be part of the same episode.
    pub(super) quiet: f64,
}

impl Judged {
    fn nothing(value: f64) -> Judged {
        Judged {
            value,
            band: Band::of(value),
            strength: 0.0,
            quiet: 0.0,
        }
    }
}

/// How strong the last values were: in a part of the rest that goes on, and in the one before.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Rest {
    strongest: [f32; 2],
    since: u16,
}

impl Rest {
    /// The highest strength of the rest before a value, of which there are `count` now.
    fn pass(&mut self, count: u32, most: u32, strength: f64) -> f64 {
        let rest = (REST_PART * f64::from(count)) as u32;
        let rest = rest.clamp(REST.0, REST.1).min(most);
        // The part before is there wholly, the one that goes on by half: together a rest.
        let part = (rest * 2).div_ceil(3) as u16;
        if part == 0 {
            return 0.0;
        }
        let [now, before] = self.strongest.map(f64::from);
        let quiet = now.max(before);
        self.strongest[0] = self.strongest[0].max(strength as f32);
        self.since += 1;
        if self.since >= part {
            *self = Rest {
                strongest: [0.0, self.strongest[0]],
                since: 0,
            };
        }
        if strength >= ESCALATION * quiet {
            0.0
        } else {
            quiet
        }
    }
}

/// Of which more than one interval is known.
#[derive(Debug, Serialize, Deserialize)]
struct Learned {
    detector: Detector,
    history: History,
    rest: Rest,
}

impl Learned {
    fn new() -> Learned {
        Learned {
            detector: Detector::new(Sensitivity::default()),
            history: History::default(),
            rest: Rest::default(),
        }
    }

    fn learn(&mut self, start: i64, value: f64, empty: bool, how: &How) -> Judged {
        let ask = how.ask;
        self.history.push(value);
        let score = self.detector.update(start, value);
        let up = value > score.expected;
        let wanted = match ask.direction {
            // Where nothing happened there is nothing too much.
            Direction::Up => up && !empty,
            Direction::Down => !up,
            Direction::Both => true,
        };
        let most = if up { value } else { score.expected };
        // Of the last interval nobody knows how much more there would have been.
        let known = up || !how.partial;
        let counts = wanted && known && most >= ask.at_least;
        let strength = if counts { score.settled } else { 0.0 };
        let quiet = self.rest.pass(self.detector.count(), how.most_rest(), strength);
        Judged {
            value,
            band: Band {
                expected: score.expected,
                low: score.low,
                high: score.high,
                probability: score.probability,
            },
            strength: pooled(strength),
            quiet: pooled(quiet),
        }
    }
}

/// A series of numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) cell: Cell,
    learned: Option<Box<Learned>>,
    /// The number of the first interval.
    first: f64,
    /// The start of the last one that was learned, and how many without events have come since.
    at: i64,
    empty: u32,
    /// Intervals with events, two meaning several.
    busy: u8,
}

impl Numbers {
    pub(super) fn heap_bytes(&self) -> usize {
        self.cell.heap_bytes() + self.learned.as_ref().map_or(0, |_| size_of::<Learned>())
    }

    /// Asks for the memory in which it is learned.
    pub(super) fn fetch_learned(&self) {
        if let Some(learned) = &self.learned {
            fetch(&**learned);
        }
    }

    /// Whether there was something in more than one interval: others are no noise to measure by.
    pub(super) fn is_series(&self) -> bool {
        self.busy >= 2
    }

    /// The number of an interval, and whether it is one without events.
    pub(super) fn next(&mut self, start: i64, value: f64, empty: bool, how: &How) -> Judged {
        if self.busy == 0 {
            (self.first, self.at) = (value, start);
            self.busy = 1;
            return Judged::nothing(value);
        }
        self.busy = (self.busy + u8::from(!empty)).min(2);
        if empty && self.can_wait(how) {
            self.empty += 1;
            return Judged::nothing(value);
        }
        let first = (self.at, self.first);
        let learned = self.learned.get_or_insert_with(|| {
            let mut learned = Learned::new();
            learned.learn(first.0, first.1, false, how);
            learned.into()
        });
        for _ in 0..self.empty {
            self.at = self.at.saturating_add(how.span);
            learned.learn(self.at, 0.0, true, how);
        }
        (self.at, self.empty) = (start, 0);
        learned.learn(start, value, empty, how)
    }

    /// So many intervals without events, where each [can wait](How::can_wait).
    pub(super) fn pass(&mut self, intervals: u32) {
        self.empty = self.empty.saturating_add(intervals);
    }

    /// Whether nothing would be told of an interval without events.
    fn can_wait(&self, how: &How) -> bool {
        let known = self
            .learned
            .as_ref()
            .map_or(1, |learned| learned.detector.count());
        how.can_wait() || (!how.watched && known + self.empty < LEARNING)
    }

    /// What was measured of the last intervals, the last one included.
    pub(super) fn series(&self) -> Vec<f32> {
        let learned = self.learned.as_ref();
        learned.map_or_else(Vec::new, |learned| learned.history.in_order())
    }
}

impl How<'_> {
    /// Whether intervals without events are never told, whatever was before.
    pub(super) fn can_wait(&self) -> bool {
        self.ask.direction == Direction::Up && !self.watched
    }
}

/// The numbers of a group that is only compared with others.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Compared {
    pub(super) cell: Cell,
    history: History,
    rest: Rest,
}

impl Compared {
    /// Takes the number of an interval.
    pub(super) fn next(&mut self, value: f64) {
        self.history.push(value);
    }

    /// The highest strength of late before one, where it would be the same stretch.
    pub(super) fn quiet(&mut self, strength: f64, how: &How) -> f64 {
        self.rest.pass(u32::MAX, how.most_rest(), strength)
    }

    /// What was measured of the last intervals, the last one included.
    pub(super) fn series(&self) -> Vec<f32> {
        self.history.in_order()
    }
}
