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
