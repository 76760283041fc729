//! The `parse` workload of the benches, in a program that builds in a minute: without DataFusion and the lake.

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../../benches/src/lib.rs"]
mod benches;

#[global_allocator]
static ALLOCATOR: benches::Counting = benches::Counting;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    benches::parsing::main(benches::allocations)
}
