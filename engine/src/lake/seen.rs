//! Which ids wait already, at next to no cost while they ascend.
//!
//! The ids of a source ascend as it is read ([`event_id`](borzoi_parsers::frame::event_id): place, offset,
//! hash), so an id above all that came from its place is new. The first one that is not makes everything that
//! waits be remembered one by one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::ranges::source_of;

/// The ids of rows that wait for one flush of a table.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The greatest id of each source.
    greatest: HashMap<u64, u128, foldhash::fast::FixedState>,
    /// All of them, once it is not enough to know the greatest.
    all: Option<HashSet<u128, foldhash::fast::FixedState>>,
}

impl Seen {
    /// Takes the id of a row. `false` if it was there already. `waiting` gives all ids taken before.
    pub(super) fn insert<I: IntoIterator<Item = u128>>(
        &mut self,
        id: u128,
        waiting: impl FnOnce() -> I,
    ) -> bool {
        if let Some(all) = &mut self.all {
            return all.insert(id);
        }
        match self.greatest.entry(source_of(id)) {
            Entry::Vacant(entry) => {
                entry.insert(id);
                return true;
            }
            Entry::Occupied(mut entry) if *entry.get() < id => {
                entry.insert(id);
                return true;
            }
            Entry::Occupied(_) => {}
        }
        let all = self.all.insert(waiting().into_iter().collect());
        all.insert(id)
    }

    pub(super) fn memory(&self) -> usize {
        // A slot has an id and a control byte.
        self.greatest.capacity() * 33 + self.all.as_ref().map_or(0, |all| all.capacity() * 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(ids: &[u128]) -> (Vec<bool>, Seen) {
        let mut seen = Seen::default();
        let new = (0..ids.len())
            .map(|row| seen.insert(ids[row], || ids[..row].to_vec()))
            .collect();
        (new, seen)
    }

    #[test]
    fn ascending_ids_of_several_sources_need_no_set() {
        let id = |source: u128, offset: u128| source << 72 | offset;
        let (new, seen) = inserted(&[id(9, 1), id(2, 7), id(9, 2), id(2, 8), id(0, 0)]);
        assert_eq!(new, [true; 5]);
        assert!(seen.all.is_none());
    }

    #[test]
    fn a_repeat_is_found_wherever_it_is() {
        let (new, _) = inserted(&[5, 3, 5, 9, 4, 3, 9, 10]);
        assert_eq!(new, [true, true, false, true, true, false, false, true]);
    }
}
