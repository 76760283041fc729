//! One binary for all integration tests of the crate.

mod any_bytes;
mod catalog;
mod corpora;
mod depth;
mod mutated;
mod shapes;
mod support;
mod text_corpora;
