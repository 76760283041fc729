//! Working off what the watermark has passed, and giving what began to the correlations that read it.
//!
//! Plans are worked off in stages: those of one read nothing but findings of the stages before, so all shards can be worked
//! off at once within a stage. Between stages, what began in any shard goes to the shards of those that read it.

use std::sync::Arc;

use super::keys::{self, Key};
use super::log::Entry;
use super::plan::{self, EVENT, Measured, Plan, Taken};
use super::shard::{self, Common, Shard};
use super::state::{self, Began};
use super::{Windows, number, taken_of};

/// So many events to take are as much work as a group to work off, about.
const EVENTS_OF_GROUP: usize = 16;

impl Windows {
    /// Works a tenant off as far as its watermark allows.
    pub(super) fn advance(&mut self, number: usize) {
        let reached = self.reached();
        let plans = self.plans.len();
        let Some(tenant) = self.tenants.get_mut(number).filter(|tenant| tenant.can_go_on()) else {
            return;
        };
        let Some(watermark) = tenant.clock.watermark() else {
            return;
        };
        let highest = tenant.clock.highest_of_all().unwrap_or(watermark);
        for stage in 0..self.stages.len() {
            let (tenant, limits) = (&self.tenants[number], &mut self.limits[number]);
            // Where a rule waits for less than the others, it is ahead of them.
            let mut furthest = watermark;
            for &plan in &self.stages[stage] {
                let own = self.plans[plan].waits(&self.settings);
                let watermark = tenant.clock.watermark_for(own).unwrap_or(watermark);
                furthest = furthest.max(watermark);
                let children = self.plans[plan].children.iter();
                let children = children.filter_map(|&child| limits[child as usize]);
                let known = children.fold(watermark, i64::min);
                let limit = self.plans[plan].limit_for(known);
                let before = limits[plan];
                limits[plan] = before.max(Some(limit));
            }
            // A group to work off is many events.
            let few = self.settings.few.div_ceil(EVENTS_OF_GROUP);
            let due = |shard: &Shard| shard.work_below(number, plans, furthest, few);
            let threads = match self.settings.threads {
                threads if threads > 1 && self.shards.iter().map(due).sum::<usize>() >= few => threads,
                _ => 1,
            };
            let (limits, stage) = (&*limits, &self.stages[stage]);
            // The same for any number of threads: shards do not see what others take meanwhile.
            let taken: usize = self.shards.iter().map(|shard| shard.bytes).sum();
            let spare = self.settings.budget.saturating_sub(taken);
            self.threads.each(&mut self.shards, threads, |_, shards| {
                for shard in shards.iter_mut() {
                    shard.worked.room = spare.saturating_add(shard.bytes);
                    shard.advance(number, stage, limits, (furthest, highest), plans);
                }
                shard::bring_together(shards);
            });
            self.hand_on(number, reached);
        }
        let limits = &self.limits[number];
        let mut next = (i64::MAX, i64::MAX);
        for (limit, plan) in limits.iter().zip(&self.plans) {
            let end = limit.map_or(i64::MIN, |limit| limit.saturating_add(plan.step()));
            // It waits for what it reads, which is asked by itself.
            let is_behind = |child: &u32| limits[*child as usize] < Some(end);
            if plan.children.iter().any(is_behind) {
                continue;
            }
            let waits = plan.waits(&self.settings).or(self.settings.lateness);
            next.0 = end.saturating_add(waits.unwrap_or(0)).min(next.0);
            next.1 = end.min(next.1);
        }
        self.tenants[number].next = next;
        self.keep();
    }

    /// Gives what began in any shard to the plans that read it, which are worked off after those in which it began.
    fn hand_on(&mut self, number: usize, reached: i64) {
        for from in 0..self.shards.len() {
            for began in std::mem::take(&mut self.shards[from].worked.began) {
                for parent in &self.plans[began.plan as usize].parents {
                    let above = &self.plans[parent.plan as usize];
                    // Where it is counted, a stretch is one event; where it is asked whether it was there, it is there
                    // with each of its events.
                    if began.goes_on && !above.by_rule() {
                        continue;
                    }
                    let limit = self.limits[number][parent.plan as usize];
                    let common = Common {
                        plans: &self.plans,
                        tenants: &self.names,
                        eager: self.settings.eager,
                        reached,
                    };
                    for (key, entry, handed) in signals_of(&began, parent, above) {
                        if limit.is_some_and(|limit| entry.time < limit) {
                            self.counters.too_late += 1;
                            continue;
                        }
                        self.counters.signals += u64::from(above.is_event(&entry));
                        let hash = keys::hash(key.bytes());
                        let shard = self.ways[parent.plan as usize].shard(key.bytes(), hash);
                        let place = number * self.plans.len() + parent.plan as usize;
                        let to = (place, key.bytes(), hash);
                        self.shards[shard as usize].take(to, entry, handed.bytes(), 0, &common);
                    }
                }
            }
        }
        self.gather_begun();
    }

