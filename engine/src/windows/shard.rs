//! Groups, in shards: what lies in one of them is looked at by one thread.
//!
//! A group belongs to a shard by the hash of its key and its rule, so threads that have different shards share nothing but what
//! they read: plans, signals, the limits of time. There are always as many shards, however many threads: what is found,
//! what is given up where memory is full, and what is saved is the same for any number of threads.

use std::sync::Arc;

use super::Signal;
use super::episode::Episode;
use super::fetch::fetch;
use super::log::Entry;
use super::plan::Plan;
use super::route::Route;
use super::state::{self, Early, PlanState, Worked};
use super::states::State;

/// How many shards there are, which is as many threads as can have some. A power of two. States that were saved have as many:
/// another number needs another version of the form.
pub(super) const SHARDS: usize = 16;

/// So many signals are looked up together: what they need fits the first cache.
const TOGETHER: usize = 32;

/// What all shards read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'w> {
    pub(super) plans: &'w [Arc<Plan>],
    /// By number.
    pub(super) tenants: &'w [Arc<str>],
    /// Whether what begins is announced.
    pub(super) eager: bool,
    /// The time that may have come.
    pub(super) reached: i64,
}

impl Common<'_> {
    /// A state at this place, without anything in it.
    pub(super) fn state(&self, place: usize) -> State {
        let (tenant, plan) = (place / self.plans.len(), place % self.plans.len());
        State::new(
            self.plans[plan].clone(),
            plan as u32,
            // Its own: threads that count on one as they tell what they found wait for each other.
            Arc::from(&*self.tenants[tenant]),
        )
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Shard {
    /// Those of each tenant in the order of the plans; `None` where there was nothing yet.
    pub(super) states: Vec<Option<State>>,
    /// In step with them: nothing is to be done before everything below this is known.
    due: Vec<i64>,
    /// The least of them, by tenant.
    due_of_tenant: Vec<i64>,
    /// Of all states, about.
    pub(super) bytes: usize,
    /// Events that were there already.
    pub(super) twice: u64,
    /// What was announced.
    begun: Vec<Episode>,
    /// In step with it: the numbers of the signals with which it began, among those that came together.
    begun_with: Vec<u32>,
    /// What working off gave.
    pub(super) worked: Worked,
}

impl Shard {
    /// A shard without anything in it; with `watch`, the numbers of intervals are kept.
    pub(super) fn new(watch: bool) -> Shard {
        let mut shard = Shard::default();
        shard.worked.watched = watch.then(Vec::new);
        shard
    }

    /// There is one more tenant.
    pub(super) fn add_tenant(&mut self, plans: usize) {
        let states = self.states.len() + plans;
        self.states.resize_with(states, || None);
        self.due.resize(states, i64::MAX);
        self.due_of_tenant.push(i64::MAX);
    }

    /// Nothing of a tenant is to be done before everything below this is known.
    pub(super) fn due(&self, tenant: usize) -> i64 {
        self.due_of_tenant.get(tenant).copied().unwrap_or(i64::MAX)
    }

    /// The states of a tenant.
    pub(super) fn of_tenant(&self, tenant: usize, plans: usize) -> &[Option<State>] {
        &self.states[tenant * plans..(tenant + 1) * plans]
    }

    /// What was saved is there.
    pub(super) fn restored(&mut self, plans: usize) {
        for (state, due) in self.states.iter().zip(&mut self.due) {
            *due = state.as_ref().map_or(i64::MAX, State::due);
        }
        self.bytes = self.states.iter().flatten().map(State::bytes).sum();
        let due = self.due.chunks(plans.max(1));
        let due = due.map(|due| due.iter().copied().min().unwrap_or(i64::MAX));
        self.due_of_tenant = due.collect();
    }

    /// Takes an event at or above the limit, of this place and key; `number` is that of its signal.
    pub(super) fn take(
        &mut self,
        (place, key, hash): (usize, &[u8], u64),
        entry: Entry,
        handed: &[u8],
        number: u32,
        common: &Common<'_>,
    ) {
        let early = common.eager.then_some(Early {
            begun: &mut self.begun,
            reached: common.reached,
        });
        let state = self.states[place].get_or_insert_with(|| common.state(place));
        let before = state.bytes();
        let new = state.push(key, hash, entry, handed, early);
        let (after, due) = (state.bytes(), state.due());
        self.bytes = self.bytes + after - before;
        self.twice += u64::from(!new);
        self.begun_with.resize(self.begun.len(), number);
        if due < self.due[place] {
            self.due[place] = due;
            let of_tenant = &mut self.due_of_tenant[place / common.plans.len()];
            *of_tenant = due.min(*of_tenant);
        }
    }

    /// What was announced since the last call, with the numbers of the signals.
    pub(super) fn take_begun(&mut self) -> impl Iterator<Item = (u32, Episode)> {
        self.begun_with.drain(..).zip(self.begun.drain(..))
    }

    /// Works off what a tenant has of these plans, each up to its limit; all of it is due below `watermark`.
    pub(super) fn advance(
        &mut self,
        tenant: usize,
        stage: &[usize],
        limits: &[Option<i64>],
        (watermark, highest): (i64, i64),
        plans: usize,
    ) {
        if self.due(tenant) > watermark {
            return;
        }
        let first = tenant * plans;
        for &plan in stage {
            let (Some(Some(state)), Some(limit)) = (self.states.get_mut(first + plan), limits[plan]) else {
                continue;
            };
            if self.due[first + plan] > limit {
                continue;
            }
            let before = state.bytes();
            let (others, room) = (self.bytes - before, self.worked.room);
            self.worked.room = room.saturating_sub(others);
            state.advance(limit, highest, &mut self.worked);
            self.worked.room = room;
            self.bytes = others + state.bytes();
            self.due[first + plan] = state.due();
        }
        let due = self.due[first..first + plans].iter().copied().min();
        self.due_of_tenant[tenant] = due.unwrap_or(i64::MAX);
    }

    /// How much a tenant has to do below `watermark`, as far as `enough`.
    pub(super) fn work_below(&self, tenant: usize, plans: usize, watermark: i64, enough: usize) -> usize {
        if self.due(tenant) > watermark {
            return 0;
        }
        let states = self.of_tenant(tenant, plans).iter().flatten();
        let mut found = 0;
        for state in states {
            if found >= enough {
                break;
            }
            found += state.work_below(watermark, enough);
        }
        found
    }
}

/// Puts what has ended in these shards in order, in the first of them. Here, where other threads do the same with theirs: to
/// merge so many afterwards is quick.
pub(super) fn bring_together(shards: &mut [Shard]) {
    if let Some((first, others)) = shards.split_first_mut() {
        let ended = &mut first.worked.ended;
        for shard in others {
            ended.append(&mut shard.worked.ended);
        }
        state::sort(ended);
    }
}

/// Takes those of the signals that go to these shards, of which `first` is the number of the first one. `before` is how many
/// signals of those that came together stand before these.
///
/// What they need from memory is asked for together, in stages that decide nothing, before each is taken in its turn.
pub(super) fn take_all(
    shards: &mut [Shard],
    first: usize,
    (before, signals): (usize, &[Signal<'_>]),
    routes: &[Route],
    common: &Common<'_>,
) {
    let mut next = 0;
    let mut mine = [0_usize; TOGETHER];
    let mut likely = [None; TOGETHER];
    loop {
        let mut count = 0;
        while count < TOGETHER && next < routes.len() {
            mine[count] = next;
            // Without a branch, which would be a toss of a coin.
            let shard = (routes[next].shard as usize).wrapping_sub(first);
            count += usize::from(shard < shards.len());
            next += 1;
        }
        if count == 0 {
            return;
        }
        let mine = &mine[..count];
        for &number in mine {
            let route = &routes[number];
            if let Some(groups) = groups_for(shards, first, route) {
                groups.fetch_place(route.hash);
            }
            fetch(&signals[number]);
        }
        for (&number, likely) in mine.iter().zip(&mut likely) {
            let route = &routes[number];
            *likely = groups_for(shards, first, route).and_then(|groups| groups.fetch_likely(route.hash));
        }
        for (&number, likely) in mine.iter().zip(&likely) {
            if let (Some(likely), Some(groups)) = (likely, groups_for(shards, first, &routes[number])) {
                groups.fetch_log(*likely);
            }
            fetch(signals[number].key);
        }
        for &number in mine {
            let (route, signal) = (&routes[number], &signals[number]);
            let entry = Entry::new(signal.time, signal.id, signal.slot, signal.value);
            let to = (route.place as usize, signal.key, route.hash);
            let shard = &mut shards[route.shard as usize - first];
            shard.take(to, entry, signal.handed, (before + number) as u32, common);
        }
    }
}

fn groups_for<'s>(shards: &'s [Shard], first: usize, route: &Route) -> Option<&'s PlanState> {
    let shard = shards.get(route.shard as usize - first)?;
    shard.states.get(route.place as usize)?.as_ref()?.as_groups()
}
