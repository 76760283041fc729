use std::cell::RefCell;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::catalog::Catalog;
use crate::formats::decode::{DecodeOptions, Decoded};
use crate::frame::{FrameSpan, Framing, Source};

pub(super) fn block(lines: &[String]) -> FrameBlock {
    let mut block = FrameBlock {
        source: Arc::new(Source {
            path: "x".into(),
            // 2026-03-02.
            reference_time: 1_772_409_600_000_000,
            ..Source::default()
        }),
        place: 7,
        sequence: 0,
        framing: Framing::Lines,
        header: None,
        bytes: Vec::new(),
        frames: Vec::new(),
        rejects: Vec::new(),
    };
    for line in lines {
        let start = block.bytes.len();
        block.bytes.extend_from_slice(line.as_bytes());
        block.frames.push(FrameSpan {
            start,
            end: block.bytes.len(),
            offset: start as u64,
            truncated: false,
        });
        block.bytes.push(b'\n');
    }
    block
}

pub(super) fn options() -> DecodeOptions {
    DecodeOptions {
        ingest_time: Some(1),
        ..DecodeOptions::default()
    }
}

/// Two decoders of the same blocks, one of which knows nothing by rote.
pub(super) struct Both {
    pub(super) known: Decoder,
    pub(super) read: Decoder,
}

impl Both {
    pub(super) fn new() -> Self {
        let decoder = || Decoder::new(Catalog::builtin(), options());
        Both {
            known: decoder(),
            read: decoder().without_rote(),
        }
    }

    /// Holds both to the same columns.
    #[track_caller]
    pub(super) fn agree(&mut self, lines: &[String]) {
        let (known, read) = (self.known.decode(block(lines)), self.read.decode(block(lines)));
        assert_same(&known, &read, lines);
    }
}

#[track_caller]
pub(super) fn assert_same(known: &Decoded, read: &Decoded, lines: &[String]) {
    assert_eq!(known.counters, read.counters, "{lines:#?}");
    assert_eq!(known.batches.len(), read.batches.len(), "{lines:#?}");
    for (known, read) in known.batches.iter().zip(&read.batches) {
        assert_eq!(known.dataset.name, read.dataset.name, "{lines:#?}");
        let (known, read) = (&known.events, &read.events);
        assert_eq!(known.schema(), read.schema(), "{lines:#?}");
        for (index, field) in known.schema().fields().iter().enumerate() {
            let same = known.column(index) == read.column(index);
            assert!(
                same,
                "{}: {:?} and {:?} of {lines:#?}",
                field.name(),
                known.column(index),
                read.column(index)
            );
        }
    }
}

thread_local! {
    /// What they know and which columns they have stays from case to case, as it does from block to block.
    static BOTH: RefCell<Both> = RefCell::new(Both::new());
}

/// All forms with all that may vary around them.
fn keys() -> impl Iterator<Item = (Key, &'static str, &'static Template)> {
    (0..).zip(&TABLE.forms).flat_map(|(index, form)| {
        let Form {
            program, template, ..
        } = form;
        let bits = |number: u32| [number & 1 > 0, number & 2 > 0, number & 4 > 0];
        let heads = (0..8).map(bits).filter(|[_, pid, _]| !pid || *program != "%");
        heads.flat_map(move |[priority, pid, iso]| {
            (0..1 << template.compared()).map(move |same| {
                let key = Key {
                    template: index,
                    same,
                    form: head::Form { priority, pid, iso },
                };
                (key, *program, template)
            })
        })
    })
}

