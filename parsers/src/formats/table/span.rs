//! Where a record of separated values ends: at the first line feed that no quotes are around.
//!
//! A cell is quoted if it starts with a quote, and its last quote is the first one with a separator or the end of a line
//! behind it. Any other quote is text, so that `5" disk` opens nothing. This is how [`cells`](crate::formats::text::cells)
//! takes a record apart, too.

use crate::formats::text::search::{near, near2};

/// Looks for the end of one record, which may come in pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Everything before it has been looked at, counted from the record's first byte.
    at: usize,
    quoted: bool,
}

/// What [`Span::end`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The record's line feed, or the end of the source.
    At(usize),
    /// It is not there yet.
    Unfinished,
}

impl Span {
    /// The end of the record that starts with `record`; `whole`: nothing follows.
    pub(crate) fn end(&mut self, record: &[u8], separator: u8, whole: bool) -> End {
        loop {
            let rest = record.get(self.at..).unwrap_or_default();
            if !self.quoted {
                if rest.first() == Some(&b'"') {
                    self.quoted = true;
                    self.at += 1;
                    continue;
                }
                match near2(separator, b'\n', rest) {
                    Some(at) if rest[at] == b'\n' => return End::At(self.at + at),
                    Some(at) => self.at += at + 1,
                    None if whole => return End::At(record.len()),
                    // The next bytes are those of the same cell, or it starts with them.
                    None => return End::Unfinished,
                }
                continue;
            }
            let Some(quote) = near(b'"', rest) else {
                self.at = record.len();
                return End::Unfinished;
            };
            let behind = &rest[quote + 1..];
            let next = self.at + quote + 1;
            match behind {
                [] | [b'\r'] if whole => return End::At(record.len()),
                [] | [b'\r'] => {
                    self.at += quote;
                    return End::Unfinished;
                }
                [b'\n', ..] => return End::At(next),
                [b'\r', b'\n', ..] => return End::At(next + 1),
                [b'"', ..] => self.at = next + 1,
                [byte, ..] if *byte == separator => {
                    self.quoted = false;
                    self.at = next + 1;
                }
                _ => self.at = next,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_records() {
        for (text, wanted) in [
            ("a,b\nc", End::At(3)),
            ("a,\"b\nc\",d\ne", End::At(9)),
            ("a,\"b \"\"x\"\"\n\"\r\ne", End::At(13)),
            ("5\" disk,x\ny", End::At(9)),
            ("a,\"b \"x\" c\"\n", End::At(11)),
            ("a,\"b\nc", End::Unfinished),
            ("a,\"b\"", End::Unfinished),
            ("a,\"b\"\r", End::Unfinished),
            ("a,b", End::Unfinished),
        ] {
            assert_eq!(
                Span::default().end(text.as_bytes(), b',', false),
                wanted,
                "{text:?}"
            );
            // The same, a byte at a time.
            let mut span = Span::default();
            let found = (0..=text.len())
                .map(|end| span.end(&text.as_bytes()[..end], b',', false))
                .find(|found| *found != End::Unfinished);
            assert_eq!(found.unwrap_or(End::Unfinished), wanted, "{text:?} in pieces");
        }
        assert_eq!(Span::default().end(b"a,\"b\"", b',', true), End::At(5));
        assert_eq!(Span::default().end(b"a,\"b", b',', true), End::Unfinished);
    }
}
