//! SigmaHQ's Windows rules over real Windows events: the matcher against the oracle.
//!
//! Needs the corpora beside the repository (or where `BORZOI_CORPORA` says); skipped without.
//! `BORZOI_CORPUS_EVENTS` says how many events are run; without it the test is skipped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
use borzoi_parsers::ParseOptions;
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::Decoder;
use borzoi_parsers::frame::{BlockReader, Read};
use borzoi_parsers::input::InputSet;
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
fn windows_rules(corpora: &Path) -> Vec<Arc<DetectionRule>> {
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"]
        .map(|name| corpora.join("sigma").join(name));
    let report = borzoi_rules::Loader::new().load(folders.iter().filter(|folder| folder.is_dir()));
    let is_windows = |rule: &&Arc<DetectionRule>| rule.log_source.product.as_deref() == Some("windows");
    report.detections.iter().filter(is_windows).cloned().collect()
}

/// The first `count` events, one batch per dataset and block.
fn events(corpora: &Path, count: usize) -> Vec<EventBatch> {
    let path = corpora.join("otrf/otrf.ndjson.zst");
    let inputs = InputSet::expand(&[path.to_string_lossy()]);
    let options = ParseOptions::default();
    let chunks = inputs.inputs[0].open(&options.input).expect("readable");
    let mut blocks = BlockReader::new(chunks, options.frame.clone());
    let mut decoder = Decoder::new(Catalog::builtin(), options.decode.clone());
    let mut batches = Vec::new();
    let mut left = count;
    while left > 0 {
        match blocks.next(None) {
            Read::Block(block) => {
                for batch in decoder.decode(&block).batches {
                    let take = batch.len().min(left);
                    left -= take;
                    batches.push(EventBatch {
                        events: batch.events.slice(0, take),
                        ..batch
                    });
                }
            }
            Read::Error(error) => panic!("{error}"),
            Read::Idle => {}
            Read::End => break,
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

#[test]
fn windows_rules_over_real_events_as_the_oracle_says() {
    let Some(corpora) = corpora() else {
        return;
    };
    let Some(count) = std::env::var("BORZOI_CORPUS_EVENTS")
        .ok()
        .and_then(|count| count.parse::<usize>().ok())
    else {
        println!("skipped: BORZOI_CORPUS_EVENTS does not say how many events; the oracle takes minutes");
        return;
    };
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
    assert_eq!(seen, count, "there are enough events");
    assert!(pairs > 0, "something matches");
}
