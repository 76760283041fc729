//! What a filled column takes of its source: `take` in a catalog file.

mod kinds;
mod parts;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::formats::{address, host_port, is_nothing};
pub use kinds::{Piece, Take};
use parts::{
    Url, account, attack_ids, audit_outcome, bare, hash, is_mailbox, is_path, registry, split_path, words,
};

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
    /// What it takes of `text`; `None` for nothing, and for the ways in which logs write that there is nothing. Where it
    /// takes several things ([`Take::all`]), the first.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Take;
    /// assert_eq!(Take::FileName.of(r"C:\Windows\cmd.exe").as_deref(), Some("cmd.exe"));
    /// assert_eq!(Take::FirstLabel.of("dc1.corp.example").as_deref(), Some("dc1"));
    /// assert_eq!(Take::Account.of(r"CORP\alice").as_deref(), Some("alice"));
    /// assert_eq!(Take::Number.of("0x1d9c").as_deref(), Some("7580"));
    /// assert_eq!(Take::Domain.of("alice"), None);
    /// ```
    pub fn of<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        if is_nothing(text) {
            return None;
        }
        if *self == Take::Number
            && let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
        {
            let number = i64::from_str_radix(digits, 16).ok()?;
            return Some(Cow::Owned(number.to_string()));
        }
        let part = self.part(text)?;
        (!part.is_empty()).then_some(Cow::Borrowed(part))
    }

    fn part<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Take::Whole => Some(text),
            Take::FileName => split_path(text).1,
            Take::Directory => split_path(text).0,
            Take::File => Some(text).filter(|text| is_path(text)),
            Take::FirstLabel if text.parse::<IpAddr>().is_ok() => None,
            Take::FirstLabel => text.split('.').next(),
            Take::HostName => Some(text).filter(|text| address(text).is_none()),
            Take::Address => address(text),
            Take::EndpointIp => address(host_port(text).0),
            Take::EndpointDomain => {
                let host = host_port(text).0;
                Some(host).filter(|host| address(host).is_none() && !host.contains(' '))
            }
            Take::EndpointPort => host_port(text).1,
            Take::Account => account(text)[0],
            Take::Domain => account(text)[1],
            Take::Email => account(text)[2],
            Take::Number => text.parse::<i64>().ok().map(|_| text),
            Take::Word => Some(text).filter(|text| text.parse::<i64>().is_err()),
            Take::Outcome => audit_outcome(text),
            Take::IpVersion => match text.parse::<IpAddr>().ok()? {
                IpAddr::V4(_) => Some("ipv4"),
                IpAddr::V6(_) => Some("ipv6"),
            },
            Take::IanaNumber if text.bytes().all(|b| b.is_ascii_digit()) => Some(text),
            Take::IanaNumber => protocol(text).map(|(_, number)| number),
            Take::Transport => protocol(text).map(|(name, _)| name),
            Take::UrlScheme => Url::of(text).scheme,
            Take::UrlDomain => Url::of(text).domain,
            Take::UrlPort => Url::of(text).port,
            Take::UrlPath => Url::of(text).path,
            Take::UrlQuery => Url::of(text).query,
            Take::UrlFull => Url::of(text).full,
            Take::RegistryHive => registry(text).0,
            Take::RegistryKey => registry(text).1,
            Take::RegistryPath => registry(text).0.map(|_| text),
            Take::Mailbox => Some(text).filter(|text| is_mailbox(text)),
            Take::Md5 => hash(text, "MD5", 32),
            Take::Sha1 => hash(text, "SHA1", 40),
            Take::Sha256 => hash(text, "SHA256", 64),
            Take::Bare => Some(bare(text)),
            Take::Prefix => text.split(['_', ':']).next(),
            Take::Version => {
                let version = text.trim_start_matches(|c: char| !c.is_ascii_digit());
                Some(version)
            }
            Take::Piece(piece) => piece.of(text),
            Take::Addresses | Take::Arguments | Take::Tactics | Take::Techniques => {
                self.all(text)?.into_iter().next()
            }
            Take::Url | Take::Path | Take::Registry | Take::Endpoint => None,
        }
    }

    /// What it takes of `text` where that may be several things; `None`: it takes one at most.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Take;
    /// assert_eq!(Take::Arguments.all("ls -l /tmp"), Some(vec!["ls", "-l", "/tmp"]));
    /// assert_eq!(Take::Whole.all("ls -l"), None);
    /// ```
    pub fn all<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        match self {
            Take::Arguments => Some(words(text)),
            Take::Tactics => Some(attack_ids(text, "TA")),
            Take::Techniques => Some(attack_ids(text, "T")),
            Take::Addresses => {
                let hosts = text.split([' ', ',', ';']);
                let hosts = hosts.map(|one| one.split('/').next().unwrap_or(one));
                Some(hosts.filter_map(address).collect())
            }
            _ => None,
        }
    }

    /// The columns that it fills below `x` in `x.*`, and what each takes.
    pub(super) fn parts(&self) -> Option<&'static [(&'static str, Take)]> {
        Some(match self {
            Take::Url => &[
                ("scheme", Take::UrlScheme),
                ("domain", Take::UrlDomain),
                ("port", Take::UrlPort),
                ("path", Take::UrlPath),
                ("query", Take::UrlQuery),
                ("full", Take::UrlFull),
            ],
            Take::Path => &[("name", Take::FileName), ("directory", Take::Directory)],
            Take::Registry => &[
                ("hive", Take::RegistryHive),
                ("key", Take::RegistryKey),
                ("path", Take::RegistryPath),
            ],
            Take::Account => &[
                ("name", Take::Account),
                ("domain", Take::Domain),
                ("email", Take::Email),
            ],
            Take::Endpoint => &[
                ("ip", Take::EndpointIp),
                ("domain", Take::EndpointDomain),
                ("port", Take::EndpointPort),
            ],
            _ => return None,
        })
    }

    /// Whether it fills several columns, and nothing else.
    pub(super) fn is_several(&self) -> bool {
        matches!(self, Take::Url | Take::Path | Take::Registry | Take::Endpoint)
    }
}

