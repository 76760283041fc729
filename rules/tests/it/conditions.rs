//! Conditions: precedence, quantifiers, and what is refused.

use borzoi_rules::{Loader, describe};

/// A rule with the searches a, b, sel_1, sel_2, _hidden and this condition.
fn load(condition: &str) -> borzoi_rules::LoadReport {
    let text = format!(
        "title: T\nlogsource: {{product: test}}\ndetection:\n    a: {{A: 1}}\n    b: {{B: 1}}\n    \
         sel_1: {{C: 1}}\n    sel_2: {{D: 1}}\n    _hidden: {{E: 1}}\n    condition: {condition}\n"
    );
    Loader::new().load_text("t.yml", &text)
}

#[test]
fn readings() {
    let cases = [
        ("a", "a"),
        ("a and b or sel_1", "(a and b) or sel_1"),
        ("a or b and sel_1", "a or (b and sel_1)"),
        ("not a and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("not not a", "not not a"),
        ("((a))", "a"),
        ("A AND b", "!"),
        ("a AND NOT b OR sel_1", "(a and not b) or sel_1"),
        ("1 of sel_*", "sel_1 or sel_2"),
        ("any of sel_*", "sel_1 or sel_2"),
        ("ALL OF sel_*", "sel_1 and sel_2"),
        ("all of sel_* and not 1 of a*", "(sel_1 and sel_2) and not a"),
        ("1 of sel_1", "sel_1"),
        ("1 of *_1", "sel_1"),
        ("1 of s*_*", "sel_1 or sel_2"),
        ("1 of them", "a or b or sel_1 or sel_2"),
        ("all of them", "a and b and sel_1 and sel_2"),
        ("_hidden", "_hidden"),
        ("1 of _*", "_hidden"),
        ("1 of *", "a or b or sel_1 or sel_2"),
        ("a and(b)or(sel_1)", "(a and b) or sel_1"),
        ("\n        a\n        and b", "a and b"),
    ];
    for (condition, expected) in cases {
        let report = load(condition);
        if expected == "!" {
            assert_eq!(report.errors().count(), 1, "{condition}");
            continue;
        }
        assert_eq!(report.errors().count(), 0, "{condition}: {:?}", report.problems);
        let rule = &report.detections[0];
        assert_eq!(
            describe::condition(&rule.conditions[0], &rule.searches),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn several_conditions() {
    let report = load("[a, b and sel_1]");
    let rule = &report.detections[0];
    let texts: Vec<String> = rule
        .conditions
        .iter()
        .map(|condition| describe::condition(condition, &rule.searches))
        .collect();
    assert_eq!(texts, ["a", "b and sel_1"]);
    let unused: Vec<&str> = report
        .warnings()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(unused, ["search `sel_2` is not used by the condition"]);
}

#[test]
fn refusals() {
    let cases = [
        ("c", "unknown-search"),
        ("a and", "condition-syntax"),
        ("and a", "condition-syntax"),
        ("(a", "condition-syntax"),
        ("a)", "condition-syntax"),
        ("()", "condition-syntax"),
        ("a b", "condition-syntax"),
        ("a (b)", "condition-syntax"),
        ("not", "condition-syntax"),
        ("1 of", "condition-syntax"),
        ("1 of nothing*", "unknown-search"),
        ("2 of sel_*", "condition-quantifier"),
        ("sel_*", "condition-quantifier"),
        ("a | count() > 5", "condition-aggregation"),
        ("''", "condition-syntax"),
        ("null", "condition-syntax"),
        ("[]", "condition-syntax"),
        ("{a: b}", "condition-syntax"),
    ];
    for (condition, code) in cases {
        let report = load(condition);
        let codes: Vec<&str> = report.errors().map(|problem| problem.code).collect();
        assert_eq!(codes, [code], "{condition}");
    }
    let deep = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(load(&deep).errors().count(), 1);
}

#[test]
fn places_inside_the_condition() {
    let report = load("'a and (b or sel_3)'");
    let problem = &report.problems[0];
    assert_eq!(problem.suggestion.as_deref(), Some("sel_1"));
    let line = problem.line_text.clone();
    assert_eq!(line.find("sel_3").map(|at| at + 1), Some(problem.location.column));
}
