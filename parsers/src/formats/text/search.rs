//! Texts sought in lines. The standard library prepares every search anew, which for a few bytes in a line of a hundred costs
//! more than the search: here the rarest byte of what is sought is found with vector instructions, and then the rest
//! compared.

/// Searches for texts, as the standard library's methods of similar names do.
pub(crate) trait Search {
    /// [`str::find`].
    fn place_of(&self, needle: &str) -> Option<usize>;
    /// [`str::rfind`].
    fn last_place_of(&self, needle: &str) -> Option<usize>;
    /// [`str::contains`].
    fn holds(&self, needle: &str) -> bool;
    /// [`str::split_once`].
    fn cut(&self, needle: &str) -> Option<(&str, &str)>;
    /// [`str::rsplit_once`].
    fn cut_last(&self, needle: &str) -> Option<(&str, &str)>;
    /// [`str::split_once`] at a character of ASCII.
    fn cut_at(&self, byte: u8) -> Option<(&str, &str)>;
}

impl Search for str {
    fn place_of(&self, needle: &str) -> Option<usize> {
        let (text, sought) = (self.as_bytes(), needle.as_bytes());
        let at = rarest(sought)?;
        // The rarest byte of a match stands where the others have room around it.
        let last = text.len().checked_sub(sought.len())?;
        let mut from = at;
        while let Some(found) = memchr::memchr(sought[at], text.get(from..=last + at)?) {
            let start = from + found - at;
            if text[start..start + sought.len()] == *sought {
                return Some(start);
            }
            from += found + 1;
        }
        None
    }

    fn last_place_of(&self, needle: &str) -> Option<usize> {
        let (text, sought) = (self.as_bytes(), needle.as_bytes());
        let at = rarest(sought)?;
        let last = text.len().checked_sub(sought.len())?;
        let mut end = last + at + 1;
        while let Some(found) = memchr::memrchr(sought[at], text.get(at..end)?) {
            if text[found..found + sought.len()] == *sought {
                return Some(found);
            }
            end = at + found;
        }
        None
    }

    fn holds(&self, needle: &str) -> bool {
        self.place_of(needle).is_some()
    }

    fn cut(&self, needle: &str) -> Option<(&str, &str)> {
        let at = self.place_of(needle)?;
        Some((self.get(..at)?, self.get(at + needle.len()..)?))
    }

    fn cut_last(&self, needle: &str) -> Option<(&str, &str)> {
        let at = self.last_place_of(needle)?;
        Some((self.get(..at)?, self.get(at + needle.len()..)?))
    }

    #[inline]
    fn cut_at(&self, byte: u8) -> Option<(&str, &str)> {
        let at = near(byte, self.as_bytes())?;
        Some((self.get(..at)?, self.get(at + 1..)?))
    }
}

/// Where a byte stands first. What is sought in lines is near most of the time: two vectors are looked at before anything is
/// made ready.
#[inline(always)]
pub(crate) fn near(byte: u8, text: &[u8]) -> Option<usize> {
    near_any([byte], text, |rest| memchr::memchr(byte, rest))
}

/// As [`near`], for either of two bytes.
#[inline(always)]
pub(crate) fn near2(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    near_any([one, other], text, |rest| memchr::memchr2(one, other, rest))
}

/// Bytes looked at together.
pub(crate) const VECTOR: usize = 16;

#[inline(always)]
fn near_any<const N: usize>(
    bytes: [u8; N],
    text: &[u8],
    far: impl FnOnce(&[u8]) -> Option<usize>,
) -> Option<usize> {
    let Some((first, rest)) = text.split_first_chunk::<VECTOR>() else {
        return nearer(bytes, text);
    };
    let found = places(first, bytes);
    if found != 0 {
        return Some(found.trailing_zeros() as usize);
    }
    let Some((second, rest)) = rest.split_first_chunk::<VECTOR>() else {
        return nearer(bytes, rest).map(|at| VECTOR + at);
    };
    let found = places(second, bytes);
    match found {
        0 => far(rest).map(|at| 2 * VECTOR + at),
        _ => Some(VECTOR + found.trailing_zeros() as usize),
    }
}

/// As [`near_any`], in less than a vector.
#[inline(always)]
fn nearer<const N: usize>(bytes: [u8; N], text: &[u8]) -> Option<usize> {
    const HALF: usize = VECTOR / 2;
    let (Some(first), Some(last)) = (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) else {
        return text.iter().position(|byte| bytes.contains(byte));
    };
    // The last half overlaps the first.
    let mut both = [0; VECTOR];
    both[..HALF].copy_from_slice(first);
    both[HALF..].copy_from_slice(last);
    let found = places(&both, bytes);
    let at = found.trailing_zeros() as usize;
    match found {
        0 => None,
        _ if at < HALF => Some(at),
        _ => Some(text.len() + at - VECTOR),
    }
}

/// Where any of `bytes` stands, a bit per byte.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(crate) fn places<const N: usize>(text: &[u8; VECTOR], bytes: [u8; N]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setzero_si128,
    };
    // SAFETY: every x86-64 has SSE2, and 16 bytes can be read from `text`, at any alignment.
    unsafe {
        let text = _mm_loadu_si128(text.as_ptr().cast());
        let found = bytes.iter().fold(_mm_setzero_si128(), |found, byte| {
            _mm_or_si128(found, _mm_cmpeq_epi8(text, _mm_set1_epi8(*byte as i8)))
        });
        _mm_movemask_epi8(found) as u32
    }
}

/// Where any of `bytes` stands, a bit per byte.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn places<const N: usize>(text: &[u8; VECTOR], bytes: [u8; N]) -> u32 {
    let bit = |(place, byte): (usize, &u8)| u32::from(bytes.contains(byte)) << place;
    text.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
}

