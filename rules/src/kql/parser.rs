//! Reads KQL, character by character: blanks are part of values.

mod literal;

use self::literal::{Literal, SPECIAL};
use crate::eql::network;
use crate::eql::parser::compare;
use crate::eql::{Case, ElementTest, Expr, FieldPath, Number, Operator, SyntaxError, Value, Wildcards};
use crate::pattern;

/// How deep parentheses, braces and `not` may nest.
const MAX_DEPTH: usize = 48;

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
