//! Reads KQL, character by character: blanks are part of values.

use crate::eql::network;
use crate::eql::parser::compare;
use crate::eql::{Case, ElementTest, Expr, FieldPath, Number, Operator, SyntaxError, Value, Wildcards};
use crate::ir::Part;
use crate::pattern;

/// How deep parentheses, braces and `not` may nest.
const MAX_DEPTH: usize = 48;

/// Characters that a value without quotes has only after a backslash.
const SPECIAL: &str = "\\():<>\"*{}";

type Parsed<T> = Result<T, SyntaxError>;

pub(super) fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        nested: 0,
    };
    parser.skip_blanks();
    if parser.rest().is_empty() {
        return Ok(Expr::Literal(Value::Bool(true)));
    }
    let condition = parser.any()?;
    parser.skip_blanks();
    match parser.rest().chars().next() {
        None => Ok(condition),
        Some(')') => parser.error("`)` without its `(`"),
        Some('}') => parser.error("`}` without its `{`"),
        Some(':') => {
            parser.error("expected `and`, `or` or the end, found `:`: put a value with `:` in quotes")
        }
        Some(_) => parser.error(format!(
            "expected `and`, `or` or the end, found `{}`",
            parser.word()
        )),
    }
}

/// A name or value.
struct Literal {
    parts: Vec<Part>,
    quoted: bool,
    start: usize,
}

impl Literal {
    /// Its text, if it has no wildcard.
    fn text(&self) -> Option<&str> {
        pattern::literal(&self.parts)
    }

    fn is_anything(&self) -> bool {
        self.parts == [Part::Many]
    }
}

/// What a value is asked of.
enum Target {
    /// A field, or part of an element.
    One(Expr, String),
    /// Every field of such a name.
    Names(Wildcards),
    /// Any text of the event.
    Anywhere,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// How many `field: { … }` are around.
    nested: usize,
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(SyntaxError::at(self.text, self.at, message))
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_blank).len();
    }

    /// What stands here, for an error.
    fn word(&self) -> &'t str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .skip(1)
            .take(40)
            .find(|(_, c)| is_blank(*c) || SPECIAL.contains(*c));
        let end = end.map_or_else(
            || rest.char_indices().nth(40).map_or(rest.len(), |(end, _)| end),
            |(end, _)| end,
        );
        &rest[..end]
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Length of a keyword at the start of `rest`: a blank, bracket or quote follows it.
    fn keyword(rest: &str, wanted: &str) -> Option<usize> {
        let start = rest.get(..wanted.len())?;
        let after = rest[wanted.len()..].chars().next()?;
        let ends = is_blank(after) || matches!(after, '(' | '"');
        (start.eq_ignore_ascii_case(wanted) && ends).then_some(wanted.len())
    }

    /// `and` or `or`, with the blanks around it.
    fn accept_keyword(&mut self, wanted: &str) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches(is_blank);
        let Some(length) = Self::keyword(trimmed, wanted) else {
            return false;
        };
        self.at += rest.len() - trimmed.len() + length;
        self.skip_blanks();
        true
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.error(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn any(&mut self) -> Parsed<Expr> {
        let mut parts = vec![self.all()?];
        while self.accept_keyword("or") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expr::Any))
    }

    fn all(&mut self) -> Parsed<Expr> {
        let mut parts = vec![self.not()?];
        while self.accept_keyword("and") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expr::All))
    }

    fn not(&mut self) -> Parsed<Expr> {
        if self.accept_keyword("not") {
            return Ok(negated(self.deeper(Self::not)?));
        }
        if self.accept("(") {
            let inner = self.deeper(|parser| {
                parser.skip_blanks();
                parser.any()
            })?;
            self.close(")")?;
            return Ok(inner);
        }
        self.expression()
    }

    fn close(&mut self, bracket: &str) -> Parsed<()> {
        self.skip_blanks();
        if self.accept(bracket) {
            return Ok(());
        }
        let found = match self.rest() {
            "" => "the end of the query".to_owned(),
            _ => format!("`{}`", self.word()),
        };
        self.error(format!("expected `and`, `or` or `{bracket}`, found {found}"))
    }

    fn expression(&mut self) -> Parsed<Expr> {
        let first = self.literal("a field or a value")?;
        let after = self.at;
        self.skip_blanks();
        if self.accept(":") {
            self.skip_blanks();
            if self.accept("{") {
                return self.objects(&first);
            }
            let target = self.target(&first)?;
            return self.values(&target);
        }
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (sign, operator) in operators {
            if self.accept(sign) {
                self.skip_blanks();
                let target = self.target(&first)?;
                let bound = self.literal("a value")?;
                return self.range(&target, operator, &bound);
            }
        }
        self.at = after;
        if self.nested > 0 {
            self.at = first.start;
            return self.error("expected a field of the object, as in `comments: { author: me }`");
        }
        Ok(test(&Target::Anywhere, &first))
    }

    /// `field: { … }`, from after the brace.
    fn objects(&mut self, name: &Literal) -> Parsed<Expr> {
        let Target::One(list, _) = self.target(name)? else {
            self.at = name.start;
            return self.error("expected the name of one field before `{`");
        };
        self.nested += 1;
        let body = self.deeper(|parser| {
            parser.skip_blanks();
            parser.any()
        });
        self.nested -= 1;
        let body = body?;
        self.close("}")?;
        Ok(Expr::Elements {
            test: ElementTest::Nested,
            list: Box::new(list),
            body: Box::new(body),
        })
    }

    fn target(&self, name: &Literal) -> Parsed<Target> {
        let at = |message: &str| Err(SyntaxError::at(self.text, name.start, message));
        let Some(text) = name.text() else {
            if self.nested > 0 {
                return at("a name with `*` cannot stand inside `{ … }`");
            }
            return Ok(Target::Names(Wildcards::new(name.parts.clone())));
        };
        if text.is_empty() {
            return at("the name of the field is empty");
        }
        let path = FieldPath::dotted(text);
        let value = match self.nested {
            0 => Expr::Field(path),
            _ => Expr::Variable {
                outward: 0,
                path: path.parts().to_vec(),
            },
        };
        Ok(Target::One(value, text.to_owned()))
    }

    /// A value, or several in parentheses with `and`, `or` and `not`.
    fn values(&mut self, target: &Target) -> Parsed<Expr> {
        if !self.accept("(") {
            let value = self.literal("a value")?;
            if !value.quoted && value.text() == Some("null") {
                self.at = value.start;
                return self.error(
                    "`null` is no value: write `not field: *` where there must be none, or the text as `\"null\"`",
                );
            }
            return Ok(test(target, &value));
        }
        let inner = self.deeper(|parser| {
            parser.skip_blanks();
            parser.any_value(target)
        })?;
        self.close(")")?;
        Ok(inner)
    }

    fn any_value(&mut self, target: &Target) -> Parsed<Expr> {
        let mut parts = vec![self.all_values(target)?];
        while self.accept_keyword("or") {
            parts.push(self.all_values(target)?);
        }
        Ok(joined(parts, Expr::Any))
    }

    fn all_values(&mut self, target: &Target) -> Parsed<Expr> {
        let mut parts = vec![self.not_value(target)?];
        while self.accept_keyword("and") {
            parts.push(self.not_value(target)?);
        }
        Ok(joined(parts, Expr::All))
    }

    fn not_value(&mut self, target: &Target) -> Parsed<Expr> {
        if self.accept_keyword("not") {
            return Ok(negated(self.deeper(|parser| parser.not_value(target))?));
        }
        self.values(target)
    }

    fn range(&self, target: &Target, operator: Operator, bound: &Literal) -> Parsed<Expr> {
        let at = |message: &str| Err(SyntaxError::at(self.text, bound.start, message));
        let Some(text) = bound.text() else {
            return at("a bound has no `*`");
        };
        if !bound.quoted && (text == "now" || text.starts_with("now-") || text.starts_with("now+")) {
            return at("`now` has no meaning in a rule: write a timestamp");
        }
        let literal = match Number::parse(text) {
            Some(Number::Int(number)) => Value::Int(number),
            Some(Number::Float(number)) => Value::Float(number),
            None => Value::from(text).into_owned(),
        };
        Ok(of_target(target, |value, _| {
            compare(value, operator, Expr::Literal(literal.clone()))
        }))
    }

    fn literal(&mut self, what: &str) -> Parsed<Literal> {
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

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    join(parts)
}

