//! Wazuh and OSSEC: the API's log, the log of the agents and the manager, active responses.
//!
//! ```text
//! 2026/03/01 10:00:00 INFO: mara 192.0.2.7 "GET /agents" with parameters {} and body {} done in 0.006s: 200
//! 2026/03/01 10:00:00 wazuh-agentd: INFO: (4102): Connected to the server ([192.0.2.1]:1514/tcp).
//! Sun Mar  1 10:00:00 UTC 2026 /var/ossec/active-response/bin/host-deny.sh add - 192.0.2.7 1304756247.60385 31151
//! 2026/03/01 10:00:00 active-response/bin/firewall-drop: Starting
//! ```
//!
//! In the API's log, the user in front of the address and the request behind it are a stranger's: they are taken only where
//! the line has one place that looks like an address and a request. The status stands at the end.

use crate::formats::fields::address;
use crate::formats::text::{Event, Grammar, Line, layout};
use crate::time;

pub(super) const API: Grammar = Grammar {
    name: "Wazuh API",
    marks: &[" INFO: ", " WARNING: ", " ERROR: ", " DEBUG: "],
    programs: &[],
    read: api,
};

pub(super) const LOG: Grammar = Grammar {
    name: "Wazuh and OSSEC",
    marks: &[
        ": INFO: ",
        ": WARNING: ",
        ": ERROR: ",
        ": DEBUG: ",
        ": CRITICAL: ",
    ],
    programs: &[],
    read: log,
};

pub(super) const RESPONSE: Grammar = Grammar {
    name: "Wazuh active response",
    marks: &["active-response/bin/"],
    programs: &[],
    read: response,
};

/// The level that `text` starts with, and what stands behind its colon.
fn level(text: &str) -> Option<(&str, &str)> {
    let (level, rest) = text.split_once(": ")?;
    matches!(
        level,
        "INFO" | "WARNING" | "ERROR" | "DEBUG" | "DEBUG2" | "CRITICAL"
    )
    .then_some((level, rest))
}

fn api<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::slashed(line.raw.trim(), line.context.timezone)?;
    let (level, message) = level(rest.strip_prefix(' ')?)?;
    let mut event = Event::headless("wazuh.api");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("log.level", level);
    fields.text("message", message);
    // `… done in 0.006s: 200`
    let Some((request, end)) = message.rsplit_once(" done in ") else {
        return Some(event);
    };
    let Some((seconds, status)) = end.split_once("s: ") else {
        return Some(event);
    };
    fields.category("web");
    fields.text("seconds", seconds);
    if let Ok(code) = status.trim().parse::<u16>() {
        fields.number("http.response.status_code", status.trim());
        fields.event("", if code < 400 { "success" } else { "failure" });
    }
    let mut places = memchr::memmem::find_iter(request.as_bytes(), b" \"").filter_map(|at| {
        let (before, behind) = (&request[..at], &request[at + 2..]);
        let (who, host) = before.rsplit_once(' ')?;
        let (method, rest) = behind.split_once(' ')?;
        let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
        (is_method && rest.starts_with('/')).then_some((who, address(host)?, method, rest))
    });
    let (Some((who, host, method, rest)), None) = (places.next(), places.next()) else {
        return Some(event);
    };
    // The name, and the digest of the token's context.
    let name = match who.strip_suffix(')').and_then(|who| who.rsplit_once(" (")) {
        Some((name, _)) => name,
        None => who,
    };
    fields.known("user.name", name);
    fields.text("source.ip", host);
    fields.text("http.request.method", method);
    if let Some((path, rest)) = rest.split_once('"') {
        fields.url(path);
        if let Some((parameters, body)) = rest
            .strip_prefix(" with parameters ")
            .and_then(|rest| rest.split_once(" and body "))
        {
            fields.text("parameters", parameters);
            fields.text("body", body);
        }
    }
    Some(event)
}

/// Programs of Wazuh and OSSEC.
fn is_daemon(name: &str) -> bool {
    let name = name.split(['(', ':']).next().unwrap_or_default();
    name.starts_with("wazuh-")
        || name.starts_with("ossec-")
        || matches!(
            name,
            "rootcheck" | "sca" | "syscheck" | "manage_agents" | "agent-auth"
        )
}

