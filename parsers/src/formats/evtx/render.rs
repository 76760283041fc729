//! A tree as the JSON that `evtx_dump` writes (with attributes in `#attributes`, text beside them in `#text`).
//!
//! The general way of reading a record ends here: what is rendered is read as JSON, and so a record in an odd shape
//! has the same fields as the file that the well-known tool makes of it. The rules, as far as they are not plain:
//!
//! - an element without content and attributes is `null`; one with text alone is that text, a number or boolean if it
//!   is one value of such a type;
//! - children are members; further ones of the same name are called `Name_1`, `Name_2` and so on;
//! - in `EventData` and `UserData`, `Data` elements are members under their attribute `Name`, as soon as one has that;
//!   neighbours of the same name are an array; without names, all are `"Data":{"#text":…}`, an array if there are
//!   several. Empty ones are empty strings;
//! - names of elements and attributes are written as they are, so that a damaged name can make bad JSON, which costs
//!   that record.

use std::rc::Rc;

use super::budget::{Budget, RECORD_TEXT};
use super::cursor::Damage;
use super::text::{Digits, push_escaped, push_unsigned};
use super::tree::{Attribute, Element, MAX_DEPTH, Node, Tree};
use super::value::Scalar;

/// Appends the JSON of a record.
///
/// # Errors
///
/// For what has no text, and if it becomes too long or too deep.
pub(super) fn render(tree: &Tree<'_>, budget: &Budget, out: &mut Vec<u8>) -> Result<(), Damage> {
    let limit = out.len() + RECORD_TEXT;
    let mut renderer = Renderer {
        tree,
        budget,
        limit,
        out,
        depth: 0,
    };
    let root = renderer.element(tree.root)?;
    renderer.out.push(b'{');
    renderer.key(&root.name, 0);
    renderer.value(root, false)?;
    renderer.out.push(b'}');
    renderer.check()
}

/// Whether an element holds the data of an event.
pub(super) fn is_container(name: &str) -> bool {
    name == "EventData" || name == "UserData"
}

/// The value of the attribute `Name`.
pub(super) fn data_name<'t, 'a>(element: &'t Element<'a>) -> Option<&'t [Node<'a>]> {
    element
        .attributes
        .iter()
        .find(|attribute| &*attribute.name == "Name")
        .map(|attribute| &attribute.value[..])
}

/// Whether there is text.
pub(super) fn has_text(nodes: &[Node<'_>]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Value(value) => !value.is_empty(),
        Node::Entity(_) | Node::Character(_) | Node::Substitution(..) => true,
        Node::Element(_) | Node::Instruction => false,
    })
}

fn has_elements(element: &Element<'_>) -> bool {
    element
        .children
        .iter()
        .any(|node| matches!(node, Node::Element(_)))
}

/// How often each name was seen.
pub(super) struct Counts<K>(hashbrown::HashMap<K, u32>);

impl<K: std::hash::Hash + Eq> Counts<K> {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Counts(hashbrown::HashMap::new())
    }

    /// How often `name` was seen before.
    pub(super) fn next(&mut self, name: K) -> u32 {
        let count = self.0.entry(name).or_insert(0);
        *count += 1;
        *count - 1
    }
}

/// A `Data` element's name for comparisons: names are the same if they are put together from the same values.
#[derive(PartialEq, Eq, Hash)]
struct DataName(Vec<u8>);

