//! Indicators of STIX 2.1 (<https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html>) and their patterns.
//!
//! A pattern whose comparisons name values, any of which suffices, becomes as many indicators. One that asks for several
//! things at once is only understood where a hash is among them, which says it alone: an address together with a port is
//! not the address. What else patterns can ask (`LIKE`, `MATCHES`, `NOT`, `FOLLOWEDBY`, processes, registry keys) is
//! refused and counted.

use serde_json::{Map, Value as Json};

use super::super::set::About;
use super::super::value::Value;
use super::Sink;
use super::fields::{expiry, join};
use borzoi_parsers::value::parse_timestamp;

pub(super) fn is_object(object: &Map<String, Json>) -> bool {
    object
        .get("id")
        .and_then(Json::as_str)
        .is_some_and(|id| id.contains("--"))
        && object.contains_key("type")
}

pub(super) fn object(line: u64, object: &Map<String, Json>, author: &mut String, sink: &mut Sink<'_>) {
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default();
    match text("type") {
        "indicator" => {}
        "identity" => {
            text("name").clone_into(author);
            return;
        }
        // What was seen, who did it, how things hang together: no indicators.
        _ => {
            sink.report.passed_over += 1;
            return;
        }
    }
    let refused =
        |sink: &mut Sink<'_>, message: &str| sink.refuse(line, format!("{}: {message}", text("id")));
    if object.get("revoked").and_then(Json::as_bool) == Some(true) {
        sink.report.passed_over += 1;
        return;
    }
    if !matches!(text("pattern_type"), "stix" | "") {
        sink.report.passed_over += 1;
        return;
    }
    let valid_until = match text("valid_until") {
        "" => None,
        until => match parse_timestamp(until).or_else(|| expiry(until)) {
            Some(until) => Some(until),
            None => return refused(sink, "valid_until is no time"),
        },
    };
    let values = match values(text("pattern")) {
        Ok(values) => values,
        Err(message) => return refused(sink, &message),
    };
    let mut description = text("name").to_owned();
    if !text("description").is_empty() {
        join(&mut description, "; ", text("description"));
    }
    let mut labels = String::new();
    for name in ["indicator_types", "labels"] {
        for label in object.get(name).and_then(Json::as_array).into_iter().flatten() {
            if let Some(label) = label.as_str() {
                join(&mut labels, "\n", label);
            }
        }
    }
    let confidence = object.get("confidence").and_then(Json::as_u64);
    let about = About {
        description: &description,
        labels: &labels,
        source: author,
        severity: None,
        confidence: confidence
            .and_then(|confidence| u8::try_from(confidence).ok())
            .filter(|confidence| *confidence <= 100),
    };
    for value in values {
        match value {
            Ok(value) => sink.add(line, value, &about, valid_until),
            Err(message) => refused(sink, &message),
        }
    }
}

/// The values, any of which satisfies a pattern; a value may be none.
///
/// # Errors
/// If the pattern asks for more than one of several values.
///
/// ```
/// use borzoi_engine::indicators::read::stix::values;
/// let found = values("[ipv4-addr:value = '192.0.2.1' OR domain-name:value = 'evil.example']").unwrap();
/// assert_eq!(found.len(), 2);
/// assert!(values("[network-traffic:dst_port = 443 AND ipv4-addr:value = '192.0.2.1']").is_err());
/// ```
pub fn values(pattern: &str) -> Result<Vec<Result<Value, String>>, String> {
    let tokens = tokens(pattern)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
    };
    let values = parser.any()?;
    if parser.at < tokens.len() {
        return Err(match &tokens[parser.at] {
            Token::Word(word) => format!("the pattern has `{word}`, which a list of values cannot say"),
            _ => "the pattern does not end where it should".to_owned(),
        });
    }
    match values {
        Asks::Values(values) => Ok(values),
        Asks::Else(what) => Err(format!(
            "the pattern asks for {what}, which is no value of a list"
        )),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// `AND`, `ipv4-addr:value`, a number.
    Word(String),
    /// In quotes.
    Text(String),
    /// `[`, `]`, `(`, `)`, `,`, `=`, `!=`, …
    Sign(&'static str),
}

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 11] = ["!=", "<=", ">=", "[", "]", "(", ")", ",", "=", "<", ">"];
    let mut tokens = Vec::new();
    let mut rest = pattern.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, behind) = quoted_text(quoted).ok_or("a quote in the pattern is not closed")?;
            tokens.push(Token::Text(text));
            rest = behind;
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            // A path may have quotes (`file:hashes.'SHA-256'`) and positions (`values[0]`) in it.
            let mut quoted = false;
            let mut brackets = 0usize;
            let end = rest.char_indices().find(|(_, c)| {
                match c {
                    '\'' => quoted = !quoted,
                    '[' => brackets += 1,
                    ']' if brackets > 0 => {
                        brackets -= 1;
                        return false;
                    }
                    _ => {}
                }
                let ends = c.is_whitespace() || matches!(c, ']' | '(' | ')' | ',' | '=' | '!' | '<' | '>');
                !quoted && brackets == 0 && ends
            });
            let end = end.map_or(rest.len(), |(end, _)| end);
            if end == 0 {
                return Err(format!("`{first}` stands in the pattern where it has no meaning"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut found = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => found.push(letters.next()?.1),
            '\'' => return Some((found, &text[at + 1..])),
            letter => found.push(letter),
        }
    }
    None
}

