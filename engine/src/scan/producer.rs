//! The beginning of a scan's way: inputs in, blocks of frames out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{Input, InputOptions};

use super::TICK;
use super::state::Resume;
use super::work::Item;
use crate::pipeline::Feed;
use crate::windows::time::Hold;

/// Reads and frames the inputs, one after another.
pub(super) struct Producer<'a> {
    pub(super) inputs: &'a [Input],
    /// What an earlier scan has left to do of them; nothing if there was none.
    pub(super) resumes: &'a [Resume],
    /// What each of them and those after it hold time back while it is read; nothing where nobody waits.
    pub(super) holds: &'a [Hold],
    /// Whether another scan goes on where this one ends.
    pub(super) goes_on: bool,
    pub(super) input_options: &'a InputOptions,
    pub(super) frame_options: &'a FrameOptions,
    pub(super) raw_bytes: &'a AtomicU64,
    pub(super) stop: &'a AtomicBool,
    pub(super) cut_short: &'a AtomicBool,
}

impl Producer<'_> {
    pub(super) fn run(&self, feed: &mut Feed<'_, Item>) {
        for (number, input) in self.inputs.iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                self.cut_short.store(true, Ordering::Relaxed);
                return;
            }
            let resume = self.resumes.get(number).unwrap_or(&Resume::Whole);
            let hold = self.holds.get(number).copied().unwrap_or_default();
            if !self.read(input, resume, hold, feed) {
                return;
            }
        }
    }

    /// `false` once nobody wants more.
    fn read(&self, input: &Input, resume: &Resume, hold: Hold, feed: &mut Feed<'_, Item>) -> bool {
        let after = match resume {
            Resume::Skip => {
                let size = input.size.unwrap_or(0);
                self.raw_bytes.fetch_add(size, Ordering::Relaxed);
                return true;
            }
            Resume::After(position) => Some(position),
            Resume::Whole | Resume::Replaced => None,
        };
        let chunks = match input.open(self.input_options) {
            Ok(chunks) => chunks,
            Err(error) => return feed.push(Item::Error(error)),
        };
        if !feed.push(Item::Opened(input.path.clone(), hold)) {
            return false;
        }
        let before = self.raw_bytes.load(Ordering::Relaxed);
        let timeout = chunks.is_stream().then_some(TICK);
        let mut blocks = BlockReader::new(chunks, self.frame_options.clone());
        let mut failed = false;
        loop {
            let read = blocks.next(timeout);
            let read_bytes = blocks.chunks().raw_bytes();
            self.raw_bytes.store(before + read_bytes, Ordering::Relaxed);
            let wanted = match read {
                Read::Block(mut block) => {
                    let is_new = after.is_none_or(|position| position.leave_new(&mut block));
                    !is_new || feed.push(Item::Block(block))
                }
                Read::Error(error) => {
                    failed = true;
                    feed.push(Item::Error(error))
                }
                Read::Idle => feed.idle(),
                Read::End => {
                    return feed.push(Item::Closed {
                        raw_bytes: read_bytes,
                        is_whole: !failed,
                    });
                }
            };
            if !wanted {
                return false;
            }
            if self.stop.load(Ordering::Relaxed) {
                if timeout.is_none() {
                    self.cut_short.store(true, Ordering::Relaxed);
                    // What would come now ends where reading was stopped; the next scan reads it whole.
                    if self.goes_on {
                        return feed.push(Item::Closed {
                            raw_bytes: read_bytes,
                            is_whole: false,
                        });
                    }
                }
                blocks.stop();
            }
        }
    }
}
