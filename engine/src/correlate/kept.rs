//! Events that alerts may show, within a budget.
//!
//! An episode shows some of the first events since a multiple of its span ([`samples_from`]). So of each group and rule,
//! and of each such stretch of time, the few first events are kept, whatever order they come in; an alert then shows
//! the same events however the input was ordered and cut. Where there is no room for all, each stretch keeps fewer, so that alerts
//! show something as long as can be.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::signals::Matched;
use crate::alert::{Entities, EventJson};
use crate::event_json::as_text;
use crate::windows::{Episode, Sample, samples_from, samples_of_rule};

/// Bytes of kept events; past it, stretches keep fewer, and then those of the stretches met first go.
const BUDGET: usize = 256 << 20;
/// How many a stretch keeps where there is no room for more, and where there is none for those either.
const FEWER: [usize; 2] = [3, 1];

/// What an alert shows of an event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) event_id: String,
    pub(crate) time: String,
    pub(crate) dataset: Arc<str>,
    #[serde(with = "plain")]
    pub(crate) entities: Entities,
    #[serde(with = "as_text")]
    pub(crate) event: EventJson,
}

/// Entities with all their lists: in JSON empty ones are left out, which only JSON can read.
mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::alert::Entities;

    pub(super) fn serialize<S: Serializer>(entities: &Entities, to: S) -> Result<S::Ok, S::Error> {
        let Entities {
            hosts,
            users,
            addresses,
            processes,
        } = entities;
        (hosts, users, addresses, processes).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Entities, D::Error> {
        let (hosts, users, addresses, processes) = Deserialize::deserialize(from)?;
        Ok(Entities {
            hosts,
            users,
            addresses,
            processes,
        })
    }
}

/// What an alert shows of an event as one of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) evidence: Arc<Evidence>,
    /// The group's values as the event writes them.
    pub(crate) shown: Box<[Box<str>]>,
}

