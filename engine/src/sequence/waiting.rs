//! Hits that wait for their time.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use serde::{Deserialize, Serialize};

/// A hit that waits. Their order is that in which hits are worked off; payloads do not take part.
#[derive(Debug, Serialize, Deserialize)]
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
}

impl<P> PartialEq for Waiting<P> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<P> Eq for Waiting<P> {}

impl<P> PartialOrd for Waiting<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Waiting<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// Hits by their order. Those that come in order cost nothing to speak of.
#[derive(Debug)]
pub(super) struct Queue<P> {
    /// Each came after the one in front of it.
    in_order: VecDeque<Waiting<P>>,
    /// The others.
    heap: BinaryHeap<Reverse<Waiting<P>>>,
    /// Bytes beside those of the hits themselves.
    heap_bytes: usize,
    weigh: fn(&P) -> usize,
}

impl<P> Queue<P> {
    pub(super) fn new(weigh: fn(&P) -> usize) -> Queue<P> {
        Queue {
            in_order: VecDeque::new(),
            heap: BinaryHeap::new(),
            heap_bytes: 0,
            weigh,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_order.len() + self.heap.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.len() * size_of::<Waiting<P>>() + self.heap_bytes
    }

    fn bytes_of(&self, hit: &Waiting<P>) -> usize {
        hit.key.len() + (self.weigh)(&hit.payload)
    }

    pub(super) fn push(&mut self, hit: Waiting<P>) {
        self.heap_bytes += self.bytes_of(&hit);
        match self.in_order.back() {
            Some(last) if *last > hit => self.heap.push(Reverse(hit)),
            _ => self.in_order.push_back(hit),
        }
    }

    /// The time and the id of the first hit.
    pub(super) fn first(&self) -> Option<(i64, [u64; 2])> {
        let heap = self.heap.peek().map(|Reverse(hit)| hit);
        let first = self.in_order.front().into_iter().chain(heap).min()?;
        Some((first.time, first.id))
    }

    /// Takes the first hit out.
    pub(super) fn pop(&mut self) -> Option<Waiting<P>> {
        let in_order = match (self.in_order.front(), self.heap.peek()) {
            (Some(first), Some(Reverse(other))) => first <= other,
            (first, _) => first.is_some(),
        };
        let hit = match in_order {
            true => self.in_order.pop_front()?,
            false => self.heap.pop()?.0,
        };
        self.heap_bytes -= self.bytes_of(&hit);
        Some(hit)
    }

    /// Puts all in order at once, which is cheaper than taking them out one by one if all are to go.
    pub(super) fn sort(&mut self) {
        if !self.heap.is_empty() {
            let heap = std::mem::take(&mut self.heap).into_vec();
            let mut all: Vec<_> = std::mem::take(&mut self.in_order).into();
            all.extend(heap.into_iter().map(|Reverse(hit)| hit));
            // Runs that ascend are common, and the stable sort uses them.
            all.sort();
            self.in_order = all.into();
        }
    }

    /// How many hits are not below `limit`.
    pub(super) fn not_below(&self, limit: i64) -> usize {
        self.all().filter(|hit| hit.time >= limit).count()
    }

    /// Gives back room that a flood has left behind.
    pub(super) fn shrink(&mut self) {
        if self.in_order.capacity() > 4 * self.in_order.len().max(64) {
            self.in_order.shrink_to(2 * self.in_order.len());
        }
        if self.heap.capacity() > 4 * self.heap.len().max(64) {
            self.heap.shrink_to(2 * self.heap.len());
        }
    }

    /// All of them; pushed in this order they make the same queue.
    pub(super) fn all(&self) -> impl Iterator<Item = &Waiting<P>> {
        let heap = self.heap.iter().map(|Reverse(hit)| hit);
        self.in_order.iter().chain(heap)
    }

    /// The time up to which a quarter of the hits lie.
    pub(super) fn oldest_quarter(&self) -> Option<i64> {
        let mut times: Vec<i64> = self.all().map(|hit| hit.time).collect();
        let place = times.len() / 4;
        (place < times.len()).then(|| *times.select_nth_unstable(place).1)
    }

    /// Drops the later half of the hits after `reached`; how many.
    pub(super) fn drop_latest(&mut self, reached: i64) -> u64 {
        let ahead = self.all().filter(|hit| hit.time > reached).count();
        if ahead == 0 {
            return 0;
        }
        let dropped = ahead.div_ceil(2);
        self.sort();
        let kept = self.in_order.len() - dropped;
        for hit in self.in_order.split_off(kept) {
            self.heap_bytes -= self.bytes_of(&hit);
        }
        dropped as u64
    }
}
