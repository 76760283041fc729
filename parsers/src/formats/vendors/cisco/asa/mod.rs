//! Cisco ASA, and the PIX and FWSM before it: `%ASA-6-302013: Built outbound TCP connection …`.
//!
//! A message is a number and a sentence. The numbers say which sentence: [`session`] and [`service`] hold the sentences
//! of the vendor's guide as [shapes](crate::formats::text::shape) by number, so that a message is dispatched on what the
//! firewall alone can have written. What users chose (names, addresses of pages, commands) stands in captures that take
//! as much as they can, so that what the firewall adds behind them is its own. A number without a shape, or a sentence
//! that has changed since, keeps what its frame says: number, severity, host, time, text.
//!
//! Sentences come without their frame too, from pipelines that take it off. Those are tried against all shapes that
//! have enough words of their own, and only where there is no header that names another program.
//!
//! Firepower (FTD) writes the same messages, and some of its own: see [`ftd`](super::ftd).

mod endpoint;
mod fill;
mod service;
mod session;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::ftd;
use crate::formats::syslog::gear::{Mark, is_devices, mark};
use crate::formats::text::compiled::Compiled;
use crate::formats::text::shape::Found;
use crate::formats::text::{Event, Grammar, Line};

/// A message's number, the event's action and outcome (either may be empty), and its shape.
type Row = (u32, &'static str, &'static str, &'static str);

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "cisco.asa",
        marks: &[
            "%ASA-", "%FTD-", "%PIX-", "%FWSM-", "%NGIPS-", "ASA-", "FTD-", "PIX-", "FWSM-",
        ],
        programs: &[],
        read: framed,
    },
    // `302013: Built …`, `6|Nov 28 2014 12:59:03|302021: Teardown …`
    Grammar {
        name: "cisco.asa (number alone)",
        marks: &[
            ": Built ",
            ": Teardown ",
            ": Deny ",
            ": access-list ",
            ": Inbound ",
            ": Group ",
        ],
        programs: &[],
        read: numbered,
    },
    Grammar {
        name: "cisco.asa (text alone)",
        marks: &[
            "Built ",
            "Teardown ",
            "Deny ",
            "Denied ICMP",
            "access-list ",
            "hit-cnt",
            "Group <",
            "Group = ",
            "AAA ",
            "Auth from ",
            "Auth start ",
            "Authorization ",
            "Authentication ",
            "Accessed ",
            "User from ",
            "User '",
            "DNS responses",
            "response message",
            "Task ran for",
            " denied from ",
            "access requested",
            "access permitted",
            "access denied",
            "request discarded",
            "Uname:",
            "Login ",
            "IPSEC: ",
        ],
        programs: &[],
        read: bare,
    },
];

/// Asked before marks are sought: a message that starts with the device's mark, without a program's name in front of it, can be
/// nothing else.
pub(in crate::formats::vendors) const FIRST: &[Grammar] = &[Grammar {
    name: "cisco.asa",
    marks: &[],
    programs: &[],
    read: marked,
}];

fn marked<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let is_mark = line.body.starts_with('%') && line.header.tag.is_none();
    is_mark.then(|| framed(line))?
}

fn framed<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if !is_devices(line.header) {
        return None;
    }
    let body = line.body.trim_start_matches([' ', ':']);
    let found = match mark(body) {
        Some(found) => found,
        None => plain_mark(body)?,
    };
    let (product, suffix) = found.facility.split_once('-').unwrap_or((found.facility, ""));
    let dataset = match product {
        "ASA" | "PIX" | "FWSM" => "cisco.asa",
        "FTD" | "NGIPS" => "cisco.ftd",
        _ => return None,
    };
    let number: u32 = found.mnemonic.parse().ok()?;
    let mut event = Event::new(dataset);
    event.fields.text("event.code", found.mnemonic);
    event.fields.number("event.severity", found.severity);
    event.fields.text("facility", product);
    event.fields.text("suffix", suffix);
    host(line, &mut event);
    read(line, number, found.text, &mut event);
    Some(event)
}

/// `ASA-6-302013: text`: a mark whose sign was lost.
fn plain_mark(body: &str) -> Option<Mark<'_>> {
    let (code, text) = body.split_once(':')?;
    let (front, mnemonic) = code.rsplit_once('-')?;
    let (facility, severity) = front.rsplit_once('-')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (number(severity) && severity.len() == 1 && number(mnemonic)).then(|| Mark {
        facility,
        severity,
        mnemonic,
        text: text.trim_start_matches(' '),
    })
}

fn numbered<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if !is_devices(line.header) {
        return None;
    }
    let mut rest = line.body;
    let mut severity = "";
    let mut stamp = None;
    if let Some((first, after)) = rest.split_once('|').filter(|(first, _)| first.len() == 1) {
        let (time, after) = after.split_once('|')?;
        severity = first;
        stamp = crate::time::bsd(time.trim(), line.context.reference_time, line.context.timezone);
        rest = after;
    }
    let (code, text) = rest.split_at_checked(6)?;
    let text = text.strip_prefix(": ")?;
    let number: u32 = code.parse().ok()?;
    let mut event = Event::new("cisco.asa");
    // Any program may write a number and a colon.
    if !read(line, number, text, &mut event) {
        return None;
    }
    event.fields.text("event.code", code);
    event.fields.number("event.severity", severity);
    event.time = stamp.map(|(instant, _)| instant);
    host(line, &mut event);
    Some(event)
}

