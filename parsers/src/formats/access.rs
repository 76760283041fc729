//! Access logs of nginx and Apache: common, combined, and both with the virtual host in front.
//!
//! ```text
//! [vhost[:port] ][client, …, ]client ident user [time] "request" status bytes[ "referrer" "user agent"[ more]]
//! [time] client TLSv1.2 cipher "request" bytes          (Apache's ssl_request_log)
//! ```
//!
//! The user name, the request and the headers are the client's text. The servers escape quotes in all of
//! them, so an unescaped quote is the server's own: the line is anchored at `] "`, where the time ends and
//! the request begins. In front of the time stand addresses and names of hosts, as many as the form has, and nothing
//! else: anything more is a line of another program, which quotes one of these. Escapes of printable characters are undone (`\x22` is `"`); others stay as written.
//! A request that is no HTTP is kept whole in `url.original`.

mod plain;

use crate::formats::text::search::Search;
use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::{EventSink, FrameContext, Reject, commit, linux, pinned_or};
use crate::batch::BatchBuilder;
use crate::time;
use crate::value::Value;
pub(super) use plain::PlainLine;

/// The dataset of access logs.
pub(super) const DATASET: &str = "web.access";

/// One line taken apart; everything as written.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'a> {
    clients: &'a str,
    /// The client's own name for its user is no `-`, or missing.
    has_identity: bool,
    user: &'a str,
    time: i64,
    request: &'a str,
    status: &'a str,
    bytes: &'a str,
    headers: Vec<&'a str>,
    more: &'a str,
}

/// Whether `line` is an access log line.
pub fn looks_like(line: &str) -> bool {
    Entry::certain(line, chrono_tz::UTC).is_some()
}

/// Writes the event of one line to `sink`.
///
/// # Errors
///
/// `not_access_log` if the line has no `[time] "request" status bytes`.
pub fn decode(frame: &str, context: &FrameContext<'_>, sink: &mut EventSink) -> Result<(), Reject> {
    let entry = Entry::parse(frame, context.timezone).ok_or_else(|| {
        Reject::new(
            "not_access_log",
            "no `[time] \"request\" status bytes` in the line",
        )
    })?;
    entry.decode(None, frame, context, sink)
}

