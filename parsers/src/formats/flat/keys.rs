//! The keys of records, numbered, with the key that followed each last time.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::scan::starts_at;

/// Number of a key.
pub type Key = u32;

/// More different keys than any producer has: from there on, new ones are not numbered.
const MOST_KEYS: usize = 20_000;

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
    /// As it stood in a record: from its first quote up to its value.
    spelled: Box<[u8]>,
    name: Box<str>,
    role: Role,
    next: Key,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    table: HashTable<Key>,
    hasher: foldhash::fast::FixedState,
    first: Key,
}

impl Keys {
    pub(super) fn name(&self, key: Key) -> &str {
        &self.entries[key as usize].name
    }

    pub(super) fn role(&self, key: Key) -> Role {
        self.entries[key as usize].role
    }

    /// The key that is likely to follow `last`, if it stands at `at` in `record`; and where its value
    /// starts.
    #[inline]
    pub(super) fn guess(&self, record: &[u8], at: usize, last: Option<Key>) -> Option<(Key, usize)> {
        let key = match last {
            Some(last) => self.entries[last as usize].next,
            None => self.first,
        };
        let entry = self.entries.get(key as usize)?;
        starts_at(record, at, &entry.spelled).then(|| (key, at + entry.spelled.len()))
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
            None if self.entries.len() >= MOST_KEYS => return None,
            None => {
                let key = Key::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry {
                    spelled: spelled.into(),
                    name: name.into(),
                    role: Role::of(name),
                    next: key,
                });
                let (entries, hasher) = (&self.entries, &self.hasher);
                self.table.insert_unique(hash, key, |&other| {
                    hasher.hash_one(&*entries[other as usize].name)
                });
                key
            }
        };
        match last {
            Some(last) => self.entries[last as usize].next = key,
            None => self.first = key,
        }
        Some(key)
    }
}
