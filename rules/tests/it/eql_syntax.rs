//! What EQL text means, and what is said of text that means nothing.

use std::time::Duration;

use borzoi_rules::eql::{self, Body, Event, FieldPath, Pipe, Relation, Settings, Value, pipes};
use serde_json::{Map, json};

fn condition(text: &str) -> eql::Expr {
    let query = eql::parse(&format!("any where {text}")).unwrap_or_else(|error| panic!("{text}: {error}"));
    match query.body {
        Body::Event(query) => query.condition,
        other => panic!("{other:?}"),
    }
}

fn object(value: serde_json::Value) -> Map<String, serde_json::Value> {
    value.as_object().unwrap().clone()
}

fn sample() -> Map<String, serde_json::Value> {
    object(json!({
        "pid": 7, "size": "40", "load": 0.5, "zero": 0, "flag": true, "quiet": "false", "empty": "", "none": [],
        "name": "Notepad.EXE", "path": r"C:\Temp\a*b.txt", "subtype": "create",
        "args": ["-x", "Run", null], "ip": "10.2.3.4", "ips": ["fe80::1%2", "::ffff:192.168.1.9"],
        "process": {"name": "Été.exe", "parent": {"pid": 3}},
        "rows": [{"user": "root", "tags": ["a", "b"]}, {"user": "guest", "tags": []}],
        "odd-name": "x", "deep": [[1, [3]], null], "dns.question.name": "a.example", "text": "one\ntwo"
    }))
}

/// What an expression comes to, as the value of a comparison's side.
fn value(text: &str) -> Value<'static> {
    let condition = condition(&format!("safe({text}) == 1"));
    let eql::Expr::Compare { left, .. } = condition else {
        panic!("{condition:?}")
    };
    left.eval(&sample(), &Settings::default()).into_owned()
}

