//! One group of one correlation: its events, its window, the stretch that it is in.
//!
//! # Working off
//!
//! What a window `(t - span, t]` holds changes only where an event enters it (at its time) and where one leaves it
//! (its time plus the span). A group is worked off in order of time from one such change to the next, as far as all
//! events are known; so the order in which events came does not show.

use serde::{Deserialize, Serialize};

use super::episode::{LOOKED_AT, MOST_SAMPLES, Sample, samples_from};
use super::fetch::fetch;
use super::keys::Held;
use super::log::{Entry, Log};
use super::measure::Window;
use super::newest::Newest;
use super::plan::Plan;

/// Windows of up to so many events are counted anew each time instead of being kept.
const RECOUNTED: usize = 16;

/// No step is due.
pub(super) const NEVER_DUE: i64 = i64::MAX;

/// A stretch that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) start: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: u64,
    pub(super) of_slot: Box<[u64]>,
    pub(super) value: f64,
    pub(super) peak: f64,
    /// The most distinct values in a window, where they are asked for beside events.
    pub(super) values: u64,
    pub(super) samples: Box<[Sample]>,
}

/// What became of a stretch while a group was worked off.
#[derive(Debug)]
pub(super) enum Change {
    /// This event came, and hands up what it has.
    Entered(Entry),
    /// One began at this time. This and the next are said only where somebody reads it.
    Began(i64),
    /// One that began then goes on with an event of now.
    GoesOn(i64, i64),
    /// One ended at this time; the starts within it that were announced.
    Ended(Box<Open>, i64, Box<[i64]>),
}

/// See the [module](self).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) key: Held,
    pub(super) log: Log,
    /// The rules that it has met, as bits; those from the 33rd on are not noted.
    seen: u32,
    /// What its window holds, where that is kept.
    #[serde(skip)]
    window: Option<Box<Window>>,
    open: Option<Box<Open>>,
    /// The window of the newest event, where findings are announced early and there may be some.
    newest: Option<Box<Newest>>,
    /// The step at which it is to be looked at.
    pub(super) due: i64,
}

impl Group {
    pub(super) fn new(key: &[u8], first: Entry) -> Group {
        Group {
            key: Held::new(key),
            log: Log::new(first),
            seen: bit(first.slot),
            window: None,
            open: None,
            newest: None,
            due: NEVER_DUE,
        }
    }

    /// Makes what is not saved anew.
    pub(super) fn restore(&mut self, plan: &Plan) {
        if self.log.within().len() > RECOUNTED {
            let mut window = Window::new(plan);
            for entry in self.log.within() {
                window.add(plan, entry);
            }
            self.window = Some(Box::new(window));
        }
        if let Some(newest) = &mut self.newest {
            newest.restore(plan);
        }
    }

    /// Asks for the memory that working it off needs.
    pub(super) fn fetch(&self) {
        self.log.fetch_all();
        if let Some(open) = &self.open {
            fetch(&**open);
        }
    }

    /// Takes an event. `false` if it is there already.
    pub(super) fn push(&mut self, plan: &Plan, entry: Entry) -> bool {
        self.seen |= bit(entry.slot);
        self.log.push(entry, plan.by_rule())
    }

    /// Looks at the window of the newest event that is not after `reached`, where the group has just taken `entry`: what
    /// begins to hold with it.
    pub(super) fn peek(&mut self, plan: &Plan, entry: Entry, reached: i64) -> Option<Open> {
        if entry.time > reached {
            return None;
        }
        if let Some(newest) = &mut self.newest {
            newest.push(plan, entry);
        } else if plan.monotone && self.is_awake(plan) {
            let needed = self.log.needed().iter().copied();
            let come = needed.filter(|entry| entry.time <= reached).collect();
            self.newest = Some(Box::new(Newest::new(plan, come)));
        }
        let newest = self.newest.as_mut()?;
        let (start, number) = newest.begins(plan)?;
        let (of_slot, values) = (newest.window().of_slot(plan), newest.window().values_beside());
        let open = begun(plan, newest.within(), of_slot, start, number);
        Some(Open { values, ..open })
    }

    /// Puts the starts that were announced to the stretches that have ended.
    pub(super) fn settle(&mut self, changes: &mut [Change]) {
        let Some(newest) = &mut self.newest else {
            return;
        };
        for change in changes {
            if let Change::Ended(open, end, announced) = change {
                *announced = newest.settle(open.start, *end);
            }
        }
    }

