use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::*;
use crate::batch::{EventBatch, strings};
use crate::catalog::Catalog;
use crate::formats::tape::TapeParser;
use crate::formats::testing::{CONTEXT, sink};

fn decode_json(path: &str, frame: &str, sink: &mut EventSink) -> Result<(), Reject> {
    let raw = frame.as_bytes();
    TapeParser::new().parse(raw, |json| super::decode_json(path, json, raw, &CONTEXT, sink))?
}

fn header(lines: &[&str]) -> ZeekHeader {
    let mut header = ZeekHeader::default();
    for line in lines {
        header.push(line);
    }
    header
}

fn cell(batch: &EventBatch, sql: &str) -> Option<String> {
    let column = batch.column(sql)?;
    if let Some(text) = strings(column) {
        return text.get(0).map(str::to_owned);
    }
    if let Some(list) = column.as_list_opt::<i32>() {
        let items = list.value(0);
        return Some(
            items
                .as_string::<i32>()
                .iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("|"),
        );
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return numbers.is_valid(0).then(|| numbers.value(0).to_string());
    }
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        return numbers.is_valid(0).then(|| numbers.value(0).to_string());
    }
    if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return crate::time::rfc3339(times.value(0));
    }
    column.as_boolean_opt().map(|flags| flags.value(0).to_string())
}

#[track_caller]
fn check(batch: &EventBatch, wanted: &[(&str, &str)]) {
    for (sql, value) in wanted {
        assert_eq!(cell(batch, sql).as_deref(), Some(*value), "{sql}");
    }
    assert_eq!(cell(batch, "unmapped"), None);
}

#[test]
fn a_connection_in_tsv() {
    let header = header(&[
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\tconn_state\tlocal_orig\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents",
        "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tstring\tbool\tcount\tcount\tcount\tcount\tset[string]",
    ]);
    let mut sink = sink();
    let line = "1772355600.250000\tCabc\t10.0.0.5\t51000\t203.0.113.9\t443\ttcp\tssl\t0.25\tSF\tT\t3\t100\t4\t200\ta,b";
    decode_tsv(&header, line, &CONTEXT, &mut sink).expect("an event");
    let batch = sink.finish().remove(0);
    assert_eq!(&*batch.dataset.name, "zeek.conn");
    check(
        &batch,
        &[
            ("time", "2026-03-01T09:00:00.250000Z"),
            ("zeek_session_id", "Cabc"),
            ("source_ip", "10.0.0.5"),
            ("source_port", "51000"),
            ("destination_port", "443"),
            ("network_transport", "tcp"),
            ("network_protocol", "ssl"),
            ("zeek_connection_duration", "0.25"),
            ("zeek_connection_state", "SF"),
            ("zeek_connection_local_orig", "true"),
            ("source_packets", "3"),
            ("network_bytes", "300"),
            ("network_packets", "7"),
            ("zeek_connection_tunnel_parents", "a|b"),
        ],
    );
}

