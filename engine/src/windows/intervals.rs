//! What happens when an interval is over: the numbers of all groups, and which of them are told.
//!
//! Each group says how strong its number is by its own past, and does so whatever else is told. Which of them are told is
//! decided by what all groups of the rule [had before](crate::anomaly::pool), so that an interval could be closed for parts of the groups apart.

use borzoi_rules::correlation::StatisticKind;

use super::episode::{Figure, Watched};
use super::keys::Key;
use super::numbers::{Cell, How, Judged, days, least_bar};
use super::plan::micros;
use super::series::{Group, Series};
use super::slab::Slab;
use super::state::Worked;
use super::watch::{Band, Found, Machine, Shared};
use crate::anomaly::pool::{Pool, Tally};

/// Intervals that are closed at once, at most: for each the pool is asked.
const MOST_TOGETHER: i64 = 1 << 12;

/// How many groups before it is needed what is learned of one is asked for.
const AHEAD: u32 = 3;

/// The number of a group.
type Closed = (u32, Judged, Cell);

impl Series {
    /// The open interval is over; `partial` if it was cut off by the end of the input.
    pub(super) fn close(&mut self, partial: bool, worked: &mut Worked) {
        let Some(start) = self.open else {
            return;
        };
        self.busy = false;
        match self.kind {
            StatisticKind::PeerAnomaly => self.close_compared(start, partial, worked),
            _ => self.close_numbers(start, partial, worked),
        }
    }

    /// Each against its own past.
    fn close_numbers(&mut self, start: i64, partial: bool, worked: &mut Worked) {
        let span = self.plan.span;
        let learning = micros(self.ask.learning);
        let how = How {
            ask: &self.ask,
            span,
            watched: worked.watched.is_some(),
            partial,
        };
        let (mut tally, mut closed): (Tally, Vec<Closed>) = Default::default();
        let bar = self.shared.bar();
        for number in 0..self.groups.end() as u32 {
            fetch_ahead(&self.groups, number);
            let Some(group) = self.groups.get_mut(number) else {
                continue;
            };
            let (Some(began), Machine::Numbers(numbers)) = (group.began, &mut group.machine) else {
                continue;
            };
            let known = start.saturating_sub(began);
            if partial && known < learning && !how.watched {
                // Nothing is told of it, and nothing comes for which it would be learned.
                continue;
            }
            let before = numbers.heap_bytes();
            let cell = std::mem::take(&mut numbers.cell);
            if let Some(value) = cell.value(self.ask.metric) {
                let mut judged = numbers.next(start, value, cell.count() == 0, &how);
                if numbers.is_series() && known >= learning / 2 {
                    tally.add(judged.quiet, judged.strength);
                }
                if known < learning {
                    judged.strength = 0.0;
                }
                if judged.strength >= bar || how.watched {
                    closed.push((number, judged, cell));
                }
            }
            self.heap = self.heap + numbers.heap_bytes() - before;
        }
        let bar = bar.max(least_bar(&self.ask, span, tally.values()));
        let mut found = Vec::new();
        for (number, mut judged, cell) in closed {
            let told = Pool::tells(bar, judged.quiet, judged.strength);
            if let Some(probability) = self.shared.probability(judged.strength) {
                judged.band.probability = probability;
            }
            self.watch(number, start, judged.value, judged.band, told, worked);
            if told {
                found.push((number, judged, cell));
            }
        }
        for (number, judged, cell) in found {
            let Some(Machine::Numbers(numbers)) = self.groups.get(number).map(|group| &group.machine) else {
                continue;
            };
            let told = Found {
                value: judged.value,
                figures: figures(judged.band),
                series: numbers.series(),
                ..Found::default()
            };
            self.report_interval(number, start, told, &cell, worked);
        }
        if !partial && let Shared::Pool(pool) = &mut self.shared {
            pool.learn(days(span), &tally, bar);
        }
    }

