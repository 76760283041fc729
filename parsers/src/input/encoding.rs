//! UTF-16 to UTF-8, across chunk borders.

/// How the text of a source is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, ASCII or binary: passed on as it is.
    Bytes,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

/// The encoding that the first bytes of a source show, and how many of them are a byte order mark.
pub(super) fn detect(head: &[u8]) -> (Encoding, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => return (Encoding::Bytes, 3),
        [0xff, 0xfe, ..] => return (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => return (Encoding::Utf16Be, 2),
        _ => {}
    }
    // Without a mark: logs are mostly ASCII, so one byte of nearly every pair is zero, always the same.
    let pairs = head.as_chunks::<2>().0;
    let pairs = &pairs[..pairs.len().min(128)];
    if pairs.len() < 2 {
        return (Encoding::Bytes, 0);
    }
    let text = |byte: u8| byte >= 0x20 || matches!(byte, b'\t' | b'\r' | b'\n');
    let little = pairs
        .iter()
        .filter(|[low, high]| *high == 0 && text(*low))
        .count();
    let big = pairs
        .iter()
        .filter(|[high, low]| *high == 0 && text(*low))
        .count();
    if little * 4 >= pairs.len() * 3 && pairs[0][1] == 0 {
        (Encoding::Utf16Le, 0)
    } else if big * 4 >= pairs.len() * 3 && pairs[0][0] == 0 {
        (Encoding::Utf16Be, 0)
    } else {
        (Encoding::Bytes, 0)
    }
}

/// Turns UTF-16 chunks into UTF-8; unpaired surrogates become U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Utf16Decoder {
    odd_byte: Option<u8>,
    high_surrogate: Option<u16>,
}

impl Utf16Decoder {
    /// Decodes `bytes` after what earlier calls left over.
    pub(super) fn decode(&mut self, encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut out = String::with_capacity(bytes.len() / 2 + 4);
        let mut bytes = bytes.iter().copied();
        while let Some(first) = self.odd_byte.take().or_else(|| bytes.next()) {
            let Some(second) = bytes.next() else {
                self.odd_byte = Some(first);
                break;
            };
            let unit = match encoding {
                Encoding::Utf16Be => u16::from_be_bytes([first, second]),
                Encoding::Utf16Le | Encoding::Bytes => u16::from_le_bytes([first, second]),
            };
            self.unit(unit, &mut out);
        }
        out.into_bytes()
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        if let Some(high) = self.high_surrogate.take() {
            if (0xdc00..0xe000).contains(&unit) {
                let code = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return;
            }
            out.push(char::REPLACEMENT_CHARACTER);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high_surrogate = Some(unit);
        } else {
            out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }

    /// What is left at the end of the source.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let broken = self.odd_byte.take().is_some() | self.high_surrogate.take().is_some();
        if broken { "\u{fffd}".into() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_recognised_with_and_without_a_mark() {
        let little: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(detect(&little), (Encoding::Utf16Le, 0));
        assert_eq!(detect(&big), (Encoding::Utf16Be, 0));
        assert_eq!(detect(b"{\"a\":1}"), (Encoding::Bytes, 0));
        assert_eq!(detect(b"ElfFile\0\0\0\0\0\0\0\0\0"), (Encoding::Bytes, 0));
        assert_eq!(detect(&[0xff, 0xfe, b'x', 0]), (Encoding::Utf16Le, 2));
    }

    #[test]
    fn any_chunking_decodes_the_same() {
        let text = "grüße \u{1f415} \u{fffd}";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for size in 1..5 {
            let mut decoder = Utf16Decoder::default();
            let mut out = Vec::new();
            for chunk in bytes.chunks(size) {
                out.extend(decoder.decode(Encoding::Utf16Le, chunk));
            }
            out.extend(decoder.finish());
            assert_eq!(String::from_utf8(out).as_deref(), Ok(text));
        }
    }
}