fn protocol(text: &str) -> Option<(&'static str, &'static str)> {
    PROTOCOLS
        .into_iter()
        .find(|(name, number)| name.eq_ignore_ascii_case(text) || *number == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let region = Piece::new(":", 3);
        assert_eq!(region.of("arn:aws:wafv2:eu-west-1:1:webacl"), Some("eu-west-1"));
        assert_eq!(region.of("arn:aws:s3:::bucket"), None, "an empty piece is none");
        assert_eq!(Piece::new("@", -1).of("ann@example.org"), Some("example.org"));
        assert_eq!(Piece::new("@", 0).of("ann"), None, "no separator, no piece");
        assert_eq!(Piece::new("@", -3).of("a@b"), None);
    }

    #[test]
    fn what_is_taken() {
        let cases = [
            (Take::Whole, "-", None),
            (Take::Whole, "N/A", None),
            (Take::Whole, "a b", Some("a b")),
            (Take::FileName, "System", Some("System")),
            (Take::FileName, r"C:\Windows\", None),
            (Take::FileName, "/usr/bin/su", Some("su")),
            (Take::Directory, r"HKLM\Run\x", Some(r"HKLM\Run")),
            (Take::Directory, "x", None),
            (Take::File, r"Root\a.xml", Some(r"Root\a.xml")),
            (Take::File, "a.xml", None),
            (Take::File, r"HKLM\Software\x", None),
            (Take::RegistryPath, r"HKLM\Software\x", Some(r"HKLM\Software\x")),
            (Take::RegistryPath, r"C:\x", None),
            (Take::Mailbox, "jane@example.org", Some("jane@example.org")),
            (Take::Mailbox, "jane@host", None),
            (Take::Mailbox, "see @ example.org", None),
            (Take::Tactics, "TA0001, TA0001 and T1566", Some("TA0001")),
            (Take::Techniques, "TA0001: T1204.001.", Some("T1204.001")),
            (Take::Techniques, "T12, Tuesday", None),
            (Take::FirstLabel, "192.0.2.1", None),
            (Take::FirstLabel, "2001:db8::1", None),
            (Take::FirstLabel, "dc1", Some("dc1")),
            (Take::HostName, "PVWA", Some("PVWA")),
            (Take::HostName, "2001:db8::1", None),
            (Take::Account, "alice@corp.example", Some("alice")),
            (Take::Account, "alice", Some("alice")),
            (Take::Domain, r"NT AUTHORITY\SYSTEM", Some("NT AUTHORITY")),
            (Take::Domain, "alice", None),
            (Take::Email, "alice@corp.example", Some("alice@corp.example")),
            (Take::Email, r"CORP\alice", None),
            (Take::Number, "4", Some("4")),
            (Take::Number, "0xffff", Some("65535")),
            (Take::Number, "0xzz", None),
            (Take::Number, "four", None),
            (Take::Word, "4", None),
            (Take::Word, "high", Some("high")),
            (Take::Outcome, "0x8020000000000000", Some("success")),
            (Take::Outcome, "-9218868437227405312", Some("failure")),
            (Take::Outcome, "Audit Failure", Some("failure")),
            (Take::Outcome, "AUDIT_SUCCESS", Some("success")),
            (Take::Outcome, "true", Some("success")),
            (Take::Outcome, "0x8000000000000000", None),
            (Take::Outcome, "INFO", None),
            (Take::Address, "::ffff:192.0.2.1", Some("192.0.2.1")),
            (Take::Address, "dc1", None),
            (Take::Addresses, "fe80::1/64, 192.0.2.1", Some("fe80::1")),
            (Take::EndpointIp, "[2001:db8::1]:53", Some("2001:db8::1")),
            (Take::EndpointDomain, "dc1:88", Some("dc1")),
            (Take::EndpointDomain, "192.0.2.1:53", None),
            (Take::EndpointPort, "192.0.2.1:53", Some("53")),
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
            (Take::UrlPort, "https://a.example:8443/x", Some("8443")),
            (Take::UrlDomain, "/x", None),
            (Take::UrlPath, "https://a.example/x?y", Some("/x")),
            (Take::UrlPath, "/x/y?z=http://b.example/", Some("/x/y")),
            (Take::UrlPath, "https://a.example", None),
            (Take::RegistryHive, r"HKEY_USERS\S-1-5-18\Run", Some("HKU")),
            (
                Take::Md5,
                "SHA1=0,MD5=00112233445566778899aabbccddeeff",
                Some("00112233445566778899aabbccddeeff"),
            ),
            (Take::Sha1, "SHA1=00112233,MD5=0", None),
            (Take::Bare, "<1@example.org>", Some("1@example.org")),
            (
                Take::Bare,
                "\"Jane <x>\" <jane@example.org>",
                Some("jane@example.org"),
            ),
            (Take::Bare, "{0-1}", Some("0-1")),
            (Take::Prefix, "SSH_LOGIN_ATTEMPT", Some("SSH")),
            (Take::Version, "HTTP/1.1", Some("1.1")),
            (Take::Version, "TLS", None),
        ];
        for (take, text, wanted) in cases {
            assert_eq!(take.of(text).as_deref(), wanted, "{take:?} of {text}");
        }
    }
}
