//! The windows of one rule and one tenant.
//!
//! Events lie in *panes*, the longest parts that all windows are made of. A pane is added up as its events come, once;
//! a window is put together of its panes when its time is over. Sessions are panes that grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::UInt32Array;
use datafusion::common::Result;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::groups::{Groups, Results, Seen, States};
use super::partial::Partial;
use super::plan::SqlPlan;
use super::snapshot::SavedStates;
use super::window::Window;

/// What windows came to that are over.
pub(super) struct Ended {
    pub(super) results: Results,
    /// Beginning and end of the window of each.
    pub(super) windows: Vec<(i64, i64)>,
}

/// Takes windows that are over; what is asked gives the events of a group in them from some time on, if windows overlap.
pub(super) type Each<'e> = &'e mut dyn FnMut(Ended, Option<&dyn Fn(&[u8], i64) -> u64>) -> Result<()>;

/// What was done with a partial.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Taken {
    pub(super) events: u64,
    pub(super) too_late: u64,
}

/// What was given up for memory.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct GivenUp {
    pub(super) groups: u64,
    pub(super) events: u64,
}

/// See the [module](self).
pub(super) struct Panes {
    plan: Arc<SqlPlan>,
    /// Windows that end here or before are over.
    pub(super) over: i64,
    kept: Kept,
}

enum Kept {
    Panes(ByTime),
    Sessions(Sessions),
}

/// Panes by their beginning.
#[derive(Default)]
struct ByTime {
    /// To which more events may come.
    open: BTreeMap<i64, Pane>,
    /// To which none come, and which windows to come need.
    added: BTreeMap<i64, States>,
    added_bytes: usize,
}

/// One pane.
struct Pane {
    groups: Groups,
    bytes: usize,
}

impl Pane {
    fn new(plan: &SqlPlan) -> Result<Pane> {
        Ok(Pane {
            groups: Groups::new(plan)?,
            bytes: 0,
        })
    }
}

impl Panes {
    pub(super) fn new(plan: Arc<SqlPlan>) -> Result<Panes> {
        let kept = match plan.window {
            Window::Session { .. } => Kept::Sessions(Sessions::new(&plan)?),
            _ => Kept::Panes(ByTime::default()),
        };
        Ok(Panes {
            plan,
            over: i64::MIN,
            kept,
        })
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Panes(panes) => {
                panes.open.values().map(|pane| pane.bytes).sum::<usize>() + panes.added_bytes
            }
            Kept::Sessions(sessions) => sessions.bytes(),
        }
    }

    /// Adds what a batch gave.
    pub(super) fn take(&mut self, partial: &Partial) -> Result<Taken> {
        match &mut self.kept {
            Kept::Panes(panes) => take_panes(&self.plan, &mut panes.open, self.over, partial),
            Kept::Sessions(sessions) => sessions.take(self.over, partial),
        }
    }

    /// The windows that end at `until` or before.
    pub(super) fn advance(&mut self, until: i64, each: Each<'_>) -> Result<()> {
        if until <= self.over {
            return Ok(());
        }
        match (&mut self.kept, self.plan.window.steps()) {
            (Kept::Panes(panes), Some((slide, size))) => {
                advance_panes(&self.plan, panes, (slide, size), self.over, until, each)?;
            }
            (Kept::Sessions(sessions), _) => sessions.advance(&self.plan, until, each)?,
            (Kept::Panes(_), None) => {}
        }
        self.over = until;
        Ok(())
    }

    /// A time up to which windows could be ended, where events have come as far as `reached`: the end of the first one, or of
    /// about half of the sessions.
    pub(super) fn next_end(&self, reached: i64) -> Option<i64> {
        let end = match &self.kept {
            Kept::Panes(panes) => {
                let (slide, size) = self.plan.window.steps()?;
                first_end(panes.first()?, self.plan.window.pane(), slide, size, self.over)
            }
            Kept::Sessions(sessions) => {
                let all = sessions.of_key.values().flatten();
                let mut ends: Vec<i64> = all
                    .map(|session| session.last.saturating_add(sessions.gap))
                    .collect();
                ends.retain(|end| *end <= reached);
                let middle = ends.len() / 2;
                match ends.is_empty() {
                    true => return None,
                    false => *ends.select_nth_unstable(middle).1,
                }
            }
        };
        (end <= reached && end > self.over).then_some(end)
    }

    /// Windows that can be ended are ended at once.
    pub(super) fn hurry(&mut self) {
        if let Kept::Sessions(sessions) = &mut self.kept {
            sessions.next = i64::MIN;
        }
    }

    /// Gives up about half of the groups where most are: those of the fewest events.
    pub(super) fn give_up(&mut self) -> Result<GivenUp> {
        match &mut self.kept {
            Kept::Panes(panes) => {
                let Some(pane) = panes.open.values_mut().max_by_key(|pane| pane.bytes) else {
                    return Ok(GivenUp::default());
                };
                let groups = std::mem::replace(&mut pane.groups, Groups::new(&self.plan)?);
                let states = groups.into_states()?;
                let (kept, given_up) = half_of(&states);
                for (row, key) in kept
                    .values()
                    .iter()
                    .map(|row| &states.keys[*row as usize])
                    .enumerate()
                {
                    let place = pane.groups.place(key);
                    debug_assert_eq!(place, row);
                }
                let seen: Vec<&Seen> = kept
                    .values()
                    .iter()
                    .map(|row| &states.seen[*row as usize])
                    .collect();
                let places: Vec<usize> = (0..seen.len()).collect();
                pane.groups.merge(&states.take(&kept)?, &seen, &places)?;
                pane.bytes = pane.groups.bytes();
                Ok(given_up)
            }
            Kept::Sessions(sessions) => sessions.give_up(&self.plan),
        }
    }
}

