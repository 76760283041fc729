//! Reads the EVTX files below a folder into memory and prints how fast they become batches: megabytes per second
//! of processor time (`/proc/self/schedstat`), decoding with finished Arrow batches, framing apart.
//!
//! ```console
//! $ cargo run --release -p borzoi-parsers --example evtx_bench -- /tmp/evtx
//! ```

use std::path::Path;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;

/// Seconds that this thread has run; of the clock where the system does not tell.
fn processor_seconds(start: std::time::Instant) -> f64 {
    std::fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| start.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

fn logs(folder: &Path, found: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            logs(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "evtx") {
            found.push(std::fs::read(path)?);
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let rounds: usize = arguments
        .next()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(3);
    let mut files = Vec::new();
    logs(Path::new(&folder), &mut files)?;
    let bytes: usize = files.iter().map(Vec::len).sum();
    println!("{} files, {:.1} MB", files.len(), bytes as f64 / 1e6);
    let start = std::time::Instant::now();
    let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
    for _ in 0..rounds {
        let (mut events, mut rejects, mut framing, mut decoding) = (0, 0, 0.0, 0.0);
        for file in &files {
            let begun = processor_seconds(start);
            let source = Arc::new(Source {
                path: "-".into(),
                reference_time: 0,
                ..Source::default()
            });
            let mut framer = Framer::new(source, FrameOptions::default());
            framer.push(Chunk {
                offset: 0,
                bytes: file.clone(),
            });
            framer.finish();
            let framed = processor_seconds(start);
            while let Some(block) = framer.pop() {
                let decoded = decoder.decode(block);
                events += decoded.counters.events;
                rejects += decoded.counters.rejects;
            }
            framing += framed - begun;
            decoding += processor_seconds(start) - framed;
        }
        println!(
            "{events} events, {rejects} rejects: framing {framing:.3} s, decoding {decoding:.3} s, {:.0} events/s, {:.1} MB/s",
            events as f64 / decoding,
            bytes as f64 / 1e6 / decoding,
        );
    }
    Ok(())
}
