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

pub(crate) mod found;
mod keeper;
mod sink;
mod state;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::Enrichment;
use borzoi_parsers::formats::{DecodeCounters, DecodeOptions};
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{Input, InputError, InputOptions, InputSet};
use tokio::runtime::Runtime;

use crate::alert::Alert;
use crate::alert_table::alert_batches;
use crate::correlate::alerts::{Correlator, FoundAlert};
use crate::eql;
use crate::eql::run::QueryRun;
use crate::lake::{FlushReport, LakeError, LakeWriter};
use crate::matcher::{CompiledRules, MatchCounters};
use crate::pipeline::{self, Collected, Feed, Settings};
use crate::windows;
use keeper::Keeper;
pub use sink::{Progress, ScanSink};
use state::Resume;
pub use state::{StateError, StateOptions};
use work::{Item, Worker};

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
    /// Stretches of time of groups whose events could not be kept for alerts to show.
    pub evidence_given_up: u64,
    /// Findings of correlations of which no alert was made because their rules say that one is enough for a while.
    pub suppressed: u64,
    /// What queries over several events counted.
    pub queries: eql::run::Counters,
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
    /// Ids of rules over several events that an earlier scan had, but that are gone or ask something else: what was known
    /// of them is lost.
    pub state_lost: Vec<String>,
    /// Whether [`Scan::stop`] ended it before the end of an input that has one. A stream is over when it is
    /// told to stop.
    pub cut_short: bool,
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
    pub fn run(mut self, inputs: &InputSet, sink: &mut dyn ScanSink) -> Result<ScanSummary, ScanError> {
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
        if live && settings.lateness.is_none() {
            settings.lateness = Some(STREAM_LATENESS);
        }
        // What the next scan may only confirm is said by this one.
        settings.eager |= live || keeper.as_ref().is_some_and(|keeper| !keeper.options.finish);
        let rules = self.rules.as_ref();
        let mut correlator =
            rules.and_then(|rules| Some(Correlator::new(rules.correlations()?.clone(), settings)));
        let mut queries = rules.and_then(|rules| QueryRun::new(rules.queries()?, &settings));
        let state_lost = match &mut keeper {
            Some(keeper) => keeper.take_up(correlator.as_mut(), queries.as_mut())?,
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
            inputs: &inputs.inputs,
            streams: false,
            last_block: Instant::now(),
            summary: ScanSummary {
                state_lost,
                ..ScanSummary::default()
            },
            current: None,
            keeper,
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
        let producer = Producer {
            inputs: &inputs.inputs,
            resumes: &resumes,
            goes_on: self.options.state.is_some(),
            input_options: &self.options.input,
            frame_options: &frame_options,
            raw_bytes: &raw_bytes,
            stop: &self.stop,
            cut_short: &cut_short,
        };
        let outcome = pipeline::run(
            Settings {
                workers: self.options.threads,
                // Enough that no thread waits for the others, few enough that memory stays small.
                in_flight: self.options.threads.saturating_add(2),
                tick: TICK,
            },
            |feed| producer.run(feed),
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
        // Somebody who says stop does not say that nothing more comes.
        let is_over = collector
            .keeper
            .as_ref()
            .is_none_or(|keeper| keeper.options.finish && !self.stop.load(Ordering::Relaxed));
        let ended = match is_over {
            true => collector.correlations_end(outcome.is_ok()),
            false => {
                collector.correlations_wait();
                Ok(())
            }
        };
        let outcome = outcome.and(ended);
        let ended = match is_over {
            true => collector.queries_end(outcome.is_ok()),
            false => {
                collector.queries_wait();
                Ok(())
            }
        };
        let outcome = outcome
            .and(ended)
            .and_then(|()| collector.progress(raw_bytes.load(Ordering::Relaxed)));
        // Whatever ended it, what came before is stored.
        let stored = collector.finish();
        let outcome = match &stored {
            Ok(_) => outcome.and_then(|()| collector.save(is_over)),
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

/// Reads and frames the inputs, one after another.
struct Producer<'a> {
    inputs: &'a [Input],
    /// What an earlier scan has left to do of them; nothing if there was none.
    resumes: &'a [Resume],
    /// Whether another scan goes on where this one ends.
    goes_on: bool,
    input_options: &'a InputOptions,
    frame_options: &'a FrameOptions,
    raw_bytes: &'a AtomicU64,
    stop: &'a AtomicBool,
    cut_short: &'a AtomicBool,
}

impl Producer<'_> {
    fn run(&self, feed: &mut Feed<'_, Item>) {
        for (number, input) in self.inputs.iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                self.cut_short.store(true, Ordering::Relaxed);
                return;
            }
            let resume = self.resumes.get(number).unwrap_or(&Resume::Whole);
            if !self.read(input, resume, feed) {
                return;
            }
        }
    }

    /// `false` once nobody wants more.
    fn read(&self, input: &Input, resume: &Resume, feed: &mut Feed<'_, Item>) -> bool {
        let after = match resume {
            Resume::Skip => {
                let size = input.size.unwrap_or(0);
                self.raw_bytes.fetch_add(size, Ordering::Relaxed);
                return true;
            }
            Resume::After(position) => Some(position),
            Resume::Whole | Resume::Replaced => None,
        };
        let chunks = match input.open(self.input_options) {
            Ok(chunks) => chunks,
            Err(error) => return feed.push(Item::Error(error)),
        };
        if !feed.push(Item::Opened(input.path.clone())) {
            return false;
        }
        let before = self.raw_bytes.load(Ordering::Relaxed);
        let timeout = chunks.is_stream().then_some(TICK);
        let mut blocks = BlockReader::new(chunks, self.frame_options.clone());
        loop {
            let read = blocks.next(timeout);
            let read_bytes = blocks.chunks().raw_bytes();
            self.raw_bytes.store(before + read_bytes, Ordering::Relaxed);
            let wanted = match read {
                Read::Block(mut block) => {
                    let is_new = after.is_none_or(|position| position.leave_new(&mut block));
                    !is_new || feed.push(Item::Block(block))
                }
                Read::Error(error) => feed.push(Item::Error(error)),
                Read::Idle => feed.idle(),
                Read::End => {
                    return feed.push(Item::Closed {
                        raw_bytes: read_bytes,
                        is_whole: true,
                    });
                }
            };
            if !wanted {
                return false;
            }
            if self.stop.load(Ordering::Relaxed) {
                if timeout.is_none() {
                    self.cut_short.store(true, Ordering::Relaxed);
                    // What would come now ends where reading was stopped; the next scan reads it whole.
                    if self.goes_on {
                        return feed.push(Item::Closed {
                            raw_bytes: read_bytes,
                            is_whole: false,
                        });
                    }
                }
                blocks.stop();
            }
        }
    }
}

