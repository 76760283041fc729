//! Sliding windows: one that ends with each event of a group.
//!
//! A window is made of the one before: what has become too old is taken back out of DataFusion's accumulators (those that
//! can), the new event is added. So an event costs the same however many lie in the window.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_empty_array};
use arrow::compute::{cast, interleave};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::groups::{Results, Sample, Seen, States};
use super::panes::{Each, Ended, GivenUp, Taken};
use super::partial::Partial;
use super::plan::SqlPlan;
use super::snapshot::SavedStates;

/// Values of events: of each aggregate the arguments, and which events it counts.
#[derive(Debug)]
pub(crate) struct Values {
    arguments: Vec<(Vec<ArrayRef>, Option<BooleanArray>)>,
    /// Bytes of one event, about.
    row_bytes: usize,
}

impl Values {
    /// Of so many events.
    pub(super) fn new(mut arguments: Vec<(Vec<ArrayRef>, Option<BooleanArray>)>, rows: usize) -> Values {
        // Texts lie in the memory of their whole batch, which would be kept as long as one of them.
        for column in arguments.iter_mut().flat_map(|(columns, _)| columns) {
            if let Some(texts) = column.as_string_view_opt() {
                *column = Arc::new(texts.gc());
            }
        }
        let columns = arguments.iter().flat_map(|(columns, _)| columns);
        let bytes: usize = columns.map(|column| column.get_array_memory_size()).sum();
        Values {
            arguments,
            row_bytes: bytes / rows.max(1),
        }
    }
}

/// Events of a batch with their groups.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) samples: Vec<Sample>,
    pub(super) values: Arc<Values>,
}

/// An event.
#[derive(Debug, Clone)]
struct Entry {
    sample: Sample,
    values: Arc<Values>,
    row: u32,
}

impl Entry {
    /// Its arguments of an aggregate; `None` if that does not count it.
    fn of(&self, aggregate: usize) -> Option<Vec<ArrayRef>> {
        let (arguments, condition) = self.values.arguments.get(aggregate)?;
        let row = self.row as usize;
        let counts = condition.as_ref().is_none_or(|condition| condition.value(row));
        counts.then(|| arguments.iter().map(|argument| argument.slice(row, 1)).collect())
    }
}

/// An event with the key of its group.
type Keyed = (Box<[u8]>, Entry);

/// A group with what lies in its window.
struct Group {
    window: VecDeque<Entry>,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Of each aggregate, how many events have a value for it.
    filled: Vec<u64>,
}

/// What is saved of sliding windows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSlides {
    /// The values of each event, as states are saved.
    events: SavedStates,
    samples: Vec<Sample>,
}

/// The windows of all groups.
pub(super) struct Slides {
    size: i64,
    /// Events that are not worked off, by time in steps of the size.
    pending: BTreeMap<i64, Vec<Keyed>>,
    groups: HashMap<Box<[u8]>, Group>,
    /// The events in windows, in order of time.
    queue: VecDeque<(i64, Box<[u8]>)>,
    bytes: usize,
}

fn bytes_of(key: &[u8], values: &Values) -> usize {
    // In `pending` or `queue`, and in the window.
    2 * key.len() + 2 * size_of::<(Box<[u8]>, Entry)>() + values.row_bytes
}

