//! JSON text as a tape of values, without an allocation per event.

use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use super::Reject;
use super::json_repair::{MAX_DEPTH, repair};
use crate::value::Value;

/// Parses one document at a time.
pub(super) struct TapeParser {
    scratch: Vec<u8>,
    buffers: Buffers,
    /// Kept for its allocation; empty between documents.
    tape: Option<Tape<'static>>,
    /// Documents in which something had to be mended.
    pub(super) repaired: u64,
}

impl TapeParser {
    pub(super) fn new() -> Self {
        TapeParser {
            scratch: Vec::new(),
            buffers: Buffers::with_max_depth(4096, MAX_DEPTH),
            tape: None,
            repaired: 0,
        }
    }

    /// Parses `frame` and gives it to `use_it`. What the fast parser does not take (numbers beyond 64
    /// bits, unpaired surrogates, raw control characters) is mended where its meaning is plain.
    ///
    /// # Errors
    ///
    /// `truncated_json`, `not_json`, `too_deep`.
    pub(super) fn parse<R>(&mut self, frame: &[u8], use_it: impl FnOnce(Json<'_>) -> R) -> Result<R, Reject> {
        let mut tape = self.tape.take().unwrap_or_else(Tape::null).reset();
        self.scratch.clear();
        self.scratch.extend_from_slice(frame);
        self.scratch.resize(frame.len() + INPUT_PADDING, 0);
        let parsed =
            simd_json::fill_tape_padded(&mut self.scratch, frame.len(), &mut self.buffers, &mut tape);
        if parsed.is_ok() {
            let result = use_it(Json(&tape.0));
            self.tape = Some(tape.reset());
            return Ok(result);
        }
        self.tape = Some(tape.reset());
        let mut mended = repair(frame)?;
        self.repaired += 1;
        let mut tape = Tape::null();
        simd_json::fill_tape(&mut mended, &mut self.buffers, &mut tape)
            .map_err(|error| Reject::new("not_json", error.to_string()))?;
        Ok(use_it(Json(&tape.0)))
    }
}

/// One value of a parsed document, with everything below it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<'t>(&'t [Node<'t>]);

fn nodes_of(node: Option<&Node<'_>>) -> usize {
    match node {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
        _ => 1,
    }
}

impl<'t> Json<'t> {
    /// The members, if it is an object (none otherwise).
    pub(super) fn members(self) -> Members<'t> {
        match self.0.split_first() {
            Some((Node::Object { count, .. }, rest)) => Members(rest.get(..*count).unwrap_or_default()),
            _ => Members(&[]),
        }
    }

    /// The elements, if it is an array (none otherwise).
    pub(super) fn elements(self) -> Elements<'t> {
        match self.0.split_first() {
            Some((Node::Array { count, .. }, rest)) => Elements(rest.get(..*count).unwrap_or_default()),
            _ => Elements(&[]),
        }
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// The member called `key`, the first of several.
    pub(super) fn get(self, key: &str) -> Option<Json<'t>> {
        self.members()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    /// The member at a path of keys.
    pub(super) fn at(self, path: &[&str]) -> Option<Json<'t>> {
        path.iter().try_fold(self, |json, key| json.get(key))
    }

    /// The text, if it is a string.
    pub(super) fn text(self) -> Option<&'t str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A scalar as a value; `None` for objects and arrays. Integers past `i64` come through `number`,
    /// as text.
    pub(super) fn scalar<'v>(self, number: &'v mut String) -> Option<Value<'v>>
    where
        't: 'v,
    {
        Some(match self.0.first()? {
            Node::String(text) => Value::Str(text),
            Node::Static(StaticNode::I64(i)) => Value::Int(*i),
            Node::Static(StaticNode::U64(u)) => match i64::try_from(*u) {
                Ok(i) => Value::Int(i),
                Err(_) => {
                    *number = u.to_string();
                    Value::Str(number)
                }
            },
            Node::Static(StaticNode::F64(f)) => Value::Float(*f),
            Node::Static(StaticNode::Bool(flag)) => Value::Bool(*flag),
            Node::Static(StaticNode::Null) => Value::Null,
            Node::Object { .. } | Node::Array { .. } => return None,
        })
    }

    /// A scalar that is no text; null for anything else.
    pub(super) fn number_or_flag(self) -> Value<'t> {
        match self.0.first() {
            Some(Node::Static(StaticNode::I64(i))) => Value::Int(*i),
            Some(Node::Static(StaticNode::U64(u))) => {
                i64::try_from(*u).map_or(Value::Float(*u as f64), Value::Int)
            }
            Some(Node::Static(StaticNode::F64(f))) => Value::Float(*f),
            Some(Node::Static(StaticNode::Bool(flag))) => Value::Bool(*flag),
            _ => Value::Null,
        }
    }

    /// Whether it is null.
    pub(super) fn is_null(self) -> bool {
        matches!(self.0.first(), Some(Node::Static(StaticNode::Null)))
    }

    /// Appends it as compact JSON.
    pub(super) fn write(self, out: &mut String) {
        match self.0.first() {
            Some(Node::Object { .. }) => {
                out.push('{');
                for (position, (key, value)) in self.members().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_string(out, key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Some(Node::Array { .. }) => {
                out.push('[');
                for (position, value) in self.elements().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Some(Node::String(text)) => write_string(out, text),
            Some(Node::Static(StaticNode::F64(f))) if f.is_finite() => out.push_str(&f.to_string()),
            Some(Node::Static(StaticNode::I64(i))) => out.push_str(&i.to_string()),
            Some(Node::Static(StaticNode::U64(u))) => out.push_str(&u.to_string()),
            Some(Node::Static(StaticNode::Bool(flag))) => out.push_str(if *flag { "true" } else { "false" }),
            Some(Node::Static(StaticNode::F64(_) | StaticNode::Null)) | None => out.push_str("null"),
        }
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("text always has a JSON form"));
}

/// See [`Json::members`].
pub(super) struct Members<'t>(&'t [Node<'t>]);

impl<'t> Iterator for Members<'t> {
    type Item = (&'t str, Json<'t>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (Node::String(key), rest) = self.0.split_first()? else {
            return None;
        };
        let (value, rest) = rest.split_at_checked(nodes_of(rest.first()))?;
        self.0 = rest;
        Some((key, Json(value)))
    }
}

/// See [`Json::elements`].
pub(super) struct Elements<'t>(&'t [Node<'t>]);

impl<'t> Iterator for Elements<'t> {
    type Item = Json<'t>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (value, rest) = self.0.split_at_checked(nodes_of(self.0.first()))?;
        self.0 = rest;
        Some(Json(value))
    }
}
