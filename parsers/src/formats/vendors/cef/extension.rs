//! The extension: `key=value` pairs whose values end where the next ` key=` begins, or a line begins with one: some
//! exports wrap events.

use std::borrow::Cow;

use super::super::super::text::Line;
use super::super::super::text::keys::{Numbered, PairKeys};
use super::super::super::text::search::near;

/// The pairs of `text`, in order: keys and values as they stand there, without the spaces between them.
pub(crate) fn pairs(text: &str) -> Pairs<'_> {
    let sign = memchr::memchr(b'=', text.as_bytes());
    let front = &text.as_bytes()[..sign.unwrap_or(0)];
    let key = memchr::memrchr2(b' ', b'\n', front).map_or(0, |at| at + 1);
    Pairs {
        rest: &text[key..],
        sign: sign.map(|sign| sign - key),
    }
}

/// See [`pairs`].
pub(crate) struct Pairs<'a> {
    /// What begins with the next key.
    rest: &'a str,
    /// Where the sign behind that key stands.
    sign: Option<usize>,
}

/// What a key may consist of.
const KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']');
        byte += 1;
    }
    table
};

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        self.next_where(|_, _, _| None)
    }
}

impl<'a> Pairs<'a> {
    /// The next pair, and the number of its key; `known` has that of the key which this pair or the next begins with.
    #[inline(always)]
    pub(crate) fn next_numbered<R: Copy>(
        &mut self,
        known: &mut Option<Numbered<R>>,
        keys: &mut PairKeys<R>,
    ) -> Option<(&'a str, Numbered<R>, &'a str)> {
        let numbered = match known.take() {
            Some(numbered) => numbered,
            None => {
                let sign = self.sign?;
                keys.find(self.rest.get(..sign)?, self.rest.as_bytes().get(..=sign)?)
            }
        };
        let (key, value) = self.next_where(|text, start, end| {
            let (numbered, key) = keys.guess_before(text, end, |key| begins_key(text, start, key))?;
            *known = Some(numbered);
            Some(key)
        })?;
        Some((key, numbered, value))
    }

    /// The next pair. `start_of_key` is asked where, in a text whose value begins at a place, the key begins that the sign in
    /// front of another ends, if it knows: one whose bytes may all stand in keys, and where [`begins_key`] says so.
    #[inline(always)]
    fn next_where(
        &mut self,
        mut start_of_key: impl FnMut(&[u8], usize, usize) -> Option<usize>,
    ) -> Option<(&'a str, &'a str)> {
        let (rest, sign) = (self.rest, self.sign?);
        let bytes = rest.as_bytes();
        let key = &rest[..sign];
        let start = sign + 1;
        let mut from = start;
        while let Some(found) = near(b'=', &bytes[from..]) {
            let at = from + found;
            let next = start_of_key(bytes, start, at + 1).or_else(|| key_before(bytes, start, at));
            if let Some(key_start) = next {
                self.rest = &rest[key_start..];
                self.sign = Some(at - key_start);
                return Some((key, trimmed(&rest[start..key_start - 1])));
            }
            from = at + 1;
        }
        self.sign = None;
        Some((key, trimmed(&rest[start..])))
    }
}

/// Where the key begins that the sign at `sign` ends, behind a value that begins at `start`. A sign in a value has a backslash
/// before it, or no word of its own.
#[inline]
pub(crate) fn key_before(bytes: &[u8], start: usize, sign: usize) -> Option<usize> {
    let mut key = sign;
    while key > start && KEY[usize::from(bytes[key - 1])] {
        key -= 1;
    }
    begins_key(bytes, start, key).then_some(key)
}

/// Whether a key may begin at `key`, behind a value that begins at `start`: it does not directly, and with a letter.
#[inline(always)]
fn begins_key(bytes: &[u8], start: usize, key: usize) -> bool {
    key > start
        && matches!(bytes[key - 1], b' ' | b'\n')
        && (bytes[key].is_ascii_alphabetic() || bytes[key] == b'_')
}

/// A value without what stands around values.
#[inline]
fn trimmed(value: &str) -> &str {
    let blank = |b: &u8| matches!(b, b' ' | b'\r' | b'\n');
    match value.as_bytes() {
        [] => value,
        [first, .., last] if !blank(first) && !blank(last) => value,
        [only] if !blank(only) => value,
        _ => value.trim_matches([' ', '\r', '\n']),
    }
}

