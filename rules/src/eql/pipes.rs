//! What the pipes of a query do with the rows found: events, or matches of several events.
//!
//! A row is anything that is an [`Event`]: its fields are those of its first event, and
//! [`Event::in_sequence`] gives the others.
//!
//! What is kept: `head`, `filter` nothing; `tail n` n rows; `sort` every row; `unique` a key for each
//! combination; `unique_count` and `count` a key (and a row) for each, and the names of the hosts. No pipe
//! keeps more than [`Options::limit`] of them.

mod groups;
mod sort;

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt;

use self::groups::{Groups, counted, describe};
use self::sort::sorted;
use super::ast::{Expr, Pipe, Settings};
use super::event::Event;
use super::key::Key;
use super::path::FieldPath;
use super::value::Value;

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
        .into_iter()
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