impl Slides {
    pub(super) fn new(size: i64) -> Slides {
        Slides {
            size,
            pending: BTreeMap::new(),
            groups: HashMap::new(),
            queue: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.groups.len() * (size_of::<Group>() + 256)
    }

    pub(super) fn take(&mut self, over: i64, partial: &Partial) -> Taken {
        let mut taken = Taken::default();
        for raw in &partial.raw {
            for (row, (key, sample)) in raw.keys.iter().zip(&raw.samples).enumerate() {
                if sample.time < over {
                    taken.too_late += 1;
                    continue;
                }
                taken.events += 1;
                self.keep(key, *sample, &raw.values, row as u32);
            }
        }
        taken
    }

    fn keep(&mut self, key: &[u8], sample: Sample, values: &Arc<Values>, row: u32) {
        self.bytes += bytes_of(key, values);
        let entry = Entry {
            sample,
            values: values.clone(),
            row,
        };
        let step = sample.time.div_euclid(self.size);
        self.pending.entry(step).or_default().push((key.into(), entry));
    }

    /// The end of the first step of time with events that are not worked off.
    pub(super) fn next_end(&self) -> Option<i64> {
        let (step, _) = self.pending.first_key_value()?;
        Some(step.saturating_add(1).saturating_mul(self.size))
    }

    /// The windows that end before `until`.
    pub(super) fn advance(&mut self, plan: &SqlPlan, until: i64, each: Each<'_>) -> Result<()> {
        while let Some(mut step) = self.pending.first_entry() {
            let all = std::mem::take(step.get_mut());
            let number = *step.key();
            let (mut now, later): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(_, entry)| entry.sample.time < until);
            match later.is_empty() {
                true => {
                    step.remove();
                }
                false => *step.get_mut() = later,
            }
            if now.is_empty() {
                break;
            }
            now.sort_by(|(one_key, one), (other_key, other)| {
                (one.sample.time, one_key, &one.sample).cmp(&(other.sample.time, other_key, &other.sample))
            });
            self.step(plan, now, each)?;
            if self.pending.contains_key(&number) {
                break;
            }
        }
        self.forget(plan, until.saturating_sub(1))
    }

    /// Works off events that are in order of time and group.
    fn step(&mut self, plan: &SqlPlan, events: Vec<(Box<[u8]>, Entry)>, each: Each<'_>) -> Result<()> {
        let mut windows = Vec::new();
        let (mut keys, mut seen) = (Vec::new(), Vec::new());
        let mut values: Vec<Vec<ScalarValue>> = plan.aggregates.iter().map(|_| Vec::new()).collect();
        // Times of the events in windows of each group, for what is counted of several windows.
        let mut times: HashMap<Box<[u8]>, Vec<i64>> = HashMap::new();
        let mut events = events.into_iter().peekable();
        while let Some((key, entry)) = events.next() {
            let time = entry.sample.time;
            self.forget(plan, time)?;
            let group = match self.groups.get_mut(&key) {
                Some(group) => group,
                None => {
                    let new = Group::new(plan)?;
                    self.groups.entry(key.clone()).or_insert(new)
                }
            };
            let known = times
                .entry(key.clone())
                .or_insert_with(|| group.window.iter().map(|entry| entry.sample.time).collect());
            known.push(time);
            group.add(entry)?;
            self.queue.push_back((time, key.clone()));
            if events
                .peek()
                .is_some_and(|(next, entry)| *next == key && entry.sample.time == time)
            {
                continue;
            }
            for (values, accumulator) in values.iter_mut().zip(&mut group.accumulators) {
                values.push(accumulator.evaluate()?);
            }
            seen.push(group.seen());
            windows.push((time.saturating_sub(self.size), time));
            keys.push(key);
        }
        let columns = values.into_iter().zip(&plan.aggregates);
        let columns = columns.map(|(values, measure)| -> Result<ArrayRef> {
            let column = ScalarValue::iter_to_array(values)?;
            Ok(cast(&column, measure.expr.field().data_type())?)
        });
        let values = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let within = |key: &[u8], since: i64, until: i64| -> u64 {
            let times = times.get(key).into_iter().flatten();
            times.filter(|time| **time > since && **time <= until).count() as u64
        };
        each(
            Ended {
                results: Results { keys, seen, values },
                windows,
            },
            Some(&within),
        )
    }

