//! Finding the quotes of a record, 64 bytes at a time, and reading what stands between them.
//!
//! One pass over the record answers everything that has to be known of every byte: where strings begin and
//! end, whether they hold escapes, and whether something in it is no plain JSON. The bit tricks for escaped
//! quotes are those of G. Langdale and D. Lemire, *Parsing Gigabytes of JSON per Second*, VLDB Journal 28
//! (2019), section 3.1.1.

/// Bytes looked at together.
const BLOCK: usize = 64;

/// Where the quotes and backslashes of a record stand; a bit per byte.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// Quotes that begin or end a string.
    quotes: Vec<u64>,
    backslashes: Vec<u64>,
    summary: Summary,
}

/// What the blocks of a record have in common.
#[derive(Debug, Default, Clone, Copy)]
struct Summary {
    control: u64,
    bad_escape: u64,
    not_ascii: u64,
    unicode_escape: u64,
    /// Whether the last byte so far escapes the next one.
    escaping: u64,
}

/// What one block holds; a bit per byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    quote: u64,
    backslash: u64,
    /// Below U+0020.
    control: u64,
    /// Not ASCII.
    high: u64,
}

impl Quotes {
    /// Looks at a record. `false`: a control character stands in it, or a backslash before a letter that it
    /// does not escape.
    pub(super) fn index(&mut self, record: &[u8]) -> bool {
        self.quotes.clear();
        self.backslashes.clear();
        let blocks = record.len().div_ceil(BLOCK);
        self.quotes.reserve(blocks);
        self.backslashes.reserve(blocks);
        self.summary = Summary::default();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            unsafe { self.index_with_avx2(record) };
        } else {
            self.index_with(record, block_by_bytes, escapable_by_bytes);
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.index_with(record, block_by_bytes, escapable_by_bytes);
        self.summary.control | self.summary.bad_escape | self.summary.escaping == 0
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn index_with_avx2(&mut self, record: &[u8]) {
        self.index_with(record, |block| avx2::block(block), |block| avx2::escapable(block));
    }

    #[inline(always)]
    fn index_with(
        &mut self,
        record: &[u8],
        look: impl Fn(&[u8; BLOCK]) -> Block,
        escapable: impl Fn(&[u8; BLOCK]) -> (u64, u64),
    ) {
        let (blocks, rest) = record.as_chunks::<BLOCK>();
        let mut summary = self.summary;
        for block in blocks {
            self.block(block, &mut summary, &look, &escapable);
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, &mut summary, &look, &escapable);
        }
        self.summary = summary;
    }

    #[inline(always)]
    fn block(
        &mut self,
        bytes: &[u8; BLOCK],
        summary: &mut Summary,
        look: &impl Fn(&[u8; BLOCK]) -> Block,
        escapable: &impl Fn(&[u8; BLOCK]) -> (u64, u64),
    ) {
        let block = look(bytes);
        let mut quotes = block.quote;
        if block.backslash | summary.escaping != 0 {
            let escaped = escaped(block.backslash, &mut summary.escaping);
            quotes &= !escaped;
            let (simple, unicode) = escapable(bytes);
            summary.bad_escape |= escaped & !(simple | unicode);
            summary.unicode_escape |= escaped & unicode;
        }
        summary.control |= block.control;
        summary.not_ascii |= block.high;
        self.quotes.push(quotes);
        self.backslashes.push(block.backslash);
    }

    /// Whether every byte is ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.summary.not_ascii == 0
    }

    /// Whether some character is written as `\u….`
    pub(super) fn has_unicode_escapes(&self) -> bool {
        self.summary.unicode_escape != 0
    }

    /// Where the first quote at or behind `at` stands that begins or ends a string.
    #[inline]
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let mut block = at / BLOCK;
        let mut left = self.quotes.get(block)? >> (at % BLOCK) << (at % BLOCK);
        while left == 0 {
            block += 1;
            left = *self.quotes.get(block)?;
        }
        Some(block * BLOCK + left.trailing_zeros() as usize)
    }

    /// Whether a backslash stands between `start` and `end`.
    #[inline]
    pub(super) fn has_escapes(&self, start: usize, end: usize) -> bool {
        let (first, last) = (start / BLOCK, end / BLOCK);
        let from = u64::MAX << (start % BLOCK);
        let to = (1_u64 << (end % BLOCK)) - 1;
        let at = |block: usize| self.backslashes.get(block).copied().unwrap_or_default();
        if first == last {
            return at(first) & from & to != 0;
        }
        at(first) & from != 0 || (first + 1..last).any(|block| at(block) != 0) || at(last) & to != 0
    }
}

