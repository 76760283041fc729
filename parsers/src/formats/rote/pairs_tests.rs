use std::cell::RefCell;

use proptest::prelude::*;

use super::pairs::FORMS;
use super::tests::{Both, Random};
use super::*;

thread_local! {
    /// What they know stays from case to case, as it does from block to block.
    static BOTH: RefCell<Both> = RefCell::new(Both::new());
}

const CEF: &str = "<134>Feb  3 04:05:06 gw1 CEF:0|Acme|Gate|4.2|100|Connection denied|5|rt=1772355600123 src=192.0.2.4 spt=4242 dst=198.51.100.9 dpt=443 proto=TCP act=deny dvchost=gw1 suser=ann.lee cs1Label=Rule cs1=rule-7 cn1Label=Count cn1=3 request=https://www.example.org/a/b?c=d&e=f in=10 out=20 msg=Connection refused by policy";
const FORTIGATE: &str = "<189>date=2026-03-01 time=10:00:00 devname=\"fw1\" devid=\"FG100F0\" eventtime=1772355600250000000 tz=\"+0100\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=192.0.2.4 srcport=5000 srcintf=\"lan\" dstip=198.51.100.9 dstport=443 proto=6 action=\"close\" policyid=7 service=\"HTTPS\" hostname=\"www.example.org\" url=\"https://www.example.org/a\" sentbyte=10 rcvdbyte=20 msg=\"URL belongs to an allowed category\"";

#[test]
fn forms_are_learned_and_written() {
    let mut both = Both::new();
    for line in [CEF, FORTIGATE] {
        let before = both.known.rote().pairs.known();
        let lines: Vec<String> = (0..2 * FEW)
            .map(|number| {
                let (port, tail) = (number.to_string(), format!(".{number}"));
                line.replace("4242", &port)
                    .replace("198.51.100.9", &format!("198.51.100{tail}"))
            })
            .collect();
        both.agree(&lines);
        both.agree(&lines);
        let after = both.known.rote().pairs.known();
        assert_eq!((after.0, after.1), (before.0 + 1, before.1 + 1), "{line}");
    }
}

#[test]
fn what_strangers_make_up_is_bounded() {
    let mut both = Both::new();
    for front in [
        "<134>Feb  3 04:05:06 gw1 CEF:0|Acme|Gate|4.2|100|x|5|src=192.0.2.4 ",
        "<189>date=2026-03-01 time=10:00:00 type=\"traffic\" subtype=\"forward\" ",
    ] {
        let lines: Vec<String> = (0..3000).map(|number| format!("{front}k{number}=1")).collect();
        both.agree(&lines);
    }
    assert!(both.known.rote().pairs.known().0 <= FORMS);
}

/// Values that readers may look at closely.
const VALUES: &[&str] = &[
    "",
    "-",
    "N/A",
    "none",
    "null",
    "(null)",
    "Null",
    "nil",
    "0",
    "7",
    "007",
    "-1",
    "+1",
    "65536",
    "1.5",
    "0x1f",
    "true",
    "192.0.2.4",
    "10.0.0.04",
    "256.1.1.1",
    "::1",
    "2001:db8::1",
    "192.0.2.1,192.0.2.2",
    "host1",
    "a.b.example",
    "one two",
    "one  two",
    " one",
    "one ",
    "x=y",
    "x =y",
    "x y=z",
    "a key=",
    "\"q\"",
    "'q'",
    "\"q",
    "a\"b",
    "a'b",
    "é",
    "a\\=b",
    "a\\b",
    "%41",
    "50 %ASA-1-2: x",
    "a@b",
    "ann@example.org",
    "Ann Lee@x",
    "TCP",
    "tcp",
    "6",
    "17/dns",
    "UDP/53",
    "https://www.example.org/a",
    "http://h/a?b",
    "https://h",
    "https://h/",
    "https://u@h:8443/a",
    "https://h/a#b",
    "https://h/a?",
    "/a/b",
    "/a?b=c",
    "/",
    "//x/y",
    "ftp://h/a",
    "https:///a",
    "https://[::1]/a",
    "HTTPS://h/a",
    "1772355600",
    "1772355600123",
    "1772355600123456",
    "1772355600250000000",
    "9999999999999999999",
    "0772355600123",
    "2026-03-01",
    "1999-01-01",
    "2026-02-30",
    "10:00:00",
    "25:00:00",
    "2026-03-01T10:00:00Z",
    "Mar 01 2026 10:00:00",
    "+0100",
    "traffic",
    "utm",
    "FPX1",
    "FG1",
    "https",
    "ssh(192.0.2.1)",
    "inbound",
    "1",
    "Rule",
    "Rule Name",
    "rule-7",
    "C:\\a\\b",
    "/usr/bin/x",
    "d41d8cd98f00b204e9800998ecf8427e",
    "[x]",
    "|",
    "a|b",
    "<b>",
    "{}",
    "success",
    "failed",
];

/// Values that most readers treat otherwise than their neighbours.
const TRICKY: &[&str] = &[
    "192.0.2.4",
    "::1",
    "007",
    "7",
    "-",
    "",
    "none",
    "a@b",
    "tcp",
    "FPX1",
    "x=y",
    "x y=z",
    " one",
    "one ",
    "\"q\"",
    "https://h/a?",
    "https://h/a?b=c",
    "https://h/a",
    "1772355600",
    "host1",
    "/a/b",
    "1.5",
    "1999-01-01",
    "https",
    "é",
    "a\\=b",
];