    /// Takes events out of their windows that are too old at `time`.
    fn forget(&mut self, plan: &SqlPlan, time: i64) -> Result<()> {
        let oldest = time.saturating_sub(self.size);
        while let Some((time, _)) = self.queue.front()
            && *time <= oldest
        {
            let Some((_, key)) = self.queue.pop_front() else {
                break;
            };
            let Some(group) = self.groups.get_mut(&key) else {
                continue;
            };
            if let Some(entry) = group.window.pop_front() {
                self.bytes = self.bytes.saturating_sub(bytes_of(&key, &entry.values));
                group.take_back(plan, &entry)?;
            }
            if group.window.is_empty() {
                self.groups.remove(&key);
            }
        }
        Ok(())
    }

    /// Gives up about half of the groups: those of the fewest events.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let mut counts: HashMap<&[u8], u64> = HashMap::new();
        let pending = self.pending.values().flatten().map(|(key, _)| &**key);
        let windows = self.queue.iter().map(|(_, key)| &**key);
        for key in pending.chain(windows) {
            *counts.entry(key).or_default() += 1;
        }
        let mut all: Vec<(u64, Box<[u8]>)> = counts
            .into_iter()
            .map(|(key, count)| (count, key.into()))
            .collect();
        all.sort_unstable();
        all.truncate(all.len().div_ceil(2));
        let given_up = GivenUp {
            groups: all.len() as u64,
            events: all.iter().map(|(count, _)| count).sum(),
        };
        let gone: hashbrown::HashSet<Box<[u8]>> = all.into_iter().map(|(_, key)| key).collect();
        let mut freed = 0;
        for pending in self.pending.values_mut() {
            pending.retain(|(key, entry)| {
                let is_gone = gone.contains(key);
                freed += if is_gone { bytes_of(key, &entry.values) } else { 0 };
                !is_gone
            });
        }
        self.pending.retain(|_, pending| !pending.is_empty());
        self.queue.retain(|(_, key)| !gone.contains(key));
        for key in &gone {
            if let Some(group) = self.groups.remove(key) {
                let entries = group.window.iter();
                freed += entries.map(|entry| bytes_of(key, &entry.values)).sum::<usize>();
            }
        }
        self.bytes = self.bytes.saturating_sub(freed);
        given_up
    }

    /// What is to be saved.
    pub(super) fn save(&self, plan: &SqlPlan) -> Result<SavedSlides> {
        let pending = self.pending.values().flatten();
        let pending = pending.map(|(key, entry)| (key, entry));
        let windows = self.groups.iter();
        let windows = windows.flat_map(|(key, group)| group.window.iter().map(move |entry| (key, entry)));
        let all = windows.chain(pending);
        let mut all: Vec<(&[u8], &Entry)> = all.map(|(key, entry)| (&**key, entry)).collect();
        all.sort_by(|(one_key, one), (other_key, other)| {
            (one.sample.time, one_key, &one.sample).cmp(&(other.sample.time, other_key, &other.sample))
        });
        let mut columns: Vec<Vec<ArrayRef>> = Vec::with_capacity(plan.aggregates.len());
        for (number, measure) in plan.aggregates.iter().enumerate() {
            let mut of_aggregate = Vec::new();
            for argument in 0..measure.arguments.len() {
                let column = |entry: &Entry| entry.values.arguments[number].0[argument].clone();
                of_aggregate.push(gathered(&all, &column)?);
            }
            if measure.condition.is_some() {
                let column = |entry: &Entry| -> ArrayRef {
                    let condition = entry.values.arguments[number].1.clone();
                    Arc::new(
                        condition.unwrap_or_else(|| BooleanArray::from(vec![true; entry.row as usize + 1])),
                    )
                };
                of_aggregate.push(gathered(&all, &column)?);
            }
            columns.push(of_aggregate);
        }
        let samples: Vec<Sample> = all.iter().map(|(_, entry)| entry.sample).collect();
        let states = States::without_index(
            all.iter().map(|(key, _)| (*key).into()).collect(),
            vec![Seen::default(); samples.len()],
            columns,
        );
        Ok(SavedSlides {
            events: SavedStates::of(&states)?,
            samples,
        })
    }

    /// Takes up what was saved.
    pub(super) fn take_up(&mut self, plan: &SqlPlan, over: i64, saved: SavedSlides) -> Result<()> {
        let States { keys, columns, .. } = saved.events.into_states()?;
        let arguments = columns
            .into_iter()
            .zip(&plan.aggregates)
            .map(|(mut columns, measure)| {
                let condition = measure.condition.as_ref().and_then(|_| columns.pop());
                let condition = condition.and_then(|condition| condition.as_boolean_opt().cloned());
                (columns, condition)
            });
        let values = Arc::new(Values::new(arguments.collect(), keys.len()));
        for (row, (key, sample)) in keys.into_iter().zip(saved.samples).enumerate() {
            if sample.time >= over {
                self.keep(&key, sample, &values, row as u32);
                continue;
            }
            self.bytes += bytes_of(&key, &values);
            let entry = Entry {
                sample,
                values: values.clone(),
                row: row as u32,
            };
            let new = match self.groups.contains_key(&key) {
                true => None,
                false => Some(Group::new(plan)?),
            };
            if let Some(new) = new {
                self.groups.insert(key.clone(), new);
            }
            if let Some(group) = self.groups.get_mut(&key) {
                group.add(entry)?;
            }
            self.queue.push_back((sample.time, key));
        }
        Ok(())
    }
}

