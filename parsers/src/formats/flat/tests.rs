//! The flat reader against the tape: the same bytes, the same events.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use proptest::prelude::*;

use crate::batch::{BatchOptions, BuilderCounters};
use crate::catalog::Catalog;
use crate::formats::json::JsonDecoder;
use crate::formats::{EventSink, FrameContext};
use crate::frame::{FrameBlock, FrameSpan, Framing, Source};

/// Batches with their dictionaries resolved, what was counted, and which records were refused.
type Outcome = (Vec<(Arc<str>, RecordBatch)>, BuilderCounters, Vec<usize>);

/// How records are read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Tape,
    /// Flat, each written when it is read.
    Flat,
    /// Flat, and written together.
    Together,
}

/// The records as the frames of a block.
fn block(records: &[String]) -> FrameBlock {
    let mut frames = Vec::new();
    let mut bytes = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let start = bytes.len();
        bytes.extend_from_slice(record.as_bytes());
        frames.push(FrameSpan {
            start,
            end: bytes.len(),
            offset: number as u64,
            truncated: false,
        });
        bytes.push(b'\n');
    }
    FrameBlock {
        source: Arc::new(Source {
            path: "-".into(),
            reference_time: 11,
            ..Source::default()
        }),
        place: 3,
        sequence: 0,
        framing: Framing::Json,
        header: None,
        bytes,
        frames,
        rejects: Vec::new(),
    }
}

fn decoded(records: &[String], way: Way, max_columns: usize, timezone: chrono_tz::Tz) -> (Outcome, usize) {
    let catalog = Catalog::builtin();
    let options = BatchOptions {
        ingest_time: 7,
        max_columns,
        ..BatchOptions::default()
    };
    let mut json = JsonDecoder::new(&catalog);
    if way == Way::Tape {
        json.without_flat();
    }
    let mut sink = EventSink::new(catalog, Arc::new(options));
    let mut refused = Vec::new();
    let mut plain = Vec::new();
    let mut counters = BuilderCounters::default();
    // Twice: what was learned in the first half must not show in the second.
    for half in records.chunks(records.len().div_ceil(2).max(1)) {
        let block = block(half);
        for (number, span) in block.frames.iter().enumerate() {
            let context = FrameContext {
                path: "-",
                place: 3,
                offset: number as u64,
                reference_time: 11,
                timezone,
                dataset: None,
            };
            let frame = block.frame(*span);
            let result = match way {
                Way::Together => {
                    let place = Some((&block, *span));
                    json.decode_in(place, frame, &context, &mut sink, &mut |_| {})
                }
                Way::Tape | Way::Flat => json.decode(frame, &context, &mut sink),
            };
            if result.is_err() {
                refused.push(number);
            }
        }
        sink.settle(&block, 0);
        for batch in sink.finish() {
            let columns = batch
                .events
                .columns()
                .iter()
                .map(|column| match column.data_type() {
                    DataType::Dictionary(_, _) => cast(column, &DataType::Utf8).unwrap(),
                    _ => column.clone(),
                });
            let names = batch.events.schema();
            let names = names.fields().iter().map(|field| field.name().clone());
            plain.push((
                batch.dataset.name.clone(),
                RecordBatch::try_from_iter(names.zip(columns)).unwrap(),
            ));
        }
        counters += sink.take_counters();
    }
    ((plain, counters, refused), json.flat_records())
}

fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => prop::sample::select(vec![
            "", "4624", "0", "-7", "a", "A", r"C:\\Windows\\System32\\cmd.exe", r"x\ty\u0041\ud83d\ude00", r"\/",
            r"bad\ud83d", r"bad\x", "caf\u{e9}", "Security", "Microsoft-Windows-Sysmon/Operational",
            r"Microsoft-Windows-Sysmon\/Operational", "Microsoft-Windows-Security-Auditing", "raw\u{1}control",
            "2026-03-01T10:00:00.123Z", "2026-03-01 10:00:00.123", "2026-03-01T12:00:00+02:00", "1772359200",
            "3/1/2026 10:00:00 AM", r"\/Date(1772359200000)\/",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{0,40}".prop_map(|text| text.replace(['"', '\\'], "")),
    ];
    prop_oneof![
        6 => text.prop_map(|text| format!("\"{text}\"")),
        2 => prop::sample::select(vec![
            "0", "-0", "1", "-1", "01", "1.5", "1e3", "1772359200", "1772359200.5", "9223372036854775807",
            "9223372036854775808", "123456789012345678901234567890", "-", "1-2", "true", "false", "null", "nul",
            "[]", "{}", "[1,\"a\"]", "{\"a\":1}", "-9223372036854775808", "-9223372036854775809", "[ \"a\\\\b\" , null,true ]",
            "[[1]]", "[{}]", "[1,]", "[,1]", "[1 2]", "[1.5]", "[\"a\\x\"]",
        ]).prop_map(str::to_owned),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "EventID",
        "EventId",
        "event_id",
        "Channel",
        "channel",
        "LogName",
        "log_name",
        "SourceName",
        "Provider_Name",
        "source_name",
        "@timestamp",
        "UtcTime",
        "EventTime",
        "TimeCreated",
        "SystemTime",
        "EventData",
        "user_data",
        "winlog.channel",
        "event_data.Image",
        "record_number",
        "Image",
        "image",
        "CommandLine",
        "ProcessId",
        "Hashes",
        "User",
        "Message",
        "Hostname",
        "Computer",
        "event_type",
        "a.b",
        "Keywords",
        "log_offset",
        "tenant",
        "unmapped",
        "Data",
        "IpAddress",
        "TargetUserName",
        "timestamp",
        "",
        "caf\u{e9}",
        r"esc\u0041ped",
        "Id",
        "ts",
        "_path",
    ])
    .prop_map(str::to_owned)
}

fn record() -> impl Strategy<Value = String> {
    let fixed = prop_oneof![
        3 => Just(vec![
            ("EventID".to_owned(), "1".to_owned()),
            ("Channel".to_owned(), "\"Microsoft-Windows-Sysmon/Operational\"".to_owned()),
            ("UtcTime".to_owned(), "\"2026-03-01 10:00:00.123\"".to_owned()),
        ]),
        2 => Just(vec![
            ("EventID".to_owned(), "4624".to_owned()),
            ("Channel".to_owned(), "\"Security\"".to_owned()),
            ("@timestamp".to_owned(), "\"2026-03-01T10:00:00.000Z\"".to_owned()),
        ]),
        1 => Just(Vec::new()),
    ];
    let fields = prop::collection::vec((key(), value()), 0..8);
    let space = prop::sample::select(vec!["", " ", "\t", "  "]);
    (
        fixed,
        fields,
        space.clone(),
        space,
        0..40_usize,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut fields, more, before, after, cut, at)| {
            fields.extend(more);
            // Fixed fields are not always the first ones.
            let turn = at.index(fields.len().max(1));
            if !fields.is_empty() {
                fields.rotate_left(turn);
            }
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{before}\"{key}\"{after}:{before}{value}{after}"))
                .collect();
            let mut record = format!("{{{}}}", fields.join(","));
            if cut < 3 {
                record.truncate(record.len().saturating_sub(cut));
            }
            record
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_flat_reader_and_the_tape_give_the_same_events(
        records in prop::collection::vec(record(), 1..40),
        local in any::<bool>(),
        max_columns in prop::sample::select(vec![12, 1000]),
        again in 1..4_usize,
    ) {
        // What comes again is known, and can wait.
        let records = vec![records; again].concat();
        let timezone = if local { chrono_tz::Europe::Berlin } else { chrono_tz::UTC };
        let (by_tape, none) = decoded(&records, Way::Tape, max_columns, timezone);
        let (by_flat, _) = decoded(&records, Way::Flat, max_columns, timezone);
        let (together, _) = decoded(&records, Way::Together, max_columns, timezone);
        prop_assert_eq!(none, 0);
        prop_assert_eq!(&by_flat, &by_tape);
        prop_assert_eq!(&together, &by_tape);
    }
}

#[test]
fn plain_records_are_read_flat() {
    let records: Vec<String> = (0..50)
        .map(|number| {
            format!(
                r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:{:02}.123","Image":"C:\\a{number}.exe"}}"#,
                number
            )
        })
        .collect();
    let (by_tape, _) = decoded(&records, Way::Tape, 1000, chrono_tz::UTC);
    for way in [Way::Flat, Way::Together] {
        let (by_flat, flat) = decoded(&records, way, 1000, chrono_tz::UTC);
        assert_eq!(flat, 50, "of 50 records");
        assert_eq!(by_flat, by_tape);
    }
}

