//! Running the test events that stand beside rules ([`borzoi_rules::pack_tests`]).
//!
//! A case that must not fire proves something only if the rule could have fired: its event belongs to the
//! log source of a rule of the file and has the fields that the rule asks for, so that it is their *values*
//! that make it harmless. A case of another dataset, or whose text is parsed into other fields than its
//! author thought, would pass whatever the rule says; such a case fails ([`TestedRules::run`]).

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::enrich::{Enricher, Enrichment};
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{BlockReader, FrameOptions, Read};
use borzoi_parsers::input::{ChunkSource, InputOptions};
use borzoi_rules::LoadReport;
use borzoi_rules::correlation::CorrelationRule;
use borzoi_rules::ir::{Condition, DetectionRule, Expression, Matcher, Meta, Search};
use borzoi_rules::pack_tests::TestCase;
use borzoi_rules::query::QueryRule;
use borzoi_rules::sql::SqlRule;

use crate::correlate::alerts::Correlator;
use crate::eql::run::QueryRun;
use crate::explain::log_source_text;
use crate::indicators::IndicatorSet;
use crate::matcher::{BatchMatcher, CompiledRules};
use crate::scan::found::find;
use crate::sql_rules::run::SqlRun;
use crate::windows;

/// What became of a test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// The rule should fire and did not, or the other way round.
    Failed {
        /// What to know about it.
        reason: String,
    },
}

/// Parses the bytes of a test event (or any small text) as `borzoi scan` would, with all derived columns.
///
/// # Errors
/// If nothing in it is an event, or the dataset is not in the catalog.
pub fn parse_events(
    text: &str,
    dataset: Option<&str>,
    catalog: &Arc<Catalog>,
) -> Result<Vec<EventBatch>, String> {
    let dataset = match dataset {
        None => None,
        Some(name) => Some(
            catalog
                .dataset(name)
                .cloned()
                .ok_or_else(|| format!("no dataset `{name}`"))?,
        ),
    };
    let bytes = Cursor::new(text.as_bytes().to_vec());
    let chunks = ChunkSource::from_reader("test", bytes, &InputOptions::default());
    let mut blocks = BlockReader::new(chunks, FrameOptions::default());
    let mut decoder = Decoder::new(
        catalog.clone(),
        DecodeOptions {
            dataset,
            ..DecodeOptions::default()
        },
    );
    let mut enricher = Enricher::new(Enrichment::default());
    let mut batches = Vec::new();
    let mut refused = Vec::new();
    loop {
        match blocks.next(None) {
            Read::Block(block) => {
                let decoded = decoder.decode(block);
                batches.extend(decoded.batches.into_iter().map(|batch| enricher.enrich(batch)));
                refused.extend(
                    decoded
                        .rejects
                        .iter()
                        .map(|r| format!("{}: {}", r.reason, r.detail)),
                );
            }
            Read::Error(error) => refused.push(error.to_string()),
            Read::Idle => {}
            Read::End => break,
        }
    }
    match refused.first() {
        Some(reason) => Err(format!("not an event: {reason}")),
        None if batches.is_empty() => Err("holds no event".into()),
        None => Ok(batches),
    }
}

/// Rules over several events, with what they read.
#[derive(Debug, Clone, Default)]
pub struct SeveralEvents {
    /// Correlations of the file.
    pub correlations: Vec<Arc<CorrelationRule>>,
    /// Correlations of other files that they read.
    pub read: Vec<Arc<CorrelationRule>>,
    /// Detection rules, of any file, that they read.
    pub detections: Vec<Arc<DetectionRule>>,
    /// Queries of the file.
    pub queries: Vec<Arc<QueryRule>>,
    /// SQL rules of the file.
    pub sql: Vec<Arc<SqlRule>>,
    /// The lists that rules in SQL look into.
    pub lists: Option<Arc<IndicatorSet>>,
    /// Ids of rules that do not alert on their own.
    pub silent: BTreeSet<Arc<str>>,
}

