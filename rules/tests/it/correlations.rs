//! Correlations, filters and collections: what crosses documents and files.

use borzoi_rules::correlation::*;
use borzoi_rules::ir::Comparison;
use borzoi_rules::{LoadReport, Loader, Placeholders, describe};

const BASE: &str = "title: Failed logon
id: 11111111-0000-4000-8000-000000000001
name: failed
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4625}
    condition: selection
---
title: Logon
id: 11111111-0000-4000-8000-000000000002
name: success
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4624}
    condition: selection
";

fn load(extra: &str) -> LoadReport {
    Loader::new().load_text("t.yml", &format!("{extra}\n---\n{BASE}"))
}

fn codes(report: &LoadReport) -> Vec<&'static str> {
    report.errors().map(|problem| problem.code).collect()
}

#[test]
fn a_chain_with_forward_references() {
    let report = load(
        "title: Guessed
id: c1
correlation:
    type: temporal_ordered
    rules: [many, success]
    group-by: [User]
    timespan: 10m
---
title: Many
name: many
id: c2
correlation:
    type: event_count
    rules: 11111111-0000-4000-8000-000000000001
    group-by: User
    timespan: 90s
    condition: {gt: 10, lte: 20}",
    );
    assert_eq!(report.problems, []);
    assert_eq!((report.counts.detections, report.counts.correlations), (2, 2));
    let [guessed, many] = &report.correlations[..] else {
        panic!("two")
    };
    assert_eq!(guessed.kind, CorrelationKind::TemporalOrdered);
    assert_eq!(guessed.condition, CorrelationCondition::AllRules);
    let ids: Vec<&str> = guessed.rules.iter().map(|id| &**id).collect();
    assert_eq!(ids, ["c2", "11111111-0000-4000-8000-000000000002"]);
    assert_eq!(many.timespan.as_secs(), 90);
    let bound = |comparison, value| Bound {
        operator: BoundOperator::Is(comparison),
        value,
    };
    assert_eq!(
        many.condition,
        CorrelationCondition::Bounds {
            fields: vec![],
            bounds: vec![
                bound(Comparison::Greater, 10.0),
                bound(Comparison::LessOrEqual, 20.0)
            ],
            distinct: vec![],
        }
    );
    let silent: Vec<&str> = report.referenced_only.iter().map(|id| &**id).collect();
    assert_eq!(
        silent,
        [
            "11111111-0000-4000-8000-000000000001",
            "11111111-0000-4000-8000-000000000002",
            "c2"
        ]
    );
    assert_eq!(report.summaries().count(), 4);
}

#[test]
fn generate_keeps_the_rules_alerting() {
    let text = "title: C
correlation: {type: temporal, rules: [failed, success], timespan: 1h}
generate: true";
    let report = load(text);
    assert_eq!(report.problems, []);
    assert!(report.correlations[0].generate);
    assert!(report.referenced_only.is_empty());
}

#[test]
fn every_type() {
    let cases = [
        ("event_count", "{gte: 3}", CorrelationKind::EventCount),
        (
            "value_count",
            "{field: User, gte: 3}",
            CorrelationKind::ValueCount,
        ),
        (
            "value_count",
            "{field: [User, Host], neq: 3}",
            CorrelationKind::ValueCount,
        ),
        ("temporal", "{gte: 1}", CorrelationKind::Temporal),
        ("temporal_ordered", "{eq: 1}", CorrelationKind::TemporalOrdered),
        ("value_sum", "{field: Bytes, gt: 1.5}", CorrelationKind::ValueSum),
        ("value_avg", "{field: Bytes, lt: -1}", CorrelationKind::ValueAvg),
        (
            "value_percentile",
            "{field: Bytes, lte: 1}",
            CorrelationKind::ValuePercentile(None),
        ),
        (
            "value_percentile",
            "{field: Bytes, gt: 1, percentile: 95}",
            CorrelationKind::ValuePercentile(Some(95.0)),
        ),
        (
            "value_median",
            "{field: Bytes, gt: 1}",
            CorrelationKind::ValueMedian,
        ),
    ];
    for (name, condition, kind) in cases {
        let report = load(&format!(
            "title: C\ncorrelation: {{type: {name}, rules: [failed], group-by: [A], timespan: 1d, condition: {condition}}}"
        ));
        assert_eq!(report.problems, [], "{name} {condition}");
        assert_eq!(report.correlations[0].kind, kind);
    }
}

