//! FTP servers: vsftpd, ProFTPD, Pure-FTPd, and the transfer log (`xferlog`) that most of them can write.
//!
//! The user name is the client's text, and so are commands and paths. ProFTPD names the peer in front of the message;
//! the transfer log is read from both ends towards the path. vsftpd writes the name in front of the peer: where a line has
//! two peers that differ, one of them is in a name or a command, no one can tell which, and none is taken.

use super::super::fields::{Fields, address};
use super::super::linux;
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// FTP.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "vsftpd",
        marks: &[": Client \""],
        programs: &["vsftpd"],
        read: read_vsftpd,
    },
    Grammar {
        name: "proftpd",
        marks: &["proftpd["],
        programs: &["proftpd"],
        read: read_proftpd,
    },
    Grammar {
        name: "pure-ftpd",
        marks: &[],
        programs: &["pure-ftpd"],
        read: read_pureftpd,
    },
    Grammar {
        name: "xferlog",
        marks: &[
            " _ o ", " _ i ", " _ d ", " C o ", " C i ", " U o ", " U i ", " T o ", " T i ",
        ],
        programs: &[],
        read: read_transfer,
    },
];

/// Every event of an FTP server.
fn frame(fields: &mut Fields<'_>) {
    fields.put("network.protocol", Value::Str("ftp"));
}

/// `Mon Apr 12 15:19:22 2026 [pid 15685] [jane] OK LOGIN: Client "192.0.2.1"`, or the part behind the pid in syslog.
fn read_vsftpd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "vsftpd";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("vsftpd.log");
    let mut text = line.body.trim();
    if !named {
        let (time, rest) = time::ctime(line.raw, line.context.timezone)?;
        event.time = Some(time);
        text = rest.trim();
    }
    let fields = &mut event.fields;
    if let Some((pid, rest)) = text.strip_prefix("[pid ").and_then(|rest| rest.split_once("] ")) {
        fields.number("process.pid", pid);
        text = rest;
    } else if !named {
        return None;
    }
    frame(fields);
    fields.put("process.name", Value::Str("vsftpd"));
    if !text.contains(": Client \"") {
        pam(line, text, fields);
        return Some(event);
    }
    let mut peers = text.match_indices(": Client \"").filter_map(|(at, mark)| {
        let (ip, _) = text[at + mark.len()..].split_once('"')?;
        Some((at, ip))
    });
    let Some((at, ip)) = peers.next() else {
        return Some(event);
    };
    let (head, rest) = (&text[..at], &text[at + ": Client \"".len() + ip.len() + 1..]);
    let others: Vec<_> = peers.collect();
    let certain = others.iter().all(|(_, other)| address(other) == address(ip));
    let (user, kind) = match head.strip_prefix('[').and_then(|head| head.rsplit_once("] ")) {
        Some((user, kind)) => (user, kind),
        None => ("", head),
    };
    if !certain {
        return Some(event);
    }
    fields.text("source.ip", address(ip).unwrap_or_default());
    // A name that holds the server's own words leaves open how it ended, and for whom.
    if !others.is_empty() {
        return Some(event);
    }
    fields.text("user.name", user);
    let (outcome, action) = match kind.split_once(' ') {
        Some(("OK", action)) => ("success", action),
        Some(("FAIL", action)) => ("failure", action),
        _ => ("", kind),
    };
    fields.event(action, outcome);
    if action == "LOGIN" {
        fields.category("authentication");
    }
    let rest = rest.trim_start_matches([',', ' ']);
    if let Some((inner, after)) = rest.strip_prefix('"').and_then(|rest| rest.rsplit_once('"')) {
        match action {
            "FTP command" => fields.text("command", inner),
            "FTP response" => {
                fields.text("response", inner);
                fields.text("event.reason", inner);
            }
            "LOGIN" => fields.text("event.reason", inner),
            _ => {
                fields.text("file.path", inner);
                let size = after.trim_start_matches([',', ' ']);
                fields.number("file.size", size.split(' ').next().unwrap_or_default());
            }
        }
    }
    Some(event)
}

/// What PAM writes through an FTP server, with the module's name in front or without.
fn pam<'a>(line: &Line<'a>, text: &'a str, fields: &mut Fields<'a>) {
    let tag = line.header.tag.unwrap_or_default();
    let bare = text.starts_with("authentication failure;");
    let tag = if bare && !tag.contains('(') {
        "vsftpd(pam_unix)"
    } else {
        tag
    };
    linux::dissect(tag, line.program(), text, fields);
}

/// `proftpd[1]: host (name[192.0.2.1]) - USER jane: Login successful.`; its own file has `time host proftpd[1] host (…): …`.
fn read_proftpd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let named = line.program() == "proftpd";
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("proftpd.log");
    let mut text = line.body.trim();
    let mut host = "";
    if !named {
        let (time, rest) = time::iso(line.raw, line.context.timezone)?;
        event.time = Some(time);
        let (name, rest) = rest.trim_start().split_once(' ')?;
        let (pid, rest) = rest.strip_prefix("proftpd[")?.split_once(']')?;
        host = name;
        event.fields.number("process.pid", pid);
        text = rest.trim_start_matches([':', ' ']);
    }
    let fields = &mut event.fields;
    frame(fields);
    fields.put("process.name", Value::Str("proftpd"));
    fields.text("host.name", host);
    // The server's name, the peer, the message.
    let Some((server, rest)) = text.split_once(" (") else {
        pam(line, text, fields);
        return Some(event);
    };
    let Some((name, rest)) = rest.split_once('[').filter(|_| !server.contains(' ')) else {
        pam(line, text, fields);
        return Some(event);
    };
    let Some((ip, rest)) = rest.split_once("])") else {
        return Some(event);
    };
    fields.text("source.ip", address(ip).unwrap_or_default());
    if address(name).is_none() {
        fields.text("source.domain", name);
    }
    let message = rest.trim_start_matches([':', ' ', '-']);
    fields.text("server.domain", server);
    proftpd_message(message, fields);
    Some(event)
}

