//! What happens when memory is full.
//!
//! Threads that have different shards do not know what the others take. So it is looked at where they wait for each other
//! anyway: each time that time goes on, and after so many signals; which is the same for any number of threads.

use super::Windows;
use super::shard;
use super::states::State;

/// It is looked how much memory is in use after a signal for so many bytes of the budget, …
const BYTES_OF_SIGNAL: usize = 1 << 16;
/// … and after so many at most.
const MOST_SIGNALS: usize = 8192;
/// Room that is left for what comes before the next look, as a part of the budget.
const ROOM: usize = 64;

impl Windows {
    /// After how many signals it is looked how much memory is in use.
    pub(super) fn looked_at_every(&self) -> u32 {
        (self.settings.budget / BYTES_OF_SIGNAL).clamp(1, MOST_SIGNALS) as u32
    }

    /// Makes room if there is none.
    pub(super) fn look_at_memory(&mut self) {
        self.unlooked = 0;
        let budget = self.settings.budget;
        let room = (budget / ROOM).min(MOST_SIGNALS * BYTES_OF_SIGNAL / ROOM);
        if self.bytes() > budget - room {
            self.relieve();
        }
    }

    /// Makes room: first by working off what can be, then by giving groups up; each time where most is held, so that no
    /// rule and no tenant pays for another.
    fn relieve(&mut self) {
        self.counters.over_budget += 1;
        let target = self.settings.budget / 8 * 7;
        while self.bytes() > target && self.work_early() {}
        while self.bytes() > target && self.give_up(target) {}
        shard::bring_together(&mut self.shards);
        self.keep();
    }

    /// Works off the next step of the tenant that holds most of those that can go on. `false` if none can.
    fn work_early(&mut self) -> bool {
        let tenants = self.tenants.iter().enumerate();
        let can = tenants.filter_map(|(number, tenant)| {
            let reached = tenant.clock.highest_of_all().unwrap_or(i64::MIN);
            let next = self.states_of(number).filter_map(State::next_step_end).min();
            let next = next.filter(|next| *next <= reached)?;
            // A rule that waits longer than the others may be behind their watermark.
            let (_, forced) = tenant.clock.come();
            let rises = forced < Some(next);
            let bytes: usize = self.states_of(number).map(State::bytes).sum();
            rises.then_some((bytes, number, next))
        });
        let Some((_, number, next)) = can.max_by_key(|(bytes, ..)| *bytes) else {
            return false;
        };
        self.tenants[number].clock.force(next);
        self.advance(number);
        true
    }

    fn states_of(&self, tenant: usize) -> impl Iterator<Item = &State> {
        let plans = self.plans.len();
        let shards = self.shards.iter();
        shards.flat_map(move |shard| shard.of_tenant(tenant, plans).iter().flatten())
    }

    /// Gives up groups of the correlation that holds most: an eighth of it, or down to what the next one holds; of each
    /// shard the same part. `false` if nothing was given up.
    fn give_up(&mut self, target: usize) -> bool {
        let places = self.tenants.len() * self.plans.len();
        let (mut largest, mut second): (Option<(usize, usize)>, usize) = (None, 0);
        for place in 0..places {
            let states = self
                .shards
                .iter()
                .filter_map(|shard| shard.states[place].as_ref());
            let (groups, shared, bytes) = states.fold((0, 0, 0), |(groups, shared, bytes), state| {
                (
                    groups + state.groups(),
                    shared + state.shared_bytes(),
                    bytes + state.bytes(),
                )
            });
            match largest {
                _ if groups == 0 && shared == 0 => {}
                Some((known, _)) if known >= bytes => second = second.max(bytes),
                known => {
                    second = known.map_or(0, |(known, _)| known);
                    largest = Some((bytes, place));
                }
            }
        }
        let Some((before, place)) = largest else {
            return false;
        };
        let all = self.bytes();
        let others = all - before;
        let mut given = 0;
        let down_to = second.min(before - before / 8).max(target.saturating_sub(others));
        for shard in &mut self.shards {
            let Some(state) = &mut shard.states[place] else {
                continue;
            };
            let held = state.bytes();
            // Rounded down, so that some of each goes.
            let part = held as u128 * down_to as u128 / before.max(1) as u128;
            let given_up = state.give_up(part as usize, &mut shard.worked);
            shard.bytes = shard.bytes + state.bytes() - held;
            self.counters.gave_up(&given_up);
            given += given_up.groups + given_up.condensed;
        }
        given > 0 || self.bytes() < all
    }
}
