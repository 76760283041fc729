//! The whole SigmaHQ repository, where it is at hand.

use std::path::PathBuf;
use std::time::Instant;

use borzoi_rules::Loader;

fn corpora() -> Option<PathBuf> {
    let default = "../../shared/corpora";
    let folder = std::env::var_os("BORZOI_CORPORA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn every_rule_of_sigmahq_loads() {
    let Some(corpora) = corpora() else {
        println!("skipped: no corpora (set BORZOI_CORPORA)");
        return;
    };
    let folder = corpora.join("sigma");
    let start = Instant::now();
    let report = Loader::new().load([&folder]);
    println!("loaded {:?} in {:?}", report.counts, start.elapsed());
    for problem in &report.problems {
        println!("{problem}");
    }
    assert_eq!(report.errors().count(), 0);
    assert_eq!(report.counts.failed, 0);
    assert_eq!(report.counts.documents, report.counts.detections);
    assert!(report.counts.files > 3000);
    assert!(report.counts.waiting > 0, "placeholder rules wait");
}
