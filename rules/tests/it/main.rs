//! Integration tests of the rule crate.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod conditions;
mod corpus;
mod correlations;
mod eql;
mod files;
mod fuzz_smoke;
mod golden;
mod modifiers;
mod pack;
mod random;
