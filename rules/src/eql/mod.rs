//! EQL, the event query language: text in, a checked query out, and what its conditions mean.
//!
//! ```
//! use borzoi_rules::eql;
//!
//! let query = eql::parse("process where process.name == \"cmd.exe\" and lenght(process.args) > 3");
//! let error = query.unwrap_err();
//! assert_eq!((error.line, error.column), (1, 45));
//! assert_eq!(error.suggestion.as_deref(), Some("length"));
//! ```
//!
//! Both dialects are read by the same grammar: the first one, of Endgame (`=`, wildcards in `==`, single
//! quotes, `?"raw"`, `descendant of`, all pipes), and that of Elasticsearch (`:`, `like~`, `?field`,
//! `"""raw"""`, `![…]`, `with runs`, `sample`).
//!
//! Conditions know three values. A comparison with an absent field is null, neither true nor false, and so is
//! its negation: neither `a == "x"` nor `not a == "x"` holds where there is no `a`.

mod ast;
mod call;
mod call_value;
mod error;
mod evaluate;
mod event;
mod function;
mod key;
mod lower;
pub(crate) mod network;
pub(crate) mod parser;
mod path;
pub mod pipes;
mod query;
mod regex;
mod text;
mod token;
mod value;

pub use ast::{
    Arithmetic, Body, Case, ElementTest, EventQuery, Expr, Operator, Pipe, Query, Relation, Sequence,
    Settings, Step, Subquery,
};
pub use error::SyntaxError;
pub use event::Event;
pub use function::Function;
pub use key::Key;
pub use lower::lower;
pub use path::{FieldPath, PathPart};
pub use query::parse;
pub use regex::{Extent, Regexes};
pub use text::Wildcards;
pub use value::{Number, Value};
