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

mod aged;
mod episode;
mod fetch;
mod first_seen;
mod group;
pub mod keys;
mod log;
mod measure;
mod newest;
pub mod plan;
mod rank;
mod relief;
mod series;
pub(crate) mod slab;
mod snapshot;
mod state;
mod states;
mod sums;
mod table;
pub(crate) mod time;
mod watch;

use std::sync::Arc;

pub use episode::{
    Episode, Figure, Figures, MOST_SAMPLES, SAMPLES_OF_SLOT, Sample, Watched, episode_id, samples_from,
};
use keys::Key;
use log::Entry;
use plan::{Measured, Plan, Taken};
pub use snapshot::Loaded;
use state::{Began, Early, PlanState, Worked};
use states::State;
pub use sums::LARGEST;
use time::Clock;

/// So many signals are looked up together: what they need fits the first cache.
const TOGETHER: usize = 32;

/// How windows work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far below the highest time of its source an event may lie, in microseconds. `None`: as far as it likes, and
    /// nothing is final before the end.
    pub lateness: Option<i64>,
    /// Most bytes of all groups together.
    pub budget: usize,
    /// Whether what more events can only confirm is announced as soon as it is seen ([`Windows::take_begun`]).
    pub eager: bool,
    /// How far an event may lie ahead of [`Windows::set_now`], in microseconds, and still move time on as far as itself
    /// and be looked at early.
    pub ahead: i64,
    /// Whether the numbers of all intervals are kept ([`Windows::take_watched`]), which takes memory without bound.
    pub watch: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lateness: None,
            budget: 512 << 20,
            eager: false,
            ahead: 60_000_000,
            watch: false,
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
    /// [`keys::value_hash`] of the values to count, or the bits of the number to measure; otherwise 0.
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
    /// Values of which it is remembered less exactly when they were seen, because the budget was reached.
    pub condensed: u64,
    /// Times that the budget was reached.
    pub over_budget: u64,
}

/// Runs correlations over signals. See the [module](self).
#[derive(Debug)]
pub struct Windows {
    plans: Vec<Arc<Plan>>,
    /// Numbers of the plans, those first whose findings others read.
    order: Vec<usize>,
    settings: Settings,
    tenants: Vec<Tenant>,
    now: Option<i64>,
    counters: Counters,
    ended: Vec<Episode>,
    begun: Vec<Episode>,
    watched: Vec<Watched>,
    bytes: usize,
}

#[derive(Debug)]
struct Tenant {
    name: Arc<str>,
    clock: Clock,
    states: Vec<State>,
    /// No plan can be worked off further before the watermark reaches this.
    next: i64,
}

impl Windows {
    /// Windows without any event. Plans must not read their own findings, not even in a circle; those that do get none.
    pub fn new(plans: Vec<Arc<Plan>>, settings: Settings) -> Windows {
        Windows {
            order: in_order(&plans),
            plans,
            settings,
            tenants: Vec::new(),
            now: None,
            counters: Counters::default(),
            ended: Vec::new(),
            begun: Vec::new(),
            watched: Vec::new(),
            bytes: 0,
        }
    }

    /// The number of a tenant, if there is one of this name.
    pub fn known_tenant(&self, name: &str) -> Option<u32> {
        let known = self.tenants.iter().position(|tenant| *tenant.name == *name);
        known.map(|known| known as u32)
    }

    /// The number of a tenant.
    pub fn tenant(&mut self, name: &str) -> u32 {
        if let Some(known) = self.known_tenant(name) {
            return known;
        }
        let name: Arc<str> = name.into();
        let states = self.plans.iter().enumerate();
        let states = states.map(|(number, plan)| State::new(plan.clone(), number as u32, name.clone()));
        self.tenants.push(Tenant {
            states: states.collect(),
            name,
            clock: Clock::default(),
            next: i64::MIN,
        });
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
        self.bytes
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        let states = self.tenants.iter().flat_map(|tenant| &tenant.states);
        states.map(State::groups).sum()
    }

