//! Wildcard patterns, matched from the first to the last character of a text.

use std::borrow::Cow;

use borzoi_rules::ir::{Part, Pattern};
use memchr::memmem::Finder;

use super::fold::fold;

/// A pattern ready to match: cut at its `*`, literals folded unless case counts.
#[derive(Debug, Clone)]
pub struct Glob {
    /// Literals and single characters before the first star.
    start: Vec<Part>,
    /// What stands between the stars.
    middle: Vec<Segment>,
    /// What follows the last star; `None` if there is no star.
    end: Option<Vec<Part>>,
    cased: bool,
}

/// Literals and single characters between two stars.
#[derive(Debug, Clone)]
struct Segment {
    parts: Vec<Part>,
    /// Finds the literal that it starts with.
    finder: Option<Finder<'static>>,
}

impl Segment {
    fn new(parts: Vec<Part>) -> Segment {
        let finder = match parts.first() {
            Some(Part::Literal(literal)) => Some(Finder::new(literal).into_owned()),
            _ => None,
        };
        Segment { parts, finder }
    }
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
        let mut segments = pattern.parts.split(|part| *part == Part::Many).map(|parts| {
            let ready = |part: &Part| match part {
                Part::Literal(text) if !pattern.cased => Part::Literal(fold(text).into_owned()),
                other => other.clone(),
            };
            parts.iter().map(ready).collect::<Vec<Part>>()
        });
        let start = segments.next().unwrap_or_default();
        let end = segments.next_back();
        Glob {
            start,
            middle: segments.map(Segment::new).collect(),
            end,
            cased: pattern.cased,
        }
    }

    /// Whether case counts.
    pub fn is_cased(&self) -> bool {
        self.cased
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
        let Some(rest) = strip_start(&self.start, text) else {
            return false;
        };
        let Some(end) = &self.end else {
            return rest.is_empty();
        };
        let Some(mut rest) = strip_end(end, rest) else {
            return false;
        };
        // A segment has a fixed number of characters, so the leftmost place is always as good as any.
        for segment in &self.middle {
            match find(segment, rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        true
    }
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
fn find<'t>(segment: &Segment, text: &'t str) -> Option<&'t str> {
    let mut from = text;
    loop {
        if let Some(finder) = &segment.finder {
            from = &from[finder.find(from.as_bytes())?..];
        }
        if let Some(after) = strip_start(&segment.parts, from) {
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
