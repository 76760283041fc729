//! `cargo +nightly fuzz run load -- -dict=rules.dict`: any text is loaded without a panic, and every
//! problem and every rule can be printed. Good seeds are the files of `rules/pack`.

#![no_main]

use borzoi_rules::{Loader, describe};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let report = Loader::new().load_text("fuzz.yml", text);
    for problem in &report.problems {
        let _ = problem.to_string();
    }
    for rule in &report.detections {
        for search in &rule.searches {
            let _ = search.expression.to_string();
        }
        for condition in &rule.conditions {
            let _ = describe::condition(condition, &rule.searches);
        }
    }
});
