//! The reader against the oracle: real files, files of our own making, and both damaged.

mod compare;
mod corpora;
mod crafted;
mod damage;
mod limits;
mod writer;
