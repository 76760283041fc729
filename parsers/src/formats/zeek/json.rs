//! Zeek's JSON, one object a line.

use serde_json::Value as Json;

use super::{Totals, dataset};
use crate::batch::BatchBuilder;
use crate::formats::{EventSink, FrameContext, Reject, commit};
use crate::time;
use crate::value::{Value, parse_timestamp};

/// Fields of type `time`: numbers in them are seconds since the epoch.
const TIMES: [&str; 19] = [
    "ts",
    "_write_ts",
    "ts_last",
    "from",
    "till",
    "times.modified",
    "times.accessed",
    "times.created",
    "times.changed",
    "certificate.not_valid_before",
    "certificate.not_valid_after",
    "compile_ts",
    "ref_time",
    "org_time",
    "rec_time",
    "xmt_time",
    "revoketime",
    "thisUpdate",
    "nextUpdate",
];

/// Logs by fields that only they have: all of the first group, any of the second (if it has any).
const MARKS: [(&str, &[&str], &[&str]); 20] = [
    ("conn", &["uid"], &["conn_state", "orig_pkts", "missed_bytes"]),
    (
        "dns",
        &["uid", "trans_id"],
        &["query", "qtype", "rcode", "rejected"],
    ),
    ("dce_rpc", &["uid"], &["named_pipe"]),
    ("dce_rpc", &["uid", "endpoint", "operation"], &[]),
    ("ntlm", &["uid"], &["domainname", "server_nb_computer_name"]),
    (
        "kerberos",
        &["uid", "request_type"],
        &["service", "client", "cipher", "success"],
    ),
    (
        "ssh",
        &["uid"],
        &["auth_success", "auth_attempts", "kex_alg", "host_key_alg"],
    ),
    (
        "rdp",
        &["uid"],
        &["security_protocol", "client_channels", "rdfp_hash"],
    ),
    ("smb_mapping", &["uid"], &["share_type", "native_file_system"]),
    ("smb_files", &["uid", "action"], &["path", "name", "fuid"]),
    (
        "ssl",
        &["uid"],
        &["cipher", "ja3", "ja3s", "cert_chain_fuids", "established"],
    ),
    (
        "http",
        &["uid"],
        &["status_code", "request_body_len", "resp_mime_types", "user_agent"],
    ),
    ("notice", &["note"], &["actions", "msg", "suppress_for"]),
    (
        "x509",
        &[],
        &["certificate.serial", "certificate.subject", "certificate"],
    ),
    (
        "files",
        &["fuid"],
        &["seen_bytes", "tx_hosts", "is_orig", "mime_type"],
    ),
    ("weird", &["name", "peer", "notice"], &[]),
    ("smtp", &["uid"], &["mailfrom", "helo", "rcptto"]),
    ("ftp", &["uid", "command"], &["reply_code", "reply_msg"]),
    ("dhcp", &["mac"], &["uids", "lease_time", "msg_types"]),
    ("tunnel", &["uid", "tunnel_type"], &[]),
];

/// The Zeek log path of a JSON event with these top-level `keys`, and `path` in `_path` if it has that; `None`
/// if it is no Zeek event.
///
/// ```
/// use borzoi_parsers::formats::zeek::json_path;
/// assert_eq!(json_path(&["_path", "ts"], Some("dhcp")), Some("dhcp"));
/// assert_eq!(json_path(&["ts", "uid", "id.orig_h", "conn_state"], None), Some("conn"));
/// assert_eq!(json_path(&["ts", "uid", "id.orig_h", "id.resp_h"], None), Some("other"));
/// assert_eq!(json_path(&["ts", "level", "msg"], None), None);
/// ```
pub fn json_path<'k>(keys: &[&str], path: Option<&'k str>) -> Option<&'k str> {
    let has = |key: &str| keys.contains(&key);
    if path.is_some() {
        // `_path` alone is not much of a mark: other tools use it too.
        return path.filter(|_| has("ts") || has("_write_ts") || has("uid"));
    }
    if !has("ts") {
        return None;
    }
    let ids = has("id.orig_h") || has("id");
    let marked = MARKS.iter().find(|(name, all, any)| {
        let connected = ids || matches!(*name, "notice" | "x509" | "files" | "weird" | "dhcp");
        connected && all.iter().all(|key| has(key)) && (any.is_empty() || any.iter().any(|key| has(key)))
    });
    match marked {
        Some((name, _, _)) => Some(name),
        None => (has("uid") && has("id.orig_h") && has("id.resp_h")).then_some("other"),
    }
}

/// Writes the event of one Zeek JSON object of the log `path` (see [`json_path`]) to `sink`.
///
/// # Errors
///
/// `not_json` if the frame is no JSON object.
pub fn decode_json(
    path: &str,
    frame: &str,
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let parsed: Json =
        serde_json::from_str(frame).map_err(|error| Reject::new("not_json", error.to_string()))?;
    let Json::Object(members) = parsed else {
        return Err(Reject::new("not_json", "not a JSON object"));
    };
    let dataset = dataset(path, context, sink)?;
    let builder = sink.begin(&dataset);
    let mut event = Event {
        builder,
        time: None,
        totals: Totals::default(),
    };
    if !members.contains_key("_path") {
        event.builder.field("_path", Value::Str(path));
    }
    for (key, value) in &members {
        event.field(key, value);
    }
    event.totals.write(event.builder);
    let time = event.time;
    commit(builder, context, frame.as_bytes(), 0, time);
    Ok(())
}

struct Event<'b> {
    builder: &'b mut BatchBuilder,
    time: Option<i64>,
    totals: Totals,
}

impl Event<'_> {
    fn field(&mut self, name: &str, value: &Json) {
        let value = match value {
            Json::Null => return,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::String(text) => Value::Str(text),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => number.as_f64().map_or(Value::Null, Value::Float),
            },
            Json::Array(items) => {
                let scalars: Option<Vec<Value<'_>>> = items.iter().map(scalar).collect();
                match scalars {
                    Some(scalars) if scalars.is_empty() => return,
                    Some(scalars) => Value::List(scalars),
                    None => {
                        let text = serde_json::Value::Array(items.clone()).to_string();
                        return self.builder.field(name, Value::Json(&text));
                    }
                }
            }
            // `{"id": {"orig_h": …}}` is `id.orig_h`.
            Json::Object(members) => {
                for (key, value) in members {
                    self.field(&format!("{name}.{key}"), value);
                }
                return;
            }
        };
        self.totals.see(name, &value);
        if TIMES.contains(&name)
            && let Some(instant) = instant(&value)
        {
            if name == "ts" {
                self.time = Some(instant);
                return;
            }
            if let Some(text) = time::rfc3339(instant) {
                return self.builder.field(name, Value::Str(&text));
            }
        }
        self.builder.field(name, value);
    }
}

fn scalar(value: &Json) -> Option<Value<'_>> {
    match value {
        Json::Bool(flag) => Some(Value::Bool(*flag)),
        Json::String(text) => Some(Value::Str(text)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Int(whole)),
            None => number.as_f64().map(Value::Float),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Seconds since the epoch, or ISO text.
fn instant(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(seconds) => seconds.checked_mul(1_000_000),
        // Doubles hold microseconds exactly enough until the year 2255.
        Value::Float(seconds) if seconds.abs() < 9e9 => Some((seconds * 1e6).round() as i64),
        Value::Str(text) => parse_timestamp(text).or_else(|| time::epoch(text)),
        _ => None,
    }
}
