//! What strangers write.

use serde_json::Value;

use super::places::{Place, Writing};

/// An address, a number and a word that no line of the catalog holds.
pub const IP: &str = "198.18.66.66";
const NUMBER: &str = "64999";
const WORD: &str = "mallory";

/// Whether a value says something of what was forged.
pub fn holds_marker(value: &Value) -> bool {
    match value {
        Value::String(text) => [IP, NUMBER, WORD].iter().any(|marker| text.contains(marker)),
        Value::Number(number) => number.to_string().contains(NUMBER),
        Value::Array(items) => items.iter().any(holds_marker),
        Value::Object(members) => members.values().any(holds_marker),
        _ => false,
    }
}

/// Texts for a place in a line.
pub fn for_place(line: &str, place: &Place) -> Vec<String> {
    let pairs = own_pairs(line);
    // Where nothing is quoted, a new key is as good as the writer's: only those that it has can be told.
    let open = place.writing == Writing::Bare && line.matches('=').count() > 3;
    let mut texts = match open {
        true => vec![format!(" {WORD}")],
        false => sentences(),
    };
    if let Some(pairs) = pairs {
        texts.push(format!("\"{pairs} a=\""));
        texts.push(pairs);
    }
    let second = second_line(line);
    if second.len() < 3000 {
        texts.push(format!("\n{second}"));
        if place.writing != Writing::Bare {
            texts.push(format!(" {second}"));
        }
    }
    texts
}

/// What ends the texts around a name, and goes on as their writers do.
fn sentences() -> Vec<String> {
    vec![
        format!(" from {IP} port {NUMBER} ssh2"),
        format!(" for {WORD} from {IP}"),
        format!("' from '{IP}' (user={WORD})"),
        format!(" ({IP}:{NUMBER})"),
        format!(" [{IP}] user=<{WORD}>, rip={IP}"),
        format!("] [client {IP}:{NUMBER}] [user {WORD}]"),
        format!("\",\"source\":{{\"ip\":\"{IP}\"}},\"user\":{{\"name\":\"{WORD}\"}},\"a\":\""),
        format!("\" {NUMBER} \"-\" \"{WORD}\" {IP}"),
        format!(", client: {IP}, server: {WORD}, host: \"{WORD}\""),
        format!("</Data><Data Name=\"IpAddress\">{IP}</Data><Data>"),
    ]
}

/// The pairs of `line` once more, with values of the stranger's.
fn own_pairs(line: &str) -> Option<String> {
    let mut pairs = String::new();
    for (at, _) in line.match_indices('=') {
        let key = line[..at]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .map_or(&line[..at], |front| &line[front + 1..at]);
        let value = line[at + 1..].trim_start_matches('"');
        let length = value.find([' ', ',', '"', ';', '|', '\t']).unwrap_or(value.len());
        if key.is_empty() || length == 0 || pairs.contains(&format!(" {key}=")) {
            continue;
        }
        let value = forged(&value[..length]);
        pairs.push_str(&format!(" {key}={value}"));
    }
    (!pairs.is_empty()).then_some(pairs)
}

/// Something of the kind of `value`.
fn forged(value: &str) -> &'static str {
    match value {
        _ if value.parse::<std::net::IpAddr>().is_ok() => IP,
        _ if value.bytes().all(|b| b.is_ascii_digit()) => NUMBER,
        _ => WORD,
    }
}

/// `line` with other addresses: another line of the kind.
fn second_line(line: &str) -> String {
    let line = line.trim_end().rsplit('\n').next().unwrap_or_default();
    let mut second = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':')))
            .unwrap_or(rest.len());
        let (head, behind) = rest.split_at(word);
        match head.parse::<std::net::IpAddr>() {
            Ok(_) => second.push_str(IP),
            Err(_) => second.push_str(head),
        }
        let mut chars = behind.chars();
        second.extend(chars.next());
        rest = chars.as_str();
    }
    second
}
