//! Events that follow one another: sequences, joins and samples over event time, right for any order of arrival.
//!
//! A [`Plan`] names steps. Whoever matches events against the steps hands over a [`Hit`] for each event and step; what
//! comes out are the [`Found`] sequences with their events.
//!
//! # What is found
//!
//! Hits of one tenant, plan and key are worked off in the order of time and, within a microsecond, of event id, whatever
//! the order in which they came. Ids grow with the place in a source, so events of one microsecond keep the order that
//! their source gave them. The same hit twice counts once.
//!
//! **Ordered** ([`Kind::Ordered`]; the state machine of EQL). The steps that are to come are the stages, those with
//! [`runs`](Step::runs) several stages in a row. At each stage at most one partial match waits.
//! - An event of the first stage opens a partial match there. An event of another stage takes the one that waits at the
//!   stage in front and puts it, longer by itself, at its own. What was there is replaced. At the last stage it is whole
//!   and found.
//! - With [`fork`](Step::fork) the partial match in front stays, and a copy goes on.
//! - One event that is several steps is worked off from the last step to the first: no event is twice in a sequence.
//! - A partial match that began more than [`span`](Plan::span) ago is gone; so the last event is at most the span behind
//!   the first.
//! - `until`: an event of it drops the partial matches of its key, before it is looked at as a step. Sequences that are
//!   whole stay, also those that still wait for something not to follow.
//!
//! **Steps that must not come** ([`missing`](Step::missing)) are no stages.
//! - *Between* two stages: an event of it drops the partial match that waits between them. It does so at once, and what is
//!   dropped neither replaces nor hides another; an engine that looks only once a sequence is whole loses those that a hopeless
//!   one has replaced. The two events around the gap do not count as in it, even if they are of that step too.
//! - *In front*: when the sequence is whole, no event of it may lie within the span before the last event and before the
//!   first.
//! - *At the end*: no event of it may lie after the last event and up to the first one's time plus the span, with both
//!   ends of the span included. This is known once the watermark has passed; each whole sequence waits for itself.
//!
//! **Join** ([`Kind::Join`]). Each step of a key has a place. The first event of a step takes it, later ones are left out, until
//! all places are taken: that is found, in the order of the steps, and all places are free. An event that is several steps
//! is worked off from the first to the last and may take several places, as in the reference implementation. `until`
//! frees all places. With a span a place is free again when its event is the span behind, and the *last* event of a step has the place:
//! so whatever lies within the span is found.
//!
//! **Sample** ([`Kind::Sample`]). Once a key: as soon as there are different events for all steps. Of several choices the
//! one with the earliest event for the first step, then for the second, and so on.
//!
//! # Time
//!
//! As in [`windows`](crate::windows): each source (a dataset of a tenant) is complete up to its highest time less the
//! lateness, a tenant up to the lowest of its sources. Hits wait until that watermark passes them. A hit below it is too
//! late: it is [counted](Counters::late) and left out. Without a lateness everything waits for the end. No clock is read.
//!
//! # Cost
//!
//! Per hit a place among those that wait (`log n` of them, close to one for hits in order), a look-up of the key, and a
//! step for each partial match of this key that goes on; nothing depends on how many are open for other keys.
//!
//! # Limits
//!
//! [`Settings::memory`] bounds the bytes of all hits that wait and all partial matches. Where it is reached, the plan (of one
//! tenant) that holds most gives some back, so that none starves another. Hits dated far ahead go first. If much of it are
//! hits that wait, the oldest are worked off early ([counted](Counters::released_early); what still comes below them is
//! late). Otherwise keys are given up, those not touched for longest first ([counted](Counters::given_up)). Keys that were touched more than once are left alone as long as they are
//! not the most by far, so a flood of keys that occur once does not silence a slow session.

mod machine;
mod plan;
mod run;
mod sample;
mod snapshot;
mod store;
mod waiting;

use std::sync::Arc;

use crate::windows::time::{Clock, Hold};
use machine::Machine;
use plan::Shape;
pub use plan::{Kind, MOST_SAMPLED, MOST_STAGES, Plan, Step};
pub use snapshot::Loaded;
use waiting::Waiting;

