//! SQL rules at the end of a scan's way: partial sums in; alerts out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::common::Result;

use super::SqlRules;
use super::found::{Found, Open, rows_of};
use super::panes::Panes;
use super::partial::Partial;
use crate::alert::Alert;
use crate::correlate::alerts::FoundAlert;
use crate::expected::Expected;
use crate::windows::Settings;
use crate::windows::keys::Key;
use crate::windows::time::{Clock, Hold};

/// What was counted of SQL rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that rules looked at and added up.
    pub events: u64,
    /// Events that came too late for their windows and changed nothing.
    pub too_late: u64,
    /// Events dated so far ahead that they moved time on to now only.
    pub future: u64,
    /// Events whose time lies too far from now for any window.
    pub beyond: u64,
    /// Windows that were ended before all of their events were known, because memory was full.
    pub ended_early: u64,
    /// Groups given up because memory was full.
    pub groups_given_up: u64,
    /// Events in them.
    pub events_given_up: u64,
    /// Findings of which no alert was made because their rules say that one is enough for a while.
    pub suppressed: u64,
    /// Findings of which no alert was made because somebody said that they are expected.
    pub held_back: u64,
    /// By title of the rule: events of which it could not work something out, and why, of one of them.
    pub failed: BTreeMap<Arc<str>, (u64, String)>,
}

/// What is known of one rule and one tenant.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) panes: Panes,
    pub(super) open: Open,
    bytes: usize,
}

/// Alerts that are made at once.
const MOST_ALERTS: usize = 1000;

/// Runs the SQL rules of a scan.
pub(crate) struct SqlRun {
    pub(super) rules: Arc<SqlRules>,
    settings: Settings,
    /// By rule and tenant.
    pub(super) states: BTreeMap<(u32, Arc<str>), State>,
    /// Datasets by number.
    pub(super) sources: Vec<Arc<str>>,
    heard: BTreeMap<(u32, Arc<str>, u32), Instant>,
    /// Those that were heard of since this began, or was taken up.
    heard_now: BTreeSet<(u32, Arc<str>, u32)>,
    now: Option<i64>,
    hold: Hold,
    bytes: usize,
    counters: Counters,
    ready: VecDeque<Found>,
    /// When an entity was last told of, of rules that say for how long that is enough.
    pub(super) told: BTreeMap<(u32, Arc<str>, Key), (i64, i64)>,
    /// So many there were when those that are over were last forgotten.
    told_kept: usize,
    expected: Arc<Expected>,
}

impl SqlRun {
    pub(crate) fn new(rules: Arc<SqlRules>, settings: Settings) -> SqlRun {
        SqlRun {
            rules,
            settings,
            states: BTreeMap::new(),
            sources: Vec::new(),
            heard: BTreeMap::new(),
            heard_now: BTreeSet::new(),
            now: None,
            hold: Hold::default(),
            bytes: 0,
            counters: Counters::default(),
            ready: VecDeque::new(),
            told: BTreeMap::new(),
            told_kept: 0,
            expected: Arc::default(),
        }
    }