/// The bytes that a backslash stands before and escapes: those behind runs of an odd number of them.
#[inline(always)]
fn escaped(backslash: u64, escaping: &mut u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let starts = backslash & !*escaping;
    let alternating = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
    let escaped = alternating ^ (backslash | *escaping);
    *escaping = (alternating & backslash) >> 63;
    escaped
}

/// What a block holds, a byte at a time.
#[inline]
fn block_by_bytes(bytes: &[u8; BLOCK]) -> Block {
    let bits = |is: fn(u8) -> bool| {
        let bits = bytes.iter().enumerate();
        bits.fold(0, |bits, (place, &byte)| bits | u64::from(is(byte)) << place)
    };
    Block {
        quote: bits(|byte| byte == b'"'),
        backslash: bits(|byte| byte == b'\\'),
        control: bits(|byte| byte < 0x20),
        high: bits(|byte| byte >= 0x80),
    }
}

/// The letters that a backslash may stand before, without and with four digits behind them.
#[inline]
fn escapable_by_bytes(bytes: &[u8; BLOCK]) -> (u64, u64) {
    let mut bits = (0, 0);
    for (place, &byte) in bytes.iter().enumerate() {
        let simple = matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't');
        bits.0 |= u64::from(simple) << place;
        bits.1 |= u64::from(byte == b'u') << place;
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The same as byte by byte, with vectors of 32.

    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_shuffle_epi8,
    };

    use super::{BLOCK, Block};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(bytes: &[u8; BLOCK]) -> [__m256i; 2] {
        // SAFETY: both halves lie inside the 64 bytes, and the loads need no alignment.
        unsafe {
            [
                _mm256_loadu_si256(bytes.as_ptr().cast()),
                _mm256_loadu_si256(bytes.as_ptr().add(32).cast()),
            ]
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(halves: [__m256i; 2]) -> u64 {
        let [low, high] = halves.map(|half| _mm256_movemask_epi8(half) as u32);
        u64::from(high) << 32 | u64::from(low)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn block(bytes: &[u8; BLOCK]) -> Block {
        let halves = halves(bytes);
        let quote = _mm256_set1_epi8(b'"' as i8);
        let backslash = _mm256_set1_epi8(b'\\' as i8);
        let control = _mm256_set1_epi8(0x1f);
        Block {
            quote: bits(halves.map(|half| _mm256_cmpeq_epi8(half, quote))),
            backslash: bits(halves.map(|half| _mm256_cmpeq_epi8(half, backslash))),
            control: bits(halves.map(|half| _mm256_cmpeq_epi8(_mm256_min_epu8(half, control), half))),
            high: bits(halves),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn escapable(bytes: &[u8; BLOCK]) -> (u64, u64) {
        let halves = halves(bytes);
        // By the low four bits of a byte, the letter that it must be; three letters share theirs with others.
        const NONE: i8 = 1;
        const QUOTE: i8 = b'"' as i8;
        const BACKSLASH: i8 = b'\\' as i8;
        const SLASH: i8 = b'/' as i8;
        const F: i8 = b'f' as i8;
        const N: i8 = b'n' as i8;
        const T: i8 = b't' as i8;
        let letters = _mm256_setr_epi8(
            NONE, 0, QUOTE, NONE, T, NONE, F, NONE, NONE, NONE, NONE, NONE, BACKSLASH, NONE, N,
            SLASH, //
            NONE, 0, QUOTE, NONE, T, NONE, F, NONE, NONE, NONE, NONE, NONE, BACKSLASH, NONE, N, SLASH,
        );
        let b = _mm256_set1_epi8(b'b' as i8);
        let r = _mm256_set1_epi8(b'r' as i8);
        let u = _mm256_set1_epi8(b'u' as i8);
        let simple = halves.map(|half| {
            let by_table = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(letters, half), half);
            let b_or_r = _mm256_or_si256(_mm256_cmpeq_epi8(half, b), _mm256_cmpeq_epi8(half, r));
            _mm256_or_si256(by_table, b_or_r)
        });
        (bits(simple), bits(halves.map(|half| _mm256_cmpeq_epi8(half, u))))
    }
}

/// Whether `bytes` has `start` at `at`; both are mostly a word or two long.
#[inline]
pub(super) fn starts_at(bytes: &[u8], at: usize, start: &[u8]) -> bool {
    bytes.get(at..at + start.len()) == Some(start)
}

/// Where the run of bytes ends that a number may hold.
#[inline]
pub(super) fn number_end(bytes: &[u8], at: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    at + bytes[at..].iter().take_while(|byte| is_part(byte)).count()
}

/// Whether every `\u` in `raw`, the inside of a string, is one that the standard has: four digits, and
/// surrogates in pairs.
#[cold]
pub(super) fn unicode_escapes_are_valid(raw: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', raw.get(at..).unwrap_or_default()) {
        at += found;
        match escape_end(raw, at) {
            Some(end) => at = end,
            None => return false,
        }
    }
    true
}

/// Behind the escape sequence at `at`; `None` if it is none that the standard has (an unpaired surrogate
/// included).
#[inline]
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => unicode_escape_end(bytes, at),
        _ => None,
    }
}

