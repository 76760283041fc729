//! `cargo +nightly fuzz run pattern`: a printed pattern reads back as itself.

#![no_main]

use borzoi_rules::ir::Pattern;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let pattern = Pattern::parse(text, false);
    assert_eq!(Pattern::parse(&pattern.to_string(), false), pattern);
});
