//! `borzoi rules explain`: condition by condition, why a rule matches an event or not;
//! of correlations and rules in SQL what they do, of the latter what an event counts for.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_engine::alert::Alert;
use borzoi_engine::correlate::words;
use borzoi_engine::explain::explain;
use borzoi_engine::indicators::IndicatorSet;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink};
use borzoi_engine::sql_rules::SqlRules;
use borzoi_parsers::batch::{EventBatch, strings};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::{InputError, InputSet};
use borzoi_rules::LoadReport;
use borzoi_rules::ir::DetectionRule;

use super::lists::is_list;
use super::{load, rules_explain_series};
use crate::exit::{Exit, Failure};
use crate::ui::style;

/// Runs the command.
pub fn run(
    rule: &Path,
    event: &str,
    dataset: Option<&str>,
    (report, lists): (LoadReport, Option<Arc<IndicatorSet>>),
    catalog: Arc<Catalog>,
    limit: usize,
) -> Result<Exit, Failure> {
    load::show_errors(&report);
    let mut options = ScanOptions::default();
    if let Some(name) = dataset {
        options.decode.dataset = Some(load::dataset(name, &catalog)?);
    }
    if rules_explain_series::explain(rule, &report, event, options.clone(), &catalog, limit)? {
        return Ok(Exit::Done);
    }
    let nothing = report.detections.iter().all(|rule| is_list(rule)) && report.sql.is_empty();
    if nothing && (report.detections.is_empty() || report.errors().next().is_some()) {
        return Err(Failure::new(format!(
            "{}: no detection or SQL rule to explain",
            rule.display()
        )));
    }
    let (sql, not_run) = SqlRules::compile(&report.sql, &catalog, lists.as_ref());
    for left_out in &not_run {
        anstream::eprintln!("{left_out}");
    }
    if report.detections.is_empty() && !not_run.is_empty() {
        return Ok(Exit::Failed);
    }
    let correlations = described(&report);
    let inputs = InputSet::expand(&[event]);
    let mut sink = Explainer {
        rules: report.detections,
        sql,
        catalog: catalog.clone(),
        out: super::stdout(),
        left: limit,
        seen: 0,
    };
    for described in correlations.into_iter().chain(sink.sql.describe()) {
        writeln!(sink.out, "{described}")?;
    }
    let scan = Scan {
        catalog,
        options,
        rules: None,
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let summary = scan.run(&inputs, &mut sink).map_err(Failure::from_scan)?;
    sink.out.flush()?;
    if sink.seen == 0 {
        return Err(Failure::new(format!(
            "{event}: holds no event that could be parsed"
        )));
    }
    if summary.decode.events > sink.seen {
        anstream::eprintln!(
            "{} more events; --limit shows more",
            summary.decode.events - sink.seen
        );
    }
    Ok(Exit::Done)
}

/// The correlations of a report in words.
fn described(report: &LoadReport) -> Vec<String> {
    let title_of = |id: &str| {
        let mut rules = report.summaries();
        let rule = rules.find(|rule| *rule.meta.id == *id)?;
        Some(rule.meta.title.to_string())
    };
    let correlations = report.correlations.iter();
    correlations
        .map(|rule| words::described(rule, title_of))
        .collect()
}

struct Explainer<W> {
    rules: Vec<Arc<DetectionRule>>,
    sql: SqlRules,
    catalog: Arc<Catalog>,
    out: W,
    left: usize,
    seen: u64,
}

impl<W: Write> ScanSink for Explainer<W> {
    fn alert(&mut self, _alert: &Alert) -> io::Result<()> {
        Ok(())
    }

    fn events(&mut self, batches: &[EventBatch]) -> io::Result<()> {
        for batch in batches {
            for row in 0..batch.len() {
                if self.left == 0 {
                    return Ok(());
                }
                self.left -= 1;
                self.seen += 1;
                let id = batch
                    .column("event_id")
                    .and_then(|column| strings(column).and_then(|ids| ids.get(row)))
                    .unwrap_or_default();
                let head = style::HEADING;
                writeln!(self.out, "{head}event {id} of {}{head:#}", batch.dataset.name)?;
                for rule in &self.rules {
                    writeln!(self.out, "{}", explain(rule, &self.catalog, batch, row))?;
                }
                for explained in self.sql.explain(batch, row) {
                    writeln!(self.out, "{explained}")?;
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, reject: &RejectRecord) -> io::Result<()> {
        note_reject(reject);
        Ok(())
    }

    fn input_error(&mut self, error: &InputError) {
        note_error(error);
    }
}

pub(super) fn note_reject(reject: &RejectRecord) {
    anstream::eprintln!(
        "{}, offset {}: {}: {}",
        reject.path,
        reject.offset,
        reject.reason,
        reject.detail
    );
}

pub(super) fn note_error(error: &InputError) {
    anstream::eprintln!("{}error:{:#} {error}", style::ERROR, style::ERROR);
}
