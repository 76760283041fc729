//! Whether the values of an event may satisfy a rule.

use std::borrow::Cow;

use borzoi_parsers::formats::flat::{FlatEvent, FlatField, Kind as ValueKind};

use super::{DatasetScreen, Sight};
use crate::matcher::plan::Fact;
use crate::matcher::screen::keywords::has_letters_that_become_ascii;
use crate::matcher::screen::memory::NOTHING;
use crate::matcher::sets::EMPTY;
use crate::matcher::single::relates;

impl DatasetScreen {
    /// Whether a rule that is left for the kind may match.
    #[inline]
    pub(super) fn may_match(&mut self, event: &FlatEvent<'_>, kind: usize, shape: Option<usize>) -> bool {
        if self.kinds[kind].looked_at {
            return true;
        }
        let keywords = self.keyword_may_occur(event, kind);
        let awake = keywords
            || !self.kinds[kind].always.is_empty()
            || match shape {
                Some(shape) => self.value_wakes_by_shape(event, kind, shape),
                None => event.fields.iter().any(|&field| {
                    field.kind != ValueKind::Null
                        && self.asks(kind, field)
                        && self.value_wakes(event, kind, field)
                }),
            };
        awake && self.evaluate(event, kind, keywords, shape)
    }

    /// Whether a value of an event of a known shape may wake a rule.
    #[inline]
    fn value_wakes_by_shape(&mut self, event: &FlatEvent<'_>, kind: usize, shape: usize) -> bool {
        if self.shapes.get(shape).asked(kind).is_none() {
            let fields = self.shapes.get(shape).asking.clone();
            let asked = fields.into_iter();
            let asked = asked.filter(|&position| self.asks(kind, event.fields[position as usize]));
            let asked = asked.collect();
            self.shapes.get_mut(shape).learn(kind, asked);
        }
        let mut index = 0;
        while let Some(&position) = self
            .shapes
            .get(shape)
            .asked(kind)
            .and_then(|fields| fields.get(index))
        {
            if self.value_wakes(event, kind, event.fields[position as usize]) {
                return true;
            }
            index += 1;
        }
        false
    }

    /// Whether a value of a field can wake a rule in an event of a kind.
    #[inline]
    fn asks(&mut self, kind: usize, field: FlatField) -> bool {
        let index = field.key as usize;
        if let Some(asks) = self.kinds[kind].asks(index) {
            return asks;
        }
        let Some(Some(key)) = self.keys.get(index) else {
            return false;
        };
        let slots = key.slots.iter().chain(&key.slots_aside);
        self.kinds[kind].learn(index, slots.map(|&slot| slot as usize))
    }

    /// Whether a value may wake a rule.
    #[inline]
    fn value_wakes(&mut self, event: &FlatEvent<'_>, kind: usize, field: FlatField) -> bool {
        let shared = self.keys[field.key as usize]
            .as_ref()
            .is_some_and(|key| key.shared);
        let outcome = self.known(event, field).outcome;
        // What two values satisfy together may wake a rule that neither wakes alone.
        outcome != NOTHING && (shared || self.kinds[kind].wakes(outcome, &self.outcomes, &self.tables))
    }

    /// Whether a keyword may occur; `keyword_atoms` are those then.
    #[inline]
    fn keyword_may_occur(&mut self, event: &FlatEvent<'_>, kind: usize) -> bool {
        let Some(filter) = &self.kinds[kind].keywords else {
            return false;
        };
        let record = event.text();
        let unescaped = event.has_unicode_escapes().then(|| event.unescaped());
        let text = unescaped.as_deref().unwrap_or(record);
        self.any_keyword = (unescaped.is_some() || !event.is_ascii()) && has_letters_that_become_ascii(text);
        filter.atoms(text.as_bytes(), &mut self.keyword_seen, &mut self.keyword_atoms) || self.any_keyword
    }

    /// Evaluates the rules that the event's values wake, and if `keywords` may occur those that ask for them.
    fn evaluate(
        &mut self,
        event: &FlatEvent<'_>,
        number: usize,
        keywords: bool,
        shape: Option<usize>,
    ) -> bool {
        self.take_in_all(event, number, shape, true);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let kind = &mut self.kinds[number];
        candidates.extend_from_slice(&kind.always);
        for &slot in &self.touched {
            kind.wake(slot, self.row_sets[slot as usize], &self.tables, &mut candidates);
        }
        // First with the values that wake rules alone: that settles most, and the others need not be searched.
        let kind = &self.kinds[number];
        let holds = |fact: u32| self.fact(event, (number, shape), keywords, fact, false);
        candidates.retain(|&rule| kind.rule(rule).may_hold(&holds));
        let mut with_keywords = kind.with_keywords.iter();
        let by_keyword = keywords && with_keywords.any(|formula| formula.may_hold(&holds));
        let mut found = false;
        if by_keyword || !candidates.is_empty() {
            self.take_in_all(event, number, shape, false);
            let kind = &self.kinds[number];
            let holds = |fact: u32| self.fact(event, (number, shape), keywords, fact, true);
            let mut with_keywords = kind.with_keywords.iter();
            found = candidates.iter().any(|&rule| kind.rule(rule).may_hold(&holds))
                || by_keyword && with_keywords.any(|formula| formula.may_hold(&holds));
        }
        self.candidates = candidates;
        for slot in self.touched.drain(..) {
            self.row_sets[slot as usize] = EMPTY;
        }
        found
    }

