//! Bytes to Arrow columns on one thread, per format; see [`borzoi_benches::parsing`].

use borzoi_benches::{Counting, allocations, parsing};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    parsing::main(allocations)
}
