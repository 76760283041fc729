//! What the values of a batch say besides: who a user agent is, where a host's name belongs, which way a connection
//! goes, what a command line hides.
//!
//! ```text
//! EventBatch ──▶ distinct values of user_agent.original, url.original, … ──▶ further columns
//! ```
//!
//! [`Enricher::enrich`] takes a decoded batch and gives it [columns](columns) that are functions of others. Decoding does
//! not call it; whoever shows events, or has rules that ask for such a column, does. Nothing is overwritten: a value that
//! the event has stays, and a column that the catalog declares as a field of the dataset is left alone altogether, so that
//! no rule on a field sees what another field said.
//!
//! | [`Family`] | of | makes |
//! |---|---|---|
//! | user agent | `user_agent.original` | `user_agent.name`, `.version`, `.os.*`, `.device.name` |
//! | url | `url.original`, `url.full` | `url.scheme`, `.domain`, `.port`, `.path`, `.query`, `.fragment`, `.extension` |
//! | domain | `url.domain`, `dns.question.name`, `destination.domain`, … | `….registered_domain`, `.top_level_domain`, `.subdomain` |
//! | direction | `source.ip` and `destination.ip` | `network.direction` |
//! | decoded | command lines, scripts | `process.command_line_decoded`, … |
//!
//! *Cost*: every distinct value of a dictionary is looked at once, each row of a column without one. What is learned of
//! user agents is remembered across batches, within [`REMEMBERED`] texts.

mod agents;
mod build;
mod decode;
mod domain;
mod network;
mod table;
pub(crate) mod url;
mod user_agent;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema};
use hashbrown::HashMap;

use crate::batch::{DERIVED, EventBatch, StringColumn, column_field, strings};
use crate::catalog::{Column, Dataset, STANDARD_COLUMNS, UNMAPPED};
use build::Sources;
pub use decode::decoded;
pub use domain::{Domain, host_of};
pub use network::{Network, is_private, parse_ip};
pub use table::{DerivedColumn, Family, columns, derived};
use user_agent::UserAgent;

/// User agents that are remembered; past that, all are forgotten.
const REMEMBERED: usize = 4096;

/// What is derived, and what is needed to know for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrichment {
    /// The families whose columns are made.
    pub families: Vec<Family>,
    /// Networks that are one's own beside those that nobody routes on the internet.
    pub own_networks: Vec<Network>,
}

impl Default for Enrichment {
    /// All families, no own networks.
    fn default() -> Self {
        Enrichment {
            families: Family::ALL.to_vec(),
            own_networks: Vec::new(),
        }
    }
}

impl Enrichment {
    /// No family.
    pub fn none() -> Self {
        Enrichment {
            families: Vec::new(),
            own_networks: Vec::new(),
        }
    }
}

/// Adds derived columns to batches. See the [module](self).
///
/// ```
/// use std::sync::Arc;
/// use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventMeta, strings};
/// use borzoi_parsers::catalog::Catalog;
/// use borzoi_parsers::enrich::{Enricher, Enrichment};
///
/// let dataset = Catalog::builtin().dataset("windows.sysmon").expect("shipped").clone();
/// let mut builder = BatchBuilder::new(dataset, Arc::new(BatchOptions::default()));
/// builder.begin();
/// builder.field("QueryName", "login.mail.example.co.uk".into());
/// builder.commit(EventMeta { time: None, fallback_time: 0, event_id: 1, path: "x", offset: 0, raw: b"" });
/// let batch = builder.finish().expect("one event");
///
/// let enriched = Enricher::new(Enrichment::default()).enrich(batch);
/// let column = enriched.column("dns_question_registered_domain").expect("made of the name");
/// assert_eq!(strings(column).unwrap().get(0), Some("example.co.uk"));
/// ```
pub struct Enricher {
    // What never changes.
    options: Enrichment,
    // What is learned and kept across batches.
    /// By address of the dataset, which is kept alive: which of [`columns`] it leaves open.
    open: HashMap<usize, (Arc<Dataset>, Arc<[bool]>)>,
    agents: HashMap<Box<str>, Agent>,
}

/// What the columns of a user agent say, in their order.
type Agent = Arc<[Option<Box<str>>]>;

impl Enricher {
    /// An enricher for what `options` name.
    pub fn new(options: Enrichment) -> Self {
        Enricher {
            options,
            open: HashMap::new(),
            agents: HashMap::new(),
        }
    }

    /// The batch with all columns that its values give. Rows, their order and the other columns stay as they are.
    pub fn enrich(&mut self, batch: EventBatch) -> EventBatch {
        self.enrich_only(&batch, |_| true).unwrap_or(batch)
    }

