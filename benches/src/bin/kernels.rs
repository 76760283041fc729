//! One step of a scan at a time, for `benches/gate`: `kernels KERNEL RULES FILE` prints how many events the
//! step was measured over. FILE holds flat Windows events, one a line.
//!
//! | kernel | step |
//! |---|---|
//! | `json` | records taken apart where they stand |
//! | `columns` | blocks of records to Arrow batches |
//! | `match` | batches against all rules: values searched, conditions on sets of atoms |
//!
//! A kernel first goes over one block, so that tables have their size and caches are filled, then over the
//! rest inside [`borzoi_gate_measured`]: callgrind counts what happens there and nothing else
//! (`--toggle-collect=borzoi_gate_measured`).

use std::path::Path;
use std::sync::Arc;

use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::flat::FlatReader;
use borzoi_parsers::formats::{DecodeOptions, Decoded, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameBlock, FrameOptions, Read};
use borzoi_parsers::input::{InputOptions, InputSet};
use borzoi_rules::Loader;
use chrono_tz::Tz;

/// Rows of a block: a third of the gate's events.
const BLOCK_ROWS: usize = 4096;

type Failure = Box<dyn std::error::Error>;

/// Runs `work`. The name is what callgrind is told; work that is done and not used must come out as a number.
#[unsafe(no_mangle)]
#[inline(never)]
fn borzoi_gate_measured(work: &mut dyn FnMut() -> u64) -> u64 {
    // Something is left to do after the call, or it would be a jump that callgrind takes for the end.
    std::hint::black_box(work())
}

fn blocks_of(file: &str) -> Result<Vec<FrameBlock>, Failure> {
    let options = FrameOptions {
        batch_rows: BLOCK_ROWS,
        ..FrameOptions::default()
    };
    let mut blocks = Vec::new();
    for input in &InputSet::expand(&[file]).inputs {
        let mut reader = BlockReader::new(input.open(&InputOptions::default())?, options.clone());
        loop {
            match reader.next(None) {
                Read::Block(block) => blocks.push(block),
                Read::Error(error) => return Err(error.into()),
                Read::Idle => {}
                Read::End => break,
            }
        }
    }
    if blocks.len() < 2 {
        return Err(format!("{file}: more than {BLOCK_ROWS} events are needed").into());
    }
    Ok(blocks)
}

/// Fields of all records of a block, which must all be plain.
fn read(reader: &mut FlatReader, block: &FrameBlock) -> u64 {
    let fields = block.frames.iter().map(|&span| {
        let event = reader.read(block.frame(span), Tz::UTC);
        event.expect("the gate's events are flat").fields.len() as u64
    });
    fields.sum()
}

/// What comes of a kernel's work, so that it cannot be left out: fields, rows, signals.
fn measure(kernel: &str, rules: &str, blocks: Vec<FrameBlock>) -> Result<u64, Failure> {
    let catalog = Catalog::builtin();
    let options = DecodeOptions {
        ingest_time: Some(0),
        ..DecodeOptions::default()
    };
    let mut decoder = Decoder::new(catalog.clone(), options);
    let mut blocks = blocks.into_iter();
    let first = blocks.next();
    match kernel {
        "json" => {
            let mut reader = FlatReader::new(&catalog);
            first.map(|block| read(&mut reader, &block));
            let blocks = blocks.as_slice();
            Ok(borzoi_gate_measured(&mut || {
                blocks.iter().map(|block| read(&mut reader, block)).sum()
            }))
        }
        "columns" => {
            first.map(|block| decoder.decode(block));
            // Kept until the end, as batches that are matched and stored live longer than the decoding.
            let mut decoded: Vec<Decoded> = Vec::with_capacity(blocks.len());
            Ok(borzoi_gate_measured(&mut || {
                decoded.extend(blocks.by_ref().map(|block| decoder.decode(block)));
                decoded.iter().map(|decoded| decoded.counters.events).sum()
            }))
        }
        "match" => {
            let report = Loader::new().load([Path::new(rules)]);
            let compiled = CompiledRules::compile(report.detections, &catalog).0;
            let mut matcher = BatchMatcher::new(Arc::new(compiled));
            let first: Vec<Decoded> = first.map(|block| decoder.decode(block)).into_iter().collect();
            let decoded: Vec<Decoded> = blocks.map(|block| decoder.decode(block)).collect();
            let mut signals = |decoded: &[Decoded]| {
                let batches = decoded.iter().flat_map(|decoded| &decoded.batches);
                batches
                    .map(|batch| matcher.match_batch(batch).len() as u64)
                    .sum::<u64>()
            };
            signals(&first);
            Ok(borzoi_gate_measured(&mut || signals(&decoded)))
        }
        _ => Err(format!("no kernel is called {kernel}").into()),
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kernel, rules, file] = arguments.as_slice() else {
        return Err("usage: kernels json|columns|match RULES FILE".into());
    };
    let blocks = blocks_of(file)?;
    let events: usize = blocks[1..].iter().map(|block| block.frames.len()).sum();
    let result = measure(kernel, rules, blocks)?;
    if result == 0 {
        return Err(format!("{kernel}: nothing came out").into());
    }
    println!("{{\"events\":{events},\"result\":{result}}}");
    Ok(())
}
