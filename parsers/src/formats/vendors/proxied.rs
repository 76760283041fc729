//! Servers in between and IIS: HAProxy, Squid, and IIS logs whose header is lost.
//!
//! ```text
//! 192.0.2.4:5000 [01/Mar/2026:10:00:00.250] front back/srv1 0/0/1/4/5 200 750 - - ---- 4/4/0/1/0 0/0 {host} "GET /a HTTP/1.1"
//! 1772355600.250    207 192.0.2.4 TCP_TUNNEL/200 4047 CONNECT a.example:443 ann HIER_DIRECT/198.51.100.9 -
//! 2026-03-01 10:00:00 W3SVC1 10.0.0.1 GET /a.asp - 80 - 192.0.2.4 Mozilla/4.0+(compatible) 404 0 2
//! ::1, -, 03/01/2026, 10:00:00, W3SVC1, WEB1, ::1, 2, 769, 143, 304, 0, GET, /, -,
//! ```
//!
//! HAProxy's and Squid's own columns stand in front; the request is the client's, in quotes or with its spaces encoded.

use super::super::fields::{Fields, address, host_port};
use super::super::text::{Event, Grammar, Line};
use crate::formats::text::search::Search;
use crate::time;
use crate::value::Value;

/// Asked before marks are sought: the first words decide.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "haproxy",
        marks: &[],
        programs: &[],
        read: haproxy,
    },
    Grammar {
        name: "squid",
        marks: &[],
        programs: &[],
        read: squid,
    },
    Grammar {
        name: "iis",
        marks: &[],
        programs: &[],
        read: iis,
    },
    Grammar {
        name: "iis, its own format",
        marks: &[],
        programs: &[],
        read: iis_native,
    },
];

fn event<'a>(
    line: &Line<'a>,
    dataset: &'static str,
    time: Option<i64>,
    mut fields: Fields<'a>,
) -> Option<Event<'a>> {
    fields.push("message", Value::Str(line.body));
    Some(Event {
        dataset,
        time,
        fields,
        headless: false,
    })
}

fn haproxy<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let mut fields = Fields::default();
    if let Some(rest) = body.strip_prefix("Connect from ") {
        let (from, rest) = rest.cut(" to ")?;
        let (to, rest) = rest.cut(" (")?;
        client(from, &mut fields, ["source.ip", "source.port"])?;
        client(to, &mut fields, ["destination.ip", "destination.port"])?;
        fields.push("frontend", Value::Str(rest.strip_suffix(')')?));
        return event(line, "haproxy.log", None, fields);
    }
    if !starts_with_address(body) {
        return None;
    }
    let (peer, rest) = body.cut(" [")?;
    client(peer, &mut fields, ["source.ip", "source.port"])?;
    fields.reserve(40);
    let (stamp, rest) = rest.cut("] ")?;
    let (time, _) = time::apache(stamp, line.context.timezone)?;
    fields.push("request_date", Value::Str(stamp));
    let (front, rest) = rest.split_once(' ')?;
    if let Some(front) = front.strip_suffix(':') {
        fields.push("frontend_name", Value::Str(front));
        fields.push("event.reason", Value::Str(rest));
        return event(line, "haproxy.log", Some(time), fields);
    }
    fields.push("frontend_name", Value::Str(front));
    let mut words = rest.split(' ');
    let (back, server) = words.next()?.split_once('/')?;
    fields.text("backend_name", back);
    fields.text("server_name", server);
    let times = words.next()?;
    let http = times.bytes().filter(|b| *b == b'/').count() == 4;
    let names: &[&str] = match http {
        true => &[
            "http.request.time_wait_ms",
            "total_waiting_time_ms",
            "connection_wait_time_ms",
            "http.request.time_wait_without_data_ms",
            "total_time_ms",
        ],
        false => &[
            "total_waiting_time_ms",
            "connection_wait_time_ms",
            "total_time_ms",
        ],
    };
    for (name, text) in names.iter().zip(times.split('/')) {
        fields.text(name, text.trim_start_matches('+'));
    }
    if http {
        fields.known("http.response.status_code", words.next()?);
        fields.known("http.response.bytes", words.next()?.trim_start_matches('+'));
        fields.known("http.request.captured_cookie", words.next()?);
        fields.known("http.response.captured_cookie", words.next()?);
    } else {
        fields.known("source.bytes", words.next()?.trim_start_matches('+'));
    }
    fields.text("termination_state", words.next()?);
    let connections = [
        "connections.active",
        "connections.frontend",
        "connections.backend",
        "connections.server",
        "connections.retries",
    ];
    for (name, text) in connections.iter().zip(words.next()?.split('/')) {
        fields.text(name, text.trim_start_matches('+'));
    }
    for (name, text) in ["server_queue", "backend_queue"]
        .iter()
        .zip(words.next()?.split('/'))
    {
        fields.text(name, text);
    }
    // Captured headers stand in front of the request, and the server quotes it.
    if http && let Some((_, rest)) = rest.cut(" \"") {
        // A quote in the request is written as `#22`.
        let (request, more) = rest.split_once('"').unwrap_or((rest, ""));
        requested(request, &mut fields);
        if let Some(version) = more.trim_start().strip_prefix("TLSv") {
            fields.text("tls.version", version.split(' ').next().unwrap_or_default());
        }
    }
    event(line, "haproxy.log", Some(time), fields)
}

