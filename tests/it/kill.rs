//! `kill -9` at any moment, then the same command again: no row twice, none missing.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{borzoi, count, run, sysmon_file};

const EVENTS: usize = 4_000;
const KILLS: u32 = 20;

#[test]
fn a_killed_scan_run_again_stores_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, lake) = (dir.path().join("sysmon.ndjson"), dir.path().join("lake"));
    sysmon_file(&logs, EVENTS);
    let scan = |lake: &std::path::Path| {
        let mut command = borzoi();
        command
            .args([
                "scan",
                "--output",
                "csv",
                "--flush-rows",
                "300",
                "--batch-rows",
                "100",
                "--lake",
            ])
            .arg(lake)
            .arg(&logs)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let whole = dir.path().join("whole");
    let started = Instant::now();
    assert!(scan(&whole).status().unwrap().success());
    let duration = started.elapsed();

    for number in 0..KILLS {
        // Spread over the run, from before the first commit to near the end.
        let moment = duration.mul_f64(f64::from(number * 7 % KILLS) / f64::from(KILLS));
        let mut child = scan(&lake).spawn().unwrap();
        let end = Instant::now() + moment;
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(scan(&lake).status().unwrap().success());
    for table in ["windows_sysmon", "alerts"] {
        let rows = count(&whole, &format!("select count(*) from {table}"));
        assert!(rows > 0);
        assert_eq!(
            count(&lake, &format!("select count(*) from {table}")),
            rows,
            "{table}"
        );
        let ids = count(&lake, &format!("select count(distinct event_id) from {table}"));
        assert_eq!(ids, rows, "{table}: an id is there twice");
    }
    let again = run([
        "lake",
        "status",
        "--lake",
        lake.to_str().unwrap(),
        "--output",
        "jsonl",
    ]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}
