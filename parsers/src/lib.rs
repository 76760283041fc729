//! # borzoi-parsers: log bytes in, Arrow batches out
//!
//! This crate takes the bytes of log files and streams, cuts them into **frames** (the bytes of one
//! event), recognises the **dataset** that wrote each frame (`windows.sysmon`, `linux.auditd`, …) and
//! turns frames into Arrow [`RecordBatch`](arrow::array::RecordBatch)es whose columns carry ECS names.
//! What each dataset's fields are called, and which Sigma log sources it serves, is data: the
//! [`catalog`].
//!
//! Use it when you want events as columns and nothing else. It knows no rules, no storage and no async
//! runtime; it compiles alone in well under a minute.
//!
//! The way through the crate:
//!
//! ```text
//! input ──chunks──▶ frame ──blocks of frames──▶ formats ──fields──▶ batch ──▶ EventBatch
//! (files, gz, zst,  (where one event            (one file per       (typed columns,
//!  globs, stdin)     ends)                       grammar)            unmapped, event ids)
//! ```
//!
//! Framing is sequential and cheap; [`formats`] decode blocks independently, so blocks may be decoded on
//! any number of threads. On one thread, [`parse_all`] does it all:
//!
//! ```
//! use borzoi_parsers::{ParseOptions, catalog::Catalog, input::InputSet, parse_all};
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("events.ndjson");
//! std::fs::write(&file, r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","CommandLine":"whoami"}"#)?;
//!
//! let inputs = InputSet::expand(&[file.to_string_lossy()]);
//! let mut batches = Vec::new();
//! let errors = parse_all(&inputs, &Catalog::builtin(), &ParseOptions::default(), |decoded| {
//!     batches.extend(decoded.batches);
//! });
//! assert!(errors.is_empty());
//! assert_eq!(&*batches[0].dataset.name, "windows.sysmon");
//! assert!(batches[0].column("process_command_line").is_some());
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod batch;
pub mod catalog;
pub mod check;
pub mod enrich;
pub mod explain;
pub mod formats;
pub mod frame;
pub mod input;
pub mod names;
pub mod output;
mod parse;
pub mod pins;
pub mod time;
pub mod value;

pub use parse::{ParseOptions, parse_all};
