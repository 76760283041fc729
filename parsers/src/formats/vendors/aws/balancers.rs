//! Load balancers: requests of application and classic ones, TLS connections of network ones, connections of application
//! ones.
//!
//! ```text
//! https 2026-03-01T10:00:00.1Z app/web/50dc 192.0.2.4:5000 10.0.0.1:80 0.1 0.2 0.0 200 200 34 366 "GET https://a:443/ HTTP/1.1" "agent" …
//! 2026-03-01T10:00:00.1Z web 192.0.2.4:5000 10.0.0.1:80 0.1 0.2 0.0 200 200 0 57 "GET https://a:443/ HTTP/1.1" "agent" ECDHE TLSv1.2
//! tls 2.0 2026-03-01T10:00:00 net/web/c6e7 g3d4 192.0.2.4:5000 10.0.0.1:443 5 2 98 246 - arn:… - ECDHE tlsv12 - web.example h2 …
//! 2026-03-01T10:00:00.5Z 192.0.2.4 36280 443 TLSv1.2 ECDHE 4.036 "CN=a" NotBefore=…;NotAfter=… FEF2 Success TID_…
//! ```
//!
//! Columns stand at fixed places, the client's in quotes with its own quotes escaped. A column more at the end is none that
//! is known yet.

use super::{Words, event};
use crate::formats::fields::{Fields, address};
use crate::formats::text::{Event, Line};
use crate::time;
use crate::value::Value;

pub(super) fn balancer<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let (first, _) = body.split_once(' ')?;
    let typed = matches!(first, "http" | "https" | "h2" | "grpcs" | "ws" | "wss");
    let zone = line.context.timezone;
    let classic = !typed && first.len() >= 20 && first.ends_with('Z') && time::iso(first, zone).is_some();
    if !typed && !classic {
        return None;
    }
    let mut words = Words(body);
    let mut fields = Fields::with_room(40);
    if typed {
        fields.push("aws.elb.type", Value::Str(words.next()?));
    }
    let (ended, _) = time::iso(words.next()?, zone)?;
    fields.push("aws.elb.name", Value::Str(words.next()?));
    let client = words.next()?;
    let times = Words(words.0).nth(1)?;
    let (client, port) = client.rsplit_once(':')?;
    // Nobody else has a port here, and seconds behind the target.
    if !port.bytes().all(|b| b.is_ascii_digit()) || times.parse::<f64>().is_err() {
        return None;
    }
    match address(client) {
        Some(client) => fields.push("source.ip", Value::Str(client)),
        None => fields.known("aws.elb.client", client),
    }
    fields.port("source.port", port);
    peer(words.next()?, &mut fields);
    for name in [
        "aws.elb.request_processing_time.sec",
        "aws.elb.backend_processing_time.sec",
        "aws.elb.response_processing_time.sec",
        "http.response.status_code",
        "aws.elb.backend.http.response.status_code",
        "http.request.body.bytes",
        "http.response.body.bytes",
    ] {
        fields.known(name, words.next()?);
    }
    request(words.next()?, &mut fields);
    fields.known("user_agent.original", words.next().unwrap_or_default());
    fields.known("tls.cipher", words.next().unwrap_or_default());
    fields.known("aws.elb.ssl_protocol", words.next().unwrap_or_default());
    for name in [
        "aws.elb.target_group.arn",
        "aws.elb.trace_id",
        "destination.domain",
        "aws.elb.chosen_cert.arn",
        "aws.elb.matched_rule_priority",
        "",
        "aws.elb.action_executed",
        "aws.elb.redirect_url",
        "aws.elb.error.reason",
        "aws.elb.target_port",
        "aws.elb.target_status_code",
        "aws.elb.classification",
        "aws.elb.classification_reason",
        "aws.elb.connection_trace_id",
    ] {
        let Some(word) = words.next() else { break };
        match name {
            "" => {
                if let Some((began, _)) = time::iso(word, zone) {
                    fields.push("event.start", Value::Time(began));
                }
            }
            name => fields.known(name, word),
        }
    }
    fields.push("event.end", Value::Time(ended));
    fields.push("message", Value::Str(body));
    event("aws.elb", Some(ended), fields)
}