    /// What rules that learn know, by tenant and rule.
    pub fn baselines(&self) -> Vec<Baseline> {
        let tenants = self.tenants.iter();
        let known = tenants.flat_map(|tenant| {
            let states = tenant.states.iter().zip(0..);
            states.filter_map(|(state, plan)| {
                let (since, until) = state.learned()?;
                Some(Baseline {
                    plan,
                    tenant: tenant.name.clone(),
                    groups: state.groups(),
                    since,
                    until,
                    bytes: state.bytes(),
                })
            })
        });
        known.collect()
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

    /// Takes signals, as [`push`](Windows::push) would one after another; with many groups in less time, because what they
    /// need from memory is asked for together.
    pub fn push_all(&mut self, signals: &[Signal<'_>]) {
        let mut found = [(0, None); TOGETHER];
        for signals in signals.chunks(TOGETHER) {
            for (found, signal) in found.iter_mut().zip(signals) {
                *found = (keys::hash(signal.key), None);
                if let Some(state) = self.groups_for(signal) {
                    state.fetch_place(found.0);
                }
            }
            for ((hash, likely), signal) in found.iter_mut().zip(signals) {
                *likely = self
                    .groups_for(signal)
                    .and_then(|state| state.fetch_likely(*hash));
            }
            for ((_, likely), signal) in found.iter().zip(signals) {
                if let (Some(likely), Some(state)) = (likely, self.groups_for(signal)) {
                    state.fetch_log(*likely);
                }
            }
            for ((hash, _), signal) in found.iter().zip(signals) {
                self.take(signal, *hash);
            }
        }
    }

    fn groups_for(&self, signal: &Signal<'_>) -> Option<&PlanState> {
        let states = &self.tenants.get(signal.tenant as usize)?.states;
        states.get(signal.plan as usize)?.as_groups()
    }

    /// Takes a signal. Signals of unknown tenants, plans or rules are left out.
    pub fn push(&mut self, signal: &Signal<'_>) {
        self.take(signal, keys::hash(signal.key));
    }

    fn take(&mut self, signal: &Signal<'_>, hash: u64) {
        let reached = self.reached();
        let Some(tenant) = self.tenants.get_mut(signal.tenant as usize) else {
            return;
        };
        let Some(state) = tenant.states.get_mut(signal.plan as usize) else {
            return;
        };
        if signal.slot >= state.plan().slots {
            return;
        }
        self.counters.signals += 1;
        if tenant
            .clock
            .highest(signal.source)
            .is_some_and(|highest| signal.time < highest)
        {
            self.counters.late += 1;
        }
        if state.limit().is_some_and(|limit| signal.time < limit) {
            self.counters.too_late += 1;
        } else if state.is_series() && signal.time > reached {
            // One clock far ahead would show everybody else as silent, and have what they do forgotten. Observed below, it
            // is counted.
        } else {
            let before = state.bytes();
            let entry = Entry::new(signal.time, signal.id, signal.slot, signal.value);
            let early = self.settings.eager.then_some(Early {
                begun: &mut self.begun,
                reached,
            });
            if !state.push(signal.key, hash, entry, signal.handed, early) {
                self.counters.twice += 1;
            }
            self.bytes = self.bytes + state.bytes() - before;
        }
        self.observe(signal.tenant, signal.source, signal.time);
        if self.bytes > self.settings.budget {
            self.relieve();
        }
    }

    /// The time that may have come.
    fn reached(&self) -> i64 {
        let reached = self.now.map(|now| now.saturating_add(self.settings.ahead));
        reached.unwrap_or(i64::MAX)
    }

    /// A source has come to `time`, whether or not a rule matched there; to now at most, if its clock is far ahead.
    pub fn observe(&mut self, tenant: u32, source: u32, time: i64) {
        let mut time = time;
        if let Some(now) = self.now.filter(|_| time > self.reached()) {
            self.counters.future += 1;
            time = now;
        }
        if let Some(known) = self.tenants.get_mut(tenant as usize)
            && known.clock.observe(source, time, self.settings.lateness)
        {
            self.advance(tenant as usize);
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
                && clock.force(highest.saturating_add(for_micros).saturating_sub(lateness))
            {
                self.advance(number);
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

    /// Works a tenant off as far as its watermark allows.
    fn advance(&mut self, number: usize) {
        let reached = self.reached();
        let Some(tenant) = self.tenants.get_mut(number) else {
            return;
        };
        let Some(watermark) = tenant
            .clock
            .watermark()
            .filter(|watermark| *watermark >= tenant.next)
        else {
            return;
        };
        let highest = tenant.clock.highest_of_all().unwrap_or(watermark);
        let mut worked = Worked {
            watched: self.settings.watch.then(Vec::new),
            ..Worked::default()
        };
        for &plan in &self.order {
            let children = &self.plans[plan].children;
            let children = children
                .iter()
                .filter_map(|&child| tenant.states[child as usize].limit());
            let known = children.fold(watermark, i64::min);
            let state = &mut tenant.states[plan];
            let limit = state.limit_for(known);
            let before = state.bytes();
            state.advance(limit, highest, &mut worked);
            self.bytes = self.bytes + state.bytes() - before;
            for began in std::mem::take(&mut worked.began) {
                for parent in &self.plans[plan].parents {
                    let above = &mut tenant.states[parent.plan as usize];
                    // Where it is counted, a stretch is one event; where it is asked whether it was there, it is there
                    // with each of its events.
                    if began.goes_on && !above.plan().by_rule() {
                        continue;
                    }
                    let signals = signals_of(&began, parent, above.plan());
                    for (key, entry, handed) in signals {
                        if above.limit().is_some_and(|limit| entry.time < limit) {
                            self.counters.too_late += 1;
                            continue;
                        }
                        let before = above.bytes();
                        self.counters.signals += 1;
                        let early = self.settings.eager.then_some(Early {
                            begun: &mut self.begun,
                            reached,
                        });
                        let hash = keys::hash(key.bytes());
                        let new = above.push(key.bytes(), hash, entry, handed.bytes(), early);
                        self.counters.twice += u64::from(!new);
                        self.bytes = self.bytes + above.bytes() - before;
                    }
                }
            }
        }
        let ends = tenant.states.iter().map(|state| state.limit_after());
        tenant.next = ends.min().unwrap_or(i64::MAX);
        self.keep(worked);
    }

    fn keep(&mut self, mut worked: Worked) {
        self.counters.twice += worked.twice;
        self.counters.episodes += worked.ended.len() as u64;
        worked.ended.sort_by(|one, other| {
            (one.start, one.plan, &one.key).cmp(&(other.start, other.plan, &other.key))
        });
        self.ended.append(&mut worked.ended);
        self.watched.extend(worked.watched.into_iter().flatten());
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

/// What a stretch says to a correlation that reads it: group, entry, and what that one hands up, for each different group.
fn signals_of(began: &Began, parent: &plan::Parent, above: &Plan) -> Vec<(Key, Entry, Key)> {
    // Without values handed up there are those of the group alone.
    let none = [Box::default()];
    let handed: &[state::Handed] = match &began.handed[..] {
        [] => &none,
        handed => handed,
    };
    let mut found: Vec<(Key, Entry, Key)> = Vec::new();
    for more in handed {
        let more = Key::from_bytes(more);
        let mut values = began.key.values();
        values.extend(more.values());
        found.extend(signal_of(began, &values, parent, above));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The same for these values.
fn signal_of(
    began: &Began,
    values: &[&str],
    parent: &plan::Parent,
    above: &Plan,
) -> Option<(Key, Entry, Key)> {
    let at = |places: &Option<Vec<usize>>| -> Option<Vec<String>> {
        let places = places.as_ref()?.iter();
        places
            .map(|place| values.get(*place).map(|value| (*value).to_owned()))
            .collect()
    };
    let key = |values: &[String]| Key::of(values.iter().map(String::as_str));
    let mut group = at(&parent.group)?;
    // What may be new is part of the key.
    if above.tells_values_apart() {
        group.extend(at(&parent.fields)?);
    }
    let value = match above.measured {
        Measured::Events | Measured::Rules | Measured::Order | Measured::Risk | Measured::New => 0,
        Measured::Unusual(Taken::Event) => 0,
        Measured::Distinct | Measured::Unusual(Taken::Value) => {
            keys::value_hash(key(&at(&parent.fields)?).bytes())
        }
        Measured::Unusual(taken @ (Taken::Entropy | Taken::Place | Taken::Name)) => {
            let found = at(&parent.fields)?;
            let texts: Vec<&str> = found.iter().map(String::as_str).collect();
            taken_of(taken, &texts)?
        }
        Measured::Sum | Measured::Mean | Measured::Percentile(_) | Measured::Unusual(Taken::Number) => {
            let place = *parent.fields.as_ref()?.first()?;
            number(values.get(place)?)?.to_bits()
        }
    };
    let handed = at(&parent.handed).map(|values| key(&values)).unwrap_or_default();
    let entry = Entry::new(began.time, began.id, parent.slot, value);
    Some((key(&group), entry, handed))
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

/// Numbers of the plans, children before those that read them.
fn in_order(plans: &[Arc<Plan>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(plans.len());
    let mut waits: Vec<usize> = plans.iter().map(|plan| plan.children.len()).collect();
    let mut ready: Vec<usize> = (0..plans.len()).rev().filter(|&plan| waits[plan] == 0).collect();
    while let Some(plan) = ready.pop() {
        order.push(plan);
        for (above, _) in plans.iter().enumerate() {
            let times = plans[above]
                .children
                .iter()
                .filter(|&&child| child as usize == plan)
                .count();
            if times > 0 && waits[above] > 0 {
                waits[above] -= times.min(waits[above]);
                if waits[above] == 0 {
                    ready.push(above);
                }
            }
        }
    }
    order
}
