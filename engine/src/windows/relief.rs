//! What happens when memory is full.

use super::Windows;
use super::state::Worked;
use super::states::State;

impl Windows {
    /// Makes room: first by working off what can be, then by giving groups up; each time where most is held, so that no
    /// rule and no tenant pays for another.
    pub(super) fn relieve(&mut self) {
        self.counters.over_budget += 1;
        let target = self.settings.budget / 8 * 7;
        while self.bytes > target && self.work_early() {}
        let mut worked = Worked::default();
        while self.bytes > target && self.give_up(target, &mut worked) {}
        self.keep(worked);
    }

    /// Works off the next step of the tenant that holds most of those that can go on. `false` if none can.
    fn work_early(&mut self) -> bool {
        let tenants = self.tenants.iter().enumerate();
        let can = tenants.filter_map(|(number, tenant)| {
            let reached = tenant.clock.highest_of_all().unwrap_or(i64::MIN);
            let steps = tenant.states.iter().filter_map(State::next_step_end);
            let next = steps.min().filter(|next| *next <= reached)?;
            let rises = tenant.clock.watermark().is_none_or(|watermark| watermark < next);
            let bytes: usize = tenant.states.iter().map(State::bytes).sum();
            rises.then_some((bytes, number, next))
        });
        let Some((_, number, next)) = can.max_by_key(|(bytes, ..)| *bytes) else {
            return false;
        };
        self.tenants[number].clock.force(next);
        self.advance(number);
        true
    }

    /// Gives up groups of the correlation that holds most: an eighth of it, or down to what the next one holds.
    /// `false` if there is nothing to give up.
    fn give_up(&mut self, target: usize, worked: &mut Worked) -> bool {
        let all = self.bytes;
        let states = self.tenants.iter_mut().flat_map(|tenant| &mut tenant.states);
        let states = states.filter(|state| state.groups() > 0);
        let (mut largest, mut second): (Option<&mut State>, usize) = (None, 0);
        for state in states {
            match &largest {
                Some(known) if known.bytes() >= state.bytes() => second = second.max(state.bytes()),
                known => {
                    second = known.as_ref().map_or(0, |known| known.bytes());
                    largest = Some(state);
                }
            }
        }
        let Some(state) = largest else {
            return false;
        };
        let before = state.bytes();
        let others = all - before;
        let down_to = second.min(before - before / 8).max(target.saturating_sub(others));
        let given_up = state.give_up(down_to, worked);
        self.counters.evicted_groups += given_up.groups;
        self.counters.evicted_events += given_up.events;
        self.counters.condensed += given_up.condensed;
        self.bytes = others + state.bytes();
        true
    }
}
