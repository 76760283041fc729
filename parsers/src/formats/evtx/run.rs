//! Running a template's program over the values of a record.

use super::chunk::{Chunk, Record};
use super::compile::holds_data;
use super::cursor::{Cursor, Damage};
use super::program::{Constant, Program, Step, Within};
use super::steps::Steps;
use super::templates::Templates;
use super::trees::{Trees, read_instance_start};
use super::value::{kind, width};
use crate::batch::BatchBuilder;
use crate::formats::event_time::{text_time, whole_time};
use crate::formats::json_windows::is_attribute;
use crate::value::Value;

/// Members of members; real records have one level.
const MAX_LEVELS: usize = 4;
/// JSON of a record, past which it is left to the general way, which counts what it spends.
pub(super) const MAX_JSON: usize = 1 << 20;

/// A record's shape is not that of a program, or it is damaged: the general way tells.
pub(super) struct Unusual;

impl From<Damage> for Unusual {
    fn from(_: Damage) -> Self {
        Unusual
    }
}

/// A substitution: its type and where its bytes are in the chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: u8,
    pub(super) start: u32,
    pub(super) size: u16,
}

/// Instead of its type: binary XML that was looked into.
const READ: u8 = 0xff;

/// A field's value in the buffers of a [`Run`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Text(u32, u32),
    /// The digits of a whole number past `i64`.
    Digits(u32, u32),
    Integer(i64),
    Flag(bool),
    Empty,
    /// A literal of the template.
    Constant(u32),
    /// A part of `items`.
    List(u32, u32),
}

/// A field that a record has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) template: u32,
    pub(super) name: u32,
    pub(super) found: Found,
}

/// What a record turned out to be; its buffers are kept for the next.
#[derive(Default)]
pub(super) struct Run {
    /// The record as JSON.
    pub(super) json: Vec<u8>,
    /// Text of values, end to end.
    pub(super) text: Vec<u8>,
    pub(super) fields: Vec<Field>,
    /// Elements of lists, with the template that literals are from.
    pub(super) items: Vec<(u32, Found)>,
    pub(super) slots: Vec<Slot>,
    /// Values that are binary XML and were not looked into yet.
    unread: usize,
    pub(super) channel: Option<(u32, Found)>,
    pub(super) computer: Option<(u32, Found)>,
    pub(super) provider: Option<(u32, Found)>,
    pub(super) time: Option<Time>,
}

/// When an event was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    Micros(i64),
    Written(u32, Found),
}

/// What runs need beside the record.
pub(super) struct Machine<'m, 'a> {
    pub(super) chunk: &'a Chunk<'a>,
    pub(super) templates: &'m mut Templates,
    pub(super) trees: &'m mut Trees<'a>,
}

impl Run {
    /// Runs a record.
    ///
    /// # Errors
    ///
    /// If it is unusual: nothing is known of it then. If its template cannot be read.
    pub(super) fn record(&mut self, record: Record, machine: &mut Machine<'_, '_>) -> Result<(), Unusual> {
        self.json.clear();
        self.text.clear();
        self.fields.clear();
        self.items.clear();
        self.slots.clear();
        self.unread = 0;
        (self.channel, self.computer, self.provider, self.time) = (None, None, None, None);
        let (template, slots) = self.instance(record.start, record.end, machine)?;
        self.steps(template, slots, Place::Event, machine, 0)?;
        // One that is shown nowhere can be damaged.
        if self.unread > 0 { Err(Unusual) } else { Ok(()) }
    }

    /// The text of the channel, the provider and the computer; empty where there is none.
    pub(super) fn origin<'r>(&'r self, templates: &'r Templates) -> Result<Origin<'r>, Damage> {
        let text = std::str::from_utf8(&self.text).map_err(|_| Damage::new("its text is no text"))?;
        let of = |found: Option<(u32, Found)>| match found {
            Some((_, Found::Text(start, end))) => &text[start as usize..end as usize],
            Some((template, Found::Constant(constant))) => match constant_of(templates, template, constant) {
                Some(Constant::Text(text)) => text,
                _ => "",
            },
            _ => "",
        };
        Ok(Origin {
            text,
            channel: of(self.channel),
            provider: of(self.provider),
            computer: of(self.computer),
        })
    }

