//! Integration tests of the rule crate.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod conditions;
mod corpus;
mod correlations;
mod eql;
mod eql_lower;
mod eql_syntax;
mod files;
mod fuzz_smoke;
mod golden;
mod kql;
mod modifiers;
mod pack;
mod query_random;
mod random;
mod sql;
