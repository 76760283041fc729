//! Rules in SQL on their way through a scan.
//!
//! ```text
//! worker threads:  batch ─▶ where ─▶ groups, panes ─▶ DataFusion's accumulators ─▶ their states ([`partial`]) ─┐
//! collector:       states of panes, put together ([`panes`]) ─▶ windows that are over ─▶ having, select ([`found`]) ◀┘
//!                                                                     └─▶ episodes of entities ─▶ alerts ([`alerts`])
//! ```
//!
//! # Design
//!
//! DataFusion parses, plans and types the statement ([`plan`]), and its accumulators add up. Nothing is ever worked out
//! again over history: an event is added up once, for its pane, on the thread that decoded it; the collector puts states
//! together. Sliding windows ([`slides`]) keep the values of their events, and take each out again. What an aggregate gives must not depend on the order of events, so only those are let in of which that holds;
//! then it depends neither on the cuts into batches nor on the number of threads.
//!
//! # Memory
//!
//! Per group and pane: the key, 128 bytes for count, times and first events, and what the accumulators of DataFusion take
//! (8 bytes for a count or sum; for `count(distinct …)` the values). [`Settings::budget`](crate::windows::Settings::budget) bounds all of it; where it is reached,
//! windows are ended early, then groups of the fewest events are given up; both are counted.

mod alerts;
mod entities;
mod explain;
mod found;
mod groups;
mod panes;
pub(crate) mod partial;
mod plan;
pub mod run;
mod sessions;
mod slides;
pub(crate) mod snapshot;
mod window;

use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_rules::Problem;
use borzoi_rules::locate;
use borzoi_rules::sql::SqlRule;

use crate::alert::AlertRule;
use crate::alert_build::face_of;
use crate::hunt::{Hunt, HuntError, HuntOptions};
use crate::indicators::IndicatorSet;
use partial::{Partial, partial};
use plan::SqlPlan;
pub use window::Window;

/// SQL rules, planned; shared by threads.
#[derive(Debug)]
pub struct SqlRules {
    plans: Vec<Arc<SqlPlan>>,
    faces: Vec<AlertRule>,
}

/// An SQL rule that does not run, and why.
#[derive(Debug, Clone)]
pub struct NotRun {
    /// The rule.
    pub rule: Arc<SqlRule>,
    /// Why, at its place in the file.
    pub problem: Problem,
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl SqlRules {
    /// Plans `rules` over the tables of a catalog; gives those that do not run too. Lists of indicators are those that
    /// `indicator()` looks into.
    pub fn compile(
        rules: &[Arc<SqlRule>],
        catalog: &Arc<Catalog>,
        indicators: Option<&Arc<IndicatorSet>>,
    ) -> (SqlRules, Vec<NotRun>) {
        let mut compiled = SqlRules {
            plans: Vec::new(),
            faces: Vec::new(),
        };
        let mut not_run = Vec::new();
        if rules.is_empty() {
            return (compiled, not_run);
        }
        let hunt = tables(rules, catalog, indicators);
        for rule in rules {
            let planned = match &hunt {
                Ok(hunt) => SqlPlan::of(rule, hunt).map_err(|refused| (refused.offset, refused.message)),
                Err(error) => Err((None, error.to_string())),
            };
            match planned {
                Ok(plan) => {
                    compiled.plans.push(Arc::new(plan));
                    compiled.faces.push(face_of(&rule.meta));
                }
                Err((offset, message)) => not_run.push(NotRun {
                    problem: locate::sql_problem(rule, offset, "sql-not-run", message),
                    rule: rule.clone(),
                }),
            }
        }
        (compiled, not_run)
    }

    /// The rules that run.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<SqlRule>> {
        self.plans.iter().map(|plan| &plan.rule)
    }

    pub(crate) fn plans(&self) -> &[Arc<SqlPlan>] {
        &self.plans
    }

    /// What alerts say of a rule.
    fn face(&self, plan: u32) -> &AlertRule {
        &self.faces[plan as usize]
    }

    /// The rules that read a dataset.
    fn reading<'r>(&'r self, dataset: &'r Dataset) -> impl Iterator<Item = (u32, &'r Arc<SqlPlan>)> {
        let plans = (0..).zip(&self.plans);
        plans.filter(|(_, plan)| plan.datasets.contains(&dataset.name))
    }

    /// Whether any rule reads a dataset.
    pub(crate) fn reads(&self, dataset: &Dataset) -> bool {
        self.reading(dataset).next().is_some()
    }

    /// Whether any rule reads a column of a dataset.
    pub(crate) fn asks_for(&self, dataset: &Dataset, sql: &str) -> bool {
        self.reading(dataset)
            .any(|(_, plan)| plan.input.field_with_name(sql).is_ok())
    }

    /// How many rules read any of these columns.
    pub fn asking_for(&self, columns: &[&str]) -> usize {
        let asks = |plan: &&Arc<SqlPlan>| columns.iter().any(|sql| plan.input.field_with_name(sql).is_ok());
        self.plans.iter().filter(asks).count()
    }

    /// What the rules make of batches.
    pub(crate) fn partials(&self, batches: &[&EventBatch]) -> Vec<Partial> {
        let of_batch = |batch: &&EventBatch| {
            let plans = self.reading(&batch.dataset);
            let found = plans.filter_map(|(number, plan)| partial(number, plan, batch));
            found.collect::<Vec<_>>()
        };
        batches.iter().flat_map(of_batch).collect()
    }
}

/// The tables that rules are planned over, with the functions that name windows.
fn tables(
    rules: &[Arc<SqlRule>],
    catalog: &Arc<Catalog>,
    indicators: Option<&Arc<IndicatorSet>>,
) -> Result<Hunt, HuntError> {
    let options = HuntOptions {
        catalog: Some(catalog.clone()),
        indicators: indicators.cloned(),
        ..HuntOptions::default()
    };
    let mut hunt = Hunt::over(Vec::new(), options)?;
    hunt.add_functions(window::functions());
    let words = rules.iter().flat_map(|rule| words_of(&rule.sql));
    hunt.add_columns(&words.collect())?;
    Ok(hunt)
}

/// What may be a name in a statement, without case, and without the alias of a table in front.
fn words_of(sql: &str) -> Vec<String> {
    let words = sql.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@')));
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    let with_short = words.flat_map(|word| {
        let short = word.split_once('.').map(|(_, short)| short.to_owned());
        std::iter::once(word).chain(short)
    });
    with_short.collect()
}
