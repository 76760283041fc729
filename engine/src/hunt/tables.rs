//! The tables that a hunter sees, made from the tables that the lake stores.
//!
//! A stored table holds the events of one tenant and one dataset, with the columns that its events
//! happened to have. A visible table is a union of stored ones by column name, with the catalog's
//! declared columns added, so that a query over something that has not arrived yet finds nothing instead
//! of failing.
//!
//! [`UnionTable`] plans its scan late: only when it knows which columns and which filters a query needs
//! does it build one projection per member and hand the lot to the optimiser. A member without the
//! column of a filter then folds to nothing, `tenant` and `dataset` are constants that prune whole
//! members, and what is left of the filters reaches the Parquet readers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use borzoi_parsers::batch::DOTTED_NAME;
use borzoi_parsers::catalog::{Catalog, ColumnType, Dataset, STANDARD_COLUMNS, UNMAPPED};
use borzoi_parsers::enrich::{Family, Network, columns};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions_nested::expr_fn::array_to_string;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, lit};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::derived::{self, Made};
use super::functions::derived::type_of;
use super::recheck::Rechecked;
use crate::alert_table::alert_batch;

/// Name of the partition column.
pub(crate) const DAY: &str = "day";

/// One stored table: the events of one tenant and one dataset.
#[derive(Debug, Clone)]
pub struct StoredTable {
    /// Whose events.
    pub tenant: Arc<str>,
    /// Dotted name of the dataset, or `alerts`.
    pub dataset: Arc<str>,
    /// The rows.
    pub provider: Arc<dyn TableProvider>,
}

/// A column of a visible table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Name in SQL.
    pub sql: Arc<str>,
    /// Dotted name.
    pub dotted: Arc<str>,
    /// Type.
    pub data_type: DataType,
}

impl TableColumn {
    /// Its type in a word, as the catalog says it.
    pub fn type_name(&self) -> &'static str {
        match &self.data_type {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text",
            data_type if data_type.is_integer() => "integer",
            data_type if data_type.is_floating() => "float",
            DataType::Boolean => "boolean",
            DataType::Timestamp(..) => "timestamp",
            DataType::Date32 => "date",
            DataType::List(_) => "list",
            _ => "other",
        }
    }
}

/// One part of a [`UnionTable`].
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) stored: StoredTable,
    /// Only rows for which this holds (over the stored columns) take part.
    pub(crate) condition: Option<Expr>,
    /// Columns whose value is the same in every row of the member.
    pub(crate) constants: BTreeMap<String, ScalarValue>,
    /// Columns that are made of stored ones.
    made: Vec<Made>,
}

impl Member {
    pub(crate) fn new(
        stored: StoredTable,
        dataset: Option<&Arc<Dataset>>,
        own_networks: &Arc<[Network]>,
    ) -> Self {
        let made = dataset.map(|dataset| derived::made(&stored.provider.schema(), dataset, own_networks));
        let constants = BTreeMap::from([
            ("tenant".to_owned(), ScalarValue::from(&*stored.tenant)),
            ("dataset".to_owned(), ScalarValue::from(&*stored.dataset)),
        ]);
        Member {
            stored,
            condition: None,
            constants,
            made: made.unwrap_or_default(),
        }
    }

    /// Its columns: the stored and the derived ones.
    pub(crate) fn schema(&self) -> Schema {
        derived::with_made(&self.stored.provider.schema(), &self.made)
    }

    /// Its column of this name.
    fn field(&self, name: &str) -> Option<Field> {
        match self.made.iter().find(|made| made.field.name() == name) {
            Some(made) => Some(made.field.clone()),
            None => self.stored.provider.schema().field_with_name(name).cloned().ok(),
        }
    }

    /// Adds those derived columns to a scan of the stored ones that are asked for.
    fn with_made(
        &self,
        scan: LogicalPlanBuilder,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<LogicalPlanBuilder> {
        let asked: Vec<&Made> = self
            .made
            .iter()
            .filter(|made| is_asked(made.field.name()))
            .collect();
        if asked.is_empty() {
            return Ok(scan);
        }
        let stored = self.stored.provider.schema();
        let own = stored.fields().iter().map(|field| field.name());
        let own = own
            .filter(|name| asked.iter().all(|made| made.field.name() != *name))
            .map(|name| Expr::Column(Column::from_name(name)));
        let more = asked
            .iter()
            .map(|made| made.expr.clone().alias(made.field.name()));
        scan.project(own.chain(more).collect::<Vec<_>>())
    }
}

/// A union of stored tables by column name. See the [module](self).
#[derive(Debug)]
pub(crate) struct UnionTable {
    pub(crate) name: String,
    pub(crate) columns: Vec<TableColumn>,
    pub(crate) members: Vec<Member>,
    /// The datasets behind it, for native names.
    pub(crate) datasets: Vec<Arc<Dataset>>,
    schema: SchemaRef,
}

impl UnionTable {
    pub(crate) fn new(
        name: impl Into<String>,
        columns: Vec<TableColumn>,
        members: Vec<Member>,
        datasets: Vec<Arc<Dataset>>,
    ) -> Self {
        let schema = Arc::new(Schema::new(
            columns
                .iter()
                .map(|column| {
                    Field::new(&*column.sql, column.data_type.clone(), true).with_metadata(
                        std::collections::HashMap::from([(
                            DOTTED_NAME.to_owned(),
                            column.dotted.to_string(),
                        )]),
                    )
                })
                .collect::<Fields>(),
        ));
        UnionTable {
            name: name.into(),
            columns,
            members,
            datasets,
            schema,
        }
    }

