//! A query of either language is read, evaluated and lowered (see `targets.rs`; how to run it stands in CONTRIBUTING.md).

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "each target is a binary of its own and uses one function")]
mod targets;

libfuzzer_sys::fuzz_target!(|text: &str| targets::query(text));
