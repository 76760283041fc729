//! Lines of pairs known by rote: CEF's, and FortiGate's.
//!
//! A firewall writes the same keys in the same order a million times. A form is such a sequence of keys, with what stands in
//! front of it and the [class](super::values) of each value; nobody writes it down: a line that has come a few times
//! in the same form is the form. What its columns are is learned as for [sentences](super): samples of the form are read by the
//! grammar, and each column traced to a value.
//!
//! Only lines without anything that means more than it is are compared: behind a priority, of printing ASCII, without backslashes
//! and `%`, each pair directly behind the one before it. Where one key more, one value of another class or one space too many
//! stands in a line it has another form, or none, and the grammar reads it.

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::head::{self, MESSAGE, SLOTS};
use super::learn::{Learned, learn_from};
use super::pair_lines::{Writer, cef_header, find_signs, is_plain, writer_of};
use super::slots::SAMPLES;
use super::template::Text;
use super::values::{Care, Class, MOST, OPTIONAL};
use super::{FEW, State};
use crate::batch::{Origin, Slot};
use crate::formats::decode::Decoder;
use crate::formats::text::pairs::{Style, pairs};
use crate::formats::text::search::near;
use crate::formats::vendors::{CefRole, FortigateRole, cef_key_before, cef_pairs};
use crate::formats::{EventSink, FrameContext};
use crate::frame::{FrameBlock, FrameSpan};

/// Forms that are kept: what a stranger makes up must not take memory or time without end.
pub(super) const FORMS: usize = 512;
/// Forms with the same beginning that are tried.
const TRIED: usize = 32;
/// Pairs of a line.
const PAIRS: usize = 96;
/// How many lines without a known form may come for one that has one, on the whole, before lines are let pass untried.
const PATIENCE: i32 = if cfg!(test) { i32::MAX / 2 } else { 1024 };

/// A line that may have a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairLine<'l> {
    pub(super) writer: Writer,
    pub(super) text: &'l [u8],
    /// Where its pairs begin, or what stands in front of them as the same text in all lines of a form.
    pub(super) at: usize,
}

/// What stands in front of a value, and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    /// What follows the value before: its closing quote, a space, the key, the sign, an opening quote.
    lead: Text,
    class: Class,
    quoted: bool,
    /// Its first slot.
    slot: usize,
}

impl Cell {
    /// Whether a value between others is of its class, and nothing stands around it.
    #[inline(always)]
    fn takes_open(&self, line: &[u8], start: usize, end: usize, slots: &mut [Slot]) -> bool {
        let value = &line[start..end];
        let odd = matches!(value.first(), Some(b'"' | b'\'' | b' ')) || value.last() == Some(&b' ');
        !odd && self.class.read(line, start, end, &mut slots[self.slot..])
    }
}

/// A form of lines.
struct Form {
    writer: Writer,
    cells: Vec<Cell>,
    /// What follows the last value.
    tail: &'static [u8],
    slots: usize,
    /// The slot that says when it was.
    time: usize,
    state: State,
}

/// All forms that one decoder has met.
#[derive(Default)]
pub(super) struct PairForms {
    forms: Vec<Form>,
    /// By what they begin with: which, and the place of the last one that a line had.
    groups: HashMap<u64, (Vec<u32>, usize)>,
    slots: Vec<Slot>,
    /// Where signs stand in the line.
    signs: Vec<u32>,
    /// Lines that had a form, less those that had none.
    luck: i32,
    untried: u32,
}

impl PairForms {
    /// The forms, for tests: how many there are, and how many of them have a plan.
    #[cfg(test)]
    pub(super) fn known(&self) -> (usize, usize) {
        let is_known = |form: &&Form| matches!(form.state, State::Known(..));
        (self.forms.len(), self.forms.iter().filter(is_known).count())
    }

