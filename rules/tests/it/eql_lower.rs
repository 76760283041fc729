//! Lowered conditions against the conditions themselves, on random events.

use std::net::IpAddr;

use borzoi_rules::eql::{self, Body, Settings, lower};
use borzoi_rules::ir::{Comparison, Expression, Matcher, Part, Pattern};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

type Event = Map<String, Value>;

/// The intermediate form, evaluated as its documentation says, with no thought of speed.
fn holds(expression: &Expression, event: &Event) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| holds(part, event)),
        Expression::Any(parts) => parts.iter().any(|part| holds(part, event)),
        Expression::Not(inner) => !holds(inner, event),
        Expression::Field { name, matcher } => {
            let texts = texts(event.get(name).unwrap_or(&Value::Null));
            match matcher {
                Matcher::Exists(present) => texts.is_empty() != *present,
                Matcher::Null => texts.is_empty(),
                other => texts.iter().any(|text| matches(other, text)),
            }
        }
        Expression::Keyword(matcher) => event.values().flat_map(texts).any(|text| matches(matcher, &text)),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(value) => vec![value.to_string()],
        Value::Number(number) => vec![match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64().unwrap().to_string(),
        }],
    }
}

fn matches(matcher: &Matcher, text: &str) -> bool {
    match matcher {
        Matcher::Pattern(pattern) => glob(pattern, text),
        Matcher::Regex(regex) => fancy_regex::RegexBuilder::new(&regex.pattern)
            .case_insensitive(regex.ignore_case)
            .dot_matches_new_line(regex.dot_all)
            .build()
            .unwrap()
            .is_match(text)
            .unwrap(),
        Matcher::Cidr(cidr) => match (text.trim().parse(), cidr.network) {
            (Ok(IpAddr::V4(address)), IpAddr::V4(network)) => {
                let shift = 32 - u32::from(cidr.prefix);
                u64::from(address.to_bits()) >> shift == u64::from(network.to_bits()) >> shift
            }
            _ => false,
        },
        Matcher::Number(comparison, bound) => {
            let Some(number) = text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
            else {
                return false;
            };
            match comparison {
                Comparison::Equal => number == *bound,
                Comparison::Less => number < *bound,
                Comparison::LessOrEqual => number <= *bound,
                Comparison::Greater => number > *bound,
                Comparison::GreaterOrEqual => number >= *bound,
            }
        }
        other => panic!("not made by lowering: {other:?}"),
    }
}

fn glob(pattern: &Pattern, text: &str) -> bool {
    fn from(parts: &[Part], text: &str) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((Part::Literal(literal), rest)) => text
                .strip_prefix(literal.as_str())
                .is_some_and(|text| from(rest, text)),
            Some((Part::One, rest)) => {
                let mut characters = text.chars();
                characters.next().is_some() && from(rest, characters.as_str())
            }
            Some((Part::Many, rest)) => text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| from(rest, &text[at..])),
        }
    }
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    if pattern.cased {
        return from(&pattern.parts, text);
    }
    let parts: Vec<Part> = pattern
        .parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => Part::Literal(lower(text)),
            other => other.clone(),
        })
        .collect();
    from(&parts, &lower(text))
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "aB*",
    "3",
    "3.0",
    "03",
    "-0",
    "0",
    "-1",
    "1e2",
    "100",
    " 3",
    "0.5",
    ".5",
    "true",
    "false",
    "10.1.2.3",
    "11.0.0.1",
    "é",
    "É",
    "9007199254740993",
    "9007199254740992",
    "a?b",
    "aXb",
    "n\nb",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(TEXTS).prop_map(Value::from),
        2 => (-2_i64..12).prop_map(Value::from),
        1 => prop::sample::select(vec![json!(0.5), json!(-0.0), json!(3.0), json!(1e300), json!(9_007_199_254_740_993_i64), json!(i64::MAX)]),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![4 => scalar(), 1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::from)];
    prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c", "a.b"]), value, 0..4).prop_map(
        |fields| {
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        },
    )
}

fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a.b", "?c", "a[0]", "b[1]"]).prop_map(str::to_owned)
}

fn quoted() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(TEXTS).prop_map(|text| serde_json::to_string(text).unwrap()),
        1 => prop::sample::select(vec!["\"a*\"", "\"*\"", "\"*b\"", "\"?\"", "\"a?b\""]).prop_map(str::to_owned),
    ]
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => quoted(),
        2 => (-2_i64..12).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["0.5", "3.0", "1e2", "9007199254740993", "true", "false", "null"]).prop_map(str::to_owned),
    ]
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => field(),
        3 => literal(),
        1 => field().prop_map(|field| format!("length({field})")),
        1 => (field(), literal()).prop_map(|(field, literal)| format!("({field} + {literal})")),
        1 => (field(), field()).prop_map(|(a, b)| format!("concat({a}, {b})")),
        1 => field().prop_map(|field| format!("substring({field}, 0, 1)")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let tilde = prop::sample::select(vec!["", "~"]);
    let list = prop::collection::vec(literal(), 1..4).prop_map(|list| list.join(", "));
    let leaf = prop_oneof![
        4 => (operand(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]), operand())
            .prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        2 => (field(), prop::sample::select(vec!["==", "!="]), quoted())
            .prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        2 => (field(), prop::sample::select(vec!["in", "in~", "not in"]), list)
            .prop_map(|(a, operator, list)| format!("{a} {operator} ({list})")),
        2 => (field(), prop::sample::select(vec![":", "like", "like~"]), quoted(), quoted())
            .prop_map(|(a, operator, x, y)| format!("{a} {operator} ({x}, {y})")),
        1 => (field(), tilde.clone(), prop::sample::select(vec!["a.*", ".", "[ab]+|3", "(?=a)ab", "x?"]))
            .prop_map(|(a, tilde, pattern)| format!("{a} regex{tilde} \"\"\"{pattern}\"\"\"")),
        2 => (prop::sample::select(vec!["startsWith", "endsWith", "stringContains"]), tilde, operand(), quoted())
            .prop_map(|(name, tilde, a, b)| format!("{name}{tilde}({a}, {b})")),
        1 => field().prop_map(|field| format!("match({field}, ?'a.b')")),
        1 => field().prop_map(|field| format!("cidrMatch({field}, '10.0.0.0/8')")),
        1 => field(),
        1 => prop::sample::select(vec!["true", "false", "null", "1 < 2"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            inner.clone().prop_map(|inner| format!("(({inner}) == null)")),
            inner.prop_map(|inner| format!("(null != ({inner}))")),
        ]
    })
}

