//! The words of a query.

use super::error::SyntaxError;
use super::path::PathPart;

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A keyword or the name of a field or function.
    Word(Word),
    /// A text, its escapes resolved.
    Text(String),
    Int(i64),
    Float(f64),
    /// An operator, bracket or comma.
    Sign(&'static str),
}

/// A name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub parts: Vec<PathPart>,
    /// Any part stands in backticks, so this is no keyword.
    pub quoted: bool,
    /// `?name`.
    pub optional: bool,
    /// `name~`.
    pub tilde: bool,
}

impl Word {
    /// The word, if it may be a keyword or the name of a function.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [PathPart::Name(name)] if !self.quoted && !self.optional => Some(name),
            _ => None,
        }
    }
}

/// A token and the byte where it starts.
pub(crate) type Placed = (Token, usize);

const SIGNS: [&str; 22] = [
    "![", "==", "!=", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", "|", ":", "+", "-", "*", "/", "%",
    "{", "}",
];

pub(crate) fn tokenize(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        if lexer.rest().is_empty() {
            return Ok(tokens);
        }
        tokens.push((lexer.token()?, start));
    }
}

fn starts_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '@')
}

fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next_is(&self, test: impl Fn(char) -> bool) -> bool {
        self.rest().chars().next().is_some_and(test)
    }

    fn error<T>(&self, offset: usize, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::at(self.text, offset, message))
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            if let Some(comment) = rest.strip_prefix("//") {
                self.at += 2 + comment.find('\n').unwrap_or(comment.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(length) => self.at += length + 4,
                    None => return self.error(self.at, "the comment has no end: `*/` is missing"),
                }
            } else {
                let trimmed = rest.trim_start();
                if trimmed.len() == rest.len() {
                    return Ok(());
                }
                self.at += rest.len() - trimmed.len();
            }
        }
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let (first, second) = (characters.next().unwrap_or(' '), characters.next().unwrap_or(' '));
        match first {
            '"' if rest.starts_with("\"\"\"") => return self.triple(),
            '"' | '\'' => return self.quoted(first),
            '?' if matches!(second, '"' | '\'') => return self.raw(second),
            '?' if starts_name(second) || second == '`' => {
                self.at += 1;
                return self.word(true);
            }
            '`' => return self.word(false),
            _ if starts_name(first) => return self.word(false),
            _ if first.is_ascii_digit() || first == '.' && second.is_ascii_digit() => return self.number(),
            _ => {}
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => self.error(self.at, format!("`{first}` means nothing here")),
        }
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = digits(start);
        let mut whole = true;
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
            whole = false;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = end + 1 + sign;
            if bytes.get(exponent).is_some_and(u8::is_ascii_digit) {
                end = digits(exponent);
                whole = false;
            }
        }
        let text = &self.text[start..end];
        self.at = end;
        if whole && let Ok(number) = text.parse() {
            return Ok(Token::Int(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Float(number)),
            _ => self.error(start, format!("`{text}` is too large for a number")),
        }
    }

    /// `name`, `` `name` ``, `a.b[0].c`. A dot and an index belong to the name only if nothing stands between:
    /// `by pid [process where …]` is a field and a step.
    fn word(&mut self, optional: bool) -> Result<Token, SyntaxError> {
        let mut word = Word {
            parts: Vec::new(),
            quoted: false,
            optional,
            tilde: false,
        };
        self.name(&mut word)?;
        loop {
            let rest = self.rest();
            if let Some(after) = rest.strip_prefix('.') {
                let skipped = after.len() - after.trim_start().len();
                if !after[skipped..].starts_with(|c| starts_name(c) || c == '`') {
                    return self.error(self.at, "after `.`, expected the name of a field");
                }
                self.at += 1 + skipped;
                self.name(&mut word)?;
            } else if let Some(index) = rest.strip_prefix('[')
                && let Some((inside, _)) = index.split_once(']')
                && let digits = inside.trim()
                && !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                let Ok(position) = digits.parse() else {
                    return self.error(
                        self.at,
                        format!("`{digits}` is too large for a position in a list"),
                    );
                };
                word.parts.push(PathPart::Index(position));
                self.at += inside.len() + 2;
            } else {
                break;
            }
        }
        if self.next_is(|c| c == '~') {
            self.at += 1;
            word.tilde = true;
        }
        Ok(Token::Word(word))
    }

    fn name(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let Some(mut quoted) = rest.strip_prefix('`') else {
            let length = rest
                .find(|c| !continues_name(c) && c != '@')
                .unwrap_or(rest.len());
            word.parts.push(PathPart::Name(rest[..length].to_owned()));
            self.at += length;
            return Ok(());
        };
        let mut name = String::new();
        loop {
            let Some((before, after)) = quoted.split_once('`') else {
                return self.error(self.at, "the name has no end: a backtick is missing");
            };
            name.push_str(before);
            // Two backticks in a row are one backtick of the name.
            match after.strip_prefix('`') {
                Some(after) => {
                    name.push('`');
                    quoted = after;
                }
                None => {
                    quoted = after;
                    break;
                }
            }
        }
        if name.is_empty() {
            return self.error(self.at, "the name between the backticks is empty");
        }
        word.quoted = true;
        word.parts.push(PathPart::Name(name));
        self.at = self.text.len() - quoted.len();
        Ok(())
    }

    fn no_end<T>(&self, start: usize, quote: &str) -> Result<T, SyntaxError> {
        self.error(
            start,
            format!("the text has no end: {quote} is missing on its line"),
        )
    }

    /// `"""…"""`: nothing is an escape; up to two more quotes at the end belong to the text.
    fn triple(&mut self) -> Result<Token, SyntaxError> {
        let body = &self.rest()[3..];
        let line = &body[..body.find(['\n', '\r']).unwrap_or(body.len())];
        let Some(mut length) = line.find("\"\"\"") else {
            return self.no_end(self.at, "`\"\"\"`");
        };
        while line[length + 3..].starts_with('"') && length < line.len() {
            length += 1;
        }
        self.at += length + 6;
        Ok(Token::Text(line[..length].to_owned()))
    }

    /// `?"…"`: only the quote itself can be escaped.
    fn raw(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest()[2..].char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\n' | '\r' => break,
                '\\' if characters.peek().is_some_and(|(_, next)| *next == quote) => {
                    characters.next();
                    text.push(quote);
                }
                _ if character == quote => {
                    self.at += 2 + offset + 1;
                    return Ok(Token::Text(text));
                }
                _ => text.push(character),
            }
        }
        self.no_end(start, &format!("`{quote}`"))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let start = self.at;
        let body_start = start + 1;
        let mut text = String::new();
        let body = &self.text[body_start..];
        let mut characters = body.char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\n' | '\r' => break,
                '\\' => {
                    let escaped = characters.next().map(|(_, escaped)| escaped);
                    text.push(match escaped {
                        Some('b') => '\u{8}',
                        Some('t') => '\t',
                        Some('n') => '\n',
                        Some('f') => '\u{c}',
                        Some('r') => '\r',
                        Some(same @ ('"' | '\'' | '\\')) => same,
                        Some('u') => {
                            let Some((code, length)) = unicode(&body[offset..]) else {
                                return self.error(
                                    body_start + offset,
                                    "expected a character as `\\u{…}` with 2 to 8 hexadecimal digits",
                                );
                            };
                            for _ in 2..length {
                                characters.next();
                            }
                            code
                        }
                        _ => {
                            return self.error(
                                body_start + offset,
                                "unknown escape: write a backslash as `\\\\`, or the text as `\"\"\"…\"\"\"`",
                            );
                        }
                    });
                }
                _ if character == quote => {
                    self.at = body_start + offset + 1;
                    return Ok(Token::Text(text));
                }
                _ => text.push(character),
            }
        }
        self.no_end(start, &format!("`{quote}`"))
    }
}

/// The character that `\u{…}` at the start stands for, and how long that is.
fn unicode(text: &str) -> Option<(char, usize)> {
    let (digits, _) = text.strip_prefix("\\u{")?.split_once('}')?;
    if !(2..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((char::from_u32(code)?, digits.len() + 4))
}
