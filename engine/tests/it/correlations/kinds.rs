//! What single types of correlations find, and how often they tell it.

use super::*;

#[test]
fn sums_and_medians_of_fields() {
    let rule = |kind: &str, condition: &str| {
        format!(
            "---
title: {kind}
correlation:
    type: {kind}
    rules: connection
    group-by: [id.orig_h]
    timespan: 10m
    condition: {{{condition}, field: orig_bytes}}
"
        )
    };
    let rules = compiled(&format!(
        "
title: Connection
name: connection
logsource: {{product: zeek, service: conn}}
detection:
    selection: {{proto: tcp}}
    condition: selection
{}{}{}",
        rule("value_sum", "gte: 1000"),
        rule("value_avg", "gt: 400"),
        rule("value_median", "lte: 100")
    ));
    let connection = |second: u32, bytes: &str| {
        format!(
            r#"{{"ts":{}.25,"uid":"C{second}","id.orig_h":"10.1.1.1","id.orig_p":5000,"id.resp_h":"10.2.2.2","id.resp_p":443,"proto":"tcp","service":"ssl","conn_state":"SF","orig_bytes":{bytes}}}"#,
            1_772_445_600 + second
        )
    };
    let lines = vec![
        connection(0, "100"),
        connection(60, "100"),
        connection(120, "900"),
        // No number: takes no part in any of them.
        connection(180, "null"),
        connection(240, "900"),
    ];
    let (alerts, summary) = scan(&rules, &[lines], 1, 10);
    assert_eq!(summary.windows.signals, 12, "{:?}", summary.datasets);
    let mut found: Vec<(String, u64, f64, f64)> = alerts
        .iter()
        .map(|alert| {
            let found = alert.correlation.as_ref().expect("of a correlation");
            (found.kind.clone(), found.count, found.value, found.peak)
        })
        .collect();
    found.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    // Medians: 100, 100, 100, then 500; means 366.7, then 500 and, as the small ones leave, 633.3 and 900.
    assert_eq!(
        found,
        [
            ("value_avg".to_owned(), 4, 500.0, 900.0),
            ("value_median".to_owned(), 3, 100.0, 100.0),
            ("value_sum".to_owned(), 4, 1100.0, 2000.0),
        ]
    );
}

#[test]
fn an_event_that_two_rules_match_is_one_event() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Failed logon from outside
id: 00000000-0000-0000-0000-000000000003
name: from_outside
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: 4625, IpAddress|startswith: '203.'}}
    condition: selection
---
title: Failed logons of any kind
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: event_count
    rules: [from_outside, failed_logon]
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 3}}
"
    ));
    let from = |second, address| logon(second, 4625, "alice", address);
    let two = vec![from(0, "203.0.113.1"), from(10, "203.0.113.1")];
    let (alerts, summary) = scan(&rules, std::slice::from_ref(&two), 1, 100);
    assert_eq!(alerts.len(), 0, "two events, whatever they match");
    assert_eq!(summary.windows.signals, 2);
    let more = [
        &two[..],
        &[
            from(20, "10.0.0.1"),
            from(30, "10.0.0.1"),
            from(40, "203.0.113.1"),
        ],
    ]
    .concat();
    let (alerts, _) = scan(&rules, &[more], 2, 2);
    assert_eq!(alerts.len(), 1);
    let found = alerts[0].correlation.as_ref().expect("of a correlation");
    let of_rules: Vec<(&str, u64)> = found
        .rules
        .iter()
        .map(|rule| (&*rule.title, rule.count))
        .collect();
    assert_eq!(of_rules, [("Failed logon from outside", 3), ("Failed logon", 2)]);
    assert_eq!(found.count, 5);
    // Each event that is shown is there.
    assert_eq!(found.evidence.len(), 3, "up to the third, with which it holds");
    assert!(found.evidence.iter().all(|shown| shown.event.value().is_object()));
}

#[test]
fn more_alerts_than_are_made_at_once_all_come() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Two failed logons
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: event_count
    rules: failed_logon
    group-by: [TargetUserName]
    timespan: 5m
    condition: {{gte: 2}}
"
    ));
    let lines: Vec<String> = (0..4600_u32)
        .map(|n| logon(n / 10, 4625, &format!("user{}", n / 2), "10.0.0.1"))
        .collect();
    let (alerts, summary) = scan(&rules, &[lines], 2, 500);
    assert_eq!((alerts.len(), summary.alerts), (2300, 2300));
    assert!(alerts.is_sorted_by_key(|alert| alert.time.clone()));
    let shown = |alert: &Alert| alert.correlation.as_ref().map_or(0, |found| found.evidence.len());
    assert!(alerts.iter().all(|alert| shown(alert) == 2));
}

#[test]
fn an_address_that_a_user_never_came_from() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: New address
id: 00000000-0000-0000-0000-00000000000a
name: new_address
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 30m
    condition: {{field: IpAddress, learning: 5m}}
