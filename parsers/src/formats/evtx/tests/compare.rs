//! The same bytes through the reader and through the oracle.

use std::sync::Arc;

use crate::batch::{BatchOptions, EventBatch};
use crate::catalog::Catalog;
use crate::formats::evtx::EvtxDecoder;
use crate::formats::evtx::oracle::Oracle;
use crate::formats::json::JsonDecoder;
use crate::formats::{EventSink, FrameContext, Reject};
use crate::output::{EventWriter, JsonStyle};

/// What came out of chunks.
pub(super) struct Outcome {
    pub(super) batches: Vec<EventBatch>,
    /// Offset, reason and raw bytes.
    pub(super) rejects: Vec<(u64, Reject, Vec<u8>)>,
}

impl Outcome {
    /// All events as lines of JSON.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for batch in &self.batches {
            let writer = EventWriter::new(&batch.events, JsonStyle::Flat);
            for row in 0..batch.len() {
                let mut line = String::new();
                writer.write(row, &mut line);
                lines.push(line);
            }
        }
        lines
    }
}

/// Both readers, and what they share.
pub(super) struct Both {
    json: JsonDecoder,
    pub(super) reader: EvtxDecoder,
    oracle: Oracle,
    keep_original: bool,
}

impl Both {
    pub(super) fn new() -> Self {
        Both {
            json: JsonDecoder::new(&Catalog::builtin()),
            reader: EvtxDecoder::default(),
            oracle: Oracle::new(),
            keep_original: true,
        }
    }

    fn outcome<'c>(
        &mut self,
        chunks: impl Iterator<Item = &'c [u8]>,
        mut decode: impl FnMut(&mut Self, &[u8], &FrameContext<'_>, &mut EventSink, &mut Outcome),
    ) -> Outcome {
        let options = BatchOptions {
            ingest_time: 0,
            keep_original: self.keep_original,
            ..BatchOptions::default()
        };
        let mut sink = EventSink::new(Catalog::builtin(), Arc::new(options));
        let mut outcome = Outcome {
            batches: Vec::new(),
            rejects: Vec::new(),
        };
        let mut offset = 4096;
        for chunk in chunks {
            let context = FrameContext {
                path: "log.evtx",
                offset,
                ..crate::formats::testing::CONTEXT
            };
            decode(self, chunk, &context, &mut sink, &mut outcome);
            offset += chunk.len() as u64;
        }
        outcome.batches = sink.finish();
        outcome
    }

    /// What the reader makes of chunks.
    pub(super) fn read<'c>(&mut self, chunks: impl Iterator<Item = &'c [u8]>) -> Outcome {
        self.outcome(chunks, |both, chunk, context, sink, outcome| {
            let Both { json, reader, .. } = both;
            reader.decode_chunk(chunk, context, json, "default", sink, |offset, reject, raw| {
                outcome.rejects.push((offset, reject, raw.to_vec()));
            });
        })
    }

    /// What the oracle makes of them.
    pub(super) fn expect<'c>(&mut self, chunks: impl Iterator<Item = &'c [u8]>) -> Outcome {
        self.outcome(chunks, |both, chunk, context, sink, outcome| {
            let Both { json, oracle, .. } = both;
            oracle.decode_chunk(chunk, context, json, "default", sink, |offset, reject, raw| {
                outcome.rejects.push((offset, reject, raw.to_vec()));
            });
        })
    }

    /// Asserts that both make the same of `chunks`: batches to the last value, `original` and identities included,
    /// and rejects for the same reasons.
    pub(super) fn check(&mut self, name: &str, chunks: &[&[u8]]) -> Outcome {
        let read = self.read(chunks.iter().copied());
        let expected = self.expect(chunks.iter().copied());
        if let Some(difference) = difference(&read, &expected) {
            panic!("{name}: {difference}");
        }
        read
    }
}

/// The first difference, in words.
pub(super) fn difference(read: &Outcome, expected: &Outcome) -> Option<String> {
    let (lines, expected_lines) = (read.lines(), expected.lines());
    let rejects = || {
        let (read, expected) = (&read.rejects, &expected.rejects);
        format!("     read {read:?}\n expected {expected:?}")
    };
    if lines.len() != expected_lines.len() {
        return Some(format!(
            "{} events instead of {}\n{}",
            lines.len(),
            expected_lines.len(),
            rejects()
        ));
    }
    for (line, expected) in lines.iter().zip(&expected_lines) {
        if line != expected {
            return Some(format!(
                "an event differs\n     read {line}\n expected {expected}\n{}",
                rejects()
            ));
        }
    }
    for (batch, expected) in read.batches.iter().zip(&expected.batches) {
        if batch.events != expected.events {
            return Some("batches of the same events differ".to_owned());
        }
    }
    let reasons = |outcome: &Outcome| -> Vec<(&'static str, Vec<u8>)> {
        let rejects = outcome.rejects.iter();
        rejects
            .map(|(_, reject, raw)| (reject.reason, raw.clone()))
            .collect()
    };
    if reasons(read) != reasons(expected) {
        return Some(format!("rejects differ\n{}", rejects()));
    }
    None
}
