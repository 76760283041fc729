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
    // Both halves are compared, whatever the first says: one jump that is foreseen costs less than two.
    match length {
        16..=32 => {
            (one.first_chunk::<16>() == other.first_chunk()) & (one.last_chunk::<16>() == other.last_chunk())
        }
        33..=64 => {
            (one.first_chunk::<32>() == other.first_chunk()) & (one.last_chunk::<32>() == other.last_chunk())
        }
        65..=LONG => {
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

/// Appends a text to others; a short one, as most are, as one word.
#[inline(always)]
pub(super) fn append(text: &[u8], to: &mut Vec<u8>) {
    const WORD: usize = size_of::<u128>();
    match (text.first_chunk::<WORD>(), text.last_chunk::<WORD>()) {
        (Some(first), Some(last)) if text.len() <= 2 * WORD => {
            to.extend_from_slice(first);
            to.truncate(to.len() + text.len() - 2 * WORD);
            return to.extend_from_slice(last);
        }
        (Some(_), _) => return to.extend_from_slice(text),
        _ => {}
    }
    let end = to.len() + text.len();
    to.extend_from_slice(&word(text).to_le_bytes());
    to.truncate(end);
}

/// A text of at most sixteen bytes as the bytes of a number, the first the lowest.
#[inline(always)]
fn word(text: &[u8]) -> u128 {
    // What is shifted out of the last bytes are those that the first have, too.
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let behind = u64::from_le_bytes(*last).checked_shr(8 * (16 - length) as u32);
        u128::from(u64::from_le_bytes(*first)) | u128::from(behind.unwrap_or(0)) << 64
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let behind = u32::from_le_bytes(*last).checked_shr(8 * (8 - length) as u32);
        u128::from(u64::from(u32::from_le_bytes(*first)) | u64::from(behind.unwrap_or(0)) << 32)
    } else {
        let bytes = text.iter().rev();
        u128::from(bytes.fold(0_u32, |word, byte| word << 8 | u32::from(*byte)))
    }
}

/// A number that tells texts apart by their length and up to 40 of their bytes: the first 16, the last 16, and eight in the
/// middle. Its highest bits tell as much as the others.
#[inline(always)]
pub(super) fn tag(text: &[u8]) -> u32 {
    let length = text.len();
    let long = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |word| u64::from_le_bytes(*word));
    let mixed = match length {
        17.. => {
            let middle = long(text[length / 2 - 4..].first_chunk());
            let second = long(text[8..].first_chunk());
            let before = long(text[length - 16..].first_chunk());
            let ends = folded(
                long(text.first_chunk()) ^ middle.rotate_left(21),
                long(text.last_chunk()),
            );
            ends ^ folded(second.rotate_left(17) ^ middle, before)
        }
        8..=16 => folded(long(text.first_chunk()), long(text.last_chunk())),
        4..8 => {
            let first = text.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
            let last = text.last_chunk().map_or(0, |word| u32::from_le_bytes(*word));
            u64::from(first) ^ u64::from(last) << 29
        }
        1..4 => u64::from(text[0]) | u64::from(text[length / 2]) << 8 | u64::from(text[length - 1]) << 16,
        0 => 0,
    };
    ((mixed ^ length as u64).wrapping_mul(SPREADS) >> 32) as u32
}

const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;

/// Two words mixed: both halves of their product.
#[inline(always)]
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(other ^ 0x8bb8_4b93_962e_acc9);
    product as u64 ^ (product >> 64) as u64
}

/// One of [`PLACES`] places for a text, by its length and up to 24 of its bytes: the first eight and the last sixteen.
#[inline(always)]
pub(super) fn place(text: &[u8]) -> usize {
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
    ((mixed ^ length as u64).wrapping_mul(SPREADS) >> (64 - PLACES.ilog2())) as usize
}

/// How many [`place`]s there are.
pub(super) const PLACES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_if_all_bytes_are() {
        for length in 0..200_usize {
            let text: Vec<u8> = (1..=length).map(|at| at as u8).collect();
            let mut texts = b"before".to_vec();
            append(&text, &mut texts);
            append(&text, &mut texts);
            assert_eq!(texts, [b"before", &text[..], &text[..]].concat());
            assert!(same(&text, &text.clone()), "{length}");
            assert!(!same(&text, &[&text[..], b"x"].concat()), "{length}");
            assert_eq!(tag(&text), tag(&text.clone()));
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
