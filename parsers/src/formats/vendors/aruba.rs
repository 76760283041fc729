//! Aruba: switches (AOS-S, once ProCurve; AOS-CX) and wireless controllers.
//!
//! ```text
//! auth:  ST1-CMDR: Invalid user name/password on SSH session User 'jane' is trying to login from 192.0.2.7
//! Event|403|LOG_INFO|AMM|1/1|Link status for interface 1/1/14 is up at 100 Mbps
//! cli[5159]: <541004> <WARN> AP:ap-1 <192.0.2.1 02:00:00:00:00:01>  recv_sta_update: …, mac-02:00:00:00:00:07 …
//! <522274> <5962> <ERRS> <ctl1 192.0.2.1>  Mgmt User Authentication failed. username=jane userip=192.0.2.7 …
//! ```
//!
//! Sentences are read from their ends, where the device's words stand; a name in quotes is the stranger's.

use crate::formats::fields::{Fields, address};
use crate::formats::text::once::sure;
use crate::formats::text::pairs::Style;
use crate::formats::text::parts::{first_address, put_peer, put_user};
use crate::formats::text::{Event, Grammar, Line};

pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "Aruba AOS-S",
        marks: &[
            "-CMDR: ",
            "-STBY: ",
            "-MMBR: ",
            "ports:  ",
            "auth:  ",
            "mgr:  ",
            "snmp:  ",
            "dhcp-snoop:  ",
            "crypto:  ",
            "lldp:  ",
            "ssh:  ",
            "stp:  ",
            "lacp:  ",
            "ip:  ",
            "system:  ",
            "update:  ",
            "tftp:  ",
            "loop-protect:  ",
        ],
        programs: &[],
        read: switch,
    },
    Grammar {
        name: "Aruba AOS-CX",
        marks: &["Event|"],
        programs: &[],
        read: cx,
    },
    Grammar {
        name: "Aruba controller",
        marks: &["> <", ">  "],
        programs: &[],
        read: controller,
    },
];

const DATASET: &str = "aruba.network";

/// Parts of a switch that write under their names.
const FACILITIES: [&str; 15] = [
    "ports",
    "auth",
    "mgr",
    "snmp",
    "dhcp-snoop",
    "crypto",
    "lldp",
    "ssh",
    "stp",
    "lacp",
    "ip",
    "system",
    "update",
    "tftp",
    "loop-protect",
];

fn switch<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // `facility:  member: text`; a switch that is no member of a stack has no member.
    const ROLES: [&str; 3] = ["-CMDR", "-STBY", "-MMBR"];
    let is_number = |word: &str| word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit());
    let (facility, rest) = match line.header.program() {
        // The header has the facility as its program.
        Some(program) if !is_number(program) => (program, line.body),
        _ => {
            // The number of the event may stand in front.
            let body = match line.body.split_once(' ') {
                Some((number, rest)) if is_number(number) => rest,
                _ => line.body,
            };
            body.split_once(":  ")?
        }
    };
    let rest = rest.trim_start();
    let (member, text) = match rest.split_once(": ") {
        Some((member, text)) if ROLES.iter().any(|role| member.ends_with(role)) && !member.contains(' ') => {
            (member, text)
        }
        _ => ("", rest),
    };
    if !FACILITIES.contains(&facility) {
        return None;
    }
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.text("event.provider", facility);
    fields.text("aruba.network.member", member);
    fields.text("event.reason", text);
    if let Some((before, host)) = text.rsplit_once(" is trying to login from ") {
        fields.source(host.trim());
        if let Some((_, user)) = before.split_once(" User '") {
            put_user(fields, user.strip_suffix('\'').unwrap_or(user));
        }
        fields.event("login", "failure");
    } else if let Some((_, rest)) = text.split_once("Security access violation from ") {
        fields.source(rest.split(' ').next().unwrap_or_default());
    } else if let Some((kind, rest)) = text.split_once(" from ")
        && (kind.starts_with("SME ") || kind.starts_with("User "))
    {
        fields.source(rest.split(' ').next().unwrap_or_default());
    } else if let Some((_, rest)) = text.split_once("Attempt to release address ") {
        fields.source(rest.split(' ').next().unwrap_or_default());
    }
    Some(event)
}

fn cx<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let start = line.body.find("Event|")?;
    let mut parts = line.body[start + "Event|".len()..].splitn(5, '|');
    let (code, level) = (parts.next()?, parts.next()?);
    let (_, slot, text) = (parts.next()?, parts.next()?, parts.next()?);
    let level = level.strip_prefix("LOG_")?;
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.text("event.code", code);
    fields.text("log.level", level);
    fields.text("aruba.network.slot", slot);
    fields.text("event.reason", text);
    fields.text("message", text);
    if let Some(rest) = text.strip_prefix("LLDP neighbor ") {
        if let Some((mac, rest)) = rest.split_once(' ') {
            fields.text("source.mac", mac);
            interface(fields, rest.rsplit_once(" on ").map_or("", |(_, port)| port));
        }
    } else if let Some((_, rest)) = text.split_once("for interface ") {
        interface(fields, rest.split(' ').next().unwrap_or_default());
    } else if let Some((_, rest)) = text.split_once(" on port ") {
        interface(fields, rest.split(' ').next().unwrap_or_default());
    } else if let Some(rest) = text.strip_prefix("User ")
        && let Some((user, rest)) = rest.split_once(" logged ")
    {
        put_user(fields, user);
        fields.text("source.ip", first_address(rest).unwrap_or_default());
    }
    Some(event)
}

fn interface<'a>(fields: &mut Fields<'a>, port: &'a str) {
    fields.text("observer.ingress.interface.name", port);
}

