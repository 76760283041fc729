//! The keys of records, numbered, with the key that followed each last time.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::scan::starts_at;

/// Number of a key.
pub type Key = u32;

/// More different keys than any producer has: from there on, new ones are not numbered.
const MOST_KEYS: usize = 20_000;

/// Longer keys are not numbered either: no column has such a name.
const LONGEST_KEY: usize = 1100;

/// What a key may mean in a flat Windows event, by its name alone: see
/// [`json_windows`](super::super::json_windows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    EventId,
    Channel,
    /// A provider, which shows that the event has an origin.
    Provider,
    /// A provider under a name that others use too.
    SourceName,
    Timestamp,
    UtcTime,
    EventTime,
    Created,
    /// A sign of another shape, or a part that is more than a field.
    Other,
}

impl Role {
    fn of(name: &str) -> Role {
        match name {
            "EventID" | "EventId" | "event_id" => Role::EventId,
            "Channel" | "channel" | "LogName" => Role::Channel,
            "SourceName" | "Provider_Name" | "ProviderName" | "Provider" => Role::Provider,
            "source_name" => Role::SourceName,
            "@timestamp" => Role::Timestamp,
            "UtcTime" => Role::UtcTime,
            "EventTime" => Role::EventTime,
            "TimeCreated" | "SystemTime" => Role::Created,
            "log_name" | "record_number" | "EventData" | "UserData" | "event_data" | "user_data" => {
                Role::Other
            }
            _ if name.starts_with("winlog.") || name.starts_with("event_data.") => Role::Other,
            _ => Role::Plain,
        }
    }
}

#[derive(Debug)]
struct Entry {
    /// As it stood in a record: from its first quote to its colon.
    spelled: Spelled,
    name: Box<str>,
    role: Role,
    /// The keys that followed it last: events of two kinds often alternate.
    next: [Key; 2],
}

/// A few bytes, compared as one or two words instead of by a call.
#[derive(Debug)]
struct Spelled {
    bytes: Box<[u8]>,
    /// The first 16 bytes, and which of them count.
    head: u128,
    mask: u128,
    /// The last 16 bytes, where there are more than that.
    tail: u128,
}

const WORD: usize = 16;

impl Spelled {
    fn new(bytes: &[u8]) -> Self {
        let mut head = [0; WORD];
        let mut mask = [0; WORD];
        let first = bytes.len().min(WORD);
        head[..first].copy_from_slice(&bytes[..first]);
        mask[..first].fill(0xff);
        Spelled {
            bytes: bytes.into(),
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            tail: bytes.last_chunk().map_or(0, |last| u128::from_le_bytes(*last)),
        }
    }

    /// Whether it stands at `at`.
    #[inline]
    fn stands_at(&self, record: &[u8], at: usize) -> bool {
        let length = self.bytes.len();
        let Some(rest) = record
            .get(at..)
            .filter(|rest| rest.len() > 2 * WORD && length <= 2 * WORD)
        else {
            return starts_at(record, at, &self.bytes);
        };
        let word = |from: usize| {
            let bytes = rest[from..].first_chunk::<WORD>();
            u128::from_le_bytes(*bytes.expect("longer than two words"))
        };
        (word(0) ^ self.head) & self.mask == 0 && (length <= WORD || word(length - WORD) == self.tail)
    }
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    table: HashTable<Key>,
    hasher: foldhash::fast::FixedState,
    first: [Key; 2],
}

impl Keys {
    pub(super) fn name(&self, key: Key) -> &str {
        &self.entries[key as usize].name
    }

    pub(super) fn role(&self, key: Key) -> Role {
        self.entries[key as usize].role
    }

    /// The key that is likely to follow `last`, if it stands at `at` in `record`; and what follows its colon.
    #[inline]
    pub(super) fn guess(&self, record: &[u8], at: usize, last: Option<Key>) -> Option<(Key, usize)> {
        let keys = match last {
            Some(last) => self.entries[last as usize].next,
            None => self.first,
        };
        let stands = |key: Key| {
            let entry = self.entries.get(key as usize)?;
            entry
                .spelled
                .stands_at(record, at)
                .then(|| (key, at + entry.spelled.bytes.len()))
        };
        stands(keys[0]).or_else(|| stands(keys[1]))
    }

    /// The number of `name`, which stood in a record as `spelled` after `last`. `None` if it is new and
    /// there are too many already.
    pub(super) fn find(&mut self, name: &str, spelled: &[u8], last: Option<Key>) -> Option<Key> {
        let hash = self.hasher.hash_one(name);
        let known = self
            .table
            .find(hash, |&key| *self.entries[key as usize].name == *name);
        let key = match known {
            Some(&key) => key,
            None if self.entries.len() >= MOST_KEYS || spelled.len() > LONGEST_KEY => return None,
            None => {
                let key = Key::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry {
                    spelled: Spelled::new(spelled),
                    name: name.into(),
                    role: Role::of(name),
                    next: [key; 2],
                });
                let (entries, hasher) = (&self.entries, &self.hasher);
                self.table.insert_unique(hash, key, |&other| {
                    hasher.hash_one(&*entries[other as usize].name)
                });
                key
            }
        };
        let next = match last {
            Some(last) => &mut self.entries[last as usize].next,
            None => &mut self.first,
        };
        *next = [key, next[0]];
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_bytes_say() {
        let record: Vec<u8> = (0..100).collect();
        for length in 0..50_usize {
            for at in [0, 1, 40, 60, 67, 68, 90, 99, 100, 101] {
                for changed in [None, Some(0), Some(length / 2), Some(length.saturating_sub(1))] {
                    let mut bytes: Vec<u8> = (at as u8..).take(length).collect();
                    if let Some(byte) = changed.and_then(|changed| bytes.get_mut(changed)) {
                        *byte ^= 1;
                    }
                    let expected = record.get(at..).is_some_and(|rest| rest.starts_with(&bytes));
                    assert_eq!(
                        Spelled::new(&bytes).stands_at(&record, at),
                        expected,
                        "{at} {length}"
                    );
                }
            }
        }
    }
}
