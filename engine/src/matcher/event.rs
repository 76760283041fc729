//! The texts of one event after another, each read and folded once however many rules ask.
//!
//! What the schema of a batch says (which columns hold a field) is worked out once per batch, what an event
//! says once per event. *Not for* whole columns: those are read in [`super::rows`].

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::UNMAPPED;
use hashbrown::HashMap;

use super::values::{Found, Texts, dotted_name, is_searched, visit_unmapped};
use crate::alert_build::micros_at;
use crate::resolve::{FieldKey, UnmappedPath};

/// The texts of the events of a batch, of one event at a time.
pub(crate) struct EventTexts<'a> {
    batch: &'a EventBatch,
    /// Dotted names of the columns, in their order.
    names: Vec<&'a str>,
    paths: RefCell<HashMap<String, Rc<UnmappedPath>>>,
    fields: RefCell<HashMap<Arc<FieldKey>, Field<'a>>>,
    // What the current event has.
    row: usize,
    every: OnceCell<Rc<[Found<'a>]>>,
    unmapped: OnceCell<Vec<(Rc<UnmappedPath>, String)>>,
}

struct Field<'a> {
    /// The columns that hold it.
    columns: Vec<usize>,
    /// The row that was last asked for, and its values.
    values: Option<(usize, Rc<[Found<'a>]>)>,
}

impl<'a> EventTexts<'a> {
    /// The texts of the first event of `batch`.
    pub(crate) fn new(batch: &'a EventBatch) -> EventTexts<'a> {
        let fields = batch.events.schema_ref().fields();
        EventTexts {
            batch,
            names: fields.iter().map(|field| dotted_name(field)).collect(),
            paths: RefCell::default(),
            fields: RefCell::default(),
            row: 0,
            every: OnceCell::new(),
            unmapped: OnceCell::new(),
        }
    }

    /// Goes to another event.
    pub(crate) fn go_to(&mut self, row: usize) {
        if row != self.row {
            self.row = row;
            self.every = OnceCell::new();
            self.unmapped = OnceCell::new();
        }
    }

    /// When the current event happened, in microseconds.
    pub(crate) fn time(&self) -> i64 {
        micros_at(self.batch, self.row)
    }

    /// The column with this dotted name.
    pub(crate) fn column(&self, dotted: &str) -> Option<Texts<'a>> {
        let index = self.names.iter().position(|name| *name == dotted)?;
        Texts::of(self.batch.events.column(index))
    }

    /// All values of a field.
    pub(crate) fn values(&self, key: &Arc<FieldKey>) -> Rc<[Found<'a>]> {
        let mut fields = self.fields.borrow_mut();
        let field = fields.entry(key.clone()).or_insert_with(|| Field {
            columns: self.columns_of(key),
            values: None,
        });
        match &field.values {
            Some((row, values)) if *row == self.row => values.clone(),
            _ => {
                let values = self.read(key, &field.columns);
                field.values = Some((self.row, values.clone()));
                values
            }
        }
    }

    fn columns_of(&self, key: &FieldKey) -> Vec<usize> {
        let fields = self.batch.events.schema_ref().fields();
        (0..fields.len())
            .filter(|&index| {
                let sql = fields[index].name();
                sql != UNMAPPED && key.is_column(sql, self.names[index])
            })
            .collect()
    }

    fn read(&self, key: &FieldKey, columns: &[usize]) -> Rc<[Found<'a>]> {
        let mut found = Vec::new();
        for &index in columns {
            self.read_column(index, &mut found);
        }
        for (path, text) in self.unmapped() {
            if key.is_unmapped(path) {
                found.push(aside(path, text));
            }
        }
        found.into()
    }

    fn read_column(&self, index: usize, found: &mut Vec<Found<'a>>) {
        let name = self.names[index];
        if let Some(texts) = Texts::of(self.batch.events.column(index)) {
            texts.each(self.row, &mut |text| {
                found.push(Found::new(Cow::Borrowed(name), text));
            });
        }
    }

    /// Every text that keywords look at.
    pub(crate) fn every(&self) -> Rc<[Found<'a>]> {
        let every = self.every.get_or_init(|| {
            let mut found = Vec::new();
            for (index, field) in self.batch.events.schema_ref().fields().iter().enumerate() {
                if is_searched(field) {
                    self.read_column(index, &mut found);
                }
            }
            found.extend(self.unmapped().iter().map(|(path, text)| aside(path, text)));
            found.into()
        });
        every.clone()
    }

    fn unmapped(&self) -> &[(Rc<UnmappedPath>, String)] {
        self.unmapped.get_or_init(|| {
            let mut paths = self.paths.borrow_mut();
            let mut found = Vec::new();
            visit_unmapped(self.batch, self.row, &mut |path, text| {
                let path = match paths.get(path) {
                    Some(known) => known.clone(),
                    None => {
                        let new = Rc::new(UnmappedPath::new(&self.batch.dataset, path));
                        paths.insert(path.to_owned(), new.clone());
                        new
                    }
                };
                found.push((path, text.to_owned()));
            });
            found
        })
    }
}

fn aside<'a>(path: &UnmappedPath, text: &str) -> Found<'a> {
    Found::new(Cow::Owned(path.dotted.clone()), Cow::Owned(text.to_owned()))
}
