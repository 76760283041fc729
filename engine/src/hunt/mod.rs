//! Hunting: SQL over everything that the lake holds.
//!
//! A [`Hunt`] is a snapshot of the lake with a SQL engine (DataFusion) over it. Its tables are one per
//! dataset (`windows_sysmon`), the group views (`windows`, `linux`, `network`, …), `events` over all
//! datasets with the ECS columns, and `alerts`; see `tables`. Fields may be called by any of their
//! names: `source_ip`, `source.ip`, or as the producer calls them; see `names`. Beside DataFusion's
//! functions there are the hunter's own; see [`functions`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use borzoi_engine::hunt::{Hunt, HuntOptions};
//! let hunt = Hunt::over(Vec::new(), HuntOptions::default())?;
//! let answer = hunt
//!     .sql("select user.name, count(*) from windows where event_code = 4625 group by 1")
//!     .await?;
//! println!("{} rows in {:?}", answer.stats.rows, answer.stats.elapsed);
//! # Ok(())
//! # }
//! ```
//!
//! A hunt only reads. Statements that write (`INSERT`, `CREATE`, `COPY`) are refused, and a hunt opened
//! for some tenants has no table in which another tenant's rows could appear.

mod coerce;
mod derived;
mod error;
mod found;
pub mod functions;
mod lower;
mod names;
pub mod output;
mod recheck;
mod sigma;
mod stored;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_parsers::enrich::Network;
use borzoi_parsers::names::sql_name;
use borzoi_rules::ir::{DetectionRule, LogSource};
use datafusion::common::{DataFusionError, ScalarValue, TableReference};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures::{FutureExt, StreamExt};

pub use error::HuntError;
pub use found::{FOUND, found_batch};
pub use names::{is_complete, statements};
pub use tables::{StoredTable, TableColumn};

use crate::indicators::IndicatorSet;
use crate::lake::Lake;
use crate::matcher::values::dotted_name;
use error::translate;
use functions::UnreadableJson;
use names::{Names, TableNames};
pub(crate) use names::{Rewritten, nearest};
pub(crate) use sigma::readable;
pub(crate) use stored::Part;

/// How to hunt.
#[derive(Debug, Clone, Default)]
pub struct HuntOptions {
    /// Only these tenants' rows; all if `None`.
    pub tenants: Option<Vec<String>>,
    /// Bytes of memory that sorts, joins and aggregations may take; past it they spill to disk or fail.
    pub memory_limit: Option<usize>,
    /// Threads to run on; one per core if `None`.
    pub target_partitions: Option<usize>,
    /// The catalog; the shipped one if `None`.
    pub catalog: Option<Arc<Catalog>>,
    /// Networks of one's own beside the private ones, for `network.direction`.
    pub own_networks: Vec<Network>,
    /// The lists that `indicator` and `indicator_of` look into.
    pub indicators: Option<Arc<IndicatorSet>>,
}

/// What a query cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HuntStats {
    /// Rows of the answer so far.
    pub rows: usize,
    /// Time since the query began.
    pub elapsed: Duration,
    /// Bytes read from Parquet files.
    pub bytes_scanned: usize,
    /// Files that the plan reads.
    pub files: usize,
    /// Texts that `json_get` and `json_get_int` were asked about and that are no JSON (or nested deeper than
    /// 127 levels): they gave null. Counts those of other queries of this hunt that ran meanwhile, too.
    pub unreadable_json: u64,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct HuntResult {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// What it cost.
    pub stats: HuntStats,
    /// Whether the statement asked for `*`: then columns without a value need not be shown.
    pub wildcard: bool,
}

/// An answer that is still being worked out. Dropping it cancels the query.
pub struct HuntStream {
    stream: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    started: Instant,
    rows: usize,
    wildcard: bool,
    unreadable: UnreadableJson,
    unreadable_before: u64,
}

/// A snapshot of the lake to ask questions of.
pub struct Hunt {
    context: SessionContext,
    catalog: Arc<Catalog>,
    own_networks: Arc<[Network]>,
    stored: Vec<StoredTable>,
    names: Names,
    tables: BTreeMap<String, Arc<tables::UnionTable>>,
    unreadable: UnreadableJson,
}

