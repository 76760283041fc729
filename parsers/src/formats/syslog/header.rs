//! The two syslog headers, and what files make of them.
//!
//! RFC 5424 is a grammar. RFC 3164 describes what was seen on the wire, so each part may be missing:
//! the priority (files), the host (some relays), the tag (network gear); the time may be ISO (rsyslog's
//! file format), with the zone written twice, or seconds since the epoch. What cannot be told apart is read
//! the way the RFC says: the first word is the host, and the tag ends at the first character that is no part
//! of a program's name.
//!
//! A relay that takes a whole line for the message puts its own time and host in front: then the inner header
//! holds, since the device wrote it. It counts only where the tag would stand and has a tag of its own, which no
//! program's message can look like: the message stands behind the program's tag.

use std::borrow::Cow;

use chrono_tz::Tz;
use nom::bytes::complete::{take_till1, take_while1};
use nom::character::complete::{char, space0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::gear;
use crate::time;

/// One syslog line taken apart. *Invariant*: every part is a slice of the line, except escaped values.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) priority: Option<i64>,
    pub(crate) version: Option<i64>,
    /// Microseconds since the epoch.
    pub(crate) time: Option<i64>,
    pub(crate) host: Option<&'a str>,
    /// The program with everything in front of `[`: `sshd(pam_unix)`.
    pub(crate) tag: Option<&'a str>,
    /// What stands in `[…]` after the tag, or RFC 5424's PROCID.
    pub(crate) process_id: Option<&'a str>,
    pub(crate) message_id: Option<&'a str>,
    /// `(id, parameter, value)`; an element without parameters has none.
    pub(crate) structured: Vec<(&'a str, &'a str, Cow<'a, str>)>,
    pub(crate) message: &'a str,
}

impl<'a> Header<'a> {
    /// `line` as syslog; `None` if it has no priority and no timestamp where one belongs, and is no
    /// `host program[pid]: …` either.
    pub(crate) fn parse(line: &'a str, reference_time: i64, zone: Tz) -> Option<Header<'a>> {
        let line = line.trim_end_matches(['\n', '\r', '\0']);
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let line = without_octet_count(line);
        let (rest, priority) = match priority(line) {
            Ok((rest, priority)) => (rest, Some(priority)),
            Err(_) => (line, None),
        };
        if priority.is_some()
            && let Ok((_, mut header)) = rfc5424(rest, zone)
        {
            header.priority = priority;
            return Some(header);
        }
        if priority.is_none()
            && let Some(header) = rfc5424_in_a_file(rest, zone)
        {
            return Some(header);
        }
        let mut header = gear::parse(rest, priority.is_some(), reference_time, zone)
            .or_else(|| rfc3164(rest, priority.is_some(), reference_time, zone))
            .or_else(|| without_time(rest))?;
        header.priority = priority.or(header.priority);
        Some(header)
    }

    /// The program's name: the tag without a path, and without `(pam_unix)`.
    pub(crate) fn program(&self) -> Option<&'a str> {
        let tag = self.tag?;
        let name = match tag.ends_with(')') {
            true => match tag.find('(') {
                Some(at) if at > 0 => &tag[..at],
                _ => tag,
            },
            false => tag,
        };
        if !name.as_bytes().contains(&b'/') {
            return Some(name);
        }
        match name.rsplit_once('/') {
            // `/usr/sbin/cron` is a path; `postfix/smtpd` is the name of a program.
            Some((folder, last)) if folder.starts_with('/') || folder.is_empty() => Some(last),
            _ => Some(name),
        }
    }
}

/// Drops the length that precedes a message in octet-counted streams (RFC 6587).
fn without_octet_count(line: &str) -> &str {
    let digits = line.bytes().take(9).take_while(u8::is_ascii_digit).count();
    match line[digits..].strip_prefix(' ') {
        Some(rest) if digits > 0 && rest.starts_with('<') => rest,
        _ => line,
    }
}

fn priority(input: &str) -> IResult<&str, i64> {
    let (rest, digits) =
        delimited(char('<'), take_while1(|c: char| c.is_ascii_digit()), char('>')).parse(input)?;
    match digits.parse::<i64>() {
        Ok(value) if digits.len() <= 3 && value <= 191 => Ok((rest, value)),
        _ => Err(refuse(input)),
    }
}

fn refuse(input: &str) -> nom::Err<nom::error::Error<&str>> {
    nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify))
}

