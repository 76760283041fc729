//! The form of a dataset's lines, where the catalog describes it, and lines to test it with.
//!
//! ```yaml
//! lines:
//!   patterns:                       # grok: the first that reads a whole line wins
//!     - '%{TIMESTAMP_ISO8601:at} %{WORD:verdict} badge=%{BADGE:badge} %{GREEDYDATA:more}'
//!   definitions: {BADGE: '[A-Z]{3}\d+'}   # named patterns of one's own
//!   time: '%d.%m.%Y %H:%M:%S'       # layout of the field that is `@timestamp`, if it is an unusual one
//!   pairs: {in: more, assign: '=', between: ' '}   # this field holds key=value pairs
//! tests:
//!   - line: '2026-03-01T10:00:00Z open badge=ABC1 gate=7'
//!     expect: {user.name: ABC1, acme.gate: '7', '@timestamp': '2026-03-01T10:00:00Z'}
//! ```

use std::collections::BTreeMap;

use regex_automata::meta;
use regex_automata::util::syntax;

use super::shape::{LinesFile, TestFile};
use crate::formats::{PairStyle, grok};

/// The form of a dataset's lines; empty for most, whose grammar is code.
#[derive(Debug, Default)]
pub struct LineFormat {
    pub(crate) patterns: Vec<LinePattern>,
    /// Layout of the event's time, for `chrono`.
    pub(crate) time: Option<String>,
    pub(crate) pairs: Option<LinePairs>,
}

/// One pattern.
#[derive(Debug)]
pub(crate) struct LinePattern {
    /// A regular expression that reads whole lines.
    pub(crate) regex: String,
    /// The field of each of its groups.
    pub(crate) fields: Vec<String>,
}

/// A field that holds key=value pairs.
#[derive(Debug)]
pub(crate) struct LinePairs {
    pub(crate) field: String,
    pub(crate) style: PairStyle,
}

/// A line with what must become of it: see [`crate::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct LineTest {
    /// The line, or a whole document.
    pub line: String,
    /// Names of columns (any name that a rule may use) and their values; null: no value.
    pub expect: BTreeMap<String, serde_json::Value>,
}

/// Patterns of all datasets may take this much memory.
const BYTES: usize = 64 << 20;

/// One pattern may take this much. A large one is as slow to build as it is to read with.
const BYTES_OF_ONE: usize = 4 << 20;

impl From<TestFile> for LineTest {
    fn from(file: TestFile) -> Self {
        LineTest {
            line: file.line,
            expect: file.expect,
        }
    }
}

impl LineFormat {
    /// # Errors
    ///
    /// What is wrong with a pattern, for its author.
    pub(super) fn new(file: LinesFile) -> Result<LineFormat, String> {
        let mut patterns = Vec::new();
        let mut left = BYTES;
        for pattern in &file.patterns {
            let expanded = grok::expand(pattern, &file.definitions)?;
            let regex = format!(r"(?:{})\z", expanded.regex);
            let alone = LineFormat::automaton(&[&regex]).map_err(|reason| format!("`{pattern}` {reason}"))?;
            left = left.checked_sub(alone.memory_usage()).ok_or_else(|| {
                format!("`{pattern}` is one too many: together they take more than {BYTES} bytes")
            })?;
            patterns.push(LinePattern {
                regex,
                fields: expanded.fields,
            });
        }
        let pairs = match file.pairs {
            None => None,
            Some(pairs) => Some(LinePairs {
                style: PairStyle {
                    assign: one_byte(pairs.assign.as_deref().unwrap_or("="))?,
                    between: one_byte(pairs.between.as_deref().unwrap_or(" "))?,
                    ..PairStyle::SPACED
                },
                field: pairs.field,
            }),
        };
        if patterns.is_empty() && (pairs.is_some() || file.time.is_some()) {
            return Err("`lines` has no `patterns`: say what a line looks like".into());
        }
        Ok(LineFormat {
            patterns,
            time: file.time,
            pairs,
        })
    }

    /// Whether the catalog describes any line.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// One automaton for all of `patterns`.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn automaton(patterns: &[&str]) -> Result<meta::Regex, String> {
        let bytes = if patterns.len() == 1 { BYTES_OF_ONE } else { BYTES };
        meta::Regex::builder()
            .syntax(syntax::Config::new().dot_matches_new_line(true))
            .configure(meta::Config::new().nfa_size_limit(Some(bytes)))
            .build_many(patterns)
            .map_err(|error| match error.syntax_error() {
                Some(syntax) => format!("is no regular expression: {syntax}"),
                None => format!("cannot be used: {error}"),
            })
    }
}

fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        &[byte] if byte.is_ascii() => Ok(byte),
        _ => Err(format!(
            "`{text}` stands between pairs or in them: it must be one ASCII character"
        )),
    }
}
