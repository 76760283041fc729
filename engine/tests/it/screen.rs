//! Scans that pass events over, with a lake and without, against scans that look at every one: the same alerts, the
//! same counts.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use borzoi_engine::alert::Alert;
use borzoi_engine::lake::{Lake, LakeWriter, WriterOptions};
use borzoi_engine::matcher::CompiledRules;
use borzoi_engine::scan::{Scan, ScanOptions, ScanSink, ScanSummary};
use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::formats::DecodeOptions;
use borzoi_parsers::frame::FrameOptions;
use borzoi_parsers::input::InputSet;
use borzoi_rules::ir::DetectionRule;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::matcher;

/// Wants every event, and keeps the alerts alone.
pub struct Everything(pub Vec<Alert>);

impl ScanSink for Everything {
    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        self.0.push(alert.clone());
        Ok(())
    }
}

pub fn scan(
    lines: &[String],
    rules: &Arc<CompiledRules>,
    lake: Option<&Path>,
    sink: &mut dyn ScanSink,
) -> ScanSummary {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    for line in lines {
        writeln!(file, "{line}").expect("writable");
    }
    let scan = Scan {
        catalog: Catalog::builtin(),
        options: ScanOptions {
            frame: FrameOptions {
                batch_rows: 7,
                ..FrameOptions::default()
            },
            decode: DecodeOptions {
                ingest_time: Some(7),
                ..DecodeOptions::default()
            },
            threads: NonZeroUsize::MIN,
            ..ScanOptions::default()
        },
        rules: Some(rules.clone()),
        lake: lake.map(|lake| {
            LakeWriter::new(
                Lake::create(lake).expect("a fresh folder"),
                WriterOptions::default(),
            )
        }),
        stop: Arc::new(AtomicBool::new(false)),
    };
    let path = file.path().to_string_lossy().into_owned();
    scan.run(&InputSet::expand(&[path]), sink).expect("nothing fails")
}

/// What all ways must agree on. The event itself is left out: how a column is spelled that the catalog does not
/// declare, and where `a` and `a.b` clash, depends on the other events of its batch.
fn seen(alerts: &[Alert], summary: &ScanSummary) -> (Vec<Json>, Json) {
    let alerts = alerts.iter().map(|alert| {
        json!([
            alert.rule.title,
            alert.time,
            alert.event_id,
            &*alert.dataset,
            alert.matched.len()
        ])
    });
    let counts = json!([
        summary
            .datasets
            .iter()
            .map(|(name, events)| json!([&**name, events]))
            .collect::<Vec<_>>(),
        format!("{:?} {:?}", summary.decode, summary.rejects),
    ]);
    (alerts.collect(), counts)
}

/// Scans all ways; says how many events were passed over.
pub fn all_agree(lines: &[String], rules: Vec<Arc<DetectionRule>>) -> Result<u64, TestCaseError> {
    let rules = Arc::new(CompiledRules::compile(rules, &Catalog::builtin()).0);
    let mut everything = Everything(Vec::new());
    let looked_at = scan(lines, &rules, None, &mut everything);
    prop_assert_eq!(looked_at.matching.passed, 0);
    let expected = seen(&everything.0, &looked_at);
    let mut alerts: Vec<Alert> = Vec::new();
    let screened = scan(lines, &rules, None, &mut alerts);
    prop_assert_eq!(&seen(&alerts, &screened), &expected, "{}", lines.join("\n"));
    // Events that are stored are decoded all the same.
    let lake = tempfile::tempdir().expect("a temporary folder");
    let mut alerts: Vec<Alert> = Vec::new();
    let stored = scan(lines, &rules, Some(lake.path()), &mut alerts);
    prop_assert_eq!(&seen(&alerts, &stored), &expected, "{}", lines.join("\n"));
    let rows = stored.decode.events + stored.alerts;
    prop_assert_eq!(stored.lake.rows_written + stored.lake.duplicates, rows);
    prop_assert_eq!(screened.matching.events, looked_at.matching.events);
    prop_assert_eq!(stored.matching.events, looked_at.matching.events);
    Ok(screened.matching.passed)
}

/// The event as a flat record of Sysmon, in one of the ways in which JSON can be written.
fn line(event: &Json, style: usize, channel: &str) -> String {
    let mut fields: Vec<(String, Json)> = vec![
        ("Channel".to_owned(), channel.into()),
        ("UtcTime".to_owned(), "2026-03-01 10:00:00.123".into()),
        ("@timestamp".to_owned(), "2026-03-01T10:00:00.123Z".into()),
    ];
    if style == 1 {
        fields[2].1 = "2026-03-01T11:00:00Z".into();
    }
    let event = event.as_object().expect("an object").iter();
    fields.extend(event.map(|(key, value)| (key.clone(), value.clone())));
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| {
            let mut value = value.to_string();
            if style == 2 {
                // Every letter that may be written as an escape is.
                value = value
                    .replace('k', "\\u006b")
                    .replace('S', "\\u0053")
                    .replace('/', "\\/");
            }
            format!("{}:{value}", Json::from(key.as_str()))
        })
        .collect();
    format!("{{{}}}", fields.join(if style == 3 { " , " } else { "," }))
}

