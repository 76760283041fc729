//! The events of a group that windows still need, in order of time.

use serde::{Deserialize, Serialize};

use super::fetch::fetch;

/// Entries that are asked for before they are needed: what lies behind them comes by itself as they are read.
const FETCHED: usize = 16;

/// One event in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Event time in microseconds.
    pub time: i64,
    pub(super) id: [u64; 2],
    /// The hash of its value, or the bits of its number; 0 where neither is asked for.
    pub value: u64,
    /// Which of the correlation's rules it is of.
    pub slot: u16,
}

impl Entry {
    /// An event of the rule at position `slot`.
    pub fn new(time: i64, id: u128, slot: u16, value: u64) -> Entry {
        Entry {
            time,
            id: [(id >> 64) as u64, id as u64],
            value,
            slot,
        }
    }

    /// Whether both count as one. Where rules do not count each for itself, an event that several of them match is one
    /// event.
    pub(super) fn is_same(&self, other: &Entry, by_rule: bool) -> bool {
        let place = |entry: &Entry| (entry.time, entry.id, entry.value);
        place(self) == place(other) && (!by_rule || self.slot == other.slot)
    }

    /// The event's id.
    pub fn id(&self) -> u128 {
        (u128::from(self.id[0]) << 64) | u128::from(self.id[1])
    }
}

/// Entries in three parts: those that have left the window (about to be forgotten), those in it, and those to come.
///
/// *Invariants*: `tail <= head <= entries.len()`; entries before `head` ascend and are below the time up to which the
/// group was worked off; entries from `head` on are not below it, and ascend if `sorted`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Log {
    entries: Vec<Entry>,
    tail: u32,
    head: u32,
    sorted: bool,
}

impl Log {
    pub(super) fn new(first: Entry) -> Log {
        Log {
            entries: vec![first],
            tail: 0,
            head: 0,
            sorted: true,
        }
    }

    /// Puts an entry behind the others. `false`: it is there already.
    pub(super) fn push(&mut self, entry: Entry, by_rule: bool) -> bool {
        let head = self.head as usize;
        if let Some(last) = self.entries[head..].last_mut() {
            if last.is_same(&entry, by_rule) {
                // Of the rules that match an event, the first.
                *last = entry.min(*last);
                return false;
            }
            self.sorted &= *last < entry;
        } else {
            self.sorted = true;
        }
        self.entries.push(entry);
        true
    }

    /// Puts the entries to come in order; each stays once. How many were there twice.
    pub(super) fn sort(&mut self, by_rule: bool) -> usize {
        if self.sorted {
            return 0;
        }
        self.sorted = true;
        let head = self.head as usize;
        // Runs that ascend are common (each input in order), and the standard library's stable sort uses them.
        self.entries[head..].sort();
        let before = self.entries.len();
        let mut kept = head;
        for index in head..before {
            if index == head || !self.entries[index].is_same(&self.entries[kept - 1], by_rule) {
                self.entries[kept] = self.entries[index];
                kept += 1;
            }
        }
        self.entries.truncate(kept);
        before - kept
    }

    pub(super) fn within(&self) -> &[Entry] {
        &self.entries[self.tail as usize..self.head as usize]
    }

    pub(super) fn pending(&self) -> &[Entry] {
        &self.entries[self.head as usize..]
    }

    /// Those within the window and those to come.
    pub(super) fn needed(&self) -> &[Entry] {
        &self.entries[self.tail as usize..]
    }

    /// Entries that are needed.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.tail as usize
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Asks for the memory to which the next entry goes.
    pub(super) fn fetch_end(&self) {
        if let Some(last) = self.entries.last() {
            fetch(last);
        }
    }

    /// Asks for the memory of the entries that are needed, if they are few.
    pub(super) fn fetch_all(&self) {
        let needed = self.needed();
        fetch(&needed[..needed.len().min(FETCHED)]);
    }

    /// The oldest entry leaves the window.
    pub(super) fn leave(&mut self) -> Option<Entry> {
        let entry = *self.within().first()?;
        self.tail += 1;
        Some(entry)
    }

    /// The next entry enters the window.
    pub(super) fn enter(&mut self) -> Option<Entry> {
        let entry = *self.pending().first()?;
        self.head += 1;
        Some(entry)
    }

    /// Forgets what has left, where that is worth moving the rest.
    pub(super) fn trim(&mut self) {
        let tail = self.tail as usize;
        if tail * 2 < self.entries.len() || tail == 0 {
            return;
        }
        self.entries.drain(..tail);
        self.head -= self.tail;
        self.tail = 0;
        if self.entries.capacity() > 4 * self.entries.len().max(2) {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }
}
