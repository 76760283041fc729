//! F5 BIG-IP: traffic manager, access policies (APM), application security (ASM) and what iRules log.
//!
//! ```text
//! Mar  1 10:00:00 f5 notice apmd[77]: 01490005:5: /Common/vpn:Common:2c31fe0d: Following rule 'fallback' from …
//! tmm3[77]: 01260009:4: 192.0.2.7:50000 -> 198.51.100.9:443: Connection error: ssl_codec_rx:2314: alert(46) …
//! tmm[77]: 01580002:5: /Common/vpn:Common:870db929: allow ACL: /Common/acl:0 packet: tcp 192.0.2.7:5 -> 198.51.100.9:443
//! perl[77]: 01310039:3: [SECEV] Request violations: … source ip: 192.0.2.7, …, request: <GET / HTTP/1.0
//! tmm1[77]: Rule /Common/log_all <HTTP_REQUEST>: …
//! ```
//!
//! The level stands where syslog has the program. Messages have a number of eight digits and a level; what an iRule logs
//! is its author's text, of which only pairs and the well-known `client → server` forms are taken.

use crate::formats::fields::{Fields, address, host_port};
use crate::formats::syslog::header::full_tag;
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::put_peer;
use crate::formats::text::url::{put_request, put_url};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "F5 BIG-IP",
    marks: &[
        "tmm",
        "apmd[",
        "mcpd[",
        ": 0",
        ":5: /",
        ":4: /",
        ":3: /",
        ":6: /",
        "Rule /",
        "[ssl_req]",
        "[ssl_acc]",
    ],
    programs: &["apmd", "tmm", "tmm1", "tmm2", "tmm3", "mcpd", "bigd"],
    read,
}];

const LEVELS: [&str; 9] = [
    "emerg", "alert", "crit", "err", "error", "warning", "notice", "info", "debug",
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (mut program, mut pid, mut text) = line.tagged();
    let mut level = "";
    if LEVELS.contains(&program) {
        level = program;
        (program, pid, text) = full_tag(text)?;
    }
    let text = text.trim_start();
    let mut event = Event::new("f5.bigip");
    let fields = &mut event.fields;
    let known = program.starts_with("tmm") || matches!(program, "apmd" | "mcpd" | "bigd");
    if let Some((code, severity, rest)) = coded(text) {
        fields.text("event.code", code);
        fields.number("event.severity", severity);
        numbered(line, fields, rest);
    } else if text.starts_with("Rule /") {
        rule(line, fields, &text["Rule ".len()..])?;
    } else if let Some(rest) = text
        .strip_prefix("[ssl_req][")
        .or_else(|| text.strip_prefix("[ssl_acc] "))
    {
        event.time = management(line, fields, rest);
    } else if known {
        fields.text("event.reason", text);
    } else {
        return None;
    }
    event.fields.text("log.level", level);
    event.fields.text("process.name", program);
    event.fields.number("process.pid", pid.unwrap_or_default());
    event.fields.text("message", text);
    Some(event)
}

/// `01490005:5: text`
fn coded(text: &str) -> Option<(&str, &str, &str)> {
    let (code, rest) = text.split_once(':')?;
    let (severity, rest) = rest.split_once(": ")?;
    let is_code = code.len() == 8 && code.bytes().all(|b| b.is_ascii_hexdigit());
    (is_code && severity.len() == 1 && severity.bytes().all(|b| b.is_ascii_digit()))
        .then_some((code, severity, rest))
}

