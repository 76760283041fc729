//! Integration tests of the rule crate.

mod corpus;
