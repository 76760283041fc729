//! VMware vCenter: its event stream, and the logs of its services.
//!
//! ```text
//! Event [4711] [1-1] [2026-03-01T10:00:00.123Z] [vim.event.UserLoginSessionEvent] [info] [CORP\jane] [dc1] [4711] [User …]
//! 2026-03-01T10:00:00.123Z info vpxd[07879] [Originator@6876 sub=vpxLro opID=x] [VpxLRO] -- FINISH lro-1
//! 2026-03-01T10:00:00.123Z INFO ssoAdminServer[697:pool-2-thread-9] [OpId=x] [com.vmware.x.Y] User {Name: …
//! 2026-03-01T10:00:00.123Z [pool-24-thread-1] INFO opId=x com.vmware.x.Y - text
//! 2026-03-01T10:00:00.123+0200 [cache-sync-task [] INFO com.vmware.x.Y opId=] text
//! 2026-03-01T10:00:00.123+0000: 23134193.230: [WeakReference, 0 refs, 0.0000061 secs]
//! ```
//!
//! An event's brackets are the server's, eight of them in front of the text; user and data centre stand in the sixth and
//! seventh. The texts are sentences about names that people chose: they are read only where their beginning says what
//! they are, addresses behind the last `@`.

use crate::formats::fields::{Fields, address};
use crate::formats::text::parts::{first_address, put_peer, put_user};
use crate::formats::text::url::put_request;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "VMware vCenter, events",
        marks: &["Event ["],
        programs: &[],
        read: events,
    },
    Grammar {
        name: "VMware vCenter, requests",
        marks: &[" [Request] "],
        programs: &[],
        read: requests,
    },
    Grammar {
        name: "VMware vCenter, services",
        marks: &["[Originator@", " [OpId=", " [CorId=", " opId=", "secs]"],
        programs: &[],
        read: services,
    },
];

const DATASET: &str = "vmware.vcenter";

fn events<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = line.body.find("Event [")?;
    // Behind a header some servers repeat time, level and program.
    let head = line.body[..start].trim();
    let own = head.is_empty()
        || line
            .header
            .program()
            .is_none_or(|program| program.starts_with("vpx"))
            && time::iso(head, line.context.timezone).is_some();
    if start > 80 || !own {
        return None;
    }
    let mut rest = &line.body[start + "Event ".len()..];
    let mut parts = [""; 8];
    for part in &mut parts {
        let (value, after) = rest.strip_prefix('[')?.split_once(']')?;
        *part = value;
        rest = after.trim_start();
    }
    let [id, _, stamp, kind, level, user, place, _] = parts;
    if !kind.contains('.') || kind.contains(' ') {
        return None;
    }
    let text = rest.strip_prefix('[').unwrap_or(rest);
    let text = text.trim_end();
    let text = text.strip_suffix(']').unwrap_or(text);
    let mut event = Event::new(DATASET);
    event.time = time::iso(stamp, line.context.timezone).map(|(micros, _)| micros);
    let fields = &mut event.fields;
    fields.text("vmware.vcenter.event_id", id);
    fields.text("event.code", kind);
    fields.text("event.action", kind.rsplit('.').next().unwrap_or(kind));
    fields.text("log.level", level);
    sentence(fields, text);
    put_user(fields, user);
    // The data centre, which stands for the host only where nothing else does.
    fields.text("vmware.vcenter.datacenter", place);
    if line.header.host.is_none() {
        fields.text("host.name", place);
    }
    fields.text("event.reason", text);
    fields.text("message", text);
    Some(event)
}

