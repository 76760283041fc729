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
use super::{FlatField, Kind, SPREADS, number_end, skip_space, value_at};

/// Number of a step; [`UNKNOWN`] if it has none.
pub(super) type Number = u32;

pub(super) const UNKNOWN: Number = Number::MAX;

/// More steps than any producer takes: from there on, new ones get no number.
const MOST_STEPS: usize = 40_000;

/// Longer ones get none either.
const LONGEST_STEP: usize = 1100;

/// Bytes that are compared together; longer steps are compared twice.
pub(super) const WORD: usize = 32;

/// How a step stands in a record, and to which key it leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    /// The first bytes.
    pub(super) head: [u8; WORD],
    pub(super) length: u16,
    /// Where the [mask] of the bytes that count begins.
    pub(super) mask: u8,
    /// It ends with the quote of a string.
    pub(super) is_string: bool,
    pub(super) key: Key,
}

/// All that is looked at on a step that was foreseen: one line of the cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Step {
    spelling: Spelling,
    /// The steps that followed it last: events of two kinds often alternate.
    next: [Number; 2],
    role: Role,
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

/// Where a walk is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Behind the last value; of a string, at its closing quote.
    pub(super) from: usize,
    /// The step to that value, and whether it is a string; nothing at the beginning.
    pub(super) last: Option<(Number, bool)>,
    /// The steps that are foreseen.
    next: [Number; 2],
    /// See [`FlatEvent::shape`](super::FlatEvent::shape).
    pub(super) shape: u64,
}

/// What was met on a walk.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) fields: Vec<FlatField>,
    /// Those whose keys mean something to every Windows event, by position.
    pub(super) telling: Vec<u32>,
    /// The steps to them.
    pub(super) steps: Vec<Number>,
    /// The last number of so many digits that not all such fit into 64 bits, and which does.
    pub(super) fitting: Vec<u8>,
}

impl Noted {
    pub(super) fn add(&mut self, field: FlatField, role: Role, step: Number) {
        if role != Role::Plain {
            self.telling.push(self.fields.len() as u32);
        }
        self.fields.push(field);
        self.steps.push(step);
    }

    /// Forgets all of the record before.
    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.telling.clear();
        self.steps.clear();
    }
}

/// Where a walk along known steps ended.
pub(super) enum Stop {
    /// At the end of the record.
    End,
    /// At a step that was not foreseen.
    Unforeseen,
    /// At something that is not read here.
    Refused,
}

/// How short texts are compared.
pub(super) trait Compare: Copy {
    /// Whether two texts have the same bytes where `mask` has ones.
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], mask: &[u8; WORD]) -> bool;
}

/// Ones, and as many zeroes behind them.
static MASKS: [u8; 2 * WORD] = {
    let mut masks = [0; 2 * WORD];
    let mut at = 0;
    while at < WORD {
        masks[at] = 0xff;
        at += 1;
    }
    masks
};

/// The mask that begins there.
#[inline(always)]
pub(super) fn mask(from: u8) -> &'static [u8; WORD] {
    let from = usize::from(from) % WORD;
    MASKS[from..].first_chunk().expect("as many zeroes follow")
}

/// As every machine can.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plainly;