#[test]
fn every_form_is_learned_and_written() {
    let mut both = Both::new();
    let mut unknown = Vec::new();
    for (key, program, template) in keys() {
        let line = |sample: usize| {
            let message = template.sample(sample % 3, key.same);
            head::sample(key.form, program, &message, sample % 3)
        };
        let lines: Vec<String> = (0..FEW as usize + 3).map(line).collect();
        both.agree(&lines);
        let states = &both.known.rote().states;
        if !matches!(states[key.index()], State::Known(..)) {
            unknown.push(format!("{:?} {:?}", key.form, lines[0]));
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn samples_have_the_form_they_are_of() {
    for (key, program, template) in keys() {
        for sample in 0..slots::SAMPLES {
            let message = template.sample(sample, key.same);
            let line = head::sample(key.form, program, &message, sample);
            let context = FrameContext {
                reference_time: 1_772_409_600_000_000,
                ..crate::formats::testing::CONTEXT
            };
            let mut slots = Room::default();
            let front = head::front(line.as_bytes(), &mut slots).expect("a head");
            let around = (context.reference_time, context.timezone);
            let known = (&mut head::Stamps::default(), &mut Vec::new(), &mut Vec::new());
            let found = find(line.as_bytes(), &front, known, around, &mut slots);
            assert_eq!(found, Some(key), "{line}");
        }
    }
}

/// Texts that strangers might choose, beside those of the kind.
fn text(kind: slots::Kind, random: &mut Random) -> String {
    use slots::Kind;
    const USERS: &[&str] = &[
        "root",
        "from",
        "port",
        "for",
        "invalid",
        "user",
        "by",
        "uid",
        "sshd",
        "ssh2",
        "a",
        "x.y",
        "none",
        "NULL",
        "n.a",
        "preauth",
        "TCP",
        "ssh",
        "COMMAND",
        "USER",
        "TTY",
        "pam_unix",
        "unknown",
        "LOGIN",
        "Accepted",
        "-",
        "illegal",
        "ann-2",
        "_x",
        "LOCAL",
        "tcp",
        "error",
        "Nobody",
        "authenticating",
        "CORP\\ann",
        "a@b",
        "a b",
        "x(uid=0)",
        "é",
        "UNKNOWN",
        "id",
        "z.",
        "info.",
        "nil",
        "None",
        "0x1",
        "on",
        "localhost",
        "null",
        "(null)",
    ];
    const NAMES: &[&str] = &[
        "outside",
        "inside",
        "NP",
        "any",
        "from",
        "to",
        "TCP",
        "dst",
        "by",
        "LOCAL",
        "x-1",
        "A_b",
        "source",
        "dmz",
        "duration",
        "bytes",
        "faddr",
        "in",
        "-",
        "a.b",
        "a b",
        "identity",
        "NP Identity Ifc",
        "ICMP",
        "none",
        "null",
    ];
    const WORDS: &[&str] = &[
        "TCP FINs",
        "TCP Reset-O",
        "SYN Timeout",
        "Idle Timeout from inside",
        "Flow closed by inspection",
        "N/A",
        "User bob",
        "X (ann)",
        "A type 3 code 4",
        "None",
        "Unknown",
        "Deny",
        "A  b",
        "A b ",
        "TCP FINs.",
        "",
        "-",
        "Failover primary closed",
        "A from",
        "Tunnel has been torn down",
        "X duration 1",
        "Null",
        "B from b (x)",
    ];
    const COMMANDS: &[&str] = &[
        "/bin/ls",
        "/bin/sh -c x",
        "/x USER=root",
        "/x ; USER=root",
        "/a  b",
        "/a COMMAND x",
        "ls",
        "/a ",
        "/",
        "",
        "/a COMMAND=/b",
        "list",
        "/bin/su - root",
        "/x y : z",
        "/sbin/x -k -v /tmp",
        "/x TTY",
    ];
    const FOLDERS: &[&str] = &[
        "/",
        "/home/x",
        "/a b",
        "/a ; USER=x",
        "/.",
        "",
        "unknown",
        "/USER",
        "/x/y-z_0",
    ];
    let pick = |random: &mut Random, list: &[&str]| list[random.below(list.len() as u64) as usize].to_owned();
    let digits = |random: &mut Random| match random.below(12) {
        0 => "0".to_owned(),
        1 => "65535".to_owned(),
        2 => "65536".to_owned(),
        3 => "007".to_owned(),
        4 => "999999999999999999".to_owned(),
        5 => "1000000000000000000".to_owned(),
        6 => String::new(),
        _ => {
            let most = 10_u64.pow(1 + random.below(9) as u32);
            random.below(most).to_string()
        }
    };
    match kind {
        Kind::Level => random.below(9).to_string(),
        Kind::Number | Kind::Port if random.below(4) == 0 => digits(random),
        Kind::Number => random.below(99_999).to_string(),
        Kind::Port => random.below(65_536).to_string(),
        Kind::V4 => match random.below(12) {
            0 => "0.0.0.0".to_owned(),
            1 => "255.255.255.255".to_owned(),
            2 => "256.1.1.1".to_owned(),
            3 => "10.0.0.04".to_owned(),
            4 => "2001:db8::1".to_owned(),
            5 => "host1".to_owned(),
            _ => {
                let bytes = (random.below(1 << 32) as u32).to_be_bytes();
                std::net::Ipv4Addr::from(bytes).to_string()
            }
        },
        Kind::User => pick(random, USERS),
        Kind::Name => pick(random, NAMES),
        Kind::Clock => match random.below(6) {
            0 => "0:00:00".to_owned(),
            1 => "1:60:00".to_owned(),
            2 => "999999:59:59".to_owned(),
            3 => "00:01:02".to_owned(),
            _ => format!(
                "{}:{:02}:{:02}",
                random.below(99),
                random.below(60),
                random.below(60)
            ),
        },
        Kind::Hex => format!("0x{:x}", random.below(1 << 32)),
        Kind::Digest => match random.below(4) {
            0 => "SHA256:".to_owned(),
            1 => "SHA256:a,".to_owned(),
            _ => format!("SHA256:{:x}+/", random.below(1 << 60)),
        },
        Kind::Terminal => pick(
            random,
            &[
                "pts/0", "unknown", "tty", "none", "null", "console", "a-b", "/x", "", "-", "nil",
            ],
        ),
        Kind::Words => pick(random, WORDS),
        Kind::Command => pick(random, COMMANDS),
        Kind::Folder => pick(random, FOLDERS),
    }
}

/// A line that may be of a form.
pub(super) fn line(program: &str, template: &Template, random: &mut Random) -> String {
    const HOSTS: &[&str] = &[
        "web1",
        "fw-1",
        "user.info",
        "local7.notice",
        "auth.err",
        "a",
        "www.example.org",
        "est",
        "utc",
        "z",
        "cef",
        "kern.warn",
        "error",
        "last",
        "message",
        "10.0.0.1",
        "FW1",
        "fw_1",
        "x1.",
        "-",
        "cron.err",
        "asa",
        "sshd",
        "date",
        "type",
        "node",
        "a.b.c",
        "info",
        "daemon",
        "su",
        "repeated",
        "ftd",
        "leef",
        "id",
        "mark",
    ];
    const STAMPS: &[&str] = &[
        "Feb  3 04:05:06",
        "Feb 30 04:05:06",
        "Mar  3 24:00:00",
        "Dec 31 23:59:60",
        "Mar 03 01:02:03",
        "Jan 1 1:02:03",
        "Feb 29 00:00:00",
        "feb  3 04:05:06",
        "Mar  4 00:00:00",
        "Sep 15 12:00:00",
        "Abc 10 10:10:10",
        "2026-02-03T04:05:06Z",
        "2026-02-03T04:05:06.123456+00:00",
        "2026-02-03T04:05:06-08:00",
        "2026-02-03T04:05:60.5Z",
        "2026-02-03T24:00:00Z",
        "2026-02-30T04:05:06Z",
        "2026-02-03T04:05:06.1234567891Z",
        "2026-02-03T04:05:06",
        "2026-02-03T04:05:06+99:99",
        "2026-02-03 04:05:06Z",
        "0001-01-01T00:00:00Z",
    ];
    // Most parts are as they should be, or hardly a line would have a form.
    let odd = |list: &[&str], random: &mut Random| match random.below(3) {
        0 => list[random.below(list.len() as u64) as usize].to_owned(),
        _ => list[0].to_owned(),
    };
    let priority = match random.below(4) {
        0 => String::new(),
        _ => format!("<{}>", random.below(194)),
    };
    let (stamp, host) = (odd(STAMPS, random), odd(HOSTS, random));
    let same = random.below(1 << template.compared()) as u32;
    let message = template.made(same, |kind, slot| match random.below(3) {
        0 => text(kind, random),
        _ => kind.sample(slot, random.below(3) as usize),
    });
    let tag = match program {
        "%" => String::new(),
        program => {
            let pid = ["", "[77]", "[1234567]", "[0]", "[x]", "[]", "[9999999999]"];
            let gap = [" ", "  ", "", "   "];
            format!("{program}{}:{}", odd(&pid, random), odd(&gap, random))
        }
    };
    let end = ["", "", "", "", " ", ".", " x", "\r"][random.below(8) as usize];
    format!("{priority}{stamp} {host} {tag}{message}{end}")
}

/// Numbers that look like chance.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

proptest! {
    #[test]
    fn known_lines_as_read(seed in any::<u64>(), many in 1..40_usize) {
        let mut random = Random(seed);
        // A few forms, so that each comes often enough to be known.
        let forms: Vec<usize> = (0..3).map(|_| random.below(TABLE.forms.len() as u64) as usize).collect();
        let lines: Vec<String> = (0..many)
            .map(|_| {
                let Form { program, template, .. } = &TABLE.forms[forms[random.below(3) as usize]];
                line(program, template, &mut random)
            })
            .collect();
        BOTH.with_borrow_mut(|both| both.agree(&lines));
    }
}

#[test]
fn lines_of_the_catalog_as_read() {
    let mut both = Both::new();
    let catalog = Catalog::builtin();
    for dataset in catalog.datasets() {
        let lines: Vec<String> = dataset.tests.iter().map(|test| test.line.clone()).collect();
        if lines.is_empty() {
            continue;
        }
        for _ in 0..FEW + 2 {
            both.agree(&lines);
        }
    }
}

#[test]
fn columns_past_the_limit_are_read_the_long_way() {
    let decoder = |max_columns| {
        let options = DecodeOptions {
            max_columns,
            ..options()
        };
        Decoder::new(Catalog::builtin(), options)
    };
    let line =
        "<86>Feb  3 04:05:06 web1 sshd[7]: Failed password for ann from 192.0.2.1 port 22 ssh2".to_owned();
    let lines = vec![line; 4 * FEW as usize];
    for most in [0, 3, 12, 40] {
        let mut both = Both {
            known: decoder(most),
            read: decoder(most).without_rote(),
        };
        both.agree(&lines);
        both.agree(&lines);
    }
}

#[test]
fn what_somebody_says_is_asked_first() {
    let line =
        "<86>Feb  3 04:05:06 web1 sshd[7]: Failed password for ann from 192.0.2.1 port 22 ssh2".to_owned();
    let lines = vec![line; 2 * FEW as usize];
    let catalog = Catalog::builtin();
    let pinned = DecodeOptions {
        dataset: catalog.dataset("linux.syslog").cloned(),
        ..options()
    };
    let mut decoder = Decoder::new(catalog.clone(), pinned);
    let decoded = decoder.decode(block(&lines));
    assert_eq!(&*decoded.batches[0].dataset.name, "linux.syslog");
    assert!(decoder.rote().states.is_empty());
    let kept = DecodeOptions {
        keep_original: true,
        ..options()
    };
    let decoded = Decoder::new(catalog, kept).decode(block(&lines));
    let originals = decoded.batches[0].column("original").expect("it is kept");
    assert_eq!(originals.null_count(), 0);
}

/// All lines of the corpora that `BORZOI_CORPORA` names, if it does.
#[test]
fn lines_of_the_corpora_as_read() {
    let Some(folder) = std::env::var_os("BORZOI_CORPORA") else {
        eprintln!("skipped: BORZOI_CORPORA is not set");
        return;
    };
    let Ok(files) = std::fs::read_dir(std::path::Path::new(&folder).join("parsers")) else {
        eprintln!("skipped: no corpora");
        return;
    };
    let mut both = Both::new();
    for file in files.flatten() {
        let name = file.file_name();
        if !name.to_string_lossy().ends_with(".ndjson") {
            continue;
        }
        let cases = std::fs::read_to_string(file.path()).expect("a file of cases");
        let cases = cases
            .lines()
            .filter_map(|case| serde_json::from_str::<serde_json::Value>(case).ok());
        let raws: Vec<String> = cases
            .filter_map(|case| Some(case.get("raw")?.as_str()?.to_owned()))
            .collect();
        let lines: Vec<String> = raws
            .iter()
            .flat_map(|raw| raw.lines())
            // Others are none of the forms here.
            .filter(|line| {
                let is_of_pairs = pair_lines::fortigate(line.as_bytes()).is_some();
                is_of_pairs || head::front(line.as_bytes(), &mut Room::default()).is_some()
            })
            .map(str::to_owned)
            .collect();
        // Each line often enough that its form is known in the end.
        for lines in lines.chunks(100) {
            let often: Vec<String> = std::iter::repeat_n(lines, FEW as usize + 3)
                .flatten()
                .cloned()
                .collect();
            both.agree(&often);
        }
    }
}
