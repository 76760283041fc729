//! Whether a text is a table whose first line has the names of its columns.
//!
//! A header is a line of three or more different short names, none of which looks like a value; the record behind it has as
//! many cells, one of which does. So a table of words alone is none unless somebody says so (`--format csv`), and the first
//! line of a log that happens to have commas is no header. Spaces separate nothing but the columns of flow logs of a VPC,
//! whose names are known.

use super::header::RowsHeader;
use super::span::{End, Span};
use crate::formats::text::cells::cells;

/// Bytes in which header and first record must stand.
const HEAD: usize = 64 << 10;

const FEWEST: usize = 3;

/// Columns of flow logs of a VPC.
const FLOW: [&str; 44] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
    "timestamp",
    "flow-log-id",
];

/// Columns of the queries that Route 53's resolver answered.
const RESOLVER: [&str; 19] = [
    "version",
    "account_id",
    "region",
    "vpc_id",
    "query_timestamp",
    "query_name",
    "query_type",
    "query_class",
    "rcode",
    "answers",
    "srcaddr",
    "srcport",
    "transport",
    "srcids",
    "instance",
    "resolver_endpoint",
    "firewall_rule_action",
    "firewall_rule_group_id",
    "firewall_domain_list_id",
];

/// Whether a source starts with the lines of a W3C header.
pub(crate) fn looks_like_w3c(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    let directive = line.strip_prefix('#').and_then(|rest| rest.split_once(':'));
    directive.is_some_and(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "fields" => {
            value
                .split([' ', ',', '\t'])
                .filter(|name| !name.is_empty())
                .count()
                >= 2
        }
        "software" | "version" | "date" | "start-date" | "end-date" | "remark" | "log-type"
        | "time format" => value.starts_with(' '),
        _ => false,
    })
}

/// The header that a text starts with. `None`: more bytes are needed to tell; `Some(None)`: it is no table.
/// `whole`: there are no more.
pub(crate) fn identify(head: &[u8], whole: bool) -> Option<Option<RowsHeader>> {
    let enough = whole || head.len() >= HEAD;
    let head = &head[..head.len().min(HEAD)];
    let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let Some(start) = head.iter().position(|byte| !blank(byte)) else {
        return enough.then_some(None);
    };
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let text = &head[start..];
    if !enough && text.len() < MARK.len() && MARK.starts_with(text) {
        return None;
    }
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let (stated, text) = match stated_separator(text) {
        Some((separator, rest)) if !rest.is_empty() => (Some(separator), rest),
        Some(_) => return enough.then_some(None),
        None => (None, text),
    };
    if !text
        .first()
        .is_none_or(|first| first.is_ascii_alphabetic() || matches!(first, b'"' | b'_' | b'@'))
    {
        return Some(None);
    }
    let Some(feed) = memchr::memchr(b'\n', text) else {
        // A line alone is a line.
        return enough.then_some(None);
    };
    let Some(header) = std::str::from_utf8(&text[..feed])
        .ok()
        .and_then(|line| match stated {
            Some(separator) => Some(RowsHeader::of_line(line.trim_end_matches('\r'), separator))
                .filter(|header| are_names(header.names())),
            None => header_of(line),
        })
    else {
        return Some(None);
    };
    let rest = &text[feed + 1..];
    let Some(row) = rest.iter().position(|byte| !blank(byte)) else {
        return enough.then_some(None);
    };
    let rest = &rest[row..];
    let end = match Span::default().end(rest, header.separator(), whole) {
        End::At(end) => end,
        End::Unfinished if !enough => return None,
        End::Unfinished => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
    };
    Some(is_row(&header, &String::from_utf8_lossy(&rest[..end])).then_some(header))
}

/// The separator that a first line of `sep=;` states, as spreadsheets want it, and what stands behind that line.
pub(super) fn stated_separator(text: &[u8]) -> Option<(u8, &[u8])> {
    let [separator @ (b',' | b';' | b'\t' | b'|'), rest @ ..] = text
        .strip_prefix(b"sep=")
        .or_else(|| text.strip_prefix(b"SEP="))?
    else {
        return None;
    };
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    match rest {
        [b'\n', rest @ ..] => Some((*separator, rest)),
        [] => Some((*separator, rest)),
        _ => None,
    }
}

