//! Why a statistic told something, or did not: the numbers of each group, interval by interval, with what was expected.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::LoadReport;
use borzoi_rules::correlation::{CorrelationKind, CorrelationRule};

use crate::alert::Alert;
use crate::correlate::alerts::Correlator;
use crate::matcher::{BatchMatcher, CompiledRules};
use crate::rule_tests::SeveralEvents;
use crate::scan::found::find;
use crate::windows::{Settings, Watched};

/// The numbers of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSeries {
    /// The rule.
    pub rule: Arc<CorrelationRule>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// The values of `group-by`, folded to lower case.
    pub group: Vec<String>,
    /// In order of time, without gaps.
    pub intervals: Vec<Watched>,
}

impl GroupSeries {
    /// The least probability of an interval.
    pub fn least_probability(&self) -> f64 {
        let all = self.intervals.iter().map(|interval| interval.probability);
        all.fold(1.0, f64::min)
    }
}

/// Runs the statistics of a file over events and keeps what they saw.
pub struct SeriesExplainer {
    matcher: BatchMatcher,
    correlator: Correlator,
    rules: Arc<CompiledRules>,
}

impl std::fmt::Debug for SeriesExplainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeriesExplainer").finish_non_exhaustive()
    }
}

impl SeriesExplainer {
    /// For the file at `path` of `report`. `None` if it has no statistic.
    ///
    /// # Errors
    /// Why its rules do not run.
    pub fn of_file(
        path: &Path,
        report: &LoadReport,
        catalog: &Catalog,
    ) -> Result<Option<SeriesExplainer>, String> {
        let mut several = SeveralEvents::of_file(path, report);
        several.queries.clear();
        let is_statistic = |rule: &Arc<CorrelationRule>| matches!(rule.kind, CorrelationKind::Statistic(_));
        if !several.correlations.iter().any(is_statistic) {
            return Ok(None);
        }
        let rules = several.compile(catalog)?;
        let Some(correlations) = rules.correlations() else {
            return Ok(None);
        };
        let settings = Settings {
            watch: true,
            ..Settings::default()
        };
        Ok(Some(SeriesExplainer {
            matcher: BatchMatcher::new(rules.clone()),
            correlator: Correlator::new(correlations.clone(), settings),
            rules,
        }))
    }

    /// Takes events; in any order.
    pub fn take(&mut self, batches: &[EventBatch]) {
        let batches: Vec<&EventBatch> = batches.iter().collect();
        let found = find(&mut self.matcher, &batches);
        self.correlator.take(found.correlated, i64::MAX, Instant::now());
    }

    /// There are no more: what was measured of each group, the most unusual first, and what was told.
    pub fn finish(mut self) -> (Vec<GroupSeries>, Vec<Alert>) {
        self.correlator.finish();
        let mut alerts = Vec::new();
        loop {
            let more = self.correlator.alerts();
            if more.is_empty() {
                break;
            }
            alerts.extend(more.into_iter().map(|found| found.alert));
        }
        let rules = self.rules.correlations().map_or(&[][..], |known| known.rules());
        let mut all: Vec<GroupSeries> = Vec::new();
        let mut watched = self.correlator.take_watched();
        watched.sort_by(|one, other| {
            let place = |watched: &Watched| {
                (
                    watched.plan,
                    watched.tenant.clone(),
                    watched.key.clone(),
                    watched.start,
                )
            };
            place(one).cmp(&place(other))
        });
        for interval in watched {
            let Some(rule) = rules.get(interval.plan as usize) else {
                continue;
            };
            let group: Vec<String> = interval.key.values().iter().map(ToString::to_string).collect();
            match all.last_mut() {
                Some(last)
                    if last.rule.meta.id == rule.meta.id
                        && last.tenant == interval.tenant
                        && last.group == group =>
                {
                    last.intervals.push(interval);
                }
                _ => all.push(GroupSeries {
                    rule: rule.clone(),
                    tenant: interval.tenant.clone(),
                    group,
                    intervals: vec![interval],
                }),
            }
        }
        all.sort_by(|one, other| one.least_probability().total_cmp(&other.least_probability()));
        (all, alerts)
    }
}
