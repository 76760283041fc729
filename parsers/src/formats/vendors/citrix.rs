//! Citrix (NetScaler) ADC.
//!
//! ```text
//! 03/01/2026:10:00:00 GMT ns1 0-PPE-0 : default SSLVPN LOGIN 4711 0 : Context jane@192.0.2.7 - SessionId: 7 - User jane - …
//! 03/01/2026:10:00:00 GMT ns1 0-PPE-0 : default SSLVPN Message 4712 0 : "SSLVPN Mux Authorize result is Allow, Srcip: …"
//! root on /dev/pts/0 shell_command="ls"
//! 192.0.2.7 -> 198.51.100.9 - - [01/Mar/2026:10:00:00 +0100] [77] "GET /nitro HTTP/1.1" 200 12 "-" "x" "Time: 9 microsecs"
//! ```
//!
//! The parts of a message are divided by ` - `; a part is a name, a space and a value, which is quoted where it may hold
//! anything. A user name is not, and may hold ` - Client_ip 203.0.113.1`: what the appliance writes comes behind it, so
//! the last part of a name holds.

use chrono_tz::Tz;

use crate::formats::fields::{Fields, address};
use crate::formats::text::layout;
use crate::formats::text::parts::{is_blank, put_peer, put_user, without_priority};
use crate::formats::text::url::{put_request, put_url};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Citrix ADC",
        marks: &[" 0 : "],
        programs: &[],
        read,
    },
    Grammar {
        name: "Citrix ADC, shell",
        marks: &[" shell_command=\""],
        programs: &[],
        read: shell,
    },
    Grammar {
        name: "Citrix ADC, web server",
        marks: &[" microsecs\""],
        programs: &[],
        read: access,
    },
];

const DATASET: &str = "citrix.adc";

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Behind RFC 5424's header the feature is the program.
    let headed = line.header.version.is_some();
    let raw = match headed {
        true => line.body.trim(),
        false => without_priority(line.raw.trim()),
    };
    // A row of a table: quoted as a whole, the quotes in it doubled.
    let raw = match raw.strip_prefix('"') {
        Some(inner) => line.keep(inner.strip_suffix('"').unwrap_or(inner).replace("\"\"", "\"")),
        None => raw,
    };
    // A program's tag has no place in front: what stands there names the packet engine, if anything.
    let is_feature = |tag: &str| headed && tag.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if line
        .header
        .tag
        .is_some_and(|tag| !tag.contains("-PPE-") && !is_feature(tag))
    {
        return None;
    }
    let (head, text) = raw.split_once(" 0 : ")?;
    let mut event = Event::headless(DATASET);
    event.headless = !headed;
    let fields = &mut event.fields;
    let context = match head.split_once(" : ") {
        Some((origin, _))
            if !origin
                .rsplit(' ')
                .next()
                .is_some_and(|word| word.contains("-PPE-")) =>
        {
            return None;
        }
        Some((origin, context)) => {
            event.time = put_origin(line, fields, origin);
            context
        }
        None => head,
    };
    // `[partition] [module] EVENT number`
    let mut words = context.split_ascii_whitespace().rev();
    let number = words.next()?;
    let code = words.next()?;
    let is_event = code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !number.bytes().all(|b| b.is_ascii_digit()) || !is_event || words.clone().count() > 2 {
        return None;
    }
    fields.text("event.code", code);
    fields.text("event.action", code);
    fields.text("citrix.adc.message_id", number);
    if let Some(module) = words.next().filter(|module| *module != "default") {
        fields.text("citrix.adc.feature", module);
    } else if headed {
        fields.text("citrix.adc.feature", line.program());
    }
    let text = text.trim();
    match text.strip_prefix('"') {
        Some(sentence) if code.eq_ignore_ascii_case("Message") => {
            put_sentence(fields, sentence.trim_end_matches('"'))
        }
        _ => put_parts(fields, text),
    }
    if fields.get("event.outcome").is_none() {
        match code {
            "LOGIN_FAILED" | "SSL_HANDSHAKE_FAILURE" => fields.text("event.outcome", "failure"),
            "LOGIN" | "SSL_HANDSHAKE_SUCCESS" => fields.text("event.outcome", "success"),
            _ => {}
        }
    }
    Some(event)
}

