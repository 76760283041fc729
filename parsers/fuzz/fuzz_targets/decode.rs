//! Any bytes through framing, decoding and output; see `check` for what must hold.
#![no_main]

#[path = "../check.rs"]
mod check;

use borzoi_parsers::formats::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The last two bytes choose, so that a log file as it is makes a seed: the format (mostly none, which is to
    // be found out) and how the rest is cut.
    let [bytes @ .., choice, piece] = data else {
        return;
    };
    let format = Format::NAMES.get(usize::from(*choice)).map(|(_, format)| *format);
    let piece = usize::from(*piece);
    let cut = check::Cut {
        chunk: piece * piece / 4 + 1,
        rows: piece % 5 + 1,
        block: piece * 16 + 1,
        longest: if piece % 7 == 0 { 64 } else { 1 << 20 },
    };
    check::check(bytes, format, cut);
});
