//! Columns that are made of others: rules ask for them with and without a screen, SQL finds them, the lake has none.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::{Hunt, HuntOptions};
use borzoi_engine::lake::Lake;
use borzoi_engine::matcher::CompiledRules;
use borzoi_parsers::catalog::Catalog;

use crate::screen::{Everything, rules, scan};

const HIDDEN: &str = "title: hidden\nlogsource: {product: windows, category: process_creation}\ndetection: \
     {selection: {process.command_line_decoded|contains: 'whoami'}, condition: selection}";
const PLAIN: &str = "title: plain\nlogsource: {product: windows, category: process_creation}\ndetection: \
     {selection: {CommandLine|contains: 'whoami'}, condition: selection}";
const KEYWORD: &str = "title: keyword\nlogsource: {product: windows}\ndetection: \
     {keywords: ['whoami'], condition: keywords}";
const LOOKUP: &str = "title: lookup\nlogsource: {product: windows, category: dns_query}\ndetection: \
     {selection: {dns.question.registered_domain: 'example.co.uk'}, condition: selection}";

fn lines() -> Vec<String> {
    let line = |id: u32, second: u32, fields: &str| {
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:{second:02}.000","EventID":{id},{fields}}}"#
        )
    };
    vec![
        line(1, 1, r#""CommandLine":"powershell -nop -enc dwBoAG8AYQBtAGkA""#),
        line(1, 2, r#""CommandLine":"notepad""#),
        line(22, 3, r#""QueryName":"login.example.co.uk""#),
        line(22, 4, r#""QueryName":"login.example.org""#),
    ]
}

fn titles(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| &*alert.rule.title).collect()
}

#[test]
fn rules_see_derived_columns_and_keywords_do_not() {
    let rules =
        Arc::new(CompiledRules::compile(rules(&[HIDDEN, PLAIN, KEYWORD, LOOKUP]), &Catalog::builtin()).0);
    let mut everything = Everything(Vec::new());
    scan(&lines(), &rules, None, &mut everything);
    assert_eq!(titles(&everything.0), ["hidden", "lookup"]);
    // With a screen in front.
    let mut alerts: Vec<Alert> = Vec::new();
    scan(&lines(), &rules, None, &mut alerts);
    assert_eq!(titles(&alerts), ["hidden", "lookup"]);
}

#[test]
fn sql_finds_what_the_lake_does_not_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = rules(&[HIDDEN, LOOKUP]);
    let compiled = Arc::new(CompiledRules::compile(rules.clone(), &Catalog::builtin()).0);
    let mut alerts: Vec<Alert> = Vec::new();
    scan(&lines(), &compiled, Some(folder.path()), &mut alerts);
    assert_eq!(titles(&alerts), ["hidden", "lookup"]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(asked(folder.path(), &rules));
}

async fn asked(path: &Path, rules: &[Arc<borzoi_rules::ir::DetectionRule>]) {
    let lake = Lake::open(path).expect("the lake just written");
    let stored = lake
        .open_table("default", "windows.sysmon")
        .await
        .expect("readable")
        .expect("just written");
    let stored = stored.table_provider().await.expect("a table");
    assert!(stored.schema().field_with_name("dns_question_name").is_ok());
    for made in ["dns_question_registered_domain", "process_command_line_decoded"] {
        assert!(stored.schema().field_with_name(made).is_err(), "{made}");
    }
    let mut hunt = Hunt::open(&lake, HuntOptions::default()).await.expect("a lake");
    let texts = |result: &borzoi_engine::hunt::HuntResult| -> Vec<String> {
        let columns = result.batches.iter().map(|batch| batch.column(0).clone());
        columns
            .flat_map(|column| {
                let texts = column.as_string_view();
                texts
                    .iter()
                    .map(|text| text.unwrap_or("-").to_owned())
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    for (sql, wanted) in [
        (
            "select process_command_line_decoded from windows_sysmon where process_command_line_decoded is not null",
            vec!["whoami"],
        ),
        (
            "select dns_question_registered_domain from events where dns_question_name is not null order by time",
            vec!["example.co.uk", "example.org"],
        ),
        (
            "select dns.question.name from windows where dns.question.registered_domain = 'example.org'",
            vec!["login.example.org"],
        ),
    ] {
        let result = hunt.sql(sql).await.expect(sql);
        assert_eq!(texts(&result), wanted, "{sql}");
    }
    hunt.add_rules(rules).expect("rules for what is there");
    let found = hunt
        .sql("select rule_title from matches order by time")
        .await
        .expect("a query");
    assert_eq!(texts(&found), ["hidden", "lookup"]);
}
