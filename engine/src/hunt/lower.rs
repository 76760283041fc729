//! A Sigma rule as a DataFusion expression, so that it runs over history.
//!
//! The meaning is the matcher's ([`crate::matcher`]), and so are the parts that do the comparing; what
//! differs is how much of it the storage can answer. A literal without letters (`4625`) cannot differ in
//! case, so it becomes a plain `=`, for which Parquet statistics and bloom filters skip files, row groups
//! and pages. Everything else becomes a function over one column (see [`super::sigma`]), evaluated while
//! the other columns of the row are still undecoded.
//!
//! SQL's third truth value does not exist in Sigma: an absent field fails every comparison, and its
//! negation holds. Comparisons under a `not` are therefore wrapped in `IS TRUE`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use borzoi_parsers::catalog::{Dataset, UNMAPPED};
use borzoi_rules::ir::{Comparison, Condition, DetectionRule, Expression, LogSource, Matcher, Part, Pattern};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit, not};

use super::error::HuntError;
use super::sigma::{Question, SigmaFunction, Where};
use super::tables::DAY;
use crate::matcher::glob::Glob;
use crate::matcher::regexes::CompiledRegex;
use crate::matcher::single::Test;
use crate::matcher::values::{dotted_name, is_searched};
use crate::resolve::{FieldKey, Route, routes};

/// Whether a log source reaches into a dataset at all.
pub(super) fn applies(log_source: &LogSource, dataset: &Dataset) -> bool {
    !routes(log_source, dataset).is_empty()
}

/// Which rows of a stored table of `dataset` match `rule`; `None` if the rule is not for the dataset.
pub(super) fn lower(
    rule: &DetectionRule,
    dataset: &Arc<Dataset>,
    schema: &Schema,
) -> Result<Option<Expr>, HuntError> {
    let failed = |reason: String| HuntError::Rule {
        rule: rule.meta.title.to_string(),
        reason,
    };
    if !rule.waiting_for.is_empty() {
        return Err(failed(format!(
            "waits for a value of the placeholder {}",
            rule.waiting_for.join(", ")
        )));
    }
    let mut any = Vec::new();
    for route in routes(&rule.log_source, dataset) {
        let native = Route {
            served: None,
            when: Expression::All(Vec::new()),
        };
        let lowering = |route| Lowering {
            dataset,
            schema,
            route,
        };
        let when = lowering(&native).expression(&route.when, true).map_err(failed)?;
        let conditions = rule
            .conditions
            .iter()
            .map(|condition| lowering(&route).condition(rule, condition, true))
            .collect::<Result<Vec<_>, String>>()
            .map_err(failed)?;
        any.push(all_of(vec![when, any_of(conditions)]));
    }
    if any.is_empty() {
        return Ok(None);
    }
    let exact = any_of(any);
    Ok(Some(match implied(&exact) {
        Some(prunable) => prunable.and(exact),
        None => exact,
    }))
}

/// What follows from `expr` and can be decided from the statistics of files: `expr` with every question
/// that only our functions answer taken for a yes. The Delta log's file skipping gives a disjunction up
/// when it does not know one side of it, so it is told this beside the exact expression. `None`: nothing.
fn implied(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => match (implied(left), implied(right)) {
            (Some(left), Some(right)) => Some(left.and(right)),
            (one, other) => one.or(other),
        },
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => Some(implied(left)?.or(implied(right)?)),
        Expr::BinaryExpr(_) | Expr::IsNotNull(_) | Expr::Like(_) => Some(expr.clone()),
        Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Some(expr.clone()),
        _ => None,
    }
}

struct Lowering<'l> {
    dataset: &'l Arc<Dataset>,
    schema: &'l Schema,
    route: &'l Route<'l>,
}