/// A line of either log, taken apart.
pub(super) enum Entry<'a> {
    Common(PlainLine<'a>),
    Plain(Line<'a>),
    Tls(TlsLine<'a>),
}

impl<'a> Entry<'a> {
    /// The entry that `line` is and nothing else could be. What [`Entry::parse`] takes beyond that may be a line of any
    /// program that quotes an entry, which strangers can make it do.
    pub(super) fn certain(line: &'a str, zone: chrono_tz::Tz) -> Option<Entry<'a>> {
        // The priority of a syslog line: no client starts with it.
        if line.starts_with('<') {
            return None;
        }
        Entry::parse(line, zone).filter(|entry| match entry {
            Entry::Common(_) | Entry::Tls(_) => true,
            Entry::Plain(line) => line.is_certain(),
        })
    }

    /// The entry that `line` is, in a log of nothing else.
    fn parse(line: &'a str, zone: chrono_tz::Tz) -> Option<Entry<'a>> {
        if let Some(entry) = PlainLine::parse(line, zone) {
            return Some(Entry::Common(entry));
        }
        match TlsLine::parse(line, zone) {
            Some(entry) => Some(Entry::Tls(entry)),
            None => Line::parse(line, zone).map(Entry::Plain),
        }
    }

    /// Writes the event of the entry, which stands in `frame`, to `sink`.
    ///
    /// # Errors
    ///
    /// `no_dataset` if the catalog in use has none for access logs.
    pub(super) fn decode(
        &self,
        host: Option<&str>,
        frame: &str,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
    ) -> Result<(), Reject> {
        let dataset = pinned_or(DATASET, context, sink)?;
        let builder = sink.begin(&dataset);
        if let Some(host) = host {
            builder.field("host.name", Value::Str(host));
        }
        let time = match self {
            Entry::Common(line) => {
                line.write(builder);
                line.time
            }
            Entry::Plain(line) => {
                line.write(builder);
                line.time
            }
            Entry::Tls(line) => {
                line.write(builder);
                line.time
            }
        };
        commit(builder, context, frame.as_bytes(), 0, Some(time));
        Ok(())
    }
}

/// A line of the log that Apache keeps of encrypted requests.
pub(super) struct TlsLine<'a> {
    time: i64,
    client: &'a str,
    protocol: &'a str,
    cipher: &'a str,
    request: &'a str,
    bytes: &'a str,
}

impl<'a> TlsLine<'a> {
    fn parse(line: &'a str, zone: chrono_tz::Tz) -> Option<TlsLine<'a>> {
        let (time, rest) = time::apache(line.strip_prefix('[')?, zone)?;
        let (head, request) = rest.strip_prefix("] ")?.cut(" \"")?;
        let mut words = head.split(' ');
        let (client, protocol, cipher) = (words.next()?, words.next()?, words.next()?);
        let is_protocol = protocol.starts_with("TLSv") || protocol.starts_with("SSLv") || protocol == "-";
        if !is_protocol || words.next().is_some() {
            return None;
        }
        let (request, bytes) = request.trim_end().cut_last("\" ")?;
        let counted = bytes == "-" || bytes.bytes().all(|b| b.is_ascii_digit());
        counted.then_some(TlsLine {
            time,
            client,
            protocol,
            cipher,
            request,
            bytes,
        })
    }

    fn write(&self, builder: &mut BatchBuilder) {
        match linux::address(self.client) {
            Some(address) => builder.field("c-ip", Value::Str(address)),
            None => builder.field("source.domain", Value::Str(self.client)),
        }
        if self.protocol != "-" {
            builder.field("ssl.protocol", Value::Str(self.protocol));
            let (name, version) = self.protocol.split_once('v').unwrap_or(("", self.protocol));
            builder.field("tls.version", Value::Str(version));
            let name = if name == "TLS" { "tls" } else { "ssl" };
            builder.field("tls.version_protocol", Value::Str(name));
        }
        if self.cipher != "-" {
            builder.field("tls.cipher", Value::Str(self.cipher));
        }
        builder.field("sc-bytes", self.bytes.parse().map_or(Value::Null, Value::Int));
        write_request(self.request, builder);
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a str, zone: chrono_tz::Tz) -> Option<Line<'a>> {
        let line = line.trim_end_matches(['\n', '\r', ' ']);
        let mut searched = 0;
        let (head, time, rest) = loop {
            let at = searched + line[searched..].place_of("] \"")?;
            searched = at + 3;
            // A time has less than 64 bytes; further back it would be sought again and again.
            let from = at.saturating_sub(64);
            if let Some(open) = memchr::memrchr(b'[', &line.as_bytes()[from..at])
                && let Some((time, "")) = time::apache(&line[from + open + 1..at], zone)
            {
                break (&line[..from + open], time, &line[at + 2..]);
            }
        };
        let (rest, (request, status, bytes)) = numbers(rest).ok()?;
        let head = head.trim_end();
        let without = head.cut(" - ");
        let (clients, user) = match without {
            Some((clients, user)) => (clients, user),
            // One word less than the common format has.
            None if head.matches(' ').count() == 1 => head.split_once(' ')?,
            // An identity that is no `-`: the two last words are identity and user.
            None => {
                let (clients, user) = head.rsplit_once(' ')?;
                (clients.rsplit_once(' ')?.0, user)
            }
        };
        let mut headers = Vec::new();
        let mut more = rest;
        while let Ok((rest, header)) = preceded(char(' '), quoted).parse(more) {
            headers.push(header);
            more = rest;
        }
        Some(Line {
            clients,
            has_identity: without.is_none(),
            user,
            time,
            request,
            status,
            bytes,
            headers,
            more: more.trim(),
        })
    }

    /// Whether it can be no line of another program that quotes one: in front of the time stand only what the form has
    /// there, and an identity only behind an address or a whole name, as only such are looked up.
    fn is_certain(&self) -> bool {
        are_clients(self.clients) && (!self.has_identity || is_far(self.clients))
    }

    fn write(&self, builder: &mut BatchBuilder) {
        self.write_clients(builder);
        for (name, value) in [
            ("cs-username", self.user),
            ("cs-referer", self.headers.first().copied().unwrap_or("-")),
            ("cs-user-agent", self.headers.get(1).copied().unwrap_or("-")),
            (
                "http_x_forwarded_for",
                self.headers.get(2).copied().unwrap_or("-"),
            ),
            ("extra", self.more),
        ] {
            if !value.is_empty() && value != "-" {
                builder.field(name, Value::Str(&unescape(value)));
            }
        }
        builder.field("sc-status", self.status.parse().map_or(Value::Null, Value::Int));
        builder.field("sc-bytes", self.bytes.parse().map_or(Value::Null, Value::Int));
        write_request(self.request, builder);
    }

    /// `client`, `client, proxy, proxy`, `"client, proxy" proxy`, `vhost client` or `client (name)`; see [`are_ambiguous`].
    fn write_clients(&self, builder: &mut BatchBuilder) {
        let mut parts = self.clients.split(',').map(str::trim);
        let words = |part: &'a str| {
            part.split(' ')
                .map(|word| word.trim_matches('"'))
                .filter(|word| !word.is_empty() && !word.starts_with('('))
        };
        let mut first: Vec<&str> = words(parts.next().unwrap_or_default()).collect();
        let is_ambiguous = are_ambiguous(self.clients);
        if first.len() > 1 && !is_ambiguous && !self.clients.starts_with('"') {
            let (name, port) = host_and_port(first[0]);
            builder.field("cs-host", Value::Str(name));
            builder.field("s-port", port.map_or(Value::Null, Value::Int));
            first.remove(0);
        }
        let clients: Vec<&str> = first.into_iter().chain(parts.flat_map(words)).collect();
        // Of several in a row with commas, the last is who the server spoke with, or the nearest that a proxy vouches for;
        // what stands in front is what that one, or a client behind it, says.
        let addresses = || {
            clients
                .iter()
                .filter_map(|client| linux::address(host_and_port(client).0))
        };
        match addresses().next_back() {
            Some(_) if is_ambiguous => {}
            Some(address) => builder.field("c-ip", Value::Str(address)),
            None => {
                if let Some(name) = clients.first().filter(|name| !matches!(**name, "-" | "")) {
                    builder.field("source.domain", Value::Str(name));
                }
            }
        }
        if clients.len() > 1 {
            let all = clients.iter().map(|client| Value::Str(client)).collect();
            builder.field("remote_ip_list", Value::List(all));
            let related: Vec<Value<'_>> = addresses().map(Value::Str).collect();
            if related.len() > 1 {
                builder.field("related.ip", Value::List(related));
            }
        }
    }
}

/// Whether clients do not tell which of them the server spoke with: behind an address stands another without a comma, or a
/// list that begins with nothing or stands in quotes. The first may be the server's own address, or the client's with its
/// `X-Forwarded-For` behind it (Apache's `%h %{X-Forwarded-For}i`).
fn are_ambiguous(clients: &str) -> bool {
    let mut words = clients
        .split(' ')
        .filter(|word| !word.is_empty() && !is_comment(word));
    let first = words.next().unwrap_or_default();
    let Some(second) = words.next() else {
        return false;
    };
    let is_address = linux::address(host_and_port(first).0).is_some();
    is_address || second.starts_with(',') || clients.ends_with('"')
}

/// Whether a word is a name in brackets behind an address.
fn is_comment(word: &str) -> bool {
    word.starts_with('(') && word.ends_with(')')
}

/// Whether a text is what stands in front of identity and user: `[vhost ]client`, proxies behind commas.
fn are_clients(text: &str) -> bool {
    let is_quoted = text.matches('"').count().is_multiple_of(2);
    is_quoted
        && text.split(',').all(|part| {
            let words = part.split(' ').map(|word| word.trim_matches('"'));
            let words = words.filter(|word| !word.is_empty() && !is_comment(word));
            words.clone().count() <= 2 && words.clone().all(is_host)
        })
}

/// Whether the last of some clients is an address or a whole name, as only such are looked up with an identity.
fn is_far(clients: &str) -> bool {
    let last = clients.rsplit(' ').next().unwrap_or(clients);
    last == "localhost" || linux::address(last).is_some() || host_and_port(last).0.contains('.')
}

/// Whether a word is the name of a host or an address, with a port or without.
fn is_host(word: &str) -> bool {
    let (name, port) = host_and_port(word);
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.*%".contains(&b) || !b.is_ascii())
    };
    is_name(name) && (port.is_some() || name.len() == word.len()) || linux::address(name).is_some()
}

/// Writes a request line (`GET /path?query HTTP/1.1`) taken apart.
pub(super) fn write_request(text: &str, builder: &mut BatchBuilder) {
    if matches!(text, "" | "-") {
        return;
    }
    let Ok((_, (method, target, version))) = request(text) else {
        return builder.field("cs-uri", Value::Str(text));
    };
    let target = unescape(target);
    builder.field("cs-method", Value::Str(method));
    builder.field("cs-version", version.map_or(Value::Null, Value::Str));
    builder.field("cs-uri", Value::Str(&target));
    let (resource, query) = match target.split_once('?') {
        Some((resource, query)) => (resource, Some(query)),
        None => (&*target, None),
    };
    // Clients of proxies send the whole address.
    let path = match resource.cut("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
            let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            builder.field("cs-host", Value::Str(host_and_port(authority).0));
            path
        }
        _ => resource,
    };
    builder.field("cs-uri-stem", Value::Str(path));
    if let Some(query) = query {
        builder.field("url.query", Value::Str(query));
    }
    if let Some(extension) = plain::extension(path) {
        builder.field("c-uri-extension", Value::Str(extension));
    }
}

