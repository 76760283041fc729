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
    /// Those, and all backslashes.
    marks: Vec<u64>,
    summary: Summary,
}

/// What the blocks of a record have in common.
#[derive(Debug, Default, Clone, Copy)]
struct Summary {
    control: bool,
    not_ascii: bool,
    bad_escape: u64,
    unicode_escape: u64,
    /// Whether the last byte so far escapes the next one.
    escaping: u64,
}

/// A way of looking at a block.
trait Look {
    /// What it gathers of all blocks.
    type Gathered: Copy;

    /// Nothing gathered.
    fn nothing(&self) -> Self::Gathered;

    /// The quotes and the backslashes of a block; a bit per byte.
    fn quotes_and_backslashes(&self, bytes: &[u8; BLOCK], gathered: &mut Self::Gathered) -> (u64, u64);

    /// The letters that a backslash may stand before, without and with four digits behind them.
    fn escapable(&self, bytes: &[u8; BLOCK]) -> (u64, u64);

    /// Whether any byte was below U+0020, and whether any was not ASCII.
    fn control_and_high(&self, gathered: Self::Gathered) -> (bool, bool);
}

impl Quotes {
    /// Looks at a record. `false`: a control character stands in it, or a backslash before a letter that it
    /// does not escape.
    pub(super) fn index(&mut self, record: &[u8]) -> bool {
        let blocks = record.len().div_ceil(BLOCK);
        self.quotes.resize(blocks, 0);
        self.marks.resize(blocks, 0);
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            unsafe { self.index_with_avx2(record) };
        } else {
            self.index_with(record, &ByBytes);
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.index_with(record, &ByBytes);
        let summary = self.summary;
        !summary.control && summary.bad_escape | summary.escaping == 0
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn index_with_avx2(&mut self, record: &[u8]) {
        // SAFETY: this function is only called where the machine has AVX2.
        let look = unsafe { avx2::Avx2::new() };
        self.index_with(record, &look);
    }

    #[inline(always)]
    fn index_with<L: Look>(&mut self, record: &[u8], look: &L) {
        let (blocks, rest) = record.as_chunks::<BLOCK>();
        let mut summary = Summary::default();
        let mut gathered = look.nothing();
        let (quotes, marks) = (&mut self.quotes[..], &mut self.marks[..]);
        for ((block, quotes), marks) in blocks.iter().zip(&mut *quotes).zip(&mut *marks) {
            (*quotes, *marks) = summary.take_in(block, look, &mut gathered);
        }
        if !rest.is_empty()
            && let (Some(quotes), Some(marks)) = (quotes.last_mut(), marks.last_mut())
        {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            (*quotes, *marks) = summary.take_in(&block, look, &mut gathered);
        }
        (summary.control, summary.not_ascii) = look.control_and_high(gathered);
        self.summary = summary;
    }

    /// Whether every byte is ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        !self.summary.not_ascii
    }

    /// Whether some character is written as `\u….`
    pub(super) fn has_unicode_escapes(&self) -> bool {
        self.summary.unicode_escape != 0
    }

    /// How many quotes there are.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.quotes
            .iter()
            .map(|quotes| quotes.count_ones() as usize)
            .sum()
    }

    /// Where the string that begins at `at`, behind its quote, ends, and whether a backslash stands in it.
    #[inline]
    pub(super) fn end_of_string(&self, at: usize) -> Option<(usize, bool)> {
        self.words().end_of_string(at)
    }

    /// The bits.
    #[inline(always)]
    pub(super) fn words(&self) -> Words<'_> {
        Words {
            quotes: &self.quotes,
            marks: &self.marks,
        }
    }
}

/// The bits of [`Quotes`], at hand.
#[derive(Clone, Copy)]
pub(super) struct Words<'q> {
    quotes: &'q [u64],
    marks: &'q [u64],
}

impl Words<'_> {
    /// See [`Quotes::end_of_string`].
    #[inline(always)]
    pub(super) fn end_of_string(self, at: usize) -> Option<(usize, bool)> {
        let mut block = at / BLOCK;
        let mut left = self.marks.get(block)? & u64::MAX << (at % BLOCK);
        while left == 0 {
            block += 1;
            left = *self.marks.get(block)?;
        }
        let mark = left & left.wrapping_neg();
        let quotes = *self.quotes.get(block)?;
        if quotes & mark != 0 {
            return Some((block * BLOCK + left.trailing_zeros() as usize, false));
        }
        // The first quote behind the backslash.
        let mut left = quotes & mark.wrapping_neg();
        while left == 0 {
            block += 1;
            left = *self.quotes.get(block)?;
        }
        Some((block * BLOCK + left.trailing_zeros() as usize, true))
    }
}

