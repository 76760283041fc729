//! Where the cells of many rows end, found in one pass over their bytes with vectors of AVX2: separators and line feeds
//! outside of quotes. What else is to be known of the bytes (whether all are ASCII, whether some rare ones occur) is noticed
//! on the way.
//!
//! Rows whose quotes are not simple ones around whole cells are left to those who look at them one by one.

/// The end in front of the first cell, which begins one byte behind that, as any cell does.
pub(super) const FRONT: u32 = u32::MAX;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noticed {
    /// How many ends there are.
    pub(super) count: usize,
    pub(super) is_ascii: bool,
    /// Whether each of the rare bytes occurs.
    pub(super) rare: [bool; 2],
}

/// Writes the ends of cells in `bytes`, which are less than 4 GiB, to `found`, in order; in front of them stands [`FRONT`], behind
/// them may be anything. `None`:
/// there are more than `most`, quotes stand elsewhere than around cells, or the machine has no AVX2.
pub(super) fn ends(
    bytes: &[u8],
    separator: u8,
    quoted: bool,
    rare: [u8; 2],
    most: usize,
    found: &mut Vec<u32>,
) -> Option<Noticed> {
    if separator == b'"' || separator == b'\n' {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        if found.len() < 1 + most + avx2::ROOM {
            found.resize(1 + most + avx2::ROOM, FRONT);
        }
        let found = found.get_mut(1..)?;
        // SAFETY: the machine has what the function uses.
        return unsafe {
            match quoted {
                true => avx2::ends::<true>(bytes, separator, rare, most, found),
                false => avx2::ends::<false>(bytes, separator, rare, most, found),
            }
        };
    }
    let _ = (bytes, quoted, rare, most, found);
    None
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setzero_si256,
    };

    use super::Noticed;

    const BLOCK: usize = 64;
    /// Ends are written so many at a time.
    const GROUP: usize = 8;
    /// What is written behind the last of them at most.
    pub(super) const ROOM: usize = BLOCK + GROUP;

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn ends<const QUOTED: bool>(
        bytes: &[u8],
        separator: u8,
        rare: [u8; 2],
        most: usize,
        found: &mut [u32],
    ) -> Option<Noticed> {
        let separator = _mm256_set1_epi8(separator as i8);
        let feed = _mm256_set1_epi8(b'\n' as i8);
        let quote = _mm256_set1_epi8(b'"' as i8);
        let rare = rare.map(|byte| _mm256_set1_epi8(byte as i8));
        let (mut all, mut seen) = (_mm256_setzero_si256(), [_mm256_setzero_si256(); 2]);
        let mut count = 0;
        // Whether the byte before is inside of quotes, ends a cell, closes quotes.
        let (mut inside, mut end_before, mut closed_before) = (0_u64, 1_u64, 0_u64);
        let mut last = [b'x'; BLOCK];
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        last[..rest.len()].copy_from_slice(rest);
        for (number, block) in blocks.iter().chain(std::iter::once(&last)).enumerate() {
            let [low, high] = halves(block);
            all = _mm256_or_si256(all, _mm256_or_si256(low, high));
            for (seen, rare) in seen.iter_mut().zip(rare) {
                let either = _mm256_or_si256(_mm256_cmpeq_epi8(low, rare), _mm256_cmpeq_epi8(high, rare));
                *seen = _mm256_or_si256(*seen, either);
            }
            let bits = |what: __m256i| {
                let [low, high] = [low, high].map(|half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, what)));
                u64::from(low as u32) | u64::from(high as u32) << 32
            };
            let mut ends = bits(separator) | bits(feed);
            if QUOTED {
                let quotes = bits(quote);
                // Each bit is the parity of those up to it: from an opening quote to the one before the closing one.
                let mut parity = quotes;
                for shift in [1, 2, 4, 8, 16, 32] {
                    parity ^= parity << shift;
                }
                let within = parity ^ inside;
                let (opens, closes) = (quotes & within, quotes & !within);
                ends &= !within;
                let behind_end = ends << 1 | end_before;
                let behind_close = closes << 1 | closed_before;
                // The bytes behind the last one are no cell's: there, all ends well.
                let beyond = match number == blocks.len() {
                    true => u64::MAX << rest.len(),
                    false => 0,
                };
                if opens & !behind_end | behind_close & !(ends | beyond) != 0 {
                    return None;
                }
                inside = match within >> 63 {
                    0 => 0,
                    _ => u64::MAX,
                };
                end_before = ends >> 63;
                closed_before = closes >> 63;
            }
            let base = (number * BLOCK) as u32;
            let many = ends.count_ones() as usize;
            let mut left = ends;
            let mut at = count;
            count += many;
            if count > most {
                return None;
            }
            // Eight at a time, whether there are so many or not: what is too much is written over.
            while at < count {
                for place in found.get_mut(at..at + GROUP)? {
                    *place = base + left.trailing_zeros();
                    left &= left.wrapping_sub(1);
                }
                at += GROUP;
            }
        }
        if inside != 0 {
            return None;
        }
        Some(Noticed {
            count,
            is_ascii: _mm256_movemask_epi8(all) == 0,
            rare: seen.map(|seen| _mm256_movemask_epi8(seen) != 0),
        })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(block: &[u8; BLOCK]) -> [__m256i; 2] {
        // SAFETY: both halves lie inside the 64 bytes, and the loads need no alignment.
        unsafe {
            [
                _mm256_loadu_si256(block.as_ptr().cast()),
                _mm256_loadu_si256(block.as_ptr().add(32).cast()),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte; `None`: quotes are not simple.
    fn plain_ends(bytes: &[u8], separator: u8, quoted: bool) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let (mut inside, mut begins) = (false, true);
        for (at, &byte) in bytes.iter().enumerate() {
            let is_end = byte == separator || byte == b'\n';
            if quoted && byte == b'"' {
                let ends_well = bytes
                    .get(at + 1)
                    .is_none_or(|next| *next == separator || *next == b'\n');
                match inside {
                    true if !ends_well => return None,
                    false if !begins => return None,
                    _ => inside = !inside,
                }
            }
            if is_end && !inside {
                found.push(at as u32);
            }
            begins = is_end && !inside;
        }
        (!inside).then_some(found)
    }

    proptest::proptest! {
        #[test]
        fn ends_are_where_they_stand(
            lines in proptest::collection::vec(r#"(("[a,\n]{0,40}"|[aé(]{0,9}|a"b|"a""b"|\\),?\n?){0,9}"#, 1..20),
            quoted in proptest::bool::ANY,
            most in 0..200_usize,
        ) {
            let text = lines.join("\n");
            let mut found = Vec::new();
            let noticed = ends(text.as_bytes(), b',', quoted, *b"\\(", most, &mut found);
            let wanted = plain_ends(text.as_bytes(), b',', quoted).filter(|wanted| wanted.len() <= most);
            let has_vectors = ends(b"", b',', false, *b"\\(", 0, &mut Vec::new()).is_some();
            match noticed {
                Some(noticed) => {
                    proptest::prop_assert_eq!(Some(found[1..=noticed.count].to_vec()), wanted);
                    proptest::prop_assert_eq!(noticed.is_ascii, text.is_ascii());
                    proptest::prop_assert_eq!(noticed.rare, [text.contains('\\'), text.contains('(')]);
                }
                None => proptest::prop_assert!(wanted.is_none() || !has_vectors),
            }
        }
    }
}
