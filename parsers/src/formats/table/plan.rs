//! What the names in a header mean: whose table it is, and where a row says when.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::header::RowsHeader;
use crate::catalog::{Catalog, Dataset};
use crate::formats::Reject;
use crate::formats::json_time::{LOOSE_TIME_KEYS, same_spelling};

/// Fewer JSON keys than these, as names of columns, tell nothing.
const FEWEST_KEYS: usize = 3;

/// Datasets that are recognised by the names in a header. Of each set of names one (that fewest sets have) is looked up,
/// so that what a header costs does not grow with the number of datasets.
pub(super) struct ByHeader {
    /// Names in lower case, and the dataset's number.
    sets: Vec<(HashSet<String>, usize)>,
    anchors: HashMap<String, Vec<usize>>,
}

impl ByHeader {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let mut sets = Vec::new();
        for (index, dataset) in catalog.datasets().iter().enumerate() {
            let select = &dataset.select;
            let headers = std::iter::once(&select.header).chain(&select.header_any);
            let json = std::iter::once(&select.json_keys)
                .filter(|_| select.json_values.is_empty())
                .chain(&select.json_any)
                .filter(|keys| keys.len() >= FEWEST_KEYS && !keys.iter().any(|key| key.contains(['=', '.'])));
            for names in headers.chain(json).filter(|names| !names.is_empty()) {
                let names: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
                sets.push((names, index));
            }
        }
        let mut uses = HashMap::<String, usize>::new();
        for name in sets.iter().flat_map(|(names, _)| names) {
            *uses.entry(name.clone()).or_default() += 1;
        }
        let mut anchors = HashMap::<String, Vec<usize>>::new();
        for (number, (names, _)) in sets.iter().enumerate() {
            // Of equals the same one each time.
            if let Some(rarest) = names
                .iter()
                .min_by_key(|name| (uses[name.as_str()], name.as_str()))
            {
                anchors.entry(rarest.clone()).or_default().push(number);
            }
        }
        ByHeader { sets, anchors }
    }

    /// The dataset most of whose names stand in a header, all of a set; of equals, the first of the catalog.
    pub(super) fn of(&self, names: &[Box<str>], catalog: &Catalog) -> Result<Arc<Dataset>, Reject> {
        let folded: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let candidates = folded.iter().filter_map(|name| self.anchors.get(name)).flatten();
        let best = candidates
            .map(|&number| &self.sets[number])
            .filter(|(set, _)| set.is_subset(&folded))
            .max_by_key(|(set, dataset)| (set.len(), std::cmp::Reverse(*dataset)));
        let dataset = match best {
            Some((_, dataset)) => catalog.datasets().get(*dataset),
            None => catalog.dataset("generic.csv"),
        };
        dataset
            .cloned()
            .ok_or_else(|| Reject::new("no_dataset", "the catalog has no dataset `generic.csv`, add it"))
    }
}

/// What a header means.
pub(super) struct Plan {
    pub(super) dataset: Arc<Dataset>,
    /// The native name of each column.
    pub(super) columns: Vec<Box<str>>,
    pub(super) when: When,
    /// The column of [`When::At`] holds more than the event's time: it stays a field.
    is_field: bool,
}

/// Where a row says when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Nowhere.
    Unknown,
    /// In this column.
    At(usize),
    /// The day and the time of day in one column each.
    DayAndTime(usize, usize),
}

/// Names that say when besides those that JSON has, in lower case and without separators.
const TIMES: &[&str] = &[
    "datetimeutc",
    "timestamputc",
    "ts",
    "gmttime",
    "logtime",
    "logdate",
    "localtime",
    "receivetime",
];

/// The first of [`LOOSE_TIME_KEYS`] that say when something else was, too.
const NOT_ONLY_TIME: &str = "occurredat";

impl Plan {
    pub(super) fn new(header: &RowsHeader, dataset: Arc<Dataset>) -> Self {
        let columns: Vec<Box<str>> = header
            .names()
            .iter()
            .enumerate()
            .map(|(at, name)| match name.is_empty() {
                true => format!("column_{}", at + 1).into(),
                false => name.clone(),
            })
            .collect();
        let (when, is_field) = when(&columns, &dataset);
        Plan {
            dataset,
            columns,
            when,
            is_field,
        }
    }

    /// Whether a column says when and nothing else.
    pub(super) fn is_only_time(&self, column: usize) -> bool {
        match self.when {
            When::Unknown => false,
            When::At(at) => at == column && !self.is_field,
            When::DayAndTime(day, clock) => column == day || column == clock,
        }
    }
}

/// Where rows with these columns say when, and whether that is a field besides.
fn when(columns: &[Box<str>], dataset: &Dataset) -> (When, bool) {
    let named = |wanted: &str| columns.iter().position(|name| same_spelling(name, wanted));
    let mapped = |sql: &str| {
        columns
            .iter()
            .position(|name| *dataset.column_of_native(name).sql == *sql)
    };
    let days = ["date", "day", "dateutc", "gmtdate", "localdate"];
    let clocks = ["time", "timeofday", "timeutc"];
    let day = days.into_iter().find_map(named);
    let clock = clocks.into_iter().find_map(named);
    if let (Some(day), Some(clock)) = (day, clock) {
        return (When::DayAndTime(day, clock), false);
    }
    if let Some(at) = mapped("time") {
        return (When::At(at), false);
    }
    let other = LOOSE_TIME_KEYS.iter().position(|key| *key == NOT_ONLY_TIME);
    let (own, other) = LOOSE_TIME_KEYS.split_at(other.unwrap_or(LOOSE_TIME_KEYS.len()));
    if let Some(at) = own.iter().chain(TIMES).find_map(|key| named(key)) {
        return (When::At(at), false);
    }
    match other
        .iter()
        .find_map(|key| named(key))
        .or_else(|| mapped("event_start"))
    {
        Some(at) => (When::At(at), true),
        None => (When::Unknown, false),
    }
}
