//! Mail servers and the filters that stand beside them.
//!
//! Almost everything in these lines was said by a stranger: the name in HELO, the sender, the recipient, the reply of
//! the other server. What the server itself knows of a peer is its address, and it stands in brackets behind the peer's
//! name ([`peer`]), which is a checked host name or `unknown`. Lines are read from the end at which the server writes.

mod dovecot;
mod exim;
mod filters;
mod postfix;
mod postfix_session;
mod sendmail;

use super::super::fields::address;
use super::super::text::Grammar;

/// Mail, the strictest first.
pub(super) const GRAMMARS: &[Grammar] = &[
    filters::POLICY,
    filters::SPAMD,
    postfix::GRAMMAR,
    dovecot::GRAMMAR,
    exim::GRAMMAR,
    sendmail::GRAMMAR,
];

/// The other end of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Peer<'a> {
    /// Its host name; empty where the server found none.
    name: &'a str,
    /// Its address; empty where the line has `unknown` in the brackets.
    ip: &'a str,
    /// Its port, if it is written.
    port: &'a str,
}

/// `name[192.0.2.1]:25`, `name[192.0.2.1]` or `[192.0.2.1]:25` at the start of `text`, and what follows.
fn peer(text: &str) -> Option<(Peer<'_>, &str)> {
    let (name, rest) = text.split_once('[')?;
    let is_name = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    let (inside, rest) = rest.split_once(']')?;
    let ip = match inside {
        "unknown" => "",
        _ => address(inside)?,
    };
    let (port, rest) = match rest.strip_prefix(':') {
        Some(after) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            match digits {
                0 => ("", rest),
                _ => after.split_at(digits),
            }
        }
        None => ("", rest),
    };
    let name = if name == "unknown" { "" } else { name };
    is_name.then_some((Peer { name, ip, port }, rest))
}

/// An address as mail servers write it, `<jane@example.org>` or without the brackets up to a comma or a space, and what
/// follows. In a quoted local part anything may stand.
pub(in crate::formats::vendors) fn mailbox(text: &str) -> Option<(&str, &str)> {
    let Some(inner) = text.strip_prefix('<') else {
        let end = text.find([',', ' ', ';']).unwrap_or(text.len());
        return Some(text.split_at(end));
    };
    let mut from = 0;
    if let Some(quoted) = inner.strip_prefix('"') {
        let mut escaped = false;
        let close = quoted.bytes().position(|b| {
            let closes = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            closes
        })?;
        from = close + 2;
    }
    let end = from + inner.get(from..)?.find('>')?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The domain of a mail address.
fn domain_of(mailbox: &str) -> &str {
    mailbox.rsplit_once('@').map_or("", |(_, domain)| domain)
}
