//! All groups of one correlation and one tenant, and when each is to be looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::episode::{Episode, Figure, Figures, Watched, episode_id};
use super::fetch::fetch;
use super::group::{Change, Group, NEVER_DUE, Open};
use super::keys::{self, Key};
use super::log::Entry;
use super::measure::Window;
use super::plan::{Measured, Plan};
use super::slab::Slab;
use super::states::GivenUp;
use super::table::Table;

/// Bytes of a group in the slab and the table.
const GROUP_BYTES: usize = size_of::<Option<Group>>() + Table::BYTES_EACH;

/// Bytes of a step beside the numbers in it.
const STEP_BYTES: usize = 48;

/// So many groups ahead the memory of the one to be worked off is asked for: first its own, then that of its events.
const AHEAD: usize = 8;

/// So many numbers more than groups may stand in steps before those that are no longer due are taken out.
const STALE: usize = 1024;

/// A stretch began, or an event came while it lasted: what a correlation that reads this one is told.
#[derive(Debug)]
pub(super) struct Began {
    /// The number of the correlation.
    pub(super) plan: u32,
    pub(super) key: Key,
    pub(super) time: i64,
    pub(super) id: u128,
    /// Whether it began before.
    pub(super) goes_on: bool,
    /// What the events of this time hand up: the values of the plan's [`Plan::handed`], of each event that has them.
    pub(super) handed: Vec<Handed>,
}

/// The values that an event hands up, as a key.
pub(super) type Handed = Box<[u8]>;

/// Bytes of a handed key beside its own.
const HANDED_BYTES: usize = 64;

/// Where what begins is announced before it is final.
pub(super) struct Early<'w> {
    pub(super) begun: &'w mut Vec<Episode>,
    /// Events after this are dated ahead and not looked at early: their windows would hide those of now.
    pub(super) reached: i64,
}

/// What working off gave.
#[derive(Debug, Default)]
pub(super) struct Worked {
    pub(super) ended: Vec<Episode>,
    /// Only where somebody reads it.
    pub(super) began: Vec<Began>,
    /// Events that were there twice.
    pub(super) twice: u64,
    /// Bytes that the shard, or one state of it, may have in use afterwards; who learns as it works off looks at them.
    pub(super) room: usize,
    /// How often they were not enough, and what was given up.
    pub(super) over_budget: u64,
    pub(super) evicted: GivenUp,
    /// The numbers of intervals, if somebody wants them.
    pub(super) watched: Option<Vec<Watched>>,
}

/// Puts episodes in the order in which they are told: by time, rule and group.
pub(super) fn sort(ended: &mut Vec<Episode>) {
    // They are large: each is moved once, to its place.
    let mut order: Vec<(i64, usize)> = ended.iter().map(|ended| ended.start).zip(0..).collect();
    order.sort_unstable_by(|one, other| {
        let in_order = || in_order(&ended[one.1], &ended[other.1]).then(one.1.cmp(&other.1));
        one.0.cmp(&other.0).then_with(in_order)
    });
    let mut all: Vec<Option<Episode>> = std::mem::take(ended).into_iter().map(Some).collect();
    ended.extend(order.iter().filter_map(|(_, place)| all[*place].take()));
}

/// The order in which they are told.
fn in_order(one: &Episode, other: &Episode) -> std::cmp::Ordering {
    (one.start, one.plan, &one.key).cmp(&(other.start, other.plan, &other.key))
}

/// Puts lists of episodes, each in order, behind those that are there, in order.
pub(super) fn merge(mut lists: Vec<Vec<Episode>>, all: &mut Vec<Episode>) {
    if let [list] = &mut lists[..] {
        all.append(list);
        return;
    }
    all.reserve(lists.iter().map(Vec::len).sum());
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    loop {
        let mut least: Option<(usize, &Episode)> = None;
        for (number, list) in lists.iter().enumerate() {
            if let Some(first) = list.as_slice().first()
                && least.is_none_or(|(_, least)| in_order(first, least).is_lt())
            {
                least = Some((number, first));
            }
        }
        let Some((number, _)) = least else {
            return;
        };
        if let Some(next) = lists[number].next() {
            all.push(next);
        }
    }
}

