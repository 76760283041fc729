//! The newest window of a group, looked at as events come.
//!
//! What more events can only confirm is true as soon as it is seen: nobody has to wait for the watermark. So for
//! monotone tests the window that ends with the newest event is kept beside the log, late events that still fall into it
//! included. What only older windows hold is found behind the watermark, like everything else; that work also settles
//! which of the stretches that were announced are one.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::log::Entry;
use super::measure::Window;
use super::plan::{Measured, Plan};

/// A sequence is counted anew for a late event if its window is not larger than this, and otherwise once in so many.
const RECOUNTED: usize = 64;

/// See the [module](self).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Newest {
    #[serde(skip)]
    window: Window,
    /// What it holds, in order, without those that came late.
    entries: VecDeque<Entry>,
    /// Those that came late: among the others each would cost a move of half of them.
    late: BTreeSet<Entry>,
    time: i64,
    /// Whether the test holds at `time`, as far as its events are known.
    holds: bool,
    /// Whether it held just before.
    held_before: bool,
    /// Late events that a sequence has not taken into account.
    left_out: usize,
    /// Starts that were announced and not yet found behind the watermark.
    pub(super) announced: Vec<i64>,
}

impl Newest {
    /// The newest window over these entries, in any order.
    pub(super) fn new(plan: &Plan, mut entries: Vec<Entry>) -> Newest {
        entries.sort_unstable();
        entries.dedup_by(|entry, before| entry.is_same(before, plan.by_rule()));
        let time = entries.last().map_or(i64::MIN, |entry| entry.time);
        let mut newest = Newest {
            window: Window::new(plan),
            entries: entries.into(),
            late: BTreeSet::new(),
            time,
            holds: false,
            held_before: false,
            left_out: 0,
            announced: Vec::new(),
        };
        while newest.first_is_past(plan) {
            newest.pop_first();
        }
        newest.recount(plan);
        newest
    }

    /// Makes what is not saved anew.
    pub(super) fn restore(&mut self, plan: &Plan) {
        self.window = Window::new(plan);
        self.recount(plan);
    }

    pub(super) fn bytes(&self) -> usize {
        let own = size_of::<Newest>() - size_of::<Window>();
        own + self.window.bytes()
            + (self.entries.capacity() + 2 * self.late.len()) * size_of::<Entry>()
            + self.announced.capacity() * 8
    }

    /// The events of the window, in order.
    pub(super) fn within(&mut self) -> &[Entry] {
        self.merge();
        self.entries.make_contiguous()
    }

    /// Puts those that came late among the others.
    fn merge(&mut self) {
        if !self.late.is_empty() {
            self.entries.extend(std::mem::take(&mut self.late));
            // Two runs that ascend, which a stable sort merges.
            self.entries.make_contiguous().sort();
        }
    }

    fn first(&self) -> Option<&Entry> {
        self.entries.front().into_iter().chain(self.late.first()).min()
    }

    fn pop_first(&mut self) -> Option<Entry> {
        match (self.entries.front(), self.late.first()) {
            (Some(entry), Some(late)) if late < entry => self.late.pop_first(),
            (None, _) => self.late.pop_first(),
            _ => self.entries.pop_front(),
        }
    }

