//! The line that nearly every access log consists of, read in one go:
//!
//! ```text
//! 203.0.113.5 - user [03/Feb/2026:04:05:06 +0100] "GET /path?query HTTP/1.1" 200 512[ "referrer" "user agent"]
//! ```
//!
//! One client, which is an IPv4 address, a path as target and no backslash anywhere. Whatever is not as plain is left to
//! [`Line`](super::Line); a test holds the two to the same events.

use chrono_tz::Tz;

use crate::batch::{BatchBuilder, Form, Origin, Slot};
use crate::formats::fields::is_v4;
use crate::formats::text::search::{Search, near2};
use crate::time;
use crate::value::Value;

/// A line taken apart.
pub(in crate::formats) struct PlainLine<'a> {
    client: &'a str,
    user: &'a str,
    pub(super) time: i64,
    method: &'a str,
    target: &'a str,
    version: &'a str,
    status: i64,
    /// `None`: the server wrote that there were none.
    bytes: Option<i64>,
    referrer: &'a str,
    agent: &'a str,
}

/// Bytes of `03/Feb/2026:04:05:06 +0100`.
const STAMP: usize = 26;

static FORM: Form = Form::new(&NAMES);

/// The fields of a line, in the order in which they are written.
const NAMES: [&str; 12] = [
    "c-ip",
    "cs-username",
    "cs-referer",
    "cs-user-agent",
    "sc-status",
    "sc-bytes",
    "cs-method",
    "cs-version",
    "cs-uri",
    "cs-uri-stem",
    "url.query",
    "c-uri-extension",
];

impl<'a> PlainLine<'a> {
    /// `None`: it is another line, or not plain enough.
    pub(in crate::formats) fn parse(line: &'a str, zone: Tz) -> Option<PlainLine<'a>> {
        if !line.as_bytes().first()?.is_ascii_digit() {
            return None;
        }
        let line = line.trim_end_matches(['\n', '\r', ' ']);
        // An address has at most 15 bytes.
        let space = line.as_bytes().iter().take(16).position(|&b| b == b' ')?;
        let (client, rest) = (&line[..space], line[space..].strip_prefix(" - ")?);
        if !is_v4(client.as_bytes()) {
            return None;
        }
        let (user, rest) = match rest.strip_prefix("- [") {
            Some(rest) => ("-", rest),
            None => {
                let (user, rest) = rest.cut_at(b' ')?;
                let plain = |b| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'[' | b']' | b'\\');
                let is_plain = !user.is_empty() && user.bytes().all(plain);
                (user, rest.strip_prefix('[').filter(|_| is_plain)?)
            }
        };
        let (time, "") = time::apache(rest.get(..STAMP)?, zone)? else {
            return None;
        };
        let (request, rest) = quoted(rest[STAMP..].strip_prefix("] ")?)?;
        let (status, rest) = number(rest.strip_prefix(' ')?)?;
        let rest = rest.strip_prefix(' ')?;
        let (bytes, rest) = match rest.strip_prefix('-') {
            Some(rest) => (None, rest),
            None => number(rest).map(|(bytes, rest)| (Some(bytes), rest))?,
        };
        let (referrer, agent) = match rest {
            "" => ("-", "-"),
            _ => {
                let (referrer, rest) = quoted(rest.strip_prefix(' ')?)?;
                let (agent, "") = quoted(rest.strip_prefix(' ')?)? else {
                    return None;
                };
                (referrer, agent)
            }
        };
        let (method, target, version) = request_line(request)?;
        Some(PlainLine {
            client,
            user,
            time,
            method,
            target,
            version,
            status,
            bytes,
            referrer,
            agent,
        })
    }

    pub(super) fn write(&self, builder: &mut BatchBuilder) {
        builder.write_form(&FORM, &self.values());
    }

    /// The values of the fields called [`NAMES`].
    #[inline(always)]
    fn values(&self) -> [Value<'a>; NAMES.len()] {
        let known = |text: &'a str| match text {
            "" | "-" => Value::Null,
            text => Value::Str(text),
        };
        let (path, query) = match self.target.cut_at(b'?') {
            Some((path, query)) => (path, Value::Str(query)),
            None => (self.target, Value::Null),
        };
        [
            Value::Str(self.client),
            known(self.user),
            known(self.referrer),
            known(self.agent),
            Value::Int(self.status),
            self.bytes.map_or(Value::Null, Value::Int),
            Value::Str(self.method),
            Value::Str(self.version),
            Value::Str(self.target),
            Value::Str(path),
            query,
            extension(path).map_or(Value::Null, Value::Str),
        ]
    }

    /// The names of the fields, and which of the slots of [`place_in`](PlainLine::place_in) each has, if it is there.
    pub(in crate::formats) fn origins() -> impl Iterator<Item = (&'static str, Origin)> {
        let numbers = ["sc-status", "sc-bytes"];
        NAMES.into_iter().enumerate().map(move |(slot, name)| {
            let origin = match numbers.contains(&name) {
                true => Origin::NumberIfAny(slot),
                false => Origin::TextIfAny(slot),
            };
            (name, origin)
        })
    }

    /// Gives `slots` the places of the fields in the text that this was parsed from; its time.
    #[inline]
    pub(in crate::formats) fn place_in(&self, text: &str, slots: &mut [Slot]) -> i64 {
        for (slot, value) in slots.iter_mut().zip(self.values()) {
            *slot = match value {
                Value::Str(part) => {
                    let start = part.as_ptr().addr() - text.as_ptr().addr();
                    Slot {
                        start: start as u32,
                        end: (start + part.len()) as u32,
                        number: 0,
                    }
                }
                Value::Int(number) => Slot {
                    number,
                    ..Slot::default()
                },
                _ => Slot::NONE,
            };
        }
        self.time
    }
}

