//! `borzoi scan`: match rules against logs, store events and alerts.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_engine::alert::Alert;
use borzoi_engine::expected::Expected;
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::report::ReportMeta;
use borzoi_engine::scan::{
    Progress, Scan, ScanError, ScanSink, ScanSummary, StateOptions, StoredEvents, StoredOptions,
};
use borzoi_parsers::batch::BuilderCounters;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::{InputError, InputSet};
use borzoi_rules::ir::Level;
use borzoi_rules::query::Language;

use super::scan_output::{AlertOutput, Rejects};
use super::{learn, load};
use crate::cli::{ScanArgs, ScanOutput, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::{progress, style, table};

/// Runs the command.
pub fn run(args: &ScanArgs, quiet: bool) -> Result<Exit, Failure> {
    run_as(args, quiet, &Purpose::Tell)
}

/// What a scan is for.
pub enum Purpose {
    /// To tell what rules find.
    Tell,
    /// To learn: nothing is told, and at the end it is shown what was learned.
    Learn,
    /// To learn from what a lake holds.
    LearnStored(Lake, StoredOptions),
}

/// Runs a scan.
pub fn run_as(args: &ScanArgs, quiet: bool, purpose: &Purpose) -> Result<Exit, Failure> {
    let learns = !matches!(purpose, Purpose::Tell);
    let catalog = load::catalog(args.input.catalog.as_ref())?;
    let mut options = load::scan_options(&args.input, &catalog)?;
    options.windows.lateness = args.lateness.map(|span| span.0);
    options.windows.budget = args.window_memory.saturating_mul(1 << 20);
    if let Some(path) = &args.expected {
        options.expected = Arc::new(Expected::read(path).map_err(Failure::new)?);
    }
    let mut rules = match (&args.eql, &args.kql) {
        (Some(text), _) => load::query_alone(Language::Eql, text, args.case_sensitive, &catalog)?,
        (None, Some(text)) => load::query_alone(Language::Kql, text, args.case_sensitive, &catalog)?,
        (None, None) => load::ready_rules(&args.rules, &catalog, quiet)?,
    };
    let blind = load::blind_rules(&rules.compiled, &options.enrich, &catalog);
    if !quiet && blind > 0 {
        warn(&format!(
            "{blind} rules look at derived columns that --enrich leaves out; they find nothing there"
        ));
    }
    let stored = match purpose {
        Purpose::LearnStored(lake, stored) => Some(open_stored(lake, stored, &catalog)?),
        _ => None,
    };
    let lake = args
        .lake
        .as_deref()
        .filter(|_| stored.is_none())
        .map(|dir| writer(dir, args.flush_seconds, args.flush_rows))
        .transpose()?;
    let inputs = InputSet::expand(&args.input.paths);
    let live = inputs.inputs.iter().any(|input| input.size.is_none());
    let waits = live || args.state.is_some() && !args.finish;
    if let Some(queries) = rules.compiled.queries().filter(|_| waits && !quiet) {
        for query in queries.wait_for_the_end() {
            warn(&format!(
                "`{}` answers when the input ends: it has pipes, or asks how processes relate",
                query.meta.title
            ));
        }
    }
    let form = args.output.unwrap_or(if io::stdout().is_terminal() {
        ScanOutput::Table
    } else {
        ScanOutput::Jsonl
    });
    options.state = state(args, form, live)?;
    let title = args.input.paths.join(" ");
    let mut sink = CommandSink {
        output: AlertOutput::new(form, args.report.clone(), title)?,
        rejects: Rejects::new(args.input.rejects.as_deref())?,
        bar: progress::Progress::new(
            match &stored {
                Some(stored) => stored.bytes(&rules.compiled),
                None => inputs.total_size().unwrap_or(0),
            },
            quiet,
        ),
        highest: None,
        last: Progress::default(),
        learns,
    };
    let mut watch = None;
    if let Some(lists) = rules.lists.take() {
        options.lists = lists.live.clone();
        let every = Duration::from_micros(args.indicators_every.0.unsigned_abs());
        watch = live.then(|| lists.watch(every.max(Duration::from_secs(1))));
    }
    let scan = Scan {
        catalog,
        options,
        rules: Some(rules.compiled.clone()),
        lake,
        stop: load::stop_flag()?,
    };
    let started = Instant::now();
    let outcome = match &stored {
        Some(stored) => scan.run_stored(stored, &mut sink),
        None => scan.run(&inputs, &mut sink),
    };
    drop(watch);
    sink.bar.finish();
    // What was found before a failure is shown all the same.
    let shown = match learns {
        true => Ok(()),
        false => sink.output.finish(&ReportMeta {
            events: sink.last.events,
            sources: inputs.inputs.len() as u64,
            rules: rules.compiled.all_rules() as u64,
            alerts_total: sink.last.alerts,
            elapsed: started.elapsed(),
        }),
    };
    sink.rejects.finish()?;
    let summary = match outcome {
        Err(ScanError::Output(error)) if args.lake.is_some() && error.kind() == io::ErrorKind::BrokenPipe => {
            warn("nobody reads the output any more: stopped, and what was read until then is stored");
            return Ok(Exit::WithLosses);
        }
        outcome => outcome.map_err(Failure::from_scan)?,
    };
    shown?;
    if !quiet {
        report(&summary, &sink.rejects);
        gave_up(&rules.compiled);
    }
    if learns {
        if !quiet && summary.baselines.is_empty() {
            warn(match summary.windows.signals {
                0 => "nothing is learned: no event matched what rules that learn read",
                _ => {
                    "nothing is learned yet: a rule learns what is older than the newest event by more than --lateness; what was read waits in --state for the next scan"
                }
            });
        }
        let form = match form {
            ScanOutput::Table => Structured::Table,
            ScanOutput::Jsonl => Structured::Jsonl,
            ScanOutput::Csv => Structured::Csv,
        };
        learn::show(&mut super::stdout(), &summary, form)?;
    }
    if let (Some(limit), Some(highest)) = (args.fail_on, sink.highest)
        && highest >= Level::from(limit)
    {
        return Ok(Exit::Found);
    }
    let losses = rules.losses || lost_input(&summary);
    Ok(if losses { Exit::WithLosses } else { Exit::Done })
}

/// What a lake holds, to be learned from.
fn open_stored(
    lake: &Lake,
    options: &StoredOptions,
    catalog: &Arc<Catalog>,
) -> Result<StoredEvents, Failure> {
    let mut options = options.clone();
    options.hunt.catalog = Some(catalog.clone());
    let runtime = tokio::runtime::Runtime::new()?;
    let stored = runtime.block_on(StoredEvents::open(lake, options));
    let stored = stored.map_err(Failure::new)?;
    load::tell_unknown(&stored);
    Ok(stored)
}

/// Says which regular expressions were given up.
pub fn gave_up(rules: &CompiledRules) {
    for (pattern, times) in rules.gave_up() {
        warn(&format!(
            "a regular expression was given up {times} times, too many steps: {pattern}"
        ));
    }
}

/// Where the scan keeps its state.
fn state(args: &ScanArgs, form: ScanOutput, live: bool) -> Result<Option<StateOptions>, Failure> {
    let Some(folder) = &args.state else {
        return Ok(None);
    };
    if !args.finish && !live && args.lateness.is_none() {
        return Err(Failure::usage(
            "--state without --finish needs --lateness: how long after a log's newest event older ones of it may still come, in this scan or a later one",
        ));
    }
    Ok(Some(StateOptions {
        folder: folder.clone(),
        // A table and a report are written at the end: before that, nothing was given out that a crash would not lose.
        every: match args.report.is_some() || form == ScanOutput::Table {
            true => Duration::MAX,
            false => Duration::from_micros(args.state_every.0.unsigned_abs()),
        },
        finish: args.finish,
        read_only: false,
    }))
}

/// A lake to write to; made if it is not there.
pub fn writer(dir: &Path, flush_seconds: u64, flush_rows: usize) -> Result<LakeWriter, Failure> {
    let lake = Lake::create(dir).map_err(Failure::new)?;
    let options = WriterOptions {
        flush_interval: Duration::from_secs(flush_seconds.max(1)),
        flush_rows: flush_rows.max(1),
        ..WriterOptions::default()
    };
    Ok(LakeWriter::new(lake, options))
}

/// Whether an input was not read to its end, or gave nothing although it holds something; or a query could not be
/// answered in full.
pub fn lost_input(summary: &ScanSummary) -> bool {
    let queries = &summary.queries;
    summary.cut_short
        || !summary.errors.is_empty()
        || !summary.inputs_without_events.is_empty()
        || !queries.failed.is_empty()
        || queries.events_given_up > 0
        || !summary.sql.failed.is_empty()
}

/// What was done, on standard error.
pub fn report(summary: &ScanSummary, rejects: &Rejects) {
    if summary.cut_short {
        warn(
            "stopped before the end of the input; what was read is reported and stored, the same command again takes up the rest",
        );
    }
    for path in &summary.empty_inputs {
        warn(&format!("{path}: empty"));
    }
    for path in &summary.inputs_without_events {
        warn(&format!(
            "{path}: no event recognised; --format says what it is, --rejects FILE shows why"
        ));
    }
    for (reason, count) in &summary.rejects {
        warn(&format!(
            "{} records could not be parsed: {reason}",
            table::thousands(*count)
        ));
    }
    if !summary.rejects.is_empty() && !rejects.to_file() {
        anstream::eprintln!("         --rejects FILE keeps all of them with their reasons");
    }
    let counters = &summary.decode.columns;
    put_aside(counters);
    if summary.decode.invalid_utf8 > 0 {
        warn(&format!(
            "{} records were no valid UTF-8; their events say so in error.type",
            table::thousands(summary.decode.invalid_utf8)
        ));
    }
    if counters.without_time > 0 {
        warn(&format!(
            "{} events have no time of their own; their file's was taken",
            table::thousands(counters.without_time)
        ));
    }
    taken_up(summary);
    for path in &summary.begins_unknown {
        warn(&format!(
            "{path}: no event with a time at its beginning, so files before it were not held back for it; what it holds may come too late for rules over several events"
        ));
    }
    windows(summary);
    let seconds = summary.elapsed.as_secs_f64().max(1e-6);
    let dim = style::DIM;
    // Stored events were decoded before.
    let per_second = match summary.decode.bytes {
        0 => String::new(),
        bytes => format!(", {:.0} MB/s", bytes as f64 / 1e6 / seconds),
    };
    anstream::eprintln!(
        "{dim}{} events from {} inputs ({}), {} alerts, in {:.1} s ({} events/s{per_second}){dim:#}",
        table::thousands(summary.decode.events),
        table::thousands(summary.inputs),
        table::bytes(summary.raw_bytes),
        table::thousands(summary.alerts),
        seconds,
        table::thousands((summary.decode.events as f64 / seconds) as u64),
    );
    let lake = &summary.lake;
    if lake.rows_written + lake.duplicates > 0 {
        anstream::eprintln!(
            "{dim}stored {} rows in {} files ({}); {} were there already{dim:#}",
            table::thousands(lake.rows_written),
            table::thousands(lake.files),
            table::bytes(lake.bytes),
            table::thousands(lake.duplicates),
        );
    }
}

/// Says what an earlier scan had done, and what of it could not be used.
fn taken_up(summary: &ScanSummary) {
    for path in &summary.inputs_replaced {
        warn(&format!(
            "{path}: another file than the one that an earlier scan read; read from its beginning"
        ));
    }
    for rule in &summary.state_lost {
        warn(&format!(
            "rule {rule} is gone or asks something else than in the earlier scan: what was known of it is lost"
        ));
    }
    if summary.inputs_read_before > 0 {
        let dim = style::DIM;
        anstream::eprintln!(
            "{dim}{} inputs were read before and are the same{dim:#}",
            table::thousands(summary.inputs_read_before)
        );
    }
}

/// Says what correlation rules could not take into account, or gave up.
pub fn windows(summary: &ScanSummary) {
    let counters = &summary.windows;
    let said = [
        (
            counters.too_late,
            "matches came too late for the windows of correlation rules; a longer --lateness waits for them, without it (and without --state) a scan waits for the end",
        ),
        (
            counters.evicted_groups,
            "groups of correlation rules were given up because the memory for them was full; --window-memory sets it",
        ),
        (
            counters.condensed,
            "values of first_seen rules are remembered less exactly (one in some thousand new ones may be missed), or of rare_value rules no more, because the memory for them was full; --window-memory sets it",
        ),
        (
            summary.evidence_given_up,
            "alerts name events that they cannot show: there were more to keep than 256 MiB hold",
        ),
    ];
    for (count, what) in said.iter().filter(|(count, _)| *count > 0) {
        warn(&format!("{} {what}", table::thousands(*count)));
    }
    if counters.future > 0 {
        warn(&format!(
            "{} matches of correlation rules are dated in the future",
            table::thousands(counters.future)
        ));
    }
    if summary.suppressed > 0 {
        let dim = style::DIM;
        anstream::eprintln!(
            "{dim}{} findings of correlation rules were not told, as their rules ask (suppress){dim:#}",
            table::thousands(summary.suppressed),
        );
    }
    if summary.held_back > 0 {
        let dim = style::DIM;
        anstream::eprintln!(
            "{dim}{} findings of correlation rules were not told: they are expected (--expected){dim:#}",
            table::thousands(summary.held_back),
        );
    }
    queries(&summary.queries);
    sql(&summary.sql);
    if counters.signals > 0 {
        let dim = style::DIM;
        let parts = [(counters.late, "out of order"), (counters.twice, "met twice")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!(", {} {what}", table::thousands(*count)))
            .collect();
        anstream::eprintln!(
            "{dim}{} matches for correlation rules{}{dim:#}",
            table::thousands(counters.signals),
            parts.concat()
        );
    }
}

/// Says what queries over several events could not take into account, or gave up.
fn queries(counters: &borzoi_engine::eql::run::Counters) {
    let sequences = &counters.sequences;
    let said = [
        (
            sequences.late,
            "events came too late for sequences; --lateness says how long they wait",
        ),
        (
            sequences.released_early,
            "events of sequences were looked at before all earlier ones were known, because memory was full; --window-memory sets it",
        ),
        (
            sequences.given_up,
            "unfinished sequences were given up because memory was full; --window-memory sets it",
        ),
        (sequences.future, "events of sequences are dated in the future"),
        (
            counters.keys_left_out,
            "combinations of values of `by` were left out: an event takes part for 16 at most",
        ),
        (
            counters.events_given_up,
            "events did not fit into memory while they waited for what is known of their processes; --window-memory sets it",
        ),
    ];
    for (count, what) in said.iter().filter(|(count, _)| *count > 0) {
        warn(&format!("{} {what}", table::thousands(*count)));
    }
    for failed in &counters.failed {
        warn(failed);
    }
}

/// Says what rules in SQL could not take into account, or gave up.
fn sql(counters: &borzoi_engine::sql_rules::run::Counters) {
    let said = [
        (
            counters.too_late,
            "events came too late for the windows of SQL rules; --lateness says how long they wait",
        ),
        (
            counters.ended_early,
            "windows of SQL rules were ended before all of their events could be known, because memory was full; --window-memory sets it",
        ),
        (
            counters.groups_given_up,
            "groups of SQL rules were given up because the memory for them was full; --window-memory sets it",
        ),
        (
            counters.future,
            "batches for SQL rules have events that are dated in the future",
        ),
        (
            counters.beyond,
            "events lie too far from now for the windows of SQL rules",
        ),
    ];
    for (count, what) in said.iter().filter(|(count, _)| *count > 0) {
        warn(&format!("{} {what}", table::thousands(*count)));
    }
    for (title, (events, error)) in &counters.failed {
        warn(&format!(
            "`{title}` left out {} events, of which it cannot work something out: {error}",
            table::thousands(*events)
        ));
    }
    if counters.events > 0 {
        let dim = style::DIM;
        let suppressed = match counters.suppressed {
            0 => String::new(),
            count => format!(
                "; {} findings not told, as their rules ask (suppress)",
                table::thousands(count)
            ),
        };
        let held_back = match counters.held_back {
            0 => String::new(),
            count => format!(
                "; {} not told: they are expected (--expected)",
                table::thousands(count)
            ),
        };
        anstream::eprintln!(
            "{dim}{} events for SQL rules{suppressed}{held_back}{dim:#}",
            table::thousands(counters.events)
        );
    }
}

/// Says which values went to `unmapped` instead of a column of their own.
fn put_aside(counters: &BuilderCounters) {
    let parts: Vec<String> = [
        (counters.misfits, "of another type than their column"),
        (counters.duplicates, "second values of a column"),
        (counters.too_deep, "nested too deeply"),
        (counters.over_limit, "past the limit of columns"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", table::thousands(*count)))
    .collect();
    if !parts.is_empty() {
        let dim = style::DIM;
        anstream::eprintln!("{dim}kept in `unmapped`: {}{dim:#}", parts.join(", "));
    }
}

fn warn(message: &str) {
    anstream::eprintln!("{}warning:{:#} {message}", style::WARNING, style::WARNING);
}

struct CommandSink {
    output: AlertOutput,
    rejects: Rejects,
    bar: progress::Progress,
    highest: Option<Level>,
    last: Progress,
    /// Nothing is told.
    learns: bool,
}

impl ScanSink for CommandSink {
    fn wants_events(&self) -> bool {
        false
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        if self.learns {
            return Ok(());
        }
        self.highest = self.highest.max(Some(alert.rule.level));
        self.output.alert(alert)
    }

    fn update(&mut self, alert: &Alert) -> io::Result<()> {
        if self.learns {
            return Ok(());
        }
        self.output.update(alert)
    }

    fn reject(&mut self, reject: &RejectRecord) -> io::Result<()> {
        self.rejects.add(reject, &self.bar)
    }

    fn input_error(&mut self, error: &InputError) {
        self.bar
            .note(&format!("{}error:{:#} {error}", style::ERROR, style::ERROR));
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.last = *progress;
        self.bar
            .update(progress.raw_bytes, progress.events, progress.alerts);
        self.output.flush()
    }
}
