//! Integration tests of the engine, one binary.

use proptest::prelude::ProptestConfig;

mod alerts;
mod cases;
mod corpus;
mod correlations;
mod derived;
mod eql;
mod hunt;
mod indicators;
mod lake;
mod late;
mod matcher;
mod rule_tests;
mod screen;
mod sequence;
mod sql_rules;
mod state;
mod stored;
mod windows;

/// So many cases, times `BORZOI_TEST_EFFORT`: a long search for what is rare, when somebody wants one.
pub fn effort(cases: u32) -> ProptestConfig {
    let factor = std::env::var("BORZOI_TEST_EFFORT").ok();
    let factor = factor.and_then(|factor| factor.parse().ok()).unwrap_or(1);
    ProptestConfig {
        cases: cases * factor,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
