//! Fortinet beside FortiGate: FortiMail, FortiProxy, FortiWeb and FortiWeb Cloud.
//!
//! ```text
//! date=2026-03-01 time=10:00:00.123 device_id=FE1 log_id=0003014907 type=event subtype=smtp pri=information … msg="…"
//! date=2026-03-01 time=10:00:00 devname="proxy1" devid="FPX1" logid="1000234512" type="utm" subtype="dlp" …
//! date=2026-03-01 time=10:00:00 log_id=20000008 msg_id=000000000001 device_id=FV1 type=attack … http_url="/a"
//! cat=attack date_time=2026-03-01T10:00:00+01:00 user_id=… http_host=example.org http_url=/a …
//! ```
//!
//! What FortiMail has to say about a mail stands in `msg`: the mail server's own pairs, separated by commas, or one of
//! the sentences below.

use crate::formats::fields::Fields;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{
    first_address, instant, is_blank, keyed, put_time, put_user, text_of, without_priority,
};
use crate::formats::text::url::{put_path, put_url};
use crate::formats::text::{Event, Grammar, Line};
use crate::formats::vendors::mail::mailbox;

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "FortiMail",
        marks: &[" device_id="],
        programs: &[],
        read: fortimail,
    },
    Grammar {
        name: "FortiWeb",
        marks: &["msg_id="],
        programs: &[],
        read: fortiweb,
    },
    Grammar {
        name: "FortiWeb Cloud",
        marks: &["cat=attack ", "ep_domain="],
        programs: &[],
        read: fortiweb_cloud,
    },
    Grammar {
        name: "FortiProxy",
        marks: &[" devid="],
        programs: &[],
        read: fortiproxy,
    },
];

/// Kinds of FortiMail's log; FortiWeb has some of the others and always a `msg_id`.
const MAIL: [&str; 8] = [
    "event",
    "kevent",
    "spam",
    "virus",
    "statistics",
    "encrypt",
    "history",
    "mail",
];

fn fortimail<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "fortinet.fortimail",
        &["device_id", "log_id", "type", "pri"],
    )?;
    let fields = &mut event.fields;
    if !MAIL.contains(&text_of(fields, "type")) || fields.get("msg_id").is_some() {
        return None;
    }
    event.time = date_time(line, fields);
    let fields = &mut event.fields;
    // `GUI(192.0.2.7)`: who sits in front of it.
    if let Some((_, address)) = text_of(fields, "ui").split_once('(') {
        fields.text("source.ip", first_address(address).unwrap_or_default());
    }
    let message = text_of(fields, "msg");
    match text_of(fields, "subtype") {
        "smtp" => delivery(fields, message),
        _ => verdict(fields, message),
    }
    Some(event)
}

/// `to=<a@example.org>, delay=…, relay=mx.example.org. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)`. What the other server
/// answered is last and goes on to the end.
fn delivery<'a>(fields: &mut Fields<'a>, message: &'a str) {
    let mut rest = message;
    while let Some((name, value)) = rest.split_once('=') {
        let last = matches!(name, "stat" | "verifymsg" | "reject" | "reason");
        let (value, after) = match last {
            true => (value, ""),
            // The name in front of an address may be any text in quotes.
            false if value.starts_with("<\"") => {
                let (address, behind) = mailbox(value).unwrap_or((value, ""));
                (address, behind.split_once(", ").map_or("", |(_, after)| after))
            }
            false => value.split_once(", ").unwrap_or((value, "")),
        };
        rest = after;
        let inner = value.trim_start_matches('<').trim_end_matches('>');
        match name {
            "from" => fields.text("email.from.address", inner),
            "to" => {
                fields.text("email.to.address", inner);
                fields.text("user.email", inner);
            }
            "size" => fields.number("email.size", value),
            "proto" => fields.text("network.protocol", value),
            "relay" => relay(fields, value),
            "stat" | "verifymsg" | "reject" | "reason" => fields.text("event.reason", value),
            "msgid" => fields.text("email.message_id", inner),
            "dsn" => fields.text("fortinet.fortimail.dsn", value),
            _ => {}
        }
    }
}