/// What a part of a pattern asks.
enum Asks {
    /// Any of these values.
    Values(Vec<Result<Value, String>>),
    /// Something else.
    Else(String),
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn is(&mut self, token: &Token) -> bool {
        let is = match (self.tokens.get(self.at), token) {
            (Some(Token::Word(word)), Token::Word(wanted)) => word.eq_ignore_ascii_case(wanted),
            (found, wanted) => found == Some(wanted),
        };
        self.at += usize::from(is);
        is
    }

    fn is_word(&mut self, word: &str) -> bool {
        self.is(&Token::Word(word.to_owned()))
    }

    /// Parts joined by OR.
    fn any(&mut self) -> Result<Asks, String> {
        let mut all = self.every()?;
        while self.is_word("OR") {
            all = match (all, self.every()?) {
                (Asks::Values(mut values), Asks::Values(more)) => {
                    values.extend(more);
                    Asks::Values(values)
                }
                // Those that are values would be matched, the others silently not.
                (Asks::Else(what), _) | (_, Asks::Else(what)) => Asks::Else(what),
            };
        }
        Ok(all)
    }

    /// Parts joined by AND.
    fn every(&mut self) -> Result<Asks, String> {
        let mut parts = vec![self.one()?];
        while self.is_word("AND") {
            parts.push(self.one()?);
        }
        if parts.len() == 1 {
            return parts.pop().ok_or_else(String::new);
        }
        // A hash says it alone; and all the hashes of one file mean the same.
        let is_hash = |value: &Result<Value, String>| {
            value
                .as_ref()
                .is_ok_and(|value| value.kind() == super::super::value::Kind::Hash)
        };
        let mut hashes = Vec::new();
        for part in parts {
            if let Asks::Values(values) = part
                && values.iter().all(is_hash)
            {
                hashes.extend(values);
            }
        }
        match hashes.is_empty() {
            false => Ok(Asks::Values(hashes)),
            true => Ok(Asks::Else("several things at once".to_owned())),
        }
    }

    fn one(&mut self) -> Result<Asks, String> {
        const DEEPEST: usize = 64;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the pattern is nested too deeply".to_owned());
        }
        let asks = match self.tokens.get(self.at) {
            Some(Token::Sign(sign @ ("[" | "("))) => {
                self.at += 1;
                let inner = self.any()?;
                let end = if *sign == "[" { "]" } else { ")" };
                if !self.is(&Token::Sign(end)) {
                    return Err(match self.tokens.get(self.at) {
                        Some(Token::Word(word)) => {
                            format!("the pattern has `{word}`, which a list of values cannot say")
                        }
                        _ => format!("a `{sign}` in the pattern is not closed"),
                    });
                }
                inner
            }
            _ => self.comparison()?,
        };
        self.depth -= 1;
        Ok(asks)
    }

    fn comparison(&mut self) -> Result<Asks, String> {
        let Some(Token::Word(path)) = self.tokens.get(self.at) else {
            return Err("the pattern has no comparison where one should be".to_owned());
        };
        self.at += 1;
        let negated = self.is_word("NOT");
        let operator = match self.tokens.get(self.at) {
            Some(Token::Sign(sign)) => (*sign).to_owned(),
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            _ => return Err("the pattern breaks off behind a path".to_owned()),
        };
        self.at += 1;
        let mut texts = Vec::new();
        if operator == "IN" {
            if !self.is(&Token::Sign("(")) {
                return Err("`IN` in the pattern has no list behind it".to_owned());
            }
            while !self.is(&Token::Sign(")")) {
                texts.push(self.constant()?);
                self.is(&Token::Sign(","));
            }
        } else {
            texts.push(self.constant()?);
        }
        let is_value = matches!(operator.as_str(), "=" | "IN" | "ISSUBSET");
        if negated || !is_value {
            let not = if negated { "NOT " } else { "" };
            return Ok(Asks::Else(format!("`{path} {not}{operator}`")));
        }
        let path = path.replace(['\'', '"'], "").to_ascii_lowercase();
        let read: fn(&str) -> Result<Value, String> = match path.as_str() {
            "url:value" => Value::read_url,
            "ipv4-addr:value" | "ipv6-addr:value" | "domain-name:value" => Value::read,
            _ if path.ends_with("dst_ref.value") || path.ends_with("src_ref.value") => Value::read,
            _ if path.ends_with("resolves_to_refs[*].value") => Value::read,
            _ if path.contains("hashes.") => {
                let name = path.rsplit('.').next().unwrap_or_default().replace('-', "");
                if !matches!(name.as_str(), "md5" | "sha1" | "sha256" | "sha512") {
                    return Ok(Asks::Else(format!("`{path}`")));
                }
                Value::read
            }
            _ => return Ok(Asks::Else(format!("`{path}`"))),
        };
        Ok(Asks::Values(texts.iter().map(|text| read(text)).collect()))
    }

    fn constant(&mut self) -> Result<String, String> {
        let constant = match self.tokens.get(self.at) {
            Some(Token::Text(text) | Token::Word(text)) => text.clone(),
            _ => return Err("the pattern has no value behind an operator".to_owned()),
        };
        self.at += 1;
        Ok(constant)
    }
}