impl Summary {
    /// The quotes of the next block that begin or end a string; and those with all backslashes.
    #[inline(always)]
    fn take_in<L: Look>(&mut self, bytes: &[u8; BLOCK], look: &L, gathered: &mut L::Gathered) -> (u64, u64) {
        let (mut quotes, backslashes) = look.quotes_and_backslashes(bytes, gathered);
        if backslashes | self.escaping != 0 {
            let escaped = escaped(backslashes, &mut self.escaping);
            quotes &= !escaped;
            let (simple, unicode) = look.escapable(bytes);
            self.bad_escape |= escaped & !(simple | unicode);
            self.unicode_escape |= escaped & unicode;
        }
        (quotes, quotes | backslashes)
    }
}

/// The first bit that is set at or behind `at`.
#[cfg(test)]
fn first(bits: &[u64], at: usize) -> Option<usize> {
    let mut block = at / BLOCK;
    let mut left = bits.get(block)? & u64::MAX << (at % BLOCK);
    while left == 0 {
        block += 1;
        left = *bits.get(block)?;
    }
    Some(block * BLOCK + left.trailing_zeros() as usize)
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

/// A byte at a time.
struct ByBytes;

impl Look for ByBytes {
    type Gathered = (bool, bool);

    fn nothing(&self) -> Self::Gathered {
        (false, false)
    }

    fn quotes_and_backslashes(&self, bytes: &[u8; BLOCK], gathered: &mut Self::Gathered) -> (u64, u64) {
        let mut found = (0, 0);
        for (place, &byte) in bytes.iter().enumerate() {
            found.0 |= u64::from(byte == b'"') << place;
            found.1 |= u64::from(byte == b'\\') << place;
            gathered.0 |= byte < 0x20;
            gathered.1 |= byte >= 0x80;
        }
        found
    }

    fn escapable(&self, bytes: &[u8; BLOCK]) -> (u64, u64) {
        let mut bits = (0, 0);
        for (place, &byte) in bytes.iter().enumerate() {
            let simple = matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't');
            bits.0 |= u64::from(simple) << place;
            bits.1 |= u64::from(byte == b'u') << place;
        }
        bits
    }

    fn control_and_high(&self, gathered: Self::Gathered) -> (bool, bool) {
        gathered
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The same as byte by byte, with vectors of 32.

    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    };

    use super::{BLOCK, Look};

    /// Exists only where the machine has AVX2.
    #[derive(Debug)]
    pub(super) struct Avx2(());

    impl Avx2 {
        /// # Safety
        ///
        /// The machine has AVX2.
        pub(super) unsafe fn new() -> Self {
            Avx2(())
        }
    }

    /// Of all blocks: a bit that is set in every lane with a control character, and one where a byte was not ASCII.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Gathered {
        control: __m256i,
        high: __m256i,
    }

    impl Look for Avx2 {
        type Gathered = Gathered;

        #[inline(always)]
        fn nothing(&self) -> Gathered {
            // SAFETY: an `Avx2` says that the machine has it.
            unsafe {
                Gathered {
                    control: _mm256_setzero_si256(),
                    high: _mm256_setzero_si256(),
                }
            }
        }

        #[inline(always)]
        fn quotes_and_backslashes(&self, bytes: &[u8; BLOCK], gathered: &mut Gathered) -> (u64, u64) {
            // SAFETY: as above.
            unsafe { quotes_and_backslashes(bytes, gathered) }
        }

        #[inline(always)]
        fn escapable(&self, bytes: &[u8; BLOCK]) -> (u64, u64) {
            // SAFETY: as above.
            unsafe { escapable(bytes) }
        }

        #[inline(always)]
        fn control_and_high(&self, gathered: Gathered) -> (bool, bool) {
            // SAFETY: as above.
            unsafe {
                (
                    _mm256_movemask_epi8(gathered.control) != 0,
                    _mm256_movemask_epi8(gathered.high) != 0,
                )
            }
        }
    }

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
    fn bits([low, high]: [__m256i; 2]) -> u64 {
        let (low, high) = (
            _mm256_movemask_epi8(low) as u32,
            _mm256_movemask_epi8(high) as u32,
        );
        u64::from(high) << 32 | u64::from(low)
    }

    /// Where both halves have `byte`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal([low, high]: [__m256i; 2], byte: u8) -> [__m256i; 2] {
        let byte = _mm256_set1_epi8(byte as i8);
        [_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn quotes_and_backslashes(bytes: &[u8; BLOCK], gathered: &mut Gathered) -> (u64, u64) {
        let halves = halves(bytes);
        let control = _mm256_set1_epi8(0x1f);
        // The least byte of each place shows a control character of either half.
        let least = _mm256_min_epu8(halves[0], halves[1]);
        let is_control = _mm256_cmpeq_epi8(_mm256_min_epu8(least, control), least);
        gathered.control = _mm256_or_si256(gathered.control, is_control);
        gathered.high = _mm256_or_si256(gathered.high, _mm256_or_si256(halves[0], halves[1]));
        (bits(equal(halves, b'"')), bits(equal(halves, b'\\')))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn escapable(bytes: &[u8; BLOCK]) -> (u64, u64) {
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
        let [low, high] = halves;
        let by_table = [
            _mm256_cmpeq_epi8(_mm256_shuffle_epi8(letters, low), low),
            _mm256_cmpeq_epi8(_mm256_shuffle_epi8(letters, high), high),
        ];
        let simple = bits(by_table) | bits(equal(halves, b'b')) | bits(equal(halves, b'r'));
        (simple, bits(equal(halves, b'u')))
    }
}

/// Whether `bytes` has `start` at `at`.
#[inline]
pub(super) fn starts_at(bytes: &[u8], at: usize, start: &[u8]) -> bool {
    bytes.get(at..at + start.len()) == Some(start)
}

/// Where the whole number at `at` ends; `None` if it is none, or written as JSON does not allow.
#[inline]
pub(super) fn whole_number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..)?;
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let length = digits_of(digits);
    let is_zero = digits.first() == Some(&b'0');
    let goes_on = matches!(digits.get(length), Some(b'.' | b'e' | b'E' | b'+' | b'-'));
    // Of a negative zero other readers make a fraction.
    let is_valid = length > 0 && !(is_zero && (is_negative || length > 1));
    (is_valid && !goes_on).then_some(at + usize::from(is_negative) + length)
}

