//! The keys of pairs, numbered: the line before tells which key comes next, one comparison shows whether it does, and what
//! is to be done with it was found out when it first came.
//!
//! Only what a line says decides: a key that nobody guessed is found by its name, and one that is not numbered is a key as
//! any other. A test of the pairs holds both ways to the same keys.

use crate::formats::flat::Key;
use crate::formats::flat::keys::Keys;

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

    /// A small number, if it has one.
    #[inline(always)]
    pub(crate) fn index(self) -> Option<usize> {
        (self != PairKey::NONE).then_some(self.0 as usize)
    }
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbered<R> {
    pub(crate) key: PairKey,
    /// What it means to its grammar.
    pub(crate) role: R,
}

/// The keys of one grammar.
pub(crate) struct PairKeys<R> {
    keys: Keys<R>,
    role: fn(&str) -> R,
    /// Which of the tables of a decoder it is, and how many there are.
    table: u32,
    tables: u32,
    last: Option<Key>,
}

impl<R: Copy> PairKeys<R> {
    /// No keys yet. `role` says what a key means.
    pub(crate) fn new(role: fn(&str) -> R, table: u32, tables: u32) -> Self {
        PairKeys {
            keys: Keys::new(role),
            role,
            table,
            tables,
            last: None,
        }
    }

    /// A line begins.
    pub(crate) fn restart(&mut self) {
        self.last = None;
    }

    #[inline(always)]
    fn numbered(&mut self, key: Key, role: R) -> Numbered<R> {
        self.last = Some(key);
        Numbered {
            key: PairKey(key * self.tables + self.table),
            role,
        }
    }

    /// The key that `text` begins with, its sign included, if it is one of those that came next before; and how long it is
    /// without the sign.
    #[inline(always)]
    pub(crate) fn guess(&mut self, text: &[u8]) -> Option<(Numbered<R>, usize)> {
        let guesses = self.keys.followers(self.last);
        let (key, length, role) = self.keys.guess(text.first_chunk()?, guesses)?;
        Some((self.numbered(key, role), length - 1))
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
            Some(key) => self.numbered(key, self.keys.role(key)),
            None => self.unnumbered(name),
        }
    }

    /// A key that gets no number.
    pub(crate) fn unnumbered(&self, name: &str) -> Numbered<R> {
        Numbered {
            key: PairKey::NONE,
            role: (self.role)(name),
        }
    }
}
