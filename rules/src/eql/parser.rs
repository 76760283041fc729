//! Reads expressions: from `or` down to names and literals.

mod names;

use self::names::describe;
use super::ast::{Arithmetic, Case, Expr, Operator};
use super::error::SyntaxError;
use super::path::{FieldPath, PathPart};
use super::regex::{Extent, Regexes};
use super::text::{Wildcards, wildcards};
use super::token::{Placed, Token};
use super::value::Value;
use crate::problem::nearest;

/// How deep parentheses, arguments and subqueries may nest.
const MAX_DEPTH: usize = 48;

/// How many method calls (`field:length()`) a query may have: each nests what stands before it.
pub(super) const MAX_METHODS: usize = 64;

pub(super) struct Parser<'t> {
    pub text: &'t str,
    pub tokens: &'t [Placed],
    pub next: usize,
    pub depth: usize,
    pub methods: usize,
    /// Names bound by the enclosing `arraySearch` and `arrayCount`, the innermost last.
    pub variables: Vec<String>,
    /// How many subqueries were read.
    pub subqueries: usize,
    /// In a pipe: of how many events a result consists.
    pub pipe_events: Option<usize>,
}

type Parsed<T> = Result<T, SyntaxError>;

impl<'t> Parser<'t> {
    pub fn offset(&self) -> usize {
        self.offset_of(self.next)
    }

    pub fn offset_of(&self, token: usize) -> usize {
        self.tokens
            .get(token)
            .map_or(self.text.len(), |(_, offset)| *offset)
    }

    pub fn error<T>(&self, token: usize, message: impl Into<String>) -> Parsed<T> {
        Err(SyntaxError::at(self.text, self.offset_of(token), message))
    }

    /// The error that something else stands here. `words`: those that would be right.
    pub fn expected<T>(&self, what: &str, words: &[&str]) -> Parsed<T> {
        let found = match self.tokens.get(self.next) {
            None => "the end of the query".to_owned(),
            Some((token, _)) => describe(token),
        };
        let suggestion = match self.plain(0) {
            Some(word) => nearest(word, words.iter().copied()).filter(|near| near != word),
            None => None,
        };
        Err(SyntaxError::at(
            self.text,
            self.offset(),
            format!("expected {what}, found {found}"),
        )
        .suggest(suggestion))
    }