fn controller<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // `name[pid]: ` or nothing in front of `<541004> `; ids have six digits, priorities at most three.
    let (program, pid, text) = match line.body.starts_with('<') {
        true => ("", None, line.body),
        false => line.tagged(),
    };
    let text = text.trim_start();
    let (id, mut rest) = text.strip_prefix('<')?.split_once("> ")?;
    if id.len() != 6 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut event = Event::new(DATASET);
    let fields = &mut event.fields;
    fields.text("event.code", id);
    fields.text("process.name", program);
    fields.number("process.pid", pid.unwrap_or_default());
    let mut station = "";
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("AP:") {
            let (name, after) = after.split_once(' ')?;
            fields.text("observer.name", name);
            rest = after;
            continue;
        }
        let Some((inner, after)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
            break;
        };
        // A process id, a level, or the device's name (or hardware address) beside its address.
        if inner.bytes().all(|b| b.is_ascii_digit()) {
            fields.number("process.pid", inner);
        } else if inner.len() == 4 && inner.bytes().all(|b| b.is_ascii_uppercase()) {
            fields.text("log.level", inner);
        } else {
            match inner.split_once(' ') {
                Some((first, second)) if address(first).is_some() => {
                    station = first;
                    fields.text("observer.mac", second);
                }
                Some((name, second)) => {
                    fields.text("observer.name", name);
                    station = second;
                }
                None => {}
            }
        }
        rest = after;
    }
    fields.text("observer.ip", address(station).unwrap_or_default());
    fields.text("message", rest);
    said(line, fields, rest);
    // What the controller says about itself comes from itself.
    fields.text("source.ip", address(station).unwrap_or_default());
    Some(event)
}

fn said<'a>(line: &Line<'a>, fields: &mut Fields<'a>, text: &'a str) {
    fields.text(
        "event.reason",
        text.strip_prefix("make_response: ").unwrap_or(text),
    );
    if let Some((_, rest)) = text.split_once("make_response: Sending ") {
        if let Some((_, target)) = rest.split_once(" to ") {
            let target = target.split(' ').next().unwrap_or_default();
            put_peer(
                fields,
                "destination.ip",
                "destination.domain",
                "destination.port",
                target,
            );
        }
    } else if text.starts_with("Mgmt User Authentication ") || text.starts_with("User Authentication ") {
        let done = text.contains("Authentication Successful") || text.contains("Authentication succeeded");
        fields.event("authentication", if done { "success" } else { "failure" });
        // Nothing quotes the name, which stands in front of the address: the last of that name is the controller's.
        let mut text = text;
        if let Some((before, rest)) = text.rsplit_once(" userip=") {
            if let Some((_, user)) = before.split_once("username=") {
                put_user(fields, user);
            }
            fields.source(rest.split([' ', ',']).next().unwrap_or_default());
            text = rest;
        }
        for (key, value) in sure(line, text, Style::SPACED, fields) {
            match key {
                "username" => put_user(fields, value),
                "IP" => fields.text("client.ip", address(value).unwrap_or_default()),
                "MAC" => fields.text("source.mac", value),
                "AP" => fields.text("aruba.network.access_point", value),
                "servername" => fields.text("destination.domain", value),
                "serverip" => fields.destination(value),
                _ => {}
            }
        }
    } else if let Some(rest) = text.strip_prefix("User ")
        && let Some((user, _)) = rest.split_once(" Failed Authentication")
    {
        put_user(fields, user);
        fields.event("authentication", "failure");
    }
    // `mac-02:00:00:00:00:07, username-jane, IP-192.0.2.7`
    for word in text.split([' ', ',']) {
        match word.split_once('-') {
            Some(("mac", mac)) if mac.len() == 17 => fields.text("source.mac", mac),
            Some(("username", user)) => put_user(fields, user),
            Some(("IP", host)) => fields.text("client.ip", address(host).unwrap_or_default()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::whole::{check, survives_truncation};

    #[test]
    fn switches() {
        let line = "auth:  ST1-CMDR: Invalid user name/password on SSH session User 'x is trying to login from 203.0.113.1' is trying to login from 192.0.2.7";
        check(
            line,
            "aruba.network",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "x is trying to login from 203.0.113.1"),
                ("event.provider", "auth"),
            ],
        );
        survives_truncation(line);
        check(
            "Event|105|LOG_INFO|AMM|1/1|LLDP neighbor 02:00:00:00:00:07 updated on 1/1/18",
            "aruba.network",
            &[
                ("event.code", "105"),
                ("source.mac", "02:00:00:00:00:07"),
                ("observer.ingress.interface.name", "1/1/18"),
            ],
        );
    }

    #[test]
    fn controllers() {
        let line = "<522274> <5962> <ERRS> <ctl1 192.0.2.1>  Mgmt User Authentication failed. username=jane  userip=192.0.2.7 servername=srv  serverip=192.0.2.1";
        check(
            line,
            "aruba.network",
            &[
                ("source.ip", "192.0.2.7"),
                ("user.name", "jane"),
                ("log.level", "ERRS"),
                ("observer.name", "ctl1"),
            ],
        );
        check(
            "stm[4826]: <501199> <NOTI> AP:ap-2 <192.0.2.2 02:00:00:00:00:02>  User authenticated, mac-02:00:00:00:00:07, username-jane@example.org, IP-192.0.2.7, method-802.1x",
            "aruba.network",
            &[
                ("source.mac", "02:00:00:00:00:07"),
                ("user.email", "jane@example.org"),
                ("observer.name", "ap-2"),
                ("process.name", "stm"),
            ],
        );
        survives_truncation(line);
    }
}
