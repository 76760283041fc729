//! Events that alerts may show, within a budget.
//!
//! An episode shows some of the first events since a multiple of its span ([`samples_from`]). So of each group and rule,
//! and of each such stretch of time, the few first events are kept, whatever order they come in; an alert then shows
//! the same events however the input was ordered and cut.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::signals::Matched;
use crate::alert::{Entities, EventJson};
use crate::event_json::as_text;
use crate::windows::{Episode, Sample, samples_from, samples_of_rule};

/// Bytes of kept events; past it, those of the stretches met first go.
const BUDGET: usize = 256 << 20;

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
    /// Stretches whose events were given up.
    pub(crate) given_up: u64,
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
        let most = samples_of_rule(slots);
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
        while self.bytes > BUDGET {
            let Some(first) = self.oldest.pop_front() else {
                break;
            };
            for (_, _, gone) in self.stretches.remove(&first).unwrap_or_default() {
                self.bytes -= gone.bytes();
            }
            self.given_up += 1;
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
