//! The columnar matcher: a batch of events and all rules in, signals out.
//!
//! # Design goals
//!
//! *Values repeat, rules share what they ask, most rules do not match.* The matcher therefore
//! 1. asks every distinct value of a column once, for all rules together, which **atoms** (column,
//!    matcher) hold for it: [`field_index`];
//! 2. remembers the answer across batches, as the number of an interned set of atoms: [`sets`];
//! 3. works out once per distinct set which **predicates** (formulas over one column) hold and which rules
//!    those **wake**, by way of witnesses: [`plan`];
//! 4. evaluates a rule only on the rows where one of its witnesses holds.
//!
//! What a batch costs depends on its new values and on how many rules come close to matching, hardly on
//! how many rules there are.
//!
//! # Use
//!
//! [`CompiledRules`] is immutable and shared by threads; each thread has a [`BatchMatcher`] with its caches.
//! Signals do not depend on how events are cut into batches, nor on what was matched before.
//!
//! ```
//! use std::sync::Arc;
//! use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
//! use borzoi_parsers::catalog::Catalog;
//!
//! let (rules, warnings) = CompiledRules::compile(Vec::new(), &Catalog::builtin());
//! assert!(warnings.is_empty());
//! let _matcher = BatchMatcher::new(Arc::new(rules));
//! ```
//!
//! # Meaning
//!
//! As the rule IR says ([`borzoi_rules::ir`]), and:
//! - without case means folded letter by letter: [`fold`]. `?` is one letter of the folded text;
//! - a field's values are those of its column and those in `unmapped` under its name
//!   ([`crate::resolve::FieldKey`]); a list counts as its elements, an empty one as absent;
//! - points in time are the text that they have in JSON output: RFC 3339 in UTC with three decimals, or six;
//! - keywords look at every text and number of the event, in `unmapped` too, but not at what says where
//!   the event was read: `time`, `ingest_time`, `tenant`, `dataset`, `event_id`, `log_file_path`,
//!   `log_offset`;
//! - an address may carry a zone (`fe80::1%4`), and one written as `::ffff:10.0.0.1` is an IPv4 address too;
//! - a regular expression that exceeds the step limit of the backtracking engine does not match, and is
//!   counted: [`CompiledRules::gave_up`].
//!
//! # Memory
//!
//! Each [`BatchMatcher`] keeps at most about [`CACHE_BUDGET`] bytes per dataset of remembered values and
//! sets; what would exceed it starts over from nothing, which [`MatchCounters::cache_resets`] counts.

pub(crate) mod event;
mod field_index;
pub mod fold;
mod formula;
pub mod glob;
mod literals;
mod plan;
pub(crate) mod ready;
pub mod regexes;
pub(crate) mod row;
mod rows;
pub mod screen;
mod sets;
pub mod single;
pub(crate) mod unmapped;
pub(crate) mod values;
pub(crate) mod warnings;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_rules::correlation::CorrelationRule;
use borzoi_rules::ir::{DetectionRule, Expression, Matcher, Regex};
use borzoi_rules::query::QueryRule;
use borzoi_rules::sql::SqlRule;
use hashbrown::HashMap;

use crate::alert::AlertRule;
use crate::alert_build::face_of;
use crate::correlate::{Correlations, NotRun};
use crate::eql::{PartUse, Queries};
use crate::indicators::IndicatorSet;
use crate::sql_rules::{self, SqlRules};
use plan::{Fact, Plan};
use ready::ReadyRule;
use regexes::CompiledRegex;
use rows::{DatasetState, RowSets};
use sets::SetId;
pub use warnings::{CompileWarning, WarningKind};

/// Bytes of remembered values and sets that a matcher keeps per dataset.
pub const CACHE_BUDGET: usize = 64 << 20;

/// Every regular expression of the rules, compiled, or why it cannot be.
type RegexTable = HashMap<Regex, Result<Arc<CompiledRegex>, String>>;

/// Number of a rule within [`CompiledRules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u32);

/// One event of a batch matched one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal {
    /// The event's row.
    pub row: u32,
    /// The rule.
    pub rule: RuleIndex,
}

