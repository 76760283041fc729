use std::sync::Arc;

use arrow::array::{
    BooleanArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};

use super::*;

fn batch() -> RecordBatch {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b")]);
    lists.append_null();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, 0]).with_timezone("UTC")),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("x, \"y\"\u{1b}[31m"), None])),
        ),
        ("count", Arc::new(Int64Array::from(vec![Some(7), Some(-12)]))),
        ("share", Arc::new(Float64Array::from(vec![Some(0.5), None]))),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("list", Arc::new(lists.finish())),
        ("none", Arc::new(StringArray::new_null(2))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

fn written(format: Format, layout: Layout) -> String {
    let batch = batch();
    let mut out = Vec::new();
    let mut writer = AnswerWriter::new(&mut out, format, &batch.schema(), layout).expect("a writer");
    writer.write(&batch).expect("written");
    writer.finish().expect("finished");
    String::from_utf8(out).expect("text")
}

#[test]
fn json_lines_have_numbers_times_and_lists() {
    assert_eq!(
        written(
            Format::Jsonl,
            Layout {
                hide_empty: true,
                ..Layout::default()
            }
        ),
        concat!(
            r#"{"time":"1970-01-01T00:00:01.500Z","text":"x, \"y\"\u001b[31m","count":7,"share":0.5,"yes":true,"list":["a","b"]}"#,
            "\n",
            r#"{"time":"1970-01-01T00:00:00Z","count":-12}"#,
            "\n"
        )
    );
    let json: Value = serde_json::from_str(&written(Format::Json, Layout::default())).expect("JSON");
    assert_eq!(json[1]["none"], Value::Null);
    assert_eq!(json.as_array().map(Vec::len), Some(2));
}

#[test]
fn csv_quotes_what_needs_it() {
    assert_eq!(
        written(Format::Csv, Layout::default()),
        "time,text,count,share,yes,list,none\n\
         1970-01-01T00:00:01.500Z,\"x, \"\"y\"\"\u{1b}[31m\",7,0.5,true,\"[\"\"a\"\",\"\"b\"\"]\",\n\
         1970-01-01T00:00:00Z,,-12,,,,\n"
    );
}

#[test]
fn tables_escape_control_characters_and_leave_out_empty_columns() {
    let table = written(
        Format::Table,
        Layout {
            width: None,
            hide_empty: true,
        },
    );
    assert_eq!(
        table,
        "time                     │ text             │ count │ share │ yes  │ list\n\
         ─────────────────────────┼──────────────────┼───────┼───────┼──────┼─────\n\
         1970-01-01T00:00:01.500Z │ x, \"y\"\\u{1b}[31m │     7 │   0.5 │ true │ a, b\n\
         1970-01-01T00:00:00Z     │                  │   -12 │       │      │ \n"
    );
}

#[test]
fn tables_fit_the_screen() {
    for width in [20, 40, 60, 75] {
        let table = written(
            Format::Table,
            Layout {
                width: Some(width),
                hide_empty: true,
            },
        );
        for line in table.lines() {
            assert!(line.chars().count() <= width.max(24), "{width}: {line}");
        }
    }
    assert!(
        written(
            Format::Table,
            Layout {
                width: Some(60),
                hide_empty: true
            }
        )
        .contains('…')
    );
    assert!(
        written(
            Format::Table,
            Layout {
                width: Some(30),
                hide_empty: true
            }
        )
        .contains("── row 1 ")
    );
}

#[test]
fn parquet_reads_back() {
    let batch = batch();
    let mut out = Vec::new();
    let mut writer =
        AnswerWriter::new(&mut out, Format::Parquet, &batch.schema(), Layout::default()).expect("a writer");
    writer.write(&batch).expect("written");
    writer.finish().expect("finished");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes(out))
        .expect("a Parquet file")
        .build()
        .expect("readable");
    let rows: usize = reader.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(rows, 2);
}

fn bytes(data: Vec<u8>) -> std::fs::File {
    use std::io::{Seek, SeekFrom};
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&data).expect("written");
    file.seek(SeekFrom::Start(0)).expect("a file");
    file
}
