//! From the matches of a batch to the events that a query is about.

use std::borrow::Cow;
use std::sync::Arc;

use borzoi_parsers::batch::EventBatch;
use borzoi_rules::eql::{Event, Value};
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::row::{Columns, Kept, Row};
use super::{NamesOfRoutes, Queries, Way, paths_of, pipe_paths};
use crate::alert::{Alert, MatchedField};
use crate::alert_build::{AlertBuilder, micros_at, text_at};
use crate::correlate::kept::Evidence;
use crate::correlate::signals::{id_of, route_of};
use crate::matcher::event::EventTexts;
use crate::matcher::fold::fold;
use crate::matcher::{CompiledRules, RuleIndex, Signal};
use crate::windows::keys::push_value;

/// Keys that one event has at most: of a field with several values it has one for each.
const MOST_KEYS: usize = 16;

/// An event of a part of a query.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hit {
    pub(crate) query: u32,
    pub(crate) part: u16,
    pub(crate) tenant: Arc<str>,
    pub(crate) time: i64,
    pub(crate) id: u128,
    /// What keeps the events of a sequence apart, folded.
    pub(crate) key: Box<[u8]>,
    pub(crate) about: About,
}

/// What results show of an event, and what pipes ask of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) evidence: Arc<Evidence>,
    pub(super) kept: Arc<Kept>,
    /// What keeps the events of a sequence apart, as this one writes it.
    pub(super) shown: Arc<[Box<str>]>,
}

impl About {
    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let shown: usize = self.shown.iter().map(|text| text.len() + 16).sum();
        300 + self.evidence.event.text().len() + shown + self.kept.bytes()
    }
}

/// Looks at the matches of one batch.
pub(crate) struct HitMaker<'a> {
    rules: &'a CompiledRules,
    queries: &'a Queries,
    batch: &'a EventBatch,
    texts: EventTexts<'a>,
    names: HashMap<RuleIndex, NamesOfRoutes>,
    columns: HashMap<(RuleIndex, usize), Columns>,
    /// Events of parts that were found, by another of the part's rules or this one.
    seen: HashSet<(u32, u32, u16)>,
    /// Keys of events that had too many of them.
    pub(crate) left_out: u64,
    /// What was shown of an event last.
    last: Option<(u32, Arc<Evidence>)>,
}

