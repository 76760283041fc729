//! Real files, where they are at hand.

use std::path::{Path, PathBuf};

use super::compare::Both;

/// A folder of the corpora, if it is there.
pub(super) fn corpora(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("BORZOI_CORPORA") else {
        println!("skipped: BORZOI_CORPORA is not set");
        return None;
    };
    let path = PathBuf::from(root).join(folder);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// The logs of a compressed archive, by name.
pub(super) fn archived(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let file = std::fs::File::open(archive).expect("readable");
    let mut tar = Vec::new();
    std::io::copy(&mut zstd::Decoder::new(file).expect("zstd"), &mut tar).expect("whole");
    let mut logs = Vec::new();
    let mut position = 0;
    while let Some(header) = tar.get(position..position + 512) {
        let size = std::str::from_utf8(&header[124..135])
            .ok()
            .and_then(|octal| usize::from_str_radix(octal.trim_matches(['\0', ' ']), 8).ok())
            .unwrap_or_default();
        let body = &tar[position + 512..(position + 512 + size).min(tar.len())];
        position += 512 + size.div_ceil(512) * 512;
        if body.starts_with(b"ElfFile") {
            let name = String::from_utf8_lossy(&header[..100])
                .trim_end_matches('\0')
                .to_owned();
            logs.push((name, body.to_vec()));
        }
    }
    logs
}

/// The chunks of a log, the last one cut off where the file is.
pub(super) fn chunks(log: &[u8]) -> Vec<&[u8]> {
    let body = log.get(4096..).unwrap_or_default();
    body.chunks(64 << 10)
        .filter(|chunk| chunk.starts_with(b"ElfChnk\0"))
        .collect()
}

fn check(logs: Vec<(String, Vec<u8>)>) -> usize {
    // Unoptimised, the largest logs take too long; they are of the same kinds as the others.
    const MOST: usize = if cfg!(debug_assertions) { 4 } else { usize::MAX };
    let mut both = Both::new();
    let mut events = 0;
    for (name, log) in &logs {
        let mut chunks = chunks(log);
        chunks.truncate(MOST);
        let outcome = both.check(name, &chunks);
        events += outcome
            .batches
            .iter()
            .map(crate::batch::EventBatch::len)
            .sum::<usize>();
    }
    let [fast, general] = both.reader.ways;
    println!(
        "{} logs, {events} events; {fast} records the fast way, {general} the general way",
        logs.len()
    );
    assert!(fast > 9 * general, "most records have a usual shape");
    events
}

#[test]
fn attack_samples_are_read_as_the_oracle_does() {
    let Some(archive) = corpora("evtx/evtx-attack-samples.tar.zst") else {
        return;
    };
    assert!(check(archived(&archive)) > 3000);
}

#[test]
fn logs_of_rule_tests_are_read_as_the_oracle_does() {
    let Some(folder) = corpora("sigma-regression") else {
        return;
    };
    let mut logs = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "evtx") {
                let log = std::fs::read(&path).expect("readable");
                logs.push((path.display().to_string(), log));
            }
        }
    }
    assert!(check(logs) > 50);
}