/// Records of the shapes of sensors, whose values vary.
fn shaped_record() -> impl Strategy<Value = Vec<String>> {
    let fixed = Just([
        ("EventID".to_owned(), "1".to_owned()),
        (
            "Channel".to_owned(),
            "\"Microsoft-Windows-Sysmon/Operational\"".to_owned(),
        ),
        ("UtcTime".to_owned(), "\"2026-03-01 10:00:00.123\"".to_owned()),
    ]);
    let keys = prop::collection::vec((key(), value()), 0..12);
    let space = prop::sample::select(vec!["", "", "", " "]);
    let values = prop::collection::vec((any::<prop::sample::Index>(), value(), 0..20_usize), 3..12);
    (fixed, keys, space, values, any::<prop::sample::Index>()).prop_map(
        |(fixed, more, space, values, turn)| {
            let mut fields = [&fixed[..], &more].concat();
            let turn = turn.index(fields.len());
            fields.rotate_left(turn);
            let written = |fields: &[(String, String)]| {
                let fields = fields
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{space}{value}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            };
            let plain = written(&fields);
            // What is learned of the first ones holds for those that follow, in which some values are others.
            let mut records = vec![plain; 3];
            for (at, value, cut) in values {
                let at = at.index(fields.len());
                fields[at].1 = value;
                let mut record = written(&fields);
                if cut < 2 {
                    record.truncate(record.len().saturating_sub(cut + 1));
                }
                records.push(record);
            }
            records
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn records_of_known_shapes_are_read_as_if_they_were_the_first(
        producers in prop::collection::vec(shaped_record(), 1..4),
        turns in prop::collection::vec(0..4_usize, 0..30),
    ) {
        let catalog = Catalog::builtin();
        let mut known = super::FlatReader::new(&catalog);
        let mut left: Vec<_> = producers.iter().map(|records| records.iter()).collect();
        // In any order, and then what is left of each.
        let turns = turns.into_iter().chain((0..4).flat_map(|producer| [producer; 15]));
        for turn in turns {
            let Some(record) = left.get_mut(turn).and_then(Iterator::next) else { continue };
            // One that has learned no shapes, but the keys and their numbers.
            let mut walking = super::FlatReader::new(&catalog);
            walking.keys = std::mem::take(&mut known.keys);
            let (wanted, spans) = seen(&mut walking, record);
            known.keys = walking.keys;
            let (found, found_spans) = seen(&mut known, record);
            prop_assert_eq!(found, wanted, "{}", record);
            prop_assert_eq!(found_spans, spans, "{}", record);
        }
    }
}

/// What a reader says of a record, and which of its fields are what, and where.
fn seen(reader: &mut super::FlatReader, record: &str) -> (Option<String>, Vec<String>) {
    let event = reader.read(record.as_bytes(), chrono_tz::UTC);
    let Some(event) = event else {
        return (None, Vec::new());
    };
    let fields = event.fields.iter().map(|field| format!("{field:?}")).collect();
    let told = format!(
        "{} {:x} {:?} {:?}",
        event.dataset.name,
        event.shape(),
        event.time.own,
        event.created()
    );
    (Some(told), fields)
}

#[test]
fn plans_are_used() {
    let catalog = Catalog::builtin();
    let mut reader = super::FlatReader::new(&catalog);
    for number in 0..10 {
        for name in ["Image", "User"] {
            let record = format!(
                r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.123","{name}":"a{number}"}}"#
            );
            assert!(reader.read(record.as_bytes(), chrono_tz::UTC).is_some());
            // A record that was walked leaves the steps behind that it took.
            let walked = !reader.noted.steps.is_empty();
            reader.noted.steps.clear();
            assert_eq!(walked, number < 2, "{number} {name}");
        }
    }
}

#[test]
fn long_values_are_written_as_short_ones_are() {
    let records: Vec<String> = (0..60)
        .map(|number| {
            let value = "x".repeat([5, 70_000, 65_535, 65_536, 1][number % 5]);
            format!(
                r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.123","CommandLine":"{value}","User":"a{number}"}}"#,
            )
        })
        .collect();
    let (by_tape, _) = decoded(&records, Way::Tape, 1000, chrono_tz::UTC);
    for way in [Way::Flat, Way::Together] {
        let (by_flat, flat) = decoded(&records, way, 1000, chrono_tz::UTC);
        assert_eq!(flat, 60);
        assert_eq!(by_flat, by_tape);
    }
}
