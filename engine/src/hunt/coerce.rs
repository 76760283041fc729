//! Comparisons that people write and SQL would refuse, or answer wrongly.
//!
//! Codes are stored as text because some producers use words, yet everybody writes
//! `event_code = 4625`; DataFusion would turn the *column* into a number, which fails at the first word
//! and keeps Parquet statistics from being used. Here the *literal* becomes text. Ordering comparisons
//! (`event_code > 4000`) do look at the numbers; what is none is null.
//!
//! List columns (`event_category`) compare like the scalars they would have been: `= 'process'` holds if
//! any element is equal.
//!
//! This runs on the plan before DataFusion's own type coercion.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_nested::expr_fn::{array_has, array_has_any, make_array};
use datafusion::logical_expr::expr::{Between, InList, Like};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast, lit, not, try_cast,
};

/// Rewrites every expression of `plan` (and of its subqueries).
pub(crate) fn coerce(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            expr.transform_up(|e| rewrite(e, &schema))
                .map(|done| done.update_data(|e| name.restore(e)))
        })?
        .map_data(|plan| plan.recompute_schema())
    })
    .map(|done| done.data)
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            match binary(&left, op, &right, schema) {
                Some(better) => Transformed::yes(better),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            }
        }
        Expr::InList(list) => match in_list(&list, schema) {
            Some(better) => Transformed::yes(better),
            None => Transformed::no(Expr::InList(list)),
        },
        Expr::Between(Between {
            expr,
            negated,
            low,
            high,
        }) if is_text(&expr, schema) && is_number(&low) && is_number(&high) => {
            let number = try_cast(*expr, number_type(&[&low, &high]));
            Transformed::yes(Expr::Between(Between::new(Box::new(number), negated, low, high)))
        }
        Expr::Like(like) if like_needs_text(&like, schema) => {
            let text = cast(*like.expr, DataType::Utf8View);
            Transformed::yes(Expr::Like(Like {
                expr: Box::new(text),
                ..like
            }))
        }
        other => Transformed::no(other),
    })
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        op,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

fn binary(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Option<Expr> {
    if let Some(better) = one_side(left, op, right, schema) {
        return Some(better);
    }
    one_side(right, op.swap()?, left, schema)
}

fn one_side(column: &Expr, op: Operator, other: &Expr, schema: &DFSchema) -> Option<Expr> {
    let comparison = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr {
            left: Box::new(left),
            op,
            right: Box::new(right),
        })
    };
    if matches!(column, Expr::Literal(..)) {
        return None;
    }
    if is_text(column, schema) && is_number(other) {
        let equality = !matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
        return match whole_number(other) {
            Some(text) if equality => Some(comparison(column.clone(), lit(text))),
            _ => Some(comparison(
                try_cast(column.clone(), number_type(&[other])),
                other.clone(),
            )),
        };
    }
    if is_list(column, schema) && is_text(other, schema) {
        let any = array_has(column.clone(), other.clone());
        return match op {
            Operator::Eq => Some(any),
            Operator::NotEq => Some(not(any)),
            _ => None,
        };
    }
    None
}

fn in_list(list: &InList, schema: &DFSchema) -> Option<Expr> {
    let negate = |expr: Expr| if list.negated { not(expr) } else { expr };
    if is_text(&list.expr, schema) && list.list.iter().any(is_number) {
        let items = list
            .list
            .iter()
            .map(|item| match whole_number(item) {
                Some(text) => lit(text),
                None => item.clone(),
            })
            .collect();
        return Some(Expr::InList(InList::new(list.expr.clone(), items, list.negated)));
    }
    if is_list(&list.expr, schema) {
        let items = make_array(list.list.clone());
        return Some(negate(array_has_any((*list.expr).clone(), items)));
    }
    None
}

fn like_needs_text(like: &Like, schema: &DFSchema) -> bool {
    like.expr
        .get_type(schema)
        .is_ok_and(|t| t.is_numeric() || matches!(t, DataType::Boolean))
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    fn text(data_type: &DataType) -> bool {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
            DataType::Dictionary(_, values) => text(values),
            _ => false,
        }
    }
    expr.get_type(schema).is_ok_and(|t| text(&t))
}

fn is_list(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema)
        .is_ok_and(|t| matches!(t, DataType::List(_)))
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value),
        _ => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(inner) => is_number(inner),
        _ => literal(expr).is_some_and(|value| value.data_type().is_numeric()),
    }
}

/// The decimal text of a whole number.
fn whole_number(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Negative(inner) => whole_number(inner).map(|text| format!("-{text}")),
        _ => literal(expr)
            .filter(|value| value.data_type().is_integer())
            .map(ToString::to_string),
    }
}

fn number_type(literals: &[&Expr]) -> DataType {
    if literals.iter().all(|e| whole_number(e).is_some()) {
        DataType::Int64
    } else {
        DataType::Float64
    }
}
