//! Rows of access gateways: Microsoft's network policy server (Always On VPN), RSA Authentication Manager, Cisco
//! Umbrella.
//!
//! ```text
//! "NPS1","RAS",03/01/2026,10:00:00,1,"jane","CORP\jane","198.51.100.9","203.0.113.1",,,"NPS1","192.0.2.7",1519,,…
//! 2026-03-01 10:00:00,123, rsa1.example.org, audit.runtime.com.rsa.…, ERROR, a,b,192.0.2.7,192.0.2.1,AUTHN_LOGIN_EVENT,…
//! "2026-03-01 10:00:00","Jane","Jane,HQ","192.0.2.7","198.51.100.1","Allowed","1 (A)","NOERROR","example.org.",…
//! ```

use super::put_columns;
use crate::formats::fields::address;
use crate::formats::text::layout;
use crate::formats::text::parts::{instant, is_blank, put_user, row};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(in crate::formats::vendors) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Microsoft NPS",
        marks: &["\"RAS\",", "\"IAS\","],
        programs: &[],
        read: policy_server,
    },
    Grammar {
        name: "RSA Authentication Manager",
        marks: &["com.rsa."],
        programs: &[],
        read: rsa,
    },
    Grammar {
        name: "Cisco Umbrella",
        marks: &[],
        programs: &[],
        read: umbrella,
    },
];

/// The database-compatible format: computer, service, date, time, packet type, user, …
fn policy_server<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim();
    let cells = row(line, text, b',');
    if cells.len() < 20 || !matches!(cells[1], "RAS" | "IAS") {
        return None;
    }
    let stamp = line.keep(format!("{} {}", cells[2], cells[3]));
    let (micros, _) = layout::read(stamp, "M/D/Y h:m:s", line.context.timezone)?;
    let action = match cells[4] {
        "1" => "access-request",
        "2" => "access-accept",
        "3" => "access-reject",
        "4" => "accounting-request",
        "5" => "accounting-response",
        "11" => "access-challenge",
        _ => "",
    };
    let mut event = Event::headless("microsoft.nps");
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("observer.hostname", cells[0]);
    fields.text("service.name", cells[1]);
    fields.text("microsoft.nps.packet_type", cells[4]);
    fields.text("event.action", action);
    match cells[4] {
        "2" => fields.text("event.outcome", "success"),
        "3" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    let (sent, qualified) = (cells[5], cells[6]);
    if sent.contains('@') {
        fields.text("user.email", sent);
    }
    put_user(fields, if is_blank(qualified) { sent } else { qualified });
    const COLUMNS: [&str; 27] = [
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "microsoft.nps.called_station",
        "source.nat.ip",
        "",
        "microsoft.nps.framed_address",
        "microsoft.nps.nas_identifier",
        "",
        "source.nat.port",
        "",
        "source.ip",
        "microsoft.nps.client_name",
        "",
        "",
        "",
        "",
        "",
        "",
        "microsoft.nps.authentication_type",
        "rule.name",
        "microsoft.nps.reason_code",
        "microsoft.nps.class",
    ];
    if address(cells[8]).is_some() || cells[8].is_empty() {
        put_columns(fields, &COLUMNS, &cells);
    } else {
        // A calling station that is no address: a telephone number, a hardware address.
        fields.text("microsoft.nps.calling_station", cells[8]);
        put_columns(fields, &COLUMNS[9..], &cells[9..]);
    }
    if let Some(reason) = cells.get(30).filter(|cell| !is_blank(cell)) {
        fields.text("microsoft.nps.eap_name", reason);
    }
    Some(event)
}

/// `[date] time, host, logger, level, id,instance,client,server,action,code,result,reason,session,user id,…`
fn rsa<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim();
    let at = text.find(".com.rsa.").or_else(|| text.find("com.rsa."))?;
    let head_end = text[..at].rfind(", ")?;
    let (head, rest) = text.split_at(head_end);
    let (stamp, host) = head.rsplit_once(", ")?;
    let cells = row(line, rest.trim_start_matches([',', ' ']), b',');
    if cells.len() < 9 || host.contains(' ') {
        return None;
    }
    let mut event = Event::headless("rsa.authentication_manager");
    // Behind a syslog header the date may be missing; the header has it then.
    event.time = match time::iso(stamp, line.context.timezone) {
        Some((micros, _)) => Some(micros),
        None => line.header.time,
    };
    let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
    let fields = &mut event.fields;
    fields.text("observer.hostname", host);
    const COLUMNS: [&str; 15] = [
        "log.logger",
        "log.level",
        "rsa.authentication_manager.event_id",
        "observer.serial_number",
        "",
        "",
        "event.action",
        "event.code",
        "",
        "event.reason",
        "rsa.authentication_manager.session",
        "user.id",
        "rsa.authentication_manager.identity_source",
        "rsa.authentication_manager.security_domain",
        "user.name",
    ];
    let trimmed: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
    put_columns(fields, &COLUMNS, &trimmed);
    fields.text("source.ip", address(cell(4)).unwrap_or_default());
    fields.text("destination.ip", address(cell(5)).unwrap_or_default());
    match cell(8) {
        "SUCCESS" => fields.text("event.outcome", "success"),
        "FAIL" => fields.text("event.outcome", "failure"),
        _ => {}
    }
    Some(event)
}

