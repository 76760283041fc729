//! Proxies and single sign-on with access logs of their own: Olfeo, Cisco Secure Web Appliance, SiteMinder.
//!
//! ```text
//! 192.0.2.7 - jane [01/03/2026 10:00:00] "GET http://example.org/ HTTP/1.1" 403 - - 0 Shopping
//! Info: 1772359200.359 125 192.0.2.7 TCP_MISS/200 300 CONNECT tunnel://example.org:443/ - DIRECT/198.51.100.9 - CMF:40
//!   DCF:20 ERR:0 PASSTHRU_7-Policy-Identity-NONE-NONE-NONE-NONE-NONE <"C_MS",…> - 2 198.51.100.9
//! AuthAttempt sso1 [01/Mar/2026:10:00:00 +0100] "192.0.2.7 jane@example.org" "agent GET /a?b" [] [0]  [] []
//! ```

use crate::formats::fields::{Fields, address, host_port, is_nothing};
use crate::formats::text::layout;
use crate::formats::text::parts::{put_user, without_priority};
use crate::formats::text::url::{put_request, put_url};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Cisco Secure Web Appliance",
        marks: &[" TCP_", " NONE/", " UDP_"],
        programs: &[],
        read: web_appliance,
    },
    Grammar {
        name: "Olfeo Secure Web Gateway",
        marks: &["] \""],
        programs: &[],
        read: olfeo,
    },
    Grammar {
        name: "SiteMinder",
        marks: &["] \""],
        programs: &[],
        read: siteminder,
    },
];

/// Squid's columns, then what the appliance decided. The address is the client's; it has no spaces.
fn web_appliance<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = line.raw.find(|c: char| c.is_ascii_digit())?;
    let prefix = &line.raw[..start];
    let text = match prefix.rsplit_once("Info: ") {
        Some((_, "")) => &line.raw[start..],
        _ if line.body.starts_with("Info: ") => &line.body["Info: ".len()..],
        _ => line.body,
    };
    let mut words = text.split_ascii_whitespace();
    let stamp = words
        .next()
        .filter(|stamp| stamp.len() >= 12 && stamp.contains('.'))?;
    let micros = time::epoch(stamp)?;
    let elapsed = words.next()?;
    let client = words.next()?;
    let (result, status) = words.next()?.split_once('/')?;
    let bytes = words.next()?;
    let (method, target) = (words.next()?, words.next()?);
    let user = words.next()?;
    let (hierarchy, server) = words.next()?.split_once('/')?;
    let mime = words.next()?;
    // Squid stops here.
    let decision = words.next()?;
    let (_, rest) = text.split_once(decision)?;
    if !decision.contains("CMF:") && !rest.contains(" <") && decision.matches('-').count() < 5 {
        return None;
    }
    let policy = text
        .split_ascii_whitespace()
        .skip(10)
        .find(|word| word.matches('-').count() >= 5)
        .unwrap_or_default();
    let mut event = Event::headless("cisco.web_appliance");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.source(client);
    fields.number("cisco.web_appliance.duration", elapsed);
    fields.text("event.action", result);
    if let Some((transport, _)) = result.split_once('_') {
        fields.text("network.transport", transport);
    }
    fields.number("http.response.status_code", status);
    fields.number("http.response.bytes", bytes);
    fields.text("http.request.method", method);
    put_url(fields, target);
    if !is_nothing(user) {
        put_user(fields, user.trim_matches('"'));
    }
    fields.text("cisco.web_appliance.hierarchy", hierarchy);
    fields.known("http.response.mime_type", mime);
    fields.destination(host_port(server).0);
    let mut parts = policy.split('-');
    fields.text("rule.id", parts.next().unwrap_or_default());
    fields.text("rule.name", parts.next().unwrap_or_default());
    fields.text(
        "rule.ruleset",
        parts.next().filter(|set| *set != "NONE").unwrap_or_default(),
    );
    put_time_of_start(line, fields, micros);
    Some(event)
}

fn put_time_of_start<'a>(line: &Line<'a>, fields: &mut Fields<'a>, micros: i64) {
    crate::formats::text::parts::put_time(line, fields, "event.start", Some(micros));
}

