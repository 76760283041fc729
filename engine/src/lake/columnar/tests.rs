//! What goes in comes out of Parquet's own reader, whatever the encoding.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;

use super::super::columns::timestamp_type;
use super::super::file::{Group, write_groups};
use super::*;

/// The number of the column of times.
const TIME: usize = 0;

/// Rows in batches, and what they are in the end.
struct Written {
    /// As read, by column.
    read: Vec<ArrayRef>,
    /// As given, in the order of time.
    given: Vec<ArrayRef>,
    file: Bytes,
}

fn write(batches: &[Vec<ArrayRef>], rate: Option<f64>) -> Written {
    let (mut rows, mut chunks, mut scratch) =
        (OpenRows::default(), Chunks::new().unwrap(), Numbers::default());
    let types: Vec<DataType> = batches[0]
        .iter()
        .map(|array| plain(array).data_type().clone())
        .collect();
    for batch in batches {
        let times = batch[TIME].as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        rows.add_times(times.values(), Selection::All);
        for (number, array) in batch.iter().enumerate().skip(1) {
            if array.null_count() < array.len() {
                assert!(rows.add(number, &types[number], array, Selection::All, &mut scratch));
            }
        }
    }
    let sealed = rows.seal(&mut chunks, TIME, |_| rate).unwrap();
    let fields: Vec<Field> = types
        .iter()
        .enumerate()
        .map(|(number, data_type)| Field::new(format!("c{number}"), data_type.clone(), true))
        .collect();
    let mut file = Vec::new();
    let group = Group {
        rows: sealed.rows,
        columns: sealed.columns,
    };
    let properties = Arc::new(WriterProperties::default());
    write_groups(&mut file, &Schema::new(fields), properties, &[group], &mut chunks).unwrap();
    let file = Bytes::from(file);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())
        .unwrap()
        .build()
        .unwrap();
    let read: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
    let column = |number: usize, arrays: Vec<ArrayRef>| {
        let arrays: Vec<ArrayRef> = arrays
            .iter()
            .map(|array| cast(array, &types[number]).unwrap())
            .collect();
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        concat(&arrays).unwrap()
    };
    let given: Vec<ArrayRef> = (0..types.len())
        .map(|number| {
            column(
                number,
                batches.iter().map(|batch| batch[number].clone()).collect(),
            )
        })
        .collect();
    let times = given[TIME].as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    order.sort_by_key(|&row| times.value(row as usize));
    let order = arrow::array::UInt32Array::from(order);
    Written {
        read: (0..types.len())
            .map(|number| {
                column(
                    number,
                    read.iter().map(|batch| batch.column(number).clone()).collect(),
                )
            })
            .collect(),
        given: given
            .iter()
            .map(|array| take(array, &order, None).unwrap())
            .collect(),
        file,
    }
}

fn plain(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).unwrap(),
        _ => array.clone(),
    }
}

fn check(batches: &[Vec<ArrayRef>]) -> Written {
    let written = write(batches, Some(0.01));
    for (number, (read, given)) in written.read.iter().zip(&written.given).enumerate() {
        assert_eq!(read, given, "column {number}");
    }
    written
}

fn times(values: Vec<i64>) -> ArrayRef {
    let times = TimestampMicrosecondArray::from(values).with_timezone("UTC");
    assert_eq!(*times.data_type(), timestamp_type());
    Arc::new(times)
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

fn dictionary(keys: Vec<Option<i32>>, values: &[&str]) -> ArrayRef {
    let values = Arc::new(StringArray::from(values.to_vec()));
    Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(keys), values))
}

fn lists(values: &[Option<Vec<Option<&str>>>]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for value in values {
        match value {
            Some(items) => builder.append_value(items.iter().copied()),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

#[test]
fn every_type_with_nulls_and_out_of_order() {
    let one: Vec<ArrayRef> = vec![
        times(vec![5, 3, 9]),
        dictionary(vec![Some(1), None, Some(1)], &["unused", "b"]),
        texts([None, Some("ä"), Some("")]),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
        Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-0.0)])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        lists(&[Some(vec![Some("x"), None, Some("y")]), None, Some(vec![])]),
        texts::<&str>([None, None, None]),
    ];
    let two: Vec<ArrayRef> = vec![
        times(vec![4, 4]),
        texts([Some("b"), Some("c")]),
        dictionary(vec![Some(0), Some(0)], &["ä"]),
        Arc::new(Int64Array::from(vec![Some(0), Some(-1)])),
        Arc::new(Float64Array::from(vec![None, Some(f64::NAN)])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(true)])),
        lists(&[Some(vec![Some("y")]), Some(vec![None])]),
        texts([None, Some("late")]),
    ];
    // One row after the other: what is all null in a batch, and what comes late.
    let rows: Vec<Vec<ArrayRef>> = [&one, &two]
        .iter()
        .flat_map(|batch| {
            (0..batch[0].len()).map(|row| batch.iter().map(|array| array.slice(row, 1)).collect())
        })
        .collect();
    // NaN is equal to nothing.
    for (read, given) in [write(&[one, two], None), write(&rows, None)]
        .iter()
        .flat_map(|w| w.read.iter().zip(&w.given))
    {
        assert_eq!(format!("{read:?}"), format!("{given:?}"));
    }
}

