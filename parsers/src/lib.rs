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
//! any number of threads.

pub mod batch;
pub mod catalog;
pub mod formats;
pub mod frame;
pub mod input;
pub mod names;
pub mod time;
pub mod value;
