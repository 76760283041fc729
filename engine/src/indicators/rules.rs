//! Lists as rules: one detection for every list, over the columns that hold such values.

use std::sync::Arc;

use borzoi_rules::ir::{
    Condition, DetectionRule, Expression, Listed, Lists, Location, LogSource, Matcher, Meta, Search,
};
use chrono::{DateTime, SecondsFormat};
use xxhash_rust::xxh3::xxh3_128;

use super::set::{Asked, Indicator, IndicatorSet, ListInfo, ListNumber};
use super::value::Kind;

/// Columns of addresses.
const ADDRESSES: &[&str] = &[
    "source.ip",
    "destination.ip",
    "client.ip",
    "server.ip",
    "source.nat.ip",
    "destination.nat.ip",
    "dns.resolved_ip",
    "network.forwarded_ip",
    "related.ip",
];

/// Columns of names of hosts, or addresses.
const NAMES: &[&str] = &[
    "source.domain",
    "source.address",
    "destination.domain",
    "destination.address",
    "client.domain",
    "client.address",
    "server.domain",
    "server.address",
    "dns.question.name",
    "tls.client.server_name",
    "url.domain",
    "related.hosts",
];

/// Columns of hashes; the last two are those of Sysmon, several in a text.
const HASHES: &[&str] = &[
    "file.hash.md5",
    "file.hash.sha1",
    "file.hash.sha256",
    "file.hash.sha512",
    "process.hash.md5",
    "process.hash.sha1",
    "process.hash.sha256",
    "process.hash.sha512",
    "process.parent.hash.md5",
    "process.parent.hash.sha1",
    "process.parent.hash.sha256",
    "dll.hash.md5",
    "dll.hash.sha1",
    "dll.hash.sha256",
    "email.attachments.file.hash.md5",
    "email.attachments.file.hash.sha1",
    "email.attachments.file.hash.sha256",
    "related.hash",
    "winlog.event_data.Hashes",
    "winlog.event_data.Hash",
];

/// Columns of URLs.
const URLS: &[&str] = &["url.full", "url.original", "http.request.referrer"];

/// Columns of several names and addresses in a text: the answers that Sysmon and name servers write down.
const ANSWERS: &[&str] = &["winlog.event_data.QueryResults", "dns.answers.data"];

/// The name by which correlations refer to the rule of a list: `indicator_` and the list's name, in which everything but
/// letters and digits is `_`.
pub fn rule_name(list: &str) -> String {
    let letters = list.chars().map(|c| if c.is_alphanumeric() { c } else { '_' });
    format!("indicator_{}", letters.collect::<String>())
}

/// A rule for every list that has indicators.
///
/// ```
/// use std::sync::Arc;
/// use borzoi_engine::indicators::{read::load_text, rules};
///
/// let loaded = load_text("botnet c2.txt", "192.0.2.1\n".as_bytes());
/// let rules = rules(&loaded.set);
/// assert_eq!(rules[0].meta.name.as_deref(), Some("indicator_botnet_c2"));
/// ```
pub fn rules(set: &Arc<IndicatorSet>) -> Vec<DetectionRule> {
    let lists: Arc<dyn Lists> = set.clone();
    (0..)
        .zip(set.lists())
        .filter_map(|(number, list)| rule(&lists, number, list, &|kind| list.counts[kind as usize] > 0))
        .collect()
}

