//! MySQL, MariaDB and Percona Server: the slow query log and the error log.
//!
//! ```text
//! # Time: 2026-02-03T04:05:06.000000Z
//! # User@Host: mara[mara] @ client.example.org [192.0.2.7]  Id:    19
//! # Query_time: 2.5  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 0
//! use shop;
//! SET timestamp=1770091506;
//! SELECT 1;
//!
//! 2026-02-03T04:05:06.000000Z 19 [Note] [MY-010926] [Server] Access denied for user 'mara'@'192.0.2.7' (using password: YES)
//! ```
//!
//! Only the lines with `#` before the statement are the server's; what a statement's own comments say is never looked
//! at. In the header the host stands behind the last ` @ `, which no host holds; a thread without an account has its name
//! in brackets, which stay. In `Access denied` the host stands between the last `'@'` and the quote after it.

use crate::formats::fields::{Fields, is_nothing};
use crate::formats::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

pub(super) const SLOW: Grammar = Grammar {
    name: "mysql.slow",
    marks: &["# Time: ", "# User@Host: ", ". started with:"],
    programs: &[],
    read: slow,
};

pub(super) const ERROR: Grammar = Grammar {
    name: "mysql.error",
    marks: &[
        "[Note]",
        "[Warning]",
        "[ERROR]",
        "[System]",
        "Access denied for user '",
    ],
    programs: &[
        "mysqld",
        "mariadbd",
        "mysqld_safe",
        "mysql",
        "mariadb",
        "mysqld-auth",
    ],
    read: error,
};

fn slow<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let text = line.raw;
    let is_banner = text.lines().next()?.trim_end().ends_with(". started with:");
    if !text.starts_with("# Time: ") && !text.starts_with("# User@Host: ") && !is_banner {
        return None;
    }
    let mut event = Event::headless("mysql.slow");
    let fields = &mut event.fields;
    let mut rest = text;
    let mut commanded = false;
    if is_banner {
        return Some(event);
    }
    while let Some(header) = rest.strip_prefix('#') {
        let (header, behind) = header.split_once('\n').unwrap_or((header, ""));
        let header = header.trim();
        rest = behind;
        if let Some(stamp) = header.strip_prefix("Time: ") {
            let stamp = stamp.trim_start();
            let (stamp, user) = stamp.split_once(" # User@Host: ").unwrap_or((stamp, ""));
            event.time = self::stamp(stamp.trim(), line).map(|(time, _)| time);
            client(user, fields);
        } else if let Some(user) = header.strip_prefix("User@Host: ") {
            client(user, fields);
        } else if let Some(command) = header.strip_prefix("administrator command: ") {
            fields.text("query", command.trim_end_matches(';'));
            commanded = true;
        } else if !header.starts_with("explain:") {
            numbers(header, fields);
        }
    }
    let mut statement = rest.trim();
    let mut schema = "";
    loop {
        let (first, behind) = statement.split_once('\n').unwrap_or((statement, ""));
        let first = first.trim_end().trim_end_matches(';');
        let behind = behind.trim_start();
        if let Some(name) = first.strip_prefix("use ").or_else(|| first.strip_prefix("USE ")) {
            schema = name.trim().trim_matches('`');
        } else if let Some(seconds) = first.strip_prefix("SET timestamp=") {
            let time = time::epoch(seconds);
            event.time = event.time.or(time);
        } else {
            break;
        }
        // What is asked may itself be `use`.
        if behind.is_empty() {
            break;
        }
        statement = behind;
    }
    fields.known("schema", schema);
    if !commanded {
        fields.text("query", statement.trim_end().trim_end_matches(';'));
    }
    Some(event)
}

/// `mara[mara] @ client.example.org [192.0.2.7]  Id:  19`
fn client<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let Some((user, place)) = text.rsplit_once(" @ ") else {
        return;
    };
    let name = match user.find('[') {
        Some(0) | None => user,
        Some(at) => &user[..at],
    };
    fields.text("user.name", name.trim());
    let (host, place) = place.split_once('[').unwrap_or((place, ""));
    let (address, behind) = place.split_once(']').unwrap_or((place, ""));
    fields.known("source.domain", host.trim());
    fields.source(address.trim());
    if let Some(id) = behind.trim_start().strip_prefix("Id:") {
        fields.number("connection_id", id.trim());
    }
}

/// `Query_time: 2.5  Lock_time: 0.000000 Rows_sent: 1`; a value may be missing.
fn numbers<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let mut name: Option<&'static str> = None;
    for word in text.split_ascii_whitespace() {
        match word.strip_suffix(':') {
            Some(key) => name = native(key),
            None => {
                if let Some(name) = name.take() {
                    fields.text(name, word);
                }
            }
        }
    }
}

