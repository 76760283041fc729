//! Inputs in; alerts, stored events and rejects out: the main job, on plain threads.
//!
//! ```text
//! read + frame ──blocks──▶ decode, match, build alerts (n threads) ──in order──▶ sink, lake
//! ```
//!
//! *Invariants*: what the [`ScanSink`] sees, and in which order, does not depend on the number of threads;
//! alerts come in the order of their events in the source, those of one event in the order of the rules.
//! A sink that fails ends the scan, with everything before it stored. Setting [`Scan::stop`] ends it too,
//! as if the input had ended there.

mod collector;
mod firsts;
pub(crate) mod found;
mod keeper;
mod producer;
mod sink;
mod state;
mod stored;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::Enrichment;
use borzoi_parsers::formats::{DecodeCounters, DecodeOptions};
use borzoi_parsers::frame::FrameOptions;
use borzoi_parsers::input::{InputError, InputOptions, InputSet};
use borzoi_rules::correlation::CorrelationRule;
use tokio::runtime::Runtime;

use crate::correlate::alerts::Correlator;
use crate::eql;
use crate::eql::run::QueryRun;
use crate::expected::Expected;
use crate::hunt::HuntError;
use crate::indicators::LiveLists;
use crate::lake::{FlushReport, LakeError, LakeWriter};
use crate::matcher::{CompiledRules, MatchCounters};
use crate::pipeline::{self, Settings};
use crate::sql_rules;
use crate::sql_rules::run::SqlRun;
use crate::windows::time::Hold;
use crate::windows::{self, Baseline};
use collector::{Collector, Store};
use firsts::Firsts;
use keeper::Keeper;
use producer::Producer;
pub use sink::{Progress, ScanSink};
use state::Resume;
pub use state::{StateError, StateOptions};
use stored::StoredProducer;
pub use stored::{StoredEvents, StoredOptions};
use work::Worker;

/// How often streams are asked whether something came, and the sink and the lake whether something is due.
const TICK: Duration = Duration::from_millis(100);

/// How a scan works.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// How inputs are read.
    pub input: InputOptions,
    /// How frames are cut. Format and tenant are taken from `decode`.
    pub frame: FrameOptions,
    /// How frames are decoded.
    pub decode: DecodeOptions,
    /// Which columns are derived from others: all of them for the sink, those that rules ask for otherwise. They are
    /// not stored.
    pub enrich: Enrichment,
    /// Threads that decode and match.
    pub threads: NonZeroUsize,
    /// How correlation rules wait for late events, and what they may keep. Where no lateness is said, alerts of
    /// correlations come at the end of the inputs; with an input that has no end, [`STREAM_LATENESS`] holds.
    pub windows: windows::Settings,
    /// Where the state is kept from which the next scan goes on.
    pub state: Option<StateOptions>,
    /// What is not told because somebody said that it is expected.
    pub expected: Arc<Expected>,
    /// The lists that the rules look into, where they may be replaced while the scan runs.
    pub lists: Option<Arc<LiveLists>>,
}

/// How late events of an input without an end may be for correlation rules, in microseconds, where nothing is said.
pub const STREAM_LATENESS: i64 = 300_000_000;

/// How long an input without an end is waited for before event time goes on without it.
const QUIET: Duration = Duration::from_secs(60);