    /// Bytes beside the group's own, about.
    pub(super) fn heap_bytes(&self) -> usize {
        let window = self.window.as_ref().map_or(0, |window| window.bytes());
        let open = self.open.as_ref().map_or(0, |open| {
            size_of::<Open>() + open.of_slot.len() * 8 + open.samples.len() * size_of::<Sample>()
        });
        let newest = self.newest.as_ref().map_or(0, |newest| newest.bytes());
        self.key.heap_bytes() + self.log.capacity() * size_of::<Entry>() + window + open + newest
    }

    /// Whether a stretch has begun, or was announced.
    pub(super) fn has_begun(&self) -> bool {
        let newest = self.newest.as_ref();
        self.open.is_some() || newest.is_some_and(|newest| !newest.announced.is_empty())
    }

    /// Whether a window of it might pass the test; if not, its events only wait for others.
    fn is_awake(&self, plan: &Plan) -> bool {
        !plan.monotone || self.open.is_some() || plan.might_hold(self.log.len(), self.seen)
    }

    /// When a new event of `time` asks for the group to be looked at, at the latest.
    pub(super) fn due_for(&self, plan: &Plan, time: i64) -> i64 {
        match self.is_awake(plan) {
            // It is looked at when the stretch may end.
            true if self.open.is_some() && plan.only_lasts() => i64::MAX,
            true => time,
            false => plan.leaves_alone(time),
        }
    }

    /// How long the stretch lasts even if no event comes any more, of a window of few events.
    fn lasts_until(&self, plan: &Plan) -> Option<i64> {
        let within = self.log.within();
        if self.open.is_none() || !plan.only_lasts() || within.len() > RECOUNTED {
            return None;
        }
        let newest = within.last()?.time;
        let mut seen = 0;
        // The newest events that are enough.
        let mut enough = within.iter().rev().zip(1..);
        let (oldest, _) = enough.find(|(entry, count)| {
            seen |= bit(entry.slot);
            plan.might_hold(*count, seen)
        })?;
        Some(plan.leaves(oldest.time, newest))
    }

    /// When it is to be looked at next, after it was worked off; `None`: it can be forgotten.
    pub(super) fn next_due(&self, plan: &Plan) -> Option<i64> {
        let newest = self.log.within().last().map_or(i64::MIN, |entry| entry.time);
        let expiry = |entry: &Entry| plan.leaves(entry.time, newest.max(entry.time));
        let next = self.log.pending().first();
        if !self.is_awake(plan) {
            let last = self.log.pending().last().or(self.log.within().last());
            return last.map(expiry);
        }
        if let Some(end) = self.lasts_until(plan) {
            return Some(end);
        }
        let first_to_leave = if plan.monotone && self.open.is_none() {
            self.log.within().last()
        } else {
            self.log.within().first()
        };
        let enters = next.map(|entry| entry.time);
        [enters, first_to_leave.map(expiry)].into_iter().flatten().min()
    }

    /// Works it off up to `limit`, which is not included. `spare` is a window to work with. Gives the number of events
    /// that were there twice.
    pub(super) fn work(
        &mut self,
        plan: &Plan,
        limit: i64,
        spare: &mut Window,
        changed: &mut dyn FnMut(Change),
    ) -> usize {
        let twice = self.log.sort(plan.by_rule());
        if self.window.is_some() || self.is_awake(plan) {
            let mut kept = self.window.take();
            let window = match &mut kept {
                Some(window) => window,
                None => {
                    spare.clear();
                    for entry in self.log.within() {
                        spare.add(plan, entry);
                    }
                    &mut *spare
                }
            };
            self.sweep(plan, limit, window, changed);
            if self.log.within().len() > RECOUNTED {
                let window = kept.unwrap_or_else(|| Box::new(std::mem::replace(spare, Window::new(plan))));
                self.window = Some(window);
            }
        } else {
            self.pass(plan, limit, changed);
        }
        self.log.trim();
        if !self.is_awake(plan)
            && self
                .newest
                .as_ref()
                .is_some_and(|newest| newest.announced.is_empty())
        {
            self.newest = None;
        }
        if self.log.len() <= RECOUNTED {
            let entries = self.log.within().iter().chain(self.log.pending());
            self.seen = entries.fold(0, |seen, entry| seen | bit(entry.slot));
        }
        twice
    }

    /// Moves on without looking at any window.
    fn pass(&mut self, plan: &Plan, limit: i64, changed: &mut dyn FnMut(Change)) {
        while self.log.pending().first().is_some_and(|entry| entry.time < limit) {
            if let Some(entry) = self.log.enter().filter(|_| !plan.handed.is_empty()) {
                changed(Change::Entered(entry));
            }
        }
        while self
            .log
            .within()
            .first()
            .is_some_and(|entry| plan.leaves_alone(entry.time) < limit)
        {
            self.log.leave();
        }
    }