fn sentence<'a>(fields: &mut Fields<'a>, text: &'a str) {
    if let Some(rest) = text.strip_prefix("User ") {
        // `User CORP\jane@192.0.2.7 logged in as …`
        let end = [" logged in as ", " logged out"]
            .iter()
            .find_map(|end| rest.find(end));
        let Some(end) = end else { return };
        // The client names itself, and a name may say so too: which one is the server's cannot be told.
        if rest.matches(" logged in as ").nth(1).is_some() {
            return;
        }
        who_and_where(fields, &rest[..end]);
        let tail = &rest[end..];
        fields.text("event.outcome", "success");
        if let Some(agent) = tail.strip_prefix(" logged in as ") {
            fields.text("user_agent.original", agent);
        } else if let Some((_, agent)) = tail.split_once(", user agent: ") {
            fields.text("user_agent.original", agent.strip_suffix(')').unwrap_or(agent));
        }
        if tail.starts_with(" logged out") {
            fields.text("event.reason", &text[.."User ".len() + end + " logged out".len()]);
        }
    } else if let Some(rest) = text
        .strip_prefix("SSH session was opened for ")
        .or_else(|| text.strip_prefix("SSH session was closed for "))
    {
        who_and_where(fields, rest.trim_end_matches('.').trim_matches('\''));
    } else if let Some(rest) = text.strip_prefix("Failed login ") {
        sso_login(fields, rest, "failure");
    } else if let Some(rest) = text.strip_prefix("Successful login ") {
        sso_login(fields, rest, "success");
    } else if let Some(rest) = text.strip_prefix("Cannot login ") {
        who_and_where(fields, rest);
        fields.text("event.outcome", "failure");
    } else if let Some(rest) = text.strip_prefix("A ticket for ") {
        if let Some((user, rest)) = rest.rsplit_once(" of type ") {
            put_user(fields, user);
            if let Some((_, rest)) = rest.split_once(" on ") {
                endpoint(fields, rest.split(" in ").next().unwrap_or_default());
            }
        }
    } else if let Some((_, rest)) = text.rsplit_once(" on ")
        && let Some((host, _)) = rest.rsplit_once(" in ")
        && !host.contains(' ')
    {
        // What happens to a virtual machine: `Reconfigured vm7 on esx1 in dc1`, `vm7 on esx1 in dc1 is powered on`.
        endpoint(fields, host);
    }
}

/// The host that a machine runs on.
fn endpoint<'a>(fields: &mut Fields<'a>, host: &'a str) {
    match address(host) {
        Some(address) => fields.text("host.ip", address),
        None => fields.text("source.domain", host),
    }
}

/// `CORP\jane@192.0.2.7`
fn who_and_where<'a>(fields: &mut Fields<'a>, text: &'a str) {
    let Some((user, host)) = text.rsplit_once('@') else {
        return;
    };
    put_user(fields, user);
    if let Some(host) = address(
        host.split(':')
            .next()
            .filter(|_| host.contains('.'))
            .unwrap_or(host),
    ) {
        fields.text("source.ip", host);
        fields.text("host.ip", host);
    }
}

/// `jane@corp from 192.0.2.7 at 03/01/2026 10:00:00 GMT in SSO`
fn sso_login<'a>(fields: &mut Fields<'a>, text: &'a str, outcome: &'static str) {
    let Some((user, rest)) = text.rsplit_once(" from ") else {
        return;
    };
    put_user(fields, user);
    fields.text(
        "source.ip",
        first_address(rest.split(' ').next().unwrap_or_default()).unwrap_or_default(),
    );
    fields.text("event.outcome", outcome);
}

