//! `borzoi rules explain` of statistics: what was measured, what was expected, what was told.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_engine::alert::Alert;
use borzoi_engine::explain_series::{GroupSeries, SeriesExplainer};
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink};
use borzoi_engine::windows::Watched;
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::{InputError, InputSet};
use borzoi_rules::LoadReport;
use borzoi_rules::correlation::{CorrelationCondition, Metric};
use chrono::{DateTime, SecondsFormat};

use super::rules_explain::{note_error, note_reject};
use crate::exit::Failure;
use crate::ui::{plot, style, table};

/// Bars of a series.
const WIDTH: usize = 72;
/// Intervals that are shown of a group.
const SHOWN: usize = 6;

/// Explains the statistics of a file; `false` if it has none. At most `limit` groups are shown.
pub fn explain(
    file: &Path,
    report: &LoadReport,
    event: &str,
    options: ScanOptions,
    catalog: &Arc<Catalog>,
    limit: usize,
) -> Result<bool, Failure> {
    let explainer = SeriesExplainer::of_file(file, report, catalog).map_err(Failure::new)?;
    let Some(explainer) = explainer else {
        return Ok(false);
    };
    let mut sink = Collector { explainer };
    let scan = Scan {
        catalog: catalog.clone(),
        options,
        rules: None,
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let summary = scan
        .run(&InputSet::expand(&[event]), &mut sink)
        .map_err(Failure::from_scan)?;
    if summary.decode.events == 0 {
        return Err(Failure::new(format!(
            "{event}: holds no event that could be parsed"
        )));
    }
    let (series, alerts) = sink.explainer.finish();
    let mut out = super::stdout();
    for group in series.iter().take(limit) {
        show(&mut out, group)?;
    }
    told(&mut out, &alerts)?;
    out.flush()?;
    if series.len() > limit {
        anstream::eprintln!("{} more groups; --limit shows more", series.len() - limit);
    }
    Ok(true)
}

fn show(out: &mut dyn Write, group: &GroupSeries) -> io::Result<()> {
    let head = style::HEADING;
    let who = match group.group.is_empty() {
        true => "all".to_owned(),
        false => group.group.join(", "),
    };
    writeln!(out, "{head}{}: {who}{head:#}", group.rule.meta.title)?;
    let measured = match &group.rule.condition {
        CorrelationCondition::Statistic(statistic) => match statistic.fields.is_empty() {
            true => statistic.metric.name().to_owned(),
            false => format!("{} of {}", statistic.metric.name(), statistic.fields.join(", ")),
        },
        _ => String::new(),
    };
    let (first, last) = (&group.intervals[0], &group.intervals[group.intervals.len() - 1]);
    writeln!(
        out,
        "  {measured}, {} intervals from {} to {}",
        table::thousands(group.intervals.len() as u64),
        time(first),
        time(last),
    )?;
    let numbers: Vec<f64> = group.intervals.iter().map(|interval| interval.value).collect();
    let highs: Vec<f64> = group.intervals.iter().map(|interval| interval.high).collect();
    writeln!(out, "  measured     {}", plot::bars(&numbers, &highs, WIDTH))?;
    writeln!(out, "  usual up to  {}", plot::bars(&highs, &numbers, WIDTH))?;
    let mut chosen: Vec<&Watched> = group.intervals.iter().collect();
    chosen.sort_by(|one, other| {
        let place = |interval: &Watched| (!interval.told, interval.probability);
        let ((told, one), (other_told, other)) = (place(one), place(other));
        told.cmp(&other_told).then(one.total_cmp(&other))
    });
    chosen.truncate(SHOWN);
    chosen.sort_by_key(|interval| interval.start);
    for interval in chosen {
        let mark = if interval.told { "alert" } else { "" };
        writeln!(
            out,
            "  {}  {:>12}  expected {:>12}, usually {} to {}, chance {:.1e}  {mark}",
            time(interval),
            match counts(group) {
                true => format!("{:.0}", interval.value),
                false => short(interval.value),
            },
            short(interval.expected),
            short(lowest(group, interval.low)),
            short(interval.high),
            interval.probability,
        )?;
    }
    writeln!(out)
}

fn told(out: &mut dyn Write, alerts: &[Alert]) -> io::Result<()> {
    writeln!(out, "{} alerts", alerts.len())?;
    for alert in alerts {
        let Some(found) = &alert.correlation else {
            continue;
        };
        let who: Vec<&str> = found.group.iter().map(|group| group.value.as_str()).collect();
        let what = alert.matched.first().map_or("", |matched| matched.value.as_str());
        let of = match who.is_empty() {
            true => String::new(),
            false => format!("{}: ", who.join(", ")),
        };
        writeln!(out, "  {}  {}: {of}{what}", alert.time, alert.rule.title)?;
    }
    Ok(())
}

fn time(interval: &Watched) -> String {
    let instant = DateTime::from_timestamp_micros(interval.start).unwrap_or_default();
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether what is measured is a number of events or values.
fn counts(group: &GroupSeries) -> bool {
    match &group.rule.condition {
        CorrelationCondition::Statistic(statistic) => {
            matches!(statistic.metric, Metric::Count | Metric::Distinct)
        }
        _ => false,
    }
}

/// The lower end of what is usual: a number of events is never negative.
fn lowest(group: &GroupSeries, low: f64) -> f64 {
    if counts(group) { low.max(0.0) } else { low }
}

/// Few digits: nobody compares the last ones.
fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 || number == 0.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}

struct Collector {
    explainer: SeriesExplainer,
}

impl ScanSink for Collector {
    fn alert(&mut self, _alert: &Alert) -> io::Result<()> {
        Ok(())
    }

    fn events(&mut self, batches: &[EventBatch]) -> io::Result<()> {
        self.explainer.take(batches);
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