/// How sequences work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far below the highest time of its source an event may lie, in microseconds. `None`: as far as it likes, and
    /// nothing is known before the end.
    pub lateness: Option<i64>,
    /// Most bytes of hits that wait and partial matches together.
    pub memory: usize,
    /// How far an event may lie ahead of [`Sequences::set_now`], in microseconds, and still move time on as far as itself.
    pub ahead: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lateness: None,
            memory: 256 << 20,
            ahead: 60_000_000,
        }
    }
}

/// One event at one step of one plan.
#[derive(Debug, Clone)]
pub struct Hit<P> {
    /// Event time in microseconds.
    pub time: i64,
    /// The event's id; those of one source grow in its order.
    pub id: u128,
    /// Whose it is, as [`Sequences::tenant`] numbered it.
    pub tenant: u32,
    /// The dataset, by any number of the caller's.
    pub source: u32,
    /// The number of the plan.
    pub plan: u32,
    /// The number of the step; `steps.len()` for what breaks the sequence.
    pub step: u16,
    /// What the events of a sequence share ([`keys`](crate::windows::keys)).
    pub key: Box<[u8]>,
    /// What is given back with the event.
    pub payload: P,
}

/// A sequence that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<P> {
    /// Whose it is.
    pub tenant: u32,
    /// The number of the plan.
    pub plan: u32,
    /// What its events share.
    pub key: Box<[u8]>,
    /// Time, id and payload of its events: in the order of the steps, one for each run, none for steps that must not come.
    pub events: Vec<(i64, u128, P)>,
    /// From which event time on it is known: that of the event that made it whole, or the moment up to which something
    /// must not follow.
    pub known_at: i64,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Hits taken.
    pub hits: u64,
    /// Of them, those that came too late and were left out.
    pub late: u64,
    /// Of them, those dated so far ahead that they moved time on to now only.
    pub future: u64,
    /// Partial matches given up because memory was full, and keys of which only that something came was known; also hits
    /// far ahead of time that waited.
    pub given_up: u64,
    /// Hits worked off before their time because memory was full.
    pub released_early: u64,
    /// Sequences found.
    pub found: u64,
    /// Partial matches now.
    pub open: u64,
    /// Bytes in use now, about.
    pub bytes: u64,
}

/// Runs sequences over hits. See the [module](self).
#[derive(Debug)]
pub struct Sequences<P> {
    shapes: Vec<Arc<Shape>>,
    settings: Settings,
    weigh: fn(&P) -> usize,
    tenants: Vec<Tenant<P>>,
    now: Option<i64>,
    hold: Hold,
    counters: Counters,
    bytes: usize,
}

#[derive(Debug)]
struct Tenant<P> {
    name: Arc<str>,
    clock: Clock,
    machines: Vec<Machine<P>>,
    /// Up to where its machines were worked off.
    worked: Option<i64>,
}

impl<P: Clone> Sequences<P> {
    /// Sequences of which nothing has come yet. `weigh` gives the bytes that a payload takes beside its own size.
    ///
    /// # Errors
    /// What is wrong with the first plan that cannot run ([`Plan::check`]).
    pub fn new(plans: &[Plan], settings: Settings, weigh: fn(&P) -> usize) -> Result<Sequences<P>, String> {
        let shapes: Result<_, String> = plans.iter().map(|plan| Shape::of(plan).map(Arc::new)).collect();
        Ok(Sequences {
            shapes: shapes?,
            settings,
            weigh,
            tenants: Vec::new(),
            now: None,
            hold: Hold::default(),
            counters: Counters::default(),
            bytes: 0,
        })
    }

    /// The number of a tenant.
    pub fn tenant(&mut self, name: &str) -> u32 {
        if let Some(known) = self.tenants.iter().position(|tenant| *tenant.name == *name) {
            return known as u32;
        }
        let number = self.tenants.len() as u32;
        let shapes = self.shapes.iter().zip(0..);
        let machines = shapes.map(|(shape, plan)| Machine::new(shape.clone(), plan, number, self.weigh));
        self.tenants.push(Tenant {
            name: name.into(),
            clock: Clock::held(self.hold),
            machines: machines.collect(),
            worked: None,
        });
        number
    }

    /// The name of a tenant.
    pub fn tenant_name(&self, number: u32) -> Option<&Arc<str>> {
        Some(&self.tenants.get(number as usize)?.name)
    }

