//! FortiOS: pairs without end, the device's own from the first to the last.
//!
//! ```text
//! date=2026-03-01 time=10:00:00 devname="fw1" devid="FG100F0" logid="0000000013" type="traffic" subtype="forward" …
//! ```
//!
//! The line consists of pairs, with spaces or commas between them, so that a line which starts with one of the device's
//! keys and has a type and a subtype is one. Values that strangers choose (URLs, user names, agents) stand in quotes with
//! the quotes in them escaped; a key with two values is in doubt all the same ([`Keys`]), but the device's own in [`FRONT`]
//! hold by their first value, and say the time only there. The meaning of the keys is in the catalog. Most lines have each
//! key once, and are read in one go; only where one comes a second time, pairs are gathered before any of them is believed, which
//! without a second one changes nothing (a property test holds the two to the same fields). The same device
//! in CEF is read by [`cef`](super::cef) into the same dataset; the vendor's other products by [`keyed`](super::keyed).

use super::super::fields::{Fields, address, is_nothing};
use super::super::text::keys::Numbered;
use super::super::text::once::Keys;
use super::super::text::pairs::{Style, pairs};
use super::super::text::parts;
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// Asked before marks are sought: the first key decides.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "fortigate",
    marks: &["logid="],
    programs: &[],
    read,
}];

const DATASET: &str = "fortinet.fortigate";

/// Keys that the device writes in front of what strangers chose.
const FRONT: &[&str] = &[
    "date",
    "time",
    "devname",
    "devid",
    "eventtime",
    "tz",
    "logid",
    "type",
    "subtype",
    "level",
    "vd",
];

/// What is not yet a field while pairs are read.
#[derive(Debug, Default, PartialEq)]
struct Seen<'a> {
    date: &'a str,
    time: &'a str,
    zone: &'a str,
    instant: Option<i64>,
    kind: bool,
    subkind: bool,
    id: bool,
    /// It is one of the vendor's other products.
    other: bool,
    message: &'a str,
    reason: &'a str,
    name: &'a str,
    method: &'a str,
    /// The name of a rule is among the pairs.
    named: bool,
    profile: &'a str,
}

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if !matches!(line.body.as_bytes().first(), Some(b' ' | b'<' | b'a'..=b'z')) {
        return None;
    }
    let body = line.body.trim_start_matches(' ');
    let body = without_priority(body);
    let (key, value) = body.split_at(body.as_bytes().iter().take(12).position(|&b| b == b'=')?);
    let starts = matches!(
        key,
        "date"
            | "time"
            | "devname"
            | "devid"
            | "itime"
            | "logver"
            | "eventtime"
            | "timestamp"
            | "tz"
            | "type"
            | "logid"
            | "vd"
    );
    if !starts {
        return None;
    }
    let end = match value.as_bytes().get(1) {
        Some(b'"') => 2 + memchr::memchr(b'"', value.as_bytes().get(2..)?)?,
        _ => memchr::memchr2(b' ', b',', value.as_bytes())?,
    };
    let comma = value.as_bytes()[end..].iter().take(2).any(|&b| b == b',');
    let style = if comma { Style::COMMAS } else { Style::SPACED };
    let mut fields = Fields::with_room(64);
    let mut seen = Seen::default();
    read_pairs(line, body, style, false, &mut fields, &mut seen);
    if !seen.kind || !(seen.subkind || seen.id) || seen.other {
        return None;
    }
    let reason = if seen.reason.is_empty() {
        seen.message
    } else {
        seen.reason
    };
    if !reason.is_empty() {
        fields.push("event.reason", Value::Str(reason));
    }
    let message = if seen.message.is_empty() {
        line.body
    } else {
        seen.message
    };
    fields.push("message", Value::Str(message));
    // The device's own name; a header is some relay's.
    if !seen.name.is_empty() {
        fields.push("host.name", Value::Str(seen.name));
    }
    // A profile decides where no policy is named.
    if !seen.named {
        fields.text("rule.name", seen.profile);
    }
    // How an administrator came in.
    if matches!(seen.method, "https" | "http" | "ssh" | "telnet") {
        fields.text("network.protocol", seen.method);
    }
    if let Some(instant) = seen.instant {
        fields.push("event.start", Value::Time(instant));
    }
    let time = seen.instant.or_else(|| {
        let bare = seen.zone.trim_matches('"');
        let text = line.keep([seen.date, "T", seen.time, bare].concat());
        time::iso(text, line.context.timezone).map(|(instant, _)| instant)
    });
    Some(Event {
        dataset: DATASET,
        time,
        fields,
        headless: false,
    })
}

