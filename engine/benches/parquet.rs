//! Columns to Parquet: batches appended to a lake's writer, and flushed into a table.

mod batches;

use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_parsers::batch::EventBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

const BATCH_ROWS: usize = 8_192;
const BATCHES: usize = 8;

/// A writer for a new lake; the folder lives as long as the first value.
fn writer() -> (TempDir, LakeWriter) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lake = Lake::create(folder.path()).expect("an empty folder becomes a lake");
    (folder, LakeWriter::new(lake, WriterOptions::default()))
}

fn append(writer: &mut LakeWriter, batches: &[EventBatch]) {
    for batch in batches {
        writer.append(batch).expect("event batches are taken");
    }
}

fn parquet(criterion: &mut Criterion) {
    let batches: Vec<EventBatch> = (0..BATCHES)
        .map(|number| batches::processes(BATCH_ROWS, number * BATCH_ROWS, 64))
        .collect();
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let mut group = criterion.benchmark_group("parquet");
    group.sample_size(20);
    group.throughput(Throughput::Elements((BATCH_ROWS * BATCHES) as u64));
    group.bench_function("append", |bencher| {
        bencher.iter_batched_ref(
            writer,
            |(_, writer)| append(writer, &batches),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("append and flush", |bencher| {
        bencher.iter_batched_ref(
            writer,
            |(_, writer)| {
                append(writer, &batches);
                let report = runtime
                    .block_on(writer.flush())
                    .expect("the folder can be written");
                assert_eq!(report.rows_written, (BATCH_ROWS * BATCHES) as u64);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, parquet);
criterion_main!(benches);
