//! The list of what goes wrong: each with a clear message, the documented exit code, and nothing else lost.

use std::path::Path;

use crate::support::{run, sysmon_file, sysmon_line};

/// Scans `paths`; the first argument is always a good file with ten events and one alert, which must come
/// out whatever else is wrong.
fn scan_beside(good: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut all = vec![
        "scan",
        "--output",
        "jsonl",
        good.to_str().expect("temporary paths are text"),
    ];
    all.extend(arguments);
    let ran = run(all);
    assert_eq!(
        ran.stdout.lines().count(),
        1,
        "the good file's alert is lost: {}",
        ran.stderr
    );
    (ran.code, ran.stderr)
}

fn good_file(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("good.ndjson");
    sysmon_file(&path, 10);
    path
}

#[test]
fn inputs() {
    let dir = tempfile::tempdir().unwrap();
    let good = good_file(dir.path());
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };

    let (code, stderr) = scan_beside(&good, &["/nowhere/at/all.json"]);
    assert_eq!(code, Some(4));
    assert!(
        stderr.contains("/nowhere/at/all.json: no such file or folder"),
        "{stderr}"
    );

    let (code, stderr) = scan_beside(&good, &[&file("empty.json", b"")]);
    assert_eq!(code, Some(0));
    assert!(stderr.contains("empty.json: empty"), "{stderr}");

    let noise: Vec<u8> = (0..20_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let (code, stderr) = scan_beside(&good, &[&file("noise.bin", &noise)]);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("noise.bin: no event recognised"), "{stderr}");

    let half = format!("{}\n{}", sysmon_line(1), &sysmon_line(2)[..80]);
    let (code, stderr) = scan_beside(&good, &[&file("half.json", half.as_bytes())]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("half.json, offset"), "{stderr}");
}

#[test]
fn a_truncated_archive_gives_what_came_before_the_break() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..2_000 {
        writeln!(packed, "{}", sysmon_line(number)).unwrap();
    }
    let bytes = packed.finish().unwrap();
    let path = dir.path().join("cut.ndjson.gz");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let ran = run(["scan", "--output", "jsonl", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("cut.ndjson.gz: "), "{}", ran.stderr);
    assert!(ran.stdout.lines().count() > 20, "{}", ran.stderr);
}

#[test]
fn control_characters_of_events_stay_in_the_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.ndjson");
    // U+007F may stand in JSON as it is, the escape character may not.
    let odd = "b\u{7f}ob\\u001b[31m";
    let line = sysmon_line(0).replace("bob", odd);
    std::fs::write(&path, line).unwrap();
    let path = path.to_str().unwrap();
    for arguments in [["scan", "--output", "jsonl", path].as_slice(), &["parse", path]] {
        let ran = run(arguments);
        assert!(ran.stdout.contains(odd), "{arguments:?}: {}", ran.stdout);
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let good = good_file(dir.path());
    let secret = dir.path().join("secret.json");
    std::fs::write(&secret, "{}").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&secret).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let (code, stderr) = scan_beside(&good, &[secret.to_str().unwrap()]);
    assert_eq!(code, Some(4));
    assert!(stderr.contains("permission denied"), "{stderr}");
}

const RULE: &str = "title: T\nid: 11111111-1111-4111-8111-111111111111\nstatus: test\nlevel: low\nlogsource:\n    product: windows\n    category: process_creation\ndetection:\n    selection:\n        Image|endswith: '\\x.exe'\n    condition: selection\n";

