//! The distinct texts of a column while it grows.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Texts, each with a number; equal ones have one number as long as that pays.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Texts end to end, each whole in one block. None grows once it is full: to move texts to a larger place, again and
    /// again, takes as long as to look them up.
    blocks: Vec<Vec<u8>>,
    places: Vec<Place>,
    /// Of all texts.
    bytes: usize,
    /// Of all blocks.
    room: usize,
    /// Half of the hash, so that growing needs no second look at the texts, and the text's number.
    table: HashTable<(u32, u32)>,
    hasher: foldhash::fast::FixedState,
    /// Look-ups.
    asked: usize,
    /// Values hardly repeat: no more look-ups, each value is a new text.
    plain: bool,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    start: u32,
    length: u32,
}

/// Bytes of the first block, and of the largest: each has as much room as all before it, within these.
const SMALLEST_BLOCK: usize = 256;
const LARGEST_BLOCK: usize = 1 << 20;

/// Look-ups after which it is asked whether values repeat, and again whenever they have doubled.
const SAMPLE: usize = 2048;

fn spread(half: u32) -> u64 {
    // The table wants entropy in the highest bits and the lowest.
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        let place = &self.places[number as usize];
        &self.blocks[place.block as usize][place.start as usize..][..place.length as usize]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number as u32))
    }

    /// Bytes of all texts.
    pub(super) fn total_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether equal texts may have several numbers.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) fn memory(&self) -> usize {
        self.room
            + self.blocks.capacity() * size_of::<Vec<u8>>()
            + self.places.capacity() * size_of::<Place>()
            + self.table.capacity() * 10
    }

    /// The text's number.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if self.plain {
            return self.append(text.as_bytes());
        }
        self.asked += 1;
        if self.asked >= SAMPLE && self.asked.is_power_of_two() && self.len() > self.asked / 16 * 15 {
            self.plain = true;
            self.table = HashTable::new();
            return self.append(text.as_bytes());
        }
        let half = (self.hasher.hash_one(text) >> 32) as u32;
        let found = self.table.find(spread(half), |&(other, number)| {
            other == half && self.get(number) == text.as_bytes()
        });
        if let Some(&(_, number)) = found {
            return number;
        }
        let number = self.append(text.as_bytes());
        self.table
            .insert_unique(spread(half), (half, number), |&(half, _)| spread(half));
        number
    }

    fn append(&mut self, text: &[u8]) -> u32 {
        let fits = |block: &Vec<u8>| block.capacity() - block.len() >= text.len();
        if !self.blocks.last().is_some_and(fits) {
            let room = self.room.clamp(SMALLEST_BLOCK, LARGEST_BLOCK).max(text.len());
            let block = Vec::with_capacity(room);
            self.room += block.capacity();
            self.blocks.push(block);
        }
        let last = self.blocks.len() - 1;
        let block = &mut self.blocks[last];
        let start = block.len();
        block.extend_from_slice(text);
        self.bytes += text.len();
        let small =
            |number: usize| u32::try_from(number).expect("a record has 64 MiB, rows that wait are few");
        self.places.push(Place {
            block: small(last),
            start: small(start),
            length: small(text.len()),
        });
        small(self.places.len() - 1)
    }
}
