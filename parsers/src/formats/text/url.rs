//! Addresses of web pages, taken apart.
//!
//! ```text
//! https://user@example.org:8443/a/b?c=d#e      example.org:443      /a/b?c=d
//! ```
//!
//! Nothing is decoded: `%2F` in a path stays what it is.

use super::super::fields::{Fields, host_port};

/// Puts the parts of `text`, an address with or without scheme and host, into `fields`. What is set stays.
pub(crate) fn put_url<'a>(fields: &mut Fields<'a>, text: &'a str) {
    let text = text.trim();
    if text.is_empty() || text == "-" {
        return;
    }
    fields.text("url.original", text);
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            fields.text("url.full", text);
            fields.text("url.scheme", scheme);
            put_host(fields, rest);
        }
        _ if text.starts_with('/') => put_path(fields, text),
        _ => put_host(fields, text),
    }
}

/// Puts `host[:port][/path][?query]`.
fn put_host<'a>(fields: &mut Fields<'a>, text: &'a str) {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, path) = text.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = host_port(host);
    if !host.contains([' ', '"', '<', '>']) {
        fields.text("url.domain", host);
    }
    if let Some(port) = port {
        fields.port("url.port", port);
    }
    put_path(fields, path);
}

/// Puts `/path?query#fragment`.
pub(crate) fn put_path<'a>(fields: &mut Fields<'a>, text: &'a str) {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    fields.text("url.path", path);
    fields.text("url.query", query);
    fields.text("url.fragment", fragment);
}

/// Puts `METHOD address HTTP/1.1`, as far as it is there.
pub(crate) fn put_request<'a>(fields: &mut Fields<'a>, request: &'a str) {
    let Some((method, rest)) = request.split_once(' ') else {
        return;
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
        return;
    }
    fields.text("http.request.method", method);
    let (address, version) = match rest.rsplit_once(" HTTP/") {
        Some((address, version)) => (address, version),
        None => (rest, ""),
    };
    put_url(fields, address);
    fields.text("http.version", version);
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 16
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn of(text: &str) -> Vec<(&str, Value<'_>)> {
        let mut fields = Fields::new();
        put_url(&mut fields, text);
        fields.into_iter().skip(1).collect()
    }

    #[test]
    fn parts() {
        assert_eq!(
            of("https://me@example.org:8443/a/b?c=/d#e"),
            [
                ("url.full", Value::Str("https://me@example.org:8443/a/b?c=/d#e")),
                ("url.scheme", Value::Str("https")),
                ("url.domain", Value::Str("example.org")),
                ("url.port", Value::Int(8443)),
                ("url.path", Value::Str("/a/b")),
                ("url.query", Value::Str("c=/d")),
                ("url.fragment", Value::Str("e")),
            ]
        );
        assert_eq!(
            of("[2001:db8::1]:443"),
            [
                ("url.domain", Value::Str("2001:db8::1")),
                ("url.port", Value::Int(443))
            ]
        );
        assert_eq!(
            of("/x?to=http://example.net/"),
            [
                ("url.path", Value::Str("/x")),
                ("url.query", Value::Str("to=http://example.net/"))
            ]
        );
    }

    #[test]
    fn requests() {
        let mut fields = Fields::new();
        put_request(&mut fields, "GET /a b HTTP/1.1");
        assert_eq!(fields.get("url.path"), Some(&Value::Str("/a b")));
        assert_eq!(fields.get("http.version"), Some(&Value::Str("1.1")));
        let mut fields = Fields::new();
        put_request(&mut fields, "\x16\x03\x01 x");
        assert!(fields.is_empty());
    }
}
