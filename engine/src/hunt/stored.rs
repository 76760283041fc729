//! Stored events in order of time, for those who look at events rather than at tables.

use std::sync::Arc;

use borzoi_parsers::catalog::{Catalog, Dataset};
use borzoi_rules::ir::DetectionRule;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit};
use datafusion::physical_plan::execute_stream;

use super::derived::{self, Made};
use super::error::HuntError;
use super::recheck::Rechecked;
use super::tables::{DAY, StoredTable};
use super::{Hunt, lower, running};

/// What is read of a stored table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// Only events that satisfy this.
    pub(crate) condition: Option<Expr>,
    /// Only those at or after this time, in microseconds.
    pub(crate) from: Option<i64>,
    /// Only those before this time.
    pub(crate) to: Option<i64>,
    /// Only those of this day (since 1970).
    pub(crate) day: Option<i32>,
}

impl Hunt {
    /// The stored tables, those of alerts included.
    pub(crate) fn stored(&self) -> &[StoredTable] {
        &self.stored
    }

    /// What is known of datasets.
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What the events of a table that match any of `rules` have in common.
    ///
    /// # Errors
    /// [`HuntError::Rule`] if one of them cannot be asked of storage.
    pub(crate) fn condition_of(
        &self,
        table: &StoredTable,
        dataset: &Arc<Dataset>,
        rules: &[Arc<DetectionRule>],
    ) -> std::result::Result<Expr, HuntError> {
        let stored = table.provider.schema();
        let made = derived::made(&stored, dataset, &self.own_networks);
        let schema = derived::with_made(&stored, &made);
        let mut any = Vec::new();
        for rule in rules {
            any.extend(lower::lower(rule, dataset, &schema)?);
        }
        let failed = |error: datafusion::common::DataFusionError| HuntError::Execution(error.to_string());
        over_stored(lower::any_of(any), &made).map_err(failed)
    }

    /// The events of a part of a table, with all stored columns but the day, in order of time. Sorting spills to disk where
    /// memory is short.
    ///
    /// # Errors
    /// If it cannot be planned; errors of reading come from the stream.
    pub(crate) async fn in_time_order(
        &self,
        table: &StoredTable,
        part: Part,
    ) -> std::result::Result<SendableRecordBatchStream, HuntError> {
        let run = async {
            let source = provider_as_source(Arc::new(Rechecked::new(table.provider.clone())));
            let mut plan = LogicalPlanBuilder::scan("stored", source, None)?;
            let conditions = [
                part.day
                    .map(|day| col(DAY).eq(lit(ScalarValue::Date32(Some(day))))),
                within(part.from, part.to),
                part.condition,
            ];
            if let Some(all) = conditions.into_iter().flatten().reduce(Expr::and) {
                plan = plan.filter(all)?;
            }
            let stored = table.provider.schema();
            let own = stored.fields().iter().filter(|field| field.name() != DAY);
            let own = own.map(|field| Expr::Column(Column::from_name(field.name())));
            let plan = plan
                .project(own.collect::<Vec<_>>())?
                .sort([col("time").sort(true, false)])?
                .build()?;
            let plan = self.context.state().create_physical_plan(&plan).await?;
            execute_stream(plan, self.context.task_ctx())
        };
        run.await.map_err(running)
    }
}

/// Whether an event is at or after `from` and before `to`, in microseconds; `None`: any is.
pub(super) fn within(from: Option<i64>, to: Option<i64>) -> Option<Expr> {
    let instant = |micros| {
        lit(ScalarValue::TimestampMicrosecond(
            Some(micros),
            Some("UTC".into()),
        ))
    };
    let from = from.map(|from| col("time").gt_eq(instant(from)));
    let to = to.map(|to| col("time").lt(instant(to)));
    from.into_iter().chain(to).reduce(Expr::and)
}

/// The expression with what derived columns are made of in their place.
fn over_stored(condition: Expr, made: &[Made]) -> Result<Expr> {
    let replaced = condition.transform_up(|part| {
        let Expr::Column(column) = &part else {
            return Ok(Transformed::no(part));
        };
        match made.iter().find(|made| *made.field.name() == column.name) {
            Some(made) => Ok(Transformed::yes(made.expr.clone())),
            None => Ok(Transformed::no(part)),
        }
    });
    Ok(replaced?.data)
}
