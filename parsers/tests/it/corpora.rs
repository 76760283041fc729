//! Real files, where they are at hand.

use std::path::{Path, PathBuf};

use borzoi_parsers::frame::FrameOptions;

use crate::support::{Event, corpora, decode, events, fixed};

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What a rule can ask for. GUIDs have one spelling: Windows writes them in braces and lower case, as EVTX
/// files are rendered here; the twins were written by a tool that did neither. Some twins were edited by hand
/// besides: white space at the ends and the case of letters differ, which rules do not mind.
fn content(mut event: Event) -> Event {
    for name in ["event.id", "log.offset"] {
        event.remove(name);
    }
    for value in event.values_mut() {
        let Some(text) = value.as_str() else {
            continue;
        };
        let folded = text.trim().to_lowercase();
        let bare = folded.trim_start_matches('{').trim_end_matches('}');
        let guid = bare.len() == 36 && bare.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        *value = if guid { bare.into() } else { folded.into() };
    }
    event
}

#[test]
fn evtx_and_json_of_an_event_are_the_same() {
    let Some(folder) = corpora("sigma-regression") else {
        return;
    };
    let mut compared = 0;
    for json in files(&folder, "json") {
        let evtx = std::fs::read(json.with_extension("evtx")).expect("its twin");
        let twins = events(&std::fs::read(&json).expect("readable"));
        let records = events(&evtx);
        assert_eq!(records.len(), twins.len(), "{}", json.display());
        for (record, twin) in records.into_iter().zip(twins) {
            assert_eq!(content(record), content(twin), "{}", json.display());
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} events were compared");
}

#[test]
fn attack_samples_are_read_without_panic() {
    let Some(archive) = corpora("evtx/evtx-attack-samples.tar.zst") else {
        return;
    };
    // No tar reader among the dependencies; a member's bytes start at a multiple of 512.
    let file = std::fs::File::open(archive).expect("readable");
    let mut tar = Vec::new();
    std::io::copy(&mut zstd::Decoder::new(file).expect("zstd"), &mut tar).expect("whole");
    let (mut logs, mut total) = (0, 0);
    let mut position = 0;
    while let Some(header) = tar.get(position..position + 512) {
        let size = std::str::from_utf8(&header[124..135])
            .ok()
            .and_then(|octal| usize::from_str_radix(octal.trim_matches(['\0', ' ']), 8).ok())
            .unwrap_or_default();
        let body = &tar[position + 512..(position + 512 + size).min(tar.len())];
        position += 512 + size.div_ceil(512) * 512;
        if body.starts_with(b"ElfFile") {
            let (events, rejects) = decode(body, 1 << 20, FrameOptions::default(), fixed());
            logs += 1;
            total += events.len();
            for reject in &rejects {
                assert!(reject.reason.starts_with("evtx_"), "{reject:?}");
            }
        }
    }
    assert!(logs > 200 && total > 8_000, "{logs} logs with {total} events");
}
