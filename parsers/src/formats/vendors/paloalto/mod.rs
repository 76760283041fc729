//! PAN-OS: comma-separated values whose fourth says what the others are.
//!
//! ```text
//! 1,2026/03/01 10:00:00,0123456789,TRAFFIC,end,2561,2026/03/01 10:00:00,192.0.2.4,198.51.100.9,0.0.0.0,0.0.0.0,web,…
//! ```
//!
//! The columns of each type are in [`columns`], what they mean in the catalog. A line is PAN-OS's if its fourth cell is one
//! of the types and the third, the serial number, is one word. Cells that strangers choose (URLs, names of files, users)
//! are quoted where they hold commas; the columns behind them stay in place.
//!
//! The text of a system log is the only one that is read further: who tried to log in, from where, and why it failed.
//! There the user's name is a stranger's; the address is taken from the end.

mod columns;

use super::super::fields::{Fields, address, is_nothing};
use super::super::text::cells::{bare_cells, cells};
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;
use columns::{Column, Role};

/// Asked before marks are sought: the fourth cell decides.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "panos",
    marks: &[",TRAFFIC,", ",THREAT,", ",SYSTEM,", ",CONFIG,"],
    programs: &[],
    read,
}];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let body = line.body.trim_start_matches([' ', ':']);
    if !body.as_bytes().iter().take(3).any(|&b| b == b',') {
        return None;
    }
    let kind = kind(body)?;
    let mut columns = columns::columns(kind)?;
    let body = body.trim_end_matches(['\n', '\r']);
    if kind == "CONFIG" {
        // Flags stand behind the sequence number, wherever that is.
        let flags = cells(body, b',')
            .nth(15)
            .is_some_and(|cell| cell.text.starts_with("0x"));
        if !flags {
            columns = columns::detailed();
        }
    }
    let mut seen = Seen {
        line,
        fields: Fields::with_room(columns.len()),
        subtype: "",
        instants: [""; 3],
    };
    seen.fields.push("log.logger", Value::Str(kind));
    match memchr::memchr(b'"', body.as_bytes()) {
        None => {
            for (column, text) in columns.iter().zip(bare_cells(body, b',')) {
                seen.cell(column, text);
            }
        }
        Some(_) => {
            for (column, cell) in columns.iter().zip(cells(body, b',')) {
                let text = match cell.doubled {
                    true => line.keep(cell.undoubled()),
                    false => cell.text,
                };
                seen.cell(column, text);
            }
        }
    }
    let Seen {
        mut fields, instants, ..
    } = seen;
    match fields.text_of("opaque") {
        Some(text) if kind == "SYSTEM" => system(text, &mut fields),
        Some(text) => fields.push("message", Value::Str(text)),
        None => {}
    }
    if fields.get("message").is_none() {
        fields.push("message", Value::Str(body));
    }
    if line.header.host.is_none()
        && fields.get("machinename").is_none()
        && let Some(name) = fields.text_of("device_name")
    {
        fields.push("host.name", Value::Str(name));
    }
    let time = instants
        .iter()
        .find_map(|text| time::stated(text, line.context.reference_time, line.context.timezone));
    Some(Event {
        dataset: "panw.panos",
        time,
        fields,
        headless: false,
    })
}

/// The type of a log: its fourth cell.
fn kind(body: &str) -> Option<&str> {
    let head = &body.as_bytes()[..body.len().min(120)];
    let mut commas = memchr::memchr_iter(b',', head);
    let (first, second, third) = (commas.next()?, commas.next()?, commas.next()?);
    let end = commas.next()?;
    let serial = &head[second + 1..third];
    let plain = first <= 2 && serial.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    plain.then(|| &body[third + 1..end])
}

struct Seen<'l, 'a> {
    line: &'l Line<'a>,
    fields: Fields<'a>,
    subtype: &'a str,
    /// When the event was: to the millisecond, to the second, when it was received.
    instants: [&'a str; 3],
}

impl<'a> Seen<'_, 'a> {
    #[inline(always)]
    fn cell(&mut self, column: &Column, text: &'a str) {
        let &Column { name, role } = column;
        if text.is_empty() {
            return;
        }
        match role {
            Role::Plain if is_nothing(text) => {}
            Role::Plain => self.fields.push(name, Value::Str(text)),
            Role::Unused => {}
            Role::Instant(kind) => self.instants[kind] = text,
            role => self.peculiar(name, role, text),
        }
    }