/// Whether the first letter of `text` could be that of an address.
fn starts_with_address(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':' || c == '[')
}

/// `METHOD url HTTP/1.1`
fn requested<'a>(request: &'a str, fields: &mut Fields<'a>) {
    if request == "<BADREQ>" {
        return;
    }
    let Some((method, rest)) = request.split_once(' ') else {
        return;
    };
    let (url, version) = rest.cut_last(" HTTP/").unwrap_or((rest, ""));
    fields.text("http.request.method", method);
    fields.text("http.version", version);
    match url.starts_with('/') {
        // Behind a slash no other part of a URL follows but the query.
        true => {
            fields.push("url.original", Value::Str(url));
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            fields.text("url.path", path);
            fields.text("url.query", query);
        }
        false => fields.url(url),
    }
}

fn client<'a>(text: &'a str, fields: &mut Fields<'a>, [ip, name]: [&'static str; 2]) -> Option<()> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if host.contains(':') => (host, Some(port)),
        _ => host_port(text),
    };
    fields.push(ip, Value::Str(address(host)?));
    fields.port(name, port?);
    Some(())
}

fn squid<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let stamp = body.as_bytes();
    if stamp.get(10) != Some(&b'.') || !stamp[0].is_ascii_digit() {
        return None;
    }
    let mut words = body.split(' ').filter(|word| !word.is_empty());
    let time = time::epoch(words.next()?)?;
    let mut fields = Fields::with_room(32);
    let elapsed: i64 = words.next()?.parse().ok()?;
    fields.push("event.duration", Value::Int(elapsed));
    fields.source(words.next()?);
    let (result, status) = words.next()?.split_once('/')?;
    fields.push("event.action", Value::Str(result));
    if let Some((transport @ ("TCP" | "UDP"), cache)) = result.split_once('_') {
        fields.push(
            "network.transport",
            Value::Str(if transport == "TCP" { "tcp" } else { "udp" }),
        );
        fields.push("cache_status", Value::Str(cache));
    }
    fields.number("http.response.status_code", status);
    fields.number("http.response.bytes", words.next()?);
    let method = words.next()?;
    fields.push("http.request.method", Value::Str(method));
    // An address with blanks has more words; behind it stand a user, and where Squid had the answer from.
    let words: Vec<&str> = words.collect();
    // The last word is the type of the content, which the other server chose, if the one in front of it is the peer.
    let native = words
        .len()
        .checked_sub(2)
        .filter(|&at| at >= 2 && is_peer(words[at]));
    let candidates = native.map_or(words.len(), |at| at + 1);
    let mut peers = (2..candidates).filter(|&at| is_peer(words[at]));
    let at = match (words.get(2)?, peers.next(), peers.next()) {
        (_, Some(at), None) => at,
        // A hierarchy that is written in another way.
        (third, None, None) if third.contains('/') => 2,
        (_, None, None) => return None,
        // Which one is Squid's cannot be told.
        (_, _, Some(_)) => return event(line, "squid.access", Some(time), fields),
    };
    let url = span_of(line.body, words[0], words[at - 2]);
    let mut words = words[at - 1..].iter().copied();
    match method {
        "CONNECT" => {
            let (host, port) = host_port(url);
            fields.push("url.original", Value::Str(url));
            fields.endpoint("destination.ip", "destination.domain", host);
            fields.port("destination.port", port.unwrap_or_default());
        }
        _ => fields.url(url),
    }
    fields.known("user.name", words.next()?);
    let (hierarchy, peer) = words.next()?.split_once('/')?;
    fields.push("hierarchy_code", Value::Str(hierarchy));
    if let Some(peer) = address(peer) {
        fields.text("destination.ip", peer);
    }
    fields.known("http.response.mime_type", words.next().unwrap_or_default());
    event(line, "squid.access", Some(time), fields)
}

