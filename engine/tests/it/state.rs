//! A scan that is killed, or ends, and goes on where it was.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use borzoi_engine::alert::Alert;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{
    Progress, Scan, ScanError, ScanOptions, ScanSink, ScanSummary, StateError, StateOptions,
};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;
use proptest::prelude::*;

use crate::effort;

pub const RULES: &str = "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Logon
id: 00000000-0000-0000-0000-000000000002
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: Many failures
id: 00000000-0000-0000-0000-000000000003
name: many
correlation: {type: event_count, rules: failed, group-by: [TargetUserName], timespan: 1m, condition: {gte: 3}}
---
title: Guessed
id: 00000000-0000-0000-0000-000000000004
correlation: {type: temporal_ordered, rules: [many, logon], group-by: [TargetUserName], timespan: 5m}
---
title: Three failures
id: 00000000-0000-0000-0000-00000000000a
correlation: {type: event_count, rules: failed, group-by: [TargetUserName], timespan: 1m, condition: {gte: 3}}
---
title: Few addresses
id: 00000000-0000-0000-0000-000000000005
correlation:
    type: value_count
    rules: [failed, logon]
    group-by: [TargetUserName]
    timespan: 2m
    condition: {field: IpAddress, eq: 2}
---
title: New address
id: 00000000-0000-0000-0000-000000000006
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 1h
    condition: {field: IpAddress, learning: 30s}
---
title: Risk
id: 00000000-0000-0000-0000-000000000007
correlation:
    type: risk
    rules: [failed, logon]
    group-by: [TargetUserName]
    timespan: 10m
    condition: {gte: 35, half-life: 2m, scores: {failed: 30, logon: 10}}
---
title: Failure, then logon from there
id: 00000000-0000-0000-0000-000000000008
eql: >
    sequence by user.name, source.ip with maxspan=3m
        [any where event.code == \"4625\"] [any where event.code == \"4624\"]
---
title: Counted
id: 00000000-0000-0000-0000-000000000009
eql: any where event.code == \"4625\" | count user.name
";

pub const SQL: &str = "
---
title: Failures in ten minutes
id: 00000000-0000-0000-0000-00000000000b
sql: |
    select TargetUserName, count(*) as failures, count(distinct IpAddress) as addresses, median(length(IpAddress)) as middle
    from windows.security where event_code = 4625
    group by TargetUserName, tumble(time, interval '10 minutes') having count(*) >= 2
---
title: Addresses in five minutes
id: 00000000-0000-0000-0000-00000000000c
sql: |
    select IpAddress, count(*) as n, count(distinct TargetUserName) as users, max(event_code) as code
    from windows.security group by IpAddress, hop(time, interval '1 minute', interval '5 minutes')
    having count(distinct TargetUserName) >= 2
---
title: Busy
id: 00000000-0000-0000-0000-00000000000d
sql: |
    select TargetUserName, count(*) as n, count(distinct IpAddress) as addresses, max(IpAddress) as last_one
    from windows.security group by TargetUserName, session(time, interval '40 seconds') having count(*) > 2
---
title: Busy minute
id: 00000000-0000-0000-0000-00000000000e
sql: |
    select TargetUserName, count(*) as n, count(distinct IpAddress) as addresses,
        count(*) filter (where event_code = 4625) as failures, min(IpAddress) as first_one
    from windows.security group by TargetUserName, slide(time, interval '1 minute') having count(*) > 2
";

pub fn compiled(text: &str) -> Arc<CompiledRules> {
    let report = Loader::new().load_text("rules.yml", text);
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0]);
    let (rules, _) =
        CompiledRules::compile_with_queries(report.detections, report.queries, &Catalog::builtin());
    let (rules, not_run) = rules.with_correlations(&report.correlations, &report.referenced_only);
    assert!(not_run.is_empty());
    let (rules, not_run) = rules.with_sql(&report.sql, &Catalog::builtin(), None);
    let not_run: Vec<String> = not_run.iter().map(ToString::to_string).collect();
    assert_eq!(not_run, [""; 0]);
    Arc::new(rules)
}

