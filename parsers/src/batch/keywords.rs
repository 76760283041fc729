//! A string column under construction: interned where values repeat, end to end where they do not.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;

use super::codes::{Code, Codes};
use super::column::Set;
use super::distinct::{Tag, Texts};
use super::texts::{PLACES, place, same};
use super::words::{Nothing, Word, Words};
use crate::catalog::Fill;
use crate::formats::flat::unescape_bytes;

/// The distinct strings end to end, and a key per row (-1 for null).
///
/// A batch whose values hardly repeated makes the following ones *plain*: values are appended without
/// hashing. Every [`TRY_AGAIN`]th batch is interned again, to see whether that still holds.
pub(super) struct Keywords {
    distinct: Texts,
    /// The key of the value that came last at each [`place`]; -1 for none.
    places: [i32; PLACES],
    keys: Vec<i32>,
    /// Batches to come that are plain.
    plain: u32,
    /// The order of the values is not that of their rows: some were filled in behind the last row.
    scattered: bool,
    escaped: Option<Box<Escaped>>,
    codes: Option<Box<Codes>>,
    /// The keys of short texts of columns that are written together.
    words: Option<Box<Words>>,
}

/// Values that were met with escapes in them, as they stood in their records, and the keys of what they
/// mean. Every distinct spelling is unescaped once.
struct Escaped {
    spellings: Texts,
    keys: Vec<i32>,
    /// The spelling that came last at each [`place`]; -1 for none.
    places: [i32; PLACES],
    scratch: Vec<u8>,
}

const VALID: &str = "texts were given as such, or stood in records that are text";
const TRY_AGAIN: u32 = 16;
/// Columns with fewer values stay interned: it costs nothing, and they say nothing.
const FEW: usize = 16;

impl Default for Keywords {
    fn default() -> Self {
        Keywords {
            distinct: Texts::default(),
            places: [-1; PLACES],
            keys: Vec::new(),
            plain: 0,
            scattered: false,
            escaped: None,
            codes: None,
            words: None,
        }
    }
}

impl Default for Escaped {
    fn default() -> Self {
        Escaped {
            spellings: Texts::default(),
            keys: Vec::new(),
            places: [-1; PLACES],
            scratch: Vec::new(),
        }
    }
}

impl Keywords {
    fn value(&self, key: i32) -> &str {
        std::str::from_utf8(self.distinct.get(key)).expect(VALID)
    }

    /// Whether `row` has a value.
    pub(super) fn has(&self, row: usize) -> bool {
        self.keys.get(row).is_some_and(|&key| key >= 0)
    }

    /// The value of `row`.
    pub(super) fn at(&self, row: usize) -> Option<&str> {
        let key = *self.keys.get(row)?;
        (key >= 0).then(|| self.value(key))
    }

