//! The library as an engineer embeds it.

use crate::support::sysmon_file;

#[tokio::test]
async fn ten_lines_ingest_and_hunt() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("sysmon.ndjson");
    sysmon_file(&logs, 40);
    let pack = std::path::Path::new("rules/pack");

    let engine = borzoi::Engine::builder()
        .rules(pack)
        .unwrap()
        .lake(dir.path().join("lake"))
        .unwrap()
        .build()
        .unwrap();
    let alerts = engine.ingest(borzoi::Input::path(&logs)).await.unwrap();
    assert_eq!(alerts.len(), 4);
    assert!(
        alerts
            .iter()
            .all(|alert| &*alert.rule.title == "LSASS Memory Dumped Through comsvcs.dll")
    );
    let table = engine
        .hunt("select host_name, count(*) from windows where event_code = 1 group by 1")
        .await
        .unwrap();
    assert_eq!(table.stats.rows, 40);

    // The same input again stores nothing twice.
    engine.ingest(borzoi::Input::path(&logs)).await.unwrap();
    let again = engine.hunt("select event_id from events").await.unwrap();
    assert_eq!(again.stats.rows, 40);
}

#[tokio::test]
async fn mistakes_are_told() {
    let nothing = tempfile::tempdir().unwrap();
    let error = borzoi::Engine::builder().rules(nothing.path()).unwrap_err();
    assert!(error.to_string().contains("no rule found"), "{error}");
    let engine = borzoi::Engine::builder().build().unwrap();
    let error = engine.hunt("select 1").await.unwrap_err();
    assert!(matches!(error, borzoi::EngineError::NoLake));
}
