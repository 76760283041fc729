//! Real processes, real files, real pipes: what a user of the command line meets.

mod bad_input;
mod corpora;
mod correlation_cases;
mod correlations;
mod demo;
mod eql;
mod indicators;
mod kill;
mod library;
mod other_readers;
mod own_datasets;
mod rules;
mod sql_rules;
mod state;
mod statistics;
mod stored;
mod stream;
mod support;