---
title: Two new addresses
id: 00000000-0000-0000-0000-00000000000b
correlation:
    type: value_count
    rules: new_address
    group-by: [TargetUserName]
    timespan: 10m
    condition: {{field: IpAddress, gte: 2}}
"
    ));
    let lines = vec![
        logon(0, 4624, "ann", "10.0.0.1"),
        // Still learning.
        logon(60, 4624, "ann", "10.0.0.2"),
        logon(600, 4624, "ann", "10.0.0.1"),
        logon(610, 4624, "ANN", "10.9.9.9"),
        logon(620, 4624, "ann", "10.9.9.9"),
        // Unknown himself.
        logon(630, 4624, "bob", "10.9.9.9"),
        logon(640, 4624, "ann", "10.9.9.8"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let (alerts, _) = scan_in(folder.path(), &rules, std::slice::from_ref(&lines), 1, 100);
    let told = |alerts: &[Alert]| -> Vec<String> {
        let mut told: Vec<String> = alerts
            .iter()
            .map(|alert| {
                let found = alert.correlation.as_ref().expect("of a correlation");
                let group: Vec<String> = found.group.iter().map(|value| value.value.clone()).collect();
                let title = &alert.rule.title;
                format!(
                    "{title} {} {} {}",
                    group.join(" "),
                    &alert.time[14..19],
                    found.evidence.len()
                )
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(&alerts), ["Two new addresses ann 10:40 2"]);
    // Each on its own where nobody counts them.
    let single = compiled(&format!(
        "{LOGONS}---
title: New address
id: 00000000-0000-0000-0000-00000000000a
correlation:
    type: first_seen
    rules: logon
    group-by: [TargetUserName]
    timespan: 30m
    condition: {{field: IpAddress, learning: 5m}}
"
    ));
    let (alerts, _) = scan_in(folder.path(), &single, &[lines], 2, 2);
    assert_eq!(
        told(&alerts),
        [
            "New address ANN 10.9.9.9 10:10 1",
            "New address ann 10.9.9.8 10:40 1"
        ]
    );
    let first = alerts[0].correlation.as_ref().expect("of a correlation");
    assert_eq!(
        (first.kind.as_str(), first.condition.as_str()),
        ("first_seen", "IpAddress not seen within 30m")
    );
    assert_eq!(first.evidence[0].event.value()["source"]["ip"], "10.9.9.9");
}

#[test]
fn signals_about_one_host_add_up() {
    let rules = compiled(
        "
title: Failed logon
id: 00000000-0000-0000-0000-000000000001
name: failed_logon
level: low
tags: [attack.credential-access]
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Log cleared
id: 00000000-0000-0000-0000-000000000002
level: high
tags: [attack.stealth]
logsource: {product: windows, service: security}
detection: {s: {EventID: 1102}, condition: s}
---
title: Service
id: 00000000-0000-0000-0000-000000000003
level: medium
tags: [attack.persistence]
logsource: {product: windows, service: security}
detection: {s: {EventID: 4697}, condition: s}
---
title: Risk of a host
id: 00000000-0000-0000-0000-00000000000a
level: critical
correlation:
    type: risk
    rules: '*'
    group-by: [host.name]
    timespan: 1h
    condition: {gte: 90}
---
title: Many tactics
id: 00000000-0000-0000-0000-00000000000b
level: high
correlation:
    type: risk
    rules: '*'
    group-by: [host.name]
    timespan: 1h
    condition: {tactics: 3}
",
    );
    let found = |lines: Vec<String>| -> Vec<String> {
        let (alerts, _) = scan(&rules, &[lines], 1, 100);
        let several = alerts
            .iter()
            .filter_map(|alert| Some((alert, alert.correlation.as_ref()?)));
        several
            .map(|(alert, found)| {
                let parts: Vec<String> = found
                    .rules
                    .iter()
                    .map(|rule| format!("{}x{}", rule.title, rule.count))
                    .collect();
                format!(
                    "{} {:.0} {}: {}",
                    alert.rule.title,
                    found.value,
                    &alert.time[14..19],
                    parts.join(", ")
                )
            })
            .collect()
    };
    let of = |second, code| logon(second, code, "eve", "10.0.0.1");
    // A flood of one rule weighs what one of them does.
    assert_eq!(found((0..200).map(|n| of(n, 4625)).collect()), [""; 0]);
    // 60 + 30 after one half-life of 15 minutes, and 10 new.
    assert_eq!(found(vec![of(0, 1102), of(0, 4697), of(900, 4625)]).len(), 2);
    assert_eq!(
        found(vec![of(0, 1102), of(5, 4697), of(6, 4625), of(7, 4625)]),
        [
            "Risk of a host 100 00:06: Failed logonx2, Log clearedx1, Servicex1",
            "Many tactics 100 00:06: Failed logonx2, Log clearedx1, Servicex1",
        ]
    );
    // Single events alert as before.
    let (alerts, _) = scan(&rules, &[vec![of(0, 1102), of(5, 4697)]], 1, 100);
    assert_eq!(alerts.len(), 2);
}

#[test]
fn no_more_is_told_of_a_group_for_a_while() {
    let rules = |suppress: &str| {
        compiled(&format!(
            "{LOGONS}---
title: Two
id: 00000000-0000-0000-0000-00000000000a
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 10s, condition: {{gte: 2}}}}
{suppress}"
        ))
    };
    // Ann at 1, 101, 201, 301 …; bob once.
    let twice = |second: u32, user: &str| [second, second + 1].map(|at| logon(at, 4625, user, "10.0.0.1"));
    let mut lines: Vec<String> = (0..6).flat_map(|n| twice(n * 100, "ann")).collect();
    lines.extend(twice(150, "bob"));
    let (all, summary) = scan(&rules(""), std::slice::from_ref(&lines), 1, 3);
    assert_eq!((all.len(), summary.suppressed), (7, 0));
    let expected = ["Two ann at 00:01", "Two ann at 05:01", "Two bob at 02:31"];
    let quiet = rules("borzoi: {suppress: 5m}");
    for batch_rows in [1, 4, 100] {
        let (told, summary) = scan(&quiet, std::slice::from_ref(&lines), 2, batch_rows);
        assert_eq!(groups(&told), expected);
        assert_eq!(summary.suppressed, 4);
    }
}

#[test]
fn windows_that_tumble_and_sessions() {
    let found = |window: &str| -> Vec<String> {
        let rules = compiled(&format!(
            "{LOGONS}---
title: Three
id: 00000000-0000-0000-0000-00000000000a
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 1m, condition: {{gte: 3}}}}
borzoi: {{window: {window}}}
"
        ));
        // Ann over a minute's end; bob every fifty seconds.
        let ann = [50, 55, 62].map(|at| logon(at, 4625, "ann", "10.0.0.1"));
        let bob = [0, 50, 100, 150].map(|at| logon(at, 4625, "bob", "10.0.0.1"));
        groups(&scan(&rules, &[ann.into_iter().chain(bob).collect()], 1, 2).0)
    };
    assert_eq!(found("sliding"), ["Three ann at 01:02"]);
    assert_eq!(found("tumbling"), [""; 0]);
    assert_eq!(found("session"), ["Three ann at 01:02", "Three bob at 01:40"]);
    // The window from 00:30 to 01:30 holds all three of ann; bob never has three in a minute.
    assert_eq!(found("hopping, hop: 30s"), ["Three ann at 01:02"]);
    assert_eq!(found("hopping, hop: 1m"), [""; 0]);
}

