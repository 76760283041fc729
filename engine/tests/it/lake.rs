//! The lake: what is written is what is read back, once, whatever happens in between.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used)]

mod speed;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use borzoi_engine::lake::{ALERTS, FlushReport, Lake, LakeError, LakeWriter, WriterOptions};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use datafusion::prelude::SessionContext;
use parquet::file::reader::{FileReader, SerializedFileReader};

const DAY: i64 = 86_400_000_000;
/// 2024-05-01T00:00:00Z.
const BASE: i64 = 1_714_521_600_000_000;

/// An event of a test: its number is its identity.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: u64,
    time: i64,
    host: String,
}

fn event(id: u64, time: i64) -> Event {
    Event {
        id,
        time,
        host: format!("host-{}", id % 3),
    }
}

fn id_text(id: u64) -> String {
    // As real ids are: a place shared by neighbours, an offset, a check that looks random.
    let check = (id as u32).wrapping_mul(2_654_435_761);
    format!("{:014x}{:010x}{check:08x}", id / 1000, id)
}

fn batch_with(events: &[Event], extra: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let keys: Int32Array = events.iter().map(|event| (event.id % 3) as i32).collect();
    let hosts = StringArray::from(vec!["host-0", "host-1", "host-2"]);
    let times = |micros: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"));
    let constant = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; events.len()])) };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("time", times(events.iter().map(|event| event.time).collect())),
        ("ingest_time", times(vec![BASE; events.len()])),
        ("tenant", constant("default")),
        ("dataset", constant("windows.sysmon")),
        (
            "event_id",
            Arc::new(StringArray::from_iter_values(
                events.iter().map(|event| id_text(event.id)),
            )),
        ),
        (
            "host_name",
            Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(hosts))),
        ),
        (
            "log_offset",
            Arc::new(Int64Array::from_iter_values(
                events.iter().map(|event| event.id as i64),
            )),
        ),
    ];
    columns.extend(extra);
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn batch(events: &[Event]) -> EventBatch {
    event_batch(batch_with(events, Vec::new()))
}

fn event_batch(events: RecordBatch) -> EventBatch {
    EventBatch {
        dataset: Catalog::builtin().dataset("windows.sysmon").unwrap().clone(),
        tenant: Arc::from("default"),
        events,
    }
}

fn writer(path: &Path) -> LakeWriter {
    LakeWriter::new(Lake::create(path).unwrap(), WriterOptions::default())
}

async fn store(path: &Path, events: &[Event]) -> FlushReport {
    let mut writer = writer(path);
    writer.append(&batch(events)).unwrap();
    writer.flush().await.unwrap()
}

async fn query(path: &Path, dataset: &str, sql: &str) -> RecordBatch {
    let table = Lake::open(path)
        .unwrap()
        .open_table("default", dataset)
        .await
        .unwrap()
        .expect("the table exists");
    let context = SessionContext::new();
    context
        .register_table("t", table.table_provider().await.unwrap())
        .unwrap();
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    match batches.first() {
        Some(first) => arrow::compute::concat_batches(&first.schema(), &batches).unwrap(),
        None => RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty())),
    }
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let plain = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8).unwrap();
    plain
        .as_string::<i32>()
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect()
}

/// Everything in the table: id → time and host. Panics on an id stored twice.
async fn contents(path: &Path) -> BTreeMap<String, (i64, String)> {
    let rows = query(
        path,
        "windows.sysmon",
        "select event_id, time, host_name, day from t",
    )
    .await;
    let mut found = BTreeMap::new();
    if rows.num_rows() == 0 {
        return found;
    }
    let (ids, hosts) = (texts(rows.column(0)), texts(rows.column(2)));
    let times = rows.column(1).as_primitive::<TimestampMicrosecondType>();
    let days = rows.column(3).as_primitive::<arrow::datatypes::Date32Type>();
    for row in 0..rows.num_rows() {
        assert_eq!(i64::from(days.value(row)), times.value(row).div_euclid(DAY));
        let value = (times.value(row), hosts[row].clone().unwrap());
        let before = found.insert(ids[row].clone().unwrap(), value);
        assert!(before.is_none(), "{:?} is stored twice", ids[row]);
    }
    found
}

