//! An [`IndicatorSet`] in the making.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::set::{
    About, AboutRow, Entry, FOR_EVER, IndicatorSet, ListInfo, ListNumber, NO_ENTRY, Settings, first_of,
    hash_of, key_of, value_of,
};
use super::stored::TextsBuilder;
use super::value::{Kind, Value};

/// What became of an indicator that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is new to its list.
    New,
    /// Its list has it; what is valid for longer stays.
    Again,
    /// There is no room: 4 billion indicators, or texts, are there.
    Full,
}

/// An [`IndicatorSet`] in the making.
#[derive(Debug)]
pub struct SetBuilder {
    set: IndicatorSet,
    texts: TextsBuilder,
    abouts: HashTable<u32>,
}

impl Default for SetBuilder {
    fn default() -> Self {
        SetBuilder::new()
    }
}

impl SetBuilder {
    /// A set of nothing.
    pub fn new() -> SetBuilder {
        SetBuilder {
            set: IndicatorSet {
                lists: Vec::new(),
                values: Vec::new(),
                entries: Vec::new(),
                table: HashTable::new(),
                abouts: Vec::new(),
                texts: TextsBuilder::default().finish(),
                lengths4: Vec::new(),
                lengths6: Vec::new(),
                has: [false; Kind::ALL.len()],
            },
            texts: TextsBuilder::default(),
            abouts: HashTable::new(),
        }
    }

    /// The list of this name; `settings` are those of the first that asks for it.
    ///
    /// # Panics
    /// If there are 65,535 lists already; [`SetBuilder::room_for_list`] tells.
    pub fn list(&mut self, name: &str, settings: &Settings) -> ListNumber {
        let lists = &mut self.set.lists;
        let known = lists.iter().position(|list| &*list.name == name);
        let number = known.unwrap_or_else(|| {
            lists.push(ListInfo {
                name: name.into(),
                settings: settings.clone(),
                counts: [0; Kind::ALL.len()],
                expires: false,
            });
            lists.len() - 1
        });
        ListNumber(u16::try_from(number).expect("asked before whether there is room"))
    }

    /// Whether there can be one more list.
    pub fn room_for_list(&self) -> bool {
        self.set.lists.len() < usize::from(u16::MAX)
    }

    /// What a list says of itself, to be changed.
    pub fn settings_mut(&mut self, list: ListNumber) -> &mut Settings {
        &mut self.set.lists[usize::from(list.0)].settings
    }

    /// Takes back the list that was made last, if nothing was added to it.
    pub(super) fn drop_list_if_empty(&mut self, list: ListNumber) {
        let lists = &mut self.set.lists;
        if usize::from(list.0) + 1 == lists.len() && lists.last().is_some_and(|last| last.counts == [0; 5]) {
            lists.pop();
        }
    }

    /// How many indicators were added.
    pub fn len(&self) -> usize {
        self.set.entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.set.entries.is_empty()
    }

    /// Adds an indicator, valid until a time in microseconds or for ever.
    pub fn add(
        &mut self,
        list: ListNumber,
        value: &Value,
        about: &About<'_>,
        valid_until: Option<i64>,
    ) -> Added {
        let kind = value.kind();
        let bytes = value.bytes();
        let skipped = value.scheme_length();
        let valid_until = valid_until.unwrap_or(FOR_EVER);
        let key = &bytes[usize::from(skipped)..];
        let first = {
            let set = &self.set;
            first_of(&set.table, &set.entries, &set.values, kind, key)
        };
        let mut last = NO_ENTRY;
        let mut next = first.unwrap_or(NO_ENTRY);
        while next != NO_ENTRY {
            let entry = &self.set.entries[next as usize];
            if entry.list == list && value_of(&self.set.values, entry) == bytes {
                return self.again(next, value, about, valid_until);
            }
            last = next;
            next = entry.next;
        }
        let number = u32::try_from(self.set.entries.len())
            .ok()
            .filter(|number| *number != NO_ENTRY);
        let (Some(number), Some(about)) = (number, self.about(about)) else {
            return Added::Full;
        };
        let set = &mut self.set;
        let length =
            u16::try_from(bytes.len()).expect("no value is longer than LONGEST_URL with its escapes");
        set.entries.push(Entry {
            start: set.values.len() as u64,
            valid_until,
            about,
            next: NO_ENTRY,
            length,
            list,
            kind,
            skipped,
            below: value.matches_below(),
        });
        set.values.extend_from_slice(bytes);
        match set.entries.get_mut(last as usize) {
            Some(last) => last.next = number,
            None => {
                let IndicatorSet {
                    table,
                    entries,
                    values,
                    ..
                } = set;
                table.insert_unique(hash_of(kind, key), number, |&number| {
                    let entry = &entries[number as usize];
                    hash_of(entry.kind, key_of(values, entry))
                });
            }
        }
        set.has[kind as usize] = true;
        if kind == Kind::Network {
            let lengths = if bytes.len() == 5 {
                &mut set.lengths4
            } else {
                &mut set.lengths6
            };
            if !lengths.contains(&bytes[0]) {
                lengths.push(bytes[0]);
            }
        }
        let info = &mut set.lists[usize::from(list.0)];
        info.counts[kind as usize] += 1;
        info.expires |= valid_until != FOR_EVER;
        Added::New
    }

    /// An indicator that its list has already.
    fn again(&mut self, number: u32, value: &Value, about: &About<'_>, valid_until: i64) -> Added {
        if valid_until > self.set.entries[number as usize].valid_until
            && let Some(about) = self.about(about)
        {
            let entry = &mut self.set.entries[number as usize];
            entry.valid_until = valid_until;
            entry.about = about;
        }
        self.set.entries[number as usize].below |= value.matches_below();
        Added::Again
    }

    fn about(&mut self, about: &About<'_>) -> Option<u32> {
        let row = AboutRow {
            description: self.texts.number(about.description)?,
            labels: self.texts.number(about.labels)?,
            source: self.texts.number(about.source)?,
            severity: about.severity,
            confidence: about.confidence,
        };
        let hash = |row: &AboutRow| {
            let mut bytes = [0; 14];
            bytes[..4].copy_from_slice(&row.description.to_le_bytes());
            bytes[4..8].copy_from_slice(&row.labels.to_le_bytes());
            bytes[8..12].copy_from_slice(&row.source.to_le_bytes());
            bytes[12] = row.severity.map_or(0, |level| level as u8 + 1);
            bytes[13] = row
                .confidence
                .map_or(0, |confidence| confidence.saturating_add(1));
            xxh3_64_with_seed(&bytes, 0)
        };
        let rows = &mut self.set.abouts;
        if let Some(&known) = self
            .abouts
            .find(hash(&row), |&number| rows[number as usize] == row)
        {
            return Some(known);
        }
        let number = u32::try_from(rows.len()).ok()?;
        rows.push(row);
        self.abouts
            .insert_unique(hash(&row), number, |&number| hash(&rows[number as usize]));
        Some(number)
    }

    /// Ends it.
    pub fn finish(self) -> IndicatorSet {
        let mut set = self.set;
        set.texts = self.texts.finish();
        set.values.shrink_to_fit();
        set.entries.shrink_to_fit();
        set.abouts.shrink_to_fit();
        let IndicatorSet {
            table,
            entries,
            values,
            ..
        } = &mut set;
        table.shrink_to_fit(|&number| {
            let entry = &entries[number as usize];
            hash_of(entry.kind, key_of(values, entry))
        });
        set.lengths4.sort_unstable();
        set.lengths6.sort_unstable();
        set
    }
}
