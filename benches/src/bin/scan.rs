//! The main job, timed: `scan RULES|none LAKE|none PATH…` prints events/s, MB/s, CPU and peak memory, with
//! loading the rules apart. One process per measurement, because peak memory is the process's.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use borzoi_benches::{cpu_time, peak_memory};
use borzoi_engine::alert::Alert;
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;

/// Counts alerts and forgets them.
struct Forget;

impl ScanSink for Forget {
    fn wants_events(&self) -> bool {
        false
    }

    fn alert(&mut self, alert: &Alert) -> std::io::Result<()> {
        std::hint::black_box(alert);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules, lake, paths @ ..] = arguments.as_slice() else {
        return Err("usage: scan RULES|none LAKE|none PATH… (BORZOI_THREADS sets the threads)".into());
    };
    let started = Instant::now();
    let catalog = Catalog::builtin();
    let compiled = (rules != "none").then(|| {
        let report = Loader::new().load([Path::new(rules)]);
        Arc::new(CompiledRules::compile(report.detections, &catalog).0)
    });
    let loading = started.elapsed();
    let mut options = ScanOptions::default();
    if let Ok(threads) = std::env::var("BORZOI_THREADS") {
        options.threads = threads.parse()?;
    }
    let threads = options.threads;
    let lake = match lake.as_str() {
        "none" => None,
        dir => Some(LakeWriter::new(
            Lake::create(Path::new(dir))?,
            WriterOptions::default(),
        )),
    };
    let scan = Scan {
        catalog,
        options,
        rules: compiled.clone(),
        lake,
        stop: Arc::default(),
    };
    let cpu_before = cpu_time();
    let summary = scan.run(&InputSet::expand(paths), &mut Forget)?;
    let cpu = cpu_time().saturating_sub(cpu_before);
    let seconds = summary.elapsed.as_secs_f64();
    let events = summary.decode.events as f64;
    println!(
        "rules            {}",
        compiled.map_or(0, |rules| rules.rules().len())
    );
    println!("threads          {threads}");
    println!("loading          {:.2} s", loading.as_secs_f64());
    println!("events           {events}");
    println!("passed over      {}", summary.matching.passed);
    println!("values searched  {}", summary.matching.searched);
    println!("candidates       {}", summary.matching.candidates);
    println!("alerts           {}", summary.alerts);
    println!("wall             {seconds:.2} s");
    println!("cpu              {:.2} s", cpu.as_secs_f64());
    println!("events/s         {:.0}", events / seconds);
    println!("events/cpu-s     {:.0}", events / cpu.as_secs_f64().max(1e-9));
    println!(
        "MB/s             {:.0}",
        summary.decode.bytes as f64 / 1e6 / seconds
    );
    println!("stored bytes     {}", summary.lake.bytes);
    println!("peak memory      {} MiB", peak_memory() >> 20);
    Ok(())
}
