//! Rules in SQL: what is read of them, and what is wrong with them.

use borzoi_rules::locate::sql_problem;
use borzoi_rules::{LoadReport, Loader, RuleKind};

fn load(text: &str) -> LoadReport {
    Loader::new().load_text("rule.yml", text)
}

#[test]
fn a_rule_is_read_with_what_it_says_of_itself() {
    let report = load(
        "title: T
id: 1f2e3d4c-0000-0000-0000-000000000001
level: high
tags: [attack.t1046]
sql: |
    select source_ip, count(*)
    from zeek.conn
entities: [source_ip, user.name]
borzoi: {suppress: 90m}
",
    );
    assert_eq!(report.problems, []);
    assert_eq!((report.counts.sql, report.counts.failed), (1, 0));
    let rule = &report.sql[0];
    assert_eq!(&*rule.sql, "select source_ip, count(*)\nfrom zeek.conn\n");
    assert_eq!(rule.entities, ["source_ip", "user.name"]);
    assert_eq!(rule.suppress.map(|span| span.as_secs()), Some(5400));
    assert_eq!(rule.meta.tags, ["attack.t1046"]);
    let kinds: Vec<RuleKind> = report.summaries().map(|rule| rule.kind).collect();
    assert_eq!(kinds, [RuleKind::Sql]);
}

#[test]
fn places_in_the_statement_are_places_in_the_file() {
    let place = |text: &str, word: &str| {
        let report = load(text);
        let rule = &report.sql[0];
        let at = sql_problem(rule, rule.sql.find(word), "x", "y").location;
        (at.line, at.column)
    };
    assert_eq!(place("title: T\nsql: |\n  select a\n  from b\n", "b"), (4, 8));
    assert_eq!(place("title: T\nsql: |\n\n  select a\n  from b\n", "b"), (5, 8));
    assert_eq!(place("title: T\nsql: select a from b\n", "b"), (2, 20));
    assert_eq!(place("title: T\nsql: 'select a from b'\n", "b"), (2, 21));
    // Lines of a folded block are not those of the file.
    assert_eq!(place("title: T\nsql: >\n  select a\n  from b\n", "b"), (3, 3));
}

#[test]
fn mistakes_are_reported() {
    for (text, code, line) in [
        ("title: T\nsql: {select: 1}\n", "attribute-type", 2),
        ("title: T\nsql: ''\n", "sql-syntax", 2),
        ("title: T\nsql: select 1\nentities: {a: b}\n", "attribute-type", 3),
        ("title: T\nsql: select 1\nborzoi: 1h\n", "attribute-type", 3),
        (
            "title: T\nsql: select 1\nborzoi: {suppress: soon}\n",
            "bad-timespan",
            3,
        ),
        (
            "title: T\nsql: select 1\nborzoi: {window: session}\n",
            "sql-option",
            3,
        ),
        (
            "title: T\nsql: select 1\nborzoi: {supress: 1h}\n",
            "sql-option",
            3,
        ),
        ("title: T\nsql: select 1\neql: any where true\n", "two-bodies", 2),
        ("sql: select 1\n", "missing-title", 1),
    ] {
        let report = load(text);
        let found: Vec<(&str, usize)> = report
            .errors()
            .map(|problem| (problem.code, problem.location.line))
            .collect();
        assert_eq!(found, [(code, line)], "{text}");
        assert_eq!((report.sql.len(), report.counts.failed), (0, 1), "{text}");
    }
    let report = load("title: T\nlogsource: {product: zeek}\nsql: select 1\n");
    let warnings: Vec<&str> = report.warnings().map(|problem| problem.code).collect();
    assert_eq!((warnings, report.sql.len()), (vec!["unused-logsource"], 1));
}