    /// Gives each of the first `rows` rows that has no value what `fill` takes of the value that `from` has there; how
    /// many. Every distinct value is looked at once.
    pub(super) fn fill_from(&mut self, from: &Keywords, fill: &Fill, rows: usize) -> usize {
        const UNKNOWN: i32 = -2;
        let mut made = vec![UNKNOWN; from.distinct.len()];
        let mut filled = 0;
        self.keys.resize(rows, -1);
        for (own, &key) in self.keys.iter_mut().zip(&from.keys) {
            if key < 0 || *own >= 0 {
                continue;
            }
            let made = &mut made[key as usize];
            if *made == UNKNOWN {
                let text = fill.of(from.value(key));
                *made = text.map_or(-1, |text| key_of(&mut self.distinct, self.plain, text.as_bytes()));
            }
            *own = *made;
            filled += usize::from(*made >= 0);
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
        let filler = key_of(&mut self.distinct, self.plain, text.as_bytes());
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
        self.keys[row] = key_of(&mut self.distinct, self.plain, text.as_bytes());
        self.scattered = true;
        true
    }

    /// Gives `row` a value. Rows come in ascending order.
    #[inline]
    pub(super) fn set(&mut self, row: usize, text: &str) -> Set {
        if let Some(&key) = self.keys.get(row) {
            let is_same = key >= 0 && same(self.distinct.get(key), text.as_bytes());
            return if is_same { Set::Same } else { Set::Different };
        }
        self.put(row, text.as_bytes());
        Set::Stored
    }

    /// As [`set`](Keywords::set), for a row behind all others, and text as bytes.
    #[inline(always)]
    pub(super) fn put(&mut self, row: usize, text: &[u8]) {
        let key = match self.plain > 0 {
            true => self.distinct.append(text),
            false => self.key_of(text),
        };
        self.push(row, key);
    }

    /// As [`put`](Keywords::put), for `rows` rows with the same text, which the row before them often has as well.
    #[inline]
    pub(super) fn put_many(&mut self, first: usize, rows: usize, text: &[u8]) {
        if self.plain > 0 {
            return (first..first + rows).for_each(|row| self.put(row, text));
        }
        let last = self.keys.last().copied().filter(|&key| key >= 0);
        let key = match last.filter(|&key| same(self.distinct.get(key), text)) {
            Some(key) => key,
            None => self.key_of(text),
        };
        if self.keys.len() < first {
            self.keys.resize(first, -1);
        }
        match rows {
            1 => self.keys.push(key),
            _ => self.keys.resize(first + rows, key),
        }
    }

    /// The key of a text in this batch; `None`: each row has its own.
    pub(super) fn key_if_interned(&mut self, text: &[u8]) -> Option<i32> {
        (self.plain == 0).then(|| self.key_of(text))
    }

    /// Makes room for rows from `first` to `end`, some of which are about to get a value. The keys of rows from `first` on, if
    /// texts are interned.
    pub(super) fn interned_from(&mut self, first: usize, end: usize) -> Option<&mut [i32]> {
        self.scattered |= self.keys.len() > first;
        if self.keys.len() < end {
            self.keys.resize(end, -1);
        }
        (self.plain == 0).then(|| &mut self.keys[first..])
    }

    /// Gives a row for which there is room, behind all others that have values, a text of its own.
    #[inline(always)]
    pub(super) fn put_plain(&mut self, row: usize, text: &[u8]) {
        self.keys[row] = self.distinct.append(text);
    }

    /// Gives a row for which there is room a text, in a column that interns them.
    #[inline(always)]
    pub(super) fn put_at(&mut self, row: usize, text: &[u8]) {
        self.keys[row] = self.key_of(text);
    }

    /// The same for rows from `first` on and the text of a key.
    pub(super) fn put_key(&mut self, first: usize, key: i32, rows: &[u32]) {
        let keys = &mut self.keys[first..];
        for &row in rows {
            keys[row as usize - first] = key;
        }
    }

    /// As [`put`](Keywords::put), if no row from `row` on has a value; whether that is so.
    #[inline(always)]
    pub(super) fn put_new(&mut self, row: usize, text: &[u8]) -> bool {
        let is_new = self.keys.len() <= row;
        if is_new {
            self.put(row, text);
        }
        is_new
    }

    /// As [`put`](Keywords::put), for the texts of codes in rows from `first` on; how many.
    pub(super) fn put_codes(&mut self, first: usize, all: impl ExactSizeIterator<Item = Code>) -> usize {
        let count = all.len();
        self.keys.resize(first, -1);
        self.keys.reserve(count);
        let mut codes = self.codes.take().unwrap_or_default();
        for code in all {
            let key = match codes.key(code) {
                _ if self.plain > 0 => {
                    code.write(&mut self.distinct.bytes);
                    self.distinct.end()
                }
                Some(key) => key,
                None => self.key_of_code(code, &mut codes),
            };
            self.keys.push(key);
        }
        self.codes = Some(codes);
        count
    }

    #[inline(never)]
    fn key_of_code(&mut self, code: Code, codes: &mut Codes) -> i32 {
        if let Some(key) = codes.earlier_key(code) {
            return key;
        }
        codes.text.clear();
        code.write(&mut codes.text);
        let key = self.key_of(&codes.text);
        codes.remember(code, key);
        key
    }

    /// Whether values are appended without keys of their own.
    pub(super) fn is_plain(&self) -> bool {
        self.plain > 0
    }

    /// Makes ready to find a text as it stands in a record, of a column that is not plain.
    #[inline(always)]
    pub(super) fn expect(&self, raw: &[u8], escaped: bool) -> Tag {
        let tag = Tag::of(raw);
        match (escaped, &self.escaped) {
            (false, _) => self.distinct.expect(tag),
            (true, Some(escaped)) => escaped.spellings.expect(tag),
            (true, None) => {}
        }
        tag
    }

    /// The key of a text that was [expected](Keywords::expect).
    #[inline(always)]
    pub(super) fn key(&mut self, raw: &[u8], tag: Tag, escaped: bool) -> i32 {
        if !escaped {
            return self.distinct.intern_by(tag, raw);
        }
        let escaped = self.escaped.get_or_insert_default();
        let spelling = escaped.spellings.intern_by(tag, raw);
        match escaped.keys.get(spelling as usize) {
            Some(key) => *key,
            None => escaped.key_of_new(raw, &mut self.distinct),
        }
    }

    /// The keys of all rows, for someone who adds to them and [gives them back](Keywords::give_keys).
    pub(super) fn take_keys(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.keys)
    }

