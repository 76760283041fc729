//! Sigma strings: wildcards and their escapes, read and written.

use std::fmt;

use crate::ir::{Part, Pattern};

/// Reads a Sigma string.
///
/// `*` is any text, `?` one character. A backslash before `*`, `?` or another backslash makes that a plain
/// character; before anything else it is itself plain. So `\*` is a star, `\\*` a backslash and a
/// wildcard, `\\\*` a backslash and a star, and both `\\\` and `\\\\` are two backslashes.
pub fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.peek() {
                Some(&next @ ('*' | '?' | '\\')) => {
                    characters.next();
                    literal.push(next);
                }
                _ => literal.push('\\'),
            },
            '*' | '?' => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                push(&mut parts, if character == '*' { Part::Many } else { Part::One });
            }
            _ => literal.push(character),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    parts
}

/// Appends a part and keeps the invariants of [`Pattern`]: no two literals and no two `*` in a row.
pub(crate) fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Many), Part::Many) => {}
        (Some(Part::Literal(last)), Part::Literal(text)) => last.push_str(&text),
        (_, Part::Literal(text)) if text.is_empty() => {}
        (_, part) => parts.push(part),
    }
}

/// Opens a pattern at its start: whatever may stand before.
pub(crate) fn open_start(parts: &mut Vec<Part>) {
    if parts.first() != Some(&Part::Many) {
        parts.insert(0, Part::Many);
    }
}

/// Opens a pattern at its end.
pub(crate) fn open_end(parts: &mut Vec<Part>) {
    push(parts, Part::Many);
}

/// The text of a pattern without wildcards.
pub(crate) fn literal(parts: &[Part]) -> Option<&str> {
    match parts {
        [] => Some(""),
        [Part::Literal(text)] => Some(text),
        _ => None,
    }
}

impl Pattern {
    /// Reads a Sigma string; see [`parse`].
    pub fn parse(text: &str, cased: bool) -> Self {
        Self {
            parts: parse(text),
            cased,
        }
    }
}

/// Writes the pattern as a Sigma string that reads back as the same parts.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Many => f.write_str("*")?,
                Part::One => f.write_str("?")?,
                Part::Literal(text) => {
                    let wildcard_follows = index + 1 < self.parts.len();
                    write_literal(f, text, wildcard_follows)?;
                }
            }
        }
        Ok(())
    }
}

/// A single backslash needs no escape unless what follows would take it for one.
fn write_literal(f: &mut fmt::Formatter<'_>, text: &str, wildcard_follows: bool) -> fmt::Result {
    use fmt::Write;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => write!(f, "\\{character}")?,
            '\\' => {
                let escape = match characters.peek() {
                    Some('*' | '?' | '\\') => true,
                    Some(_) => false,
                    None => wildcard_follows,
                };
                f.write_str(if escape { "\\\\" } else { "\\" })?;
            }
            _ => f.write_char(character)?,
        }
    }
    Ok(())
}
