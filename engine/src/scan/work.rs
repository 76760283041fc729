//! What a worker thread does with a block: decode, match, build alerts.

use std::sync::Arc;

use arrow::array::RecordBatch;
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_parsers::enrich::Enricher;
use borzoi_parsers::formats::{DecodeCounters, Decoded, Decoder, Format};
use borzoi_parsers::frame::{FrameBlock, Framing};
use borzoi_parsers::input::InputError;
use hashbrown::HashMap;

use super::ScanOptions;
use super::found::{Matches, find_in_order, offset};
use super::state::Reached;
use super::stored::Slice;
use crate::alert::Alert;
use crate::alert_build::micros_at;
use crate::alert_table::alert_batches;
use crate::correlate::signals::Matched;
use crate::eql::hits::Hit;
use crate::indicators::LiveLists;
use crate::matcher::screen::Screen;
use crate::matcher::{BatchMatcher, CompiledRules, MatchCounters};
use crate::sql_rules::partial::Partial;
use crate::windows::time::Hold;

/// What the producer hands over, in the order of the inputs.
pub(super) enum Item {
    /// An input, and what holds time back while it is read.
    Opened(Arc<str>, Hold),
    Block(FrameBlock),
    /// Events that the lake holds.
    Stored(Box<Slice>),
    Error(InputError),
    Closed {
        raw_bytes: u64,
        is_whole: bool,
    },
}

/// What comes out of an [`Item`].
pub(super) enum Output {
    Opened(Arc<str>, Hold),
    Block(Box<Block>),
    /// Stored events that are none, and why.
    Unreadable(String),
    Error(InputError),
    Closed {
        raw_bytes: u64,
        is_whole: bool,
    },
}

/// A block's results.
pub(super) struct Block {
    /// How far its input was read with it.
    pub(super) reached: Reached,
    /// Of stored events: whose they are, and the time of the last.
    pub(super) stored: Option<(Arc<str>, i64)>,
    pub(super) decoded: Decoded,
    /// Its events with their derived columns, where the sink wants events and there are such columns.
    pub(super) shown: Option<Vec<EventBatch>>,
    pub(super) alerts: Vec<Alert>,
    /// What correlations read, in the order of the source.
    pub(super) correlated: Vec<Matched>,
    /// What queries over several events read, in the order of the source.
    pub(super) hits: Vec<Hit>,
    /// Keys that queries left out of events with too many values.
    pub(super) keys_left_out: u64,
    /// What rules in SQL read.
    pub(super) sql: Vec<Partial>,
    /// The alerts as rows of the table `alerts`.
    pub(super) alert_tables: Vec<RecordBatch>,
    pub(super) matching: MatchCounters,
    /// Events by dataset that are counted in `decoded` but not in its batches: no rule matches them.
    pub(super) passed: Vec<(Arc<Dataset>, u64)>,
}

/// The state of one worker thread.
pub(super) struct Worker {
    /// Finds events that no rule matches.
    screen: Option<Screen>,
    /// Where all events are stored: decodes those once more that rules have to look at.
    chosen: Option<Chosen>,
    decoder: Decoder,
    matcher: Option<BatchMatcher>,
    derived: Derived,
    /// Lists that may be replaced, and their version that what is remembered of values is of.
    lists: Option<(Arc<LiveLists>, u64)>,
    /// Whether alerts are stored, and their rows therefore needed.
    stores: bool,
}

/// Decodes the events that rules have to look at.
struct Chosen {
    decoder: Decoder,
    /// Blocks to come that are matched whole.
    whole: u32,
}

/// Columns made of others.
struct Derived {
    enricher: Enricher,
    /// All of them are wanted, for the sink.
    all: bool,
    /// By dataset: those that rules ask for.
    asked: HashMap<Arc<str>, Vec<Arc<str>>>,
}

impl Derived {
    /// The batches as the sink sees them, if they have derived columns.
    fn shown(&mut self, batches: &[EventBatch]) -> Option<Vec<EventBatch>> {
        self.all.then(|| {
            let batches = batches.iter().cloned();
            batches.map(|batch| self.enricher.enrich(batch)).collect()
        })
    }

    /// The batch with the columns that rules ask for; `None` if that is the batch as it is.
    fn matched(&mut self, batch: &EventBatch, rules: &CompiledRules) -> Option<EventBatch> {
        if !self.asked.contains_key(&batch.dataset.name) {
            let asked = rules.derived_columns(&batch.dataset);
            self.asked.insert(batch.dataset.name.clone(), asked);
        }
        let asked = self.asked.get(&batch.dataset.name)?;
        if asked.is_empty() {
            return None;
        }
        self.enricher
            .enrich_only(batch, |column| asked.contains(&column.sql))
    }
}

/// So many blocks are matched whole after one of which most events had to be looked at.
const WHOLE_BLOCKS: u32 = 15;

impl Worker {
    pub(super) fn new(
        catalog: &Arc<Catalog>,
        options: &ScanOptions,
        rules: Option<&Arc<CompiledRules>>,
        stores: bool,
        wants_events: bool,
    ) -> Self {
        let lists = options.lists.clone().map(|lists| {
            let version = lists.version();
            (lists, version)
        });
        let enrich = &options.enrich;
        let derived = Derived {
            enricher: Enricher::new(enrich.clone()),
            all: wants_events && !enrich.families.is_empty(),
            asked: HashMap::new(),
        };
        let options = &options.decode;
        let json = matches!(options.format, None | Some(Format::Json));
        let screened = rules.filter(|rules| json && !wants_events && !(stores && rules.rules().is_empty()));
        let screen = screened.and_then(|rules| Screen::new(rules.clone(), catalog, options));
        let decoder = || Decoder::new(catalog.clone(), options.clone());
        let chosen = (screen.is_some() && stores).then(|| Chosen {
            decoder: decoder(),
            whole: 0,
        });
        Worker {
            screen,
            chosen,
            decoder: decoder(),
            matcher: rules.map(|rules| BatchMatcher::new(rules.clone())),
            derived,
            lists,
            stores,
        }
    }