/// How many digits `text` begins with; eight at a time.
#[inline(always)]
fn digits_of(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut length = 0;
    while let Some(word) = text.get(length..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is no digit: below `0` it borrows, above `9` it carries.
        let low = word & (0x7f * ONES);
        let above = low + (0x7f - u64::from(b'9')) * ONES;
        let below = !(low + (0x80 - u64::from(b'0')) * ONES);
        let others = (above | below | word) & (0x80 * ONES);
        if others != 0 {
            return length + others.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = text.get(length..).unwrap_or_default();
    length + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
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
    // SAFETY: what is appended are runs of `raw` between backslashes, which begin and end with whole characters,
    // ASCII, and encoded characters.
    unescape_bytes(raw.as_bytes(), unsafe { text.as_mut_vec() });
}

/// As [`unescape_into`], for text as bytes.
pub(crate) fn unescape_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // What an escape means is never longer than the escape.
    out.reserve(bytes.len());
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
        while let Some(next) = first(&quotes.quotes, at) {
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
                    assert_eq!(quotes.end_of_string(0), None, "no quote follows");
                    record.push(b'"');
                    assert!(quotes.index(&record));
                    assert_eq!(quotes.end_of_string(0), Some((length, true)));
                    assert_eq!(quotes.end_of_string(at + 1), Some((length, false)));
                }
            }
        }
    }

    #[test]
    fn digits_are_counted_wherever_they_end() {
        for length in 0..30 {
            for other in 0..=255_u8 {
                for behind in ["", "x", "0123456789"] {
                    let mut text = "9081726354".repeat(3).into_bytes();
                    text.truncate(length);
                    text.push(other);
                    text.extend_from_slice(behind.as_bytes());
                    let expected = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    assert_eq!(digits_of(&text), expected, "{length} {other}");
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
                let vectors = unsafe { avx2::Avx2::new() };
                assert_eq!(looked_at(&vectors, block), looked_at(&ByBytes, block));
            }
        }
    }

    fn looked_at<L: Look>(look: &L, block: &[u8; BLOCK]) -> ((u64, u64), (u64, u64), (bool, bool)) {
        let mut gathered = look.nothing();
        let found = look.quotes_and_backslashes(block, &mut gathered);
        (found, look.escapable(block), look.control_and_high(gathered))
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
