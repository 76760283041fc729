//! The steps of a program, done for a record.

use super::chunk::Chunk;
use super::program::{Blank, Part, Program, Role, Source, Step, Target};
use super::run::{Field, Found, MAX_JSON, Run, Slot, Time, Unusual};
use super::text::{file_time_micros, push_escaped};
use super::value::{Scalar, kind};

/// A program at work.
pub(super) struct Steps<'s, 'a> {
    pub(super) run: &'s mut Run,
    pub(super) program: &'s Program,
    /// See [`key`](super::run::key).
    pub(super) template: u32,
    pub(super) chunk: &'a Chunk<'a>,
    pub(super) slots: std::ops::Range<usize>,
}

impl<'s, 'a> Steps<'s, 'a> {
    /// Does the steps from `next` on, up to one that needs another template: its position and the slot.
    pub(super) fn go(&mut self, steps: &[Step], next: usize) -> Result<Option<(usize, u16)>, Unusual> {
        let mut at = next;
        while let Some(step) = steps.get(at) {
            at += 1;
            match step {
                Step::Text(span) => self.text(span),
                Step::Constant(target, constant) => self.found(*target, Found::Constant(*constant), None),
                Step::Value {
                    before,
                    slot,
                    blank,
                    dependent,
                    target,
                } => {
                    if *dependent && self.is_null(*slot) {
                        continue;
                    }
                    self.text(before);
                    match self.scalar(*slot)? {
                        Some(value) => {
                            let found = self.value(value)?;
                            self.found(*target, found, value.file_time());
                        }
                        None => {
                            self.run.json.extend_from_slice(blank.json().as_bytes());
                            if *blank == Blank::Text {
                                self.found(*target, Found::Empty, None);
                            }
                        }
                    }
                }
                Step::Element { attributes, content } => self.element(attributes, content.as_ref())?,
                Step::List(items, name) => self.list(items, *name)?,
                Step::Member { slot, .. } => return Ok(Some((at - 1, *slot))),
                Step::Depends { slot, steps } => {
                    if self.is_null(*slot) {
                        at += steps;
                    }
                }
                Step::DependsOnAny { slots, steps } => {
                    if slots.iter().all(|slot| self.is_null(*slot)) {
                        self.run.json.extend_from_slice(b"null");
                        at += steps;
                    }
                }
                Step::Comma => {
                    if self.run.json.last() != Some(&b'{') {
                        self.run.json.push(b',');
                    }
                }
            }
            if self.run.json.len() > MAX_JSON {
                return Err(Unusual);
            }
        }
        Ok(None)
    }

    #[inline]
    fn text(&mut self, span: &std::ops::Range<u32>) {
        let text = &self.program.text[span.start as usize..span.end as usize];
        self.run.json.extend_from_slice(text);
    }

    #[inline]
    fn slot(&self, slot: u16) -> Option<Slot> {
        let at = self.slots.start + usize::from(slot);
        self.run.slots[..self.slots.end].get(at).copied()
    }

    /// Whether there is no value on which an element could depend. One that the record does not have at all is none.
    fn is_null(&self, slot: u16) -> bool {
        self.slot(slot)
            .is_some_and(|slot| slot.kind == kind::NULL || slot.kind == kind::BINXML && slot.size == 0)
    }

