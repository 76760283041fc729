//! Reads names: of fields, literals, functions, categories and relations.

use super::super::ast::{EventQuery, Expr, Relation, Subquery};
use super::super::path::{FieldPath, PathPart};
use super::super::token::{Token, Word};
use super::super::value::Value;
use super::{Parsed, Parser};

/// Words that are never the name of a field unless in backticks.
const KEYWORDS: [&str; 9] = ["and", "or", "not", "in", "of", "where", "by", "with", "until"];

impl<'t> Parser<'t> {
    pub(super) fn word(&mut self, word: &'t Word) -> Parsed<Expr> {
        if let Some(name) = word.plain() {
            if self.peek_sign(1, "(") && !KEYWORDS.contains(&name) {
                return self.call(None);
            }
            if self.peek_word(1, "of") && !word.tilde {
                return self.related(name);
            }
            let literal = match name {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                "null" => Some(Value::Null),
                _ => None,
            };
            if let (Some(literal), false) = (literal, word.tilde) {
                self.next += 1;
                return Ok(Expr::Literal(literal));
            }
            if KEYWORDS.contains(&name) {
                return self.expected("a value", &[]);
            }
        }
        if word.tilde {
            return self.error(
                self.next,
                "`~` belongs to the names of functions and to `in~`, `like~` and `regex~`",
            );
        }
        self.next += 1;
        self.field(word)
    }

    fn field(&self, word: &Word) -> Parsed<Expr> {
        let (first, rest) = match word.parts.split_first() {
            Some((PathPart::Name(first), rest)) => (first, rest),
            _ => return self.expected("the name of a field", &[]),
        };
        if let Some(outward) = self.variables.iter().rev().position(|name| name == first) {
            return Ok(Expr::Variable {
                outward,
                path: rest.to_vec(),
            });
        }
        if let (Some(events), "events", [PathPart::Index(event), path @ ..]) =
            (self.pipe_events, first.as_str(), rest)
            && events > 1
        {
            if *event >= events {
                return self.error(
                    self.next - 1,
                    format!("there is no event {event}: a match has {events}, counted from 0"),
                );
            }
            if path.is_empty() {
                return self.error(
                    self.next - 1,
                    "expected a field of the event, as in `events[0].pid`",
                );
            }
            return Ok(Expr::EventField {
                event: *event,
                field: FieldPath::new(path.to_vec(), word.optional),
            });
        }
        Ok(Expr::Field(FieldPath::new(word.parts.clone(), word.optional)))
    }

    /// `descendant of [process where …]`.
    fn related(&mut self, name: &str) -> Parsed<Expr> {
        let relation = match name {
            "descendant" => Relation::DescendantOf,
            "child" => Relation::ChildOf,
            "event" => Relation::EventOf,
            _ => return self.expected("`descendant of`, `child of` or `event of`", &RELATIONS),
        };
        if self.pipe_events.is_some() {
            return self.error(self.next, format!("`{name} of` cannot stand in a pipe"));
        }
        self.next += 2;
        self.expect_sign("[")?;
        let outer = std::mem::take(&mut self.variables);
        let query = self.nested(Self::event_query)?;
        self.variables = outer;
        self.expect_sign("]")?;
        let id = self.subqueries;
        self.subqueries += 1;
        Ok(Expr::Related(Box::new(Subquery { id, relation, query })))
    }

    /// `category where condition`.
    pub(in crate::eql) fn event_query(&mut self) -> Parsed<EventQuery> {
        let category = match self.peek(0) {
            Some(Token::Text(text)) => Some(text.clone()),
            Some(Token::Word(word)) => match (word.plain(), word.parts.as_slice()) {
                (Some("any"), _) => None,
                (Some(name), _) if !KEYWORDS.contains(&name) && !word.tilde => Some(name.to_owned()),
                (None, [PathPart::Name(name)]) if !word.optional => Some(name.clone()),
                _ => return self.expected("the category of an event, as in `process where true`", &["any"]),
            },
            _ => return self.expected("the category of an event, as in `process where true`", &["any"]),
        };
        self.next += 1;
        if !self.accept_word("where") {
            return self.expected("`where`", &["where"]);
        }
        Ok(EventQuery {
            category,
            condition: self.condition()?,
        })
    }
}

const RELATIONS: [&str; 3] = ["descendant", "child", "event"];

pub(super) fn describe(token: &Token) -> String {
    let short = |text: &str| match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    };
    match token {
        Token::Word(word) => {
            let tilde = if word.tilde { "~" } else { "" };
            let name = FieldPath::new(word.parts.clone(), word.optional).to_string();
            format!("`{}{tilde}`", short(&name))
        }
        Token::Text(text) => format!("the text \"{}\"", short(text)),
        Token::Int(number) => format!("`{number}`"),
        Token::Float(number) => format!("`{number}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}
