//! What the first lines of a table say of the lines behind them.
//!
//! | header | cells |
//! |---|---|
//! | `#separator`, `#fields`, `#types` … | Zeek's, see [`ZeekHeader`] |
//! | `#Fields: date time c-ip …`, `#Software: …` | W3C extended: spaces between names; between cells spaces or tabs |
//! | `#Fields: date-time,client-ip,…` | Exchange: RFC 4180 under a W3C head |
//! | `time,source ip,"what, and why"` | RFC 4180 with commas, tabs, semicolons or bars |
//! | `version account-id interface-id …` | the flow logs of a VPC |
//!
//! Names are kept as they stand there: the catalog says what they mean.

use super::identify::stated_separator;
use std::sync::Arc;

use crate::formats::text::cells::cells;
use crate::formats::zeek::ZeekHeader;

/// The header that holds for the rows behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableHeader {
    /// Of a Zeek log.
    Zeek(ZeekHeader),
    /// Of any other table.
    Rows(RowsHeader),
}

/// The header of a table that is no Zeek log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsHeader {
    style: Style,
    separator: u8,
    /// Cells may be quoted.
    quoted: bool,
    /// A space follows each separator.
    spaced: bool,
    /// Times are those of the machine's own zone.
    local: bool,
    // Shared, so that copying a header costs the same however many columns it has.
    names: Arc<[Box<str>]>,
    /// The line with the names, which rotation may repeat.
    line: Arc<[u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// The first line has the names.
    Named,
    /// Lines with `#` have them, and more.
    W3c,
}

/// Separators of tables whose first line has the names, best first.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

impl TableHeader {
    /// Whether `line` belongs to a header, not to the rows.
    pub(crate) fn is_header_line(&self, line: &[u8]) -> bool {
        match self {
            TableHeader::Zeek(_) => line.starts_with(b"#"),
            TableHeader::Rows(rows) => {
                let line = without_mark(line);
                match rows.style {
                    Style::W3c => line.starts_with(b"#"),
                    Style::Named => {
                        rows.names.is_empty()
                            || *line.trim_ascii() == *rows.line
                            || stated_separator(line).is_some()
                    }
                }
            }
        }
    }

    /// Takes in a line of the header.
    pub(crate) fn push(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(without_mark(line));
        match self {
            TableHeader::Zeek(header) => header.push(&text),
            TableHeader::Rows(rows) => match rows.style {
                Style::W3c => rows.push(&text),
                Style::Named if rows.names.is_empty() && stated_separator(line).is_none() => {
                    *rows = RowsHeader::of_first_line(&text)
                }
                Style::Named => {}
            },
        }
    }

    /// The byte between cells, if these may be quoted and go on behind a line feed.
    pub(crate) fn spans_lines(&self) -> Option<u8> {
        match self {
            TableHeader::Rows(rows) if rows.quoted && rows.separator != b' ' => Some(rows.separator),
            _ => None,
        }
    }
}

/// Files put together from several have a mark inside.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

impl RowsHeader {
    /// A W3C header of which no line has been read.
    pub(crate) fn w3c() -> Self {
        RowsHeader {
            style: Style::W3c,
            separator: b' ',
            quoted: true,
            spaced: false,
            local: false,
            names: Arc::default(),
            line: Arc::default(),
        }
    }

    /// The header of a table whose first line is to come, whatever it looks like.
    pub(crate) fn awaited() -> Self {
        RowsHeader {
            style: Style::Named,
            ..RowsHeader::w3c()
        }
    }

    /// The header that `line` is, if it must be one: the separator is the one with most cells.
    fn of_first_line(line: &str) -> Self {
        let count = |separator: &u8| cells(line, *separator).count();
        let most = SEPARATORS.iter().map(count).max().unwrap_or_default();
        let separator = SEPARATORS.into_iter().find(|separator| count(separator) == most);
        RowsHeader::of_line(line, separator.unwrap_or(b','))
    }

    /// The header that `line` is, with this separator.
    pub(crate) fn of_line(line: &str, separator: u8) -> Self {
        let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
        let names: Vec<Box<str>> = cells(line, separator)
            .map(|cell| match cell.doubled {
                true => cell.undoubled().trim().into(),
                false => cell.text.trim().into(),
            })
            .collect();
        let spaced = separator != b' '
            && cells(line, separator)
                .skip(1)
                .any(|cell| cell.text.starts_with(' '));
        RowsHeader {
            style: Style::Named,
            separator,
            quoted: separator != b' ',
            spaced,
            local: true,
            names: names.into(),
            line: line.as_bytes().trim_ascii().into(),
        }
    }

    /// Takes in a line with `#` in front.
    fn push(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("#fields") {
            let separator = match value {
                _ if value.contains(',') => b',',
                _ => b' ',
            };
            let names = value.split(|c: char| c == char::from(separator) || c == '\t');
            self.names = names
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(Box::from)
                .collect();
            self.separator = separator;
        } else if name.eq_ignore_ascii_case("#software") {
            // These never quote: a quote in their cells is a client's.
            self.quoted = !["Internet Information", "Windows Firewall", "HTTP API"]
                .iter()
                .any(|software| value.contains(software));
        } else if name.eq_ignore_ascii_case("#time format") {
            self.local = value.eq_ignore_ascii_case("local");
        }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// Whether it is of the W3C's kind.
    pub(crate) fn is_w3c(&self) -> bool {
        self.style == Style::W3c
    }

    /// Whether times without a zone are local.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether cells may be quoted.
    pub(crate) fn is_quoted(&self) -> bool {
        self.quoted
    }

    /// Whether a space may follow a separator.
    pub(crate) fn is_spaced(&self) -> bool {
        self.spaced
    }

    /// The separator of the names.
    pub(crate) fn separator(&self) -> u8 {
        self.separator
    }

    /// The separator of rows of which one has tabs in it, or none.
    pub(crate) fn separator_with(&self, has_tabs: bool) -> u8 {
        match has_tabs && self.separator == b' ' {
            true => b'\t',
            false => self.separator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &RowsHeader) -> Vec<&str> {
        header.names().iter().map(|name| &**name).collect()
    }

    #[test]
    fn lines_of_a_w3c_header() {
        let mut header = RowsHeader::w3c();
        for line in [
            "#Software: Microsoft Internet Information Services 10.0",
            "#Version: 1.0",
            "#Fields: date time c-ip cs(User-Agent) ",
        ] {
            header.push(line);
        }
        assert_eq!(names(&header), ["date", "time", "c-ip", "cs(User-Agent)"]);
        assert!(!header.is_quoted() && !header.is_local());
        header.push("#Time Format: Local");
        header.push("#Software: SGOS 6.7");
        header.push("#Fields: date-time,client-ip");
        assert_eq!(names(&header), ["date-time", "client-ip"]);
        assert!(header.is_quoted() && header.is_local());
        assert_eq!(header.separator(), b',');
    }

    #[test]
    fn first_lines() {
        let header = RowsHeader::of_first_line("\u{feff}\"Time; local\";Source IP;x\r\n");
        assert_eq!(names(&header), ["Time; local", "Source IP", "x"]);
        assert!(RowsHeader::of_first_line("time, ip").is_spaced());
        assert_eq!(names(&RowsHeader::of_first_line("alone")), ["alone"]);
    }
}