#[test]
fn functions_give_what_the_table_says() {
    let text = |text: &'static str| Value::from(text);
    let cases = [
        ("1 + 2 * 3", Value::Int(7)),
        ("(1 + 2) * 3", Value::Int(9)),
        ("7 / 2", Value::Int(3)),
        ("-7 / 2", Value::Int(-4)),
        ("7 / 2.0", Value::Float(3.5)),
        ("-7 % 3", Value::Int(2)),
        ("7 % -3", Value::Int(-2)),
        ("1 / 0", Value::Null),
        ("1.0 / 0", Value::Null),
        ("pid - missing", Value::Null),
        ("size + 2", Value::Int(42)),
        ("-size", Value::Int(-40)),
        (
            "9223372036854775807 + 1",
            Value::Float(9_223_372_036_854_775_808.0),
        ),
        ("add(1, 2)", Value::Int(3)),
        ("subtract(1, 2)", Value::Int(-1)),
        ("multiply(1.5, 2)", Value::Float(3.0)),
        ("divide(9, 2)", Value::Int(4)),
        ("modulo(9, 2)", Value::Int(1)),
        ("length(name)", Value::Int(11)),
        ("length(process.name)", Value::Int(7)),
        ("length(args)", Value::Int(3)),
        ("length(pid)", Value::Int(1)),
        ("length(empty)", Value::Int(0)),
        ("length(missing)", Value::Null),
        ("length(none)", Value::Null),
        ("name:length()", Value::Int(11)),
        ("name:substring(0, 4):length()", Value::Int(4)),
        ("concat(name, ':', pid, flag, load)", text("Notepad.EXE:7true0.5")),
        ("concat(name, missing)", Value::Null),
        ("substring('abcdef', 1, 3)", text("bc")),
        ("substring('abcdef', -2)", text("ef")),
        ("substring('abcdef', -2, -1)", text("e")),
        ("substring('abcdef', 4, 2)", text("")),
        ("substring('abc', 0, 99)", text("abc")),
        ("substring('äöü', 1, 2)", text("ö")),
        ("indexOf('a.b.c', '.')", Value::Int(1)),
        ("indexOf('a.b.c', '.', 2)", Value::Int(3)),
        ("indexOf('a.b.c', '.', -9)", Value::Int(1)),
        ("indexOf('a.b.c', '.', 9)", Value::Null),
        ("indexOf('abc', 'Z')", Value::Null),
        ("indexOf('aBc', 'b')", Value::Int(1)),
        ("between('a [b] c [d]', '[', ']')", text("b")),
        ("between('a [b] c [d]', '[', ']', true)", text("b] c [d")),
        ("between('aXbXc', 'x', 'x')", text("b")),
        ("between('aXbxc', 'x', 'c', false, true)", text("")),
        ("between('aXbxcc', 'x', 'c', true, true)", text("c")),
        ("between('abc', 'z', 'c')", Value::Null),
        ("between(missing, 'a', 'b')", Value::Null),
        ("number('12')", Value::Int(12)),
        ("number('1.5')", Value::Float(1.5)),
        ("number('0x1F')", Value::Int(31)),
        ("number('1f', 16)", Value::Int(31)),
        ("number('-11', 2)", Value::Int(-3)),
        ("number('twelve')", Value::Null),
        ("number('9', 8)", Value::Null),
        ("string(pid)", text("7")),
        ("string(flag)", text("true")),
        ("arrayContains(args, 'run')", Value::Bool(true)),
        ("arrayContains(args, 'walk', '-X')", Value::Bool(true)),
        ("arrayContains(args, 'walk')", Value::Bool(false)),
        ("arrayContains(name, 'walk')", Value::Null),
        ("arrayCount(rows, r, r.user == 'root')", Value::Int(1)),
        (
            "arrayCount(rows, r, arraySearch(r.tags, t, t == 'b' and r.user == 'root'))",
            Value::Int(1),
        ),
        ("arraySearch(rows, r, r.tags[1] == 'b')", Value::Bool(true)),
        ("arraySearch(missing, r, true)", Value::Bool(false)),
        ("rows.user == 'guest'", Value::Bool(true)),
        ("rows.tags == 'b'", Value::Bool(true)),
        ("length(rows.tags)", Value::Int(2)),
        ("deep == 3", Value::Bool(true)),
        ("args[1]", text("Run")),
        ("args[7]", Value::Null),
        ("`odd-name`", text("x")),
        ("process.parent.pid", Value::Int(3)),
        ("dns.question.name", text("a.example")),
    ];
    for (text, wanted) in cases {
        assert_eq!(value(text), wanted, "{text}");
    }
}

/// `true`, `false`, or neither: null.
fn truth(text: &str, cased: bool) -> Option<bool> {
    let event = sample();
    let settings = Settings { cased };
    let holds = condition(text).holds(&event, &settings);
    let fails = condition(&format!("not ({text})")).holds(&event, &settings);
    assert!(!(holds && fails), "{text}");
    (holds || fails).then_some(holds)
}

