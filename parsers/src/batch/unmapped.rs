//! The `unmapped` object of one event.

use hashbrown::HashMap;

use super::column::{push_json, push_json_string};
use crate::value::Value;

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

    pub(super) fn add(&mut self, dotted: &str, value: &Value<'_>) {
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