    pub(super) fn work(&mut self, item: Item) -> Output {
        match item {
            Item::Opened(path, hold) => Output::Opened(path, hold),
            Item::Error(error) => Output::Error(error),
            Item::Closed { raw_bytes, is_whole } => Output::Closed { raw_bytes, is_whole },
            Item::Block(block) => {
                let reached = Reached::of(&block);
                let lists = self.lists.as_ref().map(|(lists, _)| lists.clone());
                let _steady = lists.as_ref().map(|lists| lists.steady());
                self.forget_replaced();
                let mut found = self.block(block);
                found.reached = reached;
                Output::Block(Box::new(found))
            }
            Item::Stored(slice) => {
                let until = slice.until;
                match slice.into_batch() {
                    Ok(batch) => Output::Block(Box::new(self.stored(batch, until))),
                    Err(reason) => Output::Unreadable(reason),
                }
            }
        }
    }

    /// Events as the lake holds them, the last of them of this time.
    fn stored(&mut self, batch: EventBatch, until: i64) -> Block {
        let stored = Some((batch.tenant.clone(), until));
        let decoded = Decoded {
            source: Arc::default(),
            sequence: 0,
            rejects: Vec::new(),
            counters: DecodeCounters {
                events: batch.len() as u64,
                ..DecodeCounters::default()
            },
            batches: vec![batch],
        };
        // Windows take what comes late within a block for late.
        let by_time = |batch: &EventBatch, row: u32| micros_at(batch, row as usize);
        Block {
            stored,
            ..self.matched_in_order(decoded, &by_time)
        }
    }

    /// Forgets what is known of values if the lists that they were looked up in are others now.
    fn forget_replaced(&mut self) {
        let Some((lists, known)) = &mut self.lists else {
            return;
        };
        let version = lists.version();
        if *known == version {
            return;
        }
        *known = version;
        if let Some(screen) = &mut self.screen {
            screen.forget();
        }
        if let Some(matcher) = &mut self.matcher {
            matcher.forget();
        }
    }

    fn block(&mut self, mut block: FrameBlock) -> Block {
        let screen = match block.framing {
            // The screen takes events for what they show themselves to be.
            Framing::Lines | Framing::Json if self.decoder.dataset_of(&block.source).is_none() => {
                self.screen.as_mut()
            }
            _ => None,
        };
        let Some(screen) = screen else {
            let decoded = self.decoder.decode(block);
            return self.matched(decoded);
        };
        if let Some(chosen) = &mut self.chosen {
            if chosen.whole > 0 {
                chosen.whole -= 1;
                let decoded = self.decoder.decode(block);
                return self.matched(decoded);
            }
            return self.chosen(block);
        }
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

    /// All events of a block, and the alerts of those that the screen does not pass: few are decoded twice, so
    /// that all others need not be matched.
    fn chosen(&mut self, block: FrameBlock) -> Block {
        let (Some(screen), Some(chosen)) = (&mut self.screen, &mut self.chosen) else {
            let decoded = self.decoder.decode(block);
            return self.matched(decoded);
        };
        let other = &mut chosen.decoder;
        let (decoded, part) = self
            .decoder
            .decode_screened(block, other, |event| screen.passes_event(event));
        let passed = screen.take_passed();
        let Some(part) = part else {
            chosen.whole = WHOLE_BLOCKS;
            return self.matched(decoded);
        };
        let mut matched = self.matched(part);
        matched.decoded = decoded;
        matched.matching += passed.matching;
        matched
    }

    fn matched(&mut self, decoded: Decoded) -> Block {
        self.matched_in_order(decoded, &offset)
    }

    /// What is found comes in the order of events that `place` gives.
    fn matched_in_order(&mut self, decoded: Decoded, place: &dyn Fn(&EventBatch, u32) -> i64) -> Block {
        let shown = self.derived.shown(&decoded.batches);
        let Some(matcher) = &mut self.matcher else {
            return Block {
                reached: Reached::default(),
                stored: None,
                decoded,
                shown,
                alerts: Vec::new(),
                correlated: Vec::new(),
                hits: Vec::new(),
                keys_left_out: 0,
                sql: Vec::new(),
                alert_tables: Vec::new(),
                matching: MatchCounters::default(),
                passed: Vec::new(),
            };
        };
        let rules = matcher.rules().clone();
        // An alert shows the same event whatever the sink wants to see.
        let mut asked = |batch: &EventBatch| self.derived.matched(batch, &rules);
        let enriched: Vec<Option<EventBatch>> = decoded.batches.iter().map(&mut asked).collect();
        let batches: Vec<&EventBatch> = enriched
            .iter()
            .zip(&decoded.batches)
            .map(|(enriched, batch)| enriched.as_ref().unwrap_or(batch))
            .collect();
        let Matches {
            alerts,
            correlated,
            hits,
            keys_left_out,
            sql,
        } = find_in_order(matcher, &batches, place);
        let alert_tables = match self.stores {
            true => alert_batches(&alerts, chrono::Utc::now().timestamp_micros()),
            false => Vec::new(),
        };
        let matching = matcher.take_counters();
        Block {
            reached: Reached::default(),
            stored: None,
            matching,
            decoded,
            shown,
            alerts,
            correlated,
            hits,
            keys_left_out,
            sql,
            alert_tables,
            passed: Vec::new(),
        }
    }
}
