//! One plan and one tenant: the hits that wait for their time, and what became of those before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Found;
use super::plan::Shape;
use super::run::Run;

/// A hit that waits. Their order is that in which hits are worked off; payloads do not take part.
#[derive(Debug)]
pub(super) struct Waiting<P> {
    pub(super) time: i64,
    /// In two halves: whole it would cost alignment.
    pub(super) id: [u64; 2],
    pub(super) key: Box<[u8]>,
    pub(super) step: u16,
    pub(super) payload: P,
}

impl<P> Waiting<P> {
    fn place(&self) -> (i64, [u64; 2], &[u8], u16) {
        (self.time, self.id, &self.key, self.step)
    }

    /// Whether both are of the same event and key.
    pub(super) fn is_with(&self, other: &Waiting<P>) -> bool {
        (self.time, self.id, &self.key) == (other.time, other.id, &other.key)
    }

    fn bytes(&self, weigh: fn(&P) -> usize) -> usize {
        size_of::<Waiting<P>>() + self.key.len() + weigh(&self.payload)
    }
}

impl<P> PartialEq for Waiting<P> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<P> Eq for Waiting<P> {}

impl<P> PartialOrd for Waiting<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Waiting<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Machine<P> {
    waiting: BinaryHeap<Reverse<Waiting<P>>>,
    waiting_bytes: usize,
    pub(super) run: Run<P>,
    /// Everything below is worked off.
    limit: i64,
    weigh: fn(&P) -> usize,
}

/// Whether a hit of `time` is worked off at `limit`. The highest limit is the end, and lets everything through.
fn is_due(time: i64, limit: i64) -> bool {
    time < limit || limit == i64::MAX
}

impl<P: Clone> Machine<P> {
    pub(super) fn new(shape: Arc<Shape>, number: u32, tenant: u32, weigh: fn(&P) -> usize) -> Machine<P> {
        Machine {
            waiting: BinaryHeap::new(),
            waiting_bytes: 0,
            run: Run::new(shape, number, tenant, weigh),
            limit: i64::MIN,
            weigh,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.waiting_bytes + self.run.bytes()
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit
    }

    pub(super) fn push(&mut self, hit: Waiting<P>) {
        self.waiting_bytes += hit.bytes(self.weigh);
        self.waiting.push(Reverse(hit));
    }

    /// Works off what lies below `limit`.
    pub(super) fn advance(&mut self, limit: i64, found: &mut dyn FnMut(Found<P>)) {
        if limit <= self.limit {
            return;
        }
        self.limit = limit;
        if limit == i64::MAX {
            // All at once: sorting is cheaper than taking them out one by one.
            let all = std::mem::take(&mut self.waiting).into_sorted_vec();
            self.waiting_bytes = 0;
            self.run
                .take(all.into_iter().rev().map(|Reverse(hit)| hit), found);
        } else {
            let (waiting, bytes, weigh) = (&mut self.waiting, &mut self.waiting_bytes, self.weigh);
            let due = std::iter::from_fn(|| {
                let Reverse(first) = waiting.peek()?;
                if !is_due(first.time, limit) {
                    return None;
                }
                let Reverse(hit) = waiting.pop()?;
                *bytes -= hit.bytes(weigh);
                Some(hit)
            });
            self.run.take(due, found);
            if self.waiting.capacity() > 4 * self.waiting.len().max(64) {
                self.waiting.shrink_to(self.waiting.len() * 2);
            }
        }
        self.run.settle(limit, found);
    }

    /// Up to which time hits would have to be released for a quarter of them to go. `None` where few of the bytes are in
    /// hits that wait: then that would only take their time from those that are still to come.
    pub(super) fn oldest_quarter(&self) -> Option<i64> {
        if self.waiting.is_empty() || self.waiting_bytes < self.run.bytes() / 4 {
            return None;
        }
        let mut times: Vec<i64> = self.waiting.iter().map(|Reverse(hit)| hit.time).collect();
        let place = times.len() / 4;
        Some(*times.select_nth_unstable(place).1)
    }

    /// How many hits wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Drops hits after `reached`, the later half of them; how many.
    pub(super) fn drop_latest(&mut self, reached: i64) -> u64 {
        let ahead = self
            .waiting
            .iter()
            .filter(|Reverse(hit)| hit.time > reached)
            .count();
        if ahead == 0 {
            return 0;
        }
        let mut hits = std::mem::take(&mut self.waiting).into_vec();
        // In reverse: the first of these are the latest.
        hits.sort_unstable();
        let dropped = ahead.div_ceil(2);
        for Reverse(hit) in hits.drain(..dropped) {
            self.waiting_bytes -= hit.bytes(self.weigh);
        }
        self.waiting = hits.into();
        dropped as u64
    }
}
