//! Reads whole queries: steps of sequences, pipes.

use std::time::Duration;

use super::ast::{Body, EventQuery, Expr, Pipe, Query, Sequence, Step};
use super::error::SyntaxError;
use super::parser::Parser;
use super::token::{Token, tokenize};
use crate::problem::nearest;

/// The longest query, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// How many steps a sequence may have, repetitions counted.
const MAX_STEPS: usize = 256;

/// How many repetitions `with runs` may ask for.
const MAX_RUNS: i64 = 100;

/// How many a `head` or `tail` without a number keeps.
const DEFAULT_ROWS: u64 = 50;

const PIPES: [&str; 7] = [
    "count",
    "filter",
    "head",
    "sort",
    "tail",
    "unique",
    "unique_count",
];

const BODIES: [&str; 3] = ["sequence", "join", "sample"];

type Parsed<T> = Result<T, SyntaxError>;

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Sequence,
    Join,
    Sample,
}

/// Reads a query.
///
/// # Errors
/// The first place at which the text is no query, with what was expected there.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > MAX_TEXT {
        return Err(SyntaxError::at(
            text,
            0,
            format!("the query has {} bytes; at most {MAX_TEXT} are read", text.len()),
        ));
    }
    let tokens = tokenize(text)?;
    let mut parser = Parser {
        text,
        tokens: &tokens,
        next: 0,
        depth: 0,
        methods: 0,
        variables: Vec::new(),
        subqueries: 0,
        pipe_events: None,
    };
    let body = parser.body()?;
    let events = match &body {
        Body::Event(_) => 1,
        Body::Sequence(sequence) | Body::Join(sequence) | Body::Sample(sequence) => events_of(sequence),
    };
    parser.pipe_events = Some(events);
    let mut pipes = Vec::new();
    while parser.accept_sign("|") {
        let pipe = parser.pipe()?;
        // What `count` gives are rows of their own, with a single part.
        if matches!(pipe, Pipe::Count(_)) {
            parser.pipe_events = Some(1);
        }
        pipes.push(pipe);
    }
    if !parser.at_end() {
        return parser.expected(
            "an operator, `and`, `or`, a pipe or the end",
            &["and", "or", "in", "not", "like", "regex", "until", "with", "by"],
        );
    }
    Ok(Query { body, pipes })
}

/// How many events a match of the sequence has.
fn events_of(sequence: &Sequence) -> usize {
    sequence
        .steps
        .iter()
        .filter(|step| !step.missing)
        .map(|step| step.runs as usize)
        .sum()
}