/// The logs of Umbrella's services have no name in them; how many cells there are and what stands in some of them tells.
fn umbrella<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw.trim();
    if !text.starts_with("\"20") {
        return None;
    }
    let cells = row(line, text, b',');
    let stamp = cells.first()?;
    let micros = (stamp.len() == 19).then(|| instant(line, stamp, "Z"))??;
    let is_address = |at: usize| cells.get(at).is_some_and(|cell| address(cell).is_some());
    let is_port = |at: usize| cells.get(at).is_some_and(|cell| cell.parse::<u16>().is_ok());
    let verdict = |at: usize| {
        cells.get(at).is_some_and(|cell| {
            ["ALLOWED", "BLOCKED", "PROXIED"]
                .iter()
                .any(|word| cell.eq_ignore_ascii_case(word))
        })
    };
    let mut event = Event::headless("cisco.umbrella");
    event.time = Some(micros);
    let fields = &mut event.fields;
    if is_address(2) && is_port(3) && is_address(4) && is_port(5) {
        put_columns(
            fields,
            &[
                "",
                "host.name",
                "source.ip",
                "source.port",
                "destination.ip",
                "destination.port",
                "rule.category",
            ],
            &cells,
        );
    } else if is_address(3) && verdict(6) {
        const PROXY: [&str; 20] = [
            "",
            "host.name",
            "",
            "source.ip",
            "destination.ip",
            "http.response.mime_type",
            "event.action",
            "",
            "http.request.referrer",
            "user_agent.original",
            "http.response.status_code",
            "http.request.bytes",
            "http.response.bytes",
            "http.response.body.bytes",
            "file.hash.sha256",
            "rule.category",
            "",
            "",
            "",
            "",
        ];
        if let Some(address) = cells.get(7).filter(|address| address.contains("://")) {
            put_url(fields, address);
        }
        put_columns(fields, &PROXY, &cells);
    } else if is_address(3) && verdict(5) {
        const DNS: [&str; 16] = [
            "",
            "host.name",
            "",
            "source.ip",
            "source.nat.ip",
            "event.action",
            "",
            "dns.response_code",
            "",
            "rule.category",
            "",
            "",
            "cisco.umbrella.blocked_categories",
            "rule.id",
            "cisco.umbrella.countries",
            "organization.id",
        ];
        put_columns(fields, &DNS, &cells);
        // `1 (A)`
        if let Some((_, kind)) = cells.get(6).and_then(|kind| kind.split_once(" (")) {
            fields.text("dns.question.type", kind.trim_end_matches(')'));
        }
        fields.text(
            "dns.question.name",
            cells.get(8).map_or("", |name| name.trim_end_matches('.')),
        );
    } else {
        return None;
    }
    if let Some(Value::Str(name)) = fields.get("host.name").cloned() {
        fields.text("host.hostname", name);
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn policy_servers() {
        let line = "\"NPS1\",\"RAS\",03/01/2026,10:00:00,1,\"jane@example.org\",\"CORP\\jane\",\"198.51.100.9\",\"203.0.113.1\",,,\"NPS1\",\"198.51.100.9\",1519,,\"192.0.2.7\",\"NPS1\",,,5,,1,2,11,\"VPN\",0,\"311 1\"";
        check(
            line,
            "microsoft.nps",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("user.name", "jane"),
                ("user.domain", "CORP"),
                ("source.ip", "192.0.2.7"),
                ("source.nat.port", "1519"),
                ("rule.name", "VPN"),
                ("event.action", "access-request"),
            ],
        );
        check(
            "\"NPS1\",\"IAS\",03/01/2026,10:00:00,3,\"x\"\",\"\"203.0.113.1\",,,\"02-00-00-00-00-07\",,,,,,,\"192.0.2.7\",,,,,,,,,\"VPN\",16",
            "microsoft.nps",
            &[
                ("user.name", "x\",\"203.0.113.1"),
                ("source.ip", "192.0.2.7"),
                ("event.outcome", "failure"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn rsa() {
        let line = "2026-03-01 10:00:00,123, rsa1.example.org, audit.runtime.com.rsa.ims.authn.impl.AuthenticationBrokerImpl, ERROR, 6b74,0e34,192.0.2.7,192.0.2.1,AUTHN_LOGIN_EVENT,23008,FAIL,AUTHN_PRINCIPAL_LOCKED,,,,,jane,,,1,2";
        check(
            line,
            "rsa.authentication_manager",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("source.ip", "192.0.2.7"),
                ("destination.ip", "192.0.2.1"),
                ("event.reason", "AUTHN_PRINCIPAL_LOCKED"),
                ("event.outcome", "failure"),
                ("observer.hostname", "rsa1.example.org"),
            ],
        );
        survives_truncation(line);
    }

    #[test]
    fn umbrella() {
        let line = "\"2026-03-01 10:00:00\",\"pc7\",\"192.0.2.7\",\"50000\",\"198.51.100.9\",\"443\",\"\",\"Roaming Computers\"";
        check(
            line,
            "cisco.umbrella",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("host.name", "pc7"),
            ],
        );
        check(
            "\"2026-03-01 10:00:00\",\"Jane\",\"Jane,\"\"203.0.113.1\"\"\",\"192.0.2.7\",\"198.51.100.1\",\"Allowed\",\"1 (A)\",\"NOERROR\",\"example.org.\",\"News\"",
            "cisco.umbrella",
            &[
                ("source.ip", "192.0.2.7"),
                ("dns.question.name", "example.org"),
                ("dns.question.type", "A"),
            ],
        );
        check("\"2026-03-01 10:00:00\",\"a\",\"b\"", "", &[]);
        survives_truncation(line);
    }
}