    fn sweep(&mut self, plan: &Plan, limit: i64, window: &mut Window, changed: &mut dyn FnMut(Change)) {
        let is_told = !plan.parents.is_empty();
        loop {
            let enters = self.log.pending().first().map(|entry| entry.time);
            let within = self.log.within();
            let newest = within.last().map_or(i64::MIN, |entry| entry.time);
            let leaves = within.first().map(|entry| plan.leaves(entry.time, newest));
            let Some(now) = [enters, leaves]
                .into_iter()
                .flatten()
                .min()
                .filter(|now| *now < limit)
            else {
                return;
            };
            while self
                .log
                .within()
                .first()
                .is_some_and(|entry| plan.leaves(entry.time, newest) <= now)
            {
                if let Some(entry) = self.log.leave() {
                    window.remove(&entry);
                }
            }
            let before = self.log.within().len();
            while self.log.pending().first().is_some_and(|entry| entry.time == now) {
                if let Some(entry) = self.log.enter() {
                    window.add(plan, &entry);
                    if !plan.handed.is_empty() {
                        changed(Change::Entered(entry));
                    }
                }
            }
            let (holds, number) = window.ask(plan, now);
            match &mut self.open {
                Some(open) if holds => {
                    let entered = self.log.within()[before..].iter();
                    for entry in entered.filter(|entry| plan.is_event(entry)) {
                        open.count += 1;
                        open.of_slot[usize::from(entry.slot)] += 1;
                        open.last = now;
                    }
                    open.peak = open.peak.max(number);
                    open.values = open.values.max(window.values_beside());
                    if self.log.within().len() > before && is_told {
                        changed(Change::GoesOn(open.start, now));
                    }
                }
                Some(_) => {
                    if let Some(open) = self.open.take() {
                        changed(Change::Ended(open, now, Box::default()));
                    }
                }
                // Where only an event left, nothing happened that could be told of.
                None if holds && self.log.within().len() > before => {
                    let of_slot = window.of_slot(plan);
                    let open = begun(plan, self.log.within(), of_slot, now, number);
                    let values = window.values_beside();
                    self.open = Some(Box::new(Open { values, ..open }));
                    if is_told {
                        changed(Change::Began(now));
                    }
                }
                None => {}
            }
        }
    }
}

/// A stretch that begins at `now` with a window of these events.
fn begun(plan: &Plan, within: &[Entry], of_slot: Box<[u64]>, now: i64, number: f64) -> Open {
    Open {
        start: now,
        first: within.first().map_or(now, |entry| entry.time),
        last: within.last().map_or(now, |entry| entry.time),
        count: of_slot.iter().sum(),
        of_slot,
        value: number,
        peak: number,
        values: 0,
        samples: samples(plan, within, now),
    }
}

fn bit(slot: u16) -> u32 {
    1_u32.checked_shl(u32::from(slot)).unwrap_or(0)
}

/// The first few events of each rule since [`samples_from`], at most [`MOST_SAMPLES`], in order of time.
fn samples(plan: &Plan, within: &[Entry], start: i64) -> Box<[Sample]> {
    let from = samples_from(start, plan.sample_span());
    let begin = within.partition_point(|entry| entry.time < from);
    let mut found: Vec<Sample> = Vec::with_capacity((within.len() - begin).min(MOST_SAMPLES));
    let mut of_slot = vec![0_usize; usize::from(plan.slots)];
    let each = super::samples_of_rule(plan.slots);
    let mut last_id = None;
    for entry in within[begin..].iter().take(LOOKED_AT) {
        let taken = &mut of_slot[usize::from(entry.slot)];
        // An event with several values is several entries, and so is a stretch that goes on.
        let shown = (entry.id(), plan.by_rule().then_some(entry.slot));
        let goes_on = |sample: &Sample| sample.id == entry.id() && sample.slot == entry.slot;
        if *taken >= each || last_id == Some(shown) || found.iter().any(goes_on) {
            continue;
        }
        last_id = Some(shown);
        *taken += 1;
        found.push(Sample {
            time: entry.time,
            id: entry.id(),
            slot: entry.slot,
        });
    }
    while found.len() > MOST_SAMPLES {
        // The last one of the rule with most of them goes, so that the others stay in sight.
        let most = of_slot.iter().copied().max().unwrap_or(0);
        let position = found
            .iter()
            .rposition(|sample| of_slot[usize::from(sample.slot)] == most);
        let Some(position) = position.filter(|_| most > 1) else {
            found.truncate(MOST_SAMPLES);
            break;
        };
        of_slot[usize::from(found[position].slot)] -= 1;
        found.remove(position);
    }
    found.into()
}
