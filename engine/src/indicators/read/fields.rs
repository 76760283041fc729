//! What the columns of a CSV file and the members of a JSON object say, by their names.
//!
//! | says | names |
//! |---|---|
//! | the value | `indicator`, `ioc`, `ioc_value`, `value`, `observable` |
//! | a value of one kind (if there is none of the above; a row may have several) | `ip`, `dst_ip`, `cidr`, `domain`, `hostname`, `url`, `md5`, `sha256_hash`, … |
//! | its type | `type`, `ioc_type`, `indicator_type`, `kind` |
//! | what it is | `description`, `comment`, `malware`, `malware_printable`, `threat`, `title`, `note`, … |
//! | labels | `tags`, `labels`, `threat_type`, `category` |
//! | who says so | `source`, `reporter`, `provider`, `feed` |
//! | how bad, how sure | `severity`, `level`, `priority`; `confidence`, `confidence_level`, `score` |
//! | how long | `valid_until`, `expires`, `expiration`, `expiry`, … |
//! | `exact` or `below` | `match` |

use borzoi_parsers::value::parse_timestamp;
use borzoi_rules::ir::Level;

use super::super::set::About;
use super::super::value::{Kind, Value, shown};
use super::{Sink, level};

/// What a column or member says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A value; of this kind, if there is no column for any.
    Value(Option<Kind>),
    /// The type of the value.
    Type,
    /// What it is.
    Description,
    /// Labels.
    Labels,
    /// Who says so.
    Source,
    /// How bad it is.
    Severity,
    /// How sure that is.
    Confidence,
    /// When it stops being valid.
    ValidUntil,
    /// Whether names below a domain match.
    Match,
}

/// What a name means.
pub fn role_of(name: &str) -> Option<Role> {
    let name = name.trim().trim_matches(['"', '#', ' ']).to_ascii_lowercase();
    let name: String = name
        .chars()
        .map(|c| if matches!(c, ' ' | '-' | '.') { '_' } else { c })
        .collect();
    Some(match name.as_str() {
        "indicator" | "indicators" | "ioc" | "ioc_value" | "value" | "observable" | "indicator_value"
        | "pattern_value" => Role::Value(None),
        "ip" | "ips" | "ipv4" | "ipv6" | "ip_address" | "ipaddress" | "ip_addr" | "address" | "src_ip"
        | "dst_ip" | "srcip" | "dstip" | "source_ip" | "destination_ip" | "c2_ip" | "ip_port" | "ip:port" => {
            Role::Value(Some(Kind::Address))
        }
        "cidr" | "network" | "subnet" | "netblock" | "prefix" | "range" => Role::Value(Some(Kind::Network)),
        "domain" | "domains" | "host" | "hostname" | "fqdn" | "domain_name" | "dns" => {
            Role::Value(Some(Kind::Domain))
        }
        "url" | "urls" | "uri" | "link" => Role::Value(Some(Kind::Url)),
        "hash" | "hashes" | "file_hash" | "md5" | "sha1" | "sha256" | "sha512" | "md5_hash" | "sha1_hash"
        | "sha256_hash" | "sha512_hash" | "sha_1" | "sha_256" | "sha_512" => Role::Value(Some(Kind::Hash)),
        "type" | "ioc_type" | "indicator_type" | "kind" | "value_type" => Role::Type,
        "description" | "comment" | "comments" | "note" | "notes" | "title" | "threat" | "threat_name"
        | "malware" | "malware_family" | "malware_printable" | "signature" | "info" => Role::Description,
        "tags" | "tag" | "labels" | "label" | "threat_type" | "category" | "indicator_types" => Role::Labels,
        "source" | "reporter" | "provider" | "feed" | "author" => Role::Source,
        "severity" | "level" | "priority" | "risk" => Role::Severity,
        "confidence" | "confidence_level" | "score" => Role::Confidence,
        "valid_until" | "valid_to" | "expires" | "expires_at" | "expiration" | "expiration_date"
        | "expiry" | "expire" | "valid_until_utc" => Role::ValidUntil,
        "match" => Role::Match,
        _ => return None,
    })
}

/// What a word says of a value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is of this kind, or says nothing.
    Kind(Option<Kind>),
    /// It is of a kind that no list of this house has.
    Other,
}

/// The kind that a type of somebody's list is.
pub fn kind_of(word: &str) -> Said {
    let word = word.trim().to_ascii_lowercase().replace([' ', '_', '.'], "-");
    let kind = match word.as_str() {
        "" | "indicator" | "ioc" => return Said::Kind(None),
        "ip" | "ips" | "ipv4" | "ipv6" | "ip-address" | "address" | "ip:port" | "ip-port" | "ipv4-addr"
        | "ipv6-addr" | "ip-src" | "ip-dst" => Kind::Address,
        "cidr" | "network" | "subnet" | "ipv4-cidr" | "ipv6-cidr" | "range" | "netblock" => Kind::Network,
        "domain" | "hostname" | "host" | "fqdn" | "domain-name" | "dns" => Kind::Domain,
        "url" | "uri" => Kind::Url,
        "hash" | "file" | "md5" | "sha1" | "sha256" | "sha512" | "md5-hash" | "sha1-hash" | "sha256-hash"
        | "sha512-hash" | "filehash-md5" | "filehash-sha1" | "filehash-sha256" | "filehash-sha512"
        | "file-hash" | "sha-1" | "sha-256" | "sha-512" => Kind::Hash,
        _ => return Said::Other,
    };
    Said::Kind(Some(kind))
}

