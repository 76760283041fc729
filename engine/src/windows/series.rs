//! Statistics: what is usual for each group is learned, and what is not is found.
//!
//! What is usual depends on what came before, so events are worked off in order of event time: they wait until nothing that
//! comes before them can come any more (the watermark), one step of time after the other. What is found therefore does
//! not depend on the order in which events come, as everywhere in [windows](super).
//!
//! Where numbers of intervals are watched, an interval is closed when an event of a later one, or the watermark, says
//! that it is over. At the end of the input the last one is closed as it is, and only what is too much in it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use borzoi_rules::correlation::{Statistic, StatisticKind};
use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};

use super::episode::{MOST_SAMPLES, Sample, samples_from};
use super::fetch::fetch;
use super::keys::{self, Held};
use super::log::Entry;
use super::plan::{Plan, Test};
use super::slab::Slab;
use super::state::Worked;
use super::telling::of_slots;
use super::watch::{Machine, Shared, Told};

/// So many events before it is needed what is learned of a group is asked for.
const AHEAD: usize = 4;

/// Bytes of an event that waits, about.
const WAITING_BYTES: usize = size_of::<(Entry, u32)>();
/// Of a group without its machine.
const GROUP_BYTES: usize = size_of::<Option<Group>>() + 16;
/// Of a step.
const STEP_BYTES: usize = 64;

/// Who is watched.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) key: Held,
    /// Its first event that was worked off; `None` before.
    pub(super) began: Option<i64>,
    pub(super) last: i64,
    /// Events that are not worked off.
    pub(super) waiting: u32,
    /// Some of the first events of the last stretch of time in which there were any.
    pub(super) samples: Vec<Sample>,
    /// The deadline that is written down for it.
    pub(super) due: Option<i64>,
    pub(super) machine: Machine,
}

impl Group {
    pub(super) fn heap_bytes(&self) -> usize {
        self.key.heap_bytes() + self.machine.heap_bytes() + self.samples.capacity() * size_of::<Sample>()
    }
}

/// What is saved of it: groups, events, deadlines, what groups share; the open interval, the next look for those to forget; the first
/// and the last time.
pub(super) type Saved<'s> = (
    &'s Slab<Group>,
    &'s BTreeMap<i64, Vec<(Entry, u32)>>,
    &'s BTreeSet<(i64, u32)>,
    &'s Shared,
    ([Option<i64>; 2], Option<(i64, i64)>),
);

/// The same, to be taken up.
pub(super) type Loaded = (
    Slab<Group>,
    BTreeMap<i64, Vec<(Entry, u32)>>,
    BTreeSet<(i64, u32)>,
    Shared,
    ([Option<i64>; 2], Option<(i64, i64)>),
);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Series {
    pub(super) plan: Arc<Plan>,
    pub(super) number: u32,
    pub(super) tenant: Arc<str>,
    pub(super) kind: StatisticKind,
    pub(super) ask: Arc<Statistic>,
    pub(super) table: HashTable<u32>,
    pub(super) groups: Slab<Group>,
    /// Groups with an event that was worked off.
    pub(super) live: usize,
    /// Events that are not worked off, by step of time.
    pub(super) steps: BTreeMap<i64, Vec<(Entry, u32)>>,
    pub(super) waiting: usize,
    /// When somebody's silence is too long, as far as was known when it was written down.
    pub(super) deadlines: BTreeSet<(i64, u32)>,
    pub(super) shared: Shared,
    /// How many groups that have begun have the same last value, by its hash; of beacons only.
    pub(super) with_last: HashMap<u64, u32>,
    /// Nothing is to be done below this.
    due: i64,
    /// The start of the interval that is open.
    pub(super) open: Option<i64>,
    /// Whether it has events; known again when the next one is taken up.
    pub(super) busy: bool,
    /// When it is looked next who is to be forgotten: a multiple of a part of the memory.
    pub(super) sweep: Option<i64>,
    /// The times of the first and the last event that were worked off.
    pub(super) seen: Option<(i64, i64)>,
    pub(super) heap: usize,
}

