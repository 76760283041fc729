//! What signals say of the time: the part of taking them that several threads cannot do. One does it while the others find out
//! where signals go.

use super::route::Way;
use super::{Counters, Settings, Signal, Tenant};

/// What changes as signals are heard.
#[derive(Debug)]
pub(super) struct Hearing<'w> {
    pub(super) ways: &'w [Way],
    pub(super) tenants: &'w mut [Tenant],
    pub(super) counters: &'w mut Counters,
    pub(super) settings: &'w Settings,
    pub(super) now: Option<i64>,
}

/// The time that may have come.
pub(super) fn reached(now: Option<i64>, settings: &Settings) -> i64 {
    now.map_or(i64::MAX, |now| now.saturating_add(settings.ahead))
}

impl Hearing<'_> {
    fn reached(&self) -> i64 {
        reached(self.now, self.settings)
    }

    /// A source has come to `time`, to now at most; whether something can be worked off by now.
    pub(super) fn observed(&mut self, tenant: u32, source: u32, time: i64) -> bool {
        let mut time = time;
        if let Some(now) = self.now.filter(|_| time > self.reached()) {
            self.counters.future += 1;
            time = now;
        }
        let Some(known) = self.tenants.get_mut(tenant as usize) else {
            return false;
        };
        let rises = known.clock.observe(source, time, self.settings.lateness);
        rises && known.can_go_on()
    }

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
            let Some(way) = way.filter(|way| signal.slot < way.slots) else {
                continue;
            };
            let events = way.events(signal);
            self.counters.signals += events;
            let highest = tenant.clock.highest(signal.source);
            if highest.is_some_and(|highest| signal.time < highest) {
                self.counters.late += events;
            }
            if self.observed(signal.tenant, signal.source, signal.time) {
                return (count, Some(signal.tenant as usize));
            }
        }
        (signals.len(), None)
    }

    /// The same for as many of the first signals as are of one source and cannot make anything due: how many that are. Of
    /// their times the highest is enough, because all sources have come no further than any that is waited for.
    fn heard_run(&mut self, signals: &[Signal<'_>]) -> usize {
        let reached = self.reached();
        let Some(&Signal { tenant, source, .. }) = signals.first() else {
            return 0;
        };
        let Some(known) = self.tenants.get_mut(tenant as usize) else {
            return 0;
        };
        let Some(before) = known.clock.highest(source) else {
            return 0;
        };
        let mut waited_for = known.clock.waited_for();
        if known.can_go_on() || !waited_for.any(|number| number == source) {
            return 0;
        }
        drop(waited_for);
        let lateness = self.settings.lateness;
        let below = if lateness.is_some() {
            known.next.0
        } else {
            i64::MAX
        };
        // What these say alone: a file may have come less far than its source.
        let (mut highest, mut heard) = (before, i64::MIN);
        let (mut count, mut events, mut late) = (0, 0, 0);
        for signal in signals {
            let is_of_it = (signal.tenant, signal.source) == (tenant, source);
            let way = self.ways.get(signal.plan as usize);
            let Some(way) = way.filter(|way| signal.slot < way.slots) else {
                break;
            };
            if !is_of_it || signal.time >= below || signal.time > reached {
                break;
            }
            count += 1;
            let counts = way.events(signal);
            events += counts;
            late += counts * u64::from(signal.time < highest);
            highest = highest.max(signal.time);
            heard = heard.max(signal.time);
        }
        known.clock.observe(source, heard, lateness);
        self.counters.signals += events;
        self.counters.late += late;
        count
    }
}