/// The header that `line` may be.
fn header_of(line: &str) -> Option<RowsHeader> {
    let line = line.trim_end_matches('\r');
    let is_known = |known: &[&str]| line.split(' ').all(|word| known.contains(&word));
    if line.split(' ').count() >= 4 && (is_known(&FLOW) || is_known(&RESOLVER)) {
        return Some(RowsHeader::of_line(line, b' '));
    }
    [b',', b'\t', b';', b'|']
        .into_iter()
        .map(|separator| RowsHeader::of_line(line, separator))
        .find(|header| are_names(header.names()))
}

fn are_names(names: &[Box<str>]) -> bool {
    // A separator at the end of the line begins no column.
    let names = match names {
        [names @ .., last] if last.is_empty() => names,
        names => names,
    };
    if names.len() < FEWEST || !names.iter().all(|name| is_name(name)) {
        return false;
    }
    let mut folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    folded.sort_unstable();
    folded.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether a cell may be the name of a column.
fn is_name(cell: &str) -> bool {
    const LONGEST: usize = 64;
    const WORDS: usize = 6;
    let inside = |c: char| c.is_alphanumeric() || " _-./()#%@$[]&+'*".contains(c);
    cell.len() <= LONGEST
        && cell.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@'))
        && cell.chars().all(inside)
        && cell.split_whitespace().count() <= WORDS
}

fn is_row(header: &RowsHeader, row: &str) -> bool {
    let row = row.trim_end_matches(['\r', '\n']);
    let trimmed = row.trim_end_matches(char::from(header.separator()));
    let named = header.names().iter().filter(|name| !name.is_empty()).count();
    let count = |row: &str| cells(row, header.separator()).count();
    let fits = count(row) == named || count(row) == header.names().len() || count(trimmed) == named;
    let is_value = |text: &str| {
        text.trim_start_matches(['-', '+', ' ', '['])
            .starts_with(|c: char| c.is_ascii_digit())
    };
    fits && cells(row, header.separator())
        .any(|cell| is_value(cell.text) || cell.text.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_other_texts() {
        let of = |text: &str| {
            let found = identify(text.as_bytes(), true).expect("there are no more bytes");
            found.map(|header| char::from(header.separator()))
        };
        assert_eq!(
            of("time,source ip,verdict\n2026-03-01 10:00:00,192.0.2.1,deny\n"),
            Some(',')
        );
        assert_eq!(
            of("\u{feff}\"Time\";\"User Name\";\"What\"\r\n\"2026-03-01\";a;b\r\n"),
            Some(';')
        );
        assert_eq!(of("a\tb\tc\nx\ty\t1\n"), Some('\t'));
        assert_eq!(of("sep=;\r\na;b x;c\r\n1,5;2;3\r\n"), Some(';'));
        assert_eq!(of("\u{feff}sep=,\na;b,x,c\n1,2,3\n"), None);
        assert_eq!(of("sep=x\na,b,c\n1,2,3\n"), None);
        assert_eq!(
            of("version region query_timestamp query_name\n1.1 eu 2026-03-01T10:00:00Z a.example.\n"),
            Some(' ')
        );
        assert_eq!(of("a|b|c|\nx|y|1|\n"), Some('|'));
        assert_eq!(of("a,b,c\n\"x\ny\",,1\n"), Some(','));
        assert_eq!(
            of("version srcaddr dstaddr start end\n2 192.0.2.1 192.0.2.2 1 2\n"),
            Some(' ')
        );
        for other in [
            "",
            "a,b,c\n",
            "a,b,c",
            "a,b,c\nd,e,f\n",
            "a,b,c\n1,2\n",
            "a,a,c\n1,2,3\n",
            "1,b,c\n1,2,3\n",
            "Mar  1 10:00:00 h a: x, y, z\nMar  1 10:00:00 h a: 1, 2, 3\n",
            "started, the server listens on a port, all is well and nobody has to worry\n1, 2, 3\n",
            "one two three four\n1 2 3 4\n",
            "{\"a\":1,\"b\":2}\n",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(identify(b"a,b,c\n", false), None);
        assert_eq!(identify(b"\xef\xbb", false), None);
        assert_eq!(identify(b"a,b,c\n1,\"x\n", false), None);
        assert_eq!(identify(b"a=1,b,c\n", false), Some(None));
    }

    #[test]
    fn w3c_heads() {
        for line in [
            "#Software: x",
            "#Fields: date time",
            "#Version: 1.0",
            "#fields: a,b",
        ] {
            assert!(looks_like_w3c(line), "{line}");
        }
        for line in [
            "# Time: 2026",
            "#fields\tts",
            "#!/bin/sh",
            "#Fields:",
            "#x: y",
            "Software: x",
        ] {
            assert!(!looks_like_w3c(line), "{line}");
        }
    }
}