/// The extension of the file that a path names.
pub(super) fn extension(path: &str) -> Option<&str> {
    let name = memchr::memrchr(b'/', path.as_bytes()).map_or(path, |at| &path[at + 1..]);
    let (stem, extension) = name.split_at(memchr::memrchr(b'.', name.as_bytes())?);
    let extension = &extension[1..];
    (!stem.is_empty() && (1..=16).contains(&extension.len())).then_some(extension)
}

/// The text in the quotes that `text` begins with, without a backslash in it, and what stands behind them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = near2(b'"', b'\\', inner.as_bytes())?;
    let rest = inner[end..].strip_prefix('"')?;
    Some((&inner[..end], rest))
}

/// The number that `text` begins with, if it is not too long, and what stands behind it.
fn number(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.as_bytes()[..digits].iter().fold(0_i64, |number, digit| {
        number.wrapping_mul(10) + i64::from(digit - b'0')
    });
    (1..=18).contains(&digits).then(|| (number, &text[digits..]))
}

/// `METHOD /target HTTP/1.1`
fn request_line(request: &str) -> Option<(&str, &str, &str)> {
    const VERSION: usize = " HTTP/1.1".len();
    let is_method = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-');
    let method = request.bytes().take_while(is_method).count();
    let rest = request[method..].strip_prefix(' ').filter(|_| method > 0)?;
    let (target, version) = rest.split_at_checked(rest.len().checked_sub(VERSION)?)?;
    let version = version.strip_prefix(" HTTP/")?;
    target
        .starts_with('/')
        .then(|| (&request[..method], target, version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Entry, Line};
    use super::*;
    use crate::formats::testing::{CONTEXT, sink};
    use crate::output::{EventWriter, JsonStyle};

    fn event(entry: &Entry<'_>, line: &str) -> String {
        let mut sink = sink();
        sink.set_ingest_time(0);
        entry
            .decode(Some("web1"), line, &CONTEXT, &mut sink)
            .expect("the dataset is there");
        let batch = sink.finish().remove(0);
        let mut json = String::new();
        EventWriter::of(&batch, JsonStyle::Flat).write(0, &mut json);
        json
    }

    /// Whether a line is plain; if so, both readers are to say the same.
    fn agree(line: &str) -> bool {
        let Some(plain) = PlainLine::parse(line, Tz::UTC) else {
            return false;
        };
        let slow = Line::parse(line, Tz::UTC).expect("any plain line is a line");
        assert!(slow.is_certain(), "{line}");
        assert_eq!(
            event(&Entry::Common(plain), line),
            event(&Entry::Plain(slow), line),
            "{line}"
        );
        true
    }

    #[test]
    fn plain_lines() {
        for line in [
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"GET / HTTP/1.1\" 200 1",
            "203.0.113.5 - mara [03/Feb/2026:04:05:06 +0100] \"GET /a/b.tar.gz?x=1?y HTTP/2.0\" 304 - \"-\" \"curl/8\"\n",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"POST /a.b/c?x=/y.z HTTP/1.1\" 200 0512 \"\" \"a - b\"",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"GET //a://b HTTP/1.0 HTTP/1.1\" 200 1 \"x\" \"-\"",
        ] {
            assert!(agree(line), "{line}");
        }
        for line in [
            "::1 - - [03/Feb/2026:04:05:06 +0100] \"GET / HTTP/1.1\" 200 1",
            "203.0.113.5 - a b [03/Feb/2026:04:05:06 +0100] \"GET / HTTP/1.1\" 200 1",
            "203.0.113.5 - - [03/Feb/2026:04:05:06] \"GET / HTTP/1.1\" 200 1",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"GET /\\x22 HTTP/1.1\" 200 1",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"GET http://a/ HTTP/1.1\" 200 1",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" \"-\"",
            "203.0.113.5 - - [03/Feb/2026:04:05:06 +0100] \"-\" 408 1",
        ] {
            assert!(!agree(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn as_the_other_reader(
            client in "203\\.0\\.113\\.5|1\\.2\\.3\\.[0-9]{1,3}|::1",
            user in "-|[a-z\\[]{1,3}|[a-z\\[\\]\" -]{1,4}",
            method in "GET|POST|_x|",
            target in "/[a-z/:?.é]{0,12}|(/|http://)?[a-z/:?.\"\\\\ ]{0,12}",
            version in " HTTP/(1\\.1|2)|( HTTP/(1\\.1|2|3\\.0)?)?",
            numbers in "[0-9]{1,3} ([0-9]{1,20}|-)",
            rest in "( \"[a-z -]{0,5}\"){0,2}|( \"[a-z \\\\-]{0,5}\"){0,3} ?[a-z\n]{0,1}",
        ) {
            let request = format!("{method} {target}{version}");
            agree(&format!(
                "{client} - {user} [03/Feb/2026:04:05:06 +0100] \"{request}\" {numbers}{rest}"
            ));
        }
    }
}