    fn peculiar(&mut self, name: &'static str, role: Role, text: &'a str) {
        let fields = &mut self.fields;
        match role {
            Role::Plain | Role::Unused | Role::Instant(_) => {}
            Role::Start => {
                if let instant @ Value::Time(_) = self.line.instant(text) {
                    fields.push("event.start", instant);
                }
            }
            Role::SourceUser => self.user(["source.user.domain", "source.user.name"], text),
            Role::DestinationUser => self.user(["destination.user.domain", "destination.user.name"], text),
            Role::Threat => match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
                Some((threat, id)) => {
                    fields.push("event.code", Value::Str(id));
                    fields.push("threat.id", Value::Str(id));
                    if !threat.is_empty() {
                        fields.push("threat.name", Value::Str(threat));
                        fields.push("event.reason", Value::Str(threat));
                    }
                }
                None => {
                    fields.push("event.code", Value::Str(text));
                    fields.push("threat.id", Value::Str(text));
                }
            },
            Role::Misc => match self.subtype {
                "file" | "virus" | "wildfire" | "wildfire-virus" | "data" | "vulnerability" | "ml-virus" => {
                    fields.push("file.path", Value::Str(text));
                    let name = text.rsplit(['/', '\\']).next().unwrap_or(text);
                    fields.push("file.name", Value::Str(name));
                }
                _ => fields.url(text),
            },
            Role::Digest => fields.file_hash(text),
            Role::Protocol => fields.transport(text),
            Role::Host => {
                if let Some(address) = address(text) {
                    fields.push(name, Value::Str(address));
                } else {
                    fields.push("source.domain", Value::Str(text));
                }
            }
            Role::TlsVersion => {
                fields.push(name, Value::Str(text.strip_prefix("TLS").unwrap_or(text)));
            }
            Role::EventId => {
                fields.push(name, Value::Str(text));
                if text.ends_with("-success") || text.ends_with("-succ") {
                    fields.push("event.outcome", Value::Str("success"));
                } else if text.ends_with("-fail") || text.ends_with("-failure") || text.ends_with("-failed") {
                    fields.push("event.outcome", Value::Str("failure"));
                }
            }
            Role::Subtype => {
                self.subtype = text;
                if !is_nothing(text) {
                    fields.push(name, Value::Str(text));
                }
            }
        }
    }

    /// A user as `domain\name` or alone; a URL log may have the address of a proxy's client there.
    fn user(&mut self, [domain, name]: [&'static str; 2], text: &'a str) {
        if text.starts_with("x-fwd-for:") {
            return;
        }
        let cut = memchr::memrchr(b'\\', text.as_bytes());
        let user = match cut.map(|at| (&text[..at], &text[at + 1..])) {
            Some((group, user)) => {
                self.fields.push(domain, Value::Str(group.trim_end_matches('\\')));
                user
            }
            None => text,
        };
        self.fields.push(name, Value::Str(user));
        if name == "source.user.name" {
            self.fields.push("user.name", Value::Str(user));
        }
    }
}

