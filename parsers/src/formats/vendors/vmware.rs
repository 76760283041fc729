//! VMware ESXi, and the services of vCenter that write as it does.
//!
//! ```text
//! [time ][host Hostd: ]info hostd[2099655] [Originator@6876 sub=Vimsvc.ha-eventmgr opID=1a user=vpxuser:CORP] Event 9 : text
//! [2026-02-03 04:05:06.123 F6F74B90 verbose 'App'] text
//! [GenericCorrelator] 3087878379676us: [vob.user.ssh.session.closed] SSH session was closed for 'root@192.0.2.7'.
//! cpu3:2097219)ScsiDeviceIO: 3469: text
//! ```
//!
//! Level, process and the element behind `Originator@` are the service's. In the text, names that people chose stand
//! between fixed words; an address is taken from the end of what stands there, and only where the sentence has one.

use crate::formats::access::host_and_port;
use crate::formats::fields::{Fields, host_port};
use crate::formats::text::pairs::{Style, pairs};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

const DATASET: &str = "vmware.esxi";

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "vmware.esxi",
        marks: &["[Originator@"],
        programs: &[],
        read: originator,
    },
    Grammar {
        name: "vmware.esxi.old",
        marks: &[
            " verbose '",
            " info '",
            " warning '",
            " error '",
            " trivia '",
            " panic '",
        ],
        programs: &[],
        read: quoted_module,
    },
    Grammar {
        name: "vmware.esxi.vob",
        marks: &["us: [vob.", "us: [esx."],
        programs: &[],
        read: observation,
    },
    Grammar {
        name: "vmware.esxi.kernel",
        marks: &["Z cpu"],
        programs: &[],
        read: kernel_file,
    },
    Grammar {
        name: "vmware.esxi.shell",
        marks: &["' running command '", " on vmk", "sysboot: ", "Event ["],
        programs: &["shell", "esxshell", "vmkernel", "vmkwarning", "esxupdate"],
        read: other,
    },
];

fn is_level(word: &str) -> bool {
    matches!(
        word,
        "info"
            | "verbose"
            | "warning"
            | "error"
            | "trivia"
            | "panic"
            | "debug"
            | "critical"
            | "notice"
            | "alert"
            | "warn"
    )
}

fn originator<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let at = memchr::memmem::find(line.raw.as_bytes(), b"[Originator@")?;
    // Behind another program's tag it is that program's text, which a stranger may have chosen.
    if line.header.tag.is_some() {
        let word = line.body.split_ascii_whitespace().next().unwrap_or_default();
        let own = word.starts_with("[Originator@") || is_level(word);
        if !own && !word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
    }
    let (head, rest) = line.raw.split_at(at);
    let end = end_of_element(rest)?;
    let (element, text) = (&rest[1..end], rest[end + 1..].trim());
    // A level where a header would have its host: the line has none.
    let real = line.header.priority.is_some() || line.header.host.is_some_and(|host| !is_level(host));
    let mut event = match real && line.header.time.is_some() {
        true => Event::new(DATASET),
        false => Event {
            time: time::iso(line.raw.trim_start(), line.context.timezone).map(|(time, _)| time),
            ..Event::headless(DATASET)
        },
    };
    let fields = &mut event.fields;
    let mut words = head.split_ascii_whitespace().rev();
    let mut word = words.next().unwrap_or_default();
    if let Some((name, pid)) = word.strip_suffix(']').and_then(|word| word.split_once('[')) {
        fields.text("process.name", name);
        fields.number("process.pid", pid);
        word = words.next().unwrap_or_default();
    } else if let Some(name) = word.strip_suffix(':') {
        fields.text("process.name", name);
    }
    if is_level(word) {
        fields.text("log.level", word);
    }
    // vCenter's own service, which has a grammar of its own where there is a time.
    let timed = event.time.is_some() || line.header.time.is_some();
    if timed && matches!(fields.get("process.name"), Some(Value::Str(name)) if name.starts_with("vpxd")) {
        return None;
    }
    for pair in pairs(element, Style::OPEN) {
        match pair.key {
            "user" => {
                let (name, domain) = pair.value.split_once(':').unwrap_or((pair.value, ""));
                fields.text("user.name", name);
                fields.text("user.domain", domain);
            }
            "sub" => fields.text("module", pair.value),
            "opID" => fields.text("operation_id", pair.value),
            "sid" => fields.text("session_id", pair.value),
            "tid" => fields.number("process.thread.id", pair.value),
            _ => {}
        }
    }
    fields.text("message", text);
    sentence(text, fields);
    Some(event)
}

