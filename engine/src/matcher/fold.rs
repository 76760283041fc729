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
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn folds_letter_by_letter() {
        assert_eq!(fold("C:\\Windows"), "c:\\windows");
        assert_eq!(fold("ΟΔΟΣ"), "οδοσ", "no final sigma");
        assert_eq!(fold("İ"), "i\u{307}", "one letter may become two");
        assert_eq!(fold("\u{212a}elvin"), "kelvin");
        assert!(matches!(fold("plain"), std::borrow::Cow::Borrowed(_)));
    }
}