/// `[01/Mar/2026:10:00:00 +0000] tomcat-http--47 [Request] 192.0.2.7:48866 to local 1080 - HTTP/1.1 POST /sdk [Response] 200 -
/// 758 bytes [Perf] process 0ms / commit 0ms / conn [+]`. The path is the client's, all in front of it and behind its last
/// ` [Response] ` the server's.
fn requests<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = match line.raw.starts_with('[') {
        true => line.raw,
        false => line.body,
    };
    let (stamp, rest) = text.strip_prefix('[')?.split_once("] ")?;
    let (micros, _) = time::apache(stamp, line.context.timezone)?;
    let (thread, rest) = rest.split_once(" [Request] ")?;
    let (request, response) = rest.rsplit_once(" [Response] ")?;
    let mut words = request.splitn(8, ' ');
    let (client, _, _) = (words.next()?, words.next()?, words.next()?);
    let (port, user) = (words.next()?, words.next()?);
    let (version, method, url) = (words.next()?, words.next()?, words.next()?);
    let mut event = Event::headless(DATASET);
    event.time = Some(micros);
    let fields = &mut event.fields;
    fields.text("process.thread.name", thread);
    let (host, client_port) = client.rsplit_once(':')?;
    fields.source(host);
    fields.source_port(client_port);
    fields.port("destination.port", port);
    fields.known("user.name", user);
    fields.text("http.version", version.strip_prefix("HTTP/").unwrap_or_default());
    fields.text("http.request.method", method);
    fields.url(url);
    let mut words = response.split(' ');
    fields.number("http.response.status_code", words.next().unwrap_or_default());
    fields.number("http.response.bytes", words.nth(1).unwrap_or_default());
    fields.text("message", rest);
    Some(event)
}

fn services<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let zone = line.context.timezone;
    // Behind a header that has a priority, the service's own line begins again with its time.
    let (text, headless) = match time::iso(line.body, zone) {
        Some(_) => (line.body, false),
        None => (line.raw, true),
    };
    let (micros, rest) = time::iso(text, zone)?;
    let mut event = Event::new(DATASET);
    event.headless = headless || line.header.priority.is_none();
    event.time = Some(micros);
    let fields = &mut event.fields;
    if let Some(rest) = rest.strip_prefix(": ") {
        collector(fields, rest)?;
    } else if let Some(rest) = rest.strip_prefix(" [") {
        java(fields, rest)?;
    } else {
        service(fields, rest.strip_prefix(' ')?)?;
    }
    Some(event)
}

/// `23134193.230: [WeakReference, 0 refs, 0.0000061 secs]`
fn collector<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    let (uptime, rest) = text.split_once(": ")?;
    if !uptime.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let inner = rest.trim_start_matches('[').trim_end();
    fields.text("event.reason", inner.strip_suffix(']').unwrap_or(inner));
    Some(())
}

/// Behind the opening bracket: `thread] LEVEL opId=x logger - text` or `thread [] LEVEL logger opId=x] text`.
fn java<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    if let Some((thread, rest)) = text.split_once(" [] ") {
        let (head, said) = rest.split_once("] ")?;
        let mut words = head.split_ascii_whitespace();
        let (level, logger) = (words.next()?, words.next()?);
        fields.text("log.level", upper(level)?);
        fields.text("log.logger", logger);
        fields.text("process.thread.name", thread);
        if let Some(rest) = said.strip_prefix("Session count for user [")
            && let Some((_, user)) = rest.split_once("]: ")
            && let Some((user, _)) = user.rsplit_once(" is ")
        {
            put_user(fields, user);
        }
        fields.text("event.reason", said);
        return Some(());
    }
    let (thread, rest) = text.split_once("] ")?;
    let (level, rest) = rest.split_once(' ')?;
    let (head, said) = rest.split_once(" - ")?;
    let logger = head.rsplit(' ').next()?;
    if !logger.contains('.') || !head.contains("opId=") {
        return None;
    }
    fields.text("log.level", upper(level)?);
    fields.text("log.logger", logger);
    fields.text("process.name", logger);
    fields.text("process.thread.name", thread);
    fields.text("event.reason", said);
    Some(())
}

fn upper(word: &str) -> Option<&str> {
    word.bytes().all(|b| b.is_ascii_uppercase()).then_some(word)
}

