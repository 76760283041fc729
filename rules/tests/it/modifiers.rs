//! Every modifier, alone and in combination: what the intermediate form says.

use borzoi_rules::Loader;
use borzoi_rules::Placeholders;
use borzoi_rules::ir::*;

/// The expression of a search that is written as this YAML (lines under `sel:`).
fn search(body: &str) -> Expression {
    let report = Loader::new()
        .placeholders(placeholders())
        .load_text("t.yml", &rule(body));
    let problems: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{body}: {}", problems.join("\n"));
    report.detections[0].searches[0].expression.clone()
}

fn rule(body: &str) -> String {
    let mut text = "title: T\nlogsource: {product: test}\ndetection:\n    sel:\n".to_owned();
    for line in body.lines() {
        text.push_str(&format!("        {line}\n"));
    }
    text + "    condition: sel\n"
}

fn placeholders() -> Placeholders {
    Placeholders::parse("Servers: ['srv*', db01]\nNets: [10.0.0.0/8, 'fe80::/10']\nOne: 'x'").unwrap()
}

/// The code of the only error.
fn error(body: &str) -> &'static str {
    let report = Loader::new()
        .placeholders(placeholders())
        .load_text("t.yml", &rule(body));
    let codes: Vec<&str> = report.errors().map(|problem| problem.code).collect();
    assert_eq!(codes.len(), 1, "{body}: {:?}", report.problems);
    assert!(report.detections.is_empty());
    codes[0]
}

