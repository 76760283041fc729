//! Texts without case, and wildcards.

use std::borrow::Cow;

use crate::ir::Part;

/// A text without case: each letter in lower case, as every comparison of the rules does it.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// The characters of a text, without case unless `cased`, one for one: positions in it are those of the text.
pub(crate) fn characters(text: &str, cased: bool) -> Vec<char> {
    text.chars()
        .map(|character| {
            let mut lower = character.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) if !cased => one,
                _ => character,
            }
        })
        .collect()
}

/// Where `needle` first stands in `text`, at `start` or after.
pub(crate) fn find(text: &[char], needle: &[char], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    if needle.is_empty() {
        return Some(start);
    }
    rest.windows(needle.len())
        .position(|window| window == needle)
        .map(|at| start + at)
}

/// Where `needle` last stands in `text`, at `start` or after.
pub(crate) fn find_last(text: &[char], needle: &[char], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    if needle.is_empty() {
        return Some(text.len());
    }
    rest.windows(needle.len())
        .rposition(|window| window == needle)
        .map(|at| start + at)
}

/// A wildcard pattern, ready to be matched in both ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Wildcards {
    parts: Vec<Part>,
    folded: Vec<Part>,
}

impl Wildcards {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        let folded = parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Part::Literal(fold(text).into_owned()),
                other => other.clone(),
            })
            .collect();
        Self { parts, folded }
    }

    /// Its parts as they were written.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether `text` matches from its first to its last character.
    pub fn matches(&self, text: &str, cased: bool) -> bool {
        if cased {
            matches(&self.parts, text)
        } else {
            matches(&self.folded, &fold(text))
        }
    }
}

/// One step back at most: when a part does not fit, the last `*` takes one character more. Time is at most
/// the text's length times the pattern's.
fn matches(parts: &[Part], text: &str) -> bool {
    let (mut part, mut at) = (0, 0);
    // The part after the last `*`, and where the text that it must match started.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = &text[at..];
        let step = match parts.get(part) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Part::Many) => {
                part += 1;
                retry = Some((part, at));
                continue;
            }
            Some(Part::One) => rest.chars().next().map(char::len_utf8),
            Some(Part::Literal(literal)) => rest.starts_with(literal.as_str()).then_some(literal.len()),
        };
        if let Some(length) = step {
            at += length;
            part += 1;
            continue;
        }
        let Some((after, from)) = retry else {
            return false;
        };
        let Some(skipped) = text[from..].chars().next() else {
            return false;
        };
        at = from + skipped.len_utf8();
        part = after;
        retry = Some((after, at));
    }
}

/// Reads a wildcard pattern: `*` is any text and, if `one` says so, `?` one character. Nothing is an escape.
pub(crate) fn wildcards(text: &str, one: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    for piece in text.split_inclusive(|c| c == '*' || one && c == '?') {
        let literal = piece
            .strip_suffix(|c| c == '*' || one && c == '?')
            .unwrap_or(piece);
        crate::pattern::push(&mut parts, Part::Literal(literal.to_owned()));
        if literal.len() < piece.len() {
            let part = if piece.ends_with('*') {
                Part::Many
            } else {
                Part::One
            };
            crate::pattern::push(&mut parts, part);
        }
    }
    parts
}
