//! What a dataset's values say besides: the parts of an URL, the name in a path, the domain of an account.
//!
//! A catalog file lists it under `derive`. Nothing is overwritten: a column that the event has filled itself stays as
//! it is. How a value is taken apart is in `formats::derived`.

use std::sync::Arc;

use super::CatalogError;
use super::TypeTable;

/// How a value is taken apart, and what its parts become below `into`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parts {
    /// An URL: `scheme`, `domain`, `port`, `path`, `query`, and, if it has a scheme, `full`.
    Url,
    /// A path: `name`, `directory`.
    Path,
    /// A path of Windows' registry: `hive`, `key` below it, and `path`, which is all of it.
    Registry,
    /// `DOMAIN\name` or `name@domain`: `name`, `domain`, and `email` of the latter.
    Account,
    /// `address:port` or `address`: `ip` or `domain`, `port`.
    Endpoint,
    /// A severity: `event.severity` if it is a number, else `log.level`.
    Severity,
    /// The value as it is: `into` is the column, as for all that follow.
    Whole,
    /// The value, if it is an IP address.
    Address,
    /// All IP addresses of a text, without the lengths of their networks.
    Addresses,
    /// The value, if it is no IP address.
    Name,
    /// The value, if it is a path of more than a name.
    File,
    /// `x` of `<x>`, `{x}`, `"x"` and `somebody <x>`.
    Bare,
    /// The value, if it is a mail address.
    Mailbox,
    /// The numbers of ATT&CK's tactics in a text (`TA0001`), as a list.
    Tactics,
    /// The numbers of ATT&CK's techniques in a text (`T1566`, `T1204.001`), as a list.
    Techniques,
    /// What stands before the first `_` or `:`.
    Prefix,
    /// What stands behind a protocol's name: `1.1` of `HTTP/1.1`, `1.2` of `TLSv1.2` and `TLS1_2`.
    Version,
    /// `success` or `failure`, from a flag or Windows' words for the two.
    Success,
    /// The words of a command line, quoted ones in one piece, as a list.
    Arguments,
    /// The event's time, where nothing else gives it; `into` is not asked for.
    Time,
    /// The captures of the first of `shapes` that the text has, by the columns that they name; `into` is not asked for.
    /// See `formats::text::shape` for what stands in a shape.
    Sentence,
    /// Fields of their own, from a text of `name=value` pairs; `into` is not asked for.
    Pairs,
    /// A tuple of Azure's flow logs: who talked to whom, and when; `into` is not asked for.
    Flow,
}

/// Columns of a flow tuple, in its order.
const FLOW: &[&str] = &[
    "@timestamp",
    "source.ip",
    "destination.ip",
    "source.port",
    "destination.port",
    "network.iana_number",
    "network.direction",
    "event.action",
    "",
    "source.packets",
    "source.bytes",
    "destination.packets",
    "destination.bytes",
];

impl Parts {
    /// The parts in the order in which [`Derivation::targets`] has them.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Parts::Url => &["scheme", "domain", "port", "path", "query", "full"],
            Parts::Path => &["name", "directory"],
            Parts::Registry => &["hive", "key", "path"],
            Parts::Account => &["name", "domain", "email"],
            Parts::Endpoint => &["ip", "domain", "port"],
            _ => &[],
        }
    }
}

/// One line of a file's `derive` list.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeriveFile {
    from: String,
    parts: Parts,
    #[serde(default)]
    into: String,
    #[serde(default)]
    shapes: Vec<Box<str>>,
}

/// What is to be had from one column.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// The name whose value is taken apart.
    pub from: Arc<str>,
    /// How.
    pub parts: Parts,
    /// Columns of the parts, in the order in which [`Parts`] names them; a part that ECS does not know there is empty.
    pub targets: Vec<Arc<str>>,
    /// Shapes of sentences, the strictest first.
    pub shapes: Vec<Box<str>>,
}

impl Derivation {
    pub(super) fn new(file: &str, line: &DeriveFile, types: &TypeTable) -> Result<Self, CatalogError> {
        let targets: Vec<Arc<str>> = match line.parts {
            Parts::Severity => vec!["event.severity".into(), "log.level".into()],
            Parts::Time => vec!["@timestamp".into()],
            Parts::Pairs | Parts::Sentence => vec!["message".into()],
            Parts::Flow => FLOW.iter().map(|column| (*column).into()).collect(),
            parts if parts.names().is_empty() => vec![line.into.as_str().into()],
            parts => parts
                .names()
                .iter()
                .map(|part| format!("{}.{part}", line.into))
                .map(|column| match types.get(&column) {
                    Some(_) => column.into(),
                    None => "".into(),
                })
                .collect(),
        };
        let wrong_shape = line.shapes.iter().find(|shape| !shape.is_ascii());
        if wrong_shape.is_some() || line.shapes.is_empty() == (line.parts == Parts::Sentence) {
            let reason = match wrong_shape {
                Some(shape) => format!("the shape `{shape}` has characters that are not ASCII"),
                None => format!(
                    "`{}` of `{}`: sentences have `shapes`, nothing else has",
                    line.from, file
                ),
            };
            return Err(CatalogError::Conflict {
                file: file.to_owned(),
                reason,
            });
        }
        if targets.iter().all(|target| target.is_empty()) {
            return Err(CatalogError::Conflict {
                file: file.to_owned(),
                reason: format!(
                    "ECS has no field below `{}` for what `{}` says",
                    line.into, line.from
                ),
            });
        }
        Ok(Derivation {
            from: line.from.as_str().into(),
            parts: line.parts,
            targets,
            shapes: line.shapes.clone(),
        })
    }
}
