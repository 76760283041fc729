//! The end of a scan's way: results in order, to the sink and the lake.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_parsers::input::{Input, InputError};
use tokio::runtime::Runtime;

use super::keeper::Keeper;
use super::{Progress, QUIET, ScanError, ScanSink, ScanSummary, stored, work};
use crate::alert::Alert;
use crate::alert_table::alert_batches;
use crate::correlate::alerts::{Correlator, FoundAlert};
use crate::eql::run::QueryRun;
use crate::hunt::HuntError;
use crate::lake::{FlushReport, LakeError, LakeWriter};
use crate::pipeline::Collected;
use crate::sql_rules::run::SqlRun;
use crate::windows::time::{Begins, Hold};

pub(super) struct Store {
    pub(super) writer: LakeWriter,
    pub(super) runtime: Runtime,
    pub(super) tenant: Arc<str>,
    /// Whether somebody may be waiting for the events of an input that does not end.
    pub(super) live: bool,
}

/// When something was heard of.
struct Heard {
    at: Instant,
    /// Whoever was not heard of for so long is not waited for.
    quiet: Option<Duration>,
    /// The only one whom that concerns.
    tenant: Option<Arc<str>>,
}

/// Takes results in order to the sink and the lake, and counts.
pub(super) struct Collector<'a> {
    pub(super) sink: &'a mut dyn ScanSink,
    pub(super) store: Option<Store>,
    pub(super) correlator: Option<Correlator>,
    pub(super) queries: Option<QueryRun>,
    pub(super) sql: Option<SqlRun>,
    pub(super) inputs: &'a [Input],
    /// Whether the open input has no end.
    pub(super) streams: bool,
    /// When a block came last.
    pub(super) last_block: Instant,
    pub(super) summary: ScanSummary,
    /// The open input and the events it gave.
    pub(super) current: Option<(Arc<str>, u64)>,
    pub(super) keeper: Option<Keeper>,
    /// Whether the open input was read in part by an earlier scan.
    pub(super) goes_on: bool,
    /// Whether stored events are learned from.
    pub(super) learns: bool,
    /// What files hold time back.
    pub(super) hold: Hold,
    /// Whose stored events are read, since when, and the time of the first.
    pub(super) replay: Option<(Arc<str>, Instant, i64)>,
}

