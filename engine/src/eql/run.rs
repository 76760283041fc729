//! The end of a query's way: hits in; sequences, pipes and alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use borzoi_rules::eql::pipes::{self, Options, TooMany};
use borzoi_rules::eql::{Body, Event, Expr, FieldPath, Value};
use borzoi_rules::query::QueryRule;
use serde_json::Value as Json;

use super::hits::{About, Hit};
use super::relations::Relations;
use super::{Queries, Way};
use crate::alert::{
    Alert, AlertRule, Contribution, CorrelationAlert, Entities, EventJson, GroupValue, MatchedField,
    SCHEMA_VERSION, Shown,
};
use crate::alert_build::alert_id;
use crate::correlate::alerts::{merge, rfc3339};
use crate::sequence::{self, Found, Kind, Plan, Sequences, Step};
use crate::windows;
use crate::windows::time::Hold;

/// What was counted of queries over several events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// What sequences counted.
    pub sequences: sequence::Counters,
    /// Results that did not fit into memory on their way through pipes; their queries [failed](Counters::failed).
    pub results_given_up: u64,
    /// Keys (values of `by`) left out of events that had too many of them.
    pub keys_left_out: u64,
    /// Events that did not fit while they waited for what is known of their processes.
    pub events_given_up: u64,
    /// Queries whose pipes had more to keep than they may, and what they say.
    pub failed: Vec<String>,
}

/// A query that does not run, and why.
#[derive(Debug, Clone)]
pub struct NotRun {
    /// The query.
    pub rule: Arc<QueryRule>,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let location = &self.rule.meta.location;
        let (path, line, title) = (location.path.display(), location.line, &self.rule.meta.title);
        write!(f, "{path}:{line}: query `{title}` does not run: {}", self.reason)
    }
}