/// What is saved of it: groups, steps, what is handed up.
pub(super) type Saved<'s> = (
    &'s Slab<Group>,
    &'s BTreeMap<i64, Vec<u32>>,
    Vec<((u32, Entry), &'s Handed)>,
);

/// The same, to be taken up.
pub(super) type Loaded = (Slab<Group>, BTreeMap<i64, Vec<u32>>, Vec<((u32, Entry), Handed)>);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct PlanState {
    pub(super) plan: Arc<Plan>,
    number: u32,
    tenant: Arc<str>,
    table: Table,
    groups: Slab<Group>,
    /// Numbers of the groups to look at, by step of time. A group may stand in steps at which it is no longer due.
    steps: BTreeMap<i64, Vec<u32>>,
    /// Numbers in all steps.
    scheduled: usize,
    /// No group is due below this.
    due: i64,
    spare: Window,
    /// Room for what becomes of a group.
    changes: Vec<Change>,
    /// What events hand up that are not worked off, by group and event.
    handed: HashMap<(u32, Entry), Handed>,
    heap: usize,
    /// Where the search for groups to evict goes on.
    hand: usize,
}

impl PlanState {
    pub(super) fn new(plan: Arc<Plan>, number: u32, tenant: Arc<str>) -> PlanState {
        PlanState {
            spare: Window::new(&plan),
            plan,
            number,
            tenant,
            table: Table::default(),
            groups: Slab::default(),
            steps: BTreeMap::new(),
            scheduled: 0,
            due: NEVER_DUE,
            changes: Vec::new(),
            handed: HashMap::new(),
            heap: 0,
            hand: 0,
        }
    }