/// Where the bracket closes that `text` starts with: names of modules may hold brackets.
fn end_of_element(text: &str) -> Option<usize> {
    let closing = memchr::memchr_iter(b']', text.as_bytes());
    let mut last = None;
    for at in closing {
        if matches!(text.as_bytes().get(at + 1), None | Some(b' ')) {
            return Some(at);
        }
        last = Some(at);
    }
    last
}

/// `[2026-02-03 04:05:06.123 F6F74B90 verbose 'App' opID=1a] text`
fn quoted_module<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let at = line.raw.find('[').filter(|at| *at < 120)?;
    let (inner, text) = line.raw[at + 1..].split_once("] ")?;
    let (time, rest) =
        time::iso(inner, line.context.timezone).map_or((None, inner), |(time, rest)| (Some(time), rest));
    let mut words = rest.split_ascii_whitespace();
    let (thread, level, module) = (words.next()?, words.next()?, words.next()?);
    if !is_level(level) || !module.starts_with('\'') || !thread.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut event = match line.header.host {
        Some(_) => Event::new(DATASET),
        None => Event::headless(DATASET),
    };
    event.time = time;
    let fields = &mut event.fields;
    fields.text("thread", thread);
    fields.text("log.level", level);
    fields.text("module", module.trim_matches('\''));
    fields.text("message", text.trim());
    sentence(text.trim(), fields);
    Some(event)
}

/// `[GenericCorrelator] 3087878379676us: [vob.user.ssh.session.closed] text`
fn observation<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let at = line.raw.find("us: [")?;
    let (kind, text) = line.raw[at + 5..].split_once(']')?;
    let before = line.raw[..at]
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end();
    let correlator = before.strip_suffix(']')?.rsplit('[').next()?;
    if kind.contains(' ') {
        return None;
    }
    let mut event = match line.header.host {
        Some(_) => Event::new(DATASET),
        None => Event::headless(DATASET),
    };
    let fields = &mut event.fields;
    fields.text("event.action", kind);
    fields.text("module", correlator);
    fields.text("message", text.trim());
    sentence(text.trim(), fields);
    Some(event)
}

/// The shell, the kernel, the boot, the DHCP client, and the second half of an event that was too long for one line.
fn other<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let program = line.program();
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    if matches!(program, "vmkernel" | "vmkwarning") {
        kernel(line.body, fields)?;
        return Some(event);
    }
    let text = line.body.trim();
    if let Some(rest) = text.strip_prefix("User '") {
        let (user, command) = rest.split_once("' running command '")?;
        fields.text("user.name", user);
        fields.text(
            "process.command_line",
            command.strip_suffix('\'').unwrap_or(command),
        );
    } else if let Some((user, command)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
        && matches!(program, "shell" | "ESXShell" | "esxshell")
    {
        fields.text("user.name", user);
        fields.text("process.command_line", command);
    } else if text.starts_with("DHCP") {
        // `DHCPDISCOVER on vmk1 to 255.255.255.255 port 67 interval 1`
        let mut words = text.split(' ');
        let kind = words.next()?;
        if words.next() != Some("on") || !words.next()?.starts_with("vmk") || words.next() != Some("to") {
            return None;
        }
        fields.text("event.action", kind);
        fields.destination(words.next()?);
        if words.next() == Some("port") {
            fields.port("destination.port", words.next()?);
        }
    } else if let Some(rest) = text.strip_prefix("sysboot: ") {
        fields.text("process.name", "sysboot");
        fields.text("message", rest);
    } else if let Some(rest) = text.strip_prefix("Event [") {
        // `Event [1201186] [2-3] …`
        let (id, rest) = rest.split_once("] [")?;
        let (part, rest) = rest.split_once("] ")?;
        let numbers = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if !numbers(id) || !numbers(part) || part.starts_with("1-") {
            return None;
        }
        fields.text("event_id", id);
        fields.text("part", part);
        if let Some((_, path)) = rest.split_once("fileName = \"") {
            file(path.split('"').next().unwrap_or_default(), fields);
        }
    } else {
        return None;
    }
    Some(event)
}