fn expected<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, (i64, String)> {
    events
        .into_iter()
        .map(|event| (id_text(event.id), (event.time, event.host.clone())))
        .collect()
}

fn data_files(path: &Path) -> Vec<std::path::PathBuf> {
    let table = path.join("default/windows.sysmon");
    let mut files: Vec<_> = std::fs::read_dir(table)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("day="))
        .flat_map(|day| std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..1000)
        .map(|id| event(id, BASE + id as i64 * 1_000_003))
        .collect();
    let report = store(folder.path(), &events).await;
    assert_eq!(
        (report.rows_written, report.duplicates, report.files),
        (1000, 0, 1)
    );
    assert_eq!(contents(folder.path()).await, expected(&events));
    let status = Lake::open(folder.path()).unwrap().status().await.unwrap();
    assert_eq!(status.len(), 1);
    assert_eq!((status[0].rows, status[0].files, status[0].days), (1000, 1, 1));
    assert_eq!(status[0].bytes, report.bytes);
    assert_eq!(
        status[0].first_time.as_deref(),
        Some("2024-05-01T00:00:00.000000Z")
    );
    assert_eq!(
        status[0].last_time.as_deref(),
        Some("2024-05-01T00:16:39.002997Z")
    );
    assert_eq!(status[0].unreferenced_files, 0);
}

#[tokio::test]
async fn the_same_input_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..5000).map(|id| event(id, BASE + id as i64)).collect();
    store(folder.path(), &events).await;
    // Another run, then the same run twice, then both in one flush.
    let again = store(folder.path(), &events).await;
    assert_eq!(
        (again.rows_written, again.duplicates, again.commits),
        (0, 5000, 0)
    );
    let mut writer = writer(folder.path());
    for _ in 0..2 {
        writer.append(&batch(&events)).unwrap();
        writer.flush().await.unwrap();
    }
    let fresh: Vec<Event> = (9000..9100).map(|id| event(id, BASE + id as i64)).collect();
    writer.append(&batch(&fresh)).unwrap();
    writer.append(&batch(&fresh)).unwrap();
    writer.append(&batch(&events[..10])).unwrap();
    let last = writer.flush().await.unwrap();
    assert_eq!((last.rows_written, last.duplicates), (100, 110));
    assert_eq!(writer.totals().duplicates, 10_110);
    assert_eq!(
        contents(folder.path()).await,
        expected(events.iter().chain(&fresh))
    );
}

#[tokio::test]
async fn overlapping_halves_make_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..3000)
        .map(|id| event(id, BASE + (id as i64 % 700) * 11))
        .collect();
    store(folder.path(), &events[..2000]).await;
    let report = store(folder.path(), &events[1000..]).await;
    assert_eq!((report.rows_written, report.duplicates), (1000, 1000));
    assert_eq!(contents(folder.path()).await, expected(&events));
}

#[tokio::test]
async fn the_same_event_is_stored_once_whatever_its_time_reads_as() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..3000).map(|id| event(id, BASE + id as i64)).collect();
    store(folder.path(), &events).await;
    // Another time zone, another year, the time of another copy's modification.
    for shift in [3_600_000_000, 365 * DAY, -40 * DAY] {
        let moved: Vec<Event> = events
            .iter()
            .map(|event| Event {
                time: event.time + shift,
                ..event.clone()
            })
            .collect();
        let report = store(folder.path(), &moved).await;
        assert_eq!((report.rows_written, report.duplicates), (0, 3000), "{shift}");
    }
    assert_eq!(contents(folder.path()).await, expected(&events));
    // Both in one flush: the first one counts.
    let twice = [event(9000, BASE), event(9000, BASE + DAY)];
    let report = store(folder.path(), &twice).await;
    assert_eq!((report.rows_written, report.duplicates, report.files), (1, 1, 1));
}