/// What a matcher counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatchCounters {
    /// Events looked at.
    pub events: u64,
    /// Those of them that were passed over without being matched: see [`screen`].
    pub passed: u64,
    /// Pairs of event and rule that had to be evaluated because a witness held.
    pub candidates: u64,
    /// Signals.
    pub signals: u64,
    /// Values looked up.
    pub values: u64,
    /// Values that had to be searched because they were not remembered.
    pub searched: u64,
    /// Times that the remembered values exceeded their budget.
    pub cache_resets: u64,
}

impl std::ops::AddAssign for MatchCounters {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.passed += other.passed;
        self.candidates += other.candidates;
        self.signals += other.signals;
        self.values += other.values;
        self.searched += other.searched;
        self.cache_resets += other.cache_resets;
    }
}

/// The rules of one dataset that have been made ready.
type ReadyRules = HashMap<RuleIndex, Arc<ReadyRule>>;

/// Rules compiled for a catalog; shared by threads.
pub struct CompiledRules {
    rules: Vec<Arc<DetectionRule>>,
    /// Rules that wait for placeholders or have an expression that does not compile never match.
    runnable: Vec<bool>,
    regexes: RegexTable,
    /// What alerts say of each rule, made when it first matches.
    faces: Vec<OnceLock<AlertRule>>,
    /// Rules on lists whose values are in them only for a time.
    timed: Vec<bool>,
    /// Rules that have matched, ready to say why, by dataset.
    ready: RwLock<HashMap<Arc<str>, ReadyRules>>,
    /// Plans by dataset, made when the dataset's first batch arrives.
    plans: RwLock<HashMap<Arc<str>, Arc<Plan>>>,
    /// Rules over several events that read the matches.
    correlations: Option<Arc<Correlations>>,
    /// Rules that do not alert on their own.
    silent: Vec<bool>,
    /// Queries, whose parts are the last of the rules.
    queries: Option<Arc<Queries>>,
    /// Rules in SQL, which read all events of their datasets.
    sql: Option<Arc<SqlRules>>,
}

