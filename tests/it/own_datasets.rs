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
    write("logs/b.json", &format!("{event}\n"));
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
