//! What a worker thread does with a block: decode, match, build alerts.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_parsers::formats::{DecodeOptions, Decoded, Decoder, Format};
use borzoi_parsers::frame::{FrameBlock, Framing};
use borzoi_parsers::input::InputError;

use crate::alert::Alert;
use crate::alert_build::AlertBuilder;
use crate::alert_table::alert_batch;
use crate::matcher::screen::Screen;
use crate::matcher::{BatchMatcher, CompiledRules, MatchCounters, Signal};

/// What the producer hands over, in the order of the inputs.
pub(super) enum Item {
    Opened(Arc<str>),
    Block(FrameBlock),
    Error(InputError),
    Closed { raw_bytes: u64 },
}

/// What comes out of an [`Item`].
pub(super) enum Output {
    Opened(Arc<str>),
    Block(Box<Block>),
    Error(InputError),
    Closed { raw_bytes: u64 },
}

/// A block's results.
pub(super) struct Block {
    pub(super) decoded: Decoded,
    pub(super) alerts: Vec<Alert>,
    /// The alerts as rows of the table `alerts`.
    pub(super) alert_table: Option<RecordBatch>,
    pub(super) matching: MatchCounters,
    /// Events by dataset that are counted in `decoded` but not in its batches: no rule matches them.
    pub(super) passed: Vec<(Arc<Dataset>, u64)>,
}

/// The state of one worker thread.
pub(super) struct Worker {
    /// Where nobody wants the events, those that no rule matches are passed over.
    screen: Option<Screen>,
    decoder: Decoder,
    matcher: Option<BatchMatcher>,
    /// Whether alerts are stored, and their rows therefore needed.
    stores: bool,
}

impl Worker {
    pub(super) fn new(
        catalog: &Arc<Catalog>,
        options: &DecodeOptions,
        rules: Option<&Arc<CompiledRules>>,
        stores: bool,
        wants_events: bool,
    ) -> Self {
        let json = matches!(options.format, None | Some(Format::Json));
        let screened = rules.filter(|_| json && !stores && !wants_events);
        Worker {
            screen: screened.and_then(|rules| Screen::new(rules.clone(), catalog, options)),
            decoder: Decoder::new(catalog.clone(), options.clone()),
            matcher: rules.map(|rules| BatchMatcher::new(rules.clone())),
            stores,
        }
    }

    pub(super) fn work(&mut self, item: Item) -> Output {
        match item {
            Item::Opened(path) => Output::Opened(path),
            Item::Error(error) => Output::Error(error),
            Item::Closed { raw_bytes } => Output::Closed { raw_bytes },
            Item::Block(block) => Output::Block(Box::new(self.block(block))),
        }
    }

    fn block(&mut self, mut block: FrameBlock) -> Block {
        let screen = match block.framing {
            Framing::Lines | Framing::Json => self.screen.as_mut(),
            _ => None,
        };
        let Some(screen) = screen else {
            let decoded = self.decoder.decode(block);
            return self.matched(decoded);
        };
        let mut bytes = 0;
        let mut frames = std::mem::take(&mut block.frames);
        frames.retain(|&span| {
            let frame = block.frame(span);
            let passed = screen.passes(frame);
            bytes += if passed { frame.len() as u64 } else { 0 };
            !passed
        });
        block.frames = frames;
        let passed = screen.take_passed();
        let mut decoded = self.decoder.decode(block);
        decoded.counters.events += passed.matching.passed;
        decoded.counters.bytes += bytes;
        decoded.counters.columns += passed.columns;
        let mut matched = self.matched(decoded);
        matched.matching += passed.matching;
        matched.passed = passed.events;
        matched
    }

    fn matched(&mut self, decoded: Decoded) -> Block {
        let Some(matcher) = &mut self.matcher else {
            return Block {
                decoded,
                alerts: Vec::new(),
                alert_table: None,
                matching: MatchCounters::default(),
                passed: Vec::new(),
            };
        };
        let mut signals: Vec<(i64, usize, Signal)> = Vec::new();
        for (number, batch) in decoded.batches.iter().enumerate() {
            let found = matcher.match_batch(batch);
            signals.extend(
                found
                    .into_iter()
                    .map(|signal| (offset(batch, signal.row), number, signal)),
            );
        }
        // In the order of the source, whatever datasets its events belong to. Stable: events of one frame
        // stay in order.
        signals.sort_by_key(|(offset, _, _)| *offset);
        let mut builders: Vec<Option<AlertBuilder<'_>>> = decoded.batches.iter().map(|_| None).collect();
        let mut alerts: Vec<Alert> = Vec::with_capacity(signals.len());
        for &(_, number, signal) in &signals {
            let builder = builders[number]
                .get_or_insert_with(|| AlertBuilder::new(matcher.rules(), &decoded.batches[number]));
            alerts.push(builder.build(signal));
        }
        drop(builders);
        let alert_table = (self.stores && !alerts.is_empty())
            .then(|| alert_batch(&alerts, chrono::Utc::now().timestamp_micros()));
        let matching = matcher.take_counters();
        Block {
            matching,
            decoded,
            alerts,
            alert_table,
            passed: Vec::new(),
        }
    }
}

fn offset(batch: &EventBatch, row: u32) -> i64 {
    batch
        .column("log_offset")
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .map_or(0, |offsets| offsets.value(row as usize))
}
