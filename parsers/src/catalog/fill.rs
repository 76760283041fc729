//! Columns that are filled from others: `fill` and `show` of a catalog file.
//!
//! A field has one column, and rules find it there. What else people look for in it (`process.name`, the account
//! without its domain, who did it, which every product says in a place of its own) is *filled in*: once all events of a
//! batch are written, each filled column takes a value where an event gave it none.
//!
//! ```yaml
//! fill:
//!   - {column: process.name, from: [Image, SourceImage], take: file_name}    # the first that has a value
//!   - {column: url.*, from: [url.original], take: url}                       # url.scheme, url.domain, …
//!   - {column: cloud.region, from: [webaclId], split: ":", at: 3}            # a piece of the value
//!   - {column: user.email, from: [UserId], has: "@"}                         # only if it has this in it
//!   - {column: event.outcome, from: [errorCode], is: "0", value: success}    # this, if the source says that
//!   - {column: user.target.name, from: ["target[type=User].alternateId"]}    # of an array's elements
//!   - {column: cloud.provider, value: aws}                                   # in every event
//! show:
//!   - {column: winlog.computer_name, from: [Computer]}                       # in JSON output only
//! ```
//!
//! - `from` names columns as a rule would; a field that shares its column with others stands for itself alone. Where a JSON document has an object, a list of scalars or an array's chosen
//!   elements at that path, these are meant: the reader keeps them ([`Gather`]).
//! - Nothing that an event says itself is replaced. Of several entries for a column the first that has a value wins: a
//!   file's own come before those of the file it extends.
//! - An entry that reads a column comes after those that fill it, wherever it stands.
//! - What `show` lists is stored nowhere: it is made when an event is written as JSON. A name that repeats one whole
//!   column means that column in rules and queries.
//! - `exclusive: true` keeps a family of datasets from filling columns that their fields have: no rule on a field sees
//!   what another field said.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::resolve::column;
use super::shape::FillFile;
use super::take::{Piece, Take};
use super::{CatalogError, Column, ColumnType, Dataset, STANDARD_COLUMNS};
use crate::batch::is_written_by_builder;

/// A column that is filled from others.
#[derive(Debug, Clone)]
pub struct Fill {
    /// Where the value goes.
    pub column: Column,
    /// Where it comes from: the first of these that has one. None: every event has `value`.
    pub from: Vec<FillSource>,
    /// What the source has in it; another is left alone.
    pub has: Option<String>,
    /// What the source is, compared without case; another is left alone.
    pub is: Option<String>,
    /// What of it.
    pub take: Take,
    /// What stands in the column instead.
    pub value: Option<String>,
}

/// Where a filled column takes its value from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillSource {
    /// A column; `None` for elements of an array.
    pub column: Option<Column>,
    /// What a JSON reader keeps for it, by number.
    pub gathered: Option<usize>,
}

/// What the reader of JSON keeps for filled columns beside the fields.
#[derive(Debug, Clone, Default)]
pub struct Gather {
    /// Path → its number.
    paths: HashMap<String, usize>,
    /// Paths whose values have no column that could be read.
    scalars: HashMap<String, usize>,
    /// Fields, case-folded, whose columns may hold what others said.
    fields: HashMap<String, usize>,
    /// Path of an array → what is wanted of some of its elements.
    chosen: HashMap<String, Vec<Chosen>>,
    count: usize,
}

/// A value that is wanted of those elements of an array of which another member says something.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The member that chooses.
    pub key: String,
    /// What it says, compared without case.
    pub says: String,
    /// The path of the value in the element.
    pub rest: String,
    /// Its number.
    pub number: usize,
}

impl Fill {
    /// What the column takes of a source's value, if anything.
    pub fn of<'t>(&'t self, text: &'t str) -> Option<Cow<'t, str>> {
        let has = self.has.as_deref().is_none_or(|part| text.contains(part));
        let is = self
            .is
            .as_deref()
            .is_none_or(|whole| text.eq_ignore_ascii_case(whole));
        if !has || !is {
            return None;
        }
        let taken = self.take.of(text)?;
        Some(self.value.as_deref().map_or(taken, Cow::Borrowed))
    }