/// A column of events of several batches.
fn gathered(all: &[(&[u8], &Entry)], column: &dyn Fn(&Entry) -> ArrayRef) -> Result<ArrayRef> {
    let mut places: HashMap<*const Values, usize> = HashMap::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut rows = Vec::with_capacity(all.len());
    for (_, entry) in all {
        let place = *places.entry(Arc::as_ptr(&entry.values)).or_insert_with(|| {
            columns.push(column(entry));
            columns.len() - 1
        });
        rows.push((place, entry.row as usize));
    }
    let columns: Vec<&dyn Array> = columns.iter().map(|column| &**column).collect();
    match rows.is_empty() {
        true => Ok(new_empty_array(&DataType::Null)),
        false => Ok(interleave(&columns, &rows)?),
    }
}

/// Whether an event has all arguments of an aggregate.
fn is_filled(arguments: &[ArrayRef]) -> bool {
    arguments.iter().all(|argument| argument.null_count() == 0)
}

impl Group {
    fn new(plan: &SqlPlan) -> Result<Group> {
        let accumulators = plan.aggregates.iter();
        let accumulators = accumulators.map(|measure| measure.expr.create_sliding_accumulator());
        Ok(Group {
            window: VecDeque::new(),
            accumulators: accumulators.collect::<Result<_>>()?,
            filled: vec![0; plan.aggregates.len()],
        })
    }

    fn add(&mut self, entry: Entry) -> Result<()> {
        for (number, accumulator) in self.accumulators.iter_mut().enumerate() {
            if let Some(arguments) = entry.of(number) {
                self.filled[number] += u64::from(is_filled(&arguments));
                accumulator.update_batch(&arguments)?;
            }
        }
        self.window.push_back(entry);
        Ok(())
    }

    fn take_back(&mut self, plan: &SqlPlan, entry: &Entry) -> Result<()> {
        for (number, accumulator) in self.accumulators.iter_mut().enumerate() {
            let Some(arguments) = entry.of(number) else {
                continue;
            };
            accumulator.retract_batch(&arguments)?;
            if is_filled(&arguments) {
                self.filled[number] -= 1;
                // Some go on with the last value that they had, or divide by nothing.
                if self.filled[number] == 0 {
                    *accumulator = plan.aggregates[number].expr.create_sliding_accumulator()?;
                }
            }
        }
        Ok(())
    }

    fn seen(&self) -> Seen {
        Seen::of(
            self.window.len() as u64,
            self.window.iter().map(|entry| entry.sample),
            self.window.back().map_or(i64::MIN, |entry| entry.sample.time),
        )
    }
}
