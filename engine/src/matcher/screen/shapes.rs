//! Records alike: the same keys in the same order, with values of the same kinds.
//!
//! Which columns the fields of a record go to, which of them say what kind of event it is, and which can wake a rule
//! follows from its shape. Producers write few shapes, so that is found out once for each; what is left to do for an
//! event is to look at the few values that count.

use borzoi_parsers::formats::flat::{FlatEvent, FlatField};
use hashbrown::HashMap;

/// More shapes than a dataset has; records of further ones are looked at field by field. So are records of more fields
/// than any producer writes: all shapes of a dataset together take 13 MB at most.
const MOST_SHAPES: usize = 512;
const MOST_FIELDS: usize = 512;

/// Longer values say nothing of a kind that is worth remembering.
const LONGEST_TOLD: usize = 1024;

/// Kinds of events that a shape remembers the values that count for.
const MOST_KINDS: usize = 8;

/// What follows from the shape of a record. Fields are given by their positions.
pub(super) struct Shape {
    codes: Box<[u32]>,
    /// Fields that say what kind of event it is.
    pub(super) telling: Box<[u32]>,
    /// Fields whose values may not fit their columns.
    pub(super) typed: Box<[u32]>,
    /// Fields that rules can ask for.
    pub(super) asking: Box<[u32]>,
    /// What the last event said of its kind, and which that was.
    told: Vec<String>,
    kind: Option<usize>,
    /// By kind: the fields of which a value can wake a rule.
    asked: Vec<(usize, Box<[u32]>)>,
}

impl Shape {
    /// The shape of `event`.
    pub(super) fn of(event: &FlatEvent<'_>, telling: Vec<u32>, typed: Vec<u32>, asking: Vec<u32>) -> Shape {
        Shape {
            codes: event.fields.iter().map(FlatField::code).collect(),
            told: vec![String::new(); telling.len()],
            telling: telling.into(),
            typed: typed.into(),
            asking: asking.into(),
            kind: None,
            asked: Vec::new(),
        }
    }

    /// The kind of `event`, if it says the same of it as the one before.
    #[inline]
    pub(super) fn kind(&self, event: &FlatEvent<'_>) -> Option<usize> {
        let mut told = self.telling.iter().zip(&self.told);
        let same = told.all(|(&position, told)| event.raw(event.fields[position as usize]) == told);
        self.kind.filter(|_| same)
    }

    /// Remembers the kind of `event`.
    pub(super) fn is_of(&mut self, event: &FlatEvent<'_>, kind: usize) {
        self.kind = None;
        let mut telling = self.telling.iter();
        if telling.any(|&position| event.raw(event.fields[position as usize]).len() > LONGEST_TOLD) {
            return;
        }
        for (&position, told) in self.telling.iter().zip(&mut self.told) {
            told.clear();
            told.push_str(event.raw(event.fields[position as usize]));
        }
        self.kind = Some(kind);
    }

    /// The fields of which a value can wake a rule in an event of a kind, if they were [learned](Shape::learn).
    #[inline]
    pub(super) fn asked(&self, kind: usize) -> Option<&[u32]> {
        let asked = self.asked.iter().find(|(known, _)| *known == kind);
        asked.map(|(_, fields)| &**fields)
    }

    /// Learns which fields can wake a rule in an event of a kind.
    pub(super) fn learn(&mut self, kind: usize, fields: Box<[u32]>) {
        if self.asked.len() >= MOST_KINDS {
            self.asked.remove(0);
        }
        self.asked.push((kind, fields));
    }

    #[inline]
    fn fits(&self, fields: &[FlatField]) -> bool {
        let mut pairs = self.codes.iter().zip(fields);
        self.codes.len() == fields.len() && pairs.all(|(known, field)| *known == field.code())
    }
}

/// The shapes met.
#[derive(Default)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    by_hash: HashMap<u64, usize>,
    last: usize,
}

impl Shapes {
    /// The number of an event's shape, if it is known.
    #[inline]
    pub(super) fn find(&mut self, event: &FlatEvent<'_>) -> Option<usize> {
        let fits = |number: usize| {
            let shape = self.shapes.get(number);
            shape.is_some_and(|shape| shape.fits(event.fields))
        };
        if !fits(self.last) {
            self.last = *self.by_hash.get(&event.shape())?;
            if !fits(self.last) {
                return None;
            }
        }
        Some(self.last)
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> &Shape {
        &self.shapes[number]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: usize) -> &mut Shape {
        &mut self.shapes[number]
    }

    /// Whether the shape of `event` can be added.
    pub(super) fn has_room_for(&self, event: &FlatEvent<'_>) -> bool {
        self.shapes.len() < MOST_SHAPES && event.fields.len() <= MOST_FIELDS
    }

    /// Adds the shape of `event`; another one of the same hash gives way.
    pub(super) fn insert(&mut self, event: &FlatEvent<'_>, shape: Shape) {
        let number = *self.by_hash.entry(event.shape()).or_insert(self.shapes.len());
        match self.shapes.get_mut(number) {
            Some(other) => *other = shape,
            None => self.shapes.push(shape),
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Shapes::default();
    }
}
