//! Millions of indicators, found by the text of an event.
//!
//! ```text
//!  values   |192.0.2.1|evil.example|e3b0c442…|…     bytes, one behind the other
//!  entries  where its value stands, list, what is said of it, valid until, next entry of the same value
//!  table    hash of kind and value ─▶ number of the first entry
//! ```
//!
//! A network is found by the address with so many bits left, for every length that some network has; a domain by the
//! name and by what is behind each of its dots.

use std::sync::Arc;

use borzoi_rules::ir::Level;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::stored::{TextNumber, Texts, TextsBuilder};
use super::value::{self, Digest, Kind, LONGEST_NAME, Url, Value, mask4, mask6, spelled};

/// Number of a list within an [`IndicatorSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListNumber(pub u16);

/// What a list says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How bad a hit is.
    pub level: Level,
    /// Tags of the rule that it becomes.
    pub tags: Vec<String>,
    /// What it is.
    pub description: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            level: Level::High,
            tags: Vec::new(),
            description: None,
        }
    }
}

/// A list of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListInfo {
    /// Its name.
    pub name: Arc<str>,
    /// What it says of itself.
    pub settings: Settings,
    /// How many indicators of each kind it has, in the order of [`Kind::ALL`].
    pub counts: [u64; Kind::ALL.len()],
    /// Whether one of them is valid only until some time.
    pub expires: bool,
}

/// What a list says of an indicator. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About<'t> {
    /// What it is.
    pub description: &'t str,
    /// Its labels, a line each.
    pub labels: &'t str,
    /// Who says so.
    pub source: &'t str,
    /// How bad it is.
    pub severity: Option<Level>,
    /// How sure that is, in percent.
    pub confidence: Option<u8>,
}

/// [`About`] with texts by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct AboutRow {
    description: TextNumber,
    labels: TextNumber,
    source: TextNumber,
    severity: Option<Level>,
    confidence: Option<u8>,
}

const NO_ENTRY: u32 = u32::MAX;

/// Valid for ever.
const FOR_EVER: i64 = i64::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where the value begins.
    start: u64,
    /// Microseconds; [`FOR_EVER`].
    valid_until: i64,
    about: u32,
    /// The next entry of the same value.
    next: u32,
    length: u16,
    list: ListNumber,
    kind: Kind,
    /// How many of the value's first bytes are not compared: the scheme of a URL.
    skipped: u8,
    /// Whether names below a domain match.
    below: bool,
}

/// What sort of text a set is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// An address.
    Address,
    /// A host's name, or its address.
    Domain,
    /// A hash, or several with their names (`SHA1=…,MD5=…`).
    Hash,
    /// A URL, which is looked up for its host too.
    Url,
    /// Whatever it looks like; texts with blanks, commas and semicolons are several.
    Any,
}

impl Asked {
    /// All of them.
    pub const ALL: [Asked; 5] = [Asked::Address, Asked::Domain, Asked::Hash, Asked::Url, Asked::Any];
}

/// What a set takes of memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The entries.
    pub entries: usize,
    /// Their values.
    pub values: usize,
    /// The table that finds them.
    pub table: usize,
    /// What lists say of them.
    pub abouts: usize,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> usize {
        self.entries + self.values + self.table + self.abouts
    }
}

/// Indicators of all lists. See the [module](self).
pub struct IndicatorSet {
    lists: Vec<ListInfo>,
    values: Vec<u8>,
    entries: Vec<Entry>,
    table: HashTable<u32>,
    abouts: Vec<AboutRow>,
    texts: Texts,
    /// Lengths of the networks there are.
    lengths4: Vec<u8>,
    lengths6: Vec<u8>,
    has: [bool; Kind::ALL.len()],
}

impl std::fmt::Debug for IndicatorSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = (self.lists.len(), self.entries.len());
        f.debug_tuple("IndicatorSet").field(&counts).finish()
    }
}

/// One indicator of a set.
#[derive(Debug, Clone, Copy)]
pub struct Indicator<'s> {
    set: &'s IndicatorSet,
    number: u32,
}

impl PartialEq for Indicator<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.set, other.set) && self.number == other.number
    }
}

