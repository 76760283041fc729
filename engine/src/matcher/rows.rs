//! From the columns of a batch to a set of atoms per row and field.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use borzoi_parsers::batch::{EventBatch, StringColumn, strings};
use borzoi_parsers::catalog::{Dataset, UNMAPPED};
use hashbrown::HashMap;

use super::MatchCounters;
use super::field_index::Scratch;
use super::plan::{FieldPlan, Plan, RowTest};
use super::sets::{EMPTY, SetId, SetTable};
use super::single::relates;
use super::unmapped;
use super::values::{Texts, columns_of, is_searched, values_of};
use crate::resolve::FieldKey;

/// Longer values are searched every time: remembering them costs more than it saves.
const LONGEST_REMEMBERED: usize = 16 << 10;

/// Paths of `unmapped` remembered per dataset.
const MOST_PATHS: usize = 100_000;

/// The set of every row, for one field.
pub(super) enum RowSets<'b> {
    /// No row has a value.
    Empty,
    /// By the row's dictionary key.
    Keyed {
        keys: &'b [i32],
        valid: Option<&'b arrow::buffer::NullBuffer>,
        sets: Vec<SetId>,
    },
    /// One by one.
    Rows(Vec<SetId>),
}

impl RowSets<'_> {
    /// The set of `row`.
    pub(super) fn at(&self, row: usize) -> SetId {
        match self {
            RowSets::Empty => EMPTY,
            RowSets::Keyed { keys, valid, sets } => {
                if valid.is_some_and(|valid| valid.is_null(row)) {
                    EMPTY
                } else {
                    sets[keys[row] as usize]
                }
            }
            RowSets::Rows(sets) => sets[row],
        }
    }

    /// Whether any row may have a set of this kind.
    pub(super) fn any(&self, mut kind: impl FnMut(SetId) -> bool) -> bool {
        match self {
            RowSets::Empty => false,
            RowSets::Keyed { sets, .. } | RowSets::Rows(sets) => sets.iter().any(|&set| kind(set)),
        }
    }

    /// As one set a row, to change.
    fn into_rows(self, rows: usize) -> Vec<SetId> {
        match self {
            RowSets::Empty => vec![EMPTY; rows],
            RowSets::Rows(sets) => sets,
            keyed => (0..rows).map(|row| keyed.at(row)).collect(),
        }
    }
}

/// What is remembered of one field.
struct FieldState {
    table: SetTable,
    by_value: HashMap<Box<str>, SetId, foldhash::fast::RandomState>,
    value_bytes: usize,
}

impl FieldState {
    fn new() -> FieldState {
        FieldState {
            table: SetTable::new(),
            by_value: HashMap::default(),
            value_bytes: 0,
        }
    }

    fn bytes(&self) -> usize {
        self.value_bytes + self.table.bytes()
    }

    /// The set of a value.
    fn set_of(&mut self, text: &str, plan: &FieldPlan, work: &mut Work<'_>) -> SetId {
        work.counters.values += 1;
        if let Some(&set) = self.by_value.get(text) {
            return set;
        }
        let set = self.search(text, plan, work);
        if text.len() <= LONGEST_REMEMBERED {
            self.by_value.insert(text.into(), set);
            self.value_bytes += text.len() + 40;
        }
        set
    }

    /// The set of a value that is not worth remembering.
    fn set_once(&mut self, text: &str, plan: &FieldPlan, work: &mut Work<'_>) -> SetId {
        work.counters.values += 1;
        self.search(text, plan, work)
    }

    fn search(&mut self, text: &str, plan: &FieldPlan, work: &mut Work<'_>) -> SetId {
        work.counters.searched += 1;
        plan.atoms_of(text, work.scratch, work.atoms);
        self.table.intern(work.atoms, plan)
    }
}

/// Scratch of one call.
struct Work<'w> {
    scratch: &'w mut Scratch,
    atoms: &'w mut Vec<u32>,
    counters: &'w mut MatchCounters,
}

/// A plan and what one thread remembers of its dataset's values.
pub(super) struct DatasetState {
    pub plan: Arc<Plan>,
    fields: Vec<FieldState>,
    /// Path within `unmapped` → slots of the fields that it belongs to.
    by_path: HashMap<String, Box<[usize]>>,
    scratch: Scratch,
    atoms: Vec<u32>,
}

impl DatasetState {
    pub(super) fn new(plan: Arc<Plan>) -> DatasetState {
        DatasetState {
            fields: plan.fields.iter().map(|_| FieldState::new()).collect(),
            plan,
            by_path: HashMap::new(),
            scratch: Scratch::default(),
            atoms: Vec::new(),
        }
    }

