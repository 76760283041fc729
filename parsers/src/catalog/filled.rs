//! Columns that are filled from others: the name of a process from its path, a host from its full name.
//!
//! A field has one column, and rules find it there. What else people look for in it (`process.name`, the account without
//! its domain, the name that another tool gives the field) is *filled in*: once all fields of an event are written, each
//! filled column that has no value takes one from the first of its sources that has. So nothing that an event says
//! itself is replaced, and no rule on a field sees what another field said: a filled column is none that a declared
//! field has.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::formats::{address, host_port};

use super::file::FilledFile;
use super::resolve::column;
use super::{CatalogError, Column, ColumnType, Dataset, STANDARD_COLUMNS};

/// A column that is filled from others.
#[derive(Debug, Clone)]
pub struct Filled {
    /// Where the value goes.
    pub column: Column,
    /// Where it comes from: the first of these that has one.
    pub from: Vec<Column>,
    /// What of it.
    pub take: Take,
}

/// What a filled column takes of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// All of it.
    #[default]
    Whole,
    /// What stands behind the last `/` or `\\`; all of it where there is none.
    FileName,
    /// What stands before the last `/` or `\\`.
    Directory,
    /// A host's name up to its first dot; nothing of an address.
    FirstLabel,
    /// `NAME` of `DOMAIN\\NAME` and of `NAME@DOMAIN`; all of it where there is neither.
    Account,
    /// `DOMAIN` of `DOMAIN\\NAME` and of `NAME@DOMAIN`.
    Domain,
    /// A number, decimal or hexadecimal (`0x1d9c`).
    Number,
    /// `success` or `failure`, of the keywords of the Security log, however they are written.
    AuditOutcome,
    /// An IP address, in the spelling of all others (`::ffff:192.0.2.1` is `192.0.2.1`); nothing of anything else.
    Address,
    /// `ipv4` or `ipv6`, of an address.
    IpVersion,
    /// The number of a protocol over IP: `6` of `TCP` and of `6`.
    IanaNumber,
    /// The name of a protocol over IP: `tcp` of `6` and of `TCP`.
    Transport,
    /// `https` of `https://host/path`.
    UrlScheme,
    /// `host` of `https://user@host:8443/path`.
    UrlDomain,
    /// `/path` of `https://host/path?query` and of `/path?query`.
    UrlPath,
    /// The MD5 of `SHA1=…,MD5=…`.
    Md5,
    /// The SHA-1 of `SHA1=…,MD5=…`.
    Sha1,
    /// The SHA-256 of `SHA256=…,MD5=…`.
    Sha256,
}

/// Protocols over IP that logs name, with their numbers.
const PROTOCOLS: [(&str, &str); 11] = [
    ("tcp", "6"),
    ("udp", "17"),
    ("icmp", "1"),
    ("ipv6-icmp", "58"),
    ("icmpv6", "58"),
    ("igmp", "2"),
    ("gre", "47"),
    ("esp", "50"),
    ("ah", "51"),
    ("ospf", "89"),
    ("sctp", "132"),
];

impl Take {
    /// What it takes of `text`; `None` for nothing, and for the ways in which logs write that there is nothing.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Take;
    /// assert_eq!(Take::FileName.of(r"C:\Windows\cmd.exe").as_deref(), Some("cmd.exe"));
    /// assert_eq!(Take::FirstLabel.of("dc1.corp.example").as_deref(), Some("dc1"));
    /// assert_eq!(Take::Account.of(r"CORP\alice").as_deref(), Some("alice"));
    /// assert_eq!(Take::Number.of("0x1d9c").as_deref(), Some("7580"));
    /// assert_eq!(Take::Domain.of("alice"), None);
    /// ```
    pub fn of(self, text: &str) -> Option<Cow<'_, str>> {
        if text.is_empty() || text == "-" {
            return None;
        }
        let part = match self {
            Take::Whole => text,
            Take::FileName => text.rsplit(['/', '\\']).next()?,
            Take::Directory => text.rsplit_once(['/', '\\'])?.0,
            Take::FirstLabel if text.parse::<IpAddr>().is_ok() => return None,
            Take::FirstLabel => text.split('.').next()?,
            Take::Account => match text.split_once('\\') {
                Some((_, name)) => name,
                None => text.split_once('@').map_or(text, |(name, _)| name),
            },
            Take::Domain => match text.split_once('\\') {
                Some((domain, _)) => domain,
                None => text.split_once('@')?.1,
            },
            Take::Number => {
                let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
                    return text.parse::<i64>().ok().map(|_| Cow::Borrowed(text));
                };
                let number = i64::from_str_radix(digits, 16).ok()?;
                return Some(Cow::Owned(number.to_string()));
            }
            Take::AuditOutcome => audit_outcome(text)?,
            Take::Address => address(text)?,
            Take::IpVersion => match text.parse::<IpAddr>().ok()? {
                IpAddr::V4(_) => "ipv4",
                IpAddr::V6(_) => "ipv6",
            },
            Take::IanaNumber if text.bytes().all(|b| b.is_ascii_digit()) => text,
            Take::IanaNumber => {
                let named = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(text);
                PROTOCOLS.iter().find(named)?.1
            }
            Take::Transport => {
                let known =
                    |(name, number): &&(&str, &str)| name.eq_ignore_ascii_case(text) || *number == text;
                PROTOCOLS.iter().find(known)?.0
            }
            Take::UrlScheme => {
                url(text)?;
                text.split_once("://")?.0
            }
            Take::UrlDomain => url(text)?.0,
            Take::UrlPath if text.starts_with('/') => before_query(text),
            Take::UrlPath => url(text)?.1,
            Take::Md5 => hash(text, "MD5", 32)?,
            Take::Sha1 => hash(text, "SHA1", 40)?,
            Take::Sha256 => hash(text, "SHA256", 64)?,
        };
        (!part.is_empty()).then_some(Cow::Borrowed(part))
    }
}

