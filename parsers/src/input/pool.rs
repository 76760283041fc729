//! Buffers that go round: from the reader through the framer to the decoder, and back.
//!
//! A block is some megabytes. Asking the system for fresh memory for each costs more than decoding some of
//! its events, because every page is cleared and mapped when it is first touched.

use std::sync::{Mutex, PoisonError};

/// Buffers kept at most, and bytes in all of them.
const MOST_BUFFERS: usize = 16;
const MOST_BYTES: usize = 64 << 20;

struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

impl Pool {
    const fn new() -> Self {
        Pool {
            buffers: Vec::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= capacity && buffer.capacity() / 4 <= capacity;
        let index = self.buffers.iter().rposition(fits)?;
        let buffer = self.buffers.swap_remove(index);
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    fn give(&mut self, buffer: Vec<u8>) {
        let bytes = self.bytes + buffer.capacity();
        if self.buffers.len() < MOST_BUFFERS && bytes <= MOST_BYTES {
            self.bytes = bytes;
            self.buffers.push(buffer);
        }
    }
}

/// A buffer with room for `capacity` bytes. It may hold old bytes: what is there is initialised, and means
/// nothing.
pub(crate) fn take(capacity: usize) -> Vec<u8> {
    let pooled = POOL.lock().unwrap_or_else(PoisonError::into_inner).take(capacity);
    pooled.unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// Gives back a buffer that nobody needs any more.
pub(crate) fn give(buffer: Vec<u8>) {
    const SMALLEST: usize = 64 << 10;
    if buffer.capacity() >= SMALLEST {
        POOL.lock().unwrap_or_else(PoisonError::into_inner).give(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_if_it_fits_and_there_is_room() {
        let mut pool = Pool::new();
        pool.give(vec![7; 1 << 20]);
        assert!(pool.take(2 << 20).is_none(), "too small");
        assert!(pool.take(1 << 10).is_none(), "far too large");
        assert_eq!(pool.take(1 << 19).map(|buffer| buffer.len()), Some(1 << 20));
        assert!(pool.take(1 << 19).is_none(), "taken");
        pool.give(vec![0; MOST_BYTES]);
        pool.give(vec![0; 1 << 20]);
        assert_eq!((pool.buffers.len(), pool.bytes), (1, MOST_BYTES));
    }
}
