//! An event of a batch as queries see it: typed values by name.
//!
//! A field's values are those of its column and what lies in `unmapped` under its name, as for every rule
//! ([`crate::resolve`]). One value is a scalar, several are a list; where `unmapped` holds an array or an object, that
//! is the value. The name of an object whose members have columns of their own stands for all of them together.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use arrow::array::Array;
use borzoi_parsers::batch::{EventBatch, strings};
use borzoi_parsers::catalog::{Dataset, UNMAPPED};
use borzoi_rules::eql::{Event, FieldPath, Value};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::matcher::values::{Texts, dotted_name, is_bookkeeping, is_searched};
use crate::resolve::{FieldKey, Route, UnmappedPath};

/// What a query calls its fields, in events of one dataset under the names of one route.
#[derive(Debug)]
pub(super) struct Names {
    keys: HashMap<String, Arc<FieldKey>>,
}

impl Names {
    /// For the names of `paths`.
    pub(super) fn new<'p>(
        paths: impl IntoIterator<Item = &'p FieldPath>,
        route: &Route<'_>,
        dataset: &Dataset,
    ) -> Names {
        let named = paths.into_iter().map(|path| {
            let name = path.column();
            let key = Arc::new(FieldKey::of(&route.column(dataset, name)));
            (name.to_owned(), key)
        });
        Names {
            keys: named.collect(),
        }
    }

    /// All fields.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<FieldKey>> {
        self.keys.values()
    }
}

/// The columns of a batch that hold the fields of a query.
#[derive(Debug)]
pub(super) struct Columns {
    names: Arc<Names>,
    of: HashMap<String, Held>,
}

/// Where a field is held.
#[derive(Debug, Default)]
struct Held {
    /// Its own columns.
    own: Vec<usize>,
    /// Those of the members of the object that it is, and their names.
    members: Vec<(usize, String)>,
}

impl Columns {
    pub(super) fn new(names: Arc<Names>, batch: &EventBatch) -> Columns {
        let fields = batch.events.schema_ref().fields();
        let of = names.keys.iter().map(|(name, key)| {
            let mut held = Held::default();
            for (index, field) in fields.iter().enumerate() {
                if field.name() == UNMAPPED {
                    continue;
                }
                let dotted = dotted_name(field);
                if key.is_column(field.name(), dotted) {
                    held.own.push(index);
                } else if let Some(member) =
                    member_of(dotted, &key.dotted).or_else(|| member_of(dotted, name))
                    && !is_bookkeeping(field.name())
                {
                    held.members.push((index, member.to_owned()));
                }
            }
            (name.clone(), held)
        });
        Columns {
            of: of.collect(),
            names,
        }
    }
}

impl Columns {
    /// Dotted name of the column that holds the field.
    pub(super) fn column_of(&self, path: &FieldPath, batch: &EventBatch) -> String {
        let own = self.of.get(path.column()).and_then(|held| held.own.first());
        let name = own.map_or(path.column(), |&index| {
            dotted_name(batch.events.schema_ref().field(index))
        });
        name.to_owned()
    }
}

/// What is left of `dotted` behind the name of the object that it is a member of.
fn member_of<'d>(dotted: &'d str, object: &str) -> Option<&'d str> {
    let head = dotted.get(..object.len())?;
    let rest = dotted[object.len()..].strip_prefix('.')?;
    head.eq_ignore_ascii_case(object).then_some(rest)
}

/// One event.
pub(super) struct Row<'a> {
    batch: &'a EventBatch,
    row: usize,
    columns: &'a Columns,
    unmapped: OnceCell<Option<Json>>,
}