/// `"request" status bytes`
fn numbers(input: &str) -> IResult<&str, (&str, &str, &str)> {
    (
        quoted,
        preceded(char(' '), digit1),
        preceded(char(' '), alt((digit1, tag("-")))),
    )
        .parse(input)
}

/// Text in quotes; a backslash takes the meaning from the next character.
fn quoted(input: &str) -> IResult<&str, &str> {
    let (body, _) = char('"').parse(input)?;
    let bytes = body.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return Ok((&body[at + 1..], &body[..at]));
        }
        at += 2;
    }
    Err(nom::Err::Error(nom::error::Error::new(
        input,
        nom::error::ErrorKind::Char,
    )))
}

/// `METHOD target HTTP/1.1`; the target may hold spaces, the version may be missing (HTTP 0.9).
fn request(input: &str) -> IResult<&str, (&str, &str, Option<&str>)> {
    let (rest, method) = terminated(
        take_while1(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-')),
        char(' '),
    )
    .parse(input)?;
    let (target, version) = match rest.cut_last(" HTTP/") {
        Some((target, version)) => (target, Some(version)),
        None => (rest, None),
    };
    // Without a version, only what could be a path or an address is a request and no noise.
    let is_target =
        target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://");
    if version.is_none() && !is_target {
        return Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Tag,
        )));
    }
    Ok(("", (method, target, version)))
}