struct Store {
    writer: LakeWriter,
    runtime: Runtime,
    tenant: Arc<str>,
    /// Whether somebody may be waiting for the events of an input that does not end.
    live: bool,
}

/// Takes results in order to the sink and the lake, and counts.
struct Collector<'a> {
    sink: &'a mut dyn ScanSink,
    store: Option<Store>,
    correlator: Option<Correlator>,
    queries: Option<QueryRun>,
    inputs: &'a [Input],
    /// Whether the open input has no end.
    streams: bool,
    /// When a block came last.
    last_block: Instant,
    summary: ScanSummary,
    /// The open input and the events it gave.
    current: Option<(Arc<str>, u64)>,
    keeper: Option<Keeper>,
}

impl Collector<'_> {
    fn collect(&mut self, collected: Collected<work::Output>, raw_bytes: u64) -> Result<(), ScanError> {
        match collected {
            Collected::Idle => {
                let quiet = self.last_block.elapsed();
                // A file that is slow to read says nothing of how time goes.
                let is_quiet = self.streams && quiet >= QUIET;
                let quiet = i64::try_from(quiet.as_micros()).unwrap_or(i64::MAX);
                if let Some(correlator) = self.correlator.as_mut().filter(|_| is_quiet) {
                    correlator.quiet(quiet);
                    self.correlation_alerts(true)?;
                }
                if let Some(queries) = self.queries.as_mut().filter(|_| is_quiet) {
                    let alerts = queries.quiet(quiet);
                    self.final_alerts(alerts, true)?;
                }
            }
            Collected::Result(work::Output::Opened(path)) => {
                self.summary.inputs += 1;
                let mut opened = self.inputs.iter().filter(|input| input.path == path);
                self.streams = opened.any(|input| input.size.is_none());
                self.last_block = Instant::now();
                if let Some(keeper) = self.keeper.as_mut().filter(|_| !self.streams) {
                    keeper.opened(&path);
                }
                self.current = Some((path, 0));
            }
            Collected::Result(work::Output::Closed { raw_bytes, is_whole }) => {
                if let (Some(keeper), Some((path, _))) = (&mut self.keeper, &self.current)
                    && is_whole
                {
                    keeper.ended(path, raw_bytes);
                }
                let summary = &mut self.summary;
                match self.current.take() {
                    Some((path, _)) if raw_bytes == 0 => summary.empty_inputs.push(path),
                    Some((path, 0)) => summary.inputs_without_events.push(path),
                    _ => {}
                }
            }
            Collected::Result(work::Output::Error(error)) => self.input_error(error),
            Collected::Result(work::Output::Block(mut block)) => {
                self.last_block = Instant::now();
                self.block(&block).map_err(ScanError::Output)?;
                let signals = std::mem::take(&mut block.correlated);
                if let Some(correlator) = &mut self.correlator {
                    let now = Instant::now();
                    correlator.take(signals, chrono::Utc::now().timestamp_micros(), now);
                    if self.streams {
                        correlator.idle(now, QUIET);
                    }
                }
                if let Some(store) = &mut self.store {
                    for batch in &block.decoded.batches {
                        store.writer.append(batch)?;
                    }
                    for alerts in &block.alert_tables {
                        store.writer.append_alerts(&store.tenant, alerts)?;
                    }
                }
                let hits = std::mem::take(&mut block.hits);
                let streams = self.streams;
                let of_queries = self.queries.as_mut().map(|queries| {
                    let now = Instant::now();
                    queries.leave_out(block.keys_left_out);
                    let mut found = queries.take(hits, chrono::Utc::now().timestamp_micros(), now);
                    if streams {
                        found.extend(queries.idle(now, QUIET));
                    }
                    found
                });
                // After the events that they are about are on their way into the lake.
                let given = self.correlation_alerts(true);
                // The lake gets the others all the same.
                self.final_alerts(of_queries.unwrap_or_default(), given.is_ok())?;
                given?;
                if let (Some(keeper), Some((path, _))) = (&mut self.keeper, &self.current) {
                    keeper.reached(path, block.reached);
                }
            }
        }
        self.progress(raw_bytes)?;
        self.save_if_due()?;
        if let Some(store) = &mut self.store {
            store.runtime.block_on(async {
                match store.live {
                    true => store.writer.flush_if_due().await,
                    false => store.writer.flush_if_full().await,
                }
            })?;
        }
        Ok(())
    }

    fn block(&mut self, block: &work::Block) -> io::Result<()> {
        let decoded = &block.decoded;
        for reject in &decoded.rejects {
            *self.summary.rejects.entry(reject.reason).or_default() += 1;
            self.sink.reject(reject)?;
        }
        let decoded_events = decoded
            .batches
            .iter()
            .map(|batch| (&batch.dataset, batch.len() as u64));
        let passed = block.passed.iter().map(|(dataset, events)| (dataset, *events));
        for (dataset, events) in decoded_events.chain(passed) {
            *self.summary.datasets.entry(dataset.name.clone()).or_default() += events;
        }
        if let Some((_, events)) = &mut self.current {
            *events += decoded.counters.events;
        }
        self.summary.decode += decoded.counters;
        self.summary.matching += block.matching;
        self.sink
            .events(block.shown.as_ref().unwrap_or(&decoded.batches))?;
        for alert in &block.alerts {
            self.summary.alerts += 1;
            self.sink.alert(alert)?;
        }
        Ok(())
    }

    /// Alerts about more than one block, some at a time: to the lake, and to the sink, unless that is over.
    fn correlation_alerts(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        let mut sink_failed = None;
        while let Some(correlator) = &mut self.correlator {
            let found = correlator.alerts();
            if found.is_empty() {
                break;
            }
            let sink_takes = sink_takes && sink_failed.is_none();
            match self.give_alerts(found, sink_takes) {
                // The lake gets the others all the same.
                Err(ScanError::Output(error)) => sink_failed = Some(ScanError::Output(error)),
                given => given?,
            }
            if let Some(store) = &mut self.store {
                store.runtime.block_on(store.writer.flush_if_full())?;
            }
        }
        sink_failed.map_or(Ok(()), Err)
    }

    fn give_alerts(&mut self, found: Vec<FoundAlert>, sink_takes: bool) -> Result<(), ScanError> {
        // The lake first: a sink that fails must not keep anything from it. A row is stored once: when nothing changes it
        // any more.
        if let Some(store) = &mut self.store {
            let over: Vec<Alert> = found
                .iter()
                .filter(|found| found.is_final)
                .map(|found| found.alert.clone())
                .collect();
            for table in alert_batches(&over, chrono::Utc::now().timestamp_micros()) {
                store.writer.append_alerts(&store.tenant, &table)?;
            }
        }
        if !sink_takes {
            return Ok(());
        }
        for FoundAlert { alert, is_known, .. } in found {
            if is_known {
                self.sink.update(&alert).map_err(ScanError::Output)?;
            } else {
                self.summary.alerts += 1;
                self.sink.alert(&alert).map_err(ScanError::Output)?;
            }
        }
        Ok(())
    }

    /// Alerts that nothing changes any more.
    fn final_alerts(&mut self, alerts: Vec<Alert>, sink_takes: bool) -> Result<(), ScanError> {
        let found = alerts.into_iter().map(|alert| FoundAlert {
            alert,
            is_final: true,
            is_known: false,
        });
        self.give_alerts(found.collect(), sink_takes)
    }

    /// The input is over: what queries found until then.
    fn queries_end(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        let Some(mut queries) = self.queries.take() else {
            return Ok(());
        };
        let mut sink_failed = None;
        let ended = queries.finish(&mut |alerts| {
            match self.final_alerts(alerts, sink_takes && sink_failed.is_none()) {
                // The lake gets the others all the same.
                Err(ScanError::Output(error)) => sink_failed = Some(error),
                given => given?,
            }
            match &mut self.store {
                Some(store) => store
                    .runtime
                    .block_on(store.writer.flush_if_full())
                    .map(|_| ())
                    .map_err(ScanError::from),
                None => Ok(()),
            }
        });
        self.summary.queries = queries.counters();
        ended.and(sink_failed.map_or(Ok(()), |error| Err(ScanError::Output(error))))
    }

    /// The input is over: what correlations found until then. A sink that has failed is not told.
    fn correlations_end(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        let Some(correlator) = &mut self.correlator else {
            return Ok(());
        };
        correlator.finish();
        self.summary.windows = correlator.counters();
        self.summary.evidence_given_up = correlator.given_up();
        self.summary.suppressed = correlator.suppressed();
        self.correlation_alerts(sink_takes)
    }

    /// More may come in another scan: what correlations counted until now.
    fn correlations_wait(&mut self) {
        if let Some(correlator) = &self.correlator {
            self.summary.windows = correlator.counters();
            self.summary.evidence_given_up = correlator.given_up();
            self.summary.suppressed = correlator.suppressed();
        }
    }

    /// The same for queries.
    fn queries_wait(&mut self) {
        if let Some(queries) = &self.queries {
            self.summary.queries = queries.counters();
        }
    }

    /// Saves the state if it was not for long.
    fn save_if_due(&mut self) -> Result<(), ScanError> {
        if !self.keeper.as_ref().is_some_and(Keeper::is_due) {
            return Ok(());
        }
        // What counts as read must not be lost.
        if let Some(store) = &mut self.store {
            store.runtime.block_on(store.writer.flush())?;
        }
        self.save(false)
    }

    /// Saves the state, of which nothing but positions is left where everything is decided.
    fn save(&mut self, is_over: bool) -> Result<(), ScanError> {
        let Some(keeper) = &mut self.keeper else {
            return Ok(());
        };
        let correlator = self.correlator.as_ref().filter(|_| !is_over);
        let queries = self.queries.as_ref().filter(|_| !is_over);
        Ok(keeper.save(correlator, queries)?)
    }

    /// Tells how far it has come.
    fn progress(&mut self, raw_bytes: u64) -> Result<(), ScanError> {
        let progress = Progress {
            raw_bytes,
            events: self.summary.decode.events,
            alerts: self.summary.alerts,
            rejects: self.summary.decode.rejects,
        };
        self.sink.progress(&progress).map_err(ScanError::Output)
    }

    fn input_error(&mut self, error: InputError) {
        self.sink.input_error(&error);
        self.summary.errors.push(error);
    }

    /// Stores what is still buffered.
    fn finish(&mut self) -> Result<FlushReport, LakeError> {
        match &mut self.store {
            None => Ok(FlushReport::default()),
            Some(store) => {
                store.runtime.block_on(store.writer.flush())?;
                Ok(store.writer.totals())
            }
        }
    }
}