/// The key that means what `key` does, where the format's dictionary has a full name beside the short one, or products have
/// one of their own: a line says either once.
pub(crate) fn short(key: &str) -> &str {
    match key {
        "sourceAddress" => "src",
        "destinationAddress" => "dst",
        "deviceAddress" => "dvc",
        "deviceReceiptTime" => "rt",
        "startTime" => "start",
        "endTime" => "end",
        "message" => "msg",
        "requestUrl" => "request",
        "transportProtocol" => "proto",
        "sourceProcessName" | "deviceProcessName" => "sproc",
        "deviceAction" => "act",
        "applicationProtocol" => "app",
        "eventOutcome" => "outcome",
        "deviceHostName" => "dvchost",
        "deviceMacAddress" => "dvcmac",
        "deviceTimeZone" => "dtz",
        "sourceHostName" => "shost",
        "sourceMacAddress" | "srcMAC" => "smac",
        "sourcePort" | "srcPort" => "spt",
        "sourceUserName" => "suser",
        "sourceUserId" => "suid",
        "sourceProcessId" => "spid",
        "destinationHostName" | "destinationDnsDomain" => "dhost",
        "destinationMacAddress" | "dstMAC" => "dmac",
        "destinationPort" | "dstPort" => "dpt",
        "destinationUserName" => "duser",
        "destinationUserId" => "duid",
        "bytesIn" | "srcBytes" => "in",
        "bytesOut" | "dstBytes" => "out",
        "srcPostNAT" => "sourceTranslatedAddress",
        "srcPostNATPort" => "sourceTranslatedPort",
        "dstPostNAT" => "destinationTranslatedAddress",
        "dstPostNATPort" => "destinationTranslatedPort",
        "fileName" => "fname",
        "fileSize" => "fsize",
        _ => key,
    }
}

/// What a value means: quotes around the whole of it left out and, if the text that it stands in is `escaped`, its escapes
/// undone.
#[inline(always)]
pub(crate) fn meant<'a>(value: &'a str, escaped: bool, line: &Line<'a>) -> &'a str {
    match escaped || matches!(value.as_bytes().first(), Some(b'"' | b'\'')) {
        true => meant_in_quotes(value, escaped, line),
        false => value,
    }
}

fn meant_in_quotes<'a>(value: &'a str, escaped: bool, line: &Line<'a>) -> &'a str {
    let value = match value.as_bytes() {
        [quote @ (b'"' | b'\''), inner @ .., last]
            if quote == last && memchr::memchr(*quote, inner).is_none() =>
        {
            &value[1..value.len() - 1]
        }
        _ => value,
    };
    if !escaped {
        return value;
    }
    match unescaped(value, b"\\=") {
        Cow::Borrowed(value) => value,
        Cow::Owned(text) => line.keep(text),
    }
}

/// `text` without the backslashes before `escapable` bytes; `\n` and `\r` are line breaks. Other backslashes stand for
/// themselves.
pub(crate) fn unescaped<'a>(text: &'a str, escapable: &[u8]) -> Cow<'a, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        rest = after;
        match after.as_bytes().first() {
            Some(b'n') if escapable.contains(&b'=') && !is_path(before, &after[1..]) => {
                out.push('\n');
                rest = &after[1..];
            }
            Some(b'r') if escapable.contains(&b'=') && after.starts_with("r\\n") => {
                out.push('\r');
                rest = &after[1..];
            }
            Some(byte) if escapable.contains(byte) => {
                out.push(char::from(*byte));
                rest = &after[1..];
            }
            _ => out.push('\\'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether `\n` stands in a path of Windows whose writer escaped nothing (`C:\new`).
fn is_path(before: &str, after: &str) -> bool {
    before.ends_with(':') || (!before.is_empty() && after.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&str, &str)> {
        pairs(text).collect()
    }

    #[test]
    fn values_end_where_the_next_key_begins() {
        assert_eq!(
            all("act=one word src=192.0.2.1  msg=x = y\\=1 a=b=c empty= last=z "),
            [
                ("act", "one word"),
                ("src", "192.0.2.1"),
                ("msg", "x = y\\=1"),
                ("a", "b=c"),
                ("empty", ""),
                ("last", "z")
            ]
        );
        assert_eq!(all(" noise key=value"), [("key", "value")]);
        assert_eq!(
            all("\n  app=smb\n  msg=one\n  two\n  src=192.0.2.1\nspt=7\n"),
            [
                ("app", "smb"),
                ("msg", "one\n  two"),
                ("src", "192.0.2.1"),
                ("spt", "7")
            ]
        );
        assert_eq!(all("no pairs"), []);
        assert_eq!(all("=x"), [("", "x")]);
    }

    #[test]
    fn escapes() {
        assert_eq!(unescaped("a\\=b C:\\\\x \\| y", b"\\="), "a=b C:\\x \\| y");
        assert_eq!(unescaped("C:\\Temp\\new", b"\\="), "C:\\Temp\\new");
        assert_eq!(
            unescaped("GET / HTTP/1.0\\r\\nHost: x\\r\\n", b"\\="),
            "GET / HTTP/1.0\r\nHost: x\r\n"
        );
        assert_eq!(unescaped("a\\|b\\\\", b"\\|"), "a|b\\");
    }
}
