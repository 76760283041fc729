//! No text makes a record expensive: time and output grow with its length and no faster.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use borzoi_parsers::catalog::Catalog;

use crate::hostile::{PIECES, cost, record};
use crate::support::events;
use crate::targets::{check::decoder, heads};

/// Bytes of a record: enough for what grows with the square of it to take many times as long as the rest.
const LENGTH: usize = 8 << 10;

/// What a byte, and an event, may cost in a build without optimisation before it is looked at again.
const A_BYTE: Duration = Duration::from_nanos(2000);
const AN_EVENT: Duration = Duration::from_micros(500);

/// Every head meets every `STEP`th piece; with `BORZOI_TEST_EFFORT` all, in longer records.
const STEP: usize = 5;

#[test]
fn a_piece_over_and_over_takes_time_in_proportion() {
    let effort = std::env::var("BORZOI_TEST_EFFORT").is_ok_and(|effort| effort != "1");
    let (length, step) = match effort {
        true => (4 * LENGTH, 1),
        false => (LENGTH, STEP),
    };
    let mut decoders = HashMap::new();
    let mut wrong = Vec::new();
    for (number, (format, head)) in heads().enumerate() {
        let decoder = decoders
            .entry(format)
            .or_insert_with(|| decoder(Catalog::builtin(), format));
        // What ends a line leaves the head behind, unless records have several.
        let several = head.contains(['\n', '\0']);
        let pieces = PIECES.iter().filter(|piece| several || !piece.contains('\n'));
        for piece in pieces.skip(number % step).step_by(step) {
            let short = record(head, piece, length);
            let first = cost(decoder, &short, format);
            // Some fields hold the record or a part of it once more, and each event says where it came from; a control
            // character is six in JSON.
            let bound = 32 * short.len() + 2048 * (first.events + 1);
            if first.written > bound {
                wrong.push(format!(
                    "{head:?} {piece:?}: {first:?} is much for {length} bytes"
                ));
            }
            if first.time < A_BYTE * length as u32 + AN_EVENT * first.events as u32 {
                continue;
            }
            // Slow, or the machine had something else to do: four times the length tells.
            let longer = cost(decoder, &record(head, piece, 4 * length), format);
            let again = cost(decoder, &short, format);
            if longer.time > 8 * again.time {
                let (once, four) = (again.time, longer.time);
                wrong.push(format!(
                    "{head:?} {piece:?}: {once:?}, four times as much takes {four:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines that no grammar knows are looked at in every way there is. They are long here: what searches a line with vector
/// instructions from each of its bytes shows in no short one.
#[test]
fn long_lines_of_nobody_take_time_in_proportion() {
    const LONG: usize = 16 << 10;
    let heads = ["", "a: ", "a: \"", "a=b ", "Mar  1 10:00:00 h app[7]: a: b, c: "];
    let mut decoder = decoder(Catalog::builtin(), None);
    let mut wrong = Vec::new();
    for head in heads {
        for piece in PIECES.iter().filter(|piece| !piece.contains('\n')) {
            let longer = cost(&mut decoder, &record(head, piece, 4 * LONG), None);
            if longer.time < A_BYTE * LONG as u32 + AN_EVENT * longer.events as u32 {
                continue;
            }
            // The least of some: what else the machine does makes one look longer.
            let mut least = |length, times| {
                let record = record(head, piece, length);
                let times = (0..times).map(|_| cost(&mut decoder, &record, None).time);
                times.min().unwrap_or_default()
            };
            let (mut once, mut four) = (least(LONG, 4), least(4 * LONG, 4));
            if four > 8 * once {
                (once, four) = (least(LONG, 20), least(4 * LONG, 20));
            }
            if four > 8 * once {
                wrong.push(format!(
                    "{head:?} {piece:?}: {once:?}, four times as much takes {four:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names that strangers make up take no column from what rules ask for.
#[test]
fn made_up_names_leave_the_columns_of_others_alone() {
    let mut text = String::new();
    for line in 0..60 {
        text.push_str("Mar  1 10:00:00 web1 myapp[7]: request failed for client text:");
        for pair in 0..60 {
            let _ = write!(text, " k{line}x{pair}=1");
        }
        text.push('\n');
    }
    text.push_str("Mar  1 10:01:01 web1 systemd[1]: Started evil.service - x.\n");
    text.push_str("Mar  1 10:01:02 web1 otherd[7]: user=ann action=login src=192.0.2.4\n");
    let events = events(text.as_bytes());
    let [.., started, login] = &events[..] else {
        panic!("events");
    };
    assert_eq!(started["systemd.unit"], "evil.service", "{started:?}");
    assert_eq!(started["event.action"], "unit_started", "{started:?}");
    assert_eq!(login["user.name"], "ann", "{login:?}");
    assert_eq!(login["source.ip"], "192.0.2.4", "{login:?}");
    assert!(
        events.iter().all(|event| event.len() < 90),
        "columns of texts are few"
    );
}
