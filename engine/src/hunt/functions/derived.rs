//! Derived columns ([`borzoi_parsers::enrich`]) as functions of the columns that they are made of.

use std::sync::Arc;

use arrow::datatypes::DataType;
use borzoi_parsers::catalog::ColumnType;
use borzoi_parsers::enrich::{DerivedColumn, Family, Network, direction_between};
use datafusion::logical_expr::ScalarUDF;

use super::function::text_function;
use super::values::{arrays, finish, over_argument, over_pairs};

/// The type of a derived column in answers.
pub(crate) fn type_of(derived: &DerivedColumn) -> DataType {
    match derived.column.column_type {
        ColumnType::Integer => DataType::Int64,
        _ => DataType::Utf8View,
    }
}

/// The function that makes the column, of one text or, for a direction, of two addresses: seen from the private networks
/// and `own`.
pub(crate) fn function(derived: &'static DerivedColumn, own: &Arc<[Network]>) -> ScalarUDF {
    let name: &'static str = &derived.column.sql;
    match (derived.family, type_of(derived)) {
        (Family::Direction, gives) => {
            let own = own.clone();
            text_function(name, 2, gives, move |_, args| {
                let (arrays, scalar) = arrays(args)?;
                let way = |from: &str, to: &str| Ok(direction_between(from, to, &own).map(str::to_owned));
                finish(over_pairs(&arrays[0], &arrays[1], way)?, scalar)
            })
        }
        (_, DataType::Int64) => text_function(name, 1, DataType::Int64, move |_, args| {
            over_argument(args, |text| derived.of(text)?.parse::<i64>().ok())
        }),
        (_, gives) => text_function(name, 1, gives, move |_, args| {
            over_argument(args, |text| derived.of(text))
        }),
    }
}
