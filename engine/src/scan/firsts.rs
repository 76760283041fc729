//! Where files begin in time, so that those read before them wait for them.
//!
//! Files are read one after the other. What the first says of the time would make all that lies beside it too late: so each
//! file is looked at before, and while one is read, time goes on no further than to where those begin that come after it
//! ([`Hold`]). An input without an end is not waited for, nor is anything behind it.

use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::Decoder;
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{Input, InputOptions};

use super::ScanOptions;
use super::state::Resume;
use crate::alert_build::micros_at;
use crate::windows::time::{Begins, Hold};

/// Bytes of a file that are looked at.
const LOOKED_AT: usize = 64 << 10;

/// Blocks of so many bytes that are looked at: the first of an EVTX file may hold no record.
const BLOCKS: usize = 2;

/// Finds where files begin, reading them as the scan does.
pub(super) struct Firsts<'a> {
    pub(super) catalog: &'a Arc<Catalog>,
    pub(super) options: &'a ScanOptions,
    pub(super) frame_options: &'a FrameOptions,
    /// Whether another scan goes on where this one ends, or this one where another did.
    pub(super) goes_on: bool,
}

impl Firsts<'_> {
    /// What holds time back while each input is read. Those of which it is not known where they begin are put into `unknown`.
    pub(super) fn holds(
        &self,
        inputs: &[Input],
        resumes: &[Resume],
        unknown: &mut Vec<Arc<str>>,
    ) -> Vec<Hold> {
        let resume = |number: usize| resumes.get(number).unwrap_or(&Resume::Whole);
        let read = (0..inputs.len()).filter(|number| *resume(*number) != Resume::Skip);
        if !self.goes_on && read.count() < 2 {
            return Vec::new();
        }
        let mut holds = vec![Hold::default(); inputs.len()];
        let mut unread: Option<i64> = None;
        for (number, input) in inputs.iter().enumerate().rev() {
            if input.size.is_none() {
                unread = None;
                continue;
            }
            let begins = match resume(number) {
                Resume::Skip => continue,
                Resume::After(_) => Begins::GoesOn,
                Resume::Whole | Resume::Replaced => match self.first_time(input) {
                    Some(time) => Begins::At(time),
                    None => {
                        if input.size != Some(0) {
                            unknown.push(input.path.clone());
                        }
                        Begins::Unknown
                    }
                },
            };
            holds[number] = Hold { begins, unread };
            if let Begins::At(time) = begins {
                unread = Some(unread.map_or(time, |unread| unread.min(time)));
            }
        }
        unknown.reverse();
        holds
    }

    /// The lowest time of the events at the beginning of a file: the first need not be the oldest.
    fn first_time(&self, input: &Input) -> Option<i64> {
        let chunks = input.open(&InputOptions {
            chunk_bytes: LOOKED_AT,
        });
        // Why it cannot be read is told when it is read.
        let mut blocks = BlockReader::new(
            chunks.ok()?,
            FrameOptions {
                block_bytes: LOOKED_AT,
                ..self.frame_options.clone()
            },
        );
        let mut decoder = Decoder::new(self.catalog.clone(), self.options.decode.clone());
        for _ in 0..BLOCKS {
            let Read::Block(block) = blocks.next(None) else {
                return None;
            };
            let decoded = decoder.decode(block);
            let times = decoded.batches.iter().flat_map(|batch| {
                let rows = 0..batch.len();
                rows.map(move |row| micros_at(batch, row))
            });
            // What has no time of its own, or a broken one, would hold everybody else for nothing.
            if let Some(first) = times.filter(|time| *time > 0).min() {
                return Some(first);
            }
        }
        None
    }
}