impl<'s> Indicator<'s> {
    fn entry(&self) -> &'s Entry {
        &self.set.entries[self.number as usize]
    }

    /// The number of its list.
    pub fn list_number(&self) -> ListNumber {
        self.entry().list
    }

    /// Its list.
    pub fn list(&self) -> &'s ListInfo {
        &self.set.lists[usize::from(self.entry().list.0)]
    }

    /// What sort of thing it is.
    pub fn kind(&self) -> Kind {
        self.entry().kind
    }

    /// Its value.
    pub fn value(&self) -> String {
        spelled(self.kind(), value_of(&self.set.values, self.entry()))
    }

    /// What its list says of it.
    pub fn about(&self) -> About<'s> {
        let row = &self.set.abouts[self.entry().about as usize];
        About {
            description: self.set.texts.get(row.description),
            labels: self.set.texts.get(row.labels),
            source: self.set.texts.get(row.source),
            severity: row.severity,
            confidence: row.confidence,
        }
    }

    /// When it stops being valid, in microseconds since the epoch.
    pub fn valid_until(&self) -> Option<i64> {
        Some(self.entry().valid_until).filter(|until| *until != FOR_EVER)
    }

    /// Whether it is valid at a time, in microseconds: the end itself is not.
    pub fn is_valid_at(&self, time: i64) -> bool {
        let until = self.entry().valid_until;
        until == FOR_EVER || time < until
    }
}

impl IndicatorSet {
    /// The lists, by number.
    pub fn lists(&self) -> &[ListInfo] {
        &self.lists
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What it takes of memory.
    pub fn memory(&self) -> Memory {
        Memory {
            entries: self.entries.capacity() * size_of::<Entry>(),
            values: self.values.capacity(),
            // A byte of control beside each number.
            table: self.table.num_buckets() * (size_of::<u32>() + 1),
            abouts: self.abouts.capacity() * size_of::<AboutRow>() + self.texts.memory(),
        }
    }

    /// Every indicator that `text` is one of or, for networks and domains, lies in; each once, in the order in which
    /// they were added.
    pub fn find(&self, asked: Asked, text: &str) -> Vec<Indicator<'_>> {
        let mut numbers = Vec::new();
        self.each(asked, text, &mut |number| numbers.push(number));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .map(|number| Indicator { set: self, number })
            .collect()
    }

    /// Calls `found` with the list of every indicator that [`find`](IndicatorSet::find) would give, some more than once.
    pub fn lists_of(&self, asked: Asked, text: &str, found: &mut dyn FnMut(ListNumber)) {
        self.each(asked, text, &mut |number| {
            found(self.entries[number as usize].list)
        });
    }

