//! JSON of any shape that has indicators in it: one document or several, each object looked at as it comes.
//!
//! Objects with a value ([`fields`](super::fields)) are entries, as are texts in arrays; objects of STIX and MISP are what
//! they are. Other objects are looked into: `{"data": [...]}`, `{"1234": [{"ioc_value": …}]}`.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::fields::{Record, Role, role_of};
use super::{Sink, misp, stix};

/// Objects within objects that are looked into.
const DEEPEST: usize = 8;

pub(super) fn read(reader: impl BufRead, sink: &mut Sink<'_>) {
    let lines = Rc::new(Cell::new(1));
    let counted = Counted {
        reader,
        lines: lines.clone(),
    };
    let mut walk = Walk {
        sink,
        lines: &lines,
        author: String::new(),
    };
    let mut json = serde_json::Deserializer::from_reader(counted);
    loop {
        let end = json.end();
        match end {
            Ok(()) => return,
            Err(error) if error.is_io() => {
                return walk.sink.fail(lines.get(), format!("cannot read on: {error}"));
            }
            // Another document.
            Err(_) => {}
        }
        let seed = Element {
            walk: &mut walk,
            depth: 0,
        };
        if let Err(error) = seed.deserialize(&mut json) {
            let line = lines.get();
            return walk.sink.fail(
                line,
                format!("{error}; what stands before it was read, mend it and load it again"),
            );
        }
    }
}

/// A reader that counts lines. The deserializer takes one byte after the other, so that the count is where it stands.
struct Counted<R> {
    reader: R,
    lines: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let ends = memchr::memchr_iter(b'\n', &buffer[..read]).count();
        self.lines.set(self.lines.get() + ends as u64);
        Ok(read)
    }
}

struct Walk<'w, 'b> {
    sink: &'w mut Sink<'b>,
    lines: &'w Cell<u64>,
    /// Who wrote the bundle at hand.
    author: String,
}

impl Walk<'_, '_> {
    fn object(&mut self, object: &Map<String, Json>) {
        let line = self.lines.get();
        if misp::is_event(object) {
            return misp::event(line, object, self.sink);
        }
        if misp::is_attribute(object) {
            return misp::attribute(line, object, &misp::Context::default(), self.sink);
        }
        if stix::is_object(object) {
            return stix::object(line, object, &mut self.author, self.sink);
        }
        let mut record = Record::default();
        for (name, value) in object {
            if let Some(role) = role_of(name) {
                take(&mut record, role, value);
            }
        }
        match record.has_value() {
            true => record.add_to(line, self.sink),
            false => self.sink.refuse(
                line,
                "this object has no value (`indicator`, `value`, `ip`, `domain`, `url`, `sha256`, …)",
            ),
        }
    }

    fn text(&mut self, text: &str) {
        let mut record = Record::default();
        record.take(Role::Value(None), text);
        if record.has_value() {
            record.add_to(self.lines.get(), self.sink);
        }
    }
}

fn take(record: &mut Record, role: Role, value: &Json) {
    match value {
        Json::String(text) => record.take(role, text),
        Json::Number(number) => record.take(role, &number.to_string()),
        Json::Bool(said) => record.take(role, &said.to_string()),
        Json::Array(values) => {
            for value in values {
                match value {
                    Json::Object(object) => {
                        // MISP's and OpenCTI's tags are objects.
                        if let Some(name) = object.get("name").or_else(|| object.get("value")) {
                            take(record, role, name);
                        }
                    }
                    value => take(record, role, value),
                }
            }
        }
        Json::Object(_) | Json::Null => {}
    }
}

/// A document, or an element of an array.
struct Element<'e, 'w, 'b> {
    walk: &'e mut Walk<'w, 'b>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Json>, D::Error> {
        json.deserialize_any(self)
    }
}

/// Gives back what is no entry: a scalar, where that is for the object around it to say.
impl<'de> Visitor<'de> for Element<'_, '_, '_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("indicators")
    }

    fn visit_unit<E>(self) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Json>, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Json>, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Json>, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Json>, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Json>, E> {
        Ok(Some(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Json>, A::Error> {
        if self.depth > DEEPEST {
            while elements.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        loop {
            match elements.next_element::<Json>()? {
                None => return Ok(None),
                Some(Json::Object(object)) => self.walk.element(&object, self.depth),
                Some(Json::String(text)) => self.walk.text(&text),
                Some(_) => {}
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Json>, A::Error> {
        let mut own = Map::new();
        let mut streamed = false;
        while let Some(name) = members.next_key::<String>()? {
            // Long arrays are looked at element by element; the rest is held.
            let is_long = STREAMED.contains(&name.as_str()) || name.bytes().all(|byte| byte.is_ascii_digit());
            if !is_long || self.depth >= DEEPEST {
                own.insert(name, members.next_value()?);
                continue;
            }
            let seed = Element {
                walk: &mut *self.walk,
                depth: self.depth + 1,
            };
            match members.next_value_seed(seed)? {
                Some(scalar) => {
                    own.insert(name, scalar);
                }
                None => streamed = true,
            }
        }
        if is_entry(&own) || !streamed {
            self.walk.element(&own, self.depth);
        }
        Ok(None)
    }
}

/// Members whose arrays hold entries.
const STREAMED: [&str; 6] = ["objects", "response", "data", "results", "indicators", "iocs"];

fn is_entry(object: &Map<String, Json>) -> bool {
    if object.get("type").and_then(Json::as_str) == Some("bundle") {
        return false;
    }
    misp::is_event(object)
        || misp::is_attribute(object)
        || stix::is_object(object)
        || object
            .keys()
            .any(|name| matches!(role_of(name), Some(Role::Value(_))))
}

impl Walk<'_, '_> {
    /// An object in an array: an entry, or something around entries.
    fn element(&mut self, object: &Map<String, Json>, depth: usize) {
        let within = || object.values().any(|value| value.is_array() || value.is_object());
        if is_entry(object) || depth >= DEEPEST || !within() {
            return self.object(object);
        }
        for value in object.values() {
            match value {
                Json::Object(inner) => self.element(inner, depth + 1),
                Json::Array(values) => {
                    for value in values {
                        match value {
                            Json::Object(inner) => self.element(inner, depth + 1),
                            Json::String(text) => self.text(text),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