pub fn line((second, fails, user, address): (u32, bool, u8, u8)) -> String {
    format!(
        r#"{{"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","EventID":{},"Computer":"dc01","TimeCreated":"2026-03-02T10:{:02}:{:02}.000000Z","TargetUserName":"user{user}","IpAddress":"10.0.0.{address}"}}"#,
        if fails { 4625 } else { 4624 },
        second / 60,
        second % 60
    )
}

/// Takes alerts until it has seen so many blocks; then it fails, as if the process were killed.
pub struct Mortal {
    pub alerts: BTreeMap<String, Alert>,
    blocks: u32,
    lives: u32,
}

impl Mortal {
    fn take(&mut self, alert: &Alert) {
        // Of the same alert the last one says most.
        self.alerts.insert(alert.id.clone(), alert.clone());
    }
}

impl ScanSink for Mortal {
    fn alert(&mut self, alert: &Alert) -> std::io::Result<()> {
        self.take(alert);
        Ok(())
    }

    fn update(&mut self, alert: &Alert) -> std::io::Result<()> {
        self.take(alert);
        Ok(())
    }

    fn wants_events(&self) -> bool {
        false
    }

    fn progress(&mut self, _: &Progress) -> std::io::Result<()> {
        self.blocks += 1;
        match self.blocks > self.lives {
            true => Err(std::io::Error::other("killed")),
            false => Ok(()),
        }
    }
}

pub struct Setting {
    pub threads: usize,
    pub lateness: Option<i64>,
    pub finish: bool,
}

