//! Events as Wazuh's agents and modules ship them, by themselves or in the `data` of its alerts.
//!
//! - *Windows*: `{"win":{"system":{…},"eventdata":{…}}}`. Every name begins with a small letter, backslashes and quotes in
//!   texts are escaped once more than JSON asks for, and the message stands in quotation marks.
//! - *Integrations*: `{"integration":"github","github":{…}}`. The integration says what the record is where its own keys
//!   do not. `gcp` also comes without the word in front.
//!
//! Only Wazuh writes what stands around such a record; nothing in a record can make another one of it.

use std::borrow::Cow;

use super::event_time::iso_time;
use super::json::write_value;
use super::json_windows::{Origin, system_name};
use super::tape::Json;
use crate::batch::BatchBuilder;
use crate::value::Value;

/// An integration, the `source` that its record has (any: empty), and the dataset that this is.
const INTEGRATIONS: &[(&str, &str, &str)] = &[
    ("aws", "s3_server_access", "aws.s3access"),
    ("aws", "cloudtrail", "aws.cloudtrail"),
    ("aws", "guardduty", "aws.guardduty"),
    ("aws", "securityhub", "aws.securityhub"),
    ("aws", "waf", "aws.waf"),
    ("aws", "vpc", "aws.vpcflow"),
    ("docker", "", "docker.events"),
    ("gcp", "", "gcp.logging"),
    ("github", "", "github.audit"),
    ("ms-graph", "", "m365_defender.event"),
    ("office365", "", "o365.audit"),
];

/// A record in a document of Wazuh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'t> {
    pub(super) event: Json<'t>,
    /// The key that holds it, of the document.
    pub(super) key: &'static str,
    /// The dataset that the integration means.
    pub(super) dataset: &'static str,
}

