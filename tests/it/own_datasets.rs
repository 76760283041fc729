//! Datasets that an analyst describes: everything that works for shipped ones works for them.

use std::path::Path;

use crate::support::run;

const DATASET: &str = "dataset: acme.door
title: Door controllers
groups: [physical]
prefix: acme.
select: {json_keys: [badge, gate, verdict]}
sigma:
  - {product: acme, service: door, names: {User: badge}}
fields:
  - {native: at, column: \"@timestamp\"}
  - {native: badge, column: user.name}
plain: [gate, verdict]
";

const RULE: &str = "title: Door denied
id: 33333333-1111-4111-8111-111111111112
logsource: {product: acme, service: door}
detection:
    selection: {User: bob, verdict: denied}
    condition: selection
level: low
";

const EVENTS: &str = r#"{"at":"2026-03-01T10:00:00Z","badge":"bob","gate":"N1","verdict":"denied"}
{"at":"2026-03-01T10:00:09Z","badge":"ann","gate":"N1","verdict":"open"}
"#;

#[test]
fn hunts_know_the_names_groups_and_log_sources_of_own_datasets() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let described = write("catalog/acme.yaml", DATASET);
    let catalog = Path::new(&described).parent().unwrap().to_str().unwrap();
    let (events, rule) = (write("door.json", EVENTS), write("door.yml", RULE));
    let lake = dir.path().join("lake");
    let lake = lake.to_str().unwrap();

    let scanned = run([
        "scan",
        &events,
        "--catalog",
        catalog,
        "--rules",
        &rule,
        "--lake",
        lake,
    ]);
    assert_eq!(scanned.stdout.lines().count(), 1, "{}", scanned.stderr);

    let hunt = |arguments: &[&str]| {
        let common = ["hunt", "--lake", lake, "--catalog", catalog, "--output", "csv"];
        let ran = run(common.into_iter().chain(arguments.iter().copied()));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        hunt(&["select badge, gate from acme.door order by badge"]),
        ["ann,N1", "bob,N1"]
    );
    assert_eq!(
        hunt(&["select count(*) from physical where user.name = 'bob'"]),
        ["1"]
    );
    assert_eq!(hunt(&["--rule", &rule, "select user_name from matches"]), ["bob"]);
}

/// A format described in YAML alone: recognised, tested, explained, matched by a rule.
#[test]
fn a_format_without_rust() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = dir.path().join("catalog");
    std::fs::create_dir(&catalog).unwrap();
    let file = catalog.join("door.yaml");
    let description = r#"dataset: acme.door
title: Door controllers
groups: [physical]
prefix: acme.
lines:
  patterns: ['door %{INT:gate} %{WORD:verdict} badge=%{WORD:badge}(?: %{GREEDYDATA:more})?']
  pairs: {in: more}
sigma:
  - {product: acme, service: door, names: {User: badge}}
fields:
  - {native: badge, column: user.name}
tests:
  - line: '<34>Mar  1 10:00:00 ctl7 doors: door 7 denied badge=bob floor=3'
    expect: {user.name: bob, acme.gate: 7, acme.floor: "3", host.name: ctl7}
"#;
    std::fs::write(&file, description).unwrap();
    let log = dir.path().join("door.log");
    let lines =
        "Mar  1 10:00:00 ctl7 doors: door 7 denied badge=bob floor=3\nMar  1 10:00:01 ctl7 doors: hello\n";
    std::fs::write(&log, lines).unwrap();
    let rule = dir.path().join("door.yml");
    std::fs::write(&rule, RULE).unwrap();
    let (catalog, log, rule) = (
        catalog.to_str().unwrap(),
        log.to_str().unwrap(),
        rule.to_str().unwrap(),
    );

    let tested = run(["datasets", "test", "acme.door", "--catalog", catalog]);
    assert!(
        tested.stdout.contains("1 lines passed, 0 failed"),
        "{}",
        tested.stdout
    );
    assert_eq!(tested.code, Some(0));

    let explained = run(["parse", "--catalog", catalog, "--explain", log]).stdout;
    assert!(
        explained.contains("parser    pattern 1 of acme.door"),
        "{explained}"
    );
    assert!(explained.contains("acme.floor = \"3\""), "{explained}");
    assert!(explained.contains("dataset   linux.syslog"), "{explained}");

    let scanned = run(["scan", log, "--catalog", catalog, "--rules", rule]);
    assert_eq!(scanned.stdout.lines().count(), 1, "{}", scanned.stderr);

    std::fs::write(&file, description.replace("floor: \"3\"", "floor: \"4\"")).unwrap();
    let tested = run(["datasets", "test", "--catalog", catalog]);
    assert!(
        tested.stdout.contains("acme.floor: wanted \"4\", got \"3\""),
        "{}",
        tested.stdout
    );
    assert_eq!(tested.code, Some(1));
}

