//! Reading tokens of binary XML (MS-EVEN6, section 2.2.12) into trees.
//!
//! Nesting is limited ([`MAX_DEPTH`], [`MAX_FRAGMENTS`]), and every node that is kept is charged to the [`Budget`].

use std::rc::Rc;

use hashbrown::HashMap;

use super::budget::Budget;
use super::chunk::{Chunk, NAME_LINK_BYTES};
use super::cursor::{Cursor, Damage};
use super::fill::{Filling, fill};
use super::tree::{Attribute, Element, Empty, MAX_DEPTH, Node, Tree};
use super::value::{Scalar, is_kind, kind};

/// Values that are binary XML with values that are binary XML and so on.
const MAX_FRAGMENTS: usize = 64;
/// Bytes of a template definition before its content.
pub(super) const TEMPLATE_HEADER_BYTES: usize = 24;

/// A template's tree and what a copy costs.
struct Template<'a> {
    tree: Tree<'a>,
    nodes: usize,
}

/// The trees of a chunk.
pub(super) struct Trees<'a> {
    chunk: &'a Chunk<'a>,
    budget: &'a Budget,
    names: HashMap<u32, Rc<str>>,
    name_bytes: usize,
    /// A template that cannot be read is not tried again.
    templates: HashMap<u32, Result<Rc<Template<'a>>, Damage>>,
    /// Where the names that were read last are referred to.
    references: Vec<usize>,
    /// Whether what was read last holds nothing that lies elsewhere, but for names.
    closed: bool,
}

/// Bytes of all different names of a chunk. Crafted ones can overlap, and so be longer together than the chunk.
const MAX_NAME_BYTES: usize = 4 << 20;