impl std::fmt::Debug for CompiledRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledRules")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl CompiledRules {
    /// Compiles `rules` and says what in them can never match under this catalog.
    pub fn compile(
        rules: Vec<Arc<DetectionRule>>,
        catalog: &Catalog,
    ) -> (CompiledRules, Vec<CompileWarning>) {
        let mut warnings = warnings::of_log_sources(&rules, catalog);
        let mut regexes = RegexTable::new();
        let mut runnable = Vec::with_capacity(rules.len());
        for (number, rule) in rules.iter().enumerate() {
            let mut runs = rule.waiting_for.is_empty();
            let mut compile = |matcher: &Matcher| {
                let Matcher::Regex(regex) = matcher else {
                    return;
                };
                let compiled = regexes
                    .entry(regex.clone())
                    .or_insert_with(|| CompiledRegex::new(regex).map(Arc::new));
                if let Err(reason) = compiled {
                    runs = false;
                    warnings.push(CompileWarning::of_regex(number, rule, regex, reason));
                }
            };
            for search in &rule.searches {
                visit_matchers(&search.expression, &mut compile);
            }
            runnable.push(runs);
        }
        let compiled = CompiledRules {
            faces: rules.iter().map(|_| OnceLock::new()).collect(),
            timed: rules.iter().map(|rule| is_timed(rule)).collect(),
            silent: vec![false; rules.len()],
            correlations: None,
            queries: None,
            sql: None,
            ready: RwLock::default(),
            rules,
            runnable,
            regexes,
            plans: RwLock::new(HashMap::new()),
        };
        (compiled, warnings)
    }

    /// Adds correlation rules over the matches; gives those that do not run. `silent` names rules of both kinds that do
    /// not alert on their own.
    pub fn with_correlations(
        mut self,
        correlations: &[Arc<CorrelationRule>],
        silent: &BTreeSet<Arc<str>>,
    ) -> (CompiledRules, Vec<NotRun>) {
        self.silent = self
            .rules
            .iter()
            .map(|rule| silent.contains(&rule.meta.id))
            .collect();
        if correlations.is_empty() {
            return (self, Vec::new());
        }
        let (compiled, not_run) = Correlations::compile(correlations, &self, silent);
        self.correlations = Some(Arc::new(compiled));
        (self, not_run)
    }

    /// Compiles `rules` and `queries`; as [`CompiledRules::compile`].
    pub fn compile_with_queries(
        mut rules: Vec<Arc<DetectionRule>>,
        queries: Vec<Arc<QueryRule>>,
        catalog: &Catalog,
    ) -> (CompiledRules, Vec<CompileWarning>) {
        if queries.is_empty() {
            return CompiledRules::compile(rules, catalog);
        }
        let (mut queries, parts) = Queries::new(queries);
        queries.place(rules.len());
        rules.extend(parts);
        let (mut compiled, warnings) = CompiledRules::compile(rules, catalog);
        let warnings = queries.warnings(warnings);
        compiled.queries = Some(Arc::new(queries));
        (compiled, warnings)
    }

    /// Adds rules in SQL; gives those that do not run. Lists of indicators are those that their `indicator()` looks into.
    pub fn with_sql(
        mut self,
        rules: &[Arc<SqlRule>],
        catalog: &Arc<Catalog>,
        indicators: Option<&Arc<IndicatorSet>>,
    ) -> (CompiledRules, Vec<sql_rules::NotRun>) {
        if rules.is_empty() {
            return (self, Vec::new());
        }
        let (compiled, not_run) = SqlRules::compile(rules, catalog, indicators);
        self.sql = Some(Arc::new(compiled));
        (self, not_run)
    }

    /// The rules in SQL, if there are any.
    pub fn sql(&self) -> Option<&Arc<SqlRules>> {
        self.sql.as_ref()
    }

    /// The queries, if there are any.
    pub fn queries(&self) -> Option<&Arc<Queries>> {
        self.queries.as_ref()
    }

    /// The correlation rules, if there are any.
    pub fn correlations(&self) -> Option<&Arc<Correlations>> {
        self.correlations.as_ref()
    }

    /// How many rules there are, correlations and queries included; the parts of a query are none of their own.
    pub fn all_rules(&self) -> usize {
        let correlations = self.correlations.as_ref().map_or(0, |found| found.rules().len());
        let queries = self.queries.as_ref();
        let parts = queries.map_or(0, |queries| queries.detections());
        let sql = self.sql.as_ref().map_or(0, |sql| sql.rules().count());
        self.rules.len() - parts + correlations + sql + queries.map_or(0, |queries| queries.rules().len())
    }

    /// Whether a match of a rule is an alert.
    pub fn alerts(&self, index: RuleIndex) -> bool {
        let silent = self.silent.get(index.0 as usize).copied().unwrap_or(false);
        !silent && self.part(index).is_none()
    }

    /// The part of a query that a rule is.
    pub(crate) fn part(&self, index: RuleIndex) -> Option<PartUse> {
        self.queries.as_ref()?.part(index)
    }

    /// All rules, in the order given; a [`RuleIndex`] is a position here.
    pub fn rules(&self) -> &[Arc<DetectionRule>] {
        &self.rules
    }

    /// The rule of a signal.
    ///
    /// # Panics
    ///
    /// If `index` comes from other rules.
    pub fn rule(&self, index: RuleIndex) -> &Arc<DetectionRule> {
        &self.rules[index.0 as usize]
    }

    /// The regular expressions that reached their step limit so far, and on how many values.
    pub fn gave_up(&self) -> Vec<(&str, u64)> {
        let mut found: Vec<(&str, u64)> = self
            .regexes
            .iter()
            .filter_map(|(regex, compiled)| {
                let count = compiled.as_ref().ok()?.gave_up();
                (count > 0).then_some((regex.pattern.as_str(), count))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// The compiled form of an expression of one of the rules.
    pub(crate) fn regex(&self, regex: &Regex) -> Option<&Arc<CompiledRegex>> {
        self.regexes.get(regex)?.as_ref().ok()
    }

    /// What alerts say of a rule.
    pub(crate) fn face(&self, index: RuleIndex) -> &AlertRule {
        self.faces[index.0 as usize].get_or_init(|| face_of(&self.rule(index).meta))
    }

    /// A rule, ready to say why it matches events of a dataset.
    pub(crate) fn ready(&self, index: RuleIndex, dataset: &Dataset) -> Arc<ReadyRule> {
        let known = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = known.get(&dataset.name).and_then(|rules| rules.get(&index)) {
            return ready.clone();
        }
        drop(known);
        let ready = ReadyRule::new(self.rule(index), dataset, &|regex| {
            let compiled = self.regex(regex);
            compiled.cloned().ok_or_else(|| "does not compile".to_owned())
        });
        let mut known = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let rules = known.entry(dataset.name.clone()).or_default();
        rules.entry(index).or_insert(Arc::new(ready)).clone()
    }

    /// SQL names of the derived columns ([`borzoi_parsers::enrich`]) that rules ask for in events of `dataset`.
    pub fn derived_columns(&self, dataset: &Dataset) -> Vec<Arc<str>> {
        let plan = self.plan(dataset);
        let correlated = match &self.correlations {
            Some(correlations) => correlations.keys(self, dataset),
            None => Vec::new(),
        };
        let queried = match &self.queries {
            Some(queries) => queries.keys(self, dataset),
            None => Vec::new(),
        };
        let tests = plan.row_tests.iter().flat_map(|test| [&test.field, &test.other]);
        let keys: Vec<&crate::resolve::FieldKey> = plan
            .fields
            .iter()
            .filter_map(|field| field.key.as_ref())
            .chain(tests)
            .chain(correlated.iter().chain(&queried).map(|key| &**key))
            .collect();
        borzoi_parsers::enrich::columns()
            .iter()
            .map(|derived| &derived.column)
            .filter(|column| {
                let in_sql = self
                    .sql
                    .as_ref()
                    .is_some_and(|sql| sql.asks_for(dataset, &column.sql));
                in_sql || keys.iter().any(|key| key.is_column(&column.sql, &column.dotted))
            })
            .map(|column| column.sql.clone())
            .collect()
    }

    /// Leaves out the signals of lists whose values were in them at other times only.
    fn keep_timely(&self, batch: &EventBatch, signals: &mut Vec<Signal>) {
        let is_timed = |signal: &Signal| self.timed[signal.rule.0 as usize];
        if !signals.iter().any(is_timed) {
            return;
        }
        let mut texts = event::EventTexts::new(batch);
        signals.retain(|signal| {
            if !is_timed(signal) {
                return true;
            }
            texts.go_to(signal.row as usize);
            let conditions = &self.rule(signal.rule).conditions;
            self.ready(signal.rule, &batch.dataset).ways.iter().any(|way| {
                let view = row::RowView::new(&texts, way);
                view.expression(&way.when) && conditions.iter().any(|condition| view.condition(condition))
            })
        });
    }

    fn plan(&self, dataset: &Dataset) -> Arc<Plan> {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&dataset.name) {
            return plan.clone();
        }
        drop(plans);
        let plan = Arc::new(Plan::new(&self.rules, &self.runnable, dataset, &self.regexes));
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        plans.entry(dataset.name.clone()).or_insert(plan).clone()
    }
}

/// Whether a rule asks for something that depends on when an event happened.
fn is_timed(rule: &DetectionRule) -> bool {
    let mut timed = false;
    for search in &rule.searches {
        visit_matchers(&search.expression, &mut |matcher| {
            timed |= matches!(matcher, Matcher::Listed(listed) if listed.lists.expires(listed.list));
        });
    }
    timed
}

/// Calls `visit` with every matcher of an expression.
fn visit_matchers(expression: &Expression, visit: &mut impl FnMut(&Matcher)) {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => {
            for part in parts {
                visit_matchers(part, visit);
            }
        }
        Expression::Not(inner) => visit_matchers(inner, visit),
        Expression::Field { matcher, .. } | Expression::Keyword(matcher) => visit(matcher),
    }
}