fn proftpd_message<'a>(text: &'a str, fields: &mut Fields<'a>) {
    fields.text("event.reason", text);
    if let Some((kind, rest)) = text
        .split_once(' ')
        .filter(|(kind, _)| matches!(*kind, "USER" | "ANON"))
    {
        // What the server says of the login is behind the name, and the name may say it too.
        const VERDICTS: [(&str, &str); 6] = [
            (": no such user found from ", "failure"),
            (" (Login failed): ", "failure"),
            (": Login successful", "success"),
            (": no such user", "failure"),
            (" (Login failed)", "failure"),
            (": ", "failure"),
        ];
        fields.category("authentication");
        for (mark, outcome) in VERDICTS {
            if let Some(at) = text.rfind(mark)
                && (outcome != "success" || text.trim_end_matches('.').ends_with(mark))
                && at > kind.len()
            {
                fields.event("login", outcome);
                fields.text("user.name", &text[kind.len() + 1..at]);
                return;
            }
        }
        fields.event("login", "");
        fields.text("user.name", rest);
    } else if let Some(rest) = text.strip_prefix("SECURITY VIOLATION: ") {
        fields.event("security_violation", "failure");
        fields.text(
            "user.name",
            rest.split_once(" login attempted")
                .map_or("", |(name, _)| name.trim_matches('\'')),
        );
    } else if text.starts_with("FTP session opened") {
        fields.event("session_opened", "success");
    } else if text.starts_with("FTP session closed") {
        fields.event("session_closed", "success");
    } else if text.starts_with("Maximum login attempts") {
        fields.event("too_many_logins", "failure");
    } else {
        fields.event("message", "");
    }
}

/// `(jane@192.0.2.1) [INFO] jane is now logged in`: `?` stands for a user that is not known yet.
fn read_pureftpd<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let mut event = Event::new("pureftpd.log");
    let fields = &mut event.fields;
    frame(fields);
    let text = line.body.trim();
    let Some((who, rest)) = text.strip_prefix('(').and_then(|rest| rest.split_once(") [")) else {
        pam(line, text, fields);
        return Some(event);
    };
    let (user, host) = who.rsplit_once('@')?;
    fields.source(host);
    if user != "?" {
        fields.text("user.name", user);
    }
    let (level, message) = rest.split_once("] ").unwrap_or((rest, ""));
    fields.text("log.level", level);
    if let Some(rest) = message.strip_prefix("Authentication failed for user ") {
        fields.event("login", "failure");
        fields.category("authentication");
        fields.text("user.name", rest.trim_start_matches('[').trim_end_matches(']'));
    } else if let Some(name) = message.strip_suffix(" is now logged in") {
        fields.event("login", "success");
        fields.category("authentication");
        fields.text("user.name", name);
    } else if let Some(rest) = message.strip_prefix("New connection from ") {
        fields.event("connect", "");
        fields.source(rest);
    } else if message.starts_with("Logout") {
        fields.event("logout", "success");
    } else {
        fields.event("message", "");
    }
    Some(event)
}

/// `Thu Mar 4 08:12:30 2026 1 192.0.2.1 37 /pub/index.html a _ o a guest@example.org ftp 0 * c`
fn read_transfer<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::ctime(line.raw, line.context.timezone)?;
    let (seconds, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let (size, rest) = rest.split_once(' ')?;
    seconds.parse::<u32>().ok()?;
    size.parse::<u64>().ok()?;
    let mut last = rest.trim_end().rsplitn(10, ' ');
    let status = last.next()?;
    let user_id = last.next()?;
    let method = last.next()?;
    let service = last.next()?;
    let user = last.next()?;
    let mode = last.next()?;
    let direction = last.next()?;
    let flags = last.next()?;
    let kind = last.next()?;
    let path = last.next()?;
    let fits = matches!(status, "c" | "i")
        && matches!(method, "0" | "1")
        && matches!(mode, "a" | "g" | "r")
        && matches!(kind, "a" | "b");
    if !fits {
        return None;
    }
    let mut event = Event::new("ftp.transfer");
    event.time = Some(time);
    let fields = &mut event.fields;
    frame(fields);
    let action = match direction {
        "i" => "upload",
        "o" => "download",
        "d" => "delete",
        _ => return None,
    };
    fields.event(action, if status == "c" { "success" } else { "failure" });
    fields.category("file");
    fields.source(host);
    fields.text("user.name", user);
    fields.text("user_id", if user_id == "*" { "" } else { user_id });
    fields.text("service", service);
    fields.text("access_mode", mode);
    fields.text("type", kind);
    fields.text("special", if flags == "_" { "" } else { flags });
    fields.text("seconds", seconds);
    fields.number("file.size", size);
    fields.text("file.path", path);
    Some(event)
}
