//! The same Windows event in every shape that people have gives the same columns.

use borzoi_parsers::formats::DecodeOptions;
use borzoi_parsers::frame::FrameOptions;

use crate::support::{Event, decode, events, fixed};

const FLAT: &str = r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon",
"Hostname":"ws1.example.test","RecordNumber":77,"UtcTime":"2024-05-06 07:08:09.123","@timestamp":"2024-05-06T07:08:11.000Z",
"ProcessId":"4242","Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami /all","User":"EX\\ann"}"#;

const DUMP: &str = r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},
"EventID":1,"TimeCreated":{"#attributes":{"SystemTime":"2024-05-06T07:08:09.123Z"}},"EventRecordID":77,
"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1.example.test","Correlation":null},
"EventData":{"UtcTime":"2024-05-06 07:08:09.123","ProcessId":4242,"Image":"C:\\Windows\\System32\\whoami.exe",
"CommandLine":"whoami /all","User":"EX\\ann"}}}"##;

const SEPARATE: &str = r#"{"Event":{"Event_attributes":{"xmlns":"x"},"System":{"Provider_attributes":{"Name":"Microsoft-Windows-Sysmon"},
"EventID":1,"TimeCreated_attributes":{"SystemTime":"2024-05-06T07:08:09.123Z"},"EventRecordID":77,
"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1.example.test"},
"EventData":{"UtcTime":"2024-05-06 07:08:09.123","ProcessId":4242,"Image":"C:\\Windows\\System32\\whoami.exe",
"CommandLine":"whoami /all","User":"EX\\ann"}}}"#;

const AT_NAMES: &str = r##"{"Event":{"@xmlns":"x","System":{"Provider":{"@Name":"Microsoft-Windows-Sysmon"},
"EventID":{"#text":"1"},"TimeCreated":{"@SystemTime":"2024-05-06T07:08:09.123Z"},"EventRecordID":"77",
"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws1.example.test"},
"EventData":{"Data":[{"@Name":"UtcTime","#text":"2024-05-06 07:08:09.123"},{"@Name":"ProcessId","#text":"4242"},
{"@Name":"Image","#text":"C:\\Windows\\System32\\whoami.exe"},{"@Name":"CommandLine","#text":"whoami /all"},
{"@Name":"User","#text":"EX\\ann"}]}}}"##;

const WINLOGBEAT6: &str = r#"{"@timestamp":"2024-05-06T07:08:09.123Z","log_name":"Microsoft-Windows-Sysmon/Operational",
"source_name":"Microsoft-Windows-Sysmon","event_id":1,"record_number":"77","computer_name":"ws1.example.test",
"event_data":{"UtcTime":"2024-05-06 07:08:09.123","ProcessId":"4242","Image":"C:\\Windows\\System32\\whoami.exe",
"CommandLine":"whoami /all","User":"EX\\ann"}}"#;

const ECS: &str = r#"{"@timestamp":"2024-05-06T07:08:09.123Z","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational",
"provider_name":"Microsoft-Windows-Sysmon","event_id":"1","record_id":77,"computer_name":"ws1.example.test",
"event_data":{"UtcTime":"2024-05-06 07:08:09.123","User":"EX\\ann"}},
"process":{"pid":4242,"executable":"C:\\Windows\\System32\\whoami.exe","command_line":"whoami /all"}}"#;

const DOTTED: &str = r#"{"@timestamp":"2024-05-06T07:08:09.123Z","winlog.channel":"Microsoft-Windows-Sysmon/Operational",
"winlog.provider_name":"Microsoft-Windows-Sysmon","winlog.event_id":1,"winlog.record_id":"77",
"winlog.computer_name":"ws1.example.test","winlog.event_data.UtcTime":"2024-05-06 07:08:09.123",
"winlog.event_data.User":"EX\\ann","process.pid":4242,
"process.executable":"C:\\Windows\\System32\\whoami.exe","process.command_line":"whoami /all"}"#;

