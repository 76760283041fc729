//! From the text of a rule to what is done with each event, and with each window.
//!
//! DataFusion plans the statement; the plan has to be a projection over an aggregation of one table, with filters below
//! (`where`) and above (`having`). It is taken apart there: what lies below and the aggregates' arguments are evaluated for
//! events as they come, what lies above for windows that are over.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use borzoi_rules::sql::SqlRule;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, GroupsAccumulator, LogicalPlan, Projection, Volatility,
};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use datafusion::physical_plan::PhysicalExpr;
use xxhash_rust::xxh3::xxh3_64;

use super::entities::{Entity, entities, measured};
use super::window::{FUNCTIONS, Window};
use crate::hunt::{Hunt, HuntError, Rewritten};

/// A rule, ready to run.
#[derive(Debug)]
pub(crate) struct SqlPlan {
    pub(crate) rule: Arc<SqlRule>,
    /// The table that it reads.
    pub(crate) table: String,
    /// The datasets of that table.
    pub(crate) datasets: Vec<Arc<str>>,
    pub(crate) window: Window,
    /// The columns that are read of an event.
    pub(crate) input: SchemaRef,
    /// Which events are looked at.
    pub(super) condition: Option<Arc<dyn PhysicalExpr>>,
    /// What keeps groups apart beside the window.
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) key_types: Vec<SortField>,
    /// The place of the window among the groups' columns.
    pub(super) window_place: usize,
    pub(super) aggregates: Vec<Measure>,
    /// Columns of what is grouped: groups, then aggregates.
    pub(super) grouped: SchemaRef,
    /// Which windows are told of.
    pub(super) having: Option<Arc<dyn PhysicalExpr>>,
    /// What is told of them.
    pub(super) output: Vec<(String, Arc<dyn PhysicalExpr>)>,
    /// What an alert is about.
    pub(super) entities: Vec<Entity>,
    /// The column of the output that says how much it is: the first number that is none of the groups.
    pub(super) measure: Option<usize>,
    /// A hash of what it asks, and of the types that it works with.
    pub(crate) meaning: u64,
    /// The condition, groups, aggregates and `having` in words.
    pub(crate) words: Words,
}

/// A plan in words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Words {
    pub(crate) condition: Option<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) aggregates: Vec<String>,
    pub(crate) having: Option<String>,
}

/// One aggregate.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) expr: Arc<AggregateFunctionExpr>,
    pub(super) arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// `filter (where …)`.
    pub(super) condition: Option<Arc<dyn PhysicalExpr>>,
}

impl Measure {
    /// What adds up the values of many groups.
    pub(super) fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        if self.expr.groups_accumulator_supported() {
            return self.expr.create_groups_accumulator();
        }
        let expr = self.expr.clone();
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || {
            expr.create_accumulator()
        })))
    }
}

/// Why a rule does not run, and where in its statement that shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) offset: Option<usize>,
}

impl Refused {
    pub(super) fn new(message: impl Into<String>) -> Refused {
        Refused {
            message: message.into(),
            offset: None,
        }
    }
}

impl From<DataFusionError> for Refused {
    fn from(error: DataFusionError) -> Refused {
        Refused::new(error.strip_backtrace())
    }
}

impl From<HuntError> for Refused {
    fn from(error: HuntError) -> Refused {
        match error {
            HuntError::Sql { message, offset, .. } => Refused { message, offset },
            other => Refused::new(other.to_string()),
        }
    }
}

/// The parts of a plan.
pub(super) struct Parts<'p> {
    pub(super) projection: &'p Projection,
    having: Option<&'p Expr>,
    pub(super) aggregate: &'p Aggregate,
    condition: Option<&'p Expr>,
    pub(super) table: &'p str,
}