    /// A value that is not empty.
    #[inline]
    fn scalar(&self, slot: u16) -> Result<Option<Scalar<'a>>, Unusual> {
        let Some(Slot { kind, start, size }) = self.slot(slot) else {
            return Ok(None);
        };
        let start = start as usize;
        let bytes = self
            .chunk
            .data
            .get(start..start + usize::from(size))
            .unwrap_or_default();
        let kind = match (kind, bytes) {
            (kind::SIZE, [_, _, _, _]) => kind::HEX32,
            (kind::SIZE, _) => kind::HEX64,
            (kind::BOOL, [0 | 1, 0, 0, 0]) => kind,
            (kind::BOOL, _) => kind::INT32,
            _ => kind,
        };
        let scalar = Scalar { kind, bytes };
        match kind {
            _ if scalar.is_empty() => Ok(None),
            kind::BINXML | kind::STRINGS => Err(Unusual),
            _ => Ok(Some(scalar)),
        }
    }

    /// Writes a value's JSON.
    fn value(&mut self, value: Scalar<'_>) -> Result<Found, Unusual> {
        let Run { json, text, .. } = &mut *self.run;
        let start = text.len();
        if value.is_bare() {
            if let Some(flag) = value.flag() {
                json.extend_from_slice(if flag { b"true" } else { b"false" });
                return Ok(Found::Flag(flag));
            }
            let begin = json.len();
            value.push_text(json)?;
            if let Some(number) = value.integer() {
                return Ok(Found::Integer(number));
            }
            text.extend_from_slice(&json[begin..]);
            return Ok(Found::Digits(start as u32, text.len() as u32));
        }
        value.push_text(text)?;
        json.push(b'"');
        if value.is_text() {
            push_escaped(&text[start..], value.digits(), json);
        } else {
            json.extend_from_slice(&text[start..]);
        }
        json.push(b'"');
        Ok(Found::Text(start as u32, text.len() as u32))
    }

    /// Notes a value that the JSON shows.
    fn found(&mut self, target: Target, found: Found, ticks: Option<u64>) {
        let template = self.template;
        if let Some(name) = target.field {
            self.run.fields.push(Field {
                template,
                name,
                found,
            });
        }
        let role = match target.role {
            Role::None => return,
            Role::Time => {
                let micros = ticks.and_then(file_time_micros).map(Time::Micros);
                let time = micros.unwrap_or(Time::Written(template, found));
                self.run.time.get_or_insert(time);
                return;
            }
            Role::Channel => &mut self.run.channel,
            Role::Computer => &mut self.run.computer,
            Role::Provider => &mut self.run.provider,
        };
        role.get_or_insert((template, found));
    }

    /// Writes a value, given or literal.
    fn part(&mut self, part: &Part, value: Option<Scalar<'a>>) -> Result<(), Unusual> {
        self.text(&part.key);
        match (&part.source, value) {
            (Source::Literal(json, constant), _) => {
                self.text(json);
                self.found(part.target, Found::Constant(*constant), None);
            }
            (Source::Slot(_), Some(value)) => {
                let found = self.value(value)?;
                self.found(part.target, found, value.file_time());
            }
            (Source::Slot(_), None) => {}
        }
        Ok(())
    }

    fn present(&self, part: &Part) -> Result<Option<Option<Scalar<'a>>>, Unusual> {
        Ok(match part.source {
            Source::Literal(..) => Some(None),
            Source::Slot(slot) => self.scalar(slot)?.map(Some),
        })
    }

    fn element(&mut self, attributes: &[Part], content: Option<&Part>) -> Result<(), Unusual> {
        let mut written = false;
        for attribute in attributes {
            if let Some(value) = self.present(attribute)? {
                let before: &[u8] = if written { b"," } else { b"{\"#attributes\":{" };
                self.run.json.extend_from_slice(before);
                written = true;
                self.part(attribute, value)?;
            }
        }
        let content = match content {
            Some(content) => self.present(content)?.map(|value| (content, value)),
            None => None,
        };
        match (written, content) {
            (false, None) => self.run.json.extend_from_slice(b"null"),
            (false, Some((content, value))) => self.part(content, value)?,
            (true, None) => self.run.json.extend_from_slice(b"}}"),
            (true, Some((content, value))) => {
                self.run.json.extend_from_slice(b"},\"#text\":");
                self.part(content, value)?;
                self.run.json.push(b'}');
            }
        }
        Ok(())
    }

    fn list(&mut self, items: &[Source], name: u32) -> Result<(), Unusual> {
        let first = self.run.items.len();
        // The only one may be an array of strings.
        let strings = match items {
            [Source::Slot(slot)] => self
                .slot(*slot)
                .filter(|slot| slot.kind == kind::STRINGS && slot.size > 0),
            _ => None,
        };
        if let Some(Slot { start, size, .. }) = strings {
            let start = start as usize;
            let strings = Scalar {
                kind: kind::STRINGS,
                bytes: self
                    .chunk
                    .data
                    .get(start..start + usize::from(size))
                    .unwrap_or_default(),
            };
            let strings = strings.items().unwrap_or_default();
            let many = strings.len() != 1;
            if many {
                self.run.json.push(b'[');
            }
            for (position, item) in strings.iter().enumerate() {
                if position > 0 {
                    self.run.json.push(b',');
                }
                let found = self.value(*item)?;
                self.run.items.push((self.template, found));
            }
            if many {
                self.run.json.push(b']');
            }
        } else {
            if items.len() > 1 {
                self.run.json.push(b'[');
            }
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    self.run.json.push(b',');
                }
                self.item(item)?;
            }
            if items.len() > 1 {
                self.run.json.push(b']');
            }
        }
        let template = self.template;
        let found = Found::List(first as u32, self.run.items.len() as u32);
        self.run.fields.push(Field {
            template,
            name,
            found,
        });
        Ok(())
    }

    fn item(&mut self, item: &Source) -> Result<(), Unusual> {
        let found = match item {
            Source::Literal(json, constant) => {
                self.text(json);
                Found::Constant(*constant)
            }
            Source::Slot(slot) => match self.scalar(*slot)? {
                // As a list's element, such a number would be a float.
                Some(value) if value.is_bare() && value.flag().is_none() && value.integer().is_none() => {
                    return Err(Unusual);
                }
                Some(value) => self.value(value)?,
                None => {
                    self.run.json.extend_from_slice(b"\"\"");
                    Found::Empty
                }
            },
        };
        self.run.items.push((self.template, found));
        Ok(())
    }
}
