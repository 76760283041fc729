//! Groups with what was added up of their events.

use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::take;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::plan::SqlPlan;

/// Events that an alert names.
pub(super) const MOST_SAMPLES: usize = 3;

/// An event that an alert names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(super) time: i64,
    pub(super) id: [u8; 16],
    /// The place of its dataset among those of the plan.
    pub(super) dataset: u16,
}

/// What is known of the events of a group beside what the rule asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(super) count: u64,
    pub(super) first: i64,
    pub(super) last: i64,
    /// Its first events, in order of time.
    samples: [Sample; MOST_SAMPLES],
    /// How many of them there are.
    named: u8,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            count: 0,
            first: i64::MAX,
            last: i64::MIN,
            samples: [Sample::default(); MOST_SAMPLES],
            named: 0,
        }
    }
}

impl Seen {
    /// Of so many events in order of time, the last of which is of then.
    pub(super) fn of(count: u64, events: impl Iterator<Item = Sample>, last: i64) -> Seen {
        let mut seen = Seen::default();
        events.take(MOST_SAMPLES).for_each(|sample| seen.add(sample));
        Seen { count, last, ..seen }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.offer(sample);
        self.count += 1;
        self.first = self.first.min(sample.time);
        self.last = self.last.max(sample.time);
    }

    pub(super) fn merge(&mut self, other: &Seen) {
        for sample in other.samples() {
            self.offer(*sample);
        }
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    pub(super) fn samples(&self) -> &[Sample] {
        &self.samples[..usize::from(self.named).min(MOST_SAMPLES)]
    }

    fn offer(&mut self, sample: Sample) {
        let place = self.samples().partition_point(|other| *other <= sample);
        if place < MOST_SAMPLES {
            self.samples[place..].rotate_right(1);
            self.samples[place] = sample;
            self.named = (self.named + 1).min(MOST_SAMPLES as u8);
        }
    }
}

/// What was added up, as columns, a row for each group.
#[derive(Debug, Clone, Default)]
pub(crate) struct States {
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) seen: Vec<Seen>,
    /// Of each aggregate.
    pub(super) columns: Vec<Vec<ArrayRef>>,
    index: HashTable<u32>,
}

impl States {
    /// States of groups with these keys.
    pub(super) fn new(keys: Vec<Box<[u8]>>, seen: Vec<Seen>, columns: Vec<Vec<ArrayRef>>) -> States {
        let mut index = HashTable::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            let hash = |place: &u32| xxh3_64(&keys[*place as usize]);
            index.insert_unique(xxh3_64(key), place as u32, hash);
        }
        States {
            keys,
            seen,
            columns,
            index,
        }
    }

    /// The events of the group of this key.
    pub(super) fn count(&self, key: &[u8]) -> u64 {
        let found = self
            .index
            .find(xxh3_64(key), |place| *self.keys[*place as usize] == *key);
        found.map_or(0, |place| self.seen[*place as usize].count)
    }

    /// The same, of which none is looked for by its key.
    pub(super) fn without_index(
        keys: Vec<Box<[u8]>>,
        seen: Vec<Seen>,
        columns: Vec<Vec<ArrayRef>>,
    ) -> States {
        States {
            keys,
            seen,
            columns,
            index: HashTable::new(),
        }
    }

    /// Those of these rows.
    pub(super) fn take(&self, rows: &UInt32Array) -> Result<Vec<Vec<ArrayRef>>> {
        let taken = self.columns.iter().map(|columns| {
            let columns = columns.iter().map(|column| Ok(take(column, rows, None)?));
            columns.collect::<Result<Vec<ArrayRef>>>()
        });
        taken.collect()
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self
            .keys
            .iter()
            .map(|key| key.len() + size_of::<Box<[u8]>>())
            .sum();
        let columns = self.columns.iter().flatten();
        let columns: usize = columns.map(|column| column.get_array_memory_size()).sum();
        keys + columns + self.seen.len() * size_of::<Seen>()
    }
}

/// What came out for each group.
pub(super) struct Results {
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) seen: Vec<Seen>,
    /// Of each aggregate.
    pub(super) values: Vec<ArrayRef>,
}

/// Groups that are being added up.
pub(super) struct Groups {
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) seen: Vec<Seen>,
    index: HashTable<u32>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    key_bytes: usize,
}

