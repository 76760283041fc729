//! Fields to columns: the batch builder, which keeps each distinct text of a column once.

use std::sync::Arc;

use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventMeta};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::value::Value;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 4_096;
const FIELDS: [&str; 4] = ["Image", "CommandLine", "ParentImage", "User"];

/// `ROWS` texts, of which `distinct` are different, neighbours never the same if two are.
fn texts(distinct: usize) -> Vec<String> {
    let texts = (0..ROWS).map(|row| {
        // A step that is coprime to the powers of two below.
        let number = (row * 769) % distinct;
        format!(r"C:\Program Files\Vendor {number}\bin\program-{number:05}.exe")
    });
    texts.collect()
}

/// A batch with the same texts in every field.
fn build(builder: &mut BatchBuilder, texts: &[String]) -> usize {
    for (row, text) in texts.iter().enumerate() {
        builder.begin();
        for field in FIELDS {
            builder.field(field, Value::Str(text));
        }
        builder.commit(EventMeta {
            time: Some(row as i64),
            fallback_time: 0,
            event_id: row as u128,
            path: "events.ndjson",
            offset: row as u64,
            raw: b"",
        });
    }
    builder.finish().expect("rows were written").len()
}

fn interner(criterion: &mut Criterion) {
    let catalog = Catalog::builtin();
    let dataset = catalog.dataset("windows.sysmon").expect("shipped");
    let mut group = criterion.benchmark_group("interner");
    group.throughput(Throughput::Elements((ROWS * FIELDS.len()) as u64));
    for (name, distinct) in [
        ("one value", 1),
        ("64 values", 64),
        ("1,024 values", 1_024),
        ("all different", ROWS),
    ] {
        let texts = texts(distinct);
        let mut builder = BatchBuilder::new(dataset.clone(), Arc::new(BatchOptions::default()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| build(&mut builder, &texts));
        });
    }
    group.finish();
}

criterion_group!(benches, interner);
criterion_main!(benches);
