//! Correlations that read other correlations.

use super::*;

fn not_run(text: &str) -> Vec<String> {
    let report = Loader::new().load_text("rules.yml", text);
    let (rules, _) = CompiledRules::compile(report.detections, &Catalog::builtin());
    let (_, not_run) = rules.with_correlations(&report.correlations, &report.referenced_only);
    not_run
        .iter()
        .map(|left_out| format!("{}: {}", left_out.rule.meta.title, left_out.reason))
        .collect()
}

#[test]
fn a_chain_may_group_by_another_field_than_the_rule_that_it_reads() {
    // Failures are counted by address; who is let in is asked by user: of each failure the user is handed up.
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many
id: 00000000-0000-0000-0000-00000000000a
name: many
correlation: {{type: event_count, rules: failed_logon, group-by: [IpAddress], timespan: 5m, condition: {{gte: 3}}}}
---
title: Of many kinds
id: 00000000-0000-0000-0000-00000000000b
name: kinds
correlation: {{type: event_count, rules: many, group-by: [IpAddress], timespan: 10m, condition: {{gte: 1}}}}
---
title: Let in
id: 00000000-0000-0000-0000-00000000000c
correlation: {{type: temporal_ordered, rules: [many, logon], group-by: [TargetUserName], timespan: 5m}}
---
title: Let in, by way of another
id: 00000000-0000-0000-0000-00000000000d
correlation: {{type: temporal_ordered, rules: [kinds, logon], group-by: [TargetUserName], timespan: 5m}}
---
title: Users tried
id: 00000000-0000-0000-0000-00000000000e
correlation: {{type: value_count, rules: many, timespan: 5m, condition: {{field: TargetUserName, gte: 1}}}}
"
    ));
    let lines = vec![
        logon(0, 4625, "ann", "10.0.0.1"),
        logon(1, 4625, "bob", "10.0.0.1"),
        // The third: from here on there are many, with cid's and then eve's.
        logon(2, 4625, "Cid", "10.0.0.1"),
        logon(3, 4625, "eve", "10.0.0.1"),
        logon(10, 4624, "ann", "10.0.0.7"),
        logon(11, 4624, "cid", "10.0.0.8"),
        logon(12, 4624, "eve", "10.0.0.9"),
    ];
    let expected = [
        "Let in cid at 00:11",
        "Let in eve at 00:12",
        "Let in, by way of another cid at 00:11",
        "Users tried  at 00:02",
    ];
    for threads in [1, 2] {
        for batch_rows in [1, 3, 100] {
            let (alerts, _) = scan(&rules, std::slice::from_ref(&lines), threads, batch_rows);
            assert_eq!(groups(&alerts), expected);
        }
    }
    let mut backwards = lines;
    backwards.reverse();
    let (alerts, _) = scan(&rules, &[backwards], 1, 2);
    assert_eq!(groups(&alerts), expected);
}

#[test]
fn a_flood_is_there_as_long_as_it_lasts() {
    let rules = compiled(&format!(
        "{LOGONS}---
title: Many
id: 00000000-0000-0000-0000-00000000000a
name: many
correlation: {{type: event_count, rules: failed_logon, group-by: [TargetUserName], timespan: 10s, condition: {{gte: 3}}}}
---
title: Let in
id: 00000000-0000-0000-0000-00000000000c
correlation: {{type: temporal_ordered, rules: [many, logon], group-by: [TargetUserName], timespan: 30s}}
"
    ));
    let flood = |until: u32| (0..=until).map(|second| logon(second, 4625, "ann", "10.0.0.1"));
    let found = |second: u32| -> Vec<String> {
        let lines = flood(120).chain([logon(second, 4624, "ann", "10.0.0.1")]);
        groups(&scan(&rules, &[lines.collect()], 1, 10).0)
    };
    for second in [50, 100, 121, 149] {
        let at = format!("Let in ann at {:02}:{:02}", second / 60, second % 60);
        assert_eq!(found(second), [at]);
    }
    assert_eq!(found(150), [""; 0]);
}

#[test]
fn a_correlation_that_reads_what_another_does_not_have_does_not_run() {
    let chain = |parent: &str| {
        format!(
            "{LOGONS}---
title: Child
id: 00000000-0000-0000-0000-00000000000a
name: child
correlation:
    {{type: first_seen, rules: failed_logon, group-by: [TargetUserName], timespan: 5m, condition: {{field: LogonType}}}}
---
title: Parent
id: 00000000-0000-0000-0000-00000000000b
name: parent
correlation:
    {parent}
---
title: Grandparent
id: 00000000-0000-0000-0000-00000000000c
correlation:
    {{type: temporal, rules: [parent, logon], timespan: 5m}}
"
        )
    };
    let none: [&str; 0] = [];
    for runs in [
        "{type: temporal, rules: [child, logon], group-by: [targetusername], timespan: 5m}",
        "{type: temporal, rules: [child, logon], timespan: 5m}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: TARGETUSERNAME}}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: logontype}}",
        "{type: temporal, rules: [child, logon], group-by: [user], timespan: 5m, aliases: {user: {child: TargetUserName, logon: TargetUserName}}}",
    ] {
        assert_eq!(not_run(&chain(runs)), none, "{runs}");
    }
    for runs_not in [
        "{type: temporal, rules: [child, logon], group-by: [IpAddress], timespan: 5m}",
        "{type: value_count, rules: child, timespan: 5m, condition: {gte: 2, field: IpAddress}}",
    ] {
        assert_eq!(
            not_run(&chain(runs_not)),
            [
                "Parent: `Child`, which it reads, has no field `IpAddress`: of a rule of type `first_seen`, or of a statistic, only those of its key can be read",
                "Grandparent: `Parent`, which it reads, does not run",
            ]
        );
    }
}