    /// Writes the event of a line if its form is known. `head` are the slots of what stands in front of its pairs; `scratch` makes a
    /// decoder that reads samples, which is `kept`.
    #[inline]
    pub(super) fn write(
        &mut self,
        line: PairLine<'_>,
        head: &[Slot],
        (block, span, context): (&FrameBlock, FrameSpan, &FrameContext<'_>),
        sink: &mut EventSink,
        scratch: impl FnOnce(&EventSink) -> Box<Decoder>,
        kept: &mut Option<Box<Decoder>>,
    ) -> bool {
        if self.luck < -PATIENCE {
            self.untried += 1;
            if !self.untried.is_multiple_of(64) {
                return false;
            }
        }
        self.luck = (self.luck - 1).max(-2 * PATIENCE);
        if !is_plain(line.text) {
            return false;
        }
        let Some(number) = self.find(line, head) else {
            return false;
        };
        let form = &mut self.forms[number];
        match &mut form.state {
            State::Known(builder, plan) => {
                let time = self.slots[form.time].number;
                if sink.write_planned((*builder, *plan), (block, span), &self.slots, time, context) {
                    self.luck = (self.luck + 2).min(PATIENCE);
                    return true;
                }
                // With too many columns a new plan would fare no better.
                if !sink.builder(*builder).follows(*plan) {
                    form.state = State::Met(0);
                }
            }
            State::Unfit => {}
            State::Met(times) if *times < FEW => *times += 1,
            State::Met(_) => {
                let scratch = kept.get_or_insert_with(|| scratch(sink));
                form.state = form.learned(scratch, block, sink).unwrap_or(State::Unfit);
            }
        }
        false
    }

    /// The form of a line, and its slots; one that is new if the line has none of those that are known.
    #[inline]
    fn find(&mut self, line: PairLine<'_>, head: &[Slot]) -> Option<usize> {
        let PairLine {
            writer,
            text: line,
            at,
        } = line;
        let sign = near(b'=', &line[at..])?;
        let front = &line[at..=at + sign];
        let group = xxh3_64(front);
        if self.slots.len() < SLOTS {
            self.slots.resize(SLOTS, Slot::default());
        }
        self.slots[..SLOTS].copy_from_slice(&head[..SLOTS]);
        if writer != Writer::Fortigate {
            find_signs(line, &mut self.signs);
        }
        let (forms, signs, slots) = (&self.forms, &self.signs, &mut self.slots);
        if let Some((members, last)) = self.groups.get_mut(&group) {
            let mut read = |number: u32| {
                let form = &forms[number as usize];
                (form.writer == writer && form.read(line, at, signs, slots)).then_some(number as usize)
            };
            if let Some(found) = members.get(*last).and_then(|&number| read(number)) {
                return Some(found);
            }
            let found = members
                .iter()
                .enumerate()
                .take(TRIED)
                .find_map(|(place, &number)| Some((place, read(number)?)));
            if let Some((place, found)) = found {
                *last = place;
                return Some(found);
            }
        }
        self.add(writer, line, at, group);
        None
    }

    #[cold]
    fn add(&mut self, writer: Writer, line: &[u8], at: usize, group: u64) {
        let has_room = self.forms.len() < FORMS
            && self
                .groups
                .get(&group)
                .is_none_or(|(members, _)| members.len() < TRIED);
        if !has_room {
            return;
        }
        if let Some(form) = Form::of(writer, line, at) {
            let (members, _) = self.groups.entry(group).or_default();
            members.push(self.forms.len() as u32);
            self.forms.push(form);
        }
    }
}

impl Form {
    /// The form of a line, if it can have one.
    fn of(writer: Writer, line: &[u8], at: usize) -> Option<Form> {
        let text = std::str::from_utf8(line).ok()?;
        let mut form = Form {
            writer,
            cells: Vec::new(),
            tail: b"",
            slots: SLOTS,
            time: 0,
            state: State::Met(0),
        };
        let mut lead = Vec::new();
        match writer {
            Writer::Cef(_) => {
                let header = cef_header(text.get(at..)?)?;
                lead.extend_from_slice(header.as_bytes());
                for (key, value) in cef_pairs(text.get(at + header.len()..)?) {
                    lead.extend_from_slice(key.as_bytes());
                    lead.push(b'=');
                    form.add(CefRole::of(key).into(), &mut lead, value, false)?;
                    lead.push(b' ');
                }
            }
            Writer::Fortigate => {
                for pair in pairs(text.get(at..)?, Style::SPACED) {
                    lead.extend_from_slice(pair.key.as_bytes());
                    lead.push(b'=');
                    // Whether quotes stand around it, the value's place shows.
                    let start = pair.value.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
                    let quoted = line.get(start.wrapping_sub(1)) == Some(&b'"');
                    if quoted {
                        lead.push(b'"');
                    }
                    form.add(FortigateRole::of(pair.key).into(), &mut lead, pair.value, quoted)?;
                    if quoted {
                        lead.push(b'"');
                        form.tail = b"\"";
                    } else {
                        form.tail = b"";
                    }
                    lead.push(b' ');
                }
            }
        }
        let mut slots = vec![Slot::default(); form.slots];
        // What the grammar passes over between pairs has no place in a form.
        form.read_whole(line, at, &mut slots).then_some(form)
    }

