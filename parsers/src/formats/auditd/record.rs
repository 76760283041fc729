//! One audit record: its header and its pairs.

use std::borrow::Cow;

use crate::time;

/// One record. *Invariant*: `pairs` are in the order of the line; the pairs of `msg='…'` stand in its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::formats) struct Record<'a> {
    pub(super) node: Option<&'a str>,
    /// `SYSCALL`, `PATH`, …; numbers of common types as names.
    pub(super) kind: &'a str,
    /// `1700000000.123:42`; empty where a line has none.
    pub(super) id: &'a str,
    /// Microseconds since the epoch.
    pub(super) time: Option<i64>,
    /// The number after the colon of `id`.
    pub(super) serial: Option<i64>,
    /// What the record says.
    pub(super) pairs: Vec<(&'a str, Raw<'a>)>,
    /// Pairs after the separator of enriched records: names of users and groups, the call's name.
    pub(super) enriched: Vec<(&'a str, Raw<'a>)>,
    /// The words before the first pair (`avc:  denied  { read } for`).
    pub(super) lead: &'a str,
}

/// A value and whether it stood in quotes, which says that it is not encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) text: &'a str,
    pub(super) quoted: bool,
}

impl<'a> Record<'a> {
    /// The record in `line`, which may have other text in front.
    pub(in crate::formats) fn parse(line: &'a str) -> Option<Record<'a>> {
        let line = line.trim_end_matches(['\n', '\r', ' ']);
        let at = line.find("audit(")?;
        let (head, rest) = (&line[..at], &line[at + "audit(".len()..]);
        let head = head.strip_suffix("msg=").unwrap_or(head).trim_end();
        let kind = &head[head.rfind("type=")? + "type=".len()..];
        if kind.is_empty() || kind.contains(char::is_whitespace) {
            return None;
        }
        let node = head
            .find("node=")
            .and_then(|at| head[at + "node=".len()..].split(' ').next())
            .filter(|node| !node.is_empty());
        let (id, rest) = rest.split_once(')')?;
        let (stamp, serial) = id.rsplit_once(':')?;
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let mut record = Record {
            node,
            kind: type_name(kind),
            id,
            time: Some(time::epoch(stamp)?),
            serial: Some(serial.parse().ok()?),
            pairs: Vec::new(),
            enriched: Vec::new(),
            lead: "",
        };
        record.body(rest.trim_start());
        Some(record)
    }

    /// A record as journald writes it to syslog, without time and serial number: `USER_LOGIN pid=1 …`.
    pub(super) fn without_id(message: &'a str, time: Option<i64>) -> Option<Record<'a>> {
        let (kind, rest) = message.split_once(' ')?;
        let is_type = kind.len() > 2 && kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if !is_type || !rest.contains('=') {
            return None;
        }
        let mut record = Record {
            node: None,
            kind,
            id: "",
            time,
            serial: None,
            pairs: Vec::new(),
            enriched: Vec::new(),
            lead: "",
        };
        record.body(rest);
        Some(record)
    }

    fn body(&mut self, body: &'a str) {
        let (body, enriched) = body.split_once('\u{1d}').unwrap_or((body, ""));
        let first = body.find('=').unwrap_or(body.len());
        // All of it, where there is no pair.
        let lead = match first == body.len() {
            true => body,
            false => &body[..body[..first].rfind(' ').unwrap_or(0)],
        };
        self.lead = lead.trim();
        pairs(body, false, &mut self.pairs);
        pairs(enriched, false, &mut self.enriched);
    }

    /// The first value of `key`, as written.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.pairs
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, raw)| raw.text)
    }

    /// The first value of `key` among the enriched pairs.
    pub(super) fn enriched(&self, key: &str) -> Option<&'a str> {
        self.enriched
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, raw)| raw.text)
    }
}

