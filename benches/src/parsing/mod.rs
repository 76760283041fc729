//! Bytes to finished Arrow columns on one thread: a made input per workload, and what reading it takes.
//!
//! `parse [--json] [--bytes MB] [--runs N] [--write FOLDER] [WORKLOAD|PATH]…` makes the input of each workload in memory, reads it N
//! times with a framer and a decoder as `borzoi scan` has them, and prints MB and events per second of CPU time (median and
//! best run), allocations per event, memory and the time of blocks. `--write` writes the inputs to files instead, for other
//! programs to read.
//!
//! No line comes twice: see [`world`] for what varies, and how much.

mod lines;
mod packets;
mod windows;
mod world;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use hdrhistogram::Histogram;
use lines::Lines;
use windows::Windows;
use world::World;

/// What the workloads are called, and the file that holds such lines.
const WORKLOADS: &[(&str, &str)] = &[
    ("windows", "windows.ndjson"),
    ("zeek", "conn.log"),
    ("csv", "export.csv"),
    ("panos", "panos.log"),
    ("fortigate", "fortigate.log"),
    ("cef", "cef.log"),
    ("auth", "auth.log"),
    ("asa", "asa.log"),
    ("access", "access.log"),
    ("netflow", "netflow.bin"),
    ("mixed", "mixed.log"),
];

/// Bytes are taken in such pieces, as from a file.
const PIECE: usize = 1 << 20;

/// The input of a workload: `bytes` and a little more.
fn input(workload: &str, bytes: usize) -> Vec<u8> {
    let mut world = World::new(7);
    let mut to = Vec::with_capacity(bytes + 4096);
    let forms = match workload {
        "windows" => {
            let windows = Windows::new();
            while to.len() < bytes {
                windows.write(&mut world, &mut to);
            }
            return to;
        }
        "netflow" => {
            while to.len() < bytes {
                packets::write(&mut world, &mut to);
            }
            return to;
        }
        "mixed" => {
            let windows = Windows::new();
            let all = [
                lines::AUTH,
                lines::ASA,
                lines::ACCESS,
                lines::FORTIGATE,
                lines::CEF,
                lines::PANOS,
            ];
            let all = all.map(Lines::new);
            while to.len() < bytes {
                match all.get(world.random.below(7) as usize) {
                    Some(lines) => lines.write(&mut world, &mut to),
                    None => windows.write(&mut world, &mut to),
                }
            }
            return to;
        }
        "zeek" => {
            to.extend_from_slice(lines::ZEEK_HEADER.as_bytes());
            lines::ZEEK
        }
        "csv" => {
            to.extend_from_slice(lines::CSV_HEADER.as_bytes());
            lines::CSV
        }
        "panos" => lines::PANOS,
        "fortigate" => lines::FORTIGATE,
        "cef" => lines::CEF,
        "auth" => lines::AUTH,
        "asa" => lines::ASA,
        _ => lines::ACCESS,
    };
    let lines = Lines::new(forms);
    while to.len() < bytes {
        lines.write(&mut world, &mut to);
    }
    to
}

/// CPU time of this process so far, user and system.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn cpu_time() -> Duration {
    #[repr(C)]
    struct Time {
        seconds: i64,
        nanos: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
    const PROCESS_CPU: i32 = 2;
    let mut time = Time { seconds: 0, nanos: 0 };
    // SAFETY: `time` is what the call writes to on 64-bit Linux: two signed words.
    let failed = unsafe { clock_gettime(PROCESS_CPU, &mut time) } != 0;
    assert!(!failed, "Linux has a clock of CPU time");
    Duration::new(time.seconds as u64, time.nanos as u32)
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn cpu_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// A number of `/proc/self/status` in bytes (Linux; elsewhere zero).
fn memory(name: &str) -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes << 10)
}

/// What one reading of an input took.
struct Run {
    cpu: Duration,
    events: u64,
    rejects: u64,
    batches: u64,
    datasets: Vec<(Arc<str>, usize)>,
    allocations: u64,
}