#[cold]
fn unicode_escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match unit(bytes, at)? {
        0xd800..0xdc00 => {
            let low = unit(bytes, at + 6)?;
            (bytes[at + 6] == b'\\' && bytes[at + 7] == b'u' && (0xdc00..0xe000).contains(&low))
                .then_some(at + 12)
        }
        0xdc00..0xe000 => None,
        _ => Some(at + 6),
    }
}

/// The UTF-16 unit of the `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at + 2..at + 6)?
        .iter()
        .try_fold(0, |unit, &byte| Some(unit * 16 + char::from(byte).to_digit(16)?))
}

/// Appends what `raw`, the inside of a valid JSON string, means.
pub fn unescape_into(raw: &str, text: &mut String) {
    let bytes = raw.as_bytes();
    // What an escape means is never longer than the escape.
    text.reserve(bytes.len());
    // SAFETY: what is appended are runs of `raw` between backslashes, which begin and end with whole characters,
    // ASCII, and encoded characters.
    let out = unsafe { text.as_mut_vec() };
    let mut from = 0;
    loop {
        from = copy_simple(bytes, from, out);
        match bytes.get(from + 1) {
            None => return,
            Some(b'u') => {
                let character = escaped_char(bytes, from);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                from = escape_end(bytes, from).unwrap_or(bytes.len());
            }
            // No escape at all: the character behind it stays whole.
            Some(_) => {
                out.push(b'\\');
                from += 1;
            }
        }
    }
}

/// What a letter behind a backslash means; 0 for those that are more than a letter, or none.
const MEANING: [u8; 256] = {
    let mut meaning = [0; 256];
    let mut letter = 0;
    while letter < 0x80 {
        meaning[letter] = letter as u8;
        letter += 1;
    }
    meaning[b'n' as usize] = b'\n';
    meaning[b'r' as usize] = b'\r';
    meaning[b't' as usize] = b'\t';
    meaning[b'b' as usize] = 8;
    meaning[b'f' as usize] = 12;
    meaning[b'u' as usize] = 0;
    meaning
};

/// Appends the bytes from `from` on, each escape of one letter as what it means; where another backslash stands
/// (or the end is). `out` has room for what is left of `bytes`.
///
/// Texts of logs have a backslash every few words: a call for the run between two would cost more than the run.
#[inline]
fn copy_simple(bytes: &[u8], mut from: usize, out: &mut Vec<u8>) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        from = copy_words(bytes, from, out);
    }
    while let Some(&byte) = bytes.get(from) {
        if byte != b'\\' {
            out.push(byte);
            from += 1;
            continue;
        }
        match bytes.get(from + 1).map(|&letter| MEANING[usize::from(letter)]) {
            None | Some(0) => break,
            Some(meaning) => out.push(meaning),
        }
        from += 2;
    }
    from
}

/// As [`copy_simple`], as long as 16 bytes are left.
#[cfg(target_arch = "x86_64")]
#[inline]
fn copy_words(bytes: &[u8], mut from: usize, out: &mut Vec<u8>) -> usize {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8, _mm_storeu_si128,
    };
    const WIDTH: usize = size_of::<__m128i>();
    assert!(
        out.capacity() - out.len() >= bytes.len().saturating_sub(from),
        "the caller has made room"
    );
    let mut length = out.len();
    while from + WIDTH <= bytes.len() {
        // SAFETY: SSE2 belongs to the architecture. The load lies in `bytes`. At most as many bytes were stored as
        // were read since the assertion, so that there is room for what is left of `bytes`: these 16 at least.
        let backslashes = unsafe {
            let word = _mm_loadu_si128(bytes.as_ptr().add(from).cast());
            _mm_storeu_si128(out.as_mut_ptr().add(length).cast(), word);
            _mm_movemask_epi8(_mm_cmpeq_epi8(word, _mm_set1_epi8(b'\\' as i8)))
        };
        if backslashes == 0 {
            from += WIDTH;
            length += WIDTH;
            continue;
        }
        let run = backslashes.trailing_zeros() as usize;
        from += run;
        length += run;
        match bytes.get(from + 1).map(|&letter| MEANING[usize::from(letter)]) {
            None | Some(0) => break,
            // SAFETY: as above; the two bytes of the escape are left.
            Some(meaning) => unsafe { out.as_mut_ptr().add(length).write(meaning) },
        }
        from += 2;
        length += 1;
    }
    // SAFETY: all of them were stored.
    unsafe { out.set_len(length) };
    from
}

