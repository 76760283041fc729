use super::*;
use crate::catalog::{Catalog, UNMAPPED};
use crate::output::{EventWriter, JsonStyle};

fn meta(offset: u64) -> EventMeta<'static> {
    EventMeta {
        time: Some(1),
        fallback_time: 0,
        event_id: u128::from(offset),
        path: "x",
        offset,
        raw: b"",
    }
}

fn sysmon() -> BatchBuilder {
    let dataset = Catalog::builtin()
        .dataset("windows.sysmon")
        .expect("shipped")
        .clone();
    BatchBuilder::new(dataset, Arc::new(BatchOptions::default()))
}

#[test]
fn fields_land_in_their_columns_and_misfits_in_unmapped() {
    let mut builder = sysmon();
    builder.begin();
    builder.field("CommandLine", "whoami".into());
    builder.field("ProcessId", "4242".into());
    builder.field("Odd", Value::Json(r#"{"a":1}"#));
    builder.commit(meta(0));
    builder.begin();
    builder.field("ProcessId", "0x10".into());
    builder.field("ProcessID", "7".into());
    builder.commit(meta(1));
    builder.begin();
    builder.field("CommandLine", "never committed".into());
    let batch = builder.finish().expect("two events");
    assert_eq!(batch.len(), 2);
    let commands = strings(batch.column("process_command_line").expect("set")).expect("text");
    assert_eq!((commands.get(0), commands.get(1)), (Some("whoami"), None));
    let unmapped = strings(batch.column(UNMAPPED).expect("set")).expect("text");
    assert_eq!(unmapped.get(0), Some(r#"{"winlog.event_data.Odd":{"a":1}}"#));
    assert_eq!(unmapped.get(1), Some(r#"{"process.pid":"0x10"}"#));
    assert_eq!(builder.take_counters().misfits, 1);
    assert!(builder.finish().is_none());
}

#[test]
fn an_event_that_is_not_committed_leaves_nothing_to_the_next_batch() {
    let mut builder = sysmon();
    let fields = [
        ("CommandLine", "whoami"),
        ("ProcessId", "7"),
        ("UtcTime", "2026-03-01 10:00:00"),
        ("Odd", "x"),
    ];
    let fill = |builder: &mut BatchBuilder| {
        for (name, text) in fields {
            builder.field(name, text.into());
        }
    };
    // Columns that the batch knows from elsewhere, and that its only event has no value in.
    builder.begin();
    builder.commit(meta(0));
    builder.begin();
    fill(&mut builder);
    assert_eq!(builder.finish().expect("one event").len(), 1);
    builder.begin();
    fill(&mut builder);
    builder.commit(meta(1));
    let batch = builder.finish().expect("one event");
    assert!(batch.column(UNMAPPED).is_none(), "{:?}", batch.column(UNMAPPED));
    let commands = strings(batch.column("process_command_line").expect("set")).expect("text");
    assert_eq!(commands.get(0), Some("whoami"));
}

#[test]
fn every_standard_column_is_present() {
    let mut builder = sysmon();
    builder.begin();
    builder.commit(meta(0));
    let batch = builder.finish().expect("one event");
    let names: Vec<_> = batch
        .events
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    let standard: Vec<_> = STANDARD_COLUMNS
        .iter()
        .map(|(sql, _, _)| (*sql).to_owned())
        .collect();
    assert_eq!(names, standard);
}

fn rows_of(batch: &EventBatch, sql: &str) -> Vec<Option<String>> {
    let column = strings(batch.column(sql).expect("set")).expect("text");
    (0..batch.len())
        .map(|row| column.get(row).map(str::to_owned))
        .collect()
}

#[test]
fn a_builder_goes_on_after_a_batch_however_columns_are_stored() {
    let mut builder = sysmon();
    let mut stored_plain = false;
    for round in 0..20 {
        let mut expected = Vec::new();
        for row in 0..50 {
            builder.begin();
            // Distinct in every row but one in ten, so that the column becomes plain.
            let command = format!("command {round} {row}");
            if row % 10 != 3 {
                builder.field("CommandLine", command.as_str().into());
            }
            builder.field("Image", "same".into());
            if row == 7 {
                builder.begin();
                builder.field("CommandLine", "written after all".into());
            }
            builder.commit(meta(row));
            expected.push(match row {
                7 => Some("written after all".to_owned()),
                _ => (row % 10 != 3).then_some(command),
            });
        }
        let batch = builder.finish().expect("fifty events");
        assert_eq!(rows_of(&batch, "process_command_line"), expected, "round {round}");
        stored_plain |= matches!(
            strings(batch.column("process_command_line").expect("set")),
            Some(StringColumn::Plain(_))
        );
        assert!(matches!(
            strings(batch.column("process_executable").expect("set")),
            Some(StringColumn::Dictionary(_, _))
        ));
    }
    assert!(stored_plain);
}

#[test]
fn names_of_one_column_say_the_same_however_events_are_cut() {
    let json = Value::Json("{}");
    let said = |cuts: bool| {
        let dataset = Catalog::builtin()
            .dataset("generic.json")
            .expect("shipped")
            .clone();
        let mut builder = BatchBuilder::new(dataset, Arc::new(BatchOptions::default()));
        let mut events = Vec::new();
        for (name, value) in [
            ("filterSet", &json),
            ("filter_set", &json),
            ("filterSet", &json),
            ("Size-Of", &Value::Str("x")),
            ("Size.Of", &Value::Str("x")),
            ("Size-Of", &Value::Str("x")),
        ] {
            builder.begin();
            builder.field(name, value.clone());
            builder.commit(meta(0));
            if cuts {
                events.extend(builder.finish());
            }
        }
        events.extend(builder.finish());
        let mut lines = Vec::new();
        for batch in &events {
            let writer = EventWriter::new(&batch.events, JsonStyle::Flat);
            for row in 0..batch.len() {
                lines.push(String::new());
                writer.write(row, lines.last_mut().expect("pushed"));
            }
        }
        // When they were read says the beginning of each.
        lines
            .iter()
            .map(|line| line.split_once("tenant").expect("standard").1.to_owned())
            .collect::<Vec<_>>()
    };
    let whole = said(false);
    assert_eq!(whole, said(true));
    assert!(whole[2].contains(r#""unmapped":{"filterSet":{}}"#), "{whole:?}");
    assert!(whole[5].contains(r#""Size-Of":"x""#), "{whole:?}");
}

#[test]
fn names_past_the_limit_go_to_unmapped() {
    let dataset = Catalog::builtin()
        .dataset("generic.json")
        .expect("shipped")
        .clone();
    let options = BatchOptions {
        max_columns: 3,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(dataset, Arc::new(options));
    for round in 0..3 {
        builder.begin();
        for name in 0..1000 {
            builder.field(&format!("k{name}"), Value::Int(round));
        }
        builder.field("k999", Value::Int(77));
        builder.commit(meta(0));
        let batch = builder.finish().expect("one event");
        assert_eq!(batch.events.num_columns(), STANDARD_COLUMNS.len() + 4);
        let unmapped = rows_of(&batch, UNMAPPED)[0].clone().expect("set");
        let unmapped: serde_json::Value = serde_json::from_str(&unmapped).expect("JSON");
        assert_eq!(unmapped.as_object().map(serde_json::Map::len), Some(997));
        assert_eq!(unmapped["k999"], serde_json::json!([round, 77]));
        assert_eq!(builder.take_counters().over_limit, 998);
    }
}

#[test]
fn a_deep_value_hides_no_other() {
    let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
    let mut builder = sysmon();
    builder.begin();
    builder.field("Odd", Value::Json(r#"{"a":1}"#));
    builder.field("Deep", Value::Json(&deep));
    builder.commit(meta(0));
    let batch = builder.finish().expect("one event");
    let unmapped = strings(batch.column(UNMAPPED).expect("set")).expect("text");
    let object: serde_json::Value =
        serde_json::from_str(unmapped.get(0).expect("set")).expect("the whole object can be read");
    assert_eq!(object["winlog.event_data.Odd"]["a"], 1);
    assert_eq!(object["winlog.event_data.Deep"], deep.as_str());
    let marks = strings(batch.column("error_type").expect("marked")).expect("text");
    assert_eq!(marks.get(0), Some("nested_too_deep"));
    assert_eq!(builder.take_counters().too_deep, 1);
}

#[test]
fn endless_names_get_no_column() {
    let (dotted, long) = ("a.".repeat(500_000), "x".repeat(2000));
    let mut builder = sysmon();
    builder.begin();
    builder.field(&dotted, "1".into());
    builder.field(&long, "2".into());
    builder.field(&"a.".repeat(30), "3".into());
    builder.commit(meta(0));
    let batch = builder.finish().expect("one event");
    assert_eq!(batch.events.num_columns(), STANDARD_COLUMNS.len() + 2);
    let mut json = String::new();
    crate::output::EventWriter::new(&batch.events, crate::output::JsonStyle::Nested).write(0, &mut json);
    assert!(json.contains(&format!(r#"{long}":"2""#)));
    assert_eq!(builder.take_counters().over_limit, 2);
}

#[test]
fn lists_that_repeat_as_they_stand_are_kept_row_by_row() {
    let mut builder = sysmon();
    let list = |builder: &mut BatchBuilder, raw: &str, items: &[&'static str]| {
        let items: Vec<Value<'_>> = items.iter().map(|item| Value::Str(item)).collect();
        builder.raw_list(7, "tags", raw, || Some(Value::List(items)))
    };
    for round in 0..2 {
        for (offset, (raw, items)) in [
            (r#"["a","b"]"#, &["a", "b"][..]),
            (r#"["a","b"]"#, &["a", "b"]),
            (r#"[ "a","b"]"#, &["a", "b"]),
            ("[]", &[]),
            (r#"["c"]"#, &["c"]),
            (r#"["a","b"]"#, &["a", "b"]),
            (r#"["c"]"#, &["c"]),
            (r#"["e"]"#, &["e"]),
            (r#"["c"]"#, &["c"]),
            (r#"["c"]"#, &["c"]),
            (r#"["e"]"#, &["e"]),
        ]
        .into_iter()
        .enumerate()
        {
            builder.begin();
            // Of an event that is not committed nothing stays.
            list(&mut builder, r#"["gone"]"#, &["gone"]).expect("a list");
            builder.begin();
            list(&mut builder, raw, items).expect("a list");
            // The same once more is nothing new; another one is put aside.
            list(&mut builder, raw, items).expect("a list");
            if offset == 4 {
                list(&mut builder, r#"["d"]"#, &["d"]).expect("a list");
            }
            builder.commit(meta(offset as u64));
        }
        let batch = builder.finish().expect("events");
        let lists = batch.column("tags").expect("set");
        let options = arrow::util::display::FormatOptions::default();
        let lists = arrow::util::display::ArrayFormatter::try_new(lists, &options).expect("shown");
        let rows: Vec<String> = (0..batch.len()).map(|row| lists.value(row).to_string()).collect();
        assert_eq!(
            rows,
            [
                "[a, b]", "[a, b]", "[a, b]", "[]", "[c]", "[a, b]", "[c]", "[e]", "[c]", "[c]", "[e]"
            ],
            "{round}"
        );
        let unmapped = strings(batch.column(UNMAPPED).expect("set")).expect("text");
        assert_eq!(unmapped.get(4), Some(r#"{"tags":["d"]}"#));
        assert_eq!(unmapped.get(5), None);
    }
}

#[test]
fn forms_say_what_fields_say() {
    const NAMES: &[&str] = &["CommandLine", "ProcessId", "CommandLine", "Odd", "log_offset"];
    static FORM: Form = Form::new(NAMES);
    let rows: [[Value<'_>; 5]; 3] = [
        ["a".into(), "7".into(), Value::Null, Value::Null, Value::Null],
        [Value::Null, "x".into(), "b".into(), Value::Int(1), "9".into()],
        ["a".into(), Value::Int(8), "c".into(), "y".into(), Value::Null],
    ];
    let (mut one, mut other) = (sysmon(), sysmon());
    for round in 0..2 {
        for (offset, values) in rows.iter().enumerate() {
            one.begin();
            one.write_form(&FORM, values);
            one.commit(meta(offset as u64));
            other.begin();
            for (name, value) in NAMES.iter().zip(values) {
                other.field(name, value.clone());
            }
            other.commit(meta(offset as u64));
        }
        let (one, other) = (one.finish().expect("events"), other.finish().expect("events"));
        let ingest = |batch: &EventBatch| batch.events.schema().index_of("ingest_time").expect("standard");
        for (at, (one_column, other_column)) in one
            .events
            .columns()
            .iter()
            .zip(other.events.columns())
            .enumerate()
        {
            assert!(at == ingest(&one) || one_column == other_column, "{round} {at}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn all_fields_of_an_event_say_what_each_says(
        batches in proptest::collection::vec(
            proptest::collection::vec(
                proptest::collection::vec((0..8_usize, proptest::bool::ANY, 0..6_usize), 0..7),
                1..6,
            ),
            1..4,
        ),
        max_columns in proptest::sample::select(vec![0, 2, 5, 1000]),
    ) {
        const NAMES: [&str; 8] =
            ["CommandLine", "ProcessId", "process.pid", "Odd", "log_offset", "@timestamp", "kv.x", "message"];
        let value = |number: usize| match number {
            0 => Value::Str("4242"),
            1 => Value::Str("a longer text, of more than sixteen bytes"),
            2 => Value::Int(7),
            3 => Value::Time(1_772_355_600_000_000),
            4 => Value::List(vec![Value::Str("a"), Value::Str("b")]),
            _ => Value::Null,
        };
        let builder = || {
            let options = BatchOptions { max_columns, ingest_time: 1, ..BatchOptions::default() };
            BatchBuilder::new(sysmon().dataset.clone(), Arc::new(options))
        };
        let (mut one, mut other) = (builder(), builder());
        for batch in &batches {
            for (offset, event) in batch.iter().enumerate() {
                // Names that are no constants stand elsewhere each time.
                let names: Vec<String> = event.iter().map(|(name, ..)| NAMES[*name].to_owned()).collect();
                let mut fields = crate::formats::fields::Fields::new();
                other.begin();
                for ((name, constant, number), spelled) in event.iter().zip(&names) {
                    match constant {
                        true => fields.push(NAMES[*name], value(*number)),
                        false => fields.push_named(spelled, value(*number)),
                    }
                    other.field(spelled, value(*number));
                }
                other.commit(meta(offset as u64));
                one.begin();
                one.write_fields(fields.all(), |_| false);
                one.commit(meta(offset as u64));
            }
            let batch = [&mut one, &mut other].map(|builder| builder.finish().expect("events").events);
            proptest::prop_assert_eq!(&batch[0], &batch[1]);
            proptest::prop_assert_eq!(one.take_counters(), other.take_counters());
        }
    }
}
