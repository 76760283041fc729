//! A string column under construction: interned where values repeat, end to end where they do not.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use hashbrown::HashTable;

use super::column::Set;
use super::recent::Recent;
use crate::catalog::Fill;
use crate::formats::flat::unescape_into;

/// The distinct strings end to end, and a key per row (-1 for null).
///
/// A batch whose values hardly repeated makes the following ones *plain*: values are appended without
/// hashing. Every [`TRY_AGAIN`]th batch is interned again, to see whether that still holds.
#[derive(Default)]
pub(super) struct Keywords {
    text: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    keys: Vec<i32>,
    /// Batches to come that are plain.
    plain: u32,
    /// The order of the values is not that of their rows: some were filled in behind the last row.
    scattered: bool,
    escaped: Escaped,
}

/// Values that were met with escapes in them, as they stood in their records, and the keys of what they
/// mean. Every distinct spelling is unescaped once.
#[derive(Default)]
struct Escaped {
    raw: String,
    spellings: Vec<(u32, u32, u32)>,
    table: HashTable<u32>,
    /// The spelling met last.
    last: usize,
    scratch: String,
}

impl Escaped {
    fn raw(&self, spelling: usize) -> &str {
        let (start, end, _) = self.spellings[spelling];
        &self.raw[start as usize..end as usize]
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.spellings.clear();
        self.table.clear();
    }
}

const TRY_AGAIN: u32 = 16;
/// Columns with fewer values stay interned: it costs nothing, and they say nothing.
const FEW: usize = 16;

fn span(ends: &[usize], key: usize) -> std::ops::Range<usize> {
    let start = if key == 0 { 0 } else { ends[key - 1] };
    start..ends[key]
}

impl Keywords {
    fn value(&self, key: usize) -> &str {
        &self.text[span(&self.ends, key)]
    }

    /// Whether the value of `key` is `text`: without asking where characters begin, as [`value`](Keywords::value) does.
    #[inline]
    fn is(&self, key: usize, text: &str) -> bool {
        self.text.as_bytes()[span(&self.ends, key)] == *text.as_bytes()
    }

    /// Whether `row` has a value.
    pub(super) fn has(&self, row: usize) -> bool {
        self.keys.get(row).is_some_and(|&key| key >= 0)
    }

    /// The value of `row`.
    pub(super) fn at(&self, row: usize) -> Option<&str> {
        let key = usize::try_from(*self.keys.get(row)?).ok()?;
        Some(self.value(key))
    }

    /// Gives each of the first `rows` rows that has no value what `fill` takes of the value that `from` has there; how
    /// many. Every distinct value is looked at once.
    pub(super) fn fill_from(&mut self, from: &Keywords, fill: &Fill, rows: usize) -> usize {
        const UNKNOWN: i32 = -2;
        let mut made = vec![UNKNOWN; from.ends.len()];
        let mut filled = 0;
        self.keys.resize(rows, -1);
        for (row, &key) in from.keys.iter().enumerate().take(rows) {
            let Ok(key) = usize::try_from(key) else { continue };
            if self.keys[row] >= 0 {
                continue;
            }
            if made[key] == UNKNOWN {
                made[key] = fill.of(from.value(key)).map_or(-1, |text| self.key_of(&text));
            }
            self.keys[row] = made[key];
            filled += usize::from(made[key] >= 0);
        }
        self.scattered |= filled > 0;
        filled
    }

    /// Gives each of the first `rows` rows that has no value this one; how many.
    pub(super) fn fill_all(&mut self, text: &str, rows: usize) -> usize {
        self.keys.resize(rows, -1);
        if self.keys.iter().all(|&key| key >= 0) {
            return 0;
        }
        let filler = self.key_of(text);
        let mut filled = 0;
        for key in self.keys.iter_mut().filter(|key| **key < 0) {
            *key = filler;
            filled += 1;
        }
        self.scattered = true;
        filled
    }

    /// Gives `row`, which has no value and may be any of the first `rows`, one.
    pub(super) fn put_anywhere(&mut self, row: usize, rows: usize, text: &str) -> bool {
        self.keys.resize(rows, -1);
        self.keys[row] = self.key_of(text);
        self.scattered = true;
        true
    }

