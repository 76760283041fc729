//! Flat Sysmon records like those of the samples, with numbers that do not repeat.

use std::path::Path;

/// `count` records: the sample's, again and again, each with a record number and a process id of its own.
pub fn sysmon(count: usize) -> Vec<String> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/samples/sysmon.ndjson");
    let sample = std::fs::read_to_string(sample).expect("the samples lie beside the crate");
    let lines = sample.lines().cycle().take(count).enumerate();
    lines
        .map(|(number, line)| {
            let line = renumbered(line, r#""RecordNumber":"#, 1_000_000 + number);
            renumbered(&line, r#""ProcessId":"#, 1_000 + number * 4)
        })
        .collect()
}

/// The record with another number behind `key`.
fn renumbered(record: &str, key: &str, number: usize) -> String {
    let Some((before, after)) = record.split_once(key) else {
        return record.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{key}{number}{rest}")
}
