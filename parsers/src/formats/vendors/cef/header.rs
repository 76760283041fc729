//! The header of a line: how it is announced, and its seven fields.

use std::borrow::Cow;

use super::super::super::text::Line;
use super::super::super::text::search::near2;
use super::extension::unescaped;

/// The header of a line.
pub(super) struct Header<'a> {
    pub(super) version: &'a str,
    pub(super) vendor: &'a str,
    pub(super) product: &'a str,
    pub(super) product_version: &'a str,
    pub(super) class: &'a str,
    pub(super) name: &'a str,
    pub(super) severity: &'a str,
    pub(super) extension: &'a str,
}

/// The text behind `CEF:`, if the line is one.
pub(super) fn start<'a>(line: &Line<'a>) -> Option<&'a str> {
    let tagged = line.header.tag.is_some_and(|tag| tag.eq_ignore_ascii_case("cef"));
    let first = line.body.as_bytes().first()?;
    if !tagged && !matches!(first, b' ' | 0xef | b'C' | b'-' | b':' | b'A' | b'0' | b'1') {
        return None;
    }
    let body = line.body.trim_start_matches([' ', '\u{feff}']);
    for before in ["", "-: ", ": ", "- ", "ASM:"] {
        if let Some(rest) = body
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix("CEF:"))
        {
            return Some(rest.trim_start_matches(' '));
        }
    }
    // Tagged: a collector took `CEF:` for the tag of the line.
    let bare = matches!(body.as_bytes(), [b'0' | b'1', b'|', ..]) && line.header.tag.is_none();
    (tagged || bare && is_whole(body)).then_some(body)
}

/// Whether `text`, which nothing announces, is a whole header with an extension behind it.
fn is_whole(text: &str) -> bool {
    let Some(at) = memchr::memchr_iter(b'|', text.as_bytes()).nth(6) else {
        return false;
    };
    let extension = &text[at + 1..];
    let key = extension
        .trim_start()
        .bytes()
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    extension.trim().is_empty() || key > 0 && extension.trim_start()[key..].starts_with('=')
}

/// The header that `text` starts with.
pub(super) fn header<'a>(text: &'a str, line: &Line<'a>) -> Option<Header<'a>> {
    let mut rest = text;
    let version = next(&mut rest, line)?;
    let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_version {
        return None;
    }
    let vendor = next(&mut rest, line)?;
    let product = next(&mut rest, line)?;
    let mut more = || next(&mut rest, line).unwrap_or_default();
    let mut header = Header {
        version,
        vendor,
        product,
        product_version: more(),
        class: more(),
        name: more(),
        severity: more(),
        extension: "",
    };
    let doubled = header.vendor.is_empty()
        && rest
            .split_once('=')
            .is_some_and(|(before, _)| before.contains('|'));
    if doubled {
        // Check Point's exporter, told to, writes an empty field first.
        header.vendor = header.product;
        header.product = header.product_version;
        header.product_version = header.class;
        header.class = header.name;
        header.name = header.severity;
        header.severity = next(&mut rest, line).unwrap_or_default();
    }
    header.extension = rest;
    Some(header)
}

/// Takes the next field off `rest`; `None` at the end.
fn next<'a>(rest: &mut &'a str, line: &Line<'a>) -> Option<&'a str> {
    let text: &'a str = rest;
    let end = near2(b'|', b'\\', text.as_bytes());
    if let Some((field, after)) = end.and_then(|end| Some((&text[..end], text[end..].strip_prefix('|')?))) {
        *rest = after;
        let is_plain = |b: Option<&u8>| b.is_none_or(u8::is_ascii_graphic);
        let bytes = field.as_bytes();
        return Some(match is_plain(bytes.first()) && is_plain(bytes.last()) {
            true => field,
            false => field.trim(),
        });
    }
    let (field, after) = field(rest)?;
    *rest = after.unwrap_or_default();
    Some(match unescaped(field, b"\\|") {
        Cow::Borrowed(field) => field.trim(),
        Cow::Owned(text) => line.keep(text.trim()),
    })
}

/// The field that `text` starts with and what stands behind its bar; `None` at the end.
fn field(text: &str) -> Option<(&str, Option<&str>)> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    for at in memchr::memchr_iter(b'|', bytes) {
        let backslashes = bytes[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((&text[..at], Some(&text[at + 1..])));
        }
    }
    Some((text, None))
}
