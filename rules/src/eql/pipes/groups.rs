//! Counts of rows by key.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::super::key::Key;
use super::super::value::Value;
use super::Row;
use super::sort::sorted;

/// Counts by key, in the order in which the keys came.
#[derive(Debug)]
pub(super) struct Groups<F> {
    position: HashMap<Key, usize>,
    pub all: Vec<Group<F>>,
    /// Hosts of all groups together.
    hosts: usize,
}

#[derive(Debug)]
pub(super) struct Group<F> {
    pub first: F,
    pub count: u64,
    pub hosts: BTreeSet<String>,
}

impl<F> Groups<F> {
    pub fn new() -> Self {
        Self {
            position: HashMap::new(),
            all: Vec::new(),
            hosts: 0,
        }
    }

    pub fn add(&mut self, key: Key, count: u64, hosts: Vec<String>, first: impl FnOnce() -> F) {
        let position = *self.position.entry(key).or_insert(self.all.len());
        if position == self.all.len() {
            self.all.push(Group {
                first: first(),
                count: 0,
                hosts: BTreeSet::new(),
            });
        }
        let group = &mut self.all[position];
        group.count = group.count.saturating_add(count);
        for host in hosts {
            self.hosts += usize::from(group.hosts.insert(host));
        }
    }

    pub fn kept(&self) -> usize {
        self.all.len() + self.hosts
    }

    pub fn total(&self) -> u64 {
        self.all
            .iter()
            .fold(0, |total, group| total.saturating_add(group.count))
    }
}

/// What is added to a row: the count, the share of the total if asked, the hosts.
pub(super) fn describe<T>(count: u64, hosts: BTreeSet<String>, total: Option<u64>, row: &mut Row<T>) {
    row.set("count", Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
    if let Some(total) = total {
        #[allow(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        row.set("percent", Value::Float(count as f64 / total.max(1) as f64));
    }
    row.added
        .retain(|(name, _)| !matches!(*name, "hosts" | "total_hosts"));
    if !hosts.is_empty() {
        row.set(
            "total_hosts",
            Value::Int(i64::try_from(hosts.len()).unwrap_or(i64::MAX)),
        );
        let hosts = hosts.into_iter().map(|host| Value::Text(Cow::Owned(host)));
        row.set("hosts", Value::List(hosts.collect()));
    }
}

pub(super) fn counted<T>(totals: bool, groups: Groups<Vec<Value<'static>>>) -> Vec<Row<T>> {
    let total = groups.total();
    let empty = |key| Row {
        source: None,
        added: vec![("key", key)],
    };
    if totals {
        let mut row = empty(Value::from("totals"));
        let group = groups.all.into_iter().next();
        let (count, hosts) = group.map_or_else(Default::default, |group| (group.count, group.hosts));
        describe(count, hosts, None, &mut row);
        return vec![row];
    }
    let keyed = groups
        .all
        .into_iter()
        .map(|mut group| {
            let key = group.first.clone();
            // The count decides first.
            group
                .first
                .insert(0, Value::Int(i64::try_from(group.count).unwrap_or(i64::MAX)));
            let mut row = empty(match key.len() {
                1 => key.into_iter().next().unwrap_or_default(),
                _ => Value::List(key),
            });
            describe(group.count, group.hosts, Some(total), &mut row);
            (group.first, row)
        })
        .collect();
    sorted(keyed)
}