/// A sentence of the guide, ready to be compared.
struct Sentence {
    /// The numbers of the messages that say it.
    numbers: std::ops::RangeInclusive<u32>,
    /// It is one message's.
    single: bool,
    action: &'static str,
    outcome: &'static str,
    shape: &'static str,
    compiled: Compiled,
    /// It has enough words of its own to be believed without a number.
    telling: bool,
}

/// All sentences: those of single messages by number, and those of ranges behind them.
struct Sentences {
    all: Vec<Sentence>,
    singles: usize,
}

static SENTENCES: LazyLock<Sentences> = LazyLock::new(|| {
    /// Letters of its own that a telling shape must have.
    const OWN: usize = 10;
    let rows = session::ROWS.iter().chain(service::ROWS);
    let ranges = session::RANGES.iter().chain(service::RANGES);
    let singles = session::ROWS.len() + service::ROWS.len();
    let all = rows
        .map(|&(number, action, outcome, shape)| (number, number, action, outcome, shape))
        .chain(ranges.copied())
        .enumerate()
        .map(|(at, (low, high, action, outcome, shape))| Sentence {
            numbers: low..=high,
            single: at < singles,
            action,
            outcome,
            shape,
            compiled: Compiled::new(shape),
            telling: own_letters(shape) >= OWN,
        })
        .collect();
    Sentences { all, singles }
});

fn bare<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if line.header.tag.is_some() {
        return None;
    }
    let mut found = Found::new();
    let sentence = telling(line.body.trim_start_matches(' '), &mut found)?;
    let mut event = Event::new("cisco.asa");
    // Users of a VPN look alike in many messages.
    if sentence.single && sentence.action != "vpn" {
        let number = sentence.numbers.start().to_string();
        event.fields.text("event.code", line.keep(number));
    }
    finish(line, &found, sentence, &mut event);
    host(line, &mut event);
    Some(event)
}

/// The first of the telling sentences that `text` is; its captures are then in `found`.
fn telling<'a>(text: &'a str, found: &mut Found<'a>) -> Option<&'static Sentence> {
    SENTENCES.all.iter().find(|sentence| {
        sentence.telling
            && may_start(sentence.shape, text)
            && sentence.compiled.matches(text, endpoint::read, found)
            && is_telling(found)
    })
}

/// Whether the first letter of `text` is the shape's, if the shape starts with one.
fn may_start(shape: &str, text: &str) -> bool {
    match shape.as_bytes().first() {
        Some(b'{' | b'[' | b'~' | b'\\') | None => true,
        Some(first) => text
            .as_bytes()
            .first()
            .is_some_and(|letter| letter.eq_ignore_ascii_case(first)),
    }
}

/// How many letters of its own a shape has.
fn own_letters(shape: &str) -> usize {
    let mut inside = false;
    shape
        .bytes()
        .filter(|&b| {
            match b {
                b'{' => inside = true,
                b'}' => inside = false,
                _ => {}
            }
            !inside && b.is_ascii_alphabetic()
        })
        .count()
}

/// Whether a sentence without a number says who it is about.
fn is_telling(found: &Found<'_>) -> bool {
    const WHO: [&str; 16] = [
        "S",
        "D",
        "X",
        "Y",
        "A",
        "B",
        "s",
        "d",
        "f",
        "ip",
        "server",
        "user",
        "lip",
        "call_stack",
        "url",
        "group",
    ];
    // What was done is a verb: `Built`, `est-allowed`.
    let is_verb = |text: &str| text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    found
        .iter()
        .all(|&(name, text)| name != "outcome" || is_verb(text))
        && found.iter().any(|(name, _)| WHO.contains(name))
}

/// Reads the sentence of message `number`; whether it has a known shape.
fn read<'a>(line: &Line<'a>, number: u32, text: &'a str, event: &mut Event<'a>) -> bool {
    if matches!(number, 430_001..=430_007) {
        ftd::security(line, number, text, &mut event.fields);
        return true;
    }
    let mut found = Found::with_capacity(16);
    let (singles, ranges) = SENTENCES.all.split_at(SENTENCES.singles);
    let first = singles.partition_point(|sentence| *sentence.numbers.start() < number);
    let named = singles[first..]
        .iter()
        .take_while(|sentence| *sentence.numbers.start() == number)
        .chain(
            ranges
                .iter()
                .filter(|sentence| sentence.numbers.contains(&number)),
        );
    for sentence in named {
        if sentence.compiled.matches(text, endpoint::read, &mut found) {
            finish(line, &found, sentence, event);
            return true;
        }
    }
    // A number that is newer than this table, or a sentence that moved to another.
    if let Some(sentence) = telling(text, &mut found) {
        finish(line, &found, sentence, event);
        return true;
    }
    false
}

fn finish<'a>(line: &Line<'a>, found: &Found<'a>, sentence: &Sentence, event: &mut Event<'a>) {
    fill::fill(line, found, &mut event.fields);
    event.fields.text("event.action", sentence.action);
    event.fields.text("event.outcome", sentence.outcome);
}

fn host<'a>(line: &Line<'a>, event: &mut Event<'a>) {
    if let Some(host) = line.header.host {
        event.fields.text("observer.hostname", host);
    }
}
