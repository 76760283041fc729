use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use borzoi_engine::alert::{Alert, AlertRule, Attack as Techniques, Entities};
use borzoi_rules::ir::Level;

use super::*;

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        text
    } else {
        String::from_utf8(bytes).unwrap()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn small(seed: u64) -> (tempfile::TempDir, Truth) {
    let dir = tempfile::tempdir().unwrap();
    let truth = generate(
        dir.path(),
        &Options {
            seed,
            events: 2_000,
            ..Options::default()
        },
    )
    .unwrap();
    (dir, truth)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let ((a, truth), (b, again), (c, _)) = (small(7), small(7), small(8));
    assert_eq!(truth, again);
    let (of_a, of_b, of_c) = (files(a.path()), files(b.path()), files(c.path()));
    assert!(of_a.len() >= 16, "fifteen logs and the truth");
    let mut different = 0;
    for ((one, two), other) in of_a.iter().zip(&of_b).zip(&of_c) {
        assert_eq!(
            fs::read(one).unwrap(),
            fs::read(two).unwrap(),
            "{}",
            one.display()
        );
        different += usize::from(fs::read(one).unwrap() != fs::read(other).unwrap());
    }
    assert!(different >= 15, "another seed is another day");
}

#[test]
fn records_are_json_where_they_should_be_and_in_order() {
    let (dir, _) = small(1);
    for path in files(&dir.path().join("logs")) {
        let text = read(&path);
        assert!(!text.is_empty(), "{}", path.display());
        let name = path.to_string_lossy().replace('\\', "/");
        let time = |value: &serde_json::Value| {
            [
                "/EventTime",
                "/@timestamp",
                "/Event/System/TimeCreated/#attributes/SystemTime",
                "/ts",
                "/eventTime",
            ]
            .iter()
            .find_map(|pointer| value.pointer(pointer))
            .unwrap_or_else(|| panic!("no time in {value}"))
            .to_string()
        };
        let values: Vec<serde_json::Value> = if name.contains("/aws/") {
            let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
            whole["Records"].as_array().unwrap().clone()
        } else if text.starts_with('{') {
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        } else {
            assert!(text.lines().count() > 10, "{name}");
            continue;
        };
        let times: Vec<String> = values.iter().map(time).collect();
        assert!(times.is_sorted(), "{name}");
    }
}

#[test]
fn every_record_of_an_attack_is_in_its_file() {
    let (dir, truth) = small(3);
    assert!(truth.attacks.len() >= 12);
    let ids: BTreeSet<_> = truth.attacks.iter().map(|attack| &attack.id).collect();
    assert_eq!(ids.len(), truth.attacks.len());
    for attack in &truth.attacks {
        assert!(
            !attack.records.is_empty() && !attack.techniques.is_empty(),
            "{}",
            attack.id
        );
        for record in &attack.records {
            assert!(record.file.starts_with(&attack.tenant));
            let text = read(&dir.path().join("logs").join(&record.file));
            let time = chrono::DateTime::parse_from_rfc3339(&record.time).unwrap();
            // Each log's own spelling of the time, to the second.
            let spelled = if record.file.contains("audit.log") || record.file.contains("zeek") {
                time.timestamp().to_string()
            } else if record.file.contains("auth.log") {
                time.format("%b %e %H:%M:%S").to_string()
            } else if record.file.contains("access.log") {
                time.format("%d/%b/%Y:%H:%M:%S").to_string()
            } else {
                time.format("%Y-%m-%dT%H:%M:%S").to_string()
            };
            let host = record.host.as_deref().unwrap_or("");
            assert!(
                text.contains(&spelled) && text.contains(host),
                "{}: {record:?}",
                attack.id
            );
        }
    }
    let stored: Truth = serde_json::from_str(&read(&dir.path().join("truth.json"))).unwrap();
    assert_eq!(stored, truth);
}

#[test]
fn hunts_are_read() {
    assert_eq!(hunts().len(), 5);
}

/// An alert about a record of the day.
fn alert(
    tenant: &str,
    rule: (&str, Level),
    technique: &str,
    time: &str,
    host: Option<&str>,
    file: &str,
) -> Alert {
    let mut event = serde_json::json!({"log": {"file": {"path": format!("/tmp/day/logs/{file}")}}});
    if let Some(host) = host {
        event["host"] = serde_json::json!({"name": host});
    }
    Alert {
        schema: 1,
        id: String::new(),
        time: time.to_owned(),
        rule: AlertRule {
            id: rule.0.into(),
            title: format!("title of {}", rule.0).into(),
            level: rule.1,
            tags: Arc::from([]),
            attack: Arc::new(Techniques {
                tactics: Vec::new(),
                techniques: vec![technique.to_owned()],
            }),
        },
        tenant: tenant.into(),
        dataset: "windows.sysmon".into(),
        entities: Entities::default(),
        matched: Vec::new(),
        event_id: String::new(),
        event: event.into(),
        correlation: None,
    }
}

/// An alert of a statistic about a group.
fn of_group(rule: &str, group: &[&str], from: &str, to: &str) -> Alert {
    let mut alert = alert(
        "acme",
        (rule, Level::Medium),
        "T1029",
        from,
        None,
        "acme/zeek/conn.log",
    );
    let values = group.iter().map(|value| borzoi_engine::alert::GroupValue {
        field: "field".to_owned(),
        value: (*value).to_owned(),
    });
    alert.correlation = Some(Box::new(borzoi_engine::alert::CorrelationAlert {
        kind: "beaconing".to_owned(),
        condition: String::new(),
        count: 1,
        value: 1.0,
        peak: 1.0,
        first: from.to_owned(),
        last: to.to_owned(),
        until: None,
        joins: Vec::new(),
        group: values.collect(),
        rules: Vec::new(),
        figures: std::collections::BTreeMap::new(),
        series: Vec::new(),
        evidence: Vec::new(),
    }));
    alert
}

#[test]
fn attacks_of_many_records_are_found_by_whom_and_when() {
    let (_dir, truth) = small(1);
    let attack = |id: &str| truth.attacks.iter().find(|attack| attack.id == id).unwrap();
    let (beacon, theft) = (attack("beacon"), attack("slow-exfiltration"));
    assert_eq!((beacon.about.len(), theft.about.len()), (2, 1));
    let heard = |alert: Alert| {
        let mut judge = Judge::new(&truth);
        judge.alert(&alert);
        let verdict = judge.verdict();
        let found: Vec<String> = verdict.found.into_keys().collect();
        (found.join(" "), verdict.false_alerts.len())
    };
    let (rule, [infected, controller]) = (&*beacon.rules[0], [&*beacon.about[0], &*beacon.about[1]]);
    let (from, to) = ("2026-11-20T11:40:00Z", "2026-11-20T11:47:00Z");
    let found = ("beacon".to_owned(), 0);
    let is_false = (String::new(), 1);
    assert_eq!(heard(of_group(rule, &[infected, controller], from, to)), found);
    // Another machine, another address, before it began, another rule.
    assert_eq!(
        heard(of_group(rule, &["10.20.3.33", controller], from, to)),
        is_false
    );
    assert_eq!(
        heard(of_group(rule, &[infected, "192.0.2.251"], from, to)),
        is_false
    );
    let (early, later) = ("2026-11-20T03:00:00Z", "2026-11-20T04:00:00Z");
    assert_eq!(
        heard(of_group(rule, &[infected, controller], early, later)),
        is_false
    );
    let other = heard(of_group("another", &[infected, controller], from, to));
    assert_eq!(
        other,
        (String::new(), 0),
        "neither is a medium alert of another rule"
    );
    // The hour of a number begins before the first record of the attack.
    let (hour, within) = ("2026-11-20T12:00:00Z", "2026-11-20T12:59:00Z");
    let theft = heard(of_group(&theft.rules[0], &[&theft.about[0]], hour, within));
    assert_eq!(theft, ("slow-exfiltration".to_owned(), 0));
    // Files copied out another way, of which one record is shown.
    let rclone = &attack("rclone-exfiltration");
    let record = rclone
        .records
        .iter()
        .find(|record| record.file.ends_with("conn.log"));
    let record = record.expect("it left a connection");
    let mut shown = of_group(rule, &["10.20.0.12"], hour, within);
    if let Some(found) = &mut shown.correlation {
        found.evidence.push(borzoi_engine::alert::Shown {
            rule: "rule".into(),
            time: record.time.clone(),
            dataset: None,
            event_id: String::new(),
            event: serde_json::json!({"log": {"file": {"path": format!("/tmp/{}", record.file)}}}).into(),
            found: None,
        });
    }
    assert_eq!(heard(shown).1, 0);
}

/// Benign programs keep time as well as the beacon does: rhythm alone does not tell them apart.
#[test]
fn others_keep_time_too() {
    let (dir, truth) = small(1);
    let text = read(&dir.path().join("logs/acme/zeek/conn.log"));
    let mut pairs: std::collections::BTreeMap<(&str, &str), Vec<f64>> = std::collections::BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let times = pairs.entry((fields[2], fields[4])).or_default();
        times.push(fields[0].parse().unwrap());
    }
    let spread = |times: &[f64]| {
        let pauses: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        let mean = pauses.iter().sum::<f64>() / pauses.len() as f64;
        let off = pauses.iter().map(|pause| (pause - mean).powi(2)).sum::<f64>() / pauses.len() as f64;
        off.sqrt() / mean
    };
    let beacon = truth.attacks.iter().find(|attack| attack.id == "beacon").unwrap();
    let calls = &pairs[&(&*beacon.about[0], &*beacon.about[1])];
    assert_eq!(calls.len(), beacon.records.len());
    assert!(calls.len() > 100 && spread(calls) > 0.15, "{}", spread(calls));
    let others = pairs
        .iter()
        .filter(|(pair, times)| pair.1 != beacon.about[1] && times.len() > 30);
    let as_regular = others.filter(|(_, times)| spread(times) < spread(calls)).count();
    assert!(as_regular >= 30, "{as_regular}");
}

