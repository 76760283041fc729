//! What each fuzz target does with its bytes: a grammar is pinned, or the beginning of one of its records put in front, so
//! that mutations reach the grammar; then comes what holds for all bytes ([`check`]).
//!
//! Apart from the targets so that `tests/it/fuzz_corpus.rs` runs the same code over the corpus with every `cargo test`.
//!
//! The last byte of an input chooses how the rest is cut, the one before it what stands in front: a log file as it is (whose
//! last byte is a line feed) is a seed with nothing in front.

// Each target uses a part of it.
#![allow(dead_code)]

#[path = "check.rs"]
pub mod check;

use borzoi_parsers::catalog::Catalog;
use borzoi_parsers::check as line_tests;
use borzoi_parsers::formats::Format;
use check::{Cut, check, check_with, decoder};

/// One fuzz target.
struct Target {
    name: &'static str,
    format: Option<Format>,
    /// Beginnings of records. Fewer than ten, which is the number of a line feed.
    heads: &'static [&'static str],
}

const fn target(name: &'static str, format: Option<Format>, heads: &'static [&'static str]) -> Target {
    assert!(heads.len() < 10);
    Target { name, format, heads }
}

/// All targets that read records; `decode`, `evtx` and `catalog` do more with their bytes.
const TARGETS: &[Target] = &[
    target(
        "framing",
        None,
        &[
            "[{\"a\":",
            "{\"Records\":[{",
            "{\"a\":1}\x1e{",
            "27 <34>Oct 11 22:14:15 h a: x\n",
            "<34>Oct 11 22:14:15 h a: x\0<34>",
            "<?xml version='1.0'?>\n<Events><Event>",
            "03/12/2026 10:48:14 AM\nLogName=Security\n",
            "# Time: 2026-03-01T10:00:00Z\n# User@Host: a[a] @ h []\n",
            "2026-03-01 10:00:00,123 ERROR a.B - x\njava.lang.Error: x\n\tat a.B\n",
        ],
    ),
    target(
        "syslog_3164",
        Some(Format::Syslog),
        &[
            "<34>Oct 11 22:14:15 ",
            "<34>Oct 11 22:14:15 host prog[1]: ",
            "Mar  1 10:00:00 host sshd[1]: ",
            "Mar  1 10:00:00 host sudo: ",
            "<34>",
            "2026-03-01T10:00:00.5+01:00 host ",
            "<189>77: *Mar  1 10:00:00.123 UTC: ",
        ],
    ),
    target(
        "syslog_5424",
        Some(Format::Syslog),
        &[
            "<34>1 ",
            "<34>1 2026-03-01T10:00:00Z host app 1 ID ",
            "<34>1 2026-03-01T10:00:00Z host app 1 ID [",
            "<34>1 2026-03-01T10:00:00Z host app 1 ID [a@1 b=\"",
            "<34>1 2026-03-01T10:00:00Z host app 1 ID - \u{feff}",
        ],
    ),
    target(
        "cef",
        None,
        &[
            "CEF:0|",
            "CEF:0|Acme|Gate|1|100|name|5|",
            "<34>Mar  1 10:00:00 host CEF:0|Acme|Gate|1|100|name|5|",
            "CEF:0|Trend Micro|Deep Security Agent|1|100|name|5|cs1Label=a cs1=",
        ],
    ),
    target(
        "leef",
        None,
        &[
            "LEEF:1.0|Acme|Gate|1|login|",
            "LEEF:2.0|Acme|Gate|1|login|^|",
            "LEEF:2.0|Acme|Gate|1|login|0x09|",
            "<34>Mar  1 10:00:00 host LEEF:",
        ],
    ),
    target(
        "pairs",
        None,
        &[
            "time=\"2026-03-01T10:00:00Z\" level=info msg=",
            "date=2026-03-01 time=10:00:00 devname=\"f\" devid=\"FG1\" logid=\"0001\" type=\"traffic\" ",
            "id=firewall time=\"2026-03-01 10:00:00\" fw=192.0.2.1 pri=6 ",
            "device=\"SFW\" date=2026-03-01 time=10:00:00 ",
            "<34>Mar  1 10:00:00 host app: a=b ",
        ],
    ),
    target(
        "delimited",
        None,
        &[
            "<14>Mar  1 10:00:00 fw 1,2026/03/01 10:00:00,001,TRAFFIC,end,2561,",
            "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time c-ip cs-method\n",
            "time,src,dst,user,action\n",
            "time\tsrc\tdst\n",
            "2 123456789012 eni-1 192.0.2.1 192.0.2.2 ",
        ],
    ),
    target(
        "zeek",
        Some(Format::Zeek),
        &[
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\t",
            "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tservice\n#types\ttime\tstring\taddr\tset[string]\n",
            "#separator ",
        ],
    ),
    target(
        "xml",
        Some(Format::Xml),
        &[
            "<Event><System><Provider Name='a'/><EventID>1</EventID>",
            "<Event><System><EventID>1</EventID></System><EventData>",
            "<Event><System><EventID>1</EventID></System><EventData><Data Name='",
            "<Event><System><EventID>1</EventID></System><UserData><",
        ],
    ),
    target(
        "json",
        Some(Format::Json),
        &[
            "{\"EventID\":1,\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",",
            "{\"Event\":{\"System\":{\"EventID\":1,\"Channel\":\"Security\"},\"EventData\":{",
            "{\"winlog\":{\"channel\":\"Security\",\"event_id\":1,\"event_data\":{",
            "{\"eventVersion\":\"1.08\",\"eventSource\":\"iam.amazonaws.com\",",
            "{\"ts\":1.5,\"uid\":\"C1\",\"id.orig_h\":\"192.0.2.1\",",
            "{\"Records\":[{",
            "{\"message\":\"",
        ],
    ),
    target("netflow", Some(Format::Netflow), &[]),
    target(
        "auditd",
        Some(Format::Auditd),
        &[
            "type=SYSCALL msg=audit(1700000000.123:7): arch=c000003e syscall=59 ",
            "type=EXECVE msg=audit(1700000000.123:7): argc=3 a0=",
            "type=USER_LOGIN msg=audit(1700000000.123:7): pid=1 msg='",
            "type=PROCTITLE msg=audit(1700000000.123:7): proctitle=",
            "type=SOCKADDR msg=audit(1700000000.123:7): saddr=",
            "node=a type=AVC msg=audit(1700000000.123:7): avc:  denied  { ",
        ],
    ),
    target(
        "web",
        None,
        &[
            "192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] \"GET ",
            "2026/03/01 10:00:00 [error] 1#1: *7 ",
            "[Sun Mar 01 10:00:00.123456 2026] [core:error] [pid 1:tid 2] ",
            "1772366400.123    456 192.0.2.1 TCP_MISS/200 789 GET ",
        ],
    ),
    target(
        "vendor_network",
        None,
        &[
            "<166>Mar  1 10:00:00 fw %ASA-6-302013: ",
            "<189>77: Mar  1 10:00:00: %SEC-6-IPACCESSLOGP: ",
            "<34>Mar  1 10:00:00 host kernel: IN=eth0 OUT= ",
            "<34>Mar  1 10:00:00 host filterlog[1]: ",
            "<34>1 2026-03-01T10:00:00Z host RT_FLOW - RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.40 ",
        ],
    ),
    target(
        "vendor_mail_dns",
        None,
        &[
            "Mar  1 10:00:00 mx postfix/smtpd[1]: ",
            "2026-03-01 10:00:00 1abcde-000001-AB ",
            "Mar  1 10:00:00 mx dovecot: ",
            "Mar  1 10:00:00 ns named[1]: ",
            "Mar  1 10:00:00 ns dhcpd[1]: ",
            "Mar  1 10:00:00 ns slapd[1]: conn=1 op=2 ",
        ],
    ),
    target(
        "vendor_hosts",
        None,
        &[
            "<34>2026-03-01T10:00:00.123Z esx Hostd: ",
            "<34>1 2026-03-01T10:00:00Z vc vpxd 1 - - Event [1] ",
            "<34>Mar  1 10:00:00 host veeam: ",
        ],
    ),
    target(
        "vendor_apps",
        None,
        &[
            "2026-03-01 10:00:00.123 UTC [1] LOG:  ",
            "2026-03-01T10:00:00.123456Z 7 [Note] ",
            "# Time: 2026-03-01T10:00:00Z\n# User@Host: a[a] @ h [] Id: 7\n",
        ],
    ),
    target(
        "windows_text",
        None,
        &[
            "An account was successfully logged on.\n\nSubject:\n\tSecurity ID:\t\t",
            "<34>Mar  1 10:00:00 host MSWinEventLog\t1\tSecurity\t7\tSun Mar 01 10:00:00 2026\t4624\t",
            "03/12/2026 10:48:14 AM\nLogName=Security\nEventCode=4624\n",
        ],
    ),
];

/// Names of all targets.
pub fn names() -> impl Iterator<Item = &'static str> {
    let plain = TARGETS.iter().map(|target| target.name);
    plain.chain(["decode", "evtx", "catalog"])
}

