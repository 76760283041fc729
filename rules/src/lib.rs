//! # borzoi-rules: rule text in, checked rules out
//!
//! Reads Sigma (specification 2.1) rules, filters and correlations and turns them into a small
//! intermediate representation ([`ir`]) with all modifiers applied, all conditions resolved and every
//! mistake reported with file, line, column and the nearest valid word. It knows no events: an
//! evaluator (the engine, or your own) asks the [`ir`] what to compare.
//!
//! Besides, it reads queries of two other languages, [`eql`] and [`kql`], and rules written in [`sql`].
//!
//! Use it to load, check or translate rules; to run them, use `borzoi-engine`.
//!
//! ```
//! let report = borzoi_rules::Loader::new().load_text(
//!     "recon.yml",
//!     "title: Recon
//! logsource: {category: process_creation}
//! detection:
//!     selection:
//!         Image|endwith: '\\whoami.exe'
//!     condition: selection
//! ",
//! );
//! let problem = &report.problems[0];
//! assert_eq!((problem.code, problem.location.line), ("unknown-modifier", 5));
//! assert_eq!(problem.suggestion.as_deref(), Some("endswith"));
//! ```

pub mod attack;
mod body;
mod collection;
mod condition;
pub mod correlation;
pub mod describe;
mod detection;
mod encode;
pub mod eql;
pub mod filter;
pub mod ir;
pub mod kql;
mod loader;
pub mod locate;
mod meta;
mod modifier;
pub mod pack;
pub mod pack_tests;
pub mod pattern;
mod placeholder;
mod problem;
pub mod query;
mod regex;
mod report;
mod resolve;
pub mod sql;
mod value;
mod yaml;

pub use loader::Loader;
pub use placeholder::{PlaceholderError, Placeholders};
pub use problem::{Problem, Severity, nearest};
pub use report::{Counts, LoadReport, RuleKind, RuleSummary};
