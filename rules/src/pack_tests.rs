//! Test events beside rules: for `X.yml` the file `X.test.ndjson`.
//!
//! One case a line, either a parsed event or raw text as the log has it:
//!
//! ```json
//! {"expect": true, "note": "encoded command", "dataset": "windows.sysmon", "event": {"EventID": 1}}
//! {"expect": false, "note": "an administrator", "raw": "Mar  3 10:00:00 web1 sshd[1]: Accepted ..."}
//! {"expect": true, "note": "then a shell", "events": [{"EventID": 7045}, {"EventID": 1}]}
//! ```
//!
//! `events`, or several lines in `raw`, are for rules over several events. `generate` makes many: a list of objects with
//! `from` (a time), `every` (a time span), `times`, `jitter` (a part of `every`), and `event` or `raw` with `{time}`, `{epoch}`,
//! `{syslog}`, `{n}`, `{number:1:9}`, `{letters:9}` or `{one:a|b}` in texts.
//!
//! `dataset` is optional (the format is then found by looking). `expect: true` means that a rule of the
//! file fires on the event. Running the cases needs events and thus the engine; here they are only read.

mod generate;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ir::Location;
use crate::problem::{Problem, Severity, nearest};

/// One event and whether the rule should fire on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// Whether the rule should fire.
    pub expect: bool,
    /// What the case shows.
    pub note: String,
    /// What wrote the event, if the case says so.
    pub dataset: Option<String>,
    /// The event: one line of JSON, or the raw text.
    pub event_text: String,
    /// Whether `event_text` is raw text instead of a JSON object.
    pub raw: bool,
    /// Where it stands.
    pub location: Location,
}

/// The cases of a file and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestFile {
    /// The readable cases.
    pub cases: Vec<TestCase>,
    /// Problems, by file and line.
    pub problems: Vec<Problem>,
}

/// Where the test events of a rule file are: `a/b.yml` → `a/b.test.ndjson`.
pub fn path_for(rule_file: &Path) -> PathBuf {
    rule_file.with_extension("test.ndjson")
}

/// Reads the test file at `path` (see [`path_for`]). A file that cannot be read is a problem in the result.
pub fn read(path: &Path) -> TestFile {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => TestFile {
            cases: Vec::new(),
            problems: vec![Problem::of_file(
                path,
                Severity::Error,
                "unreadable",
                format!("cannot read: {error}"),
            )],
        },
    }
}

/// Reads test cases from text; `path` names it in problems. Empty lines are allowed.
pub fn parse(path: &Path, text: &str) -> TestFile {
    let mut file = TestFile::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = |column| Location {
            path: path.to_owned(),
            line: index + 1,
            column,
        };
        match case(line, place(1)) {
            Ok(case) => file.cases.push(case),
            Err(fault) => file.problems.push(Problem {
                location: place(fault.column),
                severity: Severity::Error,
                code: "bad-test-case",
                message: fault.message,
                line_text: shortened(line),
                suggestion: fault.suggestion,
            }),
        }
    }
    let expects = |wanted| file.cases.iter().any(|case| case.expect == wanted);
    if file.problems.is_empty() && !(expects(true) && expects(false)) {
        let missing = if expects(true) { "negative" } else { "positive" };
        file.problems.push(Problem::of_file(
            path,
            Severity::Warning,
            "one-sided-test",
            format!("no {missing} case: a test needs an event that fires and one that does not"),
        ));
    }
    file
}

struct Fault {
    column: usize,
    message: String,
    suggestion: Option<String>,
}

fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        column: 1,
        message: message.into(),
        suggestion: None,
    })
}

const KEYS: [&str; 7] = ["expect", "note", "dataset", "event", "events", "raw", "generate"];