/// `03/01/2026:10:00:00 GMT ns1 0-PPE-0`; day and month change places where the appliance is told so. Behind a syslog
/// header the same stands, or only the name.
fn put_origin<'a>(line: &Line<'a>, fields: &mut Fields<'a>, origin: &'a str) -> Option<i64> {
    let start = origin.find(|c: char| c.is_ascii_digit())?;
    let from = &origin[start..];
    let at = |text: &'a str, zone: Tz| {
        ["M/D/Y:h:m:s", "Y/M/D:h:m:s", "D/M/Y:h:m:s"]
            .iter()
            .find_map(|order| layout::read(text, order, zone))
    };
    let (micros, rest) = match at(from, line.context.timezone) {
        Some((_, rest)) if rest.trim_start().starts_with("GMT ") => {
            let (micros, rest) = at(from, chrono_tz::UTC)?;
            (Some(micros), rest.trim_start().trim_start_matches("GMT"))
        }
        Some((micros, rest)) => (Some(micros), rest),
        None => (line.header.time, origin),
    };
    let mut words = rest.split_ascii_whitespace().rev();
    let engine = words.next().filter(|word| word.contains("-PPE-"))?;
    fields.text("citrix.adc.packet_engine", engine);
    fields.text("observer.name", words.next().unwrap_or_default());
    micros
}

/// The parts of a message, from the last to the first.
fn put_parts<'a>(fields: &mut Fields<'a>, text: &'a str) {
    for part in split_parts(text).into_iter().rev() {
        let part = part.trim();
        let (name, value) = part.split_once(' ').unwrap_or((part, ""));
        let (name, value) = match (name, value.split_once(' ')) {
            ("Start" | "End" | "Delink", Some(("Time", value))) => (name, value),
            _ => (name.trim_end_matches(':'), value),
        };
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
            None => value,
        };
        if !is_blank(value) {
            put_part(fields, name, value);
        }
    }
}

fn put_part<'a>(fields: &mut Fields<'a>, name: &'a str, value: &'a str) {
    match name {
        "User" => put_user(fields, value),
        "Client_ip" => fields.text("client.ip", address(value).unwrap_or_default()),
        "ClientIP" | "Remote_ip" => fields.text("source.ip", address(value).unwrap_or_default()),
        "ClientPort" => fields.port("source.port", value),
        "Source" => put_peer(fields, "source.ip", "source.domain", "source.port", value),
        "Destination" => put_peer(
            fields,
            "destination.ip",
            "destination.domain",
            "destination.port",
            value,
        ),
        "Vserver" => put_peer(fields, "server.ip", "server.domain", "server.port", value),
        "VserverServiceIP" => fields.text("server.ip", address(value).unwrap_or_default()),
        "VserverServicePort" => fields.port("server.port", value),
        "NatIP" | "Nat_ip" => put_peer(
            fields,
            "source.nat.ip",
            "citrix.adc.nat_ip",
            "source.nat.port",
            value,
        ),
        "Total_bytes_send" => fields.number("source.bytes", value),
        "Total_bytes_recv" => fields.number("destination.bytes", value),
        "ClientVersion" => {
            let (protocol, version) = value.split_once('v').unwrap_or((value, ""));
            fields.text("tls.version_protocol", protocol);
            fields.text("tls.version", version);
            fields.text("citrix.adc.ClientVersion", value);
        }
        "CipherSuite" => fields.text("tls.cipher", value),
        "Command" => fields.text("process.command_line", value),
        "username:domainname" => {
            let (name, domain) = value.rsplit_once(':').unwrap_or((value, ""));
            fields.text("user.name", name);
            fields.text("user.domain", domain);
        }
        "applicationName" => fields.text("network.application", value),
        "Denied_by_policy" => fields.text("rule.name", value),
        "Failure_reason" | "Reason" => fields.text("event.reason", value),
        "Group(s)" => fields.text("group.name", value),
        "Status" => {
            fields.text("citrix.adc.Status", value);
            let outcome = if value == "Success" { "success" } else { "failure" };
            fields.text("event.outcome", outcome);
        }
        "Context" | "SessionId" | "SPCBId" | "Session" | "LogoutMethod" | "Access" | "Duration"
        | "ADM_User" | "HandshakeTime" | "Browser_type" | "SSLVPN_client_type" | "Issuer" | "Subject" => {
            fields.text_named(name, value)
        }
        _ => {}
    }
}

