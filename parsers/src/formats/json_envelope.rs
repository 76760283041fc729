//! Events in other documents: what a queue, a shipper, or an API puts around them.
//!
//! A document that is of no known dataset may hold one that is, as an object (`detail` of EventBridge, `_source` of
//! Elasticsearch) or as its text (`AuditData` of Microsoft's cmdlets, `message` of Filebeat, `log` of Docker). Then that
//! is the event, and what stands around it comes where it is silent.
//!
//! Only the keys listed here hold events, one step below the document: a request's body that some application logs may
//! look like any event, and must not become one. For the same reason a document with a level or a logger of its own is
//! an application's, and what stands in it is data: it stays below its key. A text under a name that applications use
//! too (`message`) is an event only where a known shipper's keys stand beside it, or nothing at all.

use std::sync::Arc;

use super::json::JsonDatasets;
use super::json_tree::is_document;
use super::tape::Json;
use crate::catalog::Dataset;

/// Keys of objects that are events.
const OBJECTS: &[&str] = &[
    "detail",
    "json",
    "event",
    "message",
    "log",
    "_source",
    "result",
    "record",
    "jsonPayload",
    "alert",
    "incident",
];

/// Keys of texts that are events.
const TEXTS: &[&str] = &[
    "message",
    "Message",
    "@message",
    "log",
    "AuditData",
    "auditData",
    "CloudTrailEvent",
    "cloudTrailEvent",
    "_raw",
    "raw",
    "rawLog",
    "raw_log",
    "original",
    "RawEventData",
    "event",
];

/// Of [`TEXTS`], those that applications use too, for what they say themselves.
const COMMON: &[&str] = &["message", "Message", "@message", "log", "event"];

/// What a logging library writes, and no shipper.
const LOGGERS: &[&[&str]] = &[
    &["level"],
    &["Level"],
    &["log", "level"],
    &["log.level"],
    &["levelname"],
    &["level_name"],
    &["loglevel"],
    &["logLevel"],
    &["LogLevel"],
    &["lvl"],
    &["logger"],
    &["logger_name"],
    &["loggerName"],
    &["log", "logger"],
    &["log.logger"],
    &["SourceContext"],
    &["thread"],
    &["thread_name"],
    &["threadName"],
];

/// What a shipper or a queue writes beside the line that it carries, and no application.
const SHIPPERS: &[&[&str]] = &[
    // Beats, Elastic's agent, Logstash.
    &["agent", "ephemeral_id"],
    &["agent", "type"],
    &["agent.type"],
    &["beat"],
    &["elastic_agent"],
    &["log", "file"],
    &["log", "offset"],
    &["log.file.path"],
    &["log.offset"],
    &["@metadata"],
    &["@version"],
    // Docker, Fluentd, Fluent Bit, FireLens.
    &["kubernetes"],
    &["docker"],
    &["container_id"],
    &["fluentd_time"],
    // Amazon's CloudWatch and SNS.
    &["logGroup"],
    &["logStream"],
    &["logStreamName"],
    &["ingestionTime"],
    &["@log"],
    &["@logStream"],
    &["@ptr"],
    &["TopicArn"],
    // Splunk, Cribl, Vector, Graylog, Datadog.
    &["sourcetype"],
    &["_sourcetype"],
    &["cribl_pipe"],
    &["cribl_breaker"],
    &["source_type"],
    &["gl2_source_input"],
    &["gl2_remote_ip"],
    &["ddsource"],
    // rsyslog, NXLog.
    &["syslogtag"],
    &["syslog-tag"],
    &["syslogfacility"],
    &["SourceModuleName"],
    &["mrId"],
];

/// What a router of lines of platforms writes, which gives every line a level.
const ROUTED: [&str; 3] = ["mrId", "namespace", "recordDate"];

/// Whether somebody's logging library wrote `document`: what it logs may be anybody's.
fn is_of_application(document: Json<'_>) -> bool {
    let is_routed = || ROUTED.iter().all(|key| document.get(key).is_some());
    LOGGERS.iter().any(|path| document.at(path).is_some()) && !is_routed()
}

