//! From what the grammars make of samples to where each column of a form comes from.

use std::sync::Arc;

use super::head::{self, FACILITY, HOST, MESSAGE, PID, PRIORITY, SEVERITY, SLOTS, TIME};
use super::slots::SAMPLES;
use super::template::{Padded, Template};
use super::{Key, Room};
use crate::batch::{Origin, Slot, Stored};
use crate::catalog::Dataset;
use crate::formats::decode::Decoder;
use crate::frame::{FrameBlock, FrameSpan, Framing};

/// What is known of a form.
pub(super) struct Learned {
    pub(super) dataset: Arc<Dataset>,
    /// The slot whose number is the time of an event.
    pub(super) time: usize,
    /// Where each column comes from, by SQL name.
    pub(super) columns: Vec<(String, Origin)>,
}

/// The time of an event, and its columns by SQL name.
type Row = (i64, Vec<(String, Stored)>);

/// A sample line, its slots, and what its reader made of it.
struct Sample {
    line: String,
    slots: Vec<Slot>,
    time: i64,
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
    let lines = (0..SAMPLES).map(|sample| {
        let message = template.sample(sample, key.same);
        head::sample(key.form, program, &message, sample)
    });
    let around = (like.source.reference_time, scratch.zone());
    let slots = |line: &str| {
        let mut slots = Room::default();
        let front = head::front(line.as_bytes(), &mut slots)?;
        let mut stamps = head::Stamps::default();
        let head = head::read(
            line.as_bytes(),
            &front,
            &mut stamps,
            around,
            |_| Some(0),
            &mut slots,
        )?;
        let own = slots[TIME].number;
        let same = template.read(
            Padded::new(line.as_bytes(), &mut Vec::new())?,
            head.message,
            own,
            &mut slots[SLOTS..],
        )?;
        (head.form == key.form && same == key.same).then(|| slots.to_vec())
    };
    let learned = learn_from(lines.collect(), slots, &slots_of(template, key), scratch, like)?;
    (learned.time == TIME).then_some(learned)
}

/// As [`learn`], from `lines` whose slots `slots` finds. `kinds` are the slots that have a text, and those that have a number.
pub(super) fn learn_from(
    lines: Vec<String>,
    slots: impl Fn(&str) -> Option<Vec<Slot>>,
    kinds: &(Vec<usize>, Vec<usize>),
    scratch: &mut Decoder,
    like: &FrameBlock,
) -> Option<Learned> {
    let (dataset, rows) = read(&lines, scratch, like)?;
    let samples = lines.into_iter().zip(rows).map(|(line, (time, columns))| {
        let slots = slots(&line)?;
        Some(Sample {
            line,
            slots,
            time,
            columns,
        })
    });
    let samples: Vec<Sample> = samples.collect::<Option<_>>()?;
    let is_time = |slot: &&usize| {
        samples
            .iter()
            .all(|sample| sample.slots[**slot].number == sample.time)
    };
    let time = *kinds.1.iter().find(is_time)?;
    let mut columns = Vec::new();
    for (name, _) in &samples.first()?.columns {
        columns.push((name.clone(), origin(name, kinds, &samples)?));
    }
    let many = columns.len();
    let all_alike = samples.iter().all(|sample| sample.columns.len() == many);
    all_alike.then_some(Learned {
        dataset,
        time,
        columns,
    })
}

/// Where the values of a column come from.
fn origin(name: &str, (texts, numbers): &(Vec<usize>, Vec<usize>), samples: &[Sample]) -> Option<Origin> {
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
    let text = texts.iter().copied().find(|&slot| holds(&is_text, slot));
    let number = || numbers.iter().copied().find(|&slot| holds(&is_number, slot));
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
