//! Rules over what the lake holds find what a scan of the logs finds.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::HuntOptions;
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{
    Progress, Scan, ScanOptions, ScanSink, ScanSummary, StateOptions, StoredEvents, StoredOptions,
};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::input::InputSet;
use borzoi_rules::Loader;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::effort;
use crate::state::{RULES, SQL, compiled, timeless};

/// Rules over two datasets, over values without a column, and such as look for what is not there.
const MORE: &str = "
---
title: Program
id: 00000000-0000-0000-0000-000000000020
name: program
logsource: {product: windows, category: process_creation}
detection: {s: {Image|endswith: '.exe'}, f: {Odd: '7'}, condition: s and not f}
---
title: Program and logon
id: 00000000-0000-0000-0000-000000000021
correlation: {type: temporal, rules: [program, logon], group-by: [Computer], timespan: 10m}
---
title: Several odd values
id: 00000000-0000-0000-0000-000000000022
correlation:
    type: value_count
    rules: [program, failed]
    group-by: [Computer]
    timespan: 1d
    condition: {field: Odd, gte: 2}
---
title: Number of a process
id: 00000000-0000-0000-0000-000000000023
correlation: {type: event_count, rules: program, group-by: [ProcessId], timespan: 2d, condition: {gte: 2}}
---
title: Unusual program
id: 00000000-0000-0000-0000-000000000024
correlation:
    type: rare_value
    rules: program
    group-by: [Computer]
    timespan: 20d
    condition: {field: Odd, learning: 1d, alerts-per-day: 20}
";

static COMPILED: LazyLock<Arc<CompiledRules>> = LazyLock::new(|| compiled(&format!("{RULES}{SQL}{MORE}")));

#[derive(Debug, Clone)]
struct Event {
    second: u32,
    kind: u8,
    user: u8,
    address: u8,
    odd: u8,
}

fn event() -> impl Strategy<Value = Event> {
    // Bursts on three days: an hour at the end of the first, one at the beginning of the second.
    let second = prop_oneof![
        85_000..86_400_u32,
        86_400..87_600_u32,
        200_000..200_600_u32,
        0..250_000_u32
    ];
    (second, 0..3_u8, 0..4_u8, 0..4_u8, 0..6_u8).prop_map(|(second, kind, user, address, odd)| Event {
        second,
        kind,
        user,
        address,
        odd,
    })
}