/// The Windows event that `document` holds.
pub(super) fn windows(document: Json<'_>) -> Option<Json<'_>> {
    let win = document.get("win").or_else(|| document.at(&["data", "win"]))?;
    is_windows(win).then_some(win)
}

/// Whether the value of a member `win` is a Windows event.
pub(super) fn is_windows(win: Json<'_>) -> bool {
    win.get("system").is_some_and(Json::is_object)
}

/// The integration's record that `document` holds.
pub(super) fn record(document: Json<'_>) -> Option<Record<'_>> {
    let data = document.get("data").filter(|data| data.is_object());
    let holder = data.unwrap_or(document);
    let named = holder.get("integration").and_then(Json::text);
    let holds = |name: &str| match named {
        Some(integration) => integration == name,
        None => name == "gcp",
    };
    INTEGRATIONS.iter().find_map(|&(name, source, dataset)| {
        if !holds(name) {
            return None;
        }
        let event = holder.get(name).filter(|event| event.is_object())?;
        let said = event.get("source").and_then(Json::text).unwrap_or_default();
        let key = if data.is_some() { "data" } else { name };
        (source.is_empty() || source == said).then_some(Record {
            // Security Hub's is an event of its own below.
            event: event
                .get("finding")
                .filter(|finding| finding.is_object())
                .unwrap_or(event),
            key,
            dataset,
        })
    })
}

/// Where a Windows event comes from.
pub(super) fn origin(win: Json<'_>) -> Origin<'_> {
    let part = |name| win.at(&["system", name]).and_then(Json::text).unwrap_or_default();
    Origin {
        channel: part("channel"),
        provider: part("providerName"),
    }
}

/// Writes the Windows event `win` of `document`; its time comes back.
pub(super) fn write(
    document: Json<'_>,
    win: Json<'_>,
    builder: &mut BatchBuilder,
    path: &mut String,
) -> Option<i64> {
    let mut time = None;
    for (key, value) in win.get("system").into_iter().flat_map(Json::members) {
        match key {
            "systemTime" => time = value.text().and_then(iso_time).map(|(time, _)| time),
            "message" => {
                let text = value.text().unwrap_or_default();
                let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                builder.field("message", Value::Str(bare.unwrap_or(text)));
            }
            "providerName" => text("System_Provider_Name", value, builder),
            "providerGuid" => text("Provider_Guid", value, builder),
            "processID" => text("Execution_ProcessID", value, builder),
            "threadID" => text("Execution_ThreadID", value, builder),
            _ => {
                capital(key, path);
                text(system_name(path), value, builder);
            }
        }
    }
    for part in ["eventdata", "userdata"] {
        for (key, value) in win.get(part).into_iter().flat_map(Json::members) {
            capital(key, path);
            text(path, value, builder);
        }
    }
    // The manager's own words, behind what Windows said.
    for (key, value) in document.members() {
        if !matches!(key, "win" | "data") {
            path.clear();
            path.push_str(key);
            super::json::write_at(value, builder, path, 0);
        }
    }
    path.clear();
    time
}

/// `name` as Windows spells it.
fn capital(name: &str, path: &mut String) {
    path.clear();
    let mut letters = name.chars();
    path.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    path.push_str(letters.as_str());
}

fn text(name: &str, value: Json<'_>, builder: &mut BatchBuilder) {
    match value.text() {
        Some(text) => builder.field(name, Value::Str(&unescaped(text))),
        None => write_value(name, value, builder),
    }
}

/// Takes one level of escapes off.
fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.peek().copied().filter(|next| matches!(next, '\\' | '"'));
        match (letter, escaped) {
            ('\\', Some(escaped)) => {
                letters.next();
                plain.push(escaped);
            }
            _ => plain.push(letter),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::catalog::Catalog;
    use crate::formats::json::JsonDecoder;
    use crate::formats::testing::{CONTEXT, sink};
    use crate::output::{EventWriter, JsonStyle};

    fn read(document: &serde_json::Value) -> serde_json::Value {
        let mut sink = sink();
        JsonDecoder::new(&Catalog::builtin())
            .decode(document.to_string().as_bytes(), &CONTEXT, &mut sink)
            .expect("a document");
        let batch = sink.finish().remove(0);
        EventWriter::of(&batch, JsonStyle::Flat)
            .value(0)
            .expect("no broken JSON")
    }

    #[test]
    fn windows_events_have_the_names_and_texts_of_windows() {
        let win = json!({
            "system": {
                "providerName": "Microsoft-Windows-Sysmon", "eventID": "1", "channel": "Microsoft-Windows-Sysmon/Operational",
                "computer": "ws1.example", "systemTime": "2026-03-01T10:00:00.5Z", "processID": "77",
                "message": "\"Process Create\""
            },
            "eventdata": {"image": r"C:\\Windows\\cmd.exe", "commandLine": r#"cmd /c \"echo hi\""#, "oddName": "1"}
        });
        for document in [
            json!({"win": win}),
            json!({"data": {"win": win}, "rule": {"id": "92000"}}),
        ] {
            let event = read(&document);
            assert_eq!(event["event.dataset"], "windows.sysmon");
            assert_eq!(event["@timestamp"], "2026-03-01T10:00:00.500Z");
            assert_eq!(event["process.executable"], r"C:\Windows\cmd.exe");
            assert_eq!(event["process.command_line"], r#"cmd /c "echo hi""#);
            assert_eq!(event["winlog.event_data.OddName"], "1");
            assert_eq!(event["host.name"], "ws1.example");
            assert_eq!(event["message"], "Process Create");
        }
    }

    #[test]
    fn an_integration_says_what_its_record_is() {
        let event =
            read(&json!({"integration": "docker", "docker": {"Type": "container", "Action": "start"}}));
        assert_eq!(event["event.dataset"], "docker.events");
        assert_eq!(event["event.action"], "start");
        let event = read(
            &json!({"data": {"integration": "github", "github": {"actor": "ann", "action": "repo.create"}}}),
        );
        assert_eq!(event["event.dataset"], "github.audit");
        assert_eq!(event["user.name"], "ann");
        // One that is not named stays what it is.
        let event = read(&json!({"integration": "other", "github": {"actor": "ann"}}));
        assert_eq!(event["event.dataset"], "generic.json");
    }
}