    /// What a member has to say for `field` of the union.
    fn member_value(&self, member: &Member, field: &Field) -> Expr {
        let target = field.data_type();
        let value = match member.constants.get(field.name()) {
            Some(constant) => cast_unless(lit(constant.clone()), &constant.data_type(), target),
            None => match member.field(field.name()) {
                Some(stored) => {
                    let column = Expr::Column(Column::from_name(field.name()));
                    match (stored.data_type(), target) {
                        (DataType::List(_) | DataType::LargeList(_), DataType::Utf8View) => {
                            cast(array_to_string(column, lit(", ")), target.clone())
                        }
                        (have, want) => cast_unless(column, have, want),
                    }
                }
                None => lit(ScalarValue::try_from(target).unwrap_or(ScalarValue::Null)),
            },
        };
        value.alias(field.name())
    }
}

fn cast_unless(expr: Expr, have: &DataType, want: &DataType) -> Expr {
    if have == want {
        expr
    } else {
        cast(expr, want.clone())
    }
}

#[async_trait]
impl TableProvider for UnionTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| {
                if filter.is_volatile() || has_subquery(filter) {
                    TableProviderFilterPushDown::Unsupported
                } else {
                    TableProviderFilterPushDown::Exact
                }
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
        let output: Vec<usize> = match projection {
            Some(indices) => indices.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let output_schema = Arc::new(self.schema.project(&output)?);
        if self.members.is_empty() {
            return Ok(Arc::new(EmptyExec::new(output_schema)));
        }
        let filters: Vec<Expr> = filters.iter().cloned().map(unqualified).collect::<Result<_>>()?;
        let mut needed: BTreeSet<usize> = output.iter().copied().collect();
        for column in filters.iter().flat_map(|filter| filter.column_refs()) {
            needed.insert(self.schema.index_of(&column.name)?);
        }
        // A plan needs a column to have rows; the first is `time`, which every table has.
        if needed.is_empty() {
            needed.insert(0);
        }
        let mut union: Option<LogicalPlanBuilder> = None;
        for (position, member) in self.members.iter().enumerate() {
            let source = provider_as_source(Arc::new(Rechecked::new(member.stored.provider.clone())));
            let scan_name = format!("{}_{position}", self.name);
            let mut part = LogicalPlanBuilder::scan(scan_name, source, None)?;
            let asked = member.condition.iter().flat_map(Expr::column_refs);
            let asked: BTreeSet<&str> = asked.map(|column| column.name.as_str()).collect();
            let is_needed = |name: &str| {
                let needed = self
                    .schema
                    .index_of(name)
                    .is_ok_and(|index| needed.contains(&index));
                needed || asked.contains(name)
            };
            part = member.with_made(part, is_needed)?;
            if let Some(condition) = &member.condition {
                part = part.filter(condition.clone())?;
            }
            let values = needed
                .iter()
                .map(|&index| self.member_value(member, self.schema.field(index)));
            let part = part.project(values)?;
            union = Some(match union {
                None => part,
                Some(before) => before.union(part.build()?)?,
            });
        }
        let mut plan = union.ok_or_else(|| DataFusionError::Internal("a union of nothing".into()))?;
        if let Some(all) = filters.into_iter().reduce(Expr::and) {
            plan = plan.filter(all)?;
        }
        if limit.is_some() {
            plan = plan.limit(0, limit)?;
        }
        let plan = state.create_physical_plan(&plan.build()?).await?;
        // Exactly the declared schema, whatever a member's files carry as metadata or nullability.
        let input_schema = plan.schema();
        let columns = output
            .iter()
            .map(|&index| {
                let name = self.schema.field(index).name();
                let column = PhysicalColumn::new(name, input_schema.index_of(name)?);
                Ok(ProjectionExpr::new(
                    Arc::new(column) as Arc<dyn PhysicalExpr>,
                    name.clone(),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new_with_schema_metadata(
            columns,
            plan,
            &output_schema,
        )?))
    }
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|e| {
        Ok(matches!(
            e,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..)
        ))
    })
    .unwrap_or(true)
}

fn unqualified(expr: Expr) -> Result<Expr> {
    expr.transform_up(|e| {
        Ok(match e {
            Expr::Column(column) if column.relation.is_some() => {
                Transformed::yes(Expr::Column(Column::from_name(column.name)))
            }
            other => Transformed::no(other),
        })
    })
    .map(|done| {
        debug_assert!(done.tnr != TreeNodeRecursion::Stop);
        done.data
    })
}

/// How a stored or declared type shows in visible tables.
pub(crate) fn visible_type(stored: &DataType) -> DataType {
    match stored {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
        DataType::Dictionary(_, values) => visible_type(values),
        DataType::List(item) | DataType::LargeList(item) => {
            DataType::List(Arc::new(Field::new("item", visible_type(item.data_type()), true)))
        }
        other => other.clone(),
    }
}

pub(crate) fn declared_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Keyword => DataType::Utf8View,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::List => DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true))),
    }
}

