//! SQL and rules over a small lake: golden answers, pruning, and rules held to the shared cases.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use borzoi_engine::alert_table::alert_batch;
use borzoi_engine::hunt::output::{AnswerWriter, Format, Layout};
use borzoi_engine::hunt::{Hunt, HuntError, HuntOptions, HuntResult, StoredTable};
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_parsers::batch::{BatchBuilder, BatchOptions, EventBatch, EventMeta};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::value::Value;
use borzoi_rules::ir::DetectionRule;
use datafusion::datasource::MemTable;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{cases, matcher};

/// 2026-05-01T10:00:00Z.
const START: i64 = 1_777_629_600_000_000;
const HOUR: i64 = 3_600_000_000;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Events of one dataset: (hours after the start, fields).
type Rows<'r> = &'r [(i64, &'r [(&'r str, Value<'r>)])];

fn events(tenant: &str, dataset: &str, rows: Rows<'_>) -> EventBatch {
    let catalog = Catalog::builtin();
    let dataset = catalog.dataset(dataset).expect("a shipped dataset").clone();
    let options = BatchOptions {
        tenant: Arc::from(tenant),
        ingest_time: START + 100 * HOUR,
        ..BatchOptions::default()
    };
    let place = tenant.len() as u128 * 1000 + dataset.name.len() as u128;
    let mut builder = BatchBuilder::new(dataset, Arc::new(options));
    for (number, (hours, fields)) in rows.iter().enumerate() {
        builder.begin();
        for (name, value) in *fields {
            builder.field(name, value.clone());
        }
        builder.commit(EventMeta {
            time: Some(START + hours * HOUR),
            fallback_time: 0,
            event_id: (place << 72) + number as u128,
            path: "events.json",
            offset: number as u64,
            raw: b"",
        });
    }
    builder.finish().expect("at least one event")
}

fn text(text: &str) -> Value<'_> {
    Value::Str(text)
}

/// Two tenants, two Windows datasets and web requests over three days.
async fn small_lake(folder: &TempDir) -> Lake {
    let lake = Lake::create(folder.path()).expect("a lake");
    let mut writer = LakeWriter::new(lake.clone(), WriterOptions::default());
    let sysmon: Rows<'_> = &[
        (
            0,
            &[
                ("EventID", text("1")),
                ("Computer", text("ws1")),
                ("User", text("CORP\\anna")),
                ("Image", text("C:\\Windows\\System32\\whoami.exe")),
                ("CommandLine", text("whoami /all")),
                ("ProcessId", Value::Int(4242)),
                ("Odd", Value::Json(r#"{"deep":{"er":[1,"two"]}}"#)),
            ],
        ),
        (
            1,
            &[
                ("EventID", text("1")),
                ("Computer", text("ws2")),
                ("User", text("CORP\\bert")),
                ("Image", text("C:\\Windows\\System32\\cmd.exe")),
                ("CommandLine", text("cmd /c echo d2hvYW1p")),
                ("ProcessId", Value::Int(77)),
            ],
        ),
        (
            26,
            &[
                ("EventID", text("3")),
                ("Computer", text("ws1")),
                ("User", text("CORP\\anna")),
                ("Image", text("C:\\Windows\\System32\\cmd.exe")),
                ("SourceIp", text("10.1.2.3")),
                ("DestinationIp", text("203.0.113.9")),
                ("DestinationPort", Value::Int(443)),
                ("GrantedAccess", text("0x1010")),
            ],
        ),
    ];
    let security: Rows<'_> = &[
        (
            2,
            &[
                ("EventID", text("4625")),
                ("Computer", text("dc1")),
                ("TargetUserName", text("anna")),
                ("IpAddress", text("203.0.113.9")),
            ],
        ),
        (
            3,
            &[
                ("EventID", text("4625")),
                ("Computer", text("dc1")),
                ("TargetUserName", text("anna")),
                ("IpAddress", text("203.0.113.9")),
            ],
        ),
        (
            50,
            &[
                ("EventID", text("4624")),
                ("Computer", text("dc1")),
                ("TargetUserName", text("anna")),
                ("IpAddress", text("10.1.2.3")),
            ],
        ),
    ];
    writer
        .append(&events("default", "windows.sysmon", sysmon))
        .expect("buffered");
    writer
        .append(&events("default", "windows.security", security))
        .expect("buffered");
    writer
        .append(&events("acme", "windows.sysmon", &sysmon[..1]))
        .expect("buffered");
    writer.flush().await.expect("flushed");
    lake
}

async fn open(lake: &Lake) -> Hunt {
    Hunt::open(lake, HuntOptions::default()).await.expect("a hunt")
}

fn shown(answer: &HuntResult) -> String {
    let mut out = Vec::new();
    let layout = Layout {
        width: None,
        hide_empty: answer.wildcard,
    };
    let mut writer =
        AnswerWriter::new(&mut out, Format::Table, &answer.schema, layout).expect("a table writer");
    for batch in &answer.batches {
        writer.write(batch).expect("taken");
    }
    writer.finish().expect("written");
    let text = String::from_utf8(out).expect("text");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Every `*.slt` in `tests/sql`: blocks of a statement, `----`, and the answer or the error, separated by
/// blank lines. `BORZOI_UPDATE_GOLDEN=1` writes the present answers into the files.
#[test]
fn golden_answers() {
    let folder = PathBuf::from("tests/sql");
    let update = std::env::var_os("BORZOI_UPDATE_GOLDEN").is_some();
    let runtime = runtime();
    let temporary = tempfile::tempdir().expect("a folder");
    let hunt = runtime.block_on(async { open(&small_lake(&temporary).await).await });
    let mut wrong = Vec::new();
    let mut asked = 0;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the golden files are part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    for path in files {
        let before = std::fs::read_to_string(&path).expect("readable");
        let mut after = Vec::new();
        for block in before.trim_end().split("\n\n") {
            let Some((statement, expected)) = block.split_once("\n----") else {
                after.push(block.to_owned());
                continue;
            };
            asked += 1;
            let sql: String = statement
                .lines()
                .filter(|line| !line.starts_with('#'))
                .collect::<Vec<_>>()
                .join("\n");
            let got = match runtime.block_on(hunt.sql(&sql)) {
                Ok(answer) => shown(&answer),
                Err(error) => error
                    .to_string()
                    .lines()
                    .map(str::trim_end)
                    .collect::<Vec<_>>()
                    .join("\n"),
            };
            if got != expected.trim_start_matches('\n') {
                wrong.push(format!("{}:\n{statement}\n---- got\n{got}", path.display()));
            }
            after.push(format!("{statement}\n----\n{got}"));
        }
        if update {
            std::fs::write(&path, after.join("\n\n") + "\n").expect("writable");
        }
    }
    assert!(asked >= 30, "only {asked} statements");
    assert!(update || wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn plan(hunt: &Hunt, sql: &str) -> String {
    let answer = hunt.sql(&format!("explain {sql}")).await.expect(sql);
    let mut physical = String::new();
    for batch in &answer.batches {
        for row in 0..batch.num_rows() {
            let line = borzoi_engine::hunt::output::value(batch.column(1), row);
            physical.push_str(line.as_str().unwrap_or(""));
        }
    }
    physical
}

#[test]
fn filters_reach_the_parquet_files_and_unused_columns_stay_unread() {
    let temporary = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        let hunt = open(&small_lake(&temporary).await).await;
        let sql = "select CommandLine from windows where event.code = 1 and time > '2026-05-01T10:30:00Z'";
        let plan = plan(&hunt, sql).await;
        assert!(plan.contains("event_code_min"), "pruned by the code: {plan}");
        assert!(plan.contains("time_max"), "pruned by the time: {plan}");
        assert!(
            !plan.contains("destination_port"),
            "only what is asked is read: {plan}"
        );

        // Three days of Sysmon are two files; one of them cannot hold the third day.
        let files = |sql: &'static str| {
            let hunt = &hunt;
            async move { hunt.sql(sql).await.expect(sql).stats.files }
        };
        let all = files("select event_code from windows_sysmon").await;
        assert_eq!(all, 3, "two days of one tenant, one of the other");
        assert_eq!(
            files("select event_code from windows_sysmon where time >= '2026-05-02'").await,
            1
        );
        assert_eq!(
            files("select event_code from windows_sysmon where day = '2026-05-02'").await,
            1
        );
        assert_eq!(
            files("select event_code from windows_sysmon where tenant = 'acme'").await,
            1
        );
        assert_eq!(
            files("select event_code from events where dataset = 'windows.security'").await,
            2
        );
        assert_eq!(
            files("select event_code from events where dns.question.name = 'x'").await,
            0
        );
    });
}

#[test]
fn a_hunt_for_some_tenants_has_no_other_rows() {
    let temporary = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        let lake = small_lake(&temporary).await;
        let options = HuntOptions {
            tenants: Some(vec!["acme".to_owned()]),
            ..HuntOptions::default()
        };
        let hunt = Hunt::open(&lake, options).await.expect("a hunt");
        for table in ["events", "windows", "windows_sysmon", "windows_security"] {
            let sql = format!("select count(*) from {table} where tenant <> 'acme'");
            let answer = hunt.sql(&sql).await.expect("an answer");
            assert_eq!(
                answer.batches[0].column(0).as_primitive::<Int64Type>().value(0),
                0,
                "{table}"
            );
        }
        let answer = hunt.sql("select tenant from events").await.expect("an answer");
        assert_eq!(answer.stats.rows, 1);
    });
}

