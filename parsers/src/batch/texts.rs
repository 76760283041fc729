//! Comparing and telling apart short texts without calls: a cell is a few dozen bytes, and a call to compare them costs
//! as much as comparing them.

/// Longer texts are compared by the library, which is faster with them.
const LONG: usize = 128;

/// Whether two texts are the same.
#[inline(always)]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let length = one.len();
    if length != other.len() {
        return false;
    }
    match length {
        16..=LONG => {
            let (words, _) = one.as_chunks::<16>();
            let (others, _) = other.as_chunks::<16>();
            // The last word overlaps the one before it.
            words.iter().zip(others).all(|(word, other)| word == other)
                && one.last_chunk::<16>() == other.last_chunk()
        }
        8..16 => one.first_chunk::<8>() == other.first_chunk() && one.last_chunk::<8>() == other.last_chunk(),
        4..8 => one.first_chunk::<4>() == other.first_chunk() && one.last_chunk::<4>() == other.last_chunk(),
        1..4 => {
            one[0] == other[0] && one[length / 2] == other[length / 2] && one[length - 1] == other[length - 1]
        }
        0 => true,
        _ => one == other,
    }
}

/// One of 256 places for a text, by its length and up to 24 of its bytes: the first eight and the last sixteen.
#[inline(always)]
pub(super) fn place(text: &[u8]) -> usize {
    const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;
    let length = text.len();
    let mixed = match length {
        8.. => {
            let first = text.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            let last = text.last_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            let before = match text.last_chunk::<16>() {
                Some([before @ .., _, _, _, _, _, _, _, _]) => u64::from_le_bytes(*before),
                None => 0,
            };
            first ^ last.rotate_left(29) ^ before.rotate_left(47)
        }
        4..8 => {
            let first = text.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
            let last = text.last_chunk().map_or(0, |word| u32::from_le_bytes(*word));
            u64::from(first) ^ u64::from(last) << 29
        }
        1..4 => u64::from(text[0]) | u64::from(text[length / 2]) << 8 | u64::from(text[length - 1]) << 16,
        0 => 0,
    };
    ((mixed ^ length as u64).wrapping_mul(SPREADS) >> 56) as usize
}

/// How many [`place`]s there are.
pub(super) const PLACES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_if_all_bytes_are() {
        for length in 0..200 {
            let text: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert!(same(&text, &text.clone()), "{length}");
            assert!(!same(&text, &[&text[..], b"x"].concat()), "{length}");
            assert_eq!(place(&text), place(&text.clone()));
            assert!(place(&text) < PLACES);
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert!(!same(&text, &other), "{length} {at}");
            }
        }
    }
}