    fn add(&mut self, care: Care, lead: &mut Vec<u8>, value: &str, quoted: bool) -> Option<()> {
        let class = Class::of(care, value.as_bytes())?;
        let slots = class.slots();
        self.cells.push(Cell {
            lead: Text::new(&std::mem::take(lead)),
            class,
            quoted,
            slot: self.slots,
        });
        self.slots += slots;
        (self.cells.len() <= PAIRS).then_some(())
    }

    /// As [`read`](Form::read), for a line whose signs are not found yet.
    fn read_whole(&self, line: &[u8], at: usize, slots: &mut Vec<Slot>) -> bool {
        let mut signs = Vec::new();
        find_signs(line, &mut signs);
        self.read(line, at, &signs, slots)
    }

    /// Whether the pairs that begin at `at` of `line`, in which `signs` stand, are of this form; their slots.
    #[inline]
    fn read(&self, line: &[u8], at: usize, signs: &[u32], slots: &mut Vec<Slot>) -> bool {
        if slots.len() < self.slots + MOST {
            slots.resize(self.slots + MOST, Slot::default());
        }
        match self.writer {
            Writer::Cef(_) => self.read_open(line, at, signs, slots),
            Writer::Fortigate => self.read_closed(line, at, slots),
        }
    }

    /// Pairs whose values end where quotes or spaces say so.
    #[inline]
    fn read_closed(&self, line: &[u8], mut at: usize, slots: &mut [Slot]) -> bool {
        slots[MESSAGE] = Slot {
            start: 0,
            end: line.len() as u32,
            number: 0,
        };
        for cell in &self.cells {
            let start = at + cell.lead.bytes.len();
            if !cell.lead.stands_in(line, at) {
                return false;
            }
            let end = match (
                cell.quoted,
                near(if cell.quoted { b'"' } else { b' ' }, &line[start..]),
            ) {
                (_, Some(length)) => start + length,
                (true, None) => return false,
                (false, None) => line.len(),
            };
            let opens = !cell.quoted && line.get(start) == Some(&b'"');
            if opens || !cell.class.read(line, start, end, &mut slots[cell.slot..]) {
                return false;
            }
            at = end;
        }
        &line[at..] == self.tail
    }

    /// Pairs whose values end where the next key begins.
    #[inline]
    fn read_open(&self, line: &[u8], at: usize, signs: &[u32], slots: &mut [Slot]) -> bool {
        let Some((first, rest)) = self.cells.split_first() else {
            return false;
        };
        let mut start = at + first.lead.bytes.len();
        if !first.lead.stands_in(line, at) {
            return false;
        }
        let mut signs = signs.iter().map(|sign| *sign as usize);
        // Its own, and those in front of it.
        if !signs.any(|sign| sign + 1 == start) {
            return false;
        }
        let mut cell = first;
        for next in rest {
            // The sign that ends the next key, or one in the value, which has no word of its own in front of it.
            let end = loop {
                let Some(sign) = signs.next() else {
                    return false;
                };
                let end = (sign + 1).wrapping_sub(next.lead.bytes.len());
                if end >= start && next.lead.stands_in(line, end) {
                    break end;
                }
                if cef_key_before(line, start, sign).is_some() {
                    return false;
                }
            };
            if !cell.takes_open(line, start, end, slots) {
                return false;
            }
            start = end + next.lead.bytes.len();
            cell = next;
        }
        let is_last = !signs.any(|sign| cef_key_before(line, start, sign).is_some());
        is_last && cell.takes_open(line, start, line.len(), slots)
    }