const XML: &str = r"<Event xmlns='x'><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>1</EventID>
<TimeCreated SystemTime='2024-05-06T07:08:09.1230000Z'/><EventRecordID>77</EventRecordID>
<Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>ws1.example.test</Computer></System>
<EventData><Data Name='UtcTime'>2024-05-06 07:08:09.123</Data><Data Name='ProcessId'>4242</Data>
<Data Name='Image'>C:\Windows\System32\whoami.exe</Data><Data Name='CommandLine'>whoami /all</Data>
<Data Name='User'>EX\ann</Data></EventData></Event>";

const POWERSHELL: &str = r#"{"Id":4688,"LogName":"Security","ProviderName":"Microsoft-Windows-Security-Auditing",
"MachineName":"ws1.example.test","RecordId":9,"ProcessId":4,"ThreadId":8,"UserId":null,"TimeCreated":"/Date(1700000000123)/",
"Message":"A process was made.","Properties":[{"Value":"S-1-5-18"},{"Value":7}]}"#;

#[test]
fn the_machine_and_powershells_host_program_are_two_things() {
    let event = events(
        br#"{"EventID":400,"Channel":"Windows PowerShell","SourceName":"PowerShell","Hostname":"ws1.example.test",
        "HostName":"ConsoleHost","EventTime":"2024-05-06T07:08:09Z"}"#,
    )
    .remove(0);
    assert_eq!(event["host.name"], "ws1.example.test");
    assert_eq!(event["winlog.event_data.HostName"], "ConsoleHost");
}

#[test]
fn powershells_event_objects_keep_the_writer_apart_from_the_event() {
    let event = events(POWERSHELL.as_bytes()).remove(0);
    assert_eq!(event["event.dataset"], "windows.security");
    assert_eq!(event["@timestamp"], "2023-11-14T22:13:20.123Z");
    assert_eq!(event["event.code"], "4688");
    assert_eq!(event["host.name"], "ws1.example.test");
    assert_eq!(event["winlog.process.pid"], 4);
    assert!(!event.contains_key("process.pid"));
    assert_eq!(
        event["winlog.event_data.Data"],
        serde_json::json!(["S-1-5-18", "7"])
    );
}

/// The event without what says where and when it was read.
fn content(mut event: Event) -> Event {
    for name in ["event.id", "log.offset", "event.created"] {
        event.remove(name);
    }
    event
}

#[test]
fn all_shapes_of_an_event_are_the_same_event() {
    let expected = content(events(FLAT.as_bytes()).remove(0));
    assert_eq!(expected["event.dataset"], "windows.sysmon");
    assert_eq!(expected["@timestamp"], "2024-05-06T07:08:09.123Z");
    assert_eq!(expected["process.command_line"], "whoami /all");
    assert_eq!(expected["process.pid"], 4242);
    assert_eq!(expected["event.code"], "1");
    assert_eq!(expected["host.name"], "ws1.example.test");
    for shape in [DUMP, SEPARATE, AT_NAMES, WINLOGBEAT6, ECS, DOTTED, XML] {
        assert_eq!(content(events(shape.as_bytes()).remove(0)), expected, "{shape}");
    }
}

#[test]
fn the_collectors_clock_is_kept_beside_the_events_own() {
    let event = events(FLAT.as_bytes()).remove(0);
    assert_eq!(event["event.created"], "2024-05-06T07:08:11.000Z");
    let local = br#"{"EventID":4624,"Channel":"security","EventTime":"2024-05-06 03:08:09","@timestamp":"2024-05-06T07:08:11Z"}"#;
    assert_eq!(events(local)[0]["@timestamp"], "2024-05-06T07:08:11.000Z");
    let options = DecodeOptions {
        timezone: Some(chrono_tz::America::New_York),
        ..fixed()
    };
    let (events, _) = decode(local, usize::MAX, FrameOptions::default(), options);
    assert_eq!(events[0]["@timestamp"], "2024-05-06T07:08:09.000Z");
}

