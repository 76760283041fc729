//! The `unmapped` object of one event.

use hashbrown::HashMap;

use super::values::{push_json, push_json_string};
use crate::value::Value;

/// A nested value deeper than this is kept as its JSON text in a string. Readers of the object stop at a
/// depth of their own (serde_json at 128), and one deep value must not hide all the others.
pub(super) const MAX_DEPTH: usize = 64;

/// Names and JSON values. A name that comes again makes its value an array: no key stands twice in the
/// object, and a rule that names the field sees every value.
#[derive(Debug, Default)]
pub(super) struct Unmapped {
    entries: Vec<(String, String, usize)>,
    /// Positions in `entries`, kept where there are too many to look through.
    index: HashMap<String, usize>,
}

const MANY: usize = 32;

impl Unmapped {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    /// Adds a value; `false` if it is nested too deeply and was added as its text.
    pub(super) fn add(&mut self, dotted: &str, value: &Value<'_>) -> bool {
        if let Value::Json(text) = value
            && is_deep(text)
        {
            self.push(dotted, &Value::Str(text));
            return false;
        }
        self.push(dotted, value);
        true
    }

    fn push(&mut self, dotted: &str, value: &Value<'_>) {
        let known = match self.index.is_empty() {
            true => self.entries.iter().position(|(name, _, _)| name == dotted),
            false => self.index.get(dotted).copied(),
        };
        if let Some((_, json, values)) = known.map(|known| &mut self.entries[known]) {
            json.push(',');
            push_json(json, value);
            *values += 1;
            return;
        }
        let mut json = String::new();
        push_json(&mut json, value);
        self.entries.push((dotted.to_owned(), json, 1));
        if self.entries.len() == MANY {
            let names = self.entries.iter().enumerate();
            self.index = names
                .map(|(position, (name, _, _))| (name.clone(), position))
                .collect();
        } else if self.entries.len() > MANY {
            self.index.insert(dotted.to_owned(), self.entries.len() - 1);
        }
    }

    /// The object's text; `None` if it is empty. Empty afterwards.
    pub(super) fn take(&mut self) -> Option<String> {
        if self.entries.is_empty() {
            return None;
        }
        self.index.clear();
        let mut object = String::from("{");
        for (name, json, values) in self.entries.drain(..) {
            if object.len() > 1 {
                object.push(',');
            }
            push_json_string(&mut object, &name);
            object.push(':');
            if values > 1 {
                object.push('[');
                object.push_str(&json);
                object.push(']');
            } else {
                object.push_str(&json);
            }
        }
        object.push('}');
        Some(object)
    }
}

/// Whether brackets in valid JSON `text` are open more than [`MAX_DEPTH`] deep anywhere.
fn is_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth -= 1,
            b'"' => at = string_end(bytes, at + 1),
            _ => {}
        }
        at += 1;
    }
    false
}

/// The position of the quote that ends the string whose text starts at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_no_depth() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_deep(&nested(MAX_DEPTH)));
        assert!(is_deep(&nested(MAX_DEPTH + 1)));
        let row = "[],{},".repeat(1000);
        assert!(!is_deep(&format!("[{row}1]")));
        let text = "[{".repeat(200);
        assert!(!is_deep(&format!(r#"{{"a\\\"{text}":"{text}\\"}}"#)));
        assert!(is_deep(&format!(r#"{{"a":"\\","b":{}}}"#, nested(MAX_DEPTH))));
    }

    #[test]
    fn the_object_can_always_be_read() {
        let deep = format!("{}\"x\"{}", "{\"a\":".repeat(500), "}".repeat(500));
        let mut unmapped = Unmapped::default();
        assert!(unmapped.add("flat", &Value::Json(r#"{"a":[1]}"#)));
        assert!(!unmapped.add("deep", &Value::Json(&deep)));
        assert!(!unmapped.add("deep", &Value::Json(&deep)));
        let object = unmapped.take().expect("has values");
        let object: serde_json::Value = serde_json::from_str(&object).expect("can be read");
        assert_eq!(object["flat"]["a"][0], 1);
        assert_eq!(object["deep"][1], deep.as_str());
    }
}