#[test]
fn temporal_conditions_over_rules() {
    let report = load(
        "title: C\ncorrelation:\n    type: temporal\n    rules: [failed, success]\n    timespan: 1h\n    \
         condition: failed and not success",
    );
    assert_eq!(report.problems, []);
    assert_eq!(
        report.correlations[0].condition,
        CorrelationCondition::Rules(RuleCondition::All(vec![
            RuleCondition::Rule(0),
            RuleCondition::Not(Box::new(RuleCondition::Rule(1)))
        ]))
    );
}

#[test]
fn a_condition_over_rules_may_stand_for_the_list_of_them() {
    let report = load(
        "title: C\ncorrelation: {type: temporal_ordered, timespan: 1h, condition: (success or failed) and not success}",
    );
    assert_eq!(report.problems, []);
    let rule = &report.correlations[0];
    // In the order of their first mention, each once.
    let ids: Vec<&str> = rule.rules.iter().map(|id| &id[id.len() - 1..]).collect();
    assert_eq!(ids, ["2", "1"]);
    let either = RuleCondition::Any(vec![RuleCondition::Rule(0), RuleCondition::Rule(1)]);
    let not = RuleCondition::Not(Box::new(RuleCondition::Rule(0)));
    assert_eq!(
        rule.condition,
        CorrelationCondition::Rules(RuleCondition::All(vec![either, not]))
    );
    assert_eq!(report.referenced_only.len(), 2);
    // Places are those of the words.
    let typo = load("title: C\ncorrelation: {type: temporal, timespan: 1h, condition: failed and succes}");
    assert_eq!(codes(&typo), ["unknown-rule"]);
    assert_eq!(typo.problems[0].location.column, 67);
    assert_eq!(typo.problems[0].suggestion.as_deref(), Some("success"));
    for (body, code) in [
        ("{type: temporal, timespan: 1h}", "correlation-attribute"),
        (
            "{type: temporal, timespan: 1h, condition: {gte: 1}}",
            "correlation-attribute",
        ),
        (
            "{type: temporal, timespan: 1h, condition: 1 of them}",
            "condition-quantifier",
        ),
        (
            "{type: temporal, timespan: 1h, condition: failed and and success}",
            "condition-syntax",
        ),
        (
            "{type: temporal, timespan: 1h, rules: [], condition: failed}",
            "correlation-attribute",
        ),
    ] {
        let report = load(&format!("title: C\ncorrelation: {body}"));
        assert_eq!(
            codes(&report).first(),
            Some(&code),
            "{body}: {:?}",
            report.problems
        );
    }
}

#[test]
fn a_rule_that_the_condition_leaves_out_is_warned_of() {
    let report = load(
        "title: C\ncorrelation: {type: temporal, rules: [failed, success], timespan: 1h, condition: failed}",
    );
    let codes: Vec<_> = report.warnings().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unused-rule"]);
    assert!(report.problems[0].message.contains("`success`"));
}

#[test]
fn a_name_means_the_rule_of_the_same_file() {
    let rule = |id: &str, event: u32| {
        format!(
            "title: Failed {id}\nid: {id}\nname: failed\nlogsource: {{product: windows}}\n\
             detection: {{s: {{EventID: {event}}}, condition: s}}\n---\n"
        )
    };
    let many = "title: Many\ncorrelation: {type: temporal, rules: [failed], group-by: [u], timespan: 1m, aliases: {u: {failed: A}}}\n";
    let mut loader = Loader::new();
    loader.add_text("a.yml", &rule("a", 1));
    loader.add_text("b.yml", &format!("{}{many}", rule("b", 2)));
    loader.add_text("c.yml", &many.replace("Many", "Many more"));
    let report = loader.finish();
    let read: Vec<&str> = report.correlations.iter().map(|rule| &*rule.rules[0]).collect();
    assert_eq!(read, ["b", "a"]);
    assert_eq!(report.correlations[0].aliases["u"]["b"], "A");
    // A file without a rule of the name leaves it open which is meant.
    let said: Vec<_> = report
        .problems
        .iter()
        .map(|p| (p.code, p.location.path.to_str()))
        .collect();
    assert_eq!(said, [("ambiguous-name", Some("c.yml"))]);
    // Twice in one file is a mistake.
    let twice = Loader::new().load_text("t.yml", &format!("{}{}", rule("a", 1), rule("b", 2)));
    assert_eq!(twice.problems[0].code, "duplicate-name");
}

