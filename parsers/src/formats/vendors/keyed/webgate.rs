//! Proxies and management servers: Skyhigh (McAfee) Secure Web Gateway, Forcepoint (Stonegate) management server,
//! WatchGuard Firebox.
//!
//! ```text
//! date="2026-03-01T10:00:00.123Z" hostname="proxy1" username="" source_ip=192.0.2.7 … http_request_first_line="…" …
//! user_id=-1 username=jane doe source_ip=192.0.2.7 http_action=GET … request_timestamp=2026-03-01 10:00:00 …
//! Timestamp="2026-03-01 10:00:00",NodeId="192.0.2.1",CompId="Management Server",InfoMsg="…",…
//! 1.0|WatchGuard|XTM|12.10.1.B689694|1DFF000F|host_name=fw1#011serial=…#011msg=DNS request
//! ```

use crate::formats::fields::{Fields, address};
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{instant, keyed, put_pairs, put_time, put_user, text_of, without_priority};
use crate::formats::text::url::{put_request, put_url};
use crate::formats::text::{Event, Grammar, Line};

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Skyhigh Secure Web Gateway, access log",
        marks: &[" http_request_first_line=\""],
        programs: &[],
        read: skyhigh_access,
    },
    Grammar {
        name: "Skyhigh Secure Web Gateway, cloud",
        marks: &[" request_timestamp_epoch="],
        programs: &[],
        read: skyhigh_cloud,
    },
    Grammar {
        name: "Forcepoint management server",
        marks: &[",NodeId=\""],
        programs: &[],
        read: forcepoint,
    },
    Grammar {
        name: "WatchGuard Firebox",
        marks: &["|WatchGuard|"],
        programs: &[],
        read: watchguard,
    },
];

const DATASET: &str = "skyhigh.swg";

fn skyhigh_access<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        DATASET,
        &["date", "source_ip", "http_request_first_line"],
    )?;
    let fields = &mut event.fields;
    event.time = instant(line, text_of(fields, "date"), "");
    put_time(line, fields, "event.start", event.time);
    fields.source(text_of(fields, "source_ip"));
    let request = text_of(fields, "http_request_first_line");
    put_request(fields, request);
    // `CONNECT host:port`: the port is the other end's.
    if request.starts_with("CONNECT ")
        && let Some(port) = fields.get("url.port").cloned()
    {
        fields.put("destination.port", port);
    }
    Some(event)
}

/// Nothing is quoted here: a value ends where ` name=` begins.
fn skyhigh_cloud<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::OPEN,
        DATASET,
        &["source_ip", "requested_host", "request_timestamp_epoch"],
    )?;
    let fields = &mut event.fields;
    event.time = crate::time::epoch(text_of(fields, "request_timestamp_epoch"));
    let (inner, outer) = (text_of(fields, "client_ip"), text_of(fields, "source_ip"));
    // The client's own address; `source_ip` is the one that it is seen with.
    match address(inner) {
        Some(inner) => {
            fields.text("source.ip", inner);
            fields.text("source.nat.ip", outer);
        }
        None => fields.text("source.ip", outer),
    }
    put_url(fields, text_of(fields, "requested_path"));
    Some(event)
}

fn forcepoint<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::COMMAS,
        "forcepoint.management",
        &["Timestamp", "NodeId", "CompId"],
    )?;
    let fields = &mut event.fields;
    event.time = instant(line, text_of(fields, "Timestamp"), "");
    match text_of(fields, "Result") {
        "Success" => fields.text("event.outcome", "success"),
        "Failure" | "Failed" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    Some(event)
}

/// Tabs stand between the pairs; syslog servers write them as `#011`.
const TABS: Style = Style {
    between: b'\t',
    open_values: false,
    ..Style::SPACED
};

fn watchguard<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    let start = text.find("|WatchGuard|")?;
    // The version of the format stands in front, and nothing else.
    if start > 8 || !text[..start].bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let mut parts = text[start + 1..].splitn(5, '|');
    let (_, _model) = (parts.next()?, parts.next()?);
    let (version, code, text) = (parts.next()?, parts.next()?, parts.next()?);
    let mut event = Event::new("watchguard.firebox");
    let fields = &mut event.fields;
    fields.text("observer.version", version);
    fields.text("event.code", code);
    let text = match text.contains("#011") {
        true => line.keep(text.replace("#011", "\t")),
        false => text,
    };
    put_pairs(line, text, TABS, fields);
    session(fields, text_of(fields, "msg"));
    fields.text("event.reason", text_of(fields, "msg"));
    Some(event)
}

