//! Lines known by rote: those of the few forms that make up most of what a firewall or a login server writes.
//!
//! The [grammars](super::text) find out what a line is, who may have written which part of it, and what each part means. For
//! the ten-thousandth `Failed password for … from … port … ssh2` the answer is the same as for the first, but for the texts
//! in it. So here a line is compared with [forms](table): fixed text with slots of narrow kinds ([slots]). If it has one, each
//! of its columns is a slot of it, a number that was read on the way, or what it is for all lines of the form; they are written
//! by the form's [`Plan`] without another look. There is no field, no name and no question on that way.
//!
//! ```text
//! line ──▶ head ──▶ form ── has a plan ──▶ columns
//!            │        └──── met a few times by now ──▶ learn from samples ─┐
//!            └── no form ──▶ grammars ◀────────────────────────────────────┘ (this line)
//! ```
//!
//! **Why that is the same.** Nobody writes down what a form means. When lines of a form have come a few times, a decoder of the
//! same catalog and options that knows nothing by rote reads three [samples](learn) of it, no two of which have a text or a number in common
//! where the form has a slot. A column is taken from a slot if it holds that slot's text or number in all samples, as a constant if it is
//! the same in all; if any column is something else, or anything was put aside, the form has no plan and its lines go
//! the long way. What is left to show is that a reader treats all texts of a kind alike. Kinds are as narrow as that needs: an
//! address in its only spelling, a name without spaces, quotes, points that readers cut at, or a word for nobody. Where a reader
//! compares two parts (`session opened for root by root`), the form says so, and each outcome is a form of its own. A property
//! test reads lines of all forms, with what a stranger might choose in their slots, both ways; another all test lines of the catalog.
//!
//! **When it is not asked.** Where a dataset or host is pinned, a catalog describes lines of its own, the raw line is
//! kept, a line was cut or is no ASCII.

mod head;
mod learn;
mod slots;
mod table;
mod template;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use hashbrown::HashMap;

use self::template::{MOST, Template, templates};
use super::decode::Decoder;
use super::{EventSink, FrameContext, id_of};
use crate::batch::{Plan, Slot};
use crate::frame::FrameBlock;

/// Room for all slots of a line.
type Room = [Slot; head::SLOTS + MOST];

/// Lines of a form that are read the long way before it is learned.
const FEW: u32 = 4;

/// All forms, ready to be compared.
struct Table {
    /// Program and form.
    all: Vec<(&'static str, Template)>,
    /// The forms whose messages start in a way; see [`front`].
    by_front: HashMap<(u8, u64), Vec<u32>>,
    /// Those whose messages start with a slot, by program.
    any_front: Vec<(u8, u32)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        all: Vec::new(),
        by_front: HashMap::new(),
        any_front: Vec::new(),
    };
    for (program, (name, patterns)) in (0..).zip(table::FORMS) {
        for template in patterns.iter().flat_map(|pattern| templates(pattern)) {
            let index = table.all.len() as u32;
            // The text up to the second slot is that of any sample.
            let sample = template.sample(0, 0);
            match template.front().len() >= 5 {
                true => {
                    let front = front(sample.as_bytes());
                    table.by_front.entry((program, front)).or_default().push(index);
                }
                false => table.any_front.push((program, index)),
            }
            table.all.push((name, template));
        }
    }
    table
});

/// What the forms are parted by: the number of a device's message, the first bytes of another's.
#[inline]
fn front(message: &[u8]) -> u64 {
    let word = match message {
        [b'%', ..] => message.get(7..13),
        _ => message.get(..5),
    };
    let mut bytes = [0; 8];
    if let Some(word) = word {
        bytes[..word.len()].copy_from_slice(word);
    }
    u64::from_le_bytes(bytes)
}

/// A form with what varies around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    template: u32,
    /// Which compared slots are the same.
    same: u32,
    form: head::Form,
}

enum State {
    /// So many lines went the long way.
    Met(u32),
    /// The builder of its events, and their plan.
    Known(usize, Box<Plan>),
    /// It has none.
    Unfit,
}

/// What one decoder knows by rote.
pub(super) struct Rote {
    states: HashMap<Key, State>,
    /// Reads samples.
    scratch: Option<Box<Decoder>>,
}

impl Rote {
    pub(super) fn new() -> Self {
        Rote {
            states: HashMap::new(),
            scratch: None,
        }
    }

    /// Writes the event of `line` if its form is known. `scratch` makes a decoder like the one that this belongs to, but
    /// without this.
    #[inline]
    pub(super) fn write(
        &mut self,
        line: &[u8],
        block: &FrameBlock,
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        scratch: impl FnOnce(&EventSink) -> Decoder,
    ) -> bool {
        let mut slots = Room::default();
        let Some(key) = find(line, context, &mut slots) else {
            return false;
        };
        match self.states.get_mut(&key) {
            Some(State::Known(builder, plan)) => {
                sink.settle(block, 0);
                let place = (id_of(context, context.offset, line, 0, true), context.offset);
                let time = slots[head::TIME].number;
                let builder = sink.builder(*builder);
                if builder.write_planned(plan, line, &slots, time, context.path, place) {
                    return true;
                }
                self.states.insert(key, State::Met(0));
            }
            Some(State::Unfit) => {}
            Some(State::Met(times)) if *times < FEW => *times += 1,
            Some(State::Met(_)) => {
                let scratch = self.scratch.get_or_insert_with(|| Box::new(scratch(sink)));
                let state = learned(key, scratch, block, sink);
                self.states.insert(key, state.unwrap_or(State::Unfit));
            }
            None => {
                self.states.insert(key, State::Met(1));
            }
        }
        false
    }
}

/// The form of a line, and its slots.
#[inline]
fn find(line: &[u8], context: &FrameContext<'_>, slots: &mut Room) -> Option<Key> {
    let head = head::read(line, context.reference_time, context.timezone, slots)?;
    let table = &*TABLE;
    let program = table::FORMS
        .iter()
        .position(|(name, _)| name.as_bytes() == head.program)? as u8;
    let front = front(&line[head.message..]);
    let time = slots[head::TIME].number;
    let mut read = |template: u32| {
        let (_, form) = &table.all[template as usize];
        let same = form.read(line, head.message, time, &mut slots[head::SLOTS..])?;
        Some(Key {
            template,
            same,
            form: head.form,
        })
    };
    let named = table.by_front.get(&(program, front));
    let found = named.into_iter().flatten().find_map(|&template| read(template));
    found.or_else(|| {
        let any = table.any_front.iter();
        let any = any.filter(|(of, _)| *of == program);
        any.into_iter().find_map(|&(_, template)| read(template))
    })
}

fn learned(key: Key, scratch: &mut Decoder, block: &FrameBlock, sink: &EventSink) -> Option<State> {
    let (program, template) = &TABLE.all[key.template as usize];
    let (dataset, columns) = learn::learn(template, program, key, scratch, block)?;
    let builder = sink.builder_of(&dataset)?;
    let origins = columns
        .iter()
        .map(|(name, origin)| (name.as_str(), origin.clone()));
    let plan = sink.builders[builder].plan(origins)?;
    Some(State::Known(builder, Box::new(plan)))
}
