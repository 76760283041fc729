//! What rules find in the batches of a block: alerts of single events, and what rules over several events read.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use borzoi_parsers::batch::EventBatch;
use hashbrown::HashMap;

use crate::alert::Alert;
use crate::alert_build::{AlertBuilder, micros_at, text_at};
use crate::correlate::signals::{Matched, SignalMaker, with_kept};
use crate::eql::hits::{Hit, HitMaker};
use crate::matcher::{BatchMatcher, CompiledRules, Signal};
use crate::sql_rules::partial::Partial;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// In the order of the source; those of one event in the order of the rules.
    pub(crate) alerts: Vec<Alert>,
    /// What correlations read, in the same order.
    pub(crate) correlated: Vec<Matched>,
    /// What queries over several events read.
    pub(crate) hits: Vec<Hit>,
    /// Keys that queries left out of events with too many values.
    pub(crate) keys_left_out: u64,
    /// What rules in SQL read.
    pub(crate) sql: Vec<Partial>,
}

/// Matches the batches of one block.
pub(crate) fn find(matcher: &mut BatchMatcher, batches: &[&EventBatch]) -> Matches {
    // In the order of the source, whatever datasets its events belong to.
    find_in_order(matcher, batches, &offset)
}

/// The same; what is found comes in the order of events that `place` gives.
pub(crate) fn find_in_order(
    matcher: &mut BatchMatcher,
    batches: &[&EventBatch],
    place: &dyn Fn(&EventBatch, u32) -> i64,
) -> Matches {
    let mut signals: Vec<(i64, usize, Signal)> = Vec::new();
    let rules = matcher.rules().clone();
    for (number, &batch) in batches.iter().enumerate() {
        let found = matcher.match_batch(batch);
        signals.extend(
            found
                .into_iter()
                .map(|signal| (place(batch, signal.row), number, signal)),
        );
    }
    // Stable: events of one frame stay in order.
    signals.sort_by_key(|(place, _, _)| *place);
    let mut builders: Vec<Option<AlertBuilder<'_>>> = batches.iter().map(|_| None).collect();
    let mut makers: Vec<Option<HitMaker<'_>>> = batches.iter().map(|_| None).collect();
    let mut alerts: Vec<Alert> = Vec::with_capacity(signals.len());
    let mut hits = Vec::new();
    for &(_, number, signal) in &signals {
        let batch = batches[number];
        let builder = || AlertBuilder::new(&rules, batch);
        if let Some(queries) = rules.queries()
            && queries.part(signal.rule).is_some()
        {
            let maker = &mut makers[number];
            let maker = maker.get_or_insert_with(|| HitMaker::new(&rules, queries, batch));
            alerts.extend(maker.add(signal, builders[number].get_or_insert_with(builder), &mut hits));
        } else if rules.alerts(signal.rule) {
            alerts.push(builders[number].get_or_insert_with(builder).build(signal));
        }
    }
    let keys_left_out = makers.iter().flatten().map(|maker| maker.left_out).sum();
    let correlated = correlated(&rules, batches, &signals, &mut builders);
    Matches {
        alerts,
        correlated,
        hits,
        keys_left_out,
        sql: rules.sql().map_or_else(Vec::new, |sql| sql.partials(batches)),
    }
}

/// The signals for correlations among the matches of a block.
fn correlated<'b>(
    rules: &'b CompiledRules,
    batches: &[&'b EventBatch],
    signals: &[(i64, usize, Signal)],
    builders: &mut [Option<AlertBuilder<'b>>],
) -> Vec<Matched> {
    let Some(correlations) = rules.correlations() else {
        return Vec::new();
    };
    let mut makers: Vec<Option<SignalMaker<'_>>> = batches.iter().map(|_| None).collect();
    let mut found = Vec::new();
    for &(_, number, signal) in signals {
        if correlations.uses(signal.rule).is_empty() {
            continue;
        }
        let batch = batches[number];
        let row = signal.row as usize;
        let id = text_at(batch, "event_id", row).unwrap_or_default();
        makers[number]
            .get_or_insert_with(|| SignalMaker::new(rules, correlations, batch, number))
            .add(signal, micros_at(batch, row), &id, &mut found);
    }
    let mut made = HashMap::new();
    with_kept(found, correlations, &mut |number, row| {
        let evidence = made.entry((number, row)).or_insert_with(|| {
            let batch = batches[number];
            let builder = builders[number].get_or_insert_with(|| AlertBuilder::new(rules, batch));
            Arc::new(builder.evidence(row))
        });
        evidence.clone()
    })
}

/// The place of an event in its source.
pub(crate) fn offset(batch: &EventBatch, row: u32) -> i64 {
    batch
        .column("log_offset")
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .map_or(0, |offsets| offsets.value(row as usize))
}
