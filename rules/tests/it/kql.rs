//! What KQL text means, and what is said of text that means nothing.

use borzoi_rules::eql::{Settings, lower};
use borzoi_rules::kql;
use serde_json::{Map, Value, json};

fn event() -> Map<String, Value> {
    json!({
        "process": {"name": "Cmd.exe", "args": ["/c", "del *"], "pid": 44, "command_line": "cmd.exe /c \"del *\""},
        "event.category": ["process", "start"], "source.ip": "10.1.2.3", "dest.ip": "fe80::7",
        "path": "C:\\Windows\\x", "message": "Failed password for root", "flag": true, "bytes": "1500",
        "@timestamp": "2026-03-04T05:06:07Z", "note": "rock and roll", "tab": "a\tb",
        "items": [{"name": "apple", "stock": 3}, {"name": "pear", "stock": 9, "parts": [{"id": 1}, {"id": 2}]}],
        "one": {"name": "alone"}
    })
    .as_object()
    .unwrap()
    .clone()
}

fn holds(text: &str, cased: bool) -> bool {
    let condition = kql::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.holds(&event(), &Settings { cased })
}

#[test]
fn queries_hold_or_not() {
    let cases = [
        ("", true),
        ("*", true),
        ("process.name: cmd.exe", true),
        ("process.name:\"CMD.EXE\"", true),
        ("process.name : (powershell.exe or cmd.exe)", true),
        ("process.name: (not cmd.exe)", false),
        ("process.name: c*.EXE", true),
        ("process.name: \"c*.exe\"", false),
        ("process.name: *", true),
        ("process.missing: *", false),
        ("not process.missing: *", true),
        ("not process.missing: x", true),
        ("not (process.missing: x and process.name: *)", true),
        ("process.missing: (not x)", true),
        ("process.pid: 44", true),
        ("process.pid: 44.0", true),
        ("process.pid >= 44 and process.pid < 45", true),
        ("bytes > 999", true),
        ("process.name > 5", false),
        ("not process.name > 5", true),
        ("@timestamp >= \"2026-03-01\"", true),
        ("@timestamp < 2026-01-01", false),
        ("flag: true", true),
        ("event.category: process and event.category: start", true),
        ("event.category: (process and start)", true),
        ("process.args: \"del *\"", true),
        ("process.args: del*", true),
        ("process.args: del \\*", true),
        ("path: C\\:\\\\Windows\\\\*", true),
        ("path: \"C:\\\\Windows\\\\x\"", true),
        ("source.ip: 10.0.0.0/8", true),
        ("source.ip: (192.168.0.0/16 or \"FE80::/10\")", false),
        ("dest.ip: \"FE80::/10\"", true),
        ("message: password", true),
        ("message: \"failed password\"", true),
        ("message: \"password failed\"", false),
        ("password", true),
        ("\"del *\"", true),
        ("absent-word", false),
        ("not absent-word and password", true),
        ("note: rock \\and roll", true),
        ("note: \"rock and roll\"", true),
        ("tab: a\\tb", true),
        ("tab: \"a\\u0009b\"", true),
        ("process.*: cmd.exe", true),
        ("*.ip: 10.1.2.3", true),
        ("*.ip: 1.1.1.1", false),
        ("proc*: *", true),
        ("items: { name: apple and stock < 5 }", true),
        ("items: { name: apple and stock > 5 }", false),
        ("items: { name: pear and parts: { id: 2 } }", true),
        ("not items: { stock > 100 }", true),
        ("one: { name: alone }", true),
        ("items.name: pear", true),
        (
            "process.name: x OR process.name: cmd.exe AND NOT process.pid: 1",
            true,
        ),
        (
            "(process.name: x or process.name: cmd.exe) and process.pid: 1",
            false,
        ),
        ("NOT(process.pid: 1)", true),
        ("process.name:\n  cmd.exe\n  and process.pid:44  ", true),
        ("android or password", true),
        ("note: notes", false),
    ];
    for (text, wanted) in cases {
        assert_eq!(holds(text, false), wanted, "{text}");
    }
    assert!(!holds("process.name: cmd.exe", true));
    assert!(holds("process.name: Cmd*", true));
}

#[test]
fn mistakes_are_placed_and_named() {
    let cases = [
        ("a:", 3, "expected a value, found the end"),
        ("a: (b or )", 10, "expected a value, found `)`"),
        ("a: (b or c", 11, "expected `and`, `or` or `)`"),
        ("(a: b", 6, "expected `and`, `or` or `)`"),
        ("a: b)", 5, "`)` without its `(`"),
        ("a: b}", 5, "`}` without its `{`"),
        ("a: \"b", 4, "has no end"),
        ("a: C:\\x", 5, "in quotes"),
        ("a: x\\q", 5, "unknown escape"),
        ("a > now-1d", 5, "`now`"),
        ("a > 1*", 5, "no `*`"),
        ("a: null", 4, "`null` is no value"),
        ("a: { b }", 6, "expected a field of the object"),
        ("a: { b*: c }", 6, "cannot stand inside"),
        ("a*: { b: c }", 1, "one field before"),
        ("a: \"x\" \"y\"", 8, "expected `and`, `or` or the end"),
        (": b", 1, "expected a field or a value"),
        ("not", 4, ""),
    ];
    for (text, column, message) in cases {
        match kql::parse(text) {
            Err(error) => {
                assert_eq!((error.line, error.column), (1, column), "{text}: {error}");
                assert!(error.message.contains(message), "{text}: {error}");
            }
            // A word like any other where nothing follows it.
            Ok(_) => assert_eq!(text, "not"),
        }
    }
}

#[test]
fn hostile_shapes_end_in_an_error() {
    for text in ["(", "not ", "a: { ", "not(", "a: ("] {
        assert!(kql::parse(&text.repeat(50_000)).is_err(), "{text}");
    }
    assert!(kql::parse(&format!("a: {}", "(".repeat(50_000))).is_err());
    assert!(kql::parse(&"x".repeat(300_000)).is_err());
    let wide = format!("a: (b{})", " or b".repeat(40_000));
    assert!(kql::parse(&wide).is_ok());
}

#[test]
fn queries_lower_to_what_rules_are_made_of() {
    let lowered = |text: &str| {
        let (expression, exact) = lower(&kql::parse(text).unwrap(), &Settings::default());
        (expression.to_string(), exact)
    };
    let cases = [
        (
            "process.name: (cmd.exe or powershell*) and not user.id: S-1-5-18",
            "(process.name = cmd.exe or process.name startswith powershell) and not user.id = S-1-5-18",
        ),
        (
            "password and not \"for bob\"",
            "any text contains password and not any text contains for bob",
        ),
    ];
    for (text, wanted) in cases {
        let (found, exact) = lowered(text);
        assert!(exact, "{text}: {found}");
        assert_eq!(found, wanted, "{text}");
    }
    assert!(kql::parse("a.*: x").unwrap().asks_any_field());
    assert!(!kql::parse("a: { b: x }").unwrap().asks_any_field());
    assert!(!lowered("a.*: x").1);
    // They may be objects.
    assert!(!lowered("a: * and not b: *").1);
    assert!(!lowered("not a: { b: x }").1);
}
