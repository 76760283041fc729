//! Chunks in, blocks out: a source with its framer.

use std::time::{Duration, Instant};

use super::{FrameBlock, FrameOptions, Framer};
use crate::input::{CHUNKS_AHEAD, ChunkSource, InputError, Next};

/// What [`BlockReader::next`] found.
#[derive(Debug)]
pub enum Read {
    /// Frames to decode.
    Block(FrameBlock),
    /// A stream gave no whole frame within the time-out.
    Idle,
    /// The source cannot be read on. Blocks with what came before it, then [`Read::End`], follow.
    Error(InputError),
    /// The source is read to its end.
    End,
}

/// Reads the blocks of one source.
pub struct BlockReader {
    chunks: ChunkSource,
    framer: Framer,
    ended: bool,
}

impl BlockReader {
    /// A reader of `chunks`.
    pub fn new(chunks: ChunkSource, options: FrameOptions) -> Self {
        let framer = Framer::new(chunks.source().clone(), options);
        BlockReader {
            chunks,
            framer,
            ended: false,
        }
    }

    /// The input being read.
    pub fn chunks(&self) -> &ChunkSource {
        &self.chunks
    }

    /// Reads no further: [`BlockReader::next`] gives what has arrived, then [`Read::End`]. Of a stream that is
    /// all that was sent, a last line without its end included; of a file, the whole records.
    pub fn stop(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        if !self.chunks.is_stream() {
            return self.framer.flush(false);
        }
        // As many as can be waiting; a sender that goes on does not keep this from ending.
        for _ in 0..=CHUNKS_AHEAD {
            match self.chunks.next(Some(Duration::ZERO)) {
                Next::Chunk(chunk) => self.framer.push(chunk),
                Next::Idle | Next::End | Next::Error(_) => break,
            }
        }
        self.framer.finish();
    }

    /// The next block. With a `timeout`, what a stream has sent is handed out after that time at the
    /// latest, however little it is; without one, only full blocks (and the last) come.
    pub fn next(&mut self, timeout: Option<Duration>) -> Read {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(block) = self.framer.pop() {
                return Read::Block(block);
            }
            if self.ended {
                return Read::End;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timed_out = self.chunks.is_stream() && left.is_some_and(|left| left.is_zero());
            let next = if timed_out {
                Next::Idle
            } else {
                self.chunks.next(left)
            };
            match next {
                Next::Chunk(chunk) => self.framer.push(chunk),
                Next::Idle => {
                    self.framer.flush(!timed_out);
                    return self.framer.pop().map_or(Read::Idle, Read::Block);
                }
                Next::End => {
                    self.ended = true;
                    self.framer.finish();
                }
                Next::Error(error) => return Read::Error(error),
            }
        }
    }
}