impl Kept {
    fn bytes(&self) -> usize {
        let shown: usize = self.shown.iter().map(|text| text.len() + 16).sum();
        200 + self.evidence.event.text().len() + shown
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Stretch {
    plan: u32,
    slot: u16,
    tenant: Arc<str>,
    from: i64,
    key: Box<[u8]>,
}

/// Events of a stretch: their times, ids, and what alerts show of them.
type Events = Vec<(i64, u128, Kept)>;

/// What was saved of them, oldest first.
#[derive(Deserialize)]
pub(crate) struct Loaded(Vec<(Stretch, Events)>);

impl Serialize for KeptEvents {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let in_order = self.oldest.iter();
        let all = in_order.filter_map(|stretch| Some((stretch, self.stretches.get(stretch)?)));
        all.collect::<Vec<_>>().serialize(to)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct KeptEvents {
    stretches: HashMap<Stretch, Events>,
    oldest: VecDeque<Stretch>,
    bytes: usize,
    /// How often stretches had to keep fewer.
    thinned: usize,
}

impl KeptEvents {
    /// Takes up what was saved; `places` gives, for the number that a plan had, the one that it has now.
    pub(crate) fn restore(&mut self, Loaded(all): Loaded, places: &[Option<usize>]) {
        for (mut stretch, events) in all {
            let Some(plan) = places.get(stretch.plan as usize).copied().flatten() else {
                continue;
            };
            stretch.plan = plan as u32;
            self.bytes += events.iter().map(|(_, _, kept)| kept.bytes()).sum::<usize>();
            self.oldest.push_back(stretch.clone());
            self.stretches.insert(stretch, events);
        }
    }

    /// Takes the event of a signal, if alerts may show it.
    pub(crate) fn add(&mut self, matched: &mut Matched, span: i64, slots: u16) {
        let Some(kept) = matched.kept.take() else {
            return;
        };
        let stretch = Stretch {
            plan: matched.plan,
            slot: matched.slot,
            tenant: matched.tenant.clone(),
            from: samples_from(matched.time, span),
            key: matched.key.clone(),
        };
        let events = match self.stretches.get_mut(&stretch) {
            Some(events) => events,
            None => {
                self.oldest.push_back(stretch.clone());
                self.stretches.entry(stretch).or_default()
            }
        };
        let order = (matched.time, matched.id);
        let place = events.partition_point(|(time, id, _)| (*time, *id) < order);
        let most = match self.thinned.checked_sub(1).and_then(|at| FEWER.get(at)) {
            Some(fewer) => samples_of_rule(slots).min(*fewer),
            None => samples_of_rule(slots),
        };
        if place >= most
            || events
                .get(place)
                .is_some_and(|(time, id, _)| (*time, *id) == order)
        {
            return;
        }
        self.bytes += kept.bytes();
        events.insert(place, (matched.time, matched.id, kept));
        if events.len() > most
            && let Some((_, _, gone)) = events.pop()
        {
            self.bytes -= gone.bytes();
        }
        self.make_room(BUDGET);
    }

    fn make_room(&mut self, budget: usize) {
        while self.bytes > budget {
            if let Some(&fewer) = FEWER.get(self.thinned) {
                self.thinned += 1;
                for events in self.stretches.values_mut() {
                    for (_, _, gone) in events.drain(fewer.min(events.len())..) {
                        self.bytes -= gone.bytes();
                    }
                    events.shrink_to_fit();
                }
                continue;
            }
            let Some(first) = self.oldest.pop_front() else {
                break;
            };
            for (_, _, gone) in self.stretches.remove(&first).unwrap_or_default() {
                self.bytes -= gone.bytes();
            }
        }
    }

    /// The event that an episode names, if it was kept.
    pub(crate) fn find(&self, episode: &Episode, sample: &Sample, span: i64) -> Option<&Kept> {
        let stretch = Stretch {
            plan: episode.plan,
            slot: sample.slot,
            tenant: episode.tenant.clone(),
            from: samples_from(sample.time, span),
            key: episode.key.bytes().into(),
        };
        let mut events = self.stretches.get(&stretch)?.iter();
        let (_, _, kept) = events.find(|(_, id, _)| *id == sample.id)?;
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(stretch: u8, time: i64) -> Matched {
        Matched {
            plan: 0,
            slot: 0,
            dataset: "one".into(),
            tenant: "default".into(),
            time,
            id: time as u128,
            key: [stretch].into(),
            value: 0,
            handed: Box::default(),
            kept: Some(Kept {
                evidence: Arc::new(Evidence {
                    event_id: String::new(),
                    time: String::new(),
                    dataset: "one".into(),
                    entities: Entities::default(),
                    event: serde_json::Value::from("x".repeat(100)).into(),
                }),
                shown: Box::default(),
            }),
        }
    }

    fn kept(times: &[i64], budget: usize) -> Vec<Vec<i64>> {
        let mut kept = KeptEvents::default();
        for &time in times {
            for stretch in 0..20 {
                kept.add(&mut matched(stretch, time), 1_000, 1);
                kept.make_room(budget);
            }
        }
        let mut all: Vec<_> = kept.stretches.iter().collect();
        all.sort_by_key(|(stretch, _)| stretch.key.clone());
        let bytes = kept.stretches.values().flatten().map(|(.., kept)| kept.bytes());
        assert_eq!(kept.bytes, bytes.sum::<usize>());
        let times = |events: &Events| events.iter().map(|(time, ..)| *time).collect();
        all.into_iter().map(|(_, events)| times(events)).collect()
    }

    #[test]
    fn without_room_each_stretch_keeps_fewer_before_any_keeps_nothing() {
        let one = matched(0, 0).kept.expect("an event").bytes();
        let (forth, back) = ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]);
        for times in [forth, back] {
            assert_eq!(kept(&times, usize::MAX), vec![forth.to_vec(); 20]);
            assert_eq!(kept(&times, 100 * one), vec![vec![1, 2, 3]; 20]);
            assert_eq!(kept(&times, 40 * one), vec![vec![1]; 20]);
            // Not even one each: those met last are left.
            assert_eq!(kept(&times, 5 * one).len(), 5);
        }
    }
}
