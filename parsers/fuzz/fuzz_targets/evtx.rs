//! See `targets.rs`.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: targets::warm("evtx"), |data: &[u8]| targets::run("evtx", data));
