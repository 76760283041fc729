//! The members of a JSON document as fields: for every dataset but those of Windows and Zeek.
//!
//! - An object is flattened to dotted names.
//! - A list of scalars is a list. Where the catalog or ECS has declared a scalar, its elements come one by one: the
//!   first holds, the others are put aside.
//! - A list of names and values (`[{"Name": "x", "Value": 1}]`) has a field for each name: `list.x`. Other members
//!   of an element are below it: `list.x.OldValue`.
//! - Any other list with objects has a list for each member of its elements: `list.id`.
//! - Text that is JSON itself, or a map as Java prints it (`{a=1, b=2}`), is flattened below its name. Only what it says of itself lies there, so that nobody
//!   who has a say in the text gets one in the fields of the event: where the text may be anybody's (see
//!   [`json_envelope`](super::json_envelope)), a name that means the same everywhere (`src_ip`) means nothing in it.
//!
//! Lists with anything nested, and texts, stay whole besides: which values belong together is seen in them alone.
//!
//! On the way values are kept that filled columns want and that have no column ([`Gather`](crate::catalog::Gather)).

use super::json::{MAX_DEPTH, MAX_PATH, find, json_time, owned_scalar};
use super::json_envelope::is_envelope;
use super::tape::{Json, TapeParser};
use crate::batch::BatchBuilder;
use crate::catalog::{ColumnType, Dataset};
use crate::value::Value;

/// Keys that name an entry of a list of names and values.
const NAMES: [&str; 5] = ["Name", "name", "Key", "key", "displayName"];
/// Keys of its value.
const VALUES: [&str; 7] = [
    "Value",
    "value",
    "ValueString",
    "stringValue",
    "intValue",
    "boolValue",
    "multiValue",
];
/// Keys that such a list of changes has instead.
const CHANGES: [&str; 2] = ["NewValue", "newValue"];
/// The time that shippers give to events.
const SHIPPED: &str = "@timestamp";
/// Scalars that are taken out of one list, at most: the list is kept whole beside them.
const MOST_VALUES: usize = 4096;

/// Writes one document to the builder of its dataset.
pub(super) struct TreeWriter<'w> {
    pub(super) dataset: &'w Dataset,
    pub(super) builder: &'w mut BatchBuilder,
    /// Dotted name of the value being written.
    pub(super) path: &'w mut String,
    /// For text that is JSON; `None` inside such text.
    pub(super) inner: Option<&'w mut TapeParser>,
    /// The event came in another document, which is being written: its name for the event. The event comes first.
    pub(super) around: Option<&'w str>,
    /// What is being written.
    pub(super) document: Option<Json<'w>>,
    /// The text being written is somebody's that the document's writer does not vouch for.
    pub(super) quoted: bool,
}

impl<'w> TreeWriter<'w> {
    /// Writes all members of `event`, then those of the document around it, if there is one with the event under
    /// a key, then its time, if the dataset says where it may stand.
    pub(super) fn write(&mut self, event: Json<'w>, outer: Option<(Json<'w>, &'w str)>, zone: chrono_tz::Tz) {
        self.path.clear();
        self.document = Some(event);
        self.members(event, 0);
        if let Some((document, key)) = outer {
            self.write_around(document, key);
        }
        self.builder.fill_time(zone);
        self.shipped(event, zone);
        if let Some((document, _)) = outer {
            self.shipped(document, zone);
        }
    }

    /// Writes all members of the document around an event that has been written, but the time of its shipper; the
    /// event stands under `key`.
    pub(super) fn write_around(&mut self, document: Json<'w>, key: &'w str) {
        self.path.clear();
        self.document = Some(document);
        self.around = Some(key);
        self.members(document, 0);
    }

    /// Writes the member `@timestamp`. Shippers have it for when they took the event over: where the dataset has a
    /// time of its own, that is the event's, and this one is kept aside.
    fn shipped(&mut self, json: Json<'_>, zone: chrono_tz::Tz) {
        let Some(value) = json.get(SHIPPED) else { return };
        self.path.clear();
        self.path.push_str(SHIPPED);
        let mut number = String::new();
        match (value.scalar(&mut number), self.builder.pending_time()) {
            (Some(_), own @ Some(_)) if json_time(value, zone) == own => {}
            (Some(time), Some(_)) => self.builder.aside(SHIPPED, &time),
            _ => self.value(value, 0),
        }
    }

    fn members(&mut self, json: Json<'_>, depth: usize) {
        let length = self.path.len();
        // What a document says itself comes before what objects in it say under the same names, wherever they stand: those
        // may be anybody's.
        let dataset = self.dataset;
        let is_late = |key: &str| length == 0 && dataset.wraps(key);
        let early = json.members().filter(|(key, _)| !is_late(key));
        let late = (length == 0).then(|| json.members().filter(|(key, _)| is_late(key)));
        for (key, value) in early.chain(late.into_iter().flatten()) {
            if length == 0 && key == SHIPPED {
                continue;
            }
            self.enter(key);
            self.value(value, depth);
            self.path.truncate(length);
        }
    }

