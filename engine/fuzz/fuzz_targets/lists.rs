//! A list of any form, from a server or a file: see `check.rs`.
#![no_main]

use borzoi_lists::indicators;

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
