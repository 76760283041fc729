//! The parts of an URL as it stands in a log: absolute, without a scheme (`host/path`), or only a path.
//!
//! Logs write what a client sent, which need not be an URL at all: nothing is normalised, nothing is decoded, and
//! what is no part of the text is no part of the answer. A text that is neither a path nor has a host gives nothing.

use crate::formats::host_port;

/// Longer ones are no extensions.
const LONGEST_EXTENSION: usize = 12;

/// The parts; those that are absent are `None` or empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: Option<&'a str>,
    pub(crate) domain: Option<&'a str>,
    pub(crate) port: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// The parts of `text`.
    pub(crate) fn of(text: &'a str) -> Self {
        let mut url = Url::default();
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        };
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                url.scheme = Some(scheme);
                rest
            }
            _ => text,
        };
        let (rest, fragment) = match rest.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (rest, None),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // Whatever stands before an `@` is a name for the host behind it.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_port(host);
        let is_host = url.scheme.is_some()
            || host.contains(['.', ':'])
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b));
        if !is_host && !authority.is_empty() {
            return Url::default();
        }
        url.domain = Some(host).filter(|host| !host.is_empty());
        url.port = port;
        url.path = Some(path).filter(|path| !path.is_empty());
        url.query = query;
        url.fragment = fragment;
        url
    }
}

/// What stands behind the last dot of a path's last name, without the dot: `php` of `/a/b.php`.
pub(super) fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let (_, extension) = name.rsplit_once('.')?;
    let fits = (1..=LONGEST_EXTENSION).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_url() {
        let url = Url::of("https://jane:pw@www.example.org:8443/a/b.tar?x=1&y=@z#top");
        assert_eq!(url.scheme, Some("https"));
        assert_eq!(url.domain, Some("www.example.org"));
        assert_eq!(url.port, Some("8443"));
        assert_eq!(url.path, Some("/a/b.tar"));
        assert_eq!(url.query, Some("x=1&y=@z"));
        assert_eq!(url.fragment, Some("top"));
        let path = Url::of("/only/path?q=http://other.example/");
        assert_eq!((path.domain, path.path), (None, Some("/only/path")));
        assert_eq!(path.query, Some("q=http://other.example/"));
        assert_eq!(Url::of("no url at all"), Url::default());
        assert_eq!(Url::of("//evil.example/x").domain, None);
    }

    #[test]
    fn extensions() {
        assert_eq!(extension("/a.b/c.php"), Some("php"));
        assert_eq!(extension("/archive.tar.gz"), Some("gz"));
        for path in [
            "/",
            "",
            "/a.b/c",
            "/.",
            "/x.",
            "/v1.0;jsessionid=1",
            "/a.averylongextension",
        ] {
            assert_eq!(extension(path), None, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_put_together_comes_apart(
            scheme in "[a-z]{2,6}", host in "[a-z0-9]{1,10}(\\.[a-z0-9]{1,8}){0,3}", port in proptest::option::of(1u16..),
            path in "(/[a-zA-Z0-9%._~@:-]{0,8}){0,4}", query in proptest::option::of("[a-z0-9=&/?:@%]{0,16}"),
            fragment in proptest::option::of("[a-z0-9/?]{0,8}"),
        ) {
            let mut text = format!("{scheme}://{host}");
            let port = port.map(|port| port.to_string());
            for (mark, part) in [(":", &port), ("", &Some(path.clone())), ("?", &query), ("#", &fragment)] {
                if let Some(part) = part {
                    text.push_str(mark);
                    text.push_str(part);
                }
            }
            let url = Url::of(&text);
            proptest::prop_assert_eq!(url.scheme, Some(scheme.as_str()));
            proptest::prop_assert_eq!(url.domain, Some(host.as_str()));
            proptest::prop_assert_eq!(url.port, port.as_deref());
            proptest::prop_assert_eq!(url.path.unwrap_or_default(), path);
            proptest::prop_assert_eq!(url.query, query.as_deref());
            proptest::prop_assert_eq!(url.fragment, fragment.as_deref());
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let url = Url::of(&text);
            for part in [url.scheme, url.domain, url.port, url.path, url.query, url.fragment].into_iter().flatten() {
                proptest::prop_assert!(text.contains(part));
            }
        }
    }
}
