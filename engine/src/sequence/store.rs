//! What is open, by key, and in which order keys were touched.
//!
//! A partial match is a chain of events from its last back to its first; where a fork made two of one, they share what
//! they have in common. Everything lies in slabs and names others by number, so that what is held is known to the byte.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::windows::keys::{self, Held};
use crate::windows::slab::Slab;

/// No number.
pub(super) const NONE: u32 = u32::MAX;

/// An event of a partial match.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Node<P> {
    time: i64,
    /// In two halves: whole it would cost alignment.
    id: [u64; 2],
    payload: P,
    /// The event in front of it.
    previous: u32,
    /// How many name it.
    named: u32,
}

/// A partial match.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Partial {
    /// The next of the same key, and the one in front.
    next: u32,
    previous: u32,
    /// Its last event.
    pub(super) node: u32,
    /// How far it has come.
    pub(super) stage: u16,
    /// The time of its first event.
    pub(super) first: i64,
    /// Of one that is on its way: when, before its first event, what must not come in front came last. Of a whole one
    /// that waits for its time to pass: its number among them.
    pub(super) mark: i64,
}

/// One key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) key: Held,
    /// Partial matches on their way.
    open: u32,
    /// Whole ones, which something must not follow.
    whole: u32,
    newer: u32,
    older: u32,
    touched: i64,
    /// When what must not come in front came last.
    pub(super) mark: i64,
    /// Whether it was touched again after it was made.
    again: bool,
    /// Whether the sample of this key is found.
    pub(super) done: bool,
}

/// Keys in the order in which they were touched.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Touched {
    newest: u32,
    oldest: u32,
    len: usize,
}

/// Which of an entry's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Open,
    Whole,
}

/// What is saved of it.
#[derive(Serialize)]
pub(super) struct Saved<'s, P>(
    &'s Slab<Entry>,
    &'s Slab<Partial>,
    &'s Slab<Node<P>>,
    [Touched; 2],
);

/// The same, to be taken up.
#[derive(Deserialize)]
pub(super) struct Loaded<P>(Slab<Entry>, Slab<Partial>, Slab<Node<P>>, [Touched; 2]);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Store<P> {
    table: HashTable<u32>,
    entries: Slab<Entry>,
    partials: Slab<Partial>,
    nodes: Slab<Node<P>>,
    /// Keys that were touched once, and those that were touched again.
    touched: [Touched; 2],
    /// Bytes beside those in slabs.
    heap: usize,
    weigh: fn(&P) -> usize,
}

/// Of keys that were touched again, this many are left alone for each that was touched once.
const KEPT_OF_AGAIN: usize = 7;

impl<P: Clone> Store<P> {
    pub(super) fn new(weigh: fn(&P) -> usize) -> Store<P> {
        let none = Touched {
            newest: NONE,
            oldest: NONE,
            len: 0,
        };
        Store {
            table: HashTable::new(),
            entries: Slab::default(),
            partials: Slab::default(),
            nodes: Slab::default(),
            touched: [none; 2],
            heap: 0,
            weigh,
        }
    }