impl Lowering<'_> {
    fn condition(&self, rule: &DetectionRule, condition: &Condition, positive: bool) -> Result<Expr, String> {
        let each = |parts: &[Condition]| {
            parts
                .iter()
                .map(|part| self.condition(rule, part, positive))
                .collect::<Result<Vec<_>, String>>()
        };
        Ok(match condition {
            Condition::All(parts) => all_of(each(parts)?),
            Condition::Any(parts) => any_of(each(parts)?),
            Condition::Not(inner) => not(self.condition(rule, inner, false)?),
            Condition::Search(position) => match rule.searches.get(*position) {
                Some(search) => self.expression(&search.expression, positive)?,
                None => {
                    return Err(format!(
                        "a condition names search {position}, which does not exist"
                    ));
                }
            },
        })
    }

    fn expression(&self, expression: &Expression, positive: bool) -> Result<Expr, String> {
        let each = |parts: &[Expression]| {
            parts
                .iter()
                .map(|part| self.expression(part, positive))
                .collect::<Result<Vec<_>, String>>()
        };
        Ok(match expression {
            Expression::All(parts) => all_of(each(parts)?),
            Expression::Any(parts) => match one_list(parts) {
                Some((listed, names)) => self.listed(&listed, &names),
                None => any_of(each(parts)?),
            },
            Expression::Not(inner) => not(self.expression(inner, false)?),
            Expression::Keyword(matcher) => self.keyword(matcher)?,
            Expression::Field { name, matcher } => {
                let asked = self.field(name, matcher)?;
                if positive {
                    asked
                } else {
                    Expr::IsTrue(Box::new(asked))
                }
            }
        })
    }

    fn field(&self, name: &str, matcher: &Matcher) -> Result<Expr, String> {
        let key = FieldKey::of(&self.route.column(self.dataset, name));
        Ok(match matcher {
            Matcher::Null | Matcher::Exists(false) => not(self.present(&key)),
            Matcher::Exists(true) => self.present(&key),
            Matcher::FieldRef {
                field,
                relation,
                cased,
            } => {
                let other = FieldKey::of(&self.route.column(self.dataset, field));
                let (left, right) = (self.columns(&key), self.columns(&other));
                let mut arguments: Vec<Expr> = left.iter().chain(&right).map(|f| column(f)).collect();
                arguments.extend(self.unmapped());
                let question = Question::Relates {
                    left: left.len(),
                    right: right.len(),
                    left_key: key,
                    right_key: other,
                    relation: *relation,
                    cased: *cased,
                };
                self.call(question, format!("{field} {relation:?}"), arguments)
            }
            matcher => {
                let test = test_of(matcher)?;
                let label = format!("{matcher:?}");
                let mut any: Vec<Expr> = self
                    .columns(&key)
                    .into_iter()
                    .map(|field| {
                        simple(field, matcher).unwrap_or_else(|| {
                            let question = Question::Holds {
                                test: test.clone(),
                                within: Where::Columns,
                            };
                            self.call(question, label.clone(), vec![column(field)])
                        })
                    })
                    .collect();
                any.extend(self.in_unmapped(
                    Question::Holds {
                        test,
                        within: Where::Unmapped(Some(vec![key])),
                    },
                    label,
                ));
                any_of(any)
            }
        })
    }

    /// Whether one of many fields is in a list: `unmapped` is looked through once for all of them.
    fn listed(&self, matcher: &Matcher, names: &[&str]) -> Expr {
        let Ok(test) = test_of(matcher) else {
            return lit(false);
        };
        let keys: Vec<FieldKey> = names
            .iter()
            .map(|name| FieldKey::of(&self.route.column(self.dataset, name)))
            .collect();
        let label = format!("{matcher:?}");
        let asked = |field: &Field| {
            let question = Question::Holds {
                test: test.clone(),
                within: Where::Columns,
            };
            self.call(question, label.clone(), vec![column(field)])
        };
        let columns = keys.iter().flat_map(|key| self.columns(key));
        let mut any: Vec<Expr> = columns.map(asked).collect();
        let question = Question::Holds {
            test: test.clone(),
            within: Where::Unmapped(Some(keys)),
        };
        any.extend(self.in_unmapped(question, label.clone()));
        any_of(any)
    }

    fn keyword(&self, matcher: &Matcher) -> Result<Expr, String> {
        let test = test_of(matcher)?;
        let label = format!("{matcher:?}");
        let columns = self
            .schema
            .fields()
            .iter()
            .filter(|field| is_searched(field))
            .map(|field| column(field))
            .collect();
        let question = Question::Holds {
            test: test.clone(),
            within: Where::Columns,
        };
        let mut any = vec![self.call(question, label.clone(), columns)];
        any.extend(self.in_unmapped(
            Question::Holds {
                test,
                within: Where::Unmapped(None),
            },
            label,
        ));
        Ok(any_of(any))
    }

    /// Whether the field has any value.
    fn present(&self, key: &FieldKey) -> Expr {
        let mut any: Vec<Expr> = self
            .columns(key)
            .into_iter()
            .map(|field| match field.data_type() {
                // An empty list is no value.
                DataType::List(_) | DataType::LargeList(_) => {
                    let question = Question::Present {
                        within: Where::Columns,
                    };
                    self.call(question, "present".to_owned(), vec![column(field)])
                }
                _ => column(field).is_not_null(),
            })
            .collect();
        any.extend(self.in_unmapped(
            Question::Present {
                within: Where::Unmapped(Some(vec![key.clone()])),
            },
            "present".to_owned(),
        ));
        any_of(any)
    }

    /// A question to `unmapped`, asked only where there is something in it: files without are skipped.
    fn in_unmapped(&self, question: Question, label: String) -> Option<Expr> {
        let unmapped = self.unmapped()?;
        let asked = self.call(question, label, vec![unmapped.clone()]);
        Some(unmapped.is_not_null().and(asked))
    }

    fn unmapped(&self) -> Option<Expr> {
        self.schema
            .field_with_name(UNMAPPED)
            .is_ok()
            .then(|| Expr::Column(Column::from_name(UNMAPPED)))
    }

    fn columns(&self, key: &FieldKey) -> Vec<&Field> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.as_ref())
            .filter(|field| field.name() != UNMAPPED && field.name() != DAY)
            .filter(|field| key.is_column(field.name(), dotted_name(field)))
            .collect()
    }

    fn call(&self, question: Question, label: String, arguments: Vec<Expr>) -> Expr {
        SigmaFunction::call(question, self.dataset.clone(), label, arguments)
    }
}