    /// Whether a fact holds in the event whose values have been taken in, `all` of them or those that wake rules; `None`
    /// if that cannot be said.
    fn fact(
        &self,
        event: &FlatEvent<'_>,
        (kind, shape): (usize, Option<usize>),
        keywords: bool,
        fact: u32,
        all: bool,
    ) -> Option<bool> {
        match self.plan.facts[fact as usize] {
            Fact::Predicate { field, predicate } => match self.sights[field] {
                Sight::Values if all || self.kinds[kind].has_witness(field) => {
                    Some(self.tables[field].holds(self.row_sets[field], predicate))
                }
                Sight::Keywords if keywords => {
                    // A keyword of which a piece occurs may hold or not; the others do not.
                    let may_occur = |atom: u32| {
                        let occurs = self.any_keyword || self.keyword_atoms.binary_search(&atom).is_ok();
                        if occurs { None } else { Some(false) }
                    };
                    let predicate = &self.plan.fields[field].predicates[predicate as usize];
                    (!predicate.may_hold(&may_occur)).then_some(false)
                }
                _ => None,
            },
            Fact::RowTest(test) if all => self.row_test(event, test, shape),
            Fact::RowTest(_) => None,
        }
    }

    /// Takes in the values of the fields that can wake a rule, or of the others.
    fn take_in_all(&mut self, event: &FlatEvent<'_>, kind: usize, shape: Option<usize>, waking: bool) {
        match shape {
            Some(shape) => {
                for index in 0..self.shapes.get(shape).asking.len() {
                    let position = self.shapes.get(shape).asking[index];
                    let field = event.fields[position as usize];
                    if self.asks(kind, field) == waking {
                        self.take_in(event, field);
                    }
                }
            }
            None => {
                for &field in event.fields {
                    let Some(Some(key)) = self.keys.get(field.key as usize) else {
                        continue;
                    };
                    let is_asked = field.kind != ValueKind::Null
                        && Some(field.key) != event.collected()
                        && !(key.slots.is_empty() && key.slots_aside.is_empty());
                    if is_asked && self.asks(kind, field) == waking {
                        self.take_in(event, field);
                    }
                }
            }
        }
    }

    /// Adds what a value satisfies to what the event does.
    fn take_in(&mut self, event: &FlatEvent<'_>, field: FlatField) {
        let known = self.known(event, field);
        for &(slot, set) in self.outcomes.get(known.outcome) {
            let row_set = &mut self.row_sets[slot as usize];
            if *row_set == EMPTY {
                self.touched.push(slot);
            }
            *row_set = self.tables[slot as usize].union(*row_set, set, &self.plan.fields[slot as usize]);
        }
    }

    /// Whether a test between two fields holds; `None` where not all their values stand in the record.
    fn row_test(&self, event: &FlatEvent<'_>, number: usize, shape: Option<usize>) -> Option<bool> {
        let [slot, other] = self.row_slots[number]?;
        let test = &self.plan.row_tests[number];
        let values = self.texts_of(event, slot, shape);
        if values.is_empty() {
            return Some(false);
        }
        let others = self.texts_of(event, other, shape);
        Some(values.iter().any(|value| {
            let mut others = others.iter();
            others.any(|other| relates(value, test.relation, other, test.cased))
        }))
    }

    /// The values of a field as matchers see them.
    fn texts_of(&self, event: &FlatEvent<'_>, slot: u32, shape: Option<usize>) -> Vec<String> {
        let mut texts = Vec::new();
        let mut add = |field: FlatField| {
            let Some(Some(key)) = self.keys.get(field.key as usize) else {
                return;
            };
            if !key.slots.contains(&slot) && !key.slots_aside.contains(&slot) {
                return;
            }
            let takes = key.takes(event, field);
            event.visit(field, &mut String::new(), &mut |value| {
                let (text, slots) = key.text_of(&value, takes);
                let text = text.filter(|_| slots.contains(&slot));
                texts.extend(text.map(Cow::into_owned));
            });
        };
        match shape {
            Some(shape) => {
                let asking = self.shapes.get(shape).asking.iter();
                asking.for_each(|&position| add(event.fields[position as usize]));
            }
            None => event.fields.iter().for_each(|&field| add(field)),
        }
        texts
    }
}
