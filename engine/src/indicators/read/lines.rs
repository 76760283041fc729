//! Plain lists: a value a line.

use std::io::BufRead;

use super::super::set::About;
use super::super::value::Value;
use super::fields::{Role, role_of};
use super::{LONGEST_LINE, Sink, next_line};

pub(super) fn read(mut reader: impl BufRead, sink: &mut Sink<'_>) {
    let mut buffer = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        match next_line(&mut reader, &mut buffer) {
            Ok(Some((_, true))) => sink.refuse(number, too_long()),
            Ok(Some((line, false))) => match std::str::from_utf8(line) {
                Ok(line) => entry(number, line, sink),
                Err(_) => sink.refuse(number, "not UTF-8 text; save the file as UTF-8"),
            },
            Ok(None) => return,
            Err(error) => return sink.fail(number, format!("cannot read on: {error}")),
        }
    }
}

pub(super) fn too_long() -> String {
    format!("longer than {LONGEST_LINE} bytes; a value stands on a line of its own")
}

/// Names that hosts files have for themselves.
const OF_HOSTS_FILES: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "0.0.0.0",
];

fn entry(number: u64, line: &str, sink: &mut Sink<'_>) {
    let line = line.trim();
    if let Some(comment) = line.strip_prefix('#') {
        return sink.directive(number, comment);
    }
    if line.is_empty() || line.starts_with(['!', ';']) || line.starts_with("//") {
        return;
    }
    if sink.report.added == 0 && matches!(role_of(line), Some(Role::Value(_))) {
        // The name of the only column.
        return;
    }
    let (value, behind) = match line.find(|c: char| c.is_whitespace() || c == ';') {
        Some(end) => line.split_at(end),
        None => match line.split_once('#') {
            // `1.2.3.4#comment`, but a URL keeps what follows.
            Some((value, _)) if !value.contains('/') => (value, &line[value.len()..]),
            _ => (line, ""),
        },
    };
    if is_sink(value) && !behind.trim().is_empty() {
        return hosts(number, behind, sink);
    }
    let description = behind
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '#' | ';' | '/' | '-'))
        .trim();
    let about = About {
        description,
        ..About::default()
    };
    match Value::read(value) {
        Ok(value) => sink.add(number, value, &about, None),
        Err(message) => sink.refuse(number, message),
    }
}

/// Where hosts files send names that should not be reached.
fn is_sink(value: &str) -> bool {
    matches!(
        value,
        "0.0.0.0" | "127.0.0.1" | "::" | "::1" | "255.255.255.255" | "fe80::1%lo0"
    ) || value.starts_with("ff00::")
        || value.starts_with("ff02::")
}

/// The names in a line of a hosts file.
fn hosts(number: u64, names: &str, sink: &mut Sink<'_>) {
    let (names, comment) = names.split_once('#').unwrap_or((names, ""));
    let about = About {
        description: comment.trim(),
        ..About::default()
    };
    for name in names.split_whitespace() {
        if OF_HOSTS_FILES.contains(&name) {
            continue;
        }
        match Value::read(name) {
            Ok(value) => sink.add(number, value, &about, None),
            Err(message) => sink.refuse(number, message),
        }
    }
}
