//! Reading a record of a shape that came before: producers write few shapes, and in a shape it is known which step follows
//! which, what each leads to, and what follows from that.
//!
//! A [walk](super::walk) finds out at each value which step was taken, and notes what it means. A *plan* is the list of steps
//! of a shape that was walked twice: each is compared with what stands in the record, and nothing else is left to do than to
//! find where values end. What is found is what a walk would find; a record that is otherwise is walked.

use super::scan::{Quotes, Words};
use super::walk::{Compare, Noted, Number, Spelling, Steps, UNKNOWN, WORD, ends, mask, padded_to_word};
use super::{FlatField, Kind, number_end};

/// Plans for records of so many quotes, or as many more or less by a multiple of it, are found at one place.
const PLACES: usize = 256;

/// Plans of a place.
const WAYS: usize = 4;

/// Shapes with more fields are walked.
const MOST_FIELDS: usize = 256;

/// Shapes that are remembered as having come once; a power of two.
const SEEN: usize = 512;

/// A step.
#[repr(align(64))]
struct Segment {
    spelling: Spelling,
    number: Number,
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
        quotes: &Quotes,
        steps: &Steps,
        noted: &mut Noted,
        compare: impl Compare,
    ) -> Option<u64> {
        let count = quotes.count();
        let place = &mut self.places[count % PLACES];
        for way in 0..WAYS {
            let plan = place[way].as_deref()?;
            if plan.quotes == count && plan.read(record, quotes.words(), steps, noted, compare).is_some() {
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
        for (field, &number) in fields.iter().zip(numbers) {
            if number == UNKNOWN || !matches!(field.kind, Kind::Text | Kind::Escaped | Kind::Number) {
                return None;
            }
            let spelling = steps.spelling(number)?;
            segments.push(Segment { spelling, number });
        }
        Some(Plan {
            shape,
            segments,
            telling: telling.clone(),
            quotes,
        })
    }

    /// Takes a record apart. `None`: it is of another shape.
    #[inline(always)]
    fn read(
        &self,
        record: &[u8],
        quotes: Words<'_>,
        steps: &Steps,
        noted: &mut Noted,
        compare: impl Compare,
    ) -> Option<()> {
        let Noted { fields, fitting, .. } = noted;
        let none = FlatField {
            key: 0,
            kind: Kind::Null,
            start: 0,
            end: 0,
        };
        fields.resize(self.segments.len(), none);
        let (mut from, mut was_string) = (0, false);
        for (segment, field) in self.segments.iter().zip(fields) {
            let Spelling {
                head,
                mask: masked,
                length,
                key,
                is_string,
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
            let (kind, end) = if *is_string {
                match quotes.end_of_string(start)? {
                    (end, true) => (Kind::Escaped, end),
                    (end, false) => (Kind::Text, end),
                }
            } else {
                let end = match short_number_end(record, start) {
                    Some(end) => end,
                    None => number_end(record, start, fitting)?,
                };
                (Kind::Number, end)
            };
            *field = FlatField {
                key: *key,
                kind,
                start: start as u32,
                end: end as u32,
            };
            (from, was_string) = (end, *is_string);
        }
        ends(record, from, was_string).then_some(())
    }
}

/// Where the whole number of at most 15 digits at `start` ends, written as JSON has it. What follows it is not looked at. `None`
/// also where that cannot be seen at once.
#[inline(always)]
fn short_number_end(record: &[u8], start: usize) -> Option<usize> {
    let word = record.get(start..)?.first_chunk::<16>()?;
    let length = others(word).trailing_zeros() as usize;
    let plain = (1..16).contains(&length) && (word[0] != b'0' || length == 1);
    plain.then_some(start + length)
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
    bits.fold(0, |bits, (at, byte)| {
        bits | u32::from(!byte.is_ascii_digit()) << at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_numbers() {
        for number in [
            "",
            "0",
            "00",
            "01",
            "7",
            "10",
            "-1",
            "123456789012345",
            "1234567890123456",
            "/",
            ":",
        ] {
            let valid = number
                .parse::<u64>()
                .is_ok_and(|parsed| parsed.to_string() == number);
            let wanted = (valid && number.len() < 16).then_some(1 + number.len());
            let record = format!("[{number}{}", ",".repeat(16));
            assert_eq!(short_number_end(record.as_bytes(), 1), wanted, "{number}");
            assert_eq!(
                short_number_end(number.as_bytes(), 0),
                None,
                "too near to the end"
            );
        }
        for byte in 0..=u8::MAX {
            let wanted = if byte.is_ascii_digit() { 0 } else { 0xffff };
            assert_eq!(others(&[byte; 16]) & 0xffff, wanted, "{byte}");
        }
    }
}
