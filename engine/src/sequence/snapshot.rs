//! The state of sequences, to be taken up by another process; as [that of windows](crate::windows::Windows::restore).

use serde::{Deserialize, Serialize};

use super::Sequences;
use super::machine::{self, Machine};
use crate::windows::time::Clock;

#[derive(Serialize, Deserialize)]
struct Tenant<M> {
    name: String,
    clock: Clock,
    worked: Option<i64>,
    /// By number of the plan.
    machines: Vec<M>,
}

/// What was saved of sequences, to be taken up.
#[derive(Deserialize)]
pub struct Loaded<P>(Vec<Tenant<machine::Loaded<P>>>);

impl<P: Clone + Serialize> Serialize for Sequences<P> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let tenants = self.tenants.iter().map(|tenant| Tenant {
            name: tenant.name.to_string(),
            clock: tenant.clock.clone(),
            worked: tenant.worked,
            machines: tenant.machines.iter().map(Machine::parts).collect(),
        });
        tenants.collect::<Vec<_>>().serialize(to)
    }
}

impl<P: Clone> Sequences<P> {
    /// Takes up what was saved; `places` gives, for the number that a plan had, the one that it has now, if it is the same
    /// plan. To be called before the first hit.
    pub fn restore(&mut self, Loaded(tenants): Loaded<P>, places: &[Option<usize>]) {
        for tenant in tenants {
            let number = self.tenant(&tenant.name) as usize;
            let known = &mut self.tenants[number];
            (known.clock, known.worked) = (tenant.clock, tenant.worked);
            for (place, machine) in places.iter().zip(tenant.machines) {
                if let Some(known) = place.and_then(|place| known.machines.get_mut(place)) {
                    known.restore(machine);
                }
            }
        }
        let machines = self.tenants.iter().flat_map(|tenant| &tenant.machines);
        self.bytes = machines.map(Machine::bytes).sum();
    }

    /// The sources that are waited for, by tenant.
    pub(crate) fn waited_for(&self) -> impl Iterator<Item = (u32, u32)> {
        let tenants = self.tenants.iter().zip(0..);
        tenants.flat_map(|(tenant, number)| tenant.clock.waited_for().map(move |source| (number, source)))
    }
}
