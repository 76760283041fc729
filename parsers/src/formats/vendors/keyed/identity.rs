//! Who may what: Wallix Bastion, PingFederate, and Cyberwatch's inventory of weaknesses.
//!
//! ```text
//! [RDP Session] session_id="…" client_ip="192.0.2.7" target_ip="198.51.100.9" user="jane" … type="KBD_INPUT" …
//! action="authentify" user="jane" client_ip="192.0.2.7" status="failure" infos="…"
//! 2026-03-01 10:00:00,123 trackingid="tid:…" transactionid="…" event="SSO" subject="jane" ip="192.0.2.7" …
//! 2026-03-01 10:00:00,123 tid:… DEBUG [org.sourceid.servlet.HttpServletRespProxy] flush cookies: …
//! node='master',active='true',computer_id='7',computer_name='pc7',cve_code='CVE-2026-0001',…
//! ```

use crate::formats::fields::address;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{instant, is_blank, keyed, put_pairs, put_user, text_of, without_priority};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Wallix Bastion, sessions",
        marks: &["Session] session_id=\"", "Session] type=\""],
        programs: &[],
        read: wallix_session,
    },
    Grammar {
        name: "Wallix Bastion, proxies",
        marks: &["proxy] psid=\""],
        programs: &[],
        read: wallix_proxy,
    },
    Grammar {
        name: "Wallix Bastion, engine",
        marks: &["action=\"", "client_ip=\""],
        programs: &["wabengine", "wabauth", "wabaudit"],
        read: wallix_engine,
    },
    Grammar {
        name: "PingFederate, audit",
        marks: &[" transactionid=\""],
        programs: &[],
        read: ping_audit,
    },
    Grammar {
        name: "PingFederate, server",
        marks: &[" tid:"],
        programs: &[],
        read: ping_server,
    },
    Grammar {
        name: "Cyberwatch",
        marks: &[",cve_code='", ",computer_id='"],
        programs: &[],
        read: cyberwatch,
    },
];

fn wallix_session<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    let (kind, rest) = text.strip_prefix('[')?.split_once(" Session] ")?;
    if kind.len() > 16 || kind.contains(['=', '"']) {
        return None;
    }
    let mut event = Event::new("wallix.bastion");
    let fields = &mut event.fields;
    fields.text("network.protocol", kind);
    fields.text("event.provider", &text[1..kind.len() + " Session]".len()]);
    put_pairs(line, rest, Style::SPACED, fields);
    let target = text_of(fields, "target_ip");
    fields.destination(target);
    fields.source(text_of(fields, "src_ip"));
    let device = text_of(fields, "device");
    if let Some(device) = address(device) {
        fields.text("host.ip", device);
    } else {
        fields.text("destination.domain", device);
    }
    Some(event)
}

/// `[sshproxy] psid="7" type="INCOMING_CONNECTION" src_ip="192.0.2.7" src_port="50000"`
fn wallix_proxy<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    let (proxy, rest) = text.strip_prefix('[')?.split_once("] ")?;
    if !proxy.ends_with("proxy") || proxy.contains(['=', '"', ' ']) || !rest.starts_with("psid=\"") {
        return None;
    }
    let mut event = Event::new("wallix.bastion");
    let fields = &mut event.fields;
    fields.text("event.provider", proxy);
    put_pairs(line, rest, Style::SPACED, fields);
    fields.source(text_of(fields, "src_ip"));
    fields.source_port(text_of(fields, "src_port"));
    Some(event)
}

fn wallix_engine<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    // `[wabengine] `, `[wabaudit] ` and such say again who writes.
    let (own, text) = match text.strip_prefix("[wab").and_then(|rest| rest.split_once("] ")) {
        Some((_, rest)) => (true, rest),
        None => (line.program().starts_with("wab"), text),
    };
    if !own && !text.starts_with("action=\"") {
        return None;
    }
    let keys: &[&str] = if own {
        &["action"]
    } else {
        &["action", "user", "client_ip"]
    };
    let mut event = keyed(line, text, Style::SPACED, "wallix.bastion", keys)?;
    let fields = &mut event.fields;
    fields.text("event.reason", text_of(fields, "infos"));
    match text_of(fields, "status") {
        "success" => fields.text("event.outcome", "success"),
        "failure" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    Some(event)
}

fn ping_audit<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim_start();
    let (micros, rest) = crate::time::iso(text, line.context.timezone)?;
    let rest = rest.trim_start().trim_start_matches("| ");
    let mut event = keyed(
        line,
        rest,
        Style::SPACED,
        "ping.federate",
        &["trackingid", "event", "ip", "role"],
    )?;
    event.headless = true;
    event.time = Some(micros);
    let fields = &mut event.fields;
    put_user(fields, text_of(fields, "subject"));
    let connection = text_of(fields, "connectionid");
    if connection.contains("://") {
        put_url(fields, connection);
    }
    match text_of(fields, "status") {
        "success" => fields.text("event.outcome", "success"),
        "failure" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    fields.text("event.reason", rest);
    Some(event)
}

