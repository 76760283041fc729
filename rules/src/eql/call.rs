//! Reads calls of functions, and checks their arguments.

use super::ast::{Case, ElementTest, Expr};
use super::error::SyntaxError;
use super::function::{FUNCTIONS, Kind, Signature, signature};
use super::network;
use super::parser::Parser;
use super::regex::Extent;
use super::text::{Wildcards, wildcards};
use super::token::Token;
use super::value::Value;
use crate::problem::nearest;

/// How many `arraySearch` and `arrayCount` may stand in one another: each goes through a list for every
/// element of the one around it.
const MAX_VARIABLES: usize = 4;

type Parsed<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    /// A call, from the name of the function. `receiver`: what stands before the `:` of a method.
    pub(super) fn call(&mut self, receiver: Option<Expr>) -> Parsed<Expr> {
        let at = self.next;
        let Some(Token::Word(word)) = self.peek(0) else {
            return self.expected("the name of a function", &[]);
        };
        let name = word.plain().unwrap_or_default();
        let Some(signature) = signature(name) else {
            let near = nearest(name, FUNCTIONS.iter().map(|signature| signature.name));
            return Err(
                SyntaxError::at(self.text, self.offset(), format!("unknown function `{name}`")).suggest(near),
            );
        };
        if word.tilde && !signature.folds {
            return self.error(at, format!("`{}` has no form with `~`", signature.name));
        }
        let case = if word.tilde { Case::Folded } else { Case::Setting };
        self.next += 1;
        self.expect_sign("(")?;
        let test = match signature.kind {
            Kind::Search => Some(ElementTest::Search),
            Kind::Count => Some(ElementTest::Count),
            _ => None,
        };
        if let Some(test) = test {
            return self.nested(|parser| parser.elements(receiver, test, signature.name));
        }
        let mut arguments: Vec<Expr> = receiver.into_iter().collect();
        let is_method = arguments.len();
        let mut places = vec![at; is_method];
        if !self.peek_sign(0, ")") {
            loop {
                places.push(self.next);
                arguments.push(self.nested(Self::expression)?);
                if !self.accept_sign(",") || self.peek_sign(0, ")") {
                    break;
                }
            }
        }
        if !self.accept_sign(")") {
            return self.expected("`,` or `)`", &[]);
        }
        self.check_count(signature, arguments.len(), at)?;
        self.build(signature, case, arguments, &places)
    }

    fn check_count(&self, signature: &Signature, given: usize, at: usize) -> Parsed<()> {
        let (least, most) = (signature.least, signature.most);
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let wanted = match most {
            _ if least == most => format!("{least}"),
            usize::MAX => format!("{least} or more"),
            _ => format!("{least} to {most}"),
        };
        let plural = if wanted == "1" { "" } else { "s" };
        self.error(
            at,
            format!(
                "`{}` takes {wanted} argument{plural}, not {given}",
                signature.name
            ),
        )
    }

    fn build(
        &self,
        signature: &Signature,
        mut case: Case,
        mut arguments: Vec<Expr>,
        places: &[usize],
    ) -> Parsed<Expr> {
        let is_text = |expr: &Expr| matches!(expr, Expr::Literal(Value::Text(_)));
        let function = match signature.kind {
            Kind::Plain(function) => function,
            kind => {
                // The pattern once stood before the field.
                if arguments.len() == 2 && is_text(&arguments[0]) && !is_text(&arguments[1]) {
                    arguments.swap(0, 1);
                }
                let value = arguments.remove(0);
                let mut patterns = Vec::with_capacity(arguments.len());
                for (pattern, place) in arguments.iter().zip(&places[1..]) {
                    match pattern {
                        Expr::Literal(Value::Text(text)) => patterns.push(text.clone().into_owned()),
                        _ => {
                            return self.error(
                                *place,
                                format!("expected a text as pattern of `{}`", signature.name),
                            );
                        }
                    }
                }
                return self.pattern_call(kind, value, patterns, case, places);
            }
        };
        if function == super::function::Function::Between
            && arguments.len() == 5
            && let Some(Expr::Literal(Value::Bool(cased))) = arguments.last()
        {
            case = if *cased { Case::Cased } else { Case::Folded };
            arguments.pop();
        } else if function == super::function::Function::Between && arguments.len() == 5 {
            return self.error(
                places[4],
                "expected `true` or `false` as last argument of `between`",
            );
        }
        Ok(Expr::Call {
            function,
            arguments,
            case,
        })
    }

    fn pattern_call(
        &self,
        kind: Kind,
        value: Expr,
        patterns: Vec<String>,
        case: Case,
        places: &[usize],
    ) -> Parsed<Expr> {
        let place = places[1];
        match kind {
            Kind::Match => self.regex(value, patterns, Extent::Start, case, place),
            Kind::Cidr => {
                let mut networks = Vec::with_capacity(patterns.len());
                for (pattern, place) in patterns.iter().zip(&places[1..]) {
                    match network::parse(pattern) {
                        Some(network) => networks.push(network),
                        None => {
                            return self.error(
                                *place,
                                format!("`{pattern}` is no network: expected one as `10.0.0.0/8`"),
                            );
                        }
                    }
                }
                Ok(Expr::Cidr {
                    value: Box::new(value),
                    networks,
                })
            }
            _ => Ok(Expr::Like {
                value: Box::new(value),
                patterns: patterns
                    .iter()
                    .map(|pattern| Wildcards::new(wildcards(pattern, true)))
                    .collect(),
                case,
            }),
        }
    }

    /// `arraySearch(list, name, condition)`, from after the `(`.
    fn elements(&mut self, receiver: Option<Expr>, test: ElementTest, function: &str) -> Parsed<Expr> {
        let list = match receiver {
            Some(list) => list,
            None => {
                let list = self.expression()?;
                self.expect_sign(",")?;
                list
            }
        };
        let name = match self.peek(0) {
            Some(Token::Word(word)) if !word.tilde => word.plain().map(str::to_owned),
            _ => None,
        };
        let Some(name) = name else {
            return self.expected(
                &format!("a name for the elements as second argument of `{function}`"),
                &[],
            );
        };
        if self.variables.len() >= MAX_VARIABLES {
            return self.error(
                self.next,
                format!("more than {MAX_VARIABLES} searches of lists in one another"),
            );
        }
        self.next += 1;
        self.expect_sign(",")?;
        self.variables.push(name);
        let body = self.condition();
        self.variables.pop();
        let body = body?;
        self.expect_sign(")")?;
        Ok(Expr::Elements {
            test,
            list: Box::new(list),
            body: Box::new(body),
        })
    }
}