fn run(
    name: &str,
    bytes: &[u8],
    decoder: &mut Decoder,
    latency: &mut Histogram<u64>,
    allocations: fn() -> u64,
) -> Run {
    let source = Arc::new(Source {
        path: name.into(),
        reference_time: 1_795_200_000_000_000,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    let mut result = Run {
        cpu: Duration::ZERO,
        events: 0,
        rejects: 0,
        batches: 0,
        datasets: Vec::new(),
        allocations: 0,
    };
    let before = allocations();
    let started = cpu_time();
    let mut pieces = bytes.chunks(PIECE);
    let mut offset = 0;
    loop {
        let Ok(more) = framer.fill(|buffer| {
            let piece = pieces.next();
            Ok::<_, std::convert::Infallible>(piece.map(|piece| {
                buffer.extend_from_slice(piece);
                offset += piece.len() as u64;
                offset - piece.len() as u64
            }))
        });
        if !more {
            framer.finish();
        }
        while let Some(block) = framer.pop() {
            let began = Instant::now();
            let decoded = decoder.decode(block);
            latency
                .record(began.elapsed().as_micros() as u64)
                .unwrap_or_default();
            result.events += decoded.counters.events;
            result.rejects += decoded.counters.rejects;
            for batch in &decoded.batches {
                result.batches += 1;
                match result
                    .datasets
                    .iter_mut()
                    .find(|(name, _)| *name == batch.dataset.name)
                {
                    Some((_, events)) => *events += batch.len(),
                    None => result.datasets.push((batch.dataset.name.clone(), batch.len())),
                }
            }
        }
        if !more {
            break;
        }
    }
    result.cpu = cpu_time() - started;
    result.allocations = allocations() - before;
    result
}

/// What the command line asks for.
struct Asked {
    json: bool,
    bytes: usize,
    runs: usize,
    write: Option<String>,
    names: Vec<String>,
}

fn asked() -> Result<Asked, Box<dyn std::error::Error>> {
    let mut asked = Asked {
        json: false,
        bytes: 64_000_000,
        runs: 5,
        write: None,
        names: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => asked.json = true,
            "--bytes" => {
                asked.bytes = arguments.next().ok_or("--bytes wants MB")?.parse::<usize>()? * 1_000_000
            }
            "--runs" => {
                asked.runs = arguments
                    .next()
                    .ok_or("--runs wants a number")?
                    .parse::<usize>()?
                    .max(1)
            }
            "--write" => asked.write = arguments.next(),
            _ => asked.names.push(argument),
        }
    }
    if asked.names.is_empty() {
        asked.names = WORKLOADS.iter().map(|(name, _)| (*name).to_owned()).collect();
    }
    Ok(asked)
}

/// Runs what the command line asks for; `allocations` says how often memory was asked for so far.
pub fn main(allocations: fn() -> u64) -> Result<(), Box<dyn std::error::Error>> {
    let asked = asked()?;
    if !asked.json && asked.write.is_none() {
        println!(
            "{:<12} {:>9} {:>9} {:>11} {:>9} {:>12} {:>8} {:>22} {:>8}",
            "workload",
            "MB/s",
            "best",
            "events/s",
            "ns/event",
            "allocations",
            "bytes",
            "block ms (50, 99, max)",
            "memory"
        );
    }
    for name in &asked.names {
        let known = WORKLOADS.iter().find(|(workload, _)| workload == name);
        let bytes = match known {
            Some(_) => input(name, asked.bytes),
            None => std::fs::read(name)?,
        };
        if let Some(folder) = &asked.write {
            let file = known.map_or("input", |(_, file)| file);
            std::fs::write(std::path::Path::new(folder).join(file), &bytes)?;
            continue;
        }
        measure(name, &bytes, &asked, allocations)?;
    }
    Ok(())
}

fn measure(
    name: &str,
    bytes: &[u8],
    asked: &Asked,
    allocations: fn() -> u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let catalog = Catalog::builtin();
    let mut decoder = Decoder::new(catalog, DecodeOptions::default());
    // Writing `5` sets the highest memory back to what is there now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS");
    let mut latency = Histogram::<u64>::new(3)?;
    // The first reading learns names and gets its memory; a process that reads on has both.
    let first = run(
        name,
        &bytes[..bytes.len().min(16_000_000)],
        &mut decoder,
        &mut latency,
        allocations,
    );
    latency.reset();
    let mut runs: Vec<Run> = (0..asked.runs)
        .map(|_| run(name, bytes, &mut decoder, &mut latency, allocations))
        .collect();
    let used = memory("VmHWM").saturating_sub(before);
    runs.sort_by_key(|run| run.cpu);
    let (best, median) = (&runs[0], &runs[runs.len() / 2]);
    let rate = |run: &Run| bytes.len() as f64 / 1e6 / run.cpu.as_secs_f64();
    let events = median.events.max(1) as f64;
    let milliseconds = |percent| latency.value_at_percentile(percent) as f64 / 1e3;
    let mut output = std::io::stdout().lock();
    if asked.json {
        writeln!(
            output,
            "{{\"workload\":{name:?},\"bytes\":{},\"events\":{},\"rejects\":{},\"cpu_seconds\":{:.4},\"cpu_seconds_best\":{:.4},\
             \"mb_per_second\":{:.1},\"mb_per_second_best\":{:.1},\"events_per_second\":{:.0},\"allocations_per_event\":{:.3},\
             \"memory\":{used},\"block_ms_p50\":{},\"block_ms_p99\":{},\"block_ms_max\":{}}}",
            bytes.len(),
            median.events,
            median.rejects,
            median.cpu.as_secs_f64(),
            best.cpu.as_secs_f64(),
            rate(median),
            rate(best),
            events / median.cpu.as_secs_f64(),
            median.allocations as f64 / events,
            milliseconds(50.0),
            milliseconds(99.0),
            milliseconds(100.0),
        )?;
        return Ok(());
    }
    let times = format!(
        "{:.1} {:.1} {:.1}",
        milliseconds(50.0),
        milliseconds(99.0),
        milliseconds(100.0)
    );
    let shown = std::path::Path::new(name)
        .file_name()
        .map_or(name.into(), |name| name.to_string_lossy());
    writeln!(
        output,
        "{shown:<12} {:>9.1} {:>9.1} {:>11.0} {:>9.0} {:>12.2} {:>8.0} {times:>22} {:>5} MB",
        rate(median),
        rate(best),
        events / median.cpu.as_secs_f64(),
        median.cpu.as_nanos() as f64 / events,
        median.allocations as f64 / events,
        bytes.len() as f64 / events,
        used / 1_000_000,
    )?;
    if first.rejects + median.rejects > 0 {
        writeln!(output, "             {} rejects", median.rejects)?;
    }
    if std::env::var_os("DATASETS").is_some() {
        for (dataset, events) in &median.datasets {
            writeln!(output, "             {dataset} {events}")?;
        }
    }
    Ok(())
}
