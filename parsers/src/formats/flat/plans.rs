//! Reading a record of a shape that came before without walking: producers write few shapes, and in a shape it is known which
//! quotes open and close which value.
//!
//! On a [walk](super::walk) each step begins where the value before it ends, and where that is has to be found first. Here all
//! quotes are numbered, and with a *plan* every step and every value is looked at by itself: the processor has many of
//! them under way at once.
//!
//! ```text
//! {"EventID":1,"Channel":"Security","User":"ann"}
//!  0       1   2       3 4        5 6    7 8   9
//! ```
//!
//! What is found is what a walk would find: every byte that is no value is compared with what stood there, and a
//! record in which one differs is walked.

use super::scan::{Numbered, Quotes};
use super::walk::{Compare, Noted, Number, Spelling, Steps, UNKNOWN, WORD, mask, padded_to_word};
use super::{FlatField, Kind, number_end};

/// Plans for records of so many quotes, or as many more or less by a multiple of it, are found at one place.
const PLACES: usize = 256;

/// Plans of a place.
const WAYS: usize = 4;

/// Shapes with more fields are walked.
const MOST_FIELDS: usize = 256;

/// Shapes that are remembered as having come once; a power of two.
const SEEN: usize = 512;

/// A step, and what follows from those before it.
#[repr(align(64))]
struct Segment {
    spelling: Spelling,
    number: Number,
    /// Its first quote, by number.
    quote: u32,
    /// Bytes in front of that.
    before: u16,
}

/// How to read records of a shape.
struct Plan {
    shape: u64,
    segments: Vec<Segment>,
    telling: Vec<u32>,
    /// How many quotes they have.
    quotes: usize,
}

/// See the [module](self).
pub(super) struct Plans {
    /// By number of quotes; what was used last comes first.
    places: Vec<[Option<Box<Plan>>; WAYS]>,
    seen: Vec<u64>,
}

impl Default for Plans {
    fn default() -> Self {
        Plans {
            places: (0..PLACES).map(|_| [const { None }; WAYS]).collect(),
            seen: vec![0; SEEN],
        }
    }
}

impl Plans {
    /// Reads a record by the plan of its shape, and says which that is. `None`: it has to be walked; what was noted of it means
    /// nothing.
    #[inline(always)]
    pub(super) fn read(
        &mut self,
        record: &[u8],
        quotes: &mut Quotes,
        steps: &Steps,
        noted: &mut Noted,
        compare: impl Compare,
    ) -> Option<u64> {
        let count = quotes.count();
        let place = &mut self.places[count % PLACES];
        place[0].as_ref()?;
        let numbered = quotes.numbered();
        for way in 0..WAYS {
            let plan = place[way].as_deref()?;
            if plan.quotes == count && plan.read(record, numbered, steps, noted, compare).is_some() {
                let shape = plan.shape;
                noted.telling.clear();
                noted.telling.extend_from_slice(&plan.telling);
                if way > 0 {
                    place.swap(0, way);
                }
                return Some(shape);
            }
        }
        None
    }

    /// Remembers the shape of a record that was walked; if it came before, how to read it.
    pub(super) fn learn(&mut self, quotes: &Quotes, steps: &Steps, noted: &Noted, shape: u64) {
        let seen = &mut self.seen[(shape >> (u64::BITS - SEEN.ilog2())) as usize];
        if *seen != shape {
            *seen = shape;
            return;
        }
        let quotes = quotes.count();
        let place = &mut self.places[quotes % PLACES];
        let known = |plan: &Option<Box<Plan>>| plan.as_ref().is_some_and(|plan| plan.shape == shape);
        // It is known, and stood otherwise in this record: with blanks, say.
        let way = place.iter().position(known);
        if let Some(plan) = Plan::of(quotes, steps, noted, shape) {
            place[..=way.unwrap_or(WAYS - 1)].rotate_right(1);
            place[0] = Some(Box::new(plan));
        }
    }
}

impl Plan {
    fn of(quotes: usize, steps: &Steps, noted: &Noted, shape: u64) -> Option<Plan> {
        let Noted {
            fields,
            telling,
            steps: numbers,
            ..
        } = noted;
        if fields.is_empty() || fields.len() != numbers.len() || fields.len() > MOST_FIELDS {
            return None;
        }
        let mut segments = Vec::with_capacity(fields.len());
        // Quotes so far, and whether the last of them opens a value.
        let (mut quote, mut open) = (0, false);
        for (field, &number) in fields.iter().zip(numbers) {
            if number == UNKNOWN || !matches!(field.kind, Kind::Text | Kind::Escaped | Kind::Number) {
                return None;
            }
            let (spelling, spelled) = steps.spelling(number)?;
            let before = match open {
                true => 0,
                false => memchr::memchr(b'"', spelled)?,
            };
            segments.push(Segment {
                spelling,
                number,
                quote,
                before: u16::try_from(before).ok()?,
            });
            quote += u32::try_from(memchr::memchr_iter(b'"', spelled).count()).ok()?;
            open = spelling.is_string;
        }
        let all = quote as usize + usize::from(open);
        (all == quotes).then(|| Plan {
            shape,
            segments,
            telling: telling.clone(),
            quotes,
        })
    }

