//! The keys of pairs, numbered: the line before tells which key comes next, one comparison shows whether it does, and what
//! is to be done with it was found out when it first came.
//!
//! Only what a line says decides: a key that nobody guessed is found by its name, and one that is not numbered is a key as
//! any other. A test of the pairs holds both ways to the same keys.
//!
//! Numbers also tell, without a look at the keys before, whether a line says one twice ([`PairKeys::is_first`]): what
//! [`once`](super::once) asks of names. A line in which that happens, or with a key that has no number, is read by names.

use hashbrown::HashMap;

use crate::formats::flat::Key;
use crate::formats::flat::keys::{Keys, Window};

/// Keys past this number are not numbered any more: no product has as many.
const MOST: usize = 4096;
/// Nor are longer ones.
pub(super) const LONGEST: usize = 64;

/// The number of a key among those of all [`PairKeys`] of a decoder, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairKey(u32);

impl PairKey {
    /// That of a key that has none.
    pub(crate) const NONE: PairKey = PairKey(u32::MAX);
    /// That of a name which does not come from the line, but is a constant: no other text ever stands in its place.
    pub(crate) const CONSTANT: PairKey = PairKey(u32::MAX - 1);

    /// A small number, if it has one.
    #[inline(always)]
    pub(crate) fn index(self) -> Option<usize> {
        (self.0 < PairKey::CONSTANT.0).then_some(self.0 as usize)
    }
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbered<R> {
    pub(crate) key: PairKey,
    /// What it means to its grammar.
    pub(crate) role: R,
    /// The number of the name that it is short or long for.
    meaning: u32,
}

/// The keys of one grammar.
pub(crate) struct PairKeys<R> {
    keys: Keys<R>,
    role: fn(&str) -> R,
    /// Which of the tables of a decoder it is, and how many there are.
    table: u32,
    tables: u32,
    last: Option<Key>,
    /// What keys that mean the same have in common.
    meaning: fn(&str) -> &str,
    /// The number of that, for each key.
    meanings: Vec<u32>,
    meant: HashMap<Box<str>, u32>,
    /// The line in which each was met last.
    met: Vec<u32>,
    line: u32,
}

impl<R: Copy> PairKeys<R> {
    /// No keys yet. `role` says what a key means, and `meaning` by which name keys that mean the same are known.
    pub(crate) fn new(role: fn(&str) -> R, meaning: fn(&str) -> &str, table: u32, tables: u32) -> Self {
        PairKeys {
            keys: Keys::new(role),
            role,
            table,
            tables,
            last: None,
            meaning,
            meanings: Vec::new(),
            meant: HashMap::new(),
            met: Vec::new(),
            line: 0,
        }
    }

    /// A line begins.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.line = self.line.wrapping_add(1);
        if self.line == 0 {
            self.met.fill(0);
            self.line = 1;
        }
    }

    /// Notes that the line has a key. `false`: it had one that means the same already, or nobody knows.
    #[inline(always)]
    pub(crate) fn is_first(&mut self, key: Numbered<R>) -> bool {
        match self.met.get_mut(key.meaning as usize) {
            Some(line) => std::mem::replace(line, self.line) != self.line,
            None => false,
        }
    }

    #[inline(always)]
    fn numbered(&mut self, key: Key, role: R) -> Numbered<R> {
        self.last = Some(key);
        Numbered {
            key: PairKey(key * self.tables + self.table),
            role,
            meaning: self.meanings.get(key as usize).copied().unwrap_or(u32::MAX),
        }
    }

    /// The key that `text` begins with, its sign included, if it is one of those that came next before; and how long it is
    /// without the sign.
    #[inline(always)]
    pub(crate) fn guess(&mut self, text: &[u8]) -> Option<(Numbered<R>, usize)> {
        let guesses = self.keys.followers(self.last);
        let (key, length, role) = match text.first_chunk() {
            Some(window) => self.keys.guess(window, guesses)?,
            None => self.keys.guess(&padded(text), guesses)?,
        };
        Some((self.numbered(key, role), length - 1))
    }

    /// As [`guess`](PairKeys::guess), for the key that the sign in front of `end` ends; and where it begins, which must be a
    /// place where a key `begins`.
    #[inline(always)]
    pub(crate) fn guess_before(
        &mut self,
        text: &[u8],
        end: usize,
        begins: impl Fn(usize) -> bool,
    ) -> Option<(Numbered<R>, usize)> {
        let guesses = self.keys.followers(self.last);
        let (key, start, role) = guesses.into_iter().find_map(|key| {
            let start = end.checked_sub(self.keys.length(key)?)?;
            let text = text.get(start..).filter(|_| begins(start))?;
            let (key, _, role) = match text.first_chunk() {
                Some(window) => self.keys.guess_one(window, key)?,
                None => self.keys.guess_one(&padded(text), key)?,
            };
            Some((key, start, role))
        })?;
        Some((self.numbered(key, role), start))
    }

    /// The key called `name`, which with its sign, of one byte, is `spelled`.
    pub(crate) fn find(&mut self, name: &str, spelled: &[u8]) -> Numbered<R> {
        let guesses = self.keys.followers(self.last);
        if let Some((key, length, role)) = self.keys.guess_slowly(spelled, guesses)
            && length == spelled.len()
        {
            return self.numbered(key, role);
        }
        // A key of letters is a key whatever stands between pairs.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let may_be_new = self.keys.len() < MOST && name.bytes().all(is_plain);
        match self.keys.find_or_add(name, spelled, self.last, may_be_new) {
            Some(key) => {
                if self.meanings.len() <= key as usize {
                    self.add_meaning(name);
                }
                self.numbered(key, self.keys.role(key))
            }
            None => self.unnumbered(name),
        }
    }

    /// Takes note of what the newest key means.
    #[cold]
    fn add_meaning(&mut self, name: &str) {
        let next = self.met.len() as u32;
        let meaning = *self.meant.entry((self.meaning)(name).into()).or_insert(next);
        if meaning == next {
            self.met.push(0);
        }
        self.meanings.push(meaning);
    }

    /// A key that gets no number.
    pub(crate) fn unnumbered(&self, name: &str) -> Numbered<R> {
        Numbered {
            key: PairKey::NONE,
            role: (self.role)(name),
            meaning: u32::MAX,
        }
    }
}

/// The end of a line, with room behind it: no key holds what stands there.
#[inline]
fn padded(text: &[u8]) -> Window {
    let mut window = [0; size_of::<Window>()];
    let length = text.len().min(window.len());
    window[..length].copy_from_slice(&text[..length]);
    window
}