fn native(key: &str) -> Option<&'static str> {
    Some(match key {
        "Query_time" => "query_time",
        "Lock_time" => "lock_time",
        "Rows_sent" => "rows_sent",
        "Rows_examined" => "rows_examined",
        "Rows_affected" => "rows_affected",
        "Rows_read" => "rows_read",
        "Bytes_sent" => "bytes_sent",
        "Bytes_received" => "bytes_received",
        "Thread_id" | "Id" => "connection_id",
        "Schema" => "schema",
        "Last_errno" | "Errno" => "error_code",
        "Killed" => "killed",
        "QC_Hit" | "QC_hit" => "query_cache_hit",
        "Full_scan" => "full_scan",
        "Full_join" => "full_join",
        "Tmp_table" => "tmp_table",
        "Tmp_tables" => "tmp_tables",
        "Tmp_table_on_disk" => "tmp_table_on_disk",
        "Tmp_disk_tables" => "tmp_disk_tables",
        "Tmp_table_sizes" => "tmp_table_sizes",
        "Filesort" => "filesort",
        "Filesort_on_disk" => "filesort_on_disk",
        "Merge_passes" => "merge_passes",
        "InnoDB_trx_id" => "innodb.trx_id",
        "InnoDB_IO_r_ops" => "innodb.io_r_ops",
        "InnoDB_IO_r_bytes" => "innodb.io_r_bytes",
        "InnoDB_IO_r_wait" => "innodb.io_r_wait",
        "InnoDB_rec_lock_wait" => "innodb.rec_lock_wait",
        "InnoDB_queue_wait" => "innodb.queue_wait",
        "InnoDB_pages_distinct" => "innodb.pages_distinct",
        "Log_slow_rate_type" => "log_slow_rate_type",
        "Log_slow_rate_limit" => "log_slow_rate_limit",
        _ => return None,
    })
}

/// `2026-02-03T04:05:06.000000Z`, `2026-02-03  4:05:06`, `260203  4:05:06`: the time, and the rest.
fn stamp<'a>(text: &'a str, line: &Line<'_>) -> Option<(i64, &'a str)> {
    let zone = line.context.timezone;
    if let Some(found) = time::iso(text, zone) {
        return Some(found);
    }
    let (date, clock) = text.split_once(' ')?;
    let clock = clock.trim_start();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let end = clock.find(' ').unwrap_or(clock.len());
    let (century, year, month, day) = match date.len() {
        6 if digits(date) => ("20", &date[..2], &date[2..4], &date[4..]),
        10 if date.is_ascii() => ("", &date[..4], &date[5..7], &date[8..]),
        _ => return None,
    };
    let hour = if clock.as_bytes().get(1) == Some(&b':') {
        "0"
    } else {
        ""
    };
    let whole = [century, year, "-", month, "-", day, " ", hour, &clock[..end]].concat();
    match time::iso(&whole, zone) {
        Some((time, "")) => Some((time, &clock[end..])),
        _ => None,
    }
}

fn error<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    // Behind a syslog header the server writes its own time once more.
    let by_syslog = matches!(
        line.program(),
        "mysqld" | "mariadbd" | "mysqld_safe" | "mysql" | "mariadb" | "mysqld-auth"
    );
    let mut event = match by_syslog {
        true => Event::new("mysql.error"),
        false => Event::headless("mysql.error"),
    };
    let text = if by_syslog { line.body } else { line.raw }.trim();
    let found = stamp(text, line);
    let text = match found {
        Some((time, rest)) => {
            event.time = Some(time);
            rest.trim_start()
        }
        None if by_syslog => text,
        None => return None,
    };
    let fields = &mut event.fields;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (thread, text) = text.split_at(digits);
    let mut text = text.trim_start();
    if let Some(rest) = text
        .strip_prefix("Connect")
        .filter(|rest| rest.starts_with([' ', '\t']))
    {
        // The general log.
        text = rest.trim_start();
        fields.text("log.level", "Connect");
    } else if let Some((level, rest)) = bracketed(text) {
        if !matches!(level, "Note" | "Warning" | "ERROR" | "System" | "Error") {
            return None;
        }
        fields.text("log.level", level);
        text = rest;
        if let Some((code, rest)) = bracketed(text).filter(|(code, _)| code.starts_with("MY-")) {
            fields.text("event.code", code);
            text = rest;
            if let Some((subsystem, rest)) = bracketed(text) {
                fields.text("subsystem", subsystem);
                text = rest;
            }
        }
    } else if !by_syslog {
        return None;
    }
    fields.number("thread_id", thread);
    fields.text("message", text);
    if let Some(account) = text.strip_prefix("Access denied for user ") {
        denied(account, fields);
    }
    Some(event)
}