    pub(super) fn table(&self, field: usize) -> &SetTable {
        &self.fields[field].table
    }

    /// Forgets all values.
    pub(super) fn forget(&mut self) {
        self.fields.fill_with(FieldState::new);
    }

    /// Forgets everything if it takes more than `budget` bytes. Set numbers do not outlive a batch.
    pub(super) fn keep_within_budget(&mut self, budget: usize, counters: &mut MatchCounters) {
        if self.fields.iter().map(FieldState::bytes).sum::<usize>() > budget {
            self.forget();
            counters.cache_resets += 1;
        }
        if self.by_path.len() > MOST_PATHS {
            self.by_path.clear();
        }
    }

    /// The sets of every row, by slot. The keyword slot stays empty unless keywords wake rules.
    pub(super) fn row_sets<'b>(
        &mut self,
        batch: &'b EventBatch,
        counters: &mut MatchCounters,
    ) -> Vec<RowSets<'b>> {
        let plan = self.plan.clone();
        let rows = batch.len();
        let mut work = Work {
            scratch: &mut self.scratch,
            atoms: &mut self.atoms,
            counters,
        };
        let mut sets: Vec<RowSets<'b>> = Vec::with_capacity(plan.fields.len());
        for (field_plan, state) in plan.fields.iter().zip(&mut self.fields) {
            let columns = match &field_plan.key {
                Some(key) => columns_of(&batch.events, key),
                None => Vec::new(),
            };
            let mut of_field = RowSets::Empty;
            for index in columns {
                let column = batch.events.column(index);
                of_field = match of_field {
                    RowSets::Empty => column_sets(column, rows, field_plan, state, &mut work),
                    several => {
                        let mut merged = several.into_rows(rows);
                        let more = column_sets(column, rows, field_plan, state, &mut work);
                        for (row, set) in merged.iter_mut().enumerate() {
                            *set = state.table.union(*set, more.at(row), field_plan);
                        }
                        RowSets::Rows(merged)
                    }
                };
            }
            sets.push(of_field);
        }
        self.overlay_unmapped(&plan, batch, &mut sets, counters);
        if let Some(keywords) = plan.keywords.filter(|_| plan.keywords_wake) {
            sets[keywords] = self.keyword_sets_of_all(batch, keywords, counters);
        }
        sets
    }

    /// Adds what `unmapped` holds to the fields that it belongs to.
    fn overlay_unmapped(
        &mut self,
        plan: &Plan,
        batch: &EventBatch,
        sets: &mut [RowSets<'_>],
        counters: &mut MatchCounters,
    ) {
        let Some(column) = batch.column(UNMAPPED).and_then(|array| strings(array)) else {
            return;
        };
        let rows = batch.len();
        let mut work = Work {
            scratch: &mut self.scratch,
            atoms: &mut self.atoms,
            counters,
        };
        for row in 0..rows {
            let Some(json) = column.get(row) else {
                continue;
            };
            unmapped::walk(json, &mut |path, text| {
                if !self.by_path.contains_key(path) {
                    self.by_path
                        .insert(path.to_owned(), slots_of(plan, &batch.dataset, path));
                }
                let slots = self.by_path.get(path).map(|slots| &**slots).unwrap_or_default();
                for &slot in slots {
                    let field_plan = &plan.fields[slot];
                    let state = &mut self.fields[slot];
                    let set = state.set_of(text, field_plan, &mut work);
                    if set == EMPTY {
                        continue;
                    }
                    let before = std::mem::replace(&mut sets[slot], RowSets::Empty);
                    let mut merged = before.into_rows(rows);
                    merged[row] = state.table.union(merged[row], set, field_plan);
                    sets[slot] = RowSets::Rows(merged);
                }
            });
        }
    }

    /// The keyword sets of all rows, column by column.
    fn keyword_sets_of_all<'b>(
        &mut self,
        batch: &EventBatch,
        keywords: usize,
        counters: &mut MatchCounters,
    ) -> RowSets<'b> {
        let plan = self.plan.clone();
        let field_plan = &plan.fields[keywords];
        let state = &mut self.fields[keywords];
        let mut work = Work {
            scratch: &mut self.scratch,
            atoms: &mut self.atoms,
            counters,
        };
        let rows = batch.len();
        let mut merged = vec![EMPTY; rows];
        let schema = batch.events.schema_ref();
        for (field, column) in schema.fields().iter().zip(batch.events.columns()) {
            if !is_searched(field) {
                continue;
            }
            let more = column_sets(column, rows, field_plan, state, &mut work);
            if more.any(|set| set != EMPTY) {
                for (row, set) in merged.iter_mut().enumerate() {
                    *set = state.table.union(*set, more.at(row), field_plan);
                }
            }
        }
        if let Some(column) = batch.column(UNMAPPED).and_then(|array| strings(array)) {
            for (row, set) in merged.iter_mut().enumerate() {
                if let Some(json) = column.get(row) {
                    unmapped::walk(json, &mut |_, text| {
                        let more = state.set_of(text, field_plan, &mut work);
                        *set = state.table.union(*set, more, field_plan);
                    });
                }
            }
        }
        RowSets::Rows(merged)
    }

    /// The keyword sets of `rows`; the others get the empty set.
    pub(super) fn keyword_sets<'b>(
        &mut self,
        batch: &EventBatch,
        keywords: usize,
        rows: impl IntoIterator<Item = usize>,
        counters: &mut MatchCounters,
    ) -> RowSets<'b> {
        let plan = self.plan.clone();
        let field_plan = &plan.fields[keywords];
        let state = &mut self.fields[keywords];
        let mut work = Work {
            scratch: &mut self.scratch,
            atoms: &mut self.atoms,
            counters,
        };
        let schema = batch.events.schema_ref();
        let columns: Vec<Texts<'_>> = schema
            .fields()
            .iter()
            .zip(batch.events.columns())
            .filter(|(field, _)| is_searched(field))
            .filter_map(|(_, column)| Texts::of(column))
            .collect();
        let unmapped_column = batch.column(UNMAPPED).and_then(|array| strings(array));
        let mut buffer = String::new();
        let mut sets = Vec::new();
        for row in rows {
            sets.resize(batch.len(), EMPTY);
            let mut add = |text: &str| {
                let more = state.set_of(text, field_plan, &mut work);
                sets[row] = state.table.union(sets[row], more, field_plan);
            };
            for texts in &columns {
                texts.visit(row, &mut buffer, &mut add);
            }
            if let Some(json) = unmapped_column.and_then(|column| column.get(row)) {
                unmapped::walk(json, &mut |_, text| add(text));
            }
        }
        if sets.is_empty() {
            RowSets::Empty
        } else {
            RowSets::Rows(sets)
        }
    }
}

