//! Pins: what a source or a sender is said to be.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::{DecodeOptions, Decoder};
use borzoi_parsers::frame::{FrameOptions, Framer, Peer, Source};
use borzoi_parsers::input::{Chunk, InputSet};
use borzoi_parsers::output::{EventWriter, JsonStyle};
use borzoi_parsers::pins::Pins;
use borzoi_parsers::{ParseOptions, parse_all};
use serde_json::Value;

const GATE: &str = "dataset: acme.gate
title: Gates
prefix: acme.
select:
  paths: ['gates/**']
  hosts: [gate7, 198.51.100.0/24]
  ports: [5514]
lines:
  patterns: ['%{WORD:verdict} by %{WORD:badge}', '(?<first>[^ ]+) - - \\[(?<rest>.*)', '\\{(?<inner>.*)\\}']
fields:
  - {native: badge, column: user.name}
";

const OTHER: &str = "dataset: acme.other
title: The same words of another
prefix: other.
lines:
  patterns: ['%{WORD:what} by %{WORD:whom}']
";

fn catalog(folder: &Path) -> Arc<Catalog> {
    std::fs::write(folder.join("z.yaml"), GATE).expect("a file");
    std::fs::write(folder.join("a.yaml"), OTHER).expect("a file");
    Catalog::with_dir(folder).expect("good files")
}

/// The events of `text` from a sender.
fn events(text: &str, path: &str, peer: Peer, catalog: &Arc<Catalog>, options: DecodeOptions) -> Vec<Value> {
    let source = Arc::new(Source {
        path: path.into(),
        peer,
        ..Source::default()
    });
    let mut framer = Framer::new(source, FrameOptions::default());
    framer.push(Chunk {
        offset: 0,
        bytes: text.as_bytes().to_vec(),
    });
    framer.finish();
    let mut decoder = Decoder::new(catalog.clone(), options);
    let mut events = Vec::new();
    while let Some(block) = framer.pop() {
        for batch in decoder.decode(block).batches {
            let writer = EventWriter::of(&batch, JsonStyle::Flat);
            events.extend((0..batch.len()).map(|row| writer.value(row).expect("JSON")));
        }
    }
    events
}

fn pinned(pins: &[&str], catalog: &Catalog) -> DecodeOptions {
    DecodeOptions {
        pins: Arc::new(Pins::parse(pins, catalog).expect("good pins")),
        ..DecodeOptions::default()
    }
}

#[track_caller]
fn dataset(events: &[Value]) -> &str {
    assert_eq!(events.len(), 1, "{events:?}");
    events[0]["event.dataset"].as_str().expect("every event has one")
}

#[test]
fn the_options_come_before_the_catalog_and_that_before_recognition() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = catalog(folder.path());
    let of = |path: &str, peer: Peer, options: DecodeOptions| {
        let events = events("open by ann\n", path, peer, &catalog, options);
        dataset(&events).to_owned()
    };
    let none = Peer::default();
    let from = |address: &str, port| Peer {
        address: Some(address.parse::<IpAddr>().expect("an address")),
        port: Some(port),
    };
    // Nothing said: the first pattern of all.
    assert_eq!(of("x.log", none, DecodeOptions::default()), "acme.other");
    // By the catalog.
    assert_eq!(of("gates/x.log", none, DecodeOptions::default()), "acme.gate");
    assert_eq!(
        of("tcp", from("198.51.100.9", 1), DecodeOptions::default()),
        "acme.gate"
    );
    assert_eq!(
        of("tcp", from("192.0.2.1", 5514), DecodeOptions::default()),
        "acme.gate"
    );
    assert_eq!(
        of("tcp", from("192.0.2.1", 514), DecodeOptions::default()),
        "acme.other"
    );
    // By the options.
    let asa = |pin: &str| pinned(&[pin], &catalog);
    assert_eq!(of("gates/x.log", none, asa("*.log=cisco.asa")), "cisco.asa");
    assert_eq!(
        of("gates/x.log", from("192.0.2.1", 9), asa("port:9=cisco.asa")),
        "cisco.asa"
    );
    // The dataset of all events comes between.
    let all = |pin: &str| DecodeOptions {
        dataset: catalog.dataset("linux.auth").cloned(),
        ..asa(pin)
    };
    assert_eq!(of("gates/x.log", none, all("x.txt=cisco.asa")), "linux.auth");
    assert_eq!(of("gates/x.log", none, all("x.log=cisco.asa")), "cisco.asa");
}

#[test]
fn a_header_names_the_sender() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = catalog(folder.path());
    let line = |host: &str| format!("<34>Mar  1 10:00:00 {host} doors: open by ann\n");
    let of = |text: &str, options: DecodeOptions| {
        let events = events(text, "relay.log", Peer::default(), &catalog, options);
        (dataset(&events).to_owned(), events[0]["host.name"].clone())
    };
    let plain = DecodeOptions::default;
    assert_eq!(of(&line("gate7"), plain()).0, "acme.gate");
    assert_eq!(of(&line("198.51.100.4"), plain()).0, "acme.gate");
    assert_eq!(of(&line("gate8"), plain()), ("acme.other".into(), "gate8".into()));
    assert_eq!(
        of(&line("GATE8"), pinned(&["host:gate*=acme.gate"], &catalog)).0,
        "acme.gate"
    );
    // What is said of the file comes before what a sender says of himself.
    assert_eq!(
        of(&line("gate7"), pinned(&["relay.log=acme.other"], &catalog)).0,
        "acme.other"
    );
    assert_eq!(
        of(
            &line("gate7"),
            pinned(&["host:gate7=acme.other", "relay.log=cisco.asa"], &catalog)
        )
        .0,
        "cisco.asa"
    );
    let all = DecodeOptions {
        dataset: catalog.dataset("cisco.asa").cloned(),
        ..pinned(&["host:gate7=acme.gate"], &catalog)
    };
    assert_eq!(of(&line("gate7"), all.clone()).0, "acme.gate");
    assert_eq!(of(&line("gate8"), all).0, "cisco.asa");
    // A host that only the message names is nobody's.
    let inside = "<34>Mar  1 10:00:00 web1 app: <34>Mar 1 gate7 x: open by ann\n";
    assert_eq!(of(inside, plain()).1, "web1");
    assert_ne!(of(inside, plain()).0, "acme.gate");
}

