//! The state of windows, to be taken up by another process.
//!
//! Everything that decides what is found later is saved: the events that windows still need, what was announced, how far
//! time has come. What follows from that (tables, what lies in each window) is made anew. So windows that were taken up
//! find what they would have found; `tests/it/windows/snapshot.rs` asks for it at any event.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::plan::Plan;
use super::states::State;
use super::time::Clock;
use super::{Windows, first_seen, state};

/// Which plan something belongs to: the rule, and a hash of what it asks. With another meaning a rule begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlanName {
    rule: String,
    meaning: u64,
}

impl PlanName {
    fn of(plan: &Plan) -> PlanName {
        let asks = (
            plan.slots,
            plan.group_values,
            plan.span,
            plan.measured,
            &plan.test,
            (&plan.handed, plan.window),
        );
        PlanName {
            rule: plan.rule_id.to_string(),
            meaning: xxh3_64(format!("{asks:?}").as_bytes()),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Parts<G, N> {
    Groups(G),
    New(N),
}

/// What is saved, `S` of each plan.
#[derive(Serialize, Deserialize)]
struct Tenant<S> {
    name: String,
    clock: Clock,
    /// In step with the names of the plans.
    states: Vec<S>,
}

/// Windows as they are saved.
#[derive(Serialize, Deserialize)]
struct All<S> {
    plans: Vec<PlanName>,
    tenants: Vec<Tenant<S>>,
}

type LoadedState = Parts<state::Loaded, first_seen::Loaded>;

/// What was saved of windows, to be taken up.
#[derive(Deserialize)]
pub struct Loaded(All<LoadedState>);

fn parts_of(state: &State) -> Parts<state::Saved<'_>, first_seen::Saved<'_>> {
    match state {
        State::Groups(state) => Parts::Groups(state.parts()),
        State::New(state) => Parts::New(state.parts()),
    }
}

impl Serialize for Windows {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Only clocks are copied: they are a few numbers.
        let tenants = self.tenants.iter().map(|tenant| Tenant {
            name: tenant.name.to_string(),
            clock: tenant.clock.clone(),
            states: tenant.states.iter().map(parts_of).collect(),
        });
        let all = All {
            plans: self.plans.iter().map(|plan| PlanName::of(plan)).collect(),
            tenants: tenants.collect(),
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
        for tenant in all.tenants {
            let number = self.tenant(&tenant.name) as usize;
            let known = &mut self.tenants[number];
            known.clock = tenant.clock;
            for (place, parts) in places.iter().zip(tenant.states) {
                let Some(state) = place.and_then(|place| known.states.get_mut(place)) else {
                    continue;
                };
                match (state, parts) {
                    (State::Groups(state), Parts::Groups(parts)) => state.restore(parts),
                    (State::New(state), Parts::New(parts)) => state.restore(parts),
                    // The same plan has the same kind of state.
                    _ => {}
                }
            }
        }
        let states = self.tenants.iter().flat_map(|tenant| &tenant.states);
        self.bytes = states.map(State::bytes).sum();
        let plans = all.plans.into_iter().zip(places);
        plans.map(|(name, place)| place.ok_or(name.rule)).collect()
    }

    /// The sources that are waited for, by tenant.
    pub(crate) fn waited_for(&self) -> impl Iterator<Item = (u32, u32)> {
        let tenants = self.tenants.iter().zip(0..);
        tenants.flat_map(|(tenant, number)| tenant.clock.waited_for().map(move |source| (number, source)))
    }
}