/// `info vpxd[07879] [Originator@6876 sub=x opID=y] text` or `INFO websso[42:thread] [CorId=x] [logger] text`.
fn service<'a>(fields: &mut Fields<'a>, text: &'a str) -> Option<()> {
    let (level, rest) = text.split_once(' ')?;
    let (program, rest) = rest.split_once('[')?;
    let (pid, rest) = rest.split_once("] [")?;
    let (origin, said) = rest.split_once("] ").unwrap_or((rest, ""));
    let known = ["Originator@", "OpId=", "CorId=", "opId="]
        .iter()
        .any(|start| origin.starts_with(start));
    if !known || program.contains(' ') || program.is_empty() {
        return None;
    }
    // Services of the hosts themselves, which write the same.
    if matches!(
        program,
        "Hostd" | "hostd" | "vpxa" | "Vpxa" | "Rhttpproxy" | "rhttpproxy" | "Fdm" | "fdm"
    ) {
        return None;
    }
    fields.text("log.level", level);
    fields.text("process.name", program);
    let (pid, thread) = pid.split_once(':').unwrap_or((pid, ""));
    fields.number("process.pid", pid);
    fields.text("process.thread.name", thread);
    if let Some((_, sub)) = origin.split_once(" sub=") {
        fields.text("log.logger", sub.split(' ').next().unwrap_or_default());
    }
    if origin.starts_with("Originator@") {
        return native(fields, said);
    }
    let (logger, said) = said.strip_prefix('[')?.split_once("] ")?;
    fields.text("log.logger", logger);
    if logger == "auditlogger" && said.starts_with('{') {
        audit(fields, said);
    } else if let Some(rest) = said.strip_prefix("User {Name: ")
        && let Some((name, rest)) = rest.split_once(", Domain: ")
        && let Some((domain, _)) = rest.split_once('}')
    {
        fields.text("user.name", name);
        fields.text("user.domain", domain);
    }
    fields.text("event.reason", said);
    Some(())
}

fn native<'a>(fields: &mut Fields<'a>, said: &'a str) -> Option<()> {
    if let Some((_, request)) = said.split_once("Z ")
        && said.starts_with("20")
        && let Some((request, rest)) = request.split_once(" HTTP/")
    {
        envoy(fields, request, rest);
        return Some(());
    }
    // `… : vim.fault.InvalidLogin:` and `Fault cause: vim.fault.InvalidLogin`
    if let Some((_, fault)) = said
        .split_once("Fault cause: ")
        .or_else(|| said.split_once(".login: "))
        .filter(|(_, fault)| fault.starts_with("vim.fault."))
    {
        let end = fault
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
            .unwrap_or(fault.len());
        fields.text("event.code", &fault[..end]);
        fields.text("event.outcome", "failure");
        if let Some((_, user)) = said.split_once("Arg userName:") {
            let user = user.trim_start_matches(['\\', 'n', '-', '>', ' ', '"']);
            fields.text("user.name", user.split(['\\', '"']).next().unwrap_or_default());
        }
    }
    let reason = said.split_once("; <<").map_or(said, |(reason, _)| reason);
    fields.text(
        "event.reason",
        reason
            .strip_prefix("[VpxLRO] -- ")
            .filter(|r| !r.starts_with("ERROR"))
            .unwrap_or(reason),
    );
    Some(())
}

/// `POST /sdk HTTP/1.1 200 via_upstream - 1670 11032 1 0 0 client:port us:port … upstream:port`
fn envoy<'a>(fields: &mut Fields<'a>, request: &'a str, rest: &'a str) {
    put_request(fields, request);
    let mut words = rest.split(' ');
    fields.text("http.version", words.next().unwrap_or_default());
    fields.number("http.response.status_code", words.next().unwrap_or_default());
    let ends: Vec<&str> = words.filter(|word| word.contains(':')).collect();
    if let [client, us, ..] = ends.as_slice() {
        put_peer(fields, "source.ip", "source.domain", "source.port", client);
        put_peer(
            fields,
            "destination.ip",
            "destination.domain",
            "destination.port",
            us,
        );
    }
    if let Some(host) = ends.get(2) {
        put_peer(
            fields,
            "host.ip",
            "host.domain",
            "vmware.vcenter.local_port",
            host,
        );
    }
}

