//! Literals of similar length, found by the grams that they hold.

use std::sync::LazyLock;

use hashbrown::{HashMap, HashSet};

/// Makes capital letters small ones, and some other characters the same: two texts that are equal but for case have
/// equal grams, the converse does not hold.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// Odd numbers whose products spread well: 2³² and 2³² divided by the golden ratio, and its square.
const FACTORS: [u32; 2] = [0x9e37_79b1, 0x85eb_ca77];

/// Places that vectors look at together.
pub(super) const BLOCK: usize = 32;

/// Bytes behind a block that may be looked at with it.
pub(super) const MARGIN: usize = 8;

/// Bytes behind a text of whole blocks, less one, with which all of it is looked at by vectors.
pub(super) const ROOM: usize = BLOCK + MARGIN;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Tier {
    /// Bytes of a gram.
    width: usize,
    /// Places from one look to the next.
    step: usize,
    /// Hashes are shifted so far to the right.
    shift: u32,
    /// A bit per hash: whether some gram has it.
    bits: Vec<u32>,
    /// From where to where a gram's places stand in `places`.
    grams: HashMap<u64, (u32, u32), foldhash::fast::FixedState>,
    places: Vec<Place>,
}

/// A gram within a literal.
#[derive(Debug, Clone, Copy)]
struct Place {
    literal: u32,
    /// Where the gram stands in the literal.
    offset: u32,
    /// Four bytes of the literal elsewhere, folded like a gram, and where: they tell most literals apart that share a
    /// gram. Nothing where the literal is shorter.
    check: Option<(u32, u32)>,
}

impl Tier {
    /// `None` if there are no literals. Each is at least `width + step - 1` bytes long.
    pub(super) fn new<'l>(
        width: usize,
        step: usize,
        literals: impl Iterator<Item = (usize, &'l [u8])>,
    ) -> Option<Tier> {
        let mut places: Vec<(u64, Place)> = Vec::new();
        for (number, literal) in literals {
            let window = rarest(literal, width, step);
            let window = window..window + step;
            places.extend(window.map(|offset| {
                let gram = gram(&literal[offset..offset + width]);
                (gram, Place::new(number, literal, offset))
            }));
        }
        if places.is_empty() {
            return None;
        }
        places.sort_by_key(|(gram, _)| *gram);
        let grams = || places.chunk_by(|one, other| one.0 == other.0);
        // About one hash in 32 is taken, as far as the bitmap stays near to the core; fewer where that costs nothing.
        const LEAST_BITS: u32 = 15;
        const MOST_BITS: u32 = 20;
        let count = grams().count();
        let log = (count * 32)
            .next_power_of_two()
            .trailing_zeros()
            .clamp(LEAST_BITS, MOST_BITS);
        let mut tier = Tier {
            width,
            step,
            shift: u32::BITS - log,
            bits: vec![0; 1 << (log - 5)],
            grams: HashMap::with_capacity_and_hasher(count, foldhash::fast::FixedState::default()),
            places: Vec::with_capacity(places.len()),
        };
        for of_gram in grams() {
            let gram = of_gram[0].0;
            let hash = hash(gram, tier.shift);
            tier.bits[hash as usize / 32] |= 1 << (hash % 32);
            let start = tier.places.len() as u32;
            tier.places.extend(of_gram.iter().map(|(_, place)| place));
            tier.grams.insert(gram, (start, tier.places.len() as u32));
        }
        Some(tier)
    }

    /// Calls `candidate` with the number of every literal that may occur in the first `length` bytes of `text`, and where
    /// it would start.
    #[inline]
    pub(super) fn candidates(&self, text: &[u8], length: usize, mut candidate: impl FnMut(usize, usize)) {
        let look = |at, gram| self.look_up(text, at, gram, &mut candidate);
        match (self.width, self.step) {
            (8, 4) => self.scan::<8, 4>(text, length, look),
            (4, 4) => self.scan::<4, 4>(text, length, look),
            (3, 2) => self.scan::<3, 2>(text, length, look),
            (2, 1) => self.scan::<2, 1>(text, length, look),
            other => unreachable!("no tier has grams and steps of {other:?}"),
        }
    }