/// The character of the `\uXXXX` at `at`, or of the two that make one.
fn escaped_char(bytes: &[u8], at: usize) -> char {
    let unit = |at| unit(bytes, at).unwrap_or_default();
    let code = match unit(at) {
        high @ 0xd800..0xdc00 => 0x1_0000 + ((high - 0xd800) << 10) + unit(at + 6).wrapping_sub(0xdc00),
        code => code,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quotes outside of escapes, found the simple way.
    fn quotes_of(record: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut escaped = false;
        for (place, &byte) in record.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => found.push(place),
                _ => {}
            }
        }
        found
    }

    fn indexed(record: &[u8]) -> (bool, Vec<usize>) {
        let mut quotes = Quotes::default();
        let plain = quotes.index(record);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(next) = quotes.next(at) {
            found.push(next);
            at = next + 1;
        }
        (plain, found)
    }

    #[test]
    fn quotes_are_found_wherever_escapes_stand() {
        for before in [0, 1, 31, 32, 60, 61, 62, 63, 64, 127] {
            for backslashes in 0..70 {
                for behind in ["\"", "n\"", "\"\"", "nn"] {
                    let record = format!("{}{}{behind}", "x".repeat(before), "\\".repeat(backslashes));
                    let record = record.as_bytes();
                    assert_eq!(
                        indexed(record).1,
                        quotes_of(record),
                        "{before} {backslashes} {behind}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_noticed_at_every_place() {
        for length in [1, 63, 64, 65, 150] {
            for at in 0..length {
                let mut record = vec![b'a'; length];
                assert!(indexed(&record).0);
                record[at] = 0x1f;
                assert!(!indexed(&record).0);
                record[at] = b'\\';
                let escapes_a = at + 1 < length;
                assert!(!indexed(&record).0, "an a behind a backslash, or the end");
                if escapes_a {
                    record[at + 1] = b'u';
                    let mut quotes = Quotes::default();
                    assert!(quotes.index(&record) && quotes.has_unicode_escapes());
                    assert!(quotes.has_escapes(at, at + 1) && quotes.has_escapes(0, length));
                    assert!(!quotes.has_escapes(0, at) && !quotes.has_escapes(at + 1, length));
                }
            }
        }
    }

    #[test]
    fn vectors_say_what_bytes_say() {
        let all: Vec<u8> = (0..=255).collect();
        for start in 0..192 {
            let block: &[u8; BLOCK] = all[start..].first_chunk().expect("long enough");
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the machine has AVX2.
                let (found, letters) = unsafe { (avx2::block(block), avx2::escapable(block)) };
                assert_eq!(found, block_by_bytes(block));
                assert_eq!(letters, escapable_by_bytes(block));
            }
        }
    }

    #[test]
    fn escapes_mean_what_serde_says_or_are_left_alone() {
        for raw in [
            r"",
            r"plain",
            r"\n\r\t\b\f\/\\\x",
            r#"a\"b"#,
            r"\u0041\u00e9\u20AC",
            r"\ud83d\ude00!",
            r"\ud83d",
            r"\ude00",
            r"\ud83dx\ude00",
            r"\u12",
            r"\u12g4",
            r"C:\\Windows\\\u0000",
            r"é\\é",
            r"\",
        ] {
            let quoted = format!("\"{raw}\"");
            let expected = serde_json::from_str::<String>(&quoted).ok();
            let mut quotes = Quotes::default();
            let plain = quotes.index(raw.as_bytes());
            let valid = plain && unicode_escapes_are_valid(raw.as_bytes());
            assert_eq!(valid, expected.is_some(), "{raw}");
            if let Some(expected) = expected {
                let mut text = String::new();
                unescape_into(raw, &mut text);
                assert_eq!(text, expected);
            }
        }
    }

    #[test]
    fn escapes_are_found_at_every_place() {
        for length in 0..70 {
            for escape in [r"\n", r"\\", r"\u20ac", "é", ""] {
                for at in 0..=length {
                    let (before, behind) = ("b".repeat(at), "ü".repeat(length - at));
                    let raw = format!("{before}{escape}{behind}");
                    let expected: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
                    let mut text = String::from("kept");
                    unescape_into(&raw, &mut text);
                    assert_eq!(text.strip_prefix("kept"), Some(expected.as_str()));
                }
            }
        }
        // What no reader lets through must not become invalid text.
        for raw in [r"\é", r"é\", r"\ué", r"\u00é", r"aaaaaaaaaaaaaaaaaaaaaaaaa\üa\"] {
            let mut text = String::new();
            unescape_into(raw, &mut text);
            assert!(std::str::from_utf8(text.as_bytes()).is_ok());
        }
    }
}