#[test]
fn a_rule_repeated_in_another_file_is_one_rule() {
    let rule = |event: u32| {
        format!(
            "title: Failed\nname: failed\nlogsource: {{product: windows}}\n\
             detection: {{s: {{EventID: {event}}}, condition: s}}\n"
        )
    };
    let many = |title: &str| {
        format!("---\ntitle: {title}\ncorrelation: {{type: temporal, rules: [failed], timespan: 1m}}\n")
    };
    let mut loader = Loader::new();
    loader.add_text("a.yml", &(rule(1) + &many("A")));
    loader.add_text("b.yml", &(rule(2) + &many("B")));
    loader.add_text("c.yml", &(rule(2) + &many("C")));
    let report = loader.finish();
    assert_eq!(codes(&report), [""; 0]);
    assert_eq!((report.counts.failed, report.counts.detections), (0, 2));
    let ids: Vec<_> = report
        .detections
        .iter()
        .map(|rule| rule.meta.id.clone())
        .collect();
    let read: Vec<_> = report
        .correlations
        .iter()
        .map(|rule| rule.rules[0].clone())
        .collect();
    assert_eq!(read, [ids[0].clone(), ids[1].clone(), ids[1].clone()]);
    let said: Vec<_> = report
        .problems
        .iter()
        .map(|p| (p.code, p.location.path.to_str()))
        .collect();
    assert_eq!(said, [("same-rule", Some("c.yml"))]);
    // Twice in one file it is a slip.
    let twice = Loader::new().load_text("t.yml", &format!("{}---\n{}", rule(1), rule(1)));
    assert_eq!(codes(&twice), ["duplicate-id"]);
}

#[test]
fn aliases_point_to_rules() {
    let report = load(
        "title: C
correlation:
    type: temporal
    rules: [failed, success]
    group-by: [ip]
    timespan: 1h
    aliases:
        ip: {failed: SourceIp, success: TargetIp}",
    );
    assert_eq!(report.problems, []);
    let fields = &report.correlations[0].aliases["ip"];
    assert_eq!(fields["11111111-0000-4000-8000-000000000002"], "TargetIp");
    let bad = load(
        "title: C
correlation: {type: temporal, rules: [failed], group-by: [ip], timespan: 1h, aliases: {ip: {success: A}}}",
    );
    assert_eq!(codes(&bad), ["unknown-rule"]);
}

#[test]
fn correlation_mistakes() {
    let whole = |body: &str| load(&format!("title: C\nid: x\ncorrelation: {body}"));
    let cases = [
        (
            "{type: event_cuont, rules: [failed], timespan: 1h, condition: {gt: 1}}",
            "correlation-type",
        ),
        (
            "{rules: [failed], timespan: 1h, condition: {gt: 1}}",
            "correlation-attribute",
        ),
        (
            "{type: event_count, timespan: 1h, condition: {gt: 1}}",
            "correlation-attribute",
        ),
        (
            "{type: event_count, rules: [], timespan: 1h, condition: {gt: 1}}",
            "correlation-attribute",
        ),
        (
            "{type: event_count, rules: [failed], condition: {gt: 1}}",
            "correlation-attribute",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h}",
            "missing-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1 hour, condition: {gt: 1}}",
            "bad-timespan",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: {gt: -1}}",
            "correlation-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: {gt: many}}",
            "correlation-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: {gr: 1}}",
            "correlation-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: {field: A, gt: 1}}",
            "correlation-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: {}}",
            "correlation-condition",
        ),
        (
            "{type: event_count, rules: [failed], timespan: 1h, condition: a}",
            "attribute-type",
        ),
        (
            "{type: value_count, rules: [failed], timespan: 1h, condition: {gt: 1}}",
            "correlation-condition",
        ),
        (
            "{type: value_sum, rules: [failed], timespan: 1h, condition: {field: A, gt: .nan}}",
            "correlation-condition",
        ),
        (
            "{type: value_sum, rules: [failed], timespan: 1h, condition: {field: [A, B], gt: 1}}",
            "correlation-condition",
        ),
        (
            "{type: value_sum, rules: [failed], timespan: 1h, condition: {field: A, percentile: 1}}",
            "correlation-condition",
        ),
        (
            "{type: temporal, rules: [failed], timespan: 1h, groupby: [A]}",
            "correlation-attribute",
        ),
        ("{type: temporal, rules: [faild], timespan: 1h}", "unknown-rule"),
        ("{type: temporal, rules: [x], timespan: 1h}", "correlation-circle"),
        (
            "{type: temporal, rules: [failed], timespan: 1h, condition: succes}",
            "unknown-rule",
        ),
        ("[a]", "attribute-type"),
    ];
    for (body, code) in cases {
        let report = whole(body);
        assert_eq!(codes(&report), [code], "{body}: {:?}", report.problems);
        assert_eq!(
            (report.counts.correlations, report.counts.failed),
            (0, 1),
            "{body}"
        );
        assert!(report.referenced_only.is_empty());
    }
    let report = whole("{type: temporal, rules: [faild], timespan: 1h}");
    assert_eq!(report.problems[0].suggestion.as_deref(), Some("failed"));
}

