//! How long it takes to load the shipped catalog, once in this process: `catalog_bench`.

use std::time::Instant;

use borzoi_parsers::catalog::Catalog;

fn main() {
    let start = Instant::now();
    let catalog = Catalog::builtin();
    let micros = start.elapsed().as_micros();
    println!(
        "{} datasets in {:.1} ms",
        catalog.datasets().len(),
        micros as f64 / 1000.0
    );
}