    /// What of a source's value the column takes and when, for people; empty for all of it.
    pub fn in_words(&self) -> String {
        let mut words = match &self.take {
            Take::Whole => String::new(),
            Take::Piece(piece) => piece.in_words(),
            // The words of catalog files.
            take => snake(&format!("{take:?}")),
        };
        if let Some(value) = &self.value {
            words = format!("= {value}");
        }
        for (what, condition) in [("has", &self.has), ("is", &self.is)] {
            if let Some(text) = condition {
                words += &format!(" if it {what} `{text}`");
            }
        }
        words.trim_start().to_owned()
    }

    /// Whether it repeats its source as it is.
    pub fn is_copy(&self) -> bool {
        self.take == Take::Whole && self.value.is_none() && self.has.is_none() && self.is.is_none()
    }

    /// The column whose other name this is, if it is that and nothing else.
    pub(super) fn only_source(&self) -> Option<&Column> {
        match self.from.as_slice() {
            [source] if self.is_copy() => source.column.as_ref(),
            _ => None,
        }
    }

    fn reads(&self, sql: &str) -> bool {
        let columns = self.from.iter().filter_map(|source| source.column.as_ref());
        columns.into_iter().any(|column| *column.sql == *sql)
    }
}

impl Gather {
    /// How many things are kept; their numbers are below that.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of the object or list at `path`, if it is wanted.
    #[inline]
    pub fn number(&self, path: &str) -> Option<usize> {
        match self.paths.is_empty() {
            true => None,
            false => self.paths.get(path).copied(),
        }
    }

    /// The number of the scalar at `path`, if it is wanted and has no column to be read from.
    #[inline]
    pub fn scalar(&self, path: &str) -> Option<usize> {
        match self.scalars.is_empty() {
            true => None,
            false => self.scalars.get(path).copied(),
        }
    }

    /// The number of the field `native`, if it is wanted and shares its column.
    pub fn field(&self, native: &str) -> Option<usize> {
        match self.fields.is_empty() {
            true => None,
            false => self.fields.get(&native.to_lowercase()).copied(),
        }
    }

    /// What is kept under this number, as a catalog file writes it.
    pub fn name(&self, number: usize) -> Option<String> {
        let plain = self.paths.iter().chain(&self.fields);
        if let Some((path, _)) = plain.into_iter().find(|(_, known)| **known == number) {
            return Some(path.clone());
        }
        self.chosen.iter().find_map(|(array, all)| {
            let chosen = all.iter().find(|chosen| chosen.number == number)?;
            Some(format!("{array}[{}={}].{}", chosen.key, chosen.says, chosen.rest))
        })
    }

    /// What is wanted of elements of the array at `path`.
    pub fn chosen(&self, path: &str) -> &[Chosen] {
        match self.chosen.is_empty() {
            true => &[],
            false => self.chosen.get(path).map_or(&[], Vec::as_slice),
        }
    }

    fn path(&mut self, path: &str) -> usize {
        let next = self.count;
        let number = *self.paths.entry(path.to_owned()).or_insert(next);
        self.count = self.count.max(number + 1);
        number
    }

    /// Elements of an array: `array[key=value].member`. `None`: `path` is not written so.
    fn elements(&mut self, path: &str) -> Option<usize> {
        let (array, rest) = path.split_once('[')?;
        let (choice, rest) = rest.split_once("].")?;
        let (key, says) = choice.split_once('=')?;
        let chosen = self.chosen.entry(array.to_owned()).or_default();
        let known = chosen
            .iter()
            .find(|chosen| chosen.key == key && chosen.says == says && chosen.rest == rest);
        if let Some(known) = known {
            return Some(known.number);
        }
        chosen.push(Chosen {
            key: key.to_owned(),
            says: says.to_owned(),
            rest: rest.to_owned(),
            number: self.count,
        });
        self.count += 1;
        Some(self.count - 1)
    }
}