/// Reads the pairs of a line. What comes of them is the same if they are `doubted` without cause.
fn read_pairs<'a>(
    line: &Line<'a>,
    body: &'a str,
    style: Style,
    doubted: bool,
    fields: &mut Fields<'a>,
    seen: &mut Seen<'a>,
) {
    if doubted || !read_once(line, body, style, fields, seen) {
        fields.truncate(0);
        *seen = Seen::default();
        read_in_doubt(line, body, style, fields, seen);
    }
}

/// Reads pairs each of whose keys stands in the line once, as in most lines. `false`: some do not, or say the time where a
/// stranger may, or have no number, and what came of the line so far must be forgotten.
fn read_once<'a>(
    line: &Line<'a>,
    body: &'a str,
    style: Style,
    fields: &mut Fields<'a>,
    seen: &mut Seen<'a>,
) -> bool {
    let numbers = &mut *line.keys.fortigate.borrow_mut();
    numbers.restart();
    let mut pairs = pairs(body, style);
    let (mut behind, mut has_id) = (false, false);
    while let Some((pair, numbered)) = pairs.next_numbered(numbers) {
        if !numbers.is_first(numbered) || behind && numbered.role.is_clock() {
            return false;
        }
        let value = parts::value(line, pair);
        has_id |= matches!(numbered.role, Role::Id);
        seen.other |= !has_id && matches!(numbered.role, Role::Other);
        behind = behind || is_text(numbered.role, value);
        if !value.is_empty() {
            take(pair.key, value, numbered, fields, seen);
        }
    }
    true
}

/// Reads pairs any of whose keys may stand in the line with several values.
fn read_in_doubt<'a>(
    line: &Line<'a>,
    body: &'a str,
    style: Style,
    fields: &mut Fields<'a>,
    seen: &mut Seen<'a>,
) {
    let mut numbers = line.keys.fortigate.borrow_mut();
    numbers.restart();
    let mut pairs = pairs(body, style);
    let mut keys = Keys::new(line.arena);
    let (mut behind, mut has_id) = (false, false);
    while let Some((pair, numbered)) = pairs.next_numbered(&mut numbers) {
        let value = parts::value(line, pair);
        // As the line has them, in doubt or not: behind FortiGate's own id they are a stranger's.
        has_id |= matches!(numbered.role, Role::Id);
        seen.other |= !has_id && matches!(numbered.role, Role::Other);
        if behind && numbered.role.is_clock() {
            fields.doubt(pair.key, Value::Str(value));
            continue;
        }
        behind = behind || is_text(numbered.role, value);
        keys.add_with(pair.key, value, FRONT, (pair.key, numbered));
    }
    drop(numbers);
    for (value, (key, numbered)) in keys.settled_with(fields) {
        take(key, value, numbered, fields, seen);
    }
}

/// Whether a pair may say what a stranger chose: more than the device's own words, addresses and numbers.
fn is_text(role: Role, value: &str) -> bool {
    let is_number = || value.bytes().all(|b| b.is_ascii_digit());
    !(role.is_own() || is_number() || address(value).is_some())
}

/// The text behind a syslog priority that has nothing else of a header behind it.
fn without_priority(body: &str) -> &str {
    let digits = body.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match digits {
        Some((digits, rest)) if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => body,
    }
}

/// What a key means here, beside the column that the catalog names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Plain,
    /// A word of the device's own.
    Own,
    Date,
    Time,
    Zone,
    Instant,
    Message,
    Reason,
    Protocol,
    Url,
    Addresses,
    Interface,
    Kind,
    Subkind,
    Id,
    /// A key of the vendor's other products.
    Other,
    Serial,
    Name,
    Method,
    Rule,
    Profile,
}

impl Role {
    /// Whether the key says when the event was.
    fn is_clock(self) -> bool {
        matches!(self, Role::Date | Role::Time | Role::Zone | Role::Instant)
    }

    /// Whether the device alone says what is there.
    fn is_own(self) -> bool {
        use Role::{Id, Kind, Name, Own, Serial, Subkind};
        self.is_clock() || matches!(self, Own | Name | Serial | Id | Kind | Subkind)
    }

