//! Walking from value to value of a record along steps that records before it have taken.
//!
//! ```text
//! {"EventID":1,"Channel":"Security","User":"ann"}
//! ~~~~~~~~~~~ ~~~~~~~~~~~        ~~~~~~~~~~    ~~
//! ```
//!
//! What stands between two values is a *step*: the quote that closes the first, the comma, the key and its colon, and the
//! quote that opens the second. Few steps are ever taken, and each is mostly followed by the one that followed it last time,
//! so that a key and all around it is one comparison.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::keys::{Key, Keys, Role};
use super::scan::Quotes;
use super::skip_space;

/// Number of a step; [`UNKNOWN`] if it has none.
pub(super) type Number = u32;

pub(super) const UNKNOWN: Number = Number::MAX;

/// More steps than any producer takes: from there on, new ones get no number.
const MOST_STEPS: usize = 40_000;

/// Longer ones get none either.
const LONGEST_STEP: usize = 1100;

/// Bytes that are compared together; longer steps are compared twice.
const WORD: usize = 32;

/// All that is looked at on a step that was foreseen: one line of the cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Step {
    /// The first bytes.
    head: [u8; WORD],
    length: u32,
    key: Key,
    /// The steps that followed it last: events of two kinds often alternate.
    next: [Number; 2],
    role: Role,
    /// It ends with the quote of a string.
    is_string: bool,
}

/// A step that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) number: Number,
    pub(super) key: Key,
    pub(super) role: Role,
    /// Where the value begins; of a string, its inside.
    pub(super) value: usize,
    /// A string follows, behind its quote.
    pub(super) is_string: bool,
}

/// What stands behind a value.
pub(super) enum Way {
    To(Taken),
    /// The record is over.
    End,
}

/// How short texts are compared.
pub(super) trait Compare: Copy {
    /// Whether two texts have the same first `length` bytes; of more than [`WORD`], these.
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], length: usize) -> bool;
}

/// Ones, as many as bytes count, and zeroes behind them.
static MASKS: [u8; 2 * WORD] = {
    let mut masks = [0; 2 * WORD];
    let mut at = 0;
    while at < WORD {
        masks[at] = 0xff;
        at += 1;
    }
    masks
};

/// The mask of as many bytes as count.
#[inline(always)]
fn mask(length: usize) -> &'static [u8; WORD] {
    let from = WORD - length.min(WORD);
    MASKS[from..].first_chunk().expect("as many zeroes follow")
}

/// As every machine can.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plainly;

impl Compare for Plainly {
    #[inline(always)]
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], length: usize) -> bool {
        let mask = mask(length);
        let differ = one.iter().zip(other).zip(mask);
        differ.fold(0, |any, ((one, other), mask)| any | (one ^ other) & mask) == 0
    }
}