#[test]
fn conditions_are_true_false_or_null() {
    let cases = [
        ("name == 'notepad.exe'", Some(true)),
        ("name = 'notepad.exe'", Some(true)),
        ("name != 'notepad.exe'", Some(false)),
        ("name == '*pad*'", Some(true)),
        ("'*PAD*' == name", Some(true)),
        ("name == 'notepad.ex?'", Some(false)),
        ("name : 'notepad.ex?'", Some(true)),
        ("name : ('cmd*', 'note*')", Some(true)),
        ("name like~ ('cmd*', 'note*')", Some(true)),
        ("path : \"\"\"C:\\Temp\\*\"\"\"", Some(true)),
        ("path == 'c:\\\\temp\\\\a*b.txt'", Some(true)),
        ("process.name == 'éTÉ.exe'", Some(true)),
        ("text : 'one*two'", Some(true)),
        ("missing == 'x'", None),
        ("missing != 'x'", None),
        ("missing : '*'", None),
        ("missing in ('x')", None),
        ("missing not in ('x')", None),
        ("missing == null", Some(true)),
        ("missing != null", Some(false)),
        ("null == none", Some(true)),
        ("?missing.deep == null", Some(true)),
        ("not missing", None),
        ("missing and false", Some(false)),
        ("missing or true", Some(true)),
        ("missing or false", None),
        ("not not name : 'notepad.exe'", Some(true)),
        ("pid in (1, 7)", Some(true)),
        ("pid in ('7')", Some(true)),
        ("pid not in (1, 7,)", Some(false)),
        ("not pid in (1)", Some(true)),
        ("name in~ ('NOTEPAD.exe', 'a')", Some(true)),
        ("name in (path, 'x', name)", Some(true)),
        ("size == 40", Some(true)),
        ("size > 5", Some(true)),
        ("size > '5'", Some(false)),
        ("size == '40.0'", Some(false)),
        ("pid == '7.0'", Some(true)),
        ("name > 5", None),
        ("name == 5", None),
        ("load < 1 and load >= .5", Some(true)),
        ("5e-1 == load", Some(true)),
        ("flag", Some(true)),
        ("flag == true", Some(true)),
        ("quiet", Some(false)),
        ("zero", Some(false)),
        ("none", None),
        ("args == 'run'", Some(true)),
        ("args != 'run'", Some(false)),
        ("args != 'walk'", Some(true)),
        ("startsWith(args, 'r')", Some(true)),
        ("startsWith(name, 'x', 'note')", Some(true)),
        ("endsWith~(name, '.exe')", Some(true)),
        ("stringContains(name, missing)", None),
        ("subtype.create", Some(true)),
        ("subtype.delete", Some(false)),
        ("match(name, ?'note')", Some(true)),
        ("match(?'note', name)", Some(true)),
        ("match(name, ?'pad')", Some(false)),
        ("matchLite(name, ?'x', ?'.*\\.exe$')", Some(true)),
        ("name regex~ \"\"\"note.*\"\"\"", Some(true)),
        ("name regex~ \"\"\"note\"\"\"", Some(false)),
        ("text regex \"\"\"one.two\"\"\"", Some(true)),
        ("wildcard(name, 'a*', 'note*')", Some(true)),
        ("cidrMatch(ip, '10.0.0.0/8')", Some(true)),
        ("cidrmatch(ip, '10.99.0.0/8', '11.0.0.0/8')", Some(true)),
        ("cidrMatch(ip, '11.0.0.0/8')", Some(false)),
        ("cidrMatch(ips, 'fe80::/10')", Some(true)),
        ("cidrMatch(ips, '192.168.0.0/16')", Some(true)),
        ("cidrMatch(name, '0.0.0.0/0')", Some(false)),
        ("cidrMatch(missing, '0.0.0.0/0')", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(truth(text, false), wanted, "{text}");
    }
    let cased = [
        ("name == 'notepad.exe'", Some(false)),
        ("name like 'note*'", Some(false)),
        ("name like~ 'note*'", Some(true)),
        ("name : 'note*'", Some(true)),
        ("name in ('notepad.exe')", Some(false)),
        ("name in~ ('notepad.exe')", Some(true)),
        ("endsWith(name, '.exe')", Some(false)),
        ("endsWith~(name, '.exe')", Some(true)),
        ("name regex 'note.*'", Some(false)),
        ("name regex~ 'note.*'", Some(true)),
        ("match~(name, 'note')", Some(true)),
        ("name < 'a'", Some(true)),
    ];
    for (text, wanted) in cased {
        assert_eq!(truth(text, true), wanted, "{text}");
    }
}

#[test]
fn texts_are_read_with_their_escapes() {
    let cases = [
        (r#""a\tb\\\"\u{e9}\u{1F600}""#, "a\tb\\\"é😀"),
        (r"'it\'s'", "it's"),
        (r#"?"C:\new\"x""#, r#"C:\new"x"#),
        (r"?'C:\a'", r"C:\a"),
        (r#""""C:\dir\"x""""#, r#"C:\dir\"x"#),
        (r#""""say "hi"""""#, r#"say "hi""#),
        (r#""" "#, ""),
    ];
    for (text, wanted) in cases {
        assert_eq!(value(text), Value::from(wanted), "{text}");
    }
}

#[test]
fn a_sequence_is_read_with_all_that_belongs_to_it() {
    let text = r#"
        // comment
        sequence by host.id, `user name` with maxspan=90s
          [file where file.extension : "exe"] by file.path
          ![network where true] by process.executable
          [process where process.args[0] == "x" /* why not */ ] fork by process.executable with runs=3
          ["my-category" where descendant of [process where child of [any where true]]] by a.b fork=false
        until [process where event of [file where true]] by process.executable
        | filter events[2].pid == pid | sort pid, `user name` | unique pid host.id | head | tail 3 | count | count pid
    "#;
    let query = eql::parse(text).unwrap();
    let Body::Sequence(sequence) = &query.body else {
        panic!()
    };
    assert_eq!(sequence.maxspan, Some(Duration::from_secs(90)));
    let steps: Vec<(Option<&str>, usize, bool, bool, u32)> = sequence
        .steps
        .iter()
        .map(|step| {
            (
                step.query.category.as_deref(),
                step.by.len(),
                step.fork,
                step.missing,
                step.runs,
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (Some("file"), 3, false, false, 1),
            (Some("network"), 3, false, true, 1),
            (Some("process"), 3, true, false, 3),
            (Some("my-category"), 3, false, false, 1),
        ]
    );
    let names: Vec<String> = sequence.steps[0]
        .by
        .iter()
        .flat_map(|by| by.fields())
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["host.id", "user name", "file.path"]);
    assert_eq!(sequence.until.as_ref().unwrap().by.len(), 3);
    let relations: Vec<(usize, Relation)> = query
        .subqueries()
        .iter()
        .map(|subquery| (subquery.id, subquery.relation))
        .collect();
    assert_eq!(
        relations,
        [
            (0, Relation::ChildOf),
            (1, Relation::DescendantOf),
            (2, Relation::EventOf)
        ]
    );
    assert_eq!(query.pipes.len(), 7);
    assert!(matches!(&query.pipes[1], Pipe::Sort(keys) if keys.len() == 2));
    assert!(matches!(&query.pipes[2], Pipe::Unique(keys) if keys.len() == 2));
    assert!(matches!(&query.pipes[3], Pipe::Head(50)));
    assert!(matches!(&query.pipes[5], Pipe::Count(keys) if keys.is_empty()));
    let units = [
        ("500ms", 500),
        ("2s", 2000),
        ("3m", 180_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
    ];
    for (unit, milliseconds) in units {
        let query = eql::parse(&format!(
            "sequence with maxspan={unit} by a [any where true] [any where true]"
        ));
        let Body::Sequence(sequence) = query.unwrap().body else {
            panic!()
        };
        assert_eq!(sequence.maxspan, Some(Duration::from_millis(milliseconds)));
    }
    assert!(matches!(
        eql::parse("sample by a [x where true] [y where true]")
            .unwrap()
            .body,
        Body::Sample(_)
    ));
    assert!(matches!(
        eql::parse("join by a [x where true] [y where true] until [z where true]")
            .unwrap()
            .body,
        Body::Join(_)
    ));
}

#[test]
fn mistakes_are_placed_and_named() {
    let cases = [
        ("", 1, 1, "expected the category", None),
        ("process", 1, 8, "expected `where`, found the end", None),
        (
            "process were true",
            1,
            9,
            "expected `where`, found `were`",
            Some("where"),
        ),
        ("process where", 1, 14, "expected a value, found the end", None),
        ("process where a ==", 1, 19, "expected a value", None),
        ("process where a == 1 ad b == 2", 1, 22, "`and`", Some("and")),
        ("process where a lik 'x'", 1, 17, "an operator", Some("like")),
        (
            "process where\n  lenght(a) > 1",
            2,
            3,
            "unknown function `lenght`",
            Some("length"),
        ),
        ("process where length~(a) > 1", 1, 15, "no form with `~`", None),
        (
            "process where length() > 1",
            1,
            15,
            "takes 1 argument, not 0",
            None,
        ),
        (
            "process where between(a, 'b') == ''",
            1,
            15,
            "takes 3 to 5 arguments, not 2",
            None,
        ),
        (
            "process where wildcard(a, b)",
            1,
            27,
            "expected a text as pattern",
            None,
        ),
        (
            "process where cidrMatch(a, '10.0.0.0/99')",
            1,
            28,
            "no network",
            None,
        ),
        (
            "process where match(a, ?'(')",
            1,
            24,
            "bad regular expression",
            None,
        ),
        (
            "process where a regex 'x)|(y'",
            1,
            23,
            "bad regular expression",
            None,
        ),
        ("process where a : b", 1, 19, "expected a text, found `b`", None),
        ("process where a < b < c", 1, 21, "cannot be chained", None),
        ("process where a == 'x", 1, 20, "has no end", None),
        ("process where a == \"x\ny\"", 1, 20, "has no end", None),
        ("process where a == \"C:\\dir\"", 1, 23, "unknown escape", None),
        ("process where a == \"\\u{zz}\"", 1, 21, "hexadecimal", None),
        (
            "process where a. == 1",
            1,
            16,
            "expected the name of a field",
            None,
        ),
        ("process where `a == 1", 1, 15, "backtick", None),
        ("process where a~ == 1", 1, 15, "`~` belongs", None),
        ("process where (a == 1", 1, 22, "expected `)`", None),
        ("process where a == 1)", 1, 21, "found `)`", None),
        ("process where a == 1 /* x", 1, 22, "no end", None),
        ("process where a == 1 ; b", 1, 22, "`;` means nothing", None),
        (
            "process where siblng of [any where true]",
            1,
            15,
            "`descendant of`",
            None,
        ),
        (
            "process where chld of [any where true]",
            1,
            15,
            "`descendant of`",
            Some("child"),
        ),
        (
            "process where true | hed 5",
            1,
            22,
            "expected a pipe",
            Some("head"),
        ),
        ("process where true | head 0", 1, 27, "1 or more", None),
        ("process where true | sort", 1, 22, "needs a field", None),
        (
            "process where true | filter child of [any where true]",
            1,
            29,
            "cannot stand in a pipe",
            None,
        ),
        (
            "process where arraySearch(a, 'x', true)",
            1,
            30,
            "a name for the elements",
            None,
        ),
        (
            "sequnce [a where true] [b where true]",
            1,
            1,
            "`sequence`",
            Some("sequence"),
        ),
        ("sequence by a", 1, 14, "expected `[`", None),
        ("sequence [a where true]", 1, 1, "two steps", None),
        (
            "sequence [a where true] by x [b where true]",
            1,
            30,
            "the first step has 1",
            None,
        ),
        (
            "sequence with maxspan=10 [a where true] [b where true]",
            1,
            26,
            "unit of time",
            None,
        ),
        (
            "sequence with maxspan=10x [a where true] [b where true]",
            1,
            25,
            "unit of time",
            None,
        ),
        (
            "sequence with maxspam=10s [a where true] [b where true]",
            1,
            15,
            "`maxspan`",
            Some("maxspan"),
        ),
        (
            "sequence [a where true] fork [b where true]",
            1,
            25,
            "`fork` belongs",
            None,
        ),
        (
            "sequence [a where true] [b where true] with runs=0",
            1,
            50,
            "from 1 to 100",
            None,
        ),
        (
            "sequence [a where true] ![b where true]",
            1,
            1,
            "needs `with maxspan`",
            None,
        ),
        (
            "sequence with maxspan=1s ![a where true] ![b where true]",
            1,
            1,
            "not missing",
            None,
        ),
        (
            "join [a where true] ![b where true]",
            1,
            21,
            "can be missing",
            None,
        ),
        (
            "sequence [a where true] [b where true] | filter events[2].x == 1",
            1,
            49,
            "no event 2",
            None,
        ),
        (
            "sequence [a where true] [b where true] as x",
            1,
            40,
            "`as` is not supported",
            None,
        ),
    ];
    for (text, line, column, message, suggestion) in cases {
        let error = eql::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.suggestion.as_deref(), suggestion, "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("{line}:{column}: ")));
    }
}

#[test]
fn hostile_shapes_end_in_an_error_or_a_query() {
    let deep = 100_000;
    for text in [
        format!("any where {}", "(".repeat(deep)),
        format!("any where {}1", "length(".repeat(deep)),
        format!(
            "any where {}true{}",
            "descendant of [any where ".repeat(5_000),
            "]".repeat(5_000)
        ),
        format!("any where a{}", ":length()".repeat(deep / 10)),
        format!("any where {}true", "arraySearch(a, b, ".repeat(100)),
        format!("any where a == \"{}\"", "x".repeat(300_000)),
        format!("sequence {}", "[any where true] ".repeat(10_000)),
    ] {
        assert!(eql::parse(&text).is_err(), "{}", &text[..60]);
    }
    for text in [
        format!("any where {}true", "not ".repeat(50_000)),
        format!("any where true{}", " or true".repeat(30_000)),
        format!("any where 0{} == 1", " + 1".repeat(50_000)),
        format!("any where a in (1{})", ",1".repeat(100_000)),
        format!(
            "any where {}x{}",
            "(not (a == null) and (".repeat(23),
            ") == null)".repeat(23)
        ),
    ] {
        let query = eql::parse(&text).unwrap();
        let Body::Event(query) = query.body else { panic!() };
        query.condition.holds(&sample(), &Settings::default());
        eql::lower(&query.condition, &Settings::default());
    }
    // Memory would be doubled at each level.
    let nested = (0..40).fold("a == 1".to_owned(), |inner, at| {
        format!("b{at} == 1 and ({inner}) == null")
    });
    let Body::Event(query) = eql::parse(&format!("any where {nested}")).unwrap().body else {
        panic!()
    };
    eql::lower(&query.condition, &Settings::default());
}

/// A match of several events.
#[derive(Debug, Clone)]
struct Match(Vec<Map<String, serde_json::Value>>);

impl Event for Match {
    fn field<'e>(&'e self, path: &FieldPath) -> Value<'e> {
        self.0[0].field(path)
    }

    fn in_sequence(&self, position: usize) -> Option<&dyn Event> {
        self.0.get(position).map(|event| event as &dyn Event)
    }
}

fn rows() -> Vec<Match> {
    [
        (1, "Ann", "h1"),
        (12, "bob", "h2"),
        (3, "ANN", "h2"),
        (4, "cid", "h1"),
        (5, "ann", "h1"),
    ]
    .into_iter()
    .map(|(id, user, host)| {
        let event =
            |id: i64| object(json!({"id": id, "text": id.to_string(), "user": user, "host": {"name": host}}));
        Match(vec![event(id), event(id * 10)])
    })
    .collect()
}

fn piped(pipes: &str) -> Vec<pipes::Row<Match>> {
    let query = eql::parse(&format!("sequence [a where true] [b where true] {pipes}")).unwrap();
    pipes::run(&query.pipes, rows(), &pipes::Options::default()).unwrap()
}

fn ids(rows: &[pipes::Row<Match>]) -> Vec<i64> {
    rows.iter()
        .map(|row| match row.field(&FieldPath::dotted("id")) {
            Value::Int(id) => id,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn pipes_keep_order_and_count() {
    let cases: [(&str, &[i64]); 11] = [
        ("", &[1, 12, 3, 4, 5]),
        ("| head 2", &[1, 12]),
        ("| tail 2", &[4, 5]),
        ("| tail 3 | head 1", &[3]),
        ("| sort id", &[1, 3, 4, 5, 12]),
        ("| sort text", &[1, 3, 4, 5, 12]),
        ("| sort user, id", &[1, 3, 5, 12, 4]),
        ("| sort missing, id", &[1, 3, 4, 5, 12]),
        ("| unique user", &[1, 12, 4]),
        ("| filter events[1].id > 40 and events[0].id < 12", &[5]),
        ("| unique user == 'ann' | tail 1", &[12]),
    ];
    for (pipes, wanted) in cases {
        assert_eq!(ids(&piped(pipes)), wanted, "{pipes}");
    }
    let counted = piped("| unique_count user");
    assert_eq!(ids(&counted), [1, 12, 4]);
    let hosts = Value::List(vec![Value::from("h1"), Value::from("h2")]);
    assert_eq!(
        counted[0].added(),
        [
            ("count", Value::Int(3)),
            ("percent", Value::Float(0.6)),
            ("total_hosts", Value::Int(2)),
            ("hosts", hosts.clone()),
        ]
    );
    assert_eq!(
        ids(&piped("| unique_count user | filter count > 1 and percent >= .6")),
        [1]
    );
    let again = piped("| unique_count user | unique_count host.name");
    assert_eq!(again[0].added()[0], ("count", Value::Int(4)), "counts add up");
}

#[test]
fn count_gives_rows_of_its_own() {
    let total = piped("| count");
    assert_eq!(total.len(), 1);
    assert!(total[0].source().is_none());
    assert_eq!(
        total[0].added()[..2],
        [("key", Value::from("totals")), ("count", Value::Int(5))]
    );
    let by_user: Vec<(Value<'_>, Value<'_>)> = piped("| count user")
        .iter()
        .map(|row| (row.added()[0].1.clone(), row.added()[1].1.clone()))
        .collect();
    let wanted =
        [("bob", 1), ("cid", 1), ("Ann", 3)].map(|(user, count)| (Value::from(user), Value::Int(count)));
    assert_eq!(by_user, wanted);
    let two = piped("| count user, host.name | sort key | head 1");
    assert_eq!(
        two[0].added()[0].1,
        Value::List(vec![Value::from("Ann"), Value::from("h1")])
    );
    let query = eql::parse("any where false | count").unwrap();
    let none = pipes::run(&query.pipes, Vec::<Match>::new(), &pipes::Options::default()).unwrap();
    assert_eq!(none[0].added()[1], ("count", Value::Int(0)));
}

#[test]
fn pipes_keep_no_more_than_they_may() {
    for (text, pipe) in [
        ("sort id", "sort"),
        ("unique id", "unique"),
        ("unique_count id", "unique_count"),
        ("count id", "count"),
        ("tail 9", "tail"),
    ] {
        let query = eql::parse(&format!("any where true | {text}")).unwrap();
        let options = pipes::Options {
            limit: 3,
            ..pipes::Options::default()
        };
        let error = pipes::run(&query.pipes, rows(), &options).unwrap_err();
        assert_eq!(error.pipe, pipe);
        assert!(error.to_string().contains("more than 3"));
    }
    let query = eql::parse("any where true | head 2 | sort id").unwrap();
    let mut taken = 0;
    let endless = std::iter::repeat_with(|| {
        taken += 1;
        rows().remove(0)
    });
    let found = pipes::run(&query.pipes, endless, &pipes::Options::default()).unwrap();
    assert_eq!(
        (found.len(), taken),
        (2, 3),
        "one row too many is asked for, and no more"
    );
}