/// `10.0.0.1:443`, an IPv6 address without brackets in front of the last colon, or nothing.
fn peer<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match address(host) {
        Some(host) => fields.push("destination.ip", Value::Str(host)),
        None => fields.known("destination.domain", host),
    }
    fields.port("destination.port", port);
}

/// `tls 2.0 2026-03-01T10:00:00 net/web/c6e7 g3d4 192.0.2.4:51341 10.0.0.1:443 5 2 98 246 - arn:… - ECDHE-RSA-AES128-SHA tlsv12 - name h2 …`
pub(super) fn network_balancer<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim();
    let rest = body.strip_prefix("tls ")?;
    let zone = line.context.timezone;
    let mut words = Words(rest);
    let version = words.next()?;
    if !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let (ended, _) = time::iso(words.next()?, zone)?;
    let mut fields = Fields::with_room(32);
    fields.push("aws.elb.type", Value::Str("tls"));
    fields.push("aws.elb.version", Value::Str(version));
    fields.push("aws.elb.name", Value::Str(words.next()?));
    fields.known("aws.elb.listener", words.next()?);
    let (client, port) = words.next()?.rsplit_once(':')?;
    fields.push("source.ip", Value::Str(address(client)?));
    fields.port("source.port", port);
    peer(words.next()?, &mut fields);
    for name in [
        "aws.elb.connection_time.ms",
        "aws.elb.tls_handshake_time.ms",
        "source.bytes",
        "destination.bytes",
        "aws.elb.incoming_tls_alert",
        "aws.elb.chosen_cert.arn",
        "aws.elb.chosen_cert.serial",
        "tls.cipher",
        "aws.elb.ssl_protocol",
        "aws.elb.tls_named_group",
        "tls.client.server_name",
        "aws.elb.alpn_fe_protocol",
        "aws.elb.alpn_be_protocol",
        "aws.elb.alpn_client_preference_list",
        "",
    ] {
        let Some(word) = words.next() else { break };
        match name {
            "" => {
                if let Some((began, _)) = time::iso(word, zone) {
                    fields.push("event.start", Value::Time(began));
                }
            }
            // `tlsv12`
            "aws.elb.ssl_protocol" => {
                fields.known(name, word);
                let digits = word.strip_prefix("tlsv").unwrap_or_default();
                if let (Some(major), Some(minor)) = (digits.get(..1), digits.get(1..)) {
                    fields.text("tls.version", line.keep([major, ".", minor].concat()));
                }
            }
            name => fields.known(name, word),
        }
    }
    fields.push("event.end", Value::Time(ended));
    fields.push("message", Value::Str(body));
    event("aws.elb", Some(ended), fields)
}

/// `2026-03-01T10:00:00.5Z 192.0.2.4 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=…" NotBefore=…;NotAfter=… FEF2 Success TID_…`
pub(super) fn connections<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // The time, the address and the port look like a syslog header.
    let body = line.raw.trim();
    if body.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let mut words = Words(body);
    let stamp = words.next()?;
    let (client, port, listener) = (words.next()?, words.next()?, words.next()?);
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let client = address(client)?;
    if !stamp.ends_with('Z') || !is_port(port) || !is_port(listener) {
        return None;
    }
    let (time, _) = time::iso(stamp, line.context.timezone)?;
    let mut fields = Fields::with_room(24);
    fields.push("source.ip", Value::Str(client));
    fields.port("source.port", port);
    fields.port("destination.port", listener);
    for name in [
        "aws.elb.ssl_protocol",
        "tls.cipher",
        "aws.elb.tls_handshake_time.sec",
        "tls.client.subject",
        "aws.elb.client_certificate.validity",
        "tls.client.x509.serial_number",
        "aws.elb.tls_verify_status",
        "aws.elb.connection_trace_id",
    ] {
        let word = words.next()?;
        fields.known(name, word);
        match (name, word) {
            ("aws.elb.ssl_protocol", word) => {
                fields.text("tls.version", word.strip_prefix("TLSv").unwrap_or_default());
            }
            ("aws.elb.tls_verify_status", "Success") => fields.text("event.outcome", "success"),
            ("aws.elb.tls_verify_status", word) if word.starts_with("Failed") => {
                fields.text("event.outcome", "failure");
            }
            _ => {}
        }
    }
    fields.push("message", Value::Str(body));
    Some(Event {
        time: Some(time),
        fields,
        ..Event::headless("aws.elb")
    })
}