    /// See [`take_keys`](Keywords::take_keys).
    pub(super) fn give_keys(&mut self, keys: Vec<i32>) {
        self.keys = keys;
    }

    /// The keys of short texts, for someone who [gives them back](Keywords::give_words) and whose cells may have nothing.
    pub(super) fn take_words(&mut self, nothing: Option<Nothing>) -> Box<Words> {
        let mut words = self.words.take().unwrap_or_default();
        words.for_cells(nothing);
        words
    }

    /// See [`take_words`](Keywords::take_words).
    pub(super) fn give_words(&mut self, words: Box<Words>) {
        self.words = Some(words);
    }

    /// The key of a short text that `words` do not have; -1 if it is none.
    #[inline(never)]
    pub(super) fn key_of_word(
        &mut self,
        text: &[u8],
        word: Word,
        nothing: Option<Nothing>,
        words: &mut Words,
    ) -> i32 {
        let key = match nothing.is_some_and(|nothing| nothing.is(text)) {
            true => -1,
            false => self.distinct.intern(text),
        };
        words.remember(word, key);
        key
    }

    /// Appends a text of a plain column; its key.
    #[inline]
    pub(super) fn append(&mut self, text: &[u8]) -> i32 {
        self.distinct.append(text)
    }

    /// The same for the text between two places of `bytes`, -1 if it is none. `None`: it does not stand there.
    #[inline(always)]
    pub(super) fn append_cell(
        &mut self,
        bytes: &[u8],
        (start, end): (usize, usize),
        nothing: Nothing,
    ) -> Option<i32> {
        let text = bytes.get(start..end)?;
        if text.len() < 2 && nothing.is(text) {
            return Some(-1);
        }
        // Most are copied as two vectors, whose last bytes are then forgotten.
        const VECTORS: usize = 32;
        match bytes.get(start..).and_then(|rest| rest.first_chunk::<VECTORS>()) {
            Some(chunk) if text.len() <= VECTORS => {
                let to = &mut self.distinct.bytes;
                let end = to.len() + text.len();
                to.extend_from_slice(chunk);
                to.truncate(end);
                Some(self.distinct.end())
            }
            _ => Some(self.append(text)),
        }
    }

    /// Gives `row`, behind all others, a value by its key.
    #[inline(always)]
    fn push(&mut self, row: usize, key: i32) {
        if self.keys.len() < row {
            self.keys.resize(row, -1);
        }
        self.keys.push(key);
    }

    /// The key of a text that is interned.
    #[inline(always)]
    pub(super) fn key_of(&mut self, text: &[u8]) -> i32 {
        let place = place(text);
        let key = self.places[place];
        if key >= 0 && same(self.distinct.get(key), text) {
            return key;
        }
        let key = self.distinct.intern(text);
        self.places[place] = key;
        key
    }