    /// What is saved of it.
    pub(super) fn parts(&self) -> Saved<'_, P> {
        Saved(&self.entries, &self.partials, &self.nodes, self.touched)
    }

    /// Takes up what was saved.
    pub(super) fn restore(&mut self, Loaded(entries, partials, nodes, touched): Loaded<P>) {
        (self.entries, self.partials, self.nodes, self.touched) = (entries, partials, nodes, touched);
        let keys = self.entries.iter_mut().map(|(number, entry)| {
            self.heap += entry.key.heap_bytes();
            (number, keys::hash(entry.key.bytes()))
        });
        let keys: Vec<(u32, u64)> = keys.collect();
        for (number, hash) in keys {
            let entries = &self.entries;
            self.table.insert_unique(hash, number, |number| {
                let entry = entries.get(*number);
                entry.map_or(0, |entry| keys::hash(entry.key.bytes()))
            });
        }
        let payloads = self.nodes.iter_mut();
        self.heap += payloads
            .map(|(_, node)| (self.weigh)(&node.payload))
            .sum::<usize>();
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        self.entries.len() * (size_of::<Option<Entry>>() + 8)
            + self.partials.len() * size_of::<Option<Partial>>()
            + self.nodes.len() * size_of::<Option<Node<P>>>()
            + self.heap
    }

    pub(super) fn partials(&self) -> usize {
        self.partials.len()
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let is_it = |number: &u32| {
            let entry = self.entries.get(*number);
            entry.is_some_and(|entry| entry.key.bytes() == key)
        };
        self.table.find(keys::hash(key), is_it).copied()
    }

    /// A new key.
    pub(super) fn make(&mut self, key: &[u8], now: i64) -> u32 {
        let held = Held::new(key);
        self.heap += held.heap_bytes();
        let number = self.entries.insert(Entry {
            key: held,
            open: NONE,
            whole: NONE,
            newer: NONE,
            older: NONE,
            touched: now,
            mark: i64::MIN,
            again: false,
            done: false,
        });
        let entries = &self.entries;
        self.table.insert_unique(keys::hash(key), number, |number| {
            let entry = entries.get(*number);
            entry.map_or(0, |entry| keys::hash(entry.key.bytes()))
        });
        self.link(number);
        number
    }

    pub(super) fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(number)
    }

    pub(super) fn key(&self, number: u32) -> &[u8] {
        self.entries.get(number).map_or(&[], |entry| entry.key.bytes())
    }

    /// The key was touched once more.
    pub(super) fn touch(&mut self, number: u32, now: i64) {
        self.unlink(number);
        if let Some(entry) = self.entries.get_mut(number) {
            entry.touched = now;
            entry.again = true;
        }
        self.link(number);
    }

    fn link(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number) else {
            return;
        };
        let list = &mut self.touched[usize::from(entry.again)];
        (entry.newer, entry.older) = (NONE, list.newest);
        let before = std::mem::replace(&mut list.newest, number);
        list.len += 1;
        match self.entries.get_mut(before) {
            Some(before) => before.newer = number,
            None => list.oldest = number,
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(entry) = self.entries.get(number) else {
            return;
        };
        let (newer, older, list) = (entry.newer, entry.older, usize::from(entry.again));
        let list = &mut self.touched[list];
        list.len -= 1;
        match self.entries.get_mut(newer) {
            Some(newer) => newer.older = older,
            None => list.newest = older,
        }
        match self.entries.get_mut(older) {
            Some(older) => older.newer = newer,
            None => list.oldest = newer,
        }
    }

    /// The key to give up next: the one not touched for longest of those that were touched once, as long as they are not
    /// few. So a flood of keys that occur once does not push out those with a history.
    pub(super) fn least(&self) -> Option<u32> {
        let [once, again] = &self.touched;
        let least = match again.len > KEPT_OF_AGAIN * once.len {
            true => again.oldest,
            false => once.oldest,
        };
        (least != NONE).then_some(least)
    }

    /// A key that was not touched since `before`.
    pub(super) fn touched_before(&self, before: i64) -> Option<u32> {
        let mut oldest = self.touched.iter().map(|list| list.oldest);
        oldest.find(|number| {
            let entry = self.entries.get(*number);
            entry.is_some_and(|entry| entry.touched < before)
        })
    }

    /// Whether nothing is known of a key.
    pub(super) fn is_empty(&self, number: u32) -> bool {
        self.entries.get(number).is_none_or(|entry| {
            entry.open == NONE && entry.whole == NONE && entry.mark == i64::MIN && !entry.done
        })
    }

    /// Forgets a key; its partial matches must be gone.
    pub(super) fn forget(&mut self, number: u32) {
        self.unlink(number);
        let Some(entry) = self.entries.remove(number) else {
            return;
        };
        self.heap -= entry.key.heap_bytes();
        let hash = keys::hash(entry.key.bytes());
        if let Ok(place) = self.table.find_entry(hash, |known| *known == number) {
            place.remove();
        }
    }

    /// The partial matches of a key, by number.
    pub(super) fn partials_of(&self, number: u32, of: Of) -> impl Iterator<Item = (u32, &Partial)> {
        let entry = self.entries.get(number);
        let mut next = entry.map_or(NONE, |entry| match of {
            Of::Open => entry.open,
            Of::Whole => entry.whole,
        });
        std::iter::from_fn(move || {
            let partial = self.partials.get(next)?;
            let number = std::mem::replace(&mut next, partial.next);
            Some((number, partial))
        })
    }

    pub(super) fn partial(&mut self, number: u32) -> Option<&mut Partial> {
        self.partials.get_mut(number)
    }

    /// A partial match with `node` as its last event.
    pub(super) fn add(&mut self, entry: u32, of: Of, stage: u16, first: i64, mark: i64, node: u32) -> u32 {
        let Some(entry) = self.entries.get_mut(entry) else {
            return NONE;
        };
        let head = match of {
            Of::Open => &mut entry.open,
            Of::Whole => &mut entry.whole,
        };
        let number = self.partials.insert(Partial {
            next: *head,
            previous: NONE,
            node,
            stage,
            first,
            mark,
        });
        let next = std::mem::replace(head, number);
        if let Some(next) = self.partials.get_mut(next) {
            next.previous = number;
        }
        number
    }

    /// Takes a partial match out; its last event is the caller's.
    pub(super) fn take(&mut self, entry: u32, of: Of, number: u32) -> Option<Partial> {
        let partial = self.partials.remove(number)?;
        if let Some(next) = self.partials.get_mut(partial.next) {
            next.previous = partial.previous;
        }
        if let Some(previous) = self.partials.get_mut(partial.previous) {
            previous.next = partial.next;
        } else if let Some(entry) = self.entries.get_mut(entry) {
            match of {
                Of::Open => entry.open = partial.next,
                Of::Whole => entry.whole = partial.next,
            }
        }
        Some(partial)
    }

    /// Drops a partial match.
    pub(super) fn drop_partial(&mut self, entry: u32, of: Of, number: u32) {
        if let Some(partial) = self.take(entry, of, number) {
            self.release(partial.node);
        }
    }

    /// An event behind `previous`, which it takes over.
    pub(super) fn event(&mut self, time: i64, id: u128, payload: P, previous: u32) -> u32 {
        self.heap += (self.weigh)(&payload);
        self.nodes.insert(Node {
            time,
            id: [(id >> 64) as u64, id as u64],
            payload,
            previous,
            named: 1,
        })
    }

    /// When and which event it is.
    pub(super) fn event_at(&self, node: u32) -> Option<(i64, u128)> {
        let node = self.nodes.get(node)?;
        Some((node.time, whole(node.id)))
    }

    /// One more names this event.
    pub(super) fn share(&mut self, node: u32) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.named += 1;
        }
    }

    /// One less names this event; what nobody names is gone.
    pub(super) fn release(&mut self, mut node: u32) {
        while let Some(event) = self.nodes.get_mut(node) {
            event.named -= 1;
            if event.named > 0 {
                return;
            }
            match self.nodes.remove(node) {
                Some(event) => {
                    self.heap -= (self.weigh)(&event.payload);
                    node = event.previous;
                }
                None => return,
            }
        }
    }

    /// The events up to this one, first to last, which is then released.
    pub(super) fn events(&mut self, last: u32) -> Vec<(i64, u128, P)> {
        let mut events = Vec::new();
        let mut node = last;
        while let Some(event) = self.nodes.get(node) {
            events.push((event.time, whole(event.id), event.payload.clone()));
            node = event.previous;
        }
        self.release(last);
        events.reverse();
        events
    }
}

fn whole(id: [u64; 2]) -> u128 {
    (u128::from(id[0]) << 64) | u128::from(id[1])
}