/// What is saved of the windows of one rule and tenant.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPanes {
    over: i64,
    /// Beginning, and whether more events may come.
    panes: Vec<(i64, bool, SavedStates)>,
    sessions: Option<SavedSessions>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSessions {
    states: SavedStates,
    of_key: Vec<(Box<[u8]>, Vec<Session>)>,
    next: i64,
}

impl Panes {
    /// What is to be saved.
    pub(super) fn save(&mut self) -> Result<SavedPanes> {
        let mut saved = SavedPanes {
            over: self.over,
            panes: Vec::new(),
            sessions: None,
        };
        match &mut self.kept {
            Kept::Panes(panes) => {
                for (start, pane) in &mut panes.open {
                    let groups = std::mem::replace(&mut pane.groups, Groups::new(&self.plan)?);
                    let states = groups.into_states()?;
                    pane.groups.take_over(&states)?;
                    saved.panes.push((*start, true, SavedStates::of(&states)?));
                }
                for (start, states) in &panes.added {
                    saved.panes.push((*start, false, SavedStates::of(states)?));
                }
            }
            Kept::Sessions(sessions) => {
                let states =
                    std::mem::replace(&mut sessions.groups, Groups::new(&self.plan)?).into_states()?;
                let of_key = sessions.of_key.iter();
                saved.sessions = Some(SavedSessions {
                    states: SavedStates::of(&states)?,
                    of_key: of_key
                        .map(|(key, sessions)| (key.clone(), sessions.clone()))
                        .collect(),
                    next: sessions.next,
                });
                sessions.restore(states)?;
            }
        }
        Ok(saved)
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, saved: SavedPanes) -> Result<()> {
        self.over = saved.over;
        match &mut self.kept {
            Kept::Panes(panes) => {
                for (start, is_open, states) in saved.panes {
                    let states = states.into_states()?;
                    if is_open {
                        let mut pane = Pane::new(&self.plan)?;
                        pane.groups.take_over(&states)?;
                        pane.bytes = pane.groups.bytes();
                        panes.open.insert(start, pane);
                    } else {
                        panes.added_bytes += states.bytes();
                        panes.added.insert(start, states);
                    }
                }
            }
            Kept::Sessions(sessions) => {
                if let Some(saved) = saved.sessions {
                    sessions.of_key = saved.of_key.into_iter().collect();
                    sessions.next = saved.next;
                    sessions.restore(saved.states.into_states()?)?;
                }
            }
        }
        Ok(())
    }
}

/// The rows of the half of the groups with the most events, and what the others are.
fn half_of(states: &States) -> (UInt32Array, GivenUp) {
    let mut rows: Vec<u32> = (0..states.keys.len() as u32).collect();
    let of = |row: &u32| {
        let place = *row as usize;
        (std::cmp::Reverse(states.seen[place].count), &states.keys[place])
    };
    rows.sort_by(|one, other| of(one).cmp(&of(other)));
    let gone = rows.split_off(rows.len() / 2);
    let given_up = GivenUp {
        groups: gone.len() as u64,
        events: gone.iter().map(|row| states.seen[*row as usize].count).sum(),
    };
    rows.sort_unstable();
    (UInt32Array::from(rows), given_up)
}

