//! What can go wrong in a hunt, said so that the person can mend it.

use datafusion::common::{DataFusionError, SchemaError};

use super::names::{Names, Rewritten, nearest};

/// Why a hunt gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// The statement is at fault: a typing error, an unknown name, types that do not go together.
    #[error("{message}{}", place(.sql, *.offset))]
    Sql {
        /// What is wrong.
        message: String,
        /// The statement as typed.
        sql: String,
        /// Where in it, in bytes.
        offset: Option<usize>,
    },
    /// The rule cannot be run over stored events.
    #[error("rule {rule}: {reason}")]
    Rule {
        /// Its title or id.
        rule: String,
        /// Why not.
        reason: String,
    },
    /// The lake could not be read.
    #[error("cannot read the lake: {0}")]
    Lake(String),
    /// The query was right, running it failed.
    #[error("the query failed: {0}")]
    Execution(String),
    /// The answer could not be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

impl HuntError {
    pub(crate) fn sql(message: String, sql: &str, offset: Option<usize>) -> Self {
        HuntError::Sql {
            message,
            sql: sql.to_owned(),
            offset,
        }
    }
}

/// `, line 1, column 8:`, the line and a caret under the place.
fn place(sql: &str, offset: Option<usize>) -> String {
    let Some(offset) = offset.filter(|&at| sql.is_char_boundary(at)) else {
        return String::new();
    };
    let line_start = sql[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = sql[line_start..].lines().next().unwrap_or("");
    let number = sql[..offset].matches('\n').count() + 1;
    let column = sql[line_start..offset].chars().count();
    // Long one-line statements: show the neighbourhood only.
    let skipped = column.saturating_sub(60);
    let shown: String = line.chars().skip(skipped).take(100).collect();
    let indent: String = line
        .chars()
        .skip(skipped)
        .take(column - skipped)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    format!(
        "\n  line {number}, column {}:\n  {shown}\n  {indent}^",
        column + 1
    )
}

/// DataFusion's error in the terms of the statement that was typed.
pub(super) fn translate(error: DataFusionError, statement: &Rewritten, names: &Names) -> HuntError {
    let sql = statement.original();
    match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let name = field.flat_name();
                let offset = statement.find(&name);
                let tables = statement.tables.join(", ");
                let mut message = match tables.as_str() {
                    "" => format!("no column `{name}`"),
                    tables => format!("no column `{name}` in {tables}"),
                };
                let mut near: Vec<String> = nearest(&name, valid_fields.iter().map(|c| c.name.as_str()))
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
                if near.is_empty() && field.relation.is_some() {
                    near = nearest(&field.name, valid_fields.iter().map(|c| c.name.as_str()))
                        .into_iter()
                        .map(str::to_owned)
                        .collect();
                }
                if near.is_empty() {
                    let wanted = borzoi_parsers::names::sql_name(&name);
                    let elsewhere: Vec<&str> = names.having(&wanted).take(4).collect();
                    if !elsewhere.is_empty() {
                        message = format!("{message}; it is a column of {}", elsewhere.join(", "));
                    }
                } else {
                    message = format!("{message}; did you mean {}?", near.join(" or "));
                }
                HuntError::sql(message, sql, offset)
            }
            other => HuntError::sql(plain(&other.to_string()), sql, None),
        },
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
            match text.rsplit_once(" at Line: ") {
                Some((what, at)) => {
                    let offset = at.split_once(", Column: ").and_then(|(line, column)| {
                        Some(
                            statement.original_offset(line.trim().parse().ok()?, column.trim().parse().ok()?),
                        )
                    });
                    HuntError::sql(plain(what), sql, offset)
                }
                None => HuntError::sql(plain(text), sql, None),
            }
        }
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) => {
            let message = plain(text).replace(".\nDid you mean", "; did you mean");
            let function = message
                .strip_prefix("invalid function '")
                .and_then(|rest| rest.split('\'').next());
            let offset = function.and_then(|name| statement.find(name));
            HuntError::sql(message, sql, offset)
        }
        DataFusionError::ResourcesExhausted(text) => HuntError::Execution(format!(
            "out of the memory allowed; select fewer columns or rows, or allow more: {text}"
        )),
        DataFusionError::Execution(text) => HuntError::Execution(text.clone()),
        other => HuntError::Execution(plain(&other.to_string())),
    }
}

/// Without DataFusion's prefixes, and beginning like our own messages.
pub(super) fn plain(text: &str) -> String {
    let mut text = text.trim();
    for prefix in [
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "type_coercion\ncaused by\n",
        "Arrow error: ",
        "External error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if chars.clone().next().is_none_or(|c| !c.is_uppercase()) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