    /// Writes the fields; `text` is that of [`Run::origin`].
    pub(super) fn write(&self, text: &str, templates: &Templates, builder: &mut BatchBuilder) {
        for field in &self.fields {
            let Some(program) = program_of(templates, field.template) else {
                continue;
            };
            let name = &program.names[field.name as usize];
            let value = match field.found {
                Found::List(start, end) => {
                    let items = &self.items[start as usize..end as usize];
                    let items = items
                        .iter()
                        .map(|(template, item)| value(*item, *template, text, templates));
                    Value::List(items.collect())
                }
                found => value(found, field.template, text, templates),
            };
            builder.field(name, value);
        }
    }

    /// When the event was written, microseconds since the epoch.
    pub(super) fn time(&self, text: &str, templates: &Templates, zone: chrono_tz::Tz) -> Option<i64> {
        match self.time? {
            Time::Micros(micros) => Some(micros),
            Time::Written(template, found) => match value(found, template, text, templates) {
                Value::Str(text) => text_time(text, zone),
                Value::Int(number) => whole_time(number),
                _ => None,
            },
        }
    }

    /// Reads an instance that fills `start` to `end`: its template, and where its slots begin.
    fn instance(
        &mut self,
        start: usize,
        end: usize,
        machine: &mut Machine<'_, '_>,
    ) -> Result<(u32, std::ops::Range<usize>), Unusual> {
        let data = machine.chunk.data;
        let at = match data.get(start..end) {
            Some([0x0f, _, _, _, 0x0c, ..]) => start + 5,
            Some([0x0c, ..]) => start + 1,
            _ => return Err(Unusual),
        };
        let mut cursor = Cursor::new(data, at)?;
        let (offset, count) = read_instance_start(&mut cursor)?;
        let descriptors = cursor.take(count.saturating_mul(4))?;
        let first = self.slots.len();
        for descriptor in descriptors.as_chunks::<4>().0 {
            let (size, kind) = (u16::from_le_bytes([descriptor[0], descriptor[1]]), descriptor[2]);
            let start = cursor.at as u32;
            let bytes = cursor.take(size.into())?;
            let regular = match (kind, width(kind)) {
                (kind::NULL, _) => true,
                (_, Some(width)) => width == bytes.len(),
                (kind::STRING, _) => size % 2 == 0,
                (kind::ANSI | kind::BINARY | kind::BINXML, _) => true,
                (kind::SIZE, _) => matches!(size, 4 | 8),
                (kind::SID, _) => {
                    matches!(bytes, [_, parts, ..] if bytes.len() == 8 + 4 * usize::from(*parts))
                }
                (kind::STRINGS, _) => bytes.is_empty() || bytes.len() % 2 == 0 && bytes.ends_with(&[0, 0]),
                _ => false,
            };
            if !regular {
                return Err(Unusual);
            }
            self.unread += usize::from(kind == kind::BINXML && size > 0);
            self.slots.push(Slot { kind, start, size });
        }
        // Something after the instance is for the general way.
        if data
            .get(cursor.at..end)
            .is_some_and(|rest| !matches!(rest, [] | [0, ..]))
        {
            return Err(Unusual);
        }
        let template = machine.templates.find(machine.chunk, machine.trees, offset)?;
        Ok((template, first..self.slots.len()))
    }

