//! Several writers, writers that are killed, and any order of deliveries.

use proptest::prelude::*;

use super::*;

#[test]
fn a_lake_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| drop(Lake::create(folder.path()).unwrap())));
        }
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_lose_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let events: Vec<Event> = (0..400).map(|id| event(id, BASE + id as i64)).collect();
    // Each has half of its own and shares half with another; all start on a table that does not exist, and
    // two bring columns of their own.
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let (path, events) = (path.clone(), events.clone());
            tokio::spawn(async move {
                let mut writer = writer(&path);
                for chunk in events[number * 50..number * 50 + 250].chunks(25) {
                    let column = ["one", "two", "time_zone", "one"][number];
                    let extra: ArrayRef = Arc::new(StringArray::from(vec!["x"; chunk.len()]));
                    writer
                        .append(&event_batch(batch_with(chunk, vec![(column, extra)])))
                        .unwrap();
                    writer.flush().await.unwrap();
                }
                writer.totals()
            })
        })
        .collect();
    let mut totals = FlushReport::default();
    for task in tasks {
        totals += task.await.unwrap();
    }
    assert_eq!(totals.rows_written, 400);
    assert_eq!(totals.rows_written + totals.duplicates, 4 * 250);
    assert_eq!(contents(&path).await, expected(&events));
    let status = Lake::open(&path).unwrap().status().await.unwrap();
    assert_eq!((status[0].rows, status[0].unreferenced_files), (400, 0));
}

#[tokio::test]
async fn a_long_log_has_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriterOptions {
        checkpoint_commits: 5,
        ..WriterOptions::default()
    };
    let mut writer = LakeWriter::new(Lake::create(folder.path()).unwrap(), options);
    let events: Vec<Event> = (0..12).map(|id| event(id, BASE + id as i64)).collect();
    for event in &events {
        writer.append(&batch(std::slice::from_ref(event))).unwrap();
        writer.flush().await.unwrap();
    }
    let log = folder.path().join("default/windows.sysmon/_delta_log");
    assert!(log.join("_last_checkpoint").exists());
    assert_eq!(contents(folder.path()).await, expected(&events));
    // What a fresh writer knows of the files comes from the checkpoint.
    assert_eq!(store(folder.path(), &events).await.rows_written, 0);
}

#[tokio::test]
async fn bad_names_are_refused_and_nothing_is_buffered() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    for name in ["../out", "", "a/b", ".hidden"] {
        let mut bad = batch(&[event(1, BASE)]);
        bad.tenant = Arc::from(name);
        assert!(
            matches!(writer.append(&bad), Err(LakeError::InvalidName { .. })),
            "{name}"
        );
    }
    assert_eq!(writer.buffered_rows(), 0);
}

#[tokio::test]
async fn flushes_become_due_by_rows_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = WriterOptions {
        flush_rows: 10,
        flush_interval: Duration::from_secs(3600),
        ..WriterOptions::default()
    };
    let mut writer = LakeWriter::new(Lake::create(folder.path()).unwrap(), options.clone());
    let events: Vec<Event> = (0..10).map(|id| event(id, BASE + id as i64)).collect();
    writer.append(&batch(&events[..9])).unwrap();
    assert_eq!(writer.flush_if_due().await.unwrap().rows_written, 0);
    assert!(writer.next_flush().is_some());
    writer.append(&batch(&events[9..])).unwrap();
    assert_eq!(writer.flush_if_due().await.unwrap().rows_written, 10);
    assert!(writer.next_flush().is_none());
    let options = WriterOptions {
        flush_interval: Duration::ZERO,
        ..options
    };
    let mut writer = LakeWriter::new(Lake::open(folder.path()).unwrap(), options);
    writer.append(&batch(&[event(11, BASE)])).unwrap();
    assert_eq!(writer.flush_if_due().await.unwrap().rows_written, 1);
}

/// Not a test: what the next one starts as a process and kills.
#[tokio::test]
#[ignore = "started by kill_at_any_moment_and_run_again"]
async fn writer_to_be_killed() {
    let Some(path) = std::env::var_os("BORZOI_TEST_LAKE") else {
        return;
    };
    let mut writer = writer(Path::new(&path));
    for chunk in killed_events().chunks(50) {
        writer.append(&batch(chunk)).unwrap();
        writer.flush().await.unwrap();
    }
}

fn killed_events() -> Vec<Event> {
    (0..1500)
        .map(|id| event(id, BASE + (id as i64 * 97_000_000_037) % (2 * DAY)))
        .collect()
}

#[tokio::test]
async fn kill_at_any_moment_and_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lake::writers::writer_to_be_killed", "--ignored"])
            .env("BORZOI_TEST_LAKE", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    for delay in [40, 90, 130, 170, 230, 310] {
        let mut child = start();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Readable now, whatever it was doing, and nothing twice.
        if Lake::open(folder.path()).unwrap().tables().await.unwrap().len() == 1 {
            contents(folder.path()).await;
        }
    }
    assert!(start().wait().unwrap().success());
    assert_eq!(contents(folder.path()).await, expected(&killed_events()));
}

proptest! {
    #![proptest_config(crate::effort(24))]

    /// Any events in any cuts, orders and repetitions, over any number of writers: the table is the map.
    #[test]
    fn any_cut_gives_the_same_table(
        deliveries in prop::collection::vec(
            (prop::collection::vec((0_u64..60, any::<bool>()), 1..25), any::<bool>(), any::<bool>()),
            1..8,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut oracle: HashMap<u64, Event> = HashMap::new();
            let mut lake_writer = writer(folder.path());
            for (number, (ids, flush, reopen)) in (1..).zip(deliveries) {
                // Some events have no time of their own: it is another one in every delivery.
                let events: Vec<Event> = ids
                    .iter()
                    .map(|(id, _)| match id % 4 {
                        0 => event(*id, BASE + number * DAY),
                        _ => event(*id, BASE + ((*id as i64 * 37) % 5) * DAY / 2),
                    })
                    .collect();
                for event in &events {
                    oracle.insert(event.id, event.clone());
                }
                let tags: StringArray =
                    ids.iter().map(|(id, tagged)| tagged.then(|| format!("tag-{id}"))).collect();
                let rows = batch_with(&events, vec![("tag", Arc::new(tags) as ArrayRef)]);
                lake_writer.append(&event_batch(rows)).unwrap();
                if flush {
                    lake_writer.flush().await.unwrap();
                }
                if reopen {
                    lake_writer.flush().await.unwrap();
                    lake_writer = writer(folder.path());
                }
            }
            lake_writer.flush().await.unwrap();
            let stored = contents(folder.path()).await;
            let oracle = expected(oracle.values());
            assert!(stored.keys().eq(oracle.keys()));
            for (id, (time, host)) in &stored {
                let (expected_time, expected_host) = &oracle[id];
                assert_eq!(host, expected_host);
                // Which of its times an event is stored with depends on the cuts.
                assert!(time == expected_time || (*time - BASE) % DAY == 0 && (*expected_time - BASE) % DAY == 0);
            }
        });
    }
}