fn olfeo<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body.trim());
    let (head, rest) = text.split_once("] \"")?;
    let (who, stamp) = head.rsplit_once('[')?;
    let (micros, "") = layout::read(stamp, "D/M/Y h:m:s", line.context.timezone)? else {
        return None;
    };
    let (client, user) = who.trim_end().split_once(" - ")?;
    let client = address(client)?;
    // The request may hold quotes; the numbers behind it cannot.
    let (request, rest) = rest.rsplit_once("\" ")?;
    let mut words = rest.splitn(5, ' ');
    let status = words.next()?;
    if status.len() != 3 {
        return None;
    }
    let mut event = Event::headless("olfeo.proxy");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("source.ip", client);
    fields.known("user.name", user);
    put_request(fields, request);
    fields.number("http.response.status_code", status);
    let mut rest = words.skip(2);
    fields.number("http.response.bytes", rest.next().unwrap_or_default());
    fields.text("rule.category", rest.next().unwrap_or_default());
    Some(event)
}

fn siteminder<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.raw.trim());
    let (head, rest) = text.split_once("] \"")?;
    let (who, stamp) = head.split_once(" [")?;
    let (kind, host) = who.split_once(' ')?;
    let known = ["Auth", "Az", "Admin", "Validate"]
        .iter()
        .any(|start| kind.starts_with(start));
    if !known || host.contains(' ') {
        return None;
    }
    let (micros, _) = time::apache(stamp, line.context.timezone)?;
    let (subject, rest) = rest.split_once("\" \"")?;
    let (resource, rest) = rest.rsplit_once("\" [").unwrap_or((rest, ""));
    let mut event = Event::headless("siteminder.access");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("event.action", kind);
    match kind {
        "AuthAccept" | "AzAccept" | "ValidateAccept" => fields.text("event.outcome", "success"),
        "AuthReject" | "AzReject" | "ValidateReject" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    fields.text("observer.hostname", host);
    let (client, user) = subject.split_once(' ').unwrap_or((subject, ""));
    fields.text("client.ip", address(client).unwrap_or_default());
    match user.split_once('=') {
        // A distinguished name: its first part is who.
        Some((_, rest)) => {
            fields.text("user.name", rest.split(',').next().unwrap_or_default());
            fields.text("user.id", user);
        }
        None => put_user(fields, user),
    }
    if let Some((agent, request)) = resource.split_once(' ') {
        fields.text("siteminder.access.agent", agent);
        // The address as a whole stands in for the path: its query is part of what was asked for.
        if let Some((method, target)) = request.split_once(' ') {
            fields.text("http.request.method", method);
            fields.text("url.original", target);
            fields.text("siteminder.access.path", target);
        }
    }
    fields.text(
        "siteminder.access.session",
        rest.split(']').next().unwrap_or_default(),
    );
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn web_appliance() {
        let line = "Info: 1772359200.359 125 192.0.2.7 TCP_MISS/200 300 CONNECT tunnel://example.org:443/ \"CORP\\jane@realm\" DIRECT/198.51.100.9 - CMF:40 DCF:20 ERR:0 PASSTHRU_7-Policy-Identity-NONE-NONE-NONE-NONE-NONE <\"C_MS\",-3.0> - 2 198.51.100.9";
        check(
            line,
            "cisco.web_appliance",
            &[
                ("@timestamp", "2026-03-01T10:00:00.359Z"),
                ("source.ip", "192.0.2.7"),
                ("destination.ip", "198.51.100.9"),
                ("http.response.status_code", "200"),
                ("url.domain", "example.org"),
                ("rule.id", "PASSTHRU_7"),
                ("rule.ruleset", "Identity"),
                ("user.domain", "CORP"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn olfeo() {
        let line = "192.0.2.7 - jane [15/03/2026 10:00:00] \"GET http://example.org/\" 200 - - 0 x HTTP/1.1\" 403 - - 12 Online Shopping";
        check(
            line,
            "olfeo.proxy",
            &[
                ("@timestamp", "2026-03-15T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("user.name", "jane"),
                ("http.response.status_code", "403"),
                ("url.domain", "example.org"),
                ("rule.category", "Online Shopping"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn siteminder() {
        let line = "AzAccept sso1 [01/Mar/2026:10:00:00 +0100] \"192.0.2.7 uid=jane,ou=People,o=corp\" \"agent GET /a?b=203.0.113.1\" [0a] [0]  [] []";
        check(
            line,
            "siteminder.access",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("client.ip", "192.0.2.7"),
                ("user.name", "jane"),
                ("url.original", "/a?b=203.0.113.1"),
                ("event.outcome", "success"),
            ],
        );
        survives_truncation(line);
    }
}