/// The list and the fields, if all parts ask whether a field is in the same list.
fn one_list(parts: &[Expression]) -> Option<(Matcher, Vec<&str>)> {
    let mut names = Vec::with_capacity(parts.len());
    let mut list: Option<&Matcher> = None;
    for part in parts {
        match part {
            Expression::Field {
                name,
                matcher: matcher @ Matcher::Listed(_),
            } if list.is_none_or(|list| list == matcher) => {
                list = Some(matcher);
                names.push(name.as_str());
            }
            _ => return None,
        }
    }
    Some((list?.clone(), names))
}

fn column(field: &Field) -> Expr {
    Expr::Column(Column::from_name(field.name()))
}

fn test_of(matcher: &Matcher) -> Result<Test, String> {
    Ok(match matcher {
        Matcher::Pattern(pattern) => Test::Glob(Glob::new(pattern)),
        Matcher::Regex(regex) => Test::Regex(Arc::new(CompiledRegex::new(regex).map_err(|error| {
            format!(
                "the regular expression `{}` cannot be run: {error}",
                regex.pattern
            )
        })?)),
        Matcher::Cidr(cidr) => Test::Cidr(*cidr),
        Matcher::Number(comparison, bound) => Test::Number(*comparison, *bound),
        Matcher::TimePart(part, comparison, bound) => Test::TimePart(*part, *comparison, *bound),
        Matcher::Listed(listed) => Test::Listed(listed.clone()),
        other => return Err(format!("{other:?} asks nothing of a text")),
    })
}

/// The question as a comparison that storage understands, where that means exactly the same.
fn simple(field: &Field, matcher: &Matcher) -> Option<Expr> {
    let value = || column(field);
    match (field.data_type(), matcher) {
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Matcher::Pattern(pattern)) => {
            match pattern.parts.as_slice() {
                [] => Some(value().eq(lit(""))),
                [Part::Many] => Some(value().is_not_null()),
                [Part::Literal(text)] if exact(pattern, text) => Some(value().eq(lit(text.clone()))),
                [Part::Literal(text), Part::Many] if exact(pattern, text) => {
                    Some(value().like(lit(format!("{}%", like_escaped(text)))))
                }
                _ => None,
            }
        }
        (DataType::Int64, Matcher::Pattern(pattern)) => match pattern.parts.as_slice() {
            [Part::Literal(text)] => Some(match text.parse::<i64>() {
                Ok(number) if number.to_string() == *text => value().eq(lit(number)),
                _ => lit(false),
            }),
            [Part::Many] => Some(value().is_not_null()),
            _ => None,
        },
        (DataType::Int64, Matcher::Number(comparison, bound)) => {
            // Past 2^53 a float does not name one whole number any more.
            if bound.fract() != 0.0 || bound.abs() > 9_007_199_254_740_992.0 {
                return None;
            }
            let bound = lit(*bound as i64);
            Some(match comparison {
                Comparison::Equal => value().eq(bound),
                Comparison::Less => value().lt(bound),
                Comparison::LessOrEqual => value().lt_eq(bound),
                Comparison::Greater => value().gt(bound),
                Comparison::GreaterOrEqual => value().gt_eq(bound),
            })
        }
        _ => None,
    }
}

/// Whether only `text` itself folds to what `text` folds to.
fn exact(pattern: &Pattern, text: &str) -> bool {
    pattern.cased || text.bytes().all(|b| b.is_ascii() && !b.is_ascii_alphabetic())
}

fn like_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn all_of(parts: Vec<Expr>) -> Expr {
    balanced(parts, &Expr::and).unwrap_or_else(|| lit(true))
}

pub(super) fn any_of(parts: Vec<Expr>) -> Expr {
    balanced(parts, &Expr::or).unwrap_or_else(|| lit(false))
}

/// A tree rather than a chain: rules with hundreds of alternatives must not exhaust a recursive planner.
fn balanced(mut parts: Vec<Expr>, join: &impl Fn(Expr, Expr) -> Expr) -> Option<Expr> {
    match parts.len() {
        0 => None,
        1 => parts.pop(),
        length => {
            let right = parts.split_off(length / 2);
            Some(join(balanced(parts, join)?, balanced(right, join)?))
        }
    }
}
