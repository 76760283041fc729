//! See `targets.rs`.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: targets::warm("windows_text"), |data: &[u8]| targets::run("windows_text", data));