/// Whether a word says where Squid had an answer from: `HIER_DIRECT/198.51.100.9`, in older releases `DIRECT/…`.
fn is_peer(word: &str) -> bool {
    let Some((how, peer)) = word.split_once('/') else {
        return false;
    };
    let code = how.strip_prefix("TIMEOUT_").unwrap_or(how);
    let is_known = match code.strip_prefix("HIER_") {
        Some(code) => !code.is_empty(),
        None => {
            matches!(
                code,
                "NONE" | "DIRECT" | "CARP" | "PINNED" | "ORIGINAL_DST" | "STANDBY_POOL"
            ) || [
                "_PARENT", "_HIT", "_MISS", "_DIRECT", "_FAIL", "_FASTEST", "_SELECT",
            ]
            .iter()
            .any(|end| code.ends_with(end))
        }
    };
    let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    is_known && !peer.is_empty() && how.bytes().all(is_code)
}

/// What stands in `text` from the word `first` to the word `last`, both of which are pieces of it.
fn span_of<'a>(text: &'a str, first: &'a str, last: &'a str) -> &'a str {
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    let end = last.as_ptr() as usize - text.as_ptr() as usize + last.len();
    text.get(start..end).unwrap_or(first)
}

/// W3C columns of IIS in its usual order; the service, the computer, the referrer and the last numbers may be missing.
fn iis<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    const METHODS: [&str; 11] = [
        "GET",
        "POST",
        "HEAD",
        "PUT",
        "OPTIONS",
        "DELETE",
        "PATCH",
        "PROPFIND",
        "TRACE",
        "CONNECT",
        "RPC_IN_DATA",
    ];
    let raw = line.raw.trim_end();
    if raw.as_bytes().get(19) != Some(&b' ') || raw.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let (time, rest) = time::iso(raw, line.context.timezone)?;
    let mut fields = Fields::with_room(32);
    let mut words = rest.trim_start_matches(' ').split(' ').peekable();
    if words.peek()?.starts_with("W3SVC") {
        fields.push("s-sitename", Value::Str(words.next()?));
    }
    if address(words.peek()?).is_none() {
        fields.push("s-computername", Value::Str(words.next()?));
    }
    fields.push("s-ip", Value::Str(address(words.next()?)?));
    let method = words.next().filter(|word| METHODS.contains(word))?;
    fields.push("cs-method", Value::Str(method));
    // A database's message in the query may have spaces: the port is the next number before a user and an address.
    let stem = words.next().filter(|stem| stem.starts_with('/'))?;
    fields.push("cs-uri-stem", Value::Str(stem));
    fields.known("url.query", words.next()?);
    let port = words.by_ref().find(|word| word.parse::<u16>().is_ok())?;
    fields.push("s-port", Value::Str(port));
    fields.known("cs-username", words.next()?);
    fields.push("c-ip", Value::Str(address(words.next()?)?));
    fields.known("cs-user-agent", words.next().unwrap_or_default());
    if words.peek().is_some_and(|word| word.parse::<u32>().is_err()) {
        fields.known("cs-referer", words.next().unwrap_or_default());
    }
    for name in ["sc-status", "sc-substatus", "sc-win32-status"] {
        fields.known(name, words.next().unwrap_or_default());
    }
    fields.known("time-taken", words.last().unwrap_or_default());
    event(line, "microsoft.iis", Some(time), fields)
}

