//! The products whose lines are known, a folder or file per family; see [`text`](super::text).

use super::text::Grammar;

/// The grammars of all families. Order decides where two could read the same line.
pub(super) const GROUPS: &[&[Grammar]] = &[];
