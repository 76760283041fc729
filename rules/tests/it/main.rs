//! Integration tests of the rule crate.

mod conditions;
mod corpus;
mod correlations;
mod files;
mod golden;
mod modifiers;
mod random;