    fn steps(
        &mut self,
        template: u32,
        slots: std::ops::Range<usize>,
        place: Place,
        machine: &mut Machine<'_, '_>,
        level: usize,
    ) -> Result<(), Unusual> {
        // A step that needs other templates ends the borrow of this one.
        let mut next = 0;
        loop {
            let known = machine.templates.get(template);
            let program = match place {
                Place::Event => known.event.as_ref(),
                Place::Member => known.member.as_ref(),
            };
            let program = program.ok_or(Unusual)?;
            let mut state = Steps {
                run: self,
                program,
                template: key(template, place),
                chunk: machine.chunk,
                slots: slots.clone(),
            };
            let Some((at, slot)) = state.go(&program.steps, next)? else {
                return Ok(());
            };
            next = at + 1;
            let in_event = place == Place::Event && {
                let program = program_of(machine.templates, key(template, place));
                let step = program.and_then(|program| program.steps.get(at));
                matches!(
                    step,
                    Some(Step::Member {
                        within: Within::Event(_),
                        ..
                    })
                )
            };
            let slot = self.slots[slots.clone()].get_mut(usize::from(slot));
            let Some(slot) = slot.filter(|slot| slot.size > 0 && slot.kind != kind::NULL) else {
                if !in_event {
                    self.json.extend_from_slice(b"null");
                }
                continue;
            };
            if slot.kind != kind::BINXML || level >= MAX_LEVELS {
                return Err(Unusual);
            }
            let slot = std::mem::replace(slot, Slot { kind: READ, ..*slot });
            self.unread -= 1;
            let start = slot.start as usize;
            let (member, slots) = self.instance(start, start + usize::from(slot.size), machine)?;
            let (root, like_text) = match &machine.templates.get(member).member {
                Some(program) => (&*program.root, program.like_text),
                None => return Err(Unusual),
            };
            let program = program_of(machine.templates, key(template, place));
            match program.and_then(|program| program.steps.get(at)) {
                Some(Step::Member {
                    within: Within::Event(taken),
                    ..
                }) if holds_data(root) && !taken.iter().any(|taken| **taken == *root) => {}
                Some(Step::Member {
                    within: Within::Container,
                    ..
                }) if root != "Data" && !is_attribute(root) && !like_text => {}
                _ => return Err(Unusual),
            }
            self.json
                .extend_from_slice(if in_event { b",\"" } else { b"{\"" });
            self.json.extend_from_slice(root.as_bytes());
            self.json.extend_from_slice(b"\":");
            self.steps(member, slots, Place::Member, machine, level + 1)?;
            if !in_event {
                self.json.push(b'}');
            }
        }
    }
}

/// Which of a template's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Event,
    Member,
}

/// A template and its program in one number.
pub(super) fn key(template: u32, place: Place) -> u32 {
    2 * template + u32::from(place == Place::Member)
}

fn program_of(templates: &Templates, key: u32) -> Option<&Program> {
    let template = templates.get(key / 2);
    if key.is_multiple_of(2) {
        template.event.as_ref()
    } else {
        template.member.as_ref()
    }
}

fn constant_of(templates: &Templates, key: u32, constant: u32) -> Option<&Constant> {
    program_of(templates, key)?.constants.get(constant as usize)
}

fn value<'v>(found: Found, template: u32, text: &'v str, templates: &'v Templates) -> Value<'v> {
    match found {
        Found::Text(start, end) | Found::Digits(start, end) => {
            Value::Str(&text[start as usize..end as usize])
        }
        Found::Integer(number) => Value::Int(number),
        Found::Flag(flag) => Value::Bool(flag),
        Found::Empty => Value::Str(""),
        Found::Constant(constant) => match constant_of(templates, template, constant) {
            Some(Constant::Text(text)) => Value::Str(text),
            Some(Constant::Integer(number)) => Value::Int(*number),
            Some(Constant::Flag(flag)) => Value::Bool(*flag),
            None => Value::Null,
        },
        Found::List(..) => Value::Null,
    }
}

/// See [`Run::origin`].
pub(super) struct Origin<'r> {
    pub(super) text: &'r str,
    pub(super) channel: &'r str,
    pub(super) provider: &'r str,
    pub(super) computer: &'r str,
}