/// Splits `key=value` pairs; the value is quoted, `{ … }`, or runs to the next space. Words without `=` are
/// skipped, but `old auid=1` is `old-auid`, as newer kernels write it. The pairs inside a quoted `msg` count as
/// the record's own; `inside` is for them: a `msg` in a `msg` is no more than a word, however often it comes.
fn pairs<'a>(text: &'a str, inside: bool, into: &mut Vec<(&'a str, Raw<'a>)>) {
    let mut rest = text;
    let mut word_before = "";
    loop {
        rest = rest.trim_start_matches([' ', ',', '(', '\u{1d}']);
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        if end == rest.len() {
            return;
        }
        let key = &rest[..end];
        if rest.as_bytes()[end] == b' ' {
            word_before = key;
            rest = &rest[end..];
            continue;
        }
        let after = &rest[end + 1..];
        let key = match (word_before, key) {
            ("old", "auid") => "old-auid",
            ("old", "ses") => "old-ses",
            ("new", key) => key,
            (_, key) => key,
        };
        word_before = "";
        rest = match after.as_bytes().first() {
            Some(b'"' | b'\'') if key == "msg" && inside => &after[1..],
            Some(quote @ (b'"' | b'\'')) => {
                let quote = char::from(*quote);
                let inner = &after[1..];
                let (value, next) = match inner.find(quote) {
                    // Only `msg` holds pairs; its end is the last quote, as values inside may hold one.
                    Some(_) if key == "msg" && quote == '\'' => {
                        let end = inner.rfind(quote).unwrap_or(inner.len());
                        (&inner[..end], &inner[end + 1..])
                    }
                    Some(end) => (&inner[..end], &inner[end + 1..]),
                    None => (inner, ""),
                };
                if key == "msg" {
                    pairs(value, true, into);
                } else {
                    into.push((
                        key,
                        Raw {
                            text: value,
                            quoted: true,
                        },
                    ));
                }
                next
            }
            Some(b'{') => {
                let end = after.find('}').map_or(after.len(), |at| at + 1);
                into.push((
                    key,
                    Raw {
                        text: &after[..end],
                        quoted: true,
                    },
                ));
                &after[end..]
            }
            _ => {
                let end = after.find(' ').unwrap_or(after.len());
                let value = after[..end].trim_end_matches([',', ')']);
                // `(null)` and `(none)` keep their parenthesis.
                let value = if value.starts_with('(') {
                    &after[..end]
                } else {
                    value
                };
                into.push((
                    key,
                    Raw {
                        text: value,
                        quoted: false,
                    },
                ));
                &after[end..]
            }
        };
    }
}

/// `value` of `key`, decoded if it is one that auditd encodes. It encodes what holds a space, a quote or a
/// control character, so whatever decodes to something else was not encoded.
pub(super) fn decoded<'a>(key: &str, raw: Raw<'a>) -> Cow<'a, str> {
    const ENCODED: [&str; 18] = [
        "comm",
        "exe",
        "proctitle",
        "cwd",
        "name",
        "acct",
        "cmd",
        "key",
        "path",
        "dir",
        "ocomm",
        "file",
        "data",
        "vm",
        "device",
        "watch",
        "old-disk",
        "new-disk",
    ];
    if raw.quoted || !(ENCODED.contains(&key) || is_argument(key)) {
        return Cow::Borrowed(raw.text);
    }
    match unhex(raw.text) {
        Some(bytes) if key == "data" || bytes.iter().any(|b| !(0x21..0x7f).contains(b) || *b == b'"') => {
            Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => Cow::Borrowed(raw.text),
    }
}

/// `a0`, `a12`, `a1[3]`.
pub(super) fn is_argument(key: &str) -> bool {
    key.strip_prefix('a')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.ends_with("_len"))
}

/// Upper-case hexadecimal digits, two a byte.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The name of a record type that is given as a number (by the kernel's log) or as `UNKNOWN[n]`.
pub(super) fn type_name(kind: &str) -> &str {
    let number = kind
        .strip_prefix("UNKNOWN[")
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(kind);
    match number {
        "1006" => "LOGIN",
        "1100" => "USER_AUTH",
        "1101" => "USER_ACCT",
        "1103" => "CRED_ACQ",
        "1104" => "CRED_DISP",
        "1105" => "USER_START",
        "1106" => "USER_END",
        "1107" => "USER_AVC",
        "1108" => "USER_CHAUTHTOK",
        "1110" => "CRED_REFR",
        "1112" => "USER_LOGIN",
        "1113" => "USER_LOGOUT",
        "1114" => "ADD_USER",
        "1115" => "DEL_USER",
        "1116" => "ADD_GROUP",
        "1117" => "DEL_GROUP",
        "1123" => "USER_CMD",
        "1130" => "SERVICE_START",
        "1131" => "SERVICE_STOP",
        "1300" => "SYSCALL",
        "1302" => "PATH",
        "1305" => "CONFIG_CHANGE",
        "1306" => "SOCKADDR",
        "1307" => "CWD",
        "1309" => "EXECVE",
        "1320" => "EOE",
        "1325" => "NETFILTER_CFG",
        "1326" => "SECCOMP",
        "1327" => "PROCTITLE",
        "1334" => "BPF",
        "1400" => "AVC",
        "1403" => "MAC_POLICY_LOAD",
        "1700" => "ANOM_PROMISCUOUS",
        "1701" => "ANOM_ABEND",
        _ => kind,
    }
}