#[test]
fn a_rule_named_twice() {
    let twice = |kind: &str, condition: &str| {
        // By name and by id it is the same rule.
        load(&format!(
            "title: C\ncorrelation: {{type: {kind}, rules: [failed, 11111111-0000-4000-8000-000000000001], timespan: 1h{condition}}}"
        ))
    };
    for kind in ["temporal", "temporal_ordered"] {
        assert_eq!(codes(&twice(kind, "")), ["duplicate-rule"], "{kind}");
    }
    let counted = twice("event_count", ", condition: {gte: 2}");
    assert_eq!((codes(&counted), counted.counts.correlations), (vec![], 1));
    assert_eq!(counted.problems[0].code, "duplicate-rule");
}

#[test]
fn conditions_that_never_hold_are_warned_of() {
    let warned = |kind: &str, condition: &str| {
        let report = load(&format!(
            "title: C\ncorrelation: {{type: {kind}, rules: [failed, success], timespan: 1h, condition: {{{condition}}}}}"
        ));
        assert_eq!(codes(&report), [""; 0], "{kind} {condition}");
        report
            .problems
            .iter()
            .any(|problem| problem.code == "impossible-condition")
    };
    // No window without an event is looked at.
    for never in [
        "eq: 0",
        "lt: 1",
        "lte: 0",
        "gt: 2, lt: 3",
        "eq: 2, neq: 2",
        "gte: 5, lte: 4",
    ] {
        assert!(warned("event_count", never), "{never}");
        assert!(warned("value_count", &format!("field: A, {never}")), "{never}");
    }
    for possible in ["gte: 0", "lte: 1", "neq: 0", "gt: 2, lt: 4", "neq: 1", "gte: 100"] {
        assert!(!warned("event_count", possible), "{possible}");
    }
    for (condition, ever) in [
        ("gte: 3", false),
        ("gt: 1", true),
        ("eq: 0", false),
        ("lt: 2", true),
    ] {
        assert_eq!(!warned("temporal", condition), ever, "{condition}");
    }
    for (condition, ever) in [("gte: 3", false), ("eq: 0", true), ("lte: 1", true)] {
        assert_eq!(!warned("temporal_ordered", condition), ever, "{condition}");
    }
    // Sums may be anything.
    assert!(!warned("value_sum", "field: A, eq: 0"));
}

#[test]
fn an_alias_is_used_by_a_field_too() {
    let report = load(
        "title: C\ncorrelation: {type: value_count, rules: [failed, success], timespan: 1h, \
         aliases: {who: {failed: A, success: B}}, condition: {field: who, gte: 2}}",
    );
    assert_eq!(report.problems, []);
    let unused = load(
        "title: C\ncorrelation: {type: temporal, rules: [failed], timespan: 1h, group-by: [A], aliases: {who: {failed: A}}}",
    );
    assert_eq!(unused.problems[0].code, "unused-alias");
}

#[test]
fn circles_end() {
    let one = |id: &str, other: &str| {
        format!("title: C\nid: {id}\ncorrelation: {{type: temporal, rules: [{other}], timespan: 1h}}\n---\n")
    };
    let report = load(&format!("{}{}{}", one("a", "b"), one("b", "c"), one("c", "a")));
    assert_eq!(report.counts.correlations, 0);
    assert_eq!(report.errors().count(), 3);
    assert!(codes(&report).contains(&"correlation-circle"));
}

