//! What queries over several events have come to, to be taken up by another process.

use std::sync::Arc;
use std::time::Instant;

use borzoi_rules::query::QueryRule;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::hits::{About, Hit};
use super::run::{QueryRun, Waiting};
use crate::sequence;

/// Which query something belongs to: the rule, and a hash of what it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct QueryName {
    rule: String,
    meaning: u64,
}

impl QueryName {
    fn of(rule: &QueryRule) -> QueryName {
        QueryName {
            rule: rule.meta.id.to_string(),
            meaning: xxh3_64(format!("{:?} {:?}", rule.query, rule.settings).as_bytes()),
        }
    }
}

/// `T` of each query, in step with their names.
#[derive(Serialize, Deserialize)]
struct Of<R, H> {
    name: QueryName,
    /// The number of its plan, if it is a sequence.
    plan: Option<u32>,
    /// Results on their way through pipes.
    piped: Vec<R>,
    given_up: u64,
    /// Events that wait for what is known of their processes.
    related: H,
}

/// What was saved of queries: tenants and datasets by number, sequences, the rest by query.
#[derive(Deserialize)]
pub(crate) struct Loaded(
    Vec<Arc<str>>,
    Vec<Arc<str>>,
    sequence::Loaded<About>,
    Vec<Of<Waiting, Vec<Hit>>>,
);

impl Serialize for QueryRun {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let tenants = (0..).map_while(|number| self.sequences.tenant_name(number));
        let rules = self.queries.rules().iter().enumerate();
        let queries = rules.map(|(number, rule)| Of {
            name: QueryName::of(rule),
            plan: self.plans[number],
            piped: self.piped[number]
                .iter()
                .map(|result| (result.tenant, &result.events))
                .collect(),
            given_up: self.results_given_up[number],
            related: self.relations[number]
                .as_ref()
                .map_or(&[][..], |relations| relations.waiting()),
        });
        (
            tenants.collect::<Vec<_>>(),
            &self.sources,
            &self.sequences,
            queries.collect::<Vec<_>>(),
        )
            .serialize(to)
    }
}

impl QueryRun {
    /// Takes up what was saved; gives the ids of the rules of which what was known is lost. `at` is when all sources were
    /// heard of last. To be called before the first hit.
    pub(crate) fn restore(&mut self, saved: Loaded, at: Instant) -> Vec<String> {
        let Loaded(tenants, sources, sequences, queries) = saved;
        for tenant in &tenants {
            self.sequences.tenant(tenant);
            self.related.tenant(tenant);
        }
        self.sources = sources;
        let names: Vec<QueryName> = self
            .queries
            .rules()
            .iter()
            .map(|rule| QueryName::of(rule))
            .collect();
        let mut lost = Vec::new();
        let plans = queries.iter().filter_map(|query| query.plan).max();
        let mut places: Vec<Option<usize>> = vec![None; plans.map_or(0, |last| last as usize + 1)];
        for query in queries {
            let Some(number) = names.iter().position(|name| *name == query.name) else {
                lost.push(query.name.rule);
                continue;
            };
            if let (Some(then), Some(now)) = (query.plan, self.plans[number]) {
                places[then as usize] = Some(now as usize);
            }
            self.results_given_up[number] = query.given_up;
            for (tenant, events) in query.piped {
                self.keep_again(number as u32, tenant, events);
            }
            if let Some(relations) = &mut self.relations[number] {
                query.related.into_iter().for_each(|mut hit| {
                    hit.query = number as u32;
                    relations.add(hit);
                });
            }
        }
        self.sequences.restore(sequences, &places);
        self.heard = self.sequences.waited_for().map(|source| (source, at)).collect();
        self.heard_last = Some(at);
        lost
    }
}
