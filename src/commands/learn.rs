//! `borzoi learn` and `borzoi baselines`: what rules that learn know, before anything is told.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use borzoi_engine::alert::Alert;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink, ScanSummary, StateOptions};
use borzoi_engine::windows;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::{InputError, InputSet};
use chrono::DateTime;
use serde::Serialize;

use super::{load, scan};
use crate::cli::{BaselinesArgs, ScanArgs, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Runs `borzoi learn`: a scan that tells nothing and keeps what it learned.
pub fn learn(args: &ScanArgs, quiet: bool) -> Result<Exit, Failure> {
    if args.state.is_none() {
        return Err(Failure::usage(
            "--state says where to keep what is learned: borzoi learn --state DIR --lateness 10m PATH",
        ));
    }
    if args.finish {
        return Err(Failure::usage(
            "--finish forgets at the end what was learned; leave it out",
        ));
    }
    scan::run_as(args, quiet, true)
}

/// Runs `borzoi baselines`.
pub fn baselines(args: &BaselinesArgs, quiet: bool) -> Result<Exit, Failure> {
    if !args.state.is_dir() {
        return Err(Failure::new(format!(
            "{}: no folder; `borzoi learn` or `borzoi scan --state` makes it",
            args.state.display()
        )));
    }
    let catalog = load::catalog(args.catalog.catalog.as_ref())?;
    let rules = load::ready_rules(&args.rules, &catalog, quiet)?;
    let options = ScanOptions {
        state: Some(StateOptions {
            folder: args.state.clone(),
            every: Duration::MAX,
            finish: false,
            read_only: true,
        }),
        windows: windows::Settings {
            // Nothing comes, and nothing is over.
            lateness: Some(i64::MAX),
            ..windows::Settings::default()
        },
        ..ScanOptions::default()
    };
    let scan = Scan {
        catalog,
        options,
        rules: Some(rules.compiled),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let summary = scan
        .run(&InputSet::default(), &mut Nobody)
        .map_err(Failure::from_scan)?;
    for rule in summary.state_lost.iter().filter(|_| !quiet) {
        anstream::eprintln!(
            "{}warning:{:#} something is known of rule {rule}, which is not loaded or asks something else now (--rules)",
            style::WARNING,
            style::WARNING
        );
    }
    show(&mut super::stdout(), &summary, args.output)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Row {
    rule: String,
    title: String,
    tenant: String,
    groups: usize,
    since: String,
    until: String,
    bytes: usize,
}

/// What is known, a row for each rule and tenant.
pub fn show(out: &mut dyn Write, summary: &ScanSummary, form: Structured) -> Result<(), Failure> {
    let time = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let rows: Vec<Row> = summary
        .baselines
        .iter()
        .map(|(rule, baseline)| Row {
            rule: rule.meta.id.to_string(),
            title: rule.meta.title.to_string(),
            tenant: baseline.tenant.to_string(),
            groups: baseline.groups,
            since: time(baseline.since).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            until: time(baseline.until).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            bytes: baseline.bytes,
        })
        .collect();
    if table::machine(out, &rows, form)? {
        out.flush()?;
        return Ok(());
    }
    if rows.is_empty() {
        writeln!(out, "nothing is learned yet")?;
        return Ok(());
    }
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::new(row.title.clone()),
                Cell::new(row.tenant.clone()),
                Cell::number(row.groups as u64),
                Cell::new(row.since.clone()),
                Cell::new(row.until.clone()),
                Cell::new(table::bytes(row.bytes as u64)),
            ]
        })
        .collect();
    table::print(
        out,
        &["RULE", "TENANT", "GROUPS", "SINCE", "UNTIL", "SIZE"],
        &cells,
        64,
    )?;
    out.flush()?;
    Ok(())
}

struct Nobody;

impl ScanSink for Nobody {
    fn wants_events(&self) -> bool {
        false
    }

    fn alert(&mut self, _alert: &Alert) -> std::io::Result<()> {
        Ok(())
    }

    fn reject(&mut self, _reject: &RejectRecord) -> std::io::Result<()> {
        Ok(())
    }

    fn input_error(&mut self, _error: &InputError) {}
}
