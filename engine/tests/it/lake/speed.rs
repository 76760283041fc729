//! How fast rows are stored.

use super::*;

/// Not a test: `cargo test --release --test it -- --ignored --nocapture lake::speed` prints rows a second.
#[tokio::test]
#[ignore = "a measurement"]
async fn speed_of_append_and_flush() {
    const ROWS: usize = 500_000;
    const BATCH: usize = 16_384;
    let batches: Vec<EventBatch> = (0..ROWS)
        .step_by(BATCH)
        .map(|start| sysmon_like(start, BATCH.min(ROWS - start)))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    for round in ["first", "again"] {
        let begin = std::time::Instant::now();
        for batch in &batches {
            writer.append(batch).unwrap();
        }
        let report = writer.flush().await.unwrap();
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{round}: {:.0} rows/s, {seconds:.2} s, {:.1} MB, {report:?}",
            ROWS as f64 / seconds,
            report.bytes as f64 / 1e6
        );
    }
    let begin = std::time::Instant::now();
    let mut cold = self::writer(folder.path());
    for batch in &batches {
        cold.append(batch).unwrap();
    }
    let report = cold.flush().await.unwrap();
    println!(
        "again, nothing cached: {:.2} s, {report:?}",
        begin.elapsed().as_secs_f64()
    );
}

/// 40 columns: 30 that repeat (7 to 5,000 values), 4 that do not, 4 numbers, 2 half empty.
fn sysmon_like(start: usize, rows: usize) -> EventBatch {
    let events: Vec<Event> = (start..start + rows)
        .map(|id| event(id as u64, BASE + id as i64 * 90_000))
        .collect();
    let mix =
        |row: usize, column: usize| (row * 2_654_435_761 + column * 40_503).wrapping_mul(0x9E37_79B9) >> 7;
    let mut extra: Vec<(String, ArrayRef)> = Vec::new();
    for column in 0..30 {
        let distinct = [7, 40, 300, 5000][column % 4];
        let values: StringArray = (0..distinct)
            .map(|value| {
                Some(format!(
                    "C:\\Windows\\System32\\folder{column}\\program{value}.exe"
                ))
            })
            .collect();
        let keys: Int32Array = (start..start + rows)
            .map(|row| (column < 28 || row % 2 == 0).then(|| (mix(row, column) % distinct) as i32))
            .collect();
        let array = DictionaryArray::<Int32Type>::new(keys, Arc::new(values));
        extra.push((format!("winlog_field_{column}"), Arc::new(array)));
    }
    for column in 0..4 {
        let array: StringArray = (start..start + rows)
            .map(|row| Some(format!("{{{:016x}-{:08x}}}", mix(row, column), row)))
            .collect();
        extra.push((format!("winlog_guid_{column}"), Arc::new(array)));
    }
    for column in 0..4 {
        let array: Int64Array = (start..start + rows)
            .map(|row| Some((mix(row, column) % 60_000) as i64))
            .collect();
        extra.push((format!("number_{column}"), Arc::new(array)));
    }
    event_batch(batch_with(
        &events,
        extra
            .iter()
            .map(|(name, array)| (name.as_str(), array.clone()))
            .collect(),
    ))
}
