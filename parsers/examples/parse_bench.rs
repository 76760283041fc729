//! Reads NDJSON (standard input or a file) into memory and prints how fast it is parsed into batches.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;

fn main() -> std::io::Result<()> {
    let mut bytes = Vec::new();
    match std::env::args().nth(1) {
        Some(path) => std::fs::File::open(path)?.read_to_end(&mut bytes)?,
        None => std::io::stdin().read_to_end(&mut bytes)?,
    };
    let catalog = Catalog::builtin();
    for _ in 0..3 {
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
        });
        let mut framer = Framer::new(source, FrameOptions::default());
        let mut decoder = Decoder::new(catalog.clone(), DecodeOptions::default());
        let (mut events, mut rejects, mut framing, mut decoding) = (0, 0, 0.0, 0.0);
        let mut offset = 0;
        let mut pieces = bytes.chunks(1 << 20);
        loop {
            let start = Instant::now();
            let piece = pieces.next();
            match piece {
                Some(piece) => framer.push(Chunk {
                    offset,
                    bytes: piece.to_vec(),
                }),
                None => framer.finish(),
            }
            offset += piece.map_or(0, |piece| piece.len() as u64);
            framing += start.elapsed().as_secs_f64();
            let start = Instant::now();
            while let Some(block) = framer.pop() {
                let decoded = decoder.decode(block);
                events += decoded.counters.events;
                rejects += decoded.counters.rejects;
            }
            decoding += start.elapsed().as_secs_f64();
            if piece.is_none() {
                break;
            }
        }
        println!(
            "{events} events, {rejects} rejects: framing {framing:.3} s, decoding {decoding:.3} s, {:.0} events/s, {:.0} MB/s",
            events as f64 / (framing + decoding),
            bytes.len() as f64 / 1e6 / (framing + decoding),
        );
    }
    Ok(())
}
