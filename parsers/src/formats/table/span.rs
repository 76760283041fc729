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
                match quote_or_end(rest, separator) {
                    Some(at) if rest[at] == b'\n' => return End::At(self.at + at),
                    Some(quote) => {
                        self.quoted = true;
                        self.at += quote + 1;
                    }
                    None if whole => return End::At(record.len()),
                    None => {
                        // The next bytes are those of the last cell, or it starts with them.
                        let cell = memchr::memrchr(separator, rest).map_or(0, |at| at + 1);
                        self.at += cell;
                        return End::Unfinished;
                    }
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

/// Where the first cell with a quote in front begins, or the record ends; `record` begins with a cell.
fn quote_or_end(record: &[u8], separator: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + near2(b'"', b'\n', &record[from..])?;
        let is_first = at == 0 || record[at - 1] == separator;
        if is_first || record[at] == b'\n' {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a record, cell by cell.
    fn plain_end(record: &[u8], separator: u8, whole: bool) -> End {
        let mut at = 0;
        loop {
            if record.get(at) != Some(&b'"') {
                let rest = record.get(at..).unwrap_or_default();
                match rest
                    .iter()
                    .position(|byte| matches!(byte, b'\n') || *byte == separator)
                {
                    Some(end) if rest[end] == b'\n' => return End::At(at + end),
                    Some(end) => at += end + 1,
                    None if whole => return End::At(record.len()),
                    None => return End::Unfinished,
                }
                continue;
            }
            at += 1;
            at = loop {
                let Some(quote) = record[at..].iter().position(|byte| *byte == b'"') else {
                    return End::Unfinished;
                };
                let next = at + quote + 1;
                match &record[next..] {
                    [] | [b'\r'] if whole => return End::At(record.len()),
                    [] | [b'\r'] => return End::Unfinished,
                    [b'\n', ..] => return End::At(next),
                    [b'\r', b'\n', ..] => return End::At(next + 1),
                    [b'"', ..] => at = next + 1,
                    [byte, ..] if *byte == separator => break next + 1,
                    _ => at = next,
                }
            };
        }
    }

    proptest::proptest! {
        #[test]
        fn records_end_where_their_cells_say(text in "[a\",\n\r]{0,40}|([a,]{0,30}\"[a\",\n]{0,6}){0,6}", cut in 0..40_usize) {
            let record = text.as_bytes();
            for whole in [false, true] {
                let wanted = plain_end(record, b',', whole);
                proptest::prop_assert_eq!(Span::default().end(record, b',', whole), wanted);
                // The same in two pieces.
                let mut span = Span::default();
                let found = match span.end(&record[..cut.min(record.len())], b',', false) {
                    End::Unfinished => span.end(record, b',', whole),
                    end => end,
                };
                proptest::prop_assert_eq!(found, wanted);
            }
        }
    }

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