#[test]
fn a_hunt_only_reads() {
    let temporary = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        let hunt = open(&small_lake(&temporary).await).await;
        let target = temporary.path().join("stolen.parquet");
        for sql in [
            format!("copy (select * from events) to '{}'", target.display()),
            "create table x as select 1".to_owned(),
            "insert into events select * from events".to_owned(),
            "drop table events".to_owned(),
            "set datafusion.execution.batch_size = 1".to_owned(),
            format!(
                "create external table x stored as parquet location '{}'",
                temporary.path().display()
            ),
            format!("select * from '{}'", temporary.path().join("default").display()),
        ] {
            assert!(
                matches!(hunt.sql(&sql).await, Err(HuntError::Sql { .. })),
                "{sql}"
            );
        }
        assert!(!target.exists());
        assert_eq!(
            hunt.sql("select 1 from events")
                .await
                .expect("still there")
                .stats
                .rows,
            7
        );
    });
}

/// Offsets of the events that a hunt for `rules` finds.
async fn found(hunt: &mut Hunt, rules: &[Arc<DetectionRule>]) -> Result<Vec<usize>, HuntError> {
    hunt.add_rules(rules)?;
    let answer = hunt
        .sql("select distinct log_offset from matches order by 1")
        .await?;
    Ok(answer
        .batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .map(|offset| offset as usize)
        .collect())
}

