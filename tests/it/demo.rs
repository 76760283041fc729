//! The demo as its user sees it.

use crate::support::run;

/// Chains, statistics and single events of the shipped pack, each alone sure of what it finds.
#[test]
fn every_attack_of_the_day_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let ran = run([
        "demo", "--quiet", "--seed", "3", "--events", "20000", "--dir", folder,
    ]);
    let told = ran.stdout.lines().find(|line| line.contains("attacks found"));
    assert_eq!(
        told,
        Some("27 of 27 attacks found; 0 false alerts"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
