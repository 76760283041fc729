//! Microsoft SQL Server's ERRORLOG.
//!
//! ```text
//! 2026-02-03 04:05:06.29 Logon       Login failed for user 'mara'. Reason: Could not find a login. [CLIENT: 192.0.2.7]
//! 2026-02-03 04:05:06.29 Logon       Error: 18456, Severity: 14, State: 8.
//! 2026-02-03 04:05:06.29 spid7s      Recovery is complete.
//! ```
//!
//! The word behind the time is the server's and says who writes. The address is the last thing in the line; the user
//! name ends where `'. Reason: ` or `'. [CLIENT: ` comes for the last time.

use crate::formats::fields::Fields;
use crate::formats::text::{Event, Grammar, Line};
use crate::time;

pub(super) const ERROR: Grammar = Grammar {
    name: "mssql.errorlog",
    marks: &[" Logon  ", " Server  ", " spid", " Backup  "],
    programs: &[],
    read,
};

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let (time, rest) = time::iso(line.raw, line.context.timezone)?;
    let rest = rest.strip_prefix(' ')?;
    let (writer, text) = rest.split_once(' ')?;
    let is_task = |id: &str| {
        let digits = id.trim_end_matches('s');
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let known =
        matches!(writer, "Logon" | "Server" | "Backup") || writer.strip_prefix("spid").is_some_and(is_task);
    // Columns: the writer's has a width.
    if !known || line.raw.as_bytes().get(10) != Some(&b' ') || !text.starts_with(' ') {
        return None;
    }
    let text = text.trim();
    let mut event = Event::headless("mssql.errorlog");
    event.time = Some(time);
    let fields = &mut event.fields;
    fields.text("writer", writer);
    fields.text("message", text);
    if writer == "Logon" {
        login(text, fields);
    }
    error_number(text, fields);
    Some(event)
}

fn login<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let (outcome, rest) = if let Some(rest) = text.strip_prefix("Login failed for user '") {
        ("failure", rest)
    } else if let Some(rest) = text.strip_prefix("Login succeeded for user '") {
        ("success", rest)
    } else if text.starts_with("Login failed") {
        ("failure", "")
    } else {
        ("", "")
    };
    if !outcome.is_empty() {
        fields.event("login", outcome);
        fields.category("authentication");
    }
    // The client closes the line.
    let Some((before, client)) = text
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once("[CLIENT: "))
    else {
        return;
    };
    fields.known("source.address", client);
    if client.starts_with('<') {
        return;
    }
    fields.source(client);
    let before = before.len().saturating_sub(text.len() - rest.len());
    let Some(named) = rest.get(..before).map(str::trim_end) else {
        return;
    };
    let (user, reason) = match named
        .rsplit_once("'. Reason: ")
        .or_else(|| named.rsplit_once("'. Connection "))
    {
        Some((user, reason)) => (user, reason),
        None => (named.trim_end_matches(['.', '\'']), ""),
    };
    // A Windows account has its domain in front.
    let (domain, name) = user.rsplit_once('\\').unwrap_or(("", user));
    fields.text("user.name", name);
    fields.text("user.domain", domain);
    fields.text("event.reason", reason.trim());
}

/// `Error: 18456, Severity: 14, State: 8.`
fn error_number<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let Some(rest) = text.strip_prefix("Error: ") else {
        return;
    };
    let mut parts = rest.trim_end_matches('.').split(", ");
    fields.text("event.code", parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once(": ") {
            Some(("Severity", value)) => fields.text("severity", value),
            Some(("State", value)) => fields.text("state", value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, read, survives_truncation};

    #[test]
    fn logins() {
        let text = "2026-02-03 04:05:06.29 Logon       Login failed for user 'CORP\\ma'ra'. Reason: Password did not match. [CLIENT: 192.0.2.7]";
        check(
            text,
            "mssql.errorlog",
            &[
                ("@timestamp", "2026-02-03T04:05:06.290Z"),
                ("user.name", "ma'ra"),
                ("user.domain", "CORP"),
                ("source.ip", "192.0.2.7"),
                ("event.outcome", "failure"),
                ("event.reason", "Password did not match."),
            ],
        );
        survives_truncation(text);
        check(
            "2026-02-03 04:05:06.29 Logon       Login failed for user ''. Reason: x. [CLIENT: <local machine>]",
            "mssql.errorlog",
            &[("user.name", ""), ("source.ip", ""), ("event.outcome", "failure")],
        );
        // A name that says where it comes from.
        check(
            "2026-02-03 04:05:06.29 Logon       Login failed for user 'a'. Reason: b. [CLIENT: 192.0.2.99]'. Reason: c. [CLIENT: 192.0.2.7]",
            "mssql.errorlog",
            &[("source.ip", "192.0.2.7")],
        );
        assert!(read("2026-02-03 04:05:06.29 Wrong data: Logon       Login failed for user 'a'. [CLIENT: 192.0.2.9]").is_empty());
    }

    #[test]
    fn other_writers() {
        check(
            "2026-02-03 04:05:06.29 Logon       Error: 18456, Severity: 14, State: 8.",
            "mssql.errorlog",
            &[
                ("event.code", "18456"),
                ("mssql.log.severity", "14"),
                ("mssql.log.state", "8"),
            ],
        );
        check(
            "2026-02-03 04:05:06.29 spid7s      Recovery is complete.",
            "mssql.errorlog",
            &[
                ("mssql.log.writer", "spid7s"),
                ("message", "Recovery is complete."),
            ],
        );
    }
}