/// One word of the header; `-` is "none".
fn word(input: &str) -> IResult<&str, Option<&str>> {
    let (rest, word) = take_till1(|c: char| c == ' ').parse(input)?;
    Ok((rest, Some(word).filter(|word| *word != "-")))
}

fn rfc5424(input: &str, zone: Tz) -> IResult<&str, Header<'_>> {
    let (rest, version) = take_while1(|c: char| c.is_ascii_digit()).parse(input)?;
    let version = match version.parse::<i64>() {
        Ok(number) if version.len() <= 3 && number > 0 => number,
        _ => return Err(refuse(input)),
    };
    let (rest, stamp) = preceded(char(' '), word).parse(rest)?;
    let time = match stamp {
        Some(stamp) => match time::iso(stamp, zone) {
            // Some relays write the zone twice (`+00:00Z`).
            Some((instant, "" | "Z")) => Some(instant),
            _ => match since_epoch(stamp) {
                Some(instant) => Some(instant),
                None => return Err(refuse(input)),
            },
        },
        None => None,
    };
    let (rest, host) = preceded(char(' '), word).parse(rest)?;
    if let Some(message) = rest.strip_prefix(' ').filter(|rest| is_record(rest)) {
        // Nothing but version, time and host.
        let header = Header {
            version: Some(version),
            time,
            host,
            message,
            ..Header::default()
        };
        return Ok(("", header));
    }
    let (rest, application) = preceded(char(' '), word).parse(rest)?;
    let (rest, process_id) = preceded(char(' '), word).parse(rest)?;
    let (rest, message_id) = preceded(char(' '), word).parse(rest)?;
    let (rest, structured) = preceded(space0, structured_data).parse(rest)?;
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    let header = Header {
        priority: None,
        version: Some(version),
        time,
        host,
        tag: application.map(|tag| tag.strip_suffix(':').unwrap_or(tag)),
        process_id,
        message_id,
        structured,
        message: message.strip_prefix('\u{feff}').unwrap_or(message),
    };
    Ok(("", header))
}

/// RFC 5424 as files keep it, without priority and version: `time host program pid - - message`. The two signs for
/// "none" are wanted, so that no words are taken for a header.
fn rfc5424_in_a_file(input: &str, zone: Tz) -> Option<Header<'_>> {
    if input.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let (time, rest) = time::iso(input, zone)?;
    let mut words = rest.strip_prefix(' ')?.splitn(6, ' ');
    let (host, tag, process_id) = (words.next()?, words.next()?, words.next()?);
    let (message_id, structured, message) = (words.next()?, words.next()?, words.next()?);
    let is_process = process_id == "-" || process_id.bytes().all(|b| b.is_ascii_digit());
    if !is_process || message_id != "-" || structured != "-" || host.is_empty() {
        return None;
    }
    let said = |word| Some(word).filter(|word| *word != "-");
    Some(Header {
        time: Some(time),
        host: said(host),
        tag: said(tag),
        process_id: said(process_id),
        message,
        ..Header::default()
    })
}

/// Seconds, milliseconds or microseconds since the epoch, of this century.
fn since_epoch(stamp: &str) -> Option<i64> {
    let digits = stamp.bytes().take_while(u8::is_ascii_digit).count();
    let is_count = matches!(digits, 10 | 13 | 16) && stamp.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_count.then(|| time::since_epoch(stamp)).flatten()
}