    /// What time it is, in microseconds: events far ahead of it move time on to it only.
    pub fn set_now(&mut self, now: i64) {
        self.now = Some(now);
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let machines = self.tenants.iter().flat_map(|tenant| &tenant.machines);
        Counters {
            open: machines.map(|machine| machine.run.open() as u64).sum(),
            bytes: self.bytes as u64,
            ..self.counters
        }
    }

    /// Takes hits, in any order; gives what is known by now, in the order in which it became known. Hits of unknown tenants,
    /// plans or steps are left out.
    pub fn take(&mut self, hits: impl IntoIterator<Item = Hit<P>>) -> Vec<Found<P>> {
        let mut found = Vec::new();
        for hit in hits {
            let (tenant, source, time) = (hit.tenant, hit.source, hit.time);
            if self.push(hit) {
                self.see(tenant, source, time);
                if self.bytes > self.settings.memory {
                    self.advance_all(&mut found);
                    self.relieve(&mut |one| found.push(one));
                }
            }
        }
        self.advance_all(&mut found);
        found
    }

    fn push(&mut self, hit: Hit<P>) -> bool {
        let Some(tenant) = self.tenants.get_mut(hit.tenant as usize) else {
            return false;
        };
        let Some(machine) = tenant.machines.get_mut(hit.plan as usize) else {
            return false;
        };
        if !self.shapes[hit.plan as usize].has_step(hit.step) {
            return false;
        }
        self.counters.hits += 1;
        let known = tenant.clock.watermark().unwrap_or(i64::MIN);
        let known = known.max(machine.limit());
        if hit.time < known || known == i64::MAX {
            self.counters.late += 1;
            return true;
        }
        let before = machine.bytes();
        machine.push(Waiting {
            time: hit.time,
            id: [(hit.id >> 64) as u64, hit.id as u64],
            key: hit.key,
            step: hit.step,
            payload: hit.payload,
        });
        self.bytes = self.bytes + machine.bytes() - before;
        true
    }

    fn see(&mut self, tenant: u32, source: u32, mut time: i64) {
        let reached = self.now.map(|now| now.saturating_add(self.settings.ahead));
        if let (Some(now), Some(reached)) = (self.now, reached)
            && time > reached
        {
            self.counters.future += 1;
            time = now;
        }
        if let Some(known) = self.tenants.get_mut(tenant as usize) {
            known.clock.observe(source, time, self.settings.lateness);
        }
    }

    /// A source has come to `time`, whether or not there was a hit; to now at most, if its clock is far ahead. Gives what
    /// is known by now.
    pub fn observe(&mut self, tenant: u32, source: u32, time: i64) -> Vec<Found<P>> {
        self.see(tenant, source, time);
        let mut found = Vec::new();
        self.advance_all(&mut found);
        found
    }

    /// Nothing came for so many microseconds, which is longer than is waited for: all sources are taken to have gone on
    /// for as long. Gives what is known by that. Without a lateness nothing happens.
    pub fn quiet(&mut self, for_micros: i64) -> Vec<Found<P>> {
        let mut found = Vec::new();
        let Some(lateness) = self.settings.lateness else {
            return found;
        };
        for tenant in &mut self.tenants {
            if let Some(highest) = tenant.clock.highest_of_all() {
                let time = highest.saturating_add(for_micros).saturating_sub(lateness);
                tenant.clock.force(time);
            }
        }
        self.advance_all(&mut found);
        found
    }

    /// What files hold time back from now on. Gives what is known by that.
    pub(crate) fn hold(&mut self, hold: Hold) -> Vec<Found<P>> {
        self.hold = hold;
        for tenant in &mut self.tenants {
            tenant.clock.hold(hold, self.settings.lateness);
        }
        let mut found = Vec::new();
        self.advance_all(&mut found);
        found
    }

    /// A source has been quiet for longer than is waited for. Gives what is known by that.
    pub fn idle(&mut self, tenant: u32, source: u32) -> Vec<Found<P>> {
        if let Some(known) = self.tenants.get_mut(tenant as usize) {
            known.clock.idle(source, self.settings.lateness);
        }
        let mut found = Vec::new();
        self.advance_all(&mut found);
        found
    }

    /// Nothing more comes: gives all that is left, in the order in which it became known.
    pub fn finish(&mut self) -> Vec<Found<P>> {
        let mut found = Vec::new();
        self.finish_with(|one| found.push(one));
        in_order(&mut found);
        found
    }

