//! Columns that the lake does not hold because they are functions of columns that it holds.
//!
//! A stored table shows them as any other; they are worked out for the rows that a query reads, if it names them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use borzoi_parsers::batch::{DERIVED, DOTTED_NAME};
use borzoi_parsers::catalog::Dataset;
use borzoi_parsers::enrich::{Family, Network, columns};
use datafusion::common::Column;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast};

use super::functions::derived::{function, type_of};
use super::tables::visible_type;

/// A derived column of a stored table: how it shows, and the expression over stored columns that makes it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) field: Field,
    pub(crate) expr: Expr,
}

/// The derived columns of a table of `dataset` with these stored columns.
pub(crate) fn made(stored: &Schema, dataset: &Dataset, own_networks: &Arc<[Network]>) -> Vec<Made> {
    let mut found: Vec<Made> = Vec::new();
    for derived in columns() {
        let arguments: Vec<Expr> = derived
            .from_sql
            .iter()
            .filter_map(
                |sql| match found.iter().find(|made| *made.field.name() == **sql) {
                    Some(made) => Some(made.expr.clone()),
                    None => text(stored, sql),
                },
            )
            .collect();
        let enough = match derived.family {
            Family::Direction => arguments.len() == derived.from.len(),
            _ => !arguments.is_empty(),
        };
        if !enough || !derived.is_open_in(dataset) {
            continue;
        }
        let function = function(derived, own_networks);
        let expr = match derived.family {
            Family::Direction => function.call(arguments),
            _ => {
                let mut each = arguments
                    .into_iter()
                    .map(|argument| function.call(vec![argument]));
                match (each.next(), each.collect::<Vec<_>>()) {
                    (Some(one), more) if more.is_empty() => one,
                    (first, more) => coalesce(first.into_iter().chain(more).collect()),
                }
            }
        };
        let data_type = type_of(derived);
        let mut metadata = HashMap::from([(DOTTED_NAME.to_owned(), derived.column.dotted.to_string())]);
        // What an event says itself stays.
        let expr = match stored.field_with_name(&derived.column.sql) {
            Ok(own) if visible_type(own.data_type()) == data_type => {
                let own = Expr::Column(Column::from_name(own.name()));
                coalesce(vec![cast(own, data_type.clone()), expr])
            }
            Ok(_) => continue,
            Err(_) => {
                metadata.insert(DERIVED.to_owned(), "true".to_owned());
                expr
            }
        };
        found.push(Made {
            field: Field::new(&*derived.column.sql, data_type, true).with_metadata(metadata),
            expr,
        });
    }
    found
}

/// A stored column of texts.
fn text(stored: &Schema, sql: &str) -> Option<Expr> {
    let field = stored.field_with_name(sql).ok()?;
    (visible_type(field.data_type()) == DataType::Utf8View).then(|| Expr::Column(Column::from_name(sql)))
}

/// The stored columns with the derived ones.
pub(crate) fn with_made(stored: &Schema, made: &[Made]) -> Schema {
    let is_made = |field: &Field| made.iter().any(|made| made.field.name() == field.name());
    let own = stored.fields().iter().filter(|field| !is_made(field)).cloned();
    let more = made.iter().map(|made| made.field.clone().into());
    Schema::new(own.chain(more).collect::<Fields>())
}
