//! Conditions of rules over a batch whose values are all known: what is left are sets of atoms and rows.

mod batches;

use borzoi_engine::matcher::BatchMatcher;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 4_096;
const PROGRAMS: usize = 64;
const RULES: usize = 500;

/// Rules that look at the program and leave out its parent. With `woken`, they ask for programs that occur, so that every
/// event is a candidate of `RULES / PROGRAMS` rules; none ever matches.
fn rules(woken: bool) -> impl Iterator<Item = String> {
    (0..RULES).map(move |rule| {
        let program = if woken { rule % PROGRAMS } else { PROGRAMS + rule };
        format!(
            "  selection: {{Image|endswith: '\\program-{program:03}.exe'}}\n  \
             other: {{User|contains: tanaka}}\n  \
             filter: {{ParentImage|endswith: '\\explorer.exe'}}\n  \
             condition: selection and other and not filter\n"
        )
    })
}

fn bitmaps(criterion: &mut Criterion) {
    let batch = batches::processes(ROWS, 0, PROGRAMS);
    let mut group = criterion.benchmark_group("bitmaps");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, woken) in [("no rule wakes", false), ("eight rules an event", true)] {
        let mut matcher = BatchMatcher::new(batches::compiled(rules(woken)));
        assert!(matcher.match_batch(&batch).is_empty(), "the filter holds");
        group.bench_function(name, |bencher| {
            bencher.iter(|| matcher.match_batch(&batch).len());
        });
    }
    group.finish();
}

criterion_group!(benches, bitmaps);
criterion_main!(benches);