    /// Every indicator.
    pub fn indicators(&self) -> impl Iterator<Item = Indicator<'_>> {
        (0..self.entries.len() as u32).map(|number| Indicator { set: self, number })
    }

    fn each(&self, asked: Asked, text: &str, found: &mut dyn FnMut(u32)) {
        match asked {
            Asked::Address => self.each_address(text, found),
            Asked::Domain => {
                if !self.each_address_if(text, found) {
                    self.each_name(text, found);
                }
            }
            Asked::Hash => {
                if self.has(Kind::Hash) && !self.each_hash(text, found) && text.contains([',', '=', ';']) {
                    for part in parts(text) {
                        self.each_hash(part, found);
                    }
                }
            }
            Asked::Url => self.each_url(text, found),
            Asked::Any => {
                self.each_any(text, found);
                if text.contains(SEPARATORS) {
                    for part in parts(text) {
                        self.each_any(part, found);
                    }
                }
            }
        }
    }

    fn has(&self, kind: Kind) -> bool {
        self.has[kind as usize]
    }

    fn each_any(&self, text: &str, found: &mut dyn FnMut(u32)) {
        if self.each_hash(text, found) || self.each_address_if(text, found) {
            return;
        }
        match text.contains('/') {
            true => self.each_url(text, found),
            false => self.each_name(text, found),
        }
    }

    fn each_address(&self, text: &str, found: &mut dyn FnMut(u32)) {
        self.each_address_if(text, found);
    }

    /// Whether the text is an address.
    fn each_address_if(&self, text: &str, found: &mut dyn FnMut(u32)) -> bool {
        let Some(address) = value::address(text) else {
            return false;
        };
        match address {
            std::net::IpAddr::V4(address) => {
                self.each_of(Kind::Address, &address.octets(), found);
                for &length in &self.lengths4 {
                    let mut key = [length; 5];
                    key[1..].copy_from_slice(&(address.to_bits() & mask4(length)).to_be_bytes());
                    self.each_of(Kind::Network, &key, found);
                }
            }
            std::net::IpAddr::V6(address) => {
                self.each_of(Kind::Address, &address.octets(), found);
                for &length in &self.lengths6 {
                    let mut key = [length; 17];
                    key[1..].copy_from_slice(&(address.to_bits() & mask6(length)).to_be_bytes());
                    self.each_of(Kind::Network, &key, found);
                }
            }
        }
        true
    }

    fn each_name(&self, text: &str, found: &mut dyn FnMut(u32)) {
        let mut buffer = [0; LONGEST_NAME];
        if self.has(Kind::Domain)
            && let Some(name) = value::name(text, &mut buffer)
        {
            self.each_domain(name, found);
        }
    }

    /// `name` in one spelling.
    fn each_domain(&self, name: &str, found: &mut dyn FnMut(u32)) {
        if !self.has(Kind::Domain) {
            return;
        }
        self.each_of(Kind::Domain, name.as_bytes(), found);
        let mut rest = name;
        while let Some((_, behind)) = rest.split_once('.') {
            self.each_of(Kind::Domain, behind.as_bytes(), &mut |number| {
                if self.entries[number as usize].below {
                    found(number);
                }
            });
            rest = behind;
        }
    }

    /// Whether the text is a hash.
    fn each_hash(&self, text: &str, found: &mut dyn FnMut(u32)) -> bool {
        let Some(digest) = Digest::read(text) else {
            return false;
        };
        self.each_of(Kind::Hash, digest.bytes(), found);
        true
    }

    fn each_url(&self, text: &str, found: &mut dyn FnMut(u32)) {
        if !self.has.iter().any(|has| *has) {
            return;
        }
        let mut url = String::new();
        let Some(read) = Url::read(text, &mut url) else {
            return;
        };
        if self.has(Kind::Url) {
            let scheme = &url.as_bytes()[..read.key];
            self.each_of(Kind::Url, &url.as_bytes()[read.key..], &mut |number| {
                let entry = &self.entries[number as usize];
                let its = &value_of(&self.values, entry)[..usize::from(entry.skipped)];
                if scheme.is_empty() || its.is_empty() || its == scheme {
                    found(number);
                }
            });
        }
        let host = read.host(&url);
        if !self.each_address_if(host, found) {
            self.each_domain(host, found);
        }
    }

    fn each_of(&self, kind: Kind, key: &[u8], found: &mut dyn FnMut(u32)) {
        if !self.has(kind) {
            return;
        }
        let mut next = first_of(&self.table, &self.entries, &self.values, kind, key).unwrap_or(NO_ENTRY);
        while next != NO_ENTRY {
            found(next);
            next = self.entries[next as usize].next;
        }
    }
}

/// What stands between several values in one text.
const SEPARATORS: [char; 8] = [',', ';', ' ', '\t', '\n', '\r', '|', '='];

/// The values in a text that has several, without names (`SHA1=`) and quotes. An import hash is no hash of a file.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split([',', ';', ' ', '\t', '\n', '\r', '|']);
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    parts.filter_map(move |part| {
        let value = match part.split_once('=') {
            Some((name, _)) if name.eq_ignore_ascii_case("imphash") => return None,
            Some((name, value)) if is_name(name) => value,
            _ => part,
        };
        let value = value.trim_matches(['"', '\'', '(', ')', '<', '>']);
        (!value.is_empty()).then_some(value)
    })
}

fn value_of<'v>(values: &'v [u8], entry: &Entry) -> &'v [u8] {
    let start = entry.start as usize;
    &values[start..start + usize::from(entry.length)]
}

fn key_of<'v>(values: &'v [u8], entry: &Entry) -> &'v [u8] {
    &value_of(values, entry)[usize::from(entry.skipped)..]
}

fn hash_of(kind: Kind, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, kind as u64)
}

fn first_of(table: &HashTable<u32>, entries: &[Entry], values: &[u8], kind: Kind, key: &[u8]) -> Option<u32> {
    let is = |&number: &u32| {
        let entry = &entries[number as usize];
        entry.kind == kind && key_of(values, entry) == key
    };
    table.find(hash_of(kind, key), is).copied()
}

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
