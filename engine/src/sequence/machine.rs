//! One plan and one tenant: the hits that wait for their time, and what became of those before.

use std::sync::Arc;

use super::Found;
use super::plan::Shape;
use super::run::{self, Run};
use super::waiting::{Queue, Waiting};

/// So many hits are worked off before memory is looked at again.
const AT_A_TIME: usize = 1024;

/// What was saved of it, to be taken up: what waits, what is open, how far it has come.
pub(super) type Loaded<P> = (Vec<Waiting<P>>, run::Loaded<P>, i64);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Machine<P> {
    queue: Queue<P>,
    pub(super) run: Run<P>,
    /// Everything below is worked off. The highest limit is the end, and lets everything through.
    limit: i64,
}

impl<P: Clone> Machine<P> {
    pub(super) fn new(shape: Arc<Shape>, number: u32, tenant: u32, weigh: fn(&P) -> usize) -> Machine<P> {
        Machine {
            queue: Queue::new(weigh),
            run: Run::new(shape, number, tenant, weigh),
            limit: i64::MIN,
        }
    }

    /// What is saved of it: what waits, what is open, how far it has come.
    pub(super) fn parts(&self) -> (Vec<&Waiting<P>>, run::Saved<'_, P>, i64) {
        (self.queue.all().collect(), self.run.parts(), self.limit)
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, (waiting, run, limit): Loaded<P>) {
        for hit in waiting {
            self.queue.push(hit);
        }
        self.run.restore(run);
        self.limit = limit;
    }

    pub(super) fn bytes(&self) -> usize {
        self.queue.bytes() + self.run.bytes()
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit
    }

    pub(super) fn push(&mut self, hit: Waiting<P>) {
        self.queue.push(hit);
    }

    /// Works off what lies below `limit`, [`AT_A_TIME`] hits of it. Whether that was all.
    pub(super) fn advance(&mut self, limit: i64, found: &mut dyn FnMut(Found<P>)) -> bool {
        if limit <= self.limit {
            return true;
        }
        if limit == i64::MAX {
            self.queue.sort();
        }
        let is_due = |time: i64| time < limit || limit == i64::MAX;
        let queue = &mut self.queue;
        let (mut taken, mut last) = (0, None);
        let some = std::iter::from_fn(|| {
            let first = queue.first().filter(|(time, _)| is_due(*time))?;
            // All steps of an event are worked off together.
            if taken >= AT_A_TIME && last != Some(first) {
                return None;
            }
            (taken, last) = (taken + 1, Some(first));
            queue.pop()
        });
        self.run.take(some, found);
        if self.queue.first().is_some_and(|(time, _)| is_due(time)) {
            return false;
        }
        self.limit = limit;
        self.queue.shrink();
        self.run.settle(limit, found);
        true
    }

    /// How many hits wait that are not below `limit`.
    pub(super) fn waiting(&self, limit: i64) -> usize {
        self.queue.not_below(limit)
    }

    /// Up to which time hits would have to be released for a quarter of them to go. `None` where few of the bytes are in
    /// hits that wait: then that would only take their time from those that are still to come.
    pub(super) fn oldest_quarter(&self) -> Option<i64> {
        match self.queue.bytes() < self.run.bytes() / 4 {
            true => None,
            false => self.queue.oldest_quarter(),
        }
    }

    /// Drops hits dated after `reached`, the later half of them; how many.
    pub(super) fn drop_latest(&mut self, reached: i64) -> u64 {
        self.queue.drop_latest(reached)
    }
}
