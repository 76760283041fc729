//! Works hits off in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Found;
use super::plan::{Kind, Role, Shape};
use super::sample;
use super::store::{self, NONE, Of, Partial, Store};
use super::waiting::Waiting;

/// What one plan of one tenant has come to.
#[derive(Debug)]
pub(super) struct Run<P> {
    shape: Arc<Shape>,
    number: u32,
    tenant: u32,
    store: Store<P>,
    /// Whole sequences that something must not follow, by the time after which it has not: their key and number.
    whole: BTreeMap<(i64, i64), (u32, u32)>,
    /// How many there were.
    wholes: i64,
    /// Room to work in.
    moves: Vec<(u16, u32)>,
}

/// Bytes of an entry of `whole`.
const WHOLE_BYTES: usize = 40;

/// An event at which steps came.
struct Event<P> {
    time: i64,
    id: u128,
    /// The first step; most events are no other.
    step: (u16, P),
    /// The others, in order.
    more: Vec<(u16, P)>,
}

impl<P> Event<P> {
    fn any_step(&self, is_it: impl Fn(u16) -> bool) -> bool {
        is_it(self.step.0) || self.more.iter().any(|(step, _)| is_it(*step))
    }

    fn steps(self) -> impl DoubleEndedIterator<Item = (u16, P)> {
        std::iter::once(self.step).chain(self.more)
    }
}

/// What is saved of it: partial matches, whole sequences that wait, how many there were.
#[derive(Serialize)]
pub(super) struct Saved<'s, P>(store::Saved<'s, P>, &'s BTreeMap<(i64, i64), (u32, u32)>, i64);

/// The same, to be taken up.
#[derive(Deserialize)]
pub(super) struct Loaded<P>(store::Loaded<P>, BTreeMap<(i64, i64), (u32, u32)>, i64);