#[test]
fn patterns_of_a_pinned_dataset_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = catalog(folder.path());
    let of = |text: &str| {
        let mut events = events(
            text,
            "gates/a",
            Peer::default(),
            &catalog,
            DecodeOptions::default(),
        );
        assert_eq!(dataset(&events), "acme.gate");
        events.remove(0)
    };
    // Other datasets' patterns, an access log, JSON: all of them would read these.
    assert_eq!(of("open by ann\n")["user.name"], "ann");
    let access = "192.0.2.7 - - [01/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n";
    assert_eq!(of(access)["acme.first"], "192.0.2.7");
    assert_eq!(of("{\"a\":1}\n")["acme.inner"], "\"a\":1");
}

#[test]
fn pins_of_other_hosts_leave_the_patterns_of_a_said_dataset_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = catalog(folder.path());
    let all = DecodeOptions {
        dataset: catalog.dataset("acme.gate").cloned(),
        ..pinned(&["host:web1=acme.other"], &catalog)
    };
    let of = |text: &str| {
        let mut events = events(text, "x", Peer::default(), &catalog, all.clone());
        assert_eq!(events.len(), 1, "{text}");
        events.remove(0)
    };
    // No header, a header of nobody who is pinned: as without the pin.
    let access = "192.0.2.7 - - [01/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n";
    assert_eq!(of(access)["acme.first"], "192.0.2.7");
    assert_eq!(of("{\"a\":1}\n")["acme.inner"], "\"a\":1");
    let carried = of("<34>Mar  1 10:00:00 web2 doors: {\"a\":1}\n");
    assert_eq!(carried["acme.inner"], "\"a\":1");
    assert_eq!(carried["event.dataset"], "acme.gate");
    // The pinned host.
    let other = of("<34>Mar  1 10:00:00 web1 doors: open by ann\n");
    assert_eq!(other["event.dataset"], "acme.other");
    assert_eq!(other["other.whom"], "ann");
}

#[test]
fn what_nothing_reads_keeps_time_host_message_and_pairs() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = catalog(folder.path());
    let of = |text: &str| {
        let options = pinned(&["*=acme.gate"], &catalog);
        let mut events = events(text, "x", Peer::default(), &catalog, options);
        assert_eq!(dataset(&events), "acme.gate", "{text}");
        events.remove(0)
    };
    let event = of("<34>1 2026-03-01T10:00:00Z ctl7 doors 7 - - who=ann floor=3\n");
    for (name, value) in [
        ("@timestamp", "2026-03-01T10:00:00.000Z"),
        ("host.name", "ctl7"),
        ("message", "who=ann floor=3"),
        ("acme.kv.floor", "3"),
    ] {
        assert_eq!(event[name], value, "{name} of {event}");
    }
    let event = of("2026-03-01 10:00:00 something else\n");
    assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.000Z");
    assert_eq!(event["message"], "2026-03-01 10:00:00 something else");
}

#[test]
fn a_shipped_grammar_of_the_pinned_dataset_is_asked_first_and_others_read_all_the_same() {
    let catalog = Catalog::builtin();
    let text = "CEF:0|Example|Door|1.0|100|Door forced|9|src=203.0.113.66 duser=mara\n";
    let options = pinned(&["*=generic.pairs"], &catalog);
    let read = events(text, "x", Peer::default(), &catalog, options);
    assert_eq!(dataset(&read), "generic.pairs");
    assert_eq!(read[0]["source.ip"], "203.0.113.66");
}

#[test]
fn files_of_a_set_each_have_theirs() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs = folder.path().join("logs");
    std::fs::create_dir_all(logs.join("gates")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("catalog")).expect("a folder");
    let catalog = catalog(&folder.path().join("catalog"));
    let json = "{\"user\":\"ann\",\"n\":1}\n{\"user\":\"bob\",\"n\":2}\n";
    for name in ["a.json", "b.json", "gates/c.json"] {
        std::fs::write(logs.join(name), json).expect("a file");
    }
    // A table keeps what it made of a header for the next block.
    for name in ["d.csv", "e.csv"] {
        std::fs::write(logs.join(name), "n,user,door\n1,ann,7\n2,bob,8\n").expect("a file");
    }
    let options = ParseOptions {
        decode: pinned(&["b.json=acme.other", "e.csv=acme.other"], &catalog),
        ..ParseOptions::default()
    };
    let mut seen = Vec::new();
    let inputs = InputSet::expand(&[logs.to_string_lossy()]);
    let errors = parse_all(&inputs, &catalog, &options, |decoded| {
        for batch in decoded.batches {
            let name = Path::new(&*decoded.source.path).file_name().expect("a file");
            seen.push(format!(
                "{} {} {}",
                name.display(),
                batch.dataset.name,
                batch.len()
            ));
        }
    });
    assert!(errors.is_empty());
    assert_eq!(
        seen,
        [
            "a.json generic.json 2",
            "b.json acme.other 2",
            "d.csv generic.csv 2",
            "e.csv acme.other 2",
            "c.json acme.gate 2",
        ]
    );
}