fn numbered<'a>(line: &Line<'a>, fields: &mut Fields<'a>, text: &'a str) {
    if let Some(rest) = text.strip_prefix("[SECEV] ") {
        return violations(fields, rest);
    }
    // `/Common/profile:Common:session: text`
    if text.starts_with('/')
        && let Some((origin, rest)) = text.split_once(": ")
        && let Some((profile, session)) = origin.rsplit_once(':')
        && let Some((profile, partition)) = profile.rsplit_once(':')
    {
        fields.text("f5.bigip.session", session);
        fields.text("f5.bigip.partition", partition);
        fields.text("f5.bigip.profile", profile);
        fields.text("event.reason", rest);
        access_policy(fields, rest);
        fields.text("rule.name", profile);
        return;
    }
    if let Some(rest) = text.strip_prefix("AUDIT - ") {
        audit(line, fields, rest);
    } else if let Some(rest) = text.strip_prefix("SSL Handshake failed for TCP ")
        && let Some((from, to)) = rest.split_once(" -> ")
    {
        put_peer(fields, "source.ip", "source.domain", "source.port", from);
        put_peer(
            fields,
            "destination.ip",
            "destination.domain",
            "destination.port",
            to,
        );
        fields.text("network.transport", "tcp");
        fields.text("event.outcome", "failure");
    } else if let Some((from, rest)) = text.split_once(" -> ")
        && let Some((to, reason)) = rest.split_once(": ")
        && address(host_port(from).0).is_some()
    {
        put_peer(fields, "source.ip", "source.domain", "source.port", from);
        put_peer(
            fields,
            "destination.ip",
            "destination.domain",
            "destination.port",
            to,
        );
        if let Some(reason) = reason.strip_prefix("Connection error: ") {
            fields.text("event.outcome", "failure");
            fields.text("event.reason", reason);
        }
    }
    fields.text("event.reason", text);
}

/// `client Unknown, user admin - transaction #7-2 - object 0 - modify { … } [Status=Command OK]`, or pam's pairs.
fn audit<'a>(line: &Line<'a>, fields: &mut Fields<'a>, text: &'a str) {
    let head = text.split(" - ").next().unwrap_or_default();
    if let Some((_, user)) = head.rsplit_once("user ") {
        fields.text("user.name", user);
    }
    if let Some((_, rest)) = text.split_once(" - RAW: ") {
        for (key, value) in sure(line, rest, Style::SPACED, fields) {
            match key {
                "host" => fields.source(value),
                "user" => fields.text("user.name", value.split('(').next().unwrap_or_default()),
                _ => {}
            }
        }
    } else if let Some((rest, status)) = text.rsplit_once(" [Status=") {
        let command = rest.rsplit_once(" - ").map_or(rest, |(_, command)| command);
        fields.text("process.command_line", command);
        let done = status.starts_with("Command OK");
        fields.text("event.outcome", if done { "success" } else { "failure" });
    }
}

fn access_policy<'a>(fields: &mut Fields<'a>, text: &'a str) {
    if let Some(rest) = text.strip_prefix("Following rule '") {
        if let Some((rule, rest)) = rest.split_once("' from item '") {
            fields.text("rule.name", rule);
            if let Some((item, _)) = rest.split_once("' to ") {
                fields.text("f5.bigip.item", item);
            }
            if let Some((_, ending)) = rest
                .rsplit_once("'")
                .map(|(head, _)| head)
                .and_then(|head| head.rsplit_once(" '"))
            {
                fields.text("event.action", ending);
            }
        }
    } else if let Some(agent) = text
        .strip_prefix("session.user.agent is ")
        .or_else(|| text.strip_prefix("Received User-Agent header: "))
    {
        fields.text("user_agent.original", agent);
    } else if let Some((verdict, rest)) = text.split_once(" ACL: ")
        && let Some((acl, packet)) = rest.split_once(" packet: ")
    {
        fields.text("event.action", verdict);
        fields.text("rule.name", acl.rsplit_once(':').map_or(acl, |(name, _)| name));
        if let Some((transport, ends)) = packet.split_once(' ')
            && let Some((from, to)) = ends.split_once(" -> ")
        {
            fields.text("network.transport", transport);
            put_peer(fields, "source.ip", "source.domain", "source.port", from);
            put_peer(
                fields,
                "destination.ip",
                "destination.domain",
                "destination.port",
                to,
            );
        }
    } else if let Some(rest) = text.strip_prefix("New session from client IP ") {
        // `192.0.2.7 (ST=…/CC=…/C=…) at VIP 198.51.100.9 Listener /Common/vs (Reputation=Unknown)`
        fields.source(rest.split(' ').next().unwrap_or_default());
        if let Some((_, rest)) = rest.split_once(" at VIP ") {
            fields.destination(rest.split(' ').next().unwrap_or_default());
        }
    } else if let Some(rest) = text.strip_prefix("Assigned PPP ") {
        // `Dynamic IPv4: 10.0.0.5 Tunnel Type: VPN_TUNNELTYPE_TLS NA Resource: /Common/na Client IP: 192.0.2.7 - …`
        if let Some((_, host)) = rest.rsplit_once("Client IP: ") {
            fields.source(host.split(' ').next().unwrap_or_default());
        }
        if let Some((_, host)) = rest.split_once(": ") {
            fields.text(
                "source.nat.ip",
                address(host.split(' ').next().unwrap_or_default()).unwrap_or_default(),
            );
        }
    } else if let Some(rest) = text.strip_prefix("Received client info - Hostname: ") {
        fields.text(
            "client.domain",
            rest.split_once(" Type: ").map_or("", |(name, _)| name),
        );
    } else if let Some(user) = text.strip_prefix("Username '") {
        fields.text("user.name", user.strip_suffix('\'').unwrap_or(user));
    }
}

