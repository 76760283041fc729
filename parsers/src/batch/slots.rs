//! From native names to columns, fast: the name that followed last time is guessed first.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::texts::same;

/// Where the value of a native name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The event's time.
    Time,
    /// A standard column that only the builder writes: the value goes to `unmapped`.
    Reserved,
    /// No column any more: the value goes to `unmapped`.
    OverLimit,
    /// A column, by index.
    Column(u32),
    /// A column, by index, and the number under which filled columns want the value kept.
    Kept(u32, u32),
}

struct Slot {
    native: Box<str>,
    target: Target,
    /// The slot that was asked for after this one.
    next: u32,
}

/// Names of a parser stand at few places: most are its own constants.
const PLACES: usize = 256;

/// All native names met so far.
pub(super) struct Slots {
    slots: Vec<Slot>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    /// The slots asked for last, by where their names stood in memory.
    places: [u32; PLACES],
    /// The slot that an event starts with.
    first: u32,
    /// The slot asked for last in this event.
    last: Option<u32>,
}

impl Default for Slots {
    fn default() -> Self {
        Slots {
            slots: Vec::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::FixedState::default(),
            places: [0; PLACES],
            first: 0,
            last: None,
        }
    }
}

impl Slots {
    /// A new event begins.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }

    /// The target of `native`; `None` if it is new.
    #[inline]
    pub(super) fn find(&mut self, native: &str) -> Option<Target> {
        let guess = match self.last {
            Some(last) => self.slots[last as usize].next,
            None => self.first,
        };
        if let Some(slot) = self.slots.get(guess as usize)
            && same(slot.native.as_bytes(), native.as_bytes())
        {
            self.last = Some(guess);
            return Some(slot.target);
        }
        // Another may stand there by now: the name decides.
        let place = (native.as_ptr().addr() >> 2 ^ native.len()) % PLACES;
        let guess = self.places[place];
        if let Some(slot) = self.slots.get(guess as usize)
            && same(slot.native.as_bytes(), native.as_bytes())
        {
            let target = slot.target;
            self.follow(guess);
            return Some(target);
        }
        let hash = self.hasher.hash_one(native);
        let found = *self
            .table
            .find(hash, |&slot| *self.slots[slot as usize].native == *native)?;
        self.places[place] = found;
        self.follow(found);
        Some(self.slots[found as usize].target)
    }

    /// Remembers that `slot` came after the last one.
    fn follow(&mut self, slot: u32) {
        match self.last {
            Some(last) => self.slots[last as usize].next = slot,
            None => self.first = slot,
        }
        self.last = Some(slot);
    }

    /// Adds a name that [`find`](Slots::find) did not find.
    pub(super) fn add(&mut self, native: &str, target: Target) {
        let slot = u32::try_from(self.slots.len()).expect("names are bounded by the text of a block");
        self.slots.push(Slot {
            native: Box::from(native),
            target,
            next: 0,
        });
        let hash = self.hasher.hash_one(native);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.table.insert_unique(hash, slot, |&other| {
            hasher.hash_one(&*slots[other as usize].native)
        });
        self.follow(slot);
    }

    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Where fields go whose names are constants of their parsers: known by where the name stands in memory, as no other text
/// ever stands there. The last one at each place.
pub(super) struct Constants(Box<[Constant; PLACES]>);

#[derive(Clone, Copy)]
struct Constant {
    address: usize,
    length: u32,
    target: Target,
}

impl Default for Constants {
    fn default() -> Self {
        let none = Constant {
            address: 0,
            length: 0,
            target: Target::Reserved,
        };
        Constants(Box::new([none; PLACES]))
    }
}

impl Constants {
    #[inline(always)]
    fn place(name: &str) -> (usize, usize) {
        let address = name.as_ptr().addr();
        (address, (address >> 2 ^ name.len()) % PLACES)
    }

    #[inline(always)]
    pub(super) fn find(&self, name: &str) -> Option<Target> {
        let (address, place) = Constants::place(name);
        let known = &self.0[place];
        (known.address == address && known.length as usize == name.len()).then_some(known.target)
    }

    pub(super) fn add(&mut self, name: &str, target: Target) {
        let (address, place) = Constants::place(name);
        self.0[place] = Constant {
            address,
            length: name.len() as u32,
            target,
        };
    }
}
