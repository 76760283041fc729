//! Filling in a template: a copy of its elements with a record's values.

use super::budget::Budget;
use super::cursor::Damage;
use super::tree::{Attribute, Element, Empty, Node, Tree};
use super::value::{Scalar, kind};

/// Copies `template` into `elements`, `values` filled in; the position of its root comes back.
///
/// # Errors
///
/// If the record has spent its budget.
pub(super) fn fill<'a>(
    template: &Tree<'a>,
    values: &[Filling<'a>],
    budget: &Budget,
    elements: &mut Vec<Element<'a>>,
) -> Result<usize, Damage> {
    let mut copy = Copy {
        template,
        values,
        budget,
        elements,
    };
    Ok(copy.element(template.root)?.0)
}

/// What a value is for a substitution.
pub(super) enum Filling<'a> {
    Scalar(Scalar<'a>),
    /// Elements of binary XML, already in the record's tree.
    Elements(Vec<usize>),
}

/// Copies a template into a record.
struct Copy<'t, 'a> {
    template: &'t Tree<'a>,
    values: &'t [Filling<'a>],
    budget: &'t Budget,
    elements: &'t mut Vec<Element<'a>>,
}

impl<'a> Copy<'_, 'a> {
    /// Copies an element; whether it holds arrays of several elements, for which it must be repeated.
    fn element(&mut self, element: usize) -> Result<(usize, bool), Damage> {
        let template = self.template;
        let original = &template.elements[element];
        let mut copy = Element {
            name: original.name.clone(),
            attributes: Vec::with_capacity(original.attributes.len()),
            children: Vec::with_capacity(original.children.len()),
            dependency: None,
        };
        for attribute in &original.attributes {
            let mut value = Vec::with_capacity(attribute.value.len());
            for node in &attribute.value {
                self.node(node, &mut value)?;
            }
            if !value.is_empty() {
                let name = attribute.name.clone();
                copy.attributes.push(Attribute { name, value });
            }
        }
        for node in &original.children {
            self.node(node, &mut copy.children)?;
        }
        let repeats = first_array(&copy).is_some();
        self.elements.push(copy);
        Ok((self.elements.len() - 1, repeats))
    }

    fn node(&mut self, node: &Node<'a>, into: &mut Vec<Node<'a>>) -> Result<(), Damage> {
        match node {
            Node::Substitution(slot, empty) => match self.values.get(usize::from(*slot)) {
                None => {}
                Some(Filling::Elements(roots)) => {
                    self.budget.nodes(roots.len())?;
                    into.extend(roots.iter().map(|root| Node::Element(*root)));
                }
                Some(Filling::Scalar(value)) if *empty == Empty::LeftOut && value.is_empty() => {}
                Some(Filling::Scalar(value)) => into.push(Node::Value(*value)),
            },
            Node::Element(child) => {
                let dependency = self.template.elements[*child].dependency;
                let depends_on = dependency.and_then(|slot| self.values.get(usize::from(slot)));
                if matches!(depends_on, Some(Filling::Scalar(value)) if value.kind == kind::NULL) {
                    return Ok(());
                }
                let (copy, repeats) = self.element(*child)?;
                if repeats {
                    self.repeat(copy, into)?;
                } else {
                    into.push(Node::Element(copy));
                }
            }
            other => into.push(other.clone()),
        }
        Ok(())
    }

    /// Repeats an element for every item of every array in it (MS-EVEN6, section 3.1.4.7.5).
    fn repeat(&mut self, element: usize, into: &mut Vec<Node<'a>>) -> Result<(), Damage> {
        let mut waiting = vec![element];
        while let Some(element) = waiting.pop() {
            let original = self.elements[element].clone();
            let Some((attribute, position, items)) = first_array(&original) else {
                into.push(Node::Element(element));
                continue;
            };
            self.budget.nodes(items.len().saturating_mul(original.size()))?;
            for item in items.iter().rev() {
                let mut copy = original.clone();
                let nodes = match attribute {
                    Some(attribute) => &mut copy.attributes[attribute].value,
                    None => &mut copy.children,
                };
                if item.is_text() && item.is_empty() {
                    nodes.remove(position);
                } else {
                    nodes[position] = Node::Value(*item);
                }
                copy.attributes.retain(|attribute| !attribute.value.is_empty());
                self.elements.push(copy);
                waiting.push(self.elements.len() - 1);
            }
        }
        Ok(())
    }
}

/// The first array of several items in an element: the attribute that it is in, its position, its items. Content
/// comes before attributes.
fn first_array<'a>(element: &Element<'a>) -> Option<(Option<usize>, usize, Vec<Scalar<'a>>)> {
    let array = |nodes: &[Node<'a>]| {
        nodes.iter().enumerate().find_map(|(position, node)| match node {
            Node::Value(value) => {
                let items = value.items().filter(|items| items.len() > 1)?;
                Some((position, items))
            }
            _ => None,
        })
    };
    if let Some((position, items)) = array(&element.children) {
        return Some((None, position, items));
    }
    element
        .attributes
        .iter()
        .enumerate()
        .find_map(|(attribute, found)| {
            let (position, items) = array(&found.value)?;
            Some((Some(attribute), position, items))
        })
}
