//! Texts kept once each, one behind the other.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Number of a text within [`Texts`]; 0 is the empty one.
pub(super) type TextNumber = u32;

/// Texts by number.
#[derive(Debug)]
pub(super) struct Texts {
    bytes: String,
    /// Where each text ends.
    ends: Vec<u64>,
}

/// [`Texts`] in the making: finds those that are there.
#[derive(Debug)]
pub(super) struct TextsBuilder {
    texts: Texts,
    by_text: HashTable<TextNumber>,
}

impl Texts {
    pub(super) fn get(&self, number: TextNumber) -> &str {
        let number = number as usize;
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[number] as usize]
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u64>()
    }
}

impl Default for TextsBuilder {
    fn default() -> Self {
        TextsBuilder {
            texts: Texts {
                bytes: String::new(),
                ends: vec![0],
            },
            by_text: HashTable::new(),
        }
    }
}

impl TextsBuilder {
    /// The number of a text; `None` if there are as many as there can be.
    pub(super) fn number(&mut self, text: &str) -> Option<TextNumber> {
        if text.is_empty() {
            return Some(0);
        }
        let hash = xxh3_64(text.as_bytes());
        let TextsBuilder { texts, by_text } = self;
        if let Some(&known) = by_text.find(hash, |&number| texts.get(number) == text) {
            return Some(known);
        }
        let number = u32::try_from(texts.ends.len())
            .ok()
            .filter(|number| *number < u32::MAX)?;
        texts.bytes.push_str(text);
        texts.ends.push(texts.bytes.len() as u64);
        by_text.insert_unique(hash, number, |&number| xxh3_64(texts.get(number).as_bytes()));
        Some(number)
    }

    pub(super) fn finish(mut self) -> Texts {
        self.texts.bytes.shrink_to_fit();
        self.texts.ends.shrink_to_fit();
        self.texts
    }
}