/// `FileName` as `file_name`.
fn snake(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

impl Dataset {
    /// Whether the column of this SQL name is filled from others: no key of an event stands for it.
    pub fn is_filled(&self, sql: &str) -> bool {
        self.fill.iter().any(|fill| *fill.column.sql == *sql)
    }
}

/// The entries of a dataset's file and of the one it extends.
pub(super) struct Entries<'f> {
    pub(super) file: &'f str,
    pub(super) own: &'f [FillFile],
    pub(super) base: &'f [FillFile],
    /// No column of a field is filled.
    pub(super) exclusive: bool,
}

impl Entries<'_> {
    /// The filled columns of `dataset`, whose fields are settled, in the order in which they are filled.
    pub(super) fn fills(&self, dataset: &Dataset) -> Result<(Vec<Fill>, Gather), CatalogError> {
        let mut gather = Gather::default();
        let nothing = FillSource {
            column: None,
            gathered: None,
        };
        let mut fills = self.read(dataset, |_| Ok(nothing.clone()))?;
        if !fills.is_empty() {
            let filled: Vec<Column> = fills.into_iter().map(|fill| fill.column).collect();
            fills = self.read(dataset, |name| {
                let shared = |column: &Column| !self.exclusive && is_shared(dataset, column, &filled);
                source(dataset, name, shared, &mut gather)
            })?;
        }
        Ok((in_order(fills), gather))
    }

    /// The columns of `dataset` that only JSON output has. `native`: put before the names of all fields whose columns
    /// are called otherwise.
    pub(super) fn shown(&self, dataset: &Dataset, native: Option<&str>) -> Result<Vec<Fill>, CatalogError> {
        let source = |name: &str| match name.contains('[') {
            true => Err(format!("`{name}` in `show` is no column")),
            false => Ok(of_column(dataset.column_of_native(name))),
        };
        let mut shown = self.read(dataset, source)?;
        // What is made of nothing would be in every event: that is what `fill` is for.
        if let Some(fill) = shown.iter().find(|fill| fill.from.is_empty()) {
            return Err(CatalogError::Conflict {
                file: self.file.to_owned(),
                reason: format!("`{}` in `show` has no `from`", fill.column.dotted),
            });
        }
        let fields = dataset.fields.iter().filter(|field| !field.exact);
        for (native, field) in native
            .iter()
            .flat_map(|native| fields.clone().map(move |f| (native, f)))
        {
            let dotted = [native, &*field.native].concat();
            let has_other_name = last_part(&field.column.dotted) != last_part(&field.native);
            let is_own = dataset.fields.iter().any(|other| *other.column.dotted == *dotted)
                || shown.iter().any(|other| *other.column.dotted == *dotted);
            if has_other_name && !is_own && &*field.column.sql != "time" {
                shown.push(Fill {
                    column: column(&dotted, field.column.column_type),
                    from: vec![of_column(field.column.clone())],
                    has: None,
                    is: None,
                    take: Take::Whole,
                    value: None,
                });
            }
        }
        Ok(shown)
    }

    fn read(
        &self,
        dataset: &Dataset,
        mut source: impl FnMut(&str) -> Result<FillSource, String>,
    ) -> Result<Vec<Fill>, CatalogError> {
        let error = |reason: String| CatalogError::Conflict {
            file: self.file.to_owned(),
            reason,
        };
        let mut fills: Vec<Fill> = Vec::new();
        let own = self.own.iter().map(|entry| (entry, true));
        let base = self.base.iter().map(|entry| (entry, false));
        for (entry, is_own) in own.chain(base) {
            for (dotted, take) in entry.targets(dataset).map_err(error)? {
                let column = target(dataset, &dotted, entry.column_type).map_err(error)?;
                let field = dataset.fields.iter().find(|field| field.column == column);
                match field.filter(|_| self.exclusive) {
                    Some(field) if is_own => {
                        let field = &field.native;
                        return Err(error(format!(
                            "`{dotted}` is the column of the field {field}: nothing else fills it"
                        )));
                    }
                    Some(_) => continue,
                    None => {}
                }
                let from = entry.from.iter().map(|name| source(name));
                fills.push(Fill {
                    from: from.collect::<Result<_, _>>().map_err(error)?,
                    column,
                    has: entry.has.clone(),
                    is: entry.is.clone(),
                    take,
                    value: entry.value.clone(),
                });
            }
        }
        Ok(fills)
    }
}

