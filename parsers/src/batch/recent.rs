//! Values that a column had lately.

/// Short values met lately, with their keys: what repeats among a column's cells is mostly found here, without its hash.
pub(super) struct Recent {
    places: [Place; PLACES],
}

/// A value of no more than 16 bytes: its first and last eight, and how long it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short {
    first: u64,
    last: u64,
    length: u64,
}

/// Room for one value.
#[derive(Clone, Copy)]
pub(super) struct Place {
    short: Short,
    /// -1: another value is here, or none.
    key: i32,
}

impl Place {
    /// Whether the key of the value is not known.
    #[inline]
    pub(super) fn is_other(&self) -> bool {
        self.key < 0
    }

    /// The value's key.
    #[inline]
    pub(super) fn key(&self) -> i32 {
        self.key
    }

    /// Notes the value's key.
    #[inline]
    pub(super) fn set(&mut self, key: i32) {
        self.key = key;
    }
}

impl Recent {
    /// The place of a value, if it is short enough to have one.
    #[inline]
    pub(super) fn place(&mut self, text: &str) -> Option<&mut Place> {
        let short = Short::of(text)?;
        let place = &mut self.places[short.place()];
        if place.short != short {
            *place = Place { short, key: -1 };
        }
        Some(place)
    }
}

pub(super) const PLACES: usize = 256;

impl Default for Recent {
    fn default() -> Self {
        let short = Short {
            first: 0,
            last: 0,
            length: 0,
        };
        Recent {
            places: [Place { short, key: -1 }; PLACES],
        }
    }
}

impl Short {
    #[inline]
    fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (first, last) = match bytes.len() {
            8..=16 => (
                u64::from_le_bytes(*bytes.first_chunk()?),
                u64::from_le_bytes(*bytes.last_chunk()?),
            ),
            4..=7 => (
                u64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
                u64::from(u32::from_le_bytes(*bytes.last_chunk()?)),
            ),
            1..=3 => (
                u64::from(bytes[0]) | u64::from(bytes[bytes.len() / 2]) << 8,
                u64::from(bytes[bytes.len() - 1]),
            ),
            0 => (0, 0),
            _ => return None,
        };
        Some(Short {
            first,
            last,
            length: bytes.len() as u64,
        })
    }

    #[inline]
    fn place(self) -> usize {
        const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.first ^ self.last.rotate_left(29) ^ self.length).wrapping_mul(SPREADS);
        (mixed >> 56) as usize
    }
}

/// The digits of a number, and its sign.
pub(super) fn digits(number: i64, buffer: &mut [u8; 20]) -> &str {
    let mut rest = number.unsigned_abs();
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    std::str::from_utf8(&buffer[start..]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers() {
        for number in [0, 7, -7, 10, 443, i64::MAX, i64::MIN] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string());
        }
    }

    #[test]
    fn short_texts_are_told_apart() {
        let mut texts: Vec<String> = (0..=17).map(|length| "a".repeat(length)).collect();
        texts.extend(
            [
                "ab",
                "ba",
                "aba",
                "abb",
                "bab",
                "abcdabcd",
                "dabcdabc",
                "abcdeabcde",
            ]
            .map(str::to_owned),
        );
        for (at, one) in texts.iter().enumerate() {
            for other in &texts[..at] {
                assert!(
                    Short::of(one) != Short::of(other) || Short::of(one).is_none(),
                    "{one} {other}"
                );
            }
        }
    }
}