    fn enter(&mut self, key: &str) {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
    }

    fn value(&mut self, json: Json<'_>, depth: usize) {
        if self.around == Some(self.path.as_str()) {
            return;
        }
        if json.is_object() {
            self.object(json, depth);
        } else if json.is_array() {
            self.array(json, depth);
        } else {
            self.scalar(json, depth);
        }
    }

    fn object(&mut self, json: Json<'_>, depth: usize) {
        if let Some(number) = self.dataset.gather.number(self.path) {
            let mut text = String::new();
            json.write(&mut text);
            self.builder.gather(number, Value::Str(&text));
        }
        if depth < MAX_DEPTH && self.path.len() <= MAX_PATH && json.members().next().is_some() {
            self.members(json, depth + 1);
        } else {
            self.whole(json);
        }
    }

    fn scalar(&mut self, json: Json<'_>, depth: usize) {
        let mut number = String::new();
        let Some(value) = json.scalar(&mut number) else {
            return;
        };
        if let Some(number) = self.dataset.gather.scalar(self.path) {
            self.builder.gather(number, value.clone());
        }
        self.put(value);
        let Some(text) = json.text() else {
            return;
        };
        let (is_map, is_document) = (text.starts_with('{'), is_document(text));
        if !is_map && !is_document {
            return;
        }
        let quoted = self.quoted;
        self.quoted |= self.is_quotation();
        if is_map {
            self.java_map(text);
        }
        if is_document && let Some(inner) = self.inner.take() {
            // What is no JSON after all stays the text it is.
            let _ = inner.parse(text.as_bytes(), |json| {
                if json.is_object() {
                    self.members(json, depth + 1);
                } else {
                    self.elements(json, depth);
                }
            });
            self.inner = Some(inner);
        }
        self.quoted = quoted;
    }

    /// Whether a text at the current path may be anybody's.
    fn is_quotation(&self) -> bool {
        let key = self.path.rsplit('.').next().unwrap_or_default();
        self.document.is_some_and(|document| !is_envelope(document, key))
    }

    /// Writes the entries of a map in the notation of Java's `toString`.
    fn java_map(&mut self, text: &str) {
        let Some(inside) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return;
        };
        let entries = || inside.split(", ").map(|entry| entry.split_once('='));
        let is_entry = |entry: Option<(&str, &str)>| {
            entry.is_some_and(|(key, _)| !key.is_empty() && !key.contains(['"', '{', ':']))
        };
        if inside.is_empty() || !entries().all(is_entry) {
            return;
        }
        let length = self.path.len();
        for (key, value) in entries().flatten().take(MOST_VALUES) {
            self.enter(key);
            self.put(Value::Str(value));
            self.path.truncate(length);
        }
    }

    fn array(&mut self, json: Json<'_>, depth: usize) {
        let nested = json.elements().any(|item| item.is_object() || item.is_array());
        if nested {
            self.whole(json);
            return self.elements(json, depth);
        }
        let values: Vec<Value<'_>> = json.elements().map(owned_scalar).collect();
        self.list(values);
    }

    /// Writes a list of scalars.
    fn list(&mut self, values: Vec<Value<'_>>) {
        if let Some(number) = self.dataset.gather.number(self.path) {
            self.gather(number, &values);
        }
        match self.dataset.declared_type(self.path) {
            None | Some(ColumnType::List) => self.put(Value::List(values)),
            Some(_) => values.into_iter().for_each(|value| self.put(value)),
        }
    }

    fn whole(&mut self, json: Json<'_>) {
        let mut text = String::new();
        json.write(&mut text);
        self.put(Value::Json(&text));
    }

    /// Writes a value under the current path. Of what the event and the document around it both say, the latter is
    /// kept aside.
    fn put(&mut self, value: Value<'_>) {
        if value == Value::Str("") && self.dataset.leaves_out_empty() {
            return;
        }
        if self.quoted && self.dataset.is_loose(self.path) {
            self.builder.aside(self.path, &value);
        } else if self.around.is_some() && self.builder.has(self.path) {
            let name = ["around.", self.path].concat();
            self.builder.aside(&name, &value);
        } else {
            self.builder.field(self.path, value);
        }
    }

    /// Writes the members of a list's elements, if they are objects.
    fn elements(&mut self, list: Json<'_>, depth: usize) {
        if depth >= MAX_DEPTH || self.path.len() > MAX_PATH || list.elements().any(|item| !item.is_object()) {
            return;
        }
        for chosen in self.dataset.gather.chosen(self.path) {
            let says = |item: &Json<'_>| {
                let text = item.get(&chosen.key).and_then(Json::text);
                text.is_some_and(|text| text.eq_ignore_ascii_case(&chosen.says))
            };
            let items = list.elements().filter(says);
            let found = items.filter_map(|item| find(item, &chosen.rest));
            let values: Vec<Value<'_>> = found
                .filter(|value| !value.is_object())
                .map(owned_scalar)
                .collect();
            self.gather(chosen.number, &values);
        }
        if let Some(name) = name_key(list) {
            return self.entries(list, name, depth);
        }
        let mut columns = Columns::default();
        for item in list.elements() {
            columns.add(item, "", depth + 1);
        }
        let length = self.path.len();
        for (path, values) in columns.lists {
            self.enter(&path);
            self.list(values);
            self.path.truncate(length);
        }
    }

    /// Writes a list of names and values.
    fn entries(&mut self, list: Json<'_>, name_key: &str, depth: usize) {
        let length = self.path.len();
        for item in list.elements() {
            let Some(name) = item.get(name_key).and_then(Json::text) else {
                continue;
            };
            if name.len() > MAX_PATH {
                continue;
            }
            self.enter(name);
            let entry = self.path.len();
            for (key, value) in item.members().filter(|(key, _)| *key != name_key) {
                if !VALUES.contains(&key) {
                    self.enter(key);
                }
                self.value(value, depth + 1);
                self.path.truncate(entry);
            }
            self.path.truncate(length);
        }
    }

    /// Keeps values for filled columns. Empty text says nothing.
    fn gather(&mut self, number: usize, values: &[Value<'_>]) {
        let says = |value: &&Value<'_>| {
            !matches!(
                value,
                Value::Str("") | Value::Null | Value::List(_) | Value::Json(_)
            )
        };
        let values: Vec<Value<'_>> = values.iter().filter(says).take(MOST_VALUES).cloned().collect();
        if !values.is_empty() {
            self.builder.gather(number, Value::List(values));
        }
    }
}