impl Hunt {
    /// A hunt over what a lake holds now; what is stored later is not seen.
    ///
    /// # Errors
    /// [`HuntError::Lake`] if a table's log cannot be read.
    pub async fn open(lake: &Lake, options: HuntOptions) -> Result<Hunt, HuntError> {
        let failed = |error: &dyn std::fmt::Display| HuntError::Lake(error.to_string());
        let unreadable = UnreadableJson::default();
        let context =
            session(&options, &unreadable).map_err(|error| HuntError::Execution(error.to_string()))?;
        let mut stored = Vec::new();
        let tables = lake.tables().await.map_err(|error| failed(&error))?;
        let known: BTreeSet<&str> = tables.iter().map(|table| table.tenant.as_str()).collect();
        if let Some(unknown) = options
            .tenants
            .iter()
            .flatten()
            .find(|tenant| !known.contains(tenant.as_str()))
        {
            let known: Vec<&str> = known.into_iter().collect();
            return Err(HuntError::Lake(format!(
                "no tenant `{unknown}` in this lake; there are: {}",
                known.join(", ")
            )));
        }
        for table in tables {
            if !wanted(&options, &table.tenant) {
                continue;
            }
            let delta = lake
                .open_table(&table.tenant, &table.dataset)
                .await
                .map_err(|error| failed(&error))?;
            // Gone between listing and opening: destroyed by somebody, and not ours to show.
            let Some(delta) = delta else { continue };
            let provider = delta
                .table_provider()
                .with_session(Arc::new(context.state()))
                .await
                .map_err(|error| failed(&error))?;
            stored.push(StoredTable {
                tenant: Arc::from(table.tenant),
                dataset: Arc::from(table.dataset),
                provider,
            });
        }
        Hunt::with_session(context, unreadable, stored, options)
    }

    /// A hunt over these stored tables.
    ///
    /// # Errors
    /// Only if the SQL engine cannot be set up.
    pub fn over(mut stored: Vec<StoredTable>, options: HuntOptions) -> Result<Hunt, HuntError> {
        stored.retain(|table| wanted(&options, &table.tenant));
        let unreadable = UnreadableJson::default();
        let context =
            session(&options, &unreadable).map_err(|error| HuntError::Execution(error.to_string()))?;
        Hunt::with_session(context, unreadable, stored, options)
    }

    fn with_session(
        context: SessionContext,
        unreadable: UnreadableJson,
        stored: Vec<StoredTable>,
        options: HuntOptions,
    ) -> Result<Hunt, HuntError> {
        let catalog = options.catalog.unwrap_or_else(Catalog::builtin);
        let mut hunt = Hunt {
            context,
            names: Names::default(),
            tables: BTreeMap::new(),
            catalog,
            own_networks: options.own_networks.into(),
            stored,
            unreadable,
        };
        for table in tables::visible_tables(&hunt.catalog, &hunt.stored, &hunt.own_networks) {
            hunt.register(table)?;
        }
        Ok(hunt)
    }

    /// Adds the table `matches`: the stored events that match any of `rules`, with `rule_id`, `rule_title`
    /// and `rule_level` before the event's own columns. Replaces the `matches` of an earlier call.
    ///
    /// # Errors
    /// [`HuntError::Rule`] if a rule waits for placeholders, has an expression that cannot be run, or is for
    /// a log source that no dataset serves.
    pub fn add_rules(&mut self, rules: &[Arc<DetectionRule>]) -> Result<(), HuntError> {
        self.add_rules_within(rules, None, None)
    }

