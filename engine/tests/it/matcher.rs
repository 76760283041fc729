//! The columnar matcher against the shared cases and against the oracle.

use std::sync::Arc;

use borzoi_engine::matcher::{BatchMatcher, CompiledRules};
use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::catalog::Catalog;
use borzoi_rules::ir::{
    Cidr, Comparison, Condition, DetectionRule, Expression, LogSource, Matcher, Part, Pattern, Regex,
    RegexEngine, Relation, Search, TimePart,
};
use proptest::prelude::*;
use serde_json::Value as Json;

use borzoi_oracle as oracle;

use crate::cases;

/// (row, rule) pairs of a batch that is matched in pieces of `size` rows.
pub fn matched(rules: &[Arc<DetectionRule>], batch: &EventBatch, size: usize) -> Vec<(usize, usize)> {
    let (compiled, _) = CompiledRules::compile(rules.to_vec(), &Catalog::builtin());
    let mut matcher = BatchMatcher::new(Arc::new(compiled));
    let mut pairs = Vec::new();
    for start in (0..batch.len()).step_by(size) {
        let piece = EventBatch {
            events: batch.events.slice(start, size.min(batch.len() - start)),
            ..batch.clone()
        };
        for signal in matcher.match_batch(&piece) {
            pairs.push((start + signal.row as usize, signal.rule.0 as usize));
        }
    }
    pairs
}

/// The same pairs according to the oracle.
pub fn expected(rules: &[Arc<DetectionRule>], batch: &EventBatch) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (row, event) in oracle::events(batch).iter().enumerate() {
        for (number, rule) in rules.iter().enumerate() {
            if oracle::matches(rule, &batch.dataset, event) {
                pairs.push((row, number));
            }
        }
    }
    pairs
}