/// The members of a list's elements as lists, by path.
#[derive(Default)]
struct Columns<'t> {
    lists: Vec<(String, Vec<Value<'t>>)>,
    count: usize,
}

impl<'t> Columns<'t> {
    fn add(&mut self, json: Json<'t>, path: &str, depth: usize) {
        // The list is kept whole anyway.
        if path.len() > MAX_PATH {
            return;
        }
        if json.is_object() {
            for (key, value) in json.members() {
                let path = match path {
                    "" => key.to_owned(),
                    path => [path, key].join("."),
                };
                if depth < MAX_DEPTH {
                    self.add(value, &path, depth + 1);
                }
            }
        } else if let Some(name_key) = name_key(json) {
            for item in json.elements() {
                let name = item.get(name_key).and_then(Json::text).unwrap_or_default();
                if name.len() > MAX_PATH {
                    continue;
                }
                for (key, value) in item.members().filter(|(key, _)| *key != name_key) {
                    let path = match VALUES.contains(&key) {
                        true => [path, name].join("."),
                        false => [path, name, key].join("."),
                    };
                    if depth < MAX_DEPTH {
                        self.add(value, &path, depth + 1);
                    }
                }
            }
        } else if json.is_array() {
            for item in json.elements() {
                if depth < MAX_DEPTH && !path.is_empty() {
                    self.add(item, path, depth + 1);
                }
            }
        } else if !json.is_null() && self.count < MOST_VALUES {
            self.count += 1;
            let value = owned_scalar(json);
            match self.lists.iter_mut().find(|(known, _)| known == path) {
                Some((_, values)) => values.push(value),
                None => self.lists.push((path.to_owned(), vec![value])),
            }
        }
    }
}

/// The key of the names, if it is a list of names and values.
fn name_key(list: Json<'_>) -> Option<&'static str> {
    let first = list.elements().next()?;
    let name = NAMES
        .into_iter()
        .find(|name| first.get(name).is_some_and(|value| value.text().is_some()))?;
    let has_value = |item: Json<'_>| VALUES.iter().chain(&CHANGES).any(|key| item.get(key).is_some());
    let mut items = list.elements();
    items
        .all(|item| item.get(name).is_some_and(|name| name.text().is_some()) && has_value(item))
        .then_some(name)
}

/// Whether a text is worth reading as an object or a list of objects.
pub(super) fn is_document(text: &str) -> bool {
    let text = text.trim_ascii();
    let opens = text.starts_with('{') && text.ends_with('}');
    let opens_list = text.starts_with('[') && text.ends_with(']');
    let inside = text.get(1..).unwrap_or_default().trim_ascii_start();
    opens && inside.starts_with('"') || opens_list && inside.starts_with('{')
}

#[cfg(test)]
mod tests;
