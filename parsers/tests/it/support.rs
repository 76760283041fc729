//! Bytes in, events as flat JSON out.

use std::path::PathBuf;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, RejectRecord, Source};
use borzoi_parsers::input::Chunk;
use borzoi_parsers::output::{EventWriter, JsonStyle};

/// One event by its dotted names.
pub type Event = serde_json::Map<String, serde_json::Value>;

/// Events and rejects of a source that comes in pieces of `chunk` bytes.
pub fn decode(
    bytes: &[u8],
    chunk: usize,
    frames: FrameOptions,
    options: DecodeOptions,
) -> (Vec<Event>, Vec<RejectRecord>) {
    let source = Arc::new(Source {
        path: "test".into(),
        reference_time: 1_700_000_000_000_000,
        ..Source::default()
    });
    let mut framer = Framer::new(source, frames);
    let mut offset = 0;
    for piece in bytes.chunks(chunk.max(1)) {
        framer.push(Chunk {
            offset,
            bytes: piece.to_vec(),
        });
        offset += piece.len() as u64;
    }
    framer.finish();
    let mut decoder = Decoder::new(Catalog::builtin(), options);
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    while let Some(block) = framer.pop() {
        let decoded = decoder.decode(block);
        assert_eq!(decoded.rejects.len() as u64, decoded.counters.rejects);
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            for row in 0..batch.len() {
                let mut json = String::new();
                writer.write(row, &mut json);
                events.push(serde_json::from_str(&json).expect("events are written as valid JSON"));
            }
        }
        rejects.extend(decoded.rejects);
    }
    (events, rejects)
}

/// Events of a source that must hold nothing else.
pub fn events(bytes: &[u8]) -> Vec<Event> {
    let (events, rejects) = decode(bytes, usize::MAX, FrameOptions::default(), fixed());
    assert_eq!(rejects, [], "no rejects");
    events
}

/// Options under which the same bytes give the same events.
pub fn fixed() -> DecodeOptions {
    DecodeOptions {
        ingest_time: Some(0),
        ..DecodeOptions::default()
    }
}

/// A folder of the corpora, if they are there.
pub fn corpora(folder: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("BORZOI_CORPORA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from("../../shared/corpora"),
    };
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}
