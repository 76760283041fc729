//! Case folding: one definition for every comparison without case.
//!
//! `fold(text)` is the concatenation of [`char::to_lowercase`] over its characters. Unlike
//! [`str::to_lowercase`] it looks at no neighbours (no final sigma), so folding a part of a text gives a
//! part of the folded text; that is what lets one automaton over the folded text answer every pattern.

use std::borrow::Cow;

/// Folds `text`; borrows it where nothing changes.
pub fn fold(text: &str) -> Cow<'_, str> {
    let first = text
        .bytes()
        .position(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
    match first {
        None => Cow::Borrowed(text),
        Some(_) => {
            let mut folded = String::with_capacity(text.len());
            fold_into(text, &mut folded);
            Cow::Owned(folded)
        }
    }
}

/// Appends the folded `text` to `folded`.
pub fn fold_into(text: &str, folded: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let (ascii, behind) = rest.split_at(ascii_length(rest));
        let start = folded.len();
        folded.push_str(ascii);
        folded[start..].make_ascii_lowercase();
        let others = behind
            .find(|letter: char| letter.is_ascii())
            .unwrap_or(behind.len());
        folded.extend(behind[..others].chars().flat_map(char::to_lowercase));
        rest = &behind[others..];
    }
}

/// How much of the start of `text` is ASCII.
fn ascii_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    // Whole vectors first: one foreign letter in a long text must not slow down the rest.
    let plain = bytes
        .chunks_exact(32)
        .take_while(|chunk| chunk.is_ascii())
        .count()
        * 32;
    let rest = &bytes[plain..];
    plain
        + rest
            .iter()
            .position(|byte| !byte.is_ascii())
            .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn runs_of_ascii_and_other_letters_fold_as_their_letters_do() {
        let texts = ["", "A", "É", "AÉB", "ÉAÉ", "\u{212a}", "x", "®Ω"];
        for length in [0, 1, 31, 32, 33, 70] {
            for one in texts {
                for other in texts {
                    let text = format!(
                        "{one}{}{other}{}{one}",
                        "Q".repeat(length),
                        "z".repeat(length / 2)
                    );
                    let letters: String = text.chars().flat_map(char::to_lowercase).collect();
                    assert_eq!(fold(&text), letters, "{text}");
                }
            }
        }
    }

    #[test]
    fn folds_letter_by_letter() {
        assert_eq!(fold("C:\\Windows"), "c:\\windows");
        assert_eq!(fold("ΟΔΟΣ"), "οδοσ", "no final sigma");
        assert_eq!(fold("İ"), "i\u{307}", "one letter may become two");
        assert_eq!(fold("\u{212a}elvin"), "kelvin");
        assert!(matches!(fold("plain"), std::borrow::Cow::Borrowed(_)));
    }
}