    /// As [`Hunt::add_rules`]; only events at or after `from` and before `to`, in microseconds since the epoch.
    ///
    /// # Errors
    /// As for [`Hunt::add_rules`].
    pub fn add_rules_within(
        &mut self,
        rules: &[Arc<DetectionRule>],
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<(), HuntError> {
        let within = stored::within(from, to);
        let mut members = Vec::new();
        let mut datasets: Vec<Arc<Dataset>> = Vec::new();
        for rule in rules {
            let mut served = false;
            for dataset in self.catalog.datasets() {
                if !lower::applies(&rule.log_source, dataset) {
                    continue;
                }
                served = true;
                // A rule for all datasets is one for those that are there, or the answer would have their thousands of
                // columns.
                let is_stored = || self.stored.iter().any(|stored| stored.dataset == dataset.name);
                if rule.log_source == LogSource::default() && !is_stored() {
                    continue;
                }
                if datasets.iter().all(|known| known.name != dataset.name) {
                    datasets.push(dataset.clone());
                }
                for stored in self.stored.iter().filter(|stored| stored.dataset == dataset.name) {
                    let mut member = tables::Member::new(stored.clone(), Some(dataset), &self.own_networks);
                    let Some(condition) = lower::lower(rule, dataset, &member.schema())? else {
                        continue;
                    };
                    member.condition = Some(match within.clone() {
                        Some(within) => within.and(condition),
                        None => condition,
                    });
                    let level = serde_json::to_value(rule.meta.level).unwrap_or_default();
                    for (column, value) in [
                        ("rule_id", &*rule.meta.id),
                        ("rule_title", &*rule.meta.title),
                        ("rule_level", level.as_str().unwrap_or("")),
                    ] {
                        member
                            .constants
                            .insert(column.to_owned(), ScalarValue::from(value));
                    }
                    members.push(member);
                }
            }
            if !served {
                return Err(HuntError::Rule {
                    rule: rule.meta.title.to_string(),
                    reason: format!(
                        "no dataset serves its log source ({}); `borzoi datasets` lists what there is",
                        log_source_text(&rule.log_source)
                    ),
                });
            }
        }
        self.register(tables::matches(members, datasets))
    }

    fn register(&mut self, table: tables::UnionTable) -> Result<(), HuntError> {
        let name = table.name.clone();
        let table = Arc::new(table);
        let reference = || TableReference::bare(name.as_str());
        self.context
            .deregister_table(reference())
            .and_then(|_| self.context.register_table(reference(), table.clone()))
            .map_err(|error| HuntError::Execution(error.to_string()))?;
        self.names.tables.insert(name.clone(), TableNames::new(&table));
        self.tables.insert(name, table);
        Ok(())
    }

    /// Names of all tables, and whether anything is stored in each.
    pub fn tables(&self) -> impl Iterator<Item = (&str, bool)> {
        self.tables
            .iter()
            .map(|(name, table)| (name.as_str(), !table.members.is_empty()))
    }

    /// Columns of a table.
    pub fn columns(&self, table: &str) -> Option<&[TableColumn]> {
        self.tables.get(table).map(|table| table.columns.as_slice())
    }

    /// Names of all functions that SQL may call, sorted.
    pub fn function_names(&self) -> Vec<String> {
        let state = self.context.state();
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    /// The whole answer to a statement.
    ///
    /// # Errors
    /// [`HuntError::Sql`] if the statement is at fault, others if reading or computing is.
    pub async fn sql(&self, sql: &str) -> Result<HuntResult, HuntError> {
        self.stream(sql, None).await?.collect().await
    }

    /// The answer to a statement, batch by batch; at most `limit` rows of it.
    ///
    /// # Errors
    /// As [`Hunt::sql`]; errors of reading and computing come from the stream.
    pub async fn stream(&self, sql: &str, limit: Option<usize>) -> Result<HuntStream, HuntError> {
        let started = Instant::now();
        let unreadable_before = self.unreadable.load(Ordering::Relaxed);
        let statement = names::rewrite(sql, &self.names)?;
        let plan = self
            .logical_plan(&statement, limit)
            .await
            .map_err(|error| self.explain_error(error, &statement))?;
        let run = async {
            let plan = self.context.state().create_physical_plan(&plan).await?;
            let stream = execute_stream(plan.clone(), self.context.task_ctx())?;
            Ok((plan, stream))
        };
        let (plan, stream) = run.await.map_err(|error| self.explain_error(error, &statement))?;
        Ok(HuntStream {
            stream,
            plan,
            started,
            rows: 0,
            wildcard: statement.wildcard,
            unreadable: self.unreadable.clone(),
            unreadable_before,
        })
    }

    async fn logical_plan(
        &self,
        statement: &Rewritten,
        limit: Option<usize>,
    ) -> Result<LogicalPlan, DataFusionError> {
        let state = self.context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let parsed = state.sql_to_statement(&statement.sql, &dialect)?;
        let plan = state.statement_to_plan(parsed).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)?;
        let plan = coerce::coerce(plan)?;
        match (limit, &plan) {
            (None, _) | (_, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) => Ok(plan),
            (Some(_), _) => LogicalPlanBuilder::new(plan).limit(0, limit)?.build(),
        }
    }

    /// Makes functions known beside those that there are.
    pub(crate) fn add_functions(&self, functions: Vec<ScalarUDF>) {
        for function in functions {
            self.context.register_udf(function);
        }
    }

    /// Makes columns known that events may have though no field of their dataset is called so: all fields of ECS, and what
    /// the catalog fills, as far as `words` names them.
    pub(crate) fn add_columns(&mut self, words: &BTreeSet<String>) -> Result<(), HuntError> {
        let types = self.catalog.types();
        let ecs: Vec<TableColumn> = words
            .iter()
            .filter_map(|word| {
                let dotted = types.dotted_of_sql(word).unwrap_or(word);
                Some(TableColumn {
                    sql: sql_name(dotted).into(),
                    dotted: dotted.into(),
                    data_type: tables::declared_type(types.get(dotted)?),
                })
            })
            .collect();
        let all: Vec<Arc<tables::UnionTable>> = self.tables.values().cloned().collect();
        for table in all.iter().filter(|table| !table.datasets.is_empty()) {
            let filled = table.datasets.iter().flat_map(|dataset| &dataset.fill);
            let filled = filled.map(|fill| &fill.column);
            let filled = filled
                .filter(|column| words.contains(&*column.sql) || words.contains(&*column.dotted))
                .map(|column| TableColumn {
                    sql: column.sql.clone(),
                    dotted: column.dotted.clone(),
                    data_type: tables::declared_type(column.column_type),
                });
            let mut columns = table.columns.clone();
            for column in filled.chain(ecs.iter().cloned()) {
                if columns.iter().all(|known| known.sql != column.sql) {
                    columns.push(column);
                }
            }
            if columns.len() > table.columns.len() {
                let (members, datasets) = (table.members.clone(), table.datasets.clone());
                let table = tables::UnionTable::new(table.name.clone(), columns, members, datasets);
                self.register(table)?;
            }
        }
        Ok(())
    }

    /// The plan of a statement, its types made to agree, and not made any faster: to be taken apart.
    pub(crate) fn analyzed(&self, sql: &str) -> Result<(LogicalPlan, Rewritten), HuntError> {
        let statement = names::rewrite(sql, &self.names)?;
        // Tables are in memory: nothing is waited for.
        let planned = self.logical_plan(&statement, None).now_or_never();
        let planned = planned.unwrap_or_else(|| {
            Err(DataFusionError::Internal(
                "planning waits for something".to_owned(),
            ))
        });
        let state = self.context.state();
        let analyzed = planned.and_then(|plan| {
            state
                .analyzer()
                .execute_and_check(plan, state.config_options(), |_, _| {})
        });
        match analyzed {
            Ok(plan) => Ok((plan, statement)),
            Err(error) => Err(self.explain_error(error, &statement)),
        }
    }

    /// The datasets behind a table, and its columns; `None` if there is no such table.
    pub(crate) fn behind(&self, table: &str) -> Option<(&[Arc<Dataset>], &[TableColumn])> {
        let table = self.tables.get(table)?;
        Some((&table.datasets, &table.columns))
    }

    /// The column of a table that a name means, if it means one.
    pub(crate) fn column(&self, table: &str, name: &str) -> Option<Arc<str>> {
        self.names.tables.get(table)?.column(name)
    }

    /// What plans are made with.
    pub(crate) fn state(&self) -> SessionState {
        self.context.state()
    }

    fn explain_error(&self, error: DataFusionError, statement: &Rewritten) -> HuntError {
        let sql = statement.original();
        let text = error.to_string();
        if let Some((_, after)) = text.split_once("table 'datafusion.")
            && let Some((name, _)) = after.split_once("' not found")
        {
            // A name with a dot is taken for one of another schema.
            let name = name.strip_prefix("public.").unwrap_or(name);
            let near = nearest(name, self.tables.keys().map(String::as_str));
            let message = match near.as_slice() {
                [] => format!("no table `{name}`; there are {}", self.table_list()),
                near => format!("no table `{name}`; did you mean {}?", near.join(" or ")),
            };
            return HuntError::sql(message, sql, statement.find(name));
        }
        for (what, word) in [
            ("DDL not supported", "changes tables"),
            ("DML not supported", "writes"),
        ] {
            if text.contains(what) {
                return HuntError::sql(format!("a hunt only reads; this statement {word}"), sql, None);
            }
        }
        if text.contains("Statement not supported") {
            return HuntError::sql("a hunt takes queries only".to_owned(), sql, None);
        }
        translate(error, statement, &self.names)
    }

    fn table_list(&self) -> String {
        let mut with_rows: Vec<&str> = self
            .tables()
            .filter(|(_, any)| *any)
            .map(|(name, _)| name)
            .collect();
        if with_rows.is_empty() {
            with_rows = vec!["events", "alerts", "windows"];
        }
        with_rows.join(", ")
    }
}

fn wanted(options: &HuntOptions, tenant: &str) -> bool {
    options
        .tenants
        .as_ref()
        .is_none_or(|tenants| tenants.iter().any(|wanted| wanted == tenant))
}

fn session(options: &HuntOptions, unreadable: &UnreadableJson) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    if let Some(partitions) = options.target_partitions {
        config = config.with_target_partitions(partitions.max(1));
    }
    let settings = config.options_mut();
    // Rows that a filter drops are then never decoded in the other columns.
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = options.memory_limit {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(limit)));
    }
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
    for function in functions::all(unreadable, options.indicators.as_ref()) {
        context.register_udf(function);
    }
    Ok(context)
}

