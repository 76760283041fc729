//! Products whose lines are `key=value` pairs from the first word to the last.
//!
//! A line is one of a product if it starts with a pair and has the keys that this product alone writes together; the
//! catalog says what the keys mean. What a grammar adds is what pairs cannot say by their names: instants put together
//! from several, addresses with their ports, users with their domains, and the few messages in sentences.
//!
//! The first pair of a name holds. A stranger's text stands in quotes, in which the products escape quotes, or in the
//! last pairs of the line.

pub(super) mod fortinet;
pub(super) mod identity;
pub(super) mod sophos;
pub(super) mod webgate;
pub(super) mod welf;