    fn key_of(&mut self, text: &str) -> i32 {
        match self.plain > 0 {
            true => self.append(text),
            false => self.intern(text),
        }
    }

    /// Gives `row` a value. Rows come in ascending order.
    #[inline]
    pub(super) fn set(&mut self, row: usize, text: &str) -> Set {
        if let Some(&key) = self.keys.get(row) {
            let same = key >= 0 && self.is(key as usize, text);
            return if same { Set::Same } else { Set::Different };
        }
        let key = match self.keys.last() {
            _ if self.plain > 0 => self.append(text),
            // Neighbours often agree (host, channel, user): one compare instead of a look-up.
            Some(&last) if last >= 0 && self.is(last as usize, text) => last,
            _ => self.intern(text),
        };
        if self.keys.len() < row {
            self.keys.resize(row, -1);
        }
        self.keys.push(key);
        Set::Stored
    }

    /// As [`set`](Keywords::set), for a row behind all others.
    #[inline]
    pub(super) fn put(&mut self, row: usize, text: &str, recent: &mut Recent) {
        if self.keys.len() < row {
            self.keys.resize(row, -1);
        }
        let key = if self.plain > 0 {
            self.append(text)
        } else if let Some(place) = recent.place(text) {
            if place.is_other() {
                place.set(self.intern(text));
            }
            place.key()
        } else {
            match self.keys.last() {
                Some(&last) if last >= 0 && self.value(last as usize) == text => last,
                _ => self.intern(text),
            }
        };
        self.keys.push(key);
    }

    /// As [`set`](Keywords::set), for the inside of a JSON string with escapes, all of them valid.
    pub(super) fn set_escaped(&mut self, row: usize, raw: &str) -> Set {
        let neighbour =
            |escaped: &Escaped| escaped.last < escaped.spellings.len() && escaped.raw(escaped.last) == raw;
        if self.plain > 0 && self.keys.len() <= row {
            unescape_into(raw, &mut self.text);
            let key = self.end_of_text();
            self.keys.resize(row, -1);
            self.keys.push(key);
            return Set::Stored;
        }
        if self.keys.len() > row {
            let mut text = std::mem::take(&mut self.escaped.scratch);
            text.clear();
            unescape_into(raw, &mut text);
            let set = self.set(row, &text);
            self.escaped.scratch = text;
            return set;
        }
        let key = if neighbour(&self.escaped) {
            self.escaped.spellings[self.escaped.last].2
        } else {
            self.key_of_spelling(raw)
        };
        if self.keys.len() < row {
            self.keys.resize(row, -1);
        }
        self.keys.push(key as i32);
        Set::Stored
    }

    fn key_of_spelling(&mut self, raw: &str) -> u32 {
        let hash = self.hasher.hash_one(raw);
        let escaped = &self.escaped;
        let found = escaped
            .table
            .find(hash, |&spelling| escaped.raw(spelling as usize) == raw);
        if let Some(&spelling) = found {
            self.escaped.last = spelling as usize;
            return self.escaped.spellings[spelling as usize].2;
        }
        let mut text = std::mem::take(&mut self.escaped.scratch);
        text.clear();
        unescape_into(raw, &mut text);
        let key = self.intern(&text) as u32;
        let Keywords { escaped, hasher, .. } = self;
        escaped.scratch = text;
        let start = escaped.raw.len();
        escaped.raw.push_str(raw);
        let offset = |at: usize| u32::try_from(at).expect("a block is far smaller than 4 GiB");
        let spelling = escaped.spellings.len();
        escaped
            .spellings
            .push((offset(start), offset(escaped.raw.len()), key));
        escaped.last = spelling;
        let (all, spellings) = (&escaped.raw, &escaped.spellings);
        escaped.table.insert_unique(hash, offset(spelling), |&other| {
            let (start, end, _) = spellings[other as usize];
            hasher.hash_one(&all[start as usize..end as usize])
        });
        key
    }

    fn append(&mut self, text: &str) -> i32 {
        self.text.push_str(text);
        self.end_of_text()
    }

