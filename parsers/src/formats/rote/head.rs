//! What stands in front of a message of a known form:
//!
//! ```text
//! [<priority>]Mar  1 10:00:00 host program[pid]: message
//! [<priority>]Mar  1 10:00:00 host %ASA-6-302013: message
//! [<priority>]2026-03-01T10:00:00.123456+00:00 host …
//! ```

use chrono_tz::Tz;

use crate::batch::{Slot, same_text};
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
pub(super) struct Head {
    pub(super) form: Form,
    /// The number of the program.
    pub(super) program: usize,
    /// Where the message begins.
    pub(super) message: usize,
}

/// Which of the parts that may be missing are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub(super) priority: bool,
    pub(super) pid: bool,
    /// The time is that of RFC 3339.
    pub(super) iso: bool,
}

/// How many forms there are.
pub(super) const FORMS: usize = 8;

impl Form {
    /// A number below [`FORMS`].
    pub(super) fn number(self) -> usize {
        usize::from(self.priority) << 2 | usize::from(self.pid) << 1 | usize::from(self.iso)
    }
}

/// Instants between which all that follows from one has four digits of a year: 1980 to 9000.
const YEARS: std::ops::Range<i64> = 315_532_800_000_000..221_845_392_000_000_000;

/// What stands in front of a program's name or a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Front {
    pub(super) priority: bool,
    pub(super) iso: bool,
    /// Where the stamp begins and ends.
    stamp: (usize, usize),
    /// Where what follows begins.
    pub(super) end: usize,
}

/// Priority, stamp and host of `line`, and their slots; the stamp is not read yet.
#[inline]
pub(super) fn front(line: &[u8], slots: &mut [Slot]) -> Option<Front> {
    let mut at = 0;
    let has_priority = line.first() == Some(&b'<');
    if has_priority {
        let (length, priority) = priority(line)?;
        slots[PRIORITY].number = priority;
        slots[FACILITY].number = priority / 8;
        slots[SEVERITY].number = priority % 8;
        at = length;
    }
    let iso = line.get(at)?.is_ascii_digit();
    let length = match iso {
        true => iso_length(&line[at..])?,
        false => BSD,
    };
    let stamp = (at, at + length);
    if line.get(at + length) != Some(&b' ') {
        return None;
    }
    at += length + 1;
    let length = host(&line[at..])?;
    slots[HOST] = piece(at, at + length);
    Some(Front {
        priority: has_priority,
        iso,
        stamp,
        end: at + length + 1,
    })
}

/// The stamp that was read last, and what it came to: neighbours are often of the same second.
#[derive(Default)]
pub(super) struct Stamps {
    text: Vec<u8>,
    around: Option<(i64, Tz)>,
    time: i64,
}

impl Stamps {
    /// The instant of the stamp of `line`.
    #[inline]
    pub(super) fn time(&mut self, line: &[u8], front: &Front, reference: i64, zone: Tz) -> Option<i64> {
        let stamp = line.get(front.stamp.0..front.stamp.1)?;
        if self.around == Some((reference, zone)) && same_text(stamp, &self.text) {
            return Some(self.time);
        }
        let time = time_of(stamp, front.iso, reference, zone)?;
        self.text.clear();
        self.text.extend_from_slice(stamp);
        (self.around, self.time) = (Some((reference, zone)), time);
        Some(time)
    }
}

/// What stands in front of the message of `line` behind its `front`, and its slots. `known` is the number of a program (`%`: of
/// a device); of lines of others nothing else is read.
#[inline]
pub(super) fn read(
    line: &[u8],
    front: &Front,
    stamps: &mut Stamps,
    (reference, zone): (i64, Tz),
    known: impl FnOnce(&[u8]) -> Option<usize>,
    slots: &mut [Slot],
) -> Option<Head> {
    let Front {
        priority: has_priority,
        iso,
        end: mut at,
        ..
    } = *front;
    let rest = line.get(at..)?;
    let is_name = |b: &&u8| b.is_ascii_alphabetic() || **b == b'-';
    let name = match rest.first() {
        Some(b'%') => 1,
        _ => rest.iter().take_while(is_name).count(),
    };
    let program = known(&rest[..name])?;
    slots[TIME].number = stamps.time(line, front, reference, zone)?;
    if rest.first() == Some(&b'%') {
        slots[MESSAGE] = piece(at, line.len());
        return Some(Head {
            form: Form {
                priority: has_priority,
                pid: false,
                iso,
            },
            program,
            message: at,
        });
    }
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
            iso,
        },
        program,
        message: at,
    })
}

/// The instant of a stamp of all these bytes.
#[inline]
fn time_of(stamp: &[u8], iso: bool, reference: i64, zone: Tz) -> Option<i64> {
    let text = std::str::from_utf8(stamp).ok()?;
    let (time, after) = match iso {
        true => time::iso(text, zone)?,
        false if stamp.first()?.is_ascii_uppercase() => time::bsd(text, reference, zone)?,
        false => return None,
    };
    (after.is_empty() && YEARS.contains(&time)).then_some(time)
}

/// Length of `Mar  1 10:00:00`.
const BSD: usize = 15;

/// Length of the time that `text` starts with: `2026-03-01T10:00:00`, a fraction or none, `Z` or `+00:00`.
#[inline]
fn iso_length(text: &[u8]) -> Option<usize> {
    const FRONT: &[u8] = b"0000-00-00T00:00:00";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    let (front, mut rest) = text.split_at_checked(FRONT.len())?;
    if !front.iter().zip(FRONT).all(fits) {
        return None;
    }
    if let [b'.', digits @ ..] = rest {
        let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        rest = &digits[length..];
    }
    let zone = match rest {
        [b'Z', ..] => 1,
        [b'+' | b'-', zone @ ..] if zone.len() >= 5 && zone.iter().zip(b"00:00").all(fits) => 6,
        _ => return None,
    };
    Some(text.len() - rest.len() + zone)
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
pub(super) fn priority(line: &[u8]) -> Option<(usize, i64)> {
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
    const LETTER: u8 = 1;
    const POINT: u8 = 2;
    const LETTERS: [u8; 256] = {
        let mut letters = [0; 256];
        let mut byte = 0;
        while byte < 128 {
            letters[byte] = match byte as u8 {
                b'a'..=b'z' | b'0'..=b'9' | b'-' => LETTER,
                b'.' => LETTER | POINT,
                _ => 0,
            };
            byte += 1;
        }
        letters
    };
    let (mut length, mut all) = (0, 0);
    for byte in text {
        let letter = LETTERS[usize::from(*byte)];
        if letter == 0 {
            break;
        }
        all |= letter;
        length += 1;
    }
    if length > LONG || !text.first()?.is_ascii_lowercase() || text.get(length) != Some(&b' ') {
        return None;
    }
    let is_priority = || {
        let word = std::str::from_utf8(&text[..=length]).unwrap_or_default();
        named_priority(word).is_some()
    };
    (all & POINT == 0 || !is_priority()).then_some(length)
}

/// Sample `sample` of a line of this form.
pub(super) fn sample(form: Form, program: &str, message: &str, sample: usize) -> String {
    let priority = match form.priority {
        true => ["<86>", "<165>", "<46>"][sample],
        false => "",
    };
    let stamp = match form.iso {
        false => ["Feb  3 04:05:06", "Jan 14 13:14:15", "Mar  5 22:23:24"][sample],
        true => {
            let stamps = [
                "2026-02-03T04:05:06.123456+00:00",
                "2026-01-14T13:14:15Z",
                "2025-03-05T22:23:24.5-03:30",
            ];
            stamps[sample]
        }
    };
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
