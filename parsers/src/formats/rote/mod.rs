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
//! Forms of [lines of pairs](pairs) stand in no table, but are learned in the same way.
//!
//! **When it is not asked.** Where a dataset or host is pinned, a catalog describes lines of its own, the raw line is
//! kept, a line was cut or is no ASCII.

mod head;
mod learn;
mod pair_lines;
mod pairs;
#[cfg(test)]
mod pairs_tests;
mod requests;
mod slots;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod values;
#[cfg(test)]
mod waiting_tests;

use std::sync::LazyLock;

use chrono_tz::Tz;
use hashbrown::HashMap;

use self::learn::Learned;
use self::pair_lines::Writer;
use self::pairs::{PairForms, PairLine};
use self::requests::Requests;
use self::template::{MOST, Padded, Template, templates};
use super::decode::Decoder;
use super::{EventSink, FrameContext};
use crate::batch::{PlanId, Slot, same_text};
use crate::frame::{FrameBlock, FrameSpan};

/// Room for all slots of a line.
type Room = [Slot; head::SLOTS + MOST];

/// Lines of a form that are read the long way before it is learned.
const FEW: u32 = 4;

/// All forms, ready to be compared.
struct Table {
    forms: Vec<Form>,
    /// Forms whose messages start alike.
    groups: Vec<Vec<u32>>,
    /// The group of each program and [`front`].
    by_front: HashMap<(usize, u64), usize>,
    /// The group of those of a program whose messages start with a slot.
    any_front: Vec<usize>,
    /// How many there are with all that may vary around them.
    keys: usize,
}

struct Form {
    program: &'static str,
    template: Template,
    /// The first of its keys.
    key: usize,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let programs = table::FORMS.len();
    let mut table = Table {
        forms: Vec::new(),
        groups: vec![Vec::new(); programs],
        by_front: HashMap::new(),
        any_front: (0..programs).collect(),
        keys: 0,
    };
    for (number, (program, patterns)) in table::FORMS.iter().enumerate() {
        for template in patterns.iter().flat_map(|pattern| templates(pattern)) {
            let group = match template.front().len() >= FRONT {
                true => {
                    // What stands there is the same in all samples.
                    let front = front(template.sample(0, 0).as_bytes());
                    let groups = &mut table.groups;
                    *table.by_front.entry((number, front)).or_insert_with(|| {
                        groups.push(Vec::new());
                        groups.len() - 1
                    })
                }
                false => table.any_front[number],
            };
            table.groups[group].push(table.forms.len() as u32);
            let key = table.keys;
            table.keys += head::FORMS << template.compared();
            table.forms.push(Form {
                program,
                template,
                key,
            });
        }
    }
    table
});

/// Bytes that most forms are parted by.
const FRONT: usize = 5;

