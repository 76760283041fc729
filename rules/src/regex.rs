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
    let (offset, message) = match automaton {
        Ok(hir) if size(&hir) > MAX_SIZE => (None, "it stands for too many characters to be run".to_owned()),
        Ok(_) if !translated.possessive => {
            return Ok(Checked {
                pattern: translated.pattern,
                engine: RegexEngine::Automaton,
            });
        }
        Ok(_) => return backtracking(translated, ignore_case, multi_line, dot_all),
        Err(regex_syntax::Error::Parse(error)) if is_beyond_automata(error.kind()) => {
            return backtracking(translated, ignore_case, multi_line, dot_all);
        }
        Err(regex_syntax::Error::Parse(error)) => (Some(error.span().start.offset), error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => {
            (Some(error.span().start.offset), error.kind().to_string())
        }
        Err(error) => (None, error.to_string()),
    };
    Err(RegexError {
        offset: offset.map(|offset| translated.original_offset(offset)),
        message,
    })
}

/// How many characters a regular expression may stand for when its repetitions are written out. Past this
/// the automaton would take tens of megabytes.
const MAX_SIZE: usize = 50_000;

/// Roughly how many states a regular expression needs.
fn size(hir: &regex_syntax::hir::Hir) -> usize {
    use regex_syntax::hir::HirKind;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        // Unicode classes have many ranges, each a few states; a plain one is a single step.
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => 1 + class.ranges().len() / 16,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            size(&repetition.sub).saturating_mul(times as usize)
        }
        HirKind::Capture(capture) => size(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(size).fold(0, usize::saturating_add)
        }
    }
}

/// Whether the automaton's parser stopped at something that backtracking engines know, rather than at a
/// mistake.
fn is_beyond_automata(kind: &regex_syntax::ast::ErrorKind) -> bool {
    use regex_syntax::ast::ErrorKind;
    matches!(
        kind,
        ErrorKind::UnsupportedBackreference
            | ErrorKind::UnsupportedLookAround
            | ErrorKind::EscapeUnrecognized
            | ErrorKind::FlagUnrecognized
    )
}

fn backtracking(
    translated: Translated,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
) -> Result<Checked, RegexError> {
    let built = fancy_regex::RegexBuilder::new(&translated.pattern)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .dot_matches_new_line(dot_all)
        .build();
    match built {
        Ok(_) => Ok(Checked {
            pattern: translated.pattern,
            engine: RegexEngine::Backtracking,
        }),
        Err(fancy_regex::Error::ParseError(offset, error)) => Err(RegexError {
            offset: Some(translated.original_offset(offset)),
            message: lower_first(&error.to_string()),
        }),
        Err(error) => Err(RegexError {
            offset: None,
            message: lower_first(&error.to_string()),
        }),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

struct Translated {
    pattern: String,
    /// Where characters were added, as positions in characters of the result.
    added: Vec<usize>,
    /// Whether it has a possessive quantifier (`a++`), which the automaton's parser takes for two.
    possessive: bool,
}

impl Translated {
    /// The position in the original, in characters, of this byte of the result.
    fn original_offset(&self, byte: usize) -> usize {
        let offset = self
            .pattern
            .char_indices()
            .take_while(|(at, _)| *at < byte)
            .count();
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
    let mut possessive = false;
    // Whether a quantifier ended just before.
    let mut quantified = false;
    // Position after the `[` (and `^`) of the class we are in.
    let mut class_start: Option<usize> = None;
    let mut index = 0;
    while index < characters.len() {
        let character = characters[index];
        let next = characters.get(index + 1).copied();
        let was_quantified = std::mem::take(&mut quantified);
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
                '{' => match repetition(&characters[index..]) {
                    Some(length) => {
                        out.extend(&characters[index..index + length]);
                        written += length;
                        index += length;
                        quantified = true;
                        continue;
                    }
                    None => true,
                },
                '+' if was_quantified => {
                    possessive = true;
                    false
                }
                '*' | '+' => {
                    quantified = true;
                    false
                }
                '?' => {
                    quantified = !was_quantified;
                    false
                }
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
    Translated {
        pattern: out,
        added,
        possessive,
    }
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

/// Length of a `{2}`, `{2,}` or `{2,3}` that stands here.
fn repetition(characters: &[char]) -> Option<usize> {
    let digits = |from: usize| {
        characters[from..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count()
    };
    let least = digits(1);
    if least == 0 {
        return None;
    }
    let mut end = 1 + least;
    if characters.get(end) == Some(&',') {
        end += 1 + digits(end + 1);
    }
    (characters.get(end) == Some(&'}')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pattern: &str) -> Checked {
        check(pattern, false, false, false).unwrap()
    }

    #[test]
    fn automata_where_they_can_backtracking_where_they_must() {
        for pattern in [
            "a+b",
            r"^\\[^\\]+\\",
            "a{2,}",
            "(?i)x",
            "(?P<n>a)",
            "a*?b+?c??",
            r"\d{3}",
        ] {
            assert_eq!(checked(pattern).engine, RegexEngine::Automaton, "{pattern}");
        }
        for pattern in [
            "a(?!b)", r"(a)\1", "(?<=x)y", "a++b", "a{2}+b", "(?>a+)b", r"a\Z", r"a\Kb",
        ] {
            assert_eq!(checked(pattern).engine, RegexEngine::Backtracking, "{pattern}");
        }
    }

    #[test]
    fn plain_text_of_pcre_stays_plain() {
        for (pattern, expected) in [
            (r"\<a\>", "[<]a[>]"),
            ("a{", r"a\{"),
            ("{x}", r"\{x}"),
            ("[[]", r"[\[]"),
            ("[a--b~~c&&d]", r"[a\--b\~~c\&&d]"),
            ("[]x]", r"[\]x]"),
            ("[[:alpha:]]", "[[:alpha:]]"),
        ] {
            assert_eq!(checked(pattern).pattern, expected, "{pattern}");
        }
    }

    #[test]
    fn errors_stand_at_their_place() {
        let offset = |pattern| check(pattern, false, false, false).unwrap_err().offset;
        assert_eq!(offset("ab(c"), Some(2));
        assert_eq!(offset("é{a(c"), Some(3));
        assert_eq!(offset("a{5,2}"), Some(1));
        assert_eq!(offset("*"), Some(0));
        assert!(check("(?=a)(b", false, false, false).is_err());
        assert!(check(r"(\w{1000}){1000}", false, false, false).is_err());
    }
}