    /// Whether the window holds this already.
    fn holds_entry(&self, plan: &Plan, entry: &Entry) -> bool {
        let lowest = Entry { slot: 0, ..*entry };
        let place = self.entries.partition_point(|known| *known < lowest);
        let among = self.entries.range(place..).take(usize::from(plan.slots));
        let late = self.late.range(
            lowest..=Entry {
                slot: u16::MAX,
                ..*entry
            },
        );
        among
            .chain(late)
            .any(|known| known.is_same(entry, plan.by_rule()))
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Moves on to a time at which nothing enters yet; gives when the window changed last.
    fn go_to(&mut self, plan: &Plan, time: i64) -> i64 {
        let mut changed = self.time;
        self.time = time;
        while self.first_is_past(plan) {
            if let Some(gone) = self.pop_first() {
                self.window.remove(&gone);
                changed = changed.max(plan.leaves_alone(gone.time));
            }
        }
        changed
    }

    fn first_is_past(&self, plan: &Plan) -> bool {
        let first = self.first();
        first.is_some_and(|entry| plan.leaves_alone(entry.time) <= self.time)
    }

    fn recount(&mut self, plan: &Plan) {
        self.window.clear();
        self.merge();
        self.left_out = 0;
        for entry in &self.entries {
            self.window.add(plan, entry);
        }
    }

    /// Takes an event.
    pub(super) fn push(&mut self, plan: &Plan, entry: Entry) {
        if plan.leaves_alone(entry.time) <= self.time {
            return;
        }
        if self.holds_entry(plan, &entry) {
            return;
        }
        if entry.time > self.time {
            // Before it, the window may have lost what it held by. That is asked when it changes: a risk falls in between
            // too.
            let changed = self.go_to(plan, entry.time - 1);
            self.held_before = self.holds && self.window.ask(plan, changed).0;
            self.holds = false;
            self.go_to(plan, entry.time);
            self.entries.push_back(entry);
            self.window.add(plan, &entry);
            return;
        }
        if self.entries.back().is_none_or(|last| *last < entry) {
            self.entries.push_back(entry);
        } else {
            self.late.insert(entry);
        }
        if entry.time == self.time || plan.measured != Measured::Order {
            self.window.add(plan, &entry);
            return;
        }
        // Steps are counted in order of time.
        self.left_out += 1;
        let held = self.entries.len() + self.late.len();
        if held <= RECOUNTED || self.left_out * RECOUNTED >= held {
            self.recount(plan);
        } else {
            self.window.add_out_of_order(&entry);
        }
    }

    /// Whether the test has begun to hold since it was asked last: when, and what is measured.
    pub(super) fn begins(&mut self, plan: &Plan) -> Option<(i64, f64)> {
        let (holds, number) = self.window.ask(plan, self.time);
        let begins = holds && !self.holds && !self.held_before;
        self.holds = holds;
        if !begins {
            return None;
        }
        self.announced.push(self.time);
        Some((self.time, number))
    }

    /// The starts that were announced within a stretch.
    pub(super) fn settle(&mut self, start: i64, end: i64) -> Box<[i64]> {
        let mut found = Vec::new();
        self.announced.retain(|announced| {
            let within = (start..end).contains(announced);
            if within {
                found.push(*announced);
            }
            !within && *announced >= end
        });
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use borzoi_rules::correlation::{Bound, BoundOperator, WindowMode};
    use borzoi_rules::ir::Comparison;

    use super::super::plan::Test;
    use super::*;

    fn plan() -> Plan {
        let bound = Bound {
            operator: BoundOperator::Is(Comparison::GreaterOrEqual),
            value: 1e9,
        };
        Plan {
            rule_id: Arc::from("rule"),
            meaning: 0,
            slots: 1,
            group_values: 1,
            window: WindowMode::Sliding,
            lateness: None,
            span: i64::MAX / 4,
            measured: Measured::Events,
            test: Test::Bounds(vec![bound]),
            handed: Vec::new(),
            parents: Vec::new(),
            children: Vec::new(),
            monotone: true,
        }
    }

    /// How long late events take, each among so many.
    fn late_events(within: i64) -> Duration {
        let plan = plan();
        let entries = (0..within).map(|n| Entry::new(1000 * n, n as u128, 0, 0));
        let mut newest = Newest::new(&plan, entries.collect());
        let began = Instant::now();
        for n in 0..2000_u64 {
            let time = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as i64 % (1000 * within);
            newest.push(&plan, Entry::new(time, u128::from(n) + (1 << 64), 0, 0));
        }
        let took = began.elapsed();
        // What is given out is in order, and all of it.
        assert_eq!(newest.within().len() as i64, within + 2000);
        assert!(newest.within().is_sorted());
        took
    }

    #[test]
    fn a_late_event_does_not_cost_what_lies_in_the_window() {
        // The best of several, so that other work of the machine does not count.
        let best = |within| (0..5).map(|_| late_events(within)).min().expect("one");
        let (few, many) = (best(1000), best(400_000));
        assert!(
            many < few * 100,
            "{few:?} among a thousand, {many:?} among 400 thousand"
        );
    }
}