/// Matches batches on one thread. See the [module](self).
pub struct BatchMatcher {
    rules: Arc<CompiledRules>,
    states: HashMap<Arc<str>, DatasetState>,
    counters: MatchCounters,
}

impl BatchMatcher {
    /// A matcher with empty caches.
    pub fn new(rules: Arc<CompiledRules>) -> BatchMatcher {
        BatchMatcher {
            rules,
            states: HashMap::new(),
            counters: MatchCounters::default(),
        }
    }

    /// The rules in use.
    pub fn rules(&self) -> &Arc<CompiledRules> {
        &self.rules
    }

    /// Forgets what it knows of values: what rules ask of them has changed.
    pub fn forget(&mut self) {
        self.states.values_mut().for_each(DatasetState::forget);
    }

    /// What was counted since the last call.
    pub fn take_counters(&mut self) -> MatchCounters {
        std::mem::take(&mut self.counters)
    }

    /// All pairs of an event of `batch` and a rule that it matches, ordered by row, then by rule.
    pub fn match_batch(&mut self, batch: &EventBatch) -> Vec<Signal> {
        let state = match self.states.get_mut(&batch.dataset.name) {
            Some(state) => state,
            None => {
                let plan = self.rules.plan(&batch.dataset);
                self.states
                    .entry(batch.dataset.name.clone())
                    .or_insert(DatasetState::new(plan))
            }
        };
        let plan = state.plan.clone();
        self.counters.events += batch.len() as u64;
        if plan.rules.is_empty() || batch.is_empty() {
            return Vec::new();
        }
        state.keep_within_budget(CACHE_BUDGET, &mut self.counters);
        let mut sets = state.row_sets(batch, &mut self.counters);
        let candidates = candidates(&plan, state, &sets, batch.len());
        self.counters.candidates += candidates.len() as u64;
        if let Some(keywords) = plan.keywords.filter(|_| !plan.keywords_wake) {
            let rows = candidates
                .iter()
                .filter(|(_, rule)| plan.rules[*rule as usize].asks_keywords)
                .map(|(row, _)| *row as usize);
            let rows: std::collections::BTreeSet<usize> = rows.collect();
            sets[keywords] = state.keyword_sets(batch, keywords, rows, &mut self.counters);
        }
        let mut signals: Vec<Signal> = candidates
            .into_iter()
            .filter(|&(row, rule)| {
                let row = row as usize;
                plan.rules[rule as usize]
                    .formula
                    .holds(&|fact| match plan.facts[fact as usize] {
                        Fact::Predicate { field, predicate } => {
                            let set: SetId = sets[field].at(row);
                            state.table(field).holds(set, predicate)
                        }
                        Fact::RowTest(test) => rows::row_test(&plan.row_tests[test], batch, row),
                    })
            })
            .map(|(row, rule)| Signal {
                row,
                rule: RuleIndex(plan.rules[rule as usize].rule),
            })
            .collect();
        self.rules.keep_timely(batch, &mut signals);
        signals.sort_unstable();
        self.counters.signals += signals.len() as u64;
        signals
    }
}

/// Pairs of row and planned rule to evaluate, by row.
fn candidates(plan: &Plan, state: &DatasetState, sets: &[RowSets<'_>], rows: usize) -> Vec<(u32, u32)> {
    let awake: Vec<usize> = (0..sets.len())
        .filter(|&field| sets[field].any(|set| !state.table(field).get(set).rules.is_empty()))
        .collect();
    let mut pairs = Vec::new();
    // The last row for which a rule was noted: several witnesses of a rule may hold on one row.
    let mut noted = vec![u32::MAX; plan.rules.len()];
    for row in 0..rows {
        let row_number = u32::try_from(row).expect("a batch has fewer rows than u32::MAX");
        pairs.extend(plan.always.iter().map(|&rule| (row_number, rule)));
        for &field in &awake {
            for &rule in &state.table(field).get(sets[field].at(row)).rules {
                if noted[rule as usize] != row_number {
                    noted[rule as usize] = row_number;
                    pairs.push((row_number, rule));
                }
            }
        }
    }
    pairs
}
