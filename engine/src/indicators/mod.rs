//! Indicators: lists of addresses, networks, domains, hashes and URLs that somebody says are bad.
//!
//! ```text
//!  files, folders ──▶ read (CSV, plain lists, JSON, STIX 2.1, MISP) ──▶ value (one spelling) ──▶ IndicatorSet
//!                          │ what is no indicator: counted, with file and line                      │
//!                          ▼                                                                        ▼
//!                     FileReport                                              is this text of an event in a list?
//! ```
//!
//! [`load`] reads lists into an [`IndicatorSet`], which never changes and is shared by threads. It knows no rules and no
//! columns: what it is asked is a text and [what sort of text](Asked) it is.
//!
//! ```
//! use borzoi_engine::indicators::{Asked, SetBuilder, Settings, About, Value};
//!
//! let mut builder = SetBuilder::new();
//! let list = builder.list("bad-names", &Settings::default());
//! builder.add(list, &Value::read("evil[.]example").unwrap(), &About::default(), None);
//! let set = builder.finish();
//! let hits = set.find(Asked::Domain, "www.EVIL.example.");
//! assert_eq!(hits[0].value(), "evil.example");
//! assert!(set.find(Asked::Domain, "notevil.example").is_empty());
//! ```
//!
//! # Meaning
//!
//! - Both sides have one spelling: see [`value`].
//! - A domain matches what lies below it too, unless its list or entry says that only the name itself is meant, or it is
//!   a public suffix (`duckdns.org`, below which everybody has a name); `*.` in front of it says otherwise.
//! - A URL matches the same URL. Where one side has no scheme, schemes are not compared.
//! - A text that is a URL is also looked at for its host; a name that is an address, as an address.
//! - One list has a value once. A repeat that is valid for longer takes the place of what was there.
//! - Nothing here reads a clock: [`Indicator::is_valid_at`] compares with a time that the caller gives, an event's.
//!   When an indicator became valid is not looked at: what was found out today may have happened yesterday.
//!
//! # Memory
//!
//! 32 bytes an entry, the bytes of its value (4 for an IPv4 address, 32 for a SHA-256, the text of a name), 5 to 12 for the
//! table that finds it, and what its list says of it, each distinct text once. [`IndicatorSet::memory`] counts all of it.

mod build;
pub mod fetch;
mod live;
pub mod read;
mod rules;
mod set;
mod stored;
mod url;
pub mod value;

pub use build::{Added, SetBuilder};
pub use live::{LiveLists, Replaced};
pub use read::{FileReport, Loaded, Problem, load, load_text};
pub use rules::{rule_name, rules, words};
pub use set::{About, Asked, Indicator, IndicatorSet, ListInfo, ListNumber, Memory, Settings};
pub use value::{Kind, Value};

#[cfg(test)]
mod tests;
