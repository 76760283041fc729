use super::*;
use chrono_tz::UTC;

const REFERENCE: i64 = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z

fn header(line: &str) -> Header<'_> {
    Header::parse(line, REFERENCE, UTC).expect("a header")
}

type Parts<'a> = (
    Option<i64>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
);

#[test]
fn rfc3164_with_whatever_is_missing() {
    let cases: [(&str, Parts<'_>); 12] = [
        (
            "<34>Feb  3 04:05:06 web1 cron[7]: hi",
            (Some(34), Some("web1"), Some("cron"), Some("7"), "hi"),
        ),
        (
            "Feb  3 04:05:06 web1 cron[7]: hi",
            (None, Some("web1"), Some("cron"), Some("7"), "hi"),
        ),
        (
            "2026-02-03T04:05:06.1+01:00 web1 kernel: [1.2] x: y",
            (None, Some("web1"), Some("kernel"), None, "[1.2] x: y"),
        ),
        (
            "Feb 3 04:05:06 kernel: x",
            (None, None, Some("kernel"), None, "x"),
        ),
        (
            "<5>Feb 3 2026 04:05:06 fw : %ASA-5-1: x",
            (Some(5), Some("fw"), None, None, "%ASA-5-1: x"),
        ),
        (
            "<13>app[12]: started",
            (Some(13), None, Some("app"), Some("12"), "started"),
        ),
        (
            "<13>only text here",
            (Some(13), None, None, None, "only text here"),
        ),
        (
            "Feb 3 04:05:06 h sshd(pam_unix)[9]: m",
            (None, Some("h"), Some("sshd(pam_unix)"), Some("9"), "m"),
        ),
        (
            "Feb 3 04:05:06 h postfix/smtpd[9]: m",
            (None, Some("h"), Some("postfix/smtpd"), Some("9"), "m"),
        ),
        (
            "Feb 3 04:05:06 2001:db8::1 x: m",
            (None, Some("2001:db8::1"), Some("x"), None, "m"),
        ),
        (
            "Feb 3 04:05:06 h last message repeated 2 times",
            (None, Some("h"), None, None, "last message repeated 2 times"),
        ),
        (
            "71 <13>Feb 3 04:05:06 h t:",
            (Some(13), Some("h"), Some("t"), None, ""),
        ),
    ];
    for (line, wanted) in cases {
        let h = header(line);
        assert_eq!(
            (h.priority, h.host, h.tag, h.process_id, h.message),
            wanted,
            "{line}"
        );
    }
    assert_eq!(
        header("Feb 3 04:05:06 h /usr/sbin/cron[9]: m").program(),
        Some("cron")
    );
    assert_eq!(
        header("Feb 3 04:05:06 h sshd(pam_unix)[9]: m").program(),
        Some("sshd")
    );
    assert!(Header::parse("no stamp at all", 0, UTC).is_none());
    assert!(Header::parse("<192>Feb 3 04:05:06 h t: m", 0, UTC).is_none());
}

#[test]
fn a_zone_by_name_is_no_host() {
    let h = header("Feb 3 05:05:06 CET web1 sshd[9]: m");
    assert_eq!((h.host, h.tag, h.message), (Some("web1"), Some("sshd"), "m"));
    assert_eq!(h.time, header("Feb 3 04:05:06 web1 sshd[9]: m").time);
    // In front of a tag it is one.
    let h = header("Feb 3 04:05:06 MET sshd[9]: m");
    assert_eq!((h.host, h.tag), (Some("MET"), Some("sshd")));
}

#[test]
fn rfc5424_with_structured_data() {
    let h = header(
        "<165>1 2026-02-03T04:05:06.5Z web1 app 77 ID4 [a@1 x=\"1 \\\"2\\\" \\] \\n\" y=\"\"][b] \u{feff}the text",
    );
    assert_eq!(
        (h.version, h.host, h.tag, h.process_id, h.message_id),
        (Some(1), Some("web1"), Some("app"), Some("77"), Some("ID4"))
    );
    assert_eq!(
        h.structured,
        vec![
            ("a@1", "x", Cow::from("1 \"2\" ] \\n")),
            ("a@1", "y", Cow::from(""))
        ]
    );
    assert_eq!(h.message, "the text");
    let h = header("<165>1 - - - - - -");
    assert_eq!((h.time, h.host, h.tag, h.message), (None, None, None, ""));
    let damaged = header("<165>1 - h a - - [x y=\"unclosed");
    assert_eq!(damaged.message, "[x y=\"unclosed");
}

#[test]
fn only_syslog_looks_like_it() {
    for line in [
        "<13>Feb 3 04:05:06 h t: m",
        "Feb  3 04:05:06 h t[1]: m",
        "2026-02-03T04:05:06Z h t: m",
        "2026-02-03 04:05:06.123456-0700  h t[1]: m",
        "<1>1 - - - - - -",
    ] {
        assert!(looks_like(line), "{line}");
    }
    for line in [
        "",
        "{}",
        "2026-02-03 04:05:06 ERROR main: m",
        "2026-02-03 04:05:06 ERROR main[12]: m",
        "<xml>",
        "<13>",
        "GET / HTTP/1.1",
    ] {
        assert!(!looks_like(line), "{line}");
    }
}

use std::borrow::Cow;

use crate::batch::strings;
use crate::formats::testing;

fn events(line: &str) -> Vec<crate::batch::EventBatch> {
    let mut sink = testing::sink();
    let context = FrameContext {
        reference_time: REFERENCE,
        ..testing::CONTEXT
    };
    let header = header_of(line, REFERENCE, context.timezone).expect("syslog");
    decode(&header, line, &context, &mut sink).expect("syslog");
    sink.finish()
}

#[test]
fn programs_go_to_their_datasets() {
    for (program, dataset) in [
        ("sshd", "linux.sshd"),
        ("sudo", "linux.sudo"),
        ("su", "linux.auth"),
        ("CRON", "linux.cron"),
        ("useradd", "linux.users"),
        ("nginx", "linux.syslog"),
    ] {
        let batches = events(&format!("<86>Feb  3 04:05:06 web1 {program}[5]: some text"));
        assert_eq!(&*batches[0].dataset.name, dataset);
        let batch = &batches[0];
        let text = |name: &str| {
            strings(batch.column(name).expect(name))
                .expect("text")
                .get(0)
                .map(str::to_owned)
        };
        assert_eq!(text("host_name").as_deref(), Some("web1"));
        assert_eq!(text("message").as_deref(), Some("some text"));
        assert_eq!(text("process_name").as_deref(), Some(program));
        assert!(batch.column("process_pid").is_some());
        assert!(batch.column("log_syslog_priority").is_some());
        assert!(batch.column("unmapped").is_none());
    }
}

proptest::proptest! {
    #[test]
    fn no_line_panics(line in "(<[0-9]{1,4}>)?(1 )?\\PC{0,80}") {
        let _ = Header::parse(&line, REFERENCE, UTC);
        let _ = looks_like(&line);
    }

    #[test]
    fn no_near_line_panics(line in "(<34>)?(1 )?(Feb 29 04:05:06|2026-02-03T04:05:06Z|-)? ?[a-z\\[\\]:()\" =\\\\é-]{0,60}") {
        let _ = Header::parse(&line, REFERENCE, UTC);
        let _ = looks_like(&line);
    }
}

#[test]
fn lines_without_a_time_or_a_header() {
    let h = header("web1 sshd[77]: Invalid user x from 192.0.2.1 port 5");
    assert_eq!(
        (h.time, h.host, h.tag, h.process_id),
        (None, Some("web1"), Some("sshd"), Some("77"))
    );
    for (line, dataset) in [
        (
            "Accepted password for mara from 192.0.2.1 port 5 ssh2",
            "linux.sshd",
        ),
        (
            "pam_unix(sudo:session): session closed for user root",
            "linux.sudo",
        ),
    ] {
        assert!(looks_like(line), "{line}");
        assert_eq!(&*events(line)[0].dataset.name, dataset);
    }
    for line in ["Accepted the proposal from marketing", "error: x", "a b[c]: d"] {
        assert!(!looks_like(line), "{line}");
    }
}

#[test]
fn error_logs_come_by_syslog_too() {
    let batches = events(
        r#"<187>Feb  3 04:05:06 web1 nginx: 2026/02/03 04:05:06 [crit] 3#3: *9 no, client: 203.0.113.5, server: s"#,
    );
    assert_eq!(&*batches[0].dataset.name, "web.error");
    let text = |name: &str| {
        let column = batches[0].column(name).expect("set");
        strings(column).expect("text").get(0).map(str::to_owned)
    };
    assert_eq!(text("host_name").as_deref(), Some("web1"));
    assert_eq!(text("source_ip").as_deref(), Some("203.0.113.5"));
}

#[test]
fn headers_that_relays_and_devices_write() {
    let at = crate::value::parse_timestamp("2026-02-03T04:05:06Z");
    for (line, host, tag, message) in [
        // The zone written twice, a space behind the priority.
        (
            "<134> 2026-02-03T04:05:06+00:00Z fw1 app[7]: hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        (
            "<134>1 2026-02-03T04:05:06+00:00Z fw1 app: - - - hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        // Counts since the epoch.
        (
            "<134>1 1770091506000 fw1 app - - - hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        // Records that say themselves what they are, with and without a priority.
        (
            "<134>1 2026-02-03T04:05:06Z fw1 CEF:0|a|b|1|2|3|4|",
            Some("fw1"),
            None,
            "CEF:0|a|b|1|2|3|4|",
        ),
        (
            "Feb  3 04:05:06 fw1 CEF:0|a|b|1|2|3|4|",
            Some("fw1"),
            None,
            "CEF:0|a|b|1|2|3|4|",
        ),
        (
            "2026-02-03T05:05:06+01:00 fw1 1,2026/02/03 04:05:06,7,TRAFFIC",
            Some("fw1"),
            None,
            "1,2026/02/03 04:05:06,7,TRAFFIC",
        ),
        (
            "Feb  3 04:05:06 date=2026-02-03 time=04:05:06",
            None,
            None,
            "date=2026-02-03 time=04:05:06",
        ),
        // A relay's header in front of the device's.
        (
            "<13>Feb  3 09:09:09 relay Feb  3 04:05:06 fw1 app[7]: hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        (
            "<13>Feb  3 09:09:09 relay 192.0.2.1 2026-02-03T04:05:06Z fw1 app: hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        (
            "Feb  3 09:09:09 relay Feb  3 04:05:06 app[7]: hi",
            Some("relay"),
            Some("app"),
            "hi",
        ),
        // The priority in words.
        (
            "Feb  3 04:05:06 fw1 user.info app: hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
        (
            "Feb  3 04:05:06 kern.warn fw1 app: hi",
            Some("fw1"),
            Some("app"),
            "hi",
        ),
    ] {
        let h = header_of(line, REFERENCE, UTC).unwrap_or_else(|| panic!("no header: {line}"));
        assert_eq!(
            (h.time, h.host, h.tag, h.message),
            (at, host, tag, message),
            "{line}"
        );
    }
    let words = header("Feb  3 04:05:06 fw1 kern.warn kernel: x");
    assert_eq!(words.priority, Some(4));
}

#[test]
fn what_is_no_inner_header() {
    for (line, host, tag) in [
        // A program's message is no header, whatever it repeats.
        (
            "Feb  3 09:09:09 web1 app: Feb  3 04:05:06 evil sshd[7]: x",
            "web1",
            "app",
        ),
        (
            "Feb  3 09:09:09 web1 sshd[7]: 192.0.2.1 Feb  3 04:05:06 evil x: y",
            "web1",
            "sshd",
        ),
    ] {
        let h = header(line);
        assert_eq!((h.host, h.tag), (Some(host), Some(tag)), "{line}");
    }
    assert!(header_of("2026-02-03 04:05:06 CEF:0|a", REFERENCE, UTC).is_none());
    assert!(header_of("2026-02-03T04:05:06Z INFO 1,x", REFERENCE, UTC).is_none());
}