/// A template instance: where its definition is, and its values.
struct Instance<'a> {
    template: u32,
    /// With the places where they stand.
    values: Vec<(usize, Scalar<'a>)>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(chunk: &'a Chunk<'a>, budget: &'a Budget) -> Self {
        Trees {
            chunk,
            budget,
            names: HashMap::new(),
            name_bytes: 0,
            templates: HashMap::new(),
            references: Vec::new(),
            closed: true,
        }
    }

    /// The tree of the record whose binary XML lies between `start` and `end`. One without any element is an empty
    /// `Event`.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(super) fn record(&mut self, start: usize, end: usize) -> Result<Tree<'a>, Damage> {
        self.references.clear();
        let mut elements = Vec::new();
        let roots = self.stream(start, end, Mode::Record, 0, &mut elements)?;
        let root = match roots.first() {
            Some(root) => *root,
            None => {
                elements.push(Element {
                    name: Rc::from("Event"),
                    attributes: Vec::new(),
                    children: Vec::new(),
                    dependency: None,
                });
                elements.len() - 1
            }
        };
        Ok(Tree { elements, root })
    }

    /// The tree of the template defined at `offset`, with its substitutions.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(super) fn template(&mut self, offset: u32) -> Result<Tree<'a>, Damage> {
        self.references.clear();
        self.closed = !self.templates.contains_key(&offset);
        Ok(self.definition(offset, 0)?.tree.clone())
    }

    /// Where in the `length` bytes from `start` names are referred to, counted from there, if they are the template that
    /// was read last and all that it consists of but for names.
    pub(super) fn take_references(&mut self, start: usize, length: usize) -> Option<Vec<usize>> {
        let inside = |at: &usize| (start..start + length).contains(at);
        if !self.closed || !self.references.iter().all(inside) {
            return None;
        }
        let references = std::mem::take(&mut self.references);
        Some(references.into_iter().map(|at| at - start).collect())
    }

    fn definition(&mut self, offset: u32, fragments: usize) -> Result<Rc<Template<'a>>, Damage> {
        if let Some(known) = self.templates.get(&offset) {
            return known.clone();
        }
        let template = self.read_definition(offset, fragments);
        self.templates.insert(offset, template.clone());
        template
    }

    fn read_definition(&mut self, offset: u32, fragments: usize) -> Result<Rc<Template<'a>>, Damage> {
        let mut cursor = Cursor::new(self.chunk.data, offset as usize)?;
        cursor.take(20)?;
        let length = cursor.u32()? as usize;
        let start = cursor.at;
        cursor.take(length)?;
        // Definitions can overlap: reading them is charged like copying them.
        self.budget.nodes(length / 4)?;
        let mut elements = Vec::new();
        let roots = self.stream(start, start + length, Mode::Template, fragments, &mut elements)?;
        let [root] = roots[..] else {
            let count = roots.len();
            return Err(Damage(format!(
                "the template at {offset:#x} has {count} elements at its top"
            )));
        };
        let tree = Tree { elements, root };
        let nodes = tree.unfolded()?;
        self.budget.nodes(tree.elements.iter().map(Element::size).sum())?;
        Ok(Rc::new(Template { tree, nodes }))
    }

    fn name(&mut self, cursor: &mut Cursor<'_>) -> Result<Rc<str>, Damage> {
        self.references.push(cursor.at);
        let offset = read_name(cursor)?;
        if let Some(name) = self.names.get(&offset) {
            return Ok(name.clone());
        }
        let name: Rc<str> = Rc::from(self.chunk.name(offset)?);
        self.name_bytes += name.len();
        if self.name_bytes > MAX_NAME_BYTES {
            return Err(Damage::new("the chunk's names are too long"));
        }
        self.names.insert(offset, name.clone());
        Ok(name)
    }

    /// Reads the tokens between `start` and `end` into `elements`; the ones at the top come back. The last token may
    /// reach past `end`: some writers are not exact about lengths.
    fn stream(
        &mut self,
        start: usize,
        end: usize,
        mode: Mode,
        fragments: usize,
        elements: &mut Vec<Element<'a>>,
    ) -> Result<Vec<usize>, Damage> {
        if fragments > MAX_FRAGMENTS {
            return Err(Damage::new("values are nested too deeply"));
        }
        let mut cursor = Cursor::new(self.chunk.data, start)?;
        let mut builder = Builder::default();
        while cursor.at < end {
            let at = cursor.at;
            let token = cursor.u8()?;
            match token {
                0x00 => break,
                0x01 | 0x41 => {
                    let dependency = match mode {
                        Mode::Template => Some(cursor.u16()?).filter(|slot| *slot != 0xffff),
                        Mode::Record => None,
                    };
                    cursor.u32()?;
                    let name = self.name(&mut cursor)?;
                    if token == 0x41 {
                        cursor.u32()?;
                    }
                    builder.open(name, dependency)?;
                }
                0x02 => builder.content(elements)?,
                0x03 => {
                    let element = builder.finish_start()?;
                    builder.attach(element, elements);
                }
                0x04 => builder.close(elements)?,
                0x05 | 0x45 => {
                    let kind = read_kind(&mut cursor)?;
                    let value = Scalar::read(&mut cursor, kind, None)?;
                    self.closed &= kind != kind::BINXML;
                    match value.kind {
                        kind::BINXML if builder.open.is_some() => {
                            return Err(Damage::new("an attribute holds elements"));
                        }
                        kind::BINXML if value.bytes.is_empty() => {}
                        kind::BINXML => {
                            let end = cursor.at;
                            let start = end - value.bytes.len();
                            let roots = self.stream(start, end, Mode::Record, fragments + 1, elements)?;
                            for root in roots {
                                builder.attach_known(root, elements);
                            }
                        }
                        _ => builder.push(Node::Value(value), elements)?,
                    }
                }
                0x06 | 0x46 => {
                    let name = self.name(&mut cursor)?;
                    builder.attribute(name)?;
                }
                0x07 | 0x47 => {
                    let bytes = cursor.counted_text()?;
                    let text = Scalar {
                        kind: kind::STRING,
                        bytes,
                    };
                    builder.push(Node::Value(text), elements)?;
                }
                0x08 | 0x48 => builder.push(Node::Character(cursor.u16()?), elements)?,
                0x09 | 0x49 => {
                    let name = self.name(&mut cursor)?;
                    builder.push(Node::Entity(name), elements)?;
                }
                0x0a => {
                    self.name(&mut cursor)?;
                    builder.push(Node::Instruction, elements)?;
                }
                0x0b => {
                    cursor.counted_text()?;
                    builder.push(Node::Instruction, elements)?;
                }
                0x0c if mode == Mode::Record && builder.open.is_none() => {
                    let instance = read_instance(&mut cursor)?;
                    let root = self.instantiate(&instance, fragments, elements)?;
                    builder.attach_known(root, elements);
                }
                0x0d | 0x0e if mode == Mode::Template => {
                    let slot = cursor.u16()?;
                    read_kind(&mut cursor)?;
                    let empty = if token == 0x0e {
                        Empty::LeftOut
                    } else {
                        Empty::Kept
                    };
                    builder.push(Node::Substitution(slot, empty), elements)?;
                }
                0x0f => {
                    cursor.take(3)?;
                }
                _ => {
                    return Err(Damage(format!(
                        "no token {token:#04x} can stand at {at:#x} of the chunk"
                    )));
                }
            }
        }
        self.closed &= cursor.at <= end;
        if builder.open.is_some() || !builder.stack.is_empty() {
            return Err(Damage::new("it ends inside an element"));
        }
        Ok(builder.roots)
    }

    /// Copies an instance's template into `elements`, its values filled in; the position of its root comes back.
    fn instantiate(
        &mut self,
        instance: &Instance<'a>,
        fragments: usize,
        elements: &mut Vec<Element<'a>>,
    ) -> Result<usize, Damage> {
        let template = self.definition(instance.template, fragments)?;
        let mut values = Vec::with_capacity(instance.values.len());
        for &(start, value) in &instance.values {
            values.push(match value.kind {
                kind::BINXML if value.bytes.is_empty() => Filling::Scalar(Scalar::NULL),
                kind::BINXML => {
                    let end = start + value.bytes.len();
                    Filling::Elements(self.stream(start, end, Mode::Record, fragments + 1, elements)?)
                }
                _ => Filling::Scalar(value),
            });
        }
        self.budget.nodes(template.nodes)?;
        fill(&template.tree, &values, self.budget, elements)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// With substitutions, without instances; elements say on what they depend.
    Template,
    /// The other way round.
    Record,
}