/// The texts between ` - ` outside quotes.
fn split_parts(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::with_capacity(16);
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            // A quote opens behind a space and closes before one.
            b'"' if quoted => quoted = bytes.get(at + 1).is_some_and(|next| *next != b' '),
            b'"' => quoted = at > 0 && bytes[at - 1] == b' ',
            b'-' if !quoted && at > start && bytes[at - 1] == b' ' && bytes.get(at + 1) == Some(&b' ') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// What the gateway says in sentences, of its own forms only.
fn put_sentence<'a>(fields: &mut Fields<'a>, sentence: &'a str) {
    if sentence.starts_with("SSLVPN Mux Authorize result is ") {
        let mut rest = sentence;
        if let Some((_, user)) = sentence.split_once(", User <")
            && let Some((user, after)) = user.rsplit_once(">, Srcip: ")
        {
            put_user(fields, user);
            rest = &sentence[sentence.len() - after.len() - "Srcip: ".len()..];
        }
        for part in rest.split(", ") {
            match part.split_once(": ") {
                Some(("Srcip", value)) => fields.text("source.ip", address(value).unwrap_or_default()),
                Some(("Dstip", value)) => fields.text("destination.ip", address(value).unwrap_or_default()),
                Some(("denied_by_policy", value)) => fields.text("rule.name", value),
                _ => {}
            }
        }
    } else if let Some((_, rest)) = sentence
        .split_once("_process_sso_conn: user ")
        .filter(|(head, _)| head.starts_with("SSO ns_"))
        && let Some((user, rest)) = rest.rsplit_once(" clientip ")
    {
        put_user(fields, user);
        let (host, request) = rest.split_once(" request: ").unwrap_or((rest, ""));
        fields.text("client.ip", address(host.trim()).unwrap_or_default());
        put_url(fields, request.split(' ').next().unwrap_or_default());
    }
}

/// `root on /dev/pts/0 shell_command="ls"`
fn shell<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (program, _, text) = line.tagged();
    if !matches!(program, "" | "bash" | "sh" | "csh" | "tcsh" | "shell" | "nsbash") {
        return None;
    }
    let (who, command) = text.split_once(" shell_command=\"")?;
    let (user, terminal) = who.split_once(" on ")?;
    if user.contains(' ') {
        return None;
    }
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.event("shell_command", "");
    fields.text("user.name", user);
    fields.text("citrix.adc.terminal", terminal);
    fields.text(
        "process.command_line",
        command.strip_suffix('"').unwrap_or(command),
    );
    Some(event)
}