    /// The key of the value that was just appended.
    fn end_of_text(&mut self) -> i32 {
        self.ends.push(self.text.len());
        i32::try_from(self.ends.len() - 1).expect("a batch has fewer rows than i32::MAX")
    }

    fn intern(&mut self, text: &str) -> i32 {
        let hash = self.hasher.hash_one(text);
        let found = self.table.find(hash, |&key| self.is(key as usize, text));
        if let Some(&key) = found {
            return key as i32;
        }
        let key = self.append(text);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.table.insert_unique(hash, key as u32, |&other| {
            hasher.hash_one(&text[span(ends, other as usize)])
        });
        key
    }

    /// Forgets the values of rows from `rows` on; how many there were.
    pub(super) fn truncate(&mut self, rows: usize) -> usize {
        let gone = self.keys.iter().skip(rows).filter(|&&key| key >= 0).count();
        self.keys.truncate(rows);
        // A plain value must not stay behind in the text: there, order is all that ties it to its row.
        if gone > 0 && self.plain > 0 {
            let keep = self
                .keys
                .iter()
                .rev()
                .find(|&&key| key >= 0)
                .map_or(0, |&key| key as usize + 1);
            self.ends.truncate(keep);
            self.text.truncate(self.ends.last().copied().unwrap_or_default());
        }
        gone
    }

    /// The column, padded to `rows`; ready for the next batch afterwards.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        // The next batch will be about as large.
        let next = Vec::with_capacity(self.keys.len());
        self.keys.resize(rows, -1);
        let keys = std::mem::replace(&mut self.keys, next);
        let room = self.text.len() + self.text.len() / 8;
        let text = std::mem::replace(&mut self.text, String::with_capacity(room));
        self.table.clear();
        self.escaped.clear();
        let array = self.array(keys, text);
        self.ends.clear();
        self.scattered = false;
        array
    }

    fn array(&mut self, keys: Vec<i32>, text: String) -> ArrayRef {
        let (rows, ends) = (keys.len(), &self.ends);
        let nulls = BooleanBuffer::collect_bool(rows, |row| keys[row] >= 0);
        let nulls = NullBuffer::new(nulls);
        let present = rows - nulls.null_count();
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        if self.plain > 0 {
            self.plain -= 1;
            return match self.scattered {
                false => plain(&keys, ends, text, nulls),
                true => gathered(&keys, ends, &text),
            };
        }
        // A dictionary whose values hardly repeat costs more than it saves.
        if present > FEW && ends.len() * 4 > present * 3 {
            self.plain = TRY_AGAIN;
            if ends.len() == present && !self.scattered {
                return plain(&keys, ends, text, nulls);
            }
            return gathered(&keys, ends, &text);
        }
        let ends = ends.iter().map(|&end| offset(end));
        let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let values = StringArray::new(offsets, Buffer::from_vec(text.into_bytes()), None);
        // Keys of null rows are never looked at, but must be in range.
        let keys: Vec<i32> = keys.into_iter().map(|key| key.max(0)).collect();
        Arc::new(DictionaryArray::<Int32Type>::new(
            Int32Array::new(ScalarBuffer::from(keys), nulls),
            Arc::new(values),
        ))
    }
}

/// Values in any order.
fn gathered(keys: &[i32], ends: &[usize], text: &str) -> ArrayRef {
    let value = |&key: &i32| usize::try_from(key).ok().map(|key| &text[span(ends, key)]);
    Arc::new(keys.iter().map(value).collect::<StringArray>())
}

/// Values whose order is that of their rows.
fn plain(keys: &[i32], ends: &[usize], text: String, nulls: Option<NullBuffer>) -> ArrayRef {
    let mut offsets = Vec::with_capacity(keys.len() + 1);
    offsets.push(0);
    let mut end = 0;
    for &key in keys {
        if key >= 0 {
            end = offset(ends[key as usize]);
        }
        offsets.push(end);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Arc::new(StringArray::new(
        offsets,
        Buffer::from_vec(text.into_bytes()),
        nulls,
    ))
}

fn offset(end: usize) -> i32 {
    i32::try_from(end).expect("the text of a block is far below 2 GiB")
}