/// `mx.example.org. [192.0.2.25]`, either part alone too.
fn relay<'a>(fields: &mut Fields<'a>, relay: &'a str) {
    let (name, address) = match relay.split_once('[') {
        Some((name, address)) => (name.trim(), address.split(']').next().unwrap_or_default()),
        None => (relay.trim(), ""),
    };
    fields.text("destination.domain", name);
    fields.text("destination.ip", first_address(address).unwrap_or_default());
}

/// What a scanner says about a file or an address.
fn verdict<'a>(fields: &mut Fields<'a>, message: &'a str) {
    if let Some(rest) = message.strip_prefix("File name: ") {
        fields.text(
            "file.name",
            rest.rsplit_once(", scanned by").map_or(rest, |(name, _)| name),
        );
    } else if let Some(rest) = message.strip_prefix("File ") {
        let Some((file, _)) = rest.rsplit_once(" has been scanned by ") else {
            return;
        };
        match file.rsplit_once(" (checksum: ") {
            Some((name, sum)) => {
                fields.text("file.name", name);
                fields.text("file.hash.sha256", sum.trim_end_matches(')'));
            }
            None => fields.text("file.name", file),
        }
    } else if let Some(rest) = message.strip_prefix("URL ") {
        if let Some((address, _)) = rest.rsplit_once(" has been scanned by ") {
            put_url(fields, address);
        }
    } else if message.starts_with("FortiGuard-")
        && let Some((_, address)) = message
            .split_once(" identified ")
            .and_then(|(_, rest)| rest.split_once(": http"))
    {
        let start = message.len() - address.len() - "http".len();
        put_url(fields, &message[start..]);
    }
}

fn fortiweb<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "fortinet.fortiweb",
        &["log_id", "msg_id", "device_id", "type"],
    )?;
    event.time = date_time(line, &event.fields);
    let fields = &mut event.fields;
    put_path(fields, text_of(fields, "http_url"));
    outcome(fields);
    Some(event)
}

fn fortiweb_cloud<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "fortinet.fortiweb",
        &["cat", "date_time", "ep_domain"],
    )?;
    let fields = &mut event.fields;
    event.time = instant(line, text_of(fields, "date_time"), "");
    put_user(fields, text_of(fields, "user_name"));
    put_path(fields, text_of(fields, "http_url"));
    Some(event)
}

fn fortiproxy<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = without_priority(line.body);
    // Quotes are doubled where the line went through a table.
    let text = match text.contains("=\"\"") && text.contains("\"\" ") {
        true => line.keep(text.replace("\"\"", "\"")),
        false => text,
    };
    let mut event = keyed(
        line,
        text,
        Style::SPACED,
        "fortinet.fortiproxy",
        &["devname", "devid", "logid", "type"],
    )?;
    // FortiGate writes the same; its lines keep their date on the way, and its serial numbers begin otherwise.
    if !text_of(&event.fields, "devid").starts_with("FPX") && !text.starts_with("time=") {
        return None;
    }
    event.time = date_time(line, &event.fields);
    let fields = &mut event.fields;
    put_time(line, fields, "event.start", ticks(text_of(fields, "eventtime")));
    let address = text_of(fields, "url");
    put_url(fields, address);
    fields.text("url.domain", text_of(fields, "hostname"));
    let service = text_of(fields, "service");
    if service.eq_ignore_ascii_case("http") || service.eq_ignore_ascii_case("https") {
        fields.text("url.scheme", service);
    }
    fields.text("event.reason", text_of(fields, "msg"));
    outcome(fields);
    Some(event)
}

/// Seconds, or nanoseconds in newer releases, since the epoch.
fn ticks(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        10 => number.checked_mul(1_000_000),
        19 => Some(number / 1000),
        _ => None,
    }
}

fn date_time(line: &Line<'_>, fields: &Fields<'_>) -> Option<i64> {
    let date = text_of(fields, "date");
    if date.is_empty() {
        return ticks(text_of(fields, "eventtime"));
    }
    let mut both = String::from(date);
    both.push(' ');
    both.push_str(text_of(fields, "time"));
    instant(line, &both, text_of(fields, "tz"))
}