/// KQL has no null: what is not true is false.
fn negated(expr: Expr) -> Expr {
    Expr::Not(Box::new(Expr::IsTrue(Box::new(expr))))
}

/// What `ask` makes of a value and the name of its field, for each value that the target stands for.
fn of_target(target: &Target, ask: impl FnOnce(Expr, &str) -> Expr) -> Expr {
    let element = Expr::Variable {
        outward: 0,
        path: Vec::new(),
    };
    match target {
        Target::One(value, name) => ask(value.clone(), name),
        Target::Names(names) => Expr::AnyField {
            names: Some(names.clone()),
            body: Box::new(ask(element, "")),
        },
        Target::Anywhere => Expr::AnyField {
            names: None,
            body: Box::new(ask(element, "")),
        },
    }
}

/// Fields that hold prose, of which a query names words.
fn is_prose(name: &str) -> bool {
    name == "message" || name.ends_with(".text") || name.ends_with("_text")
}

fn test(target: &Target, value: &Literal) -> Expr {
    let anywhere = matches!(target, Target::Anywhere);
    if value.is_anything() && anywhere {
        return Expr::Literal(Value::Bool(true));
    }
    of_target(target, |tested, name| {
        if value.is_anything() {
            return Expr::Not(Box::new(Expr::IsNull(Box::new(tested))));
        }
        let mut parts = value.parts.clone();
        if anywhere || is_prose(name) {
            pattern::open_start(&mut parts);
            pattern::open_end(&mut parts);
        } else if let Some(text) = value.text() {
            return equals(tested, text);
        }
        Expr::Like {
            value: Box::new(tested),
            patterns: vec![Wildcards::new(parts)],
            case: Case::Setting,
        }
    })
}

fn equals(value: Expr, text: &str) -> Expr {
    let literal = Expr::Literal(Value::from(text).into_owned());
    let network = text.contains('/').then(|| network::parse(text)).flatten();
    let Some(network) = network else {
        return compare(value, Operator::Equal, literal);
    };
    Expr::Any(vec![
        Expr::Cidr {
            value: Box::new(value.clone()),
            networks: vec![network],
        },
        compare(value, Operator::Equal, literal),
    ])
}