impl DataName {
    fn new(nodes: &[Node<'_>]) -> Self {
        let mut key = Vec::new();
        for node in nodes {
            match node {
                Node::Value(value) => {
                    key.extend_from_slice(&[1, value.kind]);
                    key.extend_from_slice(&value.bytes.len().to_le_bytes());
                    key.extend_from_slice(value.bytes);
                }
                Node::Character(character) => {
                    key.push(2);
                    key.extend_from_slice(&character.to_le_bytes());
                }
                Node::Entity(name) => {
                    key.push(3);
                    key.extend_from_slice(&name.len().to_le_bytes());
                    key.extend_from_slice(name.as_bytes());
                }
                Node::Element(element) => {
                    key.push(4);
                    key.extend_from_slice(&element.to_le_bytes());
                }
                Node::Instruction | Node::Substitution(..) => key.push(5),
            }
        }
        DataName(key)
    }
}

/// Appends what stands for the value of an attribute or the text of an element: a number, a boolean or a string.
/// `skip_elements`: the text of an element with children.
pub(super) fn push_content(nodes: &[Node<'_>], skip_elements: bool, out: &mut Vec<u8>) -> Result<(), Damage> {
    if let Some(value) = single_value(nodes, skip_elements).filter(|value| value.is_bare()) {
        return value.push_json(out);
    }
    out.push(b'"');
    push_text(nodes, skip_elements, out)?;
    out.push(b'"');
    Ok(())
}

/// The value, if the content is one.
fn single_value<'a>(nodes: &[Node<'a>], skip_elements: bool) -> Option<Scalar<'a>> {
    let mut nodes = nodes.iter().filter(|node| match node {
        // Beside elements, what says nothing is not counted.
        Node::Element(_) | Node::Instruction => !skip_elements,
        Node::Value(value) => !(skip_elements && value.is_empty()),
        _ => true,
    });
    match (nodes.next(), nodes.next()) {
        (Some(Node::Value(value)), None) => Some(*value),
        _ => None,
    }
}