/// Whether `message` is a record that says itself what it is: such a line is syslog without a tag too. The first
/// characters of CEF, LEEF, Fortinet's pairs, PAN-OS's columns.
pub(super) fn is_record(message: &str) -> bool {
    let bytes = message.as_bytes();
    match bytes.first() {
        Some(b'C') => message.starts_with("CEF:"),
        Some(b'A') => message.starts_with("ASM:CEF:"),
        Some(b'L') => message.starts_with("LEEF:"),
        Some(b'd') => message.starts_with("date=20") || message.starts_with("devname="),
        Some(b'1') => bytes.get(1) == Some(&b',') && bytes.get(2).is_some_and(u8::is_ascii_digit),
        _ => false,
    }
}

/// `user.info `: the priority in words, as BusyBox and some relays write it into files, and what stands behind it.
pub(in crate::formats) fn named_priority(input: &str) -> Option<(i64, &str)> {
    const FACILITIES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];
    const SEVERITIES: [&str; 8] = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ];
    let (word, rest) = input.split_once(' ').filter(|(word, _)| word.len() <= 16)?;
    let (facility, severity) = word.split_once('.')?;
    let facility = FACILITIES.iter().position(|known| *known == facility)?;
    let severity = match severity {
        "warn" => 4,
        "error" => 3,
        _ => SEVERITIES.iter().position(|known| *known == severity)?,
    };
    let priority = facility * 8 + severity;
    Some((i64::try_from(priority).ok()?, rest.trim_start_matches(' ')))
}

/// `[node1:wafl.scan.done:info]:` or `[worker,12]`: no host, and more than a tag; hosts in brackets are addresses.
fn is_bracket(word: &str) -> bool {
    let Some(inner) = word.strip_prefix('[') else {
        return false;
    };
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    let named = inner.starts_with(|c: char| c.is_ascii_alphabetic());
    word.ends_with("]:") || named && inner.parse::<std::net::IpAddr>().is_err()
}

/// Whether a time may stand at the start of `text`, by its shape.
pub(super) fn looks_stamped(text: &str) -> bool {
    match text.as_bytes() {
        [b'A'..=b'Z', _, _, b' ', _, _, b' ', ..] => true,
        [_, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] => text.as_bytes()[0].is_ascii_digit(),
        _ => false,
    }
}

/// The header that a device wrote and a relay took for the message: a time, then a tag with or without a host.
fn inner<'a>(input: &'a str, reference_time: i64, zone: Tz) -> Option<Header<'a>> {
    let mut rest = input;
    if !looks_stamped(rest) {
        // The address of the sender may stand in between.
        let (word, after) = rest.split_once(' ')?;
        if word.parse::<std::net::IpAddr>().is_err() || !looks_stamped(after) {
            return None;
        }
        rest = after;
    }
    let (_, behind) = stamp(rest, reference_time, zone)?;
    // Once: nobody was seen to do it twice.
    if looks_stamped(behind.trim_start_matches(' ')) {
        return None;
    }
    let header = rfc3164(rest, false, reference_time, zone)?;
    (header.tag.is_some() || is_record(header.message)).then_some(header)
}

type Structured<'a> = Vec<(&'a str, &'a str, Cow<'a, str>)>;

/// `-` or `[id name="value" …][…]`. Damaged data is left to the message: a line is never lost for it.
fn structured_data(input: &str) -> IResult<&str, Structured<'_>> {
    if let Some(rest) = input.strip_prefix('-') {
        return Ok((rest, Vec::new()));
    }
    let mut values = Vec::new();
    let mut rest = input;
    while rest.starts_with('[') {
        match element(rest) {
            Ok((after, element)) => {
                values.extend(element);
                rest = after;
            }
            Err(_) => break,
        }
    }
    Ok((rest, values))
}

