//! What signals say of the time: the part of taking them that several threads cannot do, so it has to be short.

use super::{Signal, Windows};

impl Windows {
    /// Counts signals and moves clocks on by them, until something of a tenant can be worked off: how many, and which tenant.
    pub(super) fn heard(&mut self, signals: &[Signal<'_>]) -> (usize, Option<usize>) {
        let mut count = 0;
        while count < signals.len() {
            count += self.heard_run(&signals[count..]);
            let Some(signal) = signals.get(count) else {
                break;
            };
            count += 1;
            let Some(tenant) = self.tenants.get(signal.tenant as usize) else {
                continue;
            };
            let way = self.ways.get(signal.plan as usize);
            if way.is_none_or(|way| signal.slot >= way.slots) {
                continue;
            }
            self.counters.signals += 1;
            let highest = tenant.clock.highest(signal.source);
            self.counters.late += u64::from(highest.is_some_and(|highest| signal.time < highest));
            if self.observed(signal.tenant, signal.source, signal.time) {
                return (count, Some(signal.tenant as usize));
            }
        }
        (signals.len(), None)
    }

    /// The same for as many of the first signals as are of one source and cannot make anything due: how many that are. Of
    /// their times the highest is enough, because the watermark is not above that of any source less the lateness.
    fn heard_run(&mut self, signals: &[Signal<'_>]) -> usize {
        let reached = self.reached();
        let Some(&Signal { tenant, source, .. }) = signals.first() else {
            return 0;
        };
        let Some(known) = self.tenants.get_mut(tenant as usize) else {
            return 0;
        };
        let Some(mut highest) = known.clock.highest(source) else {
            return 0;
        };
        let mut waited_for = known.clock.waited_for();
        if known.can_go_on() || !waited_for.any(|number| number == source) {
            return 0;
        }
        drop(waited_for);
        let lateness = self.settings.lateness;
        let below = lateness.map_or(i64::MAX, |lateness| known.next.saturating_add(lateness));
        let (mut count, mut late) = (0, 0);
        for signal in signals {
            let is_of_it = (signal.tenant, signal.source) == (tenant, source);
            let way = self.ways.get(signal.plan as usize);
            if !is_of_it
                || signal.time >= below
                || signal.time > reached
                || way.is_none_or(|way| signal.slot >= way.slots)
            {
                break;
            }
            count += 1;
            late += u64::from(signal.time < highest);
            highest = highest.max(signal.time);
        }
        known.clock.observe(source, highest, lateness);
        self.counters.signals += count as u64;
        self.counters.late += late;
        count
    }
}
