//! The main job on one thread, step by step: `phases RULES|none PATH…` prints what loading, reading,
//! decoding, and matching take, per event, with allocations and the latency of batches.
//! `--json` prints one JSON object instead.
//!
//! Files are read from memory by preference: run it twice and take the second.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_benches::{Counting, allocations, peak_memory};
use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{InputOptions, InputSet};
use borzoi_rules::Loader;
use hdrhistogram::Histogram;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Time and allocations of one kind of work.
#[derive(Default)]
struct Phase {
    time: Duration,
    allocations: u64,
}

impl Phase {
    fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (started, before) = (Instant::now(), allocations());
        let result = work();
        self.time += started.elapsed();
        self.allocations += allocations() - before;
        result
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    arguments.retain(|argument| argument != "--json");
    let [rules, paths @ ..] = arguments.as_slice() else {
        return Err("usage: phases [--json] RULES|none PATH…".into());
    };
    let catalog = Catalog::builtin();
    let mut loading = Phase::default();
    let mut matcher = loading.run(|| {
        (rules != "none").then(|| {
            let report = Loader::new().load([Path::new(rules)]);
            let compiled = CompiledRules::compile(report.detections, &catalog).0;
            BatchMatcher::new(Arc::new(compiled))
        })
    });
    let mut decoder = Decoder::new(catalog, DecodeOptions::default());
    let mut reading = Phase::default();
    let mut decoding = Phase::default();
    let mut matching = Phase::default();
    let mut dropping = Phase::default();
    let mut latency = Histogram::<u64>::new(3)?;
    let (mut events, mut bytes, mut signals) = (0_u64, 0_u64, 0_u64);
    for input in &InputSet::expand(paths).inputs {
        let mut blocks = BlockReader::new(input.open(&InputOptions::default())?, FrameOptions::default());
        loop {
            let block = match reading.run(|| blocks.next(None)) {
                Read::Block(block) => block,
                Read::Error(error) => return Err(error.into()),
                Read::Idle => continue,
                Read::End => break,
            };
            let started = Instant::now();
            let decoded = decoding.run(|| decoder.decode(block));
            events += decoded.counters.events;
            bytes += decoded.counters.bytes;
            if let Some(matcher) = &mut matcher {
                matching.run(|| {
                    for batch in &decoded.batches {
                        signals += matcher.match_batch(batch).len() as u64;
                    }
                });
            }
            latency.record(started.elapsed().as_micros() as u64)?;
            dropping.run(|| drop(decoded));
        }
    }
    let counters = matcher
        .as_mut()
        .map(BatchMatcher::take_counters)
        .unwrap_or_default();
    let phases = [
        ("reading", &reading),
        ("decoding", &decoding),
        ("matching", &matching),
        ("dropping", &dropping),
    ];
    let total: Duration = phases.iter().map(|(_, phase)| phase.time).sum();
    let rate = events as f64 / total.as_secs_f64();
    let per_event = |phase: &Phase| phase.time.as_nanos() as f64 / events.max(1) as f64;
    let allocations_per_event = |phase: &Phase| phase.allocations as f64 / events.max(1) as f64;
    if json {
        let mut object = format!(
            "{{\"events\":{events},\"bytes\":{bytes},\"signals\":{signals},\"events_per_second\":{rate:.0},\
             \"loading_ms\":{},\"peak_memory\":{},\"values\":{},\"searched\":{},\"candidates\":{}",
            loading.time.as_millis(),
            peak_memory(),
            counters.values,
            counters.searched,
            counters.candidates,
        );
        for (name, phase) in phases {
            object.push_str(&format!(
                ",\"{name}_ns_per_event\":{:.1},\"{name}_allocations_per_event\":{:.3}",
                per_event(phase),
                allocations_per_event(phase)
            ));
        }
        for percentile in [50.0, 99.0, 100.0] {
            object.push_str(&format!(
                ",\"batch_us_p{percentile:.0}\":{}",
                latency.value_at_percentile(percentile)
            ));
        }
        println!("{object}}}");
        return Ok(());
    }
    println!("loading      {:.3} s", loading.time.as_secs_f64());
    println!("events       {events}, {signals} signals");
    for (name, phase) in phases {
        println!(
            "{name:<12} {:>8.0} ns/event  {:>8.2} allocations/event",
            per_event(phase),
            allocations_per_event(phase)
        );
    }
    println!(
        "all          {rate:>8.0} events/s  {:>8.0} MB/s",
        bytes as f64 / 1e6 / total.as_secs_f64()
    );
    println!(
        "values       {} looked up, {} searched, {} candidates",
        counters.values, counters.searched, counters.candidates
    );
    println!(
        "batch        {} µs median, {} µs 99 %, {} µs longest",
        latency.value_at_percentile(50.0),
        latency.value_at_percentile(99.0),
        latency.max()
    );
    println!("peak memory  {} MiB", peak_memory() >> 20);
    Ok(())
}
