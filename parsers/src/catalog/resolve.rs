//! From a name somebody used to the column that holds it.
//!
//! Two callers ask. The *parser* has a key of an event and needs the column to write it to
//! ([`Dataset::column_of_native`]); a *rule or query* has a name and needs the column to read
//! ([`Dataset::resolve`]). Both get the same answer, but for two things: only the parser takes names that the
//! catalog marks `exact`, and only a rule's log source can give a name another meaning (`names`).
//!
//! Order, all without regard to case: names of the log source; native names and other spellings; dotted
//! and SQL names of declared columns; the same after a shipper's prefix (`event_data.`) is taken off;
//! standard columns; ECS fields; the native name after the dataset's own prefix; names that are taken in any
//! spelling (`loose`); and otherwise the column that an undeclared field of that name has.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Column, ColumnType, Dataset, Field, STANDARD_COLUMNS, ServedLogSource, UNMAPPED};
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

    /// Whether the catalog declares the name.
    pub fn is_declared(&self) -> bool {
        matches!(self, Resolution::Declared(_))
    }
}

impl Dataset {
    /// The column of a field that the producer calls `native`: what the parser stores it under.
    ///
    /// Names are compared without case (two keys of one event that differ in case alone share the
    /// column; the second value, if it differs, goes to `unmapped`), except those that the catalog marks
    /// `exact`.
    pub fn column_of_native(&self, native: &str) -> Column {
        match self.exact.get(native) {
            Some(&index) => self.fields[index].column.clone(),
            None => self.declared(native).unwrap_or_else(|| self.undeclared(native)),
        }
    }

    /// The type of the column that is declared for a field, or is ECS's; `None`: nobody has said what it is.
    pub fn declared_type(&self, native: &str) -> Option<ColumnType> {
        match self.exact.get(native) {
            Some(&index) => Some(self.fields[index].column.column_type),
            None => self.declared(native).map(|column| column.column_type),
        }
    }

    /// Whether empty texts are no values: where several names of a product mean one column, that which is empty must
    /// not keep the others from it.
    pub fn leaves_out_empty(&self) -> bool {
        !self.loose.is_empty()
    }

