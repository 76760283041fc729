//! `borzoi learn` and `borzoi baselines`: what rules that learn know, before anything is told.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::HuntOptions;
use borzoi_engine::lake::{Lake, check_tenant};
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink, ScanSummary, StateOptions, StoredOptions};
use borzoi_engine::windows;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::{InputError, InputSet};
use chrono::DateTime;
use serde::Serialize;

use super::{load, scan};
use crate::cli::{BaselinesArgs, InputArgs, LearnArgs, Structured};
use crate::exit::{Exit, Failure};
use crate::ui::style;
use crate::ui::table::{self, Cell};

/// Memory for putting stored events in order, in bytes, before it spills to disk.
const SORT_MEMORY: usize = 1 << 30;

/// Runs `borzoi learn`: a scan that tells nothing and keeps what it learned.
pub fn learn(args: &LearnArgs, quiet: bool) -> Result<Exit, Failure> {
    let scan = &args.scan;
    if scan.state.is_none() {
        return Err(Failure::usage(
            "--state says where to keep what is learned: borzoi learn --state DIR --lateness 10m PATH",
        ));
    }
    if scan.finish {
        return Err(Failure::usage(
            "--finish forgets at the end what was learned; leave it out",
        ));
    }
    let purpose = match (&scan.lake, scan.input.paths.is_empty()) {
        (None, false) => scan::Purpose::Learn,
        (None, true) => {
            return Err(Failure::usage(
                "nothing to learn from: name logs (PATH) or a lake (--lake DIR)",
            ));
        }
        (Some(_), false) => {
            return Err(Failure::usage(
                "learn from logs (PATH) or from a lake (--lake DIR), one after the other if from both; `borzoi scan --lake` stores",
            ));
        }
        (Some(folder), true) => {
            only_for_logs(&scan.input)?;
            let lake = Lake::open(folder).map_err(Failure::new)?;
            if let Some(tenant) = &scan.input.tenant {
                check_tenant(tenant).map_err(Failure::usage)?;
            }
            let options = StoredOptions {
                hunt: HuntOptions {
                    tenants: scan.input.tenant.clone().map(|tenant| vec![tenant]),
                    memory_limit: Some(SORT_MEMORY),
                    own_networks: load::networks(&scan.input.own_networks)?,
                    ..HuntOptions::default()
                },
                from: args.from.map(|time| time.0),
                to: args.to.map(|time| time.0),
                learns: true,
            };
            scan::Purpose::LearnStored(lake, options)
        }
    };
    scan::run_as(scan, quiet, &purpose)
}

/// Refuses what says how logs are read: stored events were read already.
fn only_for_logs(args: &InputArgs) -> Result<(), Failure> {
    let said = [
        ("--format", args.format.is_some()),
        ("--dataset", args.dataset.is_some()),
        ("--pin", !args.pins.is_empty()),
        ("--timezone", args.timezone.is_some()),
        ("--rejects", args.rejects.is_some()),
        ("--keep-original", args.keep_original),
    ];
    match said.iter().find(|(_, is_said)| *is_said) {
        Some((option, _)) => Err(Failure::usage(format!(
            "{option} is for logs; the events of a lake were read already"
        ))),
        None => Ok(()),
    }
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
            own_lateness: false,
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
