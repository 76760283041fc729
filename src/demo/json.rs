//! JSON text written field by field, in order, without a tree in between.

use std::fmt::Write as _;

/// An object being written. [`Object::end`] closes it.
#[derive(Debug)]
pub(super) struct Object {
    text: String,
}

impl Object {
    /// `{`.
    pub fn new() -> Self {
        let mut text = String::with_capacity(1200);
        text.push('{');
        Self { text }
    }

    fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        quote(&mut self.text, key);
        self.text.push(':');
    }

    /// A text.
    pub fn str(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.text, value);
        self
    }

    /// A number, truth value or JSON text as it is.
    pub fn raw(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.key(key);
        let _ = write!(self.text, "{value}");
        self
    }

    /// Opens an object within; close it with [`Object::close`].
    pub fn open(mut self, key: &str) -> Self {
        self.key(key);
        self.text.push('{');
        self
    }

    /// Closes an object within.
    pub fn close(mut self) -> Self {
        self.text.push('}');
        self
    }

    /// Many texts.
    pub fn strs(mut self, pairs: &[(&str, &str)]) -> Self {
        for (key, value) in pairs {
            self = self.str(key, value);
        }
        self
    }

    /// The finished text.
    pub fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// Appends `value` as a JSON string.
fn quote(out: &mut String, value: &str) {
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
