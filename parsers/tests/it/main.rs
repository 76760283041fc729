//! One binary for all integration tests of the crate.

mod any_bytes;
mod catalog;
mod corpora;
mod depth;
mod explain;
mod forged;
mod fuzz_corpus;
#[path = "../../fuzz/hostile.rs"]
mod hostile;
mod hostile_records;
mod mutated;
mod pins;
mod shapes;
mod support;
#[path = "../../fuzz/targets.rs"]
mod targets;
mod text_corpora;
