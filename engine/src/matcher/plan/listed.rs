//! Fields in lists, so that a screen can rule them out.

use std::sync::Arc;

use borzoi_parsers::catalog::{ColumnType, Dataset, Fill};
use borzoi_parsers::enrich::derived;
use borzoi_rules::ir::{Listed, Lists, Matcher};

use super::{Builder, SlotOf};
use crate::matcher::formula::Formula;
use crate::resolve::FieldKey;

impl<'d> Builder<'d> {
    /// A field is in a list. Lists are looked up in many columns of every dataset, so a screen must be able to rule that
    /// out although some of them are filled from others.
    pub(super) fn listed(&mut self, name: &str, listed: &Listed, slot_of: SlotOf<'_, 'd>) -> Formula {
        // What is derived says nothing that its source does not, and would have to be made for every event.
        if is_derived(self.dataset, name) {
            return Formula::False;
        }
        let slot = slot_of(self, name);
        let whole = self.matcher(slot, &Matcher::Listed(listed.clone()), slot_of);
        let Some(key) = self.fields[slot].key.clone() else {
            return whole;
        };
        let dataset = self.dataset;
        let fills: Vec<&'d Fill> = dataset
            .fill
            .iter()
            .filter(|fill| *fill.column.sql == *key.sql)
            .collect();
        let is_told = |fill: &&Fill| {
            let mut from = fill.from.iter();
            fill.column.column_type != ColumnType::List
                && !fill.from.is_empty()
                && from.all(|source| source.column.is_some())
        };
        if fills.is_empty() || !fills.iter().all(is_told) {
            return whole;
        }
        // Then it is in the list as the event has it, or what it is filled with is: true of every event for which
        // `whole` is, so that both together ask for nothing more.
        let written = self.field_seen(Some(key), true);
        let mut any = vec![self.matcher(written, &Matcher::Listed(listed.clone()), slot_of)];
        for fill in fills {
            let taken = Listed {
                lists: self.taken(fill, &listed.lists),
                ..listed.clone()
            };
            for column in fill.from.iter().filter_map(|source| source.column.as_ref()) {
                let source = self.field(Some(FieldKey::of(column)));
                any.push(self.matcher(source, &Matcher::Listed(taken.clone()), slot_of));
            }
        }
        Formula::all([whole, Formula::any(any)])
    }

    /// The lists, looked up with what a column takes of its source.
    fn taken(&mut self, fill: &'d Fill, lists: &Arc<dyn Lists>) -> Arc<dyn Lists> {
        let is_it = |known: &&Known<'d>| std::ptr::eq(known.fill, fill) && Arc::ptr_eq(&known.lists, lists);
        if let Some(known) = self.taken.iter().find(is_it) {
            return known.taken.clone();
        }
        let taken: Arc<dyn Lists> = Arc::new(Taken {
            fill: fill.clone(),
            lists: lists.clone(),
        });
        self.taken.push(Known {
            fill,
            lists: lists.clone(),
            taken: taken.clone(),
        });
        taken
    }
}

/// [`Taken`] that were made already, by what they are made of.
pub(super) struct Known<'d> {
    fill: &'d Fill,
    lists: Arc<dyn Lists>,
    taken: Arc<dyn Lists>,
}

/// Lists, looked up with what a filled column takes of its source.
struct Taken {
    fill: Fill,
    lists: Arc<dyn Lists>,
}

impl Lists for Taken {
    fn name(&self, list: u32) -> &str {
        self.lists.name(list)
    }

    fn lists_of(&self, sort: u32, text: &str, found: &mut dyn FnMut(u32)) {
        if let Some(taken) = self.fill.of(text) {
            self.lists.lists_of(sort, &taken, found);
        }
    }

    fn expires(&self, list: u32) -> bool {
        self.lists.expires(list)
    }

    fn holds_at(&self, list: u32, sort: u32, text: &str, time: i64) -> bool {
        let taken = self.fill.of(text);
        taken.is_some_and(|taken| self.lists.holds_at(list, sort, &taken, time))
    }

    fn describe(&self, list: u32, sort: u32, text: &str, time: i64) -> String {
        self.lists.describe(list, sort, text, time)
    }
}

/// Whether a field is a derived column that the dataset leaves open.
fn is_derived(dataset: &Dataset, name: &str) -> bool {
    let resolved = dataset.resolve(name, None);
    let sql = &resolved.column().sql;
    !dataset.is_filled(sql) && derived(sql).is_some_and(|derived| derived.is_open_in(dataset))
}