#[tokio::test]
async fn rows_from_new_places_are_compared_with_no_stored_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriterOptions {
        checkpoint_commits: 3,
        ..WriterOptions::default()
    };
    let mut writer = LakeWriter::new(Lake::create(folder.path()).unwrap(), options);
    // Each flush has a place of its own, at the same times; the alerts' ids are hashes.
    let part = |number: u64| -> Vec<Event> {
        (0..200)
            .map(|id| event(number * 1000 + id, BASE + id as i64))
            .collect()
    };
    let alerts = |events: &[Event]| {
        let hash = |id: u64| format!("{:016x}{:016x}", id.wrapping_mul(0x9E37_79B9_7F4A_7C15), id);
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(
            events.iter().map(|event| hash(event.id)),
        ));
        let of: ArrayRef = Arc::new(StringArray::from_iter_values(
            events.iter().map(|event| id_text(event.id)),
        ));
        let times: Vec<i64> = events.iter().map(|event| event.time).collect();
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
        RecordBatch::try_from_iter([("time", times), ("event_id", ids), ("alert_event_id", of)]).unwrap()
    };
    let mut report = FlushReport::default();
    for number in 0..7 {
        writer.append(&batch(&part(number))).unwrap();
        writer.append_alerts("default", &alerts(&part(number))).unwrap();
        report += writer.flush().await.unwrap();
    }
    assert_eq!((report.rows_written, report.files_compared), (7 * 400, 0));
    let log = folder.path().join("default/alerts/_delta_log");
    assert!(log.join("_last_checkpoint").exists());
    // What the log says survives its checkpoint: another writer reads one file of each table for the rows of one.
    let mut writer = self::writer(folder.path());
    writer.append(&batch(&part(2))).unwrap();
    writer.append_alerts("default", &alerts(&part(2))).unwrap();
    writer.append(&batch(&part(100))).unwrap();
    writer.append_alerts("default", &alerts(&part(100))).unwrap();
    let report = writer.flush().await.unwrap();
    assert_eq!((report.rows_written, report.duplicates), (400, 400));
    assert_eq!(report.files_compared, 2);
}

#[tokio::test]
async fn what_waits_is_compressed_and_a_day_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let mut raw = 0;
    let mut most = 0;
    let mut all = Vec::new();
    for number in 0..60 {
        let events: Vec<Event> = (0..2000)
            .map(|id| event(number * 2000 + id, BASE + (id as i64 % 3) * DAY + number as i64))
            .collect();
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(
            (0..2000).map(|row| format!("{number:0>200} {}", row % 50)),
        ));
        let rows = batch_with(&events, vec![("process_command_line", text)]);
        raw += rows.get_array_memory_size();
        writer.append(&event_batch(rows)).unwrap();
        most = most.max(writer.buffered_bytes());
        all.extend(events);
    }
    assert!(raw > 30 << 20, "{raw}");
    assert!(most < 24 << 20, "{most}");
    assert_eq!(writer.buffered_rows(), 120_000);
    let report = writer.flush().await.unwrap();
    assert_eq!(
        (report.rows_written, report.files, report.commits),
        (120_000, 3, 1)
    );
    assert_eq!(writer.buffered_bytes(), 0);
    assert_eq!(contents(folder.path()).await, expected(&all));
    // Sorted inside each row group, however little is unpacked at a time.
    for file in data_files(folder.path()) {
        let file = std::fs::File::open(file).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap();
        let mut last = i64::MIN;
        for rows in reader {
            let rows = rows.unwrap();
            let times = rows.column_by_name("time").unwrap();
            for &time in times.as_primitive::<TimestampMicrosecondType>().values() {
                assert!(time >= last);
                last = time;
            }
        }
    }
}

#[tokio::test]
async fn a_small_cache_changes_nothing_but_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriterOptions {
        max_dedupe_bytes: 1000,
        row_group_rows: 100,
        ..WriterOptions::default()
    };
    let mut writer = LakeWriter::new(Lake::create(folder.path()).unwrap(), options);
    let events: Vec<Event> = (0..2000).map(|id| event(id, BASE + id as i64 % 97)).collect();
    for chunk in events.chunks(500) {
        writer.append(&batch(chunk)).unwrap();
        writer.flush().await.unwrap();
    }
    for chunk in events.chunks(333) {
        writer.append(&batch(chunk)).unwrap();
        assert_eq!(writer.flush().await.unwrap().rows_written, 0);
    }
    assert_eq!(contents(folder.path()).await, expected(&events));
}