    fn look_up(&self, text: &[u8], at: usize, gram: u64, candidate: &mut impl FnMut(usize, usize)) {
        let Some(&(from, to)) = self.grams.get(&gram) else {
            return;
        };
        for place in &self.places[from as usize..to as usize] {
            let Some(start) = at.checked_sub(place.offset as usize) else {
                continue;
            };
            let differs = place.check.is_some_and(|(offset, bytes)| {
                let there = text.get(start + offset as usize..).and_then(<[u8]>::first_chunk);
                there.is_none_or(|there| u32::from_le_bytes(*there) | FOLD as u32 != bytes)
            });
            if !differs {
                candidate(place.literal as usize, start);
            }
        }
    }

    /// Calls `look` with every place whose gram may be one of the tier's, and that gram.
    #[inline(always)]
    fn scan<const WIDTH: usize, const STEP: usize>(
        &self,
        text: &[u8],
        length: usize,
        mut look: impl FnMut(usize, u64),
    ) {
        let mut at = 0;
        #[cfg(target_arch = "x86_64")]
        if text.len() >= BLOCK + WIDTH && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            at = unsafe { self.scan_with_avx2::<WIDTH, STEP>(text, &mut look) };
        }
        while at < length
            && let Some(bytes) = text.get(at..at + WIDTH)
        {
            let gram = gram(bytes);
            let hash = hash(gram, self.shift);
            if self.bits[hash as usize / 32] >> (hash % 32) & 1 != 0 {
                look(at, gram);
            }
            at += STEP;
        }
    }

    /// [`Tier::scan`] of all whole blocks; returns where the rest begins.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn scan_with_avx2<const WIDTH: usize, const STEP: usize>(
        &self,
        text: &[u8],
        look: &mut impl FnMut(usize, u64),
    ) -> usize {
        use std::arch::x86_64::*;

        let fold = _mm256_set1_epi32(FOLD as i32);
        let low_bytes = _mm256_set1_epi32((u64::MAX >> (64 - 8 * WIDTH)) as i32);
        let factors = FACTORS.map(|factor| _mm256_set1_epi32(factor as i32));
        let shift = _mm_cvtsi32_si128(self.shift as i32);
        let places_of_bits = _mm256_set1_epi32(31);
        // The last grams that are looked at start three places before the end of the block.
        let margin = if WIDTH == 8 { MARGIN } else { 4 };
        let mut at = 0;
        while at + BLOCK + margin <= text.len() {
            // Eight bits for each offset: one for every fourth place from there.
            let mut found = 0;
            for offset in (0..4).step_by(STEP) {
                let words = |behind: usize| {
                    // SAFETY: `at + offset + behind` is at most `at + 3` (or `at + 4`), so the vector ends within the
                    // block and its margin.
                    let words = unsafe { _mm256_loadu_si256(text.as_ptr().add(at + offset + behind).cast()) };
                    _mm256_or_si256(words, fold)
                };
                let mut product = if WIDTH < 4 {
                    _mm256_mullo_epi32(_mm256_and_si256(words(0), low_bytes), factors[0])
                } else {
                    _mm256_mullo_epi32(words(0), factors[0])
                };
                if WIDTH == 8 {
                    product = _mm256_add_epi32(product, _mm256_mullo_epi32(words(4), factors[1]));
                }
                let hashes = _mm256_srl_epi32(product, shift);
                // SAFETY: a hash shifted by `shift` is less than the number of bits.
                let bits = unsafe {
                    _mm256_i32gather_epi32::<4>(self.bits.as_ptr().cast(), _mm256_srli_epi32::<5>(hashes))
                };
                // The bit of each hash becomes the sign of its word.
                let up = _mm256_andnot_si256(hashes, places_of_bits);
                let signs = _mm256_castsi256_ps(_mm256_sllv_epi32(bits, up));
                found |= (_mm256_movemask_ps(signs) as u32) << (8 * offset);
            }
            while found != 0 {
                let bit = found.trailing_zeros() as usize;
                let place = at + bit % 8 * 4 + bit / 8;
                found &= found - 1;
                look(place, gram(&text[place..place + WIDTH]));
            }
            at += BLOCK;
        }
        at
    }
}