/// The request, which the client chose, comes last.
fn violations<'a>(fields: &mut Fields<'a>, text: &'a str) {
    fields.text("rule.ruleset", "SECEV");
    let (head, request) = text.split_once(", request: <").unwrap_or((text, ""));
    let (kind, rest) = head.split_once(": ").unwrap_or((head, ""));
    fields.text("rule.name", kind);
    let (reason, details) = rest.split_once(" Support id: ").unwrap_or((rest, ""));
    fields.text("event.reason", reason);
    for (at, part) in details.split(", ").enumerate() {
        match part.split_once(": ").unwrap_or((part, "")) {
            (id, "") if at == 0 => fields.text("f5.bigip.support_id", id),
            ("source ip", value) => fields.text("source.ip", address(value).unwrap_or_default()),
            ("source port", value) => fields.port("source.port", value),
            ("destination ip", value) => fields.text("destination.ip", address(value).unwrap_or_default()),
            ("destination port", value) => fields.port("destination.port", value),
            ("HTTP classifier", value) => fields.text("f5.bigip.classifier", value),
            (scheme, "") => {
                if let Some(scheme) = scheme.strip_prefix("scheme ") {
                    fields.text("url.scheme", scheme);
                }
            }
            _ => {}
        }
    }
    put_request(fields, request.trim_end_matches('>'));
}

/// `Rule /Common/name <HTTP_REQUEST>: text`
fn rule<'a>(line: &Line<'a>, fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    let (name, rest) = text.split_once(" <")?;
    let (event, said) = rest.split_once(">: ")?;
    if name.contains(' ') || !event.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
        return None;
    }
    fields.text("rule.name", name);
    fields.text("event.action", event);
    fields.text("event.reason", said.strip_prefix("LOGS: ").unwrap_or(said));
    if said.starts_with("virtual=") {
        for (key, value) in sure(line, said, Style::SPACED, fields) {
            match key {
                "client_ip" => fields.text("source.ip", address(value).unwrap_or_default()),
                "client_port" => fields.port("source.port", value),
                "lb_server" => {
                    put_peer(
                        fields,
                        "destination.ip",
                        "destination.domain",
                        "destination.port",
                        value,
                    );
                }
                "host" => {
                    fields.text("url.domain", value);
                    fields.text("destination.domain", value);
                }
                "request" => put_request(fields, value),
                "server_status" => fields.number("http.response.status_code", value),
                "content_length" => fields.number("http.response.bytes", value),
                "user_agent" => fields.text("user_agent.original", value),
                "referer" => fields.text("http.request.referrer", value),
                "username" => fields.text("user.name", value),
                _ => {}
            }
        }
    } else if let Some((client, rest)) = said.split_once(": HTTP: ")
        && let Some((status, rest)) = rest.split_once(" response to from ")
        && let Some((server, rest)) = rest.split_once(" URL: ")
    {
        put_peer(
            fields,
            "destination.ip",
            "destination.domain",
            "destination.port",
            client,
        );
        put_peer(fields, "source.ip", "source.domain", "source.port", server);
        fields.number("http.response.status_code", status);
        let (address, tls) = rest.rsplit_once(" in ").unwrap_or((rest, ""));
        put_url(fields, address);
        fields.text("tls.version", tls.strip_prefix("TLSv").unwrap_or_default());
    } else if let Some(request) = said.strip_prefix("LOGS: Request: ") {
        put_request(fields, request);
    }
    Some(())
}