    /// What is expected from now on is not told.
    pub(crate) fn expect(&mut self, expected: Arc<Expected>) {
        self.expected = expected;
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// Takes what batches gave. What was found is given by [`alerts`](SqlRun::alerts).
    pub(crate) fn take(&mut self, partials: Vec<Partial>, now: i64, at: Instant) {
        if partials.is_empty() {
            return;
        }
        self.now = Some(now);
        let mut touched = BTreeSet::new();
        // All that came together first: none of it is late because of another.
        for partial in &partials {
            self.add(partial);
            touched.insert((partial.plan, partial.tenant.clone()));
        }
        for partial in &partials {
            let source = self.source(&partial.dataset);
            let Some(mut highest) = partial.highest else {
                continue;
            };
            if highest > now.saturating_add(self.settings.ahead) {
                self.counters.future += 1;
                highest = now;
            }
            let who = (partial.plan, partial.tenant.clone());
            if let Some(state) = self.states.get_mut(&who) {
                state.clock.observe(source, highest, self.settings.lateness);
            }
            let who = (who.0, who.1, source);
            self.heard.insert(who.clone(), at);
            self.heard_now.insert(who);
        }
        for who in touched {
            self.advance(&who);
        }
        if self.bytes > self.settings.budget {
            self.relieve();
        }
    }

    fn source(&mut self, dataset: &Arc<str>) -> u32 {
        let known = self.sources.iter().position(|known| known == dataset);
        let known = known.unwrap_or_else(|| {
            self.sources.push(dataset.clone());
            self.sources.len() - 1
        });
        known as u32
    }

    /// The state of a rule for a tenant; made if it is not there.
    pub(super) fn state(&mut self, who: &(u32, Arc<str>)) -> Result<Option<&mut State>> {
        if !self.states.contains_key(who) {
            let Some(plan) = self.rules.plans().get(who.0 as usize) else {
                return Ok(None);
            };
            let state = State {
                clock: Clock::held(self.hold),
                panes: Panes::new(plan.clone())?,
                open: Open::default(),
                bytes: 0,
            };
            self.states.insert(who.clone(), state);
        }
        Ok(self.states.get_mut(who))
    }

    /// The datasets that a rule waits for were heard of then.
    pub(super) fn waits_for(&mut self, who: &(u32, Arc<str>), at: Instant) {
        if let Some(state) = self.states.get(who) {
            let sources = state.clock.waited_for();
            self.heard
                .extend(sources.map(|source| ((who.0, who.1.clone(), source), at)));
        }
    }

    fn add(&mut self, partial: &Partial) {
        self.counters.beyond += partial.beyond;
        if let Some(error) = &partial.error {
            self.failed(partial.plan, partial.failed, error.clone());
        }
        let who = (partial.plan, partial.tenant.clone());
        let taken = match self.state(&who) {
            Ok(Some(state)) => state.panes.take(partial),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => {
                self.counters.events += taken.events;
                self.counters.too_late += taken.too_late;
            }
            Err(error) => {
                let events = partial.states.seen.iter().map(|seen| seen.count).sum();
                self.failed(partial.plan, events, error.strip_backtrace());
            }
        }
        self.count_bytes(&who);
    }

    fn failed(&mut self, plan: u32, events: u64, error: String) {
        let title = self.rules.plans()[plan as usize].rule.meta.title.clone();
        let known = self.counters.failed.entry(title).or_insert((0, error));
        known.0 += events;
    }

    pub(super) fn count_bytes(&mut self, who: &(u32, Arc<str>)) {
        if let Some(state) = self.states.get_mut(who) {
            let before = std::mem::replace(&mut state.bytes, state.panes.bytes() + state.open.bytes());
            self.bytes = (self.bytes + state.bytes).saturating_sub(before);
        }
    }

    /// Works off the windows that are over.
    fn advance(&mut self, who: &(u32, Arc<str>)) {
        let plan = self.rules.plans()[who.0 as usize].clone();
        let Some(state) = self.states.get_mut(who) else {
            return;
        };
        let Some(watermark) = state.clock.watermark() else {
            return;
        };
        if watermark <= state.panes.over {
            return;
        }
        let mut found = Vec::new();
        let (open, eager) = (&mut state.open, self.settings.eager);
        let mut problem = None;
        let mut failed = 0;
        let advanced = state.panes.advance(watermark, &mut |ended, since| {
            match rows_of(&plan, &ended) {
                Ok(rows) => {
                    for row in rows.rows {
                        open.add((who.0, &*plan), &who.1, row, since, eager, &mut found);
                    }
                    failed += rows.failed;
                    problem = problem.take().or(rows.error);
                }
                Err(error) => {
                    failed += ended.results.seen.iter().map(|seen| seen.count).sum::<u64>();
                    problem = Some(error.strip_backtrace());
                }
            }
            Ok(())
        });
        state
            .open
            .over(watermark.saturating_sub(plan.window.reach()), &mut found);
        if let Err(error) = advanced {
            problem.get_or_insert(error.strip_backtrace());
        }
        if let Some(problem) = problem {
            self.failed(who.0, failed, problem);
        }
        found.sort_by(|one, other| {
            (one.start, &one.key, one.is_final).cmp(&(other.start, &other.key, other.is_final))
        });
        for found in found {
            if self.is_told(&found) {
                self.ready.push_back(found);
            }
        }
        self.count_bytes(who);
    }

    /// Whether an alert is made of what was found: not if it begins soon after what was told of the same entity, where its
    /// rule says so.
    fn is_told(&mut self, found: &Found) -> bool {
        let rule = &self.rules.plans()[found.plan as usize].rule;
        let values: Vec<String> = found.values.iter().map(|value| value.to_lowercase()).collect();
        let key = Key::of(values.iter().map(String::as_str));
        let at = (found.start, found.value);
        if self
            .expected
            .holds_back(&found.tenant, &rule.meta.id, &key, at, false)
        {
            self.counters.held_back += u64::from(found.is_final);
            return false;
        }
        let Some(quiet) = rule.suppress else {
            return true;
        };
        let quiet = i64::try_from(quiet.as_micros()).unwrap_or(i64::MAX);
        let about = (found.plan, found.tenant.clone(), found.key.clone());
        if let Some((start, until)) = self.told.get(&about)
            && *start != found.start
            && found.start < *until
            && found.start > *start
        {
            self.counters.suppressed += u64::from(found.is_final);
            return false;
        }
        self.told
            .insert(about, (found.start, found.start.saturating_add(quiet)));
        if self.told.len() > MOST_ALERTS.max(2 * self.told_kept) {
            let newest = self
                .told
                .values()
                .map(|(start, _)| *start)
                .max()
                .unwrap_or(i64::MIN);
            self.told.retain(|_, (_, until)| *until > newest);
            self.told_kept = self.told.len();
        }
        true
    }

    /// Datasets (of this tenant alone, if one is named) of which nothing was heard for `quiet` hold nobody up.
    pub(crate) fn idle(&mut self, at: Instant, quiet: Duration, only: Option<&str>) {
        let silent = self.heard.extract_if(.., |(_, tenant, _), last| {
            only.is_none_or(|only| *only == **tenant) && at.saturating_duration_since(*last) >= quiet
        });
        let silent: Vec<(u32, Arc<str>, u32)> = silent.map(|(who, _)| who).collect();
        self.not_waited_for(silent);
    }

    /// More comes in another scan only: datasets that this one had nothing of hold nobody up.
    pub(crate) fn pause(&mut self) {
        let all = self.states.iter().flat_map(|((plan, tenant), state)| {
            let sources = state.clock.waited_for();
            sources.map(move |source| (*plan, tenant.clone(), source))
        });
        let silent: Vec<_> = all.filter(|who| !self.heard_now.contains(who)).collect();
        self.not_waited_for(silent);
    }

    fn not_waited_for(&mut self, silent: Vec<(u32, Arc<str>, u32)>) {
        for (plan, tenant, source) in silent {
            let who = (plan, tenant);
            if let Some(state) = self.states.get_mut(&who)
                && state.clock.idle(source, self.settings.lateness)
            {
                self.advance(&who);
            }
        }
    }

    /// What files hold time back from now on.
    pub(crate) fn hold(&mut self, hold: Hold) {
        self.hold = hold;
        let lateness = self.settings.lateness;
        let states = self.states.iter_mut();
        let rises = states.filter_map(|(who, state)| state.clock.hold(hold, lateness).then(|| who.clone()));
        for who in rises.collect::<Vec<_>>() {
            self.advance(&who);
        }
    }

    /// Nothing came for so many microseconds: time is taken to have gone on as far.
    pub(crate) fn quiet(&mut self, for_micros: i64) {
        let Some(lateness) = self.settings.lateness else {
            return;
        };
        self.all(|clock| {
            let highest = clock.highest_of_all();
            highest.map(|highest| highest.saturating_add(for_micros).saturating_sub(lateness))
        });
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.all(|_| Some(i64::MAX));
    }

    fn all(&mut self, until: impl Fn(&Clock) -> Option<i64>) {
        let all: Vec<(u32, Arc<str>)> = self.states.keys().cloned().collect();
        let before = self.ready.len();
        for who in all {
            if let Some(state) = self.states.get_mut(&who)
                && let Some(until) = until(&state.clock)
                && state.clock.force(until)
            {
                self.advance(&who);
            }
        }
        // What comes out together is in the order of time, whichever rules found it.
        self.ready.make_contiguous()[before..].sort_by_key(|found| (found.start, found.plan));
    }

    /// The next alerts, some at a time; none when all are given out.
    pub(crate) fn alerts(&mut self) -> Vec<FoundAlert> {
        let some = self.ready.len().min(MOST_ALERTS);
        let found = self.ready.drain(..some);
        let rules = &self.rules;
        found
            .map(|found| FoundAlert {
                alert: alert_of(rules, &found),
                is_final: found.is_final,
                is_known: found.is_final && found.is_announced,
            })
            .collect()
    }

    /// Makes room: first by ending windows early, then by giving groups up; each time where most is held.
    fn relieve(&mut self) {
        let target = self.settings.budget / 8 * 7;
        while self.bytes > target {
            let ends = self.states.iter().filter_map(|(who, state)| {
                let reached = state.clock.highest_of_all()?;
                let next = state.panes.next_end(reached)?;
                Some((state.bytes, who, next))
            });
            let Some((_, who, next)) = ends.max_by_key(|(bytes, ..)| *bytes) else {
                break;
            };
            let who = who.clone();
            self.counters.ended_early += 1;
            if let Some(state) = self.states.get_mut(&who) {
                state.clock.force(next);
                state.panes.hurry();
            }
            self.advance(&who);
        }
        while self.bytes > target {
            let most = self.states.iter().max_by_key(|(_, state)| state.bytes);
            let Some(who) = most.map(|(who, _)| who.clone()) else {
                return;
            };
            let Some(state) = self.states.get_mut(&who) else {
                return;
            };
            let before = state.bytes;
            match state.panes.give_up() {
                Ok(given_up) => {
                    self.counters.groups_given_up += given_up.groups;
                    self.counters.events_given_up += given_up.events;
                }
                Err(error) => self.failed(who.0, 0, error.strip_backtrace()),
            }
            self.count_bytes(&who);
            if self.states.get(&who).is_none_or(|state| state.bytes >= before) {
                return;
            }
        }
    }
}

fn alert_of(rules: &SqlRules, found: &Found) -> Alert {
    super::alerts::alert(rules, found)
}