    /// What is saved of it.
    pub(super) fn parts(&self) -> Saved<'_> {
        let handed = self.handed.iter().map(|(event, handed)| (*event, handed));
        (&self.groups, &self.steps, handed.collect())
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, (groups, steps, handed): Loaded) {
        self.groups = groups;
        let bytes = handed.iter().map(|(_, handed)| handed.len() + HANDED_BYTES);
        self.heap = bytes.sum();
        self.handed = handed.into_iter().collect();
        for (number, group) in self.groups.iter_mut() {
            group.restore(&self.plan);
            self.heap += group.heap_bytes();
            self.table.insert(keys::hash(group.key.bytes()), number);
        }
        self.scheduled = steps.values().map(Vec::len).sum();
        self.steps = steps;
        self.due = self.next_step_end().unwrap_or(NEVER_DUE);
    }

    /// Nothing is to be done before everything below this is known.
    pub(super) fn due(&self) -> i64 {
        self.due
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        let steps = self.steps.len() * STEP_BYTES + self.scheduled * size_of::<u32>();
        self.groups.len() * GROUP_BYTES + self.heap + steps
    }

    fn step_of(&self, time: i64) -> i64 {
        time.div_euclid(self.plan.step())
    }

    fn end_of(&self, step: i64) -> i64 {
        step.saturating_add(1).saturating_mul(self.plan.step())
    }

    /// The end of the first step in which something is due.
    pub(super) fn next_step_end(&self) -> Option<i64> {
        let (step, _) = self.steps.first_key_value()?;
        Some(self.end_of(*step))
    }

    /// How many groups are due below `limit`, as far as `enough`.
    pub(super) fn work_below(&self, limit: i64, enough: usize) -> usize {
        let mut found = 0;
        for (step, numbers) in &self.steps {
            if found >= enough || self.end_of(*step) > limit {
                break;
            }
            found += numbers.len();
        }
        found
    }

    /// Asks for the memory in which a group is looked up.
    pub(super) fn fetch_place(&self, hash: u64) {
        self.table.fetch(hash);
    }

    /// Asks for the memory of the group that probably has this hash; gives its number.
    pub(super) fn fetch_likely(&self, hash: u64) -> Option<u32> {
        let number = self.table.find(hash, |_| true)?;
        self.fetch_group(number);
        Some(number)
    }

    fn fetch_group(&self, number: u32) {
        if let Some(place) = self.groups.place(number) {
            fetch(place);
        }
    }

    /// Asks for the memory of the newest events of a group.
    pub(super) fn fetch_log(&self, number: u32) {
        if let Some(group) = self.groups.get(number) {
            group.log.fetch_end();
        }
    }

    /// Takes an event at or above the limit. `false` if it is there already. With `early`, what begins with it is
    /// announced.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        hash: u64,
        entry: Entry,
        handed: &[u8],
        early: Option<Early<'_>>,
    ) -> bool {
        let groups = &self.groups;
        let is_it = |number| groups.get(number).is_some_and(|group| group.key.bytes() == key);
        let number = match self.table.find(hash, is_it) {
            Some(number) => number,
            None => {
                let group = Group::new(key, entry);
                self.heap += group.heap_bytes();
                let due = self.step_of(group.due_for(&self.plan, entry.time));
                let number = self.groups.insert(group);
                self.table.insert(hash, number);
                self.schedule(number, due);
                self.keep_handed(number, entry, handed);
                self.peek(number, entry, early);
                return true;
            }
        };
        let Some(group) = self.groups.get_mut(number) else {
            return false;
        };
        // Nothing else of a group grows here.
        let before = group.log.capacity();
        let new = group.push(&self.plan, entry);
        self.heap += (group.log.capacity() - before) * size_of::<Entry>();
        let due = group.due_for(&self.plan, entry.time);
        if due < group.due.saturating_mul(self.plan.step()) {
            let step = self.step_of(due);
            self.schedule(number, step);
        }
        if new {
            self.keep_handed(number, entry, handed);
            self.peek(number, entry, early);
        }
        new
    }

    fn keep_handed(&mut self, number: u32, entry: Entry, handed: &[u8]) {
        if !handed.is_empty() && !self.plan.handed.is_empty() {
            let before = self.handed.insert((number, entry), handed.into());
            let before = before.map_or(0, |before| before.len() + HANDED_BYTES);
            self.heap = self.heap + handed.len() + HANDED_BYTES - before;
        }
    }

    fn peek(&mut self, number: u32, entry: Entry, early: Option<Early<'_>>) {
        let (Some(Early { begun, reached }), Some(group)) = (early, self.groups.get_mut(number)) else {
            return;
        };
        let before = group.heap_bytes();
        let found = group.peek(&self.plan, entry, reached);
        self.heap = self.heap + group.heap_bytes() - before;
        if let Some(open) = found {
            let (key, start) = (Key::from_bytes(group.key.bytes()), open.start);
            begun.push(Episode {
                is_final: false,
                announced: [start].into(),
                ..self.episode(&key, open, start.saturating_add(1))
            });
        }
    }

    fn schedule(&mut self, number: u32, step: i64) {
        if let Some(group) = self.groups.get_mut(number) {
            group.due = step;
            self.steps.entry(step).or_default().push(number);
            self.scheduled += 1;
            self.due = self.due.min(self.end_of(step));
        }
        if self.scheduled > 2 * self.groups.len() + STALE {
            self.clear_steps();
        }
    }

    /// Takes out of the steps what is no longer due there: groups that are gone, or due at another time. Without this a
    /// flood of groups that come and go would fill them.
    pub(super) fn clear_steps(&mut self) {
        let (groups, mut scheduled) = (&self.groups, 0);
        self.steps.retain(|step, numbers| {
            numbers.sort_unstable();
            numbers.dedup();
            numbers.retain(|number| groups.get(*number).is_some_and(|group| group.due == *step));
            numbers.shrink_to_fit();
            scheduled += numbers.len();
            !numbers.is_empty()
        });
        self.scheduled = scheduled;
    }

    /// Works everything off up to `limit`, a multiple of the plan's step.
    pub(super) fn advance(&mut self, limit: i64, worked: &mut Worked) {
        while let Some(first) = self.steps.first_entry() {
            let step = *first.key();
            if step.saturating_add(1).saturating_mul(self.plan.step()) > limit {
                break;
            }
            let numbers = first.remove();
            self.scheduled -= numbers.len();
            for (place, &number) in numbers.iter().enumerate() {
                if let Some(soon) = numbers.get(place + 2 * AHEAD) {
                    self.fetch_group(*soon);
                }
                if let Some(group) = numbers.get(place + AHEAD).and_then(|next| self.groups.get(*next)) {
                    group.fetch();
                    // It may be forgotten.
                    self.table.fetch(keys::hash(group.key.bytes()));
                }
                self.visit(number, step, limit, worked);
            }
        }
        self.due = self.next_step_end().unwrap_or(NEVER_DUE);
    }

    fn visit(&mut self, number: u32, step: i64, limit: i64, worked: &mut Worked) {
        let Some(group) = self.groups.get_mut(number).filter(|group| group.due == step) else {
            return;
        };
        group.due = NEVER_DUE;
        let before = group.heap_bytes();
        let mut changes = std::mem::take(&mut self.changes);
        let twice = group.work(&self.plan, limit, &mut self.spare, &mut |change| {
            changes.push(change)
        });
        worked.twice += twice as u64;
        group.settle(&mut changes);
        self.heap = self.heap + group.heap_bytes() - before;
        let next = group.next_due(&self.plan);
        if !changes.is_empty() {
            let key = Key::from_bytes(group.key.bytes());
            self.report_all(number, &key, changes.drain(..), worked);
        }
        self.changes = changes;
        match next {
            Some(time) => {
                let step = self.step_of(time);
                self.schedule(number, step);
            }
            None => {
                self.forget(number);
            }
        }
    }

    fn report_all(
        &mut self,
        number: u32,
        key: &Key,
        changes: impl Iterator<Item = Change>,
        worked: &mut Worked,
    ) {
        // What was handed up by events of the last time.
        let (mut time, mut handed) = (i64::MIN, Vec::new());
        for change in changes {
            match change {
                Change::Entered(entry) => {
                    if entry.time > time {
                        (time, handed) = (entry.time, Vec::new());
                    }
                    handed.extend(self.take_handed(number, entry));
                }
                Change::Began(now) | Change::GoesOn(_, now) => {
                    let handed = if now == time { handed.clone() } else { Vec::new() };
                    self.report(key, change, handed, worked);
                }
                Change::Ended(..) => self.report(key, change, Vec::new(), worked),
            }
        }
    }

    fn take_handed(&mut self, number: u32, entry: Entry) -> Option<Handed> {
        let handed = self.handed.remove(&(number, entry))?;
        self.heap -= handed.len() + HANDED_BYTES;
        Some(handed)
    }

    fn report(&self, key: &Key, change: Change, handed: Vec<Handed>, worked: &mut Worked) {
        match change {
            Change::Entered(..) => {}
            Change::Began(start) => self.tell(key, start, start, handed, worked),
            Change::GoesOn(start, now) => self.tell(key, start, now, handed, worked),
            Change::Ended(open, end, announced) => worked.ended.push(Episode {
                announced,
                ..self.episode(key, *open, end)
            }),
        }
    }

    /// Tells correlations that read this one of a stretch that began at `start`.
    fn tell(&self, key: &Key, start: i64, time: i64, mut handed: Vec<Handed>, worked: &mut Worked) {
        handed.sort_unstable();
        handed.dedup();
        worked.began.push(Began {
            plan: self.number,
            key: key.clone(),
            time,
            id: episode_id(&self.tenant, &self.plan.rule_id, key, start),
            goes_on: time > start,
            handed,
        });
    }

    fn episode(&self, key: &Key, open: Open, end: i64) -> Episode {
        let values = (self.plan.measured == Measured::EventsAndValues).then(|| Figures {
            figures: vec![(Figure::Distinct, open.values as f64)],
            series: Vec::new(),
        });
        Episode {
            plan: self.number,
            tenant: self.tenant.clone(),
            key: key.clone(),
            start: open.start,
            end,
            is_final: true,
            announced: Box::default(),
            first: open.first,
            last: open.last,
            count: open.count,
            of_slot: open.of_slot,
            value: open.value,
            peak: open.peak,
            samples: open.samples,
            figures: values.map(Box::new),
        }
    }

    /// Forgets a group; gives what it held.
    fn forget(&mut self, number: u32) -> Option<Group> {
        let group = self.groups.remove(number)?;
        self.heap -= group.heap_bytes();
        if !self.handed.is_empty() {
            for entry in group.log.pending() {
                self.take_handed(number, *entry);
            }
        }
        let hash = keys::hash(group.key.bytes());
        self.table.remove(hash, number);
        Some(group)
    }

    /// Forgets groups of at most `most` events until `enough`; gives how many groups and events that were. A group
    /// whose stretch has begun or was announced is left alone, unless `begun` is said: then the stretch ends.
    pub(super) fn evict(
        &mut self,
        most: usize,
        begun: bool,
        mut enough: impl FnMut(usize) -> bool,
        worked: &mut Worked,
    ) -> (u64, u64) {
        let (mut groups, mut events) = (0, 0);
        let end = self.groups.end();
        for _ in 0..end {
            if enough(self.bytes()) {
                break;
            }
            self.hand = if self.hand >= end { 0 } else { self.hand };
            let number = self.hand as u32;
            self.hand += 1;
            let fits = |group: &Group| group.log.len() <= most && (begun || !group.has_begun());
            if !self.groups.get(number).is_some_and(fits) {
                continue;
            }
            let Some(mut group) = self.forget(number) else {
                continue;
            };
            groups += 1;
            events += group.log.len() as u64;
            if group.has_begun() {
                // As if nothing more came: what was announced gets its final form.
                let mut changes = Vec::new();
                let twice = group.work(&self.plan, i64::MAX, &mut self.spare, &mut |change| {
                    changes.push(change)
                });
                worked.twice += twice as u64;
                group.settle(&mut changes);
                changes.retain(|change| matches!(change, Change::Ended(..)));
                let key = Key::from_bytes(group.key.bytes());
                for change in changes {
                    self.report(&key, change, Vec::new(), worked);
                }
            }
        }
        if self.scheduled > 2 * self.groups.len() + STALE {
            self.clear_steps();
        }
        (groups, events)
    }
}

