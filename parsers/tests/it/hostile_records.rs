//! No text makes a record expensive: time and output grow with its length and no faster.

use std::collections::HashMap;
use std::time::Duration;

use borzoi_parsers::catalog::Catalog;

use crate::hostile::{PIECES, cost, record};
use crate::targets::{check::decoder, heads};

/// Bytes of a record: enough for what grows with the square of it to take a hundred times as long as the rest.
const LENGTH: usize = 16 << 10;

/// What a byte may cost in a build without optimisation, ten times what the slowest grammar takes.
const A_BYTE: Duration = Duration::from_nanos(2000);

#[test]
fn a_piece_over_and_over_takes_time_in_proportion() {
    let mut decoders = HashMap::new();
    let mut wrong = Vec::new();
    for (format, head) in heads() {
        let decoder = decoders
            .entry(format)
            .or_insert_with(|| decoder(Catalog::builtin(), format));
        for piece in PIECES {
            let short = record(head, piece, LENGTH);
            let first = cost(decoder, &short, format);
            // Some fields hold the record or a part of it once more, and each event says where it came from.
            let bound = 16 * short.len() + 2048 * (first.events + 1);
            if first.written > bound {
                wrong.push(format!(
                    "{head:?} {piece:?}: {first:?} is much for {LENGTH} bytes"
                ));
            }
            if first.time < A_BYTE * LENGTH as u32 {
                continue;
            }
            // Slow, or the machine had something else to do: four times the length tells.
            let longer = cost(decoder, &record(head, piece, 4 * LENGTH), format);
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
