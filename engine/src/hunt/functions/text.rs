//! Text: how random it looks, what it hides.

use arrow::datatypes::DataType;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use datafusion::logical_expr::ScalarUDF;
use hashbrown::HashMap;

use super::function::text_function;
use super::values::over_argument;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        text_function("entropy", 1, DataType::Float64, |_, args| {
            over_argument(args, |text| Some(shannon(text)))
        }),
        text_function("base64_decode", 1, DataType::Utf8View, |_, args| {
            over_argument(args, decode)
        }),
    ]
}

/// Bits per character; 0 for the empty text.
fn shannon(text: &str) -> f64 {
    let mut counts: HashMap<char, u32> = HashMap::new();
    let mut total = 0u32;
    for c in text.chars() {
        *counts.entry(c).or_default() += 1;
        total += 1;
    }
    // Summed in order of size, so that the same text gives the same bits on every run.
    let mut counts: Vec<u32> = counts.into_values().collect();
    counts.sort_unstable();
    let bits: f64 = counts
        .into_iter()
        .map(|count| {
            let share = f64::from(count) / f64::from(total);
            share * share.log2()
        })
        .sum();
    0.0 - bits
}

/// Base64 in either alphabet, padded or not, to text. UTF-16LE is recognised by its zero bytes.
fn decode(text: &str) -> Option<String> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD
        .decode(&compact)
        .or_else(|_| URL_SAFE.decode(&compact))
        .ok()?;
    let zeros = bytes.iter().skip(1).step_by(2).filter(|&&b| b == 0).count();
    let wide = bytes.len() >= 2 && bytes.len().is_multiple_of(2) && (zeros * 2 >= bytes.len() / 2);
    if wide && let Some(text) = utf16le(&bytes) {
        return Some(text);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => utf16le(error.as_bytes()),
    }
}

fn utf16le(bytes: &[u8]) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .collect::<std::result::Result<_, _>>()
        .ok()?;
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_texts() {
        assert_eq!(shannon(""), 0.0);
        assert_eq!(shannon("aaaa"), 0.0);
        assert_eq!(shannon("abab"), 1.0);
        assert_eq!(shannon("abcd"), 2.0);
        assert_eq!(shannon("äöüß"), 2.0);
    }

    #[test]
    fn base64_of_both_widths() {
        assert_eq!(decode("d2hvYW1p").as_deref(), Some("whoami"));
        assert_eq!(decode("d2hvYW1pIC9hbGw=").as_deref(), Some("whoami /all"));
        assert_eq!(decode("d2hvYW1pIC9hbGw").as_deref(), Some("whoami /all"));
        assert_eq!(decode("dwBoAG8AYQBtAGkA").as_deref(), Some("whoami"));
        assert_eq!(decode("4p-T").as_deref(), Some("\u{27d3}"));
        assert_eq!(decode("").as_deref(), Some(""));
        assert_eq!(decode("not base64!"), None);
        assert_eq!(decode("/w=="), None);
    }
}