    pub fn peek(&self, ahead: usize) -> Option<&'t Token> {
        self.tokens.get(self.next + ahead).map(|(token, _)| token)
    }

    pub fn at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    pub fn peek_sign(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Sign(sign)) if *sign == wanted)
    }

    pub fn accept_sign(&mut self, wanted: &str) -> bool {
        let found = self.peek_sign(0, wanted);
        self.next += usize::from(found);
        found
    }

    pub fn expect_sign(&mut self, wanted: &str) -> Parsed<()> {
        if self.accept_sign(wanted) {
            return Ok(());
        }
        self.expected(&format!("`{wanted}`"), &[])
    }

    /// The word here, if it may be a keyword or the name of a function (also one with `~`).
    fn plain(&self, ahead: usize) -> Option<&'t str> {
        match self.peek(ahead) {
            Some(Token::Word(word)) => word.plain(),
            _ => None,
        }
    }

    pub fn peek_word(&self, ahead: usize, wanted: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Word(word)) if !word.tilde && word.plain() == Some(wanted))
    }

    pub fn accept_word(&mut self, wanted: &str) -> bool {
        let found = self.peek_word(0, wanted);
        self.next += usize::from(found);
        found
    }

    /// A word with or without `~`; whether it had one.
    fn accept_foldable(&mut self, wanted: &str) -> Option<Case> {
        let Some(Token::Word(word)) = self.peek(0) else {
            return None;
        };
        if word.plain() != Some(wanted) {
            return None;
        }
        self.next += 1;
        Some(if word.tilde { Case::Folded } else { Case::Setting })
    }

    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.error(self.next, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// An expression where a condition stands.
    pub fn condition(&mut self) -> Parsed<Expr> {
        Ok(as_condition(self.expression()?))
    }

    pub fn expression(&mut self) -> Parsed<Expr> {
        let mut parts = vec![self.conjunction()?];
        while self.accept_word("or") {
            parts.push(self.conjunction()?);
        }
        Ok(joined(parts, Expr::Any))
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut parts = vec![self.negation()?];
        while self.accept_word("and") {
            parts.push(self.negation()?);
        }
        Ok(joined(parts, Expr::All))
    }

    fn negation(&mut self) -> Parsed<Expr> {
        let mut negations = 0_usize;
        while self.accept_word("not") {
            negations += 1;
        }
        let term = self.term()?;
        Ok(match negations {
            0 => term,
            _ if negations % 2 == 1 => Expr::Not(Box::new(as_condition(term))),
            _ => as_condition(term),
        })
    }

    fn term(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        if let Some(operator) = self.comparison_operator() {
            self.next += 1;
            let right = self.sum()?;
            if self.comparison_operator().is_some() {
                return self.error(
                    self.next,
                    "comparisons cannot be chained: write `a < b and b < c` for `a < b < c`",
                );
            }
            return Ok(comparison(left, operator, right));
        }
        if self.peek_word(0, "not") && self.plain(1) == Some("in") {
            self.next += 1;
            return Ok(Expr::Not(Box::new(self.term_in(left)?)));
        }
        match self.plain(0) {
            Some("in") => self.term_in(left),
            Some("like") => {
                let case = self.accept_foldable("like").unwrap_or(Case::Setting);
                self.like(left, case)
            }
            Some("regex") => {
                let case = self.accept_foldable("regex").unwrap_or(Case::Setting);
                let at = self.next;
                let patterns = self.texts("a regular expression as text")?;
                self.regex(left, patterns, Extent::Whole, case, at)
            }
            _ if self.accept_sign(":") => self.like(left, Case::Folded),
            _ => Ok(left),
        }
    }

    fn comparison_operator(&self) -> Option<Operator> {
        match self.peek(0) {
            Some(Token::Sign("=" | "==")) => Some(Operator::Equal),
            Some(Token::Sign("!=")) => Some(Operator::NotEqual),
            Some(Token::Sign("<")) => Some(Operator::Less),
            Some(Token::Sign("<=")) => Some(Operator::LessOrEqual),
            Some(Token::Sign(">")) => Some(Operator::Greater),
            Some(Token::Sign(">=")) => Some(Operator::GreaterOrEqual),
            _ => None,
        }
    }

    fn term_in(&mut self, value: Expr) -> Parsed<Expr> {
        let case = self.accept_foldable("in").unwrap_or(Case::Setting);
        self.expect_sign("(")?;
        let list = self.nested(Self::list)?;
        self.expect_sign(")")?;
        Ok(Expr::In {
            value: Box::new(value),
            list,
            case,
        })
    }

    /// Expressions with commas between; one more comma may stand before `)`.
    fn list(&mut self) -> Parsed<Vec<Expr>> {
        let mut list = vec![self.expression()?];
        while self.accept_sign(",") && !self.peek_sign(0, ")") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn like(&mut self, value: Expr, case: Case) -> Parsed<Expr> {
        let patterns = self.texts("a text")?;
        Ok(Expr::Like {
            value: Box::new(value),
            patterns: patterns
                .iter()
                .map(|pattern| Wildcards::new(wildcards(pattern, true)))
                .collect(),
            case,
        })
    }

    /// A literal, or several in parentheses, as texts.
    fn texts(&mut self, what: &str) -> Parsed<Vec<String>> {
        if !self.accept_sign("(") {
            return Ok(vec![self.literal_text(what)?]);
        }
        let mut texts = vec![self.literal_text(what)?];
        while self.accept_sign(",") && !self.peek_sign(0, ")") {
            texts.push(self.literal_text(what)?);
        }
        self.expect_sign(")")?;
        Ok(texts)
    }

    fn literal_text(&mut self, what: &str) -> Parsed<String> {
        let sign = usize::from(self.peek_sign(0, "-"));
        let text = match self.peek(sign) {
            Some(Token::Text(text)) if sign == 0 => text.clone(),
            Some(Token::Int(number)) => number.to_string(),
            Some(Token::Float(number)) => number.to_string(),
            Some(Token::Word(word)) if sign == 0 && matches!(word.plain(), Some("true" | "false")) => {
                word.plain().unwrap_or_default().to_owned()
            }
            _ => return self.expected(what, &[]),
        };
        self.next += 1 + sign;
        Ok(if sign == 1 { format!("-{text}") } else { text })
    }

    pub fn regex(
        &self,
        value: Expr,
        patterns: Vec<String>,
        extent: Extent,
        case: Case,
        at: usize,
    ) -> Parsed<Expr> {
        match Regexes::new(&patterns, extent) {
            Ok(patterns) => Ok(Expr::Regex {
                value: Box::new(value),
                patterns,
                case,
            }),
            Err(bad) => self.error(
                at,
                format!(
                    "bad regular expression `{}`: {}",
                    patterns[bad.index], bad.message
                ),
            ),
        }
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let first = self.product()?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek(0) {
                Some(Token::Sign("+")) => Arithmetic::Add,
                Some(Token::Sign("-")) => Arithmetic::Subtract,
                _ => break,
            };
            self.next += 1;
            rest.push((operator, self.product()?));
        }
        Ok(arithmetic(first, rest))
    }

    fn product(&mut self) -> Parsed<Expr> {
        let first = self.signed()?;
        let mut rest = Vec::new();
        loop {
            let operator = match self.peek(0) {
                Some(Token::Sign("*")) => Arithmetic::Multiply,
                Some(Token::Sign("/")) => Arithmetic::Divide,
                Some(Token::Sign("%")) => Arithmetic::Modulo,
                _ => break,
            };
            self.next += 1;
            rest.push((operator, self.signed()?));
        }
        Ok(arithmetic(first, rest))
    }

    fn signed(&mut self) -> Parsed<Expr> {
        let minus = self.accept_sign("-");
        if !minus {
            self.accept_sign("+");
        }
        let value = self.methods()?;
        Ok(match value {
            value if !minus => value,
            Expr::Literal(Value::Int(number)) => Expr::Literal(Value::Int(-number)),
            Expr::Literal(Value::Float(number)) => Expr::Literal(Value::Float(-number)),
            value => arithmetic(Expr::Literal(Value::Int(0)), vec![(Arithmetic::Subtract, value)]),
        })
    }

    /// `value`, `value:length()`, `value:between("a", "b"):length()`.
    fn methods(&mut self) -> Parsed<Expr> {
        let mut value = self.atom()?;
        while self.peek_sign(0, ":") && self.plain(1).is_some() && self.peek_sign(2, "(") {
            self.methods += 1;
            if self.methods > MAX_METHODS {
                return self.error(self.next, format!("more than {MAX_METHODS} method calls"));
            }
            self.next += 1;
            value = self.call(Some(value))?;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let Some(token) = self.peek(0) else {
            return self.expected("a value", &[]);
        };
        let literal = match token {
            Token::Text(text) => Value::from(text.as_str()).into_owned(),
            Token::Int(number) => Value::Int(*number),
            Token::Float(number) => Value::Float(*number),
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.nested(Self::expression)?;
                self.expect_sign(")")?;
                return Ok(inner);
            }
            Token::Sign(_) => return self.expected("a value", &[]),
            Token::Word(word) => return self.word(word),
        };
        self.next += 1;
        Ok(Expr::Literal(literal))
    }
}