fn log<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::slashed(line.raw, line.context.timezone)?;
    let (program, rest) = rest.strip_prefix(' ')?.split_once(": ")?;
    // `wazuh-syscheckd[1234] run_realtime.c:87 at f():` in debug logs.
    let name = program.split(['[', ' ']).next().unwrap_or_default();
    if !is_daemon(name) {
        return None;
    }
    let (level, message) = level(rest)?;
    let mut event = Event::headless("wazuh.log");
    event.time = Some(time);
    let fields = &mut event.fields;
    let (process, module) = name.split_once(':').unwrap_or((name, ""));
    let (process, code) = match process.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some(split) => split,
        None => (process, ""),
    };
    fields.text("process.name", process);
    fields.text("module", module);
    fields.text("event.code", code);
    fields.text("log.level", level);
    let mut text = message;
    if let Some((code, rest)) = message.strip_prefix('(').and_then(|rest| rest.split_once("): "))
        && code.len() == 4
        && code.bytes().all(|b| b.is_ascii_digit())
    {
        fields.text("event.code", code);
        text = rest;
    }
    fields.text("message", text);
    Some(event)
}

/// The time that a line starts with, in either notation, and what stands behind it.
fn moment<'a>(line: &Line<'a>) -> Option<(i64, &'a str)> {
    let zone = line.context.timezone;
    if let Some((time, rest)) = time::slashed(line.raw, zone) {
        return Some((time, rest.strip_prefix(' ')?));
    }
    // `Sun Mar  1 10:00:00 UTC 2026 `: the clock's zone stands in front of the year.
    let text = line.raw.get(4..)?;
    let (month, rest) = text.split_once(' ')?;
    let (day, rest) = rest.trim_start().split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    let (year, rest) = rest.split_once(' ')?;
    if month.len() != 3 || clock.len() != 8 || year.len() != 4 {
        return None;
    }
    let text = [month, " ", day, " ", clock, " ", year].concat();
    let (time, _) = match time::zone_name(name) {
        Some((offset, "")) => {
            let (time, rest) = layout::read(&text, "B D h:m:s Y", chrono_tz::UTC)?;
            (time - offset, rest)
        }
        _ => layout::read(&text, "B D h:m:s Y", zone)?,
    };
    Some((time, rest))
}

fn response<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = moment(line)?;
    let (path, rest) = rest.split_once([' ', ':'])?;
    let (_, name) = path.rsplit_once("active-response/bin/")?;
    let mut event = Event::headless("wazuh.active_response");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("process.executable", path);
    fields.text("process.name", name);
    let rest = rest.trim();
    // `add user address id rule …`
    let mut words = rest.split(' ');
    if let (Some(action @ ("add" | "delete" | "continue")), Some(user), Some(host)) =
        (words.next(), words.next(), words.next())
    {
        fields.event(action, "");
        fields.known("user.name", user);
        if let Some(address) = address(host) {
            fields.text("source.ip", address);
        }
        let (id, rule) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        fields.text("alert_id", id);
        fields.text("rule.id", rule);
    }
    fields.text("message", rest);
    Some(event)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn requests() {
        let line = r#"2026/03/01 10:00:00 INFO: mara 192.0.2.7 "PUT /agents/7/restart" with parameters {"wait": "true"} and body {} done in 0.006s: 403"#;
        check(
            line,
            "wazuh.api",
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("user.name", "mara"),
                ("source.ip", "192.0.2.7"),
                ("http.request.method", "PUT"),
                ("url.path", "/agents/7/restart"),
                ("http.response.status_code", "403"),
                ("event.outcome", "failure"),
                ("wazuh.api.parameters", r#"{"wait": "true"}"#),
            ],
        );
        survives_truncation(line);
        check(
            r#"2026/03/01 10:00:00 INFO: x 198.51.100.9 "GET /y" 192.0.2.7 "POST /security/user/authenticate" with parameters {} and body {} done in 0.354s: 401"#,
            "wazuh.api",
            &[
                ("source.ip", ""),
                ("user.name", ""),
                ("http.response.status_code", "401"),
            ],
        );
    }

    #[test]
    fn daemons_and_responses() {
        check(
            "2026/03/01 10:00:00 wazuh-agentd: INFO: (4102): Connected to the server ([192.0.2.1]:1514/tcp).",
            "wazuh.log",
            &[
                ("process.name", "wazuh-agentd"),
                ("event.code", "4102"),
                ("log.level", "INFO"),
            ],
        );
        check(
            "Sun Mar  1 10:00:00 CET 2026 /var/ossec/active-response/bin/host-deny.sh add - 192.0.2.7 1772355600.60385 31151",
            "wazuh.active_response",
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("process.name", "host-deny.sh"),
                ("event.action", "add"),
                ("source.ip", "192.0.2.7"),
                ("rule.id", "31151"),
                ("user.name", ""),
            ],
        );
        check(
            "2026/03/01 10:00:00 active-response/bin/firewall-drop: Starting",
            "wazuh.active_response",
            &[("process.name", "firewall-drop"), ("message", "Starting")],
        );
    }
}