/// Values as products write them.
const USUAL: &[&str] = &[
    "host1",
    "7",
    "192.0.2.9",
    "one two",
    "rule-7",
    "https://www.example.org/a",
    "/a/b",
    "x",
    "443",
];

const CEF_KEYS: &[&str] = &[
    "src",
    "dst",
    "spt",
    "dpt",
    "proto",
    "act",
    "suser",
    "duser",
    "msg",
    "reason",
    "request",
    "rt",
    "start",
    "end",
    "cs1",
    "cs1Label",
    "cn1",
    "cn1Label",
    "cfp1",
    "dvc",
    "dvchost",
    "in",
    "out",
    "cnt",
    "outcome",
    "app",
    "fname",
    "filePath",
    "fileHash",
    "sproc",
    "deviceDirection",
    "externalId",
    "sourceAddress",
    "x.y",
    "_z",
    "host.name",
    "identHostName",
    "eventtime",
    "deviceCustomDate1",
    "flexDate1",
    "cat",
    "shost",
    "dtz",
    "@timestamp",
    "message",
    "event.code",
    "smac",
    "fsize",
];

const FORTIGATE_KEYS: &[&str] = &[
    "date",
    "time",
    "devname",
    "devid",
    "eventtime",
    "tz",
    "logid",
    "type",
    "subtype",
    "level",
    "vd",
    "srcip",
    "srcport",
    "dstip",
    "dstport",
    "proto",
    "action",
    "policyid",
    "service",
    "hostname",
    "url",
    "sentbyte",
    "msg",
    "reason",
    "user",
    "ui",
    "method",
    "policyname",
    "profile",
    "status",
    "log_id",
    "ipaddr",
    "attack",
    "duration",
    "app",
    "direction",
    "host.name",
    "qname",
    "a-b",
    "crscore",
    "itime",
    "filesize",
    "eventtype",
];

fn pick<'t>(random: &mut Random, list: &[&'t str]) -> &'t str {
    list[random.below(list.len() as u64) as usize]
}

/// Some lines with the same keys, most of whose values are of the same kind.
fn lines(random: &mut Random, many: usize) -> Vec<String> {
    let cef = random.below(2) == 0;
    let own: &[&str] = match cef {
        true => &["rt", "src", "dst", "act"],
        false => &[
            "date",
            "time",
            "devname",
            "devid",
            "eventtime",
            "tz",
            "logid",
            "type",
            "subtype",
            "srcip",
        ],
    };
    let (keys, front) = match cef {
        true => (
            CEF_KEYS,
            [
                "<134>Feb  3 04:05:06 gw1 CEF:0|Acme|Gate|4.2|100|Denied|5|",
                "<134>2026-02-03T04:05:06Z fw-2 CEF:0|Trend Micro|Deep|1||n||",
                "Feb  3 04:05:06 gw1 CEF:1|Acme||||x|High|",
                "<1>Feb  3 04:05:06 user.info CEF:0|Acme|G|1|2|3|4|",
            ],
        ),
        false => (FORTIGATE_KEYS, ["<189>", "<5>", "<192>", ""]),
    };
    let front = front[random.below(12).saturating_sub(8) as usize];
    let mut chosen: Vec<&str> = own.to_vec();
    for _ in 0..random.below(8) {
        chosen.push(pick(random, keys));
    }
    // Most lines have each key once.
    if random.below(4) > 0 {
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|key| seen.insert(*key));
    }
    let usual: Vec<&str> = chosen
        .iter()
        .map(|key| match *key {
            "rt" => "1772355600123",
            "src" | "srcip" => "192.0.2.4",
            "date" => "2026-03-01",
            "time" => "10:00:00",
            "eventtime" => "1772355600250000000",
            "type" => "traffic",
            "subtype" => "forward",
            _ if random.below(2) == 0 => pick(random, USUAL),
            _ => pick(random, VALUES),
        })
        .collect();
    let quotes: Vec<bool> = chosen.iter().map(|_| !cef && random.below(2) == 0).collect();
    let line = |random: &mut Random| {
        let mut line = front.to_owned();
        // Hardly any line with more that is odd would have a form.
        let (odd, gaps) = (
            random.below(2 * chosen.len() as u64) as usize,
            random.below(8) == 0,
        );
        for (at, key) in chosen.iter().enumerate() {
            let value = match random.below(2) {
                _ if at != odd => usual[at],
                0 => pick(random, VALUES),
                _ => pick(random, TRICKY),
            };
            let gap = match random.below(6) {
                _ if at == 0 => "",
                0 if gaps => "  ",
                1 if gaps => ",",
                _ => " ",
            };
            let quote = if quotes[at] { "\"" } else { "" };
            line.push_str(&format!("{gap}{key}={quote}{value}{quote}"));
        }
        line + [" ", " x", "\"", "", "", "", "", ""][random.below(20).min(7) as usize]
    };
    (0..many).map(|_| line(random)).collect()
}

proptest! {
    #[test]
    fn known_pairs_as_read(seed in any::<u64>(), many in 6..40_usize) {
        let mut random = Random(seed);
        let lines = lines(&mut random, many);
        BOTH.with_borrow_mut(|both| {
            // New forms are learned as long as there is room for them.
            if both.known.rote().pairs.known().0 > FORMS - 100 {
                *both = Both::new();
            }
            both.agree(&lines);
        });
    }
}
