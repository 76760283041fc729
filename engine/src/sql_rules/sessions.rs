//! Sessions: windows that last as long as events come.
//!
//! A batch gives runs of events without a gap. Each is added to the session that it touches; one that touches several joins
//! them. What was added up at several places is put together when the session is over.

use arrow::array::UInt32Array;
use datafusion::common::Result;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::groups::{Groups, Seen, States};
use super::panes::{Each, Ended, GivenUp, Taken, half_of};
use super::partial::Partial;
use super::plan::SqlPlan;
use super::snapshot::SavedStates;

/// What is saved of sessions.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSessions {
    states: SavedStates,
    of_key: Vec<(Box<[u8]>, Vec<Session>)>,
    next: i64,
}

/// A session that is not over.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    first: i64,
    last: i64,
    /// Where it is added up: at several places, if what came later joined several to one.
    places: Vec<u32>,
}

/// The sessions of all groups.
pub(super) struct Sessions {
    gap: i64,
    groups: Groups,
    of_key: HashMap<Box<[u8]>, Vec<Session>>,
    groups_bytes: usize,
    /// It is looked for sessions that are over no earlier.
    next: i64,
}

impl Sessions {
    pub(super) fn new(plan: &SqlPlan) -> Result<Sessions> {
        Ok(Sessions {
            gap: plan.window.pane(),
            groups: Groups::new(plan)?,
            of_key: HashMap::new(),
            groups_bytes: 0,
            next: i64::MIN,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        const SESSION: usize =
            size_of::<Session>() + size_of::<(Box<[u8]>, Vec<Session>)>() + size_of::<u32>();
        self.groups_bytes + self.groups.key_bytes() + self.of_key.len() * SESSION
    }

    pub(super) fn take(&mut self, over: i64, partial: &Partial) -> Result<Taken> {
        let mut taken = Taken::default();
        let (mut rows, mut places, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for (row, (key, of)) in partial.states.keys.iter().zip(&partial.states.seen).enumerate() {
            if of.last < over {
                taken.too_late += of.count;
                continue;
            }
            taken.events += of.count;
            rows.push(row as u32);
            seen.push(of);
            places.push(self.place(key, of.first, of.last));
        }
        match rows.len() == partial.states.keys.len() {
            true => self.groups.merge(&partial.states.columns, &seen, &places)?,
            false => {
                let columns = partial.states.take(&UInt32Array::from(rows))?;
                self.groups.merge(&columns, &seen, &places)?;
            }
        }
        self.groups_bytes = self.groups.bytes();
        Ok(taken)
    }

    /// Where events of a group between these times are added up.
    fn place(&mut self, key: &[u8], first: i64, last: i64) -> usize {
        let gap = self.gap;
        let sessions = self.of_key.entry(key.into()).or_default();
        let joins = |session: &Session| {
            first.saturating_sub(session.last) < gap && session.first.saturating_sub(last) < gap
        };
        let Some(found) = sessions.iter().position(joins) else {
            let place = self.groups.add(key);
            sessions.push(Session {
                first,
                last,
                places: vec![place as u32],
            });
            return place;
        };
        let session = &mut sessions[found];
        session.first = session.first.min(first);
        session.last = session.last.max(last);
        let place = session.places[0] as usize;
        // It may have come near others now, each of which it may bring near more.
        let mut joined = sessions.swap_remove(found);
        while let Some(other) = sessions.iter().position(|other| {
            joined.first.saturating_sub(other.last) < gap && other.first.saturating_sub(joined.last) < gap
        }) {
            let other = sessions.swap_remove(other);
            joined.first = joined.first.min(other.first);
            joined.last = joined.last.max(other.last);
            joined.places.extend(other.places);
        }
        sessions.push(joined);
        place
    }

    pub(super) fn advance(&mut self, plan: &SqlPlan, until: i64, each: Each<'_>) -> Result<()> {
        if until < self.next {
            return Ok(());
        }
        // All sessions are looked at: not with every event.
        self.next = until.saturating_add(self.gap / 8 + 1);
        let gap = self.gap;
        let mut over: Vec<(Box<[u8]>, Session)> = Vec::new();
        self.of_key.retain(|key, sessions| {
            let mut at = 0;
            while at < sessions.len() {
                if sessions[at].last.saturating_add(gap) <= until {
                    over.push((key.clone(), sessions.swap_remove(at)));
                } else {
                    at += 1;
                }
            }
            !sessions.is_empty()
        });
        if over.is_empty() {
            return Ok(());
        }
        over.sort_by(|(one_key, one), (other_key, other)| {
            (one.first, one_key).cmp(&(other.first, other_key))
        });
        let states = std::mem::replace(&mut self.groups, Groups::new(plan)?).into_states()?;
        let mut ended = Groups::new(plan)?;
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for (key, session) in &over {
            let place = ended.add(key);
            for row in &session.places {
                rows.push(*row);
                places.push(place);
            }
        }
        add_rows(&mut ended, &states, rows, &places)?;
        self.restore(states)?;
        let results = ended.into_results()?;
        let windows = over.iter();
        let windows = windows.map(|(_, session)| (session.first, session.last.saturating_add(gap)));
        let ended = Ended {
            windows: windows.collect(),
            results,
        };
        each(ended, None)
    }

    /// A time up to which about half of the sessions could be ended, where events have come as far as `reached`.
    pub(super) fn middle_end(&self, reached: i64) -> Option<i64> {
        let all = self.of_key.values().flatten();
        let mut ends: Vec<i64> = all.map(|session| session.last.saturating_add(self.gap)).collect();
        ends.retain(|end| *end <= reached);
        let middle = ends.len() / 2;
        (!ends.is_empty()).then(|| *ends.select_nth_unstable(middle).1)
    }

    /// Those that can be ended are ended the next time.
    pub(super) fn hurry(&mut self) {
        self.next = i64::MIN;
    }

    /// What is to be saved.
    pub(super) fn save(&mut self, plan: &SqlPlan) -> Result<SavedSessions> {
        let states = std::mem::replace(&mut self.groups, Groups::new(plan)?).into_states()?;
        let of_key = self.of_key.iter();
        let saved = SavedSessions {
            states: SavedStates::of(&states)?,
            of_key: of_key
                .map(|(key, sessions)| (key.clone(), sessions.clone()))
                .collect(),
            next: self.next,
        };
        self.restore(states)?;
        Ok(saved)
    }

    /// Takes up what was saved.
    pub(super) fn take_up(&mut self, saved: SavedSessions) -> Result<()> {
        self.of_key = saved.of_key.into_iter().collect();
        self.next = saved.next;
        self.restore(saved.states.into_states()?)
    }

    /// Makes the groups anew of those states that sessions still need.
    fn restore(&mut self, states: States) -> Result<()> {
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        let mut keys: Vec<&Box<[u8]>> = self.of_key.keys().collect();
        keys.sort_unstable();
        let keys: Vec<Box<[u8]>> = keys.into_iter().cloned().collect();
        for key in keys {
            for session in self.of_key.get_mut(&key).into_iter().flatten() {
                let place = self.groups.add(&key);
                for row in session.places.drain(..) {
                    rows.push(row);
                    places.push(place);
                }
                session.places.push(place as u32);
            }
        }
        add_rows(&mut self.groups, &states, rows, &places)?;
        self.groups_bytes = self.groups.bytes();
        Ok(())
    }

    pub(super) fn give_up(&mut self, plan: &SqlPlan) -> Result<GivenUp> {
        let states = std::mem::replace(&mut self.groups, Groups::new(plan)?).into_states()?;
        let (kept, given_up) = half_of(&states);
        let kept: HashSet<u32> = kept.values().iter().copied().collect();
        self.of_key.retain(|_, sessions| {
            for session in sessions.iter_mut() {
                session.places.retain(|place| kept.contains(place));
            }
            sessions.retain(|session| !session.places.is_empty());
            !sessions.is_empty()
        });
        self.restore(states)?;
        Ok(given_up)
    }
}

fn add_rows(groups: &mut Groups, states: &States, rows: Vec<u32>, places: &[usize]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let seen: Vec<&Seen> = rows.iter().map(|row| &states.seen[*row as usize]).collect();
    groups.merge(&states.take(&UInt32Array::from(rows))?, &seen, places)
}
