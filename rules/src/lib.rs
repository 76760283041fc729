//! # borzoi-rules: rule text in, checked rules out
//!
//! Reads Sigma (specification 2.1) rules, filters and correlations and turns them into a small
//! intermediate representation ([`ir`]) with all modifiers applied, all conditions resolved and every
//! mistake reported with file, line, column and the nearest valid word. It knows no events: an
//! evaluator (the engine, or your own) asks the [`ir`] what to compare.
//!
//! Use it to load, check or translate rules; to run them, use `borzoi-engine`.

pub mod ir;