/// What the text of a system log says: who logged in from where, and why not.
fn system<'a>(text: &'a str, fields: &mut Fields<'a>) {
    fields.push("message", Value::Str(text));
    let mut reason = text;
    let quoted = |text: &'a str| {
        text.trim_start_matches(['\'', '"'])
            .trim_end_matches(['\'', '"', '.', ','])
    };
    // From the end inwards: what stands in front may be the user's.
    let (head, from) = match text.rsplit_once("From: ") {
        Some((head, from)) => (head, from.trim_end_matches([' ', '.'])),
        None => (text, ""),
    };
    if let Some(from) = address(from) {
        fields.push("source.ip", Value::Str(from));
    }
    let server = head
        .rsplit_once("server address ")
        .or_else(|| head.rsplit_once("Server Address "))
        .and_then(|(_, rest)| rest.split([',', ' ']).next());
    if let Some(server) = server.and_then(|server| address(quoted(server))) {
        fields.push("destination.ip", Value::Str(server));
    }
    for start in ["failed authentication for user ", "authenticated for user "] {
        let Some(rest) = head.strip_prefix(start) else {
            continue;
        };
        let user = match rest.rfind(" Reason: ") {
            Some(at) => {
                let why = &rest[at + " Reason: ".len()..];
                let end = why
                    .rfind(" auth profile ")
                    .filter(|_| !from.is_empty())
                    .unwrap_or(why.len());
                reason = why[..end].trim();
                &rest[..at]
            }
            None => rest.rfind(" auth profile ").map_or(rest, |at| &rest[..at]),
        };
        let user = quoted(user.trim());
        fields.text("user.name", user);
    }
    if let Some(rest) = head.strip_prefix("When authenticating user ")
        && let Some((rest, _)) = rest.rsplit_once(", a less secure authentication method ")
        && let Some((user, from)) = rest.rsplit_once(" from ")
    {
        fields.text("user.name", quoted(user));
        fields.text("source.ip", address(from).unwrap_or_default());
    }
    fields.push("event.reason", Value::Str(reason));
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, fields_of, value};

    #[test]
    fn traffic_and_threat() {
        check(
            "<14>Mar  1 10:00:00 fw1 1,2026/03/01 10:00:00,0123,TRAFFIC,end,2561,2026/03/01 09:59:59,192.0.2.4,198.51.100.9,203.0.113.1,198.51.100.9,out,corp\\ann,,ssl,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,2026/03/01 10:00:00,77,1,5000,443,6000,443,0x40,tcp,allow,300,100,200,9,2026/03/01 09:59:00,5,any,,1,0x0,DE,FR,,4,5,tcp-fin,0,0,0,0,,edge1",
            &[
                ("event.dataset", "panw.panos"),
                ("@timestamp", "2026-03-01T09:59:59.000Z"),
                ("host.name", "fw1"),
                ("observer.name", "edge1"),
                ("observer.serial_number", "0123"),
                ("source.ip", "192.0.2.4"),
                ("source.nat.port", "6000"),
                ("source.user.domain", "corp"),
                ("user.name", "ann"),
                ("destination.bytes", "200"),
                ("source.packets", "4"),
                ("network.transport", "tcp"),
                ("event.action", "allow"),
                ("rule.name", "out"),
                ("observer.egress.zone", "untrust"),
            ],
        );
        check(
            "1,2026/03/01 10:00:00,0123,THREAT,url,2561,2026/03/01 10:00:00,192.0.2.4,198.51.100.9,,,out,,,web-browsing,vsys1,a,b,,,,,77,1,5000,80,,,0x0,tcp,alert,\"shop.example:8080/a,b?q=1\",(9999),any,informational,client-to-server",
            &[
                ("url.domain", "shop.example"),
                ("url.path", "/a,b"),
                ("event.code", "9999"),
                ("log.level", "informational"),
                ("network.direction", "client-to-server"),
            ],
        );
    }

    #[test]
    fn users_with_names_like_addresses() {
        let line = |user: &str| {
            format!(
                "1,2026/03/01 10:00:00,0123,SYSTEM,auth,2561,2026/03/01 10:00:00,,auth-success,x,0,0,general,informational,\"When authenticating user {user} from 192.0.2.4, a less secure authentication method PAP is used. Please migrate to PEAP or EAP-TTLS. Authentication Profile p\",7,0x0"
            )
        };
        check(&line("ann"), &[("user.name", "ann"), ("source.ip", "192.0.2.4")]);
        check(
            &line("x from 203.0.113.1, y"),
            &[("user.name", "x from 203.0.113.1, y"), ("source.ip", "192.0.2.4")],
        );
    }

    #[test]
    fn tunnels_and_mobile_networks() {
        check(
            "1,2026/03/01 10:00:00,0123,START,gre,2561,2026/03/01 10:00:00,192.0.2.4,198.51.100.9,,,out,,,gre,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,2026/03/01 10:00:00,77,1,20033,20033,0,0,0x0,gre,allow,informational,9,0x0,DE,FR,0,0,0,0,,edge1,7,tag,0,,GRE,300,100,200,9,4,5,0,0,0,0,1,0,aged-out,from-policy,2026/03/01 09:59:00,5,inspect",
            &[
                ("event.dataset", "panw.panos"),
                ("source.ip", "192.0.2.4"),
                ("network.transport", "gre"),
                ("source.bytes", "100"),
                ("destination.packets", "5"),
                ("log.level", "informational"),
                ("observer.name", "edge1"),
                ("event.start", "2026-03-01T09:59:00.000Z"),
                ("panw.panos.tunnel_insp_rule", "inspect"),
            ],
        );
        check(
            "1,2026/03/01 10:00:00,0123,GTP,start,2561,2026/03/01 10:00:00,192.0.2.4,198.51.100.9,,,out,,,gtpv2-c,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,,77,,2123,2123,,,,udp,allow,61007,4915550000,internet,6,32,203.0.113.7,1,2,1,16,informational,262,01,5,7,124",
            &[
                ("destination.port", "2123"),
                ("event.action", "allow"),
                ("panw.panos.apn", "internet"),
                ("panw.panos.end_ip_addr", "203.0.113.7"),
                ("log.level", "informational"),
            ],
        );
        check(
            "1,2026/03/01 10:00:00,0123,SCTP,end,2561,2026/03/01 10:00:00,192.0.2.4,198.51.100.9,,,out,,,,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,,77,1,2905,2905,,,,sctp,allow,0,0,0,0,,edge1,9,,11,3,low,DATA,,1,2,,,,,0,shutdown,,,,,10,4,6,12,5,7,u-1",
            &[
                ("network.transport", "sctp"),
                ("source.packets", "5"),
                ("rule.uuid", "u-1"),
                ("panw.panos.sctp_chunk_type", "DATA"),
                ("observer.name", "edge1"),
            ],
        );
    }

    #[test]
    fn logins() {
        check(
            "1,2026/03/01 10:00:00,0123,SYSTEM,auth,2561,2026/03/01 10:00:00,,auth-fail,P,0,0,general,medium,\"failed authentication for user 'ann'.  Reason: Invalid username/password. auth profile 'P', vsys 'shared', server profile 'S', server address '192.0.2.9', From: 192.0.2.4.\",7,0x0,0,0,0,0,,edge1,0,0,2026-03-01T10:00:00.500+01:00",
            &[
                ("@timestamp", "2026-03-01T09:00:00.500Z"),
                ("user.name", "ann"),
                ("source.ip", "192.0.2.4"),
                ("destination.ip", "192.0.2.9"),
                ("event.reason", "Invalid username/password."),
                ("event.outcome", "failure"),
                ("host.name", "edge1"),
            ],
        );
    }

    #[test]
    fn what_strangers_write() {
        check(
            "1,2026/03/01 10:00:00,0123,SYSTEM,auth,2561,2026/03/01 10:00:00,,auth-fail,P,0,0,general,medium,\"failed authentication for user 'x' From: 203.0.113.9. Reason: y'. Reason: Invalid username/password. From: 192.0.2.4.\",7,0x0",
            &[("source.ip", "192.0.2.4"), ("event.outcome", "failure")],
        );
        let event = fields_of(
            "Mar  1 10:00:00 web1 sshd[7]: Invalid user 1,a,b,TRAFFIC,end,1,2,203.0.113.9 from 192.0.2.1 port 4",
        );
        assert_eq!(value(&event, "source.ip"), "192.0.2.1");
    }

    #[test]
    fn cut_off() {
        check(
            "1,2026/03/01 10:00:00,0123,TRAFFIC,end,2561,2026/03/01 09:59:59,192.0.2.4,198.51",
            &[("event.dataset", "panw.panos"), ("source.ip", "192.0.2.4")],
        );
        let event = fields_of("1,2026/03/01 10:00:00,0123,TRAF");
        assert_eq!(value(&event, "event.dataset"), "generic.lines");
    }
}