#[test]
fn distinct_values_beside_a_count_of_events() {
    let found = |own: &str, lines: &[String]| {
        let rules = compiled(&format!(
            "{LOGONS}---
title: Spray
id: 00000000-0000-0000-0000-00000000000a
correlation: {{type: event_count, rules: failed_logon, group-by: [IpAddress], timespan: 1m, condition: {{gte: 4}}}}
borzoi: {{{own}}}
"
        ));
        scan(&rules, &[lines.to_vec()], 2, 2)
    };
    let distinct = "distinct: {field: TargetUserName, gte: 3}";
    let at = |second: u32, user: &str| logon(second, 4625, user, "10.0.0.1");
    // Four events of two users, then a third one; the first is gone by the time of the fourth.
    let lines = [
        at(0, "ann"),
        at(10, "bob"),
        at(20, "ann"),
        at(30, "BOB"),
        at(40, "cleo"),
        at(65, "dora"),
    ];
    let (alerts, summary) = found(distinct, &lines);
    assert_eq!(alerts.len(), 1);
    assert_eq!(summary.windows.signals, 6, "an event is one signal");
    let alert = &alerts[0];
    let correlation = alert.correlation.as_ref().expect("of a correlation");
    assert_eq!(
        (correlation.count, correlation.value, correlation.peak),
        (6, 5.0, 5.0)
    );
    assert_eq!(correlation.figures.get("distinct"), Some(&4.0));
    assert_eq!(
        correlation.condition,
        "gte 4, with gte 3 distinct TargetUserName, within 1m"
    );
    assert_eq!(alert.matched[0].value, "5, 4 distinct TargetUserName");
    assert_eq!(correlation.evidence.len(), 5, "each event is shown once");
    // As many events of two users are not enough, nor are three users in three events.
    assert!(found(distinct, &lines[..4]).0.is_empty());
    assert!(found(distinct, &lines[3..]).0.is_empty());
    // The oldest window at 00:40 holds all, that at 01:00 what came since 00:15, which is too little until dora.
    let hops = format!("window: hopping, hop: 15s, {distinct}");
    assert_eq!(
        groups(&found(&hops, &lines).0),
        ["Spray 10.0.0.1 at 00:40", "Spray 10.0.0.1 at 01:05"]
    );
    assert!(
        found(&format!("window: tumbling, {distinct}"), &lines[2..])
            .0
            .is_empty()
    );
    assert_eq!(
        found(&format!("window: session, {distinct}"), &lines[2..])
            .0
            .len(),
        1
    );
}
