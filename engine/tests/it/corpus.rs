//! SigmaHQ's Windows rules over real Windows events: the matcher against the oracle.
//!
//! Needs the corpora beside the repository (or where `BORZOI_CORPORA` says); skipped without.
//! `BORZOI_CORPUS_EVENTS` sets how many events are run, 2,000 otherwise.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::frame::FrameOptions;
use borzoi_parsers::input::InputSet;
use borzoi_parsers::{ParseOptions, parse_all};
use borzoi_rules::ir::DetectionRule;

use crate::oracle;

/// The corpora, if they are here.
fn corpora() -> Option<PathBuf> {
    let folder = match std::env::var_os("BORZOI_CORPORA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"),
    };
    let found = folder.join("sigma/rules").is_dir() && folder.join("otrf/otrf.ndjson.zst").is_file();
    if !found {
        println!("skipped: no corpora in {}", folder.display());
    }
    found.then_some(folder)
}

/// SigmaHQ's rules for Windows that need no placeholder.
fn windows_rules(corpora: &std::path::Path) -> Vec<Arc<DetectionRule>> {
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|name| corpora.join("sigma").join(name));
    let report = borzoi_rules::Loader::new().load(folders.iter().filter(|folder| folder.is_dir()));
    let is_windows = |rule: &&Arc<DetectionRule>| rule.log_source.product.as_deref() == Some("windows");
    report.detections.iter().filter(is_windows).cloned().collect()
}

/// The first `count` events, one batch per dataset and block.
fn events(corpora: &std::path::Path, count: usize) -> Vec<EventBatch> {
    // The parser reads whole files; a cut copy keeps the run short.
    let file = std::fs::File::open(corpora.join("otrf/otrf.ndjson.zst")).expect("checked above");
    let mut decoder = zstd::stream::read::Decoder::new(file).expect("a zstd file");
    decoder.window_log_max(27).expect("a valid window");
    let mut text = Vec::new();
    let mut block = vec![0; 1 << 20];
    let mut lines = 0;
    while lines < count {
        let read = decoder.read(&mut block).expect("readable");
        if read == 0 {
            break;
        }
        for byte in &block[..read] {
            if lines < count {
                text.push(*byte);
                lines += usize::from(*byte == b'\n');
            }
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("events.ndjson");
    std::fs::write(&path, text).expect("writable");
    let mut batches = Vec::new();
    let options = ParseOptions {
        frame: FrameOptions::default(),
        ..ParseOptions::default()
    };
    let errors = parse_all(
        &InputSet::expand(&[path.to_string_lossy()]),
        &Catalog::builtin(),
        &options,
        |decoded| batches.extend(decoded.batches),
    );
    assert!(errors.is_empty(), "{errors:?}");
    batches
}

#[test]
fn windows_rules_over_real_events_as_the_oracle_says() {
    let Some(corpora) = corpora() else {
        return;
    };
    let count = std::env::var("BORZOI_CORPUS_EVENTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(2000);
    let rules = windows_rules(&corpora);
    assert!(rules.len() > 2500, "{} rules", rules.len());
    let (compiled, warnings) = CompiledRules::compile(rules.clone(), &Catalog::builtin());
    println!("{} rules, {} warnings", rules.len(), warnings.len());
    let mut matcher = BatchMatcher::new(Arc::new(compiled));
    let mut pairs = 0;
    let mut seen = 0;
    for batch in events(&corpora, count) {
        seen += batch.len();
        let found: Vec<(u32, u32)> = matcher
            .match_batch(&batch)
            .into_iter()
            .map(|signal| (signal.row, signal.rule.0))
            .collect();
        pairs += found.len();
        let mut expected = Vec::new();
        for (row, event) in (0..).zip(oracle::events(&batch)) {
            for (number, rule) in (0..).zip(&rules) {
                if oracle::matches(rule, &batch.dataset, &event) {
                    expected.push((row, number));
                }
            }
        }
        assert_eq!(found, expected, "{}", batch.dataset.name);
    }
    println!("{seen} events, {pairs} pairs of event and rule");
    assert_eq!(seen, count, "every line is an event");
    assert!(pairs > 0, "something matches");
}