impl SeveralEvents {
    /// Those of a file, with what they read.
    pub fn of_file(file: &Path, report: &LoadReport) -> SeveralEvents {
        let in_file = |meta: &Meta| meta.location.path == file;
        let all = &report.correlations;
        let correlations: Vec<_> = all.iter().filter(|rule| in_file(&rule.meta)).cloned().collect();
        let mut ids: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut waiting: Vec<_> = correlations.clone();
        while let Some(rule) = waiting.pop() {
            for id in &rule.rules {
                if ids.insert(id.clone()) {
                    waiting.extend(all.iter().find(|other| other.meta.id == *id).cloned());
                }
            }
        }
        let read = all
            .iter()
            .filter(|rule| ids.contains(&rule.meta.id) && !in_file(&rule.meta));
        let detections = report
            .detections
            .iter()
            .filter(|rule| ids.contains(&rule.meta.id));
        let queries = report.queries.iter().filter(|rule| in_file(&rule.meta));
        SeveralEvents {
            read: read.cloned().collect(),
            detections: detections.cloned().collect(),
            queries: queries.cloned().collect(),
            sql: report
                .sql
                .iter()
                .filter(|rule| in_file(&rule.meta))
                .cloned()
                .collect(),
            lists: None,
            silent: report.referenced_only.clone(),
            correlations,
        }
    }

    /// Whether the file has none.
    pub fn is_empty(&self) -> bool {
        self.correlations.is_empty() && self.queries.is_empty() && self.sql.is_empty()
    }

    /// Compiles them; only those of the file alert.
    pub(crate) fn compile(&self, catalog: &Arc<Catalog>) -> Result<Arc<CompiledRules>, String> {
        let detections = self.detections.clone();
        let (compiled, _) = CompiledRules::compile_with_queries(detections, self.queries.clone(), catalog);
        let silent = self.detections.iter().map(|rule| &rule.meta);
        let silent = silent.chain(self.read.iter().map(|rule| &rule.meta));
        let silent = silent.map(|meta| meta.id.clone());
        let silent = silent.chain(self.silent.iter().cloned()).collect();
        let all: Vec<_> = self.correlations.iter().chain(&self.read).cloned().collect();
        let (compiled, not_run) = compiled.with_correlations(&all, &silent);
        let (compiled, sql_not_run) = compiled.with_sql(&self.sql, catalog, self.lists.as_ref());
        match (not_run.first(), sql_not_run.first()) {
            (Some(not_run), _) => Err(not_run.to_string()),
            (_, Some(not_run)) => Err(not_run.to_string()),
            (None, None) => Ok(Arc::new(compiled)),
        }
    }
}

/// What rules over several events make of the events of a case.
struct Seen {
    fires: bool,
    /// Whether an event is a part of what they wait for.
    begins: bool,
}