/// A row or object in the making.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Values for which no kind is said by the column, and those for which one is.
    values: Vec<String>,
    of_kind: Vec<(Kind, String)>,
    said: Option<String>,
    description: String,
    labels: String,
    source: String,
    severity: Option<Level>,
    confidence: Option<u8>,
    valid_until: Option<String>,
    exact: Option<bool>,
}

impl Record {
    /// Takes in what stands in one place.
    pub(super) fn take(&mut self, role: Role, text: &str) {
        let text = text.trim();
        if text.is_empty() || matches!(text, "-" | "None" | "null" | "N/A" | "n/a") {
            return;
        }
        match role {
            Role::Value(None) => self.values.push(text.to_owned()),
            Role::Value(Some(kind)) => self.of_kind.push((kind, text.to_owned())),
            Role::Type => self.said = Some(text.to_owned()),
            Role::Description => join(&mut self.description, "; ", text),
            Role::Labels => {
                let labels = text
                    .split([',', '|', ';'])
                    .map(|label| label.trim().trim_matches('"'));
                for label in labels.filter(|label| !label.is_empty()) {
                    join(&mut self.labels, "\n", label);
                }
            }
            Role::Source => text.clone_into(&mut self.source),
            Role::Severity => self.severity = level(text).or(self.severity),
            Role::Confidence => self.confidence = percent(text).or(self.confidence),
            Role::ValidUntil => self.valid_until = Some(text.to_owned()),
            Role::Match => self.exact = Some(text.eq_ignore_ascii_case("exact")),
        }
    }

    /// Whether it has a value.
    pub(super) fn has_value(&self) -> bool {
        !self.values.is_empty() || !self.of_kind.is_empty()
    }

    /// Adds its indicators.
    pub(super) fn add_to(self, line: u64, sink: &mut Sink<'_>) {
        let said = match self.said.as_deref().map_or(Said::Kind(None), kind_of) {
            Said::Kind(kind) => kind,
            // Only where the value has a column of no kind does its type say more.
            Said::Other if self.values.is_empty() => None,
            Said::Other => {
                sink.report.passed_over += 1;
                return;
            }
        };
        let valid_until = match self.valid_until.as_deref().map(expiry) {
            None => None,
            Some(Some(until)) => Some(until),
            Some(None) => {
                let text = self.valid_until.as_deref().unwrap_or_default();
                sink.refuse(
                    line,
                    format!(
                        "{} is no time until which it is valid; write it as 2026-12-31T00:00:00Z",
                        shown(text)
                    ),
                );
                return;
            }
        };
        let about = About {
            description: &self.description,
            labels: &self.labels,
            source: &self.source,
            severity: self.severity,
            confidence: self.confidence,
        };
        let values: Vec<(Option<Kind>, &String)> = match self.values.is_empty() {
            false => self.values.iter().map(|value| (said, value)).collect(),
            true => self
                .of_kind
                .iter()
                .map(|(kind, value)| (Some(*kind), value))
                .collect(),
        };
        if values.is_empty() {
            return sink.refuse(line, "there is no value in it");
        }
        for (kind, value) in values {
            let read = match kind {
                Some(Kind::Url) => Value::read_url(value),
                _ => Value::read(value),
            };
            match read {
                Ok(value) => {
                    let value = if self.exact == Some(true) {
                        value.exactly()
                    } else {
                        value
                    };
                    sink.add(line, value, &about, valid_until);
                }
                Err(message) => sink.refuse(line, message),
            }
        }
    }
}

/// Adds to a text what it does not say yet.
pub(super) fn join(text: &mut String, between: &str, more: &str) {
    if text.split(between).any(|part| part == more) {
        return;
    }
    if !text.is_empty() {
        text.push_str(between);
    }
    // One line a label, and no line more.
    text.extend(more.chars().map(|c| if c.is_control() { ' ' } else { c }));
}

/// A number from 0 to 100, or a word for one.
pub(super) fn percent(text: &str) -> Option<u8> {
    match text.to_ascii_lowercase().as_str() {
        "low" => Some(15),
        "medium" | "moderate" => Some(50),
        "high" => Some(85),
        text => {
            let number: f64 = text.trim_end_matches('%').trim().parse().ok()?;
            (0.0..=100.0).contains(&number).then_some(number as u8)
        }
    }
}

/// The end of something's validity in microseconds: a point in time, a day (to its end), seconds or milliseconds since 1970.
pub(super) fn expiry(text: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    let text = text.trim();
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Some(time) = parse_timestamp(text) {
        return Some(time);
    }
    if let Some(day) = (text.len() == 10)
        .then(|| parse_timestamp(&format!("{text}T00:00:00Z")))
        .flatten()
    {
        return day.checked_add(86_400 * SECOND);
    }
    let number: i64 = text.parse().ok()?;
    match number {
        0..1_000_000_000 => None,
        1_000_000_000..100_000_000_000 => Some(number * SECOND),
        _ => number.checked_mul(1000).filter(|time| *time > 0),
    }
}
