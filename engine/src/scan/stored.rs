//! Stored events as the input of a scan: what the lake holds goes through the rules as if it were read from the logs again.
//!
//! ```text
//! table, day by day ──sort by time──▶ slices ┐
//! table, day by day ──sort by time──▶ slices ┼─ in order of time ──▶ match, windows, … as in any scan
//!                  …                         ┘
//! ```
//!
//! One tenant after another. The events of all of a tenant's tables come together in order of event time, so that windows
//! need not keep more than the time that they look back; a slice may run ahead of the other tables by the allowed lateness.
//! Only tables that a rule reads are read, and of those, where few rules read them, only events that one of these may match:
//! what the rules ask is lowered to filters ([`Hunt`]), and the matcher asks them all again.
//!
//! *Memory*: a batch of each table, and what sorts of a day of each need ([`HuntOptions::memory_limit`], past which they
//! spill to disk).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use borzoi_parsers::batch::{DOTTED_NAME, EventBatch};
use borzoi_parsers::catalog::{ColumnType, Dataset, STANDARD_COLUMNS, UNMAPPED};
use borzoi_rules::ir::DetectionRule;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::runtime::Runtime;

use super::work::Item;
use crate::hunt::{Hunt, HuntError, HuntOptions, Part, StoredTable, readable};
use crate::lake::{ALERTS, DAY, Lake};
use crate::matcher::{CompiledRules, RuleIndex};
use crate::pipeline::Feed;
use crate::resolve::routes;

/// How late events may be where nothing is said, in microseconds. They come in order, so it only says how large the
/// pieces are in which tables take turns.
pub(super) const LATENESS: i64 = 3_600_000_000;

/// A table without a match for so long, in microseconds of event time, holds the others up no longer.
pub(super) const QUIET: u64 = 86_400_000_000;

/// Where more rules than this read a table, the matcher is the cheaper filter.
const MOST_CONDITIONS: usize = 64;

const DAY_MICROS: i64 = 86_400_000_000;

/// Which of the stored events are scanned.
#[derive(Debug, Clone, Default)]
pub struct StoredOptions {
    /// Tenants, memory, threads, catalog and own networks.
    pub hunt: HuntOptions,
    /// Only events at or after this time, in microseconds since the epoch.
    pub from: Option<i64>,
    /// Only events before this time.
    pub to: Option<i64>,
    /// Whether it is for learning: only what correlations and queries read is read, neither what rules find in single events
    /// nor what rules in SQL and queries with pipes add up (they would count an event twice that is learned from twice).
    pub learns: bool,
}

/// What a lake holds, to be scanned ([`Scan::run_stored`](super::Scan::run_stored)). What is stored later is not seen.
pub struct StoredEvents {
    hunt: Hunt,
    tables: Vec<Table>,
    options: StoredOptions,
    unknown: Vec<Arc<str>>,
}

struct Table {
    stored: StoredTable,
    dataset: Arc<Dataset>,
    columns: Arc<[StoredColumn]>,
    days: BTreeMap<Option<i32>, u64>,
}

impl StoredEvents {
    /// The events of a lake as they are now.
    ///
    /// # Errors
    /// [`HuntError::Lake`] if a table's log cannot be read, or there is no such tenant.
    pub async fn open(lake: &Lake, options: StoredOptions) -> Result<StoredEvents, HuntError> {
        let hunt = Hunt::open(lake, options.hunt.clone()).await?;
        let mut tables = Vec::new();
        let mut unknown = BTreeSet::new();
        for stored in hunt.stored().iter().filter(|table| *table.dataset != *ALERTS) {
            let Some(dataset) = hunt.catalog().dataset(&stored.dataset).cloned() else {
                unknown.insert(stored.dataset.clone());
                continue;
            };
            let days = lake.days(&stored.tenant, &stored.dataset).await;
            let mut days = days.map_err(|error| HuntError::Lake(error.to_string()))?;
            if days.contains_key(&None) {
                days = BTreeMap::from([(None, days.values().sum())]);
            }
            let holds = |day: &Option<i32>| {
                day.is_none_or(|day| {
                    let start = i64::from(day).saturating_mul(DAY_MICROS);
                    options.to.is_none_or(|to| start < to)
                        && options
                            .from
                            .is_none_or(|from| start.saturating_add(DAY_MICROS) > from)
                })
            };
            days.retain(|day, _| holds(day));
            tables.push(Table {
                columns: columns_of(&stored.provider.schema()),
                stored: stored.clone(),
                dataset,
                days,
            });
        }
        tables.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(StoredEvents {
            hunt,
            tables,
            options,
            unknown: unknown.into_iter().collect(),
        })
    }