fn ping_server<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (micros, rest) = crate::time::iso(line.raw.trim_start(), line.context.timezone)?;
    let (id, rest) = rest.trim_start().strip_prefix("tid:")?.split_once(' ')?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let (logger, message) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    if !level.bytes().all(|b| b.is_ascii_uppercase()) || logger.contains(' ') {
        return None;
    }
    let message = message.trim_start();
    let mut event = Event::headless("ping.federate");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("ping.federate.tracking_id", id);
    fields.text("log.level", level);
    fields.text("log.logger", logger);
    fields.text("event.reason", message);
    if let Some((method, address)) = message.split_once(": ")
        && matches!(method, "GET" | "POST" | "PUT" | "DELETE" | "HEAD")
        && address.starts_with("http")
    {
        fields.text("http.request.method", method);
        put_url(fields, address);
    }
    Some(event)
}

/// Values in single quotes.
const SINGLE: Style = Style {
    quotes: b"'",
    ..Style::COMMAS
};

fn cyberwatch<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        SINGLE,
        "cyberwatch.vulnerabilities",
        &["computer_id", "computer_name"],
    )?;
    let fields = &mut event.fields;
    let stamp = ["updated_at", "created_at"]
        .iter()
        .map(|name| text_of(fields, name))
        .find(|stamp| !is_blank(stamp))
        .unwrap_or_default();
    // `2026-03-01 10:00:00 +0100`
    event.time = match stamp.rsplit_once(' ') {
        Some((time, offset)) if offset.starts_with(['+', '-']) => instant(line, time, offset),
        _ => instant(line, stamp, ""),
    };
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn wallix() {
        let line = "<14>1 2026-03-01T10:00:00+01:00 bastion rdpproxy 77 - - [RDP Session] session_id=\"1\" client_ip=\"192.0.2.7\" target_ip=\"198.51.100.9\" user=\"jane\" device=\"srv9\" service=\"RDP\" account=\"adm\" type=\"TITLE_BAR\" data=\"x\\\" client_ip=\\\"203.0.113.1\\\"\"";
        check(
            line,
            "wallix.bastion",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.ip", "198.51.100.9"),
                ("destination.domain", "srv9"),
                ("event.action", "TITLE_BAR"),
                ("user.name", "jane"),
                ("host.name", "bastion"),
            ],
        );
        check(
            "[sshproxy] psid=\"1\" type=\"INCOMING_CONNECTION\" src_ip=\"192.0.2.7\" src_port=\"53344\"",
            "wallix.bastion",
            &[
                ("event.provider", "sshproxy"),
                ("event.action", "INCOMING_CONNECTION"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "53344"),
            ],
        );
        check(
            "action=\"authentify\" user=\"jane\" client_ip=\"192.0.2.7\" status=\"failure\" infos=\"no\"",
            "wallix.bastion",
            &[
                ("event.outcome", "failure"),
                ("event.action", "authentify"),
                ("event.reason", "no"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn ping() {
        let line = "2026-03-01 10:00:00,123 trackingid=\"tid:a\" transactionid=\"b\" event=\"SSO\" subject=\"jane\" ip=\"192.0.2.7\" connectionid=\"https://app.example.org/sso\" protocol=\"SAML20\" pfhost=\"pf1\" role=\"IdP\" status=\"failure\" responsetime=\"8\" X-Forwarded-Host=\"hub.example.org\"";
        check(
            line,
            "ping.federate",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("user.name", "jane"),
                ("source.ip", "192.0.2.7"),
                ("url.domain", "app.example.org"),
                ("event.outcome", "failure"),
                ("host.name", "pf1"),
            ],
        );
        check(
            "2026-03-01 10:00:00,123 tid:a DEBUG [com.pingidentity.x.Y] GET: https://hub.example.org/pf",
            "ping.federate",
            &[("log.logger", "com.pingidentity.x.Y"), ("url.path", "/pf")],
        );
        survives_truncation(line);
    }

    #[test]
    fn cyberwatch() {
        let line = "node='master',active='true',computer_id='7',computer_name='pc7',cve_code='CVE-2026-0001',ip='192.0.2.7',groups='a,ip=203.0.113.1',updated_at='2026-03-01 10:00:00 +0100'";
        check(
            line,
            "cyberwatch.vulnerabilities",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("host.ip", "192.0.2.7"),
                ("host.name", "pc7"),
                ("vulnerability.id", "CVE-2026-0001"),
            ],
        );
        survives_truncation(line);
    }
}
