//! # borzoi-engine: batches and rules in; alerts, tables and answers out
//!
//! The crate where the parts meet: [`scan`] takes inputs through parsing, [`matcher`] and alert building
//! to the caller and into the [`lake`]; [`hunt`] answers SQL over the lake; [`engine`] wraps all of it for
//! embedding. `parsers` and `rules` do not know each other; [`resolve`] translates between them.

pub mod alert;
pub mod alert_build;
pub mod alert_table;
pub mod anomaly;
pub mod correlate;
pub mod engine;
pub mod eql;
mod event_json;
mod evidence;
pub mod expected;
pub mod explain;
pub mod explain_series;
pub mod hunt;
pub mod indicators;
pub mod lake;
pub mod matcher;
pub mod pipeline;
pub mod report;
pub mod resolve;
pub mod rule_tests;
pub mod scan;
pub mod sequence;
pub mod sql_rules;
pub mod windows;