/// The bits of the audit keywords, as the mask is written in XML and (as a signed number) by NXLog.
fn audit_outcome(keywords: &str) -> Option<&'static str> {
    const SUCCESS: u64 = 0x20_0000_0000_0000;
    const FAILURE: u64 = 0x10_0000_0000_0000;
    let mask = match keywords.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => keywords.parse::<i64>().ok().map(|signed| signed as u64),
    };
    match mask {
        Some(mask) if mask & SUCCESS != 0 => Some("success"),
        Some(mask) if mask & FAILURE != 0 => Some("failure"),
        Some(_) => None,
        None if keywords.eq_ignore_ascii_case("audit success")
            || keywords.eq_ignore_ascii_case("audit_success") =>
        {
            Some("success")
        }
        None if keywords.eq_ignore_ascii_case("audit failure")
            || keywords.eq_ignore_ascii_case("audit_failure") =>
        {
            Some("failure")
        }
        None => None,
    }
}

/// Host and path of a URL that has a scheme.
fn url(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some((host_port(host).0, before_query(path)))
}

fn before_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// The hash of this name and of so many digits among `NAME=HASH` or `NAME:HASH`, separated.
fn hash<'t>(text: &'t str, name: &str, digits: usize) -> Option<&'t str> {
    let end_of_part = |text: &str| memchr::memchr3(b',', b';', b' ', text.as_bytes());
    let mut rest = text;
    loop {
        if let Some((key, value)) = rest.split_at_checked(name.len())
            && key.eq_ignore_ascii_case(name)
            && let Some(value) = value.strip_prefix(['=', ':'])
        {
            let value = &value[..end_of_part(value).unwrap_or(value.len())];
            if value.len() == digits && value.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Some(value);
            }
        }
        rest = &rest[end_of_part(rest)? + 1..];
    }
}

impl Dataset {
    /// Whether the column of this SQL name is filled from others: no key of an event stands for it.
    pub fn is_filled(&self, sql: &str) -> bool {
        self.filled.iter().any(|filled| *filled.column.sql == *sql)
    }
}

/// The filled columns of `dataset`, whose fields are settled: those of its own file, those of its base that no field
/// of the dataset has, and with `keep` the producer's own names of the fields that have another in their columns.
pub(super) fn filled(
    file: &str,
    dataset: &Dataset,
    own: &[FilledFile],
    base: &[FilledFile],
    keep: Option<&str>,
) -> Result<Vec<Filled>, CatalogError> {
    let mut all: Vec<Filled> = Vec::new();
    for (entry, is_own) in own
        .iter()
        .map(|entry| (entry, true))
        .chain(base.iter().map(|entry| (entry, false)))
    {
        let is_field = dataset
            .fields
            .iter()
            .any(|field| *field.column.dotted == entry.column);
        let is_replaced = own.iter().any(|other| other.column == entry.column);
        if !is_own && (is_field || is_replaced) {
            continue;
        }
        let filled = fill(dataset, entry);
        match refusal(dataset, &filled) {
            None => all.push(filled),
            Some(reason) => {
                return Err(CatalogError::Conflict {
                    file: file.to_owned(),
                    reason: format!("`{}` cannot be filled: it {reason}", entry.column),
                });
            }
        }
    }
    let fields = dataset.fields.iter().filter(|field| !field.exact);
    for (keep, field) in keep
        .iter()
        .flat_map(|keep| fields.clone().map(move |field| (keep, field)))
    {
        // Text, as the undeclared fields of other logs below the same prefix are.
        let filled = Filled {
            column: column(&[keep, &*field.native].concat(), ColumnType::Keyword),
            from: vec![field.column.clone()],
            take: Take::Whole,
        };
        let is_text = field.column.column_type != ColumnType::List && &*field.column.sql != "time";
        let has_other_name = last_part(&field.column.dotted) != last_part(&field.native);
        if is_text && has_other_name && refusal(dataset, &filled).is_none() {
            all.push(filled);
        }
    }
    Ok(all)
}

