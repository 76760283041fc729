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

static POOL: Mutex<Pool> = Mutex::new(Pool {
    buffers: Vec::new(),
    bytes: 0,
});

/// A buffer with room for `capacity` bytes. It may hold old bytes: what is there is initialised, and means
/// nothing.
pub(crate) fn take(capacity: usize) -> Vec<u8> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Vec<u8>| buffer.capacity() >= capacity && buffer.capacity() / 4 <= capacity;
    match pool.buffers.iter().rposition(fits) {
        Some(index) => {
            let buffer = pool.buffers.swap_remove(index);
            pool.bytes -= buffer.capacity();
            buffer
        }
        None => Vec::with_capacity(capacity),
    }
}

/// Gives back a buffer that nobody needs any more.
pub(crate) fn give(buffer: Vec<u8>) {
    const SMALLEST: usize = 64 << 10;
    if buffer.capacity() < SMALLEST {
        return;
    }
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.buffers.len() < MOST_BUFFERS && pool.bytes + buffer.capacity() <= MOST_BYTES {
        pool.bytes += buffer.capacity();
        pool.buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_if_it_fits() {
        // Larger than any buffer of other tests, which share the pool.
        let capacity = 17 << 20;
        give(vec![7; capacity]);
        let buffer = take(capacity - 5);
        assert_eq!(buffer.capacity(), capacity);
        give(buffer);
        assert!(take(1 << 10).capacity() < capacity, "far too large");
        assert!(take(capacity).capacity() >= capacity);
    }
}
