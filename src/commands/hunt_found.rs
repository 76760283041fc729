//! `borzoi hunt --rule` with rules over several events: they run over what the lake holds, and what they find is a table.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::RecordBatch;
use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::{Hunt, HuntOptions, found_batch};
use borzoi_engine::indicators::Loaded;
use borzoi_engine::lake::Lake;
use borzoi_engine::scan::{Progress, Scan, ScanError, ScanOptions, ScanSink, StoredEvents, StoredOptions};
use borzoi_engine::windows;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::Enrichment;
use borzoi_rules::LoadReport;
use borzoi_rules::ir::Level;
use tokio::runtime::Runtime;

use super::hunt::HuntArgs;
use super::{load, scan};
use crate::exit::Failure;
use crate::ui::progress;

/// Findings that wait to become rows.
const AT_ONCE: usize = 500;

/// Whether any of the rules looks at several events.
pub fn looks_at_several(report: &LoadReport) -> bool {
    !(report.correlations.is_empty() && report.queries.is_empty() && report.sql.is_empty())
}

/// A hunt with the table `found`: what the rules find in the events of the lake. Also whether a rule does not run.
pub fn hunt(
    runtime: &Runtime,
    lake: &Lake,
    options: HuntOptions,
    (report, indicators): (&LoadReport, Option<&Loaded>),
    args: &HuntArgs,
    quiet: bool,
) -> Result<(Hunt, bool), Failure> {
    let catalog = options.catalog.clone().unwrap_or_else(Catalog::builtin);
    let rules = load::compiled(report, Level::default(), indicators, &catalog, false);
    let stored = StoredOptions {
        from: args.from.map(|time| time.0),
        to: args.to.map(|time| time.0),
        learns: false,
        hunt: options.clone(),
    };
    let stored = runtime.block_on(StoredEvents::open(lake, stored));
    let stored = stored.map_err(super::hunt::failure)?;
    load::tell_unknown(&stored);
    let most = args.memory << 20;
    let mut sink = Found {
        alerts: Vec::new(),
        rows: Vec::new(),
        bytes: 0,
        most,
        bar: progress::Progress::new(stored.bytes(&rules.compiled), quiet),
    };
    let scan = Scan {
        catalog,
        options: ScanOptions {
            enrich: Enrichment {
                own_networks: options.own_networks,
                ..Enrichment::default()
            },
            windows: windows::Settings {
                // The rest is for reading in order and for the answer.
                budget: most / 4,
                ..windows::Settings::default()
            },
            ..ScanOptions::default()
        },
        rules: Some(rules.compiled.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let outcome = scan.run_stored(&stored, &mut sink);
    sink.bar.finish();
    let summary = match outcome {
        Err(ScanError::Output(_)) => {
            return Err(Failure::new(format!(
                "what the rules found does not fit into memory ({} MB); take less with --from, --to or --tenant, or allow more with --memory",
                args.memory
            )));
        }
        outcome => outcome.map_err(Failure::from_scan)?,
    };
    if !quiet {
        scan::windows(&summary);
        scan::gave_up(&rules.compiled);
    }
    sink.cut();
    let mut hunt = stored.into_hunt();
    hunt.add_found(sink.rows).map_err(super::hunt::failure)?;
    Ok((hunt, rules.losses || scan::lost_input(&summary)))
}

/// Takes findings into rows, as far as memory goes.
struct Found {
    alerts: Vec<Alert>,
    rows: Vec<RecordBatch>,
    bytes: usize,
    most: usize,
    bar: progress::Progress,
}

impl Found {
    fn cut(&mut self) {
        let rows = found_batch(&self.alerts);
        self.alerts.clear();
        self.bytes = self.bytes.saturating_add(rows.get_array_memory_size());
        self.rows.push(rows);
    }
}

impl ScanSink for Found {
    fn wants_events(&self) -> bool {
        false
    }

    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        self.alerts.push(alert.clone());
        if self.alerts.len() >= AT_ONCE {
            self.cut();
            if self.bytes > self.most {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.bar
            .update(progress.raw_bytes, progress.events, progress.alerts);
        Ok(())
    }
}