fn fill(dataset: &Dataset, entry: &FilledFile) -> Filled {
    let known = dataset.types.get(&entry.column);
    let column_type = known.or(entry.column_type).unwrap_or(ColumnType::Keyword);
    Filled {
        column: column(&entry.column, column_type),
        from: entry
            .from
            .iter()
            .map(|name| dataset.column_of_native(name))
            .collect(),
        take: entry.take,
    }
}

/// Why a column cannot be filled.
fn refusal(dataset: &Dataset, filled: &Filled) -> Option<String> {
    let dotted = &*filled.column.dotted;
    if STANDARD_COLUMNS
        .iter()
        .any(|(_, standard, _)| *standard == dotted)
    {
        return Some("is a standard column".to_owned());
    }
    let field = dataset
        .fields
        .iter()
        .find(|field| field.column.sql == filled.column.sql)?;
    Some(format!("is the column of the field {}", field.native))
}

/// The last part of a dotted name, in lower case and without separators.
fn last_part(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn what_is_taken() {
        let cases = [
            (Take::Whole, "-", None),
            (Take::Whole, "a b", Some("a b")),
            (Take::FileName, "System", Some("System")),
            (Take::FileName, r"C:\Windows\", None),
            (Take::FileName, "/usr/bin/su", Some("su")),
            (Take::Directory, r"HKLM\Run\x", Some(r"HKLM\Run")),
            (Take::Directory, "x", None),
            (Take::FirstLabel, "192.0.2.1", None),
            (Take::FirstLabel, "2001:db8::1", None),
            (Take::FirstLabel, "dc1", Some("dc1")),
            (Take::Account, "alice@corp.example", Some("alice")),
            (Take::Account, "alice", Some("alice")),
            (Take::Domain, r"NT AUTHORITY\SYSTEM", Some("NT AUTHORITY")),
            (Take::Domain, "alice", None),
            (Take::Number, "4", Some("4")),
            (Take::Number, "0xffff", Some("65535")),
            (Take::Number, "0xzz", None),
            (Take::Number, "four", None),
            (Take::AuditOutcome, "0x8020000000000000", Some("success")),
            (Take::AuditOutcome, "-9218868437227405312", Some("failure")),
            (Take::AuditOutcome, "Audit Failure", Some("failure")),
            (Take::AuditOutcome, "AUDIT_SUCCESS", Some("success")),
            (Take::AuditOutcome, "0x8000000000000000", None),
            (Take::AuditOutcome, "INFO", None),
            (Take::Address, "::ffff:192.0.2.1", Some("192.0.2.1")),
            (Take::Address, "dc1", None),
            (Take::IpVersion, "192.0.2.1", Some("ipv4")),
            (Take::IpVersion, "2001:db8::1", Some("ipv6")),
            (Take::IanaNumber, "TCP", Some("6")),
            (Take::IanaNumber, "17", Some("17")),
            (Take::IanaNumber, "quic", None),
            (Take::Transport, "17", Some("udp")),
            (Take::Transport, "IPv6-ICMP", Some("ipv6-icmp")),
            (Take::UrlScheme, "https://a.example/x", Some("https")),
            (
                Take::UrlDomain,
                "https://u:p@a.example:8443/x?y=/z",
                Some("a.example"),
            ),
            (Take::UrlDomain, "/x", None),
            (Take::UrlPath, "https://a.example/x?y", Some("/x")),
            (Take::UrlPath, "/x/y?z=http://b.example/", Some("/x/y")),
            (Take::UrlPath, "https://a.example", None),
            (
                Take::Md5,
                "SHA1=0,MD5=00112233445566778899aabbccddeeff",
                Some("00112233445566778899aabbccddeeff"),
            ),
            (Take::Sha1, "SHA1=00112233,MD5=0", None),
        ];
        for (take, text, wanted) in cases {
            assert_eq!(take.of(text).as_deref(), wanted, "{take:?} of {text}");
        }
    }

    #[test]
    fn no_filled_column_is_a_fields() {
        for dataset in Catalog::builtin().datasets() {
            for filled in &dataset.filled {
                let sql = &filled.column.sql;
                assert!(
                    dataset.fields.iter().all(|field| field.column.sql != *sql),
                    "{sql} in {}",
                    dataset.name
                );
                assert!(dataset.is_filled(sql));
            }
        }
    }
}