#[test]
fn rules() {
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let ran = run(["rules", "check", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        ran.stdout
    };
    let tab = check("tab.yml", &RULE.replace("    selection:\n", "\tselection:\n"));
    assert!(
        tab.contains("tab.yml:9:") && tab.to_lowercase().contains("tab"),
        "{tab}"
    );
    let modifier = check("modifier.yml", &RULE.replace("endswith", "endwith"));
    assert!(
        modifier.contains("modifier.yml:10:") && modifier.contains("did you mean `endswith`"),
        "{modifier}"
    );
    let missing = check(
        "missing.yml",
        &RULE.replace("condition: selection", "condition: selektion"),
    );
    assert!(
        missing.contains("missing.yml:11:") && missing.contains("did you mean `selection`"),
        "{missing}"
    );

    std::fs::write(dir.path().join("a.yml"), RULE).unwrap();
    std::fs::write(dir.path().join("b.yml"), RULE).unwrap();
    let both = run([
        "rules",
        "check",
        dir.path().join("a.yml").to_str().unwrap(),
        dir.path().join("b.yml").to_str().unwrap(),
    ]);
    assert_eq!(both.code, Some(1));
    assert!(
        both.stdout.contains("b.yml:2:") && both.stdout.contains("a.yml"),
        "{}",
        both.stdout
    );

    // A broken rule costs itself alone: the others run, and the exit code says that one is missing.
    let good = good_file(dir.path());
    let rules = dir.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("bad.yml"), RULE.replace("endswith", "endwith")).unwrap();
    std::fs::write(rules.join("good.yml"), RULE.replace("x.exe", "rundll32.exe")).unwrap();
    let ran = run([
        "scan",
        good.to_str().unwrap(),
        "--output",
        "jsonl",
        "--rules",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 10);
    assert!(ran.stderr.contains("bad.yml:10:"), "{}", ran.stderr);
}

#[test]
fn lakes() {
    let dir = tempfile::tempdir().unwrap();
    let good = good_file(dir.path());
    let taken = dir.path().join("taken");
    std::fs::write(&taken, "a file").unwrap();
    let ran = run(["scan", good.to_str().unwrap(), "--lake", taken.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("taken"), "{}", ran.stderr);

    let lake = dir.path().join("lake");
    let lake = lake.to_str().unwrap();
    let ran = run(["scan", good.to_str().unwrap(), "--lake", lake, "--output", "csv"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let typo = run(["hunt", "select comand_line from windows_sysmon", "--lake", lake]);
    assert_eq!(typo.code, Some(1));
    assert!(typo.stderr.contains("command_line"), "{}", typo.stderr);
    let syntax = run(["hunt", "selec 1", "--lake", lake]);
    assert_eq!(syntax.code, Some(1));

    let evil = run([
        "scan",
        good.to_str().unwrap(),
        "--lake",
        lake,
        "--tenant",
        "../up",
    ]);
    assert_eq!(evil.code, Some(2), "{}", evil.stderr);
}

/// Needs a small file system of its own, which only root can mount.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, disk) = (dir.path().join("sysmon.ndjson"), dir.path().join("disk"));
    std::fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&disk)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: cannot mount a small file system here");
        return;
    }
    sysmon_file(&logs, 20_000);
    let lake = disk.join("lake");
    let ran = run([
        "scan",
        logs.to_str().unwrap(),
        "--output",
        "csv",
        "--lake",
        lake.to_str().unwrap(),
    ]);
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no space") || ran.stderr.contains("full"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.lines().count() > 1,
        "the alerts before the failure were printed"
    );
}

#[test]
fn scan_says_which_rules_cannot_match_yet() {
    let dir = tempfile::tempdir().unwrap();
    let good = good_file(dir.path());
    let rule = dir.path().join("waits.yml");
    std::fs::write(&rule, RULE.replace("endswith: '\\x.exe'", "expand: '%tools%'")).unwrap();
    let arguments = ["scan", good.to_str().unwrap(), "--rules", rule.to_str().unwrap()];
    let ran_alone = run(arguments);
    assert_eq!(ran_alone.code, Some(0), "{}", ran_alone.stderr);
    assert!(
        ran_alone
            .stderr
            .contains("1 rules wait for values of placeholders"),
        "{}",
        ran_alone.stderr
    );

    let values = dir.path().join("values.yml");
    std::fs::write(&values, "tools: ['*rundll32.exe']\n").unwrap();
    let ran_with_values = run(arguments
        .into_iter()
        .chain(["--placeholders", values.to_str().unwrap()]));
    assert_eq!(
        ran_with_values.stdout.lines().count(),
        10,
        "{}",
        ran_with_values.stderr
    );
    assert!(
        !ran_with_values.stderr.contains("placeholders"),
        "{}",
        ran_with_values.stderr
    );
}
