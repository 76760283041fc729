//! What records on the general way may cost: what is crafted must not cost more than what is not.

use std::cell::Cell;

use super::cursor::Damage;

/// What the general way may still spend on a record, and on all records of a chunk.
pub(super) struct Budget {
    nodes: Cell<usize>,
    text: Cell<usize>,
    record_nodes: Cell<usize>,
}

/// Nodes built and visited for a record; real ones have a few hundred.
const RECORD_NODES: usize = 1 << 18;
/// Bytes of a record's text.
pub(super) const RECORD_TEXT: usize = 16 << 20;

impl Budget {
    /// The budget of a chunk: that of four of the largest records.
    pub(super) fn new() -> Self {
        Budget {
            nodes: Cell::new(4 * RECORD_NODES),
            text: Cell::new(4 * RECORD_TEXT),
            record_nodes: Cell::new(0),
        }
    }

    /// A new record begins.
    ///
    /// # Errors
    ///
    /// If the records before it have spent what the chunk had.
    pub(super) fn begin(&self) -> Result<(), Damage> {
        if self.text.get() < RECORD_TEXT || self.nodes.get() < RECORD_NODES {
            return Err(Damage::new(
                "the records before it in the chunk unfold to too much",
            ));
        }
        self.record_nodes.set(RECORD_NODES);
        Ok(())
    }

    /// Charges nodes that are built or visited.
    pub(super) fn nodes(&self, count: usize) -> Result<(), Damage> {
        let left = self.record_nodes.get().checked_sub(count);
        let left = left.ok_or_else(|| Damage::new("it unfolds to too many elements"))?;
        self.record_nodes.set(left);
        self.nodes.set(self.nodes.get().saturating_sub(count));
        Ok(())
    }

    /// Charges the text of a record.
    pub(super) fn text(&self, bytes: usize) {
        self.text.set(self.text.get().saturating_sub(bytes));
    }
}