/// `cpu3:2097219)ScsiDeviceIO: 3469: text`, with a level in front of the module perhaps.
fn kernel<'a>(text: &'a str, fields: &mut Fields<'a>) -> Option<()> {
    let (cpu, rest) = text.trim().strip_prefix("cpu")?.split_once(':')?;
    let (world, rest) = rest.split_once(')')?;
    fields.text("cpu", cpu);
    fields.text("world", world.split_ascii_whitespace().next().unwrap_or_default());
    let rest = match rest.split_once(": ") {
        Some((level @ ("WARNING" | "ALERT" | "INFO"), rest)) => {
            fields.text("log.level", level);
            rest
        }
        _ => rest,
    };
    if let Some((module, _)) = rest.split_once(": ").filter(|(module, _)| !module.contains(' ')) {
        fields.text("module", module);
    }
    fields.text("message", rest);
    Some(())
}

/// The kernel's own file has no host: `2026-02-03T04:05:06.123Z cpu3:2097219)text`.
fn kernel_file<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(line.raw, line.context.timezone)?;
    let mut event = Event::headless(DATASET);
    event.time = Some(time);
    kernel(rest, &mut event.fields)?;
    event.fields.text("process.name", "vmkernel");
    Some(event)
}

/// What the sentences say that services write.
fn sentence<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let whole = text;
    let text = match text
        .strip_prefix("Event ")
        .and_then(|rest| rest.split_once(" : "))
    {
        Some((id, rest)) if id.bytes().all(|b| b.is_ascii_digit()) => {
            fields.text("event_id", id);
            rest
        }
        _ => text,
    };
    let before = fields.get("event.reason").is_some();
    if !before && !known(text, fields) {
        fields.text("event.reason", reason(whole));
    }
}

/// Why, of a sentence of no known form: what stands behind the name of a function, or all of it.
fn reason(text: &str) -> &str {
    if let Some((_, rest)) = text.strip_prefix('[').and_then(|text| text.split_once("] ")) {
        return rest;
    }
    if let Some((_, why)) = text.rsplit_once(") failed with ") {
        return why.strip_prefix("error ").unwrap_or(why);
    }
    if let Some(at) = text.rfind(">, last e: ").or_else(|| text.rfind(">, e: ")) {
        return &text[at + 3..];
    }
    match text.split_once(": ") {
        Some((name, rest)) if name.bytes().all(|b| b.is_ascii_alphanumeric()) && name.len() > 1 => rest,
        _ => text,
    }
}

