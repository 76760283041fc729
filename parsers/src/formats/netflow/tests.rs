use serde_json::{Value as Json, json};

use super::*;
use crate::catalog::Catalog;
use crate::formats::{DecodeOptions, Decoder};
use crate::frame::{FrameOptions, Framer, Source};
use crate::input::Chunk;
use crate::output::{EventWriter, JsonStyle};

/// 2026-03-01T10:00:00Z.
const EXPORTED: u32 = 1_772_359_200;
const UPTIME: u32 = 600_000;

fn words(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn set(id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&words(&[id, length])[..], content].concat()
}

fn v9(sets: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = words(&[9, u16::try_from(sets.len()).unwrap()]);
    for number in [UPTIME, EXPORTED, 1, 7] {
        packet.extend(number.to_be_bytes());
    }
    [packet, sets.concat()].concat()
}

fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let mut packet = words(&[10, u16::try_from(16 + sets.len()).unwrap()]);
    for number in [EXPORTED, 1, 7] {
        packet.extend(number.to_be_bytes());
    }
    [packet, sets].concat()
}

fn v5(records: u16) -> Vec<u8> {
    let mut packet = words(&[5, records]);
    for number in [UPTIME, EXPORTED, 0, 1, 0] {
        packet.extend(number.to_be_bytes());
    }
    for last in 1..=records {
        let mut record = vec![192, 0, 2, last as u8, 198, 51, 100, 7, 0, 0, 0, 0];
        record.extend(words(&[3, 4, 0, 5, 0, 230]));
        record.extend((UPTIME - 2000).to_be_bytes());
        record.extend((UPTIME - 1000).to_be_bytes());
        record.extend(words(&[54435, 22]));
        record.extend([0, 0x1b, 6, 0]);
        record.extend([0; 8]);
        packet.extend(record);
    }
    packet
}

/// A template of an address, bytes, a port and when the flow began, and two records of it with filling.
fn template() -> Vec<u8> {
    set(0, &words(&[300, 4, 8, 4, 1, 2, 7, 2, 22, 4]))
}

fn records(id: u16) -> Vec<u8> {
    let mut content = Vec::new();
    for last in [1, 2] {
        content.extend([192, 0, 2, last, 1, 0, 0, 53]);
        content.extend((UPTIME - 500).to_be_bytes());
    }
    content.extend([0; 2]);
    set(id, &content)
}

fn read(bytes: &[u8], chunk: usize) -> (Vec<Json>, Vec<&'static str>) {
    let source = Source {
        path: "x".into(),
        reference_time: 0,
        ..Source::default()
    };
    let mut framer = Framer::new(source.into(), FrameOptions::default());
    for (at, piece) in bytes.chunks(chunk).enumerate() {
        framer.push(Chunk {
            offset: (at * chunk) as u64,
            bytes: piece.to_vec(),
        });
    }
    framer.finish();
    let mut decoder = Decoder::new(Catalog::builtin(), DecodeOptions::default());
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    while let Some(block) = framer.pop() {
        let decoded = decoder.decode(block);
        for batch in &decoded.batches {
            let writer = EventWriter::of(batch, JsonStyle::Flat);
            events.extend((0..batch.len()).map(|row| writer.value(row).unwrap()));
        }
        rejects.extend(decoded.rejects.iter().map(|reject| reject.reason));
    }
    for event in &mut events {
        // The only column that the moment of reading decides.
        event.as_object_mut().unwrap().remove("event.ingested");
    }
    (events, rejects)
}

#[test]
fn netflow_5() {
    let (events, rejects) = read(&[v5(2), v5(1)].concat(), 1000);
    assert!(rejects.is_empty());
    assert_eq!(events.len(), 3);
    let event = &events[1];
    assert_eq!(event["event.dataset"], "network.netflow");
    assert_eq!(event["source.ip"], "192.0.2.2");
    assert_eq!(event["destination.ip"], "198.51.100.7");
    assert_eq!(event["source.port"], 54435);
    assert_eq!(event["destination.port"], 22);
    assert_eq!(event["network.bytes"], 230);
    assert_eq!(event["network.packets"], 5);
    assert_eq!(event["network.transport"], "tcp");
    assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.000Z");
    let start = event["event.start"].as_str().unwrap();
    assert!(start.starts_with("2026-03-01T09:59:58"), "{start}");
}

#[test]
fn netflow_9_with_its_template_before_and_after() {
    let before = [v9(&[template()]), v9(&[records(300)])].concat();
    let after = [v9(&[records(300)]), v9(&[template()])].concat();
    for bytes in [before, after] {
        let (events, rejects) = read(&bytes, 1000);
        assert_eq!(rejects, [] as [&str; 0]);
        assert_eq!(events.len(), 2);
        assert_eq!(events[1]["source.ip"], "192.0.2.2");
        assert_eq!(events[1]["network.bytes"], 256);
        assert_eq!(events[1]["source.port"], 53);
        let start = events[1]["event.start"].as_str().unwrap();
        assert!(start.starts_with("2026-03-01T09:59:59.5"), "{start}");
    }
}