    pub(crate) fn of(key: &str) -> Role {
        match key {
            "level" | "vd" | "logver" | "itime" | "timestamp" | "eventtype" => Role::Own,
            "date" => Role::Date,
            "time" => Role::Time,
            "tz" => Role::Zone,
            "eventtime" => Role::Instant,
            "msg" => Role::Message,
            "reason" => Role::Reason,
            "proto" => Role::Protocol,
            "url" => Role::Url,
            "ipaddr" => Role::Addresses,
            "ui" => Role::Interface,
            "type" => Role::Kind,
            "subtype" => Role::Subkind,
            "logid" => Role::Id,
            "log_id" | "device_id" | "msg_id" => Role::Other,
            "devid" => Role::Serial,
            "devname" => Role::Name,
            "method" => Role::Method,
            "policyname" | "attack" | "virus" | "filtername" => Role::Rule,
            "profile" | "applist" => Role::Profile,
            _ => Role::Plain,
        }
    }
}

#[inline(always)]
fn take<'a>(
    key: &'a str,
    value: &'a str,
    numbered: Numbered<Role>,
    fields: &mut Fields<'a>,
    seen: &mut Seen<'a>,
) {
    match numbered.role {
        Role::Plain | Role::Own => {}
        Role::Date => return seen.date = value,
        Role::Time => return seen.time = value,
        Role::Zone => return seen.zone = value,
        Role::Instant => return seen.instant = time::since_epoch(value),
        Role::Message => return seen.message = value,
        Role::Reason if is_nothing(value) => return,
        Role::Reason => return seen.reason = value,
        Role::Protocol => return fields.transport(value),
        Role::Url => return fields.url(value),
        Role::Addresses => {
            let all = value.split(',').map(|part| Value::Str(part.trim())).collect();
            return fields.push("ipaddr", Value::List(all));
        }
        Role::Interface => {
            fields.push_pair(key, numbered.key, value);
            // Where the administrator sits: `https(192.0.2.1)`.
            let place = value
                .split_once('(')
                .and_then(|(_, place)| address(place.trim_end_matches(')')));
            if let Some(place) = place {
                fields.push("source.ip", Value::Str(place));
            }
            return;
        }
        Role::Kind => seen.kind = true,
        Role::Subkind => seen.subkind = true,
        Role::Id => seen.id = true,
        // Behind the number of the device's own log it is a stranger's.
        Role::Other => {}
        Role::Serial => seen.other |= value.starts_with("FPX"),
        Role::Name => seen.name = value,
        Role::Method => seen.method = value,
        Role::Rule => seen.named = true,
        Role::Profile => seen.profile = value,
    }
    if !is_nothing(value) {
        fields.push_pair(key, numbered.key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, fields_of, value};

    #[test]
    fn traffic() {
        check(
            r#"<189>date=2026-03-01 time=10:00:00 devname="fw1" devid="FG1" eventtime=1772355600250000000 tz="+0100" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip=192.0.2.4 srcport=5000 srcintf="lan" dstip=198.51.100.9 dstport=443 dstintf="wan1" proto=6 action="accept" policyid=7 service="HTTPS" sentbyte=10 rcvdbyte=20 sentpkt=1 rcvdpkt=2"#,
            &[
                ("event.dataset", "fortinet.fortigate"),
                ("@timestamp", "2026-03-01T09:00:00.250Z"),
                ("observer.hostname", "fw1"),
                ("host.name", "fw1"),
                ("observer.serial_number", "FG1"),
                ("event.code", "0000000013"),
                ("source.ip", "192.0.2.4"),
                ("destination.port", "443"),
                ("network.transport", "tcp"),
                ("network.protocol", "HTTPS"),
                ("rule.id", "7"),
                ("source.packets", "1"),
                ("observer.ingress.interface.name", "lan"),
                ("observer.egress.interface.name", "wan1"),
            ],
        );
    }

    #[test]
    fn times_without_a_count_and_commas() {
        check(
            r#"date=2026-03-01,time=10:00:00,tz="+0100",devname="fw1",logid="0100032001",type="event",subtype="system",user="ann",ui="https(192.0.2.8)",action="login",status="success",msg="Administrator ann, at last""#,
            &[
                ("@timestamp", "2026-03-01T09:00:00.000Z"),
                ("user.name", "ann"),
                ("source.ip", "192.0.2.8"),
                ("event.outcome", "success"),
                ("message", "Administrator ann, at last"),
            ],
        );
    }

    #[test]
    fn names_and_profiles() {
        check(
            r#"<189>Mar  1 10:00:00 relay date=2026-03-01 time=10:00:00 devname="fw1" devid="FG1" logid="0316013056" type="utm" subtype="webfilter" policyid=7 profile="web-strict" hostname="www.example.org""#,
            &[
                ("host.name", "fw1"),
                ("log.syslog.hostname", "relay"),
                ("rule.name", "web-strict"),
                ("rule.id", "7"),
            ],
        );
    }

    #[test]
    fn what_strangers_write() {
        let event = fields_of(
            r#"date=2026-03-01 time=10:00:00 logid="1" type="utm" subtype="webfilter" srcip=192.0.2.4 url="/?\" srcip=203.0.113.1 user=\"root" agent="x srcip=203.0.113.2""#,
        );
        assert_eq!(value(&event, "source.ip"), "192.0.2.4");
        assert_eq!(value(&event, "user.name"), "");
        assert_eq!(value(&event, "url.path"), "/");
        let event = fields_of(
            "Mar  1 10:00:00 web1 sshd[7]: Invalid user type=traffic subtype=x logid=1 srcip=192.0.2.9 from 192.0.2.1 port 4",
        );
        assert_eq!(value(&event, "source.ip"), "192.0.2.1");
    }

    #[test]
    fn the_devices_own_keys_hold_by_their_first_value() {
        let own = r#"date=2026-03-01 time=10:00:00 devname="fw1" devid="FGT60E" logid="0316013056" type="utm" subtype="webfilter" eventtime=1772359200000000000 srcip=192.0.2.4 dstip=192.0.2.9 url="http://x/" agent="a""#;
        for forged in [
            "type=foo",
            "subtype=foo",
            "logid=7",
            "log_id=1",
            "device_id=1",
            "devid=FPX1",
            "devname=evil vd=evil level=emergency",
            "date=2020-01-01",
            "time=00:00:00",
            r#"eventtime=1 tz="+1400""#,
        ] {
            check(
                &format!("{own} {forged}"),
                &[
                    ("event.dataset", "fortinet.fortigate"),
                    ("@timestamp", "2026-03-01T10:00:00.000Z"),
                    ("event.code", "0316013056"),
                    ("host.name", "fw1"),
                    ("observer.serial_number", "FGT60E"),
                    ("source.ip", "192.0.2.4"),
                ],
            );
        }
        // Nothing of the device says the zone or the instant.
        check(
            r#"date=2026-03-01 time=10:00:00 logid="1" type="utm" subtype="webfilter" srcip=192.0.2.4 agent="a" tz="+1400" eventtime=1"#,
            &[
                ("@timestamp", "2026-03-01T10:00:00.000Z"),
                ("source.ip", "192.0.2.4"),
            ],
        );
    }

    #[test]
    fn cut_off() {
        check(
            r#"date=2026-03-01 time=10:00:00 logid="1" type="utm" subtype="webfilter" srcip=192.0.2.4 url="/half"#,
            &[("source.ip", "192.0.2.4"), ("url.original", "\"/half")],
        );
        assert_eq!(
            value(&fields_of("date=2026-03-01"), "event.dataset"),
            "generic.pairs"
        );
    }

    proptest::proptest! {
        #[test]
        fn lines_read_at_once_say_the_same(
            lines in proptest::collection::vec(
                r#"((date|time|tz|eventtime|devname|devid|logid|log_id|type|subtype|level|vd|srcip|dstport|url|msg|reason|proto|ipaddr|ui|user|a_key_that_is_longer_than_all_that_is_looked_at|k\[0\])=(1772359200|192\.0\.2\.1|"x"|"x y"|"x \\" y=\\\\"|"open|""|FPX1|-|é|)(,| |  |, )){0,12}[a= "]{0,3}"#,
                1..6,
            ),
            commas in proptest::bool::ANY,
        ) {
            use super::*;
            let style = if commas { Style::COMMAS } else { Style::SPACED };
            let (arena, keys, header) = (bumpalo::Bump::new(), Default::default(), Default::default());
            let context = &super::super::super::testing::CONTEXT;
            let line = Line { raw: "", header: &header, body: "", context, arena: &arena, keys: &keys };
            for text in &lines {
                let [mut once, mut doubted] = [false, true].map(|doubted| {
                    let (mut fields, mut seen) = (Fields::new(), Seen::default());
                    read_pairs(&line, text, style, doubted, &mut fields, &mut seen);
                    (fields, seen)
                });
                assert_eq!(once.1, doubted.1, "{text}");
                assert_eq!(once.0.all(), doubted.0.all(), "{text}");
                assert_eq!(once.0.take_doubts(), doubted.0.take_doubts(), "{text}");
                assert_eq!(once.0.take_asides(), doubted.0.take_asides(), "{text}");
            }
        }
    }
}