/// A field of several names where a condition stands.
fn as_condition(expr: Expr) -> Expr {
    let Expr::Field(field) = &expr else {
        return expr;
    };
    match field.parts() {
        [front @ .., PathPart::Name(word)] if !front.is_empty() => Expr::Flag {
            parent: FieldPath::new(front.to_vec(), true),
            word: word.clone(),
            field: field.clone(),
        },
        _ => expr,
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    join(parts.into_iter().map(as_condition).collect())
}

fn arithmetic(first: Expr, rest: Vec<(Arithmetic, Expr)>) -> Expr {
    if rest.is_empty() {
        return first;
    }
    Expr::Arithmetic {
        first: Box::new(first),
        rest,
    }
}

/// `a == b`, with what the literal `null` and a text with `*` make of it.
fn comparison(left: Expr, operator: Operator, right: Expr) -> Expr {
    let negated = operator == Operator::NotEqual;
    let negate = |expr: Expr| if negated { Expr::Not(Box::new(expr)) } else { expr };
    if !matches!(operator, Operator::Equal | Operator::NotEqual) {
        return compare(left, operator, right);
    }
    if right == Expr::Literal(Value::Null) {
        return negate(Expr::IsNull(Box::new(left)));
    }
    if left == Expr::Literal(Value::Null) {
        return negate(Expr::IsNull(Box::new(right)));
    }
    let (value, pattern) = match (left, right) {
        (value, Expr::Literal(Value::Text(text))) if text.contains('*') => (value, text),
        (Expr::Literal(Value::Text(text)), value) if text.contains('*') => (value, text),
        (left, right) => return compare(left, operator, right),
    };
    negate(Expr::Like {
        value: Box::new(value),
        patterns: vec![Wildcards::new(wildcards(&pattern, false))],
        case: Case::Setting,
    })
}

pub(crate) fn compare(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::Compare {
        numeric: is_numeric(&left) || is_numeric(&right),
        left: Box::new(left),
        operator,
        right: Box::new(right),
        case: Case::Setting,
    }
}

fn is_numeric(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Value::Int(_) | Value::Float(_)) | Expr::Arithmetic { .. } => true,
        Expr::Call { function, .. } => function.is_numeric(),
        Expr::Elements { test, .. } => *test == super::ast::ElementTest::Count,
        _ => false,
    }
}