impl<'a> Row<'a> {
    pub(super) fn new(batch: &'a EventBatch, row: usize, columns: &'a Columns) -> Row<'a> {
        Row {
            batch,
            row,
            columns,
            unmapped: OnceCell::new(),
        }
    }

    /// The field's value, its indices left out.
    fn whole(&self, name: &str) -> Value<'_> {
        let Some(Held { own, members }) = self.columns.of.get(name) else {
            return Value::Null;
        };
        let mut found = Vec::new();
        for &index in own {
            self.read(index, &mut found);
        }
        if let (Some(json), Some(key)) = (self.unmapped(), self.columns.names.keys.get(name)) {
            let mut path = String::new();
            unmapped_values(json, key, &self.batch.dataset, &mut path, &mut found);
        }
        if let [Value::Object(_)] | [] = found[..]
            && !members.is_empty()
        {
            // Some members have columns, others have not.
            let mut all = self.members(members);
            if let Some(Value::Object(more)) = found.pop() {
                all.extend(more);
            }
            return match all.is_empty() {
                true => Value::Null,
                false => Value::Object(all),
            };
        }
        match found.len() {
            0 => Value::Null,
            1 => found.swap_remove(0),
            _ => Value::List(found.into_iter().flat_map(elements).collect()),
        }
    }

    fn members(&self, members: &[(usize, String)]) -> Vec<(Cow<'_, str>, Value<'_>)> {
        let mut all = Vec::new();
        for (index, name) in members {
            let mut found = Vec::new();
            self.read(*index, &mut found);
            if let Some(value) = found.into_iter().next() {
                all.push((Cow::Owned(name.clone()), value));
            }
        }
        all
    }

    fn read<'v>(&'v self, index: usize, found: &mut Vec<Value<'v>>) {
        let array = self.batch.events.column(index);
        if array.is_null(self.row) {
            return;
        }
        match Texts::of(array) {
            Some(Texts::Integers(numbers)) => found.push(Value::Int(numbers.value(self.row))),
            Some(Texts::Floats(numbers)) => found.push(Value::Float(numbers.value(self.row))),
            Some(Texts::Booleans(values)) => found.push(Value::Bool(values.value(self.row))),
            Some(texts @ Texts::Lists(..)) => {
                let mut list = Vec::new();
                texts.each(self.row, &mut |text| list.push(Value::Text(text)));
                found.push(Value::List(list));
            }
            Some(texts) => texts.each(self.row, &mut |text| found.push(Value::Text(text))),
            None => {}
        }
    }

    fn unmapped(&self) -> Option<&Json> {
        let read = || {
            let column = strings(self.batch.column(UNMAPPED)?)?;
            serde_json::from_str(column.get(self.row)?).ok()
        };
        self.unmapped.get_or_init(read).as_ref()
    }
}

impl Event for Row<'_> {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        within(path, self.whole(path.column()))
    }

    fn any_field(&self, test: &mut dyn FnMut(&str, &Value<'_>) -> bool) -> bool {
        let fields = self.batch.events.schema_ref().fields();
        for (index, field) in fields.iter().enumerate() {
            let mut found = Vec::new();
            if is_searched(field) {
                self.read(index, &mut found);
            }
            if found.iter().any(|value| test(dotted_name(field), value)) {
                return true;
            }
        }
        let members = self.unmapped().and_then(Json::as_object);
        members.is_some_and(|members| members.any_field(test))
    }
}

/// What lies in a field's value where the path goes on behind the column.
fn within<'v>(path: &FieldPath, value: Value<'v>) -> Value<'v> {
    match path.inside() {
        [] => value,
        inside => value.walk(inside).into_owned(),
    }
}

fn elements(value: Value<'_>) -> Vec<Value<'_>> {
    match value {
        Value::List(elements) => elements,
        other => vec![other],
    }
}

/// The values in `json` that are the field of `key`, by the path that leads there.
fn unmapped_values<'j>(
    json: &'j Json,
    key: &FieldKey,
    dataset: &Dataset,
    path: &mut String,
    found: &mut Vec<Value<'j>>,
) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                let before = path.len();
                if before > 0 {
                    path.push('.');
                }
                path.push_str(name);
                if key.is_unmapped(&UnmappedPath::new(dataset, path)) {
                    if !value.is_null() {
                        found.push(Value::from(value));
                    }
                } else {
                    unmapped_values(value, key, dataset, path, found);
                }
                path.truncate(before);
            }
        }
        Json::Array(elements) => {
            for element in elements {
                if element.is_object() {
                    unmapped_values(element, key, dataset, path, found);
                }
            }
        }
        _ => {}
    }
}

/// What is kept of an event for the pipes of a query: the values of the fields that they name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    values: Vec<(String, Value<'static>)>,
}

impl Kept {
    /// The values of the fields at `paths`.
    pub(super) fn of<'p>(event: &Row<'_>, paths: impl IntoIterator<Item = &'p FieldPath>) -> Kept {
        let mut values: Vec<(String, Value<'static>)> = Vec::new();
        for path in paths {
            let name = path.column();
            if !values.iter().any(|(known, _)| known == name) {
                values.push((name.to_owned(), event.whole(name).into_owned()));
            }
        }
        Kept { values }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let values = self.values.iter();
        values
            .map(|(name, value)| 64 + name.len() + bytes_of(value))
            .sum()
    }
}

fn bytes_of(value: &Value<'_>) -> usize {
    let inside: usize = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(bytes_of).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| 24 + name.len() + bytes_of(value))
                .sum()
        }
        _ => 0,
    };
    32 + inside
}

impl Event for Kept {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        let known = self.values.iter().find(|(known, _)| known == path.column());
        known.map_or(Value::Null, |(_, value)| within(path, value.borrowed()))
    }
}
