//! Lists of indicators in scans, correlations and hunts.

use std::sync::Arc;

use borzoi_engine::alert::Alert;
use borzoi_engine::hunt::{Hunt, HuntOptions};
use borzoi_engine::indicators::read::load_text;
use borzoi_engine::indicators::{IndicatorSet, rules};
use borzoi_engine::lake::Lake;
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::ScanSummary;
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::Loader;
use borzoi_rules::ir::DetectionRule;
use proptest::prelude::*;

use crate::screen::{Everything, all_agree, scan};

fn set(name: &str, text: &str) -> Arc<IndicatorSet> {
    let loaded = load_text(name, text.as_bytes());
    assert!(!loaded.has_losses(), "{:?}", loaded.files);
    loaded.set
}

fn compiled(set: &Arc<IndicatorSet>, more: &str) -> Arc<CompiledRules> {
    let mut loader = Loader::new();
    for rule in rules(set) {
        loader.add_rule(rule);
    }
    if !more.is_empty() {
        loader.add_text("rules.yml", more);
    }
    let report = loader.finish();
    assert_eq!(
        report.errors().map(ToString::to_string).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    let (rules, warnings) = CompiledRules::compile(report.detections, &Catalog::builtin());
    assert!(warnings.is_empty(), "{warnings:?}");
    let (rules, not_run) = rules.with_correlations(&report.correlations, &report.referenced_only);
    assert!(not_run.is_empty());
    Arc::new(rules)
}

fn sysmon(time: &str, id: u32, fields: &str) -> String {
    format!(
        r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","Computer":"pc7","UtcTime":"2026-03-01 {time}.000","EventID":{id},{fields}}}"#
    )
}

/// Scans looking at every event and passing events over; both must say the same.
fn alerts(rules: &Arc<CompiledRules>, lines: &[String]) -> (Vec<Alert>, ScanSummary) {
    let mut everything = Everything(Vec::new());
    scan(lines, rules, None, &mut everything);
    let mut alerts: Vec<Alert> = Vec::new();
    let summary = scan(lines, rules, None, &mut alerts);
    let seen = |alerts: &[Alert]| -> Vec<(Arc<str>, String)> {
        let seen = alerts.iter();
        seen.map(|alert| (alert.rule.title.clone(), alert.time.clone()))
            .collect()
    };
    assert_eq!(seen(&alerts), seen(&everything.0));
    (alerts, summary)
}

const LIST: &str = "indicator,comment,tags,confidence,valid_until
192.0.2.66,Some bot,c2,80,2026-03-01T12:00:00Z
198.51.100.0/24,,,,
evil.example,A dropper,,,
d41d8cd98f00b204e9800998ecf8427e,,,,
http://files.example/a.exe,,,,
";

#[test]
fn a_hit_is_an_alert_that_says_what_the_list_says() {
    let rules = compiled(&set("bot nets.csv", LIST), "");
    let hits = [
        sysmon(
            "10:00:00",
            3,
            r#""SourceIp":"10.0.0.1","DestinationIp":"192.0.2.66""#,
        ),
        sysmon(
            "10:00:01",
            3,
            r#""SourceIp":"::ffff:198.51.100.7","DestinationIp":"10.0.0.1""#,
        ),
        sysmon("10:00:02", 22, r#""QueryName":"WWW.evil.example.""#),
        sysmon(
            "10:00:03",
            22,
            r#""QueryName":"x.example","QueryResults":"type:  5 y.example;::ffff:198.51.100.9;""#,
        ),
        sysmon(
            "10:00:04",
            1,
            r#""Image":"C:\\a.exe","Hashes":"SHA1=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709,MD5=D41D8CD98F00B204E9800998ECF8427E""#,
        ),
        // Not any more.
        sysmon(
            "12:00:00",
            3,
            r#""SourceIp":"10.0.0.1","DestinationIp":"192.0.2.66""#,
        ),
        sysmon("12:00:01", 22, r#""QueryName":"notevil.example""#),
    ];
    let (alerts, summary) = alerts(&rules, &hits);
    assert_eq!(alerts.len(), 5, "{alerts:#?}");
    assert_eq!(summary.matching.passed, 1);
    let first = &alerts[0];
    assert_eq!(
        (&*first.rule.title, first.rule.level),
        ("Indicator of bot nets", borzoi_rules::ir::Level::High)
    );
    let matched = &first.matched[0];
    assert_eq!(
        (matched.column.as_str(), matched.value.as_str()),
        ("destination.ip", "192.0.2.66")
    );
    assert_eq!(
        matched.matcher,
        "in list bot nets: 192.0.2.66 (Some bot; labels: c2; confidence 80 %; valid until 2026-03-01T12:00:00Z)"
    );
    let shown: Vec<(&str, &str)> = alerts[1..]
        .iter()
        .map(|alert| {
            (
                alert.matched[0].column.as_str(),
                alert.matched[0].matcher.as_str(),
            )
        })
        .collect();
    let expected = [
        ("source.ip", "in list bot nets: 198.51.100.0/24"),
        ("dns.question.name", "in list bot nets: evil.example (A dropper)"),
        (
            "winlog.event_data.QueryResults",
            "in list bot nets: 198.51.100.0/24",
        ),
        (
            "winlog.event_data.Hashes",
            "in list bot nets: d41d8cd98f00b204e9800998ecf8427e",
        ),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn other_products_are_looked_at_too() {
    let rules = compiled(&set("l.csv", LIST), "");
    let lines = [
        r#"198.51.100.9 - - [01/Mar/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "http://files.example/a.exe" "curl/8""#.to_owned(),
        r#"10.0.0.9 - - [01/Mar/2026:10:00:01 +0000] "GET /a HTTP/1.1" 200 5 "https://www.evil.example/x" "curl/8""#.to_owned(),
        r#"10.0.0.9 - - [01/Mar/2026:10:00:02 +0000] "GET /a?u=evil.example HTTP/1.1" 200 5 "-" "curl/8""#.to_owned(),
    ];
    let (alerts, _) = alerts(&rules, &lines);
    let shown: Vec<Vec<&str>> = alerts
        .iter()
        .map(|alert| {
            alert
                .matched
                .iter()
                .map(|matched| matched.column.as_str())
                .collect()
        })
        .collect();
    assert_eq!(
        shown,
        [
            vec!["source.ip", "http.request.referrer"],
            vec!["http.request.referrer"]
        ]
    );
}

#[test]
fn events_without_a_hit_are_passed_over() {
    let rules = compiled(&set("l.csv", LIST), "");
    let channel = |channel: &str, provider: &str, id: u32, fields: &str| {
        format!(
            r#"{{"Channel":"{channel}","Provider_Name":"{provider}","Computer":"pc7","@timestamp":"2026-03-01T10:00:00Z","EventID":{id},{fields}}}"#
        )
    };
    let security = "Microsoft-Windows-Security-Auditing";
    let lines = [
        sysmon(
            "10:00:00",
            3,
            r#""SourceIp":"10.0.0.1","DestinationIp":"10.0.0.2""#,
        ),
        sysmon(
            "10:00:00",
            1,
            r#""Image":"C:\\a.exe","Hashes":"MD5=D41D8CD98F00B204E9800998ECF84270""#,
        ),
        channel(
            "Security",
            security,
            4624,
            r#""IpAddress":"10.0.0.1","TargetUserName":"a""#,
        ),
        channel(
            "Security",
            security,
            5156,
            r#""SourceAddress":"10.0.0.1","DestAddress":"10.0.0.2""#,
        ),
        channel(
            "Microsoft-Windows-PowerShell/Operational",
            "Microsoft-Windows-PowerShell",
            4104,
            r#""ScriptBlockText":"ls""#,
        ),
        channel("System", "Service Control Manager", 7045, r#""ServiceName":"a""#),
    ];
    for line in &lines {
        let (alerts, summary) = alerts(&rules, std::slice::from_ref(line));
        assert_eq!((alerts.len(), summary.matching.passed), (0, 1), "{line}");
    }
}

const BURST: &str = "
title: Several names of a list
id: 00000000-0000-0000-0000-00000000000a
level: critical
correlation:
    type: value_count
    rules: indicator_names
    group-by: [host.name]
    timespan: 5m
    condition: {gte: 3, field: dns.question.name}
";

#[test]
fn correlations_count_hits() {
    let rules = compiled(&set("names.txt", "evil.example\n"), BURST);
    let lines: Vec<String> = (0..4)
        .map(|number| {
            sysmon(
                &format!("10:00:0{number}"),
                22,
                &format!(r#""QueryName":"n{}.evil.example""#, number.min(2)),
            )
        })
        .collect();
    let (found, _) = alerts(&rules, &lines);
    assert_eq!(found.len(), 1, "{found:#?}");
    let correlation = found[0].correlation.as_ref().expect("of a correlation");
    assert_eq!((correlation.count, correlation.peak), (4, 3.0));
    assert_eq!(&*correlation.rules[0].title, "Indicator of names");
}

/// Events whose values are sometimes those of lists.
fn event() -> impl Strategy<Value = String> {
    let address = prop::sample::select(
        &[
            "192.0.2.66",
            "::ffff:192.0.2.66",
            "198.51.100.4",
            "10.0.0.1",
            "evil.example",
            "x",
            "",
            "192.0.2.660",
            "\\u0031\\u0039\\u0032.0.2.66",
        ][..],
    );
    let name = prop::sample::select(
        &[
            "evil.example",
            "A.EVIL.example.",
            "good.example",
            "192.0.2.66",
            "e\\u0076il.example",
        ][..],
    );
    let hash = prop::sample::select(
        &[
            "MD5=D41D8CD98F00B204E9800998ECF8427E",
            "MD5=0",
            "SHA1=1,MD5=D41D8CD98F00B204E9800998ECF8427E,X=y",
            "",
        ][..],
    );
    let time = (9u32..14).prop_map(|hour| format!("{hour:02}:00:00"));
    (address.clone(), address, name, hash, time, prop::sample::select(&[1u32, 3, 22][..]), any::<bool>()).prop_map(
        |(source, destination, name, hash, time, id, list)| {
            let destination = if list { format!(r#"["{destination}","10.0.0.2"]"#) } else { format!("\"{destination}\"") };
            sysmon(&time, id, &format!(r#""SourceIp":"{source}","DestinationIp":{destination},"QueryName":"{name}","Hashes":"{hash}""#))
        },
    )
}

proptest! {
    #![proptest_config(crate::effort(40))]

    #[test]
    fn nothing_is_passed_over_that_is_in_a_list(
        events in prop::collection::vec(event(), 1..20),
        more in prop::collection::vec(crate::matcher::rule(), 0..3),
    ) {
        let mut all: Vec<Arc<DetectionRule>> = rules(&set("l.csv", LIST)).into_iter().map(Arc::new).collect();
        all.extend(more);
        let lines: Vec<String> = events.iter().chain(&events).cloned().collect();
        all_agree(&lines, all)?;
    }
}

#[tokio::test]
async fn lists_are_run_over_the_lake() {
    let set = set("bot nets.csv", LIST);
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [
        sysmon(
            "10:00:00",
            3,
            r#""SourceIp":"10.0.0.1","DestinationIp":"192.0.2.66""#,
        ),
        sysmon(
            "10:00:01",
            3,
            r#""SourceIp":"10.0.0.1","DestinationIp":"10.0.0.2""#,
        ),
        sysmon("10:00:02", 22, r#""QueryName":"www.evil.example""#),
    ];
    let none = Arc::new(CompiledRules::compile(Vec::new(), &Catalog::builtin()).0);
    tokio::task::spawn_blocking({
        let path = folder.path().to_owned();
        move || scan(&lines, &none, Some(&path), &mut Vec::<Alert>::new())
    })
    .await
    .expect("scanned");
    let lake = Lake::open(folder.path()).expect("a lake");
    let options = HuntOptions {
        indicators: Some(set.clone()),
        ..HuntOptions::default()
    };
    let mut hunt = Hunt::open(&lake, options).await.expect("a hunt");
    let all: Vec<Arc<DetectionRule>> = rules(&set).into_iter().map(Arc::new).collect();
    hunt.add_rules(&all).expect("rules over the lake");
    for (sql, expected) in [
        ("select * from matches", 2),
        (
            "select * from windows_sysmon where indicator(destination_ip) is not null",
            1,
        ),
        (
            "select * from windows_sysmon where indicator_of('bot nets', dns_question_name)",
            1,
        ),
        (
            "select * from windows_sysmon where indicator(dns_question_name) = 'in list bot nets: evil.example (A dropper)'",
            1,
        ),
    ] {
        let answer = hunt
            .sql(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(answer.stats.rows, expected, "{sql}");
    }
    let wrong = hunt
        .sql("select indicator_of('bot net', 'x')")
        .await
        .expect_err("no such list");
    assert!(wrong.to_string().contains("did you mean 'bot nets'"), "{wrong}");
    let without = Hunt::open(&lake, HuntOptions::default()).await.expect("a hunt");
    let error = without
        .sql("select indicator('192.0.2.1')")
        .await
        .expect_err("nothing is loaded");
    assert!(error.to_string().contains("--indicators"), "{error}");
}