#[test]
fn channels_are_compared_without_case() {
    let text = b"{\"EventID\":4624,\"Channel\":\"security\"}\n{\"EventID\":4624,\"Channel\":\"Security\"}\n";
    let datasets: Vec<_> = events(text)
        .iter()
        .map(|event| event["event.dataset"].clone())
        .collect();
    assert_eq!(datasets, ["windows.security", "windows.security"]);
}

#[test]
fn unnamed_data_is_a_list_and_user_data_is_flattened() {
    let text = r##"{"Event":{"System":{"EventID":1000,"Channel":"Application"},"EventData":{"Data":["a","b"]}}}
{"Event":{"System":{"EventID":1000,"Channel":"Application"},"EventData":{"Data":{"#text":["a","b"]}}}}
{"Event":{"System":{"EventID":1102,"Channel":"Security"},"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserName":"ann"}}}}"##;
    let events = events(text.as_bytes());
    let data = serde_json::json!(["a", "b"]);
    assert_eq!(events[0]["winlog.event_data.Data"], data);
    assert_eq!(events[1]["winlog.event_data.Data"], data);
    assert!(events[2].values().any(|value| value == "ann"));
}

#[test]
fn odd_json_keeps_its_values() {
    let text = r#"{"big":123456789012345678901234567890,"u":18446744073709551615,"dup":"a","dup":"b","dup":"c","a":{"b":[1,"x"],"c":[{"d":1}],"e":null},"lone":"\ud800"}"#;
    let event = events(text.as_bytes()).remove(0);
    assert_eq!(event["event.dataset"], "generic.json");
    assert_eq!(event["big"], "123456789012345678901234567890");
    assert_eq!(event["u"], "18446744073709551615");
    assert_eq!(event["dup"], "a");
    assert_eq!(event["unmapped"]["dup"], serde_json::json!(["b", "c"]));
    assert_eq!(event["unmapped"]["a.b"], serde_json::json!([1, "x"]));
    assert_eq!(event["unmapped"]["a.c"], serde_json::json!([{"d": 1}]));
    assert_eq!(event["lone"], "\u{fffd}");
    assert!(!event.contains_key("a.e"));
}

#[test]
fn invalid_utf8_is_kept_and_marked() {
    let event = events(b"{\"a\":\"x\xffy\"}").remove(0);
    assert_eq!(event["a"], "x\u{fffd}y");
    assert_eq!(event["error.type"], "invalid_utf8");
}

#[test]
fn noise_gives_rejects_and_no_events() {
    let noise: Vec<u8> = (0..20_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let (events, rejects) = decode(&noise, 1000, FrameOptions::default(), fixed());
    assert!(events.is_empty());
    assert!(
        rejects
            .iter()
            .all(|reject| reject.reason == "unknown_format" || reject.reason == "not_json")
    );
}

#[test]
fn batches_of_any_size_hold_the_same_events() {
    let text: String = (0..50)
        .map(|i| format!("{{\"n\":{i},\"k{}\":\"v\"}}\n", i % 7))
        .collect();
    let whole = events(text.as_bytes());
    for batch_rows in [1, 3, 1000] {
        let frames = FrameOptions {
            batch_rows,
            ..FrameOptions::default()
        };
        assert_eq!(decode(text.as_bytes(), 64, frames, fixed()).0, whole);
    }
}

#[test]
fn marks_inside_a_file_are_no_part_of_events() {
    let flat = FLAT.replace('\n', "");
    let events = events(
        format!("{flat}\n\u{feff}{flat}\r\n\u{feff}<34>1 2026-01-02T03:04:05Z h a - - - m").as_bytes(),
    );
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[0]["process.command_line"],
        events[1]["process.command_line"]
    );
    assert_eq!(events[2]["message"], "m");
}