/// What such a step of a plan is called, and why it cannot be.
fn cannot(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Sort(_) => "`order by` has no meaning for alerts; leave it out",
        LogicalPlan::Limit(_) => "`limit` has no meaning for alerts; say in `having` what is worth one",
        LogicalPlan::Distinct(_) => {
            "`select distinct` cannot be used in a rule; write the columns into `group by`"
        }
        LogicalPlan::Join(_) => {
            "a rule reads one table; joins cannot be used. To bring events of several kinds together write a correlation or a sequence"
        }
        LogicalPlan::Union(_) => {
            "a rule reads one table; `union` cannot be used. Groups of datasets are tables too"
        }
        LogicalPlan::Window(_) => {
            "`over (…)` cannot be used in a rule; its window is `tumble`, `hop`, `slide` or `session` in `group by`"
        }
        LogicalPlan::Unnest(_) => "`unnest` cannot be used in a rule",
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => "a rule reads a table; there is no `from`",
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => {
            "a rule is one SELECT; `borzoi rules explain` shows the plan"
        }
        _ => "a rule is one SELECT over one table; subqueries cannot be used",
    }
}

const NO_WINDOW: &str = "the rule has no window of time; group by one as well";

fn take_apart(plan: &LogicalPlan) -> Result<Parts<'_>, Refused> {
    let LogicalPlan::Projection(projection) = plan else {
        return Err(Refused::new(cannot(plan)));
    };
    let (having, below) = match &*projection.input {
        LogicalPlan::Filter(filter) if matches!(&*filter.input, LogicalPlan::Aggregate(_)) => {
            (Some(&filter.predicate), &filter.input)
        }
        _ => (None, &projection.input),
    };
    let aggregate = match &**below {
        LogicalPlan::Aggregate(aggregate) => aggregate,
        LogicalPlan::Filter(_) | LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_) => {
            return Err(Refused::new(format!(
                "the rule has no `group by`: it has to name a window, such as {}. For single events write a detection",
                FUNCTIONS[0].1
            )));
        }
        other => return Err(Refused::new(cannot(other))),
    };
    let (condition, mut below) = match &*aggregate.input {
        LogicalPlan::Filter(filter) => (Some(&filter.predicate), &*filter.input),
        other => (None, other),
    };
    if let LogicalPlan::SubqueryAlias(alias) = below {
        below = &alias.input;
    }
    let LogicalPlan::TableScan(scan) = below else {
        return Err(Refused::new(cannot(below)));
    };
    Ok(Parts {
        projection,
        having,
        aggregate,
        condition,
        table: scan.table_name.table(),
    })
}