/// The web server of the management interface: `31/Mar/2026:10:00:00 +0200] 192.0.2.7 TLSv1.2 CIPHER "/my.policy" 199`.
fn management<'a>(line: &Line<'a>, fields: &mut Fields<'a>, text: &'a str) -> Option<i64> {
    // The access log has address and user in front of the time.
    let (who, text) = text.split_once(" [").unwrap_or(("", text));
    let (stamp, rest) = text.split_once(']')?;
    let (micros, _) = time::apache(stamp, line.context.timezone)?;
    let (head, request) = rest.trim_start().split_once('"')?;
    if let Some((client, user)) = who.split_once(' ') {
        fields.source(client);
        fields.known("user.name", user.rsplit(' ').next().unwrap_or_default());
        let (request, numbers) = request.rsplit_once("\" ").unwrap_or((request, ""));
        put_request(fields, request);
        let (status, bytes) = numbers.split_once(' ').unwrap_or((numbers, ""));
        fields.number("http.response.status_code", status);
        fields.number("http.response.bytes", bytes);
        return Some(micros);
    }
    let mut words = head.split(' ');
    fields.source(words.next()?);
    let protocol = words.next().unwrap_or_default().trim();
    fields.text("tls.version", protocol.strip_prefix("TLSv").unwrap_or_default());
    fields.text("tls.cipher", words.next().unwrap_or_default());
    let (request, bytes) = request.rsplit_once("\" ").unwrap_or((request, ""));
    if request.starts_with('/') {
        put_url(fields, request);
    } else {
        put_request(fields, request);
    }
    fields.number("http.response.bytes", bytes);
    Some(micros)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn access_policies() {
        let line = "Mar  1 10:00:00 f5.example.org notice apmd[77]: 01490005:5: /Common/vpn:Common:2c31fe0d: Following rule 'AD users' from item 'AD Query' to ending 'Allow'";
        check(
            line,
            "f5.bigip",
            &[
                ("rule.name", "AD users"),
                ("event.action", "Allow"),
                ("process.name", "apmd"),
                ("log.level", "notice"),
                ("event.code", "01490005"),
                ("host.name", "f5.example.org"),
            ],
        );
        check(
            "tmm[7]: 01580002:5: /Common/vpn:Common:870db929: allow ACL: /Common/acl_a:59 packet: tcp 192.0.2.7:50000 -> 198.51.100.9:135",
            "f5.bigip",
            &[
                ("rule.name", "/Common/acl_a"),
                ("source.port", "50000"),
                ("destination.ip", "198.51.100.9"),
                ("network.transport", "tcp"),
            ],
        );
        check(
            "apmd[1]: 01490115:5: /Common/p:Common:1: session.user.agent is x -> 203.0.113.1:1: y",
            "f5.bigip",
            &[
                ("user_agent.original", "x -> 203.0.113.1:1: y"),
                ("source.ip", ""),
                ("rule.name", "/Common/p"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn traffic() {
        check(
            "tmm3[7]: 01260009:4: 192.0.2.7:50000 -> 198.51.100.9:443: Connection error: ssl_codec_rx:2314: alert(46)",
            "f5.bigip",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("event.reason", "ssl_codec_rx:2314: alert(46)"),
            ],
        );
        check(
            "perl[7]: 01310039:3: [SECEV] Request violations: Illegal method. Support id: 15, source ip: 192.0.2.7, xff ip: 192.0.2.7, source port: 3, destination ip: 198.51.100.9, destination port: 443, scheme HTTPS, request: <GET /a?source ip: 203.0.113.1 HTTP/1.0",
            "f5.bigip",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("event.reason", "Illegal method."),
                ("http.request.method", "GET"),
                ("url.path", "/a"),
            ],
        );
        check(
            "tmm[7]: Rule /Common/log <HTTP_RESPONSE_RELEASE>: 192.0.2.7:5: HTTP: 200 response to from 198.51.100.9:443 URL: www.example.org/a in TLSv1.3",
            "f5.bigip",
            &[
                ("http.response.status_code", "200"),
                ("url.domain", "www.example.org"),
                ("tls.version", "1.3"),
                ("rule.name", "/Common/log"),
            ],
        );
        check(
            "mcpd[7]: 01070417:5: AUDIT - client Unknown, user admin - transaction #7-2 - object 0 - modify { x - y } [Status=Command OK]",
            "f5.bigip",
            &[("user.name", "admin"), ("event.outcome", "success")],
        );
        check(
            "logger[7]: [ssl_acc] 192.0.2.7 - admin [01/Mar/2026:10:00:00 +0100] \"GET /tmui HTTP/1.1\" 200 12",
            "f5.bigip",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "admin"),
                ("url.path", "/tmui"),
                ("http.response.status_code", "200"),
            ],
        );
    }
}