    /// The batch with those of the columns that are `wanted`; `None` if its values give none of them.
    pub fn enrich_only(
        &mut self,
        batch: &EventBatch,
        wanted: impl Fn(&Column) -> bool,
    ) -> Option<EventBatch> {
        let all = columns();
        let open = self.open(&batch.dataset);
        let is_wanted: Vec<bool> = all
            .iter()
            .zip(open.iter())
            .map(|(derived, open)| *open && wanted(&derived.column))
            .collect();
        // From the end: what a wanted column is made of is needed too.
        let mut needed = is_wanted.clone();
        for later in (0..all.len()).rev().filter(|&later| is_wanted[later]) {
            for &earlier in &all[later].made_of {
                needed[earlier] |= open[earlier];
            }
        }
        if !needed.contains(&true) {
            return None;
        }
        let mut made: Vec<(usize, ArrayRef)> = Vec::new();
        let mut next = 0;
        while next < all.len() {
            // Neighbours of one family and source come out of one look at its values.
            let same =
                |other: &DerivedColumn| other.family == all[next].family && other.from == all[next].from;
            let end = next + all[next..].iter().take_while(|other| same(other)).count();
            if needed[next..end].contains(&true) {
                self.make(batch, next..end, &needed, &mut made);
            }
            next = end;
        }
        made.retain(|(index, _)| is_wanted[*index]);
        with_columns(batch, made)
    }

    /// Makes the columns in `range`, all of the same source.
    fn make(
        &mut self,
        batch: &EventBatch,
        range: std::ops::Range<usize>,
        needed: &[bool],
        made: &mut Vec<(usize, ArrayRef)>,
    ) {
        let all = columns();
        let first = &all[range.start];
        let find = |sql: &str| -> Option<ArrayRef> {
            let earlier = made.iter().find(|(index, _)| *all[*index].column.sql == *sql);
            match earlier {
                Some((_, array)) => Some(array.clone()),
                None => batch.column(sql).cloned(),
            }
        };
        let arrays: Vec<Option<ArrayRef>> = first.from_sql.iter().map(|sql| find(sql)).collect();
        let sources: Vec<StringColumn<'_>> = arrays
            .iter()
            .flatten()
            .filter_map(|array| strings(array))
            .collect();
        if sources.is_empty() {
            return;
        }
        let own: Vec<Option<ArrayRef>> = range
            .clone()
            .map(|index| batch.column(&all[index].column.sql).cloned())
            .collect();
        // What every event has already, nobody needs to be told.
        let is_open = |own: &Option<ArrayRef>| own.as_ref().is_none_or(|own| own.null_count() > 0);
        let wanted: Vec<bool> = range
            .clone()
            .zip(&own)
            .map(|(index, own)| needed[index] && is_open(own))
            .collect();
        if !wanted.contains(&true) {
            return;
        }
        let rows = batch.len();
        let arrays = match first.family {
            Family::Direction => match sources.as_slice() {
                [source, destination] => {
                    let networks = &self.options.own_networks;
                    vec![build::directions(
                        *source,
                        *destination,
                        rows,
                        own[0].as_ref(),
                        networks,
                    )]
                }
                _ => return,
            },
            family => {
                let mut sources = Sources::new(sources, own, &wanted, rows);
                match family {
                    Family::UserAgent => sources.each(|text, put| self.agent(text, put)),
                    family => sources.each(|text, put| parts_of(family, text, put)),
                }
                sources.finish(range.clone().map(|index| all[index].column.column_type))
            }
        };
        made.extend(
            range
                .zip(arrays)
                .filter_map(|(index, array)| Some((index, array?))),
        );
    }

    fn agent(&mut self, text: &str, put: &mut dyn FnMut(usize, Option<&str>)) {
        if let Some(known) = self.agents.get(text) {
            known
                .iter()
                .enumerate()
                .for_each(|(at, part)| put(at, part.as_deref()));
            return;
        }
        let mut parts = vec![None; AGENT_PARTS];
        agent_parts(text, &mut |at, part| {
            put(at, part);
            if let (Some(slot), Some(part)) = (parts.get_mut(at), part) {
                *slot = Some(Box::from(part));
            }
        });
        if self.agents.len() >= REMEMBERED {
            self.agents.clear();
        }
        if text.len() <= 2 * user_agent::LONGEST {
            self.agents.insert(text.into(), parts.into());
        }
    }

