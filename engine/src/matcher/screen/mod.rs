//! Passing over events that no rule matches, before anything is made of them.
//!
//! Most events match nothing. Making columns of them only to find that out costs many times more than
//! finding it out from the raw record:
//!
//! ```text
//!  record ─▶ fields as they stand ─▶ kind of event ─▶ values that could wake a rule of that kind
//!            (formats::flat)          (kind)            (memory: each distinct value searched once)
//!                │ not plain              │ a keyword occurs         │ a woken rule may hold
//!                └───────────┬────────────┴──────────────────────────┘
//!                            ▼
//!              looked at in full: decoded and matched like any other event
//! ```
//!
//! *A screen only ever says no.* What it does not understand, or cannot rule out, is looked at in full, so
//! its guesses are about speed and never about alerts. That holds because it asks of a value what the
//! [plan](super::plan) asks, through the same [indexes](super::field_index), of the same text that the
//! column would hold ([`stored_text`]).
//!
//! *Shapes.* Which columns the fields of a record go to, which tell the kind and which rules can ask for follows from
//! its keys and their order. Producers write few such shapes, so that is found out once for each (`shapes`).
//!
//! *Kinds.* What an event is (which event id, channel, provider: whatever log sources are told apart by)
//! decides which rules are left at all. For every kind met, the rules are simplified once with what the kind
//! says; most vanish. An event then costs what its values have in common with the rules of its kind.
//!
//! What is passed over is counted as decoding would have counted it.
//!
//! [`stored_text`]: borzoi_parsers::batch::stored_text

mod dataset;
mod keywords;
mod kind;
mod lines;
mod memory;
mod shapes;

use std::sync::Arc;

use borzoi_parsers::batch::BuilderCounters;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_parsers::formats::DecodeOptions;
use borzoi_parsers::formats::flat::{FlatEvent, FlatReader};
use chrono_tz::Tz;

use super::{CompiledRules, MatchCounters};
use dataset::DatasetScreen;

/// What a screen has passed over since it was asked last.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// Events by dataset.
    pub events: Vec<(Arc<Dataset>, u64)>,
    /// What a builder would have put aside in them.
    pub columns: BuilderCounters,
    /// Events passed over, values searched in all events.
    pub matching: MatchCounters,
}

/// The screen of one thread. See the [module](self).
pub struct Screen {
    rules: Arc<CompiledRules>,
    reader: FlatReader,
    zone: Tz,
    datasets: Datasets,
}

/// The datasets met so far.
struct Datasets {
    max_columns: usize,
    met: Vec<Met>,
    /// That of the last event: neighbours mostly share it.
    last: usize,
}

struct Met {
    screen: DatasetScreen,
    /// Whether any rule is about the dataset.
    has_rules: bool,
    /// Whether a rule in SQL reads all of its events.
    all_read: bool,
    /// Events that were passed over because none is.
    unasked: u64,
}

impl Datasets {
    #[inline]
    fn of(&mut self, rules: &CompiledRules, event: &FlatEvent<'_>) -> &mut Met {
        let is_of = |met: &Met| Arc::ptr_eq(&met.screen.dataset, event.dataset);
        if !self.met.get(self.last).is_some_and(is_of) {
            self.last = match self.met.iter().position(is_of) {
                Some(known) => known,
                None => {
                    let plan = rules.plan(event.dataset);
                    self.met.push(Met {
                        has_rules: !plan.rules.is_empty(),
                        all_read: rules.sql().is_some_and(|sql| sql.reads(event.dataset)),
                        unasked: 0,
                        screen: DatasetScreen::new(event.dataset.clone(), plan, self.max_columns),
                    });
                    self.met.len() - 1
                }
            };
        }
        &mut self.met[self.last]
    }
}

impl Screen {
    /// A screen for events that are decoded with `options`. `None` where the options say more of the events
    /// than the events themselves.
    pub fn new(rules: Arc<CompiledRules>, catalog: &Catalog, options: &DecodeOptions) -> Option<Screen> {
        // With the original a record's bytes are a value that rules can ask for.
        if options.dataset.is_some() || options.keep_original {
            return None;
        }
        Some(Screen {
            rules,
            reader: FlatReader::new(catalog),
            zone: options.timezone.unwrap_or(Tz::UTC),
            datasets: Datasets {
                max_columns: options.max_columns,
                met: Vec::new(),
                last: 0,
            },
        })
    }

    /// Whether a record holds one event that no rule matches. `false`: it has to be looked at in full.
    #[inline]
    pub fn passes(&mut self, record: &[u8]) -> bool {
        // Other first bytes make the decoder take a record for something else.
        if record.first() != Some(&b'{') {
            return false;
        }
        let Some(event) = self.reader.read(record, self.zone) else {
            return false;
        };
        let met = self.datasets.of(&self.rules, &event);
        !met.all_read && met.screen.passes(&event)
    }

    /// As [`passes`](Screen::passes), for an event that has been read already, and is decoded whatever comes out:
    /// who decodes it counts what is put aside. A screen is asked about events of one reader or about records,
    /// never both.
    #[inline]
    pub fn passes_event(&mut self, event: &FlatEvent<'_>) -> bool {
        let met = self.datasets.of(&self.rules, event);
        if met.all_read {
            return false;
        }
        if !met.has_rules {
            met.unasked += 1;
            return true;
        }
        met.screen.passes(event)
    }

    /// Forgets what it knows of values: what rules ask of them has changed.
    pub fn forget(&mut self) {
        self.datasets.met.iter_mut().for_each(|met| met.screen.forget());
    }

    /// What was passed over since the last call.
    pub fn take_passed(&mut self) -> Passed {
        let mut passed = Passed::default();
        for met in &mut self.datasets.met {
            let unasked = std::mem::take(&mut met.unasked);
            let (columns, mut matching) = met.screen.take_counters();
            matching.events += unasked;
            matching.passed += unasked;
            passed.columns += columns;
            if matching.passed > 0 {
                let dataset = met.screen.dataset.clone();
                passed.events.push((dataset, matching.passed));
            }
            passed.matching += matching;
        }
        passed
    }
}