fn see(rules: &Arc<CompiledRules>, batches: &[EventBatch]) -> Seen {
    let mut matcher = BatchMatcher::new(rules.clone());
    let settings = windows::Settings::default();
    let (now, at) = (i64::MAX, Instant::now());
    let mut seen = Seen {
        fires: false,
        begins: false,
    };
    let mut correlator = rules
        .correlations()
        .map(|correlations| Correlator::new(correlations.clone(), settings));
    let mut queries = rules
        .queries()
        .and_then(|queries| QueryRun::new(queries, &settings));
    let all: Vec<&EventBatch> = batches.iter().collect();
    let found = find(&mut matcher, &all);
    let in_sql = found.sql.iter().any(|partial| !partial.is_empty());
    seen.begins =
        in_sql || !(found.correlated.is_empty() && found.hits.is_empty() && found.alerts.is_empty());
    seen.fires = !found.alerts.is_empty();
    if let Some(correlator) = &mut correlator {
        correlator.take(found.correlated, now, at);
        correlator.finish();
        seen.fires |= !correlator.alerts().is_empty();
    }
    if let Some(sql) = rules.sql() {
        let mut sql = SqlRun::new(sql.clone(), settings);
        sql.take(found.sql, now, at);
        sql.finish();
        seen.fires |= !sql.alerts().is_empty();
    }
    if let Some(queries) = &mut queries {
        seen.fires |= !queries.take(found.hits, now, at).is_empty();
        let ended = queries.finish(&mut |alerts| {
            seen.fires |= !alerts.is_empty();
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = ended;
    }
    seen
}

/// The rules of one file, ready for their test events.
#[derive(Debug)]
pub struct TestedRules {
    /// Rules over several events.
    several: Option<Result<Arc<CompiledRules>, String>>,
    sources: Vec<Arc<DetectionRule>>,
    catalog: Arc<Catalog>,
    rules: Arc<CompiledRules>,
    /// The same rules, asking for their log source alone.
    covering: Arc<CompiledRules>,
    /// The same rules, asking of each field only that it is there (see [`presence`]).
    reaching: Arc<CompiledRules>,
}

impl TestedRules {
    /// Compiles the rules of the file at `path` in `report`. Beside a rule over several events, those that it reads need
    /// not fire by themselves. `lists` are those that rules in SQL look into.
    pub fn of_file(
        path: &Path,
        report: &LoadReport,
        catalog: &Arc<Catalog>,
        lists: Option<&Arc<IndicatorSet>>,
    ) -> TestedRules {
        let several = SeveralEvents {
            lists: lists.cloned(),
            ..SeveralEvents::of_file(path, report)
        };
        let fires = |rule: &&Arc<DetectionRule>| {
            let silent = report.referenced_only.contains(&rule.meta.id);
            rule.meta.location.path == path && (several.is_empty() || !silent)
        };
        let alerting: Vec<_> = report.detections.iter().filter(fires).cloned().collect();
        TestedRules::compile(&alerting, &several, catalog)
    }

    /// Compiles the rules of one file: those over single events and those over several.
    pub fn compile(
        rules: &[Arc<DetectionRule>],
        several: &SeveralEvents,
        catalog: &Arc<Catalog>,
    ) -> TestedRules {
        let weakened = |weaken: fn(&DetectionRule) -> DetectionRule| {
            let rules = rules.iter().map(|rule| Arc::new(weaken(rule))).collect();
            compile(rules, catalog)
        };
        TestedRules {
            several: (!several.is_empty()).then(|| several.compile(catalog)),
            sources: rules.to_vec(),
            catalog: catalog.clone(),
            rules: compile(rules.to_vec(), catalog),
            covering: weakened(|rule| asking(rule, Expression::All(Vec::new()))),
            reaching: weakened(presence),
        }
    }

    /// Runs one case: it passes if "any rule of the file fires on any event of the case" is as expected and,
    /// where nothing should fire, something could have.
    pub fn run(&self, case: &TestCase) -> Outcome {
        let batches = match parse_events(&case.event_text, case.dataset.as_deref(), &self.catalog) {
            Ok(batches) => batches,
            Err(reason) => return Outcome::Failed { reason },
        };
        let datasets: BTreeSet<&str> = batches.iter().map(|batch| &*batch.dataset.name).collect();
        let event = format!(
            "this event of {}",
            datasets.into_iter().collect::<Vec<_>>().join(", ")
        );
        let fired = fires(&self.rules, &batches);
        match &self.several {
            None => {}
            Some(Err(reason)) => {
                return Outcome::Failed {
                    reason: reason.clone(),
                };
            }
            Some(Ok(several)) => {
                let seen = see(several, &batches);
                let reason = match (fired || seen.fires, case.expect) {
                    (true, true) => return Outcome::Passed,
                    (true, false) => format!("fires and should not on {event}"),
                    (false, true) => format!("does not fire on {event}"),
                    (false, false) if !seen.begins => {
                        format!("proves nothing: {event} is no part of what the rule waits for")
                    }
                    (false, false) => return Outcome::Passed,
                };
                return Outcome::Failed { reason };
            }
        }
        let reason = match (fired, case.expect) {
            (true, true) => return Outcome::Passed,
            (true, false) => format!("fires and should not on {event}"),
            (false, true) => format!("does not fire on {event}"),
            (false, false) if !fires(&self.covering, &batches) => {
                format!("proves nothing: {event} is not of the {}", self.log_sources())
            }
            (false, false) if !fires(&self.reaching, &batches) => match self.absent_fields(&batches) {
                absent if absent.is_empty() => {
                    format!("proves nothing: no event of {event} has all the fields that the rule asks for")
                }
                absent => format!(
                    "proves nothing: {event} has no {absent}, without which the rule cannot fire whatever the values"
                ),
            },
            (false, false) => return Outcome::Passed,
        };
        Outcome::Failed { reason }
    }

    fn log_sources(&self) -> String {
        let texts: BTreeSet<String> = self
            .sources
            .iter()
            .map(|rule| log_source_text(&rule.log_source))
            .collect();
        texts.into_iter().collect::<Vec<_>>().join(" or ")
    }

    /// The fields that the rules ask for and the events lack.
    fn absent_fields(&self, batches: &[EventBatch]) -> String {
        let mut absent = BTreeSet::new();
        for rule in self.reaching.rules() {
            let mut asked = BTreeSet::new();
            for condition in &rule.conditions {
                collect_searches(condition, &mut asked);
            }
            for search in asked
                .into_iter()
                .filter_map(|position| rule.searches.get(position))
            {
                collect_fields(&search.expression, &mut |name, test| {
                    let probe = compile(vec![Arc::new(asking(rule, test.clone()))], &self.catalog);
                    if !fires(&probe, batches) {
                        absent.insert(format!("`{name}`"));
                    }
                });
            }
        }
        absent.into_iter().collect::<Vec<_>>().join(", ")
    }
}

fn compile(rules: Vec<Arc<DetectionRule>>, catalog: &Catalog) -> Arc<CompiledRules> {
    Arc::new(CompiledRules::compile(rules, catalog).0)
}

fn fires(rules: &Arc<CompiledRules>, batches: &[EventBatch]) -> bool {
    let mut matcher = BatchMatcher::new(rules.clone());
    batches.iter().any(|batch| !matcher.match_batch(batch).is_empty())
}

/// The rule with this as its only search.
fn asking(rule: &DetectionRule, expression: Expression) -> DetectionRule {
    DetectionRule {
        searches: vec![Search {
            name: "asked".to_owned(),
            expression,
        }],
        conditions: vec![Condition::Search(0)],
        ..rule.clone()
    }
}

/// The rule with every question about a value weakened to "has a value". Negations and questions about
/// presence itself are taken for true: there, an absent field decides as well as a value does. Where this does
/// not fire, the rule cannot, whatever the values.
fn presence(rule: &DetectionRule) -> DetectionRule {
    DetectionRule {
        searches: rule
            .searches
            .iter()
            .map(|search| Search {
                name: search.name.clone(),
                expression: weakened_expression(&search.expression),
            })
            .collect(),
        conditions: rule.conditions.iter().map(weakened_condition).collect(),
        ..rule.clone()
    }
}

fn weakened_condition(condition: &Condition) -> Condition {
    match condition {
        Condition::All(parts) => Condition::All(parts.iter().map(weakened_condition).collect()),
        Condition::Any(parts) => Condition::Any(parts.iter().map(weakened_condition).collect()),
        Condition::Not(_) => Condition::All(Vec::new()),
        Condition::Search(position) => Condition::Search(*position),
    }
}

fn weakened_expression(expression: &Expression) -> Expression {
    let exists = |name: &str| Expression::Field {
        name: name.to_owned(),
        matcher: Matcher::Exists(true),
    };
    match expression {
        Expression::All(parts) => Expression::All(parts.iter().map(weakened_expression).collect()),
        Expression::Any(parts) => Expression::Any(parts.iter().map(weakened_expression).collect()),
        Expression::Not(_) | Expression::Keyword(_) => Expression::All(Vec::new()),
        Expression::Field { name, matcher } => match matcher {
            Matcher::Null | Matcher::Exists(_) => Expression::All(Vec::new()),
            Matcher::FieldRef { field, .. } => Expression::All(vec![exists(name), exists(field)]),
            _ => exists(name),
        },
    }
}

/// The positions of the searches of a condition.
fn collect_searches(condition: &Condition, found: &mut BTreeSet<usize>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| collect_searches(part, found));
        }
        Condition::Not(inner) => collect_searches(inner, found),
        Condition::Search(position) => {
            found.insert(*position);
        }
    }
}

/// Calls `visit` with the name and the question of every field of an expression.
fn collect_fields(expression: &Expression, visit: &mut impl FnMut(&str, &Expression)) {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().for_each(|part| collect_fields(part, visit));
        }
        Expression::Not(inner) => collect_fields(inner, visit),
        Expression::Field { name, .. } => visit(name, expression),
        Expression::Keyword(_) => {}
    }
}