#[test]
fn cases_hold_for_the_oracle_and_the_matcher() {
    let cases = cases::all();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let rows = |pairs: Vec<(usize, usize)>| {
            let mut rows: Vec<usize> = pairs.into_iter().map(|(row, _)| row).collect();
            rows.dedup();
            rows
        };
        let by_oracle = rows(expected(&case.rules, &case.batch));
        if by_oracle != case.expect {
            failed.push(format!(
                "{}: oracle {by_oracle:?}, expected {:?}",
                case.name, case.expect
            ));
        }
        for size in [1, 7, case.batch.len()] {
            let by_matcher = rows(matched(&case.rules, &case.batch, size));
            if by_matcher != case.expect {
                failed.push(format!(
                    "{}: matcher (cut at {size}) {by_matcher:?}, expected {:?}",
                    case.name, case.expect
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Fields of `windows.sysmon` of every type, some in another case or under another of their names.
const FIELDS: &[&str] = &[
    "Image",
    "image",
    "process.executable",
    "CommandLine",
    "process_command_line",
    "ProcessId",
    "process.args",
    "process.start",
    "event.risk_score",
    "process.parent.interactive",
    "EventID",
    "Odd",
    "Odd.Sub",
    "odd.sub",
    "Nowhere",
    "message",
];

/// Letters whose lower case is surprising, wildcards, separators.
const LETTERS: &[&str] = &[
    "a", "A", "b", "B", "s", "S", "k", "ſ", "\u{212a}", "é", "É", "İ", "Σ", "ς", "*", "?", "\\", "1", "0",
    " ", "\n",
];

const WHOLE: &[&str] = &[
    "10.0.0.1",
    "10.1.2.3",
    "::ffff:10.0.0.1",
    "fe80::1%4",
    "2024-12-30T23:30:00Z",
    "2024-02-29 05:06:07",
    "42",
    "-1.5",
    "1e3",
    "true",
    "",
    "nan",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(LETTERS), 0..5).prop_map(|letters| letters.concat()),
        1 => prop::sample::select(WHOLE).prop_map(str::to_owned),
    ]
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => text().prop_map(Json::from),
        1 => (-2i64..50).prop_map(Json::from),
        1 => prop::sample::select(&[0.5f64, -1.5, 42.0, 1e21][..]).prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        8 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Json::from),
        1 => scalar().prop_map(|inner| serde_json::json!({"Sub": inner})),
        1 => prop::collection::vec(scalar(), 0..3)
            .prop_map(|inner| serde_json::json!([{"Sub": inner}, "s"])),
    ]
}

pub fn event() -> impl Strategy<Value = Json> {
    let kind = prop::sample::select(&["1", "3"][..]);
    let fields = prop::collection::vec((prop::sample::select(FIELDS), value()), 0..8);
    (kind, fields).prop_map(|(kind, fields)| {
        let mut event = serde_json::Map::new();
        event.insert("EventID".into(), kind.into());
        event.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        event.into()
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let part = prop_oneof![
        3 => prop::collection::vec(prop::sample::select(LETTERS), 1..3)
            .prop_map(|letters| Part::Literal(letters.concat())),
        1 => Just(Part::One),
        2 => Just(Part::Many),
    ];
    let whole = prop::sample::select(WHOLE).prop_map(|text| vec![Part::Literal(text.to_owned())]);
    let parts = prop_oneof![8 => prop::collection::vec(part, 0..5), 1 => whole];
    (parts, prop::bool::weighted(0.3)).prop_map(|(parts, cased)| {
        let mut tidy: Vec<Part> = Vec::new();
        for part in parts {
            match (tidy.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
                (Some(Part::Many), Part::Many) => {}
                (_, Part::Literal(text)) if text.is_empty() => {}
                (_, part) => tidy.push(part),
            }
        }
        Pattern { parts: tidy, cased }
    })
}

fn regex() -> impl Strategy<Value = Regex> {
    use RegexEngine::{Automaton, Backtracking};
    const PATTERNS: &[(&str, RegexEngine)] = &[
        ("a+b", Automaton),
        ("^A", Automaton),
        ("sk", Automaton),
        ("s.k", Automaton),
        ("(?:ab|ba|Sſ)", Automaton),
        ("ba?s", Automaton),
        ("a$", Automaton),
        (r"\d\.\d", Automaton),
        (r"(?:\bas\b)+", Automaton),
        ("", Automaton),
        ("éÉ", Automaton),
        (r"(a|b)\1", Backtracking),
        ("(?=a).b", Backtracking),
        ("^(?!a).", Backtracking),
    ];
    (prop::sample::select(PATTERNS), any::<[bool; 3]>()).prop_map(
        |((pattern, engine), [ignore_case, multi_line, dot_all])| Regex {
            pattern: pattern.to_owned(),
            ignore_case,
            multi_line,
            dot_all,
            engine,
        },
    )
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop::sample::select(
        &[
            Comparison::Equal,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ][..],
    )
}

fn matcher() -> impl Strategy<Value = Matcher> {
    const NETWORKS: &[(&str, u8)] = &[
        ("10.0.0.0", 8),
        ("10.0.0.1", 32),
        ("0.0.0.0", 0),
        ("::", 0),
        ("fe80::", 10),
        ("::ffff:0:0", 96),
    ];
    const PARTS: &[TimePart] = &[
        TimePart::Minute,
        TimePart::Hour,
        TimePart::Day,
        TimePart::Week,
        TimePart::Month,
        TimePart::Year,
    ];
    const RELATIONS: &[Relation] = &[
        Relation::Equals,
        Relation::StartsWith,
        Relation::EndsWith,
        Relation::Contains,
    ];
    let bounds = prop::sample::select(&[-1.5f64, 0.0, 1.0, 42.0][..]);
    let parts = prop::sample::select(&[1i64, 5, 12, 23, 29, 30, 2024][..]);
    prop_oneof![
        8 => pattern().prop_map(Matcher::Pattern),
        3 => regex().prop_map(Matcher::Regex),
        1 => prop::sample::select(NETWORKS).prop_map(|(network, prefix)| Matcher::Cidr(Cidr {
            network: network.parse().expect("an address"),
            prefix,
        })),
        1 => (comparison(), bounds).prop_map(|(comparison, bound)| Matcher::Number(comparison, bound)),
        1 => (prop::sample::select(PARTS), comparison(), parts)
            .prop_map(|(part, comparison, bound)| Matcher::TimePart(part, comparison, bound)),
        1 => Just(Matcher::Null),
        1 => any::<bool>().prop_map(Matcher::Exists),
        1 => (prop::sample::select(FIELDS), prop::sample::select(RELATIONS), any::<bool>())
            .prop_map(|(field, relation, cased)| Matcher::FieldRef { field: field.to_owned(), relation, cased }),
    ]
}

fn keyword() -> impl Strategy<Value = Matcher> {
    let open = pattern().prop_map(|mut pattern| {
        if pattern.parts.first() != Some(&Part::Many) {
            pattern.parts.insert(0, Part::Many);
        }
        if pattern.parts.last() != Some(&Part::Many) || pattern.parts.len() == 1 {
            pattern.parts.push(Part::Many);
        }
        pattern
            .parts
            .dedup_by(|one, other| *one == Part::Many && *other == Part::Many);
        Matcher::Pattern(pattern)
    });
    prop_oneof![4 => open, 1 => regex().prop_map(Matcher::Regex)]
}

fn expression() -> impl Strategy<Value = Expression> {
    let field = (prop::sample::select(FIELDS), matcher()).prop_map(|(name, matcher)| Expression::Field {
        name: name.to_owned(),
        matcher,
    });
    let leaf = prop_oneof![8 => field, 1 => keyword().prop_map(Expression::Keyword)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expression::Any),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn condition(searches: usize) -> impl Strategy<Value = Condition> {
    (0..searches)
        .prop_map(Condition::Search)
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::All),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::Any),
                inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            ]
        })
}

fn log_source() -> impl Strategy<Value = LogSource> {
    let source = |category: Option<&str>, service: Option<&str>| LogSource {
        product: Some("Windows".to_owned()),
        category: category.map(str::to_owned),
        service: service.map(str::to_owned),
    };
    prop::sample::select(vec![
        LogSource::default(),
        source(None, None),
        source(Some("process_creation"), None),
        source(None, Some("sysmon")),
        source(Some("no_such_category"), None),
    ])
}

pub fn rule() -> impl Strategy<Value = Arc<DetectionRule>> {
    prop::collection::vec(expression(), 1..4).prop_flat_map(|expressions| {
        let conditions = prop::collection::vec(condition(expressions.len()), 1..3);
        (log_source(), conditions).prop_map(move |(log_source, conditions)| {
            let searches = expressions.iter().enumerate().map(|(number, expression)| Search {
                name: format!("search_{number}"),
                expression: expression.clone(),
            });
            Arc::new(DetectionRule {
                meta: borzoi_rules::ir::Meta::default(),
                log_source,
                searches: searches.collect(),
                conditions,
                waiting_for: Vec::new(),
            })
        })
    })
}

proptest! {
    #![proptest_config(crate::effort(400))]

    #[test]
    fn matcher_and_oracle_agree_on_anything(
        rules in prop::collection::vec(rule(), 1..6),
        events in prop::collection::vec(event(), 1..20),
    ) {
        let batch = cases::batch("windows.sysmon", &events);
        let expected = expected(&rules, &batch);
        for size in [1, 7, batch.len()] {
            prop_assert_eq!(&matched(&rules, &batch, size), &expected, "cut at {}", size);
        }
    }
}
