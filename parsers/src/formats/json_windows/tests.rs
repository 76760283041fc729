use serde_json::Value;

use crate::formats::testing::events_of;

/// Asserts that a document is one event that says what is `expected`.
fn check(document: &str, expected: &[(&str, &str)]) {
    let events = events_of(document);
    let [event] = events.as_slice() else {
        panic!("{} events", events.len())
    };
    for (name, wanted) in expected {
        let got = match event.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        assert_eq!(got, *wanted, "{name} in {event:#?}");
    }
}

#[test]
fn an_agent_on_the_machine_itself() {
    check(
        r#"{"log_type":"eventlog","@timestamp":"2026-03-01T10:00:09Z","@event_create_date":"2026-03-01T10:00:00Z","tenant":"t1","agent":{"agentid":"a1","hostname":"pc7","ipaddress":"192.0.2.7","osversion":"10.0"},"log_name":"Security","source_name":"Microsoft-Windows-Security-Auditing","event_id":4624,"computer_name":"pc7.example.org","keywords":["AuditSuccess","ReservedKeyword63"],"event_data":{"TargetUserName":"mara"}}"#,
        &[
            ("event.dataset", "windows.security"),
            ("@timestamp", "2026-03-01T10:00:00.000Z"),
            ("event.created", "2026-03-01T10:00:09.000Z"),
            ("host.name", "pc7.example.org"),
            ("host.hostname", "pc7"),
            ("agent.id", "a1"),
            ("organization.id", "t1"),
            ("event.outcome", "success"),
            ("event.provider", "Microsoft-Windows-Security-Auditing"),
        ],
    );
}

#[test]
fn keywords_are_words() {
    check(
        r#"{"@timestamp":"2026-03-01T10:00:00Z","winlog":{"channel":"Security","event_id":4625,"keywords":["Audit Failure"],"event_data":{"TargetUserName":"mara"}}}"#,
        &[("event.outcome", "failure"), ("user.name", "mara")],
    );
}

#[test]
fn a_member_that_comes_often_is_looked_at_once() {
    let many = format!(
        r#"{{{}"win":{{"system":{{"eventID":"1","channel":"System"}}}}}}"#,
        r#""data":{},"#.repeat(100_000)
    );
    check(&many, &[("event.code", "1"), ("event.dataset", "windows.system")]);
}