impl Collector<'_> {
    pub(super) fn collect(
        &mut self,
        collected: Collected<work::Output>,
        raw_bytes: u64,
    ) -> Result<(), ScanError> {
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
                if let Some(sql) = self.sql.as_mut().filter(|_| is_quiet) {
                    sql.quiet(quiet);
                    self.sql_alerts(true)?;
                }
            }
            Collected::Result(work::Output::Opened(path, hold)) => {
                self.summary.inputs += 1;
                let mut opened = self.inputs.iter().filter(|input| input.path == path);
                self.streams = opened.any(|input| input.size.is_none());
                self.last_block = Instant::now();
                let keeper = self.keeper.as_mut().filter(|_| !self.streams);
                self.goes_on = keeper.is_some_and(|keeper| keeper.opened(&path));
                self.current = Some((path, 0));
                self.hold(hold)?;
            }
            Collected::Result(work::Output::Closed { raw_bytes, is_whole }) => {
                if let (Some(keeper), Some((path, _))) = (&mut self.keeper, &self.current)
                    && is_whole
                {
                    keeper.ended(path, raw_bytes);
                }
                // What was read to its end holds nothing. Of one that was not, the next scan may read on.
                if is_whole {
                    self.hold(Hold {
                        begins: Begins::Unknown,
                        ..self.hold
                    })?;
                }
                let summary = &mut self.summary;
                match self.current.take() {
                    Some((path, _)) if raw_bytes == 0 => summary.empty_inputs.push(path),
                    // Of one that was read before, nothing more may have come.
                    Some((path, 0)) if is_whole && !self.goes_on => summary.inputs_without_events.push(path),
                    _ => {}
                }
            }
            Collected::Result(work::Output::Error(error)) => self.input_error(error),
            Collected::Result(work::Output::Unreadable(reason)) => {
                return Err(ScanError::Stored(HuntError::Lake(reason)));
            }
            Collected::Result(work::Output::Block(mut block)) => {
                self.last_block = Instant::now();
                self.block(&block).map_err(ScanError::Output)?;
                let signals = std::mem::take(&mut block.correlated);
                let heard = self.heard(&block);
                if let Some(correlator) = &mut self.correlator {
                    correlator.take(signals, chrono::Utc::now().timestamp_micros(), heard.at);
                    if let Some(quiet) = heard.quiet {
                        correlator.idle(heard.at, quiet, heard.tenant.as_deref());
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
                let mut hits = std::mem::take(&mut block.hits);
                if let Some(queries) = self.queries.as_ref().filter(|_| self.learns) {
                    hits.retain(|hit| !queries.waits_for_the_end(hit.query));
                }
                // In a pause time would go on for all tenants, those too of which the next scan has more to tell.
                let quiet = heard.quiet.filter(|_| !self.learns);
                let of_queries = self.queries.as_mut().map(|queries| {
                    queries.leave_out(block.keys_left_out);
                    let mut found = queries.take(hits, chrono::Utc::now().timestamp_micros(), heard.at);
                    if let Some(quiet) = quiet {
                        found.extend(queries.idle(heard.at, quiet));
                    }
                    found
                });
                let partials = std::mem::take(&mut block.sql);
                if let Some(sql) = self.sql.as_mut().filter(|_| !self.learns) {
                    sql.take(partials, chrono::Utc::now().timestamp_micros(), heard.at);
                    if let Some(quiet) = heard.quiet {
                        sql.idle(heard.at, quiet, heard.tenant.as_deref());
                    }
                }
                // After the events that they are about are on their way into the lake.
                let given = self.correlation_alerts(true);
                // The lake gets the others all the same.
                self.final_alerts(of_queries.unwrap_or_default(), given.is_ok())?;
                let of_sql = self.sql_alerts(given.is_ok());
                given.and(of_sql)?;
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

    /// What files hold time back from now on, and what was found by that.
    fn hold(&mut self, hold: Hold) -> Result<(), ScanError> {
        self.hold = hold;
        if let Some(correlator) = &mut self.correlator {
            correlator.hold(hold);
        }
        let of_queries = self.queries.as_mut().map(|queries| queries.hold(hold));
        if let Some(sql) = &mut self.sql {
            sql.hold(hold);
        }
        let given = self.correlation_alerts(true);
        self.final_alerts(of_queries.unwrap_or_default(), given.is_ok())?;
        let of_sql = self.sql_alerts(given.is_ok());
        given.and(of_sql)
    }

    /// When a block counts as heard of. Of stored events that is event time, as if it had gone by while they were read.
    fn heard(&mut self, block: &work::Block) -> Heard {
        let now = Instant::now();
        let Some((tenant, until)) = &block.stored else {
            return Heard {
                at: now,
                quiet: self.streams.then_some(QUIET),
                tenant: None,
            };
        };
        let (_, base, first) = match self.replay.take() {
            Some(replay) if replay.0 == *tenant => self.replay.insert(replay),
            _ => self.replay.insert((tenant.clone(), now, *until)),
        };
        let gone = u64::try_from(until.saturating_sub(*first)).unwrap_or(0);
        Heard {
            at: base.checked_add(Duration::from_micros(gone)).unwrap_or(*base),
            quiet: Some(Duration::from_micros(stored::QUIET)),
            tenant: Some(tenant.clone()),
        }
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
        self.alerts_of(
            |collector| Some(collector.correlator.as_mut()?.alerts()),
            sink_takes,
        )
    }

    /// The same of rules in SQL.
    fn sql_alerts(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        self.alerts_of(|collector| Some(collector.sql.as_mut()?.alerts()), sink_takes)
    }

    fn alerts_of(
        &mut self,
        next: impl Fn(&mut Self) -> Option<Vec<FoundAlert>>,
        sink_takes: bool,
    ) -> Result<(), ScanError> {
        let mut sink_failed = None;
        while let Some(found) = next(self) {
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
    pub(super) fn queries_end(&mut self, sink_takes: bool) -> Result<(), ScanError> {
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
    pub(super) fn correlations_end(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        let Some(correlator) = &mut self.correlator else {
            return Ok(());
        };
        self.summary.baselines = correlator.baselines();
        correlator.finish();
        self.summary.windows = correlator.counters();
        self.summary.evidence_given_up = correlator.not_shown();
        (self.summary.suppressed, self.summary.held_back) = (correlator.suppressed(), correlator.held_back());
        self.correlation_alerts(sink_takes)
    }

    /// The end of the scan, and of the input if that is over: what rules in SQL found until then.
    pub(super) fn sql_end(&mut self, is_over: bool, sink_takes: bool) -> Result<(), ScanError> {
        let Some(sql) = &mut self.sql else {
            return Ok(());
        };
        match is_over {
            true => sql.finish(),
            false => sql.pause(),
        }
        self.summary.sql = sql.counters();
        self.sql_alerts(sink_takes)
    }

    /// More may come in another scan: what correlations and queries found and counted until now.
    pub(super) fn wait(&mut self, sink_takes: bool) -> Result<(), ScanError> {
        if let Some(correlator) = &mut self.correlator {
            correlator.pause();
            self.summary.windows = correlator.counters();
            self.summary.evidence_given_up = correlator.not_shown();
            (self.summary.suppressed, self.summary.held_back) =
                (correlator.suppressed(), correlator.held_back());
            self.summary.baselines = correlator.baselines();
        }
        let given = self.correlation_alerts(sink_takes);
        if let Some(queries) = &mut self.queries {
            let alerts = queries.pause();
            self.summary.queries = queries.counters();
            self.final_alerts(alerts, sink_takes && given.is_ok())?;
        }
        given
    }

    /// Forgets what is known of files that are gone.
    pub(super) fn tidy(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.tidy();
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
    pub(super) fn save(&mut self, is_over: bool) -> Result<(), ScanError> {
        let Some(keeper) = &mut self.keeper else {
            return Ok(());
        };
        let correlator = self.correlator.as_ref().filter(|_| !is_over);
        let queries = self.queries.as_ref().filter(|_| !is_over);
        let sql = self.sql.as_mut().filter(|_| !is_over);
        Ok(keeper.save(correlator, queries, sql)?)
    }

    /// Tells how far it has come.
    pub(super) fn progress(&mut self, raw_bytes: u64) -> Result<(), ScanError> {
        let progress = Progress {
            raw_bytes,
            events: self.summary.decode.events,
            alerts: self.summary.alerts,
            rejects: self.summary.decode.rejects,
        };
        self.sink.progress(&progress).map_err(ScanError::Output)
    }

    pub(super) fn input_error(&mut self, error: InputError) {
        self.sink.input_error(&error);
        self.summary.errors.push(error);
    }

    /// Stores what is still buffered.
    pub(super) fn finish(&mut self) -> Result<FlushReport, LakeError> {
        match &mut self.store {
            None => Ok(FlushReport::default()),
            Some(store) => {
                store.runtime.block_on(store.writer.flush())?;
                Ok(store.writer.totals())
            }
        }
    }
}
