//! What of a record stands in none of its columns.
//!
//! A piece counts as read if a column has it in whatever spelling: in other letters, as another form of the same number,
//! address or time. What merely parts or names values (punctuation, `key=`) is nothing that could be read.

use std::net::IpAddr;

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;
use hashbrown::HashSet;
use serde_json::Value;

use super::COLUMNS_OF_OURS;
use crate::time;

/// Bytes of a record that are looked at: it is for people.
const SEEN: usize = 64 << 10;

/// Words that a time may have at most.
const WORDS: usize = 12;

/// Reads the time that a text starts with; gives what follows it, too.
type ReadTime = fn(&str, Tz) -> Option<(i64, &str)>;

/// What the columns of a record's events have.
struct Stored {
    values: Vec<String>,
    folded: HashSet<String>,
    numbers: HashSet<u64>,
    addresses: HashSet<IpAddr>,
    hardware: HashSet<String>,
    /// Whole seconds since the epoch.
    seconds: HashSet<i64>,
    /// The same, and their microseconds.
    times: Vec<i64>,
}

/// The pieces of `raw` that no column of `events` has. In a document a piece is named by its path.
pub(super) fn left_over(raw: &str, events: &[Value], zone: Tz) -> Vec<String> {
    let raw = &raw[..raw.floor_char_boundary(SEEN)];
    match serde_json::from_str::<Value>(raw.trim()) {
        Ok(document @ Value::Object(_)) => {
            let stored = Stored::new(events, true);
            let mut pieces = Vec::new();
            leaves(&document, &mut String::new(), &mut |path, leaf| {
                of_leaf(path, leaf, &stored, zone, &mut pieces);
            });
            pieces
        }
        _ => of_text(raw, &Stored::new(events, false), zone),
    }
}

impl Stored {
    /// Of the columns that say what was read. Without `message`, the message counts only where there is nothing else:
    /// it may be all of a line.
    fn new(events: &[Value], message: bool) -> Stored {
        let mut values = Vec::new();
        for event in events {
            let fields = event.as_object().into_iter().flatten();
            let telling: Vec<_> = fields
                .filter(|(name, _)| !COLUMNS_OF_OURS.contains(&name.as_str()))
                .collect();
            let only_message = telling
                .iter()
                .all(|(name, _)| matches!(name.as_str(), "message" | "@timestamp"));
            for (name, value) in telling {
                if name != "message" || only_message || message {
                    texts(value, &mut values);
                }
            }
        }
        // Long values first, so that a short one does not take a piece of a longer one.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        let times: Vec<i64> = values
            .iter()
            .filter_map(|value| Some(DateTime::parse_from_rfc3339(value).ok()?.timestamp_micros()))
            .collect();
        Stored {
            folded: values.iter().map(|value| value.to_lowercase()).collect(),
            numbers: values.iter().filter_map(|value| number(value)).collect(),
            addresses: values.iter().filter_map(|value| value.parse().ok()).collect(),
            hardware: values.iter().filter_map(|value| hardware(value)).collect(),
            seconds: times.iter().map(|time| time.div_euclid(1_000_000)).collect(),
            times,
            values,
        }
    }

    /// Whether a column has this, in whatever spelling.
    fn has(&self, text: &str) -> bool {
        let bare = text.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '\\'));
        let is_address = |text: &str| {
            let address = text.trim_matches(['[', ']', '(', ')', ',', ';', '"', '\'']);
            let address: Option<IpAddr> = address.parse().ok();
            address.is_some_and(|address| self.addresses.contains(&address))
        };
        [text, bare]
            .iter()
            .any(|text| self.folded.contains(&text.to_lowercase()))
            || number(bare).is_some_and(|number| self.numbers.contains(&number))
            || is_address(text)
            || hardware(bare).is_some_and(|address| self.hardware.contains(&address))
            || time::since_epoch(bare).is_some_and(|micros| self.has_time(micros))
    }

    fn has_time(&self, micros: i64) -> bool {
        self.seconds.contains(&micros.div_euclid(1_000_000))
    }

    /// How much of `text` is a time that a column has, from its start.
    fn time_at(&self, text: &str, zone: Tz) -> usize {
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if self.times.is_empty() || !first.is_ascii_alphanumeric() {
            return 0;
        }
        let read: [ReadTime; 8] = [
            time::iso,
            time::slashed,
            time::ctime,
            time::apache,
            time::dashed,
            time::compact,
            time::american,
            time::day_first,
        ];
        let reference = self.times.first().copied().unwrap_or_default();
        let found = read
            .iter()
            .filter_map(|read| time::settled(read, text, zone))
            .chain(time::bsd(text, reference, zone))
            .filter(|(micros, _)| self.has_time(*micros))
            .map(|(_, rest)| text.len() - rest.len())
            .max();
        let spelled = || self.times.iter().map(|micros| spelled(text, *micros, zone)).max();
        found.or_else(spelled).unwrap_or_default()
    }
}