/// `Authentication of SSLVPN user [jane@example.org@RADIUS] from 192.0.2.7 was accepted` and its relatives: the kind of
/// user in front, a verdict behind. The user's own text stands between them, the address follows its last ` from `.
fn session<'a>(fields: &mut Fields<'a>, message: &'a str) {
    const VERDICTS: [(&str, &str); 6] = [
        (" was accepted", "success"),
        (" was rejected", "failure"),
        (" logged in", "success"),
        (" logged out", "success"),
        (" log in attempt was rejected", "failure"),
        (" logged off", "success"),
    ];
    const HEADS: [&str; 6] = [
        "Authentication of ",
        "SSL VPN user ",
        "WSM User ",
        "WebUI User ",
        "Firewall user ",
        "Mobile VPN with ",
    ];
    if !HEADS.iter().any(|head| message.starts_with(head)) {
        return;
    }
    let Some((who, rest)) = message.rsplit_once(" from ") else {
        return;
    };
    let Some((host, rest)) = rest.split_once(' ') else {
        return;
    };
    let Some(host) = address(host) else { return };
    let Some(verdict) = VERDICTS.iter().find(|(text, _)| rest.starts_with(&text[1..])) else {
        return;
    };
    fields.text("source.ip", host);
    fields.text("event.outcome", verdict.1);
    let who = match (who.split_once(" user "), who.split_once(" User ")) {
        (Some((_, who)), _) | (None, Some((_, who))) => who,
        _ => return,
    };
    let who = who.trim_start_matches('[').trim_end_matches(']');
    // The last part is the authentication server.
    let (who, server) = who.rsplit_once('@').unwrap_or((who, ""));
    fields.text("watchguard.firebox.authentication_server", server);
    if !who.starts_with('<') {
        put_user(fields, who);
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn skyhigh() {
        let line = "date=\"2026-03-01T10:00:00.123Z\" hostname=\"proxy1\" username=\"jane\" source_ip=192.0.2.7 destination_ip=198.51.100.9 destination_host=\"example.org\" http_status_code=407 source_bytes=173 destination_bytes=0 http_request_first_line=\"CONNECT example.org:443 HTTP/1.1\" rule_name=\"Authenticate\" block_id=81 user_agent=\"x\\\" source_ip=203.0.113.1\"";
        check(
            line,
            "skyhigh.swg",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("http.request.method", "CONNECT"),
                ("http.response.status_code", "407"),
                ("rule.name", "Authenticate"),
            ],
        );
        check(
            "user_id=-1 username=jane doe source_ip=198.51.100.1 http_action=GET server_to_client_bytes=7 client_to_server_bytes=8 requested_host=example.org requested_path=/a?b result=DENIED request_timestamp_epoch=1772359200 request_timestamp=2026-03-01 10:00:00 uri_scheme=https category=Personal Network Storage http_status_code=403 client_ip=192.0.2.7 destination_ip=198.51.100.9 destination_port=443",
            "skyhigh.swg",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("source.nat.ip", "198.51.100.1"),
                ("user.name", "jane doe"),
                ("rule.category", "Personal Network Storage"),
                ("url.path", "/a"),
                ("event.action", "DENIED"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn forcepoint() {
        let line = "Timestamp=\"2026-03-01 10:00:00\",NodeId=\"192.0.2.1\",CompId=\"Management Server\",InfoMsg=\"Login, ClientIpAddress=203.0.113.1\",EventId=\"1\",UserOriginator=\"admin\",ClientIpAddress=\"192.0.2.7\",TypeDescription=\"stonegate.admin.login\",Result=\"Success\"";
        check(
            line,
            "forcepoint.management",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("event.action", "stonegate.admin.login"),
                ("event.outcome", "success"),
                ("observer.hostname", "Management Server"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn watchguard() {
        let line = "1.0|WatchGuard|XTM|12.10.1.B1|3E000002|host_name=fw1#011serial=A1#011msg=SSL VPN user x from 203.0.113.1 logged in@RADIUS from 192.0.2.7 logged in assigned virtual IP is 10.0.0.2";
        check(
            line,
            "watchguard.firebox",
            &[
                ("event.code", "3E000002"),
                ("source.ip", "192.0.2.7"),
                ("user.name", "x from 203.0.113.1 logged in"),
                ("observer.serial_number", "A1"),
            ],
        );
        check(
            "1.0|WatchGuard|XTM|12.10.1.B1|1DFF000F|host_name=fw1\tserial=A1\tpolicy=DNS 00\tsrc=192.0.2.7\tsrcPort=50000\tdst=198.51.100.9\tdstPort=53\tproto=udp\tquestion=example.org\tmsg=DNS request",
            "watchguard.firebox",
            &[
                ("source.port", "50000"),
                ("dns.question.name", "example.org"),
                ("rule.ruleset", "DNS 00"),
                ("event.reason", "DNS request"),
            ],
        );
        survives_truncation(line);
    }
}
