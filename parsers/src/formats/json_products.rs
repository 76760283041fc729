//! Tests of products that log JSON: recognised by their keys, read under ECS names.

use serde_json::{Map, Value, json};

use super::json::JsonDecoder;
use super::testing::{CONTEXT, sink};
use crate::catalog::Catalog;
use crate::output::{EventWriter, JsonStyle};

/// The event of a document, as flat JSON.
fn event(document: &str) -> Value {
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

/// Asserts that `document` is of `dataset` and says what is `expected`.
fn check(document: &str, dataset: &str, expected: &[(&str, Value)]) {
    let event = event(document);
    assert_eq!(event["event.dataset"], dataset, "{event:#}");
    for (name, value) in expected {
        assert_eq!(event[*name], *value, "{name} in {event:#}");
    }
}

/// Puts `value` at a dotted path; `false` if something else stands in its way.
fn insert(object: &mut Map<String, Value>, path: &str, value: Value) -> bool {
    match path.split_once('.') {
        None => object.insert(path.to_owned(), value).is_none(),
        Some((head, rest)) => match object.entry(head).or_insert_with(|| json!({})) {
            Value::Object(inside) => insert(inside, rest, value),
            _ => false,
        },
    }
}

#[test]
fn every_set_of_keys_is_recognised() {
    let catalog = Catalog::builtin();
    let mut decoder = JsonDecoder::new(&catalog);
    let mut seen = 0;
    for dataset in catalog.datasets().iter().filter(|d| d.prefix.len() > 1) {
        for keys in &dataset.select.json_any {
            let mut document = Map::new();
            let whole = keys.iter().all(|key| {
                let (path, value) = key.split_once('=').unwrap_or((key, "x"));
                insert(&mut document, path, json!(value.trim_end_matches('*')))
            });
            let values = dataset.select.json_values.iter();
            let whole = whole && values.fold(true, |all, (path, _)| all && !document.contains_key(path));
            if !whole {
                continue;
            }
            let document = Value::Object(document).to_string();
            let mut sink = sink();
            decoder
                .decode(document.as_bytes(), &CONTEXT, &mut sink)
                .expect("a document");
            let batch = sink.finish().remove(0);
            assert_eq!(batch.dataset.name, dataset.name, "{document}");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen} sets of keys");
}

#[test]
fn endpoint_products() {
    check(
        r#"{"Version":1,"Type":54,"TypeComputedMap":"FileCreate","Severity":3,"ServerReserved":0,"EventGuid":"{1}",
            "Timestamp":"2026-03-01T10:00:00.0000000+01:00","SpecificData":{"Path":"E:\\in\\a.txt","SourceProcess":
            {"PID":7,"ProcessImageName":"C:\\b\\c.exe","HashSha256":"AB"},"Action":{"RuleGuid":"{12-3}"}}}"#,
        "stormshield.ses",
        &[
            ("@timestamp", json!("2026-03-01T09:00:00.000Z")),
            ("event.code", json!("FileCreate")),
            ("event.severity", json!(3)),
            ("file.path", json!(r"E:\in\a.txt")),
            ("file.name", json!("a.txt")),
            ("process.executable", json!(r"C:\b\c.exe")),
            ("process.name", json!("c.exe")),
            ("rule.uuid", json!("12-3")),
        ],
    );
    check(
        r#"{"event_type":"Audit_Event","ipv4":"192.0.2.7","hostname":"pc7","source_uuid":"u-1","occured":
            "01-Mar-2026 10:00:00","severity":"Warning","action":"Login","user":"ann","result":"Failure"}"#,
        "eset.protect",
        &[
            ("@timestamp", json!("2026-03-01T10:00:00.000Z")),
            ("host.ip", json!(["192.0.2.7"])),
            ("host.name", json!("pc7")),
            ("log.level", json!("Warning")),
            ("event.outcome", json!("Failure")),
        ],
    );
    check(
        r#"{"severity":"high","type":"Event::Endpoint::X","name":"n","endpoint_id":"e","endpoint_type":"server",
            "datastream":"alert","customer_id":"c","rt":"2026-03-01T10:00:00.000Z","dhost":"PC7","suser":"CORP\\ann"}"#,
        "sophos.central",
        &[
            ("user.name", json!("ann")),
            ("user.domain", json!("CORP")),
            ("host.name", json!("PC7")),
        ],
    );
}