fn iis_native<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    const COLUMNS: [&str; 15] = [
        "c-ip",
        "cs-username",
        "",
        "",
        "s-sitename",
        "s-computername",
        "s-ip",
        "time-taken",
        "cs-bytes",
        "sc-bytes",
        "sc-status",
        "sc-win32-status",
        "cs-method",
        "cs-uri-stem",
        "url.query",
    ];
    let raw = line.raw.trim_end();
    if !starts_with_address(raw) {
        return None;
    }
    let (client, rest) = raw.cut(", ")?;
    address(client)?;
    let mut cells = rest.split(", ");
    let (date, clock) = (cells.nth(1)?, cells.next()?);
    let stamp = line.keep([date, " ", clock].concat());
    let (time, _) = time::american(stamp, line.context.timezone)?;
    let mut fields = Fields::with_room(20);
    for (name, cell) in COLUMNS.iter().zip(raw.split(", ")) {
        if !name.is_empty() {
            fields.known(name, cell.trim_end_matches(','));
        }
    }
    event(line, "microsoft.iis", Some(time), fields)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, fields_of, value};

    #[test]
    fn haproxy() {
        check(
            r#"Mar  1 10:00:00 lb1 haproxy[7]: 192.0.2.4:5000 [01/Mar/2026:10:00:00.250] front~ back/srv1 0/0/1/4/5 200 750 - - ---- 4/3/2/1/0 0/6 {a "x} "GET /a?b=" 203.0.113.9 HTTP/1.1""#,
            &[
                ("event.dataset", "haproxy.log"),
                ("@timestamp", "2026-03-01T10:00:00.250Z"),
                ("source.ip", "192.0.2.4"),
                ("haproxy.backend_name", "back"),
                ("haproxy.connections.active", "4"),
                ("haproxy.backend_queue", "6"),
                ("http.response.status_code", "200"),
                ("host.name", "lb1"),
                ("process.pid", "7"),
            ],
        );
        check(
            "192.0.2.4:5000 [01/Mar/2026:10:00:00.250] web/1: SSL handshake failure",
            &[("source.port", "5000"), ("event.reason", "SSL handshake failure")],
        );
        let cut = fields_of("192.0.2.4:5000 [01/Mar/2026:10:00:00.250] front back/srv1 0/0");
        assert_eq!(value(&cut, "event.dataset"), "generic.lines");
    }

    #[test]
    fn squid() {
        check(
            "1772355600.250    207 192.0.2.4 TCP_TUNNEL/200 4047 CONNECT a.example:443 ann HIER_DIRECT/198.51.100.9 -",
            &[
                ("event.dataset", "squid.access"),
                ("@timestamp", "2026-03-01T09:00:00.250Z"),
                ("source.ip", "192.0.2.4"),
                ("destination.domain", "a.example"),
                ("destination.port", "443"),
                ("user.name", "ann"),
                ("squid.hierarchy_code", "HIER_DIRECT"),
                ("http.response.status_code", "200"),
            ],
        );
    }

    #[test]
    fn iis() {
        check(
            "2026-03-01 10:00:00 W3SVC1 10.0.0.1 GET /a.asp q=1 80 ann 192.0.2.4 Mozilla/4.0+(x) 404 0 2",
            &[
                ("event.dataset", "microsoft.iis"),
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.4"),
                ("destination.ip", "10.0.0.1"),
                ("user.name", "ann"),
                ("http.response.status_code", "404"),
            ],
        );
        check(
            "192.0.2.4, -, 03/01/2026, 10:00:00, W3SVC1, WEB1, 10.0.0.1, 2, 769, 143, 304, 0, GET, /, -,",
            &[
                ("source.ip", "192.0.2.4"),
                ("http.request.method", "GET"),
                ("host.name", "WEB1"),
            ],
        );
    }

    #[test]
    fn squids_types_of_content_are_no_peers() {
        use crate::formats::vendors::whole::check;
        for kind in ["A/B", "NONE/x", "HIER_DIRECT/203.0.113.1", "-"] {
            check(
                &format!(
                    "1772359200.123    345 192.0.2.7 TCP_MISS/200 1234 GET http://evil.example/ mara FIRSTUP_PARENT/10.0.0.1 {kind}"
                ),
                "squid.access",
                &[
                    ("source.ip", "192.0.2.7"),
                    ("user.name", "mara"),
                    ("destination.ip", "10.0.0.1"),
                    ("url.domain", "evil.example"),
                    ("squid.hierarchy_code", "FIRSTUP_PARENT"),
                ],
            );
        }
        // A word of the address that looks like a code but is none.
        check(
            "1772359200.123    345 192.0.2.7 TCP_MISS/200 1234 GET http://www.example.org/a x A/B mara TIMEOUT_CLOSEST_PARENT_MISS/10.0.0.1 text/html",
            "squid.access",
            &[
                ("url.original", "http://www.example.org/a x A/B"),
                ("user.name", "mara"),
                ("destination.ip", "10.0.0.1"),
            ],
        );
    }

    #[test]
    fn squids_addresses_with_blanks() {
        use crate::formats::vendors::whole::{check, read};
        check(
            "1772359200.123    345 192.0.2.7 TCP_MISS/200 1234 GET http://www.example.org/a b.html mara HIER_DIRECT/198.51.100.9 text/html",
            "squid.access",
            &[
                ("url.original", "http://www.example.org/a b.html"),
                ("user.name", "mara"),
                ("destination.ip", "198.51.100.9"),
                ("http.response.mime_type", "text/html"),
            ],
        );
        let forged = read(
            "1772359200.123    345 192.0.2.7 TCP_MISS/200 1234 GET http://www.example.org/a root HIER_DIRECT/203.0.113.1 text/html mara HIER_DIRECT/198.51.100.9 text/html",
        );
        assert_eq!(forged["source.ip"], "192.0.2.7");
        for name in ["user.name", "destination.ip", "url.original"] {
            assert!(!forged.contains_key(name), "{name} of {forged:#?}");
        }
    }
}