    /// As [`set`](Keywords::set), for the inside of a JSON string with escapes, all of them valid.
    pub(super) fn set_escaped(&mut self, row: usize, raw: &str) -> Set {
        if self.keys.len() > row {
            let mut text = std::mem::take(&mut self.escaped().scratch);
            text.clear();
            unescape_bytes(raw.as_bytes(), &mut text);
            let key = self.keys[row];
            let is_same = key >= 0 && same(self.distinct.get(key), &text);
            self.escaped().scratch = text;
            return if is_same { Set::Same } else { Set::Different };
        }
        self.put_escaped(row, raw.as_bytes());
        Set::Stored
    }

    /// As [`put`](Keywords::put), for the inside of a JSON string with escapes, all of them valid.
    #[inline]
    pub(super) fn put_escaped(&mut self, row: usize, raw: &[u8]) {
        let key = match self.plain > 0 {
            true => {
                unescape_bytes(raw, &mut self.distinct.bytes);
                self.distinct.end()
            }
            false => self.key_of_spelling(raw),
        };
        self.push(row, key);
    }

    fn escaped(&mut self) -> &mut Escaped {
        self.escaped.get_or_insert_default()
    }

    #[inline]
    fn key_of_spelling(&mut self, raw: &[u8]) -> i32 {
        let place = place(raw);
        let escaped = self.escaped.get_or_insert_default();
        let spelling = escaped.places[place];
        if spelling >= 0 && same(escaped.spellings.get(spelling), raw) {
            return escaped.keys[spelling as usize];
        }
        let spelling = escaped.spellings.intern(raw);
        escaped.places[place] = spelling;
        match escaped.keys.get(spelling as usize) {
            Some(key) => *key,
            None => escaped.key_of_new(raw, &mut self.distinct),
        }
    }

    /// Forgets the values of rows from `rows` on; how many there were.
    pub(super) fn truncate(&mut self, rows: usize) -> usize {
        let gone = self.keys.iter().skip(rows).filter(|&&key| key >= 0).count();
        self.keys.truncate(rows);
        // A plain value must not stay behind in the text: there, order is all that ties it to its row, if they have one.
        if gone > 0 && self.plain > 0 && !self.scattered {
            let last = self.keys.iter().rev().find(|&&key| key >= 0);
            self.distinct.truncate(last.map_or(0, |&key| key as usize + 1));
        }
        gone
    }

    /// The column, padded to `rows`; ready for the next batch afterwards.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        // The next batch will be about as large.
        let next = Vec::with_capacity(rows + rows / 8);
        self.keys.resize(rows, -1);
        let keys = std::mem::replace(&mut self.keys, next);
        let (text, offsets) = self.distinct.take();
        self.places.fill(-1);
        if let Some(escaped) = &mut self.escaped {
            escaped.clear();
        }
        if let Some(codes) = &mut self.codes {
            codes.forget();
        }
        if let Some(words) = &mut self.words {
            words.forget();
        }
        let array = self.array(keys, offsets, text);
        self.scattered = false;
        array
    }

    fn array(&mut self, mut keys: Vec<i32>, offsets: Vec<i32>, text: Vec<u8>) -> ArrayRef {
        let (rows, distinct) = (keys.len(), offsets.len() - 1);
        let nulls = nulls(&keys);
        let present = rows - nulls.null_count();
        let nulls = (present < rows).then_some(nulls);
        if self.plain > 0 {
            self.plain -= 1;
            return match self.scattered {
                false => plain(&keys, offsets, text, nulls),
                true => gathered(&keys, &offsets, &text),
            };
        }
        // A dictionary whose values hardly repeat costs more than it saves.
        if present > FEW && distinct * 4 > present * 3 {
            self.plain = TRY_AGAIN;
            let in_order = || {
                keys.iter()
                    .filter(|&&key| key >= 0)
                    .copied()
                    .eq(0..distinct as i32)
            };
            if distinct == present && !self.scattered && in_order() {
                return plain(&keys, offsets, text, nulls);
            }
            return gathered(&keys, &offsets, &text);
        }
        if nulls.is_some() {
            // Keys of null rows are never looked at, but must be in range.
            keys.iter_mut().for_each(|key| *key = (*key).max(0));
        }
        let keys = Int32Array::new(ScalarBuffer::from(keys), nulls);
        let values = Arc::new(strings(offsets, text, None));
        // SAFETY: a key is the number of a value, which is not forgotten as long as a row has it; those of null rows are 0.
        Arc::new(unsafe { DictionaryArray::<Int32Type>::new_unchecked(keys, values) })
    }
}

