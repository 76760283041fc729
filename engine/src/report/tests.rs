//! Structural tests: what must hold of the page whatever the alerts contain.

use std::sync::Arc;

use borzoi_rules::ir::Level;
use serde_json::{Value, json};

use super::*;
use crate::alert::{AlertRule, Attack, Entities, MatchedField, SCHEMA_VERSION};

/// An alert like any other; `number` varies it.
fn alert(number: usize) -> Alert {
    let levels = [
        Level::Critical,
        Level::High,
        Level::Medium,
        Level::Low,
        Level::Informational,
    ];
    Alert {
        schema: SCHEMA_VERSION,
        id: format!("{number:032x}"),
        time: format!("2026-11-{:02}T10:{:02}:00.000000Z", 1 + number % 20, number % 60),
        rule: AlertRule {
            id: format!("rule-{}", number % 7).into(),
            title: format!("Rule number {}", number % 7).into(),
            level: levels[number % 7 % 5],
            tags: vec!["attack.execution".to_owned(), "attack.t1059.001".to_owned()].into(),
            attack: Arc::new(Attack {
                tactics: vec!["Execution".to_owned()],
                techniques: vec!["T1059.001".to_owned()],
            }),
        },
        tenant: "default".into(),
        dataset: "windows.sysmon".into(),
        entities: Entities {
            hosts: vec![format!("ws-{}", number % 30)],
            users: vec!["CORP\\ann".to_owned()],
            addresses: vec!["10.0.0.7".to_owned()],
            processes: vec!["C:\\Windows\\System32\\cmd.exe".to_owned()],
        },
        matched: vec![MatchedField {
            selection: "selection".to_owned(),
            field: Some("Image".to_owned()),
            column: "process.executable".to_owned(),
            value: "C:\\Windows\\System32\\cmd.exe".to_owned(),
            matcher: "endswith \\cmd.exe".to_owned(),
        }],
        event_id: format!("{:032x}", number + 1),
        event: json!({"event": {"code": "1"}, "process": {"command_line": format!("cmd /c echo {number}")}})
            .into(),
        correlation: None,
    }
}

fn alerts(count: usize) -> Vec<Alert> {
    (0..count).map(alert).collect()
}

fn meta(alerts_total: u64) -> ReportMeta {
    ReportMeta {
        events: 1_234_567,
        sources: 12,
        rules: 84,
        alerts_total,
        elapsed: Duration::from_millis(4_200),
    }
}

fn render(title: &str, alerts: &[Alert], meta: &ReportMeta) -> String {
    let mut report = Report::default();
    for alert in alerts {
        report.add(alert);
    }
    let mut page = Vec::new();
    report.write(&mut page, title, meta).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let mut report = Report::default();
    let mut long = alert(1);
    long.event = json!({"message": "x".repeat(1 << 20)}).into();
    for _ in 0..200 {
        report.add(&long);
    }
    // A short one after that would fit, but a report without the middle would mislead.
    report.add(&alert(2));
    assert!(report.bytes <= MOST_BYTES);
    assert!(
        (90..=96).contains(&report.alerts.len()),
        "{}",
        report.alerts.len()
    );
    let mut page = Vec::new();
    report.write(&mut page, "long", &meta(201)).unwrap();
    assert!(String::from_utf8(page).unwrap().contains("of 201 alerts"));
}

/// Contents of the script blocks whose opening tag is `open`.
fn blocks<'a>(page: &'a str, open: &str) -> Vec<&'a str> {
    page.split(open)
        .skip(1)
        .map(|rest| rest.split_once("</script>").unwrap().0)
        .collect()
}

fn index_of(page: &str) -> Value {
    let found = blocks(page, "<script type=\"application/json\" id=\"index\">");
    assert_eq!(found.len(), 1);
    serde_json::from_str(found[0]).unwrap()
}