    /// Datasets that the lake has events of and the catalog does not know: no rule can be about them.
    pub fn unknown_datasets(&self) -> &[Arc<str>] {
        &self.unknown
    }

    pub(super) fn learns(&self) -> bool {
        self.options.learns
    }

    /// The hunt over the same events.
    pub fn into_hunt(self) -> Hunt {
        self.hunt
    }

    /// Bytes of the files that a scan with these rules reads from, as they lie on disk.
    pub fn bytes(&self, rules: &CompiledRules) -> u64 {
        let read = self.tables.iter();
        let read = read.filter(|table| !matches!(self.wanted(table, rules), Wanted::Nothing));
        read.flat_map(|table| table.days.values()).sum()
    }

    /// What of a table rules look at.
    fn wanted(&self, table: &Table, rules: &CompiledRules) -> Wanted {
        let dataset = &table.dataset;
        let learns = self.options.learns;
        if !learns && rules.sql().is_some_and(|sql| sql.reads(dataset)) {
            return Wanted::All;
        }
        let of_several = |index: RuleIndex| {
            let correlations = rules.correlations();
            correlations.is_some_and(|all| !all.uses(index).is_empty()) || rules.part(index).is_some()
        };
        let read: Vec<Arc<DetectionRule>> = (0..)
            .map(RuleIndex)
            .zip(rules.rules())
            .filter(|(index, rule)| {
                rule.waiting_for.is_empty()
                    && (of_several(*index) || !learns && rules.alerts(*index))
                    && !routes(&rule.log_source, dataset).is_empty()
            })
            .map(|(_, rule)| rule.clone())
            .collect();
        match read.len() {
            0 => Wanted::Nothing,
            1..=MOST_CONDITIONS => Wanted::Those(read),
            _ => Wanted::All,
        }
    }
}

impl Table {
    fn key(&self) -> (&str, &str) {
        (&self.stored.tenant, &self.stored.dataset)
    }
}

enum Wanted {
    Nothing,
    Those(Vec<Arc<DetectionRule>>),
    All,
}

/// Some events of a table, in order of time, as storage gives them.
pub(super) struct Slice {
    pub(super) tenant: Arc<str>,
    pub(super) dataset: Arc<Dataset>,
    rows: RecordBatch,
    columns: Arc<[StoredColumn]>,
    /// The time of the last of them.
    pub(super) until: i64,
}

/// Reads stored events, a tenant after another.
pub(super) struct StoredProducer<'a> {
    pub(super) stored: &'a StoredEvents,
    pub(super) rules: Option<&'a CompiledRules>,
    pub(super) lateness: i64,
    pub(super) raw_bytes: &'a AtomicU64,
    pub(super) stop: &'a AtomicBool,
    pub(super) cut_short: &'a AtomicBool,
    /// Why it ended early.
    pub(super) failed: Mutex<Option<HuntError>>,
    /// Tables with events that were read.
    pub(super) read: AtomicU64,
}

impl StoredProducer<'_> {
    pub(super) fn run(&self, feed: &mut Feed<'_, Item>) {
        if let Err(error) = self.all(feed) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    fn all(&self, feed: &mut Feed<'_, Item>) -> Result<(), HuntError> {
        let Some(rules) = self.rules else {
            return Ok(());
        };
        let failed = |error: std::io::Error| HuntError::Execution(error.to_string());
        let runtime = Runtime::new().map_err(failed)?;
        for tables in self.stored.tables.chunk_by(|a, b| a.key().0 == b.key().0) {
            let mut readers = Vec::new();
            for table in tables {
                let condition = match self.stored.wanted(table, rules) {
                    Wanted::Nothing => continue,
                    Wanted::All => None,
                    // What storage cannot be asked, the matcher is.
                    Wanted::Those(read) => self
                        .stored
                        .hunt
                        .condition_of(&table.stored, &table.dataset, &read)
                        .inspect_err(|error| tracing::debug!("all events are read: {error}"))
                        .ok(),
                };
                readers.push(Reader {
                    stored: self.stored,
                    table,
                    part: Part {
                        condition,
                        from: self.stored.options.from,
                        to: self.stored.options.to,
                        day: None,
                    },
                    days: table.days.iter().map(|(day, bytes)| (*day, *bytes)).collect(),
                    stream: None,
                    head: None,
                    raw_bytes: self.raw_bytes,
                });
            }
            self.read.fetch_add(readers.len() as u64, Ordering::Relaxed);
            if !self.tenant(readers, &runtime, feed)? {
                break;
            }
        }
        Ok(())
    }

    /// `false` once nobody wants more.
    fn tenant(
        &self,
        mut readers: Vec<Reader<'_>>,
        runtime: &Runtime,
        feed: &mut Feed<'_, Item>,
    ) -> Result<bool, HuntError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                self.cut_short.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            let bounds = readers.iter().map(Reader::bound);
            let Some((first, bound)) = bounds
                .clone()
                .enumerate()
                .filter_map(|(place, bound)| Some((place, bound?)))
                .min_by_key(|(_, bound)| *bound)
            else {
                return Ok(true);
            };
            if readers[first].head.is_none() {
                runtime.block_on(readers[first].fetch())?;
                continue;
            }
            let others = bounds
                .enumerate()
                .filter_map(|(place, other)| other.filter(|_| place != first));
            let until = others
                .min()
                .map_or(i64::MAX, |next| next.max(bound).saturating_add(self.lateness));
            let slice = readers[first].take(until);
            if let Some(slice) = slice
                && !feed.push(Item::Stored(Box::new(slice)))
            {
                return Ok(false);
            }
        }
    }
}

