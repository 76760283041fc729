//! Arbitrary text: nothing panics, and what is printed reads back.

use borzoi_rules::Loader;
use borzoi_rules::ir::Pattern;
use proptest::prelude::*;

use super::fuzz_smoke::targets::load;

const RULE: &str = r#"title: Encoded command
id: 0b5c7a0e-4a67-4a9b-9a2e-3f2f4f6f8a10
status: test
logsource:
    product: windows
    category: process_creation
detection:
    selection_img:
        - Image|endswith: ['\powershell.exe', '\pwsh.exe']
        - OriginalFileName: 'PowerShell.EXE'
    selection_cli:
        CommandLine|contains|windash: ' -enc'
        CommandLine|re|i: '[a-z0-9+/=]{20,}'
    filter_net:
        SourceIp|cidr: [10.0.0.0/8, 'fe80::/10']
        Hour|hour|gte: 8
        Parent|fieldref: Image
        User|expand: '%Administrators%'
        A|wide|base64offset|contains: 'IEX'
    keywords:
        '|all': [a, b]
    condition: all of selection_* and (keywords or not 1 of filter_*)
level: high
---
title: Many
correlation:
    type: value_count
    rules: [0b5c7a0e-4a67-4a9b-9a2e-3f2f4f6f8a10]
    group-by: [User]
    timespan: 5m
    condition: {gte: 3, field: Host}
---
title: Quiet
logsource: {product: windows}
filter:
    rules: any
    selection: {User: svc}
    condition: not selection
"#;

proptest! {
    #[test]
    fn patterns_read_back(text in r"[a-c\\*?]{0,12}") {
        let pattern = Pattern::parse(&text, false);
        prop_assert_eq!(Pattern::parse(&pattern.to_string(), false), pattern);
    }

    #[test]
    fn patterns_of_any_text_read_back(text in any::<String>(), cased in any::<bool>()) {
        let pattern = Pattern::parse(&text, cased);
        prop_assert_eq!(Pattern::parse(&pattern.to_string(), cased), pattern);
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        load(&text);
    }

    #[test]
    fn yaml_like_text_is_survived(text in r#"([a-z]{1,3}|: |\n|- |  |\t|\{|\}|\[|\]|"|'|\||>|&a|\*a|<<|%|#|,|!!str |---\n|\.\.\.\n|é|\\){0,60}"#) {
        load(&text);
    }

    #[test]
    fn mutated_rules_are_survived(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, r#"[ -~\t\né–]{0,4}"#), 1..6)
    ) {
        let mut characters: Vec<char> = RULE.chars().collect();
        for (place, removed, added) in edits {
            let at = place.index(characters.len());
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, added.chars());
        }
        load(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn mutated_lines_are_survived(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..3), 1..6)
    ) {
        let mut lines: Vec<&str> = RULE.lines().collect();
        for (from, to, what) in edits {
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            match what {
                0 => lines.swap(from, to),
                1 => lines.insert(to, lines[from]),
                _ => { if lines.len() > 1 { lines.remove(from); } }
            }
        }
        load(&lines.join("\n"));
    }
}

#[test]
fn the_rule_that_is_mutated_is_good() {
    let report = Loader::new().load_text("t.yml", RULE);
    assert_eq!(report.problems, []);
    assert_eq!(report.filters[0].applied_to.len(), 1);
}

#[test]
fn hostile_shapes_are_survived() {
    load(&"[".repeat(100_000));
    load(&"{a: ".repeat(100_000));
    load(&"- ".repeat(50_000));
    load(&format!(
        "a: &a [x]\n{}",
        (0..40).map(|i| format!("k{i}: [*a, *a]\n")).collect::<String>()
    ));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{}", level - 1); 8].join(", ")
        ));
    }
    load(&bomb);
    load("a: &a\n  b: *a\n");
    load(&format!("title: {}", "x".repeat(1_000_000)));
}
