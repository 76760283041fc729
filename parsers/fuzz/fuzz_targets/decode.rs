//! Any bytes, in pieces of any size, through framing, decoding and output: nothing may panic, and every
//! event must come out as valid JSON lines.
#![no_main]

use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder, Format};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;
use borzoi_parsers::output::{EventWriter, JsonStyle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the format, the second how the rest is cut.
    let [choice, piece, bytes @ ..] = data else {
        return;
    };
    let format = Format::NAMES.get(usize::from(*choice)).map(|(_, format)| *format);
    let source = Arc::new(Source {
        path: "fuzz".into(),
        reference_time: 0,
    });
    let frames = FrameOptions {
        format,
        max_frame: 1 << 16,
        ..FrameOptions::default()
    };
    let mut framer = Framer::new(source, frames);
    let mut offset = 0;
    for bytes in bytes.chunks(usize::from(*piece) + 1) {
        framer.push(Chunk {
            offset,
            bytes: bytes.to_vec(),
        });
        offset += bytes.len() as u64;
    }
    framer.finish();
    let options = DecodeOptions {
        format,
        ..DecodeOptions::default()
    };
    let mut decoder = Decoder::new(Catalog::builtin(), options);
    while let Some(block) = framer.pop() {
        for batch in decoder.decode(&block).batches {
            let writer = EventWriter::new(&batch.events, JsonStyle::Nested);
            let mut line = String::new();
            for row in 0..batch.len() {
                line.clear();
                writer.write(row, &mut line);
                assert!(!line.contains('\n'));
            }
        }
    }
});