/// Reads a table day by day.
struct Reader<'a> {
    stored: &'a StoredEvents,
    table: &'a Table,
    part: Part,
    /// Those that come.
    days: VecDeque<(Option<i32>, u64)>,
    stream: Option<SendableRecordBatchStream>,
    head: Option<RecordBatch>,
    raw_bytes: &'a AtomicU64,
}

impl Reader<'_> {
    /// No event that comes is earlier. `None` at the end.
    fn bound(&self) -> Option<i64> {
        if let Some(head) = &self.head {
            return Some(times(head)?.first().copied().unwrap_or(i64::MIN));
        }
        if self.stream.is_some() {
            return Some(i64::MIN);
        }
        let (day, _) = self.days.front()?;
        Some(day.map_or(i64::MIN, |day| i64::from(day).saturating_mul(DAY_MICROS)))
    }

    /// Fetches the next events, if this day has more.
    async fn fetch(&mut self) -> Result<(), HuntError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let Some((day, bytes)) = self.days.pop_front() else {
                    return Ok(());
                };
                self.raw_bytes.fetch_add(bytes, Ordering::Relaxed);
                let part = Part {
                    day,
                    ..self.part.clone()
                };
                self.stored.hunt.in_time_order(&self.table.stored, part).await?
            }
        };
        if let Some(next) = stream.next().await {
            let failed = |error: &dyn std::fmt::Display| {
                let (tenant, dataset) = self.table.key();
                HuntError::Lake(format!("{tenant}/{dataset}: {error}"))
            };
            let head = next.map_err(|error| failed(&error.strip_backtrace()))?;
            if times(&head).is_none() {
                return Err(failed(&"the column time is no timestamp in microseconds"));
            }
            self.head = (head.num_rows() > 0).then_some(head);
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Takes what is not after `until` of what was fetched.
    fn take(&mut self, until: i64) -> Option<Slice> {
        let head = self.head.take()?;
        let times = times(&head)?;
        let end = times.partition_point(|time| *time <= until);
        let last = *times.get(end.checked_sub(1)?)?;
        if end < head.num_rows() {
            self.head = Some(head.slice(end, head.num_rows() - end));
        }
        Some(Slice {
            tenant: self.table.stored.tenant.clone(),
            dataset: self.table.dataset.clone(),
            rows: head.slice(0, end),
            columns: self.table.columns.clone(),
            until: last,
        })
    }
}

fn times(rows: &RecordBatch) -> Option<&[i64]> {
    let times = rows.column_by_name("time")?;
    Some(times.as_primitive_opt::<TimestampMicrosecondType>()?.values())
}

/// A column of a stored table and of the batches made of it.
#[derive(Debug)]
struct StoredColumn {
    name: String,
    dotted: String,
    /// The type of a column that every batch has.
    standard: Option<DataType>,
}

/// The columns of a table in the order in which batches have them.
fn columns_of(stored: &Schema) -> Arc<[StoredColumn]> {
    let standard = STANDARD_COLUMNS
        .iter()
        .map(|(sql, dotted, column_type)| StoredColumn {
            name: (*sql).to_owned(),
            dotted: (*dotted).to_owned(),
            standard: Some(match column_type {
                ColumnType::Integer => DataType::Int64,
                ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                _ => DataType::Utf8,
            }),
        });
    let is_own = |name: &str| name != DAY && STANDARD_COLUMNS.iter().all(|(sql, ..)| *sql != name);
    let own = stored.fields().iter().filter(|field| is_own(field.name()));
    let mut own: Vec<StoredColumn> = own
        .map(|field| StoredColumn {
            name: field.name().clone(),
            dotted: field.metadata().get(DOTTED_NAME).unwrap_or(field.name()).clone(),
            standard: None,
        })
        .collect();
    own.sort_by(|a, b| (a.name == UNMAPPED, &a.name).cmp(&(b.name == UNMAPPED, &b.name)));
    standard.chain(own).collect()
}