fn filter(head: &str, body: &str) -> String {
    format!(
        "title: F\nid: f1\n{head}\nfilter:\n    selection: {{User: svc}}\n    condition: not selection\n    {body}"
    )
}

#[test]
fn filters_are_folded_in() {
    let report = load(&filter(
        "logsource: {product: windows}",
        "rules: [failed, 11111111-0000-4000-8000-000000000001]",
    ));
    assert_eq!(report.problems, []);
    assert_eq!(report.filters[0].applied_to.len(), 1);
    let rule = &report.detections[0];
    assert_eq!(
        describe::condition(&rule.conditions[0], &rule.searches),
        "selection and not F / selection"
    );
    let untouched = &report.detections[1];
    assert_eq!(untouched.searches.len(), 1);
}

#[test]
fn filters_for_any_rule_of_a_log_source() {
    let any = load(&filter(
        "logsource: {product: Windows, service: security}",
        "rules: any",
    ));
    assert_eq!(any.filters[0].applied_to.len(), 2);
    let other = load(&filter(
        "logsource: {product: windows, category: process_creation}",
        "rules: any",
    ));
    assert_eq!(other.filters[0].applied_to.len(), 0);
}

#[test]
fn filters_that_miss() {
    let warnings = |report: &LoadReport| report.warnings().map(|problem| problem.code).collect::<Vec<_>>();
    let unknown = load(&filter("logsource: {product: windows}", "rules: [failled]"));
    assert_eq!(warnings(&unknown), ["unknown-rule"]);
    assert_eq!(unknown.problems[0].suggestion.as_deref(), Some("failed"));
    let other = load(&filter("logsource: {product: linux}", "rules: [failed]"));
    assert_eq!(warnings(&other), ["filter-logsource"]);
    let waiting = load(
        "title: F\nlogsource: {product: windows}\nfilter:\n    rules: any\n    selection: {User|expand: '%svc%'}\n    condition: not selection",
    );
    assert_eq!(warnings(&waiting), ["filter-waiting"]);
    assert!(waiting.detections.iter().all(|rule| rule.waiting_for.is_empty()));
    let placeholders = Placeholders::parse("svc: [a, b]").unwrap();
    let filled = Loader::new().placeholders(placeholders).load_text(
        "t.yml",
        &format!("title: F\nlogsource: {{product: windows}}\nfilter:\n    rules: any\n    selection: {{User|expand: '%svc%'}}\n    condition: not selection\n---\n{BASE}"),
    );
    assert_eq!(filled.filters[0].applied_to.len(), 2);
    assert_eq!(
        codes(&load(
            "title: F\nlogsource: {product: windows}\nfilter:\n    s: {A: 1}\n    condition: s"
        )),
        ["missing-rules"]
    );
}

#[test]
fn collections() {
    let text = "action: global
title: Common
logsource: {product: windows}
level: high
detection:
    condition: selection
---
id: one
detection:
    selection: {A: 1}
---
id: two
title: Own
level: low
detection:
    selection: {B: 2}
---
action: repeat
id: three
detection:
    selection: {C: 3}
---
action: reset
---
title: Alone
id: four
logsource: {product: linux}
detection:
    selection: {D: 4}
    condition: selection
";
    let report = Loader::new().load_text("t.yml", text);
    assert_eq!(report.problems, []);
    let rules: Vec<String> = report
        .detections
        .iter()
        .map(|rule| {
            format!(
                "{} {} {:?} {}",
                rule.meta.id, rule.meta.title, rule.meta.level, rule.searches[0].expression
            )
        })
        .collect();
    assert_eq!(
        rules,
        [
            "one Common High A = 1",
            "two Own Low B = 2",
            "three Own Low B = 2 and C = 3",
            "four Alone Informational D = 4"
        ]
    );
    let bad = Loader::new().load_text(
        "t.yml",
        "action: repeat\ntitle: x\n---\naction: gloabl\ntitle: y\n",
    );
    assert_eq!(codes(&bad), ["bad-action", "bad-action"]);
    assert_eq!(bad.problems[1].suggestion.as_deref(), Some("global"));
}

