use crate::catalog::Catalog;
use crate::formats::json::JsonDecoder;
use crate::formats::testing::{CONTEXT, sink};
use crate::output::{EventWriter, JsonStyle};

/// The event of a document, as flat JSON.
fn event(document: &str) -> serde_json::Value {
    let mut decoder = JsonDecoder::new(&Catalog::builtin());
    let mut sink = sink();
    decoder
        .decode(document.as_bytes(), &CONTEXT, &mut sink)
        .expect("a document");
    let batch = sink.finish().remove(0);
    EventWriter::of(&batch, JsonStyle::Flat)
        .value(0)
        .expect("no broken JSON")
}

#[test]
fn lists_of_objects_have_a_list_per_member() {
    let event = event(
        r#"{"parts":[{"id":1,"in":{"name":"a"}},{"id":2,"in":{"name":"b"},"up":["x","y"]},{"id":null}]}"#,
    );
    let unmapped = &event["unmapped"];
    assert_eq!(unmapped["parts.id"], serde_json::json!([1, 2]));
    assert_eq!(unmapped["parts.in.name"], serde_json::json!(["a", "b"]));
    assert_eq!(unmapped["parts.up"], serde_json::json!(["x", "y"]));
    assert_eq!(
        unmapped["parts"][1]["in"]["name"], "b",
        "the list itself stays whole"
    );
}

#[test]
fn names_and_values_become_members() {
    let event = event(
        r#"{"args":[{"Name":"path","Value":"/tmp"},{"Name":"deep","Value":{"a":1}},{"Name":"gone","Value":null}],
            "changes":[{"displayName":"Role","oldValue":"user","newValue":"admin"}],
            "people":[{"name":"ann","value":"1"},{"name":"bob"}]}"#,
    );
    assert_eq!(event["args.path"], "/tmp");
    assert_eq!(event["args.deep.a"], "1");
    assert_eq!(event["changes.Role.newValue"], "admin");
    assert_eq!(event["changes.Role.oldValue"], "user");
    assert_eq!(
        event["unmapped"]["people.name"],
        serde_json::json!(["ann", "bob"]),
        "bob has no value"
    );
}

#[test]
fn maps_of_java_and_names_inside_lists() {
    let event = event(
        r#"{"behaviors":"{New City=NEGATIVE, Velocity=a=b}","words":"{a, b=c}","none":"{}",
            "log":[{"name":"grant","parameters":[{"name":"role","value":"admin"},{"name":"on","boolValue":true}]}]}"#,
    );
    assert_eq!(event["behaviors.New City"], "NEGATIVE");
    assert_eq!(event["behaviors.Velocity"], "a=b");
    assert!(event.get("words.b").is_none());
    assert_eq!(
        event["unmapped"]["log.parameters.role"],
        serde_json::json!(["admin"])
    );
    assert_eq!(event["unmapped"]["log.parameters.on"], serde_json::json!([true]));
}

#[test]
fn text_that_is_json_stays_below_its_name() {
    let event = event(
        r#"{"note":"{\"user.name\":\"root\",\"host\":{\"name\":\"h\"}}","list":"[{\"k\":1},{\"k\":2}]","cut":"{\"a\":","user":{"name":"ann"}}"#,
    );
    assert_eq!(event["note.user.name"], "root");
    assert_eq!(event["note.host.name"], "h");
    assert_eq!(event["note"], r#"{"user.name":"root","host":{"name":"h"}}"#);
    assert_eq!(event["unmapped"]["list.k"], serde_json::json!([1, 2]));
    assert_eq!(event["cut"], r#"{"a":"#);
    assert_eq!(event["user.name"], "ann");
}

#[test]
fn one_address_of_a_list_is_the_address() {
    let event = event(r#"{"source":{"ip":["192.0.2.1","192.0.2.2"]},"tags":["a","b"],"own":["c"]}"#);
    assert_eq!(event["source.ip"], "192.0.2.1");
    assert_eq!(event["unmapped"]["source.ip"], "192.0.2.2");
    assert_eq!(event["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(event["unmapped"]["own"], serde_json::json!(["c"]));
}

const TRAIL: &str = r#"{"eventVersion":"1.08","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","eventTime":"2026-05-01T10:00:00Z"}"#;

#[test]
fn events_inside_other_documents() {
    let bridge = format!(r#"{{"version":"0","detail-type":"x","region":"eu-west-1","detail":{TRAIL}}}"#);
    let text = serde_json::to_string(TRAIL).expect("text");
    let shipped = format!(r#"{{"stream":"stdout","log":{text}}}"#);
    for document in [bridge, shipped] {
        let event = event(&document);
        assert_eq!(event["event.dataset"], "aws.cloudtrail", "{document}");
        assert_eq!(event["event.action"], "AssumeRole", "{document}");
        assert_eq!(event["@timestamp"], "2026-05-01T10:00:00.000Z", "{document}");
        assert!(
            event
                .get("detail.eventName")
                .or(event.get("log.eventName"))
                .is_none(),
            "{document}"
        );
    }
}

#[test]
fn an_events_own_time_stands_before_the_shippers() {
    let event = event(&TRAIL.replacen('{', r#"{"@timestamp":"2026-05-01T10:00:09Z","#, 1));
    assert_eq!(event["@timestamp"], "2026-05-01T10:00:00.000Z");
    assert_eq!(event["unmapped"]["@timestamp"], "2026-05-01T10:00:09Z");
}

#[test]
fn what_a_request_holds_is_no_event() {
    let text = serde_json::to_string(TRAIL).expect("text");
    for document in [
        format!(r#"{{"level":"info","request":{{"body":{TRAIL}}}}}"#),
        format!(r#"{{"level":"info","body":{TRAIL},"user_agent":{text}}}"#),
    ] {
        assert_eq!(event(&document)["event.dataset"], "generic.json", "{document}");
    }
}