#[test]
fn ipfix_with_enterprise_and_variable_fields() {
    // userName of variable length, an enterprise's element 5, the other direction's bytes.
    let mut form = words(&[400, 4, 8, 4, 371, VARIABLE, 0x8005, 3]);
    form.extend(4711u32.to_be_bytes());
    form.extend(words(&[0x8001, 4]));
    form.extend(REVERSE.to_be_bytes());
    let mut content = vec![192, 0, 2, 9, 3];
    content.extend(b"bob");
    content.extend([1, 2, 3, 0, 0, 0, 9]);
    let bytes = ipfix(&[set(2, &form), set(400, &content)]);
    let (events, rejects) = read(&bytes, 7);
    assert!(rejects.is_empty());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["netflow.enterprise_4711_5"], "010203");
    assert_eq!(events[0]["netflow.reverseOctetDeltaCount"], json!("9"));
    assert!(
        events[0]
            .as_object()
            .unwrap()
            .values()
            .any(|value| value == "bob")
    );
}

#[test]
fn what_is_no_packet_is_refused_and_costs_itself_alone() {
    let (events, rejects) = read(&[v5(1), vec![0xff; 100], v5(1), vec![0; 50]].concat(), 64);
    assert_eq!(events.len(), 2);
    assert_eq!(rejects, ["not_netflow"]);
    // More records than a packet can have.
    let mut wrong = v5(2);
    wrong[2..4].copy_from_slice(&60_000u16.to_be_bytes());
    let (events, rejects) = read(&[v5(1), wrong, v5(1)].concat(), 1000);
    assert_eq!(events.len(), 2);
    assert_eq!(rejects, ["not_netflow"]);
    let (events, rejects) = read(&v9(&[records(301)]), 1000);
    assert!(events.is_empty());
    assert_eq!(rejects, ["netflow_no_template"]);
}

#[test]
fn pieces_of_any_size_give_the_same_events() {
    let bytes = [
        v9(&[template(), records(300)]),
        v5(3),
        ipfix(&[set(2, &words(&[400, 1, 8, 4])), set(400, &[192, 0, 2, 1])]),
        v9(&[records(300)]),
    ]
    .concat();
    let whole = read(&bytes, 100_000);
    assert_eq!(whole.0.len(), 8);
    for chunk in [1, 3, 17, 64] {
        assert_eq!(read(&bytes, chunk), whole, "{chunk}");
    }
}

#[test]
fn fields_that_take_no_place_cost_nothing() {
    // Four thousand of them and one of a byte, and then thousands of sets of one record each.
    let mut fields = words(&[300, 4000]);
    fields.extend((0..3999).flat_map(|_| words(&[8, 0])));
    fields.extend(words(&[4, 1]));
    let mut bytes = v9(&[set(0, &fields)]);
    for _ in 0..10 {
        bytes.extend(v9(&vec![set(300, &[6]); 2000]));
    }
    let mut packets = packets::Packets::default();
    let (mut at, mut done) = (0, Vec::new());
    while at < bytes.len() {
        match packets.next(&bytes[at..], at as u64, true, &mut done) {
            packets::Packet::Taken(length) => at += length,
            _ => panic!("only packets"),
        }
    }
    assert_eq!(done.len(), 20_000);
    let made: usize = done.iter().map(|set| set.frame.len()).sum();
    assert!(made < 10 * bytes.len(), "{made} bytes of {}", bytes.len());
}

#[test]
fn an_empty_scope_still_makes_records_of_options() {
    let template = set(1, &words(&[300, 4, 4, 1, 0, 34, 4]));
    let data = set(300, &[0, 0, 0, 100]);
    let (events, rejects) = read(&v9(&[template, data]), 1000);
    assert_eq!((events.len(), rejects.len()), (1, 0));
    assert_eq!(events[0]["netflow.record"], "options");
}

#[test]
fn thousands_of_sets_that_wait_are_found_by_their_template() {
    let mut bytes = Vec::new();
    for first in 0..4u16 {
        let sets: Vec<_> = (0..1000)
            .map(|id| set(300 + first * 1000 + id, &[7; 4]))
            .collect();
        bytes.extend(v9(&sets));
    }
    for first in 0..4u16 {
        let sets: Vec<_> = (0..1000)
            .map(|id| set(0, &words(&[300 + first * 1000 + id, 1, 1, 4])))
            .collect();
        bytes.extend(v9(&sets));
    }
    let (events, rejects) = read(&bytes, 1000);
    assert_eq!((events.len(), rejects.len()), (4000, 0));
}

/// Elements with a length each, of all kinds and roles.
const ELEMENTS: [(u16, u16); 14] = [
    (8, 4),
    (12, 4),
    (1, 4),
    (2, 8),
    (7, 2),
    (4, 1),
    (6, 1),
    (22, 4),
    (21, 4),
    (210, 1),
    (27, 16),
    (56, 6),
    (152, 8),
    (9999, 3),
];