fn outcome(fields: &mut Fields<'_>) {
    match text_of(fields, "status") {
        "success" => fields.text("event.outcome", "success"),
        "failure" | "failed" => fields.text("event.outcome", "failure"),
        status if is_blank(status) => {}
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn fortimail() {
        let line = "date=2026-03-01 time=10:00:00.123 device_id=FE1 log_id=0003007072 type=event subtype=smtp pri=information user=mail ui=mail action=NONE status=N/A session_id=\"a-b\" msg=\"to=<jane@example.org>, delay=00:00:06, mailer=esmtp, relay=mx.example.org. [192.0.2.25], dsn=2.0.0, stat=Sent (ok, relay=[203.0.113.1])\"";
        check(
            line,
            "fortinet.fortimail",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("email.to.address", "jane@example.org"),
                ("destination.ip", "192.0.2.25"),
                ("destination.domain", "mx.example.org."),
                ("event.reason", "Sent (ok, relay=[203.0.113.1])"),
                ("log.level", "information"),
            ],
        );
        check(
            &line
                .replace("<jane@", "<'a, relay=evil [203.0.113.1], stat=Sent'@")
                .replace('\'', "\\\""),
            "fortinet.fortimail",
            &[
                ("destination.ip", "192.0.2.25"),
                ("event.reason", "Sent (ok, relay=[203.0.113.1])"),
            ],
        );
        check(
            "date=2026-03-01 time=10:00:00 device_id=FE1 log_id=0300017253 type=spam subtype=default pri=information session_id=\"x\" client_name=\"mx\" client_ip=\"192.0.2.7\" dst_ip=\"198.51.100.9\" from=\"a@example.net\" to=\"jane@example.org\" subject=\"client_ip=203.0.113.1\" msg=\"FortiGuard-WebFilter identified URL(category: Phishing, id: 61): https://example.net/a\"",
            "fortinet.fortimail",
            &[
                ("source.ip", "192.0.2.7"),
                ("email.subject", "client_ip=203.0.113.1"),
                ("url.domain", "example.net"),
                ("url.path", "/a"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn fortiproxy() {
        let line = "date=2026-03-01 time=10:00:00 devname=\"proxy1\" devid=\"FPX1\" logid=\"0419013452\" type=\"utm\" subtype=\"webfilter\" level=\"notice\" vd=\"root\" eventtime=1772359200 user=\"jane\" srcip=192.0.2.7 srcport=50000 dstip=198.51.100.9 dstport=443 service=\"HTTPS\" hostname=\"example.org\" url=\"/a?b=c\" action=\"passthrough\" msg=\"ok\"";
        check(
            &line.replace("FPX1", "FPX4H0").replacen("date=2026-03-01 ", "", 1),
            "fortinet.fortiproxy",
            &[
                ("event.start", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("url.domain", "example.org"),
                ("url.path", "/a"),
                ("user.name", "jane"),
                ("observer.hostname", "proxy1"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn fortiweb() {
        let line = "date=2026-03-01 time=10:00:00 log_id=20000008 msg_id=000000000001 device_id=FV1 vd=\"root\" timezone=\"(GMT+1:00)Paris\" type=attack pri=alert src=192.0.2.7 src_port=50000 dst=198.51.100.9 dst_port=443 policy=\"web\" action=\"Alert_Deny\" http_method=get http_url=\"/a?src=203.0.113.1\" http_host=\"example.org\" msg=\"bad\"";
        check(
            line,
            "fortinet.fortiweb",
            &[
                ("source.ip", "192.0.2.7"),
                ("url.path", "/a"),
                ("rule.ruleset", "web"),
                ("event.action", "Alert_Deny"),
            ],
        );
        check(
            "cat=attack date_time=2026-03-01T10:00:00+01:00 user_id=7 user_name=jane@example.org ep_id=1 ep_domain=www.example.org src_ip=192.0.2.7 src_port=4 action=Block http_host=www.example.org http_url=/ http_method=GET http_agent=\"x\"",
            "fortinet.fortiweb",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("user.name", "jane"),
                ("source.ip", "192.0.2.7"),
            ],
        );
        survives_truncation(line);
    }
}