proptest! {
    #![proptest_config(crate::effort(150))]

    #[test]
    fn nothing_is_passed_over_that_a_rule_matches(
        rules in prop::collection::vec(matcher::rule(), 1..6),
        events in prop::collection::vec((matcher::event(), 0..4_usize), 1..20),
    ) {
        let lines: Vec<String> = events
            .iter()
            // Twice: what was learned of the first half must not show in the second.
            .chain(&events)
            .enumerate()
            .map(|(number, (event, style))| {
                let channel = ["Microsoft-Windows-Sysmon/Operational", "Security", "System"][number % 13 / 11];
                line(event, *style, channel)
            })
            .collect();
        all_agree(&lines, rules)?;
    }
}

#[test]
fn what_was_learned_of_a_shape_holds_when_things_change() {
    let rules = rules(&[
        "title: two parts\nlogsource: {product: windows, category: process_creation}\ndetection: \
         {selection: {CommandLine|contains|all: ['alpha', 'omega']}, condition: selection}",
        "title: number\nlogsource: {product: windows, category: process_creation}\ndetection: \
         {selection: {ProcessId|gt: 4}, condition: selection}",
        "title: kinds\nlogsource: {product: windows}\ndetection: \
         {selection: {EventID: [1, 3, 12], Image|endswith: '\\evil.exe'}, condition: selection}",
    ]);
    let line = |id: u32, fields: &str| {
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.123","EventID":{id},{fields}}}"#
        )
    };
    let mut lines = Vec::new();
    // A key that turns out to feed the same column as another one, after both were known alone.
    for fields in [
        r#""CommandLine":"alpha""#,
        r#""commandline":"omega""#,
        r#""CommandLine":"alpha","commandline":"omega""#,
        r#""commandline":"alpha omega""#,
        r#""CommandLine":"a\\lpha omega alpha""#,
    ] {
        lines.extend([1, 1, 1].map(|id| line(id, fields)));
    }
    lines.extend(lines.clone());
    // Values that fit their column, or do not.
    for id in [
        "5",
        "\"5\"",
        "\"5x\"",
        "3",
        "\"x\"",
        "null",
        "5",
        "[5]",
        "\"\\u0035\"",
    ] {
        lines.extend([1, 1].map(|event| line(event, &format!(r#""ProcessId":{id},"Image":"a.exe""#))));
    }
    // More kinds of one shape than it remembers, there and back.
    for id in (1..30).chain(1..30) {
        lines.push(line(id, r#""Image":"C:\\evil.exe""#));
    }
    // A name that is too long to be remembered.
    let long = line(1, r#""Image":"C:\\evil.exe""#).replace("Operational", &"x".repeat(3000));
    lines.extend([long.clone(), long]);
    // More shapes than are remembered, and one of very many fields.
    for number in (0..700).chain(0..20) {
        lines.push(line(
            1,
            &format!(
                r#""Other{}":1,"Other{}":2,"Image":"\\evil.exe""#,
                number % 40,
                40 + number / 40
            ),
        ));
    }
    let many = (0..600).map(|number| format!(r#""Field{}":null,"#, number % 300));
    lines.extend([line(
        1,
        &format!(r#"{}"Image":"\\evil.exe""#, many.collect::<String>()),
    )]);
    let passed = all_agree(&lines, rules).expect("all ways agree");
    assert!(passed > 50, "{passed} passed over");
}

pub fn rules(texts: &[&str]) -> Vec<Arc<DetectionRule>> {
    let mut loader = borzoi_rules::Loader::new();
    for (number, text) in texts.iter().enumerate() {
        loader.add_text(format!("{number}.yml"), text);
    }
    let report = loader.finish();
    assert_eq!(report.detections.len(), texts.len());
    report.detections
}

#[test]
fn keywords_kinds_and_second_values_are_seen() {
    let rules = rules(&[
        "title: keyword\nlogsource: {product: windows}\ndetection: {keywords: ['*mimikatz*', '*C:\\Temp\\evil thing*'], \
         filter: {EventID: 15}, condition: keywords and not filter}",
        "title: without keyword\nlogsource: {product: windows, service: sysmon}\ndetection: {selection: {EventID: 5}, \
         keywords: ['*harmless*'], condition: selection and not keywords}",
        "title: two parts of two values\nlogsource: {product: windows, category: process_creation}\ndetection: \
         {selection: {CommandLine|contains|all: ['alpha', 'omega']}, condition: selection}",
        "title: same\nlogsource: {product: windows, category: process_creation}\ndetection: \
         {selection: {Image|fieldref: ParentImage}, condition: selection}",
        "title: absent\nlogsource: {product: windows, category: network_connection}\ndetection: \
         {selection: {User: null}, condition: selection}",
    ]);
    let mut lines = Vec::new();
    for (kind, fields) in [
        (1, r#""CommandLine":"plain","Image":"a","ParentImage":"b""#),
        (1, r#""CommandLine":"plain","Image":"a","ParentImage":"A""#),
        (1, r#""CommandLine":"alpha","commandline":"omega""#),
        (1, r#""CommandLine":["alpha","omega"]"#),
        (1, r#""CommandLine":"alpha","Note":"omega""#),
        (1, r#""CommandLine":"alpha","CommandLine":"omega""#),
        (1, r#""CommandLine":"omega","CommandLine":"alpha""#),
        (1, r#""User":"a","User":"b","User":"a""#),
        (1, r#""User":"a","User":"b","User":"b""#),
        (
            1,
            r#""ProcessId":"0xa","ProcessId":"0xb","ProcessId":7,"ProcessId":8"#,
        ),
        (1, r#" "User" : "a" , "Data" : ["x", null] "#),
        (1, r#""Note":"run MimiKatz now""#),
        (1, r#""Note":"run Mimi\u004batz now""#),
        (1, "\"Note\":\"run mimi\u{212a}atz now\""),
        (1, r#""Note":"run mimi katz now","ProcessId":"0x1f""#),
        (1, r#""Note":"in c:\\temp\\EVIL THING.exe""#),
        (15, r#""Note":"run mimikatz now""#),
        (5, r#""Note":"harmless""#),
        (5, r#""Note":"harm less""#),
        (3, r#""User":"u""#),
        (3, r#""User":"""#),
        (3, r#""User":null"#),
        (3, r#""Note":"n""#),
    ] {
        lines.push(format!(
            r#"{{"EventID":{kind},"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.123",{fields}}}"#
        ));
    }
    let passed = all_agree(&lines, rules).expect("they agree");
    assert!(
        (7..=14).contains(&passed),
        "{passed} of {} were passed over",
        lines.len()
    );
}

#[test]
fn long_texts_are_searched_line_by_line() {
    let rules = rules(&[
        "title: one\nlogsource: {product: windows}\ndetection: {selection: {ScriptBlockText|contains: 'Get-Keystrokes'}, \
         condition: selection}",
        "title: two lines\nlogsource: {product: windows}\ndetection: {selection: {ScriptBlockText|contains|all: \
         ['New-Object', 'iex', 'c:\\temp\\x']}, filter: {ScriptBlockText|contains: 'signed by us'}, \
         condition: selection and not filter}",
        "title: ends\nlogsource: {product: windows}\ndetection: {start: {ScriptBlockText|startswith: 'function'}, \
         end: {ScriptBlockText|endswith: '} # end'}, condition: start and end}",
        "title: case\nlogsource: {product: windows}\ndetection: {selection: {ScriptBlockText|contains|cased: 'IeX'}, \
         condition: selection}",
        "title: regex\nlogsource: {product: windows}\ndetection: {selection: {ScriptBlockText|re: \
         '(?s)-bxor.{1,400}FromBase64'}, condition: selection}",
        "title: foreign\nlogsource: {product: windows}\ndetection: {selection: {ScriptBlockText|contains: 'ÜBER'}, \
         condition: selection}",
        "title: across\nlogsource: {product: windows}\ndetection: {selection: {OtherText|contains: \"one\\ntwo\"}, \
         condition: selection}",
    ]);
    let words = [
        "function Invoke-It {",
        "  $x = New-Object Net.WebClient",
        "  IEX $x",
        "  iex 'dir C:\\Temp\\X'",
        "  get-keystrokes",
        "  # signed by us",
        "  $y = $z -bxor 7",
        "  [Convert]::FromBase64String($y)",
        "} # end",
        "über alles",
        "one",
        "two",
    ];
    // Every line that comes again is known; what the texts hold differs.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut lines = Vec::new();
    for number in 0..600 {
        let kinds = 1 + next(words.len());
        let mut text: Vec<String> = (0..25)
            .map(|_| "  Write-Host 'nothing to see in this line'".into())
            .collect();
        for _ in 0..next(6) {
            let at = next(text.len());
            text[at] = words[next(kinds)].to_owned();
        }
        text.push(format!("# {number}"));
        if next(3) == 0 {
            text.push("} # end".to_owned());
            text[0] = "function Invoke-It {".to_owned();
        }
        let text = text.join(["\n", "\r\n"][next(2)]);
        lines.push(
            serde_json::json!({
                "EventID": 4104,
                "Channel": "Microsoft-Windows-PowerShell/Operational",
                "EventTime": "2026-03-01T10:00:00.123Z",
                "ScriptBlockText": text,
                "OtherText": text,
            })
            .to_string(),
        );
    }
    let passed = all_agree(&lines, rules).expect("they agree");
    assert!((100..550).contains(&passed), "{passed} were passed over");
}
