//! Zeek's JSON, one object a line.

use super::{Totals, dataset};
use crate::batch::BatchBuilder;
use crate::formats::json::{MAX_DEPTH, MAX_PATH, write_value};
use crate::formats::tape::Json;
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

/// Writes the event of one Zeek JSON object of the log `path` (see [`json_path`]) to `sink`; `frame` is the record.
///
/// # Errors
///
/// `no_dataset` if the catalog has none for Zeek.
pub(in crate::formats) fn decode_json(
    path: &str,
    json: Json<'_>,
    frame: &[u8],
    context: &FrameContext<'_>,
    sink: &mut EventSink,
) -> Result<(), Reject> {
    let dataset = dataset(path, context, sink)?;
    let builder = sink.begin(&dataset);
    let mut event = Event {
        builder,
        name: String::new(),
        time: None,
        totals: Totals::default(),
    };
    if json.get("_path").is_none() {
        event.builder.field("_path", Value::Str(path));
    }
    event.members(json, 0);
    event.totals.write(event.builder);
    let time = event.time;
    commit(builder, context, frame, 0, time);
    Ok(())
}

struct Event<'b> {
    builder: &'b mut BatchBuilder,
    /// Scratch: the dotted name of the field being written.
    name: String,
    time: Option<i64>,
    totals: Totals,
}

impl Event<'_> {
    fn members(&mut self, json: Json<'_>, depth: usize) {
        let length = self.name.len();
        for (key, value) in json.members() {
            if length > 0 {
                self.name.push('.');
            }
            self.name.push_str(key);
            // `{"id": {"orig_h": …}}` is `id.orig_h`.
            if value.is_object() && depth < MAX_DEPTH && self.name.len() <= MAX_PATH {
                self.members(value, depth + 1);
            } else {
                self.field(value);
            }
            self.name.truncate(length);
        }
    }

    fn field(&mut self, json: Json<'_>) {
        let name = self.name.as_str();
        let mut number = String::new();
        let Some(value) = json.scalar(&mut number) else {
            // An empty list says nothing.
            if json.is_object() || json.elements().next().is_some() {
                write_value(name, json, self.builder);
            }
            return;
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
