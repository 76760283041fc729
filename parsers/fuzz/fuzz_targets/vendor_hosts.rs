//! See `targets.rs`.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: targets::warm("vendor_hosts"), |data: &[u8]| targets::run("vendor_hosts", data));