#[cfg(test)]
mod tests {
    use borzoi_rules::correlation::{Bound, BoundOperator, WindowMode};
    use borzoi_rules::ir::Comparison;

    use super::super::plan::Test;
    use super::*;

    #[test]
    fn groups_that_come_and_go_leave_no_steps_behind() {
        let bound = Bound {
            operator: BoundOperator::Is(Comparison::GreaterOrEqual),
            value: 5.0,
        };
        let plan = Plan {
            rule_id: "rule".into(),
            meaning: 0,
            slots: 1,
            group_values: 1,
            window: WindowMode::Sliding,
            lateness: None,
            span: 1_000_000,
            measured: Measured::Events,
            test: Test::Bounds(vec![bound]),
            handed: Vec::new(),
            parents: Vec::new(),
            children: Vec::new(),
            monotone: true,
        };
        let mut state = PlanState::new(Arc::new(plan), 0, "default".into());
        let mut worked = Worked::default();
        for n in 0..100_000_u32 {
            let key = n.to_le_bytes();
            state.push(
                &key,
                keys::hash(&key),
                Entry::new(0, u128::from(n), 0, 0),
                &[],
                None,
            );
            if state.groups() == 100 {
                state.evict(1, false, |_| false, &mut worked);
                assert_eq!(state.groups(), 0);
            }
        }
        let scheduled: usize = state.steps.values().map(Vec::capacity).sum();
        assert!(scheduled < 4 * STALE, "{scheduled}");
        assert!(state.bytes() < 1 << 14, "{}", state.bytes());
    }
}