impl<'a> HitMaker<'a> {
    pub(crate) fn new(rules: &'a CompiledRules, queries: &'a Queries, batch: &'a EventBatch) -> HitMaker<'a> {
        HitMaker {
            rules,
            queries,
            batch,
            texts: EventTexts::new(batch),
            names: HashMap::new(),
            columns: HashMap::new(),
            seen: HashSet::new(),
            left_out: 0,
            last: None,
        }
    }

    /// Takes a match of a rule that is a part of a query: its alert, if one event is all that the query asks for.
    pub(crate) fn add(
        &mut self,
        signal: Signal,
        builder: &mut AlertBuilder<'_>,
        hits: &mut Vec<Hit>,
    ) -> Option<Alert> {
        let part = self.queries.part(signal.rule)?;
        let query = &self.queries.rules[part.query as usize];
        let found = (signal.row, part.query, part.part);
        if self.seen.contains(&found) {
            return None;
        }
        let (rules, queries, dataset) = (self.rules, self.queries, &self.batch.dataset);
        let names = self.names.entry(signal.rule);
        let names = names.or_insert_with(|| queries.names(rules, signal.rule, dataset));
        self.texts.go_to(signal.row as usize);
        let route = route_of(
            self.rules,
            &self.batch.dataset,
            &self.texts,
            signal.rule,
            names.len(),
        );
        let columns = match self.columns.entry((signal.rule, route)) {
            hashbrown::hash_map::Entry::Occupied(known) => known.into_mut(),
            hashbrown::hash_map::Entry::Vacant(new) => {
                new.insert(Columns::new(names.get(route)?.clone(), self.batch))
            }
        };
        let row = Row::new(self.batch, signal.row as usize, columns);
        let asked = query.part(usize::from(part.part))?;
        let way = self.queries.way(part.query);
        // How processes relate is known once all events are.
        let waits = way == Way::Related;
        if !part.exact && !waits && !asked.event.condition.holds(&row, &query.settings) {
            return None;
        }
        self.seen.insert(found);
        if way == Way::Event {
            let fields = asked.event.condition.fields();
            let matched = fields.into_iter().filter_map(|path| {
                let value = row.field(path);
                let text = value.text()?.into_owned();
                Some(MatchedField {
                    selection: query.language.name().to_owned(),
                    field: Some(path.to_string()),
                    column: columns.column_of(path, self.batch),
                    value: text,
                    matcher: "in the query".to_owned(),
                })
            });
            let mut fields: Vec<MatchedField> = Vec::new();
            for field in matched.take(crate::alert_build::MOST_FIELDS) {
                if !fields.iter().any(|known| known.field == field.field) {
                    fields.push(field);
                }
            }
            return Some(builder.build_for(signal.row, self.queries.face(part.query), fields));
        }
        let values = asked.by.iter().map(|by| by.eval(&row, &query.settings));
        let (keys, left_out) = keys_of(values, query.settings.cased);
        self.left_out += left_out;
        if keys.is_empty() {
            return None;
        }
        let evidence = match &self.last {
            Some((last, evidence)) if *last == signal.row => evidence.clone(),
            _ => Arc::new(builder.evidence(signal.row)),
        };
        self.last = Some((signal.row, evidence.clone()));
        let kept = Arc::new(match waits {
            true => Kept::of(&row, paths_of(query, usize::from(part.part))),
            false => Kept::of(&row, pipe_paths(query)),
        });
        let id = id_of(&text_at(self.batch, "event_id", signal.row as usize).unwrap_or_default());
        let time = micros_at(self.batch, signal.row as usize);
        hits.extend(keys.into_iter().map(|(key, shown)| Hit {
            query: part.query,
            part: part.part,
            tenant: self.batch.tenant.clone(),
            time,
            id,
            key,
            about: About {
                evidence: evidence.clone(),
                kept: kept.clone(),
                shown: shown.into(),
            },
        }));
        None
    }
}

/// A key as it is compared, and its values as the event writes them.
type Key = (Box<[u8]>, Vec<Box<str>>);

/// The keys of an event: one value of each field, in every way. None where a field has no value.
fn keys_of<'v>(values: impl IntoIterator<Item = Value<'v>>, cased: bool) -> (Vec<Key>, u64) {
    let mut left_out = 0;
    let mut keys: Vec<(Vec<u8>, Vec<Box<str>>)> = vec![(Vec::new(), Vec::new())];
    for value in values {
        let texts: Vec<Box<str>> = match &value {
            Value::List(list) => list.iter().filter_map(boxed).collect(),
            value => boxed(value).into_iter().collect(),
        };
        let longer = keys.iter().flat_map(|(key, shown)| {
            texts.iter().map(|text| {
                let (mut key, mut shown) = (key.clone(), shown.clone());
                push_value(&mut key, &if cased { Cow::Borrowed(&**text) } else { fold(text) });
                shown.push(text.clone());
                (key, shown)
            })
        });
        let all = keys.len() * texts.len();
        left_out += all.saturating_sub(MOST_KEYS) as u64;
        keys = longer.take(MOST_KEYS).collect();
    }
    let mut found: Vec<Key> = Vec::with_capacity(keys.len());
    for (key, shown) in keys {
        if !found.iter().any(|(known, _)| **known == *key) {
            found.push((key.into(), shown));
        }
    }
    (found, left_out)
}

fn boxed(value: &Value<'_>) -> Option<Box<str>> {
    value.text().map(Cow::into_owned).map(String::into_boxed_str)
}