/// The rule of the list with this number, which has, or may have, indicators of the kinds that `has` says.
pub(super) fn rule(
    lists: &Arc<dyn Lists>,
    number: u32,
    list: &ListInfo,
    has: &dyn Fn(Kind) -> bool,
) -> Option<DetectionRule> {
    let has = |kinds: &[Kind]| kinds.iter().any(|kind| has(*kind));
    let asked = [
        (
            "address",
            Asked::Address,
            ADDRESSES,
            has(&[Kind::Address, Kind::Network]),
        ),
        (
            "name",
            Asked::Domain,
            NAMES,
            has(&[Kind::Address, Kind::Network, Kind::Domain]),
        ),
        ("hash", Asked::Hash, HASHES, has(&[Kind::Hash])),
        (
            "url",
            Asked::Url,
            URLS,
            has(&[Kind::Address, Kind::Network, Kind::Domain, Kind::Url]),
        ),
        (
            "answer",
            Asked::Any,
            ANSWERS,
            has(&[Kind::Address, Kind::Network, Kind::Domain]),
        ),
    ];
    let search = |name: &str, asked: Asked, columns: &[&str]| Search {
        name: name.to_owned(),
        expression: Expression::Any(
            columns
                .iter()
                .map(|column| Expression::Field {
                    name: (*column).to_owned(),
                    matcher: Matcher::Listed(Listed {
                        lists: lists.clone(),
                        list: number,
                        sort: asked as u32,
                    }),
                })
                .collect(),
        ),
    };
    let searches: Vec<Search> = asked
        .into_iter()
        .filter(|(.., has)| *has)
        .map(|(name, asked, columns, _)| search(name, asked, columns))
        .collect();
    if searches.is_empty() {
        return None;
    }
    Some(DetectionRule {
        meta: Meta {
            id: id(&list.name).into(),
            title: format!("Indicator of {}", list.name).into(),
            name: Some(rule_name(&list.name)),
            level: list.settings.level,
            description: list.settings.description.clone(),
            tags: list.settings.tags.clone(),
            location: Location {
                path: format!("indicators {}", list.name).into(),
                line: 1,
                column: 1,
            },
            ..Meta::default()
        },
        log_source: LogSource::default(),
        conditions: (0..searches.len()).map(Condition::Search).collect(),
        searches,
        waiting_for: Vec::new(),
    })
}

/// A UUID made of the list's name: the same in every run.
fn id(list: &str) -> String {
    let hash = format!("{:032x}", xxh3_128(format!("indicators\0{list}").as_bytes()));
    let parts = [
        &hash[..8],
        &hash[8..12],
        &hash[12..16],
        &hash[16..20],
        &hash[20..],
    ];
    parts.join("-")
}

fn asked(sort: u32) -> Asked {
    Asked::ALL.get(sort as usize).copied().unwrap_or(Asked::Any)
}

impl IndicatorSet {
    fn in_list<'s>(
        &'s self,
        list: u32,
        sort: u32,
        text: &str,
        time: i64,
    ) -> impl Iterator<Item = Indicator<'s>> {
        let hits = self.find(asked(sort), text).into_iter();
        hits.filter(move |hit| u32::from(hit.list_number().0) == list && hit.is_valid_at(time))
    }
}

impl Lists for IndicatorSet {
    fn name(&self, list: u32) -> &str {
        self.lists().get(list as usize).map_or("", |list| &*list.name)
    }

    fn lists_of(&self, sort: u32, text: &str, found: &mut dyn FnMut(u32)) {
        IndicatorSet::lists_of(self, asked(sort), text, &mut |ListNumber(list)| {
            found(u32::from(list))
        });
    }

    fn expires(&self, list: u32) -> bool {
        self.lists().get(list as usize).is_some_and(|list| list.expires)
    }

    fn holds_at(&self, list: u32, sort: u32, text: &str, time: i64) -> bool {
        self.in_list(list, sort, text, time).next().is_some()
    }

    fn describe(&self, list: u32, sort: u32, text: &str, time: i64) -> String {
        let said: Vec<String> = self
            .in_list(list, sort, text, time)
            .map(|hit| words(&hit))
            .collect();
        said.join(", ")
    }
}

/// An indicator in words: `in list c2: 192.0.2.1 (Some bot; labels: c2, bot; confidence 80 %; valid until 2026-12-31)`.
pub fn words(hit: &Indicator<'_>) -> String {
    let about = hit.about();
    let mut more = Vec::new();
    if !about.description.is_empty() {
        more.push(about.description.to_owned());
    }
    if !about.labels.is_empty() {
        more.push(format!("labels: {}", about.labels.replace('\n', ", ")));
    }
    if !about.source.is_empty() {
        more.push(format!("source: {}", about.source));
    }
    if let Some(severity) = about.severity {
        more.push(format!("severity: {}", format!("{severity:?}").to_lowercase()));
    }
    if let Some(confidence) = about.confidence {
        more.push(format!("confidence {confidence} %"));
    }
    if let Some(until) = hit.valid_until().and_then(DateTime::from_timestamp_micros) {
        more.push(format!(
            "valid until {}",
            until.to_rfc3339_opts(SecondsFormat::Secs, true)
        ));
    }
    let value = hit.value();
    let list = &hit.list().name;
    match more.is_empty() {
        true => format!("in list {list}: {value}"),
        false => format!("in list {list}: {value} ({})", more.join("; ")),
    }
}
