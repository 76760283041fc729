//! sudo, su, login and logind.

use super::{Fields, between, unquoted};
use crate::formats::text::search::Search;
use crate::value::Value;

/// `jane : TTY=pts/0 ; PWD=/home/jane ; USER=root ; COMMAND=/bin/ls`, with a complaint in front of `TTY` where
/// sudo refused. The folder and the command are the caller's text, and may have such parts in them: where the line
/// can be read in two ways, nobody knows who the command ran as, and the command is all that may be it.
pub(super) fn sudo<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((name, rest)) = message.cut(" : ") else {
        return;
    };
    let (head, command, certain) = match command_of(rest) {
        Some((at, certain)) => (&rest[..at], Some(&rest[at + COMMAND.len()..]), certain),
        None => (rest, None, rest.matches(" ; USER=").count() <= 1),
    };
    if command.is_none() && !rest.holds("TTY=") && !rest.holds("USER=") {
        return;
    }
    fields.text("user.name", name.trim());
    let mut complaint = "";
    for (position, part) in head.split(" ; ").map(str::trim).enumerate() {
        match part.split_once('=') {
            Some(("TTY", value)) => fields.text("system.auth.sudo.tty", value),
            // From here on it is the caller's.
            Some(("PWD", _)) if !certain => break,
            Some(("PWD", value)) => {
                fields.text("system.auth.sudo.pwd", value);
                fields.text("process.working_directory", value);
            }
            Some(("USER", value)) if certain => fields.text("user.effective.name", value),
            Some(("GROUP", value)) => fields.text("user.effective.group.name", value),
            Some(("ENV", value)) => fields.text("system.auth.sudo.env", value),
            Some(("TSID", value)) => fields.text("system.auth.sudo.tsid", value),
            None if position == 0 => complaint = part,
            _ => {}
        }
    }
    fields.text("system.auth.sudo.error", complaint);
    let command = command.unwrap_or_default().trim_end();
    fields.text("system.auth.sudo.command", command);
    fields.text("process.command_line", command);
    let outcome = match complaint {
        "" | "(command continued)" => "success",
        _ => "failure",
    };
    fields.event("sudo", outcome);
}

const COMMAND: &str = "COMMAND=";

/// Where `COMMAND=` of one of sudo's lines stands, the first behind a user if there is one; and whether only one user stands
/// in front of what may be the command.
fn command_of(rest: &str) -> Option<(usize, bool)> {
    let (mut start, mut users) = (0, 0);
    let (mut first, mut users_before) = (None, 0);
    for part in rest.split(" ; ") {
        let text = part.trim_start();
        if text.starts_with("USER=") {
            users += 1;
        } else if text.starts_with(COMMAND) {
            if first.is_none() || users_before == 0 && users > 0 {
                first = Some(start + part.len() - text.len());
            }
            users_before = users;
        }
        start += part.len() + " ; ".len();
    }
    first.map(|at| (at, users_before <= 1))
}

/// Whether `message` is one of sudo's about a command: `jane : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`.
pub(super) fn is_sudo(message: &str) -> bool {
    message.cut(" : ").is_some_and(|(name, rest)| {
        !name.contains(' ')
            && (rest.starts_with("TTY=") || rest.starts_with("PWD="))
            && rest.holds(" ; USER=")
            && rest.holds(" ; COMMAND=")
    })
}

