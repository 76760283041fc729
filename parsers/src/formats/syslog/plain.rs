//! The header that nearly every line has, read in one go.
//!
//! ```text
//! [<priority>]Mar  1 10:00:00 host program[pid]: message
//! [<priority>]Mar  1 10:00:00 host %ASA-6-302013: message
//! [<priority>]Mar  1 10:00:00 host CEF:0|…
//! <priority>date=2026-03-01 …
//! ```
//!
//! [`Header::parse`] tries a dozen forms one after the other. What is plain enough that only one of them can be meant is
//! settled here; whatever leaves doubt is left to it. A test holds the two to the same answers.

use chrono_tz::Tz;

use super::gear;
use super::header::{Header, full_tag, is_record, looks_stamped, named_priority};
use crate::time;

/// What is known of a line's header.
pub(super) enum Plain<'a> {
    /// This is it.
    Header(Header<'a>),
    /// It has none that is syslog's.
    None,
    /// It is for [`Header::parse`] to say.
    Unknown,
}

/// Marks of devices stand among this many first bytes; see [`gear`].
const REACH: usize = 256;

/// The header of `line`, if that is plain.
pub(super) fn header<'a>(line: &'a str, reference_time: i64, zone: Tz) -> Plain<'a> {
    read(line, reference_time, zone).unwrap_or(Plain::Unknown)
}

fn read<'a>(line: &'a str, reference_time: i64, zone: Tz) -> Option<Plain<'a>> {
    let line = line.trim_end_matches(['\n', '\r', '\0']);
    let (priority, stamped) = match line.as_bytes().first()? {
        b'<' => priority(line).map(|(priority, rest)| (Some(priority), rest))?,
        b'A'..=b'Z' => (None, line),
        _ => return None,
    };
    if !stamped.as_bytes().first()?.is_ascii_uppercase() {
        // A record right behind a priority is no syslog: nothing says when, where or who.
        let bare = priority.is_some() && stamped.starts_with("date=20") && !may_be_marked(stamped.as_bytes());
        return bare.then_some(Plain::None);
    }
    let (instant, rest) = time::bsd(stamped, reference_time, zone)?;
    let rest = rest.strip_prefix(' ')?.trim_start_matches(' ');
    let (host, behind) = rest.split_at(host(rest.as_bytes())?);
    if host.as_bytes()[0].is_ascii_uppercase() && time::zone_name(host).is_some() {
        return None;
    }
    let message = behind.strip_prefix(' ')?.trim_start_matches(' ');
    let mut header = Header {
        priority,
        time: Some(instant),
        host: Some(host),
        ..Header::default()
    };
    if message.starts_with('%') {
        // The first mark of the line, directly behind one word that is neither a zone nor a count.
        let named = host.as_bytes()[0].is_ascii_lowercase();
        let near = line.len() - message.len() < REACH;
        let plain = named && near && behind.len() == message.len() + 1;
        header.message = message;
        return (plain && gear::mark(message).is_some()).then_some(Plain::Header(header));
    }
    // A relay's word for the priority (which has a point), or another header.
    let named = || host.as_bytes().contains(&b'.') && named_priority(rest).is_some();
    if may_be_marked(stamped.as_bytes()) || named() || looks_stamped(message) {
        return None;
    }
    match full_tag(message) {
        // A word that a colon ends, or a bracket, is no address that a header could stand behind, and no priority.
        Some((tag, process_id, said)) => {
            let plain = tag.as_bytes()[0].is_ascii_alphabetic() && !said.starts_with('%');
            let ended = message
                .as_bytes()
                .get(tag.len())
                .is_some_and(|b| matches!(b, b':' | b'['));
            (header.tag, header.process_id, header.message) = (Some(tag), process_id, said);
            (plain && ended && named_priority(message).is_none()).then_some(Plain::Header(header))
        }
        None if is_record(message) => {
            header.message = message;
            Some(Plain::Header(header))
        }
        None => None,
    }
}

/// `<134>` and what stands behind it.
fn priority(line: &str) -> Option<(i64, &str)> {
    let (digits, rest) = match line.as_bytes() {
        [b'<', a, b'>', ..] => (&[*a][..], &line[3..]),
        [b'<', a, b, b'>', ..] => (&[*a, *b][..], &line[4..]),
        [b'<', a, b, c, b'>', ..] => (&[*a, *b, *c][..], &line[5..]),
        _ => return None,
    };
    let mut priority = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        priority = priority * 10 + i64::from(digit);
    }
    (priority <= 191).then_some((priority, rest))
}

