//! `descendant of […]`, `child of […]`, `event of […]`: which processes come from which.
//!
//! Events are looked at in the order of time. An event of a subquery makes its process a source from then on. A process
//! is a child of its parent from the first event that names both, and stays one: so it is a child of a source if the
//! parent was one by then.
//!
//! Processes are told apart by ids that are given once: `process.entity_id` (Sysmon's `ProcessGuid`) or Endgame's
//! `unique_pid`, with the host's name. Numbers that the system gives again (`process.pid`) are not used.
//!
//! What went before decides, so everything that such a query may need waits until the input is over, up to
//! [`Relations::budget`] bytes; what does not fit is counted.

use std::sync::LazyLock;

use borzoi_rules::eql::{Event, FieldPath, Relation, Value};
use borzoi_rules::query::{QueryRule, Role};
use hashbrown::{HashMap, HashSet};

use super::hits::Hit;
use super::row::Kept;

/// What names a process, and its parent.
static PROCESS: LazyLock<[FieldPath; 2]> = LazyLock::new(|| {
    [
        FieldPath::dotted("process.entity_id"),
        FieldPath::dotted("unique_pid"),
    ]
});
static PARENT: LazyLock<[FieldPath; 2]> = LazyLock::new(|| {
    [
        FieldPath::dotted("process.parent.entity_id"),
        FieldPath::dotted("unique_ppid"),
    ]
});
pub(super) static HOST: LazyLock<[FieldPath; 1]> = LazyLock::new(|| [FieldPath::dotted("host.name")]);

/// The fields that have to be known of every event.
pub(super) fn paths() -> impl Iterator<Item = &'static FieldPath> {
    PROCESS.iter().chain(&*PARENT).chain(&*HOST)
}

/// The events of one query that wait for the end of the input.
#[derive(Debug)]
pub(super) struct Relations {
    waiting: Vec<Hit>,
    bytes: usize,
    /// Most bytes of them.
    pub(super) budget: usize,
    /// Events that did not fit.
    pub(super) given_up: u64,
}

impl Relations {
    pub(super) fn new(budget: usize) -> Relations {
        Relations {
            waiting: Vec::new(),
            bytes: 0,
            budget,
            given_up: 0,
        }
    }

    /// The events that wait.
    pub(super) fn waiting(&self) -> &[Hit] {
        &self.waiting
    }

    pub(super) fn add(&mut self, hit: Hit) {
        let bytes = size_of::<Hit>() + hit.key.len() + hit.about.bytes();
        if self.bytes + bytes > self.budget {
            self.given_up += 1;
            return;
        }
        self.bytes += bytes;
        self.waiting.push(hit);
    }

    /// The events that are what the query asks for, or steps of it, in the order of time.
    pub(super) fn finish(&mut self, query: &QueryRule) -> Vec<Hit> {
        let parts = query.parts();
        let mut waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        // Of one event first what it says of processes, then the subqueries, the inner ones first, then the rest.
        let turn = |hit: &Hit| match parts.get(usize::from(hit.part)).map(|part| part.role) {
            Some(Role::Process) | None => (0, 0),
            Some(Role::Subquery(number)) => (1, number),
            Some(Role::Step(number)) => (2, number),
            Some(Role::Until) => (3, 0),
        };
        waiting.sort_by(|a, b| {
            let order = |hit: &Hit| (hit.time, hit.id, turn(hit));
            (&a.tenant, order(a)).cmp(&(&b.tenant, order(b)))
        });
        let subqueries = parts.iter().filter(|part| matches!(part.role, Role::Subquery(_)));
        let subqueries = subqueries.count();
        let mut processes = Processes::default();
        let mut found = Vec::new();
        for hit in waiting {
            let Some(part) = parts.get(usize::from(hit.part)) else {
                continue;
            };
            let kept = &hit.about.kept;
            let host = first_of(kept, &*HOST).unwrap_or_default();
            let id = |paths: &[FieldPath]| {
                let id = first_of(kept, paths)?;
                Some(format!("{}\0{host}\0{id}", hit.tenant))
            };
            let process = id(&*PROCESS);
            if part.role == Role::Process {
                if let (Some(process), Some(parent)) = (process, id(&*PARENT)) {
                    processes.start(process, &parent, subqueries);
                }
                continue;
            }
            let event = Related {
                kept,
                process: process.as_deref(),
                processes: &processes,
            };
            if !part.event.condition.holds(&event, &query.settings) {
                continue;
            }
            match (part.role, process) {
                (Role::Subquery(number), Some(process)) => processes.add_source(number, process),
                (Role::Subquery(_), None) => {}
                _ => found.push(hit),
            }
        }
        found
    }
}

fn first_of(kept: &Kept, paths: &[FieldPath]) -> Option<String> {
    paths.iter().find_map(|path| {
        let value = kept.field(path);
        value.text().map(|text| text.to_lowercase())
    })
}

/// What is known of processes.
#[derive(Debug, Default)]
struct Processes {
    started: HashSet<String>,
    /// By subquery.
    sources: HashMap<usize, HashSet<String>>,
    children: HashMap<usize, HashSet<String>>,
    descendants: HashMap<usize, HashSet<String>>,
}

impl Processes {
    fn start(&mut self, process: String, parent: &str, subqueries: usize) {
        if !self.started.insert(process.clone()) {
            return;
        }
        for number in 0..subqueries {
            let of = |sets: &HashMap<usize, HashSet<String>>| {
                sets.get(&number).is_some_and(|known| known.contains(parent))
            };
            let is_child = of(&self.sources);
            if is_child {
                self.children.entry(number).or_default().insert(process.clone());
            }
            if is_child || of(&self.descendants) {
                self.descendants
                    .entry(number)
                    .or_default()
                    .insert(process.clone());
            }
        }
    }

    fn add_source(&mut self, number: usize, process: String) {
        self.sources.entry(number).or_default().insert(process);
    }

    fn relates(&self, relation: Relation, number: usize, process: &str) -> bool {
        let sets = match relation {
            Relation::DescendantOf => &self.descendants,
            Relation::ChildOf => &self.children,
            Relation::EventOf => &self.sources,
        };
        sets.get(&number).is_some_and(|known| known.contains(process))
    }
}

/// An event that knows its process.
struct Related<'r> {
    kept: &'r Kept,
    process: Option<&'r str>,
    processes: &'r Processes,
}

impl Event for Related<'_> {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        self.kept.field(path)
    }

    fn related(&self, relation: Relation, id: usize) -> bool {
        let relates = |process| self.processes.relates(relation, id, process);
        self.process.is_some_and(relates)
    }
}