    /// Samples of this form are read the long way, and its columns traced.
    fn learned(&mut self, scratch: &mut Decoder, block: &FrameBlock, sink: &mut EventSink) -> Option<State> {
        let Learned {
            dataset,
            time,
            mut columns,
        } = self.traced(true, scratch, block)?;
        // Whether a name that the line has is that of its header decides what becomes of the header's.
        let names_host =
            |(name, origin): &(String, Origin)| name == "host_name" && *origin != Origin::Text(head::HOST);
        if matches!(self.writer, Writer::Cef(_)) && columns.iter().any(names_host) {
            return None;
        }
        let cells = self.cells.iter();
        let optional: Vec<usize> = cells
            .filter_map(|cell| Some(cell.slot + cell.class.optional()?))
            .collect();
        if !optional.is_empty() {
            // Without what may be missing, only the columns that it has are missing.
            let is_optional =
                |origin: &Origin| matches!(origin, Origin::Text(slot) if optional.contains(slot));
            let without = self.traced(false, scratch, block)?;
            let kept = columns.iter().filter(|(_, origin)| !is_optional(origin));
            let is_same = without.dataset.name == dataset.name && without.time == time;
            if !is_same || !kept.eq(&without.columns) {
                return None;
            }
            for (_, origin) in &mut columns {
                if let Origin::Text(slot) = *origin
                    && optional.contains(&slot)
                {
                    *origin = Origin::TextIfAny(slot);
                }
            }
        }
        self.time = time;
        let builder = sink.builder_of(&dataset)?;
        if !optional.is_empty() {
            // It may be that no event had one yet.
            sink.builders[builder].add_column_of(OPTIONAL);
        }
        let origins = columns.iter().map(|(name, origin)| (&**name, origin.clone()));
        let plan = sink.builders[builder].plan(origins)?;
        Some(State::Known(builder, plan))
    }

    /// Where the columns of samples come from, with all that may be missing or without it.
    fn traced(&self, full: bool, scratch: &mut Decoder, block: &FrameBlock) -> Option<Learned> {
        let lines = (0..SAMPLES).map(|sample| self.sample(sample, full)).collect();
        let (mut texts, mut numbers) = (vec![MESSAGE], Vec::new());
        if let Writer::Cef(_) = self.writer {
            texts = vec![head::HOST];
            numbers = vec![head::TIME, head::PRIORITY, head::FACILITY, head::SEVERITY];
        }
        for cell in &self.cells {
            let (with_text, with_number) = cell.class.kinds();
            let with_text = with_text.filter(|slot| full || cell.class.optional() != Some(*slot));
            texts.extend(with_text.map(|slot| cell.slot + slot));
            numbers.extend(with_number.map(|slot| cell.slot + slot));
        }
        let around = (block.source.reference_time, scratch.zone());
        let slots = |line: &str| {
            let mut slots = vec![Slot::default(); SLOTS];
            let (writer, at) = writer_of(line.as_bytes(), &mut slots)?;
            if let (Writer::Cef(_), Some(front)) = (writer, head::front(line.as_bytes(), &mut slots)) {
                let mut stamps = head::Stamps::default();
                slots[head::TIME].number = stamps.time(line.as_bytes(), &front, around.0, around.1)?;
            }
            (writer == self.writer && self.read_whole(line.as_bytes(), at, &mut slots)).then_some(slots)
        };
        learn_from(lines, slots, &(texts, numbers), scratch, block)
    }

    /// A line of this form.
    fn sample(&self, sample: usize, full: bool) -> String {
        let mut pairs = String::new();
        for cell in &self.cells {
            let spaces = cell.quoted || matches!(self.writer, Writer::Cef(_));
            pairs.push_str(&String::from_utf8_lossy(&cell.lead.bytes));
            pairs.push_str(&cell.class.sample(cell.slot, sample, spaces, full));
        }
        pairs.push_str(&String::from_utf8_lossy(self.tail));
        match self.writer {
            Writer::Cef(form) => head::sample(form, "%", &pairs, sample),
            Writer::Fortigate => format!("{}{pairs}", ["<86>", "<165>", "<46>"][sample]),
        }
    }
}