fn take_panes(
    plan: &SqlPlan,
    panes: &mut BTreeMap<i64, Pane>,
    over: i64,
    partial: &Partial,
) -> Result<Taken> {
    let mut taken = Taken::default();
    let width = plan.window.pane();
    let mut rows_of: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (row, (pane, seen)) in partial.panes.iter().zip(&partial.states.seen).enumerate() {
        // Once all windows that it is part of are over, or some: those would not be what they were said to be.
        if pane.saturating_add(width) <= over {
            taken.too_late += seen.count;
            continue;
        }
        taken.events += seen.count;
        rows_of.entry(*pane).or_default().push(row as u32);
    }
    for (start, rows) in rows_of {
        if !panes.contains_key(&start) {
            panes.insert(start, Pane::new(plan)?);
        }
        let Some(pane) = panes.get_mut(&start) else {
            continue;
        };
        let places: Vec<usize> = rows
            .iter()
            .map(|row| pane.groups.place(key_of(&partial.states.keys[*row as usize])))
            .collect();
        let seen: Vec<&Seen> = rows
            .iter()
            .map(|row| &partial.states.seen[*row as usize])
            .collect();
        match rows.len() == partial.panes.len() {
            true => pane.groups.merge(&partial.states.columns, &seen, &places)?,
            false => pane
                .groups
                .merge(&partial.states.take(&UInt32Array::from(rows))?, &seen, &places)?,
        }
        pane.bytes = pane.groups.bytes();
    }
    Ok(taken)
}

/// A group's key without the pane in front.
fn key_of(with_pane: &[u8]) -> &[u8] {
    with_pane.get(8..).unwrap_or_default()
}

/// The end of the first window that holds a pane and is not over.
fn first_end(pane: i64, width: i64, slide: i64, size: i64, over: i64) -> i64 {
    // Windows begin at multiples of `slide`; the first that holds the pane ends where it does, or soon after.
    let ends_after = pane.saturating_add(width).max(over.saturating_add(1));
    let start = ends_after.saturating_sub(size);
    let up = match start.rem_euclid(slide) {
        0 => 0,
        more => slide - more,
    };
    start.saturating_add(up).saturating_add(size)
}

impl ByTime {
    /// The beginning of the first pane.
    fn first(&self) -> Option<i64> {
        let open = self.open.keys().next();
        let added = self.added.keys().next();
        open.into_iter().chain(added).min().copied()
    }
}

fn advance_panes(
    plan: &SqlPlan,
    panes: &mut ByTime,
    (slide, size): (i64, i64),
    mut over: i64,
    until: i64,
    each: Each<'_>,
) -> Result<()> {
    let width = plan.window.pane();
    while let Some(first) = panes.first() {
        let end = first_end(first, width, slide, size, over);
        if end > until {
            break;
        }
        over = end;
        let start = end - size;
        if size == slide {
            if let Some(pane) = panes.open.remove(&start) {
                let results = pane.groups.into_results()?;
                each(ended(results, start, end), None)?;
            }
            continue;
        }
        let inside: Vec<i64> = panes.open.range(start..end).map(|(pane, _)| *pane).collect();
        for pane in inside {
            if let Some(known) = panes.open.remove(&pane) {
                panes.added.insert(pane, known.groups.into_states()?);
            }
        }
        let mut whole = Groups::new(plan)?;
        for states in panes.added.range(start..end).map(|(_, states)| states) {
            whole.take_over(states)?;
        }
        if whole.len() > 0 {
            let added = &panes.added;
            let since = |key: &[u8], since: i64| -> u64 {
                let panes = added.range(since.clamp(start, end)..end);
                panes.map(|(_, states)| states.count(key)).sum()
            };
            each(ended(whole.into_results()?, start, end), Some(&since))?;
        }
        // Windows to come begin later.
        panes.added.retain(|pane, _| *pane >= start.saturating_add(slide));
    }
    panes.added_bytes = panes.added.values().map(States::bytes).sum();
    Ok(())
}

fn ended(results: Results, start: i64, end: i64) -> Ended {
    Ended {
        windows: vec![(start, end); results.keys.len()],
        results,
    }
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
struct Sessions {
    gap: i64,
    groups: Groups,
    of_key: HashMap<Box<[u8]>, Vec<Session>>,
    groups_bytes: usize,
    /// It is looked for sessions that are over no earlier.
    next: i64,
}

impl Sessions {
    fn new(plan: &SqlPlan) -> Result<Sessions> {
        Ok(Sessions {
            gap: plan.window.pane(),
            groups: Groups::new(plan)?,
            of_key: HashMap::new(),
            groups_bytes: 0,
            next: i64::MIN,
        })
    }

    fn bytes(&self) -> usize {
        const SESSION: usize =
            size_of::<Session>() + size_of::<(Box<[u8]>, Vec<Session>)>() + size_of::<u32>();
        self.groups_bytes + self.groups.key_bytes() + self.of_key.len() * SESSION
    }

    fn take(&mut self, over: i64, partial: &Partial) -> Result<Taken> {
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

    fn advance(&mut self, plan: &SqlPlan, until: i64, each: Each<'_>) -> Result<()> {
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

    fn give_up(&mut self, plan: &SqlPlan) -> Result<GivenUp> {
        let states = std::mem::replace(&mut self.groups, Groups::new(plan)?).into_states()?;
        let (kept, given_up) = half_of(&states);
        let kept: hashbrown::HashSet<u32> = kept.values().iter().copied().collect();
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