impl Place {
    fn new(number: usize, literal: &[u8], offset: usize) -> Place {
        let last = literal.len().checked_sub(4);
        // What overlaps the gram says little that it does not.
        let far = |other: usize| other.abs_diff(offset).min(4);
        let candidates = [0, offset.saturating_sub(4), offset + 4, last.unwrap_or(0)];
        let candidates = candidates
            .iter()
            .copied()
            .filter(|&other| last.is_some_and(|last| other <= last));
        let check = candidates.max_by_key(|&other| (far(other), surprise(&literal[other..other + 4])));
        let bytes = |other: usize| gram(&literal[other..other + 4]) as u32;
        Place {
            literal: number as u32,
            offset: offset as u32,
            check: check.map(|other| (other as u32, bytes(other))),
        }
    }
}

/// A few bytes as a number, folded.
#[inline(always)]
fn gram(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word) | FOLD >> (64 - 8 * bytes.len())
}

#[inline(always)]
fn hash(gram: u64, shift: u32) -> u32 {
    let [low, high] = [gram as u32, (gram >> 32) as u32];
    low.wrapping_mul(FACTORS[0])
        .wrapping_add(high.wrapping_mul(FACTORS[1]))
        >> shift
}

/// Where the `step` grams of `width` bytes begin that texts are least likely to hold.
fn rarest(literal: &[u8], width: usize, step: usize) -> usize {
    /// Enough to choose from.
    const MOST_STARTS: usize = 24;
    let starts = (literal.len() - (width + step - 1) + 1).min(MOST_STARTS);
    let mut surprises = [0; MOST_STARTS + 3];
    for (at, said) in surprises[..starts + step - 1].iter_mut().enumerate() {
        *said = surprise(&literal[at..at + width]);
    }
    // Of the grams from one look to the next the likeliest one counts.
    let least = |start: &usize| surprises[*start..*start + step].iter().min();
    (0..starts).max_by_key(least).unwrap_or(0)
}

/// What logs of any kind of machine are full of.
const COMMON: [&[u8]; 9] = [
    b"\\windows\\system32\\",
    b"\\program files",
    b"\\users\\",
    b"microsoft",
    b"powershell",
    b"https://",
    b".exe",
    b".dll",
    b"/usr/bin/",
];

/// Whether bytes of a gram's length are part of what is [common](COMMON).
fn is_common(bytes: &[u8]) -> bool {
    static PARTS: LazyLock<HashSet<(usize, u64)>> = LazyLock::new(|| {
        let parts = |width: usize| COMMON.iter().flat_map(move |word| word.windows(width));
        let of_width = |width| parts(width).map(move |part| (width, gram(part)));
        [2, 3, 4, 8].into_iter().flat_map(of_width).collect()
    });
    PARTS.contains(&(bytes.len(), gram(bytes)))
}

/// How seldom logs hold some bytes: a guess from how seldom they hold each.
fn surprise(bytes: &[u8]) -> u32 {
    let sum = bytes
        .iter()
        .map(|&byte| u32::from(SURPRISE[usize::from(byte)]))
        .sum();
    // Rulers, padding, empty tables.
    let repeats = bytes.iter().all(|byte| *byte == bytes[0]);
    if repeats || is_common(bytes) { sum / 2 } else { sum }
}

/// How seldom logs hold a byte, case aside.
const SURPRISE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = match byte as u8 | FOLD as u8 {
            b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 8,
            b'l' | b'c' | b'd' | b'm' | b'p' | b'u' => 9,
            b'.' | b'-' | b'0'..=b'9' | b'/' | b'=' | b':' | b'"' | b'\\' => 10,
            b'h' | b'f' | b'g' | b'y' | b'w' | b'b' | b'v' | b'x' => 11,
            _ => 13,
        };
        byte += 1;
    }
    table
};
