//! The newest window of a group, looked at as events come.
//!
//! What more events can only confirm is true as soon as it is seen: nobody has to wait for the watermark. So for
//! monotone tests the window that ends with the newest event is kept beside the log, late events that still fall into it
//! included. What only older windows hold is found behind the watermark, like everything else; that work also settles
//! which of the stretches that were announced are one.

use std::collections::VecDeque;

use super::log::Entry;
use super::measure::Window;
use super::plan::{Measured, Plan};

/// A sequence is counted anew for a late event if its window is not larger than this, and otherwise once in so many.
const RECOUNTED: usize = 64;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Newest {
    window: Window,
    /// What it holds, in order.
    entries: VecDeque<Entry>,
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
        entries.dedup();
        let time = entries.last().map_or(i64::MIN, |entry| entry.time);
        let mut newest = Newest {
            window: Window::new(plan),
            entries: entries.into(),
            time,
            holds: false,
            held_before: false,
            left_out: 0,
            announced: Vec::new(),
        };
        while newest.first_is_past(plan) {
            newest.entries.pop_front();
        }
        newest.recount(plan);
        newest
    }

    pub(super) fn bytes(&self) -> usize {
        let own = size_of::<Newest>() - size_of::<Window>();
        own + self.window.bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.announced.capacity() * 8
    }

    /// The events of the window, in order.
    pub(super) fn within(&mut self) -> &[Entry] {
        self.entries.make_contiguous()
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Moves on to a time at which nothing enters yet.
    fn go_to(&mut self, plan: &Plan, time: i64) {
        self.time = time;
        while self.first_is_past(plan) {
            if let Some(gone) = self.entries.pop_front() {
                self.window.remove(&gone);
            }
        }
    }

    fn first_is_past(&self, plan: &Plan) -> bool {
        let first = self.entries.front();
        first.is_some_and(|entry| entry.time.saturating_add(plan.span) <= self.time)
    }

    fn recount(&mut self, plan: &Plan) {
        self.window.clear();
        self.left_out = 0;
        for entry in &self.entries {
            self.window.add(plan, entry);
        }
    }

    /// Takes an event.
    pub(super) fn push(&mut self, plan: &Plan, entry: Entry) {
        if entry.time.saturating_add(plan.span) <= self.time {
            return;
        }
        let Err(place) = self.entries.binary_search(&entry) else {
            return;
        };
        if entry.time > self.time {
            // Before it, the window may have lost what it held by.
            self.go_to(plan, entry.time - 1);
            self.held_before = self.holds && self.window.ask(plan, self.time).0;
            self.holds = false;
            self.go_to(plan, entry.time);
            self.entries.push_back(entry);
            self.window.add(plan, &entry);
            return;
        }
        self.entries.insert(place, entry);
        if entry.time == self.time || plan.measured != Measured::Order {
            self.window.add(plan, &entry);
            return;
        }
        // Steps are counted in order of time.
        self.left_out += 1;
        if self.entries.len() <= RECOUNTED || self.left_out * RECOUNTED >= self.entries.len() {
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