    /// Whether `name` names a column and no field of the producer's. Such a name in a text that strangers may have a part in
    /// (`host.name=dc1`) is no word of the producer's.
    pub fn is_column_name(&self, name: &str) -> bool {
        if !name.bytes().any(|byte| matches!(byte, b'.' | b'_')) {
            return false;
        }
        let folded = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_lowercase()),
            false => Cow::Borrowed(name),
        };
        self.column_names.contains(&*folded)
            || !self.exact.contains_key(name)
                && self.field_named(&folded).is_none()
                && (STANDARD_COLUMNS
                    .iter()
                    .any(|(sql, dotted, _)| folded == *dotted || folded == *sql)
                    || self.types.get(&folded).is_some()
                    || self.prefix.is_empty() && self.types.dotted_of_sql(&folded).is_some())
    }

    /// Whether objects called `name` only hold an event together.
    pub(crate) fn wraps(&self, name: &str) -> bool {
        self.loose.wraps(name)
    }

    /// Whether a field of this name has its column for what it means in whatever product writes it.
    pub(crate) fn is_loose(&self, native: &str) -> bool {
        let loose = self.loose.column(native);
        loose.is_some_and(|column| {
            *column.dotted != *native.to_lowercase() && self.declared(native).as_ref() == Some(column)
        })
    }

    /// Whether a column is made by the dataset's file though no field is declared for it: a capture of a pattern or a
    /// sentence, or filled from others.
    pub fn makes(&self, column: &Column) -> bool {
        let captures = |shape: &str| {
            shape.split('{').skip(1).any(|rest| {
                let name = rest.split('}').next().unwrap_or_default();
                *self
                    .column_of_native(name.trim_start_matches(['=', '#', '@', '>']))
                    .sql
                    == *column.sql
            })
        };
        let mut captured = self.lines.patterns.iter().flat_map(|pattern| &pattern.fields);
        self.is_filled(&column.sql)
            || captured.any(|name| self.column_of_native(name).sql == column.sql)
            || self
                .sentences
                .iter()
                .flat_map(|sentences| &sentences.shapes)
                .any(|shape| captures(shape))
    }

    /// What a column is made of that only JSON output has; `None`: rules and queries find it.
    pub fn only_shown(&self, column: &Column) -> Option<&Column> {
        let shown = self
            .shown
            .iter()
            .find(|shown| shown.column.dotted == column.dotted)?;
        let stored = self.fields.iter().any(|field| field.column.sql == column.sql) || self.makes(column);
        let source = shown.from.first().and_then(|source| source.column.as_ref());
        source.filter(|_| !stored)
    }

    /// What a rule or a query means by `name`, within the log source it was written for. Never fails:
    /// every name means some column, if only one that no event has yet.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Catalog;
    /// let catalog = Catalog::builtin();
    /// let sysmon = catalog.dataset("windows.sysmon").unwrap();
    /// for name in ["CommandLine", "commandline", "process.command_line", "process_command_line"] {
    ///     assert_eq!(&*sysmon.resolve(name, None).column().sql, "process_command_line");
    /// }
    /// ```
    pub fn resolve(&self, name: &str, log_source: Option<&ServedLogSource>) -> Resolution {
        let native = log_source
            .filter(|source| !source.names.is_empty())
            .and_then(|source| source.names.get(&name.to_lowercase()))
            .map_or(name, String::as_str);
        match self.declared(native) {
            Some(column) => Resolution::Declared(column),
            None => Resolution::Undeclared(self.undeclared(native)),
        }
    }

    /// Whether `name` lies below a field that may hold anything ([`Dataset::open`]).
    pub fn is_open(&self, name: &str) -> bool {
        let folded = name.to_lowercase();
        self.open.iter().any(|field| {
            folded
                .strip_prefix(field.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn declared(&self, name: &str) -> Option<Column> {
        let folded = name.to_lowercase();
        if let Some(field) = self.field_named(&folded) {
            return Some(field.column.clone());
        }
        if let Some(rest) = self.stripped(&folded) {
            // Event data is never one of the header's columns, whatever its name.
            return self
                .field_named(rest)
                .filter(|field| !field.header)
                .map(|field| field.column.clone());
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
        if let Some(column) = self.types.column(&folded) {
            return Some(column.clone());
        }
        if let Some(field) = self
            .without_prefix(&folded)
            .and_then(|rest| self.field_named(rest))
        {
            return Some(field.column.clone());
        }
        if let Some(column) = self.loose.column(name) {
            return Some(column.clone());
        }
        // Without a prefix an undeclared `event_type` would have the SQL name of ECS's event.type: then it
        // is that column.
        let dotted = self
            .types
            .dotted_of_sql(&folded)
            .filter(|_| self.prefix.is_empty())?;
        self.types.column(dotted).cloned()
    }

    fn field_named(&self, folded: &str) -> Option<&Field> {
        self.by_name.get(folded).map(|&index| &self.fields[index])
    }

    fn field_with_sql(&self, sql: &str) -> Option<&Field> {
        self.field_named(sql).filter(|field| &*field.column.sql == sql)
    }

    /// `name` without the shipper's prefix it has, if it has one. Case-folding keeps no byte positions, so
    /// prefixes are compared as ASCII.
    fn stripped<'n>(&self, name: &'n str) -> Option<&'n str> {
        self.strip.iter().find_map(|prefix| {
            let (head, rest) = name.split_at_checked(prefix.len())?;
            (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
        })
    }

    /// `name` without the dataset's own prefix, if it has it.
    fn without_prefix<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (head, rest) = name.split_at_checked(self.prefix.len())?;
        (!head.is_empty() && head.eq_ignore_ascii_case(&self.prefix)).then_some(rest)
    }

    fn undeclared(&self, name: &str) -> Column {
        let dotted = match self.stripped(name) {
            Some(rest) => format!("{}{rest}", self.prefix),
            None if self.prefix.is_empty() || self.without_prefix(name).is_some() => name.to_owned(),
            None => format!("{}{name}", self.prefix),
        };
        let mut undeclared = column(&dotted, ColumnType::Keyword);
        let Some(owner) = self.field_with_sql(&undeclared.sql) else {
            return undeclared;
        };
        if owner.column.dotted == undeclared.dotted {
            return owner.column.clone();
        }
        undeclared.sql = Arc::from(long_sql(&undeclared.dotted));
        match self.field_with_sql(&undeclared.sql) {
            // They differ in case or separators alone: one column.
            Some(owner) => owner.column.clone(),
            None => undeclared,
        }
    }
}

/// The SQL name without the shortening of `winlog.event_data.`.
pub(super) fn long_sql(dotted: &str) -> String {
    match dotted.split_once("_data.") {
        Some((head, rest)) => format!("{}_data_{}", sql_name(head), sql_name(rest)),
        None => sql_name(dotted),
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