#[tokio::test]
async fn ids_of_any_form_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let with_ids = |ids: Vec<&str>| {
        let rows = ids.len();
        let time: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![BASE; rows]).with_timezone("UTC"));
        let ids: ArrayRef = Arc::new(StringArray::from(ids));
        RecordBatch::try_from_iter([("time", time), ("event_id", ids)]).unwrap()
    };
    let hex = id_text(7);
    for (ids, written) in [
        (vec!["short", &hex, "Ein Ümlaut"], 3),
        (vec!["short", "shorter"], 1),
        (vec![hex.as_str()], 0),
        (vec!["Ein Ümlaut", "shorter"], 0),
    ] {
        let mut writer = writer(folder.path());
        writer.append_alerts("default", &with_ids(ids)).unwrap();
        assert_eq!(writer.flush().await.unwrap().rows_written, written);
    }
}

#[tokio::test]
async fn the_schema_grows_and_old_rows_read_as_null() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), &[event(1, BASE)]).await;
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let names = {
        let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
        builder.append_value([Some("a"), Some("b")]);
        builder.finish()
    };
    let grown = batch_with(
        &[event(2, BASE + 1)],
        vec![
            ("process_pid", Arc::new(Int32Array::from(vec![4242]))),
            ("ratio", Arc::new(Float64Array::from(vec![0.5]))),
            ("signed", Arc::new(BooleanArray::from(vec![true]))),
            ("tags", Arc::new(names)),
            ("numbers", Arc::new(list)),
        ],
    );
    let mut writer = writer(folder.path());
    writer.append(&event_batch(grown)).unwrap();
    let report = writer.flush().await.unwrap();
    assert_eq!(report.moved_to_unmapped, 1, "a list of numbers is no column type");
    let rows = query(
        folder.path(),
        "windows.sysmon",
        "select process_pid, ratio, signed, tags[2], unmapped from t order by time",
    )
    .await;
    let pids = rows.column(0).as_primitive::<Int64Type>();
    assert!(pids.is_null(0));
    assert_eq!(pids.value(1), 4242);
    assert_eq!(texts(rows.column(3)), [None, Some("b".to_owned())]);
    assert_eq!(
        texts(rows.column(4)),
        [None, Some(r#"{"numbers":[1]}"#.to_owned())]
    );
    // The second flush of one writer sees the schema that the first one made.
    writer.append(&batch(&[event(3, BASE + 2)])).unwrap();
    assert_eq!(writer.flush().await.unwrap().rows_written, 1);
}

#[tokio::test]
async fn a_value_of_another_type_moves_to_unmapped() {
    let folder = tempfile::tempdir().unwrap();
    let first = batch_with(
        &[event(1, BASE)],
        vec![("pid", Arc::new(Int64Array::from(vec![1])))],
    );
    let second = batch_with(
        &[event(2, BASE + 1)],
        vec![("pid", Arc::new(StringArray::from(vec!["0x10"])))],
    );
    let mut writer = writer(folder.path());
    // In one flush, and against the table.
    writer.append(&event_batch(first)).unwrap();
    writer.append(&event_batch(second)).unwrap();
    assert_eq!(writer.flush().await.unwrap().moved_to_unmapped, 1);
    let third = batch_with(
        &[event(3, BASE + 2)],
        vec![("pid", Arc::new(BooleanArray::from(vec![true])))],
    );
    writer.append(&event_batch(third)).unwrap();
    assert_eq!(writer.flush().await.unwrap().moved_to_unmapped, 1);
    let rows = query(
        folder.path(),
        "windows.sysmon",
        "select pid, unmapped from t order by time",
    )
    .await;
    assert_eq!(texts(rows.column(0)), [Some("1".to_owned()), None, None]);
    assert_eq!(
        texts(rows.column(1)),
        [
            None,
            Some(r#"{"pid":"0x10"}"#.to_owned()),
            Some(r#"{"pid":true}"#.to_owned())
        ]
    );
}

#[tokio::test]
async fn days_end_at_midnight_utc() {
    let folder = tempfile::tempdir().unwrap();
    let events = [
        event(1, BASE - 1),
        event(2, BASE),
        event(3, BASE + DAY - 1),
        event(4, BASE + DAY),
        event(5, -1),
    ];
    let report = store(folder.path(), &events).await;
    assert_eq!(report.files, 4);
    assert_eq!(contents(folder.path()).await, expected(&events));
    let rows = query(
        folder.path(),
        "windows.sysmon",
        "select count(*) from t where day = date '2024-05-01'",
    )
    .await;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().value(0), 2);
    let status = Lake::open(folder.path()).unwrap().status().await.unwrap();
    assert_eq!((status[0].days, status[0].rows), (4, 5));
}

#[tokio::test]
async fn files_are_sorted_pruned_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let times = [500, 100, 900, 100, 700];
    let events: Vec<Event> = times
        .iter()
        .enumerate()
        // Each of another source: of one, the least and the greatest id would answer as well.
        .map(|(id, micros)| event(id as u64 * 1000, BASE + micros))
        .collect();
    let mut writer = writer(folder.path());
    writer
        .append(&event_batch(batch_with(
            &events,
            vec![(
                "score",
                Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0), None, None])),
            )],
        )))
        .unwrap();
    writer.flush().await.unwrap();
    let files = data_files(folder.path());
    let reader = SerializedFileReader::new(std::fs::File::open(&files[0]).unwrap()).unwrap();
    let metadata = reader.metadata();
    let keys = metadata.file_metadata().key_value_metadata();
    assert!(keys.is_none_or(|keys| keys.iter().all(|key| key.key != "ARROW:schema")));
    let group = metadata.row_group(0);
    let column = |name: &str| {
        (0..group.num_columns())
            .find(|&index| group.column(index).column_path().string() == name)
            .unwrap_or_else(|| panic!("no column {name}"))
    };
    assert_eq!(
        group.sorting_columns().unwrap()[0].column_idx as usize,
        column("time")
    );
    for name in ["event_id", "host_name"] {
        assert!(
            group.column(column(name)).bloom_filter_offset().is_some(),
            "{name}"
        );
    }
    assert!(group.column(column("time")).bloom_filter_offset().is_none());
    // The statistics of a row group say what an index of its only page would.
    assert!(
        group
            .columns()
            .iter()
            .all(|column| column.column_index_offset().is_none() && column.offset_index_offset().is_none())
    );
    assert!(
        group
            .columns()
            .iter()
            .all(|column| column.column_path().string() != "message")
    );
    let rows = query(folder.path(), "windows.sysmon", "select time from t").await;
    let stored: Vec<i64> = rows
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .to_vec();
    assert_eq!(stored, [100, 100, 500, 700, 900].map(|micros| BASE + micros));

    let log = folder
        .path()
        .join("default/windows.sysmon/_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(log).unwrap();
    let actions: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let add = &actions.iter().find(|action| action.get("add").is_some()).unwrap()["add"];
    assert_eq!(add["partitionValues"]["day"], "2024-05-01");
    assert_eq!(
        add["size"].as_u64().unwrap(),
        std::fs::metadata(&files[0]).unwrap().len()
    );
    let stats: serde_json::Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    assert_eq!(stats["numRecords"], 5);
    assert_eq!(stats["minValues"]["time"], "2024-05-01T00:00:00.000100Z");
    assert_eq!(stats["maxValues"]["time"], "2024-05-01T00:00:00.000900Z");
    assert_eq!(stats["minValues"]["host_name"], "host-0");
    assert_eq!(stats["maxValues"]["log_offset"], 4000);
    assert_eq!(stats["minValues"]["score"], -2.0);
    assert_eq!(stats["nullCount"]["score"], 3);
    assert_eq!(stats["nullCount"]["message"], 5);
    assert!(stats["minValues"].get("message").is_none());
    let metadata = actions
        .iter()
        .find(|action| action.get("metaData").is_some())
        .unwrap();
    let schema = metadata["metaData"]["schemaString"].as_str().unwrap();
    assert!(schema.contains(r#""borzoi.name":"@timestamp""#), "{schema}");
}

#[tokio::test]
async fn ids_of_one_source_need_no_bloom_filter() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..50).map(|id| event(id, BASE + id as i64)).collect();
    store(folder.path(), &events).await;
    let file = std::fs::File::open(&data_files(folder.path())[0]).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let ids = columns
        .iter()
        .find(|column| column.column_path().string() == "event_id");
    let ids = ids.unwrap();
    assert!(ids.bloom_filter_offset().is_none());
    let bounds = ids.statistics().unwrap();
    let bound = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    assert_eq!(bound(bounds.min_bytes_opt()), id_text(0));
    assert_eq!(bound(bounds.max_bytes_opt()), id_text(49));
    // Found all the same.
    assert_eq!(store(folder.path(), &events[7..9]).await.duplicates, 2);
}