/// Length of the host that `text` starts with: a word of letters, digits, points, hyphens and underscores.
fn host(text: &[u8]) -> Option<usize> {
    const PLAIN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            let b = byte as u8;
            table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            byte += 1;
        }
        table
    };
    let length = text.iter().take_while(|b| PLAIN[usize::from(**b)]).count();
    (length > 0 && text[0].is_ascii_alphanumeric()).then_some(length)
}

/// Whether a mark may stand where [`gear`] looks for one.
fn may_be_marked(text: &[u8]) -> bool {
    let reach = &text[..text.len().min(REACH)];
    memchr::memchr_iter(b'%', reach).any(|at| at == 0 || matches!(reach[at - 1], b' ' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: i64 = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z

    /// Whether both say the same, and whether there was no doubt.
    fn agree(line: &str, zone: Tz) -> bool {
        let slow = super::super::whole_header_of(line, REFERENCE, zone);
        match header(line, REFERENCE, zone) {
            Plain::Header(header) => assert_eq!(Some(header), slow, "{line}"),
            Plain::None => assert_eq!(None, slow, "{line}"),
            Plain::Unknown => return false,
        }
        true
    }

    #[test]
    fn plain_lines_are_settled_here() {
        for line in [
            "<34>Feb  3 04:05:06 web1 cron[7]: hi",
            "Feb  3 04:05:06 web1 cron[7]: hi\n",
            "Feb 13 04:05:06 web-1.example.org sudo:   ann : TTY=pts/0",
            "Feb  3 04:05:06 h sshd(pam_unix)[9]: m",
            "Feb  3 04:05:06 h postfix/smtpd[9]: m 100% of",
            "<166>Feb  3 04:05:06 fw1 %ASA-6-302013: Built",
            "<134>Feb  3 04:05:06 fw1 CEF:0|A|B|1|2|3|4|a=b",
            "<14>Feb  3 04:05:06 fw1 1,2026/02/03 04:05:06,0018,TRAFFIC",
            "<189>date=2026-02-03 time=04:05:06 devname=\"fw1\"",
        ] {
            assert!(agree(line, Tz::UTC) && agree(line, Tz::Europe__Berlin), "{line}");
        }
    }

    #[test]
    fn doubt_is_left_to_the_other() {
        for line in [
            "<34>1 2026-02-03T04:05:06Z web1 cron 7 - - hi",
            "<192>Feb  3 04:05:06 web1 cron[7]: hi",
            "Feb  3 04:05:06 web1 Feb  3 04:05:06 web2 cron[7]: hi",
            "Feb  3 04:05:06 web1 user.info cron[7]: hi",
            "Feb  3 04:05:06 user.info cron[7]: hi",
            "Feb  3 04:05:06 cron[7]: hi",
            "Feb  3 04:05:06 EST %ASA-6-302013: Built",
            "Feb  3 04:05:06 CET web1 cron[7]: hi",
            "Feb  3 04:05:06 web1 app: %ASA-6-302013: Built",
            "Feb  3 04:05:06 web1 app: x %ASA-6-302013: Built",
            "Feb  3 04:05:06 web1 10.0.0.1 Feb  3 04:05:06 app: x",
            "Feb  3 04:05:06 web1 ::1 app: x",
            "Feb  3 04:05:06 71 %ASA-6-302013: Built",
        ] {
            assert!(!agree(line, Tz::UTC), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn as_all_forms_together(
            front in "(<[0-9]{1,3}>)?",
            stamp in "(Feb  3 04:05:06|Feb 3 2026 04:05:06|Mar 01 10:20:30.25|2026-02-03T04:05:06Z|)",
            words in proptest::collection::vec(
                "( ?| )(web1|fw-1.example|10\\.0\\.0\\.1|fe80::1|user\\.info|EST|Z|71|:|UTC|Feb  3 04:05:06|sshd\\[7\\]:|app:|su\\(pam_unix\\)\\[9\\]:|a/b:|/usr/bin/x:|\\[sshd\\]:|%ASA-6-302013:|%d|CEF:0\\|A\\|B|CEF:|date=2026|devname=x|1,2026|é:|x: )",
                0..5,
            ),
            rest in "[a-z%A-Z0-9:é \\[\\]=.|-]{0,20}",
        ) {
            let line = format!("{front}{stamp}{}{rest}", words.concat());
            agree(&line, Tz::UTC);
            agree(&line, Tz::Europe__Berlin);
        }
    }
}
