//! Arbitrary queries: nothing panics, and every mistake stands in the text.

use proptest::prelude::*;

use super::fuzz_smoke::targets::query;

const EQL: &str = r#"sequence by host.id, `user name` with maxspan=90s
  [file where file.extension : ("exe", "d?l") and not length(between(a, "[", ']', true)) > 3 * -1.5e2] by n.x[0].y
  ![network where arraySearch(b, v, v == "x*" and v not in (1, pid, null))] by process.name
  [process where descendant of [any where ?a == null] or match~(a, ?"(x|y)+") or a regex """x+"""] fork by pid with runs=2
until [any where cidrMatch(a, "10.0.0.0/8") or a:substring(-2):startsWith~("x") /* c */] by pid
| filter events[1].pid >= 7 | unique_count pid a | sort count, a | head 5 | count b // end
"#;

const KQL: &str = r#"process.name: (cmd* or "a b" and not x\*) and not n.x: { y: 1 or y >= 2 } or b*: 10.0.0.0/8 AND password"#;

const WORDS: [&str; 24] = [
    "and ",
    "or ",
    "not ",
    "in (",
    "where ",
    "of [",
    "by ",
    "with ",
    "until ",
    "fork ",
    "null",
    "true",
    "~",
    ":",
    "*",
    "\"",
    "\"\"\"",
    "?\"",
    "`",
    "\\u{",
    "[0]",
    "![",
    "length(",
    "\u{feff}é",
];

fn mutated(text: &str, edits: &[(prop::sample::Index, usize, String)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, removed, added) in edits {
        let at = place.index(characters.len() + 1);
        let end = (at + removed).min(characters.len());
        characters.splice(at..end, added.chars());
    }
    characters.into_iter().collect()
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let added = prop_oneof![
        r#"[ -~\t\né–]{0,4}"#,
        prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, added), 1..5)
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        query(&text);
        query(&format!("any where {text}"));
        query(&format!("a: {text}"));
    }

    #[test]
    fn words_in_any_order_are_survived(words in prop::collection::vec(
        prop_oneof![prop::sample::select(WORDS.to_vec()), prop::sample::select(vec!["a ", "1 ", "== ", "( ", ") ", "] ", "| sort ", ", ", "'x' "])],
        0..30,
    )) {
        query(&words.concat());
        query(&format!("any where a {}", words.concat()));
    }

    #[test]
    fn mutated_queries_are_survived(edits in edits()) {
        query(&mutated(EQL, &edits));
        query(&mutated(KQL, &edits));
    }
}

#[test]
fn the_queries_that_are_mutated_are_good() {
    borzoi_rules::eql::parse(EQL).unwrap();
    borzoi_rules::kql::parse(KQL).unwrap();
    query(EQL);
    query(KQL);
}