/// The number of a name: where it stands. One that stands right here is skipped.
fn read_name(cursor: &mut Cursor<'_>) -> Result<u32, Damage> {
    let offset = cursor.u32()?;
    if offset as usize == cursor.at {
        cursor.take(NAME_LINK_BYTES)?;
        cursor.counted_text()?;
        cursor.u16()?;
    }
    Ok(offset)
}

fn read_kind(cursor: &mut Cursor<'_>) -> Result<u8, Damage> {
    let kind = cursor.u8()?;
    if !is_kind(kind) {
        return Err(Damage(format!("there is no type {kind:#04x}")));
    }
    Ok(kind)
}

/// What stands between the token of a template instance and its values: where the template is, how many values
/// there are. A template that is defined here is skipped.
pub(super) fn read_instance_start(cursor: &mut Cursor<'_>) -> Result<(u32, usize), Damage> {
    cursor.u8()?;
    cursor.u32()?;
    let template = cursor.u32()?;
    if template as usize == cursor.at {
        cursor.take(20)?;
        let length = cursor.u32()?;
        cursor.take(length as usize)?;
    }
    let count = cursor.u32()?;
    Ok((template, count as usize))
}

/// A template instance after its token.
fn read_instance<'a>(cursor: &mut Cursor<'a>) -> Result<Instance<'a>, Damage> {
    let (template, count) = read_instance_start(cursor)?;
    let mut descriptors = *cursor;
    let mut values = Vec::with_capacity(count.min(cursor.data.len() / 4));
    for _ in 0..count {
        cursor.u16()?;
        read_kind(cursor)?;
        cursor.u8()?;
    }
    for _ in 0..count {
        let (size, kind) = (descriptors.u16()?, descriptors.u8()?);
        descriptors.u8()?;
        let expected = cursor.at + usize::from(size);
        values.push((cursor.at, Scalar::read(cursor, kind, Some(size))?));
        if cursor.at < expected {
            cursor.seek(expected)?;
        }
    }
    Ok(Instance { template, values })
}

/// Elements under construction.
#[derive(Default)]
struct Builder<'a> {
    /// Between the start of an element and its content.
    open: Option<(Element<'a>, Option<Attribute<'a>>)>,
    stack: Vec<usize>,
    roots: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn open(&mut self, name: Rc<str>, dependency: Option<u16>) -> Result<(), Damage> {
        let element = Element {
            name,
            attributes: Vec::new(),
            children: Vec::new(),
            dependency,
        };
        match self.open.replace((element, None)) {
            None => Ok(()),
            Some(_) => Err(Damage::new("an element starts among attributes")),
        }
    }

    fn attribute(&mut self, name: Rc<str>) -> Result<(), Damage> {
        let Some((element, attribute)) = &mut self.open else {
            return Err(Damage::new(
                "an attribute stands outside of a start of an element",
            ));
        };
        let value = Vec::new();
        let last = attribute.replace(Attribute { name, value });
        element
            .attributes
            .extend(last.filter(|last| !last.value.is_empty()));
        Ok(())
    }

    /// The element whose start is complete.
    fn finish_start(&mut self) -> Result<Element<'a>, Damage> {
        let Some((mut element, last)) = self.open.take() else {
            return Err(Damage::new("the start of an element ends that did not begin"));
        };
        element
            .attributes
            .extend(last.filter(|last| !last.value.is_empty()));
        Ok(element)
    }

    fn content(&mut self, elements: &mut Vec<Element<'a>>) -> Result<(), Damage> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Damage::new("elements are nested too deeply"));
        }
        let element = self.finish_start()?;
        elements.push(element);
        self.stack.push(elements.len() - 1);
        Ok(())
    }

    fn close(&mut self, elements: &mut [Element<'a>]) -> Result<(), Damage> {
        let Some(closed) = self.stack.pop() else {
            return Err(Damage::new("an element ends that did not begin"));
        };
        self.attach_known(closed, elements);
        Ok(())
    }

    fn attach(&mut self, element: Element<'a>, elements: &mut Vec<Element<'a>>) {
        elements.push(element);
        self.attach_known(elements.len() - 1, elements);
    }

    fn attach_known(&mut self, element: usize, elements: &mut [Element<'a>]) {
        match self.stack.last() {
            Some(&parent) => elements[parent].children.push(Node::Element(element)),
            None => self.roots.push(element),
        }
    }

    fn push(&mut self, node: Node<'a>, elements: &mut [Element<'a>]) -> Result<(), Damage> {
        match (&mut self.open, self.stack.last()) {
            (Some((_, Some(attribute))), _) => attribute.value.push(node),
            // Content before the first attribute belongs to nothing.
            (Some((_, None)), _) => {}
            (None, Some(&parent)) => elements[parent].children.push(node),
            (None, None) => return Err(Damage::new("a value stands outside of all elements")),
        }
        Ok(())
    }
}