/// `GET https://a.example:443/path HTTP/1.1`: the balancer writes the whole URL.
pub(super) fn request<'a>(request: &'a str, fields: &mut Fields<'a>) {
    let Some((method, rest)) = request.split_once(' ') else {
        return;
    };
    let (url, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    fields.known("http.request.method", method);
    fields.known("http.version", version.strip_prefix("HTTP/").unwrap_or_default());
    fields.url(url);
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn requests() {
        let line = r#"https 2026-03-01T10:00:00.100000Z app/web/50dc 192.0.2.4:5000 10.0.0.1:80 0.1 0.2 0.0 200 201 34 366 "GET https://a.example:443/p?q=1 HTTP/1.1" "agent \" 192.0.2.9" ECDHE TLSv1.2 - "Root=1" "a.example" "-" 0 2026-03-01T09:59:59.000000Z "forward" "-" "-""#;
        check(
            line,
            "aws.elb",
            &[
                ("@timestamp", "2026-03-01T10:00:00.100Z"),
                ("event.start", "2026-03-01T09:59:59.000Z"),
                ("source.ip", "192.0.2.4"),
                ("url.original", "https://a.example:443/p?q=1"),
                ("url.path", "/p"),
                ("http.version", "1.1"),
                ("http.response.status_code", "200"),
                ("user_agent.original", "agent \\\" 192.0.2.9"),
                ("tls.cipher", "ECDHE"),
            ],
        );
        survives_truncation(line);
        check(
            r#"http 2026-03-01T10:00:00.100000Z app/web/50dc 2001:db8::7:5000 2001:db8::1:80 0.1 0.2 0.0 200 201 34 366 "GET http://a.example:80/ HTTP/1.1" "-" - -"#,
            "aws.elb",
            &[
                ("source.ip", "2001:db8::7"),
                ("source.port", "5000"),
                ("destination.ip", "2001:db8::1"),
            ],
        );
    }

    #[test]
    fn connections() {
        let line = r#"tls 2.0 2026-03-01T10:00:00 net/web/c6e7 g3d4 192.0.2.4:51341 10.0.0.1:443 5 2 98 246 - arn:aws:acm:x - ECDHE-RSA tlsv12 - web.example.org h2 h2 "h2","http/1.1" 2026-03-01T09:59:59"#;
        check(
            line,
            "aws.elb",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("aws.elb.type", "tls"),
                ("aws.elb.name", "net/web/c6e7"),
                ("source.ip", "192.0.2.4"),
                ("destination.port", "443"),
                ("source.bytes", "98"),
                ("tls.version", "1.2"),
                ("tls.client.server_name", "web.example.org"),
                ("event.start", "2026-03-01T09:59:59.000Z"),
            ],
        );
        survives_truncation(line);
        let line = r#"2026-03-01T10:00:00.500000Z 192.0.2.4 36280 443 TLSv1.2 ECDHE-RSA 4.036 "CN=a.example.org,O=x 203.0.113.1" NotBefore=2026-01-01T00:00:00Z;NotAfter=2027-01-01T00:00:00Z FEF2 Success TID_d1"#;
        check(
            line,
            "aws.elb",
            &[
                ("source.ip", "192.0.2.4"),
                ("destination.port", "443"),
                ("tls.version", "1.2"),
                ("tls.client.subject", "CN=a.example.org,O=x 203.0.113.1"),
                ("event.outcome", "success"),
            ],
        );
        survives_truncation(line);
    }
}