/// The web server of the management interface.
fn access<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (_, _, text) = line.tagged();
    let (head, rest) = text.split_once(" \"")?;
    let (client, rest_of_head) = head.split_once(" -> ")?;
    let (server, rest_of_head) = rest_of_head.split_once(' ').unwrap_or((rest_of_head, ""));
    let client = address(client)?;
    // The request is the client's; the server escapes quotes in it.
    let (request, rest) = rest.split_once("\" ")?;
    let mut numbers = rest.splitn(3, ' ');
    let (status, bytes) = (numbers.next()?, numbers.next()?);
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.text("source.ip", client);
    fields.destination(server);
    put_request(fields, request);
    fields.number("http.response.status_code", status);
    fields.number("http.response.body.bytes", bytes);
    let mut quoted = numbers.next().unwrap_or_default().split("\" \"");
    fields.known(
        "http.request.referrer",
        quoted.next().unwrap_or_default().trim_matches('"'),
    );
    fields.known(
        "user_agent.original",
        quoted.next().unwrap_or_default().trim_matches('"'),
    );
    // `- - [01/Mar/2026:10:00:00 +0100] [77]`
    let mut brackets = rest_of_head.split('[').skip(1);
    if let Some((micros, _)) = brackets
        .next()
        .and_then(|text| time::apache(text, line.context.timezone))
    {
        event.time = Some(micros);
    }
    if let Some(Ok(pid)) = brackets.next().map(|text| text.trim_end_matches(']').parse()) {
        event.fields.put("process.pid", Value::Int(pid));
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn sessions() {
        let line = "<134> 03/01/2026:10:00:00 GMT ns1 0-PPE-0 : default SSLVPN TCPCONNSTAT 4711 0 : Context jane@192.0.2.7 - SessionId: 7 - User x - Client_ip 203.0.113.1 - Client_ip 192.0.2.7 - Nat_ip 198.51.100.1 - Vserver 198.51.100.2:443 - Source 192.0.2.7:50000 - Destination 198.51.100.9:445 - Start_time \"03/01/2026:10:00:00 GMT\" - Total_bytes_send 5 - Access Allowed - Group(s) \"a - Client_ip 203.0.113.2\"";
        check(
            line,
            "citrix.adc",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("observer.name", "ns1"),
                ("event.code", "TCPCONNSTAT"),
                ("client.ip", "192.0.2.7"),
                ("source.port", "50000"),
                ("destination.port", "445"),
                ("source.nat.ip", "198.51.100.1"),
            ],
        );
        survives_truncation(line);
        check(
            "\"2026/03/01:10:00:00  ns1 0-PPE-0 : default SSLVPN Message 4711 0 :  \"\"SSLVPN Mux Authorize result is Deny, User <x>, Srcip: 203.0.113.1>, Srcip: 192.0.2.7, Dstip: 198.51.100.9, denied_by_policy: none\"\"\"",
            "citrix.adc",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.ip", "198.51.100.9"),
                ("rule.name", "none"),
            ],
        );
    }

    #[test]
    fn behind_rfc_5424() {
        check(
            "<134>1 2026-03-01T10:00:00Z ns1 TCP 4711 - - default CONN_DELINK 4712 0 :  Source 192.0.2.7:1000 - Vserver 198.51.100.9:443 - Total_bytes_send 0",
            "citrix.adc",
            &[
                ("host.name", "ns1"),
                ("event.action", "CONN_DELINK"),
                ("source.ip", "192.0.2.7"),
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ],
        );
    }

    #[test]
    fn commands() {
        check(
            "default CMD_EXECUTED 7 0 :  User nsroot - ADM_User NONE - Remote_ip 192.0.2.7 - Command \"show x - Remote_ip 203.0.113.1\" - Status \"Success\"",
            "citrix.adc",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "nsroot"),
                ("process.command_line", "show x - Remote_ip 203.0.113.1"),
                ("event.outcome", "success"),
            ],
        );
        check(
            "root on /dev/pts/0 shell_command=\"ls /nsconfig\"",
            "citrix.adc",
            &[("process.command_line", "ls /nsconfig"), ("user.name", "root")],
        );
        check(
            "192.0.2.7 -> 198.51.100.9 - - [01/Mar/2026:10:00:00 +0100] [77] \"GET /nitro?a=b HTTP/1.1\" 200 12 \"-\" \"curl\" \"Time: 9 microsecs\"",
            "citrix.adc",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("destination.ip", "198.51.100.9"),
                ("url.path", "/nitro"),
                ("user_agent.original", "curl"),
                ("process.pid", "77"),
            ],
        );
    }
}
