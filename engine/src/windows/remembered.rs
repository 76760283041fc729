//! How long groups of statistics are remembered, and which are forgotten first where memory is full.

use borzoi_rules::correlation::StatisticKind;
use hashbrown::{HashMap, HashTable};

use super::keys;
use super::plan::micros;
use super::series::{Series, last_value};
use super::slab::Slab;
use super::states::GivenUp;
use super::watch::{Machine, Shared};

/// Groups without an event for so long are forgotten.
const FORGET: i64 = 14 * 86_400_000_000;
/// Where numbers are watched, after so many intervals without an event if that is shorter: each costs an update of each
/// group. But not within a long weekend, and not within so few intervals.
const MOST_EMPTY: i64 = 2000;
const FORGET_LEAST: i64 = 3 * 86_400_000_000;
const FORGET_INTERVALS: i64 = 60;

impl Series {
    /// How long a group is remembered after its last event.
    fn memory(&self) -> i64 {
        let span = self.plan.span;
        match self.kind {
            StatisticKind::Anomaly | StatisticKind::PeerAnomaly => {
                let intervals = |count: i64| span.saturating_mul(count);
                intervals(MOST_EMPTY)
                    .clamp(FORGET_LEAST, FORGET)
                    .max(intervals(FORGET_INTERVALS))
            }
            StatisticKind::Silence => FORGET.max(span).saturating_mul(4),
            StatisticKind::UnusualTime => FORGET.max(span.saturating_mul(4)),
            _ => span,
        }
    }

    pub(super) fn sweep_part(&self) -> i64 {
        (self.memory() / 8).max(1)
    }

    /// Forgets those whose last event is too long ago.
    pub(super) fn forget_old(&mut self, now: i64) {
        let before = now.saturating_sub(self.memory());
        let old = self.groups.iter_mut();
        let old = old.filter(|(_, group)| group.began.is_some() && group.last < before);
        let old: Vec<u32> = old.map(|(number, _)| number).collect();
        for number in old {
            self.forget(number);
        }
    }

    /// Forgets what is known of a group; events of it that wait begin anew.
    pub(super) fn forget(&mut self, number: u32) {
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        if group.began.is_some() {
            self.live -= 1;
            let last = last_value(group.key.bytes());
            if self.kind == StatisticKind::Beaconing
                && let Some(count) = self.with_last.get_mut(&last)
            {
                *count -= 1;
                if *count == 0 {
                    self.with_last.remove(&last);
                }
            }
        }
        self.heap -= group.heap_bytes();
        if let Some(due) = group.due.take() {
            self.deadlines.remove(&(due, number));
        }
        if group.waiting > 0 {
            group.began = None;
            group.last = i64::MIN;
            group.samples = Vec::new();
            group.machine = Machine::Unknown;
            self.heap += group.heap_bytes();
            return;
        }
        let hash = keys::hash(group.key.bytes());
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == number) {
            entry.remove();
        }
        self.groups.remove(number);
    }

    /// Forgets groups until the bytes are no more than `down_to`: those first of which nothing was told yet, because too little is
    /// known, then those whose events are longest ago; those with events that wait only if that is not enough. Of what all
    /// groups share the older part goes before any of them does, the rest after those without events.
    pub(super) fn give_up(&mut self, down_to: usize) -> GivenUp {
        let mut given_up = GivenUp::default();
        if self.bytes() > down_to {
            given_up.condensed += self.shared.forget();
        }
        let learning = micros(self.ask.learning);
        let groups = self.groups.iter_mut();
        let mut order: Vec<(bool, bool, i64, u32)> = groups
            .filter(|(_, group)| group.waiting == 0 || group.began.is_some())
            .map(|(number, group)| {
                let known = group.began.map_or(0, |began| group.last.saturating_sub(began));
                (group.waiting > 0, known >= learning, group.last, number)
            })
            .collect();
        order.sort_unstable();
        for (.., number) in order {
            if self.bytes() <= down_to {
                return given_up;
            }
            self.forget(number);
            given_up.groups += 1;
        }
        if self.bytes() > down_to {
            given_up.condensed += self.shared.forget();
        }
        if self.bytes() <= down_to {
            return given_up;
        }
        // Events whose time has not come yet are what is left.
        given_up.events = self.waiting as u64;
        given_up.groups += self.groups.len() as u64;
        self.clear();
        given_up
    }

    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.waiting = 0;
        self.deadlines.clear();
        self.with_last = HashMap::new();
        self.groups = Slab::default();
        self.table = HashTable::new();
        self.shared = Shared::new(self.kind, &self.ask, self.plan.span);
        (self.heap, self.live) = (0, 0);
        (self.open, self.sweep, self.seen) = (None, None, None);
    }
}