fn element(input: &str) -> IResult<&str, Structured<'_>> {
    let ends_name = |c: char| matches!(c, ' ' | '=' | ']' | '"');
    let (mut rest, id) = preceded(char('['), take_till1(ends_name)).parse(input)?;
    // Every parameter gets a name that begins with it.
    if id.len() > 256 {
        return Err(refuse(input));
    }
    let mut values = Vec::new();
    loop {
        let (after, _) = space0.parse(rest)?;
        if let Some(after) = after.strip_prefix(']') {
            return Ok((after, values));
        }
        let (after, name) = take_till1(ends_name).parse(after)?;
        let (after, _) = (char('='), space0).parse(after)?;
        let (after, value) = quoted(after)?;
        values.push((id, name, value));
        rest = after;
    }
}

/// A value in quotes; a backslash escapes `"`, `\` and `]`, and stands for itself elsewhere.
fn quoted(input: &str) -> IResult<&str, Cow<'_, str>> {
    let (body, _) = char('"').parse(input)?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok((&body[at + 1..], unescape(&body[..at]))),
            _ => {}
        }
    }
    Err(refuse(input))
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next)) if matches!(next, '"' | '\\' | ']') => {
                text.push(next);
                chars.next();
            }
            _ => text.push(c),
        }
    }
    Cow::Owned(text)
}

fn rfc3164(input: &str, has_priority: bool, reference_time: i64, zone: Tz) -> Option<Header<'_>> {
    let stamped = stamp(input.trim_start_matches(' '), reference_time, zone);
    let mut header = Header::default();
    let rest = match stamped {
        Some((instant, rest)) => {
            header.time = Some(instant);
            rest
        }
        None if has_priority => input,
        None => return None,
    };
    let mut rest = rest.trim_start_matches(' ');
    if let Some((priority, after)) = named_priority(rest) {
        (header.priority, rest) = (Some(priority), after);
    }
    // Some write the program in brackets: `[sshd]: …`.
    if let Some((name, message)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_tag_char)
    {
        (header.tag, header.message) = (Some(name), message.trim_start_matches(' '));
        return Some(header);
    }
    // A word that is already a complete tag has no host in front of it.
    if let Some((tag, process_id, message)) = full_tag(rest) {
        (header.tag, header.process_id, header.message) = (Some(tag), process_id, message);
        return Some(header);
    }
    let bracketed = rest.split(' ').next().is_some_and(is_bracket);
    if header.time.is_none() || bracketed || is_record(rest) {
        header.message = rest;
        return Some(header);
    }
    let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    header.host = Some(host).filter(|host| !host.is_empty());
    // Some network gear sets the colon off: `host : text`.
    let mut rest = rest.strip_prefix(": ").unwrap_or(rest).trim_start_matches(' ');
    if let Some(device) = inner(rest, reference_time, zone) {
        return Some(Header {
            host: device.host.or(header.host),
            priority: device.priority.or(header.priority),
            ..device
        });
    }
    if let Some((priority, after)) = named_priority(rest) {
        (header.priority, rest) = (Some(priority), after);
    }
    if let Some((tag, process_id, message)) = full_tag(rest).or_else(|| bare_tag(rest)) {
        (header.tag, header.process_id, header.message) = (Some(tag), process_id, message);
    } else {
        header.message = rest;
    }
    Some(header)
}

/// `host program[pid]: …`, as some exports leave it. Without a time only this full form is syslog.
fn without_time(input: &str) -> Option<Header<'_>> {
    let (host, rest) = input.split_once(' ')?;
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let (tag, process_id, message) = full_tag(rest)?;
    let is_number = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
    (is_host && process_id.is_some_and(is_number)).then(|| Header {
        host: Some(host),
        tag: Some(tag),
        process_id,
        message,
        ..Header::default()
    })
}

