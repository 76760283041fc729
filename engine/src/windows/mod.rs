//! Conditions over what lies in a window of event time, right for any order of arrival.
//!
//! # What is found
//!
//! A correlation keeps the events of its rules apart by group. For a group and a point in time `t`, its window holds
//! the group's events in `(t - span, t]`. The condition holds at some points in time and not at others; each maximal
//! stretch on which it holds is one [`Episode`]. A window without an event passes no test.
//!
//! Episodes are a function of the *set* of events: not of the order in which they came, nor of how they were handed
//! over, as long as none comes later than the allowed lateness. An event that comes twice (the same time, id, rule and
//! value) counts once.
//!
//! # Architecture
//!
//! ```text
//! signal ──▶ group (keys, slab) ──▶ log, in order of time ──▶ window (measure) ──▶ test (plan)
//!               ▲                                                                     │
//!               └── steps of time: which groups are due (state) ◀── watermark (time)  ▼
//!                                                                    episodes, and signals for correlations
//!                                                                    that read this one
//! ```
//!
//! An event is put behind the others of its group. As the watermark passes, the groups that are due are put in order
//! and worked off: [`group`]. Where more events can only make the test true, a group is not looked at before it has
//! enough of them together.
//!
//! # Cost
//!
//! Per event one look-up and, amortised, a constant number of steps, or `log n` where events come out of order; never in
//! proportion to what lies in the window. A group with one event takes less than 200 bytes with a short key.
//!
//! # Limits
//!
//! [`Settings::budget`] bounds the bytes of all groups together. Where it is reached, first time is moved on: what no
//! lateness was left for is worked off early (later events below that time are [too late](Counters::too_late)). If that
//! frees too little, groups are given up, those with the fewest events first, and [counted](Counters::evicted_groups). Both
//! happen each time where most is held, so that one rule or tenant does not starve another.
//!
//! No clock is read here and nothing is written: the caller says what time it is.

mod advance;
mod aged;
mod episode;
mod fetch;
mod first_seen;
mod group;
mod heard;
mod hours;
mod intervals;
pub mod keys;
mod log;
mod measure;
mod newest;
mod numbers;
pub mod plan;
mod quiet;
mod rank;
mod relief;
mod remembered;
mod route;
mod series;
mod shard;
pub(crate) mod slab;
mod snapshot;
mod state;
mod states;
mod sums;
mod table;
mod taking;
pub(crate) mod telling;
mod threads;
pub(crate) mod time;
mod watch;

use std::sync::Arc;

pub use episode::{
    Episode, Figure, Figures, MOST_SAMPLES, SAMPLES_OF_SLOT, Sample, Watched, episode_id, samples_from,
};
use plan::{Plan, Taken};
use route::{Route, Way};
use shard::{SHARDS, Shard};
pub use snapshot::Loaded;
use states::{GivenUp, State};
pub use sums::LARGEST;
use threads::Threads;
use time::{Clock, Hold};

/// How windows work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far below the highest time of its source an event may lie, in microseconds. `None`: as far as it likes, and
    /// nothing is final before the end.
    pub lateness: Option<i64>,
    /// Whether a rule that says how long it waits ([`Plan::lateness`](plan::Plan::lateness)) waits for so long instead; where
    /// there is no `lateness`, it waits for the end like all others.
    pub own_lateness: bool,
    /// Most bytes of all groups together.
    pub budget: usize,
    /// Whether what more events can only confirm is announced as soon as it is seen ([`Windows::take_begun`]).
    pub eager: bool,
    /// How far an event may lie ahead of [`Windows::set_now`], in microseconds, and still move time on as far as itself
    /// and be looked at early.
    pub ahead: i64,
    /// Whether the numbers of all intervals are kept ([`Windows::take_watched`]), which takes memory without bound.
    pub watch: bool,
    /// On how many threads groups are looked at. What is found and said is the same for any number.
    pub threads: usize,
    /// Fewer signals at once than this are not worth a second thread, nor is a sixteenth of them in groups to work off.
    pub few: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lateness: None,
            own_lateness: true,
            budget: 512 << 20,
            eager: false,
            ahead: 60_000_000,
            watch: false,
            threads: 1,
            few: 512,
        }
    }
}

/// One event of one rule of one correlation.
#[derive(Debug, Clone, Copy)]
pub struct Signal<'s> {
    /// The number of the correlation.
    pub plan: u32,
    /// The position of the rule among those of the correlation.
    pub slot: u16,
    /// Whose it is, as [`Windows::tenant`] numbered it.
    pub tenant: u32,
    /// The dataset, by any number of the caller's.
    pub source: u32,
    /// Event time in microseconds.
    pub time: i64,
    /// The event's id.
    pub id: u128,
    /// The group's values ([`keys::push_value`]).
    pub key: &'s [u8],
    /// [`keys::value_hash`] of the values to count, or the bits of the number to measure; otherwise 0. Where values are
    /// counted beside events: [`plan::EVENT`] for the event, and a signal more for each of its values.
    pub value: u64,
    /// The values of the correlation's [`Plan::handed`], as a key; empty if there are none, or the event lacks one.
    pub handed: &'s [u8],
}

