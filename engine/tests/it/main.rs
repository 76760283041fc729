//! Integration tests of the engine, one binary.

mod alerts;
mod cases;
mod corpus;
mod hunt;
mod lake;
mod matcher;
mod rule_tests;
mod screen;