/// Slots of the fields that a path of `unmapped` belongs to.
fn slots_of(plan: &Plan, dataset: &Dataset, path: &str) -> Box<[usize]> {
    let belongs = |key: &FieldKey| key.is_unmapped_path(dataset, path);
    let slots = plan.fields.iter().enumerate();
    slots
        .filter(|(_, field)| field.key.as_ref().is_some_and(belongs))
        .map(|(slot, _)| slot)
        .collect()
}

/// The set of every row of a column.
fn column_sets<'b>(
    column: &'b ArrayRef,
    rows: usize,
    plan: &FieldPlan,
    state: &mut FieldState,
    work: &mut Work<'_>,
) -> RowSets<'b> {
    let Some(texts) = Texts::of(column) else {
        return RowSets::Empty;
    };
    if let Texts::Strings(StringColumn::Dictionary(dictionary, values)) = texts {
        // A slice of a batch shares its dictionary: only entries that rows refer to are looked at.
        let keys: &[i32] = dictionary.keys().values();
        let valid = dictionary.keys().nulls();
        let mut used = vec![false; values.len()];
        for (row, &key) in keys.iter().enumerate() {
            if valid.is_none_or(|valid| valid.is_valid(row)) {
                used[key as usize] = true;
            }
        }
        let mut sets = vec![EMPTY; values.len()];
        for (key, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            if values.is_valid(key) {
                sets[key] = state.set_of(values.value(key), plan, work);
            }
        }
        return if sets.iter().all(|&set| set == EMPTY) {
            RowSets::Empty
        } else {
            RowSets::Keyed { keys, valid, sets }
        };
    }
    // Strings that were not worth a dictionary are not worth remembering.
    let unique = matches!(texts, Texts::Strings(_));
    let mut sets = vec![EMPTY; rows];
    let mut buffer = String::new();
    for (row, set) in sets.iter_mut().enumerate() {
        texts.visit(row, &mut buffer, &mut |text| {
            let more = match unique {
                true => state.set_once(text, plan, work),
                false => state.set_of(text, plan, work),
            };
            *set = state.table.union(*set, more, plan);
        });
    }
    RowSets::Rows(sets)
}

/// Whether a test between two fields holds in `row`.
pub(super) fn row_test(test: &RowTest, batch: &EventBatch, row: usize) -> bool {
    let others = values_of(batch, row, &test.other);
    values_of(batch, row, &test.field).iter().any(|value| {
        others
            .iter()
            .any(|other| relates(&value.text, test.relation, &other.text, test.cased))
    })
}