impl FillFile {
    /// The columns that the entry fills, and what each takes.
    fn targets(&self, dataset: &Dataset) -> Result<Vec<(String, Take)>, String> {
        let name = &self.column;
        if self.from.is_empty() && (self.value.is_none() || self.take.is_some() || self.split.is_some()) {
            return Err(format!(
                "`{name}` is filled from nothing: give `from`, or a `value` alone"
            ));
        }
        let take = match (&self.take, &self.split) {
            (Some(_), Some(_)) => return Err(format!("`{name}` has both `take` and `split`")),
            (Some(take), None) => take.clone(),
            (None, Some(separator)) => Take::Piece(Piece::new(separator, self.at)),
            (None, None) => Take::Whole,
        };
        let Some(above) = name.strip_suffix(".*") else {
            return match take.is_several() {
                true => Err(format!(
                    "`{name}` is one column and `take` fills several: write `{name}.*`"
                )),
                false => Ok(vec![(name.clone(), take)]),
            };
        };
        let parts = take.parts().ok_or_else(|| {
            format!("`{name}` are several columns: `take` must be url, path, registry, account or endpoint")
        })?;
        let columns = parts
            .iter()
            .map(|(part, take)| (format!("{above}.{part}"), take.clone()));
        let known: Vec<_> = columns
            .filter(|(column, _)| dataset.types.get(column).is_some())
            .collect();
        match known.is_empty() {
            true => Err(format!("ECS has no field below `{above}` for what `take` gives")),
            false => Ok(known),
        }
    }
}

/// The column `dotted`: a field's, a standard one, ECS's, or one of the dataset's own.
fn target(dataset: &Dataset, dotted: &str, stated: Option<ColumnType>) -> Result<Column, String> {
    if let Some(field) = dataset
        .fields
        .iter()
        .find(|field| *field.column.dotted == *dotted)
    {
        return Ok(field.column.clone());
    }
    let known = STANDARD_COLUMNS
        .iter()
        .find(|(_, standard, _)| *standard == dotted);
    let column = match (known, dataset.types.get(dotted)) {
        (Some((sql, _, column_type)), _) => Column {
            dotted: dotted.into(),
            sql: (*sql).into(),
            column_type: *column_type,
        },
        (None, Some(ecs)) => column(dotted, ecs),
        (None, None) => column(dotted, stated.unwrap_or(ColumnType::Keyword)),
    };
    if &*column.sql != "time" && is_written_by_builder(dotted, &column) {
        return Err(format!(
            "`{dotted}` cannot be filled: only Borzoi itself writes it"
        ));
    }
    match dataset.fields.iter().find(|field| field.column.sql == column.sql) {
        Some(field) => Err(format!(
            "`{dotted}` would have the SQL name of {}, the column of {}",
            field.column.dotted, field.native
        )),
        None => Ok(column),
    }
}

/// Whether a column holds what several fields say, or is filled.
fn is_shared(dataset: &Dataset, column: &Column, filled: &[Column]) -> bool {
    let fields = dataset.fields.iter().filter(|field| field.column == *column);
    fields.count() > 1 || filled.contains(column)
}

/// `shared` says of a column whether it may hold more than what one field says.
fn source(
    dataset: &Dataset,
    name: &str,
    shared: impl FnOnce(&Column) -> bool,
    gather: &mut Gather,
) -> Result<FillSource, String> {
    let kept = |number| FillSource {
        column: None,
        gathered: Some(number),
    };
    if name.contains('[') {
        let number = gather
            .elements(name)
            .ok_or_else(|| format!("`{name}` is no path: write array[key=value].member"))?;
        return Ok(kept(number));
    }
    let column = dataset.column_of_native(name);
    let is_field = name != &*column.dotted && name != &*column.sql;
    if is_written_by_builder(name, &column) {
        let number = gather.path(name);
        gather.scalars.insert(name.to_owned(), number);
        return Ok(kept(number));
    }
    if is_field && shared(&column) {
        let number = gather.path(name);
        gather.fields.insert(name.to_lowercase(), number);
        return Ok(kept(number));
    }
    // A column of lists has them all.
    let gathered = (column.column_type != ColumnType::List).then(|| gather.path(name));
    Ok(FillSource {
        column: Some(column),
        gathered,
    })
}

