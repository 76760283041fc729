//! Where a host's name stands in the tree of names: registered domain, public suffix, what stands below.
//!
//! ```text
//! login.mail.example.co.uk      subdomain `login.mail`, registered domain `example.co.uk`, top level `co.uk`
//! ```
//!
//! The border between what a registry gives away and what somebody owns is that of the public suffix list, with
//! its private part (`someone.github.io` belongs to someone). A last label that the list does not know counts as a
//! suffix, so that names of inner networks come apart as well (`dc1.corp.local`).

use std::borrow::Cow;
use std::net::IpAddr;

/// The longest name that the protocol knows.
const LONGEST: usize = 253;

/// The parts of a host's name, in lower case.
#[derive(Debug, PartialEq)]
pub struct Domain<'a> {
    name: Cow<'a, str>,
    /// Where the registered domain begins, and the public suffix.
    registered: usize,
    suffix: usize,
}

impl<'a> Domain<'a> {
    /// The parts of `host`; `None` for addresses, single labels, public suffixes themselves and what is no name.
    ///
    /// ```
    /// use borzoi_parsers::enrich::Domain;
    /// let domain = Domain::of("WWW.Example.co.uk.").unwrap();
    /// assert_eq!(domain.registered(), "example.co.uk");
    /// assert_eq!(domain.top_level(), "co.uk");
    /// assert_eq!(domain.subdomain(), Some("www"));
    /// assert!(Domain::of("192.0.2.1").is_none() && Domain::of("co.uk").is_none());
    /// ```
    pub fn of(host: &'a str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_name =
            host.len() <= LONGEST && host.split('.').all(is_label) && host.parse::<IpAddr>().is_err();
        if !is_name {
            return None;
        }
        let name = match host.chars().any(char::is_uppercase) {
            true => Cow::Owned(host.to_lowercase()),
            false => Cow::Borrowed(host),
        };
        let registered = psl::domain_str(&name)?.len();
        let suffix = psl::suffix_str(&name)?.len();
        Some(Domain {
            registered: name.len() - registered,
            suffix: name.len() - suffix,
            name,
        })
    }

    /// What somebody registered: a public suffix and one label.
    pub fn registered(&self) -> &str {
        &self.name[self.registered..]
    }

    /// The public suffix.
    pub fn top_level(&self) -> &str {
        &self.name[self.suffix..]
    }

    /// What stands below the registered domain.
    pub fn subdomain(&self) -> Option<&str> {
        self.name[..self.registered].strip_suffix('.')
    }
}

fn is_label(label: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    // A certificate's wildcard stands for any.
    label == "*" || (1..=63).contains(&label.len()) && label.chars().all(is_part)
}

/// The host in a host name, `host:port`, mail address or URL.
pub fn host_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.split_once(':') {
        // More than one colon: an IPv6 address.
        Some((_, rest)) if rest.contains(':') => None,
        Some((host, _)) => Some(host),
        None => Some(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(host: &str) -> Option<(String, String, Option<String>)> {
        let domain = Domain::of(host)?;
        Some((
            domain.registered().to_owned(),
            domain.top_level().to_owned(),
            domain.subdomain().map(str::to_owned),
        ))
    }

    #[test]
    fn names_come_apart() {
        for (host, registered, top, sub) in [
            ("www.example.com", "example.com", "com", Some("www")),
            ("example.com", "example.com", "com", None),
            ("a.b.example.co.uk", "example.co.uk", "co.uk", Some("a.b")),
            ("Someone.GitHub.io.", "someone.github.io", "github.io", None),
            ("dc1.corp.local", "corp.local", "local", Some("dc1")),
            ("_ldap._tcp.example.org", "example.org", "org", Some("_ldap._tcp")),
            ("*.example.org", "example.org", "org", Some("*")),
            // A wildcard of the list, and an exception from one.
            ("x.y.z.ck", "y.z.ck", "z.ck", Some("x")),
            ("a.www.ck", "www.ck", "ck", Some("a")),
        ] {
            let wanted = (registered.to_owned(), top.to_owned(), sub.map(str::to_owned));
            assert_eq!(parts(host), Some(wanted), "{host}");
        }
        for host in [
            "",
            ".",
            "com",
            "co.uk",
            "localhost",
            "192.0.2.1",
            "2001:db8::1",
            "a..b",
            "a b.com",
            "x/y.com",
            ".com",
        ] {
            assert_eq!(parts(host), None, "{host}");
        }
        assert_eq!(parts(&format!("{}.com", "a.".repeat(200))), None);
    }

    #[test]
    fn hosts_in_other_texts() {
        assert_eq!(
            host_of("https://user@www.example.com:8443/x?y#z"),
            Some("www.example.com")
        );
        assert_eq!(host_of("somebody@mail.example.org"), Some("mail.example.org"));
        assert_eq!(host_of("[2001:db8::1]:80"), None);
    }

    /// The rules of the list, for a few suffixes, in the plainest way: the longest that fits, else the last label.
    fn plainly(host: &str, suffixes: &[&str]) -> Option<(String, String)> {
        let labels: Vec<&str> = host.split('.').collect();
        let mut tails = (0..labels.len()).map(|at| (at, labels[at..].join(".")));
        let (at, suffix) = tails
            .clone()
            .find(|(_, tail)| suffixes.contains(&tail.as_str()))
            .or_else(|| tails.next_back())?;
        let registered = labels.get(at.checked_sub(1)?..)?.join(".");
        Some((registered, suffix))
    }

    proptest::proptest! {
        #[test]
        fn the_list_is_read_as_its_rules_say(
            below in "([a-z]{2,6}-x\\.){0,4}",
            suffix in proptest::sample::select(vec!["com", "co.uk", "uk", "github.io", "com.au", "corp", "de"]),
        ) {
            let host = format!("{below}{suffix}");
            let known = ["com", "co.uk", "uk", "github.io", "com.au", "au", "io", "de"];
            let got = parts(&host).map(|(registered, top, _)| (registered, top));
            proptest::prop_assert_eq!(got, plainly(&host, &known));
        }

        #[test]
        fn parts_are_the_whole(host in "[A-Za-z0-9_.-]{0,40}") {
            if let Some(domain) = Domain::of(&host) {
                let whole = match domain.subdomain() {
                    Some(sub) => format!("{sub}.{}", domain.registered()),
                    None => domain.registered().to_owned(),
                };
                proptest::prop_assert_eq!(&whole, &host.trim_end_matches('.').to_lowercase());
                proptest::prop_assert!(domain.registered().ends_with(domain.top_level()));
            }
        }

        #[test]
        fn any_text_is_survived(host in "\\PC{0,80}") {
            let _ = Domain::of(&host);
            let _ = host_of(&host);
        }
    }
}