fn read(condition: &str) -> eql::Expr {
    match eql::parse(&format!("any where {condition}")) {
        Ok(query) => match query.body {
            Body::Event(query) => query.condition,
            other => panic!("{other:?}"),
        },
        Err(error) => panic!("{condition}: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn a_lowered_condition_holds_wherever_the_condition_does(
        text in condition(),
        events in prop::collection::vec(event(), 1..6),
        cased in any::<bool>(),
    ) {
        let condition = read(&text);
        let settings = Settings { cased };
        let (lowered, exact) = lower(&condition, &settings);
        for event in &events {
            let wanted = condition.holds(event, &settings);
            let found = holds(&lowered, event);
            prop_assert!(found || !wanted, "{text}\n{event:?}\n{lowered:?}");
            prop_assert!(!exact || found == wanted, "said to be exact: {text}\n{event:?}\n{lowered:?}");
        }
    }
}

fn kql_value() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "a",
        "A",
        "ab",
        "3",
        "03",
        "0",
        "3.0",
        "100",
        "true",
        "a*",
        "*b",
        "*",
        "10.0.0.0/8",
        "é",
    ]);
    prop_oneof![
        3 => plain.prop_map(str::to_owned),
        1 => prop::sample::select(TEXTS).prop_map(|text| serde_json::to_string(text).unwrap()),
    ]
}

fn kql_query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "a.b", "a*", "*"]);
    let sign = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let bound = prop::sample::select(vec!["3", "0.5", "-1", "abc", "\"10\""]);
    let leaf = prop_oneof![
        4 => (name.clone(), kql_value()).prop_map(|(name, value)| format!("{name}: {value}")),
        2 => (name.clone(), kql_value(), kql_value()).prop_map(|(name, a, b)| format!("{name}: ({a} or not {b})")),
        1 => (name, sign, bound).prop_map(|(name, sign, bound)| format!("{name} {sign} {bound}")),
        1 => kql_value(),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn a_lowered_kql_query_holds_wherever_the_query_does(
        text in kql_query(),
        events in prop::collection::vec(event(), 1..6),
        cased in any::<bool>(),
    ) {
        let condition = borzoi_rules::kql::parse(&text).unwrap();
        let settings = Settings { cased };
        let (lowered, exact) = lower(&condition, &settings);
        for event in &events {
            let wanted = condition.holds(event, &settings);
            let denied = borzoi_rules::kql::parse(&format!("not ({text})")).unwrap().holds(event, &settings);
            prop_assert!(wanted != denied, "neither or both: {text}\n{event:?}");
            let found = holds(&lowered, event);
            prop_assert!(found || !wanted, "{text}\n{event:?}\n{lowered:?}");
            prop_assert!(!exact || found == wanted, "said to be exact: {text}\n{event:?}\n{lowered:?}");
        }
    }
}

#[test]
fn what_should_be_exact_is() {
    let exact = [
        r#"process.name == "cmd.exe""#,
        r#"process.name != "cmd.exe""#,
        r#"not process.name : ("a*", "b?c")"#,
        r#"process.pid in (1, 2, 3) and event.code == "4624""#,
        r#"process.pid not in (1, 2, 3)"#,
        "0 <= exit_code and exit_code < 10.5",
        r#"(a == "x") == null"#,
        r#"startsWith~(a, "x") or endsWith(a, "y", "z") or not stringContains(a, "v")"#,
        r#"cidrMatch(source.ip, "10.0.0.0/8", "fe80::/10")"#,
        r#"a regex """[a-z]+""" or match(b, ?'x+')"#,
        "x.y == true",
        "true",
    ];
    for text in exact {
        let (lowered, is_exact) = lower(&read(text), &Settings::default());
        assert!(is_exact, "{text}: {lowered:?}");
    }
    let inexact = [
        "a == b",
        r#"a < "x""#,
        r#"a[0] == "x""#,
        r#"a regex """(?=x)x""""#,
        r#"a == "03""#,
    ];
    for text in inexact {
        let (lowered, is_exact) = lower(&read(text), &Settings::default());
        assert!(!is_exact, "{text}: {lowered:?}");
        assert!(
            lowered != Expression::All(Vec::new()),
            "{text} asks at least for its field"
        );
    }
    // An object is there although no field has its name.
    for text in ["b != null", "a.b", "a", "length(c) > 1"] {
        assert_eq!(
            lower(&read(text), &Settings::default()),
            (Expression::All(Vec::new()), false),
            "{text}"
        );
    }
}