#[tokio::test]
async fn alerts_are_a_table_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let alerts = batch_with(
        &[event(1, BASE), event(2, BASE)],
        vec![("rule_id", Arc::new(StringArray::from(vec!["a", "b"])))],
    );
    writer.append_alerts("default", &alerts).unwrap();
    writer.append_alerts("default", &alerts).unwrap();
    writer.append(&batch(&[event(1, BASE)])).unwrap();
    let report = writer.flush().await.unwrap();
    assert_eq!(
        (report.rows_written, report.duplicates, report.commits),
        (3, 2, 2)
    );
    let rows = query(folder.path(), ALERTS, "select rule_id from t order by rule_id").await;
    assert_eq!(
        texts(rows.column(0)),
        [Some("a".to_owned()), Some("b".to_owned())]
    );
    let tables = writer.lake().tables().await.unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.dataset.as_str()).collect();
    assert_eq!(names, [ALERTS, "windows.sysmon"]);
}

#[tokio::test]
async fn leftovers_of_a_killed_writer_are_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..100).map(|id| event(id, BASE + id as i64)).collect();
    store(folder.path(), &events[..50]).await;
    // A whole data file and a torn one without a commit, a commit's staging file, a table's empty folder.
    let table = folder.path().join("default/windows.sysmon");
    let file = data_files(folder.path()).remove(0);
    std::fs::copy(&file, file.with_file_name("part-orphan.parquet")).unwrap();
    std::fs::write(file.with_file_name("part-torn.parquet"), b"PAR1").unwrap();
    std::fs::write(
        table.join("_delta_log/00000000000000000001.json#1"),
        b"{\"add\":{",
    )
    .unwrap();
    std::fs::create_dir_all(folder.path().join("default/linux.sshd/_delta_log")).unwrap();
    let report = store(folder.path(), &events).await;
    assert_eq!((report.rows_written, report.duplicates), (50, 50));
    assert_eq!(contents(folder.path()).await, expected(&events));
    let lake = Lake::open(folder.path()).unwrap();
    assert_eq!(lake.tables().await.unwrap().len(), 1);
    assert!(lake.open_table("default", "linux.sshd").await.unwrap().is_none());
    assert_eq!(lake.status().await.unwrap()[0].unreferenced_files, 2);
}

#[tokio::test]
async fn a_failed_flush_commits_nothing_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("default/windows.sysmon");
    std::fs::create_dir_all(&table).unwrap();
    // The second day cannot be written: its folder's name is taken by a file.
    let obstacle = table.join("day=2024-05-02");
    std::fs::write(&obstacle, "x").unwrap();
    let events = [event(1, BASE), event(2, BASE + DAY)];
    let mut writer = writer(folder.path());
    writer.append(&batch(&events)).unwrap();
    let alert = batch_with(&events[..1], Vec::new());
    writer.append_alerts("default", &alert).unwrap();
    let error = writer.flush().await.unwrap_err().to_string();
    assert!(error.contains("day=2024-05-02"), "{error}");
    // The other table was flushed; of this one not even the first day's file is left.
    assert_eq!((writer.totals().rows_written, writer.buffered_rows()), (1, 2));
    std::fs::remove_file(&obstacle).unwrap();
    assert!(data_files(folder.path()).is_empty());
    assert_eq!(writer.flush().await.unwrap().rows_written, 2);
    assert_eq!(contents(folder.path()).await, expected(&events));
}