    /// All against each other.
    fn close_compared(&mut self, start: i64, partial: bool, worked: &mut Worked) {
        let mut closed = Vec::new();
        for number in 0..self.groups.end() as u32 {
            fetch_ahead(&self.groups, number);
            let Some(Machine::Compared(compared)) =
                self.groups.get_mut(number).map(|group| &mut group.machine)
            else {
                continue;
            };
            let before = compared.cell.heap_bytes();
            let cell = std::mem::take(&mut compared.cell);
            self.heap -= before;
            if let Some(value) = cell.value(self.ask.metric) {
                closed.push((number, value, cell));
            }
        }
        // In any order: of all of them place and spread are taken, and how many are how strong is counted.
        let values: Vec<f64> = closed.iter().map(|(_, value, _)| *value).collect();
        let how = How {
            ask: &self.ask,
            span: self.plan.span,
            watched: worked.watched.is_some(),
            partial,
        };
        let groups = &mut self.groups;
        let scores = self.shared.peers(start, &values, |place, strength| {
            let group = closed.get(place).and_then(|(number, ..)| groups.get_mut(*number));
            match group.map(|group| &mut group.machine) {
                Some(Machine::Compared(compared)) => compared.quiet(strength, &how),
                _ => 0.0,
            }
        });
        for ((number, value, cell), score) in closed.into_iter().zip(scores) {
            let Some(Machine::Compared(compared)) =
                self.groups.get_mut(number).map(|group| &mut group.machine)
            else {
                continue;
            };
            compared.next(value);
            let band = Band {
                expected: score.median,
                low: score.low,
                high: score.high,
                probability: score.probability,
            };
            let upwards = !partial || value > band.expected;
            let told = score.alert && upwards;
            let series = if told { compared.series() } else { Vec::new() };
            self.watch(number, start, value, band, told, worked);
            if told {
                let mut figures = figures(band);
                figures.push((Figure::Peers, values.len() as f64));
                let found = Found {
                    value,
                    figures,
                    series,
                    ..Found::default()
                };
                self.report_interval(number, start, found, &cell, worked);
            }
        }
    }

    /// Closes as many of the open interval and those after it as end by `time`, at once, if none of them has an event and nothing
    /// can be told of one without. Gives how many it were.
    pub(super) fn close_empty(&mut self, time: i64, worked: &Worked) -> i64 {
        let (Some(open), span) = (self.open, self.plan.span) else {
            return 0;
        };
        let how = How {
            ask: &self.ask,
            span,
            watched: worked.watched.is_some(),
            partial: false,
        };
        let counts = self.ask.metric.is_of_nothing();
        // Without groups the intervals end.
        if self.live == 0 || self.busy || self.kind != StatisticKind::Anomaly || (counts && !how.can_wait()) {
            return 0;
        }
        let end = self.sweep.map_or(time, |sweep| sweep.min(time));
        let intervals = (end.saturating_sub(open) / span).clamp(0, MOST_TOGETHER);
        // When groups are known long enough to be counted in the pool.
        let mut counted = vec![0_u64; intervals as usize + 1];
        let learning = micros(self.ask.learning) / 2;
        if counts {
            for (_, group) in self.groups.iter_mut() {
                let (Some(began), Machine::Numbers(numbers)) = (group.began, &mut group.machine) else {
                    continue;
                };
                numbers.pass(intervals as u32);
                let from = began.saturating_add(learning).saturating_sub(open);
                let from = from.max(0).saturating_add(span - 1) / span;
                if numbers.is_series()
                    && let Some(count) = counted.get_mut(from.min(intervals) as usize)
                {
                    *count += 1;
                }
            }
        }
        let bar_of = |pool: &Pool, values| pool.bar().max(least_bar(&self.ask, span, values));
        if let Shared::Pool(pool) = &mut self.shared {
            let (mut values, mut tally) = (0, Tally::default());
            for count in &counted[..intervals as usize] {
                values += count;
                tally.set_quiet(values);
                let bar = bar_of(pool, values);
                pool.learn(days(span), &tally, bar);
            }
        }
        self.open = Some(open.saturating_add(intervals.saturating_mul(span)));
        intervals
    }

    fn report_interval(&self, number: u32, start: i64, told: Found, cell: &Cell, worked: &mut Worked) {
        let samples = match self.groups.get(number) {
            Some(group) if group.last >= start => group.samples.clone(),
            _ => Vec::new(),
        };
        let told = Found {
            count: cell.count(),
            ..told
        };
        self.report(
            number,
            start,
            told,
            samples,
            cell.of_slots(self.plan.slots),
            worked,
        );
    }

    fn watch(&self, number: u32, start: i64, value: f64, band: Band, told: bool, worked: &mut Worked) {
        let (Some(watched), Some(group)) = (&mut worked.watched, self.groups.get(number)) else {
            return;
        };
        watched.push(Watched {
            plan: self.number,
            tenant: self.tenant.clone(),
            key: Key::from_bytes(group.key.bytes()),
            start,
            value,
            expected: band.expected,
            low: band.low,
            high: band.high,
            probability: band.probability,
            told,
        });
    }
}

/// Asks for the memory of groups that come soon.
fn fetch_ahead(groups: &Slab<Group>, number: u32) {
    if let Some(group) = groups.get(number + 2 * AHEAD) {
        group.machine.fetch();
    }
    if let Some(group) = groups.get(number + AHEAD) {
        group.machine.fetch_learned();
    }
}

/// What an alert says of a number.
pub(super) fn figures(band: Band) -> Vec<(Figure, f64)> {
    vec![
        (Figure::Expected, band.expected),
        (Figure::Low, band.low),
        (Figure::High, band.high),
        (Figure::Probability, band.probability),
    ]
}