/// With vectors of 32 bytes. Exists only where the machine has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// # Safety
    ///
    /// The machine has AVX2.
    pub(super) unsafe fn new() -> Self {
        Avx2(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Compare for Avx2 {
    #[inline(always)]
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], length: usize) -> bool {
        // SAFETY: an `Avx2` says that the machine has it.
        unsafe { same_heads(one, other, mask(length)) }
    }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn same_heads(one: &[u8; WORD], other: &[u8; WORD], mask: &[u8; WORD]) -> bool {
    use std::arch::x86_64::{_mm256_loadu_si256, _mm256_testz_si256, _mm256_xor_si256};
    // SAFETY: 32 bytes can be read from each, at any alignment.
    unsafe {
        let [one, other, mask] = [one, other, mask].map(|bytes| _mm256_loadu_si256(bytes.as_ptr().cast()));
        _mm256_testz_si256(_mm256_xor_si256(one, other), mask) != 0
    }
}

/// See the [module](self).
pub(super) struct Steps {
    steps: Vec<Step>,
    /// Each as it stood in a record.
    spelled: Vec<Box<[u8]>>,
    table: HashTable<Number>,
    hasher: foldhash::fast::FixedState,
    /// The steps that records began with last.
    first: [Number; 2],
}

impl Default for Steps {
    fn default() -> Self {
        Steps {
            steps: Vec::new(),
            spelled: Vec::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::FixedState::default(),
            first: [UNKNOWN; 2],
        }
    }
}

impl Steps {
    /// The step that was foreseen behind `last` (or at the beginning), if it stands at `from`.
    #[inline(always)]
    pub(super) fn foreseen(
        &self,
        record: &[u8],
        from: usize,
        last: Option<Number>,
        compare: impl Compare,
    ) -> Option<Taken> {
        let next = match last {
            Some(last) => self.steps.get(last as usize)?.next,
            None => self.first,
        };
        let rest = record.get(from..)?;
        match rest.first_chunk() {
            Some(head) => self.one_of(next, head, rest, from, compare),
            None => self.one_of_at_end(next, rest, from, compare),
        }
    }

    #[inline(always)]
    fn one_of(
        &self,
        next: [Number; 2],
        head: &[u8; WORD],
        rest: &[u8],
        from: usize,
        compare: impl Compare,
    ) -> Option<Taken> {
        self.that(next[0], head, rest, from, compare)
            .or_else(|| self.that(next[1], head, rest, from, compare))
    }

    /// The same near the end of a record.
    #[inline(never)]
    fn one_of_at_end(
        &self,
        next: [Number; 2],
        rest: &[u8],
        from: usize,
        compare: impl Compare,
    ) -> Option<Taken> {
        // No step has a zero in it.
        let mut head = [0; WORD];
        head.get_mut(..rest.len())?.copy_from_slice(rest);
        self.one_of(next, &head, rest, from, compare)
    }

    #[inline(always)]
    fn that(
        &self,
        number: Number,
        head: &[u8; WORD],
        rest: &[u8],
        from: usize,
        compare: impl Compare,
    ) -> Option<Taken> {
        let step = self.steps.get(number as usize)?;
        let length = step.length as usize;
        let stands = compare.same_heads(head, &step.head, length)
            && (length <= WORD || rest.starts_with(&self.spelled[number as usize]));
        stands.then_some(Taken {
            number,
            key: step.key,
            role: step.role,
            value: from + length,
            is_string: step.is_string,
        })
    }

    /// The step at `from`, which was not foreseen. `None`: none stands there that is read here.
    #[cold]
    pub(super) fn find(
        &mut self,
        text: &str,
        from: usize,
        last: Option<(Number, bool)>,
        quotes: &Quotes,
        keys: &mut Keys,
    ) -> Option<Way> {
        let record = text.as_bytes();
        let at = match last {
            None => {
                let at = skip_space(record, from);
                if record.get(at) != Some(&b'{') {
                    return None;
                }
                skip_space(record, at + 1)
            }
            Some((_, was_string)) => {
                let at = skip_space(record, from + usize::from(was_string));
                match record.get(at)? {
                    b',' => skip_space(record, at + 1),
                    b'}' => return (skip_space(record, at + 1) == record.len()).then_some(Way::End),
                    _ => return None,
                }
            }
        };
        if record.get(at) != Some(&b'"') {
            return None;
        }
        let (end, has_escapes) = quotes.end_of_string(at + 1)?;
        let colon = skip_space(record, end + 1);
        if record.get(colon) != Some(&b':') || has_escapes {
            return None;
        }
        let key = keys.find(&text[at + 1..end], &record[at..=colon], None)?;
        let value = skip_space(record, colon + 1);
        let is_string = record.get(value) == Some(&b'"');
        let value = value + usize::from(is_string);
        let role = keys.role(key);
        let number = self.number(&record[from..value], key, role, is_string);
        let next = match last {
            Some((last, _)) => self.steps.get_mut(last as usize).map(|step| &mut step.next),
            None => Some(&mut self.first),
        };
        if let Some(next) = next
            && number != UNKNOWN
        {
            *next = [number, next[0]];
        }
        Some(Way::To(Taken {
            number,
            key,
            role,
            value,
            is_string,
        }))
    }

    /// The number of a step; [`UNKNOWN`] if it is new and there are too many already, or too long.
    fn number(&mut self, spelled: &[u8], key: Key, role: Role, is_string: bool) -> Number {
        let hash = self.hasher.hash_one(spelled);
        let known = self
            .table
            .find(hash, |&number| *self.spelled[number as usize] == *spelled);
        if let Some(&number) = known {
            return number;
        }
        if self.steps.len() >= MOST_STEPS || spelled.len() > LONGEST_STEP {
            return UNKNOWN;
        }
        let number = self.steps.len() as Number;
        let mut head = [0; WORD];
        let compared = spelled.len().min(WORD);
        head[..compared].copy_from_slice(&spelled[..compared]);
        self.steps.push(Step {
            head,
            length: spelled.len() as u32,
            key,
            next: [UNKNOWN; 2],
            role,
            is_string,
        });
        self.spelled.push(spelled.into());
        let (all, hasher) = (&self.spelled, &self.hasher);
        self.table
            .insert_unique(hash, number, |&other| hasher.hash_one(&*all[other as usize]));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_same_if_their_bytes_are() {
        let one: [u8; WORD] = std::array::from_fn(|at| at as u8 + 1);
        for changed in 0..=WORD {
            let mut other = one;
            if let Some(byte) = other.get_mut(changed) {
                *byte ^= 0x80;
            }
            for length in 0..2 * WORD {
                let wanted = changed >= length.min(WORD);
                assert_eq!(Plainly.same_heads(&one, &other, length), wanted, "{changed} {length}");
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the machine has AVX2.
                    let vectors = unsafe { Avx2::new() };
                    assert_eq!(vectors.same_heads(&one, &other, length), wanted, "{changed} {length}");
                }
            }
        }
    }
}
