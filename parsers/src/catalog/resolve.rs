//! From a name somebody used to the column that holds it.

use std::sync::Arc;

use super::{Column, ColumnType, Dataset, STANDARD_COLUMNS, ServedLogSource, UNMAPPED};
use crate::names::sql_name;

/// What a field name means in a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The catalog declares it.
    Declared(Column),
    /// No catalog entry; this is the column the parser gives to a field of that name when it meets one.
    Undeclared(Column),
}

impl Resolution {
    /// The column either way.
    pub fn column(&self) -> &Column {
        match self {
            Resolution::Declared(column) | Resolution::Undeclared(column) => column,
        }
    }
}

impl Dataset {
    /// The column of a field that the producer calls `native`: what the parser stores it under.
    ///
    /// Names are compared without case (two keys of one event that differ in case alone share the
    /// column; the second value, if it differs, goes to `unmapped`).
    pub fn column_of_native(&self, native: &str) -> Column {
        self.declared(native).unwrap_or_else(|| self.undeclared(native))
    }

    /// What a rule or a query means by `name`, within the log source it was written for.
    ///
    /// Tried in order: names of the log source, native and other spellings, dotted column names, SQL
    /// names; all without regard to case.
    pub fn resolve(&self, name: &str, log_source: Option<&ServedLogSource>) -> Resolution {
        let native = log_source
            .and_then(|source| source.names.get(name))
            .map_or(name, String::as_str);
        match self.declared(native) {
            Some(column) => Resolution::Declared(column),
            None => Resolution::Undeclared(self.undeclared(native)),
        }
    }

    fn declared(&self, name: &str) -> Option<Column> {
        let folded = name.to_lowercase();
        if let Some(&index) = self.by_name.get(&folded) {
            return Some(self.fields[index].column.clone());
        }
        if let Some((sql, dotted, column_type)) = STANDARD_COLUMNS
            .iter()
            .find(|(sql, dotted, _)| folded == *dotted || folded == *sql)
        {
            return Some(Column {
                dotted: Arc::from(*dotted),
                sql: Arc::from(*sql),
                column_type: *column_type,
            });
        }
        self.types
            .get(&folded)
            .map(|column_type| column(&folded, column_type))
    }

    fn undeclared(&self, name: &str) -> Column {
        let already_prefixed = !self.prefix.is_empty()
            && name
                .get(..self.prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(&self.prefix));
        let dotted = if already_prefixed || self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}{name}", self.prefix)
        };
        column(&dotted, ColumnType::Keyword)
    }
}

/// A column under its dotted name, kept clear of the standard columns and of `unmapped`.
pub(super) fn column(dotted: &str, column_type: ColumnType) -> Column {
    let mut sql = sql_name(dotted);
    let taken = STANDARD_COLUMNS
        .iter()
        .any(|(standard_sql, standard_dotted, _)| sql == *standard_sql && dotted != *standard_dotted);
    if taken || sql == UNMAPPED || sql == "day" {
        sql.push_str("_field");
    }
    Column {
        dotted: Arc::from(dotted),
        sql: Arc::from(sql),
        column_type,
    }
}