impl SqlPlan {
    /// Plans a rule over the tables of `hunt`, whose functions are those of [`functions`](super::window::functions) too.
    pub(super) fn of(rule: &Arc<SqlRule>, hunt: &Hunt) -> Result<SqlPlan, Refused> {
        let (plan, statement) = hunt.analyzed(&rule.sql)?;
        let parts = take_apart(&plan)?;
        let (datasets, columns) = hunt.behind(parts.table).unwrap_or_default();
        if datasets.is_empty() {
            return Err(Refused {
                message: format!(
                    "no events are stored in `{}`; a rule reads a dataset or a group of them",
                    parts.table
                ),
                offset: statement.find(parts.table),
            });
        }
        let (window_place, window) = window_of(parts.aggregate, &statement)?;
        let state = hunt.state();
        let below = || {
            let keys = parts.aggregate.group_expr.iter().enumerate();
            let keys = keys
                .filter(move |(place, _)| *place != window_place)
                .map(|(_, key)| key);
            parts
                .condition
                .into_iter()
                .chain(keys)
                .chain(&parts.aggregate.aggr_expr)
        };
        for expr in below().chain(parts.having).chain(&parts.projection.expr) {
            check(expr, &statement)?;
        }
        let input = input_schema(parts.aggregate.input.schema(), below())?;
        let physical = |expr: &Expr, schema: &DFSchema| state.create_physical_expr(expr.clone(), schema);
        let mut keys = Vec::new();
        let mut key_types = Vec::new();
        for (place, key) in parts.aggregate.group_expr.iter().enumerate() {
            if place != window_place {
                keys.push(physical(key, &input)?);
                key_types.push(SortField::new(key.get_type(&input)?));
            }
        }
        if !RowConverter::supports_fields(&key_types) {
            return Err(Refused::new(
                "a column of `group by` is of a type that cannot be grouped by",
            ));
        }
        let mut aggregates = Vec::new();
        for aggregate in &parts.aggregate.aggr_expr {
            aggregates.push(measure(aggregate, window, &input, &state, &statement)?);
        }
        let grouped = &parts.aggregate.schema;
        let mut output = Vec::new();
        for (expr, field) in parts.projection.expr.iter().zip(parts.projection.schema.fields()) {
            output.push((field.name().clone(), physical(expr, grouped)?));
        }
        let mut meaning = format!(
            "{}\0{}\0{:?}",
            plan.display_indent(),
            rule.entities.join("\0"),
            input.as_arrow()
        );
        meaning.push_str(env!("CARGO_PKG_VERSION"));
        let in_words = |expr: &Expr| expr.human_display().to_string();
        let words = Words {
            condition: parts.condition.map(in_words),
            keys: below_keys(parts.aggregate, window_place).map(in_words).collect(),
            aggregates: parts.aggregate.aggr_expr.iter().map(in_words).collect(),
            having: parts.having.map(in_words),
        };
        Ok(SqlPlan {
            rule: rule.clone(),
            table: parts.table.to_owned(),
            datasets: datasets.iter().map(|dataset| dataset.name.clone()).collect(),
            window,
            condition: parts.condition.map(|expr| physical(expr, &input)).transpose()?,
            keys,
            key_types,
            window_place,
            aggregates,
            having: parts.having.map(|expr| physical(expr, grouped)).transpose()?,
            entities: entities(rule, &parts, window_place, columns, &output, hunt)?,
            measure: measured(&parts),
            output,
            grouped: grouped.inner().clone(),
            input: input.inner().clone(),
            meaning: xxh3_64(meaning.as_bytes()),
            words,
        })
    }
}

fn below_keys(aggregate: &Aggregate, window_place: usize) -> impl Iterator<Item = &Expr> {
    let keys = aggregate.group_expr.iter().enumerate();
    keys.filter(move |(place, _)| *place != window_place)
        .map(|(_, key)| key)
}

/// The window of a rule, and its place in `group by`.
fn window_of(aggregate: &Aggregate, statement: &Rewritten) -> Result<(usize, Window), Refused> {
    let mut found = None;
    for (place, expr) in aggregate.group_expr.iter().enumerate() {
        if matches!(expr, Expr::GroupingSet(_)) {
            return Err(Refused::new(
                "`grouping sets`, `cube` and `rollup` cannot be used in a rule",
            ));
        }
        let Some(window) = Window::of(expr) else {
            continue;
        };
        let at = FUNCTIONS.iter().find_map(|(name, _)| statement.find(name));
        let refused = |message: String| Refused { message, offset: at };
        let window = window.map_err(refused)?;
        if found.is_some() {
            return Err(refused(
                "a rule has one window; `group by` has several".to_owned(),
            ));
        }
        found = Some((place, window));
    }
    let usage: Vec<String> = FUNCTIONS.iter().map(|(_, usage)| format!("`{usage}`")).collect();
    found.ok_or_else(|| Refused {
        message: format!("{NO_WINDOW}: {}", usage.join(", ")),
        offset: statement.find("group"),
    })
}

