//! From a template's tree to its [program](super::program).

use super::cursor::Damage;
use super::program::{Blank, Constant, Part, Program, Role, Source, Span, Step, Target, Within};
use super::render::Counts;
use super::render::{has_text, is_container, push_attributes, push_content};
use super::tree::{Element, Node, Tree};
use super::value::Scalar;
use crate::formats::json_windows::{is_attribute, system_name};

/// Text of a program, at most. Real ones have a few kilobytes.
const MAX_TEXT: usize = 256 << 10;

/// The shape has no program.
pub(super) struct Unusual;

impl From<Damage> for Unusual {
    fn from(_: Damage) -> Self {
        Unusual
    }
}

/// The program of a template that is a whole record, and that of one that is a value in another.
pub(super) fn compile(tree: &Tree<'_>) -> (Option<Program>, Option<Program>) {
    let root = &tree.elements[tree.root];
    let mut compiler = Compiler {
        tree,
        program: Program::default(),
        text_start: 0,
    };
    match &*root.name {
        "Event" => {
            let compiled = compiler.event(root);
            (compiler.finish(root, compiled), None)
        }
        name => {
            let compiled = compiler.data(root, is_container(name), 0);
            (None, compiler.finish(root, compiled))
        }
    }
}

/// Whether an element in `Event` holds the data of the event.
pub(super) fn holds_data(name: &str) -> bool {
    is_container(name) || name == "ProcessingErrorData"
}

/// A program under construction.
pub(super) struct Compiler<'t, 'a> {
    tree: &'t Tree<'a>,
    pub(super) program: Program,
    /// Where text begins that no step covers yet.
    text_start: usize,
}

/// Whether an object has members when another one is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    None,
    /// All of them may have been left out.
    Perhaps,
    Some,
}

impl Members {
    pub(super) fn after(attributes: bool) -> Self {
        if attributes { Members::Some } else { Members::None }
    }
}

/// What there is between an element's start and end.
pub(super) enum Content {
    Empty,
    Slot(u16),
    Literal,
    Elements,
}

impl<'t, 'a> Compiler<'t, 'a> {
    fn element(&self, element: usize) -> Result<&'t Element<'a>, Unusual> {
        if self.program.text.len() > MAX_TEXT {
            return Err(Unusual);
        }
        Ok(&self.tree.elements[element])
    }

    /// The children of an element that holds nothing but elements.
    pub(super) fn children(&self, element: &Element<'a>) -> Result<Vec<&'t Element<'a>>, Unusual> {
        let children = element.children.iter().map(|node| match node {
            Node::Element(child) => self.element(*child),
            _ => Err(Unusual),
        });
        children.collect()
    }

    pub(super) fn content(&self, element: &Element<'_>) -> Result<Content, Unusual> {
        Ok(match &element.children[..] {
            [Node::Substitution(slot, _)] => Content::Slot(*slot),
            nodes if nodes.iter().any(|node| matches!(node, Node::Element(_))) => Content::Elements,
            nodes if is_open(nodes) => return Err(Unusual),
            nodes if has_text(nodes) => Content::Literal,
            _ => Content::Empty,
        })
    }

    // Pieces of a program.

    pub(super) fn push(&mut self, text: &str) {
        self.program.text.extend_from_slice(text.as_bytes());
    }

    pub(super) fn span(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Damage>,
    ) -> Result<Span, Unusual> {
        self.end_text();
        let start = self.program.text.len() as u32;
        write(&mut self.program.text)?;
        self.text_start = self.program.text.len();
        Ok(start..self.text_start as u32)
    }

    /// The text that no step covers yet.
    fn open_text(&mut self) -> Span {
        let end = self.program.text.len();
        let start = std::mem::replace(&mut self.text_start, end);
        start as u32..end as u32
    }

    pub(super) fn end_text(&mut self) {
        let span = self.open_text();
        if !span.is_empty() {
            self.program.steps.push(Step::Text(span));
        }
    }

    pub(super) fn name(&mut self, name: &str) -> u32 {
        self.program.names.push(Box::from(name));
        self.program.names.len() as u32 - 1
    }

    pub(super) fn field(&mut self, name: &str, role: Role) -> Target {
        let field = Some(self.name(name));
        Target { field, role }
    }

    pub(super) fn constant(&mut self, json: &[u8]) -> Result<u32, Unusual> {
        let constant = match serde_json::from_slice(json) {
            Ok(serde_json::Value::String(text)) => Constant::Text(text.into()),
            Ok(serde_json::Value::Bool(flag)) => Constant::Flag(flag),
            Ok(serde_json::Value::Number(number)) => Constant::Integer(number.as_i64().ok_or(Unusual)?),
            _ => return Err(Unusual),
        };
        self.program.constants.push(constant);
        Ok(self.program.constants.len() as u32 - 1)
    }

