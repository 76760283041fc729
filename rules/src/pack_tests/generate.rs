//! Many test events from few words: statistics have to learn before they find anything.
//!
//! ```json
//! {"expect": true, "note": "n", "generate": [
//!   {"from": "2026-11-01T00:00:00Z", "every": "10m", "times": 500, "jitter": 0.3,
//!    "event": {"ts": "{epoch}", "orig_bytes": "{number:100:200}", "query": "{letters:12}.example"}}]}
//! ```
//!
//! The same text always gives the same events.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

use crate::problem::nearest;

/// Events of a test case at most.
const MOST: u64 = 200_000;

const KEYS: [&str; 7] = ["from", "every", "times", "jitter", "event", "raw", "seed"];

/// Events in order of time, one a line; whether they are raw text. The reason if it cannot be read.
pub(super) fn lines(spec: &Value) -> Result<(String, bool), (String, Option<String>)> {
    let Value::Array(parts) = spec else {
        return Err(("`generate` must be a list of JSON objects".into(), None));
    };
    let mut all: Vec<(i64, String)> = Vec::new();
    let mut raw = None;
    for (number, part) in parts.iter().enumerate() {
        let Value::Object(part) = part else {
            return Err(("`generate` must be a list of JSON objects".into(), None));
        };
        let is_raw = one(part, number as u64, &mut all)?;
        if *raw.get_or_insert(is_raw) != is_raw {
            return Err((
                "a case has either `event` or `raw`, in all of `generate`".into(),
                None,
            ));
        }
    }
    all.sort_by_key(|(time, _)| *time);
    let lines: Vec<String> = all.into_iter().map(|(_, line)| line).collect();
    match lines.is_empty() {
        true => Err(("`generate` makes no event".into(), None)),
        false => Ok((lines.join("\n"), raw == Some(true))),
    }
}

fn one(
    part: &Map<String, Value>,
    number: u64,
    all: &mut Vec<(i64, String)>,
) -> Result<bool, (String, Option<String>)> {
    let plain = |message: &str| (message.to_owned(), None);
    for key in part.keys() {
        if !KEYS.contains(&key.as_str()) {
            return Err((format!("unknown key `{key}` in `generate`"), nearest(key, KEYS)));
        }
    }
    let from = part.get("from").and_then(Value::as_str).and_then(|text| {
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        Some(instant.timestamp_micros())
    });
    let from = from.ok_or_else(|| plain("`from` must be a time such as 2026-11-01T00:00:00Z"))?;
    let times = match part.get("times") {
        None => 1,
        Some(times) => times
            .as_u64()
            .filter(|times| (1..=MOST).contains(times))
            .ok_or_else(|| plain("`times` must be a whole number from 1 to 200000"))?,
    };
    if all.len() as u64 + times > MOST {
        return Err(plain("a test case generates at most 200000 events"));
    }
    let every = match part.get("every") {
        None if times == 1 => 0,
        every => every
            .and_then(Value::as_str)
            .and_then(micros)
            .ok_or_else(|| plain("`every` must be a time span such as 90s, 10m, 1h or 1d"))?,
    };
    let jitter = match part.get("jitter") {
        None => 0.0,
        Some(jitter) => jitter
            .as_f64()
            .filter(|jitter| (0.0..=1.0).contains(jitter))
            .ok_or_else(|| plain("`jitter` must be a number from 0 to 1: a part of `every`"))?,
    };
    let seed = part.get("seed").and_then(Value::as_u64).unwrap_or(number + 1);
    let mut random = Random(seed);
    let (template, is_raw) = match (part.get("event"), part.get("raw")) {
        (Some(event @ Value::Object(_)), None) => (event, false),
        (None, Some(raw @ Value::String(_))) => (raw, true),
        _ => return Err(plain("`generate` needs `event` (an object) or `raw` (text)")),
    };
    for n in 0..times {
        let off = (random.share() - 0.5) * 2.0 * jitter * every as f64;
        let step = i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(every);
        let time = from.saturating_add(step).saturating_add(off as i64);
        let filled = fill(template, time, n, &mut random).map_err(|message| (message, None))?;
        let line = match filled {
            Value::String(line) if is_raw => line,
            event => event.to_string(),
        };
        all.push((time, line));
    }
    Ok(is_raw)
}

/// `90s`, `10m`.
fn micros(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    count
        .checked_mul(seconds * 1_000_000)
        .filter(|micros| *micros < 1 << 56)
}

