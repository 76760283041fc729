//! The distinct texts of a column while it grows.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Texts end to end, each with a number; equal ones have one number as long as that pays.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Half of the hash, so that growing needs no second look at the texts, and the text's number.
    table: HashTable<(u32, u32)>,
    hasher: foldhash::fast::FixedState,
    /// Look-ups.
    asked: usize,
    /// Values hardly repeat: no more look-ups, each value is a new text.
    plain: bool,
}

/// Look-ups after which it is asked whether values repeat, and again whenever they have doubled.
const SAMPLE: usize = 2048;

fn spread(half: u32) -> u64 {
    // The table wants entropy in the highest bits and the lowest.
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number as u32))
    }

    /// Bytes of all texts.
    pub(super) fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether equal texts may have several numbers.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8 + self.table.capacity() * 10
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
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        u32::try_from(self.ends.len() - 1).expect("rows that wait are far fewer than u32::MAX")
    }
}
