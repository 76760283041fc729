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

use super::stored::{TextNumber, Texts};
use super::url::Url;
use super::value::{self, Digest, Kind, LONGEST_NAME, mask4, mask6, spelled};

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
pub(super) struct AboutRow {
    pub(super) description: TextNumber,
    pub(super) labels: TextNumber,
    pub(super) source: TextNumber,
    pub(super) severity: Option<Level>,
    pub(super) confidence: Option<u8>,
}

pub(super) const NO_ENTRY: u32 = u32::MAX;

/// Valid for ever.
pub(super) const FOR_EVER: i64 = i64::MAX;

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Where the value begins.
    pub(super) start: u64,
    /// Microseconds; [`FOR_EVER`].
    pub(super) valid_until: i64,
    pub(super) about: u32,
    /// The next entry of the same value.
    pub(super) next: u32,
    pub(super) length: u16,
    pub(super) list: ListNumber,
    pub(super) kind: Kind,
    /// How many of the value's first bytes are not compared: the scheme of a URL.
    pub(super) skipped: u8,
    /// Whether names below a domain match.
    pub(super) below: bool,
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
    pub(super) lists: Vec<ListInfo>,
    pub(super) values: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub(super) table: HashTable<u32>,
    pub(super) abouts: Vec<AboutRow>,
    pub(super) texts: Texts,
    /// Lengths of the networks there are.
    pub(super) lengths4: Vec<u8>,
    pub(super) lengths6: Vec<u8>,
    pub(super) has: [bool; Kind::ALL.len()],
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

pub(super) fn value_of<'v>(values: &'v [u8], entry: &Entry) -> &'v [u8] {
    let start = entry.start as usize;
    &values[start..start + usize::from(entry.length)]
}

pub(super) fn key_of<'v>(values: &'v [u8], entry: &Entry) -> &'v [u8] {
    &value_of(values, entry)[usize::from(entry.skipped)..]
}

pub(super) fn hash_of(kind: Kind, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, kind as u64)
}

pub(super) fn first_of(
    table: &HashTable<u32>,
    entries: &[Entry],
    values: &[u8],
    kind: Kind,
    key: &[u8],
) -> Option<u32> {
    let is = |&number: &u32| {
        let entry = &entries[number as usize];
        entry.kind == kind && key_of(values, entry) == key
    };
    table.find(hash_of(kind, key), is).copied()
}
