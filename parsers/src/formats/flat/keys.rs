//! The keys of records, numbered, with the key that followed each last time.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Number of a key.
pub type Key = u32;

/// More different keys than any producer has: from there on, new ones are not numbered.
const MOST_KEYS: usize = 20_000;

/// Longer keys are not numbered either: no column has such a name.
const LONGEST_KEY: usize = 1100;

/// What a key may mean in a flat Windows event, by its name alone: see
/// [`json_windows`](super::super::json_windows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
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

/// What a guess needs to know of a key: one line of the cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Guess<R> {
    /// The first 16 bytes of how it stood in a record, from its first quote to its colon, and which of them count.
    head: u128,
    mask: u128,
    /// The last 16 bytes, where there are more than that.
    tail: u128,
    /// Bytes in all.
    length: u32,
    /// The keys that followed it last: events of two kinds often alternate.
    next: [Key; 2],
    role: R,
}

const WORD: usize = 16;

/// A guess looks at so many bytes of the record; longer keys are compared byte by byte.
const LOOKED_AT: usize = 2 * WORD;

/// What a guess is compared with: enough for a key that is looked at, and the beginning of its value.
pub(crate) type Window = [u8; 3 * WORD];

impl<R> Guess<R> {
    fn new(bytes: &[u8], key: Key, role: R) -> Self {
        let mut head = [0; WORD];
        let mut mask = [0; WORD];
        let first = bytes.len().min(WORD);
        head[..first].copy_from_slice(&bytes[..first]);
        mask[..first].fill(0xff);
        Guess {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            tail: bytes.last_chunk().map_or(0, |last| u128::from_le_bytes(*last)),
            length: bytes.len() as u32,
            next: [key; 2],
            role,
        }
    }

    /// Whether it stands at the beginning of `bytes`; a key of more bytes than [`LOOKED_AT`] is not found.
    #[inline(always)]
    fn stands_at(&self, bytes: &Window) -> bool {
        let length = self.length as usize;
        let word = |from: usize| {
            let word = bytes[from..].first_chunk::<WORD>();
            u128::from_le_bytes(*word.expect("a window is longer than a word and the longest key looked at"))
        };
        (word(0) ^ self.head) & self.mask == 0
            && (length <= WORD || length <= LOOKED_AT && word(length - WORD) == self.tail)
    }
}

/// See the [module](self). `R` is what a key means to its reader, found out by its name alone.
pub(crate) struct Keys<R = Role> {
    guesses: Vec<Guess<R>>,
    /// The name of each, and how it stood in a record.
    names: Vec<(Box<str>, Box<[u8]>)>,
    table: HashTable<Key>,
    hasher: foldhash::fast::FixedState,
    first: [Key; 2],
    role_of: fn(&str) -> R,
}

impl Default for Keys {
    fn default() -> Self {
        Keys::new(Role::of)
    }
}

impl<R: Copy> Keys<R> {
    /// No keys yet; `role_of` says what one means.
    pub(crate) fn new(role_of: fn(&str) -> R) -> Self {
        Keys {
            guesses: Vec::new(),
            names: Vec::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::FixedState::default(),
            first: [0; 2],
            role_of,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn name(&self, key: Key) -> &str {
        &self.names[key as usize].0
    }

    pub(crate) fn role(&self, key: Key) -> R {
        self.guesses[key as usize].role
    }

    /// The keys that are likely to follow `last`, or to be the first.
    #[inline(always)]
    pub(crate) fn followers(&self, last: Option<Key>) -> [Key; 2] {
        match last {
            Some(last) => self.guesses[last as usize].next,
            None => self.first,
        }
    }

    /// Which of two keys, of at most [`LOOKED_AT`] bytes, stands at the beginning of `bytes`; how long it is with its
    /// colon, and its role.
    #[inline(always)]
    pub(crate) fn guess(&self, bytes: &Window, keys: [Key; 2]) -> Option<(Key, usize, R)> {
        self.guess_one(bytes, keys[0])
            .or_else(|| self.guess_one(bytes, keys[1]))
    }

    /// As [`Keys::guess`], for one key.
    #[inline(always)]
    pub(crate) fn guess_one(&self, bytes: &Window, key: Key) -> Option<(Key, usize, R)> {
        let guess = self.guesses.get(key as usize)?;
        guess
            .stands_at(bytes)
            .then_some((key, guess.length as usize, guess.role))
    }

    /// How long a key is with its colon.
    #[inline(always)]
    pub(crate) fn length(&self, key: Key) -> Option<usize> {
        self.guesses.get(key as usize).map(|guess| guess.length as usize)
    }

    /// As [`Keys::guess`], for keys of any length, and near the end of a record.
    pub(crate) fn guess_slowly(&self, bytes: &[u8], keys: [Key; 2]) -> Option<(Key, usize, R)> {
        keys.into_iter().find_map(|key| {
            let (_, spelled) = self.names.get(key as usize)?;
            let stands = bytes.starts_with(spelled);
            stands.then(|| (key, spelled.len(), self.role(key)))
        })
    }

    /// The number of `name`, which stood in a record as `spelled` after `last`. `None` if it is new and
    /// there are too many already.
    pub(super) fn find(&mut self, name: &str, spelled: &[u8], last: Option<Key>) -> Option<Key> {
        let may_be_new = self.names.len() < MOST_KEYS && spelled.len() <= LONGEST_KEY;
        self.find_or_add(name, spelled, last, may_be_new)
    }

    /// As [`Keys::find`], for readers with bounds of their own: a key that may not be new is only looked for.
    pub(crate) fn find_or_add(
        &mut self,
        name: &str,
        spelled: &[u8],
        last: Option<Key>,
        may_be_new: bool,
    ) -> Option<Key> {
        let hash = self.hasher.hash_one(name);
        let known = self.table.find(hash, |&key| *self.names[key as usize].0 == *name);
        let key = match known {
            Some(&key) => key,
            None if !may_be_new => return None,
            None => {
                let key = Key::try_from(self.names.len()).ok()?;
                self.guesses.push(Guess::new(spelled, key, (self.role_of)(name)));
                self.names.push((name.into(), spelled.into()));
                let (names, hasher) = (&self.names, &self.hasher);
                self.table
                    .insert_unique(hash, key, |&other| hasher.hash_one(&*names[other as usize].0));
                key
            }
        };
        let next = match last {
            Some(last) => &mut self.guesses[last as usize].next,
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
                    let Some(rest) = record.get(at..) else { continue };
                    let expected = rest.starts_with(&bytes);
                    let mut keys = Keys::default();
                    keys.find("name", &bytes, None);
                    let expected = expected.then_some((0, length, Role::Plain));
                    assert_eq!(
                        keys.guess_slowly(rest, keys.followers(None)),
                        expected,
                        "{at} {length}"
                    );
                    if let Some(window) = rest.first_chunk() {
                        let expected = expected.filter(|_| length <= LOOKED_AT);
                        assert_eq!(
                            keys.guess(window, keys.followers(None)),
                            expected,
                            "{at} {length}"
                        );
                    }
                }
            }
        }
    }
}