/// The beginnings that targets put in front, and the format that each is read as.
pub fn heads() -> impl Iterator<Item = (Option<Format>, &'static str)> {
    let with_format = |target: &'static Target| target.heads.iter().map(|head| (target.format, *head));
    TARGETS.iter().flat_map(with_format)
}

/// Loads what every input needs, so that the first one is not charged for it.
pub fn warm(name: &str) {
    run(name, b"a line\n\n\n");
}

/// What the target `name` does with `data`.
pub fn run(name: &str, data: &[u8]) {
    match name {
        "decode" => return decode(data),
        "evtx" => return evtx(data),
        "catalog" => return catalog(data),
        _ => {}
    }
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("there is no target `{name}`"));
    let [bytes @ .., choice, piece] = data else {
        return;
    };
    let head = target
        .heads
        .get(usize::from(*choice))
        .copied()
        .unwrap_or_default();
    check(&[head.as_bytes(), bytes].concat(), target.format, cut(*piece));
}

fn cut(piece: u8) -> Cut {
    let piece = usize::from(piece);
    Cut {
        chunk: piece * piece / 4 + 1,
        rows: piece % 5 + 1,
        block: piece * 16 + 1,
        longest: if piece % 7 == 0 { 64 } else { 1 << 20 },
    }
}

