//! SigmaHQ's Windows rules over real Windows events: scan and oracle give the same pairs of rule and event,
//! on one thread and on two, in batches of one event and of many.
//!
//! Needs the corpora beside the repository (or where `BORZOI_CORPORA` says); skipped without. Every 32nd event
//! is taken, or every n-th as `BORZOI_CORPUS_EVERY=n` says: 1 runs the whole corpus (minutes, with `--release`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use borzoi_engine::alert::Alert;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink};
use borzoi_oracle as oracle;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameBlock, FrameOptions, Read};
use borzoi_parsers::input::{InputOptions, InputSet};
use borzoi_rules::ir::DetectionRule;

use crate::screen::Everything;

/// A rule's id and an event's.
type Pairs = BTreeSet<(Arc<str>, String)>;

/// The corpora, if they are here.
fn corpora() -> Option<PathBuf> {
    let folder = match std::env::var_os("BORZOI_CORPORA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from("../../shared/corpora"),
    };
    let found = folder.join("sigma/rules").is_dir() && folder.join("otrf/otrf.ndjson.zst").is_file();
    if !found {
        println!("skipped: no corpora in {}", folder.display());
    }
    found.then_some(folder)
}

/// SigmaHQ's rules for Windows that need no placeholder.
fn windows_rules(corpora: &Path) -> Vec<Arc<DetectionRule>> {
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"]
        .map(|name| corpora.join("sigma").join(name));
    let report = borzoi_rules::Loader::new().load(folders.iter().filter(|folder| folder.is_dir()));
    let is_windows = |rule: &&Arc<DetectionRule>| rule.log_source.product.as_deref() == Some("windows");
    report.detections.iter().filter(is_windows).cloned().collect()
}

/// Writes every `every`-th event of the corpus to `sample`; says how many.
fn write_sample(corpora: &Path, every: usize, sample: &Path) -> usize {
    let packed = File::open(corpora.join("otrf/otrf.ndjson.zst")).expect("readable");
    let unpacked = zstd::Decoder::new(packed).expect("zstd");
    let mut sample = BufWriter::new(File::create(sample).expect("writable"));
    let mut count = 0;
    for line in BufReader::new(unpacked).split(b'\n').step_by(every) {
        sample.write_all(&line.expect("readable")).expect("writable");
        sample.write_all(b"\n").expect("writable");
        count += 1;
    }
    sample.flush().expect("writable");
    count
}

/// What the oracle says. Its events come from blocks of another size than any scan's.
fn oracle_pairs(sample: &Path, rules: &[Arc<DetectionRule>], threads: usize) -> Pairs {
    let inputs = InputSet::expand(&[sample.to_string_lossy()]);
    let chunks = inputs.inputs[0].open(&InputOptions::default()).expect("readable");
    let options = FrameOptions {
        batch_rows: 97,
        ..FrameOptions::default()
    };
    let mut reader = BlockReader::new(chunks, options);
    let mut blocks = Vec::new();
    loop {
        match reader.next(None) {
            Read::Block(block) => blocks.push(block),
            Read::Error(error) => panic!("{error}"),
            Read::Idle => {}
            Read::End => break,
        }
    }
    let blocks: &[FrameBlock] = &blocks;
    let parts: Vec<Pairs> = std::thread::scope(|scope| {
        let work = |thread| {
            scope.spawn(move || {
                let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
                let mut pairs = Pairs::new();
                for batch in blocks
                    .iter()
                    .skip(thread)
                    .step_by(threads)
                    .flat_map(|block| decoder.decode(block.clone()).batches)
                {
                    let concerned: Vec<&Arc<DetectionRule>> = rules
                        .iter()
                        .filter(|rule| oracle::concerns(rule, &batch.dataset))
                        .collect();
                    for event in oracle::events(&batch) {
                        let id = event.text("event_id").expect("every event has an id");
                        let matching = concerned
                            .iter()
                            .filter(|rule| oracle::matches(rule, &batch.dataset, &event));
                        pairs.extend(matching.map(|rule| (Arc::from(&*rule.meta.id), id.to_owned())));
                    }
                }
                pairs
            })
        };
        let threads: Vec<_> = (0..threads).map(work).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    parts.into_iter().flatten().collect()
}

/// With `every_event`, none is passed over.
fn scan_pairs(
    sample: &Path,
    rules: &Arc<CompiledRules>,
    threads: usize,
    batch_rows: usize,
    every_event: bool,
) -> Pairs {
    let scan = Scan {
        catalog: Catalog::builtin(),
        options: ScanOptions {
            frame: FrameOptions {
                batch_rows,
                // Rows alone decide.
                block_bytes: 1 << 30,
                ..FrameOptions::default()
            },
            threads: NonZeroUsize::new(threads).expect("not zero"),
            ..ScanOptions::default()
        },
        rules: Some(rules.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let mut alerts: Vec<Alert> = Vec::new();
    let mut everything = Everything(Vec::new());
    let sink: &mut dyn ScanSink = if every_event { &mut everything } else { &mut alerts };
    let summary = scan
        .run(&InputSet::expand(&[sample.to_string_lossy()]), sink)
        .expect("nothing fails");
    assert_eq!(summary.matching.passed > 0, !every_event);
    alerts.append(&mut everything.0);
    let count = alerts.len();
    let pairs: Pairs = alerts
        .into_iter()
        .map(|alert| (alert.rule.id, alert.event_id))
        .collect();
    assert_eq!(pairs.len(), count, "an alert came twice");
    pairs
}

/// Holds scans of every `every`-th event to the oracle, for each number of threads and batch size, passing
/// events over or not.
fn compare(corpora: &Path, every: usize, rules: &[Arc<DetectionRule>], runs: &[(usize, usize, bool)]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sample = folder.path().join("sample.ndjson");
    let events = write_sample(corpora, every, &sample);
    let started = Instant::now();
    let expected = oracle_pairs(&sample, rules, 2);
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{events} events, {} pairs, the oracle took {seconds:.1} s",
        expected.len()
    );
    assert!(expected.len() > events / 200, "too few pairs to mean something");
    let compiled = Arc::new(CompiledRules::compile(rules.to_vec(), &Catalog::builtin()).0);
    for &(threads, batch_rows, every_event) in runs {
        let started = Instant::now();
        let found = scan_pairs(&sample, &compiled, threads, batch_rows, every_event);
        let seconds = started.elapsed().as_secs_f64();
        println!("{threads} threads, batches of {batch_rows}: {seconds:.1} s");
        let missing: Vec<_> = expected.difference(&found).take(10).collect();
        let extra: Vec<_> = found.difference(&expected).take(10).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{threads} threads, batches of {batch_rows}: missing {missing:?}, too many {extra:?}"
        );
    }
}

#[test]
fn scans_say_what_the_oracle_says() {
    let Some(corpora) = corpora() else {
        return;
    };
    let every = std::env::var("BORZOI_CORPUS_EVERY").map_or(32, |text| text.parse().expect("a number"));
    let rules = windows_rules(&corpora);
    assert!(rules.len() > 2500, "{} rules", rules.len());
    compare(
        &corpora,
        every,
        &rules,
        &[
            (1, 1_000, false),
            (2, 1_000, true),
            (1, 65_536, true),
            (2, 65_536, false),
        ],
    );
    // A batch costs more than an event does.
    compare(&corpora, every * 16, &rules, &[(1, 1, false), (2, 1, true)]);
}