#[test]
fn network_and_cloud_products() {
    check(
        r#"{"time":"2026-03-01T10:00:00Z","flowLogVersion":4,"flowLogGUID":"g","operationName":"FlowLogFlowEvent",
            "rule":"deny","flow.0":"1772359199000,192.0.2.7,198.51.100.9,50000,443,6,I,D,NX,1,2,3,4"}"#,
        "azure.vnet_flow",
        &[
            ("@timestamp", json!("2026-03-01T09:59:59.000Z")),
            ("source.ip", json!("192.0.2.7")),
            ("destination.port", json!(443)),
            ("destination.bytes", json!(4)),
            ("cloud.provider", json!("azure")),
        ],
    );
    check(
        r#"{"ActionType":"login","ActorEmail":"ann@example.org","ActorID":"1","ActorIP":"::ffff:192.0.2.7","ResourceType":
            "account","When":"2026-03-01T10:00:00Z","OwnerID":"o"}"#,
        "cloudflare.logpush",
        &[
            ("source.ip", json!("192.0.2.7")),
            ("user.email", json!("ann@example.org")),
            ("user.name", json!("ann")),
        ],
    );
    check(
        r#"{"aggregateId":"a","processingId":"p","accountId":"c","timestamp":1772359200000,"senderEnvelope":"x@example.org",
            "messageId":"<1@example.org>","subject":"Hi <2>","recipients":"y@example.net","senderIp":"192.0.2.7"}"#,
        "mimecast.siem",
        &[
            ("@timestamp", json!("2026-03-01T10:00:00.000Z")),
            ("email.message_id", json!("1@example.org")),
            ("email.subject", json!("Hi <2>")),
            ("source.ip", json!("192.0.2.7")),
        ],
    );
}

#[test]
fn products_nobody_described() {
    check(
        r#"{"eventTime":"2026-03-01T10:00:00Z","event":{"srcIp":"192.0.2.7","DST_PORT":"443","user-name":"","login":"ann"},
            "details":{"requestUrl":"https://www.example.org:8443/a?b=1"},"processPath":"C:\\w\\x.exe","Severity":"High",
            "target":{"user_name":"bob","src_ip":"203.0.113.9"}}"#,
        "generic.json",
        &[
            ("source.ip", json!("192.0.2.7")),
            ("destination.port", json!(443)),
            ("user.name", json!("ann")),
            ("url.domain", json!("www.example.org")),
            ("url.port", json!(8443)),
            ("url.query", json!("b=1")),
            ("process.name", json!("x.exe")),
            ("log.level", json!("High")),
            ("user.target.name", json!("bob")),
            ("target.src_ip", json!("203.0.113.9")),
        ],
    );
}

#[test]
fn what_a_stranger_writes_stays_a_value() {
    // Keys are the writer's; text that looks like one is not.
    let event = event(
        r#"{"src_ip":"192.0.2.7","message":"src_ip=203.0.113.1 {\"src_ip\":\"203.0.113.2\"}","user_name":"x\",\"src_ip\":\"203.0.113.3",
            "url":"http://203.0.113.4@www.example.org/?host=evil"}"#,
    );
    assert_eq!(event["source.ip"], "192.0.2.7");
    assert_eq!(event["user.name"], "x\",\"src_ip\":\"203.0.113.3");
    assert_eq!(event["url.domain"], "www.example.org");
    assert!(event.get("host.name").is_none());
}

#[test]
fn a_truncated_document_is_refused() {
    let mut decoder = JsonDecoder::new(&Catalog::builtin());
    let document = br#"{"TypeComputedMap":"FileCreate","SpecificData":{"Path":"E:\\in"#;
    let refused = decoder.decode(document, &CONTEXT, &mut sink());
    assert_eq!(refused.expect_err("half a document").reason, "truncated_json");
}

#[test]
fn windows_events_in_xml_inside() {
    let event = event(
        r#"{"time":"2026-03-01T10:00:00Z","category":"WindowsEventLogsTable","properties":{"EventId":4625,"RawXml":
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>4625</EventID><Channel>Security</Channel><Computer>PC7</Computer></System><EventData><Data Name='TargetUserName'>ann</Data></EventData></Event>"}}"#,
    );
    assert_eq!(event["event.dataset"], "windows.security");
    assert_eq!(event["host.name"], "PC7");
    assert_eq!(event["user.name"], "ann");
}
