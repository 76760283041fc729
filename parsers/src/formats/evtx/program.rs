//! A template as a list of steps: what is written for every record of it, and which field each of its values feeds.
//!
//! Templates are read once; then a record costs its values alone. The steps make two things at once: the record's JSON
//! (as the [general way](super::render) would, byte for byte: the identity of an event is a hash over it, and
//! `original` keeps it), and the fields that the [JSON decoder](super::super::json_windows) would find in it.
//!
//! [`compile`](super::compile) takes the shapes that Windows writes: `System` with leaves and attributes, named or unnamed `Data`, one
//! element of plain fields in `UserData`. A template of another shape has no program, and a record whose values do not
//! suit its program (an array where none is expected, say) is read the general way.

/// A part of [`Program::text`].
pub(super) type Span = std::ops::Range<u32>;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Literal JSON, in the order of the steps.
    pub(super) text: Vec<u8>,
    pub(super) steps: Vec<Step>,
    /// Native names of fields.
    pub(super) names: Vec<Box<str>>,
    /// Values that are the template's own.
    pub(super) constants: Vec<Constant>,
    /// Whether a field is named as the text of an element could be in JSON (`Value`): that matters for what is the
    /// one element of `UserData`.
    pub(super) like_text: bool,
    /// The element at the top.
    pub(super) root: Box<str>,
}

/// A value that does not depend on the record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(Box<str>),
    Integer(i64),
    Flag(bool),
}

#[derive(Debug)]
pub(super) enum Step {
    /// Literal text.
    Text(Span),
    /// A field of a literal value, which the text around it shows already.
    Constant(Target, u32),
    /// Text, then a value, or what stands for an empty one. `dependent`: if there is none, not even the text.
    Value {
        before: Span,
        slot: u16,
        blank: Blank,
        dependent: bool,
        target: Target,
    },
    /// An element with attributes, of which empty ones are left out.
    Element {
        attributes: Box<[Part]>,
        content: Option<Part>,
    },
    /// Unnamed `Data`.
    List(Box<[Source]>, u32),
    /// An element that is a value: another template.
    Member { slot: u16, within: Within },
    /// The next steps, only if there is a value.
    Depends { slot: u16, steps: usize },
    /// The next steps, if there is any of the values; `null` otherwise.
    DependsOnAny { slots: Box<[u16]>, steps: usize },
    /// A comma, unless an object just begins.
    Comma,
}

/// Where an element that is a value stands.
#[derive(Debug)]
pub(super) enum Within {
    /// In `Event`, after elements of these names.
    Event(Box<[Box<str>]>),
    /// It is all that there is in `UserData` or the like.
    Container,
}

/// What stands for an empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    Null,
    /// An empty string, which is a field's value.
    Text,
}

impl Blank {
    /// Its JSON.
    pub(super) fn json(self) -> &'static str {
        match self {
            Blank::Null => "null",
            Blank::Text => "\"\"",
        }
    }
}

/// A part of an element: an attribute or its content.
#[derive(Debug)]
pub(super) struct Part {
    /// The key.
    pub(super) key: Span,
    pub(super) source: Source,
    pub(super) target: Target,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Slot(u16),
    /// Its JSON, and its value.
    Literal(Span, u32),
}

/// What becomes of a value that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The position of its native name; `None`: it is no field.
    pub(super) field: Option<u32>,
    pub(super) role: Role,
}

/// What a value says about the whole event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    None,
    Time,
    Channel,
    Computer,
    Provider,
}