/// `name:80`, `[::1]:80`, `::1` or `name`.
pub(super) fn host_and_port(text: &str) -> (&str, Option<i64>) {
    let parsed: IResult<&str, (&str, Option<&str>)> = (
        alt((
            map(
                (char('['), take_while1(|c| c != ']'), char(']')),
                |(_, host, _)| host,
            ),
            take_while1(|c| c != ':'),
        )),
        opt(preceded(char(':'), digit1)),
    )
        .parse(text);
    match parsed {
        Ok(("", (host, port))) => (host, port.and_then(|port| port.parse().ok())),
        _ => (text, None),
    }
}

/// Undoes `\"`, `\\` and `\xHH` of printable ASCII.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let code = escape
            .strip_prefix("\\x")
            .and_then(|hex| hex.get(..2))
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .filter(|code| (0x20..0x7f).contains(code));
        if let Some(code) = code {
            out.push(char::from(code));
            rest = &escape[4..];
        } else if escape.starts_with("\\\"") || escape.starts_with("\\\\") {
            out.push_str(&escape[1..2]);
            rest = &escape[2..];
        } else {
            out.push('\\');
            rest = &escape[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{EventBatch, strings};
    use crate::formats::testing;

    fn event(line: &str) -> EventBatch {
        testing::batch(line, decode)
    }

    #[track_caller]
    fn check(line: &str, wanted: &[(&str, Option<&str>)]) {
        let batch = event(line);
        for (sql, value) in wanted {
            let got = batch
                .column(sql)
                .and_then(|column| Some(strings(column)?.get(0)?.to_owned()));
            assert_eq!(got.as_deref(), *value, "{sql} of {line}");
        }
        assert!(batch.column("unmapped").is_none(), "{line}");
    }

    #[test]
    fn common_and_combined() {
        check(
            r#"203.0.113.5 - mara [03/Feb/2026:04:05:06 +0100] "GET /a/b.php?x=1&y=\x22z HTTP/1.1" 200 512 "https://example.org/" "agent \"5\"""#,
            &[
                ("source_ip", Some("203.0.113.5")),
                ("user_name", Some("mara")),
                ("http_request_method", Some("GET")),
                ("url_original", Some("/a/b.php?x=1&y=\"z")),
                ("url_path", Some("/a/b.php")),
                ("url_query", Some("x=1&y=\"z")),
                ("url_extension", Some("php")),
                ("http_version", Some("1.1")),
                ("user_agent_original", Some("agent \"5\"")),
                ("http_request_referrer", Some("https://example.org/")),
            ],
        );
        check(
            r#"shop.example.org:443 10.0.0.9, 203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] "GET / HTTP/2.0" 304 - "-" "-" "1.2.3.4" 0.001"#,
            &[
                ("source_ip", Some("203.0.113.5")),
                ("url_domain", Some("shop.example.org")),
                ("user_name", None),
                ("user_agent_original", None),
                ("web_access_http_x_forwarded_for", Some("1.2.3.4")),
                ("web_access_extra", Some("0.001")),
            ],
        );
        check(
            r#"::1 - - [03/Feb/2026:04:05:06 +0100] "CONNECT http://u@h.example.org:80/p?q HTTP/1.1" 200 1"#,
            &[
                ("source_ip", Some("::1")),
                ("url_domain", Some("h.example.org")),
                ("url_path", Some("/p")),
            ],
        );
    }

    #[test]
    fn encrypted_requests_and_lists_of_clients() {
        check(
            r#"[03/Feb/2026:04:05:06 +0100] 203.0.113.5 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 "GET /a?b HTTP/1.1" 1375"#,
            &[
                ("source_ip", Some("203.0.113.5")),
                ("tls_version", Some("1.2")),
                ("tls_cipher", Some("ECDHE-RSA-AES128-GCM-SHA256")),
                ("url_path", Some("/a")),
            ],
        );
        check(
            r#"10.0.0.1, 203.0.113.5 10.0.0.2 - - [03/Feb/2026:04:05:06 +0100] "GET / HTTP/1.1" 200 1"#,
            &[("source_ip", Some("10.0.0.2")), ("destination_ip", None)],
        );
        check(
            r#""10.0.0.1, 203.0.113.5" 10.0.0.2 - - [03/Feb/2026:04:05:06 +0100] "GET / HTTP/1.1" 200 1"#,
            &[("source_ip", Some("10.0.0.2"))],
        );
    }

    #[test]
    fn two_addresses_in_front_do_not_tell_whose_they_are() {
        let ambiguous = [
            "192.0.2.10 203.0.113.66",
            "192.0.2.10:443 203.0.113.66",
            "192.0.2.10 203.0.113.66, 10.0.0.1",
            "192.0.2.10 203.0.113.66, 10.0.0.1 10.0.0.2",
            "192.0.2.10 , 203.0.113.66",
            "192.0.2.10 \"203.0.113.66\"",
        ];
        for clients in ambiguous {
            let line = format!(r#"{clients} - - [03/Feb/2026:04:05:06 +0100] "GET / HTTP/1.1" 200 1"#);
            check(
                &line,
                &[
                    ("source_ip", None),
                    ("destination_ip", None),
                    ("source_domain", None),
                    ("url_domain", None),
                    ("url_path", Some("/")),
                ],
            );
            let flat = testing::fields_of(&line);
            let related = testing::value(&flat, "related.ip");
            assert!(
                related.contains("192.0.2.10") && related.contains("203.0.113.66"),
                "{related} of {line}"
            );
        }
        for clients in [
            "\"203.0.113.66\" 192.0.2.10",
            "www.example.org:80 192.0.2.10",
            "192.0.2.10 (a.example)",
        ] {
            check(
                &format!(r#"{clients} - - [03/Feb/2026:04:05:06 +0100] "GET / HTTP/1.1" 200 1"#),
                &[("source_ip", Some("192.0.2.10")), ("destination_ip", None)],
            );
        }
    }

    #[test]
    fn noise_and_lies() {
        check(
            r#"203.0.113.5 - - [03/Feb/2026:04:05:06 +0000] "\x16\x03\x01\x22" 400 157 "-" "-""#,
            &[
                ("url_original", Some(r"\x16\x03\x01\x22")),
                ("http_request_method", None),
            ],
        );
        check(
            r#"203.0.113.5 - - [03/Feb/2026:04:05:06 +0000] "-" 408 0 "-" "-""#,
            &[("url_original", None), ("source_ip", Some("203.0.113.5"))],
        );
        // A user name that pretends to be the rest of a line cannot hold a plain quote.
        check(
            r#"203.0.113.5 - x [01/Jan/2020:00:00:00 +0000] \x22GET / [03/Feb/2026:04:05:06 +0000] "GET /real HTTP/1.1" 401 9 "-" "-""#,
            &[("url_path", Some("/real")), ("source_ip", Some("203.0.113.5"))],
        );
        for line in [
            "",
            "GET /",
            r#"1.2.3.4 - - [x] "GET /" 200 1"#,
            r#"a [03/Feb/2026:04:05:06 +0000] "GET / 200 1"#,
        ] {
            assert!(!looks_like(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,60}", request in "\\PC{0,40}") {
            let _ = looks_like(&line);
            let framed = format!("1.1.1.1 - - [03/Feb/2026:04:05:06 +0000] \"{request}\" 200 1 {line}");
            if looks_like(&framed) {
                event(&framed);
            }
        }

        #[test]
        fn no_near_line_panics(line in "([a-z0-9.:,é\\[\\]() -]{0,20}\\[03/Feb/2026:04:05:06\\] \"(GET |POST )?[a-z/:?@\\\\x2é\"]{0,20}( HTTP/1)?\" 200 (1|-))( \"[x\\\\\"]{0,4}\"){0,4}") {
            if looks_like(&line) {
                event(&line);
            }
        }
    }
}
