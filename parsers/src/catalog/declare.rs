//! Declared names of one dataset: who claims which, and what clashes.

use std::sync::Arc;

use hashbrown::HashMap;

use super::resolve::{column, long_sql};
use super::shape::FieldFile;
use super::{CatalogError, Column, ColumnType, Field, STANDARD_COLUMNS, TypeTable};

/// Whether a field stands in the dataset's own file or in the one it extends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Own,
    Base,
}

/// The declared fields of one dataset and who claims which name.
pub(super) struct Names<'a> {
    file: &'a str,
    types: &'a TypeTable,
    pub(super) fields: Vec<Field>,
    pub(super) by_name: HashMap<String, usize>,
    pub(super) exact: HashMap<String, usize>,
    /// The first `own` fields come from the dataset's own file.
    own: usize,
}

impl<'a> Names<'a> {
    pub(super) fn new(file: &'a str, types: &'a TypeTable) -> Self {
        Names {
            file,
            types,
            fields: Vec::new(),
            by_name: HashMap::new(),
            exact: HashMap::new(),
            own: 0,
        }
    }

    /// Adds a field. A base field gives way where the dataset's own file claims one of its spellings.
    pub(super) fn declare(
        &mut self,
        field: &FieldFile,
        origin: Origin,
        prefix: &str,
    ) -> Result<(), CatalogError> {
        let stored = self.column_of(field)?;
        let index = self.fields.len();
        let mut spellings = Vec::new();
        for spelling in std::iter::once(&field.native).chain(&field.also) {
            if field.exact {
                if self.exact.contains_key(spelling) && origin == Origin::Base {
                    continue;
                }
                if self.exact.insert(spelling.clone(), index).is_some() {
                    return Err(self.conflict(format!("`{spelling}` is declared `exact` twice")));
                }
                spellings.push(Arc::from(spelling.as_str()));
                continue;
            }
            match self.by_name.get(&spelling.to_lowercase()) {
                None => {
                    self.by_name.insert(spelling.to_lowercase(), index);
                    spellings.push(Arc::from(spelling.as_str()));
                }
                // The same field's other spelling differs in case alone, or another field is the same column.
                Some(&other) if other == index || self.fields[other].column == stored => {}
                Some(&other) if origin == Origin::Base && other < self.own => {}
                Some(&other) => {
                    return Err(self.conflict(format!(
                        "`{spelling}` is declared as `{}` and as `{}`",
                        self.fields[other].column.dotted, stored.dotted
                    )));
                }
            }
        }
        let mut spellings = spellings.into_iter();
        let Some(native) = spellings.next() else {
            return Ok(());
        };
        let header = origin == Origin::Base && !stored.dotted.starts_with(prefix);
        self.fields.push(Field {
            native,
            also: spellings.collect(),
            column: stored,
            header,
            exact: field.exact,
        });
        if origin == Origin::Own {
            self.own = self.fields.len();
        }
        Ok(())
    }

    /// The standard or ECS column `dotted`.
    pub(super) fn known_column(&self, dotted: &str) -> Result<Column, CatalogError> {
        let is_standard = STANDARD_COLUMNS
            .iter()
            .any(|(_, standard, _)| *standard == dotted);
        match self.types.column(dotted) {
            Some(column) if !is_standard => Ok(column.clone()),
            Some(_) => self.column_of(&plain_field(dotted, "")),
            None if is_standard => self.column_of(&plain_field(dotted, "")),
            None => Err(self.conflict(format!("`{dotted}` is no ECS field: loose names need one"))),
        }
    }

    fn column_of(&self, field: &FieldFile) -> Result<Column, CatalogError> {
        let standard = STANDARD_COLUMNS
            .iter()
            .find(|(_, dotted, _)| *dotted == field.column);
        let known = standard
            .map(|(_, _, column_type)| *column_type)
            .or_else(|| self.types.get(&field.column));
        if let (Some(stated), Some(known)) = (field.column_type, known)
            && stated != known
        {
            return Err(self.conflict(format!(
                "`{}` is an ECS column of type {known}, not {stated}: leave `type` out or choose another column",
                field.column
            )));
        }
        if standard.is_none()
            && let Some(column) = self.types.column(&field.column)
        {
            return Ok(column.clone());
        }
        let mut stored = column(
            &field.column,
            field.column_type.or(known).unwrap_or(ColumnType::Keyword),
        );
        if let Some((sql, _, _)) = standard {
            stored.sql = Arc::from(*sql);
        }
        Ok(stored)
    }

    pub(super) fn conflict(&self, reason: String) -> CatalogError {
        CatalogError::Conflict {
            file: self.file.to_owned(),
            reason,
        }
    }
}

/// A field of the `plain` list: stored under its own name after the prefix.
pub(super) fn plain_field(native: &str, prefix: &str) -> FieldFile {
    FieldFile {
        native: native.to_owned(),
        column: format!("{prefix}{native}"),
        also: Vec::new(),
        column_type: None,
        exact: false,
    }
}

/// Gives every column a SQL name of its own: of two that would share one, the event data (whose prefix the
/// short name leaves out) takes the long name. Two that still clash are an error.
pub(super) fn settle_sql_names(file: &str, fields: &mut [Field]) -> Result<(), CatalogError> {
    let mut taken: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    let is_shortened = |field: &Field| *field.column.sql != *long_sql(&field.column.dotted);
    let (shortened, mut order): (Vec<usize>, Vec<usize>) =
        (0..fields.len()).partition(|&index| is_shortened(&fields[index]));
    order.extend(shortened);
    for index in order {
        let column = &mut fields[index].column;
        if taken
            .get(&column.sql)
            .is_some_and(|owner| *owner != column.dotted)
        {
            column.sql = Arc::from(long_sql(&column.dotted));
        }
        if let Some(owner) = taken.insert(column.sql.clone(), column.dotted.clone())
            && owner != column.dotted
        {
            return Err(CatalogError::Conflict {
                file: file.to_owned(),
                reason: format!(
                    "columns `{owner}` and `{}` both get the SQL name `{}`: rename one",
                    column.dotted, column.sql
                ),
            });
        }
    }
    Ok(())
}