fn over(batch: &EventBatch) -> Hunt {
    let table = MemTable::try_new(batch.events.schema(), vec![vec![batch.events.clone()]]).expect("a table");
    let stored = StoredTable {
        tenant: batch.tenant.clone(),
        dataset: batch.dataset.name.clone(),
        provider: Arc::new(table),
    };
    let options = HuntOptions {
        target_partitions: Some(1),
        ..HuntOptions::default()
    };
    Hunt::over(vec![stored], options).expect("a hunt")
}

#[test]
fn shared_cases_hold_for_lowered_rules() {
    let cases = cases::all();
    let mut wrong = Vec::new();
    runtime().block_on(async {
        for case in &cases {
            match found(&mut over(&case.batch), &case.rules).await {
                Ok(rows) if rows == case.expect => {}
                Err(HuntError::Rule { .. }) if case.rules.iter().any(|r| !r.waiting_for.is_empty()) => {}
                other => wrong.push(format!("{}: {other:?}, expected {:?}", case.name, case.expect)),
            }
        }
    });
    assert!(cases.len() >= 60, "{} cases", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shared_cases_hold_for_rules_over_a_lake() {
    let temporary = tempfile::tempdir().expect("a folder");
    let cases = cases::all();
    let mut wrong = Vec::new();
    runtime().block_on(async {
        let lake = Lake::create(temporary.path()).expect("a lake");
        let mut writer = LakeWriter::new(lake.clone(), WriterOptions::default());
        for (number, case) in cases.iter().enumerate() {
            let batch = EventBatch {
                tenant: Arc::from(format!("case{number}")),
                ..case.batch.clone()
            };
            writer.append(&batch).expect("buffered");
        }
        writer.flush().await.expect("flushed");
        for (number, case) in cases.iter().enumerate() {
            let options = HuntOptions {
                tenants: Some(vec![format!("case{number}")]),
                target_partitions: Some(1),
                ..HuntOptions::default()
            };
            let mut hunt = Hunt::open(&lake, options).await.expect("a hunt");
            match found(&mut hunt, &case.rules).await {
                Ok(rows) if rows == case.expect => {}
                Err(HuntError::Rule { .. }) if case.rules.iter().any(|r| !r.waiting_for.is_empty()) => {}
                other => wrong.push(format!("{}: {other:?}, expected {:?}", case.name, case.expect)),
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rule_prunes_by_the_codes_of_its_log_source() {
    let temporary = tempfile::tempdir().expect("a folder");
    let rule = "
title: Asks who it is
level: low
logsource: {product: windows, category: process_creation}
detection:
    selection: {Image|endswith: '\\whoami.exe'}
    other: {ProcessId: 77}
    condition: 1 of them
";
    let rules = borzoi_rules::Loader::new().load_text("rule.yml", rule).detections;
    runtime().block_on(async {
        let mut hunt = open(&small_lake(&temporary).await).await;
        hunt.add_rules(&rules).expect("a rule that can be lowered");
        let sql = "select rule_title, rule_level, tenant, host.name from matches order by 3, 4";
        assert_eq!(
            shown(&hunt.sql(sql).await.expect("an answer")),
            "rule_title      │ rule_level │ tenant  │ host_name\n\
             ────────────────┼────────────┼─────────┼──────────\n\
             Asks who it is  │ low        │ acme    │ ws1\n\
             Asks who it is  │ low        │ default │ ws1\n\
             Asks who it is  │ low        │ default │ ws2"
                .replace("is  │", "is │")
                .replace("rule_title      │", "rule_title     │")
                .replace("────────────────┼", "───────────────┼")
        );
        let plan = plan(&hunt, "select host_name from matches").await;
        assert!(plan.contains("event_code_min"), "{plan}");
        // The day with network connections only is not opened.
        assert_eq!(hunt.sql(sql).await.expect("an answer").stats.files, 2);
    });
}

#[test]
fn alerts_have_all_their_columns_before_the_first_one() {
    let hunt = Hunt::over(Vec::new(), HuntOptions::default()).expect("a hunt over nothing");
    for field in alert_batch(&[], 0).schema().fields() {
        let asked = runtime().block_on(hunt.sql(&format!("select {} from alerts", field.name())));
        assert_eq!(asked.expect("a column of alerts").stats.rows, 0);
    }
    let asked = runtime().block_on(hunt.sql("select rule.level, threat.technique.id[1], day from alerts"));
    assert_eq!(asked.expect("dotted names, too").stats.rows, 0);
}

#[test]
fn texts_that_are_no_json_give_null_and_are_counted() {
    let hunt = Hunt::over(Vec::new(), HuntOptions::default()).expect("a hunt over nothing");
    let ask = |sql: &str| runtime().block_on(hunt.sql(sql)).expect("an answer");
    let sql = "select json_get(column1, 'a') from (values ('{\"a\":\"x\"}'), ('{\"a\":'), (null))";
    let answer = ask(sql);
    assert_eq!(answer.stats.unreadable_json, 1);
    let nulls: usize = answer
        .batches
        .iter()
        .map(|batch| batch.column(0).null_count())
        .sum();
    assert_eq!((answer.stats.rows, nulls), (3, 2));
    // The next question starts from nothing.
    assert_eq!(ask("select 1").stats.unreadable_json, 0);
}

#[test]
fn a_rule_without_any_column_to_look_at_is_answered() {
    let rules = [
        "{Image|fieldref: Image}\n    condition: s",
        "{Image|fieldref: Image}\n    condition: not s",
        "{Image: a}\n    condition: not s",
    ];
    let batch = cases::batch("windows.sysmon", &[json!({"EventID": "3"})]);
    let found = rules.map(|rule| {
        let text = format!("title: R\nlogsource: {{product: windows}}\ndetection:\n    s: {rule}\n");
        let rules = borzoi_rules::Loader::new().load_text("r.yml", &text).detections;
        runtime()
            .block_on(found(&mut over(&batch), &rules))
            .expect("an answer")
    });
    assert_eq!(found, [vec![], vec![0], vec![0]]);
}

#[test]
fn rules_that_cannot_run_say_why() {
    let load = |source: &str, value: &str| {
        let text = format!(
            "title: R\nlogsource: {{{source}}}\ndetection:\n    s: {{Image{value}}}\n    condition: s\n"
        );
        borzoi_rules::Loader::new().load_text("r.yml", &text).detections
    };
    let mut hunt = Hunt::over(Vec::new(), HuntOptions::default()).expect("a hunt over nothing");
    let error = hunt
        .add_rules(&load("product: vax, service: vms", ": a"))
        .expect_err("nothing serves it")
        .to_string();
    assert!(
        error.contains("no dataset serves its log source (product vax, service vms)"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(crate::effort(32))]

    #[test]
    fn lowered_rules_and_oracle_agree_on_anything(
        rule in matcher::rule(),
        events in prop::collection::vec(matcher::event(), 1..12),
    ) {
        let batch = cases::batch("windows.sysmon", &events);
        let rules = [rule];
        let expected: Vec<usize> = matcher::expected(&rules, &batch).into_iter().map(|(row, _)| row).collect();
        match runtime().block_on(found(&mut over(&batch), &rules)) {
            Ok(rows) => prop_assert_eq!(rows, expected),
            // A log source that no dataset serves.
            Err(HuntError::Rule { .. }) => prop_assert!(expected.is_empty()),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