/// Appends text as the inside of a JSON string.
pub(super) fn push_text(nodes: &[Node<'_>], skip_elements: bool, out: &mut Vec<u8>) -> Result<(), Damage> {
    for node in nodes {
        match node {
            Node::Value(value) => value.push_json(out)?,
            Node::Character(unit) => match char::from_u32((*unit).into()) {
                Some(character) => {
                    let mut buffer = [0; 4];
                    push_escaped(character.encode_utf8(&mut buffer).as_bytes(), Digits::Lower, out);
                }
                None => {
                    out.extend_from_slice(b"&#");
                    push_unsigned((*unit).into(), out);
                    out.push(b';');
                }
            },
            Node::Entity(name) => match &**name {
                "quot" => out.extend_from_slice(b"\\\""),
                "apos" => out.push(b'\''),
                "amp" => out.push(b'&'),
                "lt" => out.push(b'<'),
                "gt" => out.push(b'>'),
                name => {
                    out.push(b'&');
                    out.extend_from_slice(name.as_bytes());
                    out.push(b';');
                }
            },
            Node::Instruction => {}
            Node::Element(_) if skip_elements => {}
            Node::Element(_) => return Err(Damage::new("an element stands inside of an attribute")),
            Node::Substitution(..) => return Err(Damage::new("a value is missing")),
        }
    }
    Ok(())
}

struct Renderer<'t, 'a> {
    tree: &'t Tree<'a>,
    budget: &'t Budget,
    limit: usize,
    out: &'t mut Vec<u8>,
    depth: usize,
}

impl<'t, 'a> Renderer<'t, 'a> {
    fn check(&self) -> Result<(), Damage> {
        if self.out.len() > self.limit {
            return Err(Damage::new("it unfolds to too much text"));
        }
        Ok(())
    }

    /// An element, its visit charged.
    fn element(&self, element: usize) -> Result<&'t Element<'a>, Damage> {
        let element = &self.tree.elements[element];
        self.budget.nodes(element.size())?;
        self.check()?;
        Ok(element)
    }

    fn key(&mut self, name: &str, suffix: u32) {
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.end_key(suffix);
    }

    fn end_key(&mut self, suffix: u32) {
        if suffix > 0 {
            self.out.push(b'_');
            push_unsigned(suffix.into(), self.out);
        }
        self.out.extend_from_slice(b"\":");
    }

    /// The value of an element.
    fn value(&mut self, element: &'t Element<'a>, container: bool) -> Result<(), Damage> {
        let attributes = element
            .attributes
            .iter()
            .any(|attribute| has_text(&attribute.value));
        let (text, elements) = (has_text(&element.children), has_elements(element));
        if !attributes && !elements {
            return self.text_or(element, text, b"null");
        }
        self.body(element, container, attributes, text)
    }

    /// The value of a `Data` element: its attributes are not shown.
    fn data_value(&mut self, element: &'t Element<'a>) -> Result<(), Damage> {
        let text = has_text(&element.children);
        if has_elements(element) {
            return self.body(element, false, false, text);
        }
        self.text_or(element, text, b"\"\"")
    }

    fn text_or(&mut self, element: &'t Element<'a>, text: bool, empty: &[u8]) -> Result<(), Damage> {
        if text {
            push_content(&element.children, false, self.out)
        } else {
            self.out.extend_from_slice(empty);
            Ok(())
        }
    }

    /// The children of an element that are elements.
    fn children(&self, element: &'t Element<'a>) -> Result<Vec<&'t Element<'a>>, Damage> {
        let children = element.children.iter().filter_map(|node| match node {
            Node::Element(child) => Some(self.element(*child)),
            _ => None,
        });
        children.collect()
    }

    /// An element as an object.
    fn body(
        &mut self,
        element: &'t Element<'a>,
        container: bool,
        attributes: bool,
        text: bool,
    ) -> Result<(), Damage> {
        if self.depth >= MAX_DEPTH {
            return Err(Damage::new("elements are nested too deeply"));
        }
        self.depth += 1;
        self.out.push(b'{');
        let mut members = 0;
        if attributes {
            members += 1;
            push_attributes(&element.attributes, self.out)?;
        }
        if text {
            self.comma(&mut members);
            self.out.extend_from_slice(b"\"#text\":");
            push_content(&element.children, true, self.out)?;
        }
        let children = self.children(element)?;
        self.members(&children, container, members)?;
        self.out.push(b'}');
        self.depth -= 1;
        Ok(())
    }

    fn comma(&mut self, members: &mut usize) {
        if *members > 0 {
            self.out.push(b',');
        }
        *members += 1;
    }

    fn members(
        &mut self,
        children: &[&'t Element<'a>],
        container: bool,
        mut members: usize,
    ) -> Result<(), Damage> {
        let is_data = |child: &Element<'_>| container && &*child.name == "Data";
        let named = children
            .iter()
            .any(|child| is_data(child) && data_name(child).is_some_and(has_text));
        let mut names: Counts<Rc<str>> = Counts::new();
        let mut data_names: Counts<DataName> = Counts::new();
        let mut unnamed_written = false;
        let mut at = 0;
        while let Some(&child) = children.get(at) {
            at += 1;
            self.check()?;
            if !is_data(child) {
                self.comma(&mut members);
                let suffix = names.next(child.name.clone());
                self.key(&child.name, suffix);
                self.value(child, is_container(&child.name))?;
            } else if named {
                let Some(name) = data_name(child).filter(|name| has_text(name)) else {
                    continue;
                };
                self.comma(&mut members);
                let key = DataName::new(name);
                let same = children[at..].iter().take_while(|next| {
                    is_data(next) && data_name(next).is_some_and(|name| DataName::new(name) == key)
                });
                let run = same.count();
                let suffix = data_names.next(key);
                self.out.push(b'"');
                push_text(name, false, self.out)?;
                self.end_key(suffix);
                self.list(&children[at - 1..at + run])?;
                at += run;
            } else if !std::mem::replace(&mut unnamed_written, true) {
                self.comma(&mut members);
                self.out.extend_from_slice(b"\"Data\":{\"#text\":");
                let data: Vec<_> = children.iter().copied().filter(|child| is_data(child)).collect();
                self.list(&data)?;
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    /// `Data` elements: the value of one, an array of several.
    fn list(&mut self, data: &[&'t Element<'a>]) -> Result<(), Damage> {
        if let [only] = data {
            return self.data_value(only);
        }
        self.out.push(b'[');
        for (position, element) in data.iter().enumerate() {
            self.check()?;
            if position > 0 {
                self.out.push(b',');
            }
            self.data_value(element)?;
        }
        self.out.push(b']');
        Ok(())
    }
}

/// Appends `"#attributes":{…}`.
pub(super) fn push_attributes(attributes: &[Attribute<'_>], out: &mut Vec<u8>) -> Result<(), Damage> {
    out.extend_from_slice(b"\"#attributes\":{");
    let mut first = true;
    for attribute in attributes.iter().filter(|attribute| has_text(&attribute.value)) {
        if !std::mem::replace(&mut first, false) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(attribute.name.as_bytes());
        out.extend_from_slice(b"\":");
        push_content(&attribute.value, false, out)?;
    }
    out.push(b'}');
    Ok(())
}