proptest::proptest! {
    #[test]
    fn records_together_and_alone_give_the_same_events(
        fields in proptest::sample::subsequence(ELEMENTS.to_vec(), 1..8),
        twice in proptest::bool::ANY,
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 400),
        small in proptest::bool::ANY,
    ) {
        let mut fields = fields;
        fields.extend(fields.first().copied().filter(|_| twice));
        let mut form = words(&[300, fields.len() as u16]);
        form.extend(fields.iter().flat_map(|&(number, length)| words(&[number, length])));
        let size: usize = fields.iter().map(|field| usize::from(field.1)).sum();
        // High bits make instants that no calendar has.
        let bytes: Vec<u8> = bytes.iter().map(|byte| if small { byte & 7 } else { *byte }).collect();
        let rows: Vec<&[u8]> = bytes.chunks_exact(size).take(9).collect();
        let template = v9(&[set(0, &form)]);
        let together = [template.clone(), v9(&[set(300, &rows.concat())])].concat();
        let alone: Vec<u8> = rows.iter().flat_map(|row| v9(&[set(300, row)])).collect();
        let told = |bytes: &[u8]| {
            let (mut events, rejects) = read(bytes, 10_000);
            for event in &mut events {
                let event = event.as_object_mut().unwrap();
                event.remove("event.id");
                event.remove("log.offset");
            }
            (events, rejects)
        };
        proptest::prop_assert_eq!(told(&together), told(&[template, alone].concat()));
    }
}

/// A set with the template of this number and these fields.
fn template_of(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut form = words(&[id, fields.len() as u16]);
    form.extend(
        fields
            .iter()
            .flat_map(|&(number, length)| words(&[number, length])),
    );
    set(0, &form)
}

proptest::proptest! {
    #[test]
    fn templates_in_turn_are_read_as_they_stand_then(
        fields in proptest::collection::vec(proptest::sample::subsequence(ELEMENTS.to_vec(), 1..8), 3),
        turns in proptest::collection::vec((0..3_usize, 0..2_u16, proptest::bool::ANY), 1..12),
        bytes in proptest::collection::vec(0..8_u8, 400),
    ) {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        let mut known = [None; 2];
        for (form, id, changes) in turns {
            // A template holds until another one of its number comes.
            let of_number = &mut known[usize::from(id)];
            if changes || of_number.is_none() {
                *of_number = Some(form);
                let template = v9(&[template_of(300 + id, &fields[form])]);
                together.extend_from_slice(&template);
                alone.extend_from_slice(&template);
            }
            let size: usize = fields[of_number.unwrap_or(form)].iter().map(|field| usize::from(field.1)).sum();
            let rows: Vec<&[u8]> = bytes.chunks_exact(size).take(6).collect();
            together.extend(v9(&[set(300 + id, &rows.concat())]));
            alone.extend(rows.iter().flat_map(|row| v9(&[set(300 + id, row)])));
        }
        let told = |bytes: &[u8]| {
            let (mut events, rejects) = read(bytes, 10_000);
            for event in &mut events {
                let event = event.as_object_mut().unwrap();
                event.remove("event.id");
                event.remove("log.offset");
            }
            (events, rejects)
        };
        proptest::prop_assert_eq!(told(&together), told(&alone));
    }
}

#[test]
fn netflow_5_says_how_it_samples() {
    let mut packet = v5(5);
    // The header's last word: mode 1, one of a hundred packets.
    packet[22..24].copy_from_slice(&(0x4000u16 | 100).to_be_bytes());
    let (events, rejects) = read(&[packet, v5(5)].concat(), 1000);
    assert_eq!((events.len(), rejects.len()), (10, 0));
    for event in &events[..5] {
        let (mode, interval) = (
            &event["netflow.samplingAlgorithm"],
            &event["netflow.samplingInterval"],
        );
        assert_eq!(
            (mode.to_string(), interval.to_string()),
            ("\"1\"".into(), "\"100\"".into()),
            "{event}"
        );
        assert_eq!(event["source.port"], 54435);
    }
    assert!(
        events[5..]
            .iter()
            .all(|event| event.get("netflow.samplingInterval").is_none())
    );
}

#[test]
fn values_that_are_cut_off_say_so() {
    let form = words(&[400, 1, 371, VARIABLE]);
    let long = "x".repeat(MAX_VALUE + 1);
    let mut content = vec![255];
    content.extend(u16::try_from(long.len()).unwrap().to_be_bytes());
    content.extend(long.as_bytes());
    let (events, rejects) = read(&ipfix(&[set(2, &form), set(400, &content)]), 10_000);
    assert!(rejects.is_empty());
    assert_eq!(events[0]["error.type"], "truncated");
    assert_eq!(events[0]["error.message"], "userName: 4096 of 4097 bytes");
}
