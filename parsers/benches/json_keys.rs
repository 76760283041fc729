//! Flat JSON records taken apart where they stand: quotes found, keys guessed, nothing copied.

mod records;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::flat::FlatReader;
use chrono_tz::Tz;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const RECORDS: usize = 2_000;

/// Fields of all records. Panics if one is not plain: something else would be measured.
fn fields(reader: &mut FlatReader, records: &[String]) -> usize {
    let fields = records.iter().map(|record| {
        let event = reader.read(record.as_bytes(), Tz::UTC);
        event.expect("the samples are flat").fields.len()
    });
    fields.sum()
}

fn json_keys(criterion: &mut Criterion) {
    let mixed = records::sysmon(RECORDS);
    // Neighbours of one kind: every key is guessed right.
    let mut sorted = mixed.clone();
    sorted.sort_by_key(|record| event_id(record));
    let bytes: usize = mixed.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group("json_keys");
    group.throughput(Throughput::Bytes(bytes as u64));
    for (name, records) in [("kinds in turns", &mixed), ("kinds in a row", &sorted)] {
        let mut reader = FlatReader::new(&Catalog::builtin());
        group.bench_function(name, |bencher| {
            bencher.iter(|| fields(&mut reader, records));
        });
    }
    group.finish();
}

/// What stands behind `"EventID":`, as text.
fn event_id(record: &str) -> String {
    let after = record.split_once(r#""EventID":"#).map_or("", |(_, after)| after);
    after.chars().take_while(char::is_ascii_digit).collect()
}

criterion_group!(benches, json_keys);
criterion_main!(benches);