/// Whether the text under `key` of `document` is a line that was carried, and not what somebody says.
pub(super) fn is_envelope(document: Json<'_>, key: &str) -> bool {
    if is_of_application(document) {
        return false;
    }
    let is_alone = || document.members().nth(1).is_none();
    // The driver of Docker, and Fluent Bit on its way.
    let is_line_and_time = || {
        let mut keys = document.members().map(|(key, _)| key);
        key == "log" && keys.all(|key| matches!(key, "log" | "time" | "date" | "@timestamp" | "tag"))
    };
    // One element of what CloudWatch delivers.
    let is_numbered = || {
        let mut keys = document.members().map(|(key, _)| key);
        let has_all = ["id", "timestamp"].iter().all(|key| document.get(key).is_some());
        has_all && keys.all(|key| matches!(key, "id" | "timestamp" | "message"))
    };
    let is_output = || {
        let stream = document.get("stream").and_then(Json::text);
        matches!(stream, Some("stdout" | "stderr"))
    };
    !COMMON.contains(&key)
        || is_alone()
        || is_output()
        || SHIPPERS.iter().any(|path| document.at(path).is_some())
        || is_line_and_time()
        || is_numbered()
}

/// The event in `document`, its dataset, and its key.
pub(super) fn object_inside<'t>(
    document: Json<'t>,
    datasets: &JsonDatasets,
) -> Option<(Json<'t>, Arc<Dataset>, &'static str)> {
    let (inside, dataset, key) = OBJECTS.iter().find_map(|&key| {
        let inside = document.get(key).filter(|inside| inside.is_object())?;
        Some((inside, datasets.known(inside)?, key))
    })?;
    (!is_of_application(document)).then_some((inside, dataset, key))
}

/// A Windows event in XML that `document` has whole (Azure's diagnostics, collectors that keep it beside their own
/// reading), and the key that holds it.
pub(super) fn windows_xml(document: Json<'_>) -> Option<(&str, &'static str)> {
    let places = [
        &["properties", "RawXml"][..],
        &["RawXml"],
        &["EventXml"],
        &["rawXml"],
    ];
    let found = places
        .iter()
        .find_map(|place| Some((document.at(place).and_then(Json::text)?, place[0])));
    // Azure's diagnostics have a level too.
    let is_azure = || document.get("category").is_some() && document.get("properties").is_some();
    found.filter(|(text, _)| text.starts_with("<Event") && (is_azure() || !is_of_application(document)))
}

