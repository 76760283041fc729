//! Names and values of KQL, with and without quotes.

use super::{Parsed, Parser, is_blank};
use crate::ir::Part;
use crate::pattern;

/// Characters that a value without quotes has only after a backslash.
pub(super) const SPECIAL: &str = "\\():<>\"*{}";

/// A name or value.
pub(super) struct Literal {
    pub parts: Vec<Part>,
    pub quoted: bool,
    pub start: usize,
}

impl Literal {
    /// Its text, if it has no wildcard.
    pub fn text(&self) -> Option<&str> {
        pattern::literal(&self.parts)
    }

    pub fn is_anything(&self) -> bool {
        self.parts == [Part::Many]
    }
}

impl Parser<'_> {
    pub(super) fn literal(&mut self, what: &str) -> Parsed<Literal> {
        if self.accept("\"") {
            return self.quoted();
        }
        let start = self.at;
        let mut parts = Vec::new();
        let mut text = String::new();
        // Blanks that belong to the value only if something follows.
        let mut pending = String::new();
        while let Some(character) = self.rest().chars().next() {
            if is_blank(character) {
                if self.blank_ends_value() {
                    break;
                }
                pending.push(character);
                self.at += character.len_utf8();
                continue;
            }
            let (plain, length) = match character {
                '*' => (None, 1),
                '\\' => {
                    let (plain, length) = self.escape()?;
                    (Some(plain), length)
                }
                _ if SPECIAL.contains(character) => break,
                _ => (
                    Some(self.rest()[..character.len_utf8()].to_owned()),
                    character.len_utf8(),
                ),
            };
            text.push_str(&std::mem::take(&mut pending));
            match plain {
                Some(plain) => text.push_str(&plain),
                None => {
                    pattern::push(&mut parts, Part::Literal(std::mem::take(&mut text)));
                    pattern::push(&mut parts, Part::Many);
                }
            }
            self.at += length;
        }
        pattern::push(&mut parts, Part::Literal(text));
        if parts.is_empty() {
            return match self.rest().chars().next() {
                None => self.error(format!("expected {what}, found the end of the query")),
                Some(found) => self.error(format!("expected {what}, found `{found}`")),
            };
        }
        Ok(Literal {
            parts,
            quoted: false,
            start,
        })
    }

    /// Whether the blanks here are followed by what cannot be part of a value: a keyword or the end.
    fn blank_ends_value(&self) -> bool {
        let next = self.rest().trim_start_matches(is_blank);
        next.is_empty()
            || ["and", "or", "not"]
                .iter()
                .any(|word| Self::keyword(next, word).is_some())
    }

    /// What an escape outside of quotes stands for, and its length.
    fn escape(&self) -> Parsed<(String, usize)> {
        let after = &self.rest()[1..];
        for word in ["and", "not", "or"] {
            if let Some(start) = after.get(..word.len())
                && start.eq_ignore_ascii_case(word)
            {
                return Ok((start.to_owned(), 1 + word.len()));
            }
        }
        match after.chars().next() {
            Some('t') => Ok(("\t".to_owned(), 2)),
            Some('r') => Ok(("\r".to_owned(), 2)),
            Some('n') => Ok(("\n".to_owned(), 2)),
            Some('u') if unicode(after).is_some() => Ok((unicode(after).into_iter().collect(), 6)),
            Some(special) if SPECIAL.contains(special) => Ok((special.to_string(), 2)),
            _ => self.error("unknown escape: write a backslash as `\\\\`"),
        }
    }

    /// A text in quotes, from after the first.
    fn quoted(&mut self) -> Parsed<Literal> {
        let start = self.at - 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(character) = rest.chars().next() else {
                self.at = start;
                return self.error("the text has no end: `\"` is missing");
            };
            let escaped = match character {
                '"' => {
                    self.at += 1;
                    let mut parts = Vec::new();
                    pattern::push(&mut parts, Part::Literal(text));
                    return Ok(Literal {
                        parts,
                        quoted: true,
                        start,
                    });
                }
                '\\' => match rest[1..].chars().next() {
                    Some('t') => Some(('\t', 2)),
                    Some('r') => Some(('\r', 2)),
                    Some('n') => Some(('\n', 2)),
                    Some(same @ ('"' | '\\')) => Some((same, 2)),
                    Some('u') => unicode(&rest[1..]).map(|character| (character, 6)),
                    _ => None,
                },
                _ => None,
            };
            let (character, length) = escaped.unwrap_or((character, character.len_utf8()));
            text.push(character);
            self.at += length;
        }
    }
}

/// The character of `uXXXX`.
fn unicode(text: &str) -> Option<char> {
    let digits = text.get(1..5)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}
