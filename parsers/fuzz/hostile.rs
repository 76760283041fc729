//! Records made to be slow: a valid beginning, then one piece over and over. What reads them may take time in proportion to
//! their length and no more, and must not make much more of them than they are.

use std::time::Duration;

use borzoi_parsers::formats::{Decoder, Format};

use super::targets::check::read;

/// Pieces that grammars look for one by one, so that each may be the start of one more search to the end of the record.
pub const PIECES: &[&str] = &[
    " ",
    "\t",
    "\"",
    "'",
    "\\",
    "\\\"",
    "=",
    "|",
    "%",
    ",",
    ";",
    ":",
    "-",
    ".",
    "/",
    "?",
    "&",
    "#",
    "@",
    "*",
    "^",
    "\u{e9}",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    "a",
    "7",
    "[[",
    "({",
    "<<",
    "<a>",
    "<a ",
    "</a>",
    "<Data Name='a'>",
    "&amp;",
    "&#",
    "<![CDATA[",
    "<!--",
    "{\"a\":",
    "[{",
    "\"a\",",
    "{\"a\":\"",
    "\\u",
    "\\n",
    "a=",
    "=a",
    " =",
    "= ",
    "a=\"",
    "a='",
    "a=b ",
    "a=b,",
    "a=b|",
    "a=\"b\" ",
    "a:b ",
    "a: ",
    ": ",
    ", ",
    "; ",
    " - ",
    "- ",
    "--",
    " [",
    "] ",
    "[a b=\"c\"]",
    "[a@1 ",
    "a b=",
    "a b: ",
    "::",
    "1:",
    "1.",
    "1.2.3.4 ",
    "/1",
    "?a=b&",
    "&a=b",
    "%{",
    "%20",
    "%ASA-6-302013: ",
    "CEF:0|",
    "LEEF:2.0|",
    "type=",
    " msg=",
    "msg='",
    "<34>",
    "<34>1 ",
    "\\=",
    "\\|",
    "\"\"",
    "\",\"",
    "\"=\"",
    "$",
    "~",
    "^^",
    "<;>",
    "\u{1d}",
    "\u{1}",
    "#011",
    "\r\n",
    "\n\t",
    "\n ",
    "\n\tat ",
    "\nCaused by: ",
    "\nA:",
    "\n\tA:\t",
    " from ",
    " to ",
    " user ",
    " for ",
    " port ",
    " by ",
    " in ",
    " on ",
    "(a)",
    " (",
    ") ",
    "[7]: ",
    "2026-03-01T10:00:00Z ",
    "Mar  1 10:00:00 ",
    "10:00:00 ",
    "\u{feff}",
];

/// `head` and as much of `piece` as `length` bytes hold.
pub fn record(head: &str, piece: &str, length: usize) -> Vec<u8> {
    let mut record = head.as_bytes().to_vec();
    while record.len() < length {
        record.extend_from_slice(piece.as_bytes());
    }
    record
}

/// What reading a record takes.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// On a processor, of this thread.
    pub time: Duration,
    /// Events that were made of it, for a piece may end a record.
    pub events: usize,
    /// Bytes that were written for them.
    pub written: usize,
}

/// Reads and writes `record`.
pub fn cost(decoder: &mut Decoder, record: &[u8], format: Option<Format>) -> Cost {
    let before = busy();
    let (events, written) = read(decoder, record, format);
    Cost {
        time: busy().saturating_sub(before),
        events,
        written,
    }
}

/// How long this thread has run. Only Linux says it; elsewhere the clock must do.
fn busy() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    match spent
        .as_deref()
        .and_then(|text| text.split(' ').next()?.parse().ok())
    {
        Some(nanos) => Duration::from_nanos(nanos),
        None => START.get_or_init(std::time::Instant::now).elapsed(),
    }
}
