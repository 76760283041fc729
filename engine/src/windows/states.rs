//! What is kept of one correlation and one tenant: groups with windows, or values that were seen.

use std::sync::Arc;

use super::first_seen::FirstSeen;
use super::log::Entry;
use super::plan::{Measured, Plan};
use super::series::Series;
use super::state::{Early, PlanState, Worked};

/// See the [module](self).
#[derive(Debug)]
pub(super) enum State {
    Groups(Box<PlanState>),
    New(Box<FirstSeen>),
    Series(Box<Series>),
}

/// What was given up for memory.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    pub(super) groups: u64,
    pub(super) events: u64,
    /// Values that are remembered less exactly, or no more.
    pub(super) condensed: u64,
}

impl GivenUp {
    pub(super) fn add(&mut self, other: &GivenUp) {
        self.groups += other.groups;
        self.events += other.events;
        self.condensed += other.condensed;
    }
}

impl State {
    pub(super) fn new(plan: Arc<Plan>, number: u32, tenant: Arc<str>) -> State {
        match plan.measured {
            Measured::New => State::New(Box::new(FirstSeen::new(plan, number, tenant))),
            Measured::Unusual(_) => State::Series(Box::new(Series::new(plan, number, tenant))),
            _ => State::Groups(Box::new(PlanState::new(plan, number, tenant))),
        }
    }

    pub(super) fn as_groups(&self) -> Option<&PlanState> {
        match self {
            State::Groups(state) => Some(state),
            _ => None,
        }
    }

    /// Nothing is to be done before everything below this is known.
    pub(super) fn due(&self) -> i64 {
        match self {
            State::Groups(state) => state.due(),
            State::New(state) => state.due(),
            State::Series(state) => state.due(),
        }
    }

    /// How much there is to do below `limit`, as far as `enough`.
    pub(super) fn work_below(&self, limit: i64, enough: usize) -> usize {
        match self {
            State::Groups(state) => state.work_below(limit, enough),
            State::New(state) => state.work_below(limit, enough),
            State::Series(state) => state.work_below(limit, enough),
        }
    }

    /// The end of the first step in which something is due.
    pub(super) fn next_step_end(&self) -> Option<i64> {
        match self {
            State::Groups(state) => state.next_step_end(),
            State::New(state) => state.next_step_end(),
            State::Series(state) => state.next_step_end(),
        }
    }

    pub(super) fn groups(&self) -> usize {
        match self {
            State::Groups(state) => state.groups(),
            State::New(state) => state.groups(),
            State::Series(state) => state.groups(),
        }
    }

    /// Bytes that belong to no group.
    pub(super) fn shared_bytes(&self) -> usize {
        match self {
            State::Groups(_) | State::New(_) => 0,
            State::Series(state) => state.shared.bytes(),
        }
    }

    /// The times of the first and the last event that it knows of, if it is one that learns and there are any.
    pub(super) fn learned(&self) -> Option<(i64, i64)> {
        match self {
            State::Groups(_) => None,
            State::New(state) => state.learned(),
            State::Series(state) => state.learned(),
        }
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            State::Groups(state) => state.bytes(),
            State::New(state) => state.bytes(),
            State::Series(state) => state.bytes(),
        }
    }

    /// Takes an event at or above the limit. `false` if it is there already. With `early`, what begins with it is
    /// announced, where no later event could undo it.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        hash: u64,
        entry: Entry,
        handed: &[u8],
        early: Option<Early<'_>>,
    ) -> bool {
        match self {
            State::Groups(state) => state.push(key, hash, entry, handed, early),
            State::New(state) => state.push(key, hash, entry),
            State::Series(state) => {
                state.push(key, hash, entry);
                true
            }
        }
    }

    /// Works everything off up to `limit`, a result of [`Plan::limit_for`]; `reached` is the highest time that is known
    /// of.
    pub(super) fn advance(&mut self, limit: i64, reached: i64, worked: &mut Worked) {
        match self {
            State::Groups(state) => state.advance(limit, worked),
            State::New(state) => state.advance(limit, worked),
            State::Series(state) => state.advance(limit, reached, worked),
        }
    }

    /// Forgets until its bytes are no more than `down_to`, as far as it can: groups of the fewest events first.
    pub(super) fn give_up(&mut self, down_to: usize, worked: &mut Worked) -> GivenUp {
        let mut given_up = GivenUp::default();
        match self {
            State::Groups(state) => {
                // What is no longer due goes before any group does, and with those that go.
                state.clear_steps();
                let mut most = 1;
                while state.bytes() > down_to {
                    let last_resort = most > 1 << 40;
                    let (groups, events) = state.evict(most, last_resort, |bytes| bytes <= down_to, worked);
                    given_up.groups += groups;
                    given_up.events += events;
                    if groups > 0 {
                        state.clear_steps();
                    }
                    if last_resort || state.groups() == 0 {
                        break;
                    }
                    most *= 4;
                }
                given_up
            }
            State::New(state) => {
                // Each time half of what there is.
                while state.bytes() > down_to {
                    let (condensed, gone) = state.relieve(down_to);
                    given_up.condensed += condensed;
                    given_up.groups += gone;
                    if condensed + gone == 0 {
                        break;
                    }
                }
                given_up
            }
            State::Series(state) => state.give_up(down_to),
        }
    }
}