/// The template with everything in braces put in.
fn fill(template: &Value, time: i64, n: u64, random: &mut Random) -> Result<Value, String> {
    Ok(match template {
        Value::String(text) => fill_text(text, time, n, random)?,
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| fill(item, time, n, random)).collect();
            Value::Array(items?)
        }
        Value::Object(entries) => {
            let mut filled = Map::new();
            for (key, value) in entries {
                filled.insert(key.clone(), fill(value, time, n, random)?);
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, time: i64, n: u64, random: &mut Random) -> Result<Value, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let word = &rest[start + 1..start + length];
        filled.push_str(&rest[..start]);
        rest = &rest[start + length + 1..];
        let Some(value) = word_value(word, time, n, random)? else {
            // Not one of ours: JSON in a text.
            filled.push_str(&format!("{{{word}}}"));
            continue;
        };
        // Alone it keeps its type.
        if filled.is_empty() && rest.is_empty() && text.len() == word.len() + 2 {
            return Ok(value);
        }
        match value {
            Value::String(value) => filled.push_str(&value),
            value => filled.push_str(&value.to_string()),
        }
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

fn word_value(word: &str, time: i64, n: u64, random: &mut Random) -> Result<Option<Value>, String> {
    let mut parts = word.split(':');
    let name = parts.next().unwrap_or_default();
    let arguments: Vec<&str> = parts.collect();
    let instant = || DateTime::from_timestamp_micros(time).unwrap_or_default();
    Ok(Some(match (name, &arguments[..]) {
        ("time", []) => instant().to_rfc3339_opts(SecondsFormat::Millis, true).into(),
        ("epoch", []) => (time as f64 / 1e6).into(),
        ("syslog", []) => instant().format("%b %e %H:%M:%S").to_string().into(),
        ("n", []) => n.into(),
        ("number", [low, high]) => match (low.parse::<u64>(), high.parse::<u64>()) {
            (Ok(low), Ok(high)) if low <= high => random.between(low, high).into(),
            _ => {
                return Err(format!(
                    "`{{{word}}}`: write two whole numbers, the lower one first"
                ));
            }
        },
        ("letters", [count]) => match count.parse::<u32>() {
            Ok(count @ 1..=1000) => {
                let letters = (0..count).map(|_| (b'a' + random.between(0, 25) as u8) as char);
                letters.collect::<String>().into()
            }
            _ => return Err(format!("`{{{word}}}`: write a number of letters, 1 to 1000")),
        },
        ("one", [choices]) => {
            let choices: Vec<&str> = choices.split('|').collect();
            let place = random.between(0, choices.len() as u64 - 1) as usize;
            choices[place].into()
        }
        ("time" | "epoch" | "syslog" | "n" | "number" | "letters" | "one", _) => {
            return Err(format!(
                "`{{{word}}}` is none of {{time}}, {{epoch}}, {{syslog}}, {{n}}, {{number:1:9}}, {{letters:9}}, {{one:a|b}}"
            ));
        }
        _ => return Ok(None),
    }))
}

/// Numbers that look random and are the same every time (Steele, Lea and Flood, *Fast splittable pseudorandom number
/// generators*, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In `[0, 1)`.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        let width = (high - low).saturating_add(1).max(1);
        low + self.next() % width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Result<(String, bool), (String, Option<String>)> {
        lines(&serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn events_are_made_in_order_of_time() {
        let text = r#"[
            {"from": "2026-11-01T00:00:10Z", "event": {"e": "{epoch}", "last": true, "t": "{time}"}},
            {"from": "2026-11-01T00:00:00Z", "every": "6s", "times": 3,
             "event": {"json": "{\"a\":1}", "n": "{n}", "t": "{time}", "x": "a{n}-{number:5:5}-{one:b|b}"}}]"#;
        let (lines, raw) = made(text).expect("events");
        assert!(!raw);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"json":"{\"a\":1}","n":0,"t":"2026-11-01T00:00:00.000Z","x":"a0-5-b"}"#,
                r#"{"json":"{\"a\":1}","n":1,"t":"2026-11-01T00:00:06.000Z","x":"a1-5-b"}"#,
                r#"{"e":1793491210.0,"last":true,"t":"2026-11-01T00:00:10.000Z"}"#,
                r#"{"json":"{\"a\":1}","n":2,"t":"2026-11-01T00:00:12.000Z","x":"a2-5-b"}"#,
            ]
        );
    }

    #[test]
    fn the_same_text_makes_the_same_events() {
        let text = r#"[{"from": "2026-11-01T00:00:00Z", "every": "1m", "times": 50, "jitter": 0.5,
            "raw": "{syslog} host {letters:8} {number:1:1000}"}]"#;
        assert_eq!(made(text), made(text));
        let (lines, raw) = made(text).expect("events");
        assert!(raw && lines.lines().count() == 50);
        assert!(lines.starts_with("Oct 31") || lines.starts_with("Nov  1"));
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, part) in [
            ("{}", "must be a list"),
            ("[]", "makes no event"),
            (r#"[{"form": 1}]"#, "unknown key `form`"),
            (r#"[{"from": "today", "event": {}}]"#, "`from` must be a time"),
            (
                r#"[{"from": "2026-11-01T00:00:00Z", "times": 3, "event": {}}]"#,
                "`every`",
            ),
            (
                r#"[{"from": "2026-11-01T00:00:00Z", "times": 900000, "event": {}}]"#,
                "`times`",
            ),
            (r#"[{"from": "2026-11-01T00:00:00Z"}]"#, "needs `event`"),
            (
                r#"[{"from": "2026-11-01T00:00:00Z", "raw": "{number:9:1}"}]"#,
                "the lower one first",
            ),
            (
                r#"[{"from": "2026-11-01T00:00:00Z", "raw": "{letters:0}"}]"#,
                "1 to 1000",
            ),
            (
                r#"[{"from": "2026-11-01T00:00:00Z", "raw": "{time:1}"}]"#,
                "is none of",
            ),
        ] {
            let (message, _) = made(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