/// What runs a query of this kind; `None` if it is about single events.
pub(super) fn plan_of(query: &QueryRule) -> Option<Plan> {
    let (kind, sequence) = match &query.query.body {
        Body::Event(_) => return None,
        Body::Sequence(sequence) => (Kind::Ordered, sequence),
        Body::Join(sequence) => (Kind::Join, sequence),
        Body::Sample(sequence) => (Kind::Sample, sequence),
    };
    let steps = sequence.steps.iter().map(|step| Step {
        fork: step.fork,
        missing: step.missing,
        runs: step.runs,
    });
    let span = sequence
        .maxspan
        .map(|span| i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
    Some(Plan {
        kind,
        steps: steps.collect(),
        span,
        has_until: sequence.until.is_some(),
    })
}

/// A result on its way through pipes: the tenant, and the events.
pub(super) type Waiting = (u32, Vec<(i64, u128, About)>);

/// One result: an event, or a sequence of them.
pub(super) struct Result {
    pub(super) tenant: u32,
    query: u32,
    pub(super) events: Vec<(i64, u128, About)>,
    /// Added by a pipe.
    extra: BTreeMap<String, Json>,
    /// Times of the first and last event of all that a pipe has counted, if it gives none of them.
    span: Option<(i64, i64)>,
}

impl Result {
    fn bytes(&self) -> usize {
        let events = self.events.iter();
        events.map(|(_, _, about)| 64 + about.bytes()).sum()
    }
}

/// Runs the queries of a scan that are about several events, or have pipes.
pub(crate) struct QueryRun {
    pub(super) queries: Arc<Queries>,
    pub(super) sequences: Sequences<About>,
    /// Those of queries that ask how processes relate: their events come all at once, when nothing is late any more.
    pub(super) related: Sequences<About>,
    /// The plan of a query.
    pub(super) plans: Vec<Option<u32>>,
    /// The query of a plan.
    of_plan: Vec<u32>,
    /// Results of queries with pipes.
    pub(super) piped: Vec<Vec<Result>>,
    piped_bytes: usize,
    budget: usize,
    /// By query.
    pub(super) results_given_up: Vec<u64>,
    failed: Vec<String>,
    keys_left_out: u64,
    /// Events of queries that ask how processes relate.
    pub(super) relations: Vec<Option<Relations>>,
    pub(super) sources: Vec<Arc<str>>,
    pub(super) heard: BTreeMap<(u32, u32), Instant>,
    /// Those that had a hit since this began, or was taken up.
    heard_now: BTreeSet<(u32, u32)>,
    /// When a hit came last.
    pub(super) heard_last: Option<Instant>,
}

impl QueryRun {
    /// `None` if no query needs it.
    pub(crate) fn new(queries: &Arc<Queries>, settings: &windows::Settings) -> Option<QueryRun> {
        if queries.ways.iter().all(|way| *way == Way::Event) {
            return None;
        }
        let mut of_plan = Vec::new();
        let mut running = Vec::new();
        let plans = queries.rules().iter().enumerate().map(|(number, query)| {
            let plan = plan_of(query)?;
            running.push(plan);
            of_plan.push(number as u32);
            Some(of_plan.len() as u32 - 1)
        });
        let plans: Vec<Option<u32>> = plans.collect();
        let settings_of_sequences = sequence::Settings {
            lateness: settings.lateness,
            memory: settings.budget,
            ahead: settings.ahead,
        };
        let sequences = Sequences::new(&running, settings_of_sequences, About::bytes).ok()?;
        let settings_of_related = sequence::Settings {
            lateness: None,
            ..settings_of_sequences
        };
        let related = Sequences::new(&running, settings_of_related, About::bytes).ok()?;
        let relating = queries.ways.iter().filter(|way| **way == Way::Related).count();
        Some(QueryRun {
            piped: queries.rules().iter().map(|_| Vec::new()).collect(),
            queries: queries.clone(),
            sequences,
            related,
            plans,
            of_plan,
            piped_bytes: 0,
            budget: settings.budget,
            results_given_up: vec![0; queries.rules().len()],
            failed: Vec::new(),
            keys_left_out: 0,
            relations: queries
                .ways
                .iter()
                .map(|way| (*way == Way::Related).then(|| Relations::new(settings.budget / relating.max(1))))
                .collect(),
            sources: Vec::new(),
            heard: BTreeMap::new(),
            heard_now: BTreeSet::new(),
            heard_last: None,
        })
    }

    /// Takes the hits of a block, in order; gives what was found.
    pub(crate) fn take(&mut self, hits: Vec<Hit>, now: i64, at: Instant) -> Vec<Alert> {
        if hits.is_empty() {
            return Vec::new();
        }
        self.sequences.set_now(now);
        let mut now_known = Vec::with_capacity(hits.len());
        for hit in hits {
            match &mut self.relations[hit.query as usize] {
                Some(relations) => relations.add(hit),
                None => now_known.push(hit),
            }
        }
        self.heard_last = Some(at);
        self.known(now_known, at, false)
    }

    /// Whether the answer of a query is known only when the input is over.
    pub(crate) fn waits_for_the_end(&self, query: u32) -> bool {
        self.queries.waits_for_the_end(query)
    }

    /// Keys were left out of events that had too many of them.
    pub(crate) fn leave_out(&mut self, keys: u64) {
        self.keys_left_out += keys;
    }

    /// Takes hits that are what they seem.
    fn known(&mut self, hits: Vec<Hit>, at: Instant, are_related: bool) -> Vec<Alert> {
        let mut alerts = Vec::new();
        let mut taken = Vec::with_capacity(hits.len());
        for hit in hits {
            // Both number tenants as they meet them.
            let tenant = self.sequences.tenant(&hit.tenant);
            self.related.tenant(&hit.tenant);
            let Some(plan) = self.plans[hit.query as usize] else {
                let result = Result {
                    tenant,
                    query: hit.query,
                    events: vec![(hit.time, hit.id, hit.about)],
                    extra: BTreeMap::new(),
                    span: None,
                };
                alerts.extend(self.result(result));
                continue;
            };
            let source = self.source(&hit.about.evidence.dataset);
            if !are_related {
                self.heard.insert((tenant, source), at);
                self.heard_now.insert((tenant, source));
            }
            taken.push(sequence::Hit {
                time: hit.time,
                id: hit.id,
                tenant,
                source,
                plan,
                step: hit.part,
                key: hit.key,
                payload: hit.about,
            });
        }
        let sequences = match are_related {
            true => &mut self.related,
            false => &mut self.sequences,
        };
        let found = sequences.take(taken);
        alerts.extend(self.found(found));
        alerts
    }

    /// A result's alert, or none yet if there are pipes for it to go through.
    fn result(&mut self, result: Result) -> Option<Alert> {
        let query = &self.queries.rules()[result.query as usize];
        if query.query.pipes.is_empty() {
            return Some(self.alert(&result));
        }
        self.keep(result);
        None
    }

    fn source(&mut self, dataset: &Arc<str>) -> u32 {
        let known = self.sources.iter().position(|known| known == dataset);
        let known = known.unwrap_or_else(|| {
            self.sources.push(dataset.clone());
            self.sources.len() - 1
        });
        known as u32
    }

    /// Datasets that have had no hit for `quiet` hold nobody up.
    pub(crate) fn idle(&mut self, at: Instant, quiet: Duration) -> Vec<Alert> {
        let sequences = &mut self.sequences;
        let mut found = Vec::new();
        // Other events come, but none that a query is about: time goes on for those too.
        if let Some(silent) = self.heard_last.map(|last| at.saturating_duration_since(last))
            && silent >= quiet
        {
            let silent = i64::try_from(silent.as_micros()).unwrap_or(i64::MAX);
            found.extend(sequences.quiet(silent));
        }
        self.heard.retain(|(tenant, source), last| {
            let waits = at.saturating_duration_since(*last) < quiet;
            if !waits {
                found.extend(sequences.idle(*tenant, *source));
            }
            waits
        });
        self.found(found)
    }

    /// More comes in another scan only: datasets that had no hit in this one hold nobody up.
    pub(crate) fn pause(&mut self) -> Vec<Alert> {
        let waited_for = self.sequences.waited_for();
        let silent: Vec<(u32, u32)> = waited_for
            .filter(|source| !self.heard_now.contains(source))
            .collect();
        let mut found = Vec::new();
        for (tenant, source) in silent {
            found.extend(self.sequences.idle(tenant, source));
        }
        self.found(found)
    }

    /// What files hold time back from now on; gives what was found by that.
    pub(crate) fn hold(&mut self, hold: Hold) -> Vec<Alert> {
        let found = self.sequences.hold(hold);
        self.found(found)
    }

    /// Nothing came for so many microseconds.
    pub(crate) fn quiet(&mut self, for_micros: i64) -> Vec<Alert> {
        let found = self.sequences.quiet(for_micros);
        self.found(found)
    }

    /// Nothing more comes; alerts are given to `each`, some at a time.
    pub(crate) fn finish<E>(
        &mut self,
        each: &mut dyn FnMut(Vec<Alert>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        const AT_ONCE: usize = 1000;
        for query in 0..self.relations.len() {
            if let Some(relations) = &mut self.relations[query] {
                let rule = self.queries.rules()[query].clone();
                let hits = relations.finish(&rule);
                let alerts = self.known(hits, Instant::now(), true);
                each(alerts)?;
            }
        }
        let mut found = self.sequences.finish();
        found.extend(self.related.finish());
        let mut found = found.into_iter().peekable();
        while found.peek().is_some() {
            let some: Vec<Found<About>> = found.by_ref().take(AT_ONCE).collect();
            let alerts = self.found(some);
            each(alerts)?;
        }
        for query in 0..self.piped.len() {
            let results = std::mem::take(&mut self.piped[query]);
            let rule = self.queries.rules()[query].clone();
            if self.results_given_up[query] > 0 {
                // What is left would be a wrong answer.
                self.failed.push(format!(
                    "{}: its results did not fit into memory; --window-memory sets it",
                    rule.meta.title
                ));
                continue;
            }
            let results = match piped(&rule, results) {
                Ok(results) => results,
                Err(error) => {
                    self.failed.push(format!("{}: {error}", rule.meta.title));
                    continue;
                }
            };
            let mut results = results.into_iter().peekable();
            while results.peek().is_some() {
                let some = results.by_ref().take(AT_ONCE);
                let alerts = some.map(|result| self.alert(&result)).collect();
                each(alerts)?;
            }
        }
        Ok(())
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            sequences: self.sequences.counters(),
            results_given_up: self.results_given_up.iter().sum(),
            keys_left_out: self.keys_left_out,
            events_given_up: self
                .relations
                .iter()
                .flatten()
                .map(|waiting| waiting.given_up)
                .sum(),
            failed: self.failed.clone(),
        }
    }

    fn found(&mut self, found: Vec<Found<About>>) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for found in found {
            let result = Result {
                tenant: found.tenant,
                query: self.of_plan[found.plan as usize],
                events: found.events,
                extra: BTreeMap::new(),
                span: None,
            };
            alerts.extend(self.result(result));
        }
        alerts
    }

    /// Keeps a result that was saved.
    pub(super) fn keep_again(&mut self, query: u32, tenant: u32, events: Vec<(i64, u128, About)>) {
        self.keep(Result {
            tenant,
            query,
            events,
            extra: BTreeMap::new(),
            span: None,
        });
    }

    /// Keeps a result for the pipes of its query.
    fn keep(&mut self, result: Result) {
        let bytes = result.bytes();
        if self.piped_bytes + bytes > self.budget {
            self.results_given_up[result.query as usize] += 1;
            return;
        }
        self.piped_bytes += bytes;
        self.piped[result.query as usize].push(result);
    }

    fn alert(&self, result: &Result) -> Alert {
        let query = &self.queries.rules()[result.query as usize];
        let tenant = self
            .sequences
            .tenant_name(result.tenant)
            .cloned()
            .unwrap_or_default();
        alert_of(query, self.queries.face(result.query), &tenant, result)
    }
}