/// Whether any byte is no printing ASCII, or one of `bytes`.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(crate) fn any_odd<const N: usize>(text: &[u8; VECTOR], bytes: [u8; N]) -> bool {
    use std::arch::x86_64::{_mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    const DELETE: u8 = 0x7f;
    // SAFETY: every x86-64 has SSE2, and 16 bytes can be read from `text`, at any alignment.
    let low = unsafe {
        let text = _mm_loadu_si128(text.as_ptr().cast());
        // Bytes beyond ASCII are below zero.
        _mm_movemask_epi8(_mm_cmplt_epi8(text, _mm_set1_epi8(b' ' as i8))) as u32
    };
    low | places(text, bytes) | places(text, [DELETE]) != 0
}

/// Whether any byte is no printing ASCII, or one of `bytes`.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn any_odd<const N: usize>(text: &[u8; VECTOR], bytes: [u8; N]) -> bool {
    text.iter()
        .any(|b| !matches!(b, b' '..=b'~') || bytes.contains(b))
}

/// Bytes whose places are known together.
pub(crate) const BLOCK: usize = 64;

/// Where any of `sought` stands in a block, a bit per byte.
#[inline(always)]
pub(crate) fn places_in_block<const N: usize>(block: &[u8; BLOCK], sought: [u8; N]) -> u64 {
    let (parts, _) = block.as_chunks();
    let parts = parts.iter().enumerate();
    parts.fold(0, |bits, (number, part)| {
        bits | u64::from(places(part, sought)) << (VECTOR * number)
    })
}

/// All places of `byte` in `text`, in order: for lines in which it stands often.
#[inline]
pub(crate) fn every(byte: u8, text: &[u8]) -> Every<'_> {
    Every {
        byte,
        rest: text,
        base: 0,
        bits: 0,
    }
}

/// See [`every`].
pub(crate) struct Every<'t> {
    byte: u8,
    /// What is not looked at yet.
    rest: &'t [u8],
    /// Where that begins.
    base: usize,
    /// The places in the block before it that were not handed out.
    bits: u64,
}

impl Iterator for Every<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            let Some((block, rest)) = self.rest.split_first_chunk::<BLOCK>() else {
                return self.next_of_end();
            };
            self.bits = places_in_block(block, [self.byte]);
            self.rest = rest;
            self.base += BLOCK;
        }
        let at = self.base - BLOCK + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

impl Every<'_> {
    /// The next place, where less than a block is left.
    #[inline(never)]
    fn next_of_end(&mut self) -> Option<usize> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let mut block = [!self.byte; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.bits = places_in_block(&block, [self.byte]);
        self.base += BLOCK;
        self.next()
    }
}

/// Where the byte of `sought` stands that logs have least of. `None`: nothing is sought.
#[inline]
fn rarest(sought: &[u8]) -> Option<usize> {
    let mut best = (u8::MAX, 0);
    for (at, byte) in sought.iter().enumerate() {
        let common = COMMON[usize::from(*byte)];
        if common < best.0 {
            best = (common, at);
        }
    }
    (best.0 != u8::MAX).then_some(best.1)
}

/// How common a byte is in logs, roughly.
const COMMON: [u8; 256] = {
    let mut table = [1; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' => 9,
            b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 8,
            b'0'..=b'9' => 7,
            b'a'..=b'z' | b'.' | b'-' | b'/' => 6,
            b':' | b'=' | b'"' | b',' | b'_' => 5,
            b'A'..=b'Z' => 4,
            b'(' | b')' | b'[' | b']' => 2,
            _ => 1,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_ends() {
        assert_eq!("a from b from c".cut(" from "), Some(("a", "b from c")));
        assert_eq!("a from b from c".cut_last(" from "), Some(("a from b", "c")));
        assert_eq!("] \"".place_of("] \""), Some(0));
        assert_eq!("x] \"".last_place_of("] \""), Some(1));
        assert_eq!("] ".place_of("] \""), None);
        assert_eq!("".last_place_of("ab"), None);
        assert!(!"abc".holds(""));
    }

    proptest::proptest! {
        #[test]
        fn near_bytes_are_found_as_far_ones(text in "[a-c\u{60}\u{7f}é]{0,40}[a-dè]{0,4}", bytes in "[a-e\u{60}]{2}") {
            let (text, bytes) = (text.as_bytes(), bytes.as_bytes());
            for &byte in bytes.iter().chain(text) {
                proptest::prop_assert_eq!(near(byte, text), memchr::memchr(byte, text));
            }
            let (one, other) = (bytes[0], bytes[1]);
            proptest::prop_assert_eq!(near2(one, other, text), memchr::memchr2(one, other, text));
        }

        #[test]
        fn every_place_of_a_byte(text in "[a-cé]{0,200}", byte in b'a'..b'd') {
            let found: Vec<usize> = every(byte, text.as_bytes()).collect();
            proptest::prop_assert_eq!(found, memchr::memchr_iter(byte, text.as_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn as_the_standard_library(text in "[ab\"é]{0,40}", needle in "[ab\"é]{1,4}") {
            proptest::prop_assert_eq!(text.place_of(&needle), text.find(&needle));
            proptest::prop_assert_eq!(text.last_place_of(&needle), text.rfind(&needle));
            proptest::prop_assert_eq!(text.cut(&needle), text.split_once(&needle));
            proptest::prop_assert_eq!(text.cut_last(&needle), text.rsplit_once(&needle));
            proptest::prop_assert_eq!(text.holds(&needle), text.contains(&needle));
        }
    }
}