#[test]
fn the_judge_tells_found_missed_and_false() {
    let (_dir, truth) = small(1);
    let attack = truth
        .attacks
        .iter()
        .find(|attack| attack.id == "shadow-copies")
        .unwrap();
    let record = &attack.records[0];
    let (time, host, file) = (&record.time, record.host.as_deref(), &record.file);
    let heard = |alerts: &[Alert]| {
        let mut judge = Judge::new(&truth);
        alerts.iter().for_each(|alert| judge.alert(alert));
        judge.verdict()
    };

    let right = alert("acme", ("a", Level::Medium), "T1490", time, host, file);
    let verdict = heard(std::slice::from_ref(&right));
    assert_eq!(verdict.found["shadow-copies"], ["title of a"]);
    assert_eq!(verdict.missed.len(), truth.attacks.len() - 1);
    assert!(verdict.false_alerts.is_empty());

    // On the record, but too low, or about something else: neither found nor false.
    let low = alert("acme", ("a", Level::Low), "T1490", time, host, file);
    let other = alert("acme", ("a", Level::High), "T1003", time, host, file);
    let verdict = heard(&[low, other]);
    assert!(verdict.found.is_empty() && verdict.false_alerts.is_empty());

    // What chains events has the time of the last and shows another.
    let mut chain = alert(
        "acme",
        ("a", Level::High),
        "T1490",
        "2026-11-20T23:59:01.000000Z",
        host,
        file,
    );
    let mut shown = chain.event.value();
    shown["@timestamp"] = time.as_str().into();
    chain.event = shown.into();
    let verdict = heard(&[chain]);
    assert_eq!(verdict.found["shadow-copies"], ["title of a"]);
    assert!(verdict.false_alerts.is_empty());

    // Another tenant, time, host or file is another record.
    let elsewhere = [
        alert("globex", ("b", Level::High), "T1490", time, host, file),
        alert(
            "acme",
            ("b", Level::High),
            "T1490",
            "2026-11-20T23:11:49.905000Z",
            host,
            file,
        ),
        alert(
            "acme",
            ("b", Level::High),
            "T1490",
            time,
            Some("WS-001.corp.example.com"),
            file,
        ),
        alert(
            "acme",
            ("b", Level::Critical),
            "T1490",
            time,
            host,
            "acme/windows/security.ndjson.gz",
        ),
        alert("acme", ("c", Level::Medium), "T1490", time, Some("WS-001"), file),
    ];
    let verdict = heard(&elsewhere);
    assert!(verdict.found.is_empty());
    assert_eq!(verdict.false_alerts.len(), 1, "medium alerts are never false");
    assert_eq!(
        (
            verdict.false_alerts[0].rule_id.as_str(),
            verdict.false_alerts[0].count
        ),
        ("b", 4)
    );
}