#[test]
fn several_pages_of_every_encoding() {
    const ROWS: usize = 70_001;
    let mix = |row: usize, of: usize| (row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % of;
    for ordered in [true, false] {
        let time = |row: usize| {
            if ordered {
                row as i64 * 7
            } else {
                mix(row, 1 << 40) as i64
            }
        };
        let mut columns: Vec<ArrayRef> = vec![times((0..ROWS).map(time).collect())];
        // 8, 16 and 24 bits, long runs, mostly null, never repeating, sharing prefixes, long.
        for distinct in [1, 200, 60_000] {
            columns.push(texts(
                (0..ROWS).map(|row| Some(format!("value {}", mix(row, distinct)))),
            ));
        }
        columns.push(texts(
            (0..ROWS).map(|row| (row / 9000 % 2 == 0).then(|| format!("run {}", row / 20_000))),
        ));
        columns.push(texts(
            (0..ROWS).map(|row| (mix(row, 900) == 0).then(|| format!("few {row}"))),
        ));
        columns.push(texts(
            (0..ROWS).map(|row| (mix(row, 3) > 0).then(|| format!("{:x}", mix(row, 1 << 40)))),
        ));
        columns.push(texts(
            (0..ROWS).map(|row| Some(format!("2026-11-22T06:00:00.{row:09}"))),
        ));
        let long = "x".repeat(3000);
        columns.push(texts(
            (0..ROWS).map(|row| (row % 40 == 3).then(|| format!("{row}{long}"))),
        ));
        columns.push(Arc::new(
            (0..ROWS)
                .map(|row| Some(mix(row, 300) as i64 * 1_000_003))
                .collect::<Int64Array>(),
        ));
        columns.push(Arc::new(
            (0..ROWS)
                .map(|row| (mix(row, 5) > 0).then_some(row as i64 - 40_000))
                .collect::<Int64Array>(),
        ));
        columns.push(Arc::new(
            (0..ROWS)
                .map(|row| Some(mix(row, 7) > 2))
                .collect::<BooleanArray>(),
        ));
        columns.push(Arc::new(
            (0..ROWS)
                .map(|row| (row % 3 > 0).then_some(row as f64))
                .collect::<Float64Array>(),
        ));
        let items: Vec<Option<Vec<Option<&str>>>> = (0..ROWS)
            .map(|row| (row % 4 > 0).then(|| vec![Some("item"); mix(row, 4)]))
            .collect();
        columns.push(lists(&items));
        let whole: Vec<Vec<ArrayRef>> = (0..ROWS)
            .step_by(9_973)
            .map(|start| {
                let rows = 9_973.min(ROWS - start);
                columns.iter().map(|array| array.slice(start, rows)).collect()
            })
            .collect();
        let written = check(&whole);
        let metadata = ParquetRecordBatchReaderBuilder::try_new_with_options(
            written.file,
            parquet::arrow::arrow_reader::ArrowReaderOptions::new()
                .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required),
        )
        .unwrap()
        .metadata()
        .clone();
        assert!(
            metadata.offset_index().unwrap()[0]
                .iter()
                .all(|pages| pages.page_locations().len() >= 3)
        );
    }
}

#[test]
fn statistics_bound_every_value() {
    let high = "\u{10FFFF}".repeat(40);
    let values = [
        Some("b".repeat(100)),
        None,
        Some("a".repeat(100)),
        Some(format!("{}ä", "z".repeat(31))),
    ];
    let batch = vec![times(vec![1, 2, 3, 4]), texts(values)];
    let written = check(&[batch]);
    let metadata = |file: &Bytes| {
        ParquetRecordBatchReaderBuilder::try_new(file.clone())
            .unwrap()
            .metadata()
            .clone()
    };
    let found = metadata(&written.file);
    let Some(Statistics::ByteArray(found)) = found.row_group(0).column(1).statistics() else {
        panic!("no statistics");
    };
    assert_eq!(found.null_count_opt(), Some(1));
    assert_eq!(found.min_opt().unwrap().data(), "a".repeat(32).as_bytes());
    // The character across the cut goes, and the last one becomes one greater.
    assert_eq!(
        found.max_opt().unwrap().data(),
        format!("{}{{", "z".repeat(30)).as_bytes()
    );
    assert!(!found.min_is_exact() && !found.max_is_exact());
    // What has no greater text of that length stays whole.
    let written = check(&[vec![times(vec![1]), texts([Some(high.as_str())])]]);
    let found = metadata(&written.file);
    assert_eq!(
        found.row_group(0).column(1).statistics().unwrap().max_bytes_opt(),
        Some(high.as_bytes())
    );
}

#[test]
fn bloom_filters_hold_every_value() {
    let batch = vec![times(vec![1, 2, 3]), texts([Some("alpha"), None, Some("beta")])];
    let written = check(&[batch]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(written.file).unwrap();
    // There is nothing to say of pages where each column has one.
    let columns = reader.metadata().row_group(0).columns();
    assert!(
        columns
            .iter()
            .all(|column| column.offset_index_offset().is_none())
    );
    let filter = reader.get_row_group_column_bloom_filter(0, 1).unwrap().unwrap();
    assert!(filter.check("alpha") && filter.check("beta") && !filter.check("gamma"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_integers(values in prop::collection::vec(prop::option::weighted(0.8, prop_oneof![any::<i64>(), -5..5_i64]), 1..400)) {
        let integers: ArrayRef = Arc::new(values.iter().copied().collect::<Int64Array>());
        check(&[vec![times((0..values.len() as i64).collect()), integers]]);
    }

    #[test]
    fn any_texts(
        values in prop::collection::vec(prop::option::weighted(0.8, prop_oneof!["[ab]{0,2}", ".{0,80}"]), 1..400),
        moments in prop::collection::vec(any::<i64>(), 400),
        cut in 0..400_usize,
    ) {
        let column = texts(values.iter().map(Option::as_deref));
        let moments = times(moments[..values.len()].to_vec());
        let cut = cut.min(values.len() - 1);
        let part = |from: usize, rows: usize| vec![moments.slice(from, rows), column.slice(from, rows)];
        check(&[part(0, cut), part(cut, values.len() - cut)]);
    }
}