#[test]
fn ids_without_an_id_are_stable_and_shared_ones_are_told_apart() {
    let rule = |value: u32| {
        format!("title: T\nlogsource: {{product: a}}\ndetection:\n    s: {{A: {value}}}\n    condition: s\n")
    };
    let id = |text: &str| {
        Loader::new().load_text("t.yml", text).detections[0]
            .meta
            .id
            .clone()
    };
    assert_eq!(id(&rule(1)), id(&rule(1)));
    assert_ne!(id(&rule(1)), id(&rule(2)));
    assert_eq!(id(&rule(1)).len(), 36);
    // One id in a global document cannot serve two rules.
    let shared = "action: global\nid: shared\ntitle: T\nlogsource: {product: a}\ndetection: {condition: s}\n---\n\
                  detection: {s: {A: 1}}\n---\ndetection: {s: {A: 2}}\n";
    let report = Loader::new().load_text("t.yml", shared);
    assert_eq!(report.errors().count(), 0);
    assert_eq!(&*report.detections[0].meta.id, "shared");
    assert_ne!(&*report.detections[1].meta.id, "shared");
}

#[test]
fn values_seen_for_the_first_time() {
    let rule = |condition: &str| {
        format!(
            "title: C\ncorrelation: {{type: first_seen, rules: success, group-by: [User], timespan: 30d, condition: {condition}}}"
        )
    };
    let day = |days: u64| std::time::Duration::from_secs(days * 86_400);
    let cases = [
        ("{field: IpAddress}", vec!["IpAddress"], day(30)),
        (
            "{field: [IpAddress, Process], learning: 7d}",
            vec!["IpAddress", "Process"],
            day(7),
        ),
        ("{field: IpAddress, learning: 0s}", vec!["IpAddress"], day(0)),
    ];
    for (condition, names, learns) in cases {
        let report = load(&rule(condition));
        assert_eq!(report.problems, [], "{condition}");
        let CorrelationCondition::New { fields, learning } = &report.correlations[0].condition else {
            panic!("{condition}");
        };
        assert_eq!(
            (fields.iter().map(String::as_str).collect(), *learning),
            (names, learns)
        );
    }
    for (condition, code) in [
        ("{learning: 7d}", "correlation-condition"),
        ("{field: A, gte: 3}", "correlation-condition"),
        ("{field: A, learning: soon}", "bad-timespan"),
        ("A", "attribute-type"),
    ] {
        assert_eq!(codes(&load(&rule(condition))), [code], "{condition}");
    }
}

#[test]
fn what_signals_weigh() {
    let rules = "title: Tool
id: tool
level: high
tags: [attack.execution, attack.stealth, attack.defense-evasion]
logsource: {product: windows, service: security}
detection: {s: {EventID: 1}, condition: s}
---
title: Many
correlation: {type: event_count, rules: failed, group-by: [User], timespan: 1h, condition: {gte: 5}}
---
title: Risk
correlation:
    type: risk
    rules: '*'
    group-by: [host.name]
    timespan: 24h
    condition: {gte: 100, tactics: 3, scores: {success: 25}}";
    let report = load(rules);
    assert_eq!(report.problems, []);
    let risk = report.correlations.last().expect("two");
    let CorrelationCondition::Risk(condition) = &risk.condition else {
        panic!("no risk")
    };
    // `failed` alerts only through its correlation.
    let names: Vec<&str> = risk.rules.iter().map(|id| &**id).collect();
    assert_eq!(names, ["tool", "11111111-0000-4000-8000-000000000002"]);
    let [tool, success] = condition.weights[..] else {
        panic!("two")
    };
    assert_eq!((tool.score, tool.tactics.count_ones()), (60.0, 2));
    assert_eq!((success.score, success.tactics), (25.0, 0));
    assert_eq!(condition.half_life.as_secs(), 6 * 3600);
    assert_eq!(condition.tactics, Some(3));
    let silent: Vec<&str> = report.referenced_only.iter().map(|id| &**id).collect();
    assert_eq!(silent, ["11111111-0000-4000-8000-000000000001"]);

    let wrong = |condition: &str| {
        codes(&load(&format!(
            "title: C\ncorrelation: {{type: risk, rules: [success], group-by: [User], timespan: 1d, condition: {condition}}}"
        )))
    };
    assert_eq!(wrong("{half-life: 1h}"), ["correlation-condition"]);
    assert_eq!(wrong("{gte: 0}"), ["correlation-condition"]);
    assert_eq!(wrong("{lte: 5}"), ["correlation-condition"]);
    assert_eq!(wrong("{gte: 5, scores: {failed: 3}}"), ["unknown-rule"]);
    assert_eq!(wrong("{gte: 5, tactics: many}"), ["correlation-condition"]);
}

