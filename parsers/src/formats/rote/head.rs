//! What stands in front of a message of a known form:
//!
//! ```text
//! [<priority>]Mar  1 10:00:00 host program[pid]: message
//! [<priority>]Mar  1 10:00:00 host %ASA-6-302013: message
//! ```

use chrono_tz::Tz;

use crate::batch::Slot;
use crate::formats::syslog::header::named_priority;
use crate::time;

/// Slots of what stands in front; those of the message follow.
pub(super) const TIME: usize = 0;
pub(super) const PRIORITY: usize = 1;
pub(super) const FACILITY: usize = 2;
pub(super) const SEVERITY: usize = 3;
pub(super) const HOST: usize = 4;
pub(super) const PID: usize = 5;
pub(super) const MESSAGE: usize = 6;
pub(super) const SLOTS: usize = 7;

/// What stands in front of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'l> {
    pub(super) form: Form,
    /// `%` for a device's message.
    pub(super) program: &'l [u8],
    /// Where the message begins.
    pub(super) message: usize,
}

/// Which of the parts that may be missing are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub(super) priority: bool,
    pub(super) pid: bool,
}

/// Instants between which all that follows from one has four digits of a year: 1980 to 9000.
const YEARS: std::ops::Range<i64> = 315_532_800_000_000..221_845_392_000_000_000;

/// What stands in front of the message of `line`, and its slots.
#[inline]
pub(super) fn read<'l>(line: &'l [u8], reference: i64, zone: Tz, slots: &mut [Slot]) -> Option<Head<'l>> {
    const STAMP: usize = 15;
    let mut at = 0;
    let has_priority = line.first() == Some(&b'<');
    if has_priority {
        let (length, priority) = priority(line)?;
        slots[PRIORITY].number = priority;
        slots[FACILITY].number = priority / 8;
        slots[SEVERITY].number = priority % 8;
        at = length;
    }
    let stamp = line.get(at..at + STAMP)?;
    if !stamp[0].is_ascii_uppercase() || line.get(at + STAMP) != Some(&b' ') {
        return None;
    }
    let (time, after) = time::bsd(std::str::from_utf8(stamp).ok()?, reference, zone)?;
    if !after.is_empty() || !YEARS.contains(&time) {
        return None;
    }
    slots[TIME].number = time;
    at += STAMP + 1;
    let length = host(&line[at..])?;
    slots[HOST] = piece(at, at + length);
    at += length + 1;
    let rest = line.get(at..)?;
    if rest.first() == Some(&b'%') {
        slots[MESSAGE] = piece(at, line.len());
        return Some(Head {
            form: Form {
                priority: has_priority,
                pid: false,
            },
            program: &rest[..1],
            message: at,
        });
    }
    let is_name = |b: &&u8| b.is_ascii_alphabetic() || **b == b'-';
    let name = rest.iter().take_while(is_name).count();
    let program = &rest[..name];
    at += name;
    let has_pid = line.get(at) == Some(&b'[');
    if has_pid {
        let digits = &line[at + 1..];
        let mut number = 0;
        let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&length) || digits[0] == b'0' {
            return None;
        }
        for digit in &digits[..length] {
            number = number * 10 + i64::from(digit - b'0');
        }
        slots[PID] = Slot {
            number,
            ..piece(at + 1, at + 1 + length)
        };
        at += length + 2;
        if line.get(at - 1) != Some(&b']') {
            return None;
        }
    }
    if name == 0 || line.get(at..at + 2)? != b": " {
        return None;
    }
    at += 1;
    at += line[at..].iter().take_while(|b| **b == b' ').count();
    slots[MESSAGE] = piece(at, line.len());
    Some(Head {
        form: Form {
            priority: has_priority,
            pid: has_pid,
        },
        program,
        message: at,
    })
}

fn piece(start: usize, end: usize) -> Slot {
    Slot {
        start: start as u32,
        end: end as u32,
        number: 0,
    }
}

/// `<134>`: its length, and the number.
#[inline]
fn priority(line: &[u8]) -> Option<(usize, i64)> {
    let mut number = 0;
    for (at, byte) in line.iter().enumerate().skip(1).take(4) {
        match byte {
            b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
            b'>' if at > 1 && number <= 191 => return Some((at + 1, number)),
            _ => return None,
        }
    }
    None
}

/// Length of the host, which starts with a small letter and has a space behind it. No word for a priority is one.
#[inline]
fn host(text: &[u8]) -> Option<usize> {
    const LONG: usize = 64;
    let mut has_point = false;
    for (at, byte) in text.iter().enumerate().take(LONG) {
        match byte {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'-' if at > 0 => {}
            b'.' if at > 0 => has_point = true,
            b' ' if at > 0 => {
                let word = std::str::from_utf8(&text[..=at]).ok()?;
                return (!has_point || named_priority(word).is_none()).then_some(at);
            }
            _ => return None,
        }
    }
    None
}

/// Sample `sample` of a line of this form.
pub(super) fn sample(form: Form, program: &str, message: &str, sample: usize) -> String {
    let priority = match form.priority {
        true => ["<86>", "<165>", "<46>"][sample],
        false => "",
    };
    let stamp = ["Feb  3 04:05:06", "Jan 14 13:14:15", "Mar  5 22:23:24"][sample];
    let host = ["hstalpha", "gw-2.corp.example", "k"][sample];
    match program {
        "%" => format!("{priority}{stamp} {host} {message}"),
        program => {
            let pid = match form.pid {
                true => ["[40123]", "[987]", "[1276543]"][sample],
                false => "",
            };
            let gap = [" ", "   ", "  "][sample];
            format!("{priority}{stamp} {host} {program}{pid}:{gap}{message}")
        }
    }
}
