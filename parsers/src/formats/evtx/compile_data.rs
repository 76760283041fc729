//! The part of a template that holds an event's own fields.

use super::compile::{Compiler, Content, Members, Unusual, is_leaf, is_open};
use super::program::{Blank, Role, Source, Step, Target, Within};
use super::render::{Counts, data_name, has_text, is_container, push_attributes, push_content, push_text};
use super::tree::{Element, Node};
use crate::formats::json_windows::{TEXT_KEYS, is_attribute};

impl<'t, 'a> Compiler<'t, 'a> {
    /// `EventData`, `UserData`, or (`level` 1 and more) the one element that holds all fields there.
    pub(super) fn data(&mut self, data: &Element<'a>, container: bool, level: usize) -> Result<(), Unusual> {
        if data.attributes.iter().any(|attribute| is_open(&attribute.value)) {
            return Err(Unusual);
        }
        let attributes = data.attributes.iter().any(|attribute| has_text(&attribute.value));
        if let [Node::Substitution(slot, _)] = data.children[..] {
            if attributes {
                return Err(Unusual);
            }
            self.end_text();
            let within = Within::Container;
            self.program.steps.push(Step::Member { slot, within });
            return Ok(());
        }
        let children = self.children(data)?;
        if children.is_empty() {
            // Nothing but attributes, or `null`.
            if attributes {
                return Err(Unusual);
            }
            self.push("null");
            return Ok(());
        }
        let is_data = |child: &Element<'_>| container && &*child.name == "Data";
        let named = children
            .iter()
            .any(|child| is_data(child) && data_name(child).is_some_and(has_text));
        let wrapped = match children[..] {
            [only] => !is_data(only) && !is_leaf(only),
            _ => false,
        };
        let dependent = |child: &&Element<'_>| child.dependency.is_some();
        let unnamed = |child: &&Element<'_>| is_data(child) && !data_name(child).is_some_and(has_text);
        let (unnamed, unnamed_dependent) = (
            children.iter().copied().filter(unnamed).count(),
            children
                .iter()
                .copied()
                .filter(unnamed)
                .any(|child| dependent(&child)),
        );
        // Where `Data` may be left out, the others could change their form.
        if wrapped && level > 4
            || named
                && unnamed > 0
                && children
                    .iter()
                    .copied()
                    .any(|child| is_data(child) && dependent(&child))
            || unnamed > 1 && unnamed_dependent
        {
            return Err(Unusual);
        }
        // An element of which everything is left out is `null`.
        let all_dependent: Option<Box<[u16]>> = match attributes {
            true => None,
            false => children.iter().map(|child| child.dependency).collect(),
        };
        let guard = all_dependent.map(|slots| {
            self.end_text();
            self.program.steps.push(Step::DependsOnAny { slots, steps: 0 });
            self.program.steps.len()
        });
        self.push("{");
        if attributes {
            push_attributes(&data.attributes, &mut self.program.text)?;
            let mut shown = data
                .attributes
                .iter()
                .filter(|attribute| has_text(&attribute.value));
            if let Some(name) = shown.find(|attribute| &*attribute.name == "Name" && !wrapped) {
                let mut json = Vec::new();
                push_content(&name.value, false, &mut json)?;
                let constant = self.constant(&json)?;
                let target = self.field("EventData_Name", Role::None);
                self.program.steps.push(Step::Constant(target, constant));
            }
        }
        let mut members = Members::after(attributes);
        let mut names: Counts<String> = Counts::new();
        let mut list = false;
        for &child in &children {
            if is_data(child) && named {
                let Some(name) = data_name(child).filter(|name| has_text(name)) else {
                    continue;
                };
                if is_open(name) {
                    return Err(Unusual);
                }
                self.member(&mut members, child, |compiler| {
                    let start = compiler.program.text.len();
                    compiler.push("\"");
                    push_text(name, false, &mut compiler.program.text)?;
                    compiler.push("\"");
                    let name = serde_json::from_slice::<String>(&compiler.program.text[start..]);
                    compiler.push(":");
                    let target = compiler.data_field(&name.map_err(|_| Unusual)?, &mut names, level)?;
                    compiler.leaf(child, Blank::Text, target)
                })?;
            } else if is_data(child) {
                if std::mem::replace(&mut list, true) {
                    continue;
                }
                self.member(&mut members, child, |compiler| {
                    compiler.push("\"Data\":{\"#text\":");
                    compiler.list(children.iter().copied().filter(|child| is_data(child)))?;
                    compiler.push("}");
                    Ok(())
                })?;
            } else {
                self.member(&mut members, child, |compiler| {
                    compiler.key(&child.name)?;
                    if !wrapped {
                        let target = compiler.data_field(&child.name, &mut names, level)?;
                        return match is_leaf(child) {
                            true => compiler.leaf(child, Blank::Null, target),
                            false => Err(Unusual),
                        };
                    }
                    // These the JSON decoder takes for something else.
                    if is_attribute(&child.name) || &*child.name == "Data" {
                        return Err(Unusual);
                    }
                    compiler.data(child, is_container(&child.name), level + 1)
                })?;
            }
        }
        self.push("}");
        if let Some(at) = guard {
            self.end_text();
            if let [Step::DependsOnAny { steps, .. }, rest @ ..] = &mut self.program.steps[at - 1..] {
                *steps = rest.len();
            }
        }
        Ok(())
    }

    /// The field of a member of event data. Names that the JSON decoder takes for something else are unusual, and so
    /// are two of the same name.
    fn data_field(
        &mut self,
        name: &str,
        names: &mut Counts<String>,
        level: usize,
    ) -> Result<Target, Unusual> {
        let like_text = TEXT_KEYS.contains(&name);
        if names.next(name.to_owned()) > 0 || name == "Data" || is_attribute(name) || like_text && level > 0 {
            return Err(Unusual);
        }
        self.program.like_text |= like_text;
        Ok(self.field(name, Role::None))
    }

    fn list(&mut self, data: impl Iterator<Item = &'t Element<'a>>) -> Result<(), Unusual>
    where
        'a: 't,
    {
        let mut items = Vec::new();
        for element in data {
            items.push(match self.content(element)? {
                Content::Slot(slot) => Source::Slot(slot),
                Content::Literal => self.literal_source(&element.children)?,
                Content::Empty => {
                    let span = self.span(|text| {
                        text.extend_from_slice(b"\"\"");
                        Ok(())
                    })?;
                    Source::Literal(span, self.constant(b"\"\"")?)
                }
                Content::Elements => return Err(Unusual),
            });
        }
        self.end_text();
        let name = self.name("Data");
        self.program.steps.push(Step::List(items.into(), name));
        Ok(())
    }
}