fn case(line: &str, location: Location) -> Result<TestCase, Fault> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        // The library counts bytes from 1; show characters.
        let bytes = error.column().saturating_sub(1).min(line.len());
        let column = line.char_indices().take_while(|(at, _)| *at < bytes).count() + 1;
        Fault {
            column,
            message: format!("invalid JSON: {error}"),
            suggestion: None,
        }
    })?;
    let Value::Object(object) = value else {
        return fault("a test case is a JSON object");
    };
    for key in object.keys() {
        if !KEYS.contains(&key.as_str()) {
            return Err(Fault {
                column: 1,
                message: format!("unknown key `{key}` in a test case"),
                suggestion: nearest(key, KEYS),
            });
        }
    }
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => fault(format!("`{key}` must be a string")),
    };
    let Some(Value::Bool(expect)) = object.get("expect") else {
        return fault("`expect` must be true or false");
    };
    if let Some(spec) = object.get("generate") {
        if ["event", "events", "raw"]
            .iter()
            .any(|key| object.contains_key(*key))
        {
            return fault("a test case has one of `event`, `events`, `generate` and `raw`");
        }
        let (event_text, raw) = generate::lines(spec).map_err(|(message, suggestion)| Fault {
            column: 1,
            message,
            suggestion,
        })?;
        return Ok(TestCase {
            expect: *expect,
            note: text("note")?.unwrap_or_default(),
            dataset: text("dataset")?,
            event_text,
            raw,
            location,
        });
    }
    if let Some(events) = object.get("events") {
        if object.contains_key("event") || object.contains_key("raw") {
            return fault("a test case has one of `event`, `events` and `raw`");
        }
        let Value::Array(events) = events else {
            return fault("`events` must be a list of JSON objects");
        };
        if events.is_empty() || !events.iter().all(Value::is_object) {
            return fault("`events` must be a list of JSON objects");
        }
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        return Ok(TestCase {
            expect: *expect,
            note: text("note")?.unwrap_or_default(),
            dataset: text("dataset")?,
            event_text: lines.join("\n"),
            raw: false,
            location,
        });
    }
    let (event_text, raw) = match (object.get("event"), text("raw")?) {
        (Some(Value::Object(event)), None) => (
            serde_json::to_string(event)
                .or_else(|error| fault(format!("cannot write the event: {error}")))?,
            false,
        ),
        (None, Some(raw)) => (raw, true),
        (Some(_), None) => return fault("`event` must be a JSON object"),
        (Some(_), Some(_)) => return fault("a test case has `event` or `raw`, not both"),
        (None, None) => {
            return fault("a test case needs `event` (an object), `events` (several) or `raw` (text)");
        }
    };
    Ok(TestCase {
        expect: *expect,
        note: text("note")?.unwrap_or_default(),
        dataset: text("dataset")?,
        event_text,
        raw,
        location,
    })
}

/// Test events may be long; the start is enough to find the line.
fn shortened(line: &str) -> String {
    const WIDTH: usize = 160;
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        parse(Path::new("x.test.ndjson"), text)
            .problems
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn cases_are_read() {
        let text = "{\"expect\": true, \"note\": \"n\", \"dataset\": \"windows.sysmon\", \
                    \"event\": {\"b\": 1, \"a\": [2]}}\n\n{\"expect\": false, \"raw\": \"line 1\\nline 2\"}\n";
        let file = parse(Path::new("x.test.ndjson"), text);
        assert!(file.problems.is_empty());
        assert_eq!(file.cases.len(), 2);
        assert_eq!(file.cases[0].event_text, r#"{"b":1,"a":[2]}"#);
        assert_eq!(file.cases[0].dataset.as_deref(), Some("windows.sysmon"));
        assert_eq!((file.cases[1].raw, file.cases[1].location.line), (true, 3));
        assert_eq!(file.cases[1].event_text, "line 1\nline 2");
        assert_eq!(path_for(Path::new("a/b.yml")), Path::new("a/b.test.ndjson"));
    }

    #[test]
    fn faults_name_their_line() {
        let bad = messages("{\"expect\": true, \"event\": {}}\n{\"expect\": maybe}\n{\"expcet\": true}\n");
        assert!(bad[0].starts_with("x.test.ndjson:2:"), "{}", bad[0]);
        assert!(bad[0].contains("invalid JSON"));
        assert!(
            bad[1].starts_with("x.test.ndjson:3:1: error: unknown key `expcet`"),
            "{}",
            bad[1]
        );
        assert!(bad[1].ends_with("did you mean `expect`?"));
        assert!(messages("{\"expect\": true, \"event\": {}, \"raw\": \"\"}")[0].contains("not both"));
        assert!(messages("{\"expect\": 1, \"event\": {}}")[0].contains("`expect` must be"));
        assert!(messages("{\"expect\": true, \"event\": {}}")[0].contains("no negative case"));
    }
}