/// What a pin says holds for every command that reads logs, whatever the events show themselves to be.
#[test]
fn pins_hold_for_parse_scan_and_the_lake() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(dir.path().join("catalog")).unwrap();
    std::fs::create_dir_all(dir.path().join("logs/doors")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("catalog/acme.yaml", DATASET);
    write("door.yml", RULE);
    // Without `gate` nothing shows whose they are.
    let event = r#"{"at":"2026-03-01T10:00:00Z","badge":"bob","verdict":"denied"}"#;
    write("logs/doors/a.json", &format!("{event}\n"));
    write(
        "logs/b.json",
        &format!("{}\n", event.replace("10:00:00", "10:00:01")),
    );
    let (catalog, logs, rule, lake) = (path("catalog"), path("logs"), path("door.yml"), path("lake"));

    let datasets = |pins: &[&str]| {
        let common = ["parse", &logs, "--catalog", &catalog, "--quiet"];
        let ran = run(common.into_iter().chain(pins.iter().copied()));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let mut names: Vec<String> = ran
            .stdout
            .lines()
            .map(|line| event(line)["event"]["dataset"].to_string())
            .collect();
        names.sort();
        names
    };
    assert_eq!(datasets(&[]), [r#""generic.json""#; 2]);
    let mixed = [r#""acme.door""#, r#""generic.json""#];
    assert_eq!(datasets(&["--pin", "doors/*=acme.door"]), mixed);
    write(
        "catalog/acme.yaml",
        &DATASET.replace("select: {", "select: {paths: ['doors/*.json'], "),
    );
    assert_eq!(datasets(&[]), mixed);
    assert_eq!(
        datasets(&["--pin", "a.json=generic.json"]),
        [r#""generic.json""#; 2]
    );

    // A scan without a lake passes over what shows itself to be nothing that a rule sees.
    let scan = ["scan", &logs, "--catalog", &catalog, "--rules", &rule];
    assert_eq!(run(scan).stdout.lines().count(), 1);
    let both = run(scan
        .into_iter()
        .chain(["--pin", "b.json=acme.door", "--lake", &lake]));
    assert_eq!(both.stdout.lines().count(), 2, "{}", both.stderr);
    let asked = run([
        "hunt",
        "select count(*) from acme.door",
        "--lake",
        &lake,
        "--catalog",
        &catalog,
        "--output",
        "csv",
    ]);
    assert_eq!(asked.stdout.lines().nth(1), Some("2"), "{}", asked.stderr);

    let refused = run(scan
        .into_iter()
        .chain(["--pin", "door*=generic.csv", "--pin", "*door=generic.json"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("both fit"), "{}", refused.stderr);
}

/// Mistakes in catalog files come with their place and the nearest word, wherever a catalog is named.
#[test]
fn mistakes_in_catalog_files_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("acme.yaml");
    let catalog = dir.path().to_str().unwrap();
    let datasets = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(["datasets", "acme.door", "--catalog", catalog])
    };
    let refused = datasets(&DATASET.replace("fields:", "feilds:"));
    assert_eq!(refused.code, Some(1));
    let told = "acme.yaml:8:1: unknown field `feilds`; did you mean `fields`?";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);

    let filled = format!("{DATASET}fill:\n  - {{column: event.action, from: [verdcit]}}\n");
    let warned = datasets(&filled);
    assert_eq!(warned.code, Some(0));
    let told = "acme.yaml:13:35: `verdcit` in `fill` is no field of acme.door; did you mean `verdict`?";
    assert!(warned.stderr.contains(told), "{}", warned.stderr);
    let shown = datasets(&filled.replace("verdcit", "verdict"));
    assert_eq!(shown.stderr, "");
    for told in [
        "recognised by keys badge, gate, verdict",
        "FILLED COLUMN",
        "event.action",
    ] {
        assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
    }
    let json = run(["datasets", "windows.security", "--output", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["recognised"][0], "channel Security");
    assert!(json["filled"].as_array().is_some_and(|filled| !filled.is_empty()));
    assert!(json["shown"].as_array().is_some_and(|shown| !shown.is_empty()));
}

/// What `--explain` says of a line that no pattern reads, and of what is binary.
#[test]
fn explanations_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(dir.path().join("catalog")).unwrap();
    let dataset = "dataset: acme.door\ntitle: Doors\nprefix: acme.\nlines:\n  patterns: ['door %{INT:gate} %{WORD:verdict} badge=%{WORD:badge}']\n";
    std::fs::write(path("catalog/door.yaml"), dataset).unwrap();
    std::fs::write(path("door.log"), "door 7 open by ann\n").unwrap();
    let told = run([
        "parse",
        "--explain",
        "--catalog",
        &path("catalog"),
        "--pin",
        "*=acme.door",
        &path("door.log"),
    ])
    .stdout;
    assert!(told.contains("dataset   acme.door (pinned)"), "{told}");
    assert!(
        told.contains("not read  pattern 1 of acme.door reads 13 bytes and stops at `y ann`"),
        "{told}"
    );

    // NetFlow 5: a header and a record.
    let mut packet = vec![0, 5, 0, 1];
    packet.extend([
        0, 0, 0x10, 0, 0x69, 0xa4, 0x0d, 0xa0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0,
    ]);
    packet.extend([192, 0, 2, 7, 198, 51, 100, 9]);
    packet.extend([0; 40]);
    std::fs::write(path("flows"), &packet).unwrap();
    let told = run(["parse", "--explain", "--format", "netflow", &path("flows")]).stdout;
    assert!(
        told.contains("NetFlow 5, from 0, packet 9: 48 bytes of records: c0000207c6336409"),
        "{told}"
    );
    assert!(told.contains("source.ip = \"192.0.2.7\""), "{told}");
    assert!(!told.contains('\u{fffd}') && !told.contains("\\u{"), "{told}");
}

/// A rule on a column that is not made finds nothing, and that is said; which networks are one's own counts in hunts, too.
#[test]
fn derived_columns_that_are_left_out_and_own_networks() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let event = r#"{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1","UtcTime":"2026-03-01 10:00:00.123","SourceIp":"203.0.113.7","DestinationIp":"198.51.100.1"}"#;
    std::fs::write(path("log.json"), format!("{event}\n")).unwrap();
    let rule = "title: Way out\nid: 33333333-1111-4111-8111-111111111113\nlogsource: {product: windows, category: network_connection}\ndetection:\n    selection: {network.direction: outbound}\n    condition: selection\nlevel: low\n";
    std::fs::write(path("rule.yml"), rule).unwrap();
    let (log, rule, lake) = (path("log.json"), path("rule.yml"), path("lake"));
    let scan = |more: &[&str]| {
        run(["scan", &log, "--rules", &rule, "--lake", &lake]
            .into_iter()
            .chain(more.iter().copied()))
    };
    let seen = scan(&["--own-network", "203.0.113.0/24"]);
    assert_eq!(seen.stdout.lines().count(), 1, "{}", seen.stderr);
    assert!(!seen.stderr.contains("--enrich leaves out"), "{}", seen.stderr);
    let blind = scan(&["--enrich", "none"]);
    assert_eq!(blind.stdout, "");
    assert!(
        blind
            .stderr
            .contains("1 rules look at derived columns that --enrich leaves out"),
        "{}",
        blind.stderr
    );
    let direction = |more: &[&str]| {
        let sql = "select network_direction from events";
        let asked = ["hunt", sql, "--lake", &lake, "--output", "csv"];
        let asked = run(asked.into_iter().chain(more.iter().copied()));
        asked.stdout.lines().nth(1).map(str::to_owned)
    };
    assert_eq!(direction(&[]).as_deref(), Some("external"));
    assert_eq!(
        direction(&["--own-network", "203.0.113.0/24"]).as_deref(),
        Some("outbound")
    );
}