fn of_column(column: Column) -> FillSource {
    FillSource {
        column: Some(column),
        gathered: None,
    }
}

/// Entries in an order in which each comes after those that fill what it reads, otherwise as they are. Of two that read
/// each other's columns, either may come first: an event gives one of them at most.
fn in_order(fills: Vec<Fill>) -> Vec<Fill> {
    fn visit(at: usize, fills: &[Fill], visited: &mut [bool], order: &mut Vec<usize>) {
        if std::mem::replace(&mut visited[at], true) {
            return;
        }
        for (other, fill) in fills.iter().enumerate() {
            let is_earlier = other < at && fill.column.sql == fills[at].column.sql;
            if other != at && (is_earlier || fills[at].reads(&fill.column.sql)) {
                visit(other, fills, visited, order);
            }
        }
        order.push(at);
    }
    let mut visited = vec![false; fills.len()];
    let mut order = Vec::with_capacity(fills.len());
    for at in 0..fills.len() {
        visit(at, &fills, &mut visited, &mut order);
    }
    let mut fills: Vec<Option<Fill>> = fills.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| fills[at].take()).collect()
}

/// The last part of a dotted name, in lower case and without separators.
fn last_part(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn paths_are_numbered_once() {
        let mut gather = Gather::default();
        assert_eq!(gather.path("a.b"), 0);
        assert_eq!(gather.elements("t[type=User].id"), Some(1));
        assert_eq!(gather.elements("t[type=User].id"), Some(1));
        assert_eq!(gather.path("a.b"), 0);
        assert_eq!(gather.elements("t[type]"), None);
        assert_eq!((gather.number("a.b"), gather.number("a")), (Some(0), None));
        assert_eq!(gather.chosen("t")[0].rest, "id");
        assert_eq!(gather.count(), 2);
    }

    fn fill(dotted: &str, from: &[&str]) -> Fill {
        let keyword = |name: &str| column(name, ColumnType::Keyword);
        Fill {
            column: keyword(dotted),
            from: from.iter().map(|name| of_column(keyword(name))).collect(),
            has: None,
            is: None,
            take: Take::Whole,
            value: None,
        }
    }

    #[test]
    fn what_is_read_is_filled_before() {
        let fills = vec![
            fill("url.domain", &["url.full"]),
            fill("url.full", &["a"]),
            fill("url.full", &["b"]),
            fill("host.name", &["host.hostname"]),
            fill("host.hostname", &["host.name"]),
        ];
        let order: Vec<String> = in_order(fills)
            .iter()
            .map(|fill| {
                format!(
                    "{}<{}",
                    fill.column.sql,
                    fill.from[0].column.as_ref().unwrap().sql
                )
            })
            .collect();
        assert_eq!(
            order,
            [
                "url_full<a",
                "url_full<b",
                "url_domain<url_full",
                "host_hostname<host_name",
                "host_name<host_hostname"
            ]
        );
    }

    #[test]
    fn rules_for_windows_and_zeek_see_fields_alone() {
        let catalog = Catalog::builtin();
        let exclusive = |dataset: &&std::sync::Arc<Dataset>| {
            dataset.name.starts_with("windows.") || dataset.name.starts_with("zeek.")
        };
        for dataset in catalog.datasets().iter().filter(exclusive) {
            for fill in &dataset.fill {
                let sql = &fill.column.sql;
                assert!(
                    dataset.fields.iter().all(|field| field.column.sql != *sql),
                    "{sql} in {}",
                    dataset.name
                );
                assert!(dataset.is_filled(sql));
            }
        }
    }
}