/// Any bytes as any format, mostly as what they show themselves to be.
fn decode(data: &[u8]) {
    let [bytes @ .., choice, piece] = data else {
        return;
    };
    let format = Format::NAMES.get(usize::from(*choice)).map(|(_, format)| *format);
    check(bytes, format, cut(*piece));
}

/// A file of one chunk whose records hold the pieces between [`RECORD_MAGIC`]: lengths and numbers of records are right,
/// which no mutation would get right.
fn evtx(data: &[u8]) {
    const FILE_HEADER: usize = 4096;
    const CHUNK: usize = 64 << 10;
    const CHUNK_HEADER: usize = 512;
    const RECORD_MAGIC: &[u8] = b"\x2a\x2a\0\0";
    let Some((&piece, mut rest)) = data.split_last() else {
        return;
    };
    let mut records = vec![0; CHUNK_HEADER];
    let (mut number, mut last_at) = (0u64, CHUNK_HEADER);
    while !rest.is_empty() {
        let end = rest.windows(4).position(|window| window == RECORD_MAGIC);
        let content = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 4..]);
        number += 1;
        last_at = records.len();
        let length = (content.len() as u32 + 28).to_le_bytes();
        records.extend_from_slice(RECORD_MAGIC);
        records.extend_from_slice(&length);
        records.extend_from_slice(&number.to_le_bytes());
        records.extend_from_slice(&133_000_000_000_000_000u64.to_le_bytes());
        records.extend_from_slice(content);
        records.extend_from_slice(&length);
    }
    let end = records.len().min(CHUNK) as u32;
    records[..8].copy_from_slice(b"ElfChnk\0");
    records[24..32].copy_from_slice(&1u64.to_le_bytes());
    records[32..40].copy_from_slice(&number.to_le_bytes());
    records[40..44].copy_from_slice(&128u32.to_le_bytes());
    records[44..48].copy_from_slice(&(last_at as u32).to_le_bytes());
    records[48..52].copy_from_slice(&end.to_le_bytes());
    records.resize(CHUNK, 0);
    let mut file = b"ElfFile\0".to_vec();
    file.resize(FILE_HEADER, 0);
    file.extend_from_slice(&records);
    let cut = Cut {
        // A byte at a time through so long a file would take all the time there is.
        chunk: usize::from(piece) * 256 + 1000,
        ..cut(piece)
    };
    check(&file, Some(Format::Evtx), cut);
}

/// A catalog file of somebody, up to the first zero byte, and lines for it. It is used or refused; if it is used, its own
/// tests and the lines are read with it.
fn catalog(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (file, lines) = text.split_once('\0').unwrap_or((text, "a line\n"));
    let Ok(catalog) = Catalog::of_file("fuzz.yaml", file) else {
        return;
    };
    // Whether they hold is the author's affair.
    drop(line_tests::run(&catalog, None));
    check_with(
        &mut decoder(catalog, None),
        lines.as_bytes(),
        None,
        cut(lines.len() as u8),
    );
}