impl Parser<'_> {
    fn body(&mut self) -> Parsed<Body> {
        let form = match self.peek(0) {
            // `sequence where …` would be a category of that name.
            Some(Token::Word(word)) if !self.peek_word(1, "where") => match word.plain() {
                Some("sequence") => Some(Form::Sequence),
                Some("join") => Some(Form::Join),
                Some("sample") => Some(Form::Sample),
                Some(other)
                    if self.peek_sign(1, "[") || self.peek_word(1, "by") || self.peek_word(1, "with") =>
                {
                    return Err(SyntaxError::at(
                        self.text,
                        self.offset(),
                        format!("expected `sequence`, `join` or `sample`, found `{other}`"),
                    )
                    .suggest(nearest(other, BODIES)));
                }
                _ => None,
            },
            _ => None,
        };
        let Some(form) = form else {
            return Ok(Body::Event(self.event_query()?));
        };
        self.next += 1;
        let sequence = self.sequence(form)?;
        Ok(match form {
            Form::Sequence => Body::Sequence(sequence),
            Form::Join => Body::Join(sequence),
            Form::Sample => Body::Sample(sequence),
        })
    }

    fn sequence(&mut self, form: Form) -> Parsed<Sequence> {
        let start = self.next - 1;
        let mut shared: Vec<Expr> = Vec::new();
        let mut maxspan = None;
        loop {
            if shared.is_empty() && self.accept_word("by") {
                shared = self.fields_by()?;
            } else if maxspan.is_none() && form == Form::Sequence && self.accept_word("with") {
                maxspan = Some(self.maxspan()?);
            } else {
                break;
            }
        }
        let mut sequence = Sequence {
            maxspan,
            steps: Vec::new(),
            until: None,
        };
        let mut events = 0_usize;
        let mut own_by = None;
        while self.peek_sign(0, "[") || self.peek_sign(0, "![") {
            let first = sequence.steps.is_empty();
            let step = self.step(form, first, &shared, &mut own_by)?;
            events = events.saturating_add(step.runs as usize);
            if events > MAX_STEPS {
                return self.error(self.next - 1, format!("more than {MAX_STEPS} steps"));
            }
            sequence.steps.push(step);
        }
        if sequence.steps.is_empty() {
            return match form {
                Form::Sequence => self.expected("`[`, `by` or `with maxspan`", &["by", "with"]),
                _ => self.expected("`[` or `by`", &["by"]),
            };
        }
        if form != Form::Sample && self.accept_word("until") {
            let at = self.next;
            if self.peek_sign(0, "![") {
                return self.error(at, "`until` takes `[…]`: what must not be missing ends nothing");
            }
            let until = self.step(Form::Join, true, &shared, &mut own_by)?;
            sequence.until = Some(until);
        }
        self.check_steps(&sequence, events, start)?;
        Ok(sequence)
    }

    fn check_steps(&self, sequence: &Sequence, events: usize, start: usize) -> Parsed<()> {
        if events < 2 {
            return self.error(
                start,
                "expected two steps `[…]` or more, or one `with runs=2` or more",
            );
        }
        if sequence.steps.iter().all(|step| step.missing) {
            return self.error(start, "expected a step that is not missing: `[…]` without `!`");
        }
        let edge = |step: Option<&Step>| step.is_some_and(|step| step.missing);
        if sequence.maxspan.is_none() && (edge(sequence.steps.first()) || edge(sequence.steps.last())) {
            return self.error(
                start,
                "a first or last step that is missing needs `with maxspan`: how long nothing may happen",
            );
        }
        Ok(())
    }

    /// `[…] fork by … with runs=…`.
    fn step(&mut self, form: Form, first: bool, shared: &[Expr], own_by: &mut Option<usize>) -> Parsed<Step> {
        let start = self.next;
        let missing = self.accept_sign("![");
        if missing && form != Form::Sequence {
            return self.error(start, "only a step of a sequence can be missing");
        }
        if !missing {
            self.expect_sign("[")?;
        }
        let query: EventQuery = self.nested(Self::event_query)?;
        if !self.accept_sign("]") {
            return self.expected(
                "an operator, `and`, `or` or `]`",
                &["and", "or", "in", "not", "like", "regex"],
            );
        }
        let mut step = Step {
            query,
            by: shared.to_vec(),
            fork: false,
            missing,
            runs: 1,
        };
        let mut own = 0;
        let mut forked = false;
        loop {
            let at = self.next;
            if !forked && self.accept_word("fork") {
                forked = true;
                if form != Form::Sequence || first || missing {
                    return self.error(at, "`fork` belongs to a later step of a sequence");
                }
                step.fork = true;
                if self.accept_sign("=") || self.accept_sign("==") {
                    step.fork = match self.peek(0) {
                        Some(Token::Int(0)) => false,
                        Some(Token::Int(1)) => true,
                        _ if self.peek_word(0, "true") => true,
                        _ if self.peek_word(0, "false") => false,
                        _ => return self.expected("`true` or `false`", &["true", "false"]),
                    };
                    self.next += 1;
                }
            } else if own == 0 && self.accept_word("by") {
                let by = self.fields_by()?;
                own = by.len();
                step.by.extend(by);
            } else if self.peek_word(0, "with") {
                step.runs = self.runs(form, missing)?;
            } else if self.peek_word(0, "as") {
                return self.error(at, "`as` is not supported: fields of steps are joined with `by`");
            } else {
                break;
            }
        }
        match *own_by {
            Some(wanted) if wanted != own => self.error(
                start,
                format!("the first step has {wanted} fields after `by`, this one has {own}: they are compared in pairs"),
            ),
            _ => {
                *own_by = Some(own);
                Ok(step)
            }
        }
    }

    fn runs(&mut self, form: Form, missing: bool) -> Parsed<u32> {
        let at = self.next;
        self.next += 1;
        if !self.accept_word("runs") {
            return self.expected("`runs`, as in `with runs=3`", &["runs"]);
        }
        if form != Form::Sequence || missing {
            return self.error(
                at,
                "`with runs` belongs to a step of a sequence that is not missing",
            );
        }
        if !self.accept_sign("=") && !self.accept_sign("==") {
            return self.expected("`=`", &[]);
        }
        match self.peek(0) {
            Some(Token::Int(runs @ 1..=MAX_RUNS)) => {
                self.next += 1;
                Ok(u32::try_from(*runs).unwrap_or(1))
            }
            _ => self.expected(&format!("a number from 1 to {MAX_RUNS}"), &[]),
        }
    }

    /// The expressions after `by`.
    fn fields_by(&mut self) -> Parsed<Vec<Expr>> {
        let mut fields = vec![self.expression()?];
        while self.accept_sign(",") {
            fields.push(self.expression()?);
        }
        Ok(fields)
    }

    /// `maxspan=10s`, from after `with`.
    fn maxspan(&mut self) -> Parsed<Duration> {
        if !self.accept_word("maxspan") {
            return self.expected("`maxspan`, as in `with maxspan=10s`", &["maxspan"]);
        }
        if !self.accept_sign("=") && !self.accept_sign("==") {
            return self.expected("`=`", &[]);
        }
        let Some(Token::Int(quantity)) = self.peek(0) else {
            return self.expected("a whole number with a unit, as `10s`", &[]);
        };
        let quantity = u64::try_from(*quantity).unwrap_or(0);
        self.next += 1;
        let unit = match self.peek(0) {
            Some(Token::Word(word)) => word.plain(),
            _ => None,
        };
        let milliseconds: u64 = match unit {
            Some("ms") => 1,
            Some("s") => 1000,
            Some("m") => 60 * 1000,
            Some("h") => 60 * 60 * 1000,
            Some("d") => 24 * 60 * 60 * 1000,
            _ => {
                return self.expected("a unit of time: `ms`, `s`, `m`, `h` or `d`", &[]);
            }
        };
        self.next += 1;
        match quantity.checked_mul(milliseconds) {
            Some(span @ 1..) => Ok(Duration::from_millis(span)),
            Some(0) => self.error(self.next - 2, "expected a time of more than nothing"),
            None => self.error(self.next - 2, "the time is too long to be counted"),
        }
    }

    /// A pipe, from after `|`.
    fn pipe(&mut self) -> Parsed<Pipe> {
        let at = self.next;
        let name = match self.peek(0) {
            Some(Token::Word(word)) if !word.tilde => word.plain(),
            _ => None,
        };
        let Some(name) = name.filter(|name| PIPES.contains(name)) else {
            return self.expected(&format!("a pipe: `{}`", PIPES.join("`, `")), &PIPES);
        };
        self.next += 1;
        Ok(match name {
            "head" => Pipe::Head(self.rows()?),
            "tail" => Pipe::Tail(self.rows()?),
            "filter" => Pipe::Filter(self.condition()?),
            "count" => Pipe::Count(self.keys()?),
            _ => {
                let keys = self.keys()?;
                if keys.is_empty() {
                    return self.error(at, format!("`{name}` needs a field"));
                }
                match name {
                    "sort" => Pipe::Sort(keys),
                    "unique" => Pipe::Unique(keys),
                    _ => Pipe::UniqueCount(keys),
                }
            }
        })
    }

    fn rows(&mut self) -> Parsed<u64> {
        match self.peek(0) {
            None | Some(Token::Sign("|")) => Ok(DEFAULT_ROWS),
            Some(Token::Int(rows @ 1..)) => {
                self.next += 1;
                Ok(rows.unsigned_abs())
            }
            _ => self.expected("a number of 1 or more", &[]),
        }
    }

    /// Expressions with commas or only blanks between.
    fn keys(&mut self) -> Parsed<Vec<Expr>> {
        let mut keys = Vec::new();
        let mut comma = false;
        while comma || !self.at_end() && !self.peek_sign(0, "|") {
            if !comma && !keys.is_empty() && !matches!(self.peek(0), Some(Token::Word(_))) {
                break;
            }
            let at = self.next;
            let key = self.expression()?;
            if matches!(key, Expr::Literal(_)) {
                return self.error(at, "expected a field: this is the same for every row");
            }
            keys.push(key);
            comma = self.accept_sign(",");
        }
        Ok(keys)
    }
}
