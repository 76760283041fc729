//! Wildcard patterns, matched from the first to the last character of a text.

use std::borrow::Cow;

use borzoi_rules::ir::{Part, Pattern};

use super::fold::fold;

/// A pattern ready to match: cut at its `*`, literals folded unless case counts.
#[derive(Debug, Clone)]
pub struct Glob {
    /// What stands between the stars: literals and single characters. Never empty.
    segments: Vec<Vec<Part>>,
    cased: bool,
}

/// What a pattern asks in the simplest terms; literals are folded unless case counts.
#[derive(Debug, Clone)]
pub enum Shape {
    /// The text is this.
    Exact(String),
    /// The text starts with this.
    Prefix(String),
    /// The text ends with this.
    Suffix(String),
    /// The text contains this.
    Contains(String),
    /// Any text.
    Anything,
    /// Anything else; with its longest literal, if it has one.
    Glob(Glob, Option<String>),
}

impl Shape {
    /// The shape of `pattern`.
    pub fn of(pattern: &Pattern) -> Shape {
        let ready = |literal: &String| -> String {
            if pattern.cased {
                literal.clone()
            } else {
                fold(literal).into_owned()
            }
        };
        match pattern.parts.as_slice() {
            [] => Shape::Exact(String::new()),
            [Part::Many] => Shape::Anything,
            [Part::Literal(text)] => Shape::Exact(ready(text)),
            [Part::Literal(text), Part::Many] => Shape::Prefix(ready(text)),
            [Part::Many, Part::Literal(text)] => Shape::Suffix(ready(text)),
            [Part::Many, Part::Literal(text), Part::Many] => Shape::Contains(ready(text)),
            parts => {
                let longest = parts
                    .iter()
                    .filter_map(|part| match part {
                        Part::Literal(text) => Some(ready(text)),
                        _ => None,
                    })
                    .max_by_key(String::len);
                Shape::Glob(Glob::new(pattern), longest)
            }
        }
    }
}

impl Glob {
    /// Prepares `pattern`.
    pub fn new(pattern: &Pattern) -> Glob {
        let mut segments = vec![Vec::new()];
        for part in &pattern.parts {
            match part {
                Part::Many => segments.push(Vec::new()),
                Part::Literal(text) if !pattern.cased => {
                    last(&mut segments).push(Part::Literal(fold(text).into_owned()));
                }
                other => last(&mut segments).push(other.clone()),
            }
        }
        Glob {
            segments,
            cased: pattern.cased,
        }
    }

    /// Whether `text`, as it stands in the event, matches.
    pub fn matches(&self, text: &str) -> bool {
        let ready = if self.cased {
            Cow::Borrowed(text)
        } else {
            fold(text)
        };
        self.matches_ready(&ready)
    }

    /// Whether `text`, already folded unless case counts, matches.
    pub fn matches_ready(&self, text: &str) -> bool {
        let [first, middle @ .., end] = self.segments.as_slice() else {
            return self.segments.first().and_then(|only| strip_start(only, text)) == Some("");
        };
        let Some(rest) = strip_start(first, text) else {
            return false;
        };
        let Some(mut rest) = strip_end(end, rest) else {
            return false;
        };
        // A segment has a fixed number of characters, so the leftmost place is always as good as any.
        for segment in middle {
            match find(segment, rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        true
    }
}

fn last(segments: &mut [Vec<Part>]) -> &mut Vec<Part> {
    segments
        .last_mut()
        .expect("starts with one segment and only grows")
}

/// What follows the segment at the start of `text`.
fn strip_start<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    for part in segment {
        match part {
            Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Part::One | Part::Many => {
                let mut chars = rest.chars();
                chars.next()?;
                rest = chars.as_str();
            }
        }
    }
    Some(rest)
}

/// What precedes the segment at the end of `text`.
fn strip_end<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    for part in segment.iter().rev() {
        match part {
            Part::Literal(literal) => rest = rest.strip_suffix(literal.as_str())?,
            Part::One | Part::Many => {
                let mut chars = rest.chars();
                chars.next_back()?;
                rest = chars.as_str();
            }
        }
    }
    Some(rest)
}

/// What follows the leftmost place of the segment in `text`.
fn find<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    let mut from = text;
    loop {
        if let Some(Part::Literal(literal)) = segment.first() {
            from = &from[from.find(literal.as_str())?..];
        }
        if let Some(after) = strip_start(segment, from) {
            return Some(after);
        }
        let mut chars = from.chars();
        chars.next()?;
        from = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        let mut parts = Vec::new();
        for c in text.chars() {
            match (c, parts.last_mut()) {
                ('*', _) => parts.push(Part::Many),
                ('?', _) => parts.push(Part::One),
                (c, Some(Part::Literal(literal))) => literal.push(c),
                (c, _) => parts.push(Part::Literal(c.to_string())),
            }
        }
        Glob::new(&Pattern { parts, cased: false })
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("a*b", "ab", true),
            ("a*b", "axxB", true),
            ("a*b", "a", false),
            ("a*ab", "ab", false),
            ("*a?c*", "xxabcab", true),
            ("*a?c", "aac", true),
            ("?", "é", true),
            ("?", "", false),
            ("??", "é", false),
            ("*aab*", "aaab", true),
            ("a**b", "ab", true),
            ("*x*y*z", "x1y2y3z", true),
            ("*x*y*z", "x1z2y", false),
            ("", "", true),
            ("", "a", false),
            ("a*?", "a", false),
            ("a*?", "a\n", true),
        ] {
            assert_eq!(glob(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }
}
