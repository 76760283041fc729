//! Regular expressions of rules: PCRE as rules are written, checked against what runs them.

use crate::ir::RegexEngine;

/// Why a regular expression is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegexError {
    /// Position in the pattern, in characters, if known.
    pub offset: Option<usize>,
    pub message: String,
}

/// A pattern that runs, and what runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    pub pattern: String,
    pub engine: RegexEngine,
}

/// Checks a pattern: first for the automaton, then for the backtracking engine.
pub(crate) fn check(
    pattern: &str,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
) -> Result<Checked, RegexError> {
    let translated = translate(pattern);
    let automaton = regex_syntax::ParserBuilder::new()
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .dot_matches_new_line(dot_all)
        .nest_limit(200)
        .build()
        .parse(&translated.pattern);
    let error = match automaton {
        Ok(_) => {
            return Ok(Checked {
                pattern: translated.pattern,
                engine: RegexEngine::Automaton,
            });
        }
        Err(error) => error,
    };
    let backtracking = fancy_regex::RegexBuilder::new(&translated.pattern)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .dot_matches_new_line(dot_all)
        .build();
    if backtracking.is_ok() {
        return Ok(Checked {
            pattern: translated.pattern,
            engine: RegexEngine::Backtracking,
        });
    }
    let (span, message) = match &error {
        regex_syntax::Error::Parse(error) => (error.span(), error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (error.span(), error.kind().to_string()),
        _ => {
            return Err(RegexError {
                offset: None,
                message: error.to_string(),
            });
        }
    };
    let offset = translated.pattern[..span.start.offset].chars().count();
    Err(RegexError {
        offset: Some(translated.original_offset(offset)),
        message,
    })
}

struct Translated {
    pattern: String,
    /// Where characters were added, as positions in characters of the result.
    added: Vec<usize>,
}

impl Translated {
    fn original_offset(&self, offset: usize) -> usize {
        offset - self.added.iter().filter(|added| **added < offset).count()
    }
}

/// Escapes what PCRE takes as plain text and Rust's engines do not: `\<` and `\>` (word edges there), a
/// `{` that starts no repetition, and inside a class `[`, `&&`, `--` and `~~`.
fn translate(pattern: &str) -> Translated {
    let characters: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len());
    let mut written = 0;
    let mut added = Vec::new();
    // Position after the `[` (and `^`) of the class we are in.
    let mut class_start: Option<usize> = None;
    let mut index = 0;
    while index < characters.len() {
        let character = characters[index];
        let next = characters.get(index + 1).copied();
        if character == '\\' {
            match next {
                // Dropping the backslash would shift positions the other way; a class keeps them simple.
                Some(edge @ ('<' | '>')) if class_start.is_none() => {
                    out.push('[');
                    out.push(edge);
                    out.push(']');
                    added.push(written + 2);
                    written += 3;
                }
                Some(edge @ ('<' | '>')) => {
                    out.push(edge);
                    written += 1;
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                    written += 2;
                    // `\x{41}`, `\p{L}`, `\u{41}`: the braces belong to the escape.
                    if matches!(other, 'x' | 'u' | 'U' | 'p' | 'P' | 'b' | 'k' | 'g' | 'o')
                        && characters.get(index + 2) == Some(&'{')
                        && let Some(length) = characters[index + 2..].iter().position(|c| *c == '}')
                    {
                        out.extend(&characters[index + 2..=index + 2 + length]);
                        written += length + 1;
                        index += length + 1;
                    }
                }
                None => {
                    out.push('\\');
                    written += 1;
                }
            }
            index += 2;
            continue;
        }
        let escape = match class_start {
            Some(start) => match character {
                ']' if index > start => {
                    class_start = None;
                    false
                }
                '[' => match posix_class(&characters[index..]) {
                    Some(length) => {
                        out.extend(&characters[index..index + length]);
                        written += length;
                        index += length;
                        continue;
                    }
                    None => true,
                },
                '&' | '~' => next == Some(character),
                '-' => next == Some('-'),
                ']' => true,
                _ => false,
            },
            None => match character {
                '[' => {
                    let negated = usize::from(next == Some('^'));
                    class_start = Some(index + 1 + negated);
                    false
                }
                '{' => !starts_repetition(&characters[index..]),
                _ => false,
            },
        };
        if escape {
            out.push('\\');
            added.push(written);
            written += 1;
        }
        out.push(character);
        written += 1;
        index += 1;
        // `[^` opens the class together.
        if class_start == Some(index + 1) && characters.get(index) == Some(&'^') {
            out.push('^');
            written += 1;
            index += 1;
        }
    }
    Translated { pattern: out, added }
}

/// Length of `[:alpha:]` at the start.
fn posix_class(characters: &[char]) -> Option<usize> {
    if characters.get(1) != Some(&':') {
        return None;
    }
    let name = characters[2..]
        .iter()
        .take_while(|c| c.is_ascii_alphabetic() || **c == '^')
        .count();
    (name > 0 && characters.get(2 + name) == Some(&':') && characters.get(3 + name) == Some(&']'))
        .then_some(4 + name)
}

/// Whether `{2}`, `{2,}`, `{2,3}` stands here.
fn starts_repetition(characters: &[char]) -> bool {
    let digits = characters[1..].iter().take_while(|c| c.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    match characters.get(1 + digits) {
        Some('}') => true,
        Some(',') => {
            let more = characters[2 + digits..]
                .iter()
                .take_while(|c| c.is_ascii_digit())
                .count();
            characters.get(2 + digits + more) == Some(&'}')
        }
        _ => false,
    }
}
