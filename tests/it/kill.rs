//! `kill -9` at any moment, then the same command again: no row twice, none missing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{borzoi, count, run, sysmon_file};

const EVENTS: usize = 2_000;
/// Each into a lake of its own.
const KILLS: usize = 20;
/// One after another into the same lake.
const CHAIN: usize = 5;

/// Random moments that can be repeated: `BORZOI_KILL_SEED` sets what a failed run printed.
pub struct Moments {
    state: u64,
    longest: Duration,
}

impl Moments {
    pub fn new(longest: Duration) -> Self {
        let seed = match std::env::var("BORZOI_KILL_SEED") {
            Ok(seed) => seed.parse().expect("a number"),
            Err(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .expect("the clock is past 1970")
                .as_millis() as u64,
        };
        println!("BORZOI_KILL_SEED={seed}, over {longest:?}");
        Moments { state: seed, longest }
    }

    /// Evenly over the run and a little beyond. SplitMix64.
    pub fn next(&mut self) -> Duration {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let share = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        self.longest.mul_f64(share * 1.05)
    }
}

/// Loads in no time, unlike the shipped pack: most of a run is then writing.
const RULE: &str = r"
title: Memory of a process dumped
logsource: {product: windows, category: process_creation}
detection:
    selection: {CommandLine|contains: MiniDump}
    condition: selection
";

fn scan(logs: &Path, lake: &Path) -> Command {
    let mut command = borzoi();
    // Small batches and flushes: most moments are inside a write.
    let small = ["--flush-rows", "300", "--batch-rows", "100"];
    command
        .args(["scan", "--rules"])
        .arg(logs.with_file_name("rule.yml"))
        .args(small)
        .args(["--output", "csv", "--lake"])
        .arg(lake)
        .arg(logs)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Starts the command and kills it after `moment`; whether it was still running then.
pub fn kill_after(moment: Duration, mut command: Command) -> bool {
    let end = Instant::now() + moment;
    let mut child = command.spawn().expect("the binary under test starts");
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("it is our child") {
            assert!(status.success(), "it failed before it was killed");
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    child.kill().expect("it is our child");
    child.wait().expect("it is our child");
    true
}

/// Asserts that the lake holds so many events and alerts, each once.
fn assert_holds(lake: &Path, events: u64, alerts: u64, when: &str) {
    // One question, because each is a process of its own.
    let sql = "select (select count(*) * 1000000 + count(distinct event_id) from windows_sysmon) \
         * 100000000 + (select count(*) * 10000 + count(distinct event_id) from alerts)";
    let expected = (events * 1_000_000 + events) * 100_000_000 + alerts * 10_000 + alerts;
    assert_eq!(count(lake, sql), expected, "{when}");
}

#[test]
fn a_killed_scan_run_again_stores_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    sysmon_file(&logs, EVENTS);
    std::fs::write(logs.with_file_name("rule.yml"), RULE).unwrap();
    let whole = dir.path().join("whole");
    // The shortest of some runs: one that other work held up would put most moments behind the end.
    let mut duration = Duration::MAX;
    for _ in 0..3 {
        let _ = std::fs::remove_dir_all(&whole);
        let started = Instant::now();
        assert!(scan(&logs, &whole).status().unwrap().success());
        duration = duration.min(started.elapsed());
    }
    let commits = std::fs::read_dir(whole.join("default/windows.sysmon/_delta_log"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("json".as_ref()))
        .count();
    assert!(commits > 3, "{commits} commits leave no moment between two");
    let mut moments = Moments::new(duration);
    let events = count(&whole, "select count(*) from windows_sysmon");
    let alerts = count(&whole, "select count(*) from alerts");
    assert_eq!(events, EVENTS as u64);
    assert!(alerts > 0);

    let (mut killed, mut with_rows) = (0, 0);
    for number in 0..KILLS {
        let lake = dir.path().join(format!("lake-{number}"));
        let moment = moments.next();
        killed += usize::from(kill_after(moment, scan(&logs, &lake)));
        // What the killed one left can be read, and holds whole commits only.
        if lake.join("default/windows.sysmon").is_dir() {
            let left = count(&lake, "select count(*) from windows_sysmon");
            with_rows += usize::from(0 < left && left < events);
        }
        assert!(scan(&logs, &lake).status().unwrap().success());
        assert_holds(&lake, events, alerts, &format!("killed after {moment:?}"));
        std::fs::remove_dir_all(&lake).unwrap();
    }
    println!("{killed} of {KILLS} were killed before their end, {with_rows} with some rows stored");
    assert!(killed * 4 > KILLS, "the moments lie beyond the run");

    let lake = dir.path().join("chain");
    for _ in 0..CHAIN {
        kill_after(moments.next(), scan(&logs, &lake));
    }
    assert!(scan(&logs, &lake).status().unwrap().success());
    assert_holds(&lake, events, alerts, "killed again and again");
    let lake = lake.to_str().unwrap();
    let status = run(["lake", "status", "--lake", lake, "--output", "jsonl"]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
}