impl Escaped {
    /// The key of the spelling that came last, and for the first time; `distinct` gets what it means.
    #[inline(never)]
    fn key_of_new(&mut self, raw: &[u8], distinct: &mut Texts) -> i32 {
        self.scratch.clear();
        unescape_bytes(raw, &mut self.scratch);
        let key = distinct.intern(&self.scratch);
        self.keys.push(key);
        key
    }

    fn clear(&mut self) {
        self.spellings.clear();
        self.keys.clear();
        self.places.fill(-1);
    }
}

/// The key of a text among `distinct`, which are `plain` or not.
fn key_of(distinct: &mut Texts, plain: u32, text: &[u8]) -> i32 {
    match plain > 0 {
        true => distinct.append(text),
        false => distinct.intern(text),
    }
}

/// Which rows have a key: a bit each.
fn nulls(keys: &[i32]) -> NullBuffer {
    let mut bytes = Vec::with_capacity(keys.len() / 8 + 1);
    let (eights, rest) = keys.as_chunks::<8>();
    bytes.extend(eights.iter().map(eight_bits));
    if !rest.is_empty() {
        let mut last = [-1; 8];
        last[..rest.len()].copy_from_slice(rest);
        bytes.push(eight_bits(&last));
    }
    NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bytes), 0, keys.len()))
}

/// Which of eight numbers are not negative: a bit each.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn eight_bits(keys: &[i32; 8]) -> u8 {
    use std::arch::x86_64::{_mm_castsi128_ps, _mm_loadu_si128, _mm_movemask_ps};
    // SAFETY: every x86-64 has SSE2, and eight numbers can be read from `keys`, at any alignment.
    let [low, high] = unsafe {
        [0, 4].map(|from| _mm_movemask_ps(_mm_castsi128_ps(_mm_loadu_si128(keys.as_ptr().add(from).cast()))))
    };
    !(low | high << 4) as u8
}

/// Which of eight numbers are not negative: a bit each.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
fn eight_bits(keys: &[i32; 8]) -> u8 {
    let bits = keys.iter().enumerate();
    bits.fold(0, |bits, (at, &key)| bits | u8::from(key >= 0) << at)
}

fn strings(offsets: Vec<i32>, text: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    let end = offsets.last().copied().unwrap_or_default();
    let is_plain = text.is_ascii() && usize::try_from(end) == Ok(text.len());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let text = Buffer::from_vec(text);
    match is_plain {
        // SAFETY: offsets ascend, the last is where the text ends, and ASCII is text wherever it is cut.
        true => unsafe { StringArray::new_unchecked(offsets, text, nulls) },
        false => StringArray::new(offsets, text, nulls),
    }
}

/// Values in any order.
fn gathered(keys: &[i32], offsets: &[i32], text: &[u8]) -> ArrayRef {
    let text = std::str::from_utf8(text).expect(VALID);
    let value = |&key: &i32| {
        let key = usize::try_from(key).ok()?;
        Some(&text[offsets[key] as usize..offsets[key + 1] as usize])
    };
    Arc::new(keys.iter().map(value).collect::<StringArray>())
}

/// Values whose order is that of their rows.
fn plain(keys: &[i32], offsets: Vec<i32>, text: Vec<u8>, nulls: Option<NullBuffer>) -> ArrayRef {
    if nulls.is_none() {
        return Arc::new(strings(offsets, text, None));
    }
    let mut of_rows = Vec::with_capacity(keys.len() + 1);
    of_rows.push(0);
    let mut end = 0;
    for &key in keys {
        if key >= 0 {
            end = offsets[key as usize + 1];
        }
        of_rows.push(end);
    }
    Arc::new(strings(of_rows, text, nulls))
}
