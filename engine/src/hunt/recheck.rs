//! Stored tables whose filters are checked again above the scan.
//!
//! A filter goes down to the Parquet reader so that files, row groups, pages and rows can be skipped. But
//! whether the reader *can* run it on rows is decided file by file, when the expression has been adapted
//! to the columns of that file: what looked at a list column beside another one may turn out to look at
//! the list alone, and such a filter is left out without a word (DataFusion 55, found by the shared
//! rule cases). The Delta provider, too, promises to apply every filter exactly. So nobody here is
//! believed: filters are hints to the scan, and a filter above it looks at the few rows that come back.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties};

/// A table whose filters are hints.
#[derive(Debug)]
pub(super) struct Rechecked {
    inner: Arc<dyn TableProvider>,
}

impl Rechecked {
    pub(super) fn new(inner: Arc<dyn TableProvider>) -> Self {
        Rechecked { inner }
    }
}

#[async_trait]
impl TableProvider for Rechecked {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = self.inner.supports_filters_pushdown(filters)?;
        Ok(support
            .into_iter()
            .map(|support| match support {
                TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
                other => other,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = self.inner.scan(state, projection, filters, limit).await?;
        Ok(Arc::new(KeepFilters { input }))
    }
}

/// Passes rows through, and keeps the filter above it from being moved below it. Filters that grow while a
/// query runs (those of joins and of `limit`) do pass: they are hints from the first.
#[derive(Debug)]
struct KeepFilters {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for KeepFilters {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepFilters")
    }
}

impl ExecutionPlan for KeepFilters {
    fn name(&self) -> &str {
        "KeepFilters"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Arc::new(KeepFilters { input })),
            _ => Err(DataFusionError::Internal("KeepFilters has one input".into())),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn gather_filters_for_pushdown(
        &self,
        phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        match phase {
            FilterPushdownPhase::Pre => Ok(FilterDescription::all_unsupported(
                &parent_filters,
                &self.children(),
            )),
            FilterPushdownPhase::Post => FilterDescription::from_children(parent_filters, &self.children()),
        }
    }
}
