//! Where signals go.
//!
//! That of one does not depend on others, so threads find it out for parts of a block; then each takes the signals that go to
//! its shards.

use super::Signal;
use super::keys;
use super::plan::{EVENT, Measured, Plan, Together};
use super::shard::SHARDS;

/// The shard of a signal that takes no part.
const NONE: u32 = u32::MAX;

/// Where a signal goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// Of its key.
    pub(super) hash: u64,
    /// Of its tenant and plan, among those of a shard.
    pub(super) place: u32,
    pub(super) shard: u32,
}

impl Route {
    /// Of a signal that takes no part.
    pub(super) const NOWHERE: Route = Route {
        hash: 0,
        place: 0,
        shard: NONE,
    };
}

/// How a plan's signals find their shard.
#[derive(Debug)]
pub(super) struct Way {
    together: Together,
    /// How many rules the plan is about.
    pub(super) slots: u16,
    /// Moves groups with the same key of other rules elsewhere.
    salt: u64,
    is_series: bool,
    /// Whether signals of values stand beside those of events.
    has_values_beside: bool,
}

impl Way {
    pub(super) fn of(plan: &Plan) -> Way {
        Way {
            together: plan.kept_together(),
            slots: plan.slots,
            salt: keys::hash(plan.rule_id.as_bytes()),
            is_series: matches!(plan.measured, Measured::Unusual(_)),
            has_values_beside: plan.measured == Measured::EventsAndValues,
        }
    }

    /// How many events a signal is: one is counted once, however many values it has.
    pub(super) fn events(&self, signal: &Signal<'_>) -> u64 {
        u64::from(!self.has_values_beside || signal.value == EVENT)
    }

    /// The shard of a key, of which the hash is known.
    pub(super) fn shard(&self, key: &[u8], hash: u64) -> u32 {
        let hash = match self.together {
            Together::Key => hash,
            Together::First(values) => keys::hash(keys::first_values(key, values)),
            Together::All => 0,
        };
        // Tables take the high bits.
        ((hash ^ self.salt) as usize % SHARDS) as u32
    }
}

/// What the way of a signal depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Routes<'w> {
    /// By plan.
    pub(super) ways: &'w [Way],
    /// By tenant and plan: everything below is worked off.
    pub(super) limits: &'w [Vec<Option<i64>>],
    /// The time that may have come.
    pub(super) reached: i64,
}

impl Routes<'_> {
    /// Where these signals go. How many of them are too late.
    pub(super) fn find(&self, signals: &[Signal<'_>], found: &mut [Route]) -> u64 {
        let mut too_late = 0;
        for (signal, found) in signals.iter().zip(found) {
            *found = self.find_one(signal, &mut too_late).unwrap_or(Route::NOWHERE);
        }
        too_late
    }

    fn find_one(&self, signal: &Signal<'_>, too_late: &mut u64) -> Option<Route> {
        let plan = signal.plan as usize;
        let limits = self.limits.get(signal.tenant as usize)?;
        let way = self.ways.get(plan).filter(|way| signal.slot < way.slots)?;
        if limits[plan].is_some_and(|limit| signal.time < limit) {
            *too_late += way.events(signal);
            return None;
        }
        if way.is_series && signal.time > self.reached {
            // One clock far ahead would show everybody else as silent, and have what they do forgotten. Observed, it is
            // counted.
            return None;
        }
        let hash = keys::hash(signal.key);
        Some(Route {
            hash,
            place: (signal.tenant as usize * self.ways.len() + plan) as u32,
            shard: way.shard(signal.key, hash),
        })
    }
}
