//! What derived columns cost: reads the named files into memory, decodes them again and again on one thread, and
//! prints processor time (`/proc/self/schedstat`) of decoding and of deriving, by file.
//!
//! ```console
//! $ cargo run --release -p borzoi-parsers --example enrich_bench -- 200 data/samples/*
//! ```

use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::{Enricher, Enrichment, Family};
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

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let copies: usize = arguments
        .next()
        .and_then(|copies| copies.parse().ok())
        .unwrap_or(200);
    let start = std::time::Instant::now();
    let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
    let families = Family::ALL.map(|family| vec![family]);
    let mut enrichers: Vec<Enricher> = std::iter::once(Family::ALL.to_vec())
        .chain(families)
        .map(|families| {
            Enricher::new(Enrichment {
                families,
                ..Enrichment::default()
            })
        })
        .collect();
    let (mut decoding, mut deriving) = (0.0, 0.0);
    for path in arguments {
        let once = std::fs::read(&path)?;
        let source = Arc::new(Source {
            path: "-".into(),
            reference_time: 0,
            ..Source::default()
        });
        let mut framer = Framer::new(source, FrameOptions::default());
        framer.push(Chunk {
            offset: 0,
            bytes: once.repeat(copies),
        });
        framer.finish();
        let (mut events, mut decoded_in, mut derived_in) = (0, 0.0, [0.0; 6]);
        while let Some(block) = framer.pop() {
            let begun = processor_seconds(start);
            let decoded = decoder.decode(block);
            decoded_in += processor_seconds(start) - begun;
            events += decoded.counters.events;
            for (enricher, seconds) in enrichers.iter_mut().zip(&mut derived_in) {
                let begun = processor_seconds(start);
                for batch in &decoded.batches {
                    std::hint::black_box(enricher.enrich_only(batch, |_| true));
                }
                *seconds += processor_seconds(start) - begun;
            }
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        print!(
            "{name}: {events} events, decoded in {decoded_in:.3} s, all derived in {:.3} s = {:.1} % more",
            derived_in[0],
            derived_in[0] / decoded_in * 100.0
        );
        for (family, seconds) in Family::ALL.iter().zip(&derived_in[1..]) {
            print!(", {} {:.1} %", family.name(), seconds / decoded_in * 100.0);
        }
        println!();
        decoding += decoded_in;
        deriving += derived_in[0];
    }
    println!(
        "together: {decoding:.3} s, {deriving:.3} s, {:.1} % more",
        deriving / decoding * 100.0
    );
    Ok(())
}
