//! The windows of one rule and one tenant.
//!
//! Events lie in *panes*, the longest parts that all windows are made of. A pane is added up as its events come, once;
//! a window is put together of its panes when its time is over. Sessions are panes that grow.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::UInt32Array;
use datafusion::common::Result;
use serde::{Deserialize, Serialize};

use super::groups::{Groups, Results, Seen, States};
use super::partial::Partial;
use super::plan::SqlPlan;
use super::sessions::{SavedSessions, Sessions};
use super::slides::{SavedSlides, Slides};
use super::snapshot::SavedStates;
use super::window::Window;

/// What windows came to that are over.
pub(super) struct Ended {
    pub(super) results: Results,
    /// Beginning and end of the window of each.
    pub(super) windows: Vec<(i64, i64)>,
}

/// Takes windows that are over; what is asked gives the events of a group from the end of one window to that of another, if
/// windows overlap.
pub(super) type Each<'e> = &'e mut dyn FnMut(Ended, Option<Counting<'_>>) -> Result<()>;

/// The events of a group after the end of one window, up to that of another.
pub(super) type Counting<'c> = &'c dyn Fn(&[u8], i64, i64) -> u64;

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
    Slides(Slides),
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
            Window::Slide { size } => Kept::Slides(Slides::new(size)),
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
            Kept::Slides(slides) => slides.bytes(),
        }
    }

    /// Adds what a batch gave.
    pub(super) fn take(&mut self, partial: &Partial) -> Result<Taken> {
        match &mut self.kept {
            Kept::Panes(panes) => take_panes(&self.plan, &mut panes.open, self.over, partial),
            Kept::Sessions(sessions) => sessions.take(self.over, partial),
            Kept::Slides(slides) => Ok(slides.take(self.over, partial)),
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
            (Kept::Slides(slides), _) => slides.advance(&self.plan, until, each)?,
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
            Kept::Sessions(sessions) => sessions.middle_end(reached)?,
            Kept::Slides(slides) => slides.next_end()?.min(reached),
        };
        (end <= reached && end > self.over).then_some(end)
    }

    /// Windows that can be ended are ended at once.
    pub(super) fn hurry(&mut self) {
        if let Kept::Sessions(sessions) = &mut self.kept {
            sessions.hurry();
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
            Kept::Slides(slides) => Ok(slides.give_up()),
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
    slides: Option<SavedSlides>,
}

impl Panes {
    /// What is to be saved.
    pub(super) fn save(&mut self) -> Result<SavedPanes> {
        let mut saved = SavedPanes {
            over: self.over,
            panes: Vec::new(),
            sessions: None,
            slides: None,
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
            Kept::Sessions(sessions) => saved.sessions = Some(sessions.save(&self.plan)?),
            Kept::Slides(slides) => saved.slides = Some(slides.save(&self.plan)?),
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
                    sessions.take_up(saved)?;
                }
            }
            Kept::Slides(slides) => {
                if let Some(saved) = saved.slides {
                    slides.take_up(&self.plan, self.over, saved)?;
                }
            }
        }
        Ok(())
    }
}

/// The rows of the half of the groups with the most events, and what the others are.
pub(super) fn half_of(states: &States) -> (UInt32Array, GivenUp) {
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
        // A window with it is over. It could count for others, which would then say something else of the same time.
        if pane.saturating_add(width) <= over {
            taken.too_late += seen.count;
            continue;
        }
        taken.events += seen.count;
        rows_of.entry(*pane).or_default().push(row as u32);
    }
    for (start, rows) in rows_of {
        let pane = match panes.entry(start) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Pane::new(plan)?),
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
            let since = |key: &[u8], since: i64, _: i64| -> u64 {
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
