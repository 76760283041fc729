//! The condition language: `selection and not 1 of filter_*`.

use crate::ir::Condition;
use crate::problem::nearest;

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 64;

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionError {
    /// Position in the condition, in characters.
    pub offset: usize,
    pub code: &'static str,
    pub message: String,
    pub suggestion: Option<String>,
}

fn error<T>(offset: usize, code: &'static str, message: impl Into<String>) -> Result<T, ConditionError> {
    Err(ConditionError {
        offset,
        code,
        message: message.into(),
        suggestion: None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Word(&'a str),
}

/// Reads a condition over the searches `names`; marks in `used` those that it refers to.
pub(crate) fn parse(text: &str, names: &[&str], used: &mut [bool]) -> Result<Condition, ConditionError> {
    let tokens = tokenize(text)?;
    if tokens.is_empty() {
        return error(0, "condition-syntax", "the condition is empty");
    }
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        end: text.chars().count(),
        names,
        used,
    };
    let condition = parser.any(0)?;
    if let Some(&(offset, token)) = tokens.get(parser.next) {
        return match token {
            Token::Close => error(offset, "condition-syntax", "`)` without its `(`"),
            Token::Open => error(offset, "condition-syntax", "`and` or `or` is missing before `(`"),
            Token::Word(word) => Err(ConditionError {
                offset,
                code: "condition-syntax",
                message: format!("expected `and`, `or` or the end, found `{word}`"),
                suggestion: nearest(word, ["and", "or"]),
            }),
        };
    }
    Ok(condition)
}

/// The words of a condition that stand for something, each once, with its position: for a condition that has
/// no list of names beside it.
pub(crate) fn words(text: &str) -> Result<Vec<(usize, &str)>, ConditionError> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    for (offset, token) in tokenize(text)? {
        let Token::Word(word) = token else { continue };
        if word.eq_ignore_ascii_case("of") {
            return error(
                offset,
                "condition-quantifier",
                "`of` chooses from a list, and there is none here",
            );
        }
        let keyword = ["and", "or", "not"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword));
        if !keyword && !words.iter().any(|(_, known)| *known == word) {
            words.push((offset, word));
        }
    }
    Ok(words)
}

fn tokenize(text: &str) -> Result<Vec<(usize, Token<'_>)>, ConditionError> {
    let mut tokens = Vec::new();
    let mut word: Option<(usize, usize)> = None;
    for (offset, (byte, character)) in text.char_indices().enumerate() {
        let is_edge = character.is_whitespace() || matches!(character, '(' | ')' | '|');
        if is_edge && let Some((from, start)) = word.take() {
            tokens.push((from, Token::Word(&text[start..byte])));
        }
        match character {
            '(' => tokens.push((offset, Token::Open)),
            ')' => tokens.push((offset, Token::Close)),
            '|' => {
                return error(
                    offset,
                    "condition-aggregation",
                    "aggregations after `|` are not part of Sigma 2: write a correlation rule \
                     (`type: event_count`, `value_count`, `temporal`) that refers to this rule",
                );
            }
            _ if is_edge => {}
            _ => word = word.or(Some((offset, byte))),
        }
    }
    if let Some((from, start)) = word {
        tokens.push((from, Token::Word(&text[start..])));
    }
    Ok(tokens)
}

struct Parser<'p, 'a> {
    tokens: &'p [(usize, Token<'a>)],
    next: usize,
    end: usize,
    names: &'p [&'p str],
    used: &'p mut [bool],
}