/// How much of `text` spells this time in any order of its parts (`01.03.2026 10:00:00`): the day and the clock are
/// among them, and nothing else is.
fn spelled(text: &str, micros: i64, zone: Tz) -> usize {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const OTHERS: [&str; 14] = [
        "t", "z", "am", "pm", "utc", "gmt", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "at",
    ];
    let Some(utc) = DateTime::from_timestamp_micros(micros) else {
        return 0;
    };
    let at = utc.with_timezone(&zone);
    let month = MONTHS[at.month0() as usize];
    let numbers = [
        i64::from(at.year()),
        i64::from(at.year().rem_euclid(100)),
        i64::from(at.month()),
        i64::from(at.day()),
        i64::from(at.hour()),
        i64::from(at.hour12().1),
        i64::from(at.minute()),
        i64::from(at.second()),
    ];
    let fraction = format!("{:06}", at.timestamp_subsec_micros());
    let (mut end, mut digits, mut named, mut clock) = (0, 0_usize, false, false);
    for (from, to) in words(text).into_iter().take(WORDS) {
        let word = text[from..to].to_lowercase();
        let between = &text[end..from];
        if !between
            .chars()
            .all(|c| matches!(c, ' ' | ':' | '.' | ',' | '-' | '/' | '[' | '(' | '+'))
        {
            break;
        }
        let known = match word.parse::<i64>() {
            Ok(number) => {
                digits += 1;
                clock |= between == ":" && number == numbers[7];
                numbers.contains(&number)
                    || matches!(between, "." | ",") && word.starts_with(fraction.trim_end_matches('0'))
            }
            Err(_) => {
                let is_month = word.len() >= 3 && month.starts_with(&word);
                named |= is_month;
                is_month || OTHERS.contains(&word.as_str())
            }
        };
        if !known {
            break;
        }
        end = to;
    }
    // A clock alone is any day's.
    match clock && digits + usize::from(named) >= 5 {
        true => end,
        false => 0,
    }
}

/// Where the words of a text begin and end.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            _ => {}
        }
        if words.len() == WORDS {
            return words;
        }
    }
    words.extend(start.map(|from| (from, text.len())));
    words
}

/// A number, whatever it is written in; the bits of a fraction.
fn number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        return Some((u64::from_str_radix(digits, 16).ok()? as f64).to_bits());
    }
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    let number: f64 = text.parse().ok().filter(|_| starts)?;
    Some(number.to_bits())
}

/// The digits of a hardware address.
fn hardware(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let others = text
        .chars()
        .all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '-' | '.'));
    (digits.len() == 12 && others).then(|| digits.to_lowercase())
}

/// Calls `see` with the path and text of every scalar.
fn leaves(value: &Value, path: &mut String, see: &mut impl FnMut(&str, &str)) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                leaves(member, path, see);
                path.truncate(length);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, see)),
        Value::String(text) => see(path, text),
        Value::Null => {}
        other => see(path, &other.to_string()),
    }
}

/// What of a document's value no column has.
fn of_leaf(path: &str, leaf: &str, stored: &Stored, zone: Tz, pieces: &mut Vec<String>) {
    let text = leaf.trim();
    // The name of a vocabulary says nothing of the event.
    if path.ends_with("xmlns")
        || text.is_empty()
        || text == "-"
        || stored.has(text)
        || stored.time_at(text, zone) == text.len()
    {
        return;
    }
    let folded = text.to_lowercase();
    // A short text is in many others by chance.
    if text.len() >= 4 && stored.folded.iter().any(|value| value.contains(&folded)) {
        return;
    }
    let rest = of_text(text, stored, zone);
    pieces.extend(rest.into_iter().map(|piece| format!("{path}: {piece}")));
}

/// What of a text no column has.
fn of_text(raw: &str, stored: &Stored, zone: Tz) -> Vec<String> {
    let mut taken = vec![false; raw.len()];
    let mut after = 0;
    for (at, _) in raw.char_indices() {
        // The rest of another time is none.
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '/' | ':' | ',');
        let starts = !raw[..at].ends_with(inside);
        if at < after || !starts {
            continue;
        }
        let time = stored.time_at(&raw[at..], zone);
        if time > 0 {
            taken[at..at + time].fill(true);
            after = at + time;
        }
    }
    let lower = raw.to_ascii_lowercase();
    let values: Vec<String> = stored
        .values
        .iter()
        .map(|value| value.to_ascii_lowercase())
        .collect();
    let unfound: Vec<&String> = values
        .iter()
        .filter(|value| !take(value, &lower, &mut taken, is_whole))
        .collect();
    // Put together, or written with escapes: its words stand for it.
    let words = unfound
        .iter()
        .flat_map(|value| value.split(|c: char| !c.is_alphanumeric()));
    let elsewhere: HashSet<&str> = words.filter(|word| !word.is_empty()).collect();
    for (at, word) in parts(raw) {
        let free = taken[at..at + word.len()].iter().all(|taken| !taken);
        let bare = lower[at..at + word.len()].trim_matches(|c: char| !c.is_alphanumeric());
        if free && (stored.has(word) || elsewhere.contains(bare)) {
            taken[at..at + word.len()].fill(true);
        }
    }
    // A short value is in many words by chance.
    for value in unfound.iter().filter(|value| value.len() >= 4) {
        take(value, &lower, &mut taken, |_, _, _| true);
    }
    let mut pieces = Vec::new();
    let mut start = None;
    for at in raw.char_indices().map(|(at, _)| at).chain([raw.len()]) {
        let free = at < raw.len() && !taken[at];
        match (free, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                push_words(&raw[from..at], raw[at..].is_empty(), &mut pieces);
                start = None;
            }
            _ => {}
        }
    }
    pieces
}