    /// Takes a record apart that has as many quotes. `None`: it is of another shape.
    #[inline(always)]
    fn read(
        &self,
        record: &[u8],
        quotes: Numbered<'_>,
        steps: &Steps,
        noted: &mut Noted,
        compare: impl Compare,
    ) -> Option<()> {
        let Noted { fields, fitting, .. } = noted;
        fields.clear();
        fields.reserve(self.segments.len());
        let begin = |segment: &Segment| {
            let quote = quotes.place(segment.quote as usize)?;
            quote.checked_sub(usize::from(segment.before))
        };
        let mut segments = self.segments.iter();
        let mut segment = segments.next()?;
        let mut from = begin(segment)?;
        if from != 0 {
            return None;
        }
        loop {
            let following = segments.next();
            let Spelling {
                head,
                mask: masked,
                length,
                key,
                is_string,
                ..
            } = &segment.spelling;
            let rest = record.get(from..)?;
            let padded;
            let window = match rest.first_chunk() {
                Some(window) => window,
                None => {
                    padded = padded_to_word(rest);
                    &padded
                }
            };
            let length = usize::from(*length);
            if !compare.same_heads(window, head, mask(*masked))
                || length > WORD && !rest.starts_with(steps.spelled(segment.number))
            {
                return None;
            }
            let start = from + length;
            let end = match following {
                Some(following) => begin(following)?,
                None => {
                    let behind = usize::from(*is_string) + 1;
                    let end = record.len().checked_sub(behind)?;
                    let closes = record[end + behind - 1] == b'}';
                    let is_last = !is_string || quotes.last() == Some(end);
                    if !closes || !is_last {
                        return None;
                    }
                    end
                }
            };
            let kind = if *is_string {
                match quotes.escapes_between(start, end)? {
                    true => Kind::Escaped,
                    false => Kind::Text,
                }
            } else {
                if !is_short_number(record, start, end) && number_end(record, start, fitting) != Some(end) {
                    return None;
                }
                Kind::Number
            };
            fields.push(FlatField {
                key: *key,
                kind,
                start: start as u32,
                end: end as u32,
            });
            let Some(following) = following else {
                return Some(());
            };
            (segment, from) = (following, end);
        }
    }
}

/// Whether a whole number of at most 16 digits stands from `start` to `end`, written as JSON has it. `false` also where that
/// cannot be seen at once.
#[inline(always)]
fn is_short_number(record: &[u8], start: usize, end: usize) -> bool {
    let length = end.wrapping_sub(start);
    let Some(word) = record.get(start..).and_then(<[u8]>::first_chunk::<16>) else {
        return false;
    };
    let plain = (1..=16).contains(&length) && (word[0] != b'0' || length == 1);
    plain && others(word).trailing_zeros() as usize >= length
}

/// Which bytes are no digits: a bit each.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn others(word: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
    };
    // SAFETY: every x86-64 has SSE2, and 16 bytes can be read, at any alignment.
    unsafe {
        let word = _mm_loadu_si128(word.as_ptr().cast());
        let moved = _mm_sub_epi8(word, _mm_set1_epi8(b'0' as i8));
        let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(moved, _mm_set1_epi8(9)), moved);
        !_mm_movemask_epi8(is_digit) as u32 & 0xffff
    }
}

/// Which bytes are no digits: a bit each.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
fn others(word: &[u8; 16]) -> u32 {
    let bits = word.iter().enumerate();
    bits.fold(0, |bits, (at, byte)| bits | u32::from(!byte.is_ascii_digit()) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_numbers() {
        for number in ["", "0", "00", "01", "7", "10", "-1", "1e3", "1234567890123456", "12345678901234567", "1/", ":1"] {
            let valid = number.parse::<u64>().is_ok_and(|parsed| parsed.to_string() == number);
            for behind in ["x".repeat(16), "9".repeat(16)] {
                let record = format!("[{number}{behind}");
                let found = is_short_number(record.as_bytes(), 1, 1 + number.len());
                assert_eq!(found, valid && number.len() <= 16, "{number}");
            }
            assert!(!is_short_number(number.as_bytes(), 0, number.len()) || number.len() == 16);
        }
        for byte in 0..=u8::MAX {
            assert_eq!(others(&[byte; 16]), if byte.is_ascii_digit() { 0 } else { 0xffff }, "{byte}");
        }
    }
}