/// The type that takes values of both: themselves where they agree, a float for numbers, text else.
fn reconcile(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        _ if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        _ if a.is_numeric() && b.is_numeric() => DataType::Float64,
        (DataType::Timestamp(..), DataType::Timestamp(..)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        _ => DataType::Utf8View,
    }
}

/// Collects the columns of a visible table: standard ones first, then in order of their names, then
/// `unmapped` and `day`.
#[derive(Debug, Default)]
pub(crate) struct ColumnCollector {
    found: BTreeMap<String, (Arc<str>, DataType, bool)>,
}

impl ColumnCollector {
    fn add(&mut self, sql: &str, dotted: &str, data_type: DataType, stored: bool) {
        match self.found.get_mut(sql) {
            None => {
                self.found
                    .insert(sql.to_owned(), (Arc::from(dotted), data_type, stored));
            }
            Some((_, known, known_stored)) => {
                // What is stored decides over what is declared.
                *known = match (*known_stored, stored) {
                    (false, true) => data_type,
                    (true, false) => known.clone(),
                    _ => reconcile(known, &data_type),
                };
                *known_stored |= stored;
            }
        }
    }

    /// The columns that the catalog declares for a dataset.
    pub(crate) fn declared(&mut self, dataset: &Dataset) {
        for field in &dataset.fields {
            let column = &field.column;
            self.add(
                &column.sql,
                &column.dotted,
                declared_type(column.column_type),
                false,
            );
        }
    }

    /// The columns that a stored table has.
    pub(crate) fn stored(&mut self, table: &StoredTable) {
        self.fields(&table.provider.schema(), true);
    }

    /// The columns that are made of those collected so far, in events of a dataset.
    pub(crate) fn derived(&mut self, dataset: &Dataset) {
        for derived in columns() {
            let has = |sql: &Arc<str>| self.found.contains_key(&**sql);
            let enough = match derived.family {
                Family::Direction => derived.from_sql.iter().all(has),
                _ => derived.from_sql.iter().any(has),
            };
            let column = &derived.column;
            if enough && !has(&column.sql) && derived.is_open_in(dataset) {
                let data_type = type_of(derived);
                self.add(&column.sql, &column.dotted, data_type, false);
            }
        }
    }

    fn fields(&mut self, schema: &Schema, stored: bool) {
        for field in schema.fields() {
            let dotted = field
                .metadata()
                .get(DOTTED_NAME)
                .map_or(field.name().as_str(), String::as_str);
            self.add(field.name(), dotted, visible_type(field.data_type()), stored);
        }
    }

    /// Keeps only columns for which `keep(sql, dotted)` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.found.retain(|sql, (dotted, _, _)| keep(sql, dotted));
    }

    /// All collected columns, with those that every table has.
    pub(crate) fn finish(mut self) -> Vec<TableColumn> {
        let mut columns = Vec::with_capacity(self.found.len() + STANDARD_COLUMNS.len());
        for (sql, dotted, column_type) in STANDARD_COLUMNS {
            self.found.remove(*sql);
            columns.push(TableColumn {
                sql: Arc::from(*sql),
                dotted: Arc::from(*dotted),
                data_type: declared_type(*column_type),
            });
        }
        for (sql, data_type) in [(UNMAPPED, DataType::Utf8View), (DAY, DataType::Date32)] {
            self.add(sql, sql, data_type, false);
        }
        let last: Vec<_> = [UNMAPPED, DAY]
            .iter()
            .filter_map(|sql| self.found.remove_entry(*sql))
            .collect();
        columns.extend(
            self.found
                .into_iter()
                .chain(last)
                .map(|(sql, (dotted, data_type, _))| TableColumn {
                    sql: Arc::from(sql),
                    dotted,
                    data_type,
                }),
        );
        columns
    }
}

