//! What is said of records: readable, complete, and no more left over than nobody took.

use std::path::Path;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::explain::{Explained, Explainer};
use borzoi_parsers::formats::DecodeOptions;
use borzoi_parsers::frame::{FrameOptions, Framer, Source};
use borzoi_parsers::input::Chunk;

use crate::support::corpora;

fn explained(bytes: &[u8]) -> Vec<Explained> {
    let source = Arc::new(Source {
        path: "x".into(),
        // 2026-03-02.
        reference_time: 1_772_409_600_000_000,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: bytes.to_vec(),
    });
    framer.finish();
    let mut explainer = Explainer::new(Catalog::builtin(), DecodeOptions::default());
    let mut all = Vec::new();
    while let Some(block) = framer.pop() {
        all.extend(explainer.explain(&block));
    }
    all
}

#[track_caller]
fn is_readable(record: &Explained) {
    let strange = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || c == '\u{fffd}';
    assert!(!record.raw.contains(strange), "{:?}", record.raw);
    assert!(!record.events.is_empty() || record.reject.is_some());
    for event in &record.events {
        assert!(event.get("event.original").is_none(), "nobody asked for it");
    }
}

#[test]
fn sets_of_flows_are_told_by_their_template() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/samples/netflow.bin");
    let records = explained(&std::fs::read(file).expect("a sample"));
    assert!(!records.is_empty());
    for record in &records {
        is_readable(record);
        assert_eq!(record.parser, "netflow");
        assert!(record.raw.contains("bytes of records: "), "{}", record.raw);
    }
}

#[test]
fn records_of_an_event_log_are_told_one_by_one() {
    let Some(root) = corpora("sigma-regression") else {
        return;
    };
    let evtx = walk(&root)
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "evtx"));
    let records = explained(&std::fs::read(evtx.expect("one of many")).expect("a file"));
    assert!(!records.is_empty());
    for record in &records {
        is_readable(record);
        assert_eq!(record.events.len(), 1);
        assert!(record.raw.starts_with("{\"Event\":"), "{}", record.raw);
        assert_eq!(record.events[0]["log.offset"], record.offset);
        for piece in &record.left_over {
            assert!(piece.contains(": "), "told by its path: {piece}");
            assert!(!piece.contains("xmlns"), "{piece}");
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn what_was_read_is_not_left_over() {
    let line =
        "<34>Mar  1 10:00:00 web1 sshd[812]: Failed password for admin from 203.0.113.9 port 51122 ssh2\n";
    let records = explained(line.as_bytes());
    let left = records[0].left_over.join(" ");
    for read in ["Mar", "10:00", "web1", "812", "admin", "203.0.113.9", "51122"] {
        assert!(!left.contains(read), "{read} was read: {left}");
    }
    assert_eq!(records[0].not_read, None);
    let records = explained(b"Mar  1 10:00:00 web1 something: neither here nor there\n");
    assert!(records[0].not_read.is_some());
    // Pairs that any line may have are no sign that somebody knew it.
    let records = explained(b"2026-03-01 10:00:00 neither here=x nor there\n");
    assert_eq!(records[0].events[0]["kv.here"], "x");
    assert!(records[0].not_read.is_some());
}
