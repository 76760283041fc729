use super::*;
use crate::catalog::Catalog;

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