#[test]
fn odd_headers_and_lines() {
    let mut log = header(&[
        "#separator ,",
        "#set_separator,;",
        "#path,mylog",
        "#fields,ts,name,parts",
        "#types,time,string,set[string]",
    ]);
    let mut sink = sink();
    decode_tsv(&log, "1.5,a\\x2cb\\xc3\\xa9,x;y", &CONTEXT, &mut sink).expect("an event");
    let reasons: Vec<_> = ["1.5,a", "#close,now"]
        .iter()
        .map(|line| {
            decode_tsv(&log, line, &CONTEXT, &mut sink)
                .expect_err("no event")
                .reason
        })
        .collect();
    assert_eq!(reasons, ["zeek_columns", "zeek_header"]);
    let batch = sink.finish().remove(0);
    assert_eq!(&*batch.dataset.name, "zeek.other");
    assert_eq!(cell(&batch, "zeek_name").as_deref(), Some("a,bé"));
    // A list that the catalog does not declare has no column of its own.
    assert_eq!(
        cell(&batch, "unmapped").as_deref(),
        Some(r#"{"zeek.parts":["x","y"]}"#)
    );
    log.push("#separator \\x09");
    assert!(!log.is_complete());
    assert_eq!(
        decode_tsv(&log, "x", &CONTEXT, &mut super::tests::sink())
            .expect_err("no header")
            .reason,
        "zeek_no_header"
    );
}

#[test]
fn json_with_flat_and_nested_names() {
    for frame in [
        r#"{"_path":"dns","ts":1772355600.25,"uid":"C1","id.orig_h":"10.0.0.5","id.orig_p":5,"id.resp_h":"10.0.0.1","id.resp_p":53,"query":"a.example","qtype_name":"A","answers":["1.2.3.4","b"],"AA":false,"rtt":0.5,"addl":null}"#,
        r#"{"ts":"2026-03-01T09:00:00.250000Z","uid":"C1","id":{"orig_h":"10.0.0.5","orig_p":5,"resp_h":"10.0.0.1","resp_p":53},"trans_id":1,"query":"a.example","qtype_name":"A","answers":["1.2.3.4","b"],"AA":false,"rtt":0.5}"#,
    ] {
        let parsed: serde_json::Value = serde_json::from_str(frame).expect("JSON");
        let keys: Vec<&str> = parsed
            .as_object()
            .expect("object")
            .keys()
            .map(String::as_str)
            .collect();
        let path = json_path(&keys, parsed.get("_path").and_then(|p| p.as_str())).expect("Zeek");
        let mut sink = sink();
        decode_json(path, frame, &mut sink).expect("an event");
        let batch = sink.finish().remove(0);
        assert_eq!(&*batch.dataset.name, "zeek.dns");
        check(
            &batch,
            &[
                ("time", "2026-03-01T09:00:00.250000Z"),
                ("source_ip", "10.0.0.5"),
                ("destination_port", "53"),
                ("dns_question_name", "a.example"),
                ("dns_question_type", "A"),
                ("zeek_dns_answers", "1.2.3.4|b"),
                ("zeek_dns_aa", "false"),
                ("zeek_dns_rtt", "0.5"),
                ("zeek_path", "dns"),
            ],
        );
    }
    assert!(decode_json("dns", "{", &mut sink()).is_err());
}

#[test]
fn every_log_has_its_dataset() {
    let catalog = Catalog::builtin();
    for path in [
        "conn",
        "dns",
        "http",
        "ssl",
        "x509",
        "files",
        "notice",
        "kerberos",
        "ntlm",
        "smb_files",
        "smb_mapping",
        "rdp",
        "dce_rpc",
        "ssh",
        "weird",
    ] {
        let dataset = catalog.dataset_of_zeek_path(path).expect(path);
        assert_eq!(*dataset.name, *format!("zeek.{path}"));
    }
}

proptest! {
    #[test]
    fn no_header_and_line_panic(lines in prop::collection::vec("(#(separator |fields\t|types\t|path\t|set_separator\t|unset_field\t))?[a-z\\\\x0-9\t,é(){}\\[\\]-]{0,30}", 0..8), line in "\\PC{0,40}") {
        let mut header = ZeekHeader::default();
        for line in &lines {
            header.push(line);
        }
        let mut sink = sink();
        for line in lines.iter().chain([&line]) {
            let _ = decode_tsv(&header, line, &CONTEXT, &mut sink);
        }
        sink.finish();
    }

    #[test]
    fn no_json_panics(text in "\\PC{0,40}", number in any::<f64>(), key in prop::sample::select(vec!["ts", "id", "orig_ip_bytes", "_path", "x"])) {
        let frame = serde_json::json!({key: number, "a": {"b": [text, null]}, "ts": number}).to_string();
        let mut sink = sink();
        let _ = decode_json("conn", &frame, &mut sink);
        sink.finish();
    }
}