    /// Which of [`columns`] may be made for events of `dataset`.
    fn open(&mut self, dataset: &Arc<Dataset>) -> Arc<[bool]> {
        let address = Arc::as_ptr(dataset) as usize;
        if let Some((_, open)) = self.open.get(&address) {
            return open.clone();
        }
        let families = &self.options.families;
        let open: Arc<[bool]> = columns()
            .iter()
            .map(|derived| families.contains(&derived.family.whole()) && derived.is_open_in(dataset))
            .collect();
        self.open.insert(address, (dataset.clone(), open.clone()));
        open
    }
}

const AGENT_PARTS: usize = 6;

fn agent_parts(text: &str, put: &mut dyn FnMut(usize, Option<&str>)) {
    let agent = UserAgent::of(text);
    let full = match (agent.os_name, &agent.os_version) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, _) => name.map(str::to_owned),
    };
    let parts: [Option<&str>; AGENT_PARTS] = [
        agent.name,
        agent.version,
        agent.os_name,
        agent.os_version.as_deref(),
        full.as_deref(),
        agent.device,
    ];
    parts.iter().enumerate().for_each(|(at, part)| put(at, *part));
}

fn url_parts(text: &str, put: &mut dyn FnMut(usize, Option<&str>)) {
    let url = url::Url::of(text);
    let parts = [
        url.scheme,
        url.domain,
        url.port,
        url.path,
        url.query,
        url.fragment,
    ];
    parts.iter().enumerate().for_each(|(at, part)| put(at, *part));
}

fn domain_parts(host: &str, put: &mut dyn FnMut(usize, Option<&str>)) {
    if let Some(domain) = Domain::of(host) {
        put(0, Some(domain.registered()));
        put(1, Some(domain.top_level()));
        put(2, domain.subdomain());
    }
}

/// What a family makes of a value, part by part.
fn parts_of(family: Family, text: &str, put: &mut dyn FnMut(usize, Option<&str>)) {
    match family {
        Family::UserAgent => agent_parts(text, put),
        Family::Url => url_parts(text, put),
        Family::Extension => put(0, url::extension(text)),
        Family::Domain => domain_parts(text, put),
        Family::Decoded => put(0, decoded(text).as_deref()),
        // It takes two.
        Family::Direction => {}
    }
}

impl DerivedColumn {
    /// What the column holds for an event with this text in one of the columns that it is made of; for a direction, ask
    /// [`direction_between`].
    ///
    /// ```
    /// use borzoi_parsers::enrich::derived;
    /// let name = derived("user_agent_name").unwrap();
    /// assert_eq!(name.of("curl/8.5.0").as_deref(), Some("curl"));
    /// ```
    pub fn of(&self, text: &str) -> Option<String> {
        let mut found = None;
        parts_of(self.family, text, &mut |part, value| {
            if part == self.part {
                found = value.filter(|value| !value.is_empty()).map(str::to_owned);
            }
        });
        found
    }
}

/// Which way a connection between two addresses goes; `None` if one of them is none.
///
/// ```
/// use borzoi_parsers::enrich::direction_between;
/// assert_eq!(direction_between("10.0.0.1", "198.51.100.1", &[]), Some("outbound"));
/// ```
pub fn direction_between(source: &str, destination: &str, own: &[Network]) -> Option<&'static str> {
    let inside = |text: &str| Some(network::is_inside(parse_ip(text)?.to_canonical(), own));
    Some(network::direction(inside(source)?, inside(destination)?))
}

/// The batch with these of [`columns`] in their places: behind the standard columns, by name, before `unmapped`.
fn with_columns(batch: &EventBatch, made: Vec<(usize, ArrayRef)>) -> Option<EventBatch> {
    if made.is_empty() {
        return None;
    }
    let schema = batch.events.schema();
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut arrays = batch.events.columns().to_vec();
    for (index, array) in made {
        let column = &columns()[index].column;
        let mut field = column_field(&column.sql, &column.dotted, array.data_type().clone());
        let behind = |field: &FieldRef| field.name().as_str() < &*column.sql && field.name() != UNMAPPED;
        let at = STANDARD_COLUMNS.len() + fields[STANDARD_COLUMNS.len()..].partition_point(behind);
        match fields.get(at) {
            Some(there) if there.name() == field.name() => {
                fields[at] = Arc::new(field);
                arrays[at] = array;
            }
            _ => {
                field.metadata_mut().insert(DERIVED.to_owned(), "true".to_owned());
                fields.insert(at, Arc::new(field));
                arrays.insert(at, array);
            }
        }
    }
    debug_assert!(
        arrays
            .iter()
            .all(|array| !matches!(array.data_type(), DataType::Null))
    );
    let events = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .expect("every column has a value or a null for every row");
    Some(EventBatch {
        events,
        ..batch.clone()
    })
}

#[cfg(test)]
mod tests;
