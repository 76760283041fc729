//! See `targets.rs`.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: targets::warm("syslog_3164"), |data: &[u8]| targets::run("syslog_3164", data));