fn details_of(page: &str) -> Vec<Value> {
    blocks(page, "<script type=\"application/x-ndjson\" class=\"details\">")
        .iter()
        .flat_map(|block| block.split('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn without_alerts_the_page_says_so_and_shows_no_table() {
    let page = render("quiet", &[], &meta(0));
    assert!(page.contains("<b>No alerts.</b> 1,234,567 events were read and 84 rules ran"));
    assert!(page.contains("id=\"alerts\" hidden>"));
    assert!(!page.contains("<svg class=\"timeline\""));
    assert_eq!(index_of(&page)["rows"], json!([]));
    assert!(details_of(&page).is_empty());
}

#[test]
fn every_alert_is_in_the_page_in_order() {
    let given = alerts(DETAILS_PER_BLOCK * 2 + 1);
    let page = render("three blocks", &given, &meta(given.len() as u64));
    assert!(!page.contains("This report holds"));
    let index = index_of(&page);
    let details = details_of(&page);
    assert_eq!(index["rows"].as_array().unwrap().len(), given.len());
    assert_eq!(index["rules"].as_array().unwrap().len(), 7);
    assert_eq!(index["block"], DETAILS_PER_BLOCK);
    assert_eq!(details.len(), given.len());
    for ((alert, row), detail) in given.iter().zip(index["rows"].as_array().unwrap()).zip(&details) {
        assert_eq!(detail["id"], alert.id.as_str());
        assert_eq!(detail["event"], alert.event.value());
        assert_eq!(row[0], alert.time.as_str());
        let rule = &index["rules"][row[1].as_u64().unwrap() as usize];
        assert_eq!(rule[0], alert.rule.id.as_ref());
        assert_eq!(
            index["level"][rule[2].as_u64().unwrap() as usize],
            level_name(alert.rule.level)
        );
        let host = row[4][0].as_u64().unwrap() as usize;
        assert_eq!(index["host"][host], alert.entities.hosts[0].as_str());
    }
}

#[test]
fn bars_and_timeline_count_every_alert_once() {
    let given = alerts(140);
    let summary = Summary::of(&given);
    assert_eq!(summary.levels.iter().sum::<u64>(), 140);
    assert_eq!(summary.rules.iter().map(|rule| rule.count).sum::<u64>(), 140);
    assert_eq!(summary.hosts.counts.iter().sum::<u64>(), 140);
    let drawn: u64 = summary.timeline.buckets.iter().flatten().sum();
    assert_eq!(drawn, 140);
    assert_eq!(summary.timeline.untimed, 0);
}

#[test]
fn an_alert_that_names_a_host_twice_counts_once_for_it() {
    let mut one = alert(1);
    one.entities.hosts = vec!["ws".to_owned(), "ws".to_owned(), "dc".to_owned()];
    let given = [one];
    let summary = Summary::of(&given);
    assert_eq!(summary.hosts.counts, [1, 1]);
    assert_eq!(summary.rows[0].hosts, [0, 1]);
}

#[test]
fn missing_alerts_are_announced() {
    let given = alerts(3);
    let page = render("capped", &given, &meta(81_234));
    assert!(page.contains("<b>This report holds 3 of 81,234 alerts.</b> 81,231 are not in it"));
}

#[test]
fn unreadable_times_are_counted_not_dropped() {
    let mut given = alerts(3);
    given[1].time = "yesterday".to_owned();
    let page = render("times", &given, &meta(3));
    assert!(page.contains("1 alert has no readable time and cannot be drawn"));
    assert_eq!(index_of(&page)["rows"].as_array().unwrap().len(), 3);

    given.iter_mut().for_each(|alert| alert.time.clear());
    let page = render("no times", &given, &meta(3));
    assert!(page.contains("3 alerts have no readable time"));
    assert!(!page.contains("<svg class=\"timeline\""));
}

/// Strings that would do something if any context let them.
const HOSTILE: [&str; 9] = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "]]>--><svg/onload=alert(1)>",
    "{{script}} {{policy}} ${alert(1)} &lt;b&gt;",
    "line\u{2028}and\u{2029}paragraph \u{202e}cod.exe \u{0}\u{1b}[31m\r\n\t",
    "\\u003c/script\\u003e \\\\ \"quoted\"",
];

#[test]
fn hostile_contents_stay_contents() {
    let harmless = render("t", &[alert(1)], &meta(1));
    for text in HOSTILE {
        let mut evil = alert(1);
        evil.id = text.to_owned();
        evil.event_id = text.to_owned();
        evil.rule.id = text.into();
        evil.rule.title = text.into();
        evil.rule.tags = vec![text.to_owned()].into();
        evil.rule.attack = Arc::new(Attack {
            tactics: vec![text.to_owned()],
            techniques: vec![text.to_owned()],
        });
        evil.tenant = text.into();
        evil.dataset = text.into();
        evil.entities = Entities {
            hosts: vec![text.to_owned()],
            users: vec![text.to_owned()],
            addresses: vec![text.to_owned()],
            processes: vec![text.to_owned()],
        };
        evil.matched = vec![MatchedField {
            selection: text.to_owned(),
            field: Some(text.to_owned()),
            column: text.to_owned(),
            value: text.to_owned(),
            matcher: text.to_owned(),
        }];
        evil.event = json!({text: [text, {text: text}]}).into();
        let given = [evil];
        let page = render(text, &given, &meta(1));
        // The page has exactly the elements and comments that it has with harmless contents.
        assert_eq!(
            page.matches('<').count(),
            harmless.matches('<').count(),
            "{text:?}"
        );
        for opening in [
            "<script", "</script", "<!--", "<svg", "<img", "</title", "</style",
        ] {
            assert_eq!(
                page.to_lowercase().matches(opening).count(),
                harmless.to_lowercase().matches(opening).count(),
                "{opening} with {text:?}"
            );
        }
        assert!(
            !page.contains(['\u{2028}', '\u{2029}', '\u{202e}', '\u{0}', '\u{1b}'])
                || text.contains('\u{202e}')
        );
        // In the markup no reordering mark survives; in the data it does, and the script shows its name.
        let markup = page.split_once("<script type=").unwrap().0;
        assert!(
            !markup.contains(['\u{202e}', '\u{2028}', '\u{0}', '\u{1b}']),
            "{text:?}"
        );
        assert_eq!(details_of(&page)[0]["event"], given[0].event.value());
        assert_eq!(details_of(&page)[0]["matched"][0]["value"], text);
        assert_eq!(index_of(&page)["host"][0], text);
        assert_eq!(index_of(&page)["rules"][0][1], text);
    }
}

#[test]
fn the_policy_names_the_page_s_own_script_and_style() {
    let page = render("policy", &alerts(2), &meta(2));
    let script = blocks(&page, "\n<script>")[0];
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let policy = format!(
        "content=\"default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'\"",
        source_hash(style),
        source_hash(script)
    );
    assert!(page.contains(&policy));
    // The empty text's digest, from FIPS 180 test data, in base64.
    assert_eq!(
        source_hash(""),
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
    // Before the policy only the character set: a policy does not bind what stands before it.
    let before = page.split_once("<meta http-equiv=").unwrap().0;
    assert_eq!(
        before,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    );
}

#[test]
fn the_page_loads_nothing_and_parses_no_html() {
    let page = render("alone", &alerts(2), &meta(2));
    for forbidden in [
        "http://",
        "https://",
        "src=",
        "href=",
        "url(",
        "@import",
        " style=\"",
        " onclick",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for forbidden in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "Function(",
    ] {
        assert!(!SCRIPT.contains(forbidden), "{forbidden}");
    }
    assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    assert!(!STYLE.contains("</"));
}

#[test]
fn ids_the_script_asks_for_are_in_the_page() {
    let page = render("ids", &alerts(2), &meta(2));
    for rest in SCRIPT.split("byId(\"").skip(1) {
        let id = rest.split_once('"').unwrap().0;
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(!page.contains("{{"), "a value of the template was not filled");
}

#[test]
fn many_alerts_make_one_page() {
    let given = alerts(4_000);
    let page = render("many", &given, &meta(4_000));
    assert_eq!(index_of(&page)["rows"].as_array().unwrap().len(), 4_000);
    assert_eq!(
        page.matches("class=\"details\"").count(),
        4_000 / DETAILS_PER_BLOCK
    );
    // Rows are drawn by the script, a page at a time.
    assert_eq!(page.matches("<tr").count(), 1);
}

#[test]
fn durations_read_well() {
    assert_eq!(duration(Duration::from_millis(812)), "812 ms");
    assert_eq!(duration(Duration::from_millis(4_230)), "4.2 s");
    assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
    assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
}