    /// Writes literal content into the text.
    fn literal(&mut self, nodes: &[Node<'_>], target: Target) -> Result<(), Unusual> {
        let start = self.program.text.len();
        push_content(nodes, false, &mut self.program.text)?;
        let json = self.program.text[start..].to_vec();
        let constant = self.constant(&json)?;
        self.program.steps.push(Step::Constant(target, constant));
        Ok(())
    }

    /// A value that is text, a number, or blank.
    pub(super) fn leaf(
        &mut self,
        element: &Element<'_>,
        blank: Blank,
        target: Target,
    ) -> Result<(), Unusual> {
        match self.content(element)? {
            Content::Empty if blank == Blank::Text => self.literal(&[Node::Value(Scalar::NULL)], target)?,
            Content::Empty => self.push(blank.json()),
            Content::Slot(slot) => {
                let before = self.open_text();
                self.program.steps.push(Step::Value {
                    before,
                    slot,
                    blank,
                    dependent: false,
                    target,
                });
            }
            Content::Literal => self.literal(&element.children, target)?,
            Content::Elements => return Err(Unusual),
        }
        Ok(())
    }

    /// A member of an object: `write` writes its key and value. The comma before it and the element's dependency are
    /// seen to here.
    pub(super) fn member(
        &mut self,
        members: &mut Members,
        element: &Element<'a>,
        write: impl FnOnce(&mut Self) -> Result<(), Unusual>,
    ) -> Result<(), Unusual> {
        let guard = element.dependency.map(|slot| {
            self.end_text();
            self.program.steps.push(Step::Depends { slot, steps: 0 });
            (slot, self.program.steps.len())
        });
        match members {
            Members::None => {}
            Members::Some => self.push(","),
            Members::Perhaps => {
                self.end_text();
                self.program.steps.push(Step::Comma);
            }
        }
        write(self)?;
        let Some((depends_on, at)) = guard else {
            *members = Members::Some;
            return Ok(());
        };
        if *members == Members::None {
            *members = Members::Perhaps;
        }
        self.end_text();
        match &mut self.program.steps[at - 1..] {
            // Most elements depend on their own value.
            [_, Step::Value { slot, dependent, .. }] if *slot == depends_on => {
                *dependent = true;
                self.program.steps.remove(at - 1);
            }
            [Step::Depends { steps, .. }, rest @ ..] => *steps = rest.len(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn key(&mut self, key: &str) -> Result<(), Unusual> {
        is_plain(key)?;
        self.push("\"");
        self.push(key);
        self.push("\":");
        Ok(())
    }

    fn finish(mut self, root: &Element<'_>, compiled: Result<(), Unusual>) -> Option<Program> {
        compiled.and_then(|()| is_plain(&root.name)).ok()?;
        self.end_text();
        self.program.root = Box::from(&*root.name);
        Some(self.program)
    }

    // The parts of an event.

    fn event(&mut self, event: &Element<'a>) -> Result<(), Unusual> {
        if event.attributes.iter().any(|attribute| is_open(&attribute.value)) {
            return Err(Unusual);
        }
        self.push("{\"Event\":{");
        let attributes = event
            .attributes
            .iter()
            .any(|attribute| has_text(&attribute.value));
        if attributes {
            push_attributes(&event.attributes, &mut self.program.text)?;
        }
        let mut members = Members::after(attributes);
        let mut names: Vec<&str> = Vec::new();
        let mut values = 0;
        for node in &event.children {
            match node {
                Node::Element(child) => {
                    let child = self.element(*child)?;
                    // What comes after a value would need a comma or none.
                    if names.contains(&&*child.name) || values > 0 {
                        return Err(Unusual);
                    }
                    names.push(&child.name);
                    self.member(&mut members, child, |compiler| {
                        compiler.key(&child.name)?;
                        match &*child.name {
                            "System" if child.dependency.is_none() => compiler.system(child),
                            name if holds_data(name) => compiler.data(child, is_container(name), 0),
                            _ => Err(Unusual),
                        }
                    })?;
                }
                Node::Substitution(slot, _) if values == 0 && members == Members::Some => {
                    values += 1;
                    self.end_text();
                    let taken = names.iter().map(|name| Box::from(*name)).collect();
                    let within = Within::Event(taken);
                    self.program.steps.push(Step::Member { slot: *slot, within });
                }
                _ => return Err(Unusual),
            }
        }
        if !names.contains(&"System") {
            return Err(Unusual);
        }
        self.push("}}");
        Ok(())
    }

    fn system(&mut self, system: &Element<'a>) -> Result<(), Unusual> {
        let children = self.children(system)?;
        if children.is_empty() || !system.attributes.is_empty() {
            return Err(Unusual);
        }
        if children.iter().all(|child| child.dependency.is_some()) {
            return Err(Unusual);
        }
        self.push("{");
        let mut names: Counts<&str> = Counts::new();
        let mut members = Members::None;
        for child in children {
            let name = &*child.name;
            if names.next(name) > 0 || is_attribute(name) || name.ends_with("_attributes") {
                return Err(Unusual);
            }
            let with_attributes = child
                .attributes
                .iter()
                .any(|attribute| is_open(&attribute.value) || has_text(&attribute.value));
            self.member(&mut members, child, |compiler| {
                compiler.key(name)?;
                let role = match name {
                    "TimeCreated" if !with_attributes || !child.children.is_empty() => return Err(Unusual),
                    "Channel" | "Computer" if with_attributes => return Err(Unusual),
                    _ if with_attributes => return compiler.with_attributes(child),
                    "Channel" => Role::Channel,
                    "Computer" => Role::Computer,
                    _ => Role::None,
                };
                let target = compiler.field(system_name(name), role);
                compiler.leaf(child, Blank::Null, target)
            })?;
        }
        self.push("}");
        Ok(())
    }

    /// An element of `System` with attributes.
    fn with_attributes(&mut self, element: &Element<'a>) -> Result<(), Unusual> {
        let mut attributes = Vec::with_capacity(element.attributes.len());
        for attribute in &element.attributes {
            if attribute.name.starts_with('@') {
                return Err(Unusual);
            }
            let (element, name) = (&*element.name, &*attribute.name);
            let target = match (element, name) {
                ("TimeCreated", _) => Target {
                    field: None,
                    role: if name == "SystemTime" {
                        Role::Time
                    } else {
                        Role::None
                    },
                },
                _ => {
                    let provider = element == "Provider" && name == "Name";
                    let role = if provider { Role::Provider } else { Role::None };
                    self.field(system_name(&[element, "_", name].concat()), role)
                }
            };
            is_plain(name)?;
            let key = self.span(|text| {
                text.extend_from_slice(b"\"");
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(b"\":");
                Ok(())
            })?;
            let source = match &attribute.value[..] {
                [Node::Substitution(slot, _)] => Source::Slot(*slot),
                nodes if is_open(nodes) => return Err(Unusual),
                nodes if has_text(nodes) => self.literal_source(nodes)?,
                _ => continue,
            };
            attributes.push(Part { key, source, target });
        }
        let source = match self.content(element)? {
            Content::Empty => None,
            Content::Slot(slot) => Some(Source::Slot(slot)),
            Content::Literal => Some(self.literal_source(&element.children)?),
            Content::Elements => return Err(Unusual),
        };
        let content = source.map(|source| Part {
            key: 0..0,
            source,
            target: self.field(system_name(&element.name), Role::None),
        });
        self.end_text();
        self.program.steps.push(Step::Element {
            attributes: attributes.into(),
            content,
        });
        Ok(())
    }

    pub(super) fn literal_source(&mut self, nodes: &[Node<'_>]) -> Result<Source, Unusual> {
        let span = self.span(|text| push_content(nodes, false, text))?;
        let json = self.program.text[span.start as usize..span.end as usize].to_vec();
        let constant = self.constant(&json)?;
        Ok(Source::Literal(span, constant))
    }
}

/// Names are written as they are: those that would have to be escaped are left to the general way.
fn is_plain(name: &str) -> Result<(), Unusual> {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if name.bytes().any(special) {
        Err(Unusual)
    } else {
        Ok(())
    }
}

/// Whether there are values to be filled in.
pub(super) fn is_open(nodes: &[Node<'_>]) -> bool {
    nodes.iter().any(|node| matches!(node, Node::Substitution(..)))
}

/// Whether an element has neither attributes that could be shown nor elements.
pub(super) fn is_leaf(element: &Element<'_>) -> bool {
    let attributes = element
        .attributes
        .iter()
        .any(|attribute| is_open(&attribute.value) || has_text(&attribute.value));
    !attributes
        && !element
            .children
            .iter()
            .any(|node| matches!(node, Node::Element(_)))
}