/// Scans the files of a folder, until the sink dies after so many blocks.
pub fn scan(
    rules: &Arc<CompiledRules>,
    logs: &Path,
    state: Option<&Path>,
    setting: &Setting,
    sink: &mut Mortal,
) -> Result<ScanSummary, ScanError> {
    let mut options = ScanOptions {
        threads: NonZeroUsize::new(setting.threads).expect("not zero"),
        state: state.map(|folder| StateOptions {
            folder: folder.to_owned(),
            every: Duration::ZERO,
            finish: setting.finish,
            read_only: false,
        }),
        ..ScanOptions::default()
    };
    options.frame.batch_rows = 2;
    options.windows.lateness = setting.lateness;
    let scan = Scan {
        catalog: Catalog::builtin(),
        options,
        rules: Some(rules.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    scan.run(&InputSet::expand(&[logs.to_string_lossy()]), sink)
}

/// Alerts without the times at which their events were read.
pub fn timeless(alerts: &BTreeMap<String, Alert>) -> BTreeMap<String, serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.remove("ingested");
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let alerts = alerts.iter().map(|(id, alert)| {
        let mut value = serde_json::to_value(alert).expect("JSON");
        strip(&mut value);
        (id.clone(), value)
    });
    alerts.collect()
}

pub fn mortal(lives: u32) -> Mortal {
    Mortal {
        alerts: BTreeMap::new(),
        blocks: 0,
        lives,
    }
}

proptest! {
    #![proptest_config(effort(40))]

    #[test]
    fn killed_and_taken_up_is_as_whole(
        events in prop::collection::vec((0..1200_u32, any::<bool>(), 0..3_u8, 0..4_u8), 10..80),
        lives in prop::collection::vec(1..15_u32, 1..4),
        threads in prop::collection::vec(1..4_usize, 5),
        waits in any::<bool>(),
    ) {
        // Planning SQL takes longer than the scans of a case.
        static COMPILED: LazyLock<Arc<CompiledRules>> = LazyLock::new(|| compiled(&format!("{RULES}{SQL}")));
        let rules = COMPILED.clone();
        let logs = tempfile::tempdir().expect("a folder");
        let mut events = events;
        events.sort();
        // Two files, one after the other, with some disorder within a minute.
        for pair in events.chunks_mut(3) {
            pair.reverse();
        }
        let half = events.len() / 2;
        for (name, some) in [("1.json", &events[..half]), ("2.json", &events[half..])] {
            let lines: Vec<String> = some.iter().map(|event| line(*event)).collect();
            std::fs::write(logs.path().join(name), lines.join("\n") + "\n").expect("written");
        }
        let setting = |turn: usize| Setting {
            threads: threads[turn],
            lateness: waits.then_some(1_200_000_000),
            finish: true,
        };
        let mut whole = mortal(u32::MAX);
        scan(&rules, logs.path(), None, &setting(0), &mut whole).expect("it runs");
        let state = tempfile::tempdir().expect("a folder");
        let mut all = BTreeMap::new();
        for (turn, lives) in lives.iter().chain([&u32::MAX]).enumerate() {
            let mut sink = mortal(*lives);
            let outcome = scan(&rules, logs.path(), Some(state.path()), &setting(turn + 1), &mut sink);
            all.append(&mut sink.alerts);
            if outcome.is_ok() {
                break;
            }
        }
        prop_assert_eq!(timeless(&all), timeless(&whole.alerts));
        prop_assert!(events.len() < 40 || !whole.alerts.is_empty());
        // All was read: nothing is found again.
        let mut again = mortal(u32::MAX);
        let summary = scan(&rules, logs.path(), Some(state.path()), &setting(0), &mut again).expect("it runs");
        prop_assert_eq!((summary.inputs_read_before, summary.decode.events, again.alerts.len()), (2, 0, 0));
    }
}

/// Appends events to a log.
fn append(path: &Path, events: &[(u32, bool, u8, u8)]) {
    let mut text = std::fs::read_to_string(path).unwrap_or_default();
    for event in events {
        text.push_str(&line(*event));
        text.push('\n');
    }
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_log_that_grows_is_read_on_and_what_waits_is_found_across_scans() {
    let rules = compiled(RULES);
    let logs = tempfile::tempdir().expect("a folder");
    let state = tempfile::tempdir().expect("a folder");
    let setting = Setting {
        threads: 1,
        lateness: Some(10_000_000),
        finish: false,
    };
    let run = || {
        let mut sink = mortal(u32::MAX);
        let summary = scan(&rules, logs.path(), Some(state.path()), &setting, &mut sink).expect("it runs");
        let mut titles: Vec<String> = sink
            .alerts
            .values()
            .map(|alert| {
                let found = alert.correlation.as_ref().expect("of several events");
                format!("{} {}", alert.rule.title, found.count)
            })
            .collect();
        titles.sort();
        (titles, summary)
    };
    let log = logs.path().join("security.json");
    append(&log, &[(0, true, 1, 1), (20, true, 1, 1)]);
    let (found, _) = run();
    assert_eq!(found, ["Risk 1"; 0]);
    // The third failure comes in the second scan, and says what lies in both.
    append(&log, &[(30, true, 1, 1)]);
    let (found, summary) = run();
    assert_eq!(
        (found, summary.decode.events),
        (vec!["Three failures 3".to_owned()], 1)
    );
    append(&log, &[(50, false, 1, 1), (400, true, 2, 1)]);
    let (found, summary) = run();
    assert_eq!(summary.decode.events, 2);
    assert!(found.contains(&"Guessed 2".to_owned()), "{found:?}");
    assert!(
        found.contains(&"Failure, then logon from there 2".to_owned()),
        "{found:?}"
    );
    let (_, summary) = run();
    assert_eq!((summary.inputs_read_before, summary.decode.events), (1, 0));
    // Another log has its name.
    std::fs::write(&log, line((500, true, 1, 1)) + "\n").expect("written");
    let (_, summary) = run();
    assert_eq!((summary.inputs_replaced.len(), summary.decode.events), (1, 1));
}

#[test]
fn a_scan_that_is_stopped_goes_on() {
    let rules = compiled(RULES);
    let logs = tempfile::tempdir().expect("a folder");
    let state = tempfile::tempdir().expect("a folder");
    append(&logs.path().join("1.json"), &vec![(0, true, 1, 1); 5000]);
    let mut events = 0;
    for turn in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        struct Stops(Arc<AtomicBool>, bool);
        impl ScanSink for Stops {
            fn alert(&mut self, _: &Alert) -> std::io::Result<()> {
                Ok(())
            }
            fn wants_events(&self) -> bool {
                false
            }
            fn progress(&mut self, progress: &Progress) -> std::io::Result<()> {
                if self.1 && progress.events > 0 {
                    self.0.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
        }
        let mut options = ScanOptions {
            state: Some(StateOptions {
                folder: state.path().to_owned(),
                every: Duration::from_secs(60),
                finish: true,
                read_only: false,
            }),
            ..ScanOptions::default()
        };
        options.frame.batch_rows = 100;
        let scan = Scan {
            catalog: Catalog::builtin(),
            options,
            rules: Some(rules.clone()),
            lake: None,
            stop: stop.clone(),
        };
        let inputs = InputSet::expand(&[logs.path().to_string_lossy()]);
        let summary = scan.run(&inputs, &mut Stops(stop, turn < 2)).expect("it runs");
        assert_eq!(summary.decode.rejects, 0);
        assert_eq!(summary.cut_short, turn < 2, "turn {turn}");
        events += summary.decode.events;
    }
    assert_eq!(events, 5000);
}

#[test]
fn a_state_that_cannot_be_used_is_said() {
    let rules = compiled(RULES);
    let logs = tempfile::tempdir().expect("a folder");
    append(&logs.path().join("1.json"), &[(0, true, 1, 1)]);
    let setting = Setting {
        threads: 1,
        lateness: None,
        finish: true,
    };
    let state = tempfile::tempdir().expect("a folder");
    let run = || {
        scan(
            &rules,
            logs.path(),
            Some(state.path()),
            &setting,
            &mut mortal(u32::MAX),
        )
    };
    run().expect("it runs");
    let file = state.path().join("scan.state");
    let bytes = std::fs::read(&file).expect("saved");
    for place in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x20;
        std::fs::write(&file, damaged).expect("written");
        let Err(ScanError::State(error)) = run() else {
            panic!("byte {place} was damaged");
        };
        assert!(matches!(error, StateError::Unreadable { .. }), "{error}");
    }
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("written");
    assert!(matches!(
        run(),
        Err(ScanError::State(StateError::Unreadable { .. }))
    ));
    std::fs::write(&file, &bytes).expect("written");
    run().expect("it runs");
    let lock = std::fs::File::open(state.path().join("lock")).expect("there");
    lock.lock().expect("locked");
    assert!(matches!(run(), Err(ScanError::State(StateError::InUse(_)))));
}

#[test]
fn windows_of_sql_rules_go_on_across_scans() {
    let text = SQL.trim_start().trim_start_matches("---\n").to_owned();
    let logs = tempfile::tempdir().expect("a folder");
    let state = tempfile::tempdir().expect("a folder");
    let run = |rules: &Arc<CompiledRules>, finish: bool| {
        let setting = Setting {
            threads: 1,
            lateness: Some(10_000_000),
            finish,
        };
        let mut sink = mortal(u32::MAX);
        let summary = scan(rules, logs.path(), Some(state.path()), &setting, &mut sink).expect("it runs");
        let found = sink.alerts.values().map(|alert| {
            let found = alert.correlation.as_ref().expect("of several events");
            format!("{} {} {}", alert.rule.title, found.count, found.until.is_some())
        });
        let mut found: Vec<String> = found.collect();
        found.sort();
        (found, summary)
    };
    let rules = compiled(&text);
    let log = logs.path().join("security.json");
    append(&log, &[(0, true, 1, 1), (20, true, 1, 1)]);
    assert_eq!(run(&rules, false).0, [""; 0]);
    append(&log, &[(30, true, 1, 1), (650, true, 2, 2)]);
    // The session is over, the ten minutes are, and no later window can belong to them: what is told at once may go on.
    let found = run(&rules, false).0;
    let slid = "Busy minute 3 true";
    assert_eq!(found, ["Busy 3 true", slid, "Failures in ten minutes 3 false"]);
    // A rule that asks something else begins anew, and is named.
    let changed = compiled(&text.replace("count(*) >= 2", "count(*) >= 3"));
    let (found, summary) = run(&changed, true);
    assert_eq!(found, [""; 0]);
    assert_eq!(summary.state_lost, ["00000000-0000-0000-0000-00000000000b"]);
}
