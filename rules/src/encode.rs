//! Modifiers that turn one text into others: `windash`, the Base64 family, UTF-16.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ir::Part;
use crate::modifier::Modifier;
use crate::pattern;

/// The characters that start an option on a Windows command line: hyphen, slash, en dash, em dash,
/// horizontal bar.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// How many permutations `windash` may make of one value: six dashes.
const MAX_PERMUTATIONS: usize = 5usize.pow(6);

/// All permutations of the dashes of a value.
///
/// Only a dash that starts a word and does not follow one counts (`-enc`, `/c`, not `a-b`), as in the
/// reference implementation: paths and names keep theirs.
pub(crate) fn windash(parts: &[Part]) -> Result<Vec<Vec<Part>>, String> {
    let mut results: Vec<Vec<Part>> = vec![Vec::new()];
    for part in parts {
        let Part::Literal(text) = part else {
            for result in &mut results {
                pattern::push(result, part.clone());
            }
            continue;
        };
        let characters: Vec<char> = text.chars().collect();
        let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
        let mut literals = vec![String::with_capacity(text.len())];
        for (index, character) in characters.iter().enumerate() {
            let starts_option = DASHES.contains(character)
                && !is_word(index.checked_sub(1).and_then(|before| characters.get(before)))
                && is_word(characters.get(index + 1));
            if !starts_option {
                for literal in &mut literals {
                    literal.push(*character);
                }
                continue;
            }
            if literals.len() * results.len() * DASHES.len() > MAX_PERMUTATIONS {
                return Err("too many dashes for `windash`, split the value".to_owned());
            }
            literals = literals
                .iter()
                .flat_map(|literal| DASHES.iter().map(move |dash| format!("{literal}{dash}")))
                .collect();
        }
        results = results
            .iter()
            .flat_map(|result| {
                literals.iter().map(|literal| {
                    let mut longer = result.clone();
                    pattern::push(&mut longer, Part::Literal(literal.clone()));
                    longer
                })
            })
            .collect();
    }
    Ok(results)
}

/// The text in the byte order that the modifier names.
pub(crate) fn utf16(text: &str, encoding: Modifier) -> Vec<u8> {
    let units = text.encode_utf16();
    match encoding {
        Modifier::Utf16Be => units.flat_map(u16::to_be_bytes).collect(),
        Modifier::Utf16 => [0xff, 0xfe]
            .into_iter()
            .chain(units.flat_map(u16::to_le_bytes))
            .collect(),
        _ => units.flat_map(u16::to_le_bytes).collect(),
    }
}

/// UTF-16 bytes as they look in a text field: as UTF-8 where they are that, else one character a byte.
pub(crate) fn utf16_text(text: &str, encoding: Modifier) -> String {
    match String::from_utf8(utf16(text, encoding)) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    }
}

/// Standard Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three texts of which one stands in any Base64 text whose plain form contains `bytes`: one for each
/// position modulo three, without the characters that neighbouring bytes have a part in.
pub(crate) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .map(|offset| {
            let mut shifted = vec![0; offset];
            shifted.extend_from_slice(bytes);
            let encoded = STANDARD.encode(&shifted);
            // One byte before spoils two characters, two spoil three.
            let start = [0, 2, 3][offset];
            // A last group of one byte has one whole character, of two bytes two.
            let end = encoded.len() - [0, 3, 2][shifted.len() % 3];
            encoded.get(start..end).unwrap_or("").to_owned()
        })
        .collect()
}