/// A time (also multilog's `@40…`) followed by a space, a colon (network gear) or the end.
fn stamp(input: &str, reference_time: i64, zone: Tz) -> Option<(i64, &str)> {
    let (mut instant, mut rest) = time::bsd(input, reference_time, zone)
        .or_else(|| time::iso(input, zone))
        .or_else(|| time::tai64n(input))?;
    // `10:00:00 CET host tag: …`; in front of a tag the word is the host.
    if let Some((offset, behind)) = rest.strip_prefix(' ').and_then(time::zone_name)
        && let Some(host) = behind
            .strip_prefix(' ')
            .and_then(|behind| behind.split(' ').next())
        && !host.is_empty()
        && !host.contains([':', '['])
    {
        instant = time::bsd(input, reference_time, Tz::UTC)
            .or_else(|| time::iso(input, Tz::UTC))?
            .0
            - offset;
        rest = behind;
    }
    // Some relays write the zone twice (`+00:00Z`).
    let rest = rest.strip_prefix('Z').unwrap_or(rest);
    match rest.as_bytes().first() {
        None | Some(b' ') => Some((instant, rest)),
        Some(b':') => Some((instant, &rest[1..])),
        _ => None,
    }
}

/// Length of the front of `input` that a tag may consist of.
fn tag_length(input: &str) -> usize {
    /// [`is_tag_char`] of ASCII; what is beyond is looked at as a character.
    const PLAIN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            let b = byte as u8;
            table[byte] = b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'-' | b'_' | b'.' | b'/' | b'@' | b'%' | b'+' | b'~' | b'#' | b'*' | b'$'
                );
            byte += 1;
        }
        table
    };
    let plain = input.bytes().take_while(|b| PLAIN[usize::from(*b)]).count();
    match input.as_bytes().get(plain) {
        Some(b) if !b.is_ascii() => input.find(|c| !is_tag_char(c)).unwrap_or(input.len()),
        _ => plain,
    }
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | '%' | '+' | '~' | '#' | '*' | '$')
}

pub(crate) type Tag<'a> = (&'a str, Option<&'a str>, &'a str);

/// `name:`, `name[pid]:`, `name[pid]`, `name(pam_unix)[pid]:` and the message after it.
pub(crate) fn full_tag(input: &str) -> Option<Tag<'_>> {
    let (name, mut rest) = input.split_at(tag_length(input));
    if name.is_empty() {
        return None;
    }
    if let Some(inner) = rest.strip_prefix('(') {
        let end = inner.bytes().position(|b| b == b')' || b == b' ');
        if let Some(after) = end.and_then(|end| inner[end..].strip_prefix(')')) {
            rest = after;
        }
    }
    let tag = &input[..input.len() - rest.len()];
    let mut process_id = None;
    if let Some(inner) = rest.strip_prefix('[') {
        let end = inner
            .bytes()
            .position(|b| !b.is_ascii_graphic() || b == b']' || b == b'[')
            .unwrap_or(inner.len());
        if let Some(after) = inner[end..].strip_prefix(']') {
            (process_id, rest) = (Some(&inner[..end]), after);
        }
    }
    let message = match rest.strip_prefix(':') {
        // `2001:db8::1` or `10:20` is no tag: a colon inside a word does not end one.
        Some(message) if !message.is_empty() && !message.starts_with(' ') && process_id.is_none() => {
            return None;
        }
        Some(message) => message.strip_prefix(' ').unwrap_or(message),
        None if process_id.is_some() && rest.starts_with(' ') => &rest[1..],
        None => return None,
    };
    Some((
        tag,
        process_id.filter(|id| !id.is_empty()),
        message.trim_start_matches(' '),
    ))
}

/// A word that a space ends: RFC 3164's tag without a colon.
fn bare_tag(input: &str) -> Option<Tag<'_>> {
    let (word, message) = input.split_once(' ').unwrap_or((input, ""));
    let is_name = word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && word.chars().all(is_tag_char)
        && word.len() <= 64;
    // Written by syslogd itself in place of repeated lines.
    let repeats = input.starts_with("last message repeated") || input.starts_with("message repeated");
    (is_name && !repeats).then(|| (word, None, message.trim_start_matches(' ')))
}