/// What a rule has learned of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The number of the correlation.
    pub plan: u32,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// How many groups there are; of `first_seen` those of which values are remembered.
    pub groups: usize,
    /// Event time of the first event that is known of, in microseconds.
    pub since: i64,
    /// Event time of the last one.
    pub until: i64,
    /// Bytes in memory, about.
    pub bytes: usize,
}

/// What windows counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Signals, those of correlations included.
    pub signals: u64,
    /// Of them, those that were older than one of the same source before them.
    pub late: u64,
    /// Of them, those that were too late for their windows and changed nothing.
    pub too_late: u64,
    /// Of them, those dated so far ahead that they moved time on to now only.
    pub future: u64,
    /// Of them, those that were there already.
    pub twice: u64,
    /// Episodes.
    pub episodes: u64,
    /// Groups given up because the budget was reached.
    pub evicted_groups: u64,
    /// Events in them.
    pub evicted_events: u64,
    /// Values of which it is remembered less exactly when they were seen, or no more, because the budget was reached.
    pub condensed: u64,
    /// Times that the budget was reached.
    pub over_budget: u64,
}

impl Counters {
    fn gave_up(&mut self, given_up: &GivenUp) {
        self.evicted_groups += given_up.groups;
        self.evicted_events += given_up.events;
        self.condensed += given_up.condensed;
    }
}

/// Runs correlations over signals. See the [module](self).
#[derive(Debug)]
pub struct Windows {
    plans: Vec<Arc<Plan>>,
    /// In step with them.
    ways: Vec<Way>,
    /// Numbers of the plans by stage: those of one read nothing but findings of those before.
    stages: Vec<Vec<usize>>,
    settings: Settings,
    tenants: Vec<Tenant>,
    /// By tenant and plan: everything below is worked off. `None`: nothing yet.
    limits: Vec<Vec<Option<i64>>>,
    /// Their names.
    names: Vec<Arc<str>>,
    now: Option<i64>,
    hold: Hold,
    counters: Counters,
    shards: Vec<Shard>,
    /// Signals since it was looked what memory they take.
    unlooked: u32,
    ended: Vec<Episode>,
    begun: Vec<Episode>,
    watched: Vec<Watched>,
    /// Room for where signals go.
    routes: Vec<Route>,
    threads: Threads,
}

#[derive(Debug)]
struct Tenant {
    clock: Clock,
    /// No plan can be worked off further before all sources have come to the first, or everything below the second counts as
    /// known: the second less what the plans wait.
    next: (i64, i64),
}

impl Windows {
    /// Windows without any event. Plans must not read their own findings, not even in a circle; those that do get none.
    pub fn new(plans: Vec<Arc<Plan>>, settings: Settings) -> Windows {
        Windows {
            ways: plans.iter().map(|plan| Way::of(plan)).collect(),
            stages: advance::in_stages(&plans),
            plans,
            settings,
            tenants: Vec::new(),
            limits: Vec::new(),
            names: Vec::new(),
            now: None,
            hold: Hold::default(),
            counters: Counters::default(),
            shards: (0..SHARDS).map(|_| Shard::new(settings.watch)).collect(),
            unlooked: 0,
            ended: Vec::new(),
            begun: Vec::new(),
            watched: Vec::new(),
            routes: Vec::new(),
            threads: Threads::default(),
        }
    }

    /// The number of a tenant, if there is one of this name.
    pub fn known_tenant(&self, name: &str) -> Option<u32> {
        let known = self.names.iter().position(|known| **known == *name);
        known.map(|known| known as u32)
    }

    /// The number of a tenant.
    pub fn tenant(&mut self, name: &str) -> u32 {
        if let Some(known) = self.known_tenant(name) {
            return known;
        }
        self.names.push(name.into());
        self.tenants.push(Tenant {
            clock: Clock::held(self.hold),
            next: (i64::MIN, i64::MIN),
        });
        self.limits.push(vec![None; self.plans.len()]);
        for shard in &mut self.shards {
            shard.add_tenant(self.plans.len());
        }
        (self.tenants.len() - 1) as u32
    }