    /// Takes over what working off gave, [brought together](shard::bring_together).
    pub(super) fn keep(&mut self) {
        let mut lists = Vec::new();
        for shard in &mut self.shards {
            let worked = &mut shard.worked;
            self.counters.twice += std::mem::take(&mut worked.twice);
            self.counters.over_budget += std::mem::take(&mut worked.over_budget);
            self.counters.gave_up(&std::mem::take(&mut worked.evicted));
            if !worked.ended.is_empty() {
                let ended = std::mem::take(&mut worked.ended);
                self.counters.episodes += ended.len() as u64;
                lists.push(ended);
            }
            if let Some(watched) = &mut worked.watched {
                self.watched.append(watched);
            }
        }
        state::merge(lists, &mut self.ended);
    }
}

/// Numbers of the plans: those that read no other, those that read these, and so on.
pub(super) fn in_stages(plans: &[Arc<Plan>]) -> Vec<Vec<usize>> {
    let mut stages: Vec<Vec<usize>> = Vec::new();
    let mut is_placed = vec![false; plans.len()];
    loop {
        let is_ready = |plan: &usize| {
            let children = plans[*plan].children.iter();
            let mut children = children.map(|&child| is_placed.get(child as usize).copied().unwrap_or(true));
            !is_placed[*plan] && children.all(|placed| placed)
        };
        let stage: Vec<usize> = (0..plans.len()).filter(is_ready).collect();
        if stage.is_empty() {
            return stages;
        }
        for &plan in &stage {
            is_placed[plan] = true;
        }
        stages.push(stage);
    }
}

/// What a stretch says to a correlation that reads it: group, entry, and what that one hands up, for each different group.
fn signals_of(began: &Began, parent: &plan::Parent, above: &Plan) -> Vec<(Key, Entry, Key)> {
    // Without values handed up there are those of the group alone.
    let none = [Box::default()];
    let handed: &[state::Handed] = match &began.handed[..] {
        [] => &none,
        handed => handed,
    };
    let mut found: Vec<(Key, Entry, Key)> = Vec::new();
    for more in handed {
        let more = Key::from_bytes(more);
        let mut values = began.key.values();
        values.extend(more.values());
        let Some((key, entry, handed)) = signal_of(began, &values, parent, above) else {
            continue;
        };
        if !above.is_event(&entry) {
            let event = Entry {
                value: EVENT,
                ..entry
            };
            found.push((key.clone(), event, handed.clone()));
        }
        found.push((key, entry, handed));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The same for these values.
fn signal_of(
    began: &Began,
    values: &[&str],
    parent: &plan::Parent,
    above: &Plan,
) -> Option<(Key, Entry, Key)> {
    let at = |places: &Option<Vec<usize>>| -> Option<Vec<String>> {
        let places = places.as_ref()?.iter();
        places
            .map(|place| values.get(*place).map(|value| (*value).to_owned()))
            .collect()
    };
    let key = |values: &[String]| Key::of(values.iter().map(String::as_str));
    let mut group = at(&parent.group)?;
    // What may be new is part of the key.
    if above.tells_values_apart() {
        group.extend(at(&parent.fields)?);
    }
    let value = match above.measured {
        Measured::Events | Measured::Rules | Measured::Order | Measured::Risk | Measured::New => 0,
        Measured::Unusual(Taken::Event) => 0,
        Measured::EventsAndValues => match at(&parent.fields) {
            Some(values) => keys::value_hash(key(&values).bytes()),
            None => EVENT,
        },
        Measured::Distinct | Measured::Unusual(Taken::Value) => {
            keys::value_hash(key(&at(&parent.fields)?).bytes())
        }
        Measured::Unusual(taken @ (Taken::Entropy | Taken::Place | Taken::Name)) => {
            let found = at(&parent.fields)?;
            let texts: Vec<&str> = found.iter().map(String::as_str).collect();
            taken_of(taken, &texts)?
        }
        Measured::Sum | Measured::Mean | Measured::Percentile(_) | Measured::Unusual(Taken::Number) => {
            let place = *parent.fields.as_ref()?.first()?;
            number(values.get(place)?)?.to_bits()
        }
    };
    let handed = at(&parent.handed).map(|values| key(&values)).unwrap_or_default();
    let entry = Entry::new(began.time, began.id, parent.slot, value);
    Some((key(&group), entry, handed))
}