impl HuntStream {
    /// The columns of the answer.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// Whether the statement asked for `*`.
    pub fn wildcard(&self) -> bool {
        self.wildcard
    }

    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, HuntError>> {
        let next = self.stream.next().await?;
        Some(match next {
            Ok(batch) => {
                self.rows += batch.num_rows();
                Ok(batch)
            }
            Err(error) => Err(running(error)),
        })
    }

    /// What the query has cost so far.
    pub fn stats(&self) -> HuntStats {
        let mut stats = HuntStats {
            rows: self.rows,
            elapsed: self.started.elapsed(),
            unreadable_json: self.unreadable.load(Ordering::Relaxed) - self.unreadable_before,
            ..HuntStats::default()
        };
        read_cost(self.plan.as_ref(), &mut stats);
        stats
    }

    /// All that is left.
    ///
    /// # Errors
    /// The first error of reading or computing.
    pub async fn collect(mut self) -> Result<HuntResult, HuntError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(HuntResult {
            schema: self.schema(),
            batches,
            stats: self.stats(),
            wildcard: self.wildcard,
        })
    }
}

fn log_source_text(source: &LogSource) -> String {
    let parts: Vec<String> = [
        ("product", &source.product),
        ("category", &source.category),
        ("service", &source.service),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
    .collect();
    parts.join(", ")
}

fn running(error: DataFusionError) -> HuntError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(text) => HuntError::Execution(format!(
            "out of the memory allowed; select fewer columns or rows, or allow more: {text}"
        )),
        DataFusionError::Execution(text) => HuntError::Execution(text.clone()),
        other => HuntError::Execution(other.to_string()),
    }
}

/// Adds up what the scans of a plan report.
fn read_cost(plan: &dyn ExecutionPlan, stats: &mut HuntStats) {
    use datafusion::datasource::physical_plan::FileScanConfig;
    use datafusion::datasource::source::DataSourceExec;
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        if let Some(bytes) = scan
            .metrics()
            .and_then(|metrics| metrics.sum_by_name("bytes_scanned"))
        {
            stats.bytes_scanned += bytes.as_usize();
        }
        if let Some(files) = scan.data_source().downcast_ref::<FileScanConfig>() {
            stats.files += files.file_groups.iter().map(|group| group.len()).sum::<usize>();
        }
    }
    for child in plan.children() {
        read_cost(child.as_ref(), stats);
    }
}
