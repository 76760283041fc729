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
    /// Whether it is, or was before it failed, a stream.
    is_stream: bool,
    framer: Framer,
    /// See [`BlockReader::keep_time`].
    reference_time: i64,
    ended: bool,
}

impl BlockReader {
    /// A reader of `chunks`.
    pub fn new(chunks: ChunkSource, options: FrameOptions) -> Self {
        let framer = Framer::new(chunks.source().clone(), options);
        BlockReader {
            reference_time: chunks.source().reference_time,
            is_stream: chunks.is_stream(),
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
        if !self.is_stream {
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
            let timed_out = left.is_some_and(|left| left.is_zero());
            if !self.is_stream {
                match self.framer.fill(|buffer| self.chunks.append(buffer)) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.ended = true;
                        self.framer.finish();
                    }
                    Err(error) => return Read::Error(error),
                }
                continue;
            }
            let next = if timed_out {
                Next::Idle
            } else {
                self.chunks.next(left)
            };
            match next {
                Next::Chunk(chunk) => {
                    self.keep_time(chrono::Utc::now().timestamp_micros());
                    self.framer.push(chunk);
                }
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

    /// A stream is written while it is read: a stamp without a year belongs to the days before now, not to
    /// those before the stream was opened.
    fn keep_time(&mut self, now: i64) {
        const MINUTE: i64 = 60_000_000;
        if now - self.reference_time >= MINUTE {
            self.reference_time = now;
            self.framer.set_reference_time(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::input::InputOptions;

    #[test]
    fn a_stream_that_goes_on_for_days_keeps_its_year() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let chunks = ChunkSource::from_reader("-", reader, &InputOptions::default());
        let mut blocks = BlockReader::new(chunks, FrameOptions::default());
        let opened = chrono::Utc::now().timestamp_micros() - 40 * 86_400_000_000;
        blocks.framer.set_reference_time(opened);
        blocks.reference_time = opened;
        let today = chrono::Utc::now();
        writeln!(writer, "{} host sshd[1]: x", today.format("%b %e 00:00:00")).expect("writes");
        drop(writer);
        let Read::Block(block) = blocks.next(None) else {
            panic!("the line should have come")
        };
        let catalog = crate::catalog::Catalog::builtin();
        let decoded = crate::formats::Decoder::new(catalog, Default::default()).decode(block);
        let times = decoded.batches[0].column("time").expect("standard");
        let time =
            arrow::array::AsArray::as_primitive::<arrow::datatypes::TimestampMicrosecondType>(times).value(0);
        let midnight = today.date_naive().and_hms_opt(0, 0, 0).expect("exists").and_utc();
        assert_eq!(time, midnight.timestamp_micros());
    }
}