impl Slice {
    /// The events as a parser would have given them.
    ///
    /// # Errors
    /// A sentence, if a column has a type that no column of events has.
    pub(super) fn into_batch(self) -> Result<EventBatch, String> {
        let rows = self.rows.num_rows();
        let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for column in self.columns.iter() {
            let stored = self.rows.column_by_name(&column.name);
            let array = match (stored, &column.standard) {
                (Some(stored), Some(_)) => stored.clone(),
                (None, Some(data_type)) => new_null_array(data_type, rows),
                (Some(stored), None) if stored.null_count() < rows => stored.clone(),
                _ => continue,
            };
            let array = as_events_have_it(&column.name, &array)
                .map_err(|error| format!("column {}: {error}", column.name))?;
            let metadata = [(DOTTED_NAME.to_owned(), column.dotted.clone())];
            fields.push(
                Field::new(&column.name, array.data_type().clone(), true).with_metadata(metadata.into()),
            );
            arrays.push(array);
        }
        let events =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| error.to_string())?;
        Ok(EventBatch {
            dataset: self.dataset,
            tenant: self.tenant,
            events,
        })
    }
}

/// A stored column in an encoding that batches of events have: texts that repeat as a dictionary.
fn as_events_have_it(name: &str, array: &ArrayRef) -> Result<ArrayRef, String> {
    let is_text = matches!(
        array.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let repeats = is_text && !matches!(name, "event_id" | "message" | "original" | UNMAPPED);
    if repeats {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let array = cast(array, &dictionary).map_err(|error| error.to_string())?;
        let distinct = array
            .as_any_dictionary_opt()
            .map_or(0, |dictionary| dictionary.values().len());
        if 2 * distinct <= array.len().max(2) {
            return Ok(array);
        }
    }
    readable(array).map_err(|error| error.strip_backtrace())
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Int64Array, ListBuilder, StringViewArray, StringViewBuilder, TimestampMicrosecondArray,
    };
    use borzoi_parsers::batch::strings;
    use borzoi_parsers::catalog::Catalog;

    use super::*;

    #[test]
    fn a_slice_is_what_a_parser_would_have_given() {
        let mut lists = ListBuilder::new(StringViewBuilder::new());
        lists.append_value([Some("x"), Some("y")]);
        lists.append_null();
        let times = TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("UTC");
        let texts = |texts: [Option<&str>; 2]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("time", Arc::new(times) as ArrayRef, true),
            ("event_id", texts([Some("0a"), Some("0b")]), true),
            ("unmapped", texts([None, Some("{}")]), true),
            ("zone", texts([Some("north"), Some("north")]), true),
            ("empty", texts([None, None]), true),
            ("bytes", Arc::new(Int64Array::from(vec![Some(7), None])), true),
            ("any_list", Arc::new(lists.finish()), true),
        ])
        .unwrap();
        let slice = Slice {
            tenant: Arc::from("acme"),
            dataset: Catalog::builtin().dataset("windows.sysmon").unwrap().clone(),
            columns: columns_of(&rows.schema()),
            rows,
            until: 2,
        };
        let batch = slice.into_batch().unwrap();
        let schema = batch.events.schema();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let standard = STANDARD_COLUMNS.iter().map(|(sql, ..)| *sql);
        let own = ["any_list", "bytes", "zone", "unmapped"];
        assert_eq!(names, standard.chain(own).collect::<Vec<_>>());
        assert_eq!(schema.field(0).metadata()[DOTTED_NAME], "@timestamp");
        let zone = batch.column("zone").unwrap();
        assert!(matches!(zone.data_type(), DataType::Dictionary(..)));
        assert_eq!(strings(zone).unwrap().get(1), Some("north"));
        assert_eq!(
            strings(batch.column("event_id").unwrap()).unwrap().get(1),
            Some("0b")
        );
        assert_eq!(strings(batch.column("unmapped").unwrap()).unwrap().get(0), None);
        let list = batch.column("any_list").unwrap().as_list::<i32>();
        assert!(strings(list.values()).is_some() && list.is_null(1));
        assert_eq!(batch.column("log_offset").unwrap().data_type(), &DataType::Int64);
    }
}