#[test]
fn options_of_our_own() {
    let rule = |options: &str| {
        load(&format!(
            "title: C\ncorrelation: {{type: event_count, rules: failed, timespan: 5m, condition: {{gte: 3}}}}\nborzoi: {options}"
        ))
    };
    let report = rule("{window: session, suppress: 2h}");
    assert_eq!(report.problems, []);
    let options = report.correlations[0].options;
    assert_eq!(options.window, WindowMode::Session);
    assert_eq!(options.suppress.map(|span| span.as_secs()), Some(7200));
    assert_eq!(rule("{}").correlations[0].options, Options::default());
    let options = rule("{window: hopping, hop: 1m, lateness: 10m}").correlations[0].options;
    let hop = std::time::Duration::from_secs(60);
    assert_eq!(options.window, WindowMode::Hopping { hop });
    assert_eq!(options.lateness.map(|span| span.as_secs()), Some(600));
    let options = rule("{window: hopping, hop: 5m, lateness: 0s}").correlations[0].options;
    assert_eq!(options.lateness.map(|span| span.as_secs()), Some(0));
    // What is wrong, and a word of what to do.
    for (options, code, word) in [
        ("{window: hopping}", "correlation-option", "`hop: 1m`"),
        ("{window: hopping, hop: 6m}", "correlation-option", "shorter"),
        ("{window: hopping, hop: 0s}", "bad-timespan", "90m"),
        (
            "{window: tumbling, hop: 1m}",
            "correlation-option",
            "`window: hopping`",
        ),
        ("{hop: 1m}", "correlation-option", "`window: hopping`"),
        ("{window: hoping, hop: 1m}", "correlation-option", "hopping"),
        ("{suppres: 1h}", "correlation-option", "suppres"),
        ("{suppress: long}", "bad-timespan", "90m"),
        ("{lateness: soon}", "bad-timespan", "90m"),
        ("session", "attribute-type", "suppress: 1h"),
    ] {
        let report = rule(options);
        assert_eq!(codes(&report), [code], "{options}");
        let told = report.problems[0].to_string();
        assert!(told.contains(word), "{told}");
    }
    let near = rule("{latenes: 1m}").problems[0].to_string();
    assert!(near.contains("lateness"), "{near}");
    for kind in ["first_seen", "rare_value"] {
        let report = load(&format!(
            "title: C\ncorrelation: {{type: {kind}, rules: failed, group-by: [User], timespan: 30d, condition: {{field: Computer}}}}\nborzoi: {{window: hopping, hop: 1d}}"
        ));
        assert_eq!(codes(&report), ["correlation-option"; 2], "{kind}");
    }
}

#[test]
fn distinct_values_beside_a_count() {
    let rule = |kind: &str, options: &str| {
        load(&format!(
            "title: C\ncorrelation: {{type: {kind}, rules: [failed], group-by: [IpAddress], aliases: {{who: {{failed: User}}}}, timespan: 5m, condition: {{gte: 3}}}}\nborzoi: {options}"
        ))
    };
    let report = rule(
        "event_count",
        "{distinct: {field: [who, Computer], gte: 2, lt: 9}}",
    );
    assert_eq!(report.problems, []);
    let bound = |comparison, value| Bound {
        operator: BoundOperator::Is(comparison),
        value,
    };
    assert_eq!(
        report.correlations[0].condition,
        CorrelationCondition::Bounds {
            fields: vec!["who".into(), "Computer".into()],
            bounds: vec![bound(Comparison::GreaterOrEqual, 3.0)],
            distinct: vec![
                bound(Comparison::GreaterOrEqual, 2.0),
                bound(Comparison::Less, 9.0)
            ],
        }
    );
    for (kind, options, code, word) in [
        ("event_count", "{distinct: User}", "attribute-type", "gte: 5"),
        (
            "event_count",
            "{distinct: {gte: 5}}",
            "correlation-option",
            "`field`",
        ),
        (
            "event_count",
            "{distinct: {field: who}}",
            "correlation-option",
            "`gte: 5`",
        ),
        (
            "event_count",
            "{distinct: {field: who, gte: 1.5}}",
            "correlation-condition",
            "whole",
        ),
        (
            "event_count",
            "{distinct: {fields: who, gte: 1}}",
            "correlation-option",
            "field",
        ),
        (
            "event_count",
            "{distinct: {field: who, gte: many}}",
            "correlation-condition",
            "number",
        ),
        (
            "temporal",
            "{distinct: {field: who, gte: 2}}",
            "correlation-option",
            "event_count",
        ),
    ] {
        let report = rule(kind, options);
        let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
        assert_eq!(codes(&report)[..1], [code], "{options}: {errors:?}");
        assert!(errors[0].contains(word), "{}", errors[0]);
    }
}