impl Event {
    fn line(&self) -> String {
        let second = self.second;
        let (day, rest) = (second / 86_400 + 1, second % 86_400);
        let time = format!(
            "2026-03-{day:02}T{:02}:{:02}:{:02}",
            rest / 3600,
            rest / 60 % 60,
            rest % 60
        );
        // A column of texts, of one number among texts, a list, something nested; and of another type than declared.
        let odd = [
            "",
            r#","Odd":"seven""#,
            r#","Odd":7"#,
            r#","Odd":["a","b"]"#,
            r#","Odd":{"in":{"deep":[1]}}"#,
            r#","Odd":null"#,
        ][usize::from(self.odd)];
        let user = match self.user {
            3 => String::new(),
            user => format!(r#","TargetUserName":"User{user}""#),
        };
        if self.kind == 2 {
            let number = [r#""12""#, "12", r#""none""#, r#"["12"]"#][usize::from(self.address)];
            return format!(
                r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Computer":"dc01","UtcTime":"{}","Image":"C:\\a{}.exe","ProcessId":{number}{odd}}}"#,
                time.replace('T', " ") + ".000",
                self.user
            );
        }
        format!(
            r#"{{"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","EventID":{},"Computer":"dc01","TimeCreated":"{time}.000000Z"{user},"IpAddress":"10.0.0.{}"{odd}}}"#,
            if self.kind == 0 { 4625 } else { 4624 },
            self.address
        )
    }
}

/// Alerts by id; of the same alert the last one says most.
#[derive(Default)]
struct Alerts {
    all: BTreeMap<String, Alert>,
    /// After so many blocks it says stop.
    blocks: u32,
    stop: Option<(u32, Arc<AtomicBool>)>,
}

impl ScanSink for Alerts {
    fn alert(&mut self, alert: &Alert) -> std::io::Result<()> {
        self.all.insert(alert.id.clone(), alert.clone());
        Ok(())
    }

    fn update(&mut self, alert: &Alert) -> std::io::Result<()> {
        self.alert(alert)
    }

    fn wants_events(&self) -> bool {
        false
    }

    fn progress(&mut self, _: &Progress) -> std::io::Result<()> {
        self.blocks += 1;
        if let Some((blocks, stop)) = &self.stop
            && self.blocks > *blocks
        {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn scan_of(
    rules: &Arc<CompiledRules>,
    tenant: &str,
    threads: usize,
    state: Option<(&Path, i64, bool)>,
) -> Scan {
    let mut options = ScanOptions {
        threads: NonZeroUsize::new(threads).expect("not zero"),
        ..ScanOptions::default()
    };
    options.decode.tenant = tenant.into();
    options.frame.batch_rows = 5;
    if let Some((folder, lateness, finish)) = state {
        options.windows.lateness = Some(lateness);
        options.state = Some(StateOptions {
            folder: folder.to_owned(),
            every: Duration::MAX,
            finish,
            read_only: false,
        });
    }
    Scan {
        catalog: Catalog::builtin(),
        options,
        rules: Some(rules.clone()),
        lake: None,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

/// What a scan of files finds; with a lake, they are stored too.
fn scan(
    rules: &Arc<CompiledRules>,
    logs: &[PathBuf],
    tenant: &str,
    lake: Option<&Path>,
    state: Option<(&Path, i64, bool)>,
) -> Alerts {
    let mut scan = scan_of(rules, tenant, 2, state);
    scan.lake = lake.map(|path| {
        let options = WriterOptions {
            // Several files.
            flush_rows: 20,
            row_group_rows: 6,
            ..WriterOptions::default()
        };
        LakeWriter::new(Lake::create(path).expect("a folder"), options)
    });
    let mut sink = Alerts::default();
    let inputs = logs.iter().map(|path| path.to_string_lossy());
    let inputs: Vec<_> = inputs.collect();
    let summary = scan.run(&InputSet::expand(&inputs), &mut sink).expect("it runs");
    assert_eq!(summary.errors.len(), 0);
    sink
}

fn open(lake: &Path, options: StoredOptions) -> StoredEvents {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lake = Lake::open(lake).expect("a lake");
    runtime
        .block_on(StoredEvents::open(&lake, options))
        .expect("it opens")
}

/// What the rules find in a lake.
fn scan_lake(
    rules: &Arc<CompiledRules>,
    lake: &Path,
    options: StoredOptions,
    threads: usize,
    state: Option<(&Path, i64, bool)>,
) -> (Alerts, ScanSummary) {
    let mut sink = Alerts::default();
    let scan = scan_of(rules, "default", threads, state);
    let summary = scan.run_stored(&open(lake, options), &mut sink).expect("it runs");
    (sink, summary)
}

fn only(tenant: &str) -> StoredOptions {
    StoredOptions {
        hunt: HuntOptions {
            tenants: Some(vec![tenant.to_owned()]),
            target_partitions: Some(2),
            ..HuntOptions::default()
        },
        ..StoredOptions::default()
    }
}

fn write(folder: &TempDir, name: &str, events: &[Event]) -> PathBuf {
    let path = folder.path().join(name);
    let lines: Vec<String> = events.iter().map(Event::line).collect();
    std::fs::write(&path, lines.join("\n") + "\n").expect("written");
    path
}

proptest! {
    #![proptest_config(effort(4))]

    /// In any order, in several runs, some of it twice, of two tenants.
    #[test]
    fn what_is_stored_gives_the_alerts_that_the_logs_give(
        acme in prop::collection::vec(event(), 20..50),
        globex in prop::collection::vec(event(), 20..50),
        cut in 1..19_usize,
        threads in 1..3_usize,
    ) {
        let rules = COMPILED.clone();
        let logs = tempfile::tempdir().expect("a folder");
        let lake = tempfile::tempdir().expect("a folder");
        let mut all = BTreeMap::new();
        for (tenant, events) in [("acme", &acme), ("globex", &globex)] {
            let one = write(&logs, &format!("{tenant}1.json"), &events[..cut]);
            let two = write(&logs, &format!("{tenant}2.json"), &events[cut..]);
            scan(&rules, std::slice::from_ref(&one), tenant, Some(lake.path()), None);
            scan(&rules, &[two.clone(), one.clone()], tenant, Some(lake.path()), None);
            let found = scan(&rules, &[one, two], tenant, None, None).all;
            let (of_lake, _) = scan_lake(&rules, lake.path(), only(tenant), threads, None);
            prop_assert_eq!(timeless(&of_lake.all), timeless(&found));
            all.extend(found);
        }
        let (both, summary) = scan_lake(&rules, lake.path(), StoredOptions::default(), threads, None);
        prop_assert_eq!(timeless(&both.all), timeless(&all));
        // Programs that no rule matches stay where they are.
        prop_assert!(summary.decode.events <= (acme.len() + globex.len()) as u64);
        prop_assert!(!all.is_empty());
    }

    /// Learned from the lake, a scan goes on as after one of the logs; also where learning was stopped and begun again.
    #[test]
    fn what_was_learned_from_the_lake_goes_on(
        events in prop::collection::vec(event(), 30..60),
        stop in 1..8_u32,
    ) {
        const LATENESS: i64 = 600_000_000;
        static LEARNING: LazyLock<Arc<CompiledRules>> = LazyLock::new(|| compiled(&format!("{RULES}{MORE}")));
        let rules = LEARNING.clone();
        let logs = tempfile::tempdir().expect("a folder");
        let folders: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().expect("a folder")).collect();
        let [lake, of_lake, of_logs] = folders.each_ref_of();
        let mut events = events;
        events.sort_by_key(|event| event.second);
        let half = events.partition_point(|event| event.second < 86_400);
        let before = write(&logs, "before.json", &events[..half]);
        let after = write(&logs, "after.json", &events[half..]);
        if half > 0 {
            scan(&rules, std::slice::from_ref(&before), "acme", Some(lake), None);
        }
        if lake.join("acme").exists() {
            let stopping = scan_of(&rules, "acme", 1, Some((of_lake, LATENESS, false)));
            let mut sink = Alerts {
                stop: Some((stop, stopping.stop.clone())),
                ..Alerts::default()
            };
            let options = StoredOptions { learns: true, ..only("acme") };
            stopping.run_stored(&open(lake, options.clone()), &mut sink).expect("it runs");
            scan_lake(&rules, lake, options, 1, Some((of_lake, LATENESS, false)));
            scan(&rules, &[before], "acme", None, Some((of_logs, LATENESS, false)));
        }
        let found = scan(&rules, std::slice::from_ref(&after), "acme", None, Some((of_lake, LATENESS, true))).all;
        let expected = scan(&rules, &[after], "acme", None, Some((of_logs, LATENESS, true))).all;
        // What has pipes adds up all there is, and is not learned from a lake.
        let without_pipes = |mut alerts: BTreeMap<String, Alert>| {
            alerts.retain(|_, alert| &*alert.rule.title != "Counted");
            // What would have been announced early depends on the order of arrival.
            for found in alerts.values_mut().filter_map(|alert| alert.correlation.as_mut()) {
                found.joins.clear();
            }
            timeless(&alerts)
        };
        prop_assert_eq!(without_pipes(found), without_pipes(expected));
    }
}

/// Three paths.
trait Paths {
    fn each_ref_of(&self) -> [&Path; 3];
}

impl Paths for Vec<TempDir> {
    fn each_ref_of(&self) -> [&Path; 3] {
        std::array::from_fn(|number| self[number].path())
    }
}

/// The samples of all formats, with the whole pack.
#[test]
fn samples_give_the_same_alerts_from_the_lake() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/samples");
    let mut loader = Loader::new();
    borzoi_rules::pack::add_to(&mut loader);
    let report = loader.load(Vec::<PathBuf>::new());
    let catalog = Catalog::builtin();
    let (rules, _) =
        CompiledRules::compile_with_queries(report.detections.clone(), report.queries.clone(), &catalog);
    let (rules, _) = rules.with_correlations(&report.correlations, &report.referenced_only);
    let rules = Arc::new(rules);
    let lake = tempfile::tempdir().unwrap();
    let stored = scan(&rules, &[samples], "acme", Some(lake.path()), None);
    let (found, summary) = scan_lake(&rules, lake.path(), only("acme"), 2, None);
    assert_eq!(timeless(&found.all), timeless(&stored.all));
    assert!(found.all.len() > 3 && summary.inputs > 5, "{}", found.all.len());
    // Few rules: what they ask is a filter.
    let of_one = report.detections.iter().filter(|rule| {
        let mut found = stored.all.values();
        found.any(|alert| alert.rule.id == rule.meta.id)
    });
    for rule in of_one.take(5) {
        let (one, _) = CompiledRules::compile(vec![rule.clone()], &catalog);
        let is_of = |alert: &&Alert| alert.rule.id == rule.meta.id;
        let expected = stored.all.values().filter(is_of).count();
        let (found, summary) = scan_lake(&Arc::new(one), lake.path(), only("acme"), 1, None);
        assert_eq!(found.all.len(), expected, "{}", rule.meta.title);
        assert_eq!(summary.decode.events, expected as u64, "{}", rule.meta.title);
    }
}

#[test]
fn only_what_rules_ask_for_is_read() {
    let events = |seconds: &[u32], kind: u8| -> Vec<Event> {
        let events = seconds.iter().map(|&second| Event {
            second,
            kind,
            user: 1,
            address: 1,
            odd: 0,
        });
        events.collect()
    };
    let logs = tempfile::tempdir().unwrap();
    let lake = tempfile::tempdir().unwrap();
    let rules = compiled(
        "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Many failures
id: 00000000-0000-0000-0000-000000000003
correlation: {type: event_count, rules: failed, group-by: [TargetUserName], timespan: 1h, condition: {gte: 3}}
",
    );
    let failures = write(&logs, "1.json", &events(&[10, 20, 30, 90_000, 90_001, 90_002], 0));
    let others = write(&logs, "2.json", &events(&[11, 12, 90_003], 1));
    let programs = write(&logs, "3.json", &events(&[11, 12, 90_003], 2));
    scan(
        &rules,
        &[failures, others, programs],
        "acme",
        Some(lake.path()),
        None,
    );
    let read = |from: Option<i64>, to: Option<i64>| {
        let options = StoredOptions {
            from,
            to,
            ..only("acme")
        };
        let (found, summary) = scan_lake(&rules, lake.path(), options, 2, None);
        let counts = found.all.values();
        let counts: Vec<u64> = counts
            .map(|alert| alert.correlation.as_ref().unwrap().count)
            .collect();
        (summary.inputs, summary.decode.events, counts)
    };
    // 2026-03-01T00:00:00Z.
    const BEGIN: i64 = 1_772_323_200_000_000;
    let at = |second: i64| Some(BEGIN + second * 1_000_000);
    assert_eq!(read(None, None), (1, 6, vec![3, 3]));
    assert_eq!(read(at(20), None), (1, 5, vec![3]));
    assert_eq!(read(at(10), at(30)), (1, 2, vec![]));
    assert_eq!(read(None, at(90_002)), (1, 5, vec![3]));
    assert_eq!(read(at(400_000), None).1, 0);
    let stored = open(lake.path(), only("acme"));
    assert!(stored.bytes(&rules) > 0);
    let lake = Lake::open(lake.path()).unwrap();
    let gone = StoredEvents::open(&lake, only("globex"));
    let error = tokio::runtime::Runtime::new().unwrap().block_on(gone).err();
    assert!(error.unwrap().to_string().contains("no tenant `globex`"));
}

#[test]
fn a_file_that_is_gone_ends_it_and_leaves_the_state() {
    let logs = tempfile::tempdir().unwrap();
    let (lake, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let event = |second| Event {
        second,
        kind: 0,
        user: 1,
        address: 1,
        odd: 0,
    };
    let rules = COMPILED.clone();
    let log = write(&logs, "1.json", &[event(1), event(90_000)]);
    scan(&rules, &[log], "acme", Some(lake.path()), None);
    let stored = open(lake.path(), only("acme"));
    let day = lake.path().join("acme/windows.security/day=2026-03-02");
    for file in std::fs::read_dir(&day).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let scan = scan_of(&rules, "acme", 2, Some((state.path(), 1_000_000, false)));
    let failed = scan.run_stored(&stored, &mut Alerts::default()).unwrap_err();
    let text = failed.to_string();
    assert!(
        text.starts_with("cannot read the lake: acme/windows.security: "),
        "{text}"
    );
    assert!(!state.path().join("scan.state").exists());
}