impl<P: Clone> Run<P> {
    /// What is saved of it.
    pub(super) fn parts(&self) -> Saved<'_, P> {
        Saved(self.store.parts(), &self.whole, self.wholes)
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, Loaded(store, whole, wholes): Loaded<P>) {
        self.store.restore(store);
        (self.whole, self.wholes) = (whole, wholes);
    }

    pub(super) fn new(shape: Arc<Shape>, number: u32, tenant: u32, weigh: fn(&P) -> usize) -> Run<P> {
        Run {
            shape,
            number,
            tenant,
            store: Store::new(weigh),
            whole: BTreeMap::new(),
            wholes: 0,
            moves: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.store.bytes() + self.whole.len() * WHOLE_BYTES
    }

    /// Partial matches, whole ones that wait for their time to pass included.
    pub(super) fn open(&self) -> usize {
        self.store.partials()
    }

    /// Takes hits in their order.
    pub(super) fn take(&mut self, hits: impl Iterator<Item = Waiting<P>>, found: &mut dyn FnMut(Found<P>)) {
        let mut hits = hits.peekable();
        while let Some(hit) = hits.next() {
            let mut more = Vec::new();
            let mut last = hit.step;
            while let Some(other) = hits.next_if(|other| other.is_with(&hit)) {
                // Of the same hit twice the first stays.
                if other.step != last {
                    last = other.step;
                    more.push((other.step, other.payload));
                }
            }
            let [high, low] = hit.id;
            let event = Event {
                time: hit.time,
                id: (u128::from(high) << 64) | u128::from(low),
                step: (hit.step, hit.payload),
                more,
            };
            self.pass(event.time, found);
            self.event(event, &hit.key, found);
        }
    }

    /// Everything below `limit` has come.
    pub(super) fn settle(&mut self, limit: i64, found: &mut dyn FnMut(Found<P>)) {
        self.pass(limit, found);
        if let Some(span) = self.shape.span {
            let before = limit.saturating_sub(span);
            while let Some(entry) = self.store.touched_before(before) {
                self.give_up(entry);
            }
        }
    }

    /// Gives out the whole sequences whose time is over at `now`: what must not follow has not.
    fn pass(&mut self, now: i64, found: &mut dyn FnMut(Found<P>)) {
        while let Some(first) = self.whole.first_entry() {
            let due = first.key().0;
            if due >= now && now != i64::MAX {
                return;
            }
            let (entry, number) = first.remove();
            if let Some(whole) = self.store.take(entry, Of::Whole, number) {
                self.emit(entry, vec![whole.node], due, found);
            }
            self.forget_if_empty(entry);
        }
    }

    fn forget_if_empty(&mut self, entry: u32) {
        if self.store.is_empty(entry) {
            self.store.forget(entry);
        }
    }

    /// Forgets a key and what is known of it; how many partial matches that were.
    fn give_up(&mut self, entry: u32) -> u64 {
        let dropped = self.clear(entry, Of::Open) + self.clear(entry, Of::Whole);
        self.store.forget(entry);
        dropped
    }

    /// Gives up keys until `enough` of the bytes in use; how many partial matches that cost, and at least one a key.
    pub(super) fn give_up_until(&mut self, mut enough: impl FnMut(usize) -> bool) -> u64 {
        let mut given_up = 0;
        while !enough(self.bytes()) {
            let Some(entry) = self.store.least() else {
                break;
            };
            given_up += self.give_up(entry).max(1);
        }
        given_up
    }

    /// Drops all partial matches of a key; how many.
    fn clear(&mut self, entry: u32, of: Of) -> u64 {
        let mut dropped = 0;
        loop {
            let first = self.store.partials_of(entry, of).next();
            let Some((number, partial)) = first.map(|(number, partial)| (number, *partial)) else {
                return dropped;
            };
            if of == Of::Whole {
                self.whole.remove(&(self.due(partial.first), partial.mark));
            }
            self.store.drop_partial(entry, of, number);
            dropped += 1;
        }
    }

    /// The last moment at which a sequence that began at `first` could be broken by what must not follow.
    fn due(&self, first: i64) -> i64 {
        first.saturating_add(self.shape.span.unwrap_or(0))
    }

    fn event(&mut self, event: Event<P>, key: &[u8], found: &mut dyn FnMut(Found<P>)) {
        let entry = match self.store.find(key) {
            Some(entry) => {
                self.expire(entry, event.time);
                self.store.touch(entry, event.time);
                entry
            }
            None if event.any_step(|step| self.shape.opens(step)) => self.store.make(key, event.time),
            None => return,
        };
        match self.shape.kind {
            Kind::Ordered => self.ordered(entry, event, found),
            Kind::Join => self.join(entry, event, found),
            Kind::Sample => self.sample(entry, event, found),
        }
        self.forget_if_empty(entry);
    }

    /// Drops what cannot become whole in time.
    fn expire(&mut self, entry: u32, now: i64) {
        let shape = self.shape.clone();
        if shape.span.is_none() {
            return;
        }
        loop {
            let over = |(_, partial): &(u32, &Partial)| shape.is_over(partial.first, now);
            let over = self.store.partials_of(entry, Of::Open).find(over);
            let Some(number) = over.map(|(number, _)| number) else {
                break;
            };
            self.store.drop_partial(entry, Of::Open, number);
        }
        if let Some(entry) = self.store.entry(entry)
            && shape.is_over(entry.mark, now)
        {
            entry.mark = i64::MIN;
        }
    }

    fn find_open(&self, entry: u32, stage: u16) -> Option<u32> {
        let mut open = self.store.partials_of(entry, Of::Open);
        open.find(|(_, partial)| partial.stage == stage)
            .map(|(number, _)| number)
    }

    /// Last step first, so that no event is two steps of one sequence: what it has brought to a stage it does not take on.
    fn ordered(&mut self, entry: u32, event: Event<P>, found: &mut dyn FnMut(Found<P>)) {
        let shape = self.shape.clone();
        let (time, id) = (event.time, event.id);
        for (step, payload) in event.steps().rev() {
            match shape.roles.get(usize::from(step)) {
                None => {
                    self.clear(entry, Of::Open);
                }
                Some(Role::Trailing) => {
                    self.clear(entry, Of::Whole);
                }
                Some(Role::Leading) => {
                    if let Some(entry) = self.store.entry(entry) {
                        entry.mark = time;
                    }
                }
                Some(&Role::After(stage)) => {
                    if let Some(number) = self.find_open(entry, stage) {
                        self.store.drop_partial(entry, Of::Open, number);
                    }
                }
                Some(&Role::Stages { first, last, fork }) => {
                    let at = (time, id, payload);
                    self.advance(entry, (first, last, fork), &at, found);
                    if first == 0 {
                        self.open_one(entry, at, found);
                    }
                }
            }
        }
    }

    /// Takes what waits in front of these stages one stage on.
    fn advance(
        &mut self,
        entry: u32,
        (first, last, fork): (u16, u16, bool),
        (time, id, payload): &(i64, u128, P),
        found: &mut dyn FnMut(Found<P>),
    ) {
        let mut moves = std::mem::take(&mut self.moves);
        let open = self.store.partials_of(entry, Of::Open);
        let waits = open.filter(|(_, partial)| (first..=last).contains(&(partial.stage + 1)));
        moves.extend(waits.map(|(number, partial)| (partial.stage + 1, number)));
        moves.sort_unstable_by(|one, other| other.cmp(one));
        for (stage, number) in moves.drain(..) {
            let Some(from) = self.store.partial(number).map(|partial| *partial) else {
                continue;
            };
            if fork {
                self.store.share(from.node);
            }
            let node = self.store.event(*time, *id, payload.clone(), from.node);
            if stage + 1 == self.shape.stages {
                if !fork {
                    self.store.take(entry, Of::Open, number);
                }
                self.complete(entry, (from.first, from.mark), *time, node, found);
                continue;
            }
            // What is there has not gone on with this event, or has left a copy.
            if (fork || stage == last)
                && let Some(replaced) = self.find_open(entry, stage)
            {
                self.store.drop_partial(entry, Of::Open, replaced);
            }
            if fork {
                self.store
                    .add(entry, Of::Open, stage, from.first, from.mark, node);
            } else if let Some(partial) = self.store.partial(number) {
                (partial.stage, partial.node) = (stage, node);
            }
        }
        self.moves = moves;
    }

    /// A sequence begins.
    fn open_one(&mut self, entry: u32, (time, id, payload): (i64, u128, P), found: &mut dyn FnMut(Found<P>)) {
        let mark = self.store.entry(entry).map_or(i64::MIN, |entry| entry.mark);
        let node = self.store.event(time, id, payload, NONE);
        if self.shape.stages == 1 {
            self.complete(entry, (time, mark), time, node, found);
            return;
        }
        if let Some(replaced) = self.find_open(entry, 0) {
            self.store.drop_partial(entry, Of::Open, replaced);
        }
        self.store.add(entry, Of::Open, 0, time, mark, node);
    }

    /// All steps that are to come have come.
    fn complete(
        &mut self,
        entry: u32,
        (first, mark): (i64, i64),
        time: i64,
        node: u32,
        found: &mut dyn FnMut(Found<P>),
    ) {
        if self.shape.leading && mark != i64::MIN && !self.shape.is_over(mark, time) {
            self.store.release(node);
        } else if self.shape.trailing {
            let due = self.due(first);
            let number = self.store.add(entry, Of::Whole, 0, first, self.wholes, node);
            self.whole.insert((due, self.wholes), (entry, number));
            self.wholes += 1;
        } else {
            self.emit(entry, vec![node], time, found);
        }
    }

    /// Gives a sequence out; its events are those up to each of `nodes`.
    fn emit(&mut self, entry: u32, nodes: Vec<u32>, known_at: i64, found: &mut dyn FnMut(Found<P>)) {
        let events = nodes.into_iter().flat_map(|node| self.store.events(node));
        let events: Vec<_> = events.collect();
        found(Found {
            tenant: self.tenant,
            plan: self.number,
            key: self.store.key(entry).into(),
            events,
            known_at,
        });
    }

    /// Each step has a place; the first event to come takes it, or, where time is short, the last one.
    fn join(&mut self, entry: u32, event: Event<P>, found: &mut dyn FnMut(Found<P>)) {
        let shape = self.shape.clone();
        let breaks = |step: u16| usize::from(step) == shape.roles.len();
        if event.any_step(breaks) {
            self.clear(entry, Of::Open);
        }
        let (time, id) = (event.time, event.id);
        for (step, payload) in event.steps() {
            if breaks(step) {
                continue;
            }
            let place = self.find_open(entry, step);
            if place.is_some() && shape.span.is_none() {
                continue;
            }
            if let Some(number) = place {
                self.store.drop_partial(entry, Of::Open, number);
            }
            let node = self.store.event(time, id, payload, NONE);
            self.store.add(entry, Of::Open, step, time, i64::MIN, node);
            if self.store.partials_of(entry, Of::Open).count() == usize::from(shape.stages) {
                let open = self.store.partials_of(entry, Of::Open);
                let mut all: Vec<(u16, u32)> =
                    open.map(|(number, partial)| (partial.stage, number)).collect();
                all.sort_unstable();
                self.emit_all(entry, &all, time, found);
            }
        }
    }

    /// Gives these partial matches out as one, each an event.
    fn emit_all(&mut self, entry: u32, all: &[(u16, u32)], known_at: i64, found: &mut dyn FnMut(Found<P>)) {
        let mut nodes = Vec::with_capacity(all.len());
        for &(_, number) in all {
            nodes.extend(
                self.store
                    .take(entry, Of::Open, number)
                    .map(|partial| partial.node),
            );
        }
        self.emit(entry, nodes, known_at, found);
    }

    /// Of each step the first few events are kept: as many as there are steps, so that one is left whatever the others
    /// take.
    fn sample(&mut self, entry: u32, event: Event<P>, found: &mut dyn FnMut(Found<P>)) {
        if self.store.entry(entry).is_none_or(|entry| entry.done) {
            return;
        }
        let steps = usize::from(self.shape.stages);
        let mut more = false;
        let (time, id) = (event.time, event.id);
        for (step, payload) in event.steps() {
            let open = self.store.partials_of(entry, Of::Open);
            if open.filter(|(_, partial)| partial.stage == step).count() < steps {
                let node = self.store.event(time, id, payload, NONE);
                self.store.add(entry, Of::Open, step, time, i64::MIN, node);
                more = true;
            }
        }
        if !more {
            return;
        }
        let mut candidates: Vec<Vec<((i64, u128), u32)>> = vec![Vec::new(); steps];
        for (number, partial) in self.store.partials_of(entry, Of::Open) {
            if let Some(at) = self.store.event_at(partial.node)
                && let Some(step) = candidates.get_mut(usize::from(partial.stage))
            {
                step.push((at, number));
            }
        }
        candidates.iter_mut().for_each(|step| step.sort_unstable());
        let Some(chosen) = sample::first(&candidates) else {
            return;
        };
        let chosen: Vec<(u16, u32)> = chosen.into_iter().map(|number| (0, number)).collect();
        self.emit_all(entry, &chosen, time, found);
        self.clear(entry, Of::Open);
        if let Some(entry) = self.store.entry(entry) {
            entry.done = true;
        }
    }
}