/// The sign-on's own JSON object, its members in the order in which it writes them, all of them texts.
fn audit<'a>(fields: &mut Fields<'a>, object: &'a str) {
    let member = |name: &str| {
        let at = object.find(name)? + name.len();
        object[at..].split('"').next()
    };
    put_user(fields, member("{\"user\":\"").unwrap_or_default());
    fields.source(member("\",\"client\":\"").unwrap_or_default());
    let description = member("\",\"description\":\"").unwrap_or_default();
    fields.text("event.reason", description);
    if let Some((_, code)) = description.rsplit_once(" with response code ") {
        fields.number("http.response.status_code", code);
    }
    let kind = object
        .rsplit_once("\"type\":\"")
        .map_or("", |(_, kind)| kind.trim_end_matches(['"', '}']));
    fields.text("event.code", kind);
    if kind.ends_with("Success") {
        fields.text("event.outcome", "success");
    } else if kind.ends_with("Failure") {
        fields.text("event.outcome", "failure");
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    const LOGIN: &str = "Event [7] [1-1] [2026-03-01T10:00:00.123Z] [vim.event.UserLoginSessionEvent] [info] [CORP\\jane] [dc1] [7] [User CORP\\jane@192.0.2.7 logged in as pyvmomi]";

    #[test]
    fn event_stream() {
        check(
            LOGIN,
            "vmware.vcenter",
            &[
                ("@timestamp", "2026-03-01T10:00:00.123Z"),
                ("user.name", "jane"),
                ("user.domain", "CORP"),
                ("source.ip", "192.0.2.7"),
                ("host.name", "dc1"),
                ("event.code", "vim.event.UserLoginSessionEvent"),
                ("user_agent.original", "pyvmomi"),
            ],
        );
        check(
            "Event [7] [1-1] [2026-03-01T10:00:00.123Z] [vim.event.EventEx] [info] [jane] [] [7] [Failed login x from 203.0.113.1 at y from 192.0.2.7 at 03/01/2026 10:00:00 GMT in SSO]",
            "vmware.vcenter",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "x from 203.0.113.1 at y"),
                ("event.outcome", "failure"),
            ],
        );
        survives_truncation(LOGIN);
    }

    #[test]
    fn service_logs() {
        let line = "2026-03-01T10:00:00.123Z info envoy[77] [Originator@6876 sub=Default] 2026-03-01T10:00:00.070Z POST /sdk HTTP/1.1 200 via_upstream - 1670 11032 1 0 0 192.0.2.7:50000 198.51.100.9:443 127.0.0.1:49192 127.0.0.1:8085";
        check(
            line,
            "vmware.vcenter",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.port", "443"),
                ("url.path", "/sdk"),
                ("process.name", "envoy"),
                ("host.name", ""),
                ("log.level", "info"),
            ],
        );
        check(
            "2026-03-01T10:00:00.123Z INFO websso[42:t-5] [CorId=x] [auditlogger] {\"user\":\"jane@corp.example.org\",\"client\":\"192.0.2.7\",\"timestamp\":\"03/01/2026 10:00:00 GMT\",\"description\":\"User jane logged in with response code 200\",\"eventSeverity\":\"INFO\",\"type\":\"com.vmware.sso.LoginSuccess\"}",
            "vmware.vcenter",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "jane"),
                ("event.outcome", "success"),
                ("http.response.status_code", "200"),
            ],
        );
        check(
            "2026-03-01T10:00:00.123Z [pool-24-thread-1] INFO opId=x com.vmware.a.B - text - more",
            "vmware.vcenter",
            &[("event.reason", "text - more"), ("log.logger", "com.vmware.a.B")],
        );
        survives_truncation(line);
    }

    #[test]
    fn requests() {
        let line = "[01/Mar/2026:10:00:00 +0000] tomcat-http--47 [Request] 192.0.2.7:48866 to local 1080 - HTTP/1.1 POST /sdk?a=[Response] 500 [Response] 200 - 758 bytes [Perf] process 0ms / commit 0ms / conn [+]";
        check(
            line,
            "vmware.vcenter",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "48866"),
                ("destination.port", "1080"),
                ("http.request.method", "POST"),
                ("http.response.status_code", "200"),
                ("http.response.bytes", "758"),
                ("url.path", "/sdk"),
            ],
        );
        survives_truncation(line);
    }
}