/// Takes the first place of `value` in `text` that is free and `fits`; whether there is one.
fn take(value: &str, text: &str, taken: &mut [bool], fits: fn(&str, usize, usize) -> bool) -> bool {
    let free = text
        .match_indices(value)
        .map(|(at, _)| (at, at + value.len()))
        .find(|&(from, to)| fits(text, from, to) && taken[from..to].iter().all(|taken| !taken));
    let Some((from, to)) = free else {
        return false;
    };
    taken[from..to].fill(true);
    true
}

/// Whether a piece of `text` begins and ends no word in the middle.
fn is_whole(text: &str, from: usize, to: usize) -> bool {
    let joined = |at: usize| {
        text[..at].ends_with(char::is_alphanumeric) && text[at..].starts_with(char::is_alphanumeric)
    };
    !joined(from) && !joined(to)
}

/// What stands between blanks and the signs that part values, and where.
fn parts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let parts = text.split(|c: char| {
        c.is_whitespace() || matches!(c, '=' | ',' | ';' | '|' | '"' | '<' | '>' | '(' | ')')
    });
    parts
        .map(|part| (part.as_ptr() as usize - text.as_ptr() as usize, part))
        .filter(|(_, part)| !part.is_empty())
}

/// The words of a piece that was not taken, without the name that stands in front of the value behind it.
fn push_words(piece: &str, last: bool, pieces: &mut Vec<String>) {
    let text = piece.trim();
    let name = match text.ends_with(['=', ':', '"']) && !last {
        true => text
            .trim_end_matches(['=', ':', '"', ' '])
            .rsplit([' ', ',', '{', '"', ';', '|'])
            .next()
            .map_or(0, |word| {
                word.len() + text.len() - text.trim_end_matches(['=', ':', '"', ' ']).len()
            }),
        false => 0,
    };
    let text = text[..text.len() - name].trim_matches(|c: char| !c.is_alphanumeric());
    if !text.is_empty() {
        pieces.push(text.to_owned());
    }
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => out.push(text.clone()),
        Value::Number(number) => out.push(number.to_string()),
        Value::Bool(flag) => out.push(flag.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(members) => members.values().for_each(|member| texts(member, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(raw: &str, event: Value, left: &[&str]) {
        assert_eq!(left_over(raw, &[event], Tz::UTC), left, "{raw}");
    }

    #[test]
    fn what_no_field_took_is_left_over() {
        let raw = "door 7: user=bob src=192.0.2.1 strange words";
        check(
            raw,
            json!({"user.name": "bob", "source.ip": "192.0.2.1", "message": raw, "tenant": "x"}),
            &["door 7", "strange words"],
        );
        check(raw, json!({"message": raw}), &[]);
    }

    #[test]
    fn another_spelling_is_no_remainder() {
        let event = json!({
            "@timestamp": "2026-03-01T10:00:00.250Z", "process.pid": 7580, "network.transport": "tcp",
            "source.mac": "00-11-22-AA-BB-CC", "source.ip": "2001:db8::1", "host.name": "fw1", "user.name": "o\"neil",
        });
        let raw = "FW1 0x1d9c TCP 0011.22aa.bbcc [2001:DB8:0::1] FW1 user=\"o\\\"neil\" 007580 open";
        check(raw, event, &["open"]);
    }

    #[test]
    fn times_that_were_read_are_no_remainder() {
        for raw in [
            "2026-03-01T11:00:00.250+01:00 x=1 rest",
            "01.03.2026 10:00:00 x=1 rest",
            "[Sun Mar 01 10:00:00 2026] x=1 rest",
            "Mar  1 10:00:00 x=1 rest",
            "03/01/2026 10:00:00 AM x=1 rest",
            "1772359200.250 x=1 rest",
            "1. March 2026 10:00:00,250 x=1 rest",
        ] {
            check(
                raw,
                json!({"@timestamp": "2026-03-01T10:00:00.250Z", "a": 1}),
                &["rest"],
            );
        }
        check(
            "02.03.2026 10:00:00 x=1",
            json!({"@timestamp": "2026-03-01T10:00:00.000Z", "a": 1}),
            &["02.03.2026 10:00:00"],
        );
    }

    #[test]
    fn what_is_left_of_a_document_is_told_by_its_path() {
        let raw = r#"{"at":1772359200000,"who":{"name":"Ann","id":"0x10"},"list":["a","b"],"text":"ann came late","none":null}"#;
        let event = json!({"@timestamp": "2026-03-01T10:00:00.000Z", "user.name": "ann", "user.id": "16", "tags": ["a"]});
        check(raw, event, &["list: b", "text: came late"]);
    }
}
