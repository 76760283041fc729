//! Standard input as a stream: alerts within a second of their line, everything stored on Ctrl-C.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{borzoi, count, ran, sysmon_file, sysmon_line};

/// Generous for a loaded machine running an unoptimised build; the target is one second.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_alert_comes_within_a_second_and_an_interrupt_stores_everything() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    let mut child = borzoi()
        .args([
            "scan",
            "-",
            "--output",
            "jsonl",
            "--flush-seconds",
            "3600",
            "--lake",
        ])
        .arg(&lake)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let (sender, alerts) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in output.lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    // The first alert also waits for the program to load its rules; the second shows the delay.
    writeln!(input, "{}", sysmon_line(0)).unwrap();
    alerts.recv_timeout(PATIENCE).expect("the first alert");
    let written = Instant::now();
    writeln!(input, "{}\n{}", sysmon_line(1), sysmon_line(10)).unwrap();
    let alert = alerts.recv_timeout(PATIENCE).expect("the second alert");
    let delay = written.elapsed();
    assert!(alert.contains("t10.dmp"), "{alert}");
    assert!(delay < Duration::from_secs(1), "an alert took {delay:?}");

    // A line that has no end yet is an event all the same once nothing more comes.
    write!(input, "{}", sysmon_line(20)).unwrap();
    input.flush().unwrap();
    // Time for the pipe to be read; nothing shows that from outside.
    assert!(alerts.recv_timeout(Duration::from_secs(2)).is_err());
    interrupt(child.id());
    let last = alerts
        .recv_timeout(PATIENCE)
        .expect("the unfinished line's alert");
    assert!(last.contains("t20.dmp"), "{last}");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    drop(input);
    reader.join().unwrap();
    assert_eq!(count(&lake, "select count(*) from windows_sysmon"), 4);
    assert_eq!(count(&lake, "select count(*) from alerts"), 3);
}

#[test]
fn an_interrupt_cuts_a_file_short_and_the_next_scan_takes_up_the_rest() {
    const EVENTS: usize = 8_000;
    let dir = tempfile::tempdir().unwrap();
    let (logs, lake) = (dir.path().join("sysmon.ndjson"), dir.path().join("lake"));
    sysmon_file(&logs, EVENTS);
    let scan = |threads: &str| {
        let mut command = borzoi();
        command
            .args([
                "scan",
                "--output",
                "jsonl",
                "--batch-rows",
                "20",
                "--threads",
                threads,
            ])
            .arg(&logs)
            .arg("--lake")
            .arg(&lake);
        command
    };
    let mut child = scan("1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut alerts = BufReader::new(child.stdout.take().unwrap());
    alerts.read_line(&mut first).unwrap();
    interrupt(child.id());
    let mut rest = String::new();
    alerts.read_to_string(&mut rest).unwrap();
    let ended = ran(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("stopped before the end of the input"),
        "{}",
        ended.stderr
    );
    let stored = count(&lake, "select count(*) from events");
    assert!((1..EVENTS as u64).contains(&stored), "{stored} events stored");
    // Every event that was stored was matched, and every alert was shown.
    let shown = 1 + rest.lines().count() as u64;
    assert_eq!(shown, stored.div_ceil(10));

    let again = ran(scan("2").output().unwrap());
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(count(&lake, "select count(*) from events"), EVENTS as u64);
    assert_eq!(count(&lake, "select count(*) from alerts"), EVENTS as u64 / 10);
}

#[cfg(unix)]
fn interrupt(process: u32) {
    let sent = std::process::Command::new("kill")
        .args(["-INT", &process.to_string()])
        .status()
        .expect("`kill` is there");
    assert!(sent.success());
}

/// Reads one line of the output of a scan with this lake and goes away; how the scan ended.
fn read_one_line_of_a_scan(logs: &Path, lake: &Path) -> crate::support::Ran {
    let mut child = borzoi()
        .args(["scan", "--output", "jsonl", "--batch-rows", "100"])
        .arg(logs)
        .arg("--lake")
        .arg(lake)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("the first alert");
    ran(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_reader_that_goes_away_hides_no_failure_of_the_lake() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, lake) = (dir.path().join("sysmon.ndjson"), dir.path().join("lake"));
    sysmon_file(&logs, 3_000);
    let ended = read_one_line_of_a_scan(&logs, &lake);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("nobody reads the output"),
        "{}",
        ended.stderr
    );
    assert!(count(&lake, "select count(*) from events") > 0);

    let broken = dir.path().join("broken");
    std::fs::create_dir_all(broken.join("default")).unwrap();
    std::fs::write(broken.join("default/windows.sysmon"), "a file").unwrap();
    let ended = read_one_line_of_a_scan(&logs, &broken);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("windows.sysmon"), "{}", ended.stderr);
}

#[test]
fn lines_without_a_time_are_new_each_time_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    for night in 1..=2 {
        let mut child = borzoi()
            .args(["scan", "-", "--format", "lines", "--lake"])
            .arg(&lake)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "job started\nbackup failed: disk error").unwrap();
        drop(input);
        let ended = ran(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(count(&lake, "select count(*) from events"), 2 * night);
    }
    // A file is the same file, whenever it is read.
    let log = dir.path().join("job.log");
    std::fs::write(&log, "job started\nbackup failed: disk error\n").unwrap();
    for _ in 0..2 {
        let scan = ["scan", "--format", "lines", "--lake"].map(std::ffi::OsStr::new);
        let ended = crate::support::run(scan.into_iter().chain([lake.as_os_str(), log.as_os_str()]));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(count(&lake, "select count(*) from events"), 6);
    }
    let lake = lake.to_str().expect("temporary paths are text");
    let asked = crate::support::run(["hunt", "--lake", lake, "--tenant", "acne", "select 1"]);
    assert_eq!(asked.code, Some(1));
    assert!(
        asked
            .stderr
            .contains("no tenant `acne` in this lake; there are: default"),
        "{}",
        asked.stderr
    );
}