/// What the pipes of a query make of its results. Events are taken in the order of time, sequences in that in which they
/// became known.
fn piped(query: &QueryRule, mut results: Vec<Result>) -> std::result::Result<Vec<Result>, TooMany> {
    if matches!(query.query.body, Body::Event(_)) {
        results.sort_by_key(|result| result.events.first().map(|(time, id, _)| (*time, *id)));
    }
    // Of tenants each by itself.
    let mut tenants: BTreeMap<u32, Vec<Result>> = BTreeMap::new();
    for result in results {
        tenants.entry(result.tenant).or_default().push(result);
    }
    let options = Options {
        settings: query.settings,
        ..Options::default()
    };
    let mut found = Vec::new();
    for (tenant, results) in tenants {
        let number = results.first().map_or(0, |result| result.query);
        let times = results.iter().flat_map(|result| &result.events);
        let times = times.map(|(time, ..)| *time);
        let span = times.clone().min().zip(times.max());
        for row in pipes::run(&query.query.pipes, results, &options)? {
            let (source, added) = row.into_parts();
            let extra = added
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json_of(&value)));
            let mut result = source.unwrap_or(Result {
                tenant,
                query: number,
                events: Vec::new(),
                extra: BTreeMap::new(),
                span,
            });
            result.extra.extend(extra);
            found.push(result);
        }
    }
    Ok(found)
}

fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_ref()),
        Value::List(list) => list.iter().map(json_of).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.to_string(), json_of(value)))
            .collect(),
    }
}

impl Event for Result {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        let first = self.events.first();
        first.map_or(Value::Null, |(_, _, about)| about.kept.field(path))
    }

    fn in_sequence(&self, position: usize) -> Option<&dyn Event> {
        let (_, _, about) = self.events.get(position)?;
        Some(&*about.kept)
    }
}

/// The alert of a result.
fn alert_of(query: &QueryRule, face: &AlertRule, tenant: &Arc<str>, result: &Result) -> Alert {
    let mut entities = Entities::default();
    let mut shown = Vec::with_capacity(result.events.len());
    for (time, id, about) in &result.events {
        let evidence = &about.evidence;
        merge(&mut entities, &evidence.entities);
        shown.push((*time, *id, evidence));
    }
    let kind = match &query.query.body {
        Body::Event(_) => "event",
        Body::Sequence(_) => "sequence",
        Body::Join(_) => "join",
        Body::Sample(_) => "sample",
    };
    let times = result.events.iter().map(|(time, ..)| *time);
    let span = times.clone().min().zip(times.max());
    let (first, last) = span.or(result.span).unwrap_or_default();
    let group = group_of(query, result);
    let mut matched: Vec<MatchedField> = group
        .iter()
        .map(|value| MatchedField {
            selection: "by".into(),
            field: Some(value.field.clone()),
            column: value.field.clone(),
            value: value.value.clone(),
            matcher: "the same value".into(),
        })
        .collect();
    matched.extend(result.extra.iter().map(|(name, value)| MatchedField {
        selection: "pipe".into(),
        field: None,
        column: name.clone(),
        value: match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        },
        matcher: "made by a pipe".into(),
    }));
    let count = result.extra.get("count").and_then(Json::as_u64);
    let parts = step_names(query);
    let evidence: Vec<Shown> = shown
        .iter()
        .enumerate()
        .map(|(place, (_, _, evidence))| Shown {
            rule: parts.get(place).cloned().unwrap_or_else(|| face.title.clone()),
            time: evidence.time.clone(),
            dataset: Some(evidence.dataset.clone()),
            event_id: evidence.event_id.clone(),
            event: evidence.event.clone(),
            found: None,
        })
        .collect();
    let (dataset, event_id, event) = match shown.first() {
        Some((_, _, evidence)) => {
            let event = evidence.event.clone();
            (evidence.dataset.clone(), evidence.event_id.clone(), event)
        }
        None => (
            Arc::default(),
            String::new(),
            EventJson::from(Json::Object(result.extra.clone().into_iter().collect())),
        ),
    };
    let mut about: Vec<&str> = evidence.iter().map(|shown| shown.event_id.as_str()).collect();
    // The same events may be a match for several values of a list.
    about.extend(group.iter().map(|value| value.value.as_str()));
    let counted = format!("{first} {last} {}", event.text());
    if evidence.is_empty() {
        about.push(&counted);
    }
    let id = alert_id(tenant, &face.id, &about.join("\0"));
    Alert {
        schema: SCHEMA_VERSION,
        id,
        time: rfc3339(last),
        rule: face.clone(),
        tenant: tenant.clone(),
        dataset,
        entities,
        matched,
        event_id,
        event,
        correlation: Some(Box::new(CorrelationAlert {
            kind: kind.into(),
            condition: query.text.to_string(),
            count: count.unwrap_or(result.events.len() as u64),
            value: count.map_or(result.events.len() as f64, |count| count as f64),
            peak: count.map_or(result.events.len() as f64, |count| count as f64),
            first: rfc3339(first),
            last: rfc3339(last),
            until: Some(rfc3339(last)),
            joins: Vec::new(),
            group,
            rules: vec![Contribution {
                id: face.id.clone(),
                title: face.title.clone(),
                count: result.events.len() as u64,
            }],
            figures: BTreeMap::new(),
            series: Vec::new(),
            evidence,
        })),
    }
}

/// What the events of a sequence have in common, as the first of them writes it.
fn group_of(query: &QueryRule, result: &Result) -> Vec<GroupValue> {
    let parts = query.parts();
    let (Some(part), Some((_, _, about))) = (parts.first(), result.events.first()) else {
        return Vec::new();
    };
    let values = part.by.iter().zip(about.shown.iter());
    values
        .map(|(by, value)| GroupValue {
            field: name_of(by),
            value: value.to_string(),
        })
        .collect()
}

/// What the events of a result are called: `step 1`, `step 2`, each as often as it runs.
fn step_names(query: &QueryRule) -> Vec<Arc<str>> {
    let (Body::Sequence(sequence) | Body::Join(sequence) | Body::Sample(sequence)) = &query.query.body else {
        return Vec::new();
    };
    let steps = sequence
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| !step.missing);
    steps
        .flat_map(|(number, step)| {
            let name: Arc<str> = format!("step {}", number + 1).into();
            std::iter::repeat_n(name, step.runs as usize)
        })
        .collect()
}

/// What an expression that keeps sequences apart is called.
fn name_of(by: &Expr) -> String {
    let fields = by.fields().into_iter().map(ToString::to_string);
    fields.collect::<Vec<_>>().join(" ")
}