/// The text in `document` that may be an event, and its key.
pub(super) fn text_inside(document: Json<'_>) -> Option<(&str, &'static str)> {
    let at = |path: &[&str]| document.at(path).and_then(Json::text);
    let found = TEXTS.iter().find_map(|&key| Some((at(&[key])?, key)));
    // A list is no event.
    let is_event = |(text, _): &(&str, &str)| is_document(text) && text.trim_ascii_start().starts_with('{');
    let shipped = || Some((at(&["event", "original"])?, "event.original"));
    let found = found.filter(is_event).or_else(|| shipped().filter(is_event));
    found.filter(|(_, key)| is_envelope(document, key))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::catalog::Catalog;
    use crate::formats::json::JsonDecoder;
    use crate::formats::testing::{CONTEXT, sink};
    use crate::output::{EventWriter, JsonStyle};

    fn read(document: &Value) -> Value {
        let mut sink = sink();
        JsonDecoder::new(&Catalog::builtin())
            .decode(document.to_string().as_bytes(), &CONTEXT, &mut sink)
            .expect("a document");
        let batch = sink.finish().remove(0);
        EventWriter::of(&batch, JsonStyle::Flat)
            .value(0)
            .expect("no broken JSON")
    }

    /// A logon on a domain controller.
    fn logon() -> String {
        json!({
            "EventID": 4624, "Channel": "Security", "ProviderName": "Microsoft-Windows-Security-Auditing",
            "Computer": "dc1", "TargetUserName": "ann", "IpAddress": "192.0.2.6"
        })
        .to_string()
    }

    fn trail() -> String {
        json!({
            "eventVersion": "1.08", "eventTime": "2020-01-01T00:00:00Z", "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.6",
            "userIdentity": {"type": "Root"}, "recipientAccountId": "1"
        })
        .to_string()
    }

    #[test]
    fn what_a_document_says_itself_comes_before_objects_in_it() {
        for (front, behind) in [("event", "zz"), ("data", "zz"), ("aa", "params")] {
            let evil = json!({"host": "evil", "src_ip": "203.0.113.1", "user": "root"});
            // Keys are written in the order of the alphabet: objects in front of the document's own keys and behind them.
            let mut document = json!({"host": "web1", "src_ip": "192.0.2.7", "user": "ann", "text": "x"});
            document[front] = evil.clone();
            document[behind] = evil;
            let event = read(&document);
            assert_eq!(event["host.hostname"], "web1", "{document}");
            assert_eq!(event["source.ip"], "192.0.2.7", "{document}");
            assert_eq!(event["user.name"], "ann", "{document}");
        }
    }

    #[test]
    fn what_an_application_says_is_no_event_of_another() {
        for inside in [logon(), trail()] {
            for mut document in [
                json!({"level": "info", "message": inside}),
                json!({"message": inside}),
                json!({"status": 400, "message": inside}),
                json!({"log": {"logger": "web"}, "agent": {"type": "filebeat"}, "message": inside}),
                json!({"level": "error", "raw": inside}),
            ] {
                document["@timestamp"] = json!("2026-03-01T10:00:00Z");
                document["host"] = json!({"name": "web1"});
                let event = read(&document);
                assert_eq!(event["event.dataset"], "generic.json", "{document}");
                assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.000Z", "{document}");
                assert_eq!(event["host.name"], "web1", "{document}");
                for key in [
                    "source.ip",
                    "user.name",
                    "event.code",
                    "event.provider",
                    "event.action",
                ] {
                    assert_eq!(event.get(key), None, "{key} of {document}");
                }
            }
        }
    }

    #[test]
    fn an_object_that_an_application_logs_is_its_own() {
        for inside in [logon(), trail()] {
            let object: Value = serde_json::from_str(&inside).expect("JSON");
            let event = read(
                &json!({"level": 30, "time": "2026-03-01T10:00:00Z", "msg": "bad request", "event": object}),
            );
            assert_eq!(event["event.dataset"], "generic.json", "{event:#}");
            assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.000Z", "{event:#}");
        }
    }

    #[test]
    fn common_names_in_what_an_application_says_mean_nothing() {
        let said = json!({"src_ip": "192.0.2.6", "username": "root"}).to_string();
        for said in [said.as_str(), "{src_ip=192.0.2.6, username=root}"] {
            let event = read(&json!({"time": "2026-03-01T10:00:00Z", "message": said, "client": "web"}));
            assert_eq!(event.get("source.ip"), None, "{event:#}");
            assert_eq!(event.get("user.name"), None, "{event:#}");
            assert!(event["unmapped"].to_string().contains("192.0.2.6"), "{event:#}");
        }
        // A line that was carried says what its writer means.
        let event = read(&json!({"log": said, "stream": "stdout", "time": "2026-03-01T10:00:00Z"}));
        assert_eq!(event["source.ip"], "192.0.2.6", "{event:#}");
    }

    #[test]
    fn what_shippers_carry_is_the_event() {
        for document in [
            json!({"log": trail(), "stream": "stdout", "time": "2026-03-01T10:00:00Z"}),
            json!({"log": trail(), "date": 1_772_359_200}),
            json!({"message": trail()}),
            json!({"message": trail(), "agent": {"type": "filebeat"}, "@timestamp": "2026-03-01T10:00:00Z"}),
            json!({"message": trail(), "@version": "1", "@timestamp": "2026-03-01T10:00:00Z"}),
            json!({"message": trail(), "id": "7", "timestamp": 1_772_359_200_000_i64}),
            json!({"event": trail(), "sourcetype": "aws:cloudtrail", "host": "hf1"}),
            json!({"CloudTrailEvent": trail(), "EventName": "CreateUser", "EventTime": 1_772_359_200}),
            json!({"level": "INFO", "message": trail(), "mrId": "a.log", "namespace": "n", "recordDate": "2026-03-01"}),
            json!({"Message": trail(), "TopicArn": "arn:x", "Timestamp": "2026-03-01T10:00:00Z"}),
        ] {
            let event = read(&document);
            assert_eq!(event["event.dataset"], "aws.cloudtrail", "{document}");
            assert_eq!(event["@timestamp"], "2020-01-01T00:00:00.000Z", "{document}");
            assert_eq!(event["source.ip"], "192.0.2.6", "{document}");
        }
    }

    #[test]
    fn what_stands_around_a_windows_event_is_kept() {
        let event = read(&json!({
            "@timestamp": "2026-03-01T10:00:00Z", "host": {"name": "collector"}, "agent": {"type": "filebeat"},
            "tags": ["dmz"], "message": logon()
        }));
        assert_eq!(event["event.dataset"], "windows.security");
        assert_eq!(event["host.name"], "dc1");
        assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.000Z");
        assert_eq!(event["agent.type"], "filebeat");
        assert_eq!(event["tags"], json!(["dmz"]));
        assert!(event.to_string().contains("collector"), "{event:#}");
    }
}