impl Series {
    pub(super) fn new(plan: Arc<Plan>, number: u32, tenant: Arc<str>) -> Series {
        let (kind, ask) = match &plan.test {
            Test::Statistic(kind, ask) => (*kind, ask.clone()),
            // Not built for any other.
            _ => unreachable!("a plan without a statistic"),
        };
        Series {
            shared: Shared::new(kind, &ask, plan.span),
            kind,
            ask,
            plan,
            number,
            tenant,
            table: HashTable::new(),
            groups: Slab::default(),
            live: 0,
            steps: BTreeMap::new(),
            waiting: 0,
            deadlines: BTreeSet::new(),
            with_last: HashMap::new(),
            due: i64::MAX,
            open: None,
            busy: true,
            sweep: None,
            seen: None,
            heap: 0,
        }
    }

    /// What is saved of it.
    pub(super) fn parts(&self) -> Saved<'_> {
        (
            &self.groups,
            &self.steps,
            &self.deadlines,
            &self.shared,
            ([self.open, self.sweep], self.seen),
        )
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, (groups, steps, deadlines, shared, (times, seen)): Loaded) {
        self.groups = groups;
        let mut hashes = Vec::with_capacity(self.groups.len());
        for (number, group) in self.groups.iter_mut() {
            self.heap += group.heap_bytes();
            self.live += usize::from(group.began.is_some());
            if self.kind == StatisticKind::Beaconing && group.began.is_some() {
                *self.with_last.entry(last_value(group.key.bytes())).or_default() += 1;
            }
            hashes.push((keys::hash(group.key.bytes()), number));
        }
        for (hash, number) in hashes {
            self.enter(hash, number);
        }
        self.waiting = steps.values().map(Vec::len).sum();
        self.steps = steps;
        self.deadlines = deadlines;
        self.shared = shared;
        [self.open, self.sweep] = times;
        self.seen = seen;
        self.due = self.next_due();
    }

    fn enter(&mut self, hash: u64, number: u32) {
        let groups = &self.groups;
        self.table.insert_unique(hash, number, |number| {
            let known = groups.get(*number);
            known.map_or(0, |group| keys::hash(group.key.bytes()))
        });
    }

    /// Nothing is to be done before everything below this is known.
    pub(super) fn due(&self) -> i64 {
        self.due
    }

    /// When the first step, a silence, the open interval or the time until the next sweep is over.
    fn next_due(&self) -> i64 {
        let silent = self.deadlines.first().map(|(due, _)| *due);
        let end = self.open.map(|open| open.saturating_add(self.plan.span));
        let all = [self.next_step_end(), silent, end, self.sweep];
        all.into_iter().flatten().min().unwrap_or(i64::MAX)
    }

    /// How many events are due below `limit`, as far as `enough`.
    pub(super) fn work_below(&self, limit: i64, enough: usize) -> usize {
        let mut found = 0;
        for (step, events) in &self.steps {
            if found >= enough || self.end_of(*step) > limit {
                break;
            }
            found += events.len();
        }
        found
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The times of the first and the last event that it knows of.
    pub(super) fn learned(&self) -> Option<(i64, i64)> {
        self.seen
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        let steps = self.steps.len() * STEP_BYTES + self.waiting * WAITING_BYTES;
        let deadlines = self.deadlines.len() * 32 + self.with_last.len() * 16;
        self.groups.len() * GROUP_BYTES + self.heap + steps + deadlines + self.shared.bytes()
    }

    fn end_of(&self, step: i64) -> i64 {
        step.saturating_add(1).saturating_mul(self.plan.step())
    }

    /// The end of the first step in which something is due.
    pub(super) fn next_step_end(&self) -> Option<i64> {
        let (step, _) = self.steps.first_key_value()?;
        Some(self.end_of(*step))
    }

    /// Takes an event at or above the limit. Whether it is there already is found out when it is worked off.
    pub(super) fn push(&mut self, key: &[u8], hash: u64, entry: Entry) {
        let groups = &self.groups;
        let is_it = |number: &u32| groups.get(*number).is_some_and(|group| group.key.bytes() == key);
        let number = match self.table.find(hash, is_it) {
            Some(&number) => number,
            None => {
                let group = Group {
                    key: Held::new(key),
                    began: None,
                    last: i64::MIN,
                    waiting: 0,
                    samples: Vec::new(),
                    due: None,
                    machine: Machine::Unknown,
                };
                self.heap += group.heap_bytes();
                let number = self.groups.insert(group);
                self.enter(hash, number);
                number
            }
        };
        if let Some(group) = self.groups.get_mut(number) {
            group.waiting += 1;
        }
        let step = entry.time.div_euclid(self.plan.step());
        self.steps.entry(step).or_default().push((entry, number));
        self.waiting += 1;
        self.due = self.due.min(self.end_of(step));
    }

    /// Works everything off up to `limit`, a multiple of the plan's step; `reached` is the highest time that is known of.
    pub(super) fn advance(&mut self, limit: i64, reached: i64, worked: &mut Worked) {
        while let Some(first) = self.steps.first_entry() {
            let end = first.key().saturating_add(1).saturating_mul(self.plan.step());
            if end > limit && limit != i64::MAX {
                break;
            }
            let mut events = first.remove();
            self.waiting -= events.len();
            self.in_order(&mut events);
            let mut before: Option<(Entry, u32)> = None;
            for (at, &(entry, number)) in events.iter().enumerate() {
                self.fetch_ahead(&events[at..]);
                let is_twice =
                    before.is_some_and(|(known, group)| group == number && known.is_same(&entry, false));
                // While time goes on the event still waits: what is forgotten then begins anew with it.
                if !is_twice {
                    self.time_goes_on(entry.time, worked);
                }
                if let Some(group) = self.groups.get_mut(number) {
                    group.waiting -= 1;
                }
                if is_twice {
                    worked.twice += 1;
                    let forgotten = |group: &Group| group.began.is_none() && group.waiting == 0;
                    if self.groups.get(number).is_some_and(forgotten) {
                        self.forget(number);
                    }
                    continue;
                }
                before = Some((entry, number));
                self.take(number, entry, worked);
            }
            // Who waits to the end has not learned anything before.
            if self.bytes() > worked.room {
                worked.over_budget += 1;
                let given_up = self.give_up(worked.room / 8 * 7);
                worked.evicted.add(&given_up);
            }
        }
        match limit {
            i64::MAX => {
                self.time_goes_on(reached, worked);
                self.close(true, worked);
                // Nothing comes that could be compared with it.
                self.clear();
            }
            _ => self.time_goes_on(limit, worked),
        }
        self.due = self.next_due();
    }

    /// Asks for the memory of groups with events that come soon, the first of `events` being the next.
    fn fetch_ahead(&self, events: &[(Entry, u32)]) {
        if let Some((_, number)) = events.get(2 * AHEAD)
            && let Some(place) = self.groups.place(*number)
        {
            fetch(place);
        }
        if let Some((_, number)) = events.get(AHEAD)
            && let Some(group) = self.groups.get(*number)
        {
            group.machine.fetch();
        }
    }

    /// By time, then by what does not depend on the order in which they came.
    fn in_order(&self, events: &mut [(Entry, u32)]) {
        let groups = &self.groups;
        let key = |number: u32| groups.get(number).map(|group| group.key.bytes());
        events.sort_unstable_by(|(one, of), (other, of_other)| {
            let by_event = (one.time, one.id(), one.value).cmp(&(other.time, other.id(), other.value));
            by_event
                .then_with(|| key(*of).cmp(&key(*of_other)))
                .then_with(|| one.slot.cmp(&other.slot))
        });
    }

    /// Nothing happens before `time` any more: what is due by then happens, in order of time.
    fn time_goes_on(&mut self, time: i64, worked: &mut Worked) {
        loop {
            let due = self.deadlines.first().map(|(due, _)| *due);
            let end = self.open.map(|open| open.saturating_add(self.plan.span));
            let next = [due, end, self.sweep].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= time) else {
                return;
            };
            // An event at the very time of a deadline keeps to it.
            if due == Some(next) && next < time {
                if let Some((due, number)) = self.deadlines.pop_first() {
                    self.silent(due, number, worked);
                }
            } else if end == Some(next) {
                if self.close_empty(time, worked) == 0 {
                    self.close(false, worked);
                    self.open = Some(next).filter(|next| *next < i64::MAX);
                }
                // Where nobody is left there is nothing to close.
                if self.live == 0 {
                    self.open = None;
                }
            } else if self.sweep == Some(next) {
                // Until something else happens, looking at the last of the times does for all of them.
                let part = self.sweep_part();
                let quiet = [due, end].into_iter().flatten().fold(time, i64::min);
                let last = quiet.div_euclid(part).saturating_mul(part).max(next);
                self.forget_old(last);
                self.sweep = (self.live > 0).then(|| last.saturating_add(part));
            } else {
                return;
            }
        }
    }

    fn take(&mut self, number: u32, entry: Entry, worked: &mut Worked) {
        let span = self.plan.span;
        let part = self.sweep_part();
        self.spoken(entry.time);
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        self.heap -= group.heap_bytes();
        self.seen.get_or_insert((entry.time, entry.time)).1 = entry.time;
        if group.began.is_none() {
            group.began = Some(entry.time);
            self.live += 1;
            group.machine = Machine::new(self.kind, &self.ask, span, self.live);
            if self.kind == StatisticKind::Beaconing {
                *self.with_last.entry(last_value(group.key.bytes())).or_default() += 1;
            }
            if self.kind.is_series() {
                self.open.get_or_insert(samples_from(entry.time, span));
            }
            self.sweep
                .get_or_insert(samples_from(entry.time, part).saturating_add(part));
        }
        let last = group.last;
        let sample = Sample {
            time: entry.time,
            id: entry.id(),
            slot: entry.slot,
        };
        let stretch = self.plan.sample_span();
        if last == i64::MIN || samples_from(entry.time, stretch) > samples_from(last, stretch) {
            group.samples.clear();
        }
        let most = super::samples_of_rule(self.plan.slots);
        if group.samples.len() < most {
            if group.samples.len() == group.samples.capacity() {
                // Mostly there is one.
                group
                    .samples
                    .reserve_exact(group.samples.len().clamp(1, most - group.samples.len()));
            }
            group.samples.push(sample);
        }
        group.last = entry.time;
        self.busy = true;
        let event = Told {
            last: (last != i64::MIN).then_some(last),
            hashes: match self.kind {
                StatisticKind::RareValue => {
                    let key = group.key.bytes();
                    let own = keys::first_values(key, self.plan.group_values);
                    (keys::hash(own), keys::hash(&key[own.len()..]))
                }
                _ => (0, 0),
            },
            live: self.live,
            peers: match self.kind {
                StatisticKind::Beaconing => self
                    .with_last
                    .get(&last_value(group.key.bytes()))
                    .map_or(0, |count| count.saturating_sub(1)),
                _ => 0,
            },
            slots: self.plan.slots,
            entry,
            sample,
        };
        let found = group.machine.event(&event, &self.ask, span, &mut self.shared);
        // Later deadlines are found when an earlier one is reached.
        if let Some(deadline) = group.machine.deadline(&self.ask, self.live, &self.shared)
            && group.due.is_none_or(|due| due > deadline)
        {
            if let Some(due) = group.due.replace(deadline) {
                self.deadlines.remove(&(due, number));
            }
            self.deadlines.insert((deadline, number));
        }
        self.heap += group.heap_bytes();
        let samples = found.as_ref().map(|found| {
            let mut samples = group.samples.clone();
            if self.kind == StatisticKind::ImpossibleTravel {
                // The two places.
                samples = found.before.into_iter().collect();
            }
            if !samples.contains(&sample) {
                samples.truncate(MOST_SAMPLES - 1);
                samples.push(sample);
            }
            samples
        });
        if let (Some(found), Some(samples)) = (found, samples) {
            let of_slot = of_slots(&samples, self.plan.slots);
            self.report(number, entry.time, found, samples, of_slot, worked);
        }
        // What is rare is remembered by what groups share.
        if self.kind == StatisticKind::RareValue {
            self.forget(number);
        }
    }
}

/// A hash of the last value of a key.
pub(super) fn last_value(key: &[u8]) -> u64 {
    keys::hash(keys::last_value(key))
}
