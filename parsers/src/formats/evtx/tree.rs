//! Binary XML as a tree of elements: of a template, with its substitutions open, or of a record, with all of them
//! filled in.
//!
//! This is the general way to read a record, and it takes any that can be read: [`Trees`](super::trees::Trees) reads
//! trees, [`fill`](super::fill) copies templates into records, [`render`](super::render) writes what comes out. Records
//! of the usual shape go the fast way (see [`program`](super::program)), which starts from the trees of templates.

use std::rc::Rc;

use super::cursor::Damage;
use super::value::Scalar;

/// Elements open in one another. What walks a tree calls itself once a level: this bounds the stack.
pub(super) const MAX_DEPTH: usize = 512;

/// An element. Others refer to it by its position in the [`Tree`].
#[derive(Debug, Clone)]
pub(super) struct Element<'a> {
    pub(super) name: Rc<str>,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) children: Vec<Node<'a>>,
    /// In a template: the substitution without which the element is left out.
    pub(super) dependency: Option<u16>,
}

/// An attribute and what its value is put together from.
#[derive(Debug, Clone)]
pub(super) struct Attribute<'a> {
    pub(super) name: Rc<str>,
    pub(super) value: Vec<Node<'a>>,
}

/// Content of an element or attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    Element(usize),
    Value(Scalar<'a>),
    Character(u16),
    Entity(Rc<str>),
    /// Part of a processing instruction: no content.
    Instruction,
    /// In a template: the value that a record gives.
    Substitution(u16, Empty),
}

/// What becomes of an empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Kept,
    /// The substitution is an optional one.
    LeftOut,
}

impl Element<'_> {
    /// How many nodes it has, with itself.
    pub(super) fn size(&self) -> usize {
        let values: usize = self
            .attributes
            .iter()
            .map(|attribute| attribute.value.len())
            .sum();
        1 + self.attributes.len() + values + self.children.len()
    }
}

/// Elements and the one that holds all others.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree<'a> {
    pub(super) elements: Vec<Element<'a>>,
    pub(super) root: usize,
}

impl Tree<'_> {
    /// How many nodes a copy of it has. An element that a value brought in may stand in several places.
    ///
    /// # Errors
    ///
    /// If it is nested too deeply.
    pub(super) fn unfolded(&self) -> Result<usize, Damage> {
        let (elements, root) = (&self.elements, self.root);
        let children = |element: usize| {
            elements[element].children.iter().filter_map(|node| match node {
                Node::Element(child) => Some(*child),
                _ => None,
            })
        };
        let mut known: Vec<Option<(usize, usize)>> = vec![None; elements.len()];
        let mut stack = vec![root];
        while let Some(&element) = stack.last() {
            let before = stack.len();
            if known[element].is_none() {
                stack.extend(children(element).filter(|child| known[*child].is_none()));
            }
            if stack.len() > before {
                continue;
            }
            stack.pop();
            let start = (elements[element].size(), 0);
            known[element] = Some(
                children(element)
                    .filter_map(|child| known[child])
                    .fold(start, |(nodes, depth), (below, levels)| {
                        (nodes.saturating_add(below), depth.max(levels + 1))
                    }),
            );
        }
        match known[root] {
            Some((nodes, depth)) if depth <= MAX_DEPTH => Ok(nodes),
            _ => Err(Damage::new("elements are nested too deeply")),
        }
    }
}