/// su of shadow, util-linux and BSD style.
pub(super) fn su<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let failed = message.starts_with("FAILED") || message.starts_with("BAD") || message.starts_with("- ");
    if let Some(rest) = between(message, "(to ", "") {
        // `(to root) jane on pts/0`
        let Some((target, rest)) = rest.cut(") ") else {
            return;
        };
        let (name, terminal) = rest.cut_last(" on ").unwrap_or((rest, ""));
        fields.text("user.name", name);
        fields.text("user.effective.name", target);
        fields.text("system.auth.su.tty", terminal);
    } else if let Some(rest) = message
        .strip_prefix("Successful su for ")
        .or_else(|| message.strip_prefix("FAILED su for "))
    {
        let Some((target, name)) = rest.cut_last(" by ") else {
            return;
        };
        fields.text("user.name", name);
        fields.text("user.effective.name", target);
    } else if let Some(rest) = message.strip_prefix("+ ").or_else(|| message.strip_prefix("- ")) {
        // `+ /dev/pts/0 jane:root`
        let Some((terminal, (name, target))) = rest
            .split_once(' ')
            .and_then(|(terminal, who)| Some((terminal, who.split_once(':')?)))
        else {
            return;
        };
        fields.text("system.auth.su.tty", terminal);
        fields.text("user.name", name);
        fields.text("user.effective.name", target);
    } else if let Some(rest) = message.strip_prefix("'su ")
        && let Some((target, rest)) = rest.cut("' ")
    {
        // `'su root' failed for jane on /dev/pts/8`
        let Some((verdict, rest)) = rest.cut(" for ") else {
            return;
        };
        let (name, terminal) = rest.cut_last(" on ").unwrap_or((rest, ""));
        fields.text("user.name", name);
        fields.text("user.effective.name", target);
        fields.text("system.auth.su.tty", terminal);
        return fields.event("su", if verdict == "failed" { "failure" } else { "success" });
    } else if let Some(rest) = message.strip_prefix("BAD SU ")
        && let Some((name, rest)) = rest.cut(" to ")
    {
        let (target, terminal) = rest.cut(" on ").unwrap_or((rest, ""));
        fields.text("user.name", name);
        fields.text("user.effective.name", target);
        fields.text("system.auth.su.tty", terminal);
    } else {
        return;
    }
    fields.event("su", if failed { "failure" } else { "success" });
    fields.category("authentication");
}

/// login on a console.
pub(super) fn login<'a>(message: &'a str, fields: &mut Fields<'a>) {
    if let Some(rest) = message.strip_prefix("FAILED LOGIN ") {
        fields.event("login", "failure");
        if let Some((before, rest)) = rest.cut(" FOR ") {
            let name = rest.cut_last(", ").map_or(rest, |(name, _)| name);
            fields.text("user.name", unquoted(name));
            let host = before.cut_last(" FROM ").or_else(|| before.cut_last(" from "));
            if let Some((_, host)) = host {
                fields.source(unquoted(host));
            }
        }
    } else if let Some(rest) = message.strip_prefix("ROOT LOGIN") {
        fields.event("login", "success");
        fields.text("user.name", "root");
        if let Some((_, host)) = rest.cut_last(" FROM ") {
            fields.source(unquoted(host));
        }
    } else if let Some(rest) = message.strip_prefix("LOGIN ON ")
        && let Some((_, rest)) = rest.cut(" BY ")
    {
        fields.event("login", "success");
        let (name, host) = rest.cut_last(" FROM ").unwrap_or((rest, ""));
        fields.text("user.name", name);
        fields.source(host);
    } else {
        return;
    }
    fields.category("authentication");
}

/// logind's sessions: `New session 5 of user jane.`
pub(super) fn logind<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let text = message.trim_end_matches('.');
    if let Some((id, name)) = text
        .strip_prefix("New session ")
        .and_then(|rest| rest.cut(" of user "))
    {
        fields.event("session_opened", "success");
        fields.text("system.auth.session.id", unquoted(id));
        // Newer versions add `with class 'user' and type 'tty'`.
        let name = name.cut(" with class ").map_or(name, |(name, _)| name);
        fields.text("user.name", unquoted(name));
    } else if let Some(id) = text.strip_prefix("Removed session ") {
        fields.event("session_closed", "success");
        fields.text("system.auth.session.id", id);
    } else if let Some((id, _)) = text
        .strip_prefix("Session ")
        .and_then(|rest| rest.cut(" logged out"))
    {
        fields.event("session_logged_out", "success");
        fields.text("system.auth.session.id", id);
    } else if let Some(rest) = text.strip_prefix("New seat ") {
        fields.event("seat_added", "success");
        fields.put("system.auth.seat", Value::Str(rest));
    } else {
        return;
    }
    fields.category("session");
}
