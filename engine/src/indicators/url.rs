//! URLs in one spelling.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::value::{LONGEST_NAME, LONGEST_URL, address, is_full_name, name};

/// Places of the parts of a URL in one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Url {
    /// Where what is compared begins: behind the scheme, if there is one.
    pub(super) key: usize,
    /// Where the host ends.
    host_end: usize,
    /// Whether the host is an address.
    is_address: bool,
    /// Whether the host could be a name of the internet.
    is_full: bool,
}

impl Url {
    /// Writes `text` into `url` in one spelling; `None` if it has no host.
    pub(super) fn read(text: &str, url: &mut String) -> Option<Url> {
        url.clear();
        let text = text.trim();
        if text.len() > LONGEST_URL {
            return None;
        }
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, text.strip_prefix("//").unwrap_or(text)),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(end);
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = split_port(host_and_port)?;
        if let Some(scheme) = scheme {
            url.extend(scheme.chars().map(|c| c.to_ascii_lowercase()));
            url.push_str("://");
        }
        let key = url.len();
        let mut is_full = true;
        let is_address = match address(host) {
            Some(IpAddr::V4(address)) => {
                let _ = write!(url, "{address}");
                true
            }
            Some(IpAddr::V6(address)) => {
                let _ = write!(url, "[{address}]");
                true
            }
            None => {
                let mut buffer = [0; LONGEST_NAME];
                let name = name(host, &mut buffer)?;
                is_full = is_full_name(name);
                url.push_str(name);
                false
            }
        };
        let host_end = url.len();
        let is_default = match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => matches!(port, "" | "80" | "443"),
            Some("http" | "ws") => matches!(port, "" | "80"),
            Some("https" | "wss") => matches!(port, "" | "443"),
            Some("ftp") => matches!(port, "" | "21"),
            Some(_) => port.is_empty(),
        };
        if !is_default {
            url.push(':');
            url.push_str(port);
        }
        if !behind.starts_with('/') {
            url.push('/');
        }
        escape(behind, url);
        Some(Url {
            key,
            host_end,
            is_address,
            is_full,
        })
    }

    /// The host within what was written.
    pub(super) fn host<'u>(&self, url: &'u str) -> &'u str {
        &url[self.key..self.host_end]
    }

    /// Whether the host is an address or a name of several labels.
    pub(super) fn is_public_host(&self) -> bool {
        self.is_address || self.is_full
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() <= 32
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Host and port, which is empty if there is none; `None` if what stands there is no port.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let at = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|colon| end + colon),
        None => text.find(':'),
    };
    let (host, port) = match at {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port.then_some((host, port))
}

/// Path and query with escapes as RFC 3986 section 6.2.2 has them.
fn escape(text: &str, url: &mut String) {
    let bytes = text.as_bytes();
    let nibble = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let escaped = match byte {
            b'%' => match (nibble(at), nibble(at + 1)) {
                (Some(high), Some(low)) => {
                    at += 2;
                    let meant = (high * 16 + low) as u8;
                    let plain = meant.is_ascii_alphanumeric() || matches!(meant, b'-' | b'.' | b'_' | b'~');
                    if plain {
                        url.push(char::from(meant));
                        continue;
                    }
                    meant
                }
                _ => {
                    url.push('%');
                    continue;
                }
            },
            0x21..=0x7e => {
                url.push(char::from(byte));
                continue;
            }
            other => other,
        };
        let _ = write!(url, "%{escaped:02X}");
    }
}