/// A sentence of a known form; `false` if it is none of them or says nothing of why.
fn known<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    if let Some(rest) = text.strip_prefix("Cannot login ") {
        let rest = rest.strip_prefix("user ").unwrap_or(rest);
        let rest = rest.strip_suffix(": no permission").unwrap_or(rest);
        login(rest, "failure", fields);
        fields.text("event.reason", "Cannot login");
        return true;
    }
    for (start, outcome) in [("Accepted password", "success"), ("Rejected password", "failure")] {
        if let Some(rest) = text
            .strip_prefix(start)
            .and_then(|rest| rest.strip_prefix(" for user "))
        {
            let rest = rest.split(" - session=").next().unwrap_or(rest);
            if let Some((user, host)) = rest.rsplit_once(" from ") {
                fields.text("user.name", user);
                fields.source(host.trim_end_matches('.'));
            }
            fields.event("login", outcome);
            fields.text("event.reason", start);
            return true;
        }
    }
    if let Some(rest) = text.strip_prefix("User ") {
        // The client names itself, and a name may say so too: which one is the server's cannot be told.
        if rest.matches(" logged in as ").nth(1).is_some() {
            return false;
        }
        if let Some((account, agent)) = rest.split_once(" logged in as ") {
            login(account, "success", fields);
            fields.text("user_agent.original", agent);
        } else if let Some((account, rest)) = rest.split_once(" logged out (") {
            account_at(account, fields);
            fields.event("logout", "");
            if let Some((_, agent)) = rest.rsplit_once("user agent: ") {
                fields.text("user_agent.original", agent.trim_end_matches(')'));
            }
        }
        return false;
    }
    if let Some(rest) = text.strip_prefix("SSH session was ") {
        if let Some((what, account)) = rest.split_once(" for '") {
            fields.text(
                "event.action",
                if what == "opened" {
                    "ssh_session_opened"
                } else {
                    "ssh_session_closed"
                },
            );
            account_at(account.trim_end_matches(['.', '\'']), fields);
        }
        return false;
    }
    if let Some(path) = text
        .strip_prefix("Processing file: ")
        .or_else(|| text.strip_prefix("Report Path: "))
    {
        file(path, fields);
        return true;
    }
    if let Some(rest) = text.strip_prefix("PublishReport: file ") {
        let (path, _) = rest.split_once(' ').unwrap_or((rest, ""));
        file(path, fields);
        fields.text("event.reason", rest[path.len()..].trim());
        return true;
    }
    if let Some(rest) = text
        .strip_prefix("Connection to ")
        .or_else(|| text.strip_prefix("Connected to "))
    {
        let (target, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (host, port) = host_port(target);
        fields.destination(host);
        fields.port("destination.port", port.unwrap_or_default());
        path(rest, fields);
        return false;
    }
    if let Some(rest) = text.strip_prefix("Attempting connection; <resolver ") {
        let (host, port) = host_port(rest.split('\'').nth(1).unwrap_or_default());
        fields.destination(host);
        fields.port("destination.port", port.unwrap_or_default());
        return false;
    }
    if text.contains("<TCP '") {
        sockets(text, fields);
        return false;
    }
    if let Some((_, rest)) = text.split_once("ForkExec(") {
        fields.text(
            "process.command_line",
            rest.rsplit_once(')').map_or(rest, |(command, _)| command),
        );
        return false;
    }
    if let Some(command) = text.strip_prefix("Launching binary: ") {
        fields.text("process.command_line", command);
        url(command, fields);
        return false;
    }
    if let Some((what, target)) = text.split_once(" endpoint added: ") {
        fields.text("url.original", target);
        fields.text("url.path", target);
        fields.text("event.reason", &text[..what.len() + " endpoint added".len()]);
        return true;
    }
    false
}

/// `root@192.0.2.7` of somebody who logs in.
fn login<'a>(account: &'a str, outcome: &'static str, fields: &mut Fields<'a>) {
    fields.event("login", outcome);
    fields.category("authentication");
    account_at(account, fields);
}

fn account_at<'a>(account: &'a str, fields: &mut Fields<'a>) {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, ""));
    let (domain, name) = user.rsplit_once('\\').unwrap_or(("", user));
    fields.text("user.name", name);
    fields.text("user.domain", domain);
    fields.source(host);
}

fn file<'a>(path: &'a str, fields: &mut Fields<'a>) {
    fields.text("file.path", path);
    if let Some((folder, name)) = path.rsplit_once('/') {
        fields.text("file.name", name);
        fields.text("file.directory", folder);
    }
}

/// `(/sdk) …`
fn path<'a>(text: &'a str, fields: &mut Fields<'a>) {
    if let Some((path, _)) = text.strip_prefix("(/").and_then(|_| text[1..].split_once(')')) {
        fields.text("url.original", path);
        fields.text("url.path", path);
    }
}

/// `<TCP '127.0.0.1 : 55911'>, <TCP '127.0.0.1 : 9096'>`: this end, and the other.
fn sockets<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut ends = text.split("<TCP '").skip(1).map(|rest| {
        let end = rest.split('\'').next().unwrap_or_default();
        end.split_once(" : ").unwrap_or((end, ""))
    });
    if let Some((host, port)) = ends.next() {
        fields.source(host);
        fields.source_port(port);
    }
    if let Some((host, port)) = ends.next() {
        fields.destination(host);
        fields.port("destination.port", port);
    }
}