impl Compare for Plainly {
    #[inline(always)]
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], mask: &[u8; WORD]) -> bool {
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
    fn same_heads(self, one: &[u8; WORD], other: &[u8; WORD], mask: &[u8; WORD]) -> bool {
        // SAFETY: an `Avx2` says that the machine has it.
        unsafe { same_heads(one, other, mask) }
    }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn same_heads(one: &[u8; WORD], other: &[u8; WORD], mask: &[u8; WORD]) -> bool {
    use std::arch::x86_64::{_mm256_loadu_si256, _mm256_testz_si256, _mm256_xor_si256};
    // SAFETY: 32 bytes can be read from each, at any alignment.
    unsafe {
        let one = _mm256_loadu_si256(one.as_ptr().cast());
        let other = _mm256_loadu_si256(other.as_ptr().cast());
        let mask = _mm256_loadu_si256(mask.as_ptr().cast());
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
    /// Where a walk begins.
    pub(super) fn start(&self, shape: u64) -> Place {
        Place {
            from: 0,
            last: None,
            next: self.first,
            shape,
        }
    }

    /// Goes on to the value of a step that was found, and was a string or not, which ends at `from`.
    pub(super) fn go_on(&self, place: &mut Place, taken: &Taken, from: usize) {
        place.from = from;
        place.last = Some((taken.number, taken.is_string));
        place.next = match self.steps.get(taken.number as usize) {
            Some(step) => step.next,
            None => [UNKNOWN; 2],
        };
    }

    /// How a step stands in a record.
    pub(super) fn spelling(&self, number: Number) -> Option<Spelling> {
        self.steps.get(number as usize).map(|step| step.spelling)
    }

    /// All bytes of a step.
    pub(super) fn spelled(&self, number: Number) -> &[u8] {
        &self.spelled[number as usize]
    }

    /// Walks as long as steps are foreseen.
    #[inline(always)]
    pub(super) fn follow(
        &self,
        record: &[u8],
        quotes: &Quotes,
        place: &mut Place,
        noted: &mut Noted,
        compare: impl Compare,
    ) -> Stop {
        let Noted {
            fields,
            telling,
            steps: taken,
            fitting,
        } = noted;
        let steps = &self.steps[..];
        let words = quotes.words();
        let Place {
            mut from,
            mut last,
            mut next,
            mut shape,
        } = *place;
        let stop = loop {
            let Some(rest) = record.get(from..) else {
                break Stop::Refused;
            };
            let padded;
            let head = match rest.first_chunk() {
                Some(head) => head,
                None => {
                    padded = padded_to_word(rest);
                    &padded
                }
            };
            let stands =
                |step: &&Step| compare.same_heads(head, &step.spelling.head, mask(step.spelling.mask));
            let (number, step) = match steps.get(next[0] as usize).filter(stands) {
                Some(step) => (next[0], step),
                None => match steps.get(next[1] as usize).filter(stands) {
                    Some(step) => (next[1], step),
                    None => break Stop::Unforeseen,
                },
            };
            let length = usize::from(step.spelling.length);
            if length > WORD && !rest.starts_with(&self.spelled[number as usize]) {
                break Stop::Unforeseen;
            }
            let field = if step.spelling.is_string {
                let start = from + length;
                let Some((end, has_escapes)) = words.end_of_string(start) else {
                    break Stop::Refused;
                };
                from = end;
                FlatField {
                    key: step.spelling.key,
                    kind: if has_escapes { Kind::Escaped } else { Kind::Text },
                    start: start as u32,
                    end: end as u32,
                }
            } else {
                let start = skip_space(record, from + length);
                let (kind, end) = match record.get(start) {
                    Some(b'0'..=b'9' | b'-') => match number_end(record, start, fitting) {
                        Some(end) => (Kind::Number, end),
                        None => break Stop::Refused,
                    },
                    // Another step leads to a string.
                    Some(b'"') => break Stop::Unforeseen,
                    _ => match value_at(record, start, quotes) {
                        Some((kind, _, end, _)) => (kind, end),
                        None => break Stop::Refused,
                    },
                };
                from = end;
                FlatField {
                    key: step.spelling.key,
                    kind,
                    start: start as u32,
                    end: end as u32,
                }
            };
            if step.role != Role::Plain {
                telling.push(fields.len() as u32);
            }
            shape = turned(shape, &field);
            fields.push(field);
            taken.push(number);
            last = Some((number, step.spelling.is_string));
            next = step.next;
            if ends(record, from, step.spelling.is_string) {
                break Stop::End;
            }
        };
        *place = Place {
            from,
            last,
            next,
            shape,
        };
        stop
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
            spelling: Spelling {
                head,
                length: spelled.len() as u16,
                mask: (WORD - compared) as u8,
                is_string,
                key,
            },
            next: [UNKNOWN; 2],
            role,
        });
        self.spelled.push(spelled.into());
        let (all, hasher) = (&self.spelled, &self.hasher);
        self.table
            .insert_unique(hash, number, |&other| hasher.hash_one(&*all[other as usize]));
        number
    }
}

/// The last bytes of a record; no step has a zero in it.
#[inline(never)]
pub(super) fn padded_to_word(rest: &[u8]) -> [u8; WORD] {
    let mut padded = [0; WORD];
    let length = rest.len().min(WORD);
    padded[..length].copy_from_slice(&rest[..length]);
    padded
}

/// Whether the record is over behind a value, as nearly all are: with nothing but its brace.
#[inline(always)]
pub(super) fn ends(record: &[u8], from: usize, is_string: bool) -> bool {
    let brace = from + usize::from(is_string);
    brace + 1 == record.len() && record[brace] == b'}'
}

/// A shape with one more field.
#[inline(always)]
pub(super) fn turned(shape: u64, field: &FlatField) -> u64 {
    (shape.rotate_left(5) ^ u64::from(field.code())).wrapping_mul(SPREADS)
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
            for length in 1..=WORD {
                let wanted = changed >= length;
                let mask = mask((WORD - length) as u8);
                assert_eq!(
                    Plainly.same_heads(&one, &other, mask),
                    wanted,
                    "{changed} {length}"
                );
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the machine has AVX2.
                    let vectors = unsafe { Avx2::new() };
                    assert_eq!(
                        vectors.same_heads(&one, &other, mask),
                        wanted,
                        "{changed} {length}"
                    );
                }
            }
        }
    }
}
