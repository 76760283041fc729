//! Values that a group has not had for the length of a window.
//!
//! # What is found
//!
//! An event at `t` is *new* if its group had the same values at no time in `(t - span, t)`, and if the group's first event
//! is at least the learning time older. Both are questions about a set of events; so, as everywhere in [windows](super),
//! what is found does not depend on the order in which events come, as long as none is too late.
//!
//! Occurrences of a value that lie closer together than the span are one **run**: only its first event can be new, and only
//! its last one decides whether the next is. So a value takes the same little memory however often it occurs.
//!
//! # Memory
//!
//! A value whose run is worked off takes 16 bytes in a table that is 7/16 to 7/8 full (19 to 38 bytes); one that is not yet,
//! about 150 with its text. Where memory is full, the older half of the former moves to [filters](super::aged): 3
//! bytes each; their errors make a value that is new pass for seen, never the other way round. Values are told apart by 64
//! bits of hash: among 5 million the probability that any two are taken for one is below 1 in a million.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};

use super::aged::Aged;
use super::episode::{Episode, Sample, episode_id};
use super::keys::{self, Held, Key};
use super::log::Entry;
use super::plan::{Plan, Test};
use super::state::{Began, Worked};

/// The table of values is looked through for those to forget so often in the length of a window.
const SWEEPS: i64 = 16;

/// Occurrences closer together than the span: the first of them, by its time alone for a group, and the time of the last.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Run<F> {
    first: F,
    last: i64,
}

/// What has a time.
trait Timed: Copy + Ord {
    fn time(&self) -> i64;
}

impl Timed for i64 {
    fn time(&self) -> i64 {
        *self
    }
}

impl Timed for Entry {
    fn time(&self) -> i64 {
        self.time
    }
}

/// A value with runs that are not worked off.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fresh {
    key: Held,
    /// Ascending.
    runs: Vec<Run<Entry>>,
}

impl Fresh {
    fn bytes(&self) -> usize {
        self.key.heap_bytes() + self.runs.capacity() * size_of::<Run<Entry>>()
    }
}

/// Bytes of a group and of the one run that it mostly has.
const GROUP_BYTES: usize = size_of::<(u64, Vec<Run<i64>>)>() + 1 + 32;

type ByHash<V> = HashMap<u64, V, foldhash::fast::FixedState>;

