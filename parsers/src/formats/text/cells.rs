//! Cells of one line of separated values.
//!
//! ```text
//! 1,"two, and ""more""",,4
//! ```
//!
//! A cell that starts with a quote goes on to the quote that closes it, in which a doubled quote stands for one. A quote
//! inside a bare cell is text.

use super::search::{every, near};

/// The cells of `line`, in order.
pub(crate) fn cells(line: &str, separator: u8) -> Cells<'_> {
    Cells {
        rest: Some(line),
        separator,
    }
}

/// The cells of a `line` that holds no quotes, in order: as [`cells`] gives them.
#[inline]
pub(crate) fn bare_cells(line: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut ends = every(separator, line.as_bytes());
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let end = ends.next();
        start = end.map(|end| end + 1);
        line.get(from..end.unwrap_or(line.len()))
    })
}

/// See [`cells`].
#[derive(Debug, Clone)]
pub(crate) struct Cells<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

/// One cell, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    /// The text; with its quotes doubled if `doubled`.
    pub(crate) text: &'a str,
    /// There are doubled quotes in it.
    pub(crate) doubled: bool,
}

impl Cell<'_> {
    /// The text with single quotes where they are doubled.
    pub(crate) fn undoubled(&self) -> String {
        self.text.replace("\"\"", "\"")
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'a>> {
        let rest = self.rest?;
        if let Some(quoted) = rest.strip_prefix('"')
            && let Some((end, doubled)) = closing(quoted.as_bytes(), self.separator)
        {
            self.rest = quoted.get(end + 2..);
            return Some(Cell {
                text: &quoted[..end],
                doubled,
            });
        }
        let text = match near(self.separator, rest.as_bytes()) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
            None => {
                self.rest = None;
                rest
            }
        };
        Some(Cell { text, doubled: false })
    }
}

/// Where the quote stands that closes a cell, and whether quotes in it are doubled. `None`: it closes nowhere, so that the
/// cell is bare.
fn closing(bytes: &[u8], separator: u8) -> Option<(usize, bool)> {
    let mut from = 0;
    let mut doubled = false;
    loop {
        let at = from + memchr::memchr(b'"', &bytes[from..])?;
        match bytes.get(at + 1) {
            None => return Some((at, doubled)),
            Some(&next) if next == separator => return Some((at, doubled)),
            Some(b'"') => {
                doubled = true;
                from = at + 2;
            }
            // A quote that somebody forgot to double.
            Some(_) => from = at + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<String> {
        cells(line, b',').map(|cell| cell.undoubled()).collect()
    }

    #[test]
    fn quoted_bare_and_damaged() {
        assert_eq!(
            all(r#"1,"two, and ""more""",,x "y" z,"#),
            ["1", "two, and \"more\"", "", "x \"y\" z", ""]
        );
        assert_eq!(all(r#""a "b" c",d"#), ["a \"b\" c", "d"]);
        assert_eq!(all(r#""open,d"#), ["\"open", "d"]);
        assert_eq!(all("\"\""), [""]);
        assert_eq!(all(""), [""]);
    }

    proptest::proptest! {
        #[test]
        fn bare_cells_are_as_others(line in "[a,;é]{0,200}") {
            for separator in [b',', b';'] {
                let others: Vec<&str> = cells(&line, separator).map(|cell| cell.text).collect();
                proptest::prop_assert_eq!(bare_cells(&line, separator).collect::<Vec<_>>(), others);
            }
        }
    }
}