impl<'a> Parser<'_, 'a> {
    fn peek_word(&self, ahead: usize) -> Option<&'a str> {
        match self.tokens.get(self.next + ahead) {
            Some((_, Token::Word(word))) => Some(word),
            _ => None,
        }
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let found = self
            .peek_word(0)
            .is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.all(depth)?];
        while self.accept("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::Any(parts)
        })
    }

    fn all(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.not(depth)?];
        while self.accept("and") {
            parts.push(self.not(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::All(parts)
        })
    }

    fn not(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let offset = self.tokens.get(self.next).map_or(self.end, |(offset, _)| *offset);
        if depth > MAX_DEPTH {
            return error(offset, "condition-syntax", "nested too deep");
        }
        if self.accept("not") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        match self.tokens.get(self.next) {
            None => error(
                self.end,
                "condition-syntax",
                "the condition ends where a search is expected",
            ),
            Some((offset, Token::Close)) => {
                error(*offset, "condition-syntax", "a search is expected before `)`")
            }
            Some((offset, Token::Open)) => {
                self.next += 1;
                let inner = self.any(depth + 1)?;
                match self.tokens.get(self.next) {
                    Some((_, Token::Close)) => {
                        self.next += 1;
                        Ok(inner)
                    }
                    Some((offset, Token::Word(word))) => Err(ConditionError {
                        offset: *offset,
                        code: "condition-syntax",
                        message: format!("expected `and`, `or` or `)`, found `{word}`"),
                        suggestion: nearest(word, ["and", "or"]),
                    }),
                    Some((offset, Token::Open)) => {
                        error(*offset, "condition-syntax", "`and` or `or` is missing before `(`")
                    }
                    None => error(*offset, "condition-syntax", "`(` without its `)`"),
                }
            }
            Some((offset, Token::Word(word))) => self.operand(*offset, word),
        }
    }

    fn operand(&mut self, offset: usize, word: &'a str) -> Result<Condition, ConditionError> {
        self.next += 1;
        if self
            .peek_word(0)
            .is_some_and(|next| next.eq_ignore_ascii_case("of"))
        {
            self.next += 1;
            return self.quantified(offset, word);
        }
        if ["and", "or", "of"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword))
        {
            return error(
                offset,
                "condition-syntax",
                format!("a search is expected before `{word}`"),
            );
        }
        if let Some(position) = self.names.iter().position(|name| *name == word) {
            self.used[position] = true;
            return Ok(Condition::Search(position));
        }
        if word.contains('*') {
            return error(
                offset,
                "condition-quantifier",
                format!("say `1 of {word}` or `all of {word}`: a pattern stands for several searches"),
            );
        }
        Err(ConditionError {
            offset,
            code: "unknown-search",
            message: format!("the condition names search `{word}`, which the rule does not have"),
            suggestion: nearest(word, self.names.iter().copied()),
        })
    }

    fn quantified(&mut self, offset: usize, quantifier: &str) -> Result<Condition, ConditionError> {
        let all = match quantifier.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            _ => {
                return error(
                    offset,
                    "condition-quantifier",
                    format!("`{quantifier} of` is not Sigma, it has `1 of`, `any of` and `all of`"),
                );
            }
        };
        let Some(&(place, token)) = self.tokens.get(self.next) else {
            return error(
                self.end,
                "condition-syntax",
                "`of` needs a search pattern or `them`",
            );
        };
        let Token::Word(pattern) = token else {
            return error(place, "condition-syntax", "`of` needs a search pattern or `them`");
        };
        self.next += 1;
        let them = pattern.eq_ignore_ascii_case("them") && !self.names.contains(&pattern);
        let mut chosen = Vec::new();
        for (position, name) in self.names.iter().enumerate() {
            // Searches that start with an underscore are left out unless the pattern asks for them.
            let hidden = name.starts_with('_') && !pattern.starts_with('_');
            let fits = !hidden && (them || wildcard(pattern, name));
            if fits {
                self.used[position] = true;
                chosen.push(Condition::Search(position));
            }
        }
        if chosen.is_empty() {
            let bare = pattern.trim_end_matches('*');
            return Err(ConditionError {
                offset: place,
                code: "unknown-search",
                message: format!("`{pattern}` fits none of the rule's searches"),
                suggestion: nearest(bare, self.names.iter().copied()),
            });
        }
        Ok(match chosen.len() {
            1 => chosen.remove(0),
            _ if all => Condition::All(chosen),
            _ => Condition::Any(chosen),
        })
    }
}

/// Whether `name` fits a pattern in which `*` is any text.
fn wildcard(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(first) = pieces.next() else { return false };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}