/// What is saved of it: groups, values, those put aside, those not worked off, steps, the limit of the last sweep.
pub(super) type Saved<'s> = (
    Vec<(u64, &'s Vec<Run<i64>>)>,
    Vec<(u64, i64)>,
    &'s Aged,
    Vec<(u64, &'s Fresh)>,
    &'s BTreeMap<i64, Vec<u64>>,
    i64,
);

/// The same, to be taken up.
pub(super) type Loaded = (
    Vec<(u64, Vec<Run<i64>>)>,
    Vec<(u64, i64)>,
    Aged,
    Vec<(u64, Fresh)>,
    BTreeMap<i64, Vec<u64>>,
    i64,
);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FirstSeen {
    pub(super) plan: Arc<Plan>,
    number: u32,
    tenant: Arc<str>,
    learning: i64,
    /// When groups were heard of.
    groups: ByHash<Vec<Run<i64>>>,
    /// Values by hash, and when they were seen last.
    known: HashTable<(u64, i64)>,
    aged: Aged,
    fresh: ByHash<Fresh>,
    /// Values to work off, by step of time. A value may stand in steps at which there is nothing to do.
    steps: BTreeMap<i64, Vec<u64>>,
    scheduled: usize,
    /// Nothing is to be done below this.
    due: i64,
    /// The limit when values were last forgotten.
    swept: i64,
    heap: usize,
}

impl FirstSeen {
    pub(super) fn new(plan: Arc<Plan>, number: u32, tenant: Arc<str>) -> FirstSeen {
        FirstSeen {
            learning: match plan.test {
                Test::New { learning } => learning,
                _ => 0,
            },
            aged: Aged::new(plan.span),
            plan,
            number,
            tenant,
            groups: ByHash::default(),
            known: HashTable::new(),
            fresh: ByHash::default(),
            steps: BTreeMap::new(),
            scheduled: 0,
            due: i64::MAX,
            swept: i64::MIN,
            heap: 0,
        }
    }

    /// What is saved of it.
    pub(super) fn parts(&self) -> Saved<'_> {
        (
            self.groups.iter().map(|(hash, runs)| (*hash, runs)).collect(),
            self.known.iter().copied().collect(),
            &self.aged,
            self.fresh.iter().map(|(hash, fresh)| (*hash, fresh)).collect(),
            &self.steps,
            self.swept,
        )
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, (groups, known, aged, fresh, steps, swept): Loaded) {
        self.groups = groups.into_iter().collect();
        for (hash, last) in known {
            self.known.insert_unique(hash, (hash, last), |(known, _)| *known);
        }
        self.aged = aged;
        self.heap = fresh.iter().map(|(_, fresh)| fresh.bytes()).sum();
        self.fresh = fresh.into_iter().collect();
        self.scheduled = steps.values().map(Vec::len).sum();
        self.steps = steps;
        self.swept = swept;
        self.due = self.next_due();
    }

    /// Nothing is to be done before everything below this is known.
    pub(super) fn due(&self) -> i64 {
        self.due
    }

    /// The first step, or the next sweep.
    fn next_due(&self) -> i64 {
        let sweep = match self.swept {
            // Nothing was ever worked off.
            i64::MIN => i64::MAX,
            swept => swept.saturating_add((self.plan.span / SWEEPS).max(1)),
        };
        self.next_step_end().map_or(sweep, |end| end.min(sweep))
    }

    /// How many values are due below `limit`, as far as `enough`.
    pub(super) fn work_below(&self, limit: i64, enough: usize) -> usize {
        let mut found = 0;
        for (step, hashes) in &self.steps {
            if found >= enough || self.end_of(*step) > limit {
                break;
            }
            found += hashes.len();
        }
        found
    }

    /// The times of the first and the last event of groups that are remembered.
    pub(super) fn learned(&self) -> Option<(i64, i64)> {
        let runs = || self.groups.values().flatten();
        let first = runs().map(|run| run.first).min()?;
        Some((first, runs().map(|run| run.last).max()?))
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        let groups = self.groups.capacity() * GROUP_BYTES;
        let known = self.known.capacity() * (size_of::<(u64, i64)>() + 1);
        let fresh = self.fresh.capacity() * (size_of::<(u64, Fresh)>() + 1);
        groups + known + fresh + self.heap + self.aged.bytes() + self.scheduled * size_of::<u64>()
    }

    fn step_of(&self, time: i64) -> i64 {
        time.div_euclid(self.plan.step())
    }

    fn end_of(&self, step: i64) -> i64 {
        step.saturating_add(1).saturating_mul(self.plan.step())
    }

    /// The end of the first step in which something is due.
    pub(super) fn next_step_end(&self) -> Option<i64> {
        let (step, _) = self.steps.first_key_value()?;
        Some(self.end_of(*step))
    }

    /// Takes an event at or above the limit. `false` if it is there already, as far as that is still known.
    pub(super) fn push(&mut self, key: &[u8], hash: u64, entry: Entry) -> bool {
        let (time, span) = (entry.time, self.plan.span);
        let group = keys::hash(keys::first_values(key, self.plan.group_values));
        let heard = self.groups.entry(group).or_insert_with(|| Vec::with_capacity(1));
        add(heard, time, span);
        if self.known.find(hash, |known| known.0 == hash).is_none()
            && let Some(last) = self.aged.last(hash)
        {
            self.known.insert_unique(hash, (hash, last), |(known, _)| *known);
        }
        if let Some((_, last)) = self.known.find_mut(hash, |known| known.0 == hash)
            && time < last.saturating_add(span)
        {
            *last = time.max(*last);
            self.join(hash);
            return true;
        }
        let fresh = self.fresh.entry(hash).or_insert_with(|| Fresh {
            key: Held::new(key),
            runs: Vec::with_capacity(1),
        });
        let before = if fresh.runs.is_empty() { 0 } else { fresh.bytes() };
        let (new, begins) = add(&mut fresh.runs, entry, span);
        self.heap = self.heap + fresh.bytes() - before;
        if begins {
            let step = self.step_of(time);
            self.steps.entry(step).or_default().push(hash);
            self.scheduled += 1;
            self.due = self.due.min(self.end_of(step));
        }
        new
    }

    /// Takes up the runs of a value that begin before it may be forgotten.
    fn join(&mut self, hash: u64) {
        let span = self.plan.span;
        let Some(fresh) = self.fresh.get_mut(&hash) else {
            return;
        };
        let Some((_, last)) = self.known.find_mut(hash, |known| known.0 == hash) else {
            return;
        };
        let mut joined = 0;
        for run in &fresh.runs {
            if run.first.time >= last.saturating_add(span) {
                break;
            }
            *last = run.last.max(*last);
            joined += 1;
        }
        fresh.runs.drain(..joined);
        self.forget_empty(hash);
    }

    fn forget_empty(&mut self, hash: u64) {
        if self.fresh.get(&hash).is_some_and(|fresh| fresh.runs.is_empty())
            && let Some(gone) = self.fresh.remove(&hash)
        {
            self.heap -= gone.bytes();
        }
    }

    /// Works everything off up to `limit`, a multiple of the plan's step.
    pub(super) fn advance(&mut self, limit: i64, worked: &mut Worked) {
        while let Some(first) = self.steps.first_entry() {
            let step = *first.key();
            if step.saturating_add(1).saturating_mul(self.plan.step()) > limit {
                break;
            }
            let hashes = first.remove();
            self.scheduled -= hashes.len();
            for hash in hashes {
                self.work(hash, limit, worked);
            }
        }
        if limit.saturating_sub(self.swept) >= (self.plan.span / SWEEPS).max(1) {
            self.sweep(limit);
        }
        self.due = self.next_due();
    }

    fn work(&mut self, hash: u64, limit: i64, worked: &mut Worked) {
        let Some(fresh) = self.fresh.get_mut(&hash) else {
            return;
        };
        let group = keys::hash(keys::first_values(fresh.key.bytes(), self.plan.group_values));
        let heard = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
        let due = fresh.runs.partition_point(|run| run.first.time < limit);
        let key = Key::from_bytes(fresh.key.bytes());
        let runs = fresh.runs.drain(..due);
        // With how long the group was known by then.
        let runs: Vec<(Run<Entry>, i64)> = runs
            .map(|run| {
                let time = run.first.time;
                let mut within = heard
                    .iter()
                    .filter(|heard| heard.first <= time && time <= heard.last);
                let began = within.next().map_or(time, |heard| heard.first);
                (run, time.saturating_sub(began))
            })
            .collect();
        self.forget_empty(hash);
        for (run, known_for) in runs {
            let seen = &mut self.known;
            match seen.find_mut(hash, |known| known.0 == hash) {
                Some((_, last)) => *last = run.last.max(*last),
                None => {
                    seen.insert_unique(hash, (hash, run.last), |(known, _)| *known);
                }
            }
            if known_for >= self.learning {
                self.report(&key, run.first, worked);
            }
        }
        // What is left may begin before what is known now is forgotten.
        self.join(hash);
    }

    fn report(&self, key: &Key, entry: Entry, worked: &mut Worked) {
        let start = entry.time;
        if !self.plan.parents.is_empty() {
            worked.began.push(Began {
                plan: self.number,
                key: key.clone(),
                time: start,
                id: episode_id(&self.tenant, &self.plan.rule_id, key, start),
                goes_on: false,
                handed: Vec::new(),
            });
        }
        let mut of_slot = vec![0; usize::from(self.plan.slots)];
        if let Some(count) = of_slot.get_mut(usize::from(entry.slot)) {
            *count = 1;
        }
        worked.ended.push(Episode {
            plan: self.number,
            tenant: self.tenant.clone(),
            key: key.clone(),
            start,
            end: start.saturating_add(1),
            is_final: true,
            announced: Box::default(),
            first: start,
            last: start,
            count: 1,
            of_slot: of_slot.into(),
            value: 1.0,
            peak: 1.0,
            samples: [Sample {
                time: start,
                id: entry.id(),
                slot: entry.slot,
            }]
            .into(),
            figures: None,
        });
    }

    /// Forgets what decides nothing that may still come.
    fn sweep(&mut self, limit: i64) {
        self.swept = limit;
        let span = self.plan.span;
        let needed = |last: i64| last.saturating_add(span) > limit;
        self.known.retain(|(_, last)| needed(*last));
        self.known.shrink_to(self.known.len() * 2, |(known, _)| *known);
        self.groups.retain(|_, heard| {
            heard.retain(|run| needed(run.last));
            !heard.is_empty()
        });
        self.groups.shrink_to(self.groups.len() * 2);
        self.fresh.shrink_to(self.fresh.len() * 2);
        self.aged.forget_before(limit.saturating_sub(span));
    }

    /// Makes room: the older half of what is remembered one by one moves to filters; what is there goes last. Gives how many
    /// values moved, and how many are forgotten for good.
    pub(super) fn relieve(&mut self, down_to: usize) -> (u64, u64) {
        // Filters have half of the room; beyond it, what was seen longest ago is forgotten.
        if self.aged.bytes() > down_to / 2 && self.aged.drop_first() {
            return (0, 1);
        }
        if self.known.is_empty() {
            let gone = (self.fresh.len() + self.groups.len()) as u64;
            self.fresh = ByHash::default();
            self.groups = ByHash::default();
            self.steps.clear();
            (self.scheduled, self.heap) = (0, 0);
            while self.aged.drop_first() {}
            return (0, gone);
        }
        let mut times: Vec<i64> = self.known.iter().map(|(_, last)| *last).collect();
        let middle = times.len() / 2;
        let (_, cut, _) = times.select_nth_unstable(middle);
        let cut = *cut;
        drop(times);
        let old: Vec<(u64, i64)> = self.known.extract_if(|(_, last)| *last <= cut).collect();
        self.known.shrink_to_fit(|(known, _)| *known);
        let moved = old.len() as u64;
        self.aged.put(old);
        (moved, 0)
    }
}

/// Adds an event to runs. Whether it was not there as the first of one, and whether the first of a run is another one now.
fn add<F: Timed>(runs: &mut Vec<Run<F>>, first: F, span: i64) -> (bool, bool) {
    let time = first.time();
    // The first run that it does not come after.
    let next = runs.partition_point(|run| run.last.saturating_add(span) <= time);
    let run = Run { first, last: time };
    let Some(known) = runs.get_mut(next) else {
        runs.push(run);
        return (true, true);
    };
    if known.first.time() >= time.saturating_add(span) {
        runs.insert(next, run);
        return (true, true);
    }
    let is_new = known.first != first;
    let begins = first < known.first;
    known.first = first.min(known.first);
    known.last = time.max(known.last);
    let last = known.last;
    if let Some(after) = runs.get(next + 1)
        && after.first.time() < last.saturating_add(span)
    {
        runs[next].last = after.last;
        runs.remove(next + 1);
    }
    (is_new, begins)
}