/// Refuses what cannot be worked out event by event.
fn check(expr: &Expr, statement: &Rewritten) -> Result<(), Refused> {
    let mut refused = None;
    expr.apply(|expr| {
        let problem = match expr {
            Expr::ScalarFunction(call) if FUNCTIONS.iter().any(|(name, _)| *name == call.func.name()) => Some((
                format!("`{0}` stands in `group by`, and in `select` the same way; this is another `{0}`", call.func.name()),
                statement.find(call.func.name()),
            )),
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => Some((
                format!(
                    "`{}` gives something else each time; windows go by the time of events",
                    call.func.name()
                ),
                statement.find(call.func.name()),
            )),
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                Some(("a rule reads one table; subqueries cannot be used".to_owned(), None))
            }
            Expr::WindowFunction(_) => Some((
                "`over (…)` cannot be used in a rule; its window is `tumble`, `hop` or `session` in `group by`".to_owned(),
                statement.find("over"),
            )),
            _ => None,
        };
        Ok(match problem {
            Some((message, offset)) => {
                refused = Some(Refused { message, offset });
                TreeNodeRecursion::Stop
            }
            None => TreeNodeRecursion::Continue,
        })
    })?;
    refused.map_or(Ok(()), Err)
}

/// The columns of `all` that the expressions name.
fn input_schema<'e>(all: &DFSchema, exprs: impl Iterator<Item = &'e Expr>) -> Result<DFSchema, Refused> {
    let named: BTreeSet<&str> = exprs
        .flat_map(Expr::column_refs)
        .map(|column| column.name.as_str())
        .collect();
    let fields = all
        .iter()
        .filter(|(_, field)| named.contains(field.name().as_str()));
    let fields = fields.map(|(qualifier, field)| (qualifier.cloned(), field.clone()));
    Ok(DFSchema::new_with_metadata(fields.collect(), Default::default())?)
}

/// An aggregate, if what it gives does not depend on the order of events.
fn measure(
    expr: &Expr,
    window: Window,
    input: &DFSchema,
    state: &SessionState,
    statement: &Rewritten,
) -> Result<Measure, Refused> {
    let bare = expr.clone().unalias_nested().data;
    let Expr::AggregateFunction(call) = &bare else {
        return Err(Refused::new(format!("`{expr}` is no aggregate")));
    };
    let name = call.func.name().to_owned();
    let refused = |message: String| Refused {
        message,
        offset: statement.find(&name),
    };
    let is_float = |argument: &Expr| -> Result<bool, DataFusionError> {
        let mut inner = argument;
        while let Expr::Cast(cast) = inner {
            inner = &cast.expr;
        }
        Ok(inner.get_type(input)?.is_floating())
    };
    match name.as_str() {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor"
        | "approx_distinct" | "median" => {}
        "sum" | "avg" => {
            for argument in &call.params.args {
                if is_float(argument)? {
                    return Err(refused(format!(
                        "`{name}` of fractions depends in its last digits on the order of events; make whole numbers of them: `{name}(cast(x * 1000 as bigint))`"
                    )));
                }
            }
        }
        _ => {
            return Err(refused(format!(
                "`{name}` cannot be used in a rule: what it gives depends on the order in which events come. There are count, sum, avg, min, max, median, approx_distinct, bool_and, bool_or, bit_and, bit_or, bit_xor"
            )));
        }
    }
    if !call.params.order_by.is_empty() {
        return Err(refused(format!(
            "`{name}` gives the same in any order, leave out its `order by`"
        )));
    }
    let planning = PhysicalPlanningContext::default();
    let lowered =
        LoweredAggregateBuilder::new(expr, input, input.as_arrow(), state.execution_props(), &planning)
            .build()?;
    if matches!(window, Window::Slide { .. }) {
        let sliding = lowered.aggregate.create_sliding_accumulator();
        if !sliding.is_ok_and(|accumulator| accumulator.supports_retract_batch()) {
            return Err(refused(format!(
                "`{name}` cannot take events out of a window again, as `slide` needs it; use `hop`"
            )));
        }
    }
    Ok(Measure {
        arguments: lowered.aggregate.expressions(),
        condition: lowered.filter,
        expr: lowered.aggregate,
    })
}