impl Default for ScanOptions {
    fn default() -> Self {
        ScanOptions {
            input: InputOptions::default(),
            frame: FrameOptions::default(),
            decode: DecodeOptions::default(),
            enrich: Enrichment::default(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            windows: windows::Settings::default(),
            state: None,
            expected: Arc::default(),
            lists: None,
        }
    }
}

/// Why a scan ended early.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The lake could not be written. What it says of itself tells whose fault it is.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The sink failed.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// The state that another scan left cannot be taken up, or that of this one not be saved.
    #[error(transparent)]
    State(#[from] StateError),
    /// The events that a lake holds could not be read.
    #[error(transparent)]
    Stored(HuntError),
    /// The machine gave no thread for writing the lake.
    #[error("cannot start the thread that writes the lake: {0}")]
    Runtime(#[source] io::Error),
}

/// What a scan did.
#[derive(Debug, Clone, Default)]
pub struct ScanSummary {
    /// Inputs that were opened.
    pub inputs: u64,
    /// Inputs that held no byte.
    pub empty_inputs: Vec<Arc<str>>,
    /// Inputs with bytes but not one event.
    pub inputs_without_events: Vec<Arc<str>>,
    /// Inputs that could not be read, or not to their end.
    pub errors: Vec<InputError>,
    /// Events by dataset.
    pub datasets: BTreeMap<Arc<str>, u64>,
    /// Rejects by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// What the decoders counted.
    pub decode: DecodeCounters,
    /// What the matchers counted.
    pub matching: MatchCounters,
    /// Alerts.
    pub alerts: u64,
    /// What the windows of correlation rules counted.
    pub windows: windows::Counters,
    /// Alerts of correlations that name events which were not kept, and cannot show them.
    pub evidence_given_up: u64,
    /// Findings of correlations of which no alert was made because their rules say that one is enough for a while.
    pub suppressed: u64,
    /// Findings of correlations of which no alert was made because somebody said that they are expected.
    pub held_back: u64,
    /// What rules that learn know at the end: the rule, and what there is. Of a scan that ends for good nothing is kept.
    pub baselines: Vec<(Arc<CorrelationRule>, Baseline)>,
    /// What queries over several events counted.
    pub queries: eql::run::Counters,
    /// What rules in SQL counted.
    pub sql: sql_rules::run::Counters,
    /// What was stored.
    pub lake: FlushReport,
    /// Bytes of the inputs as they lie on disk.
    pub raw_bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Inputs that an earlier scan had read to their end, and that are the same.
    pub inputs_read_before: u64,
    /// Inputs that have the name of one that an earlier scan read, and are another file.
    pub inputs_replaced: Vec<Arc<str>>,
    /// Inputs of which it could not be found out where they begin, so that other files did not wait for them: what they hold
    /// may have come too late.
    pub begins_unknown: Vec<Arc<str>>,
    /// Ids of rules over several events that an earlier scan had, but that are gone or ask something else: what was known
    /// of them is lost.
    pub state_lost: Vec<String>,
    /// Whether [`Scan::stop`] ended it before the end of an input that has one. A stream is over when it is
    /// told to stop.
    pub cut_short: bool,
}

/// Where events come from.
#[derive(Clone, Copy)]
enum Events<'a> {
    Inputs(&'a InputSet),
    Stored(&'a StoredEvents),
}

/// A scan about to run.
pub struct Scan {
    /// What is known of datasets.
    pub catalog: Arc<Catalog>,
    /// How it works.
    pub options: ScanOptions,
    /// The rules; without them, events are only parsed and stored.
    pub rules: Option<Arc<CompiledRules>>,
    /// Where events and alerts are stored.
    pub lake: Option<LakeWriter>,
    /// Set to end the scan.
    pub stop: Arc<AtomicBool>,
}

impl Scan {
    /// Runs the scan to its end.
    ///
    /// An input that cannot be read costs itself alone: it is in the summary.
    ///
    /// # Errors
    /// If the lake or the sink fails.
    ///
    /// # Panics
    /// With a lake, on a thread that runs asynchronous tasks: there use `tokio::task::spawn_blocking`, as
    /// [`Engine::ingest`](crate::Engine::ingest) does.
    pub fn run(self, inputs: &InputSet, sink: &mut dyn ScanSink) -> Result<ScanSummary, ScanError> {
        self.run_over(Events::Inputs(inputs), sink)
    }

    /// Runs the scan over events that a lake holds, which go through the rules as they would if they were read from the logs
    /// again: the same alerts come of them. They are not stored again, nor are the alerts. Where no
    /// [lateness](windows::Settings::lateness) is said, it is an hour; it decides nothing here, since they come in order of
    /// time, but what waits for the next scan where there is a state.
    ///
    /// # Errors
    /// If the lake cannot be read, or the sink fails.
    ///
    /// # Panics
    /// On a thread that runs asynchronous tasks: there use `tokio::task::spawn_blocking`.
    pub fn run_stored(
        mut self,
        stored: &StoredEvents,
        sink: &mut dyn ScanSink,
    ) -> Result<ScanSummary, ScanError> {
        self.lake = None;
        self.options.windows.lateness.get_or_insert(stored::LATENESS);
        // One table is read ahead of another by as much: who waited for less would miss what the others hold.
        self.options.windows.own_lateness = false;
        self.run_over(Events::Stored(stored), sink)
    }

    fn run_over(mut self, events: Events<'_>, sink: &mut dyn ScanSink) -> Result<ScanSummary, ScanError> {
        let nothing = InputSet::default();
        let inputs = match events {
            Events::Inputs(inputs) => inputs,
            Events::Stored(_) => &nothing,
        };
        let started = Instant::now();
        let raw_bytes = AtomicU64::new(0);
        let cut_short = AtomicBool::new(false);
        let frame_options = FrameOptions {
            format: self.options.decode.format,
            tenant: self.options.decode.tenant.clone(),
            ..self.options.frame.clone()
        };
        let stores = self.lake.is_some();
        let live = inputs.inputs.iter().any(|input| input.size.is_none());
        let mut keeper = self.options.state.clone().map(Keeper::open).transpose()?;
        let mut settings = self.options.windows;
        settings.threads = self.options.threads.get();
        if live && settings.lateness.is_none() {
            settings.lateness = Some(STREAM_LATENESS);
        }
        // What the next scan may only confirm is said by this one.
        settings.eager |= live || keeper.as_ref().is_some_and(|keeper| !keeper.options.finish);
        let rules = self.rules.as_ref();
        let mut correlator =
            rules.and_then(|rules| Some(Correlator::new(rules.correlations()?.clone(), settings)));
        if let Some(correlator) = &mut correlator {
            correlator.expect(self.options.expected.clone());
        }
        let mut queries = rules.and_then(|rules| QueryRun::new(rules.queries()?, &settings));
        let mut sql = rules.and_then(|rules| Some(SqlRun::new(rules.sql()?.clone(), settings)));
        if let Some(sql) = &mut sql {
            sql.expect(self.options.expected.clone());
        }
        let state_lost = match &mut keeper {
            Some(keeper) => keeper.take_up(correlator.as_mut(), queries.as_mut(), sql.as_mut())?,
            None => Vec::new(),
        };
        let resumes = keeper
            .as_ref()
            .map_or_else(Vec::new, |keeper| keeper.resumes(&inputs.inputs));
        let wants_events = sink.wants_events();
        let store = match self.lake.take() {
            Some(writer) => Some(Store {
                writer,
                runtime: Runtime::new().map_err(ScanError::Runtime)?,
                tenant: self.options.decode.tenant.clone(),
                live,
            }),
            None => None,
        };
        let mut collector = Collector {
            sink,
            store,
            correlator,
            queries,
            sql,
            inputs: &inputs.inputs,
            streams: false,
            last_block: Instant::now(),
            summary: ScanSummary {
                state_lost,
                ..ScanSummary::default()
            },
            current: None,
            keeper,
            goes_on: false,
            learns: match events {
                Events::Inputs(_) => false,
                Events::Stored(stored) => stored.learns(),
            },
            hold: Hold::default(),
            replay: None,
        };
        for (input, resume) in inputs.inputs.iter().zip(&resumes) {
            match resume {
                Resume::Skip => collector.summary.inputs_read_before += 1,
                Resume::Replaced => collector.summary.inputs_replaced.push(input.path.clone()),
                Resume::Whole | Resume::After(_) => {}
            }
        }
        for error in &inputs.errors {
            collector.input_error(error.clone());
        }
        let waits = settings.lateness.is_some()
            && (collector.correlator.is_some() || collector.queries.is_some() || collector.sql.is_some());
        let holds = match waits {
            true => {
                let firsts = Firsts {
                    catalog: &self.catalog,
                    options: &self.options,
                    frame_options: &frame_options,
                    goes_on: self.options.state.is_some(),
                };
                firsts.holds(&inputs.inputs, &resumes, &mut collector.summary.begins_unknown)
            }
            false => Vec::new(),
        };
        let producer = Producer {
            inputs: &inputs.inputs,
            resumes: &resumes,
            holds: &holds,
            goes_on: self.options.state.is_some(),
            input_options: &self.options.input,
            frame_options: &frame_options,
            raw_bytes: &raw_bytes,
            stop: &self.stop,
            cut_short: &cut_short,
        };
        let stored = match events {
            Events::Inputs(_) => None,
            Events::Stored(stored) => Some(StoredProducer {
                stored,
                rules: self.rules.as_deref(),
                lateness: settings.lateness.unwrap_or(stored::LATENESS),
                raw_bytes: &raw_bytes,
                stop: &self.stop,
                cut_short: &cut_short,
                failed: Mutex::default(),
                read: AtomicU64::new(0),
            }),
        };
        let outcome = pipeline::run(
            Settings {
                workers: self.options.threads,
                // Enough that no thread waits for the others, few enough that memory stays small.
                in_flight: self.options.threads.saturating_add(2),
                tick: TICK,
            },
            |feed| match &stored {
                Some(stored) => stored.run(feed),
                None => producer.run(feed),
            },
            || {
                let mut worker = Worker::new(
                    &self.catalog,
                    &self.options,
                    self.rules.as_ref(),
                    stores,
                    wants_events,
                );
                move |item| worker.work(item)
            },
            |collected| collector.collect(collected, raw_bytes.load(Ordering::Relaxed)),
        );
        let outcome = outcome.and_then(|()| match stored {
            Some(stored) => {
                collector.summary.inputs = stored.read.into_inner();
                let failed = stored.failed.into_inner();
                let failed = failed.unwrap_or_else(PoisonError::into_inner);
                failed.map_or(Ok(()), |error| Err(ScanError::Stored(error)))
            }
            None => Ok(()),
        });
        // Somebody who says stop does not say that nothing more comes.
        let is_over = collector
            .keeper
            .as_ref()
            .is_none_or(|keeper| keeper.options.finish && !self.stop.load(Ordering::Relaxed));
        let ended = match is_over {
            true => collector.correlations_end(outcome.is_ok()),
            false => collector.wait(outcome.is_ok()),
        };
        let outcome = outcome.and(ended);
        let ended = match is_over {
            true => collector.queries_end(outcome.is_ok()),
            false => Ok(()),
        };
        let sql_ended = collector.sql_end(is_over, outcome.is_ok() && ended.is_ok());
        let outcome = outcome
            .and(ended)
            .and(sql_ended)
            .and_then(|()| collector.progress(raw_bytes.load(Ordering::Relaxed)));
        // Whatever ended it, what came before is stored.
        let stored = collector.finish();
        let outcome = match &stored {
            Ok(_) => outcome.and_then(|()| {
                collector.tidy();
                collector.save(is_over)
            }),
            Err(_) => outcome,
        };
        let mut summary = collector.summary;
        // The lake first: that nobody reads the output any more must not hide that nothing was stored.
        summary.lake = stored?;
        outcome?;
        summary.raw_bytes = raw_bytes.into_inner();
        summary.cut_short = cut_short.into_inner();
        summary.elapsed = started.elapsed();
        Ok(summary)
    }
}