    /// As [`finish`](Sequences::finish), one by one and plan by plan: for whoever does not want to hold them all.
    pub fn finish_with(&mut self, mut each: impl FnMut(Found<P>)) {
        for number in 0..self.tenants.len() {
            self.tenants[number].clock.force(i64::MAX);
            self.advance(number, &mut each);
        }
    }

    fn advance_all(&mut self, found: &mut Vec<Found<P>>) {
        let before = found.len();
        for number in 0..self.tenants.len() {
            self.advance(number, &mut |one| found.push(one));
        }
        // What a full memory gave out before its time stays in front.
        in_order(&mut found[before..]);
    }

    /// Works a tenant off as far as its watermark allows.
    fn advance(&mut self, number: usize, found: &mut dyn FnMut(Found<P>)) {
        let Some(tenant) = self.tenants.get_mut(number) else {
            return;
        };
        let watermark = tenant.clock.watermark();
        let Some(limit) = watermark.filter(|_| watermark > tenant.worked) else {
            return;
        };
        tenant.worked = watermark;
        for plan in 0..self.shapes.len() {
            while !self.advance_plan(number, plan, limit, found) {
                self.relieve(found);
            }
        }
        self.relieve(found);
    }

    /// Works a plan off for a while. Whether it has come to `limit`.
    fn advance_plan(
        &mut self,
        tenant: usize,
        plan: usize,
        limit: i64,
        found: &mut dyn FnMut(Found<P>),
    ) -> bool {
        let machine = &mut self.tenants[tenant].machines[plan];
        let before = machine.bytes();
        let done = machine.advance(limit, &mut |one| {
            self.counters.found += 1;
            found(one);
        });
        self.bytes = self.bytes + machine.bytes() - before;
        done
    }

    /// Makes room where memory is full, each time where most is held.
    fn relieve(&mut self, found: &mut dyn FnMut(Found<P>)) {
        if self.bytes <= self.settings.memory {
            return;
        }
        let target = self.settings.memory / 8 * 7;
        while self.bytes > target {
            let over = self.bytes - target;
            let machines = self
                .tenants
                .iter_mut()
                .zip(0..)
                .flat_map(|(tenant, number)| machines_of(&mut tenant.machines, &tenant.clock, number));
            let Some((place, machine)) = machines.max_by_key(|(_, machine)| machine.bytes()) else {
                return;
            };
            let before = machine.bytes();
            let ahead = machine.drop_latest(place.reached);
            if ahead > 0 {
                self.counters.given_up += ahead;
            } else if let Some(time) = machine.oldest_quarter() {
                let waited = machine.waiting(place.watermark);
                while !self.advance_plan(place.tenant, place.plan, time.saturating_add(1), found) {}
                let waits = self.tenants[place.tenant].machines[place.plan].waiting(place.watermark);
                self.counters.released_early += (waited - waits) as u64;
                continue;
            } else {
                // No more than a quarter of its own: then another may hold more.
                let enough = before.saturating_sub(over.min(before / 4 + 1));
                let waits = before - machine.run.bytes();
                let given_up = machine.run.give_up_until(|bytes| waits + bytes <= enough);
                if given_up == 0 {
                    return;
                }
                self.counters.given_up += given_up;
            }
            self.bytes = self.bytes + machine.bytes() - before;
        }
    }
}

/// Which machine, and how far its time has come.
#[derive(Clone, Copy)]
struct Place {
    tenant: usize,
    plan: usize,
    /// The highest time of a source.
    reached: i64,
    watermark: i64,
}

fn machines_of<'m, P>(
    machines: &'m mut [Machine<P>],
    clock: &Clock,
    tenant: usize,
) -> impl Iterator<Item = (Place, &'m mut Machine<P>)> + use<'m, P> {
    let reached = clock.highest_of_all().unwrap_or(i64::MIN);
    let watermark = clock.watermark().unwrap_or(i64::MIN);
    machines.iter_mut().enumerate().map(move |(plan, machine)| {
        let place = Place {
            tenant,
            plan,
            reached,
            watermark,
        };
        (place, machine)
    })
}

/// Puts what was found in the order in which it became known; what a plan found at one time stays as it is.
fn in_order<P>(found: &mut [Found<P>]) {
    found.sort_by_key(|one| (one.known_at, one.tenant, one.plan));
}
