//! What the pipes of a query do with the rows found: events, or matches of several events.
//!
//! A row is anything that is an [`Event`]: its fields are those of its first event, and
//! [`Event::in_sequence`] gives the others.
//!
//! What is kept: `head`, `filter` nothing; `tail n` n rows; `sort` every row; `unique` a key for each
//! combination; `unique_count` and `count` a key (and a row) for each, and the names of the hosts. No pipe
//! keeps more than [`Options::limit`] of them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;

use super::ast::{Expr, Pipe, Settings};
use super::event::Event;
use super::key::Key;
use super::path::FieldPath;
use super::value::{Number, Value};

/// How pipes work.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How values compare.
    pub settings: Settings,
    /// The field whose values `count` and `unique_count` list as `hosts`.
    pub host: FieldPath,
    /// How many rows, keys and hosts one pipe may keep.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            host: FieldPath::dotted("host.name"),
            limit: 1_000_000,
        }
    }
}

/// A pipe had more to keep than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The pipe's name.
    pub pipe: &'static str,
    /// How many it may keep.
    pub limit: usize,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` has more than {} rows, keys and hosts to keep: narrow the query, or put `head` before it",
            self.pipe, self.limit
        )
    }
}

impl std::error::Error for TooMany {}

/// A row that comes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<T> {
    source: Option<T>,
    added: Vec<(&'static str, Value<'static>)>,
}

impl<T> Row<T> {
    fn new(source: T) -> Self {
        Self {
            source: Some(source),
            added: Vec::new(),
        }
    }

    /// The row that went in; `None` for what `count` gives.
    pub fn source(&self) -> Option<&T> {
        self.source.as_ref()
    }

    /// The row that went in, and what was added to it.
    pub fn into_parts(self) -> (Option<T>, Vec<(&'static str, Value<'static>)>) {
        (self.source, self.added)
    }

    /// What `unique_count` and `count` added: `count`, `percent`, `hosts`, `total_hosts`, and `key`.
    pub fn added(&self) -> &[(&'static str, Value<'static>)] {
        &self.added
    }

    fn get(&self, name: &str) -> Option<&Value<'static>> {
        self.added
            .iter()
            .find(|(added, _)| *added == name)
            .map(|(_, value)| value)
    }

    fn set(&mut self, name: &'static str, value: Value<'static>) {
        self.added.retain(|(added, _)| *added != name);
        self.added.push((name, value));
    }
}

impl<T: Event> Event for Row<T> {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        if let Some(value) = self.get(path.column()) {
            return value.walk(path.inside());
        }
        self.source
            .as_ref()
            .map_or(Value::Null, |source| source.field(path))
    }

    fn in_sequence(&self, position: usize) -> Option<&dyn Event> {
        match position {
            0 => Some(self),
            _ => self.source.as_ref()?.in_sequence(position),
        }
    }

    fn any_field(&self, test: &mut dyn FnMut(&str, &Value<'_>) -> bool) -> bool {
        self.added.iter().any(|(name, value)| test(name, value))
            || self.source.as_ref().is_some_and(|source| source.any_field(test))
    }
}

/// Sends rows through pipes, and gives what comes out.
///
/// # Errors
/// [`TooMany`] if a pipe would have to keep more than [`Options::limit`].
pub fn run<T: Event>(
    pipes: &[Pipe],
    rows: impl IntoIterator<Item = T>,
    options: &Options,
) -> Result<Vec<Row<T>>, TooMany> {
    let mut out = Vec::new();
    let mut pipeline = Pipeline::new(pipes, options.clone());
    for row in rows {
        if pipeline.is_done() {
            break;
        }
        pipeline.push(row, &mut |row| out.push(row))?;
    }
    pipeline.finish(&mut |row| out.push(row))?;
    Ok(out)
}

/// Pipes that rows go through one by one.
#[derive(Debug)]
pub struct Pipeline<'p, T> {
    stages: Vec<Stage<'p, T>>,
    options: Options,
}

#[derive(Debug)]
enum Stage<'p, T> {
    Head {
        left: u64,
    },
    Tail {
        last: VecDeque<Row<T>>,
        count: usize,
    },
    Sort {
        keys: &'p [Expr],
        rows: Vec<(Vec<Value<'static>>, Row<T>)>,
    },
    Unique {
        keys: &'p [Expr],
        seen: HashSet<Key>,
    },
    UniqueCount {
        keys: &'p [Expr],
        groups: Groups<Row<T>>,
    },
    Count {
        keys: &'p [Expr],
        groups: Groups<Vec<Value<'static>>>,
    },
    Filter(&'p Expr),
}

/// Counts by key, in the order in which the keys came.
#[derive(Debug)]
struct Groups<F> {
    position: HashMap<Key, usize>,
    all: Vec<Group<F>>,
    /// Hosts of all groups together.
    hosts: usize,
}

#[derive(Debug)]
struct Group<F> {
    first: F,
    count: u64,
    hosts: BTreeSet<String>,
}

impl<F> Groups<F> {
    fn new() -> Self {
        Self {
            position: HashMap::new(),
            all: Vec::new(),
            hosts: 0,
        }
    }

    fn add(&mut self, key: Key, count: u64, hosts: Vec<String>, first: impl FnOnce() -> F) {
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

    fn kept(&self) -> usize {
        self.all.len() + self.hosts
    }

    fn total(&self) -> u64 {
        self.all
            .iter()
            .fold(0, |total, group| total.saturating_add(group.count))
    }
}

/// What is added to a row: the count, the share of the total if asked, the hosts.
fn describe<T>(count: u64, hosts: BTreeSet<String>, total: Option<u64>, row: &mut Row<T>) {
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

impl<'p, T: Event> Pipeline<'p, T> {
    /// A pipeline that has seen no row yet.
    pub fn new(pipes: &'p [Pipe], options: Options) -> Self {
        let stages = pipes
            .iter()
            .map(|pipe| match pipe {
                Pipe::Head(count) => Stage::Head { left: *count },
                Pipe::Tail(count) => Stage::Tail {
                    last: VecDeque::new(),
                    count: usize::try_from(*count).unwrap_or(usize::MAX),
                },
                Pipe::Sort(keys) => Stage::Sort {
                    keys,
                    rows: Vec::new(),
                },
                Pipe::Unique(keys) => Stage::Unique {
                    keys,
                    seen: HashSet::new(),
                },
                Pipe::UniqueCount(keys) => Stage::UniqueCount {
                    keys,
                    groups: Groups::new(),
                },
                Pipe::Count(keys) => Stage::Count {
                    keys,
                    groups: Groups::new(),
                },
                Pipe::Filter(condition) => Stage::Filter(condition),
            })
            .collect();
        Self { stages, options }
    }

    /// Whether no further row can change what comes out: a `head` has all it takes.
    pub fn is_done(&self) -> bool {
        self.stages
            .iter()
            .any(|stage| matches!(stage, Stage::Head { left: 0 }))
    }

    /// Takes a row; `out` gets those that come out at once.
    ///
    /// # Errors
    /// [`TooMany`]; the pipeline is then of no more use.
    pub fn push(&mut self, row: T, out: &mut dyn FnMut(Row<T>)) -> Result<(), TooMany> {
        advance(&mut self.stages, &self.options, Row::new(row), out)
    }

    /// Ends the rows; `out` gets those that were kept back.
    ///
    /// # Errors
    /// [`TooMany`], of a pipe that gets what another kept back.
    pub fn finish(mut self, out: &mut dyn FnMut(Row<T>)) -> Result<(), TooMany> {
        let mut rest = self.stages.as_mut_slice();
        while let Some((stage, after)) = rest.split_first_mut() {
            for row in stage.flush() {
                advance(after, &self.options, row, out)?;
            }
            rest = after;
        }
        Ok(())
    }
}

fn advance<T: Event>(
    mut stages: &mut [Stage<'_, T>],
    options: &Options,
    mut row: Row<T>,
    out: &mut dyn FnMut(Row<T>),
) -> Result<(), TooMany> {
    while let Some((stage, after)) = stages.split_first_mut() {
        match stage.take(row, options)? {
            Some(passed) => row = passed,
            None => return Ok(()),
        }
        stages = after;
    }
    out(row);
    Ok(())
}

fn values<T: Event>(keys: &[Expr], row: &Row<T>, settings: &Settings) -> Vec<Value<'static>> {
    keys.iter()
        .map(|key| key.eval(row, settings).into_owned())
        .collect()
}

fn key_of<T: Event>(keys: &[Expr], row: &Row<T>, settings: &Settings) -> Key {
    Key::List(
        keys.iter()
            .map(|key| Key::of(&key.eval(row, settings), settings))
            .collect(),
    )
}

/// How many events a row stands for, and on which hosts: its own, or those that an earlier `unique_count` found.
fn weight<T: Event>(row: &Row<T>, options: &Options) -> (u64, Vec<String>) {
    let count = match row.get("count") {
        Some(Value::Int(count)) => count.unsigned_abs(),
        _ => 1,
    };
    let hosts = match row.get("hosts") {
        Some(hosts) => hosts.borrowed(),
        None => row.field(&options.host),
    };
    let hosts = hosts
        .each()
        .filter_map(|host| host.text().map(Cow::into_owned))
        .collect();
    (count, hosts)
}

impl<T: Event> Stage<'_, T> {
    /// Takes a row; gives it back if it passes at once.
    fn take(&mut self, row: Row<T>, options: &Options) -> Result<Option<Row<T>>, TooMany> {
        let settings = &options.settings;
        let (pipe, kept) = match self {
            Stage::Head { left: 0 } => return Ok(None),
            Stage::Head { left } => {
                *left -= 1;
                return Ok(Some(row));
            }
            Stage::Filter(condition) => return Ok(condition.holds(&row, settings).then_some(row)),
            Stage::Unique { keys, seen } => {
                if !seen.insert(key_of(keys, &row, settings)) {
                    return Ok(None);
                }
                if seen.len() <= options.limit {
                    return Ok(Some(row));
                }
                ("unique", seen.len())
            }
            Stage::Tail { last, count } => {
                if last.len() == *count {
                    last.pop_front();
                }
                last.push_back(row);
                ("tail", last.len())
            }
            Stage::Sort { keys, rows } => {
                rows.push((values(keys, &row, settings), row));
                ("sort", rows.len())
            }
            Stage::UniqueCount { keys, groups } => {
                let (count, hosts) = weight(&row, options);
                groups.add(key_of(keys, &row, settings), count, hosts, || row);
                ("unique_count", groups.kept())
            }
            Stage::Count { keys, groups } => {
                let (_, hosts) = weight(&row, options);
                let key = key_of(keys, &row, settings);
                groups.add(key, 1, hosts, || values(keys, &row, settings));
                ("count", groups.kept())
            }
        };
        match kept <= options.limit {
            true => Ok(None),
            false => Err(TooMany {
                pipe,
                limit: options.limit,
            }),
        }
    }

    /// The rows that were kept back, in order.
    fn flush(&mut self) -> Vec<Row<T>> {
        match self {
            Stage::Head { .. } | Stage::Filter(_) | Stage::Unique { .. } => Vec::new(),
            Stage::Tail { last, .. } => last.drain(..).collect(),
            Stage::Sort { rows, .. } => sorted(std::mem::take(rows)),
            Stage::UniqueCount { groups, .. } => {
                let total = groups.total();
                groups
                    .all
                    .drain(..)
                    .map(|group| {
                        let mut row = group.first;
                        describe(group.count, group.hosts, Some(total), &mut row);
                        row
                    })
                    .collect()
            }
            Stage::Count { keys, groups } => {
                counted(keys.is_empty(), std::mem::replace(groups, Groups::new()))
            }
        }
    }
}

fn counted<T>(totals: bool, groups: Groups<Vec<Value<'static>>>) -> Vec<Row<T>> {
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

/// Sorts by the values, the first of them first; rows with equal values stay in their order.
///
/// Where all values of one key are numbers, or texts that read as numbers, they sort as numbers and null as
/// 0; else as texts without case, and null as the empty text.
fn sorted<R>(mut rows: Vec<(Vec<Value<'static>>, R)>) -> Vec<R> {
    let keys = rows.first().map_or(0, |(values, _)| values.len());
    let numeric: Vec<bool> = (0..keys)
        .map(|key| {
            rows.iter()
                .all(|(values, _)| values[key].is_null() || values[key].number().is_some())
        })
        .collect();
    let settings = Settings::default();
    let rank = |values: &[Value<'static>]| -> Vec<Rank> {
        values
            .iter()
            .zip(&numeric)
            .map(|(value, numeric)| match numeric {
                true => Rank::Number(value.number().unwrap_or(Number::Int(0))),
                false if value.is_null() => Rank::Key(Key::Text(String::new())),
                false => Rank::Key(Key::of(value, &settings)),
            })
            .collect()
    };
    rows.sort_by_cached_key(|(values, _)| rank(values));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[derive(PartialEq)]
enum Rank {
    Number(Number),
    Key(Key),
}

impl Eq for Rank {}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Rank::Number(a), Rank::Number(b)) => a.total(*b),
            (Rank::Key(a), Rank::Key(b)) => a.cmp(b),
            // All ranks of one key are of one kind.
            (Rank::Number(_), Rank::Key(_)) => std::cmp::Ordering::Less,
            (Rank::Key(_), Rank::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