/// The address of the web that a command has among its words.
fn url<'a>(command: &'a str, fields: &mut Fields<'a>) {
    let Some(word) = command.split(' ').find(|word| word.contains("://")) else {
        return;
    };
    let Some((scheme, rest)) = word.split_once("://") else {
        return;
    };
    fields.text("url.original", word);
    fields.text("url.full", word);
    fields.text("url.scheme", scheme);
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = host_and_port(authority);
    fields.text("url.domain", host);
    if let Some(port) = port {
        fields.put("url.port", Value::Int(port));
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole::{check, read, survives_truncation};

    #[test]
    fn logins() {
        for head in [
            "info hostd[2099655] ",
            "2026-02-03T04:05:06.123Z info hostd[2099655] ",
            "<166>2026-02-03T04:05:06.123Z esx1 Hostd: info hostd[2099655] ",
        ] {
            let text = format!(
                "{head}[Originator@6876 sub=Vimsvc.ha-eventmgr opID=1a-2b] Event 65352 : Cannot login x@192.0.2.99@192.0.2.7"
            );
            check(
                &text,
                "vmware.esxi",
                &[
                    ("log.level", "info"),
                    ("process.name", "hostd"),
                    ("process.pid", "2099655"),
                    ("user.name", "x@192.0.2.99"),
                    ("source.ip", "192.0.2.7"),
                    ("event.outcome", "failure"),
                    ("host.name", if head.contains("esx1") { "esx1" } else { "" }),
                ],
            );
            survives_truncation(&text);
        }
        check(
            "[Originator@6876 sub=Vimsvc.HaSessionManager opID=1 sid=2] Accepted password for user root from 192.0.2.7 - session=2",
            "vmware.esxi",
            &[
                ("user.name", "root"),
                ("source.ip", "192.0.2.7"),
                ("event.reason", "Accepted password"),
            ],
        );
        check(
            "[GenericCorrelator] 3087us: [vob.user.ssh.session.closed] SSH session was closed for 'root@192.0.2.7'.",
            "vmware.esxi",
            &[
                ("event.action", "vob.user.ssh.session.closed"),
                ("user.name", "root"),
                ("source.ip", "192.0.2.7"),
            ],
        );
    }

    #[test]
    fn connections() {
        check(
            "error vpxa[7] [Originator@6876 sub=Proxy Req 99717] Connection to localhost:9096 (/vsan) failed with error N7E(Connection refused)",
            "vmware.esxi",
            &[
                ("vmware.esxi.module", "Proxy Req 99717"),
                ("destination.domain", "localhost"),
                ("destination.port", "9096"),
                ("url.path", "/vsan"),
                ("event.reason", "N7E(Connection refused)"),
            ],
        );
        check(
            "[Originator@6876 sub=IO] Failed to shutdown socket; <io_obj p:0x1, h:34, <TCP '192.0.2.1 : 55911'>, <TCP '192.0.2.7 : 9096'>>, e: 104(shutdown: reset)",
            "vmware.esxi",
            &[
                ("source.ip", "192.0.2.1"),
                ("destination.port", "9096"),
                ("event.reason", "e: 104(shutdown: reset)"),
            ],
        );
    }

    #[test]
    fn other_writers() {
        check(
            "User 'root' running command 'esxcli network ip'",
            "vmware.esxi",
            &[
                ("user.name", "root"),
                ("process.command_line", "esxcli network ip"),
            ],
        );
        check(
            "<181>2026-02-03T04:05:06.123Z esx1 vmkernel: cpu3:2097219)ScsiDeviceIO: 3469: Cmd failed",
            "vmware.esxi",
            &[
                ("host.name", "esx1"),
                ("vmware.esxi.module", "ScsiDeviceIO"),
                ("vmware.esxi.cpu", "3"),
            ],
        );
        check(
            "[2026-02-03 04:05:06.123 F6F74B90 verbose 'App'] [VpxaMoVm::CheckMoVm] did not find it",
            "vmware.esxi",
            &[
                ("@timestamp", "2026-02-03T04:05:06.123Z"),
                ("message", "[VpxaMoVm::CheckMoVm] did not find it"),
                ("log.level", "verbose"),
            ],
        );
        assert!(read("an Event [x] [y] z").is_empty());
    }
}