/// What the description says; it is tested beside the code that it loses nothing that matters here.
#[test]
fn descriptions() {
    let cases = [
        // Plain values.
        ("A: cmd", "A = cmd"),
        ("A: 4624", "A = 4624"),
        // A number is meant as a number, and as the text that the rule has for it.
        ("A: 0x10", "A = 16 or A = 0x10"),
        ("A: '0x10'", "A = 0x10"),
        ("A: 007", "A = 7 or A = 007"),
        ("A: 1.5", "A = 1.5"),
        ("A: 1.50", "A = 1.5 or A = 1.50"),
        ("A: '1.50'", "A = 1.50"),
        ("A: 10.0", "A = 10 or A = 10.0"),
        ("A: 1e3", "A = 1000 or A = 1e3"),
        ("A: -0", "A = 0 or A = -0"),
        ("A: 12e4567", "A = 12e4567"),
        ("A: [1.50, x]", "A = 1.5 or A = 1.50 or A = x"),
        ("A|all: [1.50, 2]", "(A = 1.5 or A = 1.50) and A = 2"),
        ("A|neq: 1.50", "not (A = 1.5 or A = 1.50)"),
        ("A|cased: 1E3", "A = 1000 (cased) or A = 1E3 (cased)"),
        ("A: True", "A = true"),
        ("A|cased: True", "A = true (cased) or A = True (cased)"),
        ("A|expand: 1.50", "A = 1.5 or A = 1.50"),
        ("A|contains: 1.50", "A contains 1.50"),
        ("A|re: 1.50", "A re 1.50"),
        ("- 1.50", "any text contains 1.50"),
        ("- 0x10", "any text contains 0x10"),
        ("A: true", "A = true"),
        ("A: 'null'", "A = null"),
        ("A: null", "A is null"),
        ("A:", "A is null"),
        ("A: ''", "A is empty"),
        ("A: yes", "A = yes"),
        ("A: [a, 1, null]", "A = a or A = 1 or A is null"),
        ("A: '*'", "A is any text"),
        ("A: 'a*c'", "A like a*c"),
        ("A: 'a?c'", "A like a?c"),
        ("A: 18446744073709551616", "A = 18446744073709551616"),
        ("{A: x, B: y}", "A = x and B = y"),
        ("- A: x\n- B: y\n  C: z", "A = x or (B = y and C = z)"),
        // Escapes.
        (r"A: 'C:\Windows\x'", r"A = C:\Windows\x"),
        (r"A: 'C:\\x'", r"A = C:\x"),
        (r"A: 'a\*b'", "A = a*b"),
        (r"A: 'a\?b'", "A = a?b"),
        (r"A: 'a\\*'", r"A startswith a\"),
        (r"A: 'a\\\*'", r"A = a\*"),
        (r"A: 'a\\\b'", r"A = a\\b"),
        (r"A: 'a\\\\b'", r"A = a\\b"),
        (r"A|contains: '\a\'", r"A contains \a\"),
        (r"A|startswith: 'a\\'", r"A startswith a\"),
        // Anchors.
        ("A|contains: x", "A contains x"),
        ("A|contains: 123", "A contains 123"),
        ("A|contains: 007", "A contains 007"),
        ("A|contains: true", "A contains true"),
        ("A|contains: '*x*'", "A contains x"),
        ("A|startswith: x", "A startswith x"),
        ("A|endswith: x", "A endswith x"),
        ("A|endswith: 'x*'", "A contains x"),
        ("A|startswith|endswith: x", "A contains x"),
        ("A|contains: 'a*b'", "A like *a*b*"),
        ("A|contains: ''", "A is any text"),
        // Lists.
        ("A|contains: [x, y]", "A contains x or A contains y"),
        ("A|contains|all: [x, y]", "A contains x and A contains y"),
        ("A|all|contains: [x, y]", "A contains x and A contains y"),
        ("A|contains|all: x", "A contains x"),
        ("A|all: ['*x*', '*y*']", "A contains x and A contains y"),
        // Case.
        ("A|cased: X", "A = X (cased)"),
        ("A|contains|cased: X", "A contains X (cased)"),
        ("A|cased|startswith: X", "A startswith X (cased)"),
        // Not equal.
        ("A|neq: x", "not A = x"),
        ("A|neq: 5", "not A = 5"),
        ("A|neq: [x, y]", "not (A = x or A = y)"),
        ("A|neq|all: [x, y]", "not (A = x or A = y)"),
        ("A|contains|neq: [x, y]", "not (A contains x or A contains y)"),
        ("A|neq: null", "not A is null"),
        ("A|lt|neq: 5", "not A < 5"),
        ("A|cidr|neq: 10.0.0.0/8", "not A in 10.0.0.0/8"),
        // Existence.
        ("A|exists: true", "A exists"),
        ("A|exists: false", "A does not exist"),
        // Regular expressions.
        ("A|re: '^a.*b$'", "A re ^a.*b$"),
        ("A|re|i: a", "A re|i a"),
        ("A|re|i|m|s: a", "A re|i|m|s a"),
        ("A|re: 5", "A re 5"),
        ("A|re: ['a', 'b']", "A re a or A re b"),
        ("A|re|all: ['a', 'b']", "A re a and A re b"),
        ("A|re|neq: a", "not A re a"),
        ("A|re|contains: a", "A re a"),
        (r"A|re|startswith: 'a|b'", r"A re \A(?:a|b)"),
        (r"A|re|endswith: 'a|b'", r"A re (?:a|b)\z"),
        (r"A|re: 'a(?=b)'", "A re a(?=b) (backtracking)"),
        (r"A|re: '(a)\1'", r"A re (a)\1 (backtracking)"),
        (r"A|re: '\<b\>'", "A re [<]b[>]"),
        (r"A|re: 'a{'", r"A re a\{"),
        (r"A|re: 'a{2,3}{x}'", r"A re a{2,3}\{x}"),
        (r"A|re: '[[a]]'", r"A re [\[a]]"),
        (r"A|re: '[]a&&b[:alpha:]]'", r"A re [\]a\&&b[:alpha:]]"),
        (r"A|re: '[^]a]\x{41}\p{L}'", r"A re [^\]a]\x{41}\p{L}"),
        // Networks.
        ("A|cidr: 10.0.0.0/8", "A in 10.0.0.0/8"),
        ("A|cidr: 10.1.2.3/8", "A in 10.0.0.0/8"),
        ("A|cidr: 192.0.2.7", "A in 192.0.2.7/32"),
        ("A|cidr: 0.0.0.0/0", "A in 0.0.0.0/0"),
        (
            "A|cidr: ['fe80::/10', '2001:db8::1']",
            "A in fe80::/10 or A in 2001:db8::1/128",
        ),
        ("A|cidr: '::/0'", "A in ::/0"),
        // Numbers.
        ("A|lt: 5", "A < 5"),
        ("A|lte: 5.5", "A <= 5.5"),
        ("A|gt: -1", "A > -1"),
        ("A|gte: '10'", "A >= 10"),
        ("{A|gt: 1, 'A|lt': 5}", "A > 1 and A < 5"),
        // Times.
        ("A|hour: 5", "A hour = 5"),
        ("A|hour|gte: 18", "A hour >= 18"),
        ("A|lt|minute: 30", "A minute < 30"),
        ("A|day: [1, 31]", "A day = 1 or A day = 31"),
        ("A|week: 53", "A week = 53"),
        ("A|month|neq: 12", "not A month = 12"),
        ("A|year|lte: 2020", "A year <= 2020"),
        // Other fields.
        ("A|fieldref: B", "A = field B"),
        ("A|fieldref|startswith: B", "A startswith field B"),
        ("A|endswith|fieldref: B", "A endswith field B"),
        ("A|fieldref|contains: B", "A contains field B"),
        ("A|fieldref|neq: B", "not A = field B"),
        ("A|fieldref|cased: B", "A = field B (cased)"),
        ("A|fieldref: [B, C]", "A = field B or A = field C"),
        // Placeholders.
        ("A|expand: '%Servers%'", "A startswith srv or A = db01"),
        (
            "A|contains|expand: '%Servers%'",
            "A contains srv or A contains db01",
        ),
        ("A|expand|contains: '%One%'", "A contains x"),
        (r"A|expand: 'C:\%One%.exe'", "A = C:%One%.exe"),
        (r"A|expand: '\%a%One%'", "A = %ax"),
        ("A|expand: '%One%-%Servers%'", "A startswith x-srv or A = x-db01"),
        ("A|expand: '100%'", "A = 100%"),
        ("A: '%One%'", "A = %One%"),
        ("A|cidr|expand: '%Nets%'", "A in 10.0.0.0/8 or A in fe80::/10"),
        (
            "A|expand|all: ['%Servers%', '%One%']",
            "(A startswith srv or A = db01) and A = x",
        ),
        ("A|expand|neq: '%Servers%'", "not (A startswith srv or A = db01)"),
        // Keywords.
        ("- a\n- 5", "any text contains a or any text contains 5"),
        ("a", "any text contains a"),
        ("'|all': [a, b]", "any text contains a and any text contains b"),
        (
            "'|contains|all': [a, b]",
            "any text contains a and any text contains b",
        ),
        ("'|re': 'a.c'", "any text re a.c"),
        ("'|cased': A", "any text contains A (cased)"),
        (
            "'|neq': [a, b]",
            "not (any text contains a or any text contains b)",
        ),
        ("- a\n- B: c", "any text contains a or B = c"),
        ("- 'a*b'", "any text like *a*b*"),
        // Encodings.
        ("A|base64: foobar", "A = Zm9vYmFy"),
        ("A|base64|contains: foobar", "A contains Zm9vYmFy"),
        (
            "A|base64offset|contains: foobar",
            "A contains Zm9vYmFy or A contains Zvb2Jhc or A contains mb29iYX",
        ),
        ("A|wide|base64: cmd", "A = YwBtAGQA"),
        ("A|utf16le|base64: cmd", "A = YwBtAGQA"),
        ("A|utf16be|base64: cmd", "A = AGMAbQBk"),
        ("A|utf16|base64: cmd", "A = //5jAG0AZAA="),
        ("A|base64: '\\*'", "A = Kg=="),
        ("A|wide|contains: ab", "A contains \"a\\u{0}b\\u{0}\""),
        ("A|utf16be: ab", "A = \"\\u{0}a\\u{0}b\""),
        ("A|wide: 'a*b'", "A like \"a\\u{0}*b\\u{0}\""),
    ];
    for (body, expected) in cases {
        assert_eq!(search(body).to_string(), expected, "{body}");
    }
}

#[test]
fn windash_makes_all_permutations() {
    let Expression::Any(choices) = search("A|contains|windash: ' -a /b'") else {
        panic!("one of many")
    };
    assert_eq!(choices.len(), 25);
    let texts: Vec<String> = choices.iter().map(ToString::to_string).collect();
    for first in ['-', '/', '–', '—', '―'] {
        for second in ['-', '/', '–', '—', '―'] {
            let wanted = format!("A contains \" {first}a {second}b\"");
            assert!(texts.contains(&wanted), "{wanted}");
        }
    }
    // Only a dash that starts a word counts.
    for (value, count) in [
        ("a-b", 1),
        ("x/y", 1),
        ("-a", 5),
        ("--a", 5),
        ("- a", 1),
        ("a -", 1),
        ("*-a", 5),
        ("—a", 5),
    ] {
        let body = format!("A|windash: '{value}'");
        let found = match search(&body) {
            Expression::Any(choices) => choices.len(),
            _ => 1,
        };
        assert_eq!(found, count, "{value}");
    }
    assert_eq!(error("A|windash: '-a -b -c -d -e -f -g'"), "value-type");
    // In order: first the permutations, then their encodings.
    assert_eq!(
        search("A|windash|base64: '-a'").to_string(),
        "A = LWE= or A = L2E= or A = 4oCTYQ== or A = 4oCUYQ== or A = 4oCVYQ=="
    );
}

#[test]
fn base64_offsets_are_found_in_any_longer_text() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    for value in ["abc", "http://", "IEX (", "été", "x12345"] {
        let Expression::Any(choices) = search(&format!("A|base64offset|contains: '{value}'")) else {
            panic!("three texts")
        };
        assert_eq!(choices.len(), 3);
        for before in 0..6 {
            for after in 0..6 {
                let plain = format!("{}{value}{}", "\u{7f}".repeat(before), "~".repeat(after));
                let encoded = STANDARD.encode(plain);
                let hit = choices.iter().any(|choice| match choice {
                    Expression::Field {
                        matcher: Matcher::Pattern(Pattern { parts, .. }),
                        ..
                    } => match &parts[..] {
                        [Part::Many, Part::Literal(text), Part::Many] => encoded.contains(text),
                        other => panic!("{other:?}"),
                    },
                    other => panic!("{other:?}"),
                });
                assert!(hit, "{value} in {encoded}");
            }
        }
    }
}

#[test]
fn placeholders_without_a_value_wait() {
    let report = Loader::new().load_text("t.yml", &rule("A|expand: ['%Nope%', '%Nada%', '%Nope%']"));
    assert_eq!(report.problems, []);
    assert_eq!(report.detections[0].waiting_for, ["Nope", "Nada"]);
    assert_eq!((report.counts.waiting, report.waiting().count()), (1, 1));
    // Where one has no value, the other's values do not matter.
    let half = Loader::new()
        .placeholders(placeholders())
        .load_text("t.yml", &rule("A|expand: '%One%%Nope%'"));
    assert_eq!(half.detections[0].waiting_for, ["Nope"]);
}

#[test]
fn errors() {
    let cases = [
        ("A|endwith: x", "unknown-modifier"),
        ("A|: x", "unknown-modifier"),
        ("A|contains|contains: x", "modifier-combination"),
        ("A|wide|utf16le: x", "modifier-combination"),
        ("A|i: x", "modifier-combination"),
        ("A|contains|re: x", "modifier-combination"),
        ("A|cidr|contains: 10.0.0.0/8", "modifier-combination"),
        ("A|exists|all: true", "modifier-combination"),
        ("A|re|base64: x", "modifier-combination"),
        ("A|contains|base64: x", "modifier-combination"),
        ("A|lt|gt: 5", "modifier-combination"),
        ("A|hour|minute: 5", "modifier-combination"),
        ("A|lt|contains: 5", "modifier-combination"),
        ("A|fieldref|re: B", "modifier-combination"),
        ("A|re: '('", "bad-regex"),
        ("A|re: '*a'", "bad-regex"),
        ("A|re: '[z-a]'", "bad-regex"),
        ("A|cidr: 10.0.0.0/33", "bad-cidr"),
        ("A|cidr: 10.0.0", "bad-cidr"),
        ("A|cidr: '10.*'", "bad-cidr"),
        ("A|cidr: 5", "bad-cidr"),
        ("A|lt: x", "value-type"),
        ("A|lt: .inf", "value-type"),
        ("A|contains: null", "value-type"),
        ("A|cased: null", "value-type"),
        ("A|exists: maybe", "value-type"),
        ("A|exists: 1", "value-type"),
        ("A|hour: 24", "value-type"),
        ("A|month: 0", "value-type"),
        ("A|hour: noon", "value-type"),
        ("A|fieldref: ''", "value-type"),
        ("A|base64: 'a*'", "value-type"),
        ("A|base64offset|contains: ''", "value-type"),
        ("A: {B: c}", "value-type"),
        ("A: [[b]]", "value-type"),
        ("A: []", "empty-list"),
        ("'': x", "empty-field"),
        ("{}", "empty-search"),
        ("[]", "empty-search"),
        ("- [a]", "search-shape"),
        ("- null", "value-type"),
        ("'|startswith': x", "modifier-combination"),
        ("'|cidr': 10.0.0.0/8", "modifier-combination"),
        ("'|all': [null]", "value-type"),
    ];
    for (body, code) in cases {
        assert_eq!(error(body), code, "{body}");
    }
}