impl Groups {
    pub(super) fn new(plan: &SqlPlan) -> Result<Groups> {
        let accumulators = plan.aggregates.iter().map(|measure| measure.accumulator());
        Ok(Groups {
            keys: Vec::new(),
            seen: Vec::new(),
            index: HashTable::new(),
            accumulators: accumulators.collect::<Result<_>>()?,
            key_bytes: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The place of a group, which is made if there is none of this key.
    pub(super) fn place(&mut self, key: &[u8]) -> usize {
        let keys = &self.keys;
        let hash = xxh3_64(key);
        if let Some(known) = self.index.find(hash, |place| *keys[*place as usize] == *key) {
            return *known as usize;
        }
        let place = self.add(key);
        let keys = &self.keys;
        self.index
            .insert_unique(hash, place as u32, |place| xxh3_64(&keys[*place as usize]));
        place
    }

    /// Makes a group that is not found by its key.
    pub(super) fn add(&mut self, key: &[u8]) -> usize {
        self.keys.push(key.into());
        self.seen.push(Seen::default());
        self.key_bytes += key.len();
        self.keys.len() - 1
    }

    /// Adds up values of events: of each aggregate the arguments, and which events it counts.
    pub(super) fn update(
        &mut self,
        arguments: &[(Vec<ArrayRef>, Option<BooleanArray>)],
        places: &[usize],
    ) -> Result<()> {
        let total = self.keys.len();
        for (accumulator, (arguments, condition)) in self.accumulators.iter_mut().zip(arguments) {
            accumulator.update_batch(arguments, places, condition.as_ref(), total)?;
        }
        Ok(())
    }

    /// Adds what was added up elsewhere.
    pub(super) fn merge(
        &mut self,
        columns: &[Vec<ArrayRef>],
        seen: &[&Seen],
        places: &[usize],
    ) -> Result<()> {
        let total = self.keys.len();
        // Some accumulators cannot do with nothing.
        if places.is_empty() {
            return Ok(());
        }
        for (accumulator, columns) in self.accumulators.iter_mut().zip(columns) {
            accumulator.merge_batch(columns, places, total)?;
        }
        for (place, seen) in places.iter().zip(seen) {
            self.seen[*place].merge(seen);
        }
        Ok(())
    }

    /// Bytes of keys.
    pub(super) fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// What was added up, as columns.
    pub(super) fn into_states(mut self) -> Result<States> {
        let columns = self.accumulators.iter_mut();
        let columns = columns.map(|accumulator| accumulator.state(EmitTo::All));
        Ok(States {
            columns: columns.collect::<Result<_>>()?,
            keys: self.keys,
            seen: self.seen,
            index: self.index,
        })
    }

    /// What comes out.
    pub(super) fn into_results(mut self) -> Result<Results> {
        let values = self.accumulators.iter_mut();
        let values = values.map(|accumulator| accumulator.evaluate(EmitTo::All));
        Ok(Results {
            values: values.collect::<Result<_>>()?,
            keys: self.keys,
            seen: self.seen,
        })
    }

    /// Adds all of these states, by key.
    pub(super) fn take_over(&mut self, states: &States) -> Result<()> {
        let places: Vec<usize> = states.keys.iter().map(|key| self.place(key)).collect();
        let seen: Vec<&Seen> = states.seen.iter().collect();
        self.merge(&states.columns, &seen, &places)
    }

    /// Bytes in use, about.
    pub(super) fn bytes(&self) -> usize {
        let accumulators: usize = self
            .accumulators
            .iter()
            .map(|accumulator| accumulator.size())
            .sum();
        let group = size_of::<Box<[u8]>>() + size_of::<Seen>();
        accumulators + self.key_bytes + self.keys.len() * group + self.index.capacity() * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(time: i64) -> Sample {
        Sample {
            time,
            ..Sample::default()
        }
    }

    #[test]
    fn the_first_events_are_named_whatever_their_order() {
        let times = |seen: &Seen| {
            seen.samples()
                .iter()
                .map(|sample| sample.time)
                .collect::<Vec<_>>()
        };
        let all = [9, 3, 7, 1, 5];
        let mut whole = Seen::default();
        all.iter().for_each(|time| whole.add(sample(*time)));
        assert_eq!((whole.count, whole.first, whole.last), (5, 1, 9));
        assert_eq!(times(&whole), [1, 3, 5]);
        for cut in 0..=all.len() {
            let (mut one, mut other) = (Seen::default(), Seen::default());
            all[..cut].iter().for_each(|time| one.add(sample(*time)));
            all[cut..].iter().for_each(|time| other.add(sample(*time)));
            one.merge(&other);
            assert_eq!(one, whole, "cut at {cut}");
        }
    }
}
