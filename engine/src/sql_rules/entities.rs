//! What the alerts of a rule are about, and how much of it there is.

use std::sync::Arc;

use borzoi_rules::sql::SqlRule;
use datafusion::logical_expr::{Aggregate, Expr};
use datafusion::physical_plan::PhysicalExpr;

use super::plan::{Parts, Refused};
use crate::alert_build::{About, about_column};
use crate::hunt::{Hunt, TableColumn, nearest};

/// A column of the output that says what an alert is about.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) name: String,
    /// Its place in the output.
    pub(super) column: usize,
    /// What it names.
    pub(super) about: Option<About>,
}

/// The expression without the names that it was given.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

/// The place among the groups' columns of what a column of the output is.
fn group_of(expr: &Expr, grouped: &Aggregate) -> Option<usize> {
    let Expr::Column(column) = bare(expr) else {
        return None;
    };
    let place = grouped.schema.maybe_index_of_column(column)?;
    (place < grouped.group_expr.len()).then_some(place)
}

/// The columns that say what an alert is about.
pub(super) fn entities(
    rule: &SqlRule,
    parts: &Parts<'_>,
    window_place: usize,
    columns: &[TableColumn],
    output: &[(String, Arc<dyn PhysicalExpr>)],
    hunt: &Hunt,
) -> Result<Vec<Entity>, Refused> {
    let exprs = &parts.projection.expr;
    let entity = |column: usize, name: &str| {
        let group = group_of(&exprs[column], parts.aggregate);
        let expr = group.and_then(|place| parts.aggregate.group_expr.get(place));
        let about = match expr.map(bare) {
            Some(Expr::Column(of)) => columns.iter().find(|known| *known.sql == *of.name),
            _ => None,
        };
        Entity {
            name: name.to_owned(),
            column,
            about: about.and_then(|known| about_column(&known.dotted)),
        }
    };
    let groups = |column: &usize| {
        let place = group_of(&exprs[*column], parts.aggregate);
        place.is_some_and(|place| place != window_place)
    };
    if rule.entities.is_empty() {
        let all: Vec<usize> = (0..exprs.len()).filter(|column| groups(column)).collect();
        let missing = parts.aggregate.group_expr.len() - 1;
        if all.len() < missing {
            return Err(Refused::new(
                "a column of `group by` is not selected, so alerts could not say what they are about; select it, or say in `entities` which are enough",
            ));
        }
        return Ok(all
            .into_iter()
            .map(|column| entity(column, &output[column].0))
            .collect());
    }
    rule.entities
        .iter()
        .map(|name| {
            let sql = hunt.column(parts.table, name);
            let sql = sql.unwrap_or_else(|| borzoi_parsers::names::sql_name(name).into());
            let mut own = output.iter();
            let own = own.position(|(known, _)| known == name);
            let or = || output.iter().position(|(known, _)| known.eq_ignore_ascii_case(&sql));
            let Some(column) = own.or_else(or) else {
                let near = nearest(name, output.iter().map(|(known, _)| known.as_str()));
                let near = match near.first() {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                return Err(Refused::new(format!("`entities` names `{name}`, which is not selected{near}")));
            };
            match groups(&column) {
                true => Ok(entity(column, name)),
                false => Err(Refused::new(format!(
                    "`entities` names `{name}`, which is no column of `group by`: it would be another one with every event"
                ))),
            }
        })
        .collect()
}

/// The first column of the output that is a number and no group.
pub(super) fn measured(parts: &Parts<'_>) -> Option<usize> {
    let exprs = parts.projection.expr.iter().zip(parts.projection.schema.fields());
    let mut numbers = exprs.enumerate().filter(|(_, (expr, field))| {
        group_of(expr, parts.aggregate).is_none() && field.data_type().is_numeric()
    });
    numbers.next().map(|(place, _)| place)
}
