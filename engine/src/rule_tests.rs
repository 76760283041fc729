//! Running the test events that stand beside rules ([`borzoi_rules::pack_tests`]).

use std::io::Cursor;
use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{ChunkSource, InputOptions};
use borzoi_rules::ir::DetectionRule;
use borzoi_rules::pack_tests::TestCase;

use crate::matcher::{BatchMatcher, CompiledRules};

/// What became of a test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// The rule should fire and did not, or the other way round.
    Failed {
        /// What to know about it.
        reason: String,
    },
}

/// Parses the bytes of a test event (or any small text) as `borzoi scan` would.
///
/// # Errors
/// If nothing in it is an event, or the dataset is not in the catalog.
pub fn parse_events(
    text: &str,
    dataset: Option<&str>,
    catalog: &Arc<Catalog>,
) -> Result<Vec<EventBatch>, String> {
    let dataset = match dataset {
        None => None,
        Some(name) => Some(
            catalog
                .dataset(name)
                .cloned()
                .ok_or_else(|| format!("no dataset `{name}`"))?,
        ),
    };
    let bytes = Cursor::new(text.as_bytes().to_vec());
    let chunks = ChunkSource::from_reader("test", bytes, &InputOptions::default());
    let mut blocks = BlockReader::new(chunks, FrameOptions::default());
    let mut decoder = Decoder::new(
        catalog.clone(),
        DecodeOptions {
            dataset,
            ..DecodeOptions::default()
        },
    );
    let mut batches = Vec::new();
    let mut refused = Vec::new();
    loop {
        match blocks.next(None) {
            Read::Block(block) => {
                let decoded = decoder.decode(&block);
                batches.extend(decoded.batches);
                refused.extend(
                    decoded
                        .rejects
                        .iter()
                        .map(|r| format!("{}: {}", r.reason, r.detail)),
                );
            }
            Read::Error(error) => refused.push(error.to_string()),
            Read::Idle => {}
            Read::End => break,
        }
    }
    match refused.first() {
        Some(reason) => Err(format!("not an event: {reason}")),
        None if batches.is_empty() => Err("holds no event".into()),
        None => Ok(batches),
    }
}

/// Runs one case against the rules of its file: it passes if "any of them fires on any event of the case" is
/// as expected.
pub fn run(rules: &Arc<CompiledRules>, case: &TestCase, catalog: &Arc<Catalog>) -> Outcome {
    let batches = match parse_events(&case.event_text, case.dataset.as_deref(), catalog) {
        Ok(batches) => batches,
        Err(reason) => return Outcome::Failed { reason },
    };
    let mut matcher = BatchMatcher::new(rules.clone());
    let fired = batches.iter().any(|batch| !matcher.match_batch(batch).is_empty());
    if fired == case.expect {
        return Outcome::Passed;
    }
    let datasets: Vec<&str> = batches.iter().map(|batch| &*batch.dataset.name).collect();
    let verdict = if fired {
        "fires and should not"
    } else {
        "does not fire"
    };
    Outcome::Failed {
        reason: format!("{verdict} on this event of {}", datasets.join(", ")),
    }
}

/// Compiles the rules of one file for [`run`].
pub fn compile(rules: &[Arc<DetectionRule>], catalog: &Catalog) -> Arc<CompiledRules> {
    Arc::new(CompiledRules::compile(rules.to_vec(), catalog).0)
}
