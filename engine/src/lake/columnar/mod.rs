//! From batches to Parquet row groups, each value hashed once at most.
//!
//! ```text
//! arrays ──▶ rows::OpenRows ──seal──▶ chunk::Chunk ──▶ a file, as it is
//!            column::Column           encode, pages,
//!            texts::Texts             bounds
//! ```
//!
//! Parquet's own writer for Arrow looks every value of every row up in a table, also those that came as numbers
//! of a dictionary. Here the dictionaries of batches are merged into one per column and row group, a look-up per
//! distinct value of a batch; from then on there are only numbers. What a row group's chunks are is final: they
//! wait in memory as compressed as they will be on disk, and go into the file as bytes.
//!
//! *Cost* (events of Windows logs, 30 values each): see `docs/performance.md`. *Memory*: while open, 4 bytes a
//! value, 8 for numbers, a bit for null, and the distinct texts.

mod bounds;
mod chunk;
mod column;
mod encode;
mod pages;
mod rows;
#[cfg(test)]
mod tests;
mod texts;

pub(super) use chunk::{Chunk, Chunks};
pub(super) use column::{Numbers, Selection};
pub(super) use pages::Bytes;
pub(super) use rows::OpenRows;
