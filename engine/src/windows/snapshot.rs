//! The state of windows, to be taken up by another process.
//!
//! Everything that decides what is found later is saved: the events that windows still need, what was announced, how far
//! time has come. What follows from that (tables, what lies in each window) is made anew. So windows that were taken up
//! find what they would have found; `tests/it/windows/snapshot.rs` asks for it at any event.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::plan::Plan;
use super::shard::Common;
use super::states::State;
use super::time::Clock;
use super::{Windows, first_seen, series, state};

/// Which plan something belongs to: the rule, and a hash of what it asks. With another meaning a rule begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlanName {
    rule: String,
    meaning: u64,
}

impl PlanName {
    fn of(plan: &Plan) -> PlanName {
        PlanName {
            rule: plan.rule_id.to_string(),
            meaning: plan.meaning ^ xxh3_64(plan.handed.join("\0").as_bytes()),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Parts<G, N, S> {
    Groups(G),
    New(N),
    Series(S),
}

/// What is saved, `S` of each plan.
#[derive(Serialize, Deserialize)]
struct Tenant<S> {
    name: String,
    clock: Clock,
    /// In step with the names of the plans: everything below is worked off.
    limits: Vec<Option<i64>>,
    /// By shard: the states of plans by number.
    shards: Vec<Vec<(u32, S)>>,
}

/// Windows as they are saved.
#[derive(Serialize, Deserialize)]
struct All<S> {
    plans: Vec<PlanName>,
    tenants: Vec<Tenant<S>>,
    /// Signals since it was looked what memory they take.
    unlooked: u32,
}

type LoadedState = Parts<state::Loaded, first_seen::Loaded, series::Loaded>;

/// What was saved of windows, to be taken up.
#[derive(Deserialize)]
pub struct Loaded(All<LoadedState>);

fn parts_of(state: &State) -> Parts<state::Saved<'_>, first_seen::Saved<'_>, series::Saved<'_>> {
    match state {
        State::Groups(state) => Parts::Groups(state.parts()),
        State::New(state) => Parts::New(state.parts()),
        State::Series(state) => Parts::Series(state.parts()),
    }
}

impl Serialize for Windows {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let count = self.plans.len();
        // Only clocks and limits are copied: they are a few numbers.
        let tenants = self.tenants.iter().zip(&self.names).enumerate();
        let tenants = tenants.map(|(number, (tenant, name))| Tenant {
            name: name.to_string(),
            clock: tenant.clock.clone(),
            limits: self.limits[number].clone(),
            shards: self
                .shards
                .iter()
                .map(|shard| {
                    let states = shard.of_tenant(number, count).iter().zip(0..);
                    states
                        .filter_map(|(state, plan)| Some((plan, parts_of(state.as_ref()?))))
                        .collect()
                })
                .collect(),
        });
        let all = All {
            plans: self.plans.iter().map(|plan| PlanName::of(plan)).collect(),
            tenants: tenants.collect(),
            unlooked: self.unlooked,
        };
        all.serialize(to)
    }
}

impl Windows {
    /// Takes up what was saved of windows over other, or the same, plans; gives for each plan of then its number now, or
    /// the id of its rule, if that is not there any more or asks something else: what was known of it is lost. To be called
    /// before the first signal.
    pub fn restore(&mut self, Loaded(all): Loaded) -> Vec<Result<usize, String>> {
        let places: Vec<Option<usize>> = all
            .plans
            .iter()
            .map(|name| self.plans.iter().position(|plan| PlanName::of(plan) == *name))
            .collect();
        self.unlooked = all.unlooked;
        for tenant in all.tenants {
            let number = self.tenant(&tenant.name) as usize;
            self.tenants[number].clock = tenant.clock;
            let known = &mut self.limits[number];
            for (place, limit) in places.iter().zip(tenant.limits) {
                if let Some(known) = place.and_then(|place| known.get_mut(place)) {
                    *known = limit;
                }
            }
            for (shard, states) in self.shards.iter_mut().zip(tenant.shards) {
                for (plan, parts) in states {
                    let Some(plan) = places.get(plan as usize).copied().flatten() else {
                        continue;
                    };
                    let common = Common {
                        plans: &self.plans,
                        tenants: &self.names,
                        eager: self.settings.eager,
                        reached: i64::MAX,
                    };
                    let place = number * self.plans.len() + plan;
                    let mut state = common.state(place);
                    match (&mut state, parts) {
                        (State::Groups(state), Parts::Groups(parts)) => state.restore(parts),
                        (State::New(state), Parts::New(parts)) => state.restore(parts),
                        (State::Series(state), Parts::Series(parts)) => state.restore(parts),
                        // The same plan has the same kind of state.
                        _ => {}
                    }
                    shard.states[place] = Some(state);
                }
            }
        }
        for shard in &mut self.shards {
            shard.restored(self.plans.len());
        }
        let plans = all.plans.into_iter().zip(places);
        plans.map(|(name, place)| place.ok_or(name.rule)).collect()
    }

    /// The sources that are waited for, by tenant.
    pub(crate) fn waited_for(&self) -> impl Iterator<Item = (u32, u32)> {
        let tenants = self.tenants.iter().zip(0..);
        tenants.flat_map(|(tenant, number)| tenant.clock.waited_for().map(move |source| (number, source)))
    }
}