/// All visible tables over what is stored: one per dataset, the groups, `events` and `alerts`.
pub(crate) fn visible_tables(
    catalog: &Catalog,
    stored: &[StoredTable],
    own_networks: &Arc<[Network]>,
) -> Vec<UnionTable> {
    let mut tables = Vec::new();
    let always = |_: &str, _: &str| true;
    let is_alerts = |table: &&StoredTable| &*table.dataset == ALERTS;
    let (alerts, events): (Vec<&StoredTable>, Vec<&StoredTable>) = stored.iter().partition(is_alerts);

    let mut names: Vec<Arc<str>> = catalog.datasets().iter().map(|d| d.name.clone()).collect();
    for table in &events {
        if !names.contains(&table.dataset) {
            names.push(table.dataset.clone());
        }
    }
    for name in &names {
        let members: Vec<&StoredTable> = events.iter().copied().filter(|t| t.dataset == *name).collect();
        let datasets: Vec<_> = catalog.dataset(name).cloned().into_iter().collect();
        let name = name.replace('.', "_");
        tables.push(union_of(&name, &members, datasets, own_networks, always));
    }

    let groups: BTreeSet<&String> = catalog.datasets().iter().flat_map(|d| &d.groups).collect();
    for group in groups {
        let datasets: Vec<_> = catalog
            .datasets()
            .iter()
            .filter(|d| d.groups.contains(group))
            .cloned()
            .collect();
        let members: Vec<&StoredTable> = events
            .iter()
            .copied()
            .filter(|t| datasets.iter().any(|d| d.name == t.dataset))
            .collect();
        // A dataset may be called like its group; then the dataset's own table wins.
        if tables.iter().all(|t| t.name != *group) {
            tables.push(union_of(group, &members, datasets, own_networks, always));
        }
    }

    let types = catalog.types();
    let ecs = |sql: &str, dotted: &str| sql == UNMAPPED || sql == DAY || types.get(dotted).is_some();
    let all = catalog.datasets().to_vec();
    tables.push(union_of("events", &events, all, own_networks, ecs));

    let mut columns = ColumnCollector::default();
    // What `alerts` has even before the first one.
    columns.fields(&alert_batch(&[], 0).schema(), false);
    for table in &alerts {
        columns.stored(table);
    }
    let members = alerts
        .into_iter()
        .map(|table| {
            let mut member = Member::new(table.clone(), None, own_networks);
            // The alert's own `dataset` says what wrote the event.
            member.constants.remove("dataset");
            member
        })
        .collect();
    tables.push(UnionTable::new(ALERTS, columns.finish(), members, Vec::new()));
    tables
}

/// Name of the table of alerts.
pub(crate) const ALERTS: &str = "alerts";

pub(crate) fn union_of(
    name: &str,
    members: &[&StoredTable],
    datasets: Vec<Arc<Dataset>>,
    own_networks: &Arc<[Network]>,
    keep: impl Fn(&str, &str) -> bool,
) -> UnionTable {
    let mut columns = ColumnCollector::default();
    for dataset in &datasets {
        columns.declared(dataset);
    }
    for table in members {
        columns.stored(table);
    }
    for dataset in &datasets {
        columns.derived(dataset);
    }
    columns.retain(keep);
    let dataset_of = |table: &StoredTable| datasets.iter().find(|dataset| dataset.name == table.dataset);
    let members = members
        .iter()
        .map(|&table| Member::new(table.clone(), dataset_of(table), own_networks))
        .collect();
    UnionTable::new(name, columns.finish(), members, datasets)
}

/// Name of the table of events that match the rules of a hunt.
pub(crate) const MATCHES: &str = "matches";

/// The union of `members`, each of which says which rule it is for.
pub(crate) fn matches(members: Vec<Member>, datasets: Vec<Arc<Dataset>>) -> UnionTable {
    let mut columns = ColumnCollector::default();
    for dataset in &datasets {
        columns.declared(dataset);
    }
    for member in &members {
        columns.stored(&member.stored);
    }
    for dataset in &datasets {
        columns.derived(dataset);
    }
    let text = |sql: &str| TableColumn {
        sql: Arc::from(sql),
        dotted: Arc::from(sql.replace('_', ".")),
        data_type: DataType::Utf8View,
    };
    let mut all = columns.finish();
    // `time` stays first; who found it comes next.
    for (position, sql) in ["rule_title", "rule_level", "rule_id"].into_iter().enumerate() {
        all.retain(|column| *column.sql != *sql);
        all.insert(position + 1, text(sql));
    }
    UnionTable::new(MATCHES, all, members, datasets)
}
