//! From what the grammars make of samples to where each column of a form comes from.

use std::sync::Arc;

use super::head::{self, FACILITY, HOST, MESSAGE, PID, PRIORITY, SEVERITY, SLOTS, TIME};
use super::slots::SAMPLES;
use super::template::Template;
use super::{Key, Room};
use crate::batch::{Origin, Slot, Stored};
use crate::catalog::Dataset;
use crate::formats::decode::Decoder;
use crate::frame::{FrameBlock, FrameSpan, Framing};

/// What is known of a form: its dataset, and where each column comes from, by SQL name.
pub(super) type Learned = (Arc<Dataset>, Vec<(String, Origin)>);

/// The time of an event, and its columns by SQL name.
type Row = (i64, Vec<(String, Stored)>);

/// A sample line, and what its reader made of it.
struct Sample {
    line: String,
    slots: Room,
    columns: Vec<(String, Stored)>,
}

/// Has `scratch`, which knows nothing by rote, read samples of a form as if they came from where `like` does, and finds out
/// where each of their columns comes from: what holds for all samples, none of which has a text or a number twice. `None`: a
/// column is something else, or there is more to these events than columns.
pub(super) fn learn(
    template: &Template,
    program: &str,
    key: Key,
    scratch: &mut Decoder,
    like: &FrameBlock,
) -> Option<Learned> {
    let lines: Vec<String> = (0..SAMPLES)
        .map(|sample| {
            let message = template.sample(sample, key.same);
            head::sample(key.form, program, &message, sample)
        })
        .collect();
    let (dataset, rows) = read(&lines, scratch, like)?;
    let zone = scratch.zone();
    let mut samples = Vec::new();
    for (line, (time, columns)) in lines.into_iter().zip(rows) {
        let mut slots = Room::default();
        let head = head::read(
            line.as_bytes(),
            like.source.reference_time,
            zone,
            |_| Some(0),
            &mut slots,
        )?;
        let own = slots[TIME].number;
        let same = template.read(line.as_bytes(), head.message, own, &mut slots[SLOTS..])?;
        if head.form != key.form || same != key.same || time != own {
            return None;
        }
        samples.push(Sample { line, slots, columns });
    }
    let mut learned = Vec::new();
    for (name, _) in &samples.first()?.columns {
        learned.push((name.clone(), origin(name, template, key, &samples)?));
    }
    let many = learned.len();
    let all_alike = samples.iter().all(|sample| sample.columns.len() == many);
    all_alike.then_some((dataset, learned))
}

/// Where the values of a column come from.
fn origin(name: &str, template: &Template, key: Key, samples: &[Sample]) -> Option<Origin> {
    let values: Vec<&Stored> = samples
        .iter()
        .map(|sample| {
            let found = sample.columns.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value)
        })
        .collect::<Option<_>>()?;
    let holds = |test: &dyn Fn(Slot, &str, &Stored) -> bool, slot: usize| {
        let mut all = samples.iter().zip(&values);
        all.all(|(sample, value)| test(sample.slots[slot], &sample.line, value))
    };
    let is_text = |slot: Slot, line: &str, value: &Stored| match value {
        Stored::Text(text) => text.as_bytes() == slot.of(line.as_bytes()),
        _ => false,
    };
    let is_number = |slot: Slot, _: &str, value: &Stored| match value {
        Stored::Integer(number) | Stored::Time(number) => *number == slot.number,
        _ => false,
    };
    let (texts, numbers) = slots_of(template, key);
    let text = texts.into_iter().find(|&slot| holds(&is_text, slot));
    let number = || numbers.into_iter().find(|&slot| holds(&is_number, slot));
    let found = text.map(Origin::Text).or_else(|| number().map(Origin::Number));
    found.or_else(|| {
        let always = values.iter().all(|value| *value == values[0]);
        always.then(|| Origin::Constant(values[0].clone()))
    })
}

/// The slots of a form that have a text, and those that have a number.
fn slots_of(template: &Template, key: Key) -> (Vec<usize>, Vec<usize>) {
    let (mut texts, mut numbers) = (vec![HOST, MESSAGE], vec![TIME]);
    if key.form.pid {
        texts.push(PID);
        numbers.push(PID);
    }
    if key.form.priority {
        numbers.extend([PRIORITY, FACILITY, SEVERITY]);
    }
    for (slot, kind) in (SLOTS..).zip(&template.kinds) {
        if kind.is_some() {
            texts.push(slot);
        }
        if kind.is_none_or(|kind| kind.is_number()) {
            numbers.push(slot);
        }
    }
    (texts, numbers)
}

/// What `scratch` makes of `lines`: their dataset, and the time and the columns of each.
fn read(lines: &[String], scratch: &mut Decoder, like: &FrameBlock) -> Option<(Arc<Dataset>, Vec<Row>)> {
    let mut block = FrameBlock {
        source: like.source.clone(),
        place: like.place,
        sequence: 0,
        framing: Framing::Lines,
        header: None,
        bytes: Vec::new(),
        frames: Vec::new(),
        rejects: Vec::new(),
    };
    for line in lines {
        let start = block.bytes.len();
        block.bytes.extend_from_slice(line.as_bytes());
        block.frames.push(FrameSpan {
            start,
            end: block.bytes.len(),
            offset: start as u64,
            truncated: false,
        });
    }
    scratch.read_aside(&block, |builder| {
        let row = |row: usize| {
            let columns = builder.stored(row)?.into_iter();
            let columns = columns.map(|(name, value)| (name.to_owned(), value));
            Some((builder.time_at(row)?, columns.collect()))
        };
        let rows = (0..lines.len()).map(row).collect::<Option<Vec<_>>>()?;
        (builder.len() == lines.len()).then(|| (builder.dataset().clone(), rows))
    })
}