/// `[word] rest`
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((word, rest.trim_start()))
}

/// `'mara'@'192.0.2.7' (using password: YES)`, also with a database in front of the parenthesis.
fn denied<'a>(text: &'a str, fields: &mut Fields<'a>) {
    fields.event("login", "failure");
    fields.category("authentication");
    // The name of a database is the client's and stands behind the account.
    let text = match text.ends_with("(using password: YES)") || text.ends_with("(using password: NO)") {
        true => text,
        false => text
            .split_once("' to database '")
            .map_or(text, |(account, _)| account),
    };
    let Some((user, host)) = text.rsplit_once("'@'") else {
        return;
    };
    let name = user.strip_prefix('\'').unwrap_or(user);
    if !is_nothing(name) {
        fields.put("user.name", Value::Str(name));
    }
    if let Some(host) = host.split('\'').next() {
        fields.source(host);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::whole::{check, survives_truncation};

    #[test]
    fn slow_queries() {
        let text = "# Time: 2026-02-03T04:05:06.500000Z\n# User@Host: mara[mara] @ pc7 [192.0.2.7]  Id:    19\n# Schema: shop  Last_errno: 0  Killed: 0\n# Query_time: 2.5  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: 8\nuse shop2;\nSET timestamp=1770091506;\nSELECT 1, -- # User@Host: x[x] @ y [192.0.2.99]\n2;";
        check(
            text,
            "mysql.slow",
            &[
                ("@timestamp", "2026-02-03T04:05:06.500Z"),
                ("user.name", "mara"),
                ("source.domain", "pc7"),
                ("source.ip", "192.0.2.7"),
                ("mysql.slowlog.schema", "shop"),
                ("mysql.slowlog.query_time", "2.5"),
                ("mysql.slowlog.rows_examined", "8"),
                (
                    "mysql.slowlog.query",
                    "SELECT 1, -- # User@Host: x[x] @ y [192.0.2.99]\n2",
                ),
            ],
        );
        survives_truncation(text);
        check(
            "# Time: 260203  4:05:06 # User@Host: [REPL] @  []\n# Thread_id: 7  Schema: \n# administrator command: Quit;\n",
            "mysql.slow",
            &[
                ("@timestamp", "2026-02-03T04:05:06.000Z"),
                ("user.name", "[REPL]"),
                ("mysql.slowlog.query", "Quit"),
                ("mysql.slowlog.schema", ""),
                ("source.ip", ""),
            ],
        );
        check(
            "# User@Host: a[a] @ localhost []\n# Query_time: 1\nSET timestamp=1770091506;\nuse `b`;\n",
            "mysql.slow",
            &[
                ("@timestamp", "2026-02-03T04:05:06.000Z"),
                ("mysql.slowlog.schema", "b"),
                ("mysql.slowlog.query", "use `b`"),
            ],
        );
    }

    #[test]
    fn refused_logins() {
        for head in [
            "2026-02-03T04:05:06.000000Z 19 [Note] [MY-010926] [Server] ",
            "2026-02-03  4:05:06 19 [Warning] ",
            "260203  4:05:06 [Warning] ",
            "2026-02-03T04:05:06.000000Z\t   19 Connect\t",
            "Feb  3 04:05:06 db1 mysqld: 260203  4:05:06 [Warning] ",
        ] {
            let text = format!("{head}Access denied for user 'ma'ra'@'192.0.2.7' (using password: YES)");
            check(
                &text,
                "mysql.error",
                &[
                    ("@timestamp", "2026-02-03T04:05:06.000Z"),
                    ("user.name", "ma'ra"),
                    ("source.ip", "192.0.2.7"),
                    ("event.outcome", "failure"),
                ],
            );
            survives_truncation(&text);
        }
        // A name that brings an address of its own.
        check(
            "2026-02-03T04:05:06Z 19 [Note] Access denied for user 'x'@'192.0.2.99' (y'@'192.0.2.7' (using password: YES)",
            "mysql.error",
            &[("source.ip", "192.0.2.7")],
        );
        check(
            "2026-02-03T04:05:06Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.36) starting as process 1",
            "mysql.error",
            &[
                ("event.code", "MY-010116"),
                ("log.level", "System"),
                ("host.name", ""),
            ],
        );
    }
}