/// What the forms are parted by: the number of a device's message, the first bytes of another's.
#[inline]
fn front(message: &[u8]) -> u64 {
    let word = match message {
        [b'%', ..] => message.get(7..13),
        _ => message.get(..FRONT),
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

impl Key {
    /// Its place among all keys.
    fn index(self) -> usize {
        TABLE.forms[self.template as usize].key + self.same as usize * head::FORMS + self.form.number()
    }
}

enum State {
    /// So many lines went the long way.
    Met(u32),
    /// The builder of its events, and their plan.
    Known(usize, PlanId),
    /// It has none.
    Unfit,
}

/// What one decoder knows by rote.
pub(super) struct Rote {
    /// What is known of each form, by [`Key::index`]; empty as long as no line had one.
    states: Vec<State>,
    /// The form of the last line of each group.
    guesses: Vec<u32>,
    stamps: head::Stamps,
    /// Forms of lines of pairs.
    pairs: PairForms,
    /// Lines of access logs.
    requests: Option<Requests>,
    /// The line, with room behind it.
    padded: Vec<u8>,
    /// Reads samples.
    scratch: Option<Box<Decoder>>,
}

impl Rote {
    /// `requests`: lines of access logs are read as such.
    pub(super) fn new(requests: bool) -> Self {
        Rote {
            requests: requests.then(Requests::default),
            states: Vec::new(),
            guesses: Vec::new(),
            stamps: head::Stamps::default(),
            pairs: PairForms::default(),
            padded: Vec::new(),
            scratch: None,
        }
    }

    /// Writes the event of a line if its form is known. `scratch` makes a decoder like the one that this belongs to, but
    /// without this.
    #[inline]
    pub(super) fn write(
        &mut self,
        (block, span): (&FrameBlock, FrameSpan),
        context: &FrameContext<'_>,
        sink: &mut EventSink,
        scratch: impl FnOnce(&EventSink) -> Decoder,
    ) -> bool {
        let line = block.frame(span);
        let mut slots = Room::default();
        if line.first().is_some_and(u8::is_ascii_digit)
            && let Some(requests) = &mut self.requests
            && requests.write((block, span), context, &mut slots, sink)
        {
            return true;
        }
        let scratch = |sink: &EventSink| Box::new(scratch(sink));
        let place = (block, span, context);
        if let Some(at) = pair_lines::fortigate(line) {
            let line = PairLine {
                writer: Writer::Fortigate,
                text: line,
                at,
            };
            let kept = &mut self.scratch;
            return self.pairs.write(line, &slots, place, sink, scratch, kept);
        }
        let Some(front) = head::front(line, &mut slots) else {
            return false;
        };
        let around = (context.reference_time, context.timezone);
        if let Some(form) = pair_lines::cef(line, &front) {
            let Some(time) = self.stamps.time(line, &front, around.0, around.1) else {
                return false;
            };
            slots[head::TIME].number = time;
            let line = PairLine {
                writer: Writer::Cef(form),
                text: line,
                at: front.end,
            };
            let kept = &mut self.scratch;
            return self.pairs.write(line, &slots, place, sink, scratch, kept);
        }
        let known = (&mut self.stamps, &mut self.guesses, &mut self.padded);
        let Some(key) = find(line, &front, known, around, &mut slots) else {
            return false;
        };
        if self.states.is_empty() {
            self.states.resize_with(TABLE.keys, || State::Met(0));
        }
        let state = &mut self.states[key.index()];
        match state {
            State::Known(builder, plan) => {
                let time = slots[head::TIME].number;
                if sink.write_planned((*builder, *plan), (block, span), &slots, time, context) {
                    return true;
                }
                // With too many columns a new plan would fare no better.
                if !sink.builder(*builder).follows(*plan) {
                    *state = State::Met(0);
                }
            }
            State::Unfit => {}
            State::Met(times) if *times < FEW => *times += 1,
            State::Met(_) => {
                let scratch = self.scratch.get_or_insert_with(|| scratch(sink));
                *state = learned(key, scratch, block, sink).unwrap_or(State::Unfit);
            }
        }
        false
    }
}

/// The form of a line, and its slots. `guesses` are the forms to be tried first, `padded` is scratch.
#[inline]
fn find(
    line: &[u8],
    front: &head::Front,
    (stamps, guesses, padded): (&mut head::Stamps, &mut Vec<u32>, &mut Vec<u8>),
    around: (i64, Tz),
    slots: &mut Room,
) -> Option<Key> {
    let known = |program: &[u8]| {
        let mut programs = table::FORMS.iter();
        programs.position(|(name, _)| same_text(name.as_bytes(), program))
    };
    let head = head::read(line, front, stamps, around, known, slots)?;
    let table = &*TABLE;
    let padded = Padded::new(line, padded)?;
    let front = self::front(&line[head.message..]);
    let group = table.by_front.get(&(head.program, front));
    let group = group.copied().unwrap_or(table.any_front[head.program]);
    if guesses.is_empty() {
        guesses.resize(table.groups.len(), 0);
    }
    let time = slots[head::TIME].number;
    let mut read = |template: u32| {
        let Form { template: form, .. } = &table.forms[template as usize];
        let same = form.read(padded, head.message, time, &mut slots[head::SLOTS..])?;
        Some(Key {
            template,
            same,
            form: head.form,
        })
    };
    let forms = &table.groups[group];
    let guess = forms.get(guesses[group] as usize).and_then(|&form| read(form));
    guess.or_else(|| {
        let (at, key) = (0..).zip(forms).find_map(|(at, &form)| Some((at, read(form)?)))?;
        guesses[group] = at;
        Some(key)
    })
}

fn learned(key: Key, scratch: &mut Decoder, block: &FrameBlock, sink: &mut EventSink) -> Option<State> {
    let Form {
        program, template, ..
    } = &TABLE.forms[key.template as usize];
    let Learned { dataset, columns, .. } = learn::learn(template, program, key, scratch, block)?;
    let builder = sink.builder_of(&dataset)?;
    let origins = columns.iter().map(|(name, origin)| (&**name, origin.clone()));
    let plan = sink.builders[builder].plan(origins)?;
    Some(State::Known(builder, plan))
}