#[test]
fn problems_of_statistics_stand_at_their_own_lines() {
    let problem = |lines: &str| {
        let report = load(&format!("title: C\ncorrelation:\n{lines}"));
        let problem = report.problems.first().expect("a problem");
        (problem.location.line, problem.message.clone())
    };
    let of = |kind: &str, span: &str, condition: &str| {
        problem(&format!(
            "    type: {kind}\n    rules: [failed]\n    group-by: [a]\n    timespan: {span}\n    condition:\n        alerts-per-day: 1\n        {condition}\n"
        ))
    };
    let (line, message) = of("anomaly", "1s", "metric: count");
    assert_eq!(line, 6, "{message}");
    let (line, message) = of("anomaly", "1h", "learning: 20h");
    assert_eq!(line, 9, "{message}");
    let (line, message) = of("unusual_time", "3d", "learning: 14d");
    assert_eq!(line, 6, "{message}");
    let (line, message) = of("anomaly", "1h", "field: a");
    assert_eq!(line, 9, "{message}");
    let (line, message) = of("anomaly", "1h", "gte: 5");
    assert_eq!(line, 9, "{message}");
    for word in ["`gte`", "`alerts-per-day` and `at-least` instead", "`direction`"] {
        assert!(message.contains(word), "{message}");
    }
    let (_, message) = of("silence", "1h", "gt: 5");
    assert!(message.contains("has `alerts-per-day` instead"), "{message}");
    let (_, message) = of("silence", "1h", "larning: 14d");
    assert!(
        message.contains("there are `alerts-per-day`, `learning`"),
        "{message}"
    );
    let (line, message) = problem("    type: peer_anomaly\n    rules: [failed]\n    timespan: 1h\n");
    assert_eq!(line, 3);
    assert!(message.contains("no `group-by`"), "{message}");
}

#[test]
fn spans_of_statistics_that_make_no_sense_are_warned_of() {
    let warned = |kind: &str, span: &str, condition: &str| {
        let report = load(&format!(
            "title: C\ncorrelation: {{type: {kind}, rules: [failed], group-by: [user.name], timespan: {span}, condition: {{{condition}}}}}"
        ));
        assert_eq!(codes(&report), [""; 0], "{kind} {span} {condition}");
        let mut problems = report.problems.iter();
        problems.any(|problem| problem.code == "statistic-span")
    };
    for (kind, span, condition) in [
        ("anomaly", "1h", "learning: 20h"),
        ("peer_anomaly", "1h", "learning: 2h"),
        ("anomaly", "2d", "learning: 90d"),
        ("anomaly", "1h", "alerts-per-day: 30"),
        ("silence", "1h", "learning: 3d"),
        ("unusual_time", "30d", "learning: 3d"),
        ("unusual_time", "3d", "learning: 14d"),
        ("rare_value", "7d", "field: user.name, learning: 7d"),
    ] {
        assert!(warned(kind, span, condition), "{kind} {span} {condition}");
    }
    for (kind, span, condition) in [
        ("anomaly", "1h", "learning: 7d"),
        ("anomaly", "1d", "alerts-per-day: 1"),
        ("peer_anomaly", "1h", "learning: 6h"),
        ("silence", "1h", "learning: 7d"),
        ("unusual_time", "30d", "learning: 14d"),
        ("rare_value", "30d", "field: user.name, learning: 7d"),
        ("beaconing", "1d", "alerts-per-day: 30"),
    ] {
        assert!(!warned(kind, span, condition), "{kind} {span} {condition}");
    }
}