    /// What time it is, in microseconds: events far ahead of it move time on to it only.
    pub fn set_now(&mut self, now: i64) {
        self.now = Some(now);
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes of all groups, about.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.bytes).sum()
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        let states = self.shards.iter().flat_map(|shard| shard.states.iter().flatten());
        states.map(State::groups).sum()
    }

    /// What rules that learn know, by tenant and rule.
    pub fn baselines(&self) -> Vec<Baseline> {
        let mut known = Vec::new();
        for (tenant, name) in self.names.iter().enumerate() {
            for plan in 0..self.plans.len() {
                let place = tenant * self.plans.len() + plan;
                let states = self
                    .shards
                    .iter()
                    .filter_map(|shard| shard.states[place].as_ref());
                let learned = states.filter_map(|state| {
                    let (since, until) = state.learned()?;
                    Some(Baseline {
                        plan: plan as u32,
                        tenant: name.clone(),
                        groups: state.groups(),
                        since,
                        until,
                        bytes: state.bytes(),
                    })
                });
                known.extend(learned.reduce(|one, other| Baseline {
                    groups: one.groups + other.groups,
                    since: one.since.min(other.since),
                    until: one.until.max(other.until),
                    bytes: one.bytes + other.bytes,
                    ..one
                }));
            }
        }
        known
    }

    /// The episodes that have become final since the last call: nothing that may still come changes them.
    pub fn take_final(&mut self) -> Vec<Episode> {
        std::mem::take(&mut self.ended)
    }

    /// With [`Settings::eager`]: the stretches that were seen to begin since the last call, once for each start. Each is
    /// part of an episode that is final later and names the start in [`Episode::announced`]; conditions that a later event
    /// could undo are never announced.
    pub fn take_begun(&mut self) -> Vec<Episode> {
        std::mem::take(&mut self.begun)
    }

    /// With [`Settings::watch`]: the numbers of all intervals that statistics have closed since the last call.
    pub fn take_watched(&mut self) -> Vec<Watched> {
        std::mem::take(&mut self.watched)
    }

    /// Takes a signal. Signals of unknown tenants, plans or rules are left out.
    pub fn push(&mut self, signal: &Signal<'_>) {
        self.push_all(std::slice::from_ref(signal));
    }

    /// Takes signals, as [`push`](Windows::push) would one after another; with many groups in less time, because what they
    /// need from memory is asked for together, and on [several threads](Settings::threads).
    pub fn push_all(&mut self, signals: &[Signal<'_>]) {
        let mut rest = signals;
        while !rest.is_empty() {
            rest = self.push_some(rest);
        }
    }

    /// What was announced and counted in all shards, in the order of the signals.
    fn gather_begun(&mut self) {
        let mut begun = Vec::new();
        for shard in &mut self.shards {
            self.counters.twice += std::mem::take(&mut shard.twice);
            begun.extend(shard.take_begun());
        }
        // Of one signal there is one at most.
        begun.sort_by_key(|(number, _)| *number);
        self.begun.extend(begun.into_iter().map(|(_, begun)| begun));
    }

    /// The time that may have come.
    fn reached(&self) -> i64 {
        heard::reached(self.now, &self.settings)
    }

    /// A source has come to `time`, whether or not a rule matched there; to now at most, if its clock is far ahead.
    pub fn observe(&mut self, tenant: u32, source: u32, time: i64) {
        if self.hearing().observed(tenant, source, time) {
            self.advance(tenant as usize);
            self.look_at_memory();
        }
    }

    /// Nothing came for so many microseconds, which is longer than is waited for: all sources are taken to have gone on
    /// for as long, and what they say next may be as late as ever. Without a lateness nothing happens: then only the end
    /// makes anything final.
    pub fn quiet(&mut self, for_micros: i64) {
        let Some(lateness) = self.settings.lateness else {
            return;
        };
        for number in 0..self.tenants.len() {
            let clock = &mut self.tenants[number].clock;
            if let Some(highest) = clock.highest_of_all()
                && clock.go_on(highest.saturating_add(for_micros), lateness)
            {
                self.advance(number);
            }
        }
    }

    /// What files hold time back from now on.
    pub(crate) fn hold(&mut self, hold: Hold) {
        self.hold = hold;
        for number in 0..self.tenants.len() {
            if self.tenants[number].clock.hold(hold, self.settings.lateness) {
                self.advance(number);
                self.look_at_memory();
            }
        }
    }

    /// A source has been quiet for longer than is waited for.
    pub fn idle(&mut self, tenant: u32, source: u32) {
        if let Some(known) = self.tenants.get_mut(tenant as usize)
            && known.clock.idle(source, self.settings.lateness)
        {
            self.advance(tenant as usize);
        }
    }

    /// Nothing more comes: everything is final. Times go on as if there were more, so that every window ends.
    pub fn finish(&mut self) {
        for number in 0..self.tenants.len() {
            self.tenants[number].clock.force(i64::MAX);
            self.advance(number);
        }
    }
}

impl Tenant {
    /// Whether something can be worked off that is not.
    fn can_go_on(&self) -> bool {
        let (come, forced) = self.clock.come();
        come >= Some(self.next.0) || forced >= Some(self.next.1)
    }
}

/// How many of the first events of each rule an episode names, for a correlation over so many rules: one alone may fill
/// all places.
pub fn samples_of_rule(slots: u16) -> usize {
    match slots {
        1 => MOST_SAMPLES,
        _ => SAMPLES_OF_SLOT,
    }
}

/// What a statistic takes of the first values of its fields.
pub(crate) fn taken_of(taken: Taken, texts: &[&str]) -> Option<u64> {
    let first = *texts.first()?;
    match taken {
        Taken::Event => Some(0),
        Taken::Number => Some(number(first)?.to_bits()),
        Taken::Value => None,
        Taken::Entropy => (!first.is_empty()).then(|| watch::entropy(first).to_bits()),
        Taken::Place => watch::place_of(texts),
        Taken::Name => Some(watch::name_value(first)),
    }
}

/// A text as a number that can be measured.
pub fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.abs() <= LARGEST).then_some(number)
}
