//! Values searched for the literals of all rules at once: each text is new, so none is remembered.

mod batches;

use borzoi_engine::matcher::BatchMatcher;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 4_096;

/// `count` rules of ten literals each, none of which occurs.
fn rules(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|rule| {
        let literals: Vec<String> = (0..10)
            .map(|number| format!("'-switch{rule:x} {:08x}'", (rule * 10 + number) * 7_919))
            .collect();
        format!(
            "  selection: {{CommandLine|contains: [{}]}}\n  condition: selection\n",
            literals.join(", ")
        )
    })
}

fn automaton(criterion: &mut Criterion) {
    let batch = batches::processes(ROWS, 0, 64);
    let mut group = criterion.benchmark_group("automaton");
    group.throughput(Throughput::Elements(ROWS as u64));
    for count in [1, 30, 1_000] {
        let compiled = batches::compiled(rules(count));
        group.bench_function(format!("{} literals", count * 10), |bencher| {
            // A new matcher remembers nothing.
            bencher.iter_batched_ref(
                || BatchMatcher::new(compiled.clone()),
                |matcher| matcher.match_batch(&batch).len(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, automaton);
criterion_main!(benches);
